"""What each target would make of the files: a line each, under all that `verify` found."""

from collections.abc import Iterator, Sequence

from mtls_openssl.checks import Verdict
from mtls_openssl.render.text import plural, visible
from mtls_openssl.target_rules import Target

MOST = 3
"""Refused files that a line names; of a fleet, the rest is counted."""


def table(targets: Sequence[Target], verdicts: Sequence[Verdict]) -> str:
    """Give each target's line: what it refuses, and with which version that was measured."""
    return visible("".join(f"{line}\n" for line in _lines(targets, verdicts)))


def _lines(targets: Sequence[Target], verdicts: Sequence[Verdict]) -> Iterator[str]:
    width = max((len(target.name) for target in targets), default=0)
    for target in targets:
        own = [verdict for verdict in verdicts if verdict.name == f"target {target.name}"]
        seen = dict.fromkeys(verdict.path for verdict in own)
        refused = list(dict.fromkeys(verdict.path for verdict in own if not verdict.ok))
        more = [f"{len(refused) - MOST} more"] if len(refused) > MOST else []
        says = f"refuses {', '.join([*refused[:MOST], *more])}" if refused else ""
        says = says or f"accepts {plural(len(seen), 'certificate')}"
        yield f"  {target.name:{width}}  {says}  ({target.measured})"
