"""The verbs of the command line, each a module that adds its command, and imports what it needs."""

from importlib import import_module

from mtls_openssl.cli.app import app

VERBS = (
    "apply", "config", "doctor", "explain", "export", "guide", "handshake", "init", "learn",
    "plan", "revoke", "schema", "verify",
)  # fmt: skip


def run(arguments: list[str]) -> None:
    """Run the command line; a verb that is named is all that is imported."""
    named = [verb for verb in arguments[:1] if verb in VERBS]
    for verb in named or VERBS:
        import_module(f"mtls_openssl.cli.{verb}")
    app(args=arguments, prog_name="mtls-openssl")
