"""The recipe's JSON Schema: committed, true to the recipes, and named by them."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from mtls_openssl import recipe
from tests import golden
from tests.conftest import PROMPTING, ROOT, SMALL, Cli

COMMITTED = ROOT / "recipes" / "recipe.schema.json"
BUNDLED = sorted((ROOT / "recipes").glob("*.yaml"))
BY_NAME = pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.name)


@pytest.fixture(scope="module")
def judge() -> jsonschema.Draft202012Validator:
    content = json.loads(COMMITTED.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(content)
    return jsonschema.Draft202012Validator(content)


def test_the_committed_schema_is_the_programs() -> None:
    """Where this fails and should: mtls-openssl schema > recipes/recipe.schema.json."""
    text = json.dumps(recipe.schema(), indent=2, ensure_ascii=False) + "\n"
    assert COMMITTED.read_text("utf-8") == text


def test_the_command_prints_it(cli: Cli) -> None:
    assert cli("schema").stdout == COMMITTED.read_text("utf-8")


@BY_NAME
def test_a_bundled_recipe_names_the_schema_for_editors(path: Path) -> None:
    first = path.read_text("utf-8").split("\n", 1)[0]
    assert first == "# yaml-language-server: $schema=recipe.schema.json"
    assert (path.parent / first.rpartition("=")[2]).samefile(COMMITTED)


@BY_NAME
def test_a_bundled_recipe_holds_by_it(path: Path, judge: jsonschema.Draft202012Validator) -> None:
    judge.validate(yaml.safe_load(path.read_text("utf-8")))


@pytest.mark.parametrize("case", golden.CASES, ids=lambda case: case.name)
def test_what_the_program_takes_the_schema_takes(
    case: Path, judge: jsonschema.Draft202012Validator
) -> None:
    """An editor must not underline what works."""
    judge.validate(yaml.safe_load((case / "recipe.yaml").read_text("utf-8")))


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        ("workflow: mutual-tls\n", "", []),
        ("authorities:\n", "authoritys:\n", []),
        ("  ca: {subject: {CN: Root}}", "  ca: {subject: {CN: Root}, dys: 3}",
         ["authorities", "ca"]),
        ("  ca: {subject: {CN: Root}}", "  ca: {days: 0}", ["authorities", "ca", "days"]),
        ("  ca: {subject: {CN: Root}}", "  ca: {key: rsa:1024}", ["authorities", "ca", "key"]),
        ("  ca: {subject: {CN: Root}}", "  ca: {subject: {CNN: Root}}",
         ["authorities", "ca", "subject"]),
        ("{env: EXPORT_PASSWORD}", "hunter2", ["clients", "client", "pkcs12", "password"]),
        ("{env: EXPORT_PASSWORD}", "{env: A, file: b}",
         ["clients", "client", "pkcs12", "password"]),
        ("{env: EXPORT_PASSWORD}", "{generate: yes}", ["clients", "client", "pkcs12", "password"]),
    ],
)  # fmt: skip
def test_what_the_program_refuses_the_schema_underlines(
    before: str, after: str, where: list[str], judge: jsonschema.Draft202012Validator
) -> None:
    assert SMALL.count(before) == 1
    data = yaml.load(SMALL.replace(before, after), yaml.BaseLoader)  # noqa: S506  texts alone
    assert where in list(_places(judge.iter_errors(_numbers(data))))


def _places(errors: Iterable[jsonschema.ValidationError]) -> Iterator[list[Any]]:
    """Where errors stand, those of each alternative too."""
    for error in errors:
        yield list(error.absolute_path)
        yield from _places(error.context or ())


def _numbers(data: Any) -> Any:
    """Give YAML read as texts its numbers and truths back."""
    if isinstance(data, dict):
        return {key: _numbers(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_numbers(item) for item in data]
    return {"true": True, "0": 0}.get(data, data)


@pytest.mark.parametrize("text", [SMALL, PROMPTING])
def test_the_tests_own_recipes_hold_by_it(
    text: str, judge: jsonschema.Draft202012Validator
) -> None:
    judge.validate(yaml.safe_load(text))
