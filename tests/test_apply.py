"""apply, from recipe to verified files, and what it promises about keys, changes and failures."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtls_openssl import process
from mtls_openssl.version import Version
from tests.conftest import PROMPTING, SECRETS, SMALL, Cli

Write = Callable[..., Path]
DIRECTORY = "recipe"


@pytest.fixture
def small(cli: Cli, write: Write) -> Path:
    """The first tutorial, applied; gives its directory."""
    write(SMALL)
    cli("apply", "recipe.yaml", env=SECRETS)
    return cli.folder / DIRECTORY


def status(cli: Cli, *words: str, verb: str = "apply", code: int = 0) -> dict[str, Any]:
    """Run a verb and give its JSON."""
    done = cli(verb, "recipe.yaml", "--format", "json", *words, code=code, env=SECRETS)
    result: dict[str, Any] = json.loads(done.stdout)
    assert result["version"] == 1
    assert result["command"] == verb
    assert result["ok"] is (code == 0)
    return result


def ran(result: dict[str, Any]) -> list[str]:
    """Give the steps that an apply ran."""
    return [step["id"] for step in result["steps"] if step["status"] == "done"]


def reasons(result: dict[str, Any]) -> dict[str, str]:
    """Give why each step of a plan would run."""
    return {step["id"]: step["reason"] for step in result["steps"] if step["status"] == "run"}


def contents(directory: Path) -> dict[str, tuple[bytes, int]]:
    """Give every file's bytes and mode, the tool's own folder left out."""
    return {
        str(path.relative_to(directory)): (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        for path in sorted(directory.rglob("*"))
        if path.is_file() and ".mtls-openssl" not in path.parts
    }


# From recipe to verified files


@pytest.mark.version
@pytest.mark.parametrize("recipe", ["mutual-tls", "encrypted-ca"])
def test_the_bundled_recipes_apply_unattended_and_end_verified(
    cli: Cli, recipe: str, run_openssl: Callable[..., str]
) -> None:
    """Judged by the tool, and by openssl asked by hand."""
    root = Path(__file__).parent.parent / "recipes"
    shutil.copy(root / f"{recipe}.yaml", cli.folder / "recipe.yaml")
    result = status(cli)
    assert {step["status"] for step in result["steps"]} == {"done"}
    assert all(check["ok"] for step in result["steps"] for check in step["checks"])
    assert status(cli, verb="verify")["error"] is None

    directory = cli.folder / DIRECTORY
    ca, leaves = {
        "mutual-tls": ("ca.pem", ("test.cert.example.com.pem", "client.pem")),
        "encrypted-ca": ("ca/ca.crt", ("server/server.example.com.crt", "client/heiko.crt")),
    }[recipe]
    for leaf in leaves:
        assert run_openssl("verify", "-CAfile", ca, leaf, cwd=directory) == f"{leaf}: OK\n"
    again = status(cli)
    assert {step["status"] for step in again["steps"]} == {"current"}


def test_everything_secret_is_the_owners_only_whatever_the_umask(cli: Cli, write: Write) -> None:
    os.umask(0)
    write(SMALL)
    cli("apply", "recipe.yaml", env=SECRETS)
    directory = cli.folder / DIRECTORY
    modes = {name: mode for name, (_, mode) in contents(directory).items()}
    for name in ("ca.key", "server.key", "client.key", "client2.pem", "client2.p12"):
        assert modes[name] == 0o600
    assert (directory / ".gitignore").read_text().endswith("\n*\n")


def test_the_directory_is_the_recipes_or_the_one_given(cli: Cli, write: Write) -> None:
    """--directory is relative to the current folder, the recipe's to the recipe."""
    write(SMALL.replace("workflow:", "directory: pki\nworkflow:"), "deep/recipe.yaml")
    cli("apply", "deep/recipe.yaml", env=SECRETS)
    cli("apply", "deep/recipe.yaml", "-C", "made/here", env=SECRETS)
    assert (cli.folder / "deep/pki/ca.pem").exists()
    assert (cli.folder / "made/here/ca.pem").exists()


