"""Floods without a scheme: water whose depth is a formula, for what only looks at it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from naru.house import House
from tests.terrains import attach
from twin.flood.advance import Flood, Plan, advance, start
from twin.flood.hosted import Hosted
from twin.flood.ledger import Ledger
from twin.flood.records import Boundary, Bystander, Domain, Maxima, Options, Reading, Water
from twin.grid import Floats, Frame, Values
from twin.results.animation import pack, write_frames
from twin.results.depths import write_depths
from twin.results.frames import State
from twin.results.recorder import Recorder
from twin.scenario.records import Assembled, FlowSection, Gauge, Publication

KST = timezone(timedelta(hours=9))
START = datetime(2022, 8, 8, 20, 0, tzinfo=KST)
FRAME = Frame(190_000.0, 545_000.0, 10.0, 40, 60, "EPSG:5186")  # Yeongdeungpo
DepthAt = Callable[[float], Values]


@dataclass
class PaintedWater(Hosted):
    """A scheme whose depth at any time is given; it flows east and south at given unit discharges."""

    domain: Domain
    depth_at: DepthAt
    step_s: float = 7.0
    east: float = 0.5  # m²/s where it is wet
    south: float = 0.25
    dtype: Any = np.float32
    boundary: Boundary = field(default_factory=Boundary.none)
    time_s: float = 0.0

    def __post_init__(self) -> None:
        rows, columns = self.domain.bed.shape
        self.blocked_x, self.blocked_y = np.zeros((rows, columns + 1), "u1"), np.zeros((rows + 1, columns), "u1")
        self.depth: Values = self.depth_at(0.0).astype(self.dtype)
        self.passed_in_m3 = self.passed_out_m3 = np.empty(0)
        self.repaired_m3 = 0.0

    def longest_step(self) -> float:
        return self.step_s

    def step(self, dt_s: float) -> None:
        self.time_s += dt_s
        self.depth = self.depth_at(self.time_s).astype(self.dtype)

    def add(self, cells: Any, volume_m3: Floats) -> Floats:
        raise AssertionError("nobody adds water here")

    def wet(self, rows: slice, columns: slice) -> None:
        pass

    def block(self, x_faces: Any, y_faces: Any, closed: bool = True) -> None:
        pass

    def flow(self) -> tuple[Values, Values]:
        wet = (self.depth > 0).astype(self.dtype)
        return wet * self.dtype(self.east), wet * self.dtype(self.south)

    def face_flow(self) -> tuple[Values, Values]:
        x, y = np.zeros(self.blocked_x.shape, self.dtype), np.zeros(self.blocked_y.shape, self.dtype)
        x[:, 1:], y[1:] = self.flow()
        return x, y

    def track(self, maxima: Maxima, time_s: float, since_s: float) -> None:
        depth = np.where(self.domain.active, self.depth, 0)
        speed = np.where(depth > 0, np.hypot(self.east, self.south) / np.maximum(depth, 1e-9), 0)
        deeper = depth > maxima.depth
        maxima.peak_time[deeper] = time_s
        maxima.depth[...] = np.maximum(maxima.depth, depth)
        maxima.speed[...] = np.maximum(maxima.speed, speed)
        maxima.hazard[...] = np.maximum(maxima.hazard, depth * (speed + 0.5))
        over = depth >= maxima.threshold_m
        maxima.arrival[over & np.isnan(maxima.arrival)] = time_s
        maxima.duration[over] += since_s

    def stored_m3(self) -> float:
        return float(np.sum(self.depth[self.domain.active], dtype=np.float64)) * self.domain.area_m2

    def save(self) -> Mapping[str, Values]:
        return {"depth": self.depth, "time": np.array([self.time_s])}

    def load(self, saved: Mapping[str, Values]) -> None:
        self.time_s = float(saved["time"][0])
        self.depth = self.depth_at(self.time_s).astype(self.dtype)


class Tap(Bystander):
    """Says that the water came from it."""

    name = "tap"

    def act(self, water: Water, time_s: float, dt_s: float, ledger: Ledger) -> None:
        assert isinstance(water, PaintedWater)
        area, active = water.domain.area_m2, water.domain.active
        now, then = (water.depth_at(t).astype(water.dtype)[active] for t in (water.time_s, water.time_s + dt_s))
        ledger.add("inflow/tap", float(np.sum(then, dtype=np.float64) - np.sum(now, dtype=np.float64)) * area)

    def readings(self) -> list[Reading]:
        return [Reading("tap", "opening_m", 0.4)]


def rising(frame: Frame = FRAME, most_m: float = 3.0, end_s: float = 600.0) -> DepthAt:
    """Return a flood that comes in from the west and rises, deepest there; it begins dry."""
    east = np.arange(frame.columns) / frame.columns

    def depth_at(time_s: float) -> Values:
        row = np.maximum(0.0, most_m * (time_s / end_s) - most_m * 1.25 * east)
        return np.broadcast_to(row, (frame.rows, frame.columns)).copy()

    return depth_at


def flat_domain(frame: Frame = FRAME) -> Domain:
    """Return a bed that falls from 12 m in the north to 10 m in the south; its last column is outside."""
    bed = np.broadcast_to(np.linspace(12.0, 10.0, frame.rows)[:, None], (frame.rows, frame.columns)).copy()
    bed[:, -1] = np.nan
    return Domain(frame, bed, np.full(bed.shape, 0.03, np.float32))


def assembled(domain: Domain, folder: Path, **more: Any) -> Assembled:
    """Return a scenario of ten minutes with two gauges and a section."""
    columns = domain.frame.columns
    x, y = domain.frame.x, domain.frame.y
    gauges = (
        Gauge("west", float(x[2]), float(y[3]), 3 * columns + 2),
        Gauge("east", float(x[40]), float(y[5]), 5 * columns + 40),
    )
    faces = np.arange(domain.frame.rows) * (columns + 1) + 5
    nothing = np.empty(0)
    section = FlowSection("bridge", faces, np.ones(len(faces)), nothing.astype(np.int64), nothing)
    file = folder / "flood.yaml"
    file.write_text("scenario: test-flood\n", "utf-8")
    told: dict[str, Any] = {
        "name": "test-flood",
        "file": file,
        "domain": domain,
        "depth": np.zeros(domain.bed.shape),
        "boundary": Boundary.none(),
        "actors": (Tap(),),
        "options": Options(),
        "plan": Plan(600.0, 60.0, 1e-5),
        "gauges": gauges,
        "sections": (section,),
        "start": START,
        "publication": Publication("시험 침수", "Test flood", licence="CC0-1.0", attribution="Naru"),
    }
    return Assembled(**(told | more))


def run(scenario: Assembled, folder: Path, depth_at: DepthAt, **water: Any) -> tuple[Recorder, Flood]:
    """Run a scenario with painted water to its end; nothing is finished yet."""
    flood = begun(scenario, depth_at, **water)
    recorder = Recorder(folder, scenario, lambda share, words: None)
    advance(flood, scenario.plan, recorder)
    return recorder, flood


def begun(scenario: Assembled, depth_at: DepthAt, **water: Any) -> Flood:
    """Return a flood of painted water at second 0."""
    painted = PaintedWater(scenario.domain, depth_at, **water)
    shape = scenario.domain.bed.shape
    return start(painted, scenario.actors, Maxima.start(shape, scenario.threshold_m))


def attach_flood(house: House, layer_id: str) -> None:
    """Give a layer everything that a flood over time has."""
    folder = Path(mkdtemp(dir=house.settings.home))
    frame = Frame(FRAME.west, FRAME.north, FRAME.cell_m, 8, 8, FRAME.crs)
    bed, depth_at = np.full((8, 8), 10.0), rising(frame)
    write_depths(folder / "depths.tif", frame, bed, 3, lambda n, rows: depth_at(300.0 * min(n + 1, 2))[rows], 0.05)
    states = [State(t, depth_at(t), bed * 0, bed * 0) for t in (300.0, 600.0)]
    write_frames(folder / "frames", flat_domain(frame), states, (3.0, 0.05), START)
    pack(folder / "frames", folder / "frames.zip")
    for name in ("run.json", "series.json", "report.html", "report.pdf", "result.nc"):
        (folder / name).write_text('{"volume": {}}' if name.endswith("json") else name, "utf-8")
    about = {
        "times_s": [300.0, 600.0],
        "start": START.isoformat(),
        "shown_from_m": 0.05,
        "vertical_datum": "KVD1964",
    }
    files: dict[str, tuple[Path, Mapping[str, Any]]] = {
        "depths": (folder / "depths.tif", about),
        "frames": (folder / "frames.zip", {}),
        "run": (folder / "run.json", {}),
        "series": (folder / "series.json", {}),
        "report": (folder / "report.html", {}),
        "report.pdf": (folder / "report.pdf", {}),
        "netcdf": (folder / "result.nc", {}),
    }
    attach(house, layer_id, files)
    shutil.rmtree(folder)
