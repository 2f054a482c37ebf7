"""What a run leaves of each cell, as cloud-optimised GeoTIFFs: one float32 band, NaN where there is no water."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from naru.storage import disk_errors
from twin.burning.cells import transform
from twin.flood.advance import Flood
from twin.flood.records import Maxima
from twin.grid import Frame, Values
from twin.results.frames import DRY_M

Mask = npt.NDArray[np.bool_]
_BLOCK = 512


@dataclass(frozen=True)
class GridSpec:
    """One of the rasters of a run."""

    name: str  # of the output; the file is name.tif
    description: str
    unit: str
    values: Callable[[Flood], Values]


def _wet(flood: Flood) -> Mask:
    """Return where water ever stood `DRY_M` deep."""
    out: Mask = flood.maxima.depth >= DRY_M
    return out & flood.water.domain.active


def _where_wet(pick: Callable[[Maxima], Values]) -> Callable[[Flood], Values]:
    return lambda flood: np.where(_wet(flood), pick(flood.maxima), np.nan)


def _duration(flood: Flood) -> Values:
    maxima = flood.maxima
    return np.where(maxima.duration > 0, maxima.duration, np.where(np.isnan(maxima.arrival), np.nan, 0.0))


def _final_stage(flood: Flood) -> Values:
    domain, depth = flood.water.domain, flood.water.depth
    return np.where((depth >= DRY_M) & domain.active, domain.bed + depth, np.nan)


GRIDS = (
    GridSpec("max_depth", "maximum water depth", "m", _where_wet(lambda m: m.depth)),
    GridSpec("max_velocity", "maximum flow speed", "m/s", _where_wet(lambda m: m.speed)),
    GridSpec(
        "max_hazard",
        "maximum of the hazard rating d(v + 0.5) + DF at its own moment (Defra FD2320)",
        "m2/s",
        _where_wet(lambda m: m.hazard),
    ),
    GridSpec("arrival_time", "first time at or above the threshold depth", "s", lambda flood: flood.maxima.arrival),
    GridSpec("duration", "total time at or above the threshold depth", "s", _duration),
    GridSpec("peak_time", "time of the maximum depth", "s", _where_wet(lambda m: m.peak_time)),
    GridSpec("final_stage", "water stage at the end", "m", _final_stage),
)


def write_grids(folder: Path, flood: Flood, wanted: Callable[[str], bool], tags: dict[str, str]) -> dict[str, str]:
    """Write the wanted rasters of a run into `folder`; return file names by output. Raises StorageFailed."""
    domain, out = flood.water.domain, {}
    for spec in GRIDS:
        if wanted(spec.name):
            out[spec.name] = f"{spec.name}.tif"
            values = spec.values(flood).astype(np.float32)
            about = tags | {"VERTICAL_DATUM": domain.vertical_datum} if spec.name == "final_stage" else tags
            write_cog(folder / out[spec.name], values, domain.frame, (spec.description, spec.unit), about)
    return out


def write_cog(path: Path, values: Values, frame: Frame, words: tuple[str, str], tags: dict[str, str]) -> None:
    """Write float32 `values` (rows × columns, NaN: nothing) as a COG; `words` are description and unit.

    Without a CRS in `frame` the raster has its numbers' coordinates and no system. Raises StorageFailed.
    """
    import rasterio

    with disk_errors(path), rasterio.open(path, "w", **_profile(frame)) as raster:
        raster.update_tags(**tags)
        raster.set_band_description(1, words[0])
        raster.set_band_unit(1, words[1])
        raster.write(values.astype(np.float32, copy=False), 1)


def _profile(frame: Frame) -> dict[str, Any]:
    return {
        "driver": "COG",
        "height": frame.rows,
        "width": frame.columns,
        "count": 1,
        "dtype": "float32",
        "crs": frame.crs or None,
        "transform": transform(frame),
        "nodata": np.nan,
        "blocksize": _BLOCK,
        "compress": "deflate",
        "predictor": "floating_point",
        "overview_resampling": "average",
        "bigtiff": "if_safer",
    }
