"""How much does a cached vector tile cost? naru (key checked, rate, exact quota, usage) against other servers.

The peers: nginx `gzip_static` serving the same bytes from disk, and TileServer GL light where it is there
(`npm install tileserver-gl-light` in a folder given with --tileserver-gl). naru runs as it does by default
(granian) and as `--tiles-only` (bjoern, where it is installed). All serve the same tiles to 16 keep-alive
connections of wrk, in turns, from as many processes each. What is compared is the server's CPU time a request (all
its processes, /proc/PID/stat): it does not depend on what else the machine does half as much as throughput. Tiles
are made: seeded noise, log-normal sizes, median about 1.7 KB; their content costs no server anything but TileServer
GL, which packs each anew. Before timing, each server must answer with the same bytes (unpacked); after it, requests
counted by naru must be those that were sent.

    python -m bench.serve [--rounds 5] [--seconds 3] [--tiles 4096] [--workers 2] [--tileserver-gl FOLDER]
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import os
import random
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
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
DEFAULT = "naru, by default (granian)"
FASTEST = "naru --tiles-only (bjoern)"
PEER = "TileServer GL light"
WORLD = (-180.0, -85.0, 180.0, 85.0)

NGINX = """
worker_processes {workers};
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
    prefix: str = "/tiles/"
    suffix: str = ".mvt"

    def get(self, connection: http.client.HTTPConnection, path: str, key: str) -> http.client.HTTPResponse:
        """Ask for a path over a kept connection."""
        connection.request("GET", path, headers={"Accept-Encoding": "gzip", "X-API-Key": key})
        return connection.getresponse()

    def path(self, name: str) -> str:
        """Return what a tile's path is here."""
        return name.replace("/tiles/", self.prefix).replace(".mvt", self.suffix)

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
    publish(home, tiles)
    words = ["keys", "create", "--name", "bench", "--functions", "content", "--day", str(10**9), "--json"]
    made = json.loads(subprocess.check_output([*NARU, "--home", home, *words]))
    return made["key"], made["id"]


def publish(home: Path, tiles: Mapping[str, bytes]) -> None:
    """Publish the tiles as the layer's next version."""
    house = House.open(Settings.from_environ({}, home=home))
    path = home / f"bench-{secrets.token_hex(4)}.pmtiles"
    with PMTilesWriter(path) as writer:
        for name, data in tiles.items():
            writer.add(tile_id(*address_of(name)), data)
        writer.finish(About(bounds=WORLD, minzoom=ZOOM, maxzoom=ZOOM), {})
    archive, n = house.storage.put(path), len(tiles)
    tileset = Tileset(archive, "mvt", "WebMercatorQuad", ZOOM, ZOOM, WORLD, n, ({"id": "bench", "fields": {}},))
    counts = ((), (), None, "EPSG:3857", "made", None, None, WORLD, ZOOM, ZOOM, n, archive.size)
    report = IngestReport("bench", "vector", n, n, *counts)
    draft = Draft("bench", "bench", "bench", "content", "public", "", "", "vector", "polygon", (), report)
    live = next((layer.live.number for layer in house.catalogue.layers()), None)
    house.catalogue.publish([Release(draft, None, (tileset,), live)])
    house.close()
    path.unlink(missing_ok=True)


@contextmanager
def nginx(folder: Path, tiles: Mapping[str, bytes], workers: int = 1) -> Iterator[Server]:
    """Run nginx on the tiles as .gz files."""
    for name, data in tiles.items():
        path = folder / "www" / f"{name[1:]}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    port = free_port()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, temporary=temporary, workers=workers))
    folder.chmod(0o755)
    command = ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    with running("nginx gzip_static", command, port) as server:
        yield server


@contextmanager
def naru(home: Path, name: str, workers: int, *words: str) -> Iterator[Server]:
    """Run `naru serve`."""
    port = free_port()
    command = [*NARU, "--home", str(home), "serve", "--port", str(port), "--workers", str(workers), *words]
    with running(name, command, port) as server:
        yield server


@contextmanager
def tileserver_gl(folder: Path, tiles: Mapping[str, bytes], program: Path) -> Iterator[Server]:
    """Run TileServer GL light on the tiles as MBTiles."""
    path = folder / "bench.mbtiles"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE metadata (name TEXT, value TEXT)")
        database.execute("CREATE TABLE tiles (zoom_level INT, tile_column INT, tile_row INT, tile_data BLOB)")
        database.execute("CREATE UNIQUE INDEX place ON tiles (zoom_level, tile_column, tile_row)")
        facts = {"name": "bench", "format": "pbf", "minzoom": str(ZOOM), "maxzoom": str(ZOOM), "json": "{}"}
        database.executemany("INSERT INTO metadata VALUES (?, ?)", facts.items())
        for name, data in tiles.items():
            z, x, y = address_of(name)
            database.execute("INSERT INTO tiles VALUES (?, ?, ?, ?)", (z, x, (1 << z) - 1 - y, data))
    config = {"options": {"paths": {"root": str(folder)}}, "data": {"bench": {"mbtiles": str(path)}}, "styles": {}}
    (folder / "tileserver.json").write_text(json.dumps(config))
    port = free_port()
    command = [str(program), "-c", str(folder / "tileserver.json"), "-p", str(port), "--silent"]
    with running(PEER, command, port) as server:
        server.prefix, server.suffix = "/data/", ".pbf"
        yield server


