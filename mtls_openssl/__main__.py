"""The entry point, kept light: what needs no recipe is answered before anything is imported."""

import gc
import os
import sys

from mtls_openssl import __version__


def main() -> None:
    """Run the command line, or say in one sentence why this machine cannot."""
    if sys.platform == "win32":
        sys.stderr.write(
            "mtls-openssl runs on Linux and macOS; on Windows, run it inside WSL (wsl --install).\n"
        )
        raise SystemExit(3)
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"mtls-openssl {__version__}\n")
        return
    # What other programs have installed beside this one has no say in what a recipe may hold.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "1"
    # Values here are trees, made once and read until the end: looking for cycles among the many
    # of a fleet finds none, and takes a tenth of the time; nor are they looked for at the end.
    gc.disable()
    from mtls_openssl.cli.verbs import run  # typer takes most of the start-up time

    try:
        run(sys.argv[1:])
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
