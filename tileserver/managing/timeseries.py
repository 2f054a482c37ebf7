"""`/api/runs/{run}/timeseries`: what gauges, structures, flow sections and any place saw, as JSON or CSV."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from flask import Response, request

from naru import runs
from naru.errors import BadRequest, UnknownRun
from tileserver.access import Caller
from tileserver.common.asking import Position, position
from tileserver.documents import bytes_document, json_document
from tileserver.managing.run_jobs import run_folder, visible_run
from tileserver.managing.runs import RUN
from tileserver.negotiation import best_type
from tileserver.routes import Route, Service

_JSON, _CSV, _PROBLEM = "application/json", "text/csv", "application/problem+json"
_LONGEST_NAME = 200
_AT = "at"
_PLACE = re.compile(r"[^,]{1,40},[^,]{1,40}")
_DIGITS = 3  # of depths and stages: millimetres


class _Table(NamedTuple):
    """A file of series: the column that says whose a row is."""

    file: str
    named: str
    quantities: tuple[str, ...]  # columns of numbers; of structures, rows name the quantity


_TABLES: Mapping[str, _Table] = {
    "gauge": _Table("gauges.csv", "gauge", ("stage_m", "depth_m", "speed_m_s")),
    "section": _Table("sections.csv", "section", ("discharge_m3_s",)),
    "structure": _Table("structures.csv", "structure", ()),
}
Series = dict[str, list[float | None]]  # "time_s" first, then by quantity


def show_timeseries(service: Service, caller: Caller, run: str) -> Response:
    """The series of one gauge, section, structure or place of a finished run; without any, the names of all."""
    job = visible_run(service, caller, run)
    folder = run_folder(service, job)
    asked = {kind: name for kind in (*_TABLES, _AT) if (name := request.args.get(kind)) is not None}
    if not asked:
        return json_document({"run": run, **{f"{kind}s": _names(folder, kind) for kind in _TABLES}}, shared=False)
    if len(asked) > 1:
        raise BadRequest(
            "one series is given at a time",
            field=max(asked),
            remedy=f"Give one of {', '.join((*_TABLES, _AT))}.",
        )
    kind, name = next(iter(asked.items()))
    if kind == _AT:
        place = _place(name)
        about, series = _at(folder, place)
        return _answer({"run": run, _AT: [place.x, place.y], **about}, series)
    found = _series(folder, kind, name[:_LONGEST_NAME])
    if found is None:
        raise UnknownRun(
            f"the run has no {kind} of that name",
            field=kind,
            remedy=f"/api/runs/{run}/timeseries lists the names; series are there when the run is done.",
        )
    return _answer({"run": run, kind: name}, found)


def _answer(head: Mapping[str, Any], series: Series) -> Response:
    response = _as_csv(series) if _wants_csv() else json_document({**head, **series}, shared=False)
    response.vary.add("Accept")
    return response


def _place(text: str) -> Position:
    """Return a place that is given as `lon,lat`. Raises BadRequest."""
    if not _PLACE.fullmatch(text):
        raise BadRequest(
            f"'{text[:40]}' is no place", field=_AT, remedy="Give longitude and latitude, such as at=126.93,37.49."
        )
    lon, lat = text.split(",")
    return position({"lon": lon.strip(), "lat": lat.strip()})


def _at(folder: Path, place: Position) -> tuple[dict[str, Any], Series]:
    """Return what is known of a place, and depth and stage there at each output time. Raises UnknownRun."""
    from tileserver.flood.result_file import column_at  # rasterio: half a second

    told = runs.told(folder)
    found = None if told is None else column_at(folder, told, place.x, place.y)
    if told is None or found is None:
        raise UnknownRun(
            "the run has no depths at that place",
            field=_AT,
            remedy="Ask for a place within its domain; of a run that is done and wrote `netcdf`.",
        )
    bed = round(found.bed_m, _DIGITS)
    depths = [round(depth, _DIGITS) for depth in found.depth_m]
    stages = [round(found.bed_m + depth, _DIGITS) if depth > 0 else None for depth in found.depth_m]
    about = {"start": told.get("start"), "vertical_datum": told.get("vertical_datum"), "bed_elevation_m": bed}
    return about, {"time_s": list(told["times_s"]), "stage_m": stages, "depth_m": list(depths)}


def _wants_csv() -> bool:
    wanted = request.args.get("format")
    if wanted not in (None, "json", "csv"):
        raise BadRequest("series are given as json or csv", field="format", remedy="Say format=csv, or nothing.")
    return (wanted or best_type(request.headers.get("Accept", ""), (_JSON, _CSV))) in ("csv", _CSV)


def _rows(folder: Path, kind: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a run's table; none where it is not there."""
    try:
        with (folder / _TABLES[kind].file).open(encoding="utf-8-sig", newline="") as stream:
            yield from csv.DictReader(stream)
    except FileNotFoundError:
        return


def _names(folder: Path, kind: str) -> list[str]:
    return list(dict.fromkeys(row[_TABLES[kind].named] for row in _rows(folder, kind)))


def _series(folder: Path, kind: str, name: str) -> Series | None:
    """Return the series of one name; None where there is none."""
    table = _TABLES[kind]
    mine = [row for row in _rows(folder, kind) if row[table.named] == name]
    if not mine:
        return None
    if table.quantities:
        return {column: [_number(row[column]) for row in mine] for column in ("time_s", *table.quantities)}
    times = list(dict.fromkeys(row["time_s"] for row in mine))
    found = {(row["time_s"], row["quantity"]): _number(row["value"]) for row in mine}
    out: Series = {"time_s": [_number(text) for text in times]}
    for quantity in dict.fromkeys(row["quantity"] for row in mine):
        out[quantity] = [found.get((text, quantity)) for text in times]
    return out


def _number(text: str) -> float | None:
    """Return a number; None for what JSON has no word for."""
    value = float(text) if text else math.nan
    return value if math.isfinite(value) else None


def _as_csv(series: Series) -> Response:
    lines = [",".join(series)]
    lines += [",".join("" if v is None else f"{v:.10g}" for v in row) for row in zip(*series.values(), strict=True)]
    body = "\r\n".join([*lines, ""]).encode()
    return bytes_document(body, shared=False, media_type="text/csv; charset=utf-8")


def _query(what: str) -> dict[str, Any]:
    return {"description": what, "schema": {"type": "string", "maxLength": _LONGEST_NAME}}


ROUTES = (
    Route(
        "/api/runs/<run>/timeseries",
        "layer",
        show_timeseries,
        "What a gauge, a structure, a flow section or a place of a run saw; without any, their names",
        {
            200: ("The series, or the names", f"{_JSON}, {_CSV}"),
            304: ("You have this version", ""),
            400: ("Two series at once, another format, or no place", _PROBLEM),
        },
        {"run": RUN},
        tag="floods",
        query={
            "gauge": _query("The name of a gauge"),
            "structure": _query("The id of a structure"),
            "section": _query("The name of a flow section"),
            "at": _query("Longitude and latitude, degrees (WGS 84), with a comma between them"),
            "format": {"description": "json or csv; without it, by Accept", "schema": {"enum": ["json", "csv"]}},
        },
        headers=("Accept",),
    ),
)
