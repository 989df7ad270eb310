"""A recipe's lesson says what each command does, and any openssl command can be asked about."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest
from markdown_it import MarkdownIt

from mtls_openssl import glossary, lesson
from mtls_openssl.errors import BadInput
from mtls_openssl.lesson import Lesson, Page
from mtls_openssl.plan import Plan
from mtls_openssl.render import lesson as terminal
from mtls_openssl.render import markdown
from tests import golden
from tests.conftest import PROMPTING, SMALL, Cli
from tests.planning import OPENSSL_35, planned

GLOSSARY = glossary.load()
MODERN = """\
workflow: modern
authorities:
  root: {subject: {CN: Root}}
  issuing: {issuer: root}
servers:
  "api": {names: [localhost]}
clients:
  alice: {}
  bob: {}
  carol: {key: ed25519}
"""
FULL = """\
workflow: modern
authorities:
  root: {crl_url: "http://x.example.com/root.crl", crl_days: 30}
  issuing: {issuer: root, crl_url: "http://x.example.com/i.crl"}
servers:
  api: {names: [localhost], outputs: [der, pkcs8]}
clients:
  alice: {outputs: [der], pkcs12: {password: {generate: true}}}
  old: {not_before: 2020-01-01, not_after: 2020-02-01}
"""
"""A recipe with all that modern can make."""
Write = Callable[..., Path]


def taught(made: Plan) -> Lesson:
    """The whole lesson of a plan."""
    return lesson.teach(made, GLOSSARY)


def page_of(made: Plan, name: str) -> Page:
    """The one page of a step."""
    [page] = lesson.teach(made, GLOSSARY, lesson.choose(made, name)).pages
    return page


PLANS = {case.name: golden.planned(case) for case in golden.CASES} | {"full": planned(FULL)}
every_plan = pytest.mark.parametrize("made", PLANS.values(), ids=PLANS)


@every_plan
def test_every_word_of_every_command_that_a_lesson_shows_is_explained(made: Plan) -> None:
    """Those by which a reader looks into the files, too."""
    for page in taught(made).pages:
        shown = [*page.commands, *(e for look in page.looks for e in GLOSSARY.explain(look))]
        assert [word.text for item in shown for word in item.words if not word.known] == []


@every_plan
def test_every_file_of_a_lesson_has_its_purpose_said(made: Plan) -> None:
    files = [item for page in taught(made).pages for item in page.made]
    assert [item.path for item in files if not item.about and item.path != "notes.txt"] == []


def test_a_step_is_explained_option_by_option() -> None:
    text = "\n".join(terminal.page(page_of(planned(SMALL), "2.3"), 80))
    assert "2.3 server: Sign the server certificate with the CA" in text
    assert re.search(r"-CAcreateserial +where the file of serial numbers", text)
    assert re.search(r"ca\.srl +The CA's next serial number", text)
    assert "$ openssl verify -purpose sslserver -CAfile ca.pem test.example.com.pem" in text


@pytest.mark.parametrize("name", ["2.3", "server.certificate"])
def test_a_step_goes_by_its_number_and_by_its_id(name: str) -> None:
    assert page_of(planned(SMALL), name).step.id == "server.certificate"


def test_an_entity_means_all_of_its_steps() -> None:
    assert [step.number for step in lesson.choose(planned(SMALL), "server")] == [
        "2.1", "2.2", "2.3",
    ]  # fmt: skip


def test_a_step_that_there_is_not_is_told_with_what_may_be_meant() -> None:
    with pytest.raises(BadInput) as caught:
        lesson.choose(planned(SMALL), "server.certifikate")
    assert (caught.value.message, caught.value.hint) == (
        "there is no step 'server.certifikate'", "did you mean 'server.certificate'?",
    )  # fmt: skip


def test_steps_alike_are_explained_once() -> None:
    """A fleet's lesson is as long as one client's; whoever differs has a page of their own."""
    made = planned(MODERN)
    pages = [page for page in taught(made).pages if page.step.title == "Generate the key"]
    heads = [terminal.heading(page) for page in pages]
    assert "alice, bob: Generate the key" in heads
    assert "carol: Generate the key" in heads


def test_a_fleet_is_counted() -> None:
    clients = "".join(f"  c{number}: {{}}\n" for number in range(40))
    made = planned(MODERN + clients)
    [page] = [
        page for page in taught(made).pages
        if page.step.section == "client" and page.step.title == "Request a certificate"
    ]  # fmt: skip
    assert terminal.heading(page) == "alice, bob, carol, c0, c1 and 38 more: Request a certificate"


@pytest.mark.parametrize(
    ("printed", "verbatim", "said"),
    [
        ("OpenSSL 3.0.0", False, "(not in the command below)"),
        (OPENSSL_35, False, "(in the command below)"),
        (OPENSSL_35, True, "(not in the command below)"),
    ],
)
def test_an_erratum_is_told_whichever_version_is_here(
    printed: str, verbatim: bool, said: str
) -> None:
    page = page_of(planned(SMALL, printed=printed, verbatim=verbatim), "1.3")
    [text] = terminal.errata(page)
    assert text.startswith(f"Erratum for OpenSSL >= 3.2 {said}: Since OpenSSL 3.2")


def test_what_openssl_will_ask_is_told_and_no_secret() -> None:
    text = terminal.asks(page_of(planned(PROMPTING), "1.3"))
    assert text == (
        "openssl asks for the pass phrase of ca/ca.key; then for the subject:"
        " C=DE, O=Example, CN=Example CA; a dot for every other field."
    )


def test_a_person_looks_into_a_locked_file_without_handing_over_a_secret() -> None:
    looks = [look for page in taught(planned(PROMPTING)).pages for look in page.looks]
    assert ("openssl", "pkey", "-in", "ca/ca.key", "-noout", "-text_pub") in looks
    assert not [look for look in looks if "stdin" in look]


@pytest.mark.parametrize("width", [60, 80, 100])
def test_prose_keeps_within_the_terminal(width: int) -> None:
    for line in terminal.lesson(taught(planned(SMALL)), width).splitlines():
        free = line.lstrip().startswith(("$ ", "| ", "-subj")) or len(line.split()) == 1
        assert free or len(line) <= width


def test_markdown_shows_a_text_as_it_is() -> None:
    """Whatever a workflow or recipe says becomes neither markup nor a link."""
    evil = SMALL.replace("{CN: Root}", "{CN: '<b>*x* [a](b) `c` ``d'}")
    tokens = MarkdownIt().parse(markdown.lesson(taught(planned(evil))))
    kinds = {child.type for token in tokens for child in token.children or ()}
    assert kinds <= {"text", "code_inline", "softbreak"}
    assert not [token for token in tokens if token.type == "html_block"]
    assert "<b>*x* [a](b) `c` ``d" in "".join(token.content for token in tokens)


# The command line


def explain(cli: Cli, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the verb with the openssl under test."""
    return cli("explain", "--openssl", str(cli.openssl), *words, code=code)


