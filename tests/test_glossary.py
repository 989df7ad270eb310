"""Every option of every command that the program prints is explained, and truthfully."""

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mtls_openssl import batch, checks, glossary, process, source, workflow
from mtls_openssl.errors import BadInput
from mtls_openssl.glossary import Explanation, Option
from mtls_openssl.version import Version
from tests import golden
from tests.conftest import ROOT

GLOSSARY = glossary.load()
PACKAGE = ROOT / "mtls_openssl"
ISSUE = """
    genrsa genpkey pkey rsa ec req x509 ca crl verify pkcs12 pkcs8 s_client s_server rand crl2pkcs7
    pkcs7 asn1parse ocsp
""".split()
"""The commands that the issue names."""


def explained(line: str) -> Explanation:
    """One command line, explained."""
    [explanation] = GLOSSARY.explain(line.split())
    return explanation


def unknown(words: tuple[str, ...]) -> list[str]:
    """What of a command line, or several with | between, is not explained."""
    return [
        f"{' '.join(explanation.head)} {' '.join(word.text)}"
        for explanation in GLOSSARY.explain(words)
        for word in explanation.words
        if not word.known
    ]


def helped(openssl: Path, command: str) -> dict[str, bool]:
    """The options that a command's -help lists, and whether each takes a value."""
    done = subprocess.run(
        [openssl, command, "-help"], capture_output=True, text=True, check=False,
        env=process.clean_environment({}), stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    found = re.findall(r"^ (-\S+)(?: (\S+))?(?:  .*)?$", done.stdout + done.stderr, re.MULTILINE)
    return {name: bool(value) for name, value in found}


@pytest.mark.version
@pytest.mark.parametrize("command", GLOSSARY.commands)
def test_it_has_the_very_options_that_the_binary_has(
    command: str, openssl: Path, version: Version
) -> None:
    """None is forgotten, none made up, and each is said to be absent where it is."""
    known = GLOSSARY.commands[command].options
    families = {family.option for family in GLOSSARY.families}
    claimed = {
        name: bool(option.value)
        for name, option in known.items()
        if name not in families and not any(c.holds(version) for c in option.absent)
    }
    found = helped(openssl, command)
    assert bool(families & set(known)) == (found.pop("-*", None) is not None)
    assert claimed == found


def test_every_command_of_the_issue_is_there() -> None:
    assert set(ISSUE) <= set(GLOSSARY.commands)


def every_option() -> Iterator[tuple[str, Option]]:
    """Every option and argument of every command."""
    for command in (*GLOSSARY.commands.values(), *GLOSSARY.programs.values()):
        for option in (*command.options.values(), command.argument):
            if option:
                yield f"{command.name} {option.name}", option


def test_every_option_has_one_plain_sentence() -> None:
    """It begins small, as it stands behind the option, and neither ends nor runs on."""
    wrong = [
        name
        for name, option in every_option()
        if not re.fullmatch(r"[a-z0-9][^\n]{4,}[^.\s]", option.means) or len(option.means) > 120
    ]
    assert wrong == []


def test_every_note_and_every_absence_belongs_to_an_option() -> None:
    data = source.read(PACKAGE / "glossary.yaml").data
    for name, entry in data["commands"].items():
        options = GLOSSARY.commands[name].options
        absent = [word for names in entry.get("absent", {}).values() for word in names.split()]
        assert {*entry.get("notes", {}), *absent} <= set(options), name


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "workflows").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_option_of_every_workflow_is_explained(path: Path) -> None:
    """With every optional group in it, and every erratum's words."""
    flow = workflow.build(source.read(path), path.stem)
    added = {(e.section, e.step): e.add for e in flow.errata if e.add}
    for section, steps in flow.steps.items():
        for step in steps:
            for part in filter(None, (step.run, added.get((section, step.id)))):
                names = {name: "sha256" if name == "digest" else "7" for name in part.names()}
                head = () if part is step.run else ("openssl", "x509")
                assert unknown((*head, *(part.words(names) or ()))) == []


@pytest.mark.parametrize("case", golden.CASES, ids=lambda case: case.name)
def test_every_command_and_check_of_every_golden_plan_is_explained(case: Path) -> None:
    made = golden.planned(case)
    lines = [step.argv for step in made.steps if step.argv]
    for step in made.steps:
        for artifact in step.artifacts:
            for question in checks.questions(artifact):
                lines += [part for part in (question.argv, question.into) if part]
    artifacts = [artifact for step in made.steps for artifact in step.artifacts]
    for kind in (batch.keys(artifacts), batch.certificates(artifacts)):
        if kind:
            lines.append(batch.reading(kind).into)
    lines += [question.argv for question in batch.verifications(batch.certificates(artifacts))]
    assert [word for line in lines for word in unknown(line)] == []


def constants(path: Path) -> Iterator[str]:
    """The texts that stand in a module, its docstrings left out."""
    tree = ast.parse(path.read_text())
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def test_every_option_that_stands_in_the_code_is_an_option_of_some_command() -> None:
    """Whatever module runs openssl; only `template` knows what a workflow of others may name."""
    every = {name for command in GLOSSARY.commands.values() for name in command.options}
    for path in sorted(PACKAGE.rglob("*.py")):
        if {"cli", "render"} & set(path.parts) or path.stem == "template":
            continue
        for text in constants(path):
            for word in re.findall(r"(?<![^\s\"'`(])-[A-Za-z][A-Za-z0-9_]+(?![\w-])", text):
                algorithm = any(family.pattern.fullmatch(word[1:]) for family in GLOSSARY.families)
                assert word in every or algorithm, f"{path.name}: {word} in {text!r}"


