"""How long does an orthophoto take to become tiles, against GDAL's COG driver and gdal2tiles?

All start from the same tiled RGB GeoTIFF (EPSG:5186, 0.25 m) and run in turns in processes of their own.

- COG: `naru ingest` into an empty home, from the file to a live layer, against `gdal_translate -of COG` with the
  same grid, block size, compression, quality and resampling.
- all tiles: `naru ingest --pyramid png` and `webp`, which make the COG too, against `gdal2tiles.py` with as many
  processes as there are processors, over the same zooms. Tiles per second count what each of them wrote.

    python -m bench.raster [SIDE] [--rounds 3] [--without gdal2tiles …]
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

from bench.contest import Contender, measure

LIMIT_COG = 1.0  # of GDAL's wall time
LIMIT_MIB = 1536.0
LIMIT_TILES = 4.0  # times gdal2tiles' tiles per second
ZOOMS = (13, 19)
_BLOCK = 2000
_CREATION = (
    *("TILING_SCHEME=GoogleMapsCompatible", "BLOCKSIZE=256", "COMPRESS=WEBP", "QUALITY=75", "SPARSE_OK=YES"),
    *(
        "WARP_RESAMPLING=BILINEAR",
        "OVERVIEW_RESAMPLING=AVERAGE",
        f"NUM_THREADS={os.cpu_count()}",
        "ALIGNED_LEVELS=7",
    ),
)


def make_photo(path: Path, side: int) -> None:
    """Write an orthophoto of `side` × `side` pixels: waves with noise, tiled, uncompressed."""
    rng = np.random.default_rng(0)
    down, across = np.mgrid[0:_BLOCK, 0:_BLOCK].astype("f4")
    noise = [rng.normal(0, 8, (_BLOCK, _BLOCK)).astype("f4") for _ in range(3)]
    about = {"driver": "GTiff", "width": side, "height": side, "count": 3, "dtype": "uint8", "photometric": "RGB"}
    place = {"crs": "EPSG:5186", "transform": from_origin(197_000, 552_000, 0.25, 0.25)}
    blocks = {"tiled": True, "blockxsize": 512, "blockysize": 512, "interleave": "pixel"}
    with rasterio.open(path, "w", **about, **place, **blocks) as raster:
        for row in range(0, side, _BLOCK):
            for column in range(0, side, _BLOCK):
                wave = 120 + 60 * np.sin((across + column) / 50) * np.cos((down + row) / 70)
                pixels = np.stack([np.roll(n, (row % 997, column % 991), (0, 1)) + wave for n in noise])
                size = min(_BLOCK, side - column), min(_BLOCK, side - row)
                cut = pixels[:, : size[1], : size[0]].clip(1, 255).astype("u1")
                raster.write(cut, window=Window(column, row, *size))


def contenders(photo: Path, folder: Path) -> list[Contender]:
    """Return who takes part."""
    ingest = [sys.executable, "-m", "naru", "--home"]
    zooms = ["--minzoom", str(ZOOMS[0]), "--maxzoom", str(ZOOMS[1]), "--json"]
    options = [word for option in _CREATION for word in ("-co", option)]
    home, pictures, webp, tiles = (folder / name for name in ("home", "pictures", "webp", "tiles"))
    cog_driver = ["gdal_translate", "-q", "-of", "COG"]
    gdal2tiles = ["gdal2tiles.py", "-q", "--xyz", "-r", "bilinear", "-z", f"{ZOOMS[0]}-{ZOOMS[1]}"]
    return [
        Contender("naru, COG", [[*ingest, str(home), "ingest", str(photo), "--id", "o", *zooms]], fresh=home),
        Contender("gdal_translate, COG", [[*cog_driver, *options, str(photo), f"{folder}/g.tif"]]),
        Contender(
            "naru, COG and PNG tiles",
            [[*ingest, str(pictures), "ingest", str(photo), "--id", "o", "--pyramid", "png", *zooms]],
            fresh=pictures,
        ),
        Contender(
            "naru, COG and WebP tiles",
            [[*ingest, str(webp), "ingest", str(photo), "--id", "o", "--pyramid", "webp", *zooms]],
            fresh=webp,
        ),
        Contender(
            "gdal2tiles, PNG tiles",
            [[*gdal2tiles, f"--processes={os.cpu_count()}", "-w", "none", str(photo), str(tiles)]],
            fresh=tiles,
        ),
    ]


def count_tiles(contender: Contender) -> int:
    """Return how many tiles a contender's last run has left."""
    folder = contender.fresh
    if folder is None:
        return 0
    if not (folder / "catalog.sqlite").exists():
        return sum(1 for _ in folder.rglob("*.png"))
    with sqlite3.connect(folder / "catalog.sqlite") as base:
        (report,) = base.execute("SELECT report FROM versions").fetchone()
    return int(json.loads(report)["tiles"])


def main() -> int:
    """Run the contest; 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", nargs="?", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without", nargs="*", default=[])
    said = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="naru-bench-raster-") as scratch:
        photo = Path(scratch) / "photo.tif"
        make_photo(photo, said.side)
        taking_part = [c for c in contenders(photo, Path(scratch)) if not any(w in c.name for w in said.without)]
        for _ in range(said.rounds):
            for contender in taking_part:
                contender.runs.append(measure(contender))
        tiles = {contender.name: count_tiles(contender) for contender in taking_part}
    return _judge(taking_part, tiles)


def _judge(taking_part: list[Contender], tiles: dict[str, int]) -> int:
    print("| | wall s | CPU s | peak MiB | tiles | tiles/s | tiles per CPU s |\n|---|---|---|---|---|---|---|")
    rate, thrift = {}, {}
    for one in taking_part:
        wall = one.median("wall_s")
        rate[one.name], thrift[one.name] = tiles[one.name] / wall, tiles[one.name] / one.median("cpu_s")
        figures = f"{wall:.1f} | {one.median('cpu_s'):.1f} | {one.median('peak_mib'):,.0f}"
        rates = f"{rate[one.name]:.0f} | {thrift[one.name]:.0f}" if tiles[one.name] else " | "
        print(f"| {one.name} | {figures} | {tiles[one.name] or ''} | {rates} |")
    found = {one.name: one for one in taking_part}
    missed = []
    cog, gdal = found.get("naru, COG"), found.get("gdal_translate, COG")
    if cog and gdal:
        ratio, work = (cog.median(what) / gdal.median(what) for what in ("wall_s", "cpu_s"))
        print(f"\nCOG: {ratio:.2f} of GDAL's wall time (limit {LIMIT_COG}), {work:.2f} of its CPU time")
        missed += [ratio > LIMIT_COG, cog.median("peak_mib") > LIMIT_MIB]
    for kind in ("PNG", "WebP"):
        ours, theirs = f"naru, COG and {kind} tiles", "gdal2tiles, PNG tiles"
        if ours in rate and theirs in rate:
            times = rate[ours] / rate[theirs]
            said = f"{times:.1f} times gdal2tiles' PNG tiles per second (limit {LIMIT_TILES})"
            print(f"pyramid of {kind}: {said}, {thrift[ours] / thrift[theirs]:.1f} times per CPU second")
            missed.append(times < LIMIT_TILES)
    return 1 if any(missed) else 0


if __name__ == "__main__":
    sys.exit(main())
