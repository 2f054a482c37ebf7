"""Files that hold rain as rasters: bands of GeoTIFFs and the like, or a variable of a NetCDF (CF conventions)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import RasterioError

from naru.errors import BadSpec, CrsUnknown, FileDamaged, TooLarge
from twin.fields import only_own_files
from twin.forcing.moments import UNITS_S, Moment, read_moment
from twin.grid import Floats, Values

_MOST_NUMBERS = 200_000_000  # that are read at once: 1.6 GB
NETCDF = (".nc", ".nc4", ".cdf")
Place = Callable[[Floats, Floats], tuple[Floats, Floats]]


@dataclass(frozen=True)
class Frames:
    """Rasters of one grid, in the order of their times. NaN: no value."""

    values: Values  # frames × rows × columns
    names: tuple[str, ...]  # of the frames in errors
    crs: str | None
    place: Place  # from x, y to row and column, whole numbers; outside of the raster: negative or too large
    times: tuple[Moment, ...] | None = None  # where the file says them
    unit: str | None = None  # likewise


def drivers(file: Path) -> dict[str, Any]:
    """Return what GDAL may take a file for: what strangers sent along, only for an ASCII grid.

    GDAL knows formats by their content, and some are texts that name other files (NDF, PDS and others): those of
    the machine would be read as numbers.
    """
    if not only_own_files():
        return {}
    return {"driver": "GTiff" if file.suffix == ".tif" else "AAIGrid"}  # what a run wrote, which may be begun from


def read_bands(files: Sequence[Path]) -> Frames:
    """Read all bands of rasters that lie on the same cells. Raises FileDamaged, BadSpec, TooLarge."""
    values: list[Floats] = []
    names: list[str] = []
    first: tuple[Any, ...] | None = None
    seen = 0
    for file in files:
        try:
            with rasterio.open(file, **drivers(file)) as raster:
                seen += raster.width * raster.height * raster.count
                if seen > _MOST_NUMBERS:
                    raise TooLarge(
                        f"the rasters have more than {_MOST_NUMBERS:,} numbers",
                        file=str(file),
                        field="rain.raster",
                        remedy="Cut them to the domain.",
                    )
                grid = (raster.crs, raster.transform, raster.shape)
                if first is None:
                    first = grid
                if grid != first:
                    raise BadSpec(
                        f"the raster does not lie on the cells of {files[0].name}",
                        file=str(file),
                        field="rain.raster",
                        remedy="Bring all rasters of the series onto one grid.",
                    )
                values.append(raster.read(masked=True).astype(np.float64).filled(np.nan))
                names.extend(f"{file.name}, band {band}" for band in range(1, raster.count + 1))
        except RasterioError as error:
            raise FileDamaged(
                f"the raster cannot be read ({str(error).splitlines()[0][:120]})",
                file=str(file),
                remedy="Copy it again.",
            ) from error
    if first is None:
        raise ValueError("no files")
    crs, transform, _ = first

    def place(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        to = ~transform
        return np.floor(to.d * x + to.e * y + to.f), np.floor(to.a * x + to.b * y + to.c)

    return Frames(np.concatenate(values), tuple(names), crs.to_wkt() if crs else None, place)


def read_netcdf(file: Path, variable: str | None) -> Frames:
    """Read a variable with a time and two axes in space. Raises FileDamaged, BadSpec, CrsUnknown."""
    import netCDF4

    try:
        with netCDF4.Dataset(file) as data:
            return _variable(data, _named(data, variable, file), file)
    except OSError as error:
        raise FileDamaged(
            f"the NetCDF cannot be read ({error.strerror or error})", file=str(file), remedy="Copy it again."
        ) from error


def _named(data: Any, variable: str | None, file: Path) -> Any:
    spatial = [name for name, v in data.variables.items() if v.ndim == 3]
    if variable is None and len(spatial) == 1:
        return data.variables[spatial[0]]
    if variable in spatial:
        return data.variables[variable]
    raise BadSpec(
        f"the variable '{variable}' has no time and two axes"
        if variable
        else "it is not known which variable is rain",
        file=str(file),
        field="rain.raster.variable",
        remedy=f"Known are: {', '.join(spatial) or 'none'}.",
    )


def _variable(data: Any, found: Any, file: Path) -> Frames:
    time, rows, columns = (_axis(data, name, file) for name in found.dimensions)
    values = np.ma.filled(found[:].astype(np.float64), np.nan)
    y, x = (np.asarray(axis[:], np.float64) for axis in (rows, columns))
    times = _times(time, file)
    return Frames(
        values,
        tuple(f"{file.name}, time {n}" for n in range(1, len(values) + 1)),
        _crs(data, found, rows, file),
        lambda px, py: (_nearest(y, py), _nearest(x, px)),
        times,
        getattr(found, "units", None),
    )


def _axis(data: Any, name: str, file: Path) -> Any:
    axis = data.variables.get(name)
    if axis is None or axis.ndim != 1:
        raise BadSpec(
            f"the dimension '{name}' has no coordinates of its own",
            file=str(file),
            field="rain.raster",
            remedy="Rows, columns and times need one coordinate each: resample a curvilinear grid first.",
        )
    return axis


def _times(time: Any, file: Path) -> tuple[Moment, ...]:
    """Return the times: "seconds since 2022-08-08 00:00" are moments by the clock, plain seconds are not."""
    unit, _, since = str(getattr(time, "units", "")).partition(" since ")
    words = {"second": "s", "minute": "min", "hour": "h", "day": "d"}
    short = words.get(unit.strip().casefold().rstrip("s"), unit.strip())
    if short not in UNITS_S:
        raise BadSpec(
            f"the unit of the times is '{unit}'",
            file=str(file),
            field="rain.raster",
            remedy="Known are seconds, minutes, hours and days (CF conventions §4.4).",
        )
    steps = [float(v) * UNITS_S[short] for v in time[:]]
    if not since:
        return tuple(steps)
    from datetime import datetime, timedelta

    try:
        origin = read_moment(since.replace("+00:00", "Z").replace(".0", ""), "clock")
    except ValueError as error:
        raise BadSpec(
            f"the times count from '{since}', which {error}",
            file=str(file),
            field="rain.raster",
            remedy="Write it as in 'seconds since 2022-08-08 00:00:00 +09:00'.",
        ) from None
    if not isinstance(origin, datetime):
        raise ValueError(since)
    return tuple(origin + timedelta(seconds=s) for s in steps)


def _crs(data: Any, found: Any, rows: Any, file: Path) -> str | None:
    mapping = data.variables.get(getattr(found, "grid_mapping", ""))
    for key in ("crs_wkt", "spatial_ref"):
        if mapping is not None and getattr(mapping, key, None):
            return str(getattr(mapping, key))
    if str(getattr(rows, "units", "")).casefold().startswith("degree"):
        return "EPSG:4326"
    if mapping is not None:
        raise CrsUnknown(
            "the grid mapping has no crs_wkt", file=str(file), field="rain.raster.crs", remedy="State the `crs`."
        )
    return None


def _nearest(centres: Floats, at: Floats) -> Floats:
    """Return the index of the cell in which each coordinate lies; -1 outside. Centres rise or fall."""
    falls = bool(centres[-1] < centres[0])
    rising = centres[::-1] if falls else centres
    half = np.diff(rising) / 2 if len(rising) > 1 else np.array([math.inf])
    between = rising[:-1] + half if len(rising) > 1 else rising[:0]
    edges = np.concatenate([[rising[0] - half[0]], between, [rising[-1] + half[-1]]])
    place = np.searchsorted(edges, at, side="right") - 1.0
    place[(place < 0) | (place >= len(rising))] = -1.0
    turned = np.where(place < 0, -1.0, len(rising) - 1 - place) if falls else place
    return np.asarray(turned, np.float64)
