"""What is wrong with a recipe under a workflow, told before anything runs, each at its line."""

from collections.abc import Iterator

from mtls_openssl.errors import Fault, Problem
from mtls_openssl.fields import YEARS, YEARS_HINT, check_inside
from mtls_openssl.filler import Filler
from mtls_openssl.member import Member
from mtls_openssl.names import parse_name
from mtls_openssl.recipe import Entity, Recipe
from mtls_openssl.secret import Generate
from mtls_openssl.source import suggestion
from mtls_openssl.step import Step
from mtls_openssl.subject import PROMPTED
from mtls_openssl.version import Version
from mtls_openssl.workflow import OPTION_SLOTS, Workflow


def layout_problems(
    recipe: Recipe, workflow: Workflow, members: tuple[Member, ...]
) -> Iterator[Problem]:
    """Find paths that leave the directory, files that two entities share, and options unused."""
    document = recipe.document
    owners: dict[str, str] = {}
    known = {section: _known(workflow, section) for section in workflow.steps}
    for member in members:
        entity = member.entity
        if not has_steps(workflow, member):
            made = (name for name in workflow.steps if name not in ("existing", "recipe"))
            have = ", ".join(made)
            message = f"the workflow {workflow.name} has no steps for {_article(entity.section)}"
            yield document.problem(entity.path, message, f"it has steps for: {have}", key=True)
            continue
        yield from _file_problems(recipe, member, owners)
        if not entity.existing:
            yield from _unused(recipe, workflow, entity, known[entity.section])


def has_steps(workflow: Workflow, member: Member) -> bool:
    """Whether a workflow does anything for an entity; one that is there already needs nothing."""
    return bool(workflow.steps.get(member.entity.section) or member.entity.existing)


def _file_problems(recipe: Recipe, member: Member, owners: dict[str, str]) -> Iterator[Problem]:
    """Find files outside the directory, the program's own, and those that are someone else's.

    `owners` tells of every path before, in one case, whose it is; a folder ends in a slash.
    """
    entity = member.entity
    needs = (member.passphrase, member.export_password)
    files = [
        (need.purpose, "key", need.kept)
        for need in needs
        if need and isinstance(need.source, Generate) and not entity.existing
    ]
    files += [
        (f"{entity.name}'s {kind}", kind, path)
        for kind, path in member.files.items()
        if kind not in member.outside
    ]
    for owner, kind, path in files:
        where = (*entity.path, *(("files", kind) if kind in entity.declared.files else ()))
        hint = f"give one of them another name: files: {{{kind}: NAME}}"
        for message in _file_messages(path, owner, owners):
            yield recipe.document.problem(where, message, hint, key=True)
        try:
            check_inside(path)
        except Fault as fault:
            yield recipe.document.problem(where, fault.message, fault.hint, key=True)


def _file_messages(path: str, owner: str, owners: dict[str, str]) -> Iterator[str]:
    folded = path.casefold()
    parts = folded.split("/")
    above = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
    if folded == ".gitignore" or parts[0] == ".mtls-openssl":
        yield f"{path} is the program's own"
    if folded in owners:
        yield f"{path} would be both {owners[folded]} and {owner}"
    if f"{folded}/" in owners or any(folder in owners for folder in above):
        yield f"{path} would be a file where another wants a folder"
    owners.setdefault(folded, owner)
    owners.update({f"{folder}/": owner for folder in above})


def state_problems(
    recipe: Recipe, members: tuple[Member, ...], steps: list[Step]
) -> Iterator[Problem]:
    """Find files that openssl would take for an authority's serial numbers."""
    owners = {
        path.casefold(): (member, kind)
        for member in members
        for kind, path in member.files.items()
        if kind not in ("database", "crl_number")
    }
    issuers = {member.name: (member.issuer or member).name for member in members}
    shared = {path: issuers.get(step.entity, "") for step in steps for path in step.state}
    for path, issuer in shared.items():
        if path.casefold() in owners:
            member, kind = owners[path.casefold()]
            declared = ("files", kind) if kind in member.entity.declared.files else ()
            message = f"{path} would be both {issuer}'s serials and {member.name}'s {kind}"
            hint = f"give one of them another name: files: {{{kind}: NAME}}"
            yield recipe.document.problem((*member.entity.path, *declared), message, hint, key=True)


