"""Golden cases hold: what a recipe comes to is reviewed as a whole, and changes only knowingly."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests import golden
from tests.conftest import ROOT
from tests.planning import attempted, planned, script_of

every_case = pytest.mark.parametrize("case", golden.CASES, ids=lambda case: case.name)


@every_case
def test_a_recipe_comes_to_what_was_reviewed(case: Path) -> None:
    """Where this fails and should: make golden, and review the diff."""
    made = golden.made(case)
    assert {name: (case / name).read_text("utf-8") for name in made} == made


@every_case
def test_a_case_is_made_of_its_files_alone(case: Path) -> None:
    """No file is forgotten in a case, and each is looked at."""
    names = {path.name for path in case.iterdir()} - {"recipe.yaml", "openssl.txt"}
    assert names - {"lesson.yaml"} == {"script.sh", "export.sh", "plan.json", "lesson.md"}


def test_the_bundled_recipes_are_cases_as_they_are() -> None:
    bundled = sorted((ROOT / "recipes").glob("*.yaml"))
    assert {"mutual-tls.yaml", "encrypted-ca.yaml"} <= {path.name for path in bundled}
    for path in bundled:
        case = golden.FOLDER / path.stem / "recipe.yaml"
        assert case.read_text("utf-8") == path.read_text("utf-8")


@every_case
def test_bash_reads_the_script(case: Path) -> None:
    done = subprocess.run(
        ["bash", "-n", case / "script.sh"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@every_case
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_any_shell_reads_the_export(case: Path, shell: str) -> None:
    done = subprocess.run(
        [shell, "-n", case / "export.sh"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


STANDIN = """\
for program in openssl chmod mkdir; do
  eval "$program() { printf '%s\\0' \\"$program\\" \\"\\$@\\" '' >> \\"\\$LOG\\"; }"
done
"""
"""Functions in the programs' places, which write down their words."""


@every_case
def test_bash_takes_from_the_script_the_very_words_of_the_plan(case: Path, tmp_path: Path) -> None:
    """Quoting is right: what the shell hands to openssl is the plan's argv, and nothing else."""
    text = (case / "script.sh").read_text("utf-8").replace("} </dev/tty", "} </dev/null")
    for folder in ("", *(name for step in golden.planned(case).steps for name in step.folders)):
        (tmp_path / "work" / folder).mkdir(parents=True)
    log = tmp_path / "log"
    subprocess.run(
        ["bash", "-e"], input=STANDIN + re.sub(r"(?m)^cat (?!> )", ": cat ", text), text=True,
        cwd=tmp_path / "work", env={"LOG": str(log), "PATH": "/usr/bin:/bin", "HOME": "/nowhere"},
        check=True, capture_output=True,
    )  # fmt: skip
    heard = [tuple(words.split("\0")) for words in log.read_text("utf-8").split("\0\0")[:-1]]
    steps = golden.planned(case).steps
    assert heard == [step.argv for step in steps if step.argv and step.argv[0] != "cat"]


@every_case
def test_the_plans_json_is_one_object_of_the_agreed_form(case: Path) -> None:
    """The envelope of DESIGN section 6."""
    content = json.loads((case / "plan.json").read_text("utf-8"))
    assert list(content) == ["version", "command", "ok", "steps", "error"]
    assert (content["version"], content["command"]) == (1, "plan")
    assert (content["ok"], content["error"]) == (True, None)
    steps = golden.planned(case).steps
    assert [step["id"] for step in content["steps"]] == [step.id for step in steps]
    for step in content["steps"]:
        assert list(step) == [
            "id", "entity", "argv", "status", "reason", "seconds", "outputs", "checks",
        ]  # fmt: skip
        assert (step["status"], step["seconds"], step["checks"]) == ("run", 0.0, [])
        assert step["reason"]


@every_case
def test_every_file_that_a_script_writes_is_written_to_the_letter(case: Path) -> None:
    """Run for real, the here-documents make what apply would write."""
    text = (case / "script.sh").read_text("utf-8")
    for step in golden.planned(case).steps:
        for file in step.files:
            start = text.index(f"cat > {shlex.quote(file.path)} <<'EOF'\n")
            body = text[start:].partition("\n")[2].partition("EOF\n")[0]
            assert body == file.text


FLOW = """\
title: Mine
layout:
  root: {key: "{name}.key", note: "{name}.txt"}
steps:
  root:
    - title: A note
      number: "1"
      to: "{note}"
      write: |
        nsComment = {subject.O}
"""


def test_a_title_of_several_lines_puts_no_command_into_the_script() -> None:
    """A workflow's words are comments, whatever is in them: the script is piped to bash."""
    evil = '"A note\\ntouch evil"'
    for right in ("title: Mine", "title: A note", 'number: "1"'):
        assert FLOW.count(right) == 1
        flow = FLOW.replace(right, f"{right.partition(':')[0]}: {evil}")
        made = attempted("workflow: mine.yaml\nauthorities: {ca: {subject: {O: x}}}\n", flow)
        lines = script_of(made).split("\n") if made else []
        assert not [line for line in lines if line.startswith("touch")]


def test_a_here_document_keeps_what_looks_like_a_line_break_to_others() -> None:
    """U+2028 ends a line for Python's splitlines, but not for bash nor for openssl."""
    recipe = 'workflow: mine.yaml\nauthorities: {ca: {subject: {O: "a\\u2028b"}}}\n'
    assert "nsComment = a\u2028b" in _script(recipe, FLOW)


def test_a_here_document_ends_where_nothing_of_it_ends() -> None:
    recipe = "workflow: mine.yaml\nauthorities: {ca: {subject: {O: x}}}\n"
    flow = FLOW.replace("nsComment = {subject.O}", "EOF\n        EOF_\n        {subject.O}")
    assert _script(recipe, flow)[-6:] == [
        "cat > ca.txt <<'EOF__'", "EOF", "EOF_", "x", "EOF__", "",
    ]  # fmt: skip


def _script(recipe: str, flow: str) -> list[str]:
    made = planned(recipe, flow)
    return script_of(made).split("\n")
