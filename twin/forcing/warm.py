"""Compile the sky's kernels before anyone waits for them."""

from __future__ import annotations

import numpy as np

from twin.forcing.sky_kernels import mix, pass_over, room


def warm() -> None:
    """Let it rain on a few cells in both precisions; the compiled code stays on disk."""
    zones, one = np.ones((2, 3), np.int32), np.ones((1, 3))
    field = np.zeros((2, 3), np.float32)
    mix(np.ones((1, 2, 3), np.float32), np.ones(1), field)
    for precision in ("float32", "float64"):
        water = np.zeros((2, 3), precision), np.zeros((2, 3), precision)
        falling, numbers = (np.array([0.0, 1.0]), field), (1.0, 1, True, True)
        state, woken, sums = np.zeros((2, 3)), np.zeros((2, 1), np.uint8), np.zeros((2, 3))
        pass_over(water, zones, falling, (one,) * 5, numbers, state, (woken, sums), room())
