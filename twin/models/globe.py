"""Places on the globe: a local frame (east, north, up) in which float32 is exact enough, and its way back.

Graphics cards compute in float32, whose steps are half a metre at the Earth's radius. So each tile's vertices are
metres about an origin of its own, and one matrix of doubles says where that lies: 3D Tiles 1.1 §"Tile transforms".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from twin.ellipsoid import geocentric

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LocalFrame:
    """East, north and up in metres about a point of the ellipsoid (WGS 84)."""

    lon: float  # degrees
    lat: float
    height: float  # ellipsoidal, metres

    @cached_property
    def matrix(self) -> Floats:
        """The 4 × 4 matrix that takes (east, north, up, 1) to earth-centred metres."""
        lam, phi = np.radians(self.lon), np.radians(self.lat)
        east = np.array([-np.sin(lam), np.cos(lam), 0.0])
        north = np.array([-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)])
        up = np.array([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
        out = np.eye(4)
        out[:3, :3] = np.column_stack([east, north, up])
        out[:3, 3] = geocentric(*np.array([self.lon, self.lat, self.height]))
        return out

    def local(self, lon: Floats, lat: Floats, height: Floats) -> Floats:
        """Return (…, 3) east, north, up of degrees and ellipsoidal metres."""
        away = geocentric(lon, lat, height) - self.matrix[:3, 3]
        turned: Floats = away @ self.matrix[:3, :3]
        return turned

    def within(self, outer: LocalFrame | None) -> list[float]:
        """Return the matrix into `outer` (None: earth-centred), by columns, as tileset.json wants it."""
        if outer is None:
            return [float(v) for v in self.matrix.T.ravel()]
        turn = outer.matrix[:3, :3].T
        out = np.eye(4)
        out[:3, :3] = turn @ self.matrix[:3, :3]
        out[:3, 3] = turn @ (self.matrix[:3, 3] - outer.matrix[:3, 3])
        return [float(v) for v in out.T.ravel()]


@dataclass(frozen=True)
class Region:
    """A box of longitudes, latitudes (degrees) and ellipsoidal heights (metres)."""

    west: float
    south: float
    east: float
    north: float
    low: float
    high: float

    @classmethod
    def of(cls, lon: Floats, lat: Floats, low: float, high: float) -> Region:
        """Return the box of points, a hand's breadth wider: vertices are rounded to float32."""
        margin, lift = 1e-7, 0.01  # degrees, about a centimetre; metres
        west, south = float(lon.min()) - margin, float(lat.min()) - margin
        east, north = float(lon.max()) + margin, float(lat.max()) + margin
        return cls(west, south, east, north, low - lift, high + lift)

    def with_other(self, other: Region) -> Region:
        """Return the box of both."""
        low = (min(self.west, other.west), min(self.south, other.south), min(self.low, other.low))
        high = (max(self.east, other.east), max(self.north, other.north), max(self.high, other.high))
        return Region(low[0], low[1], high[0], high[1], low[2], high[2])

    def radians(self) -> list[float]:
        """Return `boundingVolume.region` of 3D Tiles: west, south, east, north, lowest, highest."""
        plan = np.radians([self.west, self.south, self.east, self.north])
        return [*(float(v) for v in plan), self.low, self.high]
