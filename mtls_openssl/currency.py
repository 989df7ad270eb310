"""Which steps are current, and why the others are not. Pure but for a look at the disk."""

import difflib
import shlex
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from mtls_openssl import revocation
from mtls_openssl.journal import Done, Journal, Print
from mtls_openssl.plan import Plan
from mtls_openssl.recipe import AUTHORITIES
from mtls_openssl.step import Step, last_writers


class Files(Protocol):
    """Whoever can look at the directory's files."""

    def look(self, path: str) -> Print | None:
        """Give a file's print, or None where it is not there."""

    def mode(self, path: str) -> int | None:
        """Give a file's mode, or None where it is not there."""


@dataclass(frozen=True)
class Wishes:
    """What the person asked for beyond what is due."""

    rekey: frozenset[str] = frozenset()
    replace: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()
    """Entities, or steps by id, beside which nothing is done that they do not need."""
    renew_within: timedelta = timedelta(days=30)

    def intents(self, plan: Plan) -> frozenset[tuple[str, str]]:
        """Give what is asked for, and that the authorities below are issued anew with it."""
        named = self.rekey | self.replace
        below = {
            member.name
            for member in plan.members
            if member.entity.section in AUTHORITIES
            and named & {member.name, *(above.name for above in member.above())}
        }
        rekeyed = {("rekey", name) for name in self.rekey}
        return frozenset(rekeyed | {("replace", name) for name in self.replace | below})


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a step runs, and why."""

    step: Step
    runs: bool
    kind: str
    """new, missing, interrupted, changed, command, input, expires, asked, failed; or, of a step
    that does not run, current, revoked, undecided or left."""
    reason: str = ""

    @property
    def status(self) -> str:
        """What a person is told: run, current, revoked, undecided or left out."""
        return "run" if self.runs else {"left": "left out"}.get(self.kind, self.kind)

    @property
    def keepable(self) -> bool:
        """Whether what lies there may serve, if its checks hold.

        A key may, though the command that would make it has changed: it is never made anew unasked.
        """
        kinds = ("new", "interrupted", "changed", *(("command",) if self.step.keys else ()))
        return self.runs and self.kind in kinds


def decide(
    plan: Plan,
    journal: Journal,
    files: Files,
    wishes: Wishes,
    now: datetime,
    wrong: Collection[str] = (),
) -> tuple[Decision, ...]:
    """Decide for each step of the plan, in its order.

    `wrong` are steps, by id, whose files were looked at already and are not what they should be.
    """
    judge = _Judge(plan, journal, files, wishes, now, wrong)
    decisions = tuple(judge.decide(step) for step in plan.steps)
    return _limited(decisions, wishes.only) if wishes.only else decisions


def _limited(decisions: tuple[Decision, ...], only: frozenset[str]) -> tuple[Decision, ...]:
    """Leave out what was not named, and is not needed by what was."""
    wanted: set[str] = set()
    for decision in reversed(decisions):
        step = decision.step
        if decision.runs and only & {step.entity, step.id}:
            wanted.add(step.id)
        if step.id in wanted:
            wanted.update(step.needs)
    return tuple(
        decision
        if not decision.runs or decision.step.id in wanted
        else replace(decision, runs=False, kind="left")
        for decision in decisions
    )


class _Judge:
    def __init__(
        self,
        plan: Plan,
        journal: Journal,
        files: Files,
        wishes: Wishes,
        now: datetime,
        wrong: Collection[str],
    ) -> None:
        self.journal = journal
        self.files = files
        self.now = now
        self.wrong = wrong
        self.verbatim = plan.verbatim
        self.within = wishes.renew_within
        self.rekey = wishes.rekey | _intended(journal, "rekey")
        self.replace = wishes.replace | _intended(journal, "replace")
        self.remade: dict[str, str] = {}
        """Files that a step before makes anew, and by which reason."""
        self.last_writer = last_writers(plan.steps)
        self.issuers = {
            member.files["certificate"]
            for member in plan.members
            if member.entity.section in AUTHORITIES and "certificate" in member.files
        }
        self.revoked = self._revoked(plan)
        """Entities that were revoked, or stand below one that was, and what to say of them."""

    def _revoked(self, plan: Plan) -> dict[str, str]:
        serials = {
            step.entity: record.facts["serial"]
            for step in plan.steps
            if (record := self.journal.done.get(step.id)) and "serial" in record.facts
        }
        for name in self.rekey | self.replace:
            serials.pop(name, None)  # it is to have another
        return {
            name: f"its issuer {standing.below} was revoked"
            if standing.below
            else f"{standing.entry}; --rekey {name} makes its successor"
            for name, standing in revocation.standings(plan.members, serials).items()
        }

    def decide(self, step: Step) -> Decision:
        if told := self.revoked.get(step.entity):
            return Decision(step, runs=False, kind="revoked", reason=told)
        kind, reason = self.reason(step)
        decision = Decision(step, kind != "current", kind, reason)
        if decision.runs and not self.may_be_kept(decision):
            self.remade |= dict.fromkeys(step.writes, kind)
        return decision

    def may_be_kept(self, decision: Decision) -> bool:
        """Whether a running step may turn out to have nothing to do, so that nothing follows.

        What another step made, such as the same certificate with other dates, hardly serves.
        """
        outputs = decision.step.writes
        if decision.step.id in self.wrong or not decision.keepable or not outputs:
            return False
        others = decision.kind == "new" and any(path in self.journal.prints for path in outputs)
        return not others and all(map(self.files.look, outputs))

    def reason(self, step: Step) -> tuple[str, str]:
        if step.folders:
            missing = [folder for folder in step.folders if self.files.look(folder) is None]
            return ("missing", f"{missing[0]} is missing") if missing else ("current", "")
        if asked := self.asked(step):
            return "asked", asked
        record = self.journal.done.get(step.id)
        if step.id in self.journal.begun:
            return "interrupted", "was interrupted"
        if record is None:
            return self.never_done(step)
        if record.identity != step.identity:
            new = [word for word in step.identity if word not in record.identity]
            if new and all(word.startswith("revoked ") for word in new):
                return "input", f"{', '.join(new)} since"
            return "command", f"command changed: {difference(record.identity, step.identity)}"
        if record.let_pass and not self.verbatim:
            return "failed", f"checks failed: {', '.join(record.let_pass)}"
        return self.on_disk(step, record) or self.inputs(step, record) or self.expiry(step, record)

    def asked(self, step: Step) -> str:
        """Tell whether the person asked for this step to run again."""
        if step.entity in self.rekey and step.keys:
            return f"--rekey {step.entity}"
        if step.entity in self.replace and makes_certificate(step):
            return f"--replace {step.entity}"
        return ""

    def never_done(self, step: Step) -> tuple[str, str]:
        made = (*step.writes, *(file.path for file in step.files))
        missing = [path for path in made if self.files.look(path) is None]
        if missing:
            return "missing", f"{missing[0]} is missing"
        return "new", f"{made[0]} is there already" if made else "not run yet"

    def on_disk(self, step: Step, record: Done) -> tuple[str, str] | None:
        for file in step.files:
            if file.once and self.files.look(file.path) is None:
                return "missing", f"{file.path} is missing"
        own = {file.path for file in step.files} if step.argv else set()
        for path in step.writes:
            if path in own:
                continue
            seen = self.files.look(path)
            if seen is None:
                return "missing", f"{path} is missing"
            ours = self.last_writer[path] == step.id and path in record.outputs
            if ours and seen.digest != record.outputs[path].digest:
                return "changed", f"{path} changed on disk"
        for path in step.modes:
            mode, wanted = self.files.mode(path), int(step.argv[1], 8)
            if mode is not None and mode != wanted and path not in self.remade:
                return "changed", f"the mode of {path} is {mode:o}, not {wanted:o}"
        return None

    def inputs(self, step: Step, record: Done) -> tuple[str, str] | None:
        for path in (*step.reads, *step.modes):
            if path in self.remade:
                word = "re-issued" if path in self.issuers else "made anew"
                return "input", f"{path} is {word}"
        for path in step.reads:
            seen = self.files.look(path)
            before = record.inputs.get(path)
            if seen is None or (before is not None and seen.digest != before.digest):
                return (
                    "input",
                    f"{path} was re-issued" if path in self.issuers else f"{path} changed",
                )
        return None

    def expiry(self, step: Step, record: Done) -> tuple[str, str]:
        """Renew within the time asked for, but never in the first two thirds of a lifetime."""
        if "not-after" not in record.facts or any(artifact.dated for artifact in step.artifacts):
            return "current", ""
        begin, end = (
            datetime.fromisoformat(record.facts[f"not-{side}"]) for side in ("before", "after")
        )
        if end - self.now > min(self.within, (end - begin) / 3):
            return "current", ""
        word = "expired" if end <= self.now else "expires"
        reason = f"{word} on {end:%Y-%m-%d}"
        if step.section in AUTHORITIES and makes_certificate(step):
            return "current", f"{reason}; --replace {step.entity} re-issues it and all below it"
        return "expires", reason


def makes_certificate(step: Step) -> bool:
    """Whether a step issues a certificate."""
    return any(artifact.kind == "certificate" for artifact in step.artifacts)


def _intended(journal: Journal, kind: str) -> frozenset[str]:
    return frozenset(entity for intent, entity in journal.intents if intent == kind)


def difference(before: Iterable[str], after: Iterable[str]) -> str:
    """Tell in a few words how a command changed: -days 365 → -days 730."""
    old, new = list(before), list(after)
    changes = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        lead = [new[c - 1]] if c and new[c - 1].startswith("-") and old[a:b] and new[c:d] else []
        if old[a:b] and new[c:d]:
            changes.append(f"{_shown([*lead, *old[a:b]])} → {_shown(new[c:d])}")
        else:
            changes.append(
                f"without {_shown(old[a:b])}" if old[a:b] else f"with {_shown(new[c:d])}"
            )
    return ", ".join(changes)


def _shown(words: list[str]) -> str:
    text = shlex.join(words)
    return text if len(text) <= 160 else f"{text[:157]}..."
