"""Writing a file whole or not at all, readable by its owner only."""

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a text beside its place and move it there: a kill leaves no half of it."""
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(beside, flags, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    beside.replace(path)
