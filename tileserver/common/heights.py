"""Heights read from a COG in Web Mercator, between its pixels. Loads rasterio: import it for the first height."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from naru.cog import BLOCK, WEB_MERCATOR_EDGE_M
from naru.errors import ArchiveDamaged
from naru.tms import WEB_MERCATOR_LIMIT
from tileserver.common.asking import Position

log = logging.getLogger("naru.serve")
Floats = NDArray[np.float64]
_GDAL = {"GDAL_CACHEMAX": 64 << 20, "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}


def heights_at(path: Path, lonlat: Sequence[Position]) -> Floats:
    """Return the values of band 1 at positions (degrees, WGS 84); NaN where there is none.

    Bilinear between the middles of the four pixels around; of those, pixels without a value are left out, and where
    the pixel that the position lies in has none, there is none.

    Raises:
        ArchiveDamaged: the archive cannot be read.
    """
    try:
        with rasterio.Env(**_GDAL), rasterio.open(path, driver="GTiff") as dataset:
            values: Floats = between_pixels(dataset, *_pixels(dataset, lonlat), [1])[0]
            return values
    except (RasterioError, OSError) as cause:
        log.error("%s cannot be read: %s", path, cause)
        raise ArchiveDamaged("the raster archive cannot be read") from cause


def _pixels(dataset: DatasetReader, lonlat: Sequence[Position]) -> tuple[Floats, Floats]:
    """Return columns and rows, counted from the middle of the first pixel; NaN beyond Web Mercator."""
    lon, lat = np.array([tuple(place) for place in lonlat], float).T
    lat = np.where(abs(lat) <= WEB_MERCATOR_LIMIT, lat, np.nan)
    x = lon / 180 * WEB_MERCATOR_EDGE_M
    y = np.arctanh(np.sin(np.radians(lat))) / np.pi * WEB_MERCATOR_EDGE_M
    place = dataset.transform
    return (x - place.c) / place.a - 0.5, (y - place.f) / place.e - 0.5


def between_pixels(
    dataset: DatasetReader,
    columns: Floats,
    rows: Floats,
    bands: Sequence[int],
    derive: Callable[[Floats], Floats] | None = None,
) -> Floats:
    """Return values (bands, places) at places between pixels, read block by block: a block is unpacked once.

    `columns` and `rows` count from the middle of the first pixel. Bilinear, as `heights_at` says. `derive` makes
    one more band (rows, columns) of a block's (bands, rows, columns): told where only a neighbour has it, too.
    """
    out = np.full((len(bands) + (derive is not None), len(columns)), np.nan)
    inside = (columns >= -0.5) & (columns < dataset.width - 0.5) & (rows >= -0.5) & (rows < dataset.height - 0.5)
    index = np.flatnonzero(inside)
    left, top = np.floor(columns[index]).astype(int), np.floor(rows[index]).astype(int)
    blocks = np.column_stack([left // BLOCK, top // BLOCK])
    for column, row in np.unique(blocks, axis=0):
        chosen = index[(blocks == (column, row)).all(axis=1)]
        window, x, y = _block(dataset, int(column), int(row), columns[chosen], rows[chosen])
        values = dataset.read(list(bands), window=window, masked=True).astype(float).filled(np.nan)
        out[: len(bands), chosen] = _mixed(values, x, y)
        if derive is not None:
            out[-1, chosen] = _mixed(derive(values)[None], x, y, own=False)[0]
    return out


def _block(
    dataset: DatasetReader, column: int, row: int, columns: Floats, rows: Floats
) -> tuple[Window, Floats, Floats]:
    """Return a block with the pixels beside it, and places counted from its first pixel."""
    first, above = max(0, column * BLOCK), max(0, row * BLOCK)
    width = min(dataset.width, (column + 1) * BLOCK + 1) - first
    height = min(dataset.height, (row + 1) * BLOCK + 1) - above
    x, y = np.clip(columns - first, 0, width - 1), np.clip(rows - above, 0, height - 1)
    return Window(first, above, width, height), x, y


def _mixed(values: Floats, x: Floats, y: Floats, *, own: bool = True) -> Floats:
    """Return values (bands, places) within a block (bands, rows, columns); `own`: its pixel must have one."""
    height, width = values.shape[1:]
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, low = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    fx, fy = x - left, y - top
    corners = np.stack([values[:, top, left], values[:, top, right], values[:, low, left], values[:, low, right]])
    weights = np.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy])[:, None]
    weights = np.where(np.isfinite(corners), weights, 0.0)
    total = weights.sum(axis=0)
    mixed = np.where(np.isfinite(corners), corners, 0.0)
    found: Floats = np.divide(
        (weights * mixed).sum(axis=0), total, out=np.full(total.shape, np.nan), where=total > 0
    )
    if not own:
        return found
    here = values[:, np.floor(y + 0.5).astype(int), np.floor(x + 0.5).astype(int)]
    return np.where(np.isfinite(here), found, np.nan)
