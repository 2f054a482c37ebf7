"""Water passed from a patch of cells to another: the taker gets exactly what the donor gave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.flood.records import Ints, Water
from twin.grid import Floats
from twin.works.site import Site

_MOST_OF_DONOR = 0.5
WET_M = 1e-3


@dataclass
class Patch:
    """Cells in front of a mouth."""

    cells: Ints
    bed: Floats
    area_m2: float  # of one cell

    @classmethod
    def around(cls, site: Site, cell: int, width_m: float) -> Patch:
        """Return the cells within half a width of a cell."""
        return cls.of(site, site.patch(cell, width_m))

    @classmethod
    def of(cls, site: Site, cells: Ints) -> Patch:
        """Return a patch of given cells."""
        return cls(cells, site.bed[cells], site.domain.area_m2)

    @property
    def size_m2(self) -> float:
        """Its area."""
        return self.area_m2 * len(self.cells)

    def depth(self, water: Water) -> Floats:
        """Return the depths, m."""
        return water.depths(self.cells)

    def stage(self, water: Water) -> float:
        """Return the mean stage of what is wet, EL m; the lowest bed where all is dry."""
        depth = self.depth(water)
        wet = depth > WET_M
        return float((self.bed[wet] + depth[wet]).mean()) if wet.any() else float(self.bed.min())

    def wet(self, water: Water) -> bool:
        """Tell whether there is water."""
        return bool((self.depth(water) > WET_M).any())

    def take(self, water: Water, volume_m3: float) -> float:
        """Take water where it is, at most half of it; return what was taken."""
        there = self.depth(water) * self.area_m2
        whole = float(there.sum())
        volume = min(volume_m3, _MOST_OF_DONOR * whole)
        if volume <= 0.0:
            return 0.0
        return -float(water.add(self.cells, -there * (volume / whole)).sum())

    def give(self, water: Water, volume_m3: float) -> float:
        """Give water evenly; return what arrived: rounding keeps a little back."""
        if volume_m3 <= 0.0:
            return 0.0
        return float(water.add(self.cells, np.full(len(self.cells), volume_m3 / len(self.cells))).sum())
