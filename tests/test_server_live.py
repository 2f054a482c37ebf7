"""The real server from outside: processes, sockets, signals."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from naru.database import Database
from naru.house import House
from naru.schema import quota_windows
from tests.conftest import NARU, Served, clean_environ, free_port, naru, naru_json, start_server, stop_server
from tests.processes import alive
from tests.serving import Fake, make_home, publish, settings_of, tile_bytes

TILE = "/tiles/seoul-gu/2/3/1.mvt"
FAKES = (Fake("seoul-gu"), Fake("secret", "private"))
QUOTA = 50
SLOW_CALLERS = 1300


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("live")
    make_home(folder / "home", *FAKES)
    running = start_server(folder / "home", folder / "serve.log", workers=2)
    yield running
    stop_server(running)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Served]:
    """A server for one test, which may break it."""
    make_home(tmp_path / "home", *FAKES)
    running = start_server(tmp_path / "home", tmp_path / "serve.log", workers=2)
    yield running
    stop_server(running)


def make_key(home: Path, *words: str) -> dict[str, str]:
    """Make a key for content layers and wait until the workers know it."""
    made = naru_json("keys", "create", "--name", "t", "--functions", "content", *words, home=home)
    time.sleep(1)
    return made


def get(served: Served, path: str, **headers: str) -> int:
    """Ask over a connection of its own, which any worker may take; return the status."""
    connection = http.client.HTTPConnection(*served.url.removeprefix("http://").split(":"), timeout=30)
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def children(served: Served) -> list[int]:
    """Return the process ids of the server's direct children."""
    threads = Path(f"/proc/{served.process.pid}/task").glob("*/children")
    return [int(child) for thread in threads for child in thread.read_text().split()]


def eventually(true: Callable[[], bool], within: float) -> bool:
    """Tell whether `true` became true within some seconds."""
    ends = time.monotonic() + within
    while time.monotonic() < ends:
        if true():
            return True
        time.sleep(0.05)
    return true()


