"""`/api/layers/{id}`, changed: titles, visibility, licence; the version before; taken off the map."""

from __future__ import annotations

from typing import Any

from flask import Response

from naru.errors import BadRequest
from naru.grants import Grant
from naru.ingest_options import LONGEST_TEXT, read_options
from naru.records import Layer
from tileserver.access import Caller
from tileserver.documents import json_document
from tileserver.layers import describe, provenance
from tileserver.managing.guard import grant_of
from tileserver.receiving import bodies
from tileserver.routes import LAYER_ID, Route, Service

_CHANGEABLE = ("title", "title_en", "visibility", "licence", "attribution")


def change_layer(service: Service, caller: Caller, layer: str) -> Response:
    """Give a layer other titles, another visibility, licence or attribution; its id and its tiles stay."""
    grant = grant_of(caller)
    _mine(service, grant, layer)
    changes = _changes(bodies.json_object())
    if "visibility" in changes:
        grant.check_visibility(layer, changes["visibility"])
    service.house.catalogue.amend(layer, changes)
    return _shown(service, layer)


def roll_back_layer(service: Service, caller: Caller, layer: str) -> Response:
    """Make the version before the live one live again, or the one that is named."""
    _mine(service, grant_of(caller), layer)
    wanted = _wanted_version(bodies.json_object())
    if wanted is None:
        service.house.catalogue.rollback(layer)
    else:
        service.house.catalogue.set_live(layer, wanted)
    return _shown(service, layer)


def delete_layer(service: Service, caller: Caller, layer: str) -> Response:
    """Take a layer off the map."""
    _mine(service, grant_of(caller), layer)
    service.house.catalogue.delete(layer)
    service.keeper.refresh()
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def _mine(service: Service, grant: Grant, layer_id: str) -> Layer:
    """Return a layer that the key may change: as the catalogue has it, not as this worker last saw it."""
    layer = service.house.catalogue.layer(layer_id)
    grant.check_change(layer.id, layer.visibility)
    return layer


def _shown(service: Service, layer_id: str) -> Response:
    service.keeper.refresh()
    layer = service.house.catalogue.layer(layer_id)
    return json_document(describe(layer, service) | provenance(layer, service), shared=False)


def _changes(said: dict[str, Any]) -> dict[str, str]:
    """Return the columns to change; an empty text clears, except that a layer always has a title."""
    for name, value in said.items():
        if name not in _CHANGEABLE or not isinstance(value, str):
            raise BadRequest(
                f"'{name[:80]}' cannot be changed so",
                field=name[:80],
                remedy=f"Send texts of {', '.join(_CHANGEABLE)}.",
            )
    cleared = {name: "" for name in ("licence", "attribution") if said.get(name, "x").strip() == ""}
    changes = {**cleared, **read_options(said)}
    if not changes:
        raise BadRequest("nothing was said that could be changed", remedy=f"Send {', '.join(_CHANGEABLE)}.")
    return changes


def _wanted_version(said: dict[str, Any]) -> int | None:
    wanted = said.pop("version", None)
    if said or not (wanted is None or (type(wanted) is int and 0 < wanted < 2**31)):
        raise BadRequest('expected {} or {"version": NUMBER}', field="version", remedy="See /openapi.json.")
    return wanted


_JSON, _PROBLEM = "application/json", "application/problem+json"
_LAYER = {"layer": LAYER_ID}
_TEXT = {"type": "string", "maxLength": LONGEST_TEXT}
_BAD = ("Malformed, or not changeable", _PROBLEM)
_NOT_JSON = ("Not JSON", _PROBLEM)
ROUTES = (
    Route(
        "/api/layers/<layer>",
        "manage",
        change_layer,
        "Change a layer's titles, visibility, licence or attribution",
        {200: ("The layer", _JSON), 400: _BAD, 415: _NOT_JSON},
        _LAYER,
        tag="layers",
        method="PATCH",
        body={_JSON: {"type": "object", "properties": dict.fromkeys(_CHANGEABLE, _TEXT)}},
    ),
    Route(
        "/api/layers/<layer>/rollback",
        "manage",
        roll_back_layer,
        "Go back to the version before, or to the one named",
        {200: ("The layer", _JSON), 400: _BAD, 415: _NOT_JSON},
        _LAYER,
        tag="layers",
        method="POST",
        body={_JSON: {"type": "object", "properties": {"version": {"type": "integer", "minimum": 1}}}},
    ),
    Route(
        "/api/layers/<layer>",
        "manage",
        delete_layer,
        "Take a layer off the map",
        {204: ("It is gone", "")},
        _LAYER,
        tag="layers",
        method="DELETE",
    ),
)
