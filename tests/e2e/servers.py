"""Real servers, each started with what `config` prints, unchanged, and a client that fits it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from tests.e2e.world import Identity, World, as_user, give_away

PATIENCE = 30.0
"""Seconds until a server must listen."""
GET = "GET / HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n"
KNOCK = Path(__file__).parent / "knock.py"


@dataclass(frozen=True)
class Answer:
    """What came of knocking."""

    let_in: bool
    said: str
    """By the client, and then by the server in its log."""

    def tells(self, pattern: str) -> bool:
        """Whether one of them said something of a kind."""
        return bool(re.search(pattern, self.said.lower().replace("_", " ")))


class Visit(Protocol):
    """A way to knock at a server's door."""

    def __call__(self, who: Identity | None, why: str = "") -> Answer:
        """Knock; where that is refused, wait until `why` (a pattern) was said, or long enough."""


@dataclass
class Place:
    """A folder in which a server runs, on a port of its own."""

    world: World
    folder: Path
    port: int
    enter: list[str] = field(default_factory=list)
    """What a client's command begins with, where the server has a network of its own."""

    def write(self, name: str, text: str) -> str:
        """Write a file; give its path."""
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def run(self, *argv: str, text: str = "", env: dict[str, str] | None = None) -> Answer:
        """Run a command as the unprivileged user; its exit code tells whether it was let in."""
        done = subprocess.run(
            [*self.enter, *as_user(list(argv))], input=text, text=True, capture_output=True,
            check=False, timeout=60, cwd=self.folder, errors="replace",
            env={**os.environ, "HOME": str(self.folder), **(env or {})},
        )  # fmt: skip
        return Answer(done.returncode == 0, done.stdout + done.stderr)

    def knock(self, who: Identity | None, request: str) -> Answer:
        """Knock by Python's ssl."""
        own = [str(who.certificate), str(who.key)] if who else []
        name, trust = "localhost", str(self.world.trust)
        return self.run(sys.executable, str(KNOCK), str(self.port), name, trust, request, *own)


def instructions(text: str) -> list[str]:
    """Give what the comments tell a person to do, or to write elsewhere: what they indent."""
    return re.findall(r"^(?:#|;|//)   (.*)$", text, re.MULTILINE)


def follow(place: Place, text: str) -> None:
    """Do what the comments tell to type; pass phrases are kept beside their keys, and given."""
    for line in instructions(text):
        if line.startswith(("cat ", "cp ", "(umask ")):
            typed = re.sub(r"-in (.*) -out", r"-passin file:\1.password -in \1 -out", line)
            done = place.run("sh", "-c", typed)
            assert done.let_in, done.said


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Server:
    """How a program is started, and how one knocks at its door."""

    program: str
    start: Callable[[Place, str], list[str]]
    """Prepare all of it but what was printed; give the command."""
    visit: Callable[[Place, Identity | None], Answer]
    isolated: bool = False
    """Whether it listens on a fixed port, and so wants a network of its own."""


def settled(world: World, name: str, port: int) -> Place:
    """Make a folder in a world, which the unprivileged user can write to."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=world.folder))
    folder.chmod(0o755)
    give_away(folder)
    return Place(world, folder, port)


@contextmanager
def serving(target: str, world: World, printed: str = "") -> Iterator[Place]:
    """Start a target's program in a world, with what is printed for it, or with another text."""
    server = SERVERS[target]
    place = settled(world, target, 443 if server.isolated else free_port())
    text = printed or world.printed(target, "--name", world.server)
    follow(place, text)
    with started(place, as_user(server.start(place, text)), isolated=server.isolated):
        yield place


@contextmanager
def running(target: str, world: World, printed: str = "") -> Iterator[Visit]:
    """Start a target's program in a world; give a way to visit it, and to hear what it logs.

    A server may write down why it refused after the client is gone: what is to be said, of a
    refusal, is waited for.
    """

    def visit(who: Identity | None, why: str = "") -> Answer:
        log = place.folder / "log"
        before = len(log.read_text(errors="replace"))
        answer = SERVERS[target].visit(place, who)
        deadline = time.monotonic() + PATIENCE
        while True:
            logged = log.read_text(errors="replace")[before:]
            told = replace(answer, said=answer.said + logged)
            if told.let_in or told.tells(why) or time.monotonic() > deadline:
                return told
            time.sleep(0.1)

    with serving(target, world, printed) as place:
        yield visit