@pytest.mark.version
def test_the_lesson_of_a_recipe_goes_to_standard_output(cli: Cli, write: Write) -> None:
    write(SMALL)
    done = explain(cli, "recipe.yaml")
    assert done.stderr == ""
    numbers = re.findall(r"^(\d\.\d) ", done.stdout, re.MULTILINE)
    assert numbers == ["1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "3.1", "3.2", "3.3", "3.4", "3.5"]


def test_explaining_runs_nothing_and_asks_for_nothing(cli: Cli, write: Write) -> None:
    path = write(PROMPTING)
    explain(cli, "recipe.yaml")
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.version
def test_the_commands_of_a_lesson_in_markdown_make_what_apply_makes(
    cli: Cli, write: Write, openssl: Path
) -> None:
    """A reader who copies each command, up to the bundle's prompt, gets what verify accepts."""
    write(SMALL)
    text = explain(cli, "recipe.yaml", "--format", "markdown").stdout
    tokens = MarkdownIt().parse(text)
    fences = [token for token in tokens if token.type == "fence"]
    lab = cli.folder / "lab"
    lab.mkdir()
    (cli.folder / "bin").mkdir()
    (cli.folder / "bin" / "openssl").symlink_to(openssl)
    places = f"{cli.folder / 'bin'}:/usr/bin:/bin"
    for fence in fences:
        if fence.info == "ini":
            (lab / "ca.ext").write_text(fence.content)
        elif "pkcs12" not in fence.content:
            subprocess.run(
                ["bash", "-e"], input=f"umask 077\n{fence.content}", text=True, check=True,
                cwd=lab, env={**os.environ, "PATH": places}, capture_output=True,
            )  # fmt: skip
    done = cli(
        "verify", "recipe.yaml", "--directory", "lab", code=1, env={"EXPORT_PASSWORD": "x" * 8}
    )
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert failed == ["FAILED  client2.p12"]


def test_json_has_the_agreed_keys_and_the_lesson(cli: Cli, write: Write) -> None:
    write(SMALL)
    content = json.loads(explain(cli, "recipe.yaml", "2.3", "--format", "json").stdout)
    assert list(content) == ["version", "command", "ok", "steps", "error"]
    [step] = content["steps"]
    assert (step["id"], step["number"], step["status"]) == ("server.certificate", "2.3", "not run")
    words = {word["text"]: word for word in step["commands"][0]["words"]}
    assert words["-days 365"]["means"] == "how long the certificate is valid, from now on"
    assert step["makes"][0]["path"] == "test.example.com.pem"


def test_any_openssl_command_is_explained(cli: Cli) -> None:
    done = cli("explain", "--", *"openssl x509 -req --days=3 -sha256 -in a".split())
    assert re.search(r"^ +--days=3 +how long the certificate is valid", done.stdout, re.MULTILINE)
    assert (done.stdout.splitlines()[0], done.stderr) == (
        "$ openssl x509 -req --days=3 -sha256 -in a", "",
    )  # fmt: skip


def test_a_command_may_be_given_as_one_text(cli: Cli) -> None:
    one = cli("explain", "--", "openssl x509 -in a | openssl x509 -text").stdout
    assert [line for line in one.splitlines() if line.startswith("$")] == [
        "$ openssl x509 -in a", "$ openssl x509 -text",
    ]  # fmt: skip


def test_an_option_that_is_not_known_is_said_to_be_unknown(cli: Cli) -> None:
    done = cli("explain", "--", "openssl", "x509", "-dayz", "3", code=1)
    assert re.search(r"^ +-dayz 3 +unknown; did you mean -days\?$", done.stdout, re.MULTILINE)
    assert done.stderr == "1 word of this would not work as it stands\n"


def test_json_says_which_word_is_not_known(cli: Cli) -> None:
    done = cli("explain", "--format", "json", "--", "openssl", "x509", "-dayz", "3", code=1)
    content = json.loads(done.stdout)
    assert content["ok"] is False
    [word] = content["steps"][0]["commands"][0]["words"]
    assert (word["known"], word["hint"]) == (False, "did you mean -days?")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--", "openssl", "x508"], "error: the glossary does not know 'openssl x508'\n"),
        (["--", "openssl"], "error: the glossary does not know 'openssl'\n"),
        (["nothing.yaml"], "error: there is no file nothing.yaml\n"),
        (["a.yaml", "1.1", "1.2"], "error: a recipe has steps, and '1.2' is one word too many\n"),
        (["--", "openssl x509 -in 'a"], "error: the command's quotes do not end\n"),
    ],
)
def test_what_cannot_be_explained_is_told_in_one_message(
    cli: Cli, words: list[str], said: str
) -> None:
    assert cli("explain", *words, code=2).stderr.startswith(said)


def test_a_terminal_s_width_is_used(cli: Cli, write: Write) -> None:
    write(SMALL)
    words = cli.argv("explain", "recipe.yaml", "1.1")
    child = pexpect.spawn(
        words[0], words[1:], cwd=str(cli.folder), encoding="utf-8", dimensions=(24, 60),
        env={name: value for name, value in os.environ.items() if name != "COLUMNS"},
    )  # fmt: skip
    child.expect(pexpect.EOF)
    assert child.before is not None
    lines = child.before.replace("\r", "").splitlines()
    assert 52 < max(map(len, lines)) <= 60
