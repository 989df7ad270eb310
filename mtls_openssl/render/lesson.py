"""A lesson for a terminal, and for a program."""

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from mtls_openssl.glossary import Explanation, Word
from mtls_openssl.lesson import Lesson, Page
from mtls_openssl.render import envelope
from mtls_openssl.render.script import command, wanted
from mtls_openssl.render.text import plural, visible

MARGIN = 4
"""Spaces before all that stands under a heading."""
WIDEST = 26
"""Characters of an option that its sentence stands beside; behind a longer one, below."""
MOST_NAMES = 5
"""Entities alike that are named; more are counted."""


def lesson(item: Lesson, width: int) -> str:
    """Give the whole lesson, its prose no wider than `width` characters."""
    head = [*_wrapped(f"{item.title} ({item.workflow}), for {item.version}", 0, width)]
    parts = [head, _wrapped(item.source, 0, width), *(page(p, width) for p in item.pages)]
    return visible("\n".join(line for part in parts for line in (*part, "")))


def page(item: Page, width: int) -> list[str]:
    """Give the lines of one step."""
    step = item.step
    lines = [f"{step.number} {heading(item)}", *_wrapped(step.explain, MARGIN, width)]
    for text in errata(item):
        lines += ["", *_wrapped(text, MARGIN, width)]
    for file in step.files:
        lines += ["", f"{'':{MARGIN}}{file.path}:"]
        lines += [f"{'':{MARGIN}}| {line}" for line in file.text.splitlines()]
    for explanation in item.commands:
        lines += ["", f"{'':{MARGIN}}$ {command(explanation.argv)}", ""]
        lines += words(explanation, width)
    if step.answers:
        lines += ["", *_wrapped(asks(item), MARGIN, width)]
    for made in item.made:
        lines += ["", *_beside(made.path, made.about, width)]
    if item.looks:
        lines += ["", f"{'':{MARGIN}}Look into it by hand:"]
        lines += [f"{'':{MARGIN}}$ {line(look)}" for look in item.looks]
    return lines


def heading(item: Page) -> str:
    """Say whose step it is, and what."""
    step = item.step
    if not step.entity:
        return step.title
    names = [step.entity, *item.also[: MOST_NAMES - 1]]
    more = len(item.also) + 1 - len(names)
    return f"{', '.join(names)}{f' and {more} more' if more else ''}: {step.title}"


def errata(item: Page) -> Iterator[str]:
    """Say where newer versions need more than the document has, and whether that is in here."""
    for erratum in item.errata:
        mended = any(erratum.add and file.path for file in item.step.files)
        here = "in" if mended else "not in"
        yield f"Erratum for OpenSSL {erratum.openssl} ({here} the command below): {erratum.why}"


def asks(item: Page) -> str:
    """Say what openssl will ask for."""
    return f"openssl asks for {'; then for '.join(map(wanted, item.step.answers))}."


def line(look: tuple[str, ...]) -> str:
    """Give one or two commands, with | between, as one line for a shell."""
    if "|" not in look:
        return command(look)
    place = look.index("|")
    return f"{command(look[:place])} | {command(look[place + 1 :])}"


def words(item: Explanation, width: int) -> list[str]:
    """Give a command's words, each with its sentence."""
    lines = _beside(" ".join(item.head), item.command.summary, width)
    for word in item.words:
        lines += _beside(" ".join(word.text), told(word), width)
    return lines


def told(word: Word) -> str:
    """Give the sentence of a word, what differs by version, or that it is not known."""
    if word.option is None:
        return f"unknown{f'; {word.hint}' if word.hint else ''}"
    note = f". {word.note.removesuffix('.')}" if word.note else ""
    return f"{word.means}{note}{f'; but {word.hint}' if word.hint else ''}"


def explanations(items: Iterable[Explanation], width: int) -> str:
    """Give the explanation of commands that a person asked about."""
    parts = [f"$ {command(item.argv)}\n\n" + "\n".join(words(item, width)) for item in items]
    return visible("\n\n".join(parts)) + "\n"


def unknown(items: Iterable[Explanation]) -> str:
    """Say how many words are not known, or nothing."""
    wrong = [word for item in items for word in item.words if not word.known]
    return f"{plural(len(wrong), 'word')} of this would not work as it stands\n" if wrong else ""


def _wrapped(text: str, margin: int, width: int) -> list[str]:
    space = " " * margin
    return textwrap.wrap(
        text, width, initial_indent=space, subsequent_indent=space, break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip


def _beside(left: str, right: str, width: int) -> list[str]:
    """Put a sentence beside what it explains, or below where that is too long."""
    column = MARGIN + WIDEST + 2
    beside = _wrapped(right, column, width)
    if len(left) > WIDEST or not beside:
        return [f"{'':{MARGIN}}{left}", *beside]
    return [f"{'':{MARGIN}}{left:{WIDEST}}  {beside[0].lstrip()}", *beside[1:]]


def as_json(item: Page) -> dict[str, Any]:
    """Give a step for a program: the envelope's keys, and the lesson's."""
    step = item.step
    return {
        **envelope.not_run(step, "explained only"),
        "number": step.number,
        "title": step.title,
        "explain": step.explain,
        "also": list(item.also),
        "commands": [explained(command) for command in item.commands],
        "asks": list(map(wanted, step.answers)),
        "files": [{"path": file.path, "text": file.text} for file in step.files],
        "makes": [{"path": made.path, "about": made.about} for made in item.made],
        "looks": [list(look) for look in item.looks],
        "errata": [{"openssl": str(e.openssl), "why": e.why} for e in item.errata],
    }


def command_as_json(item: Explanation) -> dict[str, Any]:
    """Give a command that a person asked about: the envelope's keys, and the explanation."""
    return {
        "id": "", "entity": "", "argv": list(item.argv), "status": "not run",
        "reason": "explained only", "seconds": 0.0, "outputs": [], "checks": [],
        "commands": [explained(item)],
    }  # fmt: skip


def explained(item: Explanation) -> dict[str, Any]:
    """Give a command for a program, word by word."""
    return {
        "argv": list(item.argv),
        "summary": item.command.summary,
        "words": [
            {
                "text": " ".join(word.text),
                "known": word.known,
                "means": word.means,
                "note": word.note,
                "hint": word.hint,
            }
            for word in item.words
        ],
    }
