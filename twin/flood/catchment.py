"""Where rain falls and water is lost: what the cover is like, and who brings that to the state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from twin.grid import Floats, Values

NONE, CONSTANT, GREEN_AMPT, CURVE_NUMBER, HORTON = range(5)  # laws of infiltration: `twin.forcing.sky_kernels`


@dataclass(frozen=True)
class Cover:
    """Zones of rain, and what takes water: arrays of parameters have one row, which stands for all, or all rows."""

    zones: Values  # rows × columns, int32; 0 outside
    law: int
    soil: tuple[Floats, Floats, Floats]  # the law's parameters, float64, SI
    pervious: Floats  # share of a cell on which the law holds
    drains: Floats  # what else is taken, m/s

    @cached_property
    def draining(self) -> bool:
        """Whether drains take anything."""
        return bool(self.drains.any())


class Catchment(Protocol):
    """Lets it rain and soak into one water's state, wherever that lies."""

    def rain(self, depths: Floats, field: Values, span_s: float) -> Floats:
        """Let it rain, then lose water for a time; return rain, infiltration, drained, m summed over cells.

        `depths`: what falls in each zone, m; `field`: in each cell on top, float32 (0 × 0: nothing).
        """
        ...

    def held_m(self) -> float:
        """Return what the depth's precision could not hold and is carried on, m, summed over cells."""
        ...

    def save(self) -> Mapping[str, Values]:
        """Return all that `load` needs to go on bit by bit."""
        ...

    def load(self, saved: Mapping[str, Values]) -> None:
        """Go on from what `save` gave."""
        ...
