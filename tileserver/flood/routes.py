"""`/flood/{layer}/…`: what a flood layer has beside its tiles: frames, depths at a place, series, reports."""

from __future__ import annotations

import json
import re
from typing import Any

from flask import Response

from naru.errors import RouteUnknown
from naru.records import Layer
from tileserver.access import Caller
from tileserver.addresses import key_query
from tileserver.common.asking import LAT, LON, position, read_query
from tileserver.content import disposition
from tileserver.documents import json_document
from tileserver.flood.times import times_of
from tileserver.ogc.common import is_shared, known
from tileserver.problems import PROBLEM_MEDIA_TYPE
from tileserver.routes import LAYER_ID, Route, Service
from tileserver.twin.assets import asset_of, none_such, opened
from tileserver.twin.downloads import file_response
from tileserver.twin.package import Package, package_at
from tileserver.twin.pieces import piece_response

FRAMES, INDEX = "frames", "frames.json"
_NUMBER = re.compile(r"[0-9]{1,4}", re.ASCII)
_DIGITS = 3  # of depths and stages: millimetres
_REMEDY = "Layers of floods over time have it: `naru twin run SCENARIO.yaml --publish` makes them."
_PAGE_POLICY = (  # of a report: its own styles and pictures, and nothing that runs
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'none'; base-uri 'none'"
)
_DOWNLOADS = {"netcdf": "application/x-netcdf", "report.pdf": "application/pdf"}


def show_frames(service: Service, caller: Caller, layer: str) -> Response:
    """Where a flood's frames lie, when they are, and what their greys mean."""
    found = known(service, caller, layer)
    index = json.loads(_package(service, found).read(INDEX))
    told = index | {"frames": [f"frames/{name}" for name in index["frames"]]}
    return json_document(told, shared=_shared(service, caller, found))


def show_frame(service: Service, caller: Caller, layer: str, frame: str) -> Response:
    """One frame of a flood: depths as greys."""
    found = known(service, caller, layer)
    package = _package(service, found)
    name = f"{int(frame):04d}.png" if _NUMBER.fullmatch(frame) else ""
    if name not in package:
        raise RouteUnknown(
            f"there is no frame '{frame[:20]}'", layer=layer, remedy="frames.json names those there are."
        )
    return piece_response(
        service.pieces,
        (found.live.assets[FRAMES].archive.name, name),
        lambda: package.read(name),
        "image/png",
        shared=_shared(service, caller, found),
        revalidate=False,
    )


def _package(service: Service, layer: Layer) -> Package:
    return opened(service, asset_of(layer, FRAMES, "frames of a flood", _REMEDY), package_at)


def show_place(service: Service, caller: Caller, layer: str) -> Response:
    """Depth and stage at a place, at every time."""
    found = known(service, caller, layer)
    place = position(read_query(("lon", "lat")))
    times = times_of(found)
    if times is None:
        raise none_such(layer, "depths over time", _REMEDY)
    from tileserver.flood.reading import depths_at_place

    here = opened(service, times.depths, lambda path: depths_at_place(path, place.x, place.y))
    depths, bed = here.depth_m, here.bed_m
    deepest = max(range(len(depths)), key=depths.__getitem__) if depths and max(depths) > 0 else None
    told = {
        "layer": layer,
        "version": found.live.number,
        "lon": place.x,
        "lat": place.y,
        "inside": depths is not None,
        "start": None if times.start is None else times.start.isoformat(),
        "times_s": list(times.seconds),
        "bed_elevation_m": None if bed is None else round(bed, _DIGITS),
        "depth_m": None if depths is None else [round(depth, _DIGITS) for depth in depths],
        "stage_m": None if depths is None else [_stage(depth, bed) for depth in depths],
        "max_depth_m": None if here.deepest_m is None else round(here.deepest_m, _DIGITS),
        "time_of_max_s": None if deepest is None else times.seconds[deepest],
        "vertical_datum": times.depths.about.get("vertical_datum"),
        "shown_from_m": times.depths.about.get("shown_from_m"),
    }
    return json_document(told, shared=_shared(service, caller, found))


def _stage(depth: float, bed: float | None) -> float | None:
    return round(bed + depth, _DIGITS) if bed is not None and depth > 0 else None


def show_flood_series(service: Service, caller: Caller, layer: str) -> Response:
    """Gauges, flow sections, structures and the water balance over time."""
    return _json_asset(service, caller, layer, "series")


def show_flood_run(service: Service, caller: Caller, layer: str) -> Response:
    """What was run, with what, and what came of it."""
    return _json_asset(service, caller, layer, "run")


