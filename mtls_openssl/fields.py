"""The recipe's single values, each with its own parser and its JSON Schema.

A parser takes what the YAML holds and gives a frozen value, or raises Fault with a remedy; pydantic
calls it through `Parsed`, and `recipe` gives each fault its line.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_plain_validator_function

from mtls_openssl.errors import Fault, parse_each, told
from mtls_openssl.source import suggestion

KEY_KINDS = (
    "rsa:2048", "rsa:3072", "rsa:4096", "rsa:8192", "ec:P-256", "ec:P-384", "ec:P-521",
    "ed25519", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87",
)  # fmt: skip
DIGESTS = ("sha224", "sha256", "sha384", "sha512")
OUTPUTS = ("der", "pkcs8")
"""Further forms that an entity's files may be asked for in."""
LONGEST_LIFE = 36_500
"""Days; past 2049 a certificate's dates change their form, past 9999 there is none."""


@dataclass(frozen=True)
class Key:
    """What kind of key pair: an algorithm of openssl-genpkey(1), and its size or curve."""

    algorithm: str
    """RSA, EC, ED25519, ML-DSA-44, ML-DSA-65 or ML-DSA-87."""
    size: str = ""
    """Bits of an RSA modulus, or the name of a curve."""

    def __str__(self) -> str:
        return f"{self.algorithm} {self.size}".strip()


@dataclass(frozen=True, eq=False)
class Parsed:
    """Annotates a field whose value has a parser of its own, which raises Fault."""

    parse: Callable[[Any], Any]
    schema: dict[str, Any]
    """What a JSON Schema says of the value."""

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        """Leave the value to the parser; pydantic need not know the type that it gives."""
        return no_info_plain_validator_function(self._validate)

    def __get_pydantic_json_schema__(self, core: object, handler: object) -> dict[str, Any]:
        return dict(self.schema)

    def _validate(self, value: object) -> Any:
        try:
            return self.parse(value)
        except Fault as fault:
            faults = (fault, *fault.others)
            raise PydanticCustomError("fault", "fault", {"faults": faults}) from None


def parse_key(value: object) -> Key:
    """Read a kind of key, such as rsa:2048; raises Fault."""
    if value not in KEY_KINDS:
        raise Fault(f"{told(value)} is no kind of key", f"there are {', '.join(KEY_KINDS)}")
    algorithm, _, size = str(value).partition(":")
    return Key(algorithm.upper(), size)


def parse_whole(least: int, most: int, what: str) -> Callable[[object], int]:
    """Give the parser of a whole number within bounds; it raises Fault."""

    def parse(value: object) -> int:
        number = value
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value, re.ASCII):
            number = int(value)
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
            hint = f"write a whole number, {least} to {most}"
            raise Fault(f"{told(value)} is no number of {what}", hint)
        return number

    return parse


def parse_serial(value: object) -> int | str:
    """Read a serial number: positive, at most 20 octets (RFC 5280 section 4.1.2.2)."""
    if value in ("random", "file"):
        return str(value)
    text = str(value)
    base = 16 if text.lower().startswith("0x") else 10
    digits = r"0x[0-9a-f]+" if base == 16 else r"[0-9]+"
    number = int(text, base) if re.fullmatch(digits, text.lower()) and len(text) < 60 else 0
    if isinstance(value, bool) or not 0 < number < 2**159:
        shown = told(value if value is None or isinstance(value, bool) else text)
        raise Fault(f"{shown} is no serial number", "write a positive number, random or file")
    return number


