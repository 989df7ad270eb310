"""The plan: the documents' commands to the letter, their order, and what a recipe cannot have."""

import builtins
import io
import os
import subprocess
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any, NoReturn

import pytest

from mtls_openssl import plan, version, workflow
from mtls_openssl.artifact import without_errata
from mtls_openssl.plan import Plan
from mtls_openssl.secret import Env, Generate, Prompt
from mtls_openssl.starters import starter
from mtls_openssl.step import WrittenFile
from tests.conftest import PROMPTING, SMALL
from tests.planning import (
    DATA,
    OPENSSL_3,
    OPENSSL_35,
    attempted,
    commands,
    planned,
    recipe_of,
    refusal,
    told,
)

MUTUAL_TLS = """\
openssl genrsa -out ca.key 2048
openssl req -new -key ca.key -out ca.csr -subj /C=US/ST=ABC/L=XYZ/O=Example/OU=Test/CN=Root/
openssl x509 -req -days 3650 -in ca.csr -signkey ca.key -out ca.pem
openssl genrsa -out server.key 2048
openssl req -new -key server.key -out server.csr \
-subj /C=US/ST=ABC/L=XYZ/O=Example/OU=Test/CN=test.cert.example.com/
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
-out test.cert.example.com.pem -days 365
openssl genrsa -out client.key 2048
openssl req -new -key client.key -out client.csr \
-subj /C=CN/ST=FJ/L=City/O=Company/OU=Dept/CN=ClientID/
openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out client.pem -days 365
cat client.pem client.key > client2.pem
openssl pkcs12 -export -clcerts -in client.pem -inkey client.key -out client2.p12
""".splitlines()
"""The first tutorial's commands, as DESIGN section 5 has them."""

ENCRYPTED_CA = """\
openssl genrsa -aes256 -out ca/ca.key 4096
chmod 400 ca/ca.key
openssl req -new -x509 -sha256 -days 730 -key ca/ca.key -out ca/ca.crt
chmod 444 ca/ca.crt
openssl x509 -noout -text -in ca/ca.crt
openssl genrsa -out server/server.example.com.key 2048
chmod 400 server/server.example.com.key
openssl req -new -key server/server.example.com.key -sha256 -out server/server.example.com.csr
openssl x509 -req -days 365 -sha256 -in server/server.example.com.csr -CA ca/ca.crt \
-CAkey ca/ca.key -set_serial 1 -out server/server.example.com.crt
chmod 444 server/server.example.com.crt
openssl x509 -noout -text -in server/server.example.com.crt
openssl verify -CAfile ca/ca.crt server/server.example.com.crt
openssl genrsa -out client/heiko.key 2048
openssl req -new -key client/heiko.key -out client/heiko.csr
openssl x509 -req -days 365 -sha256 -in client/heiko.csr -CA ca/ca.crt -CAkey ca/ca.key \
-set_serial 2 -out client/heiko.crt
openssl pkcs12 -export -clcerts -in client/heiko.crt -inkey client/heiko.key -out client/heiko.p12
""".splitlines()
"""The second tutorial's, without the folders that stand before them."""

ERRATUM = """\
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
"""
"""What makes the first tutorial's CA a CA again (FACTS)."""

LIBRESSL = "LibreSSL 4.3.0"


def needs(made: Plan) -> dict[str, tuple[str, ...]]:
    return {step.id: step.needs for step in made.steps}


def files(made: Plan) -> list[str]:
    return [path for step in made.steps for path in step.writes]


def with_server(text: str, server: str) -> str:
    """The small recipe with another server in place of its own."""
    return text.replace("  server: {subject: {CN: test.example.com}}", f"  {server}")


def with_client(line: str) -> str:
    """The small recipe with a line more under its client."""
    return SMALL.replace("  client:\n", f"  client:\n    {line}\n")


@pytest.mark.parametrize("printed", [OPENSSL_3, "OpenSSL 1.1.1w  11 Sep 2023", LIBRESSL])
def test_the_first_tutorials_eleven_commands_word_for_word(printed: str) -> None:
    assert commands(planned(starter("mutual-tls"), printed=printed)) == MUTUAL_TLS


@pytest.mark.parametrize("printed", [OPENSSL_3, OPENSSL_35, LIBRESSL])
def test_the_second_tutorials_sixteen_commands_word_for_word(printed: str) -> None:
    """Its folders are made first; no version needs an erratum."""
    made = commands(planned(starter("encrypted-ca"), printed=printed))
    assert made == ["mkdir -p ca server client", *ENCRYPTED_CA]


def test_eleven_and_sixteen() -> None:
    assert (len(MUTUAL_TLS), len(ENCRYPTED_CA)) == (11, 16)


def test_the_words_are_words_whatever_is_in_them() -> None:
    """A subject with spaces, quotes and slashes is one word, escaped as openssl reads it."""
    server = "server: {subject: {CN: test.example.com, O: 'A \"B\" /C/ D+E'}}"
    argv = planned(with_server(SMALL, server)).step("server.request").argv
    assert argv[-1] == r'/C=US/O=A "B" \/C\/ D\+E/CN=test.example.com/'
    assert len(argv) == 9


@pytest.mark.parametrize("printed", ["OpenSSL 3.2.0", OPENSSL_35, "OpenSSL 4.0.3"])
def test_from_3_2_on_the_ca_gets_its_extensions(printed: str) -> None:
    made = planned(starter("mutual-tls"), printed=printed)
    step = made.step("ca.certificate")
    expected = list(MUTUAL_TLS)
    expected[2] += " -extfile ca.ext"
    assert commands(made) == expected
    assert step.files == (WrittenFile("ca.ext", ERRATUM),)
    assert step.erratum is not None
    assert "error 79, invalid CA certificate" in step.erratum.why


