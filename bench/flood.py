"""How many cells does a flood move in a second of one core; how near is that to what memory allows, and to peers?

A sloping wavy plane of 10 m cells under 0.3 m of water and rain of 50 mm/h, walls all around (the case of earlier
measurements of peers). All in one run, by processor time, which other work disturbs less than wall time:

- roofline: a STREAM triad of float32 on one core; the inertial scheme cannot do without 28 to 40 B a cell and step.
  Beside it stands the share of what 21 GB/s allow, the machine that the budget was set on;
- speed: the bare scheme, in float32 and float64, and with everything on: n by cell, rain, Green-Ampt, a weir,
  maxima, the ledger, through the main line of a run;
- wetness: all, half, a tenth of the cells wet; the rest is dry land;
- small: processor time of a step on 32 x 32 cells, bare and with everything on: what does not depend on cells;
- cores: wall time of one thread over that of two, and what two busy loops get of the machine meanwhile;
- peers: landlab and Itzï (inertial), ANUGA (full), each in a Python of its own (`--peers DIR` holds a virtual
  environment of that name for each); depths at the end are compared before times. Judged is the ratio with
  everything on, which they do not do; beside it stands that at equal work, rain and maxima (landlab keeps none).

    python -m bench.flood [--side 1000] [--seconds 240] [--schemes inertial,full] [--peers DIR]

Exits with 1 where a goal is missed. A peer that is not there is left out, and that is said.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numba
import numpy as np

from tests.flood_scenarios import write_raster
from twin.flood import advance as course
from twin.flood import schemes
from twin.flood.records import Boundary, Domain, Options, Water
from twin.grid import Frame, Values
from twin.runs.run import start as begin
from twin.scenario.assemble import assemble
from twin.scenario.read import read_mapping

RAIN = 50e-3 / 3600
BYTES = (28, 40)  # a cell and step of the inertial scheme: at the very least, and with what is written read before
PEERS = {"inertial": ("landlab", "itzi"), "full": ("anuga",)}
LIMIT_TIMES = {"landlab": 15.0, "itzi": 15.0, "anuga": 10.0}
LIMIT_ROOF = 0.33  # of the lower figure
BUDGET_GB_S = 21.0  # of one core where the budget was set
LIMIT_TENTH = 0.15  # of the time of all wet
LIMIT_CORES = 1.8
LIMIT_APART_M = {"landlab": 0.01, "itzi": 0.005, "anuga": 0.03}  # mean difference of depth


@dataclass(frozen=True)
class Speed:
    """What a run took."""

    steps: int
    cells: int
    cpu_s: float
    wall_s: float

    @property
    def rate(self) -> float:
        """Million cells and steps in a processor second."""
        return self.steps * self.cells / self.cpu_s / 1e6


@numba.njit(nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _triad(a: Values, b: Values, c: Values, s: np.float32) -> None:
    for i in range(a.size):
        a[i] = b[i] + s * c[i]


def roofline() -> float:
    """Return GB/s of a triad, three arrays counted; the best of ten."""
    a, b, c = (np.ones(2**25, np.float32) for _ in range(3))
    best = math.inf
    for _ in range(10):
        start = time.process_time()
        _triad(a, b, c, np.float32(0.5))
        best = min(best, time.process_time() - start)
    return 3 * a.nbytes / best / 1e9


def terrain(side: int, cell_m: float = 10.0) -> Values:
    """Return the sloping wavy plane."""
    y, x = np.mgrid[:side, :side].astype(float)
    out: Values = 100 - 0.001 * cell_m * x + 0.1 * np.sin(x / 9) * np.cos(y / 7)
    return out


def bare(bed: Values, options: Options, steps: int, wet: float = 1.0) -> tuple[Speed, Water]:
    """Run the scheme alone for some steps, after a few that nobody times."""
    side = len(bed)
    land = np.arange(side) >= wet * side
    domain = Domain(
        Frame(0.0, side * 10.0, 10.0, side, side, ""),
        bed + 50.0 * land[:, None],
        np.full(bed.shape, 0.035, np.float32),
    )
    depth = np.where(land[:, None], 0.0, 0.3) * np.ones(side)
    water = schemes.start(domain, depth, Boundary.none(), options)
    for _ in range(3):
        water.step(water.longest_step())
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(steps):
        water.step(water.longest_step())
    took = time.process_time() - cpu, time.perf_counter() - wall
    return Speed(steps, round(side * side * wet), *took), water


class _Silent:
    """Watches nothing."""

    def step(self, flood: course.Flood, dt_s: float) -> None:
        pass

    def output(self, flood: course.Flood, balance: Any) -> None:
        pass

    def track(self, flood: course.Flood) -> None:
        pass


def through_the_file(bed: Values, folder: Path, seconds: float, **fields: Any) -> tuple[Speed, course.Flood]:
    """Run a scenario as `naru twin run` does, on one thread, with maxima and ledger but nothing written."""
    write_raster(folder / "dem.tif", bed, cell=10.0)
    scenario = {
        "scenario": "bench",
        "terrain": "dem.tif",
        "duration_s": seconds,
        "output_every_s": seconds,
        "coordinates": "terrain",
        "manning_n": 0.035,
        "initial": {"depth_m": 0.3},
        "rain": {"uniform_mm_h": 50},
        **fields,
    }
    assembled = assemble(read_mapping(scenario, folder / "bench.yaml"), None)
    flood = begin(replace(assembled, options=replace(assembled.options, threads=1)))
    cpu, wall = time.process_time(), time.perf_counter()
    course.advance(flood, assembled.plan, _Silent())
    took = time.process_time() - cpu, time.perf_counter() - wall
    return Speed(flood.steps, bed.size, *took), flood


def everything(bed: Values, folder: Path, scheme: str, seconds: float) -> tuple[Speed, float]:
    """Run with all that costs time; return the speed and the relative volume error."""
    half = len(bed) * 5.0
    n = 0.03 + 0.01 * np.random.default_rng(1).random(bed.shape)
    write_raster(folder / "n.tif", n, cell=10.0)
    line = [[200_000.0 + half, 550_000.0 - half + side] for side in (100, -100)]
    weir = {"type": "weir", "id": "W-1", "line": line, "crest_elevation_m": float(bed.mean())}
    speed, flood = through_the_file(
        bed,
        folder,
        seconds,
        scheme=scheme,
        manning_n={"file": "n.tif"},
        infiltration={"method": "green-ampt", "soil": "silt-loam", "initial_saturation": 0.4},
        structures=[weir],
    )
    return speed, flood.balance().relative_error


def peer(name: str, case: Mapping[str, Any], folder: Path, home: Path) -> tuple[Speed, Values] | str:
    """Run another engine on the case; or return why not."""
    python = home / name / "bin" / "python"
    if not python.exists():
        return f"{python} is not there"
    source, out = folder / "case.npz", folder / "out.npz"
    np.savez(source, **case)
    script = Path(__file__).with_name("flood_peers.py")
    done = subprocess.run(
        [python, script, name, source, out], capture_output=True, text=True, check=False, cwd=folder,
        env={"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin", "HOME": str(folder)},
    )  # fmt: skip
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    with np.load(out) as file:
        depth = file["depth"]
    cells = round(told["cell_steps"] / told["steps"])
    return Speed(told["steps"], cells, told["cpu_s"], told["wall_s"]), depth


def _burn(seconds: float, out: Any) -> None:
    end, turns = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        turns += 1
    out.put(turns)


def cores() -> float:
    """Return how much two busy loops do of what twice one does: what the machine has to give."""
    done = []
    for count in (1, 2):
        out: Any = multiprocessing.Queue()
        workers = [multiprocessing.Process(target=_burn, args=(1.0, out)) for _ in range(count)]
        for worker in workers:
            worker.start()
        done.append(sum(out.get() for _ in workers))
    return done[1] / done[0]


class Verdicts:
    """What was missed."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def hold(self, what: str, fine: bool) -> None:
        """Write down a goal that was missed."""
        if not fine:
            self.missed.append(what)


