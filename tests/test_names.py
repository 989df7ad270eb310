"""Subject alternative names: the type told from the value, and nothing else let through."""

import ipaddress
from pathlib import Path

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mtls_openssl.errors import Fault
from mtls_openssl.names import NAMES_SCHEMA, parse_name, parse_names
from mtls_openssl.process import Runner

HOW = "write a host name, an IP address, an email address or a URI"
WILDCARD = "a wildcard stands alone as the first label, as in *.example.com"
URI = "write it in ASCII, with its scheme and without commas"


def refused(text: str) -> tuple[str, str]:
    with pytest.raises(Fault) as caught:
        parse_name(text)
    return caught.value.message, caught.value.hint


def faults(value: object) -> list[Fault]:
    with pytest.raises(Fault) as caught:
        parse_names(value)
    return [caught.value, *caught.value.others]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("api.example.com", "DNS:api.example.com"),
        ("localhost", "DNS:localhost"),
        ("API.Example.COM", "DNS:API.Example.COM"),
        ("_acme.a-b.example", "DNS:_acme.a-b.example"),
        ("xn--bcher-kva.example", "DNS:xn--bcher-kva.example"),
        ("x" * 63 + ".example", "DNS:" + "x" * 63 + ".example"),
        ("a." * 126 + "a", "DNS:" + "a." * 126 + "a"),
        ("*.example.com", "DNS:*.example.com"),
        ("bücher.example", "DNS:xn--bcher-kva.example"),
        ("*.bücher.example", "DNS:*.xn--bcher-kva.example"),
        ("日本。example", "DNS:xn--wgv71a.example"),
        ("127.0.0.1", "IP:127.0.0.1"),
        ("::1", "IP:::1"),
        ("2001:DB8:0:0::1", "IP:2001:db8::1"),
        ("alice@example.com", "email:alice@example.com"),
        ("a.b+c@x", "email:a.b+c@x"),
        ("o'neil@bücher.example", "email:o'neil@xn--bcher-kva.example"),
        ("https://example.com/a?b=c#d", "URI:https://example.com/a?b=c#d"),
        ("spiffe://trust/workload", "URI:spiffe://trust/workload"),
        ("https://user@example.com:8443/", "URI:https://user@example.com:8443/"),
        ("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
         "URI:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
    ],
)  # fmt: skip
def test_a_names_type_is_told_from_its_value(text: str, name: str) -> None:
    assert parse_name(text) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("DNS:api.example.com", "DNS:api.example.com"),
        ("DNS:bücher.example", "DNS:xn--bcher-kva.example"),
        ("IP:2001:DB8::1", "IP:2001:db8::1"),
        ("email:alice@example.com", "email:alice@example.com"),
        ("URI:mailto:alice@example.com", "URI:mailto:alice@example.com"),
        ("URI:tag:example.com", "URI:tag:example.com"),
    ],
)
def test_a_type_can_be_given(text: str, name: str) -> None:
    assert parse_name(text) == name


