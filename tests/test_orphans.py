"""What was made for entities that the recipe no longer names: told, and never deleted."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mtls_openssl import orphans
from mtls_openssl.journal import Done, Journal, Print
from mtls_openssl.orphans import Orphan
from tests.conftest import Cli
from tests.planning import planned

Write = Callable[..., Path]

RECIPE = """\
workflow: modern
authorities: {ca: , low: {issuer: ca}, apart: }
servers: {web: {issuer: low, names: [web]}}
clients: {alice: {issuer: low}, bob: {issuer: ca}}
"""
FILES = ["alice.key", "alice.csr", "alice.ext", "alice.pem", "alice.chain.pem"]
NOTE = f"  note: alice is no longer in the recipe; its files stay: {', '.join(FILES)}\n"


def made(*outputs: str) -> Done:
    return Done((), {}, {path: Print("") for path in outputs}, {})


def test_only_files_that_are_there_and_nobody_elses_are_an_orphans(tmp_path: Path) -> None:
    plan = planned("workflow: modern\nauthorities: {ca: }\n")
    journal = Journal(
        tmp_path,
        {
            "folders": made("sub"),
            "ca.key": made("ca.key"),
            "recipe.crls": made("crls.pem"),
            "api.example.com.key": made("api.key"),
            "api.example.com.certificate": made("api.pem", "ca.pem"),
            "gone.key": made("gone.key"),
        },
    )
    for name in ("api.key", "api.pem", "ca.pem", "crls.pem", "ca.key"):
        (tmp_path / name).write_text("")
    assert orphans.find(plan, journal) == (Orphan("api.example.com", ("api.key", "api.pem")),)


@pytest.fixture
def here(cli: Cli, write: Write) -> Path:
    """The directory, of whose entities one was taken out of the recipe."""
    write(RECIPE)
    cli("apply", "recipe.yaml")
    write(RECIPE.replace("alice: {issuer: low}, ", ""))
    return cli.folder / "recipe"


def test_every_verb_that_looks_tells_of_an_orphan_and_touches_nothing(cli: Cli, here: Path) -> None:
    before = {path: path.read_bytes() for path in here.glob("[!.]*")}
    for verb in (["plan"], ["apply", "-n"], ["apply"], ["verify"]):
        done = cli(*verb, "recipe.yaml", "--format", "json")
        assert done.stderr.endswith(NOTE)
        assert json.loads(done.stdout)["orphans"] == [{"entity": "alice", "files": FILES}]
    assert NOTE not in cli("verify", "recipe.yaml", "-q").stderr
    assert {path: path.read_bytes() for path in here.glob("[!.]*")} == before


def test_an_orphan_is_forgotten_once_its_files_are_gone_or_it_is_back(
    cli: Cli, here: Path, write: Write
) -> None:
    for name in FILES[1:]:
        (here / name).unlink()
    told = json.loads(cli("plan", "recipe.yaml", "--format", "json").stdout)
    assert told["orphans"] == [{"entity": "alice", "files": ["alice.key"]}]
    key = (here / "alice.key").read_bytes()
    write(RECIPE)
    assert "no longer" not in cli("apply", "recipe.yaml").stderr
    assert (here / "alice.key").read_bytes() == key, "it went on with the key that was there"
    write(RECIPE.replace("alice: {issuer: low}, ", ""))
    for name in FILES:
        (here / name).unlink()
    assert json.loads(cli("plan", "recipe.yaml", "--format", "json").stdout)["orphans"] == []


def test_an_authority_may_be_an_orphan_too(cli: Cli, here: Path, write: Write) -> None:
    assert here
    write(RECIPE.replace(", apart: ", ""))
    told = json.loads(cli("apply", "recipe.yaml", "--format", "json").stdout)
    files = ["apart.key", "apart.csr", "apart.ext", "apart.pem"]
    assert told["orphans"] == [{"entity": "apart", "files": files}]
    assert [step["id"] for step in told["steps"] if step["status"] == "done"] == ["recipe.trust"]
    cli("verify", "recipe.yaml")


def test_of_many_orphans_ten_are_told_and_json_names_all(cli: Cli, write: Write) -> None:
    text = 'workflow: modern\nauthorities: {ca: }\nclients: {"d{n}": {each: {count: COUNT}}}\n'
    write(text.replace("COUNT", "13"))
    cli("apply", "recipe.yaml")
    write(text.replace("COUNT", "1"))
    done = cli("plan", "recipe.yaml")
    assert done.stderr.count("is no longer in the recipe") == 10
    assert done.stderr.endswith("  note: and 2 others; --format json names them all\n")
    told = json.loads(cli("plan", "recipe.yaml", "--format", "json").stdout)
    assert [orphan["entity"] for orphan in told["orphans"]] == sorted(
        f"d{n}" for n in range(2, 14)
    ), "in an order that does not depend on who was ready first"
