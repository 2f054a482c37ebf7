"""Odd requests of every kind: each is answered, none with a fault of the server's own."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.protocols import make_protocols_home
from tests.serving import Fake, make_home, new_key, open_app, service_of

WORDS = [
    *[
        "tiles",
        "styles",
        "api",
        "layers",
        "static",
        "health",
        "live",
        "docs",
        "seoul-gu",
        "secret",
        "seoul-gu.json",
        "naru.json",
        "1.mvt",
        "0.pbf",
    ],
    *[
        "0",
        "1",
        "2",
        "3",
        "-1",
        "01",
        "١",
        "²",
        "25",
        "1e3",
        "..",
        ".",
        "%2e%2e",
        "%2f",
        "%00",
        "%ff",
        ",",
        "seoul-gu,seoul-gu",
        "'",
        '"',
        "\\",
        "{z}",
        "@2x",
        "é",
        "한글",
        "~",
        "*",
    ],
    *("", "9" * 40, "a" * 300, "<script>", "' OR 1=1", "\u202e"),
]
PIECES = st.one_of(st.sampled_from(WORDS), st.text(max_size=8))
TILES = st.tuples(st.sampled_from(("seoul-gu", "secret", "seoul-gu,secret")), *[st.sampled_from("0123")] * 3)
PATHS = st.one_of(
    st.lists(PIECES, max_size=7).map(lambda parts: "/" + "/".join(parts)),
    TILES.map(lambda tile: f"/tiles/{'/'.join(tile)}.mvt"),
    st.sampled_from(("/", "/docs", "/api/layers", "/tiles/seoul-gu.json", "/styles/naru.json", "/openapi.json")),
)
NAMES = [
    "If-None-Match",
    "Accept-Encoding",
    "Authorization",
    "X-API-Key",
    "Origin",
    "Referer",
    "Host",
    "X-Forwarded-For",
]
ODD = ("Bearer", "Bearer ", "*", 'W/"', '"', ",,,", ";q=", "gzip;q=-1", "gzip;q=1e999", "http://[", "nru_live_")
LATIN = st.characters(min_codepoint=32, max_codepoint=255)
VALUES = st.one_of(st.text(LATIN, max_size=40), st.sampled_from(ODD))
HEADERS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4)
METHODS = st.sampled_from(("GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "BREW"))
QUERIES = st.one_of(
    st.just(""), st.text(max_size=30), st.sampled_from(("key=", "apikey=%ff", "key=a&key=b", "&&=&key", "key"))
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    fakes = (Fake("seoul-gu"), Fake("secret", "private"))
    opened = open_app(make_home(tmp_path_factory.mktemp("abuse") / "home", *fakes))
    yield opened
    service_of(opened).close()


@pytest.fixture(scope="module")
def bound_key(app: Flask) -> str:
    """A key that makes the server look at every header there is."""
    return new_key(app, referrers=("a.kr",), cidrs=("10.0.0.0/8",), second_rate=10**6)[1]


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=METHODS, path=PATHS, query=QUERIES, headers=HEADERS, keyed=st.booleans())
def test_no_request_makes_the_server_fail(
    app: Flask, bound_key: str, method: str, path: str, query: str, headers: dict[str, str], keyed: bool
) -> None:
    sent = headers | ({"X-API-Key": bound_key} if keyed else {})
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path.encode("utf-8", "surrogatepass").decode("latin-1"),
        "QUERY_STRING": query.encode("utf-8", "surrogatepass").decode("latin-1"),
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in sent.items()},
    }
    answer = app.test_client().open(environ_overrides=environ)
    assert answer.status_code in (200, 204, 304, 400, 401, 403, 404, 405)
    assert b"Traceback" not in answer.data
    if answer.status_code >= 400 and method != "HEAD":
        assert answer.content_type == "application/problem+json"
        assert answer.get_json(force=True)["status"] == answer.status_code


def test_long_addresses_and_headers_are_not_kept_in_memory(tmp_path: Path) -> None:
    """A caller may send 64 kB with each request: what is remembered of them must not fill a worker's memory."""
    app, query, header = open_app(make_protocols_home(tmp_path / "home")), "x" * 7000, "x" * 40_000

    def ask(times: int) -> None:
        for number, extension in product(range(times), ("mvt", "png")):
            environ = EnvironBuilder(f"/tiles/marks/10/873/396.{extension}").get_environ()
            environ |= {"QUERY_STRING": f"no={number}{query}&key=", "HTTP_ACCEPT_ENCODING": f"{number}{header}"}
            body, status, _ = run_wsgi_app(app, environ)
            assert (status, bool(b"".join(body))) == ("200 OK", True)

    ask(2)  # what is made once
    tracemalloc.start()
    ask(150)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    service_of(app).close()
    assert kept < 500_000  # one such query in each of the 300 requests alone: 2 MB


LONG = "roads," * 3000


@pytest.mark.parametrize(
    "address",
    [
        f"/tiles/{LONG}roads/2/3/1.mvt",
        f"/tiles/roads.json?{LONG}",
        f"/ogc/tiles/WebMercatorQuad/2/1/3?collections={LONG}roads",
        f"/wmts?service=WMTS&request=GetTile&{'a=&' * 4000}",
        f"/nowhere?{LONG}",
    ],
)
def test_an_address_that_takes_long_to_read_is_refused_unread(few: Flask, address: str) -> None:
    answer = few.test_client().get(address)
    assert answer.status_code == 414
    assert b"ADDRESS_LENGTH" in answer.data


@pytest.mark.parametrize("kind", ["mvt", "png"])
def test_more_layers_than_a_tile_holds_are_refused_before_they_are_looked_up(few: Flask, kind: str) -> None:
    for address in (
        f"/tiles/{'roads,' * 16}nowhere/2/3/1.{kind}",
        f"/tiles/{','.join(['nowhere'] * 17)}/2/3/1.{kind}",
    ):
        answer = few.test_client().get(address)
        assert (answer.status_code, answer.get_json()["code"]) == (400, "BAD_REQUEST")


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    app = open_app(make_home(tmp_path_factory.mktemp("few") / "home", Fake("roads")))
    yield app
    service_of(app).close()
