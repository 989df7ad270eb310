"""The golden cases: a recipe in, the script, the plan's JSON and the lesson out.

    python tests/golden.py      # or: make golden

writes them anew; the diff is to be reviewed. A case is a folder of `tests/golden/` with a
`recipe.yaml`, whatever workflow it names, and `openssl.txt`: what `openssl version` is taken to
print, and options below it.
"""

import tempfile
from pathlib import Path

from mtls_openssl import glossary, lesson, plan, recipe, runner, version, workflow
from mtls_openssl.currency import Wishes
from mtls_openssl.journal import Journal
from mtls_openssl.plan import Plan
from mtls_openssl.render import envelope, export, markdown, script

FOLDER = Path(__file__).parent / "golden"
CASES = sorted(path.parent for path in FOLDER.glob("*/recipe.yaml"))


def planned(case: Path) -> Plan:
    """Give a case's plan."""
    read = recipe.load(case / "recipe.yaml", "recipe.yaml")
    printed, *options = (case / "openssl.txt").read_text("utf-8").splitlines()
    return plan.build(
        read, workflow.find(read, case), version.parse(printed), verbatim="--verbatim" in options
    )


def made(case: Path) -> dict[str, str]:
    """Give what a case's recipe comes to, by file name.

    It is what `apply -n`, `plan`, `explain` and `export` print.
    """
    result = planned(case)
    with tempfile.TemporaryDirectory() as empty:
        decisions = runner.look(result, Journal(Path(empty)).load(), Wishes())
    return {
        "script.sh": script.script(result, decisions),
        "plan.json": "".join(envelope.envelope("plan", map(envelope.decision, decisions))),
        "export.sh": export.export(result, "/home/me"),
        "lesson.md": markdown.lesson(lesson.teach(result, glossary.load())),
    }


def main() -> None:
    """Write every case anew."""
    for case in CASES:
        for name, text in made(case).items():
            (case / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
