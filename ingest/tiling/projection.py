"""From a source's coordinates to the integer grid of a tile matrix set, and back.

A set's square has 2**30 steps a side; x grows to the right, y downwards, from the square's top left corner. Where a
set draws only a part of the world, what reaches beyond that part is cut at its edge, in longitude and latitude: far
from its meridian a transverse Mercator projection folds the world over itself.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from ingest.tiling.coverage import polygons_of
from ingest.tiling.options import GRID_ZOOM
from ingest.tiling.shapes import LINE, POINT, Ints, Shapes, concatenate, from_geometries, take
from naru.grids import WEB_MERCATOR, Grid, lonlat_bounds
from naru.records import BBox

STEPS = float(2 ** (GRID_ZOOM + 12))  # along a side of the square
NEVER_INFINITE = 89.9  # degrees; the poles are infinitely far away in Mercator
FOLLOWED = 0.25  # degrees between the points by which a cut edge follows its meridian or parallel
_WORLD: BBox = (-180.0, -90.0, 180.0, 90.0)
Floats = NDArray[np.float64]


class Placed(NamedTuple):
    """Shapes in float64 steps, and how many source rows have none because of what."""

    shapes: Shapes
    nowhere: int  # their coordinates have no place in the set's CRS
    away: int  # they lie beyond the part of the world that the set draws


class Projector:
    """From one CRS to one set's steps; PROJ's objects belong to one thread each."""

    def __init__(self, crs: pyproj.CRS, grid: Grid) -> None:
        self.crs, self.grid = crs, grid
        self._partial = grid.id != WEB_MERCATOR and grid.area != _WORLD
        self._own = threading.local()

    def placed(self, shapes: Shapes) -> Placed:
        """Return the shapes of a batch on the set's square."""
        if not self._partial or self._inside(shapes.xy):
            found, nowhere = _finite(self._projected(shapes, self.crs))
            return Placed(found, nowhere, 0)
        lonlat, nowhere = _finite(_moved(shapes, self._transformer(self.crs, "OGC:CRS84")))
        if not lonlat.kind.size:
            return Placed(lonlat, nowhere, 0)
        within, crossing = _sides(lonlat, self.grid.area)
        whole = self._projected(take(lonlat, np.flatnonzero(within)), "OGC:CRS84")
        cut = self._projected(_cut(take(lonlat, np.flatnonzero(crossing)), self.grid.area), "OGC:CRS84")
        both = concatenate([whole, cut])
        found, lost = _finite(take(both, np.argsort(both.row, kind="stable")))
        away = np.unique(lonlat.row).size - np.unique(both.row).size
        return Placed(found, nowhere + lost, away)

    def _inside(self, xy: Floats) -> bool:
        """Whether a batch lies in the set's area, by the box around it."""
        (left, bottom), (right, top) = xy.min(axis=0), xy.max(axis=0)
        to_lonlat = self._transformer(self.crs, "OGC:CRS84")
        west, south, east, north = to_lonlat.transform_bounds(left, bottom, right, top, densify_pts=21)
        area = self.grid.area
        return area[0] <= west <= east <= area[2] and area[1] <= south <= north <= area[3]

    def _projected(self, shapes: Shapes, crs: Any) -> Shapes:
        """Return shapes of a CRS in steps; what has no place is infinite."""
        x, y = shapes.xy[:, 0], shapes.xy[:, 1]
        if self.grid.id == WEB_MERCATOR and self.crs.is_geographic:
            y = np.clip(y, -NEVER_INFINITE, NEVER_INFINITE)
        east, north = self._transformer(crs, self.grid.crs).transform(x, y)
        side = self.grid.side
        across, down = east / side - self.grid.left / side, self.grid.top / side - north / side
        return shapes._replace(xy=np.column_stack([across * STEPS, down * STEPS]))

    def _transformer(self, source: Any, target: str) -> pyproj.Transformer:
        known: dict[tuple[bool, str], pyproj.Transformer] = self._own.__dict__.setdefault("known", {})
        name = source is self.crs, target
        if name not in known:
            known[name] = pyproj.Transformer.from_crs(source, target, always_xy=True)
        return known[name]


