"""Values of a river terrain's native grid at positions. Loads rasterio: import it for the first section."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import rasterio
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from naru.errors import ArchiveDamaged
from tileserver.common.asking import Position
from tileserver.common.heights import Floats, between_pixels

log = logging.getLogger("naru.serve")
SMOOTH = ("bed_elevation", "water_depth", "manning_n")  # bands whose values lie between those of their cells
CLASSES = "provenance"
WATER = SMOOTH[:2]
_GDAL = {"GDAL_CACHEMAX": 64 << 20, "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}
_REMEDY = "Make the terrain again: `naru twin terrain SPEC.yaml`."


@dataclass(frozen=True)
class Cut:
    """Values along a line, by band, NaN where there is none; and the side of the cells that they come from."""

    bands: Mapping[str, Floats]  # each (places,)
    cell_m: float


def cut(path: Path, lonlat: Sequence[Position]) -> Cut:
    """Return a grid's values at positions (degrees, WGS 84): classes of the cell, others bilinear between cells.

    Water is `bed_elevation` + `water_depth` of the wet cells around, down to the bed.

    The file is a GeoTIFF with rows from the north in a projected system in metres, whose bands are named.

    Raises:
        ArchiveDamaged: it is not, or cannot be read.
    """
    try:
        with rasterio.Env(**_GDAL), rasterio.open(path, driver="GTiff") as dataset:
            return _cut(dataset, lonlat)
    except (RasterioError, ProjError, OSError) as cause:
        log.error("%s cannot be read: %s", path, cause)
        raise ArchiveDamaged("the terrain's grid cannot be read", remedy=_REMEDY) from cause


def _cut(dataset: DatasetReader, lonlat: Sequence[Position]) -> Cut:
    numbers = {name: number for number, name in enumerate(dataset.descriptions, 1) if name}
    if SMOOTH[0] not in numbers or dataset.crs is None:
        raise ArchiveDamaged(f"the terrain's grid has no band {SMOOTH[0]}, or no system", remedy=_REMEDY)
    columns, rows = _cells(dataset, lonlat)
    names = [name for name in SMOOTH if name in numbers]
    derive = _surface if names[:2] == list(WATER) else None
    values = between_pixels(dataset, columns, rows, [numbers[name] for name in names], derive)
    bands = dict(zip(names, values, strict=False))
    if derive is not None:
        bands["water_depth"] = _depth(bands["bed_elevation"], bands["water_depth"], values[-1])
    if CLASSES in numbers:
        middles = np.floor(columns + 0.5), np.floor(rows + 0.5)
        bands[CLASSES] = between_pixels(dataset, *middles, [numbers[CLASSES]])[0]
    return Cut(bands, abs(float(dataset.transform.a)))


def _surface(values: Floats) -> Floats:
    """Return the water's surface in the cells of a block that are wet, NaN in others."""
    bed, depth = values[:2]
    return np.where(depth > 0, bed + depth, np.nan)


def _depth(bed: Floats, depth: Floats, surface: Floats) -> Floats:
    """Return depths below the surface of the wet cells around, so that water ends where the bed rises out of it.

    A mean of the cells' own depths would not: half-way up a bank of 4 m it has water standing 2 m above the stage.
    """
    wet = np.where(np.isfinite(surface), np.maximum(surface - bed, 0.0), 0.0)
    return np.where(np.isfinite(depth), wet, np.nan)


def _cells(dataset: DatasetReader, lonlat: Sequence[Position]) -> tuple[Floats, Floats]:
    """Return columns and rows, counted from the middle of the first cell; NaN where the system has no place."""
    lon, lat = np.array([tuple(place) for place in lonlat], float).T
    x, y = _way_to(dataset.crs.to_wkt()).transform(lon, lat)
    x, y = (np.where(np.isfinite(axis), axis, np.nan) for axis in (x, y))
    place = dataset.transform
    return (x - place.c) / place.a - 0.5, (y - place.f) / place.e - 0.5


@lru_cache(maxsize=16)
def _way_to(wkt: str) -> Transformer:
    return Transformer.from_crs("OGC:CRS84", CRS.from_wkt(wkt), always_xy=True, allow_ballpark=False)
