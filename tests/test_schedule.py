"""The order of work, with a crew that is only simulated: no thread, no process, no clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtls_openssl.currency import Decision
from mtls_openssl.schedule import BATCH, Schedule, units
from mtls_openssl.step import Step


def decision(identifier: str, *needs: str, runs: bool = True) -> Decision:
    """Decide on a step; what stands before its dot is the entity."""
    entity = identifier.partition(".")[0] if "." in identifier else ""
    step = Step(identifier, entity, "", "", "", "", ("openssl",), needs=needs)
    return Decision(step, runs, "new" if runs else "current")


def identifiers(schedule: Schedule) -> list[list[str]]:
    return [[d.step.id for d in unit] for unit in schedule.units.values()]


@dataclass
class Crew:
    """Workers who do what a schedule hands out, one message at a time, as `runner` has it."""

    schedule: Schedule
    jobs: int
    choose: Callable[[Sequence[str]], str] = field(default=lambda names: names[0])
    """Whose task ends next."""
    running: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By task: the unit that is run, or those that are verified."""
    kept: dict[str, list[str]] = field(default_factory=dict)
    """What was run and is not yet verified: steps by unit."""
    run: list[str] = field(default_factory=list)
    """Steps, in the order in which they were begun."""
    verified: list[str] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def work(self, stop_after: int | None = None) -> None:
        """Work until nothing is left to do."""
        ended = 0
        while True:
            self.schedule.stopped = stop_after is not None and ended >= stop_after
            while len(self.running) < self.jobs and self._begin():
                pass
            if not self.running:
                return
            self._end(self.choose(sorted(self.running)))
            ended += 1

    def _begin(self) -> bool:
        if names := self.schedule.to_verify(self.jobs - len(self.running)):
            assert all(name in self.kept for name in names)
            self.batches.append(len(names))
            self.running[f"verify {names[0]}"] = tuple(names)
            return True
        if name := self.schedule.to_run():
            self._check(name)
            self.run += self._steps(name)
            self.running[f"run {name}"] = (name,)
            return True
        return False

    def _steps(self, name: str) -> list[str]:
        return [d.step.id for d in self.schedule.units[name]]

    def _check(self, name: str) -> None:
        """Nobody is run before what he waits for: verified, or run before by his own."""
        assert not self.schedule.stopped, "nothing new is begun"
        unit = self.schedule.units[name]
        known = {d.step.id for whole in self.schedule.units.values() for d in whole}
        own: set[str] = set()
        entity = unit[0].step.entity
        for each in unit:
            for need in set(each.step.needs) & known:
                by_itself = need.partition(".")[0] == entity and need in self.run
                assert need in self.verified or need in own or by_itself
            own.add(each.step.id)
        for others in self.running.values():
            others_entities = {self.schedule.units[o][0].step.entity for o in others}
            running = not entity or entity not in others_entities
            assert running, "one entity's files are touched by one worker"

    def _end(self, task: str) -> None:
        names = self.running.pop(task)
        if task.startswith("run "):
            [name] = names
            whole = [*self.kept.pop(name, []), *self._steps(name)]
            self.kept[self.schedule.ran(name)] = whole
            return
        for name in names:
            self.verified += self.kept.pop(name)
            self.schedule.done(name)


CHAIN = (
    decision("folders"),
    decision("ca.key", "folders"),
    decision("ca.pem", "ca.key"),
    decision("a.key", "folders"),
    decision("a.pem", "a.key", "ca.pem"),
    decision("a.p12", "a.pem"),
    decision("b.key", "folders"),
    decision("b.pem", "b.key", "ca.pem", "ca.key"),
    decision("trust", "ca.pem"),
)


def test_an_entitys_steps_are_parted_only_where_they_wait_for_another() -> None:
    """A leaf's key is made while its CA's is; its signing waits, and the rest goes on with it."""
    assert [[d.step.id for d in unit] for unit in units(CHAIN).values()] == [
        ["folders"], ["ca.key", "ca.pem"], ["a.key"], ["a.pem", "a.p12"], ["b.key"], ["b.pem"],
        ["trust"],
    ]  # fmt: skip


def test_what_is_current_is_neither_done_nor_waited_for() -> None:
    kept = [decision("ca.key", runs=False), decision("a.key"), decision("a.pem", "a.key", "ca.key")]
    assert [[d.step.id for d in unit] for unit in units(kept).values()] == [["a.key", "a.pem"]]


