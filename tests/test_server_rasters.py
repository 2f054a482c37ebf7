"""A raster's tiles over HTTP from a running server: pixels in their place, heights to be read, refusals."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from naru.house import House
from naru.raster_facts import ENCODINGS, Encoding
from naru.terrain_rgb import decode, step_m
from tests.conftest import Answer, Served, naru_json, start_server, stop_server
from tests.rasters import (
    BOUNDS,
    COARSE,
    COVER,
    EMPTY,
    FULL,
    HEIGHTS,
    LEFT,
    SIDE,
    TOP,
    ZOOM,
    Scene,
    classes,
    hills,
    photo,
    pixels_of,
    publish_raster,
)
from tests.serving import Fake, make_home

SCENES = (
    Scene("ortho"),
    Scene("dem", "hills"),
    Scene("cover", "cover"),
    Scene("survey", "survey"),
    Scene("noise", "grey"),
    Scene("tiles", "pyramid"),
    Scene("secret", "hills", "private"),
    Scene("shaded", "hills", style=({"id": "shaded--shade", "type": "hillshade"},)),
    Scene("torn", quality=80),
    Scene("rotten", "hills", quality=10),
    Scene("vague", "hills", rules={"statistics": []}),
    Scene("odd", "hills", rules={"role": "portrait"}),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("rasters")
    house = House.open(make_home(folder / "home", Fake("seoul-gu")))
    paths = {scene.id: publish_raster(house, scene) for scene in SCENES}
    house.close()
    spoil(paths)
    server = start_server(folder / "home", folder / "serve.log")
    yield server
    stop_server(server)


def spoil(paths: dict[str, Path]) -> None:
    """Cut one archive short, and overwrite the pixels of another."""
    torn, rotten = paths["torn"], paths["rotten"]
    torn.write_bytes(torn.read_bytes()[:-500])
    data = rotten.read_bytes()
    rotten.write_bytes(data[: len(data) // 3] + bytes(len(data) - len(data) // 3))


def address(layer: str, tile: tuple[int, int, int], extension: str = "png") -> str:
    """Return a tile's address; `extension` may carry a query."""
    z, x, y = tile
    at, dot, rest = extension.rpartition("@2x.")
    return f"/tiles/{layer}/{z}/{x}/{y}{at}{dot or '.'}{rest}"


def picture(served: Served, layer: str, tile: tuple[int, int, int], extension: str = "png") -> NDArray[np.uint8]:
    """Return a tile's channels."""
    answer = served.get(address(layer, tile, extension))
    assert answer.status == 200, answer.body
    return pixels_of(answer.body)


def problem(answer: Answer) -> tuple[int, str]:
    """Return status and code of a refusal."""
    assert answer.headers["content-type"] == "application/problem+json", answer.body
    return answer.status, answer.json()["code"]


# --- pictures -------------------------------------------------------------------------------------


def test_a_stored_webp_block_is_sent_as_it_lies_in_the_archive(served: Served) -> None:
    answer = served.get(address("ortho", FULL, "webp"))
    assert (answer.status, answer.headers["content-type"]) == (200, "image/webp")
    assert "content-encoding" not in answer.headers
    archives = [path.read_bytes() for path in (served.home / "archives").glob("*.tif")]
    assert sum(answer.body in data for data in archives) == 1


@pytest.mark.parametrize("extension", ["webp", "png", "jpg", "jpeg"])
@pytest.mark.parametrize("place", [(0, 0), (1, 0), (0, 1)])
def test_pixels_lie_where_the_source_has_them(served: Served, extension: str, place: tuple[int, int]) -> None:
    column, row = place
    shown = picture(served, "ortho", (ZOOM, LEFT + column, TOP + row), extension)
    source = photo()[:, 256 * row : 256 * (row + 1), 256 * column : 256 * (column + 1)]
    inside = np.abs(shown[:3].astype(int) - source[:3])[:, 4:-4, 4:-4]
    assert inside.max() <= 12  # WebP at quality 90, JPEG at 85
    assert inside.mean() < 2.5


def test_a_coarser_zoom_is_the_finer_one_halved(served: Served) -> None:
    shown = picture(served, "ortho", COARSE, "webp")
    wanted = photo()[:3, ::2, ::2].astype(int)
    assert np.abs(shown[:3, 4:120, 4:120] - wanted[:, 4:120, 4:120]).max() <= 12
    assert (shown[3, :127, :] == 255).all()
    assert (shown[3, 129:, 129:] == 0).all()