@pytest.mark.parametrize(
    "printed", ["OpenSSL 3.1.8", OPENSSL_3, "OpenSSL 1.1.1w  11 Sep 2023", LIBRESSL]
)
def test_before_3_2_and_for_libressl_there_is_no_erratum(printed: str) -> None:
    made = planned(starter("mutual-tls"), printed=printed)
    assert [step.erratum for step in made.steps] == [None] * 11
    assert [step.files for step in made.steps] == [()] * 11


def test_verbatim_leaves_the_erratum_out_and_knows_which_checks_will_fail() -> None:
    made = planned(starter("mutual-tls"), printed=OPENSSL_35, verbatim=True)
    assert commands(made) == MUTUAL_TLS
    assert not any(step.files for step in made.steps)
    mended = {
        (artifact.path, item.name)
        for step in made.steps
        for artifact in step.artifacts
        for item in artifact.expectations
        if item.mended_by
    }
    assert mended == {
        ("ca.pem", "ca"), ("ca.pem", "chain"),
        ("test.cert.example.com.pem", "chain"), ("test.cert.example.com.pem", "purpose"),
        ("client.pem", "chain"), ("client.pem", "purpose"),
    }  # fmt: skip


def test_an_erratum_does_not_change_what_a_step_is() -> None:
    """The journal must not call a step stale because openssl was updated (DESIGN 7.2)."""
    text = starter("mutual-tls")
    before, after = planned(text), planned(text, printed=OPENSSL_35)
    assert [step.identity for step in before.steps] == [step.identity for step in after.steps]
    assert before.step("ca.certificate").argv != after.step("ca.certificate").argv


@pytest.mark.parametrize("recipe", [SMALL, PROMPTING])
def test_utf8_stands_only_where_a_subject_is_not_ascii(recipe: str) -> None:
    made = planned(recipe.replace("{CN: Root}", "{CN: Wurzel-Ä}").replace("CA}", "CÄ}"))
    having = [step.id for step in made.steps if "-utf8" in step.argv]
    assert having == ["ca.request" if recipe is SMALL else "ca.certificate"]


def test_utf8_stands_right_after_new() -> None:
    made = planned(SMALL.replace("O: Example", "O: 例"))
    assert commands(made)[1] == (
        "openssl req -new -utf8 -key ca.key -out ca.csr -subj /C=US/O=例/CN=Root/"
    )


def test_what_each_step_of_the_first_tutorial_needs() -> None:
    assert needs(planned(SMALL)) == {
        "ca.key": (),
        "ca.request": ("ca.key",),
        "ca.certificate": ("ca.request", "ca.key"),
        "server.key": (),
        "server.request": ("server.key",),
        "server.certificate": ("server.request", "ca.certificate", "ca.key"),
        "client.key": (),
        "client.request": ("client.key",),
        "client.certificate": ("client.request", "ca.certificate", "ca.key"),
        "client.combined": ("client.certificate", "client.key"),
        "client.pkcs12": ("client.certificate", "client.key"),
    }


def test_what_each_step_of_the_second_tutorial_needs() -> None:
    """A mode is set before anyone reads the file, and folders stand before their files."""
    assert needs(planned(PROMPTING)) == {
        "folders": (),
        "ca.key": ("folders",),
        "ca.key-mode": ("ca.key",),
        "ca.certificate": ("ca.key-mode", "folders"),
        "ca.certificate-mode": ("ca.certificate",),
        "ca.look": ("ca.certificate-mode",),
        "server.example.com.key": ("folders",),
        "server.example.com.key-mode": ("server.example.com.key",),
        "server.example.com.request": ("server.example.com.key-mode", "folders"),
        "server.example.com.certificate": (
            "server.example.com.request",
            "ca.certificate-mode",
            "ca.key-mode",
            "folders",
        ),
        "server.example.com.certificate-mode": ("server.example.com.certificate",),
        "server.example.com.look": ("server.example.com.certificate-mode",),
        "server.example.com.verify": (
            "ca.certificate-mode",
            "server.example.com.certificate-mode",
        ),
        "heiko.key": ("folders",),
        "heiko.request": ("heiko.key", "folders"),
        "heiko.certificate": (
            "heiko.request",
            "ca.certificate-mode",
            "ca.key-mode",
            "folders",
        ),
        "heiko.pkcs12": ("heiko.certificate", "heiko.key", "folders"),
    }


@pytest.mark.parametrize("recipe", [SMALL, PROMPTING, starter("mutual-tls")])
def test_a_step_needs_only_steps_before_it(recipe: str) -> None:
    """So one after another is an order, and there is no circle."""
    seen: set[str] = set()
    for step in planned(recipe, printed=OPENSSL_35).steps:
        assert set(step.needs) <= seen
        assert step.id not in seen
        seen.add(step.id)


def test_signing_with_a_serial_file_shares_state_and_orders_nobody() -> None:
    """The serial file is locked, not waited for: who signs first doesn't matter."""
    made = planned(SMALL)
    signing = [made.step(f"{name}.certificate") for name in ("server", "client")]
    assert [step.state for step in signing] == [("ca.srl",), ("ca.srl",)]
    assert "ca.srl" not in files(made)
    assert [step.state for step in planned(PROMPTING).steps if step.state] == []


