"""Throw-away certificates for what must be refused, made by openssl in a temporary folder.

No CA key of the recipe is needed: the stranger's CA is made for it, and a forged certificate is the
real one with one character of its signature changed.
"""

import base64
from dataclasses import replace
from pathlib import Path as FilePath

from mtls_openssl import checks
from mtls_openssl.errors import CommandFailed
from mtls_openssl.member import Member
from mtls_openssl.peers import Peer
from mtls_openssl.process import Runner
from mtls_openssl.subject import to_subj


def stranger(runner: Runner, folder: FilePath, member: Member) -> Peer:
    """Make a client of the same subject under a CA that nobody knows."""
    ca, key, request, made = (str(folder / f"stranger{end}") for end in (".ca", ".key", ".csr", ""))
    unicode = () if to_subj(member.subject).isascii() else ("-utf8",)
    for path in (f"{ca}.key", key):
        curve = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        _run(runner, "genpkey", *curve, "-out", path)
    subject = ("-subj", "/CN=A CA that nobody knows")
    _run(runner, "req", "-new", "-x509", "-key", f"{ca}.key", *subject, "-days", "1", "-out", ca)
    subject = ("-subj", to_subj(member.subject))
    _run(runner, "req", "-new", *unicode, "-key", key, *subject, "-out", request)
    signer = ("-CA", ca, "-CAkey", f"{ca}.key", "-set_serial", "1", "-days", "1")
    _run(runner, "x509", "-req", "-in", request, *signer, "-out", made)
    return Peer(member.name, made, key)


def forged(folder: FilePath, directory: FilePath, client: Peer) -> Peer:
    """Make a copy of a client whose certificate's signature is not its CA's any more."""
    text = (directory / client.certificate).read_text("utf-8", "replace")
    path = folder / "forged"
    path.write_text(tampered(text), "utf-8")
    return replace(client, certificate=str(path))


def tampered(pem: str) -> str:
    """Change one character of a certificate: its last octet, one bit of it, is the signature's."""
    block = checks.pem_blocks(pem, "CERTIFICATE")[0].splitlines()
    octets = bytearray(base64.b64decode("".join(block[1:-1])))
    octets[-1] ^= 1
    text = base64.b64encode(octets).decode()
    width = len(block[1])
    lines = [text[start : start + width] for start in range(0, len(text), width)]
    return "\n".join([block[0], *lines, block[-1]]) + "\n"


def sent_along(folder: FilePath, directory: FilePath, member: Member) -> str:
    """Give a file of the issuing CAs that an entity sends: its chain file without itself."""
    if "chain" not in member.files:
        return ""
    text = (directory / member.files["chain"]).read_text("utf-8", "replace")
    above = checks.pem_blocks(text, "CERTIFICATE")[1:]
    path = folder / f"{member.entity.section}-{member.name}.above"
    path.write_text("\n".join(above) + "\n", "utf-8")
    return str(path) if above else ""


def _run(runner: Runner, *words: str) -> None:
    outcome = runner.run(("openssl", *words))
    if outcome.returncode != 0:
        said = checks.complaint(outcome.answer)
        raise CommandFailed(
            f"a throw-away certificate could not be made, openssl {words[0]} failed: {said}",
            output=outcome.transcript,
        )
