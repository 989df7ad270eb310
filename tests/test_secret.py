"""Secrets: read from each source, fit for openssl's prompts, impossible to show by mistake."""

import copy
import getpass
import json
import logging
import os
import pickle
import stat
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mtls_openssl.errors import Fault
from mtls_openssl.secret import (
    SOURCE_SCHEMA,
    Command,
    Env,
    File,
    Generate,
    Need,
    Prompt,
    Secret,
    Source,
    Vault,
    parse_source,
    terminal,
)

REMEDY = "write {env: NAME}, {file: PATH}, {command: [...]}, {prompt: true} or {generate: true}"
TEXT = "correct horse battery"
PURPOSE = "the pass phrase of ca/ca.key"


def need(source: Source, artifact: str = "ca/ca.key", shortest: int = 4) -> Need:
    purpose = f"the pass phrase of {artifact}"
    return Need(source, purpose, artifact, ("authorities", "ca", "passphrase"), shortest)


@dataclass
class Person:
    """Somebody at a terminal, who answers what they are asked."""

    answers: Iterator[str]
    asked: list[str]

    def __call__(self, question: str) -> str:
        self.asked.append(question)
        return next(self.answers)


def person(*answers: str) -> Person:
    return Person(iter(answers), [])


@pytest.fixture
def vault(tmp_path: Path) -> Callable[..., Vault]:
    """Makes a vault whose folders are there: base for the recipe, pki/ca for what is made."""

    def make(
        environment: Mapping[str, str] | None = None,
        ask: Callable[[str], str] | None = None,
        hidden: frozenset[str] = frozenset(),
    ) -> Vault:
        (tmp_path / "pki" / "ca").mkdir(parents=True, exist_ok=True)
        return Vault(tmp_path / "pki", tmp_path, environment or {}, ask, hidden)

    return make


def refused(vault: Vault, wanted: Need, *, fresh: bool = False) -> tuple[str, str]:
    """The message and the hint that a fetch ends with."""
    with pytest.raises(Fault) as caught:
        vault.fetch(wanted, fresh=fresh)
    return caught.value.message, caught.value.hint


# What holds a secret


@pytest.mark.parametrize(
    "leak",
    [
        str,
        format,
        lambda secret: f"{secret}",
        lambda secret: f"{secret:>30}",
        "{}".format,
        lambda secret: "%s" % secret,  # noqa: UP031
        lambda secret: "".join(iter([secret])),
        lambda secret: "pass: " + secret,
        bytes,
        list,
        vars,
        json.dumps,
        copy.copy,
        copy.deepcopy,
        lambda secret: [pickle.dumps(secret, protocol) for protocol in range(6)],
        lambda secret: secret.__getstate__(),
    ],
)
def test_a_secret_cannot_be_turned_into_text(leak: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError) as caught:
        leak(Secret(TEXT))
    assert TEXT not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("protocol", range(6))
def test_a_refused_pickle_says_what_to_do_instead(protocol: int) -> None:
    with pytest.raises(TypeError) as caught:
        pickle.dumps(Secret(TEXT), protocol)
    assert str(caught.value) == "a secret has no text; reveal() it where openssl asks for it"


def test_a_secret_shows_nothing_of_itself_and_is_revealed_only_by_name() -> None:
    secret = Secret(TEXT)
    assert repr(secret) == f"{secret!r}" == "%r" % secret == "Secret(****)"  # noqa: UP031
    assert repr([secret]) == "[Secret(****)]"
    assert secret.reveal() == TEXT


def test_a_secret_tells_nothing_by_comparison_or_hash() -> None:
    """Two secrets of one text are two: neither equality nor a dictionary can be asked for it."""
    secret, other = Secret(TEXT), Secret(TEXT)
    assert secret not in (other, TEXT)
    assert len({secret: 1, other: 2}) == 2
    assert hash(secret) != hash(TEXT)


def test_a_secret_takes_no_other_attributes() -> None:
    with pytest.raises(AttributeError):
        Secret(TEXT).text = TEXT  # type: ignore[attr-defined]


def test_a_secret_that_is_logged_leaves_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("made with %r", Secret(TEXT))
    assert caplog.messages == ["made with Secret(****)"]


def test_a_vault_shows_neither_what_it_fetched_nor_the_environment_it_reads(
    vault: Callable[..., Vault],
) -> None:
    """A debugger, a traceback with locals and a log show values by repr."""
    opened = vault({"CA": TEXT})
    opened.fetch(need(Env("CA")))
    assert TEXT not in repr(opened)


