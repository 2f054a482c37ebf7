"""The local inertial scheme: against closed forms, and water is counted."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from naru.errors import BadSpec
from twin.flood import advance as course
from twin.flood.inertial.scheme import InertialWater, start
from twin.flood.records import DISCHARGE, EAST, NORTH, OPEN, SOUTH, STAGE, WEST, Boundary, Domain, Maxima, Options
from twin.grid import Floats, Frame, Values

Shared = Callable[[str], Path]
_SIDES = {"west": WEST, "east": EAST, "north": NORTH, "south": SOUTH}
_SINGLE, _DOUBLE = 1e-6, 1e-12  # greatest relative errors of volume
_ERRORS = [("float32", _SINGLE), ("float64", _DOUBLE)]


def water(
    bed: Any, depth: Any = 0.0, cell_m: float = 10.0, n: Any = 0.03, edge: Boundary | None = None, **options: Any
) -> InertialWater:
    bed = np.atleast_2d(np.asarray(bed, float))
    frame = Frame(0.0, bed.shape[0] * cell_m, cell_m, *bed.shape, "")
    manning = np.broadcast_to(np.asarray(n, np.float32), bed.shape).copy()
    wet = np.broadcast_to(np.asarray(depth, float), bed.shape)
    return start(Domain(frame, bed, manning), wet, edge or Boundary.none(), Options(**options))


def faces(shape: tuple[int, int], *sides: tuple[str, int, float, float]) -> Boundary:
    """Return whole edges: side, kind, slope, value."""
    index = np.arange(shape[0] * shape[1]).reshape(shape)
    cells = [
        {"west": index[:, 0], "east": index[:, -1], "north": index[0], "south": index[-1]}[s[0]] for s in sides
    ]
    counts = [len(c) for c in cells]

    def each(values: list[Any], kind: Any) -> Any:
        return np.repeat(np.array(values, kind), counts)

    return Boundary(
        np.concatenate(cells).astype(np.int64),
        each([_SIDES[s[0]] for s in sides], np.int8),
        each([s[1] for s in sides], np.int8),
        each([s[2] for s in sides], float),
        each([s[3] for s in sides], float),
        each(list(range(len(sides))), np.int32),
        tuple(s[0] for s in sides),
    )


class Rain:
    """Rain on every cell that is not outside, counted."""

    def __init__(self, water: InertialWater, rate_m_s: float) -> None:
        self.cells = np.flatnonzero(water.domain.active)
        self.volume = rate_m_s * water.domain.area_m2
        self.water, self.fallen = water, 0.0

    def __call__(self, dt: float) -> None:
        self.fallen += float(self.water.add(self.cells, np.full(self.cells.size, self.volume * dt)).sum())


def run(water: InertialWater, seconds: float, before: Callable[[float], None] | None = None) -> int:
    time_s, steps = 0.0, 0
    while time_s < seconds - 1e-9:
        dt = min(water.longest_step(), seconds - time_s)
        if before:
            before(dt)
        water.step(dt)
        time_s += dt
        steps += 1
    return steps


def error(water: InertialWater, initial: float, fallen: float = 0.0) -> float:
    """Return the relative volume error."""
    come = initial + fallen + float(water.passed_in_m3.sum())
    gone = float(water.passed_out_m3.sum()) + water.stored_m3()
    return abs(come - gone) / come


def valley(rows: int = 60, columns: int = 150, seed: int = 1) -> Floats:
    """Return a rough valley that falls eastwards, with a wood of pits and humps."""
    y, x = np.mgrid[:rows, :columns].astype(float)
    rough = np.random.default_rng(seed).random((rows, columns))
    return 40 + 0.02 * (columns - x) + 0.03 * np.abs(y - rows / 2) + 0.8 * rough


def table(path: Path) -> Floats:
    with path.open() as file:
        return np.array([[float(v) for v in row] for row in list(csv.reader(file))[1:]])


@pytest.mark.parametrize(("precision", "limit"), [("float32", 1e-5), ("float64", 1e-10)])
@pytest.mark.parametrize("base", [0.0, 312.7])
def test_a_lake_around_an_emerged_bump_stays_at_rest(precision: str, limit: float, base: float) -> None:
    x = (np.arange(80) + 0.5) * 0.25
    bump = np.maximum(0.0, 0.2 - 0.05 * (x - 10) ** 2)[None].repeat(20, 0)
    depth = np.maximum(0.1 - bump, 0.0)
    lake = water(base + bump, depth, 0.25, 0.0, precision=precision)
    maxima = Maxima.start(bump.shape)
    for step in range(400):
        lake.step(lake.longest_step())
        lake.track(maxima, float(step), 1.0)
    assert maxima.speed.max() < limit * (1 if base == 0 else 40)  # heights of 312.7 m have 24 bits, too
    np.testing.assert_allclose(lake.depth, depth, atol=limit)


@pytest.mark.parametrize(
    ("name", "inflow", "rain", "limit"), [("norain", 2.0, 0.0, 0.03), ("rain", 1.0, 1e-3, 0.035)]
)
def test_macdonald_flow_is_that_of_its_equations(
    shared: Shared, name: str, inflow: float, rain: float, limit: float
) -> None:
    x, bed, stage = table(shared(f"flood/macdonald/mcdo_{name}.csv")).T
    end = stage[-1] + (stage[-1] - stage[-2]) / 2
    edge = faces((1, 200), ("west", DISCHARGE, 0, inflow), ("east", STAGE, 0, end))
    river = water(bed, 0.0, 5.0, 0.033, edge)
    fall = Rain(river, rain)
    run(river, 5000, fall)
    found = river.depth[0] + bed
    assert np.abs(found - stage).mean() <= limit  # Itzï's own limits: nearly critical flow, no advection
    assert np.abs(found - _backwater(x, bed, end, inflow, rain)).mean() <= 0.005
    assert error(river, 0.0, fall.fallen) < _SINGLE


def _backwater(x: Floats, bed: Floats, end: float, inflow: float, rain: float) -> Floats:
    """Return the steady stage without advection: its slope is that of friction alone."""
    slope = np.polyfit(x[-2:], bed[-2:], 1)

    def fall(s: float, level: Floats) -> Floats:
        here = np.interp(s, x, bed) if s < x[-1] else np.polyval(slope, s)
        return -((0.033 * (inflow + rain * s)) ** 2) / np.maximum(level - here, 0.05) ** (10 / 3)

    solved = solve_ivp(fall, (1000.0, x[0]), [end], t_eval=x[::-1], rtol=1e-8, max_step=2.0)
    out: Floats = solved.y[0][::-1]
    return out


def test_rain_on_a_plane_runs_off_as_the_kinematic_wave(shared: Shared) -> None:
    times, reference = table(shared("flood/v_catchment/plane_outflow_kinematic.csv")).T
    columns, cell = 160, 5.0
    bed = 0.05 * (800 - (np.arange(columns) + 0.5) * cell)
    plane = water(bed, 0.0, cell, 0.015, faces((1, columns), ("east", OPEN, 0.05, 0)))
    rain, found = Rain(plane, 10.8e-3 / 3600), []
    for time_s in times[:-1]:
        before = plane.passed_out_m3[0]
        run(plane, 30.0, rain if time_s < 5400 else None)
        found.append((plane.passed_out_m3[0] - before) / 30 / cell * 1000)
    middle = (reference[:-1] + reference[1:]) / 2
    assert np.sqrt(np.mean((np.array(found) - middle) ** 2)) < 0.01  # of 2.400 m³/s at equilibrium
    assert found[179] == pytest.approx(2.4, rel=1e-5)
    assert error(plane, 0.0, rain.fallen) < _SINGLE


def test_v_catchment_reaches_its_equilibrium() -> None:
    cell, rows, columns = 20.0, 50, 81
    x, y = np.meshgrid((np.arange(columns) + 0.5) * cell - 810, (np.arange(rows) + 0.5) * cell)
    channel = np.abs(x) < 10
    bed = 0.02 * (1000 - y) + 0.05 * np.maximum(np.abs(x) - 10, 0)
    outlet = Boundary(
        np.flatnonzero(channel[-1]) + (rows - 1) * columns,
        *(np.array([v], np.int8) for v in (SOUTH, OPEN)),
        np.array([0.02]),
        np.zeros(1),
        np.zeros(1, np.int32),
        ("outlet",),
    )
    v = water(bed, 0.0, cell, np.where(channel, 0.15, 0.015), outlet)
    rain = Rain(v, 10.8e-3 / 3600)
    run(v, 5100, rain)
    before = v.passed_out_m3[0]
    run(v, 300, rain)
    assert (v.passed_out_m3[0] - before) / 300 == pytest.approx(4.860, rel=1e-3)
    assert error(v, 0.0, rain.fallen) < _SINGLE


@pytest.mark.parametrize(("precision", "limit"), _ERRORS)
def test_no_water_is_lost_where_a_rough_valley_floods_and_drains(precision: str, limit: float) -> None:
    bed = valley()
    bed[20:30, 70:90] = np.nan
    edge = faces(bed.shape, ("west", DISCHARGE, 0, 0.4), ("east", OPEN, 0.01, 0))
    flood = water(bed, 0.0, 10.0, 0.04, edge, precision=precision)
    rain = Rain(flood, 50e-3 / 3600)
    run(flood, 900, rain)
    edge.value[:] = 0.0
    run(flood, 900)
    assert error(flood, 0.0, rain.fallen) < limit
    assert flood.depth.min() >= 0
    assert not flood.depth[20:30, 70:90].any()
    assert abs(flood.repaired_m3) < limit * rain.fallen


@pytest.mark.parametrize(("precision", "limit"), _ERRORS)
def test_deep_water_does_not_swallow_small_gains(precision: str, limit: float) -> None:
    """A lake 12 m deep rises by less a step than float32 can tell there."""
    edge = faces((10, 12), ("north", DISCHARGE, 0, 2e-6))
    lake = water(np.zeros((10, 12)), 12.0, 10.0, edge=edge, precision=precision)
    initial = lake.stored_m3()
    for _ in range(4000):
        lake.step(0.5)
    come = float(lake.passed_in_m3.sum())
    assert come == pytest.approx(2e-6 * 120 * 2000, rel=1e-6)
    assert lake.stored_m3() - initial == pytest.approx(come, rel=max(limit, initial * 3e-16 * 10 / come))


@pytest.mark.parametrize("theta", [0.7, 0.9, 1.0])
def test_deep_water_over_a_rough_bed_comes_to_rest(theta: float) -> None:
    """Checkerboard waves are the first to grow where a step is too long; here hardly any friction stops them."""
    rng = np.random.default_rng(5)
    bed = rng.random((40, 40))
    lake = water(bed, 12.0 - bed + 0.01 * rng.random(bed.shape), 20.0, 0.01, theta=theta)
    for _ in range(3000):
        lake.step(lake.longest_step())
    assert np.ptp(lake.depth + bed) < (0.01 if theta < 1 else 0.03)  # of 0.02 at first


def _states(**options: Any) -> tuple[Values, ...]:
    bed = valley(80, 400)
    edge = faces(bed.shape, ("west", STAGE, 0, 47.5), ("east", OPEN, 0, 0))
    depth = np.where(np.hypot(*np.mgrid[-40:40, -300:100]) < 12, 3.0, 0.0)
    flood = water(bed, depth, 5.0, 0.03, edge, **options)
    maxima = Maxima.start(bed.shape)
    for step in range(150):
        flood.step(flood.longest_step())
        flood.track(maxima, float(step), 1.0)
    return flood.depth, *flood.face_flow(), maxima.speed, maxima.hazard


@pytest.mark.parametrize("options", [{"more": {"tiles": False}}, {"threads": 2}])
def test_tiles_and_threads_change_no_bit(options: dict[str, Any]) -> None:
    for one, other in zip(_states(threads=1), _states(**{"threads": 1, **options}), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_saved_flood_goes_on_bit_by_bit(precision: str) -> None:
    bed = valley(40, 150)

    def begin() -> InertialWater:
        edge = faces(bed.shape, ("west", STAGE, 0, 44.5), ("east", OPEN, 0, 0))
        return water(bed, 0.0, 5.0, 0.03, edge, precision=precision)

    one, other = begin(), begin()
    one.block(np.arange(75, 40 * 151, 151)[:30], np.empty(0, np.int64))
    run(one, 100)
    other.load({name: values.copy() for name, values in one.save().items()})
    for flood in (one, other):
        run(flood, 100)
    for name, values in one.save().items():
        np.testing.assert_array_equal(values, other.save()[name], err_msg=name)


def test_a_symmetric_dam_break_stays_symmetric() -> None:
    y, x = np.mgrid[-20.5:20.6, -20.5:20.6]
    dam = water(np.zeros(x.shape), np.where(np.hypot(x, y) < 8, 2.0, 0.0), 1.0, 0.02, precision="float64")
    run(dam, 4.0)
    depth = dam.depth
    for turned in (depth[::-1], depth[:, ::-1], depth.T):
        np.testing.assert_allclose(depth, turned, atol=1e-12)
    assert depth[0].max() > 0.01  # it came to the walls


def test_normal_flow_leaves_an_open_edge() -> None:
    """A channel under a constant inflow runs at Manning's depth, and an edge with its slope does not disturb it."""
    bed = 0.002 * 10 * np.arange(80)[::-1]
    for slope in (0.002, 0.0, np.nan):
        edge = faces((1, 80), ("west", DISCHARGE, 0, 0.5), ("east", OPEN, slope, 0))
        channel = water(bed, 0.0, 10.0, 0.03, edge)
        run(channel, 6000)
        normal = (0.5 * 0.03 / np.sqrt(0.002)) ** 0.6
        np.testing.assert_allclose(channel.depth[0, 5:], normal, rtol=2e-3)
        assert channel.face_flow()[0][0, -1] == pytest.approx(0.5, rel=1e-3)


