"""What can be told of a file without openssl: its mode, and whether its text is right."""

import errno
import os
import stat
from pathlib import Path as FilePath

from mtls_openssl import checks
from mtls_openssl.artifact import Artifact


def seen(path: FilePath, artifact: Artifact) -> dict[str, str]:
    """Tell what a file looks like; `trouble` where it is not there to be looked at."""
    try:
        status = os.lstat(path)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
        status = None
    if status is None or not stat.S_ISREG(status.st_mode):
        link = status and stat.S_ISLNK(status.st_mode)
        return {"trouble": "it is a symbolic link" if link else "there is no such file"}
    mode = stat.S_IMODE(status.st_mode)
    found = {"mode": f"{mode:o}", "private": f"mode {mode:o}" if mode & 0o077 else "yes"}
    match artifact.kind:
        case "key":
            found["encrypted"] = checks.encrypted(text(path))
        case "text":
            found["content"] = "as written" if text(path) == artifact.text else "another text"
        case "state":
            found["content"] = "there"
        case "der" | "crl_der":
            pass  # openssl tells
        case _ if not artifact.parts:
            found["content"] = "not empty" if status.st_size else "empty"
    return found


def parts(directory: FilePath, artifact: Artifact) -> str:
    """Tell whether a joined file holds exactly its parts, in whatever order."""
    try:
        texts = [text(directory / part) for part in artifact.parts]
    except OSError as error:
        return f"{os.path.basename(str(error.filename))}: {error.strerror}"
    wanted = sorted(block for part in texts for block in checks.pem_blocks(part))
    found = sorted(checks.pem_blocks(text(directory / artifact.path)))
    return "exactly what it joins" if wanted and found == wanted else "something else"


def text(path: FilePath) -> str:
    """Read a file that should be text."""
    return path.read_text("utf-8", "replace")


def single(path: FilePath) -> bool:
    """Tell whether a file holds exactly one thing in PEM."""
    return text(path).count("-----BEGIN ") == 1


def kind_of(content: str) -> str:
    """Tell a request from a key by its PEM label."""
    return "request" if "CERTIFICATE REQUEST-----" in content else "key"
