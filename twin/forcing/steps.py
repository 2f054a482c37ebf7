"""How long a step may be where water comes to ground that may be dry."""

from __future__ import annotations

import math

_G = 9.80665
_SHARE = 0.5  # of a cell that a wave may cross


def stable_step(rise_m_s: float, cell_m: float) -> float:
    """Return the longest step, s, after which water that rose from nothing at a rate is still stable.

    Schemes choose a step by the water that is there, but what comes in during it makes waves of speed √(g·rise·dt):
    they are to cross no more than half a cell in dt.
    """
    if rise_m_s <= 0:
        return math.inf
    return float((_SHARE * cell_m) ** (2 / 3) / (_G * rise_m_s) ** (1 / 3))


def wave_step(depth_m: float, cell_m: float) -> float:
    """Return the longest step, s, in which a wave on a depth crosses no more than half a cell."""
    return _SHARE * cell_m / math.sqrt(_G * depth_m) if depth_m > 0 else math.inf
