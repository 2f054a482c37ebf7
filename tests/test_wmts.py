"""WMTS 1.0.0: what is told of itself, both kinds of addresses, refusals, and where its numbers lead."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from owslib.etree import etree
from owslib.wmts import WebMapTileService
from pyproj import CRS, Transformer
from werkzeug.test import TestResponse

from naru.grids import GRIDS
from tests.protocols import MARK, make_protocols_home, within, zooms
from tests.serving import new_key, open_app, service_of

SPACES = {
    "w": "http://www.opengis.net/wmts/1.0",
    "ows": "http://www.opengis.net/ows/1.1",
    "xlink": "http://www.w3.org/1999/xlink",
}
CAPABILITIES = "/wmts/1.0.0/WMTSCapabilities.xml"
SCHEMAS = Path(__file__).parent / "schemas"
MVT = "application/vnd.mapbox-vector-tile"
SETS = {grid: f"{grid}_Levels{zooms(GRIDS[grid])[0]}-{min(22, GRIDS[grid].maxzoom)}" for grid in GRIDS}
PARAMETERS = {
    "SERVICE": "WMTS",
    "REQUEST": "GetTile",
    "VERSION": "1.0.0",
    "LAYER": "marks",
    "STYLE": "default",
    "FORMAT": MVT,
    "TILEMATRIXSET": "WebMercatorQuad",
    "TILEMATRIX": "12",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    opened = open_app(make_protocols_home(tmp_path_factory.mktemp("wmts") / "home"))
    yield opened
    service_of(opened).close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def here() -> tuple[int, int]:
    """Column and row of the mark's tile at zoom 12 of Web Mercator."""
    east, north = Transformer.from_crs("EPSG:5186", "EPSG:3857", always_xy=True).transform(*MARK)
    return GRIDS["WebMercatorQuad"].tile(east, north, 12)


def document(client: FlaskClient, path: str = CAPABILITIES, **headers: str) -> Any:
    answer = client.get(path, headers=headers)
    assert (answer.status_code, answer.content_type) == (200, "application/xml"), answer.text
    return etree.fromstring(answer.data)


def texts(element: Any, path: str) -> list[str]:
    return [found if isinstance(found, str) else found.text for found in element.xpath(path, namespaces=SPACES)]


def asked(here: tuple[int, int], **changed: str | None) -> dict[str, str]:
    given = {**PARAMETERS, "TILECOL": str(here[0]), "TILEROW": str(here[1]), **changed}
    return {name: value for name, value in given.items() if value is not None}


def refused(answer: TestResponse) -> tuple[int, str, str | None]:
    """Return status, exceptionCode and locator."""
    assert answer.content_type == "application/xml"
    [exception] = etree.fromstring(answer.data).xpath("/ows:ExceptionReport/ows:Exception", namespaces=SPACES)
    assert exception.findtext("ows:ExceptionText", namespaces=SPACES)
    return answer.status_code, exception.get("exceptionCode"), exception.get("locator")


# --- capabilities ---------------------------------------------------------------------------------


def schema() -> Any:
    """Return the standard's schema, with the one slip put right that contradicts the standard: rows begin at 0."""
    path = SCHEMAS / "wmts/1.0/wmtsGetCapabilities_response.xsd"
    text = re.sub(
        r'(name="M(?:in|ax)Tile(?:Row|Col)" type=)"positiveInteger"', r'\1"nonNegativeInteger"', path.read_text()
    )
    return etree.XMLSchema(etree.parse(io.BytesIO(text.encode()), base_url=str(path)))


def test_the_capabilities_are_valid_by_the_schema(client: FlaskClient) -> None:
    found = schema()
    assert found.validate(document(client)), found.error_log


def test_a_refusal_is_valid_by_the_schema(client: FlaskClient) -> None:
    found = etree.XMLSchema(etree.parse(str(SCHEMAS / "ows/1.1.0/owsExceptionReport.xsd")))
    assert found.validate(etree.fromstring(client.get("/wmts?SERVICE=WMTS").data)), found.error_log


def test_both_addresses_give_the_same_capabilities(client: FlaskClient) -> None:
    by_query = client.get("/wmts?service=WMTS&Request=GetCapabilities&AcceptVersions=2.0.0,1.0.0")
    assert by_query.data == client.get(CAPABILITIES).data


