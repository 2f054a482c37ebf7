"""OGC API - Tiles 1.0: its abstract tests (20-057 annex A), each under its id, and what we promise beyond them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import mapbox_vector_tile
import openapi_spec_validator
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from pyproj import Transformer
from werkzeug.test import TestResponse

from naru.grids import GRIDS
from tests.protocols import BOUNDS, MARK, make_protocols_home, within, zooms
from tests.serving import new_key, open_app, service_of

REL = "http://www.opengis.net/def/rel/ogc/1.0"
CONF = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf"
MVT = "application/vnd.mapbox-vector-tile"
COLLECTION = "/ogc/collections/marks"
VECTOR, MAP = f"{COLLECTION}/tiles", f"{COLLECTION}/map/tiles"
LISTS = (VECTOR, MAP, "/ogc/collections/ortho/map/tiles", "/ogc/tiles", "/ogc/map/tiles")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    opened = open_app(make_protocols_home(tmp_path_factory.mktemp("tiles") / "home"))
    yield opened
    service_of(opened).close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def get(client: FlaskClient, path: str, **headers: str) -> Any:
    answer = client.get(path, headers=headers)
    assert (answer.status_code, answer.mimetype) == (200, "application/json"), answer.text
    return answer.json


def links(document: Any, rel: str) -> list[Any]:
    return [link for link in document["links"] if link["rel"] == rel]


def here(grid: str, z: int) -> tuple[int, int]:
    """Return row and column of the mark's tile."""
    place = Transformer.from_crs("EPSG:5186", GRIDS[grid].crs, always_xy=True).transform(*MARK)
    column, row = GRIDS[grid].tile(*place, z)
    return row, column


def tile(client: FlaskClient, template: str, z: int, place: tuple[int, int], **headers: str) -> TestResponse:
    filled = template.replace("{tileMatrix}", str(z))
    filled = filled.replace("{tileRow}", str(place[0])).replace("{tileCol}", str(place[1]))
    return client.get(filled, headers=headers)


def template_of(client: FlaskClient, tileset: str, media_type: str) -> str:
    [link] = [link for link in links(get(client, tileset), "item") if link["type"] == media_type]
    return link["href"]


# --- conformance class Core: A.1 … A.7 ------------------------------------------------------------


def test_ats_core_conformance_success(client: FlaskClient) -> None:
    declared = get(client, "/ogc/conformance")["conformsTo"]
    names = ("core", "tileset", "tilesets-list", "dataset-tilesets", "geodata-tilesets", "collections-selection")
    assert {f"{CONF}/{name}" for name in (*names, "oas30", "mvt", "png", "jpeg")} <= set(declared)


@pytest.mark.parametrize("grid", GRIDS)
def test_ats_core_tc_op_and_tc_success(client: FlaskClient, grid: str) -> None:
    template, z = template_of(client, f"{VECTOR}/{grid}", MVT), zooms(GRIDS[grid])[1]
    answer = tile(client, template, z, here(grid, z))
    assert (answer.status_code, answer.content_type) == (200, MVT)
    row, column = here(grid, z)
    assert answer.data == client.get(f"/tiles/marks/{grid}/{z}/{column}/{row}.mvt").data


@pytest.mark.parametrize("variable", ["{tileMatrix}", "{tileRow}", "{tileCol}"])
@pytest.mark.parametrize("value", ["x", "-1", "012", "1.5", "99999999", "9" * 30])
def test_ats_core_tc_tilematrix_tilerow_tilecol_definition(client: FlaskClient, variable: str, value: str) -> None:
    template = template_of(client, f"{VECTOR}/WebMercatorQuad", MVT).replace(variable, value)
    assert tile(client, template, 12, here("WebMercatorQuad", 12)).status_code == 404


@pytest.mark.parametrize("kind", [VECTOR, MAP])
@pytest.mark.parametrize("grid", GRIDS)
def test_ats_core_tc_error_beyond_the_limits(client: FlaskClient, kind: str, grid: str) -> None:
    told = get(client, f"{kind}/{grid}")
    template = links(told, "item")[0]["href"]
    for limit in told["tileMatrixSetLimits"]:
        z = int(limit["tileMatrix"])
        inside, outside = (limit["minTileRow"], limit["minTileCol"]), (limit["maxTileRow"] + 1, limit["minTileCol"])
        assert tile(client, template, z, outside).status_code == 404
        if kind == VECTOR:
            assert tile(client, template, z, inside).status_code in (200, 204)
    below = int(told["tileMatrixSetLimits"][0]["tileMatrix"]) - 1
    assert tile(client, template, below, (0, 0)).status_code == 404


