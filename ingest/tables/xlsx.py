"""Reads XLSX (ECMA-376 part 1, SpreadsheetML) row by row: values as stored, nothing computed, nothing fetched."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ingest.receive import Dataset, open_zip
from ingest.sandbox import Limits
from ingest.tables.sheet import ERRORS, MERGED, MOST_COLUMNS, UNCACHED, Blemishes, Row, Sheet
from ingest.tables.xml_parts import Attributes, Part
from naru.errors import FileDamaged, UnknownFormat

_BUILT_IN_DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})  # §18.8.30
_LITERAL = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_MOST_ROWS = 1_048_576


@dataclass
class _Book:
    """What the workbook's parts say before any sheet is read."""

    sheets: list[tuple[str, str]] = field(default_factory=list)  # (name, relation) of visible sheets
    hidden: list[str] = field(default_factory=list)
    first_day: datetime = datetime(1899, 12, 30)  # noqa: DTZ001 (cells have no time zone)
    strings: Sequence[str] = ()
    dates: frozenset[int] = frozenset()  # styles that show a number as a date


def read_xlsx(dataset: Dataset, limits: Limits) -> Iterator[Sheet]:
    """Yield the visible sheets. Raises BadZip, TooLarge, FileDamaged, UnknownFormat."""
    with open_zip(dataset.main, dataset.file, limits) as archive:
        book, targets = _open(archive, dataset.file)
        for name, relation in book.sheets:
            member = targets.get(relation, "")
            if member not in archive.namelist():
                raise FileDamaged(f"sheet '{name}' is missing", file=dataset.file, remedy="Save it again.")
            if "worksheets/" not in member and "sheets/" not in member:
                continue
            sheet = Sheet(name, iter(()), "UTF-8", "XLSX is XML in Unicode")
            if book.hidden:
                sheet.notes.append(f"hidden sheets were left out: {', '.join(book.hidden[:5])}")
                book.hidden = []
            sheet.rows = _rows(archive, member, book, sheet, dataset.file)
            yield sheet


def _open(archive: zipfile.ZipFile, file: str) -> tuple[_Book, dict[str, str]]:
    names = archive.namelist()
    main = next((n for n in names if n.lower().endswith("workbook.xml")), None)
    if main is None:
        remedy = "Save it as .xlsx."
        raise UnknownFormat("it is a workbook in another form, such as .xlsb", file=file, remedy=remedy)
    folder = posixpath.dirname(main)
    book = _Book()
    _Workbook(file, book).read(archive, main)
    relations = _Relations(file)
    if (member := f"{folder}/_rels/{posixpath.basename(main)}.rels") in names:
        relations.read(archive, member)
    targets = {key: _member(folder, target) for key, target in relations.targets.items()}
    for key, kind in relations.kinds.items():
        if targets[key] in names and kind == "sharedStrings":
            strings = _Strings(file)
            strings.read(archive, targets[key])
            book.strings = strings.strings
        elif targets[key] in names and kind == "styles":
            styles = _Styles(file)
            styles.read(archive, targets[key])
            book.dates = styles.dates()
    return book, targets


def _member(folder: str, target: str) -> str:
    """Return the name of the member that a relation names; a path from the root, or from the workbook."""
    return target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))


class _Workbook(Part):
    def __init__(self, file: str, book: _Book) -> None:
        super().__init__(file, "the workbook")
        self._book = book

    def start(self, tag: str, attributes: Attributes) -> None:
        if tag == "sheet":
            name = attributes.get("name", "")
            relation = next((v for k, v in attributes.items() if k.rpartition(":")[2] == "id"), "")
            if attributes.get("state", "visible") == "visible":
                self._book.sheets.append((name, relation))
            else:
                self._book.hidden.append(name)
        elif tag == "workbookPr" and attributes.get("date1904") in ("1", "true"):
            self._book.first_day = datetime(1904, 1, 1)  # noqa: DTZ001


class _Relations(Part):
    def __init__(self, file: str) -> None:
        super().__init__(file, "the workbook's relations")
        self.targets: dict[str, str] = {}
        self.kinds: dict[str, str] = {}

    def start(self, tag: str, attributes: Attributes) -> None:
        if tag == "Relationship" and attributes.get("TargetMode") != "External":
            key = attributes.get("Id", "")
            self.targets[key] = attributes.get("Target", "")
            self.kinds[key] = attributes.get("Type", "").rpartition("/")[2]


class _Strings(Part):
    """The shared strings; readings of characters (rPh) are no part of them."""

    def __init__(self, file: str) -> None:
        super().__init__(file, "the shared strings")
        self.strings: list[str] = []
        self._pieces: list[str] = []
        self._phonetic = False

    def start(self, tag: str, attributes: Attributes) -> None:
        if tag == "si":
            self._pieces = []
        elif tag == "rPh":
            self._phonetic = True
        elif tag == "t":
            self.text.clear()

    def end(self, tag: str) -> None:
        if tag == "t" and not self._phonetic:
            self._pieces.append("".join(self.text))
        elif tag == "rPh":
            self._phonetic = False
        elif tag == "si":
            self.strings.append("".join(self._pieces))


class _Styles(Part):
    """Which cell styles show a number as a date (§18.8.30)."""

    def __init__(self, file: str) -> None:
        super().__init__(file, "the styles")
        self._own: dict[int, bool] = {}
        self._formats: list[int] = []
        self._inside = False

    def start(self, tag: str, attributes: Attributes) -> None:
        if tag == "numFmt":
            code = _LITERAL.sub("", attributes.get("formatCode", "").split(";")[0]).lower()
            self._own[_int(attributes.get("numFmtId"))] = any(c in code for c in "dmyhs") and "general" not in code
        elif tag == "cellXfs":
            self._inside = True
        elif tag == "xf" and self._inside:
            self._formats.append(_int(attributes.get("numFmtId")))

    def end(self, tag: str) -> None:
        if tag == "cellXfs":
            self._inside = False

    def dates(self) -> frozenset[int]:
        """Return the numbers of the styles."""
        return frozenset(n for n, f in enumerate(self._formats) if self._own.get(f, f in _BUILT_IN_DATES))


