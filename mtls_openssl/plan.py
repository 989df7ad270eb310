"""The plan: what would be run, exactly, and what must hold afterwards.

An immutable value. Dry run, execution, lesson and JSON are readings of it; nothing here touches a
file, a process or the clock.
"""

from dataclasses import dataclass, replace

from mtls_openssl import hierarchy, review
from mtls_openssl.errors import BadInput, Problem
from mtls_openssl.filler import Filler
from mtls_openssl.member import Member, settle
from mtls_openssl.recipe import Recipe
from mtls_openssl.step import Step
from mtls_openssl.surroundings import Surroundings
from mtls_openssl.version import Version
from mtls_openssl.workflow import Workflow

FOLDERS = "folders"
"""The id of the step that makes the folders; every other id has a dot in it."""


@dataclass(frozen=True)
class Plan:
    """All steps of a recipe, in an order in which they can be run one after another."""

    recipe: Recipe
    workflow: Workflow
    version: Version
    members: tuple[Member, ...]
    steps: tuple[Step, ...]
    verbatim: bool = False
    warnings: tuple[Problem, ...] = ()
    """What works, and is of little use."""

    def step(self, identifier: str) -> Step:
        """Give the step of that id; raises KeyError."""
        for step in self.steps:
            if step.id == identifier:
                return step
        raise KeyError(identifier)

    def of(self, entity: str) -> tuple[Step, ...]:
        """Give an entity's steps."""
        return tuple(step for step in self.steps if step.entity == entity)


def build(
    recipe: Recipe,
    workflow: Workflow,
    version: Version,
    there: Surroundings | None = None,
    *,
    verbatim: bool = False,
) -> Plan:
    """Make the plan; raises BadInput with every problem of layout, each at its line."""
    members = settle(recipe, workflow, there or Surroundings())
    filler = Filler(workflow, version, members, verbatim=verbatim)
    steps = filler.steps()
    problems = [*review.layout_problems(recipe, workflow, members), *filler.problems]
    problems += review.state_problems(recipe, members, steps)
    problems += review.entity_problems(recipe, members, version)
    problems += review.date_problems(recipe, members)
    problems += review.prompted_problems(recipe, workflow, members)
    problems += review.existing_problems(recipe, members)
    problems += hierarchy.problems(recipe.document, members)
    if not filler.problems and all(review.has_steps(workflow, m) for m in members):
        told = {problem.path[:2] for problem in problems}  # what it then lacks only follows
        missing = review.input_problems(recipe, filler, steps)
        problems += (problem for problem in missing if problem.path[:2] not in told)
    if problems:
        raise BadInput(recipe.document.settled(problems))
    ordered = _with_needs(_with_folders(steps))
    warnings = recipe.document.settled(review.warnings(recipe, workflow, members))
    return Plan(recipe, workflow, version, members, ordered, verbatim, warnings)


def _with_folders(steps: list[Step]) -> list[Step]:
    """Put before everything the making of the folders that files stand in."""
    made = {folder for step in steps for folder in step.folders}
    parents = (path.rpartition("/")[0] for step in steps for path in (*step.writes, *step.state))
    folders = tuple(folder for folder in dict.fromkeys(parents) if folder and folder not in made)
    if not folders:
        return steps
    argv = ("mkdir", "-p", *folders)
    explain = "The files stand in folders of their own, which openssl does not make."
    first = Step(
        FOLDERS,
        "",
        "recipe",
        "0",
        "Make the folders",
        explain,
        argv,
        argv,
        folders=folders,
    )
    return [first, *steps]


def _with_needs(steps: list[Step]) -> tuple[Step, ...]:
    """Join each step to the last ones before it that touched its files."""
    writers: dict[str, str] = {}
    users: dict[str, list[str]] = {}
    folders: dict[str, str] = {}
    begun = {file.path: step.id for step in steps for file in step.files if file.once}
    result = []
    for step in steps:
        needs: list[str] = []
        for path in (*step.reads, *step.modes, *step.writes):
            needs += [writers[path]] if path in writers else []
        for path in (*step.reads, *step.state):
            needs += [begun[path]] if path in begun else []
        for path in (*step.modes, *step.writes):
            needs += users.get(path, [])
        for path in (*step.writes, *step.state):
            parent = path.rpartition("/")[0]
            needs += [folders[parent]] if parent in folders else []
        result.append(replace(step, needs=tuple(n for n in dict.fromkeys(needs) if n != step.id)))
        for path in (*step.writes, *step.modes):
            writers[path] = step.id
            users[path] = []
        for path in step.reads:
            users.setdefault(path, []).append(step.id)
        folders |= dict.fromkeys(step.folders, step.id)
    return tuple(result)