@pytest.mark.parametrize(
    ("certificate", "serials"),
    [("public/root.crt", "public/root.srl"), ("root", "root.srl"), ("a.b.pem", "a.b.srl")],
)
def test_the_serial_file_is_where_openssl_makes_it(certificate: str, serials: str) -> None:
    """Beside the CA's certificate, after its name: what is locked must be what is written."""
    made = planned(
        SMALL.replace("{CN: Root}", f"{{CN: Root}}, files: {{certificate: {certificate}}}")
    )
    assert made.step("server.certificate").state == (serials,)


def test_private_keys_are_known_as_what_is_never_overwritten() -> None:
    keys = [path for step in planned(SMALL).steps for path in step.keys]
    assert keys == ["ca.key", "server.key", "client.key"]


TWO = with_server(
    SMALL, "server: {subject: {CN: a.example.com}}\n  mail: {subject: {CN: b.example.com}}"
)


def test_two_servers_have_files_of_their_own() -> None:
    written = files(planned(TWO))
    assert len(written) == len(set(written))
    assert {"server.key", "mail.key", "a.example.com.pem", "b.example.com.pem"} <= set(written)


def test_two_servers_are_signed_by_the_same_ca() -> None:
    made = planned(TWO)
    for name in ("server", "mail"):
        assert {"ca.certificate", "ca.key"} <= set(made.step(f"{name}.certificate").needs)
    assert "server" not in str(made.step("mail.certificate").needs)


def test_entities_come_authorities_first_whatever_the_recipes_order() -> None:
    lines = SMALL.split("authorities:\n")
    turned = lines[0] + lines[1].partition("\n")[2] + "authorities:\n  ca: {subject: {CN: R}}\n"
    assert [member.name for member in planned(turned).members] == ["ca", "server", "client"]


def test_each_command_knows_what_it_will_be_asked() -> None:
    made = planned(PROMPTING)
    asked = {
        step.id: [(answer.kind, answer.file, answer.fresh) for answer in step.answers]
        for step in made.steps
        if step.answers
    }
    assert asked == {
        "ca.key": [("passphrase", "ca/ca.key", True)],
        "ca.certificate": [("passphrase", "ca/ca.key", False), ("subject", "", False)],
        "server.example.com.request": [("subject", "", False)],
        "server.example.com.certificate": [("passphrase", "ca/ca.key", False)],
        "heiko.request": [("subject", "", False)],
        "heiko.certificate": [("passphrase", "ca/ca.key", False)],
        "heiko.pkcs12": [("password", "client/heiko.p12", True)],
    }


def test_a_secret_is_asked_where_the_recipe_says() -> None:
    [answer] = planned(PROMPTING).step("ca.key").answers
    assert answer.need is not None
    assert answer.need.source == Env("CA_PASSPHRASE")
    assert answer.need.purpose == "the pass phrase of ca/ca.key"
    assert answer.need.shortest == 4


def test_without_a_word_of_a_pass_phrase_the_second_tutorial_asks_the_person() -> None:
    made = planned(PROMPTING.replace(", passphrase: {env: CA_PASSPHRASE}", ""))
    [answer] = made.step("ca.key").answers
    assert answer.need is not None
    assert answer.need.source == Prompt()


def test_a_pass_phrase_on_the_first_tutorials_keys_is_asked_wherever_they_are_read() -> None:
    made = planned(with_client("passphrase: {generate: true}"))
    assert commands(made)[6] == "openssl genrsa -aes256 -out client.key 2048"
    asking = {step.id: [a.kind for a in step.answers] for step in made.of("client")}
    assert asking == {
        "client.key": ["passphrase"],
        "client.request": ["passphrase"],
        "client.certificate": [],
        "client.combined": [],
        "client.pkcs12": ["passphrase", "password"],
    }
    [first, *_] = made.step("client.key").answers
    assert first.need is not None
    assert (first.need.source, first.need.kept) == (Generate(), "client.key.password")


def test_a_ca_with_a_pass_phrase_is_asked_when_it_signs() -> None:
    made = planned(SMALL.replace("{CN: Root}", "{CN: Root}, passphrase: {env: CA}"))
    for name in ("server.certificate", "client.certificate"):
        [answer] = made.step(name).answers
        assert (answer.kind, answer.file, answer.fresh) == ("passphrase", "ca.key", False)


def test_another_name_of_a_file_is_used_wherever_the_file_is() -> None:
    made = planned(with_client("files: {key: alice.pem, pkcs12: alice.pfx}"))
    assert [step.argv for step in made.of("client")] == [
        tuple("openssl genrsa -out alice.pem 2048".split()),
        (*"openssl req -new -key alice.pem -out client.csr -subj".split(),
         "/C=US/O=Example/CN=client/"),
        tuple("openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
              "-out client.pem -days 365".split()),
        tuple("cat client.pem alice.pem > client2.pem".split()),
        tuple("openssl pkcs12 -export -clcerts -in client.pem -inkey alice.pem "
              "-out alice.pfx".split()),
    ]  # fmt: skip


def test_folders_of_ones_own_are_made_first() -> None:
    made = planned(with_client("files: {key: keys/private/alice.key, pkcs12: out/alice.p12}"))
    assert commands(made)[0] == "mkdir -p keys/private out"
    assert made.step("client.key").needs == ("folders",)


