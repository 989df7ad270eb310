"""The recipe: who the authorities, servers and clients are.

The YAML is validated by pydantic, whose JSON Schema is `mtls-openssl schema`; what comes out are
frozen values. Every fault is reported at once, each with its line.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Literal, TypeAlias, get_args

from pydantic import ValidationError

from mtls_openssl import fleet, issuers, source
from mtls_openssl.errors import BadInput, Path, Problem
from mtls_openssl.issuers import Issuers
from mtls_openssl.model import (
    Authority,
    EndEntity,
    EntityOptions,
    Existing,
    File,
    Options,
    validation_problems,
)
from mtls_openssl.secret import Env, Source
from mtls_openssl.source import Document

Section: TypeAlias = Literal["root", "issuing", "existing", "server", "client"]
SECTIONS: tuple[Section, ...] = get_args(Section)
AUTHORITIES: tuple[Section, ...] = ("root", "issuing", "existing")
"""The sections whose entities sign others."""
GROUPS = {"authorities": AUTHORITIES, "servers": ("server",), "clients": ("client",)}
"""The recipe's groups of entities, and the sections that each holds."""

_NAME = re.compile(r"\w[\w.@+-]{0,99}")
LONGEST_NAME = 200
"""Bytes: a file's name has 255, its ending included."""


@dataclass(frozen=True, slots=True)
class Entity:
    """An authority, a server or a client, as the recipe has it."""

    name: str
    section: Section
    path: Path
    issuer: str
    """The issuing authority's name; its own for a root."""
    declared: EntityOptions
    """What it says of itself."""
    options: Options
    """The same, over the recipe's defaults."""

    @property
    def existing(self) -> Existing | None:
        """Its files, where it is an authority that is there already."""
        return self.declared.existing if isinstance(self.declared, Authority) else None

    @property
    def request(self) -> str | None:
        """The request from elsewhere, where there is one."""
        return self.declared.request if isinstance(self.declared, EndEntity) else None

    @property
    def passphrase(self) -> Source | None:
        """Where the pass phrase of its key comes from."""
        if existing := self.existing:
            return existing.passphrase
        return None if self.request else self.options.passphrase


@dataclass(frozen=True)
class Recipe:
    """A recipe that was read and found sound in itself."""

    document: Document
    workflow: str
    directory: str
    """Relative to the recipe's folder."""
    entities: tuple[Entity, ...]
    """Authorities, every issuer before those it issues for; then servers; then clients."""

    def entity(self, name: str) -> Entity:
        """Give the entity of that name; raises KeyError."""
        return next(entity for entity in self.entities if entity.name == name)

    def secret_variables(self) -> frozenset[str]:
        """Give the environment variables that hold secrets."""
        return frozenset(
            secret.name
            for entity in self.entities
            for secret in (
                entity.passphrase,
                entity.options.pkcs12.password if entity.options.pkcs12 else None,
            )
            if isinstance(secret, Env)
        )


def load(path: FilePath, name: str = "") -> Recipe:
    """Read the recipe at `path`; raises BadInput naming every fault."""
    return build(source.read(path, name), FilePath(path.name).stem, path.parent)


def build(document: Document, stem: str, folder: FilePath = FilePath()) -> Recipe:
    """Make a recipe of a YAML document; its directory is `stem` unless it names one.

    What the recipe names as a fleet's rows is read from below `folder`.
    """
    document, data = fleet.expand(document, folder)
    problems = [*_name_problems(document, data), *issuers.problems(document, data)]
    try:
        file = File.model_validate(data)
    except ValidationError as error:
        problems += validation_problems(document, File, error)
    else:
        problems += _conflicts(document, file)
    if problems:
        raise BadInput(document.settled(problems))
    directory = file.directory or stem
    if FilePath(document.file).name == directory:
        problem = document.problem(
            (), "the recipe and its directory have the same name", "add directory:"
        )
        raise BadInput((problem,))
    return Recipe(document, file.workflow, directory, tuple(_entities(file, issuers.read(data))))


