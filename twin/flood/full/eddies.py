"""What eddies too small for the grid mix: velocity between neighbouring cells.

The stresses of the depth-averaged equations, ∇·(ν·h·∇u), with the eddy viscosity of a flow that its bed keeps
turbulent, ν = C·u*·h (parabolic over the depth, Rodi 1993, Turbulence Models and Their Application in Hydraulics,
§2.3); u* = √g·n·|u|/h^(1/6) by Manning.

No cell takes up more of a neighbour's difference than a fifth in a step: so mixing makes no new extremes, whatever
the step, and the fastest signal stays what it was.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from naru.kernel import fast_inner, fast_kernel, kernel
from twin.flood.full.flux import STRIP
from twin.flood.full.law import GRAVITY
from twin.grid import Values

_W = STRIP + 16
# of the row above and of the row here: velocity east and south, depth, and ν·dt/dx²; column k is c0 - 1 + k
_UA, _VA, _HA, _KA, _UB, _VB, _HB, _KB = (i * _W for i in range(8))
_MOST = 0.2  # of a neighbour's difference


def numbers(coefficient: float, dt_s: float, cell_m: float, dry_m: float, kind: Any) -> Values:
    """Return what `mix` is told, in the precision of the state; the coefficient is C above, from 0."""
    return np.array([coefficient * math.sqrt(GRAVITY) * dt_s / cell_m**2, dry_m, 1.0, 0.0, _MOST], kind)


@fast_inner
def _load(buf: Values, h: Values, mx: Values, my: Values, n: Values, num: Values) -> None:
    """Fill the slots of the row here; `buf` begins at the column of h[0]. Num: see `numbers`."""
    factor, dry, one, zero, most = num[0], num[1], num[2], num[3], num[4]
    third = one / (one + one + one)
    four = one + one + one + one
    for k in range(h.size):
        wet = h[k] > dry
        safe = h[k] if wet else one
        inverse = one / safe
        bits = np.float32(np.float32(safe).view(np.int32)) * np.float32(1 / 3)  # cube root of the inverse
        root = np.int32(np.float32(1419912267) - bits).view(np.float32) * one
        root = root * (four - safe * root * root * root) * third
        root = root * (four - safe * root * root * root) * third
        root = root * (four - safe * root * root * root) * third
        u, v = mx[k] * inverse, my[k] * inverse
        share = factor * n[k] * np.sqrt((u * u + v * v) * root) * safe
        share = share if share < most else most
        buf[_UB + k] = u if wet else zero
        buf[_VB + k] = v if wet else zero
        buf[_HB + k] = safe if wet else zero
        buf[_KB + k] = share if wet else zero


@fast_inner
def _faces(one: Values, two: Values, shut: Values, east: Values, south: Values, half: float) -> None:
    """Write what passes from cells `one` to cells `two`, whose slots begin with u: of either momentum, m²/s."""
    for k in range(east.size):
        h = one[2 * _W + k] if one[2 * _W + k] < two[2 * _W + k] else two[2 * _W + k]
        rate = half * (one[3 * _W + k] + two[3 * _W + k]) * h
        rate = rate if shut[k] == 0 else rate - rate
        east[k] = rate * (one[k] - two[k])
        south[k] = rate * (one[_W + k] - two[_W + k])


@kernel
def mix(
    buf: Values,
    state: tuple[Values, ...],
    shut: tuple[Values, Values],
    flux: tuple[Values, ...],
    rects: Values,
    num: Values,
) -> None:
    """Write what eddies carry across the faces of `rects`: slots 1 (east) and 2 (south) of `flux`."""
    depth, qx, qy, n = state
    rows, columns = depth.shape
    half = num[2] / (num[2] + num[2])
    for which in range(rects.shape[0]):
        r0, r1, c0, c1 = rects[which]
        first, last = max(0, c0 - 1), min(columns, c1 + 1)
        buf[:] = 0
        for row in range(r0 - 1, r1 + 1):
            buf[:_UB] = buf[_UB : 2 * _UB]
            buf[_UB:] = 0
            if 0 <= row < rows:
                _load(
                    buf[first - (c0 - 1) :],
                    depth[row][first:last],
                    qx[row][first:last],
                    qy[row][first:last],
                    n[row][first:last],
                    num,
                )
            if r0 <= row < r1:
                _faces(
                    buf[_UB:],
                    buf[_UB + 1 :],
                    shut[0][row][c0:],
                    flux[0][1][row][c0 : c1 + 1],
                    flux[0][2][row][c0 : c1 + 1],
                    half,
                )
            if row >= r0:
                _faces(
                    buf[1:], buf[_UB + 1 :], shut[1][row][c0:], flux[1][1][row][c0:c1], flux[1][2][row][c0:c1], half
                )


@fast_kernel
def take(qx: Values, qy: Values, flux: tuple[Values, ...], rects: Values) -> None:
    """Add to the momentum of `rects` what `mix` wrote."""
    for which in range(rects.shape[0]):
        r0, r1, c0, c1 = rects[which]
        for row in range(r0, r1):
            for part, q in ((1, qx), (2, qy)):
                west, east = flux[0][part][row][c0:], flux[0][part][row][c0 + 1 :]
                north, south = flux[1][part][row][c0:], flux[1][part][row + 1][c0:]
                line = q[row][c0:c1]
                for k in range(c1 - c0):
                    line[k] += (west[k] - east[k]) + (north[k] - south[k])
