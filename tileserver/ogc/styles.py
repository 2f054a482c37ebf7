"""OGC API - Styles (draft 20-009), reading: each layer's style and the whole map's, as MapLibre style sheets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response

from naru.records import Layer
from tileserver.access import Caller
from tileserver.documents import json_document
from tileserver.ogc.common import Link, Site, known, site_of, visible
from tileserver.routes import LAYER_ID, Route, Service
from tileserver.styles import show_style, show_whole_map

WHOLE_MAP = "naru"
MAPBOX = "application/vnd.mapbox.style+json"
_TITLE = "The whole map"
_PATH = "/ogc/styles"


def show_styles(service: Service, caller: Caller) -> Response:
    """The styles of what the caller may see."""
    site = site_of(service, caller)
    seen = [_entry(layer.id, layer.title_ko, site) for layer in visible(service, caller)]
    told = {
        "links": [site.link("self", _PATH, "application/json", "This document")],
        "default": WHOLE_MAP,
        "styles": [_entry(WHOLE_MAP, _TITLE, site), *seen],
    }
    return json_document(told, shared=False)


def show_style_sheet(service: Service, caller: Caller, style: str) -> Response:
    """One style, as under /styles/."""
    whole = style == WHOLE_MAP
    response = show_whole_map(service, caller) if whole else show_style(service, caller, style)
    if response.status_code == 200:
        response.content_type = MAPBOX
    return response


def show_style_metadata(service: Service, caller: Caller, style: str) -> Response:
    """What a style is, and what it is for."""
    site = site_of(service, caller)
    layer = None if style == WHOLE_MAP else known(service, caller, style)
    title = layer.title_ko if layer else _TITLE
    told: dict[str, Any] = {
        "id": style,
        "title": title,
        "scope": "style",
        "stylesheets": [
            {"title": "MapLibre", "version": "8", "native": True, "link": _sheet(style, site)},
        ],
        "layers": [_layer(each, site) for each in ([layer] if layer else visible(service, caller))],
        "links": [site.link("self", f"{_PATH}/{style}/metadata", "application/json", "This document")],
    }
    if layer:
        told |= {"updated": layer.updated.isoformat(timespec="seconds"), "license": layer.licence}
    return json_document(told, shared=False)


def _entry(style: str, title: str, site: Site) -> dict[str, Any]:
    about = site.link("describedby", f"{_PATH}/{style}/metadata", "application/json", "What it is")
    return {"id": style, "title": title or style, "links": [_sheet(style, site), about]}


def _sheet(style: str, site: Site) -> Link:
    return site.link("stylesheet", f"{_PATH}/{style}", MAPBOX, "MapLibre style sheet")


def _layer(layer: Layer, site: Site) -> dict[str, Any]:
    sample = site.link("start", f"/ogc/collections/{layer.id}", "application/json", layer.title_ko or layer.id)
    return {"id": layer.id, "type": layer.geometry or layer.kind, "sampleData": sample}


_JSON: Mapping[int, tuple[str, str]] = {200: ("JSON", "application/json"), 304: ("You have this version", "")}
_STYLE = {"style": {**LAYER_ID, "description": f"Layer id, or {WHOLE_MAP}: the whole map"}}
ROUTES = (
    Route(_PATH, "visible", show_styles, "OGC API: the styles", _JSON, tag="ogc"),
    Route(
        f"{_PATH}/<style>",
        "layer",
        show_style_sheet,
        "OGC API: one style",
        {200: ("A MapLibre style sheet", MAPBOX), 304: ("You have this version", "")},
        _STYLE,
        tag="ogc",
    ),
    Route(
        f"{_PATH}/<style>/metadata", "layer", show_style_metadata, "OGC API: what a style is", _JSON, _STYLE, "ogc"
    ),
)