def test_a_wave_leaves_a_flat_open_edge_without_a_slope() -> None:
    edge = faces((1, 200), ("east", OPEN, 0, 0))
    pool = water(np.zeros(200), np.where(np.arange(200) < 60, 1.0, 0.4), 1.0, 0.0, edge)
    run(pool, 60.0)
    assert pool.depth[0, 150:].max() < 0.75  # a wall would have thrown it back to 0.9


def test_a_stage_fills_a_pool_and_drains_it() -> None:
    edge = faces((8, 8), ("north", STAGE, 0, 2.0), ("west", STAGE, 0, 2.0))  # one cell has two such faces
    pool = water(np.zeros((8, 8)), 0.0, 2.0, 0.05, edge)
    run(pool, 600)
    np.testing.assert_allclose(pool.depth, 2.0, atol=1e-2)
    edge.value[:] = 0.5
    run(pool, 600)
    np.testing.assert_allclose(pool.depth, 0.5, atol=2e-2)
    edge.value[:] = np.nan
    run(pool, 60)
    before = pool.stored_m3()
    run(pool, 60)
    assert pool.stored_m3() == pytest.approx(before, rel=1e-9)
    assert error(pool, 0.0) < _SINGLE


def test_an_inflow_spreads_from_a_corner_with_two_faces() -> None:
    boundary = faces((5, 70), ("north", DISCHARGE, 0, 0.0), ("west", DISCHARGE, 0, 0.0))
    boundary.value[[0, 70]] = 0.2, 0.1  # the first cell, from the north and from the west
    field = water(np.zeros((5, 70)), 0.0, 4.0, 0.03, boundary)
    run(field, 50.0)
    np.testing.assert_allclose(field.passed_in_m3, [0.2 * 4 * 50, 0.1 * 4 * 50], rtol=1e-6)
    assert error(field, 0.0) < _SINGLE


