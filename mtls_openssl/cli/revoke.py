"""`revoke`: take a certificate back."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtls_openssl.cli.app import app
from mtls_openssl.cli.options import (
    Directory,
    DryRun,
    Format,
    Jobs,
    Openssl,
    OutputFormat,
    Quiet,
    Recipe,
    Verbose,
    Wait,
)
from mtls_openssl.cli.output import Output, boundary
from mtls_openssl.cli.view import follow
from mtls_openssl.errors import BadInput

if TYPE_CHECKING:
    from mtls_openssl.revoking import Revocation


@app.command()
def revoke(
    recipe: Recipe,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose certificate.")],
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            metavar="REASON",
            help="keyCompromise, CACompromise, affiliationChanged, superseded or "
            "cessationOfOperation.",
        ),
    ] = "unspecified",
    dry_run: DryRun = False,
    directory: Directory = None,
    jobs: Jobs = None,
    wait: Wait = False,
    output_format: OutputFormat = Format.text,
    openssl: Openssl = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Revoke NAME's certificate, and sign its issuer's revocation list anew."""
    with boundary("revoke", output_format, quiet) as output:
        from mtls_openssl import revocation, revoking
        from mtls_openssl.session import open_session
        from mtls_openssl.source import suggestion

        session = open_session(recipe, directory, openssl)
        session.check_names("revoke", frozenset({name}))
        known = {value.casefold(): value for value in revocation.REASONS}
        if reason.casefold() not in known:
            hint = suggestion(reason, revocation.REASONS)
            raise BadInput((), f"--reason: {reason!r} is no reason", hint)
        with session.at_work(wait=wait) as worker:
            what = revoking.prepare(
                worker, session.planned, session.there.revoked, name, known[reason.casefold()]
            )
            if dry_run:
                _print(what, worker.directory, output)
            else:
                follow(
                    what.after,
                    revoking.revoke(worker, what, jobs or os.cpu_count() or 1),
                    output,
                    verbose=verbose,
                )
                output.say(_told(name, what))


def _print(what: "Revocation", directory: Path, output: Output) -> None:
    """Print the commands that would run."""
    from mtls_openssl import runner
    from mtls_openssl.journal import Journal
    from mtls_openssl.render import envelope, script

    journal = Journal(directory).load()
    first, last = (
        [d for d in runner.look(plan, journal, wishes) if d.runs]
        for plan, wishes in ((what.before, what.preparing), (what.after, what.publishing))
    )
    again = {decision.step.id for decision in first}
    last = [decision for decision in last if decision.step.id not in again]
    output.steps = map(envelope.decision, (*first, *last))
    steps = [decision.step for decision in first]
    steps += [] if what.already else [what.step]
    output.result(script.script(what.after, [*steps, *(decision.step for decision in last)]))


def _told(name: str, what: "Revocation") -> str:
    issuer = what.member.issuer
    assert issuer
    listed = next(m for m in what.after.members if m.name == issuer.name).files
    said = f"was {what.already} already" if what.already else "is revoked"
    return (
        f"{name} {said}: {listed['crl']}, {listed['crl_der']}\n"
        f"  next: give the list to whoever checks; apply --rekey {name} makes a successor\n"
    )
