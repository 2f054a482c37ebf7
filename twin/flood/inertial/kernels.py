"""One step of the local inertial scheme, as loops on arrays.

Cells: `h` depth m, `z` bed m above a local datum, `n` Manning · √g / 2; faces: `qx`, `qy` unit discharge m²/s, face
(i, j) of `qx` west of cell (i, j), of `qy` north of it. Loops go over rows of *spans*: runs of wet tiles, given as
first row, row behind the last, first column, column behind the last. Each loop reads few arrays, without branches,
so that it runs on vectors. Scalars come in the state's own type, in `c`: a literal would make float32 to float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import overload

from naru.kernel import lean_fast_inner, lean_inner, lean_kernel

CHUNK = 512  # cells at a time: their gains stay in the nearest cache
# what stands where in `c`
DT, R, G_R, THETA, HALF_REST, DRY, FROUDE, G, ZERO, ONE, TWO, QUARTER, FOUR = range(13)
CONSTANTS = 13


def _inverse_root(x: Any) -> Any:
    """Return x^(-1/3): guessed from the bits, bettered by steps of third and second order: no pow."""


@overload(_inverse_root)
def _inverse_root_of(x: Any) -> Any:
    if str(x) == "float32":

        def single(x: Any) -> Any:
            bits = np.int32(0x54A2FA8C) - np.int32(np.float32(np.float32(x).view(np.int32)) * np.float32(1 / 3))
            y = np.int32(bits).view(np.float32)
            e = np.float32(1) - x * y * y * y
            y = y + y * e * (np.float32(1 / 3) + np.float32(2 / 9) * e)
            e = np.float32(1) - x * y * y * y
            return y + y * e * np.float32(1 / 3)

        return single

    def double(x: Any) -> Any:
        bits = np.int64(0x553EF0FF289DD796) - np.int64(np.float64(np.float64(x).view(np.int64)) * (1 / 3))
        y = np.int64(bits).view(np.float64)
        e = 1.0 - x * y * y * y
        y = y + y * e * (1 / 3 + 2 / 9 * e)
        e = 1.0 - x * y * y * y
        y = y + y * e * (1 / 3 + 2 / 9 * e)
        e = 1.0 - x * y * y * y
        return y + y * e * (1 / 3)

    return double


def _bits(x: Any) -> Any:
    """Return a float's bits as an integer: from 0 on they sort alike, and integers reduce on vectors."""


@overload(_bits)
def _bits_of(x: Any) -> Any:
    if str(x) == "float32":

        def single(x: Any) -> Any:
            return np.float32(x).view(np.int32)

        return single

    def double(x: Any) -> Any:
        return np.float64(x).view(np.int64)

    return double


def _float(x: Any) -> Any:
    """Return the float of such bits."""


@overload(_float)
def _float_of(x: Any) -> Any:
    if str(x) == "int32":

        def single(x: Any) -> Any:
            return np.int32(x).view(np.float32)

        return single

    def double(x: Any) -> Any:
        return np.int64(x).view(np.float64)

    return double


@lean_fast_inner
def _faces(cells: Any, flows: Any, c: Any, out: Any, best: Any) -> Any:
    """Compute the unit discharge of a row of faces; return the bits of the fastest flow, or `best`.

    `cells`: depth, bed and n on one side and the other; `flows`: of the face, of the ones before and behind it in
    its own direction, and of the four that meet it across.
    """
    ha, hb, za, zb, na, nb = cells
    q, before, behind, a, b, d, e = flows
    dry, dt, g_r, froude, zero = c[DRY], c[DT], c[G_R], c[FROUDE], c[ZERO]
    theta, half_rest, quarter, one, two, four = c[THETA], c[HALF_REST], c[QUARTER], c[ONE], c[TWO], c[FOUR]
    for j in range(out.size):
        rise = zb[j] - za[j]
        depth = max(ha[j] - max(rise, zero), hb[j] + min(rise, zero))  # highest water less highest bed
        push = theta * q[j] + half_rest * (before[j] + behind[j]) - g_r * depth * (rise + (hb[j] - ha[j]))
        deep = max(depth, dry)
        root = _inverse_root(deep)
        cube = root * root * root
        n = na[j] + nb[j]
        k = dt * n * n * (cube * cube * root)  # g·dt·n² / depth^(7/3)
        across = ((a[j] + b[j]) + (d[j] + e[j])) * quarter
        across *= one + k * np.sqrt(q[j] * q[j] + across * across)
        flow = two * push / (one + np.sqrt(one + four * k * np.sqrt(push * push + across * across)))
        most = froude * deep * np.sqrt(deep)
        flow = max(-most, min(most, flow)) if depth > dry else zero
        out[j] = flow
        best = max(best, _bits(abs(flow) * cube))
    return best


