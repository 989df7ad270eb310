"""All that `modern` makes, held against the field's linters and Python's strict context.

pkilint comes with the development packages. zlint is Debian's (trixie), unpacked below .cache and
not installed, unless there is one on the PATH.
"""

import json
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests import openssl_versions
from tests.conftest import ROOT, Cli

RECIPE = """\
workflow: modern
defaults: {subject: {C: DE, O: Exämple & Söhne}}
authorities:
  root: {subject: {CN: Example Root}, key: "rsa:2048", crl_url: http://crl.example.com/root.crl}
  issuing:
    issuer: root
    path_length: 0
    crl_url: http://crl.example.com/issuing.crl
    name_constraints:
      permitted:
        - DNS:example.com
        - DNS:localhost
        - IP:127.0.0.0/8
        - IP:fd00::/8
        - email:example.com
        - URI:.example.com
      excluded: [DNS:secret.example.com]
  edwards: {issuer: root, key: ed25519, path_length: 0}
servers:
  web:
    issuer: issuing
    names:
      [api.example.com, "*.web.example.com", bücher.example.com, localhost, 127.0.0.1, "fd00::1"]
  shop.example.com: {issuer: issuing, names: [shop.example.com]}
  rsa: {issuer: issuing, key: "rsa:2048", names: [rsa.example.com]}
  ed: {issuer: edwards, key: ed25519, names: [ed.example.com]}
clients:
  alice: {issuer: issuing, names: [alice@example.com, "URI:https://id.example.com/alice"]}
  bare: {issuer: issuing}
  edith: {issuer: edwards, key: ed25519, names: [edith@example.com]}
  gone: {issuer: issuing}
  late: {issuer: issuing, not_before: 2020-01-01, not_after: 2021-01-01}
  early: {issuer: edwards, not_before: 2049-01-01, not_after: 2051-01-01}
"""
AUTHORITIES = ("root", "issuing", "edwards")
SERVERS = ("web", "shop.example.com", "rsa", "ed")
CLIENTS = ("alice", "bare", "edith", "gone", "late", "early")
EVERYBODY = (*AUTHORITIES, *SERVERS, *CLIENTS)
LISTS = {"root": "ARL", "issuing": "CRL"}

ALLOWED = {
    "web": {"*.web.example.com", "localhost"},
    "issuing": {"localhost"},
}
"""Host names that pkilint finds odd, and that are meant.

RFC 5280 leaves wildcards to others (RFC 9525 has them); a name of a single label is no public one.
"""


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory, openssl: Path) -> Path:
    """The recipe, applied, and one client revoked."""
    cli = Cli(tmp_path_factory.mktemp("linted"), openssl)
    (cli.folder / "recipe.yaml").write_text(RECIPE)
    cli("apply", "recipe.yaml")
    cli("revoke", "recipe.yaml", "gone", "--reason", "superseded")
    cli("verify", "recipe.yaml")
    return cli.folder / "recipe"


# openssl


@pytest.mark.version
@pytest.mark.parametrize("name", EVERYBODY)
def test_openssl_finds_it_strictly_right(
    applied: Path, run_openssl: Callable[..., str], name: str
) -> None:
    """The chain is the one that the entity itself sends; a fixture's dates are meant to be so."""
    words = ["-x509_strict", "-CAfile", "root.pem"]
    words += ["-purpose", "sslserver"] if name in SERVERS else []
    words += ["-purpose", "sslclient"] if name in CLIENTS else []
    words += ["-no_check_time"] if name in ("late", "early") else []
    words += ["-untrusted", f"{name}.chain.pem"] if name != "root" else ["-check_ss_sig"]
    told = run_openssl("verify", *words, f"{name}.pem", cwd=applied)
    assert told == f"{name}.pem: OK\n"


# pkilint


