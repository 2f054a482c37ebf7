"""The full shallow-water equations against closed forms, and what must hold on any terrain."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from naru.errors import BadSpec
from tests import flood_cases as cases
from tests.flood_cases import Basin, along, ends, run, speed
from twin.flood.records import DISCHARGE, EAST, NORTH, OPEN, SOUTH, STAGE, WEST, Boundary, Maxima, Water
from twin.grid import Values

needs_cases = pytest.mark.skipif(not cases.CASES.is_dir(), reason="the public flood cases are not beside")
PRECISIONS = ("float32", "float64")
STILL = {"float32": 1e-5, "float64": 1e-10}
BALANCED = {"float32": 1e-6, "float64": 1e-12}


def _error(water: Water, before: float) -> float:
    """Return the relative volume error of a run that started with `before` m³."""
    come, gone = water.passed_in_m3.sum(), water.passed_out_m3.sum()
    return abs(water.stored_m3() - before - come + gone) / max(before + come, 1e-9)


@needs_cases
@pytest.mark.parametrize(("name", "order", "most"), [("stoker", 1, 8.5e-3), ("stoker", 2, 1.5e-3)])
def test_dam_break_on_a_wet_bed_is_stokers(name: str, order: int, most: float) -> None:
    assert cases.dam_break(400, name, order=order) < most


@needs_cases
@pytest.mark.parametrize(("order", "most"), [(1, 9e-3), (2, 2.1e-3)])
def test_dam_break_on_a_dry_bed_is_ritters(order: int, most: float) -> None:
    assert cases.dam_break(400, "ritter", order=order) < most


@needs_cases
@pytest.mark.parametrize(
    ("name", "q", "most"), [("subcritical", 4.42, 2e-4), ("transcritical", 1.53, 2e-3), ("shock", 0.18, 6e-3)]
)
def test_steady_flow_over_a_bump_is_bernoullis(name: str, q: float, most: float) -> None:
    found = cases.bump(name, 125, 120)
    assert cases.off(found.depth, found.exact) < most
    assert np.median(np.abs(found.flow / q - 1)) < 3e-3
    if name == "shock":
        assert abs(found.x[np.argmax(np.diff(found.depth))] + 0.1 - 11.6656) < 0.2  # a cell


@needs_cases
@pytest.mark.parametrize("name", ["norain", "rain"])
def test_macdonalds_channel_is_met(name: str) -> None:
    assert cases.macdonald(name, 2400) < 0.003


@needs_cases
def test_thackers_bowls_swing_in_time() -> None:
    assert cases.thacker_1d(200, 1) < 0.004
    assert cases.thacker_radial(50, 1) < 0.045
    assert cases.thacker_planar(4, 0.5) < 0.045


@needs_cases
def test_films_that_water_leaves_behind_are_neither_lost_nor_doubled_where_work_ends() -> None:
    water = cases.planar_bowl(1)
    before = water.stored_m3()
    run(water, 3.5)
    assert _error(water, before) < 1e-12
    assert water.wet_cells < 40_000


@needs_cases
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_lake_round_three_humps_stays_still(precision: str) -> None:
    water = cases.three_humps("cp", 0.0, precision=precision)
    run(water, 60)
    assert speed(water) < STILL[precision]


@needs_cases
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_dam_break_over_three_humps_keeps_its_water_and_comes_to_rest(precision: str) -> None:
    water = cases.three_humps("db_orig", 0.018, precision=precision)
    before = water.stored_m3()
    run(water, 2)
    assert 22 <= np.flatnonzero((water.depth > 1e-3).any(0)).max() <= 34  # at the small humps
    run(water, 298)
    qx, qy = water.flow()
    assert np.hypot(qx, qy).sum() / water.depth.sum() < 0.1  # a slow seiche is left: friction falls with its square
    assert _error(water, before) < BALANCED[precision]
    assert water.repaired_m3 == 0
    assert water.depth.min() >= 0


@needs_cases
def test_a_dam_break_in_a_flume_goes_round_a_building() -> None:
    water, at = cases.ucl_flume(0.1)
    before = water.stored_m3()
    peak = dict.fromkeys(cases.UCL_GAUGES, 0.0)

    def look(_: float) -> None:
        for name in peak:
            peak[name] = max(peak[name], float(water.depth[at(name)]))

    run(water, 6, look, 0.05)
    for name in ("G1", "G3", "G4", "G5"):
        assert peak[name] == pytest.approx(cases.UCL_GAUGES[name][2], abs=0.025)
    assert _error(water, before) < 1e-6


def _flowing(basin: Basin, east: Values, south: Values) -> Water:
    """Return water that moves with these velocities, m/s."""
    water = basin.water()
    saved = {k: np.array(v) for k, v in water.save().items()}
    for name, speeds in (("qx", east), ("qy", south)):
        saved[name] = (speeds * saved["depth"]).astype(saved[name].dtype)
    saved["facts"][2] = 10.0  # faster than anything: the first step is short
    water.load(saved)
    return water


@pytest.mark.parametrize("wall", [1.0, math.nan])  # a bed that rises, and the outside
def test_a_bore_runs_back_from_a_wall_as_conservation_demands(wall: float) -> None:
    u, rise = 3 * math.sqrt(9.81 * 0.05), 4.86399  # Froude number 3: u = (rise - 1)·√(g·h/2·(1 + 1/rise))
    bed, depth = np.zeros((3, 400)), np.full((3, 400), 0.05)
    bed[:, 350:], depth[:, 350:] = wall, 0
    water = _flowing(Basin(bed, depth, 0.05), np.full((3, 400), u), np.zeros((3, 400)))
    run(water, 3)
    np.testing.assert_allclose(water.depth[1, 325:350], 0.05 * rise, rtol=2e-3)
    front = (350 - np.argmax(water.depth[1, :350] > 0.15)) * 0.05
    assert front == pytest.approx(3 * u / (rise - 1), abs=0.05)


@pytest.mark.parametrize(("degrees", "keeps"), [(45, 0.999), (26.565, 0.95), (64, 0.95), (10, 0.9)])
def test_water_runs_along_a_wall_that_is_a_stair_in_the_grid(degrees: float, keeps: float) -> None:
    """A channel 8 cells wide without friction; 4 s after, the ends are not yet felt in its middle."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    rows, columns = round(60 * s + 8 * c) + 10, round(60 * c + 8 * s) + 10
    x, y = np.meshgrid(np.arange(columns) + 0.5 - 8 * s - 4.9, rows - np.arange(rows) - 5.4)
    along, across = x * c + y * s, y * c - x * s
    free = (along > 0) & (along < 60) & (across > 0) & (across < 8)
    basin = Basin(np.where(free, 0.0, 3.0), np.where(free, 1.0, 0.0), 1.0)
    water = _flowing(basin, np.full(free.shape, 1.5 * c), np.full(free.shape, -1.5 * s))
    run(water, 4)
    qx, qy = water.flow()
    speeds = (qx * c - qy * s)[free & (along > 25) & (along < 35)]
    assert keeps * 1.5 < speeds.mean() < 1.5 * 1.001  # nor is it driven


