"""Authorities that are there already, and requests from elsewhere: used, and never written."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mtls_openssl import process
from tests.conftest import Cli

Write = Callable[..., Path]
Run = Callable[..., str]

CORPORATE = """\
workflow: modern
directory: pki
authorities:
  root: {subject: {CN: Corporate Root}, passphrase: {env: ROOT_PASSPHRASE}}
  sub:
    issuer: root
    path_length: 0
    name_constraints: {permitted: [DNS:example.com]}
clients: {someone: }
"""
ENV = {"ROOT_PASSPHRASE": "correct horse"}
ROOT = (
    "{certificate: corp/pki/root.pem, key: corp/pki/root.key, passphrase: {env: ROOT_PASSPHRASE}}"
)
SUB = "{certificate: corp/pki/sub.pem, key: corp/pki/sub.key}"
V1 = "{certificate: hand/v1.pem, key: hand/v1.key}"
V3 = "{certificate: hand/v3.pem, key: hand/v3.key}"

BY_HAND = """\
req -x509 {v1} -config min.cnf -newkey rsa:2048 -nodes -keyout v1.key -subj /CN=V1 -days 30 -out v1.pem
req -new -config min.cnf -newkey {ec} -nodes -keyout v3.key -subj /CN=V3 -out v3.csr
x509 -req -in v3.csr -signkey v3.key -days 30 -extfile ca.ext -out v3.pem
x509 -in v3.pem -outform DER -out v3.der
req -new -config san.cnf -newkey {ec} -nodes -keyout good.key -subj /O=Sensors/CN=one -out good.csr
req -new -config min.cnf -newkey rsa:1024 -nodes -keyout weak.key -subj /CN=weak -out weak.csr
req -new -config min.cnf -newkey {ec} -nodes -keyout none.key -subj / -out none.csr
req -in good.csr -outform DER -out good.der
"""  # noqa: E501  a command is one line
WRITTEN = {
    "min.cnf": "[req]\ndistinguished_name = dn\n[dn]\n",
    "san.cnf": "[req]\ndistinguished_name = dn\nreq_extensions = more\n[dn]\n"
    "[more]\nsubjectAltName = DNS:evil.example.com\nbasicConstraints = CA:TRUE\n",
    "ca.ext": "basicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign,cRLSign\n"
    "subjectKeyIdentifier = hash\n",
    "garbage.csr": "-----BEGIN CERTIFICATE REQUEST-----\nnothing\n"
    "-----END CERTIFICATE REQUEST-----\n",
}


@pytest.fixture(scope="module")
def elsewhere(openssl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with another recipe's authorities, and with files that were made by hand."""
    folder = tmp_path_factory.mktemp("elsewhere")
    os.umask(0o022)
    for name in ("corp", "hand"):
        (folder / name).mkdir()
    (folder / "corp/corp.yaml").write_text(CORPORATE)
    Cli(folder, openssl)("apply", "corp/corp.yaml", env=ENV)
    for name, text in WRITTEN.items():
        (folder / "hand" / name).write_text(text)
    numbers = process.ask_version(openssl).numbers
    given = {
        "{v1}": "-x509v1" if numbers >= (3, 2, 0) else "",
        "{ec}": "ec -pkeyopt ec_paramgen_curve:P-256",
    }
    for line in BY_HAND.splitlines():
        for name, words in given.items():
            line = line.replace(name, words)  # noqa: PLW2901
        subprocess.run(
            [openssl, *line.split()], cwd=folder / "hand", check=True, capture_output=True,
            env=process.clean_environment(os.environ),
        )  # fmt: skip
    _spoil(folder / "hand/good.csr", folder / "hand/broken.csr")
    both = (folder / "hand/v1.pem").read_text() + (folder / "hand/v3.pem").read_text()
    (folder / "hand/both.pem").write_text(both)
    return folder


def _spoil(source: Path, target: Path) -> None:
    """Change one letter of a request's Base64: in its signature."""
    lines = source.read_text().splitlines()
    changed = "B" if lines[-2][8] == "A" else "A"
    lines[-2] = lines[-2][:8] + changed + lines[-2][9:]
    target.write_text("\n".join(lines) + "\n")


