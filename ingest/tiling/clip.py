"""Shapes cut to tiles: snapped to the zoom's grid, clipped, tidied, wound; kernels only.

Coordinates of a piece are the tile's own units (0…4096, y down). A polygon is clipped half-plane by half-plane
(Sutherland & Hodgman 1974), each crossing computed from the edge's end points in one fixed order, so that the
same edge seen from two neighbours is cut at the same place.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.tiling.kernel import kernel
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


class Pieces(NamedTuple):
    """What is left of each instance inside its tile, in tile units."""

    state: NDArray[np.uint8]  # (n) EMPTY, SOUND or DOUBTFUL
    rings: Ints  # (n+1)
    starts: Ints  # (m+1)
    hole: NDArray[np.bool_]  # (m)
    xy: NDArray[np.int32]  # (v, 2)


class Cut(NamedTuple):
    """How to cut: the shift from the global grid to the zoom's units, and sizes in tile units."""

    shift: int
    extent: int
    buffer: int
    square: int  # side of the square that stands for a polygon without area
    keep_points: bool  # a line without length becomes one unit long instead of vanishing


@kernel
def _snap(value: int, shift: int) -> int:
    return (value + ((1 << shift) >> 1)) >> shift


@kernel
def _load(xy: Any, first: int, last: int, at: Any, cut: Cut, out: Any) -> int:
    """Snap vertices to the tile's units; leave out repeated ones. Return their number."""
    n = 0
    for p in range(first, last):
        x = _snap(np.int64(xy[p, 0]), cut.shift) - at[0]
        y = _snap(np.int64(xy[p, 1]), cut.shift) - at[1]
        if n == 0 or x != out[n - 1, 0] or y != out[n - 1, 1]:
            out[n, 0], out[n, 1] = x, y
            n += 1
    return n


@kernel
def _crossing(ax: int, ay: int, bx: int, by: int, limit: int) -> int:
    """Return b of the edge (a1, b1)–(a2, b2) at a = limit, rounded; the same for both directions."""
    if ax > bx or (ax == bx and ay > by):
        ax, ay, bx, by = bx, by, ax, ay
    run = bx - ax
    return ay + (2 * (by - ay) * (limit - ax) + run) // (2 * run)


@kernel
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


@kernel
def _clip_ring(ring: Any, n: int, low: int, high: int, spare: Any) -> int:
    n = _clip_side(ring, n, 0, high, 1, spare)
    n = _clip_side(spare, n, 0, low, -1, ring)
    n = _clip_side(ring, n, 1, high, 1, spare)
    return _clip_side(spare, n, 1, low, -1, ring)


@kernel
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


@kernel
def _area(ring: Any, n: int) -> int:
    """Return twice the signed area; positive is clockwise on the screen, an MVT exterior."""
    area = 0
    for i in range(n):
        j = i + 1 if i + 1 < n else 0
        area += ring[i, 0] * ring[j, 1] - ring[j, 0] * ring[i, 1]
    return area


@kernel
def _side(ax: int, ay: int, bx: int, by: int, px: int, py: int) -> int:
    turn = (bx - ax) * (py - ay) - (by - ay) * (px - ax)
    return 1 if turn > 0 else (-1 if turn < 0 else 0)


@kernel
def _between(ax: int, ay: int, bx: int, by: int, px: int, py: int) -> bool:
    return min(ax, bx) <= px <= max(ax, bx) and min(ay, by) <= py <= max(ay, by)


@kernel
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


@kernel
def _simple(ring: Any, n: int) -> bool:
    """Return whether a tidied ring touches itself nowhere (edges that follow each other aside)."""
    for i in range(n - 2):
        for j in range(i + 2, n):
            if i == 0 and j == n - 1:
                continue
            if _touch(ring, i, i + 1, j, j + 1 if j + 1 < n else 0):
                return False
    return True


