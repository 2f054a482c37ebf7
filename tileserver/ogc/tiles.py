"""OGC API - Tiles, Part 1 (20-057): tile matrix sets, and the tilesets of each layer and of the whole dataset.

The tiles themselves are answered under their addresses below `/tiles/`: see tileserver/dialects.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from flask import Response, request

from naru.errors import BadRequest, RouteUnknown, TileOutOfRange
from naru.features.systems import uri
from naru.grids import GRIDS
from tileserver.access import Caller
from tileserver.documents import json_document
from tileserver.ogc.addresses import PICTURES, of_dataset
from tileserver.ogc.common import known, site_of
from tileserver.ogc.tilesets import Kind, TileSet, tileset, tileset_list
from tileserver.problems import PROBLEM_MEDIA_TYPE
from tileserver.pyramids import MEDIA_TYPES, MOST_LAYERS, TILE_MEDIA_TYPE
from tileserver.routes import LAYER_ID, NUMBER, Route, Scope, Service, View
from tileserver.spelling import grid_in
from tileserver.tilings import VECTOR, Tiling, tiling_in, tilings

_SETS = "/ogc/tileMatrixSets"
_OF_LAYER = {"vector": "/ogc/collections/{}/tiles", "map": "/ogc/collections/{}/map/tiles"}
_OF_ALL = {"vector": "/ogc/tiles", "map": "/ogc/map/tiles"}


# --- grids ----------------------------------------------------------------------------------------


def show_tile_matrix_sets(service: Service, caller: Caller) -> Response:
    """The grids that tiles lie in."""
    site = site_of(service, caller)
    sets = [
        {
            "id": grid.id,
            "title": grid.title,
            "crs": uri(grid.crs),
            "links": [site.link("self", f"{_SETS}/{grid.id}", "application/json", grid.title)],
        }
        for grid in GRIDS.values()
    ]
    return json_document({"tileMatrixSets": sets}, shared=not site.query)


def show_tile_matrix_set(service: Service, caller: Caller, grid: str) -> Response:
    """One grid, as the standard's tileMatrixSet.json has it."""
    from naru.tms import document

    return json_document(document(grid_in(grid)), shared=True)


# --- tilesets of a layer --------------------------------------------------------------------------


def show_vector_tilesets(service: Service, caller: Caller, layer: str) -> Response:
    """The grids in which a layer has vector tiles."""
    return _list_of_layer(service, caller, layer, "vector")


def show_map_tilesets(service: Service, caller: Caller, layer: str) -> Response:
    """The grids in which a layer can be had as pictures."""
    return _list_of_layer(service, caller, layer, "map")


def show_vector_tileset(service: Service, caller: Caller, layer: str, grid: str) -> Response:
    """A layer's vector tiles in one grid."""
    return _of_layer(service, caller, (layer, grid), "vector")


def show_map_tileset(service: Service, caller: Caller, layer: str, grid: str) -> Response:
    """A layer's pictures in one grid."""
    return _of_layer(service, caller, (layer, grid), "map")


def _list_of_layer(service: Service, caller: Caller, layer_id: str, kind: Kind) -> Response:
    layer, site, path = known(service, caller, layer_id), site_of(service, caller), _OF_LAYER[kind].format(layer_id)
    found = [t for t in tilings(service.keeper.current, layer) if _offers(t, kind)]
    shared = all(tiling.pyramid.shared for tiling in found) and bool(found) and not site.query
    return json_document(tileset_list(path, [TileSet(path, kind, [t]) for t in found], site), shared=shared)


def _of_layer(service: Service, caller: Caller, place: tuple[str, str], kind: Kind) -> Response:
    layer, site = known(service, caller, place[0]), site_of(service, caller)
    tiling = tiling_in(service.keeper.current, layer, grid_in(place[1]))
    if tiling is None or not _offers(tiling, kind):
        raise TileOutOfRange(
            f"the layer has no such tiles in {place[1][:80]}",
            layer=layer.id,
            remedy=f"{_OF_LAYER[kind].format(layer.id)} lists those that there are.",
        )
    told = tileset(TileSet(_OF_LAYER[kind].format(layer.id), kind, [tiling]), site)
    return json_document(told, shared=tiling.pyramid.shared and not site.query)


