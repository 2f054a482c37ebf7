"""A run is written down while it runs and when it ends: tables, rasters, NetCDF; a kill loses nothing."""

from __future__ import annotations

import csv
import filecmp
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import rasterio

from naru.errors import CrsUnknown, FileMissing, StorageFailed
from tests.painted_floods import FRAME, START, PaintedWater, assembled, begun, flat_domain, rising, run
from twin.flood.advance import Flood, advance
from twin.flood.records import Domain, Maxima
from twin.grid import Values
from twin.results import finish as finishing
from twin.results.doubts import doubts, fast_share
from twin.results.frames import read_frame
from twin.results.publish import parts
from twin.results.recorder import DRY_M, Recorder
from twin.scenario.records import Assembled, FlowSection

TABLES = {
    "gauges.csv": ["time_s", "gauge", "stage_m", "depth_m", "speed_m_s"],
    "sections.csv": ["time_s", "section", "discharge_m3_s"],
    "structures.csv": ["time_s", "structure", "quantity", "value"],
    "balance.csv": ["time_s", "term", "in_m3", "out_m3"],
}


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Assembled:
    return assembled(flat_domain(), tmp_path_factory.mktemp("scenario"))


@pytest.fixture(scope="module")
def done(scenario: Assembled, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("run")
    recorder, flood = run(scenario, folder, rising())
    return folder, recorder.finish(flood)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_fast_flow_is_doubted_of_the_scheme_that_leaves_momentum_s_advection_out() -> None:
    maxima = Maxima.start((2, 50))
    maxima.depth[0], maxima.speed[0] = 0.4, 1.9  # √(g·0.4) = 1.98: slower than its waves
    maxima.depth[1], maxima.speed[1] = 0.01, 3.0  # a film counts for nothing
    assert doubts("inertial", maxima) == []
    maxima.speed[0, :5] = 2.1
    assert fast_share(maxima) == pytest.approx(0.1)
    assert "10%" in doubts("inertial", maxima)[0] and "full" in doubts("inertial", maxima)[0]
    assert doubts("full", maxima) == []
    assert fast_share(Maxima.start((2, 2))) == 0.0


# --- the contract -----------------------------------------------------------------------------------


def test_the_contracts_members_are_told(done: tuple[Path, dict[str, Any]]) -> None:
    folder, told = done
    assert list(told)[:7] == ["run", "steps", "seconds", "cell_steps_per_second", "volume", "outputs", "gauges"]
    assert {"in_m3", "out_m3", "stored_m3", "error_m3", "relative_error"} <= set(told["volume"])
    assert told["volume"]["relative_error"] < 1e-6
    for path in told["outputs"].values():
        assert Path(path).is_absolute() and Path(path).exists()
    kept = json.loads((folder / "run.json").read_text("utf-8"))
    assert kept["outputs"]["netcdf"] == "result.nc"
    assert kept | {"outputs": {}} == told | {"outputs": {}}


@pytest.mark.parametrize("name", TABLES)
def test_tables_have_the_columns_that_are_documented(done: tuple[Path, dict[str, Any]], name: str) -> None:
    with (done[0] / name).open(encoding="utf-8", newline="") as stream:
        assert next(csv.reader(stream)) == TABLES[name]


def test_work_is_tidied_away(done: tuple[Path, dict[str, Any]]) -> None:
    assert not (done[0] / ".work").exists()


def test_only_the_outputs_that_are_named_are_written(scenario: Assembled, tmp_path: Path) -> None:
    recorder, flood = run(replace(scenario, outputs=("max_depth", "gauges")), tmp_path, rising())
    assert set(recorder.finish(flood)["outputs"]) == {"max_depth", "gauges"}
    assert {path.name for path in tmp_path.iterdir()} == {"max_depth.tif", "gauges.csv", "run.json"}


# --- gauges, sections, the balance ------------------------------------------------------------------


def test_samples_are_taken_at_the_first_step_at_or_after_each_multiple(scenario: Assembled, tmp_path: Path) -> None:
    recorder, _ = run(replace(scenario, gauge_every_s=25.0), tmp_path, rising(), step_s=7.0)
    times = np.array(recorder.gauges.times)
    assert len(times) == 25
    late = times - 25.0 * np.arange(25)
    assert (late >= -1e-6).all() and (late < 7.0).all() and (late > 0.1).any()


def test_the_highest_stage_is_that_of_every_step_not_of_samples(scenario: Assembled, tmp_path: Path) -> None:
    def spike(time_s: float) -> Values:
        return np.full((FRAME.rows, FRAME.columns), 2.0 if 200 < time_s < 220 else 0.5)

    recorder, flood = run(replace(scenario, gauge_every_s=600.0), tmp_path, spike, step_s=5.0)
    told = recorder.finish(flood)["gauges"]["west"]
    bed = scenario.domain.bed[3, 2]
    assert told["max_stage_m"] == pytest.approx(bed + 2.0)
    assert told["max_depth_m"] == pytest.approx(2.0)
    assert 200 < told["time_of_max_s"] <= 205
    assert max(float(row["depth_m"]) for row in rows_of(tmp_path / "gauges.csv")) == 0.5


def test_a_gauge_reads_stage_depth_and_speed_of_its_cell(done: tuple[Path, dict[str, Any]]) -> None:
    last = [row for row in rows_of(done[0] / "gauges.csv") if row["gauge"] == "west"][-1]
    depth = rising()(600.0)[3, 2]
    assert float(last["depth_m"]) == pytest.approx(depth, rel=1e-6)
    assert float(last["stage_m"]) == pytest.approx(flat_domain().bed[3, 2] + depth, rel=1e-6)
    assert float(last["speed_m_s"]) == pytest.approx(np.hypot(0.5, 0.25) / depth, rel=1e-6)


def test_a_dry_gauge_reads_the_bed_and_no_speed(done: tuple[Path, dict[str, Any]]) -> None:
    first = next(row for row in rows_of(done[0] / "gauges.csv") if row["gauge"] == "east")
    assert float(first["depth_m"]) == float(first["speed_m_s"]) == 0
    assert float(first["stage_m"]) == pytest.approx(flat_domain().bed[5, 40])


def test_a_section_sums_signed_flow_through_its_faces(scenario: Assembled, tmp_path: Path) -> None:
    columns = FRAME.columns
    east = np.arange(10) * (columns + 1) + 5  # faces west of column 5, rows 0 to 9
    south = 10 * columns + np.arange(4)  # faces north of row 10, columns 0 to 3
    section = FlowSection("corner", east, np.ones(10), south, -np.ones(4))
    recorder, _ = run(replace(scenario, sections=(section,)), tmp_path, rising())
    assert recorder.sections.samples[-1].tolist() == [pytest.approx(10.0 * (10 * 0.5 - 4 * 0.25))]


def test_the_balance_sheet_balances_to_the_last_digit(done: tuple[Path, dict[str, Any]]) -> None:
    folder, told = done
    rows = [row for row in rows_of(folder / "balance.csv") if row["time_s"] == "600"]
    come, gone = (sum(float(row[side]) for row in rows) for side in ("in_m3", "out_m3"))
    assert come == pytest.approx(gone, rel=1e-15)
    assert next(row for row in rows if row["term"] == "stored")["out_m3"] == repr(told["volume"]["stored_m3"])
    assert float(rows[0]["in_m3"]) == told["terms"]["inflow/tap"]["in_m3"] > 0


def test_structures_are_read_at_output_times(done: tuple[Path, dict[str, Any]]) -> None:
    rows = rows_of(done[0] / "structures.csv")
    assert [float(row["time_s"]) for row in rows] == done[1]["times_s"] == [60.0 * n for n in range(11)]
    assert rows[0] == {"time_s": "0", "structure": "tap", "quantity": "opening_m", "value": "0.4"}


# --- rasters ------------------------------------------------------------------------------------------


def test_rasters_are_cloud_optimised_with_units_and_nothing_where_it_is_dry(
    done: tuple[Path, dict[str, Any]],
) -> None:
    with rasterio.open(done[0] / "max_depth.tif") as raster:
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert raster.crs == "EPSG:5186" and np.isnan(raster.nodata) and raster.dtypes == ("float32",)
        assert raster.units == ("m",) and raster.descriptions == ("maximum water depth",)
        assert raster.bounds == FRAME.bounds
        values = raster.read(1)
    depth = rising()(600.0)
    assert np.isnan(values[:, -1]).all()  # outside of the model
    wet = depth[:, :-1] >= DRY_M
    assert np.array_equal(~np.isnan(values[:, :-1]), wet)
    assert values[:, :-1][wet] == pytest.approx(depth[:, :-1][wet], rel=1e-6)


def test_arrival_and_duration_are_of_the_threshold(done: tuple[Path, dict[str, Any]]) -> None:
    with (
        rasterio.open(done[0] / "arrival_time.tif") as arrival,
        rasterio.open(done[0] / "duration.tif") as duration,
    ):
        first, long = arrival.read(1), duration.read(1)
    assert np.array_equal(np.isnan(first), np.isnan(long))
    reached = ~np.isnan(first)
    assert reached[0, 0] and not reached[0, 50]
    assert (first[reached] + long[reached] <= 600.0 + 21.0).all()  # what went by since the last look counts with it


def test_the_final_stage_is_bed_and_depth(done: tuple[Path, dict[str, Any]]) -> None:
    with rasterio.open(done[0] / "final_stage.tif") as raster:
        assert raster.tags()["VERTICAL_DATUM"] == "KVD1964"
        assert raster.read(1)[3, 2] == pytest.approx(flat_domain().bed[3, 2] + rising()(600.0)[3, 2], abs=1e-5)


# --- NetCDF -------------------------------------------------------------------------------------------


def test_netcdf_has_what_cf_readers_need(done: tuple[Path, dict[str, Any]]) -> None:
    with netCDF4.Dataset(done[0] / "result.nc") as file:
        assert file.Conventions.startswith("CF-1")
        depth = file["depth"]
        assert depth.dimensions == ("time", "y", "x") and depth.shape == (11, FRAME.rows, FRAME.columns)
        assert depth.units == "m" and depth.grid_mapping == "crs" and depth.filters()["zlib"]
        assert depth.standard_name == "flood_water_thickness"
        assert file["crs"].grid_mapping_name == "transverse_mercator" and "5186" in file["crs"].crs_wkt
        assert (np.diff(file["y"][:]) < 0).all() and file["y"].standard_name == "projection_y_coordinate"
        assert file["x"][0] == FRAME.west + FRAME.cell_m / 2
        when = netCDF4.num2date(file["time"][:], file["time"].units, only_use_cftime_datetimes=False)
        assert (when[-1] - when[0]).total_seconds() == 600
        assert when[0].isoformat() == START.replace(hour=11, tzinfo=None).isoformat()  # UTC


def test_netcdf_counts_flow_north_and_loses_no_bit(done: tuple[Path, dict[str, Any]]) -> None:
    with netCDF4.Dataset(done[0] / "result.nc") as file:
        file.set_auto_mask(False)
        depth, north, east = (file[name][-1] for name in ("depth", "unit_discharge_y", "unit_discharge_x"))
        stage = file["stage"][-1]
    assert np.array_equal(depth[:, :-1], rising()(600.0).astype("f4")[:, :-1])
    assert north[0, 0] == -0.25 and east[0, 0] == 0.5
    assert np.isnan(depth[:, -1]).all() and np.isnan(north[:, -1]).all()
    dry = depth[:, :-1] < DRY_M
    assert np.array_equal(np.isnan(stage[:, :-1]), dry)


def test_a_run_of_double_precision_is_written_so(scenario: Assembled, tmp_path: Path) -> None:
    recorder, flood = run(scenario, tmp_path, rising(), dtype=np.float64)
    recorder.finish(flood)
    with netCDF4.Dataset(tmp_path / "result.nc") as file:
        file.set_auto_mask(False)
        assert np.array_equal(file["depth"][-1][:, :-1], rising()(600.0)[:, :-1])


# --- flumes -------------------------------------------------------------------------------------------


def test_a_flume_without_crs_has_results_but_no_place_on_the_map(tmp_path: Path) -> None:
    frame = replace(FRAME, west=0.0, north=4.0, cell_m=0.1, crs="")
    flume = assembled(flat_domain(frame), tmp_path, start=None)
    recorder, flood = run(flume, tmp_path / "run", rising(frame))
    told = recorder.finish(flood)
    assert "frames" not in told["outputs"] and told["crs"] is None
    with rasterio.open(told["outputs"]["max_depth"]) as raster:
        assert raster.crs is None and raster.bounds == pytest.approx(frame.bounds)
    with netCDF4.Dataset(told["outputs"]["netcdf"]) as file:
        assert "crs" not in file.variables and file["time"].units == "s"
        assert not hasattr(file["depth"], "grid_mapping")
    with pytest.raises(CrsUnknown):
        parts(tmp_path / "run", told)


# --- kills and full disks -------------------------------------------------------------------------------


class Killed(Exception):
    """The process is gone."""


def killed_after(recorder: Recorder, flood: Flood, scenario: Assembled, outputs: int) -> None:
    """Run until so many outputs are written."""

    class Dying:
        step, track = recorder.step, recorder.track

        def output(self, flood: Flood, balance: Any) -> None:
            recorder.output(flood, balance)
            if flood.outputs == outputs:
                raise Killed

    with pytest.raises(Killed):
        advance(flood, scenario.plan, Dying())


def test_a_killed_run_goes_on_as_if_nothing_had_been(
    scenario: Assembled, done: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    flood = begun(scenario, rising())
    recorder = Recorder(tmp_path, scenario, lambda share, words: None)
    killed_after(recorder, flood, scenario, 5)
    saved, watched = flood.save(), json.loads(json.dumps(recorder.save()["facts"]))
    arrays = {name: values.copy() for name, values in recorder.save()["arrays"].items()}
    state = {"arrays": {k: v.copy() for k, v in saved["arrays"].items()}, "facts": dict(saved["facts"])}
    killed_after(recorder, flood, scenario, 8)  # after the checkpoint: is done again

    later, again = begun(scenario, rising()), Recorder(tmp_path, scenario, lambda share, words: None)
    later.load(state)
    again.load({"arrays": arrays, "facts": watched})
    advance(later, scenario.plan, again)
    told = again.finish(later)
    assert told["steps"] == done[1]["steps"] and told["gauges"] == done[1]["gauges"]
    for name in (*TABLES, "max_depth.tif", "frames/0007.png", "frames/frames.json"):
        assert filecmp.cmp(tmp_path / name, done[0] / name, shallow=False), name
    with netCDF4.Dataset(tmp_path / "result.nc") as file, netCDF4.Dataset(done[0] / "result.nc") as whole:
        for name in whole.variables:
            assert np.array_equal(
                np.ma.getdata(file[name][:]), np.ma.getdata(whole[name][:]), equal_nan=name != "crs"
            )


def test_a_finish_that_fails_leaves_nothing_half_written_and_can_be_done_again(
    scenario: Assembled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise StorageFailed("the disk is full")

    recorder, flood = run(scenario, tmp_path, rising())
    with monkeypatch.context() as patched:
        patched.setattr(finishing, "write_frames", full)
        with pytest.raises(StorageFailed):
            recorder.finish(flood)
    assert {path.name for path in tmp_path.iterdir()} == {".work"}
    assert not (tmp_path / ".work" / "finishing").exists()
    assert "netcdf" in recorder.finish(flood)["outputs"]


def test_a_run_that_was_finished_is_only_told_again(scenario: Assembled, tmp_path: Path) -> None:
    recorder, flood = run(scenario, tmp_path, rising())
    first = recorder.finish(flood)
    assert recorder.finish(flood) == first


def test_a_run_that_begins_anew_takes_away_what_was_finished_before(scenario: Assembled, tmp_path: Path) -> None:
    recorder, flood = run(scenario, tmp_path, rising())
    recorder.finish(flood)
    second = Recorder(tmp_path, scenario, lambda share, words: None)
    killed_after(second, begun(scenario, rising()), scenario, 1)
    assert not (tmp_path / "run.json").exists()


def test_a_frame_that_is_gone_is_named(scenario: Assembled, tmp_path: Path) -> None:
    recorder, flood = run(scenario, tmp_path, rising())
    (tmp_path / ".work" / "frame-00003.npy.gz").unlink()
    with pytest.raises(FileMissing, match="output 3"):
        recorder.finish(flood)
    assert not (tmp_path / "max_depth.tif").exists()


def test_frames_on_disk_are_the_state_bit_by_bit(scenario: Assembled, tmp_path: Path) -> None:
    run(scenario, tmp_path, rising())
    state = read_frame(tmp_path / ".work", 10)
    assert state.time_s == 600.0 and np.array_equal(state.depth, rising()(600.0).astype("f4"))


# --- progress -------------------------------------------------------------------------------------------


def test_progress_says_where_the_run_is(scenario: Assembled, tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    recorder = Recorder(tmp_path, scenario, lambda share, words: told.append((share, words)))
    advance(begun(scenario, rising()), scenario.plan, recorder)
    shares = [share for share, _ in told]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert "10:00 of 10:00" in told[-1][1] and "m² wet" in told[-1][1] and "volume error" in told[-1][1]


def test_what_progress_raises_stops_the_run(scenario: Assembled, tmp_path: Path) -> None:
    def cancelled(share: float, words: str) -> None:
        raise Killed

    with pytest.raises(Killed):
        advance(begun(scenario, rising()), scenario.plan, Recorder(tmp_path, scenario, cancelled))


def test_gauges_look_at_padded_state_without_copying_it() -> None:
    """A scheme may keep its depth inside a larger array: indices must be those of rows and columns."""
    domain: Domain = flat_domain()
    wide = np.zeros((FRAME.rows + 2, FRAME.columns + 2), "f4")
    depth_at: Callable[[float], Values] = rising()
    water = PaintedWater(domain, depth_at)
    wide[1:-1, 1:-1] = depth_at(600.0)
    water.depth = wide[1:-1, 1:-1]
    from twin.results.series import Gauges
    from twin.scenario.records import Gauge

    gauges = Gauges((Gauge("g", 0.0, 0.0, 3 * FRAME.columns + 2),), domain)
    gauges.look(water, 1.0)
    assert gauges.peak_m[0] == pytest.approx(domain.bed[3, 2] + depth_at(600.0)[3, 2])
