"""YAML text into plain data: every trap of the format is one clear message with its line."""

import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from mtls_openssl import source
from mtls_openssl.errors import BadInput, Fault, MachineFault, Problem
from mtls_openssl.render import problem as render

EMPTY_HINT = "mtls-openssl init writes a recipe to start from"
SYNTAX_HINT = "look at this line and the one before for a missing quote, bracket or colon"
TAB_HINT = "indent with spaces: YAML allows no tabs there"


def read(text: str | bytes) -> dict[str, Any]:
    content = text.encode() if isinstance(text, str) else text
    return source.parse(content, "r.yaml").data


def refused(text: str | bytes) -> Problem:
    """The one problem that a text is refused with."""
    with pytest.raises(BadInput) as caught:
        read(text)
    [problem] = caught.value.problems
    return problem


def said(text: str | bytes) -> tuple[str, str]:
    """What a text is refused with, as ("LINE:COLUMN MESSAGE", HINT)."""
    problem = refused(text)
    return f"{problem.line}:{problem.column} {problem.message}", problem.hint


def outcome(text: str | bytes) -> dict[str, Any] | Problem:
    """What comes of a text, whatever it is: its data, or its one problem."""
    try:
        return read(text)
    except BadInput as error:
        [problem] = error.problems
        return problem


def shown(text: str | bytes) -> str:
    """The same as the person sees it."""
    return render.problem(refused(text))


# Scalars


def test_a_country_and_a_province_are_text_and_a_leading_zero_is_kept() -> None:
    """`C: NO` is Norway, `ST: ON` is Ontario, and `010` is not 8 (YAML 1.1 says otherwise)."""
    assert read("C: NO\nST: ON\nserial: 010\n") == {"C": "NO", "ST": "ON", "serial": "010"}


@pytest.mark.parametrize(
    "text",
    "y n Y N yes no Yes No YES NO on off On Off ON OFF True False TRUE FALSE Null NULL "
    "0x1F 0o17 1_000 1.5 1e3 .5 .inf .nan +1 -0 00 007 190:20:30 2026-11-23 = <<<".split(),
)
def test_what_other_readers_take_for_something_else_stays_text(text: str) -> None:
    assert read(f"a: {text}\n") == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("false", False), ("null", None), ("~", None), ("", None), ("0", 0),
     ("365", 365), ("-1", -1), ("123456789012345678", 123456789012345678)],
)  # fmt: skip
def test_the_few_plain_words_that_are_no_text(text: str, value: object) -> None:
    assert read(f"a: {text}\n") == {"a": value}
    assert type(read(f"a: {text}\n")["a"]) is type(value)


@pytest.mark.parametrize("quoted", ["'true'", '"365"', "'~'", "!!str 365", "! 365", "|-\n  365"])
def test_a_quoted_value_is_text(quoted: str) -> None:
    assert isinstance(read(f"a: {quoted}\n")["a"], str)


def test_numbers_too_long_for_a_machine_word_keep_every_digit_as_text() -> None:
    digits = "9" * 5000
    assert read(f"a: {digits}\n") == {"a": digits}


@given(st.from_regex(r"[A-Za-z0-9.+~][A-Za-z0-9_.+~-]{0,12}|-?[0-9]{1,25}", fullmatch=True))
@settings(deadline=None)
def test_no_plain_value_loses_its_text(text: str) -> None:
    """A number is one only where its digits say the same; true, false and null are words."""
    value = read(f"a: {text}\n")["a"]
    match value:
        case bool():
            assert text == str(value).lower()
        case None:
            assert text in ("~", "null")
        case _:
            assert str(value) == text


class QuotingDumper(yaml.SafeDumper):
    """Writes every text in quotes, so that YAML 1.1 and 1.2 read the same."""


QuotingDumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)

NOT_A_MERGE = st.text(max_size=12).filter(lambda key: key != "<<")
LEAVES = st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text()
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NOT_A_MERGE, inner, min_size=1, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(NOT_A_MERGE, TREES, min_size=1, max_size=5), st.sampled_from([True, False]))
@settings(deadline=None)
def test_what_another_yaml_library_writes_is_read_back_equal(
    data: dict[str, Any], flow: bool
) -> None:
    text = yaml.dump(data, Dumper=QuotingDumper, default_flow_style=flow)
    assert read(text) == data


