"""What stays of entities that were taken out of the recipe: reported, never deleted."""

from collections.abc import Iterator
from dataclasses import dataclass

from mtls_openssl.journal import Journal
from mtls_openssl.plan import FOLDERS, Plan


@dataclass(frozen=True)
class Orphan:
    """An entity that was made, and that the recipe no longer names."""

    name: str
    files: tuple[str, ...]
    """Those of its files that are still there."""


def find(plan: Plan, journal: Journal) -> tuple[Orphan, ...]:
    """Find what the journal knows and the plan does not, by name; files as they were made."""
    names = {member.name for member in plan.members} | {"recipe"}
    ours = {path for step in plan.steps for path in (*step.writes, *step.state)}
    files: dict[str, list[str]] = {}
    for identifier, record in journal.done.items():
        name = identifier.rpartition(".")[0]
        if identifier != FOLDERS and name not in names:
            files.setdefault(name, []).extend(path for path in record.outputs if path not in ours)
    return tuple(_found(files, journal))


def _found(files: dict[str, list[str]], journal: Journal) -> Iterator[Orphan]:
    for name, paths in sorted(files.items()):
        there = tuple(p for p in dict.fromkeys(paths) if (journal.directory / p).exists())
        if there:
            yield Orphan(name, there)
