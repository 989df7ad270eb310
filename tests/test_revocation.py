"""Revocation: the database read, and `revoke` by the real openssl, by hand and by kill."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtls_openssl import process, revocation
from mtls_openssl.surroundings import Revoked
from mtls_openssl.version import Version
from tests.conftest import PROMPTING, SECRETS, SMALL, Cli
from tests.planning import recipe_of

Write = Callable[..., Path]

RECIPE = """\
workflow: modern
authorities:
  root: {subject: {CN: Root}}
  issuing: {issuer: root, path_length: 0}
servers:
  web: {names: [web.example.com]}
clients:
  alice:
  bob:
  carol:
"""


@dataclass
class Place:
    """An applied recipe, and what a person does with it."""

    cli: Cli
    run: Callable[..., str]
    recipe: str = RECIPE

    def __post_init__(self) -> None:
        (self.cli.folder / "recipe.yaml").write_text(self.recipe)
        self.cli("apply", "recipe.yaml", env=SECRETS)

    @property
    def directory(self) -> Path:
        return self.cli.folder / "recipe"

    def revoke(self, *words: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        return self.cli("revoke", "recipe.yaml", *words, code=code, env=SECRETS)

    def told(self, verb: str, *words: str, code: int = 0) -> dict[str, Any]:
        """Give a verb's JSON."""
        done = self.cli(verb, "recipe.yaml", *words, "--format", "json", code=code, env=SECRETS)
        result: dict[str, Any] = json.loads(done.stdout)
        assert result["ok"] is (code == 0)
        return result

    def statuses(self, verb: str, *words: str, code: int = 0) -> dict[str, str]:
        """Give the status of each step."""
        return {step["id"]: step["status"] for step in self.told(verb, *words, code=code)["steps"]}

    def openssl(self, words: str, *, check: bool = True) -> str:
        return self.run(*words.split(), cwd=self.directory, check=check)

    def serial(self, name: str) -> str:
        """Give a certificate's serial number, in hexadecimal."""
        return self.openssl(f"x509 -in {name} -noout -serial").strip().partition("=")[2]

    def listed(self, crl: str = "issuing.crl") -> dict[str, str]:
        """Give whom a list names, and why."""
        text = self.openssl(f"crl -in {crl} -noout -text")
        found = re.findall(
            r"Serial Number: ([0-9A-F]+)\n *Revocation Date: .*"
            r"(?:\n *CRL entry extensions:\n *X509v3 CRL Reason Code: *\n *(.*))?",
            text,
        )
        return {serial: reason.strip() for serial, reason in found}

    def number(self, crl: str = "issuing.crl") -> int:
        return int(self.openssl(f"crl -in {crl} -noout -crlnumber").strip().partition("=")[2], 16)

    def checked(self, leaf: str, *, everyone: bool = False) -> str:
        """Judge a certificate by openssl itself: good, revoked, or what it says."""
        option = "-crl_check_all" if everyone else "-crl_check"
        crl = "crls.pem" if everyone else "issuing.crl"
        said = self.openssl(
            f"verify {option} -CRLfile {crl} -CAfile root.pem -untrusted issuing.pem {leaf}",
            check=False,
        )
        if said == f"{leaf}: OK\n":
            return "good"
        return "revoked" if "error 23" in said else said


@pytest.fixture
def place(cli: Cli, run_openssl: Callable[..., str]) -> Place:
    """A root, an issuing authority, a server and three clients."""
    return Place(cli, run_openssl)


# What a list says


@pytest.mark.version
def test_a_revoked_certificate_is_on_the_list_and_the_others_are_good(place: Place) -> None:
    done = place.revoke("alice", "--reason", "keyCompromise")
    assert done.stdout == ""
    assert "alice: Revoke the certificate: ok\n" in done.stderr
    assert done.stderr.endswith(
        "alice is revoked: issuing.crl, issuing.crl.der\n"
        "  next: give the list to whoever checks; apply --rekey alice makes a successor\n"
    )
    assert place.listed() == {place.serial("alice.pem"): "Key Compromise"}
    assert place.listed("root.crl") == {}
    for everyone in (False, True):
        assert place.checked("alice.pem", everyone=everyone) == "revoked"
        assert place.checked("bob.pem", everyone=everyone) == "good"
        assert place.checked("web.pem", everyone=everyone) == "good"


