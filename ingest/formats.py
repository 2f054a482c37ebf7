"""Says by its first bytes what a file is, and opens it with the one reader for that. Names decide nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ingest import esri_json, geojson, geopackage, geoparquet, gpx, json_fg, kml, shapefile, topojson
from ingest.crs import Claim
from ingest.layers import SourceLayer
from ingest.ogr import OgrSource, inspect, stream
from ingest.receive import Dataset, office_document, open_zip, workbook
from ingest.sandbox import Limits
from ingest.tables.places import Wanted
from ingest.tables.reader import read_text_table, read_workbook
from naru.errors import BadInput, ColumnsUnknown, NoFeatures, UnknownFormat

_LOOK = 65536
_REMEDY = (
    "We read shapefile, GeoJSON, TopoJSON, Esri JSON, JSON-FG, KML, KMZ, GPX, GeoPackage, FlatGeobuf, GeoParquet, "
    "CSV, XLSX, XLS, ODS."
)
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"fgb\x03fgb", "flatgeobuf"),
    (b"PAR1", "geoparquet"),
    (b"SQLite format 3\x00", "geopackage"),
    (b"\x00\x00\x27\x0a", "shapefile"),
    (b"II*\x00", "GeoTIFF"),
    (b"MM\x00*", "GeoTIFF"),
    (b"II+\x00", "GeoTIFF"),
    (b"MM\x00+", "GeoTIFF"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"UHL1", "DTED"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"PMTiles", "PMTiles"),
    (b"AC10", "a DWG drawing"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls"),
)
RASTERS = frozenset({"GeoTIFF", "PNG", "JPEG", "DTED", "ASCII grid"})  # read by ingest.raster
TILESETS = frozenset({"MBTiles", "PMTiles"})  # read by ingest.tilesets
_GEOPACKAGE_IDS = (b"GPKG", b"GP10", b"GP11")  # OGC 12-128r19 requirement 2: application_id at byte 68
_ASCII_GRID = re.compile(
    rb"\s*(?:ncols|nrows|xllcorner|xllcenter|yllcorner|yllcenter|cellsize)\s+[-+.\d]", re.IGNORECASE
)
_TOPOLOGY = re.compile(rb'"type"\s*:\s*"Topology"')
_ESRI = re.compile(rb'"(?:geometryType|spatialReference|attributes|rings|paths|esriFieldType\w+)"')
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # byte order marks of UTF-16
_XML_BEGINS = re.compile(rb"<[?!A-Za-z_:]")
# A table may begin with [구분] or <번호>, and is neither JSON nor XML.
_JSON_BEGINS = re.compile(rb"\x1e|\{\s*(?:[\"}]|$)|\[\s*(?:[\[{\"\]0-9-]|true|false|null|$)")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x19\x1c-\x1f]")  # no text has these
_NO_WISHES = Wanted()
_TABLES = frozenset({"table", "xls", "xlsx", "ods"})
_XML_ROOTS = {
    **{"html": "a web page", "vrtdataset": "a GDAL VRT", "ogrvrtdatasource": "a GDAL VRT", "gpx": "gpx"},
    **{"gdal_wms": "a GDAL WMS description", "svg": "an SVG picture", "featurecollection": "GML"},
    **{
        "kml": "kml",
        "placemark": "kml",
        "folder": "kml",
        "update": "a KML update of another file",
    },
}


def open_dataset(
    dataset: Dataset, encoding: str | None, folder: Path, limits: Limits, wanted: Wanted = _NO_WISHES
) -> Iterator[SourceLayer]:
    """Yield the dataset's layers. `folder` is for what a reader has to write, `wanted` is for tables.

    Raises UnknownFormat naming what the content looks like, FileDamaged and the readers' other errors.
    """
    kind = sniff(dataset.main)
    readers: dict[str, Callable[[], Iterator[SourceLayer]]] = {
        "shapefile": lambda: iter([shapefile.read(dataset, encoding)]),
        "geojson": lambda: iter([geojson.read(dataset, encoding, folder, lines=False)]),
        "geojson lines": lambda: iter([geojson.read(dataset, encoding, folder, lines=True)]),
        "topojson": lambda: topojson.read(dataset, encoding, folder, limits),
        "esri json": lambda: iter([esri_json.read(dataset, encoding, folder)]),
        "json-fg": lambda: iter([json_fg.read(dataset, encoding, folder)]),
        "kml": lambda: kml.read_kml(dataset, encoding),
        "gpx": lambda: gpx.read(dataset, encoding),
        "table": lambda: read_text_table(dataset, encoding, wanted, folder),
        "xls": lambda: read_workbook(dataset, "xls", wanted, folder, limits),
        "xlsx": lambda: read_workbook(dataset, "xlsx", wanted, folder, limits),
        "ods": lambda: read_workbook(dataset, "ods", wanted, folder, limits),
        "zip": lambda: _open_zip(dataset, encoding, limits),
        "geopackage": lambda: geopackage.read(dataset),
        "flatgeobuf": lambda: iter([_flatgeobuf(dataset)]),
        "geoparquet": lambda: iter([geoparquet.read(dataset)]),
    }
    if kind not in readers:
        raise UnknownFormat(f"it is {kind}, which we do not read", file=dataset.file, remedy=_REMEDY)
    return readers[kind]()


def sniff(path: Path) -> str:
    """Return the format's name, or in plain words what the content looks like."""
    with path.open("rb") as f:
        head = f.read(_LOOK)
    if not head.strip(b"\x00 \t\r\n"):
        return "an empty file"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return "MBTiles" if name == "geopackage" and _is_mbtiles(head, path) else name
    if head.startswith(b"PK\x03\x04"):
        return workbook(path) or "zip"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:2] in _WIDE:
        text = head.decode("utf-16", "ignore").lstrip("\ufeff \t\r\n").encode()
    if _XML_BEGINS.match(text):
        return _sniff_xml(text)
    if _JSON_BEGINS.match(text):
        return _sniff_json(text, path)
    return _sniff_rest(text if head[:2] in _WIDE else head)


