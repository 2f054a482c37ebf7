"""Heights of a tile-aligned COG at any zoom, whole: what is missing is filled the same way for every tile."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from naru.cog import BLOCK, WEB_MERCATOR_EDGE_M
from naru.errors import ArchiveDamaged

Floats = npt.NDArray[np.float64]
_CACHE_BYTES = 64 << 20
_COARSE_PX = 1 << 20  # of the level from which gaps are filled


@dataclass(frozen=True)
class Pixels:
    """Pixels of a zoom of WebMercatorQuad (256 a tile): columns from `left` to before `right`, rows likewise."""

    zoom: int
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class _Level:
    overview: int | None  # None: full resolution
    left: int  # pixel of the zoom where it begins
    top: int
    width: int
    height: int


class Heights:
    """A COG of heights, metres. Each thread that reads has handles of its own.

    Raises ArchiveDamaged where the file is none, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._opened: list[DatasetReader] = []
        self._lock = threading.Lock()
        with gdal(), self._telling(), rasterio.open(path) as raster:
            self.maxzoom, self._levels = _levels(raster)
            self.nodata = raster.nodata
        self.minzoom = min(self._levels)
        self._small = self._reduced()
        self.filled_zoom, self._filled = self._without_gaps()

    def __enter__(self) -> Heights:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._opened:
            handle.close()

    def read(self, window: Pixels) -> Floats:
        """Return heights, NaN where there is none; the window may reach beyond the raster, or the world."""
        out: Floats = np.full((window.bottom - window.top, window.right - window.left), np.nan)
        if window.zoom < self.minzoom:
            left, top, values = self._small[window.zoom]
            _paste(out, window, left, top, values)
            return out
        level = self._levels[window.zoom]
        left, right = max(window.left, level.left), min(window.right, level.left + level.width)
        top, bottom = max(window.top, level.top), min(window.bottom, level.top + level.height)
        if left < right and top < bottom:
            with self._telling():
                place = Window(left - level.left, top - level.top, right - left, bottom - top)
                values = self._handle(level).read(1, window=place)
            _paste(out, window, left, top, self._known(values))
        return out

    def fill(self, window: Pixels, heights: Floats) -> None:
        """Give the missing of a window's `heights` a height, in place.

        Within the raster it is that of the nearest known place, as a coarse level has it; beyond, that of the
        raster's edge, which fades to 0 over the raster's larger side. It depends on the place alone, so that two
        tiles fill what they share with the same numbers.
        """
        rows, columns = np.nonzero(np.isnan(heights))
        if not rows.size:
            return
        left, top, values = self._filled
        scale = 2.0 ** (self.filled_zoom - window.zoom)
        x = (columns + window.left + 0.5) * scale - 0.5 - left
        y = (rows + window.top + 0.5) * scale - 0.5 - top
        height, width = values.shape
        inside_x, inside_y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
        beyond = np.hypot(x - inside_x, y - inside_y)
        share = np.maximum(0.0, 1 - beyond / max(height, width))
        heights[rows, columns] = share * _bilinear(values, inside_x, inside_y)

    def _handle(self, level: _Level) -> DatasetReader:
        kept: dict[int | None, DatasetReader] | None = getattr(self._local, "handles", None)
        if kept is None:
            kept = self._local.handles = {}
        if level.overview not in kept:
            how = {} if level.overview is None else {"overview_level": level.overview}
            with self._lock:
                handle = rasterio.open(self.path, **how)
                self._opened.append(handle)
            kept[level.overview] = handle
        return kept[level.overview]

    def _known(self, values: Any) -> Floats:
        out: Floats = values.astype(np.float64)
        if self.nodata is not None and not math.isnan(self.nodata):
            out[values == self.nodata] = np.nan
        out[~np.isfinite(out)] = np.nan
        return out

    def _whole(self, zoom: int) -> tuple[int, int, Floats]:
        level = self._levels[zoom]
        with gdal(), self._telling():
            return level.left, level.top, self._known(self._handle(level).read(1))

    def _reduced(self) -> dict[int, tuple[int, int, Floats]]:
        """Return the levels below the coarsest that the file has: means of the known of four, down to zoom 0."""
        out: dict[int, tuple[int, int, Floats]] = {}
        left, top, values = self._whole(self.minzoom)
        for zoom in range(self.minzoom - 1, -1, -1):
            height, width = values.shape
            padding = ((top % 2, (top + height) % 2), (left % 2, (left + width) % 2))
            padded = np.pad(values, padding, constant_values=np.nan)
            fours = np.stack([padded[i::2, k::2] for i in (0, 1) for k in (0, 1)])
            known = np.isfinite(fours)
            count = known.sum(axis=0)
            sums = np.where(known, fours, 0.0).sum(axis=0)
            values = np.where(count > 0, sums / np.maximum(count, 1), np.nan)
            left, top = left // 2, top // 2
            out[zoom] = left, top, values
        return out

    def _without_gaps(self) -> tuple[int, tuple[int, int, Floats]]:
        """Return the finest level that is small enough, every gap filled from the nearest known pixel."""
        from scipy.ndimage import distance_transform_edt

        small = [z for z, level in self._levels.items() if level.width * level.height <= _COARSE_PX]
        zoom = max(small) if small else self.minzoom
        left, top, values = self._whole(zoom)
        known = np.isfinite(values)
        if not known.any():
            raise ArchiveDamaged("no pixel has a height", file=str(self.path), remedy="Ingest the layer again.")
        if not known.all():
            row, column = distance_transform_edt(~known, return_distances=False, return_indices=True)
            values = values[row, column]
        return zoom, (left, top, values)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except RasterioError as cause:
            raise ArchiveDamaged(
                f"its heights cannot be read: {cause}", file=str(self.path), remedy="Ingest the layer again."
            ) from cause


