"""Each rule of `target_rules`, held against the real program with a certificate that breaks it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mtls_openssl import process, targets
from mtls_openssl.certificate import read_files
from mtls_openssl.target_rules import RULES, TARGETS, Rule
from mtls_openssl.version import Version
from tests import openssl_versions
from tests.chains import CLIENT, HOST, LEAF, ROOT, Chain, Made, make
from tests.conftest import ROOT as CHECKOUT
from tests.e2e.marionette import Firefox, firefox
from tests.e2e.peers import Peers, missing

pytestmark = pytest.mark.e2e

IDENTIFIER = "subjectKeyIdentifier = hash\n"
CAS = {
    "version 1 authority": {"root": "", "leaf": ""},
    "authority without basicConstraints": {"root": IDENTIFIER},
    "issuing authority that is none": {"middle_key": "EC:P-256", "middle": IDENTIFIER},
    "authority whose basicConstraints are not critical": {
        "root": ROOT.replace("critical,CA", "CA")
    },
    "authority without keyUsage": {"root": ROOT.replace("keyUsage", "# keyUsage")},
    "authority that may not sign": {"root": ROOT.replace("keyCertSign,", "")},
    "authority with a weak key": {"root_key": "RSA:1024"},
    "authority with an Ed25519 key": {"middle_key": "ED25519"},
    "authority with an ML-DSA key": {"middle_key": "ML-DSA-65"},
    "root that no NSS database of Debian 12 takes": {"root_key": "ML-DSA-65"},
    "SHA-1 signature": {"root_key": "RSA:2048", "digest": "sha1"},
    "SHA-224 signature": {"digest": "sha224"},
}
"""What to change in a sound chain, whoever shows it."""


def _server(name: str, **changes: str) -> Chain:
    return Chain(name, **changes)  # type: ignore[arg-type]  # they are all texts


def _client(name: str, **changes: str) -> Chain:
    leaf = changes.pop("leaf", CLIENT)
    return Chain(name, leaf=leaf, common_name="A client", **changes)  # type: ignore[arg-type]


SERVERS = [
    _server("sound"),
    _server("sound with name constraints", root=ROOT + "nameConstraints = critical,"
            "permitted;DNS:example.com,permitted;IP:127.0.0.0/255.0.0.0,permitted;email:x.org\n"),
    _server("sound with an issuing authority", middle_key="EC:P-384"),
    _server("sound with RSA", root_key="RSA:4096", leaf_key="RSA:2048"),
    _server("sound with an authority of P-521", root_key="EC:P-521"),
    _server("sound root with SHA-1", root_key="RSA:2048", root_digest="sha1"),
    *(_server(name, **changes) for name, changes in CAS.items()),
    _server("no authorityKeyIdentifier", leaf=LEAF.replace("= keyid", "= none")),
    _server("server without subjectAltName", leaf=LEAF.replace("subjectAlt", "# subjectAlt")),
    _server("server that is an authority", leaf=LEAF.replace("CA:FALSE", "CA:TRUE")),
    _server("server whose extendedKeyUsage is another", leaf=LEAF.replace("server", "client")),
    _server("server without digitalSignature",
            leaf=LEAF.replace("digitalSignature", "keyEncipherment")),
    _server("server with a weak key", leaf_key="RSA:1024"),
    _server("server with a P-521 key", leaf_key="EC:P-521"),
    _server("server with an Ed25519 key", leaf_key="ED25519"),
    _server("server with an ML-DSA key", leaf_key="ML-DSA-65"),
]  # fmt: skip
CLIENTS = [
    _client("sound"),
    _client("sound with an Ed25519 key", leaf_key="ED25519"),
    _client("sound with a P-521 key", leaf_key="EC:P-521"),
    *(_client(name, **changes) for name, changes in CAS.items()),
    _client("SHA-224 signature of a client", digest="sha224"),
    _client("no authorityKeyIdentifier", leaf=CLIENT.replace("= keyid", "= none")),
    _client("client whose extendedKeyUsage is another", leaf=CLIENT.replace("client", "server")),
    _client("client without digitalSignature",
            leaf=CLIENT.replace("digitalSignature", "keyEncipherment")),
    _client("client with a weak key", leaf_key="RSA:1024"),
    _client("client with an ML-DSA key", leaf_key="ML-DSA-65"),
]  # fmt: skip
SERVING = [name for name, target in TARGETS.items() if target.serves]


@pytest.fixture(scope="session")
def peers(openssl: Path, tmp_path_factory: pytest.TempPathFactory) -> Peers:
    """The programs."""
    return Peers(tmp_path_factory.mktemp("peers"), openssl)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """A Firefox."""
    with firefox("firefox-esr", tmp_path_factory.mktemp("firefox")) as running:
        yield running


@pytest.fixture(scope="session")
def maker(openssl: Path, version: Version) -> "Maker":
    """Whoever makes the chains."""
    return Maker(openssl, version)


class Maker:
    """Makes chains with the openssl that can."""

    def __init__(self, openssl: Path, version: Version) -> None:
        self.openssl = openssl
        self.version = version

    def able(self, chain: Chain) -> Path:
        """Give the openssl that can make and show a chain; skips where there is none."""
        if not chain.root and self.version.numbers >= (3, 2, 0):
            pytest.skip(f"{self.version} makes no version 1 certificates of a request")
        keys = (chain.root_key, chain.middle_key, chain.leaf_key)
        if self.version.numbers >= (3, 5, 0) or not any(key.startswith("ML-DSA") for key in keys):
            return self.openssl
        wrapper, reason = openssl_versions.provision(CHECKOUT / ".cache" / "openssl", "3.5")
        if reason:
            pytest.skip(f"{self.version} makes no ML-DSA keys, and OpenSSL 3.5: {reason}")
        return wrapper


def expected(openssl: Path, made: Made, leaf: str, target: str) -> list[Rule]:
    """Give the rules that, by the certificates as openssl shows them, a target refuses by."""
    files = {"root": made.root, "issuing": made.between, leaf: made.leaf}
    paths = {where: str(path) for where, path in files.items() if path}
    environment = process.clean_environment(os.environ)
    runner = process.Runner(openssl, made.root.parent, environment=environment)
    read = read_files(runner, list(paths.values()))
    assert len(read) == len(paths)
    return [
        rule
        for where, path in paths.items()
        for rule in targets.refusals(read[path], where, TARGETS[target])
    ]


def agrees(said: str, rules: list[Rule], chain: Chain, target: str) -> None:
    """Hold what a program said against what its rules foretell."""
    names = [rule.name for rule in rules]
    if not rules:
        assert said == "accepted", f"{target} said: {said}"
        return
    meant = next((rule for rule in rules if rule.name == chain.name), rules[0])
    speaks = any(rule.name == chain.name and target in rule.says for rule in RULES)
    assert chain.name in names or not speaks, names
    words = [text.partition(" (")[0] for text in meant.says[target].split(" / ")]
    assert any(text in said for text in words), f"{target} said: {said}"


@pytest.mark.parametrize("chain", SERVERS, ids=lambda chain: chain.name)
@pytest.mark.parametrize("target", TARGETS)
def test_a_client_judges_a_server_as_its_rules_foretell(
    target: str, chain: Chain, peers: Peers, maker: Maker, tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    if lacking := missing(target):
        pytest.skip(lacking)
    able = maker.able(chain)
    made = make(able, tmp_path, chain)
    with Peers(tmp_path, able).server(made) as port:
        if target == "firefox":
            browser: Firefox = request.getfixturevalue("browser")
            browser.trust(made.root)
            said = browser.refusal(f"https://{HOST}:{port}/") or "accepted"
        else:
            said = peers.judge_server(target, made.root, port)
    agrees(said, expected(able, made, "server", target), chain, target)


@pytest.mark.parametrize("chain", CLIENTS, ids=lambda chain: chain.name)
@pytest.mark.parametrize("target", SERVING)
def test_a_server_judges_a_client_as_its_rules_foretell(
    target: str, chain: Chain, peers: Peers, maker: Maker, tmp_path: Path
) -> None:
    if lacking := missing(target):
        pytest.skip(lacking)
    able = maker.able(chain)
    made = make(able, tmp_path, chain)
    own = make(peers.openssl, tmp_path, Chain("the server itself"))
    showing = Peers(peers.folder, able, peers.built)
    said = showing.judge_client(target, own, made.root, made)
    agrees(said, expected(able, made, "client", target), chain, target)


def test_every_rule_is_tried_with_a_real_program() -> None:
    tried = {chain.name for chain in (*SERVERS, *CLIENTS)}
    assert {rule.name for rule in RULES} <= tried