def _moved(shapes: Shapes, transformer: pyproj.Transformer) -> Shapes:
    return shapes._replace(xy=np.column_stack(transformer.transform(shapes.xy[:, 0], shapes.xy[:, 1])))


def _finite(shapes: Shapes) -> tuple[Shapes, int]:
    """Return the shapes without the rows that have a vertex nowhere, and how many those are."""
    if np.isfinite(shapes.xy).all():
        return shapes, 0
    owner = np.repeat(shapes.row, np.diff(shapes.starts[shapes.rings]))
    lost = np.unique(owner[~np.isfinite(shapes.xy).all(axis=1)])
    return take(shapes, np.flatnonzero(~np.isin(shapes.row, lost))), lost.size


def _sides(lonlat: Shapes, area: BBox) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which shapes lie within an area, and which may reach over its edge."""
    begins = lonlat.starts[lonlat.rings[:-1]]
    low, high = np.minimum.reduceat(lonlat.xy, begins), np.maximum.reduceat(lonlat.xy, begins)
    within = np.all((low >= area[:2]) & (high <= area[2:]), axis=1)
    met = np.all((low <= area[2:]) & (high >= area[:2]), axis=1)
    return np.asarray(within), np.asarray(met & ~within)


def _cut(lonlat: Shapes, area: BBox) -> Shapes:
    """Return the parts of shapes that lie in an area; cut edges follow its meridians and parallels."""
    geometries = _geometries(lonlat)
    parts = shapely.clip_by_rect(geometries, *area)
    left = np.flatnonzero(~shapely.is_empty(parts))
    if not left.size:
        return take(lonlat, left)
    followed = shapely.segmentize(parts[left], FOLLOWED)
    return from_geometries(followed, lonlat.row[left])


def _geometries(shapes: Shapes) -> NDArray[Any]:
    """Return each shape as a shapely geometry."""
    out = np.empty(shapes.kind.size, object)
    for kind in np.unique(shapes.kind).tolist():
        index = np.flatnonzero(shapes.kind == kind)
        out[index] = _of_kind(take(shapes, index), kind)
    return out


def _of_kind(shapes: Shapes, kind: int) -> NDArray[Any]:
    if kind == POINT:
        owner = np.repeat(np.arange(shapes.kind.size), np.diff(shapes.starts[shapes.rings]))
        points: NDArray[Any] = shapely.multipoints(shapely.points(shapes.xy), indices=owner)
        return points
    if kind == LINE:
        part = np.repeat(np.arange(shapes.hole.size), np.diff(shapes.starts))
        owner = np.repeat(np.arange(shapes.kind.size), np.diff(shapes.rings))
        lines: NDArray[Any] = shapely.multilinestrings(shapely.linestrings(shapes.xy, indices=part), indices=owner)
        return lines
    return polygons_of(shapes)


def lonlat_of(grid: Grid, box: Ints) -> BBox:
    """Return the lon/lat box (WGS 84 degrees) round a box in steps, no larger than what the set draws."""
    if grid.id == WEB_MERCATOR:
        (west, north), (east, south) = _lonlat(box[0], box[1]), _lonlat(box[2], box[3])
    else:
        step = grid.side / STEPS
        left, top = grid.left + float(box[0]) * step, grid.top - float(box[1]) * step
        right, bottom = grid.left + float(box[2]) * step, grid.top - float(box[3]) * step
        west, south, east, north = lonlat_bounds(grid, (left, bottom, right, top))
    area = grid.area
    return max(area[0], west), max(area[1], south), min(area[2], east), min(area[3], north)


def _lonlat(x: Any, y: Any) -> tuple[float, float]:
    longitude = (float(x) / STEPS - 0.5) * 360.0
    latitude = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * float(y) / STEPS))))
    return float(longitude), float(latitude)
