"""The proof, with the real openssl: who is accepted, who is refused, and what is no refusal."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtls_openssl import handshake
from mtls_openssl.errors import MachineFault
from mtls_openssl.messages import TWELVE
from mtls_openssl.session import open_session
from mtls_openssl.version import Version
from tests.conftest import Cli

Write = Callable[..., Path]

TUTORIAL = """\
workflow: mutual-tls
authorities: {ca: {subject: {CN: Root}}}
servers: {server: {subject: {CN: test.example.com}}}
clients: {client: {pkcs12: {password: {generate: true}}}}
"""
ENCRYPTED_CA = """\
workflow: encrypted-ca
defaults: {subject: {C: DE, O: Example}, key: rsa:2048}
authorities: {ca: {passphrase: {generate: true}}}
servers: {server.example.com: {serial: 1}}
clients: {heiko: {serial: 2, pkcs12: {password: {generate: true}}}}
"""
MODERN = """\
workflow: modern
authorities:
  root: {}
  issuing: {issuer: root}
servers:
  api.example.com: {names: ["*.example.com", 127.0.0.1]}
  rsa.example.com: {key: "rsa:2048", names: [rsa.example.com]}
clients:
  alice: {key: ed25519}
  bob: {}
"""
RECIPES = {"tutorial": TUTORIAL, "encrypted-ca": ENCRYPTED_CA, "modern": MODERN}
CASES = [
    "valid", "no-certificate", "foreign-ca", "expired", "server-certificate", "wrong-name",
    "tampered",
]  # fmt: skip


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory, openssl: Path) -> Cli:
    """The command line in a folder where every recipe is applied."""
    cli = Cli(tmp_path_factory.mktemp("applied"), openssl)
    for name, text in RECIPES.items():
        (cli.folder / f"{name}.yaml").write_text(text)
        cli("apply", f"{name}.yaml")
    return cli


def shown(cli: Cli, *words: str, code: int = 0) -> dict[str, Any]:
    """The JSON of a handshake."""
    done = cli("handshake", *words, "--format", "json", code=code)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def by_name(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {case["case"]: case for case in told["cases"]}


def listed(case: dict[str, Any]) -> list[tuple[str, str]]:
    return [(message["from"], message["name"]) for message in case["messages"]]


# What it shows


@pytest.mark.version
@pytest.mark.parametrize("tls", ["1.3", "1.2"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_case_goes_as_it_should(applied: Cli, recipe: str, tls: str) -> None:
    told = shown(applied, f"{recipe}.yaml", "--tls", tls)
    cases = by_name(told)
    assert told["ok"]
    assert list(cases) == CASES
    assert cases["valid"]["outcome"] == "accepted"
    refused = {"no-certificate", "foreign-ca", "expired", "wrong-name", "tampered"}
    assert {name for name in refused if cases[name]["outcome"] != "refused"} == set()
    assert {cases[name]["by"] for name in refused - {"wrong-name"}} == {"server"}
    assert cases["wrong-name"]["by"] == "client"


@pytest.mark.version
def test_each_refusal_is_in_openssl_s_words(applied: Cli) -> None:
    cases = by_name(shown(applied, "modern.yaml"))
    verdicts = {name: case["verdict"].lower() for name, case in cases.items()}
    purpose = verdicts.pop("server-certificate")
    assert re.fullmatch(
        r"un(suit|support)\w+ certificate purpose \(error 26\), alert unsupported_certificate",
        purpose,
    )
    assert verdicts == {
        "valid": "cipher is tls_aes_256_gcm_sha384",
        "no-certificate": "peer did not return a certificate, alert certificate_required",
        "foreign-ca": "unable to get local issuer certificate (error 20), alert unknown_ca",
        "expired": "certificate has expired (error 10), alert certificate_expired",
        "wrong-name": "hostname mismatch (error 62), alert bad_certificate",
        "tampered": "certificate signature failure (error 7), alert decrypt_error",
    }


@pytest.mark.version
def test_the_tutorial_s_claim_of_twelve_messages_holds(applied: Cli) -> None:
    told = shown(applied, "tutorial.yaml", "--tls", "1.2-rsa")
    assert told["ok"]
    twelve = [(message.sender, message.name) for message in TWELVE]
    assert listed(by_name(told)["valid"]) == twelve
    text = applied("handshake", "tutorial.yaml", "--tls", "1.2-rsa").stdout
    assert "12 handshake messages, as the tutorial says: TLS 1.2, static RSA, no ticket\n" in text


@pytest.mark.version
def test_static_rsa_works_with_a_certificate_of_today_too(applied: Cli) -> None:
    told = shown(applied, "modern.yaml", "--tls", "1.2-rsa", "--server", "rsa.example.com")
    assert told["ok"]
    assert len(by_name(told)["valid"]["messages"]) == 12


@pytest.mark.version
def test_the_counts_of_1_2_and_1_3_are_explained(applied: Cli) -> None:
    """Each of the two has fourteen by default: its difference from the twelve is told."""
    older = applied("handshake", "tutorial.yaml", "--tls", "1.2").stdout
    newest = applied("handshake", "tutorial.yaml").stdout
    changes = r"^  ([+-]\d \w+)"
    assert "14 handshake messages: the tutorial's 12" in older
    assert re.findall(changes, older, re.MULTILINE) == [
        "+1 ServerKeyExchange", "+1 NewSessionTicket",
    ]  # fmt: skip
    assert "14 handshake messages: the tutorial's 12" in newest
    assert re.findall(changes, newest, re.MULTILINE) == [
        "-1 ServerHelloDone", "-1 ClientKeyExchange", "+1 EncryptedExtensions",
        "+1 CertificateVerify", "+2 NewSessionTicket",
    ]  # fmt: skip


@pytest.mark.version
def test_a_refusal_in_tls_1_3_comes_after_the_client_believed(applied: Cli) -> None:
    """The client has finished when the server's alert comes, and the verdict is the server's."""
    case = by_name(shown(applied, "modern.yaml"))["expired"]
    assert listed(case)[-2:] == [("client", "Finished"), ("server", "Alert certificate_expired")]


@pytest.mark.version
def test_a_workflow_that_cannot_refuse_says_so_and_why(applied: Cli) -> None:
    case = by_name(shown(applied, "tutorial.yaml"))["server-certificate"]
    assert (case["outcome"], case["ok"], case["client"]) == ("accepted", True, "server")
    assert case["about"] == (
        "the client shows the server's certificate; "
        "openssl takes it, since extendedKeyUsage is not there to forbid it"
    )
    assert by_name(shown(applied, "tutorial.yaml"))["wrong-name"]["about"].endswith(
        "; for want of a subjectAltName, openssl compared the common name"
    )


def test_the_json_names_server_and_client_and_has_no_steps(applied: Cli) -> None:
    told = shown(applied, "modern.yaml", "--server", "rsa.example.com", "--client", "bob")
    assert {key: told[key] for key in ("version", "command", "ok", "steps", "error")} == {
        "version": 1, "command": "handshake", "ok": True, "steps": [], "error": None,
    }  # fmt: skip
    assert {case["server"] for case in told["cases"]} == {"rsa.example.com"}
    assert [case["client"] for case in told["cases"]] == [
        "bob", None, "bob", "bob", "rsa.example.com", "bob", "bob",
    ]  # fmt: skip


def test_the_text_is_a_result_of_eighty_columns(applied: Cli) -> None:
    done = applied("handshake", "modern.yaml", env={"COLUMNS": "300"})
    lines = done.stdout.splitlines()
    assert done.stderr == ""
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("alice meets api.example.com: TLS 1.3, by OpenSSL ")
    assert lines[-1] == "7 cases, all as they should be"
    assert (
        "   1 │ ClientHello ──────────────────────▶ │  ciphers on offer, and a key share" in lines
    )
    assert applied("handshake", "modern.yaml", "-q").stdout == ""


def test_a_terminal_that_knows_no_unicode_gets_ascii(applied: Cli) -> None:
    text = applied("handshake", "modern.yaml", env={"PYTHONIOENCODING": "ascii"}).stdout
    assert text.isascii()
    assert "   1 | ClientHello ----------------------> |" in text


def test_verbose_shows_both_commands_of_every_case(applied: Cli) -> None:
    told = applied("handshake", "modern.yaml", "-v").stderr
    assert len(re.findall(r"^\$ openssl s_server -accept 127.0.0.1:0 ", told, re.MULTILINE)) == 7
    assert len(re.findall(r"^\$ openssl s_client -connect 127.0.0.1:", told, re.MULTILINE)) == 7
    assert "  verify error:num=10:certificate has expired\n" in told


@pytest.mark.version
def test_keys_with_pass_phrases_open_without_showing_them(cli: Cli, write: Write) -> None:
    write(
        TUTORIAL.replace("{subject: {CN: test.example.com}}", "{passphrase: {env: SERVER}}")
        .replace("client: {", "client: {passphrase: {env: CLIENT}, ")
    )  # fmt: skip
    secrets = {"SERVER": "the server's own", "CLIENT": "the client's own"}
    cli("apply", "recipe.yaml", env=secrets)
    done = cli("handshake", "recipe.yaml", "-v", env=secrets)
    assert "7 cases, all as they should be\n" in done.stdout
    assert not any(secret in done.stdout + done.stderr for secret in secrets.values())


# What is not as it should be, and what is no refusal


def impostor(write: Write, openssl: Path, body: str) -> Path:
    """An openssl that does something to the words of the real one before it becomes it."""
    text = f"#!{sys.executable}\nimport os, sys\nargv = sys.argv[1:]\n{body}\n"
    path = write(f"{text}os.execv({str(openssl)!r}, ['openssl', *argv])\n", "impostor")
    path.chmod(0o755)
    return path


ACCEPTS_ANYBODY = """\
if argv[0] == "s_server":
    argv[argv.index("-Verify")] = "-verify"
    argv.remove("-verify_return_error")
