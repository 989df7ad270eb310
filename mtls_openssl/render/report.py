"""What was made, where, until when; and what `verify` found."""

from collections.abc import Iterator, Sequence

from mtls_openssl.checks import Verdict
from mtls_openssl.crew import Event
from mtls_openssl.member import Member
from mtls_openssl.orphans import Orphan
from mtls_openssl.plan import Plan
from mtls_openssl.render.script import command
from mtls_openssl.render.text import plural, visible
from mtls_openssl.secret import Generate
from mtls_openssl.step import Step
from mtls_openssl.verifier import Report

MOST_ORPHANS = 10
MOST_ROWS = 20
"""Entities that the end of an apply names; of a fleet, the rest is counted."""


def line(event: Event) -> str:
    """Give one step's line: its number, what it is, and how it ended."""
    step = event.step
    owner = f"{step.entity}: " if step.entity else ""
    status = {"done": "ok", "kept": "kept", "failed": "FAILED"}.get(event.status, event.status)
    checks = [verdict for report in event.reports for verdict in report.verdicts]
    verified = f", {plural(len(checks), 'check')}" if checks else ""
    if event.let_pass:
        status, verified = (
            "FAILED",
            f", of {plural(len(checks), 'check')}: {', '.join(event.let_pass)}",
        )
    return visible(f"{step.number} {owner}{step.title}: {status}{verified}".lstrip())


def transcript(event: Event) -> str:
    """Give a step's command, what openssl said, and the commands that checked it."""
    shown = [f"$ {command(event.step.argv)}\n"] if event.step.argv else []
    if event.outcome:
        shown.append(_indented(event.outcome.transcript + event.outcome.stdout))
    shown += [asked(report) for report in event.reports]
    return visible("".join(shown))


def asked(report: Report) -> str:
    """Give the commands that looked at a file; of what they said, only the complaints."""
    return "".join(
        f"$ {' | '.join(command(part) for part in (question.argv, question.into) if part)}\n"
        f"{_indented(outcome.transcript)}"
        for question, outcome in report.asked
    )


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines() if line.strip())


def made(
    plan: Plan, events: Sequence[Event], expiries: dict[str, str], shown: str, seconds: float
) -> str:
    """Give the end of an apply: what there is now, where, and until when."""
    done = sum(event.status == "done" for event in events)
    kept = sum(event.status == "kept" for event in events)
    if not done and not kept:
        current = sum(event.status == "current" for event in events)
        every = "all " if current == len(plan.steps) > 1 else ""
        verb = "is" if current == 1 else "are"
        head = f"nothing to do: {every}{plural(current, 'step')} {verb} current in {shown}"
    else:
        found = f", {kept} kept" if kept else ""
        checks = sum(len(report.verdicts) for event in events for report in event.reports)
        held = f"{plural(checks, 'check')} held, in {seconds:.1f} s"
        head = f"{plural(done, 'step')} done{found}, {held}: {shown}"
    notes = dict.fromkeys(
        f"  note: {event.step.entity}: {event.reason}"
        for event in events
        if event.status in ("current", "revoked") and event.reason
    )
    touched = {event.step.entity for event in events if event.status in ("done", "kept")}
    table = _table(plan, expiries, touched) if touched else ()
    return visible("\n".join([head, *table, *notes])) + "\n"


def _table(plan: Plan, expiries: dict[str, str], touched: set[str]) -> Iterator[str]:
    """Give each entity's certificate and until when it is valid, and its other files below.

    Of those that have none, only those that were `touched` are told.
    """
    members = [
        member
        for member in plan.members
        if (certificate := member.files.get("certificate"))
        and (certificate in expiries or member.name in touched or member.entity.existing)
    ]
    shown = members[:MOST_ROWS]
    width = max((len(member.name) for member in shown), default=0)
    for member in shown:
        certificate = member.files["certificate"]
        if member.entity.existing:
            yield f"  {member.name:{width}}  {member.outside['certificate']}, made elsewhere"
        elif certificate not in expiries:
            yield f"  {member.name:{width}}  no certificate yet"
        else:
            yield f"  {member.name:{width}}  {certificate}, until {expiries[certificate][:10]}"
            if others := _others(member):
                yield f"  {'':{width}}  {others}"
    if len(members) > len(shown):
        yield f"  and {len(members) - len(shown)} more"


def _others(member: Member) -> str:
    kinds = ("key", "chain", "combined", "pkcs12")
    files = ", ".join(member.files[kind] for kind in kinds if kind in member.files)
    needs = (member.passphrase, member.export_password)
    kept = [need.kept for need in needs if need and isinstance(need.source, Generate)]
    return f"{files}; password in {', '.join(kept)}" if kept else files


def orphaned(orphans: Sequence[Orphan]) -> str:
    """Tell of what was made for entities that the recipe no longer names."""
    told = [
        f"  note: {orphan.name} is no longer in the recipe; its files stay: "
        f"{', '.join(orphan.files)}\n"
        for orphan in orphans[:MOST_ORPHANS]
    ]
    if len(orphans) > MOST_ORPHANS:
        more = plural(len(orphans) - MOST_ORPHANS, "other")
        told.append(f"  note: and {more}; --format json names them all\n")
    return visible("".join(told))


def verification(checked: Sequence[tuple[Step, tuple[Verdict, ...]]], shown: str) -> str:
    """Give what `verify` found, file by file."""
    lines = []
    for _, verdicts in checked:
        for path in dict.fromkeys(verdict.path for verdict in verdicts):
            of_file = [verdict for verdict in verdicts if verdict.path == path]
            wrong = [verdict for verdict in of_file if not verdict.ok]
            names = ", ".join(dict.fromkeys(verdict.name for verdict in of_file if verdict.ok))
            revoked = "".join(verdict.detail for verdict in of_file if verdict.revoked)
            status = "FAILED" if wrong else "revoked" if revoked else "ok"
            said = "" if wrong else revoked or names
            lines.append(f"{status:7} {path}: {said}".rstrip(": "))
            lines += [f"          {verdict.name}: {verdict.detail}" for verdict in wrong]
    total = [verdict for _, verdicts in checked for verdict in verdicts]
    failed = sum(not verdict.ok for verdict in total)
    held = plural(len(total) - failed, "check")
    end = f"{held} held, {failed} failed: {shown}" if failed else f"{held} held: {shown}"
    return visible("\n".join([*lines, end])) + "\n"
