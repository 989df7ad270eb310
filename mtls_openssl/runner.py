"""Runs what a plan's decisions say, and tells of each step as it begins and ends.

Steps of one entity stay on one worker, in order; entities run in parallel as soon as what they
need is there. The first failure lets running steps end and starts no other.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from mtls_openssl import currency, revocation
from mtls_openssl.artifact import without_errata
from mtls_openssl.currency import Decision, Wishes
from mtls_openssl.errors import BadInput, Failure, Fault, Interrupted
from mtls_openssl.journal import Disk, Journal
from mtls_openssl.plan import Plan
from mtls_openssl.process import Outcome
from mtls_openssl.refusals import refuse
from mtls_openssl.secret import Generate, Vault
from mtls_openssl.step import Step
from mtls_openssl.verifier import Report
from mtls_openssl.worker import Worker, needs


@dataclass(frozen=True)
class Event:
    """Something that happened to a step."""

    step: Step
    status: str
    """current, revoked, left out, started, kept, done or failed."""
    reason: str = ""
    """Why it ran; of a current one, what is to be known of it."""
    seconds: float = 0.0
    reports: tuple[Report, ...] = ()
    outcome: Outcome | None = None
    error: Failure | None = None
    let_pass: tuple[str, ...] = ()
    """Failed checks that an erratum would have mended, under --verbatim."""


@dataclass(frozen=True)
class _Ended:
    unit: str
    fault: BaseException | None = None


Unit: TypeAlias = tuple[Decision, ...]
"""Steps that are done one after another, on one worker."""


def look(plan: Plan, journal: Journal, wishes: Wishes) -> tuple[Decision, ...]:
    """Decide which steps are due, with a fresh look at the disk."""
    disk = Disk(journal.directory, journal.prints)
    return currency.decide(plan, journal, disk, wishes, datetime.now(UTC))


def apply(worker: Worker, wishes: Wishes, jobs: int) -> Iterator[Event]:
    """Do what is due; the caller holds the directory's lock.

    Raises:
        Refused: a key or an authority would be replaced without being told to.
        BadInput: a secret that a step needs cannot be had.
        Interrupted: told to stop; every child has ended.
    """
    _recover(worker)
    revocation.restore(worker.directory, [member.name for member in worker.plan.members])
    yield from _keep_what_is_right(worker, wishes)
    decisions = look(worker.plan, worker.journal, wishes)
    refuse(worker, wishes, decisions)
    fetch_secrets(worker.plan, worker.vault, [d.step for d in decisions if d.runs])
    for kind, name in sorted(wishes.intents(worker.plan)):
        worker.journal.intend(kind, name)
    for decision in decisions:
        if not decision.runs:
            record = worker.journal.done.get(decision.step.id)
            let_pass = record.let_pass if record else ()
            yield Event(decision.step, decision.status, decision.reason, let_pass=let_pass)
    yield from _in_parallel(worker, _units(decisions), jobs)


def one(worker: Worker, step: Step, reason: str) -> Iterator[Event]:
    """Do a single step that is in no plan."""
    fetch_secrets(worker.plan, worker.vault, [step])
    decision = Decision(step, runs=True, kind="asked", reason=reason)
    yield Event(step, "started", reason)
    event = _do(worker, decision)
    yield event
    if event.error:
        raise event.error


def fetch_secrets(plan: Plan, vault: Vault, steps: Iterable[Step]) -> None:
    """Fetch every secret that steps will want but those drawn at random; raises BadInput."""
    problems = {}
    for step in steps:
        for need, fresh in needs(step):
            if isinstance(need.source, Generate):
                continue
            try:
                vault.fetch(need, fresh=fresh)
            except Fault as fault:
                problem = plan.recipe.document.fault(need.path, fault)
                problems[problem.message] = replace(problem, path=need.path)
    if problems:
        raise BadInput(tuple(problems.values()))


def _recover(worker: Worker) -> None:
    """Finish moving away what a killed apply had begun to."""
    for moved in worker.journal.begun.values():
        for path, kept in moved.items():
            if not (worker.directory / kept).exists() and (worker.directory / path).exists():
                worker.move(path, kept)


def _keep_what_is_right(worker: Worker, wishes: Wishes) -> Iterator[Event]:
    """Take over files that have no record, or an old one, and pass their checks."""
    for decision in look(worker.plan, worker.journal, wishes):
        step = decision.step
        paths = (*step.writes, *step.modes)
        if not decision.keepable or not step.artifacts or set(step.writes) & set(step.reads):
            continue
        if not all((worker.directory / path).exists() for path in paths):
            continue
        fetch_secrets(worker.plan, worker.vault, [step])
        reports = worker.verifier.look_at(map(without_errata, step.artifacts))
        if not any(report.failures for report in reports):
            worker.record(step, reports)
            yield Event(step, "kept", "it was there, and is right", reports=reports)


def _units(decisions: Sequence[Decision]) -> dict[str, Unit]:
    """Group the steps that run by entity, parted where one must wait for another entity's.

    So a leaf's key is made while its CA's is, and only its signing waits.
    """
    owner = {d.step.id: d.step.entity or d.step.id for d in decisions if d.runs}
    units: dict[str, list[Decision]] = {}
    waits: dict[str, set[str]] = {}
    current: dict[str, str] = {}
    for decision in decisions:
        step = decision.step
        if not decision.runs:
            continue
        name = owner[step.id]
        others = {owner[need] for need in step.needs if owner.get(need, name) != name}
        if name not in current or not others <= waits[name]:
            current[name] = step.id
            waits[name] = waits.get(name, set()) | others
        units.setdefault(current[name], []).append(decision)
    return {name: tuple(unit) for name, unit in units.items()}


def _order(units: dict[str, Unit]) -> "TopologicalSorter[str]":
    home = {decision.step.id: name for name, unit in units.items() for decision in unit}
    order: TopologicalSorter[str] = TopologicalSorter()
    last: dict[str, str] = {}
    for name, unit in units.items():
        above = {home[need] for decision in unit for need in decision.step.needs if need in home}
        entity = unit[0].step.entity
        if entity in last:
            above.add(last[entity])
        if entity:
            last[entity] = name
        order.add(name, *(above - {name}))
    order.prepare()
    return order


def _in_parallel(worker: Worker, units: dict[str, Unit], jobs: int) -> Iterator[Event]:
    try:
        order = _order(units)
    except CycleError:
        # Entities that need each other: a workflow may do that, one step after another.
        units = {"": tuple(decision for unit in units.values() for decision in unit)}
        order = _order(units)
    messages: queue.SimpleQueue[Event | _Ended] = queue.SimpleQueue()
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=jobs) as pool:

        def start(name: str) -> None:
            pool.submit(_work, worker, name, units[name], messages, stop)

        try:
            yield from _watch(order, start, messages, stop)
        except BaseException:
            stop.set()
            worker.children.stop()
            raise


def _watch(
    order: "TopologicalSorter[str]",
    start: Callable[[str], None],
    messages: "queue.SimpleQueue[Event | _Ended]",
    stop: threading.Event,
) -> Iterator[Event]:
    running = 0
    while order.is_active():
        for name in () if stop.is_set() else order.get_ready():
            start(name)
            running += 1
        if not running:
            return
        match messages.get():
            case Event() as event:
                yield event
            case _Ended(name, fault):
                running -= 1
                order.done(name)
                if fault:
                    raise fault


def _work(
    worker: Worker,
    name: str,
    unit: Unit,
    messages: "queue.SimpleQueue[Event | _Ended]",
    stop: threading.Event,
) -> None:
    """Do a unit's steps; whatever happens, say that it has ended."""
    fault: BaseException | None = None
    try:
        for decision in unit:
            if stop.is_set():
                break
            messages.put(Event(decision.step, "started", decision.reason))
            event = _do(worker, decision)
            if event.status == "failed":
                stop.set()
            messages.put(event)
    except BaseException as error:  # noqa: BLE001  it is raised again on the main thread
        fault = error
        stop.set()
    messages.put(_Ended(name, fault))


def _do(worker: Worker, decision: Decision) -> Event:
    start = time.monotonic()
    try:
        result = worker.do(decision.step)
    except Interrupted:
        raise
    except Failure as failure:
        seconds = time.monotonic() - start
        return Event(decision.step, "failed", decision.reason, seconds, error=failure)
    seconds = time.monotonic() - start
    return Event(
        decision.step, "done", decision.reason, seconds, result.reports, result.outcome,
        let_pass=result.let_pass,
    )  # fmt: skip
