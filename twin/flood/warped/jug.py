"""Water that actors bring to single cells, or take: to the device and back in one array."""

from __future__ import annotations

from typing import Any

import numpy as np

from twin.flood.records import Ints
from twin.flood.warped.device import sent
from twin.grid import Floats

WHERE, AMOUNT, AFTER = 0, 1, 2  # rows: flat cell, depth to add (then: that was added) m, what the scheme notes


class Jug:
    """Depths for cells: a kernel pours them, a thread a cell. Cells stand in float64, which holds each index."""

    def __init__(self, cells: Ints, depth_m: Floats, device: Any) -> None:
        """Take flat cell indices, each once, and a depth for each or all."""
        which = np.asarray(cells, np.float64).reshape(-1)
        self.count = which.size
        amount = np.broadcast_to(np.asarray(depth_m, np.float64), which.shape)
        self.there = sent(np.stack([which, amount, np.zeros(self.count)]), device)

    def emptied(self) -> tuple[Floats, float]:
        """Return the depths that were added, m, and the greatest of what was noted."""
        told = self.there.numpy()
        return told[AMOUNT], float(told[AFTER].max(initial=0.0))
