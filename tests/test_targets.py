"""Who would refuse what: the table of FACTS, the options, and what stands in the report."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtls_openssl import certificate, process, targets
from mtls_openssl.certificate import read_files
from mtls_openssl.checks import Verdict
from mtls_openssl.errors import BadInput
from mtls_openssl.render import acceptance
from mtls_openssl.target_rules import RULES, TARGETS
from mtls_openssl.version import Version
from tests.chains import Chain, Made, make
from tests.conftest import PROMPTING, SECRETS, SMALL, Cli
from tests.planning import planned

Write = Callable[..., Path]
ALL = ",".join(TARGETS)

CN = "x509: certificate relies on legacy Common Name field, use SANs instead"
NO_NAMES = {"go": [CN], "chromium": ["ERR_CERT_COMMON_NAME_INVALID"],
            "firefox": ["SSL_ERROR_BAD_CERT_DOMAIN"]}  # fmt: skip
TABLE: dict[str, dict[str, list[str]]] = {
    "A": NO_NAMES | {"python3.13": ["invalid CA certificate"]},
    "A+": {
        "curl": ["invalid CA certificate"],
        "python3.13": ["invalid CA certificate"],
        "node": ["INVALID_PURPOSE (unsuitable certificate purpose)"],
        "go": ["x509: invalid signature: parent certificate cannot sign this kind of certificate",
               CN],
        "java": ["is not a CA certificate"],
        "chromium": ["ERR_CERT_COMMON_NAME_INVALID"],
        "firefox": ["SEC_ERROR_CA_CERT_INVALID", "SSL_ERROR_BAD_CERT_DOMAIN"],
    },
    "B": NO_NAMES | {"python3.13": ["CA cert does not include key usage extension"]},
    "M": {},
}  # fmt: skip
"""What each program says of the first tutorial (made before OpenSSL 3.2, and after without the
erratum), of the second, and of modern: measured, server and CA."""

IDENTIFIER = "subjectKeyIdentifier = hash\n"
SIGNED = f"{IDENTIFIER}authorityKeyIdentifier = keyid\n"
FORMS = {
    "A": Chain("A", root="", leaf=""),
    "A+": Chain("A+", root=IDENTIFIER, leaf=SIGNED),
    "B": Chain("B", root=f"basicConstraints = critical,CA:TRUE\n{SIGNED}", leaf=""),
    "M": Chain("M"),
}


def rules_of(openssl: Path, made: Made) -> dict[str, list[str]]:
    runner = process.Runner(openssl, made.root.parent)
    read = read_files(runner, ["root.pem", "leaf.pem"])
    found = {}
    for name, target in TARGETS.items():
        rules = [*targets.refusals(read["root.pem"], "root", target),
                 *targets.refusals(read["leaf.pem"], "server", target)]  # fmt: skip
        if rules:
            found[name] = [rule.says[name] for rule in rules]
    return found


@pytest.mark.version
@pytest.mark.parametrize("form", FORMS)
def test_the_table_of_who_accepts_what_follows_from_the_rules(
    form: str, openssl: Path, version: Version, tmp_path: Path
) -> None:
    if version.numbers >= (3, 2, 0) and form in ("A", "B"):
        pytest.skip(f"{version} makes no version 1 certificates of a request")
    assert rules_of(openssl, make(openssl, tmp_path, FORMS[form])) == TABLE[form]


@pytest.mark.version
def test_a_certificate_is_read_from_what_openssl_shows(openssl: Path, tmp_path: Path) -> None:
    chain = Chain("one", root_key="RSA:2048", digest="sha384", leaf_key="EC:P-521")
    made = make(openssl, tmp_path, chain)
    read = read_files(process.Runner(openssl, made.root.parent), ["root.pem", "leaf.pem"])
    root, leaf = read["root.pem"], read["leaf.pem"]
    assert (root.version, root.algorithm, root.bits) == (3, "RSA", 2048)
    assert (leaf.algorithm, leaf.bits, leaf.digest) == ("EC", 521, "sha384")
    assert root.has("basicConstraints", "critical")
    assert root.has("keyUsage", "keyCertSign")
    assert not leaf.has("keyUsage", "keyCertSign")
    assert leaf.has("authorityKeyIdentifier")
    assert not leaf.has("nameConstraints")


def test_a_certificate_that_cannot_be_read_hides_no_other(openssl: Path, tmp_path: Path) -> None:
    made = make(openssl, tmp_path, Chain("one"))
    (made.root.parent / "broken.pem").write_text("nothing\n")
    paths = ["root.pem", "missing.pem", "leaf.pem", "broken.pem"]
    found = read_files(process.Runner(openssl, made.root.parent), paths)
    assert list(found) == ["root.pem", "leaf.pem"]


def test_many_certificates_are_read_by_few_processes(
    openssl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(openssl, tmp_path, Chain("one"))
    runner = process.Runner(openssl, made.root.parent)
    times = []
    pipe = runner.pipe

    def counted(*words: Any) -> process.Outcome:
        times.append(words)
        return pipe(*words)

    monkeypatch.setattr(runner, "pipe", counted)
    for number in range(300):
        os.link(made.leaf, made.leaf.with_name(f"{number}.pem"))
    assert len(read_files(runner, [f"{number}.pem" for number in range(300)])) == 300
    assert len(times) == 2


def test_targets_are_named_in_one_word_or_several_each_once() -> None:
    names = [target.name for target in targets.named(["go, java", "go", "firefox"])]
    assert names == ["go", "java", "firefox"]


def test_an_unknown_target_is_told_with_what_was_meant(cli: Cli, write: Write) -> None:
    write(SMALL)
    done = cli("verify", "recipe.yaml", "--target", "go,fierfox", code=2)
    assert done.stderr == (
        "error: --target: there is no target 'fierfox'\n  help: did you mean 'firefox'?\n"
    )


def test_every_rule_speaks_for_targets_that_there_are() -> None:
    for rule in RULES:
        assert set(rule.says) <= set(TARGETS)
        if rule.of == ("client",):
            assert all(TARGETS[name].serves for name in rule.says), rule.name


def test_a_target_that_is_no_server_does_not_come_to_see_a_client() -> None:
    plan = planned(SMALL)
    seen = {
        name: [member.name for member in targets.judged(plan.members, TARGETS[name])]
        for name in ("curl", "go")
    }
    assert seen == {"curl": ["ca", "server"], "go": ["ca", "server", "client"]}


def test_an_authority_above_clients_alone_is_seen_by_servers_alone() -> None:
    text = """\
