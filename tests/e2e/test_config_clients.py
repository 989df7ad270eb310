"""Real clients, with the printed text unchanged: let in by nginx, not taken in by an impostor."""

import base64
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.e2e.servers import Answer, Place, end, instructions, lacking, serving, settled
from tests.e2e.world import World, as_user

pytestmark = pytest.mark.e2e

NEEDS = {
    "curl": ("curl",),
    "python": (),
    "node": ("node",),
    "java": ("java", "javac"),
    "chromium": ("chromium", "certutil", "pk12util"),
    "firefox": ("firefox-esr", "certutil", "pk12util"),
}
REFUSED = re.compile(
    r"SSL_read\(\) failed .* alert|SSL_do_handshake\(\) failed|peer closed connection in SSL"
    "|closed connection while waiting for request"
)
"""What nginx logs where a client sends an alert, or hangs up without a word, as Node does."""
POLICIES = Path("/etc/chromium/policies/managed")
NODE = """
https.get(process.argv[2], { agent }, (answer) => answer.pipe(process.stdout))
  .on("error", (error) => { console.error(error.message); process.exit(1); });
"""
JAVA = """\
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

class Client {
    public static void main(String[] words) throws Exception {
        HttpClient client = HttpClient.newBuilder().sslContext(MutualTls.context()).build();
        HttpRequest request = HttpRequest.newBuilder(URI.create(words[0])).build();
        System.out.println(client.send(request, BodyHandlers.ofString()).body());
    }
}
"""
PYTHON = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], context=context).read().decode())
"""
QUIET = """\
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("security.OCSP.enabled", 0);
user_pref("app.update.auto", false);
"""
"""Firefox looks for nobody but the server: there is no network here."""


@dataclass(frozen=True)
class Doors:
    """The recipe's own server, and one that a stranger runs."""

    own: Place
    impostor: Place


@pytest.fixture(scope="module")
def home(worlds: Callable[[str], World]) -> World:
    """A modern hierarchy with revocation lists."""
    return worlds("modern")


@pytest.fixture(scope="module")
def doors(home: World) -> Iterator[Doors]:
    """Two servers."""
    if reason := lacking("nginx"):
        pytest.skip(reason)
    stranger = home.identities["foreign"]
    assert stranger
    false = f"ssl_certificate {stranger.certificate};\nssl_certificate_key {stranger.key};\n"
    with serving("nginx", home) as own, serving("nginx", home, false) as impostor:
        yield Doors(own, impostor)


def curl(here: Place, printed: str, address: str) -> Answer:
    file = here.write("curlrc", printed)
    return here.run("curl", "--silent", "--show-error", "--config", file, address)


def python(here: Place, printed: str, address: str) -> Answer:
    return here.run(sys.executable, here.write("client.py", printed + PYTHON), address)


def node(here: Place, printed: str, address: str) -> Answer:
    return here.run("node", here.write("client.js", printed + NODE), address)


def java(here: Place, printed: str, address: str) -> Answer:
    sources = [here.write("MutualTls.java", printed), here.write("Client.java", JAVA)]
    made = here.run("javac", "-d", str(here.folder), *sources)
    assert made.let_in, made.said
    return here.run("java", "-cp", str(here.folder), "Client", address)


def chromium(here: Place, printed: str, address: str) -> Answer:
    filled = here.run("sh", "-e", here.write("fill.sh", printed))
    assert filled.let_in, filled.said
    [policy] = [line for line in instructions(printed) if "AutoSelect" in line]
    with policed(policy.replace("https://[*.]example.com", address)):
        words = (
            "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"
            " --disable-background-networking --disable-component-update --timeout=20000"
        )
        picture = f"--screenshot={here.folder}/page.png"
        own = f"--user-data-dir={here.folder}/profile"
        shown = here.run("chromium", *words.split(), own, picture, address)
        told = here.run("chromium", *words.split(), own, "--dump-dom", address)
    return Answer((here.folder / "page.png").exists(), told.said + shown.said)


@contextmanager
def policed(policy: str) -> Iterator[None]:
    """Lay down a policy for Chromium."""
    path = POLICIES / f"mutual-tls-{os.getpid()}.json"
    POLICIES.mkdir(parents=True, exist_ok=True)
    path.write_text(policy)
    try:
        yield
    finally:
        path.unlink()