def test_water_is_drawn_out_through_a_boundary_only_as_long_as_there_is_some() -> None:
    edge = faces((4, 4), ("south", DISCHARGE, 0, -1.0))
    pond = water(np.zeros((4, 4)), 0.01, 1.0, 0.03, edge)
    initial = pond.stored_m3()
    run(pond, 30.0)
    assert pond.depth.min() >= 0
    assert float(pond.passed_out_m3.sum()) + pond.stored_m3() == pytest.approx(initial, rel=1e-6)
    assert pond.stored_m3() < 0.5 * initial


def test_closed_faces_hold_water_until_they_are_opened() -> None:
    pool = water(np.zeros((6, 10)), np.where(np.arange(10) < 5, 1.0, 0.2), 1.0)
    wall = np.arange(5, 6 * 11, 11)
    pool.block(wall, np.empty(0, np.int64))
    run(pool, 20)
    assert pool.stored_m3() == pytest.approx(36.0, rel=1e-7)
    np.testing.assert_array_equal(pool.depth[:, 5:], np.float32(0.2))
    pool.block(wall, np.empty(0, np.int64), closed=False)
    run(pool, 300)
    np.testing.assert_allclose(pool.depth, 0.6, atol=5e-3)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_add_tells_what_was_really_added(precision: str) -> None:
    pool = water(np.zeros((20, 200)), np.where(np.arange(200) < 4, 5.0, 0.0), 2.0, precision=precision)
    pool.step(0.1)
    before = pool.stored_m3()
    added = pool.add(np.array([0, 1, 3990]), np.array([1e-7, -50.0, 0.3]))
    assert added[0] == pytest.approx(1e-7, rel=1e-5)  # 2.5e-8 m on five metres
    assert -20.1 < added[1] < -19.9  # no more than is there
    assert pool.depth.reshape(-1)[1] == 0
    assert pool.stored_m3() - before == pytest.approx(added.sum(), rel=1e-9)
    pool.step(0.1)  # the far tile is awake
    assert pool.depth.reshape(-1)[3989] > 0