def test_ats_core_tc_error_an_empty_tile_is_204_or_a_blank_picture(client: FlaskClient) -> None:
    picture = client.get("/ogc/collections/ortho/map/tiles/WebMercatorQuad/14/6345/13969?f=png")
    assert picture.status_code == 200 and picture.headers["OATiles-hint"] == "empty"
    assert Image.open(io.BytesIO(picture.data)).convert("RGBA").getextrema()[-1] == (0, 0)
    jpeg = client.get("/ogc/collections/ortho/map/tiles/WebMercatorQuad/14/6345/13969?f=jpeg")
    assert (jpeg.status_code, jpeg.data) == (204, b"")


# --- Tileset: A.8, Tilesets List: A.9 -------------------------------------------------------------


@pytest.mark.parametrize("path", LISTS)
def test_ats_tilesets_list_tileset_links(client: FlaskClient, path: str) -> None:
    told = get(client, path)
    assert path.endswith("/tiles") and links(told, "self") and told["tilesets"]
    for one in told["tilesets"]:
        assert one["dataType"] == ("map" if "/map/" in path else "vector") and one["title"]
        assert one["crs"].startswith("http://www.opengis.net/def/crs/")
        [own] = links(one, "self")
        [scheme] = links(one, f"{REL}/tiling-scheme")
        assert own["type"] == scheme["type"] == "application/json"
        assert own["href"].startswith(f"{path}/{one['tileMatrixSetId']}")
        assert get(client, own["href"])["crs"] == one["crs"]
        assert get(client, scheme["href"])["id"] == one["tileMatrixSetId"]


@pytest.mark.parametrize("path", LISTS)
def test_ats_tileset_description(client: FlaskClient, path: str) -> None:
    for one in get(client, path)["tilesets"]:
        told = get(client, links(one, "self")[0]["href"])
        registered = told["tileMatrixSetId"] in ("WebMercatorQuad", "WorldCRS84Quad")
        assert ("tileMatrixSetURI" in told) == registered
        assert links(told, f"{REL}/tiling-scheme")
        items = links(told, "item")
        assert items
        for item in items:
            assert item["templated"] is True and item["type"]
            assert [part for part in ("{tileMatrix}", "{tileRow}", "{tileCol}") if part in item["href"]]
            assert item["href"].count("{") == 3
        numbers = [int(limit["tileMatrix"]) for limit in told["tileMatrixSetLimits"]]
        assert numbers == sorted(numbers) and str(numbers[0]) == told["centerPoint"]["tileMatrix"]
        west, south = told["boundingBox"]["lowerLeft"]
        east, north = told["boundingBox"]["upperRight"]
        assert west < told["centerPoint"]["coordinates"][0] < east
        assert south < told["centerPoint"]["coordinates"][1] < north
        assert all(layer["id"] and layer["dataType"] and layer["links"] for layer in told["layers"])


def test_a_vector_tileset_says_what_is_in_its_tiles(client: FlaskClient) -> None:
    [layer] = get(client, f"{VECTOR}/EPSG5186")["layers"]
    first, last = zooms(GRIDS["EPSG5186"])
    assert (layer["id"], layer["geometryDimension"]) == ("marks", 2)
    assert (layer["minTileMatrix"], layer["maxTileMatrix"]) == (str(first), str(last))
    assert layer["propertiesSchema"]["properties"] == {"이름": {"type": "string"}}
    assert layer["boundingBox"]["lowerLeft"] == pytest.approx(BOUNDS[:2])


