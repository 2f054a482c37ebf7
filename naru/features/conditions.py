"""Conditions on attributes, evaluated on Arrow columns; what a condition asks for is read in the field's type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from naru.errors import BadSelection
from naru.features.selection import Filter, TimeRange

Mask = npt.NDArray[np.bool_]
Kind = Literal["integer", "number", "boolean", "string", "date", "datetime", "time"]
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Field:
    """One attribute of a layer."""

    name: str
    kind: Kind
    type: pa.DataType


def kind_of(kind: pa.DataType) -> Kind:
    """Return what people would call an Arrow type. What has no name of its own is text."""
    tests: tuple[tuple[Callable[[pa.DataType], bool], Kind], ...] = (
        (pa.types.is_integer, "integer"),
        (pa.types.is_floating, "number"),
        (pa.types.is_boolean, "boolean"),
        (pa.types.is_date, "date"),
        (pa.types.is_timestamp, "datetime"),
        (pa.types.is_time, "time"),
    )
    return next((name for test, name in tests if test(kind)), "string")


@dataclass(frozen=True)
class Condition:
    """A filter with its value read: `mask` marks the rows of a column that fulfil it."""

    field: Field
    operator: str
    value: Any  # None: asks for what is missing or empty

    @classmethod
    def of(cls, wanted: Filter, field: Field) -> Condition:
        """Read a filter's value in the field's type.

        Raises:
            BadSelection: it cannot be read so.
        """
        if wanted.value == "":
            if wanted.operator not in ("=", "!="):
                raise _unreadable(wanted, field)
            return cls(field, wanted.operator, None)
        try:
            return cls(field, wanted.operator, _READ[field.kind](wanted.value))
        except (ValueError, OverflowError) as error:  # year 1 in Korea began before year 1 of UTC
            raise _unreadable(wanted, field) from error

    def mask(self, column: pa.Array) -> Mask:
        """Return which rows fulfil the condition; a missing value fulfils none but `=` nothing."""
        if self.value is None:
            empty = _missing(column)
            return empty if self.operator == "=" else ~empty
        return _true(_COMPARE[self.operator](*_comparable(column, self.value)))

    def possible(self, low: Any, high: Any) -> bool:
        """Tell whether any value between `low` and `high` (a row group's statistics) can fulfil the condition."""
        if self.value is None or self.operator == "!=" or self.field.kind not in ("integer", "string", "date"):
            return True
        tests: dict[str, bool] = {
            "=": low <= self.value <= high,
            "<": low < self.value,
            "<=": low <= self.value,
            ">": high > self.value,
            ">=": high >= self.value,
        }
        return tests[self.operator]


@dataclass(frozen=True)
class Period:
    """A time range over one field."""

    field: Field
    wanted: TimeRange

    def mask(self, column: pa.Array) -> Mask:
        """Return which rows lie in the range; rows without a time belong to every range."""
        inside = np.ones(len(column), bool)
        for end, compare in ((self.wanted.start, pc.greater_equal), (self.wanted.end, pc.less_equal)):
            if end is not None:
                edge = end.date() if self.field.kind == "date" else end.replace(tzinfo=None)
                inside &= _true(compare(*_comparable(column, edge)))
        timeless: Mask = column.is_null().to_numpy(zero_copy_only=False)
        return inside | timeless


def _comparable(column: pa.Array, value: Any) -> tuple[pa.Array, pa.Scalar]:
    """Return both sides in one type that holds either."""
    kind = column.type
    if pa.types.is_floating(kind):
        return column, pa.scalar(value, kind)
    if pa.types.is_integer(kind):
        wide = pa.uint64() if pa.types.is_uint64(kind) else pa.int64()
        return column.cast(wide), pa.scalar(_within(value, wide), wide)
    if pa.types.is_timestamp(kind):
        plain = pa.timestamp("us")
        return column.cast(pa.timestamp("us", kind.tz), safe=False).cast(plain), pa.scalar(value, plain)
    if pa.types.is_date(kind):
        return column.cast(pa.date32(), safe=False), pa.scalar(value, pa.date32())
    if pa.types.is_time(kind):
        return column.cast(pa.time64("us"), safe=False), pa.scalar(value, pa.time64("us"))
    return column, pa.scalar(value)


def _within(value: int, kind: pa.DataType) -> int:
    low, high = (0, 2**64 - 1) if pa.types.is_uint64(kind) else (-(2**63), 2**63 - 1)
    return min(max(value, low), high)


def _missing(column: pa.Array) -> Mask:
    missing: Mask = column.is_null().to_numpy(zero_copy_only=False)
    return missing | _true(pc.equal(column, "")) if pa.types.is_string(column.type) else missing


def _true(column: pa.BooleanArray) -> Mask:
    found: Mask = column.fill_null(False).to_numpy(zero_copy_only=False)
    return found


def _boolean(text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise ValueError(text)
    return _TRUTH[text.lower()]


def _integer(text: str) -> int:
    if text.lstrip("+-").isdigit():
        return int(text)
    number = float(text)
    if not number.is_integer():  # nor are inf and nan
        raise ValueError(text)
    return int(number)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


_READ: dict[Kind, Callable[[str], Any]] = {
    "integer": _integer,
    "number": float,
    "boolean": _boolean,
    "string": str,
    "date": date.fromisoformat,
    "datetime": _moment,
    "time": time.fromisoformat,
}


def _unreadable(wanted: Filter, field: Field) -> BadSelection:
    return BadSelection(
        f"'{wanted.value[:80]}' cannot be compared by {wanted.operator} with a field of kind {field.kind}",
        field=field.name,
        remedy=_HOW[field.kind],
    )


_HOW: dict[Kind, str] = {
    "integer": "Give a whole number.",
    "number": "Give a number, such as 12.5.",
    "boolean": "Give true or false.",
    "string": "Give a text; with = or != it may be empty.",
    "date": "Give a date, such as 2024-01-31.",
    "datetime": "Give a moment, such as 2024-01-31T09:00:00.",
    "time": "Give a time of day, such as 09:00:00.",
}
