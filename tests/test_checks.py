"""What openssl's answers mean: read from samples of five versions, without any openssl."""

from datetime import datetime, timedelta

import pytest

from mtls_openssl import checks
from mtls_openssl.artifact import Artifact, Expectation
from mtls_openssl.checks import Answer, Verdict
from tests import answers
from tests.answers import CASES, FOLDER

VERSIONS = sorted(path.name for path in FOLDER.iterdir())
every_version = pytest.mark.parametrize("version", VERSIONS)

LEAF = 'O=A\\,+B"\\\\, CN=leaf.example.com'
ROOT = "C=DE, O=Exämple/One, CN=Root"


def found(version: str, case: str) -> dict[str, str]:
    """What is found of a file, by a version's answers."""
    return checks.facts(CASES[case], answers.read(version, case))


def without_times(facts: dict[str, str]) -> dict[str, str]:
    """Facts but for those that are new whenever the samples are."""
    changing = ("dates", "not-before", "not-after", "public-key-text", "serial")
    return {name: fact for name, fact in facts.items() if name not in changing}


def test_there_are_samples_of_every_version_of_the_matrix() -> None:
    assert VERSIONS == ["1.1.1", "3.0", "3.5", "3.6", "4.0"]


@every_version
@pytest.mark.parametrize(
    ("case", "algorithm"),
    [
        ("key-rsa", "RSA 2048"),
        ("key-ec", "EC P-256"),
        ("key-ed25519", "ED25519"),
        ("key-locked", "EC P-256"),
    ],
)
def test_a_keys_algorithm_and_size_are_told(version: str, case: str, algorithm: str) -> None:
    facts = found(version, case)
    assert facts.pop("public-key-text").startswith(f"{algorithm} ")
    assert facts == {"algorithm": algorithm}


@every_version
def test_a_key_has_the_same_public_key_whether_it_is_encrypted_or_not(version: str) -> None:
    plain, locked = found(version, "key-ec"), found(version, "key-locked")
    assert plain["public-key-text"] == locked["public-key-text"]
    assert plain["public-key-text"] != found(version, "key-rsa")["public-key-text"]
    assert plain["public-key-text"] == found(version, "request")["public-key-text"]
    assert plain["public-key-text"] == found(version, "certificate-leaf")["public-key-text"]
    assert plain["public-key-text"] == found(version, "bundle")["public-key-text"]


@every_version
def test_a_requests_subject_and_signature_are_told(version: str) -> None:
    assert without_times(found(version, "request")) == {
        "subject": LEAF,
        "signature": "good",
        "algorithm": "EC P-256",
    }


@every_version
def test_a_request_whose_signature_is_broken_is_told_as_that(version: str) -> None:
    """Up to 3.0 openssl says so and ends well; later ones fail. It is one verdict."""
    facts = found(version, "request-tampered")
    assert facts["signature"] == "bad"
    assert "trouble" not in facts


@every_version
def test_a_certificate_authoritys_facts(version: str) -> None:
    assert without_times(found(version, "certificate-ca")) == {
        "subject": ROOT,
        "issuer": ROOT,
        "validity": "30 days",
        "digest": "sha256",
        "ca": "yes",
        "algorithm": "EC P-384",
        "basicConstraints": "critical, CA:TRUE",
        "keyUsage": "critical, cRLSign, keyCertSign",
        "chain": "good",
        "purpose": "",
    }


@every_version
def test_a_leafs_facts(version: str) -> None:
    assert without_times(found(version, "certificate-leaf")) == {
        "subject": LEAF,
        "issuer": ROOT,
        "validity": "7 days",
        "digest": "sha384",
        "ca": "no",
        "algorithm": "EC P-256",
        "subjectAltName": "DNS:leaf.example.com, IP:127.0.0.1",
        "extendedKeyUsage": "serverAuth",
        "basicConstraints": "critical, CA:FALSE",
        "chain": "good",
        "purpose": "sslserver",
    }


@every_version
def test_a_serial_number_is_told_in_decimal(version: str) -> None:
    assert found(version, "certificate-leaf")["serial"] == str(0x8000ABCDEF)
    assert found(version, "certificate-purpose")["serial"] == "2"


