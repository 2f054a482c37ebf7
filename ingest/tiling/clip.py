"""Shapes cut to tiles: snapped to the zoom's grid, clipped, tidied, wound; kernels only.

Coordinates of a piece are the tile's own units (0…4096, y down). A polygon is clipped half-plane by half-plane
(Sutherland & Hodgman 1974), each crossing computed from the edge's end points in one fixed order, so that the
same edge seen from two neighbours is cut at the same place.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.tiling.kernel import inner, kernel
from ingest.tiling.shapes import Ints, Shapes

REAL, SQUARE = 1, 2  # how an instance is drawn: with its own geometry, or as the square of a tiny polygon
EMPTY, SOUND, DOUBTFUL = 0, 1, 2  # state of a piece; DOUBTFUL ones must pass a validity test
SMALL_RING = 32  # vertices up to which a ring is tested for self-contact here


class Instances(NamedTuple):
    """Which shape goes into which tile, at one zoom; sorted by tile, then by shape."""

    shape: Ints
    tile: Ints  # Hilbert number within the zoom
    x: Ints
    y: Ints
    how: NDArray[np.uint8]

    def at(self, index: Ints | slice) -> Instances:
        """Return some of the instances."""
        return Instances(self.shape[index], self.tile[index], self.x[index], self.y[index], self.how[index])


class Pieces(NamedTuple):
    """What is left of each instance inside its tile, in tile units."""

    state: NDArray[np.uint8]  # (n) EMPTY, SOUND or DOUBTFUL
    rings: Ints  # (n+1)
    starts: Ints  # (m+1)
    hole: NDArray[np.bool_]  # (m)
    xy: NDArray[np.int32]  # (v, 2)


class _Output(NamedTuple):
    """Where a cut goes, with room for the most that can come, and the memory to work in."""

    end: Ints  # (2) rings and vertices written so far
    starts: Ints
    hole: NDArray[np.bool_]
    xy: NDArray[np.int32]
    ring: Ints  # (w, 2)
    spare: Ints  # (w, 2)


class Cut(NamedTuple):
    """How to cut: the shift from the global grid to the zoom's units, and sizes in tile units."""

    shift: int
    extent: int
    buffer: int
    square: int  # side of the square that stands for a polygon without area
    keep_points: bool  # a line without length becomes one unit long instead of vanishing


@inner
def _snap(value: Any, shift: int) -> Any:
    return (np.int64(value) + ((1 << shift) >> 1)) >> shift


@inner
def _load(xy: Any, first: int, last: int, at: Any, cut: Cut, out: Any) -> int:
    """Snap vertices to the tile's units; leave out repeated ones. Return their number."""
    n = 0
    for p in range(first, last):
        x = _snap(xy[p, 0], cut.shift) - at[0]
        y = _snap(xy[p, 1], cut.shift) - at[1]
        if n == 0 or x != out[n - 1, 0] or y != out[n - 1, 1]:
            out[n, 0], out[n, 1] = x, y
            n += 1
    return n


@inner
def _crossing(ax: int, ay: int, bx: int, by: int, limit: int) -> int:
    """Return b of the edge (a1, b1)–(a2, b2) at a = limit, rounded; the same for both directions."""
    if ax > bx or (ax == bx and ay > by):
        ax, ay, bx, by = bx, by, ax, ay
    run = bx - ax
    return ay + (2 * (by - ay) * (limit - ax) + run) // (2 * run)


@inner
def _clip_side(ring: Any, n: int, axis: int, limit: int, sign: int, out: Any) -> int:
    """Keep what lies at sign·coordinate ≤ sign·limit."""
    m = 0
    for i in range(n):
        j = i + 1 if i + 1 < n else 0
        inside = sign * ring[i, axis] <= sign * limit
        if inside:
            out[m, 0], out[m, 1] = ring[i, 0], ring[i, 1]
            m += 1
        if inside != (sign * ring[j, axis] <= sign * limit):
            other = 1 - axis
            out[m, axis] = limit
            out[m, other] = _crossing(ring[i, axis], ring[i, other], ring[j, axis], ring[j, other], limit)
            m += 1
    return m


