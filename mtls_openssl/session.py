"""What every verb on a recipe begins with: the recipe, its workflow, the openssl, the plan."""

import os
from dataclasses import dataclass
from pathlib import Path as FilePath

from mtls_openssl import plan, process, recipe, secret, workflow
from mtls_openssl.errors import BadInput
from mtls_openssl.plan import Plan
from mtls_openssl.secret import Vault
from mtls_openssl.source import suggestion


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

    def vault(self) -> Vault:
        """Give a vault that reads secrets where the recipe says."""
        hidden = self.plan.recipe.secret_variables()
        return Vault(self.directory, self.base, os.environ, secret.terminal(), hidden)

    def check_names(self, option: str, names: frozenset[str]) -> None:
        """Refuse names that are no entity's; raises BadInput."""
        known = [member.name for member in self.plan.members]
        for name in sorted(names - set(known)):
            raise BadInput(
                (), f"{option}: there is no {name!r} in the recipe", suggestion(name, known)
            )


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
    made = plan.build(read, flow, process.ask_version(binary), verbatim=verbatim)
    return Session(made, binary, target, f"{os.path.relpath(target)}/", base)
