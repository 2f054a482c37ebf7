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

from naru.kernel import fast_inner, inner, kernel

CHUNK = 512  # faces at a time: their buffers stay in the nearest cache
BUFFERS = 4
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
        for _ in range(3):
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


@fast_inner
def _mean4(a: Any, b: Any, c: Any, d: Any, quarter: Any, out: Any) -> Any:
    for j in range(out.size):
        out[j] = ((a[j] + b[j]) + (c[j] + d[j])) * quarter


@fast_inner
def _flow_depth(ha: Any, hb: Any, za: Any, zb: Any, zero: Any, out: Any) -> Any:
    for j in range(out.size):
        rise = zb[j] - za[j]
        out[j] = max(ha[j] - max(rise, zero), hb[j] + min(rise, zero))


@fast_inner
def _push(ha: Any, hb: Any, za: Any, zb: Any, depth: Any, g_r: Any, out: Any) -> Any:
    for j in range(out.size):
        out[j] = -g_r * depth[j] * ((zb[j] - za[j]) + (hb[j] - ha[j]))


@fast_inner
def _centred(q: Any, before: Any, behind: Any, theta: Any, half_rest: Any, out: Any) -> Any:
    for j in range(out.size):
        out[j] += theta * q[j] + half_rest * (before[j] + behind[j])


@fast_inner
def _rub(push: Any, q: Any, aside: Any, depth: Any, na: Any, nb: Any, c: Any, out: Any) -> Any:
    dry, dt, one, two, four, froude, zero = c[DRY], c[DT], c[ONE], c[TWO], c[FOUR], c[FROUDE], c[ZERO]
    for j in range(out.size):
        d = max(depth[j], dry)
        y = _inverse_root(d)
        y2 = y * y
        n = na[j] + nb[j]
        k = dt * n * n * (y2 * y2) * (y2 * y)
        b, t = push[j], aside[j]
        t *= one + k * np.sqrt(q[j] * q[j] + t * t)
        new = two * b / (one + np.sqrt(one + four * k * np.sqrt(b * b + t * t)))
        most = froude * d * np.sqrt(d)
        new = max(-most, min(most, new))
        out[j] = new if depth[j] > dry else zero


@fast_inner
def _fastest(q: Any, depth: Any, dry: Any, best: Any) -> Any:
    for j in range(q.size):
        best = max(best, _bits(abs(q[j]) / max(depth[j], dry)))
    return best


@fast_inner
def _flux_x(ground: Any, old: Any, c: Any, span: Any, new: Any, buffer: Any, best: Any) -> Any:
    h, z, n, qx, qy = ground.h, ground.z, ground.n, old.x, old.y
    for a in range(max(span[2], 1), span[3], CHUNK):
        b = min(a + CHUNK, span[3])
        aside, depth, push = buffer[0][: b - a], buffer[1][: b - a], buffer[2][: b - a]
        for i in range(span[0], span[1]):
            ha, hb, za, zb = h[i][a - 1 : b - 1], h[i][a:b], z[i][a - 1 : b - 1], z[i][a:b]
            q, out = qx[i][a:b], new[i][a:b]
            north, south = qy[i], qy[i + 1]
            _mean4(north[a - 1 : b - 1], north[a:b], south[a - 1 : b - 1], south[a:b], c[QUARTER], aside)
            _flow_depth(ha, hb, za, zb, c[ZERO], depth)
            _push(ha, hb, za, zb, depth, c[G_R], push)
            _centred(q, qx[i][a - 1 : b - 1], qx[i][a + 1 : b + 1], c[THETA], c[HALF_REST], push)
            _rub(push, q, aside, depth, n[i][a - 1 : b - 1], n[i][a:b], c, out)
            best = _fastest(out, depth, c[DRY], best)
    return best


@fast_inner
def _flux_y(ground: Any, old: Any, c: Any, span: Any, new: Any, buffer: Any, best: Any) -> Any:
    h, z, n, qx, qy = ground.h, ground.z, ground.n, old.x, old.y
    for a in range(span[2], span[3], CHUNK):
        b = min(a + CHUNK, span[3])
        aside, depth, push = buffer[0][: b - a], buffer[1][: b - a], buffer[2][: b - a]
        for i in range(max(span[0], 1), span[1]):
            ha, hb, za, zb = h[i - 1][a:b], h[i][a:b], z[i - 1][a:b], z[i][a:b]
            q, out = qy[i][a:b], new[i][a:b]
            above, here = qx[i - 1], qx[i]
            _mean4(above[a:b], above[a + 1 : b + 1], here[a:b], here[a + 1 : b + 1], c[QUARTER], aside)
            _flow_depth(ha, hb, za, zb, c[ZERO], depth)
            _push(ha, hb, za, zb, depth, c[G_R], push)
            _centred(q, qy[i - 1][a:b], qy[i + 1][a:b], c[THETA], c[HALF_REST], push)
            _rub(push, q, aside, depth, n[i - 1][a:b], n[i][a:b], c, out)
            best = _fastest(out, depth, c[DRY], best)
    return best


@inner
def _gain(qx: Any, qe: Any, qy: Any, qs: Any, r: Any, out: Any) -> Any:
    for j in range(out.size):
        out[j] = r * ((qx[j] - qe[j]) + (qy[j] - qs[j]))


@inner
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


@kernel
def flux(ground: Any, old: Any, new: Any, c: Any, spans: Any, buffer: Any) -> Any:
    """Compute the unit discharges of the spans' west and north faces; return the fastest flow, m/s."""
    best = _bits(c[ZERO])
    for s in range(spans.shape[0]):
        best = _flux_x(ground, old, c, spans[s], new.x, buffer, best)
        best = _flux_y(ground, old, c, spans[s], new.y, buffer, best)
    return _float(best)


@kernel
def mass(h: Any, rest: Any, flows: Any, c: Any, spans: Any, buffer: Any, negative: Any) -> Any:
    """Move the water of the spans; return the deepest, m. `negative` is set where a donor gave too much."""
    most = _bits(c[ZERO])
    qx, qy = flows.x, flows.y
    for s in range(spans.shape[0]):
        low = _bits(c[ZERO])
        for i in range(spans[s, 0], spans[s, 1]):
            for a in range(spans[s, 2], spans[s, 3], CHUNK):
                b = min(a + CHUNK, spans[s, 3])
                gain = buffer[0][: b - a]
                _gain(qx[i][a:b], qx[i][a + 1 : b + 1], qy[i][a:b], qy[i + 1][a:b], c[R], gain)
                low, most = _update(h[i][a:b], rest[i][a:b], gain, low, most)
        negative[s] = low < 0
    return _float(most)
