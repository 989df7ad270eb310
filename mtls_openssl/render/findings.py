"""What `doctor` found, for a person: a line each, what to do about it below."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from rich.text import Text

from mtls_openssl.doctor import Finding
from mtls_openssl.render.text import plural, visible

_STYLES = {"ok": "green", "no": "dim", "warn": "yellow", "fail": "bold red"}


def text(findings: Sequence[Finding], width: int) -> Text:
    """Give all findings, under their groups, in lines of a width."""
    column = max(len(finding.name) for finding in findings)
    made = Text()
    group = ""
    for finding in findings:
        if finding.group != group:
            made.append(f"{chr(10) if group else ''}{finding.group}\n", style="bold")
            group = finding.group
        made.append(f"  {finding.status:4}", style=_STYLES[finding.status])
        made.append(f"  {finding.name:{column}}  ")
        remedy = [f"help: {finding.remedy}"] if finding.remedy else []
        lines = [line for part in (finding.detail, *remedy) for line in _lines(part, width, column)]
        made.append(f"\n{' ' * (column + 10)}".join(lines) + "\n")
    return made.append(f"\n{summary(findings)}\n")


def _lines(part: str, width: int, column: int) -> list[str]:
    """Break a text where it is to stand; a path is never broken."""
    room = max(24, width - column - 10)
    shown = visible(part)
    return textwrap.wrap(shown, room, break_long_words=False, break_on_hyphens=False) or [""]


def summary(findings: Iterable[Finding]) -> str:
    """Tell in one line whether `apply` can work here."""
    found = list(findings)
    failed = [finding.name for finding in found if finding.status == "fail"]
    warned = sum(finding.status == "warn" for finding in found)
    if failed:
        return f"apply could not work here: {', '.join(dict.fromkeys(failed))}"
    return "apply can work here" + (f"; {plural(warned, 'warning')}" if warned else "")


def plain(finding: Finding) -> dict[str, Any]:
    """Give a finding for JSON."""
    return {
        "group": finding.group,
        "name": finding.name,
        "status": finding.status,
        "detail": finding.detail,
        "remedy": finding.remedy,
    }