def test_a_jump_stands_off_a_slanted_wall_at_its_angle() -> None:
    """Flow of Froude number 4 along a wall that turns by 20° (Ippen 1951): a jump at 34.0°, 0.270 m deep."""
    dx, upstream = 0.1, 16.0
    columns, rows = round((6 + upstream) / dx), 40
    x, y = np.meshgrid((np.arange(columns) + 0.5) * dx - upstream, (rows - np.arange(rows) - 0.5) * dx)
    solid = y < np.maximum(0, (x - 1) * math.tan(math.radians(20)))
    out = ends(rows, columns, east=(OPEN, 0.0, 0.0))
    basin = Basin(np.where(solid, 1.0, 0.0), np.where(solid, 0, 0.1), dx, 0.0, out)
    water = _flowing(basin, np.full(solid.shape, 4 * math.sqrt(9.81 * 0.1)), np.zeros(solid.shape))
    run(water, 3.2)
    for at in (3.0, 4.0, 5.0):
        column = round((at + upstream) / dx)
        wall, front = (at - 0.95) * math.tan(math.radians(20)), (at - 0.95) * math.tan(math.radians(34.02))
        height = y[:, column]
        behind = (height > wall + 0.1 * (front - wall)) & (height < wall + 0.8 * (front - wall))
        assert water.depth[behind, column].mean() == pytest.approx(0.270, rel=0.06)
        found = height[(water.depth[:, column] > 0.185) & (height > wall)].max() + dx / 2
        assert math.degrees(math.atan2(found, at - 0.95)) == pytest.approx(34.02, abs=2.5)


def _smooth(cells: int, order: int) -> Values:
    """Return the depth after a smooth hump has begun to spread over a wavy bed, before any shock."""
    x = (np.arange(cells * 8) + 0.5) / (cells * 8) * 10
    bed = 0.1 * np.sin(2 * np.pi * x / 10) ** 2
    stage = 1 + 0.1 * np.exp(-(((x - 5) / 0.8) ** 2))
    bed, depth = (v.reshape(cells, 8).mean(1) for v in (bed, stage - bed))
    water = Basin(along(bed, 1), along(depth, 1), 10 / cells).water(order=order, precision="float64")
    run(water, 0.6)
    return water.depth[0]


