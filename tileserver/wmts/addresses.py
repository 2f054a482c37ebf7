"""WMTS's addresses of tiles, key-value and RESTful: `/wmts?REQUEST=GetTile&…` and `/wmts/1.0.0/{layer}/…`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from naru.errors import BadRequest, OperationUnknown, ParameterMissing, RouteUnknown
from naru.grids import Grid
from tileserver.access import Environ
from tileserver.pyramids import FINEST_PICTURE, MEDIA_TYPES
from tileserver.spelling import Spelling, grid_in, layer_in, tile_in

if TYPE_CHECKING:
    from tileserver.lane import Lane

SERVICE, VERSION, STYLE = "WMTS", "1.0.0", "default"
TIME = "Time"  # the dimension of floods; in RESTful addresses it stands in the query
KVP = "/wmts"
REST = f"{KVP}/{VERSION}"
_LEVELS = re.compile(r"(.+)_Levels[0-9]{1,2}-[0-9]{1,2}")
CAPABILITIES = f"{REST}/WMTSCapabilities.xml"
OPERATIONS = ("GetCapabilities", "GetTile")
_TILE_PARTS = 9  # "", wmts, 1.0.0, layer, style, grid, zoom, row, column.extension
_EXTENSIONS = {media_type: extension for extension, media_type in MEDIA_TYPES.items()} | {"image/jpg": "jpg"}


def respell(lane: Lane, environ: Environ) -> Spelling | None:
    """Return the tile that a request asks for, or None where it asks for the capabilities or for nothing.

    Raises:
        ParameterMissing, BadRequest, OperationUnknown: a key-value request is not as the standard has it.
        UnknownLayer, TileOutOfRange, RouteUnknown: there cannot be such a tile.
    """
    path = environ["PATH_INFO"]
    if path == KVP:
        given = parameters(environ.get("QUERY_STRING", ""))
        return _from_parameters(given) if operation(given) == "GetTile" else None
    parts = path.split("/")
    if len(parts) != _TILE_PARTS or not path.startswith(REST):
        return None
    return _from_path(parts, parameters(environ.get("QUERY_STRING", "")).get(TIME.upper(), ""))


def set_id(grid: Grid, zooms: range) -> str:
    """Return the identifier of a grid's tile matrix set that has some of its zooms.

    >>> from naru.grids import GRIDS
    >>> set_id(GRIDS["WebMercatorQuad"], range(8, 15)), set_id(GRIDS["WebMercatorQuad"], range(0, 23))
    ('WebMercatorQuad_Levels8-14', 'WebMercatorQuad')
    """
    first, last = zooms[0], zooms[-1]
    whole = first == 0 and last >= min(FINEST_PICTURE, grid.maxzoom)
    return grid.id if whole else f"{grid.id}_Levels{first}-{last}"


def parameters(query: str) -> Mapping[str, str]:
    """Return a query's parameters by name in capitals, for case does not count in names (06-121r3 §11.5.2)."""
    return {name.upper(): value for name, value in reversed(parse_qsl(query, keep_blank_values=True))}


def operation(given: Mapping[str, str]) -> str:
    """Return which operation is asked for.

    Raises:
        ParameterMissing, BadRequest, OperationUnknown: none, of another service, or one that is not offered.
    """
    service = _value(given, "Service")
    if service.upper() != SERVICE:
        raise BadRequest(f"there is no service '{service[:80]}' here", field="Service", remedy="Say SERVICE=WMTS.")
    asked = _value(given, "Request")
    for name in OPERATIONS:
        if asked.lower() == name.lower():
            return name
    raise OperationUnknown(
        f"the operation '{asked[:80]}' is not offered",
        field="Request",
        remedy=f"There are {' and '.join(OPERATIONS)}.",
    )


def _from_parameters(given: Mapping[str, str]) -> Spelling:
    version = _value(given, "Version")
    if version != VERSION:
        raise BadRequest(f"there is no version '{version[:80]}'", field="Version", remedy=f"Say VERSION={VERSION}.")
    layer, media_type = _value(given, "Layer"), _value(given, "Format")
    _check_style(given["STYLE"] if "STYLE" in given else _value(given, "Style"))
    extension = _EXTENSIONS.get(media_type.lower())
    if extension is None:
        raise BadRequest(
            f"there is no format '{media_type[:80]}'", field="Format", remedy=f"There are {', '.join(_EXTENSIONS)}."
        )
    grid, zoom = _value(given, "TileMatrixSet"), _value(given, "TileMatrix")
    place = _spelling(layer, grid, (zoom, _value(given, "TileRow"), _value(given, "TileCol")), extension)
    return place._replace(time=given.get(TIME.upper(), ""))


def _from_path(parts: list[str], time: str) -> Spelling:
    layer, style, grid, zoom, row, last = parts[3:]
    column, _, extension = last.partition(".")
    if extension not in MEDIA_TYPES:
        raise RouteUnknown(f"there are no tiles .{extension[:20]}", remedy=f"There are .{', .'.join(MEDIA_TYPES)}.")
    _check_style(style)
    return _spelling(layer, grid, (zoom, row, column), extension)._replace(time=time)


def _spelling(layer: str, grid: str, numbers: tuple[str, str, str], extension: str) -> Spelling:
    shorter = _LEVELS.fullmatch(grid)
    found = grid_in(shorter[1] if shorter else grid)
    return Spelling(layer_in(layer), found, *tile_in(found, *numbers), extension)


def _check_style(style: str) -> None:
    if style not in (STYLE, ""):  # clients that know of one style only send it empty
        raise BadRequest(f"there is no style '{style[:80]}'", field="Style", remedy=f"Each layer has one: {STYLE}.")


def _value(given: Mapping[str, str], name: str) -> str:
    value = given.get(name.upper(), "")
    if not value:
        raise ParameterMissing(f"the parameter {name.upper()} is missing", field=name, remedy="Give it a value.")
    return value
