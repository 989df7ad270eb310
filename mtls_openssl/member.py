"""An entity with everything settled: its options, its files, its place in the hierarchy."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from mtls_openssl.recipe import Entity, Options, Pkcs12, Recipe
from mtls_openssl.secret import SHORTEST_PASSPHRASE, Need
from mtls_openssl.subject import Subject, merge, to_subj
from mtls_openssl.template import Value
from mtls_openssl.workflow import Workflow

Values: TypeAlias = dict[str, Value]
"""What placeholders stand for."""

BUILT_IN = Options(days=365)
"""What holds where neither recipe nor workflow says anything."""


@dataclass(frozen=True)
class Member:
    """An entity with everything settled: its options, its files, its place in the hierarchy."""

    entity: Entity
    options: Options
    subject: Subject
    files: Mapping[str, str]
    """Kind of file to path, relative to the directory."""
    issuer: "Member | None"
    """None for a root."""
    strict: bool

    @property
    def name(self) -> str:
        """The entity's name."""
        return self.entity.name

    @property
    def passphrase(self) -> Need | None:
        """The secret that its key is encrypted with."""
        if self.options.passphrase is None:
            return None
        key = self.files.get("key", self.name)
        path = (*self.entity.path, "passphrase")
        return Need(
            self.options.passphrase, f"the pass phrase of {key}", key, path, SHORTEST_PASSPHRASE
        )

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


def settle(recipe: Recipe, workflow: Workflow) -> tuple[Member, ...]:
    """Settle every entity of a recipe, in its order, by what the workflow has by default."""
    members: dict[str, Member] = {}
    for entity in recipe.entities:
        under = workflow.defaults.get(entity.section, Options()).over(BUILT_IN)
        options = entity.options.over(under)
        subject = options.subject or ()
        if "CN" not in dict(subject):
            subject = merge(subject, (("CN", entity.name),))
        issuer = None if entity.section == "root" else members[entity.issuer]
        member = Member(entity, options, subject, {}, issuer, workflow.strict)
        members[entity.name] = replace(member, files=_files(member, workflow))
    return tuple(members.values())


def _files(member: Member, workflow: Workflow) -> dict[str, str]:
    values = placeholders(member)
    files = {}
    for kind, name in workflow.layout.get(member.entity.section, {}).items():
        path = member.entity.declared.files.get(kind) or name.text(values, str)
        if path and not (kind == "pkcs12" and member.options.pkcs12 is None):
            files[kind] = path
    return files


def placeholders(member: Member) -> Values:
    """Give what an entity's placeholders stand for, but for its files."""
    options, key = member.options, member.options.key
    parameters = {"RSA": "rsa_keygen_bits", "EC": "ec_paramgen_curve"}
    pkcs12 = options.pkcs12 or Pkcs12()
    serial = options.serial
    values: Values = {
        "name": member.name,
        "role": {"server": "serverAuth", "client": "clientAuth"}.get(member.entity.section),
        "subject": to_subj(member.subject),
        "subject.unicode": None if to_subj(member.subject).isascii() else "yes",
        "days": str(options.days),
        "digest": options.digest,
        "serial": str(serial) if isinstance(serial, int) else None,
        "serial.file": "yes" if serial == "file" else None,
        "algorithm": key.algorithm if key else None,
        "bits": key.size if key and key.algorithm == "RSA" else None,
        "curve": key.size if key and key.algorithm == "EC" else None,
        "parameter": f"{parameters[key.algorithm]}:{key.size}" if key and key.size else None,
        "passphrase": "yes" if options.passphrase else None,
        "issuer": member.issuer.name if member.issuer else None,
        "crl_url": options.crl_url,
        "pkcs12.legacy": "yes" if pkcs12.compatibility == "legacy" else None,
        "pkcs12.password": "yes" if pkcs12.password else None,
    }
    values |= {f"subject.{name}": value for name, value in member.subject}
    declared = member.entity.declared
    path_length = getattr(declared, "path_length", None)
    values["path_length"] = None if path_length is None else str(path_length)
    for name in ("names", "name_constraints"):
        values[name] = getattr(declared, name, None)
    return values
