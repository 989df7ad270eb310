"""Who was revoked: an authority's database, read; and the step that revokes one more.

The database is openssl ca(1)'s own, so that whatever a person revokes by hand counts too.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path as FilePath

from mtls_openssl.member import Member
from mtls_openssl.recipe import AUTHORITIES, Entity, Recipe
from mtls_openssl.step import Answer, Step
from mtls_openssl.surroundings import Revoked

REASONS = (
    "unspecified", "keyCompromise", "CACompromise", "affiliationChanged", "superseded",
    "cessationOfOperation",
)  # fmt: skip
"""RFC 5280, section 5.3.1, but for those that are no end: a hold, and its removal."""

_ENTRY = re.compile(r"R\t[^\t]*\t(\d{12}|\d{14})Z(?:,([A-Za-z]+))?[^\t]*\t([0-9A-Fa-f]+)\t.*")


def database_of(entity: Entity) -> str:
    """Give an authority's database, relative to the directory."""
    return entity.declared.files.get("database", f"{entity.name}.ca/index.txt")


def read(recipe: Recipe, directory: FilePath) -> dict[str, tuple[Revoked, ...]]:
    """Read what each authority of a recipe has revoked; one that never has is left out.

    One whose list is there has revoked, though its database be lost: the list is still kept, so
    that whoever looks at it finds out.
    """
    found: dict[str, tuple[Revoked, ...]] = {}
    for entity in recipe.entities:
        if entity.section not in AUTHORITIES:
            continue
        path = directory / database_of(entity)
        revoked: tuple[Revoked, ...] = ()
        for place in (path, path.with_name(f"{path.name}.old")):  # a kill may leave only the old
            if text := _text(place):
                revoked = entries(text)
                break
        listed = directory / entity.declared.files.get("crl", f"{entity.name}.crl")
        if revoked or listed.exists():
            found[entity.name] = revoked
    return found


@dataclass(frozen=True)
class Standing:
    """Why an entity's certificate serves nobody any more."""

    entry: Revoked | None
    """That of its own certificate, where that was revoked."""
    below: str
    """The issuer that was revoked, or that stands below one that was; or nothing."""


def standings(members: Iterable[Member], serials: Mapping[str, str]) -> dict[str, Standing]:
    """Find who was revoked, or stands below who was; serial numbers are by entity.

    Issuers come before whom they issued to.
    """
    found: dict[str, Standing] = {}
    for member in members:
        if issuer := member.issuer:
            entries = {str(entry.serial): entry for entry in issuer.revoked or ()}
            entry = entries.get(serials.get(member.name, ""))
            below = issuer.name if issuer.name in found else ""
            if entry or below:
                found[member.name] = Standing(entry, below)
    return found


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


def restore(directory: FilePath, paths: Iterable[str]) -> None:
    """Put back a database, or a list's number, that a kill or a full disk took away.

    openssl ca renames the old one away and the new one in its place, and does not notice where
    that could not be written; whoever was revoked in between is revoked again by whoever asked.
    """
    for path in map(directory.joinpath, paths):
        old = path.with_name(f"{path.name}.old")
        if _filled(old) and not _filled(path):
            old.rename(path)


def _text(path: FilePath) -> str:
    """Read a file, which openssl may rename away at any moment; nothing where it is not there."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return path.read_text("utf-8", "replace")
    return ""


def _filled(path: FilePath) -> bool:
    return path.is_file() and path.stat().st_size > 0


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
