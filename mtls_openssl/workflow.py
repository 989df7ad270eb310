"""A workflow: one tutorial, as data. Its layout of files, its commands, and our errata to it.

A teacher adds a tutorial by writing such a file; `workflows/` holds the bundled ones.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path as FilePath
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mtls_openssl import source, template, version
from mtls_openssl.errors import BadInput, Fault, Path, Problem
from mtls_openssl.fields import OUTPUTS, Parsed, text
from mtls_openssl.model import Options, validation_problems
from mtls_openssl.recipe import AUTHORITIES, GROUPS, SECTIONS, Recipe
from mtls_openssl.source import Document, suggestion
from mtls_openssl.subject import TYPES
from mtls_openssl.template import Template

ALL_SECTIONS = (*SECTIONS, "recipe")
ISSUED = ("root", "issuing")
"""The sections of authorities that a workflow makes; `authority` stands for both."""

OPTION_SLOTS = {
    "days": {"days"},
    "not_before": {"not_before"},
    "not_after": {"not_after"},
    "outputs": {"der", "pkcs8"},
    "crl_days": {"crl_days"},
    "digest": {"digest"},
    "serial": {"serial", "serial.file"},
    "key": {"bits", "curve", "algorithm", "parameter"},
    "names": {"names"},
    "path_length": {"path_length"},
    "name_constraints": {"name_constraints"},
    "pkcs12": {"pkcs12", "pkcs12.legacy", "pkcs12.password"},
    "passphrase": {"passphrase"},
    "crl_url": {"crl_url", "issuer.crl_url"},
    "subject": {"subject", *(f"subject.{name}" for name in TYPES)},
}
"""What of a recipe each placeholder tells: an option that no placeholder tells is refused."""

_TESTS = {"issuer", "passphrase", "unencrypted", "pkcs12", "pkcs12.legacy", "pkcs12.password",
          "serial.file", "subject.unicode"}  # fmt: skip
_SLOTS = {"name", "role", "serial_list"} | {
    slot for slots in OPTION_SLOTS.values() for slot in slots if slot not in {*_TESTS, *OUTPUTS}
}
ASKS = ("passphrase", "passphrase.new", "issuer.passphrase", "subject", "pkcs12.password")

Layout: TypeAlias = Mapping[str, Mapping[str, Template]]
"""For each section, the kinds of file that an entity has there, and their names."""


@dataclass(frozen=True)
class StepTemplate:
    """One step of the document, for every entity of its section."""

    id: str
    number: str
    """As the document has it: 1.1."""
    title: str
    explain: str
    run: Template | None
    write: tuple[Template, ...]
    """The lines of a file that the step writes itself."""
    to: Template | None
    once: bool
    """Whether it writes its file only where there is none."""
    asks: tuple[str, ...]
    reads: tuple[Template, ...]
    writes: tuple[Template, ...]
    path: Path

    def names(self) -> set[str]:
        """Give every placeholder and test that the step knows, and every answer it gives."""
        parts = (self.run, self.to, *self.write, *self.reads, *self.writes)
        return {name for part in parts if part for name in part.names()} | set(self.asks)


@dataclass(frozen=True)
class Erratum:
    """A documented departure from a document, where it no longer works as it stands."""

    section: str
    step: str
    openssl: version.Constraint
    to: Template | None
    write: tuple[Template, ...]
    add: Template | None
    """Words that are added at the command's end."""
    why: str
    mends: tuple[str, ...]
    """The names of the checks that fail without it."""


@dataclass(frozen=True)
class Workflow:
    """A document's commands, in order."""

    name: str
    title: str
    source: str
    document: Document
    defaults: Mapping[str, Options]
    layout: Layout
    steps: Mapping[str, tuple[StepTemplate, ...]]
    errata: tuple[Erratum, ...]
    strict: bool
    """Whether its certificates are to pass `openssl verify -x509_strict`."""


def _template(value: object) -> Template:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Fault("a template is one text", "write it on one line, quoted")
    return template.parse(str(value))


