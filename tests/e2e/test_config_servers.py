"""Real servers, started with the printed text unchanged: who is let in, and who is kept out."""

import shutil
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.servers import SERVERS, Visit, lacking, running
from tests.e2e.world import World, give_away

pytestmark = pytest.mark.e2e

CASES = {
    "modern": ("right", "leaf", "none", "foreign", "expired", "revoked", "server"),
    "mutual-tls": ("right", "none", "foreign", "expired", "revoked", "server"),
}
"""Who knocks, by workflow; a tutorial has no chains, of which a leaf is a part."""
VERDICTS = {
    "none": "certificate required|no required ssl certificate|requires a valid client certificate"
    "|peer did not return a certificate|tls negotiation failure",
    "foreign": "unknown ca|certificate error|unable to get|verify failed|tls negotiation failure",
    "expired": "certificate expired|certificate has expired|certificate error"
    "|verify failed|tls negotiation failure",
    "revoked": "certificate revoked|certificate error|verify failed|tls negotiation failure",
    "server": "unsupported certificate|unsuitable certificate purpose|certificate error"
    "|verify failed",
}
"""How clients and servers say why; nginx by a page, slapd (GnuTLS) not at all."""


def expected(target: str, workflow: str, case: str) -> bool:
    """Whether someone is to be let in."""
    if case == "server":  # a tutorial's certificates say nothing; GnuTLS does not look
        return workflow == "mutual-tls" or target == "openldap"
    return case in ("right", "leaf") or (case == "revoked" and target == "redis")


MEETINGS = [
    pytest.param((target, workflow), case, id=f"{target}-{workflow}-{case}")
    for workflow, cases in CASES.items()
    for target in SERVERS
    for case in cases
]


@pytest.fixture(scope="module")
def door(
    request: pytest.FixtureRequest, worlds: Callable[[str], World]
) -> Iterator[tuple[str, World, Visit]]:
    """A server that runs with what is printed for it: its target, its world, a way to visit it."""
    target, workflow = request.param
    if reason := lacking(target):
        pytest.skip(reason)
    home = worlds(workflow)
    with running(target, home) as visit:
        yield target, home, visit


@pytest.mark.parametrize(("door", "case"), MEETINGS, indirect=["door"])
def test_the_right_client_is_let_in_and_the_wrong_ones_are_kept_out(
    door: tuple[str, World, Visit], case: str
) -> None:
    target, home, visit = door
    answer = visit(home.identities[case], VERDICTS.get(case, ""))
    assert answer.let_in == expected(target, home.workflow, case), answer.said
    if not answer.let_in:
        assert answer.tells(VERDICTS[case]), answer.said


ODD = 'it\'s "odd" #1; {a} \\\\ b: é'
"""A folder's name that every program has a way to write."""


@pytest.mark.parametrize("target", SERVERS)
def test_an_odd_path_and_an_encrypted_key_are_no_hindrance(
    worlds: Callable[[str], World], target: str
) -> None:
    """What the comments tell to do first is done."""
    if reason := lacking(target):
        pytest.skip(reason)
    home = worlds("modern")
    elsewhere = home.folder / target / ODD
    shutil.copytree(home.folder / "pki", elsewhere)
    give_away(home.folder / target)
    printed = home.printed(target, "--name", "locked", "--prefix", str(elsewhere))
    with running(target, home, printed) as visit:
        right, foreign = visit(home.identities["right"]), visit(home.identities["foreign"])
    assert (right.let_in, foreign.let_in) == (True, False), right.said + foreign.said
