"""GeoPackage 1.3 (OGC 12-128r18) through SQLite itself: a feature table, its R-tree, its licence as metadata."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from naru.export.geopackage_tables import COLUMN_TYPES, CREATE, REQUIRED_SYSTEMS, rtree, system_of
from naru.export.job import Export
from naru.export.names import distinct
from naru.export.texts import plain
from naru.features.place import Geometries
from naru.features.source import Batch

_APPLICATION_ID, _VERSION = 0x47504B47, 10300  # "GPKG"
_RTREE = "http://www.geopackage.org/spec120/#extension_rtree"
_METADATA = "http://www.geopackage.org/spec120/#extension_metadata"
_DUBLIN_CORE = "http://purl.org/dc/terms/"
_HEADER = np.dtype([("magic", "S2"), ("version", "u1"), ("flags", "u1"), ("srs", "<i4"), ("envelope", "<f8", 4)])
_LITTLE_ENDIAN_WITH_BOX = 0b011  # §2.1.3.1.1: byte order 1, envelope 1 (minx, maxx, miny, maxy)


def write(export: Export, path: Path) -> None:
    """Write the package to `path`, where nothing is yet."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        identity = f"application_id={_APPLICATION_ID}", f"user_version={_VERSION}"
        for pragma in (*identity, "journal_mode=OFF", "synchronous=OFF"):  # who keeps the file syncs it
            database.execute(f"PRAGMA {pragma}")
        database.execute("BEGIN")
        _Package(export, database).fill()
        database.execute("COMMIT")


class _Package:
    """One package being written. The feature table is called by the layer's id, its rows by the features'."""

    def __init__(self, export: Export, database: sqlite3.Connection) -> None:
        self._export, self._database = export, database
        self._table = export.about.id
        self._columns = distinct([f.name for f in export.fields], taken=("fid", "geom"), fold=_fold)
        self._system = system_of(export.crs, export.selection.crs)
        self._kind, self._many = _kind(export.source.geometry_types)
        self._box = np.full(4, np.nan)

    def fill(self) -> None:
        """Write everything."""
        for statement in CREATE:
            self._database.execute(statement)
        self._describe()
        self._create_table()
        for batch in self._export.batches():
            self._insert(batch)
        self._finish()

    def _describe(self) -> None:
        """Say what the package holds, in which system, and whose it is."""
        about, name = self._export.about, self._table
        changed = f"{about.created:%Y-%m-%dT%H:%M:%S.000Z}"
        text = "\n".join(f"{label}: {text}" for label, text in self._export.rows())
        members = json.dumps(about.members(), ensure_ascii=False)
        solid = any(" Z" in kind for kind in self._export.source.geometry_types)
        for row in dict.fromkeys((*REQUIRED_SYSTEMS, self._system)):
            self._add("gpkg_spatial_ref_sys", *row)
        box = (None,) * 4  # known when all is written
        self._add("gpkg_contents", name, "features", about.title_ko, text, changed, *box, self._system.id)
        self._add("gpkg_geometry_columns", name, "geom", self._kind, self._system.id, 2 if solid else 0, 0)
        self._add("gpkg_metadata", 1, "dataset", _DUBLIN_CORE, "application/json", members)
        self._add("gpkg_metadata_reference", "table", name, None, None, changed, 1, None)
        self._add("gpkg_extensions", name, "geom", "gpkg_rtree_index", _RTREE, "write-only")
        for table in ("gpkg_metadata", "gpkg_metadata_reference"):
            self._add("gpkg_extensions", table, None, "gpkg_metadata", _METADATA, "read-write")

    def _add(self, table: str, *row: object) -> None:
        marks = ", ".join("?" * len(row))
        self._database.execute(f"INSERT INTO {table} VALUES ({marks})", row)  # noqa: S608 (our own names)

    def _create_table(self) -> None:
        types = [_column_type(field.type) for field in self._export.fields]
        columns = "".join(f", {_quoted(n)} {t}" for n, t in zip(self._columns, types, strict=True))
        name = _quoted(self._table)
        self._database.execute(
            f"CREATE TABLE {name} (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom {self._kind}{columns})"
        )
        index = _quoted(f"rtree_{self._table}_geom")
        self._database.execute(f"CREATE VIRTUAL TABLE {index} USING rtree(id, minx, maxx, miny, maxy)")

    def _insert(self, batch: Batch) -> None:
        bounds = shapely.bounds(batch.geometries)
        low, high = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
        self._box[:2], self._box[2:] = np.fmin(self._box[:2], low), np.fmax(self._box[2:], high)
        boxes = bounds[:, [0, 2, 1, 3]]
        ids, blobs = batch.ids.tolist(), _blobs(self._promoted(batch.geometries), boxes, self._system.id)
        values = [_values(column) for column in batch.attributes.columns]
        marks = ", ".join("?" * (2 + len(values)))
        insert = f"INSERT INTO {_quoted(self._table)} VALUES ({marks})"  # noqa: S608
        self._database.executemany(insert, zip(ids, blobs, *values, strict=True))
        index = f"INSERT INTO {_quoted(f'rtree_{self._table}_geom')} VALUES (?, ?, ?, ?, ?)"  # noqa: S608
        self._database.executemany(index, zip(ids, *boxes.T.tolist(), strict=True))

    def _promoted(self, geometries: Geometries) -> Geometries:
        """Return single geometries as multi ones of one part, where the table holds both."""
        if not self._many:
            return geometries
        single = np.flatnonzero(np.isin(shapely.get_type_id(geometries), (0, 1, 3)))
        out = geometries.copy()
        for index in single:
            out[index] = _MULTI[out[index].geom_type]([out[index]])
        return out

    def _finish(self) -> None:
        if not np.isnan(self._box).any():
            columns = "min_x = ?, min_y = ?, max_x = ?, max_y = ?"
            self._database.execute(f"UPDATE gpkg_contents SET {columns}", self._box.tolist())  # noqa: S608 (ours)
        for statement in rtree(self._table):
            self._database.execute(statement)


