"""How much earth lies between two surfaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.grid import Values


@dataclass(frozen=True)
class VolumeChange:
    """What was taken away and brought, over the cells in which both surfaces are known."""

    cut_m3: float = 0.0  # taken away: the new surface is lower
    fill_m3: float = 0.0  # brought

    @property
    def net_m3(self) -> float:
        """Fill less cut: negative where earth was taken away."""
        return self.fill_m3 - self.cut_m3

    def __add__(self, other: VolumeChange) -> VolumeChange:
        """Return both together."""
        return VolumeChange(self.cut_m3 + other.cut_m3, self.fill_m3 + other.fill_m3)


def volume_changes(
    before: Values, after: Values, origin: npt.NDArray[np.uint8], cell_m: float, origins: int
) -> tuple[VolumeChange, ...]:
    """Return the volumes between two surfaces on the same frame, of the cells of each origin (0 … origins - 1).

    Each is the sum over the cells (in double precision) times a cell's area. Cells that only one of the surfaces
    knows are no part of it.

    >>> before, after = np.array([[5.0, 5.0, 1.0]]), np.array([[3.0, 6.0, np.nan]])
    >>> [change.net_m3 for change in volume_changes(before, after, np.array([[1, 0, 0]], "u1"), 2.0, 2)]
    [4.0, -8.0]
    """
    cut, fill = np.zeros(origins), np.zeros(origins)
    for old, new, code in zip(before, after, origin, strict=True):  # a row at a time: no further copy of the whole
        change = np.nan_to_num(new.astype(np.float64) - old)
        cut += np.bincount(code, np.maximum(-change, 0), origins)
        fill += np.bincount(code, np.maximum(change, 0), origins)
    area = cell_m * cell_m
    return tuple(VolumeChange(float(c) * area, float(f) * area) for c, f in zip(cut, fill, strict=True))
