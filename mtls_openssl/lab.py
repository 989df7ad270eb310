"""The learner's folder: what is made in it is looked at, and the progress is kept.

The pass phrases that the learner chooses are typed to openssl alone; to look into a locked file,
the learner is asked once more.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any, TypeAlias

from mtls_openssl import checks, console, learn
from mtls_openssl.artifact import Artifact
from mtls_openssl.checks import Verdict
from mtls_openssl.errors import Fault, Refused
from mtls_openssl.fields import check_inside
from mtls_openssl.files import write_whole
from mtls_openssl.journal import FOLDER, Journal
from mtls_openssl.learn import Goal, News, Progress
from mtls_openssl.plan import FOLDERS, Plan
from mtls_openssl.process import Runner
from mtls_openssl.secret import Ask, Need, Secret
from mtls_openssl.typed import STREAMS, Typed
from mtls_openssl.verifier import Verifier

VERSION = 1
Stamp: TypeAlias = tuple[int, int, int, int]
"""What tells that a file changed: its time in ns, its size, inode and mode."""


@dataclass
class Remembered:
    """The secrets that the learner chose, asked for when a locked file is looked into."""

    ask: Ask | None
    _known: dict[str, Secret] = field(default_factory=dict, repr=False)
    _made: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """When the file was made that a secret opens: its time, size and inode."""

    def fetch(self, need: Need, *, fresh: bool = False) -> Secret:
        """Give the secret of a file; raises Fault where it is not given."""
        del fresh  # the learner chose it at openssl's prompt, not here
        if need.artifact not in self._known:
            if self.ask is None:
                raise Fault(f"{need.purpose} is wanted, and there is no terminal to ask on")
            try:
                text = self.ask(f"To judge it, the tutor needs {need.purpose}: ")
            except (EOFError, KeyboardInterrupt):
                raise Fault(f"{need.purpose} was not given; check asks again") from None
            self._known[need.artifact] = Secret(text)
        return self._known[need.artifact]

    def forget(self, path: str, stamp: "Stamp | None" = None) -> None:
        """Ask anew where the secret was wrong, or where the file was made anew by that stamp."""
        made = stamp[:3] if stamp else ()
        if not made or self._made.get(path) != made:
            self._known.pop(path, None)
        self._made[path] = made


@dataclass
class Lab:
    """A folder in which a plan's steps are learned."""

    plan: Plan
    runner: Runner
    secrets: Remembered
    goals: tuple[Goal, ...] = ()
    progress: Progress = field(default_factory=Progress)
    _seen: dict[str, dict[str, Stamp | None]] = field(default_factory=dict)
    """What the files of a goal were when they were last judged."""

    def __post_init__(self) -> None:
        self.goals = learn.goals(self.plan)
        self.verifier = Verifier(self.runner, self.secrets)

    @property
    def directory(self) -> FilePath:
        """The folder."""
        return self.runner.directory

    def open(self) -> tuple[News, ...]:
        """Make the folders and the tutor's files; take up the progress that was kept.

        Raises Refused for a folder that an apply made, or for files that are made elsewhere.
        """
        for path in (path for goal in self.goals for path in goal.step.reads):
            try:
                check_inside(path)
            except Fault:
                raise Refused(
                    f"the recipe uses {path}, which is made elsewhere",
                    "learn a recipe without existing: and request:",
                ) from None
        if Journal(self.directory).load().done:
            raise Refused(
                f"{self.directory} was made by apply: there is nothing left to learn in it",
                "name an empty folder by --directory",
            )
        for step in self.plan.steps:
            if step.id == FOLDERS:
                self.runner.run(step.argv)
        self._give()
        self._load()
        return tuple(item for item in self.look() if item.kind != "wrong")

    def _give(self) -> None:
        """Write the files that no openssl command makes, where they are missing."""
        for step in self.plan.steps:
            for file in step.files:
                path = self.directory / file.path
                if not path.exists() and not path.is_symlink():
                    write_whole(path, file.text)

    def run(self, typed: Typed) -> int:
        """Run a command on the learner's terminal; gives its exit code.

        Raises Fault for a symbolic link that leads out of the folder, and as `console.run` does.
        """
        self._give()
        top = self.directory.resolve()
        for path in typed.paths:
            if path not in STREAMS and not (top / path).resolve().is_relative_to(top):
                raise Fault(f"{path} leads out of the folder", "name a file in it")
        return console.run(self.runner, typed)

    def after(self, typed: Typed, code: int) -> tuple[News, ...]:
        """Tell what a command that ended with this code changed."""
        done = {goal.id: () for goal in self.goals if code == 0 and goal.done_by(typed)}
        return self._look(done)

    def look(self, *, again: bool = False) -> tuple[News, ...]:
        """Look at all that changed, or `again` at all that there is."""
        if again:
            self._seen.clear()
        return self._look({})

    def _look(self, done: Mapping[str, tuple[Verdict, ...]]) -> tuple[News, ...]:
        changed, touched = self._changed()
        judged = {**done, **{goal.id: self._verdicts(goal) for goal in changed}}
        self.progress, news = learn.advance(self.goals, self.progress, judged, touched)
        self.save()
        return news

    def _stamps(self, goal: Goal) -> dict[str, Stamp | None]:
        return {path: _stamp(self.directory / path) for path in goal.involved}

    def _changed(self) -> tuple[list[Goal], frozenset[str]]:
        """Give the goals to be judged, and which files changed since they last were."""
        changed, touched = [], set()
        for goal in self.goals:
            stamps, before = self._stamps(goal), self._seen.get(goal.id, {})
            self._seen[goal.id] = stamps
            if stamps == before:
                continue
            touched |= {path for path, stamp in stamps.items() if stamp != before.get(path)}
            if goal.id in self.progress.met or any(stamps[path] for path in goal.files):
                changed.append(goal)
        for path in touched:
            self.secrets.forget(path, _stamp(self.directory / path))
        return changed, frozenset(touched)

    def _verdicts(self, goal: Goal) -> tuple[Verdict, ...]:
        reports = [
            self.verifier.look(_unlocked(artifact, self.directory)) for artifact in goal.artifacts
        ]
        for report in reports:
            if any(verdict.name == "readable" for verdict in report.failures):
                self.secrets.forget(report.artifact.path)
        return tuple(verdict for report in reports for verdict in report.verdicts)

    def skip(self) -> None:
        """Go on to the next goal; the next time, this one is asked for again."""
        if goal := learn.current(self.goals, self.progress):
            skipped = self.progress.skipped | {goal.id}
            self.progress = replace(self.progress, skipped=skipped)

    def hint(self, goal: Goal) -> int:
        """Count a hint; gives which it is."""
        self.progress, number = learn.hinted(self.progress, goal)
        return number

    @property
    def _kept(self) -> FilePath:
        return self.directory / FOLDER / "learn.json"

    def save(self) -> None:
        """Keep which goals are met, and by which files."""
        met = {
            goal.id: [goal.print, self._stamps(goal)]
            for goal in self.goals
            if goal.id in self.progress.met
        }
        write_whole(self._kept, json.dumps({"version": VERSION, "met": met}) + "\n")

    def _load(self) -> None:
        """Take up what was kept; whose files changed since, is to be looked at again."""
        kept = _parsed(self._kept)
        met = set()
        for goal in self.goals:
            stamps = self._stamps(goal)
            match kept.get(goal.id):
                case [goal.print, dict(before)]:
                    met.add(goal.id)
                    if before == {path: stamp and list(stamp) for path, stamp in stamps.items()}:
                        self._seen[goal.id] = stamps
        self.progress = Progress(met=frozenset(met))


def _parsed(path: FilePath) -> dict[str, Any]:
    """Read kept progress; what cannot be read is as if nothing had been kept."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    known = isinstance(content, dict) and content.get("version") == VERSION
    met = content.get("met") if known else None
    return met if isinstance(met, dict) else {}


def _stamp(path: FilePath) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode


def _unlocked(artifact: Artifact, directory: FilePath) -> Artifact:
    """Want no pass phrase for a key that is not encrypted, whatever it should be."""
    if artifact.kind != "key" or artifact.need is None:
        return artifact
    with suppress(OSError):
        if checks.encrypted((directory / artifact.path).read_text("utf-8", "replace")) == "no":
            return replace(artifact, need=None)
    return artifact
