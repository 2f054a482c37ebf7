"""The ground that a scenario makes: its cells, heights, roughness, buildings and the water on it."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from naru.errors import NaruError
from tests.flood_scenarios import NORTH, WEST, made, plain, write_raster
from twin.flood.records import Options
from twin.grid import Frame
from twin.scenario import framing

RNG = np.random.default_rng(6)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a slope of 20 × 30 cells of 2 m."""
    plain(tmp_path)
    return tmp_path


def box(west: float, south: float, east: float, north: float) -> list[list[float]]:
    """Return a ring, metres from the terrain's north-west corner."""
    ring = [(west, north), (east, north), (east, south), (west, south)]
    return [[WEST + x, NORTH - y] for x, y in ring]


def refused(folder: Path, **fields: Any) -> NaruError:
    with pytest.raises(NaruError) as caught:
        made(folder, **fields)
    return caught.value


# --- cells --------------------------------------------------------------------------------------------


def test_a_terrain_runs_on_its_own_cells(folder: Path) -> None:
    domain = made(folder).domain
    assert domain.frame == Frame(WEST, NORTH, 2.0, 20, 30, "EPSG:5186")
    assert np.array_equal(domain.bed, np.tile((10 - 0.1 * np.arange(30)).astype(np.float32), (20, 1)))
    assert domain.vertical_datum == "KVD1964"


def test_a_box_cuts_out_the_cells_that_it_touches(folder: Path) -> None:
    domain = {"bbox": [WEST + 3, NORTH - 10, WEST + 9, NORTH - 4]}
    frame = made(folder, domain=domain).domain.frame
    assert frame.bounds == (WEST + 2, NORTH - 10, WEST + 10, NORTH - 4)


def test_a_box_may_be_longitude_and_latitude(folder: Path) -> None:
    from twin.crs import Mover

    x, y = Mover("EPSG:5186", "EPSG:4326", "")(np.array([WEST + 4, WEST + 20]), np.array([NORTH - 30, NORTH - 10]))
    frame = made(folder, domain={"bbox": [x[0], y[0], x[1], y[1]]}).domain.frame
    assert np.allclose(frame.bounds, (WEST + 4, NORTH - 30, WEST + 20, NORTH - 10), atol=2.01)


def test_a_box_beside_the_terrain_is_refused_with_where_it_lies(folder: Path) -> None:
    error = refused(folder, domain={"bbox": [0, 0, 10, 10]}, coordinates="terrain")
    assert error.field == "domain"
    assert "200000 to 200060" in error.remedy


def test_a_polygon_leaves_what_is_around_it_outside(folder: Path) -> None:
    ring = box(4, 12, 20, 4)
    domain = made(folder, domain={"polygon": ring}).domain
    assert domain.frame.bounds == (WEST + 4, NORTH - 12, WEST + 20, NORTH - 4)
    ring[2] = [WEST + 4, NORTH - 12]
    cut = made(folder, domain={"polygon": ring[:3]}).domain
    assert 0 < cut.active.sum() < 32


def test_coarser_cells_hold_the_mean_of_what_they_cover(tmp_path: Path) -> None:
    z = RNG.random((12, 18)).astype(np.float32)
    z[3, 4] = np.nan
    write_raster(tmp_path / "dem.tif", z, cell=1.0)
    domain = made(tmp_path, domain={"cell_m": 3}).domain
    wanted = np.nanmean(z.astype(float).reshape(4, 3, 6, 3).transpose(0, 2, 1, 3).reshape(4, 6, 9), axis=2)
    assert domain.frame == Frame(WEST, NORTH, 3.0, 4, 6, "EPSG:5186")
    assert np.allclose(domain.bed, wanted, rtol=0, atol=1e-12)


def test_finer_cells_are_interpolated(folder: Path) -> None:
    domain = made(folder, domain={"cell_m": 1}).domain
    assert domain.bed.shape == (40, 60)
    inner = domain.bed[:, 1:-1]
    assert np.allclose(np.diff(inner, axis=1), -0.05, atol=1e-6)


def test_rows_from_the_south_are_turned(tmp_path: Path) -> None:
    z = RNG.random((5, 6)).astype(np.float32)
    write_raster(tmp_path / "dem.tif", z[::-1], cell=(2.0, -2.0), corner=(WEST, NORTH - 10))
    domain = made(tmp_path).domain
    assert domain.frame == Frame(WEST, NORTH, 2.0, 5, 6, "EPSG:5186")
    assert np.array_equal(domain.bed, z)


