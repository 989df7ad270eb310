"""One command, one child: run plainly, or answered at its prompts.

Children get a clean environment, so that certificates are judged against the recipe's own CA and
nothing else, a session of their own, so that none can ask at the person's terminal unnoticed, and
umask 077. Every prompt that openssl is known to print stands in one table, `PROMPTS`.
"""

import fcntl
import os
import pty
import re
import shutil
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import IO, Any

from mtls_openssl import version
from mtls_openssl.checks import Answer
from mtls_openssl.errors import CommandFailed, Interrupted, MachineFault
from mtls_openssl.secret import Secret
from mtls_openssl.subject import Subject
from mtls_openssl.template import split_redirect
from mtls_openssl.version import Version

UMASK = 0o077
PATIENCE = 1.0
"""Seconds of silence after which an unfinished line that looks like a prompt is taken for one."""
LONGEST_SILENCE = 600.0
"""Seconds after which a prompting command that says nothing at all is given up."""

_KEPT = (
    "PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH",
    "OPENSSL_MODULES", "OPENSSL_ENGINES",
)  # fmt: skip


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Give the children's environment: no system trust store, no OPENSSL_CONF, nothing private.

    With these two variables set, openssl neither trusts nor loads the machine's CA certificates
    (openssl-env(7)); the C locale keeps dates and messages as they are documented.
    """
    kept = {name: environment[name] for name in _KEPT if name in environment}
    return kept | {"SSL_CERT_FILE": "/dev/null", "SSL_CERT_DIR": "/dev/null", "LC_ALL": "C"}


@dataclass(frozen=True)
class Prompt:
    """A text that openssl asks with, and what it wants to hear."""

    text: str
    """A regular expression; its group, if any, is the file or field that is meant."""
    kind: str


PROMPTS = (
    Prompt(r"Verifying - Enter (?:PEM )?pass phrase(?: for ([^\r\n]+))?:", "passphrase again"),
    Prompt(r"Enter (?:PEM )?pass phrase(?: for ([^\r\n]+))?:", "passphrase"),
    Prompt(r"Verifying - Enter Export Password:", "password again"),
    Prompt(r"Enter (?:Export|Import) Password:", "password"),
    Prompt(r"Verifying - Enter Encryption Password:", "encryption again"),
    Prompt(r"Enter Encryption Password:", "encryption"),
    Prompt(r"([^\r\n\[]+) \[[^\r\n]*\]:", "field"),
)
"""OpenSSL 1.1.1 to 4.0 and LibreSSL; a "Verifying" stands before what it repeats."""

FIELDS = {
    "Country Name": "C",
    "State or Province Name": "ST",
    "Locality Name": "L",
    "Organization Name": "O",
    "Organizational Unit Name": "OU",
    "Common Name": "CN",
    "Email Address": "emailAddress",
}
"""How the default configuration asks for the subject (openssl.cnf, [ req_distinguished_name ])."""
UNANSWERED = ("A challenge password", "An optional company name")
"""Attributes of a request that no CA wants: Enter leaves them empty."""

_PATTERNS = [re.compile(rf"(?:^|\n)\r?{prompt.text} ?$") for prompt in PROMPTS]
_LOOKS_LIKE_PROMPT = re.compile(r"[^\r\n]*[:?>\]] ?$")


@dataclass(frozen=True)
class Reply:
    """What a command will be told: a secret for a file, or the fields of a subject."""

    kind: str
    file: str = ""
    secret: Secret | None = None
    subject: Subject = ()


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    returncode: int
    stdout: str
    """What it printed for a program to read; of a command that prompts, nothing."""
    transcript: str
    """What a person would have seen, secrets masked."""
    seconds: float

    @property
    def answer(self) -> Answer:
        """Give it as the answer to a question."""
        return Answer(self.returncode == 0, self.stdout, self.transcript)


@dataclass
class Runner:
    """Starts commands in a directory, and ends them all when told to stop."""

    binary: FilePath
    directory: FilePath
    lock: int | None = None
    """A descriptor that every child inherits, and whose lock it so holds as long as it lives."""
    environment: dict[str, str] = field(default_factory=lambda: clean_environment(os.environ))
    _children: set["subprocess.Popen[Any]"] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def run(self, argv: Sequence[str], *, secret: Secret | None = None) -> Outcome:
        """Run one command that does not prompt; `secret` is the line on its standard input.

        `cat`, `chmod` and `mkdir -p` are done here; `> FILE` takes a command's output.
        """
        start = time.monotonic()
        words, target, appends = split_redirect(tuple(argv))
        match words:
            case ("cat", *files):
                self._cat(files, target, appends)
            case ("chmod", mode, *files):
                for name in files:
                    (self.directory / name).chmod(int(mode, 8))
            case ("mkdir", "-p", *folders):
                for folder in map(FilePath, folders):
                    for part in (*reversed(folder.parents), folder):
                        (self.directory / part).mkdir(mode=0o700, exist_ok=True)
            case _:
                return self._plain(words, _line(secret) if secret else None, target, appends)
        return Outcome(0, "", "", time.monotonic() - start)

    def pipe(self, first: Sequence[str], second: Sequence[str], secret: Secret | None) -> Outcome:
        """Run two commands, the first's output into the second, so that no one else sees it.

        `cat FILE…` is done here.
        """
        start = time.monotonic()
        if first[0] == "cat":
            parts = ((self.directory / name).read_bytes() for name in first[1:])
            return self._plain(second, b"".join(parts))
        with self._child(first, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as one:
            with self._child(second, stdin=one.stdout, stdout=subprocess.PIPE) as two:
                assert one.stdout
                assert one.stdin
                one.stdout.close()
                with suppress(BrokenPipeError):  # it failed before it read: its exit code tells
                    one.stdin.write(_line(secret))
                    one.stdin.close()
                output, complaint = two.communicate()
            assert one.stderr
            first_complaint = one.stderr.read()
        text = (first_complaint + complaint).decode("utf-8", "replace")
        code = one.returncode or two.returncode
        return Outcome(code, output.decode("utf-8", "replace"), text, time.monotonic() - start)

    def converse(self, argv: Sequence[str], replies: Sequence[Reply]) -> Outcome:
        """Run one command on a terminal of its own, and answer what it asks.

        Raises:
            CommandFailed: it asked what there is no answer for, or asked again.
        """
        start = time.monotonic()
        master, slave = pty.openpty()
        try:
            _quiet(slave)
            with self._child(argv, stdin=slave, stdout=slave, stderr=slave) as child:
                os.close(slave)
                slave = -1
                talk = _Conversation(master, list(replies), argv)
                try:
                    talk.hold()
                except BaseException:
                    _kill(child)
                    raise
                child.wait()
        finally:
            os.close(master)
            if slave >= 0:
                os.close(slave)
        return Outcome(child.returncode, "", talk.transcript(), time.monotonic() - start)

    @contextmanager
    def start(
        self, argv: Sequence[str], *, secret: Secret | None = None
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """Start a command that is talked to while it runs; it ends with the block.

        `secret` is the first line on its standard input, which stays open. On Linux the command
        ends also where this program is killed: it holds a pipe whose other end only this program
        has, and its group is sent SIGIO once that end is gone (F_SETOWN and O_ASYNC, fcntl(2)).
        """
        held, leash = os.pipe()
        try:
            pipe = subprocess.PIPE
            with self._child(argv, stdin=pipe, stdout=pipe, inherits=(held,)) as child:
                fcntl.fcntl(held, fcntl.F_SETOWN, -child.pid)
                flags = fcntl.fcntl(held, fcntl.F_GETFL)
                fcntl.fcntl(held, fcntl.F_SETFL, flags | os.O_ASYNC)
                assert child.stdin
                with suppress(BrokenPipeError):  # it failed before it read: its end tells
                    child.stdin.write(_line(secret))
                    child.stdin.flush()
                yield child
        finally:
            os.close(held)
            os.close(leash)

    def stop(self) -> None:
        """End every child, and let no other begin."""
        with self._guard:
            self._stopped.set()
            for child in self._children:
                _kill(child)

    def _plain(
        self, argv: Sequence[str], feed: bytes | None, target: str = "", appends: bool = False
    ) -> Outcome:
        start = time.monotonic()
        stdin = subprocess.DEVNULL if feed is None else subprocess.PIPE
        with self._output(target, appends) as stdout:
            with self._child(argv, stdin=stdin, stdout=stdout) as child:
                output, complaint = child.communicate(feed)
        text = complaint.decode("utf-8", "replace")
        printed = (output or b"").decode("utf-8", "replace")
        return Outcome(child.returncode, printed, text, time.monotonic() - start)

    @contextmanager
    def _child(
        self,
        argv: Sequence[str],
        *,
        stdin: Any,
        stdout: Any,
        stderr: Any = subprocess.PIPE,
        inherits: tuple[int, ...] = (),
    ) -> Iterator["subprocess.Popen[bytes]"]:
        if self._stopped.is_set():
            raise Interrupted("stopped before this command began")
        child = subprocess.Popen(
            list(argv),
            executable=self.binary,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=self.directory,
            env=self.environment,
            start_new_session=True,
            umask=UMASK,
            pass_fds=inherits if self.lock is None else (*inherits, self.lock),
        )
        with self._guard:
            self._children.add(child)
            if self._stopped.is_set():  # meanwhile
                _kill(child)
        try:
            yield child
        finally:
            with self._guard:
                self._children.discard(child)
            if child.poll() is None:
                _kill(child)
            child.wait()
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream:
                    with suppress(BrokenPipeError):
                        stream.close()

    @contextmanager
    def _output(self, target: str, appends: bool) -> Iterator[int | IO[bytes]]:
        if not target:
            yield subprocess.PIPE
            return
        how = os.O_APPEND if appends else os.O_TRUNC
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | how
        with os.fdopen(os.open(self.directory / target, flags, 0o600), "wb") as stream:
            yield stream

    def _cat(self, files: Sequence[str], target: str, appends: bool) -> None:
        with self._output(target, appends) as stream:
            assert not isinstance(stream, int)  # a workflow's cat always has a target
            for name in files:
                stream.write((self.directory / name).read_bytes())


def find(path: str | None) -> FilePath:
    """Give the openssl binary to use; raises MachineFault where there is none."""
    found = shutil.which(path or "openssl")
    if found is None:
        raise MachineFault(
            f"there is no openssl at {path}" if path else "there is no openssl on the PATH",
            "install it (apt-get install openssl, brew install openssl), or name one by --openssl",
        )
    return FilePath(found).absolute()


def ask_version(binary: FilePath) -> Version:
    """Ask a binary for its version; raises MachineFault where it is no usable openssl."""
    try:
        outcome = Runner(binary, FilePath("/")).run(("openssl", "version"))
    except OSError as error:
        raise MachineFault(
            f"{binary} does not start: {error.strerror}", "name another by --openssl"
        ) from None
    return version.parse(outcome.stdout or outcome.transcript)


def _line(secret: Secret | None) -> bytes:
    return f"{secret.reveal()}\n".encode() if secret else b""


def _kill(child: "subprocess.Popen[Any]") -> None:
    """End a child and whatever it started: it leads a session of its own."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        child.kill()


