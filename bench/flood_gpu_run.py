"""How long does a whole flood take on Warp, on whatever device is here, and how long on Numba?

A rolling plane of 10 m cells, half an hour of rain that soaks in (Green & Ampt), an inflow, an open edge, two
gauges and a flow section, maxima, and results every ten minutes: a scenario file, run as `naru twin run` does.

    python -m bench.flood_gpu_run [--rows 1000] [--minutes 30] [--scheme inertial]

Warp takes a GPU where there is one. Exits with 1 where the greatest depths of both differ by more than 1e-3 m.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from twin.flood import schemes
from twin.grid import Frame
from twin.results.grids import write_cog
from twin.runs.request import RunRequest
from twin.runs.run import Place, run_flood

MOST_APART_M = 1e-3
_CELL_M, _WEST, _NORTH = 10.0, 200_000.0, 550_000.0


def write(where: Path, rows: int, minutes: float, scheme: str) -> None:
    """Write the terrain, and a scenario for each back-end."""
    y, x = np.mgrid[0:rows, 0:rows]
    bed = 20 - 0.01 * x + 0.5 * np.sin(x / 11) * np.cos(y / 7)
    write_cog(where / "land.tif", bed, Frame(_WEST, _NORTH, _CELL_M, rows, rows, "EPSG:5186"), ("", "m"), {})

    def at(across: float, down: float) -> list[float]:
        return [_WEST + across * rows * _CELL_M, _NORTH - down * rows * _CELL_M]

    for backend in ("numba", "warp"):
        scenario = {
            "scenario": backend,
            "backend": backend,
            "scheme": scheme,
            "terrain": "land.tif",
            "coordinates": "terrain",
            "duration_min": minutes,
            "output_every_min": 10,
            "manning_n": 0.03,
            "initial": {"depth_m": 0.2},
            "rain": {"uniform_mm_h": 50},
            "infiltration": {"method": "green-ampt", "soil": "loam", "initial_saturation": 0.5},
            "inflows": [{"name": "spring", "at": at(0.1, 0.5), "radius_m": 50, "discharge_m3_s": 50}],
            "boundaries": [{"type": "open", "edge": "east"}],
            "gauges": [{"name": "a", "at": at(0.2, 0.5)}, {"name": "b", "at": at(0.8, 0.5)}],
            "sections": [{"name": "middle", "line": [at(0.5, 0.2), at(0.5, 0.8)]}],
        }
        (where / f"{backend}.yaml").write_text(json.dumps(scenario), encoding="utf-8")


def run(where: Path, backend: str, out: str, changes: dict[str, Any] | None = None) -> tuple[float, dict[str, Any]]:
    """Run; return the seconds on the clock, and what `run.json` says."""
    began = time.perf_counter()
    request = RunRequest(scenario=str(where / f"{backend}.yaml"), out=str(where / out), changes=changes)
    run_flood(request, Place(where / out, "bench", None, lambda share, words: None))
    told: dict[str, Any] = json.loads((where / out / "run.json").read_text())
    return time.perf_counter() - began, told


def apart(where: Path) -> float:
    """Return how far the greatest depths of both back-ends are apart at most, m."""
    maps = []
    for backend in ("numba", "warp"):
        with rasterio.open(where / backend / "max_depth.tif") as raster:
            maps.append(np.nan_to_num(raster.read(1)))
    return float(np.abs(maps[0] - maps[1]).max())


def main() -> int:
    """Run and print."""
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--rows", type=int, default=1000, help="of a square domain")
    words.add_argument("--minutes", type=float, default=30.0, help="of flood")
    words.add_argument("--scheme", choices=schemes.SCHEMES, default="inertial")
    given = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="naru-gpu-") as folder:
        where = Path(folder)
        write(where, given.rows, given.minutes, given.scheme)
        for backend in ("numba", "warp"):
            run(where, backend, f"{backend}-first", {"duration_min": 0.1})  # compiles
            seconds, told = run(where, backend, backend)
            rate = told["steps"] * given.rows**2 / seconds / 1e6
            error = told["volume"]["relative_error"]
            print(
                f"{backend}: {seconds:.1f} s, {told['steps']} steps, {rate:.0f} Mcell-steps/s all in all, "
                f"volume error {error:.1e}",
                flush=True,
            )
        far = apart(where)
    print(f"greatest depths are {far:.1e} m apart")
    return 1 if far > MOST_APART_M else 0


if __name__ == "__main__":
    sys.exit(main())
