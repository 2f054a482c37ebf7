"""Series in tables: a column of times (or two: from, to) and one of values, in a file or in the scenario itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from naru.errors import BadSpec, ColumnsUnknown
from twin.fields import Fields
from twin.forcing.columns import moments as plain_moments
from twin.forcing.columns import numbers as plain_numbers
from twin.forcing.moments import TIME_UNITS, Moment, rank, read_moment, seconds, unit_in
from twin.forcing.sections import group, shown
from twin.grid import Floats
from twin.text import Table, decode, parse_number, read_bytes, read_table

_TIME = (
    *(
        "time",
        "t",
        "시간",
        "시각",
        "일시",
        "날짜",
        "date",
        "datetime",
        "timestamp",
        "hour",
        "hours",
        "min",
        "minutes",
    ),
    *("sec", "seconds", "분", "초", "경과시간", "관측일시", "관측시각", "tm", "elapsed", "hr", "h", "s", "hhmm"),
)
_MEANINGS = ("time", "value", "from", "to")
_FROM = ("from", "begin", "start", "시작", "부터", "시작시각", "시작시간", "시작일시")
_TO = ("to", "end", "until", "종료", "끝", "까지", "종료시각", "종료시간", "종료일시")


@dataclass(frozen=True)
class Rows:
    """A table's rows as read, in order: `until` is there where rows have a beginning and an end."""

    where: Fields
    key: str  # the field that names the table
    file: Path | None
    times: tuple[Moment, ...]
    until: tuple[Moment, ...] | None
    values: Floats
    names: tuple[str, ...]  # of the rows, as in errors: "line 7" or "row 3"
    header: str  # of the column of values; "" in a scenario itself

    def seconds(self, start: datetime | None) -> tuple[Floats, Floats | None]:
        """Return the times (and ends) in seconds since `start`. Raises BadSpec: clock times without a start."""
        try:
            times = np.array(seconds(self.times, start))
            return times, None if self.until is None else np.array(seconds(self.until, start))
        except ValueError as error:
            raise self.wrong(
                str(error), "Give `start: 2022-08-08T18:00:00+09:00` at the top of the file."
            ) from None

    def wrong(self, what: str, remedy: str, row: int | None = None) -> BadSpec:
        """Return the error that names file and row."""
        place = "" if row is None else f"{self.names[row]}: "
        return _wrong(self.where, self.key, self.file, f"{place}{what}", remedy)

    def given(self) -> dict[str, Any]:
        """Return what the report says of where the numbers come from."""
        return {"file": str(self.file)} if self.file is not None else {"value": self.where.get(self.key)}


def read_rows(where: Fields, key: str, words: Sequence[str]) -> Rows:
    """Read the table that a field holds or names; `words` begin or stand in the header of its values.

    Beside the field may stand `columns` ({time, value, from, to}: their headers), `time_unit`, `encoding`, and
    `rows`, the numbers of the rows to take, the first being 1; or they stand with the file as its group.

    Raises:
        BadSpec: a row that cannot be read, by its line; times that do not rise.
        FileMissing, ColumnsUnknown, EncodingUnknown: of the file.
    """
    _write_out(where, key)
    unit = where.choice("time_unit", TIME_UNITS, "") if where.has("time_unit") else None
    where.get("rows")
    if isinstance(where.get(key), list):
        return _chosen(_inline(where, key, unit))
    path = where.source_file(key)
    columns = group(where, "columns") if where.has("columns") else None
    table = _table(path, where.text("encoding"))
    rows = _from_table(table, where, key, _find(table, columns, words), unit)
    if columns is not None:
        columns.done()
    return _chosen(rows)


def _write_out(where: Fields, key: str) -> None:
    """Put the fields of a group `{file: q.csv, time_unit: s}` beside `key`; `time: t` in it names a header."""
    given = where.get(key)
    if not isinstance(given, Mapping):
        return
    if given.get("file") is None:
        raise where.wrong(key, "is a group without 'file'", "Give a path, {file: PATH, …}, or [[time, value], …].")
    headers = {meaning: given[meaning] for meaning in _MEANINGS if meaning in given}
    beside = {str(name): value for name, value in given.items() if name not in ("file", *_MEANINGS)}
    if headers:
        beside.setdefault("columns", headers)
    for name in beside:
        if name in where.names:
            raise where.wrong(name, f"is given beside '{key}' and in it", "Give it once.")
    where.put({key: given["file"], **beside})


