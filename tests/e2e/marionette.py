"""As much of Firefox's remote protocol as it takes to open a page and read what it says.

A message is its length in decimal, a colon, and JSON (Marionette protocol, version 3).
"""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PREFERENCES = """\
user_pref("network.dns.forceResolve", "127.0.0.1");
user_pref("network.proxy.type", 0);
user_pref("marionette.port", 0);
user_pref("app.update.auto", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("security.OCSP.enabled", 0);
"""


SCRIPT = """\
const page = document.wrappedJSObject || document;
if (document.documentURI.startsWith("about:certerror"))
    return page.getFailedCertSecurityInfo().errorCodeString;
if (document.documentURI.startsWith("about:"))
    return page.getNetErrorInfo().errorCodeString;
return "";
"""
"""Asks the error page for what it shows to a person who clicks on Advanced."""

TRUST = """\
Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB)
    .addCertFromBase64(arguments[0], "C,,");
"""


class Firefox:
    """A running Firefox."""

    def __init__(self, port: int) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.stream = self.connection.makefile("rb")
        self.number = 0
        self._read()
        self.call("WebDriver:NewSession", {})

    def close(self) -> None:
        """Hang up."""
        self.stream.close()
        self.connection.close()

    def refusal(self, address: str) -> str:
        """Open a page; give the error that its place is taken by, or nothing."""
        self.call("WebDriver:Navigate", {"url": address})
        shown = self.call("WebDriver:ExecuteScript", {"script": SCRIPT, "args": []})
        return str(shown["value"])

    def trust(self, root: Path) -> None:
        """Take a root as trusted for TLS servers; raises AssertionError where it is refused."""
        self.call("Marionette:SetContext", {"value": "chrome"})
        body = "".join(root.read_text().splitlines()[1:-1])
        answer = self.call("WebDriver:ExecuteScript", {"script": TRUST, "args": [body]})
        assert answer == {"value": None}, answer
        self.call("Marionette:SetContext", {"value": "content"})

    def call(self, command: str, words: dict[str, Any]) -> Any:
        """Give a command's result, or its error."""
        self.number += 1
        content = json.dumps([0, self.number, command, words]).encode()
        self.connection.sendall(b"%d:%s" % (len(content), content))
        _, _, error, result = self._read()
        return error or result

    def _read(self) -> Any:
        length = b""
        while (byte := self.stream.read(1)) != b":":
            assert byte, "Firefox has closed the connection"
            length += byte
        return json.loads(self.stream.read(int(length)))


@contextmanager
def firefox(binary: str, folder: Path) -> Iterator[Firefox]:
    """Start a Firefox to which every host is this one."""
    profile = folder / "firefox"
    profile.mkdir()
    (profile / "user.js").write_text(PREFERENCES)
    words = [binary, "--headless", "--no-remote", "--marionette", "--remote-allow-system-access",
             "--profile", str(profile)]  # fmt: skip
    log = folder / "firefox.log"
    with log.open("wb") as stream:
        child = subprocess.Popen(words, stdout=stream, stderr=stream, env=_home(folder))
        try:
            browser = Firefox(_port(profile, child))
            try:
                yield browser
            finally:
                browser.close()
        finally:
            child.terminate()
            child.wait(30)


def _port(profile: Path, child: "subprocess.Popen[bytes]") -> int:
    """Wait for the port that Firefox has chosen: it writes it into its profile."""
    file = profile / "MarionetteActivePort"
    while not (file.exists() and file.read_text().strip()):
        assert child.poll() is None, "Firefox has ended"
        try:
            child.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
    return int(file.read_text())


def _home(folder: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(folder), "MOZ_CRASHREPORTER_DISABLE": "1"}
