"""The source archive (GeoParquet) as shapes on the global grid."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely
from numpy.typing import NDArray

from ingest.tiling.options import EQUATOR_M, GRID_ZOOM
from ingest.tiling.shapes import POLYGON, Shapes, concatenate, from_geometries, rounded
from ingest.tiling.threads import bounded_map, cores
from naru.errors import CrsUnknown, FileDamaged

BATCH = 10_000  # features read at a time
GRID = float(2 ** (GRID_ZOOM + 12))  # steps around the equator

DENSE = 12  # mean vertices of a polygon from which a layer may be a coverage worth simplifying as one
COVERAGE_VERTICES = 3_000_000  # larger layers are simplified polygon by polygon, to bound memory


@dataclass(frozen=True)
class Source:
    """An opened GeoParquet source (version 1.0 or 1.1, WKB)."""

    path: Path
    geometry_column: str
    crs: pyproj.CRS
    columns: tuple[str, ...]  # attribute columns, in order
    rows: int


@dataclass(frozen=True)
class Geometries:
    """All shapes of a source; `exact` are the same before rounding, while they may be a coverage."""

    shapes: Shapes
    exact: Shapes | None
    skipped: Counter[str]


def open_source(path: Path) -> Source:
    """Return what the GeoParquet file's metadata says of it.

    Raises FileDamaged where it is no GeoParquet with WKB, CrsUnknown where its CRS is null.
    Source: GeoParquet 1.1.0, "File metadata" and "Column metadata".
    """
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            geo = json.loads((file.metadata.metadata or {})[b"geo"])
            column = str(geo["primary_column"])
            about = geo["columns"][column]
    except (pa.ArrowInvalid, OSError, KeyError, ValueError) as cause:
        raise FileDamaged(
            f"not a GeoParquet file: {cause}", file=str(path), remedy="Give a GeoParquet 1.x file."
        ) from cause
    if about.get("encoding") != "WKB":
        raise FileDamaged(
            f"geometry is encoded as {about.get('encoding')}, not WKB",
            file=str(path),
            field=column,
            remedy="Write the source with WKB geometry.",
        )
    hidden = set(geo["columns"]) | _covering_columns(about)
    columns = tuple(name for name in schema.names if name not in hidden)
    return Source(path, column, _crs_of(about, path), columns, rows)


def _covering_columns(about: dict[str, Any]) -> set[str]:
    box = about.get("covering", {}).get("bbox", {})
    return {str(corner[0]) for corner in box.values()}


def _crs_of(about: dict[str, Any], path: Path) -> pyproj.CRS:
    if "crs" not in about:  # GeoParquet 1.1: absent means OGC:CRS84
        return pyproj.CRS.from_user_input("OGC:CRS84")
    if about["crs"] is None:
        raise CrsUnknown("the source archive has no CRS", file=str(path), remedy="Give the CRS of the data.")
    return pyproj.CRS.from_json_dict(about["crs"])


def read_geometries(source: Source, pool: Executor) -> Geometries:
    """Return every shape of the source on the global grid, in row order.

    Rows without geometry, or whose coordinates have no place in Web Mercator, are counted by reason.
    """
    projector = _Projector(source.crs)
    batches = list(bounded_map(pool, lambda b: _read_batch(source, b, projector), _batches(source), 2 * cores()))
    shapes = concatenate([batch.shapes for batch in batches])
    kept = [batch.exact for batch in batches if batch.exact is not None]
    whole = len(kept) == len(batches) and sum(len(part.xy) for part in kept) <= COVERAGE_VERTICES
    skipped = sum((batch.skipped for batch in batches), Counter())
    return Geometries(shapes, concatenate(kept) if whole and kept else None, skipped)


def _batches(source: Source) -> Iterable[tuple[int, NDArray[Any]]]:
    start = 0
    with pq.ParquetFile(source.path) as file:
        for batch in file.iter_batches(BATCH, columns=[source.geometry_column], use_threads=False):
            yield start, batch.column(0).to_numpy(zero_copy_only=False)
            start += batch.num_rows


def _read_batch(source: Source, batch: tuple[int, NDArray[Any]], projector: _Projector) -> Geometries:
    start, wkb = batch
    try:
        geometries = shapely.from_wkb(wkb)
    except shapely.errors.GEOSException as cause:
        raise FileDamaged(
            f"rows {start + 1} to {start + len(wkb)} hold a geometry that cannot be read: {cause}",
            file=str(source.path),
            field=source.geometry_column,
            remedy="Repair the source, then tile it.",
        ) from cause
    skipped: Counter[str] = Counter()
    full = ~(shapely.is_missing(geometries) | shapely.is_empty(geometries))
    skipped["no geometry"] += int((~full).sum())
    rows = np.flatnonzero(full) + start
    if not rows.size:
        return Geometries(concatenate([]), None, skipped)
    geometries, outside = projector.placed(geometries[full])
    skipped["no place in Web Mercator"] += int(outside.sum())
    if outside.all():
        return Geometries(concatenate([]), None, skipped)
    exact = from_geometries(geometries[~outside], rows[~outside])
    dense = bool((exact.kind == POLYGON).all()) and len(exact.xy) >= DENSE * len(exact.hole)
    return Geometries(rounded(exact), exact if dense else None, skipped)


class _Projector:
    """From the source's CRS to the grid; PROJ's objects belong to one thread each."""

    def __init__(self, crs: pyproj.CRS) -> None:
        self.crs = crs
        self._own = threading.local()

    def placed(self, geometries: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the geometries in float64 grid coordinates, and which have none (True)."""
        xy, index = shapely.get_coordinates(geometries, return_index=True)
        placed = self._to_grid(xy)
        outside = np.zeros(len(geometries), np.bool_)
        outside[index[~np.isfinite(placed).all(axis=1)]] = True
        return shapely.set_coordinates(shapely.force_2d(geometries), placed), outside

    def _to_grid(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = xy[:, 0], xy[:, 1]
        if self.crs.is_geographic:  # the poles are infinitely far away in Mercator
            y = np.clip(y, -89.9, 89.9)
        east, north = self._transformer().transform(x, y)
        return np.column_stack([(east / EQUATOR_M + 0.5) * GRID, (0.5 - north / EQUATOR_M) * GRID])

    def _transformer(self) -> pyproj.Transformer:
        if not hasattr(self._own, "transformer"):
            self._own.transformer = pyproj.Transformer.from_crs(self.crs, "EPSG:3857", always_xy=True)
        own: pyproj.Transformer = self._own.transformer
        return own


def lonlat(x: float, y: float) -> tuple[float, float]:
    """Return longitude and latitude (WGS 84 degrees) of a grid position."""
    longitude = (x / GRID - 0.5) * 360.0
    latitude = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * y / GRID))))
    return float(longitude), float(latitude)