# Sources, as the recipe writes them


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ({"env": "CA_PASSPHRASE"}, Env("CA_PASSPHRASE")),
        ({"env": "_x1"}, Env("_x1")),
        ({"file": "../secrets/ca"}, File("../secrets/ca")),
        ({"command": ["pass", "show", "ca"]}, Command(("pass", "show", "ca"))),
        ({"command": ["head", "-c", 20]}, Command(("head", "-c", "20"))),
        ({"command": ["echo", True, False]}, Command(("echo", "true", "false"))),
        ({"prompt": True}, Prompt()),
        ({"generate": True}, Generate()),
    ],
)
def test_each_source_is_read(value: object, source: Source) -> None:
    assert parse_source(value) == source


def refused_source(value: object) -> Fault:
    with pytest.raises(Fault) as caught:
        parse_source(value)
    assert caught.value.hint == REMEDY
    return caught.value


@pytest.mark.parametrize("literal", ["hunter2", "", 12345, True])
def test_a_literal_is_refused_and_marked_to_be_hidden(literal: object) -> None:
    fault = refused_source(literal)
    assert fault.message == "a secret does not belong in the recipe itself"
    assert fault.hide
    assert "hunter2" not in f"{fault.message} {fault.hint} {fault.word}"


@pytest.mark.parametrize("value", [None, [], ["env", "X"], {}, {"env": "A", "file": "b"}])
def test_a_secret_has_one_source(value: object) -> None:
    fault = refused_source(value)
    assert (fault.message, fault.path) == ("a secret has exactly one source", ())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"env": None}, "env: takes the name of an environment variable"),
        ({"env": ""}, "env: takes the name of an environment variable"),
        ({"env": "A B"}, "env: takes the name of an environment variable"),
        ({"env": "A\n"}, "env: takes the name of an environment variable"),
        ({"env": "A=B"}, "env: takes the name of an environment variable"),
        ({"env": "PÄSS"}, "env: takes the name of an environment variable"),
        ({"env": ["A"]}, "env: takes the name of an environment variable"),
        ({"file": ""}, "file: takes the path of a file"),
        ({"file": None}, "file: takes the path of a file"),
        ({"file": "a\0b"}, "file: takes the path of a file"),
        ({"command": "pass show ca"}, "command: takes a list: a program and its arguments"),
        ({"command": []}, "command: takes a list: a program and its arguments"),
        ({"command": [["a"]]}, "command: takes a list: a program and its arguments"),
        ({"command": ["a", None]}, "command: takes a list: a program and its arguments"),
        ({"command": ["a\0b"]}, "command: takes a list: a program and its arguments"),
        ({"prompt": False}, "prompt: takes true"),
        ({"prompt": "yes"}, "prompt: takes true"),
        ({"prompt": 1}, "prompt: takes true"),
        ({"generate": None}, "generate: takes true"),
        ({"vault": "x"}, "'vault' is no source of a secret"),
        ({"enviroment": "X"}, "'enviroment' is no source of a secret"),
    ],
)
def test_a_source_that_is_written_wrong(value: dict[str, object], message: str) -> None:
    fault = refused_source(value)
    assert (fault.message, fault.path) == (message, tuple(value))


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ({"env": "X"}, True),
        ({"file": "x"}, True),
        ({"command": ["x", "y"]}, True),
        ({"prompt": True}, True),
        ({"generate": True}, True),
        ("hunter2", False),
        ({"command": []}, False),
        ({"prompt": False}, False),
        ({"env": "X", "file": "y"}, False),
        ({}, False),
    ],
)
def test_the_schema_says_the_same(value: object, valid: bool) -> None:
    assert jsonschema.Draft202012Validator(SOURCE_SCHEMA).is_valid(value) is valid


# From the environment


def test_a_variable_gives_its_text(vault: Callable[..., Vault]) -> None:
    assert vault({"CA": TEXT}).fetch(need(Env("CA"))).reveal() == TEXT


@pytest.mark.parametrize("environment", [{}, {"CA": ""}])
def test_a_variable_that_is_missing_or_empty_is_named_where_nobody_can_be_asked(
    vault: Callable[..., Vault], environment: dict[str, str]
) -> None:
    assert refused(vault(environment), need(Env("CA"))) == (
        f"{PURPOSE} is wanted, and there is no terminal to ask on",
        "set the environment variable CA",
    )