def test_a_common_name_with_a_slash_makes_a_folder_inside_the_directory() -> None:
    made = planned(with_server(SMALL, "server: {subject: {CN: web/one}}"))
    assert commands(made)[0] == "mkdir -p web"
    assert made.step("server.certificate").writes == ("web/one.pem",)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("files: {kee: x}",
         "10, kee: the workflow mutual-tls has no 'kee' file here | did you mean 'key'?"),
        ("files: {serials: x}",
         ("10, serials: the workflow mutual-tls has no 'serials' file here | "
         "known here: certificate, combined, key, pkcs12, request")),
        ("files: {key: server.key}",
         ("10, key: server.key would be both server's key and client's key | "
         "give one of them another name: files: {key: NAME}")),
        ("files: {key: Server.KEY}",
         ("10, key: Server.KEY would be both server's key and client's key | "
         "give one of them another name: files: {key: NAME}")),
        ("files: {request: ca.srl}",
         ("10, request: ca.srl would be both ca's serials and client's request | "
         "give one of them another name: files: {request: NAME}")),
        ("files: {key: client.csr}",
         ("9, client: client.csr would be both client's key and client's request | "
         "give one of them another name: files: {request: NAME}")),
    ],
)  # fmt: skip
def test_a_file_has_one_owner(line: str, fault: str) -> None:
    assert told(refusal(planned, with_client(line))) == [fault]


def test_two_servers_of_one_common_name_would_share_a_certificate() -> None:
    server = "server: {subject: {CN: a.b}}\n  mail: {subject: {CN: a.b}}"
    assert told(refusal(planned, with_server(SMALL, server))) == [
        (
            "8, mail: a.b.pem would be both server's certificate and mail's certificate | "
            "give one of them another name: files: {certificate: NAME}"
        )
    ]


def test_a_server_called_as_the_ca_would_overwrite_its_certificate() -> None:
    [fault] = told(refusal(planned, with_server(SMALL, "web: {subject: {CN: CA}}")))
    assert fault == (
        "7, web: CA.pem would be both ca's certificate and web's certificate | "
        "give one of them another name: files: {certificate: NAME}"
    )


@pytest.mark.parametrize("path", ["client2.p12.password", "CLIENT2.p12.password"])
def test_the_file_of_a_generated_secret_is_nobody_elses(path: str) -> None:
    """Otherwise a certificate's first line would be read as the password."""
    text = with_client(f"files: {{certificate: {path}}}").replace(
        "{env: EXPORT_PASSWORD}", "{generate: true}"
    )
    [fault] = told(refusal(planned, text))
    assert fault.startswith(f"10, certificate: {path} would be both ")


@pytest.mark.parametrize("path", [".gitignore", ".mtls-openssl/journal", ".mtls-openssl"])
def test_the_programs_own_files_are_nobody_elses(path: str) -> None:
    """The journal, what was replaced, and what keeps keys out of git."""
    [problem] = refusal(planned, with_client(f"files: {{request: {path}}}"))
    assert (problem.line, problem.path) == (10, ("clients", "client", "files", "request"))


def test_a_file_cannot_be_a_folder_too() -> None:
    [problem] = refusal(planned, with_client("files: {key: alice, request: alice/csr}"))
    assert problem.line == 10


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("{CN: Root}", "{CN: Root}, path_length: 0",
         "5, path_length: the workflow mutual-tls makes nothing of path_length: here"),
        ("{CN: Root}", "{CN: Root}, name_constraints: {permitted: [DNS:example.com]}",
         ("5, name_constraints: the workflow mutual-tls makes nothing of "
         "name_constraints: here")),
        ("{CN: test.example.com}", "{CN: test.example.com}, names: [a.b]",
         "7, names: the workflow mutual-tls makes nothing of names: here"),
        ("{CN: test.example.com}", "{CN: test.example.com}, pkcs12: {}",
         "7, pkcs12: the workflow mutual-tls makes nothing of pkcs12: here"),
        ("{CN: test.example.com}", "{CN: test.example.com}, crl_url: 'http://a.b/c'",
         "7, crl_url: the workflow mutual-tls makes nothing of crl_url: here"),
        ("{CN: Root}", "{CN: Root}, serial: 7",
         "5, serial: the workflow mutual-tls makes nothing of serial: here"),
    ],
)  # fmt: skip
def test_an_option_that_would_change_nothing_is_refused(
    before: str, after: str, fault: str
) -> None:
    assert told(refusal(planned, SMALL.replace(before, after))) == [
        f"{fault} | leave it out, or choose a workflow that has it"
    ]


def test_what_a_workflow_makes_nothing_of_may_stand_in_the_defaults() -> None:
    """Defaults are for whoever has a use for them."""
    made = planned(SMALL.replace("defaults:\n", "defaults:\n  passphrase: {env: X}\n"))
    assert commands(made)[0] == "openssl genrsa -aes256 -out ca.key 2048"
    planned(PROMPTING.replace("defaults:\n", "defaults:\n  crl_url: 'http://a.b/c'\n"))


@pytest.mark.parametrize(
    ("recipe", "before", "after", "fault"),
    [
        (SMALL, "{CN: Root}", "{CN: Root}, key: ec:P-256",
         ("5, ec:P-256: the workflow mutual-tls makes no EC P-256 key | "
         "give another key:; 1.1 Generate CA key wants {bits}")),
        (PROMPTING, "{serial: 1}", "{serial: 1, key: ed25519}",
         ("8, ed25519: the workflow encrypted-ca makes no ED25519 key | "
         "give another key:; 2.1 Generate the server's key wants {bits}")),
        (PROMPTING, "{serial: 1}", "{days: 3}",
         ("8, server.example.com: 2.4 Sign the server's certificate: "
         "server.example.com needs serial: | add serial: to server.example.com; "
          "the workflow's command has {serial}")),
    ],
)  # fmt: skip
def test_a_step_that_falls_out_says_what_it_wanted(
    recipe: str, before: str, after: str, fault: str
) -> None:
    assert told(refusal(planned, recipe.replace(before, after))) == [fault]


