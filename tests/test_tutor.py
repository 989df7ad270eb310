"""A learner sits at a real terminal: both tutorials' labs, other ways to the same, and mistakes."""

import json
import os
import re
import shlex
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from mtls_openssl import process
from mtls_openssl.render.script import command
from mtls_openssl.subject import Subject
from mtls_openssl.version import Version
from tests.conftest import PROMPTING, SMALL, Cli
from tests.planning import planned
from tests.test_lesson import FULL, MODERN

Write = Callable[..., Path]
PASSPHRASE, PASSWORD = "correct horse battery", "staple-of-export"

PROMPT = r"(?:^|\n)\$ $"
QUESTIONS = [prompt.text for prompt in process.PROMPTS]


class Learner:
    """Types at a terminal of 80 columns, and answers what openssl and the tutor ask."""

    def __init__(self, cli: Cli, *options: str) -> None:
        words = cli.argv("learn", "recipe.yaml", *options, "--openssl", str(cli.openssl))
        environment = {**os.environ, "TERM": "dumb", "PYTHONWARNINGS": "error"}
        environment.pop("COLUMNS", None)
        self.child = pexpect.spawn(
            words[0], words[1:], cwd=str(cli.folder), env=environment, encoding="utf-8",
            dimensions=(24, 80), timeout=60,
        )  # fmt: skip
        self.child.delaybeforesend = None
        self.subject: Subject = ()
        self.secrets = {"pass": PASSPHRASE, "export": PASSWORD}
        self.asked: list[str] = []
        self.ended = False

    def wait(self) -> str:
        """Answer until the tutor waits for a line, or has gone; gives what was shown."""
        shown = ""
        patterns: list[Any] = [
            PROMPT,
            pexpect.EOF,
            r"the tutor needs the (pass|export)[^\n]*: ",
            *QUESTIONS,
        ]
        while True:
            index = self.child.expect(patterns)
            shown += str(self.child.before) + str(self.child.after if index > 1 else "")
            if index < 2:
                self.ended = index == 1
                return shown.replace("\r", "")
            match = self.child.match
            assert isinstance(match, re.Match)
            self.asked.append(match[0].strip())
            self.child.sendline(self.answer(index, match))

    def answer(self, index: int, match: re.Match[str]) -> str:
        """Say what the learner types where the tutor or openssl asks."""
        if index == 2:
            return self.secrets[match[1]]
        kind = process.PROMPTS[index - 3].kind
        if kind != "field":
            return self.secrets["export" if kind.startswith("password") else "pass"]
        label = match[1].strip()
        if label.startswith(process.UNANSWERED):
            return ""
        short = next(name for text, name in process.FIELDS.items() if label.startswith(text))
        return dict(self.subject).get(short, ".")

    def type(self, line: str) -> str:
        """Type a line, and give what came of it."""
        self.child.sendline(line)
        return self.wait()

    def leave(self) -> str:
        """Type ^D, and give the last words."""
        self.child.sendeof()
        return self.wait()

    def code(self) -> int:
        """Give the exit code of a tutor that has gone."""
        self.child.close()
        assert self.child.exitstatus is not None
        return self.child.exitstatus


@pytest.fixture
def learner(cli: Cli, write: Write) -> Iterator[Callable[[str], Learner]]:
    """Begins to learn a recipe, up to the first goal; at the end, the tutor is gone."""
    begun: list[Learner] = []

    def begin(recipe: str) -> Learner:
        write(recipe)
        begun.append(Learner(cli))
        begun[-1].wait()
        return begun[-1]

    yield begin
    for one in begun:
        one.child.close(force=True)


Begin = Callable[[str], Learner]


def document(recipe: str, version: Version) -> list[tuple[str, str, Subject]]:
    """A recipe's goals: each number, its document's command, and the subject that it asks for."""
    return [
        (step.number, command(step.argv), next((a.subject for a in step.answers if a.subject), ()))
        for step in planned(recipe, printed=str(version)).steps
        if step.argv and step.id != "folders"
    ]


