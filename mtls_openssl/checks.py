"""What to ask openssl about a file, and what its answers mean. Pure: text in, verdicts out.

A file is read by as few processes as will tell all that is wanted of it; each question is itself
a command that a person can type.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest

from mtls_openssl import extensions, subject
from mtls_openssl.artifact import Artifact, Expectation
from mtls_openssl.secret import Need


@dataclass(frozen=True)
class Question:
    """A command that reads a file, and perhaps a second one that reads what the first prints."""

    about: str
    """What the answer is for: text, chain, public-key, bundled-certificate."""
    argv: tuple[str, ...]
    need: Need | None = None
    """The secret that goes on its standard input."""
    into: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What a question's command printed, and whether it ended well."""

    ok: bool
    text: str
    complaint: str = ""


@dataclass(frozen=True)
class Verdict:
    """Whether one expectation holds."""

    name: str
    path: str
    ok: bool
    detail: str
    """What was expected; where it does not hold, what was found."""
    mended_by: str = ""


def questions(artifact: Artifact) -> tuple[Question, ...]:
    """Give the commands that together tell all that is expected of a file."""
    match artifact.kind:
        case "key":
            return (_key_question(artifact.path, artifact.need),)
        case "request":
            argv = _openssl(
                "req -in {} -noout -verify -text -pubkey -subject -nameopt RFC2253", artifact
            )
            return (Question("text", argv),)
        case "certificate":
            options = "-subject -issuer -serial -startdate -enddate -purpose -nameopt RFC2253"
            argv = _openssl(f"x509 -in {{}} -noout -text -pubkey {options}", artifact)
            return (
                Question("text", argv),
                Question("chain", _verify(artifact)),
                *_name_questions(artifact),
            )
        case "pkcs12":
            return _bundle_questions(artifact)
    return ()


def public_key_question(path: str, need: Need | None, kind: str) -> Question:
    """Give the command that prints the public key of a key, a request or a certificate."""
    if kind == "key":
        return _key_question(path, need)
    command = "req" if kind == "request" else "x509"
    return Question("text", ("openssl", command, "-in", path, "-noout", "-pubkey"))


def _key_question(path: str, need: Need | None) -> Question:
    passin = ("-passin", "stdin") if need else ()
    return Question("text", ("openssl", "pkey", "-in", path, *passin, "-pubout", "-text_pub"), need)


def _bundle_questions(artifact: Artifact) -> tuple[Question, ...]:
    argv = _openssl("pkcs12 -in {} -passin stdin", artifact)
    chain = (
        (Question("bundled-chain", (*argv, "-nokeys", "-cacerts"), artifact.need),)
        if len(artifact.parts) > 2
        else ()
    )
    return (
        *chain,
        Question("bundled-certificate", (*argv, "-nokeys", "-clcerts"), artifact.need),
        # The private key goes from one openssl to the other through a pipe that nobody else reads.
        Question(
            "text", (*argv, "-nocerts", "-nodes"), artifact.need, ("openssl", "pkey", "-pubout")
        ),
    )


def _name_questions(artifact: Artifact) -> tuple[Question, ...]:
    """Ask for each host name and address whether the certificate is good for it, two at a time."""
    hosts = [name[4:].replace("*", "any") for name in artifact.names if name.startswith("DNS:")]
    addresses = [name[3:] for name in artifact.names if name.startswith("IP:")]
    questions = []
    for number, (host, address) in enumerate(zip_longest(hosts, addresses)):
        words = (*(("-verify_hostname", host) if host else ()),)
        words += ("-verify_ip", address) if address else ()
        argv = _verify(artifact)
        questions.append(Question(f"names {number}", (*argv[:2], *words, *argv[2:])))
    return tuple(questions)


def _openssl(words: str, artifact: Artifact) -> tuple[str, ...]:
    return ("openssl", *(artifact.path if word == "{}" else word for word in words.split()))


def _verify(artifact: Artifact) -> tuple[str, ...]:
    strict = ("-x509_strict",) if artifact.strict else ()
    itself = ("-check_ss_sig",) if artifact.trust == artifact.path else ()
    between = tuple(word for path in artifact.untrusted for word in ("-untrusted", path))
    purpose = ("-purpose", artifact.purpose) if artifact.purpose else ()
    return ("openssl", "verify", *strict, *itself, *purpose, "-CAfile", artifact.trust, *between,
            artifact.path)  # fmt: skip


