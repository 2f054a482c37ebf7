"""Rasters in other grids than their own: each pixel where PROJ and GDAL have it, nothing where nothing is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from flask.testing import FlaskClient
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from naru.cog import Cog
from naru.grids import GRIDS, Grid
from naru.house import House
from naru.pmtiles import mapped
from naru.raster_facts import RasterFacts
from naru.terrain_rgb import decode, step_m
from naru.tms import web_mercator_tile
from tests.rasters import BOUNDS, COVER, NODATA, ZOOM, Scene, facts, grid, hills, photo, pixels_of, publish_raster
from tests.rasters import write_cog as write
from tests.serving import Fake, make_home, open_app, service_of
from tileserver.rasters import warping
from tileserver.rasters.drawing import Easel
from tileserver.rasters.looks import Look, Subject
from tileserver.rasters.places import grid_range, level_for

OTHERS = ["WorldCRS84Quad", "EPSG5179", "EPSG5186"]
SCENES = (
    Scene("ortho"),
    Scene("dem", "hills"),
    Scene("cover", "cover"),
    Scene("survey", "survey"),
    Scene("tiles", "pyramid"),
    Scene("torn", quality=80),
)
CITY_HALL = (126.978275264, 37.566642192)
# the same in metres, from a table that is not of this program: east, north
CITY_HALL_M = {"EPSG5179": (953_925.56, 1_952_047.72), "EPSG5186": (198_080.69, 551_900.81)}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    settings = make_home(tmp_path_factory.mktemp("grids"), Fake("seoul-gu"))
    house = House.open(settings)
    paths = {scene.id: publish_raster(house, scene) for scene in SCENES}
    house.close()
    paths["torn"].write_bytes(paths["torn"].read_bytes()[:-500])
    app = open_app(settings)
    yield app.test_client()
    service_of(app).close()


def tiles_over(grid_: Grid, z: int) -> list[tuple[int, int]]:
    """Return the tiles of a zoom that the scene meets, by PROJ's own transformation of its corners."""
    from_lonlat = Transformer.from_crs("OGC:CRS84", grid_.crs, always_xy=True)
    left, bottom, right, top = from_lonlat.transform_bounds(*BOUNDS)
    (x0, y0), (x1, y1) = grid_.tile(left, top, z), grid_.tile(right, bottom, z)
    return [(x, y) for y in range(y0, y1 + 1) for x in range(x0, x1 + 1)]