def finish(tutor: Learner, lines: list[tuple[str, str, Subject]]) -> str:
    """Type all lines, each of which is to meet its goals; gives the last that is shown."""
    shown = ""
    for numbers, line, subject in lines:
        assert not tutor.ended, shown
        tutor.subject = subject
        shown = tutor.type(line)
        met = re.findall(r"^ok  (\d\.\d+) ", shown, re.MULTILINE)
        assert met == numbers.split(), f"{line}\n{shown}"
    return shown


@pytest.mark.version
@pytest.mark.parametrize(
    "recipe", [SMALL, PROMPTING, MODERN, FULL], ids=["first", "second", "modern", "all-of-modern"]
)
def test_a_lab_is_done_by_the_document_s_commands(
    recipe: str, learner: Begin, version: Version
) -> None:
    tutor = learner(recipe)
    lines = document(recipe, version)
    shown = finish(tutor, lines)
    assert f"All {len(lines)} goals are met." in shown
    assert re.search(r"ok +valid .*\n +accepted by server", shown)
    assert re.search(r"\d cases, all as they should be", shown)
    assert (tutor.ended, tutor.code()) == (True, 0)


ROOT = (("C", "DE"), ("O", "Example"), ("CN", "Example CA"))
SERVER = (("C", "DE"), ("O", "Example"), ("CN", "server.example.com"))
OTHER_FIRST = [
    ("1.1", "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out ca.key"),
    ("1.2", "openssl req -subj '/C=US/O=Example/CN=Root' -out ./ca.csr -key ca.key -new -batch"),
    ("1.3", "openssl x509 --extfile=x.ext -out ca.pem -signkey ca.key -req -days=3650 -in ca.csr"),
    ("3.1 3.2", ("openssl req -newkey rsa:2048 -nodes -keyout client.key -out client.csr"
     ' -subj "/C=US/O=Example/CN=client"')),
    ("2.1", "openssl genrsa -out server.key 2048"),
    ("3.3", ("openssl x509 -req -days 365 -set_serial 0x77 -CAkey ca.key -CA ca.pem -out client.pem"
     " -in client.csr -sha384")),
    ("3.4", "cat client.key client.pem>client2.pem"),
    ("2.2", ("openssl req -new -sha256 -key server.key -subj /C=US/O=Example/CN=test.example.com"
     " -out server.csr")),
    ("2.3", ("openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial"
     " -days 365 -out test.example.com.pem")),
    ("3.5", "openssl pkcs12 -export -out client2.p12 -inkey client.key -in client.pem -name me"),
]  # fmt: skip
"""Other commands than the first document's, in another order, and to the same end."""
OTHER_SECOND: list[tuple[str, str, Subject]] = [
    ("1.1", "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -aes256 -out ca/ca.key",
     ()),
    ("2.1", "openssl genpkey -algorithm RSA -out server/server.example.com.key", ()),
    ("1.3", ("openssl req -x509 -new -days 730 -subj '/C=DE/O=Example/CN=Example CA' -sha256"
     " -key ca/ca.key -out ca/ca.crt"), ()),
    ("1.2", "chmod u=r,go= ca/ca.key", ()),
    ("1.4", "chmod 0444 ca/ca.crt", ()),
    ("2.2", "chmod 400 server/server.example.com.key", ()),
    ("3.1 3.2", ("openssl req -newkey rsa:2048 -nodes -keyout client/heiko.key -sha256"
     " -out client/heiko.csr"), (("C", "DE"), ("O", "Example"), ("CN", "heiko"))),
    ("2.3", ("openssl req -out server/server.example.com.csr -key server/server.example.com.key"
     " -new"), SERVER),
    ("3.3", ("openssl x509 -req -CAkey ca/ca.key -CA ca/ca.crt -in client/heiko.csr -set_serial 0x2"
     " -sha256 -days 365 -out client/heiko.crt"), ()),
    ("2.4", ("openssl x509 -req -sha256 -days 365 -in server/server.example.com.csr -CA ca/ca.crt"
     " -CAkey ca/ca.key -out server/server.example.com.crt -set_serial 1"), ()),
    ("2.5", "chmod 444 server/server.example.com.crt", ()),
    ("2.6", "openssl x509 -in server/server.example.com.crt -text", ()),
    ("1.5", "openssl x509 -subject -dates -in ca/ca.crt", ()),
    ("2.7", "openssl verify -show_chain -CAfile ca/ca.crt server/server.example.com.crt", ()),
    ("3.4", ("openssl pkcs12 -export -inkey client/heiko.key -in client/heiko.crt"
     " -out client/heiko.p12"), ()),
]  # fmt: skip


