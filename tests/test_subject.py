r"""Distinguished names: told right from wrong, and unchanged on the way into a request and back.

The way is openssl's own: `-subj` or the prompts of `req` in, `-nameopt RFC2253` out.
"""

import time
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mtls_openssl.errors import Fault
from mtls_openssl.process import Reply, Runner
from mtls_openssl.subject import (
    SUBJECT_SCHEMA,
    TYPES,
    Subject,
    from_rfc2253,
    merge,
    parse_subject,
    same,
    to_subj,
    to_text,
)

BOUNDS = {
    "C": 2, "ST": 128, "L": 128, "O": 64, "OU": 64, "CN": 64, "emailAddress": 128,
    "serialNumber": 64, "title": 64, "DC": 63, "UID": 256, "GN": 64, "SN": 64, "initials": 64,
    "street": 128, "postalCode": 40, "dnQualifier": 64, "pseudonym": 128,
}  # fmt: skip
COUNTRY_HINT = "see ISO 3166-1 alpha-2, such as US, DE, CN"
EMPTY_HINT = "give it a text, or leave the attribute out"
BOUND_HINT = "RFC 5280, appendix A.1, sets these bounds"


def faults(value: object) -> list[Fault]:
    """Everything that is wrong with a subject."""
    with pytest.raises(Fault) as caught:
        parse_subject(value)
    return [caught.value, *caught.value.others]


def refused(value: object) -> tuple[str, str]:
    """The message and the hint of the one thing that is wrong."""
    [fault] = faults(value)
    return fault.message, fault.hint


# What the recipe writes


def test_a_mapping_is_a_subject_in_its_order() -> None:
    assert parse_subject({"CN": "Root", "C": "US", "O": "Example"}) == (
        ("CN", "Root"),
        ("C", "US"),
        ("O", "Example"),
    )


def test_numbers_and_truths_are_the_text_that_was_written() -> None:
    assert parse_subject({"CN": 365, "O": True, "OU": False}) == (
        ("CN", "365"),
        ("O", "true"),
        ("OU", "false"),
    )


def test_a_list_stands_for_several_attributes_of_one_type() -> None:
    assert parse_subject({"DC": ["com", "example"], "CN": "x"}) == (
        ("DC", "com"),
        ("DC", "example"),
        ("CN", "x"),
    )


def test_openssls_long_names_mean_the_same() -> None:
    long = {
        "countryName": "US", "stateOrProvinceName": "ABC", "localityName": "XYZ",
        "organizationName": "Example", "organizationalUnitName": "Test", "commonName": "Root",
        "email": "a@b", "domainComponent": "com", "userId": "u", "givenName": "G", "surname": "S",
        "streetAddress": "1",
    }  # fmt: skip
    names = ("C", "ST", "L", "O", "OU", "CN", "emailAddress", "DC", "UID", "GN", "SN", "street")
    assert parse_subject(long) == tuple(zip(names, long.values(), strict=True))


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("/C=US/O=Example/CN=Root", (("C", "US"), ("O", "Example"), ("CN", "Root"))),
        ("/C=US/O=Example/CN=Root/", (("C", "US"), ("O", "Example"), ("CN", "Root"))),
        ("/commonName=Root", (("CN", "Root"),)),
        ("/OU=a/OU=b", (("OU", "a"), ("OU", "b"))),
        (r"/CN=a\/b", (("CN", "a/b"),)),
        (r"/CN=a\/b\//", (("CN", "a/b/"),)),
        (r"/CN=a\\/O=b", (("CN", "a\\"), ("O", "b"))),
        (r"/CN=a\+OU=b", (("CN", "a+OU=b"),)),
        ("/CN=1+1", (("CN", "1+1"),)),
        ("/CN=a=b", (("CN", "a=b"),)),
        (r"/CN=\a\=", (("CN", "a="),)),
        ("/CN= a, b ", (("CN", " a, b "),)),
        ("/CN=ü🙂", (("CN", "ü🙂"),)),
        ('/O="Company"', (("O", '"Company"'),)),
    ],
)
def test_one_text_is_a_subject_too(text: str, subject: Subject) -> None:
    assert parse_subject(text) == subject


