"""Which columns say where rows lie, in which system, and what is asked when it is not certain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from ingest.reading import ReadLayer
from naru.errors import ColumnsUnknown, CrsRefused, CrsUnknown, NoFeatures
from naru.point_number import encode
from tests.conftest import naru, naru_json
from tests.reading import frame, read_one, reasons

CITY_HALL = (126.978275264, 37.566642192)


def table(folder: Path, *lines: str, **options: object) -> ReadLayer:
    """Read lines as a file of one layer."""
    path = folder / "표.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return read_one(path, folder / "out", **options)


def first_place(layer: ReadLayer) -> tuple[float, float]:
    """Return the first feature's position in WGS 84."""
    point = frame(layer).to_crs(4326).geometry.iloc[0]
    return point.x, point.y


def near_city_hall(layer: ReadLayer, metres: float = 1.0) -> bool:
    """Whether the first feature lies at Seoul's City Hall."""
    to_metres = Transformer.from_crs(4326, 5179, always_xy=True).transform
    here, there = to_metres(*first_place(layer)), to_metres(*CITY_HALL)
    return abs(here[0] - there[0]) < metres and abs(here[1] - there[1]) < metres


def projected(epsg: int, *names: str) -> list[str]:
    """Return a table of places around City Hall in a system, x before y."""
    transform = Transformer.from_crs(4326, epsg, always_xy=True).transform
    places = [transform(CITY_HALL[0] + n / 500, CITY_HALL[1] + n / 500) for n in range(6)]
    return [",".join(["이름", *names]), *(f"{n},{x:.2f},{y:.2f}" for n, (x, y) in enumerate(places))]


# --- systems ---


@pytest.mark.parametrize(("epsg", "crs"), [(5186, "EPSG:5186"), (5179, "EPSG:5179"), (32652, "EPSG:32652")])
def test_a_system_that_alone_fits_is_taken_with_a_warning(tmp_path: Path, epsg: int, crs: str) -> None:
    layer = table(tmp_path, *projected(epsg, "X좌표", "Y좌표"))
    assert layer.crs == crs
    assert near_city_hall(layer)
    assert any("is a guess" in w for w in layer.warnings)


@pytest.mark.parametrize("epsg", [5181, 5174, 2097])
def test_systems_a_few_hundred_metres_apart_are_asked_about(tmp_path: Path, epsg: int) -> None:
    lines = projected(epsg, "좌표정보(X)", "좌표정보(Y)")
    with pytest.raises(CrsUnknown) as asked:
        table(tmp_path, *lines)
    assert {"--crs EPSG:5181", "--crs EPSG:5174"} <= set(
        asked.value.remedy[:-1].removeprefix("Give one: ").split(" or ")
    )
    assert near_city_hall(table(tmp_path, *lines, crs=f"EPSG:{epsg}"))


def test_a_system_in_the_names_of_the_columns_is_believed(tmp_path: Path) -> None:
    layer = table(tmp_path, *projected(5174, "좌표정보x(epsg5174)", "좌표정보y(epsg5174)"))
    assert (layer.crs, layer.crs_claimed) == ("EPSG:5174", "EPSG:5174")
    assert near_city_hall(layer)


def test_metres_named_longitude_and_latitude_are_metres(tmp_path: Path) -> None:
    layer = table(tmp_path, *projected(5186, "경도", "위도"))
    assert layer.crs == "EPSG:5186"
    assert near_city_hall(layer)


def test_a_system_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CrsRefused):
        table(tmp_path, "이름,lon,lat", "가,126.978,37.566", crs="EPSG:5186")


def test_katec_is_named_as_it_has_no_code_to_give(tmp_path: Path) -> None:
    with pytest.raises(CrsUnknown, match="KATEC"):
        table(tmp_path, "이름,X,Y", "시청,309961.2,552080.8", "옆,310061.2,552180.8")


# --- exchanged axes ---


def test_a_latitude_among_longitudes_is_noticed_and_exchanged(tmp_path: Path) -> None:
    layer = table(tmp_path, "이름,경도,위도", f"가,{CITY_HALL[1]},{CITY_HALL[0]}")
    assert near_city_hall(layer)
    assert any("exchanged" in w for w in layer.warnings)


@pytest.mark.parametrize("epsg", [5186, 5179])
def test_a_northing_in_x_is_noticed_and_exchanged(tmp_path: Path, epsg: int) -> None:
    head, *rows = projected(epsg, "X", "Y")
    turned = [",".join([r.split(",")[0], r.split(",")[2], r.split(",")[1]]) for r in rows]
    layer = table(tmp_path, head, *turned)
    assert near_city_hall(layer)
    assert any("x and y were exchanged" in w for w in layer.warnings)


