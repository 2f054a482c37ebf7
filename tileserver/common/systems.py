"""The coordinate systems that common functions speak, and the way from one to another.

An allow-list of EPSG codes: no request names anything that a library would look up, open or fetch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from naru.errors import BadSelection
from naru.features.systems import CRS84, normal_name, system
from tileserver.common.asking import Position, bad

if TYPE_CHECKING:
    from pyproj import Transformer

_CODES = (
    *(4326, 3857, 32651, 32652),  # WGS 84, Web Mercator, UTM zones of Korea
    *(4737, 5179, *range(5185, 5189), *range(5180, 5185)),  # Korea 2000: degrees, unified, belts of 2010 and before
    *(
        4162,
        5178,
        *range(5173, 5178),
        2096,
        2097,
        2098,
    ),  # Korean 1985 (Bessel): the same, modified belts, first belts
)
SYSTEMS = (CRS84, *(f"EPSG:{code}" for code in _CODES))


def known(text: str, field: str) -> str:
    """Return the normal name of one of `SYSTEMS`.

    Raises:
        BadRequest: it is none of them.

    >>> known("5186", "crs")
    'EPSG:5186'
    """
    try:
        name = normal_name(text)
    except BadSelection:
        name = ""
    if name not in SYSTEMS:
        raise bad(field, f"{field} cannot be '{text[:40]}'", f"Choose one of {', '.join(SYSTEMS)}.")
    return name


def is_degrees(name: str) -> bool:
    """Tell whether a system's coordinates are longitudes and latitudes."""
    return bool(system(name).is_geographic)


@lru_cache(maxsize=256)
def transformer(source: str, target: str) -> Transformer:
    """Return what moves positions between two of `SYSTEMS`, x before y in both.

    From the Bessel datum the registry has an operation good to 1 m; the ballpark one, 360 m off, is ruled out.
    Transformers may be used by several threads (pyproj ≥ 3.1).
    """
    from pyproj import Transformer

    return Transformer.from_crs(system(source), system(target), always_xy=True, allow_ballpark=False)


def moved(points: Sequence[Position], source: str, target: str) -> list[Position | None]:
    """Return positions in another system; None for one that has no place there."""
    if source == target:
        return list(points)
    xs, ys = transformer(source, target).transform([p.x for p in points], [p.y for p in points])
    return [
        Position(float(x), float(y)) if math.isfinite(x) and math.isfinite(y) else None
        for x, y in zip(xs, ys, strict=True)
    ]
