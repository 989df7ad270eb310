"""What was made, where, until when; and what `verify` found."""

from collections.abc import Iterator, Sequence

from mtls_openssl.checks import Verdict
from mtls_openssl.plan import Plan, Step
from mtls_openssl.render.script import command
from mtls_openssl.render.text import plural, visible
from mtls_openssl.runner import Event
from mtls_openssl.secret import Generate
from mtls_openssl.verifier import Report


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
    return visible(f"{step.number} {owner}{step.title}: {status}{verified}")


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
        f"$ {command((*question.argv, *(('|', *question.into) if question.into else ())))}\n"
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
        head = f"nothing to do: all {plural(len(plan.steps), 'step')} are current in {shown}"
    else:
        found = f", {kept} kept" if kept else ""
        checks = sum(len(report.verdicts) for event in events for report in event.reports)
        held = f"{plural(checks, 'check')} held, in {seconds:.1f} s"
        head = f"{plural(done, 'step')} done{found}, {held}: {shown}"
    rows = list(_rows(plan, expiries))
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    table = [
        f"  {name:{widths[0]}}  {file:{widths[1]}}  {rest}".rstrip() for name, file, rest in rows
    ]
    notes = [f"  note: {event.step.id}: {event.reason}" for event in events
             if event.status == "current" and event.reason]  # fmt: skip
    return visible("\n".join([head, *table, *notes])) + "\n"


def _rows(plan: Plan, expiries: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    for member in plan.members:
        certificate = member.files.get("certificate")
        if certificate is None:
            continue
        until = expiries.get(certificate, "")[:10]
        others = [
            path
            for kind in ("key", "chain", "combined", "pkcs12")
            if (path := member.files.get(kind))
        ]
        needs = (member.passphrase, member.export_password)
        kept = [need.kept for need in needs if need and isinstance(need.source, Generate)]
        secret = f" (password in {', '.join(kept)})" if kept else ""
        yield member.name, certificate, f"until {until}, with {', '.join(others)}{secret}"


def verification(checked: Sequence[tuple[Step, tuple[Verdict, ...]]], shown: str) -> str:
    """Give what `verify` found, file by file."""
    lines = []
    for _, verdicts in checked:
        for path in dict.fromkeys(verdict.path for verdict in verdicts):
            of_file = [verdict for verdict in verdicts if verdict.path == path]
            wrong = [verdict for verdict in of_file if not verdict.ok]
            names = ", ".join(dict.fromkeys(verdict.name for verdict in of_file if verdict.ok))
            lines.append(
                f"{'FAILED' if wrong else 'ok':6}  {path}: {names if not wrong else ''}".rstrip(
                    ": "
                )
            )
            lines += [f"          {verdict.name}: {verdict.detail}" for verdict in wrong]
    total = [verdict for _, verdicts in checked for verdict in verdicts]
    failed = sum(not verdict.ok for verdict in total)
    held = plural(len(total) - failed, "check")
    end = f"{held} held, {failed} failed: {shown}" if failed else f"{held} held: {shown}"
    return visible("\n".join([*lines, end])) + "\n"