def test_an_issuing_authority_has_no_steps_in_the_tutorials() -> None:
    """One problem, at the authority: not one more for everything below it."""
    text = SMALL.replace("servers:", "  below: {issuer: ca}\nservers:")
    assert told(refusal(planned, text)) == [
        (
            "6, below: the workflow mutual-tls has no steps for an issuing authority | "
            "it has steps for: root, server, client"
        )
    ]


def test_ml_dsa_wants_openssl_3_5() -> None:
    flow = FLOW.replace("genrsa -out {key} {bits}", "genpkey -algorithm {algorithm} -out {key}")
    recipe = RECIPE.replace("authorities:\n  ca:", "authorities:\n  ca: {key: ml-dsa-65}")
    assert told(refusal(planned, recipe, flow)) == [
        "3, ml-dsa-65: OpenSSL 3.0.19 makes no ML-DSA-65 keys | OpenSSL 3.5 and later do"
    ]
    made = planned(recipe, flow, printed=OPENSSL_35)
    assert commands(made)[0] == "openssl genpkey -algorithm ML-DSA-65 -out ca.key"


def test_a_leaf_with_its_cas_subject_would_be_taken_for_self_signed() -> None:
    text = with_server(SMALL, "server: {subject: {CN: Root}, files: {certificate: s.pem}}")
    assert told(refusal(planned, text)) == [
        (
            "7, subject: server has the subject of its issuer, ca | "
            "openssl would take it for self-signed (error 18); give it another CN"
        )
    ]


def test_a_serial_number_is_given_once_under_a_ca() -> None:
    assert told(refusal(planned, PROMPTING.replace("serial: 2", "serial: 0x01"))) == [
        (
            "10, 0x01: serial 1 is that of server.example.com too, under ca | "
            "a serial number is unique under its issuer (RFC 5280, section 4.1.2.2)"
        )
    ]


def test_every_problem_is_told_at_once() -> None:
    text = with_client("names: [a@b.c]\n    files: {kee: x, request: server.csr}")
    text = text.replace("{CN: Root}", "{CN: Root}, path_length: 0")
    assert [problem.line for problem in refusal(planned, text)] == [5, 10, 11, 11]


FLOW = """\
title: Mine
defaults: {root: {key: "rsa:2048"}}
layout:
  root: {key: "{name}.key", ext: "{name}.ext"}
steps:
  root:
    - {title: Key, run: "openssl genrsa -out {key} {bits}"}
    - {title: Look, run: "openssl pkey -noout -in {key}"}
"""
RECIPE = """\
workflow: mine.yaml
authorities:
  ca:
"""
ERRATA = """\
errata:
  - {step: root.look, openssl: ">=3.2", add: -text_pub, why: It says too little.}
"""
INSIDE = "name a file below it, without .. or /"


@pytest.mark.parametrize(
    "path",
    ["../x.key", "/etc/x.key", "a/../../x.key", "~/x.key", "a//b", "a/", ".", "./a/../b", "-x"],
)
def test_nothing_climbs_out_by_files(path: str) -> None:
    [fault] = told(refusal(planned, with_client(f"files: {{key: '{path}'}}")))
    assert fault == f"10, '{path}': {path!r} is no path inside the directory | {INSIDE}"


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "-x", "~/x"])
def test_nothing_climbs_out_by_a_common_name(name: str) -> None:
    """One problem, in the recipe, which is at fault: not in the bundled workflow."""
    [fault] = told(refusal(planned, with_server(SMALL, f"server: {{subject: {{CN: {name}}}}}")))
    assert fault == f"7, server: '{name}.pem' is no path inside the directory | {INSIDE}"


@pytest.mark.parametrize("folder", ["../", "/etc/", "a/../../"])
def test_nothing_climbs_out_by_a_workflows_layout(folder: str) -> None:
    [problem] = refusal(planned, RECIPE, FLOW.replace('"{name}.key"', f'"{folder}{{name}}.key"'))
    assert problem.message == f"'{folder}ca.key' is no path inside the directory"


@pytest.mark.parametrize(
    "command",
    [
        "openssl rand -out ../{name} 4",
        "openssl rand 4 > /etc/{name}",
        "chmod 400 ../{name}.key",
        "mkdir -p ../{name}",
        "cat {key} > ../{name}",
    ],
)
def test_nothing_climbs_out_by_a_workflows_command(command: str) -> None:
    flow = FLOW.replace('"openssl pkey -noout -in {key}"', f'"{command}"')
    [problem] = refusal(planned, RECIPE, flow)
    assert (problem.file, problem.line) == ("mine.yaml", 8)
    assert problem.message.endswith(" is no path inside the directory")


def test_nothing_climbs_out_by_a_file_that_a_step_writes() -> None:
    flow = FLOW + '    - {title: Text, to: "../{name}", write: "x"}\n'
    [problem] = refusal(planned, RECIPE, flow)
    assert (problem.file, problem.line) == ("mine.yaml", 9)
    assert problem.message == "'../ca' is no path inside the directory"


