"""The served tile matrix sets: the light table against morecantile's objects, pyproj and known places."""

from __future__ import annotations

import subprocess
import sys
from math import cos, radians

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from morecantile.commons import Tile
from pyproj import Geod, Transformer

from naru import tms
from naru.grids import GRIDS, NAMES, Grid, bounds_of, limits, lonlat_bounds

KOREAN = ("EPSG5179", "EPSG5186")
PLACES = {
    "Seoul City Hall": (126.9780, 37.5665),
    "Marado": (126.2686, 33.1176),
    "Ulleungdo": (130.9057, 37.4845),
    "Dokdo": (131.8686, 37.2411),
    "Gageodo": (125.1150, 34.0700),
    "Baengnyeongdo": (124.7000, 37.9650),
    "the mouth of the Tumen": (130.6940, 42.2940),
    "Onsong, the northernmost county": (129.99, 43.01),
}


def grids() -> st.SearchStrategy[Grid]:
    return st.sampled_from(sorted(GRIDS.values(), key=lambda grid: grid.id))


@st.composite
def tiles(draw: st.DrawFn) -> tuple[Grid, int, int, int]:
    grid = draw(grids())
    z = draw(st.integers(0, grid.maxzoom))
    return (
        grid,
        z,
        draw(st.integers(0, (grid.columns << z) - 1)),
        draw(st.integers(0, (grid.rows << z) - 1)),
    )


def project(grid: Grid, longitude: float, latitude: float) -> tuple[float, float]:
    x, y = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True).transform(longitude, latitude)
    return float(x), float(y)


@pytest.mark.parametrize("name", list(GRIDS))
def test_the_table_and_morecantiles_object_are_the_same_set(name: str) -> None:
    grid, theirs = GRIDS[name], tms.definition(name)
    assert [int(matrix.id) for matrix in theirs.tileMatrices] == list(range(grid.maxzoom + 1))
    for z, matrix in enumerate(theirs.tileMatrices):
        assert matrix.cellSize == pytest.approx(grid.cell_size(z), rel=1e-12)
        assert matrix.scaleDenominator == pytest.approx(grid.scale_denominator(z), rel=1e-9)
        assert (matrix.matrixWidth, matrix.matrixHeight) == (grid.columns << z, grid.rows << z)
        assert (matrix.tileWidth, matrix.tileHeight, matrix.cornerOfOrigin) == (256, 256, "topLeft")
        assert tuple(theirs._matrix_origin(matrix)) == pytest.approx((grid.left, grid.top))
    crs = theirs.crs._pyproj_crs
    assert crs.to_authority() == tuple(grid.crs.split(":"))
    assert (crs.axis_info[0].direction == "north") == grid.northing_first == tms.load(name).northing_first
    assert theirs.title == grid.title


@given(tiles())
def test_bounds_are_morecantiles(tile: tuple[Grid, int, int, int]) -> None:
    grid, z, x, y = tile
    theirs = tms.definition(grid.id).xy_bounds(Tile(x, y, z))
    assert grid.bounds(z, x, y) == pytest.approx(tuple(theirs), rel=1e-9, abs=grid.cell_size(grid.maxzoom))
    assert grid.bounds(z, x, y) == pytest.approx(tms.load(grid.id).bounds(z, x, y), rel=1e-9, abs=1e-6)


@given(tiles())
def test_the_tile_at_a_tiles_middle_is_that_tile(tile: tuple[Grid, int, int, int]) -> None:
    grid, z, x, y = tile
    left, bottom, right, top = grid.bounds(z, x, y)
    middle = (left + right) / 2, (bottom + top) / 2
    assert grid.has(z, x, y)
    assert grid.tile(*middle, z) == (x, y)
    theirs = tms.definition(grid.id)._tile(*middle, z)
    assert (theirs.x, theirs.y) == (x, y)


@given(tiles())
def test_neighbours_share_their_edges_and_four_tiles_make_one(tile: tuple[Grid, int, int, int]) -> None:
    grid, z, x, y = tile
    assume(z < grid.maxzoom)
    left, bottom, right, top = grid.bounds(z, x, y)
    assert grid.bounds(z + 1, 2 * x, 2 * y)[::3] == pytest.approx((left, top), rel=1e-12)
    assert grid.bounds(z + 1, 2 * x + 1, 2 * y + 1)[2:0:-1] == pytest.approx((right, bottom), rel=1e-12)
    assert grid.bounds(z, x + 1, y + 1)[::3] == (right, bottom)


