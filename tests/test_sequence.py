"""The sequence diagram: each message named, one a line, in eighty columns."""

import pytest

from mtls_openssl.messages import TWELVE, Message
from mtls_openssl.render import sequence
from tests.test_messages import told

TLS_13 = told(
    "c:ClientHello", "s:ServerHello", "s:ChangeCipherSpec", "s:EncryptedExtensions",
    "s:CertificateRequest", "s:Certificate", "s:CertificateVerify", "s:Finished",
    "c:ChangeCipherSpec", "c:CompressedCertificate", "c:CertificateVerify", "c:Finished",
    "s:NewSessionTicket", "s:NewSessionTicket",
)  # fmt: skip


def test_the_tutorial_s_handshake_is_drawn() -> None:
    drawn = sequence.diagram(sequence.rows(TWELVE), "alice", "api.example.com")
    assert drawn.plain == (
        "     alice                   api.example.com\n"
        "   1 │ ClientHello ──────────────────────▶ │  versions and ciphers on offer\n"
        "   2 │ ◀────────────────────── ServerHello │  those that it chooses\n"
        "   3 │ ◀────────────────────── Certificate │  the server's certificate\n"
        "   4 │ ◀─────────────── CertificateRequest │  and who are you?\n"
        "   5 │ ◀────────────────── ServerHelloDone │  your turn\n"
        "   6 │ Certificate ──────────────────────▶ │  the client's certificate\n"
        "   7 │ ClientKeyExchange ────────────────▶ │  a secret, under the server's key\n"
        "   8 │ CertificateVerify ────────────────▶ │  a signature: the key is its own\n"
        "   9 │ ChangeCipherSpec ─────────────────▶ │  from here on encrypted\n"
        "  10 │ Finished ═════════════════════════▶ │  a checksum of all that was said\n"
        "  11 │ ◀───────────────── ChangeCipherSpec │  from here on encrypted\n"
        "  12 │ ◀═════════════════════════ Finished │  a checksum of all that was said\n"
    )


def test_in_tls_1_3_only_the_hellos_and_changecipherspec_are_open() -> None:
    drawn = sequence.rows(TLS_13)
    assert [row.number for row in drawn if not row.encrypted] == [1, 2, 3, 9]
    assert drawn[9].meaning == "the client's certificate, packed"
    assert sequence.legend(drawn) == "══ is encrypted"
    assert sequence.legend(drawn[:3]) == ""


@pytest.mark.parametrize("messages", [TWELVE, TLS_13])
@pytest.mark.parametrize("unicode", [True, False])
def test_every_message_has_its_meaning_within_eighty_columns(
    messages: tuple[Message, ...], unicode: bool
) -> None:
    drawn = sequence.rows(messages)
    text = sequence.diagram(drawn, "c" * 90, "s" * 90, unicode=unicode).plain
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert all(
        row.meaning and line.endswith(row.meaning)
        for row, line in zip(drawn, lines[1:], strict=True)
    )
    assert unicode or text.isascii()


def test_a_narrow_terminal_gets_the_diagram_without_the_meanings() -> None:
    lines = sequence.diagram(sequence.rows(TLS_13), "a", "b", width=50).plain.splitlines()
    assert max(map(len, lines)) <= 50
    assert lines[2] == "   2 │ ◀────────────────────── ServerHello │"


def test_a_side_that_is_called_by_its_role_is_named_once() -> None:
    head = sequence.diagram((), "client", "server").plain
    assert head == "     client                           server\n"


def test_a_refusal_is_the_last_word() -> None:
    drawn = sequence.rows(told("c:ClientHello", "s:Alert handshake_failure"))
    assert drawn[1].meaning == "no"
    assert "◀────────── Alert handshake_failure │" in sequence.diagram(drawn, "a", "b").plain


def test_terminal_control_in_a_name_is_shown_not_sent() -> None:
    assert "\x1b" not in sequence.diagram((), "a\x1b[2J", "b\u202e").plain
