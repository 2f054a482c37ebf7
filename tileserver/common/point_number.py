"""`/common/point-number`: national point numbers (국가지점번호), both ways."""

from __future__ import annotations

from typing import Any

from flask import Response

from naru import point_number
from naru.features.systems import CRS84
from naru.point_number import PointCell
from tileserver.access import Caller
from tileserver.common.asking import LAT, LON, Position, bad, position, read_query, whole
from tileserver.common.systems import moved
from tileserver.documents import json_document
from tileserver.problems import PROBLEM_MEDIA_TYPE
from tileserver.routes import Route, Service

_SIZES_M = {2: 1000, 3: 100, 4: 10, 5: 1}  # by digits of each half
_USUAL_DIGITS = 4  # what stands on the plates: cells of 10 m
_LONGEST = 60  # characters of a number, with digits spoken one by one
_DIGITS_DEG = 9


def show_point_number(service: Service, caller: Caller) -> Response:
    """The national point number of a position, or the cell of a number."""
    given = read_query(("lon", "lat", "digits", "number"))
    if "number" not in given:
        return json_document(_told(_cell_at(given)), shared=False)
    if len(given) > 1:
        raise bad("number", "number goes alone", "Give either number, or lon and lat.")
    if len(given["number"]) > _LONGEST:
        raise bad("number", "that is no national point number", "Write it like 다사 5392 5204.")
    return json_document(_told(point_number.decode(given["number"])), shared=False)


def _cell_at(given: dict[str, str]) -> PointCell:
    digits = whole(given, "digits", _USUAL_DIGITS, least=min(_SIZES_M), most=max(_SIZES_M))
    [place] = moved([position(given)], CRS84, point_number.CRS)
    if place is None:
        raise bad("lon", "the position has no place in EPSG:5179", "Give a position in Korea.")
    return point_number.encode(place.x, place.y, _SIZES_M[digits])


def _told(cell: PointCell) -> dict[str, Any]:
    west, south, size = cell.west, cell.south, cell.size_m
    corners = [(west, south), (west + size, south), (west + size, south + size), (west, south + size)]
    ring = [_lonlat(*corner) for corner in (*corners, corners[0])]
    centre = cell.centre
    return {
        "number": cell.number,
        "size_m": size,
        "centre": _lonlat(*centre),
        "polygon": {"type": "Polygon", "coordinates": [ring]},
        "epsg5179": {"bounds": [west, south, west + size, south + size], "centre": list(centre)},
    }


def _lonlat(easting: float, northing: float) -> list[float]:
    [found] = moved([Position(easting, northing)], point_number.CRS, CRS84)
    if found is None:  # the grid reaches no further than the projection
        raise bad("number", "the cell has no place on the globe", "Write a number like 다사 5392 5204.")
    return [round(found.x, _DIGITS_DEG), round(found.y, _DIGITS_DEG)]


ROUTES = (
    Route(
        "/common/point-number",
        "common",
        show_point_number,
        "The national point number (국가지점번호) of a position, or the cell of a number",
        {200: ("The cell", "application/json"), 400: ("No position, or no number", PROBLEM_MEDIA_TYPE)},
        tag="common",
        query={
            "lon": LON,
            "lat": LAT,
            "digits": {
                "description": "Of each half of the number: 2 for cells of 1 km, 3: 100 m, 4: 10 m, 5: 1 m",
                "schema": {"type": "integer", "minimum": 2, "maximum": 5, "default": _USUAL_DIGITS},
            },
            "number": {
                "description": "A number such as 다사 5392 5204, in place of lon and lat",
                "schema": {"type": "string", "maxLength": _LONGEST},
            },
        },
    ),
)
