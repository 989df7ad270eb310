"""The recipe's single values: what each takes, and what it says of anything else."""

from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from mtls_openssl.errors import Fault, parse_each
from mtls_openssl.fields import (
    KEY_KINDS,
    LONGEST_LIFE,
    Key,
    check_inside,
    choice,
    parse_constraints,
    parse_files,
    parse_inside,
    parse_key,
    parse_serial,
    parse_whole,
    text,
)

KEY_HINT = (
    "there are rsa:2048, rsa:3072, rsa:4096, rsa:8192, ec:P-256, ec:P-384, ec:P-521, ed25519,"
    " ml-dsa-44, ml-dsa-65, ml-dsa-87"
)
SERIAL_HINT = "write a positive number, random or file"
INSIDE_HINT = "name a file below it, without .. or /"
CONSTRAINTS_HINT = "write {permitted: [DNS:example.com, IP:10.0.0.0/8], excluded: [...]}"


def faults(parse: Callable[[Any], object], value: object) -> list[Fault]:
    with pytest.raises(Fault) as caught:
        parse(value)
    return [caught.value, *caught.value.others]


def refused(parse: Callable[[Any], object], value: object) -> tuple[str, str]:
    [fault] = faults(parse, value)
    return fault.message, fault.hint


# Keys


@pytest.mark.parametrize(
    ("written", "key", "shown"),
    [
        ("rsa:2048", Key("RSA", "2048"), "RSA 2048"),
        ("rsa:8192", Key("RSA", "8192"), "RSA 8192"),
        ("ec:P-256", Key("EC", "P-256"), "EC P-256"),
        ("ed25519", Key("ED25519"), "ED25519"),
        ("ml-dsa-65", Key("ML-DSA-65"), "ML-DSA-65"),
    ],
)
def test_a_kind_of_key_is_an_algorithm_and_its_size(written: str, key: Key, shown: str) -> None:
    assert parse_key(written) == key
    assert str(key) == shown


def test_every_kind_of_key_there_is_can_be_asked_for() -> None:
    assert len({parse_key(kind) for kind in KEY_KINDS}) == len(KEY_KINDS) == 11


@pytest.mark.parametrize("value", ["rsa", "rsa:1024", "RSA:2048", "ec:P-999", "", 2048, ["rsa"]])
def test_another_kind_of_key_is_answered_with_those_there_are(value: object) -> None:
    assert refused(parse_key, value) == (f"{value!r} is no kind of key", KEY_HINT)


# Numbers

DAYS = parse_whole(1, LONGEST_LIFE, "days")


@pytest.mark.parametrize(
    ("value", "days"), [(1, 1), (365, 365), (36500, 36500), ("0365", 365), ("010", 10), ("7", 7)]
)
def test_a_whole_number_is_decimal(value: object, days: int) -> None:
    assert DAYS(value) == days


@pytest.mark.parametrize(
    "value",
    [0, -1, 36501, "1.5", "1_000", "1e3", "0x10", "٣", "ten", "", " 7", "7\n",
     [1], {"a": 1}, "9" * 19],
)  # fmt: skip
def test_what_is_no_number_of_days(value: object) -> None:
    assert refused(DAYS, value) == (
        f"{value!r} is no number of days",
        "write a whole number, 1 to 36500",
    )


def test_a_number_out_of_bounds_is_out_of_them_as_text_too() -> None:
    for value in ("0", "00", "36501", "0036501"):
        assert refused(DAYS, value)[1] == "write a whole number, 1 to 36500"


@pytest.mark.parametrize("value", [0, "0", 100])
def test_a_path_length_may_be_nothing(value: object) -> None:
    assert parse_whole(0, 100, "authorities below")(value) == int(str(value))


LARGEST_SERIAL = 2**159 - 1


@pytest.mark.parametrize(
    ("value", "serial"),
    [
        (1, 1),
        ("010", 10),
        ("0x1F", 31),
        ("0X1f", 31),
        (str(LARGEST_SERIAL), LARGEST_SERIAL),
        (hex(LARGEST_SERIAL), LARGEST_SERIAL),
        ("random", "random"),
        ("file", "file"),
    ],
)
def test_a_serial_number_is_decimal_unless_it_says_0x(value: object, serial: int | str) -> None:
    """`serial: 010` is ten, whatever YAML 1.1 thinks of it."""
    assert parse_serial(value) == serial


@pytest.mark.parametrize(
    "value",
    [0, -1, "0", "-5", "0x", "0xzz", "1F", "1e3", "1_0", "٣", "", " 1", "fil", "Random",
     str(LARGEST_SERIAL + 1), hex(LARGEST_SERIAL + 1), [1], {"a": 1}],
)  # fmt: skip
def test_what_is_no_serial_number(value: object) -> None:
    """RFC 5280 section 4.1.2.2: positive, at most 20 octets."""
    assert refused(parse_serial, value) == (f"{str(value)!r} is no serial number", SERIAL_HINT)


