"""How many steps a run will take: found by running its flood on larger cells for a second or two.

The step follows the deepest and fastest water, which nobody knows before. On cells k times as large the same flood
takes k times fewer steps over k² times fewer cells, and is as deep, but for what is narrower than such a cell.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from naru.errors import NaruError
from naru.house import House
from twin.flood import advance as course
from twin.flood.ledger import Balance
from twin.grid import Values
from twin.runs.run import assembled_of, start
from twin.scenario.records import Assembled

_CELLS = 20_000  # of the forerun
_FEWEST = 400  # cells: on fewer there is nothing left of the terrain
_SECONDS = 2.0
_LOOK_STEPS = 16
_TILE = 32  # cells: tiles without water cost nothing
_WET_M = 1e-3


@dataclass(frozen=True)
class Forecast:
    """What a run is expected to take."""

    steps: int
    wet_share: float  # of the cells, over all steps
    reached_s: float  # how far the forerun came; the rest is reckoned with its last steps
    seconds_a_step: float  # of the forerun
    cell_m: float  # of the forerun
    cells: int


class _Enough(Exception):
    """The time for looking ahead is over."""


class _Counter:
    """A watcher that counts what the steps of the run itself would be, and ends the forerun in time."""

    def __init__(self, found: Assembled, cell_m: float, seconds: float) -> None:
        self._ratio = cell_m / found.domain.frame.cell_m
        self._longest_s = found.options.longest_step_s
        self._until = time.perf_counter() + seconds
        self.steps = self.wet = self.share = 0.0
        self.recent: list[tuple[float, float]] = []  # time and steps, now and then

    def step(self, flood: course.Flood, dt_s: float) -> None:
        """Count the steps that the run would take for this one."""
        actors = [actor.longest_step_s() for actor in flood.actors]
        longest = min([flood.water.longest_step() / self._ratio, self._longest_s, *actors])
        if flood.steps % _LOOK_STEPS == 1:
            self.share = _at_work(flood.water.depth, self._ratio)
        steps = max(dt_s / longest, 1e-3) if longest > 0 else 1.0
        self.steps += steps
        self.wet += steps * self.share
        if flood.steps % _LOOK_STEPS == 0:
            self.recent.append((flood.time_s, self.steps))
            if time.perf_counter() > self._until:
                raise _Enough

    def output(self, flood: course.Flood, balance: Balance) -> None:
        """Write nothing."""

    def track(self, flood: course.Flood) -> None:
        """Tell nobody."""


def look_forward(found: Assembled, mapping: Mapping[str, Any], file: Path, house: House | None) -> Forecast | None:
    """Run the flood on larger cells for `_SECONDS`; None where its terrain or structures need the cells they have.

    `found` is the run as it was assembled from `mapping`.
    """
    frame, cells = found.domain.frame, int(found.domain.active.sum())
    factor = max(2.0, math.sqrt(cells / _CELLS))
    if cells / factor**2 < _FEWEST:
        factor = 1.0  # so few that the run itself is looked at
    try:
        coarse = found if factor == 1.0 else _coarser(mapping, file, house, frame.cell_m * factor)
        counter = _Counter(found, coarse.domain.frame.cell_m, _SECONDS)
        flood, began = start(coarse), time.perf_counter()
        with contextlib.suppress(_Enough):
            course.advance(flood, replace(coarse.plan, most_error=math.inf), counter)
    except NaruError:  # it does not go with such cells: that is no fault of the run
        return None
    spent, steps = time.perf_counter() - began, counter.steps
    if flood.time_s < found.plan.end_s:
        steps += (found.plan.end_s - flood.time_s) * _rate(counter.recent)
    return Forecast(
        max(1, round(steps)),
        counter.wet / counter.steps if counter.steps else 0.0,
        flood.time_s,
        spent / max(1, flood.steps),
        coarse.domain.frame.cell_m,
        int(coarse.domain.active.sum()),
    )


def _coarser(mapping: Mapping[str, Any], file: Path, house: House | None, cell_m: float) -> Assembled:
    domain = dict(mapping.get("domain") or {}) | {"cell_m": cell_m}
    return assembled_of({**mapping, "domain": domain}, file, house, 1)


def _rate(recent: list[tuple[float, float]]) -> float:
    """Return steps a second of flood in the last quarter of what was seen."""
    if len(recent) < 2:
        return 0.0
    (then, few), (now, many) = recent[-max(2, len(recent) // 4)], recent[-1]
    return (many - few) / (now - then) if now > then else 0.0


def _at_work(depth: Values, ratio: float) -> float:
    """Return the share of the cells that lie in tiles with water."""
    side = max(1, round(_TILE / ratio))
    rows, columns = (-size % side for size in depth.shape)
    wet = np.pad(depth > _WET_M, ((0, rows), (0, columns)))
    tiles = wet.reshape(wet.shape[0] // side, side, -1, side).any(axis=(1, 3))
    return float(tiles.mean())
