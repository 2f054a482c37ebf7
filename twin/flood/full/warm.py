"""Compile this scheme's kernels: see `twin.warm`."""

from __future__ import annotations

import numpy as np

from twin.flood.full.scheme import start
from twin.flood.records import DISCHARGE, EAST, Boundary, Domain, Maxima, Options
from twin.grid import Frame


def warm() -> None:
    """Run a tiny flood in either precision, with a boundary and maxima."""
    bed = np.zeros((4, 4))
    domain = Domain(Frame(0.0, 4.0, 1.0, 4, 4, ""), bed, np.full((4, 4), 0.03, np.float32))
    one = np.ones(1)
    edge = Boundary(
        np.array([7]),
        np.array([EAST], np.int8),
        np.array([DISCHARGE], np.int8),
        one,
        -5 * one,  # more than there is: cells are held to what they have
        np.zeros(1, np.int32),
        ("out",),
    )
    thin = np.where(np.eye(4) > 0, 0.01, 1.0)
    for precision in ("float32", "float64"):
        water = start(domain, thin, edge, Options(scheme="full", precision=precision, eddy_viscosity=1.0))
        water.add(np.array([0]), one)
        water.step(0.9 * water.longest_step())
        water.depth[0, 0] = 0.001
        water.wet(slice(0, 1), slice(0, 1))
        water.step(4.0)
        water.track(Maxima.start((4, 4)), 1.0, 1.0)
        water.stored_m3()
