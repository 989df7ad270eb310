"""What tests share: the openssl under test, the command line, and recipes in fresh folders."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mtls_openssl import process
from mtls_openssl.version import Version

ROOT = Path(__file__).parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--openssl", default="openssl", help="the openssl to test with")


def pytest_configure() -> None:
    """Let ^C reach what is tested: a shell starts jobs in the background with it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def openssl(request: pytest.FixtureRequest) -> Path:
    """The openssl binary under test."""
    found = shutil.which(request.config.getoption("--openssl"))
    assert found, "there is no such openssl"
    return Path(found)


@pytest.fixture(scope="session")
def version(openssl: Path) -> Version:
    """Its version."""
    return process.ask_version(openssl)


@pytest.fixture
def run_openssl(openssl: Path, tmp_path: Path) -> Callable[..., str]:
    """Runs the openssl under test, in the test's folder, as a person would; gives its output."""

    def run(*words: str, cwd: Path = tmp_path, text: str = "", check: bool = True) -> str:
        environment = process.clean_environment(os.environ)
        done = subprocess.run(
            [openssl, *words], cwd=cwd, env=environment, input=text, text=True,
            capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


@dataclass
class Cli:
    """The command line in a folder."""

    folder: Path
    openssl: Path

    def __call__(
        self, *words: str, code: int = 0, env: dict[str, str] | None = None, text: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end, without a terminal, and check its exit code."""
        done = subprocess.run(
            self.argv(*words), cwd=self.folder, env=self.environment(env), input=text, text=True,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True, check=False, timeout=120, start_new_session=True,
        )  # fmt: skip
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def argv(self, *words: str) -> list[str]:
        """Give the command as a list."""
        own = ["--openssl", str(self.openssl)] if words[:1] and words[0] in _VERBS else []
        return [sys.executable, "-m", "mtls_openssl", *words, *own]

    def environment(self, more: dict[str, str] | None = None) -> dict[str, str]:
        """Give its environment: this one's, without colour, and more."""
        return {**os.environ, "COLUMNS": "200", "PYTHONWARNINGS": "error", **(more or {})}


_VERBS = ("apply", "plan", "verify", "revoke", "export", "handshake", "config", "doctor")


@pytest.fixture
def cli(tmp_path: Path, openssl: Path) -> Cli:
    """The command line in the test's folder."""
    return Cli(tmp_path, openssl)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file into the test's folder; gives its path."""

    def write(text: str, name: str = "recipe.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture(autouse=True)
def _ordinary_umask() -> Iterator[None]:
    """Tests begin with the umask that most people have."""
    before = os.umask(0o022)
    yield
    os.umask(before)


SMALL = """\
workflow: mutual-tls
defaults:
  subject: {C: US, O: Example}
authorities:
  ca: {subject: {CN: Root}}
servers:
  server: {subject: {CN: test.example.com}}
clients:
  client:
    pkcs12: {password: {env: EXPORT_PASSWORD}}
"""
"""A recipe of the first tutorial, with one secret from the environment."""

PROMPTING = """\
workflow: encrypted-ca
defaults:
  subject: {C: DE, O: Example}
  key: rsa:2048
authorities:
  ca: {subject: {CN: Example CA}, passphrase: {env: CA_PASSPHRASE}}
servers:
  server.example.com: {serial: 1}
clients:
  heiko: {serial: 2, pkcs12: {password: {env: EXPORT_PASSWORD}}}
"""
"""A recipe of the second tutorial, with two secrets from the environment, and quick keys."""

SECRETS = {"CA_PASSPHRASE": "correct horse battery", "EXPORT_PASSWORD": "staple-of-export"}
