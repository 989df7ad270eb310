"""Subject alternative names: the type told from the value, written as openssl's `-extfile` has it.

Sources: RFC 5280 section 4.2.1.6, RFC 6125 (wildcards), x509v3_config(5).
"""

import ipaddress
import re
from contextlib import suppress
from typing import Any

from mtls_openssl.errors import Fault, parse_each

NAMES_SCHEMA: dict[str, Any] = {
    "title": "Names",
    "description": "Subject alternative names: api.example.com, 10.0.0.1, alice@example.com, "
    "https://example.com/id, or with their type: DNS:, IP:, email:, URI:.",
    "type": "array",
    "items": {"type": "string"},
    "minItems": 1,
}

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@([^@]+)")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x2b\x2d-\x7e]+")
_HOW = "write a host name, an IP address, an email address or a URI"


def parse_names(value: object) -> tuple[str, ...]:
    """Read a list of names, each as `DNS:…`, `IP:…`, `email:…` or `URI:…`; raises Fault."""
    if not isinstance(value, list) or not value:
        raise Fault("names are a list", "write names: [api.example.com, 127.0.0.1]")
    names = parse_each(parse_name, (((number,), item) for number, item in enumerate(value)))
    for number, name in enumerate(names):
        if name in names[:number]:
            raise Fault(f"{name} is named twice", "name it once", (number,))
    return tuple(names)


def parse_name(value: object) -> str:
    """Give one name with its type before it; raises Fault for what no certificate can hold."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Fault("a name is one text", _HOW)
    text = str(value)
    kind, colon, rest = text.partition(":")
    match kind if colon else "":
        case "DNS":
            return f"DNS:{_dns(rest)}"
        case "IP":
            return f"IP:{_address(rest)}"
        case "email":
            return f"email:{_email(rest)}"
        case "URI":
            return f"URI:{_uri(rest)}"
    with suppress(ValueError):
        if "%" not in text:
            return f"IP:{ipaddress.ip_address(text)}"
    if "://" in text or text.startswith("urn:"):
        return f"URI:{_uri(text)}"
    return f"email:{_email(text)}" if "@" in text else f"DNS:{_dns(text)}"


def _address(text: str) -> str:
    try:
        # A zone, as in fe80::1%eth0, is known to this machine only (RFC 4007).
        return str(ipaddress.ip_address(text.replace("%", "no zone")))
    except ValueError:
        raise Fault(f"{text!r} is no IP address", _HOW, word=text) from None


def _dns(text: str) -> str:
    """Give a host name in the form that certificates hold: ASCII, IDN labels as xn--."""
    try:
        host = text if text.isascii() else text.encode("idna").decode()
    except UnicodeError:
        raise Fault(f"{text!r} is no host name", _HOW, word=text) from None
    labels = host.split(".")
    if labels[0] == "*" and len(labels) > 2:
        labels = labels[1:]
    digits = labels[-1].isdigit()  # no host name ends so (RFC 1123, section 2.1)
    if len(host) > 253 or digits or not all(_LABEL.fullmatch(label) for label in labels):
        hint = "a wildcard stands alone as the first label, as in *.example.com"
        raise Fault(f"{text!r} is no host name", hint if "*" in text else _HOW, word=text)
    return host


def _email(text: str) -> str:
    match = _EMAIL.fullmatch(text)
    if not match:
        raise Fault(f"{text!r} is no email address", _HOW, word=text)
    local = text[: match.start(1)]
    return local + _dns(match[1])


def _uri(text: str) -> str:
    if not _URI.fullmatch(text):
        raise Fault(
            f"{text!r} is no URI",
            "write it in ASCII, with its scheme and without commas",
            word=text,
        )
    return text
