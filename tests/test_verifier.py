"""What is right passes, and each way to be wrong fails by its own name: by the real openssl.

A small PKI is made once, by a workflow's own commands; every test spoils a copy of it.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mtls_openssl import plan
from mtls_openssl.artifact import Artifact
from mtls_openssl.plan import Plan
from mtls_openssl.process import Reply, Runner
from mtls_openssl.secret import Vault
from mtls_openssl.verifier import Report, Verifier
from mtls_openssl.version import Version
from tests.planning import recipe_of, workflow_of

pytestmark = pytest.mark.version

WORKFLOW = """\
title: A laboratory
layout:
  root: &files {key: "{name}.key", request: "{name}.csr", ext: "{name}.ext", certificate: "{name}.pem"}
  server: *files
  client:
    <<: *files
    combined: "{name}.both"
    pkcs12: "{name}.p12"
    chain: "{name}.chain"
steps:
  root:
    - &key
      title: Key
      run: openssl genpkey -algorithm {algorithm} -pkeyopt {parameter} [passphrase? -aes256] -out {key}
      asks: [passphrase]
    - &request
      title: Request
      run: openssl req -new -utf8 -key {key} -subj {subject} -out {request}
      asks: [passphrase]
    - title: Extensions
      to: "{ext}"
      write: |
        basicConstraints = critical,CA:TRUE
        keyUsage = critical,keyCertSign,cRLSign
        subjectKeyIdentifier = hash
    - title: Certificate
      run: openssl x509 -req -in {request} -signkey {key} -days {days} -extfile {ext} -out {certificate}
      asks: [passphrase]
  server:
    - *key
    - *request
    - &extensions
      title: Extensions
      to: "{ext}"
      write: |
        basicConstraints = critical,CA:FALSE
        extendedKeyUsage = {role}
        authorityKeyIdentifier = keyid
        [subjectAltName = {names}]
    - &sign
      title: Certificate
      run: openssl x509 -req -in {request} -CA {issuer.certificate} -CAkey {issuer.key} -set_serial {serial} -{digest} -days {days} -extfile {ext} -out {certificate}
      asks: [issuer.passphrase]
    - {title: Mode, run: "chmod 400 {key}"}
  client:
    - *key
    - *request
    - *extensions
    - *sign
    - {title: Both, run: "cat {certificate} {key} > {combined}"}
    - {title: Chain, run: "cat {certificate} {issuer.certificate} > {chain}"}
    - title: Bundle
      run: openssl pkcs12 -export -in {certificate} -inkey {key} -certfile {issuer.certificate} -out {pkcs12}
      asks: [pkcs12.password]
"""  # noqa: E501  a command is one line

RECIPE = """\
workflow: mine.yaml
defaults:
  key: ec:P-256
  days: 7
  digest: sha256
  subject: {C: DE, O: "Exämple, Inc. / +1"}
authorities:
  ca: {subject: {CN: Root}, passphrase: {env: CA}}
servers:
  server: {serial: 1, names: [server.example.com, 127.0.0.1]}
clients:
  client: {serial: 2, pkcs12: {password: {env: EXPORT}}}
"""

SECRETS = {"CA": "correct horse ü", "EXPORT": "staple"}
CA = ("-CA", "ca.pem", "-CAkey", "ca.key", "-passin", "env:CA")
"""How a test signs with the right CA."""
SUBJECT = r"/C=DE/O=Exämple, Inc. \/ \+1/CN=client"
SHOWN = r"C=DE, O=Exämple\, Inc. / +1, CN=client"


def vault(folder: Path, secrets: dict[str, str]) -> Vault:
    return Vault(folder, folder, secrets)


def make(made: Plan, openssl: Path, folder: Path) -> None:
    """Run a plan's commands, one after another."""
    runner, secrets = Runner(openssl, folder), vault(folder, SECRETS)
    for step in made.steps:
        for file in step.files:
            (folder / file.path).write_text(file.text)
        replies = [
            Reply(a.kind, a.file, secrets.fetch(a.need) if a.need else None, a.subject)
            for a in step.answers
        ]
        if step.argv:
            outcome = runner.converse(step.argv, replies) if replies else runner.run(step.argv)
            assert outcome.returncode == 0, outcome.transcript


