"""TMS 1.0.0: its documents lead to tiles, whose rows are counted from the south."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from owslib.etree import etree
from pyproj import Transformer

from naru.grids import GRIDS
from tests.protocols import MARK, make_protocols_home, within, zooms
from tests.serving import new_key, open_app, service_of


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    opened = open_app(make_protocols_home(tmp_path_factory.mktemp("tms") / "home"))
    yield opened
    service_of(opened).close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def document(client: FlaskClient, path: str, **headers: str) -> Any:
    answer = client.get(path, headers=headers)
    assert (answer.status_code, answer.content_type) == (200, "application/xml"), answer.text
    return etree.fromstring(answer.data)


def test_the_documents_lead_from_one_to_the_next(client: FlaskClient) -> None:
    [service] = document(client, "/tms/")
    assert (service.tag, service.get("version")) == ("TileMapService", "1.0.0")
    maps = document(client, service.get("href")).findall("TileMaps/TileMap")
    names = [one.get("href").rpartition("/")[2] for one in maps]
    korea = ["EPSG5179", "EPSG5186"]
    assert names[:4] == ["marks", "marks@WorldCRS84Quad", *(f"marks@{grid}" for grid in korea)]
    assert [one.get("profile") for one in maps[:4]] == ["global-mercator", "global-geodetic", "local", "local"]
    for one in maps:
        told = document(client, one.get("href"))
        assert told.findtext("SRS") == one.get("srs")
        assert told.find("TileFormat").get("extension") in ("png", "webp")


@pytest.mark.parametrize("grid", GRIDS)
def test_a_known_place_lies_in_the_tile_that_a_client_works_out(client: FlaskClient, grid: str) -> None:
    told = document(client, f"/tms/1.0.0/marks@{grid}")
    x, y = Transformer.from_crs("EPSG:5186", GRIDS[grid].crs, always_xy=True).transform(*MARK)
    left, bottom = (float(told.find("Origin").get(axis)) for axis in "xy")
    z = zooms(GRIDS[grid])[1]
    [tiles] = [one for one in told.findall("TileSets/TileSet") if one.get("order") == str(z)]
    span = float(tiles.get("units-per-pixel")) * int(told.find("TileFormat").get("width"))
    column, row = int((x - left) // span), int((y - bottom) // span)
    answer = client.get(f"{tiles.get('href')}/{column}/{row}.mvt")
    assert answer.status_code == 200
    box = left + column * span, bottom + row * span, left + (column + 1) * span, bottom + (row + 1) * span
    assert within(answer.data, "marks", box, (x, y))


def test_tiles_are_those_under_tiles_upside_down(client: FlaskClient) -> None:
    ours = client.get("/tiles/ortho/14/13968/6344.webp")
    theirs = client.get(f"/tms/1.0.0/ortho/14/13968/{2**14 - 1 - 6344}.webp")
    assert theirs.data == ours.data and theirs.headers["ETag"] == ours.headers["ETag"]


def test_what_is_private_is_shown_to_who_may_see_it(app: Flask, client: FlaskClient) -> None:
    _, text = new_key(app, access="private")
    assert b"secret" not in client.get("/tms/1.0.0/").data
    assert b"secret" in client.get("/tms/1.0.0/", headers={"X-API-Key": text}).data
    assert document(client, "/tms/1.0.0/secret", **{"X-API-Key": text}).findtext("Title") == "표지 <&>"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("none", 404, "LAYER_NOT_FOUND"),
        ("secret", 404, "LAYER_NOT_FOUND"),
        ("secret/12/3492/2509.mvt", 404, "LAYER_NOT_FOUND"),
        ("marks@Nowhere", 404, "TILE_RANGE"),
        ("plain@EPSG5186", 404, "TILE_RANGE"),
        ("marks/12/0/0.png", 404, "TILE_RANGE"),
        ("marks/12/4096/0.png", 404, "TILE_RANGE"),
        ("marks/12/0/0.gif", 404, "NOT_FOUND"),
    ],
)
def test_refusals_have_the_form_of_the_specification(
    client: FlaskClient, path: str, status: int, code: str
) -> None:
    answer = client.get(f"/tms/1.0.0/{path}")
    told = etree.fromstring(answer.data)
    assert (answer.status_code, answer.content_type, told.tag) == (status, "application/xml", "TileMapServerError")
    assert code in told.findtext("Message")