def printed(text: str) -> Iterator[str]:
    """The openssl commands of a text: lines of code, and what stands between backticks."""
    pattern = r"^[ $#]*(openssl [a-z0-9_]+ .*-.*)$|`(openssl [^`]+ -[^`]+)`"
    for line in re.findall(pattern, text, re.MULTILINE):
        yield line[0] or line[1]


DOCUMENTS = [
    ROOT / "README.md",
    *sorted((PACKAGE / "templates").rglob("*.*")),
    *sorted((PACKAGE / "recipes").glob("*.yaml")),
]
"""What may tell a reader to type openssl; the templates are whatever there are."""


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_that_a_document_names_is_explained(path: Path) -> None:
    for line in printed(path.read_text("utf-8")):
        words = shlex.split(re.sub(r"\{\{.*?\}\}", "x", line), comments=True)
        assert unknown(tuple(words)) == [], line


def test_a_text_s_commands_are_found_wherever_they_stand() -> None:
    text = "$ openssl x509 -in a\nUse `openssl verify -foo` here.\nopenssl is a program\n"
    assert list(printed(text)) == ["openssl x509 -in a", "openssl verify -foo"]


@pytest.mark.parametrize(
    "spelling", ["-days 7", "--days 7", "-days=7", "--days=7"], ids=lambda text: text
)
def test_an_option_is_known_in_every_spelling_that_openssl_takes(spelling: str) -> None:
    [word] = explained(f"openssl x509 {spelling}").words
    assert (word.known, word.value) == (True, "7")
    assert word.means == "how long the certificate is valid, from now on"


@pytest.mark.parametrize("name", ["-sha256", "-SHA384", "--sha3-256"])
def test_a_digest_is_an_option(name: str) -> None:
    [word] = explained(f"openssl x509 {name}").words
    assert "digest" in word.means


@pytest.mark.parametrize("name", ["-aes256", "-aes-128-cbc", "-des3", "-camellia256"])
def test_a_cipher_is_an_option(name: str) -> None:
    [word] = explained(f"openssl genrsa {name}").words
    assert "cipher" in word.means


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("openssl x509 -dayz 7", "-dayz 7: did you mean -days?"),
        ("openssl x509 -xyzzy", "-xyzzy: "),
        ("openssl x509 -sha265 -noout", "-sha265: did you mean -sha256?"),
        ("openssl genrsa -aes265 2048", "-aes265: did you mean -aes256?"),
        ("openssl genrsa -outt ca.key", "-outt ca.key: did you mean -out?"),
        ("openssl x509 -in", "-in: FILE is missing"),
        ("openssl x509 -req=1", "-req=1: it takes no value"),
        ("openssl x509 a.pem", "a.pem: x509 takes no argument"),
        ("openssl x509 -DIGEST", "-DIGEST: "),
        ("openssl req -aes256", "-aes256: "),
        ("cat a >", ">: FILE is missing"),
    ],
)
def test_what_is_not_known_is_said_to_be_unknown(line: str, said: str) -> None:
    wrong = [word for word in explained(line).words if not word.known]
    assert [f"{' '.join(word.text)}: {word.hint}" for word in wrong] == [said]


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("openssl x508", "the glossary does not know 'openssl x508'", "did you mean 'x509'?"),
        ("rm -rf", "the glossary does not know 'rm'", "it knows openssl and one of its commands"),
        ("", "the glossary does not know 'nothing'", "it knows openssl and one of its commands"),
    ],
)
def test_a_command_that_is_not_known_is_refused(line: str, message: str, hint: str) -> None:
    with pytest.raises(BadInput) as caught:
        GLOSSARY.explain(line.split())
    assert caught.value.message == message
    assert caught.value.hint.startswith(hint)


def test_commands_that_a_pipe_joins_are_explained_one_by_one() -> None:
    first, second = GLOSSARY.explain("openssl crl2pkcs7 -nocrl | openssl pkcs7 -text".split())
    assert (first.head, second.head) == (("openssl", "crl2pkcs7"), ("openssl", "pkcs7"))


@pytest.mark.parametrize(
    ("mode", "means"),
    [
        ("400", "the owner may read, the group may do nothing, everyone else may do nothing"),
        ("0644", "the owner may read and write, the group may read, everyone else may read"),
    ],
)
def test_a_mode_is_read_out(mode: str, means: str) -> None:
    first, second = explained(f"chmod {mode} ca.key").words
    assert (first.means, second.means) == (means, "the file whose mode is set")


def test_the_words_of_an_explanation_are_the_words_of_the_command() -> None:
    line = "openssl x509 -req --in=a.csr -CA ca.pem -sha256 -fo x -days 3 -out b.pem > y"
    explanation = explained(line)
    words = [text for word in explanation.words for text in word.text]
    assert (*explanation.head, *words) == explanation.argv == tuple(line.split())


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("openssl req -noenc", "From OpenSSL 3.0 on."),
        ("openssl x509 -not_before 2026", "Not in OpenSSL 3.0 and before."),
        ("openssl x509 -engine x", "No more in OpenSSL 4.0."),
    ],
)
def test_it_is_said_which_versions_know_an_option(line: str, note: str) -> None:
    [word] = explained(line).words
    assert word.note == note
