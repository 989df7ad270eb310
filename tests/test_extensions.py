"""Extensions: what is asked for and what is read back come into one form."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mtls_openssl import extensions

ASKED = """\
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
extendedKeyUsage = serverAuth,clientAuth
subjectKeyIdentifier = hash
subjectAltName = DNS:*.a.b,IP:127.0.0.1,IP:::1,email:o\\'brien@b.c,URI:http://x/y?z=1
nameConstraints = critical,permitted;DNS:a.b,permitted;IP:127.0.0.0/255.0.0.0,excluded;email:x.org
crlDistributionPoints = URI:http://a.b/c.crl
certificatePolicies = 1.2.3
"""
SETTLED = {
    "basicConstraints": "critical, CA:TRUE, pathlen:0",
    "keyUsage": "critical, cRLSign, keyCertSign",
    "extendedKeyUsage": "clientAuth, serverAuth",
    "subjectKeyIdentifier": "present",
    "subjectAltName": "DNS:*.a.b, IP:127.0.0.1, IP:::1, URI:http://x/y?z=1, email:o'brien@b.c",
    "nameConstraints": "critical, excluded;email:x.org, permitted;DNS:a.b,"
    " permitted;IP:127.0.0.0/255.0.0.0",
    "crlDistributionPoints": "URI:http://a.b/c.crl",
}


def test_an_extension_file_is_read_as_openssl_reads_it() -> None:
    """What this page does not know is left out, and so is what stands in sections."""
    assert extensions.asked(ASKED) == SETTLED
    assert extensions.asked("subjectAltName = @names\n[names]\nkeyUsage = cRLSign\n") == {}


@pytest.mark.version
def test_every_openssl_reads_back_what_was_asked_for(
    run_openssl: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "e").write_text(ASKED)
    run_openssl("genrsa", "-out", "k", "2048")
    run_openssl("req", "-new", "-key", "k", "-subj", "/CN=x", "-out", "r")
    signing = "x509 -req -in r -signkey k -extfile e -days 2 -out c"
    run_openssl(*signing.split())
    text = run_openssl("x509", "-in", "c", "-noout", "-text")
    assert extensions.shown(text) == SETTLED


@pytest.mark.version
def test_an_authority_key_identifier_is_seen(
    run_openssl: Callable[..., str], tmp_path: Path
) -> None:
    ca = "basicConstraints = critical,CA:TRUE\nsubjectKeyIdentifier = hash\n"
    (tmp_path / "ca.ext").write_text(ca)
    (tmp_path / "leaf.ext").write_text("authorityKeyIdentifier = keyid\nkeyUsage = keyAgreement\n")
    run_openssl("genrsa", "-out", "k", "2048")
    run_openssl("req", "-new", "-key", "k", "-subj", "/CN=x", "-out", "r")
    run_openssl(*"x509 -req -in r -signkey k -extfile ca.ext -out ca".split())
    run_openssl(*"x509 -req -in r -CA ca -CAkey k -set_serial 7 -extfile leaf.ext -out c".split())
    names = ["authorityKeyIdentifier", "keyUsage", "nameConstraints", "subject"]
    held = extensions.held(names, run_openssl("x509", "-in", "c", "-noout", "-text"))
    assert held == {
        "authorityKeyIdentifier": "present",
        "keyUsage": "keyAgreement",
        "nameConstraints": "absent",
    }
