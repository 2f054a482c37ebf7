"""Excel workbooks (ECMA-376) by XlsxWriter: values typed, texts never formulas, a last sheet about the layer.

A sheet has 1 048 576 rows: more features go on to a second, third … sheet under the same header.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import xlsxwriter
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from naru.errors import ExportLimit
from naru.export.about import About
from naru.export.harmless import put_text
from naru.export.job import Export
from naru.export.table import Places
from naru.export.xlsx_cells import Cell, fitting_shapes, number_format, sheet_name, values

ROWS, COLUMNS = 1_048_576, 16_384  # of a sheet


def write(export: Export, path: Path) -> None:
    """Write the workbook to `path`; the sheets lie unpacked beside it until it is done.

    Raises:
        ExportLimit: more columns than a sheet has.
        OSError: the disk is full.
    """
    places = Places.of(export)
    names = [*(field.name for field in export.fields), *places.names]
    if len(names) > COLUMNS:
        raise ExportLimit(
            f"a sheet has at most {COLUMNS} columns, and {len(names)} are wanted",
            remedy="Choose some with --fields (fields=).",
        )
    with _book(path, export.about) as book:
        sheets = _Sheets(book, export, names)
        for batch in export.batches():
            shapes = [fitting_shapes(column, export.notes) for column in places.columns(batch.geometries)]
            sheets.add([values(column, export.notes) for column in (*batch.attributes.columns, *shapes)])
        _write_about(book, _about_rows(export, sheets.count))


@contextmanager
def _book(path: Path, about: About) -> Iterator[xlsxwriter.Workbook]:
    """Open a workbook that keeps one row in memory; on failure nothing is left but, perhaps, `path`."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="sheets-") as folder:
        book = xlsxwriter.Workbook(path, {"constant_memory": True, "tmpdir": folder, "use_zip64": True})
        book.set_properties(
            {
                "title": about.title_ko,
                "author": about.attribution,
                "comments": about.licence,
                "created": about.created,
            }
        )
        try:
            yield book
            book.close()
        except FileCreateError as error:  # a wrapper, under which is what the system said
            raise error.__context__ or error from None
        finally:
            for sheet in book.worksheets():
                with suppress(OSError):  # of a full disk, which has been told
                    sheet.row_data_fh.close()


class _Sheets:
    """The sheets of rows, one after the other."""

    def __init__(self, book: xlsxwriter.Workbook, export: Export, names: Sequence[str]) -> None:
        self._book, self._export, self._names = book, export, names
        self._bold = book.add_format({"bold": True})
        self._formats = _formats(book, export, len(names))
        self.count, self._row = 0, 0
        self._sheet = self._begin()

    def _begin(self) -> Worksheet:
        """Begin a sheet with its header, which stays in view."""
        about, taken = self._export.about, [sheet.name for sheet in self._book.worksheets()]
        sheet = self._book.add_worksheet(sheet_name(about.title_ko or about.id, taken))
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(self._names):
            put_text(sheet, (0, column), name, self._bold)
        self.count, self._row = self.count + 1, 1
        return sheet

    def add(self, columns: Sequence[Sequence[Cell]]) -> None:
        """Add rows; those that have no place any more begin the next sheet."""
        for row in zip(*columns, strict=True):
            if self._row == ROWS:
                self._sheet = self._begin()
            self._put(row)
            self._row += 1

    def _put(self, row: Sequence[Cell]) -> None:
        sheet, at = self._sheet, self._row
        for column, value in enumerate(row):
            if isinstance(value, str):
                put_text(sheet, (at, column), value)
            elif isinstance(value, bool):
                sheet.write_boolean(at, column, value)
            elif value is not None:
                sheet.write_number(at, column, value, self._formats[column])


def _formats(book: xlsxwriter.Workbook, export: Export, count: int) -> list[Format | None]:
    """Return how the numbers of each column are shown: those of dates and moments as such."""
    known = [number_format(field.type) for field in export.fields]
    styles = {text: book.add_format({"num_format": text}) for text in dict.fromkeys(known) if text}
    return [styles[text] if text else None for text in known] + [None] * (count - len(known))


def _about_rows(export: Export, sheets: int) -> list[tuple[str, str]]:
    """Return what the last sheet says: whose data this is, and what the format could not hold."""
    rows = export.rows()
    if sheets > 1:
        rows.append(("시트 / sheets", f"{sheets}, of {ROWS - 1} rows each but the last"))
    return rows + [("참고 / note", f"{note}: {count}") for note, count in export.notes.items()]


def _write_about(book: xlsxwriter.Workbook, rows: Sequence[tuple[str, str]]) -> None:
    sheet = book.add_worksheet(sheet_name("about", [sheet.name for sheet in book.worksheets()]))
    bold = book.add_format({"bold": True})
    for row, (label, text) in enumerate(rows):
        put_text(sheet, (row, 0), label, bold)
        put_text(sheet, (row, 1), text)
