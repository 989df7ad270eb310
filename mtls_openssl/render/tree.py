"""The hierarchy as a tree: every entity under its issuer, every step with what would happen."""

from collections.abc import Sequence

from rich.text import Text
from rich.tree import Tree

from mtls_openssl.currency import Decision
from mtls_openssl.member import Member
from mtls_openssl.plan import FOLDERS, Plan
from mtls_openssl.render.text import visible
from mtls_openssl.subject import to_text

_ROLES = {"root": "root authority", "issuing": "issuing authority"}


def tree(plan: Plan, decisions: Sequence[Decision]) -> Tree:
    """Draw the plan with its decisions."""
    due = sum(decision.runs for decision in decisions)
    head = Text(visible(plan.workflow.title), style="bold")
    head.append(f": {due} of {len(decisions)} steps to run, by {plan.version}", style="not bold")
    top = Tree(head, guide_style="dim")
    for decision in _of(decisions, ""):
        if decision.step.id == FOLDERS:
            top.add(_line(decision))
    branches: dict[str, Tree] = {}
    for member in plan.members:
        above = branches[member.issuer.name] if member.issuer else top
        branch = branches[member.name] = above.add(_entity(member))
        for decision in _of(decisions, member.name):
            branch.add(_line(decision))
    for decision in _of(decisions, ""):
        if decision.step.id != FOLDERS:
            top.add(_line(decision))
    return top


def _of(decisions: Sequence[Decision], entity: str) -> list[Decision]:
    return [decision for decision in decisions if decision.step.entity == entity]


def _entity(member: Member) -> Text:
    role = _ROLES.get(member.entity.section, member.entity.section)
    text = Text(visible(member.name), style="bold")
    return text.append(f"  {role}, {visible(to_text(member.subject))}", style="not bold")


def _line(decision: Decision) -> Text:
    step = decision.step
    text = Text(f"{step.number} {visible(step.title)}: ")
    colour = {"run": "yellow", "current": "green", "revoked": "red"}.get(decision.status, "dim")
    text.append(decision.status, style=colour)
    return text.append(f", {visible(decision.reason)}" if decision.reason else "")
