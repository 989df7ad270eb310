"""What the words of a command mean: `glossary.yaml`, and a command's words held against it.

openssl takes --out FILE and -out=FILE for -out FILE, and a digest's or cipher's own name as an
option (openssl(1)); all of that is understood. Nothing is run to find out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from mtls_openssl import source
from mtls_openssl.errors import BadInput
from mtls_openssl.source import suggestion
from mtls_openssl.version import Constraint, parse_constraint

PATHS = frozenset(("FILE", "DIR", "URI"))
"""The values that name files."""


@dataclass(frozen=True)
class Family:
    """Options that are the names of algorithms, such as -sha256."""

    option: str
    """What stands for them among a command's options: -DIGEST."""
    pattern: re.Pattern[str]
    common: tuple[str, ...]
    """Those that are meant most likely, for whoever misspells one."""


@dataclass(frozen=True)
class Option:
    """An option of one command, or one of its arguments."""

    name: str
    value: str
    """What kind of value follows: FILE, DAYS, …; empty where none does."""
    means: str
    absent: tuple[Constraint, ...] = ()
    """The versions that do not know it."""
    note: str = ""
    """What differs by version."""


@dataclass(frozen=True)
class Command:
    """A command, or another program, with all its options."""

    name: str
    """x509; of another program, its name: cat."""
    summary: str
    options: Mapping[str, Option]
    argument: Option | None = None
    """What a word without an option is."""


@dataclass(frozen=True)
class Word:
    """An option with its value, an argument or a redirection, as it was typed; explained."""

    text: tuple[str, ...]
    option: Option | None
    """None where it is not known."""
    value: str = ""
    hint: str = ""
    """What may have been meant by a word that is not known, or what is missing behind it."""

    @property
    def known(self) -> bool:
        """Whether it is an option that there is, with the value that it wants."""
        return self.option is not None and not self.hint

    @property
    def means(self) -> str:
        """The sentence that explains it."""
        return self.option.means if self.option else ""

    @property
    def note(self) -> str:
        """What differs by version."""
        option = self.option
        return " ".join((*map(_told, option.absent), option.note)).strip() if option else ""


@dataclass(frozen=True)
class Explanation:
    """A command line, word by word."""

    argv: tuple[str, ...]
    command: Command
    words: tuple[Word, ...]

    @property
    def head(self) -> tuple[str, ...]:
        """The words that name the command."""
        return self.argv[:2] if self.argv[0] == "openssl" else self.argv[:1]


@dataclass(frozen=True)
class Glossary:
    """Every command that is known."""

    commands: Mapping[str, Command]
    programs: Mapping[str, Command]
    redirects: Mapping[str, str]
    files: Mapping[str, str]
    """What a kind of file is for; `key.root` wins over `key`."""
    families: tuple[Family, ...] = field(default=())

    def explain(self, words: Sequence[str]) -> tuple[Explanation, ...]:
        """Explain a command line, or several with | between; raises BadInput for none known."""
        lines: list[list[str]] = [[]]
        for word in words:
            if word == "|":
                lines.append([])
            else:
                lines[-1].append(word)
        return tuple(self._explain(tuple(line)) for line in lines)

    def _explain(self, argv: tuple[str, ...]) -> Explanation:
        command = self.command(argv)
        rest = argv[2 if argv[0] == "openssl" else 1 :]
        return Explanation(argv, command, tuple(self._words(command, rest)))

    def command(self, argv: Sequence[str]) -> Command:
        """Find the command that a command line names; raises BadInput."""
        match argv:
            case ("openssl", name, *_) if name in self.commands:
                return self.commands[name]
            case ("openssl", name, *_):
                known = suggestion(name, self.commands)
                raise BadInput((), f"the glossary does not know 'openssl {name}'", known)
            case (name, *_) if name in self.programs:
                return self.programs[name]
        shown = argv[0] if argv else "nothing"
        known = f"openssl and one of its commands, or one of {', '.join(sorted(self.programs))}"
        raise BadInput((), f"the glossary does not know {shown!r}", f"it knows {known}")

    def file(self, kind: str, section: str) -> str:
        """Say what a kind of file is for, or nothing."""
        return self.files.get(f"{kind}.{section}", self.files.get(kind, ""))

    def _words(self, command: Command, rest: tuple[str, ...]) -> Iterator[Word]:
        position = 0
        while position < len(rest):
            word = self._word(command, rest[position], rest[position + 1 : position + 2])
            yield word
            position += len(word.text)

    def _word(self, command: Command, word: str, after: tuple[str, ...]) -> Word:
        if word in self.redirects:
            value = after[0] if after else ""
            target = Option(word, "FILE", self.redirects[word])
            return Word((word, *after), target, value, "" if after else "FILE is missing")
        if not re.match("-.", word):
            return _argument(command, word)
        name, joined, value = re.sub("^--", "-", word).partition("=")
        option = self.find(command, name)
        if option is None:
            return self._unknown(command, word, after)
        if not option.value:
            return Word((word,), option, hint="it takes no value" if joined else "")
        if joined:
            return Word((word,), option, value)
        missing = "" if after else f"{option.value} is missing"
        return Word((word, *after), option, after[0] if after else "", missing)

    def _unknown(self, command: Command, word: str, after: tuple[str, ...]) -> Word:
        """Say what was meant perhaps, and take that one's value along."""
        known = [name for name in command.options if not self._is_family(name)]
        own = [family for family in self.families if family.option in command.options]
        named = [f"-{name}" for family in own for name in family.common]
        algorithm = any(family.pattern.fullmatch(word[1:]) for family in self.families)
        close = get_close_matches(word, [] if algorithm else known + named, n=1, cutoff=0.6)
        meant = self.find(command, close[0]) if close else None
        takes = meant.value if meant else not command.argument
        value = after if takes and after and not re.match("[-<>]", after[0]) else ()
        return Word((word, *value), None, hint=f"did you mean {close[0]}?" if close else "")

    def find(self, command: Command, name: str) -> Option | None:
        """Find an option by its name, an algorithm's own name included."""
        if self._is_family(name):
            return None
        for family in self.families:
            if family.option in command.options and family.pattern.fullmatch(name[1:]):
                return command.options[family.option]
        return command.options.get(name)

    def _is_family(self, name: str) -> bool:
        return any(family.option == name for family in self.families)