@pytest.mark.parametrize(("order", "least"), [(1, 0.85), (2, 1.75)])
def test_the_error_falls_with_the_order(order: int, least: float) -> None:
    fine = _smooth(1600, 2)
    errors = [cases.off(_smooth(n, order), fine.reshape(n, -1).mean(1)) for n in (100, 200, 400)]
    assert math.log2(errors[0] / errors[2]) / 2 > least


@pytest.mark.parametrize("order", [1, 2])
def test_a_round_dam_break_stays_symmetric(order: int) -> None:
    y, x = np.mgrid[0:41, 0:41] - 20.0
    depth = np.where(np.hypot(x, y) < 8, 2.0, 0.1)
    water = Basin(np.zeros((41, 41)), depth, 1.0, 0.02).water(order=order, precision="float64")
    run(water, 5)
    for other in (water.depth.T, water.depth[::-1], water.depth[:, ::-1]):
        np.testing.assert_allclose(water.depth, other, rtol=0, atol=1e-12)


def _hills(rows: int = 150, columns: int = 330) -> Basin:
    y, x = np.mgrid[0:rows, 0:columns]
    bed = 3 * np.sin(x / 23) * np.cos(y / 17) + 0.01 * x
    bed[60:75, 100:140] = np.nan
    return Basin(bed, np.where(np.hypot(x - 60, y - 70) < 30, 4.0, 0), 2.0, 0.03)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_threads_change_no_bit(precision: str) -> None:
    alone, shared = (_hills().water(threads=n, precision=precision) for n in (1, 3))
    for water in (alone, shared):
        run(water, 20)
    for name, values in alone.save().items():
        np.testing.assert_array_equal(values, shared.save()[name])


def test_a_saved_run_goes_on_bit_by_bit() -> None:
    whole, part = _hills().water(), _hills().water()
    faces = np.arange(100 * 331, 100 * 331 + 50)
    for water in (whole, part):
        for _ in range(40):
            water.step(0.8 * water.longest_step())
        water.block(faces, np.empty(0, np.int64))
    saved = {k: np.array(v) for k, v in part.save().items()}
    other = _hills().water()
    other.load(saved)
    for _ in range(40):
        for water in (whole, other):
            water.step(0.8 * water.longest_step())
    for name, values in whole.save().items():
        np.testing.assert_array_equal(values, other.save()[name])


def test_dry_land_is_not_worked_on_until_water_comes() -> None:
    water = Basin(np.zeros((320, 640)), np.zeros((320, 640)), 10.0, 0.03).water()
    assert water.longest_step() == 20.0
    assert water.wet_cells == 0
    cells = (np.arange(150, 170)[:, None] * 640 + np.arange(310, 330)).ravel()
    water.add(cells, np.full(400, 125.0))
    run(water, 300)
    assert 0 < water.wet_cells < 0.5 * 320 * 640
    assert (water.depth > 1e-3).sum() > 900
    assert water.stored_m3() == pytest.approx(50_000, rel=1e-9)


def _edges(shape: tuple[int, int], kind: int, value: float, slope: float = 0.0) -> Boundary:
    """Return the whole edge: corner cells have two faces."""
    index = np.arange(shape[0] * shape[1]).reshape(shape)
    sides = {WEST: index[:, 0], EAST: index[:, -1], NORTH: index[0], SOUTH: index[-1]}
    cell = np.concatenate(list(sides.values()))
    side = np.concatenate([np.full(len(v), k, np.int8) for k, v in sides.items()])
    full = np.full(cell.size, 1.0)
    return Boundary(
        cell,
        side,
        np.full(cell.size, kind, np.int8),
        full * slope,
        full * value,
        np.zeros(cell.size, np.int32),
        ("all",),
    )


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kind", [STAGE, DISCHARGE, OPEN])
def test_a_lake_stays_still_at_an_edge_that_asks_for_nothing(kind: int, precision: str) -> None:
    y, x = np.mgrid[0:20, 0:30]
    bed = 0.3 * np.sin(x / 5) * np.cos(y / 4) + 0.02 * x
    value = 1.5 if kind == STAGE else 0.0
    water = Basin(bed, np.maximum(1.5 - bed, 0), 1.0, 0.03, _edges(bed.shape, kind, value)).water(
        precision=precision
    )
    run(water, 30)
    assert speed(water) < STILL[precision]


