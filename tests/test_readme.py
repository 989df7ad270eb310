"""README tells the truth: its recipe plans, and its transcripts are what one sees."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mtls_openssl import plan, recipe, source, version, workflow
from mtls_openssl.plan import Plan
from tests.conftest import ROOT, Cli

Write = Callable[..., Path]
README = (ROOT / "README.md").read_text()


NO_VERBS = {"app", "options", "output", "view", "verbs"}
VERBS = sorted({path.stem for path in (ROOT / "mtls_openssl/cli").glob("[a-z]*.py")} - NO_VERBS)


def blocks(language: str) -> list[str]:
    """Give README's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def settled(text: str) -> str:
    """Put a word for what changes from run to run: times and dates."""
    text = re.sub(r"\d+\.\d s", "TIME", text)
    return re.sub(r"\d{4}-\d\d-\d\d", "DATE", text)


def planned(text: str, folder: Path) -> Plan:
    """Plan one of README's recipes, beside which its files lie."""
    read = recipe.build(source.parse(text.encode(), "README.md"), "recipe", folder)
    return plan.build(read, workflow.find(read, ROOT), version.parse("OpenSSL 3.5.0"))


def test_the_recipes_by_example_plan(tmp_path: Path) -> None:
    (tmp_path / "devices.csv").write_text("host\nprinter\ncamera\n")
    text, modern, existing = blocks("yaml")
    outputs = {path for step in planned(text, tmp_path).steps for path in step.writes}
    assert {"alice2.p12", "web.pem", "ca.key", "bob.pem"} <= outputs
    outputs = {path for step in planned(modern, tmp_path).steps for path in step.writes}
    assert {"device-1000.key", "camera.pem", "issuing.crl.der", "expired.pem"} <= outputs
    assert "sensor.pem" in outputs
    assert "sensor.key" not in outputs
    made = planned(f"workflow: modern\n{existing}clients: {{alice: }}\n", tmp_path)
    assert [m.entity.section for m in made.members] == ["existing", "existing", "client"]


def test_every_key_of_the_recipe_stands_in_the_reference() -> None:
    top = {"defaults", "authorities", "servers", "clients"}
    told = set(re.findall(r"`(\w+)[`:]", README)) | top
    known = set(recipe.schema()["properties"])
    for definition in recipe.schema()["$defs"].values():
        known |= set(definition["properties"])
    assert known <= told


def test_the_transcript_is_what_one_sees(cli: Cli) -> None:
    [transcript] = [block for block in blocks("console") if "init mutual-tls" in block]
    commands = re.split(r"^\$ mtls-openssl ", transcript, flags=re.MULTILINE)[1:]
    assert len(commands) == 3
    for command in commands:
        line, _, expected = command.partition("\n")
        done = cli(*line.split())
        assert settled(done.stdout + done.stderr) == settled(expected)


def test_configuration_and_explanation_are_what_one_sees(cli: Cli, write: Write) -> None:
    write(cli("init").stdout)
    for verb in ("config", "explain"):
        [shown] = [block for block in blocks("console") if f"mtls-openssl {verb}" in block]
        line, _, expected = shown.partition("\n")
        done = cli(*line.removeprefix("$ mtls-openssl ").split())
        assert done.stdout + done.stderr == expected


def test_the_mistake_is_shown_as_it_is_shown(cli: Cli, write: Write) -> None:
    [shown] = [block for block in blocks("console") if "dayz" in block]
    write(cli("init").stdout.replace("days: 3650", "dayz: 3650"))
    assert cli("apply", "recipe.yaml", code=2).stderr == shown.partition("\n")[2]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_stands_in_the_table(verb: str) -> None:
    assert re.search(rf"^\| `{verb}\b", README, re.MULTILINE)
