"""A quantity over time between given moments, with its exact integral: rain, discharge, stage."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from twin.grid import Floats

_SAME_S = 1e-6  # a break nearer than this has been reached


@dataclass(frozen=True)
class Series:
    """Values at rising times (s). In steps a value holds until the next time; linear ones run straight to the next.

    `values` has one row a time; rows may hold one number or one for each of many zones. Before the first time
    `before` holds, from the last time on `after`.

    >>> rain = Series.steps([0.0, 60.0, 120.0], [1.0, 3.0])
    >>> float(rain.integral(30.0, 90.0)), rain.next_change(60.0), rain.next_change(120.0)
    (120.0, 120.0, inf)
    """

    times: Floats
    values: Floats
    linear: bool
    before: Floats
    after: Floats
    _sums: Floats = field(init=False)  # the integral from the first time to each
    _breaks: list[float] = field(init=False)
    _still: bool = field(init=False)

    def __post_init__(self) -> None:
        spans = np.diff(self.times).reshape(-1, *([1] * (self.values.ndim - 1)))
        means = 0.5 * (self.values[:-1] + self.values[1:]) if self.linear else self.values[:-1]
        sums = np.concatenate([np.zeros((1, *self.values.shape[1:])), np.cumsum(spans * means, axis=0)])
        object.__setattr__(self, "_sums", sums)
        object.__setattr__(self, "_breaks", [float(t) for t in self.times])
        object.__setattr__(self, "_still", len(self.times) == 1 and not np.any(self.before != self.after))

    @classmethod
    def steps(cls, times: Sequence[float] | Floats, values: Sequence[float] | Floats) -> Series:
        """Return steps between times (one more than values), nothing before and after: rain."""
        rows = np.asarray(values, np.float64)
        none = np.zeros(rows.shape[1:])
        return cls(np.asarray(times, np.float64), np.concatenate([rows, none[None]]), False, none, none)

    @classmethod
    def lines(cls, times: Sequence[float] | Floats, values: Sequence[float] | Floats) -> Series:
        """Return straight lines between points, nothing before and after: rain read linearly."""
        rows = np.asarray(values, np.float64)
        none = np.zeros(rows.shape[1:])
        return cls(np.asarray(times, np.float64), rows, True, none, none)

    @classmethod
    def held(cls, times: Sequence[float] | Floats, values: Sequence[float] | Floats, linear: bool = True) -> Series:
        """Return points whose first value holds before, whose last value holds after them: discharge, stage."""
        rows = np.asarray(values, np.float64)
        return cls(np.asarray(times, np.float64), rows, linear, rows[0], rows[-1])

    @classmethod
    def constant(cls, value: float, from_s: float | None = None) -> Series:
        """Return what never changes; nothing before `from_s` where that is given."""
        times, values = np.array([from_s or 0.0]), np.array([value])
        return cls(times, values, False, values[0] if from_s is None else np.zeros(()), values[0])

    def at(self, time_s: float) -> Floats:
        """Return the value at a time; at a step, that after it."""
        place = bisect_right(self._breaks, time_s) - 1
        if place < 0:
            return self.before
        if place == len(self._breaks) - 1:
            return self.after
        here: Floats = self.values[place]
        if not self.linear:
            return here
        share = (time_s - self._breaks[place]) / (self._breaks[place + 1] - self._breaks[place])
        there: Floats = here * (1 - share) + self.values[place + 1] * share
        return there

    def integral(self, from_s: float, to_s: float) -> Floats:
        """Return the exact integral between two times: values times seconds."""
        out: Floats = self._until(to_s) - self._until(from_s)
        return out

    def next_change(self, time_s: float) -> float:
        """Return the next time after `time_s` at which the values break; inf: none."""
        if self._still:
            return np.inf
        place = bisect_right(self._breaks, time_s + _SAME_S)
        return self._breaks[place] if place < len(self._breaks) else np.inf

    def largest(self, time_s: float) -> float:
        """Return the largest size that a value has between the breaks around a time."""
        place = bisect_right(self._breaks, time_s + _SAME_S) - 1
        if place < 0:
            return float(np.max(np.abs(self.before)))
        if place == len(self._breaks) - 1:
            return float(np.max(np.abs(self.after)))
        return float(np.max(np.abs(self.values[place : place + (2 if self.linear else 1)])))

    def scaled(self, factor: float) -> Series:
        """Return the series with all values multiplied."""
        return Series(self.times, self.values * factor, self.linear, self.before * factor, self.after * factor)

    def shifted(self, seconds: float) -> Series:
        """Return the series as much later."""
        return Series(self.times + seconds, self.values, self.linear, self.before, self.after)

    def _until(self, time_s: float) -> Floats:
        """Return the integral from the first time to `time_s`; negative before it."""
        place = bisect_right(self._breaks, time_s) - 1
        if place < 0:
            out: Floats = self.before * (time_s - self._breaks[0])
            return out
        since = time_s - self._breaks[place]
        if place == len(self._breaks) - 1:
            return np.asarray(self._sums[place] + self.after * since)
        mean = 0.5 * (self.values[place] + self.at(time_s)) if self.linear else self.values[place]
        return np.asarray(self._sums[place] + mean * since)


class Ahead:
    """The largest rate of some series up to the next break of any: looked up once between breaks."""

    def __init__(self, series: Iterable[Series]) -> None:
        self._series = tuple(series)
        self.until_s = -np.inf
        self._span = (np.inf, -np.inf)
        self._rate = 0.0

    def largest(self, time_s: float) -> float:
        """Return the sum of the series' largest rates between the breaks around a time; `until_s` is the next."""
        if not self._span[0] <= time_s < self._span[1] - _SAME_S:
            self.until_s = self.next_change(time_s)
            self._span = (time_s, self.until_s)
            self._rate = sum(one.largest(time_s) for one in self._series)
        return self._rate

    def next_change(self, time_s: float) -> float:
        """Return when any of the series next breaks."""
        return min((one.next_change(time_s) for one in self._series), default=np.inf)