@pytest.mark.version
def test_a_list_has_a_number_that_grows_and_names_its_signers_key(place: Place) -> None:
    place.revoke("alice")
    key = "X509v3 Subject Key Identifier:"
    signer = place.openssl("x509 -in issuing.pem -noout -text").partition(key)[2].split()[0]
    text = place.openssl("crl -in issuing.crl -noout -text")
    assert "Version 2 (0x1)" in text
    named = text.partition("X509v3 Authority Key Identifier:")[2].split()[0]
    assert named.removeprefix("keyid:") == signer
    numbers = [place.number()]
    for name in ("bob", "carol"):
        place.revoke(name)
        numbers.append(place.number())
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]


@pytest.mark.version
def test_the_der_form_is_the_same_list_and_crls_pem_holds_every_one(place: Place) -> None:
    place.revoke("alice")
    again = place.openssl("crl -inform DER -in issuing.crl.der -outform PEM")
    assert again == (place.directory / "issuing.crl").read_text()
    lists = [(place.directory / name).read_text() for name in ("root.crl", "issuing.crl")]
    assert (place.directory / "crls.pem").read_text() == "".join(lists)


@pytest.mark.version
@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("unspecified", ""),
        ("keycompromise", "Key Compromise"),
        ("CACompromise", "CA Compromise"),
        ("affiliationChanged", "Affiliation Changed"),
        ("superseded", "Superseded"),
        ("CESSATIONOFOPERATION", "Cessation Of Operation"),
    ],
)
def test_a_reason_is_written_in_any_case_and_shown_by_openssl(
    place: Place, reason: str, shown: str
) -> None:
    """RFC 5280, section 5.3.1, asks to leave the extension out rather than say unspecified."""
    place.revoke("alice", "--reason", reason)
    assert place.listed() == {place.serial("alice.pem"): shown}
    proper = next(known for known in revocation.REASONS if known.casefold() == reason.casefold())
    because = "" if proper == "unspecified" else f" ({proper})"
    told = place.cli("apply", "recipe.yaml").stderr
    assert re.search(
        rf"note: alice: revoked on \d{{4}}-\d\d-\d\d{re.escape(because)}; --rekey alice", told
    )


@pytest.mark.version
def test_serials_that_begin_with_a_nought_are_on_the_list_too(
    cli: Cli, run_openssl: Callable[..., str]
) -> None:
    """openssl shows whole octets, 0F17B2 and 3202D2; one in sixteen random serials is such."""
    recipe = RECIPE.replace("alice:", "alice: {serial: 0x3202D2}").replace(
        "bob:", "bob: {serial: 0x0F17B2}"
    )
    place = Place(cli, run_openssl, recipe)
    place.revoke("alice")
    place.revoke("bob")
    assert set(place.listed()) == {"3202D2", "0F17B2"}
    assert place.statuses("verify")["issuing.crl"] == "ok"


@pytest.mark.version
def test_whom_a_ca_revoked_stays_on_its_list_through_applies_and_renewals(place: Place) -> None:
    """Two revocations, an apply, a renewal of the list: both still on it."""
    place.revoke("alice")
    place.revoke("bob", "--reason", "superseded")
    both = {place.serial("alice.pem"): "", place.serial("bob.pem"): "Superseded"}
    assert place.listed() == both
    assert set(place.statuses("apply").values()) == {"current", "revoked"}

    before = place.number()
    near_its_end(place.directory, "issuing.crl")
    why = {step["id"]: step["reason"] for step in place.told("plan")["steps"]}
    assert re.fullmatch(r"expires on \d{4}-\d\d-\d\d", why["issuing.crl"])
    ran = [name for name, status in place.statuses("apply").items() if status == "done"]
    assert ran == ["issuing.crl", "issuing.crl-der", "recipe.crls"]
    assert place.listed() == both
    assert place.number() == before + 1
    judged = [place.checked(f"{name}.pem", everyone=True) for name in ("alice", "bob", "carol")]
    assert judged == ["revoked", "revoked", "good"]
    assert set(place.statuses("apply").values()) == {"current", "revoked"}


def near_its_end(directory: Path, step: str) -> None:
    """Let the journal say of a list that it was signed some weeks ago, and ends tomorrow."""
    journal = directory / ".mtls-openssl/journal"
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    entry = next(entry for entry in reversed(entries) if entry.get("done") == step)
    days = {"not-before": -29 * 86400, "not-after": 86400}
    entry["facts"] |= {
        name: datetime.fromtimestamp(time.time() + seconds, UTC).isoformat()
        for name, seconds in days.items()
    }
    with journal.open("a") as stream:
        stream.write(json.dumps(entry) + "\n")


