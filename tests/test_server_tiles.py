"""A request becomes a tile: numbers, representations, conditions, composites, and what is refused."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from typing import Any

import mapbox_vector_tile
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from naru.errors import TileOutOfRange
from tests.serving import Fake, make_home, new_key, open_app, publish, service_of, tile_bytes
from tileserver.encodings import accepts_gzip
from tileserver.lane import TileAddress, parse

TILE = "/tiles/seoul-gu/2/3/1.mvt"
EMPTY = "/tiles/seoul-gu/2/0/0.mvt"
GZIP = {"Accept-Encoding": "gzip"}
FAKES = (Fake("seoul-gu"), Fake("rivers", text="한강"), Fake("secret", "private"), Fake("base", function="basemap"))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    opened = open_app(make_home(tmp_path_factory.mktemp("tiles") / "home", *FAKES))
    yield opened
    service_of(opened).close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def code(answer: TestResponse) -> str:
    """Return the `code` of a problem, holding the answer to the problem's shape."""
    assert answer.content_type == "application/problem+json"
    told: dict[str, Any] = answer.get_json(force=True)
    assert told["status"] == answer.status_code
    assert {"type", "title", "title_ko", "detail", "request_id"} <= told.keys()
    return str(told["code"])


# --- what comes back ------------------------------------------------------------------------------


def test_a_tile_comes_as_it_is_stored(client: FlaskClient) -> None:
    answer = client.get(TILE, headers=GZIP)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/vnd.mapbox-vector-tile"
    assert answer.headers["Content-Encoding"] == "gzip"
    decoded = mapbox_vector_tile.decode(gzip.decompress(answer.data))
    assert decoded["seoul-gu"]["features"][0]["properties"] == {"이름": "중구2"}


def test_both_extensions_name_one_tile(client: FlaskClient) -> None:
    assert client.get(TILE.replace(".mvt", ".pbf")).data == client.get(TILE).data


def test_a_caller_that_does_not_take_gzip_gets_plain_bytes(client: FlaskClient) -> None:
    answer = client.get(TILE)
    assert "Content-Encoding" not in answer.headers
    assert answer.data == tile_bytes("seoul-gu", "중구2")


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("GZIP;q=1.0, *;q=0", True),
        ("*", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip;q=0.0, br", False),
        ("identity, *;q=0", False),
        ("gzip;q=none", False),
        ("GZIP", True),
        ("x-gzip", True),
        ("gzipped", False),
        ("gzip;Q=0", False),
    ],
)
def test_accept_encoding_is_read_as_the_standard_says(header: str, takes: bool) -> None:
    assert accepts_gzip({"HTTP_ACCEPT_ENCODING": header}) is takes


def test_an_empty_tile_in_range_is_204(client: FlaskClient) -> None:
    answer = client.get(EMPTY)
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["OATiles-hint"] == "empty"
    assert "Content-Type" not in answer.headers


def test_head_has_the_headers_of_get_and_no_body(client: FlaskClient) -> None:
    head, get = client.head(TILE, headers=GZIP), client.get(TILE, headers=GZIP)
    assert (head.status_code, head.data) == (200, b"")
    assert dict(head.headers) == dict(get.headers) | {"Content-Length": str(len(get.data))}


def test_a_public_tile_may_be_cached_by_all_and_read_by_any_page(client: FlaskClient) -> None:
    headers = client.get(TILE).headers
    assert headers["Cache-Control"].startswith("public, max-age=")
    assert headers["Vary"] == "Accept-Encoding"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in headers


def test_a_private_tile_is_kept_by_nobody(app: Flask) -> None:
    _key, text = new_key(app, access="private")
    headers = app.test_client().get("/tiles/secret/2/3/1.mvt", headers={"X-API-Key": text}).headers
    assert headers["Cache-Control"] == "private, no-store"
    assert {"Authorization", "X-API-Key", "Origin"} <= set(headers["Vary"].split(", "))


def test_a_layer_that_needs_a_key_is_kept_by_nobody(tmp_path: Any) -> None:
    app = open_app(make_home(tmp_path / "home", Fake("seoul-gu"), NARU_ANONYMOUS="none"))
    _key, text = new_key(app)
    assert app.test_client().get(TILE, headers={"X-API-Key": text}).headers["Cache-Control"] == "private, no-store"
    service_of(app).close()


# --- conditions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [GZIP, {}], ids=["gzip", "identity"])
def test_who_has_the_tile_gets_304(client: FlaskClient, headers: dict[str, str]) -> None:
    tag = client.get(TILE, headers=headers).headers["ETag"]
    for condition in (tag, f'"other", W/{tag}', "*"):
        answer = client.get(TILE, headers=headers | {"If-None-Match": condition})
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)


def test_the_two_representations_have_two_entity_tags(client: FlaskClient) -> None:
    assert client.get(TILE).headers["ETag"] != client.get(TILE, headers=GZIP).headers["ETag"]


