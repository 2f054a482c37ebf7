"""Splits geometries that cross the 180th meridian (RFC 7946 §3.1.9 asks writers to; few do)."""

from __future__ import annotations

import warnings

import antimeridian
import numpy as np
import numpy.typing as npt
import shapely

from ingest.features import Geometries, Mask

SPLIT = "split at the 180th meridian"
OUT_OF_RANGE = "outside the range of longitude and latitude"
Indices = npt.NDArray[np.intp]
_HALF_THE_GLOBE = 360 * 180 / 2  # square degrees
_SLACK = 1e-6  # degrees by which rounding may pass a limit


def out_of_range(bounds: npt.NDArray[np.float64]) -> Mask:
    """Return which bounds (n × xmin, ymin, xmax, ymax, degrees) lie beyond ±360 and ±90 degrees."""
    limits = np.array([-360, -90, -360, -90]) - _SLACK, np.array([360, 90, 360, 90]) + _SLACK
    return np.asarray(~((bounds >= limits[0]) & (bounds <= limits[1])).all(axis=1), dtype=bool)


def split(geometries: Geometries, index: Indices) -> tuple[Indices, Geometries]:
    """Return which of the geometries at `index` cross the 180th meridian, and those split.

    Only those are touched that reach beyond ±180 or jump more than 180 degrees (but not 360) between two
    vertices. What is split is 2D afterwards.
    """
    bounds = shapely.bounds(geometries[index])
    suspects = (bounds[:, 2] - bounds[:, 0] > 180) | (bounds[:, 0] < -180 - _SLACK) | (bounds[:, 2] > 180 + _SLACK)
    fixed = {i: f for i in index[suspects] if (f := _split_one(geometries[i])) is not None}
    return np.array(list(fixed), dtype=np.intp), np.array(list(fixed.values()), dtype=object)


def _split_one(geometry: shapely.Geometry) -> shapely.Geometry | None:
    """Return the split geometry, or None when it needs none."""
    parts = shapely.get_parts(geometry) if shapely.get_type_id(geometry) >= 4 else np.array([geometry])
    if not any(_crosses(p) for p in parts):
        return None
    pieces: list[shapely.Geometry] = []
    for part in parts:
        flat = shapely.force_2d(part)
        fixed = _fix(flat) if _crosses(part) else flat
        pieces += list(shapely.get_parts(fixed)) if shapely.get_type_id(fixed) >= 4 else [fixed]
    return _collect(pieces)


def _crosses(part: shapely.Geometry) -> bool:
    longitude = shapely.get_coordinates(part)[:, 0]
    jump = np.abs(np.diff(longitude))
    beyond = np.abs(longitude).max(initial=0) > 180 + _SLACK
    return bool(beyond or ((jump > 180) & (np.abs(jump - 360) > _SLACK)).any())


def _fix(part: shapely.Geometry) -> shapely.Geometry:
    kind = shapely.get_type_id(part)
    if kind == 0:
        return shapely.Point(((part.x + 180) % 360) - 180, part.y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns when it turns a ring round; the writer orients them anyway
        if kind == 3:
            return _smaller(part)
        if kind in (1, 2):
            return antimeridian.fix_line_string(shapely.LineString(part), great_circle=False)
    return part


def _smaller(part: shapely.Geometry) -> shapely.Geometry:
    """Return the split polygon: of the two areas that a ring round a pole divides the globe into, the smaller.

    The ring's direction would say which, but writers turn rings as they like.
    """
    fixed = antimeridian.fix_polygon(part, great_circle=False)
    if fixed.area <= _HALF_THE_GLOBE:
        return fixed
    other = antimeridian.fix_polygon(shapely.reverse(part), great_circle=False, fix_winding=False)
    return min(fixed, other, key=lambda split: float(split.area))


def _collect(pieces: list[shapely.Geometry]) -> shapely.Geometry:
    kinds = set(shapely.get_type_id(pieces).tolist())
    makers = {0: shapely.multipoints, 1: shapely.multilinestrings, 3: shapely.multipolygons}
    if len(pieces) == 1:
        return pieces[0]
    return makers[kinds.pop()](pieces) if len(kinds) == 1 else shapely.geometrycollections(pieces)
