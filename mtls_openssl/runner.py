"""Runs what a plan's decisions say, and tells of each step as it begins and ends.

Commands are run as soon as what they need is there; what they made is verified in batches. The
first failure lets running steps end, and verifies them, and starts no other.
"""

import queue
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeAlias

from mtls_openssl import currency, revocation
from mtls_openssl.artifact import without_errata
from mtls_openssl.currency import Decision, Wishes
from mtls_openssl.errors import BadInput, Failure, Fault, Interrupted
from mtls_openssl.journal import Disk, Journal
from mtls_openssl.plan import Plan
from mtls_openssl.process import Outcome
from mtls_openssl.refusals import refuse
from mtls_openssl.schedule import Schedule, units
from mtls_openssl.secret import Generate, Vault
from mtls_openssl.step import Step
from mtls_openssl.verifier import Report
from mtls_openssl.worker import Attempt, Result, Worker, needs


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
class _Ran:
    """The commands of a unit were run, to the end or to a failure."""

    unit: str
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True)
class _Ended:
    """Units were verified; or something went wrong that nobody knows."""

    units: Sequence[str]
    fault: BaseException | None = None


_Message: TypeAlias = Event | _Ran | _Ended


def look(
    plan: Plan, journal: Journal, wishes: Wishes, wrong: Collection[str] = ()
) -> tuple[Decision, ...]:
    """Decide which steps are due, with a fresh look at the disk; `wrong` as `decide` has it."""
    disk = Disk(journal.directory, journal.prints)
    return currency.decide(plan, journal, disk, wishes, datetime.now(UTC), wrong)


def apply(worker: Worker, wishes: Wishes, jobs: int) -> Iterator[Event]:
    """Do what is due; the caller holds the directory's lock.

    Raises:
        Refused: a key or an authority would be replaced without being told to.
        BadInput: a secret that a step needs cannot be had.
        Interrupted: told to stop; every child has ended.
    """
    _recover(worker)
    kinds = ("database", "crl_number")
    kept = [m.files[kind] for m in worker.plan.members for kind in kinds if kind in m.files]
    revocation.restore(worker.directory, kept)
    decisions = look(worker.plan, worker.journal, wishes)
    wrong: set[str] = set()
    found = list(_keep_what_is_right(worker, decisions, wrong))
    yield from found
    if found or wrong:
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
    yield from _Crew(worker, Schedule(units(decisions)), jobs).work()


def one(worker: Worker, step: Step, reason: str) -> Iterator[Event]:
    """Do a single step that is in no plan."""
    fetch_secrets(worker.plan, worker.vault, [step])
    decision = Decision(step, runs=True, kind="asked", reason=reason)
    yield Event(step, "started", reason)
    attempt = worker.attempt(step)
    for result in worker.conclude([[attempt]]):
        yield _event(result, decision, 0.0)


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
    """Finish moving away what a killed apply had begun to; begin a cut-off serial file anew."""
    for moved in worker.journal.begun.values():
        for path, kept in moved.items():
            if not (worker.directory / kept).exists() and (worker.directory / path).exists():
                worker.move(path, kept)
    for path in {path for step in worker.plan.steps for path in step.state}:
        full = worker.directory / path
        if path.endswith(".srl") and full.is_file() and not full.stat().st_size:
            full.unlink()  # -CAcreateserial draws another


def _keep_what_is_right(
    worker: Worker, decisions: Iterable[Decision], wrong: set[str]
) -> Iterator[Event]:
    """Take over files that have no record, or an old one, and pass their checks.

    Steps whose files do not are added to `wrong`, and those that read such files.
    """
    stale: set[str] = set()
    for decision in decisions:
        step = decision.step
        paths = (*step.writes, *step.modes)
        if not decision.keepable or not step.artifacts or set(step.writes) & set(step.reads):
            continue
        if not all((worker.directory / path).exists() for path in paths):
            continue
        if stale.intersection(step.reads):
            wrong.add(step.id)
            stale.update(step.writes)
            continue
        fetch_secrets(worker.plan, worker.vault, [step])
        reports = worker.verifier.look_at(map(without_errata, step.artifacts))
        if not any(report.failures for report in reports) and not worker.taken(step, reports):
            worker.record(step, reports)
            yield Event(step, "kept", "it was there, and is right", reports=reports)
        else:
            wrong.add(step.id)
            stale.update(step.writes)