@pytest.mark.version
def test_a_ca_that_says_where_its_list_is_has_one_from_the_start(
    cli: Cli, run_openssl: Callable[..., str]
) -> None:
    url = "http://crl.example.com/issuing.crl"
    recipe = RECIPE.replace("path_length: 0", f"path_length: 0, crl_url: {url}, crl_days: 7")
    place = Place(cli, run_openssl, recipe)
    assert place.listed() == place.listed("root.crl") == {}
    assert f"URI:{url}\n" in place.openssl("x509 -in alice.pem -noout -text")
    assert "CRL Distribution" not in place.openssl("x509 -in issuing.pem -noout -text")
    assert place.checked("alice.pem", everyone=True) == "good"
    place.revoke("alice")
    assert place.checked("alice.pem", everyone=True) == "revoked"


# What apply, plan and verify make of it


@pytest.mark.version
def test_apply_plan_and_verify_tell_revoked_from_good(place: Place) -> None:
    place.revoke("alice", "--reason", "superseded")
    before = {path.name: path.read_bytes() for path in place.directory.glob("alice.*")}
    for verb in ("apply", "plan", "verify"):
        statuses = place.statuses(verb)
        good = "ok" if verb == "verify" else "current"
        assert statuses["alice.certificate"] == "revoked"
        assert {s for n, s in statuses.items() if not n.startswith("alice.")} == {good}
    certificate = next(
        step for step in place.told("verify")["steps"] if step["id"] == "alice.certificate"
    )
    assert re.fullmatch(r"revoked on \d{4}-\d\d-\d\d \(superseded\)", certificate["reason"])
    text = place.cli("verify", "recipe.yaml").stdout
    assert re.search(r"^revoked alice\.pem: revoked on \S+ \(superseded\)$", text, re.MULTILINE)
    tree = place.cli("plan", "recipe.yaml").stdout
    assert re.search(r"4\.4 The issuer signs: revoked, revoked on \S+ \(superseded\); ", tree)
    assert {path.name: path.read_bytes() for path in place.directory.glob("alice.*")} == before


def test_a_revoked_certificate_that_is_gone_or_out_of_date_is_left_alone(place: Place) -> None:
    place.revoke("alice")
    (place.directory / "alice.pem").unlink()
    (place.cli.folder / "recipe.yaml").write_text(RECIPE.replace("alice:", "alice: {days: 30}"))
    assert "note: alice: revoked on" in place.cli("apply", "recipe.yaml").stderr
    assert not (place.directory / "alice.pem").exists()


@pytest.mark.version
def test_a_successor_is_good_while_the_old_serial_stays_for_ever(place: Place) -> None:
    place.revoke("alice", "--reason", "keyCompromise")
    old = place.serial("alice.pem")
    key = (place.directory / "alice.key").read_bytes()
    place.cli("apply", "recipe.yaml", "--rekey", "alice")
    assert (place.directory / "alice.key").read_bytes() != key
    assert place.checked("alice.pem", everyone=True) == "good"
    assert place.statuses("verify")["alice.certificate"] == "ok"
    assert place.listed() == {old: "Key Compromise"}
    place.revoke("alice")
    assert place.listed() == {old: "Key Compromise", place.serial("alice.pem"): ""}
    assert place.checked("alice.pem") == "revoked"


@pytest.mark.version
def test_revoked_twice_is_revoked_once(place: Place) -> None:
    place.revoke("alice", "--reason", "superseded")
    before = contents(place.directory)
    done = place.revoke("alice", "--reason", "keyCompromise")
    assert re.match(
        r"alice was revoked on \S+ \(superseded\) already: issuing\.crl, issuing\.crl\.der\n",
        done.stderr,
    )
    assert place.told("revoke", "alice")["steps"] == []
    assert place.revoke("alice", "-n").stdout.endswith("# nothing to do: every step is current\n")
    assert contents(place.directory) == before


