"""What passes every face in one step of the full equations. Equations: `twin.flood.full.flux`.

Cells: `cells[H]` depth m, `[LOW]` what rounding left over, `[QX]`, `[QY]` unit discharge east and south m²/s, `[Z]`
bed m, `[N]` Manning. Faces: axis 0 west of cell (i, j), axis 1 north of it; `f[axis, part, i, j]` holds mass,
normal momentum as the cell before and the one behind the face feel it (less g·h²/2 of their own depth), transverse
momentum; `shut[axis, i, j]` is 1 where nothing passes. Around the grid all faces are shut: no thread looks outside.

What a face needs of both cells is computed for each face again: arithmetic is cheaper than memory.
"""

from __future__ import annotations

from typing import Any

from twin.flood.warped.device import kernel, part, wp

H, LOW, QX, QY, Z, N = 0, 1, 2, 3, 4, 5
G, DX, THETA, DRY, STEEP = 0, 1, 2, 3, 4  # what stands where in `num`
CELLS, FACES = 0, 1  # whose fastest signal stands where in `stats`


@part
def _limited(before: Any, after: Any, theta: Any) -> Any:
    """Generalised minmod: of one-sided and central differences the smallest, 0 at extrema."""
    if before * after <= before - before:
        return before - before
    size = wp.min(theta * wp.min(wp.abs(before), wp.abs(after)), type(theta)(0.5) * wp.abs(before + after))
    return size * wp.sign(before)


@part
def _least(a: Any, b: Any) -> Any:
    """Minmod: the smaller of two differences, 0 at extrema."""
    if a * b <= a - a:
        return a - a
    if wp.abs(a) < wp.abs(b):
        return a
    return b


@part
def _between(value: Any, end: Any) -> Any:
    """The value, held between 0 and `end`."""
    zero = end - end
    return wp.min(wp.max(value, wp.min(end, zero)), wp.max(end, zero))


@part
def _velocity(cells: Any, layer: int, i: int, j: int, num: Any) -> Any:
    h = cells[H, i, j]
    if h <= num[DRY]:
        return h - h
    return cells[layer, i, j] / h


@part
def _differences(cells: Any, i: int, j: int, a: int, b: int, num: Any) -> Any:
    """Return how depth, bed and velocities of a second cell differ from a first one's."""
    return wp.vector(
        cells[H, a, b] - cells[H, i, j],
        cells[Z, a, b] - cells[Z, i, j],
        _velocity(cells, QX, a, b, num) - _velocity(cells, QX, i, j, num),
        _velocity(cells, QY, a, b, num) - _velocity(cells, QY, i, j, num),
    )


@part
def _slopes(cells: Any, shut: Any, axis: int, i: int, j: int, num: Any) -> Any:
    """Return the limited slopes of depth, surface and both velocities in a wet cell, over a cell's length."""
    di, dj = axis, 1 - axis
    zero = cells[H, i, j] - cells[H, i, j]
    d0 = wp.vector(zero, zero, zero, zero)
    d1 = wp.vector(zero, zero, zero, zero)
    if shut[axis, i, j] == wp.uint8(0):
        d0 = _differences(cells, i - di, j - dj, i, j, num)
    if shut[axis, i + di, j + dj] == wp.uint8(0):
        d1 = _differences(cells, i, j, i + di, j + dj, num)
    theta = num[THETA]
    h, e = _limited(d0[0], d1[0], theta), _limited(d0[0] + d0[1], d1[0] + d1[1], theta)
    # a bed that rose more steeply below a film than beside it would be a step in the film's way
    bed, thin = _least(d0[1], d1[1]), _least(d0[0], d1[0])
    if wp.abs(e - h) - wp.abs(bed) > cells[H, i, j]:
        h = thin
        e = thin + _between(_least(d0[0] + d0[1], d1[0] + d1[1]) - thin, bed)
    return wp.vector(h, e, _limited(d0[2], d1[2], theta), _limited(d0[3], d1[3], theta))


