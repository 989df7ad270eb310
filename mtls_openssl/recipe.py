"""The recipe: who the authorities, servers and clients are.

The YAML is validated by pydantic, whose JSON Schema is `mtls-openssl schema`; what comes out are
frozen values. Every fault is reported at once, each with its line.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mtls_openssl import issuers, source
from mtls_openssl.errors import BadInput, Path, Problem
from mtls_openssl.fields import (
    CONSTRAINTS_SCHEMA,
    DIGESTS,
    KEY_KINDS,
    LONGEST_LIFE,
    Key,
    choice,
    parse_constraints,
    parse_files,
    parse_inside,
    parse_key,
    parse_serial,
    parse_whole,
    parsed,
    targets,
    text,
)
from mtls_openssl.issuers import Issuers
from mtls_openssl.names import NAMES_SCHEMA, parse_names
from mtls_openssl.programs import CLIENT_TARGETS, SERVER_TARGETS
from mtls_openssl.secret import SOURCE_SCHEMA, Env, Source, parse_source
from mtls_openssl.source import Document, suggestion
from mtls_openssl.subject import SUBJECT_SCHEMA, Subject, merge, parse_subject

Section: TypeAlias = Literal["root", "issuing", "server", "client"]
SECTIONS: tuple[Section, ...] = get_args(Section)
AUTHORITIES: tuple[Section, ...] = ("root", "issuing")
"""The sections whose entities sign others."""
GROUPS = {"authorities": AUTHORITIES, "servers": ("server",), "clients": ("client",)}
"""The recipe's groups of entities, and the sections that each holds."""

_NAME = re.compile(r"\w[\w.@+-]{0,99}")
LONGEST_NAME = 200
"""Bytes: a file's name has 255, its ending included."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pkcs12(_Model):
    """A bundle of certificate and key, for import into browsers and keychains."""

    password: Annotated[Source | None, *parsed(parse_source, SOURCE_SCHEMA)] = None
    compatibility: Annotated[str, *choice("compatibility", ("default", "legacy"))] = "default"


def _empty_for_none(value: object) -> object:
    return {} if value is None else value


_SecretField: TypeAlias = Annotated[Source | None, *parsed(parse_source, SOURCE_SCHEMA)]
_DAYS = {"type": "integer", "minimum": 1, "maximum": LONGEST_LIFE}
_SERIAL = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]}


class Options(_Model):
    """What an entity may say of itself; whatever is left out comes from below."""

    subject: Annotated[Subject | None, *parsed(parse_subject, SUBJECT_SCHEMA)] = None
    key: Annotated[Key | None, *parsed(parse_key, {"enum": list(KEY_KINDS)})] = None
    days: Annotated[int | None, *parsed(parse_whole(1, LONGEST_LIFE, "days"), _DAYS)] = None
    digest: Annotated[str | None, *choice("digest", DIGESTS)] = None
    serial: Annotated[int | str | None, *parsed(parse_serial, _SERIAL)] = None
    passphrase: _SecretField = None
    pkcs12: Pkcs12 | None = None
    crl_url: Annotated[
        str | None,
        *text("URL", r"https?://[\x21-\x2b\x2d-\x7e]+", "write http://host/path, without commas"),
    ] = None
    issuer: Annotated[str | None, *text("authority's name")] = None

    def over(self, under: "Options") -> "Options":
        """Lay these options over others: what is given here wins; subjects merge."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        below = {name: getattr(under, name) for name in under.model_fields_set}
        if self.subject is not None and under.subject is not None:
            given["subject"] = merge(under.subject, self.subject)
        if self.pkcs12 is not None and under.pkcs12 is not None:
            given["pkcs12"] = Pkcs12.model_construct(
                **{n: getattr(under.pkcs12, n) for n in under.pkcs12.model_fields_set}
                | {n: getattr(self.pkcs12, n) for n in self.pkcs12.model_fields_set}
            )
        return type(self).model_construct(_fields_set=None, **below | given)


_FILES_SCHEMA = {"type": "object", "additionalProperties": {"type": "string"}}


class EntityOptions(Options):
    """What only one entity may say."""

    files: Annotated[dict[str, str], *parsed(parse_files, _FILES_SCHEMA)] = Field(
        default_factory=dict, description="Other names for its files: key, request, certificate, …"
    )


class Authority(EntityOptions):
    """A certification authority: self-signed where it has no issuer."""

    path_length: Annotated[
        int | None,
        *parsed(parse_whole(0, 100, "authorities below"), {"type": "integer", "minimum": 0}),
    ] = None
    name_constraints: Annotated[
        tuple[str, ...] | None, *parsed(parse_constraints, CONSTRAINTS_SCHEMA)
    ] = None


class EndEntity(EntityOptions):
    """A server or a client."""

    names: Annotated[tuple[str, ...] | None, *parsed(parse_names, NAMES_SCHEMA)] = None


