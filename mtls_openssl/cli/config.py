"""`config`: what to paste into the configuration of servers and clients."""

from pathlib import Path
from typing import Annotated

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
from mtls_openssl.cli.output import boundary
from mtls_openssl.programs import CLIENT_TARGETS, SERVER_TARGETS


@app.command()
def config(
    recipe: Recipe,
    target: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="TARGET",
            help=f"Servers: {', '.join(SERVER_TARGETS)}. Clients: {', '.join(CLIENT_TARGETS)}. "
            "Default: what the recipe has under config:.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="ENTITY",
            help="Only for this server or client; default: for each.",
            show_default=False,
        ),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(
            "--prefix",
            metavar="DIR",
            help="Where the files will be on the machine that is configured; default: where they "
            "are here.",
            show_default=False,
        ),
    ] = None,
    templates: Annotated[
        Path | None,
        typer.Option(
            "--templates",
            metavar="DIR",
            help="A folder of templates of your own, TARGET.*, over the bundled ones.",
            show_default=False,
        ),
    ] = None,
    directory: Directory = None,
    jobs: Jobs = None,
    verbatim: Verbatim = False,
    output_format: OutputFormat = Format.text,
    openssl: Openssl = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Print the configuration of servers and clients, to be pasted as it is."""
    del jobs, verbose  # common options: nothing is run here
    with boundary("config", output_format, quiet) as output:
        from mtls_openssl import configuration
        from mtls_openssl.session import open_session
        from mtls_openssl.setting import Folder

        output.more["configurations"] = []
        session = open_session(recipe, directory, openssl, verbatim=verbatim)
        if name is not None:
            session.check_names("--name", frozenset({name}))
        overlaid = configuration.Templates(templates)
        here = str(session.directory)
        folder = Folder(here) if prefix is None else Folder(prefix, moved=True)
        made = list(configuration.configure(session.plan, target, name, folder, overlaid))
        output.more["configurations"] += [
            {"entity": one.entity, "target": one.target, "text": one.text} for one in made
        ]
        output.result("\n".join(one.text for one in made))
        if prefix is None and not session.directory.is_dir():
            output.say(
                f"there is no {session.shown} yet: mtls-openssl apply {recipe} makes these files\n"
            )
