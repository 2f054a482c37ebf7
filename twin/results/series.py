"""What is written down at points and lines while the flood runs: gauges, flow sections, structures, the balance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from twin.flood.advance import Flood
from twin.flood.ledger import Balance
from twin.flood.records import Actor, Domain, Ints, Water
from twin.grid import Floats
from twin.scenario.records import FlowSection, Gauge

_SLACK = 1e-9  # of a sampling time: what rounding leaves of it
Row = tuple[float, str, str, float]  # time s, structure, quantity, value


@dataclass
class Gauges:
    """Stage, depth and speed at points, sampled; and the highest stage of all steps.

    The values are those of the cell in which a gauge lies; where it is dry the stage is the bed's.
    """

    gauges: Sequence[Gauge]
    domain: Domain
    times: list[float] = field(default_factory=list)
    samples: list[Floats] = field(default_factory=list)  # each gauges × (stage m, depth m, speed m/s)

    def __post_init__(self) -> None:
        cells = np.array([gauge.cell for gauge in self.gauges], np.int64)
        self._cells = cells
        self._bed = self.domain.bed[np.divmod(cells, self.domain.frame.columns)].astype(np.float64)
        self.peak_m = np.full(len(cells), -np.inf)  # EL m
        self.peak_s = np.full(len(cells), np.nan)

    def look(self, water: Water, time_s: float) -> None:
        """Take the present stages into the peaks."""
        if not self.gauges:
            return
        stage = self._bed + water.depths(self._cells)
        higher = stage > self.peak_m
        self.peak_m[higher], self.peak_s[higher] = stage[higher], time_s

    def sample(self, water: Water, time_s: float) -> None:
        """Write down the present."""
        self.times.append(time_s)
        if not self.gauges:
            self.samples.append(np.empty((0, 3)))
            return
        depth = water.depths(self._cells)
        flow = np.hypot(*water.flows(self._cells))
        speed = np.divide(flow, depth, out=np.zeros_like(depth), where=depth > 0)
        self.samples.append(np.stack([self._bed + depth, depth, speed], axis=1))

    def told(self) -> dict[str, dict[str, float]]:
        """Return the contract's `gauges`: the highest stage of each, EL m, when it was reached, s; its place."""
        return {
            gauge.name: {
                "max_stage_m": float(self.peak_m[k]),
                "time_of_max_s": float(self.peak_s[k]),
                "max_depth_m": float(self.peak_m[k] - self._bed[k]),
                "x": gauge.x,
                "y": gauge.y,
            }
            for k, gauge in enumerate(self.gauges)
        }


@runtime_checkable
class Passing(Protocol):
    """An actor that passes water through faces which it has closed to the scheme."""

    def face_flows(self, x_faces: Ints, y_faces: Ints) -> tuple[Floats, Floats]:
        """Return what it passes through faces, m²/s, as `Water.face_flows` does."""
        ...


@dataclass
class Sections:
    """Discharge through lines of faces, m³/s."""

    sections: Sequence[FlowSection]
    domain: Domain
    times: list[float] = field(default_factory=list)
    samples: list[Floats] = field(default_factory=list)

    def sample(self, water: Water, time_s: float, actors: Sequence[Actor] = ()) -> None:
        """Write down the discharge of the last step (0 before the first), with what structures pass."""
        passing: list[Passing] = [water, *(actor for actor in actors if isinstance(actor, Passing))]
        self.times.append(time_s)
        if not self.sections:
            self.samples.append(np.empty(0))
            return
        through = []
        for section in self.sections:
            flow = 0.0
            for each in passing:
                x, y = each.face_flows(section.x_faces, section.y_faces)
                flow += float(x @ section.x_signs + y @ section.y_signs)
            through.append(flow)
        self.samples.append(np.array(through) * self.domain.frame.cell_m)

    def told(self) -> dict[str, dict[str, float]]:
        """Return the largest sampled discharge of each, m³/s, and its time, s."""
        table = np.array(self.samples).reshape(len(self.times), len(self.sections))
        out = {}
        for k, section in enumerate(self.sections):
            most = int(np.argmax(table[:, k]))
            out[section.name] = {
                "max_discharge_m3_s": float(table[most, k]),
                "time_of_max_s": self.times[most],
            }
        return out


@dataclass
class Books:
    """Structures' readings and the balance, at output times."""

    readings: list[Row] = field(default_factory=list)
    balances: list[dict[str, Any]] = field(default_factory=list)

    def write(self, flood: Flood, balance: Balance) -> None:
        """Write down the present."""
        time_s = flood.time_s
        for actor in flood.actors:
            self.readings += [(time_s, r.actor, r.quantity, float(r.value)) for r in actor.readings()]
        terms = {name: [float(come), float(gone)] for name, (come, gone) in balance.terms.items()}
        self.balances.append({"time_s": time_s, **balance.to_dict(), "terms": terms})


@dataclass
class Clock:
    """When samples are due: at the first step at or after each multiple of `every_s`."""

    every_s: float
    due_s: float = 0.0

    def rings(self, time_s: float) -> bool:
        """Tell whether a sample is due, and if so set the next time."""
        slack = _SLACK * max(1.0, abs(time_s))
        if time_s < self.due_s - slack:
            return False
        self.due_s = (math.floor((time_s + slack) / self.every_s) + 1) * self.every_s
        return True


def save_series(gauges: Gauges, sections: Sections, books: Books, clock: Clock) -> dict[str, Any]:
    """Return all of it as `arrays` by name and `facts` fit for JSON."""
    arrays = {
        "gauge_times": np.array(gauges.times),
        "gauge_samples": np.array(gauges.samples).reshape(len(gauges.times), len(gauges.gauges), 3),
        "gauge_peak_m": gauges.peak_m.copy(),
        "gauge_peak_s": gauges.peak_s.copy(),
        "section_times": np.array(sections.times),
        "section_samples": np.array(sections.samples).reshape(len(sections.times), len(sections.sections)),
    }
    facts = {
        "readings": [list(row) for row in books.readings],
        "balances": list(books.balances),
        "due_s": clock.due_s,
    }
    return {"arrays": arrays, "facts": facts}


def load_series(saved: Mapping[str, Any], gauges: Gauges, sections: Sections, books: Books, clock: Clock) -> None:
    """Go on from what `save_series` gave."""
    arrays, facts = saved["arrays"], saved["facts"]
    gauges.times, gauges.samples = arrays["gauge_times"].tolist(), list(arrays["gauge_samples"])
    gauges.peak_m[...], gauges.peak_s[...] = arrays["gauge_peak_m"], arrays["gauge_peak_s"]
    sections.times, sections.samples = arrays["section_times"].tolist(), list(arrays["section_samples"])
    books.readings = [(float(t), str(name), str(what), float(v)) for t, name, what, v in facts["readings"]]
    books.balances = [dict(balance) for balance in facts["balances"]]
    clock.due_s = float(facts["due_s"])
