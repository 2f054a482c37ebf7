"""Street drains at work: a capacity by area, and single inlets whose water leaves the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from naru.errors import BadSpec
from naru.kernel import kernel
from twin.flood.ledger import Ledger
from twin.flood.records import Bystander, Ints, Reading, Water
from twin.flood.world import World
from twin.grid import Floats, Values
from twin.works.laws.inlet import exchange
from twin.works.site import Site
from twin.works.spec import InletLaw, InletSpec

_MM_H = 1e-3 / 3600.0  # m/s
_EVERY_S = 2.0  # the capacity is taken in portions: in float32 what a short step takes would be lost in rounding
_MOST_OF_DONOR = 0.5


@kernel
def take_depth(depth: Values, rate: Values, dt_s: float, met: Ints) -> float:
    """Take rate·dt (m) from each cell's depth, as far as there is water; return the sum of what was taken, m.

    `met` becomes the block of cells that had water to take: first row, row behind the last, first column, column
    behind the last.
    """
    whole = 0.0
    met[:] = depth.shape[0], 0, depth.shape[1], 0
    for i in range(depth.shape[0]):
        row = 0.0
        for j in range(depth.shape[1]):
            before = depth[i, j]
            if before > 0.0 and rate[i, j] > 0.0:
                depth[i, j] = max(before - rate[i, j] * dt_s, 0.0)
                row += float(before) - float(depth[i, j])
                met[0], met[1] = min(met[0], i), i + 1
                met[2], met[3] = min(met[2], j), max(met[3], j + 1)
        whole += row
    return whole


class Capacity(Bystander):
    """Drains that take up to so many mm/h from each cell."""

    name = "drains"

    def __init__(self, rate_mm_h: Floats, area_m2: float) -> None:
        self._rate = (np.nan_to_num(np.maximum(rate_mm_h, 0.0)) * _MM_H).astype(np.float32)
        self._area_m2 = area_m2
        self._owed_s = self._volume = self._last = 0.0

    def act(self, water: Water, time_s: float, dt_s: float, ledger: Ledger) -> None:
        """Take what fell due since the last time."""
        self._owed_s += dt_s
        if self._owed_s < _EVERY_S:
            return
        met = np.zeros(4, np.int64)
        taken = take_depth(water.depth, self._rate, self._owed_s, met) * self._area_m2
        if met[1]:
            top, bottom, left, right = (int(i) for i in met)
            water.wet(slice(top, bottom), slice(left, right))
        self._last, self._owed_s = taken / self._owed_s, 0.0
        self._volume += taken
        ledger.add("drains", -taken)

    def readings(self) -> Iterator[Reading]:
        """Yield what all drains take."""
        yield Reading(self.name, "discharge_m3_s", self._last)
        yield Reading(self.name, "volume_m3", self._volume)

    def save(self) -> dict[str, Values]:
        """Return all that `load` needs."""
        return {"state": np.array([self._owed_s, self._volume, self._last])}

    def load(self, saved: Mapping[str, Values]) -> None:
        """Go on from what `save` gave."""
        self._owed_s, self._volume, self._last = (float(v) for v in saved["state"])


class Openings:
    """Inlets on their cells, as arrays."""

    def __init__(self, inlets: Sequence[InletSpec], law: InletLaw, world: World, site: Site) -> None:
        self.inlets, self._law = tuple(inlets), law
        self.cells = np.array([_cell(each, world, site) for each in inlets], np.int64)
        self.bed: Floats = site.bed[self.cells]
        self.area: Floats = np.array([each.area_m2 for each in inlets])
        self.perimeter: Floats = np.array([each.perimeter_m for each in inlets])
        most = [np.inf if each.capacity_m3_s is None else each.capacity_m3_s for each in inlets]
        self.capacity: Floats = np.array(most, np.float64)
        self.distinct: Ints
        self.distinct, self.of = np.unique(self.cells, return_inverse=True)
        self._cell_m2 = site.domain.area_m2

    def wanted(self, water: Water, sewer_m: Floats, dt_s: float) -> Floats:
        """Return the flow that the heads give, m³/s, into the sewer; no cell gives more than half of its water."""
        depth = water.depths(self.cells)
        flow = np.minimum(exchange(depth, sewer_m - self.bed, self.area, self.perimeter, self._law), self.capacity)
        into = np.maximum(flow, 0.0)
        whole = np.bincount(self.of, into, len(self.distinct))[self.of] * dt_s
        most = _MOST_OF_DONOR * depth * self._cell_m2
        return np.where(flow > 0, into * np.where(whole > most, most / np.maximum(whole, 1e-300), 1.0), flow)

    def move(self, water: Water, volume_m3: Floats) -> float:
        """Add volumes to the inlets' cells (negative: take); return what was really added in all."""
        by_cell: Floats = np.bincount(self.of, volume_m3, len(self.distinct)).astype(np.float64)
        moved = np.flatnonzero(by_cell)
        return float(water.add(self.distinct[moved], by_cell[moved]).sum()) if len(moved) else 0.0


class Inlets(Bystander):
    """Inlets into sewers that have room: what goes in leaves the model."""

    name = "inlets"

    def __init__(self, openings: Openings) -> None:
        self._openings = openings
        self._flow = np.zeros(len(openings.inlets))
        self._volume = np.zeros(len(openings.inlets))

    def act(self, water: Water, time_s: float, dt_s: float, ledger: Ledger) -> None:
        """Let water in."""
        self._flow = self._openings.wanted(water, self._openings.bed - 1.0, dt_s)  # sewers with room
        self._volume += self._flow * dt_s
        taken = -self._openings.move(water, -self._flow * dt_s)
        if taken:
            ledger.add("drains/inlets", -taken)

    def readings(self) -> Iterator[Reading]:
        """Yield the flow into each inlet, and its volume."""
        for each, flow, volume in zip(self._openings.inlets, self._flow, self._volume, strict=True):
            yield Reading(each.name, "discharge_m3_s", float(flow))
            yield Reading(each.name, "volume_m3", float(volume))

    def save(self) -> dict[str, Values]:
        """Return all that `load` needs."""
        return {"flow": self._flow, "volume": self._volume}

    def load(self, saved: Mapping[str, Values]) -> None:
        """Go on from what `save` gave."""
        self._flow, self._volume = saved["flow"].copy(), saved["volume"].copy()


def _cell(it: InletSpec, world: World, site: Site) -> int:
    cell = int(site.cells_at(world.place([list(it.at[0])], f"{it.where}.at"))[0])
    if cell < 0:
        raise BadSpec(
            f"field '{it.where}.at' lies where the terrain has no height",
            file=str(world.file),
            field=f"{it.where}.at",
            remedy="Move the inlet, or leave it out.",
        )
    return cell


def capacity_of(given: object, where: str, world: World) -> Floats:
    """Return the drains' capacity, mm/h, on the domain's cells: of a number, or of what names a raster."""
    if isinstance(given, int | float):
        return np.full(world.domain.bed.shape, float(given))
    out = world.raster(given, where)
    known = out[~np.isnan(out)]
    if len(known) and not (known.min() >= 0 and known.max() <= 1000):
        raise BadSpec(
            f"field '{where}' has values from {known.min():g} to {known.max():g} where 0 to 1000 mm/h are expected",
            file=str(world.file),
            field=where,
            remedy="Check the unit.",
        )
    return out