# Keys


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1 the key 'a' stands here a second time"),
        ("a: 1\nb: 2\n'a': 3\n", "3:1 the key 'a' stands here a second time"),
        ("{a: 1, b: 2,\n a: 3}\n", "2:2 the key 'a' stands here a second time"),
        ("x:\n  y:\n    - {a: 1, a: 2}\n", "3:14 the key 'a' stands here a second time"),
        ("1: x\n'1': y\n", "2:1 the key '1' stands here a second time"),
        ("true: x\n'true': y\n", "2:1 the key 'true' stands here a second time"),
        ("? a\n: 1\n? a\n: 2\n", "3:3 the key 'a' stands here a second time"),
    ],
)
def test_a_key_stands_once(text: str, message: str) -> None:
    assert said(text)[0] == message


def test_a_second_key_says_where_the_first_is() -> None:
    assert shown("root:\n  days: 1\n  key: x\n  days: 2\n") == (
        "r.yaml:4:3: error: the key 'days' stands here a second time\n"
        " 4 |   days: 2\n"
        "   |   ^^^^\n"
        "   = help: its first place is line 2; keep one of them\n"
    )


def test_a_second_merge_key_is_a_second_key() -> None:
    text = "a: &a {x: 1}\nb: &b {y: 2}\nc:\n  <<: *a\n  <<: *b\n"
    assert said(text) == (
        "5:3 the key '<<' stands here a second time",
        "its first place is line 4; keep one of them",
    )


@pytest.mark.parametrize(
    ("text", "place"), [("? [a]\n: b\n", "1:3"), ("{a: 1}: 2\n", "1:1"), ("x: {~: 1}\n", "1:5")]
)
def test_a_key_is_a_word(text: str, place: str) -> None:
    assert said(text) == (f"{place} a key must be a single word or text", "")


def test_keys_that_look_like_other_values_keep_their_text() -> None:
    assert read("1: a\ntrue: b\nNO: c\n010: d\n'': e\n") == {
        "1": "a", "true": "b", "NO": "c", "010": "d", "": "e",
    }  # fmt: skip


# Anchors, aliases, merge keys


def test_an_alias_repeats_its_anchor_and_a_key_may_be_one() -> None:
    assert read("a: &x [1, {b: c}]\nd: *x\ne: &y word\n*y : f\n") == {
        "a": [1, {"b": "c"}],
        "d": [1, {"b": "c"}],
        "e": "word",
        "word": "f",
    }


def test_a_merge_key_gives_what_is_not_said_and_the_first_of_several_wins() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: 9\n"
    assert read(text)["c"] == {"x": 9, "y": 1, "z": 2}
    assert read("a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b}\n")["c"] == {"x": 1, "y": 2}


def test_a_quoted_merge_key_is_a_key_like_any_other() -> None:
    """Quotes make a text of it (YAML 1.1, "<<" is a tag's plain form)."""
    assert read("a: {'<<': {x: 1}}\n") == {"a": {"<<": {"x": 1}}}


@pytest.mark.parametrize(
    ("text", "place"), [("<<: 1\n", "1:5"), ("<<:\n", "1:4"), ("a: {<<: [{b: 1}, x]}\n", "1:18")]
)
def test_only_a_mapping_can_be_merged(text: str, place: str) -> None:
    hint = "name an anchor that stands on a mapping"
    assert said(text) == (f"{place} <<: takes a mapping", hint)


def test_an_unknown_alias_names_the_anchor_that_was_meant() -> None:
    assert said("a: &common 1\nb: *comon\n") == (
        "2:4 no anchor &comon stands before this",
        "did you mean 'common'?",
    )
    assert said("b: *common\n") == ("1:4 no anchor &common stands before this", "")


@pytest.mark.parametrize(("text", "place"), [("a: &a [*a]\n", "1:8"), ("a: &a {b: *a}\n", "1:11")])
def test_an_alias_cannot_stand_inside_what_it_repeats(text: str, place: str) -> None:
    assert said(text) == (f"{place} *a stands inside what it repeats", "remove it")


