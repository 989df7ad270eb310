"""The recipe: frozen values out of YAML, or every fault of it at once, each with its line."""

import copy
import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mtls_openssl import model, recipe, source
from mtls_openssl.errors import BadInput
from mtls_openssl.fields import Key
from mtls_openssl.recipe import Recipe
from mtls_openssl.render import problem as render
from mtls_openssl.secret import Env, Generate
from tests.conftest import ROOT, Cli

BUNDLED = sorted((ROOT / "recipes").glob("*.yaml"))
SOURCES = "write {env: NAME}, {file: PATH}, {command: [...]}, {prompt: true} or {generate: true}"
MAY_SAY = (
    "config, crl_days, crl_url, days, digest, each, files, issuer, key, names, not_after, "
    "not_before, outputs, passphrase, pkcs12, request, serial, subject"
)
NAMING = "use letters, digits and . _ @ + - ; a wildcard belongs into names:"
LITERAL = "a secret does not belong in the recipe itself"

BASE = "workflow: w\nauthorities: {ca: }\n"
"""The least that a recipe says: two lines."""


def build(text: str) -> Recipe:
    return recipe.build(source.parse(text.encode(), "r.yaml"), "r")


def refused(text: str) -> BadInput:
    with pytest.raises(BadInput) as caught:
        build(text)
    return caught.value


def outcome(text: str) -> Recipe | BadInput:
    """What comes of a recipe, whatever it is."""
    try:
        return build(text)
    except BadInput as error:
        return error


def said(text: str) -> list[str]:
    """Every problem of a recipe, in the order it is told, as "LINE:COLUMN MESSAGE | HINT"."""
    return [
        f"{problem.line}:{problem.column} {problem.message} | {problem.hint}"
        for problem in refused(text).problems
    ]


def shown(text: str) -> str:
    """What the person sees."""
    return render.failure(refused(text))


def client(option: str) -> str:
    """A recipe with a client alice, who says one thing of herself: line 5, from column 5."""
    return f"{BASE}clients:\n  alice:\n    {option}\n"


# What a recipe says


FULL = """\
workflow: w
directory: pki
defaults:
  key: ec:P-256
  days: 90
  subject: {C: NO, ST: ON, O: Example}
  pkcs12: {password: {env: EXPORT}}
authorities:
  issuing:
    issuer: root
    path_length: 0
    name_constraints: {permitted: [DNS:example.com]}
  root:
    subject: /C=DE/CN=Example Root
    key: rsa:4096
    days: 3650
    passphrase: {env: ROOT_PASSPHRASE}
servers:
  api.example.com:
    names: [api.example.com, 127.0.0.1]
    serial: 010
    digest: sha384
    crl_url: http://example.com/ca.crl
    files: {key: keys/api.key}
clients:
  alice:
    names: [alice@example.com]
    pkcs12: {compatibility: legacy}
  bob:
    days: 7
"""


def test_a_recipe_names_its_entities_issuers_first() -> None:
    read = build(FULL)
    assert (read.workflow, read.directory) == ("w", "pki")
    assert [(e.name, e.section, e.issuer, e.path) for e in read.entities] == [
        ("root", "root", "root", ("authorities", "root")),
        ("issuing", "issuing", "root", ("authorities", "issuing")),
        ("api.example.com", "server", "issuing", ("servers", "api.example.com")),
        ("alice", "client", "issuing", ("clients", "alice")),
        ("bob", "client", "issuing", ("clients", "bob")),
    ]


def test_an_entitys_own_word_wins_over_the_defaults_and_subjects_merge() -> None:
    read = build(FULL)
    root, server = read.entity("root").options, read.entity("api.example.com").options
    assert root.subject == (("C", "DE"), ("ST", "ON"), ("O", "Example"), ("CN", "Example Root"))
    assert (root.key, root.days) == (Key("RSA", "4096"), 3650)
    assert root.passphrase == Env("ROOT_PASSPHRASE")
    assert server.subject == (("C", "NO"), ("ST", "ON"), ("O", "Example"))
    assert (server.key, server.days) == (Key("EC", "P-256"), 90)
    assert (server.serial, server.digest) == (10, "sha384")
    assert server.crl_url == "http://example.com/ca.crl"


def test_what_an_entity_says_of_its_bundle_lies_over_the_defaults() -> None:
    pkcs12 = build(FULL).entity("alice").options.pkcs12
    assert pkcs12
    assert (pkcs12.password, pkcs12.compatibility) == (Env("EXPORT"), "legacy")


