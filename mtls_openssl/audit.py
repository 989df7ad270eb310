"""All that is on disk, held against the recipe: what `verify` does."""

from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from mtls_openssl import checks
from mtls_openssl.artifact import without_errata
from mtls_openssl.checks import Verdict
from mtls_openssl.plan import Plan
from mtls_openssl.step import Step
from mtls_openssl.verifier import Report, Verifier

Checked: TypeAlias = list[tuple[Step, tuple[Verdict, ...]]]


def audit(
    plan: Plan, verifier: Verifier, expires_within: timedelta | None = None
) -> tuple[Checked, list[Report]]:
    """Look at every file of the plan; give the steps that make one, their verdicts, all reports."""
    last = {path: step.id for step in plan.steps for path in step.writes}
    checked: Checked = []
    seen: list[Report] = []
    certificates: list[tuple[str, dict[str, str]]] = []
    for step in plan.steps:
        wanted = [a for a in step.artifacts if a.kind == "mode" or last.get(a.path) == step.id]
        # A file that only a command's erratum needs has done its work once the command ran.
        wanted = [a for a in wanted if not (step.argv and a.kind == "text")]
        reports = verifier.look_at(map(without_errata, wanted))
        seen += reports
        verdicts = [verdict for report in reports for verdict in report.verdicts]
        for report in reports:
            if report.artifact.kind == "certificate" and "serial" in report.facts:
                certificates.append((report.artifact.path, report.facts))
                verdicts += _expiry(report, expires_within)
        if verdicts:
            checked.append((step, tuple(verdicts)))
    return _with_duplicates(checked, checks.duplicates(certificates)), seen


def _expiry(report: Report, within: timedelta | None) -> list[Verdict]:
    if within is None:
        return []
    end = datetime.fromisoformat(report.facts["not-after"])
    left = end - datetime.now(UTC)
    detail = f"until {end:%Y-%m-%d %H:%M} UTC, {left.days} days"
    return [Verdict("expiry", report.artifact.path, left > within, detail)]


def _with_duplicates(checked: Checked, duplicates: tuple[Verdict, ...]) -> Checked:
    by_path = {verdict.path: verdict for verdict in duplicates}
    return [
        (step, (*verdicts, *(by_path[path] for path in step.writes if path in by_path)))
        for step, verdicts in checked
    ]
