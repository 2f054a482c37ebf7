"""OGC API - Common (19-072, 20-024): landing page, conformance, collections under `/ogc/`.

Every layer is a collection: those that came from features have items, all have tiles.

Links are absolute where we know our address (`NARU_PUBLIC_URL`, or a listener on loopback): older GIS clients do
not resolve relative ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from flask import Response

from naru.errors import UnknownLayer
from naru.features.systems import CRS84, uri
from naru.records import Layer
from tileserver.access import Caller
from tileserver.addresses import key_query
from tileserver.documents import json_document
from tileserver.flood.times import times_of
from tileserver.routes import LAYER_ID, Route, Service
from tileserver.snapshot import everybody_reads
from tileserver.tilings import VECTOR, tilings
from tileserver.twin.links import BED_TYPES, asset_links

GEOJSON = "application/geo+json"
_OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
_SPEC = "http://www.opengis.net/spec"
CONFORMANCE = (
    f"{_SPEC}/ogcapi-common-1/1.0/conf/core",
    f"{_SPEC}/ogcapi-common-1/1.0/conf/landing-page",
    f"{_SPEC}/ogcapi-common-1/1.0/conf/json",
    f"{_SPEC}/ogcapi-common-1/1.0/conf/oas30",
    f"{_SPEC}/ogcapi-common-2/1.0/conf/collections",
    f"{_SPEC}/ogcapi-features-1/1.0/conf/core",
    f"{_SPEC}/ogcapi-features-1/1.0/conf/oas30",
    f"{_SPEC}/ogcapi-features-1/1.0/conf/geojson",
    f"{_SPEC}/ogcapi-features-2/1.0/conf/crs",
    *(
        f"{_SPEC}/ogcapi-tiles-1/1.0/conf/{name}"
        for name in (
            "core",
            "tileset",
            "tilesets-list",
            "dataset-tilesets",
            "geodata-tilesets",
            "collections-selection",
            "oas30",
            "mvt",
            "png",
            "jpeg",
        )
    ),
    f"{_SPEC}/tms/2.0/conf/json-tilematrixset",
    f"{_SPEC}/tms/2.0/conf/json-tilesetmetadata",
    f"{_SPEC}/ogcapi-styles-1/1.0/conf/core",
    f"{_SPEC}/ogcapi-styles-1/1.0/conf/mapbox-style",
)
_REL = "http://www.opengis.net/def/rel/ogc/1.0"
TILING_SCHEME, TILING_SCHEMES = f"{_REL}/tiling-scheme", f"{_REL}/tiling-schemes"
TILESETS = {"vector": f"{_REL}/tilesets-vector", "map": f"{_REL}/tilesets-map"}
OFFERED = (CRS84, "EPSG:4326", "EPSG:3857", "EPSG:5179", "EPSG:5186", "EPSG:5174", "EPSG:5181")
_DOWNLOADS = {
    "gpkg": "application/geopackage+sqlite3",
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "shp": "application/zip",
    "kml": "application/vnd.google-earth.kml+xml",
}
Link = dict[str, Any]


class Site(NamedTuple):
    """Where links lead, and the caller's key if it came in the query."""

    base: str
    query: str  # "?key=…" or ""

    def link(self, rel: str, path: str, media_type: str, title: str, **more: Any) -> Link:
        """Return a link to one of our addresses (RFC 8288 as OGC APIs write it)."""
        joined = self.query.replace("?", "&", 1) if "?" in path else self.query
        return {"href": f"{self.base}{path}{joined}", "rel": rel, "type": media_type, "title": title, **more}


def site_of(service: Service, caller: Caller) -> Site:
    """Return where this caller's links lead."""
    return Site(service.settings.public_url or service.loopback, key_query(caller.presented))