def test_what_only_one_entity_may_say_is_kept_with_it() -> None:
    read = build(FULL)
    server: Any = read.entity("api.example.com").declared
    issuing: Any = read.entity("issuing").declared
    assert server.names == ("DNS:api.example.com", "IP:127.0.0.1")
    assert server.files == {"key": "keys/api.key"}
    assert (issuing.path_length, issuing.name_constraints) == (0, ("permitted;DNS:example.com",))
    assert read.entity("bob").declared.model_fields_set == {"days"}


def test_the_variables_that_hold_secrets_are_known_wherever_they_are_named() -> None:
    assert build(FULL).secret_variables() == {"EXPORT", "ROOT_PASSPHRASE"}


def test_a_recipe_is_a_value_that_cannot_be_changed() -> None:
    read = build(FULL)
    with pytest.raises(FrozenInstanceError):
        read.directory = "elsewhere"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        read.entities[0].options.days = 1
    with pytest.raises(KeyError):
        read.document.data["nothing"]


def test_the_least_recipe_is_one_workflow_and_one_authority() -> None:
    read = build(BASE)
    [authority] = read.entities
    assert (authority.name, authority.section, authority.issuer) == ("ca", "root", "ca")
    assert read.secret_variables() == frozenset()


def test_an_entity_with_nothing_to_say_says_nothing() -> None:
    for alice in ("alice:", "alice: ~", "alice: {}"):
        read = build(f"{BASE}defaults:\nclients:\n  {alice}\n")
        assert read.entity("alice").declared.model_fields_set == set()


def test_a_name_of_digits_or_truth_is_a_name() -> None:
    read = build(f"{BASE}clients: {{1: , true: , NO: , 007: }}\n")
    assert [e.name for e in read.entities] == ["ca", "1", "true", "NO", "007"]


def test_anchors_and_merge_keys_serve_across_entities() -> None:
    text = (
        "workflow: w\n"
        "authorities: {ca: {subject: &who {O: Example}}}\n"
        "clients:\n"
        "  alice: &person\n"
        "    days: 30\n"
        "    subject: {<<: *who, CN: Alice}\n"
        "  bob: {<<: *person, days: 60}\n"
        "  carol: *person\n"
    )
    read = build(text)
    told = {e.name: (e.options.days, dict(e.options.subject or ())) for e in read.entities}
    assert told == {
        "ca": (None, {"O": "Example"}),
        "alice": (30, {"CN": "Alice", "O": "Example"}),
        "bob": (60, {"CN": "Alice", "O": "Example"}),
        "carol": (30, {"CN": "Alice", "O": "Example"}),
    }


@pytest.mark.parametrize(
    ("file", "directory"),
    [("recipe.yaml", "recipe"), ("my.pki.yaml", "my.pki"), ("folder/x.yml", "x")],
)
def test_the_directory_is_the_files_name_unless_it_is_given(
    write: Callable[..., Path], file: str, directory: str
) -> None:
    path = write(BASE, file)
    assert recipe.load(path).directory == directory
    path.write_text(f"{BASE}directory: sub/pki\n")
    assert recipe.load(path).directory == "sub/pki"


def test_a_recipe_without_a_suffix_needs_another_directory(write: Callable[..., Path]) -> None:
    with pytest.raises(BadInput) as caught:
        recipe.load(write(BASE, "pki"), "pki")
    [problem] = caught.value.problems
    assert problem.message == "the recipe and its directory have the same name"
    assert problem.hint == "add directory:"


