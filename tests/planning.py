"""From texts to plans, and to what is said of faulty ones: what the pure tests share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtls_openssl import plan, recipe, source, version, workflow
from mtls_openssl.currency import Decision
from mtls_openssl.errors import BadInput, Problem
from mtls_openssl.plan import Plan
from mtls_openssl.recipe import Recipe
from mtls_openssl.render import script
from mtls_openssl.workflow import Workflow
from tests.conftest import ROOT

DATA = ROOT / "tests" / "data"
OPENSSL_3 = "OpenSSL 3.0.19 27 Jan 2026 (Library: OpenSSL 3.0.19 27 Jan 2026)"
"""What a version without errata prints."""
OPENSSL_35 = "OpenSSL 3.5.0 8 Apr 2025 (Library: OpenSSL 3.5.0 8 Apr 2025)"
"""What a version with the first tutorial's erratum prints."""


def recipe_of(text: str) -> Recipe:
    """Read a recipe's text."""
    return recipe.build(source.parse(text.encode(), "recipe.yaml"), "recipe")


def workflow_of(text: str) -> Workflow:
    """Read a workflow's text."""
    return workflow.build(source.parse(text.encode(), "mine.yaml"), "mine")


def planned(text: str, flow: str = "", *, printed: str = OPENSSL_3, verbatim: bool = False) -> Plan:
    """Plan a recipe under its bundled workflow, or under a workflow's text."""
    read = recipe_of(text)
    found = workflow_of(flow) if flow else workflow.find(read, Path())
    return plan.build(read, found, version.parse(printed), verbatim=verbatim)


def script_of(made: Plan) -> str:
    """Give a plan as the dry run prints it in an empty folder."""
    return script.script(made, [Decision(step, True, "missing") for step in made.steps])


def attempted(text: str, flow: str) -> Plan | None:
    """Plan a recipe, or nothing where it is refused: for what may be told either way."""
    try:
        return planned(text, flow)
    except BadInput:
        return None


def commands(made: Plan) -> list[str]:
    """The commands of a plan, as a person would type words without spaces."""
    return [" ".join(step.argv) for step in made.steps if step.argv]


def refusal(build: Callable[..., Any], *texts: str, **options: Any) -> tuple[Problem, ...]:
    """The problems that are told of faulty texts, instead of building anything."""
    with pytest.raises(BadInput) as caught:
        build(*texts, **options)
    assert caught.value.problems
    return caught.value.problems


def told(problems: tuple[Problem, ...]) -> list[str]:
    """Problems as texts of `LINE, under the carets: MESSAGE | HINT`."""
    return [
        f"{item.line}, {_pointed(item)}: {item.message}" + (f" | {item.hint}" if item.hint else "")
        for item in problems
    ]


def _pointed(problem: Problem) -> str:
    start = problem.column - 1
    return problem.excerpt[start : start + problem.width]
