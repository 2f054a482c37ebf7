"""The depth at a place over time, read from a flood's raster. Loads rasterio and pyproj: import it when asked."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from naru.cog import WEB_MERCATOR_EDGE_M as EDGE_M
from naru.errors import ArchiveDamaged

_GDAL = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}  # an archive has no side files
_STEEPEST = 85.06  # degrees of latitude: where web maps end


class Here(NamedTuple):
    """What is known of a place."""

    depth_m: list[float] | None  # by time, 0 where it is dry; None: outside of what was modelled
    deepest_m: float | None  # of all steps, not only of those times
    bed_m: float | None


_NOTHING = Here(None, None, None)


def depths_at_place(path: Path, lon: float, lat: float) -> Here:
    """Return the depths of all times at a place (degrees, WGS 84), and the bed elevation there.

    Raises:
        ArchiveDamaged: the raster cannot be read.
    """
    if abs(lat) > _STEEPEST:
        return _NOTHING
    x, y = lon / 180 * EDGE_M, math.asinh(math.tan(math.radians(lat))) / math.pi * EDGE_M
    try:
        with rasterio.Env(**_GDAL), rasterio.open(path, driver="GTiff") as raster:
            place = raster.transform
            column, row = math.floor((x - place.c) / place.a), math.floor((y - place.f) / place.e)
            if not (0 <= column < raster.width and 0 <= row < raster.height):
                return _NOTHING
            window = Window(column, row, 1, 1)
            if not raster.read_masks(raster.count, window=window)[0, 0]:
                return _NOTHING
            values, nodata = raster.read(window=window)[:, 0, 0].tolist(), raster.nodata
    except (RasterioError, OSError) as cause:
        raise ArchiveDamaged(f"the depths cannot be read: {cause}", file=str(path)) from cause
    *depths, deepest = (0.0 if value == nodata else value for value in values[:-1])
    return Here(depths, deepest, values[-1])
