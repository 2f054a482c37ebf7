"""Text tables: encodings, delimiters, headers, types, and rows that cannot be drawn."""

from __future__ import annotations

import datetime
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.reading import ReadLayer
from ingest.receive import Dataset
from ingest.tables.text import find_delimiter, read_text
from naru.errors import EncodingUnknown, FileDamaged, NoFeatures, UnknownFormat
from tests.reading import column, frame, read, read_one, reasons

HALF_PAST_NINE, MIDNIGHT = datetime.datetime(2024, 1, 5, 9, 30), datetime.datetime(2024, 1, 6)  # noqa: DTZ001
SEOUL = "이름,경도,위도\n시청,126.978,37.5665\n강남역,127.0275,37.4979\n"


def table(folder: Path, text: str, codec: str = "utf-8", name: str = "표.csv", **options: object) -> ReadLayer:
    """Read a text as a file of one layer."""
    path = folder / name
    path.write_bytes(text.encode(codec))
    return read_one(path, folder / "out", **options)


def places(layer: ReadLayer) -> list[tuple[float, float]]:
    """Return the points of a layer."""
    return [(g.x, g.y) for g in frame(layer).geometry]


CITY = [(126.978, 37.5665), (127.0275, 37.4979)]


# --- encoding ---


@pytest.mark.parametrize(
    ("codec", "label"),
    [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("cp949", "CP949"), ("utf-16", "UTF-16")],
)
def test_the_encoding_is_found_and_told(tmp_path: Path, codec: str, label: str) -> None:
    layer = table(tmp_path, SEOUL, codec)
    assert column(layer, "이름") == ["시청", "강남역"]
    assert (layer.encoding, places(layer)) == (label, CITY)
    assert layer.encoding_how


def test_the_encoding_given_is_used_and_checked(tmp_path: Path) -> None:
    layer = table(tmp_path, SEOUL, "cp949", encoding="euc-kr")
    assert layer.encoding_how == "given by --encoding"
    with pytest.raises(EncodingUnknown, match="line 1"):
        table(tmp_path, SEOUL, "cp949", encoding="utf-8")


def test_text_in_no_encoding_is_asked_about_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"name,lon,lat\na,127,37\n\xff\xfe\x80,127,37\n")
    with pytest.raises(EncodingUnknown, match="line 3") as asked:
        read(path, tmp_path / "out")
    assert "--encoding" in asked.value.remedy


# --- delimiters and quotes ---


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    layer = table(tmp_path, SEOUL.replace(",", delimiter), name="표.txt")
    assert (column(layer, "이름"), places(layer)) == (["시청", "강남역"], CITY)


def test_a_first_line_may_name_the_delimiter(tmp_path: Path) -> None:
    layer = table(tmp_path, "sep=;\r\n" + SEOUL.replace(",", ";").replace("강남역;127.0275", "강남역;x"))
    assert places(layer) == CITY[:1]
    assert "row 4" in " ".join(layer.warnings)


def test_a_decimal_comma_is_read_where_the_comma_parts_no_columns(tmp_path: Path) -> None:
    text = "이름;경도;위도;높이\n시청;126,978;37,5665;12,5\n강남역;127,0275;37,4979;1,25\n"
    layer = table(tmp_path, text)
    assert places(layer) == CITY
    assert column(layer, "높이") == [12.5, 1.25]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])), min_size=3, max_size=3),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(",;\t|"),
)
def test_quoted_cells_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], delimiter: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    quoted = [[cell.replace('"', '""') for cell in row] for row in [["a", "b", "c"], *rows]]
    lines = [delimiter.join(f'"{cell}"' for cell in row) for row in quoted]
    path.write_text("\n".join(lines), "utf-8", newline="")
    cells = [row for _, row in read_text(Dataset("a", "a.csv", {".csv": path}), None).rows]
    wanted = [[cell.strip() or None for cell in row] for row in rows]
    assert cells[1:] == [row for row in wanted if any(row)]


def test_a_header_with_line_breaks_and_quotes_is_one_line(tmp_path: Path) -> None:
    layer = table(tmp_path, '"시설\n이름","lon","lat"\n"그\n집",127.0,37.5\n')
    assert column(layer, "시설 이름") == ["그\n집"]


@pytest.mark.parametrize("body", ['a,127,37\n"b,127,37\nc,127,37\n', 'a,127,37\n"b,127,37'])
def test_a_quote_never_closed_is_refused_with_its_row(tmp_path: Path, body: str) -> None:
    with pytest.raises(FileDamaged, match="row 3"):
        table(tmp_path, "name,lon,lat\n" + body)


def test_text_that_is_no_table_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat, match="not a table"):
        table(tmp_path, "이 자료는 서울시가 만들었습니다.\n자유롭게 쓰십시오.\n", name="읽어보세요.txt")


@pytest.mark.parametrize("first", ["[구분],경도,위도", "<번호>,경도,위도", "{이름},경도,위도", "[이름,경도,위도"])
def test_a_table_that_begins_like_json_or_xml_is_a_table(tmp_path: Path, first: str) -> None:
    assert places(table(tmp_path, first + "\n가,127.5,37.5\n")) == [(127.5, 37.5)]


