"""nginx as a shared cache in front of the server: what everybody may have is kept, what one may have never is."""

from __future__ import annotations

import getpass
import gzip
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import brotli
import pytest

from naru.house import House
from tests.conftest import Answer, Served, free_port, naru_json, require_tool, start_server, stop_server
from tests.protocols import make_protocols_home
from tests.serving import Fake, publish, settings_of, tile_bytes
from tests.test_clients import NGINX, wait_for

Z, X, Y = 11, 1746, 793  # a tile of Web Mercator that `marks` and `secret` reach
TILE, WEB = f"{Z}/{X}/{Y}", "WebMercatorQuad"
SHARED = (  # addresses of tiles and pictures of a public layer, that caches may give to everybody without asking
    f"/tiles/{{}}/{TILE}.mvt",
    f"/tiles/{{}}/{WEB}/{TILE}.mvt",
    f"/tiles/{{}}/{TILE}.png",
    f"/ogc/collections/{{}}/tiles/{WEB}/{Z}/{Y}/{X}",
    f"/ogc/collections/{{}}/map/tiles/{WEB}/{Z}/{Y}/{X}?f=png",
    f"/wmts/1.0.0/{{}}/default/{WEB}/{Z}/{Y}/{X}.mvt",
    "/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER={}&STYLE=default&FORMAT=image/png"
    f"&TILEMATRIXSET={WEB}&TILEMATRIX={Z}&TILEROW={Y}&TILECOL={X}",
    f"/tms/1.0.0/{{}}/{Z}/{X}/{(1 << Z) - 1 - Y}.mvt",
)
OTHERS = (  # of one layer too, but asked about each time
    "/tiles/{}.json",
    "/styles/{}.json",
    "/legends/{}.json",
    "/legends/{}.png",
    "/ogc/collections/{}",
    "/ogc/styles/{}",
    "/tms/1.0.0/{}",
    "/api/layers/{}",
)
LISTS = (
    "/api/layers",
    "/styles/naru.json",
    "/openapi.json",
    "/ogc/collections",
    "/wmts/1.0.0/WMTSCapabilities.xml",
)


@dataclass(frozen=True)
class Front:
    """nginx, the server behind it, and two keys: one for the private layer, one for public layers alone."""

    proxy: Served
    insider: str
    reader: str

    def get(self, path: str, key: str = "", **headers: str) -> Answer:
        return self.proxy.get(path, **headers, **({"X_API_Key": key} if key else {}))


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    nginx, folder = require_tool("nginx"), tmp_path_factory.mktemp("caches")
    home, port = folder / "home", free_port()
    make_protocols_home(home)
    house = House.open(settings_of(home))
    publish(house, Fake("moving", text="옛"))
    house.close()
    words = ("keys", "create", "--functions", "content,common", "--name")
    insider = naru_json(*words, "insider", "--access", "private", home=home)["key"]
    reader = naru_json(*words, "reader", home=home)["key"]
    served = start_server(home, folder / "serve.log", workers=2)
    configuration = folder / "nginx.conf"
    told = {"folder": folder, "port": port, "upstream": served.url, "user": getpass.getuser()}
    configuration.write_text(NGINX.format(**told).replace("proxy_cache tiles;", _AS_ADVISED))
    proxy = subprocess.Popen([nginx, "-p", str(folder), "-c", str(configuration)], stderr=subprocess.DEVNULL)
    before = replace(served, url=f"http://127.0.0.1:{port}")
    try:
        wait_for(before, folder)
        yield Front(before, insider, reader)
    finally:
        proxy.terminate()
        proxy.wait(timeout=10)
        stop_server(served)


_AS_ADVISED = "proxy_cache tiles; proxy_cache_revalidate on; proxy_cache_background_update on;"


@pytest.mark.parametrize("address", SHARED)
def test_tiles_that_everybody_may_have_are_kept(front: Front, address: str) -> None:
    path = address.format("marks")
    first, second = front.get(path), front.get(path)
    assert (first.status, first.headers["X-Cache"]) == (200, "MISS")
    assert (second.status, second.headers["X-Cache"], second.body) == (200, "HIT", first.body)
    assert "max-age=60" in second.headers["cache-control"]


@pytest.mark.parametrize("address", [*SHARED, *OTHERS])
def test_what_a_key_fetched_of_a_private_layer_nobody_else_gets(front: Front, address: str) -> None:
    path = address.format("secret")
    for _ in range(2):
        filled = front.get(path, front.insider)
        assert (filled.status, filled.headers["X-Cache"]) == (200, "MISS")
        assert "private" in filled.headers["cache-control"]
    for key in ("", front.reader):
        refused = front.get(path, key)
        assert refused.status in (400, 401, 403, 404)  # 400: WMTS has no other word for it in key-value pairs
        assert refused.headers["X-Cache"] == "MISS"
        assert filled.body not in refused.body
    assert front.get(path, front.insider).status == 200  # nor is a refusal kept


