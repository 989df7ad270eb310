"""`plan`: what would run, and why."""

import sys
from typing import TYPE_CHECKING

from mtls_openssl.cli.app import app
from mtls_openssl.cli.options import (
    Directory,
    Format,
    Jobs,
    Only,
    Openssl,
    OutputFormat,
    Quiet,
    Recipe,
    Rekey,
    RenewWithin,
    Replace,
    Verbatim,
    Verbose,
    gather,
)
from mtls_openssl.cli.output import Output, boundary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mtls_openssl.render.tree import Line


@app.command()
def plan(
    recipe: Recipe,
    directory: Directory = None,
    jobs: Jobs = None,
    rekey: Rekey = None,
    replace: Replace = None,
    only: Only = None,
    renew_within: RenewWithin = "30d",
    verbatim: Verbatim = False,
    output_format: OutputFormat = Format.text,
    openssl: Openssl = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show every entity and step as a tree: what would run, and why."""
    del jobs, verbose  # common options: a plan runs nothing
    with boundary("plan", output_format, quiet) as output:
        from mtls_openssl import runner
        from mtls_openssl.render import envelope, problem, tree
        from mtls_openssl.session import open_session

        session = open_session(recipe, directory, openssl, verbatim=verbatim)
        wishes = gather(session, rekey, replace, only, renew_within)
        worker = session.at_rest()
        decisions = runner.look(session.plan, worker.journal, wishes)
        output.steps = map(envelope.decision, decisions)
        if output_format is Format.text:
            _draw(tree.lines(session.plan, decisions), output)
        output.orphans(session.plan, worker.journal)
        output.warnings(session.plan)
        refused = runner.refusal(worker, wishes, decisions)
        output.more["refused"] = refused and envelope.failure(refused)
        output.say(problem.failure(refused, "note: apply refuses this") if refused else "")


def _draw(lines: "Iterable[Line]", output: Output) -> None:
    """Draw a tree: in colour and broken at its width for a terminal, plainly for a pipe."""
    if not sys.stdout.isatty():
        for line in lines:
            output.result(f"{line.lead}{line.text.plain}\n")
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    for line in lines:
        lead = line.lead
        for piece in line.text.wrap(console, max(20, console.width - len(lead))):
            console.print(Text.assemble((lead, "dim"), piece), soft_wrap=True)
            lead = line.hanging
