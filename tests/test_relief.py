"""Layers made from heights: slopes in true degrees, the shade of the sun, contours without gaps."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import Transformer

from ingest.options import IngestOptions
from ingest.pipeline import ingest_in_scratch
from ingest.raster import contours
from ingest.raster.contours import Drawing, draw_contours
from ingest.raster.heights import Heights
from ingest.raster.order import Order
from ingest.raster_layers import PackedRaster, RasterWish
from ingest.rasters import ReadRaster
from ingest.relief_layers import RELIEFS, ReadRelief, make_contours, make_raster
from naru.errors import BadOption, TooLarge
from naru.house import House
from naru.relief import ground_scale
from naru.relief_style import contour_style
from naru.settings import Settings
from tests.conftest import naru
from tests.raster_input import SEOUL, cut, on_grid, write

HILLSHADE, SLOPE, CONTOURS = RELIEFS
NORTH = Affine(30, 0, 500_000, 0, -30, 7_200_000)  # 64.9° N in EPSG:32633
DEGREES = 20.0
SIZE = (256, 384)  # of rough ground
SUMMIT, CENTRE, HOLE = 500.0, (130.0, 128.0), (100, 120, 60, 90)  # rows and columns without heights


def plane(eastward: float, northward: float, cell: float, side: int = 160) -> np.ndarray[Any, Any]:
    """Return heights that rise so many metres a metre."""
    rows, columns = np.mgrid[0:side, 0:side]
    return (800 + columns * cell * eastward - rows * cell * northward).astype("f4")


def cone(side: int = 256) -> np.ndarray[Any, Any]:
    """Return a hill whose foot is nowhere: half a metre down a metre away from its summit, with a hole."""
    rows, columns = np.mgrid[0:side, 0:side] + 0.5
    heights = SUMMIT - 5 * np.hypot(columns - CENTRE[0], rows - CENTRE[1])
    heights[HOLE[0] : HOLE[1], HOLE[2] : HOLE[3]] = -9999
    return heights.astype("f4")


@dataclass(frozen=True)
class Made:
    """Heights that were cut, and what can be made from them."""

    read: ReadRaster
    packed: PackedRaster
    folder: Path

    def raster(self, relief: Any) -> PackedRaster:
        read = ReadRelief(relief, "layer", self.read, 0.0)
        return make_raster(read, self.packed, RasterWish(quality=100), self.folder, lambda *_: None)

    def contours(self, interval: float) -> geopandas.GeoDataFrame:
        read = ReadRelief(CONTOURS, "layer", self.read, interval)
        path, lines = make_contours(read, self.packed, self.folder, lambda *_: None)
        frame = geopandas.read_parquet(path)
        assert len(frame) == lines
        return frame


def heights(folder: Path, values: np.ndarray[Any, Any], transform: Affine = SEOUL, crs: str = "EPSG:5186") -> Made:
    made = cut(write(folder / "dem.tif", values, transform, crs=crs, nodata=-9999), folder / "out")
    return Made(made.read, made.packed, folder / "out")


@pytest.fixture(scope="module")
def hill(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return heights(tmp_path_factory.mktemp("hill"), cone())


def middle(path: Path, band: int = 1) -> np.ndarray[Any, Any]:
    """Return the 40 × 40 pixels in the middle of what has values."""
    with rasterio.open(path) as raster:
        known, values = raster.dataset_mask() > 0, raster.read(band)
    rows, columns = np.nonzero(known)
    row, column = (rows.min() + rows.max()) // 2, (columns.min() + columns.max()) // 2
    return values[row - 20 : row + 20, column - 20 : column + 20]


# --- slope and shade -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("transform", "crs"), [(SEOUL, "EPSG:5186"), (NORTH, "EPSG:32633")])
@pytest.mark.parametrize("bearing", [0.0, 90.0, 215.0])
def test_a_plane_has_its_slope_in_true_degrees(tmp_path: Path, transform: Affine, crs: str, bearing: float) -> None:
    rise, angle = math.tan(math.radians(DEGREES)), math.radians(bearing)
    tilted = plane(rise * math.sin(angle), rise * math.cos(angle), transform.a)
    made = heights(tmp_path, tilted, transform, crs).raster(SLOPE)
    assert (made.facts["role"], made.facts["unit"], made.facts["ramp"]) == ("data", "°", "slope")
    assert middle(made.cog) == pytest.approx(DEGREES, abs=0.1)


def test_a_plane_is_as_bright_as_its_angle_to_the_sun(tmp_path: Path) -> None:
    rise = math.tan(math.radians(DEGREES)) / math.sqrt(2)
    made = heights(tmp_path, plane(rise, -rise, 10.0)).raster(HILLSHADE)  # it rises south-east: it faces the sun
    assert (made.facts["role"], made.facts["dtype"], made.facts["compression"]) == ("imagery", "uint8", "webp")
    bright = 255 * math.cos(math.radians(45 - DEGREES))
    for band in (1, 2, 3):
        assert middle(made.cog, band) == pytest.approx(bright, abs=1.5)


def test_metres_on_the_ground_are_those_of_the_ellipsoid() -> None:
    to_lonlat = Transformer.from_crs(3857, 4326, always_xy=True)
    for y in (0.0, 4_500_000.0, -9_000_000.0):
        across, down = ground_scale(np.array(y))
        for scale, (dx, dy) in ((across, (1.0, 0.0)), (down, (0.0, 1.0))):
            ends = [to_lonlat.transform(14e6 + k * dx * 50, y + k * dy * 50) for k in (-1, 1)]
            true = to_lonlat.target_crs.get_geod().inv(*ends[0], *ends[1])[2]
            assert float(scale) == pytest.approx(true / 100, rel=1e-6)


@pytest.mark.parametrize("relief", [SLOPE, HILLSHADE], ids=lambda r: r.what)
def test_what_has_not_all_nine_heights_has_nothing(hill: Made, relief: Any) -> None:
    with rasterio.open(hill.packed.cog) as raster:
        known = raster.dataset_mask() > 0
    with rasterio.open(hill.raster(relief).cog) as raster:
        assert raster.transform == rasterio.open(hill.packed.cog).transform
        shown = raster.dataset_mask() > 0
    padded = np.pad(known, 1)
    nine = [padded[i : i + known.shape[0], j : j + known.shape[1]] for i in range(3) for j in range(3)]
    np.testing.assert_array_equal(shown, np.logical_and.reduce(nine))
    assert 0 < shown.sum() < known.sum()


def test_a_slope_is_seen_at_every_zoom(hill: Made) -> None:
    made = hill.raster(SLOPE)
    assert made.zooms == hill.packed.zooms
    with rasterio.open(made.cog, OVERVIEW_LEVEL=0) as raster:
        values = raster.read(1, masked=True).compressed()
    assert np.median(values) == pytest.approx(math.degrees(math.atan(0.5)), abs=0.3)


# --- contours ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lines(hill: Made) -> geopandas.GeoDataFrame:
    return hill.contours(20)


def test_contours_have_the_heights_of_the_ground_below_them(lines: geopandas.GeoDataFrame) -> None:
    assert lines.crs.to_epsg() == 3857
    xy, line = shapely.get_coordinates(lines.to_crs(5186).geometry.to_numpy(), return_index=True)
    column, row = (xy[:, 0] - SEOUL.c) / SEOUL.a, (xy[:, 1] - SEOUL.f) / SEOUL.e
    off = np.abs(SUMMIT - 5 * np.hypot(column - CENTRE[0], row - CENTRE[1]) - lines.elevation_m.to_numpy()[line])
    assert np.percentile(off, 99) < 0.25  # a twentieth of a cell
    assert off.max() < 2.5


def test_contours_round_a_hill_are_closed(lines: geopandas.GeoDataFrame) -> None:
    whole = lines[lines.elevation_m >= 360]  # above the hole
    assert sorted(whole.elevation_m) == [float(z) for z in range(360, 500, 20)]
    assert whole.geometry.is_ring.all()
    assert whole.geometry.is_simple.all()
    centre = shapely.Point(Transformer.from_crs(5186, 3857, always_xy=True).transform(*(SEOUL @ CENTRE)))
    assert all(shapely.Polygon(ring).contains(centre) for ring in whole.geometry)


def test_every_fifth_contour_is_a_major_one(lines: geopandas.GeoDataFrame) -> None:
    assert set(lines[lines.major].elevation_m % 100) == {0}
    assert (lines[~lines.major].elevation_m % 100 > 0).all()


def test_contours_end_at_a_hole(lines: geopandas.GeoDataFrame) -> None:
    rows, columns = slice(*HOLE[:2]), slice(*HOLE[2:])
    corners = [SEOUL @ (c, r) for c, r in ((columns.start, rows.start), (columns.stop, rows.stop))]
    hole = shapely.box(corners[0][0], corners[1][1], corners[1][0], corners[0][1])
    assert not lines.to_crs(5186).intersects(hole.buffer(-5)).any()
    assert lines.to_crs(5186).intersects(hole.buffer(40)).any()


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> tuple[Drawing, Path]:
    """Rough ground of 3 × 2 tiles with holes, lying as a COG of ours would, and what to draw of it."""
    rng = np.random.default_rng(11)
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    rough = (
        60 * np.sin(columns / 31) + 50 * np.cos(rows / 27) + rng.normal(0, 2, (SIZE[0], SIZE[1])).cumsum(axis=1) / 3
    )
    rough[100:115, 125:150] = rough[rng.random((SIZE[0], SIZE[1])) < 0.001] = -9999
    rough[150:180, 200:240] = 40.0  # a plateau on a line's very height
    transform = on_grid(14, 13968, 6344)
    path = write(
        tmp_path_factory.mktemp("rough") / "dem.tif", rough.astype("f4"), transform, crs="EPSG:3857", nodata=-9999
    )
    west, north = transform.c, transform.f
    box = (west, north + SIZE[0] * transform.e, west + SIZE[1] * transform.a, north)
    order = Order([list(box)], 14, 14, 75, None, 14)
    return Drawing(order, shapely.box(*box), 10.0, 10**7), path


def drawn(ground: tuple[Drawing, Path], path: Path) -> geopandas.GeoDataFrame:
    with Heights(ground[1]) as opened:
        count = draw_contours(opened, ground[0], path, lambda *_: None)
    frame = geopandas.read_parquet(path)
    assert len(frame) == count
    return frame


def segments(frame: geopandas.GeoDataFrame) -> np.ndarray[Any, Any]:
    """Return each segment in the direction in which it runs, with its height, in one order: (n, 5)."""
    xy, line = shapely.get_coordinates(frame.geometry.to_numpy(), return_index=True)
    inside = line[1:] == line[:-1]
    height = frame.elevation_m.to_numpy()[line[:-1]]
    found = np.column_stack([height, xy[:-1], xy[1:]])[inside]
    return found[np.lexsort(found.T)]


@pytest.mark.parametrize("side", [37, 64, 256])
def test_seams_between_squares_change_no_line(
    ground: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int
) -> None:
    whole = drawn(ground, tmp_path / "whole.parquet")
    monkeypatch.setattr(contours, "SIDE", side)
    pieced = drawn(ground, tmp_path / "pieced.parquet")
    np.testing.assert_array_equal(segments(pieced), segments(whole))
    assert Counter(pieced.elevation_m) == Counter(whole.elevation_m)
    assert pieced.geometry.is_ring.sum() == whole.geometry.is_ring.sum() > 20


def test_a_plateau_on_a_lines_height_is_met_by_one_line(ground: Any, tmp_path: Path) -> None:
    frame = drawn(ground, tmp_path / "whole.parquet")
    transform = ground[0].order.transform
    plateau = shapely.box(*(transform @ (202, 178)), *(transform @ (238, 152)))
    assert not frame[frame.elevation_m == 40].intersects(plateau).any()


def test_long_lines_are_written_in_parts_that_share_their_ends(
    ground: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = drawn(ground, tmp_path / "whole.parquet")
    monkeypatch.setattr(contours, "SIDE", 64)
    monkeypatch.setattr(contours, "_LONGEST", 100)
    parts = drawn(ground, tmp_path / "parts.parquet")
    assert len(parts) > len(whole)
    np.testing.assert_array_equal(segments(parts), segments(whole))


def test_too_many_vertices_name_the_option(ground: Any, tmp_path: Path) -> None:
    few = Drawing(ground[0].order, ground[0].outline, 10.0, 5000)
    with pytest.raises(TooLarge, match=r"--contours 10 gives lines with more than 5,000") as refused:
        drawn((few, ground[1]), tmp_path / "x.parquet")
    assert "--contours 20" in refused.value.remedy


def test_an_interval_that_meets_no_height_is_refused(hill: Made, tmp_path: Path) -> None:
    flat = heights(tmp_path, plane(0, 0, 10.0))
    with pytest.raises(BadOption, match=r"gives no line: the ground lies between 800\.00 and 800\.00 m"):
        flat.contours(1000)


def test_major_contours_carry_their_height_and_fine_ones_come_with_the_zoom() -> None:
    fine, major, label = contour_style("hill-contours", 14)
    assert (fine["minzoom"], "minzoom" in major) == (11, False)
    assert label["layout"]["text-field"] == ["to-string", ["get", "elevation_m"]]
    assert label["filter"] == major["filter"] == ["==", ["get", "major"], True]
    assert fine["filter"] == ["!", major["filter"]]


# --- the whole way -------------------------------------------------------------------------------------


def test_reliefs_go_live_beside_their_heights(tmp_path: Path, home: Path) -> None:
    path = write(tmp_path / "dem.tif", cone(), nodata=-9999)
    texts = {"title_ko": "지형", "title_en": "Terrain", "licence": "KOGL 1", "visibility": "private"}
    wish = IngestOptions(id="dem", **texts, hillshade=True, slope=True, contours=20.0)
    house = House.open(Settings.from_environ({}, home=home))

    def ingest(options: IngestOptions) -> list[dict[str, Any]]:
        return [report.to_dict() for report in ingest_in_scratch(house, path, options, lambda *_: None)]

    dry = ingest(replace(wish, dry_run=True))
    assert [layer["id"] for layer in dry] == ["dem", "dem-hillshade", "dem-slope", "dem-contours"]
    assert house.catalogue.layers() == []
    live = ingest(wish)
    assert [layer | {"version": 1} for layer in dry] == live
    assert [(layer["kind"], layer["features_read"]) for layer in live[:3]] == [("raster", 0)] * 3
    assert (live[3]["kind"], live[3]["features_published"]) == ("vector", live[3]["features_read"])
    layers = {layer.id: layer for layer in house.catalogue.layers()}
    assert {(layer.visibility, layer.licence) for layer in layers.values()} == {("private", "KOGL 1")}
    lines = layers["dem-contours"]
    assert (lines.title_ko, lines.title_en, lines.geometry) == ("지형 등고선", "Terrain, contours", "line")
    assert lines.live.source.suffix == ".parquet"
    assert layers["dem-slope"].live.tilesets[0].rules["raster"]["ramp"] == "slope"

    again = ingest(IngestOptions(id="dem", slope=True))
    assert [(layer["id"], layer["version"]) for layer in again] == [("dem", 2), ("dem-slope", 2)]
    stale = [warning for warning in again[0]["warnings"] if "still shows the heights before" in warning]
    assert [warning.split("'")[1] for warning in stale] == ["dem-hillshade", "dem-contours"]
    house.close()


def test_what_has_no_heights_is_refused_with_the_option(tmp_path: Path, home: Path) -> None:
    path = write(tmp_path / "photo.tif", np.zeros((3, 64, 64), "u1") + np.arange(64, dtype="u1"))
    refused = naru("ingest", str(path), "--contours", "5", "--json", home=home)
    error = json.loads(refused.stdout)["error"]
    assert (refused.returncode, error["code"], error["field"]) == (1, "OPTION", "contours")
    assert error["message"] == "--contours is for heights; this is kept as imagery"
    assert "--kind elevation" in error["remedy"]