"""


@pytest.mark.version
@pytest.mark.parametrize("tls", ["1.3", "1.2"])
def test_a_server_that_accepts_anybody_is_found_out(
    applied: Cli, write: Write, openssl: Path, tls: str
) -> None:
    cli = Cli(applied.folder, impostor(write, openssl, ACCEPTS_ANYBODY))
    done = cli("handshake", "modern.yaml", "--tls", tls, code=1)
    assert done.stdout.endswith(
        "5 of 7 cases not as they should be: no-certificate, foreign-ca, expired,\n"
        "server-certificate, tampered\n"
    )
    assert "FAILED expired " in done.stdout
    assert "expected: refused by server for error 10\n" in done.stdout
    told = shown(cli, "modern.yaml", "--tls", tls, code=1)
    assert not told["ok"]
    assert [case["case"] for case in told["cases"] if case["ok"]] == ["valid", "wrong-name"]


def test_a_refusal_for_another_reason_is_not_as_it_should_be(
    applied: Cli, write: Write, openssl: Path
) -> None:
    """A server that refuses everybody for the date does not prove that it knows its CA."""
    body = 'if argv[0] == "s_server" and "-attime" not in argv: argv += ["-attime", "1000000000"]'
    cli = Cli(applied.folder, impostor(write, openssl, body))
    told = shown(cli, "modern.yaml", code=1)
    assert by_name(told)["valid"]["verdict"].startswith("certificate is not yet valid (error 9)")
    assert [case["case"] for case in told["cases"] if case["ok"]] == [
        "no-certificate", "foreign-ca", "expired", "server-certificate", "wrong-name",
    ]  # fmt: skip
    text = cli("handshake", "modern.yaml", code=1).stdout
    assert "Refused after 13 messages\n" in text


@pytest.mark.version
@pytest.mark.parametrize("side", ["server", "client"])
def test_a_wrong_pass_phrase_is_no_refusal(cli: Cli, write: Write, side: str) -> None:
    text = TUTORIAL.replace("{subject: {CN: test.example.com}}", "{passphrase: {env: SERVER}}")
    write(text.replace("client: {", "client: {passphrase: {env: CLIENT}, "))
    secrets = {"SERVER": "the right one", "CLIENT": "the right one"}
    cli("apply", "recipe.yaml", env=secrets)
    wrong = {**secrets, side.upper(): "some other one"}
    done = cli("handshake", "recipe.yaml", env=wrong, code=1)
    what = "s_server did not start" if side == "server" else "s_client did not begin"
    assert done.stderr.startswith(f"error: openssl {what}, which is no refusal: ")
    assert f"  help: is the pass phrase of {side}.key the right one?\n" in done.stderr
    assert "some other one" not in done.stderr
    assert done.stdout == ""


def test_a_key_that_is_encrypted_unexpectedly_stops_it_at_once(
    cli: Cli, write: Write, run_openssl: Callable[..., str]
) -> None:
    write(TUTORIAL)
    cli("apply", "recipe.yaml")
    key = cli.folder / "recipe/client.key"
    run_openssl("pkcs8", "-topk8", "-in", str(key), "-out", "k", "-passout", "stdin", text="abcd\n")
    key.write_text((cli.folder / "k").read_text())
    done = cli("handshake", "recipe.yaml", code=1)
    assert done.stderr == (
        "error: client.key is encrypted, and the recipe has no pass phrase for it\n"
        "  help: add passphrase: to client\n"
    )


def test_a_handshake_that_does_not_end_is_no_refusal(
    applied: Cli, write: Write, openssl: Path
) -> None:
    body = 'if argv[0] == "s_client": os.execvp("sleep", ["sleep", "600"])'
    slow = impostor(write, openssl, body)
    session = open_session(applied.folder / "modern.yaml", None, str(slow))
    with pytest.raises(MachineFault) as caught:
        handshake.prove(session, patience=1.0)
    assert caught.value.message == "a handshake did not end within 1 s, which is no refusal"
    assert caught.value.hint == "the machine is busy, or this openssl hangs: run again"


def test_a_server_that_dies_is_no_refusal(applied: Cli, write: Write, openssl: Path) -> None:
    body = 'if argv[0] == "s_server": sys.exit("Killed for want of memory, error")'
    cli = Cli(applied.folder, impostor(write, openssl, body))
    done = cli("handshake", "modern.yaml", code=1)
    assert done.stderr == (
        "error: openssl s_server did not start, which is no refusal: "
        "Killed for want of memory, error\n  | Killed for want of memory, error\n"
    )


def test_a_client_that_never_comes_is_no_refusal(applied: Cli, write: Write, openssl: Path) -> None:
    body = 'if argv[0] == "s_client": sys.exit("connect: error, no route")'
    cli = Cli(applied.folder, impostor(write, openssl, body))
    done = cli("handshake", "modern.yaml", code=1)
    assert done.stderr.startswith(
        "error: openssl s_client did not begin, which is no refusal: connect: error, no route\n"
    )


def test_a_handshake_that_breaks_off_is_no_refusal(
    applied: Cli, write: Write, openssl: Path
) -> None:
    """A client that goes after its first message is neither let in nor refused."""
    body = """\
