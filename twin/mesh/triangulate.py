"""Heights become few triangles: Delaunay refinement that puts in the worst point until none is off by too much.

The method is Garland & Heckbert 1995 (CMU-CS-95-181), algorithm IV, on the half-edge structure of Delatin
(Fogleman, Agafonkin; ISC, see NOTICE). It differs from pydelatin in three ways that tiles need:
columns and rows need not be evenly spaced, so that every cell centre of the source is a node of its tile;
positions are the whole numbers that the tile format keeps, so that geometry tests are exact and what is measured is
what is decoded; and which nodes of a tile's edge become points follows from the heights along that edge alone, so
that neighbours choose the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from naru.kernel import inner, kernel

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
SPAN = 32767  # u and v run from 0 to this: quantized-mesh-1.0, "Vertex Data"


@dataclass(frozen=True)
class Nodes:
    """A tile's heights on columns from the west and rows from the south.

    `u`, `v`: strictly increasing from 0 to 32767. `true`: (rows, columns) metres. `kept`: the same as the format
    can keep them; where a node becomes a point it has this height.
    """

    u: Ints
    v: Ints
    true: Floats
    kept: Floats


@dataclass(frozen=True)
class Triangles:
    """`row`, `column`: of each point among the nodes. `corners`: (triangles, 3), against the clock from above."""

    row: Ints
    column: Ints
    corners: Ints
    error_m: float  # the largest between the triangles and any node


def triangulate(nodes: Nodes, max_error_m: float, parts: int = 1) -> Triangles:
    """Return triangles from which no node of the tile is off by more than `max_error_m` metres.

    The four corners are points always, and with `parts` those nodes that cut the tile in so many parts each way:
    a triangle is flat, and the Earth is round. `max_error_m` must be at least twice what `kept` is off `true`
    anywhere.
    """
    u, v = nodes.u.astype(np.int64), nodes.v.astype(np.int64)
    seeds = _seeds(u, parts), _seeds(v, parts)
    row, column, corners, error = _refine(u, v, nodes.true.copy(), nodes.kept, float(max_error_m), *seeds)
    return Triangles(row, column, corners, float(error))


def _seeds(at: Any, parts: int) -> npt.NDArray[np.int64]:
    """Return the nodes nearest to where a side is cut in equal parts, with both ends."""
    wanted = np.arange(parts + 1) * (SPAN / parts)
    above = np.clip(np.searchsorted(at, wanted), 1, at.size - 1)
    return np.unique(above - (wanted - at[above - 1] < at[above] - wanted))


@kernel
def _edge(at: Any, true: Any, kept: Any, limit: float, seeds: Any) -> Any:
    """Return which samples of an edge are points, and how far any is off the line through them.

    Douglas-Peucker by height (Ramer 1972), between the seeds, of which the ends are two.
    """
    points = np.zeros(at.size, np.bool_)
    off = 0.0
    stack = [(seeds[k], seeds[k + 1]) for k in range(seeds.size - 1)]
    for k in seeds:
        points[k] = True
        off = max(off, abs(true[k] - kept[k]))
    while stack:
        first, last = stack.pop()
        worst, where = 0.0, -1
        slope = (kept[last] - kept[first]) / (at[last] - at[first])
        for k in range(first + 1, last):
            error = abs(kept[first] + slope * (at[k] - at[first]) - true[k])
            if error > worst:
                worst, where = error, k
        if worst > limit:
            points[where] = True
            off = max(off, abs(true[where] - kept[where]))
            stack.append((first, where))
            stack.append((where, last))
        else:
            off = max(off, worst)
    return points, off


# --- half-edges: triangle t has the edges 3t, 3t + 1, 3t + 2, each from its corner to the next ------------------
# `tri` names the corner in which an edge begins, `twin` the edge on the other side (-1: none). `x`, `y` are the
# points' places. The queue is a binary heap of triangles, the worst first; `slot` is where a triangle stands in it.


@inner
def _left_of(ax: int, ay: int, bx: int, by: int, px: int, py: int) -> int:
    """Return twice the area of a, b, p: above 0 where p lies to the left of a → b. Exact."""
    return (bx - ax) * (py - ay) - (by - ay) * (px - ax)


@inner
def _in_circle(x: Any, y: Any, a: int, b: int, c: int, p: int) -> Any:
    """Return whether p lies within the circle through a, b, c (against the clock).

    Exact: the determinant is at most 4 · 32767⁴ < 2⁶³, and parts that overflow wrap round and cancel.
    """
    adx, ady, bdx, bdy, cdx, cdy = x[a] - x[p], y[a] - y[p], x[b] - x[p], y[b] - y[p], x[c] - x[p], y[c] - y[p]
    a2, b2, c2 = adx * adx + ady * ady, bdx * bdx + bdy * bdy, cdx * cdx + cdy * cdy
    return adx * (bdy * c2 - b2 * cdy) - ady * (bdx * c2 - b2 * cdx) + a2 * (bdx * cdy - bdy * cdx) > 0


@inner
def _add(tri: Any, twin: Any, e: int, corners: Any, twins: Any) -> int:
    """Write a triangle at edge e and tie it to the edges beside it."""
    for k in range(3):
        tri[e + k] = corners[k]
        twin[e + k] = twins[k]
        if twins[k] >= 0:
            twin[twins[k]] = e + k
    return e


@inner
def _swap(heap: Any, slot: Any, i: int, j: int) -> None:
    heap[i], heap[j] = heap[j], heap[i]
    slot[heap[i]], slot[heap[j]] = i, j


@inner
def _settle(heap: Any, slot: Any, error: Any, i: int, size: int) -> None:
    """Move an entry up or down to where it belongs."""
    while i > 0 and error[heap[(i - 1) // 2]] < error[heap[i]]:
        _swap(heap, slot, i, (i - 1) // 2)
        i = (i - 1) // 2
    while True:
        largest = i
        for child in (2 * i + 1, 2 * i + 2):
            if child < size and error[heap[child]] > error[heap[largest]]:
                largest = child
        if largest == i:
            return
        _swap(heap, slot, i, largest)
        i = largest


@inner
def _file(heap: Any, slot: Any, error: Any, t: int, limit: float, size: int) -> int:
    """Put a triangle where its error belongs in the queue, or out of it; return the queue's new size."""
    i = slot[t]
    if error[t] > limit:
        if i < 0:
            i = size
            heap[i] = t
            slot[t] = i
            size += 1
        _settle(heap, slot, error, i, size)
    elif i >= 0:
        size -= 1
        _swap(heap, slot, i, size)
        slot[t] = -1
        if i < size:
            _settle(heap, slot, error, i, size)
    return size


