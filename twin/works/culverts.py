"""Culverts at work: two patches of cells joined below ground."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from naru.errors import BadFacility
from twin.facilities.openings import Culvert
from twin.flood.ledger import Ledger
from twin.flood.records import Bystander, Reading, Water
from twin.grid import Values
from twin.works.exchange import Patch
from twin.works.laws.culvert import BOX, CIRCLE, passing
from twin.works.placing import NEAR_M, Placer

_REACH_M = 60.0


class CulvertWork(Bystander):
    """A culvert."""

    def __init__(self, it: Culvert, inlet: Patch, outlet: Patch) -> None:
        self.name, self._it, self._inlet, self._outlet = it.id, it, inlet, outlet
        high = it.diameter_m if it.shape == "circle" else it.height_m
        wide = it.diameter_m if it.shape == "circle" else it.width_m
        assert high is not None and wide is not None
        self._numbers = np.array(
            [
                CIRCLE if it.shape == "circle" else BOX,
                wide,
                high,
                it.length_m or it.geometry.length_m,
                it.manning_n,
                it.entrance_loss,
                it.exit_loss,
                it.inlet_invert_elevation_m,
                it.outlet_invert_elevation_m,
            ],
            np.float64,
        )
        self._barrels = it.barrels * it.working
        self._carry = self._volume = self._rate = 0.0
        self._heads = np.nan, np.nan

    def act(self, water: Water, time_s: float, dt_s: float, ledger: Ledger) -> None:
        """Pass on what the stages give."""
        inlet, outlet = self._inlet, self._outlet
        stages = inlet.stage(water), outlet.stage(water)
        self._heads = tuple(s if p.wet(water) else np.nan for s, p in zip(stages, (inlet, outlet), strict=True))  # type: ignore[assignment]
        self._rate = 0.0
        if self._barrels <= 0.0:
            return
        falls = self._barrels * dt_s * (1 / inlet.size_m2 + 1 / outlet.size_m2)
        flow = self._barrels * passing(stages[0], stages[1], falls, self._it.flap, self._numbers)
        if flow == 0.0:
            return
        donor, taker = (inlet, outlet) if flow > 0 else (outlet, inlet)
        taken = donor.take(water, abs(flow) * dt_s)
        wanted = taken + self._carry
        self._carry = wanted - taker.give(water, wanted)
        self._rate = float(np.copysign(taken / dt_s, flow))
        self._volume += self._rate * dt_s

    def held_m3(self) -> float:
        """Return what rounding kept back."""
        return self._carry

    def readings(self) -> Iterator[Reading]:
        """Yield the flow from inlet to outlet, its volume, and the stages where there is water."""
        yield Reading(self.name, "discharge_m3_s", self._rate)
        yield Reading(self.name, "volume_m3", self._volume)
        for value, quantity in zip(self._heads, ("head_upstream_m", "head_downstream_m"), strict=True):
            if not np.isnan(value):
                yield Reading(self.name, quantity, float(value))

    def save(self) -> dict[str, Values]:
        """Return all that `load` needs."""
        return {"state": np.array([self._carry, self._volume, self._rate, *self._heads])}

    def load(self, saved: Mapping[str, Values]) -> None:
        """Go on from what `save` gave."""
        carry, volume, rate, *heads = (float(v) for v in saved["state"])
        self._carry, self._volume, self._rate, self._heads = carry, volume, rate, (heads[0], heads[1])


def place_culvert(placer: Placer, it: Culvert) -> CulvertWork:
    """Find the cells at both ends of a culvert; on both sides of the levee that it passes. Raises BadFacility."""
    site, plan = placer.site, it.plan
    ends = site.cells_at(plan.xy[[0, -1]])
    if (ends < 0).any():
        which = "inlet" if ends[0] < 0 else "outlet"
        raise BadFacility(
            f"has its {which} outside the domain",
            file=str(placer.world.file),
            feature=it.id,
            field="geometry",
            remedy="Draw it from a cell to another, or make the domain larger.",
        )
    way = (plan.xy[-1] - plan.xy[0]) / max(float(np.hypot(*(plan.xy[-1] - plan.xy[0]))), 1e-9)
    first = _mouth(placer, plan.xy[0], -way, it.inlet_invert_elevation_m)
    last = _mouth(placer, plan.xy[-1], way, it.outlet_invert_elevation_m)
    through = any(_crosses(plan.xy, each.it.plan.xy) for each in placer.standing.values())
    if first == last or (through and not site.crossed(first, last)):
        first, last = _apart(placer, it, through)
    width = it.barrels * (it.diameter_m if it.shape == "circle" else it.width_m or 0.0)  # type: ignore[operator]
    return CulvertWork(it, Patch.around(site, first, width), Patch.around(site, last, width))


def _mouth(placer: Placer, end: Values, way: Values, invert_m: float) -> int:
    """Return the cell of an end: the first one outwards, within 60 m, that does not stand over the invert.

    Cells of a bank are as high as the bank; a mouth lies at its foot. Where none is low enough, the lowest.
    """
    site, cell_m = placer.site, placer.world.domain.frame.cell_m
    steps = np.arange(0.0, _REACH_M, cell_m / 2)
    cells = site.cells_at(end + way * steps[:, None])
    outside = np.flatnonzero(cells < 0)
    cells = cells[: outside[0]] if len(outside) else cells
    low = np.flatnonzero(site.bed[cells] <= invert_m + NEAR_M)
    return int(cells[low[0]] if len(low) else cells[site.bed[cells].argmin()])


def _crosses(one: Values, other: Values) -> bool:
    import shapely

    return bool(shapely.LineString(one).distance(shapely.LineString(other)) < 1.0)


def _apart(placer: Placer, it: Culvert, through: bool) -> tuple[int, int]:
    """Return the first cells, out along the culvert's direction, that differ and lie on both sides of a line."""
    site, xy, cell_m = placer.site, it.plan.xy, placer.world.domain.frame.cell_m
    way = (xy[-1] - xy[0]) / max(float(np.hypot(*(xy[-1] - xy[0]))), 1e-9)
    for step in np.arange(0.0, _REACH_M + cell_m, cell_m / 4):
        for back, on in ((0.0, step), (step, 0.0), (step, step)):
            ends = site.cells_at(np.array([xy[0] - way * back, xy[-1] + way * on]))
            if (ends >= 0).all() and ends[0] != ends[1] and (not through or site.crossed(*ends)):
                return int(ends[0]), int(ends[1])
    raise BadFacility(
        f"is shorter than a cell of {cell_m:g} m, and no other cell lies beyond its ends",
        file=str(placer.world.file),
        feature=it.id,
        field="geometry",
        remedy="Draw it longer, or take smaller cells.",
    )
