"""The maxima of a run, taken where water is."""

from __future__ import annotations

from typing import Any

import numpy as np

from naru.kernel import fast_inner, inner, kernel


@fast_inner
def _centre(qw: Any, qe: Any, qn: Any, qs: Any, half_squared: Any, out: Any) -> Any:
    """Return the square of the unit discharge at cell centres."""
    for j in range(out.size):
        x, y = qw[j] + qe[j], qn[j] + qs[j]
        out[j] = (x * x + y * y) * half_squared


@fast_inner
def _speed(square: Any, h: Any, dry: Any, froude: Any, out: Any) -> Any:
    """Return the speed; no faster than the scheme lets water flow at that depth."""
    for j in range(out.size):
        d = max(h[j], dry)
        out[j] = min(np.sqrt(square[j]) / d, froude * np.sqrt(d)) if h[j] > dry else 0.0


@inner
def _hazard(h: Any, speed: Any, up_to: Any, debris: Any, out: Any) -> Any:
    """Return HR = d·(v + 0.5) + DF (Defra FD2320), 0 where dry."""
    half = np.float32(0.5)
    for j in range(out.size):
        out[j] = np.float32(h[j]) * (speed[j] + half) + debris[0] if h[j] > 0 else np.float32(0)
    for k in range(1, debris.size):
        more = debris[k] - debris[k - 1]
        for j in range(out.size):
            out[j] += more if h[j] > up_to[k - 1] else np.float32(0)


@inner
def _times(h: Any, depth: Any, arrival: Any, duration: Any, peak: Any, facts: Any) -> Any:
    threshold, time, since = facts[0], facts[1], facts[2]
    for j in range(h.size):
        d = np.float32(h[j])
        deep = d >= threshold
        arrival[j] = time if deep and np.isnan(arrival[j]) else arrival[j]
        duration[j] += since if deep else np.float32(0)
        peak[j] = time if d > depth[j] else peak[j]


@inner
def _most(h: Any, speed: Any, hazard: Any, most_depth: Any, most_speed: Any, most_hazard: Any) -> Any:
    for j in range(h.size):
        most_depth[j] = max(most_depth[j], np.float32(h[j]))
    for j in range(h.size):
        most_speed[j] = max(most_speed[j], speed[j])
    for j in range(h.size):
        most_hazard[j] = max(most_hazard[j], hazard[j])


@kernel
def take(h: Any, flows: Any, spans: Any, c: Any, facts: Any, steps: Any, maxima: Any) -> Any:
    """Take the present state into the maxima of the spans' cells.

    `c`: dry depth, Froude's limit · √g, 0.25, in the state's type; `facts`: threshold, time, time since the last
    look, in float32; `steps`: depth up to and debris factor, two arrays; `maxima`: depth, speed, hazard, arrival,
    duration, peak time. Speed is the mean unit discharge of a cell's faces over its depth.
    """
    qx, qy = flows.x, flows.y
    depth, speed, hazard, arrival, duration, peak = maxima
    columns = h.shape[1]
    square, fast, risk = np.empty(columns, h.dtype), np.empty(columns, np.float32), np.empty(columns, np.float32)
    for s in range(spans.shape[0]):
        a, b = spans[s, 2], spans[s, 3]
        m = b - a
        for i in range(spans[s, 0], spans[s, 1]):
            d = h[i][a:b]
            _centre(qx[i][a:b], qx[i][a + 1 : b + 1], qy[i][a:b], qy[i + 1][a:b], c[2], square[:m])
            _speed(square[:m], d, c[0], c[1], fast[:m])
            _hazard(d, fast[:m], steps[0], steps[1], risk[:m])
            _times(d, depth[i][a:b], arrival[i][a:b], duration[i][a:b], peak[i][a:b], facts)
            _most(d, fast[:m], risk[:m], depth[i][a:b], speed[i][a:b], hazard[i][a:b])
