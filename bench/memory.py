"""Does memory stay bounded when a layer grows? One `naru ingest` of many buildings, under a limit if wished.

What is measured: resident and anonymous memory of the whole process tree. Resident pages of mapped files are
the system's page cache: under `--limit-mib` (a cgroup of our own, page cache included) they are written out and
dropped, and the run must still end well. 5 million take 4 GB of disk for the shapefile, as much again while it
runs, and minutes.

    python -m bench.memory [COUNT] [--limit-mib 2560] [--shapefile FILE] [--thinned]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

from bench.buildings import write_cities
from bench.contest import Contender, measure, memory_limit

ANONYMOUS_BUDGET_MIB = 2048


def ingest(shapefile: Path, home: Path, *, thinned: bool) -> Contender:
    """Return the command to measure."""
    words = ["ingest", str(shapefile), "--id", "buildings", "--maxzoom", "14", "--json"]
    words += [] if thinned else ["--keep-all"]
    return Contender("naru", [[sys.executable, "-m", "naru", *words]], {"NARU_HOME": str(home)}, home)


def published(home: Path) -> tuple[int, int]:
    """Return how many features the live layer's top zoom shows, and its tiles."""
    words = [sys.executable, "-m", "naru", "--home", str(home), "layers", "show", "buildings", "--json"]
    shown = json.loads(subprocess.check_output(words))
    report = shown["versions"][-1]["report"]
    return report["features_published"], report["tiles"]


def compare(given: argparse.Namespace) -> bool:
    """Make the data where none are given, ingest, print; return whether memory stayed within its limit."""
    with tempfile.TemporaryDirectory(prefix="naru-memory-", dir=given.folder) as name:
        folder = Path(name)
        shapefile = given.shapefile or folder / "buildings.shp"
        if not given.shapefile:
            write_cities(given.count, shapefile)
        limit = memory_limit(given.limit_mib) if given.limit_mib else nullcontext([])
        with limit as within:
            run = measure(ingest(shapefile, folder / "home", thinned=given.thinned), within)
        features, tiles = published(folder / "home")
        under = f" under a limit of {given.limit_mib} MiB" if given.limit_mib else ""
        print(f"{features} features live in {tiles} tiles{under}: wall {run.wall_s:.0f} s, CPU {run.cpu_s:.0f} s,")
        print(f"peak {run.peak_mib:.0f} MiB resident, {run.anonymous_mib:.0f} MiB of it anonymous", end=" ")
        print(f"(budget {ANONYMOUS_BUDGET_MIB})")
        return run.anonymous_mib <= ANONYMOUS_BUDGET_MIB


def main() -> int:
    """Read the command line; return 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--limit-mib", type=int)
    parser.add_argument("--shapefile", type=Path, help="a file that bench.buildings has made, instead of a new one")
    parser.add_argument("--thinned", action="store_true", help="500 kB a tile below the top zoom")
    parser.add_argument("--folder", type=Path, help="where files go: a disk, not memory")
    return 0 if compare(parser.parse_args()) else 1


if __name__ == "__main__":
    sys.exit(main())