@pytest.fixture(scope="module")
def laboratory(
    openssl: Path, version: Version, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Plan, Path]:
    """The plan, and a folder in which all of it is right."""
    folder = tmp_path_factory.mktemp("laboratory")
    os.umask(0o077)
    made = plan.build(recipe_of(RECIPE), workflow_of(WORKFLOW), version)
    make(made, openssl, folder)
    return made, folder


@dataclass
class Lab:
    """A copy of the laboratory, to be spoilt."""

    made: Plan
    folder: Path
    openssl: Path
    secrets: dict[str, str] = field(default_factory=lambda: dict(SECRETS))

    def artifact(self, path: str, kind: str = "") -> Artifact:
        """What is expected of a file."""
        return next(
            artifact
            for step in self.made.steps
            for artifact in step.artifacts
            if artifact.path == path and artifact.kind == (kind or artifact.kind)
        )

    def look(self, path: str, kind: str = "") -> Report:
        """What the verifier finds of a file."""
        verifier = Verifier(Runner(self.openssl, self.folder), vault(self.folder, self.secrets))
        return verifier.look(self.artifact(path, kind))

    def wrong(self, path: str, kind: str = "") -> dict[str, str]:
        """What does not hold of a file: the names of the checks, and what they say."""
        return {verdict.name: verdict.detail for verdict in self.look(path, kind).failures}

    def run(self, command: str, *words: str) -> str:
        """Run an openssl command as a person would, in the folder; gives what it prints."""
        environment = {**os.environ, **SECRETS}
        done = subprocess.run(
            [self.openssl, *command.split(), *words], cwd=self.folder, env=environment,
            check=True, capture_output=True, stdin=subprocess.DEVNULL, start_new_session=True,
            text=True,
        )  # fmt: skip
        return done.stdout

    def new_key(self, path: str, kind: str = "EC -pkeyopt ec_paramgen_curve:P-256") -> None:
        """Make another key, readable by its owner alone."""
        self.run(f"genpkey -algorithm {kind} -out {path}")
        self.path(path).chmod(0o600)

    def sign(self, *options: str, ca: tuple[str, ...] = CA, ext: str = "client.ext") -> None:
        """Sign the client's request again: as it should be, but for the options."""
        right = {"-set_serial": "2", "-days": "7"}
        more = [word for pair in right.items() if pair[0] not in options for word in pair]
        more += [] if any(option.startswith("-sha") for option in options) else ["-sha256"]
        words = (*ca, *more, *options, "-extfile", ext, "-out", "client.pem")
        self.run("x509 -req -in client.csr", *words)

    def path(self, name: str) -> Path:
        return self.folder / name

    def write(self, name: str, text: str) -> None:
        """Write over a file, whatever its mode."""
        self.path(name).unlink(missing_ok=True)
        self.path(name).write_text(text)
        self.path(name).chmod(0o600)

    def flip(self, name: str) -> None:
        """Change one letter near the end of a file's Base64: in the signature."""
        lines = self.path(name).read_text().splitlines()
        changed = "B" if lines[-2][8] == "A" else "A"
        lines[-2] = lines[-2][:8] + changed + lines[-2][9:]
        self.write(name, "\n".join(lines) + "\n")


@pytest.fixture
def lab(laboratory: tuple[Plan, Path], openssl: Path, tmp_path: Path) -> Lab:
    made, folder = laboratory
    copy = tmp_path / "lab"
    shutil.copytree(folder, copy)
    return Lab(made, copy, openssl)


