"""Water that no scheme moves: what structures do to it is seen alone. And worlds to stand them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from naru.errors import BadSpec
from twin.fields import Fields
from twin.flood.advance import Flood, Plan, advance, start
from twin.flood.hosted import Hosted
from twin.flood.records import Actor, Boundary, Domain, Maxima
from twin.flood.world import World
from twin.grid import Frame, Values
from twin.works.read import read_works
from twin.works.spec import WorksSpec


class StillWater(Hosted):
    """The protocol of a scheme, without moving anything."""

    def __init__(self, domain: Domain, depth: Values, precision: str = "float64", longest_s: float = 1.0) -> None:
        rows, columns = domain.bed.shape
        self.domain, self.boundary, self._longest_s = domain, Boundary.none(), longest_s
        self.depth = np.ascontiguousarray(depth, precision)
        self.blocked_x = np.zeros((rows, columns + 1), np.uint8)
        self.blocked_y = np.zeros((rows + 1, columns), np.uint8)
        self.passed_in_m3 = self.passed_out_m3 = np.empty(0)
        self.repaired_m3 = 0.0
        self.threads = 1

    def longest_step(self) -> float:
        return self._longest_s

    def step(self, dt_s: float) -> None: ...

    def add(self, cells: Values, volume_m3: Values) -> Values:
        flat = self.depth.reshape(-1)
        assert len(np.unique(cells)) == len(cells)
        before = flat[cells].astype(np.float64)
        flat[cells] = np.maximum(before + volume_m3 / self.domain.area_m2, 0.0)
        return (flat[cells].astype(np.float64) - before) * self.domain.area_m2

    def wet(self, rows: slice, columns: slice) -> None: ...

    def block(self, x_faces: Values, y_faces: Values, closed: bool = True) -> None:
        self.blocked_x.reshape(-1)[x_faces] = closed
        self.blocked_y.reshape(-1)[y_faces] = closed

    def flow(self) -> tuple[Values, Values]:
        return np.zeros(self.depth.shape), np.zeros(self.depth.shape)

    def face_flow(self) -> tuple[Values, Values]:
        return np.zeros(self.blocked_x.shape), np.zeros(self.blocked_y.shape)

    def track(self, maxima: Maxima, time_s: float, since_s: float) -> None: ...

    def stored_m3(self) -> float:
        return float(self.depth.sum(dtype=np.float64)) * self.domain.area_m2

    def save(self) -> Mapping[str, Values]:
        return {"depth": self.depth.copy()}

    def load(self, saved: Mapping[str, Values]) -> None:
        self.depth[...] = saved["depth"]


@dataclass
class Watching:
    """A watcher that keeps what a function sees at every step."""

    look: Any = None
    seen: list[Any] = field(default_factory=list)

    def step(self, flood: Flood, dt_s: float) -> None:
        if self.look is not None:
            self.seen.append(self.look(flood))

    def output(self, flood: Flood, balance: Any) -> None: ...

    def track(self, flood: Flood) -> None: ...


def world_of(bed: Values, cell_m: float = 1.0, **more: Any) -> World:
    """Return a world whose south-west corner is 0, 0; points of scenarios are in metres."""
    rows, columns = bed.shape
    west, south = more.pop("west", 0.0), more.pop("south", 0.0)
    frame = Frame(west, south + rows * cell_m, cell_m, rows, columns, more.pop("crs", "EPSG:5186"))
    domain = Domain(frame, np.asarray(bed, float), np.full(bed.shape, 0.03, np.float32))

    def place(points: Any, where: str, inside: bool = True) -> Values:
        xy = np.asarray(points, float).reshape(-1, 2)
        west, south, east, north = frame.bounds
        if inside and not ((xy >= (west, south)) & (xy <= (east, north))).all():
            raise BadSpec(f"field '{where}' lies outside the domain", field=where)
        return xy

    def raster(what: Any, where: str) -> Values:
        return np.full(bed.shape, float(what["value"]))

    begin: datetime | None = more.pop("begin", None)
    duration = more.pop("duration_s", 3600.0)
    file = more.pop("file", Path("/var/tmp/scenario.yaml"))
    return World(domain, duration, begin, file, more.pop("house", None), place, raster, more.pop("gauges", {}))


def works_of(mapping: Mapping[str, Any], file: Path = Path("/var/tmp/scenario.yaml")) -> WorksSpec:
    """Read the sections of a scenario."""
    top = Fields(mapping, file)
    spec = read_works(top)
    top.done()
    return spec


def actors_of(world: World, **sections: Any) -> list[Actor]:
    """Read and build the sections of a scenario."""
    return works_of(sections, world.file).build(world)


def still(
    world: World, depth: Values, actors: list[Actor], precision: str = "float64", step_s: float = 1.0
) -> Flood:
    """Return a flood of still water."""
    water = StillWater(world.domain, depth, precision, step_s)
    return start(water, actors, Maxima.start(world.domain.bed.shape))


def run(flood: Flood, seconds: float, look: Any = None, error: float = 1e-12) -> list[Any]:
    """Run on; return what `look` saw."""
    watching = Watching(look)
    end = flood.time_s + seconds
    flood.outputs = 1
    advance(flood, Plan(end, end, error), watching)
    return watching.seen


def reading(actor: Actor, quantity: str, name: str | None = None) -> float:
    """Return one number that an actor tells."""
    return next(r.value for r in actor.readings() if r.quantity == quantity and name in (None, r.actor))
