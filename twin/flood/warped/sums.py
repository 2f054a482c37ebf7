"""Sums over all cells of a device, always in the same order: by thread, by row, then on the host."""

from __future__ import annotations

from typing import Any

from twin.flood.warped.device import kernel, launch, shares_memory, wp
from twin.grid import Floats

_LANES = 64  # threads a row: side by side they read cells side by side


class Sums:
    """Where threads leave the sums of their shares of a row: every so many cells, from one of the first ones on."""

    def __init__(self, shape: tuple[int, ...], terms: int, device: Any) -> None:
        """Make room for so many sums over rows × columns."""
        rows, columns = shape
        lanes = 1 if shares_memory(device) else min(_LANES, columns)
        self.threads = rows, lanes
        self.shares = wp.zeros((rows, lanes, terms), dtype=wp.float64, device=device)
        self._rows = wp.zeros((rows, terms), dtype=wp.float64, device=device)

    def total(self) -> Floats:
        """Return the sums."""
        launch(_sum, self._rows.shape, self.shares, self._rows, device=self._rows.device)
        out: Floats = self._rows.numpy().sum(axis=0)
        return out


def held_m(cells: Any, sums: Sums) -> float:
    """Return all water of a scheme's cells, m summed over them: depths, and what rounding left of them."""
    launch(_hold, sums.threads, cells, sums.shares, device=cells.device)
    depth, rest = sums.total()
    return float(depth + rest)


@kernel
def _hold(cells: Any, shares: Any) -> None:
    i, lane = wp.tid()
    depth, rest = wp.float64(0.0), wp.float64(0.0)
    for j in range(lane, cells.shape[2], shares.shape[1]):
        depth = depth + wp.float64(cells[0, i, j])
        rest = rest + wp.float64(cells[1, i, j])
    shares[i, lane, 0] = depth
    shares[i, lane, 1] = rest


@kernel
def _sum(shares: Any, sums: Any) -> None:
    """Sum rows; threads: rows × terms."""
    i, term = wp.tid()
    total = shares[i, 0, term]
    for lane in range(1, shares.shape[1]):
        total = total + shares[i, lane, term]
    sums[i, term] = total