@contextmanager
def started(place: Place, argv: list[str], *, isolated: bool = False) -> Iterator[None]:
    """Run a server until it is no longer needed."""
    ports = "echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start"
    alone = ["unshare", "--net", "sh", "-ec", f'ip link set lo up; {ports}; exec "$@"', "sh"]
    log = place.folder / "log"
    log.touch()
    give_away(place.folder)
    with log.open("ab") as stream:
        child = subprocess.Popen(
            [*(alone if isolated else []), *argv], stdin=subprocess.DEVNULL, stdout=stream,
            stderr=subprocess.STDOUT, cwd=place.folder, start_new_session=True,
            env={"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "LC_ALL": "C"},
        )  # fmt: skip
    if isolated:
        place.enter = ["nsenter", f"--net=/proc/{child.pid}/ns/net"]
    try:
        _await(place, child, log)
        yield
    finally:
        end(child)


def end(child: "subprocess.Popen[bytes]") -> None:
    """End a server and its children, which are a session of their own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(10)
            return


def _await(place: Place, child: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the server listens."""
    knock = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1]))).close()"
    deadline = time.monotonic() + PATIENCE
    while not place.run(sys.executable, "-c", knock, str(place.port)).let_in:
        assert child.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.1)


def _nginx(place: Place, text: str) -> list[str]:
    printed, folder = place.write("printed.conf", text), place.folder
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = place.write("nginx.conf", f"""\
daemon off; master_process off; pid {folder}/pid; error_log stderr info;
events {{}}
http {{ {temporary} default_type text/plain;
  log_format who "$status $ssl_client_verify $ssl_client_s_dn"; access_log {folder}/access who;
  server {{ listen 127.0.0.1:{place.port} ssl; include {printed};
    return 200 "welcome, $ssl_client_s_dn"; }} }}
""")  # fmt: skip
    return ["nginx", "-e", "stderr", "-c", config]


def _http(place: Place, who: Identity | None) -> Answer:
    answer = place.knock(who, GET)
    return Answer(answer.let_in and " 200 OK" in answer.said, answer.said)


def _apache(place: Place, text: str) -> list[str]:
    printed, folder = place.write("printed.conf", text), place.folder
    (folder / "index.html").write_text("welcome")
    modules = "".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
        for name in ("mpm_event", "authz_core", "ssl")
    )
    config = place.write("apache.conf", f"""\
ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
Mutex file:{folder}
{modules}ErrorLog {folder}/log
DocumentRoot {folder}
Listen 127.0.0.1:{place.port}
<VirtualHost 127.0.0.1:{place.port}>
Include {printed}
</VirtualHost>
""")  # fmt: skip
    return ["apache2", "-f", config, "-DFOREGROUND"]


def _apache_visit(place: Place, who: Identity | None) -> Answer:
    answer = place.knock(who, GET.replace("/ ", "/index.html "))
    return Answer(answer.let_in and "welcome" in answer.said, answer.said)


def _haproxy(place: Place, text: str) -> list[str]:
    config = place.write("haproxy.cfg", f"""\
defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 10s
frontend door
{text}
  http-request return status 200
""")  # fmt: skip
    return ["haproxy", "-db", "-f", config]


def _stunnel(place: Place, text: str) -> list[str]:
    """Behind stunnel, a shell reads a request's head and answers."""
    answer = "while read -r line && [ ${#line} -gt 1 ]; do :; done\necho HTTP/1.0 200 OK\n"
    script = place.write("answer.sh", answer)
    config = place.write("stunnel.conf", f"""\
foreground = yes
debug = info
pid =
[door]
accept = 127.0.0.1:{place.port}
exec = /bin/sh
execArgs = sh {script}
{text}""")  # fmt: skip
    return ["stunnel4", config]


def _openldap(place: Place, text: str) -> list[str]:
    (place.folder / "data").mkdir()
    config = place.write("slapd.conf", f"""\
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
{text}
database mdb
suffix dc=example,dc=com
directory {place.folder}/data
""")  # fmt: skip
    return ["slapd", "-d", "256", "-f", config, "-h", f"ldaps://127.0.0.1:{place.port}"]