@contextmanager
def surfing(here: Place, printed: str, address: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run Firefox with what is printed, until it has a picture or is not needed any more."""
    profile = here.folder / "profile"
    filled = here.run("sh", "-e", here.write("fill.sh", printed), env={"PROFILE": str(profile)})
    assert filled.let_in, filled.said
    [choice] = [line for line in instructions(printed) if line.startswith("user_pref")]
    (profile / "user.js").write_text(QUIET + choice + "\n")
    words = ["--headless", "--no-remote", "--profile", str(profile)]
    picture = f"--screenshot={here.folder}/page.png"
    child = subprocess.Popen(
        as_user(["firefox-esr", *words, picture, address]), start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(here.folder)},
    )  # fmt: skip
    try:
        yield child
    finally:
        end(child)


def firefox(here: Place, printed: str, address: str) -> Answer:
    with surfing(here, printed, address) as child:
        child.wait(60)
    return Answer((here.folder / "page.png").exists(), "")


def await_refusal(log: Path, before: int) -> None:
    """Wait until a server's log says that it was refused."""
    deadline = time.monotonic() + 30
    while not REFUSED.search(log.read_text()[before:]):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


CLIENTS: dict[str, Callable[[Place, str, str], Answer]] = {
    "curl": curl, "python": python, "node": node, "java": java,
    "chromium": chromium, "firefox": firefox,
}  # fmt: skip


def missing(target: str) -> str:
    """Tell what a client's test lacks on this machine, or nothing."""
    if target == "chromium" and os.geteuid() != 0:
        return "only root may lay down a policy for Chromium"
    return next((f"there is no {name}" for name in NEEDS[target] if not shutil.which(name)), "")


def visits(door: Place) -> list[str]:
    """Give what a server noted of its visitors: HTTP status, verdict, subject."""
    path = door.folder / "access"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("target", CLIENTS)
def test_a_client_is_let_in_with_what_is_printed(target: str, home: World, doors: Doors) -> None:
    if reason := missing(target):
        pytest.skip(reason)
    before = len(visits(doors.own))
    here = settled(home, target, 0)
    printed = home.printed(target, "--name", "alice")
    answer = CLIENTS[target](here, printed, f"https://localhost:{doors.own.port}")
    assert answer.let_in, answer.said
    assert "200 SUCCESS CN=alice,O=Example" in visits(doors.own)[before:], answer.said
    if target != "firefox":  # of which only the picture is had
        assert "welcome, CN=alice,O=Example" in answer.said


@pytest.mark.parametrize("target", ["python", "node"])
def test_a_client_whose_key_is_encrypted_is_let_in(target: str, home: World, doors: Doors) -> None:
    if reason := missing(target):
        pytest.skip(reason)
    here = settled(home, target, 0)
    printed = home.printed(target, "--name", "bob")
    answer = CLIENTS[target](here, printed, f"https://localhost:{doors.own.port}")
    assert "welcome, CN=bob,O=Example" in answer.said


@pytest.mark.parametrize("target", CLIENTS)
def test_a_client_does_not_believe_an_impostor(target: str, home: World, doors: Doors) -> None:
    if reason := missing(target):
        pytest.skip(reason)
    log = doors.impostor.folder / "log"
    before = len(log.read_text())
    here = settled(home, target, 0)
    printed = home.printed(target, "--name", "alice")
    address = f"https://localhost:{doors.impostor.port}"
    if target == "firefox":
        with surfing(here, printed, address):  # there it stays
            await_refusal(log, before)
    else:
        assert "welcome" not in CLIENTS[target](here, printed, address).said
        await_refusal(log, before)
    assert visits(doors.impostor) == []


def test_ldap_tools_are_let_in_with_what_is_printed(home: World) -> None:
    if reason := lacking("openldap"):
        pytest.skip(reason)
    here = settled(home, "ldap", 0)
    here.write(".ldaprc", home.printed("ldap", "--name", "alice"))
    with serving("openldap", home) as door:
        address = f"ldaps://127.0.0.1:{door.port}"
        answer = here.run("ldapwhoami", "-x", "-H", address)
        assert (answer.let_in, answer.said) == (True, "anonymous\n")
        (here.folder / ".ldaprc").unlink()
        assert not here.run("ldapwhoami", "-x", "-H", address).let_in


def test_a_secret_for_kubernetes_holds_what_is_in_the_files(home: World) -> None:
    if not shutil.which("kubectl"):
        pytest.skip("there is no kubectl")
    here = settled(home, "kubernetes", 0)
    printed = home.printed("kubernetes", "--name", "alice")
    assert "PRIVATE KEY" not in printed
    made = here.run("sh", "-e", here.write("secret.sh", printed))
    assert made.let_in, made.said
    secret = yaml.safe_load(made.said)
    assert (secret["kind"], secret["type"]) == ("Secret", "kubernetes.io/tls")
    pki = home.folder / "pki"
    assert {name: base64.b64decode(text) for name, text in secret["data"].items()} == {
        "tls.crt": (pki / "alice.chain.pem").read_bytes(),
        "tls.key": (pki / "alice.key").read_bytes(),
        "ca.crt": (pki / "trust.pem").read_bytes(),
    }
