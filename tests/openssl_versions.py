"""Several versions of OpenSSL side by side, unpacked from Debian packages.

    python tests/openssl_versions.py DIRECTORY [VERSION ...]

makes DIRECTORY/VERSION/openssl for each VERSION (1.1.1, 3.5, 3.6 and 4.0 unless told otherwise):
an executable script that starts that OpenSSL with its own libraries, providers and configuration.
Nothing is installed: apt gets a private configuration, `dpkg -x` only unpacks, and no root rights
are needed. The mirror is the one in the machine's own apt sources. A version whose script works is
left alone.

Writes `VERSION PATH` to stdout for every version at hand, and `skipped VERSION: reason` to stderr
for every one that can't be had. The exit code is 0 when at least one is at hand, 1 when none is,
and 2 for wrong arguments. sid and experimental change every day, so a line of OpenSSL may vanish
from them, and no patch version is promised.
"""

import argparse
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.parser import HeaderParser
from functools import partial
from pathlib import Path

PACKAGES = {
    "1.1.1": ("openssl/bullseye-security", "libssl1.1/bullseye-security"),
    "3.5": (
        "openssl/trixie",
        "libssl3t64/trixie",
        "openssl-provider-legacy/trixie",
        "libc6/trixie",
        "zlib1g/trixie",
        "libzstd1/trixie",
    ),
    "3.6": (
        "openssl/sid",
        "libssl3t64/sid",
        "openssl-provider-legacy/sid",
        "libc6/sid",
        "zlib1g/sid",
        "libzstd1/sid",
    ),
    "4.0": (
        "openssl/experimental",
        "libssl4/experimental",
        "openssl-provider-legacy/experimental",
        "libc6/sid",
        "zlib1g/sid",
        "libzstd1/sid",
    ),
}
"""What to unpack for a version, each as PACKAGE/SUITE, the form `apt-get download` takes.

From 3.5 on libc6 is among them, because these need a newer glibc than the machine may have; zlib1g
and libzstd1 come along so that they match it.
"""

APT_FOLDER = Path("/etc/apt")
"""Where the machine keeps sources.list and sources.list.d (sources.list(5))."""

KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
"""Where the package debian-archive-keyring puts every archive key it knows; the first is used."""

MOVING_SUITES = frozenset({"oldstable", "stable", "testing", "unstable", "sid"})
"""Names that a machine's sources may use for its own release instead of the codename."""

SECONDS = 300
"""The longest one command may take: a slow mirror is fine, a dead one is not."""


class UnavailableError(Exception):
    """A version can't be had; the message says why, in words for the person who runs this."""