@pytest.mark.parametrize("slope", [0.001, 0.05])  # subcritical, supercritical
def test_normal_flow_runs_through_a_channel_unchanged(slope: float) -> None:
    q, n, columns = 1.0, 0.03, 60
    normal = (q * n / math.sqrt(slope)) ** 0.6
    bed = along(-slope * 5.0 * np.arange(columns))
    edge = ends(3, columns, west=(DISCHARGE, 0.0, q), east=(OPEN, slope, 0.0))
    water = Basin(bed, np.full(bed.shape, normal), 5.0, n, edge).water()
    run(water, 3600)
    middle = water.depth[1, 10:-10]
    assert np.abs(middle / normal - 1).max() < 2e-3
    assert abs(water.depth[1, -1] / normal - 1) < 0.05
    assert water.passed_in_m3[0] == pytest.approx(q * 15 * 3600, rel=1e-9)


def test_a_stage_above_fills_a_dry_basin_to_the_stage() -> None:
    bed = along(np.linspace(0, 0.5, 40), 5)
    edge = ends(5, 40, west=(STAGE, 0.0, 1.0))
    water = Basin(bed, np.zeros(bed.shape), 2.0, 0.05, edge).water()
    run(water, 1500)
    np.testing.assert_allclose(water.depth + bed, 1.0, atol=2e-2)
    assert _error(water, 0.0) < 1e-6


@pytest.mark.parametrize("cliff_m", [1.0, 20.0])
def test_a_film_of_rain_runs_down_a_plane_and_over_a_cliff(cliff_m: float) -> None:
    cells, slope, n, rain = 30, 0.05, 0.015, 3e-6  # m/s
    bed = -10.0 * slope * np.arange(float(cells))
    bed[-2:] -= cliff_m
    water = Basin(along(bed), np.zeros((3, cells)), 10.0, n).water()
    every, time_s, steps = np.arange(3 * cells), 0.0, 0
    while time_s < 1800:
        dt = min(water.longest_step(), 1800 - time_s)
        water.add(every, np.full(every.size, rain * dt * 100))
        water.step(dt)
        time_s, steps = time_s + dt, steps + 1
    passed = rain * 10.0 * (np.arange(cells - 2) + 0.5)  # at the cells' middles: kinematic, as the slope is steep
    normal = (passed * n / math.sqrt(slope)) ** 0.6
    depth = water.depth[1, :-2]
    np.testing.assert_allclose(depth[2:-3], normal[2:-3], rtol=0.02)
    assert depth[-3:].max() < 1.1 * normal[-1]  # not dammed up by the cliff
    assert steps < 1000


def test_an_edge_inside_beside_cells_outside_lets_water_through() -> None:
    bed = np.zeros((10, 20))
    bed[:, 12:] = np.nan
    cell = np.arange(10) * 20 + 11
    ones = np.ones(10)
    edge = Boundary(
        cell,
        np.full(10, EAST, np.int8),
        np.full(10, OPEN, np.int8),
        0.01 * ones,
        ones,
        np.zeros(10, np.int32),
        ("out",),
    )
    water = Basin(bed, np.full(bed.shape, 1.0), 1.0, 0.03, edge).water()
    before = water.stored_m3()
    assert before == 120
    run(water, 60)
    assert water.passed_out_m3[0] > 60
    assert not water.depth[:, 12:].any()
    assert _error(water, before) < 1e-6
    assert water.repaired_m3 == 0


def test_more_is_not_drawn_through_an_edge_than_is_there() -> None:
    edge = ends(4, 8, east=(DISCHARGE, 0.0, -5.0))
    water = Basin(np.zeros((4, 8)), np.full((4, 8), 0.2), 1.0, 0.03, edge).water()
    before = water.stored_m3()
    run(water, 10)
    assert water.depth.min() >= 0
    assert water.passed_out_m3[0] <= before
    assert _error(water, before) < 1e-6


def test_nothing_passes_a_face_that_is_shut_until_it_opens() -> None:
    depth = along(np.where(np.arange(20) < 10, 1.0, 0.0), 4)
    water = Basin(np.zeros((4, 20)), depth, 1.0).water()
    faces = np.arange(4) * 21 + 10
    water.block(faces, np.empty(0, np.int64))
    run(water, 10)
    assert speed(water) < 1e-5
    assert not water.depth[:, 10:].any()
    water.block(faces, np.empty(0, np.int64), closed=False)
    run(water, 10)
    assert water.depth[:, 10:].min() > 0.1


