"""Reads ODS (OpenDocument 1.3 part 3, §9) row by row: values as stored, nothing computed, nothing fetched."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from ingest.receive import Dataset, open_zip
from ingest.sandbox import Limits
from ingest.tables.sheet import ERRORS, MERGED, MOST_COLUMNS, UNCACHED, Blemishes, Row, Sheet, column_name
from ingest.tables.xlsx import number_shown
from ingest.tables.xml_parts import Attributes, Part
from naru.errors import FileDamaged, TooLarge

_CONTENT = "content.xml"
_MOST_ROWS = 1_048_576
_MOST_REPEATED = 20_000_000  # cells and letters that repeated rows may make: a few bytes can ask for a full sheet
_TIME = re.compile(r"PT(\d+)H(\d+)M(\d+)(?:[.,]\d+)?S")
_ERROR = re.compile(r"#[A-Z/0?!]+[!?A0]|Err:\d{3}")
_PAUSES = {"tab": "\t", "line-break": "\n"}


def read_ods(dataset: Dataset, limits: Limits) -> Iterator[Sheet]:
    """Yield the sheets. Raises BadZip, TooLarge, FileDamaged."""
    with open_zip(dataset.main, dataset.file, limits) as archive:
        names = archive.namelist()
        if _CONTENT not in names:
            raise FileDamaged(f"it has no {_CONTENT}", file=dataset.file, remedy="Save it again.")
        if "META-INF/manifest.xml" in names and b"encryption-data" in archive.read("META-INF/manifest.xml"):
            raise FileDamaged("it is protected by a password", file=dataset.file, remedy="Save it without one.")
        part = _Content(dataset.file)
        pieces = part.parse(archive, _CONTENT)
        while _advance(part, pieces):
            sheet = Sheet(part.begun.popleft(), iter(()), "UTF-8", "ODS is XML in Unicode")
            sheet.rows = _rows(part, pieces, sheet)
            yield sheet
            for _ in sheet.rows:  # whatever its reader left, so that the next sheet comes
                pass


def _advance(part: _Content, pieces: Iterator[None]) -> bool:
    """Parse until a sheet begins; False at the end."""
    while not part.begun:
        if next(pieces, part) is part:
            return bool(part.begun)
    return True


def _rows(part: _Content, pieces: Iterator[None], sheet: Sheet) -> Iterator[Row]:
    """Yield the rows of the sheet that has begun; None in the queue marks its end."""
    while True:
        while part.rows:
            row = part.rows.popleft()
            if row is None:
                sheet.notes += part.notes.popleft()
                return
            yield row
        if next(pieces, part) is part and not part.rows:
            return


class _Content(Part):
    """The rows of all sheets in order, and the names of the sheets that have begun."""

    def __init__(self, file: str) -> None:
        super().__init__(file, _CONTENT)
        self.begun: deque[str] = deque()
        self.rows: deque[Row | None] = deque()
        self.notes: deque[list[str]] = deque()
        self._blemishes = Blemishes()
        self._tables = 0  # depth: tables may stand in cells
        self._number = 0
        self._repeat_row = 1
        self._repeated = 0
        self._cells: list[str | None] = []
        self._column = 0
        self._attributes: dict[str, str] = {}
        self._paragraphs: list[str] | None = None
        self._aside = 0  # depth below an annotation

    def start(self, tag: str, attributes: Attributes) -> None:
        plain = {key.rpartition(":")[2]: value for key, value in attributes.items()}
        if tag == "table":
            self._tables += 1
            if self._tables == 1:
                self._number, self._blemishes = 0, Blemishes()
                self.begun.append(plain.get("name", ""))
        elif self._tables != 1:
            return
        elif tag == "table-row":
            self._cells, self._column = [], 0
            self._repeat_row = _count(plain.get("number-rows-repeated"))
        elif tag in ("table-cell", "covered-table-cell"):
            self._attributes, self._paragraphs = plain, []
        elif tag == "annotation":
            self._aside += 1
        elif tag == "p":
            self.text.clear()
        elif tag == "s":
            self.text.append(" " * min(_count(plain.get("c")), 1000))
        elif tag in _PAUSES:
            self.text.append(_PAUSES[tag])

    def end(self, tag: str) -> None:
        if tag == "table":
            self._tables -= 1
            if self._tables == 0:
                self.rows.append(None)
                self.notes.append(self._blemishes.notes())
        elif self._tables != 1:
            return
        elif tag == "p" and self._paragraphs is not None and not self._aside:
            self._paragraphs.append("".join(self.text))
        elif tag == "annotation":
            self._aside -= 1
        elif tag in ("table-cell", "covered-table-cell"):
            self._close_cell()
        elif tag == "table-row":
            self._close_row()

    def _close_cell(self) -> None:
        repeat = _count(self._attributes.get("number-columns-repeated"))
        shown = (self._shown() or "").strip() or None
        if _count(self._attributes.get("number-rows-spanned")) > 1 and self._number >= 3 and shown:
            self._blemishes.add(MERGED, self._where())
        if shown is not None:
            if self._column + repeat > MOST_COLUMNS:
                raise self.damaged(f"row {self._number + 1} has more columns than a sheet can have")
            self._cells += [None] * (self._column - len(self._cells)) + [shown] * repeat
        self._column += repeat
        self._paragraphs = None

    def _close_row(self) -> None:
        if any(cell is not None for cell in self._cells):
            if self._number + self._repeat_row > _MOST_ROWS:
                raise self.damaged("it has more rows than a sheet can have")
            self._repeated += (self._repeat_row - 1) * sum(1 + len(cell or "") for cell in self._cells)
            if self._repeated > _MOST_REPEATED:
                raise TooLarge(
                    f"row {self._number + 1} is repeated {self._repeat_row} times, which is too much",
                    file=self.file,
                    remedy="Remove the rows that are only filled in, or save it as .csv.",
                )
            self.rows.extend((self._number + n, self._cells) for n in range(1, self._repeat_row + 1))
        self._number += self._repeat_row

    def _where(self) -> str:
        return f"{column_name(self._column)}{self._number + 1}"

    def _shown(self) -> str | None:
        """Return a cell's value as text (§19.385); what it shows where it has no typed value."""
        said = "\n".join(self._paragraphs or [])
        given = self._attributes
        match given.get("value-type", ""):
            case "float" | "percentage" | "currency":
                return self._number_shown(given.get("value", ""))
            case "date":
                return given.get("date-value", "").replace("T00:00:00", "").replace("T", " ")
            case "time":
                match = _TIME.fullmatch(given.get("time-value", ""))
                return ":".join(f"{int(v):02d}" for v in match.groups()) if match else said
            case "boolean":
                return "TRUE" if given.get("boolean-value") == "true" else "FALSE"
        return self._text(said)

    def _text(self, said: str) -> str | None:
        if "formula" in self._attributes:
            if not said and "value-type" not in self._attributes:
                self._blemishes.add(UNCACHED, self._where())
            if _ERROR.fullmatch(said):
                self._blemishes.add(ERRORS, f"{self._where()} ({said})")
                return None
        return said

    def _number_shown(self, value: str) -> str | None:
        try:
            return number_shown(float(value))
        except ValueError as error:
            raise self.damaged(f"cell {self._where()} is no number: '{value[:40]}'") from error


def _count(text: str | None) -> int:
    """Return a count attribute; 1 where it is absent or senseless."""
    return int(text) if text and text.isascii() and text.isdigit() and 0 < int(text) < 2**31 else 1