def facts(artifact: Artifact, answers: Mapping[str, Answer]) -> dict[str, str]:
    """Read the answers: what is found, by the names of the expectations, and more.

    `trouble` is there where openssl could not read the file; `public-key-pem`, `not-after` (ISO
    8601, UTC), `serial` (decimal) and `issuer` are for whoever compares files with each other.
    """
    found: dict[str, str] = {}
    for about, answer in answers.items():
        if not answer.ok and about != "chain" and not about.startswith("names"):
            found.setdefault("trouble", complaint(answer))
    if text := answers.get("text"):
        found |= _text(artifact, text)
    if found.get("signature") == "bad":
        found.pop("trouble", None)  # the request is read, and the fault is told
    if chain := answers.get("chain"):
        found |= _chain(chain, artifact)
    if artifact.names:
        asked = [answer for about, answer in answers.items() if about.startswith("names")]
        wrong = [complaint(answer) for answer in asked if not answer.ok]
        found["names"] = wrong[0] if wrong else "all match"
    if bundled := answers.get("bundled-certificate"):
        found |= _bundle(bundled, answers.get("bundled-chain", bundled))
    return found


def _text(artifact: Artifact, text: Answer) -> dict[str, str]:
    if not text.ok:
        broken = "verify failure" in text.text + text.complaint
        return {"signature": "bad"} if broken else {}
    found = _READERS.get(artifact.kind, _nothing)(text)
    if artifact.kind == "certificate":
        names = [expectation.name for expectation in artifact.expectations]
        found |= extensions.held(names, text.text)
    if pem := pem_blocks(text.text, "PUBLIC KEY"):
        found["public-key-pem"] = pem[0]
    return found


def _bundle(own: Answer, above: Answer) -> dict[str, str]:
    found = {
        "bundled": "\n".join(pem_blocks(own.text, "CERTIFICATE")),
        "bundled-chain": "\n".join(pem_blocks(above.text, "CERTIFICATE")),
    }
    return found | ({"opens": "with its password"} if own.ok else {})


def judge(artifact: Artifact, found: Mapping[str, str]) -> tuple[Verdict, ...]:
    """Hold what was found against what is expected.

    From OpenSSL 3.5 on, a request whose signature is broken tells nothing else of itself.
    """
    shut = found.get("signature") == "bad" and "subject" not in found
    return tuple(
        _verdict(artifact, expectation, found.get(expectation.name))
        for expectation in artifact.expectations
        if expectation.name == "signature" or not shut
    )


def _verdict(artifact: Artifact, expectation: Expectation, found: str | None) -> Verdict:
    same = found == expectation.expected
    if expectation.name in ("subject", "issuer") and found is not None:
        same = subject.same(found, expectation.expected)
    detail = (
        expectation.expected
        if same
        else f"expected {expectation.expected}, found {found or 'nothing'}"
    )
    return Verdict(expectation.name, artifact.path, same, detail, expectation.mended_by)


def complaint(answer: Answer) -> str:
    """Give what openssl complains of, in one line, without its codes and addresses."""
    lines = [
        line.strip() for line in (answer.complaint or answer.text).splitlines() if line.strip()
    ]
    told = [
        line for line in lines if re.search(r"(?i)error|unable|could not|invalid|fail|usage", line)
    ]
    line = (told or lines or ["it said nothing"])[0]
    if match := re.fullmatch(r"[0-9A-F]+:error:[0-9A-F]+:([^:]*):[^:]*:([^:]*):.*", line):
        line = f"{match[2]} ({match[1]})"
    return line


def pem_blocks(text: str, label: str = "[A-Z0-9 ]+") -> list[str]:
    """Give the PEM blocks of a text, in order (RFC 7468)."""
    pattern = rf"-----BEGIN ({label})-----\n[A-Za-z0-9+/=\n:, -]*?-----END \1-----"
    return [match[0] for match in re.finditer(pattern, text)]