def test_everything_is_right_as_it_was_made(lab: Lab) -> None:
    """Every kind of file, each with the names of the checks that hold."""
    verifier = Verifier(Runner(lab.openssl, lab.folder), vault(lab.folder, lab.secrets))
    artifacts = [artifact for step in lab.made.steps for artifact in step.artifacts]
    reports = verifier.look_at(artifacts)
    assert [verdict for report in reports for verdict in report.failures] == []
    held = {
        f"{report.artifact.path} {report.artifact.kind}": [v.name for v in report.verdicts]
        for report in reports
    }
    certificate = ["subject", "issuer", "public-key", "validity"]
    leaf = ["serial", "digest", "chain", "purpose", "basicConstraints", "extendedKeyUsage",
            "authorityKeyIdentifier"]  # fmt: skip
    assert held == {
        "ca.key key": ["private", "encrypted", "algorithm"],
        "ca.csr request": ["signature", "subject", "public-key"],
        "ca.ext text": ["content"],
        "ca.pem certificate": [
            *certificate, "ca", "chain", "basicConstraints", "keyUsage", "subjectKeyIdentifier",
        ],
        "server.key key": ["private", "encrypted", "algorithm"],
        "server.csr request": ["signature", "subject", "public-key"],
        "server.ext text": ["content"],
        "server.pem certificate": [*certificate, *leaf, "subjectAltName", "names"],
        "server.key mode": ["mode"],
        "client.key key": ["private", "encrypted", "algorithm"],
        "client.csr request": ["signature", "subject", "public-key"],
        "client.ext text": ["content"],
        "client.pem certificate": [*certificate, *leaf],
        "client.both combined": ["private", "parts"],
        "client.chain chain": ["parts"],
        "client.p12 pkcs12": ["private", "opens", "certificate", "public-key", "chain"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("EC -pkeyopt ec_paramgen_curve:P-384", "EC P-384"),
        ("RSA -pkeyopt rsa_keygen_bits:2048", "RSA 2048"),
        ("ed25519", "ED25519"),
    ],
)
def test_a_key_of_another_kind(lab: Lab, kind: str, shown: str) -> None:
    lab.new_key("client.key", kind)
    assert lab.wrong("client.key") == {"algorithm": f"expected EC P-256, found {shown}"}


@pytest.mark.parametrize("path", ["client.key", "client.both", "client.p12"])
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o610])
def test_a_file_with_a_private_key_that_others_may_touch(lab: Lab, path: str, mode: int) -> None:
    lab.path(path).chmod(mode)
    assert lab.wrong(path) == {"private": f"expected yes, found mode {mode:o}"}


def test_a_key_that_should_be_encrypted_and_is_not(lab: Lab) -> None:
    lab.run("pkey -in ca.key -passin env:CA -out plain")
    lab.write("ca.key", lab.path("plain").read_text())
    assert lab.wrong("ca.key") == {"encrypted": "expected yes, found no"}


def test_a_key_that_should_not_be_encrypted_and_is(lab: Lab) -> None:
    """A server could not start with it; and nobody here has its pass phrase."""
    lab.run("pkey -in client.key -aes256 -passout env:CA -out locked")
    lab.write("client.key", lab.path("locked").read_text())
    assert lab.wrong("client.key")["encrypted"] == "expected no, found yes"


def test_a_key_of_another_pass_phrase(lab: Lab) -> None:
    lab.secrets["CA"] = "another horse"
    assert set(lab.wrong("ca.key")) == {"readable"}


def test_a_key_whose_pass_phrase_nobody_gives(lab: Lab) -> None:
    del lab.secrets["CA"]
    assert lab.wrong("ca.key") == {
        "readable": "the pass phrase of ca.key is wanted, and there is no terminal to ask on"
    }