@pytest.mark.parametrize("address", [SHARED[0], SHARED[2], SHARED[5], OTHERS[0], OTHERS[3]])
def test_a_key_in_the_query_makes_an_address_of_its_own(front: Front, address: str) -> None:
    path = address.format("secret")
    assert [front.get(f"{path}?key={front.insider}").status for _ in range(2)] == [200, 200]
    assert front.get(path).status == 404
    assert front.get(f"{path}?key={front.reader}").status == 404
    assert front.get(f"{path}?key=none").status == 401


@pytest.mark.parametrize("path", LISTS)
def test_a_list_made_for_one_caller_is_not_given_to_another(front: Front, path: str) -> None:
    assert b"secret" in front.get(path, front.insider).body
    assert b"secret" not in front.get(path).body
    assert b"secret" not in front.get(path, front.reader).body
    assert b"secret" in front.get(path, front.insider).body


@pytest.mark.parametrize("path", ["/common/transform?from=EPSG:4326&to=EPSG:5186&points=37.5,127"])
def test_answers_of_functions_are_the_same_for_everybody_or_not_kept(front: Front, path: str) -> None:
    first, second = front.get(path, front.insider), front.get(path, front.reader)
    assert (first.status, second.status) == (200, 200)
    assert front.get(f"{path}&key=none").status == 401


@pytest.mark.parametrize(
    "path",
    [
        "/tiles/nowhere/1/1/0.mvt",
        "/tiles/marks/1/1/0.mvt",
        "/tiles/marks/99/0/0.mvt",
        "/wmts/1.0.0/nowhere/default/WebMercatorQuad/1/0/0.mvt",
        "/tms/1.0.0/nowhere/1/0/0.mvt",
        "/ogc/collections/nowhere/tiles/WebMercatorQuad/1/0/0",
        "/legends/marks.png?scale=9",
        f"/tiles/ortho/{TILE}.png?rescale=x",
        "/none",
    ],
)
def test_errors_are_never_kept(front: Front, path: str) -> None:
    for _ in range(2):
        answer = front.get(path)
        assert (400 <= answer.status < 500, answer.headers["X-Cache"]) == (True, "MISS")
        assert answer.headers["cache-control"] == "no-store"


def test_each_coding_is_kept_apart(front: Front) -> None:
    path = f"/tiles/plain/{TILE}.mvt"
    unpack = {"gzip": gzip.decompress, "br": brotli.decompress, "": bytes}
    plain = {}
    for coding, open_ in unpack.items():
        asked = {"Accept_Encoding": coding} if coding else {"Accept_Encoding": "identity"}
        first, again = front.get(path, **asked), front.get(path, **asked)
        assert [first.headers.get("content-encoding", ""), again.headers.get("content-encoding", "")] == [
            coding
        ] * 2
        assert (first.headers["X-Cache"], again.headers["X-Cache"]) == ("MISS", "HIT")
        plain[coding] = open_(again.body)
    assert len(set(plain.values())) == 1


def test_a_publication_shows_at_once_in_documents_and_within_the_stated_time_in_tiles(front: Front) -> None:
    tile, document = "/tiles/moving/2/3/1.mvt", "/tiles/moving.json"
    old, described = front.get(tile), front.get(document)
    house = House.open(settings_of(front.proxy.home))
    publish(house, Fake("moving", text="새"))
    house.close()
    time.sleep(2)
    assert front.get(document).headers["etag"] != described.headers["etag"]
    kept = front.get(tile)
    assert (kept.headers["X-Cache"], kept.body, kept.headers["etag"]) == ("HIT", old.body, old.headers["etag"])
    grow_old(front.proxy.home.parent / "cache", 61)
    stale = front.get(tile)  # the first caller after a minute; whoever comes next gets what it made the cache fetch
    assert (stale.headers["X-Cache"], stale.body) == ("STALE", old.body)
    time.sleep(1)
    fresh = front.get(tile)
    assert (fresh.headers["X-Cache"], fresh.body) == ("HIT", tile_bytes("moving", "새2"))


def test_what_has_not_changed_is_asked_about_by_its_entity_tag_and_not_sent_again(front: Front) -> None:
    tile = f"/tiles/marks/{TILE}.webp"
    first, kept = front.get(tile), front.get(tile)
    assert kept.headers["X-Cache"] == "HIT"
    grow_old(front.proxy.home.parent / "cache", 3600)  # longer than it may be given out stale
    again = front.get(tile)
    assert (again.headers["X-Cache"], again.body) == ("REVALIDATED", first.body)


def grow_old(cache: Path, seconds: int) -> None:
    """Make everything in nginx's cache so much older: the end of its validity stands in each file's head."""
    for path in cache.iterdir():
        head = path.read_bytes()
        version, valid = struct.unpack_from("<QQ", head)  # ngx_http_file_cache_header_t
        assert version == 5
        with path.open("r+b") as file:
            file.write(struct.pack("<QQ", version, valid - seconds))
