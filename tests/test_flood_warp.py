"""The schemes on NVIDIA Warp: the same water as on Numba, wherever the state lies."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from naru.errors import BadSpec, ExtraMissing
from tests.commands import naru_here_json
from tests.flood_scenarios import mapping, write_raster
from twin.flood import catchment, schemes
from twin.flood.hosted import Hosted
from twin.flood.ledger import Ledger
from twin.flood.records import (
    DISCHARGE,
    EAST,
    NORTH,
    OPEN,
    SOUTH,
    STAGE,
    WEST,
    Boundary,
    Domain,
    Maxima,
    Options,
    Water,
)
from twin.forcing.host_catchment import HostCatchment
from twin.grid import Floats, Frame, Values
from twin.works.drains import Capacity

wp = pytest.importorskip("warp", reason="the back-end 'warp' is not installed (pip install 'naru-city[gpu]')")
from twin.flood.warped import device as devices  # noqa: E402
from twin.flood.warped import maxima as keeping  # noqa: E402
from twin.flood.warped import sums as summing  # noqa: E402

SCHEMES = ("inertial", "full")
_SAME_M = 1e-5  # greatest difference of depth between back-ends
_BALANCED = {"float32": 1e-6, "float64": 1e-12}
_KEPT = ("depth", "speed", "hazard", "arrival", "duration", "peak_time")


def water_of(backend: str, bed: Values, depth: Any = 0.0, edge: Boundary | None = None, **options: Any) -> Water:
    frame = Frame(0.0, bed.shape[0] * 10.0, 10.0, *bed.shape, "")
    domain = Domain(frame, bed, np.full(bed.shape, options.pop("n", 0.03), np.float32))
    options.setdefault("more", {"device": "cpu"} if backend == "warp" else {})
    wet = np.broadcast_to(np.asarray(depth, float), bed.shape)
    return schemes.start(domain, wet, edge or Boundary.none(), Options(backend=backend, **options))


def edges(shape: tuple[int, int], **sides: tuple[int, float, float]) -> Boundary:
    """Return whole edges: kind, slope, value by side."""
    index = np.arange(shape[0] * shape[1]).reshape(shape)
    where = {
        "west": (index[:, 0], WEST),
        "east": (index[:, -1], EAST),
        "north": (index[0], NORTH),
        "south": (index[-1], SOUTH),
    }
    counts = [len(where[name][0]) for name in sides]

    def each(values: list[Any], kind: Any) -> Any:
        return np.repeat(np.array(values, kind), counts)

    return Boundary(
        np.concatenate([where[name][0] for name in sides]).astype(np.int64),
        each([where[name][1] for name in sides], np.int8),
        each([side[0] for side in sides.values()], np.int8),
        each([side[1] for side in sides.values()], float),
        each([side[2] for side in sides.values()], float),
        each(list(range(len(sides))), np.int32),
        tuple(sides),
    )


def valley(rows: int = 40, columns: int = 90) -> Floats:
    """Return a rough valley that falls eastwards, with pits, humps, and a hole that is outside."""
    y, x = np.mgrid[:rows, :columns].astype(float)
    bed = (
        40
        + 0.02 * (columns - x)
        + 0.03 * np.abs(y - rows / 2)
        + 0.8 * np.random.default_rng(1).random((rows, columns))
    )
    bed[8:12, 20:30] = np.nan
    return bed


def busy(backend: str, scheme: str, precision: str = "float32") -> Water:
    """Return a valley with every kind of boundary, a wall across, and a film of water."""
    bed = valley()
    edge = edges(
        bed.shape, west=(DISCHARGE, 0, 0.05), east=(OPEN, 0, 0), south=(STAGE, 0, 40.9), north=(OPEN, -0.03, 0)
    )
    water = water_of(backend, bed, 0.02, edge, scheme=scheme, precision=precision)
    rows = np.arange(10, 30)
    water.block(rows * 91 + 60, np.arange(90 * 25 + 30, 90 * 25 + 50))
    return water


def storm(water: Water, maxima: Maxima, seconds: float, begin_s: float = 0.0) -> tuple[float, int]:
    """Let it rain into the depth, and pumps and springs act; return what all that brought, m³, and steps."""
    come, time_s, steps = 0.0, begin_s, 0
    cells, rates = np.array([90 * 20 + 40, 90 * 20 + 70]), np.array([5.0, -1.0])
    while time_s < begin_s + seconds:
        dt = water.longest_step()
        come += float(water.add(cells, rates * dt).sum())
        if steps % 5 == 0:
            depth = water.depth[5:35, 30:80]
            before = depth.sum(dtype=np.float64)
            depth += depth.dtype.type(1e-4)
            come += (float(depth.sum(dtype=np.float64)) - before) * 100
            water.wet(slice(5, 35), slice(30, 80))
        water.step(dt)
        time_s, steps = time_s + dt, steps + 1
        if steps % 4 == 0:
            water.track(maxima, time_s, 1.0)
    return come, steps


def error(water: Water, before: float) -> float:
    """Return the relative volume error of a run to which `before` m³ were given."""
    come, gone = before + water.passed_in_m3.sum(), water.passed_out_m3.sum()
    return abs(float(come - gone - water.stored_m3())) / float(come)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_both_back_ends_flood_a_rough_valley_alike(scheme: str, precision: str) -> None:
    states, kept = [], []
    for backend in schemes.BACKENDS:
        water, maxima = busy(backend, scheme, precision), Maxima.start((40, 90))
        before = water.stored_m3()
        come, steps = storm(water, maxima, 240.0)
        assert steps > 50
        assert error(water, before + come) < _BALANCED[precision]
        assert water.repaired_m3 == 0
        states.append([water.depth.copy(), *water.flow(), *(np.array(q) for q in water.face_flow())])
        states[-1] += [water.passed_in_m3, water.passed_out_m3]
        kept.append(maxima)
    numba, warp = states
    for a, b in zip(numba[:-2], warp[:-2], strict=True):
        assert np.abs(a - b).max() < _SAME_M
    for a, b in zip(numba[-2:], warp[-2:], strict=True):
        assert np.allclose(a, b, rtol=1e-5, atol=1e-2)
    assert numba[0].max() > 0.3 and numba[-2][0] > 1000 and (numba[-1][1:] > 50).all(), "all of it had its part"
    for name in _KEPT:
        a, b = getattr(kept[0], name), getattr(kept[1], name)
        assert np.allclose(a, b, rtol=1e-3, atol=1e-3, equal_nan=True), name


@pytest.mark.parametrize("scheme", SCHEMES)
def test_both_back_ends_break_a_dam_alike(scheme: str) -> None:
    bed = np.zeros((12, 80))
    depth = np.where(np.arange(80) < 30, 2.0, 0.0)[None].repeat(12, 0)
    found = []
    for backend in schemes.BACKENDS:
        water = water_of(backend, bed, depth, edges(bed.shape, east=(OPEN, 0.001, 0)), scheme=scheme, n=0.02)
        before, time_s = water.stored_m3(), 0.0
        while time_s < 60:
            dt = water.longest_step()
            water.step(dt)
            time_s += dt
        assert error(water, before) < _BALANCED["float32"]
        found.append(water.depth.copy())
    assert found[0][6, 45] > 0.2, "the wave has come far"
    assert np.abs(found[0] - found[1]).max() < _SAME_M


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_both_back_ends_run_along_walls_that_are_stairs_alike(precision: str) -> None:
    y, x = np.mgrid[:40, :40].astype(float)
    across = x - y
    for bed in (np.where(abs(across) < 8, 0.0, 100.0), np.where(abs(across) < 8, 0.0, np.nan)):
        depth = np.where(abs(across) < 8, np.where(x + y < 30, 3.0, 0.5), 0.0)
        found = []
        for backend in schemes.BACKENDS:
            water = water_of(backend, bed, depth, scheme="full", precision=precision)
            before, time_s = water.stored_m3(), 0.0
            while time_s < 30:
                dt = water.longest_step()
                water.step(dt)
                time_s += dt
            assert error(water, before) < _BALANCED[precision]
            found.append([water.depth.copy(), *water.flow()])
        assert found[0][1].max() > 0.5, "it runs along the walls"
        for a, b in zip(*found, strict=True):
            assert np.abs(a - b).max() < _SAME_M


@pytest.mark.parametrize("backend", schemes.BACKENDS)
def test_water_that_ran_over_an_inner_border_is_counted_once_when_its_donor_takes_some_back(backend: str) -> None:
    rng = np.random.default_rng(0)
    bed = 40 - 3.0 * np.arange(12)[None].repeat(12, 0) + 4 * rng.random((12, 12))
    bed[:, 10:] = np.nan
    edge = edges((12, 10), east=(OPEN, 0.3, 0))
    edge.cell[:] = np.arange(12) * 12 + 9
    water = water_of(
        backend, bed, np.where(rng.random((12, 12)) < 0.3, 0.4, 0.0), edge, precision="float64", cfl=1.0, n=0.01
    )
    before = water.stored_m3()
    for _ in range(60):
        water.step(water.longest_step())
        assert water.depth.min() >= 0
    assert water.passed_out_m3[0] > 0.5 * before
    assert error(water, before) < 1e-12
    assert water.repaired_m3 == 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_open_borders_on_both_sides_of_a_strip_one_cell_wide_take_turns_as_on_numba(scheme: str) -> None:
    bed = np.random.default_rng(2).random((1, 40))
    found = []
    for backend in schemes.BACKENDS:
        edge = edges(bed.shape, south=(OPEN, 0.0, 0), north=(STAGE, 0.0, 1.2))
        water = water_of(backend, bed, 0.5, edge, scheme=scheme, precision="float64")
        for _ in range(40):
            water.step(water.longest_step())
        found.append(water.depth.copy())
    assert found[0].std() > 0.01
    assert np.abs(found[0] - found[1]).max() < 1e-9


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_saved_run_goes_on_bit_by_bit(scheme: str) -> None:
    water, maxima = busy("warp", scheme), Maxima.start((40, 90))
    storm(water, maxima, 60.0)
    saved = {name: np.array(values) for name, values in water.save().items()}
    kept = {name: getattr(maxima, name).copy() for name in _KEPT}
    storm(water, maxima, 60.0, 60.0)
    again, others = busy("warp", scheme), Maxima.start((40, 90))
    storm(again, others, 30.0)  # what it was before does not matter
    again.load(saved)
    for name, values in kept.items():
        getattr(others, name)[...] = values
    storm(again, others, 60.0, 60.0)
    for name, values in water.save().items():
        np.testing.assert_array_equal(values, again.save()[name], err_msg=name)
    for name in _KEPT:
        np.testing.assert_array_equal(getattr(maxima, name), getattr(others, name), err_msg=name)


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let host and device have memories of their own, as beside a GPU."""
    for module in (devices, keeping, summing):
        monkeypatch.setattr(module, "shares_memory", lambda device: False)
    yield


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_device_with_memory_of_its_own_floods_alike_and_brings_its_maxima_when_asked(
    scheme: str, request: pytest.FixtureRequest
) -> None:
    shared, maxima = busy("warp", scheme), Maxima.start((40, 90))
    storm(shared, maxima, 60.0)
    request.getfixturevalue("apart")
    water, others = busy("warp", scheme), Maxima.start((40, 90))
    storm(water, others, 60.0)
    np.testing.assert_array_equal(shared.depth, water.depth)
    assert not others.depth.any(), "they are still on the device"
    assert water.stored_m3() == pytest.approx(shared.stored_m3(), rel=1e-14)
    water.settle()
    for name in _KEPT:
        np.testing.assert_array_equal(getattr(maxima, name), getattr(others, name), err_msg=name)


