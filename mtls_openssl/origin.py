"""Where an entity comes from that nobody wrote out: a fleet's entry, and a line of a CSV file."""

from collections.abc import Mapping
from dataclasses import dataclass

from mtls_openssl.errors import Path, Problem


@dataclass(frozen=True)
class Cells:
    """A line of a CSV file, and where its cells stand."""

    file: str
    line: int
    """Counted from 1."""
    text: str
    places: Mapping[str, tuple[int, int]]
    """Column from 0 and width of each cell, by the name of its column."""

    def problem(self, column: str, message: str, hint: str, path: Path = ()) -> Problem:
        """Point at a cell, or at the whole line."""
        start, width = self.places.get(column, (0, max(1, len(self.text))))
        return Problem(self.file, self.line, start + 1, path, message, hint, self.text, width)


@dataclass(frozen=True)
class Origin:
    """What an entity is made of that nobody wrote out: a fleet's entry, perhaps a CSV's line."""

    path: Path
    cells: Cells | None = None