# Keys that there are not


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{BASE}Clients: {{}}\n", "3:1 unknown key 'Clients' | did you mean 'clients'?"),
        (f"{BASE}autorities: {{}}\n", "3:1 unknown key 'autorities' | did you mean 'authorities'?"),
        (f"{BASE}defaults: {{dayz: 3}}\n", "3:12 unknown key 'dayz' | did you mean 'days'?"),
        (
            f"{BASE}defaults: {{names: [x]}}\n",
            (
                "3:12 unknown key 'names' | known here:"
                " crl_days, crl_url, days, digest, issuer, key, outputs, passphrase, pkcs12,"
                " serial, subject"
            ),
        ),
        (client("pass_phrase: x"), "5:5 unknown key 'pass_phrase' | did you mean 'passphrase'?"),
        (client("zzz: x"), f"5:5 unknown key 'zzz' | known here: {MAY_SAY}"),
        (
            client("path_length: 0"),
            f"5:5 unknown key 'path_length' | known here: {MAY_SAY}",
        ),
        (
            "workflow: w\nauthorities: {ca: {pathlength: 0}}\n",
            "2:20 unknown key 'pathlength' | did you mean 'path_length'?",
        ),
        (
            "workflow: w\nauthorities: {ca: {names: [x]}}\n",
            (
                "2:20 unknown key 'names' | known here: crl_days, crl_url, days, digest, existing,"
                " files, issuer, key, name_constraints, not_after, not_before, outputs,"
                " passphrase, path_length, pkcs12, serial, subject"
            ),
        ),
        (client("pkcs12: {pasword: x}"), "5:14 unknown key 'pasword' | did you mean 'password'?"),
        (
            f"{BASE}defaults: {{pkcs12: {{compat: x}}}}\n",
            "3:21 unknown key 'compat' | did you mean 'compatibility'?",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_the_one_that_was_meant(text: str, problem: str) -> None:
    assert said(text) == [problem]


def test_an_unknown_key_is_shown_under_its_caret() -> None:
    assert shown(client("digset: sha256  # strong")) == (
        "r.yaml:5:5: error: unknown key 'digset'\n"
        " 5 |     digset: sha256  # strong\n"
        "   |     ^^^^^^\n"
        "   = help: did you mean 'digest'?\n"
    )


def test_an_unknown_attribute_of_a_subject_is_pointed_at_itself() -> None:
    """Not at its value, and not at the same word of a later line."""
    text = client("subject: {cnn: x}  # cnn") + "# cnn\n"
    assert said(text) == ["5:15 unknown attribute 'cnn' | did you mean 'CN'?"]


def test_an_unknown_source_of_a_secret_is_pointed_at_itself() -> None:
    assert said(client("passphrase: {envv: A}")) == [
        f"5:18 'envv' is no source of a secret | {SOURCES}"
    ]


# What must be there, and of what shape


def test_what_is_missing_is_told_at_the_top() -> None:
    assert said("directory: x\n") == [
        "1:1 workflow: is missing | add it",
        "1:1 authorities: is missing | add it",
    ]


@pytest.mark.parametrize(
    ("text", "place", "key"),
    [
        ("workflow: w\nauthorities:\n", "2:1", "authorities"),
        ("workflow: w\nauthorities: [ca]\n", "2:14", "authorities"),
        (f"{BASE}servers: x\n", "3:10", "servers"),
        (f"{BASE}clients: [alice]\n", "3:10", "clients"),
        (f"{BASE}clients: {{alice: 1}}\n", "3:18", "alice"),
        (f"{BASE}clients: {{alice: [1]}}\n", "3:18", "alice"),
        ("workflow: w\nauthorities: {ca: x}\n", "2:19", "ca"),
        (f"{BASE}defaults: [x]\n", "3:11", "defaults"),
        (client("pkcs12: true"), "5:13", "pkcs12"),
    ],
)
def test_a_mapping_is_wanted_where_one_is(text: str, place: str, key: str) -> None:
    [problem] = said(text)
    assert problem.startswith(f"{place} {key}: takes a mapping here | ")
    assert not problem.endswith("| ")


def test_there_is_at_least_one_authority() -> None:
    assert said("workflow: w\nauthorities: {}\n") == ["2:1 there is no authority | name one"]


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("key: rsa:1024", "5:10 'rsa:1024' is no kind of key | there are rsa:2048, rsa:3072,"),
        ("days: 0", "5:11 0 is no number of days | write a whole number, 1 to 36500"),
        ("serial: 0", "5:13 '0' is no serial number | write a positive number, random or file"),
        ("digest: sha265", "5:13 'sha265' is no digest | did you mean 'sha256'?"),
        ("config: curl", "5:13 config: is a list of targets | write config: [curl]"),
        ("config: [crul]", "5:14 'crul' is no target here | did you mean 'curl'?"),
        ("config: [nginx]", "5:14 'nginx' is no target here | known here: chromium, curl,"),
        ("digest: md5", "5:13 'md5' is no digest | known here: sha224, sha256, sha384, sha512"),
        ("crl_url: ftp://x", "5:14 'ftp://x' is no URL | write http://host/path, without commas"),
        ("crl_url: http://a,b", "5:14 'http://a,b' is no URL | write http://host/path, without"),
        ("names: x", "5:12 names are a list | write names: [api.example.com, 127.0.0.1]"),
        ("names: [ok, a b]", "5:17 'a b' is no host name | write a host name, an IP address,"),
        ("files: {key: ../x}", "5:18 '../x' is no path inside the directory | name a file below"),
        ("files: x", "5:12 files: is a mapping | write files: {key: NAME, certificate: NAME}"),
        ("subject: {C: USA}", "5:18 C is a country code of two letters, not 'USA' | see ISO 3166"),
        ("subject: /C=US/O=", "5:14 O has no value | give it a text, or leave the attribute out"),
        ("subject: /CN=x/C=USA", "5:22 C is a country code of two letters, not 'USA' | see ISO"),
        ("pkcs12: {compatibility: old}", "5:29 'old' is no compatibility | known here: default,"),
        ("passphrase: {env: a b}", "5:23 env: takes the name of an environment variable | write"),
        ("passphrase: {prompt: yes}", "5:26 prompt: takes true | write {env: NAME}, {file: PATH"),
    ],
)
def test_a_value_that_is_wrong_is_pointed_at(option: str, problem: str) -> None:
    [found] = said(client(option))
    assert found.startswith(problem)