@inner
def _clip_ring(ring: Any, n: int, low: int, high: int, spare: Any) -> int:
    n = _clip_side(ring, n, 0, high, 1, spare)
    n = _clip_side(spare, n, 0, low, -1, ring)
    n = _clip_side(ring, n, 1, high, 1, spare)
    return _clip_side(spare, n, 1, low, -1, ring)


@inner
def _tidy(ring: Any, n: int) -> int:
    """Leave out, in place, repeated vertices, vertices on a straight line, and spikes. Return the number left."""
    changed = True
    while changed and n >= 3:
        changed = False
        m = 0
        for i in range(n):
            bx, by = ring[i, 0], ring[i, 1]
            # the vertex before is the last one kept; the first one's is the ring's last
            px, py = (ring[m - 1, 0], ring[m - 1, 1]) if m else (ring[n - 1, 0], ring[n - 1, 1])
            # the last vertex is followed by the first one kept
            if i + 1 < n:
                qx, qy = ring[i + 1, 0], ring[i + 1, 1]
            elif m:
                qx, qy = ring[0, 0], ring[0, 1]
            else:
                qx, qy = px, py
            if (bx - px) * (qy - by) == (by - py) * (qx - bx):
                changed = True
            else:
                ring[m, 0], ring[m, 1] = bx, by
                m += 1
        n = m
    return n if n >= 3 else 0


@inner
def _area(ring: Any, n: int) -> int:
    """Return twice the signed area; positive is clockwise on the screen, an MVT exterior."""
    area = 0
    for i in range(n):
        j = i + 1 if i + 1 < n else 0
        area += ring[i, 0] * ring[j, 1] - ring[j, 0] * ring[i, 1]
    return area


@inner
def _side(ax: int, ay: int, bx: int, by: int, px: int, py: int) -> int:
    turn = (bx - ax) * (py - ay) - (by - ay) * (px - ax)
    return 1 if turn > 0 else (-1 if turn < 0 else 0)


@inner
def _between(ax: int, ay: int, bx: int, by: int, px: int, py: int) -> bool:
    return min(ax, bx) <= px <= max(ax, bx) and min(ay, by) <= py <= max(ay, by)


@inner
def _touch(ring: Any, i: int, k: int, j: int, m: int) -> bool:
    """Return whether edges i–k and j–m have a point in common."""
    ax, ay, bx, by = ring[i, 0], ring[i, 1], ring[k, 0], ring[k, 1]
    cx, cy, dx, dy = ring[j, 0], ring[j, 1], ring[m, 0], ring[m, 1]
    s1, s2 = _side(ax, ay, bx, by, cx, cy), _side(ax, ay, bx, by, dx, dy)
    s3, s4 = _side(cx, cy, dx, dy, ax, ay), _side(cx, cy, dx, dy, bx, by)
    if s1 != s2 and s3 != s4:
        return True
    return (
        (s1 == 0 and _between(ax, ay, bx, by, cx, cy))
        or (s2 == 0 and _between(ax, ay, bx, by, dx, dy))
        or (s3 == 0 and _between(cx, cy, dx, dy, ax, ay))
        or (s4 == 0 and _between(cx, cy, dx, dy, bx, by))
    )


@inner
def _simple(ring: Any, n: int) -> bool:
    """Return whether a tidied ring touches itself nowhere (edges that follow each other aside)."""
    for i in range(n - 2):
        for j in range(i + 2, n):
            if i == 0 and j == n - 1:
                continue
            if _touch(ring, i, i + 1, j, j + 1 if j + 1 < n else 0):
                return False
    return True


@inner
def _begin_ring(out: _Output, hole: bool) -> None:
    out.hole[out.end[0]] = hole
    out.end[0] += 1
    out.starts[out.end[0]] = out.end[1]


@inner
def _add(out: _Output, x: Any, y: Any) -> None:
    """Write a vertex to the ring begun last."""
    out.xy[out.end[1], 0], out.xy[out.end[1], 1] = x, y
    out.end[1] += 1
    out.starts[out.end[0]] = out.end[1]