def hammer(served: Served, text: str, *, threads: int, times: int) -> Counter[int]:
    """Ask for a tile from many threads; return how often each status came."""
    seen: Counter[int] = Counter()

    def ask() -> None:
        for _ in range(times):
            seen[get(served, TILE, X_API_Key=text)] += 1

    crowd = [threading.Thread(target=ask) for _ in range(threads)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    return seen


def test_two_workers_and_many_clients_get_exactly_the_quota(served: Served) -> None:
    made = make_key(served.home, "--day", str(QUOTA))
    assert hammer(served, made["key"], threads=8, times=25) == {200: QUOTA, 429: 8 * 25 - QUOTA}
    time.sleep(2)
    assert naru_json("keys", "show", made["id"], home=served.home)["used_today"] == QUOTA


def test_every_request_of_an_unlimited_key_is_counted(served: Served) -> None:
    made = make_key(served.home)
    assert hammer(served, made["key"], threads=4, times=50) == {200: 200}
    time.sleep(2)
    assert naru_json("keys", "show", made["id"], home=served.home)["used_today"] == 200


def test_a_publication_is_seen_by_every_worker_within_two_seconds(served: Served) -> None:
    house = House.open(settings_of(served.home))
    publish(house, Fake("seoul-gu", text="새 구"))
    house.close()
    time.sleep(2)
    for _ in range(20):
        assert served.get(TILE).body == tile_bytes("seoul-gu", "새 구2")


def test_a_revoked_key_is_refused_by_every_worker_within_two_seconds(served: Served) -> None:
    made = make_key(served.home)
    assert {get(served, TILE, X_API_Key=made["key"]) for _ in range(10)} == {200}
    naru_json("keys", "revoke", made["id"], home=served.home)
    time.sleep(2)
    assert {get(served, TILE, X_API_Key=made["key"]) for _ in range(20)} == {401}


def raw(served: Served, request: bytes) -> bytes:
    """Send bytes as they are; return all that comes back."""
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    "path",
    [
        "/tiles/seoul-gu/١/0/0.mvt".encode(),
        b"/tiles/seoul-gu/%D9%A1/0/0.mvt",
        b"/tiles/seoul-gu/01/0/0.mvt",
        b"/tiles/seoul-gu/%2B1/0/0.mvt",
        b"/tiles/seoul-gu/1e3/0/0.mvt",
        b"/tiles/seoul-gu/-1/0/0.mvt",
        b"/tiles/seoul-gu/" + b"9" * 32 + b"/0/0.mvt",
        b"/tiles/seoul-gu/25/0/0.mvt",
        b"/tiles/seoul-gu/1/0/0%00.mvt",
        b"/tiles/../../etc/passwd",
        b"/static/..%2f..%2f..%2fetc%2fpasswd",
        b"/static/%2e%2e/app.py",
        b"//etc/passwd",
        b"/tiles/\xff\xfe/1/0/0.mvt",
    ],
)
def test_what_no_client_would_send_is_refused(served: Served, path: bytes) -> None:
    answer = raw(served, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400"))
    assert b"root:" not in answer
    assert get(served, "/health/ready") == 200


def test_a_forged_host_reaches_no_document(served: Served) -> None:
    for target in (b"/tiles/seoul-gu.json", b"/styles/naru.json", b"http://evil.example/api/layers", b"//"):
        answer = raw(served, b"GET " + target + b" HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 ")
        assert b"evil.example" not in answer


def test_head_and_conditions_over_a_kept_connection(served: Served) -> None:
    connection = http.client.HTTPConnection(*served.url.removeprefix("http://").split(":"), timeout=30)
    connection.request("GET", TILE)
    answer = connection.getresponse()
    body, tag = answer.read(), answer.headers["ETag"]
    connection.request("HEAD", TILE)
    head = connection.getresponse()
    assert (head.read(), head.headers["Content-Length"]) == (b"", str(len(body)))
    connection.request("GET", TILE, headers={"If-None-Match": tag})
    again = connection.getresponse()
    assert (again.status, again.read()) == (304, b"")
    connection.close()


def test_callers_who_never_finish_their_request_keep_nobody_else_waiting(own_server: Served) -> None:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files[1] < 2 * SLOW_CALLERS:
        pytest.skip(f"this system allows a process {files[1]} files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(files[0], 2 * SLOW_CALLERS), files[1]))
    host, port = own_server.url.removeprefix("http://").split(":")
    with ExitStack() as stack:
        for _ in range(SLOW_CALLERS):
            slow = stack.enter_context(socket.create_connection((host, int(port)), timeout=20))
            slow.sendall(b"GET /tiles/seoul-gu/2/3/1.mvt HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        began = time.monotonic()
        assert {get(own_server, TILE) for _ in range(20)} == {200}
        assert time.monotonic() - began < 5
        assert slow.recv(1) == b""  # and is let go after a while
    resource.setrlimit(resource.RLIMIT_NOFILE, files)


def test_a_catalogue_that_others_lock_holds_nobody_up_for_long(own_server: Served) -> None:
    limited, free = make_key(own_server.home, "--day", "100")["key"], make_key(own_server.home)["key"]
    lock = sqlite3.connect(own_server.home / "catalog.sqlite", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    refused = own_server.get(TILE, X_API_Key=limited)
    assert (refused.status, refused.json()["code"]) == (503, "QUOTA_UNAVAILABLE")
    assert "retry-after" in refused.headers
    for _ in range(6):  # long enough for several settlements to fail
        assert {get(own_server, TILE, X_API_Key=free) for _ in range(10)} == {200}
        time.sleep(1)
    assert get(own_server, "/health/ready") == 200
    assert time.monotonic() - began < 18
    lock.execute("ROLLBACK")
    lock.close()
    assert eventually(lambda: get(own_server, TILE, X_API_Key=limited) == 200, within=10)
    assert own_server.log.read_text().count("could not be written down") <= 2  # once a worker


def test_no_key_is_ever_written_to_the_log_or_the_home(own_server: Served) -> None:
    made = make_key(own_server.home, "--access", "private")
    archive = next((own_server.home / "archives").glob("*.pmtiles"))
    for path in (TILE, "/tiles/none/1/0/0.mvt", "/tiles/secret.json", "/none", "/tiles/seoul-gu/99/0/0.mvt"):
        own_server.get(f"{path}?key={made['key']}")
        own_server.get(path, X_API_Key=made["key"], Referer=f"https://a.kr/?key={made['key']}")
    archive.write_bytes(b"damaged")  # so that something is logged
    house = House.open(settings_of(own_server.home))
    house.catalogue.rename(FAKES[0].id, title_ko="x", title_en="x")
    house.close()
    stop_server(own_server)
    kept = [own_server.log, *(path for path in own_server.home.rglob("*") if path.is_file())]
    assert [path for path in kept if made["key"].encode() in path.read_bytes()] == []


def test_a_polite_stop_ends_well_and_gives_back_what_was_not_used(own_server: Served) -> None:
    made = make_key(own_server.home, "--day", "100000")
    hammer(own_server, made["key"], threads=4, times=10)
    workers = children(own_server)
    own_server.process.send_signal(signal.SIGTERM)
    assert own_server.process.wait(15) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    database = Database.open(settings_of(own_server.home).database_url)
    with database.read() as connection:
        mine = quota_windows.c.key_id == made["id"]
        rows = connection.execute(sa.select(quota_windows).where(mine)).all()
    database.close()
    day = next(row for row in rows if len(row.window) == len("2026-11-22"))
    assert (day.counted, day.leased) == (40, 40)


def test_ctrl_c_ends_everything_at_once_and_in_silence(tmp_path: Path) -> None:
    make_home(tmp_path / "home")
    words = ["--home", str(tmp_path / "home"), "serve", "--port", str(free_port()), "--workers", "2"]
    with (tmp_path / "log").open("w+") as log:
        process = subprocess.Popen(
            [*NARU, *words], stdout=log, stderr=log, env=clean_environ(), start_new_session=True
        )
        assert eventually(lambda: answers(f"http://127.0.0.1:{words[4]}"), within=20)
        time.sleep(1)
        os.killpg(process.pid, signal.SIGINT)  # what a terminal does
        assert process.wait(8) == 0
        log.seek(0)
        assert log.read().count("\n") == 3  # the two addresses, and how to stop


def test_a_killed_worker_is_replaced_and_its_lease_is_not_handed_out_twice(own_server: Served) -> None:
    made = make_key(own_server.home, "--day", "400")
    served_before = hammer(own_server, made["key"], threads=4, times=20)[200]
    victim = children(own_server)[0]
    os.kill(victim, signal.SIGKILL)
    assert eventually(lambda: len(set(children(own_server)) - {victim}) == 2, within=20)
    assert eventually(lambda: own_server.get("/health/ready").status == 200, within=20)
    served_after = hammer(own_server, made["key"], threads=4, times=120)[200]
    assert served_before == 80
    assert 200 < served_before + served_after <= 400


def test_nothing_is_left_when_the_parent_is_killed(own_server: Served) -> None:
    workers = children(own_server)
    assert len(workers) == 2
    own_server.process.kill()
    own_server.process.wait()
    assert eventually(lambda: not any(map(alive, workers)), within=30)


def test_a_worker_that_lost_the_signal_of_its_parents_end_ends_too() -> None:
    lines = (
        "import os, signal, threading, time",
        "from tileserver import serve",
        "serve._ORPHAN_LOOK_S = serve._GRACE_S = 0.1",
        "signal.signal(signal.SIGTERM, lambda *_: None)  # as a worker that has not begun to serve",
        "parent = os.getpid()",
        "child = os.fork()",
        "if child == 0:",
        "    serve.follow(parent)",
        "    time.sleep(60)",
        "print(child, flush=True)",
        "time.sleep(60)",
    )
    with subprocess.Popen([sys.executable, "-c", "\n".join(lines)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    assert eventually(lambda: not alive(child), within=20)


def test_the_job_worker_runs_beside_the_server_and_is_replaced(tmp_path: Path) -> None:
    make_home(tmp_path / "home")
    running = start_server(tmp_path / "home", tmp_path / "serve.log", worker=True)

    def job_workers() -> list[int]:
        lines = {pid: Path(f"/proc/{pid}/cmdline") for pid in children(running)}
        return [pid for pid, line in lines.items() if line.exists() and line.read_bytes().endswith(b"naru\0work\0")]

    try:
        assert eventually(lambda: len(job_workers()) == 1, within=5)
        first = job_workers()
        os.kill(first[0], signal.SIGKILL)
        assert eventually(lambda: len(set(job_workers()) - set(first)) == 1, within=15)
    finally:
        last = job_workers()
        stop_server(running)
    assert not any(Path(f"/proc/{pid}").exists() for pid in last)


def test_a_port_that_is_taken_is_said_in_one_line(served: Served, home: Path) -> None:
    done = naru("serve", "--port", served.url.rpartition(":")[2], "--no-worker", home=home)
    assert done.returncode == 1
    assert "in use" in done.stderr and "--port" in done.stderr
    assert done.stderr.count("\n") == 1


def test_serve_tells_programs_its_address_in_one_object(home: Path) -> None:
    make_home(home)
    command = [
        *NARU,
        "--home",
        str(home),
        "serve",
        "--port",
        str(free_port()),
        "--no-worker",
        "--workers",
        "1",
        "--json",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=clean_environ()) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["url"].startswith("http://127.0.0.1:")
        assert eventually(lambda: answers(told["url"]), within=20)
        process.send_signal(signal.SIGTERM)
        assert (process.stdout.read(), process.wait(15)) == (b"", 0)


def answers(url: str) -> bool:
    """Tell whether somebody listens at `url`."""
    host, _, port = url.removeprefix("http://").strip("/").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_many_workers_may_start_on_a_home_that_is_not_there_yet(tmp_path: Path) -> None:
    running = start_server(tmp_path / "new" / "home", tmp_path / "serve.log", workers=4)
    try:
        assert running.get("/api/layers").json() == {"layers": []}
        assert len(children(running)) == 4
    finally:
        stop_server(running)
    assert "Traceback" not in running.log.read_text()


def test_a_catalogue_that_is_none_stops_the_server_with_one_line(home: Path) -> None:
    home.mkdir()
    (home / "catalog.sqlite").write_bytes(b"no database, far from it" * 100)
    done = naru("serve", "--port", "0", "--no-worker", home=home)
    assert done.returncode == 1
    assert "catalog.sqlite" in done.stderr
    assert done.stderr.count("\n") == 1
