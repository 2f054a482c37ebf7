"""Compile the structures' kernels before anyone waits for them."""

from __future__ import annotations

import numpy as np

from twin.works.crossings import numbers_of
from twin.works.drains import take_depth
from twin.works.laws.crossing import WEIR, settle
from twin.works.laws.culvert import passing


def warm() -> None:
    """Run a weir, a culvert and a drain; the compiled code stays on disk."""
    numbers = numbers_of(1, CREST=0.5, WIDTH=1.0, OVER=0.577, EXPONENT=0.385)
    sides, kinds = np.array([[0, -1, 1, -1]]), np.array([WEIR])
    depth, bed, area = np.array([1.0, 0.2]), np.zeros(2), np.ones(2)
    settle(sides, kinds, numbers, depth, bed, area, 0.1, np.zeros((1, 2)))
    passing(2.0, 1.0, 0.1, False, np.array([0.0, 1.0, 1.0, 10.0, 0.013, 0.5, 1.0, 0.0, 0.0]))
    for precision in (np.float32, np.float64):
        take_depth(np.ones((2, 2), precision), np.ones((2, 2), np.float32), 1.0, np.zeros(4, np.int64))