@kernel
def _grown(array: Any, need: int) -> Any:
    """Return the array, or a longer copy that has room for `need` rows."""
    if need <= array.shape[0]:
        return array
    bigger = np.empty((max(need, 2 * array.shape[0]),) + array.shape[1:], array.dtype)
    bigger[: array.shape[0]] = array
    return bigger


@kernel
def _clip_line(line: Any, n: int, low: int, high: int, out: Any, ends: Any) -> int:
    """Write the parts of a line inside the box to `out`; ends[k] is where part k ends. Return their number."""
    parts = m = 0
    for i in range(n - 1):
        ax, ay, bx, by = line[i, 0], line[i, 1], line[i + 1, 0], line[i + 1, 1]
        whole = True  # the segment's far end is its own end point
        seen = True
        for axis in range(2):
            for sign in (1, -1):
                limit = high if sign == 1 else -low
                a, b = (sign * ax, sign * bx) if axis == 0 else (sign * ay, sign * by)
                if a > limit and b > limit:
                    seen = False
                    break
                if a > limit or b > limit:
                    edge = limit * sign
                    if axis == 0:
                        cx, cy = edge, _crossing(ax, ay, bx, by, edge)
                    else:
                        cx, cy = _crossing(ay, ax, by, bx, edge), edge
                    if a > limit:
                        ax, ay = cx, cy
                    else:
                        bx, by = cx, cy
                        whole = False
            if not seen:
                break
        start = ends[parts - 1] if parts else 0
        if not seen or (ax == bx and ay == by):
            if m > start + 1:
                ends[parts] = m
                parts += 1
            else:
                m = start
            continue
        if m == start or out[m - 1, 0] != ax or out[m - 1, 1] != ay:
            if m > start + 1:
                ends[parts] = m
                parts += 1
            elif m == start + 1:
                m = start
            out[m, 0], out[m, 1] = ax, ay
            m += 1
        out[m, 0], out[m, 1] = bx, by
        m += 1
        if not whole:
            ends[parts] = m
            parts += 1
    start = ends[parts - 1] if parts else 0
    if m > start + 1:
        ends[parts] = m
        parts += 1
    return parts


