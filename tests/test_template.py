"""Commands as a person writes them: words before values, optional groups, effects from words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtls_openssl import template
from mtls_openssl.errors import Fault
from mtls_openssl.template import Effects, Value


def words(source: str, **values: Value) -> tuple[str, ...] | None:
    return template.parse(source).words(values)


def text(source: str, **values: Value) -> str | None:
    return template.parse(source).text(values, lambda value: value.replace("$", "\\$"))


def test_a_placeholder_stands_for_its_value_inside_a_word() -> None:
    assert words("openssl x -{digest} {name}.key", digest="sha256", name="ca") == (
        "openssl", "x", "-sha256", "ca.key",
    )  # fmt: skip


def test_dotted_placeholders_are_names_of_their_own() -> None:
    parsed = template.parse("{issuer.key} [subject.unicode? {subject.CN}]")
    assert list(parsed.slots()) == ["issuer.key", "subject.CN"]
    assert list(parsed.tests()) == ["subject.unicode"]
    assert parsed.names() == {"issuer.key", "subject.CN", "subject.unicode"}
    assert parsed.words({"issuer.key": "ca.key"}) == ("ca.key",)


def test_a_command_without_a_value_for_a_bare_placeholder_is_dropped() -> None:
    assert words("openssl genrsa -out {key} {bits}", key="ca.key") is None
    assert words("openssl genrsa -out {key} {bits}", key="ca.key", bits="") is None
    assert words("cat {parts} > {all}", parts=(), all="x") is None


def test_a_group_goes_where_its_placeholder_has_no_value() -> None:
    source = "x509 [-{digest}] [-certfile {chain} -name {name}] -out"
    assert words(source) == ("x509", "-out")
    assert words(source, digest="sha256", chain="c") == ("x509", "-sha256", "-out")
    assert words(source, chain="c", name="n") == ("x509", "-certfile", "c", "-name", "n", "-out")


def test_a_test_asks_without_printing() -> None:
    source = "genrsa [passphrase? -aes256] -out"
    assert words(source, passphrase="yes") == ("genrsa", "-aes256", "-out")
    assert words(source, passphrase=None) == words(source) == ("genrsa", "-out")


def test_a_test_and_a_placeholder_must_both_hold() -> None:
    source = "x [a? -b {c}] y"
    assert words(source, a="yes", c="C") == ("x", "-b", "C", "y")
    assert words(source, a="yes") == words(source, c="C") == ("x", "y")


def test_groups_stand_inside_groups_and_go_alone() -> None:
    source = "[-a {a} [b? -b] [-c {c}] -d]"
    assert words(source, a="A", b="yes", c="C") == ("-a", "A", "-b", "-c", "C", "-d")
    assert words(source, a="A") == ("-a", "A", "-d")
    assert words(source, b="yes", c="C") == ()


def test_a_group_may_be_part_of_a_word() -> None:
    source = "critical,CA:TRUE[,pathlen:{length}]"
    assert words(source, length="0") == ("critical,CA:TRUE,pathlen:0",)
    assert words(source) == ("critical,CA:TRUE",)


def test_a_list_becomes_words_of_its_own() -> None:
    assert words("cat {parts} > {all}", parts=("a b", "c"), all="d e") == (
        "cat", "a b", "c", ">", "d e",
    )  # fmt: skip
    assert words("x{parts}y", parts=("a", "b")) == ("x", "a", "b", "y")


def test_doubled_brackets_and_braces_stand_for_themselves() -> None:
    assert words("[[req]] {{a}} {{{a}}}", a="A") == ("[req]", "{a}", "{A}")
    assert words("[{a} {{]", a="A") == ("A", "{")


def test_spaces_of_any_kind_and_number_part_words() -> None:
    assert words("  a\t{b}\n  c  ", b="B") == ("a", "B", "c")
    assert words("   ") == ()


def test_text_keeps_its_spaces_and_escapes_only_values() -> None:
    assert text("a  = $x {v} [,b:{w}]", v="1$2") == "a  = $x 1\\$2 "
    assert text("a = {v}", v=("x$", "y")) == "a = x\\$,y"
    assert text("a = {v}") is None
    assert text("[a = {v}]") == ""


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
NASTY = st.sampled_from(
    ["a b", "[x]", "{key}", "]", "\n", "\t-out", "-out", ">", "'\"", "$(x)", "a\nb", "\u2028"]
)


ATOMS = st.sampled_from(["-out", "x", ".key", "/", "{a}", "{b}"])


@settings(deadline=None)
@given(st.lists(st.lists(ATOMS, min_size=1)), ANY_TEXT | NASTY, ANY_TEXT | NASTY)
def test_no_value_becomes_more_words_or_fewer(pieces: list[list[str]], a: str, b: str) -> None:
    """How many words there are depends on the template; each value is verbatim in its own."""
    values = {"{a}": a, "{b}": b}
    made = words(" ".join("".join(atoms) for atoms in pieces), a=a, b=b)
    assert made == tuple("".join(values.get(atom, atom) for atom in atoms) for atoms in pieces)


@settings(deadline=None)
@given(st.lists(ANY_TEXT | NASTY, min_size=1), ANY_TEXT)
def test_a_list_becomes_as_many_words_as_it_has(parts: list[str], out: str) -> None:
    assert words("cat {parts} > {out}", parts=tuple(parts), out=out) == ("cat", *parts, ">", out)


@settings(deadline=None)
@given(st.sets(st.sampled_from("abc")), NASTY)
def test_what_is_dropped_depends_on_what_has_a_value_alone(given: set[str], value: str) -> None:
    made = words("x [-a {a}] [b? -b] [-c {c} [a? -d]]", **dict.fromkeys(given, value))
    expected = ["x"]
    expected += ["-a", value] if "a" in given else []
    expected += ["-b"] if "b" in given else []
    expected += ["-c", value] if "c" in given else []
    expected += ["-d"] if {"a", "c"} <= given else []
    assert made == tuple(expected)


def fault_of(source: str) -> tuple[str, str, str]:
    with pytest.raises(Fault) as caught:
        template.parse(source)
    return caught.value.message, caught.value.hint, caught.value.word


NO_PLACEHOLDER = "write a name, as in {key}"
NO_GROUP = (
    "an optional group needs a placeholder, or a test",
    "write [name? words]; [[ for the character itself",
)


@pytest.mark.parametrize(
    ("source", "message", "hint", "word"),
    [
        ("a [-b {c}", "a [ opens a group that nothing closes", "add ]", "[-b {c}"),
        ("a [b? [-c {c}]", "a [ opens a group that nothing closes", "add ]", "[b? [-c {c}]"),
        ("a b] c", "a ] closes no group", "write ]] for the character itself", "] c"),
        ("a [{b}]] c", "a ] closes no group", "write ]] for the character itself", "] c"),
        ("a {b", "a { stands alone", "write {{ for the character itself", "{b"),
        ("a b} c", "a } stands alone", "write }} for the character itself", "} c"),
        ("a {b[c]}", "a { stands alone", "write {{ for the character itself", "{b[c]}"),
        ("a {} b", "{} is no placeholder", NO_PLACEHOLDER, "{}"),
        ("a {Key} b", "{Key} is no placeholder", NO_PLACEHOLDER, "{Key}"),
        ("a {my key} b", "{my key} is no placeholder", NO_PLACEHOLDER, "{my key}"),
        ("a {key.} b", "{key.} is no placeholder", NO_PLACEHOLDER, "{key.}"),
        ("a [b c] d", *NO_GROUP, "[b c]"),
        ("a [] d", *NO_GROUP, "[]"),
        ("a [b ? c] d", *NO_GROUP, "[b ? c]"),
    ],
)
def test_a_template_that_cannot_be_read_names_its_fault(
    source: str, message: str, hint: str, word: str
) -> None:
    assert fault_of(source) == (message, hint, word)


@pytest.mark.parametrize(
    ("command", "reads", "writes"),
    [
        ("openssl genrsa -out ca.key 2048", "", "ca.key"),
        ("openssl req -new -key ca.key -out ca.csr -subj /CN=-out/", "ca.key", "ca.csr"),
        ("openssl x509 -req -days 3650 -in ca.csr -signkey ca.key -out ca.pem",
         "ca.csr ca.key", "ca.pem"),
        ("openssl x509 -req -in s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out s.pem -days 3",
         "s.csr ca.pem ca.key", "s.pem"),
        ("cat client.pem client.key > client2.pem", "client.pem client.key", "client2.pem"),
        ("openssl pkcs12 -export -clcerts -in c.pem -inkey c.key -out c.p12", "c.pem c.key",
         "c.p12"),
        ("openssl req -new -x509 -sha256 -days 730 -key ca/ca.key -out ca/ca.crt", "ca/ca.key",
         "ca/ca.crt"),
        ("openssl x509 -noout -text -in ca/ca.crt", "ca/ca.crt", ""),
        ("openssl x509 -req -days 3 -in s.csr -CA c.crt -CAkey c.key -set_serial 1 -out s.crt",
         "s.csr c.crt c.key", "s.crt"),
        ("openssl verify -CAfile ca/ca.crt server/s.crt", "ca/ca.crt server/s.crt", ""),
    ],
)  # fmt: skip
def test_what_the_documents_commands_read_and_write(command: str, reads: str, writes: str) -> None:
    """Every form of command in DESIGN section 5."""
    state = ("ca.srl",) if "-CAcreateserial" in command else ()
    assert template.effects(tuple(command.split())) == Effects(
        tuple(reads.split()), tuple(writes.split()), state=state
    )


@pytest.mark.parametrize("option", ["-engine", "-provider", "-provider-path", "-writerand"])
def test_no_command_loads_code_or_writes_elsewhere(option: str) -> None:
    """A recipe runs nothing but its secrets' commands (DESIGN section 7)."""
    message, hint = refused(f"openssl req -new -key k {option} x -out r")
    assert message == f"a workflow does not use {option}"
    assert hint == "it would run code, or write elsewhere"


