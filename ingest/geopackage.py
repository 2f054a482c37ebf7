"""Reads GeoPackage (OGC 12-128): the feature tables that its contents table lists, never views.

A view is a program that the file brings along; a recursive one runs for ever.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ingest.crs import Claim
from ingest.layers import SourceLayer
from ingest.ogr import OgrInfo, OgrSource, inspect, stream
from ingest.receive import Dataset
from naru.errors import FileDamaged, NoFeatures, UnknownFormat

_TABLES = ("gpkg_contents", "gpkg_geometry_columns", "gpkg_spatial_ref_sys")
_OPTIONS = {"LIST_ALL_TABLES": "NO"}
_UNDEFINED_SRS = (-1, 0)
_SURFACES = frozenset({"TIN", "POLYHEDRALSURFACE", "TRIANGLE"})
_STEPS = 20_000_000  # of SQLite's machine, for looking at three small tables


@dataclass(frozen=True)
class _Table:
    name: str
    srs_id: int
    is_table: bool
    column: str  # of the geometry
    geometry: str  # its type
    system: str | None  # EPSG:<code> or WKT, as its table of systems says

    @property
    def has_faces(self) -> bool:
        """Whether it holds surfaces of faces, under names that can stand in a query."""
        return self.geometry in _SURFACES and not {'"', "\\"} & set(self.name + self.column)


def read(dataset: Dataset) -> Iterator[SourceLayer]:
    """Yield the feature tables as layers. Raises FileDamaged, UnknownFormat, NoFeatures."""
    path, file = dataset.main, dataset.file
    tables = _feature_tables(path, file)
    refused = [f"'{t.name}' is a view, not a table, and was not read" for t in tables if not t.is_table]
    real = [t for t in tables if t.is_table]
    if not real:
        raise NoFeatures(refused[0] if refused else "it lists no feature table", file=file, remedy="Export tables.")
    for table in real:
        faces = table.column if table.has_faces else None
        source = OgrSource(path, "GPKG", layer=table.name, options=_OPTIONS, faces=faces)
        info = OgrInfo(table.system, -1) if faces else inspect(source, file)
        yield SourceLayer(
            name=table.name,
            claim=Claim(None if table.srs_id in _UNDEFINED_SRS else info.crs, "the GeoPackage"),
            batches=stream(source, file),
            rows=info.rows if 0 < info.rows < 2**40 else 0,
            encoding="UTF-8",
            encoding_how="GeoPackage is UTF-8",
            warnings=list(refused),
        )


def names(path: Path) -> set[str]:
    """Return the names of an SQLite database's tables and views, in small letters; none where it is damaged."""
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)
    try:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        connection.execute("PRAGMA trusted_schema=OFF")
        rows = connection.execute("SELECT lower(name) FROM sqlite_master WHERE type IN ('table','view')")
        return {str(name) for (name,) in rows}
    except sqlite3.DatabaseError:  # whoever reads it says what is wrong
        return set()
    finally:
        connection.close()


def _feature_tables(path: Path, file: str) -> list[_Table]:
    """Return what `gpkg_contents` lists as features, SQLite's own defences up."""
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)
    try:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA cell_size_check=ON")
        connection.set_progress_handler(lambda: 1, _STEPS)
        kinds = dict(
            connection.execute("SELECT lower(name), type FROM sqlite_master WHERE type IN ('table','view')")
        )
        _check_tables(kinds, file)
        rows = connection.execute(
            "SELECT c.table_name, coalesce(g.srs_id, c.srs_id, 0), g.column_name, upper(g.geometry_type_name),"
            " CASE upper(s.organization) WHEN 'EPSG' THEN 'EPSG:' || s.organization_coordsys_id"
            " ELSE s.definition END FROM gpkg_contents c"
            " JOIN gpkg_geometry_columns g ON lower(g.table_name) = lower(c.table_name)"
            " LEFT JOIN gpkg_spatial_ref_sys s ON s.srs_id = coalesce(g.srs_id, c.srs_id)"
            " WHERE c.data_type = 'features'"
        ).fetchall()
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise FileDamaged(
            f"the GeoPackage cannot be read ({error})", file=file, remedy="Export it again."
        ) from error
    finally:
        connection.close()
    return [
        _Table(str(name), int(srs), kinds.get(str(name).lower()) == "table", str(column), str(kind), system)
        for name, srs, column, kind, system in rows
    ]


def _check_tables(kinds: dict[str, str], file: str) -> None:
    missing = [t for t in _TABLES if t not in kinds]
    if missing:
        message = f"it is an SQLite database but no GeoPackage ({missing[0]} is missing)"
        raise UnknownFormat(message, file=file, remedy="Export it as GeoPackage.")
    views = [
        name for name, kind in kinds.items() if kind == "view" and name.startswith(("gpkg_", "rtree_", "sqlite_"))
    ]
    if views:
        raise FileDamaged(f"its table {views[0]} is a view", file=file, remedy="Export it again from a GIS.")
