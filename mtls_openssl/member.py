"""An entity with everything settled: its options, its files, its place in the hierarchy."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from mtls_openssl.model import Options, Pkcs12
from mtls_openssl.recipe import Entity, Recipe
from mtls_openssl.secret import SHORTEST_PASSPHRASE, Need
from mtls_openssl.subject import Subject, merge, to_subj
from mtls_openssl.surroundings import Foreign, Revoked, Surroundings
from mtls_openssl.template import Value
from mtls_openssl.workflow import Workflow

Values: TypeAlias = dict[str, Value]
"""What placeholders stand for."""

BUILT_IN = Options(days=365, crl_days=30)
"""What holds where neither recipe nor workflow says anything."""
DATABASE = ("database", "crl_number", "ca_config")
LIST = ("crl", "crl_der")
"""The kinds of file of a CA's database, and of its revocation list."""


@dataclass(frozen=True, slots=True)
class Member:
    """An entity with everything settled: its options, its files, its place in the hierarchy."""

    entity: Entity
    options: Options
    subject: Subject
    files: Mapping[str, str]
    """Kind of file to path, relative to the directory; what was made elsewhere is absolute."""
    issuer: "Member | None"
    """None for a root."""
    strict: bool
    foreign: Foreign | None = None
    """What is known of its files that were made elsewhere."""
    revoked: tuple[Revoked, ...] | None = None
    """What it has revoked; None for an authority that keeps no revocation list."""

    @property
    def name(self) -> str:
        """The entity's name."""
        return self.entity.name

    @property
    def outside(self) -> Mapping[str, str]:
        """Kind of file to path, as the recipe has it, of what was made elsewhere."""
        if existing := self.entity.existing:
            own = {"certificate": existing.certificate, "key": existing.key}
            return {kind: path for kind, path in own.items() if path}
        return {"request": self.entity.request} if self.entity.request else {}

    @property
    def path_length(self) -> int | None:
        """How many authorities may stand below it."""
        if self.foreign and self.entity.existing:
            said = self.foreign.extensions.get("basicConstraints", "").rpartition("pathlen:")
            return int(said[2]) if said[1] else None
        length: int | None = getattr(self.entity.declared, "path_length", None)
        return length

    @property
    def name_constraints(self) -> tuple[str, ...]:
        """Which names it may vouch for: `permitted;DNS:example.com` and the like."""
        if self.foreign and self.entity.existing:
            said = self.foreign.extensions.get("nameConstraints", "").split(", ")
            return tuple(item for item in said if ";" in item)
        return getattr(self.entity.declared, "name_constraints", None) or ()

    @property
    def dates(self) -> tuple[datetime, datetime] | None:
        """From when until when it is valid, where the recipe fixes that; `days` fills one in."""
        begin, end = self.entity.declared.not_before, self.entity.declared.not_after
        days = self.options.days or 0
        if begin is None:
            return (_shifted(end, -days), end) if end else None
        return begin, end or _shifted(begin, days)

    @property
    def timeless(self) -> bool:
        """Whether its chain is judged whatever the time: it, or one above, has fixed dates."""
        return any(member.dates for member in (self, *self.above()))

    @property
    def passphrase(self) -> Need | None:
        """The secret that its key is encrypted with."""
        existing = self.entity.existing
        source = existing.passphrase if existing else self.options.passphrase
        if source is None or self.entity.request:
            return None
        key = self.files.get("key", self.name)
        shown = existing.key or key if existing else key
        path = (*self.entity.path, *(("existing",) if existing else ()), "passphrase")
        shortest = 1 if existing else SHORTEST_PASSPHRASE
        return Need(source, f"the pass phrase of {shown}", key, path, shortest)

    @property
    def export_password(self) -> Need | None:
        """The secret that its PKCS#12 bundle is encrypted with."""
        pkcs12 = self.options.pkcs12
        if pkcs12 is None or pkcs12.password is None or "pkcs12" not in self.files:
            return None
        file = self.files["pkcs12"]
        path = (*self.entity.path, "pkcs12", "password")
        return Need(pkcs12.password, f"the export password of {file}", file, path)

    def above(self) -> "tuple[Member, ...]":
        """Give the authorities above it, the issuer first and the root last."""
        line: list[Member] = []
        above = self.issuer
        while above is not None:
            line.append(above)
            above = above.issuer
        return tuple(line)


def _shifted(date: datetime, days: int) -> datetime:
    """Give the date that many days later, or the last one that there is."""
    try:
        return date + timedelta(days=days)
    except OverflowError:
        return datetime.max.replace(microsecond=0, tzinfo=UTC)


