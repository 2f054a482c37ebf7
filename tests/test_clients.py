"""Programs that are not ours, against the running server: Debian's GDAL, and nginx as a shared cache in front."""

from __future__ import annotations

import getpass
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import mercantile
import pytest

from tests.conftest import Served, free_port, naru_json, require_tool, start_server, stop_server
from tests.test_ingest import points

CITY_HALL = (126.978, 37.5666)
NGINX = """
user {user};
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
daemon off;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/temp;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_cache_path {folder}/cache keys_zone=tiles:1m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass {upstream};
            proxy_cache tiles;
            add_header X-Cache $upstream_cache_status always;
        }}
    }}
}}
"""


def tile_path(layer: str, zoom: int) -> str:
    tile = mercantile.tile(*CITY_HALL, zoom)
    return f"/tiles/{layer}/{tile.z}/{tile.x}/{tile.y}.mvt"


def test_debians_gdal_reads_a_tile_over_http(served_demo: Served) -> None:
    ogrinfo = require_tool("ogrinfo")
    address = f"MVT:{served_demo.url}{tile_path('seoul-gu', 11)}"
    done = subprocess.run(
        [ogrinfo, "-ro", "-al", "-geom=SUMMARY", address], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Layer name: seoul-gu\n" in done.stdout
    assert "시군구명 (String) = 종로구" in done.stdout
    assert "Layer name: seoul-gu--label" in done.stdout


@pytest.fixture(scope="module")
def behind_nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """A server behind nginx with proxy_cache, with a public and a private layer, and a key for the private one."""
    nginx = require_tool("nginx")
    folder = tmp_path_factory.mktemp("nginx")
    home = folder / "home"
    naru_json("ingest", str(points(folder / "open.geojson", 3)), "--id", "open", home=home)
    naru_json("ingest", str(points(folder / "own.geojson", 3)), "--id", "own", "--visibility", "private", home=home)
    words = ("--name", "office", "--functions", "content", "--access", "private", "--day", "1000")
    key = naru_json("keys", "create", *words, home=home)["key"]
    served = start_server(home, folder / "serve.log")
    port = free_port()
    configuration = folder / "nginx.conf"
    settings = {"folder": folder, "port": port, "upstream": served.url, "user": getpass.getuser()}
    configuration.write_text(NGINX.format(**settings))
    proxy = subprocess.Popen([nginx, "-p", str(folder), "-c", str(configuration)], stderr=subprocess.DEVNULL)
    front = replace(served, url=f"http://127.0.0.1:{port}")
    try:
        wait_for(front, folder)
        yield front, key
    finally:
        proxy.terminate()
        proxy.wait(timeout=10)
        stop_server(served)


def wait_for(front: Served, folder: Path) -> None:
    for _ in range(100):
        try:
            assert front.get("/health/ready").status == 200
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail((folder / "error.log").read_text())


def test_a_shared_cache_keeps_public_tiles(behind_nginx: tuple[Served, str]) -> None:
    front, _ = behind_nginx
    path = tile_path("open", 8)
    first, second = (front.get(path, Accept_Encoding="gzip") for _ in range(2))
    assert (first.status, first.headers["X-Cache"]) == (200, "MISS")
    assert (second.status, second.headers["X-Cache"]) == (200, "HIT")
    assert second.body == first.body
    assert second.headers["content-encoding"] == "gzip"
    plain = front.get(path)  # the packed variant must not be given to who cannot unpack it
    assert "content-encoding" not in plain.headers


def test_a_shared_cache_never_keeps_private_tiles(behind_nginx: tuple[Served, str]) -> None:
    front, key = behind_nginx
    path = tile_path("own", 8)
    for _ in range(2):
        answer = front.get(path, X_API_Key=key)
        assert (answer.status, answer.headers["X-Cache"]) == (200, "MISS")
    assert front.get(path).status == 404
    assert front.get(f"{path}?key={key}").status == 200
    assert front.get(path).status == 404


def test_an_error_is_not_kept_as_a_tile(behind_nginx: tuple[Served, str]) -> None:
    front, _ = behind_nginx
    for _ in range(2):
        answer = front.get(tile_path("nowhere", 8))
        assert (answer.status, answer.headers["X-Cache"]) == (404, "MISS")