def test_every_layer_is_offered_as_pictures_and_features_as_vector_tiles_too(client: FlaskClient) -> None:
    found = document(client)
    formats = {
        texts(layer, "ows:Identifier")[0]: texts(layer, "w:Format")
        for layer in found.xpath("//w:Contents/w:Layer", namespaces=SPACES)
    }
    assert set(formats) == {"marks", "ortho", "plain"}
    assert formats["marks"][0] == "image/png" and formats["marks"][-1] == MVT
    assert set(formats["ortho"]) == {"image/png", "image/webp", "image/jpeg"}


def test_a_layer_is_offered_in_the_grids_that_it_has_tiles_in(client: FlaskClient) -> None:
    found = document(client)
    path = "//w:Layer[ows:Identifier='{}']/w:TileMatrixSetLink/w:TileMatrixSet"
    assert texts(found, path.format("plain")) == [SETS["WebMercatorQuad"]]
    assert texts(found, path.format("marks")) == list(SETS.values())
    assert set(texts(found, "//w:TileMatrixSet/ows:SupportedCRS")) == {
        "urn:ogc:def:crs:EPSG::3857",
        "urn:ogc:def:crs:OGC:1.3:CRS84",
        "urn:ogc:def:crs:EPSG::5179",
        "urn:ogc:def:crs:EPSG::5186",
    }


def test_a_layer_is_linked_to_sets_that_have_its_zooms(client: FlaskClient) -> None:
    found = document(client)
    path = "//w:Layer[ows:Identifier='ortho']/w:TileMatrixSetLink/w:TileMatrixSet"
    ends = {"WebMercatorQuad": 14, "WorldCRS84Quad": 13, "EPSG5179": 13, "EPSG5186": 10}
    assert texts(found, path) == [f"{grid}_Levels{z - 1}-{z}" for grid, z in ends.items()]
    for grid, z in ends.items():
        sets = f"//w:TileMatrixSet[ows:Identifier='{grid}_Levels{z - 1}-{z}']/w:TileMatrix"
        assert texts(found, f"{sets}/ows:Identifier") == [str(z - 1), str(z)]
    shorter, plain = (
        client.get(f"/wmts/1.0.0/ortho/default/{grid}/14/6344/13968.webp")
        for grid in ("WebMercatorQuad_Levels13-14", "WebMercatorQuad")
    )
    assert shorter.status_code == 200 and shorter.data == plain.data


def test_titles_that_mean_something_in_xml_are_told_as_they_are(client: FlaskClient) -> None:
    layer = document(client).xpath("//w:Layer[ows:Identifier='marks']", namespaces=SPACES)[0]
    assert texts(layer, "ows:Title") == ["표지 <&>", "Marks"]


def test_each_way_of_asking_is_named_with_its_encoding(client: FlaskClient) -> None:
    for name in ("GetCapabilities", "GetTile"):
        path = f"//ows:Operation[@name='{name}']/ows:DCP/ows:HTTP/ows:Get/ows:Constraint[@name='GetEncoding']"
        assert texts(document(client), f"{path}/ows:AllowedValues/ows:Value") == ["KVP", "RESTful"]


def test_the_capabilities_hold_what_the_key_may_see_and_carry_it_on(app: Flask, client: FlaskClient) -> None:
    _, text = new_key(app, access="private")
    assert "secret" not in client.get(CAPABILITIES).text
    shown = client.get(f"{CAPABILITIES}?key={text}")
    assert "<ows:Identifier>secret</ows:Identifier>" in shown.text
    assert f"/wmts?key={text}&amp;" in shown.text
    templates = etree.fromstring(shown.data).xpath("//w:ResourceURL/@template", namespaces=SPACES)
    assert templates and all(template.endswith(f"?key={text}") for template in templates)
    by_header = client.get(CAPABILITIES, headers={"X-API-Key": text})
    assert "secret" in by_header.text and text not in by_header.text
    assert shown.headers["Cache-Control"] == by_header.headers["Cache-Control"] == "private, no-store"