def _wrong(where: Fields, key: str, file: Path | None, what: str, remedy: str) -> BadSpec:
    if file is None:
        return where.wrong(key, f"is wrong: {what}", remedy)
    return BadSpec(what, file=str(file), field=where.where(key), remedy=remedy)


# --- in the scenario itself ---------------------------------------------------------------------------


def _inline(where: Fields, key: str, unit: str | None) -> Rows:
    given: list[Any] = where.get(key)
    times, values = [], []
    for number, row in enumerate(given, 1):
        if not isinstance(row, list) or len(row) != 2:
            raise where.wrong(
                key, f"has {shown(row)} as row {number}, where [time, value] is expected", "Correct it."
            )
        try:
            times.append(read_moment(str(row[0]), unit))
        except ValueError as error:
            raise where.wrong(key, f", row {number}: the time {shown(row[0])} {error}", "Correct it.") from None
        values.append(where.as_number(row[1], key, -1e12, 1e12, ""))
    if not given:
        raise where.wrong(key, "has no rows", "Give it as [[time, value], …].")
    names = tuple(f"row {n}" for n in range(1, len(given) + 1))
    return Rows(where, key, None, tuple(times), None, np.array(values), names, "")


# --- in a file ----------------------------------------------------------------------------------------


def _table(path: Path, encoding: str | None) -> Table:
    """Read a table whose header may be a remark (# from,to,mm), or missing over two columns of numbers."""
    table = read_table(path, encoding, header=("time", "value"))
    first = next((c for c in table.header if c), "")
    if _is_time(first):  # what was taken for a header is a row
        text, _ = decode(read_bytes(path), table.encoding, path)
        lines = text.splitlines()
        at = next(n for n, line in enumerate(lines) if line.strip() and not line.startswith("#"))
        remarks = [line.lstrip("# ").strip() for line in lines[:at] if line.startswith("#")]
        wide = [r.split(table.delimiter) for r in remarks if r.count(table.delimiter) + 1 == len(table.header)]
        names = [n.strip() for n in wide[-1]] if wide else [str(n) for n in range(1, len(table.header) + 1)]
        rows = [list(table.header), *table.rows]
        table = Table(path, tuple(names), rows, [at + 1, *table.lines], table.delimiter, table.encoding)
    return table


def _is_time(text: str) -> bool:
    try:
        read_moment(text, None if not re.fullmatch(r"[\d:.]+", text) else "elapsed" if ":" in text else "s")
    except ValueError:
        return False
    return True


def _find(table: Table, columns: Fields | None, words: Sequence[str]) -> dict[str, str]:
    """Return the headers of the columns by meaning: time or from and to, and value."""
    found: dict[str, str] = {}
    for meaning, known in (("from", _FROM), ("to", _TO), ("time", _TIME), ("value", tuple(words))):
        named = columns.text(meaning) if columns is not None else None
        if named is not None:
            found[meaning] = table.column(named, meaning)
            continue
        free = [h for h in table.header if h not in found.values()]
        matches = [h for h in free if (_says(h, known) if meaning == "value" else _begins(h, known))]
        if meaning == "value" and len(matches) > 1:
            raise _unsure(table, meaning, f"{', '.join(matches)} may all be the values")
        if matches:
            found[meaning] = matches[0]
    if len(table.header) == 2 and not {"from", "to"} & set(found):
        found.setdefault("time", table.header[0])
        found.setdefault("value", table.header[1])
    if ("from" in found) != ("to" in found):
        found.pop("from", None)
        found.pop("to", None)
    if "value" not in found:
        raise _unsure(table, "value", "it is not known which column holds the values")
    if "time" not in found and "from" not in found:
        raise _unsure(table, "time", "it is not known which column holds the times")
    return found