@pytest.fixture
def here(elsewhere: Path, cli: Cli) -> Path:
    """The test's folder, with a copy of what was made elsewhere."""
    shutil.copytree(elsewhere, cli.folder, dirs_exist_ok=True)
    return cli.folder


def seen(*folders: Path) -> dict[str, tuple[bytes, int, int]]:
    """What lies in folders: content, mode and time of change of every file."""
    paths = (path for folder in folders for path in (folder, *sorted(folder.rglob("*"))))
    states = ((path, path.stat()) for path in paths)
    return {
        str(path): (path.read_bytes() if path.is_file() else b"", state.st_mode, state.st_mtime_ns)
        for path, state in states
    }


def recipe(authorities: str, others: str = "clients: {me: }", workflow: str = "modern") -> str:
    return f"workflow: {workflow}\nauthorities:\n  {authorities}\n{others}\n"


def statuses(printed: str) -> dict[str, str]:
    """The steps' statuses, by id."""
    return {step["id"]: step["status"] for step in json.loads(printed)["steps"]}


UNDER = {
    "an encrypted root": recipe(f"corp: {{existing: {ROOT}}}\n  low: {{issuer: corp}}"),
    "an issuing CA under its root": recipe(
        f"corp: {{existing: {ROOT}}}\n  sub: {{issuer: corp, existing: {SUB}}}",
        "servers: {a.example.com: {names: [a.example.com]}}\nclients: {me: {pkcs12: "
        "{password: {generate: true}}}}",
    ),
    "an issuing CA, of whose root there is no key": recipe(
        "corp: {existing: {certificate: corp/pki/root.pem}}\n"
        f"  sub: {{issuer: corp, existing: {SUB}}}",
    ),
    "one made by hand": recipe(f"hand: {{existing: {V3}}}\n  low: {{issuer: hand}}"),
    "one made by hand, in the first tutorial": recipe(
        f"hand: {{existing: {V3}}}",
        "servers: {a: }\nclients: {me: {pkcs12: {password: {generate: true}}}}",
        "mutual-tls",
    ),
    "one of version 1": recipe(f"hand: {{existing: {V1}}}", "servers: {a: }", "mutual-tls"),
    "one that signs what has dates of its own": recipe(
        f"hand: {{existing: {V3}}}", "clients: {late: {not_after: 2020-01-01}}"
    ),
    "one of version 1 beside a new one": recipe(
        f"hand: {{existing: {V1}}}\n  new: ", "servers: {me: {issuer: hand}}", "mutual-tls"
    ),
}  # fmt: skip


@pytest.mark.version
@pytest.mark.parametrize("text", UNDER.values(), ids=UNDER.keys())
def test_an_authority_that_is_there_is_used_and_never_written(
    cli: Cli, here: Path, write: Write, text: str
) -> None:
    """No file of its folder changes, none comes, and the serial file beside it stays as it is."""
    for beside in ("corp/pki/root.srl", "hand/v3.srl", "hand/v1.srl"):
        (here / beside).write_text("0A\n")
    before = seen(here / "corp", here / "hand")
    write(text)
    cli("apply", "recipe.yaml", env=ENV)
    cli("verify", "recipe.yaml", env=ENV)
    assert "nothing to do" in cli("apply", "recipe.yaml").stderr, "and no pass phrase is asked for"
    plan = statuses(cli("plan", "recipe.yaml", "--format", "json").stdout)
    assert set(plan.values()) == {"current"}
    assert seen(here / "corp", here / "hand") == before
    assert not [name for name in plan if name.split(".")[0] in ("corp", "hand") and "key" in name]


def test_its_pass_phrase_may_come_from_a_file(cli: Cli, here: Path, write: Write) -> None:
    write(f"{ENV['ROOT_PASSPHRASE']}\n", "root.pass")
    write(recipe(f"corp: {{existing: {ROOT.replace('env: ROOT_PASSPHRASE', 'file: root.pass')}}}"))
    cli("apply", "recipe.yaml")
    cli("verify", "recipe.yaml")
    assert not (here / "corp/pki/root.key.password").exists()


