"""Uploads to a running server with its worker: over sockets, across kills, with files that kill their parser."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Served, naru, naru_json, start_server, stop_server
from tests.handing_in import PIECE, events, geojson

TUS = {"Tus-Resumable": "1.0.0"}


@dataclass
class Office:
    """A running server, and a key to manage it."""

    served: Served
    key: str

    def ask(
        self, method: str, path: str, body: bytes = b"", *, patience: float = 60, **headers: str
    ) -> http.client.HTTPResponse:
        """Send one request; underscores in header names stand for hyphens. The answer's body is read already."""
        host, port = self.served.url.removeprefix("http://").split(":")
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(http.client.HTTPConnection(host, int(port), timeout=patience)) as connection:
            connection.request(method, path, body, {"X-API-Key": self.key, **said})
            answer = connection.getresponse()
            answer.body = answer.read()  # type: ignore[attr-defined]
        return answer

    def json(self, path: str) -> Any:
        """Fetch a JSON document."""
        return json.loads(self.ask("GET", path).body)  # type: ignore[attr-defined]

    def send(self, name: str, content: bytes, **options: str) -> str:
        """Hand a file in; return its job's address."""
        answer = self.ask("POST", "/api/uploads", form(name, content, options), Content_Type=FORM)
        assert answer.status == 202, answer.body  # type: ignore[attr-defined]
        location = answer.getheader("Location")
        assert location
        return location

    def end_of(self, job: str) -> Mapping[str, Any]:
        """Follow a job's events to their end; return the job."""
        return events(self.ask("GET", f"{job}/events").body)[-1][1]  # type: ignore[attr-defined]


FORM = "multipart/form-data; boundary=xyzzy"


