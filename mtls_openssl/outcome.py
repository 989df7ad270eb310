"""What came of an apply: its steps for JSON, its first failure, and until when things hold."""

from collections.abc import Mapping
from typing import Any

from mtls_openssl.crew import Event
from mtls_openssl.errors import CheckFailed
from mtls_openssl.journal import Journal
from mtls_openssl.plan import Plan
from mtls_openssl.render import envelope


def steps(plan: Plan, events: Mapping[str, Event]) -> list[dict[str, Any]]:
    """Give every step of the plan for JSON, also those that the apply never came to."""
    return [
        envelope.event(events[step.id])
        if step.id in events
        else envelope.not_run(step, "stopped before it")
        for step in plan.steps
    ]


def conclude(plan: Plan, events: Mapping[str, Event]) -> None:
    """Raise the first failure in the plan's order; say what was let pass under --verbatim."""
    ordered = [events[step.id] for step in plan.steps if step.id in events]
    if error := next((event.error for event in ordered if event.error), None):
        raise error
    if let_pass := [check for event in ordered for check in event.let_pass]:
        erratum = next(step.erratum for step in plan.steps if step.erratum)
        raise CheckFailed(
            f"the document as it stands does not work with {plan.version}:"
            f" these checks failed: {', '.join(let_pass)}",
            f"{erratum.why} Without --verbatim, the erratum mends it.",
        )


def expiries(plan: Plan, journal: Journal) -> dict[str, str]:
    """Give until when each certificate is valid (ISO 8601), by its path."""
    return {
        path: record.facts["not-after"]
        for step in plan.steps
        if (record := journal.done.get(step.id)) and "not-after" in record.facts
        for path in step.writes
    }
