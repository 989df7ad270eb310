"""Who meets whom: a recipe that is applied, and beside it those who must be kept out.

Foreign, expired and revoked certificates are made by hand with openssl, as `openssl ca` lets one
choose any dates and revokes what `x509` issued.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from mtls_openssl import process
from tests.conftest import ROOT

UNPRIVILEGED = "nobody"
"""Who the programs run as where the tests run as root."""

MODERN = """\
workflow: ./lists.yaml
directory: pki
defaults: {subject: {O: Example}}
authorities:
  root: {subject: {CN: Example Root}}
  issuing: {issuer: root, path_length: 0}
servers:
  api.example.com: {names: [api.example.com, localhost, 127.0.0.1]}
clients:
  alice: {names: [alice@example.com], pkcs12: {password: {generate: true}}}
  mallory: {}
"""
TUTORIAL = """\
workflow: mutual-tls
directory: pki
defaults: {subject: {C: US, O: Example}}
authorities:
  ca: {subject: {CN: Root}}
servers:
  server: {subject: {CN: localhost}}
clients:
  alice: {pkcs12: {password: {generate: true}}}
"""
CA = """\
[ca]
default_ca = here
[here]
database = {folder}/{name}.index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
default_crl_days = 30
unique_subject = no
policy = any
[any]
commonName = supplied
"""
CLIENT = """\
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
"""


@dataclass(frozen=True)
class Identity:
    """A certificate, perhaps with its chain, and its key."""

    certificate: Path
    key: Path
    name: str
    """Its common name."""


@dataclass(frozen=True)
class World:
    """A folder with an applied recipe, and everyone who will knock."""

    workflow: str
    folder: Path
    openssl: Path
    trust: Path
    server: str
    """The server's entity."""
    identities: dict[str, Identity | None]
    """By case: right, leaf, none, foreign, expired, revoked, server."""

    def printed(self, target: str, *words: str) -> str:
        """Give what `config` prints."""
        return run_cli(self.folder, self.openssl, "config", "recipe.yaml", "--for", target, *words)


