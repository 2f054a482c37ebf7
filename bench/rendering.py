"""What does a picture of a styled vector layer cost: sixteen tiles at once, one alone, by Naru, by MapLibre Native?

Buildings with Korean names (`bench/buildings.py`) are ingested; then the same jobs go to a drawing process of each
renderer, in turns, as the server sends them. Counted is that process's CPU time, by `/proc`; the tiles of data are
unpacked and read anew each time. Ends with exit code 1 where a tile through metatiles costs Naru more than a third
of one drawn alone, or more than twice what it costs MapLibre Native.

    python -m bench.rendering [COUNT] [--rounds 7]
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.buildings import write_cities
from naru.settings import Settings
from naru.tms import web_mercator_tile
from tileserver.app import create_app
from tileserver.pyramids import LayerPyramid
from tileserver.rendering.plan import Job, Metatile, job
from tileserver.rendering.workshop import Workshop

ZOOMS = (14, 15, 16, 18)
OF_ALONE, OF_MAPLIBRE = 1 / 3, 2.0  # the most that a tile through metatiles may cost Naru
CITY = (126.992, 37.545)  # longitude, latitude: amid the buildings
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Of one job."""

    cpu_ms: float
    wall_ms: float
    bytes: int


def main() -> int:
    """Measure, print a table."""
    given = _arguments()
    renderers = [name for name in ("naru", "maplibre") if name == "naru" or find_spec("mapli")]
    with tempfile.TemporaryDirectory() as folder:
        home = _home(Path(folder), given.count)
        app = create_app(Settings.from_environ({}, home=home))
        service = app.extensions["naru"]
        shops = {name: Workshop.of(name) for name in renderers}
        part = service.keeper.current.pyramids["buildings"]
        print(f"{given.count} buildings, medians of {given.rounds}; CPU ms a tile of 256 × 256, PNG")
        print(
            "| zoom | features | " + " | ".join(f"{n}: of 16 | alone | wall of 16 | kB" for n in renderers) + " |"
        )
        missed = [not _row(part, zoom, shops, given.rounds) for zoom in ZOOMS]
        for name, shop in shops.items():
            print(f"{name}: at most {_peak_mib(shop):.0f} MiB resident")
            shop.close()
        service.close()
    return int(any(missed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("count", nargs="?", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    return parser.parse_args()


def _home(folder: Path, count: int) -> Path:
    shapefile = folder / "buildings.shp"
    write_cities(count, shapefile)
    words = ["--home", str(folder / "home"), "ingest", str(shapefile), "--id", "buildings"]
    subprocess.run([sys.executable, "-m", "naru", *words], check=True, stdout=subprocess.DEVNULL)
    return folder / "home"


def _row(part: LayerPyramid, zoom: int, shops: Mapping[str, Workshop], rounds: int) -> bool:
    """Print a zoom's costs; tell whether ours are within the limits."""
    x, y = web_mercator_tile(*CITY, zoom)
    metatile, number = Metatile.around("WebMercatorQuad", zoom, x, y, 1)
    whole = job([part], metatile, "png")
    alone = _alone(whole, metatile, number)
    costs: dict[tuple[str, bool], list[Cost]] = {}
    for _ in range(rounds + 2):  # the first two warm up
        for name, shop in shops.items():
            costs.setdefault((name, True), []).append(_cost(shop, whole))
            costs.setdefault((name, False), []).append(_cost(shop, alone))
    cells, by_16, kept = [], {}, {key: found[2:] for key, found in costs.items()}
    for name in shops:
        of_16 = by_16[name] = _median([cost.cpu_ms for cost in kept[name, True]]) / 16
        one = _median([cost.cpu_ms for cost in kept[name, False]])
        wall = _median([cost.wall_ms for cost in kept[name, True]])
        cells.append(f"{of_16:.1f} | {one:.1f} | {wall:.0f} | {kept[name, True][0].bytes / 16_000:.1f}")
    print(f"| {zoom} | {_features(whole)} | " + " | ".join(cells) + " |", flush=True)
    alone_ms = _median([cost.cpu_ms for cost in kept["naru", False]])
    return by_16["naru"] <= min(OF_ALONE * alone_ms, OF_MAPLIBRE * by_16.get("maplibre", math.inf))


def _alone(whole: Job, metatile: Metatile, number: int) -> Job:
    """Return the job of drawing one tile of a metatile, and no other."""
    frame = dict(whole.told["frame"])
    frame["left"] += number % metatile.side * 256
    frame["top"] += number // metatile.side * 256
    return Job({**whole.told, "frame": frame | {"tiles": 1}}, whole.tiles)


def _cost(shop: Workshop, todo: Job) -> Cost:
    """Return a job's cost; the process's clock ticks a hundred times a second, so the job is done several times."""
    shop.do(todo.told, todo.tiles)
    times, before, began = 0, _cpu_s(shop), time.perf_counter()
    while times < 2 or time.perf_counter() - began < 0.2:
        made = shop.do(todo.told, todo.tiles)
        times += 1
    cpu, wall = _cpu_s(shop) - before, time.perf_counter() - began
    return Cost(cpu / times * 1000, wall / times * 1000, sum(map(len, made)))


def _cpu_s(shop: Workshop) -> float:
    fields = Path(f"/proc/{shop.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def _peak_mib(shop: Workshop) -> float:
    lines = Path(f"/proc/{shop.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def _features(todo: Job) -> int:
    from tileserver.rendering import mvt
    from tileserver.rendering.tile_bytes import inflated

    found: Sequence[Any] = [mvt.layers(inflated(tile), {"buildings"}) for tile in todo.tiles]
    return sum(len(layer.types) for layers in found for layer in layers.values())


def _median(values: Sequence[float]) -> float:
    return statistics.median(values)


if __name__ == "__main__":
    sys.exit(main())
