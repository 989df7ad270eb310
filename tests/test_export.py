"""A recipe as a script of its own: run by sh and bash, and judged as apply's own work is."""

import json
import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mtls_openssl.render.export import export
from tests.conftest import ROOT, SMALL, Cli
from tests.planning import planned

Write = Callable[..., Path]

SHELLS = {"dash": ["sh"], "bash": ["bash", "--posix"]}


def run(
    script: str, folder: Path, openssl: Path, shell: str = "dash", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder, with no terminal, and with the openssl under test on the PATH."""
    folder.mkdir(exist_ok=True)
    path = folder.parent / f"{folder.name}.sh"
    path.write_text(script)
    return subprocess.run(
        [*SHELLS[shell], path], cwd=folder, text=True, capture_output=True, check=False,
        stdin=subprocess.DEVNULL, start_new_session=True, timeout=120,
        env={"PATH": f"{openssl.parent}:/usr/bin:/bin", "HOME": str(folder), **variables},
    )  # fmt: skip


def judged(cli: Cli, recipe: str, folder: Path, **variables: str) -> None:
    """Hold a folder against the recipe: as verify has it, and apply, which takes all of it over."""
    where = ("-C", str(folder))
    cli("verify", recipe, *where, env=variables)
    steps = json.loads(cli("apply", recipe, *where, "--format", "json", env=variables).stdout)
    done = [step for step in steps["steps"] if step["status"] not in ("kept", "current")]
    assert [step["outputs"] for step in done] == [[]] * len(done), "but for what only looks"
    private = [path for path in folder.rglob("*") if path.suffix in (".key", ".p12", ".pk8")]
    private += [*folder.rglob("*.password"), *folder.rglob("*2.pem")]
    assert private
    assert {path.name: path.stat().st_mode & 0o077 for path in private if not path.is_dir()} == (
        dict.fromkeys((path.name for path in private), 0)
    )
    assert (folder / ".gitignore").read_text().endswith("*\n")


@pytest.mark.version
@pytest.mark.parametrize("name", ["modern", "mutual-tls", "encrypted-ca"])
def test_a_bundled_recipe_is_made_without_this_tool(
    cli: Cli, write: Write, openssl: Path, name: str
) -> None:
    """Its pass phrases are drawn, and kept where apply keeps them."""
    text = (ROOT / f"recipes/{name}.yaml").read_text()
    if name == "encrypted-ca":
        text += "defaults: {}\n" if "defaults:" not in text else ""
        text = text.replace("subject: {C: DE", "key: rsa:2048\n  subject: {C: DE")
    write(text)
    done = run(cli("export", "recipe.yaml").stdout, cli.folder / "out", openssl)
    assert done.returncode == 0, done.stderr
    judged(cli, "recipe.yaml", cli.folder / "out")


SECRETIVE = """\
workflow: modern
authorities:
  root: {passphrase: {env: ROOT_PASSPHRASE}}
  low: {issuer: root, passphrase: {file: "secrets of ours/low's"}, outputs: [pkcs8]}
servers:
  api.example.com: {passphrase: {prompt: true}, outputs: [der]}
  drawn.example.com: {passphrase: {generate: true}, outputs: [pkcs8]}
clients:
  alice: {pkcs12: {password: {prompt: true}}}
  bob:
    passphrase: {file: "secrets of ours/low's"}
    pkcs12: {password: {file: "secrets of ours/low's"}, compatibility: legacy}
  carol: {passphrase: {env: ROOT_PASSPHRASE}, pkcs12: {password: {env: ROOT_PASSPHRASE}}}
  dave: {passphrase: {generate: true}, pkcs12: {password: {generate: true}}}
  late: {not_after: 2020-01-01, issuer: root}
"""
VARIABLES = {
    "ROOT_PASSPHRASE": "correct horse $(x) ' \" `y`",
    "MTLS_API_EXAMPLE_COM_KEY_PASSPHRASE": "prompted-for-api",
    "MTLS_ALICE_P12_PASSWORD": "prompted-for-alice",
}
FILED = "filed away: ünïcode"


@pytest.mark.version
@pytest.mark.parametrize("shell", SHELLS)
def test_secrets_come_from_variables_and_files_and_stand_on_no_command_line(
    cli: Cli, write: Write, openssl: Path, shell: str
) -> None:
    """Every kind of source; what apply would ask for becomes a variable named in the script."""
    write(SECRETIVE)
    write(f"{FILED}\nthe second line is nobody's\n", "secrets of ours/low's")
    script = cli("export", "recipe.yaml").stdout
    spied = cli.folder / "bin/openssl"
    spied.parent.mkdir()
    log = cli.folder / "log"
    spied.write_text(
        f'#!/bin/sh\nprintf \'%s\\n\' "$*" >> {log}\nexec {shlex.quote(str(openssl))} "$@"\n'
    )
    spied.chmod(0o755)
    done = run(script, cli.folder / "out", spied, shell, **VARIABLES)
    assert done.returncode == 0, done.stderr
    heard = log.read_text()
    drawn = [path.read_text().strip() for path in (cli.folder / "out").glob("*.password")]
    assert len(drawn) == 3
    assert heard.count("\n") > 30
    for secret in (*VARIABLES.values(), FILED, *drawn):
        assert secret not in heard + script + done.stdout + done.stderr
    for name, secret in (("api.example.com.key", "API_EXAMPLE_COM_KEY_PASSPHRASE"),
                         ("alice.p12", "ALICE_P12_PASSWORD")):  # fmt: skip
        command = "pkey" if name.endswith("key") else "pkcs12"
        opened = subprocess.run(
            [openssl, command, "-in", name, "-noout", "-passin", "env:X"],
            cwd=cli.folder / "out", env={**os.environ, "X": VARIABLES[f"MTLS_{secret}"]},
            check=False, capture_output=True,
        )  # fmt: skip
        assert opened.returncode == 0
    write(
        SECRETIVE.replace("example.com: {passphrase: {prompt: true}",
                          "example.com: {passphrase: {env: MTLS_API_EXAMPLE_COM_KEY_PASSPHRASE}")
        .replace("{prompt: true}", "{env: MTLS_ALICE_P12_PASSWORD}")
    )  # fmt: skip
    judged(cli, "recipe.yaml", cli.folder / "out", **VARIABLES)


@pytest.mark.version
def test_a_fleet_is_made_without_this_tool(cli: Cli, write: Write, openssl: Path) -> None:
    write(
        "workflow: modern\nauthorities: {ca: {crl_url: http://crl.example.com/ca.crl}}\n"
        'clients: {"d-{n:03}": {each: {count: 3}, subject: {O: "No {n}"}}}\n'
    )
    script = cli("export", "recipe.yaml").stdout
    done = run(script, cli.folder / "out", openssl)
    assert done.returncode == 0, done.stderr
    judged(cli, "recipe.yaml", cli.folder / "out")
    assert script.count("The request holds the subject") == 1, "what is known is not said again"


NASTY = """\
workflow: modern
authorities:
  "ümlaut": {subject: {O: "a 'b' \\"c\\" $(touch evil) `touch evil` \\\\ é ~ * # ; & |"}}
servers:
  s:
    names: ["https://a.example.com/$HOME/'x'?a=`y`"]
    files: {key: "it's $(touch evil) here/`touch evil`.key", chain: "-"}
clients:
  c: {files: {pkcs12: 'p"}$(touch evil)`touch evil`.p12'}, pkcs12: {password: {prompt: true}}}
"""


@pytest.mark.version
@pytest.mark.parametrize("shell", SHELLS)
def test_whatever_stands_in_a_recipe_is_quoted(
    cli: Cli, write: Write, openssl: Path, shell: str
) -> None:
    """Spaces, quotes, dollars and back-quotes, in commands and in what is said of a variable."""
    write(NASTY.replace(', chain: "-"', ""))
    script = cli("export", "recipe.yaml").stdout
    [variable] = {word for word in script.split() if word.startswith("MTLS_") and word.isascii()}
    missing = run(script, cli.folder / "empty", openssl, shell)
    assert missing.returncode != 0
    assert f'{variable}: the export password of p"}}$(touch evil)`touch evil`.p12' in missing.stderr
    done = run(script, cli.folder / "out", openssl, shell, **{variable: "x y"})
    assert done.returncode == 0, done.stderr
    assert not list(cli.folder.rglob("evil"))
    write(NASTY.replace(', chain: "-"', "").replace("{prompt: true}", f"{{env: {variable}}}"))
    judged(cli, "recipe.yaml", cli.folder / "out", **{variable: "x y"})


def test_a_missing_variable_is_named_before_anything_is_made(
    cli: Cli, write: Write, openssl: Path
) -> None:
    write(SECRETIVE)
    write(f"{FILED}\n", "secrets of ours/low's")
    script = cli("export", "recipe.yaml").stdout
    for name in VARIABLES:
        given = {other: value for other, value in VARIABLES.items() if other != name}
        done = run(script, cli.folder / "out", openssl, **given)
        assert done.returncode != 0
        assert f"{name}: the " in done.stderr
        assert not list((cli.folder / "out").iterdir())


def test_a_key_that_is_there_is_never_overwritten(cli: Cli, write: Write, openssl: Path) -> None:
    write("workflow: modern\nauthorities: {ca: }\nclients: {one: , two: }\n")
    script = cli("export", "recipe.yaml").stdout
    (cli.folder / "out").mkdir()
    (cli.folder / "out/two.key").write_text("mine")
    done = run(script, cli.folder / "out", openssl)
    assert done.returncode == 1
    assert done.stderr == "two.key is there already: run this in an empty folder\n"
    assert [path.name for path in (cli.folder / "out").iterdir()] == ["two.key"]
    assert (cli.folder / "out/two.key").read_text() == "mine"


def test_it_ends_at_the_first_command_that_fails(cli: Cli, write: Write, tmp_path: Path) -> None:
    write("workflow: modern\nauthorities: {ca: }\nclients: {one: }\n")
    script = cli("export", "recipe.yaml").stdout
    broken = tmp_path / "bin/openssl"
    broken.parent.mkdir()
    broken.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/log\ntest "$1" != req\n')
    broken.chmod(0o755)
    done = run(script, cli.folder / "out", broken)
    assert done.returncode == 1
    assert (tmp_path / "log").read_text() == "genpkey\nreq\n"


def test_a_recipe_that_makes_no_key_has_a_script_too(
    cli: Cli, write: Write, openssl: Path, run_openssl: Callable[..., str]
) -> None:
    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    run_openssl("req", "-x509", *key.split(), *"-keyout ca.key -subj /CN=ca -out ca.pem".split(),
                "-addext", "keyUsage=keyCertSign")  # fmt: skip
    run_openssl("req", "-new", *key.split(), *"-keyout s.key -subj /CN=s -out s.csr".split())
    write(
        "workflow: modern\nauthorities: {ca: {existing: {certificate: ca.pem, key: ca.key}}}\n"
        "clients: {s: {request: s.csr}}\n"
    )
    done = run(cli("export", "recipe.yaml").stdout, cli.folder / "out", openssl)
    assert done.returncode == 0, done.stderr
    cli("verify", "recipe.yaml", "-C", "out")


def test_a_script_is_written_to_a_new_file_only(cli: Cli, write: Write) -> None:
    write("workflow: modern\nauthorities: {ca: }\n")
    done = cli("export", "recipe.yaml", "-o", "make.sh")
    assert (done.stdout, done.stderr) == (
        "",
        "make.sh is written; run it in an empty folder: sh make.sh\n",
    )
    assert (cli.folder / "make.sh").read_text() == cli("export", "recipe.yaml").stdout
    assert (
        "make.sh is there already" in cli("export", "recipe.yaml", "-o", "make.sh", code=2).stderr
    )


def test_the_script_as_json(cli: Cli, write: Write) -> None:
    write(SMALL)
    told = json.loads(cli("export", "recipe.yaml", "--format", "json").stdout)
    assert told["script"] == cli("export", "recipe.yaml").stdout
    planned = json.loads(cli("plan", "recipe.yaml", "--format", "json").stdout)
    for each in ("id", "argv", "outputs"):
        assert [step[each] for step in told["steps"]] == [step[each] for step in planned["steps"]]
    assert cli("export", "recipe.yaml", "-q", "-o", "it.sh").stderr == ""
    assert (cli.folder / "it.sh").read_text() == told["script"]


def test_every_line_is_a_comment_or_short_enough_to_be_read() -> None:
    """Explanations are wrapped; only commands may be long, and each is one line."""
    lines = export(planned((ROOT / "recipes/modern.yaml").read_text()), "/home/me").splitlines()
    assert lines[0] == "#!/bin/sh"
    assert max(len(line) for line in lines if line.startswith("#")) <= 98
    commands = [line for line in lines if line.startswith("openssl ")]
    assert len(commands) == len({*commands}) == 13


def test_no_two_secrets_share_a_variable() -> None:
    """Files whose names differ in what no variable's name can hold."""
    text = """\
workflow: modern
authorities: {ca: {passphrase: {env: MTLS_A_B_KEY_PASSPHRASE}}}
clients:
  a-b: {passphrase: {prompt: true}}
  a_b: {passphrase: {prompt: true}}
"""
    lines = export(planned(text), "/home/me").splitlines()
    assert [line for line in lines if line.startswith(': "$')] == [
        ': "${MTLS_A_B_KEY_PASSPHRASE:?the pass phrase of ca.key}"',
        ': "${MTLS_A_B_KEY_PASSPHRASE_2:?the pass phrase of a-b.key}"',
        ': "${MTLS_A_B_KEY_PASSPHRASE_3:?the pass phrase of a_b.key}"',
    ]
