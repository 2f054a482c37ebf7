"""The main line of a run: steps end at events, water is counted, and a run that cannot be believed stops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest

from naru.errors import FloodStopped
from twin.flood.advance import Flood, Plan, advance, start
from twin.flood.hosted import Hosted
from twin.flood.ledger import Balance, Ledger
from twin.flood.records import Boundary, Bystander, Domain, Ints, Maxima, Water
from twin.grid import Floats, Frame, Values


class _Basin(Hosted):
    """Water that stands still in one row of cells; what is added stays where it is."""

    def __init__(self, longest_s: float = 7.0) -> None:
        frame = Frame(0.0, 10.0, 10.0, 1, 4, "")
        self.domain = Domain(frame, np.zeros((1, 4)), np.full((1, 4), 0.03, np.float32))
        self.boundary = Boundary.none()
        self.blocked_x, self.blocked_y = np.zeros((1, 5), np.uint8), np.zeros((2, 4), np.uint8)
        self.passed_in_m3 = self.passed_out_m3 = np.empty(0)
        self.repaired_m3 = 0.0
        self._depth = np.zeros((1, 4))
        self._longest_s = longest_s
        self.steps: list[float] = []

    @property
    def depth(self) -> Values:
        return self._depth

    def longest_step(self) -> float:
        return self._longest_s

    def step(self, dt_s: float) -> None:
        self.steps.append(dt_s)

    def add(self, cells: Ints, volume_m3: Floats) -> Floats:
        self._depth.ravel()[cells] += volume_m3 / self.domain.area_m2
        return volume_m3

    def wet(self, rows: slice, columns: slice) -> None: ...

    def block(self, x_faces: Ints, y_faces: Ints, closed: bool = True) -> None: ...

    def flow(self) -> tuple[Values, Values]:
        return np.zeros((1, 4)), np.zeros((1, 4))

    def face_flow(self) -> tuple[Values, Values]:
        return np.zeros((1, 5)), np.zeros((2, 4))

    def track(self, maxima: Maxima, time_s: float, since_s: float) -> None:
        np.maximum(maxima.depth, self._depth, out=maxima.depth)

    def stored_m3(self) -> float:
        return float(self._depth.sum()) * self.domain.area_m2

    def save(self) -> Mapping[str, Values]:
        return {"depth": self._depth}

    def load(self, saved: Mapping[str, Values]) -> None:
        self._depth[...] = saved["depth"]


@dataclass
class _Tap(Bystander):
    """Runs at 2 m³/s into the first cell between two moments; `lost` of it is not counted."""

    opens_s: float
    closes_s: float
    lost: float = 0.0
    name: str = "tap"
    spans: list[tuple[float, float]] = field(default_factory=list)

    def next_change_s(self, time_s: float) -> float:
        return min((t for t in (self.opens_s, self.closes_s) if t > time_s), default=np.inf)

    def act(self, water: Water, time_s: float, dt_s: float, ledger: Ledger) -> None:
        self.spans.append((time_s, time_s + dt_s))
        if self.opens_s <= time_s < self.closes_s:
            water.add(np.array([0]), np.array([2.0 * dt_s]))
            ledger.add("inflow/tap", 2.0 * dt_s * (1 - self.lost))


@dataclass
class _Notes:
    """Writes down when it was told what."""

    outputs: list[tuple[float, Balance]] = field(default_factory=list)

    def step(self, flood: Flood, dt_s: float) -> None: ...

    def track(self, flood: Flood) -> None: ...

    def output(self, flood: Flood, balance: Balance) -> None:
        self.outputs.append((flood.time_s, balance))


def _begin(water: _Basin, *actors: _Tap) -> Flood:
    return start(water, actors, Maxima.start((1, 4)))


def test_no_step_jumps_over_an_output_or_a_change_of_an_input() -> None:
    tap, notes = _Tap(opens_s=10.5, closes_s=33.25), _Notes()
    advance(_begin(_Basin(), tap), Plan(end_s=100.0, output_every_s=30.0), notes)
    assert [time for time, _ in notes.outputs] == [0.0, 30.0, 60.0, 90.0, 100.0]
    for event in (10.5, 33.25, 30.0, 60.0, 90.0):
        assert not any(first < event < last for first, last in tap.spans)
    assert tap.spans[-1][1] == 100.0


def test_what_runs_in_is_what_is_stored() -> None:
    notes = _Notes()
    balance = advance(_begin(_Basin(), _Tap(10.0, 20.0)), Plan(60.0, 60.0), notes)
    assert balance.in_m3 == pytest.approx(20.0)
    assert balance.stored_m3 == pytest.approx(20.0)
    assert balance.relative_error < 1e-12


def test_the_time_to_an_event_is_split_evenly_rather_than_into_a_long_and_a_tiny_step() -> None:
    water = _Basin(longest_s=7.0)
    advance(_begin(water), Plan(15.0, 15.0), _Notes())
    assert water.steps == pytest.approx([5.0, 5.0, 5.0])


def test_a_run_stops_where_water_is_not_accounted_for_and_says_when() -> None:
    flood = _begin(_Basin(), _Tap(0.0, 60.0, lost=1e-3))
    with pytest.raises(FloodStopped, match=r"at 30\.0 s .* m³ of water are not accounted for"):
        advance(flood, Plan(60.0, 30.0), _Notes())


def test_a_run_stops_where_depth_is_not_a_number_and_says_where() -> None:
    water = _Basin()
    flood = _begin(water)
    water.depth[0, 2] = np.nan
    with pytest.raises(FloodStopped, match=r"depth is nan m at x 25\.0, y 5\.0"):
        advance(flood, Plan(60.0, 30.0), _Notes())


def test_a_run_stops_where_the_step_collapses() -> None:
    with pytest.raises(FloodStopped, match="the time step fell to 1e-09 s"):
        advance(_begin(_Basin(longest_s=1e-9)), Plan(60.0, 30.0), _Notes())


def test_a_saved_flood_goes_on_as_if_it_had_not_been_broken_off() -> None:
    whole = _begin(_Basin(), _Tap(10.0, 50.0))
    advance(whole, Plan(90.0, 30.0), _Notes())

    first = _begin(_Basin(), _Tap(10.0, 50.0))
    advance(first, Plan(30.0, 30.0), _Notes())
    second, notes = _begin(_Basin(), _Tap(10.0, 50.0)), _Notes()
    second.load(first.save())
    balance = advance(second, Plan(90.0, 30.0), notes)

    assert [time for time, _ in notes.outputs] == [60.0, 90.0]
    assert (second.water.depth == whole.water.depth).all()
    assert balance == whole.balance()
    assert (second.steps, second.time_s) == (whole.steps, whole.time_s)
