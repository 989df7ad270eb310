"""A workflow's templates, filled for each entity: steps with their effects and expectations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mtls_openssl import artifact, template
from mtls_openssl.artifact import Artifact
from mtls_openssl.errors import Fault, Problem
from mtls_openssl.fields import check_inside
from mtls_openssl.member import Member, Values, placeholders
from mtls_openssl.recipe import GROUPS
from mtls_openssl.step import Answer, Step, WrittenFile
from mtls_openssl.subject import backslashed, to_subj
from mtls_openssl.template import Effects, Template, Value
from mtls_openssl.version import Version
from mtls_openssl.workflow import StepTemplate, Workflow


class Filler:
    """Fills the workflow's templates for each entity, and remembers what fell out and why."""

    def __init__(
        self,
        workflow: Workflow,
        version: Version,
        members: tuple[Member, ...],
        *,
        verbatim: bool,
    ) -> None:
        self.workflow = workflow
        self.members = members
        self.version = version
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
        self.above: dict[str, Values] = {}
        self.texts: dict[str, str] = {}
        """The files that steps before wrote, by path."""
        self.outside = {m.files[kind]: path for m in members for kind, path in m.outside.items()}
        """What was made elsewhere: its absolute path, and how the recipe names it."""

    def _lists(self) -> Values:
        lists: dict[str, list[str]] = {}
        for group, sections in GROUPS.items():
            for member in self.members:
                if member.entity.section in sections:
                    for kind, path in member.files.items():
                        lists.setdefault(f"{group}.{kind}", []).append(path)
        return {name: tuple(paths) for name, paths in lists.items()}

    def steps(self) -> list[Step]:
        """Fill every step for every member, then those that are done once."""
        once = {**self.lists, **self._recipe_files()}
        made = [
            self._step(part, values, member)
            for member in self.members
            for values in [self._values(member)]
            for part in self.workflow.steps.get(member.entity.section, ())
        ]
        made += [self._step(part, once, None) for part in self.workflow.steps.get("recipe", ())]
        return [step for step in made if step]

    def _values(self, member: Member) -> Values:
        above = self._above(member.issuer) if member.issuer else {}
        return {**self.lists, **placeholders(member), **member.files, **above}

    def _above(self, issuer: Member) -> Values:
        """Give what `{issuer.…}` stands for: the same for all that one authority signs."""
        if issuer.name not in self.above:
            values = {**placeholders(issuer), **issuer.files}
            self.above[issuer.name] = {f"issuer.{name}": v for name, v in values.items()}
        return self.above[issuer.name]

    def _recipe_files(self) -> Values:
        return {
            kind: name.text(self.lists, str)
            for kind, name in self.workflow.layout.get("recipe", {}).items()
        }

    def _step(self, part: StepTemplate, values: Values, member: Member | None) -> Step | None:
        argv = part.run.words(values) if part.run else ()
        files = () if argv is None else _written(part.to, part.write, values, once=part.once)
        if argv is None or files is None:
            parts = [part.run, part.to]
            missing = [name for p in parts if p for name in p.bare if not values.get(name)]
            self.dropped[member.name if member else "", part.id] = (part, missing)
            return None
        answers = tuple(a for ask in part.asks if member for a in _answer(ask, member, part))
        erratum = self.errata.get((str(part.path[1]), part.id))
        own = tuple(self.outside.get(word, word) for word in argv) if self.outside else argv
        more = (*_identity(answers, files), *_revoked(argv, member))
        identity = (*own, *more) if more else own
        if erratum and not self.verbatim:
            files += _written(erratum.to, erratum.write, values) or ()
            argv = _with_words(argv, (erratum.add.words(values) if erratum.add else ()) or ())
        if not argv:
            self.texts.update((file.path, file.text) for file in files)
        try:
            done = _Effect.of(part, argv, files, values, member)
        except Fault as fault:
            self.problems.append(self.workflow.document.fault((*part.path, "run"), fault))
            return None
        entity = member.name if member else ""
        return Step(
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
            reads=done.reads,
            writes=done.writes,
            state=done.state,
            modes=done.found.modes,
            folders=done.found.folders,
            keys=_private(argv, done.writes, member),
            artifacts=tuple(self._artifacts(done, member)),
            erratum=erratum,
        )

    def _artifacts(self, done: "_Effect", member: Member | None) -> Iterator[Artifact]:
        entity = member.name if member else ""
        for file in done.files:
            yield artifact.written(file.path, entity, None if file.once else file.text)
        for path in done.found.modes:
            yield artifact.with_mode(path, entity, done.argv[1])
        own = {file.path for file in done.files}
        for path in done.writes:
            if path not in own:
                yield self._made(path, done, member)

    def _made(self, path: str, done: "_Effect", member: Member | None) -> Artifact:
        """Say what a file must be that a step's command makes."""
        if member is None:
            made = Artifact("file", path, "", (artifact.NOT_EMPTY,))
        else:
            kind = next((kind for kind, file in member.files.items() if file == path), "file")
            requested = member.files.get("request") in done.reads
            made = artifact.of(kind, path, member, done.argv, requested)
        if done.argv[:1] == ("cat",) and made.kind != "combined":
            made = artifact.joined(made, done.reads)
        for erratum in self.errata.values():
            made = artifact.mended(made, erratum.why, erratum.mends)
        names = getattr(member.entity.declared, "names", None) if member else None
        return self._with_extensions(made, done, names)

    def _with_extensions(
        self, made: Artifact, done: "_Effect", names: tuple[str, ...] | None
    ) -> Artifact:
        """Expect of a certificate what the extension file says that a step or erratum wrote."""
        if made.kind != "certificate" or "-extfile" not in done.argv[:-1]:
            return made
        path = done.argv[done.argv.index("-extfile") + 1]
        own = {file.path: file.text for file in done.files}
        text = own.get(path, self.texts.get(path, ""))
        made = artifact.with_extensions(made, text, by_erratum=path in own)
        asked = {expectation.name for expectation in made.expectations}
        # LibreSSL's verify knows no -verify_hostname.
        if "subjectAltName" not in asked or self.version.library != "OpenSSL":
            return made
        return artifact.with_names(made, names or ())


