"""What every reader of surveys answers with. Coordinates: one projected CRS in metres; heights: one datum."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CrossSection:
    """One surveyed section, from the left bank to the right bank as seen looking downstream."""

    id: str
    reach: str  # id of the reach that it crosses
    x: Floats  # (points,) metres
    y: Floats
    z: Floats  # bed elevation, metres
    station_m: Floats  # (points,) distance along the section from its first point, not falling
    chainage_m: float  # along the reach's centre line, from its upstream end
    banks: tuple[int, int] | None = None  # which points are the left and the right bank; None: the ends
    manning_n: tuple[tuple[float, float], ...] = ()  # as surveyed: from which station (metres) on, n

    @property
    def thalweg_m(self) -> float:
        """The lowest bed elevation, metres."""
        return float(self.z.min())


@dataclass(frozen=True)
class Reach:
    """A stretch of river between its ends or confluences."""

    id: str
    centreline: Floats  # (points, 2) from upstream to downstream
    left_bank: Floats  # (points, 2) from upstream to downstream, left as seen looking downstream
    right_bank: Floats
    sections: tuple[CrossSection, ...]  # in order of chainage, upstream first
    downstream: str | None = None  # id of the reach that it flows into; None: it leaves the terrain

    @property
    def length_m(self) -> float:
        """Along the centre line."""
        return float(np.hypot(*np.diff(self.centreline, axis=0).T).sum())


@dataclass(frozen=True)
class Soundings:
    """Single depths or heights measured from a boat: bed elevations, metres."""

    x: Floats
    y: Floats
    z: Floats


@dataclass(frozen=True)
class Survey:
    """All that was measured, checked against itself."""

    reaches: tuple[Reach, ...]
    crs: str
    vertical_datum: str
    soundings: Soundings | None = None
    islands: tuple[Floats, ...] = ()  # rings (points, 2) of land inside the banks, whose ground is kept
    warnings: tuple[str, ...] = field(default=())

    @property
    def sections(self) -> tuple[CrossSection, ...]:
        """The sections of all reaches."""
        return tuple(section for reach in self.reaches for section in reach.sections)
