"""From fluxes to the next state: no cell gives more than it has, mass without loss, and friction."""

from __future__ import annotations

import numpy as np

from naru.kernel import fast_inner, fast_kernel, kernel
from twin.grid import Floats, Values

_DEBT_M = 1e-7  # what rounding may leave a cell to owe
_LEAVE = 1 - 1e-6  # of a cell's water all but this share may leave in one step


@kernel
def drains(depth: Values, flux: tuple[Values, ...], rects: Values, dt_dx: float, found: Values) -> int:
    """Return how many cells would give more than they have; flat indices go into `found` while it has room."""
    columns = depth.shape[1]
    count = 0
    need = np.empty(columns, depth.dtype)
    ratio = depth.dtype.type(dt_dx)
    zero = depth.dtype.type(0)
    for which in range(rects.shape[0]):
        r0, r1, c0, c1 = rects[which]
        n = c1 - c0
        for row in range(r0, r1):
            h = depth[row][c0:c1]
            west, east = flux[0][0][row][c0:], flux[0][0][row][c0 + 1 :]
            north, south = flux[1][0][row][c0:], flux[1][0][row + 1][c0:]
            short = 0
            for k in range(n):
                out = (east[k] if east[k] > zero else zero) - (west[k] if west[k] < zero else zero)
                out += (south[k] if south[k] > zero else zero) - (north[k] if north[k] < zero else zero)
                need[k] = out * ratio
                short += 1 if out * ratio * depth.dtype.type(1.00001) > h[k] else 0
            if short == 0:
                continue
            for k in range(n):
                if need[k] * depth.dtype.type(1.00001) > h[k]:
                    if count < found.size:
                        found[count] = row * columns + c0 + k
                    count += 1
    return count


@kernel
def hold(cells: Values, state: tuple[Values, ...], active: Values, flux: tuple[Values, ...], dt_dx: float) -> None:
    """Scale what leaves cells to what they have (as the draining time of Bollermann et al. 2011, CiCP 10:371)."""
    depth, qx, qy = state
    columns = depth.shape[1]
    fx, fy = flux
    for cell in cells:
        i, j = cell // columns, cell % columns
        if not active[i, j]:
            continue
        h = np.float64(depth[i, j])
        out = max(fx[0, i, j + 1], 0.0) - min(fx[0, i, j], 0.0) + max(fy[0, i + 1, j], 0.0) - min(fy[0, i, j], 0.0)
        share = min(1.0, max(h, 0.0) * _LEAVE / (out * dt_dx))
        u = qx[i, j] / h if h > 0 else 0.0
        v = qy[i, j] / h if h > 0 else 0.0
        if fx[0, i, j + 1] > 0:
            _scale(fx, i, j + 1, share, u)
        if fx[0, i, j] < 0:
            _scale(fx, i, j, share, u)
        if fy[0, i + 1, j] > 0:
            _scale(fy, i + 1, j, share, v)
        if fy[0, i, j] < 0:
            _scale(fy, i, j, share, v)


@kernel
def _scale(flux: Values, i: int, j: int, share: float, velocity: float) -> None:
    less = (1.0 - share) * flux[0, i, j]
    flux[0, i, j] -= less
    flux[1, i, j] -= less * velocity
    flux[2, i, j] -= less * velocity
    flux[3, i, j] *= share


@kernel
def move_mass(
    depth: Values, low: Values, active: Values, flux: tuple[Values, ...], rects: Values, dt_dx: float
) -> float:
    """Add what passed the faces to the depth; what rounding leaves over goes to `low`, so that nothing is lost.

    A debt of rounding size stays in `low`; return what is owed beyond that, m summed over cells.
    """
    owed = 0.0
    for which in range(rects.shape[0]):
        r0, r1, c0, c1 = rects[which]
        for row in range(r0, r1):
            h, rest = depth[row][c0:c1], low[row][c0:c1]
            west, east = flux[0][0][row][c0:], flux[0][0][row][c0 + 1 :]
            north, south = flux[1][0][row][c0:], flux[1][0][row + 1][c0:]
            worst = 0
            for k in range(c1 - c0):
                a = np.float64(h[k])
                gain = (np.float64(west[k]) - np.float64(east[k])) + (np.float64(north[k]) - np.float64(south[k]))
                b = np.float64(rest[k]) + gain * dt_dx
                total = a + b
                part = total - a
                error = (a - (total - part)) + (b - part)
                new = depth.dtype.type(total if total > 0.0 else 0.0)
                h[k] = new
                left = (total - np.float64(new)) + error
                rest[k] = left
                worst += 1 if total < -_DEBT_M else 0
            if worst:
                for k in range(c1 - c0):
                    if h[k] == 0 and rest[k] < -_DEBT_M:
                        if active[row, c0 + k]:  # others lie behind boundary faces: nobody counts their water
                            owed -= np.float64(rest[k])
                        rest[k] = 0
    return owed


@fast_inner
def _momentum_x(qx: Values, before: Values, behind: Values, north: Values, south: Values, ratio: float) -> None:
    """Before: as the cell before the face feels it (its east face); behind: its west face."""
    for k in range(qx.size):
        qx[k] -= ratio * ((before[k] - behind[k]) + (south[k] - north[k]))