def test_a_client_reads_the_capabilities(client: FlaskClient) -> None:
    read = WebMapTileService("http://naru.example/wmts", xml=client.get(CAPABILITIES).data)
    assert set(read.contents) == {"marks", "ortho", "plain"}
    assert set(SETS.values()) < set(read.tilematrixsets)
    assert read.contents["marks"].styles["default"]["isDefault"]
    assert read.contents["marks"].boundingBoxWGS84 == pytest.approx((126.97, 37.56, 126.98, 37.57), abs=0.02)


# --- axis order -----------------------------------------------------------------------------------


def place_in(matrix: Any, urn: str) -> tuple[int, int, tuple[float, float]]:
    """Return column and row of the mark as a client works them out, and its coordinates, x before y."""
    crs = CRS.from_user_input(urn)
    place = Transformer.from_crs("EPSG:5186", crs, always_xy=True).transform(*MARK)
    corner = [float(number) for number in matrix.findtext("w:TopLeftCorner", namespaces=SPACES).split()]
    if crs.axis_info[0].direction == "north":
        corner.reverse()
    metres = 111319.49079327358 if crs.is_geographic else 1.0
    span = float(matrix.findtext("w:ScaleDenominator", namespaces=SPACES)) * 0.00028 / metres * 256
    return int((place[0] - corner[0]) // span), int((corner[1] - place[1]) // span), place


@pytest.mark.parametrize("grid", GRIDS)
def test_a_known_place_lies_in_the_tile_that_a_client_works_out(client: FlaskClient, grid: str) -> None:
    found = document(client)
    sets = f"//w:Contents/w:TileMatrixSet[ows:Identifier='{SETS[grid]}']"
    [urn] = texts(found, f"{sets}/ows:SupportedCRS")
    for z in zooms(GRIDS[grid]):
        [matrix] = found.xpath(f"{sets}/w:TileMatrix[ows:Identifier='{z}']", namespaces=SPACES)
        column, row, place = place_in(matrix, urn)
        answer = client.get(f"/wmts/1.0.0/marks/default/{grid}/{z}/{row}/{column}.mvt")
        assert answer.status_code == 200
        assert within(answer.data, "marks", GRIDS[grid].bounds(z, column, row), place)
        link = f"//w:Layer[ows:Identifier='marks']/w:TileMatrixSetLink[w:TileMatrixSet='{SETS[grid]}']"
        [limit] = found.xpath(f"{link}//w:TileMatrixLimits[w:TileMatrix='{z}']", namespaces=SPACES)
        numbers = {child.tag.partition("}")[2]: int(child.text) for child in limit}
        assert numbers["MinTileCol"] <= column <= numbers["MaxTileCol"]
        assert numbers["MinTileRow"] <= row <= numbers["MaxTileRow"]


def test_korean_grids_have_their_corner_northing_first(client: FlaskClient) -> None:
    found = document(client)
    path = "//w:TileMatrixSet[ows:Identifier='{}']/w:TileMatrix/w:TopLeftCorner"
    assert set(texts(found, path.format(SETS["EPSG5179"]))) == {"4000000.0 -200000.0"}
    assert set(texts(found, path.format(SETS["EPSG5186"]))) == {"1500000.0 -800000.0"}
    assert set(texts(found, path.format(SETS["WorldCRS84Quad"]))) == {"-180.0 90.0"}


# --- tiles ----------------------------------------------------------------------------------------


def test_tiles_are_those_under_tiles(client: FlaskClient, here: tuple[int, int]) -> None:
    x, y = here
    plain = client.get(f"/tiles/marks/12/{x}/{y}.mvt")
    by_path = f"/wmts/1.0.0/marks/default/WebMercatorQuad/12/{y}/{x}.mvt"
    for answer in (
        client.get("/wmts", query_string=asked(here)),
        client.get("/wmts", query_string={name.lower(): value for name, value in asked(here, STYLE="").items()}),
        client.get(by_path),
        client.get(
            f"/wmts/1.0.0/marks/default/WebMercatorQuad/12/{y}/{x}.mvt", headers={"Accept-Encoding": "gzip"}
        ),
    ):
        same = ("Cache-Control", "Vary", "Content-Type", "X-Content-Type-Options", "Access-Control-Allow-Origin")
        assert answer.status_code == 200
        assert {name: answer.headers[name] for name in same} == {name: plain.headers[name] for name in same}
    assert client.get("/wmts", query_string=asked(here)).data == plain.data
    unchanged = client.get("/wmts", query_string=asked(here), headers={"If-None-Match": plain.headers["ETag"]})
    assert (unchanged.status_code, unchanged.headers["ETag"]) == (304, plain.headers["ETag"])


@pytest.mark.parametrize(
    ("extension", "media_type"), [("png", "image/png"), ("webp", "image/webp"), ("jpg", "image/jpeg")]
)
def test_pictures_are_those_under_tiles(client: FlaskClient, extension: str, media_type: str) -> None:
    plain = client.get(f"/tiles/ortho/14/13968/6344.{extension}")
    given = asked((13968, 6344), LAYER="ortho", TILEMATRIX="14", FORMAT=media_type)
    answer = client.get("/wmts", query_string=given)
    assert (answer.status_code, answer.content_type) == (200, media_type)
    assert answer.data == plain.data and answer.headers["ETag"] == plain.headers["ETag"]
    by_path = client.get(f"/wmts/1.0.0/ortho/default/WebMercatorQuad/14/6344/13968.{extension}")
    assert by_path.data == plain.data


def test_head_tells_the_length_and_sends_nothing(client: FlaskClient, here: tuple[int, int]) -> None:
    whole, head = (method("/wmts", query_string=asked(here)) for method in (client.get, client.head))
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == str(len(whole.data))


def test_a_tile_counts_once_and_documents_and_refusals_do_not(app: Flask, here: tuple[int, int]) -> None:
    _, text = new_key(app, day_quota=3)
    client, x, y = app.test_client(), *here
    tile = f"/wmts/1.0.0/marks/default/WebMercatorQuad/12/{y}/{x}"
    for path in (CAPABILITIES, "/wmts?REQUEST=GetCapabilities&SERVICE=WMTS", "/wmts", f"{tile}.tif"):
        client.get(path, headers={"X-API-Key": text})
    for extension in ("mvt", "mvt", "png"):
        assert client.get(f"{tile}.{extension}", headers={"X-API-Key": text}).status_code == 200
    spent = client.get("/wmts", query_string=asked(here, KEY=text))
    assert spent.status_code == 200, "the key's name is lower case, so this is the anonymous key's"
    over = client.get("/wmts", query_string={**asked(here), "key": text})
    assert refused(over) == (429, "NoApplicableCode", None)
    assert int(over.headers["Retry-After"]) > 0 and '"day"' in over.headers["RateLimit"]


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*PARAMETERS, "TILEROW", "TILECOL"])
def test_what_is_missing_is_named(client: FlaskClient, here: tuple[int, int], name: str) -> None:
    status, code, locator = refused(client.get("/wmts", query_string=asked(here, **{name: None})))
    assert (status, code) == (400, "MissingParameterValue")
    assert locator is not None and locator.upper() == name


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("SERVICE", "WMS", "InvalidParameterValue"),
        ("REQUEST", "GetFeatureInfo", "OperationNotSupported"),
        ("REQUEST", "GetMap", "OperationNotSupported"),
        ("VERSION", "1.3.0", "InvalidParameterValue"),
        ("LAYER", "none", "InvalidParameterValue"),
        ("LAYER", "secret", "InvalidParameterValue"),
        ("LAYER", "marks,plain", "InvalidParameterValue"),
        ("LAYER", "../marks", "InvalidParameterValue"),
        ("STYLE", "blue", "InvalidParameterValue"),
        ("FORMAT", "image/tiff", "InvalidParameterValue"),
        ("TILEMATRIXSET", "EPSG:3857", "InvalidParameterValue"),
        ("TILEMATRIX", "25", "InvalidParameterValue"),
        ("TILEMATRIX", "012", "InvalidParameterValue"),
        ("TILEROW", "4096", "TileOutOfRange"),
        ("TILECOL", "-1", "TileOutOfRange"),
        ("TILECOL", "1e3", "TileOutOfRange"),
    ],
)
def test_what_cannot_be_is_named(
    client: FlaskClient, here: tuple[int, int], name: str, value: str, code: str
) -> None:
    status, found, locator = refused(client.get("/wmts", query_string=asked(here, **{name: value})))
    assert (status, found) == (400, code)
    assert locator is not None and locator.upper() == name


