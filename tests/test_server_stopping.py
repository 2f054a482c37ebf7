"""The server is asked to stop while at work: everybody gets a whole answer, soon, and nothing is miscounted."""

from __future__ import annotations

import http.client
import signal
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from naru.house import House
from tests.conftest import Served, naru_json, start_server, stop_server
from tests.handing_in import PIECE
from tests.rasters import Scene, publish_raster
from tests.serving import Fake, make_home, settings_of
from tileserver import hanging_up

TILE = "/tiles/roads/2/3/1.mvt"
SOON_S = 8.0  # a stalled upload is given two seconds; the rest is for a busy machine. Killed would be ten and more
pytestmark = pytest.mark.skipif(not hanging_up.possible(), reason="this system does not tell what is unsent")


@dataclass
class Office:
    """A running server, and keys to read and to manage it."""

    served: Served
    reader: dict[str, str]
    manager: dict[str, str]

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.served.url.removeprefix("http://").partition(":")
        return host, int(port)

    def stop(self) -> tuple[int, float]:
        """Stop it politely; return the exit code and after how many seconds it came."""
        began = time.monotonic()
        self.served.process.send_signal(signal.SIGTERM)
        return self.served.process.wait(20), time.monotonic() - began

    def send(self, head: str, body: bytes) -> socket.socket:
        """Send a request's head and a part of its body over a connection of its own."""
        caller = socket.create_connection(self.address, timeout=20)
        caller.sendall(f"{head}\r\nHost: x\r\nX-API-Key: {self.manager['key']}\r\n\r\n".encode() + body)
        return caller


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    home = tmp_path / "home"
    make_home(home, Fake("roads"))
    house = House.open(settings_of(home))
    publish_raster(house, Scene("ortho"))
    house.close()
    reader = naru_json("keys", "create", "--name", "r", "--functions", "content", "--day", "1000000", home=home)
    manager = naru_json("keys", "create", "--name", "m", "--functions", "content,manage", home=home)
    served = start_server(home, tmp_path / "serve.log", workers=2)
    yield Office(served, reader, manager)
    stop_server(served)


@dataclass
class Crowd:
    """Callers who ask for tiles over kept connections until the server is gone."""

    office: Office
    whole: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def run(self, paths: list[str]) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._ask, args=(path,)) for path in paths]
        for thread in threads:
            thread.start()
        return threads

    def _ask(self, path: str) -> None:
        with closing(http.client.HTTPConnection(*self.office.address, timeout=20)) as connection:
            while True:
                try:
                    connection.request("GET", path, headers={"X-API-Key": self.office.reader["key"]})
                    answer = connection.getresponse()
                except (ConnectionError, http.client.RemoteDisconnected):  # not accepted any more: no answer at all
                    return
                try:
                    answer.read()
                except (OSError, http.client.HTTPException) as error:
                    self.faults[f"cut off: {error}"] += 1
                    return
                if answer.status == 200:
                    self.whole += 1
                else:
                    self.faults[str(answer.status)] += 1


def counted(office: Office) -> int:
    """Return what the store says the reader's key has used today, and leased beyond it."""
    with closing(sqlite3.connect(office.served.home / "catalog.sqlite")) as catalogue:
        rows = catalogue.execute(
            "SELECT counted, leased FROM quota_windows WHERE key_id = ? AND length(window) = 10",
            (office.reader["id"],),
        ).fetchall()
    assert all(used == leased for used, leased in rows)
    return sum(used for used, _ in rows)


def test_a_stop_cuts_no_answer_short_and_counts_exactly_what_was_answered(office: Office) -> None:
    crowd = Crowd(office)
    pictures = ["/tiles/ortho/14/13968/6344.png?rescale=0,200", "/tiles/roads/4/13/6.png", "/legends/roads.png"]
    callers = crowd.run([TILE] * 13 + pictures)
    time.sleep(1.5)
    code, seconds = office.stop()
    for caller in callers:
        caller.join()
    assert (code, crowd.faults) == (0, Counter())
    assert seconds < SOON_S
    assert crowd.whole > 100
    # a request that was answered just when its connection closed may have been counted and not heard
    assert crowd.whole <= counted(office) <= crowd.whole + len(callers)


def test_a_stalled_upload_holds_a_stop_up_for_seconds_and_its_caller_is_told(office: Office) -> None:
    form = office.send(
        "POST /api/uploads HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 5000",
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.geojson"\r\n\r\n{"type"',
    )
    began = office.send("POST /api/uploads HTTP/1.1\r\nTus-Resumable: 1.0.0\r\nUpload-Length: 5000", b"")
    location = http.client.HTTPResponse(began)
    location.begin()
    words = "Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Length: 5000"
    address = location.headers["Location"]
    resumable = office.send(f"PATCH {address} HTTP/1.1\r\nContent-Type: {PIECE}\r\n{words}", b"x" * 1234)
    time.sleep(1)
    code, seconds = office.stop()
    assert code == 0
    assert hanging_up.GRACE_S <= seconds < SOON_S
    for caller in (form, resumable):
        answer = http.client.HTTPResponse(caller)
        answer.begin()
        assert (answer.status, b"NOT_READY" in answer.read()) == (503, True)
        assert answer.headers["Retry-After"]
        caller.close()
    began.close()
    [kept] = (office.served.home / "uploads").iterdir()  # of the form nothing, of the resumable one what had come
    assert kept.name == address.rpartition("/")[2]
    assert sum(path.stat().st_size for path in kept.glob("files/*")) == 1234


def test_an_upload_that_still_arrives_may_come_to_its_end(office: Office) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.geojson"\r\n\r\n{}\r\n--x--\r\n'
    length = f"Content-Length: {len(body)}"
    caller = office.send(
        f"POST /api/uploads HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\n{length}", body[:50]
    )
    time.sleep(0.5)
    stopping = threading.Timer(0.5, caller.sendall, (body[50:],))
    stopping.start()
    code, seconds = office.stop()
    answer = http.client.HTTPResponse(caller)
    answer.begin()
    assert (code, answer.status) == (0, 202), answer.read()
    assert seconds < SOON_S
    caller.close()


def test_a_stop_ends_event_streams_whole(office: Office) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.geojson"\r\n\r\n{}\r\n--x--\r\n'
    length = f"Content-Length: {len(body)}"
    handed = office.send(
        f"POST /api/uploads HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\n{length}", body
    )
    accepted = http.client.HTTPResponse(handed)
    accepted.begin()
    stream = office.send(f"GET {accepted.headers['Location']}/events HTTP/1.1", b"")
    answer = http.client.HTTPResponse(stream)
    answer.begin()
    answer.readline()
    code, seconds = office.stop()
    assert answer.read().endswith(b"\n\n")  # http.client raises IncompleteRead where a stream is cut off
    assert (code, seconds < SOON_S) == (0, True)
    handed.close()
    stream.close()
