"""The source archive (GeoParquet) as shapes on the integer grid of a tile matrix set."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely

from ingest.tiling.projection import Projector
from ingest.tiling.shapes import POLYGON, Ints, Shapes, concatenate, empty, from_geometries, rounded
from ingest.tiling.spool import Room, ShapesSpool
from ingest.tiling.wkb import read_wkb
from naru.errors import CrsUnknown, FileDamaged
from naru.grids import WEB_MERCATOR, Grid
from naru.threads import bounded_map, cores

BATCH = 10_000  # features read at a time
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


@dataclass
class _Exact:
    """Shapes before rounding, batch by batch, as long as they may be a coverage that is not too large."""

    parts: list[Shapes] | None = field(default_factory=list)
    vertices: int = 0

    def add(self, part: Shapes | None) -> None:
        self.vertices += 0 if part is None else len(part.xy)
        if part is None or self.vertices > COVERAGE_VERTICES:
            self.parts = None
        elif self.parts is not None:
            self.parts.append(part)


def beyond(grid: Grid) -> str:
    """Return the reason for which a feature has no tile in a set."""
    west, south, east, north = grid.area
    if grid.id == WEB_MERCATOR:
        return f"beyond the edge of {grid.spoken} (latitude {north:.2f}°)"
    area = f"{west:g} to {east:g}° E, {south:g} to {north:g}° N"
    return f"beyond the part of the world that {grid.spoken} draws ({area})"


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


def read_geometries(source: Source, grid: Grid, pool: Executor, room: Room) -> Geometries:
    """Return every shape of the source on a set's integer grid, in row order.

    Rows without geometry, or whose coordinates have no place in the set, are counted by reason.
    """
    projector = Projector(source.crs, grid)
    shapes, exact, skipped = ShapesSpool(room), _Exact(), Counter[str]()
    for batch in bounded_map(pool, lambda b: _read_batch(source, b, projector), _batches(source), 2 * cores()):
        shapes.add(batch.shapes)
        exact.add(batch.exact)
        skipped.update(batch.skipped)
    return Geometries(shapes.mapped(), concatenate(exact.parts) if exact.parts else None, skipped)


def _batches(source: Source) -> Iterator[tuple[int, Any]]:
    start = 0
    with pq.ParquetFile(source.path, buffer_size=1 << 20, pre_buffer=False) as file:
        for batch in file.iter_batches(BATCH, columns=[source.geometry_column], use_threads=False):
            yield start, batch.column(0)
            start += batch.num_rows


def _read_batch(source: Source, batch: tuple[int, Any], projector: Projector) -> Geometries:
    start, column = batch
    found = _shapes(source, start, column)
    skipped = Counter({"no geometry": len(column) - np.unique(found.row).size})
    if not found.kind.size:
        return Geometries(empty(), None, skipped)
    exact, nowhere, away = projector.placed(found)
    skipped[f"no place in {projector.grid.spoken}"] += nowhere
    skipped[beyond(projector.grid)] += away
    if not exact.kind.size:
        return Geometries(empty(), None, skipped)
    dense = bool((exact.kind == POLYGON).all()) and len(exact.xy) >= DENSE * len(exact.hole)
    return Geometries(rounded(exact), exact if dense else None, skipped)


def _shapes(source: Source, start: int, column: Any) -> Shapes:
    """Return a batch's geometries in the source's own coordinates."""
    full = column.drop_null().cast(pa.large_binary())
    rows = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False)) + start
    _, offsets, data = full.buffers()
    starts = np.frombuffer(offsets, np.int64)[full.offset : full.offset + len(full) + 1]
    found = read_wkb(np.frombuffer(data or b"", np.uint8), starts, rows) if len(full) else empty()
    return _shapes_by_geos(source, full, rows) if found is None else found


def _shapes_by_geos(source: Source, wkb: Any, rows: Ints) -> Shapes:
    try:
        geometries = shapely.from_wkb(wkb.to_numpy(zero_copy_only=False))
    except shapely.errors.GEOSException as cause:
        raise FileDamaged(
            f"rows {rows[0] + 1} to {rows[-1] + 1} hold a geometry that cannot be read: {cause}",
            file=str(source.path),
            field=source.geometry_column,
            remedy="Repair the source, then tile it.",
        ) from cause
    full = ~(shapely.is_missing(geometries) | shapely.is_empty(geometries))
    return from_geometries(geometries[full], rows[full]) if full.any() else empty()
