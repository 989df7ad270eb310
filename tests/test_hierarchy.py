"""What an authority allows below it is known before anything runs."""

from pathlib import Path

import pytest

from mtls_openssl import hierarchy, plan, recipe, source, version, workflow
from mtls_openssl.errors import BadInput


def told(text: str) -> list[str]:
    """Give what is said of a modern recipe: line, and message."""
    read = recipe.build(source.parse(f"workflow: modern\n{text}".encode(), "r.yaml"), "r")
    try:
        plan.build(read, workflow.find(read, Path()), version.parse("OpenSSL 3.0.19"))
    except BadInput as refused:
        return [f"{problem.line}: {problem.message}" for problem in refused.problems]
    return []


@pytest.mark.parametrize(
    ("name", "constraints", "fault"),
    [
        ("DNS:a.example.com", ["permitted;DNS:example.com"], ""),
        ("DNS:example.com", ["permitted;DNS:example.com"], ""),
        ("DNS:badexample.com", ["permitted;DNS:example.com"], "only example.com is permitted"),
        ("DNS:*.example.com", ["permitted;DNS:example.com"], ""),
        ("DNS:A.EXAMPLE.com", ["permitted;DNS:.example.com"], ""),
        ("IP:127.0.0.1", ["permitted;DNS:example.com"], ""),
        ("IP:127.0.0.1", ["permitted;IP:127.0.0.0/255.0.0.0"], ""),
        ("IP:10.0.0.1", ["excluded;IP:10.0.0.0/255.0.0.0"], "IP:10.0.0.0/255.0.0.0 is excluded"),
        ("IP:fd12::1", ["permitted;IP:fd00::/ff00::"], ""),
        ("IP:fe80::1", ["permitted;IP:fd00::/ff00::"], "only fd00::/ff00:: is permitted"),
        (
            "IP:fd12::1",
            ["excluded;IP:FD00:0:0:0:0:0:0:0/FF00:0:0:0:0:0:0:0"],
            "IP:FD00:0:0:0:0:0:0:0/FF00:0:0:0:0:0:0:0 is excluded",
        ),
        ("IP:::1", ["permitted;IP:127.0.0.0/255.0.0.0"], "only 127.0.0.0/255.0.0.0 is permitted"),
        ("email:a@b.c", ["permitted;email:b.c"], ""),
        ("email:a@x.b.c", ["permitted;email:b.c"], "only b.c is permitted"),
        ("email:a@x.b.c", ["permitted;email:.b.c"], ""),
        ("email:a@b.c", ["excluded;email:a@b.c"], "email:a@b.c is excluded"),
        ("URI:https://x.b.c:8/p", ["permitted;URI:.b.c"], ""),
        ("URI:https://b.d/p", ["permitted;URI:b.c"], "only b.c is permitted"),
    ],
)
def test_a_name_is_held_against_constraints(name: str, constraints: list[str], fault: str) -> None:
    """RFC 5280, section 4.2.1.10."""
    assert hierarchy.broken(name, tuple(constraints)) == fault


def test_an_authority_too_deep_is_told() -> None:
    text = """\
authorities:
  root: {path_length: 1}
  middle: {issuer: root}
  low: {issuer: middle}
"""
    assert told(text) == ["5: root allows 1 authorities below it; this is one too many"]
    assert told(text.replace("path_length: 1", "path_length: 2")) == []


def test_names_are_held_against_every_authority_above() -> None:
    text = """\
authorities:
  root: {name_constraints: {permitted: [DNS:example.com]}}
  low: {issuer: root, name_constraints: {excluded: [DNS:b.example.com]}}
servers:
  one: {names: [a.example.com, b.example.com, c.org]}
  d.org:
clients:
  someone: {subject: {CN: Some One}}
"""
    assert told(text) == [
        "6: low may not vouch for DNS:b.example.com: DNS:b.example.com is excluded",
        "6: root may not vouch for DNS:c.org: only example.com is permitted",
        "7: root may not vouch for DNS:d.org: only example.com is permitted",
    ]


def test_authorities_of_any_depth_stand_in_the_order_of_issuing() -> None:
    text = """\
workflow: modern
authorities:
  low: {issuer: middle}
  middle: {issuer: root}
  root:
servers: {s: {names: [a.b]}}
"""
    read = recipe.build(source.parse(text.encode(), "r.yaml"), "r")
    made = plan.build(read, workflow.find(read, Path()), version.parse("OpenSSL 3.0.19"))
    assert [member.name for member in made.members] == ["root", "middle", "low", "s"]
    chain = made.step("s.chain")
    assert chain.argv == ("cat", "s.pem", "low.chain.pem", ">", "s.chain.pem")
    assert made.step("low.chain").argv == (
        "cat",
        "low.pem",
        "middle.chain.pem",
        ">",
        "low.chain.pem",
    )
    [leaf] = made.step("s.certificate").artifacts
    assert (leaf.trust, leaf.untrusted) == ("root.pem", ("low.pem", "middle.pem"))
