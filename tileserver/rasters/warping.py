"""Pixels of a COG put into another grid: exact positions on a mesh, Pillow's resampling between them.

A tile's pixels are found by transforming the corners of a mesh with PROJ and going straight between them. The mesh
is as fine as that needs: off by at most a tenth of a pixel of the source. Pillow's C walks through it in a sixth of
the time of GDAL's warper, and the source is read at the level that is closest, so one pixel or four are enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer
from rasterio.io import DatasetReader
from rasterio.windows import Window

from naru.cog import BLOCK, WEB_MERCATOR_EDGE_M, Level
from naru.grids import Grid
from tileserver.rasters.patches import Patch, read

Floats = NDArray[np.float64]
_RADIUS = WEB_MERCATOR_EDGE_M / math.pi
_CELLS = (4, 8, 16, 32, 64)  # of a mesh, along a side
_MOST_OFF = 0.1  # pixels of the source
_REACH = 2  # pixels of the source beyond a tile that its own pixels may need
_MOST_SIDE = 2048  # pixels of the source that are read for one tile, each way
_HALF_SURE = 128  # of 255: a pixel exists if at least half of what it is made of does


@dataclass(frozen=True)
class Mesh:
    """Where a tile's pixels lie in a level of a COG."""

    cuts: NDArray[np.int64]  # pixels of the tile at which it is cut, in both directions; the first is 0
    columns: Floats  # (cuts, cuts): of the level; NaN where the projection has no answer
    rows: Floats
    world: int  # columns all around the world

    @property
    def side(self) -> int:
        """How many pixels the tile has each way."""
        return int(self.cuts[-1])

    def window(self, level: Level) -> tuple[int, int, int, int] | None:
        """Return left, top, right, bottom of what is to be read; None where the level does not reach."""
        if np.isnan(self.columns).all():
            return None
        left, right = math.floor(np.nanmin(self.columns)) - _REACH, math.ceil(np.nanmax(self.columns)) + _REACH
        top, bottom = math.floor(np.nanmin(self.rows)) - _REACH, math.ceil(np.nanmax(self.rows)) + _REACH
        left, right, top, bottom = max(0, left), min(level.width, right), max(0, top), min(level.height, bottom)
        if left >= right or top >= bottom or not _any_stored(level, (left, top, right, bottom)):
            return None
        return left, top, right, bottom


