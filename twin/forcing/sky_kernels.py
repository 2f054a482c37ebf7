"""Rain and losses in one pass over the cells: what falls, what soaks in, what drains away, all of it counted.

Laws of infiltration, each over a time `dt` with at most the water that is there; depths in m, rates in m/s, of the
pervious part of a cell:

- constant: an initial loss first, then a rate;
- Green & Ampt (1911; Chow, Maidment & Mays 1988, eq. 4.3.6) f = K·(1 + (ψ + h)·Δθ / F), implicitly at the middle
  of the step: F1² - F0² = K·dt·(2·(ψ + h)·Δθ + F0 + F1). Exact while F is small, of second order after; ponding
  begins by itself when more falls than may soak in;
- SCS curve number (NEH 4, 1972, eq. 10.10): excess Pe = (P - Ia)² / (P - Ia + S) of the rain P fallen so far, taken
  as the difference over the step: exact whatever the steps are;
- Horton (1940) f = fc + (f0 - fc)·exp(-k·t), where t goes on only as fast as water soaks in (Huber & Dickinson
  1988, SWMM 4, appendix V).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from naru.kernel import lean_fast_inner, lean_inner, lean_kernel
from twin.grid import Floats, Values

CHUNK = 1024  # cells worked on together: their numbers stay in the nearest cache
PIECE = 64  # cells of a row that are woken together
_CONSTANT, _GREEN_AMPT, _CURVE_NUMBER = 1, 2, 3  # as in `twin.flood.catchment`, for kernels
_TINY = 1e-300


@lean_inner
def _constant(there: Floats, state: Floats, soil: Any, dt: float, loss: Floats) -> None:
    """State: how much of the initial loss is used up, m. `soil`: rate, initial loss."""
    rate, initial, _ = soil
    for j in range(there.size):
        first = min(there[j], max(initial[j] - state[j], 0.0))
        state[j] += first
        loss[j] = first + min(there[j] - first, rate[j] * dt)


@lean_inner
def _green_ampt(there: Floats, depth: Values, state: Floats, soil: Any, dt: float, loss: Floats) -> None:
    """State: the infiltration F so far, m. `soil`: K, ψ, Δθ."""
    conductivity, suction, deficit = soil
    for j in range(there.size):
        k = conductivity[j] * dt
        f = state[j]
        pull = (suction[j] + depth[j]) * deficit[j]
        most = 0.5 * (k + np.sqrt(k * k + 4.0 * (f * f + k * (2.0 * pull + f)))) - f
        loss[j] = min(there[j], max(most, 0.0))
        state[j] = f + loss[j]


@lean_inner
def _curve_number(rain: Floats, state: Floats, soil: Any, loss: Floats) -> None:
    """State: the rain P so far, m. `soil`: S, Ia."""
    retention, initial, _ = soil
    for j in range(rain.size):
        before, after = state[j], state[j] + rain[j]
        x0, x1 = max(before - initial[j], 0.0), max(after - initial[j], 0.0)
        excess = x1 * x1 / (x1 + retention[j] + _TINY) - x0 * x0 / (x0 + retention[j] + _TINY)
        loss[j] = min(rain[j], max(rain[j] - excess, 0.0))
        state[j] = after


@lean_inner
def _horton(there: Floats, state: Floats, soil: Any, dt: float, loss: Floats) -> None:
    """State: the time t of the curve, s. `soil`: f0, fc, k."""
    start, end, decay = soil
    for j in range(there.size):
        t, k = state[j], decay[j]
        extra = (start[j] - end[j]) * np.exp(-k * t)  # of the rate, above fc
        most = end[j] * dt - extra / k * np.expm1(-k * dt)
        if there[j] >= most:
            loss[j] = most
            state[j] = t + dt
        elif there[j] > 0.0:
            wanted = there[j]
            ahead = wanted / (end[j] + extra)
            for _ in range(6):  # Newton; from below, without overshooting: the curve bends downwards
                missing = wanted - end[j] * ahead + extra / k * np.expm1(-k * ahead)
                ahead += missing / (end[j] + extra * np.exp(-k * ahead))
            loss[j] = wanted
            state[j] = t + min(ahead, dt)
        else:
            loss[j] = 0.0


@lean_inner
def _row(values: Floats, i: int) -> int:
    """Return the row that holds for row `i`; a map of one row stands for all."""
    return i if values.shape[0] > 1 else 0


@lean_inner
def _fallen(zone: Values, depths: Floats, field: Values, even: bool, rain: Floats) -> bool:
    """Write the rain of a chunk's cells; return whether there is any."""
    found = 0
    if even:
        for j in range(zone.size):
            rain[j] = depths[1] * zone[j]
            found |= zone[j]
        found = found if depths[1] > 0.0 else 0
    else:
        for j in range(zone.size):
            rain[j] = depths[zone[j]]
            found |= rain[j] > 0.0
    if field.size > 0:
        for j in range(zone.size):
            rain[j] += field[j] if zone[j] > 0 else 0.0
            found |= rain[j] > 0.0
    return found != 0


