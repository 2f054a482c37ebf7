"""A report as a file for people: CSV and XLSX that open in Excel, with Korean headers, and a table for a terminal.

No cell is ever a formula. CSV: RFC 4180, UTF-8 with a byte order mark.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from naru.errors import ExportLimit
from naru.export.harmless import harmless, put_text
from tileserver.usage.report import Counts, Report

if TYPE_CHECKING:
    from xlsxwriter import Workbook

SHEET_ROWS = 1_048_576
_HEADERS = {
    "minute": "분",
    "hour": "시간",
    "day": "날짜",
    "month": "월",
    "key": "인증 키",
    "key_name": "인증 키 이름",
    "function": "기능",
    "layer": "레이어",
    "zoom": "줌 레벨",
    "status": "응답 상태",
    "requests": "요청 수",
    "bytes": "전송량(바이트)",
    "errors": "오류 수",
    "visitors": "방문자 수",
}
_VISITORS_NOTE = (
    "여러 날의 방문자 수는 하루 방문자 수의 합입니다 / visitors of several days are the sum of each day's"
)
Cell = str | int | None


def columns(report: Report) -> tuple[str, ...]:
    """Return the names of a report's columns; a key's name comes behind its id."""
    named = [("key", "key_name") if name == "key" else (name,) for name in report.query.by]
    return (*(name for part in named for name in part), *Counts._fields)


def cells(report: Report, key_names: Mapping[str, str]) -> Iterator[list[Cell]]:
    """Return a report's rows under its columns."""
    by = report.query.by
    for at, counts in report.lines:
        row: list[Cell] = []
        for name, value in zip(by, at, strict=True):
            row.append(value)
            if name == "key":
                row.append(key_names.get(str(value), ""))
        yield [*row, *counts]


def as_csv(report: Report, key_names: Mapping[str, str]) -> bytes:
    """Return a report as CSV."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(_HEADERS[name] for name in columns(report))
    for row in cells(report, key_names):
        writer.writerow(harmless(cell) if isinstance(cell, str) else cell for cell in row)
    return codecs.BOM_UTF8 + out.getvalue().encode("utf-8", "replace")


def as_xlsx(report: Report, key_names: Mapping[str, str]) -> bytes:
    """Return a report as an Excel workbook: the rows, and a sheet that says what they are.

    Raises:
        ExportLimit: more rows than a sheet has.
    """
    import xlsxwriter

    if len(report.lines) >= SHEET_ROWS:
        raise ExportLimit(
            f"a sheet has {SHEET_ROWS} rows, and {len(report.lines)} are wanted",
            remedy="Ask for fewer days, or CSV.",
        )
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"constant_memory": True}) as book:
        _write_rows(book, report, key_names)
        _write_about(book, report)
    return out.getvalue()


def _write_rows(book: Workbook, report: Report, key_names: Mapping[str, str]) -> None:
    sheet, bold, number = book.add_worksheet("사용량"), book.add_format({"bold": True}), book.add_format()
    number.set_num_format("#,##0")
    sheet.freeze_panes(1, 0)
    names = columns(report)
    sheet.set_column(0, len(names) - 1, 18)
    for place, name in enumerate(names):
        put_text(sheet, (0, place), _HEADERS[name], bold)
    for at, row in enumerate(cells(report, key_names), 1):
        for place, cell in enumerate(row):
            if isinstance(cell, str):
                put_text(sheet, (at, place), cell)
            elif cell is not None:
                sheet.write_number(at, place, cell, number)


def _write_about(book: Workbook, report: Report) -> None:
    sheet, bold = book.add_worksheet("정보"), book.add_format({"bold": True})
    query, total = report.query, report.total
    told: list[tuple[str, Cell]] = [
        ("기간 / days", f"{query.first} – {query.last}"),
        ("시간대 / time zone", report.timezone),
        *((_HEADERS[name], value) for name, value in query.filters.items()),
        *((f"{_HEADERS[name]} 합계", value) for name, value in total._asdict().items()),
        ("참고 / note", _VISITORS_NOTE),
    ]
    sheet.set_column(0, 0, 24)
    for at, (label, value) in enumerate(told):
        put_text(sheet, (at, 0), label, bold)
        if isinstance(value, int):
            sheet.write_number(at, 1, value)
        else:
            put_text(sheet, (at, 1), value or "-")


def as_table(report: Report, key_names: Mapping[str, str]) -> str:
    """Return a report as lines for a terminal, with a last one of sums."""
    names = columns(report)
    rows = [[_shown(cell) for cell in row] for row in cells(report, key_names)]
    sums = [*("" for _ in names[: -len(Counts._fields)]), *(_shown(count) for count in report.total)]
    sums[0] = sums[0] or "total"
    rows = [list(names), *rows, sums]
    widths = [max(_width(row[place]) for row in rows) for place in range(len(names))]
    texts = len(names) - len(Counts._fields)
    return "\n".join("  ".join(_padded(row, widths, texts)).rstrip() for row in rows)


def _padded(row: Sequence[str], widths: Sequence[int], texts: int) -> Iterator[str]:
    for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
        room = " " * (width - _width(cell))
        yield cell + room if place < texts else room + cell


def _shown(cell: Cell) -> str:
    if cell is None:
        return "-"
    return f"{cell:,}" if isinstance(cell, int) else "".join(sign if sign.isprintable() else "?" for sign in cell)


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes: Korean letters take two."""
    import unicodedata

    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)