def test_a_missing_variable_is_asked_for_at_a_terminal(vault: Callable[..., Vault]) -> None:
    someone = person(TEXT)
    assert vault({}, someone).fetch(need(Env("CA"))).reveal() == TEXT
    assert someone.asked == ["The pass phrase of ca/ca.key: "]


def test_a_variable_that_is_set_is_not_asked_for(vault: Callable[..., Vault]) -> None:
    someone = person()
    assert vault({"CA": TEXT}, someone).fetch(need(Env("CA")), fresh=True).reveal() == TEXT
    assert someone.asked == []


def test_a_variable_that_is_no_utf_8_is_refused(vault: Callable[..., Vault]) -> None:
    """Python reads such a byte as half a character, which no openssl can be told."""
    message, _ = refused(vault({"CA": os.fsdecode(b"correct \xff horse")}), need(Env("CA")))
    assert message == f"{PURPOSE} is not UTF-8 text"


# From the person


def test_a_known_secret_is_asked_for_once(vault: Callable[..., Vault]) -> None:
    someone = person(TEXT)
    assert vault(ask=someone).fetch(need(Prompt())).reveal() == TEXT
    assert someone.asked == ["The pass phrase of ca/ca.key: "]


def test_a_new_secret_is_asked_for_twice(vault: Callable[..., Vault]) -> None:
    someone = person(TEXT, TEXT)
    assert vault(ask=someone).fetch(need(Prompt()), fresh=True).reveal() == TEXT
    assert someone.asked == ["The pass phrase of ca/ca.key: ", "The same once more: "]


def test_a_slip_while_choosing_is_forgiven_twice(vault: Callable[..., Vault]) -> None:
    someone = person("one", "two", "three", "four", TEXT, TEXT)
    assert vault(ask=someone).fetch(need(Prompt()), fresh=True).reveal() == TEXT
    assert len(someone.asked) == 6


def test_three_slips_end_the_asking(vault: Callable[..., Vault]) -> None:
    someone = person("one1", "two2", "three", "four", "five", "sixx", "never", "asked")
    assert refused(vault(ask=someone), need(Prompt()), fresh=True) == (
        f"{PURPOSE} was typed differently three times",
        "run again",
    )
    assert len(someone.asked) == 6


def test_the_end_of_input_is_no_answer(vault: Callable[..., Vault]) -> None:
    """^D at the prompt: getpass raises EOFError, which is the person's no, not a bug."""

    def nobody(_: str) -> str:
        raise EOFError

    for source in (Prompt(), Env("CA")):
        message, _ = refused(vault(ask=nobody), need(source))
        assert PURPOSE in message


def test_a_prompt_without_a_terminal_says_what_else_there_is(vault: Callable[..., Vault]) -> None:
    assert refused(vault(), need(Prompt())) == (
        f"{PURPOSE} is wanted, and there is no terminal to ask on",
        "run at a terminal, or give it by env:, file: or command:",
    )


def test_what_was_typed_is_asked_for_once_a_file_not_once_a_step(
    vault: Callable[..., Vault],
) -> None:
    someone = person("first", "second")
    opened = vault(ask=someone)
    one, other = need(Prompt(), "a.key"), need(Prompt(), "b.key")
    assert [opened.fetch(n).reveal() for n in (one, other, one)] == ["first", "second", "first"]
    assert someone.asked == ["The pass phrase of a.key: ", "The pass phrase of b.key: "]


def test_nobody_is_asked_where_standard_input_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    master, slave = os.openpty()
    try:
        with open(slave, closefd=False) as keyboard, open(os.devnull) as nothing:
            monkeypatch.setattr(sys, "stdin", keyboard)
            assert terminal() is getpass.getpass
            for no_terminal in (nothing, None):
                monkeypatch.setattr(sys, "stdin", no_terminal)
                assert terminal() is None
    finally:
        os.close(master)
        os.close(slave)


# From a file


@pytest.mark.parametrize(
    "content", [f"{TEXT}", f"{TEXT}\n", f"{TEXT}\r\n", f"{TEXT}\nsecond line\n"]
)
def test_a_file_gives_its_first_line(
    vault: Callable[..., Vault], tmp_path: Path, content: str
) -> None:
    """Relative to the recipe's folder; an editor's line end is no part of it."""
    (tmp_path / "ca.secret").write_bytes(content.encode())
    assert vault().fetch(need(File("ca.secret"))).reveal() == TEXT


