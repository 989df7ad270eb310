"""`init`: a starter recipe."""

from typing import Annotated

import typer

from mtls_openssl.cli.app import app
from mtls_openssl.cli.options import Format, Target
from mtls_openssl.cli.output import boundary


@app.command()
def init(
    workflow: Annotated[
        str,
        typer.Argument(
            metavar="[WORKFLOW]", help="Which starter: modern, mutual-tls or encrypted-ca."
        ),
    ] = "mutual-tls",
    target: Target = None,
) -> None:
    """Write a starter recipe, commented."""
    with boundary("init", Format.text) as output:
        from mtls_openssl import starters

        text = starters.starter(workflow)
        output.write(text, target, f"next: mtls-openssl apply --dry-run {target}")
