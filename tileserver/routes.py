"""The route table's rows. `tileserver/app.py` serves exactly these; `/openapi.json` describes exactly these.

A route must say its scope, so that none is open by oversight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flask import Response

from tileserver.access import Caller
from tileserver.service import Service

Scope = Literal["open", "visible", "key", "layer", "common", "manage", "plan"]
"""open: nobody is asked who they are. visible: shows what the caller may see, counts nothing.
key: needs a key of the caller's own, whatever it is for, and counts nothing.
layer: needs permission for the layer, and counts one request.
common: needs the function common, and counts one request.
manage: needs a key with the function manage, counts one request, and is not for pages of other sites.
plan: the same with the function twin, where the key opens private layers: keys of public maps start no floods."""
Method = Literal["GET", "POST", "PATCH", "DELETE"]  # HEAD goes with GET

View = Callable[..., Response]  # view(service, caller, **path parameters)


@dataclass(frozen=True)
class Route:
    """One address: Flask's rule, who may use it, what answers, and what the OpenAPI document says about it."""

    rule: str
    scope: Scope
    view: View
    summary: str
    answers: Mapping[int, tuple[str, str]]  # status: (description, media types joined by ", "; empty: no body)
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # path parameter: OpenAPI fields
    tag: str = "map"
    query: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # query parameter: OpenAPI fields
    method: Method = "GET"
    body: Mapping[str, Any] = field(default_factory=dict)  # OpenAPI's request body: media type to schema
    headers: tuple[str, ...] = ()  # that the view reads, for the OpenAPI document
    operation: str = ""  # OpenAPI's operationId, where a standard prescribes one

    @property
    def endpoint(self) -> str:
        """Flask's name of the route."""
        return self.view.__name__


LAYER_ID = {
    "description": "Layer id",
    "schema": {"type": "string", "pattern": "^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$"},
}
LAYER_IDS = {
    "description": "Layer id, or several joined by commas (at most 16, each once)",
    "schema": {"type": "string", "maxLength": 1100},
}
NUMBER = {"schema": {"type": "string", "pattern": "^(0|[1-9][0-9]{0,7})$"}}

__all__ = ["LAYER_ID", "LAYER_IDS", "NUMBER", "Caller", "Method", "Route", "Scope", "Service", "View"]