@pytest.mark.parametrize("grid", GRIDS)
def test_a_known_place_lies_in_the_tile_that_a_client_works_out(client: FlaskClient, grid: str) -> None:
    told = get(client, f"/ogc/tileMatrixSets/{grid}")
    z = zooms(GRIDS[grid])[1]
    [matrix] = [matrix for matrix in told["tileMatrices"] if matrix["id"] == str(z)]
    corner = list(matrix["pointOfOrigin"])
    north_first = grid.startswith("EPSG")
    assert (told["orderedAxes"][0] in ("N", "Y", "X") and north_first) or told["orderedAxes"][0] in (
        "E",
        "Lon",
        "X",
    )
    if north_first:
        assert told["orderedAxes"] == ["N", "E"]
        corner.reverse()
    x, y = Transformer.from_crs("EPSG:5186", GRIDS[grid].crs, always_xy=True).transform(*MARK)
    span = matrix["cellSize"] * matrix["tileWidth"]
    row, column = int((corner[1] - y) // span), int((x - corner[0]) // span)
    answer = client.get(f"{VECTOR}/{grid}/{z}/{row}/{column}?f=mvt")
    assert answer.status_code == 200
    assert within(answer.data, "marks", GRIDS[grid].bounds(z, column, row), (x, y))


# --- Dataset Tilesets: A.10, Geodata Tilesets: A.14, Collections Selection: A.12 ------------------


def test_ats_dataset_tilesets_landingpage(client: FlaskClient) -> None:
    landing = get(client, "/ogc/")
    assert all(link["rel"] and link["type"] and link["href"] for link in landing["links"])
    assert [link["href"] for link in links(landing, f"{REL}/tilesets-vector")] == ["/ogc/tiles"]
    assert [link["href"] for link in links(landing, f"{REL}/tilesets-map")] == ["/ogc/map/tiles"]
    assert [link["href"] for link in links(landing, f"{REL}/tiling-schemes")] == ["/ogc/tileMatrixSets"]


def test_ats_geodata_tilesets_desc_links(client: FlaskClient) -> None:
    marks, ortho = (get(client, f"/ogc/collections/{name}") for name in ("marks", "ortho"))
    assert [link["href"] for link in links(marks, f"{REL}/tilesets-vector")] == [VECTOR]
    assert [link["href"] for link in links(marks, f"{REL}/tilesets-map")] == [MAP]
    assert not links(ortho, f"{REL}/tilesets-vector")
    assert [link["href"] for link in links(ortho, f"{REL}/tilesets-map")] == ["/ogc/collections/ortho/map/tiles"]
    assert "itemType" not in ortho and ortho["extent"]["spatial"]["bbox"]
    assert client.get("/ogc/collections/ortho/tiles/WebMercatorQuad").status_code == 404


def test_ats_collections_selection_collections_response(client: FlaskClient) -> None:
    row, column = here("WebMercatorQuad", 12)
    path = f"/ogc/tiles/WebMercatorQuad/12/{row}/{column}"
    both = client.get(f"{path}?collections=marks,plain")
    assert set(mapbox_vector_tile.decode(both.data)) == {"marks", "plain"}
    assert set(mapbox_vector_tile.decode(client.get(f"{path}?collections=plain").data)) == {"plain"}
    assert both.headers["Cache-Control"].startswith("public")
    assert client.get(f"{path}?collections=marks,secret").status_code == 404
    assert client.get(f"{path}?collections=marks,marks").status_code == 400
    assert client.get(f"/ogc/tiles/WebMercatorQuad?collections={'marks,' * 16}plain").status_code == 400
    picture = client.get(f"/ogc/map/tiles/WebMercatorQuad/12/{row}/{column}?collections=marks,plain&f=png")
    assert picture.data == client.get(f"/tiles/marks,plain/12/{column}/{row}.png").data


def test_the_whole_dataset_is_what_the_key_may_see(app: Flask, client: FlaskClient) -> None:
    _, text = new_key(app, access="private")
    row, column = here("WebMercatorQuad", 12)
    path = f"/ogc/tiles/WebMercatorQuad/12/{row}/{column}"
    anyone, trusted = client.get(path), client.get(path, headers={"X-API-Key": text})
    assert set(mapbox_vector_tile.decode(anyone.data)) == {"marks", "plain"}
    assert set(mapbox_vector_tile.decode(trusted.data)) == {"marks", "plain", "secret"}
    assert anyone.headers["Cache-Control"] == trusted.headers["Cache-Control"] == "private, no-store"
    assert "X-API-Key" in anyone.headers["Vary"]
    assert {layer["id"] for layer in get(client, "/ogc/tiles/EPSG5186")["layers"]} == {"marks"}


# --- encodings: MVT A.22, PNG A.19, JPEG A.20; OpenAPI A.16 ---------------------------------------


@pytest.mark.parametrize(
    ("form", "media_type"), [("png", "image/png"), ("jpeg", "image/jpeg"), ("webp", "image/webp")]
)
def test_ats_png_jpeg_content(client: FlaskClient, form: str, media_type: str) -> None:
    path = "/ogc/collections/ortho/map/tiles/WebMercatorQuad/14/6344/13968"
    by_name, by_header = client.get(f"{path}?f={form}"), client.get(path, headers={"Accept": media_type})
    assert by_name.content_type == by_header.content_type == media_type
    assert Image.open(io.BytesIO(by_name.data)).size == (256, 256)
    assert by_name.data == by_header.data
    assert "Accept" in by_header.vary and "Accept" not in by_name.vary


def test_what_the_layer_has_comes_where_any_picture_will_do(client: FlaskClient) -> None:
    path = "/ogc/collections/ortho/map/tiles/WebMercatorQuad/14/6344/13968"
    assert client.get(path, headers={"Accept": "*/*"}).content_type == "image/webp"
    row, column = here("WebMercatorQuad", 12)
    assert client.get(f"{MAP}/WebMercatorQuad/12/{row}/{column}").content_type == "image/png"


@pytest.mark.parametrize(
    "path", [f"{VECTOR}/WebMercatorQuad/12/1586/3493?f=png", f"{MAP}/WebMercatorQuad/12/1586/3493?f=mvt"]
)
def test_another_form_than_there_is_is_refused(client: FlaskClient, path: str) -> None:
    assert (client.get(path).status_code, client.get(path).json["code"]) == (400, "BAD_REQUEST")


def test_ats_oas30_operation_id_and_completeness(client: FlaskClient) -> None:
    document = client.get("/ogc/api").json
    openapi_spec_validator.validate(document)
    found = [one["get"]["operationId"] for one in document["paths"].values() if "get" in one]
    assert len(found) == len(set(found))
    for resource in ("collection.vector", "collection.map", "dataset.vector", "dataset.map"):
        for operation in ("getTileSetsList", "getTileSet", "getTile"):
            assert [name for name in found if name.endswith(f".{resource}.{operation}")]


# --- what is beyond the standard ------------------------------------------------------------------


def test_tiles_are_those_under_tiles_to_the_last_header(client: FlaskClient) -> None:
    row, column = here("WebMercatorQuad", 12)
    theirs, ours = f"{VECTOR}/WebMercatorQuad/12/{row}/{column}?f=mvt", f"/tiles/marks/12/{column}/{row}.mvt"
    one, other = (client.get(path, headers={"Accept-Encoding": "gzip"}) for path in (theirs, ours))
    assert one.data == other.data
    different = {"X-Request-Id"}
    assert [pair for pair in one.headers if pair[0] not in different] == [
        pair for pair in other.headers if pair[0] not in different
    ]
    again = {"If-None-Match": one.headers["ETag"], "Accept-Encoding": "gzip"}
    assert client.get(theirs, headers=again).status_code == 304


def test_a_key_from_the_query_goes_on_and_private_tiles_are_kept_by_no_cache(
    app: Flask, client: FlaskClient
) -> None:
    _, text = new_key(app, access="private")
    told = get(client, f"/ogc/collections/secret/tiles/EPSG5186?key={text}")
    template = links(told, "item")[0]["href"]
    assert template.endswith(f"?f=mvt&key={text}")
    z = zooms(GRIDS["EPSG5186"])[1]
    answer = tile(client, template, z, here("EPSG5186", z))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-store")
    assert client.get("/ogc/collections/secret/tiles").status_code == 404
    assert client.get(f"/ogc/collections/secret/tiles/EPSG5186/{z}/0/0").json["code"] == "LAYER_NOT_FOUND"


def test_styles_are_read_as_maplibre_has_them(client: FlaskClient) -> None:
    told = get(client, "/ogc/styles")
    assert told["default"] == "naru"
    assert {style["id"] for style in told["styles"]} == {"naru", "marks", "plain", "ortho"}
    for style in told["styles"]:
        [sheet] = links(style, "stylesheet")
        answer = client.get(sheet["href"])
        assert (answer.status_code, answer.mimetype) == (200, sheet["type"])
        assert answer.get_json(force=True)["version"] == 8
        [about] = links(style, "describedby")
        assert get(client, about["href"])["stylesheets"][0]["link"]["href"] == sheet["href"]
    assert (
        client.get("/ogc/styles/secret").status_code == client.get("/ogc/styles/none/metadata").status_code == 404
    )
