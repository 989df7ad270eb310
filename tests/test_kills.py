"""Kills, crowds, interrupts and full disks in the middle of a hierarchy's apply: nothing is lost.

The moments of the kills are drawn at random, in the time that an undisturbed apply takes on this
machine; the seed is the test's parameter.
"""

import json
import os
import random
import re
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SECRETS, Cli
from tests.test_apply import as_user, awaited, running, wrapper

Write = Callable[..., Path]

HIERARCHY = """\
workflow: modern
authorities:
  root: {subject: {CN: Root}}
  issuing:
    issuer: root
    path_length: 0
    passphrase: {env: CA_PASSPHRASE}
    crl_url: http://crl.example.com/issuing.crl
servers:
  web: {names: [web.example.com, 127.0.0.1]}
  api: {names: [api.example.com]}
clients:
  alice: {pkcs12: {password: {generate: true}}}
  late: {not_before: 2020-01-01, not_after: 2021-01-01}
  "device-{n}": {each: {count: 3}}
"""
KILLS = 5
"""Kills of each test."""


# What is there


def files(directory: Path) -> dict[str, Path]:
    """Give every file but the tool's own; the copies of openssl ca by one name for all."""
    return {
        re.sub(r"/[0-9A-F]{8,}\.pem$", "/SERIAL.pem", str(path.relative_to(directory))): path
        for path in sorted(directory.rglob("*"))
        if path.is_file() and ".mtls-openssl" not in path.parts
    }


def whole(path: Path) -> bool:
    """Whether a PEM file has an end to every beginning."""
    text = path.read_text()
    return 0 < text.count("-----BEGIN ") == text.count("-----END ") and text.endswith("-----\n")


def keys(directory: Path) -> dict[str, bytes]:
    """Give the private keys that are whole."""
    return {path.name: path.read_bytes() for path in directory.glob("*.key") if whole(path)}


def journal(directory: Path) -> list[dict[str, Any]]:
    """Give the journal's entries, of a last line that was cut off nothing."""
    path = directory / ".mtls-openssl/journal"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1]]


def finished(directory: Path) -> list[str]:
    """Give the steps that the journal says were done, as often as they were."""
    return [entry["done"] for entry in journal(directory) if "done" in entry]


def until(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)


def statuses(cli: Cli, verb: str, *words: str, code: int = 0) -> dict[str, str]:
    """Give the status of each step, from a verb's JSON."""
    done = cli(verb, "recipe.yaml", "--format", "json", *words, code=code, env=SECRETS)
    return {step["id"]: step["status"] for step in json.loads(done.stdout)["steps"]}


def settled(cli: Cli, directory: Path, wanted: set[str]) -> None:
    """Check that a directory is what an undisturbed apply leaves."""
    found = files(directory)
    assert set(found) == wanted
    for name, path in found.items():
        open_to_others = stat.S_IMODE(path.stat().st_mode) & 0o077
        assert not open_to_others or name == ".gitignore", name
        assert path.suffix not in (".pem", ".key", ".csr", ".crl") or whole(path), name
    assert set(statuses(cli, "verify", "-C", directory.name).values()) == {"ok"}


# Kills


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, openssl: Path) -> tuple[float, set[str]]:
    """How long an apply works, in seconds from its journal's beginning, and what it leaves."""
    cli = Cli(tmp_path_factory.mktemp("undisturbed"), openssl)
    (cli.folder / "recipe.yaml").write_text(HIERARCHY)
    directory = cli.folder / "recipe"
    with running(cli) as child:
        until((directory / ".mtls-openssl/journal").exists)
        began = time.monotonic()
        assert child.wait(60) == 0
        seconds = time.monotonic() - began
    found = set(files(directory))
    settled(cli, directory, found)
    assert set(statuses(cli, "plan").values()) == {"current"}
    return seconds, found


