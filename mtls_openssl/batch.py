"""Many files read by one openssl: the questions of `checks`, asked of all at once.

A batch only ever says that all is well. Whatever it does not say of a file is asked of that file
alone, so that a fault is found, and told, as it would be without batches. Pure: text in, text out.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from mtls_openssl import checks
from mtls_openssl.artifact import Artifact
from mtls_openssl.checks import Answer, Question

LARGEST = 200
"""Files that one openssl is given at the most: its words must fit a command line."""

_STORE = ("openssl", "storeutl", "-text", "-noout")
_ENTRY = re.compile(r"^\d+: (?:Pkey|Certificate)$", re.MULTILINE)
_NAMED = re.compile(
    r"^(.*): OK\nChain:\n"
    r"depth=0: (.*?)(?: \(untrusted\))?\n"
    r"depth=1: (.*?)(?: \(untrusted\))?$",
    re.MULTILINE,
)


def keys(artifacts: Iterable[Artifact]) -> list[Artifact]:
    """Give the keys that can be read together: those that no pass phrase protects."""
    return [artifact for artifact in artifacts if artifact.kind == "key" and not artifact.need]


def certificates(artifacts: Iterable[Artifact]) -> list[Artifact]:
    """Give the certificates that can be read together: end entities' without names to try."""
    return [
        artifact
        for artifact in artifacts
        if artifact.kind == "certificate" and artifact.purpose and not artifact.names
    ]


def reading(artifacts: Sequence[Artifact]) -> Question:
    """Ask what all those files hold, keys or certificates, in their order."""
    option = "-keys" if artifacts[0].kind == "key" else "-certs"
    paths = (artifact.path for artifact in artifacts)
    return Question("text", ("cat", *paths), into=(*_STORE, option, "/dev/stdin"))


def read(artifacts: Sequence[Artifact], printed: str) -> dict[str, str]:
    """Give each file's part of what `reading` printed, by path; nothing where any is missing."""
    parts = _ENTRY.split(printed)[1:]
    if len(parts) != len(artifacts):
        return {}
    return {artifact.path: part for artifact, part in zip(artifacts, parts, strict=True)}


def verifications(artifacts: Iterable[Artifact]) -> list[Question]:
    """Ask of each chain once whether all certificates under it are good, and whose they are."""
    shown = ("-show_chain", "-nameopt", "RFC2253")
    return [
        Question("chain", (*argv[:2], *shown, *argv[2:]))
        for argv in _grouped(map(checks.verification, artifacts))
    ]


def listings(artifacts: Iterable[Artifact]) -> list[Question]:
    """Ask of each revocation list once whether it names any of the certificates under it."""
    listed = (checks.listing(artifact) for artifact in artifacts if artifact.crl)
    return [Question("revocation", argv) for argv in _grouped(listed)]


def _grouped(commands: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Join commands that differ in their last word, a file, into one that has them all."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for *options, path in commands:
        groups.setdefault(tuple(options), []).append(path)
    return ((*options, *paths) for options, paths in groups.items())


def names(printed: str) -> dict[str, tuple[str, str]]:
    """Give subject and issuer of each certificate that `verifications` found good, by path."""
    return {match[1]: (match[2], match[3]) for match in _NAMED.finditer(printed)}


def good(printed: str) -> set[str]:
    """Give the files that `openssl verify` found nothing wrong with."""
    return {match[1] for match in re.finditer(r"^(.*): OK$", printed, re.MULTILINE)}


def answers(
    artifacts: Iterable[Artifact],
    texts: Mapping[str, str],
    named: Mapping[str, tuple[str, str]],
    unlisted: Container[str],
) -> dict[str, dict[str, Answer]]:
    """Give the answers that each certificate would give alone, where all is well with it."""
    found = {}
    for artifact in artifacts:
        path = artifact.path
        if path in texts and path in named and (not artifact.crl or path in unlisted):
            subject, issuer = named[path]
            fine = Answer(True, f"{path}: OK\n")
            text = Answer(True, f"{texts[path]}\nsubject={subject}\nissuer={issuer}\n")
            found[path] = {"text": text, "chain": fine}
            found[path] |= {"revocation": fine} if artifact.crl else {}
    return found
