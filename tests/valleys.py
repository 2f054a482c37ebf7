"""What tests of flood runs share: a small valley, its scenario, and a terrain layer of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import yaml
from affine import Affine

WEST, NORTH, CELL_M = 200_000.0, 550_000.0, 5.0


def write_valley(path: Path, rows: int = 40, columns: int = 60) -> Path:
    """Write a bent valley that falls to the east, EPSG:5186, cells of 5 m."""
    y, x = np.mgrid[0:rows, 0:columns]
    bed = 10 - 0.02 * x + ((y - rows / 2 - 3 * np.sin(x / 9)) / 9) ** 2
    place = Affine(CELL_M, 0, WEST, 0, -CELL_M, NORTH)
    about = {"driver": "GTiff", "count": 1, "width": columns, "height": rows, "dtype": "float32", "nodata": -9999}
    with rasterio.open(path, "w", crs="EPSG:5186", transform=place, **about) as raster:
        raster.write(bed.astype(np.float32), 1)
    return path


def scenario(**changes: Any) -> dict[str, Any]:
    """Return a scenario of the valley beside it: water that stands 10 cm deep runs together for ten minutes."""
    plain = {
        "scenario": "valley",
        "terrain": "valley.tif",
        "duration_h": 1 / 6,
        "output_every_min": 2,
        "manning_n": 0.03,
        "initial": {"depth_m": 0.1},
        "gauges": [{"name": "low", "at": [200_250, 549_900]}],
    }
    return {name: value for name, value in (plain | changes).items() if value is not None}


def write_scenario(folder: Path, name: str = "valley.yaml", **changes: Any) -> Path:
    """Write the scenario, and the valley beside it if it is not there."""
    if not (folder / "valley.tif").exists():
        write_valley(folder / "valley.tif")
    path = folder / name
    path.write_text(yaml.safe_dump(scenario(**changes), allow_unicode=True), encoding="utf-8")
    return path


def read(path: Path) -> Any:
    """Return a raster's first band."""
    with rasterio.open(path) as raster:
        return raster.read(1)