def bomb(opening: str, closing: str) -> str:
    """Nine lines that ask for 10^9 values."""
    text = f"a: &a {opening}x: x{closing}\n" if opening == "{" else "a: &a [x, x]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        if opening == "{":
            entries = ", ".join(f"k{number}: *{before}" for number in range(9))
        else:
            entries = ", ".join(f"*{before}" for _ in range(9))
        text += f"{name}: &{name} {opening}{entries}{closing}\n"
    return text


@pytest.mark.parametrize("kind", ["[]", "{}"])
def test_a_bomb_of_aliases_is_refused_in_little_time_and_memory(kind: str) -> None:
    content = bomb(kind[0], kind[1]).encode()
    tracemalloc.start()
    start = time.monotonic()
    try:
        problem = refused(content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert problem.message == "aliases repeat too much here"
    assert problem.hint == "at most 100000 values may come from aliases"
    assert problem.line == 6
    assert time.monotonic() - start < 5
    assert peak < 50 * 2**20


def test_aliases_within_the_bound_are_all_read() -> None:
    text = "a: &a [" + "x, " * 99 + "x]\nb: [" + "*a, " * 900 + "*a]\n"
    assert read(text)["b"] == [["x"] * 100] * 901


def test_aliases_cannot_nest_what_brackets_may_not() -> None:
    """Eighty lines of 29 levels each, every line around the one before: 2320 levels in all."""
    lines = [f"a{n}: &a{n} {'[' * 29}{f'*a{n - 1}' if n else 'x'}{']' * 29}\n" for n in range(80)]
    assert refused("".join(lines)).message == "this is nested more than 32 levels deep"


# Nesting


def test_a_hundred_thousand_brackets_end_in_one_message_not_in_a_crash() -> None:
    """In a process of its own: a recursive reader would take the test run down with it."""
    script = """if True:
        from mtls_openssl import source, errors
        for text in ("[" * 100_000, "a: " + "[" * 100_000, "{a: " * 100_000, "- " * 100_000,
                     "? " * 100_000, "\\n".join(" " * n + "a:" for n in range(2000))):
            try:
                source.parse(text.encode(), "r.yaml")
            except errors.BadInput as error:
                [problem] = error.problems
                print(f"{problem.line}:{problem.column} {problem.message}")
    """
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    places = ["1:33", "1:35", "1:129", "1:65", "1:65", "33:33"]
    message = "this is nested more than 32 levels deep"
    assert done.stdout.splitlines() == [f"{place} {message}" for place in places]


def test_thirty_two_levels_are_read() -> None:
    data: Any = read("a: " + "[" * 31 + "]" * 31 + "\n")["a"]
    levels = 1
    while data:
        [data] = data
        levels += 1
    assert levels == 31


# The file's bytes


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a:\n\tb: 1\n", "2:1"),
        ("a:\n  b: 1\n\tc: 1\n", "3:1"),
        ("a:\n  b:\n  \t- c\n", "3:3"),
        ("\ta: 1\n", "1:1"),
        ("a: 1\n\tb: 1\n", "2:1"),
        ("a: |\n\ttext\n", "2:1"),
    ],
)
def test_a_tab_does_not_indent(text: str, place: str) -> None:
    assert said(text) == (f"{place} a tab indents this line", TAB_HINT)


def test_a_tab_is_shown_as_the_one_blank_that_the_caret_counts() -> None:
    assert shown("a:\n \tb: 1\n") == (
        "r.yaml:2:2: error: a tab indents this line\n"
        " 2 |   b: 1\n"
        "   |  ^\n"
        "   = help: indent with spaces: YAML allows no tabs there\n"
    )


def test_a_tab_elsewhere_is_a_blank() -> None:
    assert read("a:\tb\nc: [1,\n\t2]\t# d\n") == {"a": "b", "c": [1, 2]}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_refused(encoding: str) -> None:
    assert said("a: 1\n".encode(encoding)) == (
        "1:1 the file begins with a byte order mark",
        "save it as UTF-8 without BOM",
    )


@pytest.mark.parametrize(("encoding", "place"), [("utf-16-be", "1:1"), ("utf-16-le", "1:2")])
def test_utf_16_without_a_mark_shows_its_first_nul(encoding: str, place: str) -> None:
    assert said("a: 1\n".encode(encoding)) == (
        f"{place} a control character (U+0000) stands here",
        "remove it",
    )


def test_windows_line_ends_are_refused_with_the_command_that_mends_them() -> None:
    assert shown("a: 1\nb: 2\r\nc: 3\r\n") == (
        "r.yaml:2:5: error: the lines end in CR LF, as on Windows\n"
        " 2 | b: 2\n"
        "   |     ^\n"
        "   = help: convert the file: tr -d '\\r' <r.yaml >unix.yaml\n"
    )


def test_a_carriage_return_alone_is_not_called_a_windows_line_end() -> None:
    """The remedy for CR LF would join all its lines into one."""
    assert "CR LF" not in refused("a: 1\rb: 2\r").message


