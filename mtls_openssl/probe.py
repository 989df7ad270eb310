"""Looks at this machine and its openssl by really trying, in a temporary folder, for `doctor`."""

import fcntl
import locale
import os
import platform
import pty
import re
import stat
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath

from mtls_openssl.checks import complaint
from mtls_openssl.doctor import Machine, Openssl, Trial
from mtls_openssl.errors import MachineFault
from mtls_openssl.process import Outcome, Runner, find

VARIABLES = (
    "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
)  # fmt: skip
"""Of the caller's environment, what changes which openssl serves, and how."""

_TRIALS = (
    ("a key", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out try.key"),
    ("a request", "req -new -verbose -key try.key -subj /CN=doctor -out try.csr"),
    ("a certificate", "x509 -req -in try.csr -signkey try.key -days 1 -out try.pem"),
    ("a verification", "verify -CAfile try.pem try.pem"),
)
_HELP = {
    "x509_strict": ("verify", "-x509_strict"),
    "verify_hostname": ("verify", "-verify_hostname"),
    "not_before": ("x509", "-not_before"),
    "ca": ("ca", "-gencrl"),
    "storeutl": ("storeutl", "-noout"),
}
"""Abilities that a command's help tells of."""
_WEAK = (
    "rsa:512",
    "rsa:1024",
    "ec -pkeyopt ec_paramgen_curve:secp224r1",
    "ec -pkeyopt ec_paramgen_curve:P-256",
    "ec -pkeyopt ec_paramgen_curve:P-384",
)
"""A key for each security level from 0 that the next level refuses."""
PAYLOAD = b"\0" * 65536


def openssl(path: str | None, kinds: Iterable[str] = ()) -> Openssl | MachineFault:
    """Try an openssl; `kinds` are the algorithms that the recipe's keys have."""
    try:
        binary = find(path)
    except MachineFault as fault:
        return fault
    with tempfile.TemporaryDirectory(prefix="mtls-openssl-") as folder:
        runner = Runner(binary, FilePath(folder))
        try:
            said = _run(runner, "version -a")
        except OSError as error:
            hint = "name another by --openssl"
            return MachineFault(f"{binary} does not start: {error.strerror}", hint)
        printed = said.stdout + said.transcript
        if not re.match(r"(OpenSSL|LibreSSL) \d", printed):
            return Openssl(str(binary), printed)
        trials, configuration = _tried(runner)
        seen = Openssl(str(binary), printed, trials, configuration, _providers(runner))
        if not all(trial.ok for trial in trials):
            return seen
        keys = {kind: _makes(runner, kind) for kind in kinds}
        return replace(seen, level=_level(runner), able=_able(runner), keys=keys)


def _run(runner: Runner, words: str) -> Outcome:
    return runner.run(("openssl", *words.split()))


def _tried(runner: Runner) -> tuple[tuple[Trial, ...], str]:
    """Make a key, a request and a certificate; tell which configuration file served."""
    trials: list[Trial] = []
    configuration = ""
    for what, words in _TRIALS:
        outcome = _run(runner, words)
        text = outcome.stdout + outcome.transcript
        if match := re.search(r"^Using configuration from (.+)$", text, re.MULTILINE):
            configuration = match[1]
        ok = outcome.returncode == 0
        said = "" if ok else complaint(outcome.answer)
        trials.append(Trial(what, ok, said))
        if not ok:
            break
    return tuple(trials), configuration


def _providers(runner: Runner) -> tuple[str, ...]:
    """Name the providers that are active; their names stand alone, two blanks before them."""
    return tuple(re.findall(r"^  (\S+)$", _run(runner, "list -providers").stdout, re.MULTILINE))


def _makes(runner: Runner, algorithm: str) -> bool:
    return _run(runner, f"genpkey -algorithm {algorithm} -out other.key").returncode == 0


def _able(runner: Runner) -> Mapping[str, bool]:
    """Tell what it can do; a command that is not there has no help."""
    able = {"ed25519": _makes(runner, "ED25519"), "ml-dsa": _makes(runner, "ML-DSA-65")}
    helps: dict[str, str] = {}
    for name, (command, option) in _HELP.items():
        if command not in helps:
            outcome = _run(runner, f"{command} -help")
            helps[command] = outcome.stdout + outcome.transcript
        able[name] = option in helps[command].split()
    able["legacy"] = _run(runner, "list -providers -provider legacy").returncode == 0
    return able


def _level(runner: Runner) -> int | None:
    """Tell the security level: how weak a key s_client takes for its own, before it connects.

    Nobody listens at port 1 of 127.0.0.1; where someone does, a key that is taken is taken too.
    """
    for level, kind in enumerate(_WEAK):
        made = _run(runner, f"req -x509 -newkey {kind} -nodes -keyout w.key -subj /CN=w -out w.pem")
        if made.returncode != 0:
            continue  # not every build has every curve, nor so short an RSA key
        tried = _run(runner, "s_client -connect 127.0.0.1:1 -cert w.pem -key w.key")
        if "key too small" not in tried.stdout + tried.transcript:
            return level
    return len(_WEAK)


def machine(directory: FilePath, shown: str, environment: Mapping[str, str]) -> Machine:
    """Look at everything else; nothing is left in the directory."""
    place = directory
    while not place.exists():
        place = place.parent
    writing, private, locking = _written(place)
    name = os.uname()
    try:
        status = os.statvfs(place)
        free = status.f_bavail * status.f_frsize
    except OSError:
        free = 0
    return Machine(
        platform=f"{name.sysname} {name.release} {name.machine}",
        python=f"Python {platform.python_version()}",
        variables={name: environment[name] for name in VARIABLES if name in environment},
        directory=shown,
        writing=writing,
        locking=locking,
        private=private,
        free=free,
        terminal=_terminal(),
        encoding=locale.getpreferredencoding(do_setlocale=False),
    )


def _written(place: FilePath) -> tuple[str, bool, str]:
    """Write a file: tell why that fails, whether it is private, and why it cannot be locked."""
    if not place.is_dir():
        return f"{place} is not a directory", True, ""
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=".mtls-openssl-") as stream:
            stream.write(PAYLOAD)
            stream.flush()
            os.fsync(stream.fileno())
            os.fchmod(stream.fileno(), 0o600)
            private = stat.S_IMODE(os.fstat(stream.fileno()).st_mode) == 0o600
            try:
                fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                return "", private, error.strerror or "it is refused"
            return "", private, ""
    except OSError as error:
        return (error.strerror or "it cannot be written").lower(), True, ""


def _terminal() -> str:
    try:
        ends: Sequence[int] = pty.openpty()
    except OSError as error:
        return error.strerror or "it is refused"
    for end in ends:
        os.close(end)
    return ""
