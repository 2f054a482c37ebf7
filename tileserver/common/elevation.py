"""`/common/elevation` and `/common/profile`: heights (EL metres) at positions and along a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response

from naru.cog import BLOCK, WEB_MERCATOR_EDGE_M
from naru.errors import ArchiveDamaged, UnknownLayer
from naru.features.systems import CRS84
from naru.records import Layer
from tileserver.access import Caller
from tileserver.common.asking import (
    LAT,
    LAYER,
    LON,
    POINTS,
    Position,
    bad,
    needed,
    position,
    positions,
    read_query,
    whole,
)
from tileserver.common.lines import Measured
from tileserver.common.systems import SYSTEMS, known, moved
from tileserver.documents import json_document
from tileserver.problems import PROBLEM_MEDIA_TYPE
from tileserver.routes import Route, Service

MOST_SAMPLES = 1000
_USUAL_SAMPLES = 100
_LONGEST_M = 500_000.0  # of a profile: from one end of the country to the other
_DIGITS_M, _DIGITS_DEG = 3, 7


@dataclass(frozen=True)
class Terrain:
    """A layer of heights in metres."""

    layer: Layer
    resolution_m: float  # side of its pixels on the ground

    def told(self) -> dict[str, Any]:
        """Return what an answer says of it."""
        names = {"ko": self.layer.title_ko, "en": self.layer.title_en}
        about = {"id": self.layer.id, "title": names, "resolution_m": round(self.resolution_m, 3)}
        return about | {"attribution": self.layer.attribution, "licence": self.layer.licence}


@dataclass(frozen=True)
class Height:
    """A height found: EL metres, and of which layer; None: no layer has one there."""

    elevation_m: float | None
    layer: str | None

    def told(self) -> dict[str, Any]:
        """Return what an answer says of it."""
        return {"elevation_m": self.elevation_m, "layer": self.layer}


def show_elevation(service: Service, caller: Caller) -> Response:
    """Heights at positions, each from the finest layer that has one."""
    given = read_query(("lon", "lat", "points", "crs", "layer"))
    crs, asked = _asked(given)
    terrains = _terrains(service, caller, given.get("layer"))
    found = _heights(service, terrains, moved(asked, crs, CRS84))
    points = [{"at": list(place), **height.told()} for place, height in zip(asked, found, strict=True)]
    return json_document({"crs": crs, "points": points, "layers": _used(terrains, found)}, shared=False)


def show_profile(service: Service, caller: Caller) -> Response:
    """Heights along a line, at equal distances on the ellipsoid (WGS 84)."""
    given = read_query(("line", "samples", "layer"))
    line = positions(needed(given, "line", "126.97,37.55;126.99,37.57"), "line", least=2, degrees=True)
    samples = whole(given, "samples", _USUAL_SAMPLES, least=2, most=MOST_SAMPLES)
    terrains = _terrains(service, caller, given.get("layer"))
    measured = Measured.of(line, _LONGEST_M)
    length_m, places = measured.length_m, measured.samples(samples)
    found = _heights(service, terrains, places)
    points = [
        {
            "distance_m": round(length_m * number / (samples - 1), _DIGITS_M),
            "at": [round(place.x, _DIGITS_DEG), round(place.y, _DIGITS_DEG)],
            **height.told(),
        }
        for number, (place, height) in enumerate(zip(places, found, strict=True))
    ]
    told = {"crs": CRS84, "length_m": round(length_m, _DIGITS_M), "points": points}
    return json_document(told | {"layers": _used(terrains, found)}, shared=False)


# --- what was asked -------------------------------------------------------------------------------


def _asked(given: dict[str, str]) -> tuple[str, list[Position]]:
    """Return positions and their system: `lon` and `lat`, or `points` in `crs`."""
    if "points" not in given:
        if "crs" in given:
            raise bad(
                "crs", "crs goes with points", "lon and lat are degrees on WGS 84; give points=x,y;… instead."
            )
        return CRS84, [position(given)]
    if "lon" in given or "lat" in given:
        raise bad("points", "points goes without lon and lat", "Give one or the other.")
    crs = known(given.get("crs", CRS84), "crs")
    return crs, positions(given["points"], "points", degrees=crs == CRS84)


# --- where the heights are ------------------------------------------------------------------------


def _terrains(service: Service, caller: Caller, chosen: str | None) -> list[Terrain]:
    """Return the layers of heights that the caller may know of, finest first; or only the one chosen.

    Raises:
        UnknownLayer, ScopeDenied: see `permit`.
        BadRequest: the layer chosen has no heights.
    """
    layers = service.keeper.current.layers
    if chosen is None:
        found = [
            terrain for layer in layers.values() if caller.sees(layer, "common") for terrain in _terrain(layer)
        ]
        return sorted(found, key=lambda terrain: (terrain.resolution_m, terrain.layer.id))
    if chosen not in layers:
        raise UnknownLayer(chosen)
    caller.permit(layers[chosen], "common")
    heights = _terrain(layers[chosen])
    if not heights:
        raise bad("layer", f"the layer '{chosen}' has no heights", "Choose an elevation layer, or leave layer out.")
    return heights


def _terrain(layer: Layer) -> list[Terrain]:
    """Return a layer as heights, if it is of some: its source is then a COG in Web Mercator, in metres."""
    source = layer.live.source
    for tileset in layer.live.tilesets:
        facts = tileset.rules.get("raster") or {}
        if facts.get("role") == "elevation" and source is not None and source.suffix == ".tif":
            middle = math.radians((tileset.bounds[1] + tileset.bounds[3]) / 2)
            pixel_m = 2 * WEB_MERCATOR_EDGE_M / BLOCK / 2**tileset.maxzoom * math.cos(middle)
            return [Terrain(layer, float(facts.get("resolution_m") or pixel_m))]
    return []


def heights_of(service: Service, layer: Layer, lonlat: Sequence[Position]) -> tuple[list[float], float]:
    """Return a layer's heights at positions (NaN: none), and the side of its pixels on the ground, in metres.

    Raises:
        ArchiveDamaged: the layer cannot be read, or has no heights after all.
    """
    for terrain in _terrain(layer):
        return _read(service, terrain, lonlat), terrain.resolution_m
    raise ArchiveDamaged("the layer has no heights", layer=layer.id)


def _heights(service: Service, terrains: Sequence[Terrain], lonlat: Sequence[Position | None]) -> list[Height]:
    """Return a height for each position, from the first of the layers that has one there.

    Raises:
        ArchiveDamaged: a layer that covers a position cannot be read; another height would not be the finest.
    """
    found = [Height(None, None)] * len(lonlat)
    for terrain in terrains:
        open_ones = [k for k, place in enumerate(lonlat) if found[k].layer is None and _covers(terrain, place)]
        if open_ones:
            for k, metres in zip(open_ones, _read(service, terrain, [lonlat[k] for k in open_ones]), strict=True):
                if math.isfinite(metres):
                    found[k] = Height(round(metres, _DIGITS_M), terrain.layer.id)
    return found


def _covers(terrain: Terrain, place: Position | None) -> bool:
    west, south, east, north = terrain.layer.live.tilesets[0].bounds
    return place is not None and west <= place.x <= east and south <= place.y <= north


def _read(service: Service, terrain: Terrain, lonlat: Sequence[Any]) -> list[float]:
    from tileserver.common.heights import heights_at

    source = terrain.layer.live.source
    assert source is not None, terrain.layer.id
    try:
        return [float(metres) for metres in heights_at(service.house.storage.path(source), lonlat)]
    except ArchiveDamaged as error:
        raise ArchiveDamaged(error.message, layer=terrain.layer.id) from error


def _used(terrains: Sequence[Terrain], found: Sequence[Height]) -> list[dict[str, Any]]:
    named = {height.layer for height in found}
    return [terrain.told() for terrain in terrains if terrain.layer.id in named]


_JSON = "application/json"
_BAD = ("A parameter that cannot be so", PROBLEM_MEDIA_TYPE)
ROUTES = (
    Route(
        "/common/elevation",
        "common",
        show_elevation,
        "Heights at positions, EL metres",
        {200: ("Heights", _JSON), 400: _BAD},
        tag="common",
        query={
            "lon": LON,
            "lat": LAT,
            "points": {**POINTS, "description": f"{POINTS['description']}; in place of lon and lat"},
            "crs": {
                "description": "System of points, if not OGC:CRS84",
                "schema": {"type": "string", "enum": list(SYSTEMS)},
            },
            "layer": LAYER,
        },
    ),
    Route(
        "/common/profile",
        "common",
        show_profile,
        "Heights along a line, EL metres",
        {200: ("Heights", _JSON), 400: _BAD},
        tag="common",
        query={
            "line": {
                "description": "lon,lat;lon,lat;… (WGS 84)",
                "required": True,
                "schema": {"type": "string"},
            },
            "samples": {
                "description": "How many heights, both ends among them",
                "schema": {"type": "integer", "minimum": 2, "maximum": MOST_SAMPLES, "default": _USUAL_SAMPLES},
            },
            "layer": LAYER,
        },
    ),
)
