"""Tables as text (RFC 4180 and its relatives), whose every fault is named by file, line and column."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from naru.errors import BadSurvey, ColumnsUnknown, EncodingUnknown, FileDamaged, FileMissing, TooLarge

MOST_BYTES = 256 * 2**20
_MOST_ROWS = 2_000_000
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_LOOK = 200  # lines looked at for the delimiter
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?")


@dataclass(frozen=True)
class Table:
    """Rows of texts under a header. `lines` are where the rows stand in the file, counted from 1."""

    file: Path
    header: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]
    delimiter: str
    encoding: str
    _places: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._places.update({name: place for place, name in reversed(list(enumerate(self.header)))})

    def column(self, name: str, meaning: str) -> str:
        """Return a column's name if it is there. Raises ColumnsUnknown, which lists those that are."""
        if name in self._places:
            return name
        loose = [h for h in self.header if h.casefold().strip() == name.casefold().strip()]
        if len(loose) == 1:
            return loose[0]
        raise ColumnsUnknown(
            f"there is no column '{name}' for {meaning}",
            file=str(self.file),
            field=name,
            remedy=f"The file has: {', '.join(self.header[:30])}. Name one of them.",
        )

    def text(self, row: int, name: str) -> str:
        """Return a cell, without spaces around it; "" where the row is too short."""
        place = self._places[name]
        cells = self.rows[row]
        return cells[place].strip() if place < len(cells) else ""

    def texts(self, name: str) -> list[str]:
        """Return a column's cells, as `text` does each."""
        place = self._places[name]
        return [cells[place].strip() if place < len(cells) else "" for cells in self.rows]

    def number(self, row: int, name: str, feature: str | None = None) -> float:
        """Return a cell as a finite number. Raises BadSurvey with line and column, and `feature`, whose it is."""
        text = self.text(row, name)
        value = parse_number(text, comma_parts=self.delimiter == ",")
        if value is None:
            raise BadSurvey(
                f"line {self.lines[row]}: {_quoted(text)} in column '{name}' is no number",
                file=str(self.file),
                feature=feature,
                field=name,
                remedy="Correct it, or leave the line out.",
            )
        return value


def parse_number(text: str, *, comma_parts: bool = True) -> float | None:
    """Return a finite number, or None. Where commas do not part columns, a single one is a decimal comma.

    >>> parse_number("1,234.5"), parse_number("1,5", comma_parts=False), parse_number("nan"), parse_number("")
    (1234.5, 1.5, None, None)
    """
    text = text.strip().replace("−", "-")
    if "," in text:
        if _THOUSANDS.fullmatch(text) and (comma_parts or "." in text or text.count(",") > 1):
            text = text.replace(",", "")
        elif text.count(",") == 1 and "." not in text:
            text = text.replace(",", ".")
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return a file's bytes. Raises FileMissing, TooLarge."""
    try:
        size = path.stat().st_size
        if size > most:
            raise TooLarge(
                f"the file has {size / 2**20:.0f} MiB; {most / 2**20:.0f} MiB are read",
                file=str(path),
                remedy="Split it into several files and name them all.",
            )
        return path.read_bytes()
    except OSError as error:
        raise FileMissing(
            f"the file cannot be read ({error.strerror})", file=str(path), remedy="Check path and permissions."
        ) from error


def decode(data: bytes, encoding: str | None, path: Path) -> tuple[str, str]:
    """Return text and encoding: the one given, else that of the byte order mark, UTF-8, CP949.

    Raises EncodingUnknown.
    """
    marked = next((codec for mark, codec in _BOMS if data.startswith(mark)), None)
    tried = [encoding] if encoding else [marked] if marked else ["utf-8", "cp949"]
    for codec in tried:
        try:
            return data.decode(str(codec)).removeprefix("\ufeff"), str(codec)
        except (ValueError, LookupError):  # also what is no name of an encoding, and codecs of other things
            continue
    raise EncodingUnknown(
        f"the text is not {' nor '.join(str(t).upper() for t in tried)}",
        file=str(path),
        remedy="Save the file as UTF-8, or name its `encoding` beside it.",
    )


def read_table(path: Path, encoding: str | None = None, *, header: Sequence[str] | None = None) -> Table:
    """Read a table: comma, semicolon, tab, bar or blanks between columns; the first line names them.

    `header`: what the columns are called where the first line holds numbers already.
    Raises FileMissing, TooLarge, EncodingUnknown, FileDamaged.
    """
    text, codec = decode(read_bytes(path), encoding, path)
    delimiter = find_delimiter(text)
    records = _records(text, delimiter, path)
    if not records:
        raise FileDamaged("the file is empty", file=str(path), remedy="Export it again.")
    if len(records) > _MOST_ROWS:
        raise TooLarge(
            f"the table has more than {_MOST_ROWS} lines", file=str(path), remedy="Split it into several files."
        )
    first = [cell.strip() for cell in records[0][1]]
    numbers = [parse_number(cell, comma_parts=delimiter == ",") is not None for cell in first if cell]
    if header is not None and numbers and all(numbers):
        first = list(header[: len(first)]) + [str(n) for n in range(len(header) + 1, len(first) + 1)]
    else:
        records = records[1:]
    return Table(
        path, tuple(first), [cells for _, cells in records], [line for line, _ in records], delimiter, codec
    )


def find_delimiter(text: str) -> str:
    r"""Return what parts most lines into equally many columns; blanks only where nothing else does.

    >>> find_delimiter("a;b\n1,5;2,5\n"), find_delimiter("a b\n1 2\n"), find_delimiter("a,b c\n1,2\n")
    (';', ' ', ',')
    """
    lines = [line for line in text[: 2**18].splitlines()[:_LOOK] if line.strip() and not line.startswith("#")]
    scores = {}
    for delimiter in ("\t", ";", "|", ","):
        widths = Counter(line.count(delimiter) for line in lines)
        width, count = widths.most_common(1)[0] if widths else (0, 0)
        scores[delimiter] = count / len(lines) if width else 0.0
    best = max(scores.values())
    if best < 0.5:
        return " " if any(len(line.split()) > 1 for line in lines) else ","
    return next(d for d, score in scores.items() if score == best)


def _records(text: str, delimiter: str, path: Path) -> list[tuple[int, list[str]]]:
    """Return the lines that hold anything, with their numbers; lines that begin with # are remarks."""
    if delimiter == " ":
        split = ((n, line.split()) for n, line in enumerate(text.splitlines(), 1))
        return [(n, cells) for n, cells in split if cells and not cells[0].startswith("#")]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    out: list[tuple[int, list[str]]] = []
    try:
        rows = (cells for cells in reader if any(map(str.strip, cells)) and not cells[0].startswith("#"))
        out.extend((reader.line_num, cells) for cells in rows)
    except csv.Error as error:
        raise FileDamaged(
            f"line {reader.line_num} is no line of a table ({error})", file=str(path), remedy="Export it again."
        ) from error
    return out


def _quoted(text: str) -> str:
    return f"'{text[:40]}'" if text else "nothing"
