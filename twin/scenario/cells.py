"""Numbers of a raster on the cells of a frame: the cells themselves where they agree, else resampled."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from naru.errors import BadSurvey, FileDamaged
from twin.grid import Floats, Frame
from twin.scenario.framing import same_system
from twin.scenario.opening import Opened

# numbers that stand for nothing in grids that do not declare one
NOTHING = (-9999.0, -99999.0, -32768.0, -32767.0, -999999.0, -3.4028234663852886e38, 3.4028234663852886e38, 1e30)
_LOWEST_M, _HIGHEST_M = -12_000.0, 9_000.0
_ALIKE = 1e-3  # of a cell, by which cells that agree may lie apart
_ANY_METRES = "EPSG:32652"  # stands for both systems where cells stay in theirs: nothing is moved


def read_cells(raster: Opened, frame: Frame, warn: Callable[[str], None], *, classes: bool = False) -> Floats:
    """Return a raster's numbers on a frame (rows × columns, float64), NaN where it has none.

    Cells that agree with the frame's are taken as they are. Others are averaged by area where they are finer, and
    interpolated bilinearly where they are coarser; `classes` are never mixed (the most frequent, the nearest).

    Raises:
        FileDamaged: it cannot be read.
    """
    try:
        with rasterio.open(raster.path, **dict(raster.options)) as opened:
            nodata = raster.nodata if raster.nodata is not None else _undeclared(opened, raster, frame, warn)
            shift = _agreement(raster, frame)
            if shift is not None:
                values = _untouched(opened, raster, frame, nodata, shift)
            else:
                values = _resampled(opened, raster, frame, nodata, classes)
    except RasterioError as error:
        told = str(error).splitlines()[0][:120] if str(error) else "unknown"
        raise FileDamaged(
            f"the raster cannot be read ({told})", file=raster.named, remedy="Copy it again."
        ) from error
    if raster.crs is None and frame.crs:
        warn(f"{raster.named} does not say what its coordinates are in: taken to be the terrain's own")
    if np.isnan(values).all():
        warn(f"{raster.named} has no value on the domain: does it lie elsewhere?")
    if (raster.scale, raster.offset) != (1.0, 0.0):
        values = values * raster.scale + raster.offset
    return values


def check_heights(values: Floats, raster: Opened, field: str) -> None:
    """Refuse numbers that are no heights on Earth. Raises BadSurvey."""
    known = np.isfinite(values)
    if not known.any():
        return
    low, high = float(values[known].min()), float(values[known].max())
    if low < _LOWEST_M or high > _HIGHEST_M:
        raise BadSurvey(
            f"the raster has heights from {low:.6g} to {high:.6g} m, none of the Earth's surface",
            file=raster.named,
            field=field,
            remedy="State the unit (`unit: cm` …), or declare the number that stands for nothing as nodata.",
        )


def _agreement(raster: Opened, frame: Frame) -> tuple[int, int] | None:
    """Return the raster's column and row (from its north) of the frame's first cell, where cells agree."""
    if not same_system(raster, frame.crs):
        return None
    width, height = raster.cell
    if max(abs(width / frame.cell_m - 1), abs(height / frame.cell_m - 1)) > _ALIKE:
        return None
    west, _, _, north = raster.bounds
    column, row = (frame.west - west) / width, (north - frame.north) / height
    nearest = round(column), round(row)
    return nearest if max(abs(column - nearest[0]), abs(row - nearest[1])) < _ALIKE else None


def _untouched(opened: Any, raster: Opened, frame: Frame, nodata: float | None, shift: tuple[int, int]) -> Floats:
    column, row = shift
    out = np.full((frame.rows, frame.columns), np.nan)
    left, right = max(0, column), min(raster.columns, column + frame.columns)
    top, bottom = max(0, row), min(raster.rows, row + frame.rows)
    if bottom <= top or right <= left:
        return out
    upright = raster.transform.e < 0
    first = top if upright else raster.rows - bottom
    window = Window(left, first, right - left, bottom - top)
    cells = opened.read(raster.band, window=window).astype(np.float64)
    known = np.isfinite(cells)
    if nodata is not None and not np.isnan(nodata):
        known &= cells != nodata
    if opened.nodata is None:
        known &= opened.read_masks(raster.band, window=window) > 0
    cells = np.where(known, cells, np.nan)
    out[top - row : bottom - row, left - column : right - column] = cells if upright else cells[::-1]
    return out


def _resampled(opened: Any, raster: Opened, frame: Frame, nodata: float | None, classes: bool) -> Floats:
    same = same_system(raster, frame.crs)
    source = _ANY_METRES if same or raster.crs is None else raster.crs.to_wkt()
    target = _ANY_METRES if same else frame.crs
    west, _, east, _ = raster.bounds if same else transform_bounds(source, target, *raster.bounds)
    finer = (east - west) / raster.columns < frame.cell_m * (1 - _ALIKE)
    if classes:
        method = Resampling.mode if finer else Resampling.nearest
    else:
        method = Resampling.average if finer else Resampling.bilinear
    if nodata is None and np.dtype(opened.dtypes[raster.band - 1]).kind == "f":
        nodata = np.nan  # else it would spread over all that it is averaged with
    wish = {
        "src_crs": source,
        "src_nodata": nodata,
        "crs": target,
        "transform": Affine(frame.cell_m, 0, frame.west, 0, -frame.cell_m, frame.north),
        "width": frame.columns,
        "height": frame.rows,
        "nodata": np.nan,
        "dtype": "float64",
        "resampling": method,
        "warp_mem_limit": 256,
    }
    with WarpedVRT(opened, **wish) as warped:
        out: Floats = warped.read(raster.band)
    return out


def _around(raster: Opened, frame: Frame) -> Window:
    """Return the cells of a raster that the domain may take numbers from; all of it where that is not known."""
    west, south, east, north = frame.bounds
    if not same_system(raster, frame.crs):
        assert raster.crs is not None
        box = transform_bounds(frame.crs, raster.crs.to_wkt(), *frame.bounds, densify_pts=21)
        west, south, east, north = box
    x, y = raster.bounds[0], raster.bounds[3]
    sides = (
        ((west - x) / raster.cell[0], (east - x) / raster.cell[0]),
        (
            (y - north) / raster.cell[1],
            (y - south) / raster.cell[1],
        ),
    )
    if not np.isfinite(sides).all():
        return Window(0, 0, raster.columns, raster.rows)
    (left, right), (top, bottom) = (
        (max(0, math.floor(low) - 2), min(size, math.ceil(high) + 2))
        for (low, high), size in zip(sides, (raster.columns, raster.rows), strict=True)
    )
    upright = raster.transform.a > 0 > raster.transform.e
    if not upright or right <= left or bottom <= top:
        return Window(0, 0, raster.columns, raster.rows)
    return Window(left, top, right - left, bottom - top)


def _undeclared(opened: Any, raster: Opened, frame: Frame, warn: Callable[[str], None]) -> float | None:
    """Return the number that stands for nothing though the file does not say so, if one does.

    Only the part around the domain is looked at, and where that is large, every so many cells.
    """
    part = _around(raster, frame)
    shape = tuple(min(2048, int(size)) for size in (part.height, part.width))
    look = opened.read(raster.band, window=part, out_shape=shape, resampling=Resampling.nearest)
    for number in NOTHING:
        like = np.asarray(number).astype(look.dtype) if look.dtype.kind == "f" else np.asarray(number)
        if bool((look == like).any()):
            warn(f"{raster.named} does not declare a nodata value; {number:g} is taken for one")
            return float(like)
    return None
