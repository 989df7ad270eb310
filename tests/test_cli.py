"""The command line: streams, exit codes, help, terminals, and what a person sees when it fails."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from mtls_openssl import __version__, recipe, starters
from tests.conftest import PROMPTING, ROOT, SECRETS, SMALL, Cli

Write = Callable[..., Path]


def at_terminal(cli: Cli, *words: str, env: dict[str, str] | None = None) -> "pexpect.spawn[str]":
    """Run the command line as a person does."""
    environment = cli.environment({"TERM": "xterm-256color", **(env or {})})
    for name in ("NO_COLOR", "CI"):
        environment.pop(name, None) if not (env and name in env) else None
    command, *arguments = cli.argv(*words)
    return pexpect.spawn(
        command, arguments, cwd=str(cli.folder), encoding="utf-8", timeout=60,
        dimensions=(40, 120), env=environment,
    )  # fmt: skip


# Streams


def test_a_plan_is_a_tree_on_standard_output(cli: Cli, write: Write) -> None:
    write(SMALL)
    done = cli("plan", "recipe.yaml")
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Mutual TLS Authentication: 11 of 11 steps to run, by OpenSSL ")
    assert lines[1] == "└── ca  root authority, C=US, O=Example, CN=Root"
    assert lines[2] == "    ├── 1.1 Generate CA key: run, ca.key is missing"
    assert lines[5] == "    ├── server  server, C=US, O=Example, CN=test.example.com"
    assert not list(cli.folder.glob("recipe/*"))


def test_verify_reports_on_standard_output_and_changes_nothing(cli: Cli, write: Write) -> None:
    write(SMALL)
    cli("apply", "recipe.yaml", env=SECRETS)
    before = sorted((p, p.stat().st_mtime_ns) for p in (cli.folder / "recipe").rglob("*"))
    done = cli("verify", "recipe.yaml", env=SECRETS)
    assert done.stderr == ""
    assert done.stdout.splitlines()[0] == "ok      ca.key: private, encrypted, algorithm"
    assert done.stdout.splitlines()[-1] == "42 checks held: recipe/"
    assert sorted((p, p.stat().st_mtime_ns) for p in (cli.folder / "recipe").rglob("*")) == before


def test_verify_names_what_fails_and_exits_1(cli: Cli, write: Write) -> None:
    write(SMALL)
    cli("apply", "recipe.yaml", env=SECRETS)
    (cli.folder / "recipe/client.key").chmod(0o644)
    (cli.folder / "recipe/server.csr").unlink()
    done = cli("verify", "recipe.yaml", env=SECRETS, code=1)
    assert "FAILED  client.key\n          private: expected yes, found mode 644\n" in done.stdout
    assert "FAILED  server.csr\n          readable: there is no such file\n" in done.stdout
    told = json.loads(cli("verify", "recipe.yaml", "--format", "json", env=SECRETS, code=1).stdout)
    assert [s["id"] for s in told["steps"] if s["status"] == "failed"] == [
        "server.request", "server.certificate", "client.key",
    ]  # fmt: skip


def test_verify_before_apply_says_so(cli: Cli, write: Write) -> None:
    write(SMALL)
    done = cli("verify", "recipe.yaml", code=1)
    assert done.stderr == (
        "error: there is no directory recipe/\n  help: mtls-openssl apply recipe.yaml makes it\n"
    )


def test_verify_tells_what_expires_soon(cli: Cli, write: Write) -> None:
    write(SMALL)
    cli("apply", "recipe.yaml", env=SECRETS)
    cli("verify", "recipe.yaml", "--expires-within", "30d", env=SECRETS)
    done = cli("verify", "recipe.yaml", "--expires-within", "366d", env=SECRETS, code=1)
    found = re.findall(
        r"FAILED  (\S+)\n +expiry: until \d{4}-\d\d-\d\d \d\d:\d\d UTC, 36", done.stdout
    )
    assert found == ["test.example.com.pem", "client.pem"]
    wrong = cli("verify", "recipe.yaml", "--expires-within", "soon", env=SECRETS, code=2)
    assert wrong.stderr == (
        "error: --expires-within: 'soon' is no length of time\n  help: write 30d, 12h or 90m\n"
    )


@pytest.mark.parametrize("verb", ["apply", "plan", "verify", "export"])
def test_json_is_one_object_also_for_a_wrong_recipe(cli: Cli, write: Write, verb: str) -> None:
    write("workflow: mutual-tls\nauthorities: {ca: {dayz: 3}}\n")
    done = cli(verb, "recipe.yaml", "--format", "json", code=2)
    assert json.loads(done.stdout) == {
        "version": 1,
        "command": verb,
        "ok": False,
        "steps": [],
        "error": {
            "kind": "input",
            "message": "unknown key 'dayz'",
            "hint": "",
            "exit_code": 2,
            "problems": [
                {
                    "file": "recipe.yaml",
                    "line": 2,
                    "column": 20,
                    "path": ["authorities", "ca", "dayz"],
                    "message": "unknown key 'dayz'",
                    "hint": "did you mean 'days'?",
                }
            ],
        },
    }
    assert done.stderr == (
        "recipe.yaml:2:20: error: unknown key 'dayz'\n"
        " 2 | authorities: {ca: {dayz: 3}}\n"
        "   |                    ^^^^\n"
        "   = help: did you mean 'days'?\n"
    )


@pytest.mark.parametrize(
    "verb",
    ["apply", "plan", "verify", "explain", "handshake", "config", "guide", "export", "revoke"],
)
def test_the_common_options_are_common(cli: Cli, write: Write, verb: str) -> None:
    """Whoever has them in an alias or a script gives them to every verb that takes a recipe."""
    write("workflow: mutual-tls\nauthorities: {ca: {dayz: 3}}\n")
    name = ["ca"] if verb == "revoke" else []
    options = ["-C", "here", "-j", "1", "-q", "-v", "--verbatim", "--openssl", "openssl"]
    assert "unknown key 'dayz'" in cli(verb, "recipe.yaml", *name, *options, code=2).stderr


NAMELESS = """\
workflow: modern
authorities: {ca: }
servers:
  db.example.com:
  web: {subject: {CN: Our Website}}
  named: {names: [named.example.com]}
