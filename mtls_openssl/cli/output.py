"""What a verb says, and how it ends: one message, one JSON object, one exit code."""

import os
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mtls_openssl import __version__
from mtls_openssl.cli.options import Format
from mtls_openssl.errors import BadInput, Failure, Interrupted

if TYPE_CHECKING:
    from mtls_openssl.journal import Journal
    from mtls_openssl.plan import Plan


@dataclass
class Output:
    """What a verb says: results to standard output, everything else to standard error."""

    command: str
    format: Format = Format.text
    quiet: bool = False
    steps: Iterable[Mapping[str, Any]] = ()
    """The steps of the JSON."""
    ok: bool = True
    more: dict[str, Any] = field(default_factory=dict)
    """What a verb adds to the JSON beside the steps."""

    def result(self, text: str) -> None:
        """Print a result, unless JSON is the result."""
        if self.format is Format.text:
            sys.stdout.write(text)

    def write(self, text: str, target: Path | None, next_step: str) -> None:
        """Print a result, or write it to a file that must be new; raises BadInput."""
        if target is None or str(target) == "-":
            self.result(text)
            return
        try:
            with target.open("x", encoding="utf-8") as stream:
                stream.write(text)
        except FileExistsError:
            message, hint = f"{target} is there already", "choose another name, or move it away"
            raise BadInput((), message, hint) from None
        self.say(f"{target} is written; {next_step}\n")

    def orphans(self, plan: "Plan", journal: "Journal") -> None:
        """Tell of entities that were made, and that the recipe no longer names."""
        from mtls_openssl import orphans
        from mtls_openssl.render import envelope, report

        found = orphans.find(plan, journal)
        self.more |= envelope.orphaned(found)
        self.say(report.orphaned(found))

    def warnings(self, plan: "Plan") -> None:
        """Tell of what in the recipe works, and is of little use."""
        from mtls_openssl.render import envelope, problem

        self.more |= envelope.warned(plan.warnings)
        self.say(problem.warnings(plan.warnings))

    def say(self, text: str) -> None:
        """Tell the person something."""
        if not self.quiet:
            sys.stderr.write(text)


GOING_ON = {
    "apply": "apply again to go on from here",
    "revoke": "revoke again to go on from here",
    "handshake": "nothing was changed; run it again",
}
"""What to do after an interrupt, by verb, where there is more to say than that it was one."""


@contextmanager
def boundary(command: str, output_format: Format, quiet: bool = False) -> Iterator[Output]:
    """Turn whatever a verb raises into one message, one JSON object and one exit code."""
    output = Output(command, output_format, quiet)
    error: Failure | None = None
    try:
        with _terminable():
            yield output
    except Failure as failure:
        error = failure
    except KeyboardInterrupt:
        error = Interrupted("interrupted", GOING_ON.get(command, ""))
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

        sys.stdout.writelines(
            envelope(output.command, output.steps, error, ok=output.ok, more=output.more)
        )
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
