"""The lines for nginx in docs/operators.md, as they stand there, before the whole server and the tiles' own."""

from __future__ import annotations

import getpass
import http.client
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import pytest

from tests.conftest import (
    NARU,
    ROOT,
    clean_environ,
    free_port,
    naru_json,
    require_tool,
    start_server,
    stop_server,
)
from tests.test_ingest import points

pytestmark = pytest.mark.skipif(find_spec("bjoern") is None, reason="bjoern could not be built here")
TILE = "/tiles/sites/0/0/0"
OWN = """user {user};
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
{documented}
}}
"""


def documented(front: int, whole: int, tiles: int) -> str:
    """Return both blocks as one: the locations of the second stand in the first one's server."""
    text = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
    proxy, fast = re.findall(r"^```nginx\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    upstreams, locations = fast.split("    location", 1)
    lines = upstreams + proxy.rstrip().removesuffix("}") + "    location" + locations + "}\n"
    lines = lines.replace("127.0.0.1:8000", f"127.0.0.1:{whole}").replace("127.0.0.1:8001", f"127.0.0.1:{tiles}")
    return lines.replace("server {\n", f"server {{\n    listen 127.0.0.1:{front};\n", 1)


@contextmanager
def started(*words: str, **environ: str) -> Iterator[None]:
    process = subprocess.Popen([*words], env={**clean_environ(), **environ}, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, http.client.HTTPMessage]:
    """Return status and headers of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers
    finally:
        connection.close()


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run both servers and nginx before them; give its port."""
    nginx, folder = require_tool("nginx"), tmp_path_factory.mktemp("documented")
    naru_json("ingest", str(points(folder / "sites.geojson", 3)), "--id", "sites", home=folder / "home")
    whole = start_server(folder / "home", folder / "serve.log")
    port, tiles = free_port(), free_port()
    lines = documented(port, int(whole.url.rsplit(":", 1)[1]), tiles)
    (folder / "nginx.conf").write_text(OWN.format(user=getpass.getuser(), folder=folder, documented=lines))
    serve = (*NARU, "--home", str(folder / "home"), "serve", "--tiles-only", "--port", str(tiles), "--workers", "1")
    try:
        with started(*serve), started(nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")):
            wait_for(port)
            yield port
    finally:
        stop_server(whole)


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if ask(port, f"{TILE}.mvt")[0] == 200:
                return
        except OSError:  # nginx is not there yet; before the tiles are, it says 502
            pass
        time.sleep(0.1)
    pytest.fail("the proxy and the tiles did not come up")


def test_stored_tiles_come_through(front: int) -> None:
    status, headers = ask(front, f"{TILE}.mvt")
    assert (status, headers["Content-Type"]) == (200, "application/vnd.mapbox-vector-tile")


@pytest.mark.parametrize(
    ("path", "media_type"), [(f"{TILE}.png", "image/png"), ("/tiles/sites.json", "application/json")]
)
def test_what_the_tiles_server_does_not_know_comes_from_the_whole_one(
    path: str, media_type: str, front: int
) -> None:
    status, headers = ask(front, path)
    assert (status, headers["Content-Type"]) == (200, media_type)


@pytest.mark.parametrize("path", [f"{TILE}.mvt", "/tiles/sites.json", "/api/layers"])
def test_a_page_may_send_its_key_as_a_header(path: str, front: int) -> None:
    asked = {"Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "x-api-key"}
    status, headers = ask(front, path, "OPTIONS", Origin="https://map.example", **asked)
    assert status == 204
    assert "X-API-Key" in headers["Access-Control-Allow-Headers"]


def test_nothing_is_sent_to_the_tiles(front: int) -> None:
    assert ask(front, f"{TILE}.mvt", "POST")[0] == 403
