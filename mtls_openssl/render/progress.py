"""Progress at a terminal: a bar with a count, and what runs now."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from mtls_openssl.plan import Plan
from mtls_openssl.render.text import visible
from mtls_openssl.runner import Event


class Bar:
    """Draws a bar with a count, and names what runs now."""

    def __init__(self, plan: Plan) -> None:
        console = Console(stderr=True, highlight=False, markup=False)
        now = TextColumn("{task.description}", markup=False)
        columns = (BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn(), now)
        self.progress = Progress(*columns, console=console, transient=True)
        self.task = self.progress.add_task("", total=len(plan.steps))
        self.running: dict[str, str] = {}
        self.ended: set[str] = set()

    def show(self, event: Event) -> None:
        """Take the next event; until the first step begins, the person may be asked things."""
        step = event.step
        if event.status == "started":
            self.progress.start()
            self.running[step.id] = visible(f"{step.number} {step.title}")
        else:
            self.running.pop(step.id, None)
            self.ended.add(step.id)
            self.progress.update(self.task, completed=len(self.ended))
        now = next(iter(self.running.values()), "")
        self.progress.update(self.task, description=now[:40])

    def stop(self) -> None:
        """Take the bar away."""
        self.progress.stop()
