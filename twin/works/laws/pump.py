"""What a pump delivers against a head, and which pumps of a station run at a stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.grid import Floats


def delivery(head_m: float, curve: Sequence[tuple[float, float]], rated: float) -> float:
    """Return the flow of one pump, in the unit of `rated`: by its curve (head m, flow), or the rated flow.

    Linear between the curve's points; below the first head as there, above the last the last stretch goes on down
    to no flow at all.

    >>> [delivery(h, ((0.0, 104.0), (8.0, 78.0), (10.0, 60.0)), 90.0) for h in (-1.0, 9.0, 12.0, 30.0)]
    [104.0, 69.0, 42.0, 0.0]
    """
    if not curve:
        return rated
    heads, flows = np.transpose(curve)
    if head_m <= heads[-1]:
        return float(np.interp(head_m, heads, flows))
    fall = (flows[-2] - flows[-1]) / (heads[-1] - heads[-2])
    return max(float(flows[-1] - fall * (head_m - heads[-1])), 0.0)


@dataclass(frozen=True)
class Staging:
    """When the pumps of a station start and stop: pump k (from 0) `interval_m` · k above the first."""

    units: int
    start_m: float  # EL m
    stop_m: float
    interval_m: float = 0.0
    lag_s: float = 0.0
    ramp_s: float = 0.0


@dataclass
class Pumps:
    """Which pumps run. `waiting` is since when each is called for (NaN: not), `share` its flow, 0 to 1."""

    staging: Staging
    waiting: Floats
    running: Floats  # 0 or 1
    share: Floats

    @classmethod
    def still(cls, staging: Staging) -> Pumps:
        """Return a station at rest."""
        n = staging.units
        return cls(staging, np.full(n, np.nan), np.zeros(n), np.zeros(n))

    def look(self, stage_m: float, time_s: float) -> None:
        """Start and stop by levels: a pump starts a lag after its start level, unless the stop level is passed."""
        s = self.staging
        above = np.arange(s.units) * s.interval_m
        called = stage_m >= s.start_m + above
        kept = stage_m > s.stop_m + above
        self.waiting = np.where(~kept, np.nan, np.where(called & np.isnan(self.waiting), time_s, self.waiting))
        ready = time_s - np.where(np.isnan(self.waiting), np.inf, self.waiting) >= s.lag_s - 1e-6
        self.running = np.where(kept & ((self.running > 0) | ready), 1.0, 0.0)

    def force(self, units: int, time_s: float) -> None:
        """Run the first so many and no others."""
        on = np.arange(self.staging.units) < units
        self.running = on.astype(np.float64)
        self.waiting = np.where(on, np.where(np.isnan(self.waiting), time_s, self.waiting), np.nan)

    def run(self, dt_s: float) -> Floats:
        """Return each pump's mean share of its flow over a step; what runs comes up to speed along its ramp."""
        ramp = self.staging.ramp_s
        before = np.where(self.running > 0, self.share, 0.0)
        if ramp <= 0:
            self.share = self.running.copy()
            return self.share
        self.share = np.where(self.running > 0, np.minimum(before + dt_s / ramp, 1.0), 0.0)
        rising = (1.0 - before) * ramp  # how long it still rises
        full = np.maximum(dt_s - rising, 0.0)
        mean: Floats = (0.5 * (before + self.share) * (dt_s - full) + full) / dt_s * self.running
        return mean