@pytest.mark.parametrize("option", ["key", "days", "serial", "digest", "crl_url", "subject"])
def test_an_option_left_without_a_value_is_pointed_at_by_its_name(option: str) -> None:
    [found] = said(client(f"{option}:"))
    assert found.startswith("5:5 ")
    assert "None" not in found


def test_a_common_name_that_is_too_long_is_shown_with_its_line() -> None:
    name = "x" * 65
    assert shown(client(f"subject: {{O: Example, CN: {name}}}")) == (
        "r.yaml:5:31: error: CN is 65 characters long; 64 are the most\n"
        f" 5 |     subject: {{O: Example, CN: {name}}}\n"
        f"   |                               {'^' * 65}\n"
        "   = help: RFC 5280, appendix A.1, sets these bounds\n"
    )


def test_a_value_written_by_an_escape_is_not_sought_on_a_later_line() -> None:
    text = f'{BASE}clients:\n  a: {{subject: {{C: "US\\x41"}}}}\n  b: {{subject: {{O: USA}}}}\n'
    assert said(text)[0].startswith("4:20 C is a country code of two letters, not 'USA' | ")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("workflow: [x]", "1:11 workflow is one text | name a bundled one, or a file"),
        ("workflow:", "1:1 workflow is one text | name a bundled one, or a file"),
        ("workflow: ''", "1:11 '' is no workflow | name a bundled one, or a file"),
        ('workflow: "a\\nb"', "1:11 'a\\nb' is no workflow | name a bundled one, or a file"),
    ],
)
def test_a_workflow_is_named_by_one_text(line: str, message: str) -> None:
    assert said(f"{line}\nauthorities: {{ca: }}\n") == [message]


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "..", "/etc", "~/x", "a//b", "a/", "-rf", "'a\\b'", "''", '"a\\nb"',
     '"a\\0"', '"\\e[2J"'],
)  # fmt: skip
def test_a_directory_that_would_climb_out_is_refused(path: str) -> None:
    value = yaml.safe_load(path)
    assert said(f"{BASE}directory: {path}\n") == [
        f"3:12 {value!r} is no path inside the directory | name a file below it, without .. or /"
    ]


@pytest.mark.parametrize(("value", "place"), [("~", "3:1"), ("[x]", "3:12"), ("true", "3:12")])
def test_a_directory_is_one_text(value: str, place: str) -> None:
    assert said(f"{BASE}directory: {value}\n") == [
        f"{place} a path is one text | name a file inside the directory"
    ]


# Secrets


@pytest.mark.parametrize(
    "option",
    ["passphrase: hunter2", "passphrase: 'hunter2'  # mine", "pkcs12: {password: hunter2}",
     "passphrase: &p hunter2", "{passphrase: hunter2, days: 3}"],
)  # fmt: skip
def test_a_literal_secret_is_refused_and_not_shown_again(option: str) -> None:
    text = client(option)
    [problem] = said(text)
    assert problem.endswith(f" {LITERAL} | {SOURCES}")
    assert "hunter2" not in shown(text)