@pytest.mark.parametrize("parse", [DAYS, parse_serial])
@pytest.mark.parametrize("value", ["0" * 5000, "9" * 5000])
def test_a_number_of_five_thousand_digits_is_not_said_again(
    parse: Callable[[Any], object], value: str
) -> None:
    """Python itself refuses to read so long a number, by an error of its own."""
    message, _ = refused(parse, value)
    assert len(message) < 200


@given(st.integers(1, LARGEST_SERIAL))
@settings(deadline=None)
def test_every_serial_number_keeps_its_value(number: int) -> None:
    assert parse_serial(str(number)) == parse_serial(hex(number)) == number


def constrained(item: object) -> tuple[str, ...]:
    return parse_constraints({"permitted": [item]})


@pytest.mark.parametrize("parse", [parse_key, DAYS, parse_serial, constrained])
@pytest.mark.parametrize("value", [None, True, False])
def test_a_message_does_not_speak_python(parse: Callable[[Any], object], value: object) -> None:
    """`days:` with nothing after it is not None to whoever wrote it, nor is `true` True."""
    message, _ = refused(parse, value)
    assert str(value) not in message


# Words and texts


class Sample(BaseModel):
    """A model with one field of each general kind."""

    digest: Annotated[str | None, choice("digest", ("sha256", "sha384"))] = None
    url: Annotated[str | None, text("URL", r"https?://\S+", "write http://host")] = None
    line: Annotated[str | None, text("line")] = None


def field_fault(**values: object) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate(values)
    [error] = caught.value.errors()
    assert error["type"] == "fault"
    [fault] = error["ctx"]["faults"]
    return fault.message, fault.hint


def test_a_choice_takes_its_words() -> None:
    assert Sample.model_validate({"digest": "sha256"}).digest == "sha256"
    assert field_fault(digest="sha265") == ("'sha265' is no digest", "did you mean 'sha256'?")
    assert field_fault(digest="md5") == ("'md5' is no digest", "known here: sha256, sha384")
    assert field_fault(digest=["sha256"])[0] == "['sha256'] is no digest"


def test_a_text_has_the_form_that_is_asked_for() -> None:
    assert Sample.model_validate({"url": "https://x", "line": 5}).line == "5"
    assert field_fault(url="ftp://x") == ("'ftp://x' is no URL", "write http://host")
    assert field_fault(url="http://a\nb") == ("'http://a\\nb' is no URL", "write http://host")


@pytest.mark.parametrize("value", ["a\nb", "a\n", "", "a\0b", "a\x1bb"])
def test_a_text_is_one_line_of_characters(value: str) -> None:
    assert field_fault(line=value) == (f"{value!r} is no line", "write it on one line")


@pytest.mark.parametrize("value", [True, None, ["a"], {"a": "b"}])
def test_a_text_is_one_value(value: object) -> None:
    assert field_fault(line=value) == ("line is one text", "write it on one line")


def test_the_schema_of_a_field_is_its_parsers() -> None:
    properties = Sample.model_json_schema()["properties"]
    assert properties["digest"]["enum"] == ["sha256", "sha384"]
    assert properties["url"]["type"] == "string"


# Paths


@pytest.mark.parametrize(
    "path", ["ca.key", "server/x.pem", "a/b/c", "...", "a..b", "ü", "a b", "a~"]
)
def test_a_path_below_the_directory_is_taken(path: str) -> None:
    assert check_inside(path) == parse_inside(path) == path


@pytest.mark.parametrize(
    "path",
    ["", "/", "/etc/passwd", "..", "../x", "a/../../x", "a/..", "a//b", "a/", "~", "~/x", "~root",
     "-out", "-", "a\\b", "..\\x", "a\nb", "a\0b", "a\x1b[2Jb", "a\x7fb", "\t"],
)  # fmt: skip
def test_a_path_that_climbs_out_or_misleads_is_refused(path: str) -> None:
    """Nothing is written outside the directory, and no path is taken for an option."""
    assert refused(parse_inside, path) == (
        f"{path!r} is no path inside the directory",
        INSIDE_HINT,
    )


@pytest.mark.parametrize("path", ["./ca.key", "a/./ca.key", "."])
def test_a_file_has_one_name_only(path: str) -> None:
    """`./ca.key` is `ca.key`: written so, two entities would share a key unnoticed."""
    assert [fault.path for fault in faults(parse_files, {"key": path})] == [("key",)]


@pytest.mark.parametrize("value", [None, True, ["a"], {"a": "b"}])
def test_a_path_is_a_text(value: object) -> None:
    assert refused(parse_inside, value) == (
        "a path is one text",
        "name a file inside the directory",
    )


def test_a_path_of_digits_is_a_path() -> None:
    assert parse_inside(2026) == "2026"


