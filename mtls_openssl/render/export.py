"""A plan as a standalone shell script: what `apply` does, unattended and without this tool.

Where apply answers openssl's prompts, the script lets openssl read each secret by itself, from an
environment variable or a file (openssl-passphrase-options(1)): none stands on a command line.
"""

import os
import re
import shlex
import textwrap
from collections.abc import Iterator

from mtls_openssl.plan import Plan
from mtls_openssl.render.script import command, here_document
from mtls_openssl.render.text import visible
from mtls_openssl.secret import Env, File, Generate, Need
from mtls_openssl.step import Answer, Step
from mtls_openssl.subject import to_subj
from mtls_openssl.worker import needs


def export(plan: Plan, folder: str) -> str:
    """Give the script; a secret's `file:` is relative to `folder`, the recipe's."""
    secrets = _Secrets(plan, folder)
    lines = [
        "#!/bin/sh",
        f"# {visible(plan.workflow.title)} ({plan.workflow.name}), for {plan.version}",
        *_comment(
            "Written by mtls-openssl export. It makes in the current folder what apply makes, and "
            "asks nobody; it checks nothing afterwards, as apply and verify do."
        ),
        "set -eu",
        "umask 077",
        "unset OPENSSL_CONF",
        "",
        *_comment("A key that is there already is never overwritten."),
        *_guard([path for step in plan.steps for path in step.keys]),
        *secrets.lines(),
        "",
        *_comment("Nothing here belongs into a repository."),
        "test -e .gitignore || printf '*\\n' > .gitignore",
    ]
    explained: set[str] = set()
    for step in plan.steps:
        lines += ["", *_step(step, secrets, explained)]
    return "\n".join(lines) + "\n"


def _guard(keys: list[str]) -> Iterator[str]:
    yield "for key in \\"
    yield from (f"  {shlex.quote(key)} \\" for key in keys)
    yield "; do"
    yield '  if test -e "$key"; then'
    yield '    echo "$key is there already: run this in an empty folder" >&2'
    yield "    exit 1"
    yield "  fi"
    yield "done"


class _Secrets:
    """Where the script takes each secret from."""

    def __init__(self, plan: Plan, folder: str) -> None:
        self.folder = folder
        found = (need for step in plan.steps for need, _ in needs(step))
        self.needs = {need.artifact: need for need in found}
        self.names = self._named()

    def lines(self) -> Iterator[str]:
        """Ask for the variables that must be set, and draw what is to be random."""
        variables = {
            self.variable(need): need.purpose
            for need in self.needs.values()
            if not isinstance(need.source, File | Generate)
        }
        if variables:
            yield ""
            yield from _comment("Secrets, from the environment:")
        yield from (f': "${{{name}:?{_quoted(told)}}}"' for name, told in variables.items())
        yield from (f"export {name}" for name in variables)

    def drawn(self, need: Need) -> str:
        """Give the command that draws a secret, which is kept where apply keeps it."""
        kept = shlex.quote(need.kept)
        return f"test -s {kept} || openssl rand -hex 24 > {kept}"

    def source(self, need: Need, *, other: bool = False) -> str:
        """Give a secret's source as openssl takes it; `other` for the second one of a command.

        From one and the same file, openssl would take the second line.
        """
        again = "./" if other else ""
        match need.source:
            case File(path) if os.path.isabs(path):
                return f"file:{'/.' if other else ''}{path}"
            case File(path):
                return f"file:{os.path.join(self.folder, again + path)}"
            case Generate():
                return f"file:{again}{need.kept}"
        return f"env:{self.variable(need)}"

    def variable(self, need: Need) -> str:
        """Name the variable: the recipe's own, or one after the file that the secret protects."""
        if isinstance(need.source, Env):
            return need.source.name
        return self.names[need.artifact]

    def _named(self) -> dict[str, str]:
        """Give the variable's name for each file; no two files share one."""
        taken = {n.source.name for n in self.needs.values() if isinstance(n.source, Env)}
        names = {}
        for need in self.needs.values():
            kind = "PASSWORD" if "password" in need.purpose else "PASSPHRASE"
            part = re.sub(r"[^A-Z0-9]+", "_", os.path.basename(need.artifact).upper())
            name, number = f"MTLS_{part}_{kind}", 1
            while name in taken:
                number += 1
                name = f"MTLS_{part}_{kind}_{number}"
            taken.add(name)
            names[need.artifact] = name
        return names


def _quoted(text: str) -> str:
    r"""Give a text as it stands between double quotes, in the braces of ${NAME:?text}."""
    return re.sub(r'[\\"$`}]', r"\\\g<0>", visible(text))


def _step(step: Step, secrets: _Secrets, explained: set[str]) -> Iterator[str]:
    """Give a step's lines; what was `explained` of another entity is not said again."""
    owner = f"{step.entity}: " if step.entity else ""
    yield from _comment(f"{step.number} {owner}{step.title}")
    if step.explain not in explained:
        yield from _comment(step.explain)
    explained.add(step.explain)
    if step.erratum and step.files:
        yield from _comment(f"Erratum for OpenSSL {step.erratum.openssl}: {step.erratum.why}")
    for answer in step.answers:
        if answer.need and answer.fresh and isinstance(answer.need.source, Generate):
            yield secrets.drawn(answer.need)
    for file in step.files:
        yield from here_document(file)
    if step.argv:
        more = [word for answer in step.answers for word in _told(answer, step.argv, secrets)]
        yield command((*step.argv[:2], *more, *step.argv[2:]))


def _told(answer: Answer, argv: tuple[str, ...], secrets: _Secrets) -> tuple[str, ...]:
    """Give the options by which a command is told what apply answers at its prompt."""
    if answer.need is None:
        return ("-subj", to_subj(answer.subject))
    if answer.kind in ("password", "encryption"):
        return ("-passout", secrets.source(answer.need, other=True))
    if not answer.fresh:
        return ("-passin", secrets.source(answer.need))
    option = "-pass" if argv[1] == "genpkey" else "-passout"
    return (option, secrets.source(answer.need))


def _comment(text: str) -> Iterator[str]:
    yield from textwrap.wrap(visible(text), 98, initial_indent="# ", subsequent_indent="# ")
