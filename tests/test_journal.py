"""The journal on disk, the prints of files, and the lock."""

import os
from pathlib import Path

import pytest

from mtls_openssl import journal
from mtls_openssl.errors import MachineFault
from mtls_openssl.journal import Disk, Done, Journal, Print

DONE = Done(("openssl", "x"), {"in": Print("a", 1, 2, 3)}, {"out": Print("b", 4, 5, 6)}, {})


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    journal.prepare(tmp_path)
    return tmp_path


def write(directory: Path, *steps: str) -> None:
    with Journal(directory).load().writing() as written:
        for step in steps:
            written.begin(step, {})
            written.finish(step, DONE)


def test_what_is_written_is_read_back(directory: Path) -> None:
    facts = {"issuer-name": "ca", "serial": "17"}
    with Journal(directory).load().writing() as written:
        written.intend("replace", "ca")
        written.intend("rekey", "ca")
        written.begin("ca.key", {"ca.key": ".mtls-openssl/replaced/1/ca.key"})
        written.finish("ca.key", DONE, (("rekey", "ca"),))
        written.begin("b", {"c": "d"})
        written.finish("e", Done(("y",), {}, {}, facts, ("chain",)))
        written.begin("f", {})
        written.fail("f")
    read = Journal(directory).load()
    assert read.done == {"ca.key": DONE, "e": Done(("y",), {}, {}, facts, ("chain",))}
    assert read.begun == {"b": {"c": "d"}}
    assert read.intents == {("replace", "ca")}
    assert read.issued == {("ca", "17")}
    assert read.prints == {"out": Print("b", 4, 5, 6)}


def test_a_serial_stays_issued_when_its_step_is_done_again(directory: Path) -> None:
    with Journal(directory).load().writing() as written:
        for serial in ("1", "2"):
            facts = {"issuer-name": "ca", "serial": serial}
            written.finish("e", Done((), {}, {}, facts))
    assert Journal(directory).load().issued == {("ca", "1"), ("ca", "2")}


@pytest.mark.parametrize("cut", [1, 7, 60])
def test_a_last_line_that_was_cut_off_counts_as_never_written(directory: Path, cut: int) -> None:
    write(directory, "a", "b")
    path = directory / ".mtls-openssl/journal"
    path.write_bytes(path.read_bytes()[:-cut])
    assert set(Journal(directory).load().done) == {"a"}
    write(directory, "c")
    assert set(Journal(directory).load().done) == {"a", "c"}


def test_a_damaged_line_is_named_with_what_to_do(directory: Path) -> None:
    write(directory, "a")
    path = directory / ".mtls-openssl/journal"
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(MachineFault) as caught:
        Journal(directory).load()
    assert caught.value.message == f"line 1 of {path} is damaged"
    assert caught.value.hint.startswith("move that file away: apply then checks what is there")


def test_another_versions_journal_is_not_guessed_at(directory: Path) -> None:
    (directory / ".mtls-openssl/journal").write_text('{"journal":2}\n')
    with pytest.raises(MachineFault, match="written by another version"):
        Journal(directory).load()


def test_a_print_knows_content_and_not_time(directory: Path) -> None:
    (directory / "f").write_text("one")
    first = Disk(directory, {}).look("f")
    assert first
    os.utime(directory / "f", (1, 1))
    second = Disk(directory, {"f": first}).look("f")
    assert second
    assert (second.digest, second.changed) == (first.digest, 10**9)
    (directory / "f").write_text("two")
    third = Disk(directory, {"f": first}).look("f")
    assert third
    assert third.digest != first.digest
    assert Disk(directory, {}).look("none") is None
    assert Disk(directory, {}).look(".mtls-openssl") == Print("folder")


def test_the_directory_is_made_private_and_ignored_by_git(tmp_path: Path) -> None:
    journal.prepare(tmp_path / "a/b")
    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a/b/.gitignore").read_text().splitlines()[-1] == "*"
    (tmp_path / "a/b/.gitignore").write_text("mine")
    journal.prepare(tmp_path / "a/b")
    assert (tmp_path / "a/b/.gitignore").read_text() == "mine"


def test_a_file_where_the_directory_should_be_is_the_machines_fault(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(MachineFault, match="cannot be written: "):
        journal.prepare(tmp_path / "f")
