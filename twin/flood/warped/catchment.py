"""Rain and losses on a device, a thread a share of a row; equations, and what goes first: `forcing.sky_kernels`.

`soil[0]` is the state of the soil, the layers after it are maps of parameters; parameters that are the same in all
rows stand in `lines`, parameters × columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from twin.flood import catchment as laws
from twin.flood.catchment import Cover
from twin.flood.warped.device import Lately, Sheet, kernel, launch, part, sent, wp
from twin.flood.warped.sums import Sums
from twin.grid import Floats, Values

_CONSTANT, _GREEN_AMPT, _CURVE_NUMBER = int(laws.CONSTANT), int(laws.GREEN_AMPT), int(laws.CURVE_NUMBER)
_H, _REST = 0, 1  # layers of both schemes' cells: depth, and what its precision could not hold
_FIRST, _SECOND, _THIRD, _PERVIOUS, _DRAINS = 0, 1, 2, 3, 4  # parameters
SPAN, LAW, DRAINING, MIXED, LAYERS = 0, 1, 2, 3, 4  # what stands where in `facts`; last each parameter's map, or 0


class WarpedCatchment:
    """Rain on one water's cells; what their precision cannot hold goes where the scheme keeps that."""

    def __init__(self, cells: Any, sheet: Sheet, cover: Cover, changed: Callable[[], None]) -> None:
        """Take a scheme's cells, its depth seen from the host, and what to call when depth was changed."""
        self._cells, self._sheet, self._cover, self._changed = cells, sheet, cover, changed
        self._device = device = cells.device
        rows, columns = cover.zones.shape
        self._zones = sent(cover.zones, device)
        parameters = (*cover.soil, cover.pervious, cover.drains)
        maps = [a for a in parameters if len(a) > 1]
        layers = [len(a) > 1 for a in parameters] * np.cumsum([len(a) > 1 for a in parameters])
        self._facts = np.array([0.0, cover.law, cover.draining, 0.0, *layers])
        self._lines = sent(np.stack([a[0] for a in parameters]), device)
        state = np.zeros((rows, columns) if cover.law or maps else (1, 1))
        self._soil = sent(np.stack([state, *maps]), device)
        self._depths, self._field = Lately(device), Lately(device)
        self._sums = Sums((rows, columns), 3, device)

    def rain(self, depths: Floats, field: Values, span_s: float) -> Floats:
        """Let it rain, then lose water for a time; return rain, infiltration, drained, m summed over cells."""
        self._sheet.push()
        self._facts[SPAN], self._facts[MIXED] = span_s, field.size > 0
        self._depths.renew(depths)
        self._field.renew(field if field.size else np.zeros((1, 1), np.float32))
        falling = (self._zones, self._depths.there, self._field.there)
        losses = (self._lines, self._soil, sent(self._facts, self._device))
        arrays = (self._cells, *falling, *losses, self._sums.shares)
        launch(_rain, self._sums.threads, *arrays, device=self._device)
        self._sheet.moved()
        self._changed()
        return self._sums.total()

    def held_m(self) -> float:
        """Return nothing: it is all in the scheme's own state."""
        return 0.0

    def save(self) -> Mapping[str, Values]:
        """Return the state of the soil."""
        return {"state": self._soil[0].numpy()}

    def load(self, saved: Mapping[str, Values]) -> None:
        """Go on from what `save` gave."""
        self._soil[0].assign(saved["state"])


@part
def _of(which: int, lines: Any, soil: Any, facts: Any, i: int, j: int) -> Any:
    """Return a parameter in a cell."""
    layer = int(facts[LAYERS + which])
    if layer > 0:
        return soil[layer, i, j]
    return lines[which, j]


@part
def _grown(x: Any) -> Any:
    """Return exp(x) - 1, x at most 0."""
    one, half, third = wp.float64(1.0), wp.float64(0.5), wp.float64(1.0) / wp.float64(3.0)
    if x > -one / wp.float64(65536.0):  # the next term is less than rounding
        return x * (one + half * x * (one + third * x))
    return wp.exp(x) - one


@part
def _excess(rain: Any, retention: Any) -> Any:
    total = rain + retention
    if total <= wp.float64(0.0):
        return total - total
    return rain * rain / total


@part
def _constant(there: Any, before: Any, rate: Any, initial: Any, dt: Any) -> Any:
    """Each law returns what is lost, m, and the soil's state after it."""
    first = wp.min(there, wp.max(initial - before, there - there))
    return wp.vec2d(first + wp.min(there - first, rate * dt), before + first)