@pytest.mark.version
def test_the_first_lab_is_done_by_other_commands_in_another_order(learner: Begin, cli: Cli) -> None:
    tutor = learner(SMALL)
    extensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
    (cli.folder / "recipe" / "x.ext").write_text(extensions)
    shown = finish(tutor, [(numbers, line, ()) for numbers, line in OTHER_FIRST])
    assert "All 11 goals are met." in shown
    assert tutor.code() == 0


@pytest.mark.version
def test_the_second_lab_is_done_by_other_commands_in_another_order(learner: Begin) -> None:
    tutor = learner(PROMPTING)
    shown = finish(tutor, OTHER_SECOND)
    assert "All 16 goals are met." in shown
    assert tutor.code() == 0


@pytest.mark.version
def test_a_learned_folder_is_what_verify_accepts(
    learner: Begin, cli: Cli, version: Version
) -> None:
    tutor = learner(SMALL)
    finish(tutor, document(SMALL, version))
    cli("verify", "recipe.yaml", env={"EXPORT_PASSWORD": PASSWORD})


@pytest.mark.version
def test_the_document_as_it_stands_is_refused_where_its_erratum_is_needed(
    learner: Begin, version: Version
) -> None:
    """From OpenSSL 3.2 on, with the reason and the file that mends it; before, it is right."""
    tutor = learner(SMALL)
    finish(tutor, document(SMALL, version)[:2])
    shown = tutor.type("openssl x509 -req -days 3650 -in ca.csr -signkey ca.key -out ca.pem")
    if version.numbers < (3, 2):
        assert "ok  1.3" in shown
        return
    assert "ca.pem, ca: expected yes, found no" in shown
    assert "Since OpenSSL 3.2, x509 -req makes a version 3 certificate" in shown
    shown = tutor.type(
        "openssl x509 -req -days 3650 -in ca.csr -signkey ca.key -out ca.pem -extfile ca.ext"
    )
    assert "ok  1.3" in shown


WRONG = {
    "a key that is too small": (
        0, "openssl genrsa -out ca.key 1024",
        "ca.key, algorithm: expected RSA 2048, found RSA 1024",
    ),
    "a key of another kind": (
        0, "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ca.key",
        "ca.key, algorithm: expected RSA 2048, found EC P-256",
    ),
    "a request for another subject": (
        1, "openssl req -new -key ca.key -subj /C=US/CN=Root -out ca.csr",
        "ca.csr, subject: expected C=US, O=Example, CN=Root, found C=US, CN=Root",
    ),
    "a request with another key": (
        1, ("openssl req -newkey rsa:2048 -nodes -keyout x.key -subj /C=US/O=Example/CN=Root"
        " -out ca.csr"),
        "ca.csr, public-key: expected that of ca.key, found another key",
    ),
    "a certificate for too few days": (
        2, "openssl x509 -req -days 30 -in ca.csr -signkey ca.key -out ca.pem -extfile x.ext",
        "ca.pem, validity: expected 3650 days, found 30 days",
    ),
    "a certificate that signs itself instead of being signed": (
        5, ("openssl x509 -req -in server.csr -signkey server.key -out test.example.com.pem"
        " -days 365"),
        ("test.example.com.pem, issuer: expected C=US, O=Example, CN=Root,"
        " found C=US, O=Example, CN=test.example.com"),
    ),
    "two certificates where one and its key belong": (
        9, "cat client.pem client.pem > client2.pem",
        "client2.pem, parts: expected exactly what it joins, found something else",
    ),
    "a bundle with another certificate": (
        10, "openssl pkcs12 -export -in test.example.com.pem -inkey server.key -out client2.p12",
        "client2.p12, certificate: expected that of client.pem, found another certificate",
    ),
}  # fmt: skip
"""Mistakes, after how many of the document's steps they are made, and what the tutor says."""


