"""`doctor`: what this machine's openssl can do, and what would go wrong."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from mtls_openssl.cli.app import app
from mtls_openssl.cli.options import Directory, Format, Openssl, OutputFormat, Quiet
from mtls_openssl.cli.output import boundary
from mtls_openssl.errors import MachineFault


@app.command()
def doctor(
    recipe: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RECIPE]",
            help="A recipe whose directory and keys are tried too.",
            show_default=False,
        ),
    ] = None,
    directory: Directory = None,
    output_format: OutputFormat = Format.text,
    openssl: Openssl = None,
    quiet: Quiet = False,
) -> None:
    """Show which openssl serves, what it can do, and what would go wrong here."""
    with boundary("doctor", output_format, quiet) as output:
        from rich.console import Console

        from mtls_openssl import doctor, probe
        from mtls_openssl import recipe as recipes
        from mtls_openssl.render import findings

        kinds: list[str] = []  # of key, that not every openssl makes
        if recipe is not None:
            read = recipes.load(recipe)
            directory = directory or recipe.parent / read.directory
            keys = (entity.options.key for entity in read.entities)
            kinds = [key.algorithm for key in keys if key and not key.size]
        place = (directory or Path()).absolute()
        seen = probe.openssl(openssl, dict.fromkeys(kinds))
        machine = probe.machine(place, f"{os.path.relpath(place)}/", os.environ)
        found = doctor.findings(seen, machine)
        output.more["findings"] = [findings.plain(finding) for finding in found]
        failed = any(finding.status == "fail" for finding in found)
        if output_format is Format.text and (failed or not quiet):
            # A pipe has no width: there, no line is broken.
            width = min(Console().width, 100) if sys.stdout.isatty() else 100_000
            console = Console(highlight=False, markup=False, width=width, soft_wrap=True)
            console.print(findings.text(found, width), end="")
        if failed:
            remedies = [finding.remedy for finding in found if finding.status == "fail"]
            raise MachineFault(findings.summary(found), "; ".join(filter(None, remedies)))
