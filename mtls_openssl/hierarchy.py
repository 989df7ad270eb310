"""What an authority allows below it: how many authorities, which names (RFC 5280, 4.2.1.9-10)."""

import ipaddress
from collections.abc import Iterator

from mtls_openssl.errors import Problem
from mtls_openssl.member import Member
from mtls_openssl.source import Document


def problems(document: Document, members: tuple[Member, ...]) -> Iterator[Problem]:
    """Find authorities too deep under another, and names that an authority may not vouch for."""
    for member in members:
        if member.entity.section in ("issuing", "existing"):
            yield from _too_deep(document, member)
        if member.entity.section in ("server", "client"):
            yield from _not_allowed(document, member)


def _too_deep(document: Document, member: Member) -> Iterator[Problem]:
    for depth, authority in enumerate(member.above()):
        length = authority.path_length
        if length is not None and depth >= length:
            message = f"{authority.name} allows {length} authorities below it; this is one too many"
            hint = f"raise its path_length, or choose another issuer for {member.name}"
            yield document.problem(member.entity.path, message, hint, key=True)


def _not_allowed(document: Document, member: Member) -> Iterator[Problem]:
    declared = getattr(member.entity.declared, "names", None)
    named = {name: (*member.entity.path, "names", n) for n, name in enumerate(declared or ())}
    common = dict(member.subject).get("CN", "")
    if not any(name.startswith("DNS:") for name in named) and "." in common and " " not in common:
        # Without a host name among the names, openssl takes a common name for one.
        named[f"DNS:{common}"] = (*member.entity.path, "subject")
    for authority in member.above():
        constraints = authority.name_constraints
        for name, path in named.items():
            if fault := broken(name, constraints):
                message = f"{authority.name} may not vouch for {name}: {fault}"
                hint = f"change the name, or name_constraints: of {authority.name}"
                yield document.problem(path, message, hint)


def broken(name: str, constraints: tuple[str, ...]) -> str:
    """Tell which constraint a name breaks, `permitted;DNS:example.com` and the like, or nothing."""
    kind, _, value = name.partition(":")
    sides: dict[str, list[str]] = {"permitted": [], "excluded": []}
    for constraint in constraints:
        side, _, rest = constraint.partition(";")
        of, _, base = rest.partition(":")
        if of == kind:
            sides[side].append(base)
    for base in sides["excluded"]:
        if _within(kind, value, base):
            return f"{kind}:{base} is excluded"
    if sides["permitted"] and not any(_within(kind, value, base) for base in sides["permitted"]):
        return f"only {', '.join(sides['permitted'])} is permitted"
    return ""


def _within(kind: str, value: str, base: str) -> bool:
    value, base = value.lower(), base.lower()
    match kind:
        case "IP":
            return ipaddress.ip_address(value) in _network(base)
        case "email" if "@" in base:
            return value == base
        case "email":
            host = value.rpartition("@")[2]
            return host.endswith(base) if base.startswith(".") else host == base
        case "URI":
            host = value.partition("://")[2].partition("/")[0].partition(":")[0]
            return host.endswith(base) if base.startswith(".") else host == base
    bare = value.removeprefix("*.")
    return bare == base.lstrip(".") or bare.endswith(f".{base.lstrip('.')}")


def _network(base: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Read an address and its mask, which openssl wants as an address too: fd00::/ff00::."""
    address, _, mask = base.partition("/")
    return ipaddress.ip_network(f"{address}/{int(ipaddress.ip_address(mask)).bit_count()}")