def test_blanks_belong_to_a_secret(vault: Callable[..., Vault], tmp_path: Path) -> None:
    (tmp_path / "ca.secret").write_text("  two  blanks  \n")
    assert vault().fetch(need(File("ca.secret"))).reveal() == "  two  blanks  "


@pytest.mark.parametrize(
    ("name", "why"), [("none", "No such file or directory"), ("pki", "Is a directory")]
)
def test_a_file_that_cannot_be_read(
    vault: Callable[..., Vault], tmp_path: Path, name: str, why: str
) -> None:
    assert refused(vault(), need(File(name))) == (
        f"{PURPOSE} cannot be read from {tmp_path / name}: {why}",
        "write it on the first line of that file, chmod 600",
    )


def test_a_file_that_is_no_text(vault: Callable[..., Vault], tmp_path: Path) -> None:
    (tmp_path / "key.bin").write_bytes(b"\xff\xfe\x00\n")
    assert refused(vault(), need(File("key.bin"))) == (
        f"{PURPOSE} is not UTF-8 text",
        "use a pass phrase of characters",
    )


# From a command


def test_a_command_gives_the_first_line_it_prints(vault: Callable[..., Vault]) -> None:
    command = Command(("printf", r"%s\nmore\n", TEXT))
    assert vault({"PATH": os.environ["PATH"]}).fetch(need(command)).reveal() == TEXT


def test_a_command_is_run_without_a_shell_in_the_recipes_folder(
    vault: Callable[..., Vault], tmp_path: Path
) -> None:
    program = tmp_path / "show"
    program.write_text('#!/bin/sh\nprintf "%s|%s" "$PWD" "$*"\n')
    program.chmod(0o755)
    given = vault({"PATH": os.environ["PATH"]}).fetch(
        need(Command(("./show", "$HOME", "*", "a b; touch made", ">made")))
    )
    assert given.reveal() == f"{tmp_path}|$HOME * a b; touch made >made"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pki", "show"]


def test_a_command_does_not_see_the_variables_that_hold_secrets(
    vault: Callable[..., Vault], tmp_path: Path
) -> None:
    program = tmp_path / "show"
    program.write_text('#!/bin/sh\nprintf "%s" "${CA-unset} ${EXPORT-unset} ${OTHER-unset}"\n')
    program.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "CA": TEXT, "EXPORT": TEXT, "OTHER": "seen"}
    opened = vault(environment, hidden=frozenset({"CA", "EXPORT"}))
    assert opened.fetch(need(Command(("./show",)))).reveal() == "unset unset seen"


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("sh", "-c", f"echo {TEXT}; exit 3"), "it ended with 3"),
        (("no-such-program",), "No such file or directory"),
        (("./pki",), "Permission denied"),
    ],
)
def test_a_command_that_fails_says_how_and_shows_nothing_it_printed(
    vault: Callable[..., Vault], argv: tuple[str, ...], why: str
) -> None:
    assert refused(vault({"PATH": os.environ["PATH"]}), need(Command(argv))) == (
        f"the command {argv[0]!r} did not give {PURPOSE}: {why}",
        "run it by hand",
    )


def test_a_command_that_prints_nothing_gives_nothing(vault: Callable[..., Vault]) -> None:
    message, _ = refused(vault({"PATH": os.environ["PATH"]}), need(Command(("true",))))
    assert message == f"{PURPOSE} is empty"


def test_a_command_is_run_once_for_all_that_it_protects(
    vault: Callable[..., Vault], tmp_path: Path
) -> None:
    command = Command(("sh", "-c", f"echo x >>runs; echo {TEXT}"))
    opened = vault({"PATH": os.environ["PATH"]})
    for artifact in ("a.key", "b.key", "a.key"):
        opened.fetch(need(command, artifact))
    assert (tmp_path / "runs").read_text() == "x\n"


# At random


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_generated_secret_is_kept_for_its_owner_alone_whatever_the_umask(
    vault: Callable[..., Vault], tmp_path: Path, umask: int
) -> None:
    opened = vault()
    os.umask(umask)
    secret = opened.fetch(need(Generate()), fresh=True)
    kept = tmp_path / "pki" / "ca" / "ca.key.password"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert kept.read_text() == f"{secret.reveal()}\n"
    assert len(secret.reveal()) == 32
    assert secret.reveal().isascii()


def test_a_generated_secret_is_read_again_by_the_next_run(vault: Callable[..., Vault]) -> None:
    first = vault().fetch(need(Generate()), fresh=True).reveal()
    assert vault().fetch(need(Generate()), fresh=True).reveal() == first
    assert vault().fetch(need(Generate())).reveal() == first