@inner
def _cut_points(shapes: Shapes, s: int, at: Any, cut: Cut, out: _Output) -> None:
    low, high = -cut.buffer, cut.extent + cut.buffer
    begun = False
    first, last = shapes.starts[shapes.rings[s]], shapes.starts[shapes.rings[s + 1]]
    for p in range(first, last):
        x = _snap(shapes.xy[p, 0], cut.shift) - at[0]
        y = _snap(shapes.xy[p, 1], cut.shift) - at[1]
        if low <= x <= high and low <= y <= high:
            if not begun:
                _begin_ring(out, False)
                begun = True
            _add(out, x, y)


@inner
def _clip_segment(segment: Any, low: int, high: int) -> bool:
    """Clip (x1, y1, x2, y2) in place to the box; return whether anything is left."""
    for axis in range(2):
        other = 1 - axis
        for sign, limit in ((1, high), (-1, low)):
            first_out = sign * segment[axis] > sign * limit
            second_out = sign * segment[2 + axis] > sign * limit
            if first_out and second_out:
                return False
            if first_out or second_out:
                crossing = _crossing(segment[axis], segment[other], segment[2 + axis], segment[2 + other], limit)
                end = 0 if first_out else 2
                segment[end + axis], segment[end + other] = limit, crossing
    return bool(segment[0] != segment[2] or segment[1] != segment[3])


@inner
def _cut_line(shapes: Shapes, s: int, at: Any, cut: Cut, out: _Output) -> bool:
    """Write the parts of a line inside the tile; return whether all of the line is one point."""
    segment = np.empty(4, np.int64)
    flat = True
    for r in range(shapes.rings[s], shapes.rings[s + 1]):
        count = _load(shapes.xy, shapes.starts[r], shapes.starts[r + 1], at, cut, out.ring)
        flat = flat and count < 2
        joined = False  # the part written last ends where the next segment begins
        for i in range(count - 1):
            segment[0], segment[1] = out.ring[i, 0], out.ring[i, 1]
            segment[2], segment[3] = out.ring[i + 1, 0], out.ring[i + 1, 1]
            if not _clip_segment(segment, -cut.buffer, cut.extent + cut.buffer):
                joined = False
                continue
            if not (joined and segment[0] == out.ring[i, 0] and segment[1] == out.ring[i, 1]):
                _begin_ring(out, False)
                _add(out, segment[0], segment[1])
            _add(out, segment[2], segment[3])
            joined = segment[2] == out.ring[i + 1, 0] and segment[3] == out.ring[i + 1, 1]
    return flat


@inner
def _inside(ring: Any, n: int, low: int, high: int) -> bool:
    for k in range(n):
        if ring[k, 0] < low or ring[k, 0] > high or ring[k, 1] < low or ring[k, 1] > high:
            return False
    return True


@inner
def _write_ring(out: _Output, n: int, area: Any, hole: bool) -> None:
    """Write the ring in memory, wound as MVT asks: exteriors with positive area, holes negative."""
    _begin_ring(out, hole)
    for k in range(n):
        j = k if (area > 0) != hole else n - 1 - k
        _add(out, out.ring[j, 0], out.ring[j, 1])


@inner
def _cut_polygon(shapes: Shapes, s: int, at: Any, cut: Cut, out: _Output) -> tuple[bool, bool]:
    """Write the rings inside the tile; return whether the polygon has no area, and whether it is doubtful."""
    low, high = -cut.buffer, cut.extent + cut.buffer
    flat, doubtful, outline = True, False, False
    for r in range(shapes.rings[s], shapes.rings[s + 1]):
        hole = shapes.hole[r]
        if hole and not outline:
            continue  # a hole goes with its exterior
        count = _tidy(out.ring, _load(shapes.xy, shapes.starts[r], shapes.starts[r + 1], at, cut, out.ring))
        flat = flat and (hole or _area(out.ring, count) == 0)
        if not _inside(out.ring, count, low, high):
            count = _tidy(out.ring, _clip_ring(out.ring, count, low, high, out.spare))
        area = _area(out.ring, count)
        if not hole:
            outline = area != 0
        if area != 0:
            doubtful = doubtful or count > SMALL_RING or not _simple(out.ring, count)
            _write_ring(out, count, area, hole)
    return flat, doubtful


