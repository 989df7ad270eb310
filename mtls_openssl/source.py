"""YAML text into plain data, with the line and column of every path kept.

Scalars are read as YAML 1.2's core schema reads them, so that a country `NO` and a province `ON`
stay text, and only where text and value agree: `010` stays the text "010", to be read by whoever
knows what it means. The tree is built from the parser's events, not by its composer, whose
recursion a deeply nested file can turn into a crash of the interpreter.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path as FilePath
from typing import Any, NoReturn

import yaml

from mtls_openssl.errors import BadInput, Fault, MachineFault, Path, Problem, few
from mtls_openssl.origin import Cells, Origin

LARGEST_FILE = 16 * 2**20
"""Bytes; a recipe of 10 000 clients written out takes about 3 MiB."""
DEEPEST = 32
"""Levels of nesting; a recipe needs seven."""
MOST_VALUES = 500_000
"""Keys, values, lists and mappings; a recipe of 10 000 clients written out holds about 200 000."""
LARGEST_EXPANSION = 100_000
"""Nodes that aliases may add; a bomb of nine lines asks for billions."""

LIST = 200
"""Characters after which a hint's list of names is cut."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
_TAGS = {
    yaml.ScalarEvent: (None, "tag:yaml.org,2002:str", "!"),
    yaml.MappingStartEvent: (None, "tag:yaml.org,2002:map"),
    yaml.SequenceStartEvent: (None, "tag:yaml.org,2002:seq"),
}
"""The tags that say no more than what is there anyway."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the text: line and column from 0, and how many characters are meant."""

    line: int
    column: int
    width: int = 1


