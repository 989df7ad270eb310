"""Measure what DESIGN promises of speed, and print it as a table: `make bench`.

Every row pairs two commands, in turn, in one run and one environment, and tells the median of the
ratios or differences, so that a machine that drifts does not tell a tale.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mtls_openssl import process
from mtls_openssl.process import Reply, Runner
from mtls_openssl.secret import Secret

ROOT = Path(__file__).parent.parent
APPLY = [sys.executable, "-m", "mtls_openssl", "apply", "recipe.yaml", "-q", "-C"]
FIRST_TUTORIAL = """\
workflow: mutual-tls
defaults:
  subject: {C: US, ST: ABC, L: XYZ, O: Example, OU: Test}
authorities:
  ca: {subject: {CN: Root}, days: 3650}
servers:
  server: {subject: {CN: test.cert.example.com}}
clients:
  client: {pkcs12: {password: {env: EXPORT_PASSWORD}}}
"""
ONE_COMMAND = "import typer\napp = typer.Typer()\n@app.command()\ndef main(): ...\napp()\n"


def main() -> None:
    """Measure, and print the table."""
    table = Table("work", "against", "goal", "measured", title="median of pairs")
    for row in (first_tutorial(), prompting(), version()):
        table.add_row(*row)
    Console().print(table)


def first_tutorial() -> tuple[str, str, str, str]:
    """Every step verified, against the same commands in bash with nothing verified."""
    with folder() as place:
        (place / "recipe.yaml").write_text(FIRST_TUTORIAL)
        environment = {**os.environ, "EXPORT_PASSWORD": "export"}
        dry = [*APPLY[:-2], "--dry-run", "-C", "none"]
        script = subprocess.run(dry, cwd=place, capture_output=True, text=True, check=True).stdout
        unattended = script.replace("{\n", "", 1).replace("} </dev/tty\n", "")
        unattended = unattended.replace(
            "pkcs12 -export", "pkcs12 -export -passout env:EXPORT_PASSWORD"
        )
        (place / "script.sh").write_text(unattended)

        def ours(number: int) -> None:
            run([*APPLY, f"apply-{number}"], place, environment)

        def theirs(number: int) -> None:
            (place / f"bash-{number}").mkdir()
            run(["bash", "-e", "../script.sh"], place / f"bash-{number}", environment)

        ratios = [one / other for one, other in pairs(ours, theirs, 30)]
    return (
        "first tutorial, verified (30 pairs)",
        "its commands in sequential bash",
        "≤ 0.75",
        spread(ratios),
    )


def prompting() -> tuple[str, str, str, str]:
    """A command answered at its prompt, against the same with its pass phrase on a descriptor."""
    with folder() as place:
        runner = Runner(process.find(None), place)
        secret = Secret("correct horse")
        reply = Reply("passphrase", "k", secret)
        runner.converse("openssl genrsa -aes256 -out k 2048".split(), [reply])
        asking = "openssl pkey -in k -noout".split()

        def prompted(_: int) -> None:
            assert runner.converse(asking, [reply]).returncode == 0

        def told(_: int) -> None:
            assert runner.run([*asking, "-passin", "stdin"], secret=secret).returncode == 0

        extra = [(one - other) * 1000 for one, other in pairs(prompted, told, 100)]
    return (
        "a command that prompts",
        "the same with -passin stdin",
        "+ ≤ 5 ms",
        f"+ {spread(extra)} ms",
    )


def version() -> tuple[str, str, str, str]:
    """--version, against typer's smallest program."""
    with folder() as place:
        (place / "one.py").write_text(ONE_COMMAND)

        def ours(_: int) -> None:
            run([sys.executable, "-m", "mtls_openssl", "--version"], place, dict(os.environ))

        def theirs(_: int) -> None:
            run([sys.executable, "one.py"], place, dict(os.environ))

        ratios = [one / other for one, other in pairs(ours, theirs, 20)]
    return ("--version", "a one-command typer program", "≤ 1.0", spread(ratios))


def pairs(
    one: Callable[[int], None], other: Callable[[int], None], count: int
) -> list[tuple[float, float]]:
    """Time two things in turn; the first pair warms up and does not count."""
    return [(timed(one, number), timed(other, number)) for number in range(count + 1)][1:]


def timed(thing: Callable[[int], None], number: int) -> float:
    """Give the seconds that a thing takes."""
    start = time.perf_counter()
    thing(number)
    return time.perf_counter() - start


def run(argv: list[str], place: Path, environment: dict[str, str]) -> None:
    """Run a command to its end, in silence."""
    subprocess.run(
        argv, cwd=place, env=environment, check=True, capture_output=True, stdin=subprocess.DEVNULL
    )


def spread(values: list[float]) -> str:
    """Give the median, and the least and the most."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


@contextmanager
def folder() -> Iterator[Path]:
    """Give a fresh folder, gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


if __name__ == "__main__":
    main()
