"""How much earth lies between two surfaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.grid import Values


@dataclass(frozen=True)
class VolumeChange:
    """What burning took away and brought, over the cells in which both surfaces are known."""

    cut_m3: float  # taken away: the new surface is lower
    fill_m3: float  # brought
    cells: int  # whose height changed
    unknown_before: int  # cells that have a height only now: no part of the volumes

    @property
    def net_m3(self) -> float:
        """Fill less cut: negative where earth was taken away."""
        return self.fill_m3 - self.cut_m3


def volume_change(before: Values, after: Values, cell_m: float) -> VolumeChange:
    """Return the volumes between two surfaces on the same frame: the sum over the cells, times a cell's area.

    >>> volume_change(np.array([[5.0, 5.0]]), np.array([[3.0, 6.0]]), 2.0).net_m3
    -4.0
    """
    cut = fill = 0.0
    cells = unknown = 0
    for old, new in zip(before, after, strict=True):  # a row at a time: no further copy of the whole
        change = new.astype(np.float64) - old
        cut -= float(np.nansum(np.minimum(change, 0)))
        fill += float(np.nansum(np.maximum(change, 0)))
        cells += int(np.count_nonzero(change[~np.isnan(change)]))
        unknown += int(np.count_nonzero(np.isnan(old) & ~np.isnan(new)))
    area = cell_m * cell_m
    return VolumeChange(cut * area, fill * area, cells, unknown)
