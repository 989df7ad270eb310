"""Who was revoked: an authority's database, read; and the step that revokes one more.

The database is openssl ca(1)'s own, so that whatever a person revokes by hand counts too.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path as FilePath

from mtls_openssl.member import Member
from mtls_openssl.recipe import AUTHORITIES, Recipe
from mtls_openssl.step import Answer, Step
from mtls_openssl.surroundings import Revoked

REASONS = (
    "unspecified", "keyCompromise", "CACompromise", "affiliationChanged", "superseded",
    "cessationOfOperation",
)  # fmt: skip
"""RFC 5280, section 5.3.1, but for those that are no end: a hold, and its removal."""

_ENTRY = re.compile(r"R\t[^\t]*\t(\d{12}|\d{14})Z(?:,([A-Za-z]+))?[^\t]*\t([0-9A-Fa-f]+)\t.*")


def database(authority: str) -> str:
    """Give an authority's database, relative to the directory."""
    return f"{authority}.ca/index.txt"


def read(recipe: Recipe, directory: FilePath) -> dict[str, tuple[Revoked, ...]]:
    """Read what each authority of a recipe has revoked; one that never has is left out."""
    found: dict[str, tuple[Revoked, ...]] = {}
    for entity in recipe.entities:
        if entity.section not in AUTHORITIES:
            continue
        path = directory / database(entity.name)
        for place in (path, path.with_name(f"{path.name}.old")):  # a kill may leave only the old
            with suppress(FileNotFoundError, NotADirectoryError):
                found[entity.name] = entries(place.read_text("utf-8", "replace"))
                break
    return {name: revoked for name, revoked in found.items() if revoked}


def entries(text: str) -> tuple[Revoked, ...]:
    """Read the lines of a database that are marked R, in their order."""
    lines = map(_ENTRY.fullmatch, text.splitlines())
    return tuple(
        Revoked(int(match[3], 16), _date(match[1]), match[2] or "") for match in lines if match
    )


def _date(digits: str) -> datetime:
    """Read a UTCTime or a GeneralizedTime (RFC 5280, section 4.1.2.5)."""
    if len(digits) == 12:
        digits = ("19" if digits >= "5" else "20") + digits
    return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def restore(directory: FilePath, authorities: Iterable[str]) -> None:
    """Put back a database that a kill caught between its two names.

    openssl ca renames the old one away and the new one in its place; whoever was revoked in
    between is revoked again by whoever asked for it.
    """
    for name in authorities:
        path = directory / database(name)
        old = path.with_name(f"{path.name}.old")
        if old.exists() and not path.exists():
            old.rename(path)


def step(member: Member, reason: str) -> Step:
    """Give the step that marks an entity's certificate as revoked in its issuer's database."""
    issuer = member.issuer
    assert issuer
    need = issuer.passphrase
    answers = (Answer("passphrase", issuer.files["key"], need),) if need else ()
    argv = (
        "openssl", "ca", "-config", issuer.files["ca_config"],
        "-cert", issuer.files["certificate"], "-keyfile", issuer.files["key"],
        "-revoke", member.files["certificate"],
        *(("-crl_reason", reason) if reason != "unspecified" else ()),
    )  # fmt: skip
    return Step(
        id=f"{member.name}.revoke",
        entity=member.name,
        section=member.entity.section,
        number="",
        title="Revoke the certificate",
        explain="The CA's database marks its serial number R; the next list names it.",
        argv=argv,
        identity=argv,
        answers=answers,
        reads=(member.files["certificate"],),
        state=(issuer.files["database"],),
    )
