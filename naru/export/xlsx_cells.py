"""Columns of a batch as cells of a sheet (ECMA-376-1 §18.3.1.4), each with its address."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from naru.export.texts import Texts, join, plain, xml_escaped

CELL = 32_767  # UTF-16 units that a cell holds
_EXACT = 1e15  # whole numbers of more digits are not shown as they are
_DATE, _MOMENT = 1, 2  # styles, see xlsx_book
_DAY_MS = 86_400_000.0
_EPOCH = 25_569  # Excel's number of 1970-01-01
_FIRST, _LAST = 61, 2_958_465  # 1900-03-01, before which Excel's calendar is wrong, and 9999-12-31


class Address(NamedTuple):
    """Where a column's cells are: its letters, and the number of each row as text."""

    letters: str
    rows: Texts


def cells(column: pa.Array, at: Address, notes: Counter[str]) -> Texts:
    """Return one cell a value, nothing where it is missing; `notes` counts what a cell cannot hold."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return _typed(pc.if_else(column, "1", "0"), at, 't="b"')
    if pa.types.is_floating(kind):
        return _typed(pc.if_else(pc.is_finite(column), column.cast(pa.string()), None), at)
    if pa.types.is_integer(kind):
        exact = pc.less(pc.abs(column.cast(pa.float64(), safe=False)), _EXACT)
        return _either(exact, _typed(column.cast(pa.string()), at), text_cells(column.cast(pa.string()), at))
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _days(column, at)
    return text_cells(_fitting(plain(column), notes), at)


def text_cells(text: Texts, at: Address, style: int = 0) -> Texts:
    """Return cells that hold texts and nothing else, whatever they look like."""
    literal = pc.replace_substring_regex(text, "_(x[0-9A-Fa-f]{4}_)", r"_x005F_\1")  # §22.9.2.19: would be decoded
    inner = join('<is><t xml:space="preserve">', xml_escaped(literal), "</t></is>")
    return pc.fill_null(join(*_opened(at, f't="inlineStr" s="{style}"'), inner, "</c>"), "")


def fitting_shapes(column: pa.Array, notes: Counter[str]) -> pa.Array:
    """Leave out WKT that no cell holds: half of it is no geometry. Other columns come back as they are."""
    if not pa.types.is_string(column.type):
        return column
    fits = pc.less_equal(pc.binary_length(column), CELL)  # ASCII: a byte is a unit
    if lost := len(column) - pc.sum(fits).as_py():
        notes[f"geometries whose WKT is longer than the {CELL} characters of a cell were left out"] += lost
    return pc.if_else(fits, column, None)


def _days(column: pa.Array, at: Address) -> Texts:
    """Return dates and moments as Excel counts them; as text where its calendar does not reach."""
    style = _DATE
    if pa.types.is_timestamp(column.type):
        style, zone = _MOMENT, column.type.tz
        ms = column.cast(pa.timestamp("ms", zone), safe=False).cast(pa.int64()).cast(pa.float64())
        days = pc.add(pc.divide(ms, _DAY_MS), float(_EPOCH))
    else:
        days = pc.add(column.cast(pa.date32(), safe=False).cast(pa.int32()), _EPOCH)
    known = pc.and_(pc.greater_equal(days, _FIRST), pc.less(days, _LAST + 1))
    return _either(known, _typed(days.cast(pa.string()), at, f's="{style}"'), text_cells(plain(column), at))


def _either(test: pa.Array, one: Texts, other: Texts) -> Texts:
    return pc.fill_null(pc.if_else(test, one, other), "")


def _typed(value: Texts, at: Address, more: str = "") -> Texts:
    return pc.fill_null(join(*_opened(at, more), "<v>", value, "</v></c>"), "")


def _opened(at: Address, more: str) -> tuple[str, Texts, str]:
    return f'<c r="{at.letters}', at.rows, f'" {more}>' if more else '">'


def _fitting(texts: Texts, notes: Counter[str]) -> Texts:
    """Cut texts that no cell holds."""
    if (pc.max(pc.utf8_length(texts)).as_py() or 0) <= CELL // 2:  # a character is at most two units
        return texts
    return pa.array([None if text is None else _cut(text, notes) for text in texts.to_pylist()], pa.string())


def _cut(text: str, notes: Counter[str]) -> str:
    units = text.encode("utf-16-le")
    if len(units) <= 2 * CELL:
        return text
    notes[f"texts longer than the {CELL} characters of a cell were cut"] += 1
    return units[: 2 * CELL].decode("utf-16-le", "ignore")