@pytest.mark.parametrize(
    "path", ["client.key", "ca.key", "client.csr", "client.pem", "ca.pem", "client.p12"]
)
@pytest.mark.parametrize("text", ["", "garbage\n", "-----BEGIN NOTHING-----\n"])
def test_a_file_that_openssl_cannot_read(lab: Lab, path: str, text: str) -> None:
    lab.write(path, text)
    wrong = lab.wrong(path)
    assert "readable" in wrong
    assert wrong["readable"]
    assert {verdict.name for verdict in lab.look(path).verdicts if verdict.ok} <= {
        "private",
        "encrypted",
    }


EVERY_KIND = [
    ("client.key", "key"), ("client.csr", "request"), ("client.pem", "certificate"),
    ("client.both", "combined"), ("client.p12", "pkcs12"), ("client.chain", "chain"),
    ("client.ext", "text"), ("server.key", "mode"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "kind"), EVERY_KIND)
def test_a_file_that_is_not_there(lab: Lab, path: str, kind: str) -> None:
    lab.path(path).unlink()
    report = lab.look(path, kind)
    assert lab.wrong(path, kind) == {"readable": "there is no such file"}
    assert [verdict for verdict in report.verdicts if verdict.ok] == []
    assert report.asked == ()


@pytest.mark.parametrize(("path", "kind"), EVERY_KIND)
def test_a_link_is_not_the_file_however_right_what_it_leads_to(
    lab: Lab, path: str, kind: str
) -> None:
    lab.path(path).rename(lab.path("elsewhere"))
    lab.path(path).symlink_to("elsewhere")
    assert lab.wrong(path, kind) == {"readable": "it is a symbolic link"}


def test_a_folder_is_no_file(lab: Lab) -> None:
    lab.path("client.pem").unlink()
    lab.path("client.pem").mkdir()
    assert set(lab.wrong("client.pem")) == {"readable"}


def test_a_request_of_another_key(lab: Lab) -> None:
    lab.new_key("other.key")
    lab.run("req -new -utf8 -key other.key -out client.csr -subj", SUBJECT)
    assert lab.wrong("client.csr") == {
        "public-key": "expected that of client.key, found another key"
    }


def test_a_request_after_its_key_was_made_anew(lab: Lab) -> None:
    """The verifier remembers public keys: not those of files that have changed since."""
    verifier = Verifier(Runner(lab.openssl, lab.folder), vault(lab.folder, lab.secrets))
    assert verifier.look(lab.artifact("client.csr")).failures == ()
    lab.path("client.key").unlink()
    lab.new_key("client.key")
    [wrong] = verifier.look(lab.artifact("client.csr")).failures
    assert wrong.name == "public-key"


@pytest.mark.parametrize("text", [None, "", "garbage\n"])
def test_a_request_whose_key_is_gone(lab: Lab, text: str | None) -> None:
    """What cannot be compared is not the same."""
    lab.path("client.key").unlink()
    if text is not None:
        lab.write("client.key", text)
    assert lab.wrong("client.csr") == {
        "public-key": "expected that of client.key, found client.key cannot be read"
    }


def test_a_request_of_another_subject(lab: Lab) -> None:
    lab.run("req -new -key client.key -subj /C=DE/CN=client -out client.csr")
    assert lab.wrong("client.csr") == {"subject": f"expected {SHOWN}, found C=DE, CN=client"}


def test_a_request_whose_signature_is_broken(lab: Lab) -> None:
    lab.flip("client.csr")
    assert lab.wrong("client.csr") == {"signature": "expected good, found bad"}


def test_a_certificate_that_is_signed_again_is_right_again(lab: Lab) -> None:
    """What the tests below do, without their one fault."""
    before = lab.path("client.pem").read_text()
    lab.sign()
    assert lab.path("client.pem").read_text() != before
    assert lab.wrong("client.pem") == {}


def test_a_certificate_of_another_subject(lab: Lab) -> None:
    """Its request was another when it was signed."""
    right = lab.path("client.csr").read_text()
    lab.run("req -new -key client.key -subj /CN=other -out client.csr")
    lab.sign()
    lab.write("client.csr", right)
    assert lab.wrong("client.pem") == {"subject": f"expected {SHOWN}, found CN=other"}


