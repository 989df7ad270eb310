"""Fleets: one entry of the recipe that stands for many entities, one a row.

`each:` counts, lists or reads the rows; `{placeholders}` in the entry's name and texts are filled
from them. What comes out is plain data as if every entity had been written out, and for each of
them where it came from, so that a problem points at the entry or at the CSV's own line.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

from mtls_openssl.errors import BadInput, Fault, Path, Problem, told
from mtls_openssl.origin import Cells, Origin
from mtls_openssl.source import Document, suggestion

GROUPS = ("servers", "clients")
"""Where fleets may stand: an authority is one of a kind."""
MOST_ROWS = 100_000

EACH_SCHEMA: dict[str, Any] = {
    "title": "Each",
    "description": "One entity a row: {n} counts from 1, {item} is a list's text, and a list's "
    "mappings and a CSV's columns give their own names.",
    "oneOf": [
        {
            "type": "object",
            "additionalProperties": False,
            "required": [name],
            "properties": {name: shape},
        }
        for name, shape in (
            ("count", {"type": "integer", "minimum": 1, "maximum": MOST_ROWS}),
            ("list", {"type": "array", "items": {"type": ["string", "integer", "object"]}}),
            ("csv", {"type": "string", "description": "A file, relative to the recipe."}),
        )
    ],
}
_HOW = "write each: {count: 100}, {list: [a, b]} or {csv: devices.csv}"
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}:]+)(?::(0?[1-9][0-9]?))?\}|[{}]")


@dataclass(frozen=True)
class Row:
    """What a fleet's placeholders stand for in one of its entities."""

    values: Mapping[str, str]
    cells: Cells | None = None


def expand(document: Document, folder: FilePath) -> tuple[Document, dict[str, Any]]:
    """Give the recipe's plain data with every fleet written out, and the document that knows it.

    Files that `each: {csv: …}` names are relative to `folder`.

    Raises:
        BadInput: rows that cannot be read, or placeholders that no row fills.
    """
    data = document.data
    origins: dict[Path, Origin] = {}
    problems: list[Problem] = []
    for group in GROUPS:
        members = data.get(group)
        if isinstance(members, dict) and any(map(_is_fleet, members.values())):
            try:
                data[group] = _Group(document, group, folder).expanded(members, origins)
            except BadInput as fault:
                problems += fault.problems
    if problems:
        raise BadInput(document.settled(problems))
    return replace(document, origins=origins) if origins else document, data


def _is_fleet(value: object) -> bool:
    return isinstance(value, dict) and "each" in value


@dataclass
class _Group:
    document: Document
    group: str
    folder: FilePath

    def expanded(self, members: Mapping[str, Any], origins: dict[Path, Origin]) -> dict[str, Any]:
        written = {name for name, value in members.items() if not _is_fleet(value)}
        result: dict[str, Any] = {}
        problems: list[Problem] = []
        for name, value in members.items():
            if not _is_fleet(value):
                result[name] = value
                continue
            try:
                made = self._fleet(name, value, written | result.keys())
            except BadInput as fault:
                problems += fault.problems
                continue
            for filled, (entity, origin) in made.items():
                result[filled] = entity
                origins[self.group, filled] = origin
        if problems:
            raise BadInput(tuple(problems))
        return result

    def _fleet(
        self, name: str, value: Mapping[str, Any], taken: set[str]
    ) -> dict[str, tuple[Any, Origin]]:
        """Write one fleet out; raises BadInput."""
        path = (self.group, name)
        entry = {key: item for key, item in value.items() if key != "each"}
        made: dict[str, tuple[Any, Origin]] = {}
        problems: list[Problem] = []
        place: Path = (*path, "each")
        try:
            rows = _rows(value["each"], self.folder)
            place = (self.group,)  # from here on, a fault is the entry's own, the same for all rows
            for row in rows:
                filled, origin = _filled_key(name, row.values), Origin(path, row.cells)
                if filled in made or filled in taken:
                    problems.append(self._taken(origin, name, filled))
                else:
                    made[filled] = _filled({name: entry}, row.values)[name], origin
        except Fault as fault:
            problems += (self.document.fault(place, each) for each in (fault, *fault.others))
        if problems:
            raise BadInput(tuple(problems))
        return made

    def _taken(self, origin: Origin, name: str, filled: str) -> Problem:
        whole = replace(self.document, origins={origin.path: origin})
        hint = "names are unique in a recipe"
        if filled == name:
            hint = "put a placeholder into the name, as in device-{n:04}"
        return whole.problem(origin.path, f"{filled!r} is named already", hint, key=True)