_MULTI: dict[str, Any] = {
    "Point": shapely.multipoints,
    "LineString": shapely.multilinestrings,
    "Polygon": shapely.multipolygons,
}


def _kind(types: tuple[str, ...]) -> tuple[str, bool]:
    """Return the table's geometry type, and whether single geometries must become multi ones for it.

    Programs want one type a table; a single and its multi type can be told as the latter, others cannot.
    """
    names = {name.removesuffix(" Z").upper() for name in types}
    if len(names) == 1:
        return names.pop(), False
    multi = {name if name.startswith("MULTI") else f"MULTI{name}" for name in names}
    return (multi.pop(), True) if len(multi) == 1 else ("GEOMETRY", False)


def _column_type(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "DATETIME"
    return COLUMN_TYPES.get(str(kind), "TEXT")


def _values(column: pa.Array) -> list[Any]:
    """Return values as SQLite holds them: moments in UTC with milliseconds and a Z, dates as text."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        utc = column.cast(pa.timestamp("ms", kind.tz), safe=False).cast(pa.timestamp("ms"))
        return [text and text.replace(" ", "T") + "Z" for text in utc.cast(pa.string()).to_pylist()]
    if str(kind) in COLUMN_TYPES and not pa.types.is_date(kind):
        values: list[Any] = column.to_pylist()
        return values
    texts: list[Any] = plain(column).to_pylist()
    return texts


def _blobs(geometries: Geometries, boxes: npt.NDArray[np.float64], srs: int) -> Iterator[bytes]:
    """Return geometries in GeoPackage's binary form: a header, the box, and ISO WKB (§2.1.3)."""
    headers = np.empty(len(geometries), _HEADER)
    headers["magic"], headers["version"], headers["flags"] = b"GP", 0, _LITTLE_ENDIAN_WITH_BOX
    headers["srs"], headers["envelope"] = srs, boxes
    raw, size = headers.tobytes(), _HEADER.itemsize
    wkb = shapely.to_wkb(geometries, output_dimension=3, byte_order=1, flavor="iso")
    return (raw[i * size : (i + 1) * size] + body for i, body in enumerate(wkb))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _fold(name: str) -> str:
    """Fold case as SQLite does: ASCII letters alone."""
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in name)