@every_version
def test_the_times_are_told_in_utc(version: str) -> None:
    facts = found(version, "certificate-leaf")
    begin, end = (datetime.fromisoformat(facts[name]) for name in ("not-before", "not-after"))
    assert begin.utcoffset() == end.utcoffset() == timedelta(0)
    assert end - begin == timedelta(days=7)


@every_version
def test_a_version_1_root_is_a_ca_and_a_version_3_one_without_constraints_is_none(
    version: str,
) -> None:
    """What breaks the first tutorial from OpenSSL 3.2 on (FACTS)."""
    assert found(version, "certificate-v1")["ca"] == "yes"
    bare = found(version, "certificate-bare")
    assert bare["ca"] == "no"
    assert bare["basicConstraints"] == "absent"


@pytest.mark.parametrize(
    ("case", "chain", "purpose"),
    [
        (
            "certificate-foreign",
            "error 20, unable to get local issuer certificate",
            "no chain to a trust anchor",
        ),
        (
            "certificate-tampered",
            "error 7, certificate signature failure",
            "no chain to a trust anchor",
        ),
        (
            "certificate-under-bare",
            "error 79, invalid CA certificate",
            "no chain to a trust anchor",
        ),
        ("certificate-purpose", "good", "error 26, unsuitable certificate purpose"),
    ],
)
@every_version
def test_why_a_certificate_is_refused_is_told_by_number_and_words(
    version: str, case: str, chain: str, purpose: str
) -> None:
    if version == "1.1.1":
        chain = chain.replace("error 79", "error 24")
        purpose = purpose.replace("unsuitable", "unsupported")
    facts = found(version, case)
    assert (facts["chain"], facts["purpose"]) == (chain, purpose)
    assert "trouble" not in facts


@every_version
def test_a_bundle_opens_and_gives_its_certificate_but_never_its_key(version: str) -> None:
    facts = found(version, "bundle")
    assert facts["opens"] == "with its password"
    assert facts["bundled"].startswith("-----BEGIN CERTIFICATE-----\n")
    assert facts["bundled"].count("BEGIN") == 1
    assert "PRIVATE" not in str(facts)


@every_version
def test_a_bundles_chain_is_told_apart_from_its_certificate(version: str) -> None:
    facts = found(version, "bundle-chain")
    assert facts["bundled"] == found(version, "bundle")["bundled"]
    assert facts["bundled-chain"].startswith("-----BEGIN CERTIFICATE-----\n")
    assert facts["bundled-chain"] != facts["bundled"]


@pytest.mark.parametrize(
    ("case", "names"),
    [
        ("certificate-names", "all match"),
        ("certificate-wrong-host", "error 62 at 0 depth lookup: hostname mismatch"),
        ("certificate-wrong-address", "error 64 at 0 depth lookup: IP address mismatch"),
    ],
)
@every_version
def test_whether_a_certificate_is_good_for_a_name_is_told(
    version: str, case: str, names: str
) -> None:
    if version == "1.1.1":
        names = names.replace("hostname", "Hostname")
    facts = found(version, case)
    assert facts["names"] == names
    assert (facts["chain"], facts["purpose"]) == ("good", "sslserver")
    assert "trouble" not in facts


TROUBLE = {
    "key-wrong-pass-phrase": {
        "1.1.1": "unable to load key",
        "3.0": "Could not read key from locked.key",
        "3.5": "Could not find private key of key from locked.key",
        "4.0": "Could not find or decode private key of key from locked.key",
    },
    "key-garbage": {
        "1.1.1": "unable to load key",
        "3.0": "Could not read key from garbage",
        "3.5": "Could not find private key of key from garbage",
        "4.0": "Could not find or decode private key of key from garbage",
    },
    "request-garbage": {
        "1.1.1": "unable to load X509 request",
        "3.0": "Unable to load X509 request",
        "3.5": "not enough data (asn1 encoding routines)",
        "4.0": "not enough data (asn1 encoding routines)",
    },
    "certificate-garbage": {
        "1.1.1": "unable to load certificate",
        "3.0": "Could not read certificate from garbage",
        "3.5": "Could not find certificate from garbage",
        "4.0": "Could not find or decode certificate from garbage",
    },
    "bundle-wrong-password": dict.fromkeys(
        ("1.1.1", "3.0", "3.5", "4.0"), "Mac verify error: invalid password?"
    ),
}
"""What each version complains of, in one line; 3.6 says what 3.5 says."""