def targets(known: tuple[str, ...]) -> Parsed:
    """Annotate a field that names programs to print configuration for."""

    def parse_one(value: object) -> str:
        if value not in known:
            raise Fault(f"{told(value)} is no target here", suggestion(value, known))
        return str(value)

    def parse(value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not value:
            raise Fault("config: is a list of targets", f"write config: [{known[0]}]")
        items = parse_each(parse_one, (((number,), item) for number, item in enumerate(value)))
        return tuple(dict.fromkeys(items))

    items = {"type": "array", "items": {"enum": list(known)}, "minItems": 1}
    return Parsed(parse, items)


def choice(what: str, values: Iterable[str]) -> Parsed:
    """Annotate a field that is one of a few words."""
    known = tuple(values)

    def parse(value: object) -> str:
        if value not in known:
            raise Fault(f"{told(value)} is no {what}", suggestion(value, known))
        return str(value)

    return Parsed(parse, {"enum": list(known)})


def text(what: str, pattern: str = r".+", hint: str = "") -> Parsed:
    """Annotate a field that is a text of a form (a regular expression for all of it)."""

    def parse(value: object) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise Fault(f"{what} is one text", hint or "write it on one line")
        odd = any(ord(character) < 32 and character != "\n" for character in str(value))
        if odd or not re.fullmatch(pattern, str(value)):
            raise Fault(f"{str(value)!r} is no {what}", hint or "write it on one line")
        return str(value)

    return Parsed(parse, {"type": "string"})


def check_inside(value: str) -> str:
    """Give a path that stays inside its folder; raises Fault for one that would climb out."""
    parts = value.split("/")
    if (
        not value
        or value.startswith(("/", "~", "-"))
        or {"", ".", ".."} & set(parts)
        or any(ord(character) < 32 or character in "\\\x7f" for character in value)
    ):
        raise Fault(
            f"{value!r} is no path inside the directory", "name a file below it, without .. or /"
        )
    return value


def parse_inside(value: object) -> str:
    """Read a path inside the directory; raises Fault."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Fault("a path is one text", "name a file inside the directory")
    return check_inside(str(value))


def parse_path(value: object) -> str:
    """Read the path of a file that is only read, wherever it is; raises Fault."""
    usable = isinstance(value, str) and value and value.isprintable()
    if not usable or str(value).startswith("-"):
        raise Fault("a path is one text", "name a file, relative to the recipe or absolute")
    return str(value)


def parse_outputs(value: object) -> tuple[str, ...]:
    """Read a list of further forms; raises Fault."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Fault("outputs are a list", f"write outputs: [{', '.join(OUTPUTS)}]")
    for number, item in enumerate(value):
        if item not in OUTPUTS:
            raise Fault(f"{told(item)} is no output", suggestion(item, OUTPUTS), (number,))
    return tuple(dict.fromkeys(value))


YEARS = range(1950, 9999)
"""Of dates that a certificate is given; UTCTime begins with the first (RFC 5280, 4.1.2.5)."""
YEARS_HINT = f"{YEARS[0]} to {YEARS[-1]} can be written"

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:?\d{2})?)?", re.ASCII)


def parse_date(value: object) -> datetime:
    """Read a date, or a date and time (RFC 3339; UTC where no zone is given); raises Fault."""
    hint = "write 2030-01-31, or 2030-01-31T12:00:00Z"
    written = value if isinstance(value, str) and _DATE.fullmatch(value) else ""
    try:
        read = datetime.fromisoformat(written)
        settled = read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise Fault(f"{told(value)} is no date", hint) from None
    if settled.year not in YEARS:
        raise Fault(f"{told(value)} is no year of a certificate", YEARS_HINT)
    return settled


def parse_files(value: object) -> dict[str, str]:
    """Read other names for an entity's files; raises Fault."""
    if not isinstance(value, dict):
        raise Fault("files: is a mapping", "write files: {key: NAME, certificate: NAME}")
    parse_each(parse_inside, (((kind,), path) for kind, path in value.items()))
    return {kind: str(path) for kind, path in value.items()}


CONSTRAINTS_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "properties": {
        side: {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
        for side in ("permitted", "excluded")
    },
}
_CONSTRAINTS = "write {permitted: [DNS:example.com, IP:10.0.0.0/8], excluded: [...]}"


def parse_constraints(value: object) -> tuple[str, ...]:
    """Read name constraints as `permitted;DNS:example.com` (x509v3_config(5))."""
    if not isinstance(value, dict) or not value or set(value) - {"permitted", "excluded"}:
        message = "name constraints are lists of permitted and excluded names"
        raise Fault(message, _CONSTRAINTS)
    items = (
        ((side, number), (side, item))
        for side, given in value.items()
        for number, item in enumerate(given if isinstance(given, list) else [given])
    )
    return tuple(parse_each(_constraint, items))


def _constraint(given: tuple[str, object]) -> str:
    side, item = given
    kind, _, rest = str(item).partition(":")
    if kind not in ("DNS", "IP", "email", "URI") or not re.fullmatch(r"[\w.@:/-]+", rest, re.ASCII):
        raise Fault(f"{told(item)} is no name constraint", _CONSTRAINTS)
    if kind != "IP":
        return f"{side};{kind}:{rest}"
    try:
        network = ipaddress.ip_network(rest)
    except ValueError as error:
        raise Fault(f"{rest!r} is no network: {error}", _CONSTRAINTS) from None
    return f"{side};IP:{network.network_address}/{network.netmask}"
