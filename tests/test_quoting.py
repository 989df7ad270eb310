"""What each program reads back of what is written for it, by readers after the programs' own."""

import ast
import json
import re
import shlex
from collections.abc import Callable

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mtls_openssl.errors import Fault
from mtls_openssl.quoting import SYNTAXES

PATHS = st.text(
    st.one_of(
        st.sampled_from(" '\"\\$#{};:=,%~é/ab-|&<>*?[]()`!"),
        st.characters(exclude_categories=["Cs", "Cc"]),
    ),
    min_size=1,
    max_size=40,
)


def escaped(text: str) -> str:
    """Read a word, perhaps in double quotes, where a backslash may stand before both."""
    if not text.startswith('"'):
        assert not re.search(r"[\s\"'\\;{}#$]", text)
        return text
    assert text.endswith('"')
    result, inner = "", text[1:-1]
    while inner:
        if inner[0] == "\\" and inner[1:2] in tuple('\\"'):
            inner = inner[1:]
        else:
            assert inner[0] not in '"\\'
        result, inner = result + inner[0], inner[1:]
    return result


def postgresql(text: str) -> str:
    """After GUC_scanstr: two quotes for one, a backslash before anything."""
    assert re.fullmatch(r"'([^'\\]|''|\\.)*'", text, re.DOTALL)
    return re.sub(r"''|\\(.)", lambda match: match[1] or "'", text[1:-1], flags=re.DOTALL)


def one_word(text: str) -> str:
    [word] = shlex.split(text)
    return word


def curl_certificate(text: str) -> str:
    """After parse_cert_parameter: a colon that no backslash escapes begins the pass phrase."""
    inner = escaped(text)
    assert not re.search(r"(?<!\\)(\\\\)*:", re.sub(r"\\:", "", inner))
    return re.sub(r"\\([\\:])", r"\1", inner)


READERS: dict[str, Callable[[str], str]] = {
    "sh": one_word,
    "haproxy": one_word,
    "kubectl": one_word,
    "nginx": escaped,
    "openldap": escaped,
    "apache": escaped,
    "redis": escaped,
    "curl": escaped,
    "curl_certificate": curl_certificate,
    "postgresql": postgresql,
    "ldaprc": str.strip,
    "mosquitto": str.strip,
    "stunnel": str.strip,
    "python": ast.literal_eval,
    "javascript": json.loads,
    "java": json.loads,
}


@pytest.mark.parametrize("name", SYNTAXES)
@given(value=PATHS)
@example(value='/it\'s "odd" #1; {a} \\ b: é')
@example(value="/ends in a backslash\\")
@example(value="/$HOME/${HOME}/%p")
def test_a_value_is_read_back_as_it_was_or_refused(name: str, value: str) -> None:
    try:
        written = SYNTAXES[name](value)
    except Fault:
        assume(False)
    assert "\n" not in written
    assert READERS[name](written) == value


@pytest.mark.parametrize("name", SYNTAXES)
@pytest.mark.parametrize("odd", ["\n", "\0", "\x1b", "\x7f", "\x9b", "\u2028", "\u202e", "\udcff"])
def test_what_no_line_can_hold_is_refused_by_all(name: str, odd: str) -> None:
    with pytest.raises(Fault, match=r"has no way to write"):
        SYNTAXES[name](f"/etc/{odd}/x")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("nginx", "/a$b", "nginx cannot be told of '/a$b': it has no way to write '$'"),
        ("apache", "/${b}", "Apache cannot be told of '/${b}': it has no way to write '${'"),
        ("kubectl", "/a=b", "kubectl cannot be told of '/a=b': it has no way to write '='"),
        ("kubectl", "/a,b", "kubectl cannot be told of '/a,b': it has no way to write ','"),
        ("stunnel", "/a ", "stunnel.conf cannot be told of '/a ': spaces at its ends are lost"),
    ],
)
def test_what_a_program_cannot_express_is_refused_with_a_way_out(
    name: str, value: str, message: str
) -> None:
    with pytest.raises(Fault) as caught:
        SYNTAXES[name](value)
    assert caught.value.message == message
    assert caught.value.hint.endswith("say so by --prefix")


@pytest.mark.parametrize("name", ["nginx", "openldap", "apache", "haproxy", "redis", "sh"])
def test_plain_paths_stay_as_the_documents_have_them(name: str) -> None:
    path = "/etc/nginx/certs/server/test.cert.example.com.pem"
    assert SYNTAXES[name](path) == path
