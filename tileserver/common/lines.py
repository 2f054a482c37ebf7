"""Positions along a line that somebody drew, by distance on the ellipsoid (WGS 84).

Between the line's corners the way is the geodesic (Karney 2013, through PROJ).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tileserver.common.asking import Position, bad

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pyproj import Geod

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A line with the lengths of its segments. Loads numpy and pyproj."""

    geod: Geod
    lon: Floats  # of its corners, degrees
    lat: Floats
    azimuth: Floats  # of its segments, degrees
    ends: Floats  # how far along the line each segment ends, metres
    length_m: float

    @classmethod
    def of(cls, line: Sequence[Position], longest_m: float) -> Measured:
        """Measure a line.

        Raises:
            BadRequest: it has no length, or more than `longest_m`.
        """
        import numpy as np
        from pyproj import Geod

        geod = Geod(ellps="WGS84")
        lon, lat = np.array([tuple(place) for place in line], float).T
        azimuth, _, lengths = geod.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])
        total = math.fsum(lengths)
        if not 0 < total <= longest_m:
            raise bad("line", f"line is {total:.0f} m long", f"Give a line of up to {longest_m / 1000:.0f} km.")
        return cls(geod, lon, lat, azimuth, np.cumsum(lengths), total)

    def at(self, distance_m: Floats) -> tuple[Floats, Floats]:
        """Return longitudes and latitudes at distances along the line, from its first corner."""
        import numpy as np

        segment = np.searchsorted(self.ends[:-1], distance_m)  # the first that ends there or later
        begun = np.concatenate([[0.0], self.ends])[segment]
        lon, lat, _ = self.geod.fwd(self.lon[segment], self.lat[segment], self.azimuth[segment], distance_m - begun)
        return lon, lat

    def samples(self, number: int) -> list[Position]:
        """Return positions at equal distances, both ends among them."""
        import numpy as np

        lon, lat = self.at(self.length_m * np.arange(number) / (number - 1))
        found = [Position(*place) for place in zip(lon.tolist(), lat.tolist(), strict=True)]
        return [*found[:-1], Position(float(self.lon[-1]), float(self.lat[-1]))]

    def close_to(self, number: int) -> tuple[Floats, Floats]:
        """Return (points, 2) and their distances: about `number` at equal ones, and every corner."""
        import numpy as np

        distances = np.union1d(np.linspace(0, self.length_m, number), self.ends)
        return np.column_stack(self.at(distances)), distances