def test_a_certificate_of_another_key(lab: Lab) -> None:
    right = lab.path("client.csr").read_text()
    lab.new_key("other.key")
    lab.run("req -new -utf8 -key other.key -out client.csr -subj", SUBJECT)
    lab.sign()
    lab.write("client.csr", right)
    assert lab.wrong("client.pem") == {
        "public-key": "expected that of client.csr, found another key"
    }


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (("-days", "8"), {"validity": "expected 7 days, found 8 days"}),
        (("-set_serial", "0x1F"), {"serial": "expected 2, found 31"}),
        (("-sha384",), {"digest": "expected sha256, found sha384"}),
    ],
)
def test_a_certificate_that_was_signed_otherwise(
    lab: Lab, options: tuple[str, ...], wrong: dict[str, str]
) -> None:
    lab.sign(*options)
    assert lab.wrong("client.pem") == wrong


@pytest.mark.parametrize(
    ("line", "instead", "name", "detail"),
    [
        (
            "basicConstraints = critical,CA:FALSE",
            "basicConstraints = CA:FALSE",
            "basicConstraints",
            "expected critical, CA:FALSE, found CA:FALSE",
        ),
        (
            "extendedKeyUsage = clientAuth",
            "extendedKeyUsage = clientAuth,serverAuth",
            "extendedKeyUsage",
            "expected clientAuth, found clientAuth, serverAuth",
        ),
        (
            "authorityKeyIdentifier = keyid",
            "authorityKeyIdentifier = none",
            "authorityKeyIdentifier",
            "expected present, found absent",
        ),
    ],
)
def test_a_certificate_with_another_extension_than_was_asked_for(
    lab: Lab, version: Version, line: str, instead: str, name: str, detail: str
) -> None:
    text = lab.path("client.ext").read_text()
    assert line in text
    if version.numbers < (3, 0, 0):
        instead = instead.replace("authorityKeyIdentifier = none", "")
    lab.write("other.ext", text.replace(line, instead))
    lab.sign(ext="other.ext")
    assert lab.wrong("client.pem") == {name: detail}


def test_a_certificate_for_servers_in_a_clients_place(lab: Lab, version: Version) -> None:
    lab.write("other.ext", lab.path("client.ext").read_text().replace("clientAuth", "serverAuth"))
    lab.sign(ext="other.ext")
    word = "unsupported" if version.numbers < (3, 0, 0) else "unsuitable"
    assert lab.wrong("client.pem") == {
        "extendedKeyUsage": "expected clientAuth, found serverAuth",
        "purpose": f"expected sslclient, found error 26, {word} certificate purpose",
    }


@pytest.mark.parametrize(
    ("names", "found", "mismatch"),
    [
        (
            "DNS:server.example.com",
            "DNS:server.example.com",
            "error 64 at 0 depth lookup: IP address mismatch",
        ),
        ("IP:127.0.0.1", "IP:127.0.0.1", "error 62 at 0 depth lookup: hostname mismatch"),
        (
            "DNS:server.example.com,IP:127.0.0.2",
            "DNS:server.example.com, IP:127.0.0.2",
            "error 64 at 0 depth lookup: IP address mismatch",
        ),
    ],
)
def test_a_servers_certificate_without_one_of_its_names(
    lab: Lab, version: Version, names: str, found: str, mismatch: str
) -> None:
    """Read back as an extension, and asked for as a peer asks for it."""
    text = lab.path("server.ext").read_text()
    right = "subjectAltName = DNS:server.example.com,IP:127.0.0.1"
    assert right in text
    lab.write("other.ext", text.replace(right, f"subjectAltName = {names}"))
    signing = "x509 -req -in server.csr -set_serial 1 -days 7 -sha256 -extfile other.ext"
    lab.run(f"{signing} -out server.pem", *CA)
    if version.numbers < (3, 0, 0):
        mismatch = mismatch.replace("hostname", "Hostname")
    assert lab.wrong("server.pem") == {
        "subjectAltName": f"expected DNS:server.example.com, IP:127.0.0.1, found {found}",
        "names": f"expected all match, found {mismatch}",
    }


