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
from mtls_openssl.subject import Subject


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

    @property
    def revoked(self) -> bool:
        """Whether it tells of a certificate that was revoked, as it was meant to be."""
        return self.ok and self.name == "revocation" and self.detail != "good"


def questions(artifact: Artifact) -> tuple[Question, ...]:
    """Give the commands that together tell all that is expected of a file."""
    match artifact.kind:
        case "key":
            return (_key_question(artifact.path, artifact.need),)
        case "request":
            argv = _openssl("req -in {} -noout -verify -text -subject -nameopt RFC2253", artifact)
            return (Question("text", argv),)
        case "certificate":
            argv = _openssl(
                "x509 -in {} -noout -text -subject -issuer -purpose -nameopt RFC2253", artifact
            )
            return (
                Question("text", argv),
                Question("chain", verification(artifact)),
                *_name_questions(artifact),
                *_revocation_questions(artifact),
            )
        case "pkcs12":
            return _bundle_questions(artifact)
        case "pkcs8":
            passin = ("-passin", "stdin") if artifact.need else ("-nocrypt",)
            argv = _openssl("pkcs8 -inform DER -in {}", artifact)
            return (Question("text", (*argv, *passin), artifact.need, _READ_KEY),)
        case "crl":
            argv = _openssl("crl -in {} -noout -text -issuer -nameopt RFC2253 -CAfile", artifact)
            return (Question("text", (*argv, artifact.trust)),)
        case "der" | "crl_der":
            command = "x509" if artifact.kind == "der" else "crl"
            return (Question("pem", _openssl(f"{command} -inform DER -in {{}}", artifact)),)
    return ()


_READ_KEY = ("openssl", "pkey", "-noout", "-text_pub")


def public_key_question(path: str, need: Need | None, kind: str) -> Question:
    """Give the command that prints the public key of a key, a request or a certificate."""
    if kind == "key":
        return _key_question(path, need)
    command = "req" if kind == "request" else "x509"
    return Question("text", ("openssl", command, "-in", path, "-noout", "-text"))


def _key_question(path: str, need: Need | None) -> Question:
    passin = ("-passin", "stdin") if need else ()
    return Question("text", ("openssl", "pkey", "-in", path, *passin, "-noout", "-text_pub"), need)


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
        Question("text", (*argv, "-nocerts", "-nodes"), artifact.need, _READ_KEY),
    )


def _name_questions(artifact: Artifact) -> tuple[Question, ...]:
    """Ask for each host name and address whether the certificate is good for it, two at a time."""
    hosts = [name[4:].replace("*", "any") for name in artifact.names if name.startswith("DNS:")]
    addresses = [name[3:] for name in artifact.names if name.startswith("IP:")]
    questions = []
    for number, (host, address) in enumerate(zip_longest(hosts, addresses)):
        words = (*(("-verify_hostname", host) if host else ()),)
        words += ("-verify_ip", address) if address else ()
        argv = verification(artifact)
        questions.append(Question(f"names {number}", (*argv[:2], *words, *argv[2:])))
    return tuple(questions)


def _revocation_questions(artifact: Artifact) -> tuple[Question, ...]:
    if not artifact.crl:
        return ()
    return (Question("revocation", listing(artifact)),)


def listing(artifact: Artifact) -> tuple[str, ...]:
    """Give the command that holds a certificate against its issuer's revocation list."""
    argv = verification(artifact)
    return (*argv[:2], "-crl_check", "-CRLfile", artifact.crl, *argv[2:])


def _openssl(words: str, artifact: Artifact) -> tuple[str, ...]:
    return ("openssl", *(artifact.path if word == "{}" else word for word in words.split()))


def verification(artifact: Artifact) -> tuple[str, ...]:
    """Give the command that judges a certificate's chain and purpose; its last word is the file."""
    strict = ("-x509_strict",) if artifact.strict else ()
    itself = ("-check_ss_sig",) if artifact.trust == artifact.path else ()
    between = tuple(word for path in artifact.untrusted for word in ("-untrusted", path))
    purpose = ("-purpose", artifact.purpose) if artifact.purpose else ()
    timeless = ("-no_check_time",) if artifact.timeless else ()
    options = (*strict, *itself, *timeless, *purpose, "-CAfile", artifact.trust, *between)
    return ("openssl", "verify", *options, artifact.path)


def facts(artifact: Artifact, answers: Mapping[str, Answer]) -> dict[str, str]:
    """Read the answers: what is found, by the names of the expectations, and more.

    `trouble` is there where openssl could not read the file; `public-key-text`, `not-after` (ISO
    8601, UTC), `serial` (decimal) and `issuer` are for whoever compares files with each other.
    """
    found: dict[str, str] = {}
    for about, answer in answers.items():
        if not answer.ok and not about.startswith(("chain", "names", "revocation")):
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
    if revocation := answers.get("revocation"):
        found["revocation"] = _revocation(revocation)
    if pem := answers.get("pem"):
        found["pem"] = "\n".join(pem_blocks(pem.text))
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
    if public := public_key(text.text):
        found["public-key-text"] = public
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
    if match := re.search(r"(ED25519|ED448|ML-DSA-\d+) (?:Public|Private)-Key:", text):
        return match[1]
    match = re.search(r"(?:Public|Private)-Key: \((\d+) bit", text)
    kind = "RSA" if re.search(r"^ *modulus:", text, re.IGNORECASE | re.MULTILINE) else "unknown"
    return f"{kind} {match[1]}" if match else kind


