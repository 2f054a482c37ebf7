"""The stations of a file's way onto the map, and which stretch of a job's progress each of them fills.

`ingest.pipeline` allots its progress by this table; whoever shows a job reads the station off the fraction.
"""

from __future__ import annotations

from naru.records import Progress

STARTS: dict[str, float] = {
    "receive": 0.0,
    "read": 0.02,
    "normalise": 0.40,
    "plan": 0.45,
    "encode": 0.46,
    "pack": 0.93,
    "publish": 0.95,
}
WAITING = "waiting"  # before the first station: no worker has the job yet
_NAMES = tuple(STARTS)


def station_at(fraction: float) -> str:
    """Return the station that a job with this much progress (0 … 1) is at.

    >>> station_at(0.5)
    'encode'
    """
    return max((name for name, start in STARTS.items() if start <= max(fraction, 0.0)), key=STARTS.__getitem__)


def between(progress: Progress, first: str, last: str) -> Progress:
    """Return a progress whose 0 … 1 fills the way from the start of station `first` to the end of `last`."""
    following = _NAMES.index(last) + 1
    start, end = STARTS[first], STARTS[_NAMES[following]] if following < len(_NAMES) else 1.0
    return part(progress, start, end)


def part(progress: Progress, start: float, end: float) -> Progress:
    """Return a progress whose 0 … 1 fills the stretch from `start` to `end` of another."""
    return lambda fraction, message: progress(start + (end - start) * fraction, message)
