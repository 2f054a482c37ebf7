"""`/content/…`: what is chosen, what is refused, who may, what caches may keep, and that files are whole."""

from __future__ import annotations

import csv
import gzip
import io
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import geopandas
import pyarrow as pa
import pyogrio
import pytest
import shapely
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from naru.export import writing
from naru.export.formats import FEATURE_FORMATS, FORMATS
from tests.conftest import start_server, stop_server
from tests.exporting import make_layer, open_house
from tests.serving import Fake, make_home, new_key, open_app, service_of
from tileserver import content
from tileserver.quota.sql import SqlQuotaStore
from tileserver.quota.windows import windows_at

POINTS = [shapely.Point(126.9 + n / 100, 37.5) for n in range(20)]
FIELDS = {
    "구": pa.array(["중구", None] * 10),
    "층수": pa.array(range(20)),
    "bbox_": pa.array(["x"] * 20),
    "crs": pa.array(["y", "z"] * 10),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    home = tmp_path_factory.mktemp("content") / "home"
    settings = make_home(home, Fake("tiles-only"))
    house = open_house(home)
    make_layer(house, "dots", POINTS, FIELDS)
    make_layer(house, "emoji", POINTS[:1], {"비고": pa.array(["😀"])})
    opened = open_app(settings)
    yield opened
    house.close()
    service_of(opened).close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def get(client: FlaskClient, path: str, **more: Any) -> TestResponse:
    """Fetch `path` to its end, as servers do."""
    return client.get(path, buffered=True, **more)


def floors(client: FlaskClient, **query: object) -> list[int]:
    answer = get(client, "/content/dots.csv", query_string=query)
    assert answer.status_code == 200, answer.get_json()
    rows = csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig")))
    return [int(row["층수"]) for row in rows]


@pytest.mark.parametrize("name", FEATURE_FORMATS)
def test_a_layer_comes_in_every_format(client: FlaskClient, tmp_path: Path, name: str) -> None:
    answer = get(client, f"/content/dots.{name}")
    assert (answer.status_code, answer.content_type) == (200, FORMATS[name].media_type)
    assert answer.content_length == len(answer.data)
    path = tmp_path / f"a{FORMATS[name].suffix}"
    path.write_bytes(answer.data)
    more = {"layer": "dots 층"} if name == "xlsx" else {}
    frame = geopandas.read_parquet(path) if name == "parquet" else pyogrio.read_dataframe(path, **more)
    assert len(frame) == 20


def test_the_name_of_the_download_is_the_layers_title(client: FlaskClient) -> None:
    named = get(client, "/content/dots.shp").headers["Content-Disposition"]
    assert named == f"attachment; filename=\"dots.zip\"; filename*=UTF-8''{quote('dots 층.zip')}"


def test_query_chooses_features_and_fields(client: FlaskClient) -> None:
    assert floors(client, bbox="126.945,37,126.985,38") == [5, 6, 7, 8]
    assert floors(client, 구="중구", where=["층수>3", "층수<=8"]) == [4, 6, 8]
    assert floors(client, 구="", where="층수<4") == [1, 3]
    assert floors(client, where=["crs=z", "층수<4"]) == [1, 3]  # a field called like a parameter
    header = get(client, "/content/dots.csv?fields=층수").data.decode("utf-8-sig").splitlines()[0]
    assert header == '"층수","lon","lat"'


def test_another_system_and_encoding(client: FlaskClient, tmp_path: Path) -> None:
    answer = get(client, "/content/dots.shp?crs=http://www.opengis.net/def/crs/EPSG/0/5186&encoding=euc-kr")
    assert answer.headers["Content-Crs"] == "<http://www.opengis.net/def/crs/EPSG/0/5186>"
    (path := tmp_path / "a.zip").write_bytes(answer.data)
    frame = geopandas.read_file(path)
    assert (frame.crs.to_epsg(), frame["구"][0]) == (5186, "중구")


@pytest.mark.parametrize(
    ("path", "status", "code", "says"),
    [
        ("dots.csv?nonsense=1", 400, "BAD_REQUEST", "no parameter 'nonsense'"),
        ("dots.csv?bbox=1,2,3,4&bbox=1,2,3,4", 400, "BAD_REQUEST", "given 2 times"),
        ("dots.csv?encoding=cp949", 400, "BAD_REQUEST", "encoding is for shp"),
        ("dots.shp?encoding=latin1", 400, "SELECTION", "no encoding of ours"),
        ("dots.csv?bbox=1,2,3", 400, "SELECTION", "four numbers"),
        ("dots.csv?crs=EPSG:5773", 400, "SELECTION", "does not locate"),
        ("dots.csv?crs=https://evil.example/crs", 400, "SELECTION", "names no coordinate"),
        ("dots.csv?층수=다섯", 400, "SELECTION", "kind integer"),
        ("dots.csv?where=없음=1", 400, "SELECTION", "no field '없음'"),
        ("dots.csv?fields=없음", 400, "SELECTION", "no field '없음'"),
        ("dots.kml?crs=EPSG:5186", 400, "EXPORT_FORMAT", "longitude and latitude only"),
        ("emoji.shp?encoding=cp949", 400, "EXPORT_LIMIT", "no place in CP949"),
        ("tiles-only.csv", 400, "EXPORT_FORMAT", "no features"),
        ("nothing.csv", 404, "LAYER_NOT_FOUND", "no layer"),
        ("dots.pdf", 404, "NOT_FOUND", "nothing is served"),
        ("dots.pmtiles", 404, "NOT_FOUND", "nothing is served"),
    ],
)
def test_what_cannot_be_had_is_told(client: FlaskClient, path: str, status: int, code: str, says: str) -> None:
    answer = get(client, f"/content/{path}")
    told = answer.get_json()
    assert (answer.status_code, told["code"]) == (status, code)
    assert says in told["detail"]


def test_the_key_may_come_in_the_query_and_is_no_field(app: Flask) -> None:
    _, text = new_key(app)
    for name in ("key", "apikey"):
        assert get(app.test_client(), f"/content/dots.csv?{name}={text}").status_code == 200


def test_a_private_layer_is_for_its_keys_alone(app: Flask) -> None:
    house = service_of(app).house
    make_layer(house, "secret", POINTS[:1], visibility="private")
    service_of(app).pulse()
    _, text = new_key(app, access="private")
    client = app.test_client()
    assert get(client, "/content/secret.csv").status_code == 404
    answer = get(client, "/content/secret.csv", headers={"X-API-Key": text})
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-store")
    assert "X-API-Key" in answer.headers["Vary"]


def test_a_key_of_another_function_may_not(app: Flask) -> None:
    _, text = new_key(app, functions=frozenset(["basemap"]))
    answer = get(app.test_client(), "/content/dots.csv", headers={"X-API-Key": text})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "SCOPE")


