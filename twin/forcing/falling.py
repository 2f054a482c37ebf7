"""How rain falls on the domain: everywhere alike, by zones, or mixed from gauges by weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.forcing.series import Series
from twin.grid import Floats

Zones = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Everywhere:
    """Rain that is the same all over."""

    rain: Series  # m/s

    @property
    def series(self) -> tuple[Series, ...]:
        """All series in it."""
        return (self.rain,)


@dataclass(frozen=True)
class ByZone:
    """Rain by zones: Thiessen polygons, or the cells of a raster of rain."""

    zones: Zones  # rows × columns, index of the zone
    series: tuple[Series, ...]  # one a zone, or one alone whose rows have an entry for each zone

    def depths(self, from_s: float, to_s: float) -> Floats:
        """Return what falls between two times in each zone, m."""
        return np.concatenate([np.atleast_1d(s.integral(from_s, to_s)) for s in self.series])


@dataclass(frozen=True)
class ByWeight:
    """Rain mixed from gauges."""

    weights: npt.NDArray[np.float32]  # gauges × rows × columns, of sum 1 over the gauges
    series: tuple[Series, ...]  # of the gauges, m/s

    def depths(self, from_s: float, to_s: float) -> Floats:
        """Return what falls at each gauge between two times, m."""
        return np.array([float(s.integral(from_s, to_s)) for s in self.series])


Falling = Everywhere | ByZone | ByWeight


@dataclass(frozen=True)
class Rain:
    """All rain of a scenario: one map of zones, whose zone 0 is outside, and what is mixed by weights on top."""

    zones: Zones  # rows × columns
    count: int  # of zones, the outside among them
    even: tuple[Series, ...]
    zoned: tuple[tuple[ByZone, Zones], ...]  # with the own zone of each common zone
    mixed: tuple[ByWeight, ...]

    @classmethod
    def of(cls, parts: Sequence[Falling], active: npt.NDArray[np.bool_]) -> Rain:
        """Return rain from its parts; it falls on active cells only."""
        even = tuple(p.rain for p in parts if isinstance(p, Everywhere))
        mixed = tuple(p for p in parts if isinstance(p, ByWeight))
        by_zone = [p for p in parts if isinstance(p, ByZone)]
        zones = np.zeros(active.shape, np.int32)
        if not by_zone:
            zones[active] = 1
            return cls(zones, 2, even, (), mixed)
        codes = np.zeros(int(active.sum()), np.int64)
        for part in by_zone:  # a code for each combination of zones that occurs
            own = part.zones[active]
            _, codes = np.unique(codes * (int(own.max(initial=0)) + 1) + own, return_inverse=True)
        zones[active] = codes + 1
        _, first = np.unique(codes, return_index=True)
        kinds = tuple((part, part.zones[active][first]) for part in by_zone)
        return cls(zones, len(first) + 1, even, kinds, mixed)

    @property
    def series(self) -> tuple[Series, ...]:
        """All series in it."""
        zoned = [s for part, _ in self.zoned for s in part.series]
        return (*self.even, *zoned, *(s for part in self.mixed for s in part.series))

    def depths(self, from_s: float, to_s: float) -> Floats:
        """Return what falls between two times in each zone, m; without what is mixed by weights."""
        out = np.full(self.count, float(sum(float(s.integral(from_s, to_s)) for s in self.even)))
        for part, own in self.zoned:
            out[1:] += part.depths(from_s, to_s)[own]
        out[0] = 0.0
        return out
