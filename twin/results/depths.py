"""Depths of all output times as one GeoTIFF whose blocks are web map tiles: a band a time, the deepest, the bed.

Bands lie apart (planar configuration separate), so that the tile of one time is one block, and blocks without water
are left out. Depths are float32, at most half a millimetre off (LERC); each pixel is that of the cell under it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

from naru.cog import BLOCK
from naru.cog import WEB_MERCATOR_EDGE_M as EDGE_M
from naru.storage import disk_errors
from twin.grid import Frame, Values
from twin.results.mercator import Canvas, box_of, canvas_for

_NODATA = -9999.0
_MAX_ERROR_M = 0.0005
_ZSTD_LEVEL = 1
_HIGHEST_ZOOM = 24
_FEW = 32  # cells a side: a frame of fewer gets two zooms more, as in `naru ingest`
_SPARE = 0.1  # of a zoom: at most 7 % of the resolution is lost
_STRIP = 4  # blocks high: 64 MB of indices at 8192 pixels across
_EDGE = 1e-6  # of a tile: a box that ends on a border does not reach into the next
ReadDepth = Callable[[int, slice], Values]
"""Returns the depths of a band, counted from 0, in some rows of cells; NaN or 0: none."""


@dataclass(frozen=True)
class Zooms:
    """Which zooms of WebMercatorQuad a frame is shown in, and on what pixels at the finest."""

    minzoom: int
    maxzoom: int
    canvas: Canvas  # begins and ends at tiles of `minzoom`


def zooms_for(frame: Frame) -> Zooms:
    """Return the zooms of a frame: the finest has pixels like its cells, of the coarsest one to four tiles do.

    The rule is that of `naru ingest` (docs/formats.md, Rasters).
    """
    west, south, east, north = box_of(frame)
    cell = canvas_for(frame, 1 << 30).pixel_m
    few = 2 if max(frame.rows, frame.columns) < _FEW else 0
    finest = min(_HIGHEST_ZOOM, max(0, math.ceil(math.log2(2 * EDGE_M / BLOCK / cell) + few - _SPARE)))
    coarsest = min(finest, max(0, math.floor(math.log2(2 * EDGE_M / max(east - west, north - south)))))
    span = 2 * EDGE_M / (1 << coarsest)
    left, top = math.floor((west + EDGE_M) / span + _EDGE), math.floor((EDGE_M - north) / span + _EDGE)
    right, bottom = math.ceil((east + EDGE_M) / span - _EDGE), math.ceil((EDGE_M - south) / span - _EDGE)
    blocks = BLOCK << (finest - coarsest)
    rows, columns = (bottom - top) * blocks, (right - left) * blocks
    return Zooms(coarsest, finest, Canvas(left * span - EDGE_M, EDGE_M - top * span, span / blocks, rows, columns))


def write_depths(path: Path, frame: Frame, bed: Values, bands: int, read: ReadDepth, shown_m: float) -> None:
    """Write so many bands of depths, nothing where they are below `shown_m`, and one of `bed` behind them.

    The last of `bands` is the deepest of all time. One strip of one band is held at a time.

    Raises:
        StorageFailed: the disk is full or not writable.
    """
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.windows import Window

    zooms = zooms_for(frame)
    quiet = rasterio.Env(
        SPARSE_OK_OVERVIEW="YES", MAX_Z_ERROR_OVERVIEW=str(_MAX_ERROR_M), ZSTD_LEVEL_OVERVIEW=str(_ZSTD_LEVEL)
    )
    with disk_errors(path), quiet:
        with rasterio.open(path, "w", **_profile(zooms.canvas, bands + 1)) as raster:
            for row, column, canvas in _strips(zooms.canvas, frame):
                strip = _Strip.of(canvas.cells(frame), frame)
                if strip is None:
                    continue
                window = Window(column, row, canvas.columns, canvas.rows)
                for number in range(bands):
                    depth = read(number, strip.rows)
                    wet = np.where(depth >= shown_m, depth, _NODATA)
                    if (wet >= 0).any():
                        raster.write(strip.show(wet), number + 1, window=window)
                ground = bed[strip.rows]
                raster.write(strip.show(np.where(np.isnan(ground), _NODATA, ground)), bands + 1, window=window)
        with rasterio.open(path, "r+") as raster:
            steps = [1 << step for step in range(1, zooms.maxzoom - zooms.minzoom + 1)]
            if steps:
                raster.build_overviews(steps, Resampling.average)


def _strips(canvas: Canvas, frame: Frame) -> Iterator[tuple[int, int, Canvas]]:
    """Yield row, column and pixels of strips that cover a frame, made of whole blocks."""
    west, south, east, north = box_of(frame)
    block_m = canvas.pixel_m * BLOCK
    top, left = math.floor((canvas.north - north) / block_m), math.floor((west - canvas.west) / block_m)
    bottom, right = math.ceil((canvas.north - south) / block_m), math.ceil((east - canvas.west) / block_m)
    bottom, right = min(bottom, canvas.rows // BLOCK), min(right, canvas.columns // BLOCK)
    for first in range(max(0, top), bottom, _STRIP):
        place = first * BLOCK, max(0, left) * BLOCK
        size = (min(bottom, first + _STRIP) - first) * BLOCK, right * BLOCK - place[1]
        yield *place, canvas.part(*place, *size)


@dataclass(frozen=True)
class _Strip:
    """Some rows of pixels, and the rows of cells that they show."""

    cells: Any  # flat index among `rows` of cells; the last + 1: nothing
    rows: slice

    @classmethod
    def of(cls, cells: Any, frame: Frame) -> _Strip | None:
        """Return the strip of `Canvas.cells`; None where it shows none."""
        inside = cells >= 0
        if not inside.any():
            return None
        first, last = int(cells[inside].min()) // frame.columns, int(cells[inside].max()) // frame.columns
        size = (last + 1 - first) * frame.columns
        return cls(np.where(inside, cells - first * frame.columns, size), slice(first, last + 1))

    def show(self, values: Values) -> Values:
        """Return the values of cells in `rows` as pixels, float32."""
        out: Values = np.append(values.astype(np.float32).ravel(), np.float32(_NODATA))[self.cells]
        return out


def _profile(canvas: Canvas, bands: int) -> dict[str, Any]:
    place = Affine(canvas.pixel_m, 0, canvas.west, 0, -canvas.pixel_m, canvas.north)
    return {
        "driver": "GTiff",
        "height": canvas.rows,
        "width": canvas.columns,
        "count": bands,
        "dtype": "float32",
        "crs": "EPSG:3857",
        "transform": place,
        "nodata": _NODATA,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "interleave": "band",
        "compress": "lerc_zstd",
        "max_z_error": _MAX_ERROR_M,
        "zstd_level": _ZSTD_LEVEL,
        "sparse_ok": True,
        "bigtiff": "if_safer",
    }
