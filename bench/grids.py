"""What do tiles in the other grids cost?

COUNT buildings and Seoul's 25 districts (shared borders) are tiled in each served grid, in turns, by a process that
runs already. A small layer is cut in the others side by side before it is live: that takes what stands under "side
by side". A large one is live before them.

    python -m bench.grids [COUNT] [--rounds 3]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

from bench.buildings import buildings
from ingest.other_grids import Cutting, cut_all, is_quick
from ingest.recut import nothing_before
from ingest.tiling import TilingOptions, TilingResult, build_tileset
from naru.grids import GRIDS, WEB_MERCATOR
from sample_data.boundaries import seoul_gu

DEARER = 1.25  # CPU time of a grid, over that of Web Mercator
LARGER = 1.25  # bytes, likewise
SIDE_BY_SIDE = "all others, side by side"


@dataclass
class Cost:
    """What one way of tiling took, run by run."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    size: int = 0
    tiles: int = 0

    def take(self, work: Callable[[], tuple[int, int]]) -> None:
        """Run some work that says its bytes and tiles, and note what it took."""
        wall, cpu = time.perf_counter(), time.process_time()
        self.size, self.tiles = work()
        self.wall_s.append(time.perf_counter() - wall)
        self.cpu_s.append(time.process_time() - cpu)


def measure(source: Path, rounds: int) -> tuple[TilingResult, dict[str, Cost]]:
    """Return what Web Mercator's tiles are, and the cost of each grid; the first round is not counted."""
    made = {WEB_MERCATOR: _tile(source, TilingOptions(layer="layer"))}
    zooms = made[WEB_MERCATOR].minzoom, made[WEB_MERCATOR].maxzoom
    cutting = Cutting(source, TilingOptions(layer="layer"), zooms, made[WEB_MERCATOR].bounds, source.parent)
    costs: dict[str, Cost] = {}
    for number in range(rounds + 1):
        costs = costs if number > 1 else {name: Cost() for name in (*GRIDS, SIDE_BY_SIDE)}
        for name, grid in GRIDS.items():
            low, high = (grid.zoom_like(zoom) for zoom in zooms)
            options = TilingOptions(layer="layer", grid=grid, minzoom=low, maxzoom=high)
            costs[name].take(partial(_in_one, source, options))
        costs[SIDE_BY_SIDE].take(lambda: _sizes([one.result for one in cut_all(cutting, nothing_before)]))
    return made[WEB_MERCATOR], costs


def _tile(source: Path, options: TilingOptions) -> TilingResult:
    return build_tileset(source, source.with_suffix(".pmtiles"), options, lambda share, message: None)


def _in_one(source: Path, options: TilingOptions) -> tuple[int, int]:
    return _sizes([_tile(source, options)])


def _sizes(made: list[TilingResult]) -> tuple[int, int]:
    return sum(one.bytes for one in made), sum(one.tiles for one in made)


def report(name: str, mercator: TilingResult, costs: dict[str, Cost]) -> bool:
    """Print a layer's table; return whether no grid costs much more than Web Mercator."""
    quick = "at once, before it is live" if is_quick(mercator) else "after it is live"
    print(f"\n{name}: {mercator.features} features, {mercator.vertices} vertices; other grids are cut {quick}\n")
    print("| | wall s | CPU s | MB | tiles | CPU ÷ Web Mercator |")
    print("|---|---|---|---|---|---|")
    base, fine = costs[WEB_MERCATOR], True
    for grid, cost in costs.items():
        ratio = median(cost.cpu_s) / median(base.cpu_s)
        times = f"{median(cost.wall_s):.2f} | {median(cost.cpu_s):.2f}"
        print(f"| {grid} | {times} | {cost.size / 1e6:.2f} | {cost.tiles} | {ratio:.2f} |")
        share = len(GRIDS) - 1 if grid == SIDE_BY_SIDE else 1
        fine &= ratio <= share * DEARER and cost.size <= share * LARGER * base.size
    return fine


def main() -> int:
    """Measure both layers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    fine = True
    with tempfile.TemporaryDirectory(prefix="naru-bench-") as folder:
        for name, frame in (("buildings", buildings(given.count)), ("districts", seoul_gu())):
            source = Path(folder) / f"{name}.parquet"
            frame.to_parquet(source)
            fine &= report(name, *measure(source, given.rounds))
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
