"""`/tiles/{layers}[/{grid}]/{z}/{x}/{y}[@2x].{extension}`: tiles that do not simply lie in an archive.

The lane in front answers vector tiles, and pictures that are stored as they are asked for. What comes here has to
be made: a raster drawn from a COG's numbers, or in another grid, or a vector layer as a picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import Response, request

from naru.errors import TileOutOfRange
from naru.grids import GRIDS
from tileserver.access import Caller
from tileserver.encodings import coding_for
from tileserver.lane import fetch, parse, remember_drawn, resolve
from tileserver.pyramids import MEDIA_TYPES, Answer, LayerPyramid
from tileserver.rasters.tiles import LOOK, picture
from tileserver.rendering.tiles import picture as styled_picture
from tileserver.routes import LAYER_IDS, NUMBER, Route, Service


def show_tile(service: Service, caller: Caller, **_named: str) -> Response:
    """Answer for a tile that has to be made."""
    address = parse(request.environ["PATH_INFO"])
    if address is None or caller.key is None:
        raise TileOutOfRange("no tile has this number", remedy="/tiles/{layer}.json says which zooms a layer has.")
    snapshot = service.keeper.current
    pyramid = resolve(snapshot, caller.key, address)
    remember = partial(remember_drawn, snapshot, pyramid, address, request.environ)
    if isinstance(pyramid, LayerPyramid) and pyramid.is_raster:
        return _response(picture(service, pyramid, address, remember=remember))
    if address.tile_type != "mvt":
        return _response(styled_picture(service, pyramid, address, remember))
    return _response(fetch(pyramid, address, coding_for(request.environ)))


def show_tile_in_grid(service: Service, caller: Caller, **named: str) -> Response:
    """Answer for a tile of a named tile matrix set."""
    return show_tile(service, caller, **named)


def _response(answer: Answer) -> Response:
    status, headers, body = answer
    response = Response(body, status=status, headers=headers)
    if not any(name == "Content-Type" for name, _ in headers):
        del response.headers["Content-Type"]
    return response


_TILE = {
    200: (
        "A vector tile (gzip, or identity for callers that do not take it), or a picture",
        ", ".join(MEDIA_TYPES.values()),
    ),
    204: ("Nothing is here (where a raster has nothing, PNG and WebP are transparent pictures)", ""),
    304: ("You have this version", ""),
}
_ROW = {
    "description": "Row from the north; @2x behind it doubles the pixels of a picture",
    "schema": {"type": "string", "pattern": "^(0|[1-9][0-9]{0,7})(@2x)?$"},
}
_EXTENSION = {"schema": {"type": "string", "enum": ["mvt", "pbf", "png", "webp", "jpg", "jpeg"]}}
_ADDRESS: dict[str, Mapping[str, Any]] = {"layers": LAYER_IDS, "z": NUMBER, "x": NUMBER, "y": _ROW}
_GRID = {"description": "Tile matrix set", "schema": {"type": "string", "enum": list(GRIDS)}}
_ANY = "any(mvt, pbf, png, webp, jpg, jpeg)"
ROUTES = (
    Route(
        f"/tiles/<layers>/<z>/<x>/<y>.<{_ANY}:extension>",
        "layer",
        show_tile,
        "A tile: vector (Mapbox Vector Tile 2.1) or picture, WebMercatorQuad",
        _TILE,
        _ADDRESS | {"extension": _EXTENSION},
        tag="tiles",
        query=LOOK,
    ),
    Route(
        f"/tiles/<layers>/<grid>/<z>/<x>/<y>.<{_ANY}:extension>",
        "layer",
        show_tile_in_grid,
        "A tile in a tile matrix set of your choice",
        _TILE,
        {"layers": LAYER_IDS, "grid": _GRID, "z": NUMBER, "x": NUMBER, "y": _ROW, "extension": _EXTENSION},
        tag="tiles",
        query=LOOK,
    ),
)
