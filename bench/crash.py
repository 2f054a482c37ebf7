"""Is anything lost, torn or left behind when processes are killed? Thousands of SIGKILLs, counted.

    python bench/crash.py [--steps 1000] [--commands 60] [--uploads 40] [--disk]

- **steps**: two writers publish to a layer that they share and to one each, and are killed at every step of a
  publication in turn, and at any time. Meanwhile a server serves the home and a reader fetches tiles: every answer
  must be 200 and whole (each feature bears the number that there must be).
- **commands**: whole `naru ingest` and `naru work` processes are killed at any time, parser child and all.
- **uploads**: the server is killed while it receives a resumable upload (tus 1.0.0); the client asks for the offset
  and goes on; what was acknowledged must be there, and the layer must hold every feature in the end.
- **disk full** (`bench/full_disk.py`): a small tmpfs fills up at each station.

After all deaths: every acknowledged version is in the catalogue with its features, all archives hash to their
names, SQLite says `ok`, and `naru gc --grace 0` leaves exactly what the catalogue points to. Ends with 1 if not.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if not __package__:  # run as a file
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from bench.aftermath import Reader, Tally, end, inspect, missing, serve
from bench.crash_commands import kill_commands
from bench.crash_uploads import kill_servers
from bench.full_disk import fill_disks
from bench.killing import ANY_TIME, STEPS, Ack, Template, live_and_die, points
from bench.lab import NARU, clear

SHARED = "shared"
_LEASE_S = 31.0
_COUNTS = tuple(range(3, 40, 3))


def make_templates(folder: Path) -> list[Template]:
    """Read and tile a few files, in a process that ends: a process with threads behind it must not fork."""
    told = folder / "templates"
    pid = os.fork()
    if pid == 0:
        try:
            told.write_bytes(pickle.dumps([_template(folder, count) for count in _COUNTS]))
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    made: list[Template] = pickle.loads(told.read_bytes())
    return made


def _template(folder: Path, count: int) -> Template:
    from ingest.reading import ReadOptions, read_file
    from ingest.tiling import TilingOptions, build_tileset

    file, workdir = points(folder / f"p{count}.geojson", count), folder / f"read-{count}"
    (layer,) = read_file(file, workdir, ReadOptions(), lambda *_: None)
    tiles = workdir / "tiles.pmtiles"
    options = TilingOptions(layer="points", keep_all=True)
    return Template(count, layer, tiles, build_tileset(layer.parquet, tiles, options, lambda *_: None))


def kill_writers(home: Path, folder: Path, kills: int) -> Tally:
    """Let two writers be killed, half of `kills` each, beside a server and a reader."""
    templates = make_templates(folder)
    layers = [SHARED, "own-1", "own-2"]
    for layer in layers:
        first = [*NARU, "--home", home, "ingest", folder / f"p{_COUNTS[0]}.geojson", "--id", layer, "--json"]
        subprocess.run(first, check=True, stdout=subprocess.DEVNULL)
    server, port = serve(home, folder / "server.log")
    reader = Reader(port, layers)
    gangs = [
        _gang(home, [SHARED, f"own-{n}"], templates, (kills + n - 1) // 2, folder / f"gang-{n}") for n in (1, 2)
    ]
    tally = Tally()
    for pid, told in gangs:
        os.waitpid(pid, 0)
        _take(tally, json.loads(told.read_text()) if told.exists() else {"faults": ["a gang died"]})
    reader.stop()
    if server.poll() is not None:
        tally.faults.append("the server died")
    end(server)
    tally.tiles_read, tally.faults = reader.tiles, tally.faults + [f"torn: {f}" for f in reader.faults[:20]]
    return tally


def _gang(
    home: Path, layers: Sequence[str], templates: Sequence[Template], kills: int, told: Path
) -> tuple[int, Path]:
    """Fork a process that forks writers one after the other; it leaves its account in a file."""
    pid = os.fork()
    if pid:
        return pid, told
    try:
        told.write_text(json.dumps(_lives(home, layers, templates, kills)))
    finally:
        os._exit(0)


def _lives(home: Path, layers: Sequence[str], templates: Sequence[Template], kills: int) -> dict[str, Any]:
    chance = random.Random(layers[-1])
    steps = [*STEPS, ANY_TIME]
    died: Counter[str] = Counter()
    acks: list[Ack] = []
    conflicts, faults = 0, []
    while died.total() < kills:
        step = steps[died.total() % len(steps)]
        new, met, killed = live_and_die(home, layers, templates, step, chance)
        acks, conflicts = acks + new, conflicts + met
        if not killed:
            faults.append(f"a writer ended by itself at '{step}'")
            break
        died[step] += 1
        if died.total() % 10 == 0 or died.total() == kills:  # all that were told, not only the last
            faults += missing(home, acks)
            print(f"{layers[-1]}: {died.total()} of {kills} killed", file=sys.stderr, flush=True)
    return {"kills": died, "acks": [vars(a) for a in acks], "conflicts": conflicts, "faults": faults}


def _take(tally: Tally, told: dict[str, Any]) -> None:
    tally.kills.update(told.get("kills", {}))
    tally.acknowledged += len(told.get("acks", ()))
    tally.conflicts += told.get("conflicts", 0)
    tally.faults += told["faults"]


def run(given: argparse.Namespace, folder: Path) -> dict[str, Tally]:
    """Do what was asked for; each part in a home of its own."""
    parts: dict[str, Tally] = {}
    for name, kill, wanted in (
        ("steps", kill_writers, given.steps),
        ("commands", kill_commands, given.commands),
        ("uploads", kill_servers, given.uploads),
    ):
        if not wanted:
            continue
        place = folder / name
        place.mkdir()
        began = time.monotonic()
        parts[name] = kill(place / "home", place, wanted)
        if name == "steps":
            time.sleep(_LEASE_S)  # the leases of the dead end
        parts[name].faults += inspect(place / "home")
        show(name, parts[name], time.monotonic() - began)
    if given.disk:
        parts["disk full"] = fill_disks(folder)
        show("disk full", parts["disk full"], 0.0)
    return parts


def show(name: str, tally: Tally, seconds: float) -> None:
    """Print one part's account."""
    print(f"\n## {name}: {tally.kills.total()} in {seconds:.0f} s\n\n| where | times |\n|---|---|")
    for where, times in tally.kills.items():
        print(f"| {where} | {times} |")
    print(
        f"\n{tally.acknowledged} acknowledged, {tally.conflicts} told of a conflict, {tally.tiles_read} tiles read"
    )
    print(f"lost, torn, left behind or unclear: {len(tally.faults)}")
    for fault in tally.faults[:20]:
        print(f"  ! {fault}")
    sys.stdout.flush()


def main() -> int:
    """Read the command line; return 1 where anything was lost, torn, left behind or unclear."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000, help="kills at the steps of a publication  [1000]")
    parser.add_argument("--commands", type=int, default=60, help="kills of whole commands  [60]")
    parser.add_argument("--uploads", type=int, default=40, help="kills of a receiving server  [40]")
    parser.add_argument("--disk", action=argparse.BooleanOptionalAction, default=os.geteuid() == 0,
                        help="fill a small disk at each station (needs root)")  # fmt: skip
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="naru-crash-"))
    try:
        parts = run(given, folder)
    finally:
        clear(folder)
    kills = sum(t.kills.total() for name, t in parts.items() if name != "disk full")
    faults = sum(len(t.faults) for t in parts.values())
    print(f"\n{kills} kills; lost, torn, left behind or unclear: {faults}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