def foreign_ca(lab: Lab, name: str = r"/C=DE/O=Exämple, Inc. \/ \+1/CN=Root") -> tuple[str, ...]:
    """Another CA: of the same name, unless another is given. Says how to sign with it."""
    lab.new_key("foreign.key")
    lab.run("req -new -utf8 -key foreign.key -out foreign.csr -subj", name)
    signing = "x509 -req -in foreign.csr -signkey foreign.key -days 7 -extfile ca.ext"
    lab.run(f"{signing} -out foreign.pem")
    return "-CA", "foreign.pem", "-CAkey", "foreign.key"


NO_CHAIN = {
    "chain": "expected good, found error 20, unable to get local issuer certificate",
    "purpose": "expected sslclient, found no chain to a trust anchor",
}


def test_a_certificate_of_another_ca_of_the_same_name(lab: Lab) -> None:
    lab.sign(ca=foreign_ca(lab))
    assert lab.wrong("client.pem") == NO_CHAIN


def test_a_certificate_of_another_issuer(lab: Lab) -> None:
    lab.sign(ca=foreign_ca(lab, "/CN=Foreign"))
    shown = SHOWN.replace("client", "Root")
    assert lab.wrong("client.pem") == {
        "issuer": f"expected {shown}, found CN=Foreign", **NO_CHAIN,
    }  # fmt: skip