@pytest.mark.parametrize("name", ["-out", "--", "a/b", "..", "a b", "a\\nb", "*", "$HOME"])
def test_nothing_climbs_out_by_an_entitys_name(name: str) -> None:
    [problem] = refusal(planned, SMALL.replace("  client:\n", f'  "{name}":\n'))
    assert problem.line == 9
    assert problem.message.endswith(" cannot name files")


@pytest.mark.parametrize("name", [">", "&&", "$HOME", "2>&1"])
def test_a_value_is_no_shells_sign(name: str) -> None:
    """A workflow's own words may not be such; a name that looks so is only a name."""
    flow = FLOW.replace("-noout -in {key}", "-in {key} -passin {subject.CN} -out {ext}")
    made = planned(RECIPE.replace("ca:", f"ca: {{subject: {{CN: '{name}'}}}}"), flow)
    step = made.step("ca.look")
    assert step.argv == ("openssl", "pkey", "-in", "ca.key", "-passin", name, "-out", "ca.ext")
    assert step.writes == ("ca.ext",)


def test_a_value_before_the_last_word_is_no_redirection() -> None:
    """`openssl … {value} {file}` must not write the file where the value is >."""
    flow = FLOW.replace("-noout -in {key}", "-name {subject.CN} {key}")
    made = attempted(RECIPE.replace("ca:", "ca: {subject: {CN: '>'}}"), flow)
    written = files(made) if made else []
    assert written in ([], ["ca.key"])


def test_a_written_files_values_are_escaped_as_config_5_has_it() -> None:
    flow = FLOW + '    - {title: E, to: "{ext}", write: "nsComment = {subject.O}$1 #"}\n'
    made = planned(RECIPE.replace("ca:", """ca: {subject: {O: "a$b\\\\c#d'e\\"f`g[h]"}}"""), flow)
    [file] = made.step("ca.e").files
    assert file.text == r"""nsComment = a\$b\\c\#d\'e\"f\`g[h]$1 #""" + "\n"


def test_a_written_files_lines_are_the_workflows_alone() -> None:
    """A line break cannot come in by a value: the recipe refuses it."""
    flow = FLOW + '    - {title: E, to: "{ext}", write: "nsComment = {subject.O}"}\n'
    recipe = RECIPE.replace("ca:", 'ca: {subject: {O: "x\\n[ evil ]"}}')
    assert told(refusal(planned, recipe, flow)) == [
        r'3, "x\n[ evil ]": O holds a control character | names are one line of plain text'
    ]


@pytest.mark.version
def test_openssl_reads_back_what_was_meant(run_openssl: Callable[..., str], tmp_path: Path) -> None:
    """Dollar, hash, quotes and backslashes come through an extension file unchanged."""
    value = r"""a$b ${ENV::HOME} \n c#d 'e' "f" `g` \\ [h] = i"""
    flow = FLOW + '    - {title: E, to: "{ext}", write: "nsComment = {subject.O}"}\n'
    quoted = value.replace("'", "''")
    made = planned(RECIPE.replace("ca:", f"ca: {{subject: {{O: '{quoted}'}}}}"), flow)
    (tmp_path / "ca.ext").write_text(made.step("ca.e").files[0].text)
    run_openssl("genrsa", "-out", "k", "2048")
    run_openssl("req", "-new", "-key", "k", "-subj", "/CN=x", "-out", "r")
    run_openssl("x509", "-req", "-in", "r", "-signkey", "k", "-extfile", "ca.ext", "-out", "c")
    assert f"                {value}\n" in run_openssl("x509", "-in", "c", "-noout", "-text")


def test_a_key_made_on_the_way_is_a_key_too() -> None:
    """What -keyout names, and what a layout calls key, is never overwritten."""
    request = "req -newkey rsa:{bits} -keyout {ext} -out {name}.csr"
    made = planned(RECIPE, FLOW.replace("genrsa -out {key} {bits}", request).replace(
        "pkey -noout -in {key}", "pkey -in {ext} -out {key}"))  # fmt: skip
    assert [step.keys for step in made.steps] == [("ca.ext",), ("ca.key",)]
    assert made.steps[0].writes == ("ca.ext", "ca.csr")


def test_what_is_made_once_for_all_is_expected_too() -> None:
    flow = (
        FLOW
        + """\
  recipe:
    - {title: Joined, run: "cat {authorities.key} {authorities.key} > all.txt"}
    - {title: Written, to: note.txt, write: "x"}
    - {title: Made, run: "openssl version > version.txt"}
"""
    )
    steps = [step for step in planned(RECIPE, flow).steps if not step.entity]
    assert [step.id for step in steps] == ["recipe.joined", "recipe.written", "recipe.made"]
    expected = [
        (artifact.kind, artifact.path, [item.name for item in artifact.expectations])
        for step in steps
        for artifact in step.artifacts
    ]
    assert expected == [
        ("file", "all.txt", ["parts"]),
        ("text", "note.txt", ["content"]),
        ("file", "version.txt", ["content"]),
    ]


def test_an_erratum_mends_what_is_done_once_too() -> None:
    once = '  recipe: [{title: Read, run: "openssl pkey -noout -in {authorities.key}"}]\n'
    flow = f"{FLOW}{once}{ERRATA.replace('root.look', 'recipe.read')}"
    [*_, step] = planned(RECIPE, flow, printed=OPENSSL_35).steps
    assert step.argv == ("openssl", "pkey", "-noout", "-in", "ca.key", "-text_pub")
    assert step.erratum is not None


