"""Polygon layers whose neighbours share borders, such as districts, kept free of gaps at every zoom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from ingest.tiling.shapes import Shapes

Borders = Literal["shared", "cleaned", "own"]
TOLERANCE = 4.0  # tile units: a corner taken from a common border has at most the area of a square of this side
MOST_CHANGE = 0.01  # of the layer's area: what cleaning may move before it counts as no coverage at all
MOST_LOST = 0.5  # of any polygon's area


@dataclass(frozen=True)
class Coverage:
    """Polygons (float64 grid coordinates) that are simplified together.

    "shared": they are a valid coverage as they came. "cleaned": nearly one; below the top zoom, slivers up to
    the tolerance are closed and overlaps given to one side.
    """

    polygons: NDArray[Any]
    borders: Borders

    def simplified(self, unit: float) -> Coverage:
        """Return the coverage for a zoom whose tile unit is `unit` grid steps; common borders stay common."""
        polygons = self.polygons
        if self.borders == "cleaned":
            polygons = shapely.coverage_clean(polygons, gap_width=TOLERANCE * unit)
        polygons = shapely.coverage_simplify(polygons, TOLERANCE * unit)
        return Coverage(np.where(shapely.is_empty(polygons), self.polygons, polygons), self.borders)

    def snapped(self, unit: float) -> NDArray[Any]:
        """Return the polygons on whole units, still without gaps or overlaps between them.

        A polygon that vanishes stays as it is, for the tile encoder to mark.
        """
        simply = _rounded(self.polygons, unit)
        flat = shapely.area(simply) == 0
        sound = not flat.any() and bool(shapely.is_valid(simply).all())
        if not (sound and shapely.coverage_is_valid(simply, gap_width=unit)):
            simply = _noded(self.polygons, unit)
            flat = shapely.is_empty(simply)
        return np.where(flat, self.polygons, simply)


def coverage_of(shapes: Shapes | None, unit: float) -> Coverage | None:
    """Return polygons as a coverage, or None where they overlap by more than drawing errors.

    `shapes`: polygons in float64 grid coordinates; `unit`: grid steps of a tile unit one zoom below the top.
    """
    if shapes is None:
        return None
    polygons = polygons_of(shapes)
    try:
        valid = bool(shapely.coverage_is_valid(polygons))
        if valid and shapely.coverage_is_valid(polygons, gap_width=TOLERANCE * unit):
            return Coverage(polygons, "shared")
        cleaned = shapely.coverage_clean(polygons, gap_width=TOLERANCE * unit)
    except shapely.errors.GEOSException:  # GEOS's word for rings that no cleaning can make a coverage
        return None
    if _alike(polygons, cleaned):
        return Coverage(polygons, "cleaned")
    return Coverage(polygons, "shared") if valid else None


def _alike(polygons: NDArray[Any], cleaned: NDArray[Any]) -> bool:
    """Return whether cleaning moved no more than what errors of drawing explain."""
    before, after = shapely.area(polygons), shapely.area(cleaned)
    moved = np.abs(after - before).sum()
    return bool(moved <= MOST_CHANGE * before.sum() and (after >= (1 - MOST_LOST) * before).all())


def _rounded(polygons: NDArray[Any], unit: float) -> NDArray[Any]:
    out: NDArray[Any] = shapely.transform(polygons, lambda xy: np.floor(xy / unit + 0.5) * unit)
    return out


def _noded(polygons: NDArray[Any], unit: float) -> NDArray[Any]:
    """Return the polygons with all borders snapped together (Hobby 1999), where rounding alone makes them cross.

    What the borders enclose then is given to the polygon that it lies in, or to the nearest within a unit: a
    thin cleft that was open and that snapping closed. A polygon that gets nothing is empty.
    """
    borders = shapely.union_all(shapely.boundary(polygons), grid_size=unit)
    faces = shapely.get_parts(shapely.polygonize([borders]))
    inner = shapely.point_on_surface(faces)
    face, owner = shapely.STRtree(polygons).query_nearest(inner, max_distance=unit, all_matches=False)
    order = np.argsort(owner, kind="stable")
    owners, begins = np.unique(owner[order], return_index=True)  # none where the whole layer is below a unit
    ends = np.append(begins, order.size)[1:]
    out = np.full(len(polygons), shapely.Polygon(), object)
    for polygon, begin, end in zip(owners, begins, ends, strict=True):
        mine = faces[face[order[begin:end]]]
        out[polygon] = mine[0] if len(mine) == 1 else shapely.coverage_union_all(mine)
    return out


def polygons_of(shapes: Shapes) -> NDArray[Any]:
    """Return each shape as a shapely multipolygon, or polygon where it has one part."""
    ring_of_vertex = np.repeat(np.arange(shapes.hole.size), np.diff(shapes.starts))
    closed = shapely.linearrings(shapes.xy, indices=ring_of_vertex)
    shells, holes = closed[~shapes.hole], closed[shapes.hole]
    owner = (np.cumsum(~shapes.hole) - 1)[shapes.hole]
    polygons = shapely.polygons(shells)
    holed = np.unique(owner)
    firsts, lasts = np.searchsorted(owner, holed), np.searchsorted(owner, holed, side="right")
    for p, first, last in zip(holed, firsts, lasts, strict=True):
        polygons[p] = shapely.polygons(shells[p], holes=holes[first:last])
    shape_of_polygon = np.repeat(np.arange(shapes.kind.size), np.diff(shapes.rings))[~shapes.hole]
    single = np.bincount(shape_of_polygon) == 1
    out: NDArray[Any] = shapely.multipolygons(polygons, indices=shape_of_polygon)
    out[single] = shapely.get_geometry(out[single], 0)
    return out