_NUMBER = re.compile(
    r"^ *(?:pub|modulus): *\n((?: +[0-9a-f:]+$\n?)+)", re.IGNORECASE | re.MULTILINE
)
_EXPONENT = re.compile(r"(?im)^ *(?:public)?exponent: (\d+)")


def public_key(text: str) -> str:
    """Give the public key that a `-text` shows, in one form for keys, requests and certificates."""
    number, exponent = _NUMBER.search(text), _EXPONENT.search(text)
    if not number:
        return ""
    digits = re.sub(r"[\s:]", "", number[1])
    return f"{_algorithm(text)} {digits} {exponent[1] if exponent else ''}".rstrip()


def _request(answer: Answer) -> dict[str, str]:
    said = f"{answer.text}\n{answer.complaint}"
    good = re.search(r"^(Certificate request self-signature )?verify OK$", said, re.MULTILINE)
    return {
        "subject": _name(answer.text, "subject"),
        "signature": "good" if good else "bad",
        "algorithm": _algorithm(answer.text),
    }


def _certificate(answer: Answer) -> dict[str, str]:
    text = answer.text
    begin, end = _date(text, "Not Before"), _date(text, "Not After ")
    serial = serial_number(text)
    digest = re.search(r"Signature Algorithm: \S*?(sha\d+)", text, re.IGNORECASE)
    return {
        "subject": _name(text, "subject"),
        "issuer": _name(text, "issuer"),
        "serial": "nothing" if serial is None else str(serial),
        **_validity(begin, end),
        "digest": digest[1].lower() if digest else "none",
        "ca": "yes" if re.search(r"^SSL server CA : Yes", text, re.MULTILINE) else "no",
        "algorithm": _algorithm(text),
    }


_SERIAL = re.compile(r"^ *Serial Number:\s+(-?\d+ \(|(?:\(Negative\))?[0-9a-f:]+$)", re.MULTILINE)


def serial_number(text: str) -> int | None:
    """Read a certificate's serial number as `-text` shows it: 17 (0x11), or a:long:one in hex."""
    match = _SERIAL.search(text)
    if not match:
        return None
    shown = match[1]
    if shown.endswith("("):
        return int(shown.removesuffix("("))
    sign, digits = (-1, shown[10:]) if shown.startswith("(Negative)") else (1, shown)
    return sign * int(digits.replace(":", ""), 16)


def _validity(begin: datetime, end: datetime) -> dict[str, str]:
    return {
        "validity": f"{(end - begin).total_seconds() / 86400:g} days",
        "dates": f"{begin.isoformat()} to {end.isoformat()}",
        "not-before": begin.isoformat(),
        "not-after": end.isoformat(),
    }


def revoked_serials(text: str) -> list[str]:
    """Give the serial numbers that `openssl crl -text` shows, as octets in hexadecimal."""
    return re.findall(r"^ *Serial Number: ([0-9A-F]+)$", text, re.MULTILINE)


def _list(answer: Answer) -> dict[str, str]:
    """Read a revocation list; `openssl crl -CAfile` tells of its signature."""
    text = answer.text
    begin, end = _date(text, "Last Update"), _date(text, "Next Update")
    serials = revoked_serials(text)
    good = re.search(r"^verify OK$", f"{text}\n{answer.complaint}", re.MULTILINE)
    return {
        "issuer": _name(text, "issuer"),
        "signature": "good" if good else "bad",
        **_validity(begin, end),
        "revoked": ", ".join(sorted(serials, key=lambda serial: int(serial, 16))) or "nobody",
    }


def name_of(text: str, which: str) -> Subject:
    """Read the subject or the issuer from what `-nameopt RFC2253` printed."""
    match = re.search(rf"^{which}= ?(.*)$", text, re.MULTILINE)
    return subject.from_rfc2253(match[1]) if match else ()


def _name(text: str, which: str) -> str:
    return subject.to_text(name_of(text, which)) or "nothing"


def _date(text: str, which: str) -> datetime:
    match = re.search(rf"^ *{which}: (.*) GMT$", text, re.MULTILINE)
    printed = match[1] if match else "Jan  1 00:00:00 1970"
    return datetime.strptime(printed, "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)


def _revocation(answer: Answer) -> str:
    """Read `openssl verify -crl_check`: error 23 is a revoked certificate."""
    errors = _errors(answer)
    if any((number, depth) == ("23", "0") for number, depth, _ in errors):
        return "revoked"
    if errors:
        return f"error {errors[0][0]}, {errors[0][2]}"
    return "good" if answer.ok else complaint(answer)


def _errors(answer: Answer) -> list[tuple[str, str, str]]:
    """Give the errors that `openssl verify` tells: number, depth, words."""
    said = f"{answer.text}\n{answer.complaint}"
    return re.findall(r"error (\d+) at (\d+) depth lookup: ?(.*)", said)


def _chain(answer: Answer, artifact: Artifact) -> dict[str, str]:
    """Read `openssl verify`: error 26 speaks of the purpose, all others of the chain."""
    errors = _errors(answer)
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
    "crl": _list,
}
