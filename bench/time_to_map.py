"""How long from a shapefile to a styled map in a browser? Naru against doing it by hand; machine time only.

    python -m bench.time_to_map [FILE.shp] [--rounds 5]

The file is the 25 districts of Seoul, attributes in CP949 (../shared/data/korea_crs). Both servers run already, as
they do in an office; a Chromium is open. The clock starts with the first command and stops when a page shows the
layer and its map has nothing left to draw (MapLibre's `idle`). By hand means: `ogr2ogr` to GeoJSON in WGS 84 with
the encoding given and geometries made valid, once more for the points at which names stand, `tippecanoe` into the
folder of a tile server (nginx serving files), a style and a page, which somebody has to write: their lines are
counted, the writing is not timed. Parties take turns; medians.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from bench.aftermath import end, serve
from bench.lab import NARU, ROOT, free_port, multipart
from bench.vector import find_tippecanoe

GOAL = 0.2  # of the machine time by hand
_FILE = ROOT.parent / "shared/data/korea_crs/gu_5186_cp949/gu_5186_cp949.shp"
_MAPLIBRE = ROOT / "viewer" / "node_modules" / "maplibre-gl" / "dist"
_FLAGS = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
_IDLE = "html[data-map-state=idle]"
STYLE = """{
  "version": 8,
  "sources": {
    "gu": {
      "type": "vector",
      "tiles": ["http://127.0.0.1:PORT/tiles/{z}/{x}/{y}.pbf"],
      "maxzoom": 14
    }
  },
  "layers": [
    {
      "id": "fill",
      "type": "fill",
      "source": "gu",
      "source-layer": "gu",
      "paint": {"fill-color": "#2f6fb0", "fill-opacity": 0.3}
    },
    {"id": "line", "type": "line", "source": "gu", "source-layer": "gu", "paint": {"line-color": "#2f6fb0"}},
    {
      "id": "name",
      "type": "symbol",
      "source": "gu",
      "source-layer": "names",
      "layout": {"text-field": ["get", "SIG_KOR_NM"], "text-font": ["sans-serif"]}
    }
  ]
}
"""
PAGE = """<!doctype html>
<html>
<head>
<meta charset="utf-8">
<link rel="stylesheet" href="/maplibre/maplibre-gl.css">
<style>html, body, #map { height: 100%; margin: 0 }</style>
</head>
<body>
<div id="map"></div>
<script type="module">
import * as maplibregl from "/maplibre/maplibre-gl.mjs";
const map = new maplibregl.Map({container: "map", style: "/style.json", center: [126.98, 37.56], zoom: 10});
map.on("idle", () => { document.documentElement.dataset.mapState = "idle"; });
</script>
</body>
</html>
"""
NGINX = """daemon off; error_log stderr; pid {root}/nginx.pid;
events {{ worker_connections 256; }}
http {{
  access_log off;
  types {{ text/html html; text/css css; text/javascript mjs; application/json json; application/x-protobuf pbf; }}
  server {{
    listen 127.0.0.1:{port};
    root {root}/site;
    location /tiles/ {{ add_header Content-Encoding gzip; try_files $uri =204; }}
  }}
}}
"""


@dataclass
class Way:
    """A way from the file to the map, and how long its steps took in each round."""

    name: str
    commands: int
    rounds: list[dict[str, float]] = field(default_factory=list)

    def median(self) -> float:
        """Return the median of the whole."""
        return statistics.median(sum(steps.values()) for steps in self.rounds)


def timed(steps: dict[str, float], name: str, work: Callable[[], object]) -> None:
    """Do one step and note its seconds."""
    began = time.monotonic()
    work()
    steps[name] = time.monotonic() - began


def run(command: Sequence[str | Path]) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed: {done.stderr[-500:]}")


def show(browser: Browser, url: str, tiles: str) -> None:
    """Open a page and wait until its map is drawn, with tiles of this address."""
    context = browser.new_context(viewport={"width": 960, "height": 600})
    page = context.new_page()
    seen: list[str] = []
    page.on("response", lambda answer: seen.append(answer.url) if answer.status == 200 else None)
    page.goto(url)
    page.wait_for_selector(_IDLE, state="attached", timeout=60_000)
    if not any(tiles in address for address in seen):
        sys.exit(f"{url} drew its map without a tile of {tiles}")
    context.close()


def by_hand(file: Path, folder: Path, port: int, browser: Browser) -> dict[str, float]:
    """Make the map with GDAL, tippecanoe and a folder behind nginx."""
    steps: dict[str, float] = {}
    site, plain, names = folder / "site", folder / "gu.geojson", folder / "names.geojson"
    shutil.rmtree(site / "tiles", ignore_errors=True)
    for old in (plain, names):
        old.unlink(missing_ok=True)
    convert = ["ogr2ogr", "-f", "GeoJSON", "-t_srs", "EPSG:4326", "-oo", "ENCODING=CP949"]
    timed(steps, "ogr2ogr to GeoJSON, valid", lambda: run([*convert, "-makevalid", plain, file]))
    query = f'SELECT ST_PointOnSurface(geometry) AS geometry, * FROM "{file.stem}"'
    timed(
        steps,
        "ogr2ogr, points for names",
        lambda: run([*convert, "-dialect", "SQLite", "-sql", query, names, file]),
    )
    layers = ["-L", f"gu:{plain}", "-L", f"names:{names}"]
    tile = [find_tippecanoe(), "-q", "-f", "-e", site / "tiles", "-Z0", "-z14", *layers]
    timed(steps, "tippecanoe into the server's folder", lambda: run(tile))
    (site / "style.json").write_text(STYLE.replace("PORT", str(port)))
    (site / "index.html").write_text(PAGE)
    timed(steps, "browser until idle", lambda: show(browser, f"http://127.0.0.1:{port}/", "/tiles/"))
    return steps


def naru_command(file: Path, home: Path, port: int, browser: Browser) -> dict[str, float]:
    """`naru ingest FILE`."""
    steps: dict[str, float] = {}
    command = [*NARU, "--home", str(home), "ingest", str(file), "--id", "gu", "--json"]
    timed(steps, "naru ingest", lambda: run(command))
    timed(steps, "browser until idle", lambda: show(browser, f"http://127.0.0.1:{port}/", "/tiles/gu/"))
    return steps


def naru_upload(file: Path, port: int, key: str, browser: Browser) -> dict[str, float]:
    """One upload to the running server, which has a worker; until its job has ended."""
    steps: dict[str, float] = {}
    timed(steps, "upload, until the job is done", lambda: _upload(file, port, key))
    timed(steps, "browser until idle", lambda: show(browser, f"http://127.0.0.1:{port}/", "/tiles/gu/"))
    return steps


def _upload(file: Path, port: int, key: str) -> None:
    parts = [p for p in sorted(file.parent.iterdir()) if p.stem == file.stem]
    kind, body = multipart([file, *(p for p in parts if p != file)], {"id": "gu"})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/api/uploads", body, {"X-API-Key": key, "Content-Type": kind})
    answer = connection.getresponse()
    said = json.loads(answer.read())
    while said.get("state", said.get("job", {}).get("state")) in ("queued", "running"):
        time.sleep(0.02)
        connection.request("GET", answer.headers["Location"], headers={"X-API-Key": key})
        said = json.loads(connection.getresponse().read())
    if said.get("state") != "done":
        sys.exit(f"the upload failed: {said}")


@contextmanager
def web_server(folder: Path) -> Iterator[int]:
    """Run nginx on a folder `site`, with MapLibre in it."""
    port = free_port()
    (folder / "site").mkdir()
    if not _MAPLIBRE.is_dir():
        sys.exit("the page by hand needs MapLibre: npm ci in viewer/")
    shutil.copytree(_MAPLIBRE, folder / "site" / "maplibre")
    (folder / "nginx.conf").write_text(NGINX.format(root=folder, port=port))
    folder.chmod(0o755)
    process = subprocess.Popen(["nginx", "-p", folder, "-c", folder / "nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        yield port
    finally:
        end(process)


def compare(file: Path, rounds: int, folder: Path) -> list[Way]:
    """Let the ways take turns."""
    home = folder / "home"
    ways = [Way("naru ingest", 1), Way("naru, one upload", 1), Way("by hand", 3)]
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        flags = [*_FLAGS, "--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        stack.callback(browser.close)
        site = stack.enter_context(web_server(folder))
        run([sys.executable, "-m", "ingest.tiling.warm"])
        words = ["keys", "create", "--name", "bench", "--functions", "content,manage", "--json"]
        key = json.loads(subprocess.check_output([*NARU, "--home", str(home), *words]))["key"]
        server, port = serve(home, folder / "serve.log", worker=True)
        stack.callback(end, server)
        for _ in range(rounds):
            ways[0].rounds.append(naru_command(file, home, port, browser))
            ways[1].rounds.append(naru_upload(file, port, key, browser))
            ways[2].rounds.append(by_hand(file, folder, site, browser))
    return ways


def report(ways: Sequence[Way], rounds: int) -> float:
    """Print the tables; return the ratio of the quickest way of Naru's to the one by hand."""
    lines = sum(text.count("\n") for text in (STYLE, PAGE))
    print(f"\nMedians of {rounds} rounds in turns, seconds.\n")
    print("| way | commands | lines written by hand | seconds | ÷ by hand |\n|---|---|---|---|---|")
    hand = ways[-1].median()
    for way in ways:
        written = lines if way is ways[-1] else 0
        print(f"| {way.name} | {way.commands} | {written} | {way.median():.2f} | {way.median() / hand:.2f} |")
    print("\n| way | step | seconds |\n|---|---|---|")
    for way in ways:
        for step in way.rounds[0]:
            print(f"| {way.name} | {step} | {statistics.median(r[step] for r in way.rounds):.2f} |")
    return min(way.median() for way in ways[:-1]) / hand


def main() -> int:
    """Read the command line; return 1 where Naru takes more than its goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", default=_FILE)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    missing = [tool for tool in ("ogr2ogr", "nginx", "chromium") if not shutil.which(tool)]
    if missing:
        sys.exit(f"this needs {', '.join(missing)}: apt-get install -y gdal-bin nginx-light chromium")
    with tempfile.TemporaryDirectory(prefix="naru-map-") as name:
        ways = compare(given.file, given.rounds, Path(name))
    ratio = report(ways, given.rounds)
    print(f"\nNaru takes {ratio:.2f} of the machine time by hand; the goal is {GOAL:.2f}.")
    return 0 if ratio <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
