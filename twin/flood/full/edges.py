"""What passes the faces to the outside: normal flow, a stage, a discharge, each with the outgoing characteristic.

The invariant u + 2c that runs outwards from the last cell (u velocity outwards, c = sqrt(g·h)) and what is
prescribed give the state at the face (Bristeau & Coussin 2001, INRIA RR-4282). Depth and bed of the face are
continued from the last two cells, so that uniform flow on a slope, and still water over one, leave undisturbed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from naru.kernel import inner, kernel
from twin.grid import Values

_OPEN, _STAGE, _DISCHARGE = 1, 2, 3  # as in twin.flood.records
_SLOW, _FAST = 0.3, 0.7  # Froude numbers between which an edge without slope becomes a fall
_ROUNDS = 30  # Newton's steps at most: each of these roots is approached from one side


@inner
def _without_slope(u: float, c: float) -> tuple[float, float]:
    """Return celerity and velocity of water that leaves slowly as it comes, fast as over a fall (critical)."""
    froude = u / c
    froude += (1.0 - froude) * min(max((froude - _SLOW) / (_FAST - _SLOW), 0.0), 1.0)
    face = (u + 2.0 * c) / (2.0 + froude)
    return face, froude * face


@inner
def _open(u: float, c: float, g: float, slope: float, n: float) -> tuple[float, float]:
    """Return celerity and velocity outwards at an open face; (-1, 0): nothing leaves.

    Without a slope slow water leaves as it comes, so that waves run out, and fast water as over a fall: an edge
    that knows no level must not keep it subcritical. A negative slope is the ground's: normal flow at least.
    """
    if u >= c and u > 0.0:
        return c, u
    if slope > 0.0:
        return _normal(u, c, g, slope, n)
    face, v = _without_slope(u, c) if u > 0.0 else (-1.0, 0.0)
    if slope < 0.0:
        steady, flow = _normal(u, c, g, -slope, n)
        if steady * steady * flow > face * face * v:
            return steady, flow
    return face, v


@inner
def _normal(u: float, c: float, g: float, slope: float, n: float) -> tuple[float, float]:
    """Return celerity and velocity of normal flow (Manning) at the face; (-1, 0): nothing leaves."""
    running = u + 2.0 * c
    if running <= 0.0:
        return -1.0, 0.0
    critical = running / 3.0
    if n <= 0.0:
        return critical, critical
    pull = np.sqrt(slope) / n * g ** (-2.0 / 3.0)  # velocity is pull · c^(4/3)
    if pull * critical ** (1.0 / 3.0) >= 1.0:
        return critical, critical
    face = running / 2.0
    for _ in range(_ROUNDS):
        root = face ** (1.0 / 3.0)
        change = (2.0 * face + pull * face * root - running) / (2.0 + 4.0 / 3.0 * pull * root)
        face -= change
        if abs(change) <= 1e-12 * running:
            break
    return face, pull * face ** (4.0 / 3.0)


@inner
def _stage(u: float, c: float, outside: float) -> tuple[float, float]:
    """Return celerity and velocity where the face's depth is prescribed (`outside`: its celerity)."""
    if u >= c and u > 0.0:  # supercritical outflow: the outside is not felt
        return c, u
    running = u + 2.0 * c
    if 3.0 * outside <= running:  # a fall: critical depth
        return running / 3.0, running / 3.0
    return outside, max(running - 2.0 * outside, -outside)


@inner
def _discharge(u: float, c: float, g: float, inflow: float) -> tuple[float, float]:
    """Return celerity and velocity at which `inflow` (m²/s inwards) passes; critical where nothing else can be."""
    running = u + 2.0 * c
    critical = (g * abs(inflow)) ** (1.0 / 3.0)
    if inflow > 0.0:
        face = critical
        for _ in range(_ROUNDS if running > critical else 0):
            change = (2.0 * face - g * inflow / face**2 - running) / (2.0 + 2.0 * g * inflow / face**3)
            face -= change
            if abs(change) <= 1e-12 * running:
                break
        return face, -g * inflow / face**2
    face = critical
    if running > 3.0 * critical:
        face = running / 2.0
        for _ in range(_ROUNDS):
            slope = 2.0 + 2.0 * g * inflow / face**3
            change = (2.0 * face - g * inflow / face**2 - running) / max(slope, 1e-9)
            face = max(face - change, critical)
            if abs(change) <= 1e-12 * running:
                break
    return face, -g * inflow / face**2


@inner
def _place(side: int, i: int, j: int) -> tuple[int, int, int, float, int, int]:
    """Return the face's axis (0: x), its row and column, outward sign, and the next cell inwards."""
    if side == 0:
        return 0, i, j, -1.0, i, j + 1
    if side == 1:
        return 0, i, j + 1, 1.0, i, j - 1
    if side == 2:
        return 1, i, j, -1.0, i + 1, j
    return 1, i + 1, j, 1.0, i - 1, j