def _is_mbtiles(head: bytes, path: Path) -> bool:
    """Whether an SQLite database is an MBTiles file: it has its tables or views, and no GeoPackage's."""
    if head[68:72] in _GEOPACKAGE_IDS:
        return False
    names = geopackage.names(path)
    return {"tiles", "metadata"} <= names and "gpkg_contents" not in names


def _sniff_rest(head: bytes) -> str:
    if _ASCII_GRID.match(head):
        return "ASCII grid"
    if _is_vector_tile(head):
        return "a single vector tile, which has no place of its own"
    if not _CONTROL.search(head):
        return "table"
    return "a tar archive" if head[257:262] == b"ustar" else "of a binary format we do not know"


def _is_vector_tile(head: bytes) -> bool:
    """Whether it begins as a Mapbox Vector Tile (2.1 §4.1): a layer with its name, version and features."""
    if head[:1] != b"\x1a":
        return False
    at = 1
    while at < min(len(head), 6) and head[at] & 0x80:
        at += 1
    return head[at + 1 : at + 2] in (b"\x0a", b"\x78", b"\x12", b"\x28")


def _sniff_xml(text: bytes) -> str:
    """Name an XML document by its root element."""
    body = re.sub(rb"<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(\[.*?\]\s*)?>", b"", text, flags=re.DOTALL)
    root = re.search(rb"<\s*(?:[\w.-]+:)?([\w.-]+)", body)
    name = root.group(1).decode("ascii", "replace").lower() if root else ""
    if name == "document" and b"<Placemark" in body:
        return "kml"
    return _XML_ROOTS.get(name, f"XML of another kind (root element '{name[:40]}')")


def _sniff_json(text: bytes, path: Path) -> str:  # noqa: PLR0911 (one return a kind of document)
    """Name a JSON document by its outermost members."""
    plain = text.lstrip(b"\x1e")
    if text.startswith(b"\x1e") or _is_feature_line(plain):
        return "geojson lines"
    if plain.startswith(b"["):
        return "a JSON list: GeoJSON is an object with the members `type` and `features`"
    members = outer_members(plain)
    kind = members.get("type", "")
    if kind == "Topology" or {"arcs", "objects"} <= set(members) or ("arcs" in members and _ends_as_topology(path)):
        return "topojson"
    if kind.startswith("gdal") or "gdal_version" in members:
        return "a GDAL pipeline"
    if {"coordRefSys", "place", "conformsTo"} & set(members) and kind:
        return "json-fg"
    if not kind and ("features" in members or {"geometryType", "spatialReference"} & set(members)):
        return "esri json" if _ESRI.search(text) else "geojson"
    if kind in geojson.TYPES or "coordinates" in members or "geometry" in members:
        return "geojson"
    return "JSON of another kind"