def test_water_taken_keeps_the_velocity_and_water_added_the_momentum() -> None:
    water = Basin(np.zeros((3, 100)), along(np.where(np.arange(100) < 50, 1.0, 0.5)), 1.0).water(
        precision="float64"
    )
    run(water, 5)
    cell = np.array([150])
    h, q = float(water.depth[1, 50]), float(water.flow()[0][1, 50])
    assert water.add(cell, np.array([-0.25 * h]))[0] == pytest.approx(-0.25 * h)
    assert water.flow()[0][1, 50] / water.depth[1, 50] == pytest.approx(q / h)
    less = float(water.flow()[0][1, 50])
    water.add(cell, np.array([1.0]))
    assert water.flow()[0][1, 50] == less
    everything = float(water.depth[1, 50])
    assert water.add(cell, np.array([-9.0]))[0] == pytest.approx(-everything)
    assert water.depth[1, 50] == 0


def test_rain_in_drops_too_small_for_float32_is_kept() -> None:
    water = Basin(np.zeros((8, 8)), np.full((8, 8), 10.0), 1.0).water()
    cells, drops = np.arange(64), np.full(64, 1e-8)
    before = water.stored_m3()
    for _ in range(200):
        water.add(cells, drops)
        water.step(0.01)
    assert water.stored_m3() - before == pytest.approx(200 * 64e-8, rel=1e-4)


def test_maxima_are_those_of_the_worst_moment() -> None:
    water = Basin(np.zeros((3, 60)), along(np.where(np.arange(60) < 20, 2.0, 0.0)), 1.0).water()
    best = Maxima.start((3, 60))
    deepest, worst = np.zeros((3, 60)), np.zeros((3, 60))
    time_s = 0.0
    for _ in range(60):
        dt = water.longest_step()
        water.step(dt)
        time_s += dt
        water.track(best, time_s, dt)
        h = water.depth.astype(float)
        v = np.where(h > 1e-5, np.hypot(*water.flow()) / np.maximum(h, 1e-5), 0)
        factor = np.where(h <= 0.25, 0.0, np.where(h <= 0.75, 0.5, 1.0))
        deepest = np.maximum(deepest, np.where(h > 1e-5, h, 0))
        worst = np.maximum(worst, np.where(h > 1e-5, h * (v + 0.5) + factor, 0))
    np.testing.assert_allclose(best.depth, deepest, rtol=1e-5)
    np.testing.assert_allclose(best.hazard, worst, rtol=1e-4)
    reached = best.depth >= best.threshold_m
    assert np.isfinite(best.arrival[reached]).all()
    assert np.isnan(best.arrival[~reached]).all()
    assert (np.diff(best.arrival[1, 21:40]) >= 0).all()
    assert (best.duration <= time_s + 1e-3).all()


@pytest.mark.parametrize("field", [{"cfl": 2.0}, {"order": 3}, {"precision": "float16"}, {"dry_m": 0.0}])
def test_an_option_out_of_range_is_named(field: dict[str, object]) -> None:
    with pytest.raises(BadSpec, match=next(iter(field))):
        Basin(np.zeros((3, 3)), np.zeros((3, 3)), 1.0).water(**field)


HEIGHTS = arrays(np.float64, (9, 11), elements=st.floats(-3, 3, width=32))
DEPTHS = arrays(np.float64, (9, 11), elements=st.one_of(st.just(0.0), st.floats(0, 3, width=32)))


@settings(max_examples=25)
@given(HEIGHTS, DEPTHS, st.sampled_from([1, 2]), st.sampled_from(PRECISIONS), st.sampled_from([0.0, 0.05]))
def test_on_any_terrain_no_depth_is_negative_and_no_water_lost(
    bed: Values, depth: Values, order: int, precision: str, n: float
) -> None:
    bed[4, 5] = np.nan
    edge = ends(9, 11, west=(STAGE, 0.0, 1.0), east=(OPEN, 0.01, 0.0))
    water = Basin(bed, depth, 1.0, n, edge).water(order=order, precision=precision)
    before = water.stored_m3()
    for _ in range(40):
        water.step(water.longest_step())
        assert water.depth.min() >= 0
        assert np.isfinite(water.depth).all()
    assert water.repaired_m3 == 0
    assert abs(_error(water, before)) < BALANCED[precision]


@settings(max_examples=25)
@given(HEIGHTS, st.floats(-2, 3), st.sampled_from([1, 2]), st.sampled_from(PRECISIONS))
def test_on_any_terrain_a_lake_is_still(bed: Values, stage: float, order: int, precision: str) -> None:
    water = Basin(bed, np.maximum(stage - bed, 0), 1.0).water(order=order, precision=precision)
    for _ in range(40):
        water.step(min(water.longest_step(), 1.0))
    deep = water.depth > 1e-3
    fastest = (np.hypot(*water.flow())[deep] / water.depth[deep]).max(initial=0.0)
    assert fastest < STILL[precision]
