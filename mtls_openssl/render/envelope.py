"""The JSON that every verb prints with `--format json`: one object, its version first."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from mtls_openssl.checks import Verdict
from mtls_openssl.crew import Event
from mtls_openssl.currency import Decision
from mtls_openssl.errors import BadInput, Failure, Problem
from mtls_openssl.orphans import Orphan
from mtls_openssl.step import Step

VERSION = 1


def envelope(
    command: str,
    steps: Iterable[Mapping[str, Any]],
    error: Failure | None = None,
    *,
    ok: bool = True,
    more: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    """Give the whole object as text, piece by piece; `more` is what a verb adds to it.

    Steps are taken one by one as they are written: a fleet has many thousands.
    """
    first = list(islice(steps := iter(steps), 1))
    content = {
        "version": VERSION,
        "command": command,
        "ok": ok and error is None,
        "steps": _Stream(chain(first, steps)) if first else [],
        **(more or {}),
        "error": None if error is None else failure(error),
    }
    yield from json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(content)
    yield "\n"


class _Stream(list[Mapping[str, Any]]):
    """A list, for the encoder, whose items are only made when they are written."""

    def __init__(self, items: Iterator[Mapping[str, Any]]) -> None:
        super().__init__()
        self.items = items

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return self.items

    def __bool__(self) -> bool:
        return True


def orphaned(orphans: Iterable[Orphan]) -> dict[str, Any]:
    """Give what a verb that looks at a directory adds: entities that the recipe lacks."""
    return {"orphans": [{"entity": o.name, "files": list(o.files)} for o in orphans]}


def warned(problems: Iterable[Problem]) -> dict[str, Any]:
    """Give what a verb that plans adds: what works, and is of little use."""
    return {"warnings": [_problem(problem) for problem in problems]}


def decision(item: Decision) -> dict[str, Any]:
    """Give a step that has not run: its status is that of `Decision`."""
    return _step(item.step, item.status, item.reason, 0.0, ())


def event(item: Event) -> dict[str, Any]:
    """Give a step that an apply dealt with: current, kept, done or failed."""
    verdicts = [verdict for report in item.reports for verdict in report.verdicts]
    reason = item.error.message if item.error else item.reason
    return _step(item.step, item.status, reason, item.seconds, verdicts)


def not_run(step: Step, reason: str) -> dict[str, Any]:
    """Give a step that an apply never came to."""
    return _step(step, "not run", reason, 0.0, ())


def verified(step: Step, verdicts: Iterable[Verdict]) -> dict[str, Any]:
    """Give a step whose files were looked at: its status is ok, revoked or failed."""
    judged = tuple(verdicts)
    failed = [verdict for verdict in judged if not verdict.ok]
    reason = f"{failed[0].name}: {failed[0].detail}" if failed else ""
    revoked = next((verdict.detail for verdict in judged if verdict.revoked), "")
    status = "failed" if failed else "revoked" if revoked else "ok"
    return _step(step, status, reason or revoked, 0.0, judged)


def failure(error: Failure) -> dict[str, Any]:
    """Give an error: its kind, message, remedy, exit code, and the problems of a file."""
    problems = error.problems if isinstance(error, BadInput) else ()
    return {
        "kind": error.kind,
        "message": error.message,
        "hint": error.hint,
        "exit_code": error.exit_code,
        "problems": [_problem(problem) for problem in problems],
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "path": list(problem.path),
        "message": problem.message,
        "hint": problem.hint,
    }


def _step(
    step: Step, status: str, reason: str, seconds: float, verdicts: Iterable[Verdict]
) -> dict[str, Any]:
    return {
        "id": step.id,
        "entity": step.entity,
        "argv": list(step.argv),
        "status": status,
        "reason": reason,
        "seconds": round(seconds, 3),
        "outputs": list(step.writes),
        "checks": [
            {"name": verdict.name, "path": verdict.path, "ok": verdict.ok, "detail": verdict.detail}
            for verdict in verdicts
        ],
    }
