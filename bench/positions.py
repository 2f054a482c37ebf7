"""How far from the truth does a layer lie? What was published against what independent readers found, by pyproj."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import shapely
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import CRSError, ProjError

from bench.cases import Case

Floats = npt.NDArray[np.float64]
ALLOWED_M = 5.0
_MERCATOR_EDGE = 20037508.342789244
_TOP = 85.05112877980659  # degrees: where Web Mercator ends
_POLE = 89.999  # degrees
_METRES = 111_320.0  # of a degree of latitude
_GEOD = Geod(ellps="WGS84")


def crs_of_truth(case: Case, claimed: str | None) -> CRS | None:
    """Return the CRS that the truth's numbers are in; None where the independent reader names none."""
    if code := case.expected_code():
        return CRS.from_epsg(code)
    try:
        return CRS.from_user_input(claimed) if claimed and claimed.startswith("EPSG:") else None
    except CRSError:
        return None


def vector_error_m(case: Case, layers: Sequence[Mapping[str, Any]], sources: Sequence[Path]) -> float | None:
    """Return by how many metres the source archives' extent is not the truth's; None where nothing tells."""
    truths = [t for t in case.truth.get("layers", ()) if t.get("extent") and int(t["count"]) > 0]
    touched = any(one["features_dropped"] or one["features_repaired"] for one in layers)
    whole = not touched and len(truths) == len(layers)
    found = [(_extent(path), _crs(path)) for path in sources]
    if not truths or any(box is None or crs is None for box, crs in found):
        return None
    crs = found[0][1]
    assert crs is not None
    wanted = _union([_to(t["extent"], crs_of_truth(case, t["crs"]), crs) for t in truths])
    ours = _union([box for box, _ in found if box is not None])
    if len({c.to_wkt() for _, c in found if c is not None}) > 1 or not np.isfinite(wanted).all():
        return None
    return _apart_m(ours, wanted, crs, whole)


def _extent(parquet: Path) -> Floats | None:
    geometry = pq.read_table(parquet, columns=["geometry"]).column(0).to_pylist()
    box = shapely.total_bounds(shapely.from_wkb(geometry))
    return None if np.isnan(box).any() else box


def _crs(parquet: Path) -> CRS | None:
    """Return the CRS of GeoParquet 1.1; one without is OGC:CRS84."""
    geo = json.loads((pq.read_schema(parquet).metadata or {})[b"geo"])
    said = geo["columns"][geo["primary_column"]].get("crs", "OGC:CRS84")
    return CRS.from_user_input(said) if said else None


def _union(boxes: Sequence[Floats]) -> Floats:
    return np.array([*np.min([b[:2] for b in boxes], axis=0), *np.max([b[2:] for b in boxes], axis=0)])


def _to(extent: Sequence[float], crs: CRS | None, target: CRS) -> Floats:
    """Return an extent in another CRS: unchanged where both are one, or nothing is known."""
    box = np.array(extent, dtype=float)
    if crs is None or crs.to_2d().equals(target.to_2d(), ignore_axis_order=True):
        return box
    x, y = _outline(box)
    try:
        moved = Transformer.from_crs(crs, target, always_xy=True).transform(x, y)
    except ProjError:
        return np.full(4, np.inf)
    return np.array([np.min(moved[0]), np.min(moved[1]), np.max(moved[0]), np.max(moved[1])])


def _outline(box: Floats, steps: int = 33) -> tuple[Floats, Floats]:
    """Return points along the edges of a box."""
    t = np.linspace(0, 1, steps)
    west, south, east, north = box
    x, y = west + (east - west) * t, south + (north - south) * t
    full = np.ones(steps)
    return np.concatenate([x, x, full * west, full * east]), np.concatenate([full * south, full * north, y, y])


def _apart_m(ours: Floats, wanted: Floats, crs: CRS, whole: bool) -> float:
    """Return the largest distance between edges; where features were lost or changed, only what reaches out."""
    apart = ours - wanted
    if not whole:
        apart = np.array([min(0.0, apart[0]), min(0.0, apart[1]), max(0.0, apart[2]), max(0.0, apart[3])])
    if not crs.is_geographic:
        return float(np.abs(apart).max() * crs.axis_info[0].unit_conversion_factor)
    if _round_the_world(ours) or _round_the_world(wanted):  # split there, and led over a pole that it encloses
        apart[[0, 2]] = 0.0
        apart[[1, 3]] = np.where(np.abs(ours[[1, 3]]) > _POLE, 0.0, apart[[1, 3]])
    squeeze = math.cos(math.radians(min(89.0, abs(wanted[1] + wanted[3]) / 2)))
    return float(max(np.abs(apart[[0, 2]]).max() * squeeze, np.abs(apart[[1, 3]]).max()) * _METRES)


def _round_the_world(box: Floats) -> bool:
    """Whether a box in degrees touches the 180th meridian, where features are split."""
    return bool(box[0] <= -179.999 or box[2] >= 179.999)


def raster_error_m(case: Case, layer: Mapping[str, Any], pixel_m: float) -> float | None:
    """Return how far a raster's bounds are from its own geotransform's, beyond a pixel of the map grid each way."""
    truth = case.truth
    crs = crs_of_truth(case, truth.get("crs"))
    if crs is None or not truth.get("geotransform") or truth.get("gcps"):
        return None
    wanted = _mercator(*_raster_outline(truth), crs)
    west, south, east, north = layer["bounds"]
    ours = _mercator(np.array([west, east]), np.array([south, north]), CRS.from_epsg(4326))
    if wanted is None or ours is None or wanted[2] - wanted[0] > 1.9 * _MERCATOR_EDGE:
        return None
    scale = math.cos(math.radians(min(_TOP, max(abs(south), abs(north)))))
    pixel = max(pixel_m / max(scale, 0.01), _source_pixel(truth, wanted)) * 1.5
    return float(max(0.0, np.abs(ours - wanted).max() - pixel) * scale)


def _source_pixel(truth: Mapping[str, Any], box: Floats) -> float:
    width, height = truth["size"]
    return float(max((box[2] - box[0]) / width, (box[3] - box[1]) / height))


def _raster_outline(truth: Mapping[str, Any]) -> tuple[Floats, Floats]:
    """Return points along a raster's edges by its affine geotransform (GDAL data model)."""
    column, row = _outline(np.array([0.0, 0.0, *map(float, truth["size"])]))
    a = truth["geotransform"]
    return a[0] + column * a[1] + row * a[2], a[3] + column * a[4] + row * a[5]


def _mercator(x: Floats, y: Floats, crs: CRS) -> Floats | None:
    """Return the bounds of points in EPSG:3857, within its square."""
    try:
        lon, lat = Transformer.from_crs(crs, CRS.from_epsg(4326), always_xy=True).transform(x, y)
        good = np.isfinite(lon) & np.isfinite(lat)
        to_metres = Transformer.from_crs(4326, 3857, always_xy=True)
        mx, my = to_metres.transform(lon[good], np.clip(lat[good], -_TOP, _TOP))
    except ProjError:
        return None
    if not good.any():
        return None
    edge = _MERCATOR_EDGE
    return np.clip(np.array([np.min(mx), np.min(my), np.max(mx), np.max(my)]), -edge, edge)


def distance_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Return the distance of two lon/lat points on the ellipsoid."""
    return float(abs(_GEOD.inv(*a, *b)[2]))
