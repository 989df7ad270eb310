"""A batch says of a file what openssl would say of it alone, and only where all is well."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mtls_openssl import batch, checks, process
from mtls_openssl.artifact import Artifact
from mtls_openssl.checks import Answer, Question
from mtls_openssl.plan import Plan
from mtls_openssl.process import Runner
from mtls_openssl.secret import Vault
from mtls_openssl.session import open_session
from mtls_openssl.verifier import Report, Verifier
from tests import batches
from tests.conftest import Cli

every_version = pytest.mark.parametrize("version", batches.versions())


def test_there_are_samples_of_every_version() -> None:
    assert batches.versions() == ["1.1.1", "3.0", "3.5", "3.6", "4.0"]


@every_version
def test_each_key_is_told_by_its_own_part(version: str) -> None:
    texts = batch.read(batches.KEYS, batches.read(version, "keys"))
    told = {path: checks.facts(key, {"text": Answer(True, texts[path])})
            for path, key in zip(texts, batches.KEYS, strict=True)}  # fmt: skip
    assert {path: facts["algorithm"] for path, facts in told.items()} == {
        "plain.key": "EC P-256", "rsa.key": "RSA 2048", "ed25519.key": "ED25519",
    }  # fmt: skip
    public = {facts["public-key-text"] for facts in told.values()}
    assert len(public) == 3
    assert not [text for text in public if text.endswith(" 00")], "the private number is another"


@every_version
def test_each_good_certificate_is_told_with_its_names_and_no_other(version: str) -> None:
    """Whatever stands in a name, it can neither end a line nor speak for another file."""
    texts = batch.read(batches.CERTIFICATES, batches.read(version, "certificates"))
    named = batch.names(batches.read(version, "chain"))
    found = batch.answers(batches.CERTIFICATES, texts, named, ())
    told = {
        artifact.path: checks.facts(artifact, found[artifact.path])
        for artifact in batches.CERTIFICATES
        if artifact.path in found
    }
    assert {path: facts["subject"] for path, facts in told.items()} == {
        "plain.pem": "O=Example, CN=plain",
        "unicode.pem": "O=Exämple\\, Inc., CN=Ünï 😀 + /x",
        "untrusted.pem": "O=Example, CN=one (untrusted)",
        "lines.pem": "CN=a\nplain.pem: OK\nChain:\ndepth=0: CN=b",
    }
    assert {facts["issuer"] for facts in told.values()} == {"O=Exämple, CN=Low"}
    assert {facts["chain"] for facts in told.values()} == {"good"}
    assert len({facts["serial"] for facts in told.values()}) == 4
    assert len({facts["public-key-text"] for facts in told.values()}) == 4
    assert all(facts["validity"] == "3650 days" for facts in told.values())


@every_version
def test_a_part_too_few_or_too_many_tells_nothing(version: str) -> None:
    printed = batches.read(version, "keys")
    assert batch.read(batches.KEYS[:2], printed) == {}
    assert batch.read((*batches.KEYS, Artifact("key", "more.key", "x")), printed) == {}
    assert batch.read(batches.KEYS, "") == {}


def certificate(path: str, trust: str = "ca.pem", crl: str = "") -> Artifact:
    return Artifact("certificate", path, "x", trust=trust, purpose="sslclient", crl=crl)


def test_one_process_verifies_what_stands_under_one_chain() -> None:
    items = [certificate("a"), certificate("b", "other.pem"), certificate("c")]
    shown = "-show_chain -nameopt RFC2253 -purpose sslclient -CAfile"
    assert batch.verifications(items) == [
        Question("chain", tuple(f"openssl verify {shown} ca.pem a c".split())),
        Question("chain", tuple(f"openssl verify {shown} other.pem b".split())),
    ]


def test_a_certificate_with_a_list_needs_that_list_to_say_nothing_of_it() -> None:
    listed = certificate("a", crl="ca.crl")
    known = ({"a": "text"}, {"a": ("CN=a", "CN=ca")})
    assert batch.answers([listed], *known, unlisted=batch.good("b: OK\n")) == {}
    found = batch.answers([listed], *known, unlisted=batch.good("a: OK\n"))
    assert set(found["a"]) == {"text", "chain", "revocation"}


def test_only_what_needs_no_question_of_its_own_is_read_together() -> None:
    server = Artifact("certificate", "s", "x", purpose="sslserver", names=("DNS:a.b",))
    root = Artifact("certificate", "r", "x")
    key = Artifact("key", "k", "x")
    everything = [certificate("c"), server, root, key, Artifact("request", "q", "x")]
    assert [item.path for item in batch.certificates(everything)] == ["c"]
    assert [item.path for item in batch.keys(everything)] == ["k"]


FLEET = """\
workflow: modern
authorities:
  ca: {subject: {O: "Exämple, Inc."}}
  low: {issuer: ca}
  twin: {issuer: ca, subject: {CN: low}}
  old: {not_after: 2020-01-01}
