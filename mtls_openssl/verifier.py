"""Looks at the files that a plan makes, by openssl, and judges them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Protocol

from mtls_openssl import batch, checks, inspection
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
    """The commands that told it, and how they ended; those of a batch with its first file."""

    @property
    def failures(self) -> tuple[Verdict, ...]:
        """The verdicts that do not hold."""
        return tuple(verdict for verdict in self.verdicts if not verdict.ok)


@dataclass
class _Look:
    """One file that is being looked at."""

    artifact: Artifact
    seen: dict[str, str]
    """What needs no openssl."""
    told: dict[str, str] = field(default_factory=dict)
    """What openssl says."""
    asked: list[tuple[Question, Outcome]] = field(default_factory=list)
    alone: bool = True
    """Whether openssl was asked about this file by itself."""


@dataclass
class Verifier:
    """Reads files and remembers public keys, so that none is asked for twice."""

    runner: Runner
    secrets: Secrets
    _keys: dict[tuple[str, int, int], str] = field(default_factory=dict)

    def look(self, artifact: Artifact) -> Report:
        """Find out about one file; a file that is not there fails everything."""
        return self.look_at([artifact])[0]

    def look_at(
        self, artifacts: Iterable[Artifact], *, just_made: bool = False
    ) -> tuple[Report, ...]:
        """Find out about several files, in their order, by as few processes as will do.

        Where all of them were `just_made`, a request is judged by the certificate made of it:
        openssl signs none whose own signature is broken, and takes over subject and public key
        (openssl-x509(1), -req).
        """
        looks = [_Look(each, inspection.seen(self._at(each.path), each)) for each in artifacts]
        there = [look for look in looks if "trouble" not in look.seen]
        self._ask_together(there)
        deferred = self._signed(there) if just_made else {}
        for look in there:
            if not look.told and look.artifact.path not in deferred:
                self._ask_alone(look)
        for look in there:
            if certificate := deferred.get(look.artifact.path):
                self._take_over(look, certificate)
        return tuple(self._report(look) for look in looks)

    def _report(self, look: _Look) -> Report:
        """Judge a file; what a batch does not show to be right is asked alone."""
        artifact, found = look.artifact, look.seen | look.told
        if "trouble" not in found:
            found |= self._compared(look, found)
        verdicts = checks.judge(artifact, found)
        if not look.alone and not all(verdict.ok for verdict in verdicts):
            self._ask_alone(look)
            return self._report(look)
        if trouble := found.get("trouble"):
            readable = Verdict("readable", artifact.path, False, trouble)
            verdicts = (readable, *(v for v in verdicts if v.ok or v.name in look.seen))
        return Report(artifact, found, verdicts, tuple(look.asked))

    def _ask_alone(self, look: _Look) -> None:
        """Ask about one file; a secret that cannot be had keeps it shut."""
        artifact = look.artifact
        look.alone = True
        try:
            answers = {q.about: self._ask(q, look.asked) for q in checks.questions(artifact)}
        except Fault as fault:
            look.told = {"trouble": fault.message}
            return
        look.told = checks.facts(artifact, answers)
        if artifact.need and "password?" not in look.told.get("trouble", "password?"):
            look.told["trouble"] += f"; is {artifact.need.purpose} the right one?"
        self._remember(artifact, look.told)

    def _ask_together(self, looks: Sequence[_Look]) -> None:
        """Ask about files of one kind in one process, where there are several."""
        by_path = {look.artifact.path: look for look in looks}
        artifacts = [look.artifact for look in by_path.values()]
        for part in _parts(self._single(batch.keys(artifacts))):
            for path, text in self._read(part, by_path).items():
                self._told(by_path[path], {"text": Answer(True, text)})
        for part in _parts(self._single(batch.certificates(artifacts))):
            texts = self._read(part, by_path)
            shown = by_path[part[0].path].asked
            chains = [self._ask(question, shown).text for question in batch.verifications(part)]
            lists = [self._ask(question, shown).text for question in batch.listings(part)]
            named, unlisted = batch.names("".join(chains)), batch.good("".join(lists))
            for path, answers in batch.answers(part, texts, named, unlisted).items():
                self._told(by_path[path], answers)

    def _single(self, artifacts: Iterable[Artifact]) -> list[Artifact]:
        """Give those whose file holds one thing: of others, a part could pass for a neighbour's."""
        return [each for each in artifacts if inspection.single(self._at(each.path))]

    def _read(self, part: Sequence[Artifact], looks: dict[str, _Look]) -> dict[str, str]:
        asked: list[tuple[Question, Outcome]] = []
        printed = self._ask(batch.reading(part), asked).text
        question, outcome = asked[0]
        shown = Outcome(outcome.returncode, "", outcome.transcript, outcome.seconds)
        looks[part[0].path].asked.append((question, shown))  # without what it printed of keys
        return batch.read(part, printed)

    def _told(self, look: _Look, answers: dict[str, Answer]) -> None:
        look.alone = False
        look.told = checks.facts(look.artifact, answers)
        self._remember(look.artifact, look.told)

    def _signed(self, looks: Sequence[_Look]) -> dict[str, _Look]:
        """Give the certificates that were made of requests, by the request's path."""
        requests = {look.artifact.path for look in looks if look.artifact.kind == "request"}
        return {look.artifact.request: look for look in looks if look.artifact.request in requests}

    def _take_over(self, look: _Look, certificate: _Look) -> None:
        names = ("subject", "public-key-text")
        told = {name: certificate.told[name] for name in names if name in certificate.told}
        if len(told) < len(names):
            self._ask_alone(look)
            return
        look.alone = False
        look.told = {"signature": "good", **told}
        self._remember(look.artifact, look.told)

    def _ask(self, question: Question, asked: list[tuple[Question, Outcome]]) -> Answer:
        secret = self.secrets.fetch(question.need) if question.need else None
        if question.into:
            outcome = self.runner.pipe(question.argv, question.into, secret)
        else:
            outcome = self.runner.run(question.argv, secret=secret)
        asked.append((question, outcome))
        return outcome.answer

    def _compared(self, look: _Look, found: dict[str, str]) -> dict[str, str]:
        """Hold a file's content, public key or certificates against those of its source."""
        artifact = look.artifact
        if artifact.parts and artifact.kind not in ("pkcs12", "der", "crl_der"):
            return {"parts": inspection.parts(self.runner.directory, artifact)}
        if "pem" in found:
            return {"content": self._same(artifact.parts[0], found["pem"], "another content")}
        if not artifact.same_key_as:
            return {}
        try:
            twin = self._public_key(artifact, look.asked)
        except Fault as fault:
            return {"public-key": fault.message}
        same = twin is not None and found.get("public-key-text") == twin
        other = f"{artifact.same_key_as} cannot be read" if twin is None else "another key"
        compared = {"public-key": f"that of {artifact.same_key_as}" if same else other}
        if artifact.kind == "pkcs12":
            bundled, above = found.get("bundled", ""), found.get("bundled-chain", "")
            compared["certificate"] = self._same(artifact.parts[0], bundled)
            if len(artifact.parts) > 2:
                compared["chain"] = self._same(artifact.parts[2], above)
        return compared

    def _same(self, path: str, found: str, other: str = "another certificate") -> str:
        """Tell whether PEM text holds just what a file does, in whatever order."""
        wanted = checks.pem_blocks(inspection.text(self._at(path)))
        same = wanted and sorted(wanted) == sorted(checks.pem_blocks(found))
        return f"that of {path}" if same else other

    def _public_key(self, artifact: Artifact, asked: list[tuple[Question, Outcome]]) -> str | None:
        path = artifact.same_key_as
        try:
            stamp = self._stamp(path)
        except OSError:
            return None
        if stamp not in self._keys:
            kind = "certificate"
            if artifact.kind != "pkcs12":
                kind = inspection.kind_of(inspection.text(self._at(path)))
            question = checks.public_key_question(path, artifact.key_need, kind)
            public = checks.public_key(self._ask(question, asked).text)
            if not public:
                return None
            self._keys[stamp] = public
        return self._keys[stamp]

    def _remember(self, artifact: Artifact, told: dict[str, str]) -> None:
        if artifact.kind in ("key", "request", "certificate") and "public-key-text" in told:
            self._keys[self._stamp(artifact.path)] = told["public-key-text"]

    def _stamp(self, path: str) -> tuple[str, int, int]:
        status = self._at(path).stat()
        return path, status.st_mtime_ns, status.st_ino

    def _at(self, path: str) -> FilePath:
        return self.runner.directory / path


def _parts(artifacts: list[Artifact]) -> list[list[Artifact]]:
    """Part a list for several processes; a file alone is not worth a batch."""
    if len(artifacts) < 2:
        return []
    size = batch.LARGEST
    return [artifacts[start : start + size] for start in range(0, len(artifacts), size)]