def test_double_size_has_the_pixels_of_the_next_zoom(served: Served) -> None:
    double = picture(served, "dem", COARSE, "@2x.png?encoding=terrarium")
    assert double.shape == (3, 512, 512)
    heights = np.where(hills() == -9999, 0, hills())
    assert np.abs(decode(double, "terrarium") - heights).max() <= step_m("terrarium", ZOOM - 1) / 2 + 1e-6


def test_double_size_beyond_the_last_zoom_repeats_pixels(served: Served) -> None:
    single, double = picture(served, "cover", FULL), picture(served, "cover", FULL, "@2x.png")
    assert (double == single.repeat(2, 1).repeat(2, 2)).all()


def test_pre_rendered_tiles_are_sent_as_they_are(served: Served) -> None:
    shown = picture(served, "tiles", FULL, "webp")
    assert (shown == photo()[:3, :256, :256]).all()


# --- what is drawn ---------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("extension", ["png", "webp"])
def test_heights_are_read_back_within_the_stated_error(served: Served, encoding: Encoding, extension: str) -> None:
    coded = picture(served, "dem", FULL, f"{extension}?encoding={encoding}")
    error = np.abs(decode(coded, encoding) - hills()[:256, :256])
    assert error.max() <= step_m(encoding, ZOOM) / 2 + 1e-6


def test_where_there_is_no_height_it_is_zero(served: Served) -> None:
    coded = picture(served, "dem", EMPTY, "png?encoding=mapbox")
    assert (decode(coded, "mapbox") == 0).all()
    for encoding in ENCODINGS:
        told = picture(served, "dem", EMPTY, f"png?encoding={encoding}&nodata=-12.5")
        assert np.abs(decode(told, encoding) + 12.5).max() <= step_m(encoding, ZOOM - 1) / 2 + 1e-6


def test_relief_is_seamless_between_tiles(served: Served) -> None:
    west, east = (picture(served, "dem", (ZOOM, LEFT + k, TOP)).astype(int) for k in (0, 1))
    across = np.abs(west[:3, :, -1] - east[:3, :, 0]).mean()
    inside = np.abs(west[:3, :, -2] - west[:3, :, -1]).mean()
    assert across < 2 * inside + 2


def test_classes_have_the_colours_of_their_map(served: Served) -> None:
    shown = picture(served, "cover", FULL)
    colours = {value: rgb for value, *rgb, _ in COVER}
    wanted = np.array([[colours[v] for v in row] for row in classes()[:256, :256]], "u1").transpose(2, 0, 1)
    assert (shown == wanted).all()  # no alpha: nothing is left out here


def test_sixteen_bits_are_stretched_by_the_facts(served: Served) -> None:
    shown = picture(served, "survey", FULL)
    wanted = photo()[:3, :256, :256].astype(int)  # 1000 … 11200 by 40 is 0 … 255
    assert np.abs(shown[:3] - wanted).max() <= 1


def test_measurements_are_grey_between_their_percentiles(served: Served) -> None:
    shown = picture(served, "noise", FULL)
    wanted = np.clip((hills()[:256, :256] - HEIGHTS["p2"]) / (HEIGHTS["p98"] - HEIGHTS["p2"]), 0, 1) * 255
    assert np.abs(shown[:3] - wanted).max() <= 0.51
    assert (picture(served, "noise", COARSE)[3, 129:, 129:] == 0).all()


# --- caching and methods --------------------------------------------------------------------------

WAYS = [("ortho", "webp"), ("ortho", "png"), ("dem", "png?encoding=mapbox"), ("tiles", "webp")]


@pytest.mark.parametrize(("layer", "extension"), WAYS)
def test_who_has_the_picture_gets_304(served: Served, layer: str, extension: str) -> None:
    first = served.get(address(layer, FULL, extension))
    again = served.get(address(layer, FULL, extension), If_None_Match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = served.get(address(layer, FULL, extension), If_None_Match='"other"')
    assert (other.status, other.body) == (200, first.body)


def test_each_form_has_an_entity_tag_of_its_own(served: Served) -> None:
    forms = ["png", "@2x.png", "jpg", "webp", "png?encoding=mapbox", "png?encoding=terrarium"]
    tags = {served.get(address("dem", FULL, form)).headers["etag"] for form in forms}
    assert len(tags) == len(forms)


@pytest.mark.parametrize(("layer", "extension"), WAYS)
def test_public_pictures_may_be_kept_and_used_anywhere(served: Served, layer: str, extension: str) -> None:
    headers = served.get(address(layer, FULL, extension)).headers
    assert headers["cache-control"].startswith("public, max-age=")
    assert "vary" not in headers
    assert headers["access-control-allow-origin"] == "*"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("layer", "extension"), WAYS)
