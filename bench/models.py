"""How fast do outlines become 3D tiles, in how much memory? Buildings with ten attributes on terrain of 2 m cells.

Each run is a process of its own, by one worker and by as many as there are cores; what the layer's ingest costs is
not counted. Memory of the process tree is looked at every 20 ms.

    python -m bench.models [COUNT]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import rasterio
from pyproj import CRS

from bench.buildings import ORIGIN, SPACING_M, cities
from bench.contest import Contender, measure
from ingest.geoparquet_writer import LayerWriter

ANONYMOUS_BUDGET_MIB = 1024
_CELL_M = 2.0
_ROWS = 4096  # rows of terrain at a time


def write_layer(count: int, path: Path) -> None:
    """Write a source archive of buildings, as an ingest would."""
    writer = None
    for frame in cities(count):
        table = pa.Table.from_pandas(frame.drop(columns="geometry"), preserve_index=False)
        shapes = frame.geometry.to_numpy()
        writer = writer or LayerWriter(path, table.schema)
        for start in range(0, len(frame), 65_536):
            (batch,) = table.slice(start, 65_536).combine_chunks().to_batches()
            part = shapes[start : start + 65_536]
            writer.write(batch, part, frame.geometry.iloc[start : start + 65_536].bounds.to_numpy())
    assert writer is not None
    writer.close(CRS.from_epsg(5186))


def write_terrain(count: int, path: Path) -> None:
    """Write hills under the first city of them."""
    side = int((np.ceil(np.sqrt(min(count, 1_000_000))) + 2) * SPACING_M / _CELL_M)
    west, north = ORIGIN[0] - SPACING_M, ORIGIN[1] + (side - 20) * _CELL_M
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 1, "dtype": "float32", "compress": "zstd"}
    tiled = {"tiled": True, "blockxsize": 256, "blockysize": 256, "crs": "EPSG:5186"}
    place = rasterio.Affine(_CELL_M, 0, west, 0, -_CELL_M, north)
    x = np.arange(side, dtype=np.float32) * _CELL_M
    with rasterio.open(path, "w", **profile, **tiled, transform=place) as raster:
        for top in range(0, side, _ROWS):
            y = x[top : top + _ROWS, None]
            heights = 30 + 8 * np.sin(x / 300) + 6 * np.cos(y / 410)
            raster.write(heights[None].astype(np.float32), window=rasterio.windows.Window(0, top, side, len(y)))


def once(layer: Path, terrain: Path, out: Path, workers: int) -> None:
    """Make the models: what a run measures."""
    from naru.features.source import FeatureSource
    from twin.datum import Geoid
    from twin.models.buildings import BuildingPlan, build_buildings
    from twin.models.ground import GroundFile
    from twin.models.heights import HeightFields

    wish = BuildingPlan(
        HeightFields("높이", "층수"), GroundFile(terrain), geoid=Geoid(undulation_m=23.1), workers=workers
    )
    build_buildings(FeatureSource.open(layer), wish, out, out.parent, lambda _share, _message: None)


def compare(count: int) -> bool:
    """Measure, print a table; return whether memory stayed within its limit."""
    with tempfile.TemporaryDirectory(prefix="naru-models-", dir=os.environ.get("NARU_BENCH_FOLDER")) as name:
        folder = Path(name)
        layer, terrain, out = folder / "layer.parquet", folder / "terrain.tif", folder / "out.3tz"
        write_layer(count, layer)
        write_terrain(count, terrain)
        print(f"| {count:,} buildings, workers | wall s | CPU s | buildings/s | MB | peak MiB | anonymous |")
        print("|---|---|---|---|---|---|---|")
        most = 0.0
        for workers in sorted({1, os.cpu_count() or 1}):
            words = [
                sys.executable,
                "-m",
                "bench.models",
                "--once",
                str(layer),
                str(terrain),
                str(out),
                str(workers),
            ]
            run = measure(Contender(f"{workers}", [words]))
            most = max(most, run.anonymous_mib)
            size = out.stat().st_size / 1e6
            print(
                f"| {workers} | {run.wall_s:.1f} | {run.cpu_s:.1f} | {count / run.wall_s:,.0f} | {size:,.0f} "
                f"| {run.peak_mib:.0f} | {run.anonymous_mib:.0f} |",
                flush=True,
            )
        return most <= ANONYMOUS_BUDGET_MIB


def main(words: Sequence[str] | None = None) -> int:
    """Measure; exit with 1 beyond the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", nargs="?", type=int, default=100_000)
    parser.add_argument("--once", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.once:
        layer, terrain, out, workers = given.once
        once(Path(layer), Path(terrain), Path(out), int(workers))
        return 0
    return 0 if compare(given.count) else 1


if __name__ == "__main__":
    sys.exit(main())
