"""How many cells does a flood on Warp move in a second, on whatever device is here, and how many does Numba?

The sloping wavy plane of `bench.flood`, all wet, walls all around. With a GPU by wall time, for it waits for the
host, and the host for it; on a CPU by processor time, which other work disturbs less. Three figures for each scheme
and precision:

- bare: the scheme alone;
- maxima: with the maxima of all cells taken every four steps, as a run does; they stay on the device;
- rain: with an actor that writes into the depth of all cells every eight steps: to the host and back.

    python -m bench.flood_gpu [--device cuda:0] [--sides 1000,4000] [--seconds 5]

Depths of both back-ends are compared after the same steps; it exits with 1 where they differ by more than 1e-4 m.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np

from bench.flood import terrain
from twin.flood import schemes
from twin.flood.records import Boundary, Domain, Maxima, Options, Water
from twin.grid import Frame, Values

MOST_APART_M = 1e-4
_TRACK, _RAIN = 4, 8  # steps
_DROP_M = 1e-5


def start(bed: Values, options: Options) -> Water:
    """Return 0.3 m of water on the plane."""
    side = len(bed)
    frame = Frame(0.0, side * 10.0, 10.0, side, side, "")
    domain = Domain(frame, bed, np.full(bed.shape, 0.035, np.float32))
    return schemes.start(domain, np.full(bed.shape, 0.3), Boundary.none(), options)


def track(water: Water) -> Callable[[int], None]:
    """Return what takes the maxima."""
    rows, columns = water.depth.shape
    maxima = Maxima.start((rows, columns))

    def work(step: int) -> None:
        if step % _TRACK == 0:
            water.track(maxima, float(step), 1.0)

    return work


def rain(water: Water) -> Callable[[int], None]:
    """Return what lets it rain into the depth."""

    def work(step: int) -> None:
        if step % _RAIN == 0:
            depth = water.depth
            depth += depth.dtype.type(_DROP_M)
            water.wet(slice(None), slice(None))

    return work


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
                bare = rate(water, args.seconds, clock)
                kept = rate(water, args.seconds, clock, track(water))
                wet = rate(water, args.seconds, clock, track(water), rain(water))
                beside = rate(start(bed, numba), args.seconds, clock)
                print(
                    f"{scheme} {precision} {side}²: on {device} bare {bare:.1f}, maxima {kept:.1f}, rain {wet:.1f} "
                    f"Mcell-steps per {unit}; Numba bare {beside:.1f}; {far:.1e} m apart",
                    flush=True,
                )
    return 1 if farthest > MOST_APART_M else 0


if __name__ == "__main__":
    sys.exit(main())
