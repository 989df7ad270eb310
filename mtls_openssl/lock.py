"""One apply at a time for each directory.

The lock is flock(2)'s, which belongs to the open file: every child inherits the descriptor, so an
openssl that outlives a killed apply still holds it, and cannot write over the next one's work.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path as FilePath

from mtls_openssl.errors import Locked, MachineFault
from mtls_openssl.journal import FOLDER

GRACE = 3.0
"""Seconds for which a killed apply's last openssl is waited for, unasked."""


@contextmanager
def locked(directory: FilePath, *, wait: bool = False) -> Iterator[int]:
    """Hold a directory; gives the descriptor that children inherit.

    Raises:
        Locked: another holds it, and `wait` is not asked for.
    """
    path = directory / FOLDER / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise MachineFault(f"{path} cannot be written: {error.strerror}") from None
    try:
        if not (_take(descriptor, wait=wait) or _outlived(descriptor)):
            raise Locked(_told(directory, descriptor), "let it end, or wait for it by --wait")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {int(time.time())}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int, *, wait: bool = False) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _outlived(descriptor: int) -> bool:
    """Give an openssl that outlived its killed apply a moment to end; tell whether it did."""
    deadline = time.monotonic() + GRACE
    while _holder(descriptor)[1] and time.monotonic() < deadline:
        if _take(descriptor):
            return True
        time.sleep(0.05)
    return False


def _holder(descriptor: int) -> tuple[str, bool]:
    """Tell which process took the lock and when, and whether it has ended since."""
    words = os.pread(descriptor, 100, 0).split()
    if len(words) != 2:
        return "another apply", False
    pid = int(words[0])
    since = datetime.fromtimestamp(int(words[1]), UTC).strftime("%H:%M:%S UTC")
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return f"process {pid}, which began at {since}", True
    except PermissionError:
        pass
    return f"process {pid}, which began at {since},", False


def _told(directory: FilePath, descriptor: int) -> str:
    who, ended = _holder(descriptor)
    return (
        f"{directory} is held by an openssl that outlived {who}"
        if ended
        else f"{directory} is held by {who} and is still at work"
    )