def _ldap_visit(place: Place, who: Identity | None) -> Answer:
    own = {"LDAPTLS_CERT": str(who.certificate), "LDAPTLS_KEY": str(who.key)} if who else {}
    # GnuTLS compares an IP address with SANs only: under a tutorial there are none.
    demand = "demand" if place.world.workflow == "modern" else "never"
    env = {"LDAPTLS_CACERT": str(place.world.trust), "LDAPTLS_REQCERT": demand, **own}
    address = f"ldaps://127.0.0.1:{place.port}"
    answer = place.run("ldapwhoami", "-x", "-H", address, env=env)
    return Answer(answer.let_in and "anonymous" in answer.said, answer.said)


def _postgresql(place: Place, text: str) -> list[str]:
    data = place.folder / "data"
    made = place.run(_pg("initdb"), "-D", str(data), "-A", "trust", "--no-sync", "-U", "postgres")
    assert made.let_in, made.said
    names = dict.fromkeys(who.name for who in place.world.identities.values() if who)
    roles = "".join(f'create role "{name}" login;\n' for name in names)
    made = place.run(_pg("postgres"), "--single", "-D", str(data), "postgres", text=roles)
    assert made.let_in, made.said
    [rule] = [line for line in instructions(text) if line.startswith("hostssl ")]
    (data / "pg_hba.conf").write_text(f"{rule}\n")
    printed = place.write("printed.conf", text)
    with (data / "postgresql.conf").open("a") as stream:
        stream.write(f"include '{printed}'\nunix_socket_directories = ''\nport = {place.port}\n")
    return [_pg("postgres"), "-D", str(data)]


def _pg(program: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    assert found, f"there is no {program}"
    return str(found[-1])


def _postgresql_visit(place: Place, who: Identity | None) -> Answer:
    own = f"sslcert={who.certificate} sslkey={who.key}" if who else "sslcert=/nowhere"
    address = (
        f"host=127.0.0.1 port={place.port} dbname=postgres user={who.name if who else 'alice'}"
        f" sslmode=verify-ca sslrootcert={place.world.trust} {own}"
    )
    answer = place.run("psql", address, "-Atc", "select 'wel' || 'come'")
    return Answer(answer.let_in and "welcome" in answer.said, answer.said)


def _mosquitto(place: Place, text: str) -> list[str]:
    config = place.write("mosquitto.conf", f"""\
persistence false
listener {place.port} 127.0.0.1
{text}""")  # fmt: skip
    return ["mosquitto", "-c", config]


def _mosquitto_visit(place: Place, who: Identity | None) -> Answer:
    own = ["--cert", str(who.certificate), "--key", str(who.key)] if who else []
    return place.run(
        "mosquitto_pub", "-h", "localhost", "-p", str(place.port), "-q", "1", "-t", "door",
        "-m", "knock", "--cafile", str(place.world.trust), *own,
    )  # fmt: skip


def _redis(place: Place, text: str) -> list[str]:
    printed = place.write("redis.conf", text)
    return ["redis-server", printed, "--tls-port", str(place.port), "--bind", "127.0.0.1",
            "--save", "", "--dir", str(place.folder)]  # fmt: skip


def _redis_visit(place: Place, who: Identity | None) -> Answer:
    own = ["--cert", str(who.certificate), "--key", str(who.key)] if who else []
    answer = place.run(
        "redis-cli", "-h", "127.0.0.1", "-p", str(place.port), "--tls", "--cacert",
        str(place.world.trust), *own, "ping",
    )  # fmt: skip
    return Answer(answer.let_in and "PONG" in answer.said, answer.said)


SERVERS = {
    "nginx": Server("nginx", _nginx, _http),
    "openldap": Server("slapd", _openldap, _ldap_visit),
    "apache": Server("apache2", _apache, _apache_visit),
    "haproxy": Server("haproxy", _haproxy, _http, isolated=True),
    "postgresql": Server("psql", _postgresql, _postgresql_visit),
    "mosquitto": Server("mosquitto", _mosquitto, _mosquitto_visit),
    "redis": Server("redis-server", _redis, _redis_visit),
    "stunnel": Server("stunnel4", _stunnel, _http),
}


def lacking(target: str) -> str:
    """Tell what a target's test lacks on this machine, or nothing."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    server = SERVERS[target]
    if not shutil.which(server.program, path=path):
        return f"there is no {server.program}"
    if server.isolated and os.geteuid() != 0:
        return f"{server.program} listens on port 443, and only root may give it its own network"
    return ""
