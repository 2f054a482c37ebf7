"""Runs a case the way its users would: grids and a scenario file in a folder, read, assembled and advanced."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import yaml
from affine import Affine

from twin.flood.advance import Flood, advance, start
from twin.flood.ledger import Balance
from twin.flood.records import Maxima
from twin.flood.schemes import start as start_scheme
from twin.grid import Floats, Frame, Values
from twin.scenario.assemble import assemble
from twin.scenario.read import read_scenario
from twin.scenario.records import Assembled

SHARED = Path(__file__).resolve().parents[3] / "shared"


@dataclass
class Series:
    """What a gauge saw, at every step or so."""

    time_s: list[float] = field(default_factory=list)
    stage_m: list[float] = field(default_factory=list)
    depth_m: list[float] = field(default_factory=list)

    def at(self, time_s: Floats) -> Floats:
        """Return the depth at times, linear between steps."""
        out: Floats = np.interp(time_s, self.time_s, self.depth_m)
        return out


@dataclass
class Ran:
    """A run, and all that was seen of it."""

    assembled: Assembled
    flood: Flood
    balance: Balance
    cpu_s: float
    depths: dict[float, Values]  # by output time
    gauges: dict[str, Series]
    sections: dict[str, tuple[list[float], list[float]]]  # time, discharge
    fastest: float  # the highest speed anywhere, at any time
    largest_error: float  # relative, of any output

    @property
    def depth(self) -> Values:
        """Depth at the end."""
        return np.asarray(self.flood.water.depth, float)

    @property
    def frame(self) -> Frame:
        """Where its cells lie."""
        return self.assembled.domain.frame

    @property
    def speed(self) -> tuple[Values, Values]:
        """Velocity at the end, eastwards and southwards, m/s; 0 where dry."""
        depth = self.depth
        wet = np.maximum(depth, 1e-4)
        return tuple(np.where(depth > 1e-4, np.asarray(q, float) / wet, 0.0) for q in self.flood.water.flow())  # type: ignore[return-value]


class _Eye:
    """A watcher that keeps everything in memory."""

    def __init__(self, assembled: Assembled, every_s: float) -> None:
        self.assembled, self.every_s = assembled, every_s
        self.depths: dict[float, Values] = {}
        self.gauges = {gauge.name: Series() for gauge in assembled.gauges}
        self.sections: dict[str, tuple[list[float], list[float]]] = {s.name: ([], []) for s in assembled.sections}
        self.largest = 0.0
        self._due = 0.0

    def step(self, flood: Flood, dt_s: float) -> None:
        if flood.time_s < self._due:
            return
        self._due = flood.time_s + self.every_s
        self._look(flood)

    def _look(self, flood: Flood) -> None:
        depth, bed = flood.water.depth.ravel(), self.assembled.domain.bed.ravel()
        for gauge in self.assembled.gauges:
            series = self.gauges[gauge.name]
            series.time_s.append(flood.time_s)
            series.depth_m.append(float(depth[gauge.cell]))
            series.stage_m.append(float(depth[gauge.cell]) + float(bed[gauge.cell]))
        if self.assembled.sections and flood.steps:
            x, y = (q.ravel() for q in flood.water.face_flow())
            for section in self.assembled.sections:
                total = float(x[section.x_faces] @ section.x_signs + y[section.y_faces] @ section.y_signs)
                times, flows = self.sections[section.name]
                times.append(flood.time_s)
                flows.append(total * self.assembled.domain.frame.cell_m)

    def output(self, flood: Flood, balance: Balance) -> None:
        self.depths[round(flood.time_s, 9)] = np.array(flood.water.depth, float)
        self.largest = max(self.largest, balance.relative_error)
        if flood.steps == 0:
            self._look(flood)

    def track(self, flood: Flood) -> None: ...


def run(folder: Path, scenario: Mapping[str, Any], every_s: float = 0.0) -> Ran:
    """Write the scenario beside its inputs in `folder`, and run it; gauges are looked at every `every_s`."""
    path = folder / f"{scenario['scenario']}.yaml"
    path.write_text(yaml.safe_dump(dict(scenario), sort_keys=False, allow_unicode=True), "utf-8")
    assembled = assemble(read_scenario(path), None)
    water = start_scheme(assembled.domain, assembled.depth, assembled.boundary, assembled.options)
    shape = assembled.domain.bed.shape
    flood = start(water, assembled.actors, Maxima.start((shape[0], shape[1]), assembled.threshold_m))
    eye = _Eye(assembled, every_s)
    began = time.process_time()
    balance = advance(flood, assembled.plan, eye)
    cpu_s = time.process_time() - began
    return Ran(
        assembled,
        flood,
        balance,
        cpu_s,
        eye.depths,
        eye.gauges,
        eye.sections,
        float(np.nanmax(flood.maxima.speed)),
        max(eye.largest, balance.relative_error),
    )


def write_grid(path: Path, values: Values, cell_m: float, west: float = 0.0, south: float = 0.0) -> str:
    """Write a raster without a coordinate system, as laboratories have it; return its name."""
    rows, columns = values.shape
    place = Affine(cell_m, 0, west, 0, -cell_m, south + rows * cell_m)
    about = {"driver": "GTiff", "count": 1, "height": rows, "width": columns, "nodata": np.nan}
    with rasterio.open(path, "w", dtype="float64", transform=place, **about) as raster:
        raster.write(np.asarray(values, float), 1)
    return path.name


def table(path: Path, **kwargs: Any) -> np.ndarray[Any, Any]:
    """Read a CSV with a heading as a record array."""
    return np.genfromtxt(path, delimiter=",", names=True, **kwargs)
