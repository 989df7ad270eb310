"""The hierarchy as a tree: every entity under its issuer, every step with what would happen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from mtls_openssl.currency import Decision
from mtls_openssl.member import Member
from mtls_openssl.plan import FOLDERS, Plan
from mtls_openssl.render.text import visible
from mtls_openssl.subject import to_text

_MORE, _LAST = "├── ", "└── "
_ROLES = {
    "root": "root authority",
    "issuing": "issuing authority",
    "existing": "authority made elsewhere",
}
_COLOURS = {"run": "yellow", "current": "green", "revoked": "red"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the tree."""

    lead: str
    """The guides before it."""
    hanging: str
    """The guides before what of it does not fit on one line."""
    text: Text


def lines(plan: Plan, decisions: Sequence[Decision]) -> Iterator[Line]:
    """Draw the plan with its decisions, a line after another: a fleet may have many thousands."""
    due = sum(decision.runs for decision in decisions)
    head = Text(visible(plan.workflow.title), style="bold")
    head.append(f": {due} of {len(decisions)} steps to run, by {plan.version}", style="not bold")
    yield Line("", "", head)
    tree = _Tree(plan, decisions)
    first = [d for d in tree.steps.get("", ()) if d.step.id == FOLDERS]
    last = [d for d in tree.steps.get("", ()) if d.step.id != FOLDERS]
    yield from tree.below(first, tree.members.get("", []), last, "")


class _Tree:
    def __init__(self, plan: Plan, decisions: Sequence[Decision]) -> None:
        self.steps: dict[str, list[Decision]] = {}
        for decision in decisions:
            self.steps.setdefault(decision.step.entity, []).append(decision)
        self.members: dict[str, list[Member]] = {}
        for member in plan.members:
            above = member.issuer.name if member.issuer else ""
            self.members.setdefault(above, []).append(member)

    def below(
        self,
        first: Sequence[Decision],
        members: Sequence[Member],
        last: Sequence[Decision],
        margin: str,
    ) -> Iterator[Line]:
        """Draw what stands below a line: steps, entities, steps."""
        items: tuple[Decision | Member, ...] = (*first, *members, *last)
        for number, item in enumerate(items, 1):
            ends = number == len(items)
            lead, inner = f"{margin}{_LAST if ends else _MORE}", f"{margin}{'' if ends else '│':4}"
            if isinstance(item, Decision):
                yield Line(lead, inner, _step(item))
            else:
                yield Line(lead, inner, _entity(item))
                own = self.steps.get(item.name, ())
                yield from self.below(own, self.members.get(item.name, ()), (), inner)


def _entity(member: Member) -> Text:
    role = _ROLES.get(member.entity.section, member.entity.section)
    text = Text(visible(member.name), style="bold")
    return text.append(f"  {role}, {visible(to_text(member.subject))}", style="not bold")


def _step(decision: Decision) -> Text:
    step = decision.step
    text = Text(f"{step.number} {visible(step.title)}: ")
    text.append(decision.status, style=_COLOURS.get(decision.status, "dim"))
    return text.append(f", {visible(decision.reason)}" if decision.reason else "")
