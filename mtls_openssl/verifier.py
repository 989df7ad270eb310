"""Looks at the files that a plan makes, by openssl, and judges them."""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Protocol

from mtls_openssl import checks
from mtls_openssl.artifact import Artifact
from mtls_openssl.checks import Answer, Question, Verdict
from mtls_openssl.errors import Fault
from mtls_openssl.process import Outcome, Runner
from mtls_openssl.secret import Need, Secret


class Secrets(Protocol):
    """Whoever gives the secret for a need; raises Fault where it cannot."""

    def fetch(self, need: Need, *, fresh: bool = False) -> Secret:
        """Give the secret."""


@dataclass(frozen=True)
class Report:
    """What was found of one file."""

    artifact: Artifact
    facts: dict[str, str]
    verdicts: tuple[Verdict, ...]
    asked: tuple[tuple[Question, Outcome], ...] = ()
    """The commands that told it, and how they ended."""

    @property
    def failures(self) -> tuple[Verdict, ...]:
        """The verdicts that do not hold."""
        return tuple(verdict for verdict in self.verdicts if not verdict.ok)


@dataclass
class Verifier:
    """Reads files and remembers public keys, so that none is asked for twice."""

    runner: Runner
    secrets: Secrets
    _keys: dict[tuple[str, int, int], str] = field(default_factory=dict)

    def look(self, artifact: Artifact) -> Report:
        """Find out about one file; a file that is not there fails everything."""
        path = self.runner.directory / artifact.path
        asked: list[tuple[Question, Outcome]] = []
        seen: dict[str, str] = {}
        if path.is_symlink() or not path.is_file():
            link = path.is_symlink()
            found = {"trouble": "it is a symbolic link" if link else "there is no such file"}
        else:
            seen = self._on_disk(artifact, path)
            found = seen | self._told(artifact, seen, asked)
        verdicts = checks.judge(artifact, found)
        if trouble := found.get("trouble"):
            readable = Verdict("readable", artifact.path, False, trouble)
            verdicts = (readable, *(v for v in verdicts if v.ok or v.name in seen))
        return Report(artifact, found, verdicts, tuple(asked))

    def look_at(self, artifacts: Iterable[Artifact]) -> tuple[Report, ...]:
        """Find out about several files, in their order."""
        return tuple(self.look(artifact) for artifact in artifacts)

    def _told(
        self, artifact: Artifact, found: dict[str, str], asked: list[tuple[Question, Outcome]]
    ) -> dict[str, str]:
        """Tell what openssl says; a secret that cannot be had keeps the file shut."""
        try:
            answers = {q.about: self._ask(q, asked) for q in checks.questions(artifact)}
            told = checks.facts(artifact, answers)
            if artifact.need and "password?" not in told.get("trouble", "password?"):
                told["trouble"] += f"; is {artifact.need.purpose} the right one?"
            return told | self._compared(artifact, found | told, asked)
        except Fault as fault:
            return {"trouble": fault.message}

    def _ask(self, question: Question, asked: list[tuple[Question, Outcome]]) -> Answer:
        secret = self.secrets.fetch(question.need) if question.need else None
        if question.into:
            outcome = self.runner.pipe(question.argv, question.into, secret)
        else:
            outcome = self.runner.run(question.argv, secret=secret)
        asked.append((question, outcome))
        return Answer(outcome.returncode == 0, outcome.stdout, outcome.transcript)

    def _on_disk(self, artifact: Artifact, path: FilePath) -> dict[str, str]:
        """Tell what needs no openssl: the mode, and whether the text is that of its parts."""
        mode = stat.S_IMODE(path.stat().st_mode)
        found = {"mode": f"{mode:o}", "private": f"mode {mode:o}" if mode & 0o077 else "yes"}
        match artifact.kind:
            case "key":
                found["encrypted"] = checks.encrypted(self._text(artifact.path))
            case "der" | "crl_der":
                pass  # openssl tells
            case _ if artifact.parts and artifact.kind != "pkcs12":
                found["parts"] = self._parts(artifact)
            case "text":
                same = self._text(artifact.path) == artifact.text
                found["content"] = "as written" if same else "another text"
            case "state":
                found["content"] = "there"
            case _:
                found["content"] = "not empty" if path.stat().st_size else "empty"
        return found

    def _parts(self, artifact: Artifact) -> str:
        try:
            wanted = sorted(
                b for part in artifact.parts for b in checks.pem_blocks(self._text(part))
            )
        except OSError as error:
            return f"{os.path.basename(str(error.filename))}: {error.strerror}"
        found = sorted(checks.pem_blocks(self._text(artifact.path)))
        return "exactly what it joins" if wanted and found == wanted else "something else"

    def _compared(
        self, artifact: Artifact, found: dict[str, str], asked: list[tuple[Question, Outcome]]
    ) -> dict[str, str]:
        """Hold a file's public key, and a bundle's certificate, against those of its source."""
        own = found.get("public-key-text")
        if own and artifact.kind in ("key", "request", "certificate"):
            self._remember(artifact.path, own)
        if "pem" in found:
            wanted = checks.pem_blocks(self._text(artifact.parts[0]))
            same = bool(wanted) and found["pem"] == wanted[0]
            return {"content": f"that of {artifact.parts[0]}" if same else "another content"}
        if not artifact.same_key_as:
            return {}
        twin = self._public_key(artifact, asked)
        same = own is not None and own == twin
        other = f"{artifact.same_key_as} cannot be read" if twin is None else "another key"
        compared = {"public-key": f"that of {artifact.same_key_as}" if same else other}
        if artifact.kind == "pkcs12":
            compared["certificate"] = self._same(artifact.parts[0], found.get("bundled"))
            if len(artifact.parts) > 2:
                compared["chain"] = self._same(artifact.parts[2], found.get("bundled-chain"))
        return compared

    def _same(self, path: str, found: str | None) -> str:
        """Tell whether a bundle holds a file's certificates, in whatever order."""
        wanted = checks.pem_blocks(self._text(path), "CERTIFICATE")
        same = sorted(wanted) == sorted(checks.pem_blocks(found or "", "CERTIFICATE"))
        return f"that of {path}" if same else "another certificate"

    def _public_key(self, artifact: Artifact, asked: list[tuple[Question, Outcome]]) -> str | None:
        path = artifact.same_key_as
        try:
            stamp = self._stamp(path)
        except OSError:
            return None
        if stamp not in self._keys:
            kind = "certificate" if artifact.kind == "pkcs12" else _kind_of(self._text(path))
            question = checks.public_key_question(path, artifact.key_need, kind)
            answer = self._ask(question, asked)
            public = checks.public_key(answer.text)
            if not public:
                return None
            self._remember(path, public)
        return self._keys[stamp]

    def _remember(self, path: str, public_key: str) -> None:
        self._keys[self._stamp(path)] = public_key

    def _stamp(self, path: str) -> tuple[str, int, int]:
        status = (self.runner.directory / path).stat()
        return path, status.st_mtime_ns, status.st_ino

    def _text(self, path: str) -> str:
        return (self.runner.directory / path).read_text("utf-8", "replace")


def _kind_of(text: str) -> str:
    return "request" if "CERTIFICATE REQUEST-----" in text else "key"
