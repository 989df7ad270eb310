"""Progress in a pipe: a line for each step that ended, in the plan's order."""

from collections.abc import Callable

from mtls_openssl.crew import Event
from mtls_openssl.plan import Plan
from mtls_openssl.render import report


class Lines:
    """Says a line for each step that ended, in the plan's order, and with more words if asked."""

    def __init__(self, say: Callable[[str], None], plan: Plan, *, verbose: bool) -> None:
        self.say = say
        self.verbose = verbose
        self.order = [step.id for step in plan.steps]
        self.ended: dict[str, Event] = {}

    def show(self, event: Event) -> None:
        """Take the next event; say what can be said in order."""
        if event.status == "started" or event.step.id in self.ended:
            return
        self.ended[event.step.id] = event
        while self.order and self.order[0] in self.ended:
            self._tell(self.ended[self.order.pop(0)])

    def stop(self) -> None:
        """Say what ended while something before it never did."""
        for step in self.order:
            if step in self.ended:
                self._tell(self.ended[step])

    def _tell(self, event: Event) -> None:
        if self.verbose and (event.outcome or event.reports):
            self.say(report.transcript(event))
        if event.status in ("kept", "done", "failed"):
            self.say(f"{report.line(event)}\n")
