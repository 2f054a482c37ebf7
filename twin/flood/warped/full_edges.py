"""What passes the faces to the outside, a thread a boundary face. Equations: `twin.flood.full.edges`."""

from __future__ import annotations

from typing import Any

import numpy as np

from twin.flood.full import law
from twin.flood.records import DISCHARGE, EAST, OPEN, SOUTH, STAGE, WEST, Boundary, Ints
from twin.flood.warped.device import Lately, kernel, launch, part, sent, wp
from twin.flood.warped.full_flux import FACES, QX, QY, G, H, N, Z
from twin.flood.warped.passed import Passed
from twin.grid import Values

_ROUNDS = 30  # Newton's steps at most: each of these roots is approached from one side
_OPEN, _STAGE, _DISCHARGE = int(OPEN), int(STAGE), int(DISCHARGE)
# columns of `where`: the cell, the next one inwards (-1: none), the face's axis, row and column, outward sign
ROW, COLUMN, NEXT_ROW, NEXT_COLUMN, AXIS, A, B, OUT = range(8)
_KIND, _SLOPE, _VALUE = range(3)  # rows of `given`
DRYNESS, SLOW, FAST, SMALL, ROOT, THIRD = 1, 2, 3, 4, 5, 6  # what stands where in `facts`, after `G`


class Faces:
    """The boundary's faces on a device, and what passed them."""

    def __init__(self, boundary: Boundary, active: Values, dry_m: float, device: Any) -> None:
        self._boundary, self._device, self._slope = boundary, device, boundary.slope
        where = _where(boundary, active)
        self.count = len(where)
        self._where = sent(where.astype(np.int32), device)
        rows, columns = active.shape
        flat = (where[:, AXIS] * 4 * (rows + 1) + where[:, A]) * (columns + 1) + where[:, B]
        self.passed = Passed(boundary, flat, -where[:, OUT], device)
        facts = [law.GRAVITY, dry_m, 0.3, 0.7, 1e-12, 1e-9, 1 / 3]
        self._facts = sent(np.array(facts), device)
        self._given = Lately(device)

    def prescribe(self, datum: float) -> bool:
        """Take what is prescribed at this moment; return whether it is new."""
        edge = self._boundary
        value = np.where(edge.kind == STAGE, edge.value - datum, edge.value)
        return self._given.renew(np.stack([edge.kind, self._slope, value]).astype(np.float64))

    def cross(self, cells: Any, shut: Any, f: Any) -> None:
        """Write what passes the faces into `f`."""
        arrays = (self._where, self._given.there, self._facts, shut, cells, f)
        launch(_cross, self.count, *arrays, device=self._device)

    def signal(self, cells: Any, blocked: Any, stats: Any) -> None:
        """Note the fastest signal of all faces."""
        arrays = (self._where, self._given.there, self._facts, blocked, cells, stats)
        launch(_signal, self.count, *arrays, device=self._device)


def _where(boundary: Boundary, active: Values) -> Ints:
    i, j = np.divmod(boundary.cell, active.shape[1])
    side = boundary.side
    in_x, after = (side == WEST) | (side == EAST), (side == EAST) | (side == SOUTH)
    out = np.where(after, 1, -1)
    i1, j1 = i - np.where(in_x, 0, out), j - np.where(in_x, out, 0)
    inside = (i1 >= 0) & (i1 < active.shape[0]) & (j1 >= 0) & (j1 < active.shape[1])
    inside &= active[np.where(inside, i1, 0), np.where(inside, j1, 0)]
    a, b = i + (after & ~in_x), j + (after & in_x)
    columns = [i, j, np.where(inside, i1, -1), np.where(inside, j1, -1), ~in_x, a, b, out]
    return np.column_stack(columns).astype(np.int64)


# Each returns the celerity at the face (negative: a wall) and the velocity outwards there.


