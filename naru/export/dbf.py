"""dBASE III tables for shapefiles: fields planned from what is in them, rows written a batch at a time.

Names have ten bytes, texts 254, whole numbers eighteen digits: what does not fit is shortened, or written as text,
and told.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from naru.errors import ExportLimit
from naru.export.texts import plain
from naru.features.conditions import Field
from naru.features.source import Batch

NAME_BYTES, TEXT_BYTES, MOST_FIELDS = 10, 254, 255
_DIGITS = 18  # of a whole number that programs read exactly
_LARGEST = 2**31 - 1
_LANGUAGE = {"utf-8": 0, "cp949": 0x4E}
_PADDED_LEFT = "NF"


@dataclass(frozen=True)
class Column:
    """A field of the table: dBASE's letter for its type, its width in bytes, its decimals."""

    source: str  # the layer's own name for it
    name: str  # in the table
    letter: str  # C text, N number, L truth, D date
    width: int
    decimals: int = 0
    note: str = ""  # what became of it


def short_names(names: Sequence[str], encoding: str) -> list[str]:
    """Return names of at most ten bytes, cut between characters, each different from the others.

    Raises:
        ExportLimit: a name has letters that the encoding has not.

    >>> short_names(["도로명주소", "도로명주소2"], "utf-8")
    ['도로명', '도로명2']
    """
    used: set[str] = set()
    out = []
    for name in names:
        plain_name = "".join(c if c.isprintable() else "_" for c in name) or "field"
        _encoded(plain_name, encoding, name, None)
        free, number = _cut(plain_name, NAME_BYTES, encoding), 1
        while free.upper() in used:
            number += 1
            free = _cut(plain_name, NAME_BYTES - len(str(number)), encoding) + str(number)
        used.add(free.upper())
        out.append(free)
    return out


def _cut(text: str, most: int, encoding: str) -> str:
    """Return the longest beginning of `text` that fits into `most` bytes."""
    return text.encode(encoding)[:most].decode(encoding, "ignore")


def _encoded(text: str, encoding: str, field: str, feature: int | None) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        sign = text[error.start]
        raise ExportLimit(
            f"'{sign}' (U+{ord(sign):04X}) has no place in {encoding.upper()}",
            field=field,
            feature=None if feature is None else str(feature),
            remedy="Write the shapefile in UTF-8: leave the encoding out.",
        ) from error


class Planner:
    """Learns how wide columns must be: shown all batches once, it gives the table's columns."""

    def __init__(self, fields: Sequence[Field], encoding: str) -> None:
        if len(fields) > MOST_FIELDS:
            raise ExportLimit(
                f"a shapefile has at most {MOST_FIELDS} fields, and {len(fields)} are wanted",
                remedy="Choose some with --fields (fields=), or another format, such as gpkg.",
            )
        self._fields, self._encoding = fields, encoding
        self._widths = [1] * len(fields)

    def look(self, batch: Batch) -> None:
        """Widen the columns for these rows; rows of `fields`, in order.

        Raises:
            ExportLimit: a text has letters that the encoding has not.
        """
        for number, field in enumerate(self._fields):
            if field.kind in ("string", "integer", "datetime", "time"):
                widest = self._widest(batch, number, field)
                self._widths[number] = max(self._widths[number], widest)

    def _widest(self, batch: Batch, number: int, field: Field) -> int:
        texts = plain(batch.attributes.column(number))
        if self._encoding == "utf-8" or field.kind != "string":
            return pc.max(pc.binary_length(texts)).as_py() or 0
        ids, widest = batch.ids.tolist(), 0
        for feature, text in zip(ids, texts.to_pylist(), strict=True):
            if text:
                widest = max(widest, len(_encoded(text, self._encoding, field.name, feature)))
        return widest

    def columns(self) -> list[Column]:
        """Return the columns."""
        names = short_names([field.name for field in self._fields], self._encoding)
        return [
            _column(field, name, width)
            for field, name, width in zip(self._fields, names, self._widths, strict=True)
        ]


