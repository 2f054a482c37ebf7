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
from tileserver.encodings import coding_for
from tileserver.lane import not_modified
from tileserver.ogc.common import is_shared, known
from tileserver.pictures import as_response
from tileserver.pyramids import recoded
from tileserver.routes import LAYER_ID, NUMBER, Route, Service
from tileserver.snapshot import Place
from tileserver.spelling import tile_in
from tileserver.tms.addresses import flipped
from tileserver.twin.mesh import GRID, MEDIA_TYPE, MeshPyramid, asset_of, bounds, fact, mesh_of, opened
from tileserver.twin.pieces import piece_response
from tileserver.usage.noting import name_layers

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
        "bounds": list(bounds(about)),
        "minzoom": fact(about, "minzoom"),
        "maxzoom": fact(about, "maxzoom"),
        "available": fact(about, "available"),
        "terrain": {name: value for name, value in about.items() if name not in _TOLD},
    }
    return json_document(document, shared=is_shared(service, found) and not query)


def show_mesh_tile(service: Service, caller: Caller, layer: str, z: str, x: str, y: str) -> Response:
    """A terrain tile; the next request for it is answered by the lane."""
    snapshot, environ = service.keeper.current, request.environ
    found, tile = known(service, caller, layer), _numbers(z, x, y)
    name_layers(layer, tile[0])
    mesh = mesh_of(service, snapshot, found)
    place = _place(mesh, tile)
    coding = coding_for(environ)
    answer = not_modified(mesh.headers, environ, coding)
    if answer is None:
        body = mesh.read(place.offset, place.length)
        if coding != "gzip":
            body = recoded(mesh, body, coding, (place.offset, place.length))
        answer = "200 OK", mesh.headers.by_coding[coding].headers, body
    if mesh.shared:  # of others, who may not know of them could tell the lane's refusals from ours
        snapshot.remember(environ["PATH_INFO"], place)
    return as_response(answer)


def _numbers(z: str, x: str, y: str) -> tuple[int, int, int]:
    """Return zoom, column, and row from the north, where `y` counts from the south; raises TileOutOfRange."""
    zoom, column, row = tile_in(GRID, z, y, x)
    return zoom, column, flipped(GRID, zoom, row)


def _place(mesh: MeshPyramid, tile: tuple[int, int, int]) -> Place:
    """Return where a tile lies. What is not there is refused, not empty: clients then split the tile above it.

    Raises:
        TileOutOfRange: nothing is there.
    """
    z, x, y = tile
    within = mesh.minzoom <= z <= mesh.maxzoom
    found = mesh.locate(z, x, y) if within else None
    if found is None or not found[1]:
        raise TileOutOfRange(
            f"the mesh has no tile here; its zooms are {mesh.minzoom} to {mesh.maxzoom}",
            layer=mesh.id,
            remedy="`available` in layer.json says which tiles there are; above them, split the last one.",
        )
    forms = mesh.headers.by_coding
    return Place(mesh, mesh.id, mesh.function, forms, mesh.read, z, False, *found, None)


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
        lasting=True,
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
