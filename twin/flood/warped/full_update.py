"""From fluxes to the next state, a thread a cell. Equations: `twin.flood.full.update`."""

from __future__ import annotations

from typing import Any

from twin.flood.warped.device import kernel, part, wp
from twin.flood.warped.full_flux import CELLS, DRY, LOW, QX, QY, G, H, N
from twin.flood.warped.jug import AFTER, AMOUNT, WHERE
from twin.flood.warped.maxima import keep_flow

LEAVE, DEBT = 5, 6  # what else stands in `num`: the share of a cell's water that may leave; what it may owe, m


@kernel
def drains(cells: Any, active: Any, f: Any, num: Any, dt_dx: Any, keep: Any) -> None:
    """Find which share of what leaves a cell it can give (Bollermann et al. 2011); threads: rows × columns."""
    i, j = wp.tid()
    zero = num[G] - num[G]
    h = cells[H, i, j]
    out = wp.max(f[0, 0, i, j + 1], zero) - wp.min(f[0, 0, i, j], zero)
    out = out + (wp.max(f[1, 0, i + 1, j], zero) - wp.min(f[1, 0, i, j], zero))
    share = type(h)(1.0)
    if out * dt_dx > h * num[LEAVE] and active[i, j] != wp.uint8(0):
        share = wp.min(share, wp.max(h, zero) * num[LEAVE] / (out * dt_dx))
    keep[i, j] = share


@kernel
def hold(cells: Any, f: Any, keep: Any) -> None:
    """Scale what leaves cells to what they have; threads: (rows + 1) × (columns + 1)."""
    i, j = wp.tid()
    for axis in range(2):
        mass = f[axis, 0, i, j]
        a = i
        b = j
        if mass > mass - mass:
            a = i - axis
            b = j - (1 - axis)
        if a >= 0 and b >= 0 and a < keep.shape[0] and b < keep.shape[1]:
            share = keep[a, b]
            if share < type(mass)(1.0):
                h = cells[H, a, b]
                less = (type(mass)(1.0) - share) * mass
                pull = less - less
                if h > pull:
                    pull = less * (cells[QX + axis, a, b] / h)
                f[axis, 0, i, j] = mass - less
                f[axis, 1, i, j] = f[axis, 1, i, j] - pull
                f[axis, 2, i, j] = f[axis, 2, i, j] - pull
                f[axis, 3, i, j] = f[axis, 3, i, j] * share


@part
def _note(stats: Any, value: Any) -> None:
    if value > stats[CELLS]:
        wp.atomic_max(stats, CELLS, value)


@part
def _move_mass(cells: Any, i: int, j: int, f: Any, dt_dx: Any, num: Any) -> Any:
    """Add what passed the faces to the depth, the rounding error to `LOW`; return what is owed too much, m."""
    a = wp.float64(cells[H, i, j])
    gain = wp.float64(f[0, 0, i, j]) - wp.float64(f[0, 0, i, j + 1])
    gain = gain + (wp.float64(f[1, 0, i, j]) - wp.float64(f[1, 0, i + 1, j]))
    b = wp.float64(cells[LOW, i, j]) + gain * dt_dx
    total = a + b
    back = total - a
    error = (a - (total - back)) + (b - back)
    now = type(num[G])(wp.max(total, wp.float64(0.0)))
    left = (total - wp.float64(now)) + error
    owed = wp.float64(0.0)
    if left < -wp.float64(num[DEBT]) and now <= num[G] - num[G]:
        owed = -left
        left = wp.float64(0.0)
    cells[H, i, j] = now
    cells[LOW, i, j] = type(now)(left)
    return owed


@part
def _signal(h: Any, x: Any, y: Any, num: Any) -> Any:
    """Return the fastest signal of a cell, m/s."""
    if h <= num[DRY]:
        return h - h
    return wp.max(wp.abs(x), wp.abs(y)) / h + wp.sqrt(num[G] * h)