def pkilint(*words: str, folder: Path) -> list[tuple[str, str, str]]:
    """Give what pkilint finds, from its notices on: severity, code, words."""
    tool = Path(sys.executable).with_name(words[0])
    argv = [str(tool), "lint", *words[1:-1], "-s", "NOTICE", "-f", "JSON", words[-1]]
    done = subprocess.run(
        argv, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout, done.stderr
    return [
        (finding["severity"], finding["code"], finding.get("message") or "")
        for result in json.loads(done.stdout)["results"]
        for finding in result["finding_descriptions"]
    ]


@pytest.mark.version
@pytest.mark.parametrize("name", EVERYBODY)
def test_pkilint_finds_nothing_in_a_certificate(applied: Path, name: str) -> None:
    found = pkilint("lint_pkix_cert", f"{name}.pem", folder=applied)
    odd = {
        ("ERROR", "pkix.invalid_domain_name_syntax", f'Invalid domain name syntax: "{host}"')
        for host in ALLOWED.get(name, ())
    }
    assert set(found) == odd


@pytest.mark.version
@pytest.mark.parametrize("name", LISTS)
def test_pkilint_finds_nothing_in_a_revocation_list(applied: Path, name: str) -> None:
    """RFC 5280, section 5: version 2, next update, number and authority key identifier."""
    found = pkilint("lint_crl", "-p", "PKIX", "-t", LISTS[name], f"{name}.crl", folder=applied)
    assert found == []


def test_pkilint_would_find_a_fault(
    applied: Path, run_openssl: Callable[..., str], tmp_path: Path
) -> None:
    """The watch itself is awake."""
    (tmp_path / "bad.ext").write_text("basicConstraints = CA:TRUE\nsubjectAltName = DNS:a_b\n")
    sign = "x509 -req -in {0}/alice.csr -CA {0}/issuing.pem -CAkey {0}/issuing.key"
    run_openssl(*sign.format(applied).split(), "-extfile", "bad.ext", "-out", "bad.pem")
    assert [found for found in pkilint("lint_pkix_cert", "bad.pem", folder=tmp_path)
            if found[0] == "ERROR"]  # fmt: skip
    sign = "ca -gencrl -keyfile {0}/issuing.key -cert {0}/issuing.pem -crldays 1 -md sha256"
    (tmp_path / "db").write_text("")
    (tmp_path / "bad.cnf").write_text("[ca]\ndefault_ca = a\n[a]\ndatabase = db\n")
    words = (*sign.format(applied).split(), "-config", "bad.cnf", "-out", "bad.crl")
    run_openssl(*words)
    found = pkilint("lint_crl", "-p", "PKIX", "-t", "CRL", "bad.crl", folder=tmp_path)
    assert [code for severity, code, _ in found if severity == "ERROR"]


# zlint


def provided(folder: Path) -> Path:
    """Unpack Debian's zlint into a folder, with one rename, so that others may do so too."""
    binary = folder / "usr/bin/zlint"
    if not binary.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as place:
            draft = Path(place) / "tree"
            (load := Path(place) / "load").mkdir()
            for package in openssl_versions.download(["zlint/trixie"], load):
                openssl_versions.run(["dpkg", "-x", package, draft])
            if not binary.exists():
                draft.rename(folder)
    return binary


@pytest.fixture(scope="module")
def zlint() -> Path:
    """The linter; where it cannot be had, the reason is printed."""
    if found := shutil.which("zlint"):
        return Path(found)
    try:
        binary = provided(ROOT / ".cache/zlint")
        openssl_versions.run([binary, "-version"])
    except (OSError, subprocess.SubprocessError, openssl_versions.UnavailableError) as error:
        pytest.skip(f"zlint cannot be had: {error}")
    return binary


def complaints(zlint: Path, path: Path) -> dict[str, str]:
    """Give the lints of RFC 5280 that a certificate or a list does not pass."""
    told = openssl_versions.run([zlint, "-includeSources", "RFC5280", path])
    results = {name: result["result"] for name, result in json.loads(told).items()}
    assert "pass" in results.values()
    return {name: result for name, result in results.items() if result not in ("pass", "NA", "NE")}


@pytest.mark.version
@pytest.mark.parametrize(
    "file", [*(f"{name}.pem" for name in EVERYBODY), *(f"{name}.crl" for name in LISTS)]
)
def test_zlint_finds_nothing(applied: Path, zlint: Path, file: str) -> None:
    assert complaints(zlint, applied / file) == {}


def test_zlint_would_find_a_fault(
    applied: Path, zlint: Path, run_openssl: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "bad.ext").write_text("basicConstraints = CA:TRUE\n")
    sign = "x509 -req -in {0}/alice.csr -CA {0}/issuing.pem -CAkey {0}/issuing.key"
    run_openssl(*sign.format(applied).split(), "-extfile", "bad.ext", "-out", "bad.pem")
    assert "error" in complaints(zlint, tmp_path / "bad.pem").values()


# Python


def context(applied: Path, name: str, side: int) -> ssl.SSLContext:
    """Give a context as Python 3.13's create_default_context makes it, for one side."""
    made = ssl.SSLContext(side)
    made.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    made.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_cert_chain(applied / f"{name}.chain.pem", applied / f"{name}.key")
    made.load_verify_locations(applied / "root.pem")
    return made


def greeted(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> str:
    """Shake hands over a socket of 127.0.0.1; give the common name that the server greets."""

    def serve(listening: socket.socket) -> str:
        connection, _ = listening.accept()
        connection.settimeout(30)
        with server.wrap_socket(connection, server_side=True) as talk:
            subject: Any = (talk.getpeercert() or {}).get("subject")
            names = dict(pair for rdn in subject for pair in rdn)
            talk.sendall(names["commonName"].encode())
            return str(names["commonName"])

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        listening.settimeout(30)
        serving = pool.submit(serve, listening)
        with socket.create_connection(listening.getsockname(), timeout=30) as plain:
            with client.wrap_socket(plain, server_hostname=host) as talk:
                heard = talk.recv(100).decode()
        assert serving.result() == heard
        return heard


@pytest.mark.version
@pytest.mark.parametrize(
    ("server", "host", "client"),
    [
        ("web", "api.example.com", "alice"),
        ("web", "any.web.example.com", "bare"),
        ("web", "xn--bcher-kva.example.com", "edith"),
        ("web", "localhost", "alice"),
        ("web", "127.0.0.1", "alice"),
        ("web", "fd00::1", "alice"),
        ("shop.example.com", "shop.example.com", "alice"),
        ("rsa", "rsa.example.com", "bare"),
        ("ed", "ed.example.com", "edith"),
    ],
)
def test_python_shakes_hands_under_the_flags_that_3_13_has_by_default(
    applied: Path, server: str, host: str, client: str
) -> None:
    """Mutually: VERIFY_X509_STRICT and VERIFY_X509_PARTIAL_CHAIN on both sides."""
    ours = context(applied, client, ssl.PROTOCOL_TLS_CLIENT)
    theirs = context(applied, server, ssl.PROTOCOL_TLS_SERVER)
    assert greeted(theirs, ours, host) == client
