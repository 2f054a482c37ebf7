"""Small terrains and scenario files for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

from twin.scenario.assemble import assemble
from twin.scenario.read import read_mapping
from twin.scenario.records import Assembled

WEST, NORTH = 200_000.0, 550_000.0  # in EPSG:5186: Seoul


def write_raster(
    path: Path,
    values: NDArray[Any],
    *,
    cell: float | tuple[float, float] = 2.0,
    crs: str | None = "EPSG:5186",
    corner: tuple[float, float] = (WEST, NORTH),
    nodata: float | None = None,
    bands: tuple[str, ...] = (),
) -> Path:
    """Write rows from the north as a GeoTIFF; three-dimensional values have their bands first."""
    stack = np.asarray(values, np.float32).reshape((-1, *values.shape[-2:]))
    width, height = cell if isinstance(cell, tuple) else (cell, cell)
    profile = {
        "driver": "GTiff",
        "width": stack.shape[2],
        "height": stack.shape[1],
        "count": stack.shape[0],
        "dtype": "float32",
        "crs": crs,
        "transform": Affine(width, 0, corner[0], 0, -height, corner[1]),
        "nodata": nodata,
    }
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(stack)
        for number, name in enumerate(bands, 1):
            raster.set_band_description(number, name)
    return path


def plain(folder: Path, rows: int = 20, columns: int = 30) -> Path:
    """Write a slope that falls eastwards by 0.1 m a cell, without a step elsewhere."""
    return write_raster(folder / "dem.tif", np.tile(10.0 - 0.1 * np.arange(columns), (rows, 1)))


def mapping(**fields: Any) -> dict[str, Any]:
    """Return the fields of a scenario; `None` leaves a usual one out."""
    usual = {"scenario": "test", "terrain": "dem.tif", "duration_s": 60, "manning_n": 0.03}
    return {name: value for name, value in {**usual, **fields}.items() if value is not None}


def made(folder: Path, **fields: Any) -> Assembled:
    """Return a scenario of a folder, assembled without a house."""
    return assemble(read_mapping(mapping(**fields), folder / "scenario.yaml"), None)
