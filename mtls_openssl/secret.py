"""Where a secret comes from, and a value that holds it without ever showing it.

A secret is fetched only when a step that runs needs it. It is kept as an object that refuses to
be printed, formatted, compared by text or pickled, so that a stray f-string fails loudly instead
of writing a pass phrase into a log.
"""

import getpass
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, NoReturn, TypeAlias

from mtls_openssl.errors import Fault, Path
from mtls_openssl.files import write_whole

SHORTEST_PASSPHRASE = 4
"""Characters; under it OpenSSL 1.1.1 asks again for ever, later ones fail (PEM_def_callback)."""
LONGEST = 1023
"""Bytes; openssl reads a pass phrase into PEM_BUFSIZE = 1024."""


class Secret:
    """A pass phrase or password; `reveal` is the only way to its text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text, for the one place that hands it to openssl."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(****)"

    def _refuse(self, *_: object) -> NoReturn:
        raise TypeError("a secret has no text; reveal() it where openssl asks for it")

    __str__ = __format__ = __reduce__ = __reduce_ex__ = __getstate__ = _refuse


@dataclass(frozen=True)
class Env:
    """The value of an environment variable."""

    name: str


@dataclass(frozen=True)
class File:
    """The first line of a file, relative to the recipe's folder."""

    path: str


@dataclass(frozen=True)
class Command:
    """The first line that a command prints; run without a shell, in the recipe's folder."""

    argv: tuple[str, ...]


@dataclass(frozen=True)
class Prompt:
    """What the person types when asked."""


@dataclass(frozen=True)
class Generate:
    """Drawn at random, and kept beside the artifact it protects, readable by its owner only."""


Source: TypeAlias = Env | File | Command | Prompt | Generate

SOURCE_SCHEMA: dict[str, Any] = {
    "title": "Secret",
    "description": "Where a secret comes from; never the secret itself.",
    "oneOf": [
        {
            "type": "object",
            "additionalProperties": False,
            "required": [name],
            "properties": {name: {"description": text, **shape}},
        }
        for name, text, shape in (
            ("env", "The name of an environment variable.", {"type": "string"}),
            ("file", "A file, relative to the recipe; its first line.", {"type": "string"}),
            (
                "command",
                "A command and its arguments; the first line it prints.",
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ),
            ("prompt", "Asked for when it is needed.", {"const": True}),
            ("generate", "Random, kept in ARTIFACT.password.", {"const": True}),
        )
    ],
}

_REMEDY = "write {env: NAME}, {file: PATH}, {command: [...]}, {prompt: true} or {generate: true}"


def parse_source(value: object) -> Source:
    """Read a secret's source as the recipe has it; raises Fault for anything else."""
    if isinstance(value, str | int):
        raise Fault("a secret does not belong in the recipe itself", _REMEDY, hide=True)
    if not isinstance(value, dict) or len(value) != 1:
        raise Fault("a secret has exactly one source", _REMEDY, hide=True)
    [(kind, detail)] = value.items()
    match kind, detail:
        case "env", str(name) if name.isidentifier() and name.isascii():
            return Env(name)
        case "file", str(path) if path and "\0" not in path:
            return File(path)
        case "command", [_, *_] if all(map(_is_word, detail)):
            return Command(tuple(str(w).lower() if isinstance(w, bool) else str(w) for w in detail))
        case "prompt", True:
            return Prompt()
        case "generate", True:
            return Generate()
    wanted = {
        "env": "the name of an environment variable",
        "file": "the path of a file",
        "command": "a list: a program and its arguments",
        "prompt": "true",
        "generate": "true",
    }
    if kind in wanted:
        raise Fault(f"{kind}: takes {wanted[kind]}", _REMEDY, (kind,), hide=True)
    raise Fault(f"{kind!r} is no source of a secret", _REMEDY, (kind,), hide=True, key=True)


def _is_word(value: object) -> bool:
    return isinstance(value, str | int) and "\0" not in str(value)


@dataclass(frozen=True)
class Need:
    """A secret that a step will be asked for."""

    source: Source
    purpose: str
    """What it protects, for a person: "the pass phrase of ca/ca.key"."""
    artifact: str
    """The file it protects, relative to the directory."""
    path: Path
    """Where the recipe says it, or the entity that must."""
    shortest: int = 1

    @property
    def kept(self) -> str:
        """The file, relative to the directory, in which a generated secret is kept."""
        return f"{self.artifact}.password"


Ask: TypeAlias = Callable[[str], str]


def terminal() -> Ask | None:
    """Give a way to ask the person, or None where nobody sits at a terminal."""
    return getpass.getpass if sys.stdin is not None and sys.stdin.isatty() else None


