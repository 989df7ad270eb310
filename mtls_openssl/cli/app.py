"""The program itself, to which each verb adds its command."""

import sys
from typing import Annotated

import typer

from mtls_openssl import __version__

app = typer.Typer(
    name="mtls-openssl",
    help="Mutual TLS from the openssl binary: a recipe says who; the exact commands are printed, "
    "run, verified and explained.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(show: bool) -> None:
    if show:
        sys.stdout.write(f"mtls-openssl {__version__}\n")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version
