"""`apply`: run every step that is not current, verify each."""

import os
import sys
from typing import TYPE_CHECKING, Annotated, Protocol

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
    Rekey,
    RenewWithin,
    Replace,
    Verbatim,
    Verbose,
    gather,
)
from mtls_openssl.cli.output import Output, boundary

if TYPE_CHECKING:
    from mtls_openssl.currency import Wishes
    from mtls_openssl.plan import Plan
    from mtls_openssl.runner import Event
    from mtls_openssl.session import Session


@app.command()
def apply(
    recipe: Recipe,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", "-n", help="Print the commands that would run; run nothing."),
    ] = False,
    directory: Directory = None,
    jobs: Jobs = None,
    rekey: Rekey = None,
    replace: Replace = None,
    renew_within: RenewWithin = "30d",
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait where another apply holds the directory.")
    ] = False,
    verbatim: Verbatim = False,
    output_format: OutputFormat = Format.text,
    openssl: Openssl = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run every step that is not current, verify each, and tell what was made."""
    with boundary("apply", output_format, quiet) as output:
        from mtls_openssl import runner
        from mtls_openssl.journal import Journal
        from mtls_openssl.render import envelope, script
        from mtls_openssl.session import open_session

        session = open_session(recipe, directory, openssl, verbatim=verbatim)
        wishes = gather(session, rekey, replace, renew_within)
        if dry_run:
            decisions = runner.look(session.plan, Journal(session.directory).load(), wishes)
            output.steps += map(envelope.decision, decisions)
            output.result(script.script(session.plan, [d.step for d in decisions if d.runs]))
        else:
            _apply(session, wishes, jobs or os.cpu_count() or 1, output, wait=wait, verbose=verbose)


def _apply(
    session: "Session", wishes: "Wishes", jobs: int, output: Output, *, wait: bool, verbose: bool
) -> None:
    """Apply with the lock held, showing each step as it goes."""
    import time

    from mtls_openssl import journal, lock, outcome, process, runner
    from mtls_openssl.render import report
    from mtls_openssl.verifier import Verifier
    from mtls_openssl.worker import Worker

    start = time.monotonic()
    events: dict[str, Event] = {}
    journal.prepare(session.directory)
    with (
        lock.locked(session.directory, wait=wait) as descriptor,
        journal.Journal(session.directory).load().writing() as written,
    ):
        children = process.Runner(session.binary, session.directory, descriptor)
        vault = session.vault()
        verifier = Verifier(children, vault)
        worker = Worker(session.plan, session.directory, written, children, verifier, vault)
        view = _view(session.plan, output, verbose=verbose)
        try:
            for event in runner.apply(worker, wishes, jobs):
                view.show(event)
                if event.status != "started":
                    # A step that was kept is current from then on: its keeping is the news.
                    events.setdefault(event.step.id, event)
        finally:
            view.stop()
            output.steps += outcome.steps(session.plan, events)
        outcome.conclude(session.plan, events)
        expiries = outcome.expiries(session.plan, written)
        shown = session.shown
        output.say(
            report.made(
                session.plan, list(events.values()), expiries, shown, time.monotonic() - start
            )
        )


class _View(Protocol):
    """Whoever shows an apply as it goes."""

    def show(self, event: "Event") -> None:
        """Take the next event."""

    def stop(self) -> None:
        """Take the end."""


def _view(plan: "Plan", output: Output, *, verbose: bool) -> _View:
    """Give the view that suits the stream: a bar at a terminal, else lines."""
    if sys.stderr.isatty() and not verbose and not output.quiet:
        from mtls_openssl.render.progress import Bar

        return Bar(plan)
    from mtls_openssl.render.lines import Lines

    return Lines(output.say, plan, verbose=verbose)
