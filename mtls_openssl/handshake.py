"""The proof: a server and a client of an applied directory meet, live; impostors are refused.

What is read is the directory; what is written is a temporary folder of one's own. No CA key is
touched.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path as FilePath
from tempfile import TemporaryDirectory

from mtls_openssl import cases, exchange
from mtls_openssl.cases import Case
from mtls_openssl.errors import BadInput, MachineFault
from mtls_openssl.exchange import Exchange
from mtls_openssl.member import Member
from mtls_openssl.messages import Message, Ruling
from mtls_openssl.peers import Tls
from mtls_openssl.process import Runner
from mtls_openssl.session import Session
from mtls_openssl.troupe import Troupe
from mtls_openssl.verifier import Secrets

PATIENCE = 60.0
"""Seconds after which a handshake that has not ended is given up."""


@dataclass(frozen=True)
class Result:
    """One case, tried."""

    case: Case
    exchange: Exchange

    @property
    def ruling(self) -> Ruling:
        """How it ended, and in whose words."""
        return self.exchange.ruling

    @property
    def messages(self) -> tuple[Message, ...]:
        """What both sides sent."""
        return self.exchange.messages

    @property
    def ok(self) -> bool:
        """Whether it went as it should."""
        return self.case.holds(self.ruling)


@dataclass(frozen=True)
class Proof:
    """Who is accepted, who is refused, and each message."""

    tls: Tls
    openssl: str
    """The version that it was shown with."""
    server: str
    client: str
    results: tuple[Result, ...]
    untried: tuple[tuple[str, str], ...] = ()
    """Cases that could not be shown, and why."""

    @property
    def ok(self) -> bool:
        """Whether every case went as it should."""
        return all(result.ok for result in self.results)


def prove(
    session: Session,
    *,
    server: str | None = None,
    client: str | None = None,
    tls: Tls = "1.3",
    jobs: int = 1,
    patience: float = PATIENCE,
    secrets: Secrets | None = None,
) -> Proof:
    """Show live who is accepted and who is refused; `server` and `client` default to the first.

    The pass phrases of their keys come from `secrets`, or else from where the recipe says.

    Raises:
        BadInput: there is no such server or client, or it has no key for this TLS.
        CheckFailed: the directory is not applied.
        CommandFailed: an openssl broke off, for instance at a wrong pass phrase.
        MachineFault: a handshake did not end in time, or this openssl cannot do it.
    """
    if session.plan.version.library != "OpenSSL":
        raise MachineFault(
            f"s_server of {session.plan.version} listens on every address, and at no free port",
            "name an OpenSSL by --openssl",
        )
    troupe = Troupe(session, Runner(session.binary, session.directory), secrets or session.vault())
    serving = troupe.choose("server", server)
    known = troupe.revoked(troupe.choose("client", client))
    calling = troupe.choose("client", client, besides=known)
    _check_keys(tls, serving, calling)
    with TemporaryDirectory(prefix="mtls-openssl-") as folder:
        scene = troupe.scene(FilePath(folder), serving, calling, known, tls)
        results = _in_parallel(troupe.runner, cases.cases(scene), jobs, patience)
    untried = (("revoked", f"no other client is on {scene.crl}"),)
    return Proof(
        tls, str(session.plan.version), serving.name, calling.name, results,
        untried if scene.crl and not scene.revoked else (),
    )  # fmt: skip


def _in_parallel(
    runner: Runner, tried: Sequence[Case], jobs: int, patience: float
) -> tuple[Result, ...]:
    def act(case: Case) -> Result:
        return Result(case, exchange.hold(runner, case.server, case.client, patience))

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        try:
            return tuple(pool.map(act, tried))
        except BaseException:
            runner.stop()  # or the pool would wait for those that are still at it
            raise


def _check_keys(tls: Tls, server: Member, client: Member) -> None:
    """Refuse keys that a version of TLS has no use for; raises BadInput."""
    key = server.options.key
    if tls == "1.2-rsa" and key and key.algorithm != "RSA":
        raise BadInput(
            (), f"--tls 1.2-rsa: static RSA wants a server's RSA key; {server.name} has {key}",
            "try --tls 1.2, or name another by --server, or give it key: rsa:2048",
        )  # fmt: skip
    for member in (server, client) if tls != "1.3" else ():
        if member.options.key and member.options.key.algorithm.startswith("ML-DSA"):
            raise BadInput(
                (), f"--tls {tls}: TLS 1.2 knows no {member.options.key}, the key of {member.name}",
                "try --tls 1.3",
            )  # fmt: skip