@pytest.mark.version
@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_artifact_is_refused_with_the_reason(
    mistake: str, learner: Begin, cli: Cli, version: Version
) -> None:
    """And once it is put right, the lab goes on."""
    before, line, reason = WRONG[mistake]
    lines = document(SMALL, version)
    tutor = learner(SMALL)
    (cli.folder / "recipe" / "x.ext").write_text("basicConstraints=critical,CA:TRUE\n")
    finish(tutor, lines[:before])
    shown = tutor.type(line)
    number = lines[before][0]
    assert f"--  {number} " in shown
    assert "is not right yet" in shown
    assert reason in re.sub(r"\s+", " ", shown)
    finish(tutor, lines[before : before + 1])


@pytest.mark.version
def test_wrong_locks_modes_and_serial_numbers_are_refused(learner: Begin, version: Version) -> None:
    """In the second lab: a key without a pass phrase, one that all may read, and a used number."""
    tutor = learner(PROMPTING)
    lines = document(PROMPTING, version)
    shown = tutor.type("openssl genrsa -out ca/ca.key 2048")
    assert "ca/ca.key, encrypted: expected yes, found no" in shown
    assert tutor.asked == []
    finish(tutor, lines[:1])
    assert "ca/ca.key, mode: expected 400, found 644" in tutor.type("chmod 644 ca/ca.key")
    finish(tutor, [("1.1 1.2", *lines[1][1:]), *lines[2:8]])
    shown = tutor.type(lines[8][1].replace("-set_serial 1", "-set_serial 9"))
    assert "serial: expected 1, found 9" in shown


def test_a_pass_phrase_is_asked_for_once_and_asked_again_where_it_was_wrong(
    learner: Begin,
) -> None:
    tutor = learner(PROMPTING)
    tutor.child.sendline("openssl genrsa -aes256 -out ca/ca.key 2048")
    for _ in range(2):
        tutor.child.expect("ass phrase[^\n]*:")
        tutor.child.sendline(PASSPHRASE)
    tutor.child.expect("the tutor needs the pass phrase of ca/ca.key: ")
    tutor.child.sendline("another one")
    assert "is the pass phrase of ca/ca.key the right one?" in re.sub(r"\s+", " ", tutor.wait())
    assert "ok  1.1" in tutor.type("check")
    assert "ok  1.2" in tutor.type("chmod 400 ca/ca.key")
    told = [text for text in tutor.asked if "tutor needs" in text]
    assert told == ["the tutor needs the pass phrase of ca/ca.key:"]


def test_no_secret_is_kept(learner: Begin, cli: Cli, version: Version) -> None:
    tutor = learner(PROMPTING)
    finish(tutor, document(PROMPTING, version)[:3])
    tutor.leave()
    for path in (cli.folder / "recipe").rglob("*"):
        assert not path.is_file() or PASSPHRASE.encode() not in path.read_bytes()


def test_control_c_cancels_the_line_and_control_d_leaves(learner: Begin) -> None:
    tutor = learner(SMALL)
    tutor.child.send("openssl genrsa -out ca.key 204")
    tutor.child.sendintr()
    tutor.wait()
    assert "1.1 ca: Generate CA key" not in tutor.type("ls")  # it waits for a new line
    shown = tutor.leave()
    assert "0 of 11 goals met; mtls-openssl learn recipe.yaml goes on from here." in shown
    assert tutor.code() == 0


def test_control_c_at_openssl_s_prompt_ends_openssl_and_not_the_tutor(learner: Begin) -> None:
    tutor = learner(PROMPTING)
    tutor.child.sendline("openssl genrsa -aes256 -out ca/ca.key 2048")
    tutor.child.expect("ass phrase[^\n]*:")
    tutor.child.sendintr()
    shown = tutor.wait()
    assert re.search(r"it ended with exit code|it was broken off", shown)
    assert "next    1.1 ca" in tutor.type("show")


@pytest.mark.parametrize("asking", [False, True])
def test_a_signal_ends_the_tutor_and_what_it_runs(learner: Begin, cli: Cli, asking: bool) -> None:
    tutor = learner(PROMPTING)
    if asking:
        tutor.child.sendline("openssl genrsa -aes256 -out ca/ca.key 2048")
        tutor.child.expect("ass phrase[^\n]*:")
    tutor.child.kill(signal.SIGTERM)
    assert "error: interrupted" in tutor.wait()
    assert tutor.code() == 130
    again = Learner(cli)  # nothing holds the folder any more
    assert "16 goals" in again.wait()
    again.leave()


