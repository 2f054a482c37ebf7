"""A published flood over HTTP: tiles of a moment in every dialect, frames, depths at a place, reports."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer
from werkzeug.test import TestResponse

from naru.house import House
from naru.ramps import ramp_colours
from naru.terrain_rgb import decode
from naru.tms import web_mercator_bounds
from naru.work import find_handler, run_here
from tests.painted_floods import FRAME, assembled, flat_domain, rising, run
from tests.serving import Fake, make_home, new_key, open_app, service_of
from twin.results.publish import parts
from twin.scenario.records import Publication

LAYER, SECRET = "test-flood-depth", "dark-flood-depth"
TO_LONLAT = Transformer.from_crs(FRAME.crs, "EPSG:4326", always_xy=True)
AT_600 = "2022-08-08T20:10:00%2B09:00"
WMTS = {"SERVICE": "WMTS", "REQUEST": "GetTile", "VERSION": "1.0.0", "STYLE": "default", "FORMAT": "image/png"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    home = tmp_path_factory.mktemp("floods")
    made = make_home(home / "home", Fake("seoul-gu"))
    house = House.open(made)
    for name, visibility in (("test-flood", "public"), ("dark-flood", "private")):
        shown = Publication("시험 침수", "Test flood", visibility)
        scenario = assembled(flat_domain(), home, name=name, publication=shown)
        recorder, flood = run(scenario, home / name, rising())
        told = recorder.finish(flood)
        (home / name / "report.html").write_text("<h1>보고서</h1>", "utf-8")
        (home / name / "report.pdf").write_bytes(b"%PDF-1.7 report")
        wanted = [part for part in parts(home / name, told) if name == "test-flood" or part["id"] == SECRET]
        run_here(house, "together", {"parts": wanted}, find_handler("together"), lambda share, words: None)
    house.close()
    yield open_app(made)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def tile(app: Flask) -> tuple[int, int, int]:
    """Return the tile in which the middle of the flood lies, at its finest zoom."""
    z = service_of(app).keeper.current.pyramids[LAYER].maxzoom
    lon, lat = TO_LONLAT.transform(FRAME.x[15], FRAME.y[20])
    return z, *_tile_at(z, lon, lat)


def _tile_at(z: int, lon: float, lat: float) -> tuple[int, int]:
    y = (1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2
    return int((lon + 180) / 360 * 2**z), int(y * 2**z)


def address(tile: tuple[int, int, int], extension: str = "png", layer: str = LAYER) -> str:
    return f"/tiles/{layer}/{tile[0]}/{tile[1]}/{tile[2]}.{extension}"


def pixels(answer: TestResponse) -> NDArray[np.uint8]:
    assert answer.status_code == 200, answer.get_data(as_text=True)
    with Image.open(io.BytesIO(answer.data)) as picture:
        return np.asarray(picture.convert("RGBA"))


def colour_at(answer: TestResponse, tile: tuple[int, int, int], row: int, column: int) -> str | None:
    """Return the colour of a cell of the flood's frame in a tile's picture; None where it is transparent."""
    lon, lat = TO_LONLAT.transform(FRAME.x[column], FRAME.y[row])
    west, south, east, north = web_mercator_bounds(*tile)
    y = np.arcsinh(np.tan(np.radians([north, lat, south])))
    picture = pixels(answer)
    at = int((y[0] - y[1]) / (y[0] - y[2]) * 256), int((lon - west) / (east - west) * 256)
    *colour, alpha = (int(part) for part in picture[at])
    return "#{:02x}{:02x}{:02x}".format(*colour) if alpha else None


# --- tiles of a moment ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("time_s", "number"), [(60, 0), (120, 0), (180, 1), (420, 2), (600, 3)])
def test_a_tile_shows_the_depth_class_of_its_time(
    client: FlaskClient, tile: tuple[int, int, int], time_s: int, number: int
) -> None:
    depth = float(rising()(float(time_s))[20, 6])
    assert np.searchsorted([0.5, 1, 2, 5], depth, side="right") == number
    expected = ramp_colours("depth")[number] if depth >= 0.05 else None
    assert colour_at(client.get(f"{address(tile)}?t={time_s}"), tile, 20, 6) == expected


def test_it_is_dry_at_first_and_without_a_time_as_deep_as_ever(
    client: FlaskClient, tile: tuple[int, int, int]
) -> None:
    assert not pixels(client.get(f"{address(tile)}?t=0"))[..., 3].any()
    deepest = client.get(address(tile))
    assert deepest.data == client.get(f"{address(tile)}?t=600").data  # it only rises
    assert colour_at(deepest, tile, 20, 6) == ramp_colours("depth")[3]
    for word in ("max", "default"):
        again = client.get(f"{address(tile)}?t={word}")
        assert again.data == deepest.data and again.headers["ETag"] == deepest.headers["ETag"]


@pytest.mark.parametrize(
    "same", ["600.0", AT_600, "2022-08-08T20:10:00", "2022-08-08T11:10:00Z", AT_600[:19] + "+09:00"]
)
def test_one_moment_has_many_spellings(client: FlaskClient, tile: tuple[int, int, int], same: str) -> None:
    one, other = (client.get(f"{address(tile)}?t={t}") for t in ("600", same))
    assert one.data == other.data and one.headers["ETag"] == other.headers["ETag"]


def test_between_outputs_it_is_the_earlier_one(client: FlaskClient, tile: tuple[int, int, int]) -> None:
    exact, later, next_one = (client.get(f"{address(tile)}?t={t}") for t in ("180", "239.9", "240"))
    assert exact.data == later.data and exact.headers["ETag"] == later.headers["ETag"]
    assert next_one.data != exact.data and next_one.headers["ETag"] != exact.headers["ETag"]


def test_a_tile_that_was_drawn_before_is_that_of_the_time_asked_for(
    client: FlaskClient, tile: tuple[int, int, int]
) -> None:
    first = {t: client.get(f"{address(tile)}?t={t}").data for t in (240, 600)}
    assert first[240] != first[600]
    for t in (600, 240, 600):
        answer = client.get(f"{address(tile)}?t={t}")
        assert answer.data == first[t]
        unchanged = client.get(f"{address(tile)}?t={t}", headers={"If-None-Match": answer.headers["ETag"]})
        assert unchanged.status_code == 304
    stale = client.get(f"{address(tile)}?t=240", headers={"If-None-Match": answer.headers["ETag"]})
    assert stale.status_code == 200


@pytest.mark.parametrize(
    "asked", ["-1", "601", "1e3", "nan", "soon", "2022-08-08", "2021-01-01T00:00:00Z", "9" * 60, "600&t=60", ""]
)
def test_a_time_that_is_none_is_refused_with_the_range(
    client: FlaskClient, tile: tuple[int, int, int], asked: str
) -> None:
    answer = client.get(f"{address(tile)}?t={asked}")
    told = answer.get_json(force=True)
    assert answer.status_code == 400 and told["field"] == "t"
    if "&" not in asked:
        assert "0 to 600" in json.dumps(told) and "2022-08-08T20:10:00+09:00" in json.dumps(told)


def test_a_layer_without_times_has_none(client: FlaskClient, tile: tuple[int, int, int]) -> None:
    plain = client.get(address(tile, layer="test-flood-max-hazard"))
    answer = client.get(f"{address(tile, layer='test-flood-max-hazard')}?t=60")  # as pages write to pass caches
    assert (answer.status_code, answer.data) == (200, plain.data)


@pytest.mark.parametrize("extension", ["png", "webp", "jpg"])
def test_a_moment_comes_in_each_type_and_size(
    client: FlaskClient, tile: tuple[int, int, int], extension: str
) -> None:
    plain = pixels(client.get(f"{address(tile, extension)}?t=600"))
    double = pixels(client.get(address(tile).replace(".png", f"@2x.{extension}") + "?t=600"))
    assert plain.shape == (256, 256, 4) and double.shape == (512, 512, 4)


@pytest.mark.parametrize("grid", ["EPSG5186", "EPSG5179", "WorldCRS84Quad"])
def test_a_moment_comes_in_other_grids(client: FlaskClient, grid: str) -> None:
    tiles = client.get(f"/ogc/collections/{LAYER}/map/tiles/{grid}").get_json()
    limit = tiles["tileMatrixSetLimits"][-1]
    place = limit["tileMatrix"], limit["maxTileCol"], limit["maxTileRow"]
    base = f"/tiles/{LAYER}/{grid}/{place[0]}/{place[1]}/{place[2]}.png"
    assert not pixels(client.get(f"{base}?t=0"))[..., 3].any()
    assert pixels(client.get(f"{base}?t=600"))[..., 3].any()


@pytest.mark.parametrize("encoding", ["terrarium", "mapbox"])
def test_depths_come_as_numbers(client: FlaskClient, tile: tuple[int, int, int], encoding: Any) -> None:
    answer = client.get(f"{address(tile)}?t=600&encoding={encoding}")
    depth = decode(pixels(answer)[..., :3].transpose(2, 0, 1), encoding)
    assert depth.max() == pytest.approx(3.0, abs=0.11) and depth.min() == pytest.approx(0.0, abs=0.11)
    dry = decode(
        pixels(client.get(f"{address(tile)}?t=0&encoding={encoding}"))[..., :3].transpose(2, 0, 1), encoding
    )
    assert not dry.any()
    hazard = client.get(f"{address(tile, layer='test-flood-max-hazard')}?encoding={encoding}")
    assert hazard.status_code == 400


def test_a_caller_may_choose_colours_of_a_moment(client: FlaskClient, tile: tuple[int, int, int]) -> None:
    looks = "rescale=0,3&colormap=water", "expression=b1*2&rescale=0,6&colormap=water"
    one, other = (pixels(client.get(f"{address(tile)}?t=600&{look}")) for look in looks)
    assert one[..., 3].any() and np.array_equal(one, other)


# --- documents and dialects -----------------------------------------------------------------------------


def test_tilejson_lists_the_times(client: FlaskClient) -> None:
    told = client.get(f"/tiles/{LAYER}.json").get_json()
    assert told["times"] == [60.0 * n for n in range(11)]
    assert (told["time_start"], told["time_parameter"], told["time_default"]) == (
        "2022-08-08T20:00:00+09:00",
        "t",
        "max",
    )
    assert client.get(f"/tiles/{LAYER}.json?t=120").get_json()["tiles"][0].endswith(".webp?t=120")
    assert client.get(f"/tiles/{LAYER}.json?t=9999").status_code == 400
    assert "times" not in client.get("/tiles/test-flood-max-depth.json").get_json()


def test_wmts_has_a_dimension_and_gives_the_same_tiles(client: FlaskClient, tile: tuple[int, int, int]) -> None:
    document = ElementTree.fromstring(client.get("/wmts?SERVICE=WMTS&REQUEST=GetCapabilities").data)
    names = {"": "http://www.opengis.net/wmts/1.0", "ows": "http://www.opengis.net/ows/1.1"}
    layers = {
        layer.findtext("ows:Identifier", None, names): layer for layer in document.iterfind(".//Layer", names)
    }
    dimension = layers[LAYER].find("Dimension", names)
    assert dimension is not None and dimension.findtext("ows:Identifier", None, names) == "Time"
    values = [value.text for value in dimension.iterfind("Value", names)]
    assert values[0] == dimension.findtext("Default", None, names) == "max" and len(values) == 12
    assert layers["test-flood-max-depth"].find("Dimension", names) is None
    template = layers[LAYER].find("ResourceURL", names)
    assert template is not None and template.get("template", "").endswith("?time={Time}")

    z, x, y = tile
    wanted = client.get(f"{address(tile)}?t=240").data
    place = {"LAYER": LAYER, "TILEMATRIXSET": "WebMercatorQuad", "TILEMATRIX": z, "TILEROW": y, "TILECOL": x}
    by_key = client.get("/wmts", query_string={**WMTS, **place, "TIME": values[5]})
    by_path = client.get(
        f"/wmts/1.0.0/{LAYER}/default/WebMercatorQuad/{z}/{y}/{x}.png", query_string={"time": values[5]}
    )
    assert by_key.data == by_path.data == wanted
    deepest = client.get("/wmts", query_string={**WMTS, **place})
    assert deepest.data == client.get(address(tile)).data != wanted
    refused = client.get("/wmts", query_string={**WMTS, **place, "TIME": "1999-01-01T00:00:00Z"})
    assert refused.status_code == 400 and b"InvalidParameterValue" in refused.data


def test_ogc_tiles_take_datetime(client: FlaskClient, tile: tuple[int, int, int]) -> None:
    z, x, y = tile
    path = f"/ogc/collections/{LAYER}/map/tiles/WebMercatorQuad/{z}/{y}/{x}?f=png"
    assert client.get(f"{path}&datetime=2022-08-08T11:04:00Z").data == client.get(f"{address(tile)}?t=240").data
    extent = client.get(f"/ogc/collections/{LAYER}").get_json()["extent"]
    assert extent["temporal"]["interval"] == [["2022-08-08T20:00:00+09:00", "2022-08-08T20:10:00+09:00"]]


def test_legends_are_of_depth_classes(client: FlaskClient) -> None:
    told = client.get(f"/legends/{LAYER}.json").get_json()
    assert told["type"] == "classes" and len(told["entries"]) == 5
    assert pixels(client.get(f"/legends/{LAYER}.png")).shape[0] > 50


def test_the_layers_entry_says_what_there_is(client: FlaskClient) -> None:
    listed = client.get(f"/api/layers/{LAYER}").get_json()["assets"]["flood"]
    assert set(listed) == {"frames", "at", "series", "run", "netcdf", "report", "report_pdf"}
    paths = {name: link[link.index("/flood/") :] for name, link in listed.items()}
    for name, path in paths.items():
        answer = client.get(path, query_string={"lon": "126.888", "lat": "37.503"} if name == "at" else None)
        assert answer.status_code == 200, (name, answer.get_data(as_text=True))


# --- frames, places, series, reports ----------------------------------------------------------------------


def test_frames_are_listed_and_fetched(client: FlaskClient) -> None:
    answer = client.get(f"/flood/{LAYER}/frames.json")
    told = answer.get_json()
    assert told["frames"][:2] == ["frames/0000.png", "frames/0001.png"] and len(told["frames"]) == 11
    frame = client.get(f"/flood/{LAYER}/{told['frames'][10]}")
    assert (
        frame.headers["Content-Type"] == "image/png"
        and frame.data == client.get(f"/flood/{LAYER}/frames/10.png").data
    )
    with Image.open(io.BytesIO(frame.data)) as picture:
        assert picture.mode == "L" and picture.size == (told["width"], told["height"])
    tag = frame.headers["ETag"]
    assert client.get(f"/flood/{LAYER}/frames/10.png", headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("frame", ["11", "99999", "-1", "x", "..", "frames.json"])
def test_a_frame_that_is_none_is_404(client: FlaskClient, frame: str) -> None:
    assert client.get(f"/flood/{LAYER}/frames/{frame}.png").status_code == 404


def test_a_place_has_depth_and_stage_over_time(client: FlaskClient) -> None:
    lon, lat = TO_LONLAT.transform(FRAME.x[6], FRAME.y[20])
    told = client.get(f"/flood/{LAYER}/at", query_string={"lon": lon, "lat": lat}).get_json()
    truth = [float(rising()(60.0 * n)[20, 6]) for n in range(11)]
    assert told["depth_m"] == pytest.approx([d if d >= 0.05 else 0.0 for d in truth], abs=0.001)
    bed = float(flat_domain().bed[20, 6])
    assert told["bed_elevation_m"] == pytest.approx(bed, abs=0.001) and told["stage_m"][0] is None
    assert told["stage_m"][-1] == pytest.approx(bed + truth[-1], abs=0.002)
    assert told["max_depth_m"] == told["depth_m"][-1]
    assert (told["inside"], told["time_of_max_s"], told["vertical_datum"]) == (True, 600.0, "KVD1964")


def test_a_place_outside_is_said_to_be_so(client: FlaskClient) -> None:
    told = client.get(f"/flood/{LAYER}/at?lon=127.5&lat=37.5").get_json()
    assert told["inside"] is False and told["depth_m"] is told["stage_m"] is told["max_depth_m"] is None


@pytest.mark.parametrize("query", ["", "lon=126", "lon=x&lat=37", "lon=126&lat=91", "lon=126&lat=37&t=1"])
def test_a_place_that_cannot_be_is_400(client: FlaskClient, query: str) -> None:
    assert client.get(f"/flood/{LAYER}/at?{query}").status_code == 400


def test_reports_are_pages_in_which_nothing_runs(client: FlaskClient) -> None:
    page = client.get(f"/flood/{LAYER}/report")
    assert page.get_data(as_text=True) == "<h1>보고서</h1>" and page.headers["Content-Type"].startswith("text/html")
    assert "sandbox" in page.headers["Content-Security-Policy"]
    assert client.get(f"/flood/{LAYER}/report.pdf").headers["Content-Type"] == "application/pdf"


def test_the_result_is_a_download_that_may_go_on(client: FlaskClient, tmp_path: Path) -> None:
    whole = client.get(f"/flood/{LAYER}/result.nc")
    part = client.get(f"/flood/{LAYER}/result.nc", headers={"Range": "bytes=100-199"})
    assert part.status_code == 206 and part.data == whole.data[100:200]
    assert f"{LAYER}.nc" in whole.headers["Content-Disposition"]


@pytest.mark.parametrize(
    "rest", ["frames.json", "frames/0.png", "at?lon=126.9&lat=37.5", "series", "run.json", "report"]
)
def test_a_layer_without_a_flood_has_nothing_of_it(client: FlaskClient, rest: str) -> None:
    answer = client.get(f"/flood/seoul-gu/{rest}")
    assert answer.status_code == 404 and answer.get_json(force=True)["code"] == "ASSET"


# --- who may ------------------------------------------------------------------------------------------------


def test_a_private_flood_is_for_its_keys_and_never_shared(app: Flask, tile: tuple[int, int, int]) -> None:
    client, (_, key) = app.test_client(), new_key(app, access="private")
    for path in (f"{address(tile, layer=SECRET)}?t=600", f"/flood/{SECRET}/frames.json", f"/flood/{SECRET}/series"):
        assert client.get(path).status_code == 404
        answer = client.get(path, headers={"X-API-Key": key})
        assert answer.status_code == 200 and answer.headers["Cache-Control"] == "private, no-store"
    assert client.get(f"{address(tile, layer=SECRET)}?t=600").status_code == 404  # drawn for somebody meanwhile
    by_query = client.get(f"{address(tile, layer=SECRET)}?t=240&key={key}")
    assert by_query.data == client.get(f"{address(tile, layer=SECRET)}?key={key}&t=240").data
