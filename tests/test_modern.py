"""The modern workflow: real certificates, held against real verifiers."""

import json
import shutil
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from mtls_openssl.version import Version
from tests.conftest import ROOT, Cli

Write = Callable[..., Path]

HIERARCHY = """\
workflow: modern
authorities:
  root: {subject: {CN: Root}, passphrase: {env: ROOT_PASSPHRASE}}
  middle: {issuer: root, path_length: 1}
  low:
    issuer: middle
    path_length: 0
    crl_url: http://crl.example.com/low.crl
    name_constraints:
      permitted: [DNS:example.com, DNS:localhost, IP:127.0.0.0/8, email:example.com]
servers:
  web:
    names: [api.example.com, "*.web.example.com", localhost, 127.0.0.1]
clients:
  alice:
    names: [alice@example.com]
    subject: {O: Exämple & Söhne, CN: Alice / Müller}
    pkcs12: {password: {env: ROOT_PASSPHRASE}}
"""
ENV = {"ROOT_PASSPHRASE": "correct horse"}


@pytest.fixture
def applied(cli: Cli, write: Write) -> Path:
    write(HIERARCHY)
    cli("apply", "recipe.yaml", env=ENV)
    cli("verify", "recipe.yaml", env=ENV)
    return cli.folder / "recipe"


@pytest.mark.version
def test_a_hierarchy_of_three_passes_the_strict_check(
    applied: Path, run_openssl: Callable[..., str]
) -> None:
    for leaf, purpose in (("web", "sslserver"), ("alice", "sslclient")):
        words = f"-x509_strict -purpose {purpose} -CAfile root.pem -untrusted {leaf}.chain.pem"
        told = run_openssl("verify", *words.split(), f"{leaf}.pem", cwd=applied)
        assert told == f"{leaf}.pem: OK\n"


@pytest.mark.version
def test_a_servers_certificate_is_of_no_use_to_a_client(
    applied: Path, run_openssl: Callable[..., str]
) -> None:
    words = "-purpose sslclient -CAfile root.pem -untrusted web.chain.pem web.pem"
    assert "error 26" in run_openssl("verify", *words.split(), cwd=applied, check=False)


def test_extensions_are_those_of_the_field(applied: Path, run_openssl: Callable[..., str]) -> None:
    text = run_openssl("x509", "-in", "web.pem", "-noout", "-text", cwd=applied)
    for shown in (
        "X509v3 Basic Constraints: critical\n                CA:FALSE",
        "X509v3 Key Usage: critical\n                Digital Signature",
        "TLS Web Server Authentication\n",
        "DNS:api.example.com, DNS:*.web.example.com, DNS:localhost, IP Address:127.0.0.1",
        "URI:http://crl.example.com/low.crl",
    ):
        assert shown in text
    serial = run_openssl("x509", "-in", "web.pem", "-noout", "-serial", cwd=applied)
    assert 2**100 < int(serial.partition("=")[2], 16) < 2**159


def test_python_shakes_hands_strictly_and_mutually(applied: Path) -> None:
    """Python 3.13's default is the strict check; here it is asked for."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context, name in ((server, "web"), (client, "alice")):
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
        context.load_cert_chain(applied / f"{name}.chain.pem", applied / f"{name}.key")
        context.load_verify_locations(applied / "root.pem")
    assert shaken(server, client, "any.web.example.com") == "Alice / Müller"
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shaken(server, client, "other.example.com")


def shaken(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str:
    """Shake hands in memory; give the common name that the server sees."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    waiting = {ours, theirs}
    while waiting:
        for side in tuple(waiting):
            try:
                side.do_handshake()
                waiting.discard(side)
            except ssl.SSLWantReadError:
                pass
    subject = dict(pair for rdn in theirs.getpeercert()["subject"] for pair in rdn)  # type: ignore[index,misc]
    return str(subject["commonName"])


@pytest.mark.version
@pytest.mark.parametrize("key", ["rsa:2048", "ec:P-384", "ec:P-521", "ed25519", "ml-dsa-65"])
def test_every_kind_of_key_goes_all_the_way(
    cli: Cli, write: Write, version: Version, key: str
) -> None:
    write(f"workflow: modern\ndefaults: {{key: {key}}}\nauthorities: {{ca: }}\nclients: {{c: }}\n")
    if key.startswith("ml-dsa") and version.numbers < (3, 5, 0):
        done = cli("apply", "recipe.yaml", code=2)
        assert f"{version} makes no ML-DSA-65 keys" in done.stderr
        return
    cli("apply", "recipe.yaml")
    cli("verify", "recipe.yaml")


def test_a_digest_has_no_place_where_ed25519_signs(cli: Cli, write: Write) -> None:
    write(
        "workflow: modern\ndefaults: {key: ed25519}\n"
        "authorities: {ca: {digest: sha512}}\nclients: {c: }\n"
    )
    done = cli("plan", "recipe.yaml", code=2)
    assert "recipe.yaml:3:28: error: a digest has no place where ED25519 signs" in done.stderr


@pytest.mark.version
def test_one_changed_name_re_issues_one_certificate(cli: Cli, applied: Path, write: Write) -> None:
    keys = {path.name: path.read_bytes() for path in applied.glob("*.key")}
    write(HIERARCHY.replace("[api.example.com,", "[www.example.com,"))
    done = cli("apply", "recipe.yaml", "--format", "json", env=ENV)
    ran = [step["id"] for step in json.loads(done.stdout)["steps"] if step["status"] == "done"]
    assert ran == ["web.extensions", "web.certificate", "web.chain"]
    assert {path.name: path.read_bytes() for path in applied.glob("*.key")} == keys
    cli("verify", "recipe.yaml", env=ENV)


def test_a_changed_root_is_refused_and_then_re_issues_all_below(
    cli: Cli, applied: Path, write: Write
) -> None:
    keys = {path.name: path.read_bytes() for path in applied.glob("*.key")}
    write(HIERARCHY.replace("CN: Root", "CN: New Root"))
    assert "--replace root" in cli("apply", "recipe.yaml", env=ENV, code=1).stderr
    cli("apply", "recipe.yaml", "--replace", "root", env=ENV)
    cli("verify", "recipe.yaml", env=ENV)
    assert {path.name: path.read_bytes() for path in applied.glob("*.key")} == keys


def test_the_bundled_recipe_applies(cli: Cli) -> None:
    shutil.copy(ROOT / "recipes/modern.yaml", cli.folder)
    cli("apply", "modern.yaml")
    cli("verify", "modern.yaml")
    assert (cli.folder / "modern/trust.pem").read_text().count("BEGIN CERTIFICATE") == 2