@inner
def _draw_mark(shapes: Shapes, s: int, at: Any, cut: Cut, out: _Output) -> None:
    """Write the square in the middle of a polygon's box, or one unit of line, where it lies in the tile."""
    first, last = shapes.starts[shapes.rings[s]], shapes.starts[shapes.rings[s + 1]]
    low, high = -cut.buffer, cut.extent + cut.buffer
    left = right = shapes.xy[first, 0]
    top = bottom = shapes.xy[first, 1]
    for p in range(first + 1, last):
        left, right = min(left, shapes.xy[p, 0]), max(right, shapes.xy[p, 0])
        top, bottom = min(top, shapes.xy[p, 1]), max(bottom, shapes.xy[p, 1])
    side = cut.square if shapes.kind[s] == 3 else 1
    x = ((_snap(left, cut.shift) + _snap(right, cut.shift) - side + 1) >> 1) - at[0]
    y = ((_snap(top, cut.shift) + _snap(bottom, cut.shift) - side + 1) >> 1) - at[1]
    if not (low <= x and x + side <= high and low <= y and y + side <= high):
        return
    _begin_ring(out, False)
    _add(out, x, y)
    _add(out, x + side, y)
    if shapes.kind[s] == 3:
        _add(out, x + side, y + side)
        _add(out, x, y + side)


@inner
def _output_for(shapes: Shapes, instances: Instances) -> _Output:
    """Return memory for the most that can come: a half-plane adds at most half a ring's vertices."""
    largest, vertices = 0, 0
    for s in instances.shape:
        count = shapes.starts[shapes.rings[s + 1]] - shapes.starts[shapes.rings[s]]
        largest = max(largest, count)
        vertices += count
    n, room = instances.shape.size, 6 * largest + 64
    rings = vertices + n + 1  # a line may leave and enter the tile at each segment
    return _Output(
        np.zeros(2, np.int64),
        np.zeros(rings + 1, np.int64),
        np.zeros(rings, np.bool_),
        np.empty((6 * vertices + 4 * n, 2), np.int32),
        np.empty((room, 2), np.int64),
        np.empty((room, 2), np.int64),
    )


def cut_to_tiles(shapes: Shapes, whole: Any, instances: Instances, cut: Cut) -> Pieces:
    """Return the piece of each instance.

    `whole` (n, bool) says which shapes are complete. One of them that loses all area by snapping is drawn as a
    square; one that loses all length as one unit of line, if `cut.keep_points`.
    """
    state, rings, out = _cut_all(shapes, whole, instances, cut)
    m, v = out.end
    return Pieces(state, rings, out.starts[: m + 1], out.hole[:m], out.xy[:v])


@kernel
def _cut_all(shapes: Shapes, whole: Any, instances: Instances, cut: Cut) -> tuple[Any, Ints, _Output]:
    out = _output_for(shapes, instances)
    n = instances.shape.size
    state, rings = np.zeros(n, np.uint8), np.zeros(n + 1, np.int64)
    for i in range(n):
        s = instances.shape[i]
        at = (instances.x[i] * cut.extent, instances.y[i] * cut.extent)
        flat, doubtful = True, False
        if instances.how[i] == REAL:
            if shapes.kind[s] == 1:
                _cut_points(shapes, s, at, cut, out)
            elif shapes.kind[s] == 2:
                flat = _cut_line(shapes, s, at, cut, out)
            else:
                flat, doubtful = _cut_polygon(shapes, s, at, cut, out)
        markable = shapes.kind[s] == 3 or (shapes.kind[s] == 2 and cut.keep_points)
        if flat and markable and whole[s]:
            out.end[0], out.end[1] = rings[i], out.starts[rings[i]]  # nothing that a flat shape left counts
            _draw_mark(shapes, s, at, cut, out)
        rings[i + 1] = out.end[0]
        if rings[i + 1] > rings[i]:
            several = shapes.kind[s] == 3 and rings[i + 1] > rings[i] + 1
            state[i] = DOUBTFUL if doubtful or several else SOUND
    return state, rings, out
