"""Versions as the binaries print them, and which of them an erratum means."""

import pytest

from mtls_openssl import version
from mtls_openssl.errors import Fault, MachineFault


@pytest.mark.parametrize(
    ("printed", "library", "numbers", "shown"),
    [
        ("OpenSSL 1.1.1w  11 Sep 2023\n", "OpenSSL", (1, 1, 1), "OpenSSL 1.1.1w"),
        ("OpenSSL 1.1.1  11 Sep 2018\n", "OpenSSL", (1, 1, 1), "OpenSSL 1.1.1"),
        (
            "OpenSSL 3.0.19 27 Jan 2026 (Library: OpenSSL 3.0.19 27 Jan 2026)\n",
            "OpenSSL", (3, 0, 19), "OpenSSL 3.0.19",
        ),
        (
            "OpenSSL 3.5.9 29 Sep 2026 (Library: OpenSSL 3.5.9 29 Sep 2026)\n",
            "OpenSSL", (3, 5, 9), "OpenSSL 3.5.9",
        ),
        (
            "OpenSSL 4.0.3 29 Sep 2026 (Library: OpenSSL 4.0.3 29 Sep 2026)\n",
            "OpenSSL", (4, 0, 3), "OpenSSL 4.0.3",
        ),
        ("OpenSSL 4.1.0-dev  (Library: OpenSSL 4.1.0-dev )\n", "OpenSSL", (4, 1, 0),
         "OpenSSL 4.1.0"),
        ("OpenSSL 10.12.100 1 Jan 2050\n", "OpenSSL", (10, 12, 100), "OpenSSL 10.12.100"),
        ("LibreSSL 4.3.0\n", "LibreSSL", (4, 3, 0), "LibreSSL 4.3.0"),
        ("LibreSSL 3.3.6\n", "LibreSSL", (3, 3, 6), "LibreSSL 3.3.6"),
    ],
)  # fmt: skip
def test_what_openssl_version_prints_is_read(
    printed: str, library: str, numbers: tuple[int, int, int], shown: str
) -> None:
    """OpenSSL 1.1.1 to 4.0, a version to come, and macOS's LibreSSL."""
    read = version.parse(printed)
    assert (read.library, read.numbers, str(read)) == (library, numbers, shown)


@pytest.mark.parametrize(
    ("printed", "message", "hint"),
    [
        (
            "OpenSSL 1.0.2u  20 Dec 2019",
            "OpenSSL 1.0.2u is too old",
            "1.1.1 is the oldest that works; name another by --openssl",
        ),
        (
            "OpenSSL 1.1.0l  10 Sep 2019",
            "OpenSSL 1.1.0l is too old",
            "1.1.1 is the oldest that works; name another by --openssl",
        ),
        (
            "LibreSSL 2.8.3",
            "LibreSSL 2.8.3 is too old",
            "3.0.0 is the oldest that works; name another by --openssl",
        ),
        (
            "BoringSSL\n",
            "this is no openssl that is known: it says 'BoringSSL'",
            "install OpenSSL, or name one by --openssl PATH",
        ),
        (
            "",
            "this is no openssl that is known: it says ''",
            "install OpenSSL, or name one by --openssl PATH",
        ),
        (
            "usage: openssl\x1b[31m [options]" + "." * 200,
            "this is no openssl that is known: it says "
            + repr("usage: openssl\x1b[31m [options]" + "." * 51),
            "install OpenSSL, or name one by --openssl PATH",
        ),
    ],
)
def test_what_is_too_old_or_no_openssl_is_the_machines_fault(
    printed: str, message: str, hint: str
) -> None:
    with pytest.raises(MachineFault) as caught:
        version.parse(printed)
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert caught.value.exit_code == 3


VERSIONS = ("1.1.1w", "3.0.19", "3.1.8", "3.2.0", "3.2.6", "3.5.9", "4.0.3")


@pytest.mark.parametrize(
    ("constraint", "meant"),
    [
        (">=3.2", ("3.2.0", "3.2.6", "3.5.9", "4.0.3")),
        (">= 3.2.1", ("3.2.6", "3.5.9", "4.0.3")),
        (">3.2", ("3.5.9", "4.0.3")),
        ("<3.2", ("1.1.1w", "3.0.19", "3.1.8")),
        ("<=3.2", ("1.1.1w", "3.0.19", "3.1.8", "3.2.0", "3.2.6")),
        ("==3.2", ("3.2.0", "3.2.6")),
        ("==1.1.1", ("1.1.1w",)),
        (">=4", ("4.0.3",)),
        ("<3", ("1.1.1w",)),
    ],
)
def test_a_constraint_compares_as_many_numbers_as_it_names(
    constraint: str, meant: tuple[str, ...]
) -> None:
    """`==3.2` is every 3.2, `>3.2` begins with 3.3."""
    read = version.parse_constraint(constraint)
    assert tuple(v for v in VERSIONS if read.holds(version.parse(f"OpenSSL {v}"))) == meant


@pytest.mark.parametrize("constraint", [">=3.2", "<9", "==4.3.0", ">=0"])
def test_a_constraint_never_means_libressl(constraint: str) -> None:
    """LibreSSL numbers its versions for itself: 4.3 is no later than 3.5."""
    assert not version.parse_constraint(constraint).holds(version.parse("LibreSSL 4.3.0"))


def test_a_constraint_is_shown_as_a_person_writes_it() -> None:
    assert str(version.parse_constraint(">=3.2")) == ">= 3.2"


@pytest.mark.parametrize("text", ["3.2", "=3.2", "~3.2", ">=", ">=3.2.1.1", ">=3.x", ">=3.2,<4"])
def test_what_is_no_constraint_is_told(text: str) -> None:
    with pytest.raises(Fault) as caught:
        version.parse_constraint(text)
    assert caught.value.message == f"{text!r} names no versions"
    assert caught.value.hint == 'write openssl: ">=3.2"'


@pytest.mark.parametrize("value", [3.2, 3, None, [">=3.2"], True])
def test_a_constraint_is_a_text(value: object) -> None:
    with pytest.raises(Fault) as caught:
        version.parse_constraint(value)
    assert caught.value.message == f"{value!r} names no versions"
