"""Which times a layer's tiles can be had of (`?t=`), and which of them a caller means: light to import.

A layer has times where its live version has the asset "depths": a GeoTIFF with a band a time, and behind them one
of the deepest water of all time and one of the bed (`twin/results/depths.py`).
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from naru.errors import ArchiveDamaged, BadRequest
from naru.records import Asset, Layer

DEPTHS = "depths"  # the asset's name
PARAMETER = "t"
MAXIMUM = "max"  # what is shown where no time is asked for
_MAXIMUM_TOO = (MAXIMUM, "default", "current")  # the last two are what clients of WMTS say
_SECONDS = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{0,6})?", re.ASCII)
_LONGEST = 40  # characters of a time
_SLACK_S = 1e-6
_LOST_PLUS = re.compile(r" ([0-9]{2}:?[0-9]{2})$", re.ASCII)  # of an offset, which a query's decoding took away


@dataclass(frozen=True)
class Times:
    """The output times of a flood, in order."""

    depths: Asset
    seconds: tuple[float, ...]  # since the start
    start: datetime | None  # the clock time of second 0

    def clock(self, seconds: float) -> str:
        """Return a time as WMTS writes it: ISO 8601 with its offset, or seconds where no clock is known."""
        if self.start is None:
            return f"{seconds:g}"
        return datetime.fromtimestamp(self.start.timestamp() + seconds, self.start.tzinfo).isoformat()

    def told(self) -> dict[str, Any]:
        """Return what documents say of them."""
        return {
            "times": list(self.seconds),
            "time_start": None if self.start is None else self.start.isoformat(),
            "time_parameter": PARAMETER,
            "time_default": MAXIMUM,
        }


def times_of(layer: Layer) -> Times | None:
    """Return the times of a layer; None where it has none.

    Raises:
        ArchiveDamaged: what the catalogue says of them is incomplete.
    """
    asset = layer.live.assets.get(DEPTHS)
    if asset is None:
        return None
    try:
        seconds = tuple(float(value) for value in asset.about["times_s"])
        start = asset.about["start"]
        clock = None if start is None else datetime.fromisoformat(start)
    except (KeyError, TypeError, ValueError) as cause:
        raise ArchiveDamaged("what is known of the flood's times is incomplete", layer=layer.id) from cause
    if not seconds or (clock is not None and clock.tzinfo is None):
        raise ArchiveDamaged("what is known of the flood's times is incomplete", layer=layer.id)
    return Times(asset, seconds, clock)


def moment(layer: Layer, asked: str | None) -> tuple[Times, int] | None:
    """Return which band a caller means by `t`, counted from 0: that of the latest output not after it.

    Where nothing is asked, or `max`, it is that of the deepest water; None where the layer has no times.

    Raises:
        BadRequest: `t` is no time of the layer, or outside of its range, which the message names.
    """
    times = times_of(layer)
    if times is None:  # many a page writes such a word behind addresses to get past its cache
        return None
    if asked is None or asked in _MAXIMUM_TOO:
        return times, len(times.seconds)
    seconds = _seconds(times, asked)
    first, last = times.seconds[0], times.seconds[-1]
    if not first - _SLACK_S <= seconds <= last + _SLACK_S:
        raise _bad(times, f"the time {asked[:_LONGEST]} is outside of the run")
    return times, max(0, bisect_right(times.seconds, seconds + _SLACK_S) - 1)


def _seconds(times: Times, asked: str) -> float:
    """Return seconds since the start of a number of them, or of a clock time; without an offset it is the run's."""
    if _SECONDS.fullmatch(asked):
        return float(asked)
    if len(asked) > _LONGEST or times.start is None:
        raise _bad(times, f"'{asked[:_LONGEST]}' is no time of the run")
    try:
        clock = datetime.fromisoformat(_LOST_PLUS.sub(r"+\1", asked))
        if clock.tzinfo is None:
            clock = clock.replace(tzinfo=times.start.tzinfo)
        seconds = (clock - times.start).total_seconds()
    except (ValueError, OverflowError) as cause:
        raise _bad(times, f"'{asked}' is no time of the run") from cause
    return seconds if math.isfinite(seconds) else math.inf


def _bad(times: Times, message: str) -> BadRequest:
    first, last = times.seconds[0], times.seconds[-1]
    range_s = f"seconds from {first:g} to {last:g}"
    clock = f", or a time from {times.clock(first)} to {times.clock(last)}" if times.start else ""
    return BadRequest(message, field=PARAMETER, remedy=f"Give {range_s}{clock}, or {MAXIMUM}.")
