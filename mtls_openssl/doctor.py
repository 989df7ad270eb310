"""What is well, and what would go wrong, on this machine: a judgement over what `probe` saw. Pure.

A finding that is `fail` keeps `apply` from working; `warn` is something to know; `no` is an ability
that is not there, and that only some recipes want.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mtls_openssl import version
from mtls_openssl.errors import MachineFault
from mtls_openssl.version import Version

Status: TypeAlias = Literal["ok", "no", "warn", "fail"]
LITTLE = 10 * 2**20
"""Bytes of free disk under which there is a warning; a hierarchy takes some 20 KiB an entity."""
STRENGTH = (
    "keys of any size",
    "RSA from 1024 bits, EC from 160",
    "RSA from 2048 bits, EC from 224",
    "RSA from 3072 bits, EC from 256",
    "RSA from 7680 bits, EC from 384",
    "RSA from 15360 bits, EC from 512",
)
"""What each security level lets into a TLS connection (SSL_CTX_set_security_level(3))."""


@dataclass(frozen=True)
class Trial:
    """A command that was really run, in a temporary folder."""

    what: str
    ok: bool
    said: str = ""
    """What openssl complains of."""


@dataclass(frozen=True)
class Openssl:
    """What was seen of a binary."""

    path: str
    printed: str
    """All that `openssl version -a` prints, complaints included."""
    trials: tuple[Trial, ...] = ()
    """Key, request, certificate, verification; what comes after a failure was not tried."""
    configuration: str = ""
    """The file that `openssl req -verbose` says it uses."""
    providers: tuple[str, ...] = ()
    """Those that are active; none before OpenSSL 3.0."""
    level: int | None = None
    """The security level, by the weakest key that s_client will take."""
    able: Mapping[str, bool] | None = None
    """What it can do, by the names of `ABILITIES`."""
    keys: Mapping[str, bool] | None = None
    """Whether it makes the kinds of key that the recipe asks for."""


@dataclass(frozen=True)
class Machine:
    """What was seen of everything else."""

    platform: str
    python: str
    variables: Mapping[str, str]
    """Those of the caller's environment that concern openssl."""
    directory: str
    writing: str = ""
    """Why nothing can be written into the directory, or nothing."""
    locking: str = ""
    """Why no lock can be had there, or nothing."""
    private: bool = True
    """Whether a file there can be made its owner's only."""
    free: int = 2**40
    """Bytes of disk."""
    terminal: str = ""
    """Why openssl cannot be given a terminal to prompt on, or nothing."""
    encoding: str = "utf-8"
    """Of text that is printed here."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    group: str
    name: str
    status: Status
    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class Ability:
    """Something that not every openssl can do."""

    name: str
    use: str
    without: str
    """What to do where it is missing."""
    lacking: Status = "no"


ABILITIES = (
    Ability("ed25519", "key: ed25519", "use ec:P-256"),
    Ability("ml-dsa", "key: ml-dsa-65", "OpenSSL 3.5 and later make such keys"),
    Ability(
        "x509_strict",
        "certificates are verified by the letter of RFC 5280",
        "workflow: modern cannot be verified; use OpenSSL",
        "warn",
    ),
    Ability(
        "verify_hostname",
        "a server's names are verified",
        "names: cannot be verified; use OpenSSL",
        "warn",
    ),
    Ability(
        "ca",
        "revocation lists, and dates of one's own",
        "crl_url:, revoke and not_before: want it; install all of openssl",
        "warn",
    ),
    Ability(
        "not_before",
        "x509 sets dates by itself",
        "none needed: openssl ca sets them instead",
    ),
    Ability(
        "legacy",
        "PKCS#12 bundles of old (RC2) are read",
        "install the legacy provider (Debian: openssl-provider-legacy) to read them; bundles that"
        " old programs read are made without, by compatibility: legacy",
    ),
    Ability("storeutl", "stores are listed (openssl storeutl)", "none needed: apply does without"),
)


def findings(openssl: Openssl | MachineFault, machine: Machine) -> tuple[Finding, ...]:
    """Judge all that was seen; where there is no openssl, the fault says why."""
    if isinstance(openssl, MachineFault):
        first = [Finding("openssl", "program", "fail", openssl.message, openssl.hint)]
    else:
        first = [
            Finding("openssl", *found)
            for found in (*_program(openssl), *_serving(openssl, machine), *_trials(openssl))
        ]
        first += [Finding("what it can do", *found) for found in _abilities(openssl)]
    return (*first, *(Finding("this machine", *found) for found in _machine(machine)))


_Found: TypeAlias = tuple[str, Status, str, str]


def _version(openssl: Openssl) -> Version | None:
    try:
        return version.parse(openssl.printed)
    except MachineFault:
        return None


def _program(openssl: Openssl) -> Iterator[_Found]:
    yield "program", "ok", openssl.path, ""
    try:
        known = version.parse(openssl.printed)
    except MachineFault as fault:
        yield "version", "fail", fault.message, fault.hint
        return
    if known.library == "OpenSSL":
        yield "version", "ok", str(known), ""
    else:
        remedy = "install OpenSSL (brew install openssl@3), and name it by --openssl"
        yield "version", "warn", f"{known}, with which nothing here is tested", remedy
    library = re.search(r"\(Library: (\w+ [\w.-]+)", openssl.printed)
    if library and library[1] != str(known):
        remedy = "the program finds another one's library: look at LD_LIBRARY_PATH, or reinstall"
        yield "library", "warn", f"{library[1]}, not the program's own", remedy
    elif library:
        yield "library", "ok", library[1], ""
    if built := re.search(r"^platform: (.+)$", openssl.printed, re.MULTILINE):
        yield "built for", "ok", built[1], ""


def _serving(openssl: Openssl, machine: Machine) -> Iterator[_Found]:
    folder = re.search(r'^OPENSSLDIR: "(.*)"$', openssl.printed, re.MULTILINE)
    if folder:
        yield "its folder", "ok", folder[1], ""
    if openssl.configuration:
        yield "configuration", "ok", openssl.configuration, ""
    if openssl.providers:
        yield "providers", "ok", ", ".join(openssl.providers), ""
    if "OPENSSL_CONF" in machine.variables:
        detail = f"{machine.variables['OPENSSL_CONF']} is set here, and dropped"
        remedy = "none needed, if the configuration above is right: that one serves"
        yield "OPENSSL_CONF", "warn", detail, remedy
    for name, value in machine.variables.items():
        if name != "OPENSSL_CONF":
            yield name, "ok", f"{value} is set here, and kept", ""
    if openssl.level is not None:
        detail = f"{openssl.level}: {STRENGTH[openssl.level]}"
        if openssl.level <= 2:
            yield "security level", "ok", detail, ""
        else:
            remedy = "handshakes here refuse the weaker kinds of key: key: rsa:2048 is one"
            yield "security level", "warn", detail, remedy


def _trials(openssl: Openssl) -> Iterator[_Found]:
    for trial in openssl.trials:
        if not trial.ok:
            yield (
                "trial",
                "fail",
                f"{trial.what} cannot be made: {trial.said}",
                _cure(openssl, trial.what),
            )
            return
    if openssl.trials:
        done = ", ".join(trial.what for trial in openssl.trials)
        yield "trial", "ok", f"made in a temporary folder: {done}", ""
    for kind, made in (openssl.keys or {}).items():
        if made:
            yield "recipe's keys", "ok", f"{kind} keys can be made", ""
        else:
            remedy = "choose another key:, or name an openssl that makes them by --openssl"
            yield "recipe's keys", "fail", f"{kind} keys cannot be made", remedy


def _cure(openssl: Openssl, what: str) -> str:
    """Say what helps an openssl that cannot do what every one can."""
    file = openssl.configuration or "its configuration file"
    if what in ("a request", "a certificate"):
        return f"mend {file}, or reinstall openssl; OPENSSL_CONF is no help, as it is dropped"
    known = _version(openssl)
    if what == "a key" and known and known.numbers >= (3, 0, 0):
        active = ", ".join(openssl.providers) or "none"
        return f"active providers: {active}; let {file} activate the default one, or reinstall"
    return "reinstall openssl, or name another by --openssl"


def _abilities(openssl: Openssl) -> Iterator[_Found]:
    known = _version(openssl)
    for ability in ABILITIES if openssl.able is not None else ():
        assert openssl.able is not None
        if openssl.able.get(ability.name):
            yield ability.name, "ok", ability.use, ""
        elif ability.name == "legacy" and known and known.numbers < (3, 0, 0):
            yield ability.name, "ok", "PKCS#12 bundles of old (RC2) are what it makes", ""
        else:
            yield ability.name, ability.lacking, f"not here: {ability.use}", ability.without


def _machine(machine: Machine) -> Iterator[_Found]:
    yield "system", "ok", machine.platform, ""
    yield "python", "ok", machine.python, ""
    if machine.writing:
        remedy = "choose another by --directory, or have it made yours"
        if re.search(r"(?i)no space|quota", machine.writing):
            remedy = "make room there, or choose another place by --directory"
        yield "directory", "fail", f"{machine.directory}: {machine.writing}", remedy
    elif machine.locking:
        remedy = "choose a directory on a local disk, by --directory"
        yield "directory", "fail", f"{machine.directory} has no locks: {machine.locking}", remedy
    elif not machine.private:
        detail = f"{machine.directory}: every file is everybody's, whatever its mode"
        remedy = "keys must be their owner's only: choose a directory on another disk (under WSL,"
        yield "directory", "fail", detail, f"{remedy} not below /mnt), by --directory"
    else:
        yield "directory", "ok", f"{machine.directory} can be written, locked and kept private", ""
    if machine.free < LITTLE and not machine.writing:
        yield "disk", "warn", f"{machine.free // 1024} KiB are free", "make room"
    elif not machine.writing:
        yield "disk", "ok", f"{machine.free // 2**20} MiB are free", ""
    if machine.terminal:
        remedy = "mount /dev/pts; until then, only recipes whose commands do not prompt work"
        yield "terminal", "fail", f"none can be made for prompts: {machine.terminal}", remedy
    else:
        yield "terminal", "ok", "openssl's prompts can be answered", ""
    if machine.encoding.lower().replace("-", "") == "utf8":
        yield "text", "ok", "UTF-8", ""
    else:
        remedy = "export LC_ALL=C.UTF-8"
        yield "text", "warn", f"{machine.encoding}: not every name can be shown", remedy
