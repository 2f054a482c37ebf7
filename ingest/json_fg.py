"""Reads OGC Features and Geometries JSON (JSON-FG, OGC 21-045r1).

`geometry`, on WGS 84, is taken where there is one; else `place`, in the system that `coordRefSys` names and in
that system's own axis order. `time` and `featureType` become fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from ingest import wkb_writer as wkb
from ingest.crs import Claim
from ingest.json_text import as_utf8, load
from ingest.layers import SourceLayer
from ingest.receive import Dataset
from ingest.rows import Row, batches
from naru.errors import FileDamaged

Floats = npt.NDArray[np.float64]
WGS84 = "EPSG:4326"
_EPSG = re.compile(r"EPSG(?:[:/]|::)(?:[0-9.]+[:/])?([0-9]{4,6})\]?$", re.IGNORECASE)
_CRS84 = re.compile(r"CRS84h?\]?$", re.IGNORECASE)
_HOLDERS = frozenset({"Feature", "FeatureCollection"})
_DEPTH = 50
_FLAT = {"LineString": wkb.LINE, "CircularString": wkb.CIRCULAR_STRING}
_MULTI = {"MultiPoint": "Point", "MultiLineString": "LineString", "MultiPolygon": "Polygon"}
_NESTED = {
    "GeometryCollection": wkb.COLLECTION,
    "CompoundCurve": wkb.COMPOUND_CURVE,
    "CurvePolygon": wkb.CURVE_POLYGON,
    "MultiCurve": wkb.MULTICURVE,
    "MultiSurface": wkb.MULTISURFACE,
}
_KINDS = {"MultiPoint": wkb.MULTIPOINT, "MultiLineString": wkb.MULTILINE, "MultiPolygon": wkb.MULTIPOLYGON}


@dataclass(frozen=True)
class _Located:
    """A feature's properties and the geometry chosen, with the CRS text that stands over it (None: WGS 84)."""

    properties: dict[str, Any]
    geometry: Any
    system: str | None


def read(dataset: Dataset, encoding: str | None, folder: Path) -> SourceLayer:
    """Return the document's one layer. Raises FileDamaged, EncodingUnknown, TooLarge."""
    text = as_utf8(dataset, encoding, folder, "JSON-FG")
    document = load(text.path, dataset.file)
    found = list(_features(document, dataset.file))
    systems = {one.system for one in found if one.geometry is not None}
    layer_system = next(iter(systems)) if len(systems) == 1 else None
    rows = [Row(_geometry(one, layer_system), one.properties) for one in found]
    notes = [f"geometries in {len(systems)} coordinate reference systems were brought to WGS 84"]
    return SourceLayer(
        name=dataset.name,
        claim=_claim(layer_system),
        batches=batches(rows, dates=True),
        rows=len(rows),
        encoding=text.codec,
        encoding_how=text.how,
        warnings=[*text.notes, *(notes if len(systems) > 1 else [])],
    )


def _claim(system: str | None) -> Claim:
    if system is None:
        return Claim(WGS84, "`geometry` is longitude, latitude on WGS 84 (JSON-FG, RFC 7946 §4)")
    return Claim(system, "`coordRefSys`, of which `place` is in")


def _features(document: Any, file: str) -> Iterator[_Located]:
    if not isinstance(document, dict):
        raise FileDamaged("it is JSON but no object", file=file, remedy="Export it again as JSON-FG.")
    features = document.get("features") if document.get("type") == "FeatureCollection" else [document]
    if not isinstance(features, list):
        raise FileDamaged("member `features` is no array", file=file, remedy="Export it again as JSON-FG.")
    for feature in features:
        if isinstance(feature, dict):
            yield _located(feature, document)


def _located(feature: Mapping[str, Any], document: Mapping[str, Any]) -> _Located:
    """Choose between `geometry` and `place`; a document that is a geometry is its own place."""
    reference = feature.get("coordRefSys", document.get("coordRefSys"))
    if feature.get("type") not in _HOLDERS:
        return _Located({}, feature, _system(reference))
    if feature.get("geometry") is not None:
        return _Located(_properties(feature, document), feature["geometry"], None)
    place = feature.get("place")
    if isinstance(place, dict):
        reference = place.get("coordRefSys", reference)
    return _Located(_properties(feature, document) | _heights(place), place, _system(reference))