_CONFIG = "The programs that `config` prints configuration for, where no --for says otherwise."


class Server(EndEntity):
    """A server."""

    config: Annotated[tuple[str, ...], *targets(SERVER_TARGETS)] = Field((), description=_CONFIG)


class Client(EndEntity):
    """A client."""

    config: Annotated[tuple[str, ...], *targets(CLIENT_TARGETS)] = Field((), description=_CONFIG)


class _File(_Model):
    """A recipe of mtls-openssl: who the authorities, servers and clients are."""

    model_config = ConfigDict(title="mtls-openssl recipe")

    workflow: Annotated[str, *text("workflow", hint="name a bundled one, or a file")] = Field(
        description="modern, mutual-tls, encrypted-ca, or the path of a workflow file."
    )
    directory: Annotated[str | None, *parsed(parse_inside, {"type": "string"})] = Field(
        None,
        description="Where the files go, below the recipe's folder; default: the recipe's name.",
    )
    defaults: Annotated[Options, BeforeValidator(_empty_for_none)] = Options()
    authorities: dict[str, Annotated[Authority, BeforeValidator(_empty_for_none)]]
    servers: Annotated[
        dict[str, Annotated[Server, BeforeValidator(_empty_for_none)]],
        BeforeValidator(_empty_for_none),
    ] = {}
    clients: Annotated[
        dict[str, Annotated[Client, BeforeValidator(_empty_for_none)]],
        BeforeValidator(_empty_for_none),
    ] = {}


@dataclass(frozen=True)
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
                entity.options.passphrase,
                entity.options.pkcs12.password if entity.options.pkcs12 else None,
            )
            if isinstance(secret, Env)
        )


def load(path: FilePath, name: str = "") -> Recipe:
    """Read the recipe at `path`; raises BadInput naming every fault."""
    return build(source.read(path, name), FilePath(path.name).stem)


def build(document: Document, stem: str) -> Recipe:
    """Make a recipe of a YAML document; its directory is `stem` unless it names one."""
    data = document.data
    problems = [*_name_problems(document, data), *issuers.problems(document, data)]
    try:
        file = _File.model_validate(data)
    except ValidationError as error:
        problems += validation_problems(document, _File, error)
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
    made = _File.model_json_schema()
    for group in issuers.GROUPS:
        # An entity that says nothing of itself is a name with nothing after the colon.
        members = made["properties"][group]
        members["additionalProperties"] = {"anyOf": [members["additionalProperties"], _NULL]}
    made["properties"]["authorities"]["minProperties"] = 1
    for name in ("defaults", "servers", "clients"):
        shape = made["properties"][name]
        shape.pop("default", None)
        made["properties"][name] = {"anyOf": [shape, _NULL]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


_NULL = {"type": "null"}


def validation_problems(
    document: Document, model: type[BaseModel], error: ValidationError
) -> Iterator[Problem]:
    """Turn what pydantic found into problems with lines."""
    for item in error.errors(include_url=False):
        loc = tuple(part for part in item["loc"] if part != "[key]")
        match item["type"]:
            case "fault":
                yield from (document.fault(loc, fault) for fault in item["ctx"]["faults"])
            case "extra_forbidden":
                hint = suggestion(loc[-1], _fields(model, loc[:-1]))
                yield document.problem(loc, f"unknown key {loc[-1]!r}", hint, key=True)
            case "missing":
                yield document.problem(loc[:-1], f"{loc[-1]}: is missing", "add it", key=True)
            case "model_type" | "dict_type" | "model_attributes_type":
                known = suggestion("", _fields(model, loc))
                hint = known or f"write {loc[-1]}: {{NAME: {{subject: {{CN: …}}}}}}"
                yield document.problem(loc, f"{loc[-1]}: takes a mapping here", hint)
            case "list_type":
                yield document.problem(loc, f"{loc[-1]}: takes a list here")
            case _:
                yield document.problem(loc, f"{loc[-1]}: {item['msg']}", "")


def _fields(model: Any, loc: Path) -> list[str]:
    """Give the keys that are known at a place of the model."""
    for step in loc:
        if isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(str(step))
            model = field.annotation if field else None
        else:
            model = get_args(model)[-1] if get_args(model) else None
        while get_origin(model) not in (None, dict, list):  # Annotated, or a union with None
            model = get_args(model)[0]
    if isinstance(model, type) and issubclass(model, BaseModel):
        return list(model.model_fields)
    return []


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


def _entities(file: _File, found: Issuers) -> Iterator[Entity]:
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
            section: Section = "root" if kind == "issuing" and issuer == name else kind
            declared = members[name]
            options = declared.over(file.defaults)
            yield Entity(name, section, (group, name), issuer, declared, options)
