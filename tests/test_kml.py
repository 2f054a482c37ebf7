"""KML as people have it: Korean field names, folders, tracks, odd encodings; and what attackers send."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import pytest

from naru.errors import FileDamaged, NoFeatures
from tests.reading import column, frame, read, read_one, reasons

HEAD = (
    '<?xml version="1.0" encoding="{}"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>{}</Document></kml>'
)
AT = "<Point><coordinates>126.978,37.5665</coordinates></Point>"


DATA = '<Data name="{}"><value>{}</value></Data>'
SIMPLE = '<SimpleData name="{}">{{}}</SimpleData>'
SCHEMA_DATA = '<ExtendedData><SchemaData schemaUrl="#s">{}</SchemaData></ExtendedData>'


def kml(path: Path, body: str, encoding: str = "UTF-8") -> Path:
    path.write_bytes(HEAD.format(encoding, body).encode(encoding))
    return path


def placemark(name: str, inside: str = AT, fields: str = "") -> str:
    return f"<Placemark><name>{name}</name>{fields}{inside}</Placemark>"


def test_korean_field_names_are_kept_exactly(tmp_path: Path) -> None:
    data = DATA.format("비고", "수문") + DATA.format("층수", "3")
    path = kml(tmp_path / "x.kml", placemark("가", fields=f"<ExtendedData>{data}</ExtendedData>"))
    layer = read_one(path, tmp_path / "out")
    assert (column(layer, "비고"), column(layer, "층수"), column(layer, "name")) == (["수문"], ["3"], ["가"])


def test_schema_data_has_the_types_that_the_schema_declares(tmp_path: Path) -> None:
    schema = '<Schema id="s"><SimpleField name="층수" type="int"/><SimpleField name="높이" type="double"/></Schema>'
    row = SCHEMA_DATA.format(SIMPLE.format("층수") + SIMPLE.format("높이"))
    body = schema + placemark("가", fields=row.format(3, 9.5)) + placemark("나", fields=row.format(12, ""))
    layer = read_one(kml(tmp_path / "x.kml", body), tmp_path / "out")
    assert column(layer, "층수") == [3, 12]
    assert column(layer, "높이") == [9.5, None]


def test_a_value_that_is_not_of_its_declared_type_keeps_the_field_as_text(tmp_path: Path) -> None:
    schema = '<Schema id="s"><SimpleField name="층수" type="int"/></Schema>'
    row = SCHEMA_DATA.format(SIMPLE.format("층수"))
    body = schema + placemark("가", fields=row.format(3)) + placemark("나", fields=row.format("지하 1"))
    assert column(read_one(kml(tmp_path / "x.kml", body), tmp_path / "out"), "층수") == ["3", "지하 1"]


def test_folders_become_layers_and_a_second_of_the_same_name_is_told_apart(tmp_path: Path) -> None:
    folder = "<Folder><name>{}</name>{}</Folder>"
    body = folder.format("상류", placemark("a")) + folder.format("하류", placemark("b") * 2)
    body += folder.format("상류", placemark("c"))
    layers = read(kml(tmp_path / "x.kml", body), tmp_path / "out")
    assert [(la.name, la.features_kept) for la in layers] == [("상류", 1), ("하류", 2), ("상류 (2)", 1)]


def test_very_many_folders_become_one_layer_with_the_folder_as_field(tmp_path: Path) -> None:
    body = "".join(f"<Folder><name>{n}동</name>{placemark(str(n))}</Folder>" for n in range(40))
    layer = read_one(kml(tmp_path / "x.kml", body), tmp_path / "out")
    assert layer.features_kept == 40
    assert column(layer, "folder")[39] == "39동"
    assert any("40 folders" in w for w in layer.warnings)


@pytest.mark.parametrize("encoding", ["EUC-KR", "UTF-8", "UTF-16"])
def test_declared_encodings(tmp_path: Path, encoding: str) -> None:
    layer = read_one(kml(tmp_path / "x.kml", placemark("서울 수문"), encoding), tmp_path / "out")
    assert column(layer, "name") == ["서울 수문"]


def test_cp949_without_or_with_a_wrong_declaration(shared, tmp_path: Path) -> None:
    layer = read_one(shared("data/kml_made/cp949_undeclared.kml"), tmp_path / "a")
    assert column(layer, "name") == ["뚝섬 수문"]
    assert layer.encoding == "CP949"
    wrong = tmp_path / "wrong.kml"
    wrong.write_bytes(HEAD.format("UTF-8", placemark("뚝섬")).encode("cp949"))
    assert column(read_one(wrong, tmp_path / "b"), "name") == ["뚝섬"]


LINE = "<LineString><coordinates>{}</coordinates></LineString>"
RING = "<LinearRing><coordinates>{}</coordinates></LinearRing>"
TRACK = "<gx:Track><when>a</when><gx:coord>127 37.5 0</gx:coord><gx:coord>127.1 37.6 0</gx:coord></gx:Track>"
INNER = f"<innerBoundaryIs>{RING.format('1,1 2,1 2,2 1,1')}</innerBoundaryIs>"
OUTER = f"<outerBoundaryIs>{RING.format('0,0 9,0 9,9 0,9 0,0')}</outerBoundaryIs>"
TWO = f"<MultiGeometry>{AT}{AT.replace('126', '125')}</MultiGeometry>"


@pytest.mark.parametrize(
    ("geometry", "wkt"),
    [
        (LINE.format("127,37.5,3 127.1,37.6,4"), "LINESTRING Z (127 37.5 3, 127.1 37.6 4)"),
        (LINE.format("127 , 37.5\n127.1 , 37.6"), "LINESTRING (127 37.5, 127.1 37.6)"),
        (TRACK, "LINESTRING Z (127 37.5 0, 127.1 37.6 0)"),
        (TWO, "MULTIPOINT ((126.978 37.5665), (125.978 37.5665))"),
        (f"<Polygon>{INNER}{OUTER}</Polygon>", "POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (1 1, 2 1, 2 2, 1 1))"),
    ],
)
def test_geometries(tmp_path: Path, geometry: str, wkt: str) -> None:
    layer = read_one(kml(tmp_path / "x.kml", placemark("a", geometry)), tmp_path / "out")
    assert frame(layer).geometry[0].wkt == wkt


def test_an_open_ring_is_closed_and_its_height_kept(shared, tmp_path: Path) -> None:
    layer = read_one(shared("data/kml_made/unclosed_ring_altitude.kml"), tmp_path)
    polygon = frame(layer).geometry[0]
    assert {z for _, _, z in polygon.exterior.coords} == {30}
    assert len(polygon.exterior.coords) == 5
    assert reasons(layer.repaired) == {"open ring closed": 1}


def test_every_placemark_is_accounted_for(tmp_path: Path) -> None:
    odd = ["", "<Point><coordinates/></Point>", "<Point><coordinates>a,b</coordinates></Point>", "<Model/>"]
    layer = read_one(
        kml(tmp_path / "x.kml", placemark("good") + "".join(placemark("x", g) for g in odd)), tmp_path / "o"
    )
    assert (layer.features_read, layer.features_kept) == (5, 1)
    assert reasons(layer.dropped) == {"no geometry": 2, "empty geometry": 1, "geometry cannot be read": 1}


def test_network_links_are_counted_and_not_followed(shared, tmp_path: Path) -> None:
    layer = read_one(shared("data/kml_made/networklink_ssrf.kml"), tmp_path)
    assert layer.features_kept == 1
    assert "2 network links were not followed" in layer.warnings


def test_kml_without_placemarks_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(NoFeatures, match="1 network links were not followed"):
        read(
            kml(tmp_path / "x.kml", "<NetworkLink><Link><href>http://x/</href></Link></NetworkLink>"),
            tmp_path / "o",
        )


@pytest.mark.parametrize("name", ["billion_laughs.kml", "xxe_file.kml"])
def test_entities_are_refused_at_once(shared, tmp_path: Path, name: str) -> None:
    start = time.monotonic()
    with pytest.raises(FileDamaged, match="DOCTYPE"):
        read(shared(f"data/kml_made/{name}"), tmp_path)
    assert time.monotonic() - start < 2


def test_a_cut_file_is_refused_with_the_position(tmp_path: Path) -> None:
    path = kml(tmp_path / "x.kml", placemark("a"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FileDamaged, match=r"not well-formed XML.*line 1, column"):
        read(path, tmp_path / "out")


def test_elements_nested_without_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileDamaged, match="nested too deeply"):
        read(kml(tmp_path / "x.kml", "<Folder>" * 5000 + "</Folder>" * 5000), tmp_path / "out")


def test_kmz_reads_its_kml_whatever_it_is_called(shared, tmp_path: Path) -> None:
    assert read_one(shared("data/kml_made/doc_not_named_doc.kmz"), tmp_path / "a").features_kept == 1
    gu = read_one(shared("data/kml_made/seoul_gu.kmz"), tmp_path / "b")
    assert gu.features_kept == 25
    assert "강남구" in column(gu, "SIG_KOR_NM")


def test_every_kml_in_a_kmz_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.kmz", "w") as archive:
        archive.writestr("doc.kml", HEAD.format("UTF-8", "<name>main</name>" + placemark("a")))
        archive.writestr("files/강변.kml", HEAD.format("UTF-8", placemark("b")))
    layers = read(tmp_path / "x.kmz", tmp_path / "out")
    assert [la.name for la in layers] == ["main", "강변"]