def test_sides_that_differ_a_little_count_as_square(tmp_path: Path) -> None:
    write_raster(tmp_path / "dem.tif", np.ones((4, 4)), cell=(2.0, 2.001))
    assembled = made(tmp_path)
    assert assembled.domain.frame.cell_m == 2.0
    assert any("taken for squares" in text for text in assembled.warnings)


def test_cells_that_are_not_square_need_a_size(tmp_path: Path) -> None:
    write_raster(tmp_path / "dem.tif", np.ones((4, 6)), cell=(2.0, 3.0))
    assert refused(tmp_path).field == "domain.cell_m"
    assert made(tmp_path, domain={"cell_m": 3}).domain.bed.shape == (4, 4)


def test_degrees_are_refused_unless_a_system_is_named(tmp_path: Path) -> None:
    write_raster(tmp_path / "dem.tif", np.ones((40, 40)), cell=0.0001, crs="EPSG:4326", corner=(127.0, 37.5))
    error = refused(tmp_path)
    assert (error.code, error.field) == ("CRS_REFUSED", "domain.crs")
    assert "EPSG:5186" in error.remedy
    domain = made(tmp_path, domain={"crs": "EPSG:5186", "cell_m": 10}).domain
    assert (domain.frame.crs, domain.frame.cell_m) == ("EPSG:5186", 10.0)
    assert np.allclose(domain.bed[domain.active], 1.0)
    assert domain.active.mean() > 0.9


def test_a_flume_needs_no_coordinate_system(tmp_path: Path) -> None:
    head = "ncols 3\nnrows 2\nxllcorner 0\nyllcorner 0\ncellsize 0.02\nNODATA_value -9999\n"
    (tmp_path / "flume.asc").write_text(head + "1.123456789 2 3\n4 -9999 6\n")
    domain = made(tmp_path, terrain="flume.asc").domain
    assert (domain.frame.crs, domain.frame.cell_m, domain.vertical_datum) == ("", 0.02, "LOCAL")
    assert domain.bed[0, 0] == 1.123456789  # not rounded to float32
    assert np.isnan(domain.bed[1, 1])


@pytest.mark.parametrize("kind", ["zip", "gz"])
def test_a_packed_grid_is_read_as_it_is(tmp_path: Path, kind: str) -> None:
    grid = b"ncols 2\nnrows 2\nxllcorner 0\nyllcorner 0\ncellsize 1\n1 2\n3 4\n"
    path = tmp_path / f"dem.asc.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("folder/dem.asc", grid)
            archive.writestr("readme.md", "x")
    else:
        path.write_bytes(gzip.compress(grid))
    assert made(tmp_path, terrain=path.name).domain.bed.tolist() == [[1, 2], [3, 4]]


def test_a_zip_with_several_grids_asks_which(tmp_path: Path) -> None:
    grid = b"ncols 2\nnrows 1\nxllcorner 0\nyllcorner 0\ncellsize 1\n1 2\n"
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.asc", grid)
        archive.writestr("b.asc", grid)
    error = refused(tmp_path, terrain="two.zip")
    assert "a.asc, b.asc" in error.remedy
    assert made(tmp_path, terrain={"file": "two.zip", "member": "b.asc"}).domain.bed.tolist() == [[1, 2]]


def test_a_number_that_stands_for_nothing_is_found(tmp_path: Path) -> None:
    z = np.ones((4, 4))
    z[1, 2] = -9999
    write_raster(tmp_path / "dem.tif", z)
    assembled = made(tmp_path)
    assert np.isnan(assembled.domain.bed[1, 2])
    assert any("-9999 is taken for one" in text for text in assembled.warnings)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.full((3, 3), np.nan), "no cell has a height"),
        (np.array([[5.0]]), "a single cell has a height"),
        (np.full((3, 3), 20_000.0), "none of the Earth's surface"),
    ],
)
def test_an_impossible_terrain_is_named(tmp_path: Path, values: Any, told: str) -> None:
    write_raster(tmp_path / "dem.tif", values)
    error = refused(tmp_path)
    assert told in error.message
    assert (error.field, error.file) == ("terrain", "dem.tif")


def test_heights_in_centimetres_become_metres(tmp_path: Path) -> None:
    write_raster(tmp_path / "dem.tif", np.full((3, 3), 1250.0))
    assert np.all(made(tmp_path, terrain={"file": "dem.tif", "unit": "cm"}).domain.bed == 12.5)


