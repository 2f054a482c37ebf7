"""Pump stations at work: from the ground, a sump or a basin to the outlet, or out of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import shapely

from naru.errors import BadFacility
from twin.facilities.rules import Rule
from twin.facilities.storage import PumpStation
from twin.flood.ledger import Ledger
from twin.flood.records import Bystander, Reading, Water
from twin.grid import Floats, Values
from twin.works.basins import Basin
from twin.works.exchange import WET_M, Patch
from twin.works.laws.pump import Pumps, Staging, delivery
from twin.works.operating import Clock, Rules, check_rules
from twin.works.placing import Placer

_PER_WIDTH = 2.0  # m²/s: a station's mouth is as wide as this lets in
_QUICKEST_S = 0.5


class Source(Protocol):
    """Where pumps take from."""

    def stage(self, water: Water) -> float:
        """Return the stage, EL m; -inf where there is no water."""
        ...

    def take(self, water: Water, volume_m3: float) -> float:
        """Take water, return how much."""
        ...

    def fill(self, water: Water) -> None:
        """Let water in from the ground."""
        ...


@dataclass
class Ground:
    """The ground itself. `beside` are the cells next to those that water is taken from."""

    patch: Patch
    beside: Patch

    def stage(self, water: Water) -> float:
        """Return the stage in front of the station, read a cell away where the water reaches there.

        Cells that water is taken from fill between the steps and sink as it is taken: read there, pumps would draw
        the land down below their stop level by what a step takes.
        """
        if not self.patch.wet(water):
            return -np.inf
        here = self.patch.stage(water)
        depth = self.beside.depth(water)
        joined = (depth > WET_M) & (self.beside.bed < here)
        return float((self.beside.bed + depth)[joined].mean()) if joined.any() else here

    def take(self, water: Water, volume_m3: float) -> float:
        """Take from the cells."""
        return self.patch.take(water, volume_m3)

    def fill(self, water: Water) -> None:
        """Nothing lies between."""


@dataclass
class Sump:
    """A sump below the ground: water falls in until it is full, then it stands as high as outside."""

    patch: Patch
    volume_m3: float
    floor_m: float  # EL m
    area_m2: float
    held_m3: float = 0.0

    def stage(self, water: Water) -> float:
        """Return the stage in the sump."""
        if self.held_m3 <= 0.0:
            return -np.inf
        inside = self.floor_m + self.held_m3 / self.area_m2
        full = self.held_m3 >= self.volume_m3 * (1 - 1e-9) and self.patch.wet(water)
        return max(inside, self.patch.stage(water)) if full else inside

    def take(self, water: Water, volume_m3: float) -> float:
        """Take from the sump."""
        taken = min(volume_m3, self.held_m3)
        self.held_m3 -= taken
        return taken

    def fill(self, water: Water) -> None:
        """Let in what there is room for, at most half of the water outside."""
        room = self.volume_m3 - self.held_m3
        if room > 0.0:
            self.held_m3 += self.patch.take(water, room)


@dataclass
class FromBasin:
    """A retention basin that the terrain does not show."""

    basin: Basin

    def stage(self, water: Water) -> float:
        """Return the basin's stage."""
        return self.basin.stage_m if self.basin.volume_m3 > 0 else -np.inf

    def take(self, water: Water, volume_m3: float) -> float:
        """Take from the basin."""
        taken = min(volume_m3, self.basin.volume_m3)
        self.basin.volume_m3 -= taken
        return taken

    def fill(self, water: Water) -> None:
        """The basin fills over its own crest."""


