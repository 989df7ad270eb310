"""The tutor's goals, and what becomes of them when files are made: pure, without openssl."""

import pytest

from mtls_openssl import glossary, learn, typed
from mtls_openssl.checks import Verdict
from mtls_openssl.learn import Goal, Progress
from mtls_openssl.render import tutor
from tests.conftest import PROMPTING, SMALL
from tests.planning import OPENSSL_35, planned
from tests.test_lesson import FULL, MODERN

GLOSSARY = glossary.load()
GOALS = learn.goals(planned(SMALL))


def goal_of(number: str, goals: tuple[Goal, ...] = GOALS) -> Goal:
    """The first goal of a number."""
    return next(goal for goal in goals if goal.step.number == number)


def found(goal: Goal, *, ok: bool = True) -> dict[str, tuple[Verdict, ...]]:
    """What was found of a goal's first file."""
    detail = "as it should" if ok else "expected this, found that"
    return {goal.id: (Verdict("subject", goal.files[0], ok, detail),)}


def test_every_command_of_the_document_is_a_goal() -> None:
    made = planned(PROMPTING)
    commands = [step.id for step in made.steps if step.argv and step.id != "folders"]
    assert [goal.id for goal in learn.goals(made)] == commands


@pytest.mark.parametrize(
    ("recipe", "number", "aim"),
    [
        (SMALL, "1.1", "an RSA key of 2048 bits in ca.key"),
        (SMALL, "2.2", ("a request in server.csr, with server.key,"
         " for C=US, O=Example, CN=test.example.com")),
        (SMALL, "2.3", ("a certificate in test.example.com.pem for"
         " C=US, O=Example, CN=test.example.com, signed by C=US, O=Example, CN=Root,"
         " valid 365 days")),
        (SMALL, "3.4", "client.pem, then client.key in client2.pem"),
        (SMALL, "3.5", ("client.pem and client.key in client2.p12,"
         " under an export password that you choose")),
        (PROMPTING, "1.1", ("an RSA key of 2048 bits in ca/ca.key,"
         " encrypted under a pass phrase that you choose")),
        (PROMPTING, "1.2", "ca/ca.key with mode 400"),
        (PROMPTING, "1.3", ("a certificate in ca/ca.crt for C=DE, O=Example, CN=Example CA,"
         " signed by itself, valid 730 days")),
        (PROMPTING, "1.5", "read ca/ca.crt by openssl x509"),
        (PROMPTING, "2.4", ("a certificate in server/server.example.com.crt for"
         " C=DE, O=Example, CN=server.example.com, signed by C=DE, O=Example, CN=Example CA,"
         " valid 365 days, with serial number 1")),
        (MODERN, "1.1", "an EC key on the curve P-256 in root.key"),
        (MODERN, "5.1", "root.pem, then issuing.pem in trust.pem"),
    ],
)  # fmt: skip
def test_a_goal_says_what_is_to_be_made(recipe: str, number: str, aim: str) -> None:
    assert learn.aim(goal_of(number, learn.goals(planned(recipe)))) == aim


def test_the_tutor_gives_the_files_that_openssl_does_not_make() -> None:
    goal = goal_of("3.4", learn.goals(planned(MODERN)))
    assert [file.path for file in goal.given] == ["api.ext"]
    assert "extendedKeyUsage says which side" in goal.reason


def test_an_erratum_s_file_is_given_too() -> None:
    goal = goal_of("1.3", learn.goals(planned(SMALL, printed=OPENSSL_35)))
    assert [file.path for file in goal.given] == ["ca.ext"]


def test_a_goal_is_met_when_all_that_is_expected_holds() -> None:
    first, second = GOALS[:2]
    progress, [news] = learn.advance(GOALS, Progress(), found(first), frozenset(first.files))
    assert (news.kind, news.goal, learn.current(GOALS, progress)) == ("met", first, second)


def test_a_goal_is_met_once() -> None:
    first = GOALS[0]
    progress = Progress(met=frozenset([first.id]))
    assert learn.advance(GOALS, progress, found(first), frozenset()) == (progress, ())


def test_a_learner_who_jumps_ahead_is_followed() -> None:
    first, later = GOALS[0], GOALS[6]
    progress, [news] = learn.advance(GOALS, Progress(), found(later), frozenset(later.files))
    assert (news.kind, news.goal) == ("met", later)
    assert learn.current(GOALS, progress) is first


