"""`/terrain/{layer}/section`: bed, water and what they come from, along a line that somebody draws."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from flask import Response

from naru.errors import NoSuchAsset
from naru.records import Layer
from tileserver.access import Caller
from tileserver.addresses import key_query
from tileserver.common.asking import Position, needed, positions, read_query, whole
from tileserver.common.elevation import heights_of
from tileserver.common.lines import Measured
from tileserver.documents import json_document
from tileserver.ogc.common import is_shared, known
from tileserver.problems import PROBLEM_MEDIA_TYPE
from tileserver.routes import LAYER_ID, Route, Service
from tileserver.twin.assets import opened
from tileserver.twin.links import has_section

if TYPE_CHECKING:
    from tileserver.common.heights import Floats

MOST_SAMPLES = 1000
_USUAL_SAMPLES = 200
_LONGEST_M = 50_000.0
_FINE = 500  # points of the line where it is met with the river's: 0.2 mm from the geodesic, on the longest
_DIGITS_M, _DIGITS_DEG, _DIGITS_N = 3, 7, 4


def show_section(service: Service, caller: Caller, layer: str) -> Response:
    """Bed elevation and water depth along a line, and where the line meets the river."""
    found = known(service, caller, layer)
    given = read_query(("line", "samples"))
    line = positions(needed(given, "line", "126.97,37.55;126.972,37.551"), "line", least=2, degrees=True)
    samples = whole(given, "samples", _USUAL_SAMPLES, least=2, most=MOST_SAMPLES)
    if not has_section(found):
        raise NoSuchAsset(
            "the layer has no heights to cut through",
            layer=layer,
            remedy="/api/layers says which do (`section`).",
        )
    measured = Measured.of(line, _LONGEST_M)
    length_m, places = measured.length_m, measured.samples(samples)
    told = {
        "layer": layer,
        "version": found.live.number,
        "length_m": round(length_m, _DIGITS_M),
        "distance_m": [round(length_m * n / (samples - 1), _DIGITS_M) for n in range(samples)],
        "lon": [round(place.x, _DIGITS_DEG) for place in places],
        "lat": [round(place.y, _DIGITS_DEG) for place in places],
        **_values(service, found, places),
        **_met(service, found, measured),
    }
    return json_document(told, shared=is_shared(service, found) and not key_query(caller.presented))


def _values(service: Service, layer: Layer, places: list[Position]) -> dict[str, Any]:
    """Return what lies along the line: of the native grid, else of the layer's raster, which has heights only."""
    grid = layer.live.assets.get("grid")
    if grid is None:
        metres, cell_m = heights_of(service, layer, places)
        told = dict.fromkeys(("water_stage_m", "water_depth_m", "manning_n", "provenance", "vertical_datum"))
        return {"bed_elevation_m": _numbers(metres, _DIGITS_M), **told, "resolution_m": round(cell_m, _DIGITS_M)}
    from tileserver.twin.cutting import CLASSES, cut

    found = opened(service, grid, lambda path: cut(path, places))
    depth, roughness, source = (found.bands.get(name) for name in ("water_depth", "manning_n", CLASSES))
    return {
        "bed_elevation_m": _numbers(found.bands["bed_elevation"], _DIGITS_M),
        "water_stage_m": grid.about.get("water_stage_m"),
        "water_depth_m": None if depth is None else _numbers(depth, _DIGITS_M),
        "manning_n": None if roughness is None else _numbers(roughness, _DIGITS_N),
        "provenance": None if source is None else _names(source, grid.about.get("provenance", {})),
        "vertical_datum": grid.about.get("vertical_datum"),
        "resolution_m": round(found.cell_m, _DIGITS_M),
    }


def _numbers(values: Iterable[float], digits: int) -> list[float | None]:
    return [round(float(value), digits) if math.isfinite(value) else None for value in values]


def _names(values: Floats, names: Mapping[str, str]) -> list[str | None]:
    """Return what numbers of provenance mean, as their grid says; None where there is none, or no name."""
    return [names.get(f"{value:.0f}") if math.isfinite(value) else None for value in values]


def _met(service: Service, layer: Layer, line: Measured) -> dict[str, Any]:
    """Return where the line meets the river, if the layer has one."""
    asset = layer.live.assets.get("river")
    if asset is None:
        return {"banks": [], "centreline": [], "nearest_section": None}
    from tileserver.twin.rivers import Drawn, meet, river_at

    return meet(opened(service, asset, river_at), Drawn(*line.close_to(_FINE)))


ROUTES = (
    Route(
        "/terrain/<layer>/section",
        "layer",
        show_section,
        "A cross-section along any line: bed, water, provenance, banks",
        {
            200: ("The section", "application/json"),
            304: ("You have this version", ""),
            400: ("A parameter that cannot be so", PROBLEM_MEDIA_TYPE),
        },
        {"layer": LAYER_ID},
        tag="terrain",
        query={
            "line": {
                "description": f"lon,lat;lon,lat;… (WGS 84), up to {_LONGEST_M / 1000:.0f} km",
                "required": True,
                "schema": {"type": "string"},
            },
            "samples": {
                "description": "How many places, at equal distances, both ends among them",
                "schema": {"type": "integer", "minimum": 2, "maximum": MOST_SAMPLES, "default": _USUAL_SAMPLES},
            },
        },
    ),
)
