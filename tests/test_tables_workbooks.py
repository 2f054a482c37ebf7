"""Workbooks: what cells hold, which sheets become layers, and hostile files."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from naru.errors import BadInput, BadZip, ColumnsUnknown, FileDamaged, NoFeatures, TooLarge, UnknownFormat
from tests.conftest import naru_json
from tests.reading import column, frame, read, read_one, reasons

HEAD = ["이름", "경도", "위도"]
NOON = datetime.datetime(2024, 1, 5, 12, 0)  # noqa: DTZ001 (cells have no time zone)


def workbook(path: Path, **sheets: list[list[object]]) -> Path:
    """Write sheets of rows with openpyxl."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def repacked(source: Path, target: Path, **members: bytes) -> Path:
    """Copy a zip with some members replaced; their names are given by their stems."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(info.filename, members.get(Path(info.filename).stem, old.read(info)))
    return target


# --- cells ---


def test_values_come_as_they_are_stored(tmp_path: Path) -> None:
    rows = [
        [*HEAD, "날짜", "시각", "코드", "수", "참", "긴번호"],
        ["가", 126.97, 37.56, datetime.date(2024, 1, 5), NOON, "007", 1234, True, "1111010100100010000"],
        ["나", "126.98", "37.57", datetime.date(2024, 1, 6), None, "012", "1,235", False, None],
    ]
    layer = read_one(workbook(tmp_path / "a.xlsx", 시설=rows), tmp_path / "out")
    assert layer.name == "시설"
    assert [(g.x, g.y) for g in frame(layer).geometry] == [(126.97, 37.56), (126.98, 37.57)]
    assert column(layer, "날짜") == [datetime.date(2024, 1, 5), datetime.date(2024, 1, 6)]
    assert column(layer, "시각") == [NOON, None]
    assert column(layer, "코드") == ["007", "012"]
    assert column(layer, "수") == [1234, 1235]
    assert column(layer, "참") == [True, False]
    assert column(layer, "긴번호") == ["1111010100100010000", None]


def test_dates_count_from_1904_where_the_workbook_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mac.xlsx"
    book = xlsxwriter.Workbook(path, {"date_1904": True})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, [*HEAD, "날짜"])
    sheet.write_row(1, 0, ["가", 127, 37.5])
    sheet.write_datetime(1, 3, NOON, book.add_format({"num_format": 'yyyy"년" m"월"'}))
    book.close()
    assert column(read_one(path, tmp_path / "out"), "날짜") == [NOON]


def test_shared_strings_inline_strings_and_rich_text_are_text(tmp_path: Path) -> None:
    path = tmp_path / "rich.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, HEAD)
    sheet.write_rich_string(1, 0, "한", book.add_format({"bold": True}), "강")
    sheet.write_row(1, 1, [127, 37.5])
    book.close()
    assert column(read_one(path, tmp_path / "out"), "이름") == ["한강"]


def test_formulas_give_their_stored_value_or_a_note(tmp_path: Path) -> None:
    path = tmp_path / "f.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, [*HEAD, "값"])
    sheet.write_row(1, 0, ["가", 127, 37.5])
    sheet.write_formula(1, 3, "=1+1", None, 2)
    sheet.write_row(2, 0, ["나", 127, 37.5])
    sheet.write_formula(2, 3, "=1/0", None, "#DIV/0!")
    sheet.write_row(3, 0, ["다", 127])
    sheet.write_formula(3, 2, "=C2", None, "")
    book.close()
    layer = read_one(path, tmp_path / "out")
    assert column(layer, "값") == [2, None]
    assert reasons(layer.dropped) == {"no coordinates: the cells are blank": 1}
    said = " ".join(layer.warnings)
    assert "cell D3 (#DIV/0!)" in said
    assert "formulas without a stored value" in said
    assert "cell C4" in said


def test_merged_header_cells_are_joined_and_merged_rows_told(tmp_path: Path) -> None:
    path = tmp_path / "merged.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    sheet.merge_range(0, 0, 0, 3, "2024년 시설 현황")
    sheet.merge_range(1, 0, 2, 0, "자치구")
    sheet.merge_range(1, 1, 1, 2, "위치")
    sheet.merge_range(1, 3, 2, 3, "높이")
    sheet.write_row(2, 1, ["경도", "위도"])
    sheet.merge_range(3, 0, 4, 0, "종로구")
    sheet.write_row(3, 1, [126.97, 37.57, 3])
    sheet.write_row(4, 1, [126.98, 37.58, 4])
    book.close()
    layer = read_one(path, tmp_path / "out")
    assert list(frame(layer).columns[:4]) == ["자치구", "위치 경도", "위치 위도", "높이"]
    assert column(layer, "자치구") == ["종로구", None]
    assert any("A4:A5" in w for w in layer.warnings)


# --- sheets ---


def test_each_sheet_with_coordinates_is_a_layer_and_the_others_are_named(home: Path, tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "시설.xlsx",
        교량=[HEAD, ["가", 126.97, 37.56]],
        코드표=[["코드", "뜻"], ["1", "교량"]],
        수문=[HEAD, ["나", 126.98, 37.57], ["다", 126.99, 37.58]],
        빈장=[],
    )
    done = naru_json("ingest", str(path), "--dry-run", home=home)
    assert [layer["features_published"] for layer in done["layers"]] == [1, 2]
    warnings = " ".join(w for layer in done["layers"] for w in layer["warnings"])
    assert "sheet '코드표' was left out" in warnings
    assert "빈장" not in warnings


def test_hidden_sheets_are_left_out_and_named(tmp_path: Path) -> None:
    path = workbook(tmp_path / "h.xlsx", 보임=[HEAD, ["가", 127, 37.5]], 숨김=[HEAD, ["나", 127, 37.5]])
    book = openpyxl.load_workbook(path)
    book["숨김"].sheet_state = "hidden"
    book.save(path)
    layer = read_one(path, tmp_path / "out")
    assert layer.name == "보임"
    assert any("숨김" in w for w in layer.warnings)


def test_a_workbook_without_coordinates_says_so(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "a.xlsx", 하나=[["상호", "소재지"], ["가게", "중구 세종대로 110"]], 둘=[["a"], ["b"]]
    )
    with pytest.raises(NoFeatures, match="addresses") as refused:
        read(path, tmp_path / "out")
    assert (refused.value.layer, refused.value.field) == ("하나", "소재지")
    assert "'둘'" in refused.value.message


def test_a_workbook_is_known_by_its_content_also_in_a_zip(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", 시설=[HEAD, ["가", 127, 37.5]])
    renamed = path.rename(tmp_path / "자료.zip")
    assert read_one(renamed, tmp_path / "one").features_kept == 1
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.write(renamed, "표/시설.xlsx")
        archive.writestr("읽어보세요.txt", "설명입니다.\n")
        archive.writestr("코드.csv", "코드,뜻\n1,교량\n")
    layer = read_one(tmp_path / "b.zip", tmp_path / "two")
    assert layer.features_kept == 1
    assert "'읽어보세요.txt' was left out" in " ".join(layer.warnings)
    assert "'코드.csv' was left out" in " ".join(layer.warnings)


def test_xls_is_read(tmp_path: Path, shared: Callable[[str], Path]) -> None:
    path = shared("data/gdal_xls/test972000xp.xls")
    layer = read_one(path, tmp_path, x="FirstCol", y="SecondCol")
    assert [(g.x, g.y) for g in frame(layer).geometry] == [(1, 1), (3, 3)]
    assert column(layer, "FourthCol") == [datetime.date(1980, 1, 1), None]


def content(*rows: str) -> bytes:
    """Return the content.xml of a spreadsheet with one sheet."""
    spaces = "".join(
        f' xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"' for n in ("office", "table", "text")
    )
    body = "".join(f"<table:table-row>{row}</table:table-row>\n" for row in rows)
    return (
        f'<?xml version="1.0"?><office:document-content{spaces}><office:body><office:spreadsheet>'
        f'<table:table table:name="시설">{body}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    ).encode()


def ods(path: Path, document: bytes) -> Path:
    """Write an OpenDocument spreadsheet."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", document)
    return path