def test_a_literal_secret_is_masked_in_the_line() -> None:
    assert shown(client("passphrase: hunter2  # the old one")) == (
        f"r.yaml:5:17: error: {LITERAL}\n"
        " 5 |     passphrase: ****\n"
        "   |                 ^^^^\n"
        f"   = help: {SOURCES}\n"
    )


def test_a_number_is_a_literal_secret_too() -> None:
    assert said(client("passphrase: 12345")) == [f"5:17 {LITERAL} | {SOURCES}"]
    assert "12345" not in shown(client("passphrase: 12345"))


def test_a_literal_secret_is_not_shown_by_another_problem_of_its_line() -> None:
    text = "workflow: w\nauthorities: {ca: {passphrase: hunter2, keyy: 1}}\n"
    assert said(text) == [
        f"2:32 {LITERAL} | {SOURCES}",
        "2:41 unknown key 'keyy' | did you mean 'key'?",
    ]
    assert "hunter2" not in shown(text)


def test_a_literal_secret_is_not_shown_where_an_alias_repeats_it() -> None:
    text = client("passphrase: &p hunter2") + "  bob: {passphrase: *p, dayz: 1}\n"
    assert "hunter2" not in shown(text)


@pytest.mark.parametrize("value", ["[hunter2]", "{text: hunter2}", "{env: 'hunter2!'}"])
def test_what_stands_in_a_secrets_place_is_not_shown_however_it_is_wrong(value: str) -> None:
    assert "hunter2" not in shown(client(f"passphrase: {value}"))


# Issuers


def hierarchy(authorities: str, clients: str, defaults: str = "{}") -> str:
    return f"workflow: w\nauthorities: {authorities}\nclients: {clients}\ndefaults: {defaults}\n"


@pytest.mark.parametrize(
    ("authorities", "clients", "defaults", "issuer"),
    [
        ("{ca: }", "{a: }", "{}", "ca"),
        ("{ca: }", "{a: {issuer: ca}}", "{}", "ca"),
        ("{root: , sub: {issuer: root}}", "{a: }", "{}", "sub"),
        ("{root: , sub: {issuer: root}}", "{a: {issuer: root}}", "{}", "root"),
        ("{root: , s1: {issuer: root}, s2: {issuer: s1}}", "{a: }", "{}", "s2"),
        ("{r: , s1: {issuer: r}, s2: {issuer: r}}", "{a: {issuer: s1}}", "{}", "s1"),
        ("{r: , s1: {issuer: r}, s2: {issuer: r}}", "{a: }", "{issuer: s2}", "s2"),
        ("{r1: , r2: }", "{a: {issuer: r1}}", "{issuer: r2}", "r1"),
        ("{ca: {issuer: ca}}", "{a: }", "{}", "ca"),
        ("{1: }", "{a: {issuer: 1}}", "{}", "1"),
    ],
)
def test_an_issuer_is_the_one_that_can_be_meant(
    authorities: str, clients: str, defaults: str, issuer: str
) -> None:
    assert build(hierarchy(authorities, clients, defaults)).entity("a").issuer == issuer


def test_authorities_come_after_their_issuers_however_they_are_written() -> None:
    read = build(hierarchy("{c: {issuer: b}, b: {issuer: a}, a: , z: }", "{x: {issuer: c}}"))
    order = [(e.name, e.section) for e in read.entities]
    assert order == [
        ("a", "root"), ("z", "root"), ("b", "issuing"), ("c", "issuing"), ("x", "client"),
    ]  # fmt: skip


def test_a_default_issuer_is_for_servers_and_clients() -> None:
    """It makes no authority the child of another."""
    read = build(hierarchy("{r1: , r2: }", "{a: }", "{issuer: r2}"))
    assert [(e.name, e.issuer) for e in read.entities] == [("r1", "r1"), ("r2", "r2"), ("a", "r2")]


def test_two_possible_issuers_are_one_too_many() -> None:
    text = hierarchy("{r: , s1: {issuer: r}, s2: {issuer: r}}", "{a: , b: {issuer: s1}, c: }")
    problem = "more than one authority could issue this | add issuer: with one of r, s1, s2"
    assert said(text) == [f"3:11 {problem}", f"3:33 {problem}"]