@inner
def _worst(grid: Any, at: Any, corner: Any, found: Any) -> float:
    """Find the node within a triangle that is farthest off it; its row and column go to `found`.

    The nodes of the tile's edge are left out: what they become is settled before.
    """
    u, v, z, column_of, row_of = grid
    x, y, height = at
    a, b, c = corner
    if y[b] < y[a]:  # from the lowest place to the highest
        a, b = b, a
    if y[c] < y[b]:
        b, c = c, b
    if y[b] < y[a]:
        a, b = b, a
    ax, ay, bx, by, cx, cy = float(x[a]), float(y[a]), float(x[b]), float(y[b]), float(x[c]), float(y[c])
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    across = ((height[b] - height[a]) * (cy - ay) - (height[c] - height[a]) * (by - ay)) / area
    up = ((height[c] - height[a]) * (bx - ax) - (height[b] - height[a]) * (cx - ax)) / area
    whole, lower, upper = (cx - ax) / (cy - ay), 0.0, 0.0
    if by > ay:
        lower = (bx - ax) / (by - ay)
    if cy > by:
        upper = (cx - bx) / (cy - by)
    worst = 0.0
    found[0] = found[1] = -1
    for r in range(max(1, row_of[y[a]]), min(v.size - 2, row_of[y[c]]) + 1):
        place = float(v[r])
        one = ax + (place - ay) * whole
        other = ax + (place - ay) * lower if by > ay and place <= by else bx + (place - by) * upper
        # a node on the edge itself must not be lost to rounding: no other lies within 1/32767 of it
        low, high = min(one, other) - 1e-5, max(one, other) + 1e-5
        first = max(1, column_of[max(0, int(np.ceil(low)))])
        last = min(u.size - 1, column_of[min(SPAN, int(high) + 1)])
        base = height[a] + up * (place - ay) - across * ax
        for k in range(first, last):
            error = abs(base + across * u[k] - z[r, k])
            if error > worst:
                worst = error
                found[0], found[1] = r, k
    return worst


