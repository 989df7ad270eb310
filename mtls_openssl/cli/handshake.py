"""`handshake`: live proof of who is accepted and who is refused."""

import os
import shutil
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from mtls_openssl.cli.app import app
from mtls_openssl.cli.options import (
    Directory,
    Format,
    Jobs,
    Openssl,
    OutputFormat,
    Quiet,
    Recipe,
    Verbatim,
    Verbose,
)
from mtls_openssl.cli.output import Output, boundary

if TYPE_CHECKING:
    from mtls_openssl.handshake import Proof


class Tls(StrEnum):
    """Which handshake."""

    newest = "1.3"
    older = "1.2"
    tutorial = "1.2-rsa"


@app.command()
def handshake(
    recipe: Recipe,
    directory: Directory = None,
    tls: Annotated[
        Tls,
        typer.Option(
            "--tls",
            help="The version of TLS; 1.2-rsa is the tutorial's: static RSA, no ticket.",
        ),
    ] = Tls.newest,
    server: Annotated[
        str | None,
        typer.Option(
            "--server", metavar="NAME", help="Which server; default: the first.", show_default=False
        ),
    ] = None,
    client: Annotated[
        str | None,
        typer.Option(
            "--client", metavar="NAME", help="Which client; default: the first.", show_default=False
        ),
    ] = None,
    jobs: Jobs = None,
    verbatim: Verbatim = False,
    output_format: OutputFormat = Format.text,
    openssl: Openssl = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Prove it live: a server and a client meet, impostors are refused, each message is named."""
    with boundary("handshake", output_format, quiet) as output:
        from mtls_openssl import handshake as proving
        from mtls_openssl.render import proof as rendering
        from mtls_openssl.session import open_session

        output.more["cases"] = []
        session = open_session(recipe, directory, openssl, verbatim=verbatim)
        proof = proving.prove(
            session,
            server=server,
            client=client,
            tls=tls.value,
            jobs=jobs or os.cpu_count() or 1,
        )
        output.more["cases"] = rendering.records(proof)
        output.ok = proof.ok
        if verbose:
            output.say(rendering.commands(proof))
        if quiet and proof.ok:
            return
        show(proof, output)


def show(proof: "Proof", output: Output) -> None:
    """Print a proof as its result, as wide as the terminal, or as a mail where there is none."""
    from rich.console import Console

    from mtls_openssl.render import proof as rendering

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 80
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    console = Console(highlight=False, markup=False)
    with console.capture() as captured:
        text = rendering.text(proof, width=min(width, 100), unicode=unicode)
        console.print(text, end="", soft_wrap=True)
    output.result(captured.get())
