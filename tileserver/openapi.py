"""`/openapi.json`: OpenAPI 3.0.3, made from the route table, so that it describes what is served."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import naru
from naru.settings import Settings
from tileserver.problems import PROBLEM_MEDIA_TYPE
from tileserver.routes import Route, Scope

_PARAMETER = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
_SECURITY: dict[Scope, list[dict[str, list[str]]]] = {
    "open": [],
    "visible": [{}, {"header": []}, {"bearer": []}, {"query": []}],
    "key": [{"header": []}, {"bearer": []}, {"query": []}],
    "layer": [{}, {"header": []}, {"bearer": []}, {"query": []}],
    "common": [{}, {"header": []}, {"bearer": []}, {"query": []}],
    "manage": [{"header": []}, {"bearer": []}, {"query": []}],
}
_REFUSALS: dict[Scope, tuple[int, ...]] = {
    "open": (),
    "visible": (401, 403),
    "key": (401, 403),
    "layer": (401, 403, 404, 429, 503),
    "common": (400, 401, 403, 404, 429, 503),
    "manage": (401, 403, 429, 503),
}
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


def document(routes: Iterable[Route], settings: Settings) -> dict[str, Any]:
    """Return the OpenAPI document of `routes`."""
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
        "components": {"securitySchemes": _SCHEMES, "schemas": {"Problem": _PROBLEM}},
    }


def _paths(routes: Iterable[Route]) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(openapi_path(route.rule), {})[route.method.lower()] = _operation(route)
    return paths


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.endpoint,
        "summary": route.summary,
        "tags": [route.tag],
        "security": _SECURITY[route.scope],
        "responses": {str(status): _answer(*told) for status, told in route.answers.items()},
    }
    names = _PARAMETER.findall(route.rule)
    refusals = {*_REFUSALS[route.scope], *(status for name in names for status in _REFUSED.get(name, (404,)))}
    for status in sorted(refusals):
        operation["responses"].setdefault(str(status), _refusal(_MEANING[status]))
    parameters = [{"name": name, "in": "path", "required": True, **route.parameters[name]} for name in names]
    parameters += [{"name": name, "in": "query", **told} for name, told in route.query.items()]
    parameters += [{"name": name, "in": "header", "schema": _TEXT} for name in route.headers]
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        content = {media_type: {"schema": schema} for media_type, schema in route.body.items()}
        operation["requestBody"] = {"content": content}
    return operation


def _answer(description: str, media_type: str) -> dict[str, Any]:
    if not media_type:
        return {"description": description}
    if media_type == PROBLEM_MEDIA_TYPE:
        return _refusal(description)
    kind = {"type": "object"} if media_type == "application/json" else {"type": "string", "format": "binary"}
    return {"description": description, "content": {media_type: {"schema": kind}}}


def _refusal(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {PROBLEM_MEDIA_TYPE: {"schema": schema}}}


_SCHEMES = {
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "query": {"type": "apiKey", "in": "query", "name": "key"},
}
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
