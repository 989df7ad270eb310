"""What `s_server -msg` and `s_client -msg` print: the messages of a handshake, by name and sender.

Sources: openssl-s_server(1); RFC 5246 section 7.3, RFC 8446 section 2 and appendix D.4, RFC 8879.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Side: TypeAlias = Literal["client", "server"]

CHANGE = "ChangeCipherSpec"
ALERT = "Alert "

_PRINTED = re.compile(
    r"^(?P<way>>>>|<<<) \S+ ?[^,\n]*, (?:"
    r"Handshake \[length \w+\], (?P<name>\w+)"
    r"|(?P<change>ChangeCipherSpec) "
    r"|Alert \[length \w+\], fatal (?P<alert>\S+))",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Message:
    """One message, as its sender sent it."""

    sender: Side
    name: str
    """As openssl names it: ClientHello, ChangeCipherSpec; an alert as `Alert unknown_ca`."""

    @property
    def alert(self) -> str:
        """The alert's own name, or nothing."""
        return self.name.removeprefix(ALERT) if self.name.startswith(ALERT) else ""


@dataclass(frozen=True)
class Seen:
    """A message as one side's log shows it."""

    sent: bool
    """Or received."""
    name: str


TWELVE = (
    Message("client", "ClientHello"),
    Message("server", "ServerHello"),
    Message("server", "Certificate"),
    Message("server", "CertificateRequest"),
    Message("server", "ServerHelloDone"),
    Message("client", "Certificate"),
    Message("client", "ClientKeyExchange"),
    Message("client", "CertificateVerify"),
    Message("client", CHANGE),
    Message("client", "Finished"),
    Message("server", CHANGE),
    Message("server", "Finished"),
)
"""The tutorial's "12 handshake messages": TLS 1.2, static RSA, no session ticket."""


def read(log: str) -> tuple[Seen, ...]:
    """Read one side's log; a warning (close_notify, the goodbye) is no part of a handshake."""
    return tuple(
        Seen(match["way"] == ">>>", match["name"] or match["change"] or ALERT + match["alert"])
        for match in _PRINTED.finditer(log)
    )


def join(client: Sequence[Seen], server: Sequence[Seen]) -> tuple[Message, ...]:
    """Put two logs into one order in which nothing is received before it is sent.

    Only what a side sent counts: a received ChangeCipherSpec stands in no log before OpenSSL 3.2,
    and of TLS 1.2 in none at all. Each side says all that it can before the other's turn comes.
    """
    logs: dict[Side, list[Seen]] = {"client": list(client), "server": list(server)}
    unread: dict[Side, list[str]] = {"client": [], "server": []}
    order: list[Message] = []
    turn: Side = "client"
    waiting = 0
    while waiting < 2:
        other: Side = "server" if turn == "client" else "client"
        said = _turn(logs[turn], unread[other])
        order += [Message(turn, name) for name in said]
        unread[turn] += said
        waiting = 0 if said else waiting + 1
        turn = other
    return (*order, *_unheard(logs))


def _turn(log: list[Seen], unread: list[str]) -> list[str]:
    """Take from a log what its side can say before it must hear what was not said yet."""
    said = []
    while log:
        first = log[0]
        if first.sent:
            said.append(first.name)
        elif first.name in unread:
            del unread[: unread.index(first.name) + 1]
        else:
            break
        log.pop(0)
    return said


def _unheard(logs: dict[Side, list[Seen]]) -> Iterator[Message]:
    """Give what was sent after something that the other side's log does not show as sent."""
    for side, log in logs.items():
        yield from (Message(side, seen.name) for seen in log if seen.sent)


def difference(
    messages: Sequence[Message], other: Sequence[Message] = TWELVE
) -> tuple[tuple[Message, int], ...]:
    """Tell how many more (or fewer, below nought) of each message there are than in another list.

    A certificate is one message, compressed or not.
    """
    plain = [Message(m.sender, m.name.removeprefix("Compressed")) for m in messages]
    more, fewer = Counter(plain), Counter(other)
    counts = {message: more[message] - fewer[message] for message in (*other, *plain)}
    return tuple((message, count) for message, count in counts.items() if count)


@dataclass(frozen=True)
class Ruling:
    """How a handshake ended, and in whose words."""

    outcome: Literal["accepted", "refused"]
    by: Side
    verdict: str
    """In openssl's own words, with the alert that it sent."""
    error: int = 0
    """The number of the verification error (X509_V_ERR_…), where there was one."""


BROKEN = ("decode_error", "internal_error")
"""Alerts that tell of a conversation that broke, and refuse nobody (RFC 8446 section 6.2)."""

_ACCEPTED = re.compile(r"^(CIPHER is \S+)", re.MULTILINE)
_VERIFY_ERROR = re.compile(r"^verify error:num=(\d+):(.*)$", re.MULTILINE)
_STACK = re.compile(r"^[0-9A-F]+:error:[0-9A-F]+:[^:\n]*:[^:\n]*:([^:\n]+):", re.MULTILINE)


def accepted(server: str) -> str:
    """Give the words by which the server tells that it accepted, or nothing.

    They are the server's because a client of TLS 1.3 believes before the server has decided.
    """
    match = _ACCEPTED.search(server)
    return match[1] if match else ""


def ruling(messages: Sequence[Message], server: str, complaints: dict[Side, str]) -> Ruling | None:
    """Tell who accepted or refused; None where it broke off without either.

    Args:
        messages: what both sides sent.
        server: what the server printed on its standard output.
        complaints: what each side printed on its standard error.
    """
    alert = next((message for message in messages if message.alert), None)
    if alert is None:
        words = accepted(server)
        return Ruling("accepted", "server", words) if words else None
    if alert.alert in BROKEN:
        return None
    complaint = complaints[alert.sender]
    told = f"alert {alert.alert}"
    if match := _VERIFY_ERROR.search(complaint):
        words, number = match[2].strip(), int(match[1])
        return Ruling("refused", alert.sender, f"{words} (error {number}), {told}", number)
    if match := _STACK.search(complaint):
        return Ruling("refused", alert.sender, f"{match[1]}, {told}")
    return Ruling("refused", alert.sender, told)