def _quiet(slave: int) -> None:
    """Let a terminal neither echo nor change what is typed: no transcript holds a secret."""
    settings = termios.tcgetattr(slave)
    settings[1] &= ~termios.OPOST
    settings[3] &= ~(termios.ECHO | termios.ECHONL | termios.ISIG | termios.IEXTEN)
    termios.tcsetattr(slave, termios.TCSANOW, settings)


class _Conversation:
    """Reads a command's prompts from its terminal and answers each once."""

    def __init__(self, master: int, replies: list[Reply], argv: Sequence[str]) -> None:
        import pexpect.fdpexpect  # not for those who never prompt: it takes its time

        self.ends: list[Any] = [pexpect.EOF, pexpect.TIMEOUT]
        self.terminal = pexpect.fdpexpect.fdspawn(
            master, timeout=None, encoding="utf-8", codec_errors="replace", use_poll=True
        )
        self.terminal.delaybeforesend = None
        self.terminal.delayafterread = None
        self.replies = replies
        self.command = " ".join(argv[:2])
        self.fields = [pair for reply in replies for pair in reply.subject]
        self.asked: set[tuple[str, str]] = set()
        self.heard: list[str] = []

    def hold(self) -> None:
        """Answer until the command ends."""
        patterns = self.terminal.compile_pattern_list([*_PATTERNS, *self.ends])
        silence = 0.0
        while True:
            index = self.terminal.expect_list(patterns, timeout=PATIENCE)
            if index < len(PROMPTS):
                silence = 0.0
                match = self.terminal.match
                assert isinstance(match, re.Match)
                self.heard.append(self.before() + match[0])
                self.answer(PROMPTS[index].kind, match[1] if match.re.groups else None)
            elif index == len(PROMPTS):
                self.heard.append(self.before())
                return
            else:
                silence += PATIENCE
                self.wait(self.before(), silence)

    def before(self) -> str:
        """Give what was said since the last prompt."""
        return str(self.terminal.before or "")

    def wait(self, pending: str, silence: float) -> None:
        """Look at what stands unanswered while nothing moves."""
        last = pending.rpartition("\n")[2]
        if _LOOKS_LIKE_PROMPT.fullmatch(last) or silence >= LONGEST_SILENCE:
            self.heard.append(pending)
            said = last.strip() or "nothing"
            raise self.failure(f"{self.command} asks what nothing answers: {said!r}")

    def answer(self, kind: str, detail: str | None) -> None:
        label = (detail or "").strip()
        prompt = self.heard[-1].strip().rpartition("\n")[2].strip()
        if (kind, label) in self.asked:
            raise self.failure(f"{self.command} asks again, the answer was not taken: {prompt!r}")
        self.asked.add((kind, label))
        if kind == "field":
            self.send(self.value(label, prompt))
        else:
            secret = self.secret(kind.removesuffix(" again"), label)
            if secret is None:
                raise self.failure(f"{self.command} asks what nothing answers: {prompt!r}")
            self.send(secret.reveal(), shown="****")

    def value(self, label: str, prompt: str) -> str:
        """Give a subject's field, a dot where it is left out, Enter for what no CA wants."""
        if label.startswith(UNANSWERED):
            return ""
        for text, name in FIELDS.items():
            if label.startswith(text) and self.fields:
                position = next((i for i, pair in enumerate(self.fields) if pair[0] == name), None)
                return "." if position is None else self.fields[position][1]
        raise self.failure(f"{self.command} asks what nothing answers: {prompt!r}")

    def secret(self, kind: str, file: str) -> Secret | None:
        """Give the secret for a prompt: that of the file it names, or the first of its kind."""
        ours = [reply for reply in self.replies if reply.kind == kind]
        named = [reply for reply in ours if reply.file == file]
        return (named or ours)[0].secret if ours else None

    def send(self, text: str, shown: str | None = None) -> None:
        # Nothing is echoed: a field's line is ended here, a secret's by openssl itself.
        self.heard.append(f"{text}\n" if shown is None else shown)
        self.terminal.send(text + "\n")

    def failure(self, message: str) -> CommandFailed:
        hint = "this may be another openssl, or another configuration of it, than is known"
        if "again" in message:
            hint = "look at what openssl says before it, by -v"
        return CommandFailed(message, hint, self.transcript())

    def transcript(self) -> str:
        """Give what a person would have seen at the terminal, every secret masked."""
        text = "".join(self.heard).replace("\r\n", "\n").replace("\r", "\n")
        for reply in self.replies:
            if reply.secret:
                text = text.replace(reply.secret.reveal(), "****")
        return text
