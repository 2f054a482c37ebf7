"""One step of the local inertial scheme, a thread a face or a cell; equations: `twin.flood.inertial`.

Cells: `cells[H]` depth m, `[REST]` what rounding left over, `[Z]` bed above a local datum, `[N]` Manning · √g / 2.
Faces: `q[0, i, j]` unit discharge west of cell (i, j), `q[1, i, j]` north of it, each (rows + 1) × (columns + 1).
`stats`: fastest flow m/s, deepest and least depth m. Whoever has nothing greater to tell stays away from it, so
that threads seldom wait for each other.
"""

from __future__ import annotations

from typing import Any

from twin.flood.warped.device import kernel, part, wp
from twin.flood.warped.jug import AFTER, AMOUNT, WHERE
from twin.flood.warped.maxima import keep_flow

H, REST, Z, N = 0, 1, 2, 3
FASTEST, DEEPEST, LEAST = 0, 1, 2
G, THETA, HALF_REST, DRY, FROUDE, CONSTANTS = 0, 1, 2, 3, 4, 5  # what stands where in `num`: FROUDE times √g


@part
def _note(stats: Any, which: int, value: Any) -> None:
    if value > stats[which]:
        wp.atomic_max(stats, which, value)


@part
def _face(cells: Any, old: Any, axis: int, i: int, j: int, num: Any, dt: Any, r: Any) -> Any:
    """Return the unit discharge between a cell and the one west (axis 0) or north of it, and its speed."""
    di, dj = axis, 1 - axis
    ha, hb = cells[H, i - di, j - dj], cells[H, i, j]
    zero = ha - ha
    if ha <= num[DRY] and hb <= num[DRY]:  # the water's depth at a face is at most that of either side
        return zero, zero
    rise = cells[Z, i, j] - cells[Z, i - di, j - dj]
    depth = wp.max(ha - wp.max(rise, zero), hb + wp.min(rise, zero))  # highest water less highest bed
    if depth <= num[DRY]:
        return zero, zero
    q = old[axis, i, j]
    push = num[THETA] * q + num[HALF_REST] * (old[axis, i - di, j - dj] + old[axis, i + di, j + dj])
    push = push - num[G] * r * depth * (rise + (hb - ha))
    root = type(q)(1.0) / wp.cbrt(depth)
    cube = root * root * root
    n = cells[N, i - di, j - dj] + cells[N, i, j]
    k = dt * n * n * (cube * cube * root)  # g·dt·n² / depth^(7/3)
    other = 1 - axis
    across = old[other, i - di, j - dj] + old[other, i, j]
    across = (across + (old[other, i - di + dj, j - dj + di] + old[other, i + dj, j + di])) * type(q)(0.25)
    across = across * (type(q)(1.0) + k * wp.sqrt(q * q + across * across))
    size = wp.sqrt(push * push + across * across)
    flow = type(q)(2.0) * push / (type(q)(1.0) + wp.sqrt(type(q)(1.0) + type(q)(4.0) * k * size))
    most = num[FROUDE] * depth * wp.sqrt(depth)
    flow = wp.max(-most, wp.min(most, flow))
    return flow, wp.abs(flow) * cube


@kernel
def flux(cells: Any, old: Any, now: Any, num: Any, dt: Any, r: Any, stats: Any) -> None:
    """Compute the unit discharge of the faces between cells; threads: (rows + 1) × (columns + 1)."""
    i, j = wp.tid()
    rows, columns = cells.shape[1], cells.shape[2]
    if i < rows and j > 0 and j < columns:
        flow, speed = _face(cells, old, 0, i, j, num, dt, r)
        now[0, i, j] = flow
        _note(stats, FASTEST, speed)
    if j < columns and i > 0 and i < rows:
        flow2, speed2 = _face(cells, old, 1, i, j, num, dt, r)
        now[1, i, j] = flow2
        _note(stats, FASTEST, speed2)


@part
def _give(cells: Any, i: int, j: int, amount: Any) -> Any:
    """Add exactly (Knuth's two-sum); return the new depth."""
    old = cells[H, i, j]
    y = cells[REST, i, j] + amount
    new = old + y
    back = new - old
    cells[REST, i, j] = (old - (new - back)) + (y - back)
    cells[H, i, j] = new
    return new


@kernel
def mass(cells: Any, q: Any, r: Any, stats: Any) -> None:
    """Move the water; threads: rows × columns."""
    i, j = wp.tid()
    gain = r * ((q[0, i, j] - q[0, i, j + 1]) + (q[1, i, j] - q[1, i + 1, j]))
    new = _give(cells, i, j, gain)
    _note(stats, DEEPEST, new)
    if new < stats[LEAST]:
        wp.atomic_min(stats, LEAST, new)


@kernel
def deepest(cells: Any, stats: Any) -> None:
    """Find the deepest water; threads: rows × columns."""
    i, j = wp.tid()
    _note(stats, DEEPEST, cells[H, i, j])


@kernel
def empty(cells: Any, which: Any) -> None:
    """Keep no water in cells (flat indices) behind the boundary; threads: such cells."""
    cell = which[wp.tid()]
    i, j = cell // cells.shape[2], cell % cells.shape[2]
    h = cells[H, i, j]
    cells[H, i, j] = type(h)(0.0)
    cells[REST, i, j] = type(h)(0.0)


