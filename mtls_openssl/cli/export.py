"""`export`: a standalone shell script."""

from mtls_openssl.cli.app import app
from mtls_openssl.cli.options import Directory, Format, Openssl, Recipe, Target, Verbatim
from mtls_openssl.cli.output import boundary


@app.command()
def export(
    recipe: Recipe,
    target: Target = None,
    directory: Directory = None,
    verbatim: Verbatim = False,
    openssl: Openssl = None,
) -> None:
    """Print a shell script that does what apply does, unattended and without this tool."""
    with boundary("export", Format.text) as output:
        from mtls_openssl.render import export as rendered
        from mtls_openssl.session import open_session

        session = open_session(recipe, directory, openssl, verbatim=verbatim)
        text = rendered.export(session.plan, str(session.base))
        output.write(text, target, f"run it in an empty folder: sh {target}")
