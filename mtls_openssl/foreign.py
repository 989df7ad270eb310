"""What was made elsewhere: authorities that are there already, and requests to be signed.

Both are read by openssl before anything is planned, and never written.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path as FilePath

from mtls_openssl import checks, extensions, inspection
from mtls_openssl.artifact import Artifact
from mtls_openssl.errors import BadInput, Path, Problem
from mtls_openssl.process import Runner
from mtls_openssl.recipe import Entity, Recipe
from mtls_openssl.subject import to_text
from mtls_openssl.surroundings import Foreign

WEAKEST = {"RSA": 2048, "EC": 224}
"""Bits under which nobody should sign a key (NIST SP 800-131A, openssl's security level 2)."""


def read(recipe: Recipe, folder: FilePath, runner: Runner) -> dict[str, Foreign]:
    """Read every file of a recipe that was made elsewhere; give what it is, by its entity.

    Raises:
        BadInput: one that is not there, cannot be read or should not be used, at its line.
    """
    found: dict[str, Foreign] = {}
    problems: list[Problem] = []
    for entity in recipe.entities:
        reading = _Reading(recipe, entity, folder, runner, problems)
        if entity.existing:
            foreign = reading.authority(entity.existing.certificate)
            if entity.existing.key:
                reading.missing(entity.existing.key, ("existing", "key"))
        elif entity.request:
            foreign = reading.request(entity.request)
        else:
            continue
        if foreign:
            found[entity.name] = foreign
    problems += _issuer_problems(recipe, found)
    if problems:
        raise BadInput(recipe.document.settled(problems))
    return found


class _Reading:
    """One entity's file."""

    def __init__(
        self,
        recipe: Recipe,
        entity: Entity,
        folder: FilePath,
        runner: Runner,
        problems: list[Problem],
    ) -> None:
        self.document = recipe.document
        self.entity = entity
        self.folder = folder
        self.runner = runner
        self.problems = problems

    def authority(self, path: str) -> Foreign | None:
        """Read a CA's certificate."""
        where = ("existing", "certificate")
        facts, text = self.facts("certificate", path, where)
        if not facts:
            return None
        if facts["ca"] != "yes":
            hint = "name the certificate of a CA"
            self.fault(f"{path} is no CA's certificate", hint, where)
        subject, issuer = (checks.name_of(text, which) for which in ("subject", "issuer"))
        return Foreign(subject, issuer, extensions.shown(text))

    def request(self, path: str) -> Foreign | None:
        """Read a request: its signature, its key's strength and its subject count."""
        facts, text = self.facts("request", path, ("request",))
        if not facts:
            return None
        subject = checks.name_of(text, "subject")
        if facts["signature"] != "good":
            message = f"the signature of {path} is broken: whoever made it does not show its key"
            self.fault(message, "ask for the request again", ("request",))
            return None
        if weak := _weakness(facts["algorithm"]):
            self.fault(f"{path} has {weak}", "ask for a request with a stronger key", ("request",))
        if not subject:
            hint = "ask for a request that says whose it is"
            self.fault(f"{path} has no subject", hint, ("request",))
        declared = self.entity.declared.subject
        if declared and declared != subject:
            message = f"{path} asks for {to_text(subject)}, and the certificate bears that"
            self.fault(message, "leave subject: out, or say the same", ("subject",))
        return Foreign(subject)

    def facts(self, kind: str, path: str, where: Path) -> tuple[dict[str, str], str]:
        """Ask openssl about a file; give what is found, and openssl's own text."""
        if self.missing(path, where):
            return {}, ""
        artifact = Artifact(kind, str((self.folder / path).absolute()), self.entity.name)
        question = checks.questions(artifact)[0]
        outcome = self.runner.run(question.argv)
        facts = checks.facts(artifact, {"text": outcome.answer})
        if trouble := facts.get("trouble"):
            what = "certificate" if kind == "certificate" else "certificate request"
            hint = f"openssl reads a {what} in PEM from it"
            self.fault(f"{path} cannot be read: {trouble}", hint, where)
            return {}, ""
        if fault := _not_one(kind, path, inspection.text(self.folder / path)):
            self.fault(*fault, where)
            return {}, ""
        return facts, outcome.stdout

    def missing(self, path: str, where: Path) -> bool:
        """Tell, as a problem, of a file that is not there or not to be read."""
        full = self.folder / path
        if not full.is_file():
            hint = f"looked for {full}; the path is relative to the recipe"
            self.fault(f"there is no file {path}", hint, where)
        elif not os.access(full, os.R_OK):
            self.fault(f"{path} may not be read", "look at its mode", where)
        else:
            return False
        return True

    def fault(self, message: str, hint: str, where: Path) -> None:
        path = (*self.entity.path, *where)
        self.problems.append(self.document.problem(path, message, hint))


def _not_one(kind: str, path: str, text: str) -> tuple[str, str] | None:
    """Tell of a file that does not hold exactly one certificate or request, in PEM."""
    label = r"(?:TRUSTED |X509 )?CERTIFICATE" if kind == "certificate" else r"[A-Z ]*REQUEST"
    count = len(checks.pem_blocks(text, label))
    if count > 1:
        return f"{path} holds {count} {kind}s", "name a file that holds one"
    command = "x509" if kind == "certificate" else "req"
    convert = f"convert it: openssl {command} -inform DER -in {path} -out NAME.pem"
    return None if count else (f"{path} is not in PEM", convert)


def _weakness(algorithm: str) -> str:
    """Tell what is weak about a key, such as "RSA 1024", or nothing."""
    kind, _, size = algorithm.partition(" ")
    bits = re.search(r"\d+", size)
    if kind in WEAKEST and bits and int(bits[0]) < WEAKEST[kind]:
        return f"a key of {algorithm}, which is too weak"
    return "a key of a kind that is not known" if kind == "unknown" else ""


def _issuer_problems(recipe: Recipe, found: dict[str, Foreign]) -> Iterator[Problem]:
    """Find existing authorities that another issued than the recipe says."""
    for entity in recipe.entities:
        foreign, above = found.get(entity.name), found.get(entity.issuer)
        if not entity.existing or not foreign:
            continue
        path = (*entity.path, "existing", "certificate")
        own = foreign.issuer == foreign.subject
        if entity.issuer == entity.name and not own:
            message = f"{entity.name} is no root: {to_text(foreign.issuer)} issued it"
            hint = "name that authority too, by existing: {certificate: …}, and say issuer: here"
            yield recipe.document.problem(path, message, hint)
        elif above and foreign.issuer != above.subject:
            message = f"{entity.issuer} did not issue {entity.name}: {to_text(foreign.issuer)} did"
            yield recipe.document.problem(path, message, "name its issuer by issuer:")