@inner
def _legalise(mesh: Any, stack: Any, depth: int, changed: Any, count: int) -> int:
    """Flip the edges on the stack, and those that it brings up, until all are Delaunay's (Lawson 1977)."""
    tri, twin, x, y = mesh
    while depth:
        depth -= 1
        a = stack[depth]
        b = twin[a]
        if b < 0:
            continue
        a0, b0 = a - a % 3, b - b % 3
        al, ar, bl, br = a0 + (a + 1) % 3, a0 + (a + 2) % 3, b0 + (b + 2) % 3, b0 + (b + 1) % 3
        p0, pr, pl, p1 = tri[ar], tri[a], tri[al], tri[bl]
        if not _in_circle(x, y, p0, pr, pl, p1):
            continue
        hal, har, hbl, hbr = twin[al], twin[ar], twin[bl], twin[br]
        _add(tri, twin, a0, (p0, p1, pl), (-1, hbl, hal))
        _add(tri, twin, b0, (p1, p0, pr), (a0, har, hbr))
        changed[count], changed[count + 1] = a0 // 3, b0 // 3
        count += 2
        stack[depth], stack[depth + 1] = a0 + 1, b0 + 2
        depth += 2
    return count


@inner
def _insert(mesh: Any, p: int, t: int, triangles: int, stack: Any, changed: Any) -> Any:
    """Put point p into triangle t, within it or on one of its edges; return how many triangles there are now and
    how many have changed."""
    tri, twin, x, y = mesh
    e0 = 3 * t
    for k in range(3):
        s, e = tri[e0 + k], tri[e0 + (k + 1) % 3]
        if _left_of(x[s], y[s], x[e], y[e], x[p], y[p]) == 0:
            return _insert_on_edge(mesh, p, e0 + k, triangles, stack, changed)
    p0, p1, p2 = tri[e0], tri[e0 + 1], tri[e0 + 2]
    h0, h1, h2 = twin[e0], twin[e0 + 1], twin[e0 + 2]
    n1, n2 = 3 * triangles, 3 * triangles + 3
    _add(tri, twin, e0, (p0, p1, p), (h0, -1, -1))
    _add(tri, twin, n1, (p1, p2, p), (h1, -1, e0 + 1))
    _add(tri, twin, n2, (p2, p0, p), (h2, e0 + 2, n1 + 1))
    stack[0], stack[1], stack[2] = e0, n1, n2
    changed[0], changed[1], changed[2] = t, triangles, triangles + 1
    return triangles + 2, _legalise(mesh, stack, 3, changed, 3)


@inner
def _insert_on_edge(mesh: Any, p: int, a: int, triangles: int, stack: Any, changed: Any) -> Any:
    tri, twin, _, _ = mesh
    a0, b = a - a % 3, twin[a]
    al, ar = a0 + (a + 1) % 3, a0 + (a + 2) % 3
    p0, pr, pl = tri[ar], tri[a], tri[al]
    hal, har = twin[al], twin[ar]
    n1, n2 = 3 * triangles, 3 * triangles + 3
    if b < 0:
        _add(tri, twin, a0, (p, p0, pr), (-1, har, -1))
        _add(tri, twin, n1, (p0, p, pl), (a0, -1, hal))
        stack[0], stack[1] = a0 + 1, n1 + 2
        changed[0], changed[1] = a0 // 3, triangles
        return triangles + 1, _legalise(mesh, stack, 2, changed, 2)
    b0 = b - b % 3
    bl, br = b0 + (b + 2) % 3, b0 + (b + 1) % 3
    p1 = tri[bl]
    hbl, hbr = twin[bl], twin[br]
    _add(tri, twin, a0, (p0, pr, p), (har, -1, -1))
    _add(tri, twin, b0, (pr, p1, p), (hbr, -1, a0 + 1))
    _add(tri, twin, n1, (p1, pl, p), (hbl, -1, b0 + 1))
    _add(tri, twin, n2, (pl, p0, p), (hal, a0 + 2, n1 + 1))
    stack[0], stack[1], stack[2], stack[3] = a0, b0, n1, n2
    changed[0], changed[1], changed[2], changed[3] = a0 // 3, b0 // 3, triangles, triangles + 1
    return triangles + 2, _legalise(mesh, stack, 4, changed, 4)


@inner
def _holding(mesh: Any, p: int, t: int) -> int:
    """Return a triangle that holds p, walking from t (Devillers et al. 2002: it ends in Delaunay's)."""
    tri, twin, x, y = mesh
    while True:
        moved = False
        for k in range(3):
            s, e = tri[3 * t + k], tri[3 * t + (k + 1) % 3]
            if _left_of(x[s], y[s], x[e], y[e], x[p], y[p]) < 0:
                t = twin[3 * t + k] // 3
                moved = True
                break
        if not moved:
            return t


