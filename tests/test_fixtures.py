"""Certificates with dates of their own: what tests of other programs want, on every version."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.planning import planned, refusal, told

Write = Callable[..., Path]
Run = Callable[..., str]

RECIPE = """\
workflow: modern
authorities:
  root: {not_before: 2010-01-01, not_after: 2060-01-01}
  dead: {issuer: root, days: 30, not_after: 2015-06-01T12:00:00Z}
  live: {issuer: root, key: ed25519}
servers:
  expired.example.com: {issuer: live, days: 10, not_after: 2020-03-01, names: [a.example.com]}
  rsa.example.com: {issuer: live, key: rsa:2048, not_after: 2020-01-01}
clients:
  early: {issuer: live, not_before: "2040-02-03T04:05:06+02:00"}
  both: {issuer: dead, key: ed25519, not_before: 2012-01-01 10:00, not_after: 2049-12-31T23:59:59Z}
  under: {issuer: dead}
  ordinary: {issuer: live}
"""
DATES = {
    "root": ("Jan  1 00:00:00 2010 GMT", "Jan  1 00:00:00 2060 GMT"),
    "dead": ("May  2 12:00:00 2015 GMT", "Jun  1 12:00:00 2015 GMT"),
    "expired.example.com": ("Feb 20 00:00:00 2020 GMT", "Mar  1 00:00:00 2020 GMT"),
    "rsa.example.com": ("Jan  1 00:00:00 2019 GMT", "Jan  1 00:00:00 2020 GMT"),
    "early": ("Feb  3 02:05:06 2040 GMT", "Feb  2 02:05:06 2041 GMT"),
    "both": ("Jan  1 10:00:00 2012 GMT", "Dec 31 23:59:59 2049 GMT"),
}
"""From when until when they are valid; 2040 is a leap year."""


@pytest.fixture(scope="module")
def made(openssl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the recipe, applied."""
    folder = tmp_path_factory.mktemp("fixtures")
    (folder / "recipe.yaml").write_text(RECIPE)
    Cli(folder, openssl)("apply", "recipe.yaml")
    return folder


@pytest.fixture
def here(made: Path, cli: Cli) -> Path:
    """The test's folder, with a copy of that."""
    shutil.copytree(made, cli.folder, dirs_exist_ok=True)
    return cli.folder


@pytest.mark.version
def test_a_certificate_bears_the_dates_that_it_is_given(here: Path, run_openssl: Run) -> None:
    for name, (begin, end) in DATES.items():
        said = run_openssl("x509", "-in", f"{name}.pem", "-noout", "-dates", cwd=here / "recipe")
        assert said == f"notBefore={begin}\nnotAfter={end}\n"


@pytest.mark.version
def test_dates_before_2050_are_written_as_utc_time_and_later_ones_not(
    here: Path, run_openssl: Run
) -> None:
    """RFC 5280, section 4.1.2.5."""
    assert here
    both = run_openssl("asn1parse", "-in", "recipe/both.pem")
    assert "UTCTIME           :120101100000Z" in both
    assert "UTCTIME           :491231235959Z" in both
    assert "GENERALIZEDTIME" not in both
    root = run_openssl("asn1parse", "-in", "recipe/root.pem")
    assert "UTCTIME           :100101000000Z" in root
    assert "GENERALIZEDTIME   :20600101000000Z" in root


@pytest.mark.version
def test_what_is_meant_to_be_out_of_date_is_verified_and_never_renewed(
    cli: Cli, here: Path
) -> None:
    assert here
    done = json.loads(cli("verify", "recipe.yaml", "--format", "json").stdout)
    assert done["ok"]
    checks = {
        step["entity"]: {check["name"] for check in step["checks"]}
        for step in done["steps"]
        if step["id"].endswith("certificate")
    }
    assert {name for name, held in checks.items() if "dates" in held} == set(DATES)
    assert all("chain" in held for held in checks.values())
    assert "nothing to do" in cli("apply", "recipe.yaml").stderr
    plan = json.loads(
        cli("plan", "recipe.yaml", "--renew-within", "9999d", "--format", "json").stdout
    )
    assert {step["status"] for step in plan["steps"]} == {"current"}


@pytest.mark.version
def test_only_what_is_to_stay_good_can_expire(cli: Cli, here: Path) -> None:
    assert here
    done = cli(
        "verify", "recipe.yaml", "--expires-within", "9999d", "--format", "json", code=1
    )  # fmt: skip
    failed = {
        step["entity"]: [check["name"] for check in step["checks"] if not check["ok"]]
        for step in json.loads(done.stdout)["steps"]
        if step["status"] == "failed"
    }
    assert failed == {name: ["expiry"] for name in ("live", "under", "ordinary")}


@pytest.mark.version
def test_another_fixture_leaves_all_others_and_the_database_as_they_are(
    cli: Cli, here: Path, write: Write
) -> None:
    files = (path for path in (here / "recipe").glob("*.*") if path.is_file())
    kept = {path: path.read_bytes() for path in files}
    database = here / "recipe/live.ca/index.txt"
    before = database.read_text()
    assert len(before.splitlines()) == 3
    write(RECIPE + "  more: {issuer: live, not_after: 2021-01-01}\n")
    done = json.loads(cli("apply", "recipe.yaml", "--format", "json").stdout)
    did = [step["id"] for step in done["steps"] if step["status"] == "done"]
    assert did == [
        f"more.{step}" for step in ("key", "request", "extensions", "dated-certificate", "chain")
    ]
    assert {path: path.read_bytes() for path in kept} == kept
    assert database.read_text().startswith(before)
    assert len(database.read_text().splitlines()) == 4
    cli("verify", "recipe.yaml")


