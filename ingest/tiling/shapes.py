"""Shapes: the geometries of a layer as flat arrays on the integer grid of a tile matrix set.

The grid has 2**30 steps along a side of the set's square, in Web Mercator around the equator; x grows to the right,
y downwards, and the origin is the square's top left corner. Every zoom's coordinates come from it by one shift, so
what two neighbours share stays shared at every zoom.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from ingest.tiling.kernel import kernel

POINT, LINE, POLYGON = 1, 2, 3  # also the MVT geometry types
Ints = NDArray[np.int64]
Coordinates = NDArray[Any]  # (v, 2): int32 on the grid, or float64 before rounding


class Shapes(NamedTuple):
    """Ragged arrays: shape i has the rings rings[i]:rings[i+1]; ring j the vertices starts[j]:starts[j+1].

    A polygon's rings are an exterior, its holes, the next exterior …, without the closing vertex; a line's
    rings are its parts; a point's single ring holds its points.
    """

    kind: NDArray[np.uint8]  # (n) POINT, LINE or POLYGON
    row: Ints  # (n) 0-based row in the source; a mixed collection gives several shapes of one row
    rings: Ints  # (n+1)
    starts: Ints  # (m+1)
    hole: NDArray[np.bool_]  # (m) interior ring
    xy: Coordinates


def empty() -> Shapes:
    """Return no shapes."""
    zero, none = np.zeros(1, np.int64), np.zeros(0, np.int64)
    return Shapes(np.zeros(0, np.uint8), none, zero, zero.copy(), np.zeros(0, np.bool_), np.zeros((0, 2), np.int32))


def concatenate(parts: list[Shapes]) -> Shapes:
    """Return the shapes of all parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return empty()
    return Shapes(
        np.concatenate([p.kind for p in parts]),
        np.concatenate([p.row for p in parts]),
        _joined([p.rings for p in parts]),
        _joined([p.starts for p in parts]),
        np.concatenate([p.hole for p in parts]),
        np.concatenate([p.xy for p in parts]),
    )


def _joined(offsets: list[Ints]) -> Ints:
    counts = np.concatenate([np.diff(o) for o in offsets])
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def from_geometries(geometries: NDArray[Any], rows: Ints) -> Shapes:
    """Return the shapes of shapely geometries (none null or empty), float64 coordinates as they are, by row.

    A geometry collection is taken apart into at most one shape of each kind; Z and M are left out.
    """
    parts, owner = _exploded(geometries, rows)
    dimension = shapely.get_dimensions(parts)
    found = [
        _ringed(parts[dimension == d], owner[dimension == d], kind)
        for d, kind in ((0, POINT), (1, LINE), (2, POLYGON))
        if (dimension == d).any()
    ]
    if len(found) == 1:
        return found[0]
    mixed = concatenate(found)
    return take(mixed, np.argsort(mixed.row, kind="stable"))


def _exploded(geometries: NDArray[Any], rows: Ints) -> tuple[NDArray[Any], Ints]:
    """Return simple parts (points, lines, polygons; none empty) and the row of each."""
    parts, index = shapely.get_parts(geometries, return_index=True)
    owner = rows[index]
    while (shapely.get_type_id(parts) > 3).any():
        parts, index = shapely.get_parts(parts, return_index=True)
        owner = owner[index]
    full = ~shapely.is_empty(parts)
    return parts[full], owner[full]


def _ringed(parts: NDArray[Any], owner: Ints, kind: int) -> Shapes:
    if kind == POLYGON:
        rings, polygon = shapely.get_rings(parts, return_index=True)
        ring_owner = owner[polygon]
        hole = np.concatenate([[False], polygon[1:] == polygon[:-1]])
        keep_last = False
    else:
        rings, ring_owner, hole = parts, owner, np.zeros(len(parts), np.bool_)
        keep_last = True
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    if not keep_last:
        last = np.concatenate([ring[1:] != ring[:-1], [True]])
        xy, ring = xy[~last], ring[~last]
    counts = np.bincount(ring, minlength=len(rings))
    row, rings_of = np.unique(ring_owner, return_counts=True)
    if kind == POINT:  # all points of a row make one ring
        counts = np.add.reduceat(counts, np.concatenate([[0], np.cumsum(rings_of)[:-1]]))
        rings_of, hole = np.ones(len(row), np.int64), np.zeros(len(row), np.bool_)
    return Shapes(np.full(len(row), kind, np.uint8), row, _offsets(rings_of), _offsets(counts), hole, xy)


