"""Inflows and boundaries: the cells and faces they mean, the volumes they bring, and what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naru.errors import BadSpec, ColumnsUnknown, NaruError
from tests.forcings import Pond, let_act, spec, world
from twin.flood import schemes
from twin.flood.advance import Flood, Plan, advance, start
from twin.flood.ledger import Ledger
from twin.flood.records import DISCHARGE, EAST, NORTH, OPEN, SOUTH, STAGE, WEST, Maxima, Options
from twin.forcing.cells import traversed
from twin.forcing.tide import Tide
from twin.grid import Frame

KST = timezone(timedelta(hours=9))


def pour(
    inflow: Any, until_s: float = 600.0, depth: float = 0.0, dtype: str = "float64"
) -> tuple[Pond, Ledger, Any]:
    here = world()
    boundary, actors = spec(inflows=[inflow]).build(here)
    pond = Pond(here.domain, boundary, dtype, depth)
    return pond, let_act(actors, pond, until_s, 3.3), actors[0]


# --- inflows ------------------------------------------------------------------------------------------


def test_an_inflow_brings_its_hydrograph_exactly() -> None:
    rows = [[0, 0], [2, 6], [5, 1]]
    pond, ledger, _ = pour({"name": "up", "at": [35, 35], "hydrograph": rows, "time_unit": "min"})
    exact = 3 * 120 + 3.5 * 180 + 1 * 300  # the last value holds
    balance = ledger.balance(pond.stored_m3())
    assert balance.terms["inflow/up"] == (pytest.approx(exact, rel=1e-12), 0.0)
    assert balance.relative_error < 1e-12
    assert np.count_nonzero(pond.depth) == 1
    assert pond.depth[2, 3] * 100 == pytest.approx(exact, rel=1e-12)


def test_a_table_may_be_a_group_of_its_file_and_how_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("clock,other,flow\n0,9,1\n1,9,3\n")

    def volume(given: Any, **beside: Any) -> float:
        inflow = {"at": [35, 35], "hydrograph": given, **beside}
        _, actors = spec(tmp_path / "s.yaml", inflows=[inflow]).build(world())
        return float(actors[0]._discharge.integral(0, 60))  # type: ignore[attr-defined]

    group = {"file": "q.csv", "time": "clock", "value": "flow", "time_unit": "min"}
    beside = {"columns": {"time": "clock", "value": "flow"}, "time_unit": "min"}
    assert volume(group) == volume("q.csv", **beside) == volume({"file": "q.csv", **beside}) == 120
    for wrong, field in (
        ({"time": "clock"}, "hydrograph"),
        ({**group, "color": 1}, "color"),
        ({**group, "factor": 2}, "factor"),
    ):
        with pytest.raises(BadSpec) as caught:
            volume(wrong, factor=2)
        assert caught.value.field == f"inflows[0].{field}"


def test_float32_carries_on_what_it_cannot_hold() -> None:
    pond, ledger, inflow = pour({"at": [35, 35], "discharge_m3_s": 1e-3}, depth=100.0, dtype="float32")
    balance = ledger.balance(pond.stored_m3() + inflow.held_m3())
    assert balance.in_m3 == pytest.approx(0.6, rel=1e-12)
    assert balance.relative_error < 1e-14
    assert pond.depth[2, 3] - 100 == pytest.approx(0.006, abs=8e-6)


def test_a_disc_shares_equally_and_a_polygon_covers() -> None:
    pond, _, _ = pour({"at": [40, 30], "radius_m": 15, "discharge_m3_s": 1})
    assert np.ptp(pond.depth[pond.depth > 0]) < 1e-12
    assert np.count_nonzero(pond.depth) == 4
    pond, _, _ = pour({"polygon": [[0, 0], [30, 0], [30, 20], [0, 20]], "discharge_m3_s": 1})
    assert np.count_nonzero(pond.depth) == 6
    assert (pond.depth[4:, :3] > 0).all()


def test_a_line_shares_by_conveyance_and_evenly_where_dry() -> None:
    here = world()
    boundary, actors = spec(inflows=[{"line": [[5, 5], [5, 55]], "discharge_m3_s": 6}]).build(here)
    pond = Pond(here.domain, boundary)
    actors[0].begin(pond)
    actors[0].act(pond, 0.0, 1.0, Ledger())
    assert pond.depth[:, 0] == pytest.approx(np.full(6, 0.01))
    pond.depth[:, 0] = [0, 0, 1, 2, 0, 0]
    before = pond.depth.copy()
    actors[0].act(pond, 1.0, 1.0, Ledger())
    gained = (pond.depth - before)[:, 0]
    assert gained[3] / gained[2] == pytest.approx((2.01 / 1.01) ** (5 / 3))
    assert gained[0] < 1e-3 * gained[3]
    assert gained.sum() * 100 == pytest.approx(6, rel=1e-12)


def test_taking_water_stops_where_none_is_and_tells_the_shortfall() -> None:
    pond, ledger, inflow = pour({"name": "pump", "at": [35, 35], "discharge_m3_s": -1}, depth=2.5)
    balance = ledger.balance(pond.stored_m3() + inflow.held_m3())
    assert balance.terms["inflow/pump"] == (0.0, pytest.approx(250, rel=1e-12))
    assert balance.relative_error < 1e-12
    assert pond.depth[2, 3] == 0
    told = {r.quantity: r.value for r in inflow.readings()}
    assert told["shortfall_m3"] == pytest.approx(350, rel=1e-9)
    assert told["discharge_m3_s"] == 0


def test_hydrographs_in_other_units_and_words(tmp_path: Path) -> None:
    def discharge(text: str, **more: Any) -> float:
        (tmp_path / "q.csv").write_bytes(text.encode("cp949"))
        read = spec(tmp_path / "s.yaml", inflows=[{"at": [5, 5], "hydrograph": "q.csv", **more}])
        return float(read.inflows[0].discharge.series(datetime(2022, 8, 8, tzinfo=KST)).at(0.0))

    assert discharge("시간(분),유량(㎥/s)\n0,2\n10,3\n".replace("㎥", "m3")) == 2
    assert discharge("time_s,q_l_s\n0,2000\n10,3\n") == 2
    assert discharge("일시,유량\n2022-08-08 00:00,7\n2022-08-08 00:10,3\n") == 7
    assert discharge("일시,유량\n2022-08-07 24:00,7\n2022-08-08 00:10,3\n") == 7
    assert discharge("time_s,Q\n0,120\n10,3\n", unit="m3/min") == 2
    assert discharge("0 5\n10 3\n", time_unit="s", factor=2) == 10
    with pytest.raises(BadSpec, match="line 3: the time lies before"):
        discharge("time_s,q\n10,2\n0,3\n")
    with pytest.raises(ColumnsUnknown, match="which column holds the values"):
        discharge("time_s,a,b\n0,1,2\n")


@given(st.lists(st.tuples(st.floats(0.01, 79.9), st.floats(0.01, 59.9)), min_size=2, max_size=4))
def test_a_line_passes_every_cell_that_its_points_lie_in(points: list[tuple[float, float]]) -> None:
    frame = Frame(0.0, 60.0, 10.0, 6, 8, "")
    line = np.array(points)
    cells = traversed(line, frame)
    assert len(np.unique(cells)) == len(cells)
    shares = np.linspace(0, 1, 211)
    for a, b in pairwise(line):
        at = a + shares[:, None] * (b - a)
        inner = (np.abs(at / 10 - np.round(at / 10)) > 1e-6).all(axis=1)  # not on the cells' sides
        passed = (5 - at[inner, 1] // 10) * 8 + at[inner, 0] // 10
        assert set(passed.astype(int)) <= set(cells.tolist())


# --- boundaries ---------------------------------------------------------------------------------------


def faces(here: Any, *entries: Any) -> Any:
    return spec(boundaries=list(entries)).build(here)[0]


def test_an_edge_is_the_first_ground_seen_from_there() -> None:
    bed = np.zeros((4, 5))
    bed[0, :2] = bed[1, 0] = np.nan
    bed[:, 4] = np.nan
    edge = faces(world(bed), {"edge": "north", "type": "open", "slope": 0.01})
    assert edge.cell.tolist() == [2 * 5 + 0, 1 * 5 + 1, 2, 3]
    assert (edge.side == NORTH).all()
    assert edge.names == ("north",)
    east = faces(world(bed), {"edge": "east", "type": "open", "slope": 0.01})
    assert east.cell.tolist() == [3, 8, 13, 18]
    part = faces(world(bed), {"edge": "south", "from_m": 10, "to_m": 30, "type": "open"})
    assert part.cell.tolist() == [16, 17]
    assert (part.side == SOUTH).all()


def test_a_line_selects_the_rim_beside_it_and_not_holes() -> None:
    bed = np.zeros((6, 8))
    bed[:, 0] = np.nan
    bed[2:4, 3:5] = np.nan  # a building cut out
    rim = faces(world(bed), {"line": [[12, 0], [12, 60]], "type": "stage", "stage_m": 1.0})
    assert (rim.side == WEST).all()  # not the faces that look north and south at its ends
    assert rim.cell.tolist() == [1, 9, 17, 25, 33, 41]
    half = faces(world(bed), {"line": [[12, 0], [12, 30]], "type": "open"})
    assert half.cell.tolist() == [25, 33, 41]
    hole = faces(world(bed), {"line": [[35, 30], [45, 30]], "type": "open"})
    assert sorted(hole.cell.tolist()) == [11, 12, 35, 36]
    with pytest.raises(BadSpec, match=r"boundary 'sea'. meets no cell on the rim"):
        faces(world(), {"name": "sea", "line": [[40, 28], [40, 32]], "type": "open"})


def test_later_entries_override_earlier_ones() -> None:
    here = world()
    edge = faces(
        here,
        {"edge": "all", "type": "open"},
        {"edge": "east", "type": "stage", "stage_m": 2},
        {"edge": "east", "name": "quay", "from_m": 0, "to_m": 20, "type": "wall"},
        {"edge": "west", "type": "wall"},
    )
    assert edge.names == ("all", "east")
    assert (edge.kind[edge.side == EAST] == STAGE).all()
    assert (edge.side == EAST).sum() == 4
    assert not (edge.side == WEST).any()
    assert (edge.kind[edge.side == NORTH] == OPEN).all()
    assert (edge.value[edge.kind == STAGE] == 2).all()
    faces(here, {"edge": "east", "type": "open"}, {"edge": "all", "name": "rim", "type": "open"})
    assert here.warnings == ["boundary 'east' is covered by later ones and does nothing"]


def test_an_open_edge_takes_the_beds_slope() -> None:
    bed = np.tile(10 - 0.05 * np.arange(8), (6, 1))
    edge = faces(world(bed), {"edge": "east", "type": "open"}, {"edge": "west", "type": "open"})
    assert edge.slope[edge.side == EAST] == pytest.approx(-0.005)  # negative: nobody stated it
    assert edge.slope[edge.side == WEST] == pytest.approx(-0.0001)  # it rises outwards


def renewed(entry: Any, time_s: float, dt_s: float, depth: float = 1.0) -> Any:
    here = world(start=datetime(2022, 8, 8, tzinfo=KST))
    boundary, actors = spec(boundaries=[entry]).build(here)
    pond = Pond(here.domain, boundary, depth=depth)
    actors[-1].begin(pond)
    actors[-1].act(pond, time_s, dt_s, Ledger())
    return boundary, actors[-1]


def test_a_discharge_is_its_mean_over_the_step() -> None:
    rows = [[0, 0], [10, 20]]
    entry = {"edge": "west", "type": "discharge", "hydrograph": rows, "time_unit": "s"}
    boundary, actor = renewed(entry, 2.0, 4.0)
    assert (boundary.kind == DISCHARGE).all()
    assert boundary.value.sum() * 10 == pytest.approx(8)
    assert actor.next_change_s(2.0) == 10.0


def test_a_stage_above_a_gauges_zero() -> None:
    rows = [["2022-08-08 00:00", 150], ["2022-08-08 00:10", 250]]
    entry = {"edge": "west", "type": "stage", "series": rows, "unit": "cm", "gauge_zero_m": 2.07}
    boundary, _ = renewed(entry, 0.0, 600.0)
    assert boundary.value == pytest.approx(np.full(6, 4.07))


def test_a_rating_curve_lets_out_by_the_stage() -> None:
    entry = {"edge": "east", "type": "rating", "rating": [[0.5, 0], [1.5, 30]]}
    boundary, actor = renewed(entry, 0.0, 1.0)
    assert boundary.value.sum() * 10 == pytest.approx(-15)
    greedy, _ = renewed({**entry, "rating": [[0.5, 0], [0.6, 1e6]]}, 0.0, 1.0)
    assert greedy.value == pytest.approx(np.full(6, -5.0))  # half of what stands beside it, no more
    dry, _ = renewed(entry, 0.0, 1.0, depth=0.0)
    assert (dry.value == 0).all()
    assert [r.quantity for r in actor.readings()] == ["discharge_m3_s"]


def test_a_tide_of_constituents() -> None:
    entry = {"edge": "west", "type": "tide", "mean_m": 0.5}
    boundary, _ = renewed(
        {**entry, "constituents": [{"name": "m2", "amplitude_m": 2.8, "phase_deg": 90}]}, 0.0, 1e-3
    )
    assert boundary.value == pytest.approx(np.full(6, 0.5), abs=1e-5)
    tide = Tide(0.5, ((2.0, 40_000.0, 0.3), (0.5, 43_200.0, 1.0)))
    middles = 100 + 8900 * (np.arange(5000) + 0.5) / 5000
    assert tide.mean(100, 9000) == pytest.approx(np.mean([tide.at(t) for t in middles]), rel=1e-7)


@pytest.mark.parametrize(
    ("section", "entry", "field"),
    [
        ("boundaries", {"edge": "top", "type": "open"}, "boundaries[0].edge"),
        ("boundaries", {"edge": "north", "type": "leaky"}, "boundaries[0].type"),
        ("boundaries", {"type": "open"}, "boundaries[0]"),
        ("boundaries", {"edge": "north", "type": "open", "slope": -1}, "boundaries[0].slope"),
        ("boundaries", {"edge": "north", "type": "stage"}, "boundaries[0]"),
        ("boundaries", {"edge": "north", "type": "stage", "stage_m": 1e5}, "boundaries[0].stage_m"),
        ("boundaries", {"edge": "all", "type": "open", "from_m": 5}, "boundaries[0].from_m"),
        (
            "boundaries",
            {"edge": "north", "type": "discharge", "discharge_m3_s": -2},
            "boundaries[0].discharge_m3_s",
        ),
        ("boundaries", {"edge": "north", "type": "rating", "rating": [[1, 2], [0, 3]]}, "boundaries[0].rating"),
        ("boundaries", {"edge": "north", "type": "open", "stage_m": 1}, "boundaries[0].stage_m"),
        (
            "boundaries",
            {"edge": "north", "type": "tide", "mean_m": 1, "constituents": [{"name": "X9", "amplitude_m": 1}]},
            "boundaries[0].constituents[0].name",
        ),
        ("inflows", {"at": [5], "discharge_m3_s": 1}, "inflows[0].at"),
        ("inflows", {"at": [5, 5]}, "inflows[0]"),
        ("inflows", {"line": [[5, 5]], "discharge_m3_s": 1}, "inflows[0].line"),
        ("inflows", {"at": [5, 5], "line": [[5, 5], [6, 6]], "discharge_m3_s": 1}, "inflows[0]"),
        ("inflows", {"at": [5, 5], "discharge_m3_s": "lots"}, "inflows[0].discharge_m3_s"),
    ],
)
def test_a_bad_field_is_named(section: str, entry: Any, field: str) -> None:
    with pytest.raises(NaruError) as refused:
        spec(**{section: [entry]})
    assert refused.value.field == field
    assert refused.value.remedy


def test_names_are_given_once() -> None:
    for section, entry in (
        ("inflows", {"name": "a", "at": [5, 5], "discharge_m3_s": 1}),
        ("boundaries", {"name": "a", "edge": "north", "type": "open"}),
    ):
        with pytest.raises(BadSpec, match="which another"):
            spec(**{section: [entry, entry]})


# --- with a scheme ------------------------------------------------------------------------------------


class Nobody:
    def step(self, flood: Flood, dt_s: float) -> None: ...

    def output(self, flood: Flood, balance: Any) -> None: ...

    def track(self, flood: Flood) -> None: ...


def everything(duration_s: float) -> Any:
    """Return a world of 40 × 60 cells, its boundary and its actors."""
    y, x = np.mgrid[0:40, 0:60]
    here = world(100 - 0.05 * x + 0.02 * abs(y - 20), duration_s=duration_s)
    boundary, actors = spec(
        rain={"uniform_mm_h": 100, "to_h": 0.2},
        infiltration={"method": "green-ampt", "soil": "clay-loam", "moisture_deficit": 0.2, "drain_loss_mm_h": 5},
        inflows=[
            {"name": "up", "at": [15, 200], "radius_m": 30, "discharge_m3_s": 20},
            {"name": "line", "line": [[5, 50], [5, 350]], "hydrograph": [[0, 8], [10, 0]], "time_unit": "min"},
            {"name": "pump", "at": [400, 200], "discharge_m3_s": -1},
        ],
        boundaries=[
            {"edge": "east", "type": "open"},
            {"edge": "south", "from_m": 0, "to_m": 100, "type": "stage", "stage_m": 100.8},
            {"edge": "north", "from_m": 200, "to_m": 300, "type": "discharge", "discharge_m3_s": 3},
            {"edge": "west", "from_m": 0, "to_m": 50, "type": "rating", "rating": [[100, 0], [101, 9]]},
        ],
    ).build(here)
    return here, boundary, actors


def begun(duration_s: float, precision: str) -> Flood:
    here, boundary, actors = everything(duration_s)
    dry = np.zeros(here.domain.bed.shape)
    water = schemes.start(here.domain, dry, boundary, Options(precision=precision))
    return start(water, actors, Maxima.start(dry.shape))


@pytest.mark.parametrize(("precision", "most"), [("float32", 1e-6), ("float64", 1e-12)])
def test_everything_at_once_on_dry_ground_keeps_its_volume(precision: str, most: float) -> None:
    flood = begun(1200.0, precision)
    balance = advance(flood, Plan(1200.0, 300.0), Nobody())
    assert balance.relative_error < most
    assert balance.terms["inflow/up"][0] == pytest.approx(24_000, rel=1e-12)
    assert balance.terms["inflow/line"][0] == pytest.approx(2400, rel=1e-12)
    assert balance.terms["edge/north"][0] == pytest.approx(3600, rel=1e-6)
    assert balance.terms["rain"][0] == pytest.approx(2400 * 100 * 0.02, rel=1e-12)
    assert float(np.min(flood.water.depth)) >= 0


class Stopping(Nobody):
    """Stops in the middle of things, between outputs."""

    def step(self, flood: Flood, dt_s: float) -> None:
        if flood.steps == 150:
            raise KeyboardInterrupt


def test_a_flood_that_was_saved_goes_on_bit_by_bit() -> None:
    whole, plan = begun(600.0, "float32"), Plan(600.0, 300.0)
    end = advance(whole, plan, Nobody())
    first = begun(600.0, "float32")
    with pytest.raises(KeyboardInterrupt):
        advance(first, plan, Stopping())
    saved = first.save()
    saved["arrays"] = {k: np.array(v) for k, v in saved["arrays"].items()}
    again = begun(600.0, "float32")
    again.load(saved)
    assert advance(again, plan, Nobody()) == end
    assert again.steps == whole.steps
    assert (again.water.depth == whole.water.depth).all()
