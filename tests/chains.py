"""Chains made by hand, each sound but for one thing, to be shown to real programs."""

import os
import secrets
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtls_openssl import process

HOST = "test.cert.example.com"
"""The name that every program is told to connect to; it leads to 127.0.0.1."""

ROOT = """\
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""
LEAF = f"""\
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:{HOST}
"""
CLIENT = LEAF.replace("serverAuth", "clientAuth").replace(f"DNS:{HOST}", "email:a@example.com")
"""What a modern root, server and client say."""


@dataclass(frozen=True)
class Chain:
    """A root and what it signs; the words are those of a modern chain unless said otherwise."""

    name: str
    root: str = ROOT
    """Its extension file; an empty one makes version 1, where openssl is older than 3.2."""
    leaf: str = LEAF
    root_key: str = "EC:P-256"
    leaf_key: str = "EC:P-256"
    root_digest: str = ""
    """What the root signs itself with."""
    digest: str = ""
    """What the root signs the leaf with."""
    common_name: str = HOST
    middle: str = ROOT
    middle_key: str = ""
    """The key of an issuing CA between the two, where there is one."""
    days: int = 30


@dataclass(frozen=True)
class Made:
    """A chain's files."""

    root: Path
    leaf: Path
    key: Path
    between: Path | None = None


def make(openssl: Path, folder: Path, chain: Chain) -> Made:
    """Make a chain's keys and certificates in a folder of their own."""
    place = folder / chain.name
    place.mkdir(parents=True)
    _request(openssl, place, "root", chain.root_key, f"Root of {chain.name}")
    _sign(openssl, place, "root", "-signkey root.key", chain, chain.root, chain.root_digest)
    signer = "root"
    if chain.middle_key:
        signer = "middle"
        _request(openssl, place, "middle", chain.middle_key, f"Issuing CA of {chain.name}")
        _sign(openssl, place, "middle", "-CA root.pem -CAkey root.key", chain, chain.middle, "")
    _request(openssl, place, "leaf", chain.leaf_key, chain.common_name)
    by = f"-CA {signer}.pem -CAkey {signer}.key -set_serial {secrets.randbits(63) + 1}"
    _sign(openssl, place, "leaf", by, chain, chain.leaf, chain.digest)
    between = place / "middle.pem" if chain.middle_key else None
    return Made(place / "root.pem", place / "leaf.pem", place / "leaf.key", between)


def _request(openssl: Path, place: Path, who: str, key: str, name: str) -> None:
    algorithm, _, size = key.partition(":")
    parameter = {"RSA": "rsa_keygen_bits", "EC": "ec_paramgen_curve"}.get(algorithm)
    option = f" -pkeyopt {parameter}:{size}" if parameter else ""
    _run(openssl, place, f"genpkey -algorithm {algorithm}{option} -out {who}.key".split())
    words = f"req -new -key {who}.key -out {who}.csr -subj".split()
    _run(openssl, place, [*words, f"/CN={name}"])


def _sign(
    openssl: Path, place: Path, who: str, by: str, chain: Chain, extensions: str, digest: str
) -> None:
    (place / f"{who}.ext").write_text(extensions, encoding="utf-8")
    words = f"x509 -req -days {chain.days} -in {who}.csr {by} -out {who}.pem"
    words += f" -extfile {who}.ext" if extensions else ""
    words += f" -{digest}" if digest else ""
    _run(openssl, place, words.split())


def _run(openssl: Path, place: Path, words: Sequence[str]) -> None:
    environment = process.clean_environment(os.environ)
    done = subprocess.run(
        [openssl, *words], cwd=place, env=environment, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