workflow: modern
authorities: {root: {}, people: {issuer: root}, hosts: {issuer: root}}
servers: {web: {issuer: hosts, names: [localhost]}}
clients: {alice: {issuer: people}}
"""
    members = planned(text).members
    of = {n: [m.name for m in targets.judged(members, TARGETS[n])] for n in ("curl", "java")}
    assert of == {"curl": ["root", "hosts", "web"],
                  "java": ["root", "people", "hosts", "web", "alice"]}  # fmt: skip


def mends(text: str) -> dict[str, str]:
    """What would mend a server's certificate that is wrong in much, by what is said of it."""
    plan = planned(text)
    member = next(member for member in plan.members if member.name == "web")
    read = {member.files["certificate"]: certificate.read(WRONG)}
    found = targets.verdicts(plan.members, plan.workflow, read, TARGETS.values())
    return dict(verdict.detail.split("; mend: ") for verdict in found if not verdict.ok)


WRONG = """\
Certificate:
    Data:
        Version: 3 (0x2)
        Signature Algorithm: ecdsa-with-SHA224
            Public Key Algorithm: rsaEncryption
                Public-Key: (1024 bit)
"""


def test_the_mend_is_what_the_workflow_has_for_it() -> None:
    head = "authorities: {ca: {}}\nservers: {web: {subject: {CN: w.example.com}}}\n"
    modern, tutorial = (mends(f"workflow: {w}\n{head}") for w in ("modern", "mutual-tls"))
    assert modern[CN] == "names: [w.example.com] under servers: web"
    assert tutorial[CN] == "workflow: modern, with names: [w.example.com] under servers: web"
    assert modern["EE certificate key too weak"] == (
        "key: ec:P-256 under servers: web, and --rekey web"
    )
    assert tutorial["EE certificate key too weak"] == (
        "key: rsa:2048 under servers: web, and --rekey web"
    )
    unknown = "x509: cannot verify signature: algorithm unimplemented"
    assert modern[unknown] == tutorial[unknown] == "digest: sha256 under servers: web"


