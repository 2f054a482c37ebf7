"""Days and months of quotas: they begin at midnight of one time zone, whatever the server's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Period = Literal["day", "month"]


@dataclass(frozen=True, slots=True)
class Window:
    """One day or month; `name` is its local date (`2026-11-22`) or month (`2026-11`)."""

    period: Period
    name: str
    begins: float  # seconds since the epoch, UTC; the window includes this moment
    ends: float  # ... and excludes this one


@dataclass(frozen=True, slots=True)
class Windows:
    """The day and the month that hold one moment."""

    day: Window
    month: Window

    def __iter__(self) -> Iterator[Window]:
        """Give the day, then the month."""
        return iter((self.day, self.month))


def windows_at(now: float, timezone: ZoneInfo) -> Windows:
    """Return the windows that hold `now` (seconds since the epoch, UTC).

    >>> windows_at(1_790_434_799, ZoneInfo("Asia/Seoul")).day.name  # 2026-09-26 14:59:59 UTC
    '2026-09-26'
    >>> windows_at(1_790_434_800, ZoneInfo("Asia/Seoul")).day.name  # one second later
    '2026-09-27'
    """
    return _windows_on(datetime.fromtimestamp(now, timezone).date(), timezone)


def windows_named(day: str, timezone: ZoneInfo) -> Windows:
    """Return the windows of the day named `day` (`2026-11-22`).

    >>> windows_named("2028-02-29", ZoneInfo("Asia/Seoul")).month.name
    '2028-02'
    """
    return _windows_on(date.fromisoformat(day), timezone)


def _windows_on(today: date, timezone: ZoneInfo) -> Windows:
    first = today.replace(day=1)
    next_first = (first + timedelta(days=32)).replace(day=1)
    day = _window("day", today.isoformat(), today, today + timedelta(days=1), timezone)
    return Windows(day, _window("month", today.strftime("%Y-%m"), first, next_first, timezone))


def _window(period: Period, name: str, begins: date, ends: date, timezone: ZoneInfo) -> Window:
    return Window(period, name, _midnight(begins, timezone), _midnight(ends, timezone))


def _midnight(day: date, timezone: ZoneInfo) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=timezone).timestamp()
