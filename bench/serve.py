"""How much does a cached vector tile cost? naru (key checked, counted) against nginx `gzip_static`.

Both serve the same tiles to 16 keep-alive connections of wrk, in turns, from one worker process each. What is
compared is the server's CPU time a request (all its processes, /proc/PID/stat): it does not depend on what else
the machine does half as much as throughput. Tiles are made: seeded noise, log-normal sizes, median about 1.7 KB;
their content costs neither server anything. Before timing, each server must answer with the same bytes; after
it, requests counted by naru must be those that were sent.

    python bench/serve.py [--rounds 5] [--seconds 3] [--tiles 4096]
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from naru.house import House
from naru.pmtiles import PMTilesWriter, tile_id
from naru.pmtiles.writer import About
from naru.records import Draft, IngestReport, Release, Tileset
from naru.settings import Settings

ZOOM = 12
CONNECTIONS = 16
SEED = 20260101
EXACT_REQUESTS = 2000
COMPARED = 200
NARU = [sys.executable, "-m", "naru"]
WORLD = (-180.0, -85.0, 180.0, 85.0)

NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  types {{ application/vnd.mapbox-vector-tile mvt; }}
  {temporary}
  server {{
    listen 127.0.0.1:{port};
    root {folder}/www;
    gzip_static on;
    gzip_vary on;
    add_header Cache-Control "public, max-age=60";
    add_header Access-Control-Allow-Origin *;
  }}
}}
"""

WRK = """
local requests, next = {{}}, 0
for line in io.lines("{paths}") do
  local path, tag = line:match("^(%S+) ?(.*)$")
  local headers = {{ ["Accept-Encoding"] = "gzip", ["X-API-Key"] = "{key}", ["Host"] = "bench" }}
  if tag ~= "" then headers["If-None-Match"] = tag end
  requests[#requests + 1] = wrk.format("GET", path, headers)
end
request = function()
  next = next % #requests + 1
  return requests[next]
end
"""


@dataclass
class Server:
    """A running server under test."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    tags: dict[str, str] = field(default_factory=dict)  # path: entity tag

    def get(self, connection: http.client.HTTPConnection, path: str, key: str) -> http.client.HTTPResponse:
        """Ask for a path over a kept connection."""
        connection.request("GET", path, headers={"Accept-Encoding": "gzip", "X-API-Key": key})
        return connection.getresponse()

    def connect(self) -> http.client.HTTPConnection:
        """Open a connection."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def cpu_s(self) -> float:
        """CPU seconds of the process and its descendants so far."""
        return sum(_cpu_s(pid) for pid in _family(self.process.pid))


def make_tiles(count: int) -> dict[str, bytes]:
    """Return gzipped tiles by path."""
    rng, side = random.Random(SEED), int(count**0.5)
    tiles = {}
    for number in range(side * side):
        x, y = 2000 + number % side, 1500 + number // side
        body = rng.randbytes(max(60, round(rng.lognormvariate(7.43, 0.9))))
        tiles[f"/tiles/bench/{ZOOM}/{x}/{y}.mvt"] = gzip.compress(body, 6, mtime=0)
    return tiles


def make_home(home: Path, tiles: Mapping[str, bytes]) -> tuple[str, str]:
    """Publish the tiles as a layer of a new home; return a key's text and id."""
    house = House.open(Settings.from_environ({}, home=home))
    path = home / "bench.pmtiles"
    with PMTilesWriter(path) as writer:
        for name, data in tiles.items():
            z, x, y = (int(part.partition(".")[0]) for part in name.split("/")[3:])
            writer.add(tile_id(z, x, y), data)
        writer.finish(About(bounds=WORLD, minzoom=ZOOM, maxzoom=ZOOM), {})
    archive, n = house.storage.put(path), len(tiles)
    tileset = Tileset(archive, "mvt", "WebMercatorQuad", ZOOM, ZOOM, WORLD, n, ({"id": "bench", "fields": {}},))
    counts = ((), (), None, "EPSG:3857", "made", None, None, WORLD, ZOOM, ZOOM, n, archive.size)
    report = IngestReport("bench", "vector", n, n, *counts)
    draft = Draft("bench", "bench", "bench", "content", "public", "", "", "vector", "polygon", (), report)
    house.catalogue.publish([Release(draft, None, (tileset,), None)])
    house.close()
    words = ["keys", "create", "--name", "bench", "--functions", "content", "--day", str(10**9), "--json"]
    made = json.loads(subprocess.check_output([*NARU, "--home", home, *words]))
    return made["key"], made["id"]


@contextmanager
def nginx(folder: Path, tiles: Mapping[str, bytes]) -> Iterator[Server]:
    """Run nginx on the tiles as .gz files."""
    for name, data in tiles.items():
        path = folder / "www" / f"{name[1:]}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    port = free_port()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, temporary=temporary))
    folder.chmod(0o755)
    command = ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    with running("nginx gzip_static", command, port) as server:
        yield server


@contextmanager
def naru(home: Path) -> Iterator[Server]:
    """Run `naru serve` with one worker."""
    port = free_port()
    command = [*NARU, "--home", str(home), "serve", "--port", str(port), "--workers", "1", "--no-worker"]
    with running("naru, key checked and counted", command, port) as server:
        yield server


