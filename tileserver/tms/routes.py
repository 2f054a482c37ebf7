"""`/tms/`: what there is; tiles are answered under their addresses below `/tiles/` (tileserver/dialects.py)."""

from __future__ import annotations

from flask import Response

from naru.errors import RouteUnknown, TileOutOfRange, UnknownLayer
from tileserver.access import Caller
from tileserver.markup import XML, document
from tileserver.ogc.common import site_of, visible
from tileserver.pyramids import MEDIA_TYPES
from tileserver.routes import NUMBER, Route, Service
from tileserver.tilings import tiling_in, tilings
from tileserver.tms import documents
from tileserver.tms.addresses import ROOT, VERSION, split


def show_tms(service: Service, caller: Caller) -> Response:
    """The versions of the service."""
    site = site_of(service, caller)
    return document(documents.services(site), shared=not site.query)


def show_tms_maps(service: Service, caller: Caller) -> Response:
    """The tile maps that the caller may see."""
    snapshot = service.keeper.current
    found = (tilings(snapshot, layer) for layer in visible(service, caller))
    return document(documents.service(found, site_of(service, caller)), shared=False)


def show_tms_map(service: Service, caller: Caller, tile_map: str) -> Response:
    """One tile map.

    Raises:
        UnknownLayer, ScopeDenied: there is no such layer, or it is not for the caller.
        TileOutOfRange: it has no tiles in this grid.
    """
    layer_id, grid = split(tile_map)
    snapshot, site = service.keeper.current, site_of(service, caller)
    layer = snapshot.layers.get(layer_id)
    if layer is None:
        raise UnknownLayer(layer_id)
    caller.permit(layer)
    tiling = tiling_in(snapshot, layer, grid)
    if tiling is None:
        raise TileOutOfRange(
            f"the layer has no tiles in {grid}", layer=layer_id, remedy=f"{ROOT}/{VERSION}/ lists all."
        )
    return document(documents.tile_map(tiling, site), shared=tiling.pyramid.shared and not site.query)


def show_tms_tile(service: Service, caller: Caller, **_named: str) -> Response:
    """Nothing: every tile that can be asked for so has been respelt before it comes here."""
    raise RouteUnknown("no tile has this address", remedy=f"{ROOT}/{VERSION}/ lists what there is.")


_XML = {200: ("XML", XML), 304: ("You have this version", "")}
_MAP = {"description": "Layer id, or {layer}@{grid}", "schema": {"type": "string", "maxLength": 90}}
ROUTES = (
    Route(f"{ROOT}/", "open", show_tms, "TMS 1.0.0: the service", _XML, tag="tms"),
    Route(f"{ROOT}/{VERSION}/", "visible", show_tms_maps, "TMS 1.0.0: the tile maps", _XML, tag="tms"),
    Route(
        f"{ROOT}/{VERSION}/<tile_map>",
        "layer",
        show_tms_map,
        "TMS 1.0.0: one tile map",
        _XML,
        {"tile_map": _MAP},
        tag="tms",
    ),
    Route(
        f"{ROOT}/{VERSION}/<tile_map>/<z>/<x>/<y>.<any({', '.join(MEDIA_TYPES)}):extension>",
        "layer",
        show_tms_tile,
        "TMS 1.0.0: a tile; rows are counted from the south",
        {
            200: ("The tile, as under /tiles/", ", ".join(MEDIA_TYPES.values())),
            204: ("Nothing is here", ""),
            304: ("You have this version", ""),
        },
        {
            "tile_map": _MAP,
            "z": NUMBER,
            "x": NUMBER,
            "y": {"description": "From the south", **NUMBER},
            "extension": {"schema": {"type": "string", "enum": list(MEDIA_TYPES)}},
        },
        tag="tms",
    ),
)
