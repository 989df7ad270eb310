"""A learner's command, on the learner's own terminal: openssl asks there, the learner answers.

Without a terminal, a command has no input, and a session of its own, as everywhere else here.
"""

import os
import shutil
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mtls_openssl.errors import Fault
from mtls_openssl.process import UMASK, Runner
from mtls_openssl.typed import Typed


def run(runner: Runner, typed: Typed) -> int:
    """Run a command in the runner's directory; gives its exit code, negative for a signal.

    Raises Fault for a program that is not there, or a file that cannot be written.
    """
    name = typed.argv[0]
    program = str(runner.binary) if name == "openssl" else shutil.which(name)
    if not program:
        raise Fault(f"there is no {name} on this machine")
    with _terminal_kept(), _target(runner, typed.target) as stdout:
        return _child(runner, program, typed, stdout)


@contextmanager
def _target(runner: Runner, path: str) -> Iterator[int | None]:
    if not path:
        yield None
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_TRUNC
    try:
        descriptor = os.open(runner.directory / path, flags, 0o600)
    except OSError as error:
        raise Fault(f"{path}: {error.strerror}") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _child(runner: Runner, program: str, typed: Typed, stdout: int | None) -> int:
    """Let a child have the terminal until it ends; ^C is meant for it, not for the tutor."""
    shared = _at_terminal()
    before = signal.signal(signal.SIGINT, _nothing)
    try:
        with subprocess.Popen(
            typed.argv, executable=program, cwd=runner.directory, umask=UMASK, stdout=stdout,
            env=runner.environment, stdin=None if shared else subprocess.DEVNULL,
            start_new_session=not shared,
            pass_fds=() if runner.lock is None else (runner.lock,),
        ) as child:  # fmt: skip
            try:
                return child.wait()
            except BaseException:
                child.kill()
                raise
    finally:
        signal.signal(signal.SIGINT, before)


def _nothing(_: int, __: FrameType | None) -> None:
    """Let ^C pass by; unlike SIG_IGN, a handler is not handed on to the child (execve(2))."""


def _at_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


@contextmanager
def _terminal_kept() -> Iterator[None]:
    """Put the terminal back as it was, whatever a command that was broken off left of it."""
    if not _at_terminal():
        yield
        return
    descriptor = sys.stdin.fileno()
    settings = termios.tcgetattr(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, settings)
