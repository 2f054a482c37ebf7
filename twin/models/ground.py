"""The ground under outlines, from a raster of heights: read block by block, so that its size does not matter."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import rasterio
from pyproj import Transformer
from rasterio.errors import RasterioError
from rasterio.windows import Window

from naru.errors import ArchiveDamaged
from twin.models.outlines import Outlines

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_BLOCK = 256  # cells of a side that are read at a time
_KEPT = 64  # blocks in memory
_GDAL = {"GDAL_CACHEMAX": 32 << 20, "GDAL_NUM_THREADS": "1", "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
_FINEST = 8  # a triangle's sides are asked at this many steps at most


@dataclass(frozen=True)
class GroundFile:
    """Which band of which raster is the ground: EL metres, in any system of coordinates.

    Where the band `origins` says `barred` it is none: buildings that were raised into a terrain, say.
    """

    path: Path
    band: int = 1
    origins: int | None = None
    barred: int = -1


class Ground:
    """An opened raster of heights. For one thread; use it as a context manager."""

    def __init__(self, file: GroundFile, crs: str) -> None:
        """Open `file`; points will come in `crs` (x before y)."""
        with ExitStack() as opened, _readable(file.path):
            opened.enter_context(rasterio.Env(**_GDAL))
            self._raster = opened.enter_context(rasterio.open(file.path))
            self._opened = opened.pop_all()
        self._file = file
        self._move = Transformer.from_crs(crs, self._raster.crs, always_xy=True)
        self._inverse = ~self._raster.transform
        self._blocks: OrderedDict[tuple[int, int], Floats] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def at(self, x: Floats, y: Floats) -> Floats:
        """Return the heights at points, bilinear between cell centres; NaN where the raster says nothing."""
        return self._heights(*self._cells(x, y))

    def lowest(self, shape: Outlines, count: int) -> Floats:
        """Return the lowest ground under each feature's triangles; NaN where there is none.

        Asked at the corners and between them, at most a cell apart or an eighth of a triangle's longest side.
        """
        points, triangles, feature = shape.points, shape.triangles, shape.feature
        corners = np.column_stack(self._cells(points[:, 0], points[:, 1]))[triangles]
        sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
        steps = np.clip(np.ceil(np.nan_to_num(sides, nan=1.0)), 1, _FINEST).astype(int)
        places, whose = [np.empty((0, 2))], [np.empty(0, np.int64)]
        for step in np.unique(steps):
            chosen, weights = steps == step, _lattice(int(step))
            places.append((weights @ corners[chosen]).reshape(-1, 2))
            whose.append(np.repeat(feature[triangles[chosen, 0]], len(weights)))
        heights, owner = self._heights(*np.concatenate(places).T), np.concatenate(whose)
        known = np.isfinite(heights)
        out = np.full(count, np.inf)
        np.minimum.at(out, owner[known], heights[known])
        return np.where(np.isfinite(out), out, np.nan)

    def cell(self, x: float, y: float) -> float:
        """Return the length of a cell at a place, in the units of the points' system."""
        step = 1e-6 * max(1.0, abs(x), abs(y))
        column, row = self._cells(np.array([x, x + step]), np.array([y, y]))
        return step / float(np.hypot(np.diff(column)[0], np.diff(row)[0]))

    def _cells(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return columns and rows of points, as fractions: the centre of the first cell is 0, 0."""
        to = self._inverse
        there_x, there_y = (np.asarray(v, float) for v in self._move.transform(x, y))
        return to.a * there_x + to.b * there_y + to.c - 0.5, to.d * there_x + to.e * there_y + to.f - 0.5

    def _heights(self, column: Floats, row: Floats) -> Floats:
        """Return the heights at fractions of columns and rows, block by block."""
        out = np.full(len(column), np.nan)
        inside = (row > -0.5) & (row < self._raster.height - 0.5) & (column > -0.5)
        index = np.flatnonzero(inside & (column < self._raster.width - 0.5))
        row, column = np.maximum(row[index], 0.0), np.maximum(column[index], 0.0)
        block = (row.astype(np.int64) // _BLOCK) << 32 | (column.astype(np.int64) // _BLOCK)
        order = np.argsort(block, kind="stable")
        for some in np.split(order, np.flatnonzero(np.diff(block[order])) + 1):
            if len(some):
                out[index[some]] = self._within(int(block[some[0]]), row[some], column[some])
        return out

    def _within(self, block: int, row: Floats, column: Floats) -> Floats:
        top, left = (block >> 32) * _BLOCK, (block & 0xFFFFFFFF) * _BLOCK
        values = self._block(top, left)
        up, west = np.floor(row).astype(int) - top, np.floor(column).astype(int) - left
        down, east = np.minimum(up + 1, values.shape[0] - 1), np.minimum(west + 1, values.shape[1] - 1)
        v, h = row - np.floor(row), column - np.floor(column)
        cells = np.array([values[up, west], values[up, east], values[down, west], values[down, east]])
        shares = np.array([(1 - v) * (1 - h), (1 - v) * h, v * (1 - h), v * h])
        shares[~np.isfinite(cells)] = 0.0
        total = shares.sum(axis=0)
        mixed = (np.where(np.isfinite(cells), cells, 0.0) * shares).sum(axis=0)
        out: Floats = np.where(total >= 0.25, mixed / np.where(total > 0, total, 1.0), np.nan)
        return out

    def _block(self, top: int, left: int) -> Floats:
        """Return a block and a row and column more, to the right and below."""
        key = top, left
        if key in self._blocks:
            self._blocks.move_to_end(key)
            return self._blocks[key]
        height = min(_BLOCK + 1, self._raster.height - top)
        width = min(_BLOCK + 1, self._raster.width - left)
        window = Window(left, top, width, height)
        with _readable(self._file.path):
            read = self._raster.read(self._file.band, window=window, masked=True)
            values: Floats = np.ma.filled(read.astype(np.float64), np.nan)
            if self._file.origins is not None:
                values[self._raster.read(self._file.origins, window=window) == self._file.barred] = np.nan
        self._blocks[key] = values
        if len(self._blocks) > _KEPT:
            self._blocks.popitem(last=False)
        return values


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what GDAL says of a raster that it cannot read into ArchiveDamaged."""
    try:
        yield
    except RasterioError as error:
        raise ArchiveDamaged(
            f"the terrain cannot be read ({error})", file=str(path), remedy="Make or ingest the terrain again."
        ) from error


def _lattice(steps: int) -> Floats:
    """Return shares of a triangle's corners, at points so many steps apart.

    >>> _lattice(1).tolist()
    [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    pairs = [(i, j) for i in range(steps + 1) for j in range(steps + 1 - i)]
    return np.array([(i, j, steps - i - j) for i, j in pairs]) / steps
