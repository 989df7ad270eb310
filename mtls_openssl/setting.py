"""What a server's or a client's program has to be told of its files, whatever its syntax.

A pure reading of a plan: which file it shows, which key belongs to it, whom it trusts, which
revocation lists there are, and where all of it lies.
"""

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mtls_openssl.member import Member
from mtls_openssl.plan import Plan
from mtls_openssl.recipe import AUTHORITIES
from mtls_openssl.secret import Generate, Need

TRUST = "trust.pem"
"""What a file of all CAs is called where the workflow makes none."""
PURPOSE = "extendedKeyUsage"
"""The extension by which a certificate says whom it is for (RFC 5280, section 4.2.1.12)."""


@dataclass(frozen=True)
class Place:
    """A file's path; it prints only after it was quoted for its reader."""

    path: str

    def __add__(self, ending: str) -> "Place":
        return Place(self.path + ending)


@dataclass(frozen=True)
class Joined:
    """A file of several in one, as most programs want their CAs and revocation lists."""

    file: Place
    parts: tuple[Place, ...]
    made: bool
    """Whether it is there; otherwise a person joins the parts."""


@dataclass(frozen=True)
class Locked:
    """The pass phrase of a key, or the password of a bundle: where a program can read it."""

    file: Place
    """Its first line."""
    kept: bool
    """Whether it is kept there already; otherwise a person writes it, or types it when asked."""


@dataclass(frozen=True)
class Setting:
    """All that one program is told; the names are those that its template uses."""

    entity: str
    certificate: Place
    """What it shows: its certificate, followed by its issuing CAs where the workflow has chains."""
    key: Place
    passphrase: Locked | None
    """None for a key that is not encrypted."""
    trust: Joined
    """Every CA whose certificates it accepts."""
    roots: tuple[tuple[str, Place], ...]
    """The self-signed ones among them, by name."""
    crl: Joined | None
    """The revocation lists of all these CAs; None where one of them keeps none."""
    unlisted: tuple[str, ...]
    """The CAs that keep no list, where others do."""
    levels: int
    """How many CAs stand above a certificate, at most."""
    purposes: bool
    """Whether certificates say whom they are for, a server or a client (extendedKeyUsage)."""
    bundle: Place
    """Its PKCS#12 file."""
    bundled: bool
    """Whether the plan makes it; otherwise a person does."""
    bundle_password: Locked | None
    """None for a bundle that a person makes, and chooses the password of."""


@dataclass(frozen=True)
class Folder:
    """Where the plan's directory lies on the machine that is configured."""

    path: str
    moved: bool = False
    """Whether that is another place than here: what lay outside the directory lies in it there."""

    def at(self, name: str) -> Place:
        """Give the place of a file of the plan's."""
        outside = posixpath.isabs(name) and self.moved
        path = posixpath.normpath(
            posixpath.join(self.path, posixpath.basename(name) if outside else name)
        )
        return Place(f"./{path}" if path.startswith("-") else path)

    def locked(self, need: Need | None) -> Locked | None:
        """Give the place of a secret's text."""
        return Locked(self.at(need.kept), isinstance(need.source, Generate)) if need else None

    def joined(self, made: str | None, parts: list[str]) -> Joined:
        """Give the place of the file that the plan makes of these, or that a person must."""
        there = made or (parts[0] if len(parts) == 1 else "")
        return Joined(self.at(there or TRUST), tuple(map(self.at, parts)), bool(there))


def settle(plan: Plan, members: Iterable[Member], folder: Folder) -> Iterator[Setting]:
    """Settle what the programs of entities that have a key here are told."""
    authorities = [m for m in plan.members if m.entity.section in AUTHORITIES]
    roots = tuple((m.name, folder.at(m.files["certificate"])) for m in authorities if not m.issuer)
    lists = {m.name: m.files["crl"] for m in authorities if "crl" in m.files}
    unlisted = tuple(m.name for m in authorities if m.name not in lists) if lists else ()
    made = {
        kind: name.text({}, str) for kind, name in plan.workflow.layout.get("recipe", {}).items()
    }
    certificates = [m.files["certificate"] for m in authorities]
    trust = folder.joined(made.get("trust"), certificates)
    crl = folder.joined(made["crls"], [*lists.values()]) if lists and not unlisted else None
    levels = max(len(m.above()) for m in plan.members)
    telling = {step.entity for step in plan.steps for file in step.files if PURPOSE in file.text}
    for member in members:
        yield Setting(
            entity=member.name,
            certificate=folder.at(member.files.get("chain") or member.files["certificate"]),
            key=folder.at(member.files["key"]),
            passphrase=folder.locked(member.passphrase),
            trust=trust,
            roots=roots,
            crl=crl,
            unlisted=unlisted,
            levels=levels,
            purposes=member.name in telling,
            bundle=folder.at(member.files.get("pkcs12") or f"{member.name}.p12"),
            bundled="pkcs12" in member.files,
            bundle_password=folder.locked(member.export_password),
        )