@part
def _green_ampt(there: Any, f: Any, conductivity: Any, pull: Any, dt: Any) -> Any:
    two, half, zero = wp.float64(2.0), wp.float64(0.5), wp.float64(0.0)
    k = conductivity * dt
    most = half * (k + wp.sqrt(k * k + two * two * (f * f + k * (two * pull + f)))) - f
    loss = wp.min(there, wp.max(most, zero))
    return wp.vec2d(loss, f + loss)


@part
def _curve_number(rain: Any, before: Any, retention: Any, initial: Any) -> Any:
    zero = rain - rain
    x0, x1 = wp.max(before - initial, zero), wp.max(before + rain - initial, zero)
    excess = _excess(x1, retention) - _excess(x0, retention)
    return wp.vec2d(wp.min(rain, wp.max(rain - excess, zero)), before + rain)


@part
def _horton(there: Any, t: Any, start: Any, end: Any, decay: Any, dt: Any) -> Any:
    extra = (start - end) * wp.exp(-decay * t)
    most = end * dt - extra / decay * _grown(-decay * dt)
    if there >= most:
        return wp.vec2d(most, t + dt)
    if there <= there - there:
        return wp.vec2d(there - there, t)
    ahead = there / (end + extra)
    for _ in range(6):
        missing = there - end * ahead + extra / decay * _grown(-decay * ahead)
        ahead = ahead + missing / (end + extra * wp.exp(-decay * ahead))
    return wp.vec2d(there, t + wp.min(ahead, dt))


@part
def _lost(there: Any, rain: Any, depth: Any, lines: Any, soil: Any, facts: Any, i: int, j: int) -> Any:
    """Return what soaks in in a cell by the law, m; the soil learns of it."""
    law, before, dt = int(facts[LAW]), soil[0, i, j], facts[SPAN]
    a, b = _of(_FIRST, lines, soil, facts, i, j), _of(_SECOND, lines, soil, facts, i, j)
    c = _of(_THIRD, lines, soil, facts, i, j)
    lost = wp.vec2d(there - there, before)
    if law == _CONSTANT:
        lost = _constant(there, before, a, b, dt)
    elif law == _GREEN_AMPT:
        lost = _green_ampt(there, before, a, (b + depth) * c, dt)
    elif law == _CURVE_NUMBER:
        lost = _curve_number(rain, before, a, b)
    else:
        lost = _horton(there, before, a, b, c, dt)
    soil[0, i, j] = lost[1]
    return lost[0] * _of(_PERVIOUS, lines, soil, facts, i, j)


@kernel
def _rain(cells: Any, zones: Any, depths: Any, field: Any, lines: Any, soil: Any, facts: Any, shares: Any) -> None:
    """Let it rain and soak in on every so many cells of a row; sum what fell, soaked in, and was drained."""
    i, lane = wp.tid()
    zero = wp.float64(0.0)
    fallen, soaked, drained = wp.float64(0.0), wp.float64(0.0), wp.float64(0.0)
    for j in range(lane, zones.shape[1], shares.shape[1]):
        zone = zones[i, j]
        h = cells[_H, i, j]
        rain = depths[zone]
        if facts[MIXED] > zero and zone > 0:
            rain = rain + wp.float64(field[i, j])
        if zone > 0 and (rain > zero or h > h - h):
            old, carry = wp.float64(h), wp.float64(cells[_REST, i, j])
            there = wp.max(old + carry + rain, zero)
            loss, taken = wp.float64(0.0), wp.float64(0.0)
            if facts[LAW] > zero:
                loss = _lost(there, rain, old, lines, soil, facts, i, j)
            if facts[DRAINING] > zero:
                most = _of(_DRAINS, lines, soil, facts, i, j) * facts[SPAN]
                taken = wp.min(wp.max(there - loss, zero), most)
            y = carry + (rain - loss - taken)
            new = type(h)(wp.max(old + y, zero))
            now = wp.float64(new)
            back = now - old
            cells[_H, i, j] = new
            cells[_REST, i, j] = type(h)((old - (now - back)) + (y - back))
            fallen = fallen + rain
            soaked = soaked + loss
            drained = drained + taken
    shares[i, lane, 0] = fallen
    shares[i, lane, 1] = soaked
    shares[i, lane, 2] = drained
