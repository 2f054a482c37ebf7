"""Pages of other sites that use this server's styles, TileJSON and tiles, as a map library does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.browser.conftest import Watched
from tests.conftest import Served, naru_json

pytestmark = pytest.mark.timeout(120)

OPEN = Callable[..., Watched]
# What MapLibre does with a style: relative addresses would be looked for on the page's own site
_AS_A_MAP_LIBRARY = """async ([style, headers]) => {
  const ask = async (address) => {
    const answer = await fetch(new URL(address, location), { headers });
    if (!answer.ok) throw new Error(`${answer.status} ${answer.url}`);
    return answer;
  };
  const source = (await (await ask(style)).json()).sources['seoul-gu'];
  const tiles = (await (await ask(source.url)).json()).tiles[0];
  const tile = await ask(tiles.replace('{z}', 10).replace('{x}', 873).replace('{y}', 396));
  return [tile.headers.get('Content-Type'), (await tile.arrayBuffer()).byteLength];
}"""


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/" else 404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>another site</title>")

    def log_message(self, *_: object) -> None:
        """Keep the tests' output free of requests."""


@pytest.fixture(scope="module")
def other_site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize("how", ["nobody", "header", "query"])
def test_a_map_on_another_site_finds_its_tiles(
    open_page: OPEN, served_demo: Served, other_site: str, how: str
) -> None:
    words = ("--name", "site", "--functions", "basemap", "--access", "public")
    key = naru_json("keys", "create", *words, home=served_demo.home)["key"] if how != "nobody" else ""
    page = open_page().visit(other_site, "title")
    page.wait_for_timeout(1000)  # until the server knows the key
    style = f"{served_demo.url}/styles/seoul-gu.json{f'?key={key}' if how == 'query' else ''}"
    headers = {"X-API-Key": key} if how == "header" else {}
    media_type, size = page.evaluate(_AS_A_MAP_LIBRARY, [style, headers])
    assert media_type == "application/vnd.mapbox-vector-tile"
    assert size > 1000
