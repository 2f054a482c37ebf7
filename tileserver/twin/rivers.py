"""Where a line that somebody drew meets a river: its banks, its centre line, the section surveyed next to it.

Loads shapely and pyproj: import it for the first section.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from naru.errors import ArchiveDamaged

Floats = NDArray[np.float64]
BANKS = {"left_bank": "left", "right_bank": "right"}  # as seen looking downstream
_REMEDY = "Make the terrain again: `naru twin terrain SPEC.yaml`."


class Way(NamedTuple):
    """A line of a river's, longitudes and latitudes."""

    reach: str
    what: str  # "centreline", "left_bank", "right_bank"
    points: Floats  # (points, 2)


class Surveyed(NamedTuple):
    """A cross-section that was surveyed."""

    id: str
    reach: str
    chainage_m: float
    points: Floats


@dataclass(frozen=True)
class River:
    """What `river.json` says of where a river lies."""

    ways: tuple[Way, ...]
    sections: tuple[Surveyed, ...]


@dataclass(frozen=True)
class Drawn:
    """A line that was drawn, as points close to each other; all its corners among them."""

    points: Floats  # (points, 2), longitudes and latitudes
    distance_m: Floats  # (points,) along the line


@lru_cache(maxsize=16)
def river_at(path: Path) -> River:
    """Return the river of a file, read once: archives never change, a name stands for its bytes.

    Raises:
        ArchiveDamaged: it is no river.
    """
    try:
        reaches = json.loads(path.read_bytes())["reaches"]
        ways = [way for reach in reaches for way in _ways(reach)]
        sections = [_surveyed(reach, section) for reach in reaches for section in reach["sections"]]
    except (KeyError, TypeError, ValueError) as cause:
        raise ArchiveDamaged(f"the river cannot be read ({cause})", file=str(path), remedy=_REMEDY) from cause
    return River(tuple(ways), tuple(sections))


def _ways(reach: Mapping[str, Any]) -> Iterator[Way]:
    for what in ("centreline", *BANKS):
        points = np.array(reach[what], float).reshape(-1, 2)
        if len(points) > 1:
            yield Way(str(reach["id"]), what, points)


def _surveyed(reach: Mapping[str, Any], section: Mapping[str, Any]) -> Surveyed:
    points = np.array(section["line"], float).reshape(-1, 2)
    return Surveyed(str(section["id"]), str(reach["id"]), float(section["chainage_m"]), points)


def meet(river: River, drawn: Drawn) -> dict[str, Any]:
    """Return `banks`, `centreline` and `nearest_section` as `/terrain/{layer}/section` tells them.

    Measured on a plane that touches the ellipsoid in the middle of the line (azimuthal equidistant: true there, and
    to 10 ppm within 50 km); distances are those along the drawn line from its first point.
    """
    plane = _plane(*drawn.points[len(drawn.points) // 2])
    line = plane(drawn.points)
    flat_m = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(shapely.get_coordinates(line), axis=0).T))])
    banks: list[dict[str, Any]] = []
    centres: list[dict[str, Any]] = []
    crossed: list[Any] = []
    for way in river.ways:
        geometry = plane(way.points)
        for point in shapely.points(shapely.get_coordinates(shapely.intersection(line, geometry))):
            along_m = np.interp(shapely.line_locate_point(line, point), flat_m, drawn.distance_m)
            at = {"distance_m": round(float(along_m), 3), "reach": way.reach}
            if way.what in BANKS:
                banks.append(at | {"side": BANKS[way.what]})
            else:
                crossed.append(point)
                centres.append(at | {"chainage_m": round(float(shapely.line_locate_point(geometry, point)), 3)})
    near = shapely.multipoints(crossed) if crossed else line
    return {
        "banks": sorted(banks, key=_by_distance),
        "centreline": sorted(centres, key=_by_distance),
        "nearest_section": _nearest(river.sections, plane, near),
    }


def _nearest(sections: Sequence[Surveyed], plane: Any, near: Any) -> dict[str, Any] | None:
    """Return the section nearest to where the line crosses the river, or to the line where it does not."""
    whole = [section for section in sections if len(section.points) > 1]
    if not whole:
        return None
    away = shapely.distance([plane(section.points) for section in whole], near)
    found, distance = whole[int(np.argmin(away))], float(np.min(away))
    about = {"id": found.id, "reach": found.reach, "chainage_m": round(found.chainage_m, 3)}
    return about | {"distance_m": round(distance, 3)}


def _by_distance(row: Mapping[str, Any]) -> float:
    distance: float = row["distance_m"]
    return distance


def _plane(lon: float, lat: float) -> Any:
    way = Transformer.from_crs(
        "OGC:CRS84",
        f"+proj=aeqd +lon_0={lon:.9f} +lat_0={lat:.9f} +datum=WGS84 +units=m",
        always_xy=True,
        allow_ballpark=False,
    )
    return lambda points: shapely.linestrings(np.column_stack(way.transform(points[:, 0], points[:, 1])))
