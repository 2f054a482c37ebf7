"""Finds where a raster lies: its CRS, its outline on the globe and on the Mercator plane, its ground resolution.

Outlines are followed on a grid of points over the whole raster, so that curved edges, poles and the 180th
meridian are seen. Mercator coordinates are EPSG:3857 metres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from pyproj.exceptions import ProjError
from rasterio.io import DatasetReader
from rasterio.transform import from_gcps

from ingest.crs import GUESSED, Claim, Resolved, resolve
from naru.errors import CrsRefused, CrsUnknown
from naru.records import BBox
from naru.tms import WEB_MERCATOR_LIMIT

Floats = npt.NDArray[np.float64]
HALF_WORLD = math.pi * 6378137.0  # of the Mercator plane, metres
_STEPS = 33


@dataclass(frozen=True)
class Place:
    """Where a raster lies. `boxes` are one or (across the 180th meridian) two boxes in EPSG:3857."""

    crs: Resolved
    bounds: BBox  # lon/lat
    boxes: tuple[BBox, ...]
    outline: shapely.Geometry  # in EPSG:3857
    cell: float  # side of a source pixel, metres of EPSG:3857
    gcps: bool
    warnings: tuple[str, ...]


def place(source: DatasetReader, claim: Claim, option: str | None, layer: str) -> Place:
    """Find where an open raster lies. `option` is the user's `EPSG:<int>`.

    Raises CrsUnknown (not georeferenced, or no CRS), CrsRefused (it cannot lie there).
    """
    transform, gcps, claim = _transform(source, claim, layer)
    columns, rows = _grid(source.width, source.height)
    x, y = _apply(transform, columns, rows)
    box = np.array([[x.min(), y.min(), x.max(), y.max()]])
    crs = _asked(resolve(claim, option, box, layer), box[0], layer)
    lon, lat = _lonlat(crs, x, y, layer)
    warnings = list(crs.warnings)
    if gcps:
        warnings.append(f"placed by its {len(source.gcps[0])} ground control points (polynomial)")
    lon, whole = _unwrapped(lon, _holds_pole(crs, transform, source, columns.shape))
    boxes_lonlat, bounds = _boxes(lon, lat, whole)
    beyond = float((np.abs(lat) > WEB_MERCATOR_LIMIT + 0.01).mean())
    if beyond:
        warnings.append(f"about {beyond:.1%} of it lies beyond 85.05° north or south, where web maps end: cut off")
    boxes = tuple(_mercator_box(b) for b in boxes_lonlat)
    cell = _cell(lon, lat, columns, rows)
    return Place(crs, bounds, boxes, _outline(lon, lat, boxes, whole or gcps), cell, gcps, tuple(warnings))


def _transform(source: DatasetReader, claim: Claim, layer: str) -> tuple[Affine, bool, Claim]:
    """Return the geotransform, or the one fitted to ground control points, and what the file says of its CRS."""
    points, points_crs = source.gcps
    if source.transform.is_identity and len(points) >= 3:
        text = points_crs.to_wkt() if points_crs else claim.text
        return from_gcps(points), True, Claim(text, "its ground control points" if points_crs else claim.source)
    transform = source.transform
    if transform.is_identity:
        detail = " (only rational polynomials, which need a terrain model)" if source.rpcs else ""
        raise CrsUnknown(
            f"the picture is not georeferenced{detail}: nothing says where on the globe it lies",
            layer=layer,
            remedy="Georeference it in a GIS and save it as GeoTIFF, or hand in its world file (.tfw, .pgw, .jgw).",
        )
    if not all(map(math.isfinite, transform)) or transform.determinant == 0:
        raise CrsRefused(
            "its geotransform has no pixel size", layer=layer, remedy="Write its georeference again in a GIS."
        )
    return transform, False, claim


def _asked(crs: Resolved, box: Floats, layer: str) -> Resolved:
    """Return a CRS that the file or the user has named. One box says too little to guess from.

    Raises CrsUnknown, with the systems that would put the box in Korea.
    """
    if not crs.how.startswith(GUESSED):
        return crs
    shown = f"x {box[0]:.7g} to {box[2]:.7g}, y {box[1]:.7g} to {box[3]:.7g}"
    raise CrsUnknown(
        f"no coordinate reference system is given; its corners ({shown}) would fit {crs.label}",
        layer=layer,
        remedy=f"If that is meant, add --crs {crs.label}; else --crs EPSG:<code>.",
    )


def _grid(width: int, height: int) -> tuple[Floats, Floats]:
    columns, rows = np.meshgrid(np.linspace(0, width, _STEPS), np.linspace(0, height, _STEPS))
    return columns, rows


def _apply(transform: Affine, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
    a, b, c, d, e, f = transform[:6]
    return a * columns + b * rows + c, d * columns + e * rows + f


def _lonlat(crs: Resolved, x: Floats, y: Floats, layer: str) -> tuple[Floats, Floats]:
    """Return the grid in lon/lat; points that lie nowhere take part no more."""
    try:
        lon, lat = crs.to_lonlat().transform(x, y)
    except ProjError:
        lon = lat = np.full(x.shape, np.inf)
    finite = np.isfinite(lon) & np.isfinite(lat) & (np.abs(lat) <= 90.0001) & (np.abs(lon) <= 540)
    if not finite.any():
        raise CrsRefused(
            f"no corner of it lies on the globe when its coordinates are taken as {crs.label}",
            layer=layer,
            remedy="Give the right system with --crs EPSG:<code>, or write its georeference again.",
        )
    return np.where(finite, lon, np.nan), np.clip(np.where(finite, lat, np.nan), -90, 90)


def _holds_pole(crs: Resolved, transform: Affine, source: DatasetReader, shape: tuple[int, ...]) -> bool:
    """Whether a projected raster reaches round a pole, so that it lies at every longitude."""
    if crs.crs.is_geographic:
        return False
    x, y = crs.to_lonlat().transform(np.zeros(2), np.array([90.0, -90.0]), direction="INVERSE")
    if not np.isfinite([x, y]).any():
        return False
    column, row = _apply(~transform, np.asarray(x), np.asarray(y))
    inside = (column >= 0) & (column <= source.width) & (row >= 0) & (row <= source.height)
    back_lat = crs.to_lonlat().transform(np.asarray(x), np.asarray(y))[1]
    return bool((inside & (np.abs(back_lat) > 89.99)).any())


def _unwrapped(lon: Floats, pole: bool) -> tuple[Floats, bool]:
    """Return longitudes without the jump at 180°, and whether they go all round the globe."""
    filled = np.where(np.isnan(lon), np.nanmean(lon), lon)
    steady = np.unwrap(np.unwrap(filled, period=360, axis=1), period=360, axis=0)
    steady = np.where(np.isnan(lon), np.nan, steady)
    return steady, pole or float(np.nanmax(steady) - np.nanmin(steady)) >= 360 - 1e-6


def _boxes(lon: Floats, lat: Floats, whole: bool) -> tuple[list[BBox], BBox]:
    """Return the boxes in lon/lat that hold the raster, cut at the 180th meridian and at the ends of web maps."""
    south, north = (
        float(np.clip(v, -WEB_MERCATOR_LIMIT, WEB_MERCATOR_LIMIT)) for v in (np.nanmin(lat), np.nanmax(lat))
    )
    if whole:
        return [(-180.0, south, 180.0, north)], (-180.0, south, 180.0, north)
    west, east = float(np.nanmin(lon)), float(np.nanmax(lon))
    turns = math.floor((west + 180) / 360) * 360
    west, east = west - turns, east - turns
    if east <= 180:
        return [(west, south, east, north)], (west, south, east, north)
    return [(west, south, 180.0, north), (-180.0, south, east - 360, north)], (-180.0, south, 180.0, north)


def mercator(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Return EPSG:3857 coordinates; latitudes are held within the web map's world."""
    held = np.clip(lat, -WEB_MERCATOR_LIMIT, WEB_MERCATOR_LIMIT)
    return np.asarray(lon) / 180 * HALF_WORLD, np.arctanh(np.sin(np.radians(held))) / math.pi * HALF_WORLD


