"""What every openssl answers to the checks' questions: samples for test_checks.py.

    python tests/answers.py OPENSSL…

writes them anew. The first of the binaries makes the files that all of them are asked about; no
private key and no password is kept.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from mtls_openssl import checks, process
from mtls_openssl.artifact import Artifact, Expectation
from mtls_openssl.checks import Answer
from mtls_openssl.secret import Env, Need, Secret

FOLDER = Path(__file__).parent / "data" / "answers"
COMPLAINT = "--- complaint"

PASSPHRASE = Secret("correct horse")
NEED = Need(Env("X"), "the pass phrase of the file", "locked.key", ())
SERVER = "sslserver"

MAKE = """
openssl genrsa -out rsa.key 2048
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.key
openssl genpkey -algorithm ed25519 -out ed25519.key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out ca.key
openssl pkey -in ec.key -aes256 -passout stdin -out locked.key
openssl req -new -utf8 -key ca.key -subj /C=DE/O=Exämple\\/One/CN=Root -out ca.csr
openssl x509 -req -in ca.csr -signkey ca.key -days 30 -extfile ca.ext -out ca.pem
openssl x509 -req -in ca.csr -signkey ca.key -days 30 -out v1.pem
openssl x509 -req -in ca.csr -signkey ca.key -days 30 -extfile bare.ext -out bare.pem
openssl req -new -utf8 -key ca.key -subj /CN=Other -out other.csr
openssl x509 -req -in other.csr -signkey ca.key -days 30 -extfile ca.ext -out other.pem
openssl req -new -key ec.key -subj /O=A,\\+B\\"\\\\/CN=leaf.example.com -out leaf.csr
openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -set_serial 0x8000abcdef -sha384 -days 7 \
-extfile server.ext -out leaf.pem
openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -set_serial 2 -days 7 \
-extfile client.ext -out client.pem
openssl x509 -req -in leaf.csr -CA bare.pem -CAkey ca.key -set_serial 3 -days 7 -out under-bare.pem
openssl pkcs12 -export -in leaf.pem -inkey ec.key -certfile ca.pem -passout stdin -out leaf.p12
"""
EXTENSIONS = {
    "ca.ext": "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n",
    "bare.ext": "subjectKeyIdentifier=hash\n",
    "server.ext": "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n"
    "subjectAltName=DNS:leaf.example.com,IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n",
    "client.ext": "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n",
}


def certificate(
    path: str, trust: str, purpose: str = "", *extensions: str, names: tuple[str, ...] = ()
) -> Artifact:
    """A certificate of which the checks want to know: its extensions, and its good names."""
    wanted = tuple(Expectation(name, "") for name in extensions)
    return Artifact("certificate", path, "x", wanted, trust=trust, purpose=purpose, names=names)


CASES: dict[str, Artifact] = {
    "key-rsa": Artifact("key", "rsa.key", "x"),
    "key-ec": Artifact("key", "ec.key", "x"),
    "key-ed25519": Artifact("key", "ed25519.key", "x"),
    "key-locked": Artifact("key", "locked.key", "x", need=NEED),
    "key-wrong-pass-phrase": Artifact("key", "locked.key", "x", need=NEED),
    "key-garbage": Artifact("key", "garbage", "x"),
    "request": Artifact("request", "leaf.csr", "x"),
    "request-tampered": Artifact("request", "tampered.csr", "x"),
    "request-garbage": Artifact("request", "garbage", "x"),
    "certificate-ca": certificate("ca.pem", "ca.pem", "", "basicConstraints", "keyUsage"),
    "certificate-v1": certificate("v1.pem", "v1.pem"),
    "certificate-bare": certificate("bare.pem", "bare.pem", "", "basicConstraints"),
    "certificate-leaf": certificate(
        "leaf.pem", "ca.pem", SERVER, "subjectAltName", "extendedKeyUsage", "basicConstraints"
    ),
    "certificate-names": certificate(
        "leaf.pem", "ca.pem", SERVER, names=("DNS:leaf.example.com", "IP:127.0.0.1")
    ),
    "certificate-wrong-host": certificate(
        "leaf.pem", "ca.pem", SERVER, names=("DNS:other.example.com", "IP:127.0.0.1")
    ),
    "certificate-wrong-address": certificate(
        "leaf.pem", "ca.pem", SERVER, names=("DNS:leaf.example.com", "IP:127.0.0.2")
    ),
    "certificate-foreign": certificate("leaf.pem", "other.pem", SERVER),
    "certificate-purpose": certificate("client.pem", "ca.pem", SERVER),
    "certificate-under-bare": certificate("under-bare.pem", "bare.pem", SERVER),
    "certificate-tampered": certificate("tampered.pem", "ca.pem", SERVER),
    "certificate-garbage": certificate("garbage", "ca.pem", SERVER),
    "bundle": Artifact("pkcs12", "leaf.p12", "x", need=NEED),
    "bundle-chain": Artifact(
        "pkcs12", "leaf.p12", "x", need=NEED, parts=("leaf.pem", "ec.key", "ca.pem")
    ),
    "bundle-wrong-password": Artifact("pkcs12", "leaf.p12", "x", need=NEED),
}
"""What is asked about, by the name of the sample."""


def read(version: str, case: str) -> dict[str, Answer]:
    """Give the answers of a sample; each must still be to the question that is asked now."""
    answers: dict[str, Answer] = {}
    parts = (FOLDER / version / f"{case}.txt").read_text("utf-8").split("$ ")[1:]
    for part, question in zip(parts, checks.questions(CASES[case]), strict=True):
        command, _, rest = part.partition("\n")
        assert command == _command(question), "ask anew: python tests/answers.py OPENSSL…"
        ended, _, rest = rest.partition("\n")
        printed, _, complaint = rest.partition(f"{COMPLAINT}\n")
        answers[question.about] = Answer(ended == "exit 0", printed, complaint)
    return answers


def _command(question: checks.Question) -> str:
    return " ".join((*question.argv, *(("|", *question.into) if question.into else ())))


def _make(binary: Path, folder: Path) -> None:
    for name, text in EXTENSIONS.items():
        (folder / name).write_text(text)
    for line in MAKE.strip().splitlines():
        words = line.replace('\\"', '"').split(" ")
        subprocess.run(
            [binary, *words[1:]], cwd=folder, check=True, capture_output=True,
            env=process.clean_environment({}), input=PASSPHRASE.reveal() + "\n", text=True,
        )  # fmt: skip
    (folder / "garbage").write_text("-----BEGIN NOTHING-----\n")
    for name in ("leaf.csr", "leaf.pem"):
        lines = (folder / name).read_text().splitlines()
        lines[-2] = lines[-2][:8] + ("A" if lines[-2][8] != "A" else "B") + lines[-2][9:]
        (folder / f"tampered{Path(name).suffix}").write_text("\n".join(lines) + "\n")


def _ask(binary: Path, folder: Path) -> None:
    numbers = process.ask_version(binary).numbers
    target = FOLDER / ".".join(map(str, numbers if numbers[0] == 1 else numbers[:2]))
    target.mkdir(parents=True, exist_ok=True)
    runner = process.Runner(binary, folder)
    for case, artifact in CASES.items():
        text = ""
        for question in checks.questions(artifact):
            secret = Secret("wrong horse") if "wrong-pass" in case else PASSPHRASE
            if question.into:
                outcome = runner.pipe(question.argv, question.into, secret)
            else:
                outcome = runner.run(question.argv, secret=secret if question.need else None)
            text += f"$ {_command(question)}\nexit {outcome.returncode}\n"
            text += f"{outcome.stdout}{COMPLAINT}\n{outcome.transcript}"
        assert PASSPHRASE.reveal() not in text
        assert "PRIVATE KEY-----" not in text
        (target / f"{case}.txt").write_text(text, "utf-8")


def main(binaries: list[str]) -> None:
    """Write every sample anew."""
    with tempfile.TemporaryDirectory() as folder:
        _make(process.find(binaries[0]), Path(folder))
        for binary in binaries:
            _ask(process.find(binary), Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:] or ["openssl"])