def test_several_goals_are_met_by_one_command() -> None:
    one, two = GOALS[0], GOALS[3]
    judged = found(one) | found(two)
    progress, news = learn.advance(GOALS, Progress(), judged, frozenset((*one.files, *two.files)))
    assert [item.goal for item in news] == [one, two]
    assert progress.met == {one.id, two.id}


def test_what_is_wrong_is_told_to_whoever_made_it() -> None:
    later = GOALS[6]
    judged = found(later, ok=False)
    _, [news] = learn.advance(GOALS, Progress(), judged, frozenset(later.files))
    assert (news.kind, [v.name for v in news.failures]) == ("wrong", ["subject"])
    assert learn.advance(GOALS, Progress(), judged, frozenset()) == (Progress(), ())


def test_a_goal_is_lost_when_its_files_no_longer_fit() -> None:
    first = GOALS[0]
    progress = Progress(met=frozenset([first.id]))
    progress, [news] = learn.advance(GOALS, progress, found(first, ok=False), frozenset())
    assert (news.kind, progress.met) == ("lost", frozenset())


def test_a_mode_that_is_set_later_is_no_fault_of_a_file_just_made() -> None:
    goals = learn.goals(planned(PROMPTING))
    key, mode = goal_of("1.1", goals), goal_of("1.2", goals)
    judged = found(key) | found(mode, ok=False)
    _, news = learn.advance(goals, Progress(), judged, frozenset(key.files))
    assert [item.goal for item in news] == [key]


def test_a_goal_that_is_skipped_is_passed_by() -> None:
    progress = Progress(skipped=frozenset([GOALS[0].id]))
    assert learn.current(GOALS, progress) is GOALS[1]


def test_no_goal_is_left_when_all_are_met() -> None:
    assert learn.current(GOALS, Progress(met=frozenset(goal.id for goal in GOALS))) is None


@pytest.mark.parametrize(
    ("line", "done"),
    [
        ("openssl x509 -noout -text -in ca/ca.crt", True),
        ("openssl x509 --in=ca/ca.crt -subject", True),
        ("openssl x509 -in server/server.example.com.crt -text", False),
        ("openssl asn1parse -in ca/ca.crt", False),
        ("openssl x509 -req -in a.csr -CA ca/ca.crt -CAkey ca/ca.key -out a.pem", False),
    ],
)
def test_a_look_counts_by_its_command_and_file(line: str, done: bool) -> None:
    goal = goal_of("1.5", learn.goals(planned(PROMPTING)))
    assert goal.done_by(typed.read(line, GLOSSARY)) is done


def test_hints_become_plainer_and_end_with_the_command() -> None:
    progress, numbers = Progress(), []
    for _ in range(4):
        progress, number = learn.hinted(progress, GOALS[0])
        numbers.append(number)
    assert numbers == [1, 2, 3, 3]
    told = [tutor.hint(goal_of("2.3"), number, GLOSSARY) for number in (1, 2, 3)]
    assert "openssl x509 shows, signs and converts certificates." in told[0]
    assert told[1] == (
        "    openssl x509 -req -in ____ -CA ____ -CAkey ____ -CAcreateserial -out ____ -days ____\n"
    )
    assert told[2].startswith("    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key")


def test_the_last_hint_says_what_openssl_will_ask() -> None:
    goal = goal_of("1.1", learn.goals(planned(PROMPTING)))
    assert tutor.hint(goal, 3, GLOSSARY).endswith(
        "It asks for the pass phrase of ca/ca.key, twice.\n"
    )


def test_holes_stand_for_arguments_and_redirections_too() -> None:
    [one] = GLOSSARY.explain("openssl genrsa -out ca.key 2048".split())
    [two] = GLOSSARY.explain("cat a b > c".split())
    assert learn.with_holes(one) == ("openssl", "genrsa", "-out", "____", "____")
    assert learn.with_holes(two) == ("cat", "____", "____", ">", "____")


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("recipe", [SMALL, PROMPTING, FULL])
def test_every_goal_has_its_hints_and_its_why(recipe: str, number: int) -> None:
    for goal in learn.goals(planned(recipe)):
        assert tutor.hint(goal, number, GLOSSARY).strip()
        assert tutor.why(goal, GLOSSARY).strip()


def test_what_the_tutor_says_fits_a_plain_terminal() -> None:
    """80 columns, but for commands and texts, which are shown as they are."""
    for goal in learn.goals(planned(FULL)):
        said = tutor.goal(goal) + tutor.why(goal, GLOSSARY) + tutor.hint(goal, 1, GLOSSARY)
        long = [line for line in said.splitlines() if len(line) >= 80]
        assert [line for line in long if not line.startswith("    |")] == []