def measure(scheme: str, args: argparse.Namespace, folder: Path, verdicts: Verdicts) -> None:
    """Measure a scheme and print its tables."""
    bed = terrain(args.side)
    steps = args.steps
    bare(terrain(64), Options(scheme=scheme, threads=1), 3)
    bare(terrain(64), Options(scheme=scheme, precision="float64", threads=1), 3)
    everything(terrain(64), folder, scheme, 10.0)
    gb_s = roofline()
    low, high = (gb_s * 1e3 / size for size in reversed(BYTES))
    budget = BUDGET_GB_S * 1e3 / max(BYTES)
    print(f"\n### {scheme}\n\nSTREAM triad: {gb_s:.1f} GB/s, so {low:.0f} to {high:.0f} Mcell-steps/s\n")
    print("| run | steps | CPU s | Mcell-steps per CPU s | share of the lower roofline | of the budget's |")
    print("|---|---|---|---|---|---|")

    def row(name: str, speed: Speed) -> Speed:
        print(
            f"| {name} | {speed.steps} | {speed.cpu_s:.2f} | {speed.rate:.1f} | {speed.rate / low:.0%} "
            f"| {speed.rate / budget:.0%} |",
            flush=True,
        )
        return speed

    one = Options(scheme=scheme, threads=1)
    wet = row("bare, float32", bare(bed, one, steps)[0])
    row("bare, float64", bare(bed, replace(one, precision="float64"), steps)[0])
    full, error = everything(bed, folder, scheme, args.seconds)
    row(f"everything on (volume error {error:.1e})", full)
    half = row("half of the cells wet (rate of the wet)", bare(bed, one, steps, 0.5)[0])
    tenth = row("a tenth wet (rate of the wet)", bare(bed, one, steps, 0.1)[0])
    verdicts.hold(f"{scheme}: volume error", error <= 1e-6)
    verdicts.hold(f"{scheme}: a tenth wet", tenth.cpu_s <= LIMIT_TENTH * wet.cpu_s)
    if scheme == "inertial":
        verdicts.hold("inertial: roofline", full.rate >= LIMIT_ROOF * low)
    print(f"\nhalf wet takes {half.cpu_s / wet.cpu_s:.2f}, a tenth {tenth.cpu_s / wet.cpu_s:.3f} of all wet")
    small = bare(terrain(32), one, 2000)[0], everything(terrain(32), folder, scheme, 3000.0)[0]
    micro = [speed.cpu_s / speed.steps * 1e6 for speed in small]
    print(
        f"a step on 32 × 32 cells takes {micro[0]:.0f} µs of processor time, {micro[1]:.0f} µs with everything on"
    )
    given = cores()
    first, second = (bare(bed, replace(one, threads=n), steps)[0].wall_s for n in (1, 2))
    print(f"two threads: {first / second:.2f} times one; two busy loops {given:.2f} times one")
    verdicts.hold(f"{scheme}: two cores", first / second >= LIMIT_CORES * min(1.0, given / 1.95))
    against_peers(scheme, full, args, folder, verdicts)


