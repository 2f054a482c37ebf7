"""How well do the members of an ensemble share the cores? Many small floods, in one process and in two.

`python -m bench.flood_ensemble [--members 200] [--rows 150] [--minutes 20]`: prints a line each, and the ratio. The
results of both are compared to the bit before any time is believed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from twin.grid import Frame
from twin.results.grids import write_cog
from twin.runs.request import RunRequest
from twin.runs.run import Place, run_flood

_CELL_M = 10.0


def main() -> None:
    """Make the ensemble, run it with one and with two workers, print what that took."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--members", type=int, default=200)
    words.add_argument("--rows", type=int, default=150, help="of a square domain")
    words.add_argument("--minutes", type=float, default=20.0, help="of flood")
    given = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="naru-ensemble-") as folder:
        where = Path(folder)
        path = _write(where, given.members, given.rows, given.minutes)
        _timed(path, where / "warm", 1, members=False)
        seconds, maps = {}, {}
        for workers in (1, 2):
            out = where / f"workers-{workers}"
            seconds[workers] = _timed(path, out, workers)
            maps[workers] = {tif.name: tif.read_bytes() for tif in out.glob("*.tif")}
            told = json.loads((out / "run.json").read_text())
            rate = told["cell_steps_per_second"] / 1e6
            print(f"{workers} process(es): {seconds[workers]:7.1f} s, {rate:7.1f} million cell-steps a second")
    if maps[1] != maps[2]:
        raise SystemExit("the results differ: no time counts")
    print(f"two processes are {seconds[1] / seconds[2]:.2f} times as fast as one; the maps are the same to the bit")


def _write(where: Path, members: int, rows: int, minutes: float) -> Path:
    """Write a rolling plane and its scenario: rain and roughness vary."""
    y, x = np.mgrid[0:rows, 0:rows]
    bed = 20 - 0.01 * x + 0.5 * np.sin(x / 11) * np.cos(y / 7)
    write_cog(where / "land.tif", bed, Frame(200_000.0, 550_000.0, _CELL_M, rows, rows, "EPSG:5186"), ("", "m"), {})
    few = max(1, members // 10)
    scenario = {
        "scenario": "many",
        "terrain": "land.tif",
        "duration_min": minutes,
        "manning_n": 0.03,
        "rain": {"uniform_mm_h": 50},
        "boundaries": [{"edge": "all", "type": "open", "slope": 0.01}],
        "vary": {
            "rain.uniform_mm_h": [float(v) for v in np.linspace(20, 200, few)],
            "manning_n": [float(v) for v in np.linspace(0.02, 0.1, 10)],
        },
    }
    path = where / "many.yaml"
    path.write_text(json.dumps(scenario), encoding="utf-8")
    return path


def _timed(path: Path, out: Path, workers: int, *, members: bool = True) -> float:
    """Run the scenario, or a first member of it; return the seconds on the clock."""
    changes = None if members else {"duration_min": 0.1}
    if not members:
        path = path.with_name("one.yaml")
        plain = json.loads(path.with_name("many.yaml").read_text())
        del plain["vary"]
        path.write_text(json.dumps(plain), encoding="utf-8")
    began = time.monotonic()
    request = RunRequest(scenario=str(path), out=str(out), workers=workers, changes=changes)
    run_flood(request, Place(out, "bench", None, lambda share, words: None))
    return time.monotonic() - began


if __name__ == "__main__":
    main()
