"""`/api/runs/{run}/timeseries`: what gauges, structures and flow sections saw, as JSON or CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from flask import Response, request

from naru.errors import BadRequest, UnknownRun
from tileserver.access import Caller
from tileserver.documents import bytes_document, json_document
from tileserver.managing.runs import RUN, run_folder, visible_run
from tileserver.negotiation import best_type
from tileserver.routes import Route, Service

_JSON, _CSV, _PROBLEM = "application/json", "text/csv", "application/problem+json"
_LONGEST_NAME = 200


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
    """The series of one gauge, section or structure of a finished run; the names of all where none is asked for."""
    job = visible_run(service, caller, run)
    folder = run_folder(service, job)
    asked = {kind: name for kind in _TABLES if (name := request.args.get(kind)) is not None}
    if not asked:
        return json_document({"run": run, **{f"{kind}s": _names(folder, kind) for kind in _TABLES}}, shared=False)
    if len(asked) > 1:
        raise BadRequest(
            "one series is given at a time", field=max(asked), remedy=f"Give one of {', '.join(_TABLES)}."
        )
    kind, name = next(iter(asked.items()))
    series = _series(folder, kind, name[:_LONGEST_NAME])
    if series is None:
        raise UnknownRun(
            f"the run has no {kind} of that name",
            field=kind,
            remedy=f"/api/runs/{run}/timeseries lists the names; series are there when the run is done.",
        )
    response = _as_csv(series) if _wants_csv() else json_document({"run": run, kind: name, **series}, shared=False)
    response.vary.add("Accept")
    return response


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
        "What a gauge, a structure or a flow section of a run saw; without any, their names",
        {
            200: ("The series, or the names", f"{_JSON}, {_CSV}"),
            304: ("You have this version", ""),
            400: ("Two series at once, or another format", _PROBLEM),
        },
        {"run": RUN},
        tag="floods",
        query={
            "gauge": _query("The name of a gauge"),
            "structure": _query("The id of a structure"),
            "section": _query("The name of a flow section"),
            "format": {"description": "json or csv; without it, by Accept", "schema": {"enum": ["json", "csv"]}},
        },
        headers=("Accept",),
    ),
)