@dataclass(frozen=True)
class _Effect:
    """A filled step's words, and all that they do to files."""

    argv: tuple[str, ...]
    files: tuple[WrittenFile, ...]
    found: Effects
    """What the words themselves tell."""
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    state: tuple[str, ...]

    @classmethod
    def of(
        cls,
        part: StepTemplate,
        argv: tuple[str, ...],
        files: tuple[WrittenFile, ...],
        values: Values,
        member: Member | None,
    ) -> "_Effect":
        """Tell them; raises Fault for a command that a workflow may not run."""
        found = Effects()
        if part.run:
            _check_redirect(part.run, argv)
            found = template.effects(argv)
        touched = {*found.writes, *found.state, *found.modes, *found.folders}
        touched |= {file.path for file in files}
        for path in touched - set(member.files.values() if member else ()):
            check_inside(path)
        more_reads, more_writes = (_paths(paths, values) for paths in (part.reads, part.writes))
        more_state = (path for path in more_writes if path in more_reads)
        begun = tuple(file.path for file in files if file.once)
        state = _unique(found.state, more_state, begun)
        own = tuple(file.path for file in files if not file.once)
        writes = _unique(own, found.writes, (path for path in more_writes if path not in state))
        reads = _unique(found.reads, (path for path in more_reads if path not in state))
        reads = tuple(path for path in reads if path not in own)
        return cls(argv, files, found, reads, writes, state)


def _with_words(argv: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """Add words at a command's end, which is before its redirection."""
    words, _, _ = template.split_redirect(argv)
    return (*words, *more, *argv[len(words) :])


def _check_redirect(run: Template, argv: tuple[str, ...]) -> None:
    """Refuse a value that would stand where a workflow's own > does; raises Fault."""
    if not template.split_redirect(argv)[1]:
        return
    own = run.words(dict.fromkeys(run.names(), "x")) or ()
    if not template.split_redirect(own)[1]:
        raise Fault(f"the value {argv[-2]!r} cannot stand before the last word")


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


_CONF_SPECIAL = backslashed("\\$#'\"`")


def _revoked(argv: tuple[str, ...], member: Member | None) -> Iterator[str]:
    """Tell whom a revocation list names: it is another list once someone else is revoked."""
    if member and member.revoked and "-gencrl" in argv:
        yield from (f"revoked {entry.octets}" for entry in member.revoked)


def _written(
    to: Template | None,
    lines: tuple[Template, ...],
    values: Mapping[str, Value],
    *,
    once: bool = False,
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
    if not path or (lines and not kept):
        return None
    return (WrittenFile(path, "".join(f"{line}\n" for line in kept), once),)


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
        case "passphrase.new":
            if member.passphrase:
                key = member.files["key"]
                yield Answer("encryption", key, member.passphrase, fresh=True)
        case "passphrase" | "issuer.passphrase":
            owner = member if ask == "passphrase" else member.issuer
            if owner and owner.passphrase:
                writes = part.run is not None and "key" not in _reads_of(part.run)
                yield Answer(
                    "passphrase",
                    owner.files.get("key", ""),
                    owner.passphrase,
                    fresh=writes and owner is member,
                )


def _reads_of(run: Template) -> set[str]:
    """Give the placeholders that a command's words name as files it reads."""
    words = run.words({name: name for name in run.names()}) or ()
    return set(template.effects(words).reads) if words[:1] == ("openssl",) else set()
