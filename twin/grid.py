"""A raster of square cells with all that makes its numbers mean something: the waist that twin's rasters pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """Where a raster's cells lie: square, in rows from the north, `crs` projected in metres."""

    west: float  # of the outer edge of the first column, metres
    north: float  # of the outer edge of the first row
    cell_m: float
    rows: int
    columns: int
    crs: str  # such as "EPSG:5186"

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north of the outer edges, in `crs`."""
        return (
            self.west,
            self.north - self.rows * self.cell_m,
            self.west + self.columns * self.cell_m,
            self.north,
        )

    @property
    def x(self) -> Floats:
        """The columns' centres, eastwards."""
        out: Floats = self.west + (np.arange(self.columns, dtype=np.float64) + 0.5) * self.cell_m
        return out

    @property
    def y(self) -> Floats:
        """The rows' centres, from the north."""
        out: Floats = self.north - (np.arange(self.rows, dtype=np.float64) + 0.5) * self.cell_m
        return out

    def place(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return row and column, as fractions: the centre of the first cell is 0, 0.

        >>> frame = Frame(200_000.0, 550_000.0, 2.0, 10, 10, "EPSG:5186")
        >>> [float(v) for v in frame.place(np.float64(200_001.0), np.float64(549_997.0))]
        [1.0, 0.0]
        """
        return (self.north - y) / self.cell_m - 0.5, (x - self.west) / self.cell_m - 0.5


@dataclass(frozen=True)
class Grid:
    """Values on a frame. Floats have no nodata: NaN is where nothing is known."""

    values: Values  # rows × columns
    frame: Frame
    unit: str = "m"
    vertical_datum: str | None = None  # of heights, such as "KVD1964"

    def at(self, x: Floats, y: Floats) -> Floats:
        """Return the values at points in `frame.crs`, bilinear between cell centres (ISO 19123: bilinear).

        NaN beyond the centres of the outermost cells by more than half a cell, and beside cells without value.
        """
        row, column = self.frame.place(np.asarray(x, float), np.asarray(y, float))
        rows, columns = self.values.shape
        inside = (row >= -0.5) & (row <= rows - 0.5) & (column >= -0.5) & (column <= columns - 0.5)
        row, column = np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)
        top = np.minimum(np.where(inside, row, 0).astype(int), max(rows - 2, 0))
        left = np.minimum(np.where(inside, column, 0).astype(int), max(columns - 2, 0))
        below, right = np.minimum(top + 1, rows - 1), np.minimum(left + 1, columns - 1)
        down, across = row - top, column - left
        v = self.values
        upper = _mixed(v[top, left], v[top, right], across)
        lower = _mixed(v[below, left], v[below, right], across)
        out: Floats = np.where(inside, _mixed(upper, lower, down), np.nan)
        return out


def _mixed(first: Values, second: Values, share: Floats) -> Floats:
    """Return the mean; what has no share is not asked, so that its NaN does not spread."""
    mixed = np.where(share == 0, first, np.where(share == 1, second, first * (1 - share) + second * share))
    out: Floats = mixed.astype(np.float64)
    return out