"""
WARNING = """\
recipe.yaml:4:3: warning: db.example.com has no names: hardly a client will take it for the server
 4 |   db.example.com:
   |   ^^^^^^^^^^^^^^
   = help: clients look at subjectAltName alone (RFC 9525): names: [db.example.com]
recipe.yaml:5:3: warning: web has no names: hardly a client will take it for the server
 5 |   web: {subject: {CN: Our Website}}
   |   ^^^
   = help: clients look at subjectAltName alone (RFC 9525): names: [web]
"""


@pytest.mark.parametrize("words", [["plan"], ["apply", "-n"], ["apply"]])
def test_a_server_without_names_is_warned_of(cli: Cli, write: Write, words: list[str]) -> None:
    write(NAMELESS)
    assert cli(*words, "recipe.yaml").stderr.endswith(WARNING)
    done = cli(*words, "recipe.yaml", "-q", "--format", "json")
    assert done.stderr == ""
    assert [each["line"] for each in json.loads(done.stdout)["warnings"]] == [4, 5]


def test_the_tutorial_s_servers_have_no_names_and_nothing_is_said(cli: Cli, write: Write) -> None:
    write(SMALL)
    assert cli("plan", "recipe.yaml").stderr == ""


def test_no_recipe_is_told_in_one_sentence(cli: Cli) -> None:
    done = cli("apply", "none.yaml", code=2)
    assert done.stderr == "error: there is no file none.yaml\n  help: check the path\n"


@pytest.mark.parametrize("words", [["aply"], ["apply"], ["apply", "--nope", "x"], ["plan", "-j"]])
def test_a_wrong_command_line_exits_2(cli: Cli, words: list[str]) -> None:
    assert "Usage: mtls-openssl" in cli(*words, code=2).stderr


def test_control_characters_are_shown_and_not_obeyed(cli: Cli, write: Write) -> None:
    """A recipe's text cannot colour or clear the terminal, nor pass for rich's markup."""
    write('workflow: "[bold]x\\e[2J"\nauthorities: {ca: }\n')
    done = cli("plan", "recipe.yaml", code=2)
    assert "\x1b" not in done.stderr
    assert r"'[bold]x\x1b[2J' is no workflow" in done.stderr


def test_a_closed_pipe_is_no_error(cli: Cli, write: Write) -> None:
    write(SMALL)
    command = " ".join(map(shlex.quote, cli.argv("apply", "-n", "recipe.yaml")))
    done = subprocess.run(
        ["bash", "-c", f"{command} | true"], cwd=cli.folder, capture_output=True, text=True,
        check=False, env=cli.environment(),
    )  # fmt: skip
    assert done.stderr == ""


def test_a_bug_shows_its_traceback_and_where_to_report_it(cli: Cli, write: Write) -> None:
    write(SMALL)
    broken = (
        "import sys, mtls_openssl.plan as p\n"
        "p.build = lambda *a, **k: 1 / 0\n"
        "from mtls_openssl.cli.verbs import run\n"
        "run(['plan', 'recipe.yaml'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", broken], cwd=cli.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "This is a bug in mtls-openssl" in done.stderr
    assert "Please report it" in done.stderr


# Small verbs


def test_version_is_told_both_ways(cli: Cli) -> None:
    assert cli("--version").stdout == f"mtls-openssl {__version__}\n"
    environment = cli.environment()
    through_typer = "from mtls_openssl.cli.verbs import run; run(['--version'])"
    done = subprocess.run(
        [sys.executable, "-c", through_typer], env=environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout == f"mtls-openssl {__version__}\n"


def test_version_imports_nothing_that_takes_time(cli: Cli) -> None:
    """Verbs import what they need when they run."""
    script = (
        "import sys; sys.argv = ['mtls-openssl', '--version'];"
        "from mtls_openssl.__main__ import main; main();"
        "sys.exit(any(name in sys.modules for name in ('typer', 'rich', 'pydantic', 'yaml')))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env=cli.environment())


def test_windows_is_sent_to_wsl_in_one_sentence(cli: Cli) -> None:
    script = "import sys; sys.platform = 'win32';from mtls_openssl.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, env=cli.environment(), capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr == (
        "mtls-openssl runs on Linux and macOS; on Windows, run it inside WSL (wsl --install).\n"
    )


def test_help_of_every_verb_fits_and_names_its_options(cli: Cli) -> None:
    told = cli("--help").stdout
    for verb in ("apply", "plan", "verify", "init", "schema"):
        assert f" {verb} " in told
        assert "Usage: mtls-openssl" in cli(verb, "--help").stdout
    for option in ("--dry-run", "--directory", "--jobs", "--format", "--openssl", "--quiet",
                   "--verbose", "--verbatim", "--wait", "--rekey", "--replace"):  # fmt: skip
        assert option in subprocess.run(
            [sys.executable, "-m", "mtls_openssl", "apply", "-h"], capture_output=True, text=True,
            check=True, env=cli.environment(),
        ).stdout  # fmt: skip


def test_completion_is_offered(cli: Cli) -> None:
    environment = cli.environment(
        {
            "_MTLS_OPENSSL_COMPLETE": "complete_bash",
            "COMP_WORDS": "mtls-openssl a",
            "COMP_CWORD": "1",
        }
    )
    done = subprocess.run(
        [sys.executable, "-m", "mtls_openssl"], capture_output=True, text=True, check=False,
        env=environment,
    )  # fmt: skip
    assert done.stdout.split() == ["apply"]


@pytest.mark.parametrize("name", ["modern", "mutual-tls", "encrypted-ca"])
def test_init_writes_a_starter_that_plans(cli: Cli, name: str) -> None:
    text = cli("init", name).stdout
    assert text == (ROOT / "recipes" / f"{name}.yaml").read_text()
    done = cli("init", name, "-o", "recipe.yaml")
    assert done.stdout == ""
    assert done.stderr == (
        "recipe.yaml is written; next: mtls-openssl apply --dry-run recipe.yaml\n"
    )
    cli("plan", "recipe.yaml")


def test_init_overwrites_nothing_and_knows_its_names(cli: Cli, write: Write) -> None:
    path = write("mine", "mine.yaml")
    done = cli("init", "mutual-tls", "-o", "mine.yaml", code=2)
    assert done.stderr == (
        "error: mine.yaml is there already\n  help: choose another name, or move it away\n"
    )
    assert path.read_text() == "mine"
    assert "did you mean 'mutual-tls'?" in cli("init", "mutal-tls", code=2).stderr


def test_init_without_a_name_gives_the_first_tutorial(cli: Cli) -> None:
    assert cli("init").stdout == starters.starter("mutual-tls")


def test_schema_is_the_recipes(cli: Cli) -> None:
    assert json.loads(cli("schema").stdout) == recipe.schema()


# A terminal


def test_at_a_terminal_secrets_are_asked_for_and_a_bar_is_drawn(cli: Cli, write: Write) -> None:
    write(PROMPTING)
    terminal = at_terminal(cli, "apply", "recipe.yaml")
    terminal.expect_exact("The pass phrase of ca/ca.key: ")
    terminal.sendline("typed at a terminal")
    terminal.expect_exact("The same once more: ")
    terminal.sendline("typed at a terminal")
    terminal.expect_exact("The export password of client/heiko.p12: ")
    terminal.sendline("export")
    terminal.expect_exact("The same once more: ")
    terminal.sendline("export")
    terminal.expect(r"━[^\n]*\d+/17")
    terminal.expect(r"17 steps done, 46 checks held, in [0-9.]+ s: recipe/")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    typed = {"CA_PASSPHRASE": "typed at a terminal", "EXPORT_PASSWORD": "export"}
    cli("verify", "recipe.yaml", env=typed)


def test_at_a_terminal_what_is_typed_differently_is_asked_again(cli: Cli, write: Write) -> None:
    write(PROMPTING.replace("rsa:2048", "rsa:2048"))
    terminal = at_terminal(cli, "apply", "recipe.yaml", env={"EXPORT_PASSWORD": "export"})
    for answer in ("one phrase", "another phrase"):
        terminal.expect(": $")
        terminal.sendline(answer)
    terminal.expect_exact("The pass phrase of ca/ca.key: ")
    terminal.sendline("third phrase")
    terminal.expect_exact("The same once more: ")
    terminal.sendline("third phrase")
    terminal.expect("17 steps done")
    terminal.expect(pexpect.EOF)


def test_control_c_at_a_prompt_ends_with_130_and_nothing_made(cli: Cli, write: Write) -> None:
    write(PROMPTING)
    terminal = at_terminal(cli, "apply", "recipe.yaml")
    terminal.expect_exact("The pass phrase of ca/ca.key: ")
    terminal.sendcontrol("c")
    terminal.expect_exact("error: interrupted")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 130
    assert not (cli.folder / "recipe/ca").exists()


def test_colour_is_for_terminals_and_no_colour_is_honoured(cli: Cli, write: Write) -> None:
    write(SMALL)
    coloured = at_terminal(cli, "plan", "recipe.yaml")
    assert "\x1b[33mrun\x1b[0m" in coloured.read()
    plain = at_terminal(cli, "plan", "recipe.yaml", env={"NO_COLOR": "1"})
    assert "\x1b[33m" not in plain.read()
    assert "\x1b" not in cli("plan", "recipe.yaml").stdout


def test_readme_names_every_exit_code_of_the_code() -> None:
    """0 and 2 are also typer's."""
    tree = ast.parse((ROOT / "mtls_openssl/errors.py").read_text())
    codes = {
        statement.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, int)
    }
    readme = (ROOT / "README.md").read_text()
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)}
    assert told == codes | {0}
    assert os.path.exists(ROOT / "LICENSE")
