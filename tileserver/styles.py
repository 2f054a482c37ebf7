"""`/styles/{id}.json`: MapLibre styles, of one layer and of the whole map."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from flask import Response, request

from naru.errors import UnknownLayer
from naru.records import Layer
from naru.style import empty_map
from tileserver.access import Caller
from tileserver.addresses import base_address, key_query
from tileserver.documents import json_document
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


_ORDER = ("basemap", "content", "twin")


def style(layers: Sequence[Layer], service: Service, query: str) -> dict[str, Any]:
    """Return a MapLibre style (version 8): one vector source a layer, labels above all else."""
    document: dict[str, Any] = json.loads(empty_map())
    base = base_address(service, request.environ)
    if len(layers) == 1:
        document["name"] = layers[0].title_ko
    for layer in layers:
        document["sources"][layer.id] = {"type": "vector", "url": f"{base}/tiles/{layer.id}.json{query}"}
    parts = [part for layer in layers for part in _parts(layer)]
    document["layers"] += sorted(parts, key=lambda part: part["type"] == "symbol")
    return document


def _parts(layer: Layer) -> list[dict[str, Any]]:
    return [{"source-layer": layer.id, **part, "source": layer.id} for part in layer.style]


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