@settings(max_examples=60)
@given(tiles())
def test_limits_of_a_tiles_own_box_have_the_tile_and_at_most_its_neighbours(
    tile: tuple[Grid, int, int, int],
) -> None:
    grid, z, x, y = tile
    box = bounds_of(grid, z, x, y)
    west, south, east, north = box
    assume(grid.area[0] <= west < east <= grid.area[2] and grid.area[1] <= south < north <= grid.area[3])
    found = limits(grid, box, z)
    assert found is not None
    columns, rows = found[:2], found[2:]
    assert columns[0] <= x <= columns[1]
    assert rows[0] <= y <= rows[1]
    if grid.id not in KOREAN:
        assert found == (x, x, y, y)
    elif z > 5:  # where a tile is a few degrees wide, its meridians and parallels lean much
        assert columns[1] - columns[0] <= 2
        assert rows[1] - rows[0] <= 2


@given(
    grids(),
    st.floats(-180, 180),
    st.floats(-90, 90),
    st.floats(0.001, 20),
    st.floats(0.001, 20),
    st.integers(0, 14),
    st.floats(0, 1),
    st.floats(0, 1),
)
@example(GRIDS["EPSG5186"], 120, 28, 16, 16, 9, 0.5, 0)  # a parallel's middle bulges to the south
def test_every_place_in_a_box_lies_within_its_limits(
    grid: Grid, west: float, south: float, wide: float, high: float, z: int, across: float, up: float
) -> None:
    box = west, south, min(180.0, west + wide), min(90.0, south + high)
    longitude, latitude = box[0] + across * (box[2] - box[0]), box[1] + up * (box[3] - box[1])
    found = limits(grid, box, z)
    assume(grid.area[0] <= longitude <= grid.area[2] and grid.area[1] <= latitude <= grid.area[3])
    assert found is not None
    x, y = project(grid, longitude, latitude)
    slack = grid.cell_size(z) * 0.01 + 1e-6  # the edges are followed from point to point
    near = {grid.tile(x + dx, y + dy, z) for dx in (-slack, slack) for dy in (-slack, slack)}
    assert any(found[0] <= column <= found[1] and found[2] <= row <= found[3] for column, row in near)


@pytest.mark.parametrize("name", KOREAN)
@pytest.mark.parametrize("place", list(PLACES))
def test_all_of_korea_lies_in_the_korean_sets(name: str, place: str) -> None:
    grid, (longitude, latitude) = GRIDS[name], PLACES[place]
    x, y = project(grid, longitude, latitude)
    assert grid.left < x < grid.left + grid.side
    assert grid.top - grid.side < y < grid.top
    assert limits(grid, (longitude, latitude, longitude, latitude), 12) is not None


@pytest.mark.parametrize("name", list(GRIDS))
def test_the_area_lies_in_the_square(name: str) -> None:
    grid = GRIDS[name]
    found = limits(grid, grid.area, grid.maxzoom)
    assert found is not None
    if name in KOREAN:  # not even at the square's last tiles
        assert 0 < found[0] < found[1] < (grid.columns << grid.maxzoom) - 1
        assert 0 < found[2] < found[3] < (grid.rows << grid.maxzoom) - 1


def test_a_korean_area_keeps_the_scale_to_one_percent() -> None:
    from pyproj import Proj

    for name in KOREAN:
        west, south, east, north = GRIDS[name].area
        corners = [(x, y) for x in (west, east) for y in (south, north)]
        factors = [Proj(GRIDS[name].crs).get_factors(*corner).meridional_scale for corner in corners]
        assert max(abs(factor - 1) for factor in factors) < 0.01


def test_epsg5179_is_the_national_base_map() -> None:
    grid = GRIDS["EPSG5179"]
    sizes = [2088.96, 1044.48, 522.24, 261.12, 130.56, 65.28, 32.64, 16.32, 8.16, 4.08, 2.04, 1.02, 0.51, 0.255]
    assert [grid.cell_size(z) for z in range(5, 19)] == pytest.approx(sizes, rel=1e-12)  # levels L05 to L18
    assert (grid.left, grid.top) == (-200_000, 4_000_000)


