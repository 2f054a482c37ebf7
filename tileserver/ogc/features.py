"""OGC API - Features, Part 1 (17-069r4) and Part 2 (18-058r1): a layer's features page by page.

Coordinates are written in the axis order of the system asked for: northing first in EPSG:5186 and 5179,
latitude first in EPSG:4326, longitude first in CRS84 (the default).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from flask import Response, request

from naru.errors import BadRequest, UnknownFeature
from naru.features.selection import Filter, Selection, parse_bbox, parse_period
from naru.features.systems import CRS84, is_north_first, normal_name, uri
from naru.records import BBox, Layer
from tileserver.access import QUERY_NAMES, Caller
from tileserver.documents import bytes_document, json_document
from tileserver.ogc.common import GEOJSON, OFFERED, Site, is_shared, permitted, site_of
from tileserver.routes import LAYER_ID, Route, Service

if TYPE_CHECKING:
    from naru.features.source import Batch, FeatureSource

PAGE, LONGEST_PAGE = 100, 10_000  # features in an answer: when not asked for, and at most
_CONTROLS = ("limit", "offset", "bbox", "bbox-crs", "crs", "datetime", "f")
_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
_LONGEST_NUMBER = 15


class Asked(NamedTuple):
    """A request for features, read and checked."""

    selection: Selection
    crs: str
    given: Mapping[str, str]  # the query as it came, without the key


def show_items(service: Service, caller: Caller, layer: str) -> Response:
    """Some features of a layer, and a link to the next ones."""
    from tileserver.sources import matched, source_of

    found = permitted(service, caller, layer)
    source = source_of(service, found)
    asked = read_request(source)
    total = matched(source, replace(asked.selection, limit=None, offset=0, crs=None))
    texts = [text for batch in source.select(asked.selection) for text in _written(batch, asked.crs)]
    site = site_of(service, caller)
    head = {
        "type": "FeatureCollection",
        "timeStamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "numberMatched": total,
        "numberReturned": len(texts),
        "links": _page_links(found, asked, site, total, len(texts)),
    }
    return _geojson(head, "features", f"[{','.join(texts)}]", _told(service, found, asked.crs, site))


def show_item(service: Service, caller: Caller, layer: str, feature: str) -> Response:
    """One feature."""
    from tileserver.sources import source_of

    found = permitted(service, caller, layer)
    source = source_of(service, found)
    crs = _crs(source, _query(("crs", "f")))
    number = _number(feature, source.rows, layer)
    [text] = [t for batch in source.select(Selection(ids=(number,), crs=crs)) for t in _written(batch, crs)]
    site, path = site_of(service, caller), f"/ogc/collections/{layer}"
    links = [
        site.link("self", f"{path}/items/{number}", GEOJSON, "This feature"),
        site.link("collection", path, "application/json", found.title_ko),
    ]
    members = text.removeprefix("{").removesuffix("}")
    return _geojson({"links": links}, "", members, _told(service, found, crs, site))


def show_queryables(service: Service, caller: Caller, layer: str) -> Response:
    """The fields that features can be asked by, with their types."""
    from tileserver.sources import source_of

    found = permitted(service, caller, layer)
    site = site_of(service, caller)
    properties = {field.name: _KINDS[field.kind] for field in source_of(service, found).fields}
    told = {
        "$schema": _SCHEMA,
        "$id": f"{site.base}/ogc/collections/{layer}/queryables",
        "type": "object",
        "title": found.title_ko,
        "properties": properties,
        "additionalProperties": False,
    }
    shared = is_shared(service, found) and not site.query
    return json_document(told, shared=shared, media_type="application/schema+json")


# --- what was asked -------------------------------------------------------------------------------


def read_request(source: FeatureSource) -> Asked:
    """Read the query of a request for features; other parameters than ours and the layer's fields are refused.

    Raises:
        BadRequest: an unknown, repeated or unreadable parameter (17-069r4 /req/core/query-param-unknown).
        BadSelection: a box, period, value or system that cannot be asked for.
    """
    fields = [field.name for field in source.fields if field.name not in (*_CONTROLS, *QUERY_NAMES)]
    given = _query((*_CONTROLS, *fields))
    crs = _crs(source, given)
    bbox_crs = _offered(source, given.get("bbox-crs", CRS84), "bbox-crs")
    selection = Selection(
        bbox=_bbox(given["bbox"], bbox_crs) if "bbox" in given else None,
        bbox_crs=bbox_crs,
        crs=crs,
        filters=tuple(Filter(name, "=", given[name]) for name in fields if name in given),
        period=parse_period(given["datetime"]) if "datetime" in given else None,
        limit=min(LONGEST_PAGE, _whole(given, "limit", PAGE, least=1)),
        offset=_whole(given, "offset", 0, least=0),
    )
    return Asked(selection, crs, given)


def _query(allowed: Sequence[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, values in request.args.lists():
        if name in QUERY_NAMES:
            continue
        if name not in allowed:
            raise BadRequest(f"there is no parameter '{name[:80]}'", remedy=f"There are: {', '.join(allowed)}.")
        if len(values) > 1:
            raise BadRequest(f"'{name}' is given {len(values)} times", remedy="Give it once.")
        given[name] = values[0]
    if given.get("f", "json") not in ("json", "geojson"):
        raise BadRequest("features are written as GeoJSON only", remedy="Leave f out, or say f=json.")
    return given


def _crs(source: FeatureSource, given: Mapping[str, str]) -> str:
    return _offered(source, given.get("crs", CRS84), "crs")


def _offered(source: FeatureSource, text: str, parameter: str) -> str:
    name = normal_name(text)
    if name not in (*OFFERED, source.crs_name):
        raise BadRequest(
            f"{parameter} cannot be {name} here",
            remedy="The collection's 'crs' lists the systems that it is offered in.",
        )
    return name


def _bbox(text: str, crs: str) -> BBox:
    """Return four or six numbers in the system's axis order as west, south, east, north; heights are ignored."""
    parts = text.split(",")
    if len(parts) == 6:
        parts = [*parts[:2], *parts[3:5]]
    if len(parts) == 4 and is_north_first(crs):
        parts = [parts[1], parts[0], parts[3], parts[2]]
    return parse_bbox(",".join(parts))