@lean_fast_inner
def _summed(values: Floats) -> float:
    """Return the sum, taken in the order that suits vectors: the same one for the same cells."""
    total = 0.0
    for j in range(values.size):
        total += values[j]
    return total


@lean_inner
def _put(depth: Values, rest: Values, rain: Floats, loss: Floats, drained: Floats) -> None:
    """Add and take; what the depth's precision cannot hold is carried on in `rest`."""
    for j in range(depth.size):
        there = np.float64(depth[j])
        change = rain[j] - loss[j] - drained[j] + rest[j]
        new = depth.dtype.type(max(there + change, 0.0))
        rest[j] = change - (np.float64(new) - there)
        depth[j] = new


@lean_inner
def _wake(depth: Values, woken: Values) -> None:
    """Note in which pieces of a chunk that it rained on there is water."""
    for piece in range(woken.size):
        found = np.int32(0)  # as wide as a depth, so that the loop runs on vectors
        part = depth[piece * PIECE : (piece + 1) * PIECE]
        for j in range(part.size):
            found = max(found, np.int32(part[j] > 0))
        if found:
            woken[piece] = 1


@lean_inner
def _soaked(cells: Any, soil: Any, share: Floats, numbers: Any, loss: Floats) -> float:
    """Write what soaks in in a chunk; return its sum. `cells`: water there, rain, depth, state."""
    there, rain, depth, state = cells
    dt, law, _, _ = numbers
    if law == _CONSTANT:
        _constant(there, state, soil, dt, loss)
    elif law == _GREEN_AMPT:
        _green_ampt(there, depth, state, soil, dt, loss)
    elif law == _CURVE_NUMBER:
        _curve_number(rain, state, soil, loss)
    else:
        _horton(there, state, soil, dt, loss)
    for j in range(loss.size):
        loss[j] *= share[j]
    return _summed(loss)


@lean_inner
def _is_wet(depth: Values) -> bool:
    found = 0
    for j in range(depth.size):
        found |= depth[j] > 0
    return found != 0


def room() -> tuple[Floats, Floats, Floats, Floats]:
    """Return where one thread's `pass_over` keeps a chunk: rain, loss, what drains take, the water there."""
    return np.zeros(CHUNK), np.zeros(CHUNK), np.zeros(CHUNK), np.zeros(CHUNK)


@lean_kernel
def pass_over(
    water: Any, zones: Values, falling: Any, losses: Any, numbers: Any, state: Floats, out: Any, room: Any
) -> None:
    """Let rain fall and water be lost on all active cells over a time.

    water: depth and rest of each cell, m, rows × columns, both of the scheme's precision.
    zones: rows × columns, int32; 0 outside.
    falling: depth of rain in each zone, m; and of each cell on top (float32, rows × columns; 0 × 0: none).
    losses: three parameters of the law, the pervious share, the drains' rate (m/s): rows × columns or 1 × columns.
    numbers: the time (s), the law, whether zone 1 is all there is, whether drains take anything.
    state: rows × columns, of the law.
    out: rows × pieces, set to 1 where it rains and water is; rows × 3: rain, infiltration, drained, m summed over
    the row's cells. room: `room()`.
    """
    depth, rest = water
    depths, field = falling
    first, second, third, pervious, drains = losses
    dt, law, even, draining = numbers
    woken, sums = out
    rows, columns = depth.shape
    rain, loss, drained, there = room
    for i in range(rows):
        row = sums[i]
        for number in range((columns + CHUNK - 1) // CHUNK):
            a = number * CHUNK
            b = min(a + CHUNK, columns)
            n = b - a
            h, zone, r = depth[i][a:b], zones[i][a:b], rest[i][a:b]
            mixed = field[i][a:b] if field.size > 0 else field.reshape(-1)[0:0]
            raining = _fallen(zone, depths, mixed, even, rain[:n])
            if not raining and not _is_wet(h):
                continue
            for j in range(n):
                there[j] = max(h[j] + r[j] + rain[j], 0.0) if zone[j] > 0 else 0.0
            if law > 0:
                soil = first[_row(first, i)][a:b], second[_row(second, i)][a:b], third[_row(third, i)][a:b]
                cells = there[:n], rain[:n], h, state[i][a:b]
                row[1] += _soaked(cells, soil, pervious[_row(pervious, i)][a:b], numbers, loss[:n])
            if draining:
                rate = drains[_row(drains, i)][a:b]
                for j in range(n):
                    drained[j] = min(max(there[j] - loss[j], 0.0), rate[j] * dt)
                row[2] += _summed(drained[:n])
            row[0] += _summed(rain[:n])
            _put(h, r, rain[:n], loss[:n], drained[:n])
            if raining:
                _wake(h, woken[i][a // PIECE : (b + PIECE - 1) // PIECE])


@lean_kernel
def mix(weights: Values, depths: Floats, field: Values) -> None:
    """Add to the rain of each cell a sum over gauges: `weights` gauges × rows × columns, `depths` in m."""
    for i in range(field.shape[0]):
        for j in range(field.shape[1]):
            total = 0.0
            for g in range(depths.size):
                total += weights[g, i, j] * depths[g]
            field[i, j] += total
