"""A lesson as Markdown (CommonMark), for a wiki or a handout."""

import re
from collections.abc import Iterable, Iterator

from mtls_openssl.glossary import Explanation
from mtls_openssl.lesson import Lesson, Page
from mtls_openssl.render import lesson as terminal
from mtls_openssl.render.script import command
from mtls_openssl.render.text import visible


def lesson(item: Lesson) -> str:
    """Give the whole lesson."""
    lines = [f"# {plain(item.title)}", "", plain(item.source), ""]
    lines += [f"The commands are those for {plain(item.version)}.", ""]
    for page in item.pages:
        lines += _page(page)
    return visible("\n".join(lines))


def explanations(items: Iterable[Explanation]) -> str:
    """Give the explanation of commands that a person asked about."""
    return visible("\n".join(line for item in items for line in _command(item)))


def _page(item: Page) -> Iterator[str]:
    step = item.step
    yield from (f"## {plain(step.number)} {plain(terminal.heading(item))}", "")
    if step.explain:
        yield from (plain(step.explain), "")
    for text in terminal.errata(item):
        yield from (f"> {plain(text)}", "")
    for file in step.files:
        yield from (f"{code(file.path)}:", "", *_fenced(file.text.splitlines(), "ini"))
    for explanation in item.commands:
        yield from _command(explanation)
    if step.answers:
        yield from (plain(terminal.asks(item)), "")
    for made in item.made:
        yield from (f"{code(made.path)}: {plain(made.about)}", "")
    if item.looks:
        lines = [terminal.line(look) for look in item.looks]
        yield from ("Look into it by hand:", "", *_fenced(lines, "sh"))


def _command(item: Explanation) -> Iterator[str]:
    yield from _fenced([command(item.argv)], "sh")
    yield f"- {code(' '.join(item.head))}: {plain(item.command.summary)}"
    for word in item.words:
        yield f"- {code(' '.join(word.text))}: {plain(terminal.told(word))}"
    yield ""


def _fenced(lines: list[str], language: str) -> Iterator[str]:
    """Fence lines by more backticks than any of them has."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}{language}", *lines, fence, "")


def code(text: str) -> str:
    """Write code in a line, whatever backticks are in it (CommonMark section 6.1)."""
    ticks = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def plain(text: str) -> str:
    """Let no character of a text mean anything to Markdown."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", text)
