"""Retention basins that the terrain does not show: their volume by stage, filled and emptied over the crest."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from twin.facilities.storage import RetentionBasin
from twin.flood.records import Water
from twin.grid import Floats
from twin.works.crossings import Crossings


def stage_of(curve: Floats, volume_m3: float) -> float:
    """Return the stage, EL m, at which a basin holds a volume; above the curve its last walls go on.

    >>> stage_of(np.array([[4.0, 0.0], [5.0, 100.0], [6.0, 300.0]]), 500.0)
    7.0
    """
    stages, volumes = curve[:, 0], curve[:, 1]
    if volume_m3 > volumes[-1]:
        return float(stages[-1] + (volume_m3 - volumes[-1]) / _area(curve, len(curve) - 2))
    return float(np.interp(volume_m3, volumes, stages))


def volume_of(curve: Floats, stage_m: float) -> float:
    """Return the volume, m³, that a basin holds at a stage, EL m: the inverse of `stage_of`."""
    if stage_m > curve[-1, 0]:
        return float(curve[-1, 1] + (stage_m - curve[-1, 0]) * _area(curve, len(curve) - 2))
    return float(np.interp(stage_m, curve[:, 0], curve[:, 1]))


def _area(curve: Floats, k: int) -> float:
    return float((curve[k + 1, 1] - curve[k, 1]) / (curve[k + 1, 0] - curve[k, 0]))


class Basin:
    """A basin: a bucket beside the ground, and the part that tells of it."""

    def __init__(self, it: RetentionBasin) -> None:
        self._curve: Floats = np.asarray(it.stage_volume, np.float64)
        self.volume_m3 = 0.0 if it.initial_stage_m is None else volume_of(self._curve, it.initial_stage_m)

    @property
    def stage_m(self) -> float:
        """The stage, EL m."""
        return stage_of(self._curve, self.volume_m3)

    def look(self) -> tuple[float, float, float]:
        """Return depth, bed and area of a cell with the same volume, stage and area of the water's surface."""
        stage = self.stage_m
        k = int(
            np.clip(np.searchsorted(self._curve[:, 1], self.volume_m3, side="right") - 1, 0, len(self._curve) - 2)
        )
        area = _area(self._curve, k)
        depth = self.volume_m3 / area
        return depth, stage - depth, area

    def move(self, all_: Crossings, water: Water, time_s: float, dt_s: float) -> None:
        """Nothing moves."""

    def next_change_s(self, time_s: float) -> float:
        """Nothing goes by the clock."""
        return np.inf

    def readings(self) -> Iterable[tuple[str, float]]:
        """Return what it holds, and its stage."""
        return (("stored_m3", self.volume_m3), ("stage_m", self.stage_m))

    def state(self) -> Floats:
        """The volume is kept with the crossings."""
        return np.empty(0)

    def restore(self, state: Floats) -> None:
        """Nothing to restore."""