# What is refused, before openssl would


@pytest.mark.parametrize("value", [None, 5, True, [], ["C=US"]])
def test_anything_else_is_no_subject(value: object) -> None:
    assert refused(value) == (
        "a subject is a mapping or a string",
        "write {C: US, O: Example, CN: Root} or /C=US/O=Example/CN=Root",
    )


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("CN=Root", "a subject given as text begins with /", "write /CN=Root"),
        ("/CN=a/Root", "'Root' has no =", r"write /TYPE=value; a / in a value is \/"),
        (
            "/CN=a+OU=b",
            "CN=a+OU=b is an attribute of several values",
            r"write /OU=… for another attribute, \+ for a plus sign",
        ),
        (
            r"/CN=a\\+OU=b",
            r"CN=a\\+OU=b is an attribute of several values",
            r"write /OU=… for another attribute, \+ for a plus sign",
        ),
    ],
)
def test_a_text_that_is_no_subject(text: str, message: str, hint: str) -> None:
    assert refused(text) == (message, hint)


@pytest.mark.parametrize("text", ["/CN=abc\\", "/C=US/CN=abc\\", "/C=US\\", "/\\"])
def test_a_backslash_at_the_end_escapes_nothing_and_loses_nothing(text: str) -> None:
    """Whatever is said of it, the attribute it ends is not dropped in silence."""
    assert len(faults(text)) == 1


def test_a_long_text_is_taken_apart_in_little_time() -> None:
    start = time.monotonic()
    assert len(faults("/CN=" + "x" * 10_000 + "\\")) == 1
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("CNN", "did you mean 'CN'?"),
        ("common name", "did you mean 'commonName'?"),
        ("emailaddress", "did you mean 'emailAddress'?"),
        ("cn", "did you mean 'CN'?"),
        ("st", "did you mean 'ST'?"),
    ],
)
def test_an_unknown_attribute_is_recognized(name: str, hint: str) -> None:
    """openssl would leave it out with a warning, and end well."""
    for value in ({name: "x"}, f"/{name}=x"):
        assert refused(value) == (f"unknown attribute {name!r}", hint)


def test_an_attribute_like_no_other_gets_the_list_of_what_there_is() -> None:
    message, hint = refused({"zzzzzz": "x"})
    assert message == "unknown attribute 'zzzzzz'"
    assert hint.startswith("known here: C, CN, DC, GN, L, O, OU, SN, ST, UID, commonName, ")


@pytest.mark.parametrize("value", ["", None, [""], [None], [["x"]], {"a": "b"}])
def test_an_attribute_has_a_value(value: object) -> None:
    """openssl would skip an empty one with a warning."""
    assert refused({"O": value}) == ("O has no value", EMPTY_HINT)


def test_an_attribute_of_a_text_has_a_value() -> None:
    assert refused("/C=US/O=/CN=x") == ("O has no value", EMPTY_HINT)


@pytest.mark.parametrize("number", [0, 9, 10, 13, 27, 31, 127, 128, 133, 159])
def test_control_characters_are_refused(number: int) -> None:
    assert refused({"CN": f"a{chr(number)}b"}) == (
        "CN holds a control character",
        "names are one line of plain text",
    )


@pytest.mark.parametrize("country", ["U", "USA", "U1", "ÜS", "U ", "1", 12])
def test_a_country_has_two_letters(country: object) -> None:
    assert refused({"C": country}) == (
        f"C is a country code of two letters, not {str(country)!r}",
        COUNTRY_HINT,
    )


@pytest.mark.parametrize("country", ["US", "de", "NO"])
def test_a_country_of_two_letters_is_taken(country: str) -> None:
    assert parse_subject({"C": country}) == (("C", country),)


