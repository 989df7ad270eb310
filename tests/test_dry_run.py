"""The dry run is what is run: piped to bash in an empty folder, it makes what apply makes."""

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