def test_the_end_tells_what_was_made_where_and_until_when(cli: Cli, write: Write) -> None:
    write(SMALL)
    done = cli("apply", "recipe.yaml", env=SECRETS)
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0] == "1.1 ca: Generate CA key: ok, 3 checks"
    assert re.fullmatch(r"11 steps done, 42 checks held, in \d+\.\d s: recipe/", lines[11])
    assert re.fullmatch(r"  ca      ca\.pem, until \d{4}-\d\d-\d\d", lines[12])
    assert lines[-1] == "          client.key, client2.pem, client2.p12"
    again = cli("apply", "recipe.yaml", env={})
    assert again.stderr.startswith("nothing to do: all 11 steps are current in recipe/\n")
    assert cli("apply", "recipe.yaml", "-q").stderr == ""


def test_verbose_shows_each_command_its_checks_and_masks_secrets(cli: Cli, write: Write) -> None:
    write(PROMPTING)
    told = cli("apply", "recipe.yaml", "-v", env=SECRETS).stderr
    first = told.index("$ openssl genrsa -aes256 -out ca/ca.key 2048\n")
    check = told.index("$ openssl pkey -in ca/ca.key -passin stdin -noout -text_pub\n")
    line = told.index("1.1 ca: Generate the CA's key, encrypted: ok, 3 checks\n")
    assert first < check < line
    assert re.search(r"^  Enter (PEM )?pass phrase.*:\*\*\*\*$", told, re.MULTILINE)
    assert "  Common Name (e.g. server FQDN or YOUR name) []:Example CA\n" in told
    assert not any(secret in told for secret in SECRETS.values())


# Current work is not redone


def test_a_second_apply_runs_nothing_and_asks_for_nothing(cli: Cli, small: Path) -> None:
    before = contents(small)
    cli("apply", "recipe.yaml", env={})
    assert contents(small) == before


def test_a_copied_directory_is_current_too(cli: Cli, small: Path) -> None:
    """What counts is content, not inode or time."""
    shutil.copytree(small, cli.folder / "copy", copy_function=shutil.copyfile)
    for path in (cli.folder / "copy").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    result = status(cli, "-C", "copy")
    assert ran(result) == []


@pytest.mark.parametrize(
    ("name", "again"),
    [
        ("client2.p12", ["client.pkcs12"]),
        ("client2.pem", ["client.combined"]),
        ("client.pem", ["client.certificate", "client.combined", "client.pkcs12"]),
    ],
)
def test_a_missing_file_is_made_again_with_what_depends_on_it(
    cli: Cli, small: Path, name: str, again: list[str]
) -> None:
    (small / name).unlink()
    plan = reasons(status(cli, verb="plan"))
    assert plan[again[0]] == f"{name} is missing"
    assert list(plan) == again
    assert ran(status(cli)) == again
    status(cli, verb="verify")


def test_a_changed_file_is_made_again_and_the_changed_one_kept(cli: Cli, small: Path) -> None:
    tampered = small / "client.pem"
    tampered.write_text("no certificate\n")
    assert reasons(status(cli, verb="plan"))["client.certificate"] == "client.pem changed on disk"
    assert ran(status(cli)) == ["client.certificate", "client.combined", "client.pkcs12"]
    kept = list((small / ".mtls-openssl/replaced").rglob("client.pem"))
    assert [path.read_text() for path in kept] == ["no certificate\n"]


def test_a_changed_command_is_told_by_its_words(cli: Cli, small: Path, write: Write) -> None:
    key = (small / "server.key").read_bytes()
    changed = "  server: {days: 90, subject: {CN: test.example.com}}"
    write(SMALL.replace("  server: {subject: {CN: test.example.com}}", changed))
    assert reasons(status(cli, verb="plan")) == {
        "server.certificate": "command changed: -days 365 → 90"
    }
    assert ran(status(cli)) == ["server.certificate"]
    assert (small / "server.key").read_bytes() == key


def test_a_changed_answer_is_a_changed_command(cli: Cli, write: Write) -> None:
    """The second tutorial's subject is typed at prompts, and is not in the command's words."""
    write(PROMPTING)
    cli("apply", "recipe.yaml", env=SECRETS)
    write(PROMPTING.replace("{serial: 1}", "{serial: 3, subject: {OU: Web}}"))
    plan = reasons(status(cli, verb="plan"))
    assert plan["server.example.com.request"].startswith("command changed: ")
    assert "/OU=Web" in plan["server.example.com.request"]
    result = status(cli)
    assert ran(result) == [
        f"server.example.com.{step}"
        for step in ("request", "certificate", "certificate-mode", "look", "verify")
    ]
    status(cli, verb="verify")