clients:
  "d{n}": {each: {count: 6}, issuer: low, subject: {O: "Ünï, + / \\" (x)", CN: "d{n} (untrusted)"}}
  other: {issuer: low}
  twins: {issuer: twin, subject: {O: "Ünï, + / \\" (x)", CN: d2 (untrusted)}}
  late: {issuer: low, not_after: 2020-01-01}
servers: {s: {issuer: low}}
"""


@pytest.fixture(scope="module")
def fleet(openssl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the recipe, applied."""
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "recipe.yaml").write_text(FLEET)
    os.umask(0o077)
    Cli(folder, openssl)("apply", "recipe.yaml")
    return folder


@dataclass
class Lab:
    """A copy of the fleet, to be spoilt in one place."""

    folder: Path
    plan: Plan
    openssl: Path

    def run(self, *words: str) -> object:
        return subprocess.run(
            [self.openssl, *words], cwd=self.folder, check=True, capture_output=True,
            env=process.clean_environment(os.environ),
        )  # fmt: skip

    def sign(self, *words: str, issuer: str = "low", ext: str = "d2") -> object:
        """Sign d2's request again, otherwise than it should be."""
        whole = f"x509 -req -in d2.csr -CA {issuer}.pem -CAkey {issuer}.key -out d2.pem -extfile"
        return self.run(*whole.split(), f"{ext}.ext", *(words or ("-days", "365")))

    def copy(self, source: str, target: str) -> object:
        return shutil.copy(self.folder / source, self.folder / target)

    def write(self, name: str, change: Callable[[str], str]) -> int:
        path = self.folder / name
        return path.write_text(change(path.read_text()))

    def verifier(self, runner: Runner | None = None) -> Verifier:
        children = runner or Runner(self.openssl, self.folder)
        return Verifier(children, Vault(self.folder, self.folder, {}))

    def artifacts(self, *kinds: str) -> list[Artifact]:
        """What is expected of the devices' files."""
        return [
            artifact
            for step in self.plan.steps
            for artifact in step.artifacts
            if step.entity.startswith("d") and (not kinds or artifact.kind in kinds)
        ]

    def together(self, *kinds: str, just_made: bool = False) -> list[Report]:
        return list(self.verifier().look_at(self.artifacts(*kinds), just_made=just_made))

    def alone(self, *kinds: str) -> list[Report]:
        return [self.verifier().look(artifact) for artifact in self.artifacts(*kinds)]


@pytest.fixture
def lab(fleet: Path, openssl: Path, tmp_path: Path) -> Lab:
    shutil.copytree(fleet, tmp_path, dirs_exist_ok=True)
    session = open_session(tmp_path / "recipe.yaml", None, str(openssl))
    return Lab(session.directory, session.plan, openssl)


def judged(reports: list[Report]) -> list[tuple[str, list[tuple[str, bool, str]]]]:
    """What was found of each file, and in which words."""
    return [
        (f"{report.artifact.path} {report.artifact.kind}",
         [(verdict.name, verdict.ok, verdict.detail) for verdict in report.verdicts])
        for report in reports
    ]  # fmt: skip


def flipped(text: str) -> str:
    """Change one letter near the end of the Base64: in the signature."""
    lines = text.splitlines()
    changed = "B" if lines[-3][40] == "A" else "A"
    lines[-3] = lines[-3][:40] + changed + lines[-3][41:]
    return "\n".join(lines) + "\n"


def no_end(text: str) -> str:
    return text.removesuffix("\n")


FAULTS: dict[str, tuple[Callable[[Lab], object], str]] = {
    "another key": (lambda lab: lab.copy("d3.key", "d2.key"), "d2.csr public-key"),
    "another kind of key": (
        lambda lab: lab.run(*"genpkey -algorithm ed25519 -out d2.key".split()),
        "d2.key algorithm, d2.csr public-key",
    ),
    "an encrypted key": (
        lambda lab: lab.run(*"pkey -in d3.key -aes256 -passout pass:1234 -out d2.key".split()),
        "d2.key readable, d2.key encrypted, d2.csr public-key",
    ),
    "another's certificate": (
        lambda lab: lab.copy("d3.pem", "d2.pem"),
        "d2.pem subject, d2.pem public-key, d2.chain.pem parts",
    ),
    "another subject": (
        lambda lab: (
            lab.run(*"req -new -key d2.key -subj /CN=d2 -out d2.csr".split()),
            lab.sign(),
        ),
        "d2.csr subject, d2.pem subject, d2.chain.pem parts",
    ),
    "another issuer": (
        lambda lab: lab.sign("-days", "365", issuer="ca"),
        "d2.pem issuer, d2.chain.pem parts",
    ),
    "an issuer of the same name": (
        lambda lab: lab.sign("-days", "365", issuer="twin"),
        "d2.pem chain, d2.pem purpose, d2.chain.pem parts",
    ),
    "other days": (
        lambda lab: lab.sign("-days", "364"), "d2.pem validity, d2.chain.pem parts",
    ),
    "another purpose": (
        lambda lab: lab.sign(ext="s"),
        "d2.pem purpose, d2.pem extendedKeyUsage, d2.chain.pem parts",
    ),
    "expired": (
        lambda lab: lab.copy("late.pem", "d2.pem"),
        "d2.pem subject, d2.pem public-key, d2.pem chain, d2.pem purpose, d2.chain.pem parts",
    ),
    "tampered": (
        lambda lab: lab.write("d2.pem", flipped),
        "d2.pem chain, d2.pem purpose, d2.chain.pem parts",
    ),
    "garbage": (
        lambda lab: lab.write("d2.pem", lambda _: "-----BEGIN NOTHING-----\n"),
        "d2.pem readable, d2.chain.pem parts",
    ),
    "empty": (
        lambda lab: lab.write("d2.pem", lambda _: ""), "d2.pem readable, d2.chain.pem parts",
    ),
    "an empty key": (
        lambda lab: lab.write("d2.key", lambda _: ""), "d2.key readable, d2.csr public-key",
    ),
    "gone": (
        lambda lab: (lab.folder / "d2.pem").unlink(), "d2.pem readable, d2.chain.pem parts",
    ),
    "a key that others may read": (
        lambda lab: (lab.folder / "d2.key").chmod(0o644), "d2.key private",
    ),
    "a broken request": (
        lambda lab: lab.write("d2.csr", flipped), "d2.csr signature",
    ),
    "no line end": (
        lambda lab: (lab.write("d2.pem", no_end), lab.write("d2.key", no_end)), "",
    ),
    "a second certificate behind": (
        lambda lab: lab.write("d2.pem", lambda text: text + (lab.folder / "d3.pem").read_text()),
        "d2.chain.pem parts",
    ),
    "one file's certificate in another's": (
        lambda lab: (
            lab.write("d3.pem", lambda text: (lab.folder / "twins.pem").read_text() + text),
            lab.write("d2.pem", lambda _: ""),
        ),
        ("d2.pem readable, d2.chain.pem parts, d3.pem subject, d3.pem public-key, d3.pem chain, "
        "d3.pem purpose, d3.chain.pem parts"),
    ),
    "one file's key in another's": (
        lambda lab: (
            lab.write("d3.key", lambda text: (lab.folder / "d2.key").read_text() + text),
            lab.write("d2.key", lambda _: ""),
        ),
        "d2.key readable, d2.csr public-key, d3.csr public-key",
    ),
}  # fmt: skip
"""How one of the fleet is spoilt, and all that is to be found of it."""


@pytest.mark.version
def test_a_good_fleet_is_told_as_one_by_one_and_by_few_processes(lab: Lab) -> None:
    kinds = ("key", "request", "certificate")
    runner = Runner(lab.openssl, lab.folder)
    reports = list(lab.verifier(runner).look_at(lab.artifacts(*kinds), just_made=True))
    assert len(reports) == 3 * 6
    commands = [question.argv[:2] for report in reports for question, _ in report.asked]
    assert commands == [("cat", "d1.key"), ("cat", "d1.pem"), ("openssl", "verify")]
    assert judged(reports) == judged(lab.alone(*kinds))
    assert not [failure for report in reports for failure in report.failures]


@pytest.mark.version
@pytest.mark.parametrize(("spoil", "found"), FAULTS.values(), ids=FAULTS.keys())
def test_what_is_wrong_with_one_is_found_as_if_it_were_looked_at_alone(
    lab: Lab, spoil: Callable[[Lab], object], found: str
) -> None:
    spoil(lab)
    together, alone = lab.together(), lab.alone()
    assert judged(together) == judged(alone)
    failed = [f"{failure.path} {failure.name}" for r in together for failure in r.failures]
    assert {*failed} >= {item for item in found.split(", ") if item}
    assert {item.split(" ")[0] for item in failed} == {
        item.split(" ")[0] for item in found.split(", ") if item
    }


@pytest.mark.version
def test_a_request_that_was_just_made_is_told_by_its_certificate(lab: Lab) -> None:
    """And it is asked itself where the certificate cannot tell."""
    assert judged(lab.together(just_made=True)) == judged(lab.alone())
    lab.run(*"req -new -key d2.key -subj /CN=d2 -out d2.csr".split())
    lab.sign()
    lab.copy("d3.key", "d4.key")
    (lab.folder / "d5.pem").write_text("")
    together = lab.together(just_made=True)
    assert judged(together) == judged(lab.alone())
    failed = {f"{failure.path} {failure.name}" for r in together for failure in r.failures}
    assert {"d2.csr subject", "d4.csr public-key", "d5.pem readable"} <= failed
    assert "d5.csr" not in " ".join(failed)