def test_the_terminal_echoes_again_after_openssl_was_broken_off(learner: Begin) -> None:
    tutor = learner(PROMPTING)
    echo = tutor.child.getecho()
    tutor.child.sendline("openssl genrsa -aes256 -out ca/ca.key 2048")
    tutor.child.expect("ass phrase[^\n]*:")
    tutor.child.sendintr()
    tutor.wait()
    assert tutor.child.getecho() == echo


def test_the_arrows_recall_and_edit_what_was_typed(cli: Cli, write: Write) -> None:
    write(SMALL)
    tutor = Learner(cli)
    tutor.wait()
    assert "RSA 1024" in tutor.type("openssl genrsa -out ca.key 1024")
    # Up; four times backspace, and another number.
    assert "ok  1.1" in tutor.type("\x1b[A" + "\x7f" * 4 + "2048")
    tutor.leave()


def test_tab_completes_the_files_of_the_lab(learner: Begin) -> None:
    tutor = learner(SMALL)
    tutor.type("openssl genrsa -out ca.key 2048")
    shown = tutor.type("openssl req -new -key ca.k\t-subj /C=US/O=Example/CN=Root -out ca.csr")
    assert "ok  1.2" in shown


def test_progress_is_kept(learner: Begin, cli: Cli, version: Version) -> None:
    tutor = learner(SMALL)
    finish(tutor, document(SMALL, version)[:4])
    tutor.leave()
    again = Learner(cli)
    shown = again.wait()
    assert "11 goals, 4 met so far." in shown
    assert "2.2 server: Generate server certificate request" in shown
    again.leave()


def test_progress_is_not_taken_for_granted_where_a_file_changed(
    learner: Begin, cli: Cli, version: Version
) -> None:
    tutor = learner(SMALL)
    finish(tutor, document(SMALL, version)[:2])
    tutor.leave()
    (cli.folder / "recipe" / "ca.key").unlink()
    again = Learner(cli)
    shown = re.sub(r"\s+", " ", again.wait())
    assert "1.1 Generate CA key no longer holds" in shown
    assert "there is no such file" in shown
    again.leave()


def test_a_goal_may_be_skipped_and_is_asked_for_the_next_time(learner: Begin, cli: Cli) -> None:
    tutor = learner(SMALL)
    assert "1.2 ca: Generate CA certificate request" in tutor.type("skip")
    assert "skipped 1.1 ca: Generate CA key" in tutor.type("show")
    tutor.leave()
    again = Learner(cli)
    assert "1.1 ca: Generate CA key" in again.wait()
    again.leave()


def test_a_long_command_may_be_broken_by_backslashes(learner: Begin) -> None:
    tutor = learner(SMALL)
    tutor.child.sendline("openssl genrsa \\")
    tutor.child.expect("> ")
    assert "ok  1.1" in tutor.type("-out ca.key 2048")


def test_what_a_program_says_is_shown_as_it_is(learner: Begin) -> None:
    tutor = learner(SMALL)
    assert re.search(r"OpenSSL|LibreSSL|unknown|Usage", tutor.type("openssl x509 -help"))
    assert re.search("No such file", tutor.type("openssl x509 -in nothing.pem"))


# Without a terminal


def lesson(cli: Cli, *lines: str, code: int = 0, options: tuple[str, ...] = ()) -> str:
    """Feed lines to the tutor; gives what it says."""
    text = "".join(f"{line}\n" for line in lines)
    words = ("learn", "recipe.yaml", "--openssl", str(cli.openssl), *options)
    return cli(*words, text=text, code=code).stderr


@pytest.mark.version
def test_a_pipe_may_feed_the_tutor(cli: Cli, write: Write, version: Version) -> None:
    write(SMALL)
    lines = [line for _, line, _ in document(SMALL, version)[:10]]
    shown = lesson(cli, "# a comment", "", *lines)
    assert "10 of 11 goals met" in shown


