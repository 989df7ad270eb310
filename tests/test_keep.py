"""What lies there without a record, or by another step, is kept where it is right: only then."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Cli

Write = Callable[..., Path]

RECIPE = """\
workflow: modern
authorities: {ca: }
servers: {web: {names: [a.example.com]}}
clients: {me: {pkcs12: {password: {generate: true}}}}
"""


def dealt(cli: Cli) -> dict[str, list[str]]:
    """Apply; give the steps by their status."""
    told: dict[str, list[str]] = {}
    for step in json.loads(cli("apply", "recipe.yaml", "--format", "json").stdout)["steps"]:
        told.setdefault(step["status"], []).append(step["id"])
    return told


def test_a_lost_journal_is_written_anew_and_all_is_kept(cli: Cli, write: Write) -> None:
    write(RECIPE)
    cli("apply", "recipe.yaml")
    (cli.folder / "recipe/.mtls-openssl/journal").unlink()
    assert list(dealt(cli)) == ["kept"]
    cli("verify", "recipe.yaml")


def test_what_follows_from_a_file_that_is_not_right_is_made_anew_with_it(
    cli: Cli, write: Write
) -> None:
    """The chain fits the old certificate, and would be taken over if it were looked at alone."""
    write(RECIPE)
    cli("apply", "recipe.yaml")
    (cli.folder / "recipe/.mtls-openssl/journal").unlink()
    write(RECIPE.replace("a.example.com", "b.example.com"))
    told = dealt(cli)
    assert told["done"] == ["web.extensions", "web.certificate", "web.chain"]
    cli("verify", "recipe.yaml")
    assert list(dealt(cli)) == ["current"]


def test_a_certificate_that_another_step_made_outdates_what_was_made_of_it(
    cli: Cli, write: Write
) -> None:
    """A fixture that becomes ordinary: plan tells beforehand what apply will do."""
    write(RECIPE.replace("me: {", "me: {not_after: 2020-01-01, "))
    cli("apply", "recipe.yaml")
    write(RECIPE)
    plan = json.loads(cli("plan", "recipe.yaml", "--format", "json").stdout)["steps"]
    due = [step["id"] for step in plan if step["status"] == "run"]
    assert due == ["me.certificate", "me.chain", "me.pkcs12"]
    assert dealt(cli)["done"] == due
    cli("verify", "recipe.yaml")
