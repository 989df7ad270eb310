"""The dry run is what is run: piped to bash in an empty folder, it makes what apply makes."""

import json
import os
import re
import shlex
import stat
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from mtls_openssl import process
from tests.conftest import PROMPTING, SECRETS, SMALL, Cli

Write = Callable[..., Path]

PLAIN = """\
workflow: plain.yaml
authorities:
  ca: {subject: {CN: Root}}
"""
PLAIN_WORKFLOW = """\
title: A CA without prompts
defaults: {root: {key: "rsa:2048"}}
layout:
  root:
    key: "keys/{name}.key"
    extensions: "{name}.ext"
    request: "{name}.csr"
    certificate: "{name}.pem"
steps:
  root:
    - {title: Key, run: "openssl genrsa -out {key} {bits}"}
    - {title: Request, run: "openssl req -new -key {key} -subj {subject} -out {request}"}
    - title: Extensions
      to: "{extensions}"
      write: |
        basicConstraints = critical,CA:TRUE
    - title: Certificate
      run: >-
        openssl x509 -req -in {request} -signkey {key} -days {days} -extfile {extensions}
        -out {certificate}
    - {title: Mode, run: "chmod 444 {certificate}"}
"""


def folder(directory: Path) -> dict[str, int]:
    """Give the files and folders that were made, with their modes; not the tool's own."""
    return {
        str(path.relative_to(directory)): stat.S_IMODE(path.stat().st_mode)
        for path in directory.rglob("*")
        if ".mtls-openssl" not in path.parts and path.name not in (".gitignore", "typescript")
    }


def piped(cli: Cli, made: Path) -> "pexpect.spawn[str]":
    """Pipe the dry run to bash at a terminal, in an empty folder."""
    made.mkdir()
    script = " ".join(map(shlex.quote, cli.argv("apply", "--dry-run", "recipe.yaml")))
    (cli.folder / "bin").mkdir(exist_ok=True)
    link = cli.folder / "bin/openssl"
    if not link.exists():
        link.symlink_to(cli.openssl.resolve())
    # What OPENSSL_CONF names is not there: the script must not mind.
    environment = process.clean_environment(os.environ) | {"OPENSSL_CONF": "/nonexistent"}
    environment["PATH"] = f"{cli.folder}/bin:{environment['PATH']}"
    command = f"{script} | (cd {shlex.quote(str(made))} && umask 022 && exec bash -e)"
    return pexpect.spawn(
        "/bin/sh", ["-c", command], cwd=str(cli.folder), encoding="utf-8", timeout=60,
        env=environment,
    )  # fmt: skip


def typed(terminal: "pexpect.spawn[str]") -> int:
    """Answer as a person would who reads what is asked; give how often they were asked."""
    answers = {"Country Name": "DE", "Organization Name": "Example", "Common Name": "someone"}
    asked = 0
    while True:
        index = terminal.expect(
            [r"pass phrase[^\n:]*:", r"Password:", r"\n([^\n]*) \[[^\n]*\]:", pexpect.EOF]
        )
        if index == 3:
            return asked
        asked += 1
        if index == 0:
            terminal.sendline(SECRETS["CA_PASSPHRASE"])
        elif index == 1:
            terminal.sendline(SECRETS["EXPORT_PASSWORD"])
        else:
            assert isinstance(terminal.match, re.Match)
            label = terminal.match[1]
            answer = next((a for text, a in answers.items() if label.startswith(text)), ".")
            if label.startswith("Common Name"):
                answer += str(asked)  # a leaf may not bear its CA's subject
            terminal.sendline("" if label.startswith(("A challenge", "An optional")) else answer)


@pytest.mark.version
@pytest.mark.parametrize(("recipe", "asked"), [(SMALL, 2), (PROMPTING, 32)])
def test_piped_to_bash_it_makes_what_apply_makes(
    cli: Cli, write: Write, recipe: str, asked: int
) -> None:
    """Files and modes alike, and the tutorial that prompts is typed by a person."""
    write(recipe)
    by_hand = cli.folder / "by-hand"
    terminal = piped(cli, by_hand)
    assert typed(terminal) == asked
    terminal.close()
    assert terminal.exitstatus == 0
    cli("apply", "recipe.yaml", env=SECRETS)
    assert folder(by_hand) == folder(cli.folder / "recipe")


@pytest.mark.version
def test_what_bash_made_passes_verify_and_is_kept_by_apply(cli: Cli, write: Write) -> None:
    write(SMALL)
    by_hand = cli.folder / "by-hand"
    terminal = piped(cli, by_hand)
    typed(terminal)
    before = {path.name: path.read_bytes() for path in by_hand.iterdir()}
    cli("verify", "recipe.yaml", "-C", "by-hand", env=SECRETS)
    told = cli("apply", "recipe.yaml", "-C", "by-hand", env=SECRETS).stderr
    assert "0 steps done, 11 kept" in told
    assert {name: (by_hand / name).read_bytes() for name in before} == before


def test_a_script_without_prompts_needs_no_terminal(cli: Cli, write: Write) -> None:
    write(PLAIN)
    write(PLAIN_WORKFLOW, "plain.yaml")
    script = cli("apply", "-n", "recipe.yaml").stdout
    assert "/dev/tty" not in script
    assert script.splitlines()[1:3] == ["umask 077", "unset OPENSSL_CONF"]
    made = cli.folder / "made"
    terminal = piped(cli, made)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    cli("apply", "recipe.yaml")
    assert folder(made) == folder(cli.folder / "recipe")
    assert folder(made)["keys/ca.key"] == 0o600
    assert folder(made)["ca.pem"] == 0o444