def test_a_short_life_is_not_renewed_at_once(cli: Cli, write: Write) -> None:
    """A certificate of one day expires within thirty, but has two thirds of its life before it."""
    write(SMALL.replace("CN: test.example.com}", "CN: test.example.com}, days: 1"))
    cli("apply", "recipe.yaml", env=SECRETS)
    assert ran(status(cli, "--renew-within", "400d")) == []


def test_a_directory_without_its_journal_is_checked_and_kept(cli: Cli, small: Path) -> None:
    before = contents(small)
    shutil.rmtree(small / ".mtls-openssl")
    plan = status(cli, verb="plan")
    assert reasons(plan)["ca.key"] == "ca.key is there already"
    result = status(cli)
    assert {step["status"] for step in result["steps"]} == {"kept"}
    assert contents(small) == before
    assert ran(status(cli)) == []


# Keys and authorities


def test_a_key_that_the_recipe_no_longer_matches_stops_with_the_remedy(
    cli: Cli, small: Path, write: Write
) -> None:
    before = contents(small)
    subject = "  server: {subject: {CN: test.example.com}"
    write(SMALL.replace(subject, f"{subject}, key: rsa:3072"))
    done = cli("apply", "recipe.yaml", env=SECRETS, code=1)
    assert done.stderr == (
        "error: server.key is not the key that the recipe asks for:"
        " algorithm: expected RSA 3072, found RSA 2048\n"
        "  help: mend the recipe, or make a new key by --rekey server"
        " (the old one is kept in .mtls-openssl/replaced)\n"
    )
    assert contents(small) == before

    result = status(cli, "--rekey", "server")
    assert ran(result) == ["server.key", "server.request", "server.certificate"]
    kept = list((small / ".mtls-openssl/replaced").rglob("server.key"))
    assert [path.read_bytes() for path in kept] == [before["server.key"][0]]
    status(cli, verb="verify")
    assert ran(status(cli)) == []


def test_a_key_of_ones_own_is_taken_over_if_it_is_what_the_recipe_asks_for(
    cli: Cli, small: Path, run_openssl: Callable[..., str]
) -> None:
    run_openssl("genrsa", "-out", "client.key", "2048", cwd=small)
    own = (small / "client.key").read_bytes()
    result = status(cli)
    assert result["steps"][6]["status"] == "kept"
    assert ran(result) == [f"client.{s}" for s in ("request", "certificate", "combined", "pkcs12")]
    assert (small / "client.key").read_bytes() == own


def test_an_authority_is_not_issued_anew_without_being_told_to(
    cli: Cli, small: Path, write: Write
) -> None:
    before = contents(small)
    write(SMALL.replace("CN: Root", "CN: New Root"))
    done = cli("apply", "recipe.yaml", env=SECRETS, code=1)
    assert "the authority ca would be issued anew" in done.stderr
    assert "  help: if that is meant: --replace ca\n" in done.stderr
    assert contents(small) == before

    result = status(cli, "--replace", "ca")
    assert ran(result) == [
        "ca.request", "ca.certificate", "server.certificate", "client.certificate",
        "client.combined", "client.pkcs12",
    ]  # fmt: skip
    after = contents(small)
    for key in ("ca.key", "server.key", "client.key"):
        assert after[key] == before[key]
    status(cli, verb="verify")


def test_a_lost_authority_key_is_not_silently_made_anew(cli: Cli, small: Path) -> None:
    """Some keep the CA's key elsewhere: its absence must not end in another CA."""
    (small / "ca.key").unlink()
    done = cli("apply", "recipe.yaml", env=SECRETS, code=1)
    assert "the authority ca would be issued anew (ca.csr" in done.stderr or (
        "the authority ca would be issued anew (ca.key is made anew)" in done.stderr
    )
    assert not (small / "ca.key").exists()


def test_a_fixed_serial_is_not_issued_twice(cli: Cli, write: Write) -> None:
    write(PROMPTING)
    cli("apply", "recipe.yaml", env=SECRETS)
    (cli.folder / "recipe/client/heiko.crt").unlink()
    done = cli("apply", "recipe.yaml", env=SECRETS, code=1)
    assert done.stderr == (
        "error: ca has issued serial 2 already, and client/heiko.crt is to be made again"
        " (client/heiko.crt is missing)\n  help: give heiko another one: serial: 3\n"
    )
    write(PROMPTING.replace("serial: 2", "serial: 3"))
    cli("apply", "recipe.yaml", env=SECRETS)


