"""What the water reaches: buildings, roads and administrative areas, counted by class of depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from rasterio import features
from scipy import ndimage

from twin.burning.cells import transform
from twin.features import Placed
from twin.grid import Frame, Values
from twin.report.classes import DEPTH, classify

Ints = npt.NDArray[np.int64]
_NAMES = ("dong_name", "adm_nm", "ADM_NM", "EMD_KOR_NM", "행정동명", "동이름", "name", "NAME", "이름", "명칭")
OUTSIDE = ""


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


def regions_of(found: Placed | None, frame: Frame) -> Region:
    """Return the areas of a polygon layer on cells: each cell belongs to the area its centre lies in."""
    if found is None or not len(found.shapes):
        return Region((), np.full((frame.rows, frame.columns), -1))
    names = _names(found)
    unique = tuple(dict.fromkeys(names))
    shapes = [
        (shape, unique.index(name)) for shape, name in zip(found.shapes, names, strict=True) if shape is not None
    ]
    index = features.rasterize(
        shapes, (frame.rows, frame.columns), fill=-1, transform=transform(frame), dtype="int32"
    )
    return Region(unique, index.astype(np.int64))


def _names(found: Placed) -> list[str]:
    field = next((name for name in _NAMES if name in found.fields), None)
    return found.names() if field is None else [str(value) for value in found.fields[field]]


def flooded_area(depth: Values, region: Region, cell_m: float) -> Counted:
    """Return the flooded area by region and class of depth, m²."""
    return _counted(region, region.index, classify(depth, DEPTH), cell_m**2)


def buildings_hit(depth: Values, found: Placed, frame: Frame, region: Region) -> Counted:
    """Return how many buildings stand in water, by region and class.

    A building's depth is the deepest water in or beside its outline (one cell around it: where buildings are raised
    the water stands at their walls, not in them).
    """
    box = shapely.box(*frame.bounds)
    shapes = [shape for shape in found.shapes if shape is not None and shape.intersects(box)]
    deepest, at = np.zeros(len(shapes)), np.zeros((len(shapes), 2), int)
    around = ndimage.maximum_filter(np.nan_to_num(depth), size=3)
    if shapes:
        drawn = features.rasterize(
            [(shape, number) for number, shape in enumerate(shapes, start=1)],
            (frame.rows, frame.columns),
            transform=transform(frame),
            dtype="int32",
            all_touched=True,
        )
        deepest = ndimage.maximum(around, drawn, np.arange(1, len(shapes) + 1))
        points = shapely.get_coordinates(shapely.point_on_surface(np.array(shapes, object)))
        row, column = frame.place(points[:, 0], points[:, 1])
        at = np.column_stack([np.round(row), np.round(column)]).astype(int)
        hidden = ~np.isin(np.arange(1, len(shapes) + 1), drawn)  # smaller than a cell, and under another
        inside = (at >= 0).all(1) & (at[:, 0] < frame.rows) & (at[:, 1] < frame.columns)
        at = np.clip(at, 0, [frame.rows - 1, frame.columns - 1])
        deepest = np.where(hidden, np.where(inside, around[at[:, 0], at[:, 1]], 0.0), deepest)
    return _counted(region, region.index[at[:, 0], at[:, 1]], classify(np.asarray(deepest, float), DEPTH), 1.0)


def roads_hit(depth: Values, found: Placed, frame: Frame, region: Region) -> tuple[Counted, Counted]:
    """Return the length, m, and the area, m², of roads under water, by region and class.

    Lines have a length, and polygons an area (their length is not known). Lines are looked at every half cell.
    """
    shapes = np.array([s for s in found.shapes if s is not None], object)
    kinds = np.array([s.geom_type for s in shapes]) if len(shapes) else np.empty(0, str)
    lines = shapes[np.char.endswith(kinds.astype(str), "LineString")] if len(shapes) else shapes
    areas = shapes[np.char.endswith(kinds.astype(str), "Polygon")] if len(shapes) else shapes
    return _lengths(depth, lines, frame, region), _areas(depth, areas, frame, region)


def _lengths(depth: Values, lines: npt.NDArray[np.object_], frame: Frame, region: Region) -> Counted:
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


def _areas(depth: Values, areas: npt.NDArray[np.object_], frame: Frame, region: Region) -> Counted:
    if not len(areas):
        return _counted(region, np.empty(0, int), np.empty(0, np.int8), 1.0)
    road = features.rasterize(
        [(shape, 1) for shape in areas], (frame.rows, frame.columns), transform=transform(frame), dtype="uint8"
    )
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
