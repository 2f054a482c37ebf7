"""Keeps a sheet's data on disk as columns of text, so that it is parsed once and memory stays flat.

A column's type and the columns with the coordinates are known only when the whole sheet has been seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from pathlib import Path

import pyarrow as pa

from ingest.tables.header import Header, find_header, geonames_header
from ingest.tables.sheet import Row, Sheet
from ingest.tables.values import Typing, uses_decimal_comma
from naru.errors import TooLarge

_HEAD = 500  # rows in which the header is looked for
_BATCH = 16_384  # rows, and fewer in very wide sheets
_CELLS = 2_000_000
_COLUMNS = 2_000
_SAMPLE = 64  # batches that a sample is taken from
_ROW = "row"


@dataclass
class Spool:
    """A sheet's data rows on disk. `kinds` are the types of its columns, `rows` their number."""

    path: Path
    header: Header
    decimal_comma: bool
    rows: int = 0
    typings: list[Typing] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _wide: int = 0
    _first_wide: int = 0

    @property
    def filled(self) -> list[int]:
        """The columns that hold anything."""
        return [n for n, typing in enumerate(self.typings) if not typing.blank]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the data: the column `row` (numbers as the user sees them), then one a column, named 0, 1, 2…"""
        with pa.OSFile(str(self.path)) as file, pa.ipc.open_file(file) as reader:
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)

    def sample(self) -> pa.Table:
        """Return at most a million rows, evenly from the whole."""
        with pa.OSFile(str(self.path)) as file, pa.ipc.open_file(file) as reader:
            count = reader.num_record_batches
            wanted = sorted({n * count // _SAMPLE for n in range(_SAMPLE)}) if count else []
            return pa.Table.from_batches([reader.get_batch(n) for n in wanted], reader.schema)

    def write(self, rows: Iterator[Row]) -> None:
        """Take all rows."""
        width = len(self.header.names)
        self.typings = [Typing(self.decimal_comma) for _ in range(width)]
        schema = pa.schema([(_ROW, pa.int32()), *((str(n), pa.string()) for n in range(width))])
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.OSFile(str(self.path), "wb") as file, pa.ipc.new_file(file, schema, options=options) as out:
            while chunk := list(islice(rows, min(_BATCH, 1 + _CELLS // max(1, width)))):
                columns = self._columns(chunk, width)
                out.write_batch(
                    pa.record_batch([pa.array([n for n, _ in chunk], pa.int32()), *columns], schema=schema)
                )
                self.rows += len(chunk)
        if len(self.filled) > _COLUMNS:
            message = f"it has {len(self.filled)} columns, more than the {_COLUMNS} that a layer may have"
            raise TooLarge(message, remedy="Leave out the columns that the map does not need.")
        if self._wide:
            said = "1 row has" if self._wide == 1 else f"{self._wide} rows have"
            first = f"row {self._first_wide}" if self._wide == 1 else f"the first is row {self._first_wide}"
            self.notes.append(f"{said} more cells than there are columns; what is beyond was left out ({first})")

    def _columns(self, chunk: Sequence[Row], width: int) -> list[pa.Array]:
        """Turn rows into columns; a cell that is missing is blank."""
        full = list(islice(zip_longest(*(cells for _, cells in chunk)), width))
        full += [(None,) * len(chunk)] * (width - len(full))
        for number, cells in chunk:
            if len(cells) > width and any(c is not None for c in cells[width:]):
                self._wide += 1
                self._first_wide = self._first_wide or number
        columns = [pa.array(column, pa.string()) for column in full]
        for typing, column in zip(self.typings, columns, strict=True):
            typing.look(column)
        return columns


def spool(sheet: Sheet, path: Path) -> Spool | None:
    """Read a whole sheet to `path`; None when it is blank."""
    head = list(islice(sheet.rows, _HEAD))
    if not head:
        return None
    header = (geonames_header(head) if sheet.tabs else None) or find_header(head)
    first = head[header.skipped :]
    columns = [pa.array(c, pa.string()) for c in zip_longest(*(cells for _, cells in first))]
    made = Spool(path, header, sheet.loose_comma and uses_decimal_comma(columns))
    made.write(chain(first, sheet.rows))
    return made