def test_a_name_that_is_no_entity_is_refused(cli: Cli, small: Path) -> None:
    done = cli("apply", "recipe.yaml", "--rekey", "sever", code=2)
    assert done.stderr == (
        "error: --rekey: there is no 'sever' in the recipe\n  help: did you mean 'server'?\n"
    )
    assert small.exists()


# Failures


UNTIL_GO = """\
case "$*" in *"-out ca.key"*) echo $$ > pid; while [ ! -e go ]; do sleep 0.05; done;; esac"""
"""An openssl that makes the CA's key only when a file called go is there."""


def wrapper(cli: Cli, write: Write, body: str) -> Cli:
    """Put a script before the real openssl, for what the real one can't be made to do."""
    path = write(f'#!/bin/sh\nreal="{cli.openssl}"\n{body}\nexec "$real" "$@"\n', "bin/openssl")
    path.chmod(0o755)
    return Cli(cli.folder, path)


def test_a_failed_command_leaves_nothing_and_the_next_apply_goes_on(cli: Cli, write: Write) -> None:
    write(SMALL)
    broken = wrapper(
        cli,
        write,
        'case "$*" in *"-out client.pem"*) : > client.pem; echo no luck >&2; exit 1;; esac',
    )
    done = broken("apply", "recipe.yaml", env=SECRETS, code=1)
    assert "error: openssl x509 failed: no luck\n  | no luck\n" in done.stderr
    assert not (cli.folder / "recipe/client.pem").exists()
    assert "client.certificate" in ran(status(cli))
    status(cli, verb="verify")


def test_a_failed_check_says_what_was_expected_and_found(cli: Cli, write: Write) -> None:
    """An openssl that signs for another length of time than it was told."""
    write(SMALL)
    wrong = wrapper(
        cli, write,
        'case "$*" in *"-out client.pem -days 365"*)'
        ' exec "$real" x509 -req -in client.csr -CA ca.pem -CAkey ca.key -days 7 -out client.pem;;'
        " esac",
    )  # fmt: skip
    done = wrong("apply", "recipe.yaml", env=SECRETS, code=1)
    assert (
        "error: client.pem is not what the recipe asks for:"
        " validity: expected 365 days, found 7 days\n"
    ) in done.stderr
    assert not (cli.folder / "recipe/client.pem").exists()
    assert "3.3 client: Sign the client certificate with the CA: FAILED" in done.stderr


def test_a_failed_renewal_puts_the_old_certificate_back(
    cli: Cli, small: Path, write: Write
) -> None:
    before = contents(small)
    changed = SMALL.replace("CN: test.example.com}", "CN: test.example.com}, days: 90")
    write(changed)
    broken = wrapper(cli, write, 'case "$*" in *"-out test.example.com.pem"*) exit 1;; esac')
    broken("apply", "recipe.yaml", env=SECRETS, code=1)
    assert contents(small) == before


def test_json_tells_every_step_and_the_error(cli: Cli, write: Write) -> None:
    write(SMALL)
    broken = wrapper(cli, write, 'case "$*" in *"-out ca.pem"*) echo no >&2; exit 1;; esac')
    result = status(broken, "-j", "1", code=1)
    assert [step["status"] for step in result["steps"]] == ["done", "done", "failed"] + [
        "not run"
    ] * 8
    assert result["error"] == {
        "kind": "command",
        "message": "openssl x509 failed: no",
        "hint": "",
        "exit_code": 1,
        "problems": [],
    }
    assert result["steps"][0]["argv"] == ["openssl", "genrsa", "-out", "ca.key", "2048"]
    assert result["steps"][0]["outputs"] == ["ca.key"]
    assert result["steps"][0]["checks"][0] == {
        "name": "private",
        "path": "ca.key",
        "ok": True,
        "detail": "yes",
    }


def test_secrets_that_cannot_be_had_are_all_named_before_anything_is_written(
    cli: Cli, write: Write
) -> None:
    write(PROMPTING)
    done = cli("apply", "recipe.yaml", code=2)
    assert done.stderr.count("error:") == 2
    assert (
        "recipe.yaml:6:47: error: the pass phrase of ca/ca.key is wanted,"
        " and there is no terminal to ask on\n"
    ) in done.stderr
    assert "help: set the environment variable CA_PASSPHRASE\n" in done.stderr
    assert "help: set the environment variable EXPORT_PASSWORD\n" in done.stderr
    assert contents(cli.folder / DIRECTORY).keys() == {".gitignore"}