def test_one_request_counts_one_and_a_refused_one_none(app: Flask) -> None:
    key, text = new_key(app, day_quota=100)
    client, service = app.test_client(), service_of(app)
    for path in ("dots.csv", "dots.geojson", "dots.csv?nonsense=1", "emoji.shp?encoding=cp949"):
        get(client, f"/content/{path}", headers={"X-API-Key": text})
    service.settle(close=True)
    today = windows_at(service.clock(), ZoneInfo(service.settings.timezone)).day.name
    assert SqlQuotaStore(service.house.database).counted([today])[key.id, today] == 2


def test_what_a_caller_has_is_not_sent_again(client: FlaskClient) -> None:
    first = get(client, "/content/dots.geojson?bbox=126.9,37,127,38")
    tag = first.headers["ETag"]
    again = get(client, "/content/dots.geojson?bbox=126.9,37,127,38", headers={"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    weakened = get(client, "/content/dots.geojson?bbox=126.9,37,127,38", headers={"If-None-Match": f"W/{tag}"})
    assert weakened.status_code == 304  # RFC 9110 §13.1.2: as nginx passes it on when it packs
    other = get(client, "/content/dots.geojson?bbox=126.9,37,127.01,38", headers={"If-None-Match": tag})
    assert other.status_code == 200
    assert get(client, "/content/dots.csv").headers["ETag"] != tag
    assert first.headers["Cache-Control"] == "public, no-cache"


def test_a_new_version_or_title_has_a_new_tag(app: Flask) -> None:
    service = service_of(app)
    make_layer(service.house, "changing", POINTS[:2])
    service.pulse()
    tags = [get(app.test_client(), "/content/changing.csv").headers["ETag"]]
    service.house.catalogue.rename("changing", title_ko="새 이름", title_en=None)
    service.pulse()
    tags.append(get(app.test_client(), "/content/changing.csv").headers["ETag"])
    make_layer(service.house, "changing", POINTS[:3])
    service.pulse()
    tags.append(get(app.test_client(), "/content/changing.csv").headers["ETag"])
    assert len(set(tags)) == 3


def test_texts_are_packed_for_who_takes_it(client: FlaskClient) -> None:
    packed = get(client, "/content/dots.geojson", headers={"Accept-Encoding": "gzip"})
    plain = get(client, "/content/dots.geojson")
    assert (packed.headers["Content-Encoding"], packed.content_length) == ("gzip", len(packed.data))
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert "Content-Encoding" not in get(client, "/content/dots.gpkg", headers={"Accept-Encoding": "gzip"}).headers


def test_a_failure_while_the_file_is_made_is_an_error_not_half_a_file(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_export: object) -> Iterator[bytes]:
        yield b"{"
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(writing.STREAMS, "geojson", broken)
    answer = get(app.test_client(), "/content/dots.geojson")
    assert (answer.status_code, answer.get_json()["code"]) == (507, "STORAGE")
    assert "No space left on device. The operator must make room" in answer.get_json()["detail"]
    assert str(service_of(app).settings.home) not in answer.get_data(as_text=True)
    assert list((service_of(app).settings.home / "jobs").iterdir()) == []


def test_too_many_at_once_are_told_to_come_back(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_places", threading.BoundedSemaphore(1))
    content._places.acquire()
    answer = get(app.test_client(), "/content/dots.csv")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "NOT_READY")
    assert "Retry-After" in answer.headers
    content._places.release()
    assert get(app.test_client(), "/content/dots.csv").status_code == 200


def test_slow_readers_hold_only_so_many_threads(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_sendings", threading.BoundedSemaphore(2))
    one, other = (app.test_client().get("/content/dots.csv") for _ in range(2))  # nobody reads these yet
    answer = get(app.test_client(), "/content/dots.csv")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "NOT_READY")
    assert one.data.startswith(b"\xef\xbb\xbf")  # read to its end
    assert get(app.test_client(), "/content/dots.csv").status_code == 200
    other.close()  # the caller went away
    assert get(app.test_client(), "/content/dots.csv?nonsense=1").status_code == 400
    assert [get(app.test_client(), "/content/dots.csv").status_code for _ in range(3)] == [200] * 3


def test_nothing_is_left_on_the_disk(app: Flask, client: FlaskClient) -> None:
    for name in FEATURE_FORMATS:
        get(client, f"/content/dots.{name}")
    assert list((service_of(app).settings.home / "jobs").iterdir()) == []


def test_the_interface_names_the_parameters(client: FlaskClient) -> None:
    told = client.get("/openapi.json").get_json()["paths"]["/content/{layer}.{extension}"]["get"]
    named = {parameter["name"] for parameter in told["parameters"]}
    assert {"layer", "extension", "bbox", "crs", "encoding", "fields", "where"} <= named


def test_head_makes_no_file_and_tells_no_length(tmp_path: Path) -> None:
    home = tmp_path / "home"
    make_home(home)
    house = open_house(home)
    make_layer(house, "dots", POINTS, FIELDS)
    house.close()
    served = start_server(home, tmp_path / "log")
    try:
        head = urllib.request.Request(f"{served.url}/content/dots.gpkg", method="HEAD")
        with urllib.request.urlopen(head, timeout=30) as reply:
            assert reply.status == 200
            assert reply.headers["Content-Length"] is None
            assert reply.headers["Content-Type"] == FORMATS["gpkg"].media_type
        whole = served.get("/content/dots.gpkg")
        assert int(whole.headers["content-length"]) == len(whole.body) > 0
    finally:
        stop_server(served)
