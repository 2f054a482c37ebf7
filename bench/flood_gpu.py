"""How many cells does a flood on Warp move in a second, on whatever device is here, and how many does Numba?

The sloping wavy plane of `bench.flood`, all wet, walls all around. With a GPU by wall time, for it waits for the
host, and the host for it; on a CPU by processor time, which other work disturbs less. Four figures for each scheme
and precision:

- bare: the scheme alone, and the bytes that it has to move at least as a share of what the device copies;
- maxima: with the maxima of all cells taken every four steps, as a run does;
- rain: with rain besides that soaks in (Green & Ampt) every eight steps, on the device;
- places: with an inflow into 21 cells and the depth of two gauges besides, in every step.

First it says what a step costs on 16 cells, bare and with an open edge: what the host does, whatever the size.

    python -m bench.flood_gpu [--device cuda:0] [--sides 1000,4000] [--seconds 5]

Depths of both back-ends are compared after the same steps; it exits with 1 where they differ by more than 1e-4 m.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping

import numpy as np

from bench.flood import terrain
from twin.flood import schemes
from twin.flood.catchment import GREEN_AMPT, Cover
from twin.flood.records import EAST, OPEN, Boundary, Domain, Maxima, Options, Water
from twin.forcing.host_catchment import HostCatchment
from twin.grid import Frame, Values

MOST_APART_M = 1e-4
_TRACK, _RAIN = 4, 8  # steps
_DROP_M = 1e-4
_LOAM = 3.4 / 3.6e6, 0.0889, 0.434, 1.0, 0.0  # K m/s, suction m, deficit; share that is pervious, drains
# numbers that a step has to read and write at least for each cell, kernel by kernel, each array once
_NUMBERS = {"inertial": 3 + 2 + 2 + 2 + 4, "full": 5 + 8 + 2 + 2 + 3 + 2 + 3 + 8 + 6 + 4}


def start(bed: Values, options: Options, edge: Boundary | None = None) -> Water:
    """Return 0.3 m of water on the plane."""
    side = len(bed)
    frame = Frame(0.0, side * 10.0, 10.0, side, side, "")
    domain = Domain(frame, bed, np.full(bed.shape, 0.035, np.float32))
    return schemes.start(domain, np.full(bed.shape, 0.3), edge or Boundary.none(), options)


def track(water: Water) -> Callable[[int], None]:
    """Return what takes the maxima."""
    rows, columns = water.depth.shape
    maxima = Maxima.start((rows, columns))

    def work(step: int) -> None:
        if step % _TRACK == 0:
            water.track(maxima, float(step), 1.0)

    return work


def rain(water: Water) -> Callable[[int], None]:
    """Return what lets it rain, and some of it soak into loam."""
    rows, columns = water.depth.shape
    soil = [np.full((1, columns), value) for value in _LOAM]
    cover = Cover(np.ones((rows, columns), np.int32), GREEN_AMPT, (soil[0], soil[1], soil[2]), soil[3], soil[4])
    catchment = water.catchment(cover) or HostCatchment(water, cover)
    nowhere = np.zeros((0, 0), np.float32)

    def work(step: int) -> None:
        if step % _RAIN == 0:
            catchment.rain(np.array([0.0, _DROP_M]), nowhere, 8.0)

    return work


def places(water: Water) -> Callable[[int], None]:
    """Return what brings an inflow to some cells, and reads the depth in two."""
    rows, columns = water.depth.shape
    cells = rows // 2 * columns + np.arange(21)
    gauges = np.array([rows // 3 * columns + columns // 3, rows // 2 * columns + columns // 2])
    volume = np.full(21, 0.1)

    def work(step: int) -> None:
        water.add(cells, volume)
        water.depths(gauges)

    return work


def copied(device: str, count: int = 1 << 28) -> float:
    """Return how many GB the device copies in a second, those read and those written: the best of five."""
    from twin.flood.warped.device import wp

    one, other = (wp.zeros(count, dtype=wp.float32, device=device) for _ in range(2))
    best = float("inf")
    for _ in range(5):
        wp.synchronize_device(device)
        began = time.perf_counter()
        for _ in range(10):
            wp.copy(other, one)
        wp.synchronize_device(device)
        best = min(best, (time.perf_counter() - began) / 10)
    return 2 * 4 * count / best / 1e9


def host_part(scheme: str, edge: Boundary, more: Mapping[str, str], steps: int = 500) -> float:
    """Return what a step costs on 4 × 4 cells, microseconds: the best of five."""
    water = start(np.zeros((4, 4)), Options(scheme=scheme, backend="warp", more=more), edge)
    best = float("inf")
    for _ in range(6):  # the first compiles
        began = time.perf_counter()
        for _ in range(steps):
            water.step(water.longest_step())
        best = min(best, (time.perf_counter() - began) / steps)
    return best * 1e6


def open_edge() -> Boundary:
    """Return an open eastern edge of 4 × 4 cells."""
    faces = np.full(4, EAST, np.int8), np.full(4, OPEN, np.int8)
    return Boundary(np.arange(3, 16, 4), *faces, np.full(4, 0.001), np.zeros(4), np.zeros(4, np.int32), ("east",))


def rate(water: Water, seconds: float, clock: Callable[[], float], *works: Callable[[int], None]) -> float:
    """Return million cells and steps in a second, after some steps in which all is compiled."""
    steps, begin = 0, 0.0
    while steps < 2 * _RAIN or clock() - begin < seconds:
        for work in works:
            work(steps)
        water.step(water.longest_step())
        steps += 1
        if steps == _RAIN:  # each step waits for what the device tells of it: nothing is still to be done
            begin = clock()
    return (steps - _RAIN) * water.depth.size / (clock() - begin) / 1e6


def apart(bed: Values, one: Options, other: Options, steps: int = 20) -> float:
    """Return the greatest difference of depth after the same steps, m."""
    first, second = start(bed, one), start(bed, other)
    for _ in range(steps):
        dt = min(first.longest_step(), second.longest_step())
        first.step(dt)
        second.step(dt)
    return float(np.abs(first.depth - second.depth).max())


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device")
    parser.add_argument("--sides", default="1000,4000")
    parser.add_argument("--seconds", type=float, default=5.0)
    args = parser.parse_args()
    more = {"device": args.device} if args.device else {}
    here = str(getattr(start(np.zeros((4, 4)), Options(backend="warp", more=more)), "device", ""))
    copies = copied(here)
    print(f"{here} copies {copies:.1f} GB/s, read and written")
    for scheme in schemes.SCHEMES:
        bare, edged = (host_part(scheme, edge, more) for edge in (Boundary.none(), open_edge()))
        print(f"{scheme}: a step on 16 cells {bare:.0f} µs, with an open edge {edged:.0f} µs", flush=True)
    farthest = 0.0
    for side in (int(text) for text in args.sides.split(",")):
        bed = terrain(side)
        for scheme in schemes.SCHEMES:
            for precision in ("float32", "float64"):
                numba = Options(scheme=scheme, precision=precision)
                warp = Options(scheme=scheme, precision=precision, backend="warp", more=more)
                far = apart(terrain(300), numba, warp)
                farthest = max(farthest, far)
                water = start(bed, warp)
                device = str(getattr(water, "device", ""))
                clock, unit = (time.process_time, "CPU s") if device == "cpu" else (time.perf_counter, "s")
                works, rates = [], []
                for work in (None, track, rain, places):
                    works += [] if work is None else [work(water)]
                    rates.append(rate(water, args.seconds, clock, *works))
                share = rates[0] * _NUMBERS[scheme] * np.dtype(precision).itemsize / 1e3 / copies
                beside = rate(start(bed, numba), args.seconds, clock)
                print(
                    f"{scheme} {precision} {side}²: on {device} bare {rates[0]:.1f} ({share:.0%} of its copies), "
                    f"maxima {rates[1]:.1f}, rain {rates[2]:.1f}, places {rates[3]:.1f} Mcell-steps per {unit}; "
                    f"Numba bare {beside:.1f}; {far:.1e} m apart",
                    flush=True,
                )
    return 1 if farthest > MOST_APART_M else 0


if __name__ == "__main__":
    sys.exit(main())