def _unsure(table: Table, meaning: str, what: str) -> ColumnsUnknown:
    return ColumnsUnknown(
        what,
        file=str(table.file),
        field=meaning,
        remedy=f"Name it: `columns: {{{meaning}: NAME}}`. The file has: {', '.join(table.header[:30])}.",
    )


def _words(header: str) -> list[str]:
    return [w for w in re.split(r"[^\w가-힣]|_", header.casefold()) if w]


def _begins(header: str, known: Sequence[str]) -> bool:
    return next(iter(_words(header)), "") in known


def _says(header: str, known: Sequence[str]) -> bool:
    return any(word == k or (len(k) > 1 and word.startswith(k)) for word in _words(header) for k in known)


def _from_table(table: Table, where: Fields, key: str, names: Mapping[str, str], unit: str | None) -> Rows:
    comma = table.delimiter == ","

    def moments(meaning: str) -> tuple[Moment, ...]:
        own = unit or unit_in(names[meaning])
        found = plain_moments(table.texts(names[meaning]), own)
        return tuple(found if found is not None else (moment(row, meaning, own) for row in every))

    def moment(row: int, meaning: str, unit: str | None) -> Moment:
        text = table.text(row, names[meaning])
        try:
            return read_moment(text, unit, comma_parts=comma)
        except ValueError as error:
            what = f"line {table.lines[row]}: '{text[:40]}' in column '{names[meaning]}' {error}"
            raise _wrong(where, key, table.file, what, "Correct it, or leave the line out.") from None

    def value(row: int) -> float:
        text = table.text(row, names["value"])
        found = parse_number(text, comma_parts=comma)
        if found is None:
            what = f"line {table.lines[row]}: '{text[:40]}' in column '{names['value']}' is no number"
            raise _wrong(where, key, table.file, what, "Correct it, or leave the line out.")
        return found

    every = range(len(table.rows))
    if not every:
        raise _wrong(where, key, table.file, "there are no rows under the header", "Export it again.")
    both = "from" in names
    values = plain_numbers(table.texts(names["value"]))
    return Rows(
        where,
        key,
        table.file,
        moments("from" if both else "time"),
        moments("to") if both else None,
        np.array(values if values is not None else [value(row) for row in every]),
        tuple(f"line {line}" for line in table.lines),
        names["value"],
    )


# --- both ---------------------------------------------------------------------------------------------


def _chosen(rows: Rows) -> Rows:
    """Return the rows that `rows` numbers; all where it is not given. They must rise."""
    numbers = rows.where.get("rows")
    if numbers is not None:
        if not isinstance(numbers, list) or not numbers:
            raise rows.where.wrong("rows", f"is {shown(numbers)} where numbers of rows are expected", "[1, 2].")
        count = len(rows.times)
        picked = [
            int(rows.where.as_number(n, "rows", 1, count, f"(rows of the table: {count})")) - 1 for n in numbers
        ]
        rows = Rows(
            rows.where,
            rows.key,
            rows.file,
            tuple(rows.times[n] for n in picked),
            None if rows.until is None else tuple(rows.until[n] for n in picked),
            rows.values[picked],
            tuple(rows.names[n] for n in picked),
            rows.header,
        )
    mixed = {isinstance(moment, datetime) for moment in (*rows.times, *(rows.until or ()))}
    zones = {moment.tzinfo is None for moment in (*rows.times, *(rows.until or ())) if isinstance(moment, datetime)}
    if len(mixed) > 1 or len(zones) > 1:
        raise rows.wrong("some times have a date or a zone and some have none", "Write all of them alike.")
    if rows.until is None:
        _check_rising(rows)
    return rows


def _check_rising(rows: Rows) -> None:
    """Return if each row is later than the one above it. Raises BadSpec: names the row."""
    spans = np.diff(np.array([rank(moment) for moment in rows.times]))
    wrong = np.flatnonzero(~(spans > 0))
    if wrong.size:
        how = "is given twice" if spans[wrong[0]] == 0 else "lies before the row above it"
        raise rows.wrong(f"the time {how}", "Times must rise from row to row.", int(wrong[0]) + 1)
