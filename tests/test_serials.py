"""A serial number is unique under its issuer, at apply time (RFC 5280, section 4.1.2.2)."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Cli

Write = Callable[..., Path]

RECIPE = """\
workflow: modern
authorities:
  ca:
clients:
  alice: {serial: 5}
  bob:
"""

FORGED = """x509 -req -in bob.csr -CA ca.pem -CAkey ca.key -days 365 -extfile bob.ext -set_serial 5
-out bob.pem"""
"""Signs bob's certificate by hand, under alice's serial number."""


def statuses(cli: Cli, verb: str = "apply") -> dict[str, str]:
    done = cli(verb, "recipe.yaml", "--format", "json")
    return {step["id"]: step["status"] for step in json.loads(done.stdout)["steps"]}


def serial(run_openssl: Callable[..., str], path: Path) -> int:
    return int(run_openssl("x509", "-in", str(path), "-noout", "-serial").partition("=")[2], 16)


def test_two_entities_with_one_fixed_serial_are_told_before_anything_runs(
    cli: Cli, write: Write
) -> None:
    write(RECIPE.replace("bob:", "bob: {serial: 0x05}"))
    done = cli("apply", "recipe.yaml", code=2)
    assert "recipe.yaml:6:17: error: serial 5 is that of alice too, under ca\n" in done.stderr
    assert not (cli.folder / "recipe").exists()


def test_one_serial_under_two_authorities_is_no_fault(cli: Cli, write: Write) -> None:
    write(
        "workflow: modern\nauthorities:\n  one:\n  two:\nclients:\n"
        "  alice: {issuer: one, serial: 5}\n  bob: {issuer: two, serial: 5}\n"
    )
    cli("apply", "recipe.yaml")
    cli("verify", "recipe.yaml")


@pytest.mark.version
def test_a_serial_that_a_file_brings_round_again_is_refused(
    cli: Cli, write: Write, run_openssl: Callable[..., str]
) -> None:
    """The recipe's openssl counts from a file, which someone set back to a number that was used."""
    write(
        "workflow: mutual-tls\nauthorities:\n  ca:\nservers:\n  web:\n"
        "clients:\n  alice: {pkcs12: {password: {generate: true}}}\n"
    )
    cli("apply", "recipe.yaml")
    directory = cli.folder / "recipe"
    alice = directory / "alice.pem"
    used = max(serial(run_openssl, path) for path in (directory / "web.pem", alice))
    before = (directory / "alice.key").read_bytes()
    (directory / "ca.srl").write_text(f"{used - 1:040X}\n")
    alice.unlink()
    done = cli("apply", "recipe.yaml", code=1)
    assert (
        f"error: {alice.name} has serial number {used}, which ca has issued before\n"
        "  help: give it a serial: of its own, or set the CA's serial file past that one\n"
    ) in done.stderr
    assert not alice.exists()
    cli("apply", "recipe.yaml")
    assert serial(run_openssl, alice) == used + 1
    assert (directory / "alice.key").read_bytes() == before
    cli("verify", "recipe.yaml")


@pytest.mark.version
def test_a_certificate_that_bears_anothers_serial_is_not_taken_over(
    cli: Cli, write: Write, run_openssl: Callable[..., str]
) -> None:
    """It is right in all else: of bob's key, signed by the CA, for as long as the recipe says."""
    write(RECIPE)
    cli("apply", "recipe.yaml")
    directory = cli.folder / "recipe"
    forge = (
        "x509 -req -in bob.csr -CA ca.pem -CAkey ca.key -days 365 -extfile bob.ext -set_serial 5"
    )
    run_openssl(*forge.split(), "-out", "bob.pem", cwd=directory)
    assert "unique-serial" in cli("verify", "recipe.yaml", code=1).stdout
    assert statuses(cli)["bob.certificate"] == "done"
    assert serial(run_openssl, directory / "bob.pem") != 5
    cli("verify", "recipe.yaml")


@pytest.mark.version
def test_without_its_journal_too_only_one_of_two_with_one_serial_is_kept(
    cli: Cli, write: Write, run_openssl: Callable[..., str]
) -> None:
    write(RECIPE)
    cli("apply", "recipe.yaml")
    directory = cli.folder / "recipe"
    forge = (
        "x509 -req -in bob.csr -CA ca.pem -CAkey ca.key -days 365 -extfile bob.ext -set_serial 5"
    )
    run_openssl(*forge.split(), "-out", "bob.pem", cwd=directory)
    shutil.rmtree(directory / ".mtls-openssl")
    found = statuses(cli)
    assert found["alice.certificate"] == "kept"
    assert found["bob.certificate"] == "done"
    assert serial(run_openssl, directory / "alice.pem") == 5
    cli("verify", "recipe.yaml")


def test_a_copied_certificate_is_found_out_and_made_again(cli: Cli, write: Write) -> None:
    write(RECIPE)
    cli("apply", "recipe.yaml")
    directory = cli.folder / "recipe"
    shutil.copy(directory / "alice.pem", directory / "bob.pem")
    assert "unique-serial" in cli("verify", "recipe.yaml", code=1).stdout
    assert statuses(cli)["bob.certificate"] == "done"
    cli("verify", "recipe.yaml")
    assert (directory / "bob.pem").read_bytes() != (directory / "alice.pem").read_bytes()


def test_a_certificate_of_ones_own_from_a_copy_is_taken_back(cli: Cli, write: Write) -> None:
    """Its serial was issued before, to itself."""
    write(RECIPE)
    cli("apply", "recipe.yaml")
    first = (cli.folder / "recipe/bob.pem").read_bytes()
    cli("apply", "recipe.yaml", "--replace", "bob")
    (cli.folder / "recipe/bob.pem").write_bytes(first)
    assert statuses(cli)["bob.certificate"] == "kept"
    assert (cli.folder / "recipe/bob.pem").read_bytes() == first
    cli("verify", "recipe.yaml")


def test_a_serial_file_that_was_cut_off_is_begun_anew(cli: Cli, write: Write) -> None:
    """As a kill or a full disk leaves it: openssl can't go on from an empty one."""
    write("workflow: mutual-tls\nauthorities:\n  ca:\nservers:\n  web:\n")
    cli("apply", "recipe.yaml")
    (cli.folder / "recipe/ca.srl").write_text("")
    (cli.folder / "recipe/web.pem").unlink()
    cli("apply", "recipe.yaml")
    cli("verify", "recipe.yaml")
