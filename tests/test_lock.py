"""The lock: one at a time, by name. Its inheritance by children is tried in test_apply."""

import os
from pathlib import Path

import pytest

from mtls_openssl import journal, lock
from mtls_openssl.errors import Locked


def test_the_lock_lets_one_in_and_names_it(tmp_path: Path) -> None:
    journal.prepare(tmp_path)
    with lock.locked(tmp_path):
        with pytest.raises(
            Locked,
            match=rf"is held by process {os.getpid()}, which began at \S+ UTC, and is still",
        ):
            lock.locked(tmp_path).__enter__()
    with lock.locked(tmp_path):
        pass
