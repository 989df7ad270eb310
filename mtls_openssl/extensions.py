"""X.509 version 3 extensions: as an `-extfile` asks for them, and as `-text` reads them back.

Both are brought into one form, `critical, CA:TRUE, pathlen:0`, in x509v3_config(5)'s words, so that
they can be compared. Extensions that this page does not know are not judged.
"""

import ipaddress
import re
from collections.abc import Iterable

_TITLES = {
    "Basic Constraints": "basicConstraints",
    "Key Usage": "keyUsage",
    "Extended Key Usage": "extendedKeyUsage",
    "Subject Key Identifier": "subjectKeyIdentifier",
    "Authority Key Identifier": "authorityKeyIdentifier",
    "Subject Alternative Name": "subjectAltName",
    "Name Constraints": "nameConstraints",
    "CRL Distribution Points": "crlDistributionPoints",
}
_WORDS = {
    "Digital Signature": "digitalSignature",
    "Non Repudiation": "nonRepudiation",
    "Key Encipherment": "keyEncipherment",
    "Data Encipherment": "dataEncipherment",
    "Key Agreement": "keyAgreement",
    "Certificate Sign": "keyCertSign",
    "CRL Sign": "cRLSign",
    "TLS Web Server Authentication": "serverAuth",
    "TLS Web Client Authentication": "clientAuth",
    "Code Signing": "codeSigning",
    "E-mail Protection": "emailProtection",
    "Time Stamping": "timeStamping",
    "OCSP Signing": "OCSPSigning",
}
_IDENTIFIERS = ("subjectKeyIdentifier", "authorityKeyIdentifier")
"""Extensions whose value openssl computes: that they are there is what counts."""


def asked(text: str) -> dict[str, str]:
    """Give the extensions that an extension file asks for, by their names (x509v3_config(5))."""
    found = {}
    for line in text.splitlines():
        if line.strip().startswith("["):
            break  # sections of their own are only referred to
        name, equals, value = (part.strip() for part in line.partition("="))
        if equals and name in _TITLES.values() and "@" not in value.split(":")[0]:
            plain = re.sub(r"\\(.)", r"\1", value)
            found[name] = _settled(name, [item.strip() for item in plain.split(",")])
    return found


def shown(text: str) -> dict[str, str]:
    """Give the extensions that openssl's `-text` shows of a certificate, in the same form."""
    found = {}
    pattern = r"^ {12}X509v3 ([^:\n]+): ?(critical)?[^\n]*\n((?:(?: {16}[^\n]*)?\n)*)"
    for title, critical, body in re.findall(pattern, text, re.MULTILINE):
        if title in _TITLES:
            items = [critical] if critical else []
            found[_TITLES[title]] = _settled(_TITLES[title], [*items, *_items(body)])
    return found


def held(names: Iterable[str], text: str) -> dict[str, str]:
    """Give what a certificate's `-text` has of those extensions that are among the names."""
    found = shown(text)
    return {name: found.get(name, "absent") for name in names if name in _TITLES.values()}


def _items(body: str) -> Iterable[str]:
    """Read an extension's lines: items with commas between, or a heading with items below."""
    side = ""
    for line in map(str.strip, body.splitlines()):
        if line in ("Permitted:", "Excluded:"):
            side = f"{line[:-1].lower()};"
        elif line and line != "Full Name:":
            yield from (side + item for item in line.split(", "))


def _settled(name: str, items: list[str]) -> str:
    if name in _IDENTIFIERS:
        return "present"
    critical = [item for item in items if item == "critical"]
    others = sorted(_item(item) for item in items if item and item != "critical")
    return ", ".join([*critical, *others])


def _item(item: str) -> str:
    item = _WORDS.get(item, item)
    match = re.fullmatch(r"((?:permitted;|excluded;)?)IP(?: Address)?:(.*)", item)
    if not match:
        return item
    addresses = [_address(text) for text in match[2].split("/")]
    return f"{match[1]}IP:{'/'.join(addresses)}"


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text