def schema() -> dict[str, Any]:
    """Give the recipe's JSON Schema (draft 2020-12)."""
    made = File.model_json_schema()
    for group in issuers.GROUPS:
        # An entity that says nothing of itself is a name with nothing after the colon.
        members = made["properties"][group]
        members["additionalProperties"] = {"anyOf": [members["additionalProperties"], _NULL]}
    made["properties"]["authorities"]["minProperties"] = 1
    for name in ("Server", "Client"):
        made["$defs"][name]["properties"]["each"] = fleet.EACH_SCHEMA
    for name in ("defaults", "servers", "clients"):
        shape = made["properties"][name]
        shape.pop("default", None)
        made["properties"][name] = {"anyOf": [shape, _NULL]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


_NULL = {"type": "null"}


def _name_problems(document: Document, data: dict[str, Any]) -> Iterator[Problem]:
    """Find names that cannot name files, or that are taken."""
    seen: dict[str, str] = {}
    for group, name, _ in issuers.entities(data):
        path = (group, name)
        if not _NAME.fullmatch(name) or len(name.encode()) > LONGEST_NAME:
            hint = "use letters, digits and . _ @ + - ; a wildcard belongs into names:"
            yield document.problem(path, f"{name!r} cannot name files", hint, key=True)
        elif name.casefold() == "recipe":
            hint = "it stands for the recipe itself; choose another"
            yield document.problem(path, f"the name {name!r} is taken", hint, key=True)
        if (first := seen.setdefault(name.casefold(), f"{group}.{name}")) != f"{group}.{name}":
            message = f"{name!r} is named already, as {first}"
            yield document.problem(path, message, "names are unique in a recipe", key=True)


_WITHOUT = {
    "existing": (
        {"issuer", "crl_url"},
        "of an authority that is there already, nothing is decided here",
    ),
    "request": (
        {"issuer", "subject", "days", "digest", "serial", "names", "files", "not_before",
         "not_after", "outputs", "crl_url"},
        "only the certificate is made of a request from elsewhere; its key stays there",
    ),
}  # fmt: skip
"""What may be said beside existing: or request:, and why nothing else."""


def _conflicts(document: Document, file: File) -> Iterator[Problem]:
    """Find what an entity says that contradicts something else it says."""
    groups: dict[str, Mapping[str, EntityOptions]] = {
        "authorities": file.authorities,
        "servers": file.servers,
        "clients": file.clients,
    }
    for group, members in groups.items():
        for name, declared in members.items():
            given = declared.model_fields_set
            for marker, (allowed, why) in _WITHOUT.items():
                if marker in given:
                    for option in sorted(given - allowed - {marker}):
                        message = f"{option}: has no place beside {marker}:"
                        yield document.problem((group, name, option), message, why, key=True)
            yield from _date_conflicts(document, (group, name), declared)


def _date_conflicts(document: Document, path: Path, declared: EntityOptions) -> Iterator[Problem]:
    begin, end = declared.not_before, declared.not_after
    if begin and end and begin >= end:
        hint = "not_after: is the later one"
        yield document.problem((*path, "not_after"), "this ends before it begins", hint)
    if begin and end and declared.days is not None:
        hint = "leave days: out"
        yield document.problem((*path, "days"), "both dates are given", hint, key=True)
    if (begin or end) and isinstance(declared.serial, int):
        message = "serial: has no place beside dates"
        hint = "openssl ca signs then, and draws a random serial number"
        yield document.problem((*path, "serial"), message, hint, key=True)


def _entities(file: File, found: Issuers) -> Iterator[Entity]:
    groups: tuple[tuple[str, Mapping[str, EntityOptions], Section], ...] = (
        ("authorities", file.authorities, "issuing"),
        ("servers", file.servers, "server"),
        ("clients", file.clients, "client"),
    )
    for group, members, kind in groups:
        names = list(members)
        if group == "authorities":
            names.sort(key=lambda name: len(found.above(name)))
        for name in names:
            issuer = found.of(group, name) or name
            declared = members[name]
            section: Section = "root" if kind == "issuing" and issuer == name else kind
            if isinstance(declared, Authority) and declared.existing:
                section = "existing"
            options = declared.over(file.defaults)
            yield Entity(name, section, (group, name), issuer, declared, options)