def test_a_wrong_pass_phrase_is_said_and_harms_nothing(cli: Cli, write: Write) -> None:
    write(PROMPTING)
    cli("apply", "recipe.yaml", env=SECRETS)
    before = contents(cli.folder / DIRECTORY)
    write(PROMPTING.replace("serial: 1", "serial: 7"))
    wrong = SECRETS | {"CA_PASSPHRASE": "wrong horse"}
    done = cli("apply", "recipe.yaml", env=wrong, code=1)
    assert "error: openssl x509 failed:" in done.stderr
    assert contents(cli.folder / DIRECTORY) == before


# Errata


@pytest.mark.version
def test_verbatim_runs_the_text_as_it_stands_and_tells_the_truth(
    cli: Cli, write: Write, version: Version
) -> None:
    write(SMALL)
    breaks = version.numbers >= (3, 2, 0)
    result = status(cli, "--verbatim", code=1 if breaks else 0)
    assert {step["status"] for step in result["steps"]} == {"done"}
    assert not (cli.folder / "recipe/ca.ext").exists()
    if breaks:
        failed = [c["name"] for s in result["steps"] for c in s["checks"] if not c["ok"]]
        assert failed == ["ca", "chain", "purpose", "chain", "purpose"]
        assert "these checks failed: ca.pem ca," in result["error"]["message"]
        status(cli, "--verbatim", code=1)
        status(cli, verb="verify", code=1)
        refused = status(cli, code=1)
        assert "--replace ca" in refused["error"]["hint"]
        status(cli, "--replace", "ca")
    status(cli, verb="verify")


@pytest.mark.version
def test_another_openssl_makes_nothing_stale(cli: Cli, write: Write, tmp_path: Path) -> None:
    """A CA made without the erratum, or with it, is current under every version."""
    write(SMALL)
    cli("apply", "recipe.yaml", env=SECRETS)
    for told in ("OpenSSL 3.0.19 27 Jan 2026", "OpenSSL 3.5.0 8 Apr 2025"):
        other = wrapper(cli, write, f'[ "$1" = version ] && echo "{told}" && exit 0')
        assert ran(status(other)) == []
        assert reasons(status(other, verb="plan")) == {}
    assert tmp_path.exists()


# Kills, locks, machines


def running(cli: Cli, *words: str) -> "subprocess.Popen[bytes]":
    """Start an apply in a process group of its own."""
    return subprocess.Popen(
        cli.argv("apply", "recipe.yaml", *words), cwd=cli.folder, env=cli.environment(SECRETS),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


@pytest.mark.parametrize("delay", [0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7])
def test_a_kill_loses_nothing(cli: Cli, write: Write, delay: float) -> None:
    """Whatever was done stays; the next apply ends as an undisturbed run would."""
    write(SMALL)
    with running(cli) as child:
        time.sleep(delay)  # the moment of the kill is what is tried here
        os.killpg(child.pid, signal.SIGKILL)
    directory = cli.folder / DIRECTORY
    journal = directory / ".mtls-openssl/journal"
    done = journal.read_text() if journal.exists() else ""
    keys = {
        name: (directory / name).read_bytes()
        for name in ("ca.key", "server.key", "client.key")
        if f'"done":"{name}"' in done
    }
    cli("apply", "recipe.yaml", "--wait", env=SECRETS)
    assert all((directory / name).read_bytes() == key for name, key in keys.items())
    status(cli, verb="verify")
    assert ran(status(cli)) == []


def test_an_interrupt_ends_children_and_exits_130(cli: Cli, write: Write) -> None:
    write(SMALL)
    slow = wrapper(cli, write, 'case "$*" in *"-out ca.key"*) echo $$ > pid; exec sleep 60;; esac')
    with running(slow) as child:
        pid = awaited(cli.folder / DIRECTORY / "pid")
        os.kill(child.pid, signal.SIGINT)
        assert child.wait(10) == 130
    assert gone(int(pid))
    (cli.folder / DIRECTORY / "pid").unlink()
    cli("apply", "recipe.yaml", env=SECRETS)


def test_an_openssl_that_outlives_a_killed_apply_keeps_the_next_one_out(
    cli: Cli, write: Write
) -> None:
    """The child inherits the lock, so it cannot write over the next apply's key."""
    write(SMALL)
    slow = wrapper(cli, write, UNTIL_GO)
    directory = cli.folder / DIRECTORY
    with running(slow) as child:
        pid = int(awaited(directory / "pid"))
        child.kill()
    try:
        done = cli("apply", "recipe.yaml", env=SECRETS, code=1)
        held = rf"error: \S+ is held by an openssl that outlived process {child.pid}, which began"
        assert re.match(held, done.stderr)
        assert "help: let it end, or wait for it by --wait" in done.stderr
        with running(cli, "--wait") as waiting:
            (directory / "go").touch()
            assert waiting.wait(60) == 0
    finally:
        (directory / "go").touch()
    assert gone(pid)
    status(cli, verb="verify")
    assert ran(status(cli)) == []


def test_a_second_apply_says_who_holds_the_directory(cli: Cli, write: Write) -> None:
    write(SMALL)
    slow = wrapper(cli, write, UNTIL_GO)
    directory = cli.folder / DIRECTORY
    with running(slow) as child:
        awaited(directory / "pid")
        done = cli("apply", "recipe.yaml", env=SECRETS, code=1)
        assert re.match(
            rf"error: \S+ is held by process {child.pid}, which began at \S+ UTC, and is",
            done.stderr,
        )
        cli("apply", "-n", "recipe.yaml", env=SECRETS)
        (directory / "go").touch()
        assert child.wait(60) == 0


def awaited(path: Path) -> str:
    """Wait until a file says something."""
    deadline = time.monotonic() + 20
    while not path.exists() or not path.read_text().strip():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.02)
    return path.read_text().strip()


