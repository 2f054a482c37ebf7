"""What lies between a layer's heights and the ellipsoid: one number, or a lattice of a geoid grid's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_STEP = 1 / 60  # of the lattice, degrees: geoid grids have 1' to 15'
_MOST = 300  # of its points a side


@dataclass(frozen=True)
class Undulation:
    """Heights of the datum's zero above the ellipsoid, metres, on a lattice of degrees; beyond it, its edge's."""

    metres: Floats  # (rows from the south, columns from the west)
    west: float = 0.0
    south: float = 0.0
    step: float = _STEP
    how: str = "stated"

    @property
    def middle_m(self) -> float:
        """That of the lattice's middle."""
        rows, columns = self.metres.shape
        return float(self.metres[rows // 2, columns // 2])

    def over(self, lon: Floats, lat: Floats) -> Any:
        """Return it at all of `lat` × `lon`, degrees; a number where it is the same everywhere."""
        if self.metres.size == 1:
            return float(self.metres[0, 0])
        upper = _along(self.metres, (lat - self.south) / self.step, 0)
        return _along(upper, (lon - self.west) / self.step, 1)


def stated(metres: float) -> Undulation:
    """Return the same undulation everywhere."""
    return Undulation(np.array([[float(metres)]]), how=f"stated: {metres:g} m")


def of_grid(bounds: tuple[float, float, float, float], datum: str, file: Path | None) -> Undulation:
    """Return the undulation over bounds (west, south, east, north, degrees), by a grid: `file`, or PROJ's own.

    Raises DatumRefused: there is no grid, or it does not reach.
    """
    from twin.datum import Geoid, geoid_undulation_m

    west, south, east, north = bounds
    step = max(_STEP, (east - west) / _MOST, (north - south) / _MOST)
    columns, rows = max(2, int(np.ceil((east - west) / step)) + 1), max(2, int(np.ceil((north - south) / step)) + 1)
    lon, lat = np.meshgrid(west + np.arange(columns) * step, south + np.arange(rows) * step)
    given = Geoid(grid=file) if file is not None else None
    found = geoid_undulation_m(lon.ravel(), lat.ravel(), datum, geoid=given)
    return Undulation(found.metres.reshape(lon.shape), west, south, step, found.how)


def _along(values: Floats, at: Floats, axis: int) -> Floats:
    inside = np.clip(at, 0, values.shape[axis] - 1)
    first = np.minimum(np.floor(inside).astype(int), values.shape[axis] - 2)
    shape = [1, 1]
    shape[axis] = at.size
    share = (inside - first).reshape(shape)
    out: Floats = np.take(values, first, axis) * (1 - share) + np.take(values, first + 1, axis) * share
    return out
