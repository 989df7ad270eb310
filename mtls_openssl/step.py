"""A step of a plan: one command and all that belongs to it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mtls_openssl.artifact import Artifact
from mtls_openssl.secret import Need
from mtls_openssl.subject import Subject
from mtls_openssl.workflow import Erratum


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command will ask, and what it is to be told."""

    kind: str
    """passphrase, encryption (a pass phrase of PKCS#8), password (of PKCS#12) or subject."""
    file: str = ""
    """The key that a pass phrase opens."""
    need: Need | None = None
    fresh: bool = False
    """Whether the secret is being chosen here, and asked for twice."""
    subject: Subject = ()


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that the tool writes itself, and a script shows as a here-document."""

    path: str
    text: str
    once: bool = False
    """Whether it is only written where there is none: a beginning that others go on from."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command, its effects, its answers, what must hold afterwards, and its explanation."""

    id: str
    """ENTITY.STEP, unique in the plan."""
    entity: str
    """Whose it is; empty for what is done once."""
    section: str
    number: str
    title: str
    explain: str
    argv: tuple[str, ...]
    """The words, `>` and its file included; empty for a step that only writes a file."""
    identity: tuple[str, ...] = ()
    """What the step is, for the journal: its words without errata, its answers, its texts."""
    files: tuple[WrittenFile, ...] = ()
    answers: tuple[Answer, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    """Files that are read and written by many steps, one at a time: serial numbers, databases."""
    modes: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    """Those of `writes` that are private keys, and are never overwritten."""
    artifacts: tuple[Artifact, ...] = ()
    erratum: Erratum | None = None
    needs: tuple[str, ...] = ()
    """The steps that must be done before, by id."""


def last_writers(steps: Iterable[Step]) -> dict[str, str]:
    """Give the last step, by id, that writes each file."""
    return {path: step.id for step in steps for path in step.writes}


def lasting(step: Step, last: Mapping[str, str]) -> Iterator[Artifact]:
    """Give what a step made that no later one made anew or went on with, by `last_writers`."""
    for artifact in step.artifacts:
        shared = artifact.kind in ("mode", "state")
        if shared or last.get(artifact.path) == step.id:
            yield artifact
