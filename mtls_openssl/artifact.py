"""What a file that a step makes is expected to be: values only, judged by `checks`.

The expectations follow DESIGN's "Verified means" and name what RFC 5280 and openssl's man pages
name: subject, issuer, serial, validity, purpose, chain.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TypeAlias

from mtls_openssl import extensions
from mtls_openssl.fields import DIGESTS
from mtls_openssl.member import Member
from mtls_openssl.recipe import AUTHORITIES
from mtls_openssl.secret import Need
from mtls_openssl.subject import to_text

PURPOSES = {"server": "sslserver", "client": "sslclient"}
"""Which `openssl verify -purpose` a certificate must serve."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that must hold of a file."""

    name: str
    expected: str
    """For a person, and to be compared with what is found."""
    mended_by: str = ""
    """Why it may fail where the workflow's erratum is left out."""
    by_erratum: bool = False
    """Whether only an erratum asks for it: a file made before, without it, is right too."""


PRIVATE = Expectation("private", "yes")
NOT_EMPTY = Expectation("content", "not empty")
GOOD_SIGNATURE = Expectation("signature", "good")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file, what it is, and what must hold of it."""

    kind: str
    """key, request, certificate, combined, pkcs12, or another of the workflow's layout."""
    path: str
    entity: str
    expectations: tuple[Expectation, ...] = ()
    need: Need | None = None
    """The secret that opens it."""
    same_key_as: str = ""
    """A key or request whose public key this one must have."""
    key_need: Need | None = None
    """The secret that opens `same_key_as`."""
    trust: str = ""
    """The root certificate above it."""
    untrusted: tuple[str, ...] = ()
    """The issuing CAs' certificates between."""
    purpose: str = ""
    names: tuple[str, ...] = ()
    """The names that a peer may know it by: DNS:…, IP:…."""
    parts: tuple[str, ...] = ()
    """The files that a combined file joins; a bundle's certificate and key."""
    text: str | None = None
    """What a written file holds."""
    mode: str = ""
    """The mode that chmod gives it, in octal."""
    strict: bool = False
    timeless: bool = False
    """Whether its chain is judged whatever the time: a fixture's dates are meant to be so."""
    dated: bool = False
    """Whether its own dates are fixed by the recipe."""
    request: str = ""
    """The request that a certificate is made of."""
    crl: str = ""
    """The revocation list that tells whether a certificate was revoked."""


Plain: TypeAlias = "partial[Artifact]"
"""A file of a kind, of which nothing is said yet."""


def of(kind: str, path: str, member: Member, argv: tuple[str, ...], requested: bool) -> Artifact:
    """Say what a file of a kind must be, made for a member by a command.

    `requested` tells whether a request stands between the key and the certificate.
    """
    plain = partial(Artifact, kind, path, member.name)
    whole = {"certificate", "key"} <= member.files.keys()
    match kind:
        case "key":
            return _key(plain, member)
        case "request" if "key" in member.files:
            return _request(plain, member)
        case "certificate":
            return _certificate(plain, member, argv, requested)
        case "combined" if whole:
            private = (PRIVATE, Expectation("parts", "exactly what it joins"))
            return plain(expectations=private, parts=_parts(member))
        case "pkcs12" if whole:
            return _pkcs12(plain, member, argv)
        case "crl":
            return _list(plain, member)
        case "crl_der" | "der":
            source = member.files["crl" if kind == "crl_der" else "certificate"]
            expected = Expectation("content", f"that of {source}")
            return plain(expectations=(expected,), parts=(source,))
        case "pkcs8" if whole:
            return _pkcs8(plain, member)
    return plain(expectations=(NOT_EMPTY,))


def _parts(member: Member) -> tuple[str, ...]:
    return member.files["certificate"], member.files["key"]


def _key(plain: Plain, member: Member) -> Artifact:
    encrypted = "yes" if member.passphrase else "no"
    expectations = (
        PRIVATE,
        Expectation("encrypted", encrypted),
        Expectation("algorithm", str(member.options.key)),
    )
    return plain(expectations=expectations, need=member.passphrase)


def _request(plain: Plain, member: Member) -> Artifact:
    expectations = (
        GOOD_SIGNATURE,
        Expectation("subject", to_text(member.subject)),
        Expectation("public-key", f"that of {member.files['key']}"),
    )
    return plain(
        expectations=expectations,
        same_key_as=member.files["key"],
        key_need=member.passphrase,
    )


