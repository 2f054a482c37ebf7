"""`/wmts`: the capabilities; tiles are answered under their addresses below `/tiles/` (tileserver/dialects.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, request
from markupsafe import Markup

from naru.errors import RouteUnknown, VersionUnknown
from naru.grids import GRIDS
from tileserver.access import Caller
from tileserver.markup import XML, document
from tileserver.ogc.common import site_of, visible
from tileserver.pyramids import MEDIA_TYPES
from tileserver.routes import LAYER_ID, NUMBER, Route, Service
from tileserver.tilings import tilings
from tileserver.wmts.addresses import CAPABILITIES, KVP, REST, STYLE, VERSION, operation, parameters
from tileserver.wmts.capabilities import capabilities


def show_wmts(service: Service, caller: Caller) -> Response:
    """The key-value address: GetCapabilities (a GetTile has been respelt before it comes here).

    Raises:
        ParameterMissing, BadRequest, OperationUnknown: it is asked for nothing that there is.
        VersionUnknown: the caller accepts no version that is spoken here (06-121r3 §7.3.2).
    """
    given = parameters(request.query_string.decode(errors="replace"))
    operation(given)
    accepted = given.get("ACCEPTVERSIONS", VERSION).split(",")
    if VERSION not in accepted:
        raise VersionUnknown(
            f"of the versions {', '.join(accepted)[:80]} none is spoken here",
            field="AcceptVersions",
            remedy=f"Accept {VERSION}.",
        )
    return show_wmts_capabilities(service, caller)


def show_wmts_capabilities(service: Service, caller: Caller) -> Response:
    """What there is, as far as the caller may see it."""
    snapshot, site = service.keeper.current, site_of(service, caller)

    def make() -> Markup:
        seen = [found for layer in visible(service, caller) if (found := tilings(snapshot, layer))]
        return capabilities(seen, site)

    name = (VERSION, caller.key.id if caller.key else "", site)
    return document(snapshot.documents.get(name, make), shared=False)


def show_wmts_tile(service: Service, caller: Caller, **_named: str) -> Response:
    """Nothing: every tile that can be asked for so has been respelt before it comes here."""
    raise RouteUnknown("no tile has this address", remedy=f"{CAPABILITIES} has the template.")


_TEXT: Mapping[str, Any] = {"schema": {"type": "string"}}
_KVP: Mapping[str, Mapping[str, Any]] = {
    "SERVICE": {"required": True, "schema": {"type": "string", "enum": ["WMTS"]}},
    "REQUEST": {"required": True, "schema": {"type": "string", "enum": ["GetCapabilities", "GetTile"]}},
    "VERSION": {"description": "GetTile needs it", "schema": {"type": "string", "enum": [VERSION]}},
    "LAYER": {"description": "Of GetTile, as all below", **_TEXT},
    "STYLE": {"schema": {"type": "string", "enum": [STYLE, ""]}},
    "FORMAT": {"schema": {"type": "string", "enum": list(MEDIA_TYPES.values())}},
    "TILEMATRIXSET": {"schema": {"type": "string", "enum": list(GRIDS)}},
    "TILEMATRIX": NUMBER,
    "TILEROW": NUMBER,
    "TILECOL": NUMBER,
    "TIME": {"description": "Of floods: one of the dimension's values, or a time between", **_TEXT},
}
_TILES = ", ".join(MEDIA_TYPES.values())
_TILE = {
    200: ("The tile, as under /tiles/", _TILES),
    204: ("Nothing is here", ""),
    304: ("You have this version", ""),
    404: ("There is no such tile (ows:ExceptionReport)", XML),
}
ROUTES = (
    Route(
        KVP,
        "visible",
        show_wmts,
        "WMTS 1.0.0, key-value pairs: GetCapabilities, and GetTile, which counts as a tile",
        {
            200: ("The capabilities, or a tile", f"{XML}, {_TILES}"),
            304: ("You have this version", ""),
            400: ("It cannot be asked for so (ows:ExceptionReport)", XML),
        },
        tag="wmts",
        query=_KVP,
    ),
    Route(
        CAPABILITIES,
        "visible",
        show_wmts_capabilities,
        "WMTS 1.0.0: the capabilities",
        {200: ("ServiceMetadata, as far as you may see it", XML), 304: ("You have this version", "")},
        tag="wmts",
    ),
    Route(
        f"{REST}/<layer>/<style>/<grid>/<z>/<row>/<column>.<any({', '.join(MEDIA_TYPES)}):extension>",
        "layer",
        show_wmts_tile,
        "WMTS 1.0.0: a tile; row before column",
        _TILE,
        {
            "layer": LAYER_ID,
            "style": {"schema": {"type": "string", "enum": [STYLE]}},
            "grid": {"description": "TileMatrixSet", "schema": {"type": "string", "enum": list(GRIDS)}},
            "z": {"description": "TileMatrix", **NUMBER},
            "row": {"description": "From the north", **NUMBER},
            "column": NUMBER,
            "extension": {"schema": {"type": "string", "enum": list(MEDIA_TYPES)}},
        },
        tag="wmts",
    ),
)
