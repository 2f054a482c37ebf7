"""`/terrain/…` and what tells of it: meshes, rivers and sections are served as the layer that they belong to."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brotli
import pytest
from flask import Flask
from flask.testing import FlaskClient

from naru.house import House
from tests.rasters import Scene, publish_raster
from tests.serving import Fake, make_home, new_key, open_app, service_of, settings_of
from tests.terrains import (
    BED_M,
    GROUND_M,
    HALF_M,
    MESH_ABOUT,
    MESH_TILES,
    MIDDLE,
    NORTH,
    STAGE_M,
    WEST,
    attach,
    attach_all,
    lonlat,
    river,
    terrain_tile,
)
from tileserver.twin.mesh import MEDIA_TYPE

TILE = "/terrain/river/10/1746/725.terrain"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("terrain") / "home"
    make_home(home, Fake("plain"), Fake("hidden", visibility="private"))
    house = House.open(settings_of(home))
    for layer_id in ("river", "hills", "few"):
        publish_raster(house, Scene(layer_id, "hills"))
    attach_all(house, "river")
    attach_all(house, "hidden")
    files: dict[str, tuple[Path, dict[str, Any]]] = {}
    for name in ("bed.glb", "mesh.pmtiles"):
        path = home / name
        path.write_bytes(b"no such thing")
        files[name.removesuffix(".pmtiles")] = (path, MESH_ABOUT)
    attach(house, "few", files)
    house.close()
    return home


@pytest.fixture(scope="module")
def app(home: Path) -> Iterator[Flask]:
    app = open_app(settings_of(home))
    yield app
    service_of(app).close()


@pytest.fixture
def fresh(home: Path) -> Iterator[Flask]:
    """A server that nobody has asked for anything yet."""
    app = open_app(settings_of(home))
    yield app
    service_of(app).close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


# --- what there is --------------------------------------------------------------------------------


def test_the_layer_list_has_the_address_of_each_thing_that_there_is(client: FlaskClient) -> None:
    rows = {row["id"]: row["assets"] for row in client.get("/api/layers").get_json()["layers"]}
    assert rows["plain"] == {}
    assert rows["hills"] == {"section": "/terrain/hills/section"}
    assert rows["few"]["bed"] == {"glb": "/models/few/bed.glb"}
    assert rows["river"] == {
        "mesh": "/terrain/river/layer.json",
        "models": "/models/river/tileset.json",
        "river": "/terrain/river/river.json",
        "section": "/terrain/river/section",
        "bed": {kind: f"/models/river/bed.{kind}" for kind in ("glb", "stl", "obj", "xml")},
    }


def test_a_collection_links_to_what_its_layer_has(client: FlaskClient) -> None:
    links = {link["href"]: link["rel"] for link in client.get("/ogc/collections/river").get_json()["links"]}
    assert links["/terrain/river/layer.json"] == links["/models/river/tileset.json"] == "related"
    assert links["/models/river/bed.xml"] == "enclosure"


def test_addresses_of_assets_are_under_the_public_one(home: Path) -> None:
    app = open_app(settings_of(home, NARU_PUBLIC_URL="https://maps.kr/naru"))
    client = app.test_client()
    row = client.get("/api/layers/river").get_json()
    assert row["assets"]["mesh"] == "https://maps.kr/naru/terrain/river/layer.json"
    tiles = client.get("/terrain/river/layer.json").get_json()["tiles"]
    assert tiles == ["https://maps.kr/naru/terrain/river/{z}/{x}/{y}.terrain"]
    service_of(app).close()


@pytest.mark.parametrize(
    "address",
    [
        "/terrain/plain/layer.json",
        "/terrain/plain/0/0/0.terrain",
        "/terrain/plain/river.json",
        "/terrain/plain/section?line=126.93,37.55;126.94,37.55",
        "/models/plain/tileset.json",
        "/models/plain/bed.glb",
        "/models/few/bed.stl",
    ],
)
def test_what_a_layer_has_not_is_404_and_says_what_makes_it(client: FlaskClient, address: str) -> None:
    answer = client.get(address)
    told = answer.get_json()
    assert (answer.status_code, told["code"], told["layer"]) == (404, "ASSET", address.split("/")[2])
    assert "naru twin" in told["detail"] or "/api/layers" in told["detail"]


def test_a_damaged_mesh_is_503_and_leaves_the_layer_served(client: FlaskClient) -> None:
    answer = client.get("/terrain/few/0/0/0.terrain")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "ARCHIVE_DAMAGED")
    assert "archives" not in answer.text
    assert client.get("/tiles/few.json").status_code == 200


# --- the mesh -------------------------------------------------------------------------------------


def test_layer_json_says_what_clients_of_quantized_mesh_read(client: FlaskClient) -> None:
    answer = client.get("/terrain/river/layer.json")
    told = answer.get_json()
    assert answer.headers["Cache-Control"] == "public, no-cache"
    assert {name: told[name] for name in ("tilejson", "format", "scheme", "projection")} == {
        "tilejson": "2.1.0",
        "format": "quantized-mesh-1.0",
        "scheme": "tms",
        "projection": "EPSG:4326",
    }
    assert told["tiles"] == ["/terrain/river/{z}/{x}/{y}.terrain"]
    assert told["available"] == MESH_ABOUT["available"]
    assert (told["bounds"], told["minzoom"], told["maxzoom"]) == (MESH_ABOUT["bounds"], 0, 10)
    assert told["extensions"] == ["octvertexnormals"]
    assert told["attribution"] == "© 서울"
    assert told["terrain"]["vertical_datum"] == "KVD1964"
    assert told["terrain"]["geoid_undulation_m"] == 23.0


def test_layer_json_hands_on_a_key_that_came_in_the_query_and_no_other(app: Flask, client: FlaskClient) -> None:
    _, text = new_key(app)
    asked = client.get(f"/terrain/river/layer.json?key={text}")
    assert asked.get_json()["tiles"] == [f"/terrain/river/{{z}}/{{x}}/{{y}}.terrain?key={text}"]
    assert asked.headers["Cache-Control"] == "private, no-store"
    in_header = client.get("/terrain/river/layer.json", headers={"X-API-Key": text})
    assert text not in in_header.text


@pytest.mark.parametrize("number", range(len(MESH_TILES)))
def test_rows_are_counted_from_the_south(client: FlaskClient, number: int) -> None:
    z, x, y = MESH_TILES[number]
    answer = client.get(f"/terrain/river/{z}/{x}/{y}.terrain", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(answer.data) == terrain_tile(high_m=20.0 + number)
    assert (answer.content_type, answer.headers["Content-Encoding"]) == (MEDIA_TYPE, "gzip")
    assert answer.headers["Cache-Control"] == "public, max-age=60, stale-while-revalidate=600"


@pytest.mark.parametrize("turn", ["first", "again"])
@pytest.mark.parametrize(
    ("accepted", "unpacked"), [("gzip", gzip.decompress), ("br", brotli.decompress), ("", bytes)]
)
def test_a_tile_comes_in_the_coding_that_the_caller_takes(
    fresh: Flask, accepted: str, unpacked: Any, turn: str
) -> None:
    client = fresh.test_client()
    if turn == "again":
        client.get(TILE)
    answer = client.get(TILE, headers={"Accept-Encoding": accepted})
    assert unpacked(answer.data) == terrain_tile(high_m=22.0)
    assert answer.headers.get("Content-Encoding", "") == accepted
    assert answer.headers["Vary"] == "Accept-Encoding"


def test_the_first_answer_and_the_next_ones_say_the_same(fresh: Flask) -> None:
    client = fresh.test_client()
    first, again = client.get(TILE), client.get(TILE)
    assert TILE in service_of(fresh).keeper.current.places
    assert first.data == again.data
    told = {name: value for name, value in first.headers if not name.startswith("RateLimit")}
    for name, value in again.headers:
        assert told.get(name) == value, name


def test_a_tile_that_the_caller_has_is_304_also_at_first(fresh: Flask) -> None:
    client = fresh.test_client()
    tag = client.get("/terrain/river/0/0/0.terrain", headers={"Accept-Encoding": "gzip"}).headers["ETag"]
    for _ in range(2):
        answer = client.get(TILE, headers={"Accept-Encoding": "gzip", "If-None-Match": tag})
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)


def test_head_of_a_tile_says_its_length(client: FlaskClient) -> None:
    for _ in range(2):
        answer = client.head(TILE, headers={"Accept-Encoding": "identity"})
        assert (answer.status_code, answer.data) == (200, b"")
        assert answer.headers["Content-Length"] == str(len(terrain_tile()))


@pytest.mark.parametrize(
    "tile",
    ["10/1746/727", "9/0/0", "11/0/0", "0/2/0", "0/0/1", "24/0/0", "010/1746/725", "+0/0/0", "0/0/٠", "0/0/-0"],
)
def test_a_tile_that_is_not_there_is_404_so_that_clients_split_the_one_above(
    client: FlaskClient, tile: str
) -> None:
    answer = client.get(f"/terrain/river/{tile}.terrain")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "TILE_RANGE")


def test_mesh_tiles_count_as_requests_of_their_layer_and_missing_ones_do_not(
    app: Flask, client: FlaskClient
) -> None:
    _, text = new_key(app, day_quota=3)
    headers = {"X-API-Key": text}
    statuses = [client.get("/terrain/river/10/0/0.terrain", headers=headers).status_code for _ in range(4)]
    statuses += [client.get(TILE, headers=headers).status_code for _ in range(4)]
    assert statuses == [404] * 4 + [200] * 3 + [429]
    service_of(app).usage.flush()
    rows = client.get("/api/usage/mine?by=zoom,status", headers=headers).get_json()["rows"]
    assert {(row["zoom"], row["status"]): row["requests"] for row in rows if row["zoom"] is not None} == {
        (10, "2xx"): 3,
        (10, "4xx"): 5,  # the one beyond the quota is a refusal, too
    }


def test_mesh_tiles_are_not_in_the_heat_map_of_another_grid(app: Flask, client: FlaskClient) -> None:
    _, text = new_key(app, functions=frozenset(("content", "basemap", "manage")))
    headers = {"X-API-Key": text}
    for _ in range(2):
        client.get(TILE, headers=headers)
    service_of(app).usage.flush()
    answer = client.get("/api/usage/heatmap?layer=river", headers=headers)
    assert answer.status_code == 200
    assert answer.get_json()["tiles"] == []


def test_a_hidden_mesh_is_private_and_unknown_to_others(app: Flask, client: FlaskClient) -> None:
    address = "/terrain/hidden/0/0/0.terrain"
    _, text = new_key(app, access="private")
    for _ in range(2):  # the second time its place is known: that must not show
        seen = client.get(address, headers={"X-API-Key": text})
        assert (seen.status_code, seen.headers["Cache-Control"]) == (200, "private, no-store")
        unseen, nowhere = client.get(address), client.get(address.replace("hidden", "nowhere"))
        assert (unseen.status_code, unseen.get_json()["code"]) == (404, "LAYER_NOT_FOUND")
        assert [name for name, _ in unseen.headers] == [name for name, _ in nowhere.headers]
        assert unseen.get_json().keys() == nowhere.get_json().keys()


# --- the river ------------------------------------------------------------------------------------


def test_the_river_is_told_as_it_was_written(client: FlaskClient) -> None:
    answer = client.get("/terrain/river/river.json", headers={"Accept-Encoding": "gzip"})
    assert json.loads(gzip.decompress(answer.data)) == river()
    tag = answer.headers["ETag"]
    same = client.get("/terrain/river/river.json", headers={"Accept-Encoding": "gzip", "If-None-Match": tag})
    assert (same.status_code, same.data) == (304, b"")


def section(client: FlaskClient, *ends: list[float], samples: int = 101, layer: str = "river") -> dict[str, Any]:
    line = ";".join(f"{lon:.9f},{lat:.9f}" for lon, lat in ends)
    answer = client.get(f"/terrain/{layer}/section?line={line}&samples={samples}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.get_json()
    return told


def across(side_m: float = 100.0, north: float = NORTH - 1200) -> tuple[list[float], list[float]]:
    """Return a line from the west of the river to the east."""
    return lonlat(MIDDLE - side_m, north), lonlat(MIDDLE + side_m, north)


def test_a_section_has_bed_water_and_provenance_along_the_line(client: FlaskClient) -> None:
    told = section(client, *across())
    assert told["length_m"] == pytest.approx(200, abs=0.05)  # the grid's scale is not the ellipsoid's
    assert [len(told[name]) for name in ("distance_m", "lon", "lat", "bed_elevation_m", "water_depth_m")] == [
        101
    ] * 5
    middle, bank, edge = 50, 12, 5
    assert told["bed_elevation_m"][middle] == BED_M
    assert told["bed_elevation_m"][edge] == GROUND_M
    assert told["water_depth_m"][middle] == STAGE_M - BED_M
    assert told["manning_n"][middle] == 0.03
    assert [told["provenance"][k] for k in (middle, bank, edge)] == ["interpolated", "blended", "terrain"]
    assert (told["water_stage_m"], told["vertical_datum"], told["resolution_m"]) == (STAGE_M, "KVD1964", 10.0)


def test_between_cells_the_bed_is_a_slope_and_the_provenance_a_step(client: FlaskClient) -> None:
    told = section(client, *across(60.0), samples=601)
    rising = [z for x, z in zip(told["distance_m"], told["bed_elevation_m"], strict=True) if 105.2 < x < 114.8]
    assert rising == sorted(rising)
    assert min(rising) < BED_M + 0.5 < GROUND_M - 0.5 < max(rising)
    assert set(told["provenance"]) == {"terrain", "interpolated"}


def test_water_is_as_high_at_the_banks_as_in_the_middle_and_ends_where_the_bed_rises_out_of_it(
    client: FlaskClient,
) -> None:
    told = section(client, *across(60.0), samples=601)
    for bed, depth in zip(told["bed_elevation_m"], told["water_depth_m"], strict=True):
        assert depth == pytest.approx(max(STAGE_M - bed, 0), abs=0.002)
    assert {depth > 0 for depth in told["water_depth_m"]} == {True, False}


def test_a_section_says_where_it_crosses_banks_and_centre_line(client: FlaskClient) -> None:
    told = section(client, *across())
    assert [bank["side"] for bank in told["banks"]] == ["right", "left"]  # the river flows south
    assert [bank["distance_m"] for bank in told["banks"]] == pytest.approx([100 - HALF_M, 100 + HALF_M], abs=0.05)
    assert told["centreline"] == [
        {
            "distance_m": pytest.approx(100, abs=0.05),
            "reach": "본류",
            "chainage_m": pytest.approx(1100, abs=0.5),
        }
    ]
    nearest = told["nearest_section"]
    assert (nearest["id"], nearest["reach"], nearest["chainage_m"]) == ("S2", "본류", 1000.0)
    assert nearest["distance_m"] == pytest.approx(100, abs=0.1)


def test_a_line_may_cross_a_river_several_times(client: FlaskClient) -> None:
    west, east = across()
    back = lonlat(MIDDLE - 100, NORTH - 1600)
    told = section(client, west, east, back)
    assert [bank["side"] for bank in told["banks"]] == ["right", "left", "left", "right"]
    distances = [bank["distance_m"] for bank in told["banks"]]
    assert distances == sorted(distances)


def test_a_line_beside_the_river_meets_nothing_and_knows_the_nearest_section(client: FlaskClient) -> None:
    told = section(client, lonlat(MIDDLE + 500, NORTH - 2500), lonlat(MIDDLE + 600, NORTH - 2600))
    assert (told["banks"], told["centreline"], told["nearest_section"]["id"]) == ([], [], "S5")


def test_where_nothing_is_known_is_null(client: FlaskClient) -> None:
    told = section(client, lonlat(WEST - 100, NORTH - 500), lonlat(WEST + 200, NORTH - 500), samples=31)
    known = [z is not None for z in told["bed_elevation_m"]]
    assert known == [x > 200 for x in told["distance_m"]]


def test_a_layer_of_heights_without_a_grid_is_cut_through_its_own_raster(client: FlaskClient) -> None:
    told = section(client, [126.92, 37.57], [126.93, 37.57], layer="hills", samples=11)
    line = "126.92,37.57;126.93,37.57"
    points = client.get(f"/common/profile?line={line}&samples=11&layer=hills").get_json()["points"]
    assert told["bed_elevation_m"] == [point["elevation_m"] for point in points]
    assert told["distance_m"] == [point["distance_m"] for point in points]
    assert (told["water_depth_m"], told["provenance"], told["banks"], told["nearest_section"]) == (
        None,
        None,
        [],
        None,
    )
    assert told["resolution_m"] > 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "line"),
        ("line=126.9,37.5", "line"),
        ("line=126.9,37.5;here", "line"),
        ("line=126.9,37.5;126.9,95", "line"),
        ("line=126.9,37.5;126.9,37.5", "line"),
        ("line=126.9,37.5;127.9,37.5", "line"),
        ("line=126.9,37.5;126.91,37.5&samples=1", "samples"),
        ("line=126.9,37.5;126.91,37.5&samples=1001", "samples"),
        ("line=126.9,37.5;126.91,37.5&samples=many", "samples"),
        ("line=126.9,37.5;126.91,37.5&step=5", "step"),
        ("line=126.9,37.5;126.91,37.5&line=126.9,37.5;126.91,37.5", "line"),
    ],
)
def test_a_parameter_that_cannot_be_so_is_named(client: FlaskClient, query: str, field: str) -> None:
    answer = client.get(f"/terrain/river/section?{query}")
    assert (answer.status_code, answer.get_json()["field"]) == (400, field)