@pytest.mark.parametrize(
    ("authorities", "clients", "problem"),
    [
        ("{root: }", "{a: {issuer: rot}}", "3:23 'rot' is no authority | did you mean 'root'?"),
        ("{root: }", "{a: {issuer: x}}", "3:23 'x' is no authority | known here: root"),
        ("{root: }", "{a: {issuer: ''}}", "3:23 '' is no authority | known here: root"),
        ("{r: , s: {issuer: x}}", "{}", "2:32 'x' is no authority | known here: r, s"),
        ("{root: }", "{a: , b: {issuer: a}}", "3:28 'a' is no authority | known here: root"),
        ("{root: {issuer: a}}", "{a: }", "2:30 'a' is no authority | known here: root"),
    ],
)
def test_an_issuer_is_an_authority_of_the_recipe(
    authorities: str, clients: str, problem: str
) -> None:
    """A server or a client issues nothing."""
    assert said(hierarchy(authorities, clients))[0] == problem


def test_a_default_issuer_is_an_authority_too() -> None:
    assert said(hierarchy("{root: }", "{a: }", "{issuer: rot}")) == [
        "4:20 'rot' is no authority | did you mean 'root'?"
    ]


@pytest.mark.parametrize("issuer", ["[root]", "{root: 1}", "true", "~"])
@pytest.mark.parametrize("group", ["authorities", "clients", "defaults"])
def test_an_issuer_is_one_name(issuer: str, group: str) -> None:
    """Whatever stands there, it is told once, and is no bug of the program."""
    wrong = f"{{issuer: {issuer}}}"
    text = {
        "authorities": hierarchy(f"{{root: , s: {wrong}}}", "{}"),
        "clients": hierarchy("{root: }", f"{{a: {wrong}}}"),
        "defaults": hierarchy("{root: }", "{}", wrong),
    }[group]
    [problem] = refused(text).problems
    assert problem.path[-1] == "issuer"


def test_a_circle_has_no_root() -> None:
    text = hierarchy("{a: {issuer: b}, b: {issuer: a}}", "{}")
    assert said(text) == [
        "2:27 'a' would issue itself | begin with a root, which has no issuer",
        "2:43 'b' would issue itself | begin with a root, which has no issuer",
    ]


def test_a_circle_is_told_of_its_members_alone() -> None:
    """Not of those below it, nor of leaves that could find no issuer because of it."""
    text = hierarchy("{a: {issuer: b}, b: {issuer: a}, c: {issuer: a}}", "{x: , y: {issuer: a}}")
    assert [problem.path[1] for problem in refused(text).problems] == ["a", "b"]


def test_a_long_chain_is_followed_to_its_end() -> None:
    chain = ", ".join(f"c{n}: {{issuer: c{n - 1}}}" for n in range(2000, 0, -1))
    read = build(hierarchy(f"{{{chain}, c0: }}", "{a: }"))
    assert [e.name for e in read.entities] == [*(f"c{n}" for n in range(2001)), "a"]


# Names


@pytest.mark.parametrize(
    "name", ["a", "api.example.com", "alice@example.com", "a_b+c-d", "Ünï", "漢字", "x" * 100, "1"]
)
def test_a_name_that_can_name_files(name: str) -> None:
    text = f"workflow: w\nauthorities: {{ca: }}\nservers: {{{name}: {{subject: {{CN: x}}}}}}\n"
    assert build(text).entities[1].name == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".hidden", "-x", "--help", "../x", "/etc", "a/b", "a\\b", "a b", " a", "a ",
     "*.example.com", "a\nb", "a\n", "a\tb", "a\0b", "a\x1b[2J", "~", "~a", "$HOME", "a;b", "a,b",
     "a:b", "a|b", "a>b", "a'b", 'a"b', "{name}", "[x]", "e\u0301", "x" * 101, "🙂"],
)  # fmt: skip
def test_a_name_that_cannot_name_files(name: str) -> None:
    """It would climb out, look like an option, need quoting, or surprise a file system."""
    text = f"{BASE}clients:\n  {json.dumps(name, ensure_ascii=False)}: {{subject: {{CN: x}}}}\n"
    assert said(text) == [f"4:3 {name!r} cannot name files | {NAMING}"]


def test_a_name_leaves_room_for_its_files_endings() -> None:
    """A file's name has 255 bytes, and these 100 characters have 300."""
    text = f"{BASE}clients:\n  {'漢' * 100}: {{subject: {{CN: x}}}}\n"
    assert [problem.line for problem in refused(text).problems] == [4]