def contents(directory: Path) -> dict[str, bytes]:
    """Give every file's bytes, the tool's own folder left out."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and ".mtls-openssl" not in path.parts
    }


# By hand


def by_hand(place: Place, script: str) -> None:
    """Run a script as a person would, with the openssl under test."""
    (place.cli.folder / "bin").mkdir(exist_ok=True)
    link = place.cli.folder / "bin/openssl"
    if not link.exists():
        link.symlink_to(place.cli.openssl.resolve())
    clean = process.clean_environment(os.environ)
    clean |= {"PATH": f"{link.parent}:{clean['PATH']}", "OPENSSL_CONF": "/nonexistent"}
    done = subprocess.run(
        ["bash", "-e"], input=script, cwd=place.directory, env=clean, text=True,
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.version
def test_the_dry_run_piped_to_bash_does_what_revoke_does(place: Place) -> None:
    place.revoke("bob")
    before = contents(place.directory)
    script = place.revoke("alice", "--reason", "keyCompromise", "-n").stdout
    assert contents(place.directory) == before
    by_hand(place, script)
    assert place.listed()[place.serial("alice.pem")] == "Key Compromise"
    assert len(place.listed()) == 2
    assert place.checked("alice.pem", everyone=True) == "revoked"
    ran = {name for name, status in place.statuses("apply").items() if status == "done"}
    assert ran <= {"issuing.crl", "issuing.crl-der", "recipe.crls"}
    assert place.statuses("verify")["alice.certificate"] == "revoked"
    assert set(place.statuses("apply").values()) == {"current", "revoked"}


@pytest.mark.version
def test_the_first_revocation_can_be_made_by_hand_too(place: Place) -> None:
    """With the very commands that revoke -n printed, the database's beginning among them."""
    by_hand(place, place.revoke("alice", "-n").stdout)
    assert place.statuses("plan")["alice.certificate"] == "revoked"
    place.cli("apply", "recipe.yaml")
    assert place.statuses("verify")["alice.certificate"] == "revoked"
    assert place.checked("alice.pem", everyone=True) == "revoked"
    assert set(place.statuses("apply").values()) == {"current", "revoked"}


@pytest.mark.version
def test_whom_a_person_revokes_by_hand_the_next_apply_puts_on_the_list(place: Place) -> None:
    place.revoke("alice")
    place.openssl(
        "ca -config issuing.ca/openssl.cnf -cert issuing.pem -keyfile issuing.key -revoke bob.pem"
    )
    why = {step["id"]: step["reason"] for step in place.told("plan")["steps"]}
    assert why["issuing.crl"] == f"revoked {place.serial('bob.pem')} since"
    assert place.told("verify", code=1)["ok"] is False
    place.cli("apply", "recipe.yaml")
    assert place.statuses("verify")["bob.certificate"] == "revoked"
    assert place.checked("bob.pem") == "revoked"


def test_the_json_tells_every_command_the_revocation_itself_among_them(place: Place) -> None:
    """The same steps, in the same order, as the dry run's; and -v shows the command."""
    planned = place.told("revoke", "alice", "-n")["steps"]
    assert {step["status"] for step in planned} == {"run"}
    done = place.told("revoke", "alice")["steps"]
    assert [step["argv"] for step in done] == [step["argv"] for step in planned]
    assert {step["status"] for step in done} == {"done"}
    own = next(step for step in done if step["id"] == "alice.revoke")
    assert own["argv"][-2:] == ["-revoke", "alice.pem"]
    assert own["reason"] == "revoke alice"
    assert "$ openssl ca -config" in place.revoke("bob", "-v").stderr


# Authorities


@pytest.mark.version
def test_below_a_revoked_authority_everything_is_left_alone_and_said_so(place: Place) -> None:
    place.revoke("alice")
    place.revoke("issuing", "--reason", "CACompromise")
    assert place.listed("root.crl") == {place.serial("issuing.pem"): "CA Compromise"}
    assert place.checked("bob.pem") == "good"
    assert place.checked("bob.pem", everyone=True) == "revoked"
    before = contents(place.directory)
    told = place.cli("apply", "recipe.yaml").stderr
    assert re.search(r"note: issuing: revoked on \S+ \(CACompromise\); --rekey issuing", told)
    for name in ("web", "alice", "bob", "carol"):
        assert f"note: {name}: its issuer issuing was revoked\n" in told
    assert contents(place.directory) == before
    text = place.cli("verify", "recipe.yaml").stdout
    assert "revoked web.pem: its issuer issuing was revoked\n" in text
    assert re.search(r"^revoked alice\.pem: revoked on \d", text, re.MULTILINE)


