"""Files made to harm: nothing is fetched, nothing of ours read, nothing written elsewhere, time is bounded."""

from __future__ import annotations

import contextlib
import http.server
import json
import secrets
import sqlite3
import struct
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from ingest.sandbox import Limits
from naru.errors import BadInput, BadZip, NaruError, NoFeatures, TooLarge, UnknownFormat
from tests.reading import dbf, frame, geojson, point, read, read_one, reasons, shapefile


@pytest.fixture
def canary() -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a web server and the list of what was asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.fixture
def secret(tmp_path: Path) -> tuple[Path, str]:
    """Return a file that no reader should open, and the token in it."""
    token = secrets.token_hex(16)
    path = tmp_path / "secret" / "token.csv"
    path.parent.mkdir()
    path.write_text(f"token,x,y\n{token},127,37\n")
    return path, token


SOURCE = '<OGRVRTLayer name="token"><SrcDataSource>{}</SrcDataSource></OGRVRTLayer>'
VRT = f"<OGRVRTDataSource>{SOURCE}</OGRVRTDataSource>"
LOCAL_VRT = VRT.format("CSV:{path}")
REMOTE_VRT = VRT.format("/vsicurl/{url}/a.geojson")
RASTER_VRT = (
    '<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
    "<SourceFilename>{path}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
)
GDALG = '{{"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline ! read {path} ! write"}}'
WMS = '<GDAL_WMS><Service name="TMS"><ServerUrl>{url}/t</ServerUrl></Service></GDAL_WMS>'
GML = '<gml:FeatureCollection xmlns:gml="a" xsi:schemaLocation="a {url}/a.xsd"></gml:FeatureCollection>'
WFS = "<OGRWFSDataSource><URL>{url}/wfs</URL></OGRWFSDataSource>"
JSON_SERVICE = '{{"type": "FeatureCollection", "links": [{{"href": "{url}/next", "rel": "next"}}], "features": []}}'
NAMES = ["a.geojson", "a.json", "a.kml", "a.gpkg", "a.fgb", "a.parquet", "a.shp", "a.kmz", "a.zip"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", [LOCAL_VRT, RASTER_VRT, GDALG, WMS, REMOTE_VRT, GML, WFS, JSON_SERVICE])
def test_a_disguised_file_opens_nothing_and_calls_nobody(tmp_path, canary, secret, name, content) -> None:
    url, asked = canary
    path = tmp_path / name
    path.write_text(content.format(path=secret[0], url=url))
    with pytest.raises(BadInput) as refused:
        read(path, tmp_path / "out")
    assert asked == []
    assert secret[1] not in str(refused.value.to_dict())
    assert not leaked(tmp_path / "out", secret[1])


@pytest.mark.parametrize("kind", ["link", "url", "name"])
def test_a_crs_member_that_names_an_address_is_not_followed(tmp_path: Path, canary, kind: str) -> None:
    url, asked = canary
    key = {"link": "href", "url": "url", "name": "name"}[kind]
    crs = {"type": kind, "properties": {key: f"{url}/crs", "type": "esriwkt"}}
    layer = read_one(geojson(tmp_path / "x.geojson", point(), crs=crs), tmp_path / "out")
    assert (asked, layer.crs, layer.features_kept) == ([], "EPSG:4326", 1)


def test_addresses_in_prj_kml_and_geopackage_are_not_followed(tmp_path: Path, canary) -> None:
    url, asked = canary
    table = dbf([b"n"], [[b"1"]])
    read(shapefile(tmp_path / "a" / "x", [(127, 37)], table, prj=f"{url}/prj"), tmp_path / "out")
    kml = tmp_path / "x.kml"
    kml.write_text(
        f'<kml><Document><Style id="a"><IconStyle><Icon><href>{url}/i</href></Icon></IconStyle></Style><Placemark>'
        f"<styleUrl>{url}/s#a</styleUrl><Point><coordinates>127,37</coordinates></Point></Placemark>"
        f"<NetworkLink><Link><href>{url}/n</href></Link></NetworkLink></Document></kml>"
    )
    read(kml, tmp_path / "out2")
    gpkg = geopackage(tmp_path / "x.gpkg", srs_definition=f"{url}/srs")
    with contextlib.suppress(NaruError):  # whether it is read or refused is another test's matter
        read(gpkg, tmp_path / "out3")
    assert asked == []


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("zipslip_dotdot.zip", BadZip),
        ("symlink_to_etc_passwd.zip", BadZip),
        ("bomb_deflate_512m.zip", TooLarge),
        ("nested_6.zip", BadZip),
        ("encrypted_flag.zip", BadZip),
    ],
)
def test_hostile_zips_are_refused_quickly_and_write_nothing_elsewhere(shared, tmp_path, name, error) -> None:
    start = time.monotonic()
    with pytest.raises(error) as refused:
        read(shared(f"data/zip_hostile/{name}"), tmp_path / "out")
    assert time.monotonic() - start < 5
    assert refused.value.file == name
    assert refused.value.remedy
    assert list(tmp_path.rglob("*")) == [tmp_path / "out"]
    assert not Path("/tmp/naru_pwned.txt").exists()