def test_a_wrong_pass_phrase_is_told_by_its_file(cli: Cli, here: Path, write: Write) -> None:
    write(recipe(f"corp: {{existing: {ROOT}}}"))
    done = cli("apply", "recipe.yaml", env={"ROOT_PASSPHRASE": "no such horse"}, code=1)
    assert "help: is the pass phrase of corp/pki/root.key the right one?" in done.stderr
    assert "no such horse" not in done.stderr + done.stdout
    assert not (here / "recipe/me.pem").exists()


def test_a_key_that_is_anothers_is_told_by_openssl(cli: Cli, here: Path, write: Write) -> None:
    assert here
    write(recipe("corp: {existing: {certificate: hand/v3.pem, key: corp/pki/sub.key}}"))
    done = cli("apply", "recipe.yaml", code=1)
    assert "CA certificate and CA private key do not match" in done.stderr


SIGNS = "clients: {me: }"
BEFOREHAND = {
    "the issuer is another": (
        f"hand: {{existing: {V3}}}\n  sub: {{issuer: hand, existing: {SUB}}}",
        SIGNS,
        "4:47: error: hand did not issue sub: CN=Corporate Root did",
    ),
    "its root is not named": (
        f"sub: {{existing: {SUB}}}",
        SIGNS,
        "3:33: error: sub is no root: CN=Corporate Root issued it",
    ),
    "it is no authority's": (
        "ca: {existing: {certificate: corp/pki/someone.pem, key: corp/pki/someone.key}}",
        SIGNS,
        "3:32: error: corp/pki/someone.pem is no CA's certificate",
    ),
    "its key is missing while it signs": (
        "ca: {existing: {certificate: hand/v3.pem}}",
        SIGNS,
        "3:8: error: ca is to sign me, and has no key here",
    ),
    "its certificate is not there": (
        "ca: {existing: {certificate: hand/v4.pem, key: hand/v3.key}}",
        SIGNS,
        "3:32: error: there is no file hand/v4.pem",
    ),
    "its key is not there": (
        "ca: {existing: {certificate: hand/v3.pem, key: hand/v4.key}}",
        SIGNS,
        "3:50: error: there is no file hand/v4.key",
    ),
    "its certificate is a key": (
        "ca: {existing: {certificate: hand/v3.key, key: hand/v3.key}}",
        SIGNS,
        "3:32: error: hand/v3.key cannot be read: ",
    ),
    "its certificate is in DER": (
        "ca: {existing: {certificate: hand/v3.der, key: hand/v3.key}}",
        SIGNS,
        "3:32: error: hand/v3.der ",
    ),
    "its file holds several": (
        "ca: {existing: {certificate: hand/both.pem, key: hand/v1.key}}",
        SIGNS,
        "3:32: error: hand/both.pem holds 2 certificates",
    ),
    "it has not what the strict check wants": (
        f"ca: {{existing: {V1}}}",
        SIGNS,
        ("3:32: error: the certificate of ca has no basicConstraints, keyUsage, "
        "subjectKeyIdentifier"),
    ),
    "it allows no authority below it": (
        (f"corp: {{existing: {ROOT}}}\n  sub: {{issuer: corp, existing: {SUB}}}\n"
        "  low: {issuer: sub}"),
        SIGNS,
        "5:3: error: sub allows 0 authorities below it; this is one too many",
    ),
    "it may not vouch for a name": (
        f"corp: {{existing: {ROOT}}}\n  sub: {{issuer: corp, existing: {SUB}}}",
        "servers: {a: {names: [a.example.com, b.example.org]}}",
        "5:38: error: sub may not vouch for DNS:b.example.org: only example.com is permitted",
    ),
    "its pass phrase would be drawn": (
        ("ca: {existing: {certificate: hand/v3.pem, key: hand/v3.key,"
        " passphrase: {generate: true}}}"),
        SIGNS,
        "3:75: error: the pass phrase of a key that is there already is not drawn at random",
    ),
    "something is said of it beside": (
        f"ca: {{existing: {V3}, days: 5}}",
        SIGNS,
        "3:64: error: days: has no place beside existing:",
    ),
    "a path is none": (
        "ca: {existing: {certificate: [a]}}",
        SIGNS,
        "3:32: error: a path is one text",
    ),
}  # fmt: skip