def _offsets(counts: NDArray[Any]) -> Ints:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def take(shapes: Shapes, index: Ints) -> Shapes:
    """Return the shapes at `index`, in that order."""
    rings, starts, ring_index, xy_index = _gather(shapes.rings, shapes.starts, index.astype(np.int64))
    return Shapes(
        shapes.kind[index], shapes.row[index], rings, starts, shapes.hole[ring_index], shapes.xy[xy_index]
    )


@kernel
def _gather(rings: Ints, starts: Ints, index: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    n, m, v = index.size, 0, 0
    for i in index:
        m += rings[i + 1] - rings[i]
        v += starts[rings[i + 1]] - starts[rings[i]]
    new_rings, new_starts = np.zeros(n + 1, np.int64), np.zeros(m + 1, np.int64)
    ring_index, xy_index = np.empty(m, np.int64), np.empty(v, np.int64)
    m = v = 0
    for k in range(n):
        for r in range(rings[index[k]], rings[index[k] + 1]):
            ring_index[m] = r
            for p in range(starts[r], starts[r + 1]):
                xy_index[v] = p
                v += 1
            m += 1
            new_starts[m] = v
        new_rings[k + 1] = m
    return new_rings, new_starts, ring_index, xy_index


def rounded(shapes: Shapes) -> Shapes:
    """Return the shapes with float64 grid coordinates rounded to int32, exteriors wound as MVT asks."""
    limits = np.float64(-(2**30)), np.float64(2**31 - 1)  # a world to the north, one to the south: room to clip
    xy = np.clip(np.rint(shapes.xy), *limits).astype(np.int32)
    _orient(shapes.kind, shapes.rings, shapes.starts, shapes.hole, xy)
    return shapes._replace(xy=xy)


@kernel
def _orient(kind: Any, rings: Ints, starts: Ints, hole: Any, xy: Any) -> None:
    for s in range(kind.size):
        if kind[s] != 3:
            continue
        for r in range(rings[s], rings[s + 1]):
            a, b = starts[r], starts[r + 1]
            area = 0.0
            for p in range(a, b):
                q = p + 1 if p + 1 < b else a
                area += (np.float64(xy[p, 0]) - xy[a, 0]) * (np.float64(xy[q, 1]) - xy[a, 1])
                area -= (np.float64(xy[q, 0]) - xy[a, 0]) * (np.float64(xy[p, 1]) - xy[a, 1])
            if area != 0 and (area < 0) != hole[r]:
                for k in range((b - a - 1) // 2 + 1):
                    i, j = a + k, b - 1 - k
                    if i >= j:
                        break
                    x, y = xy[i, 0], xy[i, 1]
                    xy[i, 0], xy[i, 1] = xy[j, 0], xy[j, 1]
                    xy[j, 0], xy[j, 1] = x, y


class Measures(NamedTuple):
    """Per shape: box on the grid, size (points: 0, lines: length, polygons: area less holes), vertices."""

    box: NDArray[np.int64]  # (n, 4) xmin, ymin, xmax, ymax
    size: NDArray[np.float64]
    vertices: Ints


@kernel
def fill_measures(shapes: Shapes, measures: Measures) -> None:
    """Write box, size and vertex count of each shape, in grid steps."""
    box, size, vertices = measures
    xy = shapes.xy
    for s in range(shapes.kind.size):
        first, last = shapes.starts[shapes.rings[s]], shapes.starts[shapes.rings[s + 1]]
        vertices[s], size[s] = last - first, 0.0
        box[s, 0] = box[s, 2] = xy[first, 0]
        box[s, 1] = box[s, 3] = xy[first, 1]
        for p in range(first, last):
            box[s, 0], box[s, 2] = min(box[s, 0], xy[p, 0]), max(box[s, 2], xy[p, 0])
            box[s, 1], box[s, 3] = min(box[s, 1], xy[p, 1]), max(box[s, 3], xy[p, 1])
        for r in range(shapes.rings[s], shapes.rings[s + 1]):
            a, b = shapes.starts[r], shapes.starts[r + 1]
            if shapes.kind[s] == 2:
                for p in range(a, b - 1):
                    size[s] += np.hypot(np.float64(xy[p + 1, 0]) - xy[p, 0], np.float64(xy[p + 1, 1]) - xy[p, 1])
            elif shapes.kind[s] == 3:
                area = 0.0
                for p in range(a, b):
                    q = p + 1 if p + 1 < b else a
                    area += (np.float64(xy[p, 0]) - xy[a, 0]) * (np.float64(xy[q, 1]) - xy[a, 1])
                    area -= (np.float64(xy[q, 0]) - xy[a, 0]) * (np.float64(xy[p, 1]) - xy[a, 1])
                size[s] += 0.5 * area