def test_each_file_has_a_generated_secret_of_its_own(vault: Callable[..., Vault]) -> None:
    opened = vault()
    drawn = {opened.fetch(need(Generate(), f"{n}.key"), fresh=True).reveal() for n in range(20)}
    assert len(drawn) == 20


def test_a_secret_is_generated_only_while_it_is_being_chosen(
    vault: Callable[..., Vault], tmp_path: Path
) -> None:
    """To open what is there, a new one would be of no use."""
    kept = tmp_path / "pki" / "ca" / "ca.key.password"
    assert refused(vault(), need(Generate())) == (
        f"{PURPOSE} cannot be read from {kept}: No such file or directory",
        "write it on the first line of that file, chmod 600",
    )
    assert not kept.exists()


def test_a_generated_secret_is_not_written_through_a_link(
    vault: Callable[..., Vault], tmp_path: Path
) -> None:
    """Nothing is written outside the directory (O_EXCL does not follow the last link)."""
    opened = vault()
    outside = tmp_path / "outside"
    (tmp_path / "pki" / "ca" / "ca.key.password").symlink_to(outside)
    with pytest.raises(Fault):
        opened.fetch(need(Generate()), fresh=True)
    assert not outside.exists()


def test_a_kill_between_making_and_writing_the_file_loses_nothing(
    vault: Callable[..., Vault], tmp_path: Path
) -> None:
    """An empty file is no secret that anything could have been encrypted with."""
    opened = vault()
    kept = tmp_path / "pki" / "ca" / "ca.key.password"
    kept.touch(0o600)
    secret = opened.fetch(need(Generate()), fresh=True)
    assert len(secret.reveal()) == 32
    assert kept.read_text() == f"{secret.reveal()}\n"
    assert [path.name for path in kept.parent.iterdir()] == ["ca.key.password"]


# What openssl's prompts take


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("abc", "is shorter than 4 characters", "openssl would not take it; choose a longer one"),
        ("x" * 1024, "is longer than 1023 bytes", "openssl reads no more"),
        ("ü" * 512, "is longer than 1023 bytes", "openssl reads no more"),
        ("correct\thorse", "holds a control character", "it cannot be typed at a prompt"),
        ("correct\x00horse", "holds a control character", "it cannot be typed at a prompt"),
        ("correct\x04horse", "holds a control character", "it cannot be typed at a prompt"),
        ("correct\x7fhorse", "holds a control character", "it cannot be typed at a prompt"),
        ("correct\nhorse", "holds a control character", "it cannot be typed at a prompt"),
    ],
)
def test_a_secret_that_no_prompt_takes_is_refused_and_not_repeated(
    vault: Callable[..., Vault], text: str, message: str, hint: str
) -> None:
    for opened, source in ((vault({"CA": text}), Env("CA")), (vault(ask=person(text)), Prompt())):
        assert refused(opened, need(source)) == (f"{PURPOSE} {message}", hint)


@pytest.mark.parametrize("text", ["abcd", "x" * 1023, "pässwörd 🙂", " lead", "trail ", "$(x)`'\""])
def test_whatever_can_be_typed_is_taken(vault: Callable[..., Vault], text: str) -> None:
    assert vault({"CA": text}).fetch(need(Env("CA"))).reveal() == text


def test_an_empty_answer_is_refused(vault: Callable[..., Vault]) -> None:
    assert refused(vault(ask=person("")), need(Prompt())) == (
        f"{PURPOSE} is empty",
        "openssl would not take it; choose a longer one",
    )


def test_a_secret_that_serves_twice_meets_the_stricter_bound(vault: Callable[..., Vault]) -> None:
    """Three characters may protect a bundle; a key with the same variable wants four."""
    opened = vault({"BOTH": "abc"})
    assert opened.fetch(need(Env("BOTH"), "c.p12", shortest=1)).reveal() == "abc"
    message, _ = refused(opened, need(Env("BOTH"), "c.key", shortest=4))
    assert message == "the pass phrase of c.key is shorter than 4 characters"


def test_a_need_is_plain_data_without_any_secret() -> None:
    """It stands in the plan, which is printed as JSON."""
    assert asdict(need(Env("CA"))) == {
        "source": {"name": "CA"},
        "purpose": PURPOSE,
        "artifact": "ca/ca.key",
        "path": ("authorities", "ca", "passphrase"),
        "shortest": 4,
    }
    assert need(Env("CA")).kept == "ca/ca.key.password"
