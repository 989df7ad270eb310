"""What `openssl version` printed, and what that version is known to do."""

import operator
import re
from dataclasses import dataclass

from mtls_openssl.errors import Fault, MachineFault

_PRINTED = re.compile(r"(OpenSSL|LibreSSL) (\d+)\.(\d+)(?:\.(\d+))?([a-z]*)")
_CONSTRAINT = re.compile(r"(>=|>|<=|<|==)\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?")
_OPERATORS = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
}


@dataclass(frozen=True)
class Version:
    """An openssl binary's version."""

    library: str
    """OpenSSL or LibreSSL."""
    numbers: tuple[int, int, int]
    text: str = ""
    """The whole of it, with a patch letter: 1.1.1w."""

    def __str__(self) -> str:
        return f"{self.library} {self.text}"


def parse(printed: str) -> Version:
    """Read `openssl version`'s line.

    Raises:
        MachineFault: it is no openssl, or older than any that works.
    """
    match = _PRINTED.search(printed)
    if not match:
        raise MachineFault(
            f"this is no openssl that is known: it says {printed.strip()[:80]!r}",
            "install OpenSSL, or name one by --openssl PATH",
        )
    library, major, minor, patch = match.groups()[:4]
    numbers = (int(major), int(minor), int(patch or 0))
    text = match[0].partition(" ")[2]
    oldest = (1, 1, 1) if library == "OpenSSL" else (3, 0, 0)
    if numbers < oldest:
        raise MachineFault(
            f"{library} {text} is too old",
            f"{'.'.join(map(str, oldest))} is the oldest that works; name another by --openssl",
        )
    return Version(library, numbers, text)


@dataclass(frozen=True)
class Constraint:
    """Which OpenSSL versions are meant, such as >=3.2; LibreSSL never is."""

    relation: str
    numbers: tuple[int, ...]

    def holds(self, version: Version) -> bool:
        """Whether a version is one of those meant."""
        if version.library != "OpenSSL":
            return False
        compare = _OPERATORS[self.relation]
        return bool(compare(version.numbers[: len(self.numbers)], self.numbers))

    def __str__(self) -> str:
        return f"{self.relation} {'.'.join(map(str, self.numbers))}"


def parse_constraint(text: object) -> Constraint:
    """Read `>=3.2`; raises Fault."""
    match = _CONSTRAINT.fullmatch(str(text))
    if not match:
        raise Fault(f"{text!r} names no versions", 'write openssl: ">=3.2"')
    numbers = tuple(int(number) for number in match.groups()[1:] if number is not None)
    return Constraint(match[1], numbers)
