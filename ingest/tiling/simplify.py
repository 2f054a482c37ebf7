"""Fewer vertices at lower zooms: shared borders once for both neighbours, lines and lone rings one by one.

Nothing is simplified at the top zoom. Each zoom starts from the vertices that the zoom above kept, so what a
zoom shows is always a part of what the next one shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.tiling.coverage import TOLERANCE, Coverage
from ingest.tiling.kernel import inner, kernel
from ingest.tiling.options import GRID_ZOOM
from ingest.tiling.shapes import Measures, Shapes, from_geometries, rounded
from ingest.tiling.spool import Room, measure

LINE_UNITS = 2.0  # greatest distance between a line or lone ring and what is drawn of it
RING_FROM = 16  # vertices: smaller rings keep all of theirs


@dataclass(frozen=True)
class Level:
    """A layer's shapes as one zoom draws them; shape i is the same feature at every zoom."""

    zoom: int
    shapes: Shapes
    measures: Measures  # boxes and vertices are this zoom's, sizes those of the source
    tolerance: float  # tile units; 0: nothing was simplified


def levels(top: Level, coverage: Coverage | None, minzoom: int, room: Room) -> Iterator[Level]:
    """Yield the levels from the top zoom down to minzoom.

    `top` has the shapes as they came; `coverage` is the same shapes, where they are one.
    """
    level = top
    if coverage is not None and coverage.borders == "shared":
        level = _of_coverage(level, coverage, 0.0, room)
    yield level
    for zoom in range(top.zoom - 1, minzoom - 1, -1):
        level = replace(level, zoom=zoom)
        if coverage is None:
            level = _thinner(level, LINE_UNITS * unit_of(zoom), room)
        else:
            coverage = coverage.simplified(unit_of(zoom))
            level = _of_coverage(level, coverage, TOLERANCE, room)
        yield level


def _of_coverage(level: Level, coverage: Coverage, tolerance: float, room: Room) -> Level:
    shapes = rounded(from_geometries(coverage.snapped(unit_of(level.zoom)), level.shapes.row))
    return Level(level.zoom, shapes, measure(shapes, room)._replace(size=level.measures.size), tolerance)


def unit_of(zoom: int) -> float:
    """Return how many grid steps a tile unit of a zoom spans."""
    return float(2 ** (GRID_ZOOM - zoom))


def _thinner(level: Level, tolerance: float, room: Room) -> Level:
    keep = _simplified(level.shapes, tolerance, RING_FROM)
    if keep.all():
        return level
    starts = room.empty(level.shapes.starts.shape, np.int64)
    _count_kept(level.shapes.starts, keep, starts)
    shapes = level.shapes._replace(starts=starts, xy=room.compressed(level.shapes.xy, keep))
    return Level(level.zoom, shapes, measure(shapes, room)._replace(size=level.measures.size), LINE_UNITS)


@kernel
def _count_kept(starts: Any, keep: Any, out: Any) -> None:
    """Write where each ring begins once only some vertices are kept."""
    left, p = 0, 0
    for r in range(starts.size):
        while p < starts[r]:
            left += keep[p]
            p += 1
        out[r] = left


@inner
def _off_line(xy: Any, a: int, b: int, p: int) -> Any:
    """Return the squared distance of vertex p from the segment a–b."""
    ax, ay = np.float64(xy[a, 0]), np.float64(xy[a, 1])
    dx, dy = xy[b, 0] - ax, xy[b, 1] - ay
    px, py = xy[p, 0] - ax, xy[p, 1] - ay
    run = dx * dx + dy * dy
    t = 0.0 if run == 0 else min(1.0, max(0.0, (px * dx + py * dy) / run))
    return (px - t * dx) ** 2 + (py - t * dy) ** 2


@inner
def _keep_between(xy: Any, first: int, last: int, limit: float, keep: Any, stack: Any) -> None:
    """Mark the vertices between two kept ones that Douglas & Peucker (1973) keep."""
    top = 0
    stack[0, 0], stack[0, 1] = first, last
    while top >= 0:
        a, b = stack[top, 0], stack[top, 1]
        top -= 1
        worst, far = limit, -1
        for p in range(a + 1, b):
            distance = _off_line(xy, a, b, p)
            if distance > worst:
                worst, far = distance, p
        if far >= 0:
            keep[far] = True
            stack[top + 1, 0], stack[top + 1, 1] = a, far
            stack[top + 2, 0], stack[top + 2, 1] = far, b
            top += 2


@kernel
def _simplified(shapes: Shapes, tolerance: float, ring_from: int) -> NDArray[np.bool_]:
    """Return which vertices to keep.

    A ring, or a line that ends where it begins, is taken as two: from its first vertex to the farthest, and back.
    """
    xy = shapes.xy
    keep = np.ones(xy.shape[0], np.bool_)
    longest = 0
    for r in range(shapes.hole.size):
        longest = max(longest, shapes.starts[r + 1] - shapes.starts[r])
    stack = np.empty((longest + 2, 2), np.int64)
    limit = tolerance * tolerance
    for s in range(shapes.kind.size):
        for r in range(shapes.rings[s], shapes.rings[s + 1]):
            a, b = shapes.starts[r], shapes.starts[r + 1] - 1
            if shapes.kind[s] == 1 or b - a < 2 or (shapes.kind[s] == 3 and b - a + 1 < ring_from):
                continue
            for p in range(a + 1, b):
                keep[p] = False
            if shapes.kind[s] == 2 and _off_line(xy, a, a, b) > limit:
                _keep_between(xy, a, b, limit, keep, stack)
                continue
            far, worst = a + 1, -1.0
            for p in range(a + 1, b):
                distance = _off_line(xy, a, a, p)
                if distance > worst:
                    far, worst = p, distance
            keep[far] = True
            _keep_between(xy, a, far, limit, keep, stack)
            _keep_between(xy, far, b, limit, keep, stack)
    return keep
