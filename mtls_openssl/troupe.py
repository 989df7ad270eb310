"""Who takes part in a proof: chosen from the plan, found on disk, made ready by openssl."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path as FilePath

from mtls_openssl import checks, impostors, peers
from mtls_openssl.cases import Scene
from mtls_openssl.certificate import read_files
from mtls_openssl.errors import BadInput, CheckFailed, CommandFailed, Fault
from mtls_openssl.member import Member
from mtls_openssl.peers import Peer, Terms, Tls
from mtls_openssl.process import Runner
from mtls_openssl.session import Session
from mtls_openssl.source import suggestion
from mtls_openssl.verifier import Secrets


@dataclass
class Troupe:
    """Finds who takes part, and makes ready what they need."""

    session: Session
    runner: Runner
    vault: Secrets

    def choose(
        self, section: str, name: str | None, besides: frozenset[str] = frozenset()
    ) -> Member:
        """Give the member of that name, or the first that can take part; raises BadInput."""
        able = [member for member in self.session.plan.members if member.entity.section == section]
        able = [member for member in able if {"key", "certificate"} <= set(member.files)]
        if name is not None:
            for member in able:
                if member.name == name:
                    return member
            hint = suggestion(name, [member.name for member in able])
            raise BadInput((), f"--{section}: there is no {section} {name!r} in the recipe", hint)
        if not able:
            raise BadInput((), f"the recipe has no {section}", f"add one under {section}s:")
        now = [member for member in able if not member.dates] or able  # a fixture may be expired
        return next((member for member in now if member.name not in besides), now[0])

    def scene(
        self, folder: FilePath, server: Member, client: Member, known: frozenset[str], tls: Tls
    ) -> Scene:
        """Make everybody ready; raises CheckFailed where files are missing."""
        self._check_there(server, client)
        serving = self._peer(folder, server)
        calling = self._peer(folder, client)
        read = self._read(server.files["certificate"], "-noout", "-purpose", "-text")
        end = self._read(client.files["certificate"], "-noout", "-enddate")
        other = next((m for m in self._fellows(client) if m.name in known - {client.name}), None)
        depth = max(len(server.above()), len(client.above()))
        return Scene(
            Terms(tls, depth, self._trust(client), self._trust(server)),
            serving,
            calling,
            impostors.stranger(self.runner, folder, client),
            impostors.forged(folder, self.session.directory, calling),
            peers.expected_name(server),
            _second_after(end),
            named="X509v3 Subject Alternative Name" in read,
            serves_as_client=bool(re.search(r"^SSL client : Yes", read, re.MULTILINE)),
            extended="X509v3 Extended Key Usage" in read,
            one_trust=self._trust(client) == self._trust(server),
            crl=self._crl(client),
            revoked=self._peer(folder, other) if other else None,
        )

    def revoked(self, client: Member) -> frozenset[str]:
        """Give the clients that are on the revocation list of a client's issuer."""
        crl = self._crl(client)
        ours = self._fellows(client)
        if not crl or not ours:
            return frozenset()
        listed = self.runner.run(("openssl", "crl", "-in", crl, "-noout", "-text")).stdout
        numbers = {int(serial, 16) for serial in checks.revoked_serials(listed)}
        read = read_files(self.runner, [member.files["certificate"] for member in ours])
        if len(read) != len(ours):
            raise CommandFailed("a client's certificate cannot be read", "see mtls-openssl verify")
        return frozenset(m.name for m in ours if read[m.files["certificate"]].serial in numbers)

    def _fellows(self, client: Member) -> list[Member]:
        """Give all clients of a client's issuer whose files are there, itself included."""
        return [
            member
            for member in self.session.plan.members
            if member.entity.section == "client"
            and member.issuer == client.issuer
            and all(self._is_there(member.files.get(kind, "")) for kind in ("key", "certificate"))
        ]

    def _crl(self, client: Member) -> str:
        path = client.issuer.files.get("crl", "") if client.issuer else ""
        return path if self._is_there(path) else ""

    def _trust(self, member: Member) -> str:
        """Give the file of CAs by which a peer knows a member: the workflow's, or its root."""
        trust = self.session.plan.workflow.layout.get("recipe", {}).get("trust")
        return (trust and trust.text({}, str)) or member.above()[-1].files["certificate"]

    def _peer(self, folder: FilePath, member: Member) -> Peer:
        """Give a member with its secret; raises BadInput where that cannot be had."""
        need = member.passphrase
        if need is None and "ENCRYPTED" in self._text(member.files["key"]):
            raise CheckFailed(
                f"{member.files['key']} is encrypted, and the recipe has no pass phrase for it",
                f"add passphrase: to {member.name}",
            )
        try:
            secret = self.vault.fetch(need) if need else None
        except Fault as fault:
            assert need
            problem = self.session.plan.recipe.document.fault(need.path, fault)
            raise BadInput((problem,)) from None
        above = impostors.sent_along(folder, self.session.directory, member)
        return peers.sending(peers.peer(member, secret), above)

    def _check_there(self, *members: Member) -> None:
        wanted = (
            path
            for member in members
            for path in (
                *(member.files[k] for k in ("key", "certificate", "chain") if k in member.files),
                self._trust(member),
            )
        )
        missing = next((path for path in wanted if not self._is_there(path)), None)
        if missing:
            recipe = self.session.plan.recipe.document.file
            raise CheckFailed(
                f"there is no {missing} in {self.session.shown}",
                f"apply it first: mtls-openssl apply {recipe}",
            )

    def _is_there(self, path: str) -> bool:
        return bool(path) and (self.session.directory / path).is_file()

    def _text(self, path: str) -> str:
        return (self.session.directory / path).read_text("utf-8", "replace")

    def _read(self, certificate: str, *options: str) -> str:
        """Read a certificate by openssl; raises CommandFailed."""
        outcome = self.runner.run(("openssl", "x509", "-in", certificate, *options))
        if outcome.returncode != 0:
            said = checks.complaint(outcome.answer)
            raise CommandFailed(f"{certificate} cannot be read: {said}", "see mtls-openssl verify")
        return outcome.stdout


def _second_after(printed: str) -> int:
    """Read `-enddate`: the first second (Unix time) at which the certificate has expired."""
    match = re.search(r"^notAfter=(.*) GMT$", printed, re.MULTILINE)
    assert match
    end = datetime.strptime(match[1], "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    return int(end.timestamp()) + 1
