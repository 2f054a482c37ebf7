"""What comes from outside, tried on a pond without a scheme: nothing moves, so that all that comes is seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from twin.fields import Fields
from twin.flood.hosted import Hosted
from twin.flood.ledger import Ledger
from twin.flood.records import Actor, Boundary, Domain
from twin.flood.world import World
from twin.forcing.read import ForcingSpec, read_forcing
from twin.grid import Floats, Frame, Values


class Pond(Hosted):
    """Water that stands still."""

    threads = 2

    def __init__(self, domain: Domain, boundary: Boundary, dtype: str = "float64", depth: float = 0.0) -> None:
        self.domain = domain
        self.boundary = boundary
        self.depth: Values = np.where(domain.active, depth, 0.0).astype(dtype)
        self.woken = np.zeros(self.depth.shape, bool)

    def wet(self, rows: slice, columns: slice) -> None:
        self.woken[rows, columns] = True

    def add(self, cells: Any, volume_m3: Floats) -> Floats:
        flat = self.depth.reshape(-1)
        before = flat[cells].astype(np.float64)
        flat[cells] = np.maximum(before + volume_m3 / self.domain.area_m2, 0.0)
        return (flat[cells].astype(np.float64) - before) * self.domain.area_m2

    def stored_m3(self) -> float:
        return float(self.depth.sum(dtype=np.float64)) * self.domain.area_m2


def spec(file: Path | None = None, **sections: Any) -> ForcingSpec:
    """Read sections as a scenario in a folder has them."""
    top = Fields(sections, file or Path("/nowhere/scenario.yaml"))
    out = read_forcing(top)
    top.done()
    return out


def world(bed: Values | None = None, cell_m: float = 10.0, **more: Any) -> World:
    """Return a world on a bed (6 × 8 cells, flat) whose origin is its south-western corner."""
    ground = np.zeros((6, 8)) if bed is None else np.asarray(bed, np.float64)
    rows, columns = ground.shape
    frame = Frame(0.0, rows * cell_m, cell_m, rows, columns, more.pop("crs", ""))
    domain = Domain(frame, ground, np.full(ground.shape, 0.03, np.float32))

    def place(points: Any, field: str, inside: bool = True) -> Floats:
        return np.asarray(points, np.float64).reshape(-1, 2)

    def raster(what: Any, field: str, classes: bool = False) -> Floats:
        return np.asarray(what if isinstance(what, np.ndarray) else rasters[str(what)], np.float64)

    rasters: dict[str, Values] = more.pop("rasters", {})
    usual = World(domain, 3600.0, None, Path("/nowhere/scenario.yaml"), None, place, raster)
    return replace(usual, **more)


def let_act(actors: list[Actor], pond: Any, until_s: float, step_s: float) -> Ledger:
    """Let actors act in steps that jump over no break; return the ledger."""
    ledger, time_s = Ledger(), 0.0
    for actor in actors:
        actor.begin(pond)
    ledger.initial_m3 = pond.stored_m3()
    while time_s < until_s:
        event = min(until_s, *(a.next_change_s(time_s) for a in actors), time_s + step_s)
        for actor in actors:
            actor.act(pond, time_s, event - time_s, ledger)
        time_s = event
    return ledger


def rained(start: datetime | None = None, until_s: float = 3600.0, step_s: float = 7.3, **sections: Any) -> float:
    """Return how deep it rained, mm, on a flat pond."""
    here = world(start=start, duration_s=until_s)
    boundary, actors = spec(**sections).build(here)
    pond = Pond(here.domain, boundary)
    let_act(actors, pond, until_s, step_s)
    assert np.ptp(pond.depth) == 0
    return float(pond.depth[0, 0]) * 1000