@pytest.mark.parametrize(("name", "most"), [item for item in BOUNDS.items() if item[0] != "C"])
def test_a_value_is_as_long_as_openssl_takes_it_and_no_longer(name: str, most: int) -> None:
    assert parse_subject({name: "x" * most}) == ((name, "x" * most),)
    assert refused({name: "x" * (most + 1)}) == (
        f"{name} is {most + 1} characters long; {most} are the most",
        BOUND_HINT,
    )


def test_lengths_are_counted_in_characters() -> None:
    assert parse_subject({"CN": "ü" * 64}) == (("CN", "ü" * 64),)
    assert refused({"CN": "🙂" * 65})[0] == "CN is 65 characters long; 64 are the most"


def test_every_type_has_its_bound_here() -> None:
    assert set(TYPES) == set(BOUNDS)


@pytest.mark.parametrize("name", ["serialNumber", "dnQualifier"])
@pytest.mark.parametrize("value", ["a_b", "ä", "a@b", 'a"b', "a*b"])
def test_printable_strings_take_few_characters(name: str, value: str) -> None:
    """PrintableString of X.680, which openssl insists on for these."""
    assert refused({name: value}) == (
        f"{name} takes letters, digits and ' ( ) + , - . / : = ? only",
        "",
    )


@pytest.mark.parametrize("name", ["emailAddress", "DC"])
def test_ia5_strings_take_ascii(name: str) -> None:
    assert refused({name: "bücher@x"}) == (
        f"{name} takes ASCII characters only",
        "write a domain in its xn-- form",
    )


def test_several_faults_are_told_at_once_each_with_its_place_and_word() -> None:
    value = {"C": "USA", "cmn": "x", "OU": ["ok", "", "o" * 65], "CN": "a\tb"}
    assert [(fault.path, fault.message, fault.word) for fault in faults(value)] == [
        (("C",), "C is a country code of two letters, not 'USA'", "USA"),
        (("cmn",), "unknown attribute 'cmn'", "cmn"),
        (("OU", 1), "OU has no value", ""),
        (("OU", 2), "OU is 65 characters long; 64 are the most", "o" * 65),
        (("CN",), "CN holds a control character", ""),
    ]
    assert [fault.message for fault in faults("/C=USA/X=1/CN=" + "x" * 65)] == [
        "C is a country code of two letters, not 'USA'",
        "unknown attribute 'X'",
        "CN is 65 characters long; 64 are the most",
    ]


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ({"C": "US", "CN": 5, "OU": ["a", "b"], "commonName": "x"}, True),
        ("/C=US/CN=x", True),
        ({}, True),
        ("CN=x", False),
        ({"cn": "x"}, False),
        (["x"], False),
        (None, False),
    ],
)
def test_the_schema_says_the_same(value: object, valid: bool) -> None:
    assert jsonschema.Draft202012Validator(SUBJECT_SCHEMA).is_valid(value) is valid


# Defaults under it


@pytest.mark.parametrize(
    ("under", "over", "merged"),
    [
        ("/C=US/O=E", "/CN=x", "/C=US/O=E/CN=x"),
        ("/C=US/O=E/OU=T", "/O=F/CN=x", "/C=US/O=F/OU=T/CN=x"),
        ("/C=US/O=E", "/CN=x/O=F/C=DE", "/C=DE/O=F/CN=x"),
        ("/OU=a/OU=b/O=E", "/OU=c", "/OU=c/O=E"),
        ("/OU=a/O=E", "/CN=x/OU=b/OU=c", "/OU=b/OU=c/O=E/CN=x"),
        ("/OU=a/O=E/OU=b", "/OU=c/OU=d", "/OU=c/OU=d/O=E"),
    ],
)
def test_what_is_said_above_replaces_what_is_below_in_its_place(
    under: str, over: str, merged: str
) -> None:
    assert merge(parse_subject(under), parse_subject(over)) == parse_subject(merged)


def test_merging_with_nothing_changes_nothing() -> None:
    subject = (("C", "US"), ("OU", "a"), ("OU", "b"))
    assert merge((), subject) == merge(subject, ()) == merge(subject, subject) == subject


# The way to openssl and back