@pytest.mark.parametrize("entry", ["/etc/naru", "a/../../b.shp", "..\\b.shp", "C:\\b.shp", "C:/b.shp"])
def test_a_zip_entry_that_leads_out_refuses_the_zip(tmp_path: Path, entry: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("x.geojson", json.dumps(point()))
        archive.writestr(zipfile.ZipInfo(entry), "x")
    with pytest.raises(BadZip, match="leads out"):
        read(tmp_path / "x.zip", tmp_path / "out")


def test_zip_entries_that_overlap_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.geojson", json.dumps(point()))
        archive.writestr("b.geojson", json.dumps(point()))
    data = bytearray(path.read_bytes())
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[second + 42 : second + 46] = struct.pack("<I", 10)  # its header is said to lie inside the first entry
    path.write_bytes(data)
    with pytest.raises(BadZip, match="overlaps"):
        read(path, tmp_path / "out")


def test_a_zip_that_lies_about_sizes_is_stopped_while_it_unpacks(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.geojson", b" " * (80 * 2**20))
    data = bytearray(path.read_bytes())
    for magic, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = data.index(magic) + at
        data[start : start + 4] = struct.pack("<I", 1000)
    path.write_bytes(data)
    with pytest.raises((BadZip, TooLarge, UnknownFormat)):
        read(path, tmp_path / "out")
    assert sum(p.stat().st_size for p in (tmp_path / "out").rglob("*") if p.is_file()) == 0


def test_too_many_entries(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for number in range(50):
            archive.writestr(f"{number}.txt", "x")
    with pytest.raises(TooLarge, match="50 entries"):
        read(tmp_path / "x.zip", tmp_path / "out", limits=Limits(entries=20))


def test_a_zip_in_a_zip_bomb_for_kmz(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.kmz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("doc.kml", b"<kml>" + b" " * (200 * 2**20) + b"</kml>")
    with pytest.raises(TooLarge):
        read(tmp_path / "x.kmz", tmp_path / "out")


def test_the_secret_stays_secret_when_a_shapefile_links_to_it(tmp_path: Path, secret) -> None:
    folder = tmp_path / "in"
    shapefile(folder / "x", [(127, 37)], dbf([b"n"], [[b"1"]]))
    (folder / "x.dbf").unlink()
    (folder / "x.dbf").symlink_to(secret[0])
    read(folder, tmp_path / "out")
    assert not leaked(tmp_path / "out", secret[1])


def geopackage(path: Path, view: str = "", srs_definition: str = "undefined") -> Path:
    """Write a GeoPackage whose one feature table may be a view."""
    blob = b"GP\x00\x01" + struct.pack("<i", 4326) + struct.pack("<BIdd", 1, 1, 127.0, 37.5)
    with sqlite3.connect(path) as db:
        db.executescript(
            "PRAGMA application_id = 1196444487; PRAGMA user_version = 10300;"
            "CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT, srs_id INTEGER PRIMARY KEY, organization TEXT,"
            " organization_coordsys_id INTEGER, definition TEXT, description TEXT);"
            "CREATE TABLE gpkg_contents (table_name TEXT PRIMARY KEY, data_type TEXT, identifier TEXT,"
            " description TEXT, last_change DATETIME DEFAULT '2026-01-01T00:00:00.000Z',"
            " min_x DOUBLE, min_y DOUBLE, max_x DOUBLE,"
            " max_y DOUBLE, srs_id INTEGER);"
            "CREATE TABLE gpkg_geometry_columns (table_name TEXT, column_name TEXT, geometry_type_name TEXT,"
            " srs_id INTEGER, z TINYINT, m TINYINT);"
        )
        for name in ("시설", "v") if view else ("시설",):
            db.execute(
                "INSERT INTO gpkg_contents (table_name, data_type, srs_id) VALUES (?, 'features', 4326)",
                (name,),
            )
            db.execute("INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', 'POINT', 4326, 0, 0)", (name,))
        db.execute("INSERT INTO gpkg_spatial_ref_sys VALUES ('x', 4326, 'NONE', 4326, ?, '')", (srs_definition,))
        db.execute("CREATE TABLE 시설 (fid INTEGER PRIMARY KEY, geom POINT, 이름 TEXT)")
        db.execute("INSERT INTO 시설 VALUES (1, ?, '수문')", (blob,))
        if view:
            db.execute(f"CREATE VIEW v AS {view}")
    db.close()
    return path


ENDLESS = (
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 200000000000) "
    "SELECT x AS fid, NULL AS geom, 'x' AS 이름 FROM c"
)


def test_a_geopackage_with_a_recursive_view_is_read_without_the_view(tmp_path: Path) -> None:
    start = time.monotonic()
    layers = read(geopackage(tmp_path / "x.gpkg", ENDLESS), tmp_path / "out", crs="EPSG:4326")
    assert [(la.name, la.features_kept) for la in layers] == [("시설", 1)]
    assert any("'v' is a view" in w for w in layers[0].warnings)
    assert time.monotonic() - start < 5


def test_a_geopackage_whose_own_tables_are_views_is_refused(tmp_path: Path) -> None:
    path = geopackage(tmp_path / "x.gpkg")
    with sqlite3.connect(path) as db:
        db.execute(f"CREATE VIEW gpkg_extensions AS {ENDLESS}")
    db.close()
    with pytest.raises(BadInput, match="gpkg_extensions is a view"):
        read(path, tmp_path / "out")


def test_a_geometry_that_takes_all_memory_is_stopped(tmp_path: Path) -> None:
    ring = ",".join(f"[{127 + n / 1e7},{37 + (n % 2) / 10}]" for n in range(1_000_000))
    path = tmp_path / "x.geojson"
    path.write_text('{"type":"Polygon","coordinates":[[' + ring + "]]}")
    with pytest.raises(TooLarge, match="memory"):
        read(path, tmp_path / "out", limits=Limits(memory_bytes=700 * 2**20))


def test_a_star_of_many_spikes_is_redrawn_in_bounded_time_and_counted(tmp_path: Path) -> None:
    angle = np.linspace(0, 2 * np.pi, 100_000, endpoint=False)
    radius = np.where(np.arange(100_000) % 2, 0.1, 0.001)
    ring = np.column_stack([127 + radius * np.cos(angle), 37 + radius * np.sin(angle)]).round(9)
    star = {"type": "Polygon", "coordinates": [[*ring.tolist(), ring[0].tolist()]]}
    start = time.monotonic()
    layer = read_one(geojson(tmp_path / "x.geojson", star, point()), tmp_path / "out")
    assert reasons(layer.repaired) == {"too intricate to be checked, redrawn on a grid of its own": 1}
    redrawn = frame(layer).geometry[0]
    assert redrawn.is_valid
    assert redrawn.bounds == pytest.approx((126.9, 36.9, 127.1, 37.1), abs=0.2 / 128)
    assert time.monotonic() - start < 15


def test_a_feature_with_more_vertices_than_allowed_is_dropped_with_its_reason(tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[127 + n / 1000, 37] for n in range(200)]}
    layer = read_one(
        geojson(tmp_path / "x.geojson", line, point()), tmp_path / "o", limits=Limits(vertices_per_feature=100)
    )
    assert reasons(layer.dropped) == {"more vertices than allowed": 1}


def test_a_layer_with_more_vertices_than_allowed_is_refused(tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[127 + n / 1000, 37] for n in range(200)]}
    with pytest.raises(TooLarge, match="100 vertices"):
        read(geojson(tmp_path / "x.geojson", line), tmp_path / "out", limits=Limits(vertices_per_layer=100))


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"type":"Polygon","coordinates":' + "[" * 5000 + "]" * 5000 + "}"]
)
def test_json_nested_without_end_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.geojson"
    path.write_text(text)
    with pytest.raises(BadInput) as refused:
        read(path, tmp_path / "out")
    assert refused.value.code in {"FILE_DAMAGED", "FORMAT"}


