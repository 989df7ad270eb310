"""A line that a learner typed: what is run of it, without a shell, and only inside the folder.

Pure: nothing is looked at on disk; `lab` sees to symbolic links.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from mtls_openssl import template
from mtls_openssl.errors import BadInput, Fault
from mtls_openssl.fields import check_inside
from mtls_openssl.glossary import PATHS, Glossary, Word
from mtls_openssl.journal import FOLDER

PROGRAMS = ("openssl", "cat", "chmod", "ls")
"""What is run; all else is not."""
REFUSED = template.LOADING | frozenset(["-keygen_engine", "-ssl_client_engine", "-provparam"])
"""openssl's options that load code, or that write where nothing says so."""
STREAMS = ("/dev/null", "/dev/stdin", "/dev/stdout", "/dev/stderr")
"""The only files outside that may be named."""

_QUOTED = re.compile(r"""\\.|'[^']*'|"(?:\\.|[^"\\])*\"""")
_EXPANDING = re.compile(r"\\.|'[^']*'")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)")


@dataclass(frozen=True)
class Typed:
    """A command that may be run."""

    argv: tuple[str, ...]
    """The words, without a redirection."""
    target: str = ""
    """The file that takes what it prints."""
    paths: tuple[str, ...] = ()
    """Every file that it names, relative to the folder."""

    @property
    def words(self) -> tuple[str, ...]:
        """The whole line, as a plan has it."""
        return (*self.argv, *((">", self.target) if self.target else ()))

    @property
    def reads(self) -> frozenset[str]:
        """The files that openssl reads, as far as its words tell."""
        if self.argv[0] != "openssl":
            return frozenset()
        return frozenset(map(_settled, template.effects(self.argv).reads))


def read(line: str, glossary: Glossary) -> Typed:
    """Read a line; raises Fault that says why it is not run."""
    words = _words(re.sub(r"^\s*\$\s+", "", line))
    words, target = _redirected(words)
    if not words or words[0] not in PROGRAMS:
        name = words[0] if words else ">"
        raise Fault(
            f"{name} is not run here", f"{', '.join(PROGRAMS)} are; or type hint, why, show, quit"
        )
    if len(words) == 1 and words[0] == "openssl":
        raise Fault("openssl wants a command", "such as openssl genrsa; hint tells more")
    try:
        [explanation] = glossary.explain(words)
    except BadInput as error:
        raise Fault(error.message, error.hint) from None
    paths = [path for word in explanation.words for path in _paths(word)]
    paths += [target] if target else []
    return Typed(words, target, tuple(_checked(path) for path in paths))


def _words(line: str) -> tuple[str, ...]:
    """Split a line as a shell does; raises Fault for what only a shell could do."""
    bare = _QUOTED.sub("", line)
    if "'" in bare or '"' in bare:
        raise Fault("a quote is open", "close it")
    if match := re.search(r"[$`]", _EXPANDING.sub("", line)):
        raise Fault(f"there is no shell here to expand {match[0]}", "write the value itself")
    if match := re.search(r"[|;&<()*?]|(?:^|\s)~", bare):
        character = match[0].strip()
        raise Fault(
            f"there is no shell here, and {character} needs one",
            "one plain command a line, every file by its name; quote a character that is meant",
        )
    lexer = shlex.shlex(line, posix=True, punctuation_chars=">" if ">" in bare else False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    return tuple(lexer)


def _redirected(words: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """Take `> FILE` off the end; raises Fault for any other redirection."""
    arrows = [place for place, word in enumerate(words) if word and not word.strip(">")]
    if not arrows:
        return words, ""
    if len(arrows) > 1 or words[arrows[0]] != ">" or arrows[0] != len(words) - 2:
        raise Fault("one > FILE at the end is all that can be done here", "write cat A B > C")
    return words[:-2], words[-1]


def _paths(word: Word) -> Iterator[str]:
    """Give the files that a word names; raises Fault for an option that is not for a lab."""
    option = word.option
    if option is None:
        # openssl will say that it does not know it: here, whatever could be a path is one.
        yield from (
            part
            for text in word.text
            for part in (text.partition("=")[2] if text.startswith("-") else text,)
            if "/" in part
        )
    elif option.name in REFUSED:
        raise Fault(f"{option.name} is not for a lab", "it loads code, or writes elsewhere")
    elif option.value in PATHS or option.name in PATHS:
        yield from (word.value,) if word.value else ()
    elif option.value == "SOURCE" and word.value.startswith("file:"):
        yield word.value
    elif option.name == "-newkey" and word.value.startswith("param:"):
        yield word.value.removeprefix("param:")


def _checked(path: str) -> str:
    """Give a path inside the folder; raises Fault for any other."""
    if match := _SCHEME.fullmatch(path):
        if match[1] != "file":
            raise Fault(f"{path!r} is no file of this folder", "name the file itself")
        path = match[2]
    if path in STREAMS or path == ".":
        return path
    settled = _settled(path)
    check_inside(settled)
    if settled.split("/")[0] == FOLDER:
        raise Fault(f"{FOLDER} is the tutor's own folder", "leave it as it is")
    return settled


def _settled(path: str) -> str:
    return re.sub(r"^(\./+)+", "", path).rstrip("/") or path
