"""`/terrain/{layer}/…`: a layer's mesh as quantized-mesh 1.0 with its layer.json; what pages need of a river."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from naru.errors import TileOutOfRange
from tileserver.access import Caller
from tileserver.addresses import base_address, key_query
from tileserver.credits import credit
from tileserver.documents import json_document
from tileserver.ogc.common import is_shared, known
from tileserver.routes import LAYER_ID, NUMBER, Route, Service
from tileserver.twin.assets import asset_of, opened
from tileserver.twin.mesh import MEDIA_TYPE, fact
from tileserver.twin.pieces import piece_response

_TOLD = frozenset(
    ("format", "bounds", "minzoom", "maxzoom", "available", "extensions")
)  # in layer.json's own words


def show_mesh(service: Service, caller: Caller, layer: str) -> Response:
    """What the terrain tiles are, as Cesium and other clients of quantized-mesh read it."""
    found = known(service, caller, layer)
    about = asset_of(found, "mesh", "terrain mesh", "`naru twin mesh LAYER` makes one.").about
    query = key_query(caller.presented)
    document = {
        "tilejson": "2.1.0",
        "name": found.title_ko,
        "description": found.title_en,
        "version": f"1.{found.live.number}.0",
        "format": "quantized-mesh-1.0",
        "attribution": credit([found.attribution]),
        "scheme": "tms",
        "projection": "EPSG:4326",
        "extensions": list(about.get("extensions", ())),
        "tiles": [f"{base_address(service, request.environ)}/terrain/{layer}/{{z}}/{{x}}/{{y}}.terrain{query}"],
        "bounds": list(fact(about, "bounds")),
        "minzoom": fact(about, "minzoom"),
        "maxzoom": fact(about, "maxzoom"),
        "available": fact(about, "available"),
        "terrain": {name: value for name, value in about.items() if name not in _TOLD},
    }
    return json_document(document, shared=is_shared(service, found) and not query)


def show_mesh_tile(service: Service, caller: Caller, **_named: str) -> Response:
    """A terrain tile: the lane in front answers all of them, so that this is only for the route table."""
    raise TileOutOfRange("no tile has this number", remedy="`available` in layer.json says which tiles there are.")


def show_river(service: Service, caller: Caller, layer: str) -> Response:
    """Centre lines, banks, cross-sections and long profiles of a river terrain, for pages."""
    found = known(service, caller, layer)
    asset = asset_of(found, "river", "river", "River terrains have one: `naru twin terrain SPEC.yaml` makes them.")
    shared = is_shared(service, found) and not key_query(caller.presented)
    return piece_response(
        service.pieces,
        asset.archive.name,
        lambda: opened(service, asset, lambda path: path.read_bytes()),
        "application/json",
        shared=shared,
    )


_JSON = "application/json"
_SAME = ("You have this version", "")
_TILE: Mapping[str, Mapping[str, Any]] = {
    "layer": LAYER_ID,
    "z": NUMBER,
    "x": NUMBER,
    "y": {"description": "Row from the south", "schema": NUMBER["schema"]},
}
ROUTES = (
    Route(
        "/terrain/<layer>/layer.json",
        "layer",
        show_mesh,
        "What the terrain tiles are (layer.json of quantized-mesh 1.0)",
        {200: ("layer.json", _JSON), 304: _SAME},
        {"layer": LAYER_ID},
        tag="terrain",
    ),
    Route(
        "/terrain/<layer>/<z>/<x>/<y>.terrain",
        "layer",
        show_mesh_tile,
        "A terrain tile (quantized-mesh 1.0, WorldCRS84Quad, rows from the south)",
        {200: ("A mesh; gzip, or as the caller takes it", MEDIA_TYPE), 304: _SAME},
        _TILE,
        tag="terrain",
    ),
    Route(
        "/terrain/<layer>/river.json",
        "layer",
        show_river,
        "A river: centre lines, banks, cross-sections, long profiles",
        {200: ("The river", _JSON), 304: _SAME},
        {"layer": LAYER_ID},
        tag="terrain",
    ),
)