@dataclass(frozen=True)
class Source:
    """One entry of the machine's apt sources for binary packages."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]


# The machine's sources


def parse_deb822(text: str) -> list[Source]:
    """Read a `.sources` file: stanzas of `Field: value`, the DEB822 style of sources.list(5)."""
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    stanzas = re.split(r"\n\s*\n", "\n".join(lines).strip())
    fields = [HeaderParser().parsestr(stanza) for stanza in stanzas]
    return [
        Source(
            tuple(field.get("URIs", "").split()),
            tuple(field.get("Suites", "").split()),
            tuple(field.get("Components", "").split()),
        )
        for field in fields
        if "deb" in field.get("Types", "").split()
        and field.get("Enabled", "yes").strip().lower() not in {"no", "false", "off", "0"}
    ]


def parse_list(text: str) -> list[Source]:
    """Read a `.list` file: lines of `deb [options] uri suite component...`."""
    entry = re.compile(r"\s*deb\s+(?:\[[^\]]*\]\s*)?(\S+)\s+(\S+)([^#]*)")
    found = (entry.match(line) for line in text.splitlines())
    return [Source((match[1],), (match[2],), tuple(match[3].split())) for match in found if match]


def debian_uri(sources: Iterable[Source], suites: re.Pattern[str]) -> str | None:
    """Give the mirror that has `main` of a suite that matches `suites`, or None.

    Other vendors use Debian's suite names too, so a mirror called debian-something goes first.
    """
    uris = [
        uri
        for source in sources
        if "main" in source.components and any(map(suites.fullmatch, source.suites))
        for uri in source.uris
        if not uri.startswith("cdrom:")
    ]
    named = [uri for uri in uris if uri.rstrip("/").rpartition("/")[2].startswith("debian")]
    return next(iter(named + uris), None)


def mirrors(sources: Sequence[Source], codename: str) -> tuple[str, str]:
    """Give the URIs of the archive and of its security updates, for a machine on `codename`.

    A machine without security updates gets the archive's sibling, which mirrors usually have.
    """
    names = "|".join(map(re.escape, sorted(MOVING_SUITES | {codename})))
    archive = debian_uri(sources, re.compile(names))
    if archive is None:
        raise UnavailableError(f"no Debian mirror in {APT_FOLDER}")
    security = debian_uri(sources, re.compile(rf"(?:{names})(?:-security|/updates)"))
    return archive, security or archive.rstrip("/") + "-security"


def machine_sources(folder: Path) -> list[Source]:
    """Read every source that apt reads, below `folder`."""
    lists = [folder / "sources.list", *sorted(folder.glob("sources.list.d/*.list"))]
    return [
        *(
            source
            for path in sorted(folder.glob("sources.list.d/*.sources"))
            for source in parse_deb822(path.read_text(errors="replace"))
        ),
        *(
            source
            for path in lists
            if path.is_file()
            for source in parse_list(path.read_text(errors="replace"))
        ),
    ]


# apt's private configuration


def sources_list(suites: Iterable[str], archive: str, security: str, keyring: Path | None) -> str:
    """Write a sources.list of just these suites, and of their package lists only.

    Signatures are always checked; without `keyring`, against whatever apt trusts by itself.
    """
    options = "target=Packages" + (f" signed-by={keyring}" if keyring else "")
    return "".join(
        f"deb [{options}] {security if suite.endswith('-security') else archive} {suite} main\n"
        for suite in suites
    )


def apt_conf(folder: Path) -> str:
    """Write an apt.conf(5) that keeps all of apt's state in `folder`.

    apt reads it after the machine's own, whose proxies stay in force. What would reach outside
    `folder` or get in the way is undone: hooks, which may write to system caches, pins, and a
    default release that these sources don't have.
    """
    return f"""\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Default-Release "";
APT::Sandbox::User "root"; // apt's own user may not read a private folder
APT::Update::Error-Mode "any"; // an unreachable mirror is no mere warning
Acquire::Retries "1";
Acquire::http::Timeout "30";
Dir::Cache "{folder}/cache";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "{folder}/lists";
"""


# The script that starts an OpenSSL


def wrapper_text(tree: Path, libraries: Path, loader: Path | None) -> str:
    """Write the script that starts the OpenSSL in `tree`; the other two paths lie inside it.

    With `loader`, that of the libc6 in `tree`, the machine's glibc isn't used at all. A caller's
    own OPENSSL_CONF is respected, as by any openssl: the tree's is the built-in default.
    """
    binary = shlex.quote(f"{tree}/usr/bin/openssl")
    inside = shlex.quote(str(libraries))
    start = f"export LD_LIBRARY_PATH={inside}\nexec {binary}"
    if loader:
        start = f"exec {shlex.quote(str(loader))} --argv0 openssl --library-path {inside} {binary}"
    return f"""\
#!/bin/sh
default={shlex.quote(f"{tree}/etc/ssl/openssl.cnf")}
export OPENSSL_CONF="${{OPENSSL_CONF-$default}}"
export OPENSSL_MODULES={shlex.quote(f"{libraries}/ossl-modules")}
{start} "$@"
"""


def is_version(text: str, version: str) -> bool:
    """Tell whether `text`, from `openssl version`, is of the line `version`: 3.6.2 is of 3.6."""
    return re.match(rf"OpenSSL {re.escape(version)}(?!\d)", text) is not None


def complaints(stderr: str) -> str:
    """Give the errors and warnings in apt's stderr, or else its last line, as one line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith(("E: ", "W: "))]
    return "; ".join(dict.fromkeys(marked or lines[-1:])) or "failed without a word"


# Effects


def run(argv: Sequence[str | Path], cwd: Path | None = None) -> str:
    """Run a command that must succeed, without input and in English; give its stdout."""
    done = subprocess.run(
        argv,
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS,
        check=False,
    )
    if done.returncode != 0:
        command = " ".join([Path(argv[0]).name, *map(str, argv[1:])])
        raise UnavailableError(f"`{command}`: {complaints(done.stderr)}")
    return done.stdout


def works(wrapper: Path, version: str) -> bool:
    """Tell whether `wrapper` is there and starts an OpenSSL of the line `version`."""
    try:
        return is_version(run([wrapper, "version"]), version)
    except (OSError, subprocess.SubprocessError, UnavailableError):
        return False