def test_what_the_machine_cannot_hold_is_refused_before_it_is_read() -> None:
    frame = Frame(WEST, NORTH, 1.0, 10_000, 10_000, "EPSG:5186")
    with pytest.raises(NaruError, match="GB of memory") as caught:
        framing.check_memory(frame, Options(), "s.yaml", memory=10**9)
    assert caught.value.field == "domain.cell_m"
    need = framing.bytes_needed(frame, Options())
    fits = float(caught.value.remedy.split("cells of ")[1].split(" m")[0])
    assert need / fits**2 <= 0.7e9
    framing.check_memory(frame, Options(), "s.yaml", memory=2 * need)


# --- roughness ----------------------------------------------------------------------------------------


def test_roughness_is_a_number_everywhere(folder: Path) -> None:
    n = made(folder, manning_n=0.04).domain.manning_n
    assert n.dtype == np.float32
    assert np.all(n == np.float32(0.04))


def test_roughness_that_nobody_gives_is_warned_of(folder: Path) -> None:
    assembled = made(folder, manning_n=None)
    assert np.all(assembled.domain.manning_n == np.float32(0.035))
    assert any("0.035 s·m^-1/3 is taken" in text for text in assembled.warnings)


def test_the_terrain_s_own_roughness_counts_where_none_is_given(tmp_path: Path) -> None:
    stack = np.stack([np.ones((3, 3)), np.zeros((3, 3)), np.full((3, 3), 0.07)])
    write_raster(tmp_path / "dem.tif", stack, bands=("bed_elevation", "water_depth", "manning_n"))
    assembled = made(tmp_path, manning_n=None)
    assert np.allclose(assembled.domain.manning_n, 0.07)
    assert not assembled.warnings


def test_areas_stand_over_the_default_and_later_ones_over_earlier(folder: Path) -> None:
    areas = [{"polygon": box(0, 40, 20, 0), "n": 0.02}, {"polygon": box(10, 40, 20, 0), "n": 0.1}]
    n = made(folder, manning_n={"default": 0.04, "areas": areas}).domain.manning_n
    assert np.allclose(n[0, [0, 4, 5, 9, 10]], [0.02, 0.02, 0.1, 0.1, 0.04])


def test_a_raster_of_roughness_is_laid_on_the_cells(folder: Path) -> None:
    write_raster(folder / "n.tif", np.full((10, 15), 0.05), cell=4.0)
    assert np.allclose(made(folder, manning_n="n.tif").domain.manning_n, 0.05)


def test_land_cover_becomes_roughness_by_its_table(folder: Path) -> None:
    cover = np.tile(np.repeat([1.0, 2.0, 3.0], 5), (10, 1))
    write_raster(folder / "cover.tif", cover, cell=4.0)
    table = {1: 0.02, 2: 0.1, 3: 0.15}
    n = made(folder, manning_n={"file": "cover.tif", "table": table}).domain.manning_n
    assert np.allclose(n[7], np.repeat([0.02, 0.1, 0.15], 10))
    error = refused(folder, manning_n={"file": "cover.tif", "table": {1: 0.02}})
    assert error.field == "manning_n.table"
    assert "class 2, 3" in error.message


def test_land_cover_without_a_table_is_recognised(folder: Path) -> None:
    write_raster(folder / "cover.tif", np.full((10, 15), 41.0), cell=4.0)
    error = refused(folder, manning_n="cover.tif")
    assert error.field == "manning_n"
    assert "table" in error.remedy


# --- buildings ----------------------------------------------------------------------------------------


def test_buildings_are_raised_cut_out_or_rough(folder: Path) -> None:
    plain_bed = made(folder).domain.bed
    house = {"polygons": [box(4, 8, 8, 4), box(20, 8, 24, 4)]}
    cells = np.zeros((20, 30), bool)
    cells[2:4, [2, 3, 10, 11]] = True
    raised = made(folder, buildings={**house, "as": "raise", "height_m": 6}).domain
    assert np.allclose(raised.bed - plain_bed, np.where(cells, 6.0, 0.0))
    blocked = made(folder, buildings={**house, "as": "block"}).domain
    assert np.array_equal(~blocked.active, cells)
    rough = made(folder, buildings={**house, "as": "roughness", "n": 0.5}).domain
    assert np.allclose(rough.manning_n, np.where(cells, 0.5, 0.03))
    assert np.array_equal(made(folder, buildings={**house, "as": "ignore"}).domain.bed, plain_bed)


