"""The house stands in one order, and only its door speaks (DESIGN section 3)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "mtls_openssl"
LONGEST = 500
"""Lines of a module; more is two modules."""

ORDER = """
    errors programs files origin source secret subject names fields issuers fleet model recipe
    template version glossary surroundings workflow member hierarchy extensions artifact step filler
    review plan checks lesson batch inspection process certificate target_rules
    targets doctor probe verifier foreign revocation journal typed
    console learn lab lock currency orphans worker refusals audit schedule crew runner revoking
    session
    messages exchange peers cases impostors troupe handshake starters
    quoting setting configuration
    render.text render.problem render.script render.export render.envelope render.lesson
    render.markdown render.tutor render.tree render.report render.lines render.progress
    render.acceptance render.findings render.sequence render.proof render.picture render.guide
    outcome
    cli.options cli.output cli.app cli.view
    cli.apply cli.plan cli.verify cli.revoke cli.export cli.explain cli.handshake cli.learn
    cli.guide cli.config cli.doctor cli.init cli.schema
    cli.verbs __main__
""".split()
"""Each module imports only from those before it."""

SPEAKING = ("cli", "__main__")
"""Only these use the terminal's streams, decide an exit code, or know typer."""

STREAMS = {"stdout", "stderr", "__stdout__", "__stderr__", "exit"}


def module_of(path: Path) -> str:
    """The name of a module's file, below the package: render.text."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


MODULES = {
    module_of(path): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if not (path.name == "__init__.py" or "__pycache__" in path.parts)
}


def imported(text: str) -> Iterator[str]:
    """The package's modules that a text imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (
                alias.name.removeprefix("mtls_openssl.")
                for alias in node.names
                if alias.name.startswith("mtls_openssl.")
            )
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: a relative import hides where it leads"
            base, _, inside = (node.module or "").partition(".")
            if base == "mtls_openssl":
                for alias in node.names:
                    below = f"{inside}.{alias.name}".strip(".")
                    yield below if below in MODULES else inside


def out_of_order(module: str, text: str) -> list[str]:
    """What a module imports that does not stand above it."""
    above = ORDER[: ORDER.index(module)]
    return [name for name in imported(text) if name and name not in above]


def speech(text: str) -> list[str]:
    """The lines of a text that use the terminal's streams, an exit, or typer."""
    found = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Attribute(value=ast.Name(id="sys"), attr=name) if name in STREAMS:
                found.append((node.lineno, f"sys.{name}"))
            case ast.ImportFrom(module="sys", names=names):
                found += [(node.lineno, f"sys.{n.name}") for n in names if n.name in STREAMS]
            case ast.Name(id="print" | "input" | "SystemExit" | "exit" | "quit" as name):
                found.append((node.lineno, name))
            case ast.Import(names=names):
                found += [(node.lineno, "typer") for n in names if n.name.split(".")[0] == "typer"]
            case ast.ImportFrom(module=str(name)) if name.split(".")[0] == "typer":
                found.append((node.lineno, "typer"))
    return [f"{line}: {what}" for line, what in sorted(found)]


def shells(text: str) -> list[str]:
    """The lines of a text that start a shell."""
    found = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.keyword(arg="shell", value=value) if not (
                isinstance(value, ast.Constant) and value.value is False
            ):
                found.append((value.lineno, "shell="))
            case ast.Attribute(attr="system" | "popen" | "getoutput" | "getstatusoutput" as name):
                found.append((node.lineno, name))
    return [f"{line}: {what}" for line, what in sorted(found)]


def test_every_module_has_its_place_and_every_place_its_module() -> None:
    assert sorted(MODULES) == sorted(ORDER)


@pytest.mark.parametrize("module", ORDER)
def test_a_module_imports_only_from_those_above_it(module: str) -> None:
    assert out_of_order(module, MODULES[module].read_text()) == []


def test_only_the_door_speaks_and_decides_an_exit_code() -> None:
    said = {
        name: lines
        for name, path in MODULES.items()
        if name.partition(".")[0] not in SPEAKING and (lines := speech(path.read_text()))
    }
    assert said == {}


def test_nothing_starts_a_shell() -> None:
    assert {
        name: lines for name, path in MODULES.items() if (lines := shells(path.read_text()))
    } == {}


def test_no_module_is_longer_than_can_be_read() -> None:
    lengths = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_packages_are_only_folders() -> None:
    """An `__init__` that imported would stand outside the order."""
    for path in PACKAGE.rglob("__init__.py"):
        assert list(imported(path.read_text())) == []


@pytest.mark.parametrize(
    "text",
    [
        "import mtls_openssl.plan",
        "from mtls_openssl import plan",
        "from mtls_openssl.plan import Plan",
        "def later():\n    from mtls_openssl.plan import Plan",
        "if TYPE_CHECKING:\n    from mtls_openssl import errors, plan",
        "from mtls_openssl.render import text\nfrom mtls_openssl import plan",
    ],
)
def test_an_import_out_of_order_would_be_seen(text: str) -> None:
    """The watch itself is awake: whatever form the import has, and inside functions too."""
    assert out_of_order("template", text)[-1] == "plan"
    assert "plan" not in out_of_order("cli.plan", text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("import sys\nsys.stdout.write('x')", "2: sys.stdout"),
        ("def f():\n    import sys\n    return sys.stderr", "3: sys.stderr"),
        ("from sys import argv, stdout", "1: sys.stdout"),
        ("import sys\nsys.exit(1)", "2: sys.exit"),
        ("print('x')", "1: print"),
        ("raise SystemExit(2)", "1: SystemExit"),
        ("import typer", "1: typer"),
        ("from typer import Exit", "1: typer"),
    ],
)
def test_a_module_that_spoke_would_be_heard(text: str, what: str) -> None:
    assert speech(text) == [what]


def test_a_console_that_was_handed_in_is_no_speech_of_ones_own() -> None:
    assert speech("import sys\nself.console.print('x')\nsys.stdin.isatty()") == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("subprocess.run(x, shell=True)", "1: shell="),
        ("subprocess.run(x, shell=wanted)", "1: shell="),
        ("import os\nos.system('x')", "2: system"),
        ("import os\nos.popen('x')", "2: popen"),
        ("subprocess.getoutput('x')", "1: getoutput"),
    ],
)
def test_a_shell_would_be_seen(text: str, what: str) -> None:
    assert shells(text) == [what]