@pytest.mark.parametrize("number", [0x00, 0x01, 0x07, 0x08, 0x0B, 0x0C, 0x1B, 0x1F, 0x7F, 0x80])
def test_a_control_character_is_named_where_it_stands(number: int) -> None:
    message = f"2:5 a control character (U+{number:04X}) stands here"
    assert said(f"a: 1\nb: x{chr(number)}y\n") == (message, "remove it")


def test_a_control_character_is_shown_as_an_escape() -> None:
    assert shown("# ü\x1b]0;title\x07\n") == (
        "r.yaml:1:4: error: a control character (U+001B) stands here\n"
        " 1 | # ü\\x1b]0;title\\x07\n"
        "   |    ^\n"
        "   = help: remove it\n"
    )


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("a: ü\n".encode("latin-1"), "1:4"),
        (b"a: 1\nb: \xc3\xbc\xff\n", "2:5"),
        (b"a: 1\nb: \xed\xa0\x80\n", "2:4"),
        (b"a: \xf0\x9f\x99\x82\xf0\x9f", "1:5"),
    ],
)
def test_what_is_not_utf_8_is_refused_at_its_first_byte(content: bytes, place: str) -> None:
    """Line and column count characters, not bytes."""
    assert said(content) == (f"{place} this is not UTF-8", "save the file as UTF-8")


@pytest.mark.parametrize("tail", [b"\r\n", b"\xff\n", b"\x00\n"])
def test_a_fault_far_out_on_a_long_line_is_shown(tail: bytes) -> None:
    """The line is cut around the caret, which stands right behind the last letter."""
    report = shown(b"a: " + b"x" * 400 + b"END" + tail)
    line, caret = report.splitlines()[1:3]
    assert caret.index("^") == line.index("END") + 3


@pytest.mark.parametrize("separator", ["\x85", "\u2028", "\u2029"])
def test_rare_line_separators_do_not_shift_the_lines(separator: str) -> None:
    """No editor counts them: refused where they stand, or not counted either."""
    assert said(f"# a{separator}b\nc: *d\n")[0].split()[0] in ("1:4", "2:4")


@pytest.mark.parametrize("text", ["", " \n\n", "# one\n# two\n", "---\n", "---\n...\n", "~\n"])
def test_an_empty_file_says_how_to_begin(text: str) -> None:
    assert said(text) == ("1:1 the file is empty", EMPTY_HINT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b\n", "1:1 the file's top is a list"),
        ("# x\n\n[a]\n", "3:1 the file's top is a list"),
        ("hello\n", "1:1 the file's top is a single value"),
        ("key = value\n", "1:1 the file's top is a single value"),
        ("42\n", "1:1 the file's top is a single value"),
        ("# x\n'null'\n", "2:1 the file's top is a single value"),
    ],
)
def test_the_top_is_a_mapping(text: str, message: str) -> None:
    assert said(text) == (message, "begin with keys such as workflow:")


@pytest.mark.parametrize("text", ["a: 1\n---\nb: 2\n", "a: 1\n---\n", "a: 1\n---\n- c\n---\n"])
def test_a_second_document_is_refused_where_it_begins(text: str) -> None:
    assert said(text) == ("2:1 a second document begins here", "keep one recipe a file")


def test_the_marks_around_one_document_mean_nothing() -> None:
    assert read("%YAML 1.1\n---\na: 1\n...\n# end\n") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("a: !!python/object:os.system x\n", "tag:yaml.org,2002:python/object:os.system"),
        ("a: !!python/name:os.system\n", "tag:yaml.org,2002:python/name:os.system"),
        ("a: !!int 3\n", "tag:yaml.org,2002:int"),
        ("a: !!bool yes\n", "tag:yaml.org,2002:bool"),
        ("a: !!binary aGk=\n", "tag:yaml.org,2002:binary"),
        ("a: !mine x\n", "!mine"),
        ("a: !<x> y\n", "x"),
        ("a: !!map 3\n", "tag:yaml.org,2002:map"),
    ],
)
def test_a_tag_on_a_value_is_refused_and_never_obeyed(text: str, tag: str) -> None:
    assert said(text) == (f"1:4 the tag {tag} means nothing here", "write the value without a tag")


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("a: !!python/object/apply:os.system ['x']\n", "python/object/apply:os.system"),
        ("a: !!python/object/new:os.system {args: [x]}\n", "python/object/new:os.system"),
        ("a: !!set {x, y}\n", "set"),
        ("a: !!omap [x: y]\n", "omap"),
        ("a: !!seq {x: 1}\n", "seq"),
        ("a: !!str [x]\n", "str"),
    ],
)
def test_a_tag_on_a_collection_is_refused_and_never_obeyed(text: str, tag: str) -> None:
    assert said(text) == (
        f"1:4 the tag tag:yaml.org,2002:{tag} means nothing here",
        "write it without a tag",
    )


