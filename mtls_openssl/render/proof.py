"""A proof for a person and for JSON: how many messages and why, the diagram, and every case."""

import textwrap
from collections.abc import Iterator
from typing import Any

from rich.text import Text

from mtls_openssl import messages
from mtls_openssl.handshake import Proof, Result
from mtls_openssl.messages import Message
from mtls_openssl.render import sequence
from mtls_openssl.render.script import command
from mtls_openssl.render.text import plural, visible

INDENT = 26
"""Columns before what is told of a case."""

TUTORIAL = "TLS 1.2, static RSA, no ticket"
CHANGES = {
    ("server", "ServerHelloDone"): "the server's part ends with its Finished",
    ("client", "ClientKeyExchange"): "the key shares stand in the hellos",
    ("server", "ServerKeyExchange"): "a fresh key share for each connection (ECDHE)",
    ("server", "EncryptedExtensions"): "what the hello need not say in the open",
    ("server", "CertificateVerify"): "the server signs too, to prove that the key is its own",
    ("server", "NewSessionTicket"): "to come back without all this",
}
"""Why other handshakes have more or fewer messages than the tutorial's (RFC 5246, RFC 8446)."""


def text(proof: Proof, *, width: int = sequence.WIDTH, unicode: bool = True) -> Text:
    """Give the whole of it for a terminal of that many columns."""
    valid = proof.results[0]
    drawn = sequence.rows(valid.messages)
    whole = Text()
    whole.append(f"{visible(proof.client)} meets {visible(proof.server)}", style="bold")
    whole.append(f": TLS {proof.tls.removesuffix('-rsa')}, by {proof.openssl}\n")
    whole.append("\n".join(_counted(valid, width)) + "\n\n")
    whole.append_text(
        sequence.diagram(drawn, proof.client, proof.server, width=width, unicode=unicode)
    )
    legend = sequence.legend(drawn, unicode=unicode)
    whole.append(f"{' ' * (sequence.LEFT - 1)}{legend}\n\n" if legend else "\n", style="dim")
    for result in proof.results:
        whole.append_text(_case(result, width))
    for name, why in proof.untried:
        whole.append(f"{'-':6} {name:18} {visible(f'not tried: {why}')}\n")
    whole.append(
        "\n".join(textwrap.wrap(_end(proof), width, break_on_hyphens=False)) + "\n", style="bold"
    )
    return whole


def _counted(valid: Result, width: int) -> Iterator[str]:
    """Tell how many messages the valid case took, and why not as many as the tutorial's."""
    count = len(valid.messages)
    if valid.ruling.outcome == "refused":
        yield f"Refused after {plural(count, 'message')}"
        return
    changes = messages.difference(valid.messages)
    if not changes:
        yield f"{count} handshake messages, as the tutorial says: {TUTORIAL}"
        note = "ChangeCipherSpec is counted too; RFC 5246 gives it a protocol of its own."
        yield from textwrap.wrap(note, width)
        return
    yield f"{count} handshake messages: the tutorial's 12 ({TUTORIAL}), and:"
    for message, difference in changes:
        yield from _change(message, difference, width)


def _change(message: Message, difference: int, width: int) -> Iterator[str]:
    head = f"  {difference:+} {message.name:20} "
    why = CHANGES.get((message.sender, message.name), f"the {message.sender}'s")
    return iter(textwrap.wrap(head + why, width, subsequent_indent=" " * len(head)))


def _case(result: Result, width: int) -> Text:
    status, style = ("ok", "green") if result.ok else ("FAILED", "bold red")
    about = _wrapped(result.case.about, width)
    told = Text()
    told.append(f"{status:6} ", style=style)
    told.append(f"{result.case.name:18} ", style="bold")
    told.append(f"{about}\n", style="dim")
    ruling = result.ruling
    lines = [f"{ruling.outcome} by {ruling.by}: {ruling.verdict}"]
    if not result.ok:
        lines.append(f"expected: {expected(result)}")
    for line in lines:
        told.append(f"{' ' * INDENT}{_wrapped(line, width)}\n", style="" if result.ok else "red")
    return told


def expected(result: Result) -> str:
    """Tell what a case should have come to."""
    case = result.case
    errors = sorted(case.errors - {0})
    numbers = f" for error {' or '.join(map(str, errors))}" if errors else ""
    return f"{case.expected} by {case.by}" + (numbers if case.expected == "refused" else "")


def _wrapped(line: str, width: int) -> str:
    room = max(20, width - INDENT)
    return f"\n{' ' * INDENT}".join(textwrap.wrap(visible(line), room, break_on_hyphens=False))


def _end(proof: Proof) -> str:
    wrong = [result.case.name for result in proof.results if not result.ok]
    total = plural(len(proof.results), "case")
    if not wrong:
        return f"{total}, all as they should be"
    return f"{len(wrong)} of {total} not as they should be: {', '.join(wrong)}"


def commands(proof: Proof) -> str:
    """Give both commands of every case, and what each printed on its standard error."""
    lines = []
    for result in proof.results:
        lines.append(f"{result.case.name}:")
        for side, argv in result.exchange.commands.items():
            said = result.exchange.complaints[side]
            lines.append(f"$ {command(argv)}")
            lines += [f"  {line}" for line in said.splitlines() if line.strip()]
    return visible("\n".join(lines)) + "\n"


def records(proof: Proof) -> list[dict[str, Any]]:
    """Give the cases for JSON."""
    return [
        {
            "case": result.case.name,
            "server": proof.server,
            "client": result.case.shown,
            "outcome": result.ruling.outcome,
            "by": result.ruling.by,
            "verdict": result.ruling.verdict,
            "messages": [{"from": m.sender, "name": m.name} for m in result.messages],
            "expected": result.case.expected,
            "ok": result.ok,
            "about": result.case.about,
        }
        for result in proof.results
    ]
