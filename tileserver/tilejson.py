"""`/tiles/{layers}.json`: TileJSON 3.0.0, which is for Web Mercator (`tileserver/ogc/tiles.py`: for every grid)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Response, request

from naru.cog import BLOCK
from tileserver.access import Caller
from tileserver.addresses import base_address, key_query
from tileserver.credits import credit
from tileserver.documents import json_document
from tileserver.flood.times import PARAMETER, moment
from tileserver.pyramids import CompositePyramid, LayerPyramid, Pyramid
from tileserver.rasters.tiles import ENCODING, TIME, encoding_for, heights_address
from tileserver.routes import LAYER_IDS, Route, Service
from tileserver.snapshot import Snapshot
from tileserver.tilings import together


def show_tilejson(service: Service, caller: Caller, layers: str) -> Response:
    """Describe the tiles of one or several layers."""
    snapshot = service.keeper.current
    pyramid = snapshot.composite(tuple(_permitted(snapshot, caller, layer_id) for layer_id in layers.split(",")))
    base, query = base_address(service, request.environ), key_query(caller.presented)
    if isinstance(pyramid, LayerPyramid) and pyramid.is_raster:
        document = raster_tilejson(pyramid, base, query)
    else:
        document = tilejson(pyramid, f"{base}/tiles/{layers}/{{z}}/{{x}}/{{y}}.mvt{query}")
        inside = (layer for part in _parts(pyramid) for layer in part.tileset.vector_layers)
        document["vector_layers"] = [dict(layer) for layer in inside]
    return json_document(document, shared=pyramid.shared and not query)


def _permitted(snapshot: Snapshot, caller: Caller, layer_id: str) -> LayerPyramid:
    """Return a layer's pyramid: one by one, so that of many the first that the caller may not know of is named."""
    found = snapshot.pyramid(layer_id)
    caller.permit(found.layer)
    return found


def raster_tilejson(pyramid: LayerPyramid, base: str, query: str) -> dict[str, Any]:
    """Return the document of a raster layer: TileJSON has no word for a picture's kind, clients agree on these.

    Raises:
        BadRequest: heights are asked of a layer that has none, or a time that it does not have.
    """
    asked, layer_id = request.args.get("encoding"), pyramid.layer.id
    more: dict[str, Any]
    if asked is None:
        extension, more = pyramid.picture_type, {}
        address = f"{base}/tiles/{layer_id}/{{z}}/{{x}}/{{y}}.{extension}{query}"
    else:
        encoding = encoding_for(pyramid, asked)
        extension, more = "png", {"encoding": encoding}
        address = heights_address(base, layer_id, query, encoding)
    time = request.args.get(PARAMETER)
    found = moment(pyramid.layer, time)
    if found and time is not None:
        address += f"{'&' if '?' in address else '?'}{PARAMETER}={quote(time)}"
    told = found[0].told() if found else {}
    return tilejson(pyramid, address) | {"format": extension, "tileSize": BLOCK} | more | told


def _parts(pyramid: Pyramid) -> tuple[LayerPyramid, ...]:
    return pyramid.parts if isinstance(pyramid, CompositePyramid) else (pyramid,)


def tilejson(pyramid: Pyramid, template: str) -> dict[str, Any]:
    """Return what any TileJSON 3.0.0 document says of a pyramid whose tiles lie under `template`."""
    parts = _parts(pyramid)
    west, south, east, north = bounds = together([part.tileset.bounds for part in parts])
    return {
        "tilejson": "3.0.0",
        "name": ", ".join(part.layer.title_ko for part in parts),
        "description": ", ".join(part.layer.title_en for part in parts),
        "version": f"1.{sum(part.layer.live.number for part in parts)}.0",
        "attribution": credit(part.layer.attribution for part in parts),
        "scheme": "xyz",
        "tiles": [template],
        "minzoom": pyramid.minzoom,
        "maxzoom": pyramid.maxzoom,
        "bounds": list(bounds),
        "center": [(west + east) / 2, (south + north) / 2, pyramid.minzoom],
    }


ROUTES = (
    Route(
        "/tiles/<layers>.json",
        "layer",
        show_tilejson,
        "What the tiles are (TileJSON 3.0.0)",
        {200: ("TileJSON", "application/json"), 304: ("You have this version", "")},
        {"layers": LAYER_IDS},
        tag="tiles",
        query=TIME | ENCODING,
    ),
)
