"""`POST /api/uploads` as a form: what comes in, what is refused, what is left; and the layers that it makes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ingest.options import IngestOptions
from naru import uploads as stored_uploads
from naru.ingest_options import OPTIONS
from tests.handing_in import MANAGE, Staff, geojson, staff
from tests.serving import Fake, make_home, open_app, service_of

BOUNDARY = "xxBOUNDARYxx"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    fakes = (Fake("open"), Fake("closed", "private"), Fake("water", "group:water"))
    opened = open_app(make_home(tmp_path_factory.mktemp("uploads") / "home", *fakes, NARU_MAX_UPLOAD_MB="1"))
    yield opened
    service_of(opened).close()


@pytest.fixture(scope="module")
def boss(app: Flask) -> Staff:
    return staff(app)


@pytest.fixture(autouse=True)
def nothing_is_left(app: Flask) -> Iterator[None]:
    """Whatever a test does, it leaves no upload but those that a job waits for."""
    yield
    house = service_of(app).house
    assert set(house.uploads.ids()) <= house.jobs.active()
    for job_id in house.jobs.active():
        house.jobs.cancel(job_id)
        house.uploads.remove(job_id)


def raw(boss: Staff, body: bytes, content_type: str = FORM) -> Any:
    return boss.client.post("/api/uploads", data=body, content_type=content_type, headers=boss.headers)


def part(head: str, body: bytes = b"", charset: str = "utf-8") -> bytes:
    disposition = f"Content-Disposition: form-data; {head}".encode(charset)
    return f"--{BOUNDARY}\r\n".encode() + disposition + b"\r\n\r\n" + body + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.get_json(force=True)["code"]


def test_a_file_becomes_a_layer(app: Flask, boss: Staff) -> None:
    answer = boss.send(("중구.geojson", geojson(count=3)), id="jung", title="중구", licence="공공누리 제1유형")
    job = boss.job_of(answer)
    assert answer.headers["Location"] == f"/api/jobs/{job['id']}"
    assert (job["state"], job["stage"], job["file"], job["dry_run"]) == ("queued", "waiting", "중구.geojson", False)
    assert boss.uploads() == [job["id"]]
    assert boss.work() == 1
    done = boss.job_of(answer)
    assert (done["state"], done["progress"], done["error"]) == ("done", 1.0, None)
    assert [(layer["id"], layer["version"], layer["features_published"]) for layer in done["layers"]] == [
        ("jung", 1, 3)
    ]
    assert boss.uploads() == []
    layer = boss.get("/api/layers/jung").get_json()
    assert (layer["title"]["ko"], layer["licence"]) == ("중구", "공공누리 제1유형")
    assert [(v["version"], v["live"], v["report"]["crs"]) for v in layer["versions"]] == [(1, True, "EPSG:4326")]


def test_the_layers_id_and_title_come_from_the_users_name_for_the_file(boss: Staff) -> None:
    answer = boss.send(("한강 다리.geojson", geojson()))
    boss.work()
    [layer] = boss.job_of(answer)["layers"]
    assert layer["id"] == "hangang-dali"
    assert boss.get("/api/layers/hangang-dali").get_json()["title"]["ko"] == "한강 다리"


def test_the_files_of_a_shapefile_come_as_several_parts(boss: Staff, shared: Any) -> None:
    found = sorted(next(shared("data/korea_crs").rglob("gu_5186_cp949.shp")).parent.glob("gu_5186_cp949.*"))
    files = [(f"자치구{path.suffix}", path.read_bytes()) for path in found]
    answer = boss.send(*files)
    boss.work()
    job = boss.job_of(answer)
    assert job["state"] == "done", job["error"]
    assert (job["file"], job["layers"][0]["id"]) == ("자치구.shp", "jachigu")


def test_a_dry_run_reports_and_publishes_nothing(boss: Staff) -> None:
    answer = boss.send(("x.geojson", geojson()), id="dry", dry_run="true")
    boss.work()
    job = boss.job_of(answer)
    assert (job["state"], job["dry_run"]) == ("done", True)
    assert job["layers"][0]["features_read"] == 1 and "version" not in job["layers"][0]
    assert boss.get("/api/layers/dry").status_code == 404


def test_a_file_that_cannot_be_read_fails_with_the_contracts_error(boss: Staff) -> None:
    answer = boss.send(("깨짐.geojson", b'{"type": "FeatureCollection", "features": ['))
    boss.work()
    job = boss.job_of(answer)
    assert (job["state"], job["layers"]) == ("failed", None)
    assert set(job["error"]) == {"code", "message", "file", "layer", "feature", "field", "remedy"}
    assert job["error"]["file"] == "깨짐.geojson" and job["error"]["code"] == "FILE_DAMAGED"
    assert "/uploads/" not in json.dumps(job) and "0001" not in json.dumps(job)
    assert boss.uploads() == []


def test_a_side_file_alone_is_named_as_the_user_calls_it(boss: Staff) -> None:
    answer = boss.send(("하천.dbf", b"\x03" + bytes(40)))
    boss.work()
    error = boss.job_of(answer)["error"]
    assert (error["code"], error["file"]) == ("FILE_MISSING", "하천.dbf")
    assert "0001" not in error["message"]


def test_an_id_that_is_taken_can_be_protected(boss: Staff) -> None:
    first = boss.send(("a.geojson", geojson()), id="taken")
    boss.work()
    again = boss.send(("a.geojson", geojson("종로")), id="taken", replace="false")
    more = boss.send(("a.geojson", geojson("용산")), id="taken")
    boss.work()
    assert boss.job_of(first)["layers"][0]["version"] == 1
    assert boss.job_of(again)["error"]["code"] == "LAYER_EXISTS"
    assert boss.job_of(more)["layers"][0]["version"] == 2


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"id": "Seoul Gu"}, "id"),
        ({"visibility": "everybody"}, "visibility"),
        ({"visibility": "group:"}, "visibility"),
        ({"function": "admin"}, "function"),
        ({"minzoom": "-1"}, "minzoom"),
        ({"maxzoom": "99"}, "maxzoom"),
        ({"maxzoom": "１"}, "maxzoom"),
        ({"minzoom": "9", "maxzoom": "3"}, "minzoom"),
        ({"dry_run": "perhaps"}, "dry_run"),
        ({"title": "x" * 3000}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"file_name": "x"}, "file_name"),
        ({"grant": "{}"}, "grant"),
        ({"name": "x"}, "name"),
    ],
)
def test_an_option_that_cannot_be_is_400_and_named(boss: Staff, options: dict[str, str], field: str) -> None:
    answer = boss.send(("x.geojson", geojson()), **options)
    assert told(answer) == (400, "BAD_REQUEST")
    assert answer.get_json(force=True)["field"] == field


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        END,
        part('name="id"', b"x") + END,
        part('name="file"; filename=""', b"") + END,
        part('name="other"; filename="a.kml"', b"x") + END,
        part('name="file"; filename="a.kml"', b"x"),
        part('name="file"', b"x") + END,
        part("", b"x") + END,
        part('name="id"', b"a") + part('name="id"', b"b") + part('name="file"; filename="a.kml"') + END,
        part('name="title"', b"x" * 20_000) + END,
        f"--{BOUNDARY}\r\n\r\nx\r\n".encode() + END,
        b"".join(part(f'name="file"; filename="{n}.kml"', b"x") for n in range(65)) + END,
        b"".join(part(f'name="f{n}"', b"x") for n in range(200)) + END,
        b"x" * 2_000_000,
    ],
    ids=range(15),
)
def test_a_form_that_is_not_as_agreed_is_400(boss: Staff, body: bytes) -> None:
    assert told(raw(boss, body)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "text/plain", "application/x-www-form-urlencoded"]
)
def test_what_is_no_form_is_415(boss: Staff, content_type: str) -> None:
    assert told(raw(boss, b"x=1", content_type)) == (415, "MEDIA_TYPE")


@pytest.mark.parametrize("boundary", ["", '""', "x" * 201])
def test_a_form_needs_a_boundary(boss: Staff, boundary: str) -> None:
    assert told(raw(boss, b"", f"multipart/form-data; boundary={boundary}")) == (400, "BAD_REQUEST")


def test_names_in_cp949_are_read(boss: Staff) -> None:
    body = part('name="title"', "자치구".encode("cp949"))
    body += part('name="file"; filename="서울시.geojson"', geojson(), "cp949") + END
    job = boss.job_of(raw(boss, body))
    assert job["file"] == "서울시.geojson"
    assert service_of(boss.app).house.jobs.job(job["id"]).params["title_ko"] == "자치구"


def test_too_many_bytes_are_413_by_the_header_alone(boss: Staff) -> None:
    class Untouched(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, _buffer: Any) -> int:
            raise AssertionError("the body was read")

    environ = {"wsgi.input": Untouched(), "CONTENT_LENGTH": str(50 * 2**20), "CONTENT_TYPE": FORM}
    answer = boss.client.post("/api/uploads", environ_overrides=environ, headers=boss.headers)
    assert told(answer) == (413, "UPLOAD_SIZE")
    assert "NARU_MAX_UPLOAD_MB" in answer.get_json(force=True)["detail"]


def test_too_many_bytes_are_413_while_they_come(boss: Staff) -> None:
    assert told(boss.send(("a.kml", b"x" * (2**20 + 1)))) == (413, "UPLOAD_SIZE")
    assert told(boss.send(("a.kml", b"x" * 2**19), ("b.kml", b"x" * (2**19 + 1)))) == (413, "UPLOAD_SIZE")
    assert boss.send(("a.kml", b"x" * 2**20)).status_code == 202


def test_a_full_disk_is_507(boss: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_uploads, "RESERVE_BYTES", 2**62)
    answer = boss.send(("a.kml", b"x"))
    assert told(answer) == (507, "NO_SPACE")
    assert "naru gc" in answer.get_json(force=True)["detail"]


# --- who may --------------------------------------------------------------------------------------


def simple_form(client: FlaskClient, headers: dict[str, str]) -> Any:
    return client.post("/api/uploads", data={"file": (io.BytesIO(geojson()), "a.geojson")}, headers=headers)


def test_a_form_of_another_site_without_a_key_is_401_and_cannot_be_read(app: Flask) -> None:
    answer = simple_form(app.test_client(), {"Origin": "https://evil.kr", "Cookie": "session=1"})
    assert told(answer) == (401, "KEY_MISSING")
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/api/uploads", "/api/jobs", "/api/jobs/x", "/api/layers/open/rollback"])
def test_a_preflight_for_managing_allows_other_sites_nothing(app: Flask, path: str) -> None:
    asked = {"Origin": "https://evil.kr", "Access-Control-Request-Method": "POST"}
    answer = app.test_client().options(path, headers=asked)
    assert answer.status_code == 204
    assert not [name for name in dict(answer.headers) if name.startswith("Access-Control")]


def test_a_preflight_for_a_layer_allows_reading_only(app: Flask) -> None:
    answer = app.test_client().options("/api/layers/open", headers={"Origin": "https://evil.kr"})
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, PATCH, OPTIONS"


def test_a_public_key_makes_no_private_layer(app: Flask) -> None:
    clerk = staff(app, access="public")
    assert told(clerk.send(("a.geojson", geojson()), visibility="private")) == (403, "SCOPE")
    assert told(clerk.send(("a.geojson", geojson()), visibility="group:water")) == (403, "SCOPE")
    assert clerk.send(("a.geojson", geojson()), visibility="public").status_code == 202


def test_a_key_makes_no_layer_of_a_group_that_is_not_its_own(app: Flask) -> None:
    clerk = staff(app, groups=frozenset(("air",)))
    assert told(clerk.send(("a.geojson", geojson()), visibility="group:water")) == (403, "SCOPE")
    assert clerk.send(("a.geojson", geojson()), visibility="group:air").status_code == 202


def test_a_public_key_does_not_replace_a_private_layer(app: Flask) -> None:
    clerk = staff(app, access="public")
    answer = clerk.send(("a.geojson", geojson()), id="closed")
    clerk.work()
    assert clerk.job_of(answer)["error"]["code"] == "SCOPE"
    assert service_of(app).house.catalogue.layer("closed").live.number == 1


def test_a_key_with_a_list_makes_those_layers_only(app: Flask) -> None:
    clerk = staff(app, layers=frozenset(("mine", "set-a")))
    assert told(clerk.send(("a.geojson", geojson()), id="other")) == (403, "SCOPE")
    by_name, listed = clerk.send(("elsewhere.geojson", geojson())), clerk.send(("a.geojson", geojson()), id="mine")
    clerk.work()
    assert clerk.job_of(by_name)["error"]["code"] == "SCOPE"
    assert clerk.job_of(listed)["layers"][0]["id"] == "mine"
    assert clerk.send(("a.gpkg", b"x"), id="set").status_code == 202  # several layers would be set-a, set-b


def test_uploads_count_on_the_keys_quota_and_refusals_do_not(app: Flask) -> None:
    clerk = staff(app, day_quota=1)
    assert told(clerk.send(("a.geojson", b""), id="A B")) == (400, "BAD_REQUEST")
    assert clerk.send(("a.geojson", geojson())).status_code == 202
    assert told(clerk.send(("a.geojson", geojson()))) == (429, "QUOTA_DAY")


# --- layers, changed ------------------------------------------------------------------------------


@pytest.fixture
def layer(boss: Staff) -> str:
    """A layer of two versions."""
    for text in ("하나", "둘"):
        boss.send(("층.geojson", geojson(text)), id="twice", visibility="public")
        boss.work()
    return "/api/layers/twice"


def patch(who: Staff, path: str, value: Any) -> Any:
    return who.client.patch(path, json=value, headers=who.headers)


def test_a_layer_gets_other_titles_and_rights(boss: Staff, layer: str) -> None:
    changed = patch(boss, layer, {"title": "새 이름", "visibility": "private", "attribution": "서울시"}).get_json()
    assert (changed["title"]["ko"], changed["visibility"], changed["attribution"]) == (
        "새 이름",
        "private",
        "서울시",
    )
    assert boss.client.get(layer).status_code == 404
    cleared = patch(boss, layer, {"attribution": "", "visibility": "public"}).get_json()
    assert (cleared["attribution"], cleared["title"]["ko"]) == ("", "새 이름")


@pytest.mark.parametrize(
    "value", [{}, {"id": "x"}, {"title": 5}, {"title": ""}, {"visibility": "all"}, {"live": "1"}, [1], "x", None]
)
def test_what_cannot_be_changed_so_is_400(boss: Staff, layer: str, value: Any) -> None:
    assert told(patch(boss, layer, value)) == (400, "BAD_REQUEST")


def test_changes_come_as_json(boss: Staff, layer: str) -> None:
    answer = boss.client.patch(layer, data=b"title=x", headers=boss.headers)
    assert told(answer) == (415, "MEDIA_TYPE")
    deep = boss.client.patch(layer, data=b"[" * 60_000, content_type="application/json", headers=boss.headers)
    assert told(deep) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("body", [b'{"title": "\\ud800"}', b'{"\\udfff": "x"}'])
def test_half_a_character_is_no_text(boss: Staff, layer: str, body: bytes) -> None:
    answer = boss.client.patch(layer, data=body, content_type="application/json", headers=boss.headers)
    assert told(answer) == (400, "BAD_REQUEST")


def test_a_layer_goes_back_and_forth(boss: Staff, layer: str) -> None:
    newest = boss.get(layer).get_json()["version"]
    back = boss.client.post(f"{layer}/rollback", headers=boss.headers).get_json()
    assert (back["version"], back["versions"][0]["version"], back["versions"][0]["live"]) == (
        newest - 1,
        newest,
        False,
    )
    forth = boss.client.post(f"{layer}/rollback", json={"version": newest}, headers=boss.headers).get_json()
    assert forth["version"] == newest
    wrong = boss.client.post(f"{layer}/rollback", json={"version": 99}, headers=boss.headers)
    assert told(wrong) == (404, "VERSION_NOT_FOUND")
    odd = boss.client.post(f"{layer}/rollback", json={"version": True}, headers=boss.headers)
    assert told(odd) == (400, "BAD_REQUEST")


def test_a_layer_is_taken_off_the_map(boss: Staff, layer: str) -> None:
    answer = boss.client.delete(layer, headers=boss.headers)
    assert (answer.status_code, answer.data) == (204, b"")
    assert boss.get(layer).status_code == 404
    assert told(boss.client.delete(layer, headers=boss.headers)) == (404, "LAYER_NOT_FOUND")


@pytest.mark.parametrize(
    ("permissions", "layer_id", "expected"),
    [
        ({"access": "public"}, "open", 200),
        ({"access": "public"}, "closed", 404),
        ({"access": "public"}, "water", 404),
        ({}, "closed", 200),
        ({}, "water", 404),
        ({"groups": frozenset(("water",))}, "water", 200),
        ({"layers": frozenset(("open",))}, "open", 200),
        ({"layers": frozenset(("closed",))}, "open", 403),
        ({"layers": frozenset(("open",))}, "closed", 404),
        ({"layers": frozenset(("closed",)), "access": "public"}, "closed", 404),
        ({"functions": frozenset(("manage",))}, "open", 200),
        ({"functions": frozenset(("content",))}, "open", 403),
        ({}, "none", 404),
    ],
)
def test_who_may_change_what(app: Flask, permissions: dict[str, Any], layer_id: str, expected: int) -> None:
    clerk = staff(app, **permissions)
    path = f"/api/layers/{layer_id}"
    assert patch(clerk, path, {"title": "이름"}).status_code == expected
    back = clerk.client.post(f"{path}/rollback", json={"version": 1}, headers=clerk.headers)
    assert back.status_code == expected
    sees_versions = "versions" in (clerk.get(path).get_json(force=True) or {})
    assert sees_versions == (expected == 200)
    if expected != 200:
        assert clerk.client.delete(path, headers=clerk.headers).status_code == expected


def test_a_key_may_not_hand_a_layer_beyond_its_own_reach(app: Flask) -> None:
    clerk = staff(app, access="public")
    assert told(patch(clerk, "/api/layers/open", {"visibility": "private"})) == (403, "SCOPE")


# --- the options' table ---------------------------------------------------------------------------


def test_the_form_takes_what_the_worker_takes() -> None:
    kept_by_us = {"name", "names", "grant", "symbols"}
    assert {option.name for option in OPTIONS} == set(IngestOptions.__dataclass_fields__) - kept_by_us


def test_the_form_names_options_as_the_command_does() -> None:
    from ingest.command import ingest

    elsewhere = {"--queue", "--json"}
    flags = {name for option in ingest.params for name in option.opts if name.startswith("--")} - elsewhere
    assert {f"--{option.field.replace('_', '-')}" for option in OPTIONS} == flags


def test_managing_needs_the_function_alone(app: Flask) -> None:
    clerk = staff(app, functions=MANAGE - {"content"})
    assert clerk.send(("a.geojson", geojson())).status_code == 202


def test_the_home_holds_no_client_name(app: Flask, boss: Staff) -> None:
    boss.send(("../../..\\evil 한글.geojson", geojson()))
    home: Path = service_of(app).settings.home
    assert not [path for path in home.rglob("*") if "evil" in path.name or "한글" in path.name]