def _argument(command: Command, word: str) -> Word:
    argument = command.argument
    if argument is None:
        return Word((word,), None, hint=f"{command.name} takes no argument")
    if command.name == "chmod" and re.fullmatch("0?[0-7]{3}", word):
        return Word((word,), Option("MODE", "", _rights(word[-3:])), word)
    return Word((word,), argument, word)


def _rights(mode: str) -> str:
    """Say what an octal mode allows (chmod(1))."""
    verbs = ((4, "read"), (2, "write"), (1, "execute"))
    told = []
    for who, digit in zip(("the owner", "the group", "everyone else"), mode, strict=True):
        may = [verb for bit, verb in verbs if int(digit, 8) & bit]
        told.append(f"{who} may {' and '.join(may) if may else 'do nothing'}")
    return ", ".join(told)


def _told(absent: Constraint) -> str:
    numbers = ".".join(map(str, absent.numbers))
    match absent.relation:
        case "<":
            return f"From OpenSSL {numbers} on."
        case "<=":
            return f"Not in OpenSSL {numbers} and before."
    return f"No more in OpenSSL {numbers}."


@cache
def load() -> Glossary:
    """Read the glossary that belongs to this program."""
    path = Path(str(resources.files("mtls_openssl") / "glossary.yaml"))
    return build(source.read(path).data)


def build(data: Mapping[str, Any]) -> Glossary:
    """Make a glossary of plain data."""
    families = tuple(
        Family(f"-{name}", re.compile(entry["pattern"]), tuple(entry["common"].split()))
        for name, entry in data["families"].items()
    )
    commands = {name: _command(name, entry, data) for name, entry in data["commands"].items()}
    programs = {name: _program(name, entry) for name, entry in data["programs"].items()}
    return Glossary(commands, programs, data["redirects"], data["files"], families)


def _command(name: str, entry: Mapping[str, Any], data: Mapping[str, Any]) -> Command:
    absent: dict[str, tuple[Constraint, ...]] = {}
    for table in (data["absent"], entry.get("absent", {})):
        for constraint, names in table.items():
            for option in names.split():
                absent[option] = (*absent.get(option, ()), parse_constraint(constraint))
    notes = entry.get("notes", {})
    options = {}
    for table in (*(data["groups"][group] for group in entry["groups"]), entry["options"]):
        for key, means in table.items():
            option, _, value = key.partition(" ")
            options[option] = Option(
                option, value, means, absent.get(option, ()), notes.get(option, "")
            )
    return Command(name, entry["summary"], options, _only_argument(entry.get("arguments", {})))


def _program(name: str, entry: Mapping[str, Any]) -> Command:
    options = {word: Option(word, "", means) for word, means in entry["options"].items()}
    return Command(name, entry["summary"], options, _only_argument(entry["arguments"]))


def _only_argument(arguments: Mapping[str, str]) -> Option | None:
    return next((Option(name, "", means) for name, means in arguments.items()), None)
