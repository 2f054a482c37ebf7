"""The depth at a place over time, read from a run's result.nc. Loads rasterio and pyproj: import it when asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from naru.errors import ArchiveDamaged

if TYPE_CHECKING:
    from pyproj import Transformer

_FILE = "result.nc"


class Column(NamedTuple):
    """What a cell went through."""

    bed_m: float  # bed elevation, m
    depth_m: list[float]  # at each output time


def column_at(folder: Path, run: Mapping[str, Any], lon: float, lat: float) -> Column | None:
    """Return the depths of a run's cell at a place (degrees, WGS 84).

    `run` is its run.json: `crs`, `bounds` (west, south, east, north) and `cell_m` say where its cells are.
    None where nothing was modelled, where the run wrote no result.nc, and where it has no CRS.

    Raises:
        ArchiveDamaged: the file cannot be read.
    """
    path = folder / _FILE
    cell = _cell(run, lon, lat)
    if cell is None or not path.exists():
        return None
    try:
        (bed,), depths = _values(path, "bed_elevation", cell), _values(path, "depth", cell)
    except (RasterioError, OSError, ValueError) as cause:
        raise ArchiveDamaged(f"the depths cannot be read: {cause}", file=_FILE) from cause
    return Column(bed, depths) if math.isfinite(bed) and all(map(math.isfinite, depths)) else None


def _cell(run: Mapping[str, Any], lon: float, lat: float) -> Window | None:
    if not run.get("crs"):
        return None
    x, y = _from_lonlat(str(run["crs"])).transform(lon, lat)
    west, _, _, north = run["bounds"]
    if not (math.isfinite(x) and math.isfinite(y)):
        return None
    column, row = math.floor((x - west) / run["cell_m"]), math.floor((north - y) / run["cell_m"])
    inside = 0 <= column < run["columns"] and 0 <= row < run["rows"]
    return Window(column, row, 1, 1) if inside else None


def _values(path: Path, variable: str, cell: Window) -> list[float]:
    with rasterio.open(f'netcdf:"{path}":{variable}') as raster:
        values: list[float] = raster.read(window=cell)[:, 0, 0].tolist()
    return values


@lru_cache(maxsize=16)
def _from_lonlat(crs: str) -> Transformer:
    from pyproj import Transformer

    return Transformer.from_crs("OGC:CRS84", crs, always_xy=True)
