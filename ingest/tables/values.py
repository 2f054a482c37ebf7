"""Gives columns of text their types. A column has a type only if every value in it has.

Codes stay text: what begins with a zero, whole numbers of more than 18 digits, `1E5`. Marks for "nothing" (`-`,
`N/A`, `NULL`) become null in a typed column and stay what they are in a text.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest import moments

Kind = Literal["integer", "number", "boolean", "date", "datetime", "instant", "text"]
_ORDER: tuple[Kind, ...] = ("integer", "number", "boolean")
_TYPES: dict[Kind, pa.DataType] = {
    **{"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(), "text": pa.string()},
    **{"date": pa.date32(), "datetime": pa.timestamp("ms"), "instant": pa.timestamp("ms", "UTC")},
}
_DATES: frozenset[Kind] = frozenset({"date", "datetime", "instant"})
NOTHING = pa.array(["-", "--", "n/a", "na", "#n/a", "null", "none", "nan", "\\n", "."])
_WHOLE = r"(?:0|[1-9][0-9]{0,17}|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,5})"
_PATTERNS: dict[Kind, str] = {
    "integer": rf"^-?{_WHOLE}$",
    "number": rf"^-?(?:{_WHOLE}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-][0-9]{{1,3}})?$",
    "boolean": r"^(?i:true|false)$",
}
DECIMAL_COMMA = r"^-?[0-9]+,[0-9]+$"


class Typing:
    """What kinds a column may still be of, after all that was looked at."""

    def __init__(self, decimal_comma: bool) -> None:
        self._left = list(_ORDER)
        self._dates = moments.Watch(moments.TABLES)
        self._comma = decimal_comma
        self._any = False

    def look(self, column: pa.Array) -> None:
        """Look at a batch of the column (strings)."""
        if not self._left and not self._dates.left:
            return
        values = _something(column)
        if not len(values):
            return
        self._any = True
        plain = point_for_comma(values) if self._comma else values
        self._left = [k for k in self._left if _all_are(k, plain if k in ("integer", "number") else values)]
        self._dates.look(values)

    @property
    def blank(self) -> bool:
        """Whether no value was seen."""
        return not self._any

    @property
    def kind(self) -> Kind:
        """The first kind that every value fits; text when there is none, or no value."""
        return self._left[0] if self._left and self._any else self._dates.kind or "text"


def _something(column: pa.Array) -> pa.Array:
    """Return the values that are not blank and no mark for nothing."""
    values = ascii_digits(column.drop_null())
    return values.filter(pc.invert(pc.is_in(pc.utf8_lower(values), NOTHING)))


def ascii_digits(values: pa.Array) -> pa.Array:
    """Return texts with full-width signs made plain (NFKC), where there are any."""
    if pc.all(pc.string_is_ascii(values)).as_py() in (True, None):
        return values
    return pc.utf8_normalize(values, form="NFKC")


def point_for_comma(values: pa.Array) -> pa.Array:
    """Return numbers with a decimal comma written with a point."""
    commas = pc.match_substring_regex(values, DECIMAL_COMMA)
    return pc.if_else(commas, pc.replace_substring(values, ",", "."), values)


def _all_are(kind: Kind, values: pa.Array) -> bool:
    return bool(pc.all(pc.match_substring_regex(values, _PATTERNS[kind])).as_py())


def convert(column: pa.Array, kind: Kind, decimal_comma: bool) -> pa.Array:
    """Return a batch of a column in its type. `kind` is what `Typing` said of the whole column."""
    if kind == "text":
        return column
    values = ascii_digits(column)
    values = pc.if_else(pc.is_in(pc.utf8_lower(values), NOTHING), pa.scalar(None, pa.string()), values)
    if kind == "boolean":
        return pc.equal(pc.utf8_lower(values), "true")
    if kind in _DATES:
        return moments.convert(values, _TYPES[kind], moments.TABLES)
    if decimal_comma:
        values = point_for_comma(values)
    return pc.replace_substring(values, ",", "").cast(_TYPES[kind])


def uses_decimal_comma(columns: list[pa.Array]) -> bool:
    """Whether a table writes 126,97 for 126.97: some value can be nothing else, and no value has a point."""
    certain = False
    for column in columns:
        values = column.drop_null()
        if pc.any(pc.match_substring_regex(values, r"^-?[0-9]+\.[0-9]+$")).as_py():
            return False
        lone = pc.match_substring_regex(values, DECIMAL_COMMA)
        thousands = pc.match_substring_regex(values, r"^-?[1-9][0-9]{0,2},[0-9]{3}$")
        certain |= bool(pc.any(pc.and_not(lone, thousands)).as_py())
    return certain


def as_floats(column: pa.Array, decimal_comma: bool) -> npt.NDArray[np.float64]:
    """Return the numbers of a column of text, NaN where there is none. A sign + and leading zeros are allowed."""
    values = ascii_digits(column)
    if decimal_comma:
        values = point_for_comma(values)
    pattern = r"^[+-]?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)?(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?$"
    good = pc.and_(pc.match_substring_regex(values, pattern), pc.match_substring_regex(values, "^[+-]?[.]?[0-9]"))
    plain = pc.replace_substring(pc.utf8_ltrim(values, "+"), ",", "")
    numbers = pc.if_else(good, plain, pa.scalar(None, pa.string())).cast(pa.float64())
    return np.array(numbers.fill_null(np.nan).to_numpy(zero_copy_only=False), dtype=np.float64)
