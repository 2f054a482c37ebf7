"""`/openapi.json`: OpenAPI 3.0.3, made from the route table, so that it describes what is served.

It shows what the caller's key is for: callers without the function manage learn of no address for managing, and the
layers that it names are those that the caller may read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import Response

import naru
from naru.records import FUNCTIONS
from naru.settings import Settings
from tileserver.access import Caller
from tileserver.documents import json_document
from tileserver.keys.ring import ANONYMOUS
from tileserver.managing.guard import may_plan
from tileserver.markup import XML
from tileserver.problems import PROBLEM_MEDIA_TYPE
from tileserver.routes import LAYER_ID, Route, Scope, Service

_PARAMETER = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
_JSON = re.compile(r"[/+]json\b")  # RFC 6839 §3.1
_SECURITY: dict[Scope, list[dict[str, list[str]]]] = {
    "open": [],
    "visible": [{}, {"header": []}, {"bearer": []}, {"query": []}],
    "key": [{"header": []}, {"bearer": []}, {"query": []}],
    "layer": [{}, {"header": []}, {"bearer": []}, {"query": []}],
    "common": [{}, {"header": []}, {"bearer": []}, {"query": []}],
    "manage": [{"header": []}, {"bearer": []}, {"query": []}],
    "plan": [{"header": []}, {"bearer": []}, {"query": []}],
}
_REFUSALS: dict[Scope, tuple[int, ...]] = {
    "open": (),
    "visible": (401, 403),
    "key": (401, 403),
    "layer": (401, 403, 404, 429, 503),
    "common": (400, 401, 403, 404, 429, 503),
    "manage": (401, 403, 429, 503),
    "plan": (401, 403, 429, 503),
}
_REFUSED_IN_XML = ("tms", "wmts")  # tags of routes: these standards have words of their own for refusals
_REFUSED = {"layers": (400, 404)}  # by path parameter; others: 404
_MEANING = {
    400: "Too many layers, or one twice",
    401: "A key is needed, or the one sent is not known",
    403: "The key is not for this function, layer, site or network, or has expired",
    404: "No such thing, or none that the key may know of",
    429: "The key's quota is used up; see Retry-After",
    503: "Quotas cannot be checked or the layer not be read now; see Retry-After",
}


def openapi_path(rule: str) -> str:
    """Return Flask's `rule` as an OpenAPI path.

    >>> openapi_path("/tiles/<layers>/<z>/<x>/<y>.<any(mvt, pbf):extension>")
    '/tiles/{layers}/{z}/{x}/{y}.{extension}'
    """
    return _PARAMETER.sub(r"{\1}", rule)


def answer(
    routes: Iterable[Route], service: Service, caller: Caller, media_type: str = "application/json"
) -> Response:
    """Return the document for a caller. That of callers without a key may be kept by shared caches."""
    layers = [layer.id for layer in service.keeper.current.layers.values() if caller.sees(layer)]
    told = document([route for route in routes if _is_for(caller, route.scope)], service.settings, layers)
    response = json_document(told, shared=caller.presented.text is None, media_type=media_type)
    response.vary.update(("Authorization", "X-API-Key"))
    return response


def _is_for(caller: Caller, scope: Scope) -> bool:
    functions = caller.key.permissions.functions if caller.key else frozenset()
    if scope == "key":
        return caller.key is not None and caller.key.id != ANONYMOUS
    if scope == "layer":
        return not functions.isdisjoint(FUNCTIONS)
    if scope == "plan":
        return may_plan(caller)
    return scope in ("open", "visible") or scope in functions


def document(routes: Iterable[Route], settings: Settings, layers: Sequence[str] = ()) -> dict[str, Any]:
    """Return the OpenAPI document of `routes` for who may read `layers` (ids; none: any that there may be)."""
    schemas = {"Problem": _PROBLEM, "LayerId": {"type": "string", "enum": list(layers)} if layers else _ANY_LAYER}
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Naru",
            "version": naru.__version__,
            "description": "A city's layers as tiles, styles and data. Counted: answers 200, 204 and 304 of layer "
            "addresses, one each; errors count nothing. Keys: X-API-Key, Authorization: Bearer, or ?key=.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "servers": [{"url": settings.public_url or "/"}],
        "paths": _paths(routes),
        "components": {"securitySchemes": _SCHEMES, "schemas": schemas},
    }


def _paths(routes: Iterable[Route]) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(openapi_path(route.rule), {})[route.method.lower()] = _operation(route)
    return paths


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation or route.endpoint,
        "summary": route.summary,
        "tags": [route.tag],
        "security": _SECURITY[route.scope],
        "responses": {str(status): _answer(*told) for status, told in route.answers.items()},
    }
    names = _PARAMETER.findall(route.rule)
    refusals = {*_REFUSALS[route.scope], *(status for name in names for status in _REFUSED.get(name, (404,)))}
    for status in sorted(refusals):
        media_type = XML if route.tag in _REFUSED_IN_XML else PROBLEM_MEDIA_TYPE
        operation["responses"].setdefault(str(status), _answer(_MEANING[status], media_type))
    parameters = [{"name": name, "in": "path", "required": True, **_told(route, name)} for name in names]
    parameters += [{"name": name, "in": "query", **told} for name, told in route.query.items()]
    parameters += [{"name": name, "in": "header", "schema": _TEXT} for name in route.headers]
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        content = {media_type: {"schema": schema} for media_type, schema in route.body.items()}
        operation["requestBody"] = {"content": content}
    return operation


def _told(route: Route, name: str) -> Mapping[str, Any]:
    """Return what is said of a path parameter; layers that are read are those that the caller may read."""
    told = route.parameters[name]
    return _LAYER if told is LAYER_ID and route.scope != "manage" else told


def _answer(description: str, media_type: str) -> dict[str, Any]:
    if not media_type:
        return {"description": description}
    if media_type == PROBLEM_MEDIA_TYPE:
        return _refusal(description)
    return {
        "description": description,
        "content": {name: {"schema": _kind(name)} for name in media_type.split(", ")},
    }


def _kind(media_type: str) -> dict[str, Any]:
    return {"type": "object"} if _JSON.search(media_type) else {"type": "string", "format": "binary"}


def _refusal(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {PROBLEM_MEDIA_TYPE: {"schema": schema}}}


_SCHEMES = {
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "query": {"type": "apiKey", "in": "query", "name": "key"},
}
_ANY_LAYER = LAYER_ID["schema"]
_LAYER = {"description": LAYER_ID["description"], "schema": {"$ref": "#/components/schemas/LayerId"}}
_TEXT = {"type": "string"}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details; `code` is stable",
    "required": ["type", "title", "title_ko", "status", "code", "detail", "request_id"],
    "properties": {
        **dict.fromkeys(("type", "title", "title_ko", "code", "detail", "request_id", "layer"), _TEXT),
        "status": {"type": "integer"},
        "violated-policies": {"type": "array", "items": _TEXT},
    },
}