@pytest.mark.version
def test_below_a_revoked_authority_nobody_is_revoked_until_it_has_a_successor(
    place: Place,
) -> None:
    place.revoke("alice")
    place.revoke("issuing")
    before = contents(place.directory)
    for words in (["bob"], ["bob", "-n"]):
        done = place.revoke(*words, code=1)
        assert done.stderr == (
            "error: issuing, which issued bob, was revoked, and bob with it\n"
            "  help: --rekey issuing makes its successor; then bob can be revoked\n"
        )
    assert contents(place.directory) == before

    place.cli("apply", "recipe.yaml", "--rekey", "issuing")
    assert place.checked("bob.pem", everyone=True) == "good"
    statuses = place.statuses("verify")
    assert statuses["alice.certificate"] == "revoked"
    assert {s for n, s in statuses.items() if n != "alice.certificate"} == {"ok"}
    place.revoke("bob")
    assert place.checked("bob.pem", everyone=True) == "revoked"
    assert len(place.listed()) == 2


# What cannot be revoked


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("root", 2,
         ("error: root is a root, which nobody above it could revoke\n"
         "  help: take it from those who trust it; --replace issues it anew\n")),
        ("alic", 2,
         "error: revoke: there is no 'alic' in the recipe\n  help: did you mean 'alice'?\n"),
        ("alice --reason keyCompromised", 2,
         "error: --reason: 'keyCompromised' is no reason\n  help: did you mean 'keyCompromise'?\n"),
        ("alice --reason certificateHold", 2,
         ("error: --reason: 'certificateHold' is no reason\n  help: known here: CACompromise,"
         " affiliationChanged, cessationOfOperation, keyCompromise, superseded, unspecified\n")),
    ],
)  # fmt: skip
def test_what_cannot_be_revoked_is_said_in_one_message(
    place: Place, words: str, code: int, told: str
) -> None:
    before = contents(place.directory)
    assert place.revoke(*words.split(), code=code).stderr == told
    assert contents(place.directory) == before


def test_without_a_certificate_there_is_nothing_to_revoke(cli: Cli, write: Write) -> None:
    write(RECIPE)
    for words in (["-n"], []):
        done = cli("revoke", "recipe.yaml", "alice", *words, code=1)
        assert done.stderr == (
            "error: there is no certificate of alice to revoke: there is no such file\n"
            "  help: apply makes it\n"
        )
        assert (cli.folder / "recipe").exists() is (not words)


def test_an_authority_made_elsewhere_keeps_its_own_list(place: Place, write: Write) -> None:
    write(
        """\
workflow: modern
authorities:
  root: {existing: {certificate: recipe/root.pem, key: recipe/root.key}}
clients:
  dora:
""",
        "other.yaml",
    )
    place.cli("apply", "other.yaml")
    done = place.cli("revoke", "other.yaml", "dora", code=2)
    assert done.stderr == (
        "error: root, which issued dora, was made elsewhere\n"
        "  help: revoke where its database is: a list made here would lack whom others revoked\n"
    )
    done = place.cli("revoke", "other.yaml", "root", code=2)
    assert done.stderr == (
        "error: root was made elsewhere\n  help: revoke it where its issuer keeps its database\n"
    )


# Secrets


ENCRYPTED = RECIPE.replace("CN: Root}", "CN: Root}, passphrase: {env: CA_PASSPHRASE}").replace(
    "path_length: 0", "path_length: 0, passphrase: {env: EXPORT_PASSWORD}"
)
"""Both authorities' keys are encrypted, under different pass phrases."""


@pytest.mark.version
@pytest.mark.parametrize(
    ("variable", "value", "code", "told"),
    [
        ("EXPORT_PASSWORD", "wrong horse", 1, "is the pass phrase of issuing.key the right one?"),
        ("EXPORT_PASSWORD", "", 2, "the pass phrase of issuing.key is wanted"),
        ("CA_PASSPHRASE", "", 2, "the pass phrase of root.key is wanted"),
    ],
)
def test_a_wrong_or_missing_pass_phrase_harms_nothing(
    cli: Cli, run_openssl: Callable[..., str], variable: str, value: str, code: int, told: str
) -> None:
    """One that is missing is missed before anything is done, for whichever list."""
    place = Place(cli, run_openssl, ENCRYPTED)
    env = {name: word for name, word in SECRETS.items() if name != variable or value}
    env |= {variable: value} if value else {}
    done = cli("revoke", "recipe.yaml", "alice", code=code, env=env)
    assert told in done.stderr, done.stderr
    assert not (place.directory / "issuing.crl").exists()
    assert place.statuses("verify")["alice.certificate"] == "ok"
    place.revoke("alice")
    assert place.checked("alice.pem", everyone=True) == "revoked"
    assert len(place.listed()) == 1