def _json_asset(service: Service, caller: Caller, layer: str, name: str) -> Response:
    found = known(service, caller, layer)
    asset = asset_of(found, name, f"{name} of a flood", _REMEDY)
    return piece_response(
        service.pieces,
        asset.archive.name,
        lambda: opened(service, asset, lambda path: path.read_bytes()),
        "application/json",
        shared=_shared(service, caller, found),
    )


def show_flood_report(service: Service, caller: Caller, layer: str) -> Response:
    """The report of a flood, for people."""
    found = known(service, caller, layer)
    asset = asset_of(found, "report", "report of a flood", "`naru twin report RUN` writes it.")
    response = piece_response(
        service.pieces,
        asset.archive.name,
        lambda: opened(service, asset, lambda path: path.read_bytes()),
        "text/html; charset=utf-8",
        shared=_shared(service, caller, found),
    )
    response.headers["Content-Security-Policy"] = _PAGE_POLICY
    return response


def download_flood_report(service: Service, caller: Caller, layer: str) -> Response:
    """The report of a flood, to be printed."""
    return _download(service, caller, layer, "report.pdf", "-report.pdf")


def download_result(service: Service, caller: Caller, layer: str) -> Response:
    """Depth, stage and flow at every time (CF NetCDF)."""
    return _download(service, caller, layer, "netcdf", ".nc")


def _download(service: Service, caller: Caller, layer: str, name: str, ending: str) -> Response:
    found = known(service, caller, layer)
    asset = asset_of(found, name, f"{name} of a flood", _REMEDY)
    tag, shared = asset.archive.sha256[:20], _shared(service, caller, found)
    response = opened(service, asset, lambda path: file_response(path, _DOWNLOADS[name], tag=tag, shared=shared))
    response.headers["Content-Disposition"] = disposition(found, ending)
    return response


def _shared(service: Service, caller: Caller, layer: Layer) -> bool:
    return is_shared(service, layer) and not key_query(caller.presented)


_JSON, _SAME = "application/json", ("You have this version", "")
_LAYER = {"layer": LAYER_ID}
_FRAME = {
    "description": "From 0, as frames.json numbers them",
    "schema": {"type": "string", "pattern": "^[0-9]{1,4}$"},
}
_RANGE: dict[str, Any] = {"tag": "flood", "headers": ("Range", "If-Range")}


def _parts_of(media_type: str) -> dict[int, tuple[str, str]]:
    return {
        200: ("The file", media_type),
        206: ("The part of it that Range asks for", media_type),
        304: _SAME,
        416: ("The file ends before that part", PROBLEM_MEDIA_TYPE),
    }


ROUTES = (
    Route(
        "/flood/<layer>/frames.json",
        "layer",
        show_frames,
        "A flood's frames: where, when, and what the greys mean",
        {200: ("The index", _JSON), 304: _SAME},
        _LAYER,
        tag="flood",
    ),
    Route(
        "/flood/<layer>/frames/<frame>.png",
        "layer",
        show_frame,
        "A frame: the depths of one time as greys of 8 bits, by their root",
        {200: ("A grey picture", "image/png"), 304: _SAME},
        {**_LAYER, "frame": _FRAME},
        tag="flood",
    ),
    Route(
        "/flood/<layer>/at",
        "layer",
        show_place,
        "Depth and stage at a place, at every time",
        {200: ("The depths", _JSON), 304: _SAME, 400: ("A place that cannot be", PROBLEM_MEDIA_TYPE)},
        _LAYER,
        tag="flood",
        query={"lon": {**LON, "required": True}, "lat": {**LAT, "required": True}},
    ),
    Route(
        "/flood/<layer>/series",
        "layer",
        show_flood_series,
        "Gauges, flow sections, structures and the balance over time",
        {200: ("The series", _JSON), 304: _SAME},
        _LAYER,
        tag="flood",
    ),
    Route(
        "/flood/<layer>/run.json",
        "layer",
        show_flood_run,
        "What was run, with what inputs, and what came of it",
        {200: ("The run", _JSON), 304: _SAME},
        _LAYER,
        tag="flood",
    ),
    Route(
        "/flood/<layer>/result.nc",
        "layer",
        download_result,
        "Depth, stage and flow at every time as CF NetCDF",
        _parts_of(_DOWNLOADS["netcdf"]),
        _LAYER,
        **_RANGE,
    ),
    Route(
        "/flood/<layer>/report",
        "layer",
        show_flood_report,
        "The report of a flood",
        {200: ("The report", "text/html"), 304: _SAME},
        _LAYER,
        tag="flood",
    ),
    Route(
        "/flood/<layer>/report.pdf",
        "layer",
        download_flood_report,
        "The report of a flood as PDF",
        _parts_of(_DOWNLOADS["report.pdf"]),
        _LAYER,
        **_RANGE,
    ),
)
