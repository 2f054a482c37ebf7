"""What the crash benches share: a server beside the dying, a reader of its tiles, and the inspection afterwards."""

from __future__ import annotations

import gzip
import http.client
import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import mapbox_vector_tile

from bench.killing import Ack
from bench.lab import NARU, free_port
from naru import care
from naru.house import House
from naru.settings import Settings

_BETWEEN_S = 0.02
TILE = "8/218/99"  # in which all points of `bench.killing.points` lie


@dataclass
class Tally:
    """What was done, and what went wrong."""

    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    conflicts: int = 0
    tiles_read: int = 0
    faults: list[str] = field(default_factory=list)


class Reader:
    """Fetches tiles from a running server until it is stopped; each must be whole."""

    def __init__(self, port: int, layers: Sequence[str]) -> None:
        self._port, self._layers = port, layers
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.tiles = 0
        self.faults: list[str] = []
        self._thread.start()

    def stop(self) -> None:
        """Read no more."""
        self._stop.set()
        self._thread.join()

    def _read(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._stop.is_set():
            for layer in self._layers:
                connection.request("GET", f"/tiles/{layer}/{TILE}.mvt", headers={"Accept-Encoding": "gzip"})
                answer = connection.getresponse()
                body = answer.read()
                self.tiles += 1
                if fault := torn(answer.status, body, answer.headers.get("Content-Encoding")):
                    self.faults.append(f"{layer}: {fault}")
            self._stop.wait(_BETWEEN_S)
        connection.close()


def torn(status: int, body: bytes, encoding: str | None) -> str:
    """Return what is wrong with a tile; "" for a whole one."""
    if status != 200:
        return f"answers {status}"
    tile = mapbox_vector_tile.decode(gzip.decompress(body) if encoding == "gzip" else body)
    features = [f for layer in tile.values() for f in layer["features"]]
    said = {f["properties"]["of"] for f in features}
    return "" if said == {len(features)} else f"holds {len(features)} features that say {sorted(said)}"


def missing(home: Path, acks: Sequence[Ack]) -> list[str]:
    """Return which acknowledged versions the catalogue does not hold as they were told (read by SQLite alone)."""
    with sqlite3.connect(home / "catalog.sqlite", timeout=30) as catalogue:
        rows = catalogue.execute("SELECT layer_id, number, report FROM versions").fetchall()
    catalogue.close()
    held = {(layer, number): json.loads(report)["features_published"] for layer, number, report in rows}
    lost = [a for a in acks if held.get((a.layer, a.version)) != a.features]
    return [f"acknowledged and lost: {a.layer} version {a.version} of {a.features} features" for a in lost]


def inspect(home: Path) -> list[str]:
    """Return what is wrong with a home once nothing works in it any more and it has been swept."""
    house = House.open(Settings.from_environ({}, home=home))
    try:
        faults = [f"damaged: {error.one_line()}" for error in care.verify(house, lambda *_: None)]
        care.sweep(house, grace_s=0)
        wanted = {archive.name for archive in house.catalogue.archives()}
        there = set(house.storage.names())
        faults += [f"orphan: {name}" for name in there - wanted] + [f"gone: {name}" for name in wanted - there]
        faults += [f"orphan: {p}" for p in house.storage.incoming.iterdir()]
        active = house.jobs.active()
        faults += [f"orphan: {p}" for p in (home / "jobs").iterdir() if p.name not in active]
    finally:
        house.close()
    with sqlite3.connect(home / "catalog.sqlite") as catalogue:
        (said,) = catalogue.execute("PRAGMA integrity_check").fetchone()
    catalogue.close()
    return faults + ([] if said == "ok" else [f"the catalogue is damaged: {said}"])


def serve(home: Path, log: Path, port: int = 0, *, worker: bool = False) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server, with a job worker if wanted, and wait until it answers; return it and its port."""
    port = port or free_port()
    command = [*NARU, "--home", str(home), "serve", "--port", str(port), "--workers", "1"]
    command += [] if worker else ["--no-worker"]
    with log.open("ab") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return process, port
        except OSError:
            time.sleep(0.05)
    end(process)
    sys.exit(f"naru serve did not come up: {log.read_text()[-2000:]}")


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, then make it."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