# Under the tutorials


@pytest.mark.version
@pytest.mark.parametrize(
    ("recipe", "name", "authority", "leaf"),
    [
        (SMALL, "client", "ca.pem", "client.pem"),
        (PROMPTING, "heiko", "ca/ca.crt", "client/heiko.crt"),
    ],
    ids=["mutual-tls", "encrypted-ca"],
)
def test_the_tutorials_certificates_can_be_revoked_too(
    cli: Cli, run_openssl: Callable[..., str], recipe: str, name: str, authority: str, leaf: str
) -> None:
    place = Place(cli, run_openssl, recipe)
    place.revoke(name, "--reason", "superseded")
    assert place.listed("ca.crl") == {place.serial(leaf): "Superseded"}
    words = f"verify -crl_check -CRLfile ca.crl -CAfile {authority} {leaf}"
    assert "error 23" in place.openssl(words, check=False)
    assert set(place.statuses("apply").values()) == {"current", "revoked"}
    assert place.statuses("verify")[f"{name}.certificate"] == "revoked"


# The database


@pytest.mark.version
@pytest.mark.parametrize("lost", ["all", "everything", "one", "text"])
def test_a_database_that_lost_someone_is_refused_and_nothing_is_done(
    place: Place, lost: str
) -> None:
    """The file, the list with it, its last line, or all that it said."""
    place.revoke("alice")
    place.revoke("bob")
    serials = [place.serial(f"{name}.pem") for name in ("alice", "bob")]
    database = place.directory / "issuing.ca/index.txt"
    saved = contents(place.directory)
    match lost:
        case "one":
            database.write_text(database.read_text().splitlines(keepends=True)[0])
            serials = serials[1:]
        case "text":
            database.with_name("index.txt.old").unlink()
            database.write_text("")
        case _:
            for path in database.parent.glob("index.txt*"):
                path.unlink()
            if lost == "everything":
                for name in ("issuing.crl", "issuing.crl.der", "crls.pem"):
                    (place.directory / name).unlink()
    before = contents(place.directory)
    for words in (["apply"], ["apply", "-n"], ["revoke", "carol"], ["revoke", "carol", "-n"]):
        done = place.cli(words[0], "recipe.yaml", *words[1:], code=1)
        assert done.stderr == (
            "error: issuing.ca/index.txt has lost whom issuing.crl names: "
            + ", ".join(f"revoked {serial}" for serial in serials)
            + "\n  help: bring back issuing.ca/index.txt from a copy: who was revoked stays so\n"
        )
    verified = place.cli("verify", "recipe.yaml", code=1).stdout
    assert "issuing.ca/index.txt has lost whom issuing.crl names" in verified
    assert contents(place.directory) == before
    for name, content in saved.items():
        (place.directory / name).write_bytes(content)
    assert set(place.statuses("apply").values()) <= {"current", "revoked", "kept"}
    assert len(place.listed()) == 2


@pytest.mark.version
def test_what_a_full_disk_left_empty_is_put_back(place: Place) -> None:
    """openssl ca does not notice that it could not write its new database, or the next number."""
    place.revoke("alice")
    for name in ("index.txt", "crlnumber"):
        path = place.directory / "issuing.ca" / name
        path.rename(path.with_name(f"{name}.old"))
        path.write_text("")
    assert place.statuses("plan")["alice.certificate"] == "revoked"
    place.revoke("bob")
    assert len(place.listed()) == 2
    assert set(place.statuses("apply").values()) == {"current", "revoked"}


@pytest.mark.version
def test_a_kill_between_openssls_two_renames_is_mended(place: Place) -> None:
    """openssl ca renames the database away, and the new one in its place."""
    place.revoke("alice")
    database = place.directory / "issuing.ca/index.txt"
    shutil.copy(database, database.with_name("index.txt.new"))
    database.rename(database.with_name("index.txt.old"))
    assert place.statuses("plan")["alice.certificate"] == "revoked"
    place.revoke("bob")
    assert len(place.listed()) == 2
    assert set(place.statuses("apply").values()) == {"current", "revoked"}