def _column(field: Field, name: str, width: int) -> Column:
    match field.kind:
        case "integer" if width <= _DIGITS:
            return Column(field.name, name, "N", width)
        case "number":
            return Column(field.name, name, "N", 24, 15)
        case "boolean":
            return Column(field.name, name, "L", 1)
        case "date":
            return Column(field.name, name, "D", 8)
    column = Column(field.name, name, "C", min(width, TEXT_BYTES))
    if field.kind == "string":
        note = f"texts cut to {TEXT_BYTES} bytes; the longest has {width}" if width > TEXT_BYTES else ""
        return replace(column, note=note)
    return replace(column, note=f"{field.kind} written as text")


@dataclass
class TableWriter:
    """Appends rows to an open .dbf; `close` writes its head."""

    columns: Sequence[Column]
    stream: BinaryIO
    encoding: str
    updated: date
    rows: int = 0

    def __post_init__(self) -> None:
        self.stream.write(bytes(self._head_bytes))

    @property
    def _head_bytes(self) -> int:
        return 32 + 32 * len(self._shown) + 1

    @property
    def _row_bytes(self) -> int:
        return 1 + sum(column.width for column in self._shown)

    @property
    def _shown(self) -> Sequence[Column]:
        """A table has at least one field: the row's number, where the layer has none."""
        return self.columns or [Column("", "ID", "N", 10)]

    def write(self, attributes: pa.RecordBatch, index: Any) -> None:
        """Append those rows of a batch that `index` names.

        Raises:
            ExportLimit: the file would be larger than programs read.
        """
        count = len(index)
        if self._head_bytes + (self.rows + count) * self._row_bytes > _LARGEST:
            raise ExportLimit(
                "the shapefile's table would be larger than 2 GiB, which programs do not read",
                remedy="Choose gpkg, select less with a bbox, or leave fields out.",
            )
        rows = np.full((count, self._row_bytes), ord(" "), np.uint8)
        at = 1
        chosen = pa.array(index)
        values = [attributes.column(n).take(chosen) for n in range(len(self.columns))]
        for column, array in zip(self._shown, values or [self._numbers(count)], strict=True):
            cells = b"".join(_cells(array, column, self.encoding))
            rows[:, at : at + column.width] = np.frombuffer(cells, np.uint8).reshape(count, column.width)
            at += column.width
        self.stream.write(rows.tobytes())
        self.rows += count

    def _numbers(self, count: int) -> pa.Array:
        return pa.array(np.arange(self.rows + 1, self.rows + count + 1))

    def close(self) -> None:
        """Write the end mark and the head."""
        self.stream.write(b"\x1a")
        self.stream.seek(0)
        stamp = self.updated.year - 1900, self.updated.month, self.updated.day
        sizes = self.rows, self._head_bytes, self._row_bytes
        self.stream.write(struct.pack("<4BIHH17xBxx", 3, *stamp, *sizes, _LANGUAGE[self.encoding]))
        for column in self._shown:
            name = column.name.encode(self.encoding).ljust(11, b"\0")
            letter, size = column.letter.encode(), (column.width, column.decimals)
            self.stream.write(name + letter + bytes(4) + bytes(size) + bytes(14))
        self.stream.write(b"\r")


def _cells(array: pa.Array, column: Column, encoding: str) -> list[bytes]:
    """Return one cell a row, as wide as the column; what is missing is blank."""
    width = column.width
    if column.letter == "L":
        letters = {True: b"T", False: b"F", None: b"?"}
        return [letters[value] for value in array.to_pylist()]
    texts = plain(array)
    if column.letter == "D":
        texts = pc.replace_substring(texts, "-", "")
    if column.letter == "N":
        if pa.types.is_floating(array.type):
            texts = pc.if_else(pc.is_finite(array), texts, None)
        return [(text or "").encode().rjust(width) for text in texts.to_pylist()]
    return [_padded(text or "", width, encoding) for text in texts.to_pylist()]


def _padded(text: str, width: int, encoding: str) -> bytes:
    cell = text.encode(encoding)
    if len(cell) > width:
        cell = cell[:width].decode(encoding, "ignore").encode(encoding)
    return cell.ljust(width)
