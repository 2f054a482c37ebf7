"""Tile set metadata (OGC 17-083r4 §7.3, 20-057 §8, §9): which tiles there are of a layer, or of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from naru.features.systems import CRS84, uri
from naru.grids import WEB_MERCATOR, Grid
from naru.records import BBox
from tileserver.credits import credit
from tileserver.ogc.common import TILING_SCHEME, Link, Site
from tileserver.pyramids import MEDIA_TYPES
from tileserver.tilings import VECTOR, Limits, Tiling, together

Kind = Literal["vector", "map"]
_REGISTERED = "http://www.opengis.net/def/tilematrixset/OGC/1.0"
_IN_REGISTRY = (WEB_MERCATOR, "WorldCRS84Quad")
_DIMENSIONS = {"point": 0, "line": 1, "polygon": 2}
_TYPES = {"String": "string", "Number": "number", "Boolean": "boolean"}  # TileJSON's words in JSON Schema's
_JSON = "application/json"


class TileSet(NamedTuple):
    """The tiles of some layers in one grid, as vector tiles or as pictures."""

    path: str  # of its list: …/tiles
    kind: Kind
    tilings: Sequence[Tiling]  # at least one, all in one grid
    query: str = ""  # which layers, where the path does not say

    @property
    def grid(self) -> Grid:
        """The grid that they lie in."""
        return self.tilings[0].grid

    @property
    def types(self) -> tuple[str, ...]:
        """In which types each tile can be had."""
        if self.kind == "vector":
            return (VECTOR,)
        return tuple(kind for kind in self.tilings[0].pictures if all(kind in t.pictures for t in self.tilings))

    @property
    def title(self) -> str:
        """What people call it."""
        names = ", ".join(tiling.layer.title_ko or tiling.layer.id for tiling in self.tilings)
        return f"{names} ({self.grid.id})"


def tileset_list(path: str, found: Sequence[TileSet], site: Site) -> dict[str, Any]:
    """Return a list of tilesets (20-057 /req/tilesets-list/tileset-links)."""
    own = site.link("self", path, _JSON, "This document")
    return {"links": [own], "tilesets": [_summary(one) | {"links": _own_links(one, site)} for one in found]}


def tileset(one: TileSet, site: Site) -> dict[str, Any]:
    """Return the whole description of a tileset (20-057 /req/tileset/description)."""
    bounds, limits = together([tiling.bounds for tiling in one.tilings]), _limits(one)
    west, south, east, north = bounds
    told = _summary(one) | {
        "links": [*_own_links(one, site), *(_item(one, kind, site) for kind in one.types)],
        "tileMatrixSetLimits": [_limit(z, limit) for z, limit in sorted(limits.items())],
        "boundingBox": _box(bounds),
        "centerPoint": {
            "coordinates": [(west + east) / 2, (south + north) / 2],
            "crs": uri(CRS84),
            "tileMatrix": str(min(limits)),
        },
        "layers": [entry for tiling in one.tilings for entry in _layers(tiling, one.kind, site)],
    }
    attribution = credit(tiling.layer.attribution for tiling in one.tilings)
    return told | ({"attribution": attribution} if attribution else {})


def _summary(one: TileSet) -> dict[str, Any]:
    grid = one.grid
    told = {"title": one.title, "dataType": one.kind, "crs": uri(grid.crs), "tileMatrixSetId": grid.id}
    return told | ({"tileMatrixSetURI": f"{_REGISTERED}/{grid.id}"} if grid.id in _IN_REGISTRY else {})


def _own_links(one: TileSet, site: Site) -> list[Link]:
    return [
        site.link("self", f"{one.path}/{one.grid.id}{one.query}", _JSON, "This tileset"),
        site.link(TILING_SCHEME, f"/ogc/tileMatrixSets/{one.grid.id}", _JSON, one.grid.title),
    ]


def _item(one: TileSet, kind: str, site: Site) -> Link:
    place = f"{one.path}/{one.grid.id}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"
    which = f"{one.query}&" if one.query else "?"
    return site.link("item", f"{place}{which}f={kind}", MEDIA_TYPES[kind], f"Tiles as {kind}", templated=True)


def _limit(z: int, limit: Limits) -> dict[str, Any]:
    names = ("minTileCol", "maxTileCol", "minTileRow", "maxTileRow")
    return {"tileMatrix": str(z)} | dict(zip(names, limit, strict=True))


def _limits(one: TileSet) -> dict[int, Limits]:
    """Return the limits of several layers together."""
    found: dict[int, Limits] = {}
    for tiling in one.tilings:
        for z, (left, right, top, bottom) in tiling.limits(pictures=one.kind == "map").items():
            other = found.get(z, (left, right, top, bottom))
            found[z] = min(left, other[0]), max(right, other[1]), min(top, other[2]), max(bottom, other[3])
    return found


def _layers(tiling: Tiling, kind: Kind, site: Site) -> list[dict[str, Any]]:
    """Return what is in each tile: a layer; of a vector layer those inside, such as the points of its labels."""
    layer, zooms = tiling.layer, tiling.zooms(pictures=kind == "map")
    about = site.link("describedby", f"/ogc/collections/{layer.id}", _JSON, layer.title_ko or layer.id)
    told: dict[str, Any] = {
        "id": layer.id,
        "title": layer.title_ko or layer.id,
        "dataType": kind,
        "minTileMatrix": str(zooms[0]),
        "maxTileMatrix": str(zooms[-1]),
        "boundingBox": _box(tiling.bounds),
        "links": [about],
    }
    if kind == "map":
        return [told]
    return [told | _inner(inner, layer.id, layer.geometry) for inner in tiling.pyramid.tileset.vector_layers]


def _inner(inner: Any, layer_id: str, geometry: str) -> dict[str, Any]:
    fields = {name: {"type": _TYPES.get(kind, "string")} for name, kind in inner["fields"].items()}
    schema = {"type": "object", "properties": fields}
    dimension = 0 if inner["id"] != layer_id else _DIMENSIONS.get(geometry)
    told = {"id": inner["id"], "propertiesSchema": schema}
    return told if dimension is None else told | {"geometryDimension": dimension}


def _box(bounds: BBox) -> dict[str, Any]:
    return {"lowerLeft": list(bounds[:2]), "upperRight": list(bounds[2:]), "crs": uri(CRS84)}