@dataclass
class Vault:
    """Fetches secrets, each once."""

    directory: FilePath
    """Where generated secrets are kept."""
    base: FilePath
    """The recipe's folder, to which `file:` and `command:` are relative."""
    environment: Mapping[str, str] = field(repr=False)
    """What `env:` reads, and, less every variable that an `env:` names, what commands get."""
    ask: Ask | None = None
    hidden: frozenset[str] = frozenset()
    """The environment variables that hold secrets."""
    _known: dict[tuple[Source, str], Secret] = field(default_factory=dict, repr=False)

    def fetch(self, need: Need, *, fresh: bool = False) -> Secret:
        """Give the secret; a `fresh` one is being chosen now and may be generated.

        Raises Fault when it cannot be had, or could not be typed at an openssl prompt.
        """
        shared = isinstance(need.source, Env | File | Command)
        key = (need.source, "" if shared else need.artifact)
        if key not in self._known:
            self._known[key] = Secret(_usable(self._read(need, fresh), need))
        _usable(self._known[key].reveal(), need)
        return self._known[key]

    def _read(self, need: Need, fresh: bool) -> str:
        match need.source:
            case Env(name):
                return self.environment.get(name) or self._asked(
                    need, fresh, f"set the environment variable {name}"
                )
            case File(path):
                return self._line_of(need, self.base / path)
            case Command(argv):
                return self._printed(need, argv)
            case Prompt():
                return self._asked(
                    need, fresh, "run at a terminal, or give it by env:, file: or command:"
                )
            case Generate():
                return self._generated(need, fresh)

    def _asked(self, need: Need, fresh: bool, remedy: str) -> str:
        if self.ask is None:
            raise Fault(f"{need.purpose} is wanted, and there is no terminal to ask on", remedy)
        try:
            for _ in range(3):
                answer = self.ask(f"{need.purpose[0].upper()}{need.purpose[1:]}: ")
                if not fresh or answer == self.ask("The same once more: "):
                    return answer
        except EOFError:
            raise Fault(f"{need.purpose} was not given", remedy) from None
        raise Fault(f"{need.purpose} was typed differently three times", "run again")

    def _line_of(self, need: Need, path: FilePath) -> str:
        try:
            return _first_line(path.read_bytes(), need)
        except OSError as error:
            raise Fault(
                f"{need.purpose} cannot be read from {path}: {error.strerror}",
                "write it on the first line of that file, chmod 600",
            ) from None

    def _printed(self, need: Need, argv: tuple[str, ...]) -> str:
        environment = {k: v for k, v in self.environment.items() if k not in self.hidden}
        try:
            done = subprocess.run(
                argv, cwd=self.base, env=environment, stdout=subprocess.PIPE, check=True
            )
        except (OSError, subprocess.CalledProcessError) as error:
            why = (
                getattr(error, "strerror", "") or f"it ended with {getattr(error, 'returncode', 1)}"
            )
            raise Fault(
                f"the command {argv[0]!r} did not give {need.purpose}: {why}", "run it by hand"
            ) from None
        return _first_line(done.stdout, need)

    def _generated(self, need: Need, fresh: bool) -> str:
        path = self.directory / need.kept
        if path.is_symlink():
            raise Fault(
                f"{need.kept} is a symbolic link", "remove it: a generated secret is a file"
            )
        if fresh and not (path.exists() and path.stat().st_size):
            write_whole(path, secrets.token_urlsafe(24) + "\n")
        return self._line_of(need, path)


class Closed(Vault):
    """Gives no secret: for those who only look."""

    def fetch(self, need: Need, *, fresh: bool = False) -> Secret:  # noqa: ARG002  as a vault's
        """Raise Fault."""
        raise Fault(f"{need.purpose} is not asked for where nothing is run")


def _first_line(content: bytes, need: Need) -> str:
    try:
        return content.split(b"\n", 1)[0].removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError:
        raise Fault(
            f"{need.purpose} is not UTF-8 text", "use a pass phrase of characters"
        ) from None


def _usable(text: str, need: Need) -> str:
    """Give a secret that can be typed at a prompt; raises Fault for one that cannot."""
    if not text.isprintable() and any("\ud800" <= character <= "\udfff" for character in text):
        raise Fault(f"{need.purpose} is not UTF-8 text", "use a pass phrase of characters")
    if len(text) < need.shortest:
        raise Fault(
            f"{need.purpose} is shorter than {need.shortest} characters"
            if text
            else f"{need.purpose} is empty",
            "openssl would not take it; choose a longer one",
        )
    if len(text.encode()) > LONGEST:
        raise Fault(f"{need.purpose} is longer than {LONGEST} bytes", "openssl reads no more")
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise Fault(f"{need.purpose} holds a control character", "it cannot be typed at a prompt")
    return text
