"""What every openssl answers to the questions of `batch`: samples for test_batch.py.

    python tests/batches.py OPENSSL…

writes them anew. The first of the binaries makes the files that all of them are asked about; the
keys' private numbers are not kept.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from mtls_openssl import batch, process
from mtls_openssl.artifact import Artifact
from mtls_openssl.checks import Question

FOLDER = Path(__file__).parent / "data" / "batches"

SUBJECTS = {
    "plain": "/O=Example/CN=plain",
    "unicode": "/O=Exämple, Inc./CN=Ünï 😀 \\+ \\/x",
    "untrusted": "/O=Example/CN=one (untrusted)",
    "lines": "/CN=a\nplain.pem: OK\nChain:\ndepth=0: CN=b",
}
"""Whose certificates are asked about; the last can only come by a request from elsewhere."""

KEYS = tuple(Artifact("key", f"{name}.key", "x") for name in ("plain", "rsa", "ed25519"))
CERTIFICATES = tuple(
    Artifact("certificate", f"{name}.pem", "x", trust="ca.pem", untrusted=("low.pem",),
             purpose="sslclient", strict=True)
    for name in (*SUBJECTS, "other")
)  # fmt: skip
"""All good, but for `other`, which another CA of the same name has signed."""

MAKE = """
genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {}.key
req -new -utf8 -key {}.key -subj SUBJECT -out {}.csr
"""
SIGN = "x509 -req -in {}.csr {} -days 3650 -extfile {}.ext -out {}.pem"
EXTENSIONS = {
    "ca.ext": "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
    "subjectKeyIdentifier=hash\n",
    "leaf.ext": "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
    "extendedKeyUsage=clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
}
EXTENSIONS["low.ext"] = EXTENSIONS["ca.ext"] + "authorityKeyIdentifier=keyid\n"


def questions() -> dict[str, Question]:
    """Give what is asked, by the name of the sample."""
    [chain] = batch.verifications(CERTIFICATES)
    return {
        "keys": batch.reading(KEYS), "certificates": batch.reading(CERTIFICATES), "chain": chain,
    }  # fmt: skip


def versions() -> list[str]:
    """Give the versions that there are samples of."""
    return sorted(path.name for path in FOLDER.iterdir())


def read(version: str, sample: str) -> str:
    """Give what a version printed; it must still be the answer to what is asked now."""
    command, _, printed = (FOLDER / version / f"{sample}.txt").read_text("utf-8").partition("\n")
    question = questions()[sample]
    asked = " | ".join(" ".join(part) for part in (question.argv, question.into) if part)
    assert command == f"$ {asked}", "ask anew: python tests/batches.py OPENSSL…"
    return printed


def _make(binary: Path, folder: Path) -> None:
    def run(*words: str) -> None:
        subprocess.run([binary, *words], cwd=folder, check=True, capture_output=True,
                       env=process.clean_environment({}))  # fmt: skip

    for name, text in EXTENSIONS.items():
        (folder / name).write_text(text)
    chosen = {"ca": "/CN=Root", "low": "/O=Exämple/CN=Low", "impostor": "/O=Exämple/CN=Low"}
    for name, subject in (chosen | SUBJECTS | {"other": "/CN=other"}).items():
        for line in MAKE.strip().splitlines():
            words = line.replace("{}", name).split()
            run(*(subject if word == "SUBJECT" else word for word in words))
    run(*SIGN.format("ca", "-signkey ca.key", "ca", "ca").split())
    run(*SIGN.format("low", "-CA ca.pem -CAkey ca.key -CAcreateserial", "low", "low").split())
    run(*SIGN.format("impostor", "-signkey impostor.key", "ca", "impostor").split())
    for name in (*SUBJECTS, "other"):
        issuer = "impostor" if name == "other" else "low"
        options = f"-CA {issuer}.pem -CAkey {issuer}.key -CAcreateserial"
        run(*SIGN.format(name, options, "leaf", name).split())
    run(*"genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key".split())
    run(*"genpkey -algorithm ed25519 -out ed25519.key".split())


_PRIVATE = re.compile(
    r"(?i)^(priv|privateExponent|prime[12]|exponent[12]|coefficient):\n(?: +[0-9a-f:]+\n)+",
    re.MULTILINE,
)


def _ask(binary: Path, folder: Path) -> None:
    numbers = process.ask_version(binary).numbers
    target = FOLDER / ".".join(map(str, numbers if numbers[0] == 1 else numbers[:2]))
    target.mkdir(parents=True, exist_ok=True)
    runner = process.Runner(binary, folder)
    for sample, question in questions().items():
        outcome = (
            runner.pipe(question.argv, question.into, None)
            if question.into
            else runner.run(question.argv)
        )
        command = " | ".join(" ".join(part) for part in (question.argv, question.into) if part)
        text = _PRIVATE.sub(r"\1:\n    00\n", outcome.stdout)
        (target / f"{sample}.txt").write_text(f"$ {command}\n{text}", "utf-8")


def main(binaries: list[str]) -> None:
    """Write every sample anew."""
    with tempfile.TemporaryDirectory() as folder:
        _make(process.find(binaries[0]), Path(folder))
        for binary in binaries:
            _ask(process.find(binary), Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:] or ["openssl"])