def test_versions_that_are_not_spoken_are_refused(client: FlaskClient) -> None:
    answer = client.get("/wmts?SERVICE=WMTS&REQUEST=GetCapabilities&ACCEPTVERSIONS=2.0.0")
    assert refused(answer) == (400, "VersionNegotiationFailed", "AcceptVersions")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("none/default/WebMercatorQuad/12/1586/3493.mvt", "InvalidParameterValue"),
        ("secret/default/WebMercatorQuad/12/1586/3493.mvt", "InvalidParameterValue"),
        ("marks/blue/WebMercatorQuad/12/1586/3493.mvt", "InvalidParameterValue"),
        ("marks/default/Elsewhere/12/1586/3493.mvt", "InvalidParameterValue"),
        ("ortho/default/WebMercatorQuad/14/6344/13968.mvt", "InvalidParameterValue"),
        ("plain/default/EPSG5186/9/218/249.mvt", "InvalidParameterValue"),
        ("marks/default/WebMercatorQuad/12/0/0.mvt", "TileOutOfRange"),
        ("marks/default/WebMercatorQuad/2/1/3.mvt", "TileOutOfRange"),
        ("marks/default/WebMercatorQuad/13/3172/6986.mvt", "TileOutOfRange"),
        ("marks/default/WebMercatorQuad/12/99999/0.png", "TileOutOfRange"),
        ("marks/default/WebMercatorQuad/12/1586/3493.gif", "NoApplicableCode"),
        ("marks/default", "NoApplicableCode"),
    ],
)
def test_by_path_refusals_are_404(client: FlaskClient, path: str, code: str) -> None:
    assert refused(client.get(f"/wmts/1.0.0/{path}"))[:2] == (404, code)


