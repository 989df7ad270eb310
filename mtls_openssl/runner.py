"""Runs what a plan's decisions say, and tells of each step as it begins and ends."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from mtls_openssl import currency, revocation
from mtls_openssl.artifact import without_errata
from mtls_openssl.crew import Crew, Event, ended
from mtls_openssl.currency import Decision, Wishes
from mtls_openssl.errors import Refused
from mtls_openssl.journal import Disk, Journal
from mtls_openssl.plan import Plan
from mtls_openssl.refusals import refuse
from mtls_openssl.schedule import Schedule, units
from mtls_openssl.step import Step
from mtls_openssl.verifier import Report
from mtls_openssl.worker import Worker, fetch_secrets


def look(
    plan: Plan, journal: Journal, wishes: Wishes, wrong: Collection[str] = ()
) -> tuple[Decision, ...]:
    """Decide which steps are due, with a fresh look at the disk; `wrong` as `decide` has it."""
    disk = Disk(journal.directory, journal.prints)
    return currency.decide(plan, journal, disk, wishes, datetime.now(UTC), wrong)


def foresee(worker: Worker, wishes: Wishes) -> tuple[Decision, ...]:
    """Decide which steps an apply would run; what only a secret could tell is left undecided.

    Raises:
        Refused: an apply would be refused.
    """
    decisions = look(worker.plan, worker.journal, wishes)
    wrong: set[str] = set()
    spared = {}
    for decision, reports in _found_right(worker, decisions, wrong):
        kind, reason = "current", "it is there, and is right"
        if reports is None:
            kind = "undecided"
            reason = f"{decision.step.writes[0]} is there: it is kept if it is right"
        spared[decision.step.id] = replace(decision, runs=False, kind=kind, reason=reason)
    if wrong:
        decisions = look(worker.plan, worker.journal, wishes, wrong)
    decisions = tuple(spared.get(decision.step.id, decision) for decision in decisions)
    refuse(worker, wishes, decisions)
    return decisions


def refusal(worker: Worker, wishes: Wishes, decisions: Iterable[Decision]) -> Refused | None:
    """Give what an apply would be refused for, as far as no file need be looked into."""
    sure = [decision for decision in decisions if not _may_serve(worker, decision)]
    try:
        refuse(worker, wishes, sure)
    except Refused as refused:
        return refused
    return None


def apply(worker: Worker, wishes: Wishes, jobs: int) -> Iterator[Event]:
    """Do what is due; the caller holds the directory's lock.

    Raises:
        Refused: a key or an authority would be replaced without being told to.
        BadInput: a secret that a step needs cannot be had.
        Interrupted: told to stop; every child has ended.
    """
    _recover(worker)
    kinds = ("database", "crl_number")
    ledgers = [m.files[kind] for m in worker.plan.members for kind in kinds if kind in m.files]
    revocation.restore(worker.directory, ledgers)
    decisions = look(worker.plan, worker.journal, wishes)
    wrong: set[str] = set()
    kept = False
    for decision, reports in _found_right(worker, decisions, wrong):
        assert reports is not None  # nothing is shut to who works
        worker.record(decision.step, reports)
        kept = True
        yield Event(decision.step, "kept", "it was there, and is right", reports=reports)
    if kept or wrong:
        decisions = look(worker.plan, worker.journal, wishes, wrong)
    refuse(worker, wishes, decisions)
    fetch_secrets(worker.plan, worker.vault, [d.step for d in decisions if d.runs])
    for kind, name in sorted(wishes.intents(worker.plan)):
        worker.journal.intend(kind, name)
    for decision in decisions:
        if not decision.runs:
            record = worker.journal.done.get(decision.step.id)
            let_pass = record.let_pass if record else ()
            yield Event(decision.step, decision.status, decision.reason, let_pass=let_pass)
    yield from Crew(worker, Schedule(units(decisions)), jobs).work()


def one(worker: Worker, step: Step, reason: str) -> Iterator[Event]:
    """Do a single step that is in no plan."""
    fetch_secrets(worker.plan, worker.vault, [step])
    decision = Decision(step, runs=True, kind="asked", reason=reason)
    yield Event(step, "started", reason)
    attempt = worker.attempt(step)
    for result in worker.conclude([[attempt]]):
        yield ended(result, decision, 0.0)


def _recover(worker: Worker) -> None:
    """Finish moving away what a killed apply had begun to; begin a cut-off serial file anew."""
    for moved in worker.journal.begun.values():
        for path, kept in moved.items():
            if not (worker.directory / kept).exists() and (worker.directory / path).exists():
                worker.move(path, kept)
    for path in {path for step in worker.plan.steps for path in step.state}:
        full = worker.directory / path
        if path.endswith(".srl") and full.is_file() and not full.stat().st_size:
            full.unlink()  # -CAcreateserial draws another


def _found_right(
    worker: Worker, decisions: Iterable[Decision], wrong: set[str]
) -> Iterator[tuple[Decision, tuple[Report, ...] | None]]:
    """Give what has no record, or an old one, and whose files are there and pass their checks.

    Steps whose files do not are added to `wrong`, and those that read such files. What is
    shut has no reports.
    """
    stale: set[str] = set()
    for decision in decisions:
        step = decision.step
        if not _may_serve(worker, decision):
            continue
        if stale.intersection(step.reads):
            wrong.add(step.id)
            stale.update(step.writes)
            continue
        if worker.shut(step):
            yield decision, None
            continue
        fetch_secrets(worker.plan, worker.vault, [step])
        reports = worker.verifier.look_at(map(without_errata, step.artifacts))
        if not any(report.failures for report in reports) and not worker.taken(step, reports):
            yield decision, reports
        else:
            wrong.add(step.id)
            stale.update(step.writes)


def _may_serve(worker: Worker, decision: Decision) -> bool:
    """Whether what a step would make is there, and is only to be looked at."""
    step = decision.step
    if not decision.keepable or not step.artifacts or set(step.writes) & set(step.reads):
        return False
    return all((worker.directory / path).exists() for path in (*step.writes, *step.modes))
