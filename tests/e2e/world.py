"""Who meets whom: a recipe that is applied, and beside it those who must be kept out.

The revoked are the recipe's own, and where its workflow knows dates, the expired; the rest is made
by hand with openssl.
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

from mtls_openssl import process

PEOPLE = {"right": "alice", "revoked": "mallory"}
"""The clients that come of the recipes, by case."""
UNPRIVILEGED = "nobody"
"""Who the programs run as where the tests run as root."""

MODERN = """\
workflow: modern
directory: pki
defaults: {subject: {O: Example}}
authorities:
  root: {subject: {CN: Example Root}}
  issuing: {issuer: root, path_length: 0}
servers:
  api.example.com: {names: [api.example.com, localhost, 127.0.0.1]}
  locked: {names: [localhost, 127.0.0.1], passphrase: {generate: true}}
clients:
  alice: {names: [alice@example.com], pkcs12: {password: {generate: true}}}
  bob: {passphrase: {generate: true}}
  mallory: {}
  methuselah: {not_before: 2020-01-01, not_after: 2021-01-01}
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
  mallory: {pkcs12: {password: {generate: true}}}
"""
CA = """\
[ca]
default_ca = here
[here]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
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
    pki = _applied(folder, openssl, MODERN)
    made: dict[str, Identity | None] = {
        case: Identity(pki / f"{name}.chain.pem", pki / f"{name}.key", name)
        for case, name in {**PEOPLE, "expired": "methuselah", "server": "api.example.com"}.items()
    }
    made["leaf"] = Identity(pki / "alice.pem", pki / "alice.key", "alice")
    home = World("modern", folder, openssl, pki / "trust.pem", "api.example.com", made)
    return _with_strangers(home)


def _tutorial(folder: Path, openssl: Path) -> World:
    pki = _applied(folder, openssl, TUTORIAL)
    made: dict[str, Identity | None] = {
        case: Identity(pki / f"{name}.pem", pki / f"{name}.key", name)
        for case, name in PEOPLE.items()
    }
    made["server"] = Identity(pki / "localhost.pem", pki / "server.key", "localhost")
    made["expired"] = _expired(openssl, pki)
    return _with_strangers(World("mutual-tls", folder, openssl, pki / "ca.pem", "server", made))


def _expired(openssl: Path, pki: Path) -> Identity:
    """Let the tutorial's CA sign for years gone by, which its own commands cannot say."""
    folder = Path(tempfile.mkdtemp(dir=pki.parent))
    made = Identity(folder / "old.pem", folder / "old.key", "methuselah")
    request, config = folder / "old.csr", folder / "ca.cnf"
    _request(openssl, made.key, request, made.name)
    config.write_text(CA.format(folder=folder))
    (folder / "index").touch()
    _openssl(openssl, "ca", "-batch", "-notext", "-config", str(config), "-in", str(request),
             "-cert", str(pki / "ca.pem"), "-keyfile", str(pki / "ca.key"), "-out",
             str(made.certificate), "-startdate", "20200101000000Z", "-enddate",
             "20210101000000Z")  # fmt: skip
    return made


def _applied(folder: Path, openssl: Path, recipe: str) -> Path:
    """Apply a recipe, and revoke one of its clients; give its directory."""
    (folder / "recipe.yaml").write_text(recipe)
    run_cli(folder, openssl, "apply", "recipe.yaml", "--quiet")
    run_cli(folder, openssl, "revoke", "recipe.yaml", "mallory", "--quiet")
    return folder / "pki"


def _with_strangers(home: World) -> World:
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
