"""A part of a recipe: what is named, what that needs, and nothing beside it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Cli

Write = Callable[..., Path]

RECIPE = """\
workflow: modern
authorities: {ca: , low: {issuer: ca}}
servers: {web: {names: [a.example.com]}}
clients: {alice: , bob: {passphrase: {env: NOBODY_HAS_SET_IT}}}
"""


@pytest.fixture
def here(cli: Cli, write: Write) -> Path:
    write(RECIPE)
    return cli.folder / "recipe"


def statuses(cli: Cli, *words: str) -> dict[str, list[str]]:
    """The steps of what a verb says, by their status."""
    told: dict[str, list[str]] = {}
    printed = cli(*words, "recipe.yaml", "--format", "json").stdout
    for step in json.loads(printed)["steps"]:
        told.setdefault(step["status"], []).append(step["id"])
    return told


def test_an_entity_is_made_with_all_that_it_needs(cli: Cli, here: Path) -> None:
    """Nobody is asked for another's secret, and the end tells only of what there is."""
    done = cli("apply", "recipe.yaml", "--only", "alice")
    assert {path.name.split(".")[0] for path in here.glob("[!.]*")} == {"ca", "low", "alice"}
    table = [line.split() for line in done.stderr.splitlines() if line.startswith("  ")]
    assert [line[0] for line in table if line[1:]] == [
        "ca",
        "low",
        "low.key,",
        "alice",
        "alice.key,",
    ]
    assert "?" not in done.stderr
    told = statuses(cli, "plan")
    assert {name.split(".")[0] for name in told["run"]} == {"web", "bob", "recipe"}
    assert "left out" not in told
    cli("apply", "recipe.yaml", env={"NOBODY_HAS_SET_IT": "now it is"})
    cli("verify", "recipe.yaml", env={"NOBODY_HAS_SET_IT": "now it is"})


def test_a_step_is_done_with_all_that_it_needs_and_the_next_apply_goes_on(
    cli: Cli, here: Path
) -> None:
    told = statuses(cli, "plan", "--only", "web.request")
    assert told["run"] == ["web.key", "web.request"]
    assert {"ca.key", "web.certificate", "bob.key", "recipe.trust"} <= {*told["left out"]}
    done = cli("apply", "recipe.yaml", "--only", "web.request")
    assert sorted(path.name for path in here.glob("[!.]*")) == ["web.csr", "web.key"]
    assert "  web  no certificate yet\n" in done.stderr
    key = (here / "web.key").read_bytes()
    told = statuses(cli, "apply", "--only", "web", "--only", "recipe.trust")
    assert {name.split(".")[0] for name in told["done"]} == {"ca", "low", "web", "recipe"}
    assert {name.split(".")[0] for name in told["left out"]} == {"alice", "bob"}
    assert (here / "web.key").read_bytes() == key
    told = statuses(cli, "apply", "--only", "web")
    assert "done" not in told


def test_the_script_of_a_part_is_that_part(cli: Cli, here: Path) -> None:
    done = cli("apply", "-n", "recipe.yaml", "--only", "alice.key")
    assert [line for line in done.stdout.splitlines() if line.startswith("openssl")] == [
        "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out alice.key"
    ]
    assert not here.exists()


def test_a_change_of_another_is_left_for_the_next_apply(cli: Cli, here: Path, write: Write) -> None:
    assert here
    env = {"NOBODY_HAS_SET_IT": "now it is"}
    cli("apply", "recipe.yaml", env=env)
    write(RECIPE.replace("a.example.com", "b.example.com").replace("alice: ", "alice: {days: 9}"))
    told = statuses(cli, "apply", "--only", "alice")
    assert told["done"] == ["alice.certificate", "alice.chain"]
    assert told["left out"] == ["web.extensions", "web.certificate", "web.chain"]
    assert statuses(cli, "apply")["done"] == told["left out"]
    cli("verify", "recipe.yaml", env=env)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("lice", "did you mean 'alice'?"),
        ("web.keys", "did you mean 'web.key'?"),
        ("nobody.at.all", "known here: alice, bob, ca, low, web"),
    ],
)
def test_a_name_that_there_is_not_is_told(cli: Cli, here: Path, name: str, hint: str) -> None:
    done = cli("apply", "recipe.yaml", "--only", name, code=2)
    assert done.stderr == (
        f"error: --only: there is no {name!r} in the recipe\n  help: {hint}\n"
    )  # fmt: skip
    assert not here.exists()
