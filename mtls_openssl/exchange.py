"""One handshake, live: `openssl s_server` on a free port of 127.0.0.1, `openssl s_client` to it.

Nothing sleeps: the server is ready when it names its port, and the end is when both have ended.
"""

import os
import re
import selectors
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtls_openssl import checks, messages
from mtls_openssl.checks import Answer
from mtls_openssl.errors import CommandFailed, MachineFault
from mtls_openssl.messages import Message, Ruling, Side
from mtls_openssl.process import Runner
from mtls_openssl.secret import Need, Secret

if TYPE_CHECKING:
    import subprocess

HERE = "127.0.0.1"
_READY = re.compile(rf"^ACCEPT {re.escape(HERE)}:(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """One side's command, without address and port, and the pass phrase of its key."""

    argv: tuple[str, ...]
    """`openssl s_server …` or `openssl s_client …`; with `-pass stdin` where there is a secret."""
    secret: Secret | None = None
    need: Need | None = None
    """What the secret is, for a person."""

    def at(self, *address: str) -> tuple[str, ...]:
        """Give the words with the address in its place."""
        return (*self.argv[:2], *address, *self.argv[2:])


@dataclass(frozen=True)
class Exchange:
    """What came of one handshake."""

    ruling: Ruling
    messages: tuple[Message, ...]
    commands: dict[Side, tuple[str, ...]]
    """What each side ran, the server first."""
    complaints: dict[Side, str]
    """What each side printed on its standard error."""


def hold(runner: Runner, server: Command, client: Command, patience: float) -> Exchange:
    """Let a client come to a server, and tell how it ended.

    Raises:
        CommandFailed: a side did not come so far, or broke off: that is no refusal.
        MachineFault: it did not end within `patience` seconds: that is none either.
    """
    serving = server.at("-accept", f"{HERE}:0", "-naccept", "1")
    with _hearing(patience) as ear, runner.start(serving, secret=server.secret) as listener:
        ear.hear("server", listener)
        ear.until(lambda: _READY.search(ear.out("server")))
        ready = _READY.search(ear.out("server"))
        if not ready:
            raise _not_begun("s_server did not start", ear.err("server"), server)
        calling = client.at("-connect", f"{HERE}:{ready[1]}")
        with runner.start(calling, secret=client.secret) as caller:
            ear.hear("client", caller)
            ear.until(lambda: messages.accepted(ear.out("server")) or ear.ended("client"))
            if not any(seen.sent for seen in messages.read(ear.out("client"))):
                raise _not_begun("s_client did not begin", ear.err("client"), client)
            _hang_up(caller)
            ear.until(lambda: False)
    return _told(ear, {"server": serving, "client": calling})


def _told(ear: "_Ear", commands: dict[Side, tuple[str, ...]]) -> Exchange:
    said = messages.join(messages.read(ear.out("client")), messages.read(ear.out("server")))
    complaints: dict[Side, str] = {"client": ear.err("client"), "server": ear.err("server")}
    ruling = messages.ruling(said, ear.out("server"), complaints)
    if ruling is None:
        raise CommandFailed(
            "the handshake broke off: nobody accepted it, and nobody refused it",
            "run again; -v shows the commands",
            complaints["server"] + complaints["client"],
        )
    return Exchange(ruling, said, commands, complaints)


def _not_begun(what: str, complaint: str, command: Command) -> CommandFailed:
    said = checks.complaint(Answer(False, "", complaint))
    hint = f"is {command.need.purpose} the right one?" if command.need else ""
    return CommandFailed(f"openssl {what}, which is no refusal: {said}", hint, complaint)


def _hang_up(caller: "subprocess.Popen[bytes]") -> None:
    """End what the client reads: it says goodbye."""
    assert caller.stdin
    with suppress(BrokenPipeError):
        caller.stdin.close()


class _Ear:
    """Hears what both sides print, as they print it."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.deadline = time.monotonic() + patience
        self.selector = selectors.DefaultSelector()
        self.heard: dict[tuple[Side, str], bytearray] = {}

    def hear(self, side: Side, child: "subprocess.Popen[bytes]") -> None:
        """Begin to hear a child."""
        for name, stream in (("out", child.stdout), ("err", child.stderr)):
            assert stream
            self.heard[side, name] = bytearray()
            self.selector.register(stream, selectors.EVENT_READ, (side, name))

    def until(self, holds: Callable[[], object]) -> None:
        """Listen until something holds, or nobody is left to hear."""
        while not holds() and self.selector.get_map():
            ready = self.selector.select(max(0.0, self.deadline - time.monotonic()))
            if not ready:
                raise MachineFault(
                    f"a handshake did not end within {self.patience:g} s, which is no refusal",
                    "the machine is busy, or this openssl hangs: run again",
                )
            for key, _ in ready:
                part = os.read(key.fd, 65536)
                self.heard[key.data] += part
                if not part:
                    self.selector.unregister(key.fileobj)

    def ended(self, side: Side) -> bool:
        """Whether a side has nothing more to say."""
        return all(key.data[0] != side for key in self.selector.get_map().values())

    def out(self, side: Side) -> str:
        """Give what a side printed on its standard output."""
        return self.heard[side, "out"].decode("utf-8", "replace")

    def err(self, side: Side) -> str:
        """Give what a side printed on its standard error."""
        return self.heard[side, "err"].decode("utf-8", "replace")


@contextmanager
def _hearing(patience: float) -> Iterator[_Ear]:
    ear = _Ear(patience)
    try:
        yield ear
    finally:
        ear.selector.close()
