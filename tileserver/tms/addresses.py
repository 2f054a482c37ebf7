"""TMS's addresses of tiles: `/tms/1.0.0/{layer}[@{grid}]/{z}/{x}/{y}.{extension}`, rows counted from the south."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from naru.errors import RouteUnknown
from naru.grids import GRIDS, WEB_MERCATOR
from tileserver.access import Environ
from tileserver.markup import DECLARATION, XML, element
from tileserver.problems import PROBLEM_MEDIA_TYPE
from tileserver.pyramids import MEDIA_TYPES, Answer
from tileserver.spelling import Spelling, grid_in, layer_in, tile_in

if TYPE_CHECKING:
    from tileserver.lane import Lane

ROOT, VERSION = "/tms", "1.0.0"
_TILE_PARTS = 7  # "", tms, 1.0.0, layer, zoom, column, row.extension


def respell(lane: Lane, environ: Environ) -> Spelling | None:
    """Return the tile that a request asks for, or None where it asks for something else.

    Raises:
        UnknownLayer, TileOutOfRange, RouteUnknown: there cannot be such a tile.
    """
    parts = environ["PATH_INFO"].split("/")
    if len(parts) != _TILE_PARTS or parts[2] != VERSION:
        return None
    row, _, extension = parts[6].partition(".")
    if extension not in MEDIA_TYPES:
        raise RouteUnknown(f"there are no tiles .{extension[:20]}", remedy=f"There are .{', .'.join(MEDIA_TYPES)}.")
    layer, grid = split(parts[3])
    z, x, y = tile_in(grid, parts[4], row, parts[5])
    return Spelling(layer, grid, z, x, flipped(grid, z, y), extension)


def split(tile_map: str) -> tuple[str, str]:
    """Return layer and grid of a tile map's name.

    >>> split("dem"), split("dem@EPSG5179")
    (('dem', 'WebMercatorQuad'), ('dem', 'EPSG5179'))
    """
    layer, _, grid = tile_map.partition("@")
    return layer_in(layer), grid_in(grid) if "@" in tile_map else WEB_MERCATOR


def flipped(grid: str, z: int, y: int) -> int:
    """Return a row counted from the other end of its column.

    >>> flipped("WorldCRS84Quad", 1, 0)
    1
    """
    return (GRIDS[grid].rows << z) - 1 - y


def retell(answer: Answer, environ: Environ) -> Answer:
    """Return an answer with its problem, if it is one, as TMS 1.0.0 words it: a `TileMapServerError`."""
    status, headers, body = answer
    if ("Content-Type", PROBLEM_MEDIA_TYPE) not in headers:
        return answer
    kept = [(name, value) for name, value in headers if name not in ("Content-Type", "Content-Length")]
    told = json.loads(body) if body else {}
    message = f"{told['detail']} ({told['code']}, request {told['request_id']})" if told else ""
    error = (DECLARATION + element("TileMapServerError", element("Message", message))).encode()
    return status, [*kept, ("Content-Type", XML)], error