def settle(recipe: Recipe, workflow: Workflow, there: Surroundings) -> tuple[Member, ...]:
    """Settle every entity of a recipe, in its order, by what the workflow has by default."""
    members: dict[str, Member] = {}
    sections = {entity.section for entity in recipe.entities}
    under = {name: workflow.defaults.get(name, Options()).over(BUILT_IN) for name in sections}
    for entity in recipe.entities:
        options = entity.options.over(under[entity.section])
        issuer = None if entity.issuer == entity.name else members[entity.issuer]
        foreign = there.foreign.get(entity.name)
        subject = foreign.subject if foreign else _subject(entity, options)
        members[entity.name] = Member(
            entity, options, subject, {}, issuer, workflow.strict, foreign
        )
    lists = _lists(members, there)
    # openssl ca wants a database for a list, and for fixed dates.
    databases = lists | {(m.issuer or m).name for m in members.values() if m.dates}
    for name, member in members.items():  # issuers come first
        kept = (*(DATABASE if name in databases else ()), *(LIST if name in lists else ()))
        members[name] = replace(
            member,
            issuer=members[member.issuer.name] if member.issuer else None,
            files=_files(member, workflow, there, kept),
            revoked=there.revoked.get(name, ()) if name in lists else None,
        )
    return tuple(members.values())


def _subject(entity: Entity, options: Options) -> Subject:
    subject = options.subject or ()
    return subject if "CN" in dict(subject) else merge(subject, (("CN", entity.name),))


def _lists(members: Mapping[str, Member], there: Surroundings) -> set[str]:
    """Name the authorities that keep a revocation list.

    One that has revoked, or says where its list is found, does, and so do all above it: who checks
    one certificate of a chain mostly checks them all.
    """
    names: set[str] = set()
    for member in members.values():
        if member.entity.path[0] == "authorities" and (
            member.name in there.revoked or member.options.crl_url
        ):
            names |= {member.name, *(above.name for above in member.above())}
    return {name for name in names if not members[name].entity.existing}


_OPTIONAL = ("pkcs12", "der", "pkcs8", *DATABASE, *LIST)
"""The kinds of file that are only made where they are asked for."""
_WITH_KEY = ("key", "combined", "pkcs12", "pkcs8")
"""The kinds of file that hold a private key."""


def _files(
    member: Member, workflow: Workflow, there: Surroundings, kept: tuple[str, ...]
) -> dict[str, str]:
    values = placeholders(member)
    asked = {*kept, *(member.options.outputs or ())} | (
        {"pkcs12"} if member.options.pkcs12 else set()
    )
    files = {}
    for kind, name in workflow.layout.get(member.entity.section, {}).items():
        path = member.entity.declared.files.get(kind) or name.text(values, str)
        keyless = member.entity.request and kind in _WITH_KEY
        if path and not keyless and (kind not in _OPTIONAL or kind in asked):
            files[kind] = path
    outside = {kind: os.path.join(there.folder, path) for kind, path in member.outside.items()}
    return files | {kind: os.path.normpath(path) for kind, path in outside.items()}


def placeholders(member: Member) -> Values:
    """Give what an entity's placeholders stand for, but for its files."""
    options, key, declared = member.options, member.options.key, member.entity.declared
    parameters = {"RSA": "rsa_keygen_bits", "EC": "ec_paramgen_curve"}
    pkcs12 = options.pkcs12 or Pkcs12()
    serial, dates = options.serial, member.dates
    foreign = member.issuer if member.issuer and member.issuer.entity.existing else None
    numbered = isinstance(serial, int)
    values: Values = {
        "name": member.name,
        "role": {"server": "serverAuth", "client": "clientAuth"}.get(member.entity.section),
        "subject": to_subj(member.subject),
        "subject.unicode": None if to_subj(member.subject).isascii() else "yes",
        "days": None if dates else str(options.days),
        "not_before": f"{dates[0]:%Y%m%d%H%M%SZ}" if dates else None,
        "not_after": f"{dates[1]:%Y%m%d%H%M%SZ}" if dates else None,
        "digest": options.digest,
        "serial": str(serial) if numbered else None,
        "serial.file": "yes" if serial == "file" and not foreign else None,
        "serial_list": f"{foreign.name}.srl" if foreign and not numbered else None,
        "algorithm": key.algorithm if key else None,
        "bits": key.size if key and key.algorithm == "RSA" else None,
        "curve": key.size if key and key.algorithm == "EC" else None,
        "parameter": f"{parameters[key.algorithm]}:{key.size}" if key and key.size else None,
        "passphrase": "yes" if member.entity.passphrase else None,
        "unencrypted": None if member.entity.passphrase else "yes",
        "issuer": member.issuer.name if member.issuer else None,
        "crl_url": options.crl_url,
        "crl_days": str(options.crl_days),
        "pkcs12.legacy": "yes" if pkcs12.compatibility == "legacy" else None,
        "pkcs12.password": "yes" if pkcs12.password else None,
        "names": getattr(declared, "names", None),
        "path_length": None if member.path_length is None else str(member.path_length),
        "name_constraints": member.name_constraints or None,
    }
    return values | {f"subject.{name}": value for name, value in member.subject}
