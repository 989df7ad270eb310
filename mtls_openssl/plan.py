"""The plan: what would be run, exactly, and what must hold afterwards.

An immutable value. Dry run, execution, lesson and JSON are readings of it; nothing here touches a
file, a process or the clock.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from mtls_openssl import artifact, template
from mtls_openssl.artifact import Artifact, Member
from mtls_openssl.errors import BadInput, Fault, Problem
from mtls_openssl.fields import check_inside
from mtls_openssl.recipe import Entity, Options, Pkcs12, Recipe
from mtls_openssl.secret import Need
from mtls_openssl.source import suggestion
from mtls_openssl.subject import Subject, merge, to_subj
from mtls_openssl.template import Effects, Template, Value
from mtls_openssl.version import Version
from mtls_openssl.workflow import OPTION_SLOTS, Erratum, StepTemplate, Workflow

BUILT_IN = Options(days=365)
"""What holds where neither recipe nor workflow says anything."""


@dataclass(frozen=True)
class Answer:
    """What a command will ask, and what it is to be told."""

    kind: str
    """passphrase, password (of a PKCS#12 bundle) or subject."""
    file: str = ""
    """The key that a pass phrase opens."""
    need: Need | None = None
    fresh: bool = False
    """Whether the secret is being chosen here, and asked for twice."""
    subject: Subject = ()


@dataclass(frozen=True)
class WrittenFile:
    """A file that the tool writes itself, and a script shows as a here-document."""

    path: str
    text: str


@dataclass(frozen=True)
class Step:
    """One command, its effects, its answers, what must hold afterwards, and its explanation."""

    id: str
    """ENTITY.STEP, unique in the plan."""
    entity: str
    """Whose it is; empty for what is done once."""
    section: str
    number: str
    title: str
    explain: str
    argv: tuple[str, ...]
    """The words, `>` and its file included; empty for a step that only writes a file."""
    identity: tuple[str, ...] = ()
    """What the step is, for the journal: its words without errata, its answers, its texts."""
    files: tuple[WrittenFile, ...] = ()
    answers: tuple[Answer, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    """Files that are read and written by many steps, one at a time: serial numbers, databases."""
    modes: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    """Those of `writes` that are private keys, and are never overwritten."""
    artifacts: tuple[Artifact, ...] = ()
    erratum: Erratum | None = None
    needs: tuple[str, ...] = ()
    """The steps that must be done before, by id."""


@dataclass(frozen=True)
class Plan:
    """All steps of a recipe, in an order in which they can be run one after another."""

    recipe: Recipe
    workflow: Workflow
    version: Version
    members: tuple[Member, ...]
    steps: tuple[Step, ...]
    verbatim: bool = False

    def step(self, identifier: str) -> Step:
        """Give the step of that id; raises KeyError."""
        for step in self.steps:
            if step.id == identifier:
                return step
        raise KeyError(identifier)

    def of(self, entity: str) -> tuple[Step, ...]:
        """Give an entity's steps."""
        return tuple(step for step in self.steps if step.entity == entity)


Values: TypeAlias = dict[str, Value]


def build(recipe: Recipe, workflow: Workflow, version: Version, *, verbatim: bool = False) -> Plan:
    """Make the plan; raises BadInput with every problem of layout, each at its line."""
    members = _members(recipe, workflow)
    builder = _Builder(recipe, workflow, version, members, verbatim)
    steps = builder.steps()
    problems = [*_layout_problems(recipe, workflow, members), *builder.problems]
    problems += _entity_problems(recipe, members, version)
    if not builder.problems:
        problems += _input_problems(builder, steps)
    if problems:
        raise BadInput(tuple(dict.fromkeys(problems)))
    return Plan(recipe, workflow, version, members, _with_needs(_with_folders(steps)), verbatim)


def _members(recipe: Recipe, workflow: Workflow) -> tuple[Member, ...]:
    members: dict[str, Member] = {}
    for entity in recipe.entities:
        under = workflow.defaults.get(entity.section, Options()).over(BUILT_IN)
        options = entity.options.over(under)
        subject = options.subject or ()
        if "CN" not in dict(subject):
            subject = merge(subject, (("CN", entity.name),))
        issuer = None if entity.section == "root" else members[entity.issuer]
        member = Member(entity, options, subject, {}, issuer, workflow.strict)
        members[entity.name] = replace(member, files=_files(member, workflow))
    return tuple(members.values())


def _files(member: Member, workflow: Workflow) -> dict[str, str]:
    values = _own_values(member)
    files = {}
    for kind, name in workflow.layout.get(member.entity.section, {}).items():
        path = member.entity.declared.files.get(kind) or name.text(values, str)
        if path and not (kind == "pkcs12" and member.options.pkcs12 is None):
            files[kind] = path
    return files


def _own_values(member: Member) -> Values:
    """Give what an entity's placeholders stand for, but for its files."""
    options, key = member.options, member.options.key
    parameters = {"RSA": "rsa_keygen_bits", "EC": "ec_paramgen_curve"}
    pkcs12 = options.pkcs12 or Pkcs12()
    serial = options.serial
    values: Values = {
        "name": member.name,
        "role": {"server": "serverAuth", "client": "clientAuth"}.get(member.entity.section),
        "subject": to_subj(member.subject),
        "subject.unicode": None if to_subj(member.subject).isascii() else "yes",
        "days": str(options.days),
        "digest": options.digest,
        "serial": str(serial) if isinstance(serial, int) else None,
        "serial.file": "yes" if serial == "file" else None,
        "algorithm": key.algorithm if key else None,
        "bits": key.size if key and key.algorithm == "RSA" else None,
        "curve": key.size if key and key.algorithm == "EC" else None,
        "parameter": f"{parameters[key.algorithm]}:{key.size}" if key and key.size else None,
        "passphrase": "yes" if options.passphrase else None,
        "issuer": member.issuer.name if member.issuer else None,
        "crl_url": options.crl_url,
        "pkcs12.legacy": "yes" if pkcs12.compatibility == "legacy" else None,
        "pkcs12.password": "yes" if pkcs12.password else None,
    }
    values |= {f"subject.{name}": value for name, value in member.subject}
    declared = member.entity.declared
    path_length = getattr(declared, "path_length", None)
    values["path_length"] = None if path_length is None else str(path_length)
    for name in ("names", "name_constraints"):
        values[name] = getattr(declared, name, None)
    return values


def _layout_problems(
    recipe: Recipe, workflow: Workflow, members: tuple[Member, ...]
) -> Iterator[Problem]:
    """Find paths that leave the directory, files that two entities share, and options unused."""
    document = recipe.document
    owners: dict[str, str] = {}
    for member in members:
        entity = member.entity
        if not workflow.steps.get(entity.section):
            have = ", ".join(section for section in workflow.steps if section != "recipe")
            message = f"the workflow {workflow.name} has no steps for {_article(entity.section)}"
            yield document.problem(entity.path, message, f"it has steps for: {have}", key=True)
            continue
        for kind, path in member.files.items():
            owner = f"{entity.name}'s {kind}"
            where = (*entity.path, *(("files", kind) if kind in entity.declared.files else ()))
            try:
                check_inside(path)
            except Fault as fault:
                yield document.problem(where, fault.message, fault.hint, key=True)
            if path.casefold() in owners:
                message = f"{path} would be both {owners[path.casefold()]} and {owner}"
                hint = f"give one of them another name: files: {{{kind}: NAME}}"
                yield document.problem(where, message, hint, key=True)
            owners.setdefault(path.casefold(), owner)
        yield from _unused(recipe, workflow, entity)


WITHOUT_DIGEST = ("ED25519", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
"""Algorithms that sign without a digest of the signer's choice (RFC 8410, RFC 9881)."""


def _entity_problems(
    recipe: Recipe, members: tuple[Member, ...], version: Version
) -> Iterator[Problem]:
    """Find what openssl would refuse, or verify would, once everything is settled."""
    serials: dict[tuple[str, object], str] = {}
    for member in members:
        path, key = member.entity.path, member.options.key
        issuer = member.issuer or member
        if member.issuer and sorted(member.subject) == sorted(member.issuer.subject):
            message = f"{member.name} has the subject of its issuer, {issuer.name}"
            hint = "openssl would take it for self-signed (error 18); give it another CN"
            yield recipe.document.problem((*path, "subject"), message, hint, key=True)
        if isinstance(member.options.serial, int):
            first = serials.setdefault((issuer.name, member.options.serial), member.name)
            if first != member.name:
                message = (
                    f"serial {member.options.serial} is that of {first} too, under {issuer.name}"
                )
                hint = "a serial number is unique under its issuer (RFC 5280, section 4.1.2.2)"
                yield recipe.document.problem((*path, "serial"), message, hint)
        if key and key.algorithm.startswith("ML-DSA") and not _has_ml_dsa(version):
            message = f"{version} makes no {key.algorithm} keys"
            yield recipe.document.problem((*path, "key"), message, "OpenSSL 3.5 and later do")
        signer = issuer.options.key
        if member.options.digest and {k.algorithm for k in (key, signer) if k} & set(
            WITHOUT_DIGEST
        ):
            message = f"a digest has no place where {signer} signs"
            yield recipe.document.problem((*path, "digest"), message, "leave it out")


def _has_ml_dsa(version: Version) -> bool:
    return version.library == "OpenSSL" and version.numbers >= (3, 5, 0)


def _article(section: str) -> str:
    return {"root": "a root", "issuing": "an issuing authority"}.get(section, f"a {section}")


def _unused(recipe: Recipe, workflow: Workflow, entity: Entity) -> Iterator[Problem]:
    """Find what an entity says of itself and no step of its section would ever use."""
    steps = workflow.steps[entity.section]
    known = {name for step in steps for name in step.names()}
    known |= {
        name for part in workflow.layout.get(entity.section, {}).values() for name in part.names()
    }
    known |= {"subject"} if any(name.startswith("subject") for name in known) else set()
    for option in sorted(entity.declared.model_fields_set - {"issuer", "files"}):
        used = known & OPTION_SLOTS[option]
        if not used and getattr(entity.declared, option) is not None:
            message = f"the workflow {workflow.name} makes nothing of {option}: here"
            hint = "leave it out, or choose a workflow that has it"
            yield recipe.document.problem((*entity.path, option), message, hint, key=True)
    kinds = workflow.layout.get(entity.section, {})
    for kind in sorted(set(entity.declared.files) - set(kinds)):
        message = f"the workflow {workflow.name} has no {kind!r} file here"
        path = (*entity.path, "files", kind)
        yield recipe.document.problem(path, message, suggestion(kind, kinds), key=True)


class _Builder:
    """Fills the workflow's templates for each entity, and remembers what fell out and why."""

    def __init__(
        self,
        recipe: Recipe,
        workflow: Workflow,
        version: Version,
        members: tuple[Member, ...],
        verbatim: bool,
    ) -> None:
        self.recipe = recipe
        self.workflow = workflow
        self.members = members
        self.errata = {
            (erratum.section, erratum.step): erratum
            for erratum in workflow.errata
            if erratum.openssl.holds(version)
        }
        self.verbatim = verbatim
        self.problems: list[Problem] = []
        self.dropped: dict[tuple[str, str], tuple[StepTemplate, list[str]]] = {}
        """Steps that have no value for a placeholder: (entity, step) to what is missing."""
        self.lists = self._lists()

    def _lists(self) -> Values:
        groups = {
            "authorities": ("root", "issuing"),
            "servers": ("server",),
            "clients": ("client",),
        }
        lists: dict[str, list[str]] = {}
        for group, sections in groups.items():
            for member in self.members:
                if member.entity.section in sections:
                    for kind, path in member.files.items():
                        lists.setdefault(f"{group}.{kind}", []).append(path)
        return {name: tuple(paths) for name, paths in lists.items()}

    def steps(self) -> list[Step]:
        once = {**self.lists, **self.recipe_files()}
        made = [
            self.step(part, values, member)
            for member in self.members
            for values in [self.values(member)]
            for part in self.workflow.steps.get(member.entity.section, ())
        ]
        made += [self.step(part, once, None) for part in self.workflow.steps.get("recipe", ())]
        return [step for step in made if step]

    def values(self, member: Member) -> Values:
        values: Values = {**self.lists, **_own_values(member), **member.files}
        if member.issuer:
            above = {**_own_values(member.issuer), **member.issuer.files}
            values |= {f"issuer.{name}": value for name, value in above.items()}
        return values

    def recipe_files(self) -> Values:
        return {
            kind: name.text(self.lists, str)
            for kind, name in self.workflow.layout.get("recipe", {}).items()
        }

    def step(self, part: StepTemplate, values: Values, member: Member | None) -> Step | None:
        argv = part.run.words(values) if part.run else ()
        files = _written(part.to, part.write, values)
        if argv is None or files is None:
            parts = [part.run, part.to]
            missing = [name for p in parts if p for name in p.slots() if not values.get(name)]
            self.dropped[member.name if member else "", part.id] = (part, missing)
            return None
        answers = tuple(a for ask in part.asks if member for a in _answer(ask, member, part))
        erratum = self.errata.get((str(part.path[1]), part.id)) if member else None
        identity = (*argv, *_identity(answers, files))
        if erratum and not self.verbatim:
            files += _written(erratum.to, erratum.write, values) or ()
            argv += (erratum.add.words(values) if erratum.add else ()) or ()
        entity = member.name if member else ""
        step = Step(
            id=f"{entity or 'recipe'}.{part.id}",
            entity=entity,
            section=str(part.path[1]),
            number=part.number,
            title=part.title,
            explain=part.explain,
            argv=argv,
            identity=identity,
            files=files,
            answers=answers,
            erratum=erratum,
        )
        return self.with_effects(step, part, values, member)

    def with_effects(
        self, step: Step, part: StepTemplate, values: Values, member: Member | None
    ) -> Step | None:
        found = Effects()
        try:
            if step.argv:
                found = template.effects(step.argv)
            for path in (
                *found.writes,
                *found.modes,
                *found.folders,
                *(f.path for f in step.files),
            ):
                check_inside(path)
        except Fault as fault:
            self.problems.append(self.workflow.document.fault((*part.path, "run"), fault))
            return None
        more_reads, more_writes = (_paths(paths, values) for paths in (part.reads, part.writes))
        state = tuple(path for path in more_writes if path in more_reads)
        own = tuple(file.path for file in step.files)
        writes = _unique(own, found.writes, (path for path in more_writes if path not in state))
        reads = _unique(found.reads, (path for path in more_reads if path not in state))
        step = replace(
            step,
            reads=tuple(path for path in reads if path not in own),
            writes=writes,
            state=state,
            modes=found.modes,
            folders=found.folders,
            keys=_private(step.argv, writes, member),
        )
        return replace(step, artifacts=tuple(self.artifacts(step, member)))

    def artifacts(self, step: Step, member: Member | None) -> Iterator[Artifact]:
        for file in step.files:
            yield artifact.written(file.path, step.entity, file.text)
        for path in step.modes:
            yield artifact.with_mode(path, step.entity, step.argv[1])
        if member is None:
            for path in step.writes:
                if path not in {file.path for file in step.files}:
                    yield Artifact(
                        "file", path, "", (artifact.Expectation("content", "not empty"),)
                    )
            return
        kinds = {path: kind for kind, path in member.files.items()}
        requested = member.files.get("request") in step.reads
        for path in step.writes:
            if path not in {file.path for file in step.files}:
                made = artifact.of(kinds.get(path, "file"), path, member, step.argv, requested)
                for erratum in self.errata.values():
                    made = artifact.mended(made, erratum.why, erratum.mends)
                yield made


def _unique(*groups: Iterator[str] | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(path for group in groups for path in group))


def _paths(parts: tuple[Template, ...], values: Values) -> tuple[str, ...]:
    return tuple(word for part in parts for word in part.words(values) or ())


def _private(
    argv: tuple[str, ...], writes: tuple[str, ...], member: Member | None
) -> tuple[str, ...]:
    """Tell which of the written files are new private keys."""
    makes = argv[1:2] in (("genrsa",), ("genpkey",), ("ecparam",))
    out = argv[argv.index("-keyout") + 1] if "-keyout" in argv[:-1] else ""
    key = member.files.get("key") if member else None
    return tuple(path for path in writes if makes or path in (key, out))


_CONF_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\$#'\"`"})


def _written(
    to: Template | None, lines: tuple[Template, ...], values: Mapping[str, Value]
) -> tuple[WrittenFile, ...] | None:
    r"""Fill a file's lines, values escaped as config(5) has it (`\`, `$`, `#` and quotes)."""
    if to is None:
        return ()
    path = to.text(values, str)
    texts = [line.text(values, lambda value: value.translate(_CONF_SPECIAL)) for line in lines]
    kept = [
        text
        for text, line in zip(texts, lines, strict=True)
        if text is not None and (text or not line.parts)
    ]
    return (WrittenFile(path, "\n".join(kept) + "\n"),) if path and kept else None


def _identity(answers: tuple[Answer, ...], files: tuple[WrittenFile, ...]) -> Iterator[str]:
    for answer in answers:
        if answer.subject:
            yield f"subject {to_subj(answer.subject)}"
    for file in files:
        yield f"{file.path}:\n{file.text}"


def _answer(ask: str, member: Member, part: StepTemplate) -> Iterator[Answer]:
    """Give the answer to an ask, or nothing where the entity has no such secret."""
    match ask:
        case "subject":
            yield Answer("subject", subject=member.subject)
        case "pkcs12.password":
            if member.export_password:
                yield Answer("password", member.files["pkcs12"], member.export_password, fresh=True)
        case "passphrase" | "issuer.passphrase":
            owner = member if ask == "passphrase" else member.issuer
            if owner and owner.passphrase:
                writes = part.run is not None and "key" not in _reads_of(part.run)
                yield Answer(
                    "passphrase",
                    owner.files["key"],
                    owner.passphrase,
                    fresh=writes and owner is member,
                )


def _reads_of(run: Template) -> set[str]:
    """Give the placeholders that a command's words name as files it reads."""
    words = run.words({name: name for name in run.names()}) or ()
    return set(template.effects(words).reads) if words[:1] == ("openssl",) else set()


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
        "recipe.folders",
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
    result = []
    for step in steps:
        needs: list[str] = []
        for path in (*step.reads, *step.modes, *step.writes):
            needs += [writers[path]] if path in writers else []
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


def _input_problems(builder: _Builder, steps: list[Step]) -> Iterator[Problem]:
    """Find files that are read and that no step makes, and say which step fell out and why."""
    made: set[str] = set()
    for step in steps:
        for path in (*step.reads, *step.modes):
            if path not in made:
                yield _input_problem(builder, step, path)
        made |= {*step.writes, *step.state}


def _input_problem(builder: _Builder, step: Step, path: str) -> Problem:
    owner = next((m for m in builder.members if path in m.files.values()), None)
    document = builder.recipe.document
    where = owner.entity.path if owner else ()
    kind = next((k for k, p in owner.files.items() if p == path), "") if owner else ""
    for (entity, _), (part, missing) in builder.dropped.items():
        if owner and entity == owner.name and part.run and kind in part.run.slots():
            for slot in missing:
                option = next((o for o, slots in OPTION_SLOTS.items() if slot in slots), slot)
                given = getattr(owner.options, option, None)
                name = builder.workflow.name
                message = f"{part.number} {part.title}: {entity} needs {option}:"
                hint = f"add {option}: to {entity}; the workflow's command has {{{slot}}}"
                if given is not None:
                    message = f"the workflow {name} makes no {given} {kind}"
                    hint = f"give another {option}:; {part.number} {part.title} wants {{{slot}}}"
                return document.problem((*where, option), message, hint)
    message = f"{step.id} reads {path}, which no step makes"
    return document.problem(where, message, "look at the workflow's steps", key=True)