def _lines(value: object) -> tuple[Template, ...]:
    if not isinstance(value, str):
        raise Fault("a file's text is one text", "write it as a block after |")
    return tuple(template.parse(line) for line in value.removesuffix("\n").split("\n"))


_TemplateField: TypeAlias = Annotated[Template, Parsed(_template, {"type": "string"})]
_LinesField: TypeAlias = Annotated[tuple[Template, ...], Parsed(_lines, {"type": "string"})]
_Line: TypeAlias = Annotated[str, text("title")]
_Text: TypeAlias = Annotated[str, text("text", r"(?s).+")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class _Step(_Model):
    title: _Line
    id: Annotated[str, text("id", r"[a-z][a-z0-9-]*", "use small letters, digits and -")] = ""
    number: Annotated[str, text("number")] = ""
    explain: _Text = ""
    run: _TemplateField | None = None
    write: _LinesField = ()
    to: _TemplateField | None = None
    once: bool = False
    instead: bool = False
    asks: list[_Text] = []
    reads: list[_TemplateField] = []
    writes: list[_TemplateField] = []


class _Erratum(_Model):
    step: Annotated[str, text("step", r"\w+\.[\w-]+", "write SECTION.ID, as in root.certificate")]
    openssl: Annotated[version.Constraint, Parsed(version.parse_constraint, {"type": "string"})]
    why: _Text
    to: _TemplateField | None = None
    write: _LinesField = ()
    add: _TemplateField | None = None
    mends: list[_Text] = []


class _File(_Model):
    title: _Line
    source: _Text = ""
    strict: bool = False
    defaults: dict[str, Options] = {}
    layout: dict[str, dict[str, _TemplateField]]
    steps: dict[str, list[_Step]]
    errata: list[_Erratum] = Field(default=[])


def bundled() -> dict[str, FilePath]:
    """Give the bundled workflows' files by name."""
    folder = FilePath(str(resources.files("mtls_openssl") / "workflows"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find(recipe: Recipe, folder: FilePath) -> Workflow:
    """Read the workflow that a recipe names: bundled, or a file relative to the recipe's folder."""
    name = recipe.workflow
    if path := bundled().get(name):
        return load(path, name, name)
    if not name.endswith((".yaml", ".yml")):
        hint = suggestion(name, bundled()) + "; or write the path of a file, ending in .yaml"
        problem = recipe.document.problem(("workflow",), f"there is no workflow {name!r}", hint)
        raise BadInput((problem,))
    path = folder / name
    if not path.is_file():
        message = f"there is no workflow file {name!r}"
        hint = f"looked for {path}; a workflow's path is relative to the recipe"
        raise BadInput((recipe.document.problem(("workflow",), message, hint),))
    return load(path, path.stem, str(path))


def load(path: FilePath, name: str, shown: str) -> Workflow:
    """Read a workflow file; raises BadInput naming every fault, each with its line."""
    return build(source.read(path, shown), name)


def build(document: Document, name: str) -> Workflow:
    """Make a workflow of a YAML document."""
    try:
        file = _File.model_validate(document.data)
    except ValidationError as error:
        raise BadInput(tuple(validation_problems(document, _File, error))) from None
    layout: Layout = _spread(file.layout)
    sections = list(file.steps)
    steps = {section: _steps(section, items, sections) for section, items in file.steps.items()}
    layout, more = _with_revocation(layout, steps)
    if problems := tuple(_problems(_workflow(document, name, file, layout, steps), file)):
        raise BadInput(problems)
    return _workflow(document, name, file, layout, more)


def _workflow(
    document: Document,
    name: str,
    file: _File,
    layout: Layout,
    steps: Mapping[str, tuple[StepTemplate, ...]],
) -> Workflow:
    errata = tuple(_erratum(erratum) for erratum in file.errata)
    defaults = _spread(file.defaults)
    return Workflow(
        name, file.title, file.source, document, defaults, layout, steps, errata, file.strict
    )


def _with_revocation(
    layout: Layout, steps: Mapping[str, tuple[StepTemplate, ...]]
) -> tuple[Layout, dict[str, tuple[StepTemplate, ...]]]:
    """Add, to what a document does for its authorities, their databases and revocation lists."""
    more = _revocation()
    wide = {section: {**layout.get(section, {}), **kinds} for section, kinds in more.layout.items()}
    long = dict(steps)
    for section, items in _spread(more.steps).items():
        there = steps.get(section, ())
        if there or section not in ISSUED:
            added = _steps(section, items, [*steps, *ALL_SECTIONS], after=len(there))
            files = (step for step in added if step.to)  # openssl ca wants them from the start
            long[section] = (*files, *there, *(step for step in added if step.run))
    return {**layout, **wide}, long


@cache
def _revocation() -> _File:
    path = FilePath(str(resources.files("mtls_openssl") / "revocation.yaml"))
    file = _File.model_validate({"title": "Revocation", **source.read(path).data})
    return file.model_copy(update={"layout": _spread(file.layout)})


def _spread(groups: Mapping[str, Any]) -> dict[str, Any]:
    """Let `authority` stand for both root and issuing; what these say themselves wins."""
    spread = dict(groups)
    if "authority" in spread:
        under = spread.pop("authority")
        for section in ISSUED:
            over = groups.get(section, type(under)())
            match under:
                case dict():
                    spread[section] = under | over
                case list():
                    spread[section] = under + over
                case _:
                    spread[section] = over.over(under)
    return spread


def _steps(
    section: str, items: list[_Step], sections: list[str], after: int = 0
) -> tuple[StepTemplate, ...]:
    """Number a section's steps; one that is instead of the one before has its number."""
    made = []
    position = after
    for index, item in enumerate(items):
        position += 0 if item.instead else 1
        made.append(
            _step(item, ("steps", section, index), f"{sections.index(section) + 1}.{position}")
        )
    return tuple(made)


def _step(step: _Step, path: Path, number: str) -> StepTemplate:
    return StepTemplate(
        id=step.id or re.sub(r"[^a-z0-9]+", "-", step.title.lower()).strip("-"),
        number=step.number or number,
        title=step.title,
        explain=" ".join(step.explain.split()),
        run=step.run,
        write=step.write,
        to=step.to,
        once=step.once,
        asks=tuple(step.asks),
        reads=tuple(step.reads),
        writes=tuple(step.writes),
        path=path,
    )


def _erratum(erratum: _Erratum) -> Erratum:
    section, _, step = erratum.step.partition(".")
    why = " ".join(erratum.why.split())
    return Erratum(section, step, erratum.openssl, erratum.to, erratum.write, erratum.add, why,
                   tuple(erratum.mends))  # fmt: skip


def _problems(workflow: Workflow, file: _File) -> Iterator[Problem]:
    unknown = tuple(_section_problems(workflow.document, file))
    yield from unknown
    if unknown:
        return  # its placeholders and errata are only wrong because the section is
    for group, kinds in file.layout.items():
        for kind, name in kinds.items() if group != "recipe" else ():
            yield from _name_problems(workflow.document, name, _SLOTS, ("layout", group, kind))
    for section, steps in workflow.steps.items():
        yield from _id_problems(workflow.document, steps)
        for step in steps:
            yield from _step_problems(workflow, section, step)
    for number, erratum in enumerate(workflow.errata):
        yield from _erratum_problems(workflow, erratum, ("errata", number))


def _section_problems(document: Document, file: _File) -> Iterator[Problem]:
    groups: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("steps", ALL_SECTIONS),
        ("layout", (*ALL_SECTIONS, "authority")),
        ("defaults", (*SECTIONS, "authority")),
    )
    for group, known in groups:
        for section in getattr(file, group):
            if section not in known:
                message, hint = f"there is no section {section!r}", suggestion(section, known)
                yield document.problem((group, section), message, hint, key=True)


def _id_problems(document: Document, steps: tuple[StepTemplate, ...]) -> Iterator[Problem]:
    counts = Counter(step.id for step in steps)
    for step in steps:
        if not step.id:
            message = f"no id can be made of {step.title!r}"
            yield document.problem((*step.path, "title"), message, "give the step an id:")
        elif counts[step.id] > 1:
            message = f"two steps here are called {step.id!r}"
            yield document.problem(step.path, message, "give them an id:")


def _step_problems(workflow: Workflow, section: str, step: StepTemplate) -> Iterator[Problem]:
    document = workflow.document
    slots = known_slots(workflow.layout, section)
    empty = step.once and not step.write
    if (step.run is None) == (step.to is None) or (
        bool(step.write) != (step.to is not None) and not empty
    ):
        yield document.problem(step.path, "a step has either run:, or write: and to:", "")
    if step.run:
        yield from _command_problems(document, step)
    for name, part in (("run", step.run), ("to", step.to)):
        if part:
            yield from _name_problems(document, part, slots, (*step.path, name))
    for name, parts in (("write", step.write), ("reads", step.reads), ("writes", step.writes)):
        for part in parts:
            yield from _name_problems(document, part, slots, (*step.path, name))
    for number, ask in enumerate(step.asks):
        if ask not in ASKS:
            hint = suggestion(ask, ASKS)
            yield document.problem((*step.path, "asks", number), f"nothing answers {ask!r}", hint)


def _command_problems(document: Document, step: StepTemplate) -> Iterator[Problem]:
    """Try the command with every group in it, to see that it is one that a workflow may run."""
    assert step.run
    words = step.run.words({name: f"{{{name}}}" for name in step.run.names()}) or ()
    if words[:1] == ("chmod",) and words[1].startswith("{"):
        words = ("chmod", "400", *words[2:])  # its mode may be a placeholder
    path = (*step.path, "run")
    try:
        template.check_words(words)
        template.effects(words)
    except Fault as fault:
        yield document.fault(path, fault)


def _erratum_problems(workflow: Workflow, erratum: Erratum, path: Path) -> Iterator[Problem]:
    steps = {f"{section}.{step.id}" for section, steps in workflow.steps.items() for step in steps}
    name = f"{erratum.section}.{erratum.step}"
    if name not in steps:
        yield workflow.document.problem(
            (*path, "step"), f"there is no step {name!r}", suggestion(name, steps)
        )
    if bool(erratum.write) != (erratum.to is not None):
        yield workflow.document.problem(path, "write: and to: go together", "")
    for key, part in (
        ("to", erratum.to),
        ("add", erratum.add),
        *(("write", line) for line in erratum.write),
    ):
        if part:
            slots = known_slots(workflow.layout, erratum.section)
            yield from _name_problems(workflow.document, part, slots, (*path, key))


def _name_problems(
    document: Document, part: Template, slots: set[str], path: Path
) -> Iterator[Problem]:
    for name in part.slots():
        if name not in slots:
            hint = suggestion(name, slots)
            if name in _TESTS:
                hint = f"{name} can only be asked for, as in [{name}? words]"
            message = f"unknown placeholder {{{name}}}"
            yield document.problem(path, message, hint, word=f"{{{name}}}")
    for name in part.tests():
        if name not in slots | _TESTS:
            hint = suggestion(name, slots | _TESTS)
            yield document.problem(path, f"unknown test [{name}? …]", hint, word=f"{name}?")


def known_slots(layout: Layout, section: str) -> set[str]:
    """Give the placeholders that a section's templates may use."""

    def of(*sections: str) -> set[str]:
        return {kind for name in sections for kind in layout.get(name, ())}

    groups = {group: of(*sections) for group, sections in GROUPS.items()}
    lists = {f"{group}.{kind}" for group, kinds in groups.items() for kind in kinds}
    if section == "recipe":
        return lists | of("recipe")
    given = {"certificate", "key"}
    issuer = {f"issuer.{name}" for name in _SLOTS | of(*AUTHORITIES) | given}
    own = given if section == "existing" else set()
    return _SLOTS | of(section) | own | issuer | lists
