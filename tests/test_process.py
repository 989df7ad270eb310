"""Children: clean environment, prompts answered once, no hang, no secret left in sight."""

import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mtls_openssl import process
from mtls_openssl.errors import CommandFailed, Interrupted, MachineFault
from mtls_openssl.process import Reply, Runner
from mtls_openssl.secret import Secret
from mtls_openssl.version import Version

PASS = "correct horse ü"
Write = Callable[..., Path]


@pytest.fixture
def runner(openssl: Path, tmp_path: Path) -> Runner:
    return Runner(openssl, tmp_path)


def fake(write: Write, body: str) -> Path:
    """An openssl that does what the real one can't be made to do."""
    path = write(f"#!/bin/sh\n{body}\n", "fake-openssl")
    path.chmod(0o755)
    return path


def test_clean_environment_keeps_no_trust_store_no_configuration_and_nothing_private() -> None:
    environment = process.clean_environment(
        {"PATH": "/bin", "HOME": "/h", "OPENSSL_CONF": "/x", "SSL_CERT_FILE": "/y", "TOKEN": "t"}
    )
    assert environment == {
        "PATH": "/bin",
        "HOME": "/h",
        "SSL_CERT_FILE": "/dev/null",
        "SSL_CERT_DIR": "/dev/null",
        "LC_ALL": "C",
    }


@pytest.mark.version
def test_every_prompt_of_the_tutorials_is_answered(runner: Runner, tmp_path: Path) -> None:
    """genrsa with confirmation, req with key and subject, pkcs12 with two secrets."""
    key = Reply("passphrase", "ca.key", Secret(PASS))
    subject = Reply("subject", subject=(("C", "DE"), ("O", "Exämple"), ("CN", "Root")))
    export = Reply("password", "ca.p12", Secret("export"))

    made = runner.converse(("openssl", "genrsa", "-aes256", "-out", "ca.key", "2048"), [key])
    assert made.returncode == 0
    signing = "openssl req -new -x509 -utf8 -days 2 -key ca.key -out ca.crt"
    asked = runner.converse(signing.split(), [key, subject])
    assert asked.returncode == 0
    bundling = "openssl pkcs12 -export -in ca.crt -inkey ca.key -out ca.p12"
    bundled = runner.converse(bundling.split(), [key, export])
    assert bundled.returncode == 0

    told = runner.run("openssl x509 -in ca.crt -noout -subject -nameopt RFC2253".split()).stdout
    assert told.strip() == r"subject=CN=Root,O=Ex\C3\A4mple,C=DE"
    transcripts = made.transcript + asked.transcript + bundled.transcript
    assert PASS not in transcripts
    assert "export" not in transcripts.replace("Enter Export Password", "").replace("Export", "")
    assert "Country Name (2 letter code) [AU]:DE\n" in asked.transcript
    assert "State or Province Name (full name) [Some-State]:.\n" in asked.transcript
    assert "Verifying - Enter Export Password:****\n" in bundled.transcript
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"ca.key": 0o600, "ca.crt": 0o600, "ca.p12": 0o600}


@pytest.mark.version
def test_a_key_asked_for_twice_by_one_command_gets_each_its_own_pass_phrase(runner: Runner) -> None:
    """A pass phrase goes to the file that the prompt names."""
    for name in ("a", "b"):
        secret = Reply("passphrase", f"{name}.key", Secret(f"pass of {name}"))
        argv = f"openssl genrsa -aes256 -out {name}.key 2048".split()
        assert runner.converse(argv, [secret]).returncode == 0
    replies = [
        Reply("passphrase", "a.key", Secret("pass of a")),
        Reply("passphrase", "b.key", Secret("pass of b")),
    ]
    outcome = runner.converse("openssl rsa -in b.key -noout -check".split(), replies)
    assert outcome.returncode == 0, outcome.transcript


