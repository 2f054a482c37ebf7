"""What the members of an ensemble have in common, summed up as they come in: nothing of theirs is kept.

Counts and sums are whole numbers, so that the order of the members changes no bit of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from twin.grid import Values

THRESHOLDS_M = (0.1, 0.3, 0.5, 1.0)
_PER_METRE = 1 << 20  # depths are summed as multiples of a micrometre's size: 2^-20 m


class Statistics:
    """Of each cell: how many members flood it how deep, the deepest of all, and the mean of their maxima."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.members = 0
        self._above = np.zeros((len(THRESHOLDS_M), *shape), np.uint16)
        self._deepest = np.zeros(shape, np.float32)
        self._sum = np.zeros(shape, np.int64)

    def add(self, max_depth: Values) -> None:
        """Take in a member's maximum depths: metres, float32, 0 where it stayed dry."""
        self.members += 1
        for number, threshold in enumerate(THRESHOLDS_M):
            self._above[number] += max_depth >= np.float32(threshold)
        np.maximum(self._deepest, max_depth, out=self._deepest)
        self._sum += np.rint(max_depth.astype(np.float64) * _PER_METRE).astype(np.int64)

    def maps(self, active: npt.NDArray[np.bool_]) -> dict[str, Values]:
        """Return the maps by name, float32: shares of the members from 0 to 1, and metres; NaN outside the domain.

        `max_depth` and `mean_depth` are NaN where no member has water, too.
        """
        count = max(1, self.members)
        out: dict[str, Values] = {}
        for above, threshold in zip(self._above, THRESHOLDS_M, strict=True):
            share = (above / count).astype(np.float32)
            out[f"exceedance_{threshold:.1f}m"] = np.where(active, share, np.float32(np.nan))
        wet = active & (self._sum > 0)
        mean = (self._sum / (_PER_METRE * count)).astype(np.float32)
        out["max_depth"] = np.where(wet, self._deepest, np.float32(np.nan))
        out["mean_depth"] = np.where(wet, mean, np.float32(np.nan))
        return out

    def save(self) -> dict[str, Values]:
        """Return all that `load` needs."""
        return {"above": self._above, "deepest": self._deepest, "sum": self._sum}

    def load(self, saved: Mapping[str, Values], members: int) -> None:
        """Go on from what `save` gave after so many members."""
        self.members = members
        self._above[...], self._deepest[...], self._sum[...] = saved["above"], saved["deepest"], saved["sum"]
