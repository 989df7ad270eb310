"""What a person sees of steps as they go: a bar at a terminal, else lines."""

import sys
from typing import TYPE_CHECKING, Protocol

from mtls_openssl.cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mtls_openssl.crew import Event
    from mtls_openssl.plan import Plan


def follow(
    plan: "Plan", happening: "Iterable[Event]", output: Output, *, verbose: bool
) -> "dict[str, Event]":
    """Show events as they happen; give the last of each step, by its id."""
    from mtls_openssl import outcome

    events: dict[str, Event] = {}
    view = _view(plan, output, verbose=verbose)
    try:
        for event in happening:
            view.show(event)
            if event.status != "started":
                # A step that was kept is current from then on: its keeping is the news.
                events.setdefault(event.step.id, event)
    finally:
        view.stop()
        output.steps = outcome.steps(plan, events)
    return events


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
