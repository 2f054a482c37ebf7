"""Rain over time and place: design storms, gauges, rasters; and the sky that puts it on the cells."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naru.errors import BadSpec, CrsUnknown
from tests.flood_scenarios import write_raster
from tests.forcings import Pond, let_act, rained, spec, world
from twin.flood.ledger import Ledger
from twin.flood.records import Boundary, Domain
from twin.forcing.patterns import alternating_blocks, power_law
from twin.forcing.series import Series
from twin.forcing.sky_kernels import mix, pass_over
from twin.forcing.warm import warm
from twin.grid import Frame

HUFF = {f"huff-{n}": n for n in (1, 2, 3, 4)}
KST = timezone(timedelta(hours=9))


def storm(**design: Any) -> Series:
    return spec(rain={"design": design}).rain.build(world()).series[0]


def mass(rain: Series, duration_s: float, count: int = 400) -> np.ndarray[Any, Any]:
    return np.array([float(rain.integral(0, t)) for t in np.linspace(0, duration_s, count + 1)])


# --- design storms ------------------------------------------------------------------------------------


@given(st.sampled_from([*HUFF, "uniform", "alternating-block"]), st.floats(1, 1000), st.sampled_from([0.5, 3, 24]))
def test_a_storm_never_falls_and_has_its_depth(pattern: str, depth: float, hours: float) -> None:
    fallen = mass(storm(depth_mm=depth, duration_h=hours, pattern=pattern), hours * 3600) * 1000
    assert fallen[0] == 0
    assert (np.diff(fallen) >= 0).all()
    assert fallen[-1] == pytest.approx(depth, rel=1e-9)


@pytest.mark.parametrize(("pattern", "quarter"), HUFF.items())
@pytest.mark.parametrize("step_min", [None, 10, 7])
def test_huffs_peak_is_in_its_quarter(pattern: str, quarter: int, step_min: float | None) -> None:
    more = {} if step_min is None else {"step_min": step_min}
    rain = storm(depth_mm=212, duration_h=3, pattern=pattern, **more)
    peak = float(rain.times[int(np.argmax(rain.values))])
    assert (quarter - 1) * 2700 <= peak < quarter * 2700
    assert float(rain.integral(-1e9, 1e9)) * 1000 == pytest.approx(212, rel=1e-9)


def test_blocks_alternate_about_their_peak() -> None:
    _, fallen = alternating_blocks(power_law(3600, 600, 0.5), 0.5)
    blocks = np.diff(fallen)
    assert int(np.argmax(blocks)) == 3
    assert blocks[3] == pytest.approx((1 / 6) ** 0.5)  # the most that falls in one block
    assert np.sort(blocks)[::-1][:2].sum() == pytest.approx((2 / 6) ** 0.5)
    assert list(np.argsort(-blocks)) == [3, 4, 2, 5, 1, 0]


def test_a_depth_comes_from_the_table_with_its_source() -> None:
    read = spec(rain={"design": {"return_period_y": 100, "place": "강남", "duration_h": 2, "pattern": "huff-2"}})
    assert read.rain.inputs()[0]["value"]["depth_mm"] == pytest.approx(163)
    assert "edaily" in read.rain.inputs()[0]["value"]["source"][0]
    between = spec(rain={"design": {"return_period_y": 50, "place": "seoul", "duration_h": 2}})
    assert 100 < between.rain.inputs()[0]["value"]["depth_mm"] < 185


@pytest.mark.parametrize(
    ("design", "said"),
    [
        ({"return_period_y": 100, "place": "busan", "duration_h": 2}, "gangnam 100 years"),
        ({"return_period_y": 50, "place": "seoul", "duration_h": 24}, "1, 3 h"),
        ({"depth_mm": 100, "duration_h": 2, "pattern": "huff-5"}, "huff-5"),
    ],
)
def test_what_no_table_has_is_said(design: dict[str, Any], said: str) -> None:
    with pytest.raises(BadSpec) as refused:
        spec(rain={"design": design})
    assert said in refused.value.message + refused.value.remedy


def test_tables_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(
        "place,return_period_y,duration_h,depth_mm,verified,source\nx,30,24,330,no,guess\n"
    )
    (tmp_path / "p.csv").write_text("t,late\n0,0\n80,10\n100,100\n")
    design = {"place": "x", "return_period_y": 30, "duration_h": 24, "depth_table": "d.csv"}
    read = spec(tmp_path / "s.yaml", rain={"design": {**design, "pattern_table": "p.csv", "pattern": "late"}})
    rain = read.rain.build(world()).series[0]
    assert float(rain.integral(0, 0.8 * 86400)) * 1000 == pytest.approx(33)
    assert "not verified" in read.rain.inputs()[0]["value"]["source"][0]
    (tmp_path / "p.csv").write_text("t,late\n0,0\n80,10\n90,5\n100,100\n")
    with pytest.raises(BadSpec, match="'late' does not rise from 0 to 100 %"):
        spec(tmp_path / "s.yaml", rain={"design": {**design, "pattern_table": "p.csv", "pattern": "late"}})


# --- places -------------------------------------------------------------------------------------------


def _gauges(method: str, **more: Any) -> dict[str, Any]:
    table = {"time_unit": "h", "kind": "depth_mm"}
    west = {"name": "west", "at": [5, 35], "hyetograph": [[0, 20], [1, 0]], **table}
    east = {"name": "east", "at": [75, 35], "hyetograph": [[0, 60], [1, 0]], **table}
    return {"gauges": [west, east], "method": method, **more}


def _pour(here: Any, dtype: str = "float64", until_s: float = 3600.0, **sections: Any) -> tuple[Pond, Ledger, Any]:
    boundary, actors = spec(here.file, **sections).build(here)
    pond = Pond(here.domain, boundary, dtype)
    return pond, let_act(actors, pond, until_s, 7.3), actors


def test_thiessen_takes_the_nearest_gauge() -> None:
    pond, ledger, _ = _pour(world(), rain=_gauges("thiessen"))
    assert pond.depth[2, :4] * 1000 == pytest.approx(20)
    assert pond.depth[2, 4:] * 1000 == pytest.approx(60)
    assert ledger.balance(pond.stored_m3()).in_m3 == pytest.approx(4800 * 0.04, rel=1e-12)


def test_inverse_distances_mix_gauges() -> None:
    pond, ledger, _ = _pour(world(), rain=_gauges("idw"))
    assert pond.depth[2, 0] * 1000 == pytest.approx(20, rel=1e-5)
    assert pond.depth[2, 7] * 1000 == pytest.approx(60, rel=1e-5)
    assert pond.depth[2, 3:5].mean() * 1000 == pytest.approx(40, rel=1e-6)
    assert (np.diff(pond.depth[2]) > 0).all()
    d = np.array([20.0, 50.0]) ** -2.0
    assert pond.depth[2, 2] * 1000 == pytest.approx(float((d * [20, 60]).sum() / d.sum()), rel=1e-6)
    assert ledger.balance(pond.stored_m3()).relative_error < 1e-12


def test_two_kinds_of_zones_and_even_rain_add_up(tmp_path: Path) -> None:
    write_raster(tmp_path / "r.tif", np.tile([10.0, 30.0], (1, 2, 1)), cell=40, crs=None, corner=(0, 80))
    rain = [
        _gauges("thiessen"),
        {"raster": {"files": ["r.tif"], "kind": "depth_mm", "every_min": 60}},
        {"uniform_mm_h": 5},
    ]
    here = world(np.zeros((8, 8)), file=tmp_path / "s.yaml")
    pond, _, _ = _pour(here, rain=rain)
    assert pond.depth[5, 0] * 1000 == pytest.approx(35)
    assert pond.depth[5, 7] * 1000 == pytest.approx(95)


def test_cells_without_ground_stay_dry() -> None:
    bed = np.zeros((6, 8))
    bed[2:4, 3:5] = np.nan
    for rain in ({"uniform_mm_h": 36}, _gauges("idw"), _gauges("thiessen")):
        pond, ledger, _ = _pour(world(bed), rain=rain)
        assert (pond.depth[np.isnan(bed)] == 0).all()
        assert (pond.depth[~np.isnan(bed)] > 0).all()
        assert ledger.balance(pond.stored_m3()).relative_error < 1e-12


def _netcdf(
    path: Path, values: Any, units: str = "mm h-1", since: str = "minutes since 2022-08-08 20:00:00"
) -> None:
    with netCDF4.Dataset(path, "w") as data:
        for name, numbers, unit in (
            ("time", [0, 10, 20], since),
            ("y", [15.0, 45.0], "m"),
            ("x", [20.0, 60.0], "m"),
        ):
            data.createDimension(name, len(numbers))
            axis = data.createVariable(name, "f8", (name,))
            axis[:], axis.units = numbers, unit
        rain = data.createVariable("rain", "f4", ("time", "y", "x"), fill_value=-9.0)
        rain[:], rain.units = values, units


def test_rain_from_netcdf_with_clock_times(tmp_path: Path) -> None:
    frames = np.zeros((3, 2, 2))
    frames[0, 1, 0], frames[1, 0, 1] = 60, 120  # north-west first, then south-east
    _netcdf(tmp_path / "r.nc", frames)
    here = world(file=tmp_path / "s.yaml", start=datetime(2022, 8, 8, 20, tzinfo=KST))
    pond, _, _ = _pour(here, rain={"raster": {"file": "r.nc"}})
    assert pond.depth[0, 0] * 1000 == pytest.approx(10)
    assert pond.depth[5, 7] * 1000 == pytest.approx(20)
    assert pond.depth[0, 7] == pond.depth[5, 0] == 0
    assert pond.woken[0, 0]


def test_rasters_of_rain_that_cannot_be_are_refused(tmp_path: Path) -> None:
    here = world(file=tmp_path / "s.yaml", start=datetime(2022, 8, 8, 20, tzinfo=KST))

    def refused(values: Any, said: str, where: Any = here, units: str = "mm h-1", **more: Any) -> None:
        _netcdf(tmp_path / "r.nc", values, units)
        with pytest.raises((BadSpec, CrsUnknown), match=said):
            spec(tmp_path / "s.yaml", rain={"raster": {"file": "r.nc", **more}}).build(where)

    flat = np.ones((3, 2, 2))
    refused(flat * -1, "has -1 mm/h in the domain .r.nc, time 1.")
    refused(np.ma.masked_values(flat * -9, -9.0), "has no value in the domain")
    refused(flat, "kind", units="dBZ")
    refused(flat, "does not say its coordinate system", world(crs="EPSG:5186", start=here.start))
    refused(flat, r"does not cover the domain: 25 % of it lie outside", world(np.zeros((8, 8)), start=here.start))
    refused(flat, "has no time and two axes", variable="x")
    _netcdf(tmp_path / "r.nc", np.ma.masked_values(flat * -9, -9.0))
    dry = spec(tmp_path / "s.yaml", rain={"raster": {"file": "r.nc", "missing": "zero"}}).rain.build(here)
    assert float(dry.series[0].largest(0)) == 0


def test_rain_from_bands_in_another_coordinate_system(tmp_path: Path) -> None:
    bands = np.stack([np.tile([30.0, 90.0], (2, 1)), np.tile([60.0, 0.0], (2, 1))])
    write_raster(tmp_path / "r.tif", bands, cell=0.001, crs="EPSG:4326", corner=(126.999, 38.001))
    frame = Frame(199_960.0, 600_030.0, 10.0, 6, 8, "EPSG:5186")  # about 127° E, 38° N
    domain = Domain(frame, np.zeros((6, 8)), np.full((6, 8), 0.03, np.float32))
    here = replace(world(file=tmp_path / "s.yaml"), domain=domain)
    rain = {"file": "r.tif", "times": [0, 10, 30], "time_unit": "min", "kind": "intensity_mm_h"}
    pond, _, _ = _pour(here, rain={"raster": rain, "factor": 2})
    assert pond.depth[:, :4] * 1000 == pytest.approx(2 * (5 + 20))
    assert pond.depth[:, 4:] * 1000 == pytest.approx(2 * 15)


# --- the sky ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step_s", [0.37, 3.1, 20.0])
def test_rain_is_its_exact_integral_whatever_the_steps(step_s: float) -> None:
    rain = {"design": {"depth_mm": 212, "duration_h": 0.75, "pattern": "huff-3"}}
    assert rained(rain=rain, step_s=step_s) == pytest.approx(212, rel=1e-12)


def test_float32_loses_no_rain_on_deep_water() -> None:
    here = world()
    boundary, actors = spec(rain={"uniform_mm_h": 1.0}).build(here)
    pond = Pond(here.domain, boundary, "float32", depth=50.0)
    ledger = let_act(actors, pond, 3600.0, 3.0)  # each share is far less than float32 knows of 50 m
    balance = ledger.balance(pond.stored_m3() + actors[0].held_m3())
    assert balance.in_m3 == pytest.approx(4.8, rel=1e-12)
    assert balance.relative_error < 1e-11
    assert pond.depth[0, 0] == pytest.approx(50.001, abs=4e-6)


def test_outputs_on_whole_seconds_have_all_their_rain() -> None:
    here = world(duration_s=1e6)
    boundary, actors = spec(rain={"uniform_mm_h": 20.0}).build(here)
    pond = Pond(here.domain, boundary)
    actors[0].begin(pond)
    ledger = Ledger()
    actors[0].act(pond, 0.0, 1.3, ledger)
    assert pond.depth.max() == 0  # waits until more is together
    actors[0].act(pond, 1.3, 0.7, ledger)
    assert pond.depth[0, 0] == pytest.approx(20 / 3.6e6 * 2)


def test_a_saved_sky_goes_on_bit_by_bit() -> None:
    sections = {
        "rain": {"uniform_mm_h": 50.0},
        "infiltration": {"method": "green-ampt", "soil": "loam", "moisture_deficit": 0.2},
    }
    here = world(duration_s=1e6)

    def begun() -> tuple[Any, Pond]:
        boundary, actors = spec(**sections).build(here)
        pond = Pond(here.domain, boundary, "float32")
        actors[0].begin(pond)
        return actors[0], pond

    sky, pond = begun()
    other, again = begun()
    ledger = Ledger()
    for n in range(200):
        if n == 77:
            other.load({k: v.copy() for k, v in sky.save().items()})
            again.depth[:] = pond.depth
        sky.act(pond, 0.7 * n, 0.7, ledger)
        if n >= 77:
            other.act(again, 0.7 * n, 0.7, Ledger())
    assert (pond.depth == again.depth).all()
    assert all((v == other.save()[k]).all() for k, v in sky.save().items())


def test_what_is_compiled_beforehand_is_all_that_the_sky_calls() -> None:
    """Another kind of argument would be compiled while somebody waits."""
    warm()
    known = len(pass_over.signatures), len(mix.signatures)  # type: ignore[attr-defined]
    for dtype in ("float32", "float64"):
        _pour(world(), dtype, 60.0, rain=[_gauges("idw"), {"uniform_mm_h": 5}], infiltration={"drain_loss_mm_h": 3})
        _pour(world(), dtype, 60.0, rain=_gauges("thiessen"), infiltration={"method": "scs-cn", "curve_number": 70})
    assert (len(pass_over.signatures), len(mix.signatures)) == known  # type: ignore[attr-defined]


def test_only_where_rain_left_water_is_woken() -> None:
    table = {"kind": "intensity_mm_h", "time_unit": "h"}
    gauges = [
        {"at": [5, 35], "hyetograph": [[0, 0], [1, 0]], **table},
        {"at": [9995, 35], "hyetograph": [[0, 50], [1, 0]], **table},
        {"at": [7505, 35], "hyetograph": [[0, 4], [1, 0]], **table},  # all of it soaks in
    ]
    here = world(np.zeros((40, 1000)))
    losses = {"method": "constant", "rate_mm_h": 5}
    pond, _, _ = _pour(here, until_s=60.0, rain={"gauges": gauges}, infiltration=losses)
    wet = np.flatnonzero(pond.depth[0] > 0)
    assert wet.min() == 875
    assert (pond.woken == pond.woken[0]).all()
    assert np.flatnonzero(pond.woken[0]).min() == 875 // 64 * 64


def test_threads_change_nothing() -> None:
    here = world(np.zeros((700, 900)))
    results = []
    for threads in (1, 3):
        boundary, actors = spec(
            rain={"uniform_mm_h": 50}, infiltration={"method": "constant", "rate_mm_h": 7}
        ).build(here)
        pond = Pond(here.domain, boundary, "float32")
        pond.threads = threads
        ledger = let_act(actors, pond, 30.0, 10.0)
        results.append((pond.depth, ledger.balance(0.0)))
    assert (results[0][0] == results[1][0]).all()
    assert results[0][1] == results[1][1]


def test_steps_are_short_where_much_rain_meets_dry_ground() -> None:
    sky = spec(rain={"uniform_mm_h": 3600}).build(world(cell_m=0.1))[1][0]
    sky.begin(Pond(world(cell_m=0.1).domain, Boundary.none()))
    longest = sky.longest_step_s()
    assert 0.1 / (9.81 * 1e-3 * longest) ** 0.5 == pytest.approx(2 * longest, rel=1e-3)  # waves cross half a cell
