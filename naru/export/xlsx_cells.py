"""What a cell of an Excel sheet holds (ECMA-376-1 §18.3.1.4), from the columns of a batch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from naru.export.texts import Texts, plain

CELL = 32_767  # UTF-16 units that a cell holds
_EXACT = 1e15  # whole numbers of more digits are not shown as they are
_DAY_MS = 86_400_000.0
_EPOCH = 25_569  # Excel's number of 1970-01-01
_FIRST, _LAST = 61, 2_958_465  # 1900-03-01, before which Excel's calendar is wrong, and 9999-12-31
_NO_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f\ufffe\uffff]|^'|'$")
_LONGEST_NAME = 31

Cell = str | bool | float | None


class Exact(float):
    """A number that XlsxWriter writes with all of its digits, up to seventeen: by itself it writes sixteen."""

    def __format__(self, _spec: str) -> str:
        return repr(float(self))


def values(column: pa.Array, notes: Counter[str]) -> Sequence[Cell]:
    """Return what the cells of a column hold, None where nothing; `notes` counts what a cell cannot hold."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return list(column.to_pylist())
    if pa.types.is_floating(kind):
        return _numbers(column)
    if pa.types.is_integer(kind):
        exact = pc.less(pc.abs(column.cast(pa.float64(), safe=False)), _EXACT)
        return _either(exact, column.to_pylist(), column.cast(pa.string()))
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        days = _days(column)
        known = pc.and_(pc.greater_equal(days, _FIRST), pc.less(days, _LAST + 1))
        return _either(known, _numbers(days), plain(column))
    return _fitting(plain(column), notes)


def number_format(kind: pa.DataType) -> str:
    """Return how numbers of a kind of column are shown; empty for Excel's own way."""
    if pa.types.is_timestamp(kind):
        return r"yyyy\-mm\-dd\ hh:mm:ss"
    return r"yyyy\-mm\-dd" if pa.types.is_date(kind) else ""


def fitting_shapes(column: pa.Array, notes: Counter[str]) -> pa.Array:
    """Leave out WKT that no cell holds: half of it is no geometry. Other columns come back as they are."""
    if not pa.types.is_string(column.type):
        return column
    fits = pc.less_equal(pc.binary_length(column), CELL)  # ASCII: a byte is a unit
    if lost := len(column) - pc.sum(fits).as_py():
        notes[f"geometries whose WKT is longer than the {CELL} characters of a cell were left out"] += lost
    return pc.if_else(fits, column, None)


def sheet_name(title: str, taken: Sequence[str] = ()) -> str:
    """Return a name that Excel takes: at most 31 UTF-16 units, none of []:*?/\\, different from those `taken`.

    >>> sheet_name("구/군: 2026", ["구_군_ 2026"])
    '구_군_ 2026 (2)'
    """
    plain_title, number, free = _NO_NAME.sub("_", title) or "sheet", 1, ""
    used = {name.casefold() for name in taken} | {"history"}  # which Excel keeps for itself
    while not free or free.casefold() in used:
        more = "" if number == 1 else f" ({number})"
        free, number = _start(plain_title, _LONGEST_NAME - len(more)).rstrip("'") + more, number + 1
    return free


def _numbers(column: pa.Array) -> list[Cell]:
    """Return the finite ones; a number of 32 bits as its shortest text says it."""
    doubles = column.cast(pa.string()).cast(pa.float64()) if pa.types.is_float32(column.type) else column
    finite = pc.if_else(pc.is_finite(doubles), doubles, None)
    return [None if number is None else Exact(number) for number in finite.to_pylist()]


def _days(column: pa.Array) -> pa.Array:
    """Return dates and moments as Excel counts them, in doubles."""
    if not pa.types.is_timestamp(column.type):
        whole = column.cast(pa.date32(), safe=False).cast(pa.int32()).cast(pa.float64())
        return pc.add(whole, float(_EPOCH))
    ms = column.cast(pa.timestamp("ms", column.type.tz), safe=False).cast(pa.int64()).cast(pa.float64())
    return pc.add(pc.divide(ms, _DAY_MS), float(_EPOCH))


def _either(test: pa.Array, one: Sequence[Cell], other: Texts) -> list[Cell]:
    """Return `one` where the test holds, else `other`, which is None where nothing is."""
    if pc.all(test).as_py() is not False:
        return list(one)
    return [a if holds else b for holds, a, b in zip(test.to_pylist(), one, other.to_pylist(), strict=True)]


def _fitting(texts: Texts, notes: Counter[str]) -> list[Cell]:
    """Cut texts that no cell holds."""
    if (pc.max(pc.utf8_length(texts)).as_py() or 0) <= CELL // 2:  # a character is at most two units
        return list(texts.to_pylist())
    return [None if text is None else _cut(text, notes) for text in texts.to_pylist()]


def _cut(text: str, notes: Counter[str]) -> str:
    short = _start(text, CELL)
    if short != text:
        notes[f"texts longer than the {CELL} characters of a cell were cut"] += 1
    return short


def _start(text: str, units: int) -> str:
    """Return as much of a text as has so many UTF-16 units, no character halved."""
    return text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore")
