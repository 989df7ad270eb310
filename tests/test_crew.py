"""Workers on threads, with steps that are only simulated: no process, no file."""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from mtls_openssl.crew import Crew, Event
from mtls_openssl.currency import Decision
from mtls_openssl.errors import CheckFailed, CommandFailed
from mtls_openssl.process import Outcome
from mtls_openssl.schedule import Schedule, units
from mtls_openssl.step import Step
from mtls_openssl.worker import Attempt, Result, Worker

FLEET = [f"c{number}.{part}" for number in range(60) for part in ("key", "request")]


@dataclass
class Children:
    """Takes note that it was told to stop."""

    stopped: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        self.stopped.set()


@dataclass
class Simulated:
    """Does nothing for a step, or what it is told to."""

    does: Callable[[str], object] = lambda _: None
    judges: Callable[[str], CheckFailed | None] = lambda _: None
    children: Children = field(default_factory=Children)
    attempted: list[str] = field(default_factory=list)
    concluded: list[str] = field(default_factory=list)

    def attempt(self, step: Step) -> Attempt:
        self.attempted.append(step.id)
        self.does(step.id)
        return Attempt(step, {}, Outcome(0, "", "", 0.0))

    def conclude(self, attempts: Sequence[Sequence[Attempt]]) -> Iterator[Result]:
        for line in attempts:
            for attempt in line:
                self.concluded.append(attempt.step.id)
                yield Result(attempt, failure=self.judges(attempt.step.id))


def crew(worker: Simulated, *identifiers: str, jobs: int = 2) -> Crew:
    """Gather a crew for steps ENTITY.STEP, of which each needs the one before of its entity."""
    decisions = []
    last: dict[str, str] = {}
    for identifier in identifiers:
        entity = identifier.partition(".")[0]
        needs = (last[entity],) if entity in last else ()
        last[entity] = identifier
        step = Step(identifier, entity, "", "", "", "", ("openssl",), needs=needs)
        decisions.append(Decision(step, True, "new"))
    return Crew(cast("Worker", worker), Schedule(units(decisions)), jobs)


def threads() -> int:
    return threading.active_count()


@pytest.mark.parametrize("jobs", [1, 2, 7])
def test_every_step_is_done_once_and_told_in_its_order(jobs: int) -> None:
    worker = Simulated()
    told = list(crew(worker, *FLEET, jobs=jobs).work())
    assert sorted(worker.attempted) == sorted(worker.concluded) == sorted(FLEET)
    assert len(told) == 2 * len(FLEET)
    for identifier in FLEET:
        assert [e.status for e in told if e.step.id == identifier] == ["started", "done"]


def test_a_step_is_told_to_have_begun_while_it_runs() -> None:
    ended = threading.Event()
    worker = Simulated(does=lambda _: ended.wait(20))
    events = crew(worker, "ca.key").work()
    assert next(events).status == "started"
    assert not worker.concluded
    ended.set()
    assert [event.status for event in events] == ["done"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_after_a_failure_no_step_begins_and_what_ran_is_verified(jobs: int) -> None:
    def fails(step: str) -> None:
        if step == "c7.request":
            raise CommandFailed("it failed")

    before = threads()
    worker = Simulated(does=fails)
    told = list(crew(worker, *FLEET, jobs=jobs).work())
    failed = [event.step.id for event in told if event.status == "failed"]
    assert failed == ["c7.request"]
    assert len(worker.attempted) < len(FLEET)
    assert sorted(worker.concluded) == sorted(set(worker.attempted) - {"c7.request"})
    assert threads() == before


def test_what_turns_out_wrong_stops_the_rest() -> None:
    worker = Simulated(judges=lambda step: CheckFailed("wrong") if step == "c0.key" else None)
    told = list(crew(worker, *FLEET, jobs=1).work())
    assert [event.step.id for event in told if event.error] == ["c0.key"]
    assert len(worker.attempted) < len(FLEET)


def breaks(step: str) -> None:
    raise RuntimeError(step)


@pytest.mark.parametrize("worker", [Simulated(does=breaks), Simulated(judges=breaks)])
def test_what_nobody_expected_is_raised_and_ends_the_children(worker: Simulated) -> None:
    before = threads()
    with pytest.raises(RuntimeError, match=r"c\d"):
        list(crew(worker, *FLEET).work())
    assert worker.children.stopped.is_set()
    assert threads() == before


def test_who_stops_listening_ends_the_children() -> None:
    before = threads()
    worker = Simulated(does=lambda _: worker.children.stopped.wait(20))
    events = crew(worker, *FLEET).work()
    assert next(events).status == "started"
    cast("Generator[Event, None, None]", events).close()
    assert worker.children.stopped.is_set()
    assert threads() == before


def test_nobody_waits_for_a_turn_that_never_comes() -> None:
    worker = Simulated(does=lambda _: time.sleep(0.001))
    for _ in range(20):
        assert len(list(crew(worker, "ca.key", "ca.request", jobs=5).work())) == 4
