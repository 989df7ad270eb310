"""Measure what DESIGN promises of speed, and print it as a table: `make bench`.

Every row pairs two commands, in turn, in one run and one environment, and tells the median of the
ratios or differences, so that a machine that drifts does not tell a tale.
"""

import json
import os
import re
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

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


Row: TypeAlias = tuple[str, str, str, str]
"""Work, what it is held against, the goal, and what was measured."""


def clients(count: int) -> str:
    """Give a modern recipe of that many clients."""
    fleet = f'{{"c{{n:05}}": {{each: {{count: {count}}}}}}}'
    return f"workflow: modern\nauthorities: {{ca: {{subject: {{CN: CA}}}}}}\nclients: {fleet}\n"


def main() -> None:
    """Measure, and print the table."""
    table = Table("work", "against", "goal", "measured", title="median of pairs")
    for measure in (fleet, first_tutorial, current, prompting, version, large_plan):
        for row in measure():
            table.add_row(*row)
    console = Console()
    Console(width=console.width if console.is_terminal else 120).print(table)


def fleet() -> Iterator[Row]:
    """200 EC clients, every step verified, against the same commands with nothing verified."""
    with folder() as place:
        (place / "recipe.yaml").write_text(clients(200))
        clean = process.clean_environment(os.environ)
        dry = [*APPLY[:-2], "--dry-run", "-C", "none"]
        script = subprocess.run(dry, cwd=place, capture_output=True, text=True, check=True).stdout
        (place / "script.sh").write_text(script)
        (place / "Makefile").write_text(makefile(place))

        for name, environment in (("clean", clean), ("as it is", dict(os.environ))):
            with tempfile.TemporaryDirectory(dir=place) as own:
                yield from _fleet(Path(own), name, environment)


def _fleet(place: Path, name: str, environment: dict[str, str]) -> Iterator[Row]:
    def ours(number: int) -> None:
        run([*APPLY, f"{place.name}/apply-{number}"], place.parent, environment)

    def bash(number: int) -> None:
        (place / f"bash-{number}").mkdir()
        run(["bash", "-e", "../../script.sh"], place / f"bash-{number}", environment)

    jobs = f"-j{os.cpu_count()}"

    def make(number: int) -> None:
        (place / f"make-{number}").mkdir()
        run(["make", "-s", jobs, "-f", "../../Makefile"], place / f"make-{number}", environment)

    one = [a / b for a, b in pairs(ours, bash, 5)]
    other = [a / b for a, b in pairs(lambda n: ours(n + 100), make, 5)]
    work = "200 EC clients, every step verified"
    yield work, f"sequential bash, environment {name}", "≤ 0.80", spread(one)
    yield "the same", f"make {jobs}, environment {name}", "≤ 1.50", spread(other)


def makefile(place: Path) -> str:
    """Give the recipe's commands as a Makefile: a target an entity, each after the CA's."""
    dry = [*APPLY[:-2], "--dry-run", "--format", "json", "-C", "none"]
    told = subprocess.run(dry, cwd=place, capture_output=True, text=True, check=True).stdout
    script = (place / "script.sh").read_text()
    texts = dict(re.findall(r"cat > (\S+) <<'EOF'\n(.*?)EOF\n", script, re.DOTALL))
    rules: dict[str, list[str]] = {}
    for step in json.loads(told)["steps"]:
        [target] = step["outputs"]
        words = [word if word == ">" else shlex.quote(word) for word in step["argv"]]
        if not words:
            words = ["printf", shlex.quote(texts[target].replace("\n", "\\n")), ">", target]
        rules.setdefault(step["entity"] or "trust", []).append(f"\t@{' '.join(words)}\n")
    names = [name for name in rules if name != "trust"]
    needs = {name: "ca" for name in names if name != "ca"} | {"trust": " ".join(names)}
    lines = [f"{name}: {needs.get(name, '')}\n{''.join(rules[name])}" for name in ("trust", *names)]
    return f".PHONY: {' '.join(rules)}\n" + "".join(lines)


def current() -> Iterator[Row]:
    """An apply of 1000 current clients, against one of one."""
    with folder() as place:
        for count in (1000, 1):
            (place / str(count)).mkdir()
            (place / str(count) / "recipe.yaml").write_text(clients(count))
            run([*APPLY, "pki"], place / str(count), dict(os.environ))

        def many(_: int) -> None:
            run([*APPLY, "pki"], place / "1000", dict(os.environ))

        def single(_: int) -> None:
            run([*APPLY, "pki"], place / "1", dict(os.environ))

        ratios = [one / other for one, other in pairs(many, single, 10)]
    yield "apply of 1000 current clients", "apply of 1 current client", "≤ 4", spread(ratios)


def large_plan() -> Iterator[Row]:
    """A plan of 10 000 clients: its time against one of 1000, and the largest memory."""
    with folder() as place:

        def plan(count: int) -> None:
            (place / "recipe.yaml").write_text(clients(count))
            argv = [sys.executable, "-m", "mtls_openssl", "plan", "recipe.yaml", "--format", "json"]
            run(argv, place, dict(os.environ))

        ratio = timed(plan, 10_000) / timed(plan, 1000)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    yield (
        "plan of 10 000 clients",
        "plan of 1000",
        "linear; ≤ 200 MB",
        f"{ratio:.1f} times, {peak} MB",
    )


def first_tutorial() -> Iterator[Row]:
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

        smallest = smallest_program(place)

        def nothing(_: int) -> None:
            run(smallest, place, environment)

        timed_pairs = pairs(ours, theirs, 30)
        idle = statistics.median(timed(nothing, number) for number in range(20))
    work = "first tutorial, verified (30 pairs)"
    bash = statistics.median(other for _, other in timed_pairs)
    ratios = [one / other for one, other in timed_pairs]
    yield work, "its commands in sequential bash", "≤ 0.75", spread(ratios)
    yield "a one-command typer program", "the same", "", f"{idle / bash:.2f}"


def prompting() -> Iterator[Row]:
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
    against = "the same with -passin stdin"
    yield "a command that prompts", against, "+ ≤ 5 ms", f"+ {spread(extra)} ms"


def version() -> Iterator[Row]:
    """--version, against typer's smallest program."""
    with folder() as place:
        smallest = smallest_program(place)

        def ours(_: int) -> None:
            run([sys.executable, "-m", "mtls_openssl", "--version"], place, dict(os.environ))

        def theirs(_: int) -> None:
            run(smallest, place, dict(os.environ))

        ratios = [one / other for one, other in pairs(ours, theirs, 20)]
    yield "--version", "a one-command typer program", "≤ 1.0", spread(ratios)


def smallest_program(place: Path) -> list[str]:
    """Write typer's smallest program; give how it is run."""
    (place / "one.py").write_text(ONE_COMMAND)
    return [sys.executable, str(place / "one.py")]


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
