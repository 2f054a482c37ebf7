"""`load_ground`: the ground around a survey on one frame, from a layer of heights, rasters or survey points."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from naru.errors import BadInput, BadSurvey, TooLarge
from naru.house import House
from twin.crs import likely_systems
from twin.grid import Frame, Grid, Values
from twin.ground_points import POINT_SUFFIXES, read_ground_points, surface
from twin.ground_raster import RasterSource, layer_raster, open_raster, read_raster
from twin.heights import check_heights
from twin.spec_records import GroundSource, TerrainSpec
from twin.survey.records import Survey

MOST_CELLS = 100_000_000
_WHOLE_FILE_CELLS = 16_000_000  # a file of no more cells is taken whole, where the terrain file says no margin
_MARGIN_M = 200.0
_BYTES_A_CELL = 40  # ten grids of four bytes
Box = tuple[float, float, float, float]
Warn = Callable[[str], None]


@dataclass(frozen=True)
class _Ground:
    """Where ground is known, and how to lay it on a frame."""

    box: Box  # in the terrain's coordinates
    on: Callable[[Frame], Values]
    aligned: RasterSource | None = None  # a raster whose cells are those of the terrain


def load_ground(house: House, spec: TerrainSpec, survey: Survey, warn: Warn = lambda words: None) -> Grid:
    """Return the ground on square cells of `spec.cell_m` around a survey; NaN where it is not known.

    A raster in the terrain's system whose cells are as large keeps its numbers untouched; others are resampled:
    bilinear, or the mean of the cells where they are less than half as large. Heights are in metres above
    `spec.vertical_datum`. `warn` is called with what a reader of the result should know.

    Raises:
        BadSurvey: the ground does not lie under the survey, or its heights and the survey's do not belong together.
        DatumRefused, CrsUnknown, CrsRefused: its heights or places cannot be brought into the terrain's system.
        TooLarge: more cells than are made.
        UnknownLayer, BadInput: the layer or file is missing, is no ground, or is damaged.
    """
    ground = _opened(house, spec, warn)
    wanted = bounds_of(survey)
    _check_overlap(ground.box, wanted, spec, survey)
    frame = _frame(ground, wanted, spec)
    values = ground.on(frame)
    if not np.isfinite(values).any():
        raise BadSurvey(
            "the ground has no heights around the survey", file=_name(spec), remedy="Name one that covers it."
        )
    grid = Grid(values, frame, "m", spec.vertical_datum)
    for words in check_heights(survey, grid, spec.height_tolerance_m, str(spec.sections[0].file)):
        warn(words)
    return grid


def bounds_of(survey: Survey) -> Box:
    """Return west, south, east, north of a survey's sections and channels."""
    parts = [np.column_stack((s.x, s.y)) for s in survey.sections]
    parts += [line for r in survey.reaches for line in (r.centreline, r.left_bank, r.right_bank)]
    points = np.concatenate(parts)
    (west, south), (east, north) = points.min(axis=0), points.max(axis=0)
    return float(west), float(south), float(east), float(north)


# --- where the ground is from -----------------------------------------------------------------------


def _opened(house: House, spec: TerrainSpec, warn: Warn) -> _Ground:
    given = spec.ground
    if given.layer is not None:
        return _rasters([layer_raster(house, spec, warn)], spec, warn)
    kinds = {_is_points(source.file) for source in given.sources}
    if len(kinds) > 1:
        raise BadInput(
            "the ground is given as rasters and as points",
            file=str(spec.path),
            field="ground",
            remedy="Give one kind.",
        )
    if kinds == {True}:
        return _points(given, spec, warn)
    return _rasters([open_raster(source, spec, warn) for source in given.sources], spec, warn)


def _is_points(file: Path) -> bool:
    return file.suffix.lower() in POINT_SUFFIXES


def _points(given: GroundSource, spec: TerrainSpec, warn: Warn) -> _Ground:
    x, y, z = read_ground_points(given.sources, spec, warn)
    box = (float(x.min()), float(y.min()), float(x.max()), float(y.max()))
    return _Ground(box, lambda frame: surface((x, y, z), frame, given.method, given.max_edge_m, warn))


