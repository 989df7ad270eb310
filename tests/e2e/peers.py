"""Real programs on either side of a connection, and what they say of the other's chain."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.chains import HOST, Made

PROGRAMS = Path(__file__).parent / "programs"
PASSWORD = "of-no-secret"
WORDS = {"curl": "curl", "node": "node", "java": "java", "go": "go", "chromium": "chromium",
         "firefox": "firefox-esr"}  # fmt: skip


def missing(target: str) -> str:
    """Tell which program a target lacks here, or nothing."""
    if target == "python3.13":
        return "" if python() else "there is no Python 3.13"
    need = [WORDS[target], *(["javac"] if target == "java" else [])]
    need += ["certutil"] if target in ("chromium", "firefox") else []
    lacking = [program for program in need if shutil.which(program) is None]
    return f"there is no {lacking[0]}" if lacking else ""


def python() -> str | None:
    """Give a Python 3.13 or later: the one that runs this, or one beside it."""
    candidates = [sys.executable, *filter(None, map(shutil.which, ("python3.14", "python3.13")))]
    candidates += map(str, Path.home().glob(".pyenv/versions/3.1[34]*/bin/python"))
    for candidate in candidates:
        words = [candidate, "-c", "import sys; sys.exit(sys.version_info < (3, 13))"]
        if subprocess.run(words, check=False, capture_output=True).returncode == 0:
            return candidate
    return None


@dataclass
class Peers:
    """The programs, each built once into a folder of its own."""

    folder: Path
    openssl: Path
    built: dict[str, list[str]] = field(default_factory=dict)

    def judge_server(self, target: str, root: Path, port: int) -> str:
        """Let a target connect, and tell what it says: accepted, or its refusal."""
        match target:
            case "curl":
                return self._curl(root, port)
            case "chromium":
                return self._chromium(root, port)
        return said([*self.program(target, "client"), str(root), HOST, str(port)])

    def judge_client(self, target: str, own: Made, root: Path, client: Made) -> str:
        """Let a target serve, a client with that chain connect, and tell what the server says."""
        files = [own.leaf, own.key]
        if target == "java":
            bundle = own.leaf.with_name("server.p12")
            self._run("pkcs12", "-export", "-in", own.leaf, "-inkey", own.key, "-out", bundle,
                      "-passout", f"pass:{PASSWORD}")  # fmt: skip
            files = [bundle, Path(PASSWORD)]
        words = [*self.program(target, "server"), str(root), *map(str, files)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=clean()) as server:  # fmt: skip
            try:
                assert server.stdout
                port = server.stdout.readline().strip()
                assert port.isdigit(), port + server.stdout.read()
                self._run("s_client", "-connect", f"127.0.0.1:{port}", *shown(client))
                return server.stdout.read().strip()
            finally:
                server.kill()

    def program(self, target: str, side: str) -> list[str]:
        """Give the words that start a target's program for one side."""
        match target:
            case "node":
                return ["node", str(PROGRAMS / f"{side}.js")]
            case "python3.13":
                return [str(python()), str(PROGRAMS / f"{side}.py")]
        if (words := self.built.get(f"{target} {side}")) is None:
            words = self._build(target, side)
            self.built[f"{target} {side}"] = words
        return words

    def _build(self, target: str, side: str) -> list[str]:
        if target == "java":
            name = side.capitalize()
            words = ["javac", "-d", str(self.folder), str(PROGRAMS / f"{name}.java")]
            subprocess.run(words, check=True)
            return ["java", "-Xshare:auto", "-cp", str(self.folder), name]
        binary = self.folder / side
        environment = {**clean(), "GOCACHE": str(self.folder / "cache"), "GOFLAGS": "-mod=mod",
                       "GOPROXY": "off", "GO111MODULE": "off"}  # fmt: skip
        words = ["go", "build", "-o", str(binary), str(PROGRAMS / f"{side}.go")]
        subprocess.run(words, check=True, env=environment)
        return [str(binary)]

    def _curl(self, root: Path, port: int) -> str:
        words = ["curl", "-sS", "-o", os.devnull, "--cacert", str(root), "--resolve",
                 f"{HOST}:{port}:127.0.0.1", f"https://{HOST}:{port}/"]  # fmt: skip
        return said(words) or "accepted"

    def _chromium(self, root: Path, port: int) -> str:
        """Open the page in a Chromium of its own, which trusts what its NSS database holds."""
        home = self.folder / f"chromium-{port}"
        database = home / ".pki" / "nssdb"
        database.mkdir(parents=True)
        where = f"sql:{database}"
        said(["certutil", "-N", "-d", where, "--empty-password"])
        words = ["certutil", "-A", "-d", where, "-n", "root", "-t", "C,,", "-i", str(root)]
        if complaint := said(words):
            return f"refused: {complaint}"
        words = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-proxy-server",
                 "--disable-background-networking", "--disable-dev-shm-usage",
                 f"--user-data-dir={home}/data", f"--host-resolver-rules=MAP {HOST} 127.0.0.1",
                 "--dump-dom", f"https://{HOST}:{port}/"]  # fmt: skip
        page = said(words, HOME=str(home))
        errors = re.findall(r"ERR_[A-Z0-9_]+", page)
        return f"refused: {errors[0]}" if errors else "accepted" if SERVED in page else page

    def _run(self, *words: object) -> str:
        return said([str(self.openssl), *map(str, words)])

    @contextmanager
    def server(self, chain: Made) -> Iterator[int]:
        """Serve a page with openssl, with a chain; give the port."""
        words = [str(self.openssl), "s_server", "-accept", "127.0.0.1:0", "-www", *shown(chain)]
        with subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, env=clean(),
        ) as child:  # fmt: skip
            try:
                assert child.stdout
                heard = ""
                while not (match := re.search(r"^ACCEPT .*:(\d+)$", heard, re.MULTILINE)):
                    line = child.stdout.readline()
                    assert line, heard
                    heard += line
                yield int(match[1])
            finally:
                child.kill()


SERVED = "s_server"
"""What stands on the page that openssl serves."""


def shown(chain: Made) -> list[str]:
    """Give the options by which openssl shows a chain, however weak it is."""
    own = ["-cert", str(chain.leaf), "-key", str(chain.key), "-cipher", "DEFAULT@SECLEVEL=0"]
    return [*own, *(["-cert_chain", str(chain.between)] if chain.between else [])]


def clean() -> dict[str, str]:
    """Give an environment without what would change a program's trust."""
    return {name: value for name, value in os.environ.items()
            if not name.startswith(("SSL_CERT", "NODE_", "CURL_", "JAVA_TOOL", "OPENSSL_CONF"))
            and not name.lower().endswith("_proxy")}  # fmt: skip


def said(words: Sequence[str], **environment: str) -> str:
    """Give all that a program says, whatever its exit code."""
    done = subprocess.run(
        words, env={**clean(), **environment}, stdin=subprocess.DEVNULL, check=False, timeout=120,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    return done.stdout.strip()