def test_a_northing_in_x_is_exchanged_for_a_system_given(tmp_path: Path) -> None:
    head, *rows = projected(5174, "X", "Y")
    turned = [",".join([r.split(",")[0], r.split(",")[2], r.split(",")[1]]) for r in rows]
    assert near_city_hall(table(tmp_path, head, *turned, crs="EPSG:5174"))


def test_letters_tell_the_axes_apart(tmp_path: Path) -> None:
    layer = table(tmp_path, "이름,X,Y", "가,N10°30'00,E20°15'00", "나,N10.5,E20.25")
    assert first_place(layer) == pytest.approx((20.25, 10.5))


# --- which columns ---


def test_degrees_in_three_columns_are_put_together(tmp_path: Path) -> None:
    layer = table(
        tmp_path,
        "이름,위도(도),위도(분),위도(초),경도(도),경도(분),경도(초)",
        "가,37,33,59.9119,126,58,41.791",
        "나,37,73,0,126,58,41.8",
    )
    assert near_city_hall(layer)
    assert reasons(layer.dropped) == {"minutes or seconds of an angle are 60 or more": 1}


def test_degrees_go_before_metres_and_both_are_told(tmp_path: Path) -> None:
    layer = table(tmp_path, "이름,TM_X,TM_Y,경도,위도", "가,198080.69,551900.81,126.978275264,37.566642192")
    assert layer.crs == "EPSG:4326"
    assert any("also there: 'TM_X' and 'TM_Y'" in w for w in layer.warnings)


def test_a_system_in_metres_given_takes_the_columns_in_metres(tmp_path: Path) -> None:
    lines = ("이름,TM_X,TM_Y,경도,위도", "가,198080.69,551900.81,127.5,37.5")
    layer = table(tmp_path, *lines, crs="EPSG:5186")
    assert near_city_hall(layer)


def test_two_pairs_alike_are_asked_about_and_the_option_answers(tmp_path: Path) -> None:
    lines = ("출발지 경도,출발지 위도,도착지 경도,도착지 위도", "126.9,37.5,127.1,37.6")
    with pytest.raises(ColumnsUnknown) as asked:
        table(tmp_path, *lines)
    assert asked.value.remedy == 'Say which: --x "출발지 경도" --y "출발지 위도".'
    assert first_place(table(tmp_path, *lines, x="도착지 경도", y="도착지 위도")) == (127.1, 37.6)


def test_the_corners_of_boxes_are_no_minutes(tmp_path: Path) -> None:
    with pytest.raises(ColumnsUnknown, match="'lon_min' and 'lat_min' or 'lon_max' and 'lat_max'"):
        table(tmp_path, "id,lon_min,lat_min,lon_max,lat_max", "1,126,37,127,38")


def test_one_column_cannot_be_both(tmp_path: Path) -> None:
    with pytest.raises(ColumnsUnknown, match="same column"):
        table(tmp_path, "이름,X,Y", "가,1,2", x="X", y="X")


def test_two_numbers_in_a_cell_are_asked_to_be_parted(tmp_path: Path) -> None:
    with pytest.raises(NoFeatures, match="two numbers") as refused:
        table(tmp_path, "이름,좌표", '가,"37.5665, 126.978"')
    assert refused.value.field == "좌표"


def test_a_pair_without_addition_goes_before_those_with_one(tmp_path: Path) -> None:
    layer = table(tmp_path, "경도,위도,본사 경도,본사 위도", "126.9,37.5,127.1,37.6")
    assert first_place(layer) == (126.9, 37.5)


def test_columns_found_by_their_values_are_told(tmp_path: Path) -> None:
    layer = table(tmp_path, "이름,가로,세로", "가,126.9,37.5", "나,126.8,37.6")
    assert first_place(layer) == (126.9, 37.5)
    assert any("'가로' and '세로'" in w and "their values lie in Korea" in w for w in layer.warnings)


def test_a_list_without_names_is_read_by_its_values(tmp_path: Path) -> None:
    layer = table(tmp_path, "시청,37.5665,126.978", "강남,37.4979,127.0275")
    assert (layer.features_kept, first_place(layer)) == (2, (126.978, 37.5665))


@pytest.mark.parametrize("lines", [("1,2", "3,4"), ("1,2,3", "4,5,6")])
def test_bare_numbers_are_asked_about(tmp_path: Path, lines: tuple[str, ...]) -> None:
    with pytest.raises(ColumnsUnknown) as asked:
        table(tmp_path, *lines)
    assert "--x field_1 --y field_2" in asked.value.remedy
    assert first_place(table(tmp_path, *lines, x="field_1", y="field_2")) == (1, 2)