def test_names_with_markup_and_control_characters_are_plain_data(shared, tmp_path: Path) -> None:
    layer = read_one(shared("data/geojson_made/script_in_props.geojson"), tmp_path)
    row = pq.read_table(layer.parquet).to_pylist()[0]
    assert "<script>" in row["name"] or "<script>" in row["desc"]
    assert "\0" not in str(row)
    assert "__proto__" in row


def test_an_empty_layer_is_never_answered(tmp_path: Path) -> None:
    with pytest.raises(NoFeatures, match="2 × no geometry"):
        read(geojson(tmp_path / "x.geojson", None, None), tmp_path / "out")


def leaked(folder: Path, token: str) -> bool:
    """Whether the token stands in any file below a folder."""
    files = [p for p in folder.rglob("*") if p.is_file()] if folder.exists() else []
    return any(token.encode() in p.read_bytes() for p in files)


def test_more_fields_than_a_table_can_have_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.geojson"
    fields = {f"k{n}": n for n in range(50_000)}
    path.write_text(json.dumps({"type": "Feature", "properties": fields, "geometry": None}))
    start = time.monotonic()
    with pytest.raises(TooLarge, match="fields"):
        read(path, tmp_path / "out")
    assert time.monotonic() - start < 20  # GDAL alone would take minutes
