"""Reads XLS (the binary workbooks of Excel 97 to 2003, [MS-XLS]) with calamine."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum

from ingest.receive import Dataset
from ingest.tables.sheet import Row, Sheet
from ingest.tables.xlsx import number_shown
from naru.errors import FileDamaged, UnknownFormat

_PROTECTED = "EncryptedPackage".encode("utf-16-le")
_LOOK = 2**22


def read_xls(dataset: Dataset) -> Iterator[Sheet]:
    """Yield the visible sheets. Raises FileDamaged, UnknownFormat."""
    with dataset.main.open("rb") as stream:
        if _PROTECTED in stream.read(_LOOK):
            raise _protected(dataset.file)
    try:
        workbook = CalamineWorkbook.from_path(dataset.main)
        hidden = [m.name for m in workbook.sheets_metadata if m.visible != SheetVisibleEnum.Visible]
        for name in workbook.sheet_names:
            if name not in hidden:
                found = workbook.get_sheet_by_name(name)
                notes = [f"hidden sheets were left out: {', '.join(hidden[:5])}"] if hidden else []
                rows = _rows(found.to_python(skip_empty_area=False))
                yield Sheet(name, rows, "UTF-8", "as the workbook says", notes=notes)
    except PasswordError as error:
        raise _protected(dataset.file) from error
    except CalamineError as error:
        reason = " ".join(str(error).split())[:120]
        if "Workbook" in reason or "stream" in reason.lower():
            message = "it is a document of old Office programs without a workbook in it"
            raise UnknownFormat(message, file=dataset.file, remedy="Save it as .xlsx or .csv.") from error
        message = f"it is not a readable .xls ({reason})"
        raise FileDamaged(message, file=dataset.file, remedy="Save it as .xlsx.") from error


def _protected(file: str) -> FileDamaged:
    return FileDamaged("it is protected by a password", file=file, remedy="Save it without one.")


def _rows(values: Sequence[Sequence[object]]) -> Iterator[Row]:
    for number, row in zip(itertools.count(1), values, strict=False):
        cells = [_shown(value).strip() or None for value in row]
        if any(cells):
            yield number, cells


def _shown(value: object) -> str:
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float():
            return number_shown(float(value))
        case datetime():
            return value.strftime("%Y-%m-%d" if value.time() == time() else "%Y-%m-%d %H:%M:%S")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
    return str(value)
