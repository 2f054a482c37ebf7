"""A finished terrain as GeoTIFFs: one with all numbers, for models; and one a layer, for maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from naru.storage import disk_errors
from twin.burning.cells import transform
from twin.burning.provenance import ORIGINS
from twin.grid import Frame

Float32s = npt.NDArray[np.float32]
BANDS = ("bed_elevation", "water_depth", "manning_n", "provenance")
_UNITS = ("m", "m", "s m-1/3", "")
_BLOCK = 256


@dataclass(frozen=True)
class Surfaces:
    """A terrain's rasters (rows × columns)."""

    bed_elevation: Float32s  # metres; NaN: unknown
    water_depth: Float32s | None  # metres, 0 where dry; None: no stage was stated
    manning_n: Float32s  # s·m^-1/3
    provenance: npt.NDArray[np.uint8]  # codes of twin.burning.provenance


def write_grid(path: Path, surfaces: Surfaces, frame: Frame, vertical_datum: str) -> None:
    """Write the asset "grid": one float32 band each of `BANDS`, NaN where nothing is known.

    Raises:
        StorageFailed: the disk is full or not writable.
    """
    import rasterio

    depth = surfaces.water_depth
    if depth is None:
        depth = np.full((frame.rows, frame.columns), np.nan, np.float32)
    bands: tuple[npt.NDArray[Any], ...] = (surfaces.bed_elevation, depth, surfaces.manning_n, surfaces.provenance)
    with disk_errors(path), rasterio.open(path, "w", **_profile(frame, 4, "float32", np.nan)) as raster:
        raster.update_tags(VERTICAL_DATUM=vertical_datum)
        for number, (name, unit, values) in enumerate(zip(BANDS, _UNITS, bands, strict=True), 1):
            raster.set_band_description(number, name)
            raster.set_band_unit(number, unit)
            raster.write(values.astype(np.float32, copy=False), number)


def write_heights(path: Path, values: Float32s, frame: Frame) -> None:
    """Write bed elevations, metres. Raises StorageFailed."""
    _write(path, values, frame, np.nan, "m", {})


def write_depth(path: Path, depth: Float32s, frame: Frame) -> None:
    """Write depths, metres, with nothing where it is dry, so that maps show what is below. Raises StorageFailed."""
    _write(path, np.where(depth > 0, depth, np.float32(np.nan)), frame, np.nan, "m", {"COLOR_RAMP": "water"})


def write_roughness(path: Path, manning_n: Float32s, frame: Frame) -> None:
    """Write Manning's n. Raises StorageFailed."""
    _write(path, manning_n, frame, np.nan, "s·m⁻¹ᐟ³", {"COLOR_RAMP": "roughness"})


def write_provenance(path: Path, surfaces: Surfaces, frame: Frame) -> None:
    """Write where heights come from, as classes with colours and names. Raises StorageFailed."""
    import rasterio

    values = np.where(np.isnan(surfaces.bed_elevation), np.uint8(255), surfaces.provenance)
    names = {f"CLASS_NAME_{origin.code}": f"{origin.title_ko} ({origin.title_en})" for origin in ORIGINS}
    with disk_errors(path), rasterio.open(path, "w", **_profile(frame, 1, "uint8", 255)) as raster:
        raster.write_colormap(1, {o.code: (*o.colour, 255) for o in ORIGINS} | {255: (0, 0, 0, 0)})
        raster.update_tags(1, **names)
        raster.write(values, 1)


def _write(path: Path, values: Float32s, frame: Frame, nodata: float, unit: str, tags: Mapping[str, str]) -> None:
    import rasterio

    with disk_errors(path), rasterio.open(path, "w", **_profile(frame, 1, "float32", nodata)) as raster:
        raster.set_band_unit(1, unit)
        raster.update_tags(1, **tags)
        raster.write(values, 1)


def _profile(frame: Frame, count: int, dtype: str, nodata: float) -> dict[str, Any]:
    """Return how the files are written: tiled, deflated, larger than 4 GB where need be."""
    return {
        "driver": "GTiff",
        "height": frame.rows,
        "width": frame.columns,
        "count": count,
        "dtype": dtype,
        "crs": frame.crs,
        "transform": transform(frame),
        "nodata": nodata,
        "tiled": True,
        "blockxsize": _BLOCK,
        "blockysize": _BLOCK,
        "compress": "deflate",
        "predictor": 3 if dtype == "float32" else 1,
        "interleave": "band",
        "bigtiff": "if_safer",
    }
