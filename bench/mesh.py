"""How long does a large grid of heights take to become terrain meshes, in how much memory, and are they right?

A synthetic DEM (hills of all sizes, a meandering channel; EPSG:5186, 2 m cells) is ingested, then meshed by
`naru twin mesh` in a process of its own, once small and once large. Then, on the large one:

- memory: the larger may take little more than the smaller;
- cores: processor time over wall time, as a share of what busy loops got of a machine that others may be using;
- speed: tiles per second of processor time, all in (start of Python, read, mesh, normals, encode, gzip, write),
  against pydelatin alone, which gets the same heights in memory and writes nothing;
- truth: every tile of the last zoom is decoded, every pixel of the layer in it compared, every edge with its
  neighbour's.

    python -m bench.mesh [--side 10000] [--small 2500] [--max-error 0.25] [--folder DIR]

Exits with 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

from naru.pmtiles import PMTilesReader, mapped
from tests import meshes
from twin.mesh.archive import MeshOptions, plan_of
from twin.mesh.heights import Heights, gdal
from twin.mesh.tiles import Plan, cut_of, nodes_of
from twin.mesh.triangulate import SPAN, triangulate
from twin.mesh.undulation import stated

LIMIT_MIB = 800.0
LIMIT_GROWTH = 1.35  # of memory, from the small to the large
LIMIT_CORES = 0.75  # of what busy loops get
LIMIT_SHARE = 0.3  # of pydelatin's tiles per second of processor time
_PATCH = 2000
_SAMPLED = 120  # tiles for pydelatin


@dataclass(frozen=True)
class Run:
    """One run of the command."""

    told: dict[str, Any]
    wall_s: float
    cpu_s: float
    mib: float

    @property
    def cores(self) -> float:
        """How many cores were busy with it."""
        return self.cpu_s / self.wall_s

    @property
    def rate(self) -> float:
        """Tiles per second of processor time."""
        return float(self.told["tiles"]) / self.cpu_s


def granted(seconds: float = 4.0) -> float:
    """Return how many cores busy loops, one for each that there is, get just now."""
    ends = f"import time\nend = time.monotonic() + {seconds}\n"
    loop = ends + "while time.monotonic() < end: pass\nprint(time.process_time())"
    many = [
        subprocess.Popen([sys.executable, "-c", loop], stdout=subprocess.PIPE)
        for _ in range(len(os.sched_getaffinity(0)))
    ]
    return sum(float(one.communicate()[0]) for one in many) / seconds


def make_dem(path: Path, side: int) -> None:
    """Write heights: a patch of hills repeated and tilted so that no two places are alike, cut by a channel."""
    rng = np.random.default_rng(0)
    frequency = np.fft.fftfreq(_PATCH)
    size = np.hypot(*np.meshgrid(frequency, frequency))
    size[0, 0] = 1
    hills = np.fft.ifft2(np.fft.fft2(rng.normal(size=(_PATCH, _PATCH))) * size**-2.1).real
    hills *= 20 / hills.std()
    about = {"driver": "GTiff", "width": side, "height": side, "count": 1, "dtype": "float32"}
    place = {"crs": "EPSG:5186", "transform": from_origin(190_000, 560_000, 2, 2)}
    with rasterio.open(path, "w", **about, **place, tiled=True, blockxsize=256, blockysize=256) as raster:
        for top in range(0, side, _PATCH):
            for left in range(0, side, _PATCH):
                down, across = np.mgrid[top : top + _PATCH, left : left + _PATCH]
                channel = side / 2 + side / 9 * np.sin(across / 700)
                z = 60 + hills + 25 * np.sin(across / 2900) * np.cos(down / 3300)
                z -= 12 * np.exp(-(((down - channel) / 30) ** 2))
                rows, columns = min(_PATCH, side - top), min(_PATCH, side - left)
                raster.write(z[:rows, :columns].astype("f4"), 1, window=Window(left, top, columns, rows))


def naru(home: Path, *words: str) -> tuple[dict[str, Any], float, float, float]:
    """Run a command; return what it told, wall and processor seconds, and its largest memory, MiB."""
    command = [sys.executable, "-m", "naru", "--home", str(home), *words, "--json"]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begun
    if process.returncode:
        raise SystemExit(f"{' '.join(words)}: {told}")
    return told, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def run(folder: Path, side: int, max_error: float) -> tuple[Path, Run]:
    """Ingest and mesh a DEM of side × side cells in a home of its own."""
    home, dem = folder / f"home-{side}", folder / f"dem-{side}.tif"
    apart = multiprocessing.get_context("spawn").Process(target=make_dem, args=(dem, side))
    apart.start()  # a child's largest memory counts from its parent's: this process stays small
    apart.join()
    naru(home, "ingest", str(dem), "--id", "dem", "--kind", "elevation")
    return home, Run(
        *naru(home, "twin", "mesh", "dem", "--max-error", str(max_error), "--geoid-undulation", "23.1")
    )


def archives(home: Path) -> tuple[Path, Path, dict[str, Any]]:
    """Return the COG, the mesh and what the mesh is."""
    with sqlite3.connect(home / "catalog.sqlite") as connection:
        row = connection.execute("select sha256, suffix, about from assets where name = 'mesh'").fetchone()
        cog = connection.execute("select sha256 from tilesets").fetchone()
    about = json.loads(row[2])
    return home / "archives" / f"{cog[0]}.tif", home / "archives" / f"{row[0]}{row[1]}", about


def last_tiles(about: dict[str, Any]) -> Iterator[tuple[int, int, int]]:
    """Yield the tiles of the last zoom, rows from the north."""
    z = about["maxzoom"]
    for box in about["available"][z]:
        for x in range(box["startX"], box["endX"] + 1):
            for y in range(box["startY"], box["endY"] + 1):
                yield z, x, (1 << z) - 1 - y


@numba.njit(nogil=True)
def worst(u: Any, v: Any, height: Any, triangles: Any, at_u: Any, at_v: Any, true: Any) -> Any:
    """Return the largest difference between triangles and known pixels at (at_v × at_u), and how many were met."""
    seen = np.zeros(true.shape, np.bool_)
    off = 0.0
    for t in range(len(triangles)):
        a, b, c = triangles[t]
        area = (u[b] - u[a]) * (v[c] - v[a]) - (u[c] - u[a]) * (v[b] - v[a])
        for r in range(np.searchsorted(at_v, min(v[a], v[b], v[c])), at_v.size):
            if at_v[r] > max(v[a], v[b], v[c]):
                break
            for k in range(np.searchsorted(at_u, min(u[a], u[b], u[c])), at_u.size):
                if at_u[k] > max(u[a], u[b], u[c]):
                    break
                wb = ((at_u[k] - u[a]) * (v[c] - v[a]) - (u[c] - u[a]) * (at_v[r] - v[a])) / area
                wc = ((u[b] - u[a]) * (at_v[r] - v[a]) - (at_u[k] - u[a]) * (v[b] - v[a])) / area
                if wb >= -1e-9 and wc >= -1e-9 and wb + wc <= 1 + 1e-9 and np.isfinite(true[r, k]):
                    seen[r, k] = True
                    mesh = height[a] + wb * (height[b] - height[a]) + wc * (height[c] - height[a])
                    off = max(off, abs(mesh - true[r, k]))
    return off, seen.sum()


def check(home: Path) -> dict[str, Any]:
    """Compare every tile of the last zoom with every pixel of the layer in it, and with its neighbours."""
    cog, mesh, about = archives(home)
    plan = plan_of(MeshOptions(), about["maxzoom"], stated(0.0), (0.0, 200.0))
    off, pixels, known, seams, gap = 0.0, 0, 0, 0, 0.0
    above: dict[tuple[int, int], Any] = {}
    reader = PMTilesReader(mapped(mesh))
    with Heights(cog) as heights, gdal():
        for z, x, y in last_tiles(about):
            tile = meshes.decode(reader.get(z + 1, x, y) or b"")
            cut = cut_of(plan, z, x, y)
            window = heights.read(cut.pixels)[::-1] + about["geoid_undulation_m"]
            at_u = (cut.lon - cut.bounds[0]) / (cut.bounds[2] - cut.bounds[0]) * SPAN
            at_v = (cut.lat[::-1] - cut.bounds[1]) / (cut.bounds[3] - cut.bounds[1]) * SPAN
            own = np.ix_((at_v >= 0) & (at_v <= SPAN), (at_u >= 0) & (at_u <= SPAN))
            places = at_u[own[1].ravel()], at_v[own[0].ravel()]
            u, v = tile.u.astype(float), tile.v.astype(float)
            most, met = worst(u, v, tile.height, tile.triangles, *places, window[own])
            off, pixels, known = max(off, most), pixels + met, known + int(np.isfinite(window[own]).sum())
            edges = [tile.edge(side) for side in range(4)]
            for side, beside in ((0, (x - 1, y)), (2, (x + 1, y)), (1, (x, y + 1)), (3, (x, y - 1))):
                if beside in above:
                    theirs = above[beside][(side + 2) % 4]
                    seams += 1
                    same = [a for a, _ in theirs] == [a for a, _ in edges[side]]
                    off_by = (
                        max(abs(a[1] - b[1]) for a, b in zip(theirs, edges[side], strict=True)) if same else 9e9
                    )
                    gap = max(gap, off_by)
            above[x, y] = edges
    return {"worst_m": off, "pixels": pixels, "known": known, "seams": seams, "gap_m": gap}


def alone(home: Path, max_error: float) -> dict[str, float]:
    """Return tiles per second of pydelatin and of our triangulation on one core, and triangles a tile."""
    import pydelatin

    cog, _, about = archives(home)
    plan: Plan = plan_of(MeshOptions(), about["maxzoom"], stated(0.0), (0.0, 200.0))
    tiles = sorted(last_tiles(about), key=lambda tile: hash(tile) % 9973)[:_SAMPLED]
    with Heights(cog) as heights, gdal():
        nodes = [nodes_of(heights, plan, tile) for tile in tiles]
    triangulate(nodes[0], max_error)
    begun = time.process_time()
    ours = [len(triangulate(node, max_error).corners) for node in nodes]
    between = time.process_time()
    grids = [np.ascontiguousarray(node.true, "f4") for node in nodes]
    then = time.process_time()
    theirs = [len(pydelatin.Delatin(grid, max_error=max_error).triangles) for grid in grids]
    ended = time.process_time()
    return {
        "our_triangulation_a_s": len(nodes) / (between - begun),
        "pydelatin_a_s": len(nodes) / (ended - then),
        "our_triangles": float(np.mean(ours)),
        "pydelatin_triangles": float(np.mean(theirs)),
    }


def main() -> None:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=10_000)
    parser.add_argument("--small", type=int, default=2_500)
    parser.add_argument("--max-error", type=float, default=0.25)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="mesh-") as scratch:
        folder = Path(scratch)
        _, small = run(folder, given.small, given.max_error)
        before = granted()
        home, large = run(folder, given.side, given.max_error)
        free = (before + granted()) / 2
        found, speed = check(home), alone(home, given.max_error)
    cores = len(os.sched_getaffinity(0))
    for name, side, it in (("small", given.small, small), ("large", given.side, large)):
        print(
            f"{name}: {side * side / 1e6:.1f} million cells, {it.told['tiles']} tiles, {it.wall_s:.1f} s, "
            f"{it.cpu_s:.1f} CPU s, {it.rate:.1f} tiles/CPU s, {it.cores:.2f} cores, {it.mib:.0f} MiB, "
            f"archive {it.told['bytes'] / 2**20:.1f} MiB, {it.told['triangles'][str(it.told['maxzoom'])]} triangles"
        )
    print(json.dumps(found), json.dumps({name: round(value, 1) for name, value in speed.items()}))
    share = large.rate / speed["pydelatin_a_s"]
    stated_m = large.told["max_error_m"][str(large.told["maxzoom"])]
    goals = {
        f"memory at most {LIMIT_MIB:.0f} MiB": large.mib <= LIMIT_MIB,
        f"memory grows at most {LIMIT_GROWTH} times": large.mib <= LIMIT_GROWTH * small.mib,
        f"{large.cores:.2f} cores busy where loops get {free:.2f} of {cores}": large.cores >= LIMIT_CORES * free,
        f"{share:.2f} of the rate of pydelatin alone": share >= LIMIT_SHARE,
        f"every pixel within {stated_m} m": found["worst_m"] <= stated_m and found["pixels"] == found["known"],
        "no seam open": found["gap_m"] == 0.0 and found["seams"] > 0,
    }
    for goal, met in goals.items():
        print("met   " if met else "MISSED", goal)
    print(f"this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    raise SystemExit(0 if all(goals.values()) else 1)


if __name__ == "__main__":
    main()
