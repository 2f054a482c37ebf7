"""Every format that we read: names, types and order come through, and files of other kinds are named."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import unicodedata
import zipfile
from datetime import date
from pathlib import Path

import geopandas
import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from pyproj import CRS

from naru.errors import BadZip, CrsUnknown, FileMissing, NoFeatures, UnknownFormat
from tests.reading import column, dbf, frame, geojson, point, read, read_one, reasons, shapefile

NAMES = ["뷁펲똠 강남구", "서초구", None]
PNU = 1111010100100010000  # 19 digits: more than a double holds


def table() -> geopandas.GeoDataFrame:
    """Return three points with one column of each type."""
    return geopandas.GeoDataFrame(
        {
            "이름": NAMES,
            "PNU": [PNU, PNU + 1, PNU + 2],
            "높이": [1.5, None, -3.25],
            "준공": [date(1999, 12, 31), None, date(2026, 1, 1)],
            "공개": pandas.array([True, False, None], dtype="boolean"),
        },
        geometry=shapely.points([198056.0, 198057, 198058], [551885.0, 551886, 551887]),
        crs=5186,
    )


WRITERS = {
    "x.shp": {"encoding": "CP949"},
    "x.gpkg": {},
    "x.fgb": {"SPATIAL_INDEX": "NO"},
}


@pytest.mark.parametrize("name", [*WRITERS, "x.parquet", "native.parquet"])
def test_names_types_and_order_come_through(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith(".parquet"):
        encoding = "geoarrow" if name == "native.parquet" else "WKB"
        table().to_parquet(path, geometry_encoding=encoding)
    else:
        table().to_file(path, engine="pyogrio", use_arrow=True, **WRITERS[name])
    layer = read_one(path, tmp_path / "out")
    assert (layer.crs, layer.features_kept, layer.geometry) == ("EPSG:5186", 3, "point")
    assert column(layer, "이름") == NAMES
    assert column(layer, "PNU") == [PNU, PNU + 1, PNU + 2]
    assert column(layer, "높이") == [1.5, None, -3.25]
    assert [v and str(v)[:10] for v in column(layer, "준공")] == [
        "1999-12-31",
        None,
        "2026-01-01",
    ]
    assert layer.bounds == pytest.approx((126.97799, 37.5665, 126.97801, 37.5666), abs=2e-4)
    assert list(frame(layer).geometry.x) == [198056, 198057, 198058]


def test_the_archive_is_geoparquet_1_1_in_the_sources_crs(tmp_path: Path) -> None:
    table().to_file(tmp_path / "x.gpkg", engine="pyogrio")
    layer = read_one(tmp_path / "x.gpkg", tmp_path / "out")
    file = pq.ParquetFile(layer.parquet)
    geo = json.loads(file.schema_arrow.metadata[b"geo"])
    about = geo["columns"][geo["primary_column"]]
    assert (geo["version"], about["encoding"], about["geometry_types"]) == ("1.1.0", "WKB", ["Point"])
    assert CRS.from_json_dict(about["crs"]).to_epsg() == 5186
    assert about["bbox"] == [198056, 551885, 198058, 551887]
    assert about["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
    assert list(file.read().column("bbox").to_pylist()[0].values()) == [198056, 551885, 198056, 551885]
    geopandas.read_parquet(layer.parquet, bbox=(198056.5, 0, 198057.5, 1e6))  # the covering column is used


def test_geojson_values_of_every_kind(tmp_path: Path) -> None:
    properties = {
        "정수": 3,
        "실수": 0.5,
        "참": True,
        "날짜": "2026-04-01",
        "목록": [1, "둘"],
        "객체": {"가": 1},
        "없음": None,
    }
    feature = {"type": "Feature", "properties": properties, "geometry": point()}
    (tmp_path / "x.geojson").write_text(json.dumps(feature, ensure_ascii=False), "utf-8")
    row = pq.read_table(read_one(tmp_path / "x.geojson", tmp_path / "out").parquet).to_pylist()[0]
    assert (row["정수"], row["실수"], row["참"], row["날짜"], row["없음"]) == (3, 0.5, True, date(2026, 4, 1), None)
    assert json.loads(row["목록"]) == [1, "둘"]
    assert json.loads(row["객체"]) == {"가": 1}


def test_attributes_called_like_our_own_columns_are_renamed_and_said(tmp_path: Path) -> None:
    feature = {"type": "Feature", "properties": {"geometry": "a", "bbox": "b"}, "geometry": point()}
    (tmp_path / "x.geojson").write_text(json.dumps(feature))
    layer = read_one(tmp_path / "x.geojson", tmp_path / "out")
    assert (column(layer, "geometry_1"), column(layer, "bbox_1")) == (["a"], ["b"])
    assert any("'geometry' became 'geometry_1'" in w for w in layer.warnings)


def test_newline_delimited_geojson_and_byte_order_mark(shared, tmp_path: Path) -> None:
    assert read_one(shared("data/geojson_made/ndjson.geojson"), tmp_path / "a").features_kept == 20
    assert read_one(shared("data/geojson_made/bom.geojson"), tmp_path / "b").features_kept == 1
    sequence = tmp_path / "x.geojsons"
    feature = json.dumps({"type": "Feature", "properties": {}, "geometry": point()})
    sequence.write_text(f"\x1e{feature}\n\x1e{feature}\n")
    assert read_one(sequence, tmp_path / "c").features_kept == 2


def test_mixed_and_missing_geometries_are_accounted_for(shared, tmp_path: Path) -> None:
    layer = read_one(shared("data/geojson_made/mixed_types.geojson"), tmp_path)
    assert (layer.features_read, layer.features_kept, layer.geometry) == (7, 5, "mixed")
    assert reasons(layer.dropped) == {"no geometry": 1, "empty geometry": 1}


def test_geopackage_layers_keep_their_korean_names(tmp_path: Path) -> None:
    for name in ("수문", "제방"):
        table().to_file(tmp_path / "x.gpkg", layer=name, engine="pyogrio")
    assert [la.name for la in read(tmp_path / "x.gpkg", tmp_path / "a")] == ["수문", "제방"]
    assert [la.name for la in read(tmp_path / "x.gpkg", tmp_path / "b", layers=("제방",))] == ["제방"]


def test_an_empty_layer_beside_a_full_one_is_left_out_and_said(tmp_path: Path) -> None:
    table().to_file(tmp_path / "x.gpkg", layer="가득", engine="pyogrio")
    table().head(0).to_file(tmp_path / "x.gpkg", layer="빈", engine="pyogrio")
    layer = read_one(tmp_path / "x.gpkg", tmp_path / "out")
    assert layer.name == "가득"
    assert any("layer '빈' was left out: it has no feature" in w for w in layer.warnings)


# --- zips and folders -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("archives/korean_names_cp949.zip", ["서울시 자치구"]),
        ("archives/uppercase_ext.zip", ["GU"]),
        ("archives/missing_shx.zip", ["g"]),
        ("zip_hostile/two_layers.zip", ["a", "b"]),
    ],
)
def test_zips_as_people_make_them(shared, tmp_path: Path, file: str, names: list[str]) -> None:
    layers = read(shared(f"data/{file}"), tmp_path)
    assert [la.name for la in layers] == names
    assert all(la.features_kept == 25 for la in layers)
    assert "강남구" in column(layers[0], "SIG_KOR_NM")


def test_decomposed_hangul_in_a_zip_is_composed(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "자치구")
    shapefile(tmp_path / "s" / "x", [(127, 37.5)], dbf([b"n"], [[b"1"]]))
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for part in (tmp_path / "s").iterdir():
            archive.write(part, f"folder/{name}{part.suffix.upper()}")
        archive.writestr("__MACOSX/folder/._x.shp", b"x")
        archive.writestr("readme.md", b"x")
    assert read_one(tmp_path / "x.zip", tmp_path / "out").name == "자치구"


def test_a_folder_of_shapefiles_gives_one_layer_each(tmp_path: Path) -> None:
    for name in ("가", "나"):
        shapefile(tmp_path / "in" / name, [(127, 37.5)], dbf([b"n"], [[b"1"]]))
    assert sorted(la.name for la in read(tmp_path / "in", tmp_path / "out")) == ["가", "나"]


def test_a_side_file_stands_for_its_shapefile(tmp_path: Path) -> None:
    path = shapefile(tmp_path / "in" / "x", [(127, 37.5)], dbf([b"n"], [[b"1"]]))
    assert read_one(path.with_suffix(".dbf"), tmp_path / "out").features_kept == 1


def test_a_file_of_another_kind_beside_a_good_one_is_left_out_and_said(tmp_path: Path) -> None:
    geojson(tmp_path / "in.geojson", point())
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a_meta.json", '{"title": "x"}')
        archive.write(tmp_path / "in.geojson", "b.geojson")
    layer = read_one(tmp_path / "x.zip", tmp_path / "out")
    assert any("'a_meta.json' was left out" in w for w in layer.warnings)


# --- refusals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "looks"),
    [
        ("x.geojson", b"<html><body>404</body></html>", "a web page"),
        ("x.json", b'[{"type": "Feature"}]', "a JSON list"),
        ("x.mvt", bytes.fromhex("1a2278020a0362757312"), "a single vector tile"),
        ("x.json", b'{"name": "package", "version": 1}', "JSON of another kind"),
        ("x.txt", "설명입니다.\n".encode(), "text, not a table"),
        ("x.kml", b"<Update></Update>", "a KML update"),
        ("x.tar", b"a.shp".ljust(257, b"\0") + b"ustar\x0000", "a tar archive"),
        ("x.geojson", b"", "an empty file"),
        ("x.bin", b"\x00\x01\x02\x03", "binary"),
    ],
)
def test_other_kinds_are_named_with_what_we_read(tmp_path: Path, name: str, content: bytes, looks: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnknownFormat) as refused:
        read(path, tmp_path / "out")
    assert looks in refused.value.message
    assert refused.value.file == name
    assert refused.value.remedy


def test_an_sqlite_database_that_is_no_geopackage_is_refused(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "x.gpkg")) as db:
        db.execute("CREATE TABLE a (b)")
        db.commit()
    with pytest.raises(UnknownFormat, match="SQLite database but no GeoPackage"):
        read(tmp_path / "x.gpkg", tmp_path / "out")


def test_a_shapefile_named_in_cp949_is_read_whole_and_named_in_korean(shared, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for part in shared("data/korea_crs/gu_5186_cp949").iterdir():
        shutil.copy(part, os.fsencode(folder) + b"/" + "자치구".encode("cp949") + os.fsencode(part.suffix))
    [file] = folder.glob("*.shp")
    for path in (file, folder):
        layer = read_one(path, tmp_path / "out" / path.suffix)
        assert (layer.encoding, layer.crs) == ("CP949", "EPSG:5186")
    assert read_one(file, tmp_path / "out").name == "자치구"


def test_a_link_to_a_shapefile_is_read_with_the_parts_it_leads_to(shared, tmp_path: Path) -> None:
    (tmp_path / "link.shp").symlink_to(shared("data/korea_crs/gu_5186_cp949/gu_5186_cp949.shp"))
    layer = read_one(tmp_path / "link.shp", tmp_path / "out")
    assert (layer.crs, layer.encoding) == ("EPSG:5186", "CP949")


def test_parquet_without_geometry_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "x.parquet")
    with pytest.raises(UnknownFormat, match="Parquet without geometry"):
        read(tmp_path / "x.parquet", tmp_path / "out")


def test_geoparquet_with_crs_null_asks(tmp_path: Path) -> None:
    geopandas.GeoDataFrame(geometry=shapely.points([198000.0], [451900.0])).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(CrsUnknown):
        read(tmp_path / "x.parquet", tmp_path / "out")


@pytest.mark.parametrize("name", ["none.shp", "none.geojson"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileMissing, match="no such file"):
        read(tmp_path / name, tmp_path / "out")


def test_an_attribute_table_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.dbf").write_bytes(dbf([b"n"], [[b"1"]]))
    with pytest.raises(FileMissing, match=r"without its \.shp"):
        read(tmp_path / "x.dbf", tmp_path / "out")


def test_a_zip_of_nothing_to_read_says_what_is_in_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("readme.md", b"x")
    with pytest.raises(UnknownFormat, match=r"readme\.md"):
        read(tmp_path / "x.zip", tmp_path / "out")


def test_garbage_behind_a_zips_first_bytes(shared, tmp_path: Path) -> None:
    with pytest.raises(BadZip, match="not a readable zip"):
        read(shared("data/truncated/not_a_shapefile.zip"), tmp_path)


def test_a_layer_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NoFeatures, match="no layer of that name"):
        read(geojson(tmp_path / "x.geojson", point()), tmp_path / "out", layers=("y",))
