"""The maxima of a run, taken where water is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from naru.kernel import lean_fast_inner, lean_inner, lean_kernel
from twin.grid import Values

CHUNK = 512  # cells at a time: what is compared stays in the nearest cache, what did not grow is not written


class Room(NamedTuple):
    """Where a kernel keeps what it is at."""

    speed: Values  # CHUNK float32
    hazard: Values
    one: tuple[Values, Values]  # one depth, and its bits: the same bytes

    @classmethod
    def of(cls, kind: np.dtype[Any]) -> Room:
        """Return room for depths of a type."""
        speed, hazard = (np.empty(CHUNK, np.float32) for _ in range(2))
        depth = np.zeros(1, kind)
        return cls(speed, hazard, (depth, depth.view(f"int{8 * kind.itemsize}")))


@lean_fast_inner
def _speed(flows: Any, h: Any, c: Any, out: Any) -> Any:
    """Write the speed, no faster than the scheme lets water flow at that depth.

    `flows`: through the west, east, north and south faces; speed is their mean at the centre over the depth.
    """
    qw, qe, qn, qs = flows
    dry, froude, half_squared = c[0], c[1], c[2]
    for j in range(out.size):
        x, y, d = qw[j] + qe[j], qn[j] + qs[j], max(h[j], dry)
        square = min((x * x + y * y) * half_squared / (d * d), froude * froude * d)
        out[j] = np.sqrt(square) if h[j] > dry else 0.0


@lean_inner
def _hazard(h: Any, speed: Any, deepest: Any, steps: Any, out: Any) -> Any:
    """Write HR = d·(v + 0.5) + DF (Defra FD2320), 0 where dry."""
    up_to, debris = steps
    half, first = np.float32(0.5), debris[0]
    for j in range(out.size):
        out[j] = np.float32(h[j]) * (speed[j] + half) + first if h[j] > 0 else np.float32(0)
    for k in range(1, debris.size):
        limit, more = up_to[k - 1], debris[k] - debris[k - 1]
        if deepest > limit:
            for j in range(out.size):
                out[j] += more if h[j] > limit else np.float32(0)


@lean_inner
def _times(h: Any, depth: Any, arrival: Any, duration: Any, facts: Any) -> Any:
    """Count how long water stands; it arrives where it is deep now and never was, as the greatest depth tells."""
    threshold, time, since = facts[0], facts[1], facts[2]
    come = np.int32(0)
    for j in range(h.size):
        deep = np.float32(h[j]) >= threshold
        come = max(come, np.int32(deep & (depth[j] < threshold)))
        duration[j] += since if deep else np.float32(0)
    if come:
        for j in range(h.size):
            new = (np.float32(h[j]) >= threshold) & (depth[j] < threshold)
            arrival[j] = time if new else arrival[j]


@lean_inner
def _rise(h: Any, depth: Any, peak: Any, time: Any) -> Any:
    """Take the depth into the greatest, and when that was; nothing is written where none rose."""
    risen = np.int32(0)
    for j in range(h.size):
        risen = max(risen, np.int32(np.float32(h[j]) > depth[j]))
    if risen:
        for j in range(h.size):
            d = np.float32(h[j])
            peak[j] = time if d > depth[j] else peak[j]
            depth[j] = max(depth[j], d)


@lean_inner
def _most(value: Any, most: Any) -> Any:
    """Take the greater of each; nothing is written where none grew."""
    grown = np.int32(0)
    for j in range(value.size):
        grown = max(grown, np.int32(value[j] > most[j]))
    if grown:
        for j in range(value.size):
            most[j] = max(most[j], value[j])


@lean_inner
def _deepest(bits: Any, one: Any) -> Any:
    """Return the deepest water, m: the bits of depths sort like depths, and integers reduce on vectors.

    `one`: room to turn bits into a depth.
    """
    most = bits[0]
    for j in range(bits.size):
        most = max(most, bits[j])
    depth, itself = one
    itself[0] = most
    return depth[0]


@lean_kernel
def take(state: Any, flows: Any, spans: Any, c: Any, facts: Any, steps: Any, maxima: Any, room: Any) -> Any:
    """Take the present state into the maxima of the spans' cells.

    `state`: the depths, and their bits as integers; `c`: dry depth, Froude's limit · √g, 0.25, in the state's type;
    `facts`: threshold, time, time since the last look, in float32; `steps`: depth up to and debris factor, two
    arrays; `maxima`: depth, speed, hazard, arrival, duration, peak time; `room`: see `Room`.
    """
    (h, bits), qx, qy = state, flows.x, flows.y
    depth, speed, hazard, arrival, duration, peak = maxima
    fast_, risk_, one = room
    for s in range(spans.shape[0]):
        for i in range(spans[s, 0], spans[s, 1]):
            for a in range(spans[s, 2], spans[s, 3], CHUNK):
                b = min(a + CHUNK, spans[s, 3])
                deepest = _deepest(bits[i][a:b], one)
                if not deepest > 0:
                    continue
                d, fast, risk = h[i][a:b], fast_[: b - a], risk_[: b - a]
                _speed((qx[i][a:b], qx[i][a + 1 : b + 1], qy[i][a:b], qy[i + 1][a:b]), d, c, fast)
                _hazard(d, fast, deepest, steps, risk)
                if deepest >= facts[0]:
                    _times(d, depth[i][a:b], arrival[i][a:b], duration[i][a:b], facts)
                _rise(d, depth[i][a:b], peak[i][a:b], facts[1])
                _most(fast, speed[i][a:b])
                _most(risk, hazard[i][a:b])
