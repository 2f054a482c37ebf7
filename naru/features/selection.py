"""What is wanted of a layer: where, when, with which values, how many, in which coordinates. Plain data."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Literal

from naru.errors import BadSelection
from naru.features.systems import CRS84
from naru.records import BBox

Operator = Literal["=", "!=", "<", "<=", ">", ">="]
_OPERATOR = re.compile(r"\s*(!=|<=|>=|=|<|>)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)


@dataclass(frozen=True)
class Filter:
    """One condition: the field's value compared with `value`, which is read in the field's type.

    An empty value with `=` asks for what is missing or empty, with `!=` for what is not.
    """

    field: str
    operator: Operator
    value: str


@dataclass(frozen=True)
class TimeRange:
    """Both ends belong to it; None: open. Aware moments are UTC; times without a zone are taken as UTC."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What is wanted. Features come in the order of their rows; `limit` and `offset` count what matches.

    `bbox` is west, south, east, north (x before y) in `bbox_crs`; west may be greater than east in degrees: then
    the box spans the 180th meridian. `crs` None: the source's own. `ids` are rows counted from 1.
    `fields` None: all. `period` looks at the layer's first date or time; features without one belong to every
    period (OGC API Features 1.0.1, /req/core/fc-time-response).
    """

    bbox: BBox | None = None
    bbox_crs: str = CRS84
    crs: str | None = None
    filters: tuple[Filter, ...] = ()
    ids: tuple[int, ...] | None = None
    period: TimeRange | None = None
    fields: tuple[str, ...] | None = None
    limit: int | None = None
    offset: int = 0


def parse_bbox(text: str) -> BBox:
    """Return `west,south,east,north` as four numbers.

    Raises:
        BadSelection: not four finite numbers, or south above north.

    >>> parse_bbox("126.9, 37.4, 127.1, 37.6")
    (126.9, 37.4, 127.1, 37.6)
    """
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise _bad_box(text, "it is not four numbers joined by commas") from error
    if not all(map(math.isfinite, (west, south, east, north))):
        raise _bad_box(text, "a number in it is not finite")
    if south > north:
        raise _bad_box(text, "south is above north")
    return west, south, east, north


def _bad_box(text: str, reason: str) -> BadSelection:
    return BadSelection(
        f"'{text[:80]}' is no bounding box: {reason}",
        remedy="Write west,south,east,north, such as 126.9,37.4,127.1,37.6.",
    )


def parse_filter(text: str, fields: Sequence[str]) -> Filter:
    """Return `FIELD=VALUE` (or != < <= > >=) as a condition; the longest of `fields` that fits is meant.

    Raises:
        BadSelection: no comparison, or of a field that is not there.

    >>> parse_filter("층수>=5", ["층", "층수"])
    Filter(field='층수', operator='>=', value='5')
    """
    for name in sorted(fields, key=len, reverse=True):
        sign = _OPERATOR.match(text, len(name)) if text.startswith(name) else None
        if sign:
            operator: Operator = sign[1]  # type: ignore[assignment]  # one of the pattern's six
            return Filter(name, operator, text[sign.end() :].strip())
    sign = _OPERATOR.search(text)
    if sign is None:
        raise BadSelection(
            f"'{text[:80]}' is no condition", remedy="Write FIELD=VALUE, or one of != < <= > >= between the two."
        )
    raise unknown_field(text[: sign.start()], fields)


def unknown_field(name: str, fields: Sequence[str]) -> BadSelection:
    """Return the error for a field that is not there."""
    shown = ", ".join(fields[:20]) + (" …" if len(fields) > 20 else "")
    return BadSelection(
        f"there is no field '{name[:80]}'",
        field=name[:80],
        remedy=f"The fields are: {shown}." if fields else "The layer has no fields.",
    )


def parse_period(text: str) -> TimeRange:
    """Return an RFC 3339 date or moment, or an interval `START/END` of them, `..` or nothing for an open end.

    Raises:
        BadSelection: it is none of these, or ends before it begins.

    >>> parse_period("2024-01-01/..").end is None
    True
    """
    first, slash, last = text.partition("/")
    start, end = _edge(first, time.min), _edge(last if slash else first, time.max)
    if (start is None and end is None) or (start and end and start > end):
        raise _bad_period(text)
    return TimeRange(start, end)


def _edge(text: str, of_day: time) -> datetime | None:
    """Return one end; a date stands for its first or last moment."""
    if text in ("", ".."):
        return None
    try:
        if _DATE.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), of_day, UTC)
        if _MOMENT.fullmatch(text):
            moment = datetime.fromisoformat(text.upper().replace(" ", "T"))
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:  # year 1 in Korea began before year 1 of UTC
        raise _bad_period(text) from error
    raise _bad_period(text)


def _bad_period(text: str) -> BadSelection:
    return BadSelection(
        f"'{text[:80]}' is no date, moment or interval",
        remedy="Write 2024-01-01, 2024-01-01T09:00:00Z, or two of them as START/END ('..' leaves an end open).",
    )