def test_head_has_the_headers_of_get(served: Served, layer: str, extension: str) -> None:
    host = served.url.removeprefix("http://")
    got = served.get(address(layer, FULL, extension))
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.request("HEAD", address(layer, FULL, extension))
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    told = {name.lower(): value for name, value in answer.getheaders()}
    connection.close()
    assert told["content-length"] == str(len(got.body))
    for name in ("etag", "content-type", "cache-control"):
        assert told[name] == got.headers[name]


@pytest.mark.parametrize(
    ("layer", "extension", "kind"),
    [("ortho", "webp", "image/webp"), ("ortho", "png", "image/png"), ("tiles", "webp", "image/webp")],
)
def test_where_nothing_is_the_picture_is_transparent(served: Served, layer: str, extension: str, kind: str) -> None:
    answer = served.get(address(layer, EMPTY, extension))
    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["oatiles-hint"] == "empty"
    shown = pixels_of(answer.body, "RGBA")
    assert shown.shape == (4, 256, 256)
    assert not shown[3].any()
    assert len(answer.body) < 150


def test_where_nothing_is_a_jpeg_cannot_say_so_and_is_204(served: Served) -> None:
    answer = served.get(address("ortho", EMPTY, "jpg"))
    assert (answer.status, answer.body) == (204, b"")
    assert "content-type" not in answer.headers


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (address("ortho", FULL, "mvt"), 404, "TILE_TYPE"),
        (address("seoul-gu,dem", (2, 3, 1), "png"), 400, "BAD_REQUEST"),
        (address("tiles", FULL, "png"), 404, "TILE_TYPE"),
        (address("tiles", FULL, "@2x.webp"), 404, "TILE_TYPE"),
        (address("ortho", (ZOOM + 1, 2 * LEFT, 2 * TOP), "webp"), 404, "TILE_RANGE"),
        (address("dem", (ZOOM - 2, LEFT // 4, TOP // 4), "png"), 404, "TILE_RANGE"),
        (f"/tiles/ortho/{ZOOM}/0{LEFT}/{TOP}.webp", 404, "TILE_RANGE"),
        (f"/tiles/ortho/{ZOOM}/{LEFT}/{TOP}@3x.png", 404, "TILE_RANGE"),
        (address("ortho", (1, 2, 0), "png"), 404, "TILE_RANGE"),
        (address("atlantis", FULL, "webp"), 404, "LAYER_NOT_FOUND"),
        (address("secret", FULL, "png"), 404, "LAYER_NOT_FOUND"),
        (address("ortho", FULL, "png?encoding=mapbox"), 400, "BAD_REQUEST"),
        (address("ortho", FULL, "webp?encoding=mapbox"), 400, "BAD_REQUEST"),
        (address("dem", FULL, "png?encoding=morse"), 400, "BAD_REQUEST"),
        (address("dem", FULL, "png?nodata=5"), 400, "BAD_REQUEST"),
        (address("dem", FULL, "png?encoding=terrarium&nodata=abyss"), 400, "BAD_REQUEST"),
        (address("dem", FULL, "jpg?encoding=mapbox"), 400, "BAD_REQUEST"),
        (address("dem,cover", FULL, "png"), 400, "BAD_REQUEST"),
        ("/tiles/seoul-gu,dem.json", 400, "BAD_REQUEST"),
    ],
)
def test_what_cannot_be_is_refused_with_words(served: Served, path: str, status: int, code: str) -> None:
    assert problem(served.get(path)) == (status, code)


def test_a_wrong_type_names_the_right_one(served: Served) -> None:
    assert "Ask for .webp or .png or .jpg." in served.get(address("ortho", FULL, "mvt")).json()["detail"]


@pytest.mark.parametrize("path", [address("torn", FULL, "webp"), address("torn", FULL, "png")])
def test_a_torn_archive_is_503_and_the_others_are_served(served: Served, path: str) -> None:
    assert problem(served.get(path)) == (503, "ARCHIVE_DAMAGED")
    assert served.get(address("ortho", FULL, "webp")).status == 200


@pytest.mark.parametrize("layer", ["rotten", "vague", "odd"])
def test_pixels_or_facts_that_are_damaged_are_503_and_the_others_are_served(served: Served, layer: str) -> None:
    assert problem(served.get(address(layer, FULL))) == (503, "ARCHIVE_DAMAGED")
    assert served.get(address("dem", FULL)).status == 200
    for page in ("/api/layers", "/styles/naru.json"):
        assert served.get(page).status == 200


# --- keys and counting ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def private_key(served: Served) -> str:
    words = ["--name", "raster", "--functions", "content", "--access", "private", "--day", "5"]
    made = naru_json("keys", "create", *words, home=served.home)
    return str(made["key"])


def test_a_private_raster_is_read_with_its_key_and_counted(served: Served, private_key: str) -> None:
    """Five a day: drawn and stored pictures and documents count one each, refusals none."""
    secret, deadline = address("secret", FULL), time.monotonic() + 10
    while (first := served.get(secret, X_API_Key=private_key)).status == 401 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert first.status == 200
    assert first.headers["cache-control"] == "private, no-store"
    assert {"Authorization", "X-API-Key"} <= set(first.headers["vary"].split(", "))
    etag = first.headers["etag"]
    assert served.get(secret, X_API_Key=private_key, If_None_Match=etag).status == 304
    assert served.get(address("ortho", FULL, "mvt"), X_API_Key=private_key).status == 404
    assert served.get(address("ortho", FULL, "png?encoding=mapbox"), X_API_Key=private_key).status == 400
    assert served.get(address("torn", FULL, "png"), X_API_Key=private_key).status == 503
    assert served.get(address("ortho", FULL, "webp"), X_API_Key=private_key).status == 200
    assert served.get(address("ortho", EMPTY, "jpg"), X_API_Key=private_key).status == 204
    assert served.get("/tiles/ortho.json", X_API_Key=private_key).status == 200
    assert served.get(address("ortho", FULL, "webp"), X_API_Key=private_key).status == 429
    assert served.get(address("ortho", FULL, "png"), X_API_Key=private_key).status == 429


# --- documents ------------------------------------------------------------------------------------


def test_tilejson_of_pictures_names_their_type(served: Served) -> None:
    told = served.get("/tiles/ortho.json").json()
    assert told["tiles"] == ["/tiles/ortho/{z}/{x}/{y}.webp"]
    assert (told["format"], told["tileSize"]) == ("webp", 256)
    assert (told["minzoom"], told["maxzoom"]) == (ZOOM - 1, ZOOM)
    assert told["bounds"] == pytest.approx(list(BOUNDS))
    assert "vector_layers" not in told
    assert "encoding" not in told


@pytest.mark.parametrize(
    ("layer", "extension"),
    [("dem", "webp"), ("survey", "webp"), ("noise", "webp"), ("cover", "png"), ("tiles", "webp")],
)
def test_tilejson_names_the_type_that_suits_the_raster(served: Served, layer: str, extension: str) -> None:
    told = served.get(f"/tiles/{layer}.json").json()
    assert told["tiles"] == [f"/tiles/{layer}/{{z}}/{{x}}/{{y}}.{extension}"]
    assert told["format"] == extension


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_tilejson_of_elevation_gives_heights_to_who_asks(served: Served, encoding: Encoding) -> None:
    told = served.get(f"/tiles/dem.json?encoding={encoding}").json()
    assert told["tiles"] == [f"/tiles/dem/{{z}}/{{x}}/{{y}}.png?encoding={encoding}"]
    assert (told["encoding"], told["format"]) == (encoding, "png")
    for path in ("/tiles/dem.json?encoding=morse", "/tiles/ortho.json?encoding=mapbox"):
        assert problem(served.get(path)) == (400, "BAD_REQUEST")


def test_a_key_in_the_query_goes_on_beside_the_encoding(served: Served) -> None:
    made = naru_json("keys", "create", "--name", "q", "--functions", "content", home=served.home)
    path = f"/tiles/dem.json?encoding=mapbox&key={made['key']}"
    deadline = time.monotonic() + 10
    while (answer := served.get(path)).status == 401 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert answer.json()["tiles"] == [f"/tiles/dem/{{z}}/{{x}}/{{y}}.png?encoding=mapbox&key={made['key']}"]


def test_styles_have_pictures_and_of_elevation_the_heights_too(served: Served) -> None:
    ortho, dem = (served.get(f"/styles/{name}.json").json() for name in ("ortho", "dem"))
    assert ortho["sources"] == {"ortho": {"type": "raster", "url": "/tiles/ortho.json", "tileSize": 256}}
    assert dem["sources"]["dem"] == {"type": "raster", "url": "/tiles/dem.json", "tileSize": 256}
    heights = dem["sources"]["dem--heights"]
    assert (heights["type"], heights["encoding"], heights["tileSize"]) == ("raster-dem", "mapbox", 256)
    assert heights["tiles"] == ["/tiles/dem/{z}/{x}/{y}.png?encoding=mapbox"]
    assert (heights["minzoom"], heights["maxzoom"]) == (ZOOM - 1, ZOOM)
    assert [layer["type"] for layer in dem["layers"]] == ["background", "raster"]
    assert all("source-layer" not in layer for layer in ortho["layers"] + dem["layers"])


def test_a_style_of_ones_own_may_shade_the_heights(served: Served) -> None:
    shaded = served.get("/styles/shaded.json").json()
    assert shaded["layers"][1] == {"id": "shaded--shade", "type": "hillshade", "source": "shaded--heights"}


def test_on_the_whole_map_rasters_lie_beneath_areas_and_labels_above_all(served: Served) -> None:
    types = [layer["type"] for layer in served.get("/styles/naru.json").json()["layers"]]
    rasters = [k for k, kind in enumerate(types) if kind in ("raster", "hillshade", "color-relief")]
    vectors = [k for k, kind in enumerate(types) if kind in ("fill", "line", "circle")]
    labels = [k for k, kind in enumerate(types) if kind == "symbol"]
    assert types[0] == "background"
    assert rasters
    assert vectors
    assert max(rasters) < min(vectors)
    assert max(vectors) < min(labels)


def test_the_list_tells_rasters_with_their_legends(served: Served) -> None:
    layers = {layer["id"]: layer for layer in served.get("/api/layers").json()["layers"]}
    assert layers["ortho"]["kind"] == "raster"
    assert layers["ortho"]["features"] is None
    assert layers["ortho"]["legend"] == []
    assert layers["dem"]["legend_type"] == "ramp"
    assert layers["dem"]["legend"][0] == {"label": "30 m", "color": "#5e9c86"}
    assert layers["cover"]["legend_type"] == "classes"
    assert [entry["label"] for entry in layers["cover"]["legend"]] == ["1", "2", "3"]
    assert layers["seoul-gu"]["legend_type"] == "classes"


# --- other readers --------------------------------------------------------------------------------


def test_gdal_reads_the_tiles_back_as_one_raster(served: Served, tmp_path: Path) -> None:
    edge, document = 20037508.342789244, tmp_path / "tms.xml"
    document.write_text(f"""<GDAL_WMS>
      <Service name="TMS"><ServerUrl>{served.url}/tiles/survey/${{z}}/${{x}}/${{y}}.png</ServerUrl></Service>
      <DataWindow><UpperLeftX>-{edge}</UpperLeftX><UpperLeftY>{edge}</UpperLeftY><LowerRightX>{edge}</LowerRightX>
        <LowerRightY>-{edge}</LowerRightY><TileLevel>{ZOOM}</TileLevel><TileCountX>1</TileCountX>
        <TileCountY>1</TileCountY><YOrigin>top</YOrigin></DataWindow>
      <Projection>EPSG:3857</Projection><BlockSizeX>256</BlockSizeX><BlockSizeY>256</BlockSizeY>
      <BandsCount>4</BandsCount><ZeroBlockHttpCodes>204,404</ZeroBlockHttpCodes></GDAL_WMS>""")
    with rasterio.open(document) as raster:
        window = rasterio.windows.Window(LEFT * 256, TOP * 256, SIDE, SIDE)
        bands = raster.read(window=window)
    assert np.abs(bands[:3].astype(int) - photo()[:3]).max() <= 1