@given(st.ip_addresses())
@settings(deadline=None)
def test_every_ip_address_is_one(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    for text in (str(address), address.exploded, f"IP:{address}"):
        assert parse_name(text) == f"IP:{address}"


@pytest.mark.parametrize(
    "text",
    ["", ".", "a..b", ".a", "a.", "-a.example", "a-.example", "a b", " a", "a/b", "a:b",
     "localhost:8443", "[::1]", "x" * 64 + ".example", "a." * 127 + "a", "dns:x", "RID:1.2.3",
     "otherName:1.2.3;UTF8:x", "dirName:section", "℀.example", "x" * 64 + "ü"],
)  # fmt: skip
def test_what_is_no_host_name(text: str) -> None:
    assert refused(text) == (f"{text!r} is no host name", HOW)


@pytest.mark.parametrize("text", ["*", "*.com", "a*.example.com", "*.*.example.com", "a.*.com"])
def test_a_wildcard_is_one_whole_label_above_two(text: str) -> None:
    assert refused(text) == (f"{text!r} is no host name", WILDCARD)


@pytest.mark.parametrize("text", ["256.1.1.1", "127.0.0.01", "1.2.3", "10.0.0.1.2", "10.0.0.0/8"])
def test_a_mistyped_ip_address_does_not_become_a_host_name(text: str) -> None:
    """No host name ends in a label of digits (RFC 1123 section 2.1): a client would never ask."""
    assert repr(text) in refused(text)[0]


@pytest.mark.parametrize("text", ["example.com", "1.2.3", "10.0.0.0/8", "", "::g", "٣.1.1.1"])
def test_what_is_no_ip_address(text: str) -> None:
    assert refused(f"IP:{text}") == (f"{text!r} is no IP address", HOW)


@pytest.mark.parametrize("text", ["fe80::1%eth0", "IP:fe80::1%1"])
def test_a_certificate_holds_no_zone_of_an_address(text: str) -> None:
    """Only this machine knows its zones (RFC 4007), and openssl takes none."""
    assert repr(text.removeprefix("IP:")) in refused(text)[0]


@pytest.mark.parametrize(
    "text", ["@b", "a@@b", "a b@c", "älice@example.com", "mailto:a@b", "a,b@c"]
)
def test_what_is_no_email_address(text: str) -> None:
    assert refused(text) == (f"{text!r} is no email address", HOW)


@pytest.mark.parametrize("text", ["copy", "move"])
def test_openssls_own_words_are_no_addresses(text: str) -> None:
    """`email:copy` would take the subject's address (x509v3_config(5))."""
    assert refused(f"email:{text}") == (f"{text!r} is no email address", HOW)


def test_an_email_address_has_a_host() -> None:
    assert refused("a@") == ("'a@' is no email address", HOW)
    assert refused("a@b c") == ("'b c' is no host name", HOW)


@pytest.mark.parametrize(
    "text", ["https://a,b", "https://a b", "https://ü", "://x", "1x://y", "urn:", "https://a\n"]
)
def test_what_is_no_uri(text: str) -> None:
    assert refused(text) == (f"{text!r} is no URI", URI)


@pytest.mark.parametrize(
    "line",
    [",DNS:evil.example", "\nbasicConstraints=CA:TRUE", "\rx", "\0", "\t", " ", "\x1b[2J", "\x85"],
)
@pytest.mark.parametrize(
    "name",
    ["example.com", "DNS:example.com", "127.0.0.1", "::1", "::1%x", "IP:fe80::1%x", "a@b.example",
     "email:a@b.example", "https://example.com", "URI:x:y", "urn:x:y"],
)  # fmt: skip
def test_nothing_follows_a_name_into_the_extension_file(name: str, line: str) -> None:
    """There, a comma begins another name, and a new line another extension."""
    assert repr(line)[1:-1] in refused(name + line)[0]


SEEDS = st.sampled_from(
    ["DNS:", "IP:", "email:", "URI:", "://", "@", ".", "*.", "::", "%", ",", "\n", "\0", " ", "$",
     "fe80::1", "127.0.0.1", "example", "com", "ü", "。", "http", "urn:", "xn--", "-", "_", "1"]
)  # fmt: skip


@given(st.lists(SEEDS | st.text(max_size=3), max_size=8).map("".join))
@settings(deadline=None, max_examples=500)
@example("::1%x,DNS:evil.example")
@example("fe80::1%\nbasicConstraints=CA:TRUE")
def test_whatever_is_let_through_is_one_name_of_one_line(text: str) -> None:
    try:
        name = parse_name(text)
    except Fault:
        return
    assert name.partition(":")[0] in ("DNS", "IP", "email", "URI")
    assert name.isascii()
    assert name.isprintable()
    assert not set(name) & set(", ")
    assert parse_name(name) == name


def test_names_are_read_in_their_order() -> None:
    assert parse_names(["api.example.com", "127.0.0.1", "alice@example.com"]) == (
        "DNS:api.example.com",
        "IP:127.0.0.1",
        "email:alice@example.com",
    )


@pytest.mark.parametrize("value", ["example.com", [], None, {"DNS": "x"}, 5])
def test_names_are_a_list(value: object) -> None:
    [fault] = faults(value)
    assert (fault.message, fault.hint) == (
        "names are a list",
        "write names: [api.example.com, 127.0.0.1]",
    )


def test_every_faulty_name_is_told_with_its_number_and_its_word() -> None:
    found = faults(["ok.example", "a b", "127.0.0.1", "a@@b", "*"])
    assert [(fault.path, fault.message, fault.word) for fault in found] == [
        ((1,), "'a b' is no host name", "a b"),
        ((3,), "'a@@b' is no email address", "a@@b"),
        ((4,), "'*' is no host name", "*"),
    ]


@pytest.mark.parametrize("item", [None, True, False, ["a"], {"a": "b"}])
def test_a_name_is_a_text(item: object) -> None:
    """`names: [~]` is no host called None."""
    [fault] = faults([item, "example.com"])
    assert fault.path == (0,)
    assert "None" not in fault.message
    assert "True" not in fault.message


def test_a_name_is_named_once_however_it_is_written() -> None:
    [fault] = faults(["::1", "bücher.example", "DNS:xn--bcher-kva.example", "0:0::1"])
    assert (fault.message, fault.path) == ("DNS:xn--bcher-kva.example is named twice", (2,))
    assert fault.hint == "name it once"


@pytest.mark.parametrize(
    ("value", "valid"), [(["a", "b"], True), ([], False), ("a", False), ([None], False)]
)
def test_the_schema_says_the_same(value: object, valid: bool) -> None:
    assert jsonschema.Draft202012Validator(NAMES_SCHEMA).is_valid(value) is valid


@pytest.mark.version
def test_openssl_puts_each_name_into_a_certificate_as_its_type(
    openssl: Path, tmp_path: Path
) -> None:
    names = parse_names(
        ["api.example.com", "*.bücher.example", "127.0.0.1", "2001:db8::1", "o.neil+x@b.example",
         "https://example.com:8443/a?b=c&d=%20;e", "urn:uuid:1"]
    )  # fmt: skip
    runner = Runner(openssl, tmp_path)
    (tmp_path / "ext").write_text(f"subjectAltName={','.join(names)}\n")
    for command in (
        "ecparam -name prime256v1 -genkey -noout -out k",
        "req -new -key k -out r -subj /CN=x",
        "x509 -req -in r -signkey k -extfile ext -out c",
    ):
        made = runner.run(["openssl", *command.split()])
        assert made.returncode == 0, made.transcript
    printed = runner.run("openssl x509 -in c -noout -ext subjectAltName".split()).stdout
    assert printed.splitlines()[1].strip() == (
        "DNS:api.example.com, DNS:*.xn--bcher-kva.example, IP Address:127.0.0.1,"
        " IP Address:2001:DB8:0:0:0:0:0:1, email:o.neil+x@b.example,"
        " URI:https://example.com:8443/a?b=c&d=%20;e, URI:urn:uuid:1"
    )
