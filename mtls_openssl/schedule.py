"""Which steps are done together, and what is done next. Pure: no thread, no process, no clock.

Steps of one entity stay together, in their order; entities are done in parallel as soon as what
they need is there. What was run waits to be verified with others of its kind, but for what others
wait for.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import TypeAlias

from mtls_openssl.currency import Decision

Unit: TypeAlias = tuple[Decision, ...]
"""Steps that are done one after another, on one worker."""

BATCH = 40
"""Units that are verified together: enough for a process to be worth its start."""


def units(decisions: Sequence[Decision]) -> dict[str, Unit]:
    """Group the steps that run by entity, parted where one must wait for another entity's.

    So a leaf's key is made while its CA's is, and only its signing waits. A unit waits for what its
    first step waits for, and for units that stand before it: none waits for itself in the end.
    """
    home: dict[str, str] = {}
    units: dict[str, list[Decision]] = {}
    waits: dict[str, set[str]] = {}
    current: dict[str, str] = {}
    for decision in decisions:
        step = decision.step
        if not decision.runs:
            continue
        name = step.entity or step.id
        homes = {home[need] for need in step.needs if need in home}
        others = {unit for unit in homes if (units[unit][0].step.entity or unit) != name}
        if name not in current or not others <= waits[name]:
            current[name] = step.id
            waits[name] = waits.get(name, set()) | others
        home[step.id] = current[name]
        units.setdefault(current[name], []).append(decision)
    return {name: tuple(unit) for name, unit in units.items()}


@dataclass
class Schedule:
    """Hands out units to be run, and those that were run to be verified."""

    units: dict[str, Unit]
    _order: "TopologicalSorter[str]" = field(init=False)
    _waited: set[str] = field(default_factory=set)
    """Units that those of other entities wait for."""
    _then: dict[str, str] = field(default_factory=dict)
    """The unit with which an entity goes on, by the one before."""
    _ready: "deque[str]" = field(default_factory=deque)
    _out: set[str] = field(default_factory=set)
    """Units that were handed out to be run, and have not ended."""
    _held: set[str] = field(default_factory=set)
    """Units not yet run, to which what was run of their entity before is kept."""
    _run: list[str] = field(default_factory=list)
    """Units that were run, and wait to be verified."""
    stopped: bool = False
    """Whether no other unit is to be begun."""

    def __post_init__(self) -> None:
        self._order = self._ordered()
        self._ready.extend(self._order.get_ready())

    def _ordered(self) -> "TopologicalSorter[str]":
        home = {d.step.id: name for name, unit in self.units.items() for d in unit}
        order: TopologicalSorter[str] = TopologicalSorter()
        last: dict[str, str] = {}
        for name, unit in self.units.items():
            above = {home[need] for d in unit for need in d.step.needs if need in home}
            entity = unit[0].step.entity
            self._waited |= {other for other in above if self.units[other][0].step.entity != entity}
            if entity in last:
                above.add(last[entity])
                self._then[last[entity]] = name
            if entity:
                last[entity] = name
            order.add(name, *(above - {name}))
        order.prepare()
        return order

    def to_verify(self, idle: int) -> list[str]:
        """Give the units that are to be verified now, if any; `idle` workers could do so."""
        if self.stopped:
            self._run += self._held
            self._held.clear()
        waited = self._waited.intersection(self._run)
        last = self.stopped or not self._ready
        if not self._run or not (waited or last or len(self._run) >= BATCH):
            return []
        count = BATCH if not last else max(BATCH // 4, -(-len(self._run) // idle))
        part = [*waited, *(name for name in self._run if name not in waited)][:count]
        self._run = [name for name in self._run if name not in set(part)]
        return part

    def to_run(self) -> str | None:
        """Give the next unit that is to be run, if any."""
        if not self._ready or self.stopped:
            return None
        name = self._ready.popleft()
        self._out.add(name)
        self._held.discard(name)
        return name

    def ran(self, name: str) -> str:
        """Take note that a unit was run; give that to which what was run is kept until verified.

        An entity goes on where it only waited for others, and is verified as a whole, unless
        someone else waits for its first part.
        """
        then = self._then.get(name)
        if then and name not in self._waited and not self.stopped:
            self._held.add(then)
            self.done(name)
            return then
        self._run.append(name)
        return name

    def done(self, name: str) -> None:
        """Take note that a unit has ended, whichever way; others may be ready then."""
        if name in self._out:
            self._out.discard(name)
            self._order.done(name)
            self._ready.extend(self._order.get_ready())
