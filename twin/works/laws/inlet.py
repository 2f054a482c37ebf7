"""What a street inlet lets into the sewer, or back out of it: weir while shallow, orifice when drowned."""

from __future__ import annotations

import numpy as np

from twin.grid import Floats
from twin.works.spec import InletLaw

GRAVITY = 9.80665
_BAND = 0.1  # regimes go over into each other within so much of the limit between them


def exchange(depth: Floats, sewer: Floats, area: Floats, perimeter: Floats, law: InletLaw) -> Floats:
    """Return the flow into the sewer, m³/s, negative where it comes back. All arrays have an entry an inlet.

    `depth` is that of the water on the street, m; `sewer` the sewer's head above the street's level, m (below 0: it
    has room); `area`, m², and `perimeter`, m, are the opening's. Rubinato et al. (2017, J. Hydrol. 552:421):
    - room in the sewer: free weir, Q = (2/3)·Cw·P·√(2g)·h^1.5, and where that is less, an orifice,
      Q = Cg·A·√(2g·h) (drowned grating: FHWA HEC-22, 3rd ed. 2009, §4.4.4.1);
    - the sewer's head between street and water: submerged weir, Q = Cs·P·h·√(2g·(h − s)), while h < A/P, above that
      an orifice, Q = Co·A·√(2g·(h − s));
    - above the water: the orifice, backwards.
    """
    h, s = np.maximum(depth, 0.0), sewer
    root = np.sqrt(2 * GRAVITY)
    free = np.minimum(2 / 3 * law.weir * perimeter * root * h**1.5, law.grate * area * root * np.sqrt(h))
    fall = np.sqrt(np.abs(h - s))
    limit = area / perimeter
    deep = _over(h, limit * (1 - _BAND), limit * (1 + _BAND))
    drowned = root * fall * ((1 - deep) * law.submerged_weir * perimeter * h + deep * law.orifice * area)
    held = _over(s, 0.0 * limit, _BAND * np.maximum(h, 1e-6))
    out = np.where(s <= 0, free, (1 - held) * free + held * np.minimum(drowned, free))
    back = -law.orifice * area * root * fall
    result: Floats = np.where(s > h, back, np.where(h > 0, out, 0.0))
    return result


def _over(value: Floats, low: Floats, high: Floats) -> Floats:
    """Return 0 at `low`, 1 at `high`, linear between them."""
    out: Floats = np.clip((value - low) / (high - low), 0.0, 1.0)
    return out
