"""Hours, days and months of the ledger: they begin on the clock of one time zone and are named by UTC minutes."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tileserver.quota.windows import windows_at

MINUTE_S = 60


class Periods(NamedTuple):
    """The hour, the day and the month that hold a minute: the minutes (since the epoch, UTC) they begin at."""

    hour: int
    day: int
    month: int


@lru_cache(maxsize=4096)
def periods_of(minute: int, zone: ZoneInfo) -> Periods:
    """Return the periods that hold `minute`.

    >>> minute = 29_840_580  # 2026-09-26 15:00 UTC, midnight in Seoul
    >>> [start - minute for start in periods_of(minute, ZoneInfo("Asia/Seoul"))]
    [0, 0, -37440]
    """
    windows = windows_at(minute * MINUTE_S, zone)
    past_the_hour = datetime.fromtimestamp(minute * MINUTE_S, zone).minute
    day, month = (int(window.begins) // MINUTE_S for window in windows)
    return Periods(minute - past_the_hour, day, month)


def minute_of(day: date, zone: ZoneInfo) -> int:
    """Return the minute at which a local day begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) // MINUTE_S


def minutes_of(first: date, last: date, zone: ZoneInfo) -> tuple[int, int]:
    """Return the minutes from the beginning of `first` until (not including) the end of `last`."""
    return minute_of(first, zone), minute_of(last + timedelta(days=1), zone)


def written(minute: int, period: str, zone: ZoneInfo) -> str:
    """Return a period's beginning as reports write it: 2026-11-22T13:00+09:00, 2026-11-22 or 2026-11.

    >>> written(29_840_580, "day", ZoneInfo("Asia/Seoul"))
    '2026-09-27'
    """
    local = datetime.fromtimestamp(minute * MINUTE_S, zone)
    if period == "month":
        return local.strftime("%Y-%m")
    return local.date().isoformat() if period == "day" else local.isoformat(timespec="minutes")