def _whole(given: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER and int(text) >= least):
        raise BadRequest(f"{name} cannot be '{text[:40]}'", remedy=f"Give a whole number, {least} or more.")
    return int(text)


def _number(text: str, rows: int, layer: str) -> int:
    canonical = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER and text[0] != "0"
    if not canonical or int(text) > rows:
        raise UnknownFeature(f"there is no feature '{text[:40]}'", layer=layer)
    return int(text)


# --- what is answered -----------------------------------------------------------------------------


def _written(batch: Batch, crs: str) -> list[str]:
    import shapely

    from naru.export.geojson import features

    if is_north_first(crs):
        swapped = shapely.transform(
            batch.geometries, lambda xy: xy[:, [1, 0, *range(2, xy.shape[1])]], include_z=None
        )
        batch = batch._replace(geometries=swapped)
    texts: list[str] = features(batch).to_pylist()
    return texts


class _Told(NamedTuple):
    shared: bool
    crs: str
    tag: str  # of the content: the version and what was asked; the time of day is left out


def _told(service: Service, layer: Layer, crs: str, site: Site) -> _Told:
    archive = layer.live.source.sha256 if layer.live.source else ""
    asked = f"{archive} {layer.live.number} {site.base} {request.path} {sorted(request.args.lists())}"
    return _Told(is_shared(service, layer) and not site.query, crs, hashlib.sha256(asked.encode()).hexdigest()[:20])