def text(value: str) -> str:
    return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'


def number(value: float) -> str:
    return (
        f'<table:table-cell office:value-type="float" office:value="{value}"><text:p>x</text:p></table:table-cell>'
    )


def test_ods_is_read_with_repeated_cells_and_rows(tmp_path: Path) -> None:
    header = "".join(map(text, HEAD)) + text("날짜") + '<table:table-cell table:number-columns-repeated="16380"/>'
    date = '<table:table-cell office:value-type="date" office:date-value="2024-01-05"/>'
    row = text("가<text:s text:c='2'/>나") + number(127) + number(37.5) + date
    broken = text("다") + '<table:table-cell table:formula="of:=1/0"><text:p>#DIV/0!</text:p></table:table-cell>'
    path = ods(tmp_path / "a.ods", content(header, row, broken))
    layer = read_one(path, tmp_path / "out")
    assert (layer.name, column(layer, "이름")) == ("시설", ["가  나"])
    assert column(layer, "날짜") == [datetime.date(2024, 1, 5)]
    assert any("B3 (#DIV/0!)" in w for w in layer.warnings)


# --- hostile and damaged ---

BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><sst><si><t>&c;</t></si></sst>'
)
EXTERNAL = (
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><worksheet><sheetData>&x;</sheetData></worksheet>'
)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """Return a workbook with shared strings."""
    path = tmp_path / "good.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet("시설")
    sheet.write_row(0, 0, HEAD)
    sheet.write_row(1, 0, ["가", 127, 37.5])
    book.close()
    return path


