"""All that is on disk, held against the recipe: what `verify` does."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from mtls_openssl import checks, revocation
from mtls_openssl.artifact import Artifact, without_errata
from mtls_openssl.checks import Verdict
from mtls_openssl.journal import Journal
from mtls_openssl.member import Member
from mtls_openssl.plan import Plan
from mtls_openssl.refusals import forgotten
from mtls_openssl.revocation import Standing
from mtls_openssl.step import Step, last_writers, lasting
from mtls_openssl.verifier import Report, Verifier

BATCH = 500
"""Steps whose files are looked at together."""

Checked: TypeAlias = list[tuple[Step, tuple[Verdict, ...]]]

_EVEN_IF_REVOKED = ("private", "revocation")
"""What must hold of an entity's files after it was revoked: its issuer may have a new key."""


def audit(
    plan: Plan, verifier: Verifier, expires_within: timedelta | None = None, jobs: int = 1
) -> tuple[Checked, list[Report]]:
    """Look at every file of the plan; give the steps that make one, their verdicts, all reports."""
    issuers = {m.name: m.issuer for m in plan.members if m.issuer and m.issuer.revoked is not None}
    seen = _looked_at(plan, verifier, issuers, jobs)
    in_order = [report for step in plan.steps for report in seen.get(step.id, ())]
    certificates = [report for report in in_order if _is_certificate(report)]
    serials = {report.artifact.entity: report.facts["serial"] for report in certificates}
    revoked = revocation.standings(plan.members, serials)
    checked: Checked = []
    for step in plan.steps:
        reports = seen.get(step.id, ())
        standing = revoked.get(step.entity)
        verdicts = [verdict for report in reports for verdict in report.verdicts]
        for report in filter(_is_certificate, reports):
            verdicts += _expiry(report, expires_within)
            verdicts += _revocation(report, issuers.get(step.entity), standing)
        if standing and standing.entry:
            verdicts = [v for v in verdicts if v.ok or v.name in _EVEN_IF_REVOKED]
        if verdicts:
            checked.append((step, tuple(verdicts)))
    twins = checks.duplicates((report.artifact.path, report.facts) for report in certificates)
    return joined(checked, twins), in_order


def _is_certificate(report: Report) -> bool:
    """Whether a report tells of a certificate that could be read."""
    return report.artifact.kind == "certificate" and "serial" in report.facts


def _looked_at(
    plan: Plan, verifier: Verifier, issuers: Mapping[str, Member], jobs: int
) -> dict[str, tuple[Report, ...]]:
    """Look at what each step made: entities in batches, several batches at a time."""
    last = last_writers(plan.steps)
    wanted = [
        (
            step.id,
            [_listed(artifact, issuers.get(step.entity)) for artifact in _lasting(step, last)],
        )
        for step in plan.steps
    ]
    size = max(1, min(BATCH, -(-len(wanted) // jobs)))

    def look(part: Sequence[tuple[str, list[Artifact]]]) -> dict[str, tuple[Report, ...]]:
        reports = iter(verifier.look_at(artifact for _, items in part for artifact in items))
        return {name: tuple(next(reports) for _ in items) for name, items in part}

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        found = pool.map(look, [wanted[at : at + size] for at in range(0, len(wanted), size)])
        return {name: reports for part in found for name, reports in part.items()}


def _listed(artifact: Artifact, issuer: Member | None) -> Artifact:
    """Hold a certificate against its issuer's revocation list, where that keeps one."""
    if issuer is None or artifact.kind != "certificate":
        return artifact
    return replace(artifact, crl=issuer.files["crl"])


def _lasting(step: Step, last: dict[str, str]) -> Iterator[Artifact]:
    """Give what a step made that is still there, as every openssl would have made it."""
    for artifact in lasting(step, last):
        # A file that only a command's erratum needs has done its work once the command ran.
        if not (step.argv and artifact.kind == "text"):
            yield without_errata(artifact)


def _expiry(report: Report, within: timedelta | None) -> list[Verdict]:
    if within is None or report.artifact.dated:
        return []
    end = datetime.fromisoformat(report.facts["not-after"])
    left = end - datetime.now(UTC)
    detail = f"until {end:%Y-%m-%d %H:%M} UTC, {left.days} days"
    return [Verdict("expiry", report.artifact.path, left > within, detail)]


def _revocation(report: Report, issuer: Member | None, standing: Standing | None) -> list[Verdict]:
    """Judge what the list says of a certificate: it is to name those that were revoked, only."""
    if issuer is None and standing is None:
        return []
    entry, below = (standing.entry, standing.below) if standing else (None, "")
    found = report.facts.get("revocation", "nothing")
    if issuer is None:
        ok = True  # no list is kept where it was issued; one above says it
    elif entry:
        ok = found != "good"  # the chain of one that is out of use may end nowhere
    else:
        ok = found == "good"
    detail = str(entry or (f"its issuer {below} was revoked" if below else "good"))
    if issuer and not ok:
        detail = f"{issuer.files['crl']} says: {found}"
    return [Verdict("revocation", report.artifact.path, ok, detail)]


def lost(plan: Plan, journal: Journal) -> Iterator[Verdict]:
    """Judge that an authority's database lacks someone whom a list once named."""
    for member, fault in forgotten(plan, journal):
        detail = f"{fault.message}; {fault.hint}"
        yield Verdict("database", member.files["certificate"], False, detail)


def joined(checked: Checked, more: Iterable[Verdict]) -> Checked:
    """Add verdicts to the step that made each one's file, or else to the first that read it."""
    home: dict[str, str] = {}
    for step, _ in reversed(checked):
        home |= dict.fromkeys(step.reads, step.id)
    home |= {path: step.id for step, _ in checked for path in step.writes}
    by_step: dict[str, list[Verdict]] = {}
    for verdict in more:
        by_step.setdefault(home.get(verdict.path, ""), []).append(verdict)
    return [(step, (*verdicts, *by_step.get(step.id, ()))) for step, verdicts in checked]