def warped(dataset: DatasetReader, level: Level, mesh: Mesh, bands: list[int], *, nearest: bool) -> Patch | None:
    """Return a tile's pixels; None where the raster has nothing.

    `nearest`: each pixel is one of the source's, for classes; else a mean of four, weighted by distance and alpha.
    """
    window = mesh.window(level)
    if window is None:
        return None
    left, top, right, bottom = window
    wide, high = right - left, bottom - top
    step = math.ceil(max(wide, high) / _MOST_SIDE)  # more than one only near the poles of a lon/lat grid
    shape = -(-high // step), -(-wide // step)
    found = read(dataset, Window(left, top, wide, high), bands, shape if step > 1 else None)
    cells = list(_cells(mesh, (left, top), (shape[1] / wide, shape[0] / high)))
    place = _nearest if nearest else _coloured if _is_picture(found) else _measured
    return place(found, (mesh.side, cells))


def mesh_of(grid: Grid, tile: tuple[int, int, int], level: Level, scale: int, margin: int) -> Mesh:
    """Return where the pixels of a tile (z, x, y), 256 times `scale` and a margin all around, lie in a level."""
    for count in _CELLS:
        found, off = _mesh(grid, tile, level, (BLOCK * scale, margin), count)
        if off <= _MOST_OFF:
            break
    return found


def _mesh(
    grid: Grid, tile: tuple[int, int, int], level: Level, size: tuple[int, int], count: int
) -> tuple[Mesh, float]:
    """Return a mesh of count × count cells, and by how much its cells' middles are off, in pixels."""
    side, margin = size
    left, bottom, right, top = grid.bounds(*tile)
    cuts = np.rint(np.linspace(0, side + 2 * margin, count + 1)).astype("i8")
    fine = np.interp(np.arange(2 * count + 1) / 2, np.arange(count + 1), cuts)  # with the middles between them
    inside = (fine - margin) / side
    xs, ys = np.meshgrid(left + inside * (right - left), top - inside * (top - bottom))
    easting, northing = to_mercator(grid.crs, xs, ys)
    pixel = 2 * WEB_MERCATOR_EDGE_M / BLOCK / 2**level.zoom
    columns = _finite((easting + WEB_MERCATOR_EDGE_M) / pixel - level.left * BLOCK)
    rows = _finite((WEB_MERCATOR_EDGE_M - northing) / pixel - level.top * BLOCK)
    off = max(_bend(columns), _bend(rows))
    return Mesh(cuts, columns[::2, ::2], rows[::2, ::2], BLOCK << level.zoom), off


def to_mercator(crs: str, xs: Floats, ys: Floats) -> tuple[Floats, Floats]:
    """Return EPSG:3857's easting and northing of positions in a grid's CRS, x before y whatever its axis order.

    Not finite where the projection has no answer. Longitudes are not brought back into -180 … 180.
    """
    if crs == "OGC:CRS84":  # EPSG guidance note 7-2, method 1024
        with np.errstate(divide="ignore"):
            return np.radians(xs) * _RADIUS, np.arctanh(np.sin(np.radians(ys))) * _RADIUS
    return _transformer(crs).transform(xs, ys)


@cache
def _transformer(crs: str) -> Transformer:
    return Transformer.from_crs(crs, "EPSG:3857", always_xy=True)


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


def _bend(fine: Floats) -> float:
    """Return by how much the middle of a cell lies off the straight line between its corners, at most."""
    across = np.abs(fine[:, 1::2] - (fine[:, :-1:2] + fine[:, 2::2]) / 2)
    down = np.abs(fine[1::2] - (fine[:-1:2] + fine[2::2]) / 2)
    known = [part[~np.isnan(part)] for part in (across, down)]
    return max((float(part.max()) for part in known if part.size), default=0.0)


def _any_stored(level: Level, window: tuple[int, int, int, int]) -> bool:
    """Tell whether any block in a window is stored: a sparse file leaves empty ones out."""
    left, top, right, bottom = window
    return any(
        level.counts[row * level.columns + column]
        for row in range(top // BLOCK, (bottom - 1) // BLOCK + 1)
        for column in range(left // BLOCK, (right - 1) // BLOCK + 1)
    )


# --- resampling ----------------------------------------------------------------------------------

Box = tuple[int, int, int, int]
Cells = list[tuple[Box, tuple[float, ...]]]  # as Pillow's MESH has them: target's box, source's corners
Plan = tuple[int, Cells]  # pixels of a side, and the cells


def _cells(
    mesh: Mesh, corner: tuple[int, int], thinned: tuple[float, float]
) -> Iterator[tuple[Box, tuple[float, ...]]]:
    """Yield the mesh's cells; corners go round from the upper left over the lower left (Pillow's QUAD)."""
    columns, rows = (mesh.columns - corner[0]) * thinned[0], (mesh.rows - corner[1]) * thinned[1]
    cuts, torn = mesh.cuts.tolist(), mesh.world / 2 * thinned[0]  # across the 180th meridian
    for j in range(len(cuts) - 1):
        for i in range(len(cuts) - 1):
            corners = [(j, i), (j + 1, i), (j + 1, i + 1), (j, i + 1)]
            quad = tuple(float(part[at]) for at in corners for part in (columns, rows))
            if math.isfinite(sum(quad)) and max(quad[::2]) - min(quad[::2]) < torn:
                yield (cuts[i], cuts[j], cuts[i + 1], cuts[j + 1]), quad


def _is_picture(patch: Patch) -> bool:
    return patch.values.dtype == np.uint8 and len(patch.values) in (1, 3)


def _coloured(patch: Patch, plan: Plan) -> Patch:
    """Resample grey or red, green, blue with alpha at once; Pillow weighs colours by alpha."""
    pixels = np.concatenate([patch.values, patch.alpha[None]])
    image = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    moved = np.moveaxis(np.asarray(_moved(image, plan, Image.Resampling.BILINEAR)), -1, 0)
    return Patch(moved[:-1], moved[-1])


def _measured(patch: Patch, plan: Plan) -> Patch:
    """Resample any numbers as float32; what is not there has no weight."""
    whole = bool(patch.alpha.all())
    how = Image.Resampling.NEAREST if whole else Image.Resampling.BILINEAR
    share = np.asarray(_moved(Image.fromarray(patch.alpha), plan, how))
    alpha = np.where(share >= _HALF_SURE, np.uint8(255), np.uint8(0))
    bands = [_measured_band(band, patch, plan, whole) for band in patch.values]
    return Patch(np.stack(bands), alpha)


def _measured_band(band: NDArray[Any], patch: Patch, plan: Plan, whole: bool) -> NDArray[np.float32]:
    if whole:
        return np.asarray(_moved(Image.fromarray(band.astype("f4")), plan, Image.Resampling.BILINEAR))
    weights = patch.valid.astype("f4")
    known = np.where(patch.valid, band, 0).astype("f4")
    total, weight = (
        np.asarray(_moved(Image.fromarray(part), plan, Image.Resampling.BILINEAR)) for part in (known, weights)
    )
    return np.asarray(np.divide(total, weight, out=np.zeros_like(total), where=weight > 0), "f4")


def _nearest(patch: Patch, plan: Plan) -> Patch:
    """Take one pixel of the source for each, unchanged."""
    how = Image.Resampling.NEAREST
    bands = [np.asarray(_moved(Image.fromarray(band.astype("i4")), plan, how)) for band in patch.values]
    return Patch(np.stack(bands), np.asarray(_moved(Image.fromarray(patch.alpha), plan, how)))


def _moved(image: Image.Image, plan: Plan, how: Image.Resampling) -> Image.Image:
    side, cells = plan
    return image.transform((side, side), Image.Transform.MESH, cells, how)
