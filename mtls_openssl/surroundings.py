"""What is there before anything is planned: files made elsewhere, and certificates revoked.

Values only; `foreign` and `revocation` find them out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mtls_openssl.subject import Subject


@dataclass(frozen=True)
class Foreign:
    """What openssl tells of a certificate or a request that was made elsewhere."""

    subject: Subject
    issuer: Subject = ()
    """Of a certificate."""
    extensions: Mapping[str, str] = field(default_factory=dict)
    """Of an authority's certificate, as `extensions.shown` has them."""


@dataclass(frozen=True)
class Revoked:
    """An entry of an authority's database that is marked R (openssl-ca(1))."""

    serial: int
    when: datetime
    reason: str = ""
    """A CRLReason of RFC 5280, section 5.3.1: keyCompromise, superseded, …"""

    @property
    def octets(self) -> str:
        """Its serial number as openssl shows it: whole octets in hexadecimal."""
        digits = f"{self.serial:X}"
        return digits.zfill(len(digits) + len(digits) % 2)

    def __str__(self) -> str:
        because = f" ({self.reason})" if self.reason else ""
        return f"revoked on {self.when:%Y-%m-%d}{because}"


@dataclass(frozen=True)
class Surroundings:
    """All that a plan depends on beside its recipe, its workflow and the openssl."""

    folder: str = ""
    """The recipe's, absolute: what it names as made elsewhere is relative to it."""
    foreign: Mapping[str, Foreign] = field(default_factory=dict)
    """By the name of the entity that uses it."""
    revoked: Mapping[str, tuple[Revoked, ...]] = field(default_factory=dict)
    """By authority: what it has revoked; one that is named here keeps a revocation list."""