@pytest.mark.version
def test_the_first_tutorial_is_judged_file_by_file(
    cli: Cli, write: Write, version: Version
) -> None:
    write(SMALL)
    cli("apply", "recipe.yaml", env=SECRETS)
    done = cli("verify", "recipe.yaml", "--target", "python3.13,go", "--target", "java",
               "--format", "json", env=SECRETS, code=1)  # fmt: skip
    shown = json.loads(done.stdout)
    assert not shown["ok"]
    assert shown["error"] is None
    checks = {
        (check["path"], check["name"]): check
        for step in shown["steps"]
        for check in step["checks"]
        if check["name"].startswith("target ")
    }
    assert [path for path, name in checks if name == "target java"] == [
        "ca.pem", "test.example.com.pem", "client.pem",
    ]  # fmt: skip
    assert checks["test.example.com.pem", "target go"]["detail"] == (
        f"{CN}; mend: workflow: modern, with names: [test.example.com] under servers: server"
    )
    python = checks["ca.pem", "target python3.13"]
    assert python["ok"] == (version.numbers >= (3, 2, 0))
    assert python["ok"] or python["detail"] == (
        "invalid CA certificate; mend: workflow: modern; or apply --replace ca without --verbatim,"
        " by OpenSSL 3.2 or later"
    )
    assert {name for (path, name), check in checks.items() if path == "client.pem" and check["ok"]
            } == {"target python3.13", "target go", "target java"}  # fmt: skip


def test_an_authority_and_a_key_that_are_made_elsewhere_are_mended_there(
    cli: Cli, write: Write, run_openssl: Callable[..., str]
) -> None:
    write(PROMPTING, "other/recipe.yaml")
    cli("apply", "other/recipe.yaml", env=SECRETS)
    words = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out web.key"
    run_openssl(*words.split())
    run_openssl(*"req -new -key web.key -out web.csr -subj /CN=web".split())
    write("""\
workflow: mutual-tls
authorities:
  corporate:
    existing:
      certificate: other/recipe/ca/ca.crt
      key: other/recipe/ca/ca.key
      passphrase: {env: CA_PASSPHRASE}
servers: {web: {request: web.csr}}
""")
    cli("apply", "recipe.yaml", "-C", "pki", env=SECRETS)
    words = "verify recipe.yaml -C pki --target python3.13,chromium"
    done = cli(*words.split(), env=SECRETS, code=1)
    assert (
        "target python3.13: CA cert does not include key usage extension; mend: corporate is made"
        " elsewhere: have another made there, or choose another issuer\n" in done.stdout
    )
    assert (
        "target chromium: ERR_SSL_VERSION_OR_CIPHER_MISMATCH; mend: a request of another key under"
        " servers: web, such as ec:P-256\n" in done.stdout
    )
    assert "  chromium    refuses web.pem  (Chromium 156)\n" in done.stdout


@pytest.mark.version
def test_modern_is_refused_by_nobody(cli: Cli, write: Write) -> None:
    write("workflow: modern\nauthorities: {ca: {}}\nservers: {w: {names: [localhost]}}\n"
          "clients: {c: {}}\n")  # fmt: skip
    cli("apply", "recipe.yaml")
    done = cli("verify", "recipe.yaml", "--target", ALL)
    assert "FAILED" not in done.stdout
    assert "  node        accepts 3 certificates  (Node 20)\n" in done.stdout
    assert "  firefox     accepts 2 certificates  (Firefox 153 ESR)\n" in done.stdout


def test_without_a_target_nothing_is_read_twice_or_said(cli: Cli, write: Write) -> None:
    write(SMALL)
    cli("apply", "recipe.yaml", env=SECRETS)
    assert "target" not in cli("verify", "recipe.yaml", env=SECRETS).stdout


def test_a_fleet_that_is_refused_is_counted() -> None:
    found = [Verdict("target go", f"{number}.pem", False, "so") for number in range(9)]
    assert acceptance.table([TARGETS["go"]], found) == (
        "  go  refuses 0.pem, 1.pem, 2.pem, 6 more  (Go 1.19)\n"
    )


def test_named_refuses_an_empty_name() -> None:
    with pytest.raises(BadInput, match="there is no target ''"):
        targets.named(["go,"])