def _certificate(plain: Plain, member: Member, argv: tuple[str, ...], requested: bool) -> Artifact:
    above = member.above()
    issuer = member.issuer or member
    authority = member.entity.section in AUTHORITIES
    twin = member.files.get("request" if requested else "key", "")
    expectations = [
        Expectation("subject", to_text(member.subject)),
        Expectation("issuer", to_text(issuer.subject)),
        *([Expectation("public-key", f"that of {twin}")] if twin else []),
        _validity(member),
    ]
    if (serial := _option(argv, "-set_serial")) is not None:
        expectations.append(Expectation("serial", str(int(serial, 0))))
    digests = [word[1:] for word in argv if word[1:] in DIGESTS]
    if digest := _option(argv, "-md") or next(iter(digests), None):
        expectations.append(Expectation("digest", digest))
    if authority:
        expectations.append(Expectation("ca", "yes"))
    expectations.append(Expectation("chain", "good"))
    purpose = PURPOSES.get(member.entity.section, "")
    if purpose:
        expectations.append(Expectation("purpose", purpose))
    return plain(
        expectations=tuple(expectations),
        same_key_as=twin,
        key_need=None if requested else member.passphrase,
        trust=above[-1].files["certificate"] if above else member.files["certificate"],
        untrusted=tuple(ca.files["certificate"] for ca in above[:-1]),
        purpose=purpose,
        strict=member.strict,
        timeless=member.timeless,
        dated=member.dates is not None,
        request=twin if requested else "",
    )


def _validity(member: Member) -> Expectation:
    if dates := member.dates:
        return Expectation("dates", " to ".join(date.isoformat() for date in dates))
    return Expectation("validity", f"{member.options.days} days")


def _list(plain: Plain, member: Member) -> Artifact:
    entries = sorted(member.revoked or (), key=lambda entry: entry.serial)
    serials = [entry.octets for entry in entries]
    expectations = (
        GOOD_SIGNATURE,
        Expectation("issuer", to_text(member.subject)),
        Expectation("validity", f"{member.options.crl_days} days"),
        Expectation("revoked", ", ".join(serials) or "nobody"),
    )
    return plain(expectations=expectations, trust=member.files["certificate"])


def _pkcs8(plain: Plain, member: Member) -> Artifact:
    key = member.files["key"]
    expectations = (PRIVATE, Expectation("public-key", f"that of {key}"))
    return plain(
        expectations=expectations,
        need=member.passphrase,
        same_key_as=key,
        key_need=member.passphrase,
    )


def _pkcs12(plain: Plain, member: Member, argv: tuple[str, ...]) -> Artifact:
    chain = _option(argv, "-certfile")
    more = (Expectation("chain", f"that of {chain}"),) if chain else ()
    expectations = (
        PRIVATE,
        Expectation("opens", "with its password"),
        Expectation("certificate", f"that of {member.files['certificate']}"),
        Expectation("public-key", f"that of {member.files['certificate']}"),
    )
    return plain(
        expectations=expectations + more,
        need=member.export_password,
        same_key_as=member.files["certificate"],
        parts=(*_parts(member), *((chain,) if chain else ())),
    )


def with_extensions(artifact: Artifact, text: str, *, by_erratum: bool) -> Artifact:
    """Expect of a certificate the extensions that its extension file asks for."""
    more = _extensions(text, by_erratum=by_erratum)
    return replace(artifact, expectations=artifact.expectations + more)


@lru_cache(maxsize=64)  # an extension file without names is the same for a whole fleet
def _extensions(text: str, *, by_erratum: bool) -> tuple[Expectation, ...]:
    asked = extensions.asked(text)
    return tuple(Expectation(name, value, by_erratum=by_erratum) for name, value in asked.items())


def with_names(artifact: Artifact, names: tuple[str, ...]) -> Artifact:
    """Expect of a server's certificate that a peer finds every host name and address in it."""
    hosts = tuple(name for name in names if name.startswith(("DNS:", "IP:")))
    if artifact.purpose != PURPOSES["server"] or not hosts:
        return artifact
    expected = Expectation("names", "all match")
    return replace(artifact, expectations=(*artifact.expectations, expected), names=hosts)


def joined(artifact: Artifact, parts: tuple[str, ...]) -> Artifact:
    """Expect of a file that cat made that it holds its parts and nothing else."""
    expected = Expectation("parts", "exactly what it joins")
    return replace(artifact, expectations=(expected,), parts=parts)


def without_errata(artifact: Artifact) -> Artifact:
    """Expect only what holds of a file whichever openssl made it."""
    kept = tuple(item for item in artifact.expectations if not item.by_erratum)
    return replace(artifact, expectations=kept)


def _option(argv: tuple[str, ...], option: str) -> str | None:
    return argv[argv.index(option) + 1] if option in argv[:-1] else None


def written(path: str, entity: str, text: str | None) -> Artifact:
    """Say what a file must be that the tool writes itself, or, without a text, only begins."""
    if text is None:
        return Artifact("state", path, entity, (Expectation("content", "there"),))
    return Artifact("text", path, entity, (Expectation("content", "as written"),), text=text)


def with_mode(path: str, entity: str, mode: str) -> Artifact:
    """Say what chmod must have done."""
    octal = re.sub("^0", "", mode)
    return Artifact("mode", path, entity, (Expectation("mode", octal),), mode=octal)


def mended(artifact: Artifact, why: str, names: tuple[str, ...]) -> Artifact:
    """Note the expectations that fail where an erratum is left out."""
    if not any(expectation.name in names for expectation in artifact.expectations):
        return artifact
    return replace(
        artifact,
        expectations=tuple(
            replace(expectation, mended_by=why) if expectation.name in names else expectation
            for expectation in artifact.expectations
        ),
    )
