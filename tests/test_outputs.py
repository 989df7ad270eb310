"""Further forms of what an entity has: DER, PKCS#8, and the kinds of PKCS#12."""

import base64
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mtls_openssl.version import Version
from tests.conftest import Cli

Write = Callable[..., Path]
Run = Callable[..., str]

RECIPE = """\
workflow: modern
authorities:
  ca: {outputs: [der]}
  low: {issuer: ca, outputs: [der, pkcs8], passphrase: {env: PASSPHRASE}}
servers:
  plain: {outputs: [pkcs8, der]}
clients:
  locked: {outputs: [pkcs8], passphrase: {env: PASSPHRASE}}
  default: {pkcs12: {password: {env: PASSPHRASE}}}
  legacy: {pkcs12: {password: {env: PASSPHRASE}, compatibility: legacy}}
  neither:
"""
ENV = {"PASSPHRASE": "correct horse"}


@pytest.fixture(scope="module")
def made(openssl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the recipe, applied."""
    folder = tmp_path_factory.mktemp("outputs")
    (folder / "recipe.yaml").write_text(RECIPE)
    Cli(folder, openssl)("apply", "recipe.yaml", env=ENV)
    return folder


@pytest.fixture
def here(made: Path, cli: Cli) -> Path:
    """The directory of a copy of that."""
    shutil.copytree(made, cli.folder, dirs_exist_ok=True)
    return cli.folder / "recipe"


def body(pem: str) -> bytes:
    """The bytes of a text's first PEM block."""
    lines = pem.partition("-----BEGIN")[2].splitlines()[1:]
    return base64.b64decode("".join(lines[: next(i for i, li in enumerate(lines) if "-" in li)]))


@pytest.mark.version
def test_only_what_is_asked_for_is_made(cli: Cli, here: Path) -> None:
    cli("verify", "recipe.yaml", env=ENV)
    assert "nothing to do" in cli("apply", "recipe.yaml").stderr
    assert {path.name for path in here.glob("*.der")} == {"ca.der", "low.der", "plain.der"}
    assert {path.name for path in here.glob("*.pk8")} == {"low.pk8", "plain.pk8", "locked.pk8"}
    assert {path.name for path in here.glob("*.p12")} == {"default.p12", "legacy.p12"}


@pytest.mark.version
def test_der_is_the_very_certificate(here: Path) -> None:
    for name in ("ca", "low", "plain"):
        assert (here / f"{name}.der").read_bytes() == body((here / f"{name}.pem").read_text())


@pytest.mark.version
def test_pkcs8_is_the_very_key_and_as_secret(here: Path, run_openssl: Run) -> None:
    for name, more in (("plain", "-nocrypt"), ("locked", "-passin pass:correct\thorse")):
        words = f"-inform DER -in {name}.pk8 {more}".split(" ")
        words = [word.replace("\t", " ") for word in words]
        read = run_openssl("pkcs8", *words, cwd=here)
        secret = () if name == "plain" else ("-passin", "pass:correct horse")
        key = run_openssl("pkey", "-in", f"{name}.key", *secret, cwd=here)
        assert body(read) == body(key)
        assert (here / f"{name}.pk8").stat().st_mode & 0o777 == 0o600
    assert body((here / "plain.key").read_text()) == (here / "plain.pk8").read_bytes()
    failed = run_openssl(
        "pkcs8", "-inform", "DER", "-in", "locked.pk8", "-nocrypt", cwd=here, check=False
    )
    assert "BEGIN" not in failed, "without its pass phrase, nobody reads it"


@pytest.mark.version
def test_a_bundle_names_itself_and_holds_the_issuing_authorities(
    here: Path, run_openssl: Run
) -> None:
    words = "-in default.p12 -nokeys -passin"
    told = run_openssl("pkcs12", *words.split(), "pass:correct horse", cwd=here)
    assert "friendlyName: default\n" in told
    assert told.count("BEGIN CERTIFICATE") == 2
    assert body(told) == body((here / "default.pem").read_text())


@pytest.mark.version
def test_a_legacy_bundle_is_what_old_keychains_and_every_openssl_read(
    here: Path, run_openssl: Run, version: Version
) -> None:
    words = "-noout -info -passin"
    told = run_openssl(
        "pkcs12", "-in", "legacy.p12", *words.split(), "pass:correct horse", cwd=here
    )
    assert "MAC: sha1" in told
    assert told.count("pbeWithSHA1And3-KeyTripleDES-CBC") == 2
    assert "RC2" not in told
    told = run_openssl(
        "pkcs12", "-in", "default.p12", *words.split(), "pass:correct horse", cwd=here
    )
    assert ("AES-256-CBC" in told) == (version.numbers >= (3, 0, 0))


@pytest.mark.version
@pytest.mark.parametrize("name", ["low.der", "plain.pk8", "locked.pk8", "legacy.p12"])
@pytest.mark.parametrize("fault", ["another's", "cut short"])
def test_a_form_that_is_anothers_or_broken_is_found_and_made_again(
    cli: Cli, here: Path, name: str, fault: str
) -> None:
    path = here / name
    others = {"low.der": "ca.der", "plain.pk8": "locked.pk8", "locked.pk8": "low.pk8"}
    other = here / others.get(name, "default.p12")
    path.write_bytes(other.read_bytes() if fault == "another's" else path.read_bytes()[:-5])
    done = cli("verify", "recipe.yaml", env=ENV, code=1)
    assert f"FAILED  {name}\n" in done.stdout
    assert done.stdout.count("FAILED") == 1
    cli("apply", "recipe.yaml", env=ENV)
    cli("verify", "recipe.yaml", env=ENV)


def test_an_output_that_there_is_not_is_told_with_what_there_is(cli: Cli, write: Write) -> None:
    write("workflow: modern\nauthorities: {ca: {outputs: [pem]}}\n")
    done = cli("plan", "recipe.yaml", code=2)
    assert "recipe.yaml:2:30: error: 'pem' is no output" in done.stderr
    write("workflow: mutual-tls\nauthorities: {ca: {outputs: [der]}}\n")
    done = cli("plan", "recipe.yaml", code=2)
    assert "the workflow mutual-tls makes nothing of outputs: here" in done.stderr