@contextmanager
def running(name: str, command: list[str], port: int) -> Iterator[Server]:
    """Start a server, wait until it listens, end it at the end."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield Server(name, port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit(f"{process.args!r} did not start")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def learn_tags(server: Server, tiles: Mapping[str, bytes], key: str) -> None:
    """Fetch every tile once: note its entity tag, and hold the first few to the bytes they should have."""
    connection = server.connect()
    for number, (path, data) in enumerate(tiles.items()):
        answer = server.get(connection, path, key)
        body = answer.read()
        if answer.status != 200 or (number < COMPARED and body != data):
            sys.exit(f"{server.name} answered {path} with {answer.status} and {len(body)} bytes")
        server.tags[path] = answer.headers["ETag"]


def load(server: Server, folder: Path, key: str, seconds: int, *, revalidate: bool) -> tuple[int, float]:
    """Load a server with wrk; return the number of requests and the server's CPU microseconds a request."""
    script, paths = folder / "wrk.lua", folder / "paths.txt"
    lines = [f"{path} {tag}" if revalidate else path for path, tag in server.tags.items()]
    paths.write_text("\n".join(lines) + "\n")
    script.write_text(WRK.format(paths=paths, key=key))
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", script, f"http://127.0.0.1:{server.port}"]
    before = server.cpu_s()
    told = subprocess.check_output(command, text=True)
    spent = server.cpu_s() - before
    if "Non-2xx" in told or "Socket errors" in told:
        sys.exit(f"{server.name}: {told}")
    requests = int(re.search(r"(\d+) requests in", told)[1])  # type: ignore[index]
    return requests, spent / requests * 1e6


def counted(home: Path, key_id: str) -> int:
    """Return what `naru keys show` says was used today, once it has been settled."""
    time.sleep(2)
    told = subprocess.check_output([*NARU, "--home", home, "keys", "show", key_id, "--json"])
    return int(json.loads(told)["used_today"])


def check_exact(server: Server, home: Path, key: str, key_id: str) -> None:
    """Send a known number of requests, one after the other: exactly those must have been counted."""
    before, connection, paths = counted(home, key_id), server.connect(), list(server.tags)
    for number in range(EXACT_REQUESTS):
        server.get(connection, paths[number % len(paths)], key).read()
    found = counted(home, key_id) - before
    if found != EXACT_REQUESTS:
        sys.exit(f"{EXACT_REQUESTS} requests were sent, {found} counted")


def _family(pid: int) -> list[int]:
    parents = {int(p.name): _stat(int(p.name)) for p in Path("/proc").iterdir() if p.name.isdigit()}
    family = [pid]
    for member in family:
        family += [child for child, stat in parents.items() if stat and int(stat[1]) == member]
    return family


def _stat(pid: int) -> list[str]:
    """Return /proc/PID/stat from the state on; nothing for a process that has just ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _cpu_s(pid: int) -> float:
    stat = _stat(pid)
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK") if stat else 0.0


def report(rows: Mapping[str, Mapping[str, list[float]]]) -> float:
    """Print medians, ranges and ratios as markdown; return the ratio for whole tiles."""
    print("\n| answer | server | CPU µs a request: median (range) | × nginx |\n|---|---|---|---|")
    ratios = {}
    for answer, servers in rows.items():
        base = statistics.median(next(iter(servers.values())))
        for name, found in servers.items():
            ratios[answer] = statistics.median(found) / base
            spread = f"{statistics.median(found):.1f} ({min(found):.1f}–{max(found):.1f})"
            print(f"| {answer} | {name} | {spread} | {ratios[answer]:.2f} |")
    return ratios["200"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--tiles", type=int, default=4096)
    parser.add_argument("--limit", type=float, default=3.0, help="largest ratio that is good enough")
    chosen = parser.parse_args()
    missing = [tool for tool in ("nginx", "wrk") if not shutil.which(tool)]
    if missing:
        sys.exit(f"this needs {' and '.join(missing)}: apt-get install -y nginx-light wrk")
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        ratio = run(Path(temporary), chosen, stack)
    print(f"\nA tile costs {ratio:.2f} × nginx gzip_static; good enough is {chosen.limit:.2f}.")
    sys.exit(ratio > chosen.limit)


def run(folder: Path, chosen: argparse.Namespace, stack: ExitStack) -> float:
    tiles = make_tiles(chosen.tiles)
    home = folder / "home"
    key, key_id = make_home(home, tiles)
    servers = [stack.enter_context(nginx(folder, tiles)), stack.enter_context(naru(home))]
    for server in servers:
        learn_tags(server, tiles, key)
    check_exact(servers[1], home, key, key_id)
    rows: dict[str, dict[str, list[float]]] = {a: {s.name: [] for s in servers} for a in ("200", "304")}
    before, sent = counted(home, key_id), 0
    for _ in range(chosen.rounds):
        for answer, found in rows.items():
            for server in servers:
                requests, cost = load(server, folder, key, chosen.seconds, revalidate=answer == "304")
                found[server.name].append(cost)
                sent += requests if server is servers[1] else 0
    over = counted(home, key_id) - before - sent
    if not 0 <= over <= CONNECTIONS * 2 * chosen.rounds:  # wrk leaves up to one unread answer a connection
        sys.exit(f"{sent} requests were sent, {sent + over} counted")
    print(f"{len(tiles)} tiles, {chosen.rounds} rounds; {EXACT_REQUESTS} single requests counted exactly; of wrk's")
    print(f"{sent} requests all were counted, and {over} more that it did not wait for.")
    return report(rows)


if __name__ == "__main__":
    main()