def test_it_runs_and_writes_nothing(cli: Cli, write: Write) -> None:
    """No directory, no secret asked for, no command but `openssl version`."""
    write(PROMPTING)
    done = cli("apply", "-n", "recipe.yaml")
    assert done.stderr == ""
    assert sorted(path.name for path in cli.folder.iterdir()) == ["recipe.yaml"]


def test_only_what_is_due_is_printed(cli: Cli, write: Write) -> None:
    write(SMALL)
    cli("apply", "recipe.yaml", env=SECRETS)
    nothing = cli("apply", "-n", "recipe.yaml").stdout
    assert nothing.splitlines()[1] == "# nothing to do: every step is current"
    assert len(nothing.splitlines()) == 2
    (cli.folder / "recipe/client2.pem").unlink()
    commands = [
        line
        for line in cli("apply", "-n", "recipe.yaml").stdout.splitlines()
        if not line.startswith(("#", "umask", "unset")) and line
    ]
    assert commands == ["cat client.pem client.key > client2.pem"]


def printed(cli: Cli, *words: str, code: int = 0) -> str:
    """Print what is due, without a secret in the environment."""
    return cli("apply", "-n", "recipe.yaml", *words, code=code).stdout


def test_a_key_of_another_kind_is_refused_as_apply_refuses_it(cli: Cli, write: Write) -> None:
    """Piped to bash, its command would write over the key."""
    write(SMALL)
    cli("apply", "recipe.yaml", env=SECRETS)
    write(SMALL.replace("{CN: Root}", "{CN: Root}, key: rsa:3072"))
    refused = cli("apply", "-n", "recipe.yaml", code=1)
    assert refused.stdout == ""
    assert "ca.key is not the key that the recipe asks for: algorithm: expected RSA 3072" in (
        refused.stderr
    )
    assert refused.stderr == cli("apply", "recipe.yaml", env=SECRETS, code=1).stderr
    lines = printed(cli, "--rekey", "ca", "--replace", "ca").splitlines()
    assert "openssl genrsa -out ca.key 3072" in lines


def test_an_authority_that_would_be_issued_anew_is_refused(cli: Cli, write: Write) -> None:
    write(SMALL)
    cli("apply", "recipe.yaml", env=SECRETS)
    write(SMALL.replace("CN: Root", "CN: Another"))
    assert printed(cli, code=1) == ""
    refused = cli("apply", "recipe.yaml", env=SECRETS, code=1).stderr
    plan = cli("plan", "recipe.yaml")
    assert plan.stderr == refused.replace("error: ", "note: apply refuses this: ")
    assert "1.2 Generate CA certificate request: run, command changed" in plan.stdout
    told = json.loads(cli("plan", "recipe.yaml", "--format", "json").stdout)
    assert told["ok"]
    assert told["refused"]["hint"] == "if that is meant: --replace ca"
    assert "note:" not in cli("plan", "recipe.yaml", "--replace", "ca").stderr
    assert "-subj /C=US/O=Example/CN=Another/" in printed(cli, "--replace", "ca")


def test_what_lost_its_record_is_looked_at_and_not_made_anew(cli: Cli, write: Write) -> None:
    write(SMALL)
    cli("apply", "recipe.yaml", env=SECRETS)
    (cli.folder / "recipe/.mtls-openssl/journal").unlink()
    before = folder(cli.folder)
    assert printed(cli).splitlines()[1:] == [
        "",
        "# 3.5 client: Export certificate and key as PKCS#12",
        "# client2.p12 is there: it is kept if it is right",
    ]
    assert folder(cli.folder) == before
    (cli.folder / "recipe/client.pem").write_bytes(
        (cli.folder / "recipe/test.example.com.pem").read_bytes()
    )
    commands = [line for line in printed(cli).splitlines() if line.startswith(("openssl", "cat"))]
    assert [line.split()[1] for line in commands] == ["x509", "client.pem", "pkcs12"]


def test_an_encrypted_key_without_a_record_is_not_written_over(cli: Cli, write: Write) -> None:
    """Only its pass phrase could tell whether it is right, and a dry run asks for none."""
    write(PROMPTING)
    cli("apply", "recipe.yaml", env=SECRETS)
    (cli.folder / "recipe/.mtls-openssl/journal").unlink()
    script = printed(cli)
    assert "# ca/ca.key is there: it is kept if it is right\n" in script
    assert "genrsa" not in script
    told = json.loads(printed(cli, "--format", "json"))["steps"]
    assert {step["id"]: step["status"] for step in told}["ca.key"] == "undecided"


def test_no_secret_is_fetched_to_say_why_a_key_would_be_refused(cli: Cli, write: Write) -> None:
    """Its command makes two files, of which one is lost: the key is not made anew unasked."""
    workflow = """\
title: Key and request at once
defaults: {root: {key: "rsa:2048"}}
layout: {root: {key: "{name}.key", request: "{name}.csr"}}
steps:
  root:
    - title: Both
      run: openssl req -new -newkey rsa:2048 -keyout {key} -subj {subject} -out {request}
      asks: [passphrase]
"""
    write(workflow, "plain.yaml")
    write(
        "workflow: plain.yaml\n"
        "authorities: {ca: {passphrase: {command: [sh, -c, 'echo secret >> asked; cat asked']}}}\n"
    )
    cli("apply", "recipe.yaml")
    asked = cli.folder / "asked"
    assert asked.read_text() == "secret\n"
    (cli.folder / "recipe/ca.csr").unlink()
    told = "ca.key is not the key that the recipe asks for: ca.csr is missing\n"
    assert told in cli("plan", "recipe.yaml").stderr
    assert told in cli("apply", "-n", "recipe.yaml", code=1).stderr
    assert asked.read_text() == "secret\n"