def _int(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0


def _rows(archive: zipfile.ZipFile, member: str, book: _Book, sheet: Sheet, file: str) -> Iterator[Row]:
    part = _Cells(file, sheet.name, book)
    for _ in part.parse(archive, member):
        while part.rows:
            yield part.rows.popleft()
    sheet.notes += part.blemishes.notes()


class _Cells(Part):
    """The rows of a sheet; finished ones wait in `rows`."""

    def __init__(self, file: str, name: str, book: _Book) -> None:
        super().__init__(file, f"sheet '{name}'")
        self.rows: deque[Row] = deque()
        self.blemishes = Blemishes()
        self._book = book
        self._number = 0
        self._cells: list[str | None] = []
        self._column = 0
        self._type = self._style = self._reference = ""
        self._value: str | None = None
        self._pieces: list[str] = []
        self._formula = self._phonetic = False

    def start(self, tag: str, attributes: Attributes) -> None:
        if tag == "c":
            self._open_cell(attributes)
        elif tag in ("v", "t"):
            self.text.clear()
        elif tag == "row":
            self._number = _int(attributes.get("r")) or self._number + 1
            self._cells, self._column = [], -1
            if self._number > _MOST_ROWS:
                raise self.damaged(f"it has a row {self._number}, more than a sheet can have")
        elif tag == "f":
            self._formula = True
        elif tag == "rPh":
            self._phonetic = True
        elif tag == "mergeCell":
            self._merge(attributes.get("ref", ""))

    def _open_cell(self, attributes: Attributes) -> None:
        self._reference = attributes.get("r", "")
        self._column = _column(self._reference, self._column + 1)
        if self._column >= MOST_COLUMNS:
            raise self.damaged(f"cell {self._reference} lies beyond the columns that a sheet can have")
        self._type, self._style = attributes.get("t", "n"), attributes.get("s", "")
        self._value, self._formula = None, False
        self._pieces = []

    def end(self, tag: str) -> None:
        if tag == "v":
            self._value = "".join(self.text)
        elif tag == "t" and not self._phonetic:
            self._pieces.append("".join(self.text))
        elif tag == "c":
            self._close_cell()
        elif tag == "rPh":
            self._phonetic = False
        elif tag == "row" and any(cell is not None for cell in self._cells):
            self.rows.append((self._number, self._cells))

    def _close_cell(self) -> None:
        text = self._shown()
        if text is not None and (plain := text.strip()):
            self._cells += [None] * (self._column - len(self._cells))
            self._cells[self._column :] = [plain]

    def _shown(self) -> str | None:
        """Return a cell's value as text; None when it has none."""
        if self._type == "inlineStr":
            return "".join(self._pieces)
        if not self._value:
            if self._formula and self._type != "str":
                self.blemishes.add(UNCACHED, self._reference)
            return None
        if self._type == "e":
            self.blemishes.add(ERRORS, f"{self._reference} ({self._value})")
            return None
        return self._valued(self._value)

    def _valued(self, value: str) -> str:
        """Return a stored value as text, by the cell's type (§18.18.11)."""
        match self._type:
            case "s":
                return self._shared(value)
            case "n":
                return self._number_shown(value)
            case "b":
                return "TRUE" if value.strip() in ("1", "true") else "FALSE"
            case "d":
                return value.replace("T00:00:00", "")
        return value

    def _shared(self, value: str) -> str:
        try:
            return self._book.strings[int(value)]
        except (ValueError, IndexError) as error:
            raise self.damaged(f"cell {self._reference} names a text that is not there") from error

    def _number_shown(self, value: str) -> str:
        try:
            number = float(value)
        except ValueError as error:
            raise self.damaged(f"cell {self._reference} is no number: '{value[:40]}'") from error
        if _int(self._style) in self._book.dates:
            return date_shown(number, self._book.first_day)
        return number_shown(number)

    def _merge(self, reference: str) -> None:
        """A cell merged downwards below the first rows holds its value only once."""
        ends = [_REFERENCE.fullmatch(end) for end in reference.split(":")]
        if len(ends) == 2 and ends[0] and ends[1] and 3 < int(ends[0][2]) < int(ends[1][2]):
            self.blemishes.add(MERGED, reference)


def _column(reference: str, otherwise: int) -> int:
    """Return the column of a reference such as AB12, counted from 0.

    >>> _column("AB12", 5), _column("", 5)
    (27, 5)
    """
    index = 0
    for letter in reference:
        if not "A" <= letter <= "Z":
            break
        index = index * 26 + ord(letter) - 64
    return index - 1 if index else otherwise


def number_shown(number: float) -> str:
    """Return a stored number as people write it: 7, not 7.0; 37.56, not 37.560000000000002."""
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def date_shown(days: float, first_day: datetime) -> str:
    """Return a serial date as 2024-01-05, 2024-01-05 09:30:00, or 09:30:00 below one day."""
    try:
        moment = first_day + timedelta(seconds=round(days * 86400, 3))
    except OverflowError:
        return number_shown(days)
    if 0 <= days < 1 and days:
        return moment.strftime("%H:%M:%S")
    return moment.strftime("%Y-%m-%d" if float(days).is_integer() else "%Y-%m-%d %H:%M:%S")