NASTY = st.sampled_from(
    list("/+\\,\"'=#;<>|$%&*!?^`~@()[]{}:. aZ09äßé漢🙂€\u2028\u200b\ufeffe\u0301")
)
ANYTHING = st.characters(exclude_categories=["Cs", "Cc"])
PRINTABLE = st.sampled_from(list("abzAZ09 '()+,-./:=?"))
ASCII = st.characters(min_codepoint=32, max_codepoint=126)


def values(name: str, most: int) -> st.SearchStrategy[str]:
    """Values that an attribute type may have, the nasty ones often."""
    match name:
        case "C":
            return st.text(st.sampled_from(list("USDEnocn")), min_size=2, max_size=2)
        case "serialNumber" | "dnQualifier":
            return st.text(PRINTABLE, min_size=1, max_size=most)
        case "emailAddress" | "DC":
            return st.text(ASCII, min_size=1, max_size=most)
    return st.text(NASTY | ANYTHING, min_size=1, max_size=most)


ATTRIBUTES = st.sampled_from(sorted(BOUNDS)).flatmap(
    lambda name: st.tuples(st.just(name), values(name, min(BOUNDS[name], 24)))
)
SUBJECTS = st.lists(ATTRIBUTES, min_size=1, max_size=8).map(tuple)


@given(SUBJECTS)
@settings(deadline=None)
def test_what_is_written_for_openssl_is_read_back_by_the_recipe(subject: Subject) -> None:
    assert parse_subject(to_subj(subject)) == subject
    assert parse_subject(to_subj(subject) + "/") == subject


@given(SUBJECTS)
@settings(deadline=None)
def test_a_mapping_of_lists_says_the_same_as_its_attributes(subject: Subject) -> None:
    mapping: dict[str, list[str]] = {}
    for name, value in subject:
        mapping.setdefault(name, []).append(value)
    assert parse_subject(mapping) == tuple(
        sorted(subject, key=lambda pair: [*mapping].index(pair[0]))
    )


def test_subj_escapes_what_openssl_would_take_apart() -> None:
    assert to_subj((("O", r"a/b+c\d"), ("CN", 'x, "y" = z'))) == r'/O=a\/b\+c\\d/CN=x, "y" = z'


def test_a_subject_is_compared_in_whatever_order() -> None:
    assert to_text((("C", "US"), ("CN", r"a, b\c"))) == r"C=US, CN=a\, b\\c"
    assert same("C=US, CN=x", "CN=x, C=US")
    assert not same("C=US, CN=x", "C=US, CN=x, O=y")
    assert not same("OU=a, OU=a", "OU=a")


@given(SUBJECTS, SUBJECTS)
@settings(deadline=None)
@example((("O", "a, CN=b"),), (("O", "a"), ("CN", "b")))
@example((("O", "a\\"), ("CN", "b")), (("O", "a\\, CN=b"),))
@example((("O", " a"),), (("O", "a"),))
def test_only_the_same_attributes_are_the_same(one: Subject, other: Subject) -> None:
    assert same(to_text(one), to_text(reversed(one)))
    assert same(to_text(one), to_text(other)) is (sorted(one) == sorted(other))


@pytest.mark.parametrize(
    ("printed", "subject"),
    [
        ("CN=Root,O=Example,C=US", (("C", "US"), ("O", "Example"), ("CN", "Root"))),
        ("CN=b+OU=a,C=US", (("C", "US"), ("OU", "a"), ("CN", "b"))),
        (r"CN=a\,b\+c\"d\\e\<f\>g\;h", (("CN", r'a,b+c"d\e<f>g;h'),)),
        (r"CN=\ a\ ", (("CN", " a "),)),
        (r"CN=\#a=b", (("CN", "#a=b"),)),
        (r"CN=\C3\BC\F0\9F\99\82", (("CN", "ü🙂"),)),
        (r"CN=\\C3", (("CN", r"\C3"),)),
        ("", ()),
    ],
)
def test_what_openssl_prints_is_read(printed: str, subject: Subject) -> None:
    assert from_rfc2253(printed) == subject