@part
def _without_slope(u: Any, c: Any, facts: Any) -> Any:
    """Water that leaves slowly as it comes, fast as over a fall (critical)."""
    one, zero = wp.float64(1.0), wp.float64(0.0)
    froude = u / c
    share = wp.min(wp.max((froude - facts[SLOW]) / (facts[FAST] - facts[SLOW]), zero), one)
    froude = froude + (one - froude) * share
    face = (u + wp.float64(2.0) * c) / (wp.float64(2.0) + froude)
    return wp.vec2d(face, froude * face)


@part
def _normal(u: Any, c: Any, slope: Any, n: Any, facts: Any) -> Any:
    """Normal flow (Manning); (-1, 0): nothing leaves."""
    two, zero = wp.float64(2.0), wp.float64(0.0)
    running = u + two * c
    if running <= zero:
        return wp.vec2d(wp.float64(-1.0), zero)
    critical = running / wp.float64(3.0)
    pull = wp.sqrt(slope) / n * wp.pow(facts[G], -two * facts[THIRD])  # velocity is pull · c^(4/3); n may be 0
    if pull * wp.cbrt(critical) >= wp.float64(1.0):
        return wp.vec2d(critical, critical)
    face = running / two
    for _ in range(_ROUNDS):
        root = wp.cbrt(face)
        change = (two * face + pull * face * root - running) / (two + wp.float64(4.0) * facts[THIRD] * pull * root)
        face = face - change
        if wp.abs(change) <= facts[SMALL] * running:
            break
    return wp.vec2d(face, pull * face * wp.cbrt(face))


@part
def _open(u: Any, c: Any, slope: Any, n: Any, facts: Any) -> Any:
    """Normal flow at a slope; without one as it comes, or as over a fall; at a negative one normal at least."""
    zero = wp.float64(0.0)
    if u >= c and u > zero:
        return wp.vec2d(c, u)
    if slope > zero:
        return _normal(u, c, slope, n, facts)
    free = wp.vec2d(wp.float64(-1.0), zero)
    if u > zero:
        free = _without_slope(u, c, facts)
    if slope < zero:
        steady = _normal(u, c, -slope, n, facts)
        if steady[0] * steady[0] * steady[1] > free[0] * free[0] * free[1]:
            return steady
    return free


@part
def _stage(u: Any, c: Any, outside: Any) -> Any:
    """The face's depth is prescribed (`outside`: its celerity)."""
    zero = wp.float64(0.0)
    if u >= c and u > zero:  # supercritical outflow: the outside is not felt
        return wp.vec2d(c, u)
    running = u + wp.float64(2.0) * c
    if wp.float64(3.0) * outside <= running:  # a fall: critical depth
        return wp.vec2d(running / wp.float64(3.0), running / wp.float64(3.0))
    return wp.vec2d(outside, wp.max(running - wp.float64(2.0) * outside, -outside))


@part
def _discharge(u: Any, c: Any, inflow: Any, facts: Any) -> Any:
    """As much passes as `inflow` (m²/s inwards) says; critical where nothing else can be."""
    two, g = wp.float64(2.0), facts[G]
    running = u + two * c
    critical = wp.cbrt(g * wp.abs(inflow))
    face = critical
    least, floor = wp.float64(0.0), wp.float64(0.0)
    far = running > critical
    if inflow <= least:
        far = running > wp.float64(3.0) * critical
        least, floor = least + facts[ROOT], critical
        face = running / two
    if not far:
        return wp.vec2d(critical, -g * inflow / (critical * critical))
    for _ in range(_ROUNDS):
        slope = wp.max(two + two * g * inflow / (face * face * face), least)
        change = (two * face - g * inflow / (face * face) - running) / slope
        face = wp.max(face - change, floor)
        if wp.abs(change) <= facts[SMALL] * running:
            break
    return wp.vec2d(face, -g * inflow / (face * face))


