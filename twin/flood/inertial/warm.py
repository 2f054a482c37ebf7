"""Compile the scheme's kernels before anyone waits for them."""

from __future__ import annotations

import numpy as np

from twin.flood.inertial.scheme import start
from twin.flood.records import EAST, OPEN, STAGE, WEST, Boundary, Domain, Maxima, Options
from twin.grid import Frame


def warm() -> None:
    """Run a tiny pool in both precisions; the compiled code stays on disk."""
    frame = Frame(0.0, 3.0, 1.0, 3, 4, "")
    bed = np.zeros((3, 4))
    bed[1, 2] = np.nan
    side, kind = np.array([WEST, EAST], np.int8), np.array([STAGE, OPEN], np.int8)
    slope, value = np.array([0.0, 0.001]), np.array([1.0, 0.0])
    edge = Boundary(np.array([0, 3]), side, kind, slope, value, np.zeros(2, np.int32), ("edge",))
    for precision in ("float32", "float64"):
        domain = Domain(frame, bed, np.full(bed.shape, 0.03, np.float32))
        water = start(domain, np.zeros(bed.shape), edge, Options(precision=precision))
        water.block(np.array([6]), np.empty(0, np.int64))
        water.add(np.array([0]), np.array([0.5]))
        maxima = Maxima.start(bed.shape)
        for step in range(3):
            water.step(water.longest_step())
            water.track(maxima, float(step), 1.0)
        water.depth[0, 0] = -0.001  # what only a repair heals
        water.step(water.longest_step())