def gdal() -> rasterio.Env:
    """Return an environment for GDAL with a small cache, for whoever reads from a `Heights`."""
    return rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES, GDAL_NUM_THREADS="1", GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR")


def _levels(raster: DatasetReader) -> tuple[int, dict[int, _Level]]:
    """Return the zoom of the full resolution and the levels by zoom."""
    pixel = raster.transform.a
    zoom = round(math.log2(2 * WEB_MERCATOR_EDGE_M / BLOCK / pixel))
    aligned = abs(pixel * 2**zoom * BLOCK / 2 / WEB_MERCATOR_EDGE_M - 1) < 1e-6
    if raster.crs is None or raster.crs.to_epsg() != 3857 or not aligned:
        raise ArchiveDamaged(
            "the raster is not aligned with the tiles of Web Mercator",
            file=raster.name,
            remedy="Ingest the layer again.",
        )
    left = round((raster.transform.c + WEB_MERCATOR_EDGE_M) / pixel)
    top = round((WEB_MERCATOR_EDGE_M - raster.transform.f) / pixel)
    out = {zoom: _Level(None, left, top, raster.width, raster.height)}
    for number, factor in enumerate(raster.overviews(1)):
        down = round(math.log2(factor))
        if left % factor or top % factor or zoom - down < 0:
            break  # coarser ones begin within a pixel: they are made anew from the last that does not
        width, height = -(-raster.width // factor), -(-raster.height // factor)
        out[zoom - down] = _Level(number, left // factor, top // factor, width, height)
    return zoom, out


def _paste(out: Floats, window: Pixels, left: int, top: int, values: Floats) -> None:
    """Copy what of `values`, which begin at (left, top), lies in the window."""
    height, width = values.shape
    x0, x1 = max(window.left, left), min(window.right, left + width)
    y0, y1 = max(window.top, top), min(window.bottom, top + height)
    if x0 < x1 and y0 < y1:
        part = values[y0 - top : y1 - top, x0 - left : x1 - left]
        out[y0 - window.top : y1 - window.top, x0 - window.left : x1 - window.left] = part


def _bilinear(values: Floats, x: Floats, y: Floats) -> Floats:
    height, width = values.shape
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
    right, down = x - x0, y - y0
    upper = values[y0, x0] * (1 - right) + values[y0, x1] * right
    lower = values[y1, x0] * (1 - right) + values[y1, x1] * right
    out: Floats = upper * (1 - down) + lower * down
    return out