@pytest.mark.parametrize(
    "members",
    [{"sharedStrings": BOMB}, {"styles": BOMB}, {"workbook": BOMB}, {"sheet1": EXTERNAL}, {"sheet1": BOMB}],
    ids=str,
)
def test_a_doctype_anywhere_is_refused(good: Path, tmp_path: Path, members: Mapping[str, bytes]) -> None:
    with pytest.raises(FileDamaged, match="DOCTYPE"):
        read(repacked(good, tmp_path / "bomb.xlsx", **members), tmp_path / "out")


def test_an_ods_with_a_doctype_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileDamaged, match="DOCTYPE"):
        read(ods(tmp_path / "a.ods", BOMB), tmp_path / "out")


def test_a_workbook_that_unpacks_beyond_measure_is_refused(good: Path, tmp_path: Path) -> None:
    row = b'<row r="2"><c r="A2"><v>1</v></c></row>' + b" " * 2**20
    sheet = b"<worksheet><sheetData>" + row * 80 + b"</sheetData></worksheet>"
    with pytest.raises(TooLarge):
        read(repacked(good, tmp_path / "bomb.xlsx", sheet1=sheet), tmp_path / "out")


def cells(*references: str) -> bytes:
    rows = "".join(
        f'<row r="{r.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}"><c r="{r}"><v>1</v></c></row>' for r in references
    )
    return f"<worksheet><sheetData>{rows}</sheetData></worksheet>".encode()


@pytest.mark.parametrize(
    ("sheet", "error", "said"),
    [
        (cells("A1", "XFD1048576"), ColumnsUnknown, "field_16384"),
        (cells("A1", "XFE2"), FileDamaged, "XFE2"),
        (cells("A1", "A1048577"), FileDamaged, "1048577"),
        (b"<worksheet><sheetData><row><c t='s'><v>99</v></c></row></sheetData></worksheet>", FileDamaged, "text"),
        (b"<worksheet><sheetData><row><c><v>abc</v></c></row></sheetData></worksheet>", FileDamaged, "no number"),
        (b"<worksheet><sheetData><row>", FileDamaged, "not well-formed"),
        (b"<a>" * 5000, FileDamaged, "too deeply"),
    ],
    ids=["sparse", "column", "row", "string", "number", "cut", "deep"],
)
def test_senseless_sheets_are_refused(
    good: Path, tmp_path: Path, sheet: bytes, error: type[BadInput], said: str
) -> None:
    with pytest.raises(error, match=said) as refused:
        read(repacked(good, tmp_path / "bad.xlsx", sheet1=sheet), tmp_path / "out")
    assert refused.value.file == "bad.xlsx"
    assert refused.value.remedy


def test_repeated_rows_beyond_a_sheet_are_refused(tmp_path: Path) -> None:
    document = content(text("a")).replace(
        b"<table:table-row>", b'<table:table-row table:number-rows-repeated="99999999">'
    )
    with pytest.raises(FileDamaged, match="more rows"):
        read(ods(tmp_path / "a.ods", document), tmp_path / "out")


def test_a_row_repeated_all_over_a_wide_sheet_is_refused_at_once(tmp_path: Path) -> None:
    wide = text("a").replace("<table:table-cell", '<table:table-cell table:number-columns-repeated="16384"')
    row = b'<table:table-row table:number-rows-repeated="1048576">'  # 17 thousand million cells
    document = content(wide).replace(b"<table:table-row>", row)
    with pytest.raises(TooLarge, match="row 1 is repeated") as refused:
        read(ods(tmp_path / "a.ods", document), tmp_path / "out")
    assert refused.value.remedy


@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_a_workbook_cut_off_is_refused(good: Path, tmp_path: Path, part: float) -> None:
    cut = tmp_path / "cut.xlsx"
    cut.write_bytes(good.read_bytes()[: int(good.stat().st_size * part)])
    with pytest.raises(BadZip):
        read(cut, tmp_path / "out")


def test_a_protected_workbook_is_refused_by_that_name(tmp_path: Path) -> None:
    path = tmp_path / "암호.xlsx"
    body = "EncryptedPackage".encode("utf-16-le") + bytes(2048)
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504) + body)
    with pytest.raises(FileDamaged, match="password"):
        read(path, tmp_path / "out")


def test_other_office_documents_are_refused_by_name(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<document/>")
    with pytest.raises(UnknownFormat, match="Word"):
        read(path, tmp_path / "out")
