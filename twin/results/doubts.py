"""What a finished run shows that its own scheme does not describe."""

from __future__ import annotations

import numpy as np

from twin.flood.records import Maxima

_G = 9.80665
_DEEP_M = 0.05  # films on steep ground are always fast
_NOTABLE = 0.01  # of the flooded cells


def fast_share(maxima: Maxima) -> float:
    """Return the share of the flooded cells (5 cm and deeper) where the flow was supercritical at some time.

    It is one where the greatest speed exceeds √(g·h) of the greatest depth: as the depth at that moment was no
    greater, the Froude number was above 1. Cells where both came at different times may be missed, none is added.
    """
    flooded = maxima.depth >= _DEEP_M
    count = int(np.count_nonzero(flooded))
    fast = flooded & (maxima.speed.astype(np.float64) ** 2 > _G * maxima.depth)
    return float(np.count_nonzero(fast)) / count if count else 0.0


def doubts(scheme: str, maxima: Maxima) -> list[str]:
    """Return warnings for `run.json`: of the inertial scheme where much of the flow is supercritical.

    It leaves the advection of momentum out (Bates et al. 2010), which is small only while the Froude number is.
    """
    share = fast_share(maxima)
    if scheme != "inertial" or share < _NOTABLE:
        return []
    return [
        f"in {share:.0%} of the flooded cells the water was faster than its own waves (Froude number above 1), "
        "which the inertial scheme does not describe: `scheme: full` does"
    ]
