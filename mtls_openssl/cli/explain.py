"""`explain`: the lesson of a recipe, of one step, or of any openssl command."""

import shlex
import shutil
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mtls_openssl.cli.app import app
from mtls_openssl.cli.options import Directory, Format, Jobs, Openssl, Quiet, Verbatim, Verbose
from mtls_openssl.cli.output import Output, boundary
from mtls_openssl.errors import BadInput

WIDTH = 80
"""Characters of a line where nobody's terminal says otherwise."""
WIDEST = 100


class LessonFormat(StrEnum):
    """How a lesson is printed."""

    text = "text"
    markdown = "markdown"
    json = "json"


@app.command()
def explain(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="RECIPE [STEP] | -- openssl …",
            help="A recipe, and a step's number (2.3) or id; or after -- any openssl command.",
            show_default=False,
        ),
    ],
    directory: Directory = None,
    jobs: Jobs = None,
    verbatim: Verbatim = False,
    lesson_format: Annotated[
        LessonFormat, typer.Option("--format", help="How the lesson is printed.")
    ] = LessonFormat.text,
    openssl: Openssl = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Explain each command of a recipe, or any openssl command, option by option."""
    del jobs, verbose  # common options: a lesson runs nothing
    as_json = lesson_format is LessonFormat.json
    with boundary("explain", Format.json if as_json else Format.text, quiet) as output:
        from mtls_openssl import glossary

        quoted = len(words) == 1 and words[0].startswith("openssl ")
        typed = _split(words[0]) if quoted else words
        if typed[0] == "openssl" or typed[0] in glossary.load().programs:
            _commands(typed, lesson_format, output)
        elif len(typed) > 2:
            raise BadInput((), f"a recipe has steps, and {typed[2]!r} is one word too many")
        else:
            _recipe(typed, directory, openssl, lesson_format, output, verbatim=verbatim)


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        raise BadInput((), "the command's quotes do not end", "close them, or quote less") from None


def _commands(words: list[str], lesson_format: LessonFormat, output: Output) -> None:
    """Explain commands that were typed."""
    from mtls_openssl import glossary
    from mtls_openssl.render import lesson, markdown

    found = glossary.load().explain(words)
    output.steps = map(lesson.command_as_json, found)
    if lesson_format is LessonFormat.markdown:
        output.result(markdown.explanations(found))
    else:
        output.result(lesson.explanations(found, _width()))
    output.ok = all(word.known for item in found for word in item.words)
    output.say(lesson.unknown(found))


def _recipe(
    words: list[str],
    directory: Path | None,
    openssl: str | None,
    lesson_format: LessonFormat,
    output: Output,
    *,
    verbatim: bool,
) -> None:
    """Give the lesson of a recipe, or of those of its steps that are named."""
    from mtls_openssl import glossary, lesson
    from mtls_openssl.render import lesson as terminal
    from mtls_openssl.render import markdown
    from mtls_openssl.session import open_session

    made = open_session(Path(words[0]), directory, openssl, verbatim=verbatim).plan
    chosen = lesson.choose(made, words[1]) if len(words) > 1 else None
    taught = lesson.teach(made, glossary.load(), chosen)
    output.steps = map(terminal.as_json, taught.pages)
    if lesson_format is LessonFormat.markdown:
        output.result(markdown.lesson(taught))
    else:
        output.result(terminal.lesson(taught, _width()))


def _width() -> int:
    """Give the width of the terminal that is written to, within what reads well."""
    columns = shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH
    return max(40, min(columns, WIDEST))
