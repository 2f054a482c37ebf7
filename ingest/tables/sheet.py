"""A sheet as every reader gives it: rows of text, with the numbers that the user sees beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

Row = tuple[int, list[str | None]]  # its number in the file, counted from 1; a blank cell is None
MOST_COLUMNS = 16_384  # of an Excel sheet


@dataclass
class Sheet:
    """One table. `rows` may be taken once and leaves out blank rows; `notes` may grow while they are read.

    Numbers, dates and truth values of a workbook stand there as 126.97, 2024-01-05 (or 2024-01-05 09:30:00), TRUE.
    """

    name: str
    rows: Iterator[Row]
    encoding: str | None = None
    encoding_how: str | None = None
    tabs: bool = False  # columns are parted by tabs, as in the dumps of GeoNames
    loose_comma: bool = False  # a comma parts no columns here: it may be a decimal comma
    notes: list[str] = field(default_factory=list)


def column_name(index: int) -> str:
    """Return the letters of a column, counted from 0.

    >>> column_name(0), column_name(27)
    ('A', 'AB')
    """
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


@dataclass
class Blemishes:
    """Cells of a workbook that hold no value: counted, with the first as an example."""

    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, where: str) -> None:
        """Count one."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.first.setdefault(kind, where)

    def notes(self) -> list[str]:
        """Return one sentence a kind."""
        return [
            f"{count} {kind}: {'cell' if count == 1 else 'the first is cell'} {self.first[kind]}"
            for kind, count in self.counts.items()
        ]


UNCACHED = "formulas without a stored value were read as blank (open and save the file in a spreadsheet program)"
ERRORS = "cells with an error such as #N/A were read as blank"
MERGED = "merged cells hold their value in the first row only"