def machine_mirrors() -> tuple[str, str]:
    """Give the machine's mirrors, as `mirrors` does, or say why it can't have these packages."""
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        system = {"ID": platform.system()}
    if system["ID"] != "debian":
        raise UnavailableError(f"this is {system['ID']}, not Debian")
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise UnavailableError(f"there is no {tool}")
    return mirrors(machine_sources(APT_FOLDER), system.get("VERSION_CODENAME", "stable"))


def download(packages: Sequence[str], folder: Path) -> list[Path]:
    """Let apt fetch `packages` into `folder`, which it has for itself; give the .deb files."""
    suites = dict.fromkeys(package.partition("/")[2] for package in packages)
    keyring = next(filter(Path.is_file, KEYRINGS), None)
    (folder / "sources.list").write_text(sources_list(suites, *machine_mirrors(), keyring))
    (folder / "apt.conf").write_text(apt_conf(folder))
    for part in ("lists", "cache"):
        (folder / part).mkdir()
    run(["apt-get", "-c", "apt.conf", "-q", "update"], folder)
    run(["apt-get", "-c", "apt.conf", "-q", "download", *packages], folder)
    return sorted(folder.glob("*.deb"))


def build(version: str, wrapper: Path, tree: Path) -> None:
    """Unpack `version` into `tree`, and put `wrapper` in place once it is seen to work."""
    with tempfile.TemporaryDirectory() as folder:
        for package in download(PACKAGES[version], Path(folder)):
            run(["dpkg", "-x", package, tree])
    # etc/ssl/private and the tree itself are for their owner only, and in the way of everyone else
    run(["chmod", "-R", "a+rX", tree])
    crypto = next(tree.glob("usr/lib/*/libcrypto.so.*"), None)
    if crypto is None:
        raise UnavailableError("there is no libcrypto in the packages")
    loader = next(tree.glob("usr/lib*/ld-linux*.so.*"), None)
    draft = tree / "openssl"
    draft.write_text(wrapper_text(tree, crypto.parent, loader))
    draft.chmod(0o755)
    found = run([draft, "version"]).strip()
    if not is_version(found, version):
        raise UnavailableError(f"the packages now hold {found}")
    draft.replace(wrapper)


def provision(directory: Path, version: str) -> tuple[Path, str | None]:
    """Make sure of `version`: give its script, and the reason when it can't be had.

    Each attempt unpacks into a new folder and publishes with one rename, so a run that is cut
    short, or another run at the same time, never leaves a script that doesn't work.
    """
    wrapper = directory / version / "openssl"
    if works(wrapper, version):
        return wrapper, None
    try:
        wrapper.parent.mkdir(parents=True, exist_ok=True)
        tree = Path(tempfile.mkdtemp(prefix="tree-", dir=wrapper.parent))
        try:
            build(version, wrapper, tree)
        except BaseException:
            shutil.rmtree(tree, ignore_errors=True)
            raise
    except (OSError, subprocess.SubprocessError, UnavailableError) as error:
        return wrapper, str(error)
    return wrapper, None


def arguments(argv: Sequence[str] | None) -> tuple[Path, list[str]]:
    """Read the command line: the directory, absolute, and the versions without repeats."""
    parser = argparse.ArgumentParser(description="Unpack OpenSSL versions from Debian packages.")
    parser.add_argument("directory", type=Path, metavar="DIRECTORY")
    parser.add_argument("versions", nargs="*", metavar="VERSION", help=", ".join(PACKAGES))
    options = parser.parse_args(argv)
    versions: list[str] = list(dict.fromkeys(options.versions or PACKAGES))
    for version in versions:
        if version not in PACKAGES:
            parser.error(f"unknown version {version!r}: choose from {', '.join(PACKAGES)}")
    directory: Path = options.directory
    return directory.absolute(), versions


def main(argv: Sequence[str] | None = None) -> int:
    """Provision what the command line asks for, all at the same time, and report in its order."""
    directory, versions = arguments(argv)
    os.umask(0o022)  # other users are to read and start what is made here
    available = 0
    with ThreadPoolExecutor(len(versions)) as pool:
        results = pool.map(partial(provision, directory), versions)
        for version, (wrapper, reason) in zip(versions, results, strict=True):
            if reason is None:
                available += 1
                print(version, wrapper, flush=True)
            else:
                print(f"skipped {version}: {reason}", file=sys.stderr, flush=True)
    return 0 if available else 1


if __name__ == "__main__":
    sys.exit(main())
