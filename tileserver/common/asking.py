"""What common functions are asked: numbers, positions and lines in a query, read strictly and within bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flask import request

from naru.errors import BadRequest
from tileserver.access import QUERY_NAMES

MOST_POINTS = 100  # in one request: about 4 kB of address
_NUMBER = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{0,15})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
_LARGEST = 1e9  # of a coordinate, in whatever unit
_LIMITS = {"lon": 180.0, "lat": 90.0}  # degrees


class Position(NamedTuple):
    """x before y; in degrees longitude before latitude."""

    x: float
    y: float


def read_query(allowed: Sequence[str]) -> dict[str, str]:
    """Return the query without the key; each parameter once.

    Raises:
        BadRequest: a parameter that is not among `allowed`, or is given twice; `field` names it.
    """
    given: dict[str, str] = {}
    for name, values in request.args.lists():
        if name in QUERY_NAMES:
            continue
        if name not in allowed:
            raise bad(name[:80], f"there is no parameter '{name[:80]}'", f"There are: {', '.join(allowed)}.")
        if len(values) > 1:
            raise bad(name, f"'{name}' is given {len(values)} times", "Give it once.")
        given[name] = values[0]
    return given


def needed(given: Mapping[str, str], name: str, example: str) -> str:
    """Return a parameter that must be there.

    Raises:
        BadRequest: it is not.
    """
    if not given.get(name, "").strip():
        raise bad(name, f"{name} is missing", f"Give it, such as {name}={example}.")
    return given[name]


def position(given: Mapping[str, str]) -> Position:
    """Return `lon` and `lat`, degrees (WGS 84).

    Raises:
        BadRequest: one is missing, no number, or beyond ±180 or ±90.
    """
    lon, lat = (_number(needed(given, name, example), name) for name, example in _EXAMPLE)
    return Position(lon, lat)


def whole(given: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    """Return a whole number from `least` to `most`.

    Raises:
        BadRequest: it is something else.
    """
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and least <= int(text) <= most):
        raise bad(name, f"{name} cannot be '{text[:40]}'", f"Give a whole number from {least} to {most}.")
    return int(text)


def one_of(given: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    """Return one of `choices`, the first where nothing is said.

    Raises:
        BadRequest: it is something else.
    """
    found = given.get(name, choices[0])
    if found not in choices:
        raise bad(name, f"{name} cannot be '{found[:40]}'", f"Choose {' or '.join(choices)}.")
    return found


def positions(text: str, name: str, *, least: int = 1, degrees: bool = False) -> list[Position]:
    """Return `x,y;x,y;…` as positions; `degrees`: as longitudes and latitudes.

    Raises:
        BadRequest: too few or too many (`MOST_POINTS`), or one that is not two numbers; says which.
    """
    parts = text.split(";")
    if not least <= len(parts) <= MOST_POINTS:
        raise bad(
            name, f"{name} holds {len(parts)} positions", f"Give {least} to {MOST_POINTS}, joined by semicolons."
        )
    return [_pair(part, f"position {number} of {name}", name, degrees) for number, part in enumerate(parts, 1)]


def _pair(text: str, where: str, name: str, degrees: bool) -> Position:
    halves = text.split(",")
    if len(halves) != 2:
        raise bad(name, f"{where} is '{text[:40]}'", "Write each as x,y: easting or longitude first.")
    x, y = (
        _number(half.strip(), name, part if degrees else "") for half, part in zip(halves, _LIMITS, strict=True)
    )
    return Position(x, y)


def _number(text: str, name: str, kind: str | None = None) -> float:
    limit = _LIMITS.get(name if kind is None else kind, _LARGEST)
    if not _NUMBER.fullmatch(text.strip()) or abs(float(text)) > limit:
        raise bad(name, f"{name} cannot be '{text[:40]}'", f"Give a plain number from -{limit:.0f} to {limit:.0f}.")
    return float(text)


def bad(field: str, message: str, remedy: str) -> BadRequest:
    """Return the error for a parameter that cannot be so."""
    return BadRequest(message, field=field, remedy=remedy)


_EXAMPLE = (("lon", "126.978"), ("lat", "37.5665"))
_TEXT: Mapping[str, Any] = {"type": "string"}
LON = {"description": "Longitude, degrees (WGS 84)", "schema": {"type": "number", "minimum": -180, "maximum": 180}}
LAT = {"description": "Latitude, degrees (WGS 84)", "schema": {"type": "number", "minimum": -90, "maximum": 90}}
POINTS = {"description": f"x,y;x,y;… at most {MOST_POINTS}, easting or longitude first", "schema": _TEXT}
LAYER = {"description": "Only from this layer", "schema": _TEXT}