def test_water_written_into_depth_moves_once_it_is_told() -> None:
    field = water(np.zeros((64, 300)), 0.0)
    field.depth[40, 200] = 1.0
    field.wet(slice(40, 41), slice(200, 201))
    run(field, 30)
    assert field.depth[41, 200] > 0
    assert field.stored_m3() == pytest.approx(100.0, rel=1e-6)


def test_a_step_that_became_too_long_is_divided() -> None:
    field = water(np.zeros((10, 10)), 0.001, 1.0)
    dt = field.longest_step()
    field.add(np.array([55]), np.array([4.0]))
    field.step(dt)
    assert field.depth.min() >= 0
    assert field.depth.max() < 4


def test_the_maxima_are_those_of_their_own_moments() -> None:
    pool = water(np.zeros((4, 60)), np.where(np.arange(60) < 20, 1.0, 0.0), 1.0, 0.03)
    maxima = Maxima.start((4, 60), 0.05)
    seen = {name: np.zeros((4, 60)) for name in ("depth", "hazard", "duration")}
    arrival = np.full((4, 60), np.nan)
    time_s = 0.0
    for _ in range(60):
        dt = pool.longest_step()
        pool.step(dt)
        time_s += dt
        pool.track(maxima, time_s, dt)
        d = pool.depth.astype(float)
        v = np.minimum(np.hypot(*pool.flow()) / np.maximum(d, 1e-9), 2.5 * np.sqrt(9.80665 * d))
        factor = np.select([d <= 0.25, d <= 0.75], [0.0, 0.5], 1.0)
        seen["depth"] = np.maximum(seen["depth"], d)
        seen["hazard"] = np.maximum(seen["hazard"], np.where(d > 0, d * (v + 0.5) + factor, 0))
        seen["duration"] += np.where(d >= 0.05, dt, 0)
        arrival = np.where(np.isnan(arrival) & (d >= 0.05), time_s, arrival)
    for name, expected in seen.items():
        np.testing.assert_allclose(getattr(maxima, name), expected, rtol=1e-4, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(maxima.arrival, arrival, rtol=1e-6)
    assert np.isnan(maxima.peak_time[maxima.depth == 0]).all()


def test_what_fast_water_does_between_looks_is_hardly_missed() -> None:
    y, x = np.mgrid[:80, :80]
    pool = water(np.zeros(x.shape), np.where(np.hypot(x - 25, y - 40) < 15, 4.0, 0.0), 10.0)
    every = Maxima.start(pool.depth.shape)

    class EachStep:
        looks = 0

        def step(self, flood: course.Flood, dt_s: float) -> None:
            pool.track(every, flood.time_s, dt_s)

        def output(self, flood: course.Flood, balance: Any) -> None:
            pass

        def track(self, flood: course.Flood) -> None:
            self.looks += 1

    flood, watcher = course.start(pool, [], Maxima.start(pool.depth.shape)), EachStep()
    pool.track(every, 0.0, 0.0)
    course.advance(flood, course.Plan(300.0, 300.0), watcher)
    wet = every.depth > 0.05
    for name, share in (("depth", 0.02), ("speed", 0.05), ("hazard", 0.02)):
        full = getattr(every, name)[wet]
        missed = full - getattr(flood.maxima, name)[wet]
        assert missed.min() >= 0
        assert missed.mean() <= share * full.mean(), name
    assert watcher.looks < 0.6 * flood.steps
    assert np.nanmax(flood.maxima.arrival - every.arrival) <= 15.0


def test_a_street_down_a_steep_hill_keeps_to_its_froude_number() -> None:
    bed = np.where(np.arange(120) < 60, 0.25 * 5 * (60 - np.arange(120)), 0.0) + np.where(np.arange(120) < 30, 6, 0)
    edge = faces((1, 120), ("west", DISCHARGE, 0, 0.5), ("east", OPEN, 0, 0))
    street = water(bed, 0.0, 5.0, 0.013, edge)
    run(street, 200)
    flows = []
    for _ in range(50):
        street.step(street.longest_step())
        flows.append(street.face_flow()[0][0].copy())
    depth = np.maximum(street.depth[0], 1e-9)
    froude = flows[-1][1:] / depth / np.sqrt(9.80665 * depth)
    assert froude[:55].max() < 2.5 * 1.01
    np.testing.assert_allclose(np.mean(flows, 0)[:55], 0.5, rtol=0.02)
    assert np.std(flows, 0)[:55].max() < 0.02
    assert error(street, 0.0) < _SINGLE


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 140), st.floats(0, 8), st.floats(0, 0.1), st.integers(0, 10**6))
def test_no_terrain_makes_or_loses_water(rows: int, columns: int, relief: float, n: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bed = relief * rng.random((rows, columns)) + rng.choice([0.0, 300.0])
    bed[rng.random(bed.shape) < 0.1] = np.nan
    bed[rng.integers(rows), rng.integers(columns)] = 0.0
    depth = np.where(np.isnan(bed) | (rng.random(bed.shape) < 0.7), 0, 3 * rng.random(bed.shape))
    flood = water(bed, depth, float(rng.choice([0.5, 10.0])), n)
    initial, rain = flood.stored_m3(), Rain(flood, 1e-4)
    for step in range(40):
        dt = flood.longest_step()
        if step < 20:
            rain(dt)
        flood.step(dt)
    assert flood.depth.min() >= 0
    assert np.isfinite(flood.depth).all()
    assert abs(flood.stored_m3() - initial - rain.fallen) <= _SINGLE * (initial + rain.fallen)


@pytest.mark.parametrize("options", [{"theta": 0.2}, {"cfl": 3.0}, {"dry_m": -1.0}, {"precision": "float16"}])
def test_an_option_out_of_its_range_is_named(options: dict[str, Any]) -> None:
    with pytest.raises(BadSpec, match=next(iter(options))):
        water(np.zeros((3, 3)), **options)
