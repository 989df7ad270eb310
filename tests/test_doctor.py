"""`doctor`: what it finds of real binaries, of broken ones, and of a machine that is not well."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pexpect
import pytest

from mtls_openssl import doctor, probe
from mtls_openssl.doctor import Finding, Machine, Openssl, Trial
from mtls_openssl.errors import MachineFault
from mtls_openssl.render import findings
from mtls_openssl.version import Version
from tests.conftest import Cli

Write = Callable[..., Path]

WELL = Machine("Linux 6.1 x86_64", "Python 3.11.2", {}, "pki/")
SOUND = Openssl(
    "/usr/bin/openssl",
    "OpenSSL 3.0.19 27 Jan 2026 (Library: OpenSSL 3.0.19 27 Jan 2026)\n"
    'platform: debian-amd64\nOPENSSLDIR: "/usr/lib/ssl"\n',
    (Trial("a key", ok=True), Trial("a request", ok=True)),
    "/usr/lib/ssl/openssl.cnf",
    ("default",),
    2,
    dict.fromkeys((ability.name for ability in doctor.ABILITIES), True),
    {},
)


LEVELS = """\
[top]
ssl_conf = ssl
[ssl]
system_default = all
[all]
CipherString = DEFAULT@SECLEVEL="""
"""The end of a configuration that sets a security level."""


def found(openssl: Openssl | MachineFault = SOUND, machine: Machine = WELL) -> dict[str, Finding]:
    return {finding.name: finding for finding in doctor.findings(openssl, machine)}


def told(finding: Finding) -> tuple[str, str, str]:
    return finding.status, finding.detail, finding.remedy


def seen(cli: Cli, *words: str, code: int = 0, **env: str) -> dict[str, dict[str, Any]]:
    """The findings of a run, by name; of what is not `ok`, the remedy is never missing."""
    done = cli("doctor", *words, "--format", "json", code=code, env=env)
    shown = json.loads(done.stdout)
    assert shown["ok"] == (code == 0)
    assert shown["steps"] == []
    for finding in shown["findings"]:
        assert finding["status"] == "ok" or finding["remedy"], finding
    return {finding["name"]: finding for finding in shown["findings"]}


def script(folder: Path, text: str, name: str = "stand-in") -> str:
    """Write a program that stands where an openssl should."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.version
def test_it_tells_which_openssl_serves_and_what_it_can_do(cli: Cli, version: Version) -> None:
    shown = seen(cli)
    assert shown["program"]["detail"] == str(cli.openssl.absolute())
    assert shown["version"]["detail"] == str(version)
    assert shown["configuration"]["detail"].endswith("/openssl.cnf")
    assert shown["trial"]["status"] == "ok"
    assert shown["ml-dsa"]["status"] == ("ok" if version.numbers >= (3, 5, 0) else "no")
    assert shown["not_before"]["status"] == ("ok" if version.numbers >= (3, 5, 0) else "no")
    assert ("providers" in shown) == (version.numbers >= (3, 0, 0))
    for name in ("ed25519", "x509_strict", "verify_hostname", "ca", "legacy", "storeutl"):
        assert shown[name]["status"] == "ok", name


@pytest.mark.version
@pytest.mark.parametrize("level", range(6))
def test_the_security_level_is_found_by_what_a_connection_takes(
    level: int, cli: Cli, tmp_path: Path
) -> None:
    whole = Path(seen(cli)["configuration"]["detail"]).read_text()
    rest = whole.replace("openssl_conf =", "# openssl_conf =")
    (tmp_path / "mine.cnf").write_text(f"openssl_conf = top\n{rest}\n{LEVELS}{level}\n")
    stand_in = script(tmp_path, f'export OPENSSL_CONF={tmp_path}/mine.cnf\nexec {cli.openssl} "$@"')
    cli.openssl = Path(stand_in)
    shown = seen(cli)
    assert shown["configuration"]["detail"] == f"{tmp_path}/mine.cnf"
    assert shown["security level"]["detail"] == f"{level}: {doctor.STRENGTH[level]}"
    assert shown["security level"]["status"] == ("ok" if level <= 2 else "warn")


