"""The options that several verbs share, and what is made of them."""

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtls_openssl.errors import BadInput

if TYPE_CHECKING:
    from datetime import timedelta

    from mtls_openssl.currency import Wishes
    from mtls_openssl.session import Session


class Format(StrEnum):
    """How results are printed."""

    text = "text"
    json = "json"


Recipe = Annotated[
    Path, typer.Argument(metavar="RECIPE", help="The recipe, a YAML file.", show_default=False)
]
Directory = Annotated[
    Path | None,
    typer.Option(
        "--directory", "-C", metavar="DIR", help="Where the files are; default: the recipe's.",
        show_default=False,
    ),
]  # fmt: skip
Openssl = Annotated[
    str | None,
    typer.Option(
        "--openssl",
        metavar="PATH",
        help="The openssl to use; default: the PATH's.",
        show_default=False,
    ),
]
OutputFormat = Annotated[Format, typer.Option("--format", help="How results are printed.")]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        max=256,
        metavar="N",
        help="How many commands at a time; default: the processors there are.",
        show_default=False,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show every command and openssl's own output.")
]
Verbatim = Annotated[
    bool, typer.Option("--verbatim", help="Run the document as it stands, without our errata.")
]
Rekey = Annotated[
    list[str] | None,
    typer.Option(
        "--rekey",
        metavar="NAME",
        help="Make NAME a new key; the old one is kept.",
        show_default=False,
    ),
]
Replace = Annotated[
    list[str] | None,
    typer.Option(
        "--replace",
        metavar="NAME",
        help="Issue NAME anew, and with an authority all below it.",
        show_default=False,
    ),
]
Target = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write it there, instead of standard output.",
        show_default=False,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Print the commands that would run; run nothing.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait where another apply holds the directory.")]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="NAME",
        help="Do nothing but what NAME needs: an entity, or a step as ENTITY.STEP.",
        show_default=False,
    ),
]
RenewWithin = Annotated[
    str,
    typer.Option(
        "--renew-within", metavar="TIME",
        help="Renew what expires within this time, at most a third of its lifetime: 30d, 12h.",
    ),
]  # fmt: skip


def duration(text: str, option: str) -> "timedelta":
    """Read a length of time: 30d, 12h, 90m; raises BadInput."""
    from datetime import timedelta

    match = re.fullmatch(r"([0-9]{1,6})([dhm]?)", text)
    if not match:
        raise BadInput((), f"{option}: {text!r} is no length of time", "write 30d, 12h or 90m")
    unit = {"d": "days", "": "days", "h": "hours", "m": "minutes"}[match[2]]
    return timedelta(**{unit: int(match[1])})


def gather(
    session: "Session",
    rekey: list[str] | None,
    replace: list[str] | None,
    only: list[str] | None,
    renew_within: str,
) -> "Wishes":
    """Gather what the person asked for beyond what is due; raises BadInput."""
    from mtls_openssl.currency import Wishes

    wishes = Wishes(
        frozenset(rekey or ()),
        frozenset(replace or ()),
        frozenset(only or ()),
        duration(renew_within, "--renew-within"),
    )
    session.check_names("--rekey", wishes.rekey)
    session.check_names("--replace", wishes.replace)
    session.check_names("--only", wishes.only, steps=True)
    return wishes
