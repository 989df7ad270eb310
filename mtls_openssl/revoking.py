"""Revokes a certificate: its issuer's database says so, and the lists are signed anew."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeAlias

from mtls_openssl import revocation, runner
from mtls_openssl.crew import Event
from mtls_openssl.currency import Decision, Wishes
from mtls_openssl.errors import BadInput, Failure, Refused
from mtls_openssl.journal import Journal
from mtls_openssl.member import Member
from mtls_openssl.plan import Plan
from mtls_openssl.refusals import refuse
from mtls_openssl.step import Step
from mtls_openssl.surroundings import Revoked
from mtls_openssl.worker import Worker, fetch_secrets

Ledgers: TypeAlias = Mapping[str, tuple[Revoked, ...]]
"""By authority: what it has revoked."""


@dataclass(frozen=True)
class Revocation:
    """A certificate that is to be revoked, and the plans before and after."""

    member: Member
    step: Step
    before: Plan
    """With a database for the issuer."""
    after: Plan
    """With the certificate on its list."""
    already: Revoked | None
    """Its entry, where it was revoked before."""

    @property
    def preparing(self) -> Wishes:
        """What must be there before openssl ca can revoke."""
        assert self.member.issuer
        name = self.member.issuer.name
        return Wishes(
            only=frozenset(f"{name}.{step}" for step in ("database", "crl-number", "ca-config"))
        )

    @property
    def publishing(self) -> Wishes:
        """What is signed anew afterwards: the issuer's list, and whatever above it lacks one."""
        names = (authority.name for authority in self.member.above())
        steps = {f"{name}.{step}" for name in names for step in ("crl", "crl-der")}
        return Wishes(only=frozenset({*steps, "recipe.crls"}))

    def due(self, journal: Journal) -> tuple[Decision, ...]:
        """Decide what runs, in its order: what prepares, the revocation itself, what publishes."""
        first = _due(self.before, journal, self.preparing)
        reason = f"revoke {self.member.name}"
        itself = () if self.already else (Decision(self.step, True, "asked", reason),)
        there = {decision.step.id for decision in first}
        last = (d for d in _due(self.after, journal, self.publishing) if d.step.id not in there)
        return (*first, *itself, *last)


def _due(plan: Plan, journal: Journal, wishes: Wishes) -> list[Decision]:
    return [decision for decision in runner.look(plan, journal, wishes) if decision.runs]


def prepare(
    worker: Worker, planned: Callable[[Ledgers], Plan], name: str, reason: str
) -> Revocation:
    """Look at what is to be revoked.

    Raises:
        BadInput: nobody of this recipe could revoke it.
        Refused: there is no certificate yet, or its issuer was revoked itself.
    """
    member = next(member for member in worker.plan.members if member.name == name)
    issuer = _issuer(member)
    known = {m.name: m.revoked for m in worker.plan.members if m.revoked is not None}
    before = planned({issuer.name: (), **known})
    member = next(member for member in before.members if member.name == name)
    _refuse_below_revoked(before, worker.journal, name, issuer.name)
    artifact = next(
        artifact
        for step in worker.plan.of(name)
        for artifact in step.artifacts
        if artifact.kind == "certificate"
    )
    facts = worker.verifier.look(artifact).facts
    if "serial" not in facts:
        told = facts.get("trouble", "it cannot be read")
        raise Refused(f"there is no certificate of {name} to revoke: {told}", "apply makes it")
    serial = int(facts["serial"])
    entries = known.get(issuer.name, ())
    already = next((entry for entry in entries if entry.serial == serial), None)
    own = () if already else (Revoked(serial, datetime.now(UTC), reason),)
    after = planned({**known, issuer.name: (*entries, *own)})
    return Revocation(member, revocation.step(member, reason), before, after, already)


def _refuse_below_revoked(plan: Plan, journal: Journal, name: str, issuer: str) -> None:
    """Refuse what nobody would read: the list of an authority that was revoked."""
    decisions = runner.look(plan, journal, Wishes())
    if any(d.step.entity == issuer and d.kind == "revoked" for d in decisions):
        message = f"{issuer}, which issued {name}, was revoked, and {name} with it"
        raise Refused(message, f"--rekey {issuer} makes its successor; then {name} can be revoked")


def _issuer(member: Member) -> Member:
    if member.entity.existing:
        message = f"{member.name} was made elsewhere"
        raise BadInput((), message, "revoke it where its issuer keeps its database")
    if member.issuer is None:
        message = f"{member.name} is a root, which nobody above it could revoke"
        raise BadInput((), message, "take it from those who trust it; --replace issues it anew")
    if member.issuer.entity.existing:
        message = f"{member.issuer.name}, which issued {member.name}, was made elsewhere"
        hint = "revoke where its database is: a list made here would lack whom others revoked"
        raise BadInput((), message, hint)
    return member.issuer


def foresee(worker: Worker, what: Revocation) -> tuple[Decision, ...]:
    """Decide what will run; raises Refused where a database has lost whom a list names."""
    due = what.due(worker.journal)
    refuse(replace(worker, plan=what.after), what.publishing, due)
    return due


def revoke(worker: Worker, what: Revocation, due: Iterable[Decision], jobs: int) -> Iterator[Event]:
    """Revoke, and sign the lists anew; what an earlier run has done is not done again.

    Raises:
        BadInput: a secret that is wanted cannot be had; nothing was done.
    """
    fetch_secrets(worker.plan, worker.vault, [decision.step for decision in due])
    yield from _running(runner.apply(replace(worker, plan=what.before), what.preparing, jobs))
    if not what.already:
        yield from runner.one(worker, what.step, f"revoke {what.member.name}")
    yield from _running(runner.apply(replace(worker, plan=what.after), what.publishing, jobs))


def _running(events: Iterator[Event]) -> Iterator[Event]:
    """Give the events of what is done, and raise the first failure at their end.

    The rest of the plan is not this verb's to tell.
    """
    failure: Failure | None = None
    for event in events:
        failure = failure or event.error
        if event.status in ("started", "kept", "done", "failed"):
            yield event
    if failure:
        raise failure