class PumpWork(Bystander):
    """A pump station."""

    def __init__(
        self,
        it: PumpStation,
        source: Source,
        outlet: Patch | None,
        rules: Rules,
        gauge: Callable[[Water, str], float],
    ) -> None:
        self.name, self._it, self._source, self._outlet = it.id, it, source, outlet
        self._rules, self._gauge = rules, gauge
        lag, ramp = it.lag_min * 60.0, it.ramp_min * 60.0
        self.pumps = Pumps.still(
            Staging(it.units, it.start_level_m, it.stop_level_m, it.stage_interval_m, lag, ramp)
        )
        self._share: Floats = np.clip(it.units * it.working - np.arange(it.units), 0.0, 1.0)
        self._carry = self._volume = self._rate = 0.0
        self._heads = np.nan, np.nan

    def longest_step_s(self) -> float:
        """Return the time in which the pumps take a quarter of what the dead band holds in the sump."""
        if not isinstance(self._source, Sump):
            return np.inf
        it = self._it
        most = it.unit_capacity_m3_min / 60.0 * float(self._share.sum())
        band = self._source.area_m2 * (it.start_level_m - it.stop_level_m)
        return max(0.25 * band / most, _QUICKEST_S) if most > 0 else np.inf

    def next_change_s(self, time_s: float) -> float:
        """Return the next time at which a rule goes by the clock, or a pump's lag is over."""
        lag = self.pumps.staging.lag_s
        waiting = self.pumps.waiting[(self.pumps.running == 0) & ~np.isnan(self.pumps.waiting)] + lag
        over = waiting[waiting > time_s + 1e-6]
        return min(self._rules.next_change_s(time_s), float(over.min()) if len(over) else np.inf)

    def act(self, water: Water, time_s: float, dt_s: float, ledger: Ledger) -> None:
        """Look at the levels, run the pumps, pass on what they lift."""
        self._source.fill(water)
        stage = self._source.stage(water)
        above = self._outlet.stage(water) if self._outlet is not None and self._outlet.wet(water) else np.nan
        self._heads = stage, above
        self._operate(water, time_s)
        share = float((self.pumps.run(dt_s) * self._share).sum())
        self._rate = 0.0
        if share <= 0.0 or not np.isfinite(stage):
            return
        levels = [z for z in (self._it.outlet_elevation_m, above) if z is not None and not np.isnan(z)]
        lift = max(levels) - stage if levels else 0.0
        flow = share * delivery(lift, self._it.pump_curve, self._it.unit_capacity_m3_min) / 60.0
        taken = self._source.take(water, flow * dt_s)
        self._rate = taken / dt_s
        self._volume += taken
        self._pass_on(water, taken, ledger)

    def _pass_on(self, water: Water, taken: float, ledger: Ledger) -> None:
        if self._outlet is None:
            ledger.add(f"structure/{self.name}", -taken)
            return
        wanted = taken + self._carry
        self._carry = wanted - self._outlet.give(water, wanted)

    def _operate(self, water: Water, time_s: float) -> None:
        stage, above = self._heads
        own = {"upstream": stage, "own": stage, "downstream": above if not np.isnan(above) else -np.inf}
        rule = self._rules.decide(time_s, lambda place: own[place] if place in own else self._gauge(water, place))
        if rule is None:
            self.pumps.look(stage, time_s)
        else:
            self._follow(rule, time_s)

    def _follow(self, rule: Rule, time_s: float) -> None:
        units = 0 if rule.action == "stop" else self._it.units if rule.units is None else rule.units
        self.pumps.force(units, time_s)

    def held_m3(self) -> float:
        """Return what the sump holds, and what rounding kept back."""
        return self._carry + (self._source.held_m3 if isinstance(self._source, Sump) else 0.0)

    def readings(self) -> Iterator[Reading]:
        """Yield flow, volume, pumps that run and work, stages, and what the sump holds."""
        yield Reading(self.name, "discharge_m3_s", self._rate)
        yield Reading(self.name, "volume_m3", self._volume)
        yield Reading(self.name, "units_running", float((self.pumps.running * self._share).sum()))
        for value, quantity in zip(self._heads, ("head_upstream_m", "head_downstream_m"), strict=True):
            if np.isfinite(value):
                yield Reading(self.name, quantity, float(value))
        if isinstance(self._source, Sump):
            yield Reading(self.name, "stored_m3", self._source.held_m3)
        yield Reading(self.name, "state", float(self.pumps.running.any()))

    def save(self) -> dict[str, Values]:
        """Return all that `load` needs."""
        sump = self._source.held_m3 if isinstance(self._source, Sump) else 0.0
        return {
            "state": np.array([self._carry, self._volume, self._rate, *self._heads, sump]),
            "pumps": np.array([self.pumps.waiting, self.pumps.running, self.pumps.share]),
            "rules": self._rules.state(),
        }

    def load(self, saved: Mapping[str, Values]) -> None:
        """Go on from what `save` gave."""
        carry, volume, rate, stage, above, sump = (float(v) for v in saved["state"])
        self._carry, self._volume, self._rate, self._heads = carry, volume, rate, (stage, above)
        if isinstance(self._source, Sump):
            self._source.held_m3 = sump
        self.pumps.waiting, self.pumps.running, self.pumps.share = (row.copy() for row in saved["pumps"])
        self._rules.restore(np.asarray(saved["rules"], np.float64))


def place_pump(placer: Placer, it: PumpStation) -> PumpWork:
    """Find where a station takes from and where it leads. Raises BadFacility."""
    check_rules(it, it.rules, placer.world)
    cell = int(placer.site.cells_at(np.array([it.geometry.middle]))[0])
    if cell < 0:
        raise BadFacility(
            "stands on no cell of the domain",
            file=str(placer.world.file),
            feature=it.id,
            field="geometry",
            remedy="Check its coordinates.",
        )
    width = it.unit_capacity_m3_min / 60.0 * it.units / _PER_WIDTH
    source = _source(placer, it, Patch.around(placer.site, cell, width))
    rules = Rules(it.rules, Clock.of(placer.world))
    return PumpWork(it, source, _outlet(placer, it, width), rules, placer.gauge())


def _source(placer: Placer, it: PumpStation, patch: Patch) -> Source:
    middle = shapely.Point(it.geometry.middle)
    for facility, basin in placer.basins.values():
        shape = facility.geometry
        if shape.kind == "polygon" and shapely.Polygon(shape.points).covers(middle):
            return FromBasin(basin)
    if it.sump_volume_m3 and it.sump_floor_elevation_m is not None:
        top = max(float(patch.bed.min()), it.start_level_m)
        area = it.sump_volume_m3 / max(top - it.sump_floor_elevation_m, 0.1)
        return Sump(patch, it.sump_volume_m3, it.sump_floor_elevation_m, area)
    return Ground(patch, Patch.of(placer.site, placer.site.beside(patch.cells)))


def _outlet(placer: Placer, it: PumpStation, width: float) -> Patch | None:
    if it.outlet_x is None or it.outlet_y is None:
        placer.world.warnings.append(f"{it.id}: no outlet is given: what it pumps leaves the model")
        return None
    cell = int(placer.site.cells_at(np.array([[it.outlet_x, it.outlet_y]]))[0])
    if cell < 0:
        placer.world.warnings.append(f"{it.id}: its outlet is outside the domain: what it pumps leaves the model")
        return None
    return Patch.around(placer.site, cell, width)