@part
def _continued(where: Any, k: int, cells: Any, dry: Any) -> Any:
    """Return depth at the face and the bed's rise to it from the cell, continued from the next cell inwards."""
    half, zero = wp.float64(0.5), wp.float64(0.0)
    h = wp.float64(cells[H, where[k, ROW], where[k, COLUMN]])
    if h <= dry or where[k, NEXT_ROW] < 0:
        return wp.vec2d(h, zero)
    h1 = wp.float64(cells[H, where[k, NEXT_ROW], where[k, NEXT_COLUMN]])
    bed, bed1 = cells[Z, where[k, ROW], where[k, COLUMN]], cells[Z, where[k, NEXT_ROW], where[k, NEXT_COLUMN]]
    rise = half * (wp.float64(bed) - wp.float64(bed1))
    if h1 <= dry or wp.abs(rise) > half * h:
        return wp.vec2d(h, zero)
    return wp.vec2d(wp.min(wp.max(h + half * (h - h1), half * h), wp.float64(1.5) * h), rise)


@part
def _face(where: Any, k: int, given: Any, facts: Any, cells: Any) -> Any:
    """Return celerity (negative: a wall), outward velocity, and the bed's rise at a face."""
    zero, dry = wp.float64(0.0), facts[DRYNESS]
    i, j = where[k, ROW], where[k, COLUMN]
    kind, value = int(given[_KIND, k]), given[_VALUE, k]
    h = wp.float64(cells[H, i, j])
    along = cells[QX + where[k, AXIS], i, j]
    u, c = zero, zero
    near = _continued(where, k, cells, dry)
    found = wp.vec2d(wp.float64(-1.0), zero)
    if h > dry:
        u = wp.float64(where[k, OUT]) * wp.float64(along) / h
        c = wp.sqrt(facts[G] * near[0])
    if kind == _OPEN and h > dry:
        found = _open(u, c, given[_SLOPE, k], wp.float64(cells[N, i, j]), facts)
    if kind == _STAGE and not wp.isnan(value):
        outside = wp.max(value - (wp.float64(cells[Z, i, j]) + near[1]), zero)
        found = _stage(u, c, wp.sqrt(facts[G] * outside))
    if kind == _DISCHARGE and value != zero and not wp.isnan(value):
        found = _discharge(u, c, value, facts)
    return wp.vec3d(found[0], found[1], near[1])


@kernel
def _cross(where: Any, given: Any, facts: Any, blocked: Any, cells: Any, f: Any) -> None:
    """Write what passes the boundary's faces into `f`; faces that are blocked stay walls."""
    k = wp.tid()
    axis, a, b = where[k, AXIS], where[k, A], where[k, B]
    if blocked[axis, a, b] != wp.uint8(0):
        return
    found = _face(where, k, given, facts, cells)
    if found[0] < wp.float64(0.0):
        return
    i, j = where[k, ROW], where[k, COLUMN]
    half, u = wp.float64(0.5), found[1]
    h, out = wp.float64(cells[H, i, j]), found[0] * found[0] / facts[G]
    push = out * u * u + half * facts[G] * ((out - h) * (out + h) + (h + out) * found[2])
    along = wp.float64(0.0)
    if h > facts[DRYNESS] and u > along:
        along = wp.float64(cells[QY - axis, i, j]) / h
    mass = type(f[0, 0, 0, 0])(wp.float64(where[k, OUT]) * out * u)
    f[axis, 0, a, b] = mass
    f[axis, 1, a, b] = type(mass)(push)
    f[axis, 2, a, b] = type(mass)(push)
    f[axis, 3, a, b] = type(mass)(wp.float64(mass) * along)


@kernel
def _signal(where: Any, given: Any, facts: Any, blocked: Any, cells: Any, stats: Any) -> None:
    k = wp.tid()
    if blocked[where[k, AXIS], where[k, A], where[k, B]] != wp.uint8(0):
        return
    found = _face(where, k, given, facts, cells)
    signal = type(stats[0])(found[0] + wp.abs(found[1]))
    if signal > stats[FACES]:
        wp.atomic_max(stats, FACES, signal)