@given(st.text(st.sampled_from(list("./~\\-ab\n\0")), max_size=8))
@settings(deadline=None, max_examples=300)
def test_no_path_that_is_let_through_leaves_its_folder(path: str) -> None:
    try:
        check_inside(path)
    except Fault:
        return
    depth = 0
    for part in path.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        assert depth >= 0
    assert not path.startswith(("/", "-", "~"))


def test_other_names_for_files_are_paths_and_every_wrong_one_is_told() -> None:
    assert parse_files({"key": "k/x.key", "certificate": 5}) == {
        "key": "k/x.key",
        "certificate": "5",
    }
    found = faults(parse_files, {"key": "../x", "request": "ok", "pkcs12": None, "chain": "/x"})
    assert [(fault.path, fault.message) for fault in found] == [
        (("key",), "'../x' is no path inside the directory"),
        (("pkcs12",), "a path is one text"),
        (("chain",), "'/x' is no path inside the directory"),
    ]


@pytest.mark.parametrize("value", [None, "x", ["key"], True])
def test_files_are_a_mapping(value: object) -> None:
    assert refused(parse_files, value) == (
        "files: is a mapping",
        "write files: {key: NAME, certificate: NAME}",
    )


# Name constraints


def test_name_constraints_are_written_as_openssl_has_them() -> None:
    value = {
        "permitted": ["DNS:example.com", "DNS:.example.org", "IP:127.0.0.0/8", "IP:10.1.2.3"],
        "excluded": ["email:@example.com", "URI:.example.net", "IP:2001:db8::/32"],
    }
    assert parse_constraints(value) == (
        "permitted;DNS:example.com",
        "permitted;DNS:.example.org",
        "permitted;IP:127.0.0.0/255.0.0.0",
        "permitted;IP:10.1.2.3/255.255.255.255",
        "excluded;email:@example.com",
        "excluded;URI:.example.net",
        "excluded;IP:2001:db8::/ffff:ffff::",
    )
    assert parse_constraints({"permitted": "DNS:x"}) == ("permitted;DNS:x",)


@pytest.mark.parametrize("value", [None, {}, [], "DNS:x", {"permited": ["DNS:x"]}])
def test_name_constraints_are_permitted_or_excluded(value: object) -> None:
    assert refused(parse_constraints, value) == (
        "name constraints are lists of permitted and excluded names",
        CONSTRAINTS_HINT,
    )


@pytest.mark.parametrize(
    "item",
    ["example.com", "dns:x", "DNS:", "DNS:a,b", "DNS:a b", "DNS:a\nb", "DNS:a\n", "DNS:a;b",
     "RID:1.2", "DNS:$x", "IP:x y", 5, ["DNS:x"]],
)  # fmt: skip
def test_what_is_no_name_constraint(item: object) -> None:
    [fault] = faults(parse_constraints, {"permitted": ["DNS:ok", item]})
    assert fault.path == ("permitted", 1)
    assert fault.hint == CONSTRAINTS_HINT
    assert fault.message == f"{item!r} is no name constraint"


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("IP:10.0.0.1/8", "'10.0.0.1/8' is no network: 10.0.0.1/8 has host bits set"),
        (
            "IP:x/8",
            "'x/8' is no network: 'x/8' does not appear to be an IPv4 or IPv6 network",
        ),
    ],
)
def test_an_address_constraint_is_a_network(item: str, message: str) -> None:
    assert refused(parse_constraints, {"excluded": [item]}) == (message, CONSTRAINTS_HINT)


@pytest.mark.parametrize("item", ["DNS:bücher.example", "email:@bücher.example", "URI:.bücher"])
def test_a_name_constraint_is_ascii(item: str) -> None:
    """A certificate holds nothing else (IA5String); openssl would refuse it after the key is made.

    Refused, or written in its xn-- form.
    """
    with suppress(Fault):
        assert all(name.isascii() for name in parse_constraints({"permitted": [item]}))


def test_every_wrong_constraint_is_told() -> None:
    found = faults(parse_constraints, {"permitted": ["x", "DNS:ok"], "excluded": ["IP:y", "z"]})
    assert [fault.path for fault in found] == [("permitted", 0), ("excluded", 0), ("excluded", 1)]


# Faults of many values


def test_parsing_each_gives_all_values_or_all_faults() -> None:
    def even(number: int) -> int:
        if number % 2:
            raise Fault(f"{number} is odd", word=str(number))
        return number

    assert parse_each(even, [((0,), 2), ((1,), 4)]) == [2, 4]
    with pytest.raises(Fault) as caught:
        parse_each(even, [(("a",), 1), (("b",), 2), (("c",), 3)])
    told = [caught.value, *caught.value.others]
    assert [(fault.message, fault.path) for fault in told] == [
        ("1 is odd", ("a",)),
        ("3 is odd", ("c",)),
    ]