@pytest.mark.version
@pytest.mark.parametrize(
    ("authorities", "others", "message"), BEFOREHAND.values(), ids=BEFOREHAND.keys()
)
def test_what_is_wrong_with_it_is_told_before_anything_runs(
    cli: Cli, here: Path, write: Write, authorities: str, others: str, message: str
) -> None:
    write(recipe(authorities, others))
    done = cli("apply", "recipe.yaml", env=ENV, code=2)
    assert done.stderr.startswith(f"recipe.yaml:{message}")
    assert not (here / "recipe").exists()


def test_neither_another_directory_nor_another_folder_makes_anything_stale(
    cli: Cli, here: Path, write: Write
) -> None:
    write(recipe(f"corp: {{existing: {ROOT}}}", "clients: {me: }"), "mine/recipe.yaml")
    for name in ("corp", "hand"):
        shutil.move(here / name, here / "mine" / name)
    cli("apply", "mine/recipe.yaml", "-C", "out/deep", env=ENV)
    shutil.move(here / "mine", here / "yours")
    shutil.move(here / "out/deep", here / "far")
    assert "nothing to do" in cli("apply", "yours/recipe.yaml", "-C", "far").stderr
    cli("verify", "yours/recipe.yaml", "-C", "far", env=ENV)


def test_an_authority_that_was_issued_anew_elsewhere_re_issues_what_it_signed(
    cli: Cli, here: Path, write: Write
) -> None:
    write(
        recipe(
            f"corp: {{existing: {ROOT}}}\n  sub: {{issuer: corp, existing: {SUB}}}",
            "clients: {me: , you: {issuer: corp}}",
        )
    )
    cli("apply", "recipe.yaml", env=ENV)
    keys = seen(*(here / "recipe" / f"{name}.key" for name in ("me", "you")))
    cli("apply", "corp/corp.yaml", "--replace", "sub", env=ENV)
    steps = json.loads(cli("plan", "recipe.yaml", "--format", "json").stdout)["steps"]
    due = {step["id"]: step["reason"] for step in steps if step["status"] == "run"}
    where = here / "corp/pki/sub.pem"
    assert due["me.certificate"] == f"{where} was re-issued"
    assert set(due) == {"sub.chain", "me.certificate", "me.chain", "recipe.trust"}
    cli("apply", "recipe.yaml", env=ENV)
    cli("verify", "recipe.yaml", env=ENV)
    assert seen(*(here / "recipe" / f"{name}.key" for name in ("me", "you"))) == keys


@pytest.mark.version
def test_the_script_and_the_export_use_it_too(
    cli: Cli, here: Path, write: Write, openssl: Path
) -> None:
    write(
        recipe(
            f"hand: {{existing: {V3}}}\n  low: {{issuer: hand}}",
            "clients: {me: , sensor: {request: hand/good.csr, issuer: hand}}",
        )
    )
    before = seen(here / "corp", here / "hand")
    for name, shell, printed in (
        ("script", ["bash", "-e"], cli("apply", "-n", "recipe.yaml").stdout),
        ("export", ["sh"], cli("export", "recipe.yaml").stdout),
    ):
        (here / name).mkdir()
        subprocess.run(
            shell, cwd=here / name, input=printed, text=True, check=True, capture_output=True,
            env={**os.environ, "PATH": f"{openssl.parent}:{os.environ['PATH']}"},
        )  # fmt: skip
        cli("verify", "recipe.yaml", "-C", name)
    assert seen(here / "corp", here / "hand") == before


REQUESTED = recipe("ca: ", "servers: {sensor: {request: hand/good.csr, names: [s.example.com]}}")


@pytest.mark.version
def test_a_request_is_signed_and_nothing_else(
    cli: Cli, here: Path, write: Write, run_openssl: Run
) -> None:
    """What its extensions ask for is not taken over; no key and no request is made here."""
    before = seen(here / "hand")
    write(REQUESTED)
    cli("apply", "recipe.yaml")
    cli("verify", "recipe.yaml")
    assert "nothing to do" in cli("apply", "recipe.yaml").stderr
    made = {path.name for path in (here / "recipe").glob("sensor*")}
    assert made == {"sensor.ext", "sensor.pem", "sensor.chain.pem"}
    text = run_openssl("x509", "-in", "recipe/sensor.pem", "-noout", "-text")
    assert "evil" not in text
    assert "CA:TRUE" not in text
    assert "DNS:s.example.com" in text
    own = run_openssl("req", "-in", "hand/good.csr", "-noout", "-pubkey")
    assert run_openssl("x509", "-in", "recipe/sensor.pem", "-noout", "-pubkey") == own
    assert seen(here / "hand") == before