@dataclass(slots=True)
class Node:
    """A value of the file: a scalar, a list of nodes, or a mapping of keys to nodes."""

    mark: Mark
    value: Any
    end: tuple[int, int]
    """Line and column, from 0, right behind it."""
    keys: dict[str, Mark] = field(default_factory=dict)
    size: int = 1
    """How many nodes it counts, aliases expanded."""
    height: int = 0
    """How many levels lie below it."""
    merges: bool = False
    """Whether it is the key << that lays mappings under this one."""

    def scalars(self) -> Iterator["Node"]:
        """Give the scalars in it."""
        if isinstance(self.value, dict | list):
            inner = self.value.values() if isinstance(self.value, dict) else self.value
            for node in inner:
                yield from node.scalars()
        else:
            yield self

    def plain(self) -> Any:
        """Give the value as str, int, bool, None, list and dict."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


@dataclass(frozen=True)
class Document:
    """A YAML file that was read: its data, and where each part of it stands."""

    file: str
    """The name to show, as the person gave it."""
    lines: tuple[str, ...]
    root: Node
    hidden: list[Node] = field(default_factory=list, compare=False, repr=False)
    """What stands in a secret's place and is none."""
    origins: Mapping[Path, Origin] = field(default_factory=dict, compare=False, repr=False)
    """The entities that stand in no line of their own, by group and name."""

    @property
    def data(self) -> dict[str, Any]:
        """The file's top mapping, as plain data."""
        plain: dict[str, Any] = self.root.plain()
        return plain

    def problem(
        self, path: Path, message: str, hint: str = "", *, key: bool = False, word: str = ""
    ) -> Problem:
        """Point at the value at `path`, at its `key`, or at the first `word` inside it.

        A path that leads nowhere (a missing key) points at the deepest part that exists; what a
        fleet's row filled in points at the row.
        """
        if origin := self.origins.get(path[:2]):
            where = (*origin.path, *path[2:])
            if origin.cells and (column := self._column(origin.cells, where, key=key)):
                return origin.cells.problem(column, message, hint, path)
            mark, node = self._locate(where, key)
        else:
            mark, node = self._locate(path, key)
        if word:
            mark = self._find(word, node) or mark
        return _problem(self.file, self.lines, mark, message, hint, path)

    def _column(self, cells: Cells, path: Path, *, key: bool) -> str:
        """Name the column that fills the text at a path, or its key."""
        _, node = self._locate(path, key)
        texts = [str(path[-1])] if key else [str(scalar.value) for scalar in node.scalars()]
        return next(
            (c for c in cells.places for t in texts if re.search(rf"\{{{re.escape(c)}\b", t)), ""
        )

    def fault(self, path: Path, fault: Fault) -> Problem:
        """Give what a value's parser said of the value at `path` its line."""
        where = (*path, *fault.path)
        key = fault.key and len(fault.path) > 0
        word = "" if key else fault.word
        problem = self.problem(where, fault.message, fault.hint, key=key, word=word)
        if fault.hide:
            self.hidden.append(self._locate(path, key=False)[1])
            problem = self.masked(problem)
            if not fault.path:
                shown = problem.excerpt[: problem.column - 1] + "****"
                problem = replace(problem, excerpt=shown, width=4)
        return problem

    def settled(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Give each problem once, though many share it by an anchor, and no secret with any."""
        each = {(p.file, p.line, p.column, p.message): self.masked(p) for p in problems}
        return few(each.values())

    def masked(self, problem: Problem) -> Problem:
        """Hide what stands in a secret's place and is none, wherever its line is shown."""
        text = problem.excerpt
        if problem.file != self.file:
            return problem
        for node in (inner for hidden in self.hidden for inner in hidden.scalars()):
            last, end = node.end
            if node.mark.line <= problem.line - 1 <= last:
                start = node.mark.column if node.mark.line == problem.line - 1 else 0
                stop = min(end, len(text)) if last == problem.line - 1 else len(text)
                text = text[:start] + "*" * (stop - start) + text[stop:]
        return replace(problem, excerpt=text)

    def _locate(self, path: Path, key: bool) -> tuple[Mark, Node]:
        node, mark = self.root, self.root.mark
        for depth, step in enumerate(path):
            last = depth == len(path) - 1
            match node.value:
                case dict() as entries if step in entries:
                    mark = node.keys[str(step)]
                    node = entries[step]
                    if not (last and key) and node.value is not None:
                        mark = node.mark if last or not node.keys else mark
                case list() as items if isinstance(step, int) and step < len(items):
                    node = items[step]
                    mark = node.mark
                case _:
                    break
        return mark, node

    def _find(self, word: str, node: Node) -> Mark | None:
        """Find a word in the text of a value, which may write it in another way."""
        last, end = node.end
        for number in range(node.mark.line, min(last + 1, len(self.lines))):
            start = node.mark.column if number == node.mark.line else 0
            stop = end if number == last else len(self.lines[number])
            column = self.lines[number].find(word, start, stop)
            if column >= 0:
                return Mark(number, column, len(word))
        return None


def read(path: FilePath, name: str = "") -> Document:
    """Read the YAML file at `path`.

    Raises:
        BadInput: it is not a YAML mapping that a recipe could be.
        MachineFault: it cannot be read at all.
    """
    name = name or str(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise BadInput((), f"there is no file {name}", "check the path") from None
    except IsADirectoryError:
        raise BadInput((), f"{name} is a directory", "name the recipe's file in it") from None
    except OSError as error:
        raise MachineFault(f"{name} cannot be read: {error.strerror}") from None
    return parse(content, name)


def parse(content: bytes, file: str) -> Document:
    """Turn the bytes of a YAML file into a document; raises BadInput naming the first fault."""
    text = _decode(content, file)
    lines = tuple(text.split("\n"))
    root = _Builder(file, lines).build(text)
    return Document(file, lines, root)


def suggestion(word: object, known: Iterable[str]) -> str:
    """Give "did you mean …?" for a misspelt word, or the list of what there is."""
    names = sorted(known)
    folded = {name.casefold(): name for name in reversed(names)}
    close = get_close_matches(str(word).casefold(), folded, n=1, cutoff=0.6)
    if close:
        return f"did you mean {folded[close[0]]!r}?"
    shown = names[: next((n for n in range(len(names)) if len(", ".join(names[:n])) > LIST), None)]
    more = f", … ({len(names)} in all)" if len(names) > len(shown) else ""
    return f"known here: {', '.join(shown)}{more}" if names else ""


def _problem(
    file: str, lines: tuple[str, ...], mark: Mark, message: str, hint: str, path: Path
) -> Problem:
    excerpt = lines[mark.line] if mark.line < len(lines) else ""
    width = max(1, min(mark.width, len(excerpt) - mark.column))
    return Problem(file, mark.line + 1, mark.column + 1, path, message, hint, excerpt, width)


def _decode(content: bytes, file: str) -> str:
    """Give the file's text, or point at the first thing in it that no recipe should hold."""

    def fault(message: str, hint: str, offset: int = 0) -> NoReturn:
        before = content[:offset].decode("utf-8", "replace")
        line = before.count("\n")
        excerpt = content.split(b"\n")[line].decode("utf-8", "replace").rstrip("\r")
        column = len(before) - (before.rfind("\n") + 1)
        problem = Problem(file, line + 1, column + 1, (), message, hint, excerpt)
        raise BadInput((problem,))

    if len(content) > LARGEST_FILE:
        fault(
            f"the file is larger than {LARGEST_FILE // 2**20} MiB",
            "describe a fleet by one entity with each:",
        )
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        fault("the file begins with a byte order mark", "save it as UTF-8 without BOM")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        fault("this is not UTF-8", "save the file as UTF-8", error.start)
    if (place := content.find(b"\r\n")) >= 0:
        fault(
            "the lines end in CR LF, as on Windows",
            f"convert the file: tr -d '\\r' <{file} >unix.yaml",
            place,
        )
    if found := re.search(
        r"[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text
    ):
        fault(
            f"a control character (U+{ord(found[0]):04X}) stands here",
            "remove it",
            len(text[: found.start()].encode()),
        )
    if not text.strip():
        fault("the file is empty", "mtls-openssl init writes a recipe to start from")
    return text


class _Builder:
    """Builds the tree of nodes from the parser's events, in one loop, with bounds."""

    def __init__(self, file: str, lines: tuple[str, ...]) -> None:
        self.file = file
        self.lines = lines
        self.anchors: dict[str, Node | None] = {}
        self.expanded = 0
        self.count = 0
        self.open: list[tuple[Node, str | None, list[Node]]] = []

    def fault(self, mark: Mark, message: str, hint: str = "") -> NoReturn:
        raise BadInput((_problem(self.file, self.lines, mark, message, hint, ()),))

    def build(self, text: str) -> Node:
        root: Node | None = None
        for event in self.events(text):
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                self.fault(_mark(event), "a second document begins here", "keep one recipe a file")
            if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
                root = self.take(event) or root
        if root is None or root.value is None:
            self.fault(
                Mark(0, 0), "the file is empty", "mtls-openssl init writes a recipe to start from"
            )
        if not isinstance(root.value, dict):
            kind = "a list" if isinstance(root.value, list) else "a single value"
            self.fault(root.mark, f"the file's top is {kind}", "begin with keys such as workflow:")
        return root

    def events(self, text: str) -> Iterator[yaml.Event]:
        try:
            yield from yaml.parse(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            place = error.problem_mark or error.context_mark
            mark = Mark(place.line, place.column) if place else Mark(0, 0)
            self.syntax(mark, error.problem or "this is not YAML", error.context or "")

    def syntax(self, mark: Mark, problem: str, context: str) -> NoReturn:
        """Say in a recipe writer's words what the YAML parser says in its own."""
        if mark.line >= len(self.lines):
            mark = Mark(len(self.lines) - 1, len(self.lines[-1]))
        line = self.lines[mark.line]
        lead = line[: len(line) - len(line.lstrip())]
        if "\t" in lead:
            mark = Mark(mark.line, lead.index("\t"))
            self.fault(
                mark, "a tab indents this line", "indent with spaces: YAML allows no tabs there"
            )
        if "mapping values are not allowed" in problem:
            self.fault(
                mark,
                "a second ': ' stands in this value, or the indentation is off",
                "quote the value, or align the line with its neighbours",
            )
        if "cannot start any token" in problem:
            character = line[mark.column : mark.column + 1]
            self.fault(mark, f"a value cannot begin with {character!r}", "quote the value")
        self.fault(
            mark,
            f"this is not YAML: {problem}{f' ({context})' if context else ''}",
            "look at this line and the one before for a missing quote, bracket or colon",
        )

    def take(self, event: yaml.Event) -> Node | None:
        """Take one event; give the root once it is complete."""
        match event:
            case yaml.AliasEvent():
                return self.place(self.alias(event))
            case yaml.ScalarEvent():
                return self.place(self.anchored(event, self.scalar(event)))
            case yaml.CollectionStartEvent():
                self.start(event)
                return None
            case _:
                node, anchor, children = self.open.pop()
                node.end = _end(event)
                self.close(node, children)
                if anchor:
                    self.anchors[anchor] = node
                return self.place(node)

    def anchored(self, event: yaml.NodeEvent, node: Node) -> Node:
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def alias(self, event: yaml.AliasEvent) -> Node:
        if event.anchor not in self.anchors:
            self.fault(
                _mark(event),
                f"no anchor &{event.anchor} stands before this",
                suggestion(event.anchor, self.anchors),
            )
        node = self.anchors[event.anchor]
        if node is None:
            self.fault(_mark(event), f"*{event.anchor} stands inside what it repeats", "remove it")
        self.expanded += node.size
        if self.expanded > LARGEST_EXPANSION:
            self.fault(
                _mark(event),
                "aliases repeat too much here",
                f"at most {LARGEST_EXPANSION} values may come from aliases",
            )
        self.bound(_mark(event), node.height)
        return replace(node, mark=_mark(event), end=_end(event))

    def scalar(self, event: yaml.ScalarEvent) -> Node:
        self.tagged(event, "write the value without a tag")
        plain = event.implicit[0] and event.tag is None and event.style in (None, "")
        value = _value(event.value) if plain else event.value
        return Node(_mark(event), value, _end(event), merges=plain and value == "<<")

    def start(self, event: yaml.CollectionStartEvent) -> None:
        self.tagged(event, "write it without a tag")
        mark = replace(_mark(event), width=1)
        self.bound(mark, 0)
        mapping = isinstance(event, yaml.MappingStartEvent)
        if event.anchor:
            self.anchors[event.anchor] = None
        self.open.append((Node(mark, {} if mapping else [], _end(event)), event.anchor, []))

    def tagged(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, hint: str) -> None:
        if event.tag not in _TAGS[type(event)]:
            mark = replace(_mark(event), width=1)
            self.fault(mark, f"the tag {event.tag} means nothing here", hint)

    def bound(self, mark: Mark, below: int) -> None:
        if len(self.open) + below > DEEPEST - (0 if below else 1):
            self.fault(mark, f"this is nested more than {DEEPEST} levels deep", "")

    def place(self, node: Node) -> Node | None:
        self.count += 1
        if self.count > MOST_VALUES:
            self.fault(
                node.mark,
                f"the file holds more than {MOST_VALUES} values",
                "describe a fleet by one entity with each:",
            )
        if not self.open:
            return node
        self.open[-1][2].append(node)
        return None

    def close(self, node: Node, nodes: list[Node]) -> None:
        node.size += sum(child.size for child in nodes)
        node.height = 1 + max((child.height for child in nodes), default=0)
        if isinstance(node.value, list):
            node.value.extend(nodes)
            return
        merged: tuple[Mark, Node] | None = None
        for key, value in zip(nodes[::2], nodes[1::2], strict=True):
            if not key.merges:
                self.entry(node, key, value)
            elif merged:
                self.twice("<<", key.mark, merged[0])
            else:
                merged = key.mark, value
        if merged:
            below = merged[1]
            for source in below.value if isinstance(below.value, list) else [below]:
                self.merge(node, source)

    def twice(self, name: str, mark: Mark, first: Mark) -> NoReturn:
        self.fault(
            mark,
            f"the key {name!r} stands here a second time",
            f"its first place is line {first.line + 1}; keep one of them",
        )

    def entry(self, node: Node, key: Node, value: Node) -> None:
        if isinstance(key.value, dict | list) or key.value is None:
            self.fault(key.mark, "a key must be a single word or text", "")
        name = str(key.value).lower() if isinstance(key.value, bool) else str(key.value)
        if name in node.value:
            self.twice(name, key.mark, node.keys[name])
        node.value[name] = value
        node.keys[name] = key.mark

    def merge(self, node: Node, source: Node) -> None:
        if not isinstance(source.value, dict):
            self.fault(
                source.mark, "<<: takes a mapping", "name an anchor that stands on a mapping"
            )
        for name, value in source.value.items():
            if name not in node.value:
                node.value[name] = value
                node.keys[name] = source.keys[name]


def _mark(event: yaml.Event) -> Mark:
    start, end = event.start_mark, event.end_mark
    assert start  # the parser marks every event
    assert end
    width = end.column - start.column if end.line == start.line else 1
    return Mark(start.line, start.column, max(1, width))


def _end(event: yaml.Event) -> tuple[int, int]:
    end = event.end_mark
    assert end
    return end.line, end.column


def _value(text: str) -> str | int | bool | None:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    return int(text) if _INTEGER.fullmatch(text) else text
