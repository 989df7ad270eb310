"""Does one step: moves away what it replaces, runs it, verifies it, records it, or undoes it."""

import errno
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path as FilePath

from mtls_openssl import checks
from mtls_openssl.artifact import Artifact
from mtls_openssl.errors import (
    BadInput,
    CheckFailed,
    CommandFailed,
    Failure,
    Fault,
    MachineFault,
)
from mtls_openssl.files import write_whole
from mtls_openssl.journal import FOLDER, Disk, Done, Journal
from mtls_openssl.plan import Plan
from mtls_openssl.process import Outcome, Reply, Runner
from mtls_openssl.secret import Closed, Generate, Need, Vault
from mtls_openssl.step import Step, last_writers, lasting
from mtls_openssl.verifier import Report, Verifier

REPLACED = f"{FOLDER}/replaced"
_MACHINE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT, errno.EIO}
_NOT_WRITABLE = re.compile(r"Permission denied|Read-only file system")
_OPENED = re.compile(r"fopen\('?([^',]+)")
"""The file that openssl names in its error queue, as 1.1.1 and as 3.0 write it."""


@dataclass(frozen=True)
class Attempt:
    """A step whose command was run, and that is still to be verified."""

    step: Step
    moved: dict[str, str]
    """The files that were moved away first, and where to."""
    outcome: Outcome


@dataclass(frozen=True)
class Result:
    """What came of a step."""

    attempt: Attempt
    reports: tuple[Report, ...] = ()
    let_pass: tuple[str, ...] = ()
    """Failed checks that an erratum would have mended."""
    failure: Failure | None = None


