"""Reads Esri JSON feature sets (ArcGIS REST API: "Feature object", "Geometry objects", "featureSet")."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from ingest import wkb_writer as wkb
from ingest.crs import Claim
from ingest.curves import STEP, vertices
from ingest.json_text import as_utf8, load
from ingest.layers import SourceLayer
from ingest.receive import Dataset
from ingest.rows import Row, batches
from naru.errors import FileDamaged

Floats = npt.NDArray[np.float64]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WEB_MERCATOR = frozenset({102100, 102113, 900913, 3785})
_CURVES = frozenset({"c", "b", "a"})
_BEZIER_STEPS = 32


def read(dataset: Dataset, encoding: str | None, folder: Path) -> SourceLayer:
    """Return the feature set as a layer. Raises FileDamaged, EncodingUnknown, TooLarge."""
    text = as_utf8(dataset, encoding, folder, "Esri JSON")
    document = load(text.path, dataset.file)
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list):
        raise FileDamaged("member `features` is no array", file=dataset.file, remedy="Export it again.")
    rows = list(_rows(document, [f for f in features if isinstance(f, dict)]))
    return SourceLayer(
        name=dataset.name,
        claim=_claim(document, features),
        batches=batches(rows),
        rows=len(rows),
        encoding=text.codec,
        encoding_how=text.how,
        warnings=[*text.notes, *_notes(document)],
    )


def _notes(document: Mapping[str, Any]) -> list[str]:
    if document.get("exceededTransferLimit") is True:
        return ["the server that wrote it left features out (`exceededTransferLimit`): it is not the whole layer"]
    return []


def _claim(document: Mapping[str, Any], features: list[Any]) -> Claim:
    """Return the feature set's `spatialReference`, or that of its first geometry."""
    geometries = (f.get("geometry") for f in features if isinstance(f, dict))
    said = (g["spatialReference"] for g in geometries if isinstance(g, dict) and "spatialReference" in g)
    reference = document.get("spatialReference") or next(said, None)
    return Claim(_crs_text(reference) if isinstance(reference, dict) else None, "the `spatialReference`")


def _crs_text(reference: Mapping[str, Any]) -> str | None:
    """Return a code that PROJ knows: the latest one, of EPSG or of Esri; else the WKT."""
    for name in ("latestWkid", "wkid"):
        wkid = reference.get(name)
        if type(wkid) is not int:
            continue
        if wkid in _WEB_MERCATOR:
            return "EPSG:3857"
        for authority in ("EPSG", "ESRI"):
            try:
                CRS.from_authority(authority, wkid)
            except CRSError:
                continue
            return f"{authority}:{wkid}"
    wkt = reference.get("wkt")
    return wkt if isinstance(wkt, str) and wkt.strip() else None


# --- attributes -------------------------------------------------------------------------------------


def _rows(document: Mapping[str, Any], features: list[dict[str, Any]]) -> Iterator[Row]:
    fields = document.get("fields")
    described = [f for f in fields if isinstance(f, dict)] if isinstance(fields, list) else []
    types = {str(f.get("name")): str(f.get("type")) for f in described}
    for feature in features:
        attributes = feature.get("attributes")
        values = attributes if isinstance(attributes, dict) else {}
        properties = {name: _value(v, types.get(name, "")) for name, v in values.items()}
        yield Row(_geometry(feature.get("geometry")), properties)


def _value(value: Any, kind: str) -> Any:
    """Return a value in the type that its field has; as it is where it is not of that type."""
    if value is None or kind not in _MAKERS:
        return value
    try:
        return _MAKERS[kind](value)
    except (TypeError, ValueError, OverflowError):
        return value


def _moment(milliseconds: float) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


_MAKERS: dict[str, Callable[[Any], Any]] = {
    "esriFieldTypeDate": _moment,
    "esriFieldTypeDateOnly": date.fromisoformat,
    "esriFieldTypeTimeOnly": time.fromisoformat,
    "esriFieldTypeTimestampOffset": datetime.fromisoformat,
    "esriFieldTypeDouble": float,
    "esriFieldTypeSingle": float,
}


