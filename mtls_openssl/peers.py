"""Who takes part in a handshake, with which files, and the command that each side runs."""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from mtls_openssl.errors import Fault
from mtls_openssl.exchange import Command
from mtls_openssl.member import Member
from mtls_openssl.names import parse_name
from mtls_openssl.secret import Need, Secret

Tls: TypeAlias = Literal["1.3", "1.2", "1.2-rsa"]
VERSIONS: dict[Tls, tuple[str, ...]] = {
    "1.3": ("-tls1_3",),
    "1.2": ("-tls1_2",),
    "1.2-rsa": ("-tls1_2", "-cipher", "AES256-GCM-SHA384", "-no_ticket"),
}
"""The options that both sides get; the last is the tutorial's: static RSA, no session ticket."""


@dataclass(frozen=True)
class Peer:
    """A certificate with its key, as one side shows it."""

    name: str
    """The entity's."""
    certificate: str
    key: str
    above: str = ""
    """A file of the issuing CAs that are sent along."""
    need: Need | None = None
    """The secret that opens the key."""
    secret: Secret | None = None

    def words(self) -> tuple[str, ...]:
        """Give the options that s_server and s_client both know."""
        above = ("-cert_chain", self.above) if self.above else ()
        opened = ("-pass", "stdin") if self.secret else ()
        return ("-cert", self.certificate, "-key", self.key, *above, *opened)


@dataclass(frozen=True)
class Terms:
    """What holds for every handshake of a proof."""

    tls: Tls
    depth: int
    """How many CAs stand above the lowest leaf."""
    server_trusts: str
    """The file of CAs that the server knows clients by."""
    client_trusts: str


def serve(server: Peer, terms: Terms, more: tuple[str, ...] = ()) -> Command:
    """Give the server's command: it demands a certificate, and ends where one does not verify."""
    demand = ("-Verify", str(terms.depth), "-verify_return_error", "-CAfile", terms.server_trusts)
    argv = ("openssl", "s_server", *server.words(), *demand, *more, *VERSIONS[terms.tls], "-msg")
    return Command(argv, server.secret, server.need)


def connect(client: Peer | None, terms: Terms, expected: tuple[str, ...]) -> Command:
    """Give the client's command; `expected` is how it knows the server's name."""
    demand = ("-verify", str(terms.depth), "-verify_return_error", "-CAfile", terms.client_trusts)
    shown = client.words() if client else ()
    argv = ("openssl", "s_client", *shown, *demand, *expected, *VERSIONS[terms.tls], "-msg")
    return Command(argv, client.secret, client.need) if client else Command(argv)


def expected_name(server: Member) -> tuple[str, ...]:
    """Give the options by which a client checks a server's name: a name of its certificate.

    Without a host name among the names, openssl takes a common name for one (X509_check_host(3)).
    """
    names = getattr(server.entity.declared, "names", None) or ()
    for name in names:
        kind, _, value = name.partition(":")
        if kind in ("DNS", "IP"):
            option = "-verify_hostname" if kind == "DNS" else "-verify_ip"
            return option, value.replace("*", "any")
    try:
        common = parse_name(dict(server.subject).get("CN", ""))
    except Fault:
        return ()
    return ("-verify_hostname", common[4:]) if common.startswith("DNS:") else ()


def peer(member: Member, secret: Secret | None = None) -> Peer:
    """Make a peer of an entity's files."""
    files = member.files
    return Peer(
        member.name, files["certificate"], files["key"], need=member.passphrase, secret=secret
    )


def sending(one: Peer, above: str) -> Peer:
    """Give a peer that sends issuing CAs along."""
    return replace(one, above=above)
