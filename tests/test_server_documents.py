"""Layer list, TileJSON, styles, OpenAPI, pages, problems, headers: the HTTP contract apart from tiles."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from http import HTTPStatus
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from naru import errors
from naru.listen import Listen
from naru.settings import Settings
from tests.conftest import ROOT
from tests.serving import ALL, SEOUL, Fake, make_home, new_key, open_app, publish, service_of
from tileserver.app import ROUTES, create_app
from tileserver.openapi import openapi_path
from tileserver.pages import shipped_files
from tileserver.problems import KINDS, kind_of, problem
from tileserver.routes import Route

FAKES = (Fake("seoul-gu"), Fake("rivers"), Fake("secret", "private"), Fake("base", function="basemap"))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    opened = open_app(make_home(tmp_path_factory.mktemp("documents") / "home", *FAKES))
    yield opened
    service_of(opened).close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


# --- layers, TileJSON, styles ---------------------------------------------------------------------


def test_the_layer_list_has_the_agreed_members(client: FlaskClient) -> None:
    rows = {row["id"]: row for row in client.get("/api/layers").get_json()["layers"]}
    assert sorted(rows) == ["base", "rivers", "seoul-gu"]
    row = rows["seoul-gu"]
    assert row == client.get("/api/layers/seoul-gu").get_json()
    assert row["title"] == {"ko": "seoul-gu 층", "en": "Seoul-Gu"}
    assert (row["kind"], row["function"], row["visibility"], row["geometry"]) == (
        "vector",
        "content",
        "public",
        "mixed",
    )
    assert (row["bounds"], row["minzoom"], row["maxzoom"], row["features"]) == (list(SEOUL), 1, 4, 1)
    assert (row["licence"], row["attribution"], row["version"]) == ("CC-BY", "© 서울", 1)
    assert (row["tilejson"], row["style"]) == ("/tiles/seoul-gu.json", "/styles/seoul-gu.json")
    assert row["legend"][0]["label"] == "seoul-gu 층"
    assert row["legend"][0]["color"].startswith("#")
    assert row["updated"].endswith("+00:00")


def test_tilejson_is_tilejson_3(client: FlaskClient) -> None:
    told = client.get("/tiles/seoul-gu.json").get_json()
    assert told["tilejson"] == "3.0.0"
    assert told["tiles"] == ["/tiles/seoul-gu/{z}/{x}/{y}.mvt"]
    assert told["vector_layers"] == [{"id": "seoul-gu", "fields": {"이름": "String"}, "minzoom": 1, "maxzoom": 4}]
    assert (told["minzoom"], told["maxzoom"], told["bounds"]) == (1, 4, list(SEOUL))
    assert told["bounds"][0] <= told["center"][0] <= told["bounds"][2]
    assert (told["scheme"], told["attribution"], told["version"]) == ("xyz", "© 서울", "1.1.0")


def test_tilejson_of_several_layers_describes_them_all(client: FlaskClient) -> None:
    told = client.get("/tiles/seoul-gu,rivers.json").get_json()
    assert [layer["id"] for layer in told["vector_layers"]] == ["seoul-gu", "rivers"]
    assert told["tiles"] == ["/tiles/seoul-gu,rivers/{z}/{x}/{y}.mvt"]
    assert told["attribution"] == "© 서울"


def test_a_style_is_a_whole_map_of_its_own(client: FlaskClient) -> None:
    style = client.get("/styles/seoul-gu.json").get_json()
    assert style["version"] == 8
    assert style["sources"] == {"seoul-gu": {"type": "vector", "url": "/tiles/seoul-gu.json"}}
    assert style["glyphs"] == "/fonts/{fontstack}/{range}.pbf"
    drawn = [part for part in style["layers"] if part["type"] != "background"]
    assert {part["source"] for part in drawn} == {"seoul-gu"}
    assert all(part["id"].startswith("seoul-gu--") for part in drawn)
    assert {part["type"] for part in drawn} >= {"fill", "line", "circle", "symbol"}


def test_the_whole_map_has_labels_on_top_and_basemaps_below(client: FlaskClient) -> None:
    style = client.get("/styles/naru.json").get_json()
    assert next(iter(style["sources"])) == "base"
    kinds = [part["type"] for part in style["layers"]]
    assert kinds == sorted(kinds, key=lambda kind: kind == "symbol")
    assert len({part["id"] for part in style["layers"]}) == len(style["layers"])


def test_a_key_from_the_query_goes_on_and_one_from_a_header_stays_hidden(app: Flask) -> None:
    _key, text = new_key(app, access="private")
    client = app.test_client()
    for path in ("/tiles/secret.json", "/styles/secret.json", "/styles/naru.json"):
        by_query = client.get(path, query_string={"apikey": text})
        by_header = client.get(path, headers={"X-API-Key": text})
        assert f"?apikey={text}" in by_query.get_data(as_text=True)
        assert text not in by_header.get_data(as_text=True)
        assert by_query.headers["Cache-Control"] == by_header.headers["Cache-Control"] == "private, no-store"


def test_a_key_in_the_query_of_a_public_layer_is_kept_by_no_cache(app: Flask) -> None:
    _key, text = new_key(app)
    answer = app.test_client().get("/tiles/seoul-gu.json", query_string={"key": text})
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_a_publication_changes_the_documents(tmp_path: Path) -> None:
    app = open_app(make_home(tmp_path / "home", Fake("seoul-gu")))
    client, service = app.test_client(), service_of(app)
    before = client.get("/tiles/seoul-gu.json")
    assert client.get("/tiles/seoul-gu.json", headers={"If-None-Match": before.headers["ETag"]}).status_code == 304
    publish(service.house, Fake("seoul-gu", text="새"))
    publish(service.house, Fake("new"))
    service.pulse()
    after = client.get("/tiles/seoul-gu.json", headers={"If-None-Match": before.headers["ETag"]})
    assert (after.status_code, after.get_json()["version"]) == (200, "1.2.0")
    assert client.get("/api/layers/new").status_code == 200
    service.house.catalogue.delete("new")
    service.pulse()
    assert client.get("/api/layers/new").status_code == client.get("/tiles/new/2/3/1.mvt").status_code == 404
    service.close()


# --- addresses ------------------------------------------------------------------------------------

PATHS = (
    "/api/layers",
    "/tiles/seoul-gu.json",
    "/styles/seoul-gu.json",
    "/styles/naru.json",
    "/openapi.json",
    "/",
    "/docs",
)
FORGED = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}


@pytest.mark.parametrize("path", [*PATHS, "//", "/tiles//seoul-gu.json", "/api/layers/", "/docs/", "/none"])
def test_a_forged_host_appears_nowhere(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers=FORGED)
    assert "evil.example" not in answer.get_data(as_text=True)
    assert "evil.example" not in str(answer.headers)
    assert "Location" not in answer.headers


@pytest.mark.parametrize("host", ["", "a b", "[", "x" * 3000, "é", "a:b:c", "evil.example/path"])
def test_an_absurd_host_changes_nothing(client: FlaskClient, host: str) -> None:
    answer = client.get("/api/layers", headers={"Host": host.encode().decode("latin-1")})
    assert answer.status_code == 200


def test_the_public_url_goes_before_every_address(tmp_path: Path) -> None:
    app = open_app(make_home(tmp_path / "home", Fake("seoul-gu"), NARU_PUBLIC_URL="https://maps.kr/naru"))
    client = app.test_client()
    assert client.get("/tiles/seoul-gu.json").get_json()["tiles"] == [
        "https://maps.kr/naru/tiles/seoul-gu/{z}/{x}/{y}.mvt"
    ]
    assert client.get("/api/layers").get_json()["layers"][0]["style"] == "https://maps.kr/naru/styles/seoul-gu.json"
    source = client.get("/styles/seoul-gu.json").get_json()["sources"]["seoul-gu"]
    assert source["url"] == "https://maps.kr/naru/tiles/seoul-gu.json"
    assert client.get("/openapi.json").get_json()["servers"] == [{"url": "https://maps.kr/naru"}]
    service_of(app).close()


def test_other_sites_pages_get_addresses_that_work_from_there(tmp_path: Path) -> None:
    own = "http://127.0.0.1:8000"
    app = create_app(make_home(tmp_path / "home", Fake("seoul-gu")), loopback=own)
    client, elsewhere = app.test_client(), {"Origin": "http://localhost:5173", "Host": "evil.example"}
    foreign = client.get("/tiles/seoul-gu.json", headers=elsewhere)
    assert foreign.get_json()["tiles"] == [f"{own}/tiles/seoul-gu/{{z}}/{{x}}/{{y}}.mvt"]
    assert "Origin" in foreign.headers["Vary"]
    style = client.get("/styles/naru.json", headers=elsewhere).get_json()
    assert style["sources"]["seoul-gu"]["url"] == f"{own}/tiles/seoul-gu.json"
    row = client.get("/api/layers", headers=elsewhere).get_json()["layers"][0]
    assert (row["tilejson"], row["style"]) == (f"{own}/tiles/seoul-gu.json", f"{own}/styles/seoul-gu.json")
    same = client.get("/tiles/seoul-gu.json")
    assert same.get_json()["tiles"] == ["/tiles/seoul-gu/{z}/{x}/{y}.mvt"]
    assert "Origin" in same.headers["Vary"]
    service_of(app).close()


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", "http://127.0.0.1:81"),
        ("localhost", "http://localhost:81"),
        ("::1", "http://[::1]:81"),
        ("0.0.0.0", ""),
        ("10.0.0.5", ""),
        ("map.example.kr", ""),
    ],
)
def test_a_server_knows_its_own_address_on_loopback_only(host: str, own: str) -> None:
    assert Listen(host, 81).loopback == own


def test_one_address_has_one_spelling(client: FlaskClient) -> None:
    for path in (
        "/docs/",
        "/api/layers/",
        "/tiles/seoul-gu.json/",
        "/styles/naru.json/",
        "/api//layers",
        "/openapi.json/",
    ):
        assert client.get(path).status_code == 404, path


def test_a_preflight_has_no_body_and_says_what_may_be_sent(client: FlaskClient) -> None:
    answer = client.options(
        "/tiles/seoul-gu/2/3/1.mvt",
        headers={"Origin": "https://a.kr", "Access-Control-Request-Headers": "x-api-key"},
    )
    assert (answer.status_code, answer.data) == (204, b"")
    assert "Content-Type" not in answer.headers
    assert "X-API-Key" in answer.headers["Access-Control-Allow-Headers"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["/", "/docs", "/api/layers", "/tiles/seoul-gu.json"])
def test_a_version_that_there_is_not_is_refused_in_words_that_no_cache_keeps(
    client: FlaskClient, path: str
) -> None:
    answer = client.get(path, headers={"If-Match": '"another"'})
    assert (answer.status_code, answer.json["code"]) == (412, "PRECONDITION")
    assert answer.headers["Cache-Control"] == "no-store"
    tag = client.get(path).headers["ETag"]
    assert client.get(path, headers={"If-Match": tag}).status_code == 200


# --- OpenAPI --------------------------------------------------------------------------------------


ASKED = (  # path, its address in the document, headers, status
    ("/", "/", {}, 200),
    ("/", "/", {"If-None-Match": "*"}, 304),
    ("/docs", "/docs", {"If-None-Match": "*"}, 304),
    ("/openapi.json", "/openapi.json", {"If-None-Match": "*"}, 304),
    ("/api/layers", "/api/layers", {"If-None-Match": "*"}, 304),
    ("/api/layers", "/api/layers", {"X-API-Key": "wrong"}, 401),
    ("/api/layers/rivers", "/api/layers/{layer}", {"If-None-Match": "*"}, 304),
    ("/api/layers/none", "/api/layers/{layer}", {}, 404),
    ("/static/none", "/static/{name}", {}, 404),
    ("/styles/none.json", "/styles/{layer}.json", {}, 404),
    ("/tiles/rivers,rivers.json", "/tiles/{layers}.json", {}, 400),
    ("/tiles/rivers,rivers/2/3/1.mvt", "/tiles/{layers}/{z}/{x}/{y}.{extension}", {}, 400),
    ("/tiles/rivers/2/0/0.mvt", "/tiles/{layers}/{z}/{x}/{y}.{extension}", {}, 204),
    ("/tiles/rivers/9/0/0.pbf", "/tiles/{layers}/{z}/{x}/{y}.{extension}", {}, 404),
)


@pytest.mark.parametrize(("path", "address", "headers", "status"), ASKED)
def test_what_is_answered_is_documented(
    client: FlaskClient, path: str, address: str, headers: dict[str, str], status: int
) -> None:
    assert client.get(path, headers=headers).status_code == status
    assert str(status) in client.get("/openapi.json").get_json()["paths"][address]["get"]["responses"]


def test_the_openapi_document_is_valid(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    assert document["openapi"].startswith("3.0")
    validate(document)


def test_the_openapi_document_lists_exactly_the_registered_routes(app: Flask, client: FlaskClient) -> None:
    served = {openapi_path(rule.rule) for rule in app.url_map.iter_rules()}
    _, everything = new_key(app, functions=ALL | {"manage", "common"}, access="private")
    assert set(client.get("/openapi.json", headers={"X-API-Key": everything}).get_json()["paths"]) == served
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == {route.endpoint for route in ROUTES}


def test_the_openapi_document_leaves_out_what_the_key_is_not_for(app: Flask, client: FlaskClient) -> None:
    managed = {openapi_path(route.rule) for route in ROUTES if route.scope == "manage"}
    others = {openapi_path(route.rule) for route in ROUTES if route.scope != "manage"}
    _, manager = new_key(app, functions=frozenset(("manage",)), access="private")
    answer, theirs = client.get("/openapi.json"), client.get("/openapi.json", headers={"X-API-Key": manager})
    told = answer.get_json()
    assert set(told["paths"]).isdisjoint(managed - others)
    assert all("post" not in operations for operations in told["paths"].values())
    assert told["components"]["schemas"]["LayerId"]["enum"] == ["base", "rivers", "seoul-gu"]
    assert answer.headers["Cache-Control"] == "public, no-cache"
    assert {"Authorization", "X-API-Key"} <= set(answer.vary)
    assert managed <= set(theirs.get_json()["paths"])
    assert "/tiles/{layers}.json" not in theirs.get_json()["paths"]
    assert theirs.headers["Cache-Control"] == "private, no-store"
    validate(theirs.get_json())


def test_a_route_without_a_scope_cannot_be_written() -> None:
    scope = next(field for field in fields(Route) if field.name == "scope")
    assert scope.default is scope.default_factory
    with pytest.raises(TypeError, match="scope"):
        Route("/open", view=print, summary="", answers={})  # type: ignore[call-arg]


def test_open_routes_are_the_ones_that_are_meant_to_be() -> None:
    open_routes = {route.rule for route in ROUTES if route.scope == "open"}
    pages = {"/", "/3d", "/flood", "/upload", "/usage", "/keys", "/docs", "/static/<path:name>"}
    ogc = {"/ogc/", "/ogc/conformance", "/ogc/tileMatrixSets", "/ogc/tileMatrixSets/<grid>", "/tms/"}
    others = {"/health/live", "/health/ready", "/metrics", "/fonts/<stack>/<letters>.pbf"}
    assert open_routes == pages | ogc | others


# --- problems and methods -------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/none", "/tiles", "/tiles/", "/tiles/a/1/2", "/styles/x", "/static/", "/api"])
def test_an_unknown_address_is_a_problem_like_any_other(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    told = answer.get_json(force=True)
    assert (answer.status_code, told["status"], told["code"]) == (404, 404, "NOT_FOUND")
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Request-Id"] == told["request_id"]


READ = (
    "/",
    "/docs",
    "/health/live",
    "/api/layers",
    "/tiles/seoul-gu.json",
    "/tiles/seoul-gu/2/3/1.mvt",
    "/openapi.json",
)


@pytest.mark.parametrize("path", READ)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_other_methods_are_405_and_say_which_are_good(client: FlaskClient, path: str, method: str) -> None:
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (405, "METHOD")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", READ)
def test_a_browser_may_ask_before_it_sends_a_key(client: FlaskClient, path: str) -> None:
    asked = {"Origin": "https://maps.kr", "Access-Control-Request-Headers": "x-api-key"}
    answer = client.options(path, headers=asked)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "X-API-Key" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_preflight_to_nowhere_is_404(client: FlaskClient) -> None:
    assert client.options("/none").status_code == 404


def test_every_request_error_has_a_status_of_its_own_making() -> None:
    told = {cls: kind_of(cls.__new__(cls)).status for cls in KINDS}
    assert all(400 <= status < 600 for status in told.values())
    assert told[errors.KeyInvalid] == HTTPStatus.UNAUTHORIZED
    assert kind_of(errors.MonthQuotaExceeded(1, window_s=1, resets_in_s=1)).status == HTTPStatus.TOO_MANY_REQUESTS
    assert all(kind.title and kind.title_ko for kind in KINDS.values())


def test_a_fault_is_logged_with_its_traceback_and_shown_without(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise RuntimeError("password=hunter2")
    except RuntimeError as error:
        reply = problem(error)
    told = json.loads(reply.body)
    assert reply.code == 500
    assert b"hunter2" not in reply.body
    assert told["request_id"] in caplog.text
    assert "hunter2" in caplog.text and "Traceback" in caplog.text


# --- pages and headers ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/upload", "/docs"])
def test_pages_may_load_only_from_here(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.content_type) == (200, "text/html; charset=utf-8")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_every_shipped_file_is_served_with_its_type_and_tag(client: FlaskClient) -> None:
    assert shipped_files()
    for name, path in shipped_files().items():
        answer = client.get(f"/static/{name}")
        assert (answer.status_code, answer.data) == (200, path.read_bytes()), name
        again = client.get(f"/static/{name}", headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status_code == 304
        if path.suffix in (".js", ".mjs"):
            assert answer.content_type == "text/javascript; charset=utf-8"
        immutable = "immutable" in answer.headers["Cache-Control"]
        assert immutable == (path.parent.name == "assets"), name


def test_a_script_travels_gzipped(client: FlaskClient) -> None:
    name = next(name for name in shipped_files() if name.endswith(".js"))
    plain, packed = (
        client.get(f"/static/{name}"),
        client.get(f"/static/{name}", headers={"Accept-Encoding": "gzip"}),
    )
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(plain.data)
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert "Accept-Encoding" in packed.headers["Vary"]


def test_documents_run_no_script_when_opened_as_pages(client: FlaskClient) -> None:
    for path in ("/api/layers", "/openapi.json", "/none"):
        assert client.get(path).headers["Content-Security-Policy"].startswith("default-src 'none'")


# --- health ---------------------------------------------------------------------------------------


def test_health_says_live_and_ready(client: FlaskClient) -> None:
    assert client.get("/health/live").get_json() == {"status": "live"}
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.get_json()["layers"]) == (200, len(FAKES))
    assert ready.headers["Cache-Control"] == "no-store"


def test_a_catalogue_that_falls_silent_makes_the_server_unready_and_keeps_it_serving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlalchemy as sa

    now = [1_800_000_000.0]
    app = open_app(make_home(tmp_path / "home", Fake("seoul-gu")), lambda: now[0])
    client, service = app.test_client(), service_of(app)
    assert client.get("/tiles/seoul-gu/2/3/1.mvt").status_code == 200

    def fail() -> int:
        raise sa.exc.OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(service.house.catalogue, "generation", fail)
    now[0] += 60
    service.pulse()
    assert client.get("/health/ready").status_code == 503
    assert client.get("/tiles/seoul-gu/2/3/1.mvt").status_code == 200
    assert client.get("/health/live").status_code == 200
    service.close()


# --- the house's rules ----------------------------------------------------------------------------


def test_a_tile_worker_loads_nothing_heavy(tmp_path: Path) -> None:
    make_home(tmp_path / "home", Fake("seoul-gu"))
    program = (
        "import sys; from tileserver.serve import create_app; from naru.settings import Settings;"
        "app = create_app(Settings.from_environ({}, home=sys.argv[1]));"
        "assert app.test_client().get('/tiles/seoul-gu/2/3/1.mvt').status_code == 200;"
        "app.test_client().get('/styles/naru.json'); app.extensions['naru'].close();"
        "print([n for n in ('numpy', 'pandas', 'geopandas', 'scipy', 'shapely', 'pyogrio', 'pyproj', 'numba',"
        " 'ingest', 'twin') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "home")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_importing_the_server_opens_and_reads_nothing(tmp_path: Path) -> None:
    program = "import tileserver.app, tileserver.serve, tileserver.commands, os; print(os.listdir('.'))"
    command, env = [sys.executable, "-c", program], {"NARU_HOME": "x"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, env=env)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_settings_pass_to_another_process_whole(tmp_path: Path) -> None:
    settings = Settings.from_environ({"NARU_PUBLIC_URL": "https://a.kr"}, home=tmp_path)
    assert Settings.from_environ(settings.environ()) == settings


def test_a_large_document_travels_gzipped_and_a_small_one_as_it_is(client: FlaskClient) -> None:
    packed = client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    plain = client.get("/openapi.json")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert "Content-Encoding" not in client.get("/health/live", headers={"Accept-Encoding": "gzip"}).headers