# --- geometries -------------------------------------------------------------------------------------


def _geometry(geometry: Any) -> bytes | None:
    """Return an Esri geometry as WKB; None where there is none, no bytes where it is malformed."""
    if not isinstance(geometry, dict) or not geometry:
        return None
    builder = next((build for member, build in _BUILDERS.items() if member in geometry), None)
    try:
        return builder(geometry) if builder is not None else None
    except (TypeError, ValueError, KeyError, IndexError):
        return wkb.UNREADABLE


def _point(geometry: Mapping[str, Any]) -> bytes:
    if geometry["x"] in (None, "NaN") or geometry.get("y") in (None, "NaN"):
        return wkb.point(np.empty((0, 2)))
    axes = "".join(a for a in "zm" if isinstance(geometry.get(a), int | float))
    return wkb.point(np.array([[float(geometry[n]) for n in ("x", "y", *axes)]]), axes)


def _multipoint(geometry: Mapping[str, Any]) -> bytes:
    found, axes = _positions(geometry["points"], geometry)
    return wkb.collection([wkb.point(found[i : i + 1], axes) for i in range(len(found))], wkb.MULTIPOINT)


def _envelope(geometry: Mapping[str, Any]) -> bytes:
    west, south, east, north = (float(geometry[n]) for n in ("xmin", "ymin", "xmax", "ymax"))
    ring = [(west, south), (west, north), (east, north), (east, south), (west, south)]
    return wkb.polygon([np.array(ring)])


def _positions(values: Any, geometry: Mapping[str, Any]) -> tuple[Floats, str]:
    """Return positions and their axes. `hasZ` and `hasM` say what a third number is; some files claim too much."""
    width = min((len(v) for v in values), default=2)
    said = ("z" if geometry.get("hasZ") else "") + ("m" if geometry.get("hasM") else "")
    axes = (said or ("z" if width >= 3 else ""))[: max(0, width - 2)]
    size = 2 + len(axes)
    # NaN stands for a measure that is not known
    return np.array([[_number(n) for n in v[:size]] for v in values], np.float64).reshape(-1, size), axes


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _lines(geometry: Mapping[str, Any]) -> bytes:
    if "curvePaths" in geometry:
        return wkb.collection([_curve(path) for path in geometry["curvePaths"]], wkb.MULTICURVE)
    found = [_positions(path, geometry) for path in geometry["paths"]]
    return _one_or_all([wkb.line(c, axes) for c, axes in found if len(c)], wkb.MULTILINE)


def _one_or_all(parts: list[bytes], kind: int) -> bytes:
    return parts[0] if len(parts) == 1 else wkb.collection(parts, kind)


def _polygons(geometry: Mapping[str, Any]) -> bytes:
    """Return the rings as polygons: outer rings run clockwise, holes the other way, in any order."""
    if "curveRings" in geometry:
        curves = [_curve(ring) for ring in geometry["curveRings"]]
        grouped = _grouped([vertices(curve) for curve in curves])
        parts = [wkb.collection([curves[i] for i in group], wkb.CURVE_POLYGON) for group in grouped]
        return wkb.collection(parts, wkb.MULTISURFACE)
    found = [_positions(ring, geometry) for ring in geometry["rings"]]
    full = [(c, axes) for c, axes in found if len(c)]
    groups = _grouped([c for c, _ in full])
    parts = [wkb.polygon([full[i][0] for i in group], full[group[0]][1]) for group in groups]
    return _one_or_all(parts, wkb.MULTIPOLYGON)


_BUILDERS: dict[str, Callable[[Mapping[str, Any]], bytes]] = {
    "x": _point,
    "points": _multipoint,
    **dict.fromkeys(("paths", "curvePaths"), _lines),
    **dict.fromkeys(("rings", "curveRings"), _polygons),
    "xmin": _envelope,
}


