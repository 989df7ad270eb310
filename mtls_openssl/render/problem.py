"""An error as a person reads it: file, line and column, the line with a caret, and the remedy."""

from collections.abc import Iterable

from mtls_openssl.errors import BadInput, CommandFailed, Failure, Problem
from mtls_openssl.render.text import visible

WIDEST = 110
"""Characters of a line that are shown; a longer one is cut around the caret."""


def failure(error: Failure, kind: str = "error") -> str:
    """Give the whole message for a failure."""
    if isinstance(error, BadInput) and error.problems:
        return "\n".join(problem(item) for item in error.problems)
    lines = [f"{kind}: {visible(error.message)}"]
    if isinstance(error, CommandFailed) and error.output.strip():
        lines += [
            f"  | {visible(line)}" for line in error.output.strip().splitlines() if line.strip()
        ]
    if error.hint:
        lines.append(f"  help: {visible(error.hint)}")
    return "\n".join(lines) + "\n"


def warnings(items: Iterable[Problem]) -> str:
    """Give what a person should know of a recipe that is no error."""
    return "".join(problem(item, "warning") for item in items)


def problem(item: Problem, kind: str = "error") -> str:
    """Give one problem's message, with its line and a caret under what is meant."""
    number = str(item.line)
    start = max(0, item.column - 1 - WIDEST // 2) if len(item.excerpt) > WIDEST else 0
    excerpt = item.excerpt[start : start + WIDEST]
    before = visible(excerpt[: item.column - 1 - start].replace("\t", " "))
    shown = before + visible(excerpt[item.column - 1 - start :].replace("\t", " "))
    carets = "^" * max(1, min(item.width, WIDEST - len(before)))
    margin = " " * len(number)
    lines = [
        f"{visible(item.file)}:{item.line}:{item.column}: {kind}: {visible(item.message)}",
        f" {number} | {shown}".rstrip(),
        f" {margin} | {' ' * len(before)}{carets}",
    ]
    if item.hint:
        lines.append(f" {margin} = help: {visible(item.hint)}")
    return "\n".join(lines) + "\n"
