"""Spare threads: aside until they are needed, aside again afterwards, gone when the server stops."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Served, naru_json, start_server, stop_server
from tests.serving import Fake, make_home
from tileserver.spares import SPARES

TILE = "/tiles/seoul-gu/2/3/1.mvt"
WORKERS = 2


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    make_home(tmp_path / "home", Fake("seoul-gu"))
    running = start_server(tmp_path / "home", tmp_path / "serve.log", workers=WORKERS)
    yield running
    stop_server(running)


def to_itself(served: Served) -> int:
    """Return how many connections lead from the server's machine to the server."""
    port = int(served.url.rsplit(":", 1)[1])
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    states = [(line.split()[1].endswith(f":{port:04X}"), line.split()[3]) for line in lines]
    return sum(ours and state == "01" for ours, state in states)  # 01: established (include/net/tcp_states.h)


def eventually(served: Served, wanted: int) -> bool:
    ends = time.monotonic() + 20
    while to_itself(served) != wanted and time.monotonic() < ends:
        time.sleep(0.1)
    return to_itself(served) == wanted


def test_every_worker_keeps_its_spare_threads_aside_and_lets_them_go_to_stop(served: Served) -> None:
    assert eventually(served, WORKERS * SPARES)
    assert served.get(TILE).status == 200
    asked = time.monotonic()
    stop_server(served)
    assert time.monotonic() - asked < 8  # granian kills after ten seconds what does not end
    assert "refused" not in served.log.read_text()


def test_tiles_are_served_while_every_place_for_a_body_is_taken(served: Served) -> None:
    key = naru_json("keys", "create", "--name", "t", "--functions", "manage", home=served.home)["key"]
    time.sleep(1.5)
    host, port = served.url.removeprefix("http://").split(":")
    head = f"POST /api/uploads HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Length: 100000\r\n"
    head += "Content-Type: multipart/form-data; boundary=xyzzy\r\n\r\n--xyzzy\r\n"
    slow = [socket.create_connection((host, int(port)), timeout=20) for _ in range(WORKERS * SPARES)]
    for caller in slow:
        caller.sendall(head.encode())
    time.sleep(1)
    try:
        for _ in range(10):
            connection = http.client.HTTPConnection(host, int(port), timeout=10)
            connection.request("GET", TILE)
            assert connection.getresponse().status == 200
            connection.close()
    finally:
        for caller in slow:
            caller.close()
    assert served.get(TILE).status == 200


def test_nobody_else_can_keep_a_thread_waiting(served: Served) -> None:
    assert served.get("/spare-0").status == 404
    assert served.get("/spare-guess-0").status == 404