def test_a_certificate_that_chains_to_the_machines_trust_store_alone(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """openssl verify itself takes it: what -CAfile names is added to the store (DESIGN 7.7)."""
    lab.sign(ca=foreign_ca(lab, "/CN=Foreign"))
    lab.path("store").mkdir()
    hashed = lab.run("x509 -noout -hash -in foreign.pem").strip()
    shutil.copy(lab.path("foreign.pem"), lab.path("store") / f"{hashed}.0")
    monkeypatch.setenv("SSL_CERT_FILE", str(lab.path("foreign.pem")))
    monkeypatch.setenv("SSL_CERT_DIR", str(lab.path("store")))
    said = lab.run("verify -purpose sslclient -CAfile ca.pem client.pem")
    assert said == "client.pem: OK\n"
    assert lab.wrong("client.pem").items() >= NO_CHAIN.items()


def test_a_configuration_of_the_callers_judges_nothing(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OPENSSL_CONF may name anything, or nothing at all (DESIGN 7.7)."""
    monkeypatch.setenv("OPENSSL_CONF", str(lab.path("none")))
    assert lab.wrong("client.pem") == {}


def test_a_certificate_that_was_tampered_with(lab: Lab) -> None:
    lab.flip("client.pem")
    assert lab.wrong("client.pem") == {
        "chain": "expected good, found error 7, certificate signature failure",
        "purpose": "expected sslclient, found no chain to a trust anchor",
    }


CA_CONFIGURATION = """\
[ ca ]
default_ca = own
[ own ]
database = index.txt
new_certs_dir = .
serial = next
default_md = sha256
policy = any
[ any ]
C = optional
O = optional
CN = supplied
"""
"""openssl ca sets any dates on every version; x509 begins with now."""


@pytest.mark.parametrize(
    ("begin", "end", "fault"),
    [
        ("20200101000000Z", "20200108000000Z", "error 10, certificate has expired"),
        ("20490101000000Z", "20490108000000Z", "error 9, certificate is not yet valid"),
    ],
)
def test_a_certificate_of_the_right_length_at_the_wrong_time(
    lab: Lab, begin: str, end: str, fault: str
) -> None:
    for name, text in (("ca.conf", CA_CONFIGURATION), ("index.txt", ""), ("next", "02\n")):
        lab.write(name, text)
    signing = "ca -batch -notext -config ca.conf -cert ca.pem -keyfile ca.key -passin env:CA"
    dates = f"-startdate {begin} -enddate {end} -preserveDN -utf8"
    lab.run(f"{signing} {dates} -in client.csr -extfile client.ext -out client.pem")
    wrong = lab.wrong("client.pem")
    assert set(wrong) == {"chain", "purpose"}
    # From 3.6 on, openssl adds that the system clock may be incorrect.
    assert wrong["chain"].startswith(f"expected good, found {fault}")


def test_a_root_that_was_tampered_with(lab: Lab) -> None:
    """A trust anchor's own signature counts too, though nobody needs to believe it."""
    lab.flip("ca.pem")
    assert lab.wrong("ca.pem") == {
        "chain": "expected good, found error 7, certificate signature failure"
    }


def test_a_leaf_whose_ca_is_gone(lab: Lab) -> None:
    lab.path("ca.pem").unlink()
    assert set(lab.wrong("client.pem")) == {"chain", "purpose"}


def test_a_version_3_ca_without_constraints_is_none_nor_is_what_it_signed(
    lab: Lab, version: Version
) -> None:
    """What the first tutorial makes from OpenSSL 3.2 on, without its erratum."""
    lab.write("bare.ext", "subjectKeyIdentifier = hash\n")
    signing = "x509 -req -in ca.csr -signkey ca.key -passin env:CA -days 7 -extfile bare.ext"
    lab.run(f"{signing} -out ca.pem")
    wrong = lab.wrong("ca.pem")
    assert wrong["ca"] == "expected yes, found no"
    assert wrong["basicConstraints"] == "expected critical, CA:TRUE, found absent"
    number = 24 if version.numbers < (3, 0, 0) else 79
    assert lab.wrong("client.pem") == {
        "chain": f"expected good, found error {number}, invalid CA certificate",
        "purpose": "expected sslclient, found no chain to a trust anchor",
    }


def test_a_combined_file_with_another_key(lab: Lab) -> None:
    certificate = lab.path("client.pem").read_text()
    lab.write("client.both", certificate + lab.path("server.key").read_text())
    assert lab.wrong("client.both") == {
        "parts": "expected exactly what it joins, found something else"
    }


@pytest.mark.parametrize(
    "parts",
    [
        ["client.pem"],
        ["client.key"],
        ["server.pem", "client.key"],
        ["client.pem", "client.key", "server.key"],
        ["client.pem", "client.key", "client.key"],
        [],
    ],
    ids=lambda parts: "+".join(parts) or "empty",
)
def test_a_combined_file_with_more_or_less_than_its_parts(lab: Lab, parts: list[str]) -> None:
    lab.write("client.both", "".join(lab.path(part).read_text() for part in parts))
    assert lab.wrong("client.both") == {
        "parts": "expected exactly what it joins, found something else"
    }


def test_a_combined_file_may_have_its_parts_in_either_order_and_notes_between(lab: Lab) -> None:
    key, certificate = (lab.path(f"client.{kind}").read_text() for kind in ("key", "pem"))
    lab.write("client.both", f"# mine\n{key}\n# and its\n{certificate}")
    assert lab.wrong("client.both") == {}


def test_a_combined_file_whose_part_is_gone(lab: Lab) -> None:
    lab.path("client.key").unlink()
    assert lab.wrong("client.both") == {
        "parts": "expected exactly what it joins, found client.key: No such file or directory"
    }


def test_a_bundle_of_another_password(lab: Lab) -> None:
    lab.secrets["EXPORT"] = "another staple"
    assert lab.wrong("client.p12") == {"readable": "Mac verify error: invalid password?"}


def test_a_bundle_without_a_password_where_one_is_asked_for(lab: Lab) -> None:
    lab.run("pkcs12 -export -in client.pem -inkey client.key -passout pass: -out client.p12")
    assert lab.wrong("client.p12") == {"readable": "Mac verify error: invalid password?"}


BUNDLE = "pkcs12 -export -passout env:EXPORT -out client.p12"


def test_a_bundle_with_another_certificate_of_the_same_key(lab: Lab) -> None:
    right = lab.path("client.pem").read_text()
    lab.sign("-set_serial", "9")
    lab.run(f"{BUNDLE} -in client.pem -inkey client.key -certfile ca.pem")
    lab.write("client.pem", right)
    assert lab.wrong("client.p12") == {
        "certificate": "expected that of client.pem, found another certificate"
    }


def test_a_bundle_of_another_key(lab: Lab) -> None:
    lab.run(f"{BUNDLE} -in server.pem -inkey server.key -certfile ca.pem")
    assert lab.wrong("client.p12") == {
        "certificate": "expected that of client.pem, found another certificate",
        "public-key": "expected that of client.pem, found another key",
    }


@pytest.mark.parametrize("more", [(), ("-certfile", "foreign.pem"), ("-certfile", "both.pem")])
def test_a_bundle_with_another_chain(lab: Lab, more: tuple[str, ...]) -> None:
    foreign_ca(lab)
    lab.write("both.pem", lab.path("ca.pem").read_text() + lab.path("foreign.pem").read_text())
    lab.run(f"{BUNDLE} -in client.pem -inkey client.key", *more)
    assert lab.wrong("client.p12") == {
        "chain": "expected that of ca.pem, found another certificate"
    }


def test_a_bundle_without_a_key(lab: Lab) -> None:
    lab.run("pkcs12 -export -nokeys -in client.pem -passout env:EXPORT -out client.p12")
    assert set(lab.wrong("client.p12")) == {"readable"}


def test_a_chain_holds_its_certificates_and_nothing_else(lab: Lab) -> None:
    certificate = lab.path("client.pem").read_text()
    lab.write("client.chain", certificate)
    wrong = {"parts": "expected exactly what it joins, found something else"}
    assert lab.wrong("client.chain") == wrong
    lab.write("client.chain", certificate + lab.path("server.pem").read_text())
    assert lab.wrong("client.chain") == wrong


def test_a_written_file_that_says_something_else(lab: Lab) -> None:
    lab.write("client.ext", lab.path("client.ext").read_text() + "nsComment = x\n")
    assert lab.wrong("client.ext") == {"content": "expected as written, found another text"}


def test_a_mode_that_is_not_the_one_that_was_set(lab: Lab) -> None:
    lab.path("server.key").chmod(0o600)
    assert lab.wrong("server.key", "mode") == {"mode": "expected 400, found 600"}
    assert lab.wrong("server.key", "key") == {}


def test_the_commands_that_told_it_are_kept_for_the_person(lab: Lab) -> None:
    """-v shows them; no secret is in them."""
    report = lab.look("ca.pem")
    assert [" ".join(question.argv[:2]) for question, _ in report.asked] == [
        "openssl x509", "openssl verify", "openssl req",
    ]  # fmt: skip
    words = [word for question, _ in lab.look("ca.key").asked for word in question.argv]
    assert "-passin" in words
    assert "stdin" in words
    assert not any(secret in word for word in words for secret in SECRETS.values())


def test_a_public_key_is_asked_for_once(lab: Lab) -> None:
    """Of key, request and certificate each process tells all that is wanted."""
    verifier = Verifier(Runner(lab.openssl, lab.folder), vault(lab.folder, lab.secrets))
    paths = ("client.key", "client.csr", "client.pem", "client.p12")
    reports = verifier.look_at(lab.artifact(path) for path in paths)
    assert [len(report.asked) for report in reports] == [1, 1, 2, 3]


def test_no_private_key_is_kept_in_a_report(lab: Lab) -> None:
    for path in ("client.key", "client.p12", "client.both"):
        assert "PRIVATE" not in repr(lab.look(path))