def _properties(feature: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties, and the members beside them that say something of the feature."""
    said = feature.get("properties")
    properties = dict(said) if isinstance(said, dict) else {}
    beside = {
        "id": feature.get("id"),
        "featureType": feature.get("featureType", document.get("featureType")),
        "time": _time(feature.get("time")),
    }
    return {name: value for name, value in beside.items() if value is not None} | properties


def _time(member: Any) -> str | None:
    """Return an instant as it stands, an interval as `begin/end` (ISO 8601)."""
    if not isinstance(member, dict):
        return None
    interval = member.get("interval")
    if isinstance(interval, list):
        return "/".join(map(str, interval))
    instant = member.get("timestamp", member.get("date"))
    return None if instant is None else str(instant)


def _heights(place: Any) -> dict[str, Any]:
    """A prism is drawn as its base; how far it reaches is kept."""
    if not isinstance(place, dict) or place.get("type") != "Prism":
        return {}
    return {name: place[name] for name in ("lower", "upper") if name in place}


# --- coordinate reference systems -------------------------------------------------------------------


def _system(reference: Any) -> str | None:
    """Return `EPSG:<code>` of a reference; None for WGS 84 in the order of GeoJSON; other texts as they are."""
    if isinstance(reference, dict):
        reference = reference.get("href")
    if reference is None:
        return None
    text = str(reference).strip()
    if _CRS84.search(text):
        return None
    code = _EPSG.search(text)
    return f"EPSG:{code.group(1)}" if code else json.dumps(reference, ensure_ascii=False)[:200]


@lru_cache(maxsize=64)
def _north_first(system: str) -> bool:
    """Whether the system's first axis points north: positions are in the order of the axes (JSON-FG §7.4)."""
    try:
        axes = CRS.from_authority("EPSG", system[5:]).axis_info if system.startswith("EPSG:") else []
    except CRSError:
        return False
    return bool(axes) and axes[0].direction.lower() == "north"


@lru_cache(maxsize=64)
def _to_wgs84(system: str) -> Transformer | None:
    try:
        return Transformer.from_crs(CRS.from_authority("EPSG", system[5:]), "EPSG:4326", always_xy=True)
    except (CRSError, ProjError):
        return None


# --- geometries -------------------------------------------------------------------------------------


def _geometry(one: _Located, layer_system: str | None) -> bytes | None:
    """Return WKB in the layer's system, x before y; no bytes for what cannot be built or brought there."""
    if one.geometry is None:
        return None
    try:
        return _Builder(one.system, layer_system).build(one.geometry, 0)
    except (TypeError, ValueError, KeyError, ProjError):
        return wkb.UNREADABLE


class _Builder:
    """Builds WKB of JSON geometries, positions turned and moved as the two systems ask."""

    def __init__(self, system: str | None, target: str | None) -> None:
        self._turned = system is not None and _north_first(system)
        self._transformer = _to_wgs84(system) if system is not None and system != target else None
        if system is not None and system != target and self._transformer is None:
            raise ValueError("unknown system")

    def build(self, geometry: Mapping[str, Any], depth: int) -> bytes:
        kind = geometry["type"]
        if depth > _DEPTH:
            raise ValueError("nested too deeply")
        if kind == "Prism":
            return self.build(geometry["base"], depth + 1)
        if kind in _NESTED:
            return wkb.collection([self.build(g, depth + 1) for g in geometry["geometries"]], _NESTED[kind])
        return self._simple(kind, geometry["coordinates"])

    def _simple(self, kind: str, coordinates: Any) -> bytes:
        if kind == "Point":
            found = self._positions([coordinates] if coordinates else [])
            return wkb.point(found, wkb.axes_of(found.shape[1]))
        if kind in _FLAT:
            found = self._positions(coordinates)
            return wkb.line(found, wkb.axes_of(found.shape[1]), _FLAT[kind])
        if kind == "Polygon":
            rings = [self._positions(ring) for ring in coordinates]
            return wkb.polygon(rings, wkb.axes_of(rings[0].shape[1]) if rings else "")
        if kind == "Polyhedron":
            shells = [polygon for shell in coordinates for polygon in shell]
            return wkb.collection([self._simple("Polygon", p) for p in shells], wkb.MULTIPOLYGON)
        return wkb.collection([self._simple(_MULTI[kind], part) for part in coordinates], _KINDS[kind])

    def _positions(self, values: list[list[float]]) -> Floats:
        width = 3 if values and all(len(v) >= 3 for v in values) else 2
        found = np.array([v[:width] for v in values], dtype=np.float64).reshape(-1, width)
        if self._turned:
            found[:, :2] = found[:, 1::-1]
        if self._transformer is not None:
            found[:, 0], found[:, 1] = self._transformer.transform(found[:, 0], found[:, 1])
        return found