@lean_fast_inner
def _flux_x(ground: Any, old: Any, c: Any, span: Any, new: Any, best: Any) -> Any:
    a, b = max(span[2], 1), span[3]
    for i in range(span[0], span[1]):
        h, z, n, q = ground.h[i], ground.z[i], ground.n[i], old.x[i]
        north, south = old.y[i], old.y[i + 1]
        cells = (h[a - 1 : b - 1], h[a:b], z[a - 1 : b - 1], z[a:b], n[a - 1 : b - 1], n[a:b])
        across = (north[a - 1 : b - 1], north[a:b], south[a - 1 : b - 1], south[a:b])
        along = (q[a:b], q[a - 1 : b - 1], q[a + 1 : b + 1])
        best = _faces(cells, along + across, c, new[i][a:b], best)
    return best


@lean_fast_inner
def _flux_y(ground: Any, old: Any, c: Any, span: Any, new: Any, best: Any) -> Any:
    a, b = span[2], span[3]
    h, z, n, q = ground.h, ground.z, ground.n, old.y
    for i in range(max(span[0], 1), span[1]):
        above, here = old.x[i - 1], old.x[i]
        cells = (h[i - 1][a:b], h[i][a:b], z[i - 1][a:b], z[i][a:b], n[i - 1][a:b], n[i][a:b])
        across = (above[a:b], above[a + 1 : b + 1], here[a:b], here[a + 1 : b + 1])
        along = (q[i][a:b], q[i - 1][a:b], q[i + 1][a:b])
        best = _faces(cells, along + across, c, new[i][a:b], best)
    return best


@lean_inner
def _gain(qx: Any, qe: Any, qy: Any, qs: Any, r: Any, out: Any) -> Any:
    for j in range(out.size):
        out[j] = r * ((qx[j] - qe[j]) + (qy[j] - qs[j]))


@lean_inner
def _update(h: Any, rest: Any, gain: Any, least: Any, most: Any) -> Any:
    """Add with what rounding left over before (Knuth's two-sum): deep water does not swallow small gains."""
    for j in range(h.size):
        old = h[j]
        y = gain[j] + rest[j]
        new = old + y
        back = new - old
        rest[j] = (old - (new - back)) + (y - back)
        h[j] = new
        least = min(least, _bits(new))
        most = max(most, _bits(new))
    return least, most


@lean_kernel
def flux(ground: Any, old: Any, new: Any, c: Any, spans: Any) -> Any:
    """Compute the unit discharges of the spans' west and north faces; return the fastest flow, m/s."""
    best = _bits(c[ZERO])
    for s in range(spans.shape[0]):
        best = _flux_x(ground, old, c, spans[s], new.x, best)
        best = _flux_y(ground, old, c, spans[s], new.y, best)
    return _float(best)


@lean_kernel
def mass(h: Any, rest: Any, flows: Any, c: Any, spans: Any, buffer: Any, negative: Any) -> Any:
    """Move the water of the spans; return the deepest, m, and whether one gave too much; `negative` says where."""
    most, short = _bits(c[ZERO]), False
    qx, qy = flows.x, flows.y
    for s in range(spans.shape[0]):
        low = _bits(c[ZERO])
        for i in range(spans[s, 0], spans[s, 1]):
            for a in range(spans[s, 2], spans[s, 3], CHUNK):
                b = min(a + CHUNK, spans[s, 3])
                gain = buffer[: b - a]
                _gain(qx[i][a:b], qx[i][a + 1 : b + 1], qy[i][a:b], qy[i + 1][a:b], c[R], gain)
                low, most = _update(h[i][a:b], rest[i][a:b], gain, low, most)
        negative[s] = low < 0
        short |= low < 0
    return _float(most), short