def _offers(tiling: Tiling, kind: Kind) -> bool:
    return VECTOR in tiling.types if kind == "vector" else bool(tiling.pictures)


# --- tilesets of the dataset ----------------------------------------------------------------------


def show_dataset_vector_tilesets(service: Service, caller: Caller) -> Response:
    """The grids in which the layers that the caller sees can be had together, as vector tiles."""
    return _list_of_dataset(service, caller, "vector")


def show_dataset_map_tilesets(service: Service, caller: Caller) -> Response:
    """The grids in which the layers that the caller sees can be had together, as pictures."""
    return _list_of_dataset(service, caller, "map")


def show_dataset_vector_tileset(service: Service, caller: Caller, grid: str) -> Response:
    """The vector tiles of several layers in one grid."""
    return _of_dataset(service, caller, grid, "vector")


def show_dataset_map_tileset(service: Service, caller: Caller, grid: str) -> Response:
    """The pictures of several layers in one grid."""
    return _of_dataset(service, caller, grid, "map")


def _list_of_dataset(service: Service, caller: Caller, kind: Kind) -> Response:
    found = [one for grid in GRIDS if (one := _together(service, caller, grid, kind))]
    return json_document(tileset_list(_OF_ALL[kind], found, site_of(service, caller)), shared=False)


def _of_dataset(service: Service, caller: Caller, grid: str, kind: Kind) -> Response:
    found = _together(service, caller, grid_in(grid), kind)
    if found is None:
        raise TileOutOfRange(
            f"no layer that you see has such tiles in {grid[:80]}",
            remedy=f"{_OF_ALL[kind]} lists those that there are.",
        )
    return json_document(tileset(found, site_of(service, caller)), shared=False)


def _together(service: Service, caller: Caller, grid: str, kind: Kind) -> TileSet | None:
    """Return the tiles of the layers that are asked for, or of the first ones that the caller sees."""
    snapshot, asked = service.keeper.current, request.args.get("collections")
    seen = of_dataset(snapshot, caller, grid, pictures=kind == "map")
    names = asked.split(",") if asked else []
    if len(names) > MOST_LAYERS:
        raise BadRequest(
            f"one tile can hold at most {MOST_LAYERS} layers", field="collections", remedy="Name fewer."
        )
    layers = [known(service, caller, name) for name in names] or seen
    found = [tiling for layer in layers if (tiling := tiling_in(snapshot, layer, grid)) and _offers(tiling, kind)]
    if not found:
        return None
    return TileSet(_OF_ALL[kind], kind, found, f"?collections={','.join(t.layer.id for t in found)}")


# --- tiles ----------------------------------------------------------------------------------------


def show_vector_tile(service: Service, caller: Caller, **_named: str) -> Response:
    """Nothing: every tile that can be asked for so has been respelt before it comes here."""
    raise RouteUnknown("no tile has this address", remedy="The tileset's document has the template.")


def show_map_tile(service: Service, caller: Caller, **named: str) -> Response:
    """Nothing, as `show_vector_tile`."""
    return show_vector_tile(service, caller, **named)


def show_dataset_vector_tile(service: Service, caller: Caller, **named: str) -> Response:
    """Nothing, as `show_vector_tile`."""
    return show_vector_tile(service, caller, **named)


def show_dataset_map_tile(service: Service, caller: Caller, **named: str) -> Response:
    """Nothing, as `show_vector_tile`."""
    return show_vector_tile(service, caller, **named)


# --- routes ---------------------------------------------------------------------------------------

