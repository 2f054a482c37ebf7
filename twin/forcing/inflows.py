"""The section `inflows` of a scenario: water that comes (or is taken) at points, along lines, over areas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.fields import Fields
from twin.flood.ledger import Ledger
from twin.flood.records import Bystander, Ints, Reading, Water
from twin.flood.world import World
from twin.forcing import cells
from twin.forcing.hydrograph import DISCHARGE, Hydrograph, read_hydrograph
from twin.forcing.sections import groups, number, only_one, point, points
from twin.forcing.series import Ahead, Series
from twin.forcing.steps import stable_step
from twin.grid import Floats, Values

_FILM_M = 0.01  # added to depths, so that dry cells of a line get water, too


@dataclass(frozen=True)
class InflowSpec:
    """An inflow as a scenario states it."""

    name: str
    shape: str  # at | line | polygon
    where: Fields
    points: tuple[tuple[float, float], ...]
    radius_m: float
    discharge: Hydrograph

    def build(self, world: World) -> Inflow:
        """Return the inflow on the domain's cells. Raises BadSpec: it lies outside, or where there is no ground."""
        field = self.where.where(self.shape)
        placed = world.place([list(p) for p in self.points], field)
        frame = world.domain.frame
        if self.shape == "at":
            found = cells.disc(placed[0], self.radius_m, frame)
        elif self.shape == "line":
            found = cells.traversed(placed, frame)
        else:
            found = cells.covered(placed, frame)
        ground = found[world.domain.active.ravel()[found]]
        if not ground.size:
            raise self.where.wrong(self.shape, "meets no cell that has ground", "Move it onto the terrain.")
        by_conveyance = self.shape == "line"
        return Inflow(self.name, np.sort(ground), self.discharge.series(world.start), by_conveyance)

    def inputs(self) -> Mapping[str, Any]:
        """Return what went in, for the report."""
        return {"role": "inflow", "name": self.name, **self.discharge.given()}


def read_inflows(top: Fields) -> tuple[InflowSpec, ...]:
    """Read `inflows`. Raises BadSpec (two of one name), FileMissing, ColumnsUnknown."""
    found: list[InflowSpec] = []
    for n, where in enumerate(groups(top, "inflows"), 1):
        name = where.text("name", f"inflow-{n}") or ""
        if name in (one.name for one in found):
            raise where.wrong("name", f"is '{name}', which another inflow has", "Give each its own name.")
        shape = only_one(where, ("at", "line", "polygon"), "Where it comes in")
        at: tuple[tuple[float, float], ...]
        if shape == "at":
            at = (point(where, "at"),)
            radius = number(where, "radius_m", (0.0, 1e6), "m", 0.0)
        else:
            at, radius = tuple(points(where, shape, 2 if shape == "line" else 3)), 0.0
        found.append(InflowSpec(name, shape, where, at, radius, read_hydrograph(where, DISCHARGE)))
        where.done()
    return tuple(found)


class Inflow(Bystander):
    """Discharge as volumes on cells: equally over a disc or an area, over a line as the flow that stands there.

    Along a line each cell gets its share of the conveyance (h + 1 cm)^(5/3) / n. A negative discharge takes water,
    each cell's share of what is there; what is missing is told as `shortfall_m3` and not made up for later.
    """

    def __init__(self, name: str, where: Ints, discharge: Series, by_conveyance: bool) -> None:
        self.name = name
        self._cells = where
        self._discharge = discharge
        self._ahead = Ahead((discharge,))
        self._by_conveyance = by_conveyance
        self._rest = np.zeros(len(where))  # what float32 could not hold, m³
        self._shortfall = 0.0
        self._flow = 0.0  # what came in the last step, m³/s
        self._time_s = 0.0
        self._cell = (1.0, 1.0)  # side, area
        self._n = np.ones(len(where))

    def begin(self, water: Water) -> None:
        """Look up cells."""
        self._cell = (water.domain.frame.cell_m, water.domain.area_m2)
        self._n = water.domain.manning_n.ravel()[self._cells].astype(np.float64)

    def next_change_s(self, time_s: float) -> float:
        """Return when the hydrograph next breaks."""
        return self._discharge.next_change(time_s)

    def longest_step_s(self) -> float:
        """Return the longest step in which what comes onto dry ground does not outrun what is stable."""
        side, area = self._cell
        return stable_step(self._ahead.largest(self._time_s) / (area * len(self._cells)), side)

    def act(self, water: Water, time_s: float, dt_s: float, ledger: Ledger) -> None:
        """Bring the exact volume of the step, or take it."""
        self._time_s = time_s + dt_s
        volume = float(self._discharge.integral(time_s, self._time_s))
        if volume == 0.0:
            self._flow = 0.0
            return
        wanted = volume * self._shares(water, volume) + self._rest
        self._rest = wanted - water.add(self._cells, wanted)
        missing = 0.0
        if volume < 0:
            short = (water.depths(self._cells) <= 0) & (self._rest < 0)
            missing = -float(self._rest[short].sum())
            self._rest[short] = 0.0
            self._shortfall += missing
        ledger.add(f"inflow/{self.name}", volume + missing)
        self._flow = (volume + missing) / dt_s

    def _shares(self, water: Water, volume: float) -> Floats:
        if volume < 0:
            there: Floats = np.maximum(water.depths(self._cells), 0.0)
            if there.any():
                return there / float(there.sum())
        elif self._by_conveyance:
            return conveyance_shares(water.depths(self._cells), self._n)
        return np.full(len(self._cells), 1 / len(self._cells))

    def held_m3(self) -> float:
        """Return what float32 could not hold yet, m³."""
        return float(self._rest.sum())

    def readings(self) -> Iterable[Reading]:
        """Return the discharge that really came, and what could not be taken so far."""
        yield Reading(self.name, "discharge_m3_s", self._flow)
        if self._shortfall > 0:
            yield Reading(self.name, "shortfall_m3", self._shortfall)

    def save(self) -> Mapping[str, Values]:
        """Return what is carried on."""
        return {"rest": self._rest, "facts": np.array([self._shortfall, self._flow, self._time_s])}

    def load(self, saved: Mapping[str, Values]) -> None:
        """Go on from what `save` gave."""
        self._rest = saved["rest"].copy()
        self._shortfall, self._flow, self._time_s = (float(v) for v in saved["facts"])


def conveyance_shares(depth: Floats, manning_n: Floats) -> Floats:
    """Return each cell's share of the conveyance (h + 1 cm)^(5/3) / n across a line (Manning)."""
    conveyance = (np.maximum(depth, 0.0) + _FILM_M) ** (5 / 3) / np.maximum(manning_n, 1e-6)
    shares: Floats = conveyance / conveyance.sum()
    return shares