def address_of(name: str) -> tuple[int, int, int]:
    """Return z, x, y of a tile's path."""
    z, x, y = (int(part.partition(".")[0]) for part in name.split("/")[3:])
    return z, x, y


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
    """Fetch every tile once: note its entity tag, and hold the first few to what they should hold."""
    connection = server.connect()
    for number, (name, data) in enumerate(tiles.items()):
        answer = server.get(connection, server.path(name), key)
        body = answer.read()
        if answer.status != 200 or (number < COMPARED and gzip.decompress(body) != gzip.decompress(data)):
            sys.exit(f"{server.name} answered {name} with {answer.status} and {len(body)} bytes")
        server.tags[server.path(name)] = answer.headers["ETag"]


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


def private_mib(pid: int) -> float:
    """Return what a process holds for itself: no mapped archives, no pages shared with others, MiB."""
    told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(size) for size in re.findall(r"Private_(?:Clean|Dirty): +(\d+) kB", told)) / 1024


def report(rows: Mapping[str, Mapping[str, list[float]]]) -> Mapping[str, Mapping[str, float]]:
    """Print medians, ranges and ratios to the first server as markdown; return the ratios."""
    print("\n| answer | server | CPU µs a request: median (range) | × nginx |\n|---|---|---|---|")
    ratios: dict[str, dict[str, float]] = {}
    for answer, servers in rows.items():
        base = statistics.median(next(iter(servers.values())))
        for name, found in servers.items():
            ratio = ratios.setdefault(answer, {})[name] = statistics.median(found) / base
            spread = f"{statistics.median(found):.1f} ({min(found):.1f}–{max(found):.1f})"
            print(f"| {answer} | {name} | {spread} | {ratio:.2f} |")
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--tiles", type=int, default=4096)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tileserver-gl", type=Path, help="folder where npm installed tileserver-gl-light")
    chosen = parser.parse_args()
    missing = [tool for tool in ("nginx", "wrk") if not shutil.which(tool)]
    if missing:
        sys.exit(f"this needs {' and '.join(missing)}: apt-get install -y nginx-light wrk")
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        kept = run(Path(temporary), chosen, stack)
    for told, good in kept.items():
        print(f"{'kept' if good else 'MISSED'}: {told}")
    sys.exit(not all(kept.values()))


def run(folder: Path, chosen: argparse.Namespace, stack: ExitStack) -> Mapping[str, bool]:
    """Measure; return the limits in words, and whether each was kept."""
    tiles, home, workers = make_tiles(chosen.tiles), folder / "home", chosen.workers
    key, key_id = make_home(home, tiles)
    servers = [stack.enter_context(nginx(folder, tiles, workers))]
    ours = [stack.enter_context(naru(home, DEFAULT, workers, "--no-worker"))]
    if find_spec("bjoern"):
        ours.append(stack.enter_context(naru(home, FASTEST, workers, "--tiles-only")))
    servers += ours
    if chosen.tileserver_gl:
        program = chosen.tileserver_gl / "node_modules" / ".bin" / "tileserver-gl"
        servers.append(stack.enter_context(tileserver_gl(folder, tiles, program)))
    for server in servers:
        learn_tags(server, tiles, key)
    check_exact(ours[0], home, key, key_id)
    rows: dict[str, dict[str, list[float]]] = {a: {s.name: [] for s in servers} for a in ("200", "304")}
    before, sent = counted(home, key_id), 0
    for _ in range(chosen.rounds):
        for answer, found in rows.items():
            for server in servers:
                requests, cost = load(server, folder, key, chosen.seconds, revalidate=answer == "304")
                found[server.name].append(cost)
                sent += requests if server in ours else 0
    over = counted(home, key_id) - before - sent
    if not 0 <= over <= CONNECTIONS * 2 * chosen.rounds * len(ours):  # wrk leaves up to one unread a connection
        sys.exit(f"{sent} requests were sent, {sent + over} counted")
    print(f"{len(tiles)} tiles, {workers} processes each, {chosen.rounds} rounds; {EXACT_REQUESTS} single requests")
    print(f"counted exactly; of wrk's {sent} requests all were counted, and {over} more that it did not wait for.")
    memory = {server.name: max(map(private_mib, _family(server.process.pid)[1:])) for server in ours}
    print("Private memory of the largest process, MiB:", {name: round(size, 1) for name, size in memory.items()})
    return limits(report(rows), rows, memory)


def limits(
    ratios: Mapping[str, Mapping[str, float]],
    rows: Mapping[str, Mapping[str, list[float]]],
    memory: Mapping[str, float],
) -> Mapping[str, bool]:
    """Return what must hold, in words, and whether it does."""
    tiles = ratios["200"]
    kept = {f"a tile costs {tiles[DEFAULT]:.2f} × nginx (at most 1.8)": tiles[DEFAULT] <= 1.8}
    if FASTEST in tiles:
        kept[f"... {tiles[FASTEST]:.2f} × alone from bjoern (at most 1.2)"] = tiles[FASTEST] <= 1.2
    if PEER in tiles:
        dearer = tiles[PEER] / tiles[DEFAULT]
        kept[f"TileServer GL light costs {dearer:.0f} × as much (at least 25)"] = dearer >= 25
    for name, size in memory.items():
        medians = [statistics.median(rows[answer][name]) for answer in ("304", "200")]
        kept[f"{name}: 304 costs {medians[0] / medians[1]:.2f} of a 200 (less than 1)"] = medians[0] < medians[1]
        kept[f"{name}: {size:.0f} MiB private a process (at most 60)"] = size <= 60
    return kept


if __name__ == "__main__":
    main()
