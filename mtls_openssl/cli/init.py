"""`init`: a starter recipe."""

from pathlib import Path
from typing import Annotated

import typer

from mtls_openssl.cli.app import app
from mtls_openssl.cli.options import (
    Format,
)
from mtls_openssl.cli.output import boundary
from mtls_openssl.errors import BadInput


@app.command()
def init(
    workflow: Annotated[
        str,
        typer.Argument(
            metavar="[WORKFLOW]", help="Which starter: modern, mutual-tls or encrypted-ca."
        ),
    ] = "mutual-tls",
    target: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write it there, instead of standard output.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a starter recipe, commented."""
    with boundary("init", Format.text) as output:
        from mtls_openssl import starters

        text = starters.starter(workflow)
        if target is None or str(target) == "-":
            output.result(text)
            return
        try:
            with target.open("x", encoding="utf-8") as stream:
                stream.write(text)
        except FileExistsError:
            raise BadInput(
                (), f"{target} is there already", "choose another name, or move it away"
            ) from None
        output.say(f"{target} is written; next: mtls-openssl apply --dry-run {target}\n")
