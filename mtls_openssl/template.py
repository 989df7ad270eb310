"""A command as a person reads it in a tutorial, with `{placeholders}` and `[optional groups]`.

A template is split into words before anything is put in, so that no value can become an option or
a second word. What a command reads and writes follows from its own words (`-in`, `-out`, `>`, …).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TypeAlias

from mtls_openssl.errors import Fault

Value: TypeAlias = str | tuple[str, ...] | None
"""What a placeholder stands for: a text, several, or nothing."""


@dataclass(frozen=True)
class Text:
    """Letters that stay as they are."""

    text: str


@dataclass(frozen=True)
class Slot:
    """A placeholder, `{name}`."""

    name: str


@dataclass(frozen=True)
class Group:
    """An optional group, `[…]` or `[name? …]`."""

    test: str
    parts: "tuple[Part, ...]"


Part: TypeAlias = Text | Slot | Group


@dataclass(frozen=True)
class Template:
    """A text with placeholders and optional groups."""

    parts: tuple[Part, ...]

    def slots(self) -> Iterator[str]:
        """Give the names whose values are put in."""
        yield from _slots(self.parts)

    @cached_property
    def bare(self) -> tuple[str, ...]:
        """The names without whose values there is no text: those outside groups."""
        return tuple(_bare(self.parts))

    def tests(self) -> Iterator[str]:
        """Give the names that are only asked whether they have a value."""
        yield from _tests(self.parts)

    def names(self) -> set[str]:
        """Give every name that the template knows."""
        return {*self.slots(), *self.tests()}

    def filled(self, values: Mapping[str, Value]) -> bool:
        """Whether every placeholder outside groups has a value."""
        return all(map(values.get, self.bare))

    def words(self, values: Mapping[str, Value]) -> tuple[str, ...] | None:
        """Give the command's words, or None where a placeholder outside groups has no value."""
        if not self.filled(values):
            return None
        words: list[str | None] = [None]
        _put(self.parts, values, words)
        return tuple(word for word in words if word is not None)

    def text(self, values: Mapping[str, Value], escape: Callable[[str], str]) -> str | None:
        """Give the text with every value escaped, or None where a bare placeholder has none."""
        if not self.filled(values):
            return None
        return "".join(_texts(self.parts, values, escape))


def parse(source: str) -> Template:
    """Read a template; raises Fault that names the unbalanced or empty part.

    `{{`, `}}`, `[[` and `]]` outside groups stand for the single character.
    """
    parts, rest = _parse(source, depth=0)
    if rest:
        raise Fault("a ] closes no group", "write ]] for the character itself", word=rest)
    return Template(parts)