@inner
def _not_before(at: Any) -> Any:
    """Return for each place from 0 to 32767 the first column (or row) that does not lie before it."""
    out = np.empty(at[-1] + 1, np.int64)
    k = 0
    for place in range(out.size):
        while at[k] < place:
            k += 1
        out[place] = k
    return out


@inner
def _place(points: Any, nodes: Any, p: int, r: int, k: int) -> float:
    """Make a node point number p; return how far what is kept of its height is off."""
    x, y, height, row, column = points
    u, v, z, kept = nodes
    off = abs(kept[r, k] - z[r, k])
    x[p], y[p], height[p], row[p], column[p] = u[k], v[r], kept[r, k], r, k
    z[r, k] = kept[r, k]
    return float(off)


@inner
def _begin(mesh: Any, points: Any, nodes: Any, seeds: Any, limit: float, work: Any) -> Any:
    """Make the corners, the points of the edges and the seeds a mesh; return how many points and triangles it has,
    and how far an edge is off. Edges are kept to half the limit: light and shade show them most."""
    u, v, z, kept = nodes
    stack, changed = work
    last_row, last_column = z.shape[0] - 1, z.shape[1] - 1
    _add(mesh[0], mesh[1], 0, (0, 1, 2), (-1, -1, -1))
    _add(mesh[0], mesh[1], 3, (0, 2, 3), (2, -1, -1))
    rim = np.zeros(z.shape, np.bool_)
    off = 0.0
    for r in (0, last_row):
        rim[r], left = _edge(u, z[r].copy(), kept[r].copy(), limit / 2, seeds[0])
        off = max(off, left)
    for k in (0, last_column):
        rim[:, k], left = _edge(v, z[:, k].copy(), kept[:, k].copy(), limit / 2, seeds[1])
        off = max(off, left)
    for r in seeds[1][1:-1]:
        for k in seeds[0][1:-1]:
            rim[r, k] = True
    count, triangles, t = 0, 2, 0
    for r, k in ((0, 0), (0, last_column), (last_row, last_column), (last_row, 0)):
        _place(points, nodes, count, r, k)
        rim[r, k] = False
        count += 1
    for r in range(last_row + 1):
        for k in range(last_column + 1):
            if rim[r, k]:
                off = max(off, _place(points, nodes, count, r, k))
                t = _holding(mesh, count, t)
                triangles, _ = _insert(mesh, count, t, triangles, stack, changed)
                count += 1
    return count, triangles, off


@kernel
def _refine(u: Any, v: Any, z: Any, kept: Any, limit: float, seeds_u: Any, seeds_v: Any) -> Any:
    """Return rows and columns of the points, the triangles' corners, and the largest error; writes over `z`."""
    most = z.size
    tri, twin = np.empty(6 * most, np.int64), np.empty(6 * most, np.int64)
    x, y, height = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.float64)
    row, column = np.empty(most, np.int32), np.empty(most, np.int32)
    heap, slot = np.empty(2 * most, np.int64), np.full(2 * most, -1, np.int64)
    error, where = np.zeros(2 * most), np.empty((2 * most, 2), np.int64)
    stack, changed, found = np.empty(4096, np.int64), np.empty(8192, np.int64), np.empty(2, np.int64)
    mesh, points, nodes = (tri, twin, x, y), (x, y, height, row, column), (u, v, z, kept)
    at, grid = (x, y, height), (u, v, z, _not_before(u), _not_before(v))
    count, triangles, off = _begin(mesh, points, nodes, (seeds_u, seeds_v), limit, (stack, changed))
    size = 0
    for t in range(triangles):
        error[t] = _worst(grid, at, (tri[3 * t], tri[3 * t + 1], tri[3 * t + 2]), found)
        where[t] = found
        size = _file(heap, slot, error, t, limit, size)
    while size:
        t = heap[0]
        off = max(off, _place(points, nodes, count, where[t, 0], where[t, 1]))
        triangles, news = _insert(mesh, count, t, triangles, stack, changed)
        count += 1
        for i in range(news):
            error[changed[i]] = -1.0  # not looked at yet: a triangle may have changed several times
        for i in range(news):
            t = changed[i]
            if error[t] < 0:
                error[t] = _worst(grid, at, (tri[3 * t], tri[3 * t + 1], tri[3 * t + 2]), found)
                where[t] = found
                size = _file(heap, slot, error, t, limit, size)
    for t in range(triangles):
        off = max(off, error[t])
    return row[:count].copy(), column[:count].copy(), tri[: 3 * triangles].astype(np.int32).reshape(-1, 3), off
