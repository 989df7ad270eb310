"""The tutor: goals out of a plan, judged by the artifacts, not by the text that was typed.

Pure. A goal is one step of the document; it is met when what the step makes is as the step's own
checks want it, whichever command made it, and in whichever order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Literal

from mtls_openssl.artifact import Artifact, without_errata
from mtls_openssl.checks import Verdict
from mtls_openssl.glossary import Explanation
from mtls_openssl.plan import FOLDERS, Plan
from mtls_openssl.step import Step, WrittenFile
from mtls_openssl.typed import Typed

HOLE = "____"
"""What stands for a value in a hint."""


@dataclass(frozen=True)
class Goal:
    """One step of the document that the learner takes."""

    step: Step
    artifacts: tuple[Artifact, ...]
    """What is judged; where there is none, the command itself counts."""
    given: tuple[WrittenFile, ...] = ()
    """The files that the tutor wrote, because no openssl command does."""
    reason: str = ""
    """Why those files say what they say."""

    @property
    def id(self) -> str:
        """The step's."""
        return self.step.id

    @property
    def files(self) -> tuple[str, ...]:
        """The files that the learner makes for it."""
        return tuple(artifact.path for artifact in self.artifacts)

    @property
    def involved(self) -> tuple[str, ...]:
        """The files whose change calls for another look."""
        paths = [
            path
            for item in self.artifacts
            for path in (
                item.path,
                item.same_key_as,
                item.trust,
                item.request,
                item.crl,
                *item.untrusted,
                *item.parts,
            )
        ]
        return tuple(dict.fromkeys(path for path in paths if path))

    @property
    def print(self) -> str:
        """Tell the goal from another of the same name: what is expected, as a digest."""
        return sha256(repr((self.step.argv, self.artifacts)).encode()).hexdigest()[:16]

    def done_by(self, typed: Typed) -> bool:
        """Whether a command that ended well is what a goal without artifacts asks for."""
        same = typed.argv[:2] == self.step.argv[:2]
        return not self.artifacts and same and set(self.step.reads) == typed.reads


def goals(plan: Plan) -> tuple[Goal, ...]:
    """Give the goals of a plan: its steps, but for folders and files that the tutor makes."""
    texts = {file.path: (file, step) for step in plan.steps for file in step.files}
    return tuple(_goal(step, texts) for step in plan.steps if step.argv and step.id != FOLDERS)


def _goal(step: Step, texts: Mapping[str, tuple[WrittenFile, Step]]) -> Goal:
    judged = tuple(without_errata(a) for a in step.artifacts if a.kind != "text")
    own = [texts[path] for path in (*step.reads, *step.writes) if path in texts]
    reasons = [by.explain for _, by in own if by is not step]
    return Goal(step, judged, tuple(file for file, _ in own), " ".join(reasons))


@dataclass(frozen=True)
class Progress:
    """How far the learner is."""

    met: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    hints: Mapping[str, int] = field(default_factory=dict)
    """How many hints were given for a goal."""


@dataclass(frozen=True)
class News:
    """What a command changed for one goal."""

    kind: Literal["met", "wrong", "lost"]
    goal: Goal
    verdicts: tuple[Verdict, ...] = ()

    @property
    def failures(self) -> tuple[Verdict, ...]:
        """What does not hold."""
        return tuple(verdict for verdict in self.verdicts if not verdict.ok)


def current(todo: tuple[Goal, ...], progress: Progress) -> Goal | None:
    """Give the first goal that is neither met nor skipped."""
    left = (goal for goal in todo if goal.id not in progress.met | progress.skipped)
    return next(left, None)