def test_tags_that_say_what_is_there_anyway_are_allowed() -> None:
    assert read("a: !!map {b: !!seq [!!str c]}\n") == {"a": {"b": ["c"]}}


# Syntax


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "a: b: c\n",
            "1:5 a second ': ' stands in this value, or the indentation is off",
            "quote the value, or align the line with its neighbours",
        ),
        (
            "a: 1\n  b: 2\n",
            "2:4 a second ': ' stands in this value, or the indentation is off",
            "quote the value, or align the line with its neighbours",
        ),
        ("a: 1\nb: @x\n", "2:4 a value cannot begin with '@'", "quote the value"),
        ("a: `x`\n", "1:4 a value cannot begin with '`'", "quote the value"),
        ("a: %x\n", "1:4 a value cannot begin with '%'", "quote the value"),
        (
            "a:\n  b: 1\n c: 2\n",
            "3:2 this is not YAML: did not find expected key (while parsing a block mapping)",
            SYNTAX_HINT,
        ),
        (
            "a: {b: 1\nc: 2\n",
            "2:2 this is not YAML: did not find expected ',' or '}' (while parsing a flow mapping)",
            SYNTAX_HINT,
        ),
        (
            'a: "\\q"\n',
            "1:5 this is not YAML: found unknown escape character (while parsing a quoted scalar)",
            SYNTAX_HINT,
        ),
    ],
)
def test_a_fault_of_syntax_is_told_in_a_writers_words(text: str, message: str, hint: str) -> None:
    assert said(text) == (message, hint)


# Anything at all

PIECES = st.sampled_from(
    ["a", "b: ", "- ", "? ", ": ", "\n", "\n  ", "\t", "{", "}", "[", "]", ",", "&x ", "*x", "<<: ",
     "!!str ", "!t ", "'", '"', "|\n", ">\n", "#", "---\n", "...\n", "%YAML 1.1\n", "\\", "\r\n",
     "\x00", "\x85", "\u2028", "\ufeff", "ü", "🙂", "~", "1", "010", "true", "@", "=", " "]
)  # fmt: skip
YAMLISH = st.lists(PIECES, max_size=30).map("".join)


@given(st.binary(max_size=200) | YAMLISH.map(str.encode))
@settings(deadline=None, max_examples=400)
@example(b"a: \xff")
@example(b'a: "\\ud800"')
def test_whatever_the_bytes_the_answer_is_data_or_one_problem(content: bytes) -> None:
    match outcome(content):
        case Problem() as problem:
            assert render.problem(problem).startswith(f"r.yaml:{problem.line}:{problem.column}: ")
        case data:
            assert all(isinstance(key, str) for key in data)


@given(YAMLISH)
@settings(deadline=None, max_examples=400)
@example("# a\u2028b\nc: [\n")
@example("a: {")
def test_a_problem_always_points_into_the_file(text: str) -> None:
    """The line that is shown is that line of the file, and the caret stands on it or at its end."""
    problem = outcome(text)
    assume(isinstance(problem, Problem))
    assert isinstance(problem, Problem)
    assert problem.line <= len(text.split("\n"))
    assert problem.excerpt == text.split("\n")[problem.line - 1].rstrip("\r")
    assert 1 <= problem.column <= len(problem.excerpt) + 1
    assert 1 <= problem.width <= max(1, len(problem.excerpt) - problem.column + 1)


# Documents and places

