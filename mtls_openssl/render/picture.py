"""Pictures as SVG 1.1, for a page: the hierarchy of a plan, and the messages of a handshake.

Their colours are those of the page (classes, and `currentColor`), so that they fit light, dark and
paper.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from mtls_openssl.member import Member
from mtls_openssl.plan import Plan
from mtls_openssl.render.sequence import Row
from mtls_openssl.render.text import visible

ROW = 44
"""Points from one entity, or message, to the next."""
BOX = 30
INDENT = 36
WIDE = 440
CHARACTER = 7.6
"""Points of a letter, more or less, to see how much of a name has room."""
MOST_LEAVES = 8
"""Servers, or clients, of one authority that are drawn; more are counted."""
ROLES = {
    "root": "root authority",
    "issuing": "issuing authority",
    "existing": "authority made elsewhere",
}


@dataclass(frozen=True)
class Box:
    """One entity in the picture."""

    name: str
    role: str
    section: str
    depth: int
    parent: int | None
    """The row of its issuer."""


def hierarchy(plan: Plan) -> str:
    """Draw every entity under its issuer, as SVG."""
    boxes = _boxes(plan)
    height = len(boxes) * ROW
    parts = [_open(WIDE, height, "Who signs whom")]
    for row, box in enumerate(boxes):
        if box.parent is not None:
            parts.append(_line(box, row))
        parts += _box(box, row)
    return "\n".join([*parts, "</svg>"])


def _boxes(plan: Plan) -> list[Box]:
    boxes: list[Box] = []
    below: dict[str, list[Member]] = {}
    for member in plan.members:
        below.setdefault(member.issuer.name if member.issuer else "", []).append(member)

    def draw(members: Sequence[Member], depth: int, parent: int | None) -> None:
        counts: dict[str, int] = {}
        for member in members:
            section = member.entity.section
            counts[section] = counts.get(section, 0) + 1
            if section in ROLES or counts[section] <= MOST_LEAVES:
                role = ROLES.get(section, section)
                boxes.append(Box(visible(member.name), role, section, depth, parent))
                draw(below.get(member.name, ()), depth + 1, len(boxes) - 1)
        for leaves, count in counts.items():
            if leaves not in ROLES and count > MOST_LEAVES:
                more = f"and {count - MOST_LEAVES} more {leaves}s"
                boxes.append(
                    Box(
                        more.removesuffix("s") if count == MOST_LEAVES + 1 else more,
                        "",
                        leaves,
                        depth,
                        parent,
                    )
                )

    draw(below.get("", ()), 0, None)
    return boxes


def _line(box: Box, row: int) -> str:
    assert box.parent is not None
    left = (box.depth - 1) * INDENT + INDENT / 2
    top, bottom = box.parent * ROW + BOX, row * ROW + BOX / 2
    return f'<path class="line" d="M{left:g} {top}V{bottom:g}H{box.depth * INDENT}"/>'


def _box(box: Box, row: int) -> Iterator[str]:
    left, top = box.depth * INDENT, row * ROW
    room = WIDE - left - 2
    name = _cut(box.name, int((room - 24) / CHARACTER) - len(box.role) - 2)
    role = f'<tspan class="role" dx="8">{escape(box.role)}</tspan>' if box.role else ""
    kind = "authority" if box.section in ROLES else box.section
    yield (
        f'<rect class="{escape(kind)}" x="{left + 1}" y="{top + 1}" width="{room}"'
        f' height="{BOX - 2}" rx="4"/>'
    )
    yield f'<text x="{left + 12}" y="{top + 20}">{escape(name)}{role}</text>'


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def sequence(drawn: Sequence[Row], client: str, server: str) -> str:
    """Draw a handshake, client left, server right, each message an arrow, as SVG."""
    step, left, right = 34, 36, WIDE - 36
    height = (len(drawn) + 2) * step
    parts = [
        _open(WIDE, height, "The messages of the handshake"),
        f'<text class="side" x="4" y="16">{escape(_cut(visible(client), 30))}</text>',
        f'<text class="side end" x="{WIDE - 4}" y="16">{escape(_cut(visible(server), 30))}</text>',
    ]
    parts += [f'<path class="line" d="M{x} 24V{height - 8}"/>' for x in (left, right)]
    for number, row in enumerate(drawn):
        parts += _arrow(row, (number + 1) * step + 20, left, right)
    return "\n".join([*parts, "</svg>"])


def _arrow(row: Row, y: int, left: int, right: int) -> Iterator[str]:
    tail, head = (left, right) if row.sender == "client" else (right, left)
    way = 1 if head > tail else -1
    style = f"{row.sender}{' hidden' if row.encrypted else ''}"
    yield f'<path class="arrow {style}" d="M{tail} {y}H{head - way * 8}"/>'
    yield (
        f'<path class="head {row.sender}" d="M{head - way} {y}l{-way * 9} -4v8z"/>'
        f'<text class="number" x="{left - 16}" y="{y + 4}">{row.number}</text>'
    )
    meaning = f'<tspan class="role" dx="8">{escape(row.meaning)}</tspan>' if row.meaning else ""
    yield f'<text x="{left + 14}" y="{y - 6}">{escape(visible(row.name))}{meaning}</text>'


def _open(width: int, height: int, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
        f"<title>{escape(title)}</title>"
    )