def _geojson(head: Mapping[str, Any], member: str, rest: str, told: _Told) -> Response:
    """Return an object of `head` and of what is written already: one more member, or members as they stand."""
    begin = json.dumps(head, ensure_ascii=False, separators=(",", ":")).removesuffix("}")
    body = f'{begin},"{member}":{rest}}}' if member else f"{begin},{rest}}}"
    response = bytes_document(body.encode(), shared=told.shared, media_type=GEOJSON, tag=told.tag)
    response.headers["Content-Crs"] = f"<{uri(told.crs)}>"
    return response


def _page_links(layer: Layer, asked: Asked, site: Site, total: int, returned: int) -> list[dict[str, Any]]:
    path = f"/ogc/collections/{layer.id}"
    first, size = asked.selection.offset, asked.selection.limit or PAGE

    def page(rel: str, offset: int, title: str) -> dict[str, Any]:
        query = urlencode({**asked.given, **({"offset": offset} if offset or "offset" in asked.given else {})})
        return site.link(rel, f"{path}/items{'?' if query else ''}{query}", GEOJSON, title)

    links = [page("self", first, "This page")]
    if returned and first + returned < total:
        links.append(page("next", first + returned, "The next page"))
    if first:
        links.append(page("prev", max(0, first - size), "The page before"))
    return [*links, site.link("collection", path, "application/json", layer.title_ko)]


_KINDS: Mapping[str, Mapping[str, str]] = {
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "string": {"type": "string"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time"},
}
_URI = {"schema": {"type": "string", "format": "uri"}, "style": "form", "explode": False}
_CRS = {**_URI, "description": "The system of the coordinates in the answer, in its own axis order"}
_FORMAT = {"schema": {"type": "string", "enum": ["json", "geojson"]}}
_ITEMS_QUERY: Mapping[str, Mapping[str, Any]] = {
    "limit": {
        "description": f"Features in an answer; more than {LONGEST_PAGE} are not given at once",
        "schema": {"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": PAGE},
        "style": "form",
        "explode": False,
    },
    "offset": {"description": "Features to pass over", "schema": {"type": "integer", "minimum": 0, "default": 0}},
    "bbox": {
        "description": "Four or six numbers in bbox-crs's axis order; west above east spans the 180th meridian",
        "schema": {
            "type": "array",
            "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
            "items": {"type": "number"},
        },
        "style": "form",
        "explode": False,
    },
    "bbox-crs": {**_URI, "description": "The system of bbox; CRS84 if not given"},
    "crs": _CRS,
    "datetime": {
        "description": "An RFC 3339 moment or interval, for the layer's first date or time",
        "schema": {"type": "string"},
        "style": "form",
        "explode": False,
    },
    "f": _FORMAT,
}
_GEOJSON: Mapping[int, tuple[str, str]] = {200: ("GeoJSON", GEOJSON), 304: ("You have this version", "")}
_FEATURE_ID = {
    "description": "The feature's number: its row in the source, from 1; the id in the tiles",
    "schema": {"type": "string", "pattern": "^[1-9][0-9]{0,14}$"},
}
ROUTES = (
    Route(
        "/ogc/collections/<layer>/items",
        "layer",
        show_items,
        "A layer's features; a field's name as a parameter asks for those of that value",
        {**_GEOJSON, 400: ("A parameter is unknown, repeated or unreadable", "application/problem+json")},
        {"layer": LAYER_ID},
        tag="ogc",
        query=_ITEMS_QUERY,
    ),
    Route(
        "/ogc/collections/<layer>/items/<feature>",
        "layer",
        show_item,
        "One feature",
        {**_GEOJSON, 400: ("A parameter is unknown or unreadable", "application/problem+json")},
        {"layer": LAYER_ID, "feature": _FEATURE_ID},
        tag="ogc",
        query={"crs": _CRS, "f": _FORMAT},
    ),
    Route(
        "/ogc/collections/<layer>/queryables",
        "layer",
        show_queryables,
        "The fields that features can be asked by (JSON Schema)",
        {200: ("JSON Schema", "application/schema+json"), 304: ("You have this version", "")},
        {"layer": LAYER_ID},
        tag="ogc",
    ),
)