@dataclass
class _Crew:
    """Workers on threads, and the one who tells them what to do."""

    worker: Worker
    schedule: Schedule
    jobs: int
    messages: "queue.SimpleQueue[_Message]" = field(default_factory=queue.SimpleQueue)
    stop: threading.Event = field(default_factory=threading.Event)
    begun: dict[str, float] = field(default_factory=dict)
    """When each step began, in seconds of the monotonic clock."""
    attempts: dict[str, tuple[Attempt, ...]] = field(default_factory=dict)
    """What was run and is not yet verified, by unit."""

    def __post_init__(self) -> None:
        units = self.schedule.units.values()
        self.decisions = {decision.step.id: decision for unit in units for decision in unit}

    def work(self) -> Iterator[Event]:
        """Do all units; give what happens, as it happens."""
        with ThreadPoolExecutor(max_workers=self.jobs) as pool:
            try:
                yield from self._lead(pool)
            except BaseException:
                self.stop.set()
                self.worker.children.stop()
                raise

    def _lead(self, pool: ThreadPoolExecutor) -> Iterator[Event]:
        busy = 0
        while True:
            self.schedule.stopped = self.stop.is_set()
            while busy < self.jobs and (task := self._next(self.jobs - busy)):
                pool.submit(task)
                busy += 1
            if not busy:
                return
            match self.messages.get():
                case Event() as event:
                    yield event
                case _Ran(name, attempts):
                    busy -= 1
                    self.schedule.stopped = self.stop.is_set()
                    whole = self.attempts.pop(name, ()) + attempts
                    self.attempts[self.schedule.ran(name)] = whole
                case _Ended(names, fault):
                    busy -= 1
                    if fault:
                        raise fault
                    for name in names:
                        self.schedule.done(name)

    def _next(self, idle: int) -> Callable[[], None] | None:
        """Give what an idle worker should do now."""
        if names := self.schedule.to_verify(idle):
            attempts = {name: self.attempts.pop(name) for name in names}
            return partial(self._guarded, names, partial(self._verify, attempts))
        if name := self.schedule.to_run():
            return partial(self._guarded, [name], partial(self._run, name))
        return None

    def _guarded(self, names: Sequence[str], task: Callable[[], _Message]) -> None:
        """Do a task; whatever happens, say that it has ended."""
        try:
            message = task()
        except BaseException as error:  # noqa: BLE001  it is raised again on the main thread
            self.stop.set()
            message = _Ended(names, error)
        self.messages.put(message)

    def _run(self, name: str) -> _Message:
        """Run a unit's commands, one after another."""
        attempts = []
        for decision in self.schedule.units[name]:
            if self.stop.is_set():
                break
            step = decision.step
            self.messages.put(Event(step, "started", decision.reason))
            self.begun[step.id] = time.monotonic()
            try:
                attempts.append(self.worker.attempt(step))
            except Interrupted:
                raise
            except Failure as failure:
                self._tell(_failed(decision, failure, self._seconds(step)))
                break
        return _Ran(name, tuple(attempts))

    def _verify(self, attempts: dict[str, tuple[Attempt, ...]]) -> _Message:
        """Verify what was run of several units, together."""
        for result in self.worker.conclude(list(attempts.values())):
            step = result.attempt.step
            self._tell(_event(result, self.decisions[step.id], self._seconds(step)))
        return _Ended(list(attempts))

    def _tell(self, event: Event) -> None:
        if event.error:
            self.stop.set()
        self.messages.put(event)

    def _seconds(self, step: Step) -> float:
        return time.monotonic() - self.begun[step.id]


def _event(result: Result, decision: Decision, seconds: float) -> Event:
    if result.failure:
        return _failed(decision, result.failure, seconds)
    step, outcome = result.attempt.step, result.attempt.outcome
    return Event(
        step, "done", decision.reason, seconds, result.reports, outcome, let_pass=result.let_pass
    )


def _failed(decision: Decision, failure: Failure, seconds: float) -> Event:
    return Event(decision.step, "failed", decision.reason, seconds, error=failure)
