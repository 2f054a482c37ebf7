"""A layer as a file, in every format: how fast, and whether memory stays flat while the layer grows.

Each format is written by a process of its own, once for a quarter of the features and once for all of them. Its
peak (VmHWM) must stay under a limit, and must hardly grow. GDAL (pyogrio, geopandas) writes what it can beside.

    python -m bench.export [--count 100000] [--formats shp,csv] [--no-peers]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from pyproj import CRS

from bench.buildings import buildings
from ingest.geoparquet_writer import LayerWriter
from naru.export.formats import FEATURE_FORMATS, FORMATS

MEMORY_BUDGET_MIB = 400
GROWTH_BUDGET = 1.25  # peak for all of the features ÷ peak for a quarter of them
PEERS = {"shp": "ESRI Shapefile", "geojson": "GeoJSON", "gpkg": "GPKG"}
_ROWS_A_GROUP = 16_384  # about what ingest writes


def make_source(count: int, target: Path) -> None:
    """Write `count` buildings as a source archive."""
    frame = buildings(count)
    table = pa.Table.from_pandas(frame.drop(columns="geometry"), preserve_index=False)
    geometries = np.asarray(frame.geometry)
    writer = LayerWriter(target, table.schema)
    for start in range(0, count, _ROWS_A_GROUP):
        part = geometries[start : start + _ROWS_A_GROUP]
        (batch,) = table.slice(start, _ROWS_A_GROUP).combine_chunks().to_batches()
        writer.write(batch, part, shapely.bounds(part))
    writer.close(CRS.from_epsg(5186))


def write_ours(name: str, source: Path, target: Path) -> None:
    """Export a source in one format."""
    from naru.export.about import About
    from naru.export.job import Wanted, plan
    from naru.export.writing import write
    from naru.features.source import FeatureSource

    about = About("buildings", "건물", "Buildings", "CC-BY", "© 서울", 1, datetime(2026, 1, 1, tzinfo=UTC))
    opened = FeatureSource.open(source)
    write(plan(FORMATS[name], about, opened, Wanted(), lambda _fraction, _message: None), target)


def write_theirs(name: str, source: Path, target: Path) -> None:
    """Have geopandas and GDAL write the same."""
    import geopandas

    frame = geopandas.read_parquet(source)
    frame = frame.to_crs(4326) if FORMATS[name].lonlat else frame
    frame.to_file(
        target.with_suffix(".shp" if name == "shp" else target.suffix), driver=PEERS[name], engine="pyogrio"
    )


def child(who: str, name: str, source: Path, target: Path) -> None:
    """Write one file; print seconds and the peak of this process in MiB."""
    began = time.monotonic()
    (write_ours if who == "ours" else write_theirs)(name, source, target)
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps({"s": time.monotonic() - began, "cpu_s": time.process_time(), "mib": peak}))


def run(who: str, name: str, source: Path, folder: Path) -> dict[str, Any]:
    """Write one file in a process of its own; return what it measured, and the file's size."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        target = Path(scratch) / f"out{FORMATS[name].suffix}"
        words = [sys.executable, "-m", "bench.export", "child", who, name, str(source), str(target)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{who} {name} failed:\n{done.stderr}")
        size = sum(file.stat().st_size for file in Path(scratch).iterdir())
    return {**json.loads(done.stdout.splitlines()[-1]), "mb": size / 1e6}


def compare(count: int, formats: list[str], *, peers: bool) -> bool:
    """Measure every format, print the table; return whether all stay within the budgets."""
    within = True
    print(f"\n{count} buildings, ten fields, EPSG:5186\n")
    print("| format | s | CPU s | features/s | peak MiB | ÷ a quarter's | MB | GDAL s | GDAL MiB |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="naru-bench-") as name:
        folder = Path(name)
        make_source(count // 4, folder / "quarter.parquet")
        make_source(count, folder / "all.parquet")
        for one in formats:
            small, full = (run("ours", one, folder / f"{part}.parquet", folder) for part in ("quarter", "all"))
            theirs = run("theirs", one, folder / "all.parquet", folder) if peers and one in PEERS else None
            growth = full["mib"] / small["mib"]
            within &= full["mib"] <= MEMORY_BUDGET_MIB and growth <= GROWTH_BUDGET
            told = f"{theirs['s']:.1f} | {theirs['mib']:.0f}" if theirs else "– | –"
            print(
                f"| {one} | {full['s']:.1f} | {full['cpu_s']:.1f} | {count / full['s']:.0f} | {full['mib']:.0f} "
                f"| {growth:.2f} | {full['mb']:.1f} | {told} |",
                flush=True,
            )
    print(f"\nbudgets: {MEMORY_BUDGET_MIB} MiB, {GROWTH_BUDGET} of a quarter's peak")
    return within


def main() -> int:
    """Read the command line; return 1 where a budget is missed."""
    if sys.argv[1:2] == ["child"]:
        who, name, source, target = sys.argv[2:]
        child(who, name, Path(source), Path(target))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--formats", default=",".join(FEATURE_FORMATS))
    parser.add_argument("--no-peers", action="store_true", help="leave GDAL out")
    given = parser.parse_args()
    return 0 if compare(given.count, given.formats.split(","), peers=not given.no_peers) else 1


if __name__ == "__main__":
    sys.exit(main())
