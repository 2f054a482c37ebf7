"""`/api/usage`: the ledger over HTTP, for who manages, and for each key its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from flask import Response, request

from naru.errors import BadRequest, KeyMissing
from tileserver.access import Caller
from tileserver.documents import bytes_document, json_document
from tileserver.routes import Route, Service
from tileserver.usage import files, reach
from tileserver.usage.query import NAMES, TIMES, read_days, read_query
from tileserver.usage.report import Report, make_heat_map, make_report

MOST_ROWS = 100_000  # of one answer: they are in the server's memory
_CSV = "text/csv; charset=utf-8"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORMATS = ("json", "csv", "xlsx")


def show_usage(service: Service, caller: Caller) -> Response:
    """Requests by time, key, function, layer, zoom or status."""
    form = _format()
    query = read_query(request.args, _today(service))
    seen = reach.of_manager(service, caller, query)
    report = make_report(service.usage.ledger, query, seen, MOST_ROWS)
    if form == "json":
        return json_document(report.to_dict(), shared=False)
    names = {key.id: key.name for key in service.keyring.all()} if "key" in query.by else {}
    return _file(report, form, names)


def show_own_usage(service: Service, caller: Caller) -> Response:
    """What the key that asks has used, and how much is left."""
    form = _format()
    query, seen = reach.of_holder(caller, service, read_query(request.args, _today(service)))
    report, key = make_report(service.usage.ledger, query, seen, MOST_ROWS), caller.key
    if key is None:
        raise KeyMissing("this needs a key")
    if form != "json":
        return _file(report, form, {key.id: key.name})
    standing: dict[str, Any] = {name: one.as_json() for name, one in service.meter.standing(key).items()}
    quota = standing | {"second": key.permissions.second_rate}
    own = {"key": {"id": key.id, "name": key.name}, "quota": quota}
    return json_document(report.to_dict() | own, shared=False)


def show_usage_heatmap(service: Service, caller: Caller) -> Response:
    """Where on the map a layer's tiles were asked for."""
    layer = request.args.get("layer", "")
    if not layer:
        raise BadRequest("a heat map is of one layer", field="layer", remedy="Give layer, an id of /api/layers.")
    first, last = read_days(request.args, _today(service))
    reach.check_layer(service, caller, layer)
    return json_document(make_heat_map(service.usage.ledger, layer, first, last).to_dict(), shared=False)


def _today(service: Service) -> date:
    return datetime.fromtimestamp(service.clock(), service.usage.ledger.zone).date()


def _format() -> str:
    form = request.args.get("format", "json")
    if form not in _FORMATS:
        raise BadRequest(f"there is no format '{form[:40]}'", field="format", remedy="Give json, csv or xlsx.")
    return form


def _file(report: Report, form: str, key_names: Mapping[str, str]) -> Response:
    make, media_type = (files.as_csv, _CSV) if form == "csv" else (files.as_xlsx, _XLSX)
    response = bytes_document(make(report, key_names), shared=False, media_type=media_type)
    name = f"usage-{report.query.first}-{report.query.last}.{form}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


_JSON, _PROBLEM = "application/json", "application/problem+json"
_REPORTS = ", ".join((_JSON, "text/csv", _XLSX))
_TEXT = {"type": "string", "maxLength": 1100}
_DATE = {"type": "string", "format": "date"}
_BAD = ("A parameter is not what it can be; `field` names it", _PROBLEM)
_DAYS = {
    "from": {"description": "First day (NARU_TIMEZONE); left out: 30 days up to `to`", "schema": _DATE},
    "to": {"description": "Last day, included; left out: today", "schema": _DATE},
}
_ASKED: Mapping[str, Mapping[str, Any]] = {
    "by": {
        "description": f"One or two of {', '.join(TIMES + NAMES)}, joined by a comma; at most one time",
        "schema": {"type": "string", "default": "day"},
    },
    **_DAYS,
    "function": {"description": "Only requests of this function", "schema": _TEXT},
    "layer": {"description": "Only requests for this layer, or for these at once", "schema": _TEXT},
    "format": {"schema": {"type": "string", "enum": list(_FORMATS), "default": "json"}},
}
_SAME = ("You have this version", "")
ROUTES = (
    Route(
        "/api/usage",
        "manage",
        show_usage,
        "Requests, bytes, errors and visitors, by time and by what was asked",
        {200: ("The report", _REPORTS), 304: _SAME, 400: _BAD},
        tag="usage",
        query={**_ASKED, "key": {"description": "Only requests of this key (its id)", "schema": _TEXT}},
    ),
    Route(
        "/api/usage/mine",
        "key",
        show_own_usage,
        "What your key has used, and what is left of its quotas",
        {200: ("The report", _REPORTS), 304: _SAME, 400: _BAD, 404: ("No such layer or key", _PROBLEM)},
        tag="usage",
        query=_ASKED,
    ),
    Route(
        "/api/usage/heatmap",
        "manage",
        show_usage_heatmap,
        "Where on the map a layer's tiles were asked for",
        {
            200: ("Tiles and how often they were asked for", _JSON),
            304: _SAME,
            400: _BAD,
            404: ("No such layer", _PROBLEM),
        },
        tag="usage",
        query={"layer": {"description": "Layer id", "schema": _TEXT, "required": True}, **_DAYS},
    ),
)