def advance(
    todo: tuple[Goal, ...],
    progress: Progress,
    judged: Mapping[str, tuple[Verdict, ...]],
    touched: frozenset[str],
) -> tuple[Progress, tuple[News, ...]]:
    """Take what was found of the goals looked at; `touched` are the files that changed.

    What is not right is told where the learner just made it, or where it is the goal now.
    """
    now = current(todo, progress)
    met, news = set(progress.met), []
    for goal in todo:
        verdicts = judged.get(goal.id)
        if verdicts is None:
            continue
        if all(verdict.ok for verdict in verdicts):
            if goal.id not in met:
                news.append(News("met", goal, verdicts))
            met.add(goal.id)
        elif goal.id in met:
            met.discard(goal.id)
            news.append(News("lost", goal, verdicts))
        elif goal is now or touched & set(goal.files):
            news.append(News("wrong", goal, verdicts))
    return replace(progress, met=frozenset(met)), tuple(_once(news))


def _once(news: list[News]) -> Iterator[News]:
    """Leave out a file's mode that is wrong while the file itself is: it is set afterwards."""
    fresh = {path for item in news if item.kind == "met" for path in item.goal.files}
    for item in news:
        kinds = {artifact.kind for artifact in item.goal.artifacts}
        if not (item.kind == "wrong" and kinds == {"mode"} and fresh & set(item.goal.files)):
            yield item


def hinted(progress: Progress, goal: Goal) -> tuple[Progress, int]:
    """Count a hint; gives its number, 3 at most."""
    number = min(progress.hints.get(goal.id, 0) + 1, 3)
    return replace(progress, hints={**progress.hints, goal.id: number}), number


def with_holes(explanation: Explanation) -> tuple[str, ...]:
    """Give a command with a hole for each value and argument, its options left to see."""
    words: list[str] = []
    for word in explanation.words:
        if word.option is None or not word.text[0].startswith(("-", ">")):
            words.append(HOLE)
        else:
            words += [word.text[0].partition("=")[0], *([HOLE] if word.value else [])]
    return (*explanation.head, *words)


def aim(goal: Goal) -> str:
    """Say what is to be made: "an RSA key of 2048 bits in ca.key"."""
    if not goal.artifacts:
        program = " ".join(goal.step.argv[:2])
        return f"read {' and '.join(goal.step.reads)} by {program}"
    return "; ".join(_aim(artifact) for artifact in goal.artifacts)


def _aim(item: Artifact) -> str:
    asked = {expectation.name: expectation.expected for expectation in item.expectations}
    choose = "that you choose"
    match item.kind:
        case "key":
            lock = f", encrypted under a pass phrase {choose}"
            locked = lock if asked["encrypted"] == "yes" else ""
            return f"{_key(asked['algorithm'])} in {item.path}{locked}"
        case "request":
            return f"a request in {item.path}, with {item.same_key_as}, for {asked['subject']}"
        case "certificate":
            return f"a certificate in {item.path} for {asked['subject']}, {_signed(item, asked)}"
        case "pkcs12":
            certificate, key, *chain = item.parts
            more = f", with {chain[0]}" if chain else ""
            lock = f"under an export password {choose}"
            return f"{certificate} and {key}{more} in {item.path}, {lock}"
        case "mode":
            return f"{item.path} with mode {item.mode}"
        case "crl":
            return f"the revocation list of {asked['issuer']} in {item.path}"
        case "der" | "crl_der":
            return f"{item.parts[0]} in DER form in {item.path}"
        case "pkcs8":
            return f"{item.same_key_as} as PKCS#8 in DER form in {item.path}"
    return f"{', then '.join(item.parts)} in {item.path}" if item.parts else item.path


def _key(algorithm: str) -> str:
    kind, _, size = algorithm.partition(" ")
    article = "an" if kind[0] in "AEIMR" else "a"
    told = {"RSA": f" of {size} bits", "EC": f" on the curve {size}"}.get(kind, "")
    return f"{article} {kind} key{told}"


def _signed(item: Artifact, asked: Mapping[str, str]) -> str:
    signer = "by itself" if item.trust == item.path else f"by {asked['issuer']}"
    serial = f", with serial number {asked['serial']}" if "serial" in asked else ""
    valid = asked.get("validity") or f"from {asked['dates']}"
    return f"signed {signer}, valid {valid}{serial}"
