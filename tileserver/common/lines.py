"""Positions along a line that somebody drew, at equal distances on the ellipsoid."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tileserver.common.asking import Position, bad


def along(line: Sequence[Position], samples: int, longest_m: float) -> tuple[float, list[Position]]:
    """Return a line's length in metres, and positions at equal distances along it, both ends among them.

    Between the line's corners the way is the geodesic on WGS 84 (Karney 2013, through PROJ).

    Raises:
        BadRequest: the line has no length, or more than `longest_m`.
    """
    from pyproj import Geod

    geod = Geod(ellps="WGS84")
    lons, lats = zip(*line, strict=True)
    azimuths, _, lengths = geod.inv(lons[:-1], lats[:-1], lons[1:], lats[1:])
    total = math.fsum(lengths)
    if not 0 < total <= longest_m:
        raise bad("line", f"line is {total:.0f} m long", f"Give a line of up to {longest_m / 1000:.0f} km.")
    found, before, segment = [], 0.0, 0
    for number in range(samples):
        at = total * number / (samples - 1)
        while segment < len(lengths) - 1 and at > before + lengths[segment]:
            before += lengths[segment]
            segment += 1
        lon, lat, _ = geod.fwd(lons[segment], lats[segment], azimuths[segment], at - before)
        found.append(Position(lon, lat))
    found[-1] = line[-1]
    return total, found
