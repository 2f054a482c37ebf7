"""The time series of a run as CF NetCDF (CF Conventions 1.11): depth, stage and unit discharge by time, y, x."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from naru.storage import disk_errors
from twin.flood.records import Domain
from twin.grid import Frame
from twin.results.frames import DRY_M, State

_CHUNK = 256  # cells of a side; one time each: maps are read by time
_LEVEL = 1  # of deflate, with shuffle


class _Variable(NamedTuple):
    name: str
    standard_name: str  # of the CF standard name table; "": it has none for this
    long_name: str
    units: str


_VARIABLES = (
    _Variable("depth", "flood_water_thickness", "water depth", "m"),
    _Variable("stage", "water_surface_height_above_reference_datum", "water stage, where it is wet", "m"),
    _Variable("unit_discharge_x", "", "unit discharge eastwards", "m2 s-1"),
    _Variable("unit_discharge_y", "", "unit discharge northwards", "m2 s-1"),
)


def write_netcdf(
    path: Path, domain: Domain, states: Iterable[State], start: datetime | None, about: Mapping[str, Any]
) -> None:
    """Write the states, one at a time, rows from the north (y falls); `about` becomes global attributes.

    Values have the precision of the states. Cells outside the domain are NaN in all, dry ones in stage. Times are
    seconds since `start` (in UTC); without one since the start, in "s". Without a CRS there is no grid mapping.

    Raises:
        StorageFailed: the disk is full or not writable.
    """
    import netCDF4

    outside, bed = ~domain.active, domain.bed
    with disk_errors(path), netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        file.setncatts({"Conventions": "CF-1.11", "history": f"{now} written by {about['source']}", **about})
        variables: dict[str, Any] = {}
        for number, state in enumerate(states):
            if not variables:
                variables = _begin(file, domain, state.depth.dtype, start)
            depth = np.where(outside, np.nan, state.depth).astype(state.depth.dtype)
            file["time"][number] = state.time_s
            variables["depth"][number] = depth
            variables["stage"][number] = np.where(depth >= DRY_M, bed + depth, np.nan)
            variables["unit_discharge_x"][number] = np.where(outside, np.nan, state.flow_x)
            variables["unit_discharge_y"][number] = np.where(outside, np.nan, -state.flow_y)


def _begin(file: Any, domain: Domain, kind: Any, start: datetime | None) -> dict[str, Any]:
    """Write all that has no time; return the variables that have."""
    frame = domain.frame
    for name, size in (("time", None), ("y", frame.rows), ("x", frame.columns)):
        file.createDimension(name, size)
    time = file.createVariable("time", "f8", ("time",))
    time.setncatts({"long_name": "time since the start of the simulation", "axis": "T", "units": "s"})
    if start is not None:
        since = start.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        time.setncatts({"standard_name": "time", "units": f"seconds since {since}", "calendar": "standard"})
    for name, values in (("y", frame.y), ("x", frame.x)):
        along = file.createVariable(name, "f8", (name,))
        along.setncatts(_axis(name, frame))
        along[:] = values
    if frame.crs:
        file.createVariable("crs", "i4").setncatts(_grid_mapping(frame))
    mapped = {"grid_mapping": "crs"} if frame.crs else {}
    ground = _raster(file, "bed_elevation", kind, ("y", "x"), frame)
    ground.setncatts(
        {"long_name": "bed elevation", "units": "m", "vertical_datum": domain.vertical_datum, **mapped}
    )
    if frame.crs:
        ground.standard_name = "ground_level_altitude"
    ground[:] = domain.bed
    return {variable.name: _of_time(file, variable, kind, domain, mapped) for variable in _VARIABLES}


def _of_time(file: Any, what: _Variable, kind: Any, domain: Domain, mapped: dict[str, str]) -> Any:
    made = _raster(file, what.name, kind, ("time", "y", "x"), domain.frame)
    words = {"long_name": what.long_name, "units": what.units, "cell_methods": "time: point", **mapped}
    if what.standard_name:
        words["standard_name"] = what.standard_name
    if what.name == "stage":
        words["vertical_datum"] = domain.vertical_datum
    made.setncatts(words)
    return made


def _raster(file: Any, name: str, kind: Any, dimensions: tuple[str, ...], frame: Frame) -> Any:
    chunks = (1,) * (len(dimensions) - 2) + (min(_CHUNK, frame.rows), min(_CHUNK, frame.columns))
    return file.createVariable(
        name,
        kind,
        dimensions,
        compression="zlib",
        complevel=_LEVEL,
        shuffle=True,
        chunksizes=chunks,
        fill_value=np.nan,
    )


def _axis(name: str, frame: Frame) -> dict[str, str]:
    told = {"axis": name.upper(), "units": "m", "long_name": f"{name} of the cells' centres"}
    return told | ({"standard_name": f"projection_{name}_coordinate"} if frame.crs else {})


def _grid_mapping(frame: Frame) -> dict[str, Any]:
    """Return the grid mapping's attributes (CF 1.11 appendix F), and those that GDAL reads."""
    from pyproj import CRS

    crs = CRS.from_user_input(frame.crs)
    told: dict[str, Any] = crs.to_cf()
    steps = (frame.west, frame.cell_m, 0.0, frame.north, 0.0, -frame.cell_m)
    return told | {"spatial_ref": crs.to_wkt(), "GeoTransform": " ".join(f"{step!r}" for step in steps)}