@pytest.mark.version
def test_a_prompt_without_an_answer_ends_at_once(runner: Runner) -> None:
    key = Reply("passphrase", "k", Secret(PASS))
    runner.run("openssl genrsa -out k 2048".split())
    runner.run("openssl req -new -x509 -key k -out c -subj /CN=x".split())
    start = time.monotonic()
    with pytest.raises(CommandFailed) as caught:
        runner.converse("openssl pkcs12 -export -in c -inkey k -out p".split(), [key])
    assert caught.value.message == (
        "openssl pkcs12 asks what nothing answers: 'Enter Export Password:'"
    )
    assert time.monotonic() - start < 5


@pytest.mark.version
def test_an_answer_that_is_not_taken_is_not_given_for_ever(
    runner: Runner, version: Version
) -> None:
    """OpenSSL 1.1.1 asks again for a pass phrase under four characters; later ones fail."""
    key = Reply("passphrase", "k", Secret("abc"))
    argv = "openssl genrsa -aes256 -out k 2048".split()
    if version.numbers >= (3, 0, 0):
        assert runner.converse(argv, [key]).returncode != 0
        return
    with pytest.raises(CommandFailed) as caught:
        runner.converse(argv, [key])
    assert caught.value.message == (
        "openssl genrsa asks again, the answer was not taken: 'Enter pass phrase for k:'"
    )


def test_an_unknown_prompt_is_quoted_and_not_waited_for(write: Write, tmp_path: Path) -> None:
    binary = fake(write, 'printf "working\\nWhat is your quest? "; read answer')
    start = time.monotonic()
    with pytest.raises(CommandFailed) as caught:
        Runner(binary, tmp_path).converse(("openssl", "req"), [Reply("subject")])
    assert caught.value.message == "openssl req asks what nothing answers: 'What is your quest?'"
    assert caught.value.output == "working\nWhat is your quest? "
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ("Enter PEM pass phrase:", "passphrase"),
        ("Enter pass phrase for ca/ca.key:", "passphrase"),
        ("Verifying - Enter pass phrase for ca/ca.key:", "passphrase"),
        ("Enter Export Password:", "password"),
        ("Enter Import Password:", "password"),
        ("Common Name (eg, fully qualified host name) []:", "subject"),
        ("Country Name (2 letter code) []:", "subject"),
    ],
)
def test_the_prompts_of_libressl_and_openssl_are_known(
    write: Write, tmp_path: Path, asked: str, kind: str
) -> None:
    """LibreSSL is not to be had here: its prompts are played by a script (FACTS)."""
    binary = fake(write, f"printf '{asked}'; read answer; printf '%s' \"$answer\" > heard")
    reply = Reply(kind, "ca/ca.key", Secret("secret"), (("C", "DE"), ("CN", "DE")))
    outcome = Runner(binary, tmp_path).converse(("openssl", "req"), [reply])
    assert outcome.returncode == 0
    assert (tmp_path / "heard").read_text() == ("DE" if kind == "subject" else "secret")


def test_challenge_password_is_left_empty_and_a_missing_field_is_left_out(
    write: Write, tmp_path: Path
) -> None:
    """Enter takes the default, a dot leaves out: these are different answers."""
    binary = fake(
        write,
        "printf 'Locality Name (eg, city) [Town]:'; read l;"
        "printf 'A challenge password []:'; read c; printf '<%s><%s>' \"$l\" \"$c\" > heard",
    )
    reply = Reply("subject", subject=(("CN", "x"),))
    Runner(binary, tmp_path).converse(("openssl", "req"), [reply])
    assert (tmp_path / "heard").read_text() == "<.><>"


def test_a_command_that_should_not_prompt_cannot_ask_at_the_terminal(runner: Runner) -> None:
    """Without a controlling terminal and without input, openssl fails instead of hanging."""
    runner.converse(
        "openssl genrsa -aes256 -out k 2048".split(), [Reply("passphrase", "k", Secret(PASS))]
    )
    start = time.monotonic()
    outcome = runner.run("openssl pkey -in k -noout".split())
    assert outcome.returncode != 0
    assert time.monotonic() - start < 5


@pytest.mark.version
def test_a_secret_goes_in_by_standard_input(runner: Runner) -> None:
    argv = "openssl genrsa -aes256 -out k 2048".split()
    runner.converse(argv, [Reply("passphrase", "k", Secret(PASS))])
    reading = "openssl pkey -in k -passin stdin -pubout".split()
    assert "BEGIN PUBLIC KEY" in runner.run(reading, secret=Secret(PASS)).stdout
    assert runner.run(reading, secret=Secret("wrong horse")).returncode != 0