def _mercator_box(box: BBox) -> BBox:
    x, y = mercator(np.array(box[0::2]), np.array(box[1::2]))
    return float(x[0]), float(y[0]), float(x[1]), float(y[1])


def _cell(lon: Floats, lat: Floats, columns: Floats, rows: Floats) -> float:
    """Return the side of a pixel in the raster's middle (of what a web map shows), in metres of EPSG:3857."""
    shown = np.isfinite(lon) & (np.abs(lat) < WEB_MERCATOR_LIMIT)
    x, y = mercator(lon, lat)
    areas = np.abs(_cross(x, y))
    usable = shown[:-1, :-1] & shown[1:, :-1] & shown[:-1, 1:] & (areas > 0)
    if not usable.any():
        return HALF_WORLD
    step = (columns[0, 1] - columns[0, 0]) * (rows[1, 0] - rows[0, 0])
    return float(math.sqrt(np.median(areas[usable]) / step))


def _cross(x: Floats, y: Floats) -> Floats:
    right = x[:-1, 1:] - x[:-1, :-1], y[:-1, 1:] - y[:-1, :-1]
    down = x[1:, :-1] - x[:-1, :-1], y[1:, :-1] - y[:-1, :-1]
    return np.asarray(right[0] * down[1] - right[1] * down[0])


def _outline(lon: Floats, lat: Floats, boxes: tuple[BBox, ...], loose: bool) -> shapely.Geometry:
    """Return what the raster covers on the Mercator plane: its edge where that is known well, else its boxes."""
    shapes = shapely.union_all([shapely.box(*b) for b in boxes])
    ring = _edge(lon), _edge(lat)
    if loose or np.isnan(ring).any() or len(boxes) > 1:
        return shapes
    turns = math.floor((float(ring[0].min()) + 180) / 360) * 360
    x, y = mercator(ring[0] - turns, ring[1])
    outline = shapely.polygons(np.stack([x, y], axis=-1))
    return outline if outline.is_valid and outline.area > 0 else shapes


def _edge(grid: Floats) -> Floats:
    return np.concatenate([grid[0], grid[1:, -1], grid[-1, -2::-1], grid[-2:0:-1, 0]])