_JSON: Mapping[int, tuple[str, str]] = {200: ("JSON", "application/json"), 304: ("You have this version", "")}
_TILES: Mapping[Kind, Mapping[int, tuple[str, str]]] = {
    "vector": {
        200: ("The tile, as under /tiles/", TILE_MEDIA_TYPE),
        204: ("Nothing is here", ""),
        304: ("You have this version", ""),
    },
    "map": {
        200: ("The tile, as under /tiles/", ", ".join(MEDIA_TYPES[name] for name in PICTURES)),
        204: ("Nothing is here", ""),
        304: ("You have this version", ""),
    },
}
_GRID = {"description": "Tile matrix set", "schema": {"type": "string", "enum": list(GRIDS)}}
_PLACE: Mapping[str, Mapping[str, Any]] = {
    "z": {"description": "Tile matrix", **NUMBER},
    "row": {"description": "From the north", **NUMBER},
    "column": NUMBER,
}
_FORMS: Mapping[Kind, Mapping[str, Any]] = {
    "vector": {"schema": {"type": "string", "enum": [VECTOR]}},
    "map": {"description": "If not given, by Accept", "schema": {"type": "string", "enum": list(PICTURES)}},
}
_COLLECTIONS = {
    "description": f"Layers, joined by commas, at most {MOST_LAYERS}; if not given, the first that you see",
    "schema": {"type": "array", "items": {"type": "string"}, "maxItems": MOST_LAYERS},
    "explode": False,
    "style": "form",
}
_MOMENT = {"datetime": {"description": "Of floods: a moment (RFC 3339)", "schema": {"type": "string"}}}
_LISTED = {"collections": _COLLECTIONS}
_NOT_LISTED = {
    400: ("Too many layers, or one twice", PROBLEM_MEDIA_TYPE),
    404: ("There is no such layer, or none that you see", PROBLEM_MEDIA_TYPE),
}


class _Resource(NamedTuple):
    """What has tiles, and what its routes have in common."""

    name: str  # in operationIds: OGC 20-057 §12, table 12
    path: str
    kind: Kind
    scope: Scope
    whose: str
    parameters: Mapping[str, Mapping[str, Any]]
    query: Mapping[str, Mapping[str, Any]]
    refusals: Mapping[int, tuple[str, str]] = MappingProxyType({})

    def routes(self, views: Sequence[View]) -> tuple[Route, Route, Route]:
        """Return the routes of the list of its tilesets, of each tileset, and of the tiles."""
        what = f"OGC API: {self.whose} {'vector tiles' if self.kind == 'vector' else 'pictures'}"
        in_grid = {**self.parameters, "grid": _GRID}
        every, one, tile = views
        return (
            self._route("", self.scope, every, f"{what}, by grid"),
            replace(self._route("/<grid>", self.scope, one, f"{what} in one grid"), parameters=in_grid),
            replace(
                self._route("/<grid>/<z>/<row>/<column>", "layer", tile, f"{what}: a tile; row before column"),
                answers=_TILES[self.kind],
                parameters={**in_grid, **_PLACE},
                query={**self.query, "f": _FORMS[self.kind], **(_MOMENT if self.kind == "map" else {})},
            ),
        )

    def _route(self, rest: str, scope: Scope, view: View, summary: str) -> Route:
        operation = f"ogc.{self.name}.{self.kind}.{_OPERATIONS[rest]}"
        answers = {**_JSON, **self.refusals}
        route = Route(f"{self.path}{rest}", scope, view, summary, answers, self.parameters, "ogc", self.query)
        return replace(route, operation=operation)


_OPERATIONS = {"": "getTileSetsList", "/<grid>": "getTileSet", "/<grid>/<z>/<row>/<column>": "getTile"}
_LAYER = {"layer": LAYER_ID}


def _of_one(kind: Kind) -> _Resource:
    path = _OF_LAYER[kind].format("<layer>")
    return _Resource("collection", path, kind, "layer", "a layer's", _LAYER, {})


def _of_many(kind: Kind) -> _Resource:
    return _Resource("dataset", _OF_ALL[kind], kind, "visible", "several layers'", {}, _LISTED, _NOT_LISTED)


_SET = {"grid": _GRID}
ROUTES = (
    Route(_SETS, "open", show_tile_matrix_sets, "OGC API: the grids that tiles lie in", _JSON, tag="ogc"),
    Route(f"{_SETS}/<grid>", "open", show_tile_matrix_set, "OGC API: one grid", _JSON, _SET, tag="ogc"),
    *_of_one("vector").routes((show_vector_tilesets, show_vector_tileset, show_vector_tile)),
    *_of_one("map").routes((show_map_tilesets, show_map_tileset, show_map_tile)),
    *_of_many("vector").routes(
        (show_dataset_vector_tilesets, show_dataset_vector_tileset, show_dataset_vector_tile)
    ),
    *_of_many("map").routes((show_dataset_map_tilesets, show_dataset_map_tileset, show_dataset_map_tile)),
)