def test_a_database_of_another_name_is_read_under_that_name(
    cli: Cli, run_openssl: Callable[..., str]
) -> None:
    recipe = RECIPE.replace(
        "path_length: 0", "path_length: 0, files: {database: ca/db.txt, crl: lists/our.crl}"
    )
    place = Place(cli, run_openssl, recipe)
    place.revoke("alice")
    assert place.listed("lists/our.crl") == {place.serial("alice.pem"): ""}
    assert place.statuses("plan")["alice.certificate"] == "revoked"
    (place.directory / "ca/db.txt").write_text("")
    assert "ca/db.txt has lost whom lists/our.crl" in cli("apply", "recipe.yaml", code=1).stderr


# Kills and crowds


@pytest.mark.parametrize("attempt", range(3))
def test_revocations_at_once_wait_for_each_other_and_forget_nobody(
    place: Place, attempt: int
) -> None:
    """Each reads the database once it holds the directory, not before."""
    children = [
        subprocess.Popen(
            place.cli.argv("revoke", "recipe.yaml", name, "--wait"), cwd=place.cli.folder,
            env=place.cli.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )
        for name in ("alice", "bob", "carol")
    ]  # fmt: skip
    told = [child.communicate(timeout=60)[1] for child in children]
    assert [child.returncode for child in children] == [0, 0, 0], (attempt, told)
    names = ("alice", "bob", "carol")
    assert set(place.listed()) == {place.serial(f"{name}.pem") for name in names}
    place.statuses("verify")


@pytest.mark.parametrize("seed", range(6))
def test_a_kill_of_revoke_is_made_good_by_the_next(place: Place, seed: int) -> None:
    """At two random moments; whom it had revoked before stays revoked."""
    place.revoke("bob")
    began = time.monotonic()
    place.revoke("carol")
    whole = time.monotonic() - began
    draw = random.Random(seed)  # noqa: S311  a seed to repeat it by is what is wanted
    for _ in range(2):
        with subprocess.Popen(
            place.cli.argv("revoke", "recipe.yaml", "alice"), cwd=place.cli.folder,
            env=place.cli.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        ) as child:  # fmt: skip
            time.sleep(draw.uniform(0.3, 1) * whole)  # the moment of the kill is what is tried
            os.killpg(child.pid, signal.SIGKILL)
        databases = (place.directory / f"issuing.ca/index.txt{end}" for end in ("", ".old"))
        there = next(path for path in databases if path.exists())
        assert len(revocation.entries(there.read_text())) in (2, 3), seed
    place.revoke("alice", "--wait")
    names = ("alice", "bob", "carol")
    assert set(place.listed()) == {place.serial(f"{name}.pem") for name in names}, seed
    assert [place.checked(f"{name}.pem") for name in names] == ["revoked"] * 3
    assert set(place.statuses("apply").values()) == {"current", "revoked"}
    place.statuses("verify")


# The database, read

HEIKO = "R\t271124160036Z\t261124160037Z,keyCompromise\t44BBDF8C\tunknown\t/CN=heiko"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (HEIKO, Revoked(0x44BBDF8C, datetime(2026, 11, 24, 16, 0, 37, tzinfo=UTC),
                        "keyCompromise")),
        ("R\t271124160036Z\t261124160037Z\t01\tunknown\t/CN=a",
         Revoked(1, datetime(2026, 11, 24, 16, 0, 37, tzinfo=UTC))),
        ("R\t20601124160036Z\t20510102030405Z,superseded\t0A\tunknown\t/CN=a",
         Revoked(10, datetime(2051, 1, 2, 3, 4, 5, tzinfo=UTC), "superseded")),
        ("R\t991124160036Z\t500101000000Z\t0B\tunknown\t/CN=a",
         Revoked(11, datetime(1950, 1, 1, tzinfo=UTC))),
        ("R\t271124160036Z\t491231235959Z\t0C\tunknown\t/CN=a",
         Revoked(12, datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC))),
        ("R\t271124160036Z\t261124160037Z,keyTime,20261101000000Z\t0D\tunknown\t/CN=a",
         Revoked(13, datetime(2026, 11, 24, 16, 0, 37, tzinfo=UTC), "keyTime")),
        ("R\t271124160036Z\t261124160037Z,holdInstruction,holdInstructionReject\t0E\tunknown\t/",
         Revoked(14, datetime(2026, 11, 24, 16, 0, 37, tzinfo=UTC), "holdInstruction")),
        ("R\t271124160036Z\t261124160037Z\t0F\tunknown\t/O=R\\x09V/CN=\\xC3\\xA9 \\\\ , +/CN=x",
         Revoked(15, datetime(2026, 11, 24, 16, 0, 37, tzinfo=UTC))),
        ("R\t271124160036Z\t261124160037Z\t10\tunknown\t",
         Revoked(16, datetime(2026, 11, 24, 16, 0, 37, tzinfo=UTC))),
    ],
    ids=["utc", "no-reason", "generalized", "1950", "2049", "key-time", "hold", "odd-subject",
         "no-subject"],
)  # fmt: skip
def test_a_line_of_the_database_is_read(line: str, found: Revoked) -> None:
    assert revocation.entries(f"{line}\n") == (found,)