def encrypted(text: str) -> str:
    """Tell from its PEM label or header whether a private key is encrypted."""
    return (
        "yes" if "BEGIN ENCRYPTED PRIVATE KEY" in text or "Proc-Type: 4,ENCRYPTED" in text else "no"
    )


def duplicates(found: Iterable[tuple[str, Mapping[str, str]]]) -> tuple[Verdict, ...]:
    """Find certificates of one issuer that bear one serial number (RFC 5280 section 4.1.2.2)."""
    first: dict[tuple[str, str], str] = {}
    verdicts = []
    for path, certificate in found:
        key = certificate["issuer"], certificate["serial"]
        if (other := first.setdefault(key, path)) != path:
            detail = f"serial {certificate['serial']} is that of {other} too, under one issuer"
            verdicts.append(Verdict("unique-serial", path, False, detail))
    return tuple(verdicts)


def _nothing(_: Answer) -> dict[str, str]:
    return {}


def _key(answer: Answer) -> dict[str, str]:
    return {"algorithm": _algorithm(answer.text)}


def _algorithm(text: str) -> str:
    """Tell the algorithm and size from `-text_pub`, or a certificate's `-text`."""
    if match := re.search(r"NIST CURVE: (\S+)", text):
        return f"EC {match[1]}"
    if match := re.search(r"(ED25519|ED448|ML-DSA-\d+) Public-Key:", text):
        return match[1]
    match = re.search(r"Public-Key: \((\d+) bit", text)
    kind = "RSA" if "Modulus:" in text else "unknown"
    return f"{kind} {match[1]}" if match else kind


def _request(answer: Answer) -> dict[str, str]:
    said = f"{answer.text}\n{answer.complaint}"
    good = re.search(r"^(Certificate request self-signature )?verify OK$", said, re.MULTILINE)
    return {
        "subject": _name(answer.text, "subject"),
        "signature": "good" if good else "bad",
    }


def _certificate(answer: Answer) -> dict[str, str]:
    text = answer.text
    begin, end = (_date(text, name) for name in ("notBefore", "notAfter"))
    serial = re.search(r"^serial=(-?[0-9A-F]+)$", text, re.MULTILINE)
    digest = re.search(r"Signature Algorithm: \S*?(sha\d+)", text, re.IGNORECASE)
    days = (end - begin).total_seconds() / 86400
    return {
        "subject": _name(text, "subject"),
        "issuer": _name(text, "issuer"),
        "serial": str(int(serial[1], 16)) if serial else "nothing",
        "validity": f"{days:g} days",
        "not-after": end.isoformat(),
        "not-before": begin.isoformat(),
        "digest": digest[1].lower() if digest else "none",
        "ca": "yes" if re.search(r"^SSL server CA : Yes", text, re.MULTILINE) else "no",
        "algorithm": _algorithm(text),
    }


def _name(text: str, which: str) -> str:
    match = re.search(rf"^{which}= ?(.*)$", text, re.MULTILINE)
    return subject.to_text(subject.from_rfc2253(match[1])) if match else "nothing"


def _date(text: str, which: str) -> datetime:
    match = re.search(rf"^{which}=(.*) GMT$", text, re.MULTILINE)
    printed = match[1] if match else "Jan  1 00:00:00 1970"
    return datetime.strptime(printed, "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)


def _chain(answer: Answer, artifact: Artifact) -> dict[str, str]:
    """Read `openssl verify`: error 26 speaks of the purpose, all others of the chain."""
    said = f"{answer.text}\n{answer.complaint}"
    errors = re.findall(r"error (\d+) at (\d+) depth lookup: ?(.*)", said)
    if answer.ok and not errors:
        return {"chain": "good", "purpose": artifact.purpose}
    if not errors:
        return {"chain": complaint(answer)}
    others = [f"error {number}, {words}" for number, _, words in errors if number != "26"]
    if others:
        return {"chain": others[0], "purpose": "no chain to a trust anchor"}
    return {"chain": "good", "purpose": f"error 26, {errors[0][2]}"}


_READERS: dict[str, Callable[[Answer], dict[str, str]]] = {
    "key": _key,
    "request": _request,
    "certificate": _certificate,
}
