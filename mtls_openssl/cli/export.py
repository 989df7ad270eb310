"""`export`: a standalone shell script."""

from mtls_openssl.cli.app import app
from mtls_openssl.cli.options import (
    Directory,
    Format,
    Jobs,
    Openssl,
    OutputFormat,
    Quiet,
    Recipe,
    Target,
    Verbatim,
    Verbose,
)
from mtls_openssl.cli.output import boundary


@app.command()
def export(
    recipe: Recipe,
    target: Target = None,
    directory: Directory = None,
    jobs: Jobs = None,
    verbatim: Verbatim = False,
    output_format: OutputFormat = Format.text,
    openssl: Openssl = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Print a shell script that does what apply does, unattended and without this tool."""
    del jobs, verbose  # common options: an export runs nothing
    with boundary("export", output_format, quiet) as output:
        from mtls_openssl.render import envelope
        from mtls_openssl.render import export as rendered
        from mtls_openssl.session import open_session

        session = open_session(recipe, directory, openssl, verbatim=verbatim)
        text = rendered.export(session.plan, str(session.base))
        output.steps = (envelope.not_run(step, "exported") for step in session.plan.steps)
        output.more["script"] = text
        output.write(text, target, f"run it in an empty folder: sh {target}")
