"""Every verb of the command line, each a module that imports what it needs when it runs."""

from mtls_openssl.cli import (  # noqa: F401  each adds its verb
    apply,
    config,
    doctor,
    explain,
    export,
    guide,
    handshake,
    init,
    learn,
    plan,
    revoke,
    schema,
    verify,
)
from mtls_openssl.cli.app import app


def run(arguments: list[str]) -> None:
    """Run the command line."""
    app(args=arguments, prog_name="mtls-openssl")