DOCUMENT = """\
workflow: w
clients:
  alice: &a
    names: [one, 'two', "th\\x72ee"]
    subject: {C: USA, O: Example}
  bob: *a
  carol:
    <<: *a
    key:
"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), "1:1"),
        (("workflow",), "1:11"),
        (("clients", "alice", "names", 1), "4:18"),
        (("clients", "alice", "subject", "C"), "5:18"),
        (("clients", "alice", "subject", "CN"), "5:5"),
        (("clients", "bob"), "6:8"),
        (("clients", "bob", "subject", "C"), "5:18"),
        (("clients", "carol", "subject", "C"), "5:18"),
        (("clients", "carol", "key"), "9:5"),
        (("clients", "alice", "names", 7), "4:12"),
        (("nowhere", "at", "all"), "1:1"),
    ],
)
def test_a_path_leads_to_its_value_or_to_the_deepest_part_there_is(
    path: tuple[str | int, ...], place: str
) -> None:
    document = source.parse(DOCUMENT.encode(), "r.yaml")
    problem = document.problem(path, "m")
    assert f"{problem.line}:{problem.column}" == place
    assert problem.path == path
    assert problem.excerpt == DOCUMENT.split("\n")[problem.line - 1]


def test_a_key_can_be_meant_instead_of_its_value() -> None:
    document = source.parse(DOCUMENT.encode(), "r.yaml")
    problem = document.problem(("clients", "alice", "subject"), "m", key=True)
    assert (problem.line, problem.column, problem.width) == (5, 5, len("subject"))


def test_a_fault_points_at_the_word_inside_a_value() -> None:
    document = source.parse(b"a:\n  b: /C=USA/CN=x\n", "r.yaml")
    problem = document.fault(("a",), Fault("m", "h", ("b",), "USA"))
    assert render.problem(problem) == (
        "r.yaml:2:9: error: m\n"
        " 2 |   b: /C=USA/CN=x\n"
        "   |         ^^^\n"
        "   = help: h\n"
    )  # fmt: skip


def test_a_word_that_the_value_writes_by_an_escape_is_not_sought_elsewhere() -> None:
    """`"US\\x41"` is USA, but the USA of a later line is another's."""
    document = source.parse(b'a: {C: "US\\x41"}\nb: {O: USA}\n', "r.yaml")
    assert document.fault(("a", "C"), Fault("m", word="USA")).line == 1


def test_a_secret_is_hidden_from_its_place_on() -> None:
    document = source.parse(b"a: {b: hunter2, c: d}\n", "r.yaml")
    problem = document.fault(("a", "b"), Fault("m", hide=True))
    assert (problem.excerpt, problem.column, problem.width) == ("a: {b: ****", 8, 4)


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("worflow", ("workflow", "servers"), "did you mean 'workflow'?"),
        ("zzz", ("workflow", "servers"), "known here: servers, workflow"),
        ("zzz", (), ""),
        (3, ("30", "x"), "did you mean '30'?"),
        ("cn", ("CN", "ST"), "did you mean 'CN'?"),
    ],
)
def test_a_misspelt_word_is_recognized(word: object, known: tuple[str, ...], hint: str) -> None:
    assert source.suggestion(word, known) == hint


def test_a_long_list_of_what_is_known_is_cut() -> None:
    """A recipe of 10 000 authorities does not answer a misspelt one with a wall of text."""
    assert len(source.suggestion("zzz", (f"authority-{number}" for number in range(10_000)))) < 2000


# Files


def test_a_file_is_read_under_the_name_that_the_person_gave(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: [\n")
    with pytest.raises(BadInput) as caught:
        source.read(path, "here/x.yaml")
    assert caught.value.problems[0].file == "here/x.yaml"
    path.write_text("a: ü\n", encoding="utf-8")
    assert source.read(path).data == {"a": "ü"}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    for path in (tmp_path / "none.yaml", tmp_path / "plain" / "x.yaml"):
        with pytest.raises(BadInput) as caught:
            source.read(path)
        assert caught.value.message == f"there is no file {path}"
        assert caught.value.hint == "check the path"


def test_a_directory_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        source.read(tmp_path, "pki")
    assert caught.value.message == "pki is a directory"
    assert caught.value.hint == "name the recipe's file in it"


def test_a_file_that_the_machine_cannot_open(tmp_path: Path) -> None:
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    with pytest.raises(MachineFault) as caught:
        source.read(loop, "loop.yaml")
    assert caught.value.message == "loop.yaml cannot be read: Too many levels of symbolic links"


def test_an_endless_file_is_read_no_further_than_the_bound() -> None:
    with pytest.raises(BadInput) as caught:
        source.read(Path("/dev/zero"), "zero.yaml")
    [problem] = caught.value.problems
    assert (problem.line, problem.column) == (1, 1)
    assert problem.message == "the file is larger than 16 MiB"
    assert problem.hint == "describe a fleet by one entity with each:"
