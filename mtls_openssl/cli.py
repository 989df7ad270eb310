"""The command line: the only module that prints, and that decides an exit code.

Every verb imports what it needs when it runs, so that `--version` and `--help` stay quick.
"""

import json
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from mtls_openssl import __version__
from mtls_openssl.errors import BadInput, CheckFailed, Failure, Interrupted

if TYPE_CHECKING:
    from datetime import timedelta

    from mtls_openssl.currency import Wishes
    from mtls_openssl.plan import Plan
    from mtls_openssl.runner import Event
    from mtls_openssl.session import Session

app = typer.Typer(
    name="mtls-openssl",
    help="Mutual TLS from the openssl binary: a recipe says who; the exact commands are printed, "
    "run, verified and explained.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(StrEnum):
    """How results are printed."""

    text = "text"
    json = "json"


Recipe = Annotated[
    Path, typer.Argument(metavar="RECIPE", help="The recipe, a YAML file.", show_default=False)
]
Directory = Annotated[
    Path | None,
    typer.Option(
        "--directory", "-C", metavar="DIR", help="Where the files are; default: the recipe's.",
        show_default=False,
    ),
]  # fmt: skip
Openssl = Annotated[
    str | None,
    typer.Option(
        "--openssl",
        metavar="PATH",
        help="The openssl to use; default: the PATH's.",
        show_default=False,
    ),
]
OutputFormat = Annotated[Format, typer.Option("--format", help="How results are printed.")]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        max=256,
        metavar="N",
        help="How many commands at a time; default: the processors there are.",
        show_default=False,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show every command and openssl's own output.")
]
Verbatim = Annotated[
    bool, typer.Option("--verbatim", help="Run the document as it stands, without our errata.")
]
Rekey = Annotated[
    list[str] | None,
    typer.Option(
        "--rekey",
        metavar="NAME",
        help="Make NAME a new key; the old one is kept.",
        show_default=False,
    ),
]
Replace = Annotated[
    list[str] | None,
    typer.Option(
        "--replace",
        metavar="NAME",
        help="Issue NAME anew, and with an authority all below it.",
        show_default=False,
    ),
]
RenewWithin = Annotated[
    str,
    typer.Option(
        "--renew-within", metavar="TIME",
        help="Renew what expires within this time, at most a third of its lifetime: 30d, 12h.",
    ),
]  # fmt: skip


@dataclass
class Output:
    """What a verb says: results to standard output, everything else to standard error."""

    command: str
    format: Format = Format.text
    quiet: bool = False
    steps: list[dict[str, Any]] = field(default_factory=list)
    """The steps of the JSON, filled as the verb goes."""
    ok: bool = True

    def result(self, text: str) -> None:
        """Print a result, unless JSON is the result."""
        if self.format is Format.text:
            sys.stdout.write(text)

    def say(self, text: str) -> None:
        """Tell the person something."""
        if not self.quiet:
            sys.stderr.write(text)


@contextmanager
def _boundary(command: str, output_format: Format, quiet: bool = False) -> Iterator[Output]:
    """Turn whatever a verb raises into one message, one JSON object and one exit code."""
    output = Output(command, output_format, quiet)
    error: Failure | None = None
    try:
        with _terminable():
            yield output
    except Failure as failure:
        error = failure
    except KeyboardInterrupt:
        error = Interrupted("interrupted", "apply again to go on from here")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
    except OSError as fault:
        from mtls_openssl.errors import MachineFault

        error = MachineFault(f"{fault.filename or command}: {fault.strerror}")
    except Exception:  # noqa: BLE001  a bug is shown whole, once, and says what it is
        traceback.print_exc()
        sys.stderr.write(
            f"\nThis is a bug in mtls-openssl {__version__}, not a fault of yours. Please report it"
            " to its maintainers, with the recipe and the lines above.\n"
        )
        raise SystemExit(1) from None
    _end(output, error)


def _end(output: Output, error: Failure | None) -> None:
    if error is not None:
        from mtls_openssl.render import problem

        sys.stderr.write(problem.failure(error))
    if output.format is Format.json:
        from mtls_openssl.render.envelope import envelope

        sys.stdout.write(envelope(output.command, output.steps, error, ok=output.ok))
    if error is not None or not output.ok:
        raise typer.Exit(error.exit_code if error else 1)


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a run as ^C does, children first."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _duration(text: str, option: str) -> "timedelta":
    from datetime import timedelta

    match = re.fullmatch(r"([0-9]{1,6})([dhm]?)", text)
    if not match:
        raise BadInput((), f"{option}: {text!r} is no length of time", "write 30d, 12h or 90m")
    unit = {"d": "days", "": "days", "h": "hours", "m": "minutes"}[match[2]]
    return timedelta(**{unit: int(match[1])})


