"""A disk that is full at each station: a clear error, the old layer goes on serving, then all is as it was.

The home lies on a small tmpfs of its own. At a chosen step of the work a ballast file takes every byte that is
left, so that the next write meets a full disk; once the command has failed, the ballast is taken away again.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.aftermath import TILE, Tally, end, inspect, serve, torn
from bench.killing import points
from bench.lab import NARU, multipart

_SIZE = "48m"
_KEY_KNOWN_S = 2.0  # by then the server has heard of a new key
# station: module, function, before which call of it the disk fills up
STATIONS: dict[str, tuple[str, str, int]] = {
    "read": ("ingest.pipeline", "read_file", 1),
    "encode": ("ingest.vector_layers", "build_tileset", 1),
    "pack": ("naru.pmtiles.writer", "PMTilesWriter.finish", 1),
    "publish, the source": ("naru.storage", "shutil.move", 1),
    "publish, the tiles": ("naru.storage", "shutil.move", 2),
    "catalogue": ("naru.catalogue", "Catalogue.publish", 1),
}
_MAY_GO_THROUGH = ("publish, the tiles",)  # all is written: moving takes no more room, the catalogue may have some
FILLER = """
import importlib, sys
from bench.full_disk import fill
module, path, nth, ballast = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
*owners, name = path.split(".")
owner = importlib.import_module(module)
for part in owners:
    owner = getattr(owner, part)
original, calls = getattr(owner, name), [0]
def filling(*args, **named):
    calls[0] += 1
    if calls[0] == nth:
        fill(ballast)
    return original(*args, **named)
setattr(owner, name, filling)
sys.argv = ["naru", *sys.argv[5:]]
from naru.cli import main
main()
"""


def fill(ballast: str) -> None:
    """Write until no byte is left."""
    with Path(ballast).open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (2**20, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size):
                    pass


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """Mount a small tmpfs. Raises OSError where that is not allowed."""
    place.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", place], capture_output=True,
                          check=False)  # fmt: skip
    if done.returncode:
        raise PermissionError(f"a tmpfs cannot be mounted here: {done.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=False)


def fill_disks(folder: Path) -> Tally:
    """Fill the disk at every station, and while an upload is received."""
    tally = Tally()
    with small_disk(folder / "disk") as disk:
        home, ballast = disk / "home", disk / "ballast"
        naru = [*NARU, "--home", str(home)]
        old, new = points(folder / "old.geojson", 5), points(folder / "new.geojson", 2000)
        subprocess.run([*naru, "ingest", old, "--id", "sites", "--json"], check=True, stdout=subprocess.DEVNULL)
        server, port = serve(home, folder / "disk.log")
        for station in STATIONS:
            tally.faults += ingest_while_full(station, home, ballast, new)
            tally.faults += _still_served(station, port)
            tally.kills[f"disk full: {station}"] += 1
        tally.faults += _while_receiving(home, ballast, port, new)
        tally.faults += _still_served("receive", port)
        tally.kills["disk full: receive"] += 1
        end(server)
        subprocess.run([*naru, "ingest", new, "--id", "sites", "--json"], check=True, stdout=subprocess.DEVNULL)
        tally.faults += inspect(home)
    return tally


def ingest_while_full(station: str, home: Path, ballast: Path, new: Path) -> list[str]:
    """Ingest while the disk fills up at one station; return what is not as it should be."""
    module, path, nth = STATIONS[station]
    how = [module, path, str(nth), str(ballast)]
    words = [*how, "--home", str(home), "ingest", str(new), "--id", "sites", "--keep-all", "--json"]
    done = subprocess.run([sys.executable, "-c", FILLER, *words], capture_output=True, text=True, check=False)
    ballast.unlink(missing_ok=True)
    said = _said(done.stdout)
    error = said.get("error", {})
    if done.returncode == 0 and station in _MAY_GO_THROUGH:
        return []
    if done.returncode != 1 or error.get("code") != "STORAGE" or not error.get("remedy"):
        found = error or done.stderr.strip()[-300:] or f"exit {done.returncode}"
        return [f"disk full at '{station}': no clear error but {found}"]
    return []


def _said(text: str) -> dict[str, dict[str, str]]:
    try:
        return dict(json.loads(text))
    except ValueError:
        return {}


def _still_served(station: str, port: int) -> list[str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", f"/tiles/sites/{TILE}.mvt")
    answer = connection.getresponse()
    fault = torn(answer.status, answer.read(), answer.headers.get("Content-Encoding"))
    connection.close()
    return [f"disk full at '{station}': the old layer's tile {fault}"] if fault else []


def _while_receiving(home: Path, ballast: Path, port: int, new: Path) -> list[str]:
    """Upload while the disk is full."""
    words = ["keys", "create", "--name", "bench", "--functions", "content,manage", "--json"]
    key = json.loads(subprocess.check_output([*NARU, "--home", str(home), *words]))["key"]
    time.sleep(_KEY_KNOWN_S)
    kind, body = multipart([new], {"id": "sites"})
    fill(str(ballast))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/api/uploads", body, {"X-API-Key": key, "Content-Type": kind})
        answer = connection.getresponse()
        status, said = answer.status, answer.read().decode("utf-8", "replace")
    except OSError as error:
        status, said = 0, str(error)
    finally:
        connection.close()
        ballast.unlink()
    return [] if status == 507 else [f"disk full at 'receive': answered {status} {said[:200]}"]
