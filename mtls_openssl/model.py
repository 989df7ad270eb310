"""The shapes of a recipe file: what may be said where, validated by pydantic.

Whatever is wrong becomes a problem with its line; the JSON Schema is that of these shapes.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, TypeAlias, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mtls_openssl.errors import Path, Problem
from mtls_openssl.fields import (
    CONSTRAINTS_SCHEMA,
    DIGESTS,
    KEY_KINDS,
    LONGEST_LIFE,
    OUTPUTS,
    Key,
    Parsed,
    choice,
    parse_constraints,
    parse_date,
    parse_files,
    parse_inside,
    parse_key,
    parse_outputs,
    parse_path,
    parse_serial,
    parse_whole,
    targets,
    text,
)
from mtls_openssl.names import NAMES_SCHEMA, parse_names
from mtls_openssl.programs import CLIENT_TARGETS, SERVER_TARGETS
from mtls_openssl.secret import SOURCE_SCHEMA, Source, parse_source
from mtls_openssl.source import Document, suggestion
from mtls_openssl.subject import SUBJECT_SCHEMA, Subject, merge, parse_subject


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Pkcs12(_Model):
    """A bundle of certificate and key, for import into browsers and keychains."""

    password: Annotated[Source | None, Parsed(parse_source, SOURCE_SCHEMA)] = None
    compatibility: Annotated[str, choice("compatibility", ("default", "legacy"))] = "default"


def _empty_for_none(value: object) -> object:
    return {} if value is None else value


_SecretField: TypeAlias = Annotated[Source | None, Parsed(parse_source, SOURCE_SCHEMA)]
_DAYS = {"type": "integer", "minimum": 1, "maximum": LONGEST_LIFE}
_SERIAL = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]}


class Options(_Model):
    """What an entity may say of itself; whatever is left out comes from below."""

    subject: Annotated[Subject | None, Parsed(parse_subject, SUBJECT_SCHEMA)] = None
    key: Annotated[Key | None, Parsed(parse_key, {"enum": list(KEY_KINDS)})] = None
    days: Annotated[int | None, Parsed(parse_whole(1, LONGEST_LIFE, "days"), _DAYS)] = None
    digest: Annotated[str | None, choice("digest", DIGESTS)] = None
    serial: Annotated[int | str | None, Parsed(parse_serial, _SERIAL)] = None
    passphrase: _SecretField = None
    pkcs12: Pkcs12 | None = None
    outputs: Annotated[
        tuple[str, ...] | None,
        Parsed(parse_outputs, {"type": "array", "items": {"enum": list(OUTPUTS)}}),
    ] = None
    crl_days: Annotated[int | None, Parsed(parse_whole(1, LONGEST_LIFE, "days"), _DAYS)] = None
    crl_url: Annotated[
        str | None,
        text("URL", r"https?://[\x21-\x2b\x2d-\x7e]+", "write http://host/path, without commas"),
    ] = None
    issuer: Annotated[str | None, text("authority's name")] = None

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


_Date: TypeAlias = Annotated[
    datetime | None,
    Parsed(parse_date, {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}"}),
]
_Path: TypeAlias = Annotated[str, Parsed(parse_path, {"type": "string"})]


class EntityOptions(Options):
    """What only one entity may say."""

    files: Annotated[dict[str, str], Parsed(parse_files, _FILES_SCHEMA)] = Field(
        default_factory=dict, description="Other names for its files: key, request, certificate, …"
    )
    not_before: _Date = Field(None, description="Valid from this date on: a fixture for tests.")
    not_after: _Date = Field(None, description="Valid until this date: a fixture for tests.")


class Existing(_Model):
    """An authority's files that were made elsewhere: read, never written."""

    certificate: _Path
    key: _Path | None = None
    passphrase: _SecretField = None


class Authority(EntityOptions):
    """A certification authority: self-signed where it has no issuer."""

    existing: Existing | None = None

    path_length: Annotated[
        int | None,
        Parsed(parse_whole(0, 100, "authorities below"), {"type": "integer", "minimum": 0}),
    ] = None
    name_constraints: Annotated[
        tuple[str, ...] | None, Parsed(parse_constraints, CONSTRAINTS_SCHEMA)
    ] = None


class EndEntity(EntityOptions):
    """A server or a client."""

    request: _Path | None = Field(None, description="A request made elsewhere: only sign it.")

    names: Annotated[tuple[str, ...] | None, Parsed(parse_names, NAMES_SCHEMA)] = None


_CONFIG = "The programs that `config` prints configuration for, where no --for says otherwise."


class Server(EndEntity):
    """A server."""

    config: Annotated[tuple[str, ...], targets(SERVER_TARGETS)] = Field((), description=_CONFIG)


class Client(EndEntity):
    """A client."""

    config: Annotated[tuple[str, ...], targets(CLIENT_TARGETS)] = Field((), description=_CONFIG)


class File(_Model):
    """A recipe of mtls-openssl: who the authorities, servers and clients are."""

    model_config = ConfigDict(title="mtls-openssl recipe")

    workflow: Annotated[str, text("workflow", hint="name a bundled one, or a file")] = Field(
        description="modern, mutual-tls, encrypted-ca, or the path of a workflow file."
    )
    directory: Annotated[str | None, Parsed(parse_inside, {"type": "string"})] = Field(
        None,
        description="Where the files go, below the recipe's folder; default: the recipe's name.",
    )
    defaults: Annotated[Options, BeforeValidator(_empty_for_none)] = Field(
        default_factory=Options.model_construct
    )
    authorities: dict[str, Annotated[Authority, BeforeValidator(_empty_for_none)]]
    servers: Annotated[
        dict[str, Annotated[Server, BeforeValidator(_empty_for_none)]],
        BeforeValidator(_empty_for_none),
    ] = {}
    clients: Annotated[
        dict[str, Annotated[Client, BeforeValidator(_empty_for_none)]],
        BeforeValidator(_empty_for_none),
    ] = {}


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
        return [*model.model_fields, *(["each"] if issubclass(model, EndEntity) else [])]
    return []