@fast_inner
def _rub(h: Values, qx: Values, qy: Values, n: Values, fastest: Values, con: Values) -> None:
    """Manning's friction, fully implicit: q + a·|q|·q = q*, a = g·dt·n²/h^(7/3); note the fastest signal."""
    g, dt, dry = con[0], con[1], con[2]
    one, zero = g / g, g - g
    third = one / (one + one + one)
    four = one + one + one + one
    for k in range(h.size):
        wet = h[k] > dry
        safe = h[k] if wet else one
        inverse = one / safe
        bits = np.float32(np.float32(safe).view(np.int32)) * np.float32(1 / 3)
        root = np.int32(np.float32(1419912267) - bits).view(np.float32) * one
        root = root * (four - safe * root * root * root) * third
        root = root * (four - safe * root * root * root) * third
        root = root * (four - safe * root * root * root) * third
        u, v = qx[k] * inverse, qy[k] * inverse
        drag = dt * g * n[k] * n[k] * inverse * root * np.sqrt(u * u + v * v)
        less = (one + one) / (one + np.sqrt(one + four * drag))
        u, v = (u * less if wet else zero), (v * less if wet else zero)
        qx[k] = u * safe
        qy[k] = v * safe
        size = abs(u) if abs(u) > abs(v) else abs(v)
        signal = size + np.sqrt(g * safe) if wet else zero
        fastest[k] = signal if signal > fastest[k] else fastest[k]


@fast_kernel
def move_momentum(
    state: tuple[Values, ...], flux: tuple[Values, ...], rects: Values, dt_dx: float, con: Values
) -> float:
    """Move the momentum of `rects` after the mass, with friction; return the fastest signal, m/s.

    Args:
        state: depth (new), unit discharge east and south, Manning n.
        flux: see `flux.fluxes`.
        rects: see `flux.fluxes`.
        dt_dx: the step by the cell, s/m.
        con: g, the step, the dry depth, in the precision of the state.
    """
    depth, qx, qy, n = state
    fx, fy = flux
    ratio = depth.dtype.type(dt_dx)
    fastest = np.zeros(depth.shape[1], depth.dtype)
    for which in range(rects.shape[0]):
        r0, r1, c0, c1 = rects[which]
        for row in range(r0, r1):
            h, mx, my = depth[row][c0:c1], qx[row][c0:c1], qy[row][c0:c1]
            _momentum_x(mx, fx[1][row][c0 + 1 :], fx[2][row][c0:], fy[3][row][c0:], fy[3][row + 1][c0:], ratio)
            _momentum_x(my, fy[1][row + 1][c0:], fy[2][row][c0:], fx[3][row][c0:], fx[3][row][c0 + 1 :], ratio)
            _rub(h, mx, my, n[row][c0:c1], fastest, con)
    return float(fastest.max())


@fast_kernel
def fastest_signal(state: tuple[Values, ...], rects: Values, con: Values) -> float:
    """Return the fastest signal in `rects`, m/s (0: nothing is wet); `con` as of `move_momentum`."""
    depth, qx, qy = state
    g, dry = con[0], con[2]
    one, zero = g / g, g - g
    fastest = np.zeros(depth.shape[1], depth.dtype)
    for which in range(rects.shape[0]):
        r0, r1, c0, c1 = rects[which]
        for row in range(r0, r1):
            h, mx, my = depth[row][c0:c1], qx[row][c0:c1], qy[row][c0:c1]
            for k in range(c1 - c0):
                wet = h[k] > dry
                safe = h[k] if wet else one
                q = abs(mx[k]) if abs(mx[k]) > abs(my[k]) else abs(my[k])
                signal = q / safe + np.sqrt(g * safe) if wet else zero
                fastest[k] = signal if signal > fastest[k] else fastest[k]
    return float(fastest.max())


@kernel
def add(state: tuple[Values, ...], low: Values, cells: Values, volumes: Values, area: float) -> Floats:
    """Add volumes at cells, at most all there is taken: then the velocity stays. Return what was added, m³."""
    depth, qx, qy = state
    columns = depth.shape[1]
    done = np.zeros(cells.size)
    for k in range(cells.size):
        i, j = cells[k] // columns, cells[k] % columns
        h = np.float64(depth[i, j])
        before = h + np.float64(low[i, j])
        wanted = volumes[k] / area
        if wanted < 0 and before <= 0:
            continue
        new = max(before + wanted, 0.0)
        depth[i, j] = new
        low[i, j] = new - np.float64(depth[i, j])
        done[k] = volumes[k] if before + wanted >= 0 else -before * area
        if wanted < 0 and h > 0:
            keep = min(1.0, np.float64(depth[i, j]) / h)
            qx[i, j] *= keep
            qy[i, j] *= keep
    return done


@kernel
def sums(depth: Values, low: Values) -> Floats:
    """Return the sums of rows, m, compensated (Neumaier 1974)."""
    rows, columns = depth.shape
    out = np.zeros(2 * rows)
    for i in range(rows):
        total, carry = 0.0, 0.0
        for j in range(columns):
            value = np.float64(depth[i, j])
            new = total + value
            if abs(total) >= abs(value):
                carry += (total - new) + value
            else:
                carry += (value - new) + total
            total = new
            carry += np.float64(low[i, j])
        out[2 * i], out[2 * i + 1] = total, carry
    return out


@kernel
def wet_tiles(depth: Values, tile_rows: int, tile_columns: int, reach: int, dry: float) -> Values:
    """Return in which tiles, or how many cells (`reach`) beside them, water stands deeper than `dry`: uint8."""
    rows, columns = depth.shape
    out = np.zeros((-(-rows // tile_rows), -(-columns // tile_columns)), np.uint8)
    for a in range(out.shape[0]):
        r0, r1 = max(0, a * tile_rows - reach), min(rows, (a + 1) * tile_rows + reach)
        for b in range(out.shape[1]):
            c0, c1 = max(0, b * tile_columns - reach), min(columns, (b + 1) * tile_columns + reach)
            for row in range(r0, r1):
                line = depth[row][c0:c1]
                count = 0
                for k in range(line.size):
                    count += 1 if line[k] > dry else 0
                if count:
                    out[a, b] = 1
                    break
    return out