def _rasters(rasters: Sequence[RasterSource], spec: TerrainSpec, warn: Warn) -> _Ground:
    boxes = np.array([raster.box for raster in rasters])
    box = (
        float(boxes[:, 0].min()),
        float(boxes[:, 1].min()),
        float(boxes[:, 2].max()),
        float(boxes[:, 3].max()),
    )
    aligned = next((raster for raster in rasters if raster.is_aligned(spec.cell_m)), None)

    def on(frame: Frame) -> Values:
        values: Values | None = None
        for raster in rasters:
            more = read_raster(raster, frame, spec, warn)
            values = more if values is None else np.where(np.isnan(values), more, values)
        assert values is not None
        return values

    return _Ground(box, on, aligned)


# --- the frame --------------------------------------------------------------------------------------


def _frame(ground: _Ground, wanted: Box, spec: TerrainSpec) -> Frame:
    """Return the frame: all of a file that is not too large, else the survey and a margin, within the ground."""
    cell, margin = spec.cell_m, spec.ground.margin_m
    west, south, east, north = ground.box
    whole = (east - west) / cell * (north - south) / cell <= _WHOLE_FILE_CELLS
    if margin is not None or spec.ground.layer is not None or not whole:
        around = _MARGIN_M if margin is None else margin
        west, south = max(west, wanted[0] - around), max(south, wanted[1] - around)
        east, north = min(east, wanted[2] + around), min(north, wanted[3] + around)
    x0, y0 = ground.aligned.origin if ground.aligned is not None else (0.0, 0.0)
    first, last = math.floor(_cells(west - x0, cell, 1)), math.ceil(_cells(east - x0, cell, -1))
    low, high = math.floor(_cells(south - y0, cell, 1)), math.ceil(_cells(north - y0, cell, -1))
    rows, columns = max(1, high - low), max(1, last - first)
    if rows * columns > MOST_CELLS:
        raise TooLarge(
            f"the terrain would have {columns} × {rows} cells, more than {MOST_CELLS // 10**6} million; "
            f"ten grids of them need {rows * columns * _BYTES_A_CELL / 2**30:.0f} GiB of memory",
            file=str(spec.path),
            field="cell_m",
            remedy="Take larger cells (`cell_m`), or a smaller `ground.margin_m`.",
        )
    return Frame(x0 + first * cell, y0 + high * cell, cell, rows, columns, spec.crs)


def _cells(length: float, cell: float, towards: int) -> float:
    """Return a length in cells; a thousandth of a cell beyond an edge is rounding."""
    return length / cell + towards * 1e-3


def _check_overlap(box: Box, wanted: Box, spec: TerrainSpec, survey: Survey) -> None:
    """Refuse a ground that does not reach all sections from bank to bank. Raises BadSurvey."""
    slack = 2 * spec.cell_m
    low, high = np.array(box[:2]) - slack, np.array(box[2:]) + slack
    outside = []
    for section in survey.sections:
        first, last = section.banks or (0, len(section.x) - 1)
        points = np.column_stack((section.x, section.y))[first : last + 1]
        if (points < low).any() or (points > high).any():
            outside.append(section)
    if not outside:
        return
    shown = "ground {:.0f} {:.0f} {:.0f} {:.0f}, survey {:.0f} {:.0f} {:.0f} {:.0f}".format(*box, *wanted)
    if len(outside) == len(survey.sections):
        hint = _other_system(box, wanted, spec)
        raise BadSurvey(
            f"the ground does not lie under the survey ({shown}: west, south, east, north){hint}",
            file=_name(spec),
            remedy="Check the `crs` of both, and that they are of one place.",
        )
    raise BadSurvey(
        f"the ground does not reach {len(outside)} of {len(survey.sections)} sections ({shown})",
        file=_name(spec),
        feature=f"section '{outside[0].id}'",
        remedy="Name a ground that covers the survey, or leave those sections out.",
    )


def _other_system(box: Box, wanted: Box, spec: TerrainSpec) -> str:
    """Say in which Korean system the survey's numbers would lie on the ground, if in one."""
    from pyproj import CRS, Transformer

    for name in likely_systems(wanted, but=CRS.from_user_input(spec.crs)):
        code, swapped = name.split(" ")[0], "exchanged" in name
        x, y = (wanted[0] + wanted[2]) / 2, (wanted[1] + wanted[3]) / 2
        moved = Transformer.from_crs(code, spec.crs, always_xy=True).transform(*((y, x) if swapped else (x, y)))
        if box[0] <= moved[0] <= box[2] and box[1] <= moved[1] <= box[3]:
            return f"; as {name} it would"
    return ""


def _name(spec: TerrainSpec) -> str:
    return spec.ground.layer or str(spec.ground.sources[0].file)