def test_one_worker_does_first_what_is_ready_first() -> None:
    crew = Crew(Schedule(units(CHAIN)), 1)
    crew.work()
    assert crew.run == [
        "folders", "ca.key", "ca.pem", "a.key", "b.key", "trust", "a.pem", "a.p12", "b.pem",
    ]  # fmt: skip
    assert sorted(crew.verified) == sorted(crew.run)


def test_an_entity_is_verified_as_a_whole_unless_another_waits_for_its_first_part() -> None:
    crew = Crew(Schedule(units(CHAIN)), 1)
    crew.work()
    assert crew.verified.index("a.pem") == crew.verified.index("a.key") + 1
    begin = crew.verified.index("ca.pem")
    assert begin < crew.verified.index("a.key")


def test_units_are_verified_in_batches_for_which_a_process_is_worth_its_start() -> None:
    fleet = [decision("ca.pem"), *(decision(f"d{n}.pem", "ca.pem") for n in range(200))]
    crew = Crew(Schedule(units(fleet)), 1)
    crew.work()
    assert crew.batches == [1, 40, 40, 40, 40, 40]
    assert BATCH == 40


def test_the_last_ones_are_shared_among_idle_workers() -> None:
    fleet = [decision(f"d{n}.pem") for n in range(30)]
    schedule = Schedule(units(fleet))
    while name := schedule.to_run():
        schedule.ran(name)
    assert [len(schedule.to_verify(2)), len(schedule.to_verify(1))] == [15, 15]
    assert schedule.to_verify(2) == []


def test_after_a_stop_nothing_is_begun_and_what_was_run_is_verified() -> None:
    for after in range(12):
        crew = Crew(Schedule(units(CHAIN)), 2)
        crew.work(stop_after=after)
        assert sorted(crew.verified) == sorted(crew.run)
        assert not crew.kept
    assert len(crew.run) == len(CHAIN), "a stop after the end changes nothing"


def test_entities_that_need_each_other_take_turns() -> None:
    """A workflow may have it so."""
    tangled = [
        decision("b.1"),
        decision("a.1", "b.1"),
        decision("b.2", "a.1"),
        decision("b.3", "a.1", "b.1"),
        decision("a.2", "b.3", "b.1"),
    ]
    schedule = Schedule(units(tangled))
    assert identifiers(schedule) == [["b.1"], ["a.1"], ["b.2", "b.3"], ["a.2"]]
    crew = Crew(schedule, 4)
    crew.work()
    assert crew.run == crew.verified == ["b.1", "a.1", "b.2", "b.3", "a.2"]


def test_nothing_to_do_is_done_at_once() -> None:
    schedule = Schedule(units([decision("a.1", runs=False)]))
    assert (schedule.to_run(), schedule.to_verify(1)) == (None, [])


@st.composite
def plans(draw: st.DrawFn) -> list[Decision]:
    """Draw steps of a few entities and of nobody's, each needing any of those before it."""
    made: list[Decision] = []
    count = draw(st.integers(1, 14))
    for number in range(count):
        entity = draw(st.sampled_from(["", "a", "b", "c", "d"]))
        name = f"{entity}.{number}" if entity else f"once{number}"
        earlier = [each.step.id for each in made]
        needs = draw(st.lists(st.sampled_from(earlier), max_size=3)) if earlier else []
        made.append(decision(name, *dict.fromkeys(needs), runs=draw(st.integers(0, 5)) > 0))
    return made


@pytest.mark.parametrize("jobs", [1, 2, 3, 4])
@given(plan=plans(), data=st.data())
def test_whatever_is_planned_all_of_it_is_done_once_and_in_order(
    jobs: int, plan: list[Decision], data: st.DataObject
) -> None:
    crew = Crew(Schedule(units(plan)), jobs, lambda names: data.draw(st.sampled_from(names)))
    crew.work()
    due = [each.step.id for each in plan if each.runs]
    assert sorted(crew.run) == sorted(crew.verified) == sorted(due)
    assert not crew.kept
    for entity in "abcd":
        own = [name for name in due if name.startswith(f"{entity}.")]
        assert [name for name in crew.run if name in own] == own
        assert [name for name in crew.verified if name in own] == own


@pytest.mark.parametrize("jobs", [1, 2, 4])
@given(plan=plans(), data=st.data(), after=st.integers(0, 12))
def test_whenever_it_is_stopped_what_was_run_is_verified(
    jobs: int, plan: list[Decision], data: st.DataObject, after: int
) -> None:
    crew = Crew(Schedule(units(plan)), jobs, lambda names: data.draw(st.sampled_from(names)))
    crew.work(stop_after=after)
    assert sorted(crew.run) == sorted(crew.verified)
    assert not crew.kept