@inner
def _continued(
    ground: tuple[Values, ...], i: int, j: int, i1: int, j1: int, g: float, dry: float
) -> tuple[float, float]:
    """Return depth at the face and the bed's rise to it from the cell, continued from the next cell inwards."""
    depth, bed, active = ground[0], ground[3], ground[5]
    h = np.float64(depth[i, j])
    if h <= dry or i1 < 0 or j1 < 0 or i1 >= depth.shape[0] or j1 >= depth.shape[1] or not active[i1, j1]:
        return h, 0.0
    h1 = np.float64(depth[i1, j1])
    rise = 0.5 * (np.float64(bed[i, j]) - np.float64(bed[i1, j1]))
    if h1 <= dry or abs(rise) > 0.5 * h:
        return h, 0.0
    return min(max(h + 0.5 * (h - h1), 0.5 * h), 1.5 * h), rise


@inner
def _face(
    ground: tuple[Values, ...], face: tuple[Any, ...], at: tuple[Any, ...], g: float, dry: float
) -> tuple[float, float, float]:
    """Return celerity (negative: a wall), outward velocity, and the bed's rise at a face."""
    kind, slope, value = face
    i, j, axis, sign, i1, j1 = at
    depth, bed, n = ground[0], ground[3], ground[4]
    h = np.float64(depth[i, j])
    across = ground[1][i, j] if axis == 0 else ground[2][i, j]
    u = sign * np.float64(across) / h if h > dry else 0.0
    near, rise = _continued(ground, i, j, i1, j1, g, dry)
    c = np.sqrt(g * near)
    if kind == _OPEN and h > dry:
        c, u = _open(u, c, g, slope, np.float64(n[i, j]))
    elif kind == _STAGE and not np.isnan(value):
        outside = max(value - (np.float64(bed[i, j]) + rise), 0.0)
        c, u = _stage(u, c if h > dry else 0.0, np.sqrt(g * outside))
    elif kind == _DISCHARGE and value != 0.0 and not np.isnan(value):
        c, u = _discharge(u, c if h > dry else 0.0, g, value)
    else:
        return -1.0, 0.0, 0.0
    return c, u, rise


@kernel
def pass_edges(
    ground: tuple[Values, ...],
    faces: tuple[Values, ...],
    blocked: tuple[Values, ...],
    flux: tuple[Values, ...],
    g: float,
    dry: float,
) -> None:
    """Write what passes the boundary's faces into `flux`; faces that are blocked stay walls.

    Args:
        ground: depth, unit discharge east and south, bed, Manning n, active: rows × columns.
        faces: cell, side, kind, slope, value (STAGE: above the bed's datum, m; DISCHARGE: m²/s inwards).
        blocked: uint8, see `twin.flood.records.Water`.
        flux: see `flux.fluxes`.
        g: gravity, m/s².
        dry: depth below which nothing flows, m.
    """
    cell, side, kind, slope, value = faces
    columns = ground[0].shape[1]
    for k in range(cell.size):
        i, j = cell[k] // columns, cell[k] % columns
        axis, a, b, sign, i1, j1 = _place(side[k], i, j)
        if (blocked[0][a, b] if axis == 0 else blocked[1][a, b]) != 0:
            continue
        c, u, rise = _face(ground, (kind[k], slope[k], value[k]), (i, j, axis, sign, i1, j1), g, dry)
        if c < 0.0:
            continue
        h, out = np.float64(ground[0][i, j]), c * c / g
        push = out * u * u + 0.5 * g * ((out - h) * (out + h) + (h + out) * rise)
        aside = ground[2][i, j] if axis == 0 else ground[1][i, j]
        along = np.float64(aside) / h if h > dry and u > 0.0 else 0.0
        part = flux[0] if axis == 0 else flux[1]
        part[0, a, b] = sign * out * u
        part[1, a, b] = push
        part[2, a, b] = push
        part[3, a, b] = part[0, a, b] * along


@kernel
def edge_signal(
    ground: tuple[Values, ...], faces: tuple[Values, ...], blocked: tuple[Values, ...], g: float, dry: float
) -> float:
    """Return the fastest signal at the boundary's faces, m/s; arguments as of `pass_edges`."""
    cell, side, kind, slope, value = faces
    columns = ground[0].shape[1]
    most = 0.0
    for k in range(cell.size):
        i, j = cell[k] // columns, cell[k] % columns
        axis, a, b, sign, i1, j1 = _place(side[k], i, j)
        if (blocked[0][a, b] if axis == 0 else blocked[1][a, b]) != 0:
            continue
        c, u, _ = _face(ground, (kind[k], slope[k], value[k]), (i, j, axis, sign, i1, j1), g, dry)
        most = max(most, c + abs(u))
    return most


@kernel
def tally(
    faces: tuple[Values, ...],
    group: Values,
    columns: int,
    flux: tuple[Values, ...],
    factor: float,
    come: Values,
    gone: Values,
) -> None:
    """Count by group what passed the boundary's faces, m³: flux · `factor` (step · cell), into the sums."""
    cell, side, _, _, _ = faces
    for k in range(cell.size):
        axis, a, b, sign, _, _ = _place(side[k], cell[k] // columns, cell[k] % columns)
        volume = sign * np.float64(flux[0][0, a, b] if axis == 0 else flux[1][0, a, b]) * factor
        sums = gone if volume > 0.0 else come
        value = abs(volume)
        total = sums[0, group[k]] + value
        high, low = max(sums[0, group[k]], value), min(sums[0, group[k]], value)
        sums[1, group[k]] += (high - total) + low
        sums[0, group[k]] = total