def test_delimiters_inside_texts_do_not_count() -> None:
    assert find_delimiter("name,note\na,x;y\nb,z\n") == ","
    assert find_delimiter("=cmd|' /C calc'!A0,경도,위도\n=1+1,127,37\n") == ","


# --- header ---


def test_titles_and_blank_rows_above_the_header_are_left_out_and_told(tmp_path: Path) -> None:
    text = "2024년 수위관측소 현황,,\n,,\n(단위: 도),,\n관측소,경도,위도\n한강대교,126.9594,37.5183\n"
    layer = table(tmp_path, text)
    assert column(layer, "관측소") == ["한강대교"]
    assert "2024년 수위관측소 현황" in layer.warnings[0]


def test_two_header_rows_are_joined(tmp_path: Path) -> None:
    text = "시설명,위치,,제원,\n,경도,위도,높이,너비\n교량,126.95,37.51,6.2,3\n수문,126.92,37.52,12,4\n"
    layer = table(tmp_path, text)
    assert list(frame(layer).columns[:5]) == ["시설명", "위치 경도", "위치 위도", "제원 높이", "제원 너비"]
    assert layer.features_kept == 2


def test_names_used_twice_and_missing_names_are_numbered(tmp_path: Path) -> None:
    layer = table(tmp_path, "값,값,,lon,lat\n1,2,x,127,37.5\n")
    assert list(frame(layer).columns[:5]) == ["값", "값_2", "field_3", "lon", "lat"]
    assert any("값_2" in w for w in layer.warnings)


def test_decomposed_names_are_composed(tmp_path: Path) -> None:
    assert places(table(tmp_path, unicodedata.normalize("NFD", SEOUL))) == CITY


def test_a_row_number_is_that_of_the_sheet(tmp_path: Path) -> None:
    text = '제목\n\n이름,경도,위도\n"두\n줄",127,37.5\n\n나쁨,없음,37.5\n'
    layer = table(tmp_path, text)
    assert any("row 6: 경도 '없음'" in w for w in layer.warnings)


# --- rows ---


def test_every_row_left_out_has_a_reason_and_an_example(tmp_path: Path, shared: object) -> None:
    layer = read_one(shared("data/csv_made/empty_and_text_coords.csv"), tmp_path)  # type: ignore[operator]
    assert reasons(layer.dropped) == {
        "no coordinates: the cells are blank": 1,
        "a coordinate is not a number": 1,
        "a coordinate is out of range": 1,
        "coordinates are (0, 0), which marks a missing position": 1,
    }
    assert any("row 6: lon '1,269.7'" in w for w in layer.warnings)


def test_rows_of_totals_are_named(tmp_path: Path) -> None:
    layer = table(tmp_path, SEOUL + "합계,,\n")
    assert reasons(layer.dropped) == {"no coordinates: a row of totals": 1}


def test_a_file_without_one_good_row_is_refused_with_an_example(tmp_path: Path) -> None:
    with pytest.raises(NoFeatures, match="row 2: 경도 'N/A'"):
        table(tmp_path, "이름,경도,위도\n가,N/A,37\n")


def test_cells_beyond_the_header_are_told(tmp_path: Path) -> None:
    layer = table(tmp_path, SEOUL + "\n".join("a,127,37.5" for _ in range(600)) + "\nb,127,37.5,남는다\n")
    assert any("1 row has more cells" in w and "row 604" in w for w in layer.warnings)


# --- types ---


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "-20"], [1, -20]),
        (["1,234", "5"], [1234, 5]),
        (["１２", "３"], [12, 3]),
        (["1.5", "2"], [1.5, 2.0]),
        (["1.5", "-"], [1.5, None]),
        (["N/A", "7"], [None, 7]),
        (["007", "12"], ["007", "12"]),
        (["1111010100100010000", "2"], ["1111010100100010000", "2"]),
        (["1E5", "2"], ["1E5", "2"]),
        (["1.5", "약 2"], ["1.5", "약 2"]),
        (["TRUE", "false"], [True, False]),
        (["2024-01-05", "2024.1.6"], [datetime.date(2024, 1, 5), datetime.date(2024, 1, 6)]),
        (["2024년 1월 5일", "2024/01/06"], [datetime.date(2024, 1, 5), datetime.date(2024, 1, 6)]),
        (["2024-01-05 09:30", "2024-01-06"], [HALF_PAST_NINE, MIDNIGHT]),
        (["2024-02-30", "2024-01-06"], ["2024-02-30", "2024-01-06"]),
        (["", "가"], [None, "가"]),
        (["-", "없음"], ["-", "없음"]),
    ],
)
def test_a_column_has_a_type_only_if_all_values_fit(tmp_path: Path, cells: list[str], values: list[object]) -> None:
    rows = "".join(f'"{cell}",127,37.5\n' for cell in cells)
    assert column(table(tmp_path, "값,lon,lat\n" + rows), "값") == values


def test_one_text_at_the_end_of_a_long_column_keeps_it_text(tmp_path: Path) -> None:
    rows = "".join(f"{n},127,37.5\n" for n in range(40_000))
    values = column(table(tmp_path, "값,lon,lat\n" + rows + "끝,127,37.5\n"), "값")
    assert values[:2] + values[-1:] == ["0", "1", "끝"]