if argv[0] == "s_client":
    import socket
    host, port = argv[argv.index("-connect") + 1].split(":")
    socket.create_connection((host, int(port))).close()
    print(">>> TLS 1.3, Handshake [length 00d2], ClientHello")
    sys.exit(0)
"""
    cli = Cli(applied.folder, impostor(write, openssl, body))
    done = cli("handshake", "modern.yaml", code=1)
    assert done.stderr.startswith(
        "error: the handshake broke off: nobody accepted it, and nobody refused it\n"
    )


# What cannot be tried


def test_before_apply_it_says_so(cli: Cli, write: Write) -> None:
    write(TUTORIAL)
    done = cli("handshake", "recipe.yaml", code=1)
    assert done.stderr == (
        "error: there is no server.key in recipe/\n"
        "  help: apply it first: mtls-openssl apply recipe.yaml\n"
    )
    assert not (cli.folder / "recipe").exists()
    told = shown(cli, "recipe.yaml", code=1)
    assert (told["cases"], told["error"]["kind"]) == ([], "check")


def test_static_rsa_wants_an_rsa_key(applied: Cli) -> None:
    done = applied("handshake", "modern.yaml", "--tls", "1.2-rsa", code=2)
    assert done.stderr == (
        "error: --tls 1.2-rsa: static RSA wants a server's RSA key; api.example.com has EC P-256\n"
        "  help: try --tls 1.2, or name another by --server, or give it key: rsa:2048\n"
    )


def test_names_are_checked(applied: Cli) -> None:
    done = applied("handshake", "modern.yaml", "--client", "alise", code=2)
    assert done.stderr == (
        "error: --client: there is no client 'alise' in the recipe\n  help: did you mean 'alice'?\n"
    )
    done = applied("handshake", "modern.yaml", "--server", "alice", code=2)
    assert done.stderr.startswith("error: --server: there is no server 'alice' in the recipe\n")


def test_a_recipe_without_clients_has_nobody_to_meet(cli: Cli, write: Write) -> None:
    write("workflow: modern\nauthorities: {ca: {}}\nservers: {s: {names: [s.example]}}\n")
    done = cli("handshake", "recipe.yaml", code=2)
    assert done.stderr == ("error: the recipe has no client\n  help: add one under clients:\n")


def test_libressl_is_told_apart(cli: Cli, write: Write) -> None:
    """Its s_server takes a port alone, so it would listen on every address."""
    write(TUTORIAL)
    fake = write("#!/bin/sh\necho LibreSSL 4.3.0\n", "libressl")
    fake.chmod(0o755)
    done = Cli(cli.folder, fake)("handshake", "recipe.yaml", code=3)
    assert done.stderr == (
        "error: s_server of LibreSSL 4.3.0 listens on every address, and at no free port\n"
        "  help: name an OpenSSL by --openssl\n"
    )


# What it leaves behind: nothing

HANGS = """\
import fcntl
if argv[0] in ("s_server", "s_client"):
    held = os.open("{lock}", os.O_RDWR)
    os.set_inheritable(held, True)
    fcntl.flock(held, fcntl.LOCK_SH)
