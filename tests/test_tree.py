"""The plan as a tree: in a pipe, and on a terminal of 80 columns."""

import re
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest
from rich.cells import cell_len

from tests.conftest import Cli

Write = Callable[..., Path]

RECIPE = """\
workflow: modern
authorities:
  root: {subject: {CN: Root}}
  low: {issuer: root}
servers:
  a-long-name-of-a-server.example.com:
    subject: {O: 証明書を発行する会社, OU: Möbel & Söhne of the far north}
    names: [example.com]
clients:
  alice: {issuer: low}
"""


def lines(printed: str) -> list[str]:
    """What stands on a terminal's lines, without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", printed).replace("\r", "").splitlines()


def on_a_terminal(cli: Cli, *words: str, width: int = 80, colour: bool = True) -> str:
    """Run a verb on a terminal, to its end; give all that it showed."""
    environment = cli.environment()
    for name in ("COLUMNS", "NO_COLOR"):
        environment.pop(name, None)
    environment |= {"TERM": "xterm"} | ({} if colour else {"NO_COLOR": "1"})
    program, *rest = cli.argv(*words)
    child = pexpect.spawn(
        program, rest, cwd=str(cli.folder), env=environment, dimensions=(24, width),
        encoding="utf-8", timeout=60,
    )  # fmt: skip
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0, child.before
    return str(child.before)


@pytest.mark.parametrize("width", [80, 50])
def test_no_line_is_wider_than_the_terminal_and_the_guides_go_on(
    cli: Cli, write: Write, width: int
) -> None:
    write(RECIPE)
    shown = lines(on_a_terminal(cli, "plan", "recipe.yaml", width=width))
    assert max(map(cell_len, shown)) <= width
    piped = cli("plan", "recipe.yaml").stdout.splitlines()
    assert len(shown) > len(piped)
    guide = re.compile(r"(?:│   |    )*(?:├── |└── )?")
    words = " ".join(" ".join(guide.sub("", line, count=1).split()) for line in shown)
    whole = " ".join(" ".join(guide.sub("", line, count=1).split()) for line in piped)
    assert words.replace(" ", "") == whole.replace(" ", "")
    first = next(number for number, line in enumerate(shown) if line.startswith("├── "))
    for line in shown[first:]:
        assert line.startswith(("├── ", "└── ", "│   ", "    "))


def test_a_pipe_gets_whole_lines_and_no_colour(cli: Cli, write: Write) -> None:
    write(RECIPE)
    assert cli("plan", "recipe.yaml").stdout.splitlines()[:9] == [
        lines(cli("plan", "recipe.yaml").stdout)[0],
        "├── root  root authority, CN=Root",
        "│   ├── 1.1 Generate the key: run, root.key is missing",
        "│   ├── 1.2 Request a certificate: run, root.csr is missing",
        "│   ├── 1.3 Say what the CA may do: run, root.ext is missing",
        "│   ├── 1.4 Sign it with its own key: run, root.pem is missing",
        "│   └── low  issuing authority, CN=low",
        "│       ├── 2.1 Generate the key: run, low.key is missing",
        "│       ├── 2.2 Request a certificate: run, low.csr is missing",
    ]


def test_what_runs_is_coloured_unless_no_colour_is_wanted(cli: Cli, write: Write) -> None:
    write(RECIPE)
    assert "\x1b[33mrun\x1b[0m" in on_a_terminal(cli, "plan", "recipe.yaml")
    assert "\x1b[3" not in on_a_terminal(cli, "plan", "recipe.yaml", colour=False)


def test_each_status_is_told_in_its_word(cli: Cli, write: Write) -> None:
    """Run, current, revoked and left out; of a revoked one, when, why and what makes another."""
    write(RECIPE)
    cli("apply", "recipe.yaml")
    cli("revoke", "recipe.yaml", "alice", "--reason", "superseded")
    write(RECIPE.replace("root: {", "root: {path_length: 3, "))
    tree = cli("plan", "recipe.yaml", "--only", "low").stdout
    assert "1.3 Say what the CA may do: run, command changed" in tree
    assert re.search(
        r"4\.4 The issuer signs: revoked, revoked on \d{4}-\d\d-\d\d \(superseded\);"
        r" --rekey alice makes its successor\n",
        tree,
    )
    assert "4.1 Generate the key: revoked, " in tree
    assert "3.1 Generate the key: current\n" in tree
    assert "3.4 The issuer signs: left out, low.pem is re-issued" in tree


def test_what_a_terminal_would_obey_is_shown_as_text(cli: Cli, write: Write) -> None:
    """Markup and characters that turn the writing direction are letters like others."""
    write('workflow: modern\nauthorities: {ca: {subject: {CN: "[red]a\\u202eb[/red]"}}}\n')
    assert "CN=[red]a\\x202eb[/red]" in on_a_terminal(cli, "plan", "recipe.yaml")
