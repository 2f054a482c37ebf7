"""Outlines as arrays: rings of polygons without repeated points, and the triangles that fill each polygon.

GEOS triangulates (`shapely.constrained_delaunay_triangles`: ears cut off, then flipped until Delaunay): its
triangles have corners of the outline only, so a roof meets its walls without a gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from naru.kernel import kernel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Geometries = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Outlines:
    """The outlines of features: outer rings counter-clockwise, holes clockwise, each point once."""

    points: Floats  # (points, 2)
    after: Ints  # (points,) which point comes next in the ring
    feature: Ints  # (points,) whose it is
    triangles: Ints  # (triangles, 3) into points, counter-clockwise


def outlines(geometries: Geometries) -> Outlines:
    """Return the outlines of polygons and multipolygons; what has no area, or is no polygon, gives nothing.

    Polygons that cross themselves are made valid first (`shapely.make_valid`, by its lines' structure).
    """
    sound = geometries.copy()
    broken = ~shapely.is_valid(sound)
    sound[broken] = shapely.make_valid(sound[broken], method="structure", keep_collapsed=False)
    parts, feature = _polygons(sound)
    parts = shapely.orient_polygons(shapely.force_2d(parts))
    rings, of_part = shapely.get_rings(parts, return_index=True)
    points, of_ring = shapely.get_coordinates(rings, return_index=True)
    last = np.r_[of_ring[1:] != of_ring[:-1], True] if len(of_ring) else np.zeros(0, bool)
    repeated = np.r_[(points[1:] == points[:-1]).all(axis=1) & ~last[:-1], False] if len(points) else last
    kept = ~last & ~repeated  # a ring's last point is its first
    points, of_ring = points[kept], of_ring[kept]
    part = of_part[of_ring]
    triangles = _filled(parts, points, part)
    return Outlines(points, _after(of_ring), feature[part], triangles)


def _polygons(geometries: Geometries) -> tuple[Geometries, Ints]:
    """Return the polygons in geometries, and whose each is; collections are looked into twice."""
    parts, feature = shapely.get_parts(geometries, return_index=True)
    inner, of_part = shapely.get_parts(parts, return_index=True)
    kept = (shapely.get_type_id(inner) == shapely.GeometryType.POLYGON) & (shapely.area(inner) > 0)
    return inner[kept], feature[of_part][kept]


def _after(of_ring: Ints) -> Ints:
    """Return the point after each; the points of a ring lie together."""
    after = np.arange(1, len(of_ring) + 1)
    if len(of_ring):
        ends = np.flatnonzero(np.r_[of_ring[1:] != of_ring[:-1], True])
        after[ends] = np.r_[0, ends[:-1] + 1]
    return after


def _filled(parts: Geometries, points: Floats, part: Ints) -> Ints:
    """Return the triangles of each polygon, by the numbers of its points."""
    pieces, of_part = shapely.get_parts(shapely.constrained_delaunay_triangles(parts), return_index=True)
    corners = shapely.get_coordinates(pieces).reshape(-1, 4, 2)[:, :3]
    order = np.lexsort((points[:, 1], points[:, 0], part))  # by part, as they lie, and by x and y in each
    starts = np.searchsorted(part, np.arange(len(parts) + 1))
    triangles = np.empty((len(pieces), 3), np.int64)
    _match(corners, of_part, points[order], starts, triangles)
    if len(triangles) and triangles.min() < 0:
        raise AssertionError("a triangle has a corner that its outline has not")
    triangles = order[triangles]
    a, b, c = (points[triangles[:, i]] for i in range(3))
    turn = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    triangles[turn < 0] = triangles[turn < 0][:, ::-1]
    return triangles


@kernel
def _match(corners: Floats, of_part: Ints, points: Floats, starts: Ints, out: Ints) -> None:
    """Write for each corner (triangles, 3, 2) which of its part's points, sorted by x and y, it is; -1: none."""
    for t in range(len(corners)):
        for k in range(3):
            x, y = corners[t, k, 0], corners[t, k, 1]
            low, high = starts[of_part[t]], starts[of_part[t] + 1]
            end = high
            while low < high:
                middle = (low + high) // 2
                if points[middle, 0] < x or (points[middle, 0] == x and points[middle, 1] < y):
                    low = middle + 1
                else:
                    high = middle
            out[t, k] = low if low < end and points[low, 0] == x and points[low, 1] == y else -1
