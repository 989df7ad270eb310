"""Workers on threads: each does a step after another, and what happens is told as it happens.

Commands are run as soon as what they need is there; what they made is verified in batches. The
first failure lets running steps end, and verifies them, and starts no other.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from mtls_openssl.currency import Decision
from mtls_openssl.errors import Failure, Interrupted
from mtls_openssl.process import Outcome
from mtls_openssl.schedule import Schedule
from mtls_openssl.step import Step
from mtls_openssl.verifier import Report
from mtls_openssl.worker import Attempt, Result, Worker

GLANCE = 0.05
"""Seconds after which what has happened is told, at the latest."""


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


@dataclass
class Crew:
    """Workers on threads, each of whom takes from the schedule what is to be done next.

    Nobody is woken but who has something to do: what happens is written down in passing, and told
    a glance later. A thread woken for every step would hold up those that start the next.
    """

    worker: Worker
    schedule: Schedule
    jobs: int
    news: "deque[Event]" = field(default_factory=deque)
    """What has happened, and is still to be told."""
    turn: threading.Condition = field(default_factory=threading.Condition)
    """Held by who looks at the schedule; told when there may be something new in it."""
    busy: int = 0
    """Workers that are doing something."""
    fault: BaseException | None = None
    """What went wrong that is no step's failure."""
    begun: dict[str, float] = field(default_factory=dict)
    """When each step began, in seconds of the monotonic clock."""
    attempts: dict[str, tuple[Attempt, ...]] = field(default_factory=dict)
    """What was run and is not yet verified, by unit."""

    def __post_init__(self) -> None:
        units = self.schedule.units.values()
        self.decisions = {decision.step.id: decision for unit in units for decision in unit}

    def work(self) -> Iterator[Event]:
        """Do all units; give what happens, as it happens."""
        workers = min(self.jobs, len(self.schedule.units))
        threads = [threading.Thread(target=self._serve) for _ in range(workers)]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():
                    thread.join(GLANCE)
                    yield from self._told()
        except BaseException:
            self._give_up()
            raise
        finally:
            for thread in threads:
                if thread.ident:
                    thread.join()
        yield from self._told()
        if self.fault:
            raise self.fault

    def _told(self) -> Iterator[Event]:
        while self.news:
            yield self.news.popleft()

    def _stop(self) -> None:
        """Let no step begin."""
        with self.turn:
            self.schedule.stopped = True

    def _give_up(self) -> None:
        """Let no step begin, and end those that run."""
        self._stop()
        self.worker.children.stop()

    def _serve(self) -> None:
        """Do what is to be done until nothing is left."""
        while task := self._take():
            try:
                task()
            except BaseException as error:  # noqa: BLE001  it is raised again on the main thread
                self.fault = self.fault or error
                self._give_up()
            with self.turn:
                self.busy -= 1
                self.turn.notify_all()

    def _take(self) -> Callable[[], None] | None:
        """Wait for something to do, and give it; nothing once all is done."""
        with self.turn:
            while not (task := self._next(self.jobs - self.busy)):
                if not self.busy:
                    return None
                self.turn.wait()
            self.busy += 1
            return task

    def _next(self, idle: int) -> Callable[[], None] | None:
        """Give what an idle worker should do now."""
        if names := self.schedule.to_verify(idle):
            attempts = {name: self.attempts.pop(name) for name in names}
            return partial(self._verify, attempts)
        if name := self.schedule.to_run():
            return partial(self._run, name)
        return None

    def _run(self, name: str) -> None:
        """Run a unit's commands, one after another."""
        attempts = []
        for decision in self.schedule.units[name]:
            if self.schedule.stopped:
                break
            step = decision.step
            self.news.append(Event(step, "started", decision.reason))
            self.begun[step.id] = time.monotonic()
            try:
                attempts.append(self.worker.attempt(step))
            except Interrupted:
                raise
            except Failure as failure:
                self._tell(_failed(decision, failure, self._seconds(step)))
                break
        with self.turn:
            whole = self.attempts.pop(name, ()) + tuple(attempts)
            self.attempts[self.schedule.ran(name)] = whole

    def _verify(self, attempts: dict[str, tuple[Attempt, ...]]) -> None:
        """Verify what was run of several units, together."""
        for result in self.worker.conclude(list(attempts.values())):
            step = result.attempt.step
            self._tell(ended(result, self.decisions[step.id], self._seconds(step)))
        with self.turn:
            for name in attempts:
                self.schedule.done(name)

    def _tell(self, event: Event) -> None:
        if event.error:
            self._stop()
        self.news.append(event)

    def _seconds(self, step: Step) -> float:
        return time.monotonic() - self.begun[step.id]


def ended(result: Result, decision: Decision, seconds: float) -> Event:
    """Give the event that a step was verified, or found wrong."""
    if result.failure:
        return _failed(decision, result.failure, seconds)
    step, outcome = result.attempt.step, result.attempt.outcome
    return Event(
        step, "done", decision.reason, seconds, result.reports, outcome, let_pass=result.let_pass
    )


def _failed(decision: Decision, failure: Failure, seconds: float) -> Event:
    return Event(decision.step, "failed", decision.reason, seconds, error=failure)