def test_a_folder_of_tables_is_a_building_each(folder: Path) -> None:
    (folder / "houses").mkdir()
    for number, left in enumerate((4, 20)):
        lines = [f"{x},{y}\n" for x, y in box(left, 8, left + 4, 4)]
        (folder / "houses" / f"house{number}.csv").write_text("".join(lines))
    assert (~made(folder, buildings={"file": "houses", "as": "block"}).domain.active).sum() == 8


def test_buildings_that_miss_the_domain_are_warned_of(folder: Path) -> None:
    assembled = made(folder, buildings={"polygons": box(1000, 1008, 1008, 1000), "as": "block"})
    assert any("no building" in text for text in assembled.warnings)


# --- water at the start -------------------------------------------------------------------------------


def test_a_stage_fills_what_lies_below_it(folder: Path) -> None:
    assembled = made(folder, initial={"stage_m": 8.05})
    assert np.allclose(assembled.depth, np.maximum(8.05 - assembled.domain.bed, 0), rtol=0, atol=1e-12)
    assert assembled.depth.dtype == np.float64


def test_areas_of_water_stand_over_the_rest(folder: Path) -> None:
    areas = [{"polygon": box(0, 40, 10, 0), "depth_m": 2}, {"polygon": box(50, 40, 60, 0), "stage_m": 9}]
    depth = made(folder, initial={"depth_m": 0.5, "areas": areas}).depth
    assert np.allclose(depth[0, [0, 4, 5, 24]], [2, 2, 0.5, 0.5])
    assert np.allclose(depth[0, 25:], 9 - (10 - 0.1 * np.arange(25, 30)), atol=1e-6)
    assert refused(folder, initial={"areas": [{"polygon": box(900, 940, 910, 900), "depth_m": 1}]}).field == (
        "initial.areas[0]"
    )


def test_rasters_of_depth_and_stage_are_read(folder: Path) -> None:
    write_raster(folder / "d.tif", np.full((20, 30), 0.25))
    assert np.all(made(folder, initial={"depth_m": "d.tif"}).depth == 0.25)
    write_raster(folder / "s.tif", np.full((20, 30), 9.0))
    assembled = made(folder, initial={"stage_m": "s.tif"})
    assert np.allclose(assembled.depth, np.maximum(9 - assembled.domain.bed, 0))
    write_raster(folder / "dry.tif", np.full((20, 30), -1.0))
    dry = made(folder, initial={"depth_m": "dry.tif"})
    assert not dry.depth.any() and any("negative depths in 600 cells" in warning for warning in dry.warnings)
    write_raster(folder / "bad.tif", np.full((20, 30), 20_000.0))
    assert refused(folder, initial={"depth_m": "bad.tif"}).field == "initial.depth_m"


def test_the_terrain_s_own_water_can_be_the_start(tmp_path: Path) -> None:
    stack = np.stack([np.ones((3, 3)), np.full((3, 3), 0.4)])
    write_raster(tmp_path / "dem.tif", stack, bands=("bed_elevation", "water_depth"))
    assert np.allclose(made(tmp_path, initial="terrain").depth, 0.4)


def test_a_terrain_without_water_says_so(folder: Path) -> None:
    assert refused(folder, initial="terrain").field == "initial"
    stack = np.stack([np.ones((20, 30)), np.full((20, 30), np.nan)])  # as a terrain without `water_stage_m` has it
    write_raster(folder / "dem.tif", stack, bands=("bed_elevation", "water_depth"))
    assert "water_depth" in refused(folder, initial="terrain").message


def test_a_run_begins_where_another_ended(folder: Path) -> None:
    (folder / "before").mkdir()
    stage = np.full((20, 30), np.nan)
    stage[:, 20:] = 9.0
    write_raster(folder / "before" / "final_stage.tif", stage, nodata=np.nan)
    depth = made(folder, initial={"warm_start": "before"}).depth
    assert np.all(depth[:, :20] == 0)
    assert np.allclose(depth[0, 20:], 9 - (10 - 0.1 * np.arange(20, 30)), atol=1e-6)
    (folder / "empty").mkdir()
    assert refused(folder, initial={"warm_start": "empty"}).code == "FILE_MISSING"
