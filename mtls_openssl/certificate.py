"""A certificate's facts, as openssl shows them, for whoever judges it by more than the recipe."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mtls_openssl import checks, extensions
from mtls_openssl.process import Runner

AT_ONCE = 200
"""Files that one pair of processes reads."""


@dataclass(frozen=True)
class Certificate:
    """What a certificate says of itself."""

    version: int
    """1 or 3, as a person counts; DER has one less."""
    algorithm: str
    """RSA, EC, ED25519, ML-DSA-65, or what else openssl calls its public key."""
    bits: int
    """Of an RSA modulus or a curve, else 0."""
    digest: str
    """What its issuer's signature is made over: sha256; empty where the algorithm has its own."""
    serial: int | None
    extensions: Mapping[str, str]
    """By their names, in the form `critical, CA:TRUE` (extensions.shown)."""

    def has(self, extension: str, item: str = "") -> bool:
        """Whether it has an extension, and in it an item, such as keyCertSign in keyUsage."""
        found = self.extensions.get(extension)
        return found is not None and (not item or item in found.split(", "))


def read(text: str) -> Certificate:
    """Read what `openssl x509 -text` prints."""
    version = re.search(r"^ *Version: (\d+)", text, re.MULTILINE)
    key = re.search(r"Public Key Algorithm: (\S+)", text)
    bits = re.search(r"Public-Key: \((\d+) bit", text)
    digest = re.search(r"Signature Algorithm: \S*?(md5|sha\d+)", text, re.IGNORECASE)
    names = {"rsaEncryption": "RSA", "id-ecPublicKey": "EC"}
    algorithm = key[1] if key else ""
    return Certificate(
        version=int(version[1]) if version else 0,
        algorithm=names.get(algorithm, algorithm.upper()),
        bits=int(bits[1]) if bits else 0,
        digest=digest[1].lower() if digest else "",
        serial=checks.serial_number(text),
        extensions=extensions.shown(text),
    )


def read_files(runner: Runner, paths: Sequence[str]) -> dict[str, Certificate]:
    """Read files of one certificate each, many at once; what cannot be read is left out."""
    found: dict[str, Certificate] = {}
    for start in range(0, len(paths), AT_ONCE):
        found |= _read_some(runner, paths[start : start + AT_ONCE])
    return found


def _read_some(runner: Runner, paths: Sequence[str]) -> dict[str, Certificate]:
    """Read files by one pair of processes; where one cannot be read, halve until it stands alone.

    pkcs7 -print_certs keeps the order of the files.
    """
    files = [word for path in paths for word in ("-certfile", path)]
    outcome = runner.pipe(
        ("openssl", "crl2pkcs7", "-nocrl", *files),
        ("openssl", "pkcs7", "-print_certs", "-noout", "-text"),
        None,
    )
    texts = re.split(r"^Certificate:$", outcome.stdout, flags=re.MULTILINE)[1:]
    if outcome.returncode == 0 and len(texts) == len(paths):
        return dict(zip(paths, map(read, texts), strict=True))
    if len(paths) == 1:
        return {}
    half = len(paths) // 2
    return _read_some(runner, paths[:half]) | _read_some(runner, paths[half:])