def _ends_as_topology(path: Path) -> bool:
    """Whether a document that begins with its arcs says further on what it is."""
    with path.open("rb") as f:
        f.seek(max(0, path.stat().st_size - _LOOK))
        return _TOPOLOGY.search(f.read()) is not None


def _is_feature_line(text: bytes) -> bool:
    """Whether the first line is a whole feature and another object follows."""
    line, _, rest = text.partition(b"\n")
    if not rest.lstrip().startswith(b"{"):
        return False
    try:
        first = json.loads(line)
    except ValueError:
        return False
    return isinstance(first, dict) and first.get("type") in geojson.TYPES


_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)


def outer_members(text: bytes) -> dict[str, str]:
    """Return the members of the outermost object that begin in `text`; values only of strings.

    >>> outer_members(b'{"type": "Topology", "objects": {"a": {"type": "Point"}}}')
    {'type': 'Topology', 'objects': ''}
    """
    found: dict[str, str] = {}
    depth, name, awaiting = 0, "", False
    for token in _TOKEN.finditer(text):
        piece = token.group()
        if piece in (b"{", b"["):
            depth, awaiting = depth + 1, False
        elif piece in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and piece == b":":
            found[name], awaiting = "", True
        elif depth == 1 and token.group(1) is not None:
            value = token.group(1).decode("utf-8", "replace")
            if awaiting:
                found[name], awaiting = value, False
            else:
                name = value
        elif piece == b",":
            awaiting = False
    return found


def _open_zip(dataset: Dataset, encoding: str | None, limits: Limits) -> Iterator[SourceLayer]:
    """A zip that came as one dataset is a KMZ, or something else in zip's clothing."""
    with open_zip(dataset.main, dataset.file, limits) as archive:
        names = archive.namelist()
        if any(n.lower().endswith(".kml") for n in names):
            return kml.read_kmz(dataset, encoding, limits)
        looks = office_document(names) or "a zip without .kml"
    raise UnknownFormat(f"it is {looks}, which we do not read", file=dataset.file, remedy=_REMEDY)


def _flatgeobuf(dataset: Dataset) -> SourceLayer:
    source = OgrSource(dataset.main, "FlatGeobuf", size=dataset.main.stat().st_size)
    info = inspect(source, dataset.file)
    return SourceLayer(
        name=dataset.name,
        claim=Claim(info.crs, "the FlatGeobuf header"),
        batches=stream(source, dataset.file),
        rows=max(0, info.rows),
        encoding="UTF-8",
        encoding_how="FlatGeobuf is UTF-8",
    )


def open_all(
    datasets: Iterable[Dataset],
    encoding: str | None,
    folder: Path,
    limits: Limits,
    wanted: Wanted,
    left_out: list[str],
) -> Iterator[tuple[Dataset, SourceLayer]]:
    """Yield every layer of every dataset.

    Beside good ones, a file of another kind, or without places, is passed over, and told in `left_out`.
    """
    refused: list[BadInput] = []
    opened = 0
    for dataset in datasets:
        try:
            for layer in open_dataset(dataset, encoding, folder, limits, wanted):
                opened += 1
                if wanted.x is not None and sniff(dataset.main) not in _TABLES:
                    layer.warnings.append("--x and --y were not used: it is no table")
                yield dataset, layer
        except (UnknownFormat, NoFeatures, ColumnsUnknown) as error:
            error.file = error.file or dataset.file
            refused.append(error)
            left_out.append(f"'{error.file}' was left out: {error.message}")
    if not opened and refused:
        raise refused[0]
    if not opened:
        raise NoFeatures("it holds no layer", remedy="Check the file in a GIS.")