def by_gdal(path: Path, grid_: Grid, tile: tuple[int, int, int], **how: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a tile's values and mask as GDAL warps them from the same COG, from full resolution."""
    left, _, _, top = grid_.bounds(*tile)
    cell = grid_.cell_size(tile[0])
    place = {"transform": Affine(cell, 0, left, 0, -cell, top), "width": 256, "height": 256}
    options = {"crs": grid_.crs, "resampling": Resampling.bilinear, "tolerance": 0.001, **place, **how}
    with rasterio.open(path) as source, WarpedVRT(source, **options) as warped:
        return warped.read(), warped.dataset_mask() > 0


def archive_of(client: FlaskClient, layer: str) -> Path:
    service = service_of(client.application)
    return service.house.storage.path(service.keeper.current.pyramids[layer].tileset.archive)


def inside(mask: NDArray[Any], by: int = 2) -> NDArray[Any]:
    """Return a mask without the pixels next to its border, where two resamplings may differ."""
    kept = mask.copy()
    for _ in range(by):
        shrunk = np.zeros_like(kept)
        shrunk[1:-1, 1:-1] = kept[1:-1, 1:-1] & kept[:-2, 1:-1] & kept[2:, 1:-1] & kept[1:-1, :-2] & kept[1:-1, 2:]
        kept = shrunk
    return kept


# --- pixels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("extension", ["png", "jpg", "webp"])
def test_photos_lie_where_gdal_warps_them(client: FlaskClient, name: str, extension: str) -> None:
    grid_ = GRIDS[name]
    z, compared = grid_.zoom_like(ZOOM), 0
    most = {"png": 2, "webp": 24, "jpg": 12}[extension]  # PNG is exact to rounding; the others lose some
    for x, y in tiles_over(grid_, z):
        answer = client.get(f"/tiles/ortho/{name}/{z}/{x}/{y}.{extension}")
        wanted, mask = by_gdal(archive_of(client, "ortho"), grid_, (z, x, y))
        if answer.status_code == 204 or "OATiles-hint" in answer.headers:
            assert not inside(mask).any()
            continue
        shown, sure = pixels_of(answer.data, "RGBA"), inside(mask, 12)
        compared += int(sure.sum())
        off = np.abs(shown[:3].astype(int) - wanted[:3])[:, sure]
        assert off.size == 0 or (off.max() <= most and off.mean() <= 1.5), (x, y, off.max(), off.mean())
        if extension == "png":
            assert ((shown[3] > 127) == mask)[inside(mask) | inside(~mask)].all()
    assert compared > 60_000


@pytest.mark.parametrize("name", OTHERS)
def test_heights_are_read_back_within_the_stated_step_in_every_grid(client: FlaskClient, name: str) -> None:
    """At the zoom twice as fine as the raster, where GDAL has no reason to average either."""
    grid_, path = GRIDS[name], archive_of(client, "dem")
    z, compared = grid_.zoom_like(ZOOM), 0
    for x, y in tiles_over(grid_, z):
        answer = client.get(f"/tiles/dem/{name}/{z}/{x}/{y}@2x.png?encoding=terrarium")
        coded = decode(pixels_of(answer.data), "terrarium")
        assert coded.shape == (512, 512)
        cell = grid_.cell_size(z) / 2
        place = Affine(cell, 0, grid_.bounds(z, x, y)[0], 0, -cell, grid_.bounds(z, x, y)[3])
        wanted, mask = by_gdal(path, grid_, (z, x, y), transform=place, width=512, height=512)
        sure = inside(mask, 4)
        compared += int(sure.sum())
        if sure.any():
            assert np.abs(coded - wanted[0])[sure].max() <= step_m("terrarium", ZOOM) / 2 + 0.02
    assert compared > 150_000


@pytest.mark.parametrize("name", OTHERS)
def test_classes_keep_their_exact_colours(client: FlaskClient, name: str) -> None:
    grid_ = GRIDS[name]
    z, seen = grid_.zoom_like(ZOOM), set()
    for x, y in tiles_over(grid_, z):
        shown = pixels_of(client.get(f"/tiles/cover/{name}/{z}/{x}/{y}.png").data, "RGBA")
        seen |= {tuple(int(part) for part in colour) for colour in shown.reshape(4, -1).T}
    colours = {tuple(rgba) for value, *rgba in COVER if value}
    assert colours <= seen
    assert {colour for colour in seen if colour[3]} == colours


def test_a_nearest_pixel_is_the_one_below_its_middle(tmp_path: Path) -> None:
    stripes = (np.indices((512, 512)).sum(0) // 16 % 3 + 1).astype("u1")
    path = write(tmp_path / "x.tif", stripes[None], nodata=0, COMPRESS="DEFLATE", OVERVIEW_RESAMPLING="MODE")
    subject = made(path, "classes", "uint8", colormap=[[k, k * 50, 0, 0, 255] for k in range(4)])
    grid_ = GRIDS["EPSG5179"]
    z = grid_.zoom_like(ZOOM)
    for x, y in tiles_over(grid_, z):
        picture = Easel().draw(subject, Look("png", grid="EPSG5179"), z, x, y)
        wanted, mask = by_gdal(path, grid_, (z, x, y), resampling=Resampling.nearest)
        shown = pixels_of(picture)[0] // 50 if picture else np.zeros((256, 256))
        differs = (shown != wanted[0]) & inside(mask)
        assert differs.sum() <= 0.005 * mask.sum()  # where a middle lies on the line between two


def made(path: Path, role: str, dtype: str, **more: Any) -> Subject:
    """Return a raster as the server knows it."""
    return Subject(path, Cog(mapped(path)), RasterFacts.of({"raster": facts(role, dtype, **more)}))


# --- places ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(CITY_HALL_M))
def test_city_hall_is_where_the_national_tables_have_it_east_before_north(tmp_path: Path, name: str) -> None:
    """Northing comes first in these systems: with the axes swapped the tile would be empty, or elsewhere."""
    column, row = web_mercator_tile(*CITY_HALL, ZOOM)
    place = grid(ZOOM, column, row)
    to_mercator = Transformer.from_crs("OGC:CRS84", "EPSG:3857", always_xy=True)
    across, down = ~place @ to_mercator.transform(*CITY_HALL)
    dark = np.full((3, 256, 256), 10, "u1")
    dark[:, int(down) - 3 : int(down) + 4, int(across) - 3 : int(across) + 4] = 250
    path = write(tmp_path / "hall.tif", dark, transform=place, COMPRESS="DEFLATE")
    grid_, (east, north) = GRIDS[name], CITY_HALL_M[name]
    z = grid_.zoom_like(ZOOM)
    size = grid_.cell_size(z) * 256
    across_tiles, down_tiles = (east - grid_.left) / size, (grid_.top - north) / size
    tile = z, math.floor(across_tiles), math.floor(down_tiles)
    picture = Easel().draw(made(path, "imagery", "uint8", bands=3), Look("png", grid=name), *tile)
    assert picture is not None
    rows, columns = np.nonzero(pixels_of(picture)[0] > 128)
    assert abs(columns.mean() + 0.5 - across_tiles % 1 * 256) < 1
    assert abs(rows.mean() + 0.5 - down_tiles % 1 * 256) < 1


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("z", [0, 3, 5, 7, 9, 12])
def test_the_mesh_is_off_by_less_than_a_fifth_of_a_pixel(tmp_path: Path, name: str, z: int) -> None:
    """Against PROJ at every fourth pixel, over Korea, from the grid's whole extent to a street."""
    path = write(tmp_path / "x.tif", photo(), COMPRESS="WEBP")
    grid_ = GRIDS[name]
    from_lonlat = Transformer.from_crs("OGC:CRS84", grid_.crs, always_xy=True)
    tile = z, *grid_.tile(*from_lonlat.transform(*CITY_HALL), z)
    whole = Cog(mapped(path)).level(ZOOM)
    as_fine = np.log2(2 * math.pi * 6378137 * 0.79 / 256 / (grid_.cell_size(z) * grid_.metres_per_unit))
    level = type(whole)(**{f: getattr(whole, f) for f in whole.__dataclass_fields__} | {"zoom": round(as_fine)})
    mesh = warping.mesh_of(grid_, tile, level, 1, 0)
    left, _, _, top = grid_.bounds(*tile)
    at = np.arange(2, 256, 4)
    cell = grid_.cell_size(z)
    where = np.meshgrid(left + at * cell, top - at * cell)
    to_mercator = Transformer.from_crs(grid_.crs, "EPSG:3857", always_xy=True)
    easting, northing = to_mercator.transform(*where)
    lon, lat = Transformer.from_crs(grid_.crs, "OGC:CRS84", always_xy=True).transform(*where)
    west, south, east, north = grid_.area
    served = (lon >= west) & (lon <= east) & (lat >= max(south, -60)) & (lat <= min(north, 60))
    pixel = 2 * math.pi * 6378137 / 256 / 2**level.zoom
    exact = (easting + math.pi * 6378137) / pixel, (math.pi * 6378137 - northing) / pixel
    for found, wanted, corner in zip((mesh.columns, mesh.rows), exact, (level.left, level.top), strict=True):
        between = bilinear(found, mesh.cuts, at) + corner * 256
        assert served.any()
        assert np.abs(between - wanted)[served].max() < 0.2


def bilinear(values: NDArray[Any], cuts: NDArray[Any], at: NDArray[Any]) -> NDArray[Any]:
    """Return a mesh's values at pixels `at`, straight between its corners, as a picture's pixels are found."""
    rows = np.stack([np.interp(at, cuts, line) for line in values])
    return np.stack([np.interp(at, cuts, line) for line in rows.T]).T


def test_pixels_beyond_the_raster_are_transparent_and_those_within_are_not(client: FlaskClient) -> None:
    grid_ = GRIDS["EPSG5179"]
    z = grid_.zoom_like(ZOOM)
    shown = [client.get(f"/tiles/dem/EPSG5179/{z}/{x}/{y}.png") for x, y in tiles_over(grid_, z)]
    pictures = [pixels_of(answer.data, "RGBA") for answer in shown]
    visible = sum(int((picture[3] > 0).sum()) for picture in pictures)
    ground = 3 * 256**2 * (2 * math.pi * 6378137 / 256 / 2**ZOOM * math.cos(math.radians(37.56))) ** 2
    assert abs(visible * grid_.cell_size(z) ** 2 / ground - 1) < 0.02  # three of four quarters are there


# --- zooms, empty tiles, refusals ----------------------------------------------------------------


@pytest.mark.parametrize("name", OTHERS)
def test_the_zooms_are_those_of_like_resolution(client: FlaskClient, name: str) -> None:
    pyramid = service_of(client.application).keeper.current.pyramids["ortho"]
    found = grid_range(pyramid, name)
    assert found == (GRIDS[name].zoom_like(ZOOM - 1), GRIDS[name].zoom_like(ZOOM))
    for z in (found[0] - 1, found[1] + 1):
        x, y = tiles_over(GRIDS[name], z)[0]
        answer = client.get(f"/tiles/ortho/{name}/{z}/{x}/{y}.png")
        assert (answer.status_code, answer.json["code"]) == (404, "TILE_RANGE")


@pytest.mark.parametrize("name", OTHERS)
def test_each_zoom_is_drawn_from_the_level_of_like_resolution(client: FlaskClient, name: str) -> None:
    cog = service_of(client.application).keeper.current.pyramids["ortho"].cog
    assert cog is not None
    top = GRIDS[name].zoom_like(ZOOM)
    assert [level_for(cog, GRIDS[name], z) for z in (top + 1, top, top - 1, top - 4)] == [14, 14, 13, 13]


def test_pictures_made_already_have_one_grid(client: FlaskClient) -> None:
    pyramid = service_of(client.application).keeper.current.pyramids["tiles"]
    assert grid_range(pyramid, "EPSG5179") is None
    assert grid_range(pyramid, "WebMercatorQuad") == (ZOOM, ZOOM)
    answer = client.get("/tiles/tiles/EPSG5179/13/2205/3914.webp")
    assert (answer.status_code, answer.json["code"]) == (404, "TILE_TYPE")
    assert "/tiles/{layer}/{z}/{x}/{y}" in answer.json["detail"]


def test_tiles_away_from_the_raster_are_empty_without_drawing(client: FlaskClient, monkeypatch: Any) -> None:
    monkeypatch.setattr(Easel, "draw", lambda *_: pytest.fail("nothing is there to be drawn"))
    for name in OTHERS:
        z = GRIDS[name].zoom_like(ZOOM)
        answer = client.get(f"/tiles/ortho/{name}/{z}/3/3.png")
        assert (answer.status_code, answer.headers["OATiles-hint"]) == (200, "empty")
        assert not pixels_of(answer.data, "RGBA")[3].any()
        assert client.get(f"/tiles/ortho/{name}/{z}/3/3.jpg").status_code == 204


def test_a_tile_over_blocks_that_are_left_out_is_empty(client: FlaskClient) -> None:
    """The south-eastern quarter of the scene is a hole of 256 × 256 pixels: one tile 5186 of a finer zoom fits."""
    subject = made(archive_of(client, "ortho"), "imagery", "uint8", alpha=True)
    grid_ = GRIDS["EPSG5186"]
    z = grid_.zoom_like(ZOOM) + 2
    west, south, east, north = BOUNDS
    spot = (west + 3 * east) / 4, (3 * south + north) / 4
    tile = grid_.tile(*Transformer.from_crs("OGC:CRS84", grid_.crs, always_xy=True).transform(*spot), z)
    assert Easel().draw(subject, Look("png", grid="EPSG5186"), z, *tile) is None


def test_heights_where_nothing_is_are_zero_in_other_grids_too(client: FlaskClient) -> None:
    z = GRIDS["EPSG5179"].zoom_like(ZOOM)
    answer = client.get(f"/tiles/dem/EPSG5179/{z}/3/3@2x.png?encoding=mapbox")
    assert (decode(pixels_of(answer.data), "mapbox") == 0).all()
    assert pixels_of(answer.data).shape == (3, 512, 512)


def test_a_torn_archive_is_503_in_other_grids_too(client: FlaskClient) -> None:
    grid_ = GRIDS["EPSG5179"]
    z = grid_.zoom_like(ZOOM)
    x, y = tiles_over(grid_, z)[0]
    answer = client.get(f"/tiles/torn/EPSG5179/{z}/{x}/{y}.png")
    assert (answer.status_code, answer.json["code"]) == (503, "ARCHIVE_DAMAGED")
    assert "Retry-After" in answer.headers


def test_each_grid_has_entity_tags_of_its_own_and_answers_304_without_drawing(
    client: FlaskClient, monkeypatch: Any
) -> None:
    tags = {}
    for name in ("WebMercatorQuad", *OTHERS):
        z = GRIDS[name].zoom_like(ZOOM)
        x, y = tiles_over(GRIDS[name], z)[0]
        path = f"/tiles/survey/{name}/{z}/{x}/{y}.png"
        tags[path] = client.get(path).headers["ETag"]
    assert len(set(tags.values())) == len(tags)
    monkeypatch.setattr(Easel, "draw", lambda *_: pytest.fail("a caller who has it needs no drawing"))
    service_of(client.application).studio.forget()
    for path, tag in tags.items():
        answer = client.get(path, headers={"If-None-Match": tag})
        assert (answer.status_code, answer.data) == (304, b"")


def test_holes_do_not_bleed_into_the_heights_beside_them(tmp_path: Path) -> None:
    heights = hills()
    heights[:, 200:] = NODATA
    path = write(tmp_path / "x.tif", heights[None], nodata=NODATA, COMPRESS="DEFLATE")
    subject = made(path, "elevation", "float32", nodata=NODATA, statistics=[{"min": 20, "max": 180}])
    grid_ = GRIDS["EPSG5186"]
    z = grid_.zoom_like(ZOOM)
    for x, y in tiles_over(grid_, z):
        picture = Easel().draw(subject, Look("png", 1, "mapbox", "EPSG5186"), z, x, y)
        found = decode(pixels_of(picture or b""), "mapbox")
        assert (((found > 15) & (found < 185)) | (found == 0)).all()
