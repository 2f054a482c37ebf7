"""Structures on a domain: what they hold back, what they let through, and that no water is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from naru.errors import BadFacility, BadSpec
from tests.still_water import actors_of, reading, run, still, works_of, world_of
from twin.flood import schemes
from twin.flood.advance import Plan, advance, start
from twin.flood.records import DISCHARGE, EAST, OPEN, WEST, Boundary, Maxima, Options
from twin.results.series import Sections
from twin.scenario.measuring import crossed_faces
from twin.works.faces import lay
from twin.works.laws.breach import widening
from twin.works.laws.crossing import CREST, WIDTH, weir

WEIR = {"id": "W", "type": "weir", "line": [[5, 0], [5, 10]], "crest_elevation_m": 1.0}
GATE = {
    "id": "G",
    "type": "sluice_gate",
    "line": [[5, 0], [5, 10]],
    "sill_elevation_m": 0.0,
    "width_m": 10.0,
    "height_m": 3.0,
}
PUMP = {
    "id": "P",
    "type": "pump_station",
    "at": [1.5, 5.5],
    "unit_capacity_m3_min": 60.0,
    "start_level_m": 2.0,
    "stop_level_m": 1.0,
    "outlet": [8.5, 5.5],
}


def halves(west: float, east: float) -> np.ndarray:
    """Return depths of ten columns of which five are deeper."""
    return np.tile(np.repeat([west, east], 5), (10, 1)).astype(float)


# --- lines on faces ---------------------------------------------------------------------------------


def _sides(closed_x: np.ndarray, closed_y: np.ndarray, first: tuple[int, int]) -> np.ndarray:
    """Return the cells that water reaches from one without passing a closed face."""
    rows, columns = closed_y.shape[0] - 1, closed_x.shape[1] - 1
    seen, todo = np.zeros((rows, columns), bool), [first]
    seen[first] = True
    while todo:
        i, j = todo.pop()
        for a, b, shut in (
            (i, j - 1, closed_x[i, j]),
            (i, j + 1, closed_x[i, j + 1]),
            (i - 1, j, closed_y[i, j]),
            (i + 1, j, closed_y[i + 1, j]),
        ):
            if not shut and 0 <= a < rows and 0 <= b < columns and not seen[a, b]:
                seen[a, b] = True
                todo.append((a, b))
    return seen


@pytest.mark.parametrize("seed", range(20))
def test_no_line_from_edge_to_edge_leaks_at_its_corners(seed: int) -> None:
    rng = np.random.default_rng(seed)
    world = world_of(np.zeros((30, 40)))
    middle = np.sort(rng.uniform(2, 38, 3))
    points = [[float(middle[0]), 0.0], *[[float(x), float(y)] for x, y in zip(middle, (9.0, 21.0), strict=False)]]
    points.append([float(middle[2]), 30.0])
    levee = {"id": "L", "type": "levee", "line": points, "crest_elevation_m": 5.0}
    flood = still(world, np.ones((30, 40)), actors_of(world, structures=levee))
    water: Any = flood.water
    reached = _sides(water.blocked_x, water.blocked_y, (0, 0))
    assert reached[0, 0] and not reached[0, -1] and not reached[-1, -1] and reached[-1, 0]


def test_faces_stand_for_the_whole_line_and_lie_between_neighbours() -> None:
    frame = world_of(np.zeros((50, 50)), 2.0).domain.frame
    line = np.array([[3.0, 7.0], [80.0, 40.0], [96.0, 93.0]])
    chain = lay(frame, line)
    assert (chain.end - chain.begin).sum() == pytest.approx(chain.length_m, rel=1e-9)
    apart = np.abs(chain.cells[:, 0] - chain.cells[:, 1])
    assert set(np.unique(apart)) <= {1, frame.columns}
    assert len(np.unique(chain.face * 2 + chain.vertical)) == len(chain.face)


@pytest.mark.parametrize(
    ("line", "upstream", "downstream"),
    [
        ([[0, 5], [10, 5]], (5, 0), (4, 0)),  # eastwards: left bank west, so the flow runs north
        ([[10, 5], [0, 5]], (4, 9), (5, 9)),
        ([[5, 0], [5, 10]], (9, 5), (9, 4)),  # northwards: the flow runs west
        ([[5, 10], [5, 0]], (0, 4), (0, 5)),
    ],
)
def test_flow_runs_as_seen_from_left_to_right(line: Any, upstream: Any, downstream: Any) -> None:
    chain = lay(world_of(np.zeros((10, 10))).domain.frame, np.array(line, float))
    assert chain.cells[0].tolist() == [upstream[0] * 10 + upstream[1], downstream[0] * 10 + downstream[1]]


# --- weirs, levees, bridges -------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["inertial", "full"])
def test_weir_in_a_channel_holds_the_head_of_its_law(scheme: str) -> None:
    rows, columns, q = 2, 40, 0.8
    world = world_of(np.zeros((rows, columns)), 5.0)
    line = [[100.0, 10.0], [100.0, 0.0]]
    actors = actors_of(world, structures={**WEIR, "line": line})
    cells = np.concatenate([np.arange(rows) * columns, np.arange(rows) * columns + columns - 1])
    side = np.array([WEST] * rows + [EAST] * rows, np.int8)
    kind = np.array([DISCHARGE] * rows + [OPEN] * rows, np.int8)
    value = np.array([q] * rows + [0.0] * rows)
    group = np.array([0] * rows + [1] * rows, np.int32)
    boundary = Boundary(cells, side, kind, np.full(2 * rows, 0.003), value, group, ("in", "out"))
    depth = np.where(np.arange(columns) < 20, 1.5, 0.7) * np.ones((rows, 1))
    water = schemes.start(world.domain, depth, boundary, Options(scheme=scheme, precision="float64"))
    flood = start(water, actors, Maxima.start(depth.shape))
    balance = advance(flood, Plan(1500.0, 1500.0, 1e-12), _Silent())
    assert balance.relative_error < 1e-12
    upstream = float(np.asarray(water.depth)[0, 16])
    needed = 1.0 + (q / weir(1.0, -1.0, 0.577, 0.385)) ** (2 / 3)
    assert upstream == pytest.approx(needed, abs=0.01)
    assert reading(actors[0], "discharge_m3_s") == pytest.approx(q * 10.0, rel=0.01)
    assert reading(actors[0], "head_upstream_m") == pytest.approx(needed, abs=0.03), "of a moment"


class _Silent:
    def step(self, flood: Any, dt_s: float) -> None: ...

    def output(self, flood: Any, balance: Any) -> None: ...

    def track(self, flood: Any) -> None: ...


@pytest.mark.parametrize("scheme", ["inertial", "full"])
def test_closed_gate_holds_a_lake_still(scheme: str) -> None:
    world = world_of(np.zeros((10, 10)))
    actors = actors_of(world, structures={**GATE, "opening_m": 0.0})
    water = schemes.start(world.domain, halves(2.0, 0.5), Boundary.none(), Options(scheme, "float64"))
    flood = start(water, actors, Maxima.start((10, 10)))
    advance(flood, Plan(60.0, 60.0, 1e-12), _Silent())
    np.testing.assert_allclose(water.depth, halves(2.0, 0.5), atol=1e-12)


@pytest.mark.parametrize(("precision", "error"), [("float64", 1e-12), ("float32", 1e-6)])
def test_weir_loses_no_water_and_stops_at_its_crest(precision: str, error: float) -> None:
    world = world_of(np.zeros((10, 10)))
    flood = still(world, halves(2.0, 0.0), actors_of(world, structures=WEIR), precision)
    run(flood, 600.0, error=error)
    assert flood.balance().relative_error < error
    west = np.asarray(flood.water.depth)[:, 4]
    assert (west > 1.0 - 1e-6).all() and (west < 1.05).all(), "beside the weir the water sinks to the crest"


def test_crest_of_a_levee_follows_its_profile() -> None:
    world = world_of(np.zeros((10, 10)))
    levee = {"id": "L", "type": "levee", "line": [[5, 0], [5, 10]], "crest_profile": "0:1; 10:3"}
    flood = still(world, halves(2.0, 0.0), actors_of(world, structures=levee))
    run(flood, 20.0)
    west = np.asarray(flood.water.depth)[:, 4]
    assert (west[5:] < 2.0).all() and (west[:5] == 2.0).all(), "only its lower, southern half is overtopped"


def test_bridge_is_open_until_its_deck_is_touched() -> None:
    world = world_of(np.zeros((10, 10)))
    bridge = {"id": "B", "type": "bridge", "line": [[5, 0], [5, 10]], "low_chord_elevation_m": 1.5,
              "deck_thickness_m": 0.5}  # fmt: skip
    low = still(world, halves(1.0, 0.8), actors_of(world, structures=bridge))
    run(low, 1.0)
    assert not np.asarray(low.water.blocked_x).any()
    actors = actors_of(world, structures=bridge)
    high = still(world, halves(2.0, 0.5), actors)
    run(high, 1.0)
    assert np.asarray(high.water.blocked_x)[:, 5].all()
    assert reading(actors[0], "state") == 1.0
    assert reading(actors[0], "discharge_m3_s") < 0, "the line is drawn for a flow to the west"


def test_piers_close_as_many_faces_as_they_are_wide() -> None:
    world = world_of(np.zeros((10, 10)))
    bridge = {"id": "B", "type": "bridge", "line": [[5, 0], [5, 10]], "low_chord_elevation_m": 5,
              "deck_thickness_m": 1, "openings": 3, "piers": 2, "pier_width_m": 1.0}  # fmt: skip
    flood = still(world, halves(1.0, 1.0), actors_of(world, structures=bridge))
    run(flood, 1.0)
    assert int(np.asarray(flood.water.blocked_x).sum()) == 2


def test_a_low_spot_of_a_levee_is_as_wide_as_it_is_in_a_coarse_cell() -> None:
    world = world_of(np.zeros((4, 10)), 50.0)
    levee = {"id": "L", "type": "levee", "line": [[250, 200], [250, 0]],
             "crest_profile": "0:3; 119.9:3; 120:1; 130:1; 130.1:3; 160:3; 162:2; 200:2"}  # fmt: skip
    actors = actors_of(world, structures=levee)
    rows = actors[0].numbers
    crest, width = rows[:, CREST], rows[:, WIDTH]
    assert width.sum() == pytest.approx(200.0) and width[crest == 1.0].sum() == pytest.approx(10.0)
    assert width[crest == 3.0].sum() == pytest.approx(149.8) and width[crest == 2.0].sum() == pytest.approx(38.0)
    assert width[(crest > 2.0) & (crest < 3.0)].sum() == pytest.approx(2.1)
    flood = still(world, halves(1.5, 0.0)[:4], actors, step_s=1.0)
    run(flood, 200.0)
    assert reading(actors[0], "discharge_m3_s") == pytest.approx(10 * weir(0.5, -1.0, 0.577, 0.385), rel=0.02)
    gate = {**GATE, "line": [[250, 78], [250, 72]], "width_m": 6.0}  # stands in the low spot, for six metres
    both = actors_of(world, structures=[levee, gate])[0].numbers
    assert both[: len(rows), WIDTH][crest == 1.0].sum() == pytest.approx(4.0)


def wall(name: str, crest: float, first: float = 0, last: float = 10) -> dict[str, Any]:
    """Return a levee across the middle, or along a part of it."""
    return {"id": name, "type": "levee", "line": [[5, first], [5, last]], "crest_elevation_m": crest}


def deck(name: str, low: float) -> dict[str, Any]:
    """Return a bridge over the middle."""
    chord = {"low_chord_elevation_m": low, "deck_thickness_m": 5}
    return {"id": name, "type": "bridge", "line": [[5, 0], [5, 10]], **chord}


SPILLWAY = {**WEIR, "line": [[5, 3], [5, 7]]}
HIGHER = {**WEIR, "id": "V", "crest_elevation_m": 1.2}


@pytest.mark.parametrize(
    ("both", "counts", "told"),
    [
        ([WEIR, {**HIGHER, "line": [[5.2, 0], [5.2, 10]]}], [HIGHER], ["V"]),
        ([HIGHER, WEIR], [HIGHER], ["W"]),
        ([wall("A", 1.5), wall("B", 1.9)], [wall("B", 1.9)], ["B"]),
        ([wall("A", 5.0), SPILLWAY], [wall("A", 5.0, 0, 3), wall("B", 5.0, 7, 10), SPILLWAY], []),
        ([WEIR, deck("B", 4.0)], [WEIR], ["B"]),
        ([deck("A", 1.5), deck("B", 1.0)], [deck("B", 1.0)], ["A"]),
    ],
)
def test_water_passes_what_shares_faces_once(both: Any, counts: Any, told: list[str]) -> None:
    got = []
    for works in (both, counts):
        world = world_of(np.zeros((10, 10)))
        flood = still(world, halves(2.0, 0.1), actors_of(world, structures=works), step_s=0.01)
        run(flood, 0.2)
        got.append(np.array(flood.water.depth))
        assert [said.split(":")[0] for said in world.warnings] == (told if works is both else [])
    assert got[0][:, 5].max() > 0.1
    np.testing.assert_allclose(got[0], got[1], rtol=1e-12)


def test_sections_count_what_structures_pass_on_their_line() -> None:
    bed = np.zeros((10, 10))
    bed[:, 6] = 3.0  # beside the weir's line an embankment, in which a gate joins both sides
    world = world_of(bed)
    gate = {**GATE, "line": [[6, 10], [6, 5]], "width_m": 5.0, "opening_m": 1.0}
    low = {**WEIR, "line": [[4, 5], [4, 0]]}
    actors = actors_of(world, structures=[gate, low])
    depth = np.where(bed > 0, 0.0, np.where(np.arange(10) < 4, 2.0, 0.5) * np.ones((10, 1)))
    depth[:5, 4:6] = 2.0
    flood = still(world, depth, actors, step_s=0.01)
    run(flood, 0.1)
    sections = Sections(
        [crossed_faces(f"x{x}", np.array([[x, 10.0], [x, 0.0]]), world.domain.frame) for x in (3, 4, 6, 7, 8)],
        world.domain,
    )
    sections.sample(flood.water, 2.0, actors)
    through = dict(zip((3, 4, 6, 7, 8), sections.samples[0], strict=True))
    at_weir, at_gate = (reading(actors[0], "discharge_m3_s", name) for name in ("W", "G"))
    assert through == pytest.approx({3: 0.0, 4: at_weir, 6: at_gate, 7: at_gate, 8: 0.0}, rel=1e-12)
    assert at_weir > 0.1 and at_gate > 0.1


# --- gates and rules --------------------------------------------------------------------------------


def test_gate_opens_at_its_rate_when_the_stage_says_so() -> None:
    world = world_of(np.zeros((10, 10)))
    gate = {**GATE, "opening_rate_m_min": 1.2, "rules": "open 1 m when stage(downstream) >= 1.5 for 10 s"}
    actors = actors_of(world, structures=gate)
    flood = still(world, halves(2.0, 0.0), actors, step_s=0.5)
    seen = run(flood, 40.0, lambda f: (f.time_s, reading(actors[0], "opening_m")))
    opening = dict(seen)
    assert opening[10.0] == 0.0
    assert opening[20.5] == pytest.approx(1.2 / 60 * 10.5, rel=1e-9)


def test_rules_by_the_clock_take_effect_on_time() -> None:
    world = world_of(np.zeros((10, 10)), begin=datetime(2026, 7, 1, 5, 59, tzinfo=UTC), duration_s=300.0)
    gate = {**GATE, "rules": "open 0.5 m at 06:00; close at +00:02"}
    actors = actors_of(world, structures=gate)
    flood = still(world, halves(2.0, 0.0), actors, step_s=7.0)
    seen = run(flood, 180.0, lambda f: (f.time_s, reading(actors[0], "opening_m")))
    assert {opening for time, opening in seen if time <= 60.0} == {0.0}
    assert {opening for time, opening in seen if 60.0 < time <= 120.0} == {0.5}
    assert {opening for time, opening in seen if time > 120.0} == {0.0}
    assert 60.0 in dict(seen), "a step ends when the rule takes effect"


def test_rules_may_name_gauges_and_unknown_ones_are_named() -> None:
    world = world_of(np.zeros((10, 10)), gauges={"town": 0})
    gate = {**GATE, "rules": "open 1 m when stage(town) >= 1"}
    actors = actors_of(world, structures=gate)
    run(still(world, halves(2.0, 0.0), actors), 2.0)
    assert reading(actors[0], "opening_m") == 1.0
    with pytest.raises(BadFacility, match="stage\\(twon\\)") as error:
        actors_of(world, structures={**gate, "rules": "open when stage(twon) >= 1"})
    assert error.value.feature == "G" and "town" in error.value.remedy


def test_clock_rules_need_a_start() -> None:
    with pytest.raises(BadFacility, match="clock"):
        actors_of(world_of(np.zeros((10, 10))), structures={**GATE, "rules": "open at 06:00"})


def test_failed_gate_stays_where_it_stands() -> None:
    world = world_of(np.zeros((10, 10)))
    gate = {**GATE, "opening_m": 1.0, "rules": "close when stage(downstream) >= 0"}
    actors = actors_of(world, structures=gate, overrides={"G": {"status": "failed"}})
    flood = still(world, halves(2.0, 0.0), actors)
    run(flood, 5.0)
    assert reading(actors[0], "opening_m") == 1.0
    assert reading(actors[0], "volume_m3") < 0


def test_half_of_a_gate_out_of_order_lets_half_through() -> None:
    world = world_of(np.zeros((10, 10)))
    gate = {**GATE, "opening_m": 0.2, "rules": "close when stage(downstream) >= 0", "units": 2, "width_m": 5.0}
    volumes = []
    for share in (0.5, 1.0):
        actors = actors_of(world, structures=gate, overrides={"G": {"failure_fraction": share}})
        run(still(world, halves(2.0, 0.0), actors), 1.0)
        volumes.append(reading(actors[0], "volume_m3"))
    assert volumes[0] / volumes[1] == pytest.approx(0.5, abs=0.02)


def test_gate_in_a_levee_takes_its_faces_even_where_it_is_drawn_beside() -> None:
    world = world_of(np.zeros((10, 10)))
    levee = {"id": "L", "type": "levee", "line": [[5, 0], [5, 10]], "crest_elevation_m": 4.0}
    gate = {"id": "G", "type": "sluice_gate", "at": [6.5, 5.0], "bearing_deg": 90, "sill_elevation_m": 0,
            "width_m": 2.0, "height_m": 1.0, "opening_m": 1.0}  # fmt: skip
    actors = actors_of(world, structures=[levee, gate])
    flood = still(world, halves(2.0, 0.0), actors)
    run(flood, 1.0)
    gained = np.asarray(flood.water.depth)[:, 5]
    assert (gained > 0).sum() == 2 and gained[4] > 0 and gained[5] > 0
    assert reading(actors[0], "volume_m3", "G") > 0, "eastwards is along its bearing"


def test_gate_through_a_broad_embankment_joins_the_ground_on_both_sides() -> None:
    bed = np.zeros((10, 10))
    bed[:, 4:7] = 3.0
    gate = {**GATE, "line": [[5, 4], [5, 6]], "width_m": 2.0, "opening_m": 1.0}
    world = world_of(bed)
    depth = np.zeros((10, 10))
    depth[:, :4] = 2.0
    flood = still(world, depth, actors_of(world, structures=gate))
    run(flood, 1.0)
    got = np.asarray(flood.water.depth)
    assert got[4:6, 7].min() > 0 and got[:, 4:7].max() == 0


def test_flap_gate_that_lies_down_is_a_sinking_crest() -> None:
    world = world_of(np.zeros((10, 10)))
    gate = {**GATE, "gate_kind": "flap", "opening_m": 2.0}
    flood = still(world, halves(2.0, 0.0), actors_of(world, structures=gate))
    run(flood, 300.0)
    west = np.asarray(flood.water.depth)[:, 4]
    assert (west >= 1.0).all() and (west < 1.05).all()


# --- culverts, pumps, basins ------------------------------------------------------------------------

CULVERT = {"id": "C", "type": "culvert", "line": [[1.5, 5.5], [8.5, 5.5]], "shape": "circle", "diameter_m": 1.0,
           "inlet_invert_elevation_m": 0.0, "outlet_invert_elevation_m": 0.0}  # fmt: skip


def _two_basins() -> tuple[Any, np.ndarray]:
    bed = np.full((10, 10), np.nan)
    bed[5, 1], bed[5, 8] = 0.0, 0.0
    depth = np.zeros((10, 10))
    depth[5, 1], depth[5, 8] = 2.0, 0.2
    return world_of(bed, 10.0), depth


def test_culvert_levels_two_basins_without_chatter() -> None:
    world, depth = _two_basins()
    culvert = {**CULVERT, "line": [[15, 45], [85, 45]]}
    flood = still(world, np.nan_to_num(depth), actors_of(world, structures=culvert), step_s=20.0)
    levels = run(flood, 1200.0, lambda f: float(f.water.depth[5, 1] - f.water.depth[5, 8]))
    differences = np.array(levels)
    assert (np.diff(differences) <= 1e-12).all() and (differences >= -1e-12).all()
    assert differences[-1] < 1e-3
    assert flood.balance().relative_error < 1e-15


def test_culvert_with_a_flap_holds_the_river_out() -> None:
    world = world_of(np.zeros((10, 10)))
    flood = still(world, halves(0.2, 2.0), actors_of(world, structures={**CULVERT, "flap": True}))
    run(flood, 60.0)
    np.testing.assert_array_equal(flood.water.depth, halves(0.2, 2.0))


def test_short_culvert_under_a_levee_joins_both_sides() -> None:
    world = world_of(np.zeros((10, 10)), 10.0)
    levee = {"id": "L", "type": "levee", "line": [[50, 0], [50, 100]], "crest_elevation_m": 4.0}
    culvert = {**CULVERT, "line": [[41, 55], [49.5, 55]]}
    flood = still(world, halves(2.0, 0.0), actors_of(world, structures=[levee, culvert]))
    run(flood, 5.0)
    assert np.asarray(flood.water.depth)[:, 5:].max() > 0


def test_culvert_that_ends_on_a_bank_opens_at_its_foot() -> None:
    bed = np.zeros((10, 10))
    bed[:, 4:7] = 3.0
    depth = np.zeros((10, 10))
    depth[:, :4] = 2.0
    culvert = {**CULVERT, "line": [[4.5, 5.5], [6.5, 5.5]]}
    flood = still(world_of(bed), depth, actors_of(world_of(bed), structures=culvert))
    run(flood, 1.0)
    assert float(flood.water.depth[4, 7]) > 0


def test_pumps_cycle_between_their_levels() -> None:
    bed = np.full((10, 10), np.nan)
    bed[4, 1], bed[4, 8] = 0.0, 5.0
    world = world_of(bed, 10.0)
    pump = {**PUMP, "at": [15, 55], "outlet": [85, 55]}
    actors = actors_of(world, structures=pump)
    depth = np.zeros((10, 10))
    depth[4, 1] = 3.0
    flood = still(world, depth, actors, step_s=5.0)
    run(flood, 600.0)
    left = float(flood.water.depth[4, 1])
    assert left == pytest.approx(1.0, abs=0.06), "stops at the stop level"
    assert reading(actors[0], "units_running") == 0
    flood.water.add(np.array([41]), np.array([60.0]))  # to 1.6 m: within the dead band
    flood.ledger.add("rain", 60.0)
    run(flood, 60.0)
    assert float(flood.water.depth[4, 1]) == pytest.approx(left + 0.6)
    flood.water.add(np.array([41]), np.array([60.0]))
    flood.ledger.add("rain", 60.0)
    run(flood, 30.0)
    assert reading(actors[0], "units_running") == 1
    assert flood.balance().relative_error < 1e-15


@pytest.mark.parametrize("scheme", ["inertial", "full"])
def test_pump_in_one_cell_draws_a_lake_down_to_its_stop_level(scheme: str) -> None:
    world = world_of(np.zeros((12, 12)), 5.0)
    levels = {"start_level_m": 0.5, "stop_level_m": 0.4, "unit_capacity_m3_min": 180.0}
    actors = actors_of(world, structures={**PUMP, **levels, "at": [27.5, 27.5], "outlet": [999, 5]})
    flood = start(
        schemes.start(world.domain, np.full((12, 12), 0.6), Boundary.none(), Options(scheme, "float64")),
        actors,
        Maxima.start((12, 12)),
    )
    advance(flood, Plan(600.0, 600.0, 1e-12), _Silent())
    assert reading(actors[0], "units_running") == 0
    assert float(flood.water.depth.mean()) == pytest.approx(0.4, abs=0.03)


def test_pump_whose_outlet_is_outside_is_counted_out() -> None:
    world = world_of(np.zeros((10, 10)))
    actors = actors_of(world, structures={**PUMP, "outlet": [999, 5]})
    assert any("leaves the model" in said for said in world.warnings)
    flood = still(world, np.full((10, 10), 2.5), actors)
    run(flood, 1.0)
    balance = flood.balance()
    assert balance.terms["structure/P"][1] == pytest.approx(reading(actors[0], "volume_m3"))
    assert balance.out_m3 > 0 and balance.relative_error < 1e-15


def test_sump_fills_first_and_failed_pumps_do_not_lift() -> None:
    world = world_of(np.full((10, 10), 3.0))
    sump = {**PUMP, "sump_volume_m3": 30.0, "sump_floor_elevation_m": 0.0, "units": 2}
    actors = actors_of(world, structures=sump, overrides={"P": {"status": "failed"}})
    flood = still(world, np.full((10, 10), 0.5), actors)
    run(flood, 3600.0)
    assert reading(actors[0], "volume_m3") == 0.0
    assert 0 < actors[0].held_m3() <= 30.0
    assert flood.balance().relative_error < 1e-12


def test_rules_of_pumps_stand_over_their_levels() -> None:
    world = world_of(np.zeros((10, 10)))
    pump = {**PUMP, "units": 3, "rules": "stop when stage(downstream) > 1.4; start 2 units at +00:01"}
    actors = actors_of(world, structures=pump)
    flood = still(world, halves(1.5, 0.1), actors, step_s=10.0)
    seen = run(flood, 300.0, lambda f: (f.time_s, reading(actors[0], "units_running")))
    assert dict(seen)[60.0] == 0 and dict(seen)[70.0] == 2


def test_basin_fills_over_its_crest_and_feeds_a_pump() -> None:
    world = world_of(np.full((10, 10), 5.0))
    outline = [[1, 1], [4, 1], [4, 4], [1, 4]]
    basin = {"id": "R", "type": "retention_basin", "outline": outline, "floor_elevation_m": 2.0,
             "crest_elevation_m": 5.0, "stage_volume": "2:0; 5:90"}  # fmt: skip
    actors = actors_of(world, structures=basin)
    flood = still(world, np.full((10, 10), 0.5), actors)
    run(flood, 120.0)
    held = reading(actors[0], "stored_m3")
    assert 3.0 < held <= 9 * 0.5, "all the water over the basin, and none else: nothing moves it there"
    assert flood.balance().relative_error < 1e-12
    pump = {**PUMP, "at": [2.5, 2.5], "start_level_m": 2.1, "stop_level_m": 2.0, "outlet": None}
    del pump["outlet"]
    both = actors_of(world, structures=[basin, pump])
    flood = still(world, np.full((10, 10), 0.5), both)
    run(flood, 120.0)
    assert reading(both[0], "stored_m3") < 0.3 * held and flood.balance().relative_error < 1e-12


# --- breaches ---------------------------------------------------------------------------------------

LEVEE = {"id": "L", "type": "levee", "line": [[5, 0], [5, 10]], "crest_elevation_m": 3.0}


def test_breach_opens_over_its_time_and_passes_what_the_weir_law_says() -> None:
    world = world_of(np.zeros((10, 10)), 100.0)
    levee = {**LEVEE, "line": [[500, 0], [500, 1000]]}
    breach = {"levee": "L", "at": [500, 500], "width_m": 40.0, "bottom_elevation_m": 1.0, "start_h": 0.1,
              "growth_h": 0.1}  # fmt: skip
    actors = actors_of(world, structures=levee, levee_breaches=breach)
    flood = still(world, halves(2.0, 0.0), actors, step_s=10.0)
    seen = run(flood, 720.0, lambda f: (f.time_s, reading(actors[0], "width_m")))
    widths = dict(seen)
    assert widths[360.0] == 0.0 and widths[720.0] == pytest.approx(40.0, rel=0.02)
    expected = 0.0
    for mid in np.arange(365.0, 720.0, 10.0):  # width and bottom grow evenly; the lake hardly sinks
        share = (mid - 360.0) / 360.0
        expected += 40.0 * share * weir(2.0 - (3.0 - 2.0 * share), -1.0, 0.577, 0.385) * 10.0
    assert -reading(actors[0], "volume_m3", "breach-L") == pytest.approx(expected, rel=0.03)
    assert flood.balance().relative_error < 1e-14


@pytest.mark.parametrize(("trigger", "begins"), [({"when_stage_m": 1.9}, True), ({"when_stage_m": 2.1}, False),
                                                 ({"when_overtopped": True}, False)])  # fmt: skip
def test_breach_waits_for_its_stage(trigger: dict[str, Any], begins: bool) -> None:
    world = world_of(np.zeros((10, 10)))
    breach = {"levee": "L", "width_m": 4.0, "bottom_elevation_m": 0.5, "growth_h": 0.0, **trigger}
    flood = still(world, halves(2.0, 0.0), actors_of(world, structures=LEVEE, levee_breaches=[breach]))
    run(flood, 2.0)
    assert (np.asarray(flood.water.depth)[:, 5:].max() > 0) == begins


def test_breach_by_erosion_widens_under_its_head() -> None:
    world = world_of(np.zeros((10, 10)), 100.0)
    breach = {"levee": "L", "width_m": 80.0, "bottom_elevation_m": 0.5, "growth": "verheij", "start_h": 0,
              "start_width_m": 5.0, "critical_velocity_m_s": 0.2}  # fmt: skip
    levee = {**LEVEE, "line": [[500, 0], [500, 1000]]}
    actors = actors_of(world, structures=levee, levee_breaches=[breach])
    flood = still(world, halves(2.0, 0.0), actors, step_s=10.0)
    middle = next(o for o in actors[0].owners if o.id == "breach-L").rows[2:3]

    def look(_: Any) -> list[float]:
        sides = [max(actors[0].side_stage(middle, side), 0.5) for side in (0, 1)]
        return [reading(actors[0], "width_m", "breach-L"), abs(sides[0] - sides[1])]

    width, heads = np.transpose(run(flood, 5400.0, look))
    rates = [widening(h, at, 0.2) for h, at in zip(heads[36:-1], np.arange(0.0, 9000.0, 10.0), strict=False)]
    assert width[0] == 5.0 and (np.diff(width) >= 0).all()
    assert width[-1] == pytest.approx(5.0 + 10.0 * sum(rates), rel=0.01) and width[-1] > 10.0


def test_breach_through_an_embankment_of_the_terrain() -> None:
    bed = np.zeros((10, 10))
    bed[:, 4:6] = 3.0
    world = world_of(bed)
    breach = {"line": [[5, 2], [5, 8]], "width_m": 3.0, "bottom_elevation_m": 0.5, "start_h": 0, "growth_h": 0}
    depth = np.zeros((10, 10))
    depth[:, :4] = 2.0
    flood = still(world, depth, actors_of(world, levee_breaches=[breach]))
    run(flood, 2.0)
    got = np.asarray(flood.water.depth)
    assert (got[:, 6] > 0).sum() in (3, 4) and got[:, 4:6].max() == 0


def test_levee_that_has_failed_is_broken_from_the_start() -> None:
    world = world_of(np.zeros((10, 10)))
    levee = {**LEVEE, "breach_width_m": 2.0, "breach_bottom_elevation_m": 0.5}
    actors = actors_of(world, structures=levee, overrides={"L": {"status": "failed"}})
    flood = still(world, halves(2.0, 0.0), actors)
    run(flood, 1.0)
    assert (np.asarray(flood.water.depth)[:, 5] > 0).sum() == 2


# --- drains -----------------------------------------------------------------------------------------


def test_drains_take_their_capacity_and_no_more_than_there_is() -> None:
    world = world_of(np.zeros((10, 10)), 10.0)
    depth = halves(0.5, 0.001)
    flood = still(world, depth, actors_of(world, drains={"capacity_mm_h": 36.0}), step_s=0.7)
    run(flood, 600.0)
    got = np.asarray(flood.water.depth)
    assert got[0, 0] == pytest.approx(0.5 - 0.036 / 6, abs=2e-5) and got[0, 9] == 0.0
    assert flood.balance().relative_error < 1e-12


def test_inlets_drain_their_cells_up_to_their_capacity() -> None:
    world = world_of(np.zeros((10, 10)), 10.0)
    inlets = [{"at": [5, 5]}, {"at": [95, 5], "capacity_m3_s": 0.001, "name": "small"}]
    actors = actors_of(world, drains={"inlets": inlets})
    flood = still(world, np.full((10, 10), 0.3), actors)
    run(flood, 100.0)
    assert reading(actors[0], "volume_m3", "small") == pytest.approx(0.1)
    assert reading(actors[0], "volume_m3", "inlet-1") > 10
    assert flood.balance().relative_error < 1e-12


# --- going on, and bad input ------------------------------------------------------------------------


def test_a_run_goes_on_bit_by_bit() -> None:
    bed = np.zeros((10, 10))
    sections: dict[str, Any] = {
        "structures": [
            {**LEVEE, "id": "L"},
            {**GATE, "line": [[5, 1], [5, 3]], "width_m": 2.0, "opening_rate_m_min": 0.5,
             "rules": "open 1 m when stage(downstream) >= 1 for 20 s; close when stage(downstream) < 1"},
            {**CULVERT, "line": [[1.5, 5.5], [8.5, 5.5]]},
            {**PUMP, "lag_min": 0.5, "ramp_min": 1.0, "sump_volume_m3": 5.0, "sump_floor_elevation_m": -4.0,
             "start_level_m": -1.0, "stop_level_m": -3.0},
            {"id": "B", "type": "bridge", "line": [[2, 0], [2, 10]], "low_chord_elevation_m": 1.9,
             "deck_thickness_m": 0.5},
        ],
        "levee_breaches": [
            {"levee": "L", "width_m": 3, "bottom_elevation_m": 1, "start_h": 0.01, "growth_h": 0.05}
        ],
        "drains": {"capacity_mm_h": 30, "inlets": [{"at": [3, 3]}]},
    }  # fmt: skip
    world = world_of(bed)

    def fresh() -> Any:
        return still(world, halves(2.0, 0.1), actors_of(world, **sections), "float32", 1.3)

    whole, first, second = fresh(), fresh(), fresh()
    run(whole, 90.0, error=1e-6)
    run(whole, 90.0, error=1e-6)
    run(first, 90.0, error=1e-6)
    saved = first.save()
    second.load({"facts": saved["facts"], "arrays": {k: np.array(v) for k, v in saved["arrays"].items()}})
    run(second, 90.0, error=1e-6)
    np.testing.assert_array_equal(second.water.depth, whole.water.depth)
    again, straight = second.save()["arrays"], whole.save()["arrays"]
    for name, values in straight.items():
        np.testing.assert_array_equal(again[name], values, err_msg=name)


@pytest.mark.parametrize(
    ("sections", "where"),
    [
        ({"structures": WEIR, "overrides": {"V": {"status": "failed"}}}, "overrides.V"),
        ({"structures": WEIR, "overrides": {"W": {"opening_m": 1}}}, "overrides.W.opening_m"),
        ({"structures": WEIR, "overrides": {"W": {"crest_elevation_m": "high"}}}, "overrides.W.crest_elevation_m"),
        ({"levee_breaches": [{"levee": "X", "start_h": 0, "width_m": 1}]}, "levee_breaches[0].levee"),
        ({"structures": LEVEE, "levee_breaches": [{"levee": "L", "start_h": 0, "width_m": 1}]},
         "levee_breaches[0].bottom_elevation_m"),
        ({"structures": LEVEE, "levee_breaches": [{"levee": "L", "start_h": 0, "width_m": 1, "at": [900, 5],
          "bottom_elevation_m": 1}]}, "levee_breaches[0].at"),
        ({"levee_breaches": [{"levee": "X"}]}, "levee_breaches[0].start_h"),
        ({"structures": "nowhere"}, "structures"),
        ({"structures": [{"id": "W", "type": "weir", "crest_elevation_m": 1}]}, "structures[0].line"),
        ({"drains": {"capacity_mm_h": -1}}, "drains.capacity_mm_h"),
        ({"drains": {"inlets": [{"at": [1, 1], "node": "J"}]}}, "drains.swmm"),
        ({"drains": {"inlets": [{"at": [99, 1]}]}}, "drains.inlets[0].at"),
    ],
)  # fmt: skip
def test_wrong_fields_are_named(sections: dict[str, Any], where: str) -> None:
    with pytest.raises(BadSpec) as error:
        actors_of(world_of(np.zeros((10, 10))), **sections)
    assert error.value.field == where


@pytest.mark.parametrize(
    "given",
    [
        {**WEIR, "line": [[500, 0], [500, 10]]},  # outside
        {**WEIR, "crest_elevation_m": 99_999},
        {"id": "W", "type": "weir", "line": [[5, 0], [5, 10]]},  # no crest
        {**WEIR, "line": [[0, 0], [0, 10]]},  # along the edge
        {**WEIR, "crest": 3},  # no such field
        {**WEIR, "type": "wier"},
    ],
)
def test_impossible_structures_are_named_by_id(given: dict[str, Any]) -> None:
    with pytest.raises(BadFacility) as error:
        actors_of(world_of(np.zeros((10, 10))), structures=[given])
    assert error.value.feature == "W"


def test_structures_of_files_outside_the_domain_are_told_and_left_out(tmp_path: Any) -> None:
    file = tmp_path / "works.csv"
    file.write_text(
        "# crs: EPSG:5186; vertical_datum: KVD1964\nid,type,geometry,crest_elevation_m\n"
        'IN,weir,"LINESTRING (200005 550000, 200005 550010)",1\n'
        'OUT,weir,"LINESTRING (210000 550000, 210000 550010)",1\n',
        encoding="utf-8",
    )
    world = world_of(np.zeros((10, 10)), west=200_000.0, south=550_000.0)
    actors = works_of({"structures": str(file)}, tmp_path / "s.yaml").build(world)
    assert len(actors) == 1 and reading(actors[0], "volume_m3", "IN") == 0.0
    assert any("OUT" in said for said in world.warnings)