def test_a_column_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ColumnsUnknown, match="'경도2'") as refused:
        table(tmp_path, "이름,경도,위도", "가,127,37", x="경도2", y="위도")
    assert "'경도'" in refused.value.remedy
    assert refused.value.field == "경도2"


def test_addresses_alone_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NoFeatures, match="addresses") as refused:
        table(tmp_path, "상호,도로명주소", "가게,서울특별시 중구 세종대로 110")
    assert refused.value.field == "도로명주소"
    assert "geocoded" in refused.value.remedy


def test_geonames_dumps_are_known_by_their_columns(tmp_path: Path, shared: object) -> None:
    layer = read_one(shared("data/gdal_csv/allCountries.txt"), tmp_path)  # type: ignore[operator]
    assert first_place(layer) == (1.48333, 42.5)


# --- point numbers and geometries ---


@settings(max_examples=15, deadline=None)
@given(st.integers(900_000, 1_000_000), st.integers(1_900_000, 2_000_000))
def test_point_numbers_are_points_in_the_middle_of_their_cells(
    tmp_path_factory: pytest.TempPathFactory, easting: int, northing: int
) -> None:
    number = encode(easting, northing).number
    layer = table(
        tmp_path_factory.mktemp("npn"), "이름,국가지점번호", f"가,{number}", f"나,{number.replace(' ', '')}"
    )
    assert layer.crs == "EPSG:5179"
    for point in frame(layer).geometry:
        assert abs(point.x - easting) <= 10
        assert abs(point.y - northing) <= 10


def test_a_bad_point_number_costs_its_row(tmp_path: Path) -> None:
    layer = table(tmp_path, "이름,국가지점번호", "가,다사 5392 5204", "나,하하 5392 5204", "다,")
    assert near_city_hall(layer, 10)
    assert reasons(layer.dropped) == {"not a national point number": 1, "no coordinates: the cells are blank": 1}


SHAPES = ["POINT (127 37.5)", "LINESTRING (127 37, 128 38)", "POLYGON ((127 37, 128 37, 128 38, 127 37))"]


@pytest.mark.parametrize(
    "write",
    [
        lambda g: g.wkt,
        lambda g: f"SRID=4326;{g.wkt}",
        shapely.to_geojson,
        lambda g: shapely.to_wkb(g, hex=True),
        lambda g: shapely.to_wkb(shapely.set_srid(g, 4326), hex=True, include_srid=True),
    ],
    ids=["wkt", "ewkt", "geojson", "wkb", "ewkb"],
)
def test_geometries_of_every_kind_and_spelling_are_read(tmp_path: Path, write: object) -> None:
    shapes = [shapely.from_wkt(s) for s in SHAPES]
    texts = [write(g).replace('"', '""') for g in shapes]  # type: ignore[operator]
    layer = table(tmp_path, "이름,geom", *(f'{n},"{t}"' for n, t in enumerate(texts)), '3,"POINT (1"')
    assert layer.crs == "EPSG:4326"
    assert [g.equals(s) for g, s in zip(frame(layer).geometry, shapes, strict=True)] == [True] * 3
    assert list(frame(layer).columns[:2]) == ["이름", "geometry"]
    assert reasons(layer.dropped) == {"a geometry text cannot be read": 1}


@pytest.mark.parametrize(
    "deep",
    [
        "GEOMETRYCOLLECTION(" * 30_000,
        "010700000001000000" * 30_000,
        '{"type":"GeometryCollection","geometries":[' * 30_000,
    ],
    ids=["wkt", "wkb", "geojson"],
)
def test_geometries_nested_without_end_cost_their_row(tmp_path: Path, deep: str) -> None:
    text = deep.replace('"', '""')
    layer = table(tmp_path, "id,geom", f'1,"{text}"', *['2,"POINT (127 37)"'] * 3)
    assert layer.features_kept == 3
    assert reasons(layer.dropped) == {"a geometry text cannot be read": 1}


# --- through the command ---


def test_the_command_reads_a_table_and_asks_about_columns(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "두곳.csv"
    path.write_text("출발 경도,출발 위도,도착 경도,도착 위도\n126.9,37.5,127.1,37.6\n", "cp949")
    refused = naru("ingest", str(path), "--dry-run", "--json", home=home)
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["error"]["code"] == "COLUMNS_UNKNOWN"
    done = naru_json("ingest", str(path), "--dry-run", "--x", "도착 경도", "--y", "도착 위도", home=home)
    (layer,) = done["layers"]
    assert (layer["features_published"], layer["crs"], layer["encoding"]) == (1, "EPSG:4326", "CP949")
    assert layer["bounds"][:2] == pytest.approx([127.1, 37.6], abs=1e-5)


def test_one_column_alone_is_wrong_use(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("경도,위도\n127,37\n")
    assert naru("ingest", str(path), "--x", "경도", home=home).returncode == 2
