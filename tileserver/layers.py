"""`/api/layers`: which layers there are, for whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from naru.errors import UnknownLayer
from naru.records import Layer
from tileserver.access import Caller
from tileserver.addresses import base_address
from tileserver.documents import json_document
from tileserver.legends import legend
from tileserver.managing.guard import may_manage
from tileserver.routes import LAYER_ID, Route, Service
from tileserver.twin.links import asset_links


def list_layers(service: Service, caller: Caller) -> Response:
    """Every layer that the caller may see."""
    seen = [layer for layer in _known(service, caller).values() if caller.sees(layer)]
    return json_document({"layers": [describe(layer, service) for layer in seen]}, shared=False)


def show_layer(service: Service, caller: Caller, layer: str) -> Response:
    """One layer."""
    found = _known(service, caller).get(layer)
    manages = found is not None and may_manage(caller, found)
    if found is None or not (manages or caller.sees(found)):
        raise UnknownLayer(layer)
    told = describe(found, service)
    return json_document(told | (provenance(found, service) if manages else {}), shared=False)


def _known(service: Service, caller: Caller) -> Mapping[str, Layer]:
    """Return the layers; to who changes them as they are now, also where another worker made the change."""
    if caller.key is not None and "manage" in caller.key.permissions.functions:
        service.keeper.refresh()
    return service.keeper.current.layers


def describe(layer: Layer, service: Service) -> dict[str, Any]:
    """Return a layer as `/api/layers` shows it; bounds are west, south, east, north in WGS 84 degrees."""
    report, base = layer.live.report, base_address(service, request.environ)
    tiles = next(iter(layer.live.tilesets), None)  # Web Mercator's
    return {
        "id": layer.id,
        "title": {"ko": layer.title_ko, "en": layer.title_en},
        "kind": layer.kind,
        "function": layer.function,
        "visibility": layer.visibility,
        "geometry": layer.geometry,
        "bounds": report.get("bounds"),
        "minzoom": tiles.minzoom if tiles else None,
        "maxzoom": tiles.maxzoom if tiles else None,
        "features": report.get("features_published") if layer.kind == "vector" else None,
        "licence": layer.licence,
        "attribution": layer.attribution,
        "version": layer.live.number,
        "updated": layer.updated.isoformat(),
        "tilejson": f"{base}/tiles/{layer.id}.json",
        "style": f"{base}/styles/{layer.id}.json",
        "assets": asset_links(layer, base),
        **legend(layer),
    }


def provenance(layer: Layer, service: Service) -> dict[str, Any]:
    """Return every version of a layer with where it came from, newest first: for who may manage it."""
    found = service.house.catalogue.versions(layer.id)
    return {
        "versions": [
            {
                "version": version.number,
                "live": version.number == layer.live.number,
                "created": version.created.isoformat(),
                "report": version.report,
            }
            for version in reversed(found)
        ]
    }


_JSON = "application/json"
_SAME = ("You have this version", "")
ROUTES = (
    Route(
        "/api/layers",
        "visible",
        list_layers,
        "The layers you may see",
        {200: ("Layers", _JSON), 304: _SAME},
        tag="layers",
    ),
    Route(
        "/api/layers/<layer>",
        "visible",
        show_layer,
        "One layer",
        {200: ("The layer", _JSON), 304: _SAME},
        {"layer": LAYER_ID},
        tag="layers",
    ),
)