_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}\[\]]*)\}|[\[\]{}]|[^{}\[\]]+")
_NAME = re.compile(r"[a-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_TEST = re.compile(rf"({_NAME.pattern})\?\s*")


def _parse(source: str, depth: int) -> tuple[tuple[Part, ...], str]:
    """Read parts up to the group's end; give them and what is left, its ] included."""
    parts: list[Part] = []
    while source:
        if depth == 0 and source[:2] in ("[[", "]]"):
            parts.append(Text(source[0]))
            source = source[2:]
        elif source[0] == "]":
            return tuple(parts), source
        elif source[0] == "[":
            group, source = _parse_group(source, depth)
            parts.append(group)
        else:
            part, source = _parse_part(source)
            parts.append(part)
    return tuple(parts), ""


def _parse_group(source: str, depth: int) -> tuple[Group, str]:
    match = _TEST.match(source, 1)
    inner, rest = _parse(source[match.end() if match else 1 :], depth + 1)
    if not rest:
        raise Fault("a [ opens a group that nothing closes", "add ]", word=source)
    if not match and not any(_slots(inner)):
        raise Fault(
            "an optional group needs a placeholder, or a test",
            "write [name? words]; [[ for the character itself",
            word=source[: len(source) - len(rest) + 1],
        )
    return Group(match[1] if match else "", inner), rest[1:]


def _parse_part(source: str) -> tuple[Part, str]:
    match = _TOKEN.match(source)
    assert match  # every character but [ and ] begins a token, and those are taken above
    token, rest = match[0], source[match.end() :]
    if token in ("{{", "}}"):
        return Text(token[0]), rest
    if token in ("{", "}"):
        raise Fault(
            f"a {token} stands alone", f"write {token * 2} for the character itself", word=source
        )
    if match[1] is None:
        return Text(token), rest
    if not _NAME.fullmatch(match[1]):
        raise Fault(f"{token} is no placeholder", "write a name, as in {key}", word=token)
    return Slot(match[1]), rest


def _slots(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Slot):
            yield part.name
        elif isinstance(part, Group):
            yield from _slots(part.parts)


def _tests(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Group):
            if part.test:
                yield part.test
            yield from _tests(part.parts)


def _bare(parts: Iterable[Part]) -> Iterator[str]:
    return (part.name for part in parts if isinstance(part, Slot))


def _kept(group: Group, values: Mapping[str, Value]) -> bool:
    """Whether a group stays: its test holds and each placeholder of its own has a value."""
    if group.test and not values.get(group.test):
        return False
    return all(values.get(name) for name in _bare(group.parts))


def _put(parts: Iterable[Part], values: Mapping[str, Value], words: list[str | None]) -> None:
    """Go on with words, the last of which may not have begun; a tuple is words of its own."""
    for part in parts:
        match part:
            case Slot(name):
                value = values[name]
                if isinstance(value, tuple):
                    words += (*value, None)
                else:
                    words[-1] = (words[-1] or "") + (value or "")  # a word of one piece is shared
            case Group() if _kept(part, values):
                _put(part.parts, values, words)
            case Text(text):
                first, *others = _spaced(text)
                if first is not None:
                    words[-1] = (words[-1] or "") + first
                words += others


@cache
def _spaced(text: str) -> tuple[str | None, ...]:
    """Part a text at its blanks; None is a word that has not begun."""
    return tuple(word or None for word in re.split(r"\s+", text))


def _texts(
    parts: Iterable[Part], values: Mapping[str, Value], escape: Callable[[str], str]
) -> Iterator[str]:
    for part in parts:
        match part:
            case Slot(name):
                value = values[name]
                yield (
                    escape(value) if isinstance(value, str) else ",".join(map(escape, value or ()))
                )
            case Group() if _kept(part, values):
                yield from _texts(part.parts, values, escape)
            case Text(text):
                yield text


@dataclass(frozen=True)
class Effects:
    """What a command does to files, told from its words alone."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    """Files of which only the mode changes."""
    folders: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    """Files that are read and written at once, such as a CA's serial numbers."""


READING = frozenset(
    """
    -in -key -inkey -signkey -CA -CAkey -CAfile -certfile -cert -extfile -untrusted -trusted
    -config -CRLfile -crl -keyfile -revoke -spkac -ss_cert -oldcert
    """.split()
)
"""openssl's options whose value is a file that is read."""
WRITING = frozenset(["-out", "-keyout", "-crlout"])
"""openssl's options whose value is a file that is written."""
FILES = READING | WRITING
VALUED = FILES | frozenset(
    """
    -days -md -set_serial -subj -name -caname -newkey -pkeyopt -algorithm -addext -extensions
    -reqexts -nameopt -certopt -reqopt -purpose -attime -verify_hostname -verify_ip -verify_email
    -verify_name -verify_depth -policy -passin -passout -pass -CApath -CAserial -CAstore -CAform
    -inform -outform -keyform -keypbe -certpbe -macalg -iter -section -startdate -enddate
    -not_before -not_after -crldays -crl_reason -sigopt -rand -writerand -engine -provider
    -checkend -vfyopt -security_level -auth_level
    """.split()
)
"""openssl's options that take a value (openssl-cmds(1))."""


def effects(words: tuple[str, ...]) -> Effects:
    """Tell what a command reads and writes; raises Fault for one that a workflow may not run."""
    words, target, appends = split_redirect(words)
    match words:
        case ("openssl", command, *rest):
            found = _openssl(command, rest)
        case ("cat", _, *_):
            found = Effects(reads=words[1:])
        case ("chmod", mode, _, *_) if re.fullmatch(r"0?[0-7]{3}", mode) and not target:
            found = Effects(modes=words[2:])
        case ("mkdir", "-p", _, *_) if not target:
            found = Effects(folders=words[2:])
        case _:
            raise Fault(
                f"a workflow does not run {' '.join(words[:2]) or 'nothing'!r}",
                "it runs openssl …, cat … > …, chmod MODE FILE, and mkdir -p DIR",
            )
    if words[0] == "cat" and not target:
        raise Fault("cat without > makes nothing", "write cat A B > C")
    if not target:
        return found
    reads = found.reads + ((target,) if appends else ())
    return replace(found, reads=reads, writes=(*found.writes, target))


def split_redirect(words: tuple[str, ...]) -> tuple[tuple[str, ...], str, bool]:
    """Take `> FILE` or `>> FILE` off a command: its words, the file, and whether it appends."""
    if len(words) > 2 and words[-2] in (">", ">>"):
        return words[:-2], words[-1], words[-2] == ">>"
    return words, "", False


_SHELL = re.compile(r"\d*[<>|&].*|.*[;`$].*")


def check_words(words: tuple[str, ...]) -> None:
    """Refuse, in a workflow's own words, what would mean something to a shell; raises Fault.

    There is no shell, so a value that looks so is only a value.
    """
    command, _, _ = split_redirect(words)
    for word in command:
        if _SHELL.fullmatch(word):
            raise Fault(f"{word!r} would need a shell", "one plain command a step", word=word)


LOADING = frozenset("-engine -provider -provider-path -writerand".split())
"""openssl's options that run code from a file, or write where no step says so."""


def _serials(given: dict[str, str], rest: list[str]) -> tuple[str, ...]:
    """Name the file of serial numbers: -CAserial's, or the CA's with .srl after its last dot."""
    if "-CAserial" in given:
        return (given["-CAserial"],)
    ca = given.get("-CA", "")
    return (f"{ca.rpartition('.')[0] or ca}.srl",) if ca and "-CAcreateserial" in rest else ()


def _openssl(command: str, rest: list[str]) -> Effects:
    reads, writes = [], []
    given: dict[str, str] = {}
    position = 0
    while position < len(rest):
        # openssl takes --out FILE and -out=FILE for -out FILE (openssl(1), opt_next).
        word = rest[position]
        option, joined, value = (word[1:] if word.startswith("--") else word).partition("=")
        if not joined and position + 1 < len(rest):
            value = rest[position + 1]
        given[option] = value
        if option in LOADING:
            message = f"a workflow does not use {option}"
            raise Fault(message, "it would run code, or write elsewhere", word=rest[position])
        if option in FILES and not value:
            raise Fault(f"{option} has no value", "name a file after it", word=rest[position])
        if option in READING:
            reads.append(value)
        elif option in WRITING:
            writes.append(value)
        elif command == "verify" and not option.startswith("-"):
            reads.append(rest[position])
        position += 2 if option in VALUED and not joined else 1
    return Effects(tuple(reads), tuple(writes), state=_serials(given, rest))
