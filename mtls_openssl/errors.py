"""What can go wrong, each kind with its exit code (the table in README, "Exit codes")."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias, TypeVar

Item = TypeVar("Item")
Parsed = TypeVar("Parsed")
Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands in a YAML file: ("servers", "api", "names", 0)."""


@dataclass(frozen=True, order=True)
class Problem:
    """One fault of a file that a person wrote, and where its reader's finger should point."""

    file: str
    line: int
    """Counted from 1."""
    column: int
    """Counted from 1, in characters."""
    path: Path
    message: str
    hint: str = ""
    """What to do about it."""
    excerpt: str = ""
    """The line itself, without its end."""
    width: int = 1
    """How many characters are meant, for the caret."""


MOST_AT_A_PLACE = 3
"""Entities of which a problem tells at one place: a fleet's entry may stand for thousands."""


def few(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Keep the first problems of those that many entities have at one place, and count the rest."""
    kept: list[Problem] = []
    seen: dict[tuple[str, int, int, int], list[int]] = {}
    """Where the problems of a place are kept."""
    more: dict[int, int] = {}
    for problem in problems:
        place = (problem.file, problem.line, problem.column, len(problem.path))
        same = seen.setdefault(place, [])
        others = {kept[number].path[:2] for number in same} - {problem.path[:2]}
        if len(others) >= MOST_AT_A_PLACE:
            more[same[-1]] = more.get(same[-1], 0) + 1
            continue
        same.append(len(kept))
        kept.append(problem)
    for number, count in more.items():
        message = f"{kept[number].message} (and {count} more like it)"
        kept[number] = replace(kept[number], message=message)
    return tuple(kept)


class Fault(ValueError):
    """What a value's own parser says of it, before anyone knows the line it stands on."""

    def __init__(
        self,
        message: str,
        hint: str = "",
        path: Path = (),
        word: str = "",
        *,
        hide: bool = False,
        key: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.path = path
        """Where inside the value, if it is a list or a mapping."""
        self.word = word
        """The part of the text that is meant."""
        self.hide = hide
        """Whether the text is a secret, not to be shown again."""
        self.key = key
        """Whether the key is meant, not the value behind it."""
        self.others: tuple[Fault, ...] = ()
        """Further faults of the same value."""


def parse_each(parse: Callable[[Item], Parsed], items: Iterable[tuple[Path, Item]]) -> list[Parsed]:
    """Parse items, each at its path; raises one Fault that carries every item's."""
    parsed = []
    faults: list[Fault] = []
    for path, item in items:
        try:
            parsed.append(parse(item))
        except Fault as fault:
            fault.path = path
            faults.append(fault)
    if faults:
        faults[0].others = tuple(faults[1:])
        raise faults[0]
    return parsed


def told(value: object) -> str:
    """Write a value of a YAML file for a message, as YAML has it."""
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 120 else f"{text[:60]}…"


class Failure(Exception):
    """A failure with a known cause: one clear message, perhaps a remedy, never a traceback."""

    exit_code: ClassVar[int] = 1
    kind: ClassVar[str] = "failure"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class BadInput(Failure):
    """A recipe, a workflow file or a command line that is wrong; every fault is named at once."""

    exit_code = 2
    kind = "input"

    def __init__(self, problems: tuple[Problem, ...], message: str = "", hint: str = "") -> None:
        super().__init__(message or "; ".join(problem.message for problem in problems), hint)
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))


class CommandFailed(Failure):
    """An openssl command ended with an error, or asked what nobody had an answer for."""

    kind = "command"

    def __init__(self, message: str, hint: str = "", output: str = "") -> None:
        super().__init__(message, hint)
        self.output = output
        """What the command printed, secrets masked."""


class CheckFailed(Failure):
    """A command did its work, but what it made is not what the recipe asks for."""

    kind = "check"


class Refused(Failure):
    """A change that would overwrite a key or outdate an authority without being told to."""

    kind = "refused"


class Locked(Failure):
    """Another apply holds the directory."""

    kind = "locked"


class MachineFault(Failure):
    """No openssl, one that is too old, an unwritable directory, a full disk."""

    exit_code = 3
    kind = "machine"


class Interrupted(Failure):
    """The person, or the system, asked to stop."""

    exit_code = 130
    kind = "interrupted"