def test_the_word_recipe_is_taken() -> None:
    """Steps of the recipe itself are called recipe.STEP."""
    for name in ("recipe", "Recipe"):
        [problem] = refused(f"{BASE}clients: {{{name}: }}\n").problems
        assert (problem.line, problem.column) == (3, 11)
        assert name in problem.message
        assert problem.hint != NAMING  # its letters are letters


def test_a_name_is_unique_in_the_recipe_whatever_its_case_and_section() -> None:
    text = "workflow: w\nauthorities: {ca: }\nservers: {www: , CA: }\nclients: {Www: , alice: }\n"
    assert said(text) == [
        "3:18 'CA' is named already, as authorities.ca | names are unique in a recipe",
        "4:11 'Www' is named already, as servers.www | names are unique in a recipe",
    ]


@pytest.mark.parametrize("section", ["servers", "clients", "authorities"])
def test_a_name_too_long_for_the_common_name_it_becomes_is_told_before_anything_runs(
    cli: Cli, write: Callable[..., Path], section: str
) -> None:
    """The CN defaults to the name, and openssl takes 64 characters of it."""
    name = "x" * 65
    authorities = f"{{{name}: }}" if section == "authorities" else "{ca: }"
    more = "" if section == "authorities" else f"{section}: {{{name}: }}\n"
    write(f"workflow: mutual-tls\nauthorities: {authorities}\n{more}")
    done = cli("plan", "recipe.yaml", code=2)
    assert "CN is 65 characters long; 64 are the most" in done.stderr
    line = f"authorities: {authorities}" if section == "authorities" else more.strip()
    assert f" | {line}"[:40] in done.stderr


# Everything at once


def test_every_problem_of_a_recipe_is_told_at_once_in_the_order_of_its_lines() -> None:
    text = """\
directory: ../pki
defaults:
  subject: {C: USA, CM: x}
  dayz: 3
authorities:
  root: {passphrase: hunter2}
  sub: {issuer: rot, key: rsa}
servers:
  "*.example.com":
    issuer: root
    names: [a b, ok.example, x@@y]
    serial: 0
clients:
  Root:
    issuer: root
    files: {key: /etc/x, certificate: ..}
    pkcs12: {pasword: {env: X}, compatibility: old}
"""
    assert [item.partition(" | ")[0] for item in said(text)] == [
        "1:1 workflow: is missing",
        "1:12 '../pki' is no path inside the directory",
        "3:16 C is a country code of two letters, not 'USA'",
        "3:21 unknown attribute 'CM'",
        "4:3 unknown key 'dayz'",
        f"6:22 {LITERAL}",
        "7:17 'rot' is no authority",
        "7:27 'rsa' is no kind of key",
        "9:3 '*.example.com' cannot name files",
        "11:13 'a b' is no host name",
        "11:30 'x@@y' is no email address",
        "12:13 '0' is no serial number",
        "14:3 'Root' is named already, as authorities.root",
        "16:18 '/etc/x' is no path inside the directory",
        "16:39 '..' is no path inside the directory",
        "17:14 unknown key 'pasword'",
        "17:48 'old' is no compatibility",
    ]


def test_a_fault_that_many_share_by_an_anchor_is_told_once() -> None:
    text = "workflow: w\nauthorities:\n  ca: &d {key: rs}\nclients:\n  a: *d\n  b: {<<: *d}\n"
    [problem] = said(text)
    assert problem.startswith("3:16 'rs' is no kind of key | ")


def test_problems_are_shown_one_after_another_with_a_blank_line_between() -> None:
    assert shown(f"{BASE}defaults:\n  days: 0\n  kay: x\n") == (
        "r.yaml:4:9: error: 0 is no number of days\n"
        " 4 |   days: 0\n"
        "   |         ^\n"
        "   = help: write a whole number, 1 to 36500\n"
        "\n"
        "r.yaml:5:3: error: unknown key 'kay'\n"
        " 5 |   kay: x\n"
        "   |   ^^^\n"
        "   = help: did you mean 'key'?\n"
    )


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4) | st.just("ca"),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
OPTION = st.sampled_from([*model.Authority.model_fields, "names", "<<", "x"])
ENTITY = JUNK | st.dictionaries(OPTION, JUNK | st.dictionaries(st.just("password"), JUNK))
GROUP = JUNK | st.dictionaries(st.sampled_from(["ca", "sub", "a", "CA", "recipe"]), ENTITY)
FILE: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"workflow": st.just("w"), "authorities": st.just({"ca": {}}) | GROUP},
    optional={"directory": JUNK, "defaults": ENTITY, "servers": GROUP, "clients": GROUP, "x": JUNK},
)


