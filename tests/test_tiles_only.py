"""`naru serve --tiles-only`: the same tiles as the whole server's, and nothing else."""

from __future__ import annotations

import gzip
import http.client
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import NARU, clean_environ, free_port
from tests.serving import Fake, make_home, new_key, open_app, service_of, tile_bytes

TILE = "/tiles/roads/2/3/1.mvt"
needs_bjoern = pytest.mark.skipif(find_spec("bjoern") is None, reason="bjoern could not be built here")


@dataclass
class Running:
    """A started server, one kept connection to it, and a key."""

    process: subprocess.Popen[bytes]
    connection: http.client.HTTPConnection
    key: str

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Ask over the kept connection: an answer framed wrongly spoils the next one."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, headers={"X-API-Key": self.key, **named})
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serve one layer's tiles from one process."""
    home, port = tmp_path_factory.mktemp("tiles-only") / "home", free_port()
    app = open_app(make_home(home, Fake("roads")))
    _, key = new_key(app)
    service_of(app).close()
    words = ["--home", str(home), "serve", "--port", str(port), "--workers", "1", "--tiles-only"]
    process = subprocess.Popen([*NARU, *words], env=clean_environ(), stdout=subprocess.DEVNULL)
    try:
        served = Running(process, _connect(port, process), key)
        yield served
        served.connection.close()
    finally:
        process.terminate()
        assert process.wait(20) == 0


def _connect(port: int, process: subprocess.Popen[bytes]) -> http.client.HTTPConnection:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.connect()
            return connection
        except OSError:
            time.sleep(0.1)
    pytest.fail("the tile processes did not come up")


@needs_bjoern
def test_one_connection_carries_tiles_empty_ones_304_and_head(running: Running) -> None:
    stored = gzip.compress(tile_bytes("roads", "중구2"), mtime=0)
    status, headers, body = running.get(TILE, Accept_Encoding="gzip")
    assert (status, headers["Content-Encoding"], body) == (200, "gzip", stored)
    assert headers["Content-Length"] == str(len(stored))
    status, again, body = running.get(TILE, Accept_Encoding="gzip", If_None_Match=headers["ETag"])
    assert (status, body, again["Content-Length"]) == (304, b"", None)
    status, headers, body = running.get(TILE, "HEAD", Accept_Encoding="gzip")
    assert (status, headers["Content-Length"], body) == (200, str(len(stored)), b"")
    status, headers, body = running.get("/tiles/roads/2/0/0.mvt")
    assert (status, headers["OATiles-hint"], headers["Content-Length"], body) == (204, "empty", None, b"")
    assert running.get(TILE, Accept_Encoding="gzip")[2] == stored


@needs_bjoern
@pytest.mark.parametrize("path", ["/", "/api/layers", "/tiles/roads.json", "/tiles/roads/2/3/1.png"])
def test_anything_else_is_misdirected(running: Running, path: str) -> None:
    status, headers, body = running.get(path)
    assert (status, headers["Content-Type"]) == (421, "application/problem+json")
    assert b'"MISDIRECTED"' in body


@needs_bjoern
def test_refusals_are_those_of_the_whole_server(running: Running) -> None:
    status, _, body = running.get("/tiles/nowhere/2/3/1.mvt")
    assert (status, b"LAYER_NOT_FOUND" in body) == (404, True)
    status, _, body = running.get(TILE, X_API_Key="nru_live_wrong")
    assert (status, b"KEY_INVALID" in body) == (401, True)


@needs_bjoern
def test_a_process_that_dies_is_replaced(running: Running) -> None:
    port = running.connection.port
    (child,) = _children(running.process.pid)
    os.kill(child, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and _children(running.process.pid) in ([], [child]):
        time.sleep(0.1)
    running.connection.close()
    running.connection = _connect(port, running.process)
    assert running.get(TILE)[0] == 200


def _children(pid: int) -> list[int]:
    """Return the tile processes of a server; multiprocessing keeps a tracker beside them."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
