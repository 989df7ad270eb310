"""`verify`: all that is on disk, held against the recipe."""

import os
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
    duration,
)
from mtls_openssl.cli.output import boundary
from mtls_openssl.errors import CheckFailed


@app.command()
def verify(
    recipe: Recipe,
    directory: Directory = None,
    jobs: Jobs = None,
    expires_within: Annotated[
        str | None,
        typer.Option(
            "--expires-within",
            metavar="TIME",
            help="Fail for what expires within this time: 30d, 12h.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            metavar="NAMES",
            help="Say which files these programs would refuse, and why: curl, python3.13, node, go,"
            " java, chromium, firefox.",
            show_default=False,
        ),
    ] = None,
    verbatim: Verbatim = False,
    output_format: OutputFormat = Format.text,
    openssl: Openssl = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Check all that is on disk against the recipe; change nothing."""
    with boundary("verify", output_format, quiet) as output:
        from mtls_openssl import audit, targets
        from mtls_openssl.certificate import read_files
        from mtls_openssl.journal import Journal
        from mtls_openssl.render import acceptance, envelope, report
        from mtls_openssl.session import open_session

        wanted = targets.named(target or ())
        session = open_session(recipe, directory, openssl, verbatim=verbatim)
        within = duration(expires_within, "--expires-within") if expires_within else None
        if not session.directory.is_dir():
            raise CheckFailed(
                f"there is no directory {session.shown}", f"mtls-openssl apply {recipe} makes it"
            )
        verifier = session.verifier()
        count = jobs or os.cpu_count() or 1
        checked, reports = audit.audit(session.plan, verifier, within, count)
        members = session.plan.members
        paths = [member.files["certificate"] for member in members] if wanted else []
        read = read_files(verifier.runner, paths)
        judged = tuple(targets.verdicts(members, session.plan.workflow, read, wanted))
        journal = Journal(session.directory).load()
        checked = audit.joined(checked, (*judged, *audit.lost(session.plan, journal)))
        if verbose:
            output.say("".join(map(report.asked, reports)))
        output.steps = [envelope.verified(step, verdicts) for step, verdicts in checked]
        output.ok = all(verdict.ok for _, verdicts in checked for verdict in verdicts)
        if not quiet or not output.ok:
            output.result(report.verification(checked, session.shown))
            output.result(acceptance.table(wanted, judged))
        output.orphans(session.plan, journal)
