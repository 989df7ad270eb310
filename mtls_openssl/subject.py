r"""Distinguished names: from the recipe, to openssl's `-subj`, and back from `-nameopt RFC2253`.

Sources: RFC 5280 appendix A.1 (attribute types and their upper bounds), RFC 2253 (the text form),
openssl-req(1) `-subj`, where `\` escapes and `/` separates.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from mtls_openssl.errors import Fault, Path, parse_each
from mtls_openssl.source import suggestion

Subject: TypeAlias = tuple[tuple[str, str], ...]
"""Attributes (short name, value) in the order of the certificate, most significant first."""

_LONG_NAMES = {
    "countryName": "C",
    "stateOrProvinceName": "ST",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "commonName": "CN",
    "email": "emailAddress",
    "domainComponent": "DC",
    "userId": "UID",
    "givenName": "GN",
    "surname": "SN",
    "streetAddress": "street",
}
_LONGEST = {
    "C": 2, "ST": 128, "L": 128, "O": 64, "OU": 64, "CN": 64, "emailAddress": 128,
    "serialNumber": 64, "title": 64, "DC": 63, "UID": 256, "GN": 64, "SN": 64, "initials": 64,
    "street": 128, "postalCode": 40, "dnQualifier": 64, "pseudonym": 128,
}  # fmt: skip
TYPES = tuple(_LONGEST)
"""The attribute types that a subject may have, by their short names."""
PROMPTED = ("C", "ST", "L", "O", "OU", "CN", "emailAddress")
"""The attributes that openssl's default configuration asks for, each once."""
_PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]*")
_PRINTABLE_ONLY = {"C", "serialNumber", "dnQualifier"}
_ASCII_ONLY = {"emailAddress", "DC"}

SUBJECT_SCHEMA: dict[str, Any] = {
    "title": "Subject",
    "description": "A distinguished name: a mapping, or one string such as /C=US/CN=Root.",
    "anyOf": [
        {"type": "string", "pattern": "^/.*=.*"},
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                name: {"type": ["string", "integer", "boolean", "array"]}
                for name in (*_LONGEST, *_LONG_NAMES)
            },
        },
    ],
}


def parse_subject(value: object) -> Subject:
    """Read a subject as the recipe has it, a mapping or a string; raises Fault."""
    match value:
        case str():
            return tuple(parse_each(_attribute, (((), pair) for pair in _split(value))))
        case dict():
            subject = tuple(parse_each(_attribute, _attributes(value)))
            for name in value:
                if name in _LONG_NAMES and _LONG_NAMES[name] in value:
                    message = f"{name} and {_LONG_NAMES[name]} are the same attribute"
                    raise Fault(message, "keep one; a list gives several", (name,), key=True)
            return subject
    raise Fault(
        "a subject is a mapping or a string",
        "write {C: US, O: Example, CN: Root} or /C=US/O=Example/CN=Root",
    )


def _attributes(value: dict[str, Any]) -> Iterator[tuple[Path, tuple[str, object]]]:
    """Give a mapping's attributes, each with its path; a list stands for several of one type."""
    for name, given in value.items():
        if isinstance(given, list):
            yield from (((name, number), (name, item)) for number, item in enumerate(given))
        else:
            yield (name,), (name, given)


def merge(under: Subject, over: Subject) -> Subject:
    """Lay one subject over another: an attribute type given above replaces that below, in place."""
    given = {name for name, _ in over}
    merged: list[tuple[str, str]] = []
    placed: set[str] = set()
    for name, value in under:
        if name not in given:
            merged.append((name, value))
        elif name not in placed:
            placed.add(name)
            merged += [pair for pair in over if pair[0] == name]
    return (*merged, *(pair for pair in over if pair[0] not in placed))


def backslashed(characters: str) -> dict[int, str]:
    """Give the table by which str.translate puts a backslash before each of some characters."""
    return str.maketrans({character: f"\\{character}" for character in characters})


_SUBJ = backslashed("\\/+")
_TEXT = backslashed("\\,")


def to_subj(subject: Subject) -> str:
    r"""Write `-subj`'s argument, `/C=US/CN=Root`, with `\`, `/` and `+` escaped."""
    return "".join(f"/{name}={value.translate(_SUBJ)}" for name, value in subject)


