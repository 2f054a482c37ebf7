"""A raster lies where its file says, to a fraction of a pixel, however its file says it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio.control import GroundControlPoint

from naru.errors import CrsRefused, CrsUnknown, TooLarge
from tests.raster_input import SEOUL, cut, lonlat, look, ramp, write

PLACES = [(20.5, 30.5), (64.5, 64.5), (100.5, 90.5)]  # columns and rows, in the middle of pixels


def height(column: float, row: float) -> float:
    """Return what `ramp` has there."""
    return 200 + (column - 0.5) + (row - 0.5) * 6.25


def check(made, transform: Affine, epsg: int = 5186, pixels: float = 0.75) -> None:
    for column, row in PLACES:
        off = made.at(*lonlat(transform, column, row, epsg))[0] - height(column, row)
        assert abs(off) <= pixels * (1 + 6.25), (column, row, off)  # a pixel across and a pixel down


SYSTEMS = {
    5186: SEOUL,
    5174: Affine(10, 0, 197_000, 0, -10, 452_000),  # Bessel: a datum shift of 300 m
    5179: Affine(10, 0, 955_000, 0, -10, 1_952_000),
    4326: Affine(1e-4, 0, 126.97, 0, -1e-4, 37.56),
    32652: Affine(10, 0, 322_000, 0, -10, 4_160_000),
}


@pytest.mark.parametrize("epsg", SYSTEMS)
def test_pixels_lie_where_the_system_puts_them(tmp_path: Path, epsg: int) -> None:
    path = write(tmp_path / "dem.tif", ramp(), SYSTEMS[epsg], crs=f"EPSG:{epsg}")
    made = cut(path, tmp_path / "out")
    assert made.read.crs == f"EPSG:{epsg}"
    check(made, SYSTEMS[epsg], epsg)


@pytest.mark.parametrize(
    "transform",
    [SEOUL @ Affine.rotation(30), SEOUL @ Affine.shear(10, 5), Affine(10, 0, 197_000, 0, 10, 550_720)],
    ids=["rotated", "sheared", "south-up"],
)
def test_rotated_and_upturned_rasters_are_set_right(tmp_path: Path, transform: Affine) -> None:
    made = cut(write(tmp_path / "dem.tif", ramp(), transform), tmp_path / "out")
    check(made, transform)


def test_the_corners_of_a_rotated_raster_are_empty(tmp_path: Path) -> None:
    made = cut(write(tmp_path / "dem.tif", ramp(), SEOUL @ Affine.rotation(30)), tmp_path / "out")
    west, south, east, _ = made.read.bounds
    assert made.at(west + 1e-5, south + 1e-5) == [made.facts["nodata"]]
    assert made.at(east - 1e-5, south + 1e-5) == [made.facts["nodata"]]


def test_pixel_is_point_is_half_a_pixel_off_from_area(tmp_path: Path) -> None:
    path = write(tmp_path / "dem.tif", ramp())
    with rasterio.open(path, "r+") as raster:
        raster.update_tags(AREA_OR_POINT="Point")  # GDAL moves the tie point, the pixels stay where they are
    check(cut(path, tmp_path / "out"), SEOUL)


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_ground_control_points_place_a_raster(tmp_path: Path) -> None:
    corners = [(0, 0), (0, 128), (128, 0), (128, 128), (64, 64)]
    points = [GroundControlPoint(row, col, *(SEOUL @ (col, row))) for row, col in corners]
    path = write(tmp_path / "scan.tif", ramp(), None, gcps=points)
    made = cut(path, tmp_path / "out")
    assert "5 ground control points" in made.read.warnings[0]
    check(made, SEOUL)


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_a_picture_without_a_place_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "scan.tif", np.zeros((3, 8, 8), "u1"), None, crs=None)
    with pytest.raises(CrsUnknown, match="not georeferenced") as refused:
        look(path, tmp_path / "out")
    assert "world file" in refused.value.remedy


def test_without_a_system_the_one_that_fits_is_named_and_not_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "dem.tif", ramp(), crs=None)
    with pytest.raises(CrsUnknown) as asked:
        look(path, tmp_path / "out")
    assert "--crs EPSG:5186" in asked.value.remedy
    assert look(path, tmp_path / "out2", crs="EPSG:5186").crs_how == "given by --crs"


def test_metres_claimed_as_degrees_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CrsRefused):
        look(write(tmp_path / "dem.tif", ramp(), crs="EPSG:4326"), tmp_path / "out")


def world_file(transform: Affine) -> str:
    """Return a world file: the centre of the first pixel."""
    x, y = transform @ (0.5, 0.5)
    return "\n".join(str(v) for v in (transform.a, transform.d, transform.b, transform.e, x, y))


def picture(folder: Path, suffix: str, world: str, name: str = "정사영상") -> Path:
    """Write a picture whose red tells the column, its world file and its .prj."""
    columns = np.broadcast_to(np.arange(128, dtype="uint8") * 2, (128, 128))
    path = folder / f"{name}{suffix}"
    driver = "PNG" if suffix == ".png" else "JPEG"
    with rasterio.open(path, "w", driver=driver, width=128, height=128, count=3, dtype="uint8") as made:
        made.write(np.stack([columns, columns, columns]))
    path.with_suffix(world).write_text(world_file(SEOUL))
    path.with_suffix(".prj").write_text(CRS.from_epsg(5186).to_wkt("WKT1_ESRI"))
    return path


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
@pytest.mark.parametrize(("suffix", "world"), [(".png", ".pgw"), (".jpg", ".jgw"), (".png", ".wld")])
def test_world_files_and_prj_beside_a_picture_place_it(tmp_path: Path, suffix: str, world: str) -> None:
    made = cut(picture(tmp_path, suffix, world), tmp_path / "out")
    assert (made.read.crs, made.read.role) == ("EPSG:5186", "imagery")
    for column in (20.5, 100.5):
        assert made.at(*lonlat(SEOUL, column, 64.5))[0] == pytest.approx(2 * (column - 0.5), abs=6)


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_a_zip_brings_its_world_file_along_and_a_photograph_is_left_out(tmp_path: Path) -> None:
    path = picture(tmp_path, ".png", ".pgw")
    legend = {"driver": "PNG", "width": 9, "height": 9, "count": 1, "dtype": "uint8"}
    with rasterio.open(tmp_path / "legend.png", "w", **legend) as made:
        made.write(np.zeros((1, 9, 9), "u1"))
    with zipfile.ZipFile(tmp_path / "지도.zip", "w") as archive:
        for file in (path, path.with_suffix(".pgw"), path.with_suffix(".prj"), tmp_path / "legend.png"):
            archive.write(file, f"안쪽/{file.name}")
    read = look(tmp_path / "지도.zip", tmp_path / "out")
    assert (read.name, read.crs) == ("정사영상", "EPSG:5186")
    assert "legend.png' was left out: the picture is not georeferenced" in read.warnings[-1]


def test_a_raster_across_the_180th_meridian_is_cut_on_both_sides(tmp_path: Path) -> None:
    transform = Affine(1000, 0, 620_000, 0, -1000, 5_800_000)  # UTM 60: 178.7° E to 179.4° W
    path = write(tmp_path / "dem.tif", ramp(), transform, crs="EPSG:32660")
    made = cut(path, tmp_path / "out")
    assert len(made.read.boxes) == 2
    assert made.read.bounds[0::2] == (-180.0, 180.0)
    check(made, transform, 32660)
    assert made.at(0.0, made.read.bounds[1] + 0.1) == [made.facts["nodata"]]


def test_the_whole_world_is_cut_off_where_web_maps_end(tmp_path: Path) -> None:
    rows = np.repeat(np.arange(180, dtype="i2")[:, None], 360, axis=1)
    made = cut(
        write(tmp_path / "world.tif", rows, Affine(1, 0, -180, 0, -1, 90), crs="EPSG:4326"), tmp_path / "out"
    )
    assert any("beyond 85.05°" in w for w in made.read.warnings)
    assert made.at(127.5, 37.5)[0] == pytest.approx(52, abs=1.5)
    assert made.read.bounds == pytest.approx((-180, -85.051, 180, 85.051), abs=0.001)


def test_a_raster_round_the_pole_reaches_round_the_globe(tmp_path: Path) -> None:
    transform = Affine(100_000, 0, -3_200_000, 0, -100_000, 3_200_000)
    read = look(write(tmp_path / "pole.tif", ramp(64), transform, crs="EPSG:3413"), tmp_path / "out")
    assert read.bounds[0::2] == (-180.0, 180.0)


def test_what_reaches_over_too_many_tiles_is_refused_before_the_work(tmp_path: Path) -> None:
    path = write(
        tmp_path / "line.tif", np.ones((1, 4000), "u1"), Affine(0.09, 0, -180, 0, -1e-7, 37.5), crs="EPSG:4326"
    )
    with pytest.raises(TooLarge, match="tiles"):
        cut(path, tmp_path / "out")