@pytest.mark.version
def test_a_pipe_hands_one_commands_output_to_the_next(runner: Runner) -> None:
    runner.run("openssl genrsa -out k 2048".split())
    outcome = runner.pipe(
        "openssl pkey -in k".split(), "openssl pkey -pubout".split(), Secret("unused")
    )
    assert outcome.returncode == 0
    assert outcome.stdout == runner.run("openssl pkey -in k -pubout".split()).stdout
    failing = runner.pipe(
        "openssl pkey -in none".split(), "openssl pkey -pubout".split(), Secret("unused")
    )
    assert failing.returncode != 0


def test_cat_chmod_and_mkdir_do_what_the_programs_do(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"A\n\xff")
    (tmp_path / "b").write_bytes(b"B")
    runner.run(("mkdir", "-p", "x/y", "z"))
    runner.run(("mkdir", "-p", "x/y"))
    runner.run(("cat", "a", "b", ">", "x/y/c"))
    runner.run(("cat", "b", ">>", "x/y/c"))
    runner.run(("chmod", "400", "x/y/c"))
    assert (tmp_path / "x/y/c").read_bytes() == b"A\n\xffBB"
    assert stat.S_IMODE((tmp_path / "x/y/c").stat().st_mode) == 0o400
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o700


def test_a_new_file_is_the_owners_only_whatever_the_umask(runner: Runner, tmp_path: Path) -> None:
    os.umask(0)
    runner.run("openssl rand -hex -out r 4".split())
    runner.run("openssl rand -hex 4 > s".split())
    runner.run(("cat", "r", ">", "t"))
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "rst"} == {0o600}


def test_a_link_is_not_written_through(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("safe")
    (tmp_path / "link").symlink_to("target")
    with pytest.raises(OSError, match="link"):
        runner.run(("cat", "target", ">", "link"))
    assert (tmp_path / "target").read_text() == "safe"


def test_stop_ends_children_and_lets_no_other_begin(write: Write, tmp_path: Path) -> None:
    runner = Runner(fake(write, "echo $$ > pid; sleep 60 & wait"), tmp_path)
    ended: list[int] = []
    thread = threading.Thread(target=lambda: ended.append(runner.run(("openssl", "x")).returncode))
    thread.start()
    deadline = time.monotonic() + 10
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    runner.stop()
    thread.join(10)
    assert ended
    assert ended[0] < 0
    with pytest.raises(Interrupted):
        runner.run(("openssl", "x"))


def test_no_openssl_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MachineFault) as caught:
        process.find(str(tmp_path / "none"))
    assert caught.value.message == f"there is no openssl at {tmp_path / 'none'}"
    assert caught.value.exit_code == 3


def test_what_is_no_openssl_is_said_to_be_none(write: Write) -> None:
    with pytest.raises(MachineFault) as caught:
        process.ask_version(fake(write, "echo BoringSSL"))
    assert caught.value.message == "this is no openssl that is known: it says 'BoringSSL'"
    broken = write("no program", "broken")
    broken.chmod(0o755)
    with pytest.raises(MachineFault) as caught:
        process.ask_version(broken)
    assert caught.value.message == f"{broken} does not start: Exec format error"


def test_a_command_that_is_talked_to_reads_its_secret_and_ends_with_the_block(
    write: Write, tmp_path: Path
) -> None:
    """The secret is its first line; its input stays open, so that it does not end by itself."""
    body = 'read secret; echo "$1 $secret"; read more || exit 3; echo "$more"; exec sleep 600'
    runner = Runner(fake(write, body), tmp_path)
    with runner.start(("openssl", "told"), secret=Secret(PASS)) as child:
        assert child.stdout
        assert child.stdin
        assert child.stdout.readline().decode() == f"told {PASS}\n"
        child.stdin.write(b"more\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"more\n"
        assert child.poll() is None
    assert child.returncode == -9
