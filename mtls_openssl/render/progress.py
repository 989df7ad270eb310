"""Progress at a terminal: a bar with a count, and what runs now."""

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from mtls_openssl.crew import Event
from mtls_openssl.plan import Plan
from mtls_openssl.render.text import visible


class Bar:
    """Draws a bar with a count and a rate, and names what runs now."""

    def __init__(self, plan: Plan) -> None:
        console = Console(stderr=True, highlight=False, markup=False)
        now = TextColumn("{task.description}", markup=False)
        rate = TextColumn("{task.fields[rate]}", markup=False)
        columns = (BarColumn(20), MofNCompleteColumn(), rate, TimeElapsedColumn(), now)
        self.progress = Progress(*columns, console=console, transient=True)
        self.task = self.progress.add_task("", total=len(plan.steps), rate="")
        self.running: dict[str, str] = {}
        self.ended: set[str] = set()
        self.done = 0
        """Steps that ran and have ended."""
        self.began = 0.0

    def show(self, event: Event) -> None:
        """Take the next event; until the first step begins, the person may be asked things."""
        step = event.step
        if event.status == "started":
            if not self.running and not self.done:
                self.progress.start()
                self.began = time.monotonic()
            self.running[step.id] = visible(f"{step.entity or 'recipe'}: {step.title}")
        else:
            self.done += step.id in self.running
            self.running.pop(step.id, None)
            self.ended.add(step.id)
        now = next(reversed(self.running.values()), "")
        self.progress.update(
            self.task, completed=len(self.ended), description=now[:40], rate=self._rate()
        )

    def _rate(self) -> str:
        """Tell how many steps were done in a second."""
        seconds = time.monotonic() - self.began
        return f"{self.done / seconds:.0f}/s" if self.done and seconds > 1 else ""

    def stop(self) -> None:
        """Take the bar away."""
        self.progress.stop()
