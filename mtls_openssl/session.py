"""What every verb on a recipe begins with: the recipe, its workflow, the openssl, the plan."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path as FilePath

from mtls_openssl import foreign, journal, plan, process, recipe, revocation, secret, workflow
from mtls_openssl.errors import BadInput
from mtls_openssl.journal import Journal
from mtls_openssl.lock import locked
from mtls_openssl.plan import Plan
from mtls_openssl.secret import Closed, Vault
from mtls_openssl.source import suggestion
from mtls_openssl.surroundings import Revoked, Surroundings
from mtls_openssl.verifier import Verifier
from mtls_openssl.worker import Worker, fetch_secrets


@dataclass(frozen=True)
class Session:
    """A recipe made ready for a directory."""

    plan: Plan
    binary: FilePath
    directory: FilePath
    shown: str
    """The directory as a person would name it from here."""
    base: FilePath
    """The recipe's folder."""
    there: Surroundings

    def vault(self) -> Vault:
        """Give a vault that reads secrets where the recipe says."""
        hidden = self.plan.recipe.secret_variables()
        return Vault(self.directory, self.base, os.environ, secret.terminal(), hidden)

    @contextmanager
    def at_work(self, *, wait: bool = False) -> Iterator[Worker]:
        """Hold the directory, and give who does steps in it.

        Raises:
            Locked: another holds it, and `wait` is not asked for.
            MachineFault: the directory cannot be made or written.
        """
        journal.prepare(self.directory)
        with (
            locked(self.directory, wait=wait) as descriptor,
            Journal(self.directory).load().writing() as written,
        ):
            revoked = revocation.read(self.plan.recipe, self.directory)
            made = self.plan if revoked == self.there.revoked else self.planned(revoked)
            children = process.Runner(self.binary, self.directory, descriptor)
            vault = self.vault()
            yield Worker(made, self.directory, written, children, Verifier(children, vault), vault)

    def verifier(self) -> Verifier:
        """Give who looks at all that the plan makes; every secret for it is fetched.

        Raises:
            BadInput: a secret that cannot be had.
        """
        vault = self.vault()
        fetch_secrets(self.plan, vault, self.plan.steps)
        return Verifier(process.Runner(self.binary, self.directory), vault)

    def at_rest(self) -> Worker:
        """Give who only looks at the directory: it need not be there, and is not held.

        No secret is fetched for a look.
        """
        children = process.Runner(self.binary, self.directory)
        vault, written = Closed(self.directory, self.base, {}), Journal(self.directory).load()
        verifier = Verifier(children, vault)
        return Worker(self.plan, self.directory, written, children, verifier, vault)

    def planned(self, revoked: Mapping[str, tuple[Revoked, ...]]) -> Plan:
        """Plan again, with what was revoked since."""
        there = replace(self.there, revoked=revoked)
        made = self.plan
        return plan.build(made.recipe, made.workflow, made.version, there, verbatim=made.verbatim)

    def check_names(self, option: str, names: frozenset[str], *, steps: bool = False) -> None:
        """Refuse names that are no entity's and, where `steps` may be named, no step's.

        Raises:
            BadInput: for the first of them.
        """
        known = [member.name for member in self.plan.members]
        more = [step.id for step in self.plan.steps] if steps else []
        for name in sorted(names - {*known, *more}):
            hint = suggestion(name, [*known, *more])
            hint = hint if hint.startswith("did you mean") else suggestion(name, known)
            raise BadInput((), f"{option}: there is no {name!r} in the recipe", hint)


def open_session(
    path: FilePath, directory: FilePath | None, openssl: str | None, *, verbatim: bool = False
) -> Session:
    """Read the recipe and make its plan.

    Raises:
        BadInput: the recipe, its workflow or a path is wrong.
        MachineFault: there is no usable openssl.
    """
    base = path.absolute().parent
    read = recipe.load(path)
    flow = workflow.find(read, path.parent)
    target = (directory or path.parent / read.directory).absolute()
    if target.exists() and not target.is_dir():
        raise BadInput((), f"{target} is not a directory", "give another by --directory")
    binary = process.find(openssl)
    version = process.ask_version(binary)
    made_elsewhere = foreign.read(read, base, process.Runner(binary, base))
    there = Surroundings(str(base), made_elsewhere, revocation.read(read, target))
    made = plan.build(read, flow, version, there, verbatim=verbatim)
    return Session(made, binary, target, f"{os.path.relpath(target)}/", base, there)
