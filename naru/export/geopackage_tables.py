"""The tables that make a SQLite file a GeoPackage (OGC 12-128r18, annex C), and its spatial index (annex F.3)."""

from __future__ import annotations

from typing import NamedTuple

from pyproj import CRS

SYSTEMS = """CREATE TABLE gpkg_spatial_ref_sys (
  srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY, organization TEXT NOT NULL,
  organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT)"""
CONTENTS = """CREATE TABLE gpkg_contents (
  table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
  description TEXT DEFAULT '',
  last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
  CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id))"""
GEOMETRY_COLUMNS = """CREATE TABLE gpkg_geometry_columns (
  table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL,
  z TINYINT NOT NULL, m TINYINT NOT NULL,
  CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name), CONSTRAINT uk_gc_table_name UNIQUE (table_name),
  CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
  CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id))"""
EXTENSIONS = """CREATE TABLE gpkg_extensions (
  table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL, scope TEXT NOT NULL,
  CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name))"""
METADATA = """CREATE TABLE gpkg_metadata (
  id INTEGER CONSTRAINT m_pk PRIMARY KEY ASC NOT NULL, md_scope TEXT NOT NULL DEFAULT 'dataset',
  md_standard_uri TEXT NOT NULL, mime_type TEXT NOT NULL DEFAULT 'text/xml', metadata TEXT NOT NULL DEFAULT '')"""
METADATA_REFERENCE = """CREATE TABLE gpkg_metadata_reference (
  reference_scope TEXT NOT NULL, table_name TEXT, column_name TEXT, row_id_value INTEGER,
  timestamp DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  md_file_id INTEGER NOT NULL, md_parent_id INTEGER,
  CONSTRAINT crmr_mfi_fk FOREIGN KEY (md_file_id) REFERENCES gpkg_metadata(id),
  CONSTRAINT crmr_mpi_fk FOREIGN KEY (md_parent_id) REFERENCES gpkg_metadata(id))"""
CREATE = (SYSTEMS, CONTENTS, GEOMETRY_COLUMNS, EXTENSIONS, METADATA, METADATA_REFERENCE)

COLUMN_TYPES = {  # by Arrow's name; text for all others
    "bool": "BOOLEAN",
    "int8": "TINYINT",
    "uint8": "SMALLINT",
    "int16": "SMALLINT",
    "uint16": "MEDIUMINT",
    "int32": "MEDIUMINT",
    "uint32": "INTEGER",
    "int64": "INTEGER",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date32[day]": "DATE",
    "date64[ms]": "DATE",
}
_WGS84_DEFINITION = CRS.from_epsg(4326).to_wkt("WKT1_GDAL")


class System(NamedTuple):
    """A row of gpkg_spatial_ref_sys."""

    name: str
    id: int
    organization: str
    organization_id: int
    definition: str
    description: str = ""


REQUIRED_SYSTEMS = (
    System("Undefined Cartesian SRS", -1, "NONE", -1, "undefined"),
    System("Undefined geographic SRS", 0, "NONE", 0, "undefined"),
    System("WGS 84 geodetic", 4326, "EPSG", 4326, _WGS84_DEFINITION, "longitude, latitude in degrees"),
)
_FIRST_FREE_ID = 100_000


def system_of(crs: CRS, code: str | None) -> System:
    """Return the row of a coordinate reference system, which `code` (EPSG:<n>, OGC:CRS84) names if it has one."""
    if code in ("OGC:CRS84", "EPSG:4326"):
        return REQUIRED_SYSTEMS[-1]
    definition = crs.to_wkt("WKT1_GDAL")
    if code is None:
        return System(crs.name, _FIRST_FREE_ID, "naru", _FIRST_FREE_ID, definition)
    number = int(code.removeprefix("EPSG:"))
    return System(crs.name, number, "EPSG", number, definition)


def rtree(table: str) -> tuple[str, ...]:
    """Return the statements that keep a table's R-tree as it should be when somebody edits it (annex F.3)."""
    t, i = _quoted(table), _quoted(f"rtree_{table}_geom")
    triggers = (
        ("insert", f"AFTER INSERT ON {t} WHEN ({_FULL})", f"{_PUT};"),
        ("update1", f"AFTER UPDATE OF geom ON {t} WHEN OLD.fid = NEW.fid AND ({_FULL})", f"{_PUT};"),
        ("update2", f"AFTER UPDATE OF geom ON {t} WHEN OLD.fid = NEW.fid AND {_EMPTY}", f"{_DROP};"),
        ("update3", f"AFTER UPDATE ON {t} WHEN OLD.fid != NEW.fid AND ({_FULL})", f"{_DROP}; {_PUT};"),
        ("update4", f"AFTER UPDATE ON {t} WHEN OLD.fid != NEW.fid AND {_EMPTY}", f"{_DROP_BOTH};"),
        ("delete", f"AFTER DELETE ON {t} WHEN OLD.geom NOTNULL", f"{_DROP};"),
    )
    return tuple(
        f"CREATE TRIGGER {_quoted(f'rtree_{table}_geom_{name}')} {when} BEGIN {then.format(index=i)} END"
        for name, when, then in triggers
    )


_FULL = "NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom)"
_EMPTY = "(NEW.geom ISNULL OR ST_IsEmpty(NEW.geom))"
_PUT = (
    "INSERT OR REPLACE INTO {index} VALUES "
    "(NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom))"
)
_DROP = "DELETE FROM {index} WHERE id = OLD.fid"
_DROP_BOTH = "DELETE FROM {index} WHERE id IN (OLD.fid, NEW.fid)"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
