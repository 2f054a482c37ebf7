"""The page when things are strange: hostile names, private layers, wrong keys, no layers, a path prefix."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Watched, hand_written
from tests.conftest import Served, naru_json, start_server, stop_server

pytestmark = pytest.mark.timeout(240)

OPEN = Callable[..., Watched]
AT = Callable[..., tuple[float, float]]
HOSTILE = (
    "<img src=x onerror=window.hacked=1>",
    "<script>window.hacked=1</script>",
    "\"'><svg onload=window.hacked=1>",
    "javascript:window.hacked=1",
    "{{constructor.constructor('window.hacked=1')()}}",
    "<a href=https://evil.example/>x</a>",
    "<style>*{background:url(https://evil.example/)}</style>",
)
NUMBER = "1111010100100010000"  # 19 digits: more than a JavaScript number holds


def _square(west: float, properties: dict[str, str]) -> dict:
    ring = [[west, 37.5], [west + 0.02, 37.5], [west + 0.02, 37.52], [west, 37.52], [west, 37.5]]
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """A server with a layer of hostile names, a private layer, and a key that may see it."""
    folder = tmp_path_factory.mktemp("strange")
    home = folder / "home"
    squares = [
        _square(126.9 + i * 0.03, {"이름": text, text: "값", "PNU": NUMBER}) for i, text in enumerate(HOSTILE)
    ]
    collection = json.dumps({"type": "FeatureCollection", "features": squares}, ensure_ascii=False)
    file = str(hand_written(folder, "strange.geojson", collection))
    told = ["--title", HOSTILE[0], "--maxzoom", "13"]
    naru_json("ingest", file, "--id", "hostile", *told, home=home)
    naru_json("ingest", file, "--id", "secret", "--visibility", "private", "--maxzoom", "13", home=home)
    words = ["--name", "page", "--functions", "basemap,content", "--access", "private", "--day", "1000"]
    key = naru_json("keys", "create", *words, home=home)["key"]
    served = start_server(home, folder / "serve.log")
    yield served, key
    stop_server(served)


def test_hostile_names_stay_text(open_page: OPEN, strange: tuple[Served, str], screen_point: AT) -> None:
    watched = open_page()
    page = watched.open(strange[0].url + "/#map=9.5/37.51/127.0&layers=hostile&lang=ko")
    expect(page.locator("[data-layer=hostile] .layer-title")).to_have_text(HOSTILE[0])
    for i, text in enumerate(HOSTILE):
        page.mouse.click(*screen_point(page, 126.91 + i * 0.03, 37.51))
        expect(page.locator("#card-title")).to_have_text(text)
        names = [row.inner_text() for row in page.locator("#card-body th").all()]
        assert text in names
        expect(page.locator("#card-body td", has_text=NUMBER)).to_have_text(NUMBER)
    assert page.evaluate("() => window.hacked") is None
    assert page.locator("#feature-card img, #feature-card script, #feature-card a, #layer-list img").count() == 0
    assert watched.outside == []
    assert watched.violations() == []
    assert watched.troubles == []


def test_a_key_shows_private_layers_and_stays_out_of_the_address(
    open_page: OPEN, strange: tuple[Served, str]
) -> None:
    served, key = strange
    watched = open_page()
    page = watched.open(served.url + "/#lang=en")
    assert page.locator(".layer").count() == 1
    page.click("#key-section summary")
    page.fill("#key-input", key)
    page.keyboard.press("Enter")
    expect(page.locator("[data-layer=secret]")).to_be_visible()
    watched.until(
        "() => naruMap.getLayer('secret--fill') && naruMap.queryRenderedFeatures({layers: ['secret--fill']})[0]"
    )
    assert key not in page.url
    page.click("#key-remove")
    expect(page.locator("[data-layer=secret]")).to_have_count(0)
    assert watched.troubles == []


def test_a_wrong_key_is_refused_in_words_and_the_map_stays(open_page: OPEN, strange: tuple[Served, str]) -> None:
    watched = open_page()
    page = watched.open(strange[0].url + "/#lang=en")
    page.click("#key-section summary")
    page.fill("#key-input", "nru_live_nonsense")
    page.keyboard.press("Enter")
    expect(page.locator("#key-message")).to_contain_text("wrong or was revoked")
    expect(page.locator("[data-layer=hostile]")).to_be_visible()
    assert page.evaluate("() => sessionStorage.length") == 0


def _refuse(status: int, route: Route) -> None:
    route.fulfill(status=status, body="")


def test_a_used_up_quota_and_a_busy_server_are_said_in_words(open_page: OPEN, strange: tuple[Served, str]) -> None:
    for status, words in ((429, "quota is used up"), (503, "busy"), (500, "failed (500)")):
        watched = open_page()
        watched.page.route("**/tiles/**/*.mvt*", partial(_refuse, status))
        page = watched.open(strange[0].url + "/#lang=en")
        expect(page.locator(".notice")).to_contain_text(words)
        assert page.locator(".notice").count() == 1  # one, however many tiles failed


def test_a_server_that_is_gone_can_be_tried_again(open_page: OPEN, strange: tuple[Served, str]) -> None:
    watched = open_page()
    watched.page.route("**/api/layers", lambda route: route.abort())
    page = watched.open(strange[0].url + "/#lang=en")
    expect(page.locator(".notice")).to_contain_text("cannot be reached")
    watched.page.unroute("**/api/layers")
    page.click(".notice .text-button")
    expect(page.locator("[data-layer=hostile]")).to_be_visible()
    expect(page.locator(".notice")).to_have_count(0)


def test_an_empty_catalogue_says_what_to_type(open_page: OPEN, strange: tuple[Served, str]) -> None:
    watched = open_page()
    watched.page.route("**/api/layers", lambda route: route.fulfill(json={"layers": []}))
    page = watched.open(strange[0].url + "/#lang=en")
    expect(page.locator("#layer-list")).to_contain_text("naru ingest FILE")


def test_the_interface_is_described_and_can_be_tried(open_page: OPEN, strange: tuple[Served, str]) -> None:
    watched = open_page(locale="en-US")
    page = watched.visit(strange[0].url + "/docs", "html[data-docs-state=ready]")
    paths = set(strange[0].get("/openapi.json").json()["paths"])
    assert {code.inner_text() for code in page.locator(".operation > summary > code").all()} == paths
    operation = page.locator(".operation", has=page.locator("summary > code", has_text="/api/layers")).first
    operation.locator("summary").first.click()
    operation.locator(".try > summary").click()
    operation.locator("button[type=submit]").click()
    expect(operation.locator(".answer")).to_contain_text('"hostile"')
    watched.pixels("docs")
    assert watched.troubles == []
    assert watched.violations() == []


class _UnderPrefix(BaseHTTPRequestHandler):
    """A reverse proxy that serves `upstream` under /city/, as a city's web server would."""

    upstream = ""

    def do_GET(self) -> None:
        if not self.path.startswith("/city/"):
            self.send_error(404)
            return
        request = urllib.request.Request(self.upstream + self.path.removeprefix("/city"))
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                self._pass_on(reply.status, reply.headers.items(), reply.read())
        except urllib.error.HTTPError as error:
            with error:
                self._pass_on(error.code, error.headers.items(), error.read())

    def _pass_on(self, status: int, headers: object, body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:  # type: ignore[attr-defined]
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def prefixed(strange: tuple[Served, str]) -> Iterator[str]:
    """The strange server behind a path prefix."""
    handler = type("Handler", (_UnderPrefix,), {"upstream": strange[0].url})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}/city/"
        proxy.shutdown()


def test_the_page_works_under_a_path_prefix(open_page: OPEN, prefixed: str) -> None:
    watched = open_page()
    page = watched.open(prefixed + "#map=11/37.51/127.0&lang=ko")
    assert page.evaluate("() => naruMap.queryRenderedFeatures({layers: ['hostile--fill']}).length") > 0
    assert watched.troubles == []