@pytest.mark.parametrize("case", TROUBLE)
@every_version
def test_a_file_that_cannot_be_read_is_told_in_openssls_words(version: str, case: str) -> None:
    facts = found(version, case)
    assert facts["trouble"] == TROUBLE[case]["3.5" if version == "3.6" else version]
    assert not {"algorithm", "subject", "opens", "public-key-text"} & set(facts)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("\n\n", "it said nothing"),
        ("writing RSA key\n", "writing RSA key"),
        ("Warning: x\nunable to load key\n140:error:06065064:a:b:bad decrypt:c.c:1:\n",
         "unable to load key"),
        (("140505:error:06065064:digital envelope routines:EVP_DecryptFinal_ex:bad decrypt:"
         "../crypto/evp/evp_enc.c:612:\n"), "bad decrypt (digital envelope routines)"),
        (("4047FF:error:0680008E:asn1 encoding routines:asn1_d2i_read_bio:not enough data:"
         "../a.c:283:maybe\n"), "not enough data (asn1 encoding routines)"),
        ("req: Unknown option: -foo\nreq: Use -help for summary.\n", "req: Unknown option: -foo"),
    ],
)  # fmt: skip
def test_a_complaint_is_one_line_without_codes_and_addresses(said: str, line: str) -> None:
    assert checks.complaint(Answer(False, "", said)) == line


def test_a_complaint_may_stand_among_what_was_printed() -> None:
    assert checks.complaint(Answer(False, "error 20: no issuer\n")) == "error 20: no issuer"


def test_a_subject_that_says_verify_ok_vouches_for_nothing() -> None:
    """OpenSSL up to 3.0 ends well though the signature is bad: its words must be its own."""
    printed = "Certificate Request:\n    Data:\nsubject=CN=verify OK\n"
    answer = Answer(True, printed, "verify failure\n")
    assert checks.facts(Artifact("request", "x", "x"), {"text": answer})["signature"] == "bad"


def test_a_chain_that_nobody_judged_is_not_good() -> None:
    """openssl verify that could not begin says nothing of an error number."""
    artifact = CASES["certificate-leaf"]
    facts = checks.facts(artifact, {"chain": Answer(False, "", "Error loading file none.pem\n")})
    assert facts == {"chain": "Error loading file none.pem"}


def test_expectations_are_judged_one_by_one() -> None:
    expected = (
        Expectation("algorithm", "RSA 2048"),
        Expectation("encrypted", "yes"),
        Expectation("private", "yes", mended_by="the erratum"),
    )
    facts = {"algorithm": "RSA 2048", "encrypted": "no"}
    assert checks.judge(Artifact("key", "k", "x", expected), facts) == (
        Verdict("algorithm", "k", True, "RSA 2048"),
        Verdict("encrypted", "k", False, "expected yes, found no"),
        Verdict("private", "k", False, "expected yes, found nothing", "the erratum"),
    )


@pytest.mark.parametrize(
    ("shown", "ok"),
    [
        ("C=DE, O=A, CN=x", True),
        ("CN=x, O=A, C=DE", True),
        ("C=DE, CN=x", False),
        ("C=DE, O=A, CN=x, OU=y", False),
        ("C=DE, O=a, CN=x", False),
        ("C=DE, O=A\\, CN=x", False),
    ],
)
@pytest.mark.parametrize("name", ["subject", "issuer"])
def test_a_subjects_attributes_count_not_their_order(name: str, shown: str, ok: bool) -> None:
    """Where openssl asks for them, their order is its configuration's."""
    artifact = Artifact("certificate", "c", "x", (Expectation(name, "C=DE, O=A, CN=x"),))
    [verdict] = checks.judge(artifact, {name: shown})
    assert verdict.ok is ok
    assert verdict.detail == (
        "C=DE, O=A, CN=x" if ok else f"expected C=DE, O=A, CN=x, found {shown}"
    )