def to_text(subject: Iterable[tuple[str, str]]) -> str:
    r"""Write a subject for a person and for comparison: C=US, CN=Root, with `\` and `,` escaped."""
    return ", ".join(f"{name}={value.translate(_TEXT)}" for name, value in subject)


def same(one: str, other: str) -> bool:
    """Whether two subjects written by `to_text` have the same attributes, in whatever order.

    Where openssl asks for a subject, the order is that of its configuration.
    """
    return _written(one) == _written(other)


def _written(text: str) -> list[str]:
    return sorted(part.removeprefix(" ") for part in _unescaped_split(text, ","))


def from_rfc2253(text: str) -> Subject:
    r"""Read what `-nameopt RFC2253` printed: last attribute first, `\` and `\XX` escaped.

    A value of a multi-valued attribute counts as an attribute of its own.
    """
    pairs = []
    for part in _unescaped_split(text, ",+"):
        name, _, value = part.partition("=")
        pairs.append((name, _unescape(value)))
    return tuple(reversed(pairs))


def _unescaped_split(text: str, separators: str) -> list[str]:
    parts = [""]
    characters = iter(text)
    for character in characters:
        if character in separators:
            parts.append("")
        else:
            parts[-1] += character + (next(characters, "") if character == "\\" else "")
    return [part for part in parts if part]


def _unescape(value: str) -> str:
    encoded = re.sub(
        rb"\\([0-9A-Fa-f]{2}|.)",
        lambda match: bytes.fromhex(match[1].decode()) if len(match[1]) == 2 else match[1],
        value.encode(),
        flags=re.DOTALL,
    )
    return encoded.decode("utf-8", "replace")


def _split(text: str) -> list[tuple[str, str]]:
    r"""Take `/C=US/CN=a\/b/` apart; a last `/` counts for nothing, as openssl has it."""
    if not text.startswith("/"):
        raise Fault("a subject given as text begins with /", f"write /{text}")
    pairs = []
    for part in _unescaped_split(text[1:], "/"):
        name, equals, value = part.partition("=")
        if re.fullmatch(r"(?:\\.|[^\\])*\\", part):
            raise Fault(
                f"{part!r} ends in a \\ that escapes nothing", r"a \ in a value is \\", word=part
            )
        if not equals:
            raise Fault(f"{part!r} has no =", r"write /TYPE=value; a / in a value is \/", word=part)
        for more in _unescaped_split(value, "+")[1:]:
            if match := re.match(r"(\w+)=", more):
                raise Fault(
                    f"{name}={value} is an attribute of several values",
                    rf"write /{match[1]}=… for another attribute, \+ for a plus sign",
                    word=part,
                )
        pairs.append((name, re.sub(r"\\(.)", r"\1", value)))
    return pairs


def _attribute(pair: tuple[str, object]) -> tuple[str, str]:
    """Check one attribute against what openssl would refuse later."""
    name, value = _LONG_NAMES.get(pair[0], pair[0]), pair[1]
    if name not in _LONGEST:
        hint = suggestion(name, (*_LONGEST, *_LONG_NAMES))
        raise Fault(f"unknown attribute {name!r}", hint, word=name, key=True)
    if isinstance(value, bool):
        value = str(value).lower()
    if not isinstance(value, str | int) or value == "":
        raise Fault(f"{name} has no value", "give it a text, or leave the attribute out")
    text = str(value)
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text):
        raise Fault(f"{name} holds a control character", "names are one line of plain text")
    if name == "C" and not re.fullmatch(r"[A-Za-z]{2}", text):
        raise Fault(
            f"C is a country code of two letters, not {text!r}",
            "see ISO 3166-1 alpha-2, such as US, DE, CN",
            word=text,
        )
    if len(text) > _LONGEST[name]:
        raise Fault(
            f"{name} is {len(text)} characters long; {_LONGEST[name]} are the most",
            "RFC 5280, appendix A.1, sets these bounds",
            word=text,
        )
    if name in _PRINTABLE_ONLY and not _PRINTABLE.fullmatch(text):
        raise Fault(f"{name} takes letters, digits and ' ( ) + , - . / : = ? only", "", word=text)
    if name in _ASCII_ONLY and not text.isascii():
        raise Fault(
            f"{name} takes ASCII characters only", "write a domain in its xn-- form", word=text
        )
    return name, text
