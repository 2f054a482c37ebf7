"""Kills whole commands at any time: `naru ingest` with its parser child, `naru work` with the job that it has."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from pathlib import Path

from bench.aftermath import Tally, missing
from bench.killing import Ack, points
from bench.lab import NARU

_FEATURES = 30
_LEASE_S = 31.0


def kill_commands(home: Path, folder: Path, kills: int) -> Tally:
    """Kill `kills` processes, two at a time; every queued file is published once, or its job says why not."""
    chance, tally = random.Random("commands"), Tally()
    file = str(points(folder / "whole.geojson", _FEATURES))
    naru = [*NARU, "--home", str(home)]
    rounds = (kills + 1) // 2
    for _ in range(rounds):
        queue = [*naru, "ingest", file, "--id", "queued", "--queue", "--json"]
        subprocess.run(queue, check=True, stdout=subprocess.DEVNULL)
        ingest = _start([*naru, "ingest", file, "--id", "whole", "--json"])
        work = _start([*naru, "work"])
        time.sleep(chance.uniform(0.2, 3.0))
        _kill(ingest, "naru ingest", tally, home)
        _kill(work, "naru work", tally, home)
    time.sleep(_LEASE_S)  # the last worker's lease ends
    subprocess.run([*naru, "work", "--once", "--json"], check=True, stdout=subprocess.DEVNULL)
    states, versions = _queued(home), _versions(home, "queued")
    if states.total() != rounds or states["done"] + states["failed"] != rounds or states["done"] != versions:
        tally.faults.append(f"{rounds} files were queued, jobs ended {dict(states)}, {versions} versions are there")
    return tally


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _kill(process: subprocess.Popen[bytes], name: str, tally: Tally, home: Path) -> None:
    process.kill()
    said, _ = process.communicate()
    tally.kills[name] += process.returncode == -signal.SIGKILL
    if b'"version"' in said:
        version = json.loads(said)["layers"][0]["version"]
        tally.acknowledged += 1
        tally.faults += missing(home, [Ack("whole", version, _FEATURES)])


def _versions(home: Path, layer: str) -> int:
    with sqlite3.connect(home / "catalog.sqlite") as catalogue:
        (count,) = catalogue.execute("SELECT count(*) FROM versions WHERE layer_id = ?", (layer,)).fetchone()
    catalogue.close()
    return int(count)


def _queued(home: Path) -> Counter[str]:
    """Return how the jobs for the layer 'queued' stand."""
    with sqlite3.connect(home / "catalog.sqlite") as catalogue:
        rows = list(catalogue.execute("SELECT state, params FROM jobs"))
    catalogue.close()
    return Counter(state for state, params in rows if json.loads(params).get("id") == "queued")