@dataclass
class Worker:
    """Does steps, several at a time where they share no state."""

    plan: Plan
    directory: FilePath
    journal: Journal
    children: Runner
    verifier: Verifier
    vault: Vault
    _states: dict[str, threading.Lock] = field(default_factory=dict)
    _inner: dict[str, bool] = field(default_factory=dict)
    """Whether each folder, links followed, lies inside the directory."""
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _issuing: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._issuers = {m.name: (m.issuer or m).name for m in self.plan.members}

    def attempt(self, step: Step) -> Attempt:
        """Run a step's command; where that fails, the directory is left as it was.

        Raises:
            CommandFailed: the command ended with an error, or asked the unexpected.
            MachineFault: the disk is full, or not writable.
        """
        moved = self._aside(step)
        self.journal.begin(step.id, moved)
        try:
            for path, kept in moved.items():
                self.move(path, kept)
            with self._holding(step.state):
                return Attempt(step, moved, self._run(step))
        except (Failure, OSError, Fault) as error:
            raise self._failed(error, step, moved) from None

    def conclude(self, attempts: Sequence[Sequence[Attempt]]) -> Iterator[Result]:
        """Verify what was attempted, all of it at once, and record it.

        Each sequence holds steps of one entity, in their order; once one of them turns out wrong,
        the directory is left as it was before it, and what came after it tells nothing.
        """
        wanted = [_lasting(line) for line in attempts]
        artifacts = [artifact for line in wanted for items in line for artifact in items]
        reports = iter(self.verifier.look_at(artifacts, just_made=True))
        for line, items in zip(attempts, wanted, strict=True):
            yield from self._concluded(line, [[next(reports) for _ in each] for each in items])

    def _concluded(
        self, line: Sequence[Attempt], reports: Sequence[Sequence[Report]]
    ) -> Iterator[Result]:
        for number, (attempt, mine) in enumerate(zip(line, reports, strict=True)):
            try:
                let_pass = self._judged(mine)
                with self._issuing:  # from the look at what was issued until it is written down
                    self._once(attempt.step, mine)
                    self.record(attempt.step, mine, let_pass)
            except (Failure, OSError) as error:
                for later in reversed(line[number + 1 :]):
                    self._undo(later.step, later.moved)
                failure = self._failed(error, attempt.step, attempt.moved)
                yield Result(attempt, failure=failure)
                return
            yield Result(attempt, tuple(mine), let_pass)

    def _failed(self, error: Exception, step: Step, moved: dict[str, str]) -> Failure:
        """Take a failed step back; give the failure that a person should see."""
        full = _full(self.directory)
        self._undo(step, moved)
        return _named(error, self.directory, step, full=full)

    def record(self, step: Step, reports: Sequence[Report], let_pass: tuple[str, ...] = ()) -> None:
        """Write into the journal that a step is done."""
        disk = Disk(self.directory, self.journal.prints)
        prints = {path: disk.look(path) for path in (*step.reads, *step.writes)}
        facts: dict[str, str] = {}
        settles = [("rekey", step.entity)] if step.keys else []
        for report in reports:
            if report.artifact.kind == "certificate":
                settles.append(("replace", step.entity))
                facts = {name: report.facts[name] for name in ("not-before", "not-after", "serial")}
                facts["issuer-name"] = self.issuer(step)
            elif report.artifact.kind == "crl":
                facts = {name: report.facts[name] for name in ("not-before", "not-after")}
        done = Done(
            step.identity,
            {path: seen for path in step.reads if (seen := prints[path])},
            {path: seen for path in step.writes if (seen := prints[path])},
            facts,
            let_pass,
        )
        self.journal.finish(step.id, done, tuple(settles))

    def shut(self, step: Step) -> bool:
        """Whether only a secret opens what a step makes, and a look fetches none."""
        return isinstance(self.vault, Closed) and any(needs(step))

    def issuer(self, step: Step) -> str:
        """Give the name of the authority that signs in a step."""
        return self._issuers.get(step.entity, "")

    def move(self, path: str, kept: str) -> None:
        """Move a file away, where it is kept."""
        target = self.directory / kept
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.rename(self.directory / path, target)

    @contextmanager
    def _holding(self, paths: tuple[str, ...]) -> Iterator[None]:
        """Let one step at a time use a file of state."""
        with ExitStack() as stack:
            for path in sorted(paths):
                with self._guard:
                    lock = self._states.setdefault(path, threading.Lock())
                stack.enter_context(lock)
            yield

    def _aside(self, step: Step) -> dict[str, str]:
        """Tell which files the step would write over, and where they are kept."""
        own = {file.path for file in step.files} if step.argv else set()
        for path in (*step.writes, *step.modes, *step.state):
            self._inside(path)
        mine = [path for path in step.writes if path not in own and path not in step.reads]
        there = [path for path in mine if os.path.exists(os.path.join(self.directory, path))]
        if not there:
            return {}
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{time.monotonic_ns() % 10**9:09}"
        return {path: f"{REPLACED}/{stamp}/{path}" for path in there}

    def _inside(self, path: str) -> None:
        """Refuse to follow a symbolic link out of the directory."""
        full = os.path.join(self.directory, path)
        parent = os.path.dirname(full)
        if parent not in self._inner:
            root, real = os.path.realpath(self.directory), os.path.realpath(parent)
            self._inner[parent] = os.path.commonpath([real, root]) == root
        if os.path.islink(full) or not self._inner[parent]:
            raise MachineFault(
                f"{path} leads out of the directory by a symbolic link", "remove the link"
            )

    def _run(self, step: Step) -> Outcome:
        for file in step.files:
            if not (file.once and (self.directory / file.path).exists()):
                write_whole(self.directory / file.path, file.text)
        if not step.argv:
            return Outcome(0, "", "", 0.0)
        replies = [
            Reply(
                answer.kind,
                answer.file,
                self.vault.fetch(answer.need, fresh=answer.fresh) if answer.need else None,
                answer.subject,
            )
            for answer in step.answers
        ]
        outcome = (
            self.children.converse(step.argv, replies) if replies else self.children.run(step.argv)
        )
        if outcome.returncode != 0:
            what = checks.complaint(outcome.answer)
            program = " ".join(step.argv[:2])
            opened = [a.need.purpose for a in step.answers if a.need and not a.fresh]
            shut = re.search(r"(?i)decrypt|could not (read|find).*key|unable to load", what)
            hint = f"is {opened[0]} the right one?" if opened and shut else ""
            raise CommandFailed(f"{program} failed: {what}", hint, outcome.transcript)
        return outcome

    def _judged(self, reports: Sequence[Report]) -> tuple[str, ...]:
        """Give the failed checks that are let pass; raises CheckFailed for any other."""
        failures = [failure for report in reports for failure in report.failures]
        mended = self.plan.verbatim and all(failure.mended_by for failure in failures)
        if failures and not mended:
            first = failures[0]
            raise CheckFailed(
                f"{first.path} is not what the recipe asks for: {first.name}: {first.detail}",
                "; ".join(f"{f.name}: {f.detail}" for f in failures[1:]),
            )
        return tuple(f"{failure.path} {failure.name}" for failure in failures)

    def _once(self, step: Step, reports: Sequence[Report]) -> None:
        """Raise CheckFailed where a new certificate's serial number was issued before."""
        for report in reports:
            serial = report.facts.get("serial", "")
            if (self.issuer(step), serial) in self.journal.issued:
                raise CheckFailed(
                    f"{report.artifact.path} has serial number {serial},"
                    f" which {self.issuer(step)} has issued before",
                    "give it a serial: of its own, or set the CA's serial file past that one",
                )

    def taken(self, step: Step, reports: Sequence[Report]) -> bool:
        """Whether another certificate of the same issuer has the serial number of this one."""
        numbers = {(self.issuer(step), report.facts.get("serial", "")) for report in reports}
        return not numbers.isdisjoint(self.journal.issued) and any(
            (record.facts["issuer-name"], record.facts["serial"]) in numbers
            for other, record in self.journal.done.items()
            if "serial" in record.facts and other.rpartition(".")[0] != step.entity
        )

    def _undo(self, step: Step, moved: dict[str, str]) -> None:
        """Take away what a failed step left, and put back what it was to replace."""
        kept_before = {path for path in step.writes if path in step.reads}
        for path in step.writes:
            full = self.directory / path
            if path in kept_before or not full.exists() or full.is_symlink():
                continue
            if path in moved and not (self.directory / moved[path]).exists():
                continue
            if path in step.keys and full.stat().st_size:
                self.move(path, f"{REPLACED}/failed-{time.time_ns()}/{path}")
            else:
                full.unlink()
        for path, kept in moved.items():
            if (self.directory / kept).exists():
                os.rename(self.directory / kept, self.directory / path)
        with suppress(OSError):  # a step that is begun and not ended is looked at by the next apply
            self.journal.fail(step.id)


