"""The guide in a real browser: it opens without a fault, and asks nobody outside."""

import json
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import ROOT, Cli

pytestmark = pytest.mark.e2e
QUIET = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-extensions --virtual-time-budget=2000"
).split()

THE_BROWSERS_OWN = (".google.com", ".googleapis.com", ".gvt1.com")
"""Whom Chromium itself calls, whatever the page; the guide names none of them."""


@pytest.mark.parametrize("name", ["mutual-tls", "encrypted-ca", "modern"])
def test_a_guide_opens_without_a_message_and_asks_nobody(
    cli: Cli, tmp_path: Path, name: str
) -> None:
    if not shutil.which("chromium"):
        pytest.skip("there is no chromium here")
    shutil.copy(ROOT / f"recipes/{name}.yaml", cli.folder)
    cli("apply", f"{name}.yaml")
    cli("guide", f"{name}.yaml", "-o", "guide.html")
    log, picture = tmp_path / "net.json", tmp_path / "guide.png"
    own = [f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={log}"]
    done = subprocess.run(
        [
            "chromium", *QUIET, *own, "--enable-logging=stderr", f"--screenshot={picture}",
            "--window-size=400,2000", f"file://{tmp_path / 'guide.html'}",
        ],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert picture.stat().st_size > 10_000
    assert [line for line in done.stderr.splitlines() if ":CONSOLE" in line] == []
    asked = {
        str(urlsplit(event["params"]["url"]).hostname)
        for event in json.loads(log.read_text())["events"]
        if str(event.get("params", {}).get("url", "")).startswith(("http", "ws"))
    }
    assert {host for host in asked if not host.endswith(THE_BROWSERS_OWN)} == set()