if argv[0] == "s_client":
    with open("{here}", "w") as fifo: fifo.write("here\\n")
    os.execvp("sleep", ["sleep", "600"])
"""
"""Every server and client holds a lock as long as it lives; a client says that it is here."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_behind(
    applied: Cli, write: Write, openssl: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """Also where the program itself is killed, which it cannot notice (on Linux)."""
    lock = write("", "lock")
    here = tmp_path / "here"
    os.mkfifo(here)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    body = HANGS.format(lock=lock, here=here)
    cli = Cli(applied.folder, impostor(write, openssl, body))
    child = subprocess.Popen(
        cli.argv("handshake", "modern.yaml", "-j", "1"), cwd=cli.folder,
        env=cli.environment({"TMPDIR": str(temporary)}),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert here.read_text() == "here\n"
        child.send_signal(number)
        stdout, stderr = child.communicate(timeout=30)
        with lock.open("r+") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)  # waits until the last of them is gone
    finally:
        child.kill()
    assert stdout == ""
    if number == signal.SIGKILL:
        return
    assert child.returncode == 130
    assert stderr == "error: interrupted\n  help: nothing was changed; run it again\n"
    assert list(temporary.iterdir()) == []


def test_the_temporary_folder_is_gone_and_nothing_of_the_directory_changed(
    applied: Cli, tmp_path: Path
) -> None:
    folder = applied.folder / "modern"
    before = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    applied("handshake", "modern.yaml", env={"TMPDIR": str(tmp_path)})
    assert sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*")) == before
    assert list(tmp_path.iterdir()) == []


