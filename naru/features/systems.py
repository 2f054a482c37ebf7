"""Names of coordinate reference systems, as requests may write them. Never fetched, never a file's name."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from naru.errors import BadSelection

if TYPE_CHECKING:
    from pyproj import CRS

CRS84 = "OGC:CRS84"
_EPSG_FORMS = (
    re.compile(r"EPSG:([0-9]{4,6})", re.IGNORECASE),
    re.compile(r"https?://www\.opengis\.net/def/crs/EPSG/[0-9.]{1,12}/([0-9]{4,6})"),
    re.compile(r"urn:ogc:def:crs:EPSG:[0-9.]{0,12}:([0-9]{4,6})"),
    re.compile(r"([0-9]{4,6})"),
)
_CRS84_FORMS = frozenset(
    {
        "crs84",
        "ogc:crs84",
        "http://www.opengis.net/def/crs/ogc/1.3/crs84",
        "https://www.opengis.net/def/crs/ogc/1.3/crs84",
        "urn:ogc:def:crs:ogc:1.3:crs84",
    }
)
_REMEDY = "Write OGC:CRS84 (longitude, latitude) or EPSG:<code>, such as EPSG:5186 or EPSG:5179."


def normal_name(text: str) -> str:
    """Return `OGC:CRS84` or `EPSG:<code>` for any spelling of one: short, URN, or opengis.net URI.

    Raises:
        BadSelection: it is neither.

    >>> normal_name("http://www.opengis.net/def/crs/EPSG/0/5186")
    'EPSG:5186'
    """
    plain = text.strip()
    if plain.lower() in _CRS84_FORMS:
        return CRS84
    for form in _EPSG_FORMS:
        if found := form.fullmatch(plain):
            return f"EPSG:{int(found[1])}"
    raise BadSelection(f"'{text[:80]}' names no coordinate reference system", remedy=_REMEDY)


def uri(name: str) -> str:
    """Return the OGC URI of a normal name (OGC 09-048r6)."""
    authority, code = name.split(":")
    version = "1.3" if authority == "OGC" else "0"
    return f"http://www.opengis.net/def/crs/{authority}/{version}/{code}"


@lru_cache(maxsize=64)
def system(name: str) -> CRS:
    """Return the two-dimensional system of a name; coordinates are x before y, whatever the registry's order.

    Raises:
        BadSelection: no such code, or one that places nothing on a plane map (heights, geocentric, local).
    """
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    normal = normal_name(name)
    try:
        crs = CRS.from_user_input(normal)
    except CRSError as error:
        raise BadSelection(f"EPSG has no code {normal[5:]}", remedy=_REMEDY) from error
    if len(crs.axis_info) != 2 or not (crs.is_geographic or crs.is_projected):
        raise BadSelection(f"{normal} ({crs.name}) does not locate things on a map", remedy=_REMEDY)
    return crs


def is_north_first(name: str) -> bool:
    """Tell whether the registry puts the northward axis first (EPSG:4326, EPSG:5186): OGC APIs then write y, x."""
    first = system(name).axis_info[0].direction.lower()
    return first in ("north", "south")


def name_of(crs: CRS) -> str | None:
    """Return the normal name of a system that the registry knows exactly; None for one without a code."""
    from pyproj import CRS

    if crs == CRS.from_user_input(CRS84):
        return CRS84
    code = crs.to_epsg(min_confidence=100)
    return f"EPSG:{code}" if code else None
