"""The cases of the proof: what each side shows, who must refuse it, and for which reason.

A case's `about` is its lesson, in a few words.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mtls_openssl.exchange import Command
from mtls_openssl.messages import Ruling, Side
from mtls_openssl.peers import Peer, Terms, connect, serve

Expected: TypeAlias = Literal["accepted", "refused"]

SOMEBODY_ELSE = "somebody-else.invalid"
"""A name that no server has (RFC 6761 section 6.4)."""

NO_ISSUER = frozenset({2, 18, 19, 20, 21})
"""Verification errors (openssl-verification-options(1)): no way up to a CA that is trusted."""
BAD_SIGNATURE = frozenset({7})
EXPIRED = frozenset({10})
REVOKED = frozenset({23})
PURPOSE = frozenset({26})
MISMATCH = frozenset({62})


@dataclass(frozen=True)
class Case:
    """One handshake of the proof, before it is tried."""

    name: str
    shown: str | None
    """Whose certificate the client shows; None for no certificate."""
    about: str
    server: Command
    client: Command
    expected: Expected = "refused"
    by: Side = "server"
    """Who decides."""
    errors: frozenset[int] = frozenset({0})
    """For which verification errors it may be refused; 0 stands for none."""

    def holds(self, ruling: Ruling) -> bool:
        """Whether a handshake went as it should: the right side decided, for the right reason."""
        decided = (ruling.outcome, ruling.by) == (self.expected, self.by)
        return decided and (ruling.outcome == "accepted" or ruling.error in self.errors)


@dataclass(frozen=True)
class Scene:
    """Everybody and everything that takes part."""

    terms: Terms
    server: Peer
    client: Peer
    stranger: Peer
    """The client's subject under a CA that nobody knows."""
    forged: Peer
    """The client, one character of its certificate's signature changed."""
    expected_name: tuple[str, ...]
    """How the client checks the server's name; empty where it has none that could be checked."""
    after: int
    """A second at which the client's certificate has expired (Unix time)."""
    named: bool
    """Whether the server's certificate has a subjectAltName."""
    serves_as_client: bool
    """Whether openssl takes the server's certificate for a client's."""
    extended: bool
    """Whether it has an extendedKeyUsage."""
    one_trust: bool = True
    """Whether the server trusts the CA that issued its own certificate."""
    crl: str = ""
    revoked: Peer | None = None
    """A client that is on the revocation list."""


def cases(scene: Scene) -> tuple[Case, ...]:
    """Give the cases, in the order in which they are told."""
    return (*_common(scene), _servers_own(scene), _wrong_name(scene), *_altered(scene))


def _common(scene: Scene) -> Iterator[Case]:
    terms, client = scene.terms, scene.client
    checks_crl = ("-CRL", scene.crl, "-crl_check") if scene.crl else ()
    plain = serve(scene.server, terms)

    def coming(shown: Peer | None) -> Command:
        return connect(shown, terms, scene.expected_name)

    yield Case(
        "valid", client.name, "each knows the other's CA",
        serve(scene.server, terms, checks_crl), coming(client), "accepted",
    )  # fmt: skip
    yield Case(
        "no-certificate", None, "the client shows none, and the server demands one",
        plain, coming(None),
    )  # fmt: skip
    yield Case(
        "foreign-ca", client.name, "the same subject, under a CA that nobody knows",
        plain, coming(scene.stranger), errors=NO_ISSUER,
    )  # fmt: skip
    yield Case(
        "expired", client.name, "the server's clock is past the certificate's end",
        serve(scene.server, terms, ("-attime", str(scene.after))), coming(client), errors=EXPIRED,
    )  # fmt: skip


def _servers_own(scene: Scene) -> Case:
    about = "the client shows the server's certificate"
    expected: Expected = "refused"
    errors = PURPOSE
    if not scene.one_trust:
        errors, about = NO_ISSUER, f"{about}, which another CA issued"
    elif not scene.serves_as_client:
        about = f"{about}, which is for servers only (extendedKeyUsage)"
    else:
        expected = "accepted"
        why = "allows it" if scene.extended else "is not there to forbid it"
        about = f"{about}; openssl takes it, since extendedKeyUsage {why}"
    client = connect(scene.server, scene.terms, scene.expected_name)
    server = serve(scene.server, scene.terms)
    return Case(
        "server-certificate", scene.server.name, about, server, client, expected, errors=errors
    )


def _wrong_name(scene: Scene) -> Case:
    about = f"the client wanted {SOMEBODY_ELSE}"
    if not scene.named:
        about += "; for want of a subjectAltName, openssl compared the common name"
    client = connect(scene.client, scene.terms, ("-verify_hostname", SOMEBODY_ELSE))
    server = serve(scene.server, scene.terms)
    return Case(
        "wrong-name", scene.client.name, about, server, client, by="client", errors=MISMATCH
    )


def _altered(scene: Scene) -> Iterator[Case]:
    yield Case(
        "tampered", scene.client.name, "one character of its signature was changed",
        serve(scene.server, scene.terms), connect(scene.forged, scene.terms, scene.expected_name),
        errors=BAD_SIGNATURE,
    )  # fmt: skip
    if scene.revoked:
        crl = ("-CRL", scene.crl, "-crl_check")
        yield Case(
            "revoked", scene.revoked.name, f"its serial number is on the CA's list, {scene.crl}",
            serve(scene.server, scene.terms, crl),
            connect(scene.revoked, scene.terms, scene.expected_name), errors=REVOKED,
        )  # fmt: skip
