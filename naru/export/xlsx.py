"""Excel workbooks (ECMA-376): numbers and dates typed, texts never formulas, a last sheet about the layer.

A sheet has 1 048 576 rows: more features go on to a second, third … sheet under the same header. Rows are made as
XML a batch at a time, which takes a fifth of the time of a library that writes cell by cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from naru.errors import ExportLimit
from naru.export.job import Export
from naru.export.table import Places
from naru.export.texts import join
from naru.export.xlsx_book import BOLD, Book
from naru.export.xlsx_cells import Address, cells, fitting_shapes, text_cells

ROWS, COLUMNS = 1_048_576, 16_384  # of a sheet


def write(export: Export, path: Path) -> None:
    """Write the workbook to `path`.

    Raises:
        ExportLimit: more columns than a sheet has.
    """
    places = Places.of(export)
    names = [*(field.name for field in export.fields), *places.names]
    if len(names) > COLUMNS:
        raise ExportLimit(
            f"a sheet has at most {COLUMNS} columns, and {len(names)} are wanted",
            remedy="Choose some with --fields (fields=).",
        )
    with Book(path, export.about) as book:
        sheets = _Sheets(book, export, names)
        for batch in export.batches():
            shapes = [fitting_shapes(column, export.notes) for column in places.columns(batch.geometries)]
            sheets.add([*batch.attributes.columns, *shapes])
        book.add_sheet("about", _about_rows(export, sheets.count))


class _Sheets:
    """The sheets of rows, one after the other."""

    def __init__(self, book: Book, export: Export, names: Sequence[str]) -> None:
        self._book, self._export, self._names = book, export, names
        self._letters = [column_letters(number) for number in range(len(names))]
        self.count = 0
        self._row = self._begin()

    def _begin(self) -> int:
        """Begin a sheet with its header; return how many rows it has then."""
        self.count += 1
        self._book.begin_sheet(self._export.about.title_ko or self._export.about.id)
        one = pa.array(["1"])
        header = [
            text_cells(pa.array([name]), Address(letters, one), BOLD)
            for name, letters in zip(self._names, self._letters, strict=True)
        ]
        self._book.write_rows(join('<row r="', one, '">', *header, "</row>"))
        return 1

    def add(self, columns: Sequence[pa.Array]) -> None:
        """Add rows; those that have no place any more begin the next sheet."""
        rows, done = len(columns[0]), 0
        while done < rows:
            if self._row == ROWS:
                self._row = self._begin()
            count = min(rows - done, ROWS - self._row)
            self._write([column.slice(done, count) for column in columns])
            done, self._row = done + count, self._row + count

    def _write(self, columns: Sequence[pa.Array]) -> None:
        rows = pa.array(np.arange(self._row + 1, self._row + 1 + len(columns[0]))).cast(pa.string())
        values = [
            cells(column, Address(letters, rows), self._export.notes)
            for column, letters in zip(columns, self._letters, strict=True)
        ]
        self._book.write_rows(join('<row r="', rows, '">', *values, "</row>"))


def column_letters(number: int) -> str:
    """Return a column's name, counted from 0.

    >>> column_letters(0), column_letters(26), column_letters(16383)
    ('A', 'AA', 'XFD')
    """
    letters, rest = "", number + 1
    while rest:
        rest, digit = divmod(rest - 1, 26)
        letters = chr(65 + digit) + letters
    return letters


def _about_rows(export: Export, sheets: int) -> list[tuple[str, str]]:
    """Return what the last sheet says: whose data this is, and what the format could not hold."""
    rows = export.rows()
    if sheets > 1:
        rows.append(("시트 / sheets", f"{sheets}, of {ROWS - 1} rows each but the last"))
    return rows + [("참고 / note", f"{note}: {count}") for note, count in export.notes.items()]