@pytest.mark.parametrize("seed", range(10))
def test_whatever_the_moment_of_a_kill_the_next_apply_ends_as_if_there_had_been_none(
    cli: Cli, write: Write, undisturbed: tuple[float, set[str]], seed: int
) -> None:
    """Every key that was there stays, be it in the journal already or not."""
    seconds, wanted = undisturbed
    write(HIERARCHY)
    draw = random.Random(seed)  # noqa: S311  a seed to repeat it by is what is wanted
    for number in range(KILLS):
        moment = draw.uniform(0, seconds)
        print(f"seed {seed}, kill {number}: {moment:.3f} of {seconds:.3f} s")
        place = f"kill-{number}"
        directory = cli.folder / place
        with running(cli, "-C", place) as child:
            until((directory / ".mtls-openssl/journal").exists)
            time.sleep(moment)  # the moment of the kill is what is tried here
            os.killpg(child.pid, signal.SIGKILL)
        before = keys(directory)
        named = {step for step in finished(directory) if step.endswith(".key")}
        assert named <= set(before)
        cli("apply", "recipe.yaml", "-C", place, env=SECRETS)
        assert {name: keys(directory)[name] for name in before} == before
        made = [step for step in finished(directory) if step in named]
        assert len(made) == len(named), "no key was made twice"
        settled(cli, directory, wanted)
    assert set(statuses(cli, "plan", "-C", place).values()) == {"current"}


def test_kill_after_kill_it_still_comes_to_an_end(
    cli: Cli, write: Write, undisturbed: tuple[float, set[str]]
) -> None:
    """Each apply is killed a little later than the one before, in one directory."""
    seconds, wanted = undisturbed
    write(HIERARCHY)
    directory = cli.folder / "recipe"
    seen: dict[str, bytes] = {}
    for part in range(6):
        with running(cli, "--wait") as child:
            until((directory / ".mtls-openssl/journal").exists)
            time.sleep(seconds * part / 6)  # the moment of the kill is what is tried here
            os.killpg(child.pid, signal.SIGKILL)
        found = keys(directory)
        assert {name: found[name] for name in seen} == seen
        seen = found
    cli("apply", "recipe.yaml", "--wait", env=SECRETS)
    assert {name: keys(directory)[name] for name in seen} == seen
    settled(cli, directory, wanted)


# Crowds


def test_of_three_applies_at_once_one_works_one_waits_and_one_leaves(
    cli: Cli, write: Write, undisturbed: tuple[float, set[str]]
) -> None:
    write(HIERARCHY)
    directory = cli.folder / "recipe"
    held = wrapper(
        cli, write,
        'case "$*" in *"-out root.key"*) echo $$ > pid; while [ ! -e go ]; do sleep 0.05; done;'
        " rm pid go;; esac",
    )  # fmt: skip
    with running(held) as first:
        awaited(directory / "pid")
        with running(cli, "--wait") as waiting:
            left = cli("apply", "recipe.yaml", code=1, env=SECRETS)
            assert f"is held by process {first.pid}" in left.stderr
            assert left.stderr.endswith("  help: let it end, or wait for it by --wait\n")
            assert waiting.poll() is None
            (directory / "go").touch()
            assert (first.wait(60), waiting.wait(60)) == (0, 0)
    done = finished(directory)
    assert len(done) == len(set(done)), "no step was done twice"
    settled(cli, directory, undisturbed[1])


def test_applies_that_race_for_an_empty_folder_do_not_harm_each_other(
    cli: Cli, write: Write, undisturbed: tuple[float, set[str]]
) -> None:
    write(HIERARCHY)
    directory = cli.folder / "recipe"
    with running(cli, "--wait") as one, running(cli, "--wait") as two, running(cli) as three:
        codes = [child.wait(60) for child in (one, two, three)]
    assert codes[:2] == [0, 0]
    assert codes[2] in (0, 1)
    done = finished(directory)
    assert len(done) == len(set(done)), "no step was done twice"
    settled(cli, directory, undisturbed[1])


# Interrupts and failures


FLEET = """\
workflow: modern
authorities:
  ca:
clients:
  "device-{n:02}": {each: {count: 30}}
"""