@pytest.mark.version
def test_a_broken_configuration_is_found_by_a_request_that_fails(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.cnf").write_text("[req\nnothing\n")
    cli.openssl = Path(
        script(tmp_path, f'export OPENSSL_CONF={tmp_path}/mine.cnf\nexec {cli.openssl} "$@"')
    )
    shown = seen(cli, code=3)
    assert shown["trial"]["status"] == "fail"
    assert "cannot be made" in shown["trial"]["detail"]
    assert "ed25519" not in shown  # what it can do is not asked of an openssl that can do nothing


def test_a_provider_that_is_not_there_is_told_by_a_key_that_fails(
    cli: Cli, tmp_path: Path, version: Version
) -> None:
    if version.numbers < (3, 0, 0):
        pytest.skip(f"{version} has no providers")
    (tmp_path / "mine.cnf").write_text(
        "openssl_conf = top\n[top]\nproviders = all\n[all]\nfips = one\n[one]\nactivate = 1\n"
    )
    cli.openssl = Path(
        script(tmp_path, f'export OPENSSL_CONF={tmp_path}/mine.cnf\nexec {cli.openssl} "$@"')
    )
    trial = seen(cli, code=3)["trial"]
    assert trial["detail"].startswith("a key cannot be made: ")
    assert trial["remedy"].startswith("active providers: none; let its configuration file activate")


@pytest.mark.parametrize(
    ("says", "status", "detail"),
    [
        ("OpenSSL 1.0.2u  20 Dec 2019", "fail", "OpenSSL 1.0.2u is too old"),
        ("BoringSSL", "fail", "this is no openssl that is known: it says 'BoringSSL'"),
        ("LibreSSL 4.3.0", "warn", "LibreSSL 4.3.0, with which nothing here is tested"),
    ],
)
def test_another_openssl_is_a_finding_and_no_crash(
    says: str, status: str, detail: str, cli: Cli, tmp_path: Path
) -> None:
    real = cli.openssl.absolute()
    cli.openssl = Path(
        script(tmp_path, f'[ "$1" = version ] && {{ echo "{says}"; exit; }}\nexec {real} "$@"')
    )
    shown = seen(cli, code=3 if status == "fail" else 0)
    assert (shown["version"]["status"], shown["version"]["detail"]) == (status, detail)


def test_no_openssl_at_all_is_a_finding_and_the_machine_is_looked_at_all_the_same(
    cli: Cli, tmp_path: Path
) -> None:
    cli.openssl = tmp_path / "nothing"
    shown = seen(cli, code=3)
    assert shown["program"]["detail"] == f"there is no openssl at {tmp_path}/nothing"
    assert shown["directory"]["status"] == "ok"
    done = cli("doctor", code=3)
    assert done.stderr == (
        "error: apply could not work here: program\n  help: install it (apt-get install openssl,"
        " brew install openssl), or name one by --openssl\n"
    )


def test_a_program_that_does_not_start_is_a_finding(cli: Cli, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("no program\n")
    broken.chmod(0o755)
    cli.openssl = broken
    assert seen(cli, code=3)["program"]["detail"] == f"{broken} does not start: Exec format error"


def test_the_callers_own_configuration_is_told_and_dropped(cli: Cli) -> None:
    shown = seen(cli, OPENSSL_CONF="/nowhere/openssl.cnf")
    assert shown["OPENSSL_CONF"]["status"] == "warn"
    assert shown["OPENSSL_CONF"]["detail"] == "/nowhere/openssl.cnf is set here, and dropped"
    assert shown["trial"]["status"] == "ok"


def test_a_legacy_provider_that_cannot_be_loaded_is_missed_by_nobody_but_who_wants_it(
    cli: Cli, version: Version
) -> None:
    if version.numbers < (3, 0, 0):
        pytest.skip(f"{version} has no providers")
    shown = seen(cli, OPENSSL_MODULES="/nowhere")
    assert shown["legacy"]["status"] == "no"
    assert shown["OPENSSL_MODULES"]["detail"] == "/nowhere is set here, and kept"


def test_a_recipes_directory_and_keys_are_tried(cli: Cli, write: Write, version: Version) -> None:
    write("workflow: modern\nauthorities: {ca: {key: ml-dsa-65}}\nservers: {s: {key: ed25519}}\n",
          "pki.yaml")  # fmt: skip
    able = version.numbers >= (3, 5, 0)
    done = cli("doctor", "pki.yaml", code=0 if able else 3)
    assert "ok    directory        pki/ can be written, locked and kept private\n" in done.stdout
    assert "ok    recipe's keys    ED25519 keys can be made\n" in done.stdout
    told = (
        "ok    recipe's keys    ML-DSA-65 keys can" if able else "fail  recipe's keys    ML-DSA-65"
    )
    assert told in done.stdout


def test_nothing_is_left_behind(cli: Cli, write: Write, tmp_path: Path) -> None:
    write("workflow: modern\nauthorities: {ca: {}}\n", "pki.yaml")
    cli("doctor", "pki.yaml", env={"TMPDIR": str(tmp_path)})
    assert [path.name for path in tmp_path.iterdir()] == ["pki.yaml"]


def test_a_recipe_that_is_wrong_is_told_as_by_every_verb(cli: Cli, write: Write) -> None:
    write("workflow: modern\nauthority: {}\n")
    assert "unknown key 'authority'" in cli("doctor", "recipe.yaml", code=2).stderr


def test_a_place_that_cannot_be_written_is_a_finding(cli: Cli) -> None:
    shown = seen(cli, "-C", "/proc/nowhere", code=3)
    assert shown["directory"]["status"] == "fail"
    assert shown["directory"]["detail"].endswith("/proc/nowhere/: no such file or directory")
    assert "disk" not in shown


def test_a_full_disk_is_found_by_writing(cli: Cli, tmp_path: Path) -> None:
    inside = "mount -t tmpfs -o size=8k none full && exec "
    command = " ".join(cli.argv("doctor", "-C", "full"))
    (tmp_path / "full").mkdir()
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if (
        shutil.which("unshare") is None
        or subprocess.run(
            [*unshare, f"{inside}true"], cwd=tmp_path, check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("no disk can be mounted here")
    done = subprocess.run(
        [*unshare, inside + command], cwd=tmp_path, env=cli.environment(), check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 3
    assert "fail  directory        full/: no space left on device\n" in done.stdout
    assert "help: make room there, or choose another place by --directory\n" in done.stdout


def test_quiet_says_nothing_where_all_is_well(cli: Cli) -> None:
    done = cli("doctor", "--quiet")
    assert done.stdout + done.stderr == ""


def test_at_a_terminal_no_line_is_longer_than_it_is_wide(cli: Cli) -> None:
    environment = {**cli.environment(), "COLUMNS": "80", "TERM": "xterm", "NO_COLOR": "1"}
    words = cli.argv("doctor")
    child = pexpect.spawn(
        words[0], words[1:], cwd=str(cli.folder), env=environment, dimensions=(24, 80),
        encoding="utf-8", timeout=60,
    )  # fmt: skip
    child.expect(pexpect.EOF)
    child.close()
    text = str(child.before).replace("\r", "")
    assert child.exitstatus == 0
    assert "apply can work here" in text
    assert [line for line in text.splitlines() if len(line) > 80] == []


def test_the_text_is_the_findings_and_what_to_do() -> None:
    shown = findings.text(doctor.findings(SOUND, replace(WELL, free=1024)), 100_000).plain
    assert shown.startswith("""\
openssl
  ok    program          /usr/bin/openssl
  ok    version          OpenSSL 3.0.19
  ok    library          OpenSSL 3.0.19
  ok    built for        debian-amd64
  ok    its folder       /usr/lib/ssl
  ok    configuration    /usr/lib/ssl/openssl.cnf
  ok    providers        default
  ok    security level   2: RSA from 2048 bits, EC from 224
  ok    trial            made in a temporary folder: a key, a request

what it can do
""")
    assert shown.endswith("""\
  warn  disk             1 KiB are free
                         help: make room
  ok    terminal         openssl's prompts can be answered
  ok    text             UTF-8

apply can work here; 1 warning
""")


def test_another_ones_library_is_warned_of() -> None:
    mixed = replace(
        SOUND, printed=SOUND.printed.replace("(Library: OpenSSL 3.0.19", "(Library: OpenSSL 3.0.11")
    )
    assert told(found(mixed)["library"])[:2] == ("warn", "OpenSSL 3.0.11, not the program's own")


@pytest.mark.parametrize(
    ("change", "name", "status", "detail"),
    [
        ({"locking": "No locks available"}, "directory", "fail",
         "pki/ has no locks: No locks available"),
        ({"private": False}, "directory", "fail",
         "pki/: every file is everybody's, whatever its mode"),
        ({"terminal": "out of pty devices"}, "terminal", "fail",
         "none can be made for prompts: out of pty devices"),
        ({"encoding": "ANSI_X3.4-1968"}, "text", "warn",
         "ANSI_X3.4-1968: not every name can be shown"),
        ({"free": 512 * 1024}, "disk", "warn", "512 KiB are free"),
    ],
)  # fmt: skip
def test_a_machine_that_is_not_well_is_told_with_a_remedy(
    change: dict[str, Any], name: str, status: str, detail: str
) -> None:
    finding = found(machine=replace(WELL, **change))[name]
    assert (finding.status, finding.detail) == (status, detail)
    assert finding.remedy


def test_another_encoding_is_seen_as_it_is(cli: Cli) -> None:
    shown = seen(cli, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert shown["text"]["status"] == "warn"


def test_probing_this_machine_finds_it_well(tmp_path: Path) -> None:
    machine = probe.machine(tmp_path / "not" / "there", "there/", os.environ)
    assert (machine.writing, machine.locking, machine.private) == ("", "", True)
    assert machine.terminal == ""
    assert not (tmp_path / "not").exists()
