"""Values as each program's own configuration syntax takes them: pure, one function a syntax.

Each gives a text that the program reads back as the value, or raises Fault where its syntax has no
way to write it. Plain words stay as they are where the program needs no quotes, so that what is
printed reads as the documents have it.
"""

import json
import re
import shlex
from collections.abc import Callable

from mtls_openssl.errors import Fault

_PLAIN = re.compile(r"[A-Za-z0-9_./@+-]+")
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, those that turn the writing direction, and bytes that are no UTF-8."""


def _check(value: str, program: str, *without: str) -> None:
    """Refuse what no configuration line can hold, and what this program's cannot."""
    odd = _UNWRITABLE.search(value)
    found = odd[0] if odd else next((part for part in without if part in value), "")
    if found:
        raise Fault(
            f"{program} cannot be told of {value!r}: it has no way to write {found!r}",
            "put the files where the path has none, and say so by --prefix",
        )


def _in_double_quotes(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    return '"{}"'.format(value.replace("\\", r"\\").replace('"', r"\""))


def _to_the_lines_end(value: str, program: str) -> str:
    """Give the value bare, as programs without quotes read it: all that stands on the line."""
    _check(value, program)
    if value != value.strip():
        raise Fault(
            f"{program} cannot be told of {value!r}: spaces at its ends are lost",
            "put the files where the path has none, and say so by --prefix",
        )
    return value


def sh(value: str) -> str:
    """Quote a word for a POSIX shell."""
    _check(value, "a shell's line")
    return shlex.quote(value)


def nginx(value: str) -> str:
    """Quote for nginx, where $ begins a variable, even in quotes (ngx_conf_read_token)."""
    _check(value, "nginx", "$")
    return _in_double_quotes(value)


def openldap(value: str) -> str:
    """Quote for slapd.conf(5)."""
    _check(value, "slapd")
    return _in_double_quotes(value)


def ldaprc(value: str) -> str:
    """Write as ldap.conf(5) reads it."""
    return _to_the_lines_end(value, "ldap.conf")


def apache(value: str) -> str:
    """Quote for Apache, which puts in ${NAME} before it looks for quotes (ap_resolve_env)."""
    _check(value, "Apache", "${")
    return _in_double_quotes(value)


def haproxy(value: str) -> str:
    """Quote for HAProxy, whose quotes are a shell's (its manual, "Quoting and escaping")."""
    _check(value, "HAProxy")
    return shlex.quote(value)


def postgresql(value: str) -> str:
    """Quote for postgresql.conf, where backslashes escape (guc-file.l)."""
    _check(value, "PostgreSQL")
    return "'{}'".format(value.replace("\\", r"\\").replace("'", "''"))


def mosquitto(value: str) -> str:
    """Write as mosquitto.conf(5) reads it."""
    return _to_the_lines_end(value, "mosquitto.conf")


def redis(value: str) -> str:
    """Quote for redis.conf (sdssplitargs)."""
    _check(value, "Redis")
    return _in_double_quotes(value)


def stunnel(value: str) -> str:
    """Write for the program of that name: its man page, "Configuration file"."""
    return _to_the_lines_end(value, "stunnel.conf")


def curl(value: str) -> str:
    """Quote for a curlrc (curl(1), --config)."""
    _check(value, "curl")
    return '"{}"'.format(value.replace("\\", r"\\").replace('"', r"\""))


def curl_certificate(value: str) -> str:
    """Quote a certificate's path for a curlrc, where a bare colon begins its pass phrase."""
    _check(value, "curl")
    return curl(value.replace("\\", r"\\").replace(":", r"\:"))


def python(value: str) -> str:
    """Write a Python string."""
    _check(value, "Python")
    return json.dumps(value, ensure_ascii=False)


def javascript(value: str) -> str:
    """Write a JavaScript string."""
    _check(value, "JavaScript")
    return json.dumps(value)


def java(value: str) -> str:
    """Write a Java string, in ASCII: the compiler's encoding is not known here."""
    _check(value, "Java")
    return json.dumps(value)


def kubectl(value: str) -> str:
    """Quote the file of kubectl's --from-file=KEY=FILE, less its KEY: = and CSV are its syntax."""
    _check(value, "kubectl", "=", ",", '"')
    return shlex.quote(value)


SYNTAXES: dict[str, Callable[[str], str]] = {
    function.__name__: function
    for function in (
        sh, nginx, openldap, ldaprc, apache, haproxy, postgresql, mosquitto,
        redis, stunnel, curl, curl_certificate, python, javascript, java, kubectl,
    )
}  # fmt: skip
"""By the name under which templates know them."""