LAWS = {
    catchment.NONE: (0.0, 0.0, 0.0),
    catchment.CONSTANT: ((0.0, 5e-6), 2e-3, 0.0),
    catchment.GREEN_AMPT: (3e-6, (0.05, 0.2), 0.3),
    catchment.CURVE_NUMBER: ((0.02, 0.1), (0.0, 0.01), 0.0),
    catchment.HORTON: (2e-5, (1e-6, 1e-5), 2 / 3600),
}


def cover_of(law: int, bed: Values) -> catchment.Cover:
    """Return two zones of rain, and a soil of which one part varies."""
    rng = np.random.default_rng(law)

    def on(value: Any) -> Floats:
        return rng.uniform(*value, bed.shape) if isinstance(value, tuple) else np.full((1, bed.shape[1]), value)

    first, second, third = (on(value) for value in LAWS[law])
    zones = np.where(np.isnan(bed), 0, 1 + (np.arange(bed.shape[1]) > 50)).astype(np.int32)
    return catchment.Cover(zones, law, (first, second, third), on((0.2, 1.0)), on((0.0, 1e-6)))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_rain_soaks_in_on_the_device_as_on_the_host(scheme: str, law: int, apart: None) -> None:
    bed = valley()
    wet, field = np.random.default_rng(5).random((2, *bed.shape))
    nowhere = np.zeros((0, 0), np.float32)
    found = []
    for backend in schemes.BACKENDS:
        water = water_of(backend, bed, np.where(wet > 0.5, wet / 100, 0.0), scheme=scheme)
        here = water.catchment(cover_of(law, bed)) or HostCatchment(water, cover_of(law, bed))
        before, sums = water.stored_m3(), np.zeros(3)
        for step in range(12):
            depths = np.array([0.0, 1e-4, 3e-4]) * (step < 6)
            sums += here.rain(depths, (field * 1e-4).astype(np.float32) if step == 3 else nowhere, 15.0)
        gained = (water.stored_m3() - before) / 100 + here.held_m()
        assert gained == pytest.approx(sums[0] - sums[1] - sums[2], abs=1e-9)
        found.append([water.depth.copy(), sums, here.save()["state"] if law else np.zeros(1)])
    assert found[0][1][0] > 1 and found[0][1][2] > 0.1
    assert (found[0][1][1] > 0.5) == (law != catchment.NONE)
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_few_places_are_read_without_the_whole_state(
    scheme: str, apart: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    water = busy("warp", scheme)
    for _ in range(20):
        water.step(water.longest_step())
    cells, x, y = np.array([0, 90 * 20 + 40, 3599]), np.array([0, 91 * 20 + 40]), np.array([90, 90 * 40 + 7])
    whole = [Hosted.depths(water, cells), *Hosted.flows(water, cells), *Hosted.face_flows(water, x, y)]
    monkeypatch.setattr(devices.Sheet, "seen", lambda sheet: pytest.fail("it all came to the host"))
    read = [water.depths(cells), *water.flows(cells), *water.face_flows(x, y)]
    assert all(values.any() for values in whole)
    for a, b in zip(whole, read, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_what_drains_take_is_taken_on_the_device(apart: None) -> None:
    bed = np.zeros((20, 30))
    bed[:10] = 5.0
    water = water_of("warp", bed, np.where(bed > 0, 0.0, 0.5))
    drains, ledger = Capacity(np.full(bed.shape, 100.0), 100.0), Ledger()
    before = water.stored_m3()
    for step in range(10):
        drains.act(water, 4.0 * step, 4.0, ledger)
        water.step(4.0)
    taken = ledger.balance(0.0).terms["drains"][1]
    assert taken == pytest.approx(300 * 100 * 0.1 * 40 / 3600, rel=1e-3)
    assert before - water.stored_m3() == pytest.approx(taken, rel=1e-3)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_scenario_file_asks_for_the_back_end(scheme: str, tmp_path: Path) -> None:
    write_raster(tmp_path / "dem.tif", np.nan_to_num(valley(30, 40), nan=60.0), cell=5.0)
    told: dict[str, Mapping[str, Any]] = {}
    for backend in schemes.BACKENDS:
        fields = mapping(
            scheme=scheme,
            backend=backend,
            duration_s=300,
            coordinates="terrain",
            initial={"depth_m": 0.3},
            rain={"uniform_mm_h": 80},
            infiltration={"method": "green-ampt", "soil": "loam", "initial_saturation": 0.5},
            structures={
                "id": "W",
                "type": "weir",
                "line": [[200_100, 549_860], [200_100, 549_990]],
                "crest_elevation_m": 41.0,
            },
            drains={"capacity_mm_h": 5},
            boundaries=[{"type": "open", "edge": "east"}],
        )
        file = tmp_path / f"{backend}.yaml"
        file.write_text(json.dumps(fields))
        out = str(tmp_path / backend)
        told[backend] = naru_here_json("twin", "run", str(file), "--out", out, home=tmp_path / "no")
    numba, warp = told["numba"], told["warp"]
    assert warp["steps"] == pytest.approx(numba["steps"], rel=0.02)
    assert warp["volume"]["relative_error"] < 1e-6
    assert warp["volume"]["stored_m3"] == pytest.approx(numba["volume"]["stored_m3"], rel=1e-4)

    maps = []
    for backend in schemes.BACKENDS:
        with rasterio.open(tmp_path / backend / "max_depth.tif") as raster:
            maps.append(np.nan_to_num(raster.read(1)))
    assert maps[0].max() > 0.5
    assert np.abs(maps[0] - maps[1]).max() < 1e-4


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_unknown_device_and_options_out_of_range_are_refused(scheme: str) -> None:
    with pytest.raises(BadSpec, match="'device' is 'cuda:99'"):
        water_of("warp", np.zeros((3, 3)), scheme=scheme, more={"device": "cuda:99"})
    with pytest.raises(BadSpec, match="'cfl'"):
        water_of("warp", np.zeros((3, 3)), scheme=scheme, cfl=3.0)


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("twin.flood.warped.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "warp", None)
    with pytest.raises(ExtraMissing, match="'warp' is not installed"):
        water_of("warp", np.zeros((3, 3)))


def test_all_kernels_compile_for_gpus(tmp_path: Path) -> None:
    devices.device_of("cpu")
    if 90 not in wp.get_cuda_supported_archs():
        pytest.skip("this build of Warp has no compiler for CUDA")
    for scheme in SCHEMES:
        water, maxima = busy("warp", scheme), Maxima.start((40, 90))
        water.block(91 * np.arange(20, 24) + 5 + np.arange(4), 90 * np.arange(21, 25) + 5 + np.arange(4))  # a stair
        water.depth[20, 40] = -0.01  # what only a repair heals
        storm(water, maxima, 5.0)
        rain = water.catchment(cover_of(catchment.GREEN_AMPT, valley()))
        assert rain is not None
        rain.rain(np.full(3, 1e-4), np.zeros((0, 0), np.float32), 15.0)
        water.depths(np.array([0]))
    made = set()
    names = (
        "inertial_kernels",
        "inertial_edges",
        "full_flux",
        "full_edges",
        "full_walls",
        "full_update",
        "maxima",
        "passed",
        "catchment",
        "device",
        "sums",
    )
    for name in names:
        module = importlib.import_module(f"twin.flood.warped.{name}")
        for kernel in (value for value in vars(module).values() if isinstance(value, wp.Kernel)):
            if kernel.overloads:
                wp.compile_aot_module(kernel.module, arch=90, module_dir=tmp_path, use_ptx=True)
                made.add(kernel.key)
    assert {
        "flux",
        "mass",
        "take_back",
        "fluxes",
        "turn",
        "move",
        "pour",
        "take",
        "_cross",
        "_times",
        "_rain",
        "_pick",
    } <= made
    assert len(list(tmp_path.glob("*.ptx"))) >= len(made)
