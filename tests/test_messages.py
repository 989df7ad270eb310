"""What openssl's -msg prints becomes messages by name and sender, in one order."""

from mtls_openssl import messages
from mtls_openssl.messages import TWELVE, Message, Ruling, Seen

CLIENT_111 = """\
CONNECTED(00000003)
>>> ??? [length 0005]
    16 03 01 00 d7
>>> TLS 1.3, Handshake [length 00d2], ClientHello
    01 00 00 ce
<<< TLS 1.3, Handshake [length 007a], ServerHello
<<< TLS 1.3 [length 0001]
<<< TLS 1.3, Handshake [length 0034], Finished
>>> TLS 1.3, ChangeCipherSpec [length 0001]
>>> TLS 1.3, Handshake [length 0034], Finished
>>> TLS 1.3, Alert [length 0002], warning close_notify
"""
"""As OpenSSL 1.1.1 prints it, shortened."""
SERVER_111 = """\
ACCEPT 127.0.0.1:40000
<<< TLS 1.3, Handshake [length 00d2], ClientHello
>>> TLS 1.3, Handshake [length 007a], ServerHello
>>> TLS 1.3, ChangeCipherSpec [length 0001]
>>> TLS 1.3, Handshake [length 0034], Finished
<<< TLS 1.3, Handshake [length 0034], Finished
CIPHER is TLS_AES_256_GCM_SHA384
<<< TLS 1.3, Alert [length 0002], warning close_notify
"""


def told(*words: str) -> tuple[Message, ...]:
    """Messages from words: c:ClientHello s:ServerHello."""
    sides = {"c": "client", "s": "server"}
    return tuple(Message(sides[w[0]], w[2:]) for w in words)  # type: ignore[arg-type]


def test_only_messages_are_read_not_records_octets_or_the_goodbye() -> None:
    assert messages.read(CLIENT_111) == (
        Seen(True, "ClientHello"),
        Seen(False, "ServerHello"),
        Seen(False, "Finished"),
        Seen(True, "ChangeCipherSpec"),
        Seen(True, "Finished"),
    )


def test_an_alert_bears_its_name_on_every_version() -> None:
    header = "<<< TLS 1.2, RecordHeader [length 0005]\n"
    log = f"{header}>>> TLS 1.3, Alert [length 0002], fatal unknown_ca\n"
    assert messages.read(log) == (Seen(True, "Alert unknown_ca"),)
    assert Message("server", "Alert unknown_ca").alert == "unknown_ca"
    assert not Message("server", "Finished").alert


def test_each_side_s_own_sending_counts_also_where_the_other_shows_nothing_of_it() -> None:
    """No log shows a received ChangeCipherSpec here, and both were sent."""
    joined = messages.join(messages.read(CLIENT_111), messages.read(SERVER_111))
    assert joined == told(
        "c:ClientHello", "s:ServerHello", "s:ChangeCipherSpec", "s:Finished",
        "c:ChangeCipherSpec", "c:Finished",
    )  # fmt: skip


def test_nothing_is_received_before_it_is_sent_and_nothing_is_lost() -> None:
    """The client's last flight left before the server's alert came; the server read half of it."""
    client = [Seen(True, "ClientHello"), Seen(False, "ServerHello"), Seen(True, "Certificate"),
              Seen(True, "Finished"), Seen(False, "Alert unknown_ca")]  # fmt: skip
    server = [Seen(False, "ClientHello"), Seen(True, "ServerHello"), Seen(False, "Certificate"),
              Seen(True, "Alert unknown_ca")]  # fmt: skip
    assert messages.join(client, server) == told(
        "c:ClientHello", "s:ServerHello", "c:Certificate", "c:Finished", "s:Alert unknown_ca"
    )


def test_what_answers_something_unseen_is_told_at_the_end() -> None:
    server = [Seen(False, "Nonsense"), Seen(True, "Alert unexpected_message")]
    assert messages.join([Seen(True, "ClientHello")], server) == told(
        "c:ClientHello", "s:Alert unexpected_message"
    )


def test_the_tutorial_s_twelve_differ_from_themselves_in_nothing() -> None:
    assert len(TWELVE) == 12
    assert messages.difference(TWELVE) == ()


def test_the_difference_names_what_is_more_and_what_is_fewer() -> None:
    ticket = Message("server", "NewSessionTicket")
    changed = (*(m for m in TWELVE if m.name != "ServerHelloDone"), ticket, ticket)
    assert messages.difference(changed) == (
        (Message("server", "ServerHelloDone"), -1),
        (ticket, 2),
    )


def test_a_compressed_certificate_is_a_certificate() -> None:
    packed = tuple(
        Message(m.sender, "CompressedCertificate") if m.name == "Certificate" else m for m in TWELVE
    )
    assert messages.difference(packed) == ()


def ruled(*words: str, server: str = "", said: str = "") -> Ruling | None:
    return messages.ruling(told(*words), server, {"client": said, "server": said})


def test_the_server_s_word_is_the_verdict() -> None:
    accepted = Ruling("accepted", "server", "CIPHER is TLS_AES_256_GCM_SHA384")
    assert ruled("c:Finished", server=SERVER_111) == accepted
    assert ruled("c:Finished") is None


def test_who_sent_the_alert_has_refused_in_openssl_s_words() -> None:
    said = "depth=0 CN = x\nverify error:num=10:certificate has expired\n"
    assert ruled("s:Alert certificate_expired", said=said) == Ruling(
        "refused", "server", "certificate has expired (error 10), alert certificate_expired", 10
    )
    said = (
        "ERROR\n40D7:error:0A0000C7:SSL routines:tls_process_client_certificate:"
        "peer did not return a certificate:../ssl/statem/statem_srvr.c:3517:\n"
    )
    assert ruled("s:Alert certificate_required", said=said) == Ruling(
        "refused", "server", "peer did not return a certificate, alert certificate_required"
    )
    assert ruled("c:Alert bad_certificate") == Ruling("refused", "client", "alert bad_certificate")


def test_an_alert_of_a_broken_conversation_is_no_refusal() -> None:
    """A server tells decode_error where its client is gone in the middle."""
    assert ruled("s:Alert decode_error", said="1:error:0A:SSL routines::unexpected eof:x") is None


def test_a_client_that_believed_too_early_is_refused_all_the_same() -> None:
    """The alert counts, even where the log has words of success before it."""
    ruling = ruled("c:Finished", "s:Alert unknown_ca", server=SERVER_111)
    assert ruling
    assert ruling.outcome == "refused"
