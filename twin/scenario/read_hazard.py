"""`hazard:` of a scenario file: the debris factor in the hazard rating HR = d(v + 0.5) + DF."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

from twin.fields import Fields
from twin.scenario.read_sources import group, items
from twin.scenario.records import HazardSpec, Steps

# Depth up to (m): DF. Defra/EA FD2320/TR2 and its supplementary note of 2008. There the deepest class also holds
# above 2 m/s; here classes go by depth alone.
LAND_USES: Mapping[str, Steps] = {
    "pasture": ((0.25, 0.0), (0.75, 0.0), (math.inf, 0.5)),
    "woodland": ((0.25, 0.0), (0.75, 0.5), (math.inf, 1.0)),
    "urban": ((0.25, 0.0), (0.75, 1.0), (math.inf, 1.0)),
    "none": ((math.inf, 0.0),),
}
USUAL = "woodland"
DEPTH_M = (0.001, 100.0)
FACTOR = (0.0, 10.0)
_MOST_CLASSES = 20


def read_hazard(top: Fields) -> HazardSpec:
    """Return which debris factor holds at which depth. Raises BadSpec."""
    if not top.has("hazard"):
        return HazardSpec(USUAL, LAND_USES[USUAL])
    wish = group(top, top.get("hazard"), "hazard")
    if wish.has("debris") and wish.has("land_use"):
        raise wish.wrong("debris", "says again what 'land_use' does", "Keep one of them.")
    if wish.has("debris"):
        found = HazardSpec("", _steps(wish))
    else:
        use = wish.choice("land_use", tuple(LAND_USES), USUAL)
        found = HazardSpec(use, LAND_USES[use])
    wish.done()
    return found


def _steps(wish: Fields) -> Steps:
    """Return the classes of a table, of which each begins where the one before it ends and the last has no end."""
    rows = items(wish, "debris")
    if not 1 <= len(rows) <= _MOST_CLASSES:
        raise wish.wrong("debris", f"has {len(rows)} classes", f"Give 1 to {_MOST_CLASSES}.")
    out: list[tuple[float, float]] = []
    for number, row in enumerate(rows):
        factor = cast(float, row.number("factor", *FACTOR, "", needed=True))
        deepest = number == len(rows) - 1
        if deepest and row.has("depth_to_m"):
            raise row.wrong("depth_to_m", "ends the deepest class", "Leave it out: the last class has no end.")
        up_to = math.inf if deepest else cast(float, row.number("depth_to_m", *DEPTH_M, "m", needed=True))
        if out and not up_to > out[-1][0]:
            raise row.wrong("depth_to_m", f"is {up_to:g} m, not above {out[-1][0]:g} m", "Let depths rise.")
        out.append((up_to, factor))
        row.done()
    return tuple(out)
