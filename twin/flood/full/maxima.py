"""Takes the present state into what is kept of a run: the deepest, the fastest, the most dangerous, how long."""

from __future__ import annotations

import numpy as np

from naru.kernel import fast_inner, fast_kernel
from twin.grid import Values


@fast_inner
def _deepest(h: Values, most: Values, peak: Values, time_s: float, dry: float) -> None:
    for k in range(h.size):
        here, old = np.float32(h[k]), most[k]
        more = here > old and here > dry
        peak[k] = time_s if more else peak[k]
        most[k] = here if more else old


@fast_inner
def _stays(h: Values, arrival: Values, duration: Values, times: tuple[float, ...]) -> None:
    time_s, since_s, threshold = times
    for k in range(h.size):
        deep = h[k] >= threshold
        first = arrival[k]
        duration[k] += since_s if deep else np.float32(0)
        arrival[k] = time_s if deep and np.isnan(first) else first


@fast_inner
def _speeds(h: Values, qx: Values, qy: Values, speed: Values, dry: float) -> None:
    for k in range(h.size):
        here = np.float32(h[k])
        wet = here > dry
        x, y = np.float32(qx[k]), np.float32(qy[k])
        size = np.sqrt(x * x + y * y) / (here if wet else np.float32(1))
        speed[k] = size if wet else np.float32(0)


@fast_inner
def _larger(values: Values, best: Values) -> None:
    for k in range(values.size):
        best[k] = values[k] if values[k] > best[k] else best[k]


@fast_inner
def _hazards(h: Values, speed: Values, debris: Values, dry: float, out: Values) -> None:
    """HR = d·(v + 0.5) + DF into `out`; `debris` from the deepest class to the shallowest."""
    half, zero = np.float32(0.5), np.float32(0)
    for k in range(h.size):
        here = np.float32(h[k])
        out[k] = here * (speed[k] + half) if here > dry else zero
    for line in range(debris.shape[0]):
        # classes add what they differ by from the next deeper one
        upto, more = debris[line, 0], debris[line, 1]
        for k in range(h.size):
            here = np.float32(h[k])
            out[k] += more if here > dry and here <= upto else zero


@fast_kernel
def track(
    state: tuple[Values, ...],
    rects: Values,
    best: tuple[Values, ...],
    debris: Values,
    settings: Values,
) -> None:
    """Take the state of `rects` into the maxima.

    Args:
        state: depth, unit discharge east and south.
        rects: see `flux.fluxes`.
        best: depth, speed, hazard, arrival, duration, peak time: float32, rows × columns.
        debris: float32, n × 2: depth up to, and what its debris factor has more than the next deeper class's.
        settings: float32: time, time since the last call (s), threshold and dry depth (m).
    """
    depth, qx, qy = state
    most, fastest, hazard, arrival, duration, peak = best
    time_s, since_s, threshold, dry = settings[0], settings[1], settings[2], settings[3]
    speed, danger = np.empty(depth.shape[1], np.float32), np.empty(depth.shape[1], np.float32)
    for which in range(rects.shape[0]):
        r0, r1, c0, c1 = rects[which]
        v, hr = speed[: c1 - c0], danger[: c1 - c0]
        for i in range(r0, r1):
            h = depth[i][c0:c1]
            _deepest(h, most[i][c0:c1], peak[i][c0:c1], time_s, dry)
            _stays(h, arrival[i][c0:c1], duration[i][c0:c1], (time_s, since_s, threshold))
            _speeds(h, qx[i][c0:c1], qy[i][c0:c1], v, dry)
            _larger(v, fastest[i][c0:c1])
            _hazards(h, v, debris, dry, hr)
            _larger(hr, hazard[i][c0:c1])
