"""A handshake as a sequence diagram: client left, server right, each message by its name.

`rows` is the diagram as data, for whoever draws it otherwise; `diagram` draws it as text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from mtls_openssl.messages import CHANGE, Message, Side
from mtls_openssl.render.text import visible

ARROW = 37
"""Columns between the two lines of life."""
LEFT = 6
"""Columns before what stands between them."""
WIDTH = 80

COLOURS: dict[Side, str] = {"client": "cyan", "server": "magenta"}


@dataclass(frozen=True)
class Row:
    """One message of the diagram."""

    number: int
    """Counted from 1."""
    sender: Side
    name: str
    meaning: str
    """What it says, in a few words."""
    encrypted: bool
    """Whether nobody but the two can read it."""


MEANINGS = {
    ("client", "ClientHello"): "versions and ciphers on offer",
    ("server", "ServerHello"): "those that it chooses",
    ("server", "EncryptedExtensions"): "what else is agreed",
    ("server", "Certificate"): "the server's certificate",
    ("server", "ServerKeyExchange"): "its fresh key share, signed",
    ("server", "CertificateRequest"): "and who are you?",
    ("server", "ServerHelloDone"): "your turn",
    ("client", "Certificate"): "the client's certificate",
    ("client", "ClientKeyExchange"): "its fresh key share",
    ("client", "CertificateVerify"): "a signature: the key is its own",
    ("server", "CertificateVerify"): "a signature: the key is its own",
    ("client", CHANGE): "from here on encrypted",
    ("server", CHANGE): "from here on encrypted",
    ("client", "Finished"): "a checksum of all that was said",
    ("server", "Finished"): "a checksum of all that was said",
    ("server", "NewSessionTicket"): "to come back without all this",
}
"""TLS 1.2 with ephemeral keys; what differs elsewhere stands below."""
IN_13 = {
    ("client", "ClientHello"): "ciphers on offer, and a key share",
    ("server", "ServerHello"): "the cipher chosen, a key share",
    ("client", CHANGE): "says nothing: for old middleboxes",
    ("server", CHANGE): "says nothing: for old middleboxes",
}
STATIC_RSA = {("client", "ClientKeyExchange"): "a secret, under the server's key"}


def rows(messages: Sequence[Message]) -> tuple[Row, ...]:
    """Give a handshake's messages with what each means and whether it is encrypted."""
    names = {message.name for message in messages}
    newest = "EncryptedExtensions" in names
    meanings = MEANINGS | (IN_13 if newest else {})
    if "ServerKeyExchange" not in names:
        meanings |= STATIC_RSA
    secret: set[Side] = set()
    drawn = []
    for number, message in enumerate(messages, 1):
        hidden = message.sender in secret and not (newest and message.name == CHANGE)
        meaning = _meaning(message, meanings)
        drawn.append(Row(number, message.sender, message.name, meaning, hidden))
        if newest and message.name == "ServerHello":
            secret = {"client", "server"}
        elif not newest and message.name == CHANGE:
            secret.add(message.sender)
    return tuple(drawn)


def _meaning(message: Message, meanings: dict[tuple[str, str], str]) -> str:
    if message.alert:
        return "no"
    packed = message.name.removeprefix("Compressed")
    told = meanings.get((message.sender, packed), "")
    return told if packed == message.name else f"{told}, packed"


def diagram(
    drawn: Sequence[Row], client: str, server: str, *, width: int = WIDTH, unicode: bool = True
) -> Text:
    """Draw rows as text; a double line is an encrypted message."""
    life = "│" if unicode else "|"
    left, right = _title("client", client), _title("server", server)
    text = Text(" " * (LEFT - 1))
    text.append(left, style=f"bold {COLOURS['client']}")
    text.append(right.rjust(ARROW + 2 - len(left)) + "\n", style=f"bold {COLOURS['server']}")
    for row in drawn:
        text.append(f"{row.number:{LEFT - 2}} ", style="dim")
        text.append(life)
        text.append(_arrow(row, unicode=unicode), style=_style(row))
        text.append(life)
        room = width - LEFT - ARROW - 4
        text.append(f"  {row.meaning}\n" if len(row.meaning) <= room else "\n", style="dim")
    return text


def legend(drawn: Sequence[Row], *, unicode: bool = True) -> str:
    """Tell what the double lines are, where there are any."""
    line = "══" if unicode else "=="
    return f"{line} is encrypted" if any(row.encrypted for row in drawn) else ""


def _arrow(row: Row, *, unicode: bool) -> str:
    single, double, right, left = "─═▶◀" if unicode else "-=><"
    line = double if row.encrypted else single
    name = visible(row.name)
    if row.sender == "client":
        return f" {name} ".ljust(ARROW - 2, line) + f"{right} "
    return f" {left}" + f" {name} ".rjust(ARROW - 2, line)


def _style(row: Row) -> str:
    return "bold red" if row.name.startswith("Alert") else COLOURS[row.sender]


def _title(side: Side, name: str) -> str:
    """Tell who a side is, on its half of the diagram."""
    most = ARROW // 2
    shown = visible(name)
    return side if shown == side else shown if len(shown) <= most else f"{shown[: most - 3]}..."
