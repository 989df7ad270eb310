"""A whole lesson as one page: the hierarchy, the commands, what was verified, the handshake.

The page is one file and names no outside address; there is no private key and no secret in it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from mtls_openssl.audit import Checked
from mtls_openssl.configuration import Configuration
from mtls_openssl.glossary import Explanation
from mtls_openssl.handshake import Proof
from mtls_openssl.lesson import Lesson, Page
from mtls_openssl.messages import TWELVE
from mtls_openssl.plan import Plan
from mtls_openssl.render import lesson as terminal
from mtls_openssl.render import markdown, picture, proof, sequence
from mtls_openssl.render.script import command
from mtls_openssl.render.text import plural, visible

TEMPLATE = resources.files("mtls_openssl") / "templates" / "guide.html"


@dataclass(frozen=True)
class Guide:
    """All that a guide tells."""

    plan: Plan
    lesson: Lesson
    verified: Checked
    """What was found of the files; empty where there are none."""
    proof: Proof | None = None
    configurations: Sequence[Configuration] = ()
    """What to paste into servers and clients."""


def html(guide: Guide) -> str:
    """Give the page."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["prose"] = _prose
    return environment.from_string(TEMPLATE.read_text("utf-8")).render(
        lesson=guide.lesson,
        hierarchy=Markup(picture.hierarchy(guide.plan)),  # noqa: S704  its texts are escaped there
        pages=[_page(number, page) for number, page in enumerate(guide.lesson.pages)],
        verified=list(_verified(guide.verified)),
        configurations=guide.configurations,
        handshake=_handshake(guide.proof),
    )


def text(guide: Guide) -> str:
    """Give the guide as Markdown: the lesson, what was verified, the handshake's cases."""
    lines = [markdown.lesson(guide.lesson), "## What was verified", ""]
    for row in _verified(guide.verified):
        found = "; ".join(row["wrong"]) or f"ok, {', '.join(row['names'])}"
        lines.append(f"- {markdown.code(row['path'])}: {markdown.plain(found)}")
    if not guide.verified:
        lines.append("Nothing yet: there is no folder with these files.")
    lines += ["", "## The configuration", ""]
    for one in guide.configurations:
        lines += [f"### {one.entity}, for {one.target}", "", "```", one.text.rstrip(), "```", ""]
    told = _handshake(guide.proof)
    lines += ["", "## The handshake", "", markdown.plain(told["caption"]), ""]
    for row in told["rows"]:
        arrow = "client → server" if row.sender == "client" else "server → client"
        lines.append(f"{row.number}. {arrow}: {row.name}, {markdown.plain(row.meaning)}")
    for case in told["cases"]:
        ruling = f"{case['outcome']} by the {case['by']}: {case['verdict']}"
        lines += [
            "",
            f"**{case['case']}**: {markdown.plain(case['about'])} {markdown.plain(ruling)}",
        ]
    return visible("\n".join(lines)) + "\n"


def _shown(value: Any) -> Any:
    """Show control characters of what is printed, but for what is a picture."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _prose(text: str) -> Markup:
    """Keep an option's name on one line: a browser would break it behind its hyphen."""
    parts = re.split(r"(?<!\S)(-\w[\w-]*)", visible(text))
    return Markup("").join(
        Markup("<span>{}</span>").format(part) if number % 2 else part
        for number, part in enumerate(parts)
    )


def _page(number: int, page: Page) -> dict[str, Any]:
    step = page.step
    return {
        "anchor": f"step-{number + 1}",
        "number": step.number,
        "heading": terminal.heading(page),
        "explain": step.explain,
        "errata": list(terminal.errata(page)),
        "files": step.files,
        "commands": [_command(item) for item in page.commands],
        "asks": terminal.asks(page) if step.answers else "",
        "made": page.made,
        "looks": [terminal.line(look) for look in page.looks],
    }


def _command(item: Explanation) -> dict[str, Any]:
    words = [(" ".join(word.text), terminal.told(word)) for word in item.words]
    head = (" ".join(item.head), item.command.summary)
    return {"line": command(item.argv), "words": [head, *words]}


def _verified(checked: Checked) -> Iterator[dict[str, Any]]:
    """Give a row for each file: the checks that held, or what did not."""
    for _, verdicts in checked:
        for path in dict.fromkeys(verdict.path for verdict in verdicts):
            own = [verdict for verdict in verdicts if verdict.path == path]
            yield {
                "path": path,
                "names": list(dict.fromkeys(verdict.name for verdict in own)),
                "wrong": [f"{v.name}: {v.detail}" for v in own if not v.ok],
            }


def _handshake(found: Proof | None) -> dict[str, Any]:
    """Tell of the live handshake, or of the tutorial's twelve messages."""
    if found is None:
        rows: Sequence[sequence.Row] = sequence.rows(TWELVE)
        caption = f"Not shown live: not all files are there and right. As of {proof.TUTORIAL}:"
        drawn, cases = picture.sequence(rows, "client", "server"), []
    else:
        rows = sequence.rows(found.results[0].messages)
        caption = (
            f"{found.client} meets {found.server}, by {found.openssl}, TLS {found.tls}:"
            f" {plural(len(rows), 'message')}. A thick arrow is encrypted."
        )
        drawn, cases = picture.sequence(rows, found.client, found.server), proof.records(found)
    safe = Markup(drawn)  # noqa: S704  its texts are escaped there
    return {"caption": caption, "picture": safe, "rows": rows, "cases": cases}