@part
def _rub(q: Any, h: Any, n: Any, dt: Any, num: Any) -> Any:
    """Manning's friction, fully implicit: q + a·|q|·q = q*, a = g·dt·n²/h^(7/3)."""
    if h <= num[DRY]:
        return q - q
    drag = dt * num[G] * n * n / (h * wp.cbrt(h)) * (wp.sqrt(q[0] * q[0] + q[1] * q[1]) / h)
    return q * (type(h)(2.0) / (type(h)(1.0) + wp.sqrt(type(h)(1.0) + type(h)(4.0) * drag)))


@kernel
def move(cells: Any, active: Any, f: Any, num: Any, dt: Any, dt_dx: Any, stats: Any, owed: Any) -> None:
    """Move mass, then momentum with friction; note the fastest signal; threads: rows × columns."""
    i, j = wp.tid()
    zero = num[G] - num[G]
    if active[i, j] == wp.uint8(0):  # behind a boundary face: what came here is gone
        for layer in range(4):
            cells[layer, i, j] = zero
        return
    debt = _move_mass(cells, i, j, f, dt_dx, num)
    if debt > wp.float64(0.0):
        wp.atomic_add(owed, 0, debt)
    r = type(zero)(dt_dx)
    x = (f[0, 1, i, j + 1] - f[0, 2, i, j]) + (f[1, 3, i + 1, j] - f[1, 3, i, j])
    y = (f[1, 1, i + 1, j] - f[1, 2, i, j]) + (f[0, 3, i, j + 1] - f[0, 3, i, j])
    q = wp.vector(cells[QX, i, j] - r * x, cells[QY, i, j] - r * y)
    h = cells[H, i, j]
    q = _rub(q, h, cells[N, i, j], dt, num)
    cells[QX, i, j] = q[0]
    cells[QY, i, j] = q[1]
    _note(stats, _signal(h, q[0], q[1], num))


@kernel
def fastest(cells: Any, num: Any, stats: Any) -> None:
    """Find the fastest signal; threads: rows × columns."""
    i, j = wp.tid()
    _note(stats, _signal(cells[H, i, j], cells[QX, i, j], cells[QY, i, j], num))


@kernel
def pour(cells: Any, active: Any, jug: Any, num: Any) -> None:
    """Add depths (negative: take, at most all: then the velocity stays) at cells, as a `Jug` says.

    It learns what was added, and the fastest signal there then.
    """
    k = wp.tid()
    cell = int(jug[WHERE, k])
    i, j = cell // cells.shape[2], cell % cells.shape[2]
    zero = wp.float64(0.0)
    wanted = jug[AMOUNT, k]
    old = cells[H, i, j]
    before = wp.float64(old) + wp.float64(cells[LOW, i, j])
    if active[i, j] == wp.uint8(0) or (wanted < zero and before <= zero):
        jug[AMOUNT, k] = zero
        return
    total = wp.max(before + wanted, zero)
    now = type(old)(total)
    cells[H, i, j] = now
    cells[LOW, i, j] = type(old)(total - wp.float64(now))
    if before + wanted < zero:
        jug[AMOUNT, k] = -before
    if wanted < zero and wp.float64(old) > zero:
        less = type(old)(wp.min(wp.float64(1.0), wp.float64(now) / wp.float64(old)))
        cells[QX, i, j] = cells[QX, i, j] * less
        cells[QY, i, j] = cells[QY, i, j] * less
    jug[AFTER, k] = wp.float64(_signal(now, cells[QX, i, j], cells[QY, i, j], num))


@kernel
def take(cells: Any, settings: Any, debris: Any, speed: Any, hazard: Any) -> None:
    """Take speed and hazard into the maxima, float32; threads: rows × columns."""
    i, j = wp.tid()
    h = wp.float32(cells[H, i, j])
    if h <= settings[3]:
        return
    x, y = wp.float32(cells[QX, i, j]), wp.float32(cells[QY, i, j])
    keep_flow(i, j, h, wp.sqrt(x * x + y * y) / h, debris, speed, hazard)
