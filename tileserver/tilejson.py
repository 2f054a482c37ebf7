"""`/tiles/{layers}.json`: TileJSON 3.0.0, and the tile address itself (answered by the lane)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from naru.errors import TileOutOfRange
from tileserver.access import Caller
from tileserver.addresses import base_address, key_query
from tileserver.documents import json_document
from tileserver.pyramids import TILE_MEDIA_TYPE, CompositePyramid, LayerPyramid, Pyramid
from tileserver.routes import LAYER_IDS, NUMBER, Route, Service


def show_tilejson(service: Service, caller: Caller, layers: str) -> Response:
    """Describe the tiles of one or several layers."""
    snapshot = service.keeper.current
    parts = tuple(snapshot.pyramid(layer_id) for layer_id in layers.split(","))
    for part in parts:
        caller.permit(part.layer)
    pyramid = snapshot.composite(parts)
    base, query = base_address(service, request.environ), key_query(caller.presented)
    document = tilejson(pyramid, f"{base}/tiles/{layers}/{{z}}/{{x}}/{{y}}.mvt{query}")
    return json_document(document, shared=pyramid.shared and not query)


def tilejson(pyramid: Pyramid, template: str) -> dict[str, Any]:
    """Return the TileJSON 3.0.0 document of a pyramid whose tiles lie under `template`."""
    parts = pyramid.parts if isinstance(pyramid, CompositePyramid) else (pyramid,)
    west, south, east, north = bounds = _bounds(parts)
    return {
        "tilejson": "3.0.0",
        "name": ", ".join(part.layer.title_ko for part in parts),
        "description": ", ".join(part.layer.title_en for part in parts),
        "version": f"1.{sum(part.layer.live.number for part in parts)}.0",
        "attribution": "; ".join(dict.fromkeys(part.layer.attribution for part in parts if part.layer.attribution)),
        "scheme": "xyz",
        "tiles": [template],
        "minzoom": pyramid.minzoom,
        "maxzoom": pyramid.maxzoom,
        "bounds": list(bounds),
        "center": [(west + east) / 2, (south + north) / 2, pyramid.minzoom],
        "vector_layers": [dict(layer) for part in parts for layer in part.tileset.vector_layers],
    }


def _bounds(parts: tuple[LayerPyramid, ...]) -> tuple[float, float, float, float]:
    wests, souths, easts, norths = zip(*(part.tileset.bounds for part in parts), strict=True)
    return min(wests), min(souths), max(easts), max(norths)


def show_tile(service: Service, caller: Caller, **address: str) -> Response:
    """Refuse: the lane in front answers every tile there can be, so this one has an impossible number."""
    raise TileOutOfRange(
        f"no tile has the number {'/'.join((address['z'], address['x'], address['y']))}",
        remedy="z, x and y are plain decimal numbers; /tiles/{layer}.json says which zooms a layer has.",
    )


_TILE = {
    200: ("The tile (gzip, or identity for callers that do not take it)", TILE_MEDIA_TYPE),
    204: ("Nothing is here", ""),
    304: ("You have this version", ""),
}
_ADDRESS: dict[str, Mapping[str, Any]] = {"layers": LAYER_IDS, "z": NUMBER, "x": NUMBER, "y": NUMBER}
ROUTES = (
    Route(
        "/tiles/<layers>/<z>/<x>/<y>.<any(mvt, pbf):extension>",
        "layer",
        show_tile,
        "A vector tile (Mapbox Vector Tile 2.1, WebMercatorQuad)",
        _TILE,
        _ADDRESS | {"extension": {"schema": {"type": "string", "enum": ["mvt", "pbf"]}}},
        tag="tiles",
    ),
    Route(
        "/tiles/<layers>.json",
        "layer",
        show_tilejson,
        "What the tiles are (TileJSON 3.0.0)",
        {200: ("TileJSON", "application/json"), 304: ("You have this version", "")},
        {"layers": LAYER_IDS},
        tag="tiles",
    ),
)
