"""When a row of a table is: seconds, minutes or hours, a lapse of time as h:mm, or a moment by the clock."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

from twin.text import parse_number

Moment = float | datetime  # seconds, or a clock time (without zone: in the scenario's own)
UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
TIME_UNITS = (*UNITS_S, "clock", "elapsed")
_UNIT_WORDS = {
    "s": ("s", "sec", "secs", "second", "seconds", "초"),
    "min": ("min", "mins", "minute", "minutes", "분"),
    "h": ("h", "hr", "hrs", "hour", "hours", "시간"),
    "d": ("d", "day", "days", "일"),
}
_CLOCK = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\.?(?:[T\s]+(\d{1,2})(?::(\d{2})(?::(\d{2})(?:\.0*)?)?)?)?"
    r"\s*(Z|UTC|KST|[-+]\d{2}:?\d{2})?"
)
_PACKED = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})(\d{2})(\d{2})?()")  # YYYYMMDDHH[MM], as KMA writes it
_ELAPSED = re.compile(r"(\d{1,4}):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?")


def unit_in(header: str) -> str | None:
    """Return the unit of time that a column's header names, if one.

    >>> unit_in("Time (s)"), unit_in("경과시간(분)"), unit_in("time_h"), unit_in("시간"), unit_in("일시")
    ('s', 'min', 'h', None, None)
    """
    words = [w for w in re.split(r"[^\w가-힣]|_", header.casefold()) if w]
    last = words[-1] if words else ""
    if last == "시간" and len(words) == 1:  # "time" and "hours" are one word
        return None
    return next((unit for unit, known in _UNIT_WORDS.items() if last in known), None)


def read_moment(text: str, unit: str | None, *, comma_parts: bool = True) -> Moment:
    """Return a moment. Raises ValueError in plain words; `unit`: of TIME_UNITS, None where nobody said."""
    text = text.strip()
    if unit not in ("elapsed", *UNITS_S):
        clock = _clock(text)
        if clock is not None:
            return clock
        if unit == "clock":
            raise ValueError("is no clock time such as 2022-08-08T20:00+09:00")
    lapse = _ELAPSED.fullmatch(text)
    if lapse is not None:
        if unit != "elapsed":
            raise ValueError("may be a lapse of time or a time of day: say `time_unit: elapsed`, or write the date")
        return int(lapse[1]) * 3600.0 + int(lapse[2]) * 60.0 + float(lapse[3] or 0)
    value = parse_number(text, comma_parts=comma_parts)
    if value is None or unit == "elapsed":
        raise ValueError("is no time")
    if unit is None:
        raise ValueError("has no unit: say `time_unit: s`, min, h or d, or name it in the header, as in 'time_min'")
    return value * UNITS_S[unit]


def seconds(moments: Sequence[Moment], start: datetime | None) -> list[float]:
    """Return moments as seconds since the scenario's start. Raises ValueError where there is none to count from."""
    out = []
    for moment in moments:
        if not isinstance(moment, datetime):
            out.append(moment)
            continue
        if start is None:
            raise ValueError("has clock times, but the scenario has no `start` to count from")
        local = moment if moment.tzinfo is not None else moment.replace(tzinfo=start.tzinfo)
        out.append((local - start).total_seconds())
    return out


def rank(moment: Moment) -> float:
    """Return a number by which moments of one kind are in order: seconds."""
    if not isinstance(moment, datetime):
        return moment
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _clock(text: str) -> datetime | None:
    """Return a clock time; 24:00 is the next day's beginning, as observers write it. Raises ValueError."""
    match = _CLOCK.fullmatch(text) or _PACKED.fullmatch(text)
    if match is None:
        return None
    year, month, day = (int(part) for part in match.groups()[:3])
    hour, minute, second = (int(part or 0) for part in match.groups()[3:6])
    zone = _zone(match[7]) if match.re is _CLOCK else None
    try:
        begin = datetime(year, month, day, tzinfo=zone)
    except ValueError as error:
        raise ValueError("is no day of the calendar") from error
    if hour > 24 or minute > 59 or second > 59 or (hour == 24 and minute + second > 0):
        raise ValueError("is no time of day")
    return begin + timedelta(hours=hour, minutes=minute, seconds=second)


def _zone(text: str | None) -> timezone | None:
    if not text:
        return None
    if text in ("Z", "UTC"):
        return UTC
    if text == "KST":
        return timezone(timedelta(hours=9))
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))
