"""`revoke`: take a certificate back."""

import os
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
    Verbatim,
    Verbose,
    Wait,
)
from mtls_openssl.cli.output import boundary
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
    verbatim: Verbatim = False,
    output_format: OutputFormat = Format.text,
    openssl: Openssl = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Revoke NAME's certificate, and sign its issuer's revocation list anew."""
    with boundary("revoke", output_format, quiet) as output:
        from contextlib import nullcontext
        from dataclasses import replace

        from mtls_openssl import revocation, revoking
        from mtls_openssl.render import envelope, script
        from mtls_openssl.session import open_session
        from mtls_openssl.source import suggestion

        session = open_session(recipe, directory, openssl, verbatim=verbatim)
        session.check_names("revoke", frozenset({name}))
        known = {value.casefold(): value for value in revocation.REASONS}
        if reason.casefold() not in known:
            hint = suggestion(reason, revocation.REASONS)
            raise BadInput((), f"--reason: {reason!r} is no reason", hint)
        with nullcontext(session.at_rest()) if dry_run else session.at_work(wait=wait) as worker:
            what = revoking.prepare(worker, session.planned, name, known[reason.casefold()])
            due = revoking.foresee(worker, what)
            work = replace(what.after, steps=tuple(decision.step for decision in due))
            if dry_run:
                output.steps = map(envelope.decision, due)
                output.result(script.script(work, due))
            else:
                events = revoking.revoke(worker, what, due, jobs or os.cpu_count() or 1)
                follow(work, events, output, verbose=verbose)
                output.say(_told(name, what))


def _told(name: str, what: "Revocation") -> str:
    issuer = what.member.issuer
    assert issuer
    listed = next(m for m in what.after.members if m.name == issuer.name).files
    said = f"was {what.already} already" if what.already else "is revoked"
    return (
        f"{name} {said}: {listed['crl']}, {listed['crl_der']}\n"
        f"  next: give the list to whoever checks; apply --rekey {name} makes a successor\n"
    )
