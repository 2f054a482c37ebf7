"""What holds at the boundary over time: stages, discharges, rating curves; one actor renews it before each step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.flood.ledger import Ledger
from twin.flood.records import Boundary, Bystander, Domain, Ints, Reading, Water
from twin.forcing.inflows import conveyance_shares
from twin.forcing.series import Ahead, Series
from twin.forcing.steps import stable_step, wave_step
from twin.forcing.tide import Tide
from twin.grid import Floats, Values

_MOST_TAKEN = 0.5  # of the water beside a rating's faces, in one step


@dataclass(frozen=True)
class Stage:
    """A stage over time, EL m."""

    series: Series | Tide

    def mean(self, from_s: float, to_s: float) -> float:
        """Return the mean stage over a step."""
        if isinstance(self.series, Tide):
            return self.series.mean(from_s, to_s)
        return float(self.series.integral(from_s, to_s)) / (to_s - from_s)

    def highest(self, from_s: float) -> float:
        """Return the highest stage up to the next break."""
        if isinstance(self.series, Tide):
            return self.series.highest(from_s)
        last = self.series.next_change(from_s)
        return max(float(self.series.at(from_s)), float(self.series.at(last)) if math.isfinite(last) else -math.inf)


@dataclass(frozen=True)
class Discharge:
    """A discharge over time, m³/s, into the domain."""

    series: Series


@dataclass(frozen=True)
class Rating:
    """The discharge that leaves at a stage: straight between rows, none below them, as steep as the last beyond."""

    stage_m: Floats
    discharge_m3_s: Floats
    file: str | None = None

    def outflow(self, stage_m: float) -> float:
        """Return the discharge outwards, m³/s.

        >>> curve = Rating(np.array([2.0, 3.0]), np.array([0.0, 10.0]))
        >>> curve.outflow(1.0), curve.outflow(2.5), curve.outflow(4.0)
        (0.0, 5.0, 20.0)
        """
        z, q = self.stage_m, self.discharge_m3_s
        if stage_m < z[0]:
            return 0.0
        if stage_m > z[-1]:
            return float(q[-1] + (stage_m - z[-1]) * (q[-1] - q[-2]) / (z[-1] - z[-2]))
        return float(np.interp(stage_m, z, q))

    def given(self) -> dict[str, Any]:
        """Return what the report says of it."""
        if self.file is not None:
            return {"file": self.file}
        return {"value": np.column_stack([self.stage_m, self.discharge_m3_s]).tolist()}


Condition = Stage | Discharge | Rating


class BoundaryActor(Bystander):
    """Renews `Boundary.value`: stages as their mean over the step, discharges as theirs, so that no volume is lost.

    A discharge is spread over the faces by the conveyance beside them, (h + 1 cm)^(5/3) / n.
    """

    name = "boundaries"

    def __init__(self, conditions: Sequence[tuple[Condition, Ints]], domain: Domain) -> None:
        self._conditions = conditions
        self._domain = domain
        self._ahead = [Ahead((c.series,)) if isinstance(c, Discharge) else None for c, _ in conditions]
        self._cells = [np.empty(0, np.int64)] * len(conditions)
        self._names = [""] * len(conditions)
        self._time_s = 0.0
        self._depths: list[Floats] = []
        self._flows = np.zeros(len(conditions))

    def start(self, boundary: Boundary) -> None:
        """Look up cells, and set the values of second 0."""
        for n, (condition, faces) in enumerate(self._conditions):
            self._cells[n] = boundary.cell[faces]
            self._names[n] = boundary.names[int(boundary.group[faces[0]])]
            if isinstance(condition, Stage):
                boundary.value[faces] = float(condition.series.at(0.0))
        self._depths = [np.zeros(len(cells)) for cells in self._cells]

    def next_change_s(self, time_s: float) -> float:
        """Return when a series next breaks."""
        series = [c.series for c, _ in self._conditions if not isinstance(c, Rating)]
        return min((one.next_change(time_s) for one in series), default=math.inf)

    def longest_step_s(self) -> float:
        """Return the longest step in which what comes in does not outrun what is stable on ground that is dry."""
        cell_m = self._domain.frame.cell_m
        longest = math.inf
        for n, (condition, _) in enumerate(self._conditions):
            ahead = self._ahead[n]
            if ahead is not None:
                rise = ahead.largest(self._time_s) / (len(self._cells[n]) * cell_m**2)
                longest = min(longest, stable_step(rise, cell_m))
            elif isinstance(condition, Stage):
                aim = condition.highest(self._time_s) - self._domain.bed.reshape(-1)[self._cells[n]]
                rising = aim > 2 * self._depths[n]  # where it is not, the scheme's own step knows the depth
                longest = min(longest, wave_step(float(aim[rising].max(initial=0.0)), cell_m))
        return longest

    def act(self, water: Water, time_s: float, dt_s: float, ledger: Ledger) -> None:
        """Set the values of the step; what passes is counted by the scheme."""
        self._time_s = time_s + dt_s
        value = water.boundary.value
        n = water.domain.manning_n.reshape(-1)
        ends = np.cumsum([len(cells) for cells in self._cells])[:-1]
        self._depths = np.split(water.depths(np.concatenate(self._cells)), ends)
        for number, (condition, faces) in enumerate(self._conditions):
            cells, depth = self._cells[number], self._depths[number]
            if isinstance(condition, Stage):
                value[faces] = condition.mean(time_s, self._time_s)
                continue
            shares = conveyance_shares(depth, n[cells].astype(np.float64))
            if isinstance(condition, Discharge):
                flow = float(condition.series.integral(time_s, self._time_s)) / dt_s
                value[faces] = flow * shares / water.domain.frame.cell_m
            else:
                value[faces] = self._leaving(condition, depth, shares, number, dt_s)
            self._flows[number] = float(value[faces].sum()) * water.domain.frame.cell_m

    def _leaving(self, rating: Rating, depth: Floats, shares: Floats, number: int, dt_s: float) -> Floats:
        """Return unit discharges by a rating curve: of the mean stage, weighed by conveyance, of the wet cells."""
        wet = depth > 0
        if not wet.any():
            return np.zeros(len(depth))
        bed = self._domain.bed.reshape(-1)[self._cells[number]]
        weights = np.where(wet, shares, 0.0)
        stage = float(((bed + depth) * weights).sum() / weights.sum())
        cell_m = self._domain.frame.cell_m
        wanted = rating.outflow(stage) * weights / weights.sum() / cell_m
        leaving: Floats = -np.minimum(wanted, _MOST_TAKEN * depth * cell_m / dt_s)
        return leaving

    def readings(self) -> Iterable[Reading]:
        """Return stages and discharges that hold."""
        for number, (condition, _) in enumerate(self._conditions):
            if isinstance(condition, Stage):
                yield Reading(self._names[number], "stage_m", float(condition.series.at(self._time_s)))
            else:
                yield Reading(self._names[number], "discharge_m3_s", float(self._flows[number]))

    def save(self) -> Mapping[str, Values]:
        """Return what is carried on."""
        return {"depths": np.concatenate(self._depths), "facts": np.array([self._time_s, *self._flows])}

    def load(self, saved: Mapping[str, Values]) -> None:
        """Go on from what `save` gave."""
        cuts = np.cumsum([len(cells) for cells in self._cells])[:-1]
        self._depths = [part.copy() for part in np.split(saved["depths"], cuts)]
        self._time_s, self._flows = float(saved["facts"][0]), saved["facts"][1:].copy()
