"""Configuration for real programs: a setting put into a target's template.

Templates are jinja2 files, `TARGET.*`; a person's own folder of them lies over the bundled one. A
path goes through the filter of its target's syntax (`{{ key | nginx }}`): without one, it is
refused rather than printed. Nothing here reads a key, a certificate or a secret.
"""

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from importlib import resources
from pathlib import Path as FilePath

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mtls_openssl.errors import BadInput, Fault, Problem
from mtls_openssl.member import Member
from mtls_openssl.plan import Plan
from mtls_openssl.programs import CLIENT_TARGETS, SERVER_TARGETS
from mtls_openssl.quoting import SYNTAXES
from mtls_openssl.setting import Folder, Place, Setting, settle
from mtls_openssl.source import suggestion

TARGETS = (*SERVER_TARGETS, *CLIENT_TARGETS)
ANYONES = ("kubernetes",)
"""Clients' targets that suit a server too, where it is named."""
BUNDLED = FilePath(str(resources.files("mtls_openssl") / "templates" / "config"))


@dataclass(frozen=True)
class Configuration:
    """What one program is to be told, in its own syntax."""

    entity: str
    target: str
    text: str


class Templates:
    """The bundled templates, and those that lie over them."""

    def __init__(self, own: FilePath | None = None) -> None:
        folders = [own, BUNDLED] if own else [BUNDLED]
        self.files = {name: path for folder in reversed(folders) for name, path in _found(folder)}
        if own and all(path.parent != own for path in self.files.values()):
            names = ", ".join(path.name for _, path in _found(BUNDLED))
            raise BadInput((), f"there is no template in {own}", f"these have effect: {names}")
        self.environment = ImmutableSandboxedEnvironment(
            loader=jinja2.FileSystemLoader(folders),
            undefined=jinja2.StrictUndefined,
            finalize=_printable,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        filters = {name: partial(_quoted, syntax) for name, syntax in SYNTAXES.items()}
        self.environment.filters.update(filters)

    def render(self, target: str, setting: Setting) -> str:
        """Give a target's configuration; raises BadInput for what it or its template cannot say."""
        values = {field.name: getattr(setting, field.name) for field in fields(setting)}
        try:
            return self.environment.get_template(self.files[target].name).render(values)
        except Fault as fault:
            raise BadInput((), fault.message, fault.hint) from None
        except jinja2.TemplateError as error:
            raise BadInput((_problem(self.files[target], error),)) from None


def _found(folder: FilePath) -> Iterator[tuple[str, FilePath]]:
    """Find the templates of a folder, by target."""
    for path in sorted(folder.glob("*.*")):
        if (target := path.name.partition(".")[0]) in TARGETS:
            yield target, path


def _quoted(syntax: Callable[[str], str], value: object) -> str:
    return syntax(value.path if isinstance(value, Place) else str(value))


def _printable(value: object) -> object:
    """Give what may be printed: texts, and what jinja2 itself will refuse or leave out."""
    if isinstance(value, str | int | jinja2.Undefined):
        return value
    raise jinja2.TemplateRuntimeError(f"{value!r} has no filter, such as nginx or sh")


def _problem(path: FilePath, error: jinja2.TemplateError) -> Problem:
    """Point at the line of a template that has a fault."""
    name, line = str(path), 1
    if isinstance(error, jinja2.TemplateSyntaxError):
        name, line = error.filename or name, error.lineno
    else:
        for frame in traceback.extract_tb(error.__traceback__):
            if FilePath(frame.filename).parent == path.parent:
                name, line = frame.filename, frame.lineno or line
    known = f"known here: {', '.join(field.name for field in fields(Setting))}"
    excerpt = FilePath(name).read_text("utf-8").splitlines()[line - 1]
    message = error.message or "this is no template"
    return Problem(name, line, 1, (), message, known, excerpt, len(excerpt) or 1)


def configure(
    plan: Plan, target: str | None, name: str | None, folder: Folder, templates: Templates
) -> Iterator[Configuration]:
    """Give the configurations that are asked for, or that the recipe names; raises BadInput."""
    if target is not None and target not in TARGETS:
        raise BadInput((), f"--for: there is no target {target!r}", suggestion(target, TARGETS))
    wanted = list(_wanted(plan, target, name))
    if not wanted:
        raise BadInput((), *_nothing(plan, target, name))
    members = {member.name: member for member, _ in wanted}
    settings = {one.entity: one for one in settle(plan, members.values(), folder)}
    for member, program in wanted:
        text = templates.render(program, settings[member.name])
        yield Configuration(member.name, program, text)


def _wanted(plan: Plan, target: str | None, name: str | None) -> Iterator[tuple[Member, str]]:
    """Pair the entities that are meant with the programs that are."""
    for member in plan.members:
        section = member.entity.section
        if section not in ("server", "client") or name not in (None, member.name):
            continue
        if "key" not in member.files:  # only signed here
            continue
        if target is None:
            for program in getattr(member.entity.declared, "config", ()):
                yield member, program
        elif section == _section(target) or (name and target in ANYONES):
            yield member, target


def _section(target: str) -> str:
    return "server" if target in SERVER_TARGETS else "client"


def _nothing(plan: Plan, target: str | None, name: str | None) -> tuple[str, str]:
    """Tell why there is nothing to print, and what to do."""
    if target is None:
        whom = name or "the recipe"
        return f"{whom} does not say which programs to configure", (
            f"add --for with one of {', '.join(TARGETS)}, or config: [...] to an entity"
        )
    section = _section(target)
    keyless = [m.name for m in plan.members if "key" not in m.files]
    if name in keyless:
        return f"the key of {name} is not here", "it stays where the request was made"
    known = [m.name for m in plan.members if m.entity.section == section]
    if name is None:
        return f"{target} is a {section}'s program, and the recipe has no {section}", ""
    return f"{target} is a {section}'s program, and {name} is no {section}", suggestion("", known)
