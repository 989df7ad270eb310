"""`plan`: what would run, and why."""

import sys

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
from mtls_openssl.cli.output import boundary


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
        from rich.console import Console

        from mtls_openssl import runner
        from mtls_openssl.journal import Journal
        from mtls_openssl.render import envelope, tree
        from mtls_openssl.session import open_session

        session = open_session(recipe, directory, openssl, verbatim=verbatim)
        wishes = gather(session, rekey, replace, only, renew_within)
        decisions = runner.look(session.plan, Journal(session.directory).load(), wishes)
        output.steps += map(envelope.decision, decisions)
        if output_format is Format.text:
            # A pipe has no width: there, no line is broken.
            width = None if sys.stdout.isatty() else 100_000
            Console(highlight=False, markup=False, width=width).print(
                tree.tree(session.plan, decisions)
            )
