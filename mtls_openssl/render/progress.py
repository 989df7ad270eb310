"""Progress on standard error: a bar on a terminal, a line a step in a pipe."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from mtls_openssl.plan import Plan
from mtls_openssl.render import report
from mtls_openssl.render.text import visible
from mtls_openssl.runner import Event


class View(Protocol):
    """Whoever shows an apply as it goes."""

    def show(self, event: Event) -> None:
        """Take the next event."""


class Lines:
    """Prints a line for each step that ended, in the plan's order."""

    def __init__(self, console: Console, plan: Plan, *, verbose: bool) -> None:
        self.console = console
        self.verbose = verbose
        self.order = [step.id for step in plan.steps]
        self.ended: dict[str, Event] = {}

    def show(self, event: Event) -> None:
        """Take the next event; print what can be printed in order."""
        if event.status == "started" or event.step.id in self.ended:
            return
        self.ended[event.step.id] = event
        while self.order and self.order[0] in self.ended:
            self.print(self.ended[self.order.pop(0)])

    def finish(self) -> None:
        """Print what ended while something before it never did."""
        for step in self.order:
            if step in self.ended:
                self.print(self.ended[step])

    def print(self, event: Event) -> None:
        """Print one step's line, if it did anything."""
        if self.verbose and (event.outcome or event.reports):
            self.console.print(report.transcript(event), end="", soft_wrap=True)
        if event.status != "current":
            self.console.print(report.line(event), soft_wrap=True)


class Bar:
    """Draws a bar with a count, and names what runs now."""

    def __init__(self, console: Console, plan: Plan) -> None:
        now = TextColumn("{task.description}", markup=False)
        columns = (BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn(), now)
        self.progress = Progress(*columns, console=console, transient=True)
        self.task = self.progress.add_task("", total=len(plan.steps))
        self.running: dict[str, str] = {}

    def show(self, event: Event) -> None:
        """Take the next event; until the first step begins, the person may be asked things."""
        step = event.step
        if event.status == "started":
            self.progress.start()
            self.running[step.id] = visible(f"{step.number} {step.title}")
        else:
            self.running.pop(step.id, None)
            self.progress.advance(self.task)
        now = next(iter(self.running.values()), "")
        self.progress.update(self.task, description=now[:40])


@contextmanager
def view(console: Console, plan: Plan, *, quiet: bool, verbose: bool) -> Iterator[View]:
    """Give the view that suits the stream: a bar, lines, or nothing."""
    if quiet:
        yield _Nothing()
    elif console.is_terminal and not verbose:
        bar = Bar(console, plan)
        try:
            yield bar
        finally:
            bar.progress.stop()
    else:
        lines = Lines(console, plan, verbose=verbose)
        try:
            yield lines
        finally:
            lines.finish()


class _Nothing:
    def show(self, event: Event) -> None:
        """Show nothing."""