@kernel
def close(q: Any, which: Any) -> None:
    """Let nothing through faces, given by flat indices into `q`; threads: such faces."""
    q[which[wp.tid()]] = type(q[0])(0.0)


# Mass is never clipped: a donor that gave more than it had takes back from whom it gave to, sweep by sweep.


@kernel
def shares(cells: Any, q: Any, r: Any, back: Any, made: Any) -> None:
    """Find which share of what it gave each overdrawn cell takes back; threads: rows × columns.

    What nobody can give back is made, and counted in `made`, m.
    """
    i, j = wp.tid()
    zero = r - r
    back[i, j] = zero
    if cells[H, i, j] >= zero:
        return
    deficit = -(wp.float64(cells[H, i, j]) + wp.float64(cells[REST, i, j]))
    given = wp.max(-q[0, i, j], zero) + wp.max(q[0, i, j + 1], zero)
    given = r * (given + wp.max(-q[1, i, j], zero) + wp.max(q[1, i + 1, j], zero))
    if given > zero:
        back[i, j] = type(r)(wp.min(wp.float64(1.0), deficit / wp.float64(given)))
    else:
        wp.atomic_add(made, 0, deficit)
        cells[H, i, j] = zero
        cells[REST, i, j] = zero


@part
def _share(back: Any, i: int, j: int) -> Any:
    """Return the share that a cell takes back; outside there is none."""
    if i < 0 or j < 0 or i >= back.shape[0] or j >= back.shape[1]:  # `and`, `or` look at all of their sides
        return back[0, 0] - back[0, 0]
    return back[i, j]


@part
def _returned(cells: Any, q: Any, back: Any, r: Any, at: Any) -> None:
    """Move over a face what its donor takes back, as far as the cell of `at` is concerned.

    `at`: the cell, the face's axis, 1 where the face is east or south of it.
    """
    i, j, axis, after = at[0], at[1], at[2], at[3]
    a = i + after * axis
    b = j + after * (1 - axis)
    out = q[axis, a, b]
    if after == 0:
        out = -out
    share = _share(back, i, j)
    if out < out - out:  # the cell on the other side gave it
        share = _share(back, 2 * a - axis - i, 2 * b - (1 - axis) - j)
    if share > out - out:
        _give(cells, i, j, r * out * share)


@kernel
def take_back(cells: Any, q: Any, r: Any, back: Any) -> None:
    """Give overdrawn cells their shares, and take them from whom they gave to; threads: rows × columns."""
    i, j = wp.tid()
    for side in range(4):
        _returned(cells, q, back, r, wp.vec4i(i, j, side // 2, side % 2))


@kernel
def scale(cells: Any, q: Any, back: Any, stats: Any) -> None:
    """Lessen the flows of which a share went back; find the least depth; threads: (rows + 1) × (columns + 1)."""
    i, j = wp.tid()
    rows, columns = back.shape[0], back.shape[1]
    zero = stats[LEAST] - stats[LEAST]
    for axis in range(2):
        a = i
        b = j
        if q[axis, i, j] > zero:
            a = i - axis
            b = j - (1 - axis)
        share = _share(back, a, b)
        if share > zero:
            q[axis, i, j] = q[axis, i, j] * (type(zero)(1.0) - share)
    if i >= rows or j >= columns:
        return
    if cells[H, i, j] < stats[LEAST]:
        wp.atomic_min(stats, LEAST, cells[H, i, j])


@kernel
def pour(cells: Any, jug: Any) -> None:
    """Add depths (negative: take) at cells, as a `Jug` says; it learns what was added, and the depth then."""
    k = wp.tid()
    cell = int(jug[WHERE, k])
    i, j = cell // cells.shape[2], cell % cells.shape[2]
    old, carry = wp.float64(cells[H, i, j]), wp.float64(cells[REST, i, j])
    h = cells[H, i, j]
    if jug[AMOUNT, k] <= -(old + carry):
        jug[AMOUNT, k] = -(old + carry)
        cells[H, i, j] = h - h
        cells[REST, i, j] = h - h
        return
    y = carry + jug[AMOUNT, k]
    new = type(h)(old + y)
    now = wp.float64(new)
    back = now - old
    rest = type(h)((old - (now - back)) + (y - back))
    cells[H, i, j] = new
    cells[REST, i, j] = rest
    jug[AMOUNT, k] = (now - old) + (wp.float64(rest) - carry)
    jug[AFTER, k] = now


@kernel
def take(cells: Any, q: Any, num: Any, debris: Any, speed: Any, hazard: Any) -> None:
    """Take speed (the mean discharge of a cell's faces by its depth) and hazard into the maxima, float32."""
    i, j = wp.tid()
    h = cells[H, i, j]
    zero = h - h
    if h <= zero:
        return
    v = zero
    if h > num[DRY]:
        x, y = q[0, i, j] + q[0, i, j + 1], q[1, i, j] + q[1, i + 1, j]
        v = wp.min(wp.sqrt((x * x + y * y) * type(h)(0.25)) / h, num[FROUDE] * wp.sqrt(h))
    keep_flow(i, j, wp.float32(h), wp.float32(v), debris, speed, hazard)