def run_cli(folder: Path, openssl: Path, *words: str) -> str:
    """Run the command line in a folder; give its standard output."""
    argv = [sys.executable, "-m", "mtls_openssl", *words, "--openssl", str(openssl)]
    done = subprocess.run(argv, cwd=folder, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def as_user(argv: list[str]) -> list[str]:
    """Give a command that runs unprivileged: many servers refuse to be root."""
    if os.geteuid() != 0:
        return argv
    return ["setpriv", f"--reuid={UNPRIVILEGED}", "--regid=nogroup", "--clear-groups", *argv]


def give_away(folder: Path) -> None:
    """Give a folder and all in it to the unprivileged user."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, UNPRIVILEGED, "nogroup")


@contextmanager
def world(workflow: str, openssl: Path) -> Iterator[World]:
    """Make the world of a workflow, in a folder that an unprivileged user can reach."""
    folder = Path(tempfile.mkdtemp(prefix=f"mtls-{workflow}-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield (_modern if workflow == "modern" else _tutorial)(folder, openssl)
    finally:
        shutil.rmtree(folder)


def _modern(folder: Path, openssl: Path) -> World:
    flow = yaml.safe_load((ROOT / "mtls_openssl/workflows/modern.yaml").read_text())
    flow["layout"]["authority"].setdefault("crl", "{name}.crl")
    (folder / "lists.yaml").write_text(yaml.safe_dump(flow, sort_keys=False))
    (folder / "recipe.yaml").write_text(MODERN)
    run_cli(folder, openssl, "apply", "recipe.yaml", "--quiet")
    pki = folder / "pki"
    made: dict[str, Identity | None] = {
        "right": Identity(pki / "alice.chain.pem", pki / "alice.key", "alice"),
        "leaf": Identity(pki / "alice.pem", pki / "alice.key", "alice"),
        "revoked": Identity(pki / "mallory.chain.pem", pki / "mallory.key", "mallory"),
        "server": Identity(
            pki / "api.example.com.chain.pem", pki / "api.example.com.key", "api.example.com"
        ),
    }
    authority = Authority(openssl, pki, "issuing", pki / "issuing.pem", pki / "issuing.key")
    authority.run("-revoke", str(pki / "mallory.pem"))
    for one in (authority, Authority(openssl, pki, "root", pki / "root.pem", pki / "root.key")):
        one.run("-gencrl", "-out", str(pki / f"{one.name}.crl"))
    return _with_strangers(
        World("modern", folder, openssl, pki / "trust.pem", "api.example.com", made), authority
    )


def _tutorial(folder: Path, openssl: Path) -> World:
    (folder / "recipe.yaml").write_text(TUTORIAL)
    run_cli(folder, openssl, "apply", "recipe.yaml", "--quiet")
    pki = folder / "pki"
    made: dict[str, Identity | None] = {
        "right": Identity(pki / "alice.pem", pki / "alice.key", "alice"),
        "server": Identity(pki / "localhost.pem", pki / "server.key", "localhost"),
    }
    authority = Authority(openssl, pki, "ca", pki / "ca.pem", pki / "ca.key")
    return _with_strangers(
        World("mutual-tls", folder, openssl, pki / "ca.pem", "server", made), authority
    )


@dataclass(frozen=True)
class Authority:
    """A CA that is led by `openssl ca`."""

    openssl: Path
    folder: Path
    name: str
    certificate: Path
    key: Path

    def run(self, *words: str) -> None:
        """Let it do something."""
        index, config = (self.folder / f"{self.name}.{end}" for end in ("index", "cnf"))
        index.touch()
        config.write_text(CA.format(folder=self.folder, name=self.name))
        own = ["-config", str(config), "-cert", str(self.certificate), "-keyfile", str(self.key)]
        _openssl(self.openssl, "ca", "-batch", *own, *words)

    def expired(self, name: str) -> Identity:
        """Issue a client's certificate that ended years ago."""
        made, extensions = self.folder / f"{name}.pem", self.folder / f"{name}.ext"
        key, request = self.folder / f"{name}.key", self.folder / f"{name}.csr"
        extensions.write_text(CLIENT)
        _request(self.openssl, key, request, name)
        dates = ["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"]
        self.run("-in", str(request), "-out", str(made), "-extfile", str(extensions), *dates,
                 "-notext")  # fmt: skip
        return Identity(made, key, name)


def _with_strangers(home: World, authority: Authority) -> World:
    foreign = Path(tempfile.mkdtemp(dir=home.folder))
    key, root = foreign / "root.key", foreign / "root.pem"
    _openssl(home.openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key),
             "-out", str(root), "-subj", "/CN=Foreign Root", "-days", "30")  # fmt: skip
    own, request = foreign / "alice.key", foreign / "alice.csr"
    _request(home.openssl, own, request, "alice")
    (foreign / "alice.ext").write_text(CLIENT)
    _openssl(home.openssl, "x509", "-req", "-in", str(request), "-CA", str(root), "-CAkey",
             str(key), "-CAcreateserial", "-days", "30", "-out", str(foreign / "alice.pem"),
             "-extfile", str(foreign / "alice.ext"))  # fmt: skip
    home.identities["foreign"] = Identity(foreign / "alice.pem", own, "alice")
    home.identities["expired"] = authority.expired("alice-of-old")
    home.identities["none"] = None
    give_away(home.folder)
    return home


def _request(openssl: Path, key: Path, request: Path, name: str) -> None:
    _openssl(openssl, "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key),
             "-out", str(request), "-subj", f"/CN={name}")  # fmt: skip


def _openssl(openssl: Path, *words: str) -> None:
    done = subprocess.run(
        [openssl, *words], env=process.clean_environment(os.environ), capture_output=True,
        text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
