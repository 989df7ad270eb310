"""`guide`: the whole lesson of a recipe as one page."""

import os
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from mtls_openssl.cli.app import app
from mtls_openssl.cli.options import (
    Directory,
    Format,
    Jobs,
    Openssl,
    Quiet,
    Recipe,
    Target,
    Verbatim,
    Verbose,
)
from mtls_openssl.cli.output import boundary
from mtls_openssl.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtls_openssl.audit import Checked
    from mtls_openssl.configuration import Configuration
    from mtls_openssl.handshake import Proof
    from mtls_openssl.session import Session


class GuideFormat(StrEnum):
    """What kind of page."""

    html = "html"
    markdown = "markdown"


@app.command()
def guide(
    recipe: Recipe,
    target: Target = None,
    directory: Directory = None,
    jobs: Jobs = None,
    verbatim: Verbatim = False,
    guide_format: Annotated[
        GuideFormat, typer.Option("--format", help="What kind of page.")
    ] = GuideFormat.html,
    openssl: Openssl = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write the whole lesson as one page, with what is there verified and shown live."""
    del verbose  # a common option: the page shows every command anyway
    with boundary("guide", Format.text, quiet) as output:
        from mtls_openssl import glossary, lesson
        from mtls_openssl.render import guide as page
        from mtls_openssl.session import open_session

        session = open_session(recipe, directory, openssl, verbatim=verbatim)
        taught = lesson.teach(session.plan, glossary.load())
        verified, proof = _found(session, jobs or os.cpu_count() or 1)
        configured = tuple(_configured(session))
        whole = page.Guide(session.plan, taught, verified, proof, configured)
        text = page.html(whole) if guide_format is GuideFormat.html else page.text(whole)
        if target is None or str(target) == "-":
            output.result(text)
            return
        target.write_text(text, encoding="utf-8")
        told = "" if verified else f"; after an apply of {recipe}, it shows what is there, too"
        output.say(f"{target} is written{told}\n")


def _configured(session: "Session") -> "Iterator[Configuration]":
    """Configure what the recipe names, or else what the two tutorials do, for the first of each."""
    from mtls_openssl import configuration
    from mtls_openssl.setting import Folder

    plan, folder = session.plan, Folder(str(session.directory))
    own = configuration.Templates(None)
    if any(getattr(member.entity.declared, "config", ()) for member in plan.members):
        yield from configuration.configure(plan, None, None, folder, own)
        return
    for section, targets in (("server", ("nginx", "openldap")), ("client", ("curl",))):
        able = (m for m in plan.members if m.entity.section == section and "key" in m.files)
        if first := next(able, None):
            for target in targets:
                with suppress(BadInput):  # a path that this program's syntax cannot express
                    yield from configuration.configure(plan, target, first.name, folder, own)


def _found(session: "Session", jobs: int) -> "tuple[Checked, Proof | None]":
    """Verify what is there, and let server and client meet where all of it is as it should be."""
    from mtls_openssl import audit, handshake

    if not session.directory.is_dir():
        return [], None
    verifier = session.verifier()
    checked, _ = audit.audit(session.plan, verifier, None, jobs)
    sections = {member.entity.section for member in session.plan.members}
    good = all(verdict.ok for _, verdicts in checked for verdict in verdicts)
    if not good or not {"server", "client"} <= sections:
        return checked, None
    return checked, handshake.prove(session, jobs=jobs, secrets=verifier.secrets)