@given(FILE)
@settings(deadline=None, max_examples=200)
@example({"workflow": "w", "authorities": {"ca": {"issuer": ["ca"]}}})
@example({"workflow": "w", "authorities": {"ca": {}}, "defaults": {"issuer": {}}})
def test_whatever_stands_where_the_answer_is_a_recipe_or_problems(data: dict[str, Any]) -> None:
    """Never a bug's traceback: each problem has its line, and the recipe hangs together."""
    match outcome(yaml.safe_dump(data)):
        case BadInput() as error:
            assert render.failure(error).count(": error: ") >= len(error.problems) >= 1
        case read:
            names = {entity.name for entity in read.entities}
            assert {entity.issuer for entity in read.entities} <= names


# The JSON Schema


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(recipe.schema())


def test_the_schema_is_one(schema: jsonschema.Draft202012Validator) -> None:
    schema.check_schema(recipe.schema())
    assert recipe.schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert recipe.schema()["title"] == "mtls-openssl recipe"
    assert json.loads(json.dumps(recipe.schema())) == recipe.schema()


def test_there_are_bundled_recipes() -> None:
    assert {path.stem for path in BUNDLED} >= {"mutual-tls", "encrypted-ca"}


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_the_bundled_recipes_are_sound_and_fit_the_schema(
    schema: jsonschema.Draft202012Validator, path: Path
) -> None:
    read = recipe.load(path)
    assert list(schema.iter_errors(read.document.data)) == []
    assert read.workflow == path.stem == read.directory
    assert path.read_text().startswith("# yaml-language-server: $schema=")


def test_the_bundled_recipes_ask_nobody() -> None:
    """They generate their secrets, so that they apply unattended."""
    for path in BUNDLED:
        for entity in recipe.load(path).entities:
            options = entity.options
            bundle = options.pkcs12.password if options.pkcs12 else None
            assert {type(s) for s in (options.passphrase, bundle) if s} <= {Generate}


@pytest.mark.parametrize(
    "text",
    [
        BASE,
        FULL,
        f"{BASE}defaults:\nclients:\n  alice:\n",
        client("pkcs12:"),
        client("subject: {OU: [a, b], CN: 5}"),
        client("passphrase: {command: [pass, show, ca]}"),
        client("serial: 0x1F"),
        client("names: [https://example.com/id]"),
    ],
)
def test_what_the_recipe_takes_the_schema_takes(
    schema: jsonschema.Draft202012Validator, text: str
) -> None:
    read = build(text)
    assert [error.message for error in schema.iter_errors(read.document.data)] == []


@pytest.mark.parametrize(
    "text",
    [
        "directory: x\n",
        "workflow: w\nauthorities: {}\n",
        "workflow: w\nauthorities: [ca]\n",
        f"{BASE}autorities: {{}}\n",
        f"{BASE}defaults: {{names: [x]}}\n",
        client("dayz: 3"),
        client("days: 0"),
        client("days: ten"),
        client("key: rsa"),
        client("digest: md5"),
        client("passphrase: hunter2"),
        client("passphrase: {env: A, file: b}"),
        client("passphrase: {prompt: false}"),
        client("pkcs12: {compatibility: old}"),
        client("names: []"),
        client("config: []"),
        client("config: [nginx]"),
        client("names: x"),
        client("subject: {cn: x}"),
        client("subject: CN=x"),
        client("files: {key: [x]}"),
        client("path_length: 0"),
        "workflow: w\nauthorities: {ca: {path_length: -1}}\n",
        "workflow: w\nauthorities: {ca: {name_constraints: {permited: [x]}}}\n",
    ],
)
def test_what_the_schema_refuses_the_recipe_refuses(
    schema: jsonschema.Draft202012Validator, text: str
) -> None:
    """An editor shows by the schema what the program would say."""
    data = source.parse(text.encode(), "r.yaml").data
    assert not schema.is_valid(data)
    refused(text)


def test_reading_a_recipe_changes_nothing_of_its_document() -> None:
    document = source.parse(FULL.encode(), "r.yaml")
    before = copy.deepcopy(document.data)
    recipe.build(document, "r")
    assert document.data == before