def show_landing(service: Service, caller: Caller) -> Response:
    """Where everything is."""
    site = site_of(service, caller)
    links = [
        site.link("self", "/ogc/", "application/json", "This document"),
        site.link("service-desc", "/ogc/api", _OPENAPI, "The interface, for programs"),
        site.link("service-doc", "/docs", "text/html", "The interface, for people"),
        site.link("conformance", "/ogc/conformance", "application/json", "What it conforms to"),
        site.link("data", "/ogc/collections", "application/json", "The layers"),
        site.link(TILESETS["vector"], "/ogc/tiles", "application/json", "All layers as vector tiles"),
        site.link(TILESETS["map"], "/ogc/map/tiles", "application/json", "All layers as pictures"),
        site.link(TILING_SCHEMES, "/ogc/tileMatrixSets", "application/json", "The grids of the tiles"),
        site.link(f"{_REL}/styles", "/ogc/styles", "application/json", "How the layers are drawn"),
    ]
    told = {"title": "Naru", "description": "A city's layers, as features and tiles.", "links": links}
    return json_document(told, shared=not site.query)


def show_conformance(service: Service, caller: Caller) -> Response:
    """Which standards it keeps."""
    return json_document({"conformsTo": list(CONFORMANCE)}, shared=True)


def show_ogc_api(service: Service, caller: Caller) -> Response:
    """The interface's description under the media type that OGC APIs ask for."""
    from tileserver.app import ROUTES  # the table holds this route too
    from tileserver.openapi import answer

    return answer(ROUTES, service, caller, media_type=_OPENAPI)


def show_collections(service: Service, caller: Caller) -> Response:
    """The layers that the caller may see."""
    site, seen = site_of(service, caller), visible(service, caller)
    links = [site.link("self", "/ogc/collections", "application/json", "This document")]
    every = [collection(service, layer, site) for layer in seen]
    return json_document(
        {"links": links, "crs": [uri(name) for name in OFFERED], "collections": every}, shared=False
    )


def visible(service: Service, caller: Caller) -> list[Layer]:
    """Return the layers that the caller may see."""
    return [layer for layer in service.keeper.current.layers.values() if caller.sees(layer)]


def show_collection(service: Service, caller: Caller, layer: str) -> Response:
    """One layer: what and where it is, and how to get at its features and tiles."""
    site, found = site_of(service, caller), known(service, caller, layer)
    return json_document(collection(service, found, site), shared=is_shared(service, found) and not site.query)


def permitted(service: Service, caller: Caller, layer_id: str) -> Layer:
    """Return a layer with features that the caller may read.

    Raises:
        UnknownLayer: there is none, or it has no features.
        ScopeDenied: it is outside the caller's key.
    """
    from tileserver.sources import has_features

    found = known(service, caller, layer_id)
    if not has_features(found):
        raise UnknownLayer(layer_id)
    return found


def known(service: Service, caller: Caller, layer_id: str) -> Layer:
    """Return a layer that the caller may read.

    Raises:
        UnknownLayer: there is none.
        ScopeDenied: it is outside the caller's key.
    """
    found = service.keeper.current.layers.get(layer_id)
    if found is None:
        raise UnknownLayer(layer_id)
    caller.permit(found)
    return found


def is_shared(service: Service, layer: Layer) -> bool:
    """Tell whether everybody may read a layer, so that shared caches may keep what is said of it."""
    return everybody_reads(service.keeper.current.anonymous, layer)


def collection(service: Service, layer: Layer, site: Site) -> dict[str, Any]:
    """Return the description of a collection (OGC 20-024 §8.3; with features 17-069r4 §7.14, 18-058r1 §6.2)."""
    from tileserver.sources import has_features

    path = f"/ogc/collections/{layer.id}"
    told: dict[str, Any] = {
        "id": layer.id,
        "title": layer.title_ko,
        "description": layer.title_en,
        "extent": {"spatial": {"bbox": [layer.live.report["bounds"]], "crs": uri(CRS84)}},
        "links": [
            site.link("self", path, "application/json", "This document"),
            site.link("describedby", f"/styles/{layer.id}.json", "application/json", "How it is drawn"),
            *_tilesets(service, layer, site),
            *_beside(layer, site),
        ],
    }
    if layer.attribution:
        told["attribution"] = layer.attribution
    if (times := times_of(layer)) and times.start:
        edges = (times.seconds[0], times.seconds[-1])
        told["extent"]["temporal"] = {"interval": [[times.clock(seconds) for seconds in edges]]}
    if has_features(layer):
        _add_features(told, service, layer, site)
    if layer.licence.startswith(("http://", "https://")):
        told["links"].append({"href": layer.licence, "rel": "license", "title": "Licence"})
    return told