WITHOUT_DIGEST = ("ED25519", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
"""Algorithms that sign without a digest of the signer's choice (RFC 8410, RFC 9881)."""


def entity_problems(
    recipe: Recipe, members: tuple[Member, ...], version: Version
) -> Iterator[Problem]:
    """Find what openssl would refuse, or verify would, once everything is settled."""
    serials: dict[tuple[str, object], str] = {}
    for member in members:
        path = member.entity.path
        key = None if member.entity.existing or member.entity.request else member.options.key
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
        named = "CN" in dict(member.entity.options.subject or ()) or member.foreign
        if not named and len(member.name) > 64:
            message = f"CN is {len(member.name)} characters long; 64 are the most"
            hint = "the name serves as common name; give a shorter one: subject: {CN: …}"
            yield recipe.document.problem(path, message, hint, key=True)
        for signer in (key, None if issuer.entity.existing else issuer.options.key):
            if member.entity.options.digest and signer and signer.algorithm in WITHOUT_DIGEST:
                message = f"a digest has no place where {signer} signs"
                yield recipe.document.problem((*path, "digest"), message, "leave it out")
                break


def _has_ml_dsa(version: Version) -> bool:
    return version.library == "OpenSSL" and version.numbers >= (3, 5, 0)


def date_problems(recipe: Recipe, members: tuple[Member, ...]) -> Iterator[Problem]:
    """Find dates that no certificate can bear, where one of the two follows from the days."""
    for member in members:
        if member.dates and any(date.year not in YEARS for date in member.dates):
            begin, end = member.dates
            given = "not_after" if member.entity.declared.not_after else "not_before"
            message = f"it would be valid from {begin.year} to {end.year}"
            hint = f"give the other date or other days; {YEARS_HINT}"
            yield recipe.document.problem((*member.entity.path, given), message, hint)


def prompted_problems(
    recipe: Recipe, workflow: Workflow, members: tuple[Member, ...]
) -> Iterator[Problem]:
    """Find subjects that cannot be typed where a workflow lets openssl ask for them."""
    asking = {
        section
        for section, steps in workflow.steps.items()
        if any("subject" in step.asks for step in steps)
    }
    for member in members:
        asked = member.entity.section in asking and not member.entity.request
        path = (*member.entity.path, "subject")
        for fault in _untyped(member) if asked else ():
            hint = f"the workflow {workflow.name} lets openssl ask for the subject"
            yield recipe.document.problem(path, fault, hint, key=True)


def _untyped(member: Member) -> Iterator[str]:
    names = [name for name, _ in member.subject]
    for name, value in member.subject:
        if name not in PROMPTED:
            yield f"{name} is not asked for at openssl's prompts"
        elif names.count(name) > 1:
            yield f"{name} is asked for once, and given more than once"
        elif value == ".":
            yield f"{name} cannot be a single dot, which leaves a field out at a prompt"
        elif name in ("CN", "emailAddress") and len(value.encode()) > 64:
            yield f"{name} takes 64 bytes at openssl's prompt, and has {len(value.encode())}"


def existing_problems(recipe: Recipe, members: tuple[Member, ...]) -> Iterator[Problem]:
    """Find authorities that are to sign, and whose key is not there."""
    signed = {m.issuer.name: m.name for m in members if m.issuer and not m.entity.existing}
    for member in members:
        existing = member.entity.existing
        if existing and not existing.key and member.name in signed:
            message = f"{member.name} is to sign {signed[member.name]}, and has no key here"
            path = (*member.entity.path, "existing")
            yield recipe.document.problem(path, message, "add its key: {key: PATH}", key=True)
        if existing and member.foreign and member.strict:
            yield from _lax(recipe, member)
        if existing and isinstance(existing.passphrase, Generate):
            path = (*member.entity.path, "existing", "passphrase")
            message = "the pass phrase of a key that is there already is not drawn at random"
            yield recipe.document.problem(path, message, "say where it comes from")


def _lax(recipe: Recipe, member: Member) -> Iterator[Problem]:
    """Find what `openssl verify -x509_strict` would miss in the certificate of an existing CA."""
    assert member.foreign
    wanted = ("basicConstraints", "keyUsage", "subjectKeyIdentifier")
    lacks = [name for name in wanted if name not in member.foreign.extensions]
    if lacks:
        message = f"the certificate of {member.name} has no {', '.join(lacks)}"
        hint = "a strict workflow wants it (RFC 5280, section 4.2.1); mutual-tls does without"
        path = (*member.entity.path, "existing", "certificate")
        yield recipe.document.problem(path, message, hint)


def _article(section: str) -> str:
    return {"root": "a root", "issuing": "an issuing authority"}.get(section, f"a {section}")


def _known(workflow: Workflow, section: str) -> set[str]:
    """Give every placeholder and test that a section's steps and files know."""
    known = {name for step in workflow.steps.get(section, ()) for name in step.names()}
    known |= {name for part in workflow.layout.get(section, {}).values() for name in part.names()}
    return known | ({"subject"} if any(name.startswith("subject") for name in known) else set())


def warnings(recipe: Recipe, workflow: Workflow, members: tuple[Member, ...]) -> Iterator[Problem]:
    """Find what works, and is of little use: servers that a workflow would name, and are not."""
    if not _known(workflow, "server") & OPTION_SLOTS["names"]:
        return
    for member in members:
        entity = member.entity
        if entity.section == "server" and getattr(entity.declared, "names", None) is None:
            message = f"{member.name} has no names: hardly a client will take it for the server"
            named = (dict(member.subject).get("CN", ""), member.name, "HOST")
            host = next(filter(_is_name, named))
            hint = f"clients look at subjectAltName alone (RFC 9525): names: [{host}]"
            yield recipe.document.problem(entity.path, message, hint, key=True)


def _is_name(text: str) -> bool:
    try:
        return bool(parse_name(text))
    except Fault:
        return False


def _unused(
    recipe: Recipe, workflow: Workflow, entity: Entity, known: set[str]
) -> Iterator[Problem]:
    """Find what an entity says of itself and no step of its section would ever use."""
    for option in sorted(entity.declared.model_fields_set & OPTION_SLOTS.keys()):
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


def input_problems(recipe: Recipe, filler: Filler, steps: list[Step]) -> Iterator[Problem]:
    """Find files that are read and that no step makes, and say which step fell out and why."""
    made: set[str] = set(filler.outside)
    for step in steps:
        for path in (*step.reads, *step.modes):
            if path not in made:
                yield _input_problem(recipe, filler, step, path)
        made |= {*step.writes, *step.state}


def _input_problem(recipe: Recipe, filler: Filler, step: Step, path: str) -> Problem:
    owner = next((m for m in filler.members if path in m.files.values()), None)
    document = recipe.document
    where = owner.entity.path if owner else ()
    kind = next((k for k, p in owner.files.items() if p == path), "") if owner else ""
    for (entity, _), (part, missing) in filler.dropped.items():
        if owner and entity == owner.name and part.run and kind in part.run.slots():
            for slot in missing:
                option = next((o for o, slots in OPTION_SLOTS.items() if slot in slots), slot)
                given = getattr(owner.options, option, None)
                name = filler.workflow.name
                message = f"{part.number} {part.title}: {entity} needs {option}:"
                hint = f"add {option}: to {entity}; the workflow's command has {{{slot}}}"
                if given is not None:
                    message = f"the workflow {name} makes no {given} {kind}"
                    hint = f"give another {option}:; {part.number} {part.title} wants {{{slot}}}"
                return document.problem((*where, option), message, hint)
    message = f"{step.id} reads {path}, which no step makes"
    return document.problem(where, message, "look at the workflow's steps", key=True)