def test_a_gzip_tag_is_no_answer_to_who_does_not_take_gzip(client: FlaskClient) -> None:
    tag = client.get(TILE, headers=GZIP).headers["ETag"]
    assert client.get(TILE, headers={"If-None-Match": tag}).status_code == 200


def test_the_entity_tag_changes_with_a_publication(tmp_path: Any) -> None:
    app = open_app(make_home(tmp_path / "home", Fake("seoul-gu")))
    client, service = app.test_client(), service_of(app)
    before = client.get(TILE)
    publish(service.house, Fake("seoul-gu", text="새 구"))
    service.pulse()
    after = client.get(TILE, headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert after.data == tile_bytes("seoul-gu", "새 구2")
    service.close()


def test_a_tag_checked_first_spares_the_archive(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    client = app.test_client()
    tag = client.get(TILE).headers["ETag"]
    pyramid = service_of(app).keeper.current.pyramids["seoul-gu"]
    monkeypatch.setitem(pyramid.__dict__, "get", lambda *_: pytest.fail("the archive was read"))
    assert client.get(TILE, headers={"If-None-Match": tag}).status_code == 304


def test_a_hit_asks_the_database_nothing(app: Flask) -> None:
    import sqlalchemy as sa

    client, engine = app.test_client(), service_of(app).house.database.engine
    client.get(TILE)
    statements: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    assert client.get(TILE, headers=GZIP).status_code == 200
    assert statements == []


# --- numbers --------------------------------------------------------------------------------------

BAD_NUMBERS = [
    "١/0/0", "1/١/0", "1/0/١", "²/0/0", "01/0/0", "1/01/0", "1/0/01", "1/00/0", "+1/0/0", "1/+0/0", "-1/0/0",
    "1/0/-1", "1e3/0/0", "1/1e0/0", "1.0/0/0", "0x1/0/0", "1/ 0/0", "1/0/0%20", "1/0/%00", "one/0/0", "/0/0",
    "1//0", "1/0/", "25/0/0", "99/0/0", f"{'9' * 32}/0/0", f"1/{'9' * 32}/0", f"1/0/{'9' * 5000}", "1/2/0", "1/0/2",
    "2/4/0", "0/0/1", "24/16777216/0", "1/0/0@2x", "1/0/1_000", "1/0/0.0", "1/0/NaN", "1/0/٠", "1/𝟎/0",
]  # fmt: skip


@pytest.mark.parametrize("numbers", BAD_NUMBERS)
def test_a_bad_tile_number_is_404(client: FlaskClient, numbers: str) -> None:
    answer = client.get(f"/tiles/seoul-gu/{numbers}.mvt")
    assert answer.status_code == 404
    assert code(answer) in ("TILE_RANGE", "NOT_FOUND")


@pytest.mark.parametrize("zoom", [0, 5, 24])
def test_a_zoom_the_layer_does_not_have_is_404_and_says_which_it_has(client: FlaskClient, zoom: int) -> None:
    answer = client.get(f"/tiles/seoul-gu/{zoom}/0/0.mvt")
    assert (answer.status_code, code(answer)) == (404, "TILE_RANGE")
    assert "1 to 4" in answer.get_json(force=True)["detail"]


def test_encoded_digits_are_the_digits_they_encode(client: FlaskClient) -> None:
    """RFC 3986 §6.2.2.2: WSGI servers decode before we see the path, so there is one tile and one tag."""
    plain, encoded = client.get(TILE), client.get("/tiles/seoul-gu/%32/3/1.mvt")
    assert (encoded.status_code, encoded.headers["ETag"]) == (200, plain.headers["ETag"])


@pytest.mark.parametrize(
    "path", ["/tiles/a/1/0/0.mvt", "/tiles/a,b/24/16777215/16777215.pbf", "/tiles/a/0/0/0.png"]
)
def test_canonical_addresses_are_read(path: str) -> None:
    address = parse(path)
    assert isinstance(address, TileAddress)
    assert "/".join(map(str, address[:4])) == path.removeprefix("/tiles/").partition(".")[0]


@pytest.mark.parametrize(
    "path", ["/", "/tiles/a.json", "/tiles/a/1/0/0.gif", "/tiles/a/1/0/0", "/tiles/a/x/y/1/0/0.mvt"]
)
def test_other_addresses_are_left_to_flask(path: str) -> None:
    assert parse(path) is None


@pytest.mark.parametrize(
    ("row", "kind", "scale"),
    [("0.mvt", "mvt", 1), ("0.pbf", "mvt", 1), ("0.jpeg", "jpg", 1), ("0.jpg", "jpg", 1), ("0@2x.webp", "webp", 2)],
)
def test_an_extension_names_a_type_and_pictures_may_be_doubled(row: str, kind: str, scale: int) -> None:
    assert parse(f"/tiles/a/1/0/{row}") == TileAddress("a", 1, 0, 0, kind, scale)


@pytest.mark.parametrize("row", ["0@2x.mvt", "0@3x.png", "0@2x@2x.png", "@2x.png"])
def test_other_sizes_are_not_read(row: str) -> None:
    with pytest.raises(TileOutOfRange):
        parse(f"/tiles/a/1/0/{row}")


def test_parse_names_the_rule_it_enforces() -> None:
    with pytest.raises(TileOutOfRange, match="plain decimal"):
        parse("/tiles/a/01/0/0.mvt")


# --- layers ---------------------------------------------------------------------------------------


def test_an_unknown_layer_is_404(client: FlaskClient) -> None:
    answer = client.get("/tiles/atlantis/2/3/1.mvt")
    assert (answer.status_code, code(answer)) == (404, "LAYER_NOT_FOUND")


def test_a_private_layer_looks_exactly_like_one_that_is_not_there(client: FlaskClient) -> None:
    def told(layer: str) -> str:
        answer = client.get(f"/tiles/{layer}/2/3/1.mvt")
        shown = answer.get_json(force=True)
        del shown["request_id"]
        return f"{answer.status_code} {shown}".replace(layer, "LAYER")

    assert told("secret") == told("atlantis")


TRAVERSALS = [
    "..", "../..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "....//", "..\\..", "seoul-gu%00", "/etc/passwd", "~", ".",
    "seoul-gu/../secret", "C:\\", "file:///etc/passwd", "'", '"', "<script>", "' OR 1=1--", "%0d%0aX: y",
]  # fmt: skip


FORMS = ["/tiles/{}/2/3/1.mvt", "/tiles/{}.json", "/styles/{}.json", "/api/layers/{}", "/static/{}"]


@pytest.mark.parametrize("name", TRAVERSALS)
@pytest.mark.parametrize(
    "form", ["/tiles/{}/2/3/1.mvt", "/tiles/{}.json", "/styles/{}.json", "/api/layers/{}", "/static/{}"]
)
def test_a_name_is_looked_up_and_never_becomes_a_path(client: FlaskClient, form: str, name: str) -> None:
    answer = client.get(form.format(name))
    assert answer.status_code == 404
    assert b"root:" not in answer.data
    assert "X" not in answer.headers
    code(answer)


def test_several_layers_come_in_one_tile(client: FlaskClient) -> None:
    answer = client.get("/tiles/seoul-gu,rivers/2/3/1.mvt", headers=GZIP)
    unpack = zlib.decompressobj(wbits=31)
    decoded = mapbox_vector_tile.decode(unpack.decompress(answer.data))
    assert unpack.unused_data == b"", "many clients read one gzip member and drop the others"
    assert {name: part["features"][0]["properties"]["이름"] for name, part in decoded.items()} == {
        "seoul-gu": "중구2",
        "rivers": "한강2",
    }
    plain = client.get("/tiles/seoul-gu,rivers/2/3/1.mvt")
    assert plain.data == gzip.decompress(answer.data)


@pytest.mark.parametrize(
    ("layers", "status", "why"),
    [
        ("seoul-gu,secret", 404, "LAYER_NOT_FOUND"),
        ("seoul-gu,", 404, "LAYER_NOT_FOUND"),
        ("seoul-gu,seoul-gu", 400, "BAD_REQUEST"),
        (",".join(["seoul-gu"] * 400), 400, "BAD_REQUEST"),
    ],
)
def test_a_composite_is_refused_as_a_whole(client: FlaskClient, layers: str, status: int, why: str) -> None:
    answer = client.get(f"/tiles/{layers}/2/3/1.mvt")
    assert (answer.status_code, code(answer)) == (status, why)


def test_a_damaged_archive_takes_no_other_layer_down(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings = make_home(tmp_path / "home", Fake("seoul-gu"), Fake("rivers"))
    app = open_app(settings)
    archive = service_of(app).keeper.current.pyramids["rivers"].tileset.archive
    service_of(app).close()
    (settings.storage / archive.name).write_bytes(b"no archive")
    app = open_app(settings)
    client = app.test_client()
    assert client.get(TILE).status_code == 200
    answer = client.get("/tiles/rivers/2/3/1.mvt")
    assert (answer.status_code, code(answer)) == (503, "ARCHIVE_DAMAGED")
    assert "Retry-After" in answer.headers
    assert str(settings.storage) not in answer.get_data(as_text=True)
    assert "rivers cannot be served" in caplog.text
    assert "Traceback" not in caplog.text
    service_of(app).close()


def test_a_layer_whose_archive_comes_back_is_served_again(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings = make_home(tmp_path / "home", Fake("seoul-gu"))
    archive = next(settings.storage.glob("*.pmtiles"))
    away = archive.rename(tmp_path / "away")
    now = 1_800_000_000.0
    app = open_app(settings, lambda: now)
    service, client = service_of(app), app.test_client()
    for _ in range(5):  # ten seconds of a disk that is not there
        now += 2
        service.pulse()
        assert client.get(TILE).status_code == 503
    assert caplog.text.count("cannot be served") == 1
    away.rename(archive)
    now += 6
    service.pulse()
    assert client.get(TILE).status_code == 200
    service.close()
