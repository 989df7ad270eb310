"""What a learner types is run without a shell, and reaches no file outside the folder."""

import pytest

from mtls_openssl import glossary, typed
from mtls_openssl.errors import Fault
from mtls_openssl.typed import Typed

GLOSSARY = glossary.load()


def read(line: str) -> Typed:
    """A line, read."""
    return typed.read(line, GLOSSARY)


def refused(line: str) -> str:
    """Why a line is not run."""
    with pytest.raises(Fault) as caught:
        read(line)
    return caught.value.message


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("openssl genrsa -out ca.key 2048", "openssl genrsa -out ca.key 2048"),
        ("$ openssl rand -hex 4", "openssl rand -hex 4"),
        ("cat a b>c", "cat a b > c"),
        ("cat ./a 'b' > \"c\"", "cat ./a b > c"),
        ("chmod 400 ca/ca.key", "chmod 400 ca/ca.key"),
        ("ls -l", "ls -l"),
        ("openssl x509 -in a.pem -text > a.txt", "openssl x509 -in a.pem -text > a.txt"),
    ],
)
def test_a_command_is_split_as_a_shell_would(line: str, words: str) -> None:
    assert read(line).words == tuple(words.split())


def test_quotes_keep_a_word_together_and_its_characters_as_they_are() -> None:
    line = read(r"""openssl req -subj "/O=A & B/CN=*.example.com" -addext 'x=$y' -out a\ b""")
    assert line.argv[3:6:2] == ("/O=A & B/CN=*.example.com", "x=$y")
    assert line.argv[-1] == "a b"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("rm ca.key", "rm is not run here"),
        ("sudo openssl version", "sudo is not run here"),
        ("> ca.key", "> is not run here"),
        ("openssl", "openssl wants a command"),
        ("openssl x508 -in a", "the glossary does not know 'openssl x508'"),
        ("openssl rand 4 | cat", "there is no shell here, and | needs one"),
        ("ls; ls", "there is no shell here, and ; needs one"),
        ("ls && ls", "there is no shell here, and & needs one"),
        ("cat < a", "there is no shell here, and < needs one"),
        ("ls *.pem", "there is no shell here, and * needs one"),
        ("ls ~", "there is no shell here, and ~ needs one"),
        ("ls $(id)", "there is no shell here to expand $"),
        ('openssl req -subj "/CN=$USER"', "there is no shell here to expand $"),
        ("ls `id`", "there is no shell here to expand `"),
        ("openssl req -subj '/CN=x", "a quote is open"),
        ("cat a >> b", "one > FILE at the end is all that can be done here"),
        ("cat a > b > c", "one > FILE at the end is all that can be done here"),
        ("cat > a b", "one > FILE at the end is all that can be done here"),
        ("cat a >", "one > FILE at the end is all that can be done here"),
    ],
)
def test_what_only_a_shell_could_do_is_refused_with_the_reason(line: str, said: str) -> None:
    assert refused(line) == said


@pytest.mark.parametrize(
    "line",
    [
        "openssl x509 -in /etc/passwd",
        "openssl x509 --in=/etc/passwd",
        "openssl x509 -in ../x",
        "openssl x509 -in a/../../x",
        "openssl genrsa -out /tmp/x",
        "openssl req -new -keyout=/tmp/x",
        "openssl x509 -in file:/etc/passwd",
        "openssl x509 -in file:///etc/passwd",
        "openssl storeutl /etc/ssl",
        "openssl verify -CApath /etc/ssl/certs a.pem",
        "openssl verify -CAfile a.pem /etc/ssl/b.pem",
        "openssl pkey -in a -passin file:/etc/hostname",
        "openssl req -newkey param:/etc/x",
        "openssl s_client -keylogfile /tmp/x",
        "openssl x509 -no-such-option /tmp/x",
        "openssl x509 -no-such-option=/tmp/x",
        "cat /etc/passwd",
        "cat a > /tmp/x",
        "cat a > ../x",
        "chmod 777 /tmp",
        "chmod --reference=/etc/passwd a",
        "ls ..",
        "ls /",
    ],
)
def test_no_file_outside_the_folder_is_reached(line: str) -> None:
    assert refused(line).endswith("is no path inside the directory")


@pytest.mark.parametrize(
    "line", ["cat .mtls-openssl/lock", "openssl rand -out ./.mtls-openssl/x 1"]
)
def test_the_tutor_s_own_folder_is_left_alone(line: str) -> None:
    assert refused(line) == ".mtls-openssl is the tutor's own folder"


@pytest.mark.parametrize("line", ["openssl x509 -in http://example.com/a", "cat pkcs11:x"])
def test_an_address_is_no_file(line: str) -> None:
    assert refused(line).endswith("is no file of this folder")


@pytest.mark.parametrize("option", sorted(typed.REFUSED))
def test_options_that_load_code_or_write_elsewhere_are_refused(option: str) -> None:
    name = {"-keygen_engine": "req", "-ssl_client_engine": "s_client"}.get(option, "x509")
    assert refused(f"openssl {name} {option} x") == f"{option} is not for a lab"


@pytest.mark.parametrize(
    ("line", "paths"),
    [
        ("openssl x509 -req -in ./a.csr -CA ca/ca.pem -out b.pem -days 3", "a.csr ca/ca.pem b.pem"),
        ("openssl req -new -key k -subj /C=US/CN=../x -out r", "k r"),
        ("openssl verify -CAfile ca.pem a.pem b.pem", "ca.pem a.pem b.pem"),
        ("openssl x509 -in a -out /dev/null", "a /dev/null"),
        ("ls ca/ .", "ca ."),
    ],
)
def test_every_file_that_a_command_names_is_known(line: str, paths: str) -> None:
    assert read(line).paths == tuple(paths.split())


def test_what_openssl_reads_is_told_for_goals_that_make_nothing() -> None:
    assert read("openssl verify --CAfile=ca.pem ./a.pem").reads == {"ca.pem", "a.pem"}
    assert read("cat a").reads == frozenset()
