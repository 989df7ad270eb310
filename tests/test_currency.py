"""What is due, and why: pure decisions over a plan, a journal and a disk that is a dictionary."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mtls_openssl import currency, plan, recipe, source, version, workflow
from mtls_openssl.currency import Decision, Wishes
from mtls_openssl.journal import Done, Journal, Print
from mtls_openssl.plan import Plan
from tests.conftest import PROMPTING, SMALL

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Files:
    """A disk: contents and modes by path."""

    contents: dict[str, str] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)

    def look(self, path: str) -> Print | None:
        return Print(self.contents[path]) if path in self.contents else None

    def mode(self, path: str) -> int | None:
        return self.modes.get(path, 0o600) if path in self.contents else None


@dataclass
class Place:
    """A directory in which everything was done on one day."""

    plan: Plan
    journal: Journal
    files: Files
    wishes: Wishes = field(default_factory=Wishes)

    def decide(self, now: datetime = NOW) -> tuple[Decision, ...]:
        return currency.decide(self.plan, self.journal, self.files, self.wishes, now)

    def due(self, now: datetime = NOW) -> dict[str, str]:
        return {d.step.id: d.reason for d in self.decide(now) if d.runs}


def planned(text: str) -> Plan:
    read = recipe.build(source.parse(text.encode(), "recipe.yaml"), "recipe")
    flow = workflow.find(read, Path())
    return plan.build(read, flow, version.parse("OpenSSL 3.0.19"))


def applied(text: str) -> Place:
    """A recipe as it stands right after an apply, every certificate valid as it asks."""
    made = planned(text)
    files = Files()
    journal = Journal(Path("/nowhere"))
    for step in made.steps:
        for path in (*step.writes, *step.folders):
            files.contents[path] = f"made by {step.id}"
        for path in step.modes:
            files.modes[path] = int(step.argv[1], 8)
        facts = {}
        for artifact in step.artifacts:
            if artifact.kind == "certificate":
                validity = next(e.expected for e in artifact.expectations if e.name == "validity")
                end = NOW + timedelta(days=int(validity.split()[0]))
                facts = {"not-before": NOW.isoformat(), "not-after": end.isoformat()}
        inputs = {path: Print(files.contents[path]) for path in step.reads}
        outputs = {path: Print(files.contents[path]) for path in step.writes}
        journal.done[step.id] = Done(step.identity, inputs, outputs, facts)
    return Place(made, journal, files)


@pytest.fixture
def place() -> Place:
    return applied(SMALL)


def test_nothing_is_due_after_an_apply(place: Place) -> None:
    assert {decision.kind for decision in place.decide()} == {"current"}


def test_an_empty_directory_lacks_everything() -> None:
    empty = Place(planned(SMALL), Journal(Path("/nowhere")), Files())
    assert empty.due()["ca.key"] == "ca.key is missing"
    assert len(empty.due()) == 11


def test_a_leaf_is_renewed_thirty_days_before_its_end(place: Place) -> None:
    end = NOW + timedelta(days=365)
    assert place.due(end - timedelta(days=30, seconds=1)) == {}
    due = place.due(end - timedelta(days=30))
    assert due["server.certificate"] == "expires on 2027-11-23"
    assert due["client.combined"] == "client.pem is made anew"
    assert place.due(end)["server.certificate"] == "expired on 2027-11-23"


def test_renewal_never_begins_in_the_first_two_thirds_of_a_lifetime(place: Place) -> None:
    place.wishes = Wishes(renew_within=timedelta(days=300))
    third = timedelta(days=365) / 3
    end = NOW + timedelta(days=365)
    assert place.due(end - third - timedelta(seconds=1)) == {}
    assert "server.certificate" in place.due(end - third)


def test_an_authority_near_its_end_is_told_of_and_not_re_issued(place: Place) -> None:
    soon = NOW + timedelta(days=3650) - timedelta(days=10)
    [decision] = [d for d in place.decide(soon) if d.step.id == "ca.certificate"]
    assert not decision.runs
    assert decision.reason == "expires on 2036-11-20; --replace ca re-issues it and all below it"


def test_a_change_cascades_to_what_depends_on_it_and_nothing_else(place: Place) -> None:
    place.wishes = Wishes(rekey=frozenset({"client"}))
    assert place.due() == {
        "client.key": "--rekey client",
        "client.request": "client.key is made anew",
        "client.certificate": "client.csr is made anew",
        "client.combined": "client.pem is made anew",
        "client.pkcs12": "client.pem is made anew",
    }


def test_a_re_issued_authority_re_issues_all_below_with_the_same_keys(place: Place) -> None:
    place.wishes = Wishes(replace=frozenset({"ca"}))
    due = place.due()
    assert due["ca.certificate"] == "--replace ca"
    assert due["server.certificate"] == due["client.certificate"] == "ca.pem is re-issued"
    assert not {"ca.key", "server.key", "client.key", "server.request"} & set(due)


def test_what_was_asked_for_and_not_finished_stays_asked_for(place: Place) -> None:
    place.journal.intents.add(("replace", "ca"))
    assert place.due()["ca.certificate"] == "--replace ca"


def test_a_begun_step_was_interrupted(place: Place) -> None:
    place.journal.begun["client.pkcs12"] = {}
    assert place.due() == {"client.pkcs12": "was interrupted"}


def test_a_changed_mode_is_named() -> None:
    place = applied(PROMPTING)
    place.files.modes["ca/ca.key"] = 0o644
    assert place.due() == {"ca.key-mode": "the mode of ca/ca.key is 644, not 400"}


def test_a_step_that_only_looks_is_current_until_what_it_looks_at_changes() -> None:
    place = applied(PROMPTING)
    place.wishes = Wishes(replace=frozenset({"heiko"}))
    assert set(place.due()) == {"heiko.certificate", "heiko.pkcs12"}
    place.wishes = Wishes(replace=frozenset({"server.example.com"}))
    ids = ("certificate", "certificate-mode", "look", "verify")
    assert set(place.due()) == {f"server.example.com.{step}" for step in ids}


def test_a_missing_folder_is_made_again() -> None:
    place = applied(PROMPTING)
    del place.files.contents["client"]
    assert place.due()["folders"] == "client is missing"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("x -days 365 y", "x -days 730 y", "-days 365 → 730"),
        ("x y", "x -sha256 y", "with -sha256"),
        ("x -sha256 y", "x y", "without -sha256"),
        ("x -out a", "x -out 'a b'", "-out a → 'a b'"),
    ],
)
def test_a_difference_is_told_in_its_words(before: str, after: str, told: str) -> None:
    words = before.split(), ["x", "-out", "a b"] if "'" in after else after.split()
    assert currency.difference(*words) == told