CERTIFICATE = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----"
KEY = "-----BEGIN PRIVATE KEY-----\nREVG\n-----END PRIVATE KEY-----"
OLD = (
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0A1B\n\n"
    "R0hJ\n-----END RSA PRIVATE KEY-----"
)


def test_pem_blocks_are_found_in_order_whatever_stands_between() -> None:
    text = f"Bag Attributes\n{KEY}\nsubject=x\n{CERTIFICATE}\n\n{OLD}\n"
    assert checks.pem_blocks(text) == [KEY, CERTIFICATE, OLD]
    assert checks.pem_blocks(text, "CERTIFICATE") == [CERTIFICATE]
    assert checks.pem_blocks("-----BEGIN CERTIFICATE-----\nQUJD\n") == []
    assert checks.pem_blocks(CERTIFICATE.replace("END C", "END X")) == []


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (KEY, "no"),
        (OLD.replace("Proc-Type: 4,ENCRYPTED\n", ""), "no"),
        (OLD, "yes"),
        (KEY.replace("PRIVATE", "ENCRYPTED PRIVATE"), "yes"),
    ],
)
def test_whether_a_key_is_encrypted_is_told_by_either_form(text: str, answer: str) -> None:
    """PKCS#8's label, and the header of the traditional form that OpenSSL 1.1.1 writes."""
    assert checks.encrypted(text) == answer


def test_a_serial_number_given_twice_under_one_issuer_is_told_of_the_second() -> None:
    found = [
        ("a.pem", {"issuer": "CN=Root", "serial": "1"}),
        ("b.pem", {"issuer": "CN=Other", "serial": "1"}),
        ("c.pem", {"issuer": "CN=Root", "serial": "2"}),
        ("d.pem", {"issuer": "CN=Root", "serial": "1"}),
    ]
    detail = "serial 1 is that of a.pem too, under one issuer"
    assert checks.duplicates(found) == (Verdict("unique-serial", "d.pem", False, detail),)


def test_one_process_reads_all_that_is_wanted_of_a_file() -> None:
    """A certificate takes two, the second to judge its chain; a bundle two and a reader."""
    asked = {case: [q.argv[1] for q in checks.questions(CASES[case])] for case in CASES}
    assert asked["key-rsa"] == ["pkey"]
    assert asked["request"] == ["req"]
    assert asked["certificate-leaf"] == ["x509", "verify"]
    assert asked["certificate-names"] == ["x509", "verify", "verify"]
    assert asked["bundle"] == ["pkcs12", "pkcs12"]
    assert checks.questions(Artifact("mode", "k", "x")) == ()


def test_a_secret_is_asked_for_only_where_one_is_needed() -> None:
    [plain] = checks.questions(CASES["key-rsa"])
    [locked] = checks.questions(CASES["key-locked"])
    assert (plain.need, "-passin" in plain.argv) == (None, False)
    assert locked.need == answers.NEED
    assert locked.argv[4:6] == ("-passin", "stdin")


def test_a_chain_is_asked_for_with_all_that_is_between_and_as_strictly_as_the_workflow_says() -> (
    None
):
    artifact = Artifact(
        "certificate", "leaf.pem", "x", trust="root.pem", untrusted=("low.pem", "high.pem"),
        purpose="sslclient", strict=True,
    )  # fmt: skip
    _, chain = checks.questions(artifact)
    assert " ".join(chain.argv) == (
        "openssl verify -x509_strict -purpose sslclient -CAfile root.pem "
        "-untrusted low.pem -untrusted high.pem leaf.pem"
    )
    _, itself = checks.questions(CASES["certificate-ca"])
    assert " ".join(itself.argv) == "openssl verify -check_ss_sig -CAfile ca.pem ca.pem"


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("key", "openssl pkey -in x -noout -text_pub"),
        ("request", "openssl req -in x -noout -text"),
        ("certificate", "openssl x509 -in x -noout -text"),
    ],
)
def test_a_public_key_alone_is_asked_for_by_the_kind_of_file(kind: str, command: str) -> None:
    assert " ".join(checks.public_key_question("x", None, kind).argv) == command