def _lasting(line: Sequence[Attempt]) -> list[list[Artifact]]:
    """Give what each step of an entity made, and none after it."""
    last = last_writers(attempt.step for attempt in line)
    return [list(lasting(attempt.step, last)) for attempt in line]


def needs(step: Step) -> Iterator[tuple[Need, bool]]:
    """Give the secrets that a step and its checks will want, and whether one is chosen now."""
    for answer in step.answers:
        if answer.need:
            yield answer.need, answer.fresh
    for artifact in step.artifacts:
        for need in (artifact.need, artifact.key_need):
            if need:
                yield need, False


def fetch_secrets(plan: Plan, vault: Vault, steps: Iterable[Step]) -> None:
    """Fetch every secret that steps will want but those drawn at random; raises BadInput."""
    problems = {}
    for step in steps:
        for need, fresh in needs(step):
            if isinstance(need.source, Generate):
                continue
            try:
                vault.fetch(need, fresh=fresh)
            except Fault as fault:
                problem = plan.recipe.document.fault(need.path, fault)
                problems[problem.message] = replace(problem, path=need.path)
    if problems:
        raise BadInput(tuple(problems.values()))


def _full(directory: FilePath) -> bool:
    """Whether the file system has no room left, which openssl does not always notice."""
    room = os.statvfs(directory)
    return room.f_bavail == 0 or (room.f_files > 0 and room.f_favail == 0)


def _named(error: Exception, directory: FilePath, step: Step, *, full: bool) -> Failure:
    """Give the failure that a person should see."""
    output = error.output if isinstance(error, CommandFailed) else ""
    number = error.errno if isinstance(error, OSError) else None
    if full or number == errno.ENOSPC or "No space left" in output:
        return MachineFault(f"the disk is full: {directory}", "make room, then apply again")
    if match := _NOT_WRITABLE.search(output):
        where = _OPENED.search(output)
        return MachineFault(f"{where[1] if where else directory}: {match[0]}", "look at its mode")
    match error:
        case Failure():
            return error
        case Fault():
            return CommandFailed(error.message, error.hint)
        case OSError() if number in _MACHINE:
            return MachineFault(f"{error.filename or directory}: {error.strerror}")
        case OSError():
            return CommandFailed(f"{step.id}: {error.filename}: {error.strerror}")
    return CommandFailed(str(error))
