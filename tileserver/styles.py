"""`/styles/{id}.json`: MapLibre styles, of one layer and of the whole map."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, request

from naru.cog import BLOCK
from naru.errors import UnknownLayer
from naru.raster_facts import ENCODINGS
from naru.raster_style import PICTURE_TYPES, TERRAIN_TYPES, raster_style
from naru.records import Layer, Tileset
from naru.style import Style, empty_map
from tileserver.access import Caller
from tileserver.addresses import base_address, key_query
from tileserver.credits import credit
from tileserver.documents import json_document
from tileserver.fonts import GLYPHS
from tileserver.legends import known_facts
from tileserver.rasters.tiles import heights_address
from tileserver.routes import LAYER_ID, Route, Service


def show_style(service: Service, caller: Caller, layer: str) -> Response:
    """The style of one layer, ready for a map of its own."""
    snapshot = service.keeper.current
    found = snapshot.layers.get(layer)
    if found is None:
        raise UnknownLayer(layer)
    caller.permit(found)
    query = key_query(caller.presented)
    pyramid = snapshot.pyramid(layer)
    return json_document(style([found], service, query), shared=pyramid.shared and not query)


def show_whole_map(service: Service, caller: Caller) -> Response:
    """The style of every layer the caller may see: basemaps below, content above, twin results on top."""
    snapshot = service.keeper.current
    seen = [p.layer for p in snapshot.pyramids.values() if caller.sees(p.layer)]
    seen.sort(key=lambda layer: _ORDER.index(layer.function))
    return json_document(style(seen, service, key_query(caller.presented)), shared=False)


HEIGHTS_SUFFIX = "--heights"  # of the source's name, behind the layer's id
_ORDER = ("basemap", "content", "twin")


def style(layers: Sequence[Layer], service: Service, query: str) -> dict[str, Any]:
    """Return a MapLibre style (version 8): a source a layer; rasters beneath all areas, labels above all else."""
    document: dict[str, Any] = json.loads(empty_map())
    base = base_address(service, request.environ)
    document["glyphs"] = f"{base}{GLYPHS}"  # MapLibre GL 3 and 4, and Native, refuse names without
    if len(layers) == 1:
        document["name"] = layers[0].title_ko
    for layer in layers:
        document["sources"] |= _sources(layer, base, query)
    parts = [part for layer in layers for part in _parts(layer)]
    document["layers"] += sorted(parts, key=_height)
    return document


def _sources(layer: Layer, base: str, query: str) -> dict[str, Any]:
    """Return a layer's sources: its tiles, and of elevation the heights, for styles and pages that use them."""
    address = f"{base}/tiles/{layer.id}.json{query}"
    if layer.kind == "vector":
        return {layer.id: {"type": "vector", "url": address}}
    sources: dict[str, Any] = {layer.id: {"type": "raster", "url": address, "tileSize": BLOCK}}
    tileset = layer.live.tilesets[0]
    if known_facts(tileset).role == "elevation" and tileset.archive.suffix == ".tif":
        sources[layer.id + HEIGHTS_SUFFIX] = _heights(layer, tileset, heights_address(base, layer.id, query))
    return sources


def _heights(layer: Layer, tileset: Tileset, address: str) -> dict[str, Any]:
    """Return the source in full: as a TileJSON's address it would be asked for even where nothing uses it."""
    zooms = {"minzoom": tileset.minzoom, "maxzoom": tileset.maxzoom, "bounds": list(tileset.bounds)}
    about = {"tileSize": BLOCK, "encoding": ENCODINGS[0], "attribution": credit([layer.attribution])}
    return {"type": "raster-dem", "tiles": [address], **zooms, **about}


def _parts(layer: Layer) -> list[dict[str, Any]]:
    inside = {"source-layer": layer.id} if layer.kind == "vector" else {}
    return [{**inside, **part, "source": _source_of(part, layer)} for part in _looks(layer)]


def _source_of(part: Mapping[str, Any], layer: Layer) -> str:
    return layer.id + HEIGHTS_SUFFIX if part["type"] in TERRAIN_TYPES else layer.id


def _looks(layer: Layer) -> Style:
    """Return the layer's own style; a raster without one is drawn as its kind usually is."""
    if layer.style or layer.kind == "vector":
        return layer.style
    return raster_style(layer.id, known_facts(layer.live.tilesets[0]))


def _height(part: Mapping[str, Any]) -> int:
    """Return where a style layer lies: an aerial photo must not hide the districts, nor these their names."""
    if part["type"] in PICTURE_TYPES:
        return 0
    return 2 if part["type"] == "symbol" else 1


_STYLE = {200: ("MapLibre style, version 8", "application/json"), 304: ("You have this version", "")}
ROUTES = (
    Route("/styles/naru.json", "visible", show_whole_map, "The style of the whole map", _STYLE, tag="styles"),
    Route(
        "/styles/<layer>.json",
        "layer",
        show_style,
        "The style of one layer",
        _STYLE,
        {"layer": LAYER_ID},
        tag="styles",
    ),
)
