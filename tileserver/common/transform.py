"""`/common/transform`: positions from one coordinate system into another."""

from __future__ import annotations

from flask import Response

from naru.features.systems import is_north_first
from tileserver.access import Caller
from tileserver.common.asking import POINTS, Position, needed, one_of, positions, read_query
from tileserver.common.systems import SYSTEMS, is_degrees, known, moved, transformer
from tileserver.documents import json_document
from tileserver.problems import PROBLEM_MEDIA_TYPE
from tileserver.routes import Route, Service

_PARAMETERS = ("from", "to", "points", "axis")
_AXES = ("xy", "crs")  # easting or longitude first; the registry's own order
_DIGITS_M, _DIGITS_DEG = 4, 9  # a tenth of a millimetre


def transform_points(service: Service, caller: Caller) -> Response:
    """Positions in another coordinate system; null for one that has no place there."""
    given = read_query(_PARAMETERS)
    source = known(needed(given, "from", "EPSG:5174"), "from")
    target = known(needed(given, "to", "EPSG:5179"), "to")
    axis = one_of(given, "axis", _AXES)
    asked = positions(needed(given, "points", "198000,451000"), "points")
    found = moved([_swapped(point, axis, source) for point in asked], source, target)
    way = None if source == target else transformer(source, target)
    digits = _DIGITS_DEG if is_degrees(target) else _DIGITS_M
    told = {
        "from": source,
        "to": target,
        "axis": axis,
        "unit": "degree" if is_degrees(target) else "m",
        "points": [point and [round(n, digits) for n in _swapped(point, axis, target)] for point in found],
        "accuracy_m": 0.0 if way is None else way.accuracy if way.accuracy >= 0 else None,
        "operation": "" if way is None else way.description,
    }
    return json_document(told, shared=False)


def _swapped(point: Position, axis: str, crs: str) -> Position:
    """Return a position with x and y exchanged where it is written in the registry's order and that has y first."""
    return Position(point.y, point.x) if axis == "crs" and is_north_first(crs) else point


_CRS = {"schema": {"type": "string", "enum": list(SYSTEMS)}}
_JSON = "application/json"
ROUTES = (
    Route(
        "/common/transform",
        "common",
        transform_points,
        "Positions in another coordinate system",
        {200: ("Positions", _JSON), 400: ("A parameter that cannot be so", PROBLEM_MEDIA_TYPE)},
        tag="common",
        query={
            "from": {"description": "System of the positions given", "required": True, **_CRS},
            "to": {"description": "System wanted", "required": True, **_CRS},
            "points": {**POINTS, "required": True},
            "axis": {
                "description": "xy: easting or longitude first (default); crs: the registry's order, northing "
                "or latitude first in EPSG:5179, 5186 and 4326",
                "schema": {"type": "string", "enum": list(_AXES)},
            },
        },
    ),
)
