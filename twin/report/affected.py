"""What the water reaches: buildings, roads and administrative areas, counted by class of depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from rasterio import features
from scipy import ndimage

from twin.burning.cells import transform
from twin.grid import Frame, Values
from twin.report.classes import DEPTH, classify

Ints = npt.NDArray[np.int64]
Shapes = npt.NDArray[np.object_]
OUTSIDE = ""
_LINES, _AREAS = (1, 2, 5), (3, 6)  # of shapely.GeometryType: rings too; multi-parts too


@dataclass(frozen=True)
class Things:
    """What may be hit: shapes in the run's coordinates, and what they are called."""

    shapes: Shapes
    names: tuple[str, ...]


@dataclass(frozen=True)
class Region:
    """Areas by name on the run's cells: `index` is -1 beyond them."""

    names: tuple[str, ...]
    index: Ints  # rows × columns


@dataclass(frozen=True)
class Counted:
    """Numbers by region (rows, the last: beyond all regions) and class of depth (columns)."""

    regions: tuple[str, ...]
    values: npt.NDArray[np.float64]

    @property
    def total(self) -> npt.NDArray[np.float64]:
        """By class, over all regions."""
        out: npt.NDArray[np.float64] = self.values.sum(0)
        return out


def regions_of(found: Things | None, frame: Frame) -> Region:
    """Return the areas of polygons on cells: each cell belongs to the area its centre lies in.

    Areas of one name are one; where areas overlap, the last counts.
    """
    if found is None or not len(found.shapes):
        return Region((), np.full((frame.rows, frame.columns), -1))
    unique = {name: number for number, name in enumerate(dict.fromkeys(found.names))}
    shapes = [(shape, unique[name]) for shape, name in zip(found.shapes, found.names, strict=True)]
    return Region(tuple(unique), _drawn(shapes, frame, fill=-1))


def _drawn(shapes: Sequence[tuple[Any, int]], frame: Frame, *, fill: int = 0, all_touched: bool = False) -> Ints:
    """Return on cells the number of the shape that covers their centres (`all_touched`: any of them)."""
    if not shapes:
        return np.full((frame.rows, frame.columns), fill, np.int64)
    drawn = features.rasterize(
        shapes,
        (frame.rows, frame.columns),
        fill=fill,
        transform=transform(frame),
        dtype="int32",
        all_touched=all_touched,
    )
    out: Ints = drawn.astype(np.int64)
    return out


def flooded_area(depth: Values, region: Region, cell_m: float) -> Counted:
    """Return the flooded area by region and class of depth, m²."""
    return _counted(region, region.index, classify(depth, DEPTH), cell_m**2)


def buildings_hit(depth: Values, found: Things, frame: Frame, region: Region) -> Counted:
    """Return how many buildings stand in water, by region and class; a building is where its inner point is.

    Its depth is the deepest water in the cells that its outline touches, or beside those whose centre it covers:
    where buildings are raised in the terrain, or cut out of it, the water stands at their walls and not in them.
    """
    inside = shapely.intersects(found.shapes, shapely.box(*frame.bounds)) if len(found.shapes) else []
    shapes = found.shapes[inside] if len(found.shapes) else found.shapes
    if not len(shapes):
        return _counted(region, np.empty(0, int), np.empty(0, np.int8), 1.0)
    water, numbers = np.nan_to_num(depth), np.arange(1, len(shapes) + 1)
    pairs = list(zip(shapes, numbers.tolist(), strict=True))
    beside = ndimage.maximum_filter(water, size=3)
    deepest = np.zeros(len(shapes))
    for values, all_touched in ((beside, False), (water, True)):
        drawn = _drawn(pairs, frame, all_touched=all_touched)
        there = np.isin(numbers, drawn)  # one under another, or smaller than a cell, is not
        deepest[there] = np.maximum(deepest[there], ndimage.maximum(values, drawn, numbers[there]))
    points = shapely.get_coordinates(shapely.point_on_surface(shapes))
    row, column = (np.round(each).astype(int) for each in frame.place(points[:, 0], points[:, 1]))
    within = (row >= 0) & (row < frame.rows) & (column >= 0) & (column < frame.columns)
    row, column = np.clip(row, 0, frame.rows - 1), np.clip(column, 0, frame.columns - 1)
    deepest = np.maximum(deepest, np.where(within, water[row, column], 0.0))
    return _counted(region, region.index[row, column], classify(deepest, DEPTH), 1.0)


def roads_hit(depth: Values, found: Things, frame: Frame, region: Region) -> tuple[Counted, Counted]:
    """Return the length, m, and the area, m², of roads under water, by region and class.

    Lines have a length, and polygons an area (their length is not known). Lines are looked at every half cell.
    """
    kinds = shapely.get_type_id(found.shapes) if len(found.shapes) else np.empty(0, int)
    lines, areas = (found.shapes[np.isin(kinds, wanted)] for wanted in (_LINES, _AREAS))
    return _lengths(depth, lines, frame, region), _areas(depth, areas, frame, region)


def _lengths(depth: Values, lines: Shapes, frame: Frame, region: Region) -> Counted:
    pieces = shapely.get_parts(lines)
    clipped = shapely.get_parts(shapely.intersection(pieces, shapely.box(*frame.bounds))) if len(pieces) else pieces
    row, column, weight = [], [], []
    for line in clipped:
        if line.geom_type != "LineString" or line.length == 0:
            continue
        count = max(1, int(np.ceil(line.length / (frame.cell_m / 2))))
        points = shapely.line_interpolate_point(line, (np.arange(count) + 0.5) / count, normalized=True)
        xy = shapely.get_coordinates(points)
        r, c = frame.place(xy[:, 0], xy[:, 1])
        row.append(np.clip(np.round(r), 0, frame.rows - 1).astype(int))
        column.append(np.clip(np.round(c), 0, frame.columns - 1).astype(int))
        weight.append(np.full(count, line.length / count))
    if not row:
        return _counted(region, np.empty(0, int), np.empty(0, np.int8), 1.0)
    at = np.concatenate(row), np.concatenate(column)
    return _counted(region, region.index[at], classify(depth[at], DEPTH), np.concatenate(weight))


def _areas(depth: Values, areas: Shapes, frame: Frame, region: Region) -> Counted:
    if not len(areas):
        return _counted(region, np.empty(0, int), np.empty(0, np.int8), 1.0)
    road = _drawn([(shape, 1) for shape in areas], frame)
    return _counted(region, region.index, classify(np.where(road == 1, depth, np.nan), DEPTH), frame.cell_m**2)


def _counted(region: Region, index: Values, classes: Values, weight: Values | float) -> Counted:
    """Sum weights by region and class; class -1 counts nowhere."""
    rows = len(region.names) + 1
    index, classes = np.asarray(index).ravel(), np.asarray(classes).ravel()
    weights = np.broadcast_to(np.asarray(weight, float), index.shape)
    wet = classes >= 0
    row = np.where(index < 0, rows - 1, index)
    sums = np.zeros(rows * len(DEPTH))
    np.add.at(sums, (row * len(DEPTH) + classes)[wet], weights[wet])
    return Counted((*region.names, OUTSIDE), sums.reshape(rows, len(DEPTH)))