@pytest.mark.version
def test_the_first_fixture_of_an_authority_issues_nobody_anew(cli: Cli, write: Write) -> None:
    text = "workflow: modern\nauthorities: {ca: }\nclients:\n  good: \n"
    write(text)
    cli("apply", "recipe.yaml")
    good = (cli.folder / "recipe/good.pem").read_bytes()
    write(text + "  bad: {not_after: 2020-01-01}\n")
    cli("apply", "recipe.yaml")
    cli("verify", "recipe.yaml")
    assert (cli.folder / "recipe/good.pem").read_bytes() == good
    write(text + "  bad: {not_after: 2020-01-02}\n")
    steps = json.loads(cli("apply", "recipe.yaml", "--format", "json").stdout)["steps"]
    reasons = {step["id"]: step["reason"] for step in steps if step["status"] == "done"}
    assert list(reasons) == ["bad.dated-certificate", "bad.chain"]
    assert reasons["bad.dated-certificate"] == (
        "command changed: -startdate 20190101000000Z → 20190102000000Z,"
        " -enddate 20200101000000Z → 20200102000000Z"
    )
    write(text + "  bad: \n")
    cli("apply", "recipe.yaml")
    cli("verify", "recipe.yaml")


@pytest.mark.version
@pytest.mark.parametrize(
    ("key", "digest"), [("rsa:2048", "sha512"), ("ec:P-384", "sha384"), ("ed25519", "")]
)
def test_every_kind_of_key_signs_with_dates_and_with_the_digest_asked_for(
    cli: Cli, write: Write, run_openssl: Run, key: str, digest: str
) -> None:
    more = f", digest: {digest}" if digest else ""
    write(
        f"workflow: modern\ndefaults: {{key: {key}{more}}}\n"
        "authorities: {ca: {not_after: 2049-12-31, passphrase: {generate: true}}}\n"
        "clients: {c: {not_after: 2020-01-01}}\n"
    )
    cli("apply", "recipe.yaml")
    cli("verify", "recipe.yaml")
    for name in ("ca", "c"):
        text = run_openssl("x509", "-in", f"recipe/{name}.pem", "-noout", "-text")
        assert digest in text.lower()


def test_an_ordinary_authoritys_certificate_is_judged_by_the_clock(cli: Cli, write: Write) -> None:
    """A fixture's leniency reaches what stands under it, and nothing beside it."""
    write(RECIPE.replace("root: {not_before: 2010-01-01, not_after: 2060-01-01}", "root: "))
    steps = planned((cli.folder / "recipe.yaml").read_text()).steps
    timeless = {a.entity for step in steps for a in step.artifacts if a.timeless}
    assert timeless == {"dead", "expired.example.com", "rsa.example.com", "early", "both", "under"}


HEAD = "workflow: modern\nauthorities: {ca: }\nclients:\n"
HINT = "write 2030-01-31, or 2030-01-31T12:00:00Z"


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("not_after: 2020-02-30", f"2020-02-30: '2020-02-30' is no date | {HINT}"),
        ("not_after: 20200101", f"20200101: 20200101 is no date | {HINT}"),
        ("not_after: true", f"true: true is no date | {HINT}"),
        (
            'not_after: "9999-12-31T23:00-05:00"',
            f"\"9999-12-31T23:00-05:00\": '9999-12-31T23:00-05:00' is no date | {HINT}",
        ),
        (
            "not_before: 1949-12-31",
            "1949-12-31: '1949-12-31' is no year of a certificate | 1950 to 9998 can be written",
        ),
        (
            "not_after: 2020-01-01, not_before: 2020-01-01",
            "2020-01-01: this ends before it begins | not_after: is the later one",
        ),
        (
            "not_after: 2020-01-02, not_before: 2020-01-01, days: 1",
            "days: both dates are given | leave days: out",
        ),
        (
            "not_after: 2020-01-01, serial: 5",
            (
                "serial: serial: has no place beside dates"
                " | openssl ca signs then, and draws a random serial number"
            ),
        ),
        (
            "not_before: 9998-01-01",
            (
                "9998-01-01: it would be valid from 9998 to 9999"
                " | give the other date or other days; 1950 to 9998 can be written"
            ),
        ),
        (
            "not_after: 1950-01-02",
            (
                "1950-01-02: it would be valid from 1949 to 1950"
                " | give the other date or other days; 1950 to 9998 can be written"
            ),
        ),
    ],
)
def test_dates_that_contradict_each_other_are_told_with_their_line(said: str, problem: str) -> None:
    text = f"{HEAD}  c: {{{said}}}\n".replace("9998-01-01", "9998-01-01, days: 3650")
    assert told(refusal(planned, text)) == [f"4, {problem}"]


@pytest.mark.parametrize("name", ["mutual-tls", "encrypted-ca"])
def test_a_workflow_without_dates_says_so_and_nothing_that_only_follows(name: str) -> None:
    text = f"{HEAD}  c: {{not_after: 2020-01-01, serial: random}}\n".replace("modern", name)
    messages = [line for line in told(refusal(planned, text)) if "serial" not in line]
    assert messages == [
        (
            f"4, not_after: the workflow {name} makes nothing of not_after: here"
            " | leave it out, or choose a workflow that has it"
        )
    ]