@part
def _ahead(cells: Any, shut: Any, axis: int, i: int, j: int, num: Any, half_dt: Any) -> Any:
    """Return a cell half a step ahead, by the equations in primitive form with implicit friction.

    Depth, velocity along the axis and across it, what the depth's change adds to pressure; then the slopes along
    the axis of depth, surface, and both velocities. `half_dt` 0: first order.
    """
    h = cells[H, i, j]
    zero = h - h
    u, v = _velocity(cells, QX, i, j, num), _velocity(cells, QY, i, j, num)
    x = wp.vector(zero, zero, zero, zero)
    y = wp.vector(zero, zero, zero, zero)
    if half_dt > zero and h > num[DRY]:
        x = _slopes(cells, shut, 0, i, j, num)
        y = _slopes(cells, shut, 1, i, j, num)
    r = half_dt / num[DX]
    mean = h - r * (u * x[0] + v * y[0] + h * (x[2] + y[3]))
    mean = wp.max(mean, type(h)(0.5) * wp.max(wp.abs(x[0]), wp.abs(y[0])))
    u1 = u - r * (u * x[2] + v * y[2] + num[G] * x[1])
    v1 = v - r * (u * x[3] + v * y[3] + num[G] * y[1])
    if half_dt > zero and h > num[DRY]:
        drag = half_dt * num[G] * cells[N, i, j] * cells[N, i, j] / (h * wp.cbrt(h)) * wp.sqrt(u1 * u1 + v1 * v1)
        less = type(h)(2.0) / (type(h)(1.0) + wp.sqrt(type(h)(1.0) + type(h)(4.0) * drag))
        u1 = u1 * less
        v1 = v1 * less
    push = type(h)(0.5) * num[G] * (mean - h) * (mean + h)
    if axis == 0:
        return wp.vector(mean, u1, v1, push, x[0], x[1], x[2], x[3])
    return wp.vector(mean, v1, u1, push, y[0], y[1], y[3], y[2])


@part
def _side(cell: Any, after: Any, h: Any, num: Any) -> Any:
    """Return what a cell shows a face: depth, velocity along and across, own thrust, 1 where wet.

    `after`: 1 for the face behind the cell, -1 for the one before it.
    """
    half = type(h)(0.5)
    s = cell[4]
    own = cell[3] + half * num[G] * (after * cell[0] * cell[5] + half * half * s * s)
    wet = h - h
    if h > num[DRY]:
        wet = type(h)(1.0)
    depth, along = cell[0] + after * half * s, cell[1] + after * half * cell[6]
    return wp.vector(depth, along, cell[2] + after * half * cell[7], own, wet)


@part
def _mirror(h: Any, u: Any, g: Any, tiny: Any) -> Any:
    """The thrust of a wall on water that runs at it with u, less g·h²/2: two shocks, or two rarefactions, meet."""
    one = type(h)(1.0)
    quarter = type(h)(0.25)
    f = u / wp.sqrt(g * h + tiny)
    rise = -one
    if f > type(h)(-2.0):
        rise = f + quarter * f * f
    if f > h - h:
        rise = f + f * f * type(h)(1.125) * quarter / (one + f * type(h)(0.625))
    return type(h)(0.5) * g * h * h * rise * (rise + type(h)(2.0))


@part
def _speeds(a: Any, b: Any, u_l: Any, u_r: Any, g: Any) -> Any:
    """Return the fastest waves to the left and to the right (Toro 2001, §10.5), at most and at least 0."""
    zero = a - a
    two, half = type(a)(2.0), type(a)(0.5)
    c_a, c_b = wp.sqrt(g * a), wp.sqrt(g * b)
    u_s = half * (u_l + u_r) + c_a - c_b
    c_s = half * (c_a + c_b) + half * half * (u_l - u_r)
    s_l, s_r = wp.min(u_l - c_a, u_s - c_s), wp.max(u_r + c_b, u_s + c_s)
    if a <= zero:
        s_l = u_r - two * c_b
    if b <= zero:
        s_r = u_l + two * c_a
    return wp.vector(wp.min(s_l, zero), wp.max(s_r, zero))


