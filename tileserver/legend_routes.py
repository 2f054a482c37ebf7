"""`/legends/{layer}.json` and `.png`: what a layer's colours stand for, as data and as a picture."""

from __future__ import annotations

import json
import zlib

from flask import Response, request

from naru.errors import BadRequest, UnknownLayer
from naru.records import Layer
from tileserver.access import Caller
from tileserver.addresses import base_address, key_query
from tileserver.documents import json_document
from tileserver.legends import legend
from tileserver.problems import PROBLEM_MEDIA_TYPE
from tileserver.pyramids import not_modified, picture_headers
from tileserver.rendering.plan import Job
from tileserver.routes import LAYER_ID, Route, Service

_EDITION = 1  # of how legends are drawn
_SCALES = ("1", "2")


def show_legend(service: Service, caller: Caller, layer: str) -> Response:
    """A layer's legend as data."""
    found, shared = _permitted(service, caller, layer)
    query, told = key_query(caller.presented), legend(found)
    document = {
        "layer": found.id,
        "title": {"ko": found.title_ko, "en": found.title_en},
        "type": told["legend_type"],
        "entries": told["legend"],
        "image": f"{base_address(service, request.environ)}/legends/{found.id}.png{query}",
    }
    return json_document(document, shared=shared and not query)


def show_legend_picture(service: Service, caller: Caller, layer: str) -> Response:
    """A layer's legend as a picture."""
    found, shared = _permitted(service, caller, layer)
    scale, told = _scale(), legend(found)
    drawn = {"title": found.title_ko, "type": told["legend_type"], "entries": told["legend"]}
    version = f"{zlib.crc32(json.dumps(drawn, sort_keys=True).encode()):08x}-{scale}-{_EDITION}"
    headers = picture_headers(version, "png", shared=shared)
    unchanged = not_modified(headers, request.environ)
    if unchanged:
        return Response(status=unchanged[0], headers=unchanged[1])
    job = Job({"legend": drawn, "scale": scale}, ())
    body = service.gallery.picture(version, ("legend", scale), 0, lambda: job)
    return Response(body, headers=headers.stored)


def _permitted(service: Service, caller: Caller, layer: str) -> tuple[Layer, bool]:
    """Return a layer that the caller may read, and whether everybody may."""
    snapshot = service.keeper.current
    found = snapshot.layers.get(layer)
    if found is None:
        raise UnknownLayer(layer)
    caller.permit(found)
    pyramid = snapshot.pyramids.get(layer)
    return found, pyramid is not None and pyramid.shared


def _scale() -> int:
    asked = request.args.get("scale", "1")
    if asked not in _SCALES:
        raise BadRequest(f"scale '{asked}' is none", field="scale", remedy="Choose 1 or 2.")
    return int(asked)


_SAME = ("You have this version", "")
ROUTES = (
    Route(
        "/legends/<layer>.json",
        "layer",
        show_legend,
        "What a layer's colours stand for",
        {200: ("Entries: label, colour, and what is drawn in it", "application/json"), 304: _SAME},
        {"layer": LAYER_ID},
        tag="styles",
    ),
    Route(
        "/legends/<layer>.png",
        "layer",
        show_legend_picture,
        "The same as a picture",
        {200: ("A picture on white", "image/png"), 304: _SAME, 400: ("No such scale", PROBLEM_MEDIA_TYPE)},
        {"layer": LAYER_ID},
        tag="styles",
        query={
            "scale": {"description": "Pixels a point", "schema": {"type": "integer", "enum": [1, 2], "default": 1}}
        },
    ),
)
