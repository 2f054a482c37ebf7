"""The formats that a layer can be had in: one table for the command line, the server and the documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

What = Literal["features", "tiles", "pixels"]


@dataclass(frozen=True)
class Format:
    """One format. `lonlat`: WGS 84 longitude and latitude unless another system is asked for."""

    name: str
    suffix: str
    media_type: str
    what: What
    lonlat: bool = False


_OPEN_XML = "application/vnd.openxmlformats-officedocument"
TABLE = (
    Format("shp", ".zip", "application/zip", "features"),
    Format("geojson", ".geojson", "application/geo+json", "features", lonlat=True),
    Format("kml", ".kml", "application/vnd.google-earth.kml+xml", "features", lonlat=True),
    Format("csv", ".csv", "text/csv; charset=utf-8; header=present", "features", lonlat=True),
    Format("xlsx", ".xlsx", f"{_OPEN_XML}.spreadsheetml.sheet", "features", lonlat=True),
    Format("gpkg", ".gpkg", "application/geopackage+sqlite3", "features"),
    Format("parquet", ".parquet", "application/vnd.apache.parquet", "features"),
    Format("pmtiles", ".pmtiles", "application/vnd.pmtiles", "tiles"),
    Format("mbtiles", ".mbtiles", "application/vnd.sqlite3", "tiles"),
    Format("tif", ".tif", "image/tiff; application=geotiff; profile=cloud-optimized", "pixels"),
)
FIELDS_TABLE, README = "fields.csv", "README.txt"  # beside the shapefiles of a zip
FIELDS_HEADER = ("field", "in the dbf", "note")
BESIDE_SHAPES = {  # how these files begin, so that `naru ingest` tells ours from others of the same name
    FIELDS_TABLE: ("\ufeff" + ",".join(f'"{name}"' for name in FIELDS_HEADER) + "\r\n",),
    README: ("\ufeff제목 / title: ", "\ufeff레이어 / layer: "),
}
FORMATS = {row.name: row for row in TABLE}
FEATURE_FORMATS = tuple(row.name for row in TABLE if row.what == "features")