def _filled_key(name: str, values: Mapping[str, str]) -> str:
    try:
        return fill(name, values)
    except Fault as fault:
        fault.path, fault.key = (name,), True
        raise


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    """Fill every text of plain data; raises Fault with the path of the one that is wrong."""
    if isinstance(value, str):
        return fill(value, values) if "{" in value or "}" in value else value
    items: Iterable[tuple[str | int, Any]]
    match value:
        case dict():
            items = value.items()
        case list():
            items = enumerate(value)
        case _:
            return value
    made = {}
    for key, item in items:
        try:
            made[key] = _filled(item, values)
        except Fault as fault:
            fault.path = (key, *fault.path)
            raise
    return made if isinstance(value, dict) else list(made.values())


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put a row's values into a text: `{host}`, `{n:04}`; `{{` and `}}` stand for braces.

    Raises:
        Fault: a placeholder that the rows do not have, or a brace that stands alone.
    """

    def put(match: re.Match[str]) -> str:
        token, name, width = match[0], match[1], match[2] or ""
        if token in ("{{", "}}"):
            return token[0]
        if name is None:
            hint = f"write {token * 2} for the character itself"
            raise Fault(f"a {token} stands alone", hint, word=token)
        if name not in values:
            raise Fault(f"no row has {token}", suggestion(name, values), word=token)
        value = values[name]
        return value.rjust(int(width), "0" if width.startswith("0") else " ") if width else value

    return _PLACEHOLDER.sub(put, text)


def _rows(spec: object, folder: FilePath) -> list[Row]:
    if not isinstance(spec, dict) or len(spec) != 1:
        raise Fault("each: has exactly one source of rows", _HOW)
    [(kind, detail)] = spec.items()
    match kind, detail:
        case "count", int() as count if not isinstance(detail, bool) and 0 < count <= MOST_ROWS:
            return [Row({"n": str(number)}) for number in range(1, count + 1)]
        case "list", [_, *_] if len(detail) <= MOST_ROWS:
            return _listed(detail)
        case "csv", str(name) if name and "\0" not in name:
            return _table(name, folder)
    wanted = {
        "count": f"a whole number, 1 to {MOST_ROWS}",
        "list": "a list of texts or of mappings",
        "csv": "the path of a file",
    }
    if kind not in wanted:
        raise Fault(f"{kind!r} is no source of rows", _HOW, (kind,), key=True)
    raise Fault(f"{kind}: takes {wanted[kind]}", _HOW, (kind,))


def _listed(items: list[object]) -> list[Row]:
    """Give a list's rows; raises Fault for what is none, or lacks what another one has."""
    rows = [_item(number, item) for number, item in enumerate(items)]
    names = dict.fromkeys(name for row in rows for name in row.values)
    for number, row in enumerate(rows):
        for name in names:
            if name not in row.values:
                hint = "every row of a list gives the same names"
                raise Fault(f"this row has no {name}", hint, ("list", number))
    return rows


def _item(number: int, item: object) -> Row:
    count = {"n": str(number + 1)}
    match item:
        case str() | int():
            return Row({"item": _text(item), **count})
        case dict() if item and all(isinstance(v, str | int) for v in item.values()):
            return Row({**count, **{key: _text(value) for key, value in item.items()}})
    raise Fault(f"{told(item)} is no row", "write a text, or {name: text, …}", ("list", number))


def _text(value: str | int) -> str:
    return told(value) if isinstance(value, bool) else str(value)


def _table(name: str, folder: FilePath) -> list[Row]:
    """Read a CSV file (RFC 4180); its first line names the columns.

    Raises:
        Fault: the file cannot be read.
        BadInput: lines of it that are wrong, each by its own number.
    """
    path = folder / name
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise Fault(f"{name} is not UTF-8", "save it as CSV in UTF-8", ("csv",)) from None
    except OSError as error:
        hint = f"looked for {path}; the path is relative to the recipe"
        raise Fault(f"{name} cannot be read: {error.strerror}", hint, ("csv",)) from None
    whole = list(io.StringIO(text, newline=""))  # CR and LF end a line, nothing else
    lines = [line.rstrip("\r\n") for line in whole]
    reader = csv.reader(whole, strict=True)
    header: list[str] = []
    rows: list[Row] = []
    problems: list[Problem] = []
    start = 0
    try:
        for cells in reader:
            line, start = start + 1, reader.line_num
            here = Cells(
                name, line, lines[line - 1], _places(header or cells, cells, lines[line - 1])
            )
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = [cell.strip() for cell in cells]
                problems += _header_problems(header, here)
            elif len(cells) != len(header):
                message = f"cells in this line: {len(cells)}, in the header: {len(header)}"
                problems.append(here.problem("", message, "quote a cell that holds a comma"))
            else:
                stripped = dict(zip(header, map(str.strip, cells), strict=True))
                rows.append(Row({"n": str(len(rows) + 1), **stripped}, here))
    except csv.Error as error:
        unclosed = "unexpected end" in str(error)
        line = start + 1 if unclosed else reader.line_num
        message = "a quote is opened here and never closed" if unclosed else f"no CSV: {error}"
        here = Cells(name, line, lines[line - 1], {})
        problems.append(here.problem("", message, 'write a quote in a cell as ""'))
    if not rows and not problems:
        hint = "its first line names the columns, each other line is an entity"
        raise Fault(f"{name} has no rows", hint, ("csv",))
    if problems:
        raise BadInput(tuple(problems))
    return rows


def _header_problems(header: list[str], here: Cells) -> Iterator[Problem]:
    for column in dict.fromkeys(header):
        if not column:
            yield here.problem("", "a column has no name", "name every column in the first line")
        elif header.count(column) > 1:
            yield here.problem(column, f"two columns are named {column!r}", "rename one")


def _places(header: list[str], cells: list[str], text: str) -> dict[str, tuple[int, int]]:
    """Tell where in its line each cell stands, by its column.

    A cell that is written in another way, with doubled quotes or over several lines, is somewhere
    in its line.
    """
    places: dict[str, tuple[int, int]] = {}
    position = 0
    for column, cell in zip(header, map(str.strip, cells), strict=False):
        found = text.find(cell, position)
        place = (found, max(1, len(cell))) if found >= 0 else (0, max(1, len(text)))
        places.setdefault(column.strip(), place)
        if found >= 0:
            position = text.find(",", found + len(cell)) + 1 or len(text)
    return places