@pytest.mark.parametrize(
    "line",
    [
        "V\t271124160036Z\t\t01\tunknown\t/CN=good",
        "E\t201124160036Z\t\t02\tunknown\t/CN=expired",
        "",
        "# R",
        "R\t271124160036Z\t2611241600",
        "R\t271124160036Z\t261124160037Z\tXYZ\tunknown\t/CN=a",
    ],
)
def test_lines_that_revoke_nobody_are_passed_over(line: str) -> None:
    assert [entry.serial for entry in revocation.entries(f"{line}\n{HEIKO}\n")] == [0x44BBDF8C]


TEXT = st.text(st.characters(exclude_characters="\t", exclude_categories=("Cc", "Cs", "Zl", "Zp")))


@given(
    st.lists(
        st.tuples(
            st.integers(1, 2**159),
            st.datetimes(datetime(1950, 1, 1), datetime(2199, 1, 1)),  # noqa: DTZ001
            st.sampled_from(["", *revocation.REASONS]),
            TEXT,
            st.sampled_from("RVE"),
        )
    )
)
def test_what_a_database_says_comes_back_whatever_the_subjects(
    entries: list[tuple[int, datetime, str, str, str]],
) -> None:
    lines, wanted = [], []
    for serial, when, reason, subject, mark in entries:
        moment = when.replace(microsecond=0, tzinfo=UTC)
        form = "%y%m%d%H%M%SZ" if moment.year < 2050 else "%Y%m%d%H%M%SZ"
        told = f"{moment:{form}}{',' if reason else ''}{reason}" if mark == "R" else ""
        lines.append(f"{mark}\t{moment:{form}}\t{told}\t{serial:02X}\tunknown\t/CN={subject}\n")
        wanted += [Revoked(serial, moment, reason)] if mark == "R" else []
    assert revocation.entries("".join(lines)) == tuple(wanted)


@pytest.mark.version
def test_what_openssl_itself_writes_is_read(
    cli: Cli, run_openssl: Callable[..., str], version: Version
) -> None:
    """Its own times, reasons and subjects, of every version."""
    recipe = RECIPE.replace("alice:", "alice: {subject: {O: 'Exämple, + \"Söhne\"', CN: a/b\\c}}")
    place = Place(cli, run_openssl, recipe)
    place.revoke("alice", "--reason", "affiliationChanged")
    text = (place.directory / "issuing.ca/index.txt").read_text()
    (entry,) = revocation.entries(text)
    assert entry.serial == int(place.serial("alice.pem"), 16), version
    assert entry.reason == "affiliationChanged"
    assert abs((datetime.now(UTC) - entry.when).total_seconds()) < 600


def test_a_database_that_is_renamed_away_while_it_is_looked_at_is_no_traceback(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """openssl ca, in another process, is between its two renames: the old one tells."""
    place.revoke("alice")
    database = place.directory / "issuing.ca/index.txt"
    read = Path.read_text

    def renamed(path: Path, *words: str) -> str:
        if path == database and path.exists():
            path.rename(path.with_name("index.txt.old"))
        return read(path, *words)

    monkeypatch.setattr(Path, "read_text", renamed)
    found = revocation.read(recipe_of(RECIPE), place.directory)
    assert [entry.serial for entry in found["issuing"]] == [int(place.serial("alice.pem"), 16)]
