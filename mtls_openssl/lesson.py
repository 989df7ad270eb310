"""The lesson: what each step of a plan does, word by word, what it makes, and how to look at it.

A reading of the plan and the glossary; nothing is run, and no secret is fetched.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from mtls_openssl import checks
from mtls_openssl.artifact import Artifact
from mtls_openssl.errors import BadInput
from mtls_openssl.glossary import Explanation, Glossary
from mtls_openssl.plan import FOLDERS, Plan
from mtls_openssl.source import suggestion
from mtls_openssl.step import Step
from mtls_openssl.workflow import Erratum


@dataclass(frozen=True)
class Made:
    """A file that a step makes."""

    path: str
    about: str
    """What it is for."""


@dataclass(frozen=True)
class Page:
    """One step of the document, explained."""

    step: Step
    commands: tuple[Explanation, ...]
    made: tuple[Made, ...]
    looks: tuple[tuple[str, ...], ...]
    """Commands by which a person looks into what was made; a | joins two."""
    errata: tuple[Erratum, ...]
    """Where newer versions need more than the document has, whichever version is here."""
    also: tuple[str, ...] = ()
    """Other entities that have a step of the same form."""

    @property
    def words(self) -> frozenset[str]:
        """The options that are explained, whatever their values."""
        return frozenset(
            word.option.name if word.option else word.text[0]
            for command in self.commands
            for word in command.words
        )


@dataclass(frozen=True)
class Lesson:
    """All pages, in the order of the document."""

    title: str
    source: str
    workflow: str
    version: str
    pages: tuple[Page, ...]


def teach(plan: Plan, glossary: Glossary, chosen: Sequence[Step] | None = None) -> Lesson:
    """Make the lesson of a plan, or of those steps of it; one page stands for steps alike."""
    steps = plan.steps if chosen is None else chosen
    pages = _alike(page(plan, step, glossary) for step in steps)
    flow = plan.workflow
    return Lesson(flow.title, flow.source, flow.name, str(plan.version), pages)


def page(plan: Plan, step: Step, glossary: Glossary) -> Page:
    """Explain one step."""
    kinds = {artifact.path: artifact for artifact in step.artifacts if artifact.kind != "mode"}
    named = _kinds(plan, step)
    made = [
        Made(path, glossary.file(named.get(path, kinds[path].kind), step.section))
        for path in step.writes
        if path in kinds
    ]
    made += [
        Made(path, glossary.file(named.get(path, "serial"), step.section)) for path in step.state
    ]
    return Page(
        step,
        glossary.explain(step.argv) if step.argv else (),
        tuple(made),
        tuple(look for artifact in step.artifacts for look in looks(artifact)),
        tuple(e for e in plan.workflow.errata if f"{e.section}.{e.step}" == _place(step)),
    )


def _place(step: Step) -> str:
    """Name a step as an erratum does: root.certificate."""
    return f"{step.section}.{step.id.rpartition('.')[2]}"


def _kinds(plan: Plan, step: Step) -> dict[str, str]:
    """Tell the kinds of files that the layout names: the recipe's, the entity's and its CAs'."""
    once = plan.workflow.layout.get("recipe", {})
    tables = [{kind: name.text({}, str) for kind, name in once.items()}]
    for member in plan.members:
        if member.name == step.entity:
            tables += [dict(member.files)]
            tables += [dict(above.files) for above in member.above()]
    return {path: kind for table in tables for kind, path in table.items() if path}


def looks(artifact: Artifact) -> tuple[tuple[str, ...], ...]:
    """Give the check commands of a file as a person types them: a secret is asked for."""
    found = tuple(
        (*_without_stdin(question.argv), *(("|", *question.into) if question.into else ()))
        for question in checks.questions(artifact)
    )
    match artifact.kind:
        case "mode":
            return (("ls", "-l", artifact.path),)
        case "text":
            return (("cat", artifact.path),)
        case _ if artifact.parts and not found:
            return (("openssl", "storeutl", "-noout", artifact.path),)
    return found


_STDIN = ("-passin", "stdin")


def _without_stdin(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Take away what hands a secret to openssl: a person is asked."""
    for place, pair in enumerate(pairwise(argv)):
        if pair == _STDIN:
            return (*argv[:place], *argv[place + 2 :])
    return argv


def _alike(pages: Iterable[Page]) -> tuple[Page, ...]:
    """Let one page stand for all steps of one section, title and set of options."""
    kept: dict[tuple[str, str, frozenset[str]], Page] = {}
    for item in pages:
        key = (item.step.section, item.step.title, item.words)
        first = kept.setdefault(key, item)
        if first is not item:
            kept[key] = replace(first, also=(*first.also, item.step.entity))
    return tuple(kept.values())


def choose(plan: Plan, name: str) -> tuple[Step, ...]:
    """Give the steps that a number (2.3), an id (server.certificate) or an entity means.

    Raises BadInput for a name that means none.
    """
    for key in ("number", "id", "entity"):
        if found := tuple(step for step in plan.steps if getattr(step, key) == name):
            return found
    known = {part for step in plan.steps for part in (step.number, step.id)}
    raise BadInput((), f"there is no step {name!r}", suggestion(name, known - {"0", FOLDERS}))
