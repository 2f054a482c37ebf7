"""What does it cost to write a flood down, and to draw one of its times? Files, CPU seconds, milliseconds a tile.

A flood that rises and falls over 1000 × 1000 cells of 10 m (rough ground, seeded; some 60 % wet in the middle) is
written at 73 times as `twin/results` does. The peer is the plain way: one GeoTIFF with the times as bands, pixel by
pixel, in which every block holds all times; the same values, codec and precision.

    python -m bench.flood_results [--cells 1000] [--times 73]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy.ndimage import gaussian_filter

from naru.cog import BLOCK, Cog
from naru.pmtiles import mapped
from naru.raster_facts import RasterFacts
from tileserver.flood.reading import depths_at_place
from tileserver.rasters.drawing import Easel
from tileserver.rasters.looks import Look, Subject
from twin.flood.records import Domain
from twin.grid import Frame
from twin.results.animation import pack, write_frames
from twin.results.depths import write_depths
from twin.results.frames import State, read_frame, write_frame
from twin.results.netcdf import write_netcdf

SEED, SHOWN_M, NODATA = 20260101, 0.05, -9999.0
MOST_TILE_RATIO = 0.2  # of the peer's time to read one time of a block that is not in memory
PLACE = (126.91, 37.48)
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """A flood, made when it is asked for."""

    frame: Frame
    ground: Floats
    times: int

    @classmethod
    def make(cls, cells: int, times: int) -> Scene:
        """Return a scene of cells × cells."""
        rng = np.random.default_rng(SEED)
        waves, rough = (gaussian_filter(rng.standard_normal((cells, cells)), s) for s in (20, 2))
        ground = 20 + waves / waves.std() + rough / rough.std() * 0.2
        return cls(Frame(190_000.0, 545_000.0, 10.0, cells, cells, "EPSG:5186"), ground.astype("f4"), times)

    def depth(self, number: int) -> Floats:
        """Return the depth at a time: a level that rises and falls, with ripples of a centimetre that move."""
        level = 18.5 + 2.0 * np.sin(np.pi * number / max(1, self.times - 1))
        row = np.arange(self.frame.rows, dtype="f4")[:, None]
        ripple = 0.01 * np.sin(self.ground * 40 + row / 7 + number)
        depth = level - self.ground + ripple
        return np.where(depth > 0, depth, 0).astype("f4")


def spent(work: Callable[[], Any]) -> float:
    """Return the CPU seconds of some work."""
    began = time.process_time()
    work()
    return time.process_time() - began


def megabytes(path: Path) -> float:
    """Return the size of a file or folder."""
    files: Iterable[Path] = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files) / 1e6


def written(scene: Scene, folder: Path) -> list[tuple[str, float, float]]:
    """Write everything; return what, CPU seconds and megabytes."""
    work, shape = folder / "work", scene.ground.shape
    work.mkdir()
    domain = Domain(scene.frame, scene.ground.astype("f8"), np.full(shape, 0.03, "f4"))

    def state(number: int) -> State:
        depth = scene.depth(number)
        return State(300.0 * number, depth, depth * np.float32(0.7), depth * np.float32(0.2))

    depths = [scene.depth(n) for n in range(scene.times)]
    deepest = float(max(depth.max() for depth in depths))
    kept = 0.0
    for number in range(scene.times):
        now = state(number)
        kept += spent(lambda n=number, s=now: write_frame(work, n, s))
    out = [("state at output times", kept)]

    def states() -> Iterable[State]:
        return (read_frame(work, number) for number in range(scene.times))

    result, frames = folder / "result.nc", folder / "frames"
    out.append(("result.nc", spent(lambda: write_netcdf(result, domain, states(), None, {"source": "bench"}))))
    out.append(("frames", spent(lambda: write_frames(frames, domain, states(), (deepest, SHOWN_M), None))))
    pack(folder / "frames", folder / "frames.zip")
    out.append(("depths.tif", spent(lambda: _depths(scene, folder / "depths.tif", depths))))
    files = {"state at output times": work, "frames": folder / "frames.zip"}
    return [(name, cpu_s, megabytes(files.get(name, folder / name))) for name, cpu_s in out]


def _depths(scene: Scene, path: Path, depths: list[Floats]) -> None:
    most = np.maximum.reduce(depths)
    bands = [*depths, most]
    write_depths(path, scene.frame, scene.ground.astype("f8"), len(bands), lambda n, rows: bands[n][rows], SHOWN_M)


def plain(path: Path, peer: Path) -> float:
    """Write the peer from the same values; return its megabytes (full resolution only)."""
    with rasterio.open(path) as source:
        about = source.profile | {"interleave": "pixel", "max_z_error": 0.0005, "zstd_level": 1, "sparse_ok": True}
        with rasterio.open(peer, "w", **about) as out:
            for window in _blocks(source.width, source.height):
                values = source.read(window=window)
                if (values != NODATA).any():
                    out.write(values, window=window)
    return megabytes(peer)


def _blocks(width: int, height: int) -> Iterable[Window]:
    return [Window(x, y, BLOCK, BLOCK) for y in range(0, height, BLOCK) for x in range(0, width, BLOCK)]


def cold_reads(path: Path, places: list[tuple[int, int]], times: int) -> float:
    """Return the median milliseconds of CPU to read one time of a block, each of another block."""
    with rasterio.open(path) as raster:
        taken = [
            spent(lambda x=x, y=y, n=n: raster.read(1 + n * 5 % times, window=Window(x, y, BLOCK, BLOCK)))
            for n, (x, y) in enumerate(places)
        ]
    return statistics.median(taken) * 1e3


def drawn(path: Path, scene: Scene, kind: str) -> float:
    """Return the median milliseconds of CPU to draw a tile, of every third time at the finest zoom."""
    facts = RasterFacts.of({"raster": {"role": "data", "dtype": "float32", "ramp": "depth"}})
    whole, easel, rng = Cog(mapped(path), apart=True), Easel(), np.random.default_rng(SEED)
    taken = []
    for number in range(scene.times // 4, scene.times * 3 // 4):
        cog = whole.of_band(number + 1)
        x, y = _full(cog)[int(rng.integers(len(_full(cog))))]
        subject = Subject(path, cog, facts, before=number)
        taken.append(spent(lambda s=subject, t=(whole.maxzoom, x, y): easel.draw(s, Look(kind), *t)))
    return statistics.median(taken) * 1e3


def _full(cog: Cog) -> list[tuple[int, int]]:
    level = cog.level(cog.maxzoom)
    tiles = [(level.left + i, level.top + k) for k in range(level.rows) for i in range(level.columns)]
    return [tile for tile in tiles if cog.has(cog.maxzoom, *tile)]


def main() -> int:
    """Measure; return 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--times", type=int, default=73)
    asked = parser.parse_args()
    scene = Scene.make(asked.cells, asked.times)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, cpu_s, size_mb in written(scene, folder):
            print(f"{what:24} {cpu_s:7.2f} s CPU {size_mb:9.2f} MB")
        path, peer = folder / "depths.tif", folder / "plain.tif"
        print(f"{'plain, without overviews':24} {'':13} {plain(path, peer):9.2f} MB")
        cog = Cog(mapped(path), apart=True).of_band(asked.times // 2)
        level = cog.level(cog.maxzoom)
        places = [((x - level.left) * BLOCK, (y - level.top) * BLOCK) for x, y in _full(cog)]
        ours, theirs = (cold_reads(each, places, asked.times) for each in (path, peer))
        print(f"one time of a block: {ours:.2f} ms, of the plain file {theirs:.2f} ms, ratio {ours / theirs:.3f}")
        for kind in ("png", "webp"):
            print(f"a tile as {kind}: {drawn(path, scene, kind):.2f} ms")
        print(f"all depths at a place: {spent(lambda: depths_at_place(path, *PLACE)) * 1e3:.1f} ms")
    return int(ours / theirs > MOST_TILE_RATIO)


if __name__ == "__main__":
    sys.exit(main())