def _grouped(rings: list[Floats]) -> list[list[int]]:
    """Return for each polygon the indexes of its rings, outer first; a hole in no outer ring is a polygon."""
    clockwise = [_signed_area(ring) <= 0 for ring in rings]
    outer = [i for i, c in enumerate(clockwise) if c] or list(range(len(rings)))
    groups = {i: [i] for i in outer}
    shells = [shapely.polygons(_closed(rings[i][:, :2])) for i in outer]
    areas = shapely.area(shells)
    tree = shapely.STRtree(shells)
    for i in (n for n in range(len(rings)) if n not in groups):
        inside = tree.query(shapely.points(rings[i][0, :2]), predicate="intersects")
        if len(inside):
            groups[outer[inside[np.argmin(areas[inside])]]].append(i)
        else:
            groups[i] = [i]
    return list(groups.values())


def _signed_area(ring: Floats) -> float:
    x, y = (ring[:, :2] - ring[0, :2]).T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def _closed(ring: Floats) -> Floats:
    closed = ring if (ring[0] == ring[-1]).all() else np.vstack([ring, ring[:1]])
    return closed if len(closed) >= 4 else np.vstack([closed, np.repeat(closed[-1:], 4 - len(closed), axis=0)])


def _curve(parts: list[Any]) -> bytes:
    """Return a path with curve segments as a compound curve; 2D (ArcGIS REST API, "Curve objects")."""
    here = np.array([[float(n) for n in parts[0][:2]]])
    pieces = []
    for part in parts[1:]:
        kind = next(iter(_CURVES & set(part)), None) if isinstance(part, dict) else None
        segment = _segment(here, part[kind], kind) if kind else np.array([[float(n) for n in part[:2]]])
        pieces.append(wkb.line(np.vstack([here, segment]), kind=wkb.CIRCULAR_STRING if kind == "c" else wkb.LINE))
        here = segment[-1:]
    return wkb.collection(pieces, wkb.COMPOUND_CURVE)


def _segment(start: Floats, values: list[Any], kind: str) -> Floats:
    """Return what follows `start`: an arc by end and interior point, or a Bézier curve or ellipse in steps."""
    if kind == "c":
        end, interior = (np.array([[float(n) for n in p[:2]]]) for p in values[:2])
        return np.vstack([interior, end])
    if kind == "b":
        end, first, second = (np.array([float(n) for n in p[:2]]) for p in values[:3])
        return _bezier(np.array([start[0], first, second, end]))
    return _elliptic(start[0], values)


def _elliptic(start: Floats, values: list[Any]) -> Floats:
    """Return an arc `[end, centre, minor, clockwise, rotation, axis, ratio]`; a circle's lacks the last three."""
    end, centre = (np.array([float(n) for n in p[:2]]) for p in values[:2])
    rotation, ratio = (float(values[4]), float(values[6])) if len(values) >= 7 else (0.0, 1.0)
    cos, sin = math.cos(rotation), math.sin(rotation)
    to_circle = np.array([[cos, sin], [-sin / ratio, cos / ratio]])
    ends = [to_circle @ (p - centre) for p in (start, end)]
    first, last = (math.atan2(p[1], p[0]) for p in ends)
    turn = (last - first) % (2 * math.pi)
    turn = turn - 2 * math.pi if values[3] else turn or 2 * math.pi
    angles = (
        first + np.linspace(0, turn or -2 * math.pi, max(2, math.ceil(abs(turn or 2 * math.pi) / STEP) + 1))[1:]
    )
    circle = math.hypot(*ends[0]) * np.stack([np.cos(angles), np.sin(angles)])
    placed: Floats = (np.linalg.inv(to_circle) @ circle).T + centre
    placed[-1] = end
    return placed


def _bezier(control: Floats) -> Floats:
    t = np.linspace(0, 1, _BEZIER_STEPS + 1)[1:, None]
    weights = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    placed: Floats = weights @ control
    return placed