def test_an_erratums_words_stand_before_a_redirection() -> None:
    flow = FLOW.replace("-noout -in {key}", "-in {key} -pubout > {ext}") + ERRATA
    step = planned(RECIPE, flow, printed=OPENSSL_35).step("ca.look")
    assert " ".join(step.argv) == "openssl pkey -in ca.key -pubout -text_pub > ca.ext"
    assert step.writes == ("ca.ext",)


def test_a_file_of_which_no_line_is_left_is_not_written() -> None:
    lines = '    - {title: E, to: "{ext}", write: "[a = {serial}]\\n[b = {crl_url}]"}\n'
    assert [step.id for step in planned(RECIPE, FLOW + lines).steps] == ["ca.key", "ca.look"]
    recipe = RECIPE.replace("ca:", "ca: {serial: 7}")
    [*_, step] = planned(recipe, FLOW + lines).steps
    assert step.files == (WrittenFile("ca.ext", "a = 7\n"),)


def test_an_empty_line_of_the_workflows_stays() -> None:
    lines = '    - {title: E, to: "{ext}", write: "a\\n\\n[b = {serial}]\\nc"}\n'
    [*_, step] = planned(RECIPE, FLOW + lines).steps
    assert step.files == (WrittenFile("ca.ext", "a\n\nc\n"),)


def test_what_a_step_is_includes_what_was_typed_and_written() -> None:
    """The journal compares it: a subject that is asked for stands in no command."""
    before = planned(PROMPTING)
    after = planned(PROMPTING.replace("CN: Example CA", "CN: Other CA"))
    changed = [
        step.id
        for step, other in zip(before.steps, after.steps, strict=True)
        if step.identity != other.identity
    ]
    assert changed == ["ca.certificate"]
    assert before.step("ca.certificate").argv == after.step("ca.certificate").argv


def test_a_self_signed_certificate_without_a_request_has_its_keys_public_key() -> None:
    [direct] = planned(PROMPTING).step("ca.certificate").artifacts
    assert direct.same_key_as == "ca/ca.key"
    assert direct.key_need is not None
    [requested] = (
        planned(SMALL.replace("{CN: Root}", "{CN: Root}, passphrase: {env: X}"))
        .step("ca.certificate")
        .artifacts
    )
    assert (requested.same_key_as, requested.key_need) == ("ca.csr", None)


def test_an_erratums_extensions_are_asked_only_of_what_it_made() -> None:
    """A CA made before, without them, stays right (DESIGN 7.2)."""
    made = planned(SMALL, printed=OPENSSL_35).step("ca.certificate")
    [certificate] = [item for item in made.artifacts if item.kind == "certificate"]
    names = [item.name for item in certificate.expectations]
    erratums = ["basicConstraints", "keyUsage", "subjectKeyIdentifier"]
    assert names[-3:] == erratums
    plain = without_errata(certificate)
    assert [item.name for item in plain.expectations] == names[:-3]


NAMED = """\
workflow: modern.sketch.yaml
defaults: {key: ec:P-256}
authorities:
  ca:
servers:
  server: {names: [a.example.com, alice@example.com, 127.0.0.1]}
clients:
  client: {names: [b.example.com]}
"""


@pytest.mark.parametrize(
    ("printed", "names"),
    [(OPENSSL_3, ("DNS:a.example.com", "IP:127.0.0.1")), (LIBRESSL, ())],
)
def test_a_servers_hosts_and_addresses_are_asked_for_as_a_peer_would(
    printed: str, names: tuple[str, ...]
) -> None:
    """Where verify can: LibreSSL's knows no -verify_hostname. Nobody connects to a client."""
    made = planned(NAMED, (DATA / "modern.sketch.yaml").read_text(), printed=printed)
    found = {
        artifact.path: artifact.names
        for step in made.steps
        for artifact in step.artifacts
        if artifact.kind == "certificate"
    }
    assert found == {"ca.pem": (), "server.pem": names, "client.pem": ()}


def test_a_serial_of_ones_own_takes_the_serial_files_place() -> None:
    made = planned(with_server(SMALL, "server: {serial: 0x1F}"))
    assert " ".join(made.step("server.certificate").argv) == (
        "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -set_serial 31 "
        "-out server.pem -days 365"
    )
    assert made.step("server.certificate").state == ()
    assert made.step("client.certificate").state == ("ca.srl",)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("rsa:3072", "RSA 3072 rsa_keygen_bits:3072"),
        ("ec:P-384", "EC P-384 ec_paramgen_curve:P-384"),
        ("ed25519", "ED25519"),
    ],
)
def test_what_the_placeholders_tell_of_a_key(key: str, words: str) -> None:
    told_of = "{algorithm} [{bits}] [{curve}] [{parameter}]"
    flow = FLOW.replace("genrsa -out {key} {bits}", f"genpkey {told_of} -out {{key}}")
    made = planned(RECIPE.replace("ca:", f"ca: {{key: '{key}'}}"), flow)
    assert " ".join(made.step("ca.key").argv) == f"openssl genpkey {words} -out ca.key"