@kernel
def cut_to_tiles(shapes: Shapes, whole: Any, instances: Instances, cut: Cut) -> Pieces:
    """Return the piece of each instance.

    `whole` (n, bool) says which shapes are complete: one that loses all area or length by snapping is then
    drawn as a square (or one unit of line at the top zoom), in the tiles that the square lies in.
    """
    n = instances.shape.size
    largest = 8
    for i in range(n):
        s = instances.shape[i]
        largest = max(largest, shapes.starts[shapes.rings[s + 1]] - shapes.starts[shapes.rings[s]])
    room = 6 * largest + 64  # a half-plane adds at most half a ring's vertices; four of them, fivefold
    ring, spare = np.empty((room, 2), np.int64), np.empty((room, 2), np.int64)
    ends = np.empty(room, np.int64)
    state, rings = np.zeros(n, np.uint8), np.zeros(n + 1, np.int64)
    starts, hole = np.zeros(4 * n + 16, np.int64), np.zeros(4 * n + 16, np.bool_)
    xy = np.empty((16 * n + room, 2), np.int32)
    low, high = -cut.buffer, cut.extent + cut.buffer
    m = v = 0
    for i in range(n):
        s = instances.shape[i]
        at = (instances.x[i] * cut.extent, instances.y[i] * cut.extent)
        first_ring, last_ring = shapes.rings[s], shapes.rings[s + 1]
        kind = shapes.kind[s]
        xmin = ymin = np.int64(1) << 40
        xmax = ymax = -xmin
        flat = True  # no exterior has any area before clipping
        before = m
        doubtful = False
        skip_holes = False
        if instances.how[i] == SQUARE:
            for p in range(shapes.starts[first_ring], shapes.starts[first_ring + 1]):
                x, y = _snap(np.int64(shapes.xy[p, 0]), cut.shift), _snap(np.int64(shapes.xy[p, 1]), cut.shift)
                xmin, xmax = min(xmin, x - at[0]), max(xmax, x - at[0])
                ymin, ymax = min(ymin, y - at[1]), max(ymax, y - at[1])
        else:
            for r in range(first_ring, last_ring):
                length = shapes.starts[r + 1] - shapes.starts[r]
                starts = _grown(starts, m + length + 8)
                hole = _grown(hole, m + length + 8)
                xy = _grown(xy, v + 6 * length + 64)
                if kind == 1:
                    for p in range(shapes.starts[r], shapes.starts[r + 1]):
                        x = _snap(np.int64(shapes.xy[p, 0]), cut.shift) - at[0]
                        y = _snap(np.int64(shapes.xy[p, 1]), cut.shift) - at[1]
                        if low <= x <= high and low <= y <= high:
                            xy[v, 0], xy[v, 1] = x, y
                            v += 1
                    if v > starts[m]:
                        hole[m] = False
                        m += 1
                        starts[m] = v
                    continue
                count = _load(shapes.xy, shapes.starts[r], shapes.starts[r + 1], at, cut, ring)
                left = top = np.int64(1) << 40
                right = bottom = -left
                for k in range(count):
                    left, right = min(left, ring[k, 0]), max(right, ring[k, 0])
                    top, bottom = min(top, ring[k, 1]), max(bottom, ring[k, 1])
                xmin, xmax, ymin, ymax = min(xmin, left), max(xmax, right), min(ymin, top), max(ymax, bottom)
                if kind == 2:
                    if count > 1:
                        flat = False
                        parts = _clip_line(ring, count, low, high, spare, ends)
                        k = 0
                        for part in range(parts):
                            while k < ends[part]:
                                xy[v, 0], xy[v, 1] = spare[k, 0], spare[k, 1]
                                v += 1
                                k += 1
                            hole[m] = False
                            m += 1
                            starts[m] = v
                    continue
                if shapes.hole[r] and skip_holes:
                    continue
                if not shapes.hole[r]:
                    skip_holes = True
                count = _tidy(ring, count)
                if count == 0:
                    continue
                if not shapes.hole[r] and _area(ring, count) != 0:
                    flat = False
                if right < low or left > high or bottom < low or top > high:
                    continue
                if left < low or right > high or top < low or bottom > high:
                    count = _tidy(ring, _clip_ring(ring, count, low, high, spare))
                area = _area(ring, count)
                if count == 0 or area == 0:
                    continue
                if not shapes.hole[r]:
                    skip_holes = False
                if count > SMALL_RING or not _simple(ring, count):
                    doubtful = True
                for k in range(count):
                    j = k if (area > 0) != shapes.hole[r] else count - 1 - k
                    xy[v, 0], xy[v, 1] = ring[j, 0], ring[j, 1]
                    v += 1
                hole[m] = shapes.hole[r]
                m += 1
                starts[m] = v
        if instances.how[i] == SQUARE or (m == before and flat and kind != 1 and whole[s]):
            starts = _grown(starts, m + 8)
            hole = _grown(hole, m + 8)
            xy = _grown(xy, v + 8)
            side = cut.square
            if kind == 3:
                x, y = (xmin + xmax - side + 1) >> 1, (ymin + ymax - side + 1) >> 1
                if low <= x and x + side <= high and low <= y and y + side <= high:
                    for k in range(4):
                        xy[v, 0] = x + (side if k == 1 or k == 2 else 0)
                        xy[v, 1] = y + (side if k >= 2 else 0)
                        v += 1
            elif cut.keep_points and low <= xmin < high and low <= ymin <= high:
                xy[v, 0], xy[v, 1] = xmin, ymin
                xy[v + 1, 0], xy[v + 1, 1] = xmin + 1, ymin
                v += 2
            if v > starts[m]:
                hole[m] = False
                m += 1
                starts[m] = v
        rings[i + 1] = m
        if m > before:
            several = kind == 3 and m > before + 1
            state[i] = DOUBTFUL if doubtful or several else SOUND
    return Pieces(state, rings, starts[: m + 1].copy(), hole[:m].copy(), xy[:v].copy())
