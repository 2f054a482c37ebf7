"""Dates and moments written as text: ISO 8601 and RFC 3339, and the ways in which tables write them.

A column has a type only if every value that is not blank fits it: dates; local times; or moments, which name
their zone and are kept in UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

Written = Literal["date", "datetime", "instant"]
_ZONE = r"([Zz]|[+-]\d{2}:?\d{2})"


@dataclass(frozen=True)
class Form:
    """How dates are written."""

    pattern: re.Pattern[str]  # groups: year, month, day, hour, minute, second, fraction, zone
    like: str  # what every text of the form looks like, for a quick look at a whole column
    midnight: bool = False  # whether a date beside times means its midnight


# ISO 8601-1 §5.2.2 (date) and §5.4 (date and time of day), RFC 3339 §5.6.
ISO = Form(
    re.compile(rf"(\d{{4}})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{{1,9}}))?)?{_ZONE}?)?"),
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9].{4,26})?$",
)
TABLES = Form(  # spreadsheet programs leave a midnight out
    re.compile(
        r"([12]\d{3})\s*(?:[-./]|년)\s*(\d{1,2})\s*(?:[-./]|월)\s*(\d{1,2})\s*(?:\.|일)?"
        rf"(?:[T\s]\s*(\d{{1,2}}):(\d{{2}})(?::(\d{{2}})(?:\.(\d{{1,9}}))?)?{_ZONE}?)?"
    ),
    r"^[12][0-9]{3}\s*(?:[-./]|년).{3,34}$",
    midnight=True,
)


@dataclass(frozen=True)
class Moment:
    """What a text says: `when` is in UTC if a zone is named, midnight if no time is."""

    when: datetime
    timed: bool
    zoned: bool


def moment(text: str, form: Form = ISO) -> Moment | None:
    """Return what a text says in that form; None for what is no date, or finer than microseconds.

    >>> moment("2024-01-05T09:30:00+09:00").when.isoformat(), moment("2024-02-30")
    ('2024-01-05T00:30:00', None)
    """
    match = form.pattern.fullmatch(text)
    if match is None:
        return None
    *parts, fraction, zone = match.groups()
    year, month, day, hour, minute, second = (int(p or 0) for p in parts)
    nanos = (fraction or "").ljust(9, "0")
    if not nanos.endswith("000"):
        return None
    try:
        local = datetime(year, month, day, hour, minute, second, int(nanos[:6]))  # noqa: DTZ001 (its zone is in `zone`)
        return Moment(local - _offset(zone), parts[3] is not None, zone is not None)
    except (ValueError, OverflowError):  # no such day or hour, or before the year 1
        return None


def _offset(zone: str | None) -> timedelta:
    """Return how far a zone is ahead of UTC."""
    if zone is None or zone in "Zz":
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError(zone)
    ahead = timedelta(hours=hours, minutes=minutes)
    return -ahead if zone[0] == "-" else ahead


def _fits(found: Moment, kind: Written, form: Form) -> bool:
    if kind == "date":
        return not found.timed
    return found.zoned if kind == "instant" else not found.zoned and (found.timed or form.midnight)


@dataclass
class Watch:
    """What kinds of dates a column of text may hold, after all that was looked at; blank values say nothing."""

    form: Form = ISO
    left: list[Written] = field(default_factory=lambda: ["date", "datetime", "instant"])
    seen: bool = False
    fine: bool = False  # whether a value is finer than milliseconds

    def look(self, values: pa.Array) -> None:
        """Look at a part of the column (strings)."""
        if not self.left:
            return
        there = pc.unique(values.filter(pc.not_equal(values, "")))
        if not len(there):
            return
        self.seen = True
        if not pc.all(pc.match_substring_regex(there, self.form.like)).as_py():
            self.left = []
            return
        found = [moment(v, self.form) for v in there.to_pylist()]
        self.left = [k for k in self.left if all(m is not None and _fits(m, k, self.form) for m in found)]
        self.fine = self.fine or any(m is not None and m.when.microsecond % 1000 for m in found)

    @property
    def kind(self) -> Written | None:
        """The kind that every value fits; None when there is none, or no value."""
        return self.left[0] if self.left and self.seen else None

    @property
    def type(self) -> pa.DataType | None:
        """The Arrow type of that kind."""
        if self.kind in (None, "date"):
            return pa.date32() if self.kind else None
        return pa.timestamp("us" if self.fine else "ms", "UTC" if self.kind == "instant" else None)


def convert(values: pa.Array, kind: pa.DataType, form: Form = ISO) -> pa.Array:
    """Return texts as dates or moments of the type that `Watch` found; what is blank is null."""
    coded = values.dictionary_encode()
    found = [moment(v, form) if v else None for v in coded.dictionary.to_pylist()]
    plain = kind if pa.types.is_timestamp(kind) else pa.timestamp("ms")
    moments = pa.array([m.when if m else None for m in found], pa.timestamp(plain.unit))
    return moments.take(coded.indices).cast(plain if plain.tz else moments.type).cast(kind)


def typed(values: pa.Array) -> pa.Array:
    """Return a whole column as dates or moments where it is text and every value is one; else as it is."""
    if not pa.types.is_string(values.type):
        return values
    watch = Watch()
    watch.look(values)
    return values if watch.type is None else convert(values, watch.type)