def test_a_symbolic_link_leads_nobody_out(cli: Cli, write: Write) -> None:
    write(SMALL)
    lesson(cli)
    (cli.folder / "recipe" / "out").symlink_to("/etc")
    (cli.folder / "recipe" / "key").symlink_to(cli.folder / "elsewhere")
    shown = lesson(cli, "cat out/hostname", "openssl genrsa -out key 2048", "ls > key")
    assert shown.count("leads out of the folder; name a file in it") == 3
    assert not (cli.folder / "elsewhere").exists()


def test_new_files_are_the_learner_s_only(cli: Cli, write: Write) -> None:
    write(SMALL)
    lesson(cli, "openssl rand -out a 4", "cat a > b", "openssl rand -hex 4 > c")
    modes = [(cli.folder / "recipe" / name).stat().st_mode & 0o777 for name in "abc"]
    assert modes == [0o600] * 3


def test_a_folder_that_apply_made_is_no_lab(cli: Cli, write: Write) -> None:
    write(SMALL)
    cli("apply", "recipe.yaml", env={"EXPORT_PASSWORD": PASSWORD})
    shown = lesson(cli, code=1)
    assert "was made by apply: there is nothing left to learn in it" in shown
    assert "name an empty folder by --directory" in shown


def test_a_recipe_with_files_made_elsewhere_is_no_lab(cli: Cli, write: Write) -> None:
    write(MODERN)
    cli("apply", "recipe.yaml")
    existing = "existing: {certificate: recipe/root.pem, key: recipe/root.key}"
    write(f"workflow: modern\nauthorities:\n  root: {{{existing}}}\nclients: {{bob: {{}}}}\n")
    shown = lesson(cli, code=1, options=("--directory", "lab"))
    assert "which is made elsewhere" in shown


def test_one_learner_at_a_time(learner: Begin, cli: Cli) -> None:
    tutor = learner(SMALL)
    assert "is held by process" in lesson(cli, code=1)
    tutor.leave()


def test_kept_progress_that_cannot_be_read_is_begun_anew(cli: Cli, write: Write) -> None:
    write(SMALL)
    assert "1 of 11 goals met" in lesson(cli, "openssl genrsa -out ca.key 2048")
    kept = cli.folder / "recipe" / ".mtls-openssl" / "learn.json"
    assert list(json.loads(kept.read_text())["met"]) == ["ca.key"]
    for text in ("{", "[]", '{"version": 2}', '{"version": 1, "met": []}'):
        kept.write_text(text)
        assert "1 of 11 goals met" in lesson(cli)  # the files themselves are looked at


def test_apply_goes_on_from_what_was_learned(cli: Cli, write: Write, version: Version) -> None:
    """The learner's key is kept, not overwritten."""
    write(SMALL)
    lesson(cli, *[line for _, line, _ in document(SMALL, version)[:3]])
    key = (cli.folder / "recipe" / "ca.key").read_bytes()
    cli("apply", "recipe.yaml", env={"EXPORT_PASSWORD": PASSWORD})
    assert (cli.folder / "recipe" / "ca.key").read_bytes() == key


def test_the_handshake_opens_keys_by_the_learner_s_own_pass_phrases(
    learner: Begin, version: Version
) -> None:
    """Whatever source the recipe names: it is the learner who chose them."""
    locked = MODERN.replace("{names: [localhost]}", "{passphrase: {generate: true}}")
    tutor = learner(locked)
    shown = finish(tutor, document(locked, version))
    assert re.search(r"\d cases, all as they should be", shown)


def test_a_lab_without_anyone_to_meet_ends_without_a_handshake(cli: Cli, write: Write) -> None:
    write("workflow: modern\nauthorities: {root: {}}\n")
    lines = document(
        "workflow: modern\nauthorities: {root: {}}\n", process.ask_version(cli.openssl)
    )
    done = lesson(cli, *[line for _, line, _ in lines])
    assert f"All {len(lines)} goals are met." in done
    assert "cases" not in done


def test_every_command_that_a_goal_s_last_hint_shows_can_be_typed(version: Version) -> None:
    for recipe in (SMALL, PROMPTING, MODERN):
        for step in planned(recipe, printed=str(version)).steps:
            assert not step.argv or tuple(shlex.split(command(step.argv))) == step.argv