def _wishes(
    session: "Session", rekey: list[str] | None, replace: list[str] | None, renew_within: str
) -> "Wishes":
    """Gather what the person asked for beyond what is due; raises BadInput."""
    from mtls_openssl.currency import Wishes

    wishes = Wishes(
        frozenset(rekey or ()), frozenset(replace or ()), _duration(renew_within, "--renew-within")
    )
    session.check_names("--rekey", wishes.rekey)
    session.check_names("--replace", wishes.replace)
    return wishes


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
    with _boundary("apply", output_format, quiet) as output:
        from mtls_openssl import runner
        from mtls_openssl.journal import Journal
        from mtls_openssl.render import envelope, script
        from mtls_openssl.session import open_session

        session = open_session(recipe, directory, openssl, verbatim=verbatim)
        wishes = _wishes(session, rekey, replace, renew_within)
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


@app.command()
def plan(
    recipe: Recipe,
    directory: Directory = None,
    jobs: Jobs = None,
    rekey: Rekey = None,
    replace: Replace = None,
    renew_within: RenewWithin = "30d",
    verbatim: Verbatim = False,
    output_format: OutputFormat = Format.text,
    openssl: Openssl = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show every entity and step as a tree: what would run, and why."""
    del jobs, verbose  # common options: a plan runs nothing
    with _boundary("plan", output_format, quiet) as output:
        from rich.console import Console

        from mtls_openssl import runner
        from mtls_openssl.journal import Journal
        from mtls_openssl.render import envelope, tree
        from mtls_openssl.session import open_session

        session = open_session(recipe, directory, openssl, verbatim=verbatim)
        wishes = _wishes(session, rekey, replace, renew_within)
        decisions = runner.look(session.plan, Journal(session.directory).load(), wishes)
        output.steps += map(envelope.decision, decisions)
        if output_format is Format.text:
            # A pipe has no width: there, no line is broken.
            width = None if sys.stdout.isatty() else 100_000
            Console(highlight=False, markup=False, width=width).print(
                tree.tree(session.plan, decisions)
            )


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
    verbatim: Verbatim = False,
    output_format: OutputFormat = Format.text,
    openssl: Openssl = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Check all that is on disk against the recipe; change nothing."""
    with _boundary("verify", output_format, quiet) as output:
        from mtls_openssl import audit, process
        from mtls_openssl.render import envelope, report
        from mtls_openssl.runner import fetch_secrets
        from mtls_openssl.session import open_session
        from mtls_openssl.verifier import Verifier

        session = open_session(recipe, directory, openssl, verbatim=verbatim)
        within = _duration(expires_within, "--expires-within") if expires_within else None
        if not session.directory.is_dir():
            raise CheckFailed(
                f"there is no directory {session.shown}", f"mtls-openssl apply {recipe} makes it"
            )
        vault = session.vault()
        fetch_secrets(session.plan, vault, session.plan.steps)
        verifier = Verifier(process.Runner(session.binary, session.directory), vault)
        count = jobs or os.cpu_count() or 1
        checked, reports = audit.audit(session.plan, verifier, within, count)
        if verbose:
            output.say("".join(map(report.asked, reports)))
        output.steps += [envelope.verified(step, verdicts) for step, verdicts in checked]
        output.ok = all(verdict.ok for _, verdicts in checked for verdict in verdicts)
        if not quiet or not output.ok:
            output.result(report.verification(checked, session.shown))


@app.command()
def init(
    workflow: Annotated[
        str,
        typer.Argument(
            metavar="[WORKFLOW]", help="Which starter: modern, mutual-tls or encrypted-ca."
        ),
    ] = "mutual-tls",
    target: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write it there, instead of standard output.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a starter recipe, commented."""
    with _boundary("init", Format.text) as output:
        from mtls_openssl import starters

        text = starters.starter(workflow)
        if target is None or str(target) == "-":
            output.result(text)
            return
        try:
            with target.open("x", encoding="utf-8") as stream:
                stream.write(text)
        except FileExistsError:
            raise BadInput(
                (), f"{target} is there already", "choose another name, or move it away"
            ) from None
        output.say(f"{target} is written; next: mtls-openssl apply --dry-run {target}\n")


@app.command()
def schema() -> None:
    """Print the recipe's JSON Schema, for editors."""
    with _boundary("schema", Format.text) as output:
        from mtls_openssl import recipe

        output.result(json.dumps(recipe.schema(), indent=2, ensure_ascii=False) + "\n")


def run(arguments: list[str]) -> None:
    """Run the command line."""
    app(args=arguments, prog_name="mtls-openssl")
