"""A run on the map: frames for a player, depths as web map tiles, layers to be published, sums and differences."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pyproj import Transformer

from ingest.raster.zooms import choose
from naru.cog import Cog
from naru.errors import ArchiveDamaged, BadOption, NoFeatures
from naru.pmtiles import mapped
from naru.raster_facts import RasterFacts
from naru.raster_style import legend_type, raster_legend
from naru.shading import stepped
from tests.painted_floods import FRAME, assembled, flat_domain, rising, run
from tileserver.flood.reading import depths_at_place
from tileserver.twin.package import package_at
from twin.grid import Frame, Grid
from twin.results.animation import MOST_PX, _grey, coarser, mean_of
from twin.results.depths import write_depths, zooms_for
from twin.results.layers import ASIDE
from twin.results.mercator import box_of, canvas_for
from twin.results.publish import parts, tidy
from twin.results.statistics import by_class, compare, depth_breaks, wet_area_m2

TO_LONLAT = Transformer.from_crs(FRAME.crs, "EPSG:4326", always_xy=True)
Done = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("run")
    recorder, flood = run(assembled(flat_domain(), folder), folder, rising())
    return folder, recorder.finish(flood)


# --- frames ---------------------------------------------------------------------------------------------


def test_frames_say_where_and_when_they_are(done: Done) -> None:
    index = json.loads((done[0] / "frames" / "frames.json").read_text("utf-8"))
    assert index["version"] == 1 and index["encoding"] == "sqrt8"
    assert index["times_s"] == [60.0 * n for n in range(11)] and index["start"].endswith("+09:00")
    assert index["scale_m"] == pytest.approx(3.0) and index["shown_from_m"] == 0.05
    west, south, east, north = index["bounds"]
    for x, y in ((FRAME.west, FRAME.north), (FRAME.bounds[2], FRAME.bounds[1])):
        lon, lat = TO_LONLAT.transform(x, y)
        assert west - 2e-4 < lon < east + 2e-4 and south - 2e-4 < lat < north + 2e-4
    with Image.open(done[0] / "frames" / index["frames"][-1]) as picture:
        assert picture.mode == "L" and picture.size == (index["width"], index["height"])


def test_a_frames_grey_is_the_depth_under_it(done: Done) -> None:
    index = json.loads((done[0] / "frames" / "frames.json").read_text("utf-8"))
    with Image.open(done[0] / "frames" / "0010.png") as picture:
        grey = np.asarray(picture)
    west, south, east, north = index["bounds"]
    depth = rising()(600.0)
    for row, column in ((3, 2), (20, 20), (35, 30), (10, 50)):
        lon, lat = TO_LONLAT.transform(FRAME.x[column], FRAME.y[row])
        y = np.arcsinh(np.tan(np.radians([north, lat, south])))
        at = int((y[0] - y[1]) / (y[0] - y[2]) * grey.shape[0]), int((lon - west) / (east - west) * grey.shape[1])
        told = index["scale_m"] * (grey[at] / 255) ** 2
        assert told == pytest.approx(depth[row, column], abs=0.06)


@given(depth=st.floats(0, 10), scale=st.floats(0.1, 10))
def test_an_encoded_depth_is_off_by_half_a_step_at_most(depth: float, scale: float) -> None:
    depth = min(depth, scale)
    grey = int(_grey(np.array([[depth]]), np.array([[0]]), scale, 0.05)[0, 0])
    if np.float32(depth) < 0.05:
        assert grey == 0
        return
    assert grey >= 1
    half = 0.5 / 255  # of a step, of the root
    root = np.sqrt(depth / scale)
    assert abs(grey / 255 - root) <= half + 1e-6 or grey == 1


def test_large_domains_are_shown_by_means() -> None:
    frame = Frame(0.0, 0.0, 1.0, 5000, 4100, "EPSG:5186")
    coarse, step = coarser(frame)
    assert step == 3 and max(coarse.rows, coarse.columns) <= MOST_PX
    values = np.arange(35.0).reshape(5, 7)
    means = mean_of(values, 3)
    assert means.shape == (2, 3)
    assert means[0, 0] == values[:3, :3].mean() and means[1, 2] == values[3:, 6:].mean()


def test_frames_in_one_file_are_slices_of_it(done: Done, tmp_path: Path) -> None:
    told = parts(done[0], done[1])[-1]
    file = next(Path(asset["file"]) for asset in told["assets"] if asset["name"] == "frames")
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist()[0] == "frames.json"
        assert {one.compress_type for one in archive.infolist()} == {zipfile.ZIP_STORED}
    picture = package_at(file).read("0007.png")
    assert picture == (done[0] / "frames" / "0007.png").read_bytes()
    assert Image.open(io.BytesIO(picture)).size[0] > 10


# --- depths as tiles ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def depths(done: Done, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("depths") / "depths.tif"
    depth_at, bed = rising(), flat_domain().bed
    write_depths(path, FRAME, bed, 12, lambda number, rows: depth_at(60.0 * min(number, 10))[rows], 0.05)
    return path


@settings(max_examples=25, deadline=None)
@given(row=st.integers(0, 39), column=st.integers(0, 58))
def test_a_place_has_the_depths_of_its_cell(depths: Path, row: int, column: int) -> None:
    lon, lat = TO_LONLAT.transform(FRAME.x[column], FRAME.y[row])
    here = depths_at_place(depths, lon, lat)
    assert here.bed_m == pytest.approx(flat_domain().bed[row, column], abs=0.001)
    assert here.depth_m is not None and len(here.depth_m) == 11
    for number, depth in enumerate(here.depth_m):
        truth = float(rising()(60.0 * number)[row, column])
        assert depth == pytest.approx(truth if truth >= 0.05 else 0.0, abs=0.001)


def test_a_place_outside_has_none(depths: Path) -> None:
    for x, y in ((FRAME.x[59], FRAME.y[3]), (FRAME.west - 500, FRAME.north), (FRAME.west + 9e5, FRAME.north)):
        assert depths_at_place(depths, *TO_LONLAT.transform(x, y)).depth_m is None
    assert depths_at_place(depths, 0.0, 89.9).depth_m is None


def test_blocks_are_tiles_and_dry_ones_are_left_out(depths: Path) -> None:
    with mapped(depths) as file:
        cog = Cog(file, apart=True)
        zooms = zooms_for(FRAME)
        assert (cog.minzoom, cog.maxzoom, cog.bands) == (zooms.minzoom, zooms.maxzoom, 13)
        level = cog.level(cog.maxzoom)
        tiles = [(level.left + i, level.top + k) for i in range(level.columns) for k in range(level.rows)]
        assert not any(cog.has(cog.maxzoom, *tile) for tile in tiles)  # dry at first
        assert any(cog.of_band(11).has(cog.maxzoom, *tile) for tile in tiles)


def test_bands_that_lie_apart_are_no_tiles_unless_that_is_wanted(depths: Path) -> None:
    with mapped(depths) as file, pytest.raises(ArchiveDamaged, match="lie apart"):
        Cog(file)


@pytest.mark.parametrize("cell_m", [0.5, 2.0, 10.0, 37.0])
@pytest.mark.parametrize("rows", [20, 333, 4000])
def test_zooms_are_those_of_ingest(cell_m: float, rows: int) -> None:
    frame = Frame(190_000.0, 545_000.0, cell_m, rows, rows + 7, "EPSG:5186")
    found = zooms_for(frame)
    cell = canvas_for(frame, 1 << 30).pixel_m
    wanted = choose(cell, "data", [box_of(frame)], found.minzoom, found.maxzoom)
    assert (found.minzoom, found.maxzoom) == (wanted.lowest, wanted.maxzoom)
    free = choose(cell, "data", [box_of(frame)])
    assert (free.minzoom, free.maxzoom) == (found.minzoom, found.maxzoom)


# --- layers ---------------------------------------------------------------------------------------------


def test_a_run_becomes_layers_of_the_function_twin(done: Done) -> None:
    told = parts(done[0], done[1])
    assert [part["id"] for part in told] == [
        "test-flood-max-depth",
        "test-flood-max-velocity",
        "test-flood-max-hazard",
        "test-flood-arrival",
        "test-flood-duration",
        "test-flood-depth",
    ]
    assert {part["function"] for part in told} == {"twin"}
    assert (
        told[0]["title_ko"] == "시험 침수 최대 침수심" and told[0]["title_en"] == "Test flood: maximum water depth"
    )
    assert {asset["name"] for asset in told[-1]["assets"]} == {"depths", "run", "series", "frames", "netcdf"}
    with rasterio.open(told[2]["file"]) as raster:
        assert raster.tags()["COLOR_RAMP"] == "hazard"


def test_maps_show_what_is_flooded_and_no_film(tmp_path: Path) -> None:
    recorder, flood = run(assembled(flat_domain(), tmp_path), tmp_path, rising(most_m=1.0))
    told = recorder.finish(flood)
    with rasterio.open(parts(tmp_path, told)[0]["file"]) as raster:
        assert np.nanmin(raster.read(1)) >= 0.05
    with rasterio.open(tmp_path / "max_depth.tif") as raster:
        assert np.nanmin(raster.read(1)) < 0.05  # the result itself keeps it


def test_what_is_published_names_no_folders(done: Done) -> None:
    told = parts(done[0], done[1])[-1]
    run_json = next(asset["file"] for asset in told["assets"] if asset["name"] == "run")
    assert str(done[0]) not in Path(run_json).read_text("utf-8")


def test_series_are_by_name_and_gauges_have_a_place(done: Done) -> None:
    told = parts(done[0], done[1])[-1]
    file = next(asset["file"] for asset in told["assets"] if asset["name"] == "series")
    series = json.loads(Path(file).read_text("utf-8"))
    west = series["gauges"]["west"]
    assert len(west["time_s"]) == len(west["stage_m"]) == len(west["depth_m"]) == len(west["speed_m_s"]) == 11
    assert (west["lon"], west["lat"]) == pytest.approx(TO_LONLAT.transform(FRAME.x[2], FRAME.y[3]), abs=1e-6)
    assert series["structures"]["tap"]["opening_m"]["value"] == [0.4] * 11
    assert series["sections"]["bridge"]["discharge_m3_s"][-1] == 200.0
    assert series["balance"]["inflow/tap"]["in_m3"][-1] == done[1]["terms"]["inflow/tap"]["in_m3"]


def test_results_stay_where_they_are_when_parts_are_moved_and_tidied(done: Done) -> None:
    for part in parts(done[0], done[1]):
        for asset in part.get("assets", ()):
            Path(asset["file"]).unlink()
    tidy(done[0])
    assert not (done[0] / ASIDE).exists()
    assert (done[0] / "result.nc").exists() and (done[0] / "frames" / "0000.png").exists()


def test_a_run_that_floods_nothing_says_so(tmp_path: Path) -> None:
    scenario = assembled(flat_domain(), tmp_path)
    recorder, flood = run(scenario, tmp_path / "run", rising(most_m=0.04))
    with pytest.raises(NoFeatures, match=r"deepest water, 0\.04 m, stays below 0\.05 m"):
        parts(tmp_path / "run", recorder.finish(flood))


# --- colours --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "number"), [(0.05, 0), (0.49, 0), (0.5, 1), (1.0, 2), (4.9, 3), (5.0, 4), (9, 4)]
)
def test_depths_have_the_colours_of_their_class(depth: float, number: int) -> None:
    facts = RasterFacts.of({"raster": {"role": "data", "dtype": "float32", "ramp": "depth"}})
    legend = raster_legend(facts)
    assert legend_type(facts) == "classes" and len(legend) == 5
    painted = stepped(np.array([[depth]], "f4"), "depth")[:, 0, 0]
    assert "#{:02x}{:02x}{:02x}".format(*painted) == legend[number]["color"]


# --- sums and differences ---------------------------------------------------------------------------------


def test_classes_share_out_area_and_volume() -> None:
    depth = np.array([[0.2, 0.6, 1.5], [6.0, np.nan, 0.0]])
    shares = by_class(depth, depth, depth_breaks(), 10.0)
    assert [share.area_m2 for share in shares] == [100, 100, 100, 0, 100]
    assert sum(share.volume_m3 for share in shares) == pytest.approx(np.nansum(depth) * 100)
    assert shares[-1].high == np.inf and wet_area_m2(depth, 0.5, 10.0) == 300


def test_two_runs_are_compared_where_both_reach() -> None:
    frame = Frame(0.0, 100.0, 10.0, 4, 4, "EPSG:5186")
    a = Grid(np.full((4, 4), 1.0), frame)
    shifted = replace(frame, west=10.0, north=90.0)
    b = Grid(np.where(np.eye(4) > 0, 1.5, np.nan), shifted)
    found = compare(a, b)
    assert found.difference.frame == Frame(10.0, 90.0, 10.0, 3, 3, "EPSG:5186")
    assert found.difference.values[0].tolist() == [-0.5, 1.0, 1.0]
    assert (found.largest_rise, found.largest_fall) == (1.0, 0.5)
    assert (found.only_a_m2, found.only_b_m2, found.both_m2) == (600.0, 0.0, 300.0)
    assert found.fit == pytest.approx(1 / 3)


@given(st.lists(st.floats(0, 3), min_size=9, max_size=9), st.lists(st.floats(0, 3), min_size=9, max_size=9))
def test_a_comparison_turned_round_has_the_other_sign(one: list[float], other: list[float]) -> None:
    frame = Frame(0.0, 30.0, 10.0, 3, 3, "")
    a, b = (Grid(np.array(values).reshape(3, 3), frame) for values in (one, other))
    there, back = compare(a, b), compare(b, a)
    assert np.array_equal(there.difference.values, -back.difference.values, equal_nan=True)
    assert there.largest_rise == back.largest_fall and there.only_a_m2 == back.only_b_m2


@pytest.mark.parametrize(
    "other",
    [
        Frame(0.0, 100.0, 5.0, 4, 4, "EPSG:5186"),
        Frame(0.0, 100.0, 10.0, 4, 4, "EPSG:5179"),
        Frame(3.0, 100.0, 10.0, 4, 4, "EPSG:5186"),
        Frame(40.0, 100.0, 10.0, 4, 4, "EPSG:5186"),
    ],
)
def test_runs_on_other_cells_are_refused(other: Frame) -> None:
    mine = Grid(np.zeros((4, 4)), Frame(0.0, 100.0, 10.0, 4, 4, "EPSG:5186"))
    with pytest.raises(BadOption, match="cannot be compared"):
        compare(mine, Grid(np.zeros((4, 4)), other))
