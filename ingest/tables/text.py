"""Reads text files of columns (RFC 4180 and its relatives): encoding and delimiter are found, and said."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from ingest.encoding import normalise
from ingest.receive import Dataset
from ingest.tables.sheet import MOST_COLUMNS, Row, Sheet
from naru.errors import EncodingUnknown, FileDamaged, TooLarge

_LOOK = 2**18  # characters looked at for the delimiter
_CHUNK = 2**22
_LONGEST = 2**24  # characters of a field
_SEP = re.compile(r"sep=(.)\r?\n?")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def read_text(dataset: Dataset, encoding: str | None) -> Sheet:
    """Return the one table of a text file. Raises EncodingUnknown, FileDamaged, TooLarge."""
    codec, how = find_codec(dataset.main, encoding, dataset.file)
    with _open(dataset.main, codec) as stream:
        head = stream.read(_LOOK)
    stated = _SEP.match(head.removeprefix("\ufeff"))
    delimiter = stated.group(1) if stated else find_delimiter(head)
    rows = _rows(_records(dataset, codec, delimiter), 1 if stated else 0)
    return Sheet(
        name=dataset.name,
        rows=rows,
        encoding=codec.upper(),
        encoding_how=how,
        tabs=delimiter == "\t",
        loose_comma=delimiter != ",",
    )


def _open(path: Path, codec: str) -> io.TextIOWrapper:
    return path.open(encoding=codec, newline="")


# --- encoding ---------------------------------------------------------------------------------------


def find_codec(path: Path, option: str | None, file: str) -> tuple[str, str]:
    """Return the codec in which every byte of the file is valid, and how it was found. Raises EncodingUnknown."""
    with path.open("rb") as stream:
        head = stream.read(3)
    marked = next((codec for bom, codec in _BOMS if head.startswith(bom)), None)
    if option is not None:
        tried = [(normalise(option) or "", "given by --encoding")]
    elif marked is not None:
        tried = [(marked, f"byte order mark of {marked.upper()}")]
    else:
        tried = [("utf-8", "bytes are valid UTF-8"), ("cp949", "bytes are valid CP949 and not UTF-8")]
    faults = []
    for codec, how in tried:
        fault = _first_fault(path, codec)
        if not fault:
            return codec, _plain(path, codec, how)
        faults.append(fault)
    remedy = "Give the right one with --encoding, or save the file as UTF-8."
    raise EncodingUnknown(f"the text is {' and '.join(faults)}", file=file, remedy=remedy)


def _plain(path: Path, codec: str, how: str) -> str:
    if codec != "utf-8" or not how.startswith("bytes"):
        return how
    with path.open("rb") as stream:
        ascii_only = all(chunk.isascii() for chunk in iter(lambda: stream.read(_CHUNK), b""))
    return "all text is plain ASCII" if ascii_only else how


def _first_fault(path: Path, codec: str) -> str:
    """Say what is not valid in the codec, and in which line; "" when all is."""
    if not codec:
        return "in no encoding of that name"
    decoder, line = codecs.getincrementaldecoder(codec)("strict"), 1
    with path.open("rb") as stream:
        while True:
            chunk = stream.read(_CHUNK)
            try:
                line += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                line += chunk[: error.start].count(b"\n")
                return f"not valid {codec.upper()} (line {line}, byte 0x{error.object[error.start]:02X})"
            if not chunk:
                return ""


# --- columns ----------------------------------------------------------------------------------------


def find_delimiter(head: str) -> str:
    """Return what parts the columns: the sign that parts most lines into equally many.

    Among equals tab, semicolon and bar go before the comma, which also stands in numbers and texts.

    >>> find_delimiter("a;b\\n1,5;2,5\\n"), find_delimiter("one column\\n")
    (';', ',')
    """
    scores = {d: _consistency(head, d) for d in ("\t", ";", "|", ",")}
    best = max(scores.values())
    if best == 0:
        return ","
    return next(d for d, score in scores.items() if score == best)


def _consistency(head: str, delimiter: str) -> float:
    """Return the share of records that have the most frequent number of columns; 0 when that is one."""
    lines = head.splitlines(keepends=True)
    whole = lines[:-1] if len(head) >= _LOOK and len(lines) > 1 else lines
    records = csv.reader(whole, delimiter=delimiter, skipinitialspace=True)
    widths: Counter[int] = Counter()
    try:
        for record in records:
            if any(cell.strip() for cell in record):
                widths[len(record)] += 1
            if widths.total() >= 200:
                break
    except csv.Error:
        return 0.0
    several = Counter({w: n for w, n in widths.items() if w > 1})
    return several.most_common(1)[0][1] / widths.total() if several else 0.0


def _records(dataset: Dataset, codec: str, delimiter: str) -> Iterator[list[str]]:
    """Yield every record, blank ones as well. Raises FileDamaged when a quote is never closed."""
    csv.field_size_limit(_LONGEST)
    with _open(dataset.main, codec) as stream:
        lines = _Lines(stream)
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
        number = 0
        try:
            for record in reader:
                number += 1
                lines.end_record()
                yield record
        except csv.Error as error:
            raise _unclosed(dataset.file, number + 1, str(error)) from error
        if not _is_closed(lines.record, delimiter):
            raise _unclosed(dataset.file, number, "the file ends inside it")


class _Lines:
    """The lines of a stream; `record` are those of the latest record."""

    def __init__(self, stream: Iterable[str]) -> None:
        self._stream = iter(stream)
        self._first = self._begins = True
        self.record: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._stream)
        if self._first:
            self._first, line = False, line.removeprefix("\ufeff")
        if self._begins:
            self._begins, self.record = False, []
        self.record.append(line)
        return line

    def end_record(self) -> None:
        """The next line begins a record."""
        self._begins = True


def _is_closed(lines: list[str], delimiter: str) -> bool:
    """Whether a record's quotes are closed; Python's reader forgives the end of the file inside them."""
    try:
        list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error as error:
        return "unexpected end of data" not in str(error)
    return True


def _unclosed(file: str, row: int, why: str) -> FileDamaged:
    return FileDamaged(
        f"row {row} opens a quote that is never closed ({why})",
        file=file,
        remedy="Close the quote, or write a quote inside a text twice.",
    )


def _rows(records: Iterator[list[str]], before: int) -> Iterator[Row]:
    """Number the records and leave out the blank ones; `before` records came first."""
    for number, record in enumerate(records, 1):
        if number <= before:
            continue
        if len(record) > MOST_COLUMNS:
            raise TooLarge(f"row {number} has more than {MOST_COLUMNS} columns", remedy="Split it.")
        cells = [cell.strip() or None for cell in record]
        if any(cells):
            yield number, cells