def test_who_may_not_is_told_so_with_the_same_status_as_elsewhere(app: Flask, here: tuple[int, int]) -> None:
    client, (x, y) = app.test_client(), here
    path = f"/wmts/1.0.0/marks/default/WebMercatorQuad/12/{y}/{x}.mvt"
    _, other = new_key(app, functions=frozenset(("basemap",)))
    wrong = client.get(path, headers={"X-API-Key": "nru_live_wrong"})
    assert refused(wrong) == (401, "NoApplicableCode", None) and "WWW-Authenticate" in wrong.headers
    assert refused(client.get("/wmts", query_string=asked(here), headers={"X-API-Key": "x"}))[0] == 401
    assert refused(client.get(CAPABILITIES, headers={"X-API-Key": "x"}))[0] == 401
    assert refused(client.get(path, headers={"X-API-Key": other})) == (403, "NoApplicableCode", None)


def test_beyond_the_limits_nobody_learns_more_than_elsewhere(app: Flask) -> None:
    client, path = app.test_client(), "/wmts/1.0.0/secret/default/WebMercatorQuad/12/0/0.mvt"
    _, text = new_key(app, access="private")
    assert refused(client.get(path)) == (404, "InvalidParameterValue", "Layer")
    assert refused(client.get(path, headers={"X-API-Key": text}))[1] == "TileOutOfRange"
    assert refused(client.get(path, headers={"X-API-Key": "x"}))[0] == 401


def test_a_house_without_anonymous_callers_asks_for_a_key(tmp_path: Path, here: tuple[int, int]) -> None:
    app = open_app(make_protocols_home(tmp_path / "home", NARU_ANONYMOUS="none"))
    client = app.test_client()
    assert refused(client.get("/wmts", query_string=asked(here)))[0] == 401
    assert "<Layer>" not in client.get(CAPABILITIES).text
    service_of(app).close()


def test_other_methods_are_not_served(client: FlaskClient) -> None:
    answer = client.post("/wmts")
    assert answer.status_code == 405 and "GET" in answer.headers["Allow"]
    assert client.options("/wmts/1.0.0/marks/default/WebMercatorQuad/12/1586/3493.mvt").status_code == 204
