"""`apply`: run every step that is not current, verify each."""

import os
from typing import TYPE_CHECKING

from mtls_openssl.cli.app import app
from mtls_openssl.cli.options import (
    Directory,
    DryRun,
    Format,
    Jobs,
    Only,
    Openssl,
    OutputFormat,
    Quiet,
    Recipe,
    Rekey,
    RenewWithin,
    Replace,
    Verbatim,
    Verbose,
    Wait,
    gather,
)
from mtls_openssl.cli.output import Output, boundary
from mtls_openssl.cli.view import follow

if TYPE_CHECKING:
    from mtls_openssl.currency import Wishes
    from mtls_openssl.session import Session


@app.command()
def apply(
    recipe: Recipe,
    dry_run: DryRun = False,
    directory: Directory = None,
    jobs: Jobs = None,
    rekey: Rekey = None,
    replace: Replace = None,
    only: Only = None,
    renew_within: RenewWithin = "30d",
    wait: Wait = False,
    verbatim: Verbatim = False,
    output_format: OutputFormat = Format.text,
    openssl: Openssl = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run every step that is not current, verify each, and tell what was made."""
    with boundary("apply", output_format, quiet) as output:
        from mtls_openssl import runner
        from mtls_openssl.render import envelope, script
        from mtls_openssl.session import open_session

        session = open_session(recipe, directory, openssl, verbatim=verbatim)
        wishes = gather(session, rekey, replace, only, renew_within)
        if dry_run:
            worker = session.at_rest()
            decisions = runner.foresee(worker, wishes)
            output.orphans(session.plan, worker.journal)
            output.warnings(session.plan)
            output.steps = map(envelope.decision, decisions)
            output.result(script.script(session.plan, decisions))
        else:
            _apply(session, wishes, jobs or os.cpu_count() or 1, output, wait=wait, verbose=verbose)


def _apply(
    session: "Session", wishes: "Wishes", jobs: int, output: Output, *, wait: bool, verbose: bool
) -> None:
    """Apply with the lock held, showing each step as it goes."""
    import time

    from mtls_openssl import outcome, runner
    from mtls_openssl.render import report

    start = time.monotonic()
    with session.at_work(wait=wait) as worker:
        plan = worker.plan
        events = follow(plan, runner.apply(worker, wishes, jobs), output, verbose=verbose)
        outcome.conclude(plan, events)
        expiries = outcome.expiries(plan, worker.journal)
        seconds = time.monotonic() - start
        output.say(report.made(plan, list(events.values()), expiries, session.shown, seconds))
        output.orphans(plan, worker.journal)
        output.warnings(plan)