def test_epsg5186_has_tiles_of_whole_kilometres() -> None:
    grid = GRIDS["EPSG5186"]
    x, y = project(grid, *PLACES["Dokdo"])
    box = grid.bounds(11, *grid.tile(x, y, 11))
    assert all(side % 1000 == 0 for side in box)
    assert (box[2] - box[0], box[3] - box[1]) == (1000, 1000)


@pytest.mark.parametrize("name", KOREAN)
def test_ogc_documents_of_korean_sets_are_northing_first(name: str) -> None:
    grid, found = GRIDS[name], tms.document(name)
    assert found["orderedAxes"] == ["N", "E"]
    assert found["crs"] == f"http://www.opengis.net/def/crs/EPSG/0/{name[-4:]}"
    assert all(matrix["pointOfOrigin"] == [grid.top, grid.left] for matrix in found["tileMatrices"])
    assert "wellKnownScaleSet" not in found
    around = tms.definition(name).bbox  # in degrees, as morecantile reads the axes
    assert around.left < grid.area[0]
    assert around.right > grid.area[2]


def test_ogc_documents_of_world_sets_name_their_scale_sets() -> None:
    base = "http://www.opengis.net/def/wkss/OGC/1.0/"
    assert tms.document("WebMercatorQuad")["wellKnownScaleSet"] == base + "GoogleMapsCompatible"
    assert tms.document("WorldCRS84Quad")["wellKnownScaleSet"] == base + "GoogleCRS84Quad"
    assert tms.document("WorldCRS84Quad")["tileMatrices"][0]["pointOfOrigin"] == [-180, 90]


def test_another_way_to_write_a_name_is_the_same_set() -> None:
    assert {NAMES[name] for name in NAMES} == set(GRIDS)
    assert tms.document("EPSG:5179") == tms.document("EPSG5179")


@pytest.mark.parametrize("name", KOREAN)
@pytest.mark.parametrize("box", [(-74.1, 40.6, -73.8, 40.9), (139.5, 35.5, 140.0, 35.9), (103.6, 1.2, 104.0, 1.5)])
def test_what_is_far_from_korea_has_no_tiles_in_korean_sets(
    name: str, box: tuple[float, float, float, float]
) -> None:
    assert limits(GRIDS[name], box, 10) is None


def test_a_box_over_the_180th_meridian_takes_all_columns() -> None:
    assert limits(GRIDS["WorldCRS84Quad"], (177.0, -21.0, -178.0, -12.0), 3) == (0, 15, 4, 4)


def test_a_korean_tiles_lonlat_box_holds_its_curved_edges() -> None:
    grid = GRIDS["EPSG5186"]
    box = grid.bounds(3, 3, 3)
    west, south, east, north = lonlat_bounds(grid, box)
    back = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    for step in range(101):
        x = box[0] + (box[2] - box[0]) * step / 100
        for y in (box[1], box[3]):
            longitude, latitude = back.transform(x, y)
            assert west - 1e-6 <= longitude <= east + 1e-6
            assert south - 1e-4 <= latitude <= north + 1e-4  # of a bulge, between the points that follow it


def test_zooms_of_like_size_have_pixels_within_a_twelfth_of_web_mercators_in_seoul() -> None:
    place, step = PLACES["Seoul City Hall"], 0.01
    metres = Geod(ellps="WGS84").inv(*place, place[0] + step, place[1])[2]
    for grid in GRIDS.values():
        (west, _), (east, _) = project(grid, *place), project(grid, place[0] + step, place[1])
        for z in range(6, 17):
            own = metres / (east - west) * grid.cell_size(grid.zoom_like(z))
            assert own == pytest.approx(156543.034 * cos(radians(place[1])) / 2**z, rel=1 / 12)
    assert [GRIDS[name].zoom_like(0) for name in GRIDS] == [0, 0, 0, 0]


def test_world_sets_need_no_heavy_library() -> None:
    code = (
        "import sys; from naru.grids import *; b = (126.9, 37.4, 127.1, 37.6)\n"
        "for n in ('WebMercatorQuad', 'WorldCRS84Quad'): limits(GRIDS[n], b, 12); bounds_of(GRIDS[n], 1, 0, 0)\n"
        "sys.exit(bool({'pyproj', 'numpy', 'morecantile'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