def test_the_proof_is_a_value_for_other_rooms(applied: Cli, version: Version) -> None:
    session = open_session(applied.folder / "modern.yaml", None, str(applied.openssl))
    proof = handshake.prove(session, jobs=2)
    assert proof.ok
    assert (proof.server, proof.client, proof.openssl) == ("api.example.com", "alice", str(version))
    assert [result.case.name for result in proof.results] == CASES


# Revocation


@pytest.fixture
def revoking(cli: Cli, write: Callable[..., Path]) -> Callable[..., None]:
    """Applies a modern recipe whose issuing CA keeps a list, and puts clients on it."""
    url = "crl_url: http://crl.example.com/issuing.crl"
    write(MODERN.replace("issuing: {", f"issuing: {{{url}, "))
    cli("apply", "recipe.yaml")

    def revoke(*names: str) -> None:
        for name in names:
            cli("revoke", "recipe.yaml", name)

    return revoke


@pytest.mark.version
def test_a_revoked_client_is_refused_and_another_is_let_in(
    cli: Cli, revoking: Callable[..., None]
) -> None:
    revoking("alice")
    cases = by_name(shown(cli, "recipe.yaml"))
    assert list(cases) == [*CASES, "revoked"]
    assert cases["valid"]["client"] == "bob"
    assert {key: cases["revoked"][key] for key in ("client", "outcome", "by", "verdict")} == {
        "client": "alice",
        "outcome": "refused",
        "by": "server",
        "verdict": "certificate revoked (error 23), alert certificate_revoked",
    }


def test_a_revoked_client_by_name_is_not_valid(cli: Cli, revoking: Callable[..., None]) -> None:
    revoking("alice")
    told = shown(cli, "recipe.yaml", "--client", "alice", code=1)
    assert [case["case"] for case in told["cases"] if not case["ok"]] == ["valid"]
    assert by_name(told)["valid"]["verdict"].startswith("certificate revoked (error 23)")


def test_a_list_that_names_nobody_is_told(cli: Cli, revoking: Callable[..., None]) -> None:
    revoking()
    text = cli("handshake", "recipe.yaml").stdout
    assert "-      revoked            not tried: no other client is on issuing.crl\n" in text
    assert text.endswith("7 cases, all as they should be\n")