@pytest.mark.parametrize(
    ("subject", "fault"),
    [
        ("UID: heiko", "UID is not asked for at openssl's prompts"),
        ("OU: [People, Friends]", "OU is asked for once, and given more than once"),
        ("OU: .", "OU cannot be a single dot, which leaves a field out at a prompt"),
        (f"CN: {'ü' * 33}", "CN takes 64 bytes at openssl's prompt, and has 66"),
    ],
)
def test_a_subject_that_cannot_be_typed_is_told_where_openssl_asks(
    subject: str, fault: str
) -> None:
    """It may stand in the first tutorial, where it goes into -subj."""
    given = f"{{subject: {{{subject}}}, serial: 2"
    assert told(refusal(planned, PROMPTING.replace("{serial: 2", given))) == [
        f"10, subject: {fault} | the workflow encrypted-ca lets openssl ask for the subject"
    ]
    planned(with_client(f"subject: {{{subject}}}"))


def test_a_subject_of_as_many_bytes_as_a_prompt_takes_is_typed() -> None:
    planned(PROMPTING.replace("{serial: 2", f"{{subject: {{CN: {'ü' * 32}}}, serial: 2"))


def test_a_name_too_long_for_a_common_name_wants_another() -> None:
    name = "c" * 65
    assert told(refusal(planned, SMALL.replace("  client:", f"  {name}:"))) == [
        (
            f"9, {name}: CN is 65 characters long; 64 are the most | "
            "the name serves as common name; give a shorter one: subject: {CN: …}"
        )
    ]
    planned(SMALL.replace("  client:\n", f"  {name}:\n    subject: {{CN: short}}\n"))


@pytest.mark.parametrize(
    ("authority", "server", "fault"),
    [
        ("{key: ed25519}", "{digest: sha256}",
         "6, sha256: a digest has no place where ED25519 signs | leave it out"),
        ("{key: ed25519, digest: sha256}", "",
         "4, sha256: a digest has no place where ED25519 signs | leave it out"),
        ("", "{key: ed25519, digest: sha256}",
         "6, sha256: a digest has no place where ED25519 signs | leave it out"),
    ],
)  # fmt: skip
def test_a_digest_has_no_place_with_keys_that_have_their_own(
    authority: str, server: str, fault: str
) -> None:
    """RFC 8410: Ed25519 hashes for itself; openssl 1.1.1 fails, later ones ignore the option."""
    text = f"""\
workflow: modern.sketch.yaml
defaults: {{key: ec:P-256}}
authorities:
  ca: {authority}
servers:
  server: {server}
"""
    assert told(refusal(planned, text, (DATA / "modern.sketch.yaml").read_text())) == [fault]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("-in ghost.key", "ca.look reads ghost.key, which no step makes"),
        ("-in {ext}", "ca.look reads ca.ext, which no step makes"),
    ],
)
def test_a_file_that_no_step_makes_is_told_before_anything_runs(command: str, message: str) -> None:
    [problem] = refusal(planned, RECIPE, FLOW.replace("-in {key}", command))
    assert problem.message == message
    assert problem.hint == "look at the workflow's steps"


def test_an_option_without_its_value_is_told() -> None:
    """`-in` at a command's end names no file at all."""
    [problem] = refusal(planned, RECIPE, FLOW.replace("-in {key}", "-in"))
    assert (problem.file, problem.line) == ("mine.yaml", 8)


def test_the_same_recipe_makes_the_same_plan() -> None:
    one, other = planned(PROMPTING), planned(PROMPTING)
    assert one.steps == other.steps
    assert one.members == other.members


def test_a_plan_cannot_be_changed() -> None:
    made = planned(SMALL)
    with pytest.raises(FrozenInstanceError):
        made.steps = ()  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        made.steps[0].argv = ("rm",)  # type: ignore[misc]


def test_a_step_is_found_by_its_id_and_an_entitys_by_its_name() -> None:
    made = planned(SMALL)
    assert made.step("client.combined").argv[0] == "cat"
    assert [step.id for step in made.of("ca")] == ["ca.key", "ca.request", "ca.certificate"]
    with pytest.raises(KeyError):
        made.step("client.none")


@pytest.mark.parametrize("recipe", [SMALL, PROMPTING])
def test_planning_opens_no_file_and_starts_no_process(
    recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:

    read = recipe_of(recipe)
    flow = workflow.find(read, Path())
    at = version.parse(OPENSSL_35)

    def never(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("a plan is made of texts alone")

    for module, name in (
        (builtins, "open"), (io, "open"), (os, "open"), (os, "stat"), (os, "lstat"),
        (os, "posix_spawn"), (os, "fork"), (subprocess, "Popen"), (subprocess, "run"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, never)
    made = plan.build(read, flow, at)
    monkeypatch.undo()
    assert made.steps


def test_a_list_s_address_among_the_defaults_is_every_authority_s() -> None:
    """An entity's own word wins; a default holds for all that say nothing."""
    made = planned(
        "workflow: modern\ndefaults: {crl_url: 'http://crl.example.com/all.crl'}\n"
        "authorities:\n  root: \n  low: {issuer: root, crl_url: 'http://crl.example.com/low.crl'}\n"
        "clients:\n  alice: \n"
    )
    texts = {file.path: file.text for step in made.steps for file in step.files}
    assert "URI:http://crl.example.com/all.crl" in texts["low.ext"]
    assert "URI:http://crl.example.com/low.crl" in texts["alice.ext"]
    assert {"root.crl", "low.crl"} <= {path for step in made.steps for path in step.writes}


def test_a_default_address_alone_makes_every_authority_keep_a_list() -> None:
    made = planned(
        "workflow: modern\ndefaults: {crl_url: 'http://crl.example.com/all.crl'}\n"
        "authorities: {root: }\nclients: {alice: }\n"
    )
    assert "root.crl" in {path for step in made.steps for path in step.writes}
