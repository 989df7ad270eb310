"""How a client knows a server by its name, and what both sides' commands say."""

import pytest

from mtls_openssl import peers
from mtls_openssl.peers import Peer, Terms
from mtls_openssl.secret import Secret
from tests.planning import planned


def expected(workflow: str, server: str) -> tuple[str, ...]:
    """How a client checks the name of a recipe's only server."""
    made = planned(f"workflow: {workflow}\nauthorities: {{ca: {{}}}}\nservers:\n  srv: {server}\n")
    return peers.expected_name(made.members[-1])


@pytest.mark.parametrize(
    ("workflow", "server", "words"),
    [
        ("modern", "{names: [api.example.com, 127.0.0.1]}", "-verify_hostname api.example.com"),
        ("modern", "{names: [127.0.0.1, api.example.com]}", "-verify_ip 127.0.0.1"),
        ("modern", '{names: ["*.example.com"]}', "-verify_hostname any.example.com"),
        (
            "modern",
            "{names: [a@b.example], subject: {CN: c.example}}",
            "-verify_hostname c.example",
        ),
        ("mutual-tls", "{subject: {CN: test.example.com}}", "-verify_hostname test.example.com"),
        ("mutual-tls", "{subject: {CN: 10.0.0.1}}", ""),
        ("mutual-tls", "{subject: {CN: The Server}}", ""),
    ],
)
def test_a_client_looks_for_a_name_of_the_certificate(
    workflow: str, server: str, words: str
) -> None:
    assert " ".join(expected(workflow, server)) == words


def test_both_commands_are_what_a_person_would_type() -> None:
    one = Peer("one", "one.pem", "one.key", above="above.pem", secret=Secret("hidden"))
    terms = Terms("1.2-rsa", 2, "clients.pem", "servers.pem")
    served = peers.serve(one, terms, ("-attime", "9"))
    assert " ".join(served.argv) == (
        "openssl s_server -cert one.pem -key one.key -cert_chain above.pem -pass stdin -Verify 2"
        " -verify_return_error -CAfile clients.pem -attime 9"
        " -tls1_2 -cipher AES256-GCM-SHA384 -no_ticket -msg"
    )
    assert served.secret is one.secret
    nobody = peers.connect(None, terms, ("-verify_hostname", "h"))
    assert " ".join(nobody.argv) == (
        "openssl s_client -verify 2 -verify_return_error -CAfile servers.pem -verify_hostname h"
        " -tls1_2 -cipher AES256-GCM-SHA384 -no_ticket -msg"
    )
    assert nobody.at("-connect", "127.0.0.1:1")[:4] == (
        "openssl", "s_client", "-connect", "127.0.0.1:1",
    )  # fmt: skip