def test_chmod_changes_modes_and_mkdir_makes_folders() -> None:
    assert template.effects(("chmod", "400", "ca/ca.key")) == Effects(modes=("ca/ca.key",))
    assert template.effects(("chmod", "0444", "a", "b")) == Effects(modes=("a", "b"))
    assert template.effects(("mkdir", "-p", "ca", "x/y")) == Effects(folders=("ca", "x/y"))


@pytest.mark.parametrize(
    ("command", "reads", "writes"),
    [
        ("openssl req -new -x509 -keyout k -out c -config f", "f", "k c"),
        ("openssl pkcs12 -export -in c -certfile chain -name -out -out p12", "c chain", "p12"),
        ("openssl x509 -req -in r -CA c -CAkey k -extfile e -out o", "r c k e", "o"),
        ("openssl verify -purpose sslserver -untrusted i -CAfile c a b", "i c a b", ""),
        ("openssl ca -config f -in r -cert c -keyfile k -out o", "f r c k", "o"),
        ("openssl rand -hex 8 > serial", "", "serial"),
    ],
)
def test_the_value_of_an_option_is_no_option(command: str, reads: str, writes: str) -> None:
    assert template.effects(tuple(command.split())) == Effects(
        tuple(reads.split()), tuple(writes.split())
    )