def form(name: str, content: bytes, options: Mapping[str, str]) -> bytes:
    fields = [f'--xyzzy\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in options.items()]
    head = f'--xyzzy\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return "".join(fields).encode() + head.encode() + content + b"\r\n--xyzzy--\r\n"


def opened(home: Path, log: Path, **environ: str) -> Office:
    words = ("--name", "t", "--functions", "content,manage", "--access", "private")
    key = naru_json("keys", "create", *words, home=home)["key"]
    return Office(start_server(home, log, workers=2, worker=True, **environ), key)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    one = opened(folder / "home", folder / "log", NARU_MAX_UPLOAD_MB="64")
    yield one
    stop_server(one.served)


def test_a_korean_zip_is_on_the_map_with_one_request(office: Office, shared: Any) -> None:
    content = shared("data/archives/korean_names_cp949.zip").read_bytes()
    job = office.end_of(office.send("서울시 자치구.zip", content, id="gu"))
    assert job["state"] == "done", job["error"]
    assert (job["file"], job["layers"][0]["features_published"]) == ("서울시 자치구.zip", 25)
    assert wait_for(lambda: office.ask("GET", "/tiles/gu/10/873/396.mvt").status == 200)
    assert wait_for(
        lambda: office.json("/api/layers/gu")["title"] == {"ko": "서울시 자치구", "en": "서울시 자치구"}
    )


def wait_for(what: Any, seconds: float = 20) -> bool:
    """Return whether `what()` comes true in time."""
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def test_a_large_body_goes_to_the_disk_and_not_into_memory(office: Office) -> None:
    before = {pid: memory(pid) for pid in server_processes(office.served)}
    job = office.send("큰.zip", os.urandom(60 * 2**20), id="large")
    grown = [memory(pid) - was for pid, was in before.items()]
    assert max(grown) < 30 * 2**20
    assert office.end_of(job)["state"] == "failed"
    assert wait_for(lambda: not uploads_in(office.served.home))


def server_processes(served: Served) -> list[int]:
    """Return the ids of the server's worker processes."""
    return [int(pid) for pid in children(served.process.pid)]


def children(pid: int) -> list[int]:
    return [
        int(word)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for word in (task / "children").read_text().split()
    ]


def memory(pid: int) -> int:
    """Return the most memory that a process has had so far, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def test_a_request_that_is_cut_short_leaves_nothing(office: Office) -> None:
    host, port = office.served.url.removeprefix("http://").split(":")
    body = form("a.geojson", geojson(count=5000), {})
    with socket.create_connection((host, int(port))) as caller:
        head = f"POST /api/uploads HTTP/1.1\r\nHost: x\r\nX-API-Key: {office.key}\r\nContent-Type: {FORM}\r\n"
        caller.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[: len(body) // 2])
        assert wait_for(lambda: uploads_in(office.served.home))
    assert wait_for(lambda: not uploads_in(office.served.home))


def uploads_in(home: Path) -> list[str]:
    return [path.name for path in (home / "uploads").glob("*")]


def test_a_body_without_a_length_is_taken_too(office: Office) -> None:
    host, port = office.served.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    body = form("조각.geojson", geojson(count=2000), {"id": "chunked"})
    pieces = (body[at : at + 10_000] for at in range(0, len(body), 10_000))
    headers = {"X-API-Key": office.key, "Content-Type": FORM}
    connection.request("POST", "/api/uploads", pieces, headers, encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 202
    assert office.end_of(answer.getheader("Location") or "")["layers"][0]["features_published"] == 2000
    connection.close()


def test_a_caller_that_would_send_too_much_hears_so_before_it_sends(office: Office) -> None:
    host, port = office.served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as caller:
        head = f"POST /api/uploads HTTP/1.1\r\nHost: x\r\nX-API-Key: {office.key}\r\nContent-Type: {FORM}\r\n"
        caller.sendall(f"{head}Content-Length: {2**40}\r\n\r\n".encode())
        answer = b""
        while b"UPLOAD_SIZE" not in answer and (piece := caller.recv(65536)):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 413 ") and b"UPLOAD_SIZE" in answer


def test_a_caller_that_is_refused_while_it_sends_hears_why(office: Office) -> None:
    answer = office.ask("POST", "/api/uploads", form("a.kml", b"x" * 2**24, {"id": "No Id"}), Content_Type=FORM)
    assert (answer.status, json.loads(answer.body)["field"]) == (400, "id")  # type: ignore[attr-defined]


def test_a_job_at_work_is_cancelled_and_its_parser_ends(office: Office) -> None:
    job = office.send("많다.geojson", geojson(count=60_000), id="many")
    assert wait_for(lambda: office.json(job)["stage"] not in ("waiting", "receive"))
    before = time.monotonic()
    assert json.loads(office.ask("DELETE", job).body)["state"] == "cancelled"  # type: ignore[attr-defined]
    assert wait_for(lambda: not parsers() and not uploads_in(office.served.home), 10)
    assert time.monotonic() - before < 5
    assert office.ask("GET", "/api/layers/many").status == 404
    assert office.end_of(office.send("x.geojson", geojson(), id="after"))["state"] == "done"


def parsers() -> list[int]:
    """Return the children that parse files now: those of a zygote."""
    return [child for zygote in zygotes() for child in children(zygote)]


def zygotes() -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"naru.zygote" in line and is_ours(int(entry.name)):
                found.append(int(entry.name))
    return found


_served_pid: list[int] = []


@pytest.fixture(autouse=True, scope="module")
def remember(office: Office) -> None:
    _served_pid[:] = [office.served.process.pid]


def is_ours(pid: int) -> bool:
    """Whether a process descends from the server under test: others test at the same time."""
    while pid > 1:
        if pid in _served_pid:
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


def test_what_kills_a_parser_kills_nothing_else(office: Office) -> None:
    before = {*server_processes(office.served), *zygotes()}
    job = office.send("죽음.geojson", geojson(count=60_000), id="deadly")
    assert wait_for(parsers)
    for parser in parsers():
        os.kill(parser, signal.SIGSEGV)
    ended = office.end_of(job)
    assert (ended["state"], ended["error"]["code"]) == ("failed", "PARSER_DIED")
    assert ended["error"]["file"] == "죽음.geojson" and ended["error"]["remedy"]
    assert before <= {*server_processes(office.served), *zygotes()}
    assert office.end_of(office.send("x.geojson", geojson(), id="alive"))["state"] == "done"


def test_a_slow_upload_does_not_stand_before_a_tile(office: Office) -> None:
    office.end_of(office.send("x.geojson", geojson(), id="tile"))
    host, port = office.served.url.removeprefix("http://").split(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(4)]
    head = f"POST /api/uploads HTTP/1.1\r\nHost: x\r\nX-API-Key: {office.key}\r\nContent-Type: {FORM}\r\n"
    for caller in slow:
        caller.sendall(f"{head}Content-Length: 100000\r\n\r\n--xyzzy\r\n".encode())
    time.sleep(0.5)
    try:
        assert all(office.ask("GET", "/tiles/tile.json", patience=5).status == 200 for _ in range(5))
    finally:
        for caller in slow:
            caller.close()


def test_a_resumable_upload_survives_a_killed_server(tmp_path: Path) -> None:
    home, data = tmp_path / "home", geojson("종로", 3000)
    office = opened(home, tmp_path / "log")
    try:
        said = {"filename": "종로구.geojson", "id": "jongno"}
        metadata = ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in said.items())
        begun = office.ask("POST", "/api/uploads", Upload_Length=str(len(data)), Upload_Metadata=metadata, **TUS)
        address = begun.getheader("Location") or ""
        third = len(data) // 3
        said = {**TUS, "Content_Type": PIECE}
        office.ask("PATCH", address, data[:third], Upload_Offset="0", **said)
        broken = socket.create_connection(office.served.url.removeprefix("http://").rsplit(":", 1), timeout=30)
        head = f"PATCH {address} HTTP/1.1\r\nHost: x\r\nX-API-Key: {office.key}\r\nTus-Resumable: 1.0.0\r\n"
        head += f"Content-Type: {PIECE}\r\nUpload-Offset: {third}\r\nContent-Length: {2 * third}\r\n\r\n"
        broken.sendall(head.encode() + data[third : 2 * third])
        assert wait_for(lambda: size_of(home) > third)
        for pid in (office.served.process.pid, *server_processes(office.served)):
            os.kill(pid, signal.SIGKILL)
        office.served.process.wait()
        broken.close()
        there = size_of(home)
        office = Office(start_server(home, tmp_path / "log2", workers=2, worker=True), office.key)
        asked = office.ask("HEAD", address, **TUS)
        offset = int(asked.getheader("Upload-Offset") or -1)
        assert third < offset == there <= 2 * third
        last = office.ask("PATCH", address, data[offset:], Upload_Offset=str(offset), **said)
        job = office.end_of(last.getheader("Naru-Job") or "")
        assert job["state"] == "done", job["error"]
        assert (job["layers"][0]["id"], job["layers"][0]["features_published"]) == ("jongno", 3000)
    finally:
        stop_server(office.served)


def size_of(home: Path) -> int:
    """Return how many bytes the one upload of a home has on the disk."""
    return sum(path.stat().st_size for path in (home / "uploads").glob("*/files/*"))


def test_no_key_is_in_the_log_or_the_catalogue(office: Office) -> None:
    office.ask("POST", f"/api/uploads?key={office.key}", b"x", Content_Type=FORM)
    secret = office.key.encode()
    assert secret not in office.served.log.read_bytes()
    with sqlite3.connect(office.served.home / "catalog.sqlite") as catalogue:
        assert secret.decode() not in "\n".join(catalogue.iterdump())
    catalogue.close()


def test_gc_leaves_a_running_servers_uploads_alone(office: Office) -> None:
    job = office.send("많다.geojson", geojson(count=5_000), id="swept")
    ender = threading.Thread(target=lambda: naru("gc", "--grace", "0", home=office.served.home))
    ender.start()
    assert office.end_of(job)["state"] == "done"
    ender.join()
