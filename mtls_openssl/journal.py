"""What was done in a directory, on disk: one line of JSON for each thing begun, done or failed.

The journal is only ever added to, so that a kill at any moment costs at most its last line. Beside
it lie the lock and the files that were replaced.
"""

import errno
import hashlib
import json
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from mtls_openssl.errors import MachineFault

FOLDER = ".mtls-openssl"
VERSION = 1


@dataclass(frozen=True)
class Print:
    """What a file looked like: its content's SHA-256, and what quickly tells it is the same."""

    digest: str
    size: int = -1
    changed: int = 0
    """Nanoseconds, as in st_mtime_ns."""
    inode: int = 0


@dataclass(frozen=True)
class Done:
    """A step that was done and verified."""

    identity: tuple[str, ...]
    inputs: Mapping[str, Print]
    outputs: Mapping[str, Print]
    facts: Mapping[str, str]
    """of a certificate: not-before, not-after, issuer-name, serial"""
    let_pass: tuple[str, ...] = ()
    """Checks that failed and were let pass, under --verbatim."""


@dataclass
class Journal:
    """The journal of a directory, as it stands."""

    directory: FilePath
    done: dict[str, Done] = field(default_factory=dict)
    begun: dict[str, dict[str, str]] = field(default_factory=dict)
    """Steps begun and not ended, with the files that were to be moved away, and where to."""
    issued: set[tuple[str, str]] = field(default_factory=set)
    """Every serial number ever issued: (the issuing authority's name, decimal)."""
    intents: set[tuple[str, str]] = field(default_factory=set)
    """("rekey" or "replace", entity) that was asked for and is not finished."""
    prints: dict[str, Print] = field(default_factory=dict)
    """The last print of every file that a step made."""
    _descriptor: int = -1
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def path(self) -> FilePath:
        """The journal's file."""
        return self.directory / FOLDER / "journal"

    def load(self) -> "Journal":
        """Read what is there; a last line that was cut off counts as never written."""
        try:
            content = self.path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return self
        except OSError as error:
            raise MachineFault(f"{self.path} cannot be read: {error.strerror}") from None
        for number, line in enumerate(content.split(b"\n")[:-1], 1):
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                raise MachineFault(
                    f"line {number} of {self.path} is damaged",
                    "move that file away: apply then checks what is there, and keeps what is right",
                ) from None
        return self

    @contextmanager
    def writing(self) -> Iterator["Journal"]:
        """Open the journal for adding; the lock must be held."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            with open(descriptor, "rb", closefd=False) as stream:
                content = stream.read()
            os.ftruncate(descriptor, content.rfind(b"\n") + 1)
            self._descriptor = descriptor
            if not content:
                self._add({"journal": VERSION})
            yield self
            os.fsync(descriptor)
        finally:
            self._descriptor = -1
            os.close(descriptor)

    def intend(self, kind: str, entity: str) -> None:
        """Note that a new key or a re-issue was asked for, until it is done."""
        self._add({"intend": kind, "entity": entity})

    def begin(self, step: str, moved: Mapping[str, str]) -> None:
        """Note that a step begins, and which files it moves away first, and where to."""
        self._add({"begun": step, "moved": dict(moved)})

    def finish(self, step: str, record: Done, settles: tuple[tuple[str, str], ...] = ()) -> None:
        """Note that a step was done, and which intents that settles."""
        self._add(
            {
                "done": step,
                "identity": record.identity,
                "inputs": _plain(record.inputs),
                "outputs": _plain(record.outputs),
                "facts": dict(record.facts),
                "let_pass": record.let_pass,
                "settles": settles,
            }
        )

    def fail(self, step: str) -> None:
        """Note that a step failed and left nothing behind."""
        self._add({"failed": step})

    def _add(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        with self._guard:
            end = os.lseek(self._descriptor, 0, os.SEEK_END)
            written = 0
            try:
                written = os.write(self._descriptor, line)
            finally:
                if written != len(line):  # half a line would spoil all that comes after it
                    os.ftruncate(self._descriptor, end)
            if written != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            self._take(entry)

    def _take(self, entry: dict[str, Any]) -> None:
        match entry:
            case {"journal": version}:
                if version != VERSION:
                    raise MachineFault(
                        f"{self.path} was written by another version of mtls-openssl",
                        "use that version, or move the file away",
                    )
            case {"intend": kind, "entity": entity}:
                self.intents.add((kind, entity))
            case {"begun": step, "moved": moved}:
                self.begun[step] = moved
            case {"failed": step}:
                self.begun.pop(step, None)
            case {"done": step}:
                self._take_done(step, entry)
            case _:
                raise ValueError(entry)

    def _take_done(self, step: str, entry: dict[str, Any]) -> None:
        facts = entry["facts"]
        self.begun.pop(step, None)
        self.done[step] = Done(
            tuple(entry["identity"]),
            {path: Print(*seen) for path, seen in entry["inputs"].items()},
            {path: Print(*seen) for path, seen in entry["outputs"].items()},
            facts,
            tuple(entry["let_pass"]),
        )
        self.prints.update(self.done[step].outputs)
        self.intents -= {(kind, entity) for kind, entity in entry["settles"]}
        if "serial" in facts:
            self.issued.add((facts["issuer-name"], facts["serial"]))


def _plain(prints: Mapping[str, Print]) -> dict[str, tuple[str, int, int, int]]:
    return {path: (p.digest, p.size, p.changed, p.inode) for path, p in prints.items()}


@dataclass
class Disk:
    """Looks at a directory's files, hashing only those that may have changed."""

    directory: FilePath
    known: Mapping[str, Print]
    _seen: dict[str, Print | None] = field(default_factory=dict)

    def look(self, path: str, *, again: bool = False) -> Print | None:
        """Give a file's print, or None where it is not there; folders have a print too."""
        if again or path not in self._seen:
            self._seen[path] = self._look(path)
        return self._seen[path]

    def mode(self, path: str) -> int | None:
        """Give a file's mode, or None where it is not there."""
        try:
            return (self.directory / path).stat().st_mode & 0o7777
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _look(self, path: str) -> Print | None:
        full = os.path.join(self.directory, path)
        try:
            status = os.stat(full)
            if stat.S_ISDIR(status.st_mode):
                return Print("folder")
            known = self.known.get(path)
            quick = (status.st_size, status.st_mtime_ns, status.st_ino)
            if known and quick == (known.size, known.changed, known.inode):
                return known
            with open(full, "rb") as stream:
                return Print(hashlib.file_digest(stream, "sha256").hexdigest(), *quick)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise MachineFault(
                f"{path} cannot be read: {error.strerror}", "look at its mode"
            ) from None


def prepare(directory: FilePath) -> None:
    """Make the directory, its .gitignore and the tool's own folder, readable by the owner only.

    Raises:
        MachineFault: it cannot be made or written.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        (directory / FOLDER).mkdir(mode=0o700, exist_ok=True)
        ignore = directory / ".gitignore"
        if not ignore.exists():
            ignore.write_text(
                "# written by mtls-openssl: nothing here belongs into a repository\n*\n"
            )
    except OSError as error:
        raise MachineFault(
            f"{directory} cannot be written: {error.strerror}", "give another by --directory"
        ) from None
