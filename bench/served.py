"""Asks the server for what was published, as a map would: TileJSON, the style, tiles; and decodes what comes."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import numpy as np
import pyarrow.parquet as pq
import shapely
from pyproj import CRS, Transformer

from bench.lab import Lab
from bench.legible import garbled_in
from bench.positions import ALLOWED_M, distance_m

_EXTENT = 4096
_CIRCUMFERENCE_M = 40_075_016.7
_TOP = 85.0511


@dataclass
class Served:
    """What the server said of one layer."""

    faults: list[str] = field(default_factory=list)  # each would be seen by a user
    features: int = 0  # in the tile that was looked at


def look_at(lab: Lab, layer: Mapping[str, Any], source: Path | None) -> Served:
    """Fetch a layer's TileJSON, style and one tile, and compare the tile with the source."""
    seen = Served()
    tilejson = _json(lab, f"/tiles/{layer['id']}.json", seen)
    _json(lab, f"/styles/{layer['id']}.json", seen)
    if tilejson is None:
        return seen
    if layer["kind"] == "vector" and source is not None:
        _vector(lab, layer, source, seen)
    else:
        _any_tile(lab, layer, tilejson, seen)
    return seen


def _json(lab: Lab, path: str, seen: Served) -> dict[str, Any] | None:
    status, _, body = lab.request("GET", path)
    if status != 200:
        seen.faults.append(f"{path} answers {status}")
        return None
    try:
        return dict(json.loads(body))
    except ValueError:
        seen.faults.append(f"{path} is no JSON")
        return None


def _vector(lab: Lab, layer: Mapping[str, Any], source: Path, seen: Served) -> None:
    """Look for one vertex of the source in the tile of the last zoom in which it must be."""
    place = _a_vertex(source)
    if place is None or abs(place[1]) >= _TOP:
        return
    zoom = int(layer["maxzoom"])
    x, y = _tile(place, zoom)
    path = f"/tiles/{layer['id']}/{zoom}/{x}/{y}.mvt"
    status, headers, body = lab.request("GET", path, headers={"Accept-Encoding": "gzip"})
    if status != 200:
        seen.faults.append(f"{path} answers {status}, where the first feature lies")
        return
    data = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
    features = list(_features(data))
    seen.features = len(features)
    texts = [str(v) for f in features for item in f["properties"].items() for v in item if isinstance(v, str)]
    seen.faults += [f"mojibake in a tile: '{text}', perhaps '{meant}'" for text, meant in garbled_in(texts)][:1]
    allowed = max(ALLOWED_M, 1.5 * _CIRCUMFERENCE_M * math.cos(math.radians(place[1])) / 2**zoom / _EXTENT)
    nearest = _nearest_m(features, place, (zoom, x, y))
    if nearest > allowed:
        seen.faults.append(f"position: a vertex is {nearest:.1f} m off in the tile {zoom}/{x}/{y}")


def _features(data: bytes) -> Iterator[dict[str, Any]]:
    for layer in mapbox_vector_tile.decode(data, default_options={"y_coord_down": True}).values():
        yield from layer["features"]


def _a_vertex(source: Path) -> tuple[float, float] | None:
    """Return the lon/lat of the first vertex of the first feature."""
    table = pq.read_table(source, columns=["geometry"])
    geo = json.loads(table.schema.metadata[b"geo"])
    crs = geo["columns"][geo["primary_column"]].get("crs", "OGC:CRS84")
    vertices = shapely.get_coordinates(shapely.from_wkb(table.column(0)[0].as_py()))
    if not len(vertices) or not crs:
        return None
    to_lonlat = Transformer.from_crs(CRS.from_user_input(crs), CRS.from_epsg(4326), always_xy=True)
    lon, lat = to_lonlat.transform(*vertices[0])
    return (float(lon), float(lat)) if np.isfinite([lon, lat]).all() else None


def _tile(place: tuple[float, float], zoom: int) -> tuple[int, int]:
    """Return x, y of the tile that holds a place (OGC 17-083r4, WebMercatorQuad)."""
    lon, lat = (place[0] + 180.0) % 360.0, math.radians(place[1])
    down = (1 - math.asinh(math.tan(lat)) / math.pi) / 2
    last = 2**zoom - 1
    return min(last, int(lon / 360 * 2**zoom)), min(last, max(0, int(down * 2**zoom)))


def _nearest_m(features: list[dict[str, Any]], place: tuple[float, float], tile: tuple[int, int, int]) -> float:
    """Return how far the nearest edge of any feature of a tile is from a place, in metres."""
    z, x, y = tile
    lon, lat = (place[0] + 180.0) % 360.0, math.radians(place[1])
    down = (1 - math.asinh(math.tan(lat)) / math.pi) / 2
    here = shapely.Point((lon / 360 * 2**z - x) * _EXTENT, (down * 2**z - y) * _EXTENT)
    shapes = [shapely.geometry.shape(f["geometry"]) for f in features]
    edges = [s.boundary if s.geom_type.endswith("Polygon") else s for s in shapes if not s.is_empty]
    if not edges:
        return math.inf
    near = min(edges, key=here.distance)
    point = shapely.ops.nearest_points(near, here)[0]
    return distance_m(_lonlat(point.x, point.y, tile), _lonlat(here.x, here.y, tile))


def _lonlat(across: float, down: float, tile: tuple[int, int, int]) -> tuple[float, float]:
    z, x, y = tile
    lon = (x + across / _EXTENT) / 2**z * 360 - 180
    return lon, math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (y + down / _EXTENT) / 2**z))))


def _any_tile(lab: Lab, layer: Mapping[str, Any], tilejson: Mapping[str, Any], seen: Served) -> None:
    """Fetch tiles of the first zoom that are under the bounds: one at least must show something."""
    west, south, east, north = layer["bounds"]
    template = str(tilejson["tiles"][0]).split("?")[0]
    suffix = template.rsplit(".", 1)[-1]
    zoom = int(layer["minzoom"])
    (left, top), (right, bottom) = _tile((west, min(north, _TOP)), zoom), _tile((east, max(south, -_TOP)), zoom)
    answers = []
    for x in range(left, min(right, left + 3) + 1):
        for y in range(top, min(bottom, top + 3) + 1):
            status, headers, body = lab.request("GET", f"/tiles/{layer['id']}/{zoom}/{x}/{y}.{suffix}")
            answers.append(status)
            kind = headers.get("content-type", "")
            if status == 200 and kind.startswith(("image/", "application/vnd.mapbox-vector-tile")) and body:
                seen.features += 1
    if any(status >= 500 for status in answers) or not seen.features:
        seen.faults.append(f"tiles of zoom {zoom} answer {sorted(set(answers))}")