def against_peers(scheme: str, full: Speed, args: argparse.Namespace, folder: Path, verdicts: Verdicts) -> None:
    """Compare with the peers of a scheme: depths first, then times."""
    case = case_of(400 if scheme == "full" else args.side, args.seconds)
    mine, flood = through_the_file(case["bed"], folder, args.seconds, scheme=scheme)
    depth = flood.water.depth
    print("\n| peers' case | steps | Mcell-steps per CPU s | naru ÷ it | everything on ÷ it | apart, mean / most |")
    print("|---|---|---|---|---|---|")
    print(f"| naru {scheme} | {mine.steps} | {mine.rate:.1f} | 1 | | |", flush=True)
    for name in PEERS[scheme]:
        other = peer(name, case, folder, args.peers)
        if isinstance(other, str):
            print(f"| {name} | left out: {other} | | | | |", flush=True)
            continue
        speed, found = other
        wide = len(depth) // len(found)  # a cross of triangles stands for so many cells each way
        apart = np.abs(found - depth.reshape(len(found), wide, found.shape[1], wide).mean(axis=(1, 3)))
        ratios = f"{mine.rate / speed.rate:.1f}× | {full.rate / speed.rate:.1f}×"
        print(
            f"| {name} | {speed.steps} | {speed.rate:.2f} | {ratios} | {apart.mean():.4f} / {apart.max():.3f} m |",
            flush=True,
        )
        verdicts.hold(f"{scheme}: depths beside {name}", bool(apart.mean() <= LIMIT_APART_M[name]))
        verdicts.hold(f"{scheme}: speed beside {name}", full.rate / speed.rate >= LIMIT_TIMES[name])


def case_of(side: int, seconds: float) -> dict[str, Any]:
    """Return the peers' case."""
    bed = terrain(side)
    return {
        "bed": bed,
        "depth": np.full(bed.shape, 0.3),
        "n": np.full(bed.shape, 0.035),
        "cell_m": 10.0,
        "rain": RAIN,
        "seconds": seconds,
    }


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--side", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--schemes", default="inertial,full")
    parser.add_argument("--peers", type=Path, default=Path("bench/out/peers"))
    args = parser.parse_args()
    args.peers = args.peers.resolve()
    verdicts = Verdicts()
    with tempfile.TemporaryDirectory() as folder:
        for scheme in args.schemes.split(","):
            measure(scheme, args, Path(folder), verdicts)
    if verdicts.missed:
        print(f"\nmissed: {'; '.join(verdicts.missed)}", file=sys.stderr)
    return 1 if verdicts.missed else 0


if __name__ == "__main__":
    sys.exit(main())