def _add_features(told: dict[str, Any], service: Service, layer: Layer, site: Site) -> None:
    from tileserver.sources import source_of

    source = source_of(service, layer)
    own = source.crs_name
    told["itemType"] = "feature"
    told["crs"] = [uri(name) for name in dict.fromkeys([*OFFERED, *([own] if own else [])])]
    if own:
        told["storageCrs"] = uri(own)
    if period := source.period:
        told["extent"]["temporal"] = {"interval": [[_moment(edge) for edge in period]]}
    path = f"/ogc/collections/{layer.id}"
    told["links"] += [
        site.link("items", f"{path}/items", GEOJSON, "The features"),
        site.link(_QUERYABLES, f"{path}/queryables", "application/schema+json", "The fields to ask by"),
        *(
            site.link("enclosure", f"/content/{layer.id}.{name}", media_type, f"As {name}")
            for name, media_type in _DOWNLOADS.items()
        ),
    ]


def _tilesets(service: Service, layer: Layer, site: Site) -> list[Link]:
    """Return the links to a layer's tilesets (20-057 /req/geodata-tilesets/desc-links)."""
    path, types = (
        f"/ogc/collections/{layer.id}",
        {kind for t in tilings(service.keeper.current, layer) for kind in t.types},
    )
    vector = site.link(TILESETS["vector"], f"{path}/tiles", "application/json", "As vector tiles")
    pictures = site.link(TILESETS["map"], f"{path}/map/tiles", "application/json", "As pictures")
    return [*([vector] if VECTOR in types else []), *([pictures] if types - {VECTOR} else [])]


def _beside(layer: Layer, site: Site) -> list[Link]:
    """Return the links to what belongs to a layer beside its tiles."""
    found = asset_links(layer, "")
    bed = found.pop("bed", {})
    return [
        *(
            site.link("related", found[name], "application/json", _ASSETS[name])
            for name in found
            if name in _ASSETS
        ),
        *(site.link("enclosure", path, BED_TYPES[kind], f"The river bed as {kind}") for kind, path in bed.items()),
    ]


def _moment(edge: datetime) -> str:
    return edge.isoformat(timespec="seconds").replace("+00:00", "Z")


_ASSETS = {"mesh": "Terrain mesh (quantized-mesh)", "models": "3D models (3D Tiles)", "river": "The river"}
_QUERYABLES = f"{_REL}/queryables"
_JSON: Mapping[int, tuple[str, str]] = {
    200: ("JSON", "application/json"),
    304: ("You have this version", ""),
}
ROUTES = (
    Route("/ogc/", "open", show_landing, "OGC API: where everything is", _JSON, tag="ogc"),
    Route("/ogc/conformance", "open", show_conformance, "OGC API: which standards it keeps", _JSON, tag="ogc"),
    Route(
        "/ogc/api",
        "visible",
        show_ogc_api,
        "OGC API: this interface's description",
        {200: ("OpenAPI 3.0", _OPENAPI), 304: ("You have this version", "")},
        tag="ogc",
    ),
    Route("/ogc/collections", "visible", show_collections, "The layers", _JSON, tag="ogc"),
    Route(
        "/ogc/collections/<layer>",
        "layer",
        show_collection,
        "One layer's description",
        _JSON,
        {"layer": LAYER_ID},
        tag="ogc",
    ),
)