@pytest.mark.version
def test_a_request_is_signed_in_the_first_tutorial_too(
    cli: Cli, here: Path, write: Write, run_openssl: Run
) -> None:
    write(recipe("ca: ", "clients: {sensor: {request: hand/good.csr}}", "mutual-tls"))
    cli("apply", "recipe.yaml")
    cli("verify", "recipe.yaml")
    assert "nothing to do" in cli("apply", "recipe.yaml").stderr
    assert {path.name for path in (here / "recipe").glob("sensor*")} == {"sensor.pem"}
    assert "evil" not in run_openssl("x509", "-in", "recipe/sensor.pem", "-noout", "-text")


def test_a_request_that_changed_is_signed_again(
    cli: Cli, here: Path, write: Write, run_openssl: Run
) -> None:
    write(REQUESTED)
    cli("apply", "recipe.yaml")
    words = "-new -config hand/min.cnf -key hand/good.key -subj /CN=two -out hand/good.csr"
    run_openssl("req", *words.split())
    steps = json.loads(cli("apply", "recipe.yaml", "--format", "json").stdout)["steps"]
    done = {step["id"]: step["reason"] for step in steps if step["status"] == "done"}
    assert done["sensor.certificate"] == f"{here / 'hand/good.csr'} changed"
    assert set(done) == {"sensor.certificate", "sensor.chain"}
    cli("verify", "recipe.yaml")


def test_a_subject_may_be_declared_if_it_is_the_requests(
    cli: Cli, here: Path, write: Write
) -> None:
    assert here
    same = REQUESTED.replace("names:", "subject: /O=Sensors/CN=one, names:")
    write(same)
    cli("apply", "recipe.yaml")
    write(same.replace("CN=one", "CN=two"))
    done = cli("apply", "recipe.yaml", code=2)
    assert done.stderr.startswith(
        "recipe.yaml:4:53: error: hand/good.csr asks for O=Sensors, CN=one,"
        " and the certificate bears that\n"
    )


REFUSED = {
    "broken": "the signature of hand/broken.csr is broken: whoever made it does not show its key",
    "weak": "hand/weak.csr has a key of RSA 1024, which is too weak",
    "none": "hand/none.csr has no subject",
    "garbage": "hand/garbage.csr cannot be read: ",
    "missing": "there is no file hand/missing.csr",
}


@pytest.mark.version
@pytest.mark.parametrize("workflow", ["modern", "mutual-tls"])
@pytest.mark.parametrize(("name", "message"), REFUSED.items(), ids=REFUSED.keys())
def test_a_request_that_nobody_should_sign_is_told_before_anything_runs(
    cli: Cli, here: Path, write: Write, name: str, message: str, workflow: str
) -> None:
    write(recipe("ca: ", f"clients: {{sensor: {{request: hand/{name}.csr}}}}", workflow))
    done = cli("apply", "recipe.yaml", code=2)
    assert done.stderr.startswith(f"recipe.yaml:4:29: error: {message}")
    assert not (here / "recipe").exists()


def test_a_requests_key_is_nobodys_here(cli: Cli, here: Path, write: Write) -> None:
    """Whatever would want the key has no place beside a request."""
    assert here
    for option in ("key: rsa:2048", "passphrase: {generate: true}", "pkcs12: {}"):
        write(REQUESTED.replace("names:", f"{option}, names:"))
        done = cli("apply", "recipe.yaml", code=2)
        name = option.partition(":")[0]
        assert f"error: {name}: has no place beside request:" in done.stderr
    write(REQUESTED + "defaults: {passphrase: {env: NOBODY}}\n")
    done = cli("plan", "recipe.yaml", "--format", "json")
    sensor = [step for step in statuses(done.stdout) if step.startswith("sensor.")]
    assert sensor == ["sensor.extensions", "sensor.certificate", "sensor.chain"]