@pytest.fixture(scope="module")
def requests(openssl: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """Runs openssl in a folder with a key, K."""
    runner = Runner(openssl, tmp_path_factory.mktemp("requests"))
    made = runner.run("openssl ecparam -name prime256v1 -genkey -noout -out K".split())
    assert made.returncode == 0, made.transcript
    return runner


REQUEST = "openssl req -new -utf8 -key K -out R".split()


def read_back(runner: Runner) -> Subject:
    """The subject of the request R, in openssl's words."""
    asked = runner.run("openssl req -in R -noout -subject -nameopt RFC2253".split())
    assert asked.returncode == 0, asked.transcript
    return from_rfc2253(asked.stdout.removesuffix("\n").removeprefix("subject="))


def by_option(runner: Runner, subject: Subject) -> Subject:
    made = runner.run([*REQUEST, "-subj", to_subj(subject)])
    assert made.returncode == 0, made.transcript
    return read_back(runner)


def by_prompts(runner: Runner, subject: Subject) -> Subject:
    made = runner.converse(REQUEST, [Reply("subject", subject=subject)])
    assert made.returncode == 0, made.transcript
    return read_back(runner)


EVERY_SPECIAL: Subject = (
    ("C", "DE"), ("ST", " lead and trail "), ("L", "#a=b"), ("O", 'a/b+c\\d,e"f\'g;h<i>j'),
    ("OU", "\\"), ("OU", "+"), ("OU", "/"), ("OU", "="), ("OU", ","), ("OU", " "), ("OU", "."),
    ("CN", "Ünï🙂 漢字 \\C3\\BC \\, \\\\"), ("emailAddress", 'a+b/c"@d\\'),
)  # fmt: skip


@pytest.mark.version
@given(subject=SUBJECTS)
@settings(deadline=None, max_examples=100)
@example(subject=EVERY_SPECIAL)
def test_no_character_is_lost_on_the_way_through_subj(requests: Runner, subject: Subject) -> None:
    assert by_option(requests, subject) == subject


@pytest.mark.version
@pytest.mark.parametrize("letter", ["x", "ü", "🙂"])
def test_openssl_takes_every_type_at_its_bound(requests: Runner, letter: str) -> None:
    """What the recipe lets pass, openssl does not refuse."""
    ascii_only = {"C", "serialNumber", "dnQualifier", "emailAddress", "DC"}
    subject = tuple((n, ("x" if n in ascii_only else letter) * most) for n, most in BOUNDS.items())
    assert by_option(requests, subject) == subject


PROMPTED = ("C", "ST", "L", "O", "OU", "CN", "emailAddress")


@st.composite
def typed_subjects(draw: st.DrawFn) -> Subject:
    """Subjects for openssl's prompts: each field at most once, in their order, in 64 bytes.

    The default configuration bounds what is typed in bytes. A value of one dot means none.
    """
    names = [name for name in PROMPTED if draw(st.booleans())] or ["CN"]
    return tuple(
        (name, draw(values(name, 16).filter(lambda value: value != "."))) for name in names
    )


@pytest.mark.version
@given(subject=typed_subjects())
@settings(deadline=None, max_examples=50)
@example(subject=tuple((n, v) for n, v in EVERY_SPECIAL if n != "OU"))
@example(subject=(("O", ".."), ("OU", ".x"), ("CN", "Common Name []:")))
def test_no_character_is_lost_on_the_way_through_the_prompts(
    requests: Runner, subject: Subject
) -> None:
    assert by_prompts(requests, subject) == subject


@pytest.mark.version
@pytest.mark.parametrize("way", [by_option, by_prompts])
def test_both_ways_into_a_request_give_the_same_subject(
    requests: Runner, way: Callable[[Runner, Subject], Subject]
) -> None:
    subject = (("C", "NO"), ("ST", "ON"), ("O", "Bjørn & Søn A/S + 1"), ("CN", "a\\/b"))
    assert way(requests, subject) == subject