@part
def _solve(left: Any, right: Any, rise: Any, passes: Any, num: Any) -> Any:
    """Return HLLC's fluxes at a face with the hydrostatic step; left and right lack g·h²/2 of their own depths."""
    g = num[G]
    zero = rise - rise
    half = type(rise)(0.5)
    h_l, h_r, u_l, u_r = left[0], right[0], left[1], right[1]
    level = rise + h_r  # of the water on the right, above the bed on the left
    step = wp.min(wp.max(rise, zero), wp.min(h_l, level))
    a, b = h_l, h_r
    if step > zero:
        a = h_l - step
    if step > rise:
        b = level - step
    a = a * passes
    b = b * passes
    s = _speeds(a, b, u_l, u_r, g)
    tiny = num[DRY] * num[DRY] * num[DRY] * num[DRY]
    per = type(rise)(1.0) / wp.max(s[1] - s[0], tiny)
    q_a, q_b = a * u_l, b * u_r
    mass = (s[1] * q_a - s[0] * q_b + s[0] * s[1] * (b - a)) * per
    across = right[2]
    giver = right[4]
    if mass > zero:
        across = left[2]
        giver = left[4]
    mass = mass * giver  # what is dry gives nothing
    pressure = half * g * (b - a) * (b + a)
    push = (s[1] * q_a * u_l - s[0] * (q_b * u_r + pressure) + s[0] * s[1] * (q_b - q_a)) * per
    down_l, down_r = wp.min(step, zero), wp.min(step - rise, zero)
    wall_l, wall_r = type(rise)(1.0) - passes, type(rise)(1.0) - passes
    steep = num[STEEP] * num[DX]
    if rise >= h_l and rise >= steep:
        wall_l = type(rise)(1.0)
    if -rise >= h_r and -rise >= steep:
        wall_r = type(rise)(1.0)
    before = push + half * g * (h_l + a) * down_l * passes + left[3]
    behind = push - pressure + half * g * (h_r + b) * down_r * passes + right[3]
    if wall_l > zero:
        before = before + wall_l * _mirror(h_l, u_l, g, tiny)
    if wall_r > zero:
        behind = behind + wall_r * _mirror(h_r, -u_r, g, tiny)
    return wp.vector(mass, before, behind, mass * across)


@part
def _face(cells: Any, shut: Any, axis: int, i: int, j: int, num: Any, half_dt: Any) -> Any:
    """Return what passes a face: mass, momentum before and behind, transverse momentum."""
    a, b = i - axis, j - (1 - axis)
    zero = half_dt - half_dt
    one = type(half_dt)(1.0)
    h_l, h_r, rise = zero, zero, zero
    left = wp.vector(zero, zero, zero, zero, zero)
    right = wp.vector(zero, zero, zero, zero, zero)
    if a >= 0 and b >= 0:
        h_l = cells[H, a, b]
        rise = rise - cells[Z, a, b]
    if i < cells.shape[1] and j < cells.shape[2]:
        h_r = cells[H, i, j]
        rise = rise + cells[Z, i, j]
    if h_l <= num[DRY] and h_r <= num[DRY]:
        return wp.vector(zero, zero, zero, zero)
    if a >= 0 and b >= 0:
        cell = _ahead(cells, shut, axis, a, b, num, half_dt)
        left = _side(cell, one, h_l, num)
        rise = rise - type(zero)(0.5) * (cell[5] - cell[4])
    if i < cells.shape[1] and j < cells.shape[2]:
        cell2 = _ahead(cells, shut, axis, i, j, num, half_dt)
        right = _side(cell2, -one, h_r, num)
        rise = rise - type(zero)(0.5) * (cell2[5] - cell2[4])
    passes = one
    if shut[axis, i, j] != wp.uint8(0):
        passes = zero
    return _solve(left, right, rise, passes, num)


@kernel
def fluxes(cells: Any, shut: Any, f: Any, num: Any, half_dt: Any) -> None:
    """Write what passes the faces west and north of each cell; threads: (rows + 1) × (columns + 1)."""
    i, j = wp.tid()
    if i < cells.shape[1]:
        x = _face(cells, shut, 0, i, j, num, half_dt)
        for k in range(4):
            f[0, k, i, j] = x[k]
    if j < cells.shape[2]:
        y = _face(cells, shut, 1, i, j, num, half_dt)
        for k in range(4):
            f[1, k, i, j] = y[k]