def gone(pid: int) -> bool:
    """Wait until a process has ended."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def unprivileged(argv: list[str]) -> list[str]:
    """Run a command without root's power to pass over modes."""
    if os.geteuid() != 0:
        return argv
    setpriv = shutil.which("setpriv")
    assert setpriv, "as root, setpriv (util-linux) is needed to test as an unprivileged user"
    return [setpriv, "--bounding-set=-all", "--inh-caps=-all", *argv]


def as_user(cli: Cli, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command line as an unprivileged user would."""
    done = subprocess.run(
        unprivileged(cli.argv(*words)), cwd=cli.folder, env=cli.environment(SECRETS), text=True,
        stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done


@pytest.mark.version
def test_files_of_mode_0444_are_replaced_by_an_unprivileged_user_too(
    cli: Cli, write: Write
) -> None:
    write(PROMPTING)
    as_user(cli, "apply", "recipe.yaml")
    write(PROMPTING.replace("serial: 1", "serial: 5, days: 90"))
    as_user(cli, "apply", "recipe.yaml")
    as_user(cli, "verify", "recipe.yaml")
    certificate = cli.folder / "recipe/server/server.example.com.crt"
    assert stat.S_IMODE(certificate.stat().st_mode) == 0o444


def test_an_unwritable_place_is_the_machines_fault(cli: Cli, write: Write) -> None:
    write(SMALL)
    (cli.folder / "fixed").mkdir(mode=0o555)
    done = as_user(cli, "apply", "recipe.yaml", "-C", "fixed/pki", code=3)
    assert done.stderr == (
        f"error: {cli.folder}/fixed/pki cannot be written: Permission denied\n"
        "  help: give another by --directory\n"
    )


def test_a_full_disk_is_said_clearly_and_the_next_apply_goes_on(cli: Cli, write: Write) -> None:
    """A file system of a few pages, which root may mount; else the limit on a file's size."""
    write(SMALL)
    small = cli.folder / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        done = cli("apply", "recipe.yaml", "-C", "small", env=SECRETS, code=3)
        assert re.search(r"^error: the disk is full", done.stderr, re.MULTILINE), done.stderr
        subprocess.run(["mount", "-o", "remount,size=1m", str(small)], check=True)
        cli("apply", "recipe.yaml", "-C", "small", env=SECRETS)
        cli("verify", "recipe.yaml", "-C", "small", env=SECRETS)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_symbolic_link_does_not_lead_out_of_the_directory(cli: Cli, write: Write) -> None:
    write(PROMPTING)
    outside = cli.folder / "outside"
    outside.mkdir()
    (cli.folder / DIRECTORY).mkdir()
    (cli.folder / DIRECTORY / "server").symlink_to(outside)
    done = cli("apply", "recipe.yaml", env=SECRETS, code=3)
    assert "leads out of the directory by a symbolic link" in done.stderr
    assert list(outside.iterdir()) == []


def test_no_openssl_exits_3(cli: Cli, write: Write) -> None:
    write(SMALL)
    nowhere = Cli(cli.folder, cli.folder / "none")
    done = nowhere("apply", "recipe.yaml", code=3)
    assert done.stderr.startswith(f"error: there is no openssl at {cli.folder}/none\n  help: ")


# Secrets


@pytest.mark.version
def test_a_pass_phrase_appears_nowhere_but_at_the_prompt(cli: Cli, write: Write) -> None:
    """Not in any child's argv or environment, any output, the journal or any file."""
    write(PROMPTING)
    spy = wrapper(cli, write, f'{{ printf "%s\\n" "$@"; env; }} >> "{cli.folder}/seen.log"')
    told = ""
    for words in (["apply", "-v"], ["apply", "--format", "json"], ["plan"], ["verify", "-v"],
                  ["apply", "-n"], ["apply", "-v", "--rekey", "heiko"]):  # fmt: skip
        done = spy(words[0], "recipe.yaml", *words[1:], env=SECRETS,
                   code=1 if "--rekey" in words else 0)  # fmt: skip
        told += done.stdout + done.stderr
    seen = (cli.folder / "seen.log").read_text()
    assert "-passin\nstdin\n" in seen
    assert "SSL_CERT_FILE=/dev/null\n" in seen
    files = b"".join(p.read_bytes() for p in (cli.folder / DIRECTORY).rglob("*") if p.is_file())
    for secret in SECRETS.values():
        assert secret not in told
        assert secret not in seen
        assert secret.encode() not in files


def test_a_generated_secret_is_kept_beside_what_it_protects(
    cli: Cli, write: Write, run_openssl: Callable[..., str]
) -> None:
    write(SMALL.replace("{env: EXPORT_PASSWORD}", "{generate: true}"))
    cli("apply", "recipe.yaml")
    kept = cli.folder / "recipe/client2.p12.password"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    opened = run_openssl(
        "pkcs12", "-in", "recipe/client2.p12", "-passin", f"file:{kept}", "-nokeys", "-clcerts"
    )
    assert "BEGIN CERTIFICATE" in opened


def test_a_caller_cannot_change_what_a_certificate_is_judged_against(cli: Cli, small: Path) -> None:
    """Neither a system bundle nor a broken OPENSSL_CONF reaches the children."""
    foreign = {"OPENSSL_CONF": "/nowhere", "SSL_CERT_FILE": str(small / "ca.pem")}
    (small / "client.pem").unlink()
    cli("apply", "recipe.yaml", env=SECRETS | foreign)
    clean = process.clean_environment(SECRETS | foreign)
    assert clean["SSL_CERT_FILE"] == "/dev/null"
    assert "OPENSSL_CONF" not in clean


def test_a_file_that_several_steps_write_is_judged_when_the_last_has(
    cli: Cli, write: Write
) -> None:
    write(
        "title: T\nlayout:\n"
        "  root: {key: '{name}.key', certificate: '{name}.pem', combined: '{name}.both'}\n"
        "steps:\n  root:\n"
        "    - {title: Key, run: 'openssl genrsa -out {key} 2048'}\n"
        "    - title: Certificate\n"
        "      run: openssl req -new -x509 -key {key} -subj {subject} -days {days}"
        " -out {certificate}\n"
        "    - {title: First, run: 'cat {certificate} > {combined}'}\n"
        "    - {title: Second, run: 'cat {key} >> {combined}'}\n",
        "mine.yaml",
    )
    write("workflow: ./mine.yaml\ndefaults: {key: 'rsa:2048'}\nauthorities: {ca: }\n")
    cli("apply", "recipe.yaml")
    assert (cli.folder / "recipe/ca.both").read_text().count("BEGIN") == 2
    assert "nothing to do" in cli("apply", "recipe.yaml").stderr


def test_a_workflow_need_not_name_all_that_a_bundle_joins(cli: Cli, write: Write) -> None:
    write(
        "title: T\nlayout:\n  root: {key: '{name}.key', combined: '{name}.both'}\nsteps:\n  root:\n"
        "    - {title: Key, run: 'openssl genrsa -out {key} 2048'}\n"
        "    - {title: Both, run: 'cat {key} > {combined}'}\n",
        "mine.yaml",
    )
    write("workflow: ./mine.yaml\ndefaults: {key: 'rsa:2048'}\nauthorities: {ca: }\n")
    cli("apply", "recipe.yaml")