def test_what_appends_reads_what_was_there() -> None:
    assert template.effects(tuple("cat a >> b".split())) == Effects(("a", "b"), ("b",))


NO_COMMAND = "it runs openssl …, cat … > …, chmod MODE FILE, and mkdir -p DIR"


def refused(command: str) -> tuple[str, str]:
    with pytest.raises(Fault) as caught:
        template.effects(tuple(command.split()))
    return caught.value.message, caught.value.hint


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("rm -rf ca.key", "rm -rf"),
        ("sh -c openssl", "sh -c"),
        ("env openssl x509", "env openssl"),
        ("/usr/bin/openssl x509", "/usr/bin/openssl x509"),
        ("./openssl x509", "./openssl x509"),
        ("curl http://x > ca.pem", "curl http://x"),
        ("openssl", "openssl"),
        ("cat > b", "cat"),
        ("chmod u+w k", "chmod u+w"),
        ("chmod 4755 k", "chmod 4755"),
        ("chmod 400", "chmod 400"),
        ("chmod -R 777", "chmod -R"),
        ("chmod 400 k > x", "chmod 400"),
        ("mkdir ca", "mkdir ca"),
        ("mkdir -p", "mkdir -p"),
        ("mkdir -p ca > x", "mkdir -p"),
    ],
)
def test_no_other_program_runs(command: str, named: str) -> None:
    assert refused(command) == (f"a workflow does not run {named!r}", NO_COMMAND)


def test_an_empty_command_runs_nothing() -> None:
    assert refused("") == ("a workflow does not run 'nothing'", NO_COMMAND)


def test_cat_makes_a_file() -> None:
    assert refused("cat a b") == ("cat without > makes nothing", "write cat A B > C")


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("openssl x509 -in a | tee b", "|"),
        ("openssl x509 -in a || rm b", "||"),
        ("openssl x509 -in a && rm b", "&&"),
        ("openssl x509 -in a ; rm b", ";"),
        ("openssl x509 -in a &", "&"),
        ("openssl x509 < a", "<"),
        ("openssl x509 <<< a", "<<<"),
        ("openssl x509 -in a 2> b", "2>"),
        ("openssl x509 -in a 2>&1", "2>&1"),
        ("openssl x509 -in a > b > c", ">"),
        ("openssl x509 -in a >", ">"),
        ("openssl x509 -in $FILE", "$FILE"),
        ("openssl x509 -in $(ls)", "$(ls)"),
    ],
)
def test_what_needs_a_shell_is_refused(command: str, word: str) -> None:
    """In a workflow's own words; a value that looks so is only a value."""
    with pytest.raises(Fault) as caught:
        template.check_words(tuple(command.split()))
    assert caught.value.message == f"{word!r} would need a shell"
    assert caught.value.hint == "one plain command a step"


@pytest.mark.parametrize("option", ["--out", "-out=/etc/k", "--out=/etc/k", "-keyout=/etc/k"])
def test_every_spelling_of_an_option_that_writes_is_seen(option: str) -> None:
    """openssl takes `--out FILE` and `-out=FILE` for `-out FILE` (opt_next in apps/lib/opt.c)."""
    command = ("openssl", "genrsa", option, *(("/etc/k",) if "=" not in option else ()), "2048")
    try:
        writes = template.effects(command).writes
    except Fault:
        return
    assert writes == ("/etc/k",)