def at_work(directory: Path) -> list[str]:
    """Give the commands that run in a directory (proc(5))."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == directory:
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="there is no /proc to look into")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_in_the_middle_of_a_fleet_leaves_it_whole(
    cli: Cli, write: Write, number: signal.Signals
) -> None:
    write(FLEET)
    directory = cli.folder / "recipe"
    with running(cli, "-j", "2") as child:
        until(lambda: len(list(directory.glob("device-*.pem"))) > 4)
        os.kill(child.pid, number)
        assert child.wait(30) == 130
    assert at_work(directory) == []
    text = (directory / ".mtls-openssl/journal").read_text()
    assert text.endswith("}\n")
    before, done = keys(directory), finished(directory)
    assert "device-30.certificate" not in done
    result = statuses(cli, "apply")
    assert {name: keys(directory)[name] for name in before} == before
    assert set(result.values()) <= {"done", "kept", "current"}
    assert {result[step] for step in done} == {"current"}
    assert set(statuses(cli, "verify").values()) == {"ok"}


def test_the_first_failure_begins_nothing_and_what_runs_is_ended_and_kept(
    cli: Cli, write: Write
) -> None:
    """`bad` fails while the key of `slow` is being made, which ends only afterwards."""
    write("workflow: modern\nauthorities:\n  ca:\n")
    cli("apply", "recipe.yaml")
    write("workflow: modern\nauthorities:\n  ca:\nclients:\n  bad:\n  slow:\n  third:\n  fourth:\n")
    here = cli.folder
    fake = wrapper(
        cli, write,
        'case "$*" in\n'
        f'*"-out bad.key"*) while [ ! -e {here}/slow ]; do sleep 0.02; done\n'
        f"  touch {here}/failed; echo no luck >&2; exit 1;;\n"
        f'*"-out slow.key"*) touch {here}/slow\n'
        f"  while [ ! -e {here}/failed ]; do sleep 0.02; done; sleep 0.2;;\n"
        "esac",
    )  # fmt: skip
    done = fake("apply", "recipe.yaml", "-j", "2", "--format", "json", code=1)
    result = json.loads(done.stdout)
    assert result["error"]["message"] == "openssl genpkey failed: no luck"
    found = {step["id"]: step["status"] for step in result["steps"]}
    assert found["bad.key"] == "failed"
    assert found["slow.key"] == "done"
    others = ("bad.request", "slow.request", "third.key", "fourth.key", "recipe.trust")
    assert [found[step] for step in others[:4]] == ["not run"] * 4
    directory = here / "recipe"
    assert not (directory / "bad.key").exists()
    kept = (directory / "slow.key").read_bytes()
    assert statuses(cli, "apply")["slow.key"] == "current"
    assert (directory / "slow.key").read_bytes() == kept
    assert set(statuses(cli, "verify").values()) == {"ok"}


# The machine


@pytest.fixture
def disk(cli: Cli) -> Iterator[Callable[[str], None]]:
    """Makes the folder `small` a file system of a size, or gives it another size."""
    place = cli.folder / "small"
    place.mkdir()
    mounted = False

    def sized(size: str) -> None:
        nonlocal mounted
        options = f"{'remount,' if mounted else ''}size={size}"
        mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        done = subprocess.run(mount, check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"mounting a small file system needs root: {done.stderr.strip()}")
        mounted = True

    yield sized
    if mounted:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("size", [20, 32, 64, 128, 160, 192, 240])
def test_a_disk_that_fills_up_anywhere_is_said_and_what_was_done_stays(
    cli: Cli, write: Write, disk: Callable[[str], None], size: int
) -> None:
    """Kibibytes, of which the whole takes some 300."""
    write(HIERARCHY)
    disk(f"{size}k")
    small = cli.folder / "small"
    done = cli("apply", "recipe.yaml", "-C", "small", code=3, env=SECRETS)
    told = [line for line in done.stderr.splitlines() if "error:" in line]
    assert told, done.stderr
    assert all("disk is full" in line or "No space left" in line for line in told), told
    assert "Traceback" not in done.stderr
    before, steps = keys(small), finished(small)
    assert all(f"{step}" in before for step in steps if step.endswith(".key"))
    disk("8m")
    cli("apply", "recipe.yaml", "-C", "small", env=SECRETS)
    assert {name: keys(small)[name] for name in before} == before
    cli("verify", "recipe.yaml", "-C", "small", env=SECRETS)


@pytest.mark.parametrize("what", [".", ".mtls-openssl", ".mtls-openssl/journal", "issuing.ca"])
def test_a_folder_that_may_not_be_written_any_more_is_said_and_then_gone_on_with(
    cli: Cli, write: Write, what: str
) -> None:
    """As a user without root's powers; whatever of it is locked."""
    write(HIERARCHY)
    as_user(cli, "apply", "recipe.yaml")
    directory = cli.folder / "recipe"
    (directory / "alice.pem").unlink()
    (directory / "late.pem").unlink()
    before = keys(directory)
    locked = directory / what
    mode = stat.S_IMODE(locked.stat().st_mode)
    locked.chmod(0o555 if locked.is_dir() else 0o444)
    try:
        done = as_user(cli, "apply", "recipe.yaml", code=3)
    finally:
        locked.chmod(mode)
    assert re.search(r"^error: .*(ermission denied|cannot be written)", done.stderr, re.MULTILINE)
    assert "Traceback" not in done.stderr
    as_user(cli, "apply", "recipe.yaml")
    assert keys(directory) == before
    as_user(cli, "verify", "recipe.yaml")
