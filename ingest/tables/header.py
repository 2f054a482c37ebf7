"""Finds which rows of a sheet are titles, which name the columns, and where the data begin."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.tables.sheet import Row

_NUMBER = re.compile(r"[+-]?(?:[0-9][0-9,]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LEVELS = 3  # rows that may name the columns together
_LINE_BREAKS = re.compile(r"\s+")


@dataclass(frozen=True)
class Header:
    """The names of the columns (distinct, in order), and how many of the first rows are not data.

    `given` are the names as they stand in the file, "" where there is none. `found` is False when the file
    names no columns.
    """

    names: tuple[str, ...]
    given: tuple[str, ...]
    skipped: int
    found: bool = True
    notes: tuple[str, ...] = ()


def find_header(rows: Sequence[Row]) -> Header:
    """Find the header in the first rows of a sheet (blank rows are not among them)."""
    table = [cells for _, cells in rows]
    width = max((_last(cells) for cells in table), default=0)
    start = _first_full(table)
    if not _names_columns(table, start):
        titles = _titles(rows, start)
        names = tuple(f"field_{n}" for n in range(1, width + 1))
        note = "the columns have no names in the file and are numbered"
        return Header(names, ("",) * width, start, False, (*titles, note))
    levels = _levels(table, start)
    given = tuple(_joined(table[start : start + levels], n) for n in range(width))
    names, renamed = _distinct(given)
    return Header(names, given, start + levels, True, (*_titles(rows, start), *renamed))


_GEONAMES = (
    *("geonameid", "name", "asciiname", "alternatenames", "latitude", "longitude", "feature_class", "feature_code"),
    *("country_code", "cc2", "admin1_code", "admin2_code", "admin3_code", "admin4_code", "population", "elevation"),
    *("dem", "timezone", "modification_date"),
)


def geonames_header(rows: Sequence[Row]) -> Header | None:
    """Return the header of a GeoNames dump, which has none: its readme.txt names the 19 columns."""
    tables = [[*cells, *[None] * 19][: max(19, len(cells))] for _, cells in rows]
    known = all(
        len(c) == 19
        and (c[0] or "").isdigit()
        and all(_is_number(c[n]) for n in (4, 5, 14))
        and re.fullmatch("[AHLPRSTUV]?", c[6] or "")
        and re.fullmatch(r"\d{4}-\d{2}-\d{2}", c[18] or "")
        for c in tables
    )
    if not rows or not known:
        return None
    note = "the file names no columns; they are those of a GeoNames dump (its readme.txt)"
    return Header(_GEONAMES, _GEONAMES, 0, True, (note,))


def _last(cells: Sequence[str | None]) -> int:
    return max((n for n, cell in enumerate(cells, 1) if cell is not None), default=0)


def _filled(cells: Sequence[str | None]) -> int:
    return sum(cell is not None for cell in cells)


def _is_number(cell: str | None) -> bool:
    return cell is not None and _NUMBER.fullmatch(unicodedata.normalize("NFKC", cell)) is not None


def _first_full(table: Sequence[Sequence[str | None]]) -> int:
    """Return the first row that is about as full as the rows usually are: titles fill a cell or two."""
    counts = sorted(_filled(cells) for cells in table)
    usual = counts[len(counts) // 2] if counts else 0
    wanted = max(2, (usual + 1) // 2) if usual > 1 else 1
    return next((n for n, cells in enumerate(table) if _filled(cells) >= wanted), 0)


def _names_columns(table: Sequence[Sequence[str | None]], start: int) -> bool:
    """Whether a row names columns: it has no number, or a text where the rows below have numbers."""
    if start >= len(table):
        return False
    row = table[start]
    if not any(_is_number(cell) for cell in row):
        return True
    return any(
        cell is not None and not _is_number(cell) and _is_numeric(table, start, n) for n, cell in enumerate(row)
    )


def _is_numeric(table: Sequence[Sequence[str | None]], start: int, column: int) -> bool:
    """Whether most cells of a column below the row are numbers."""
    cells = [row[column] for row in table[start + 1 :] if column < len(row) and row[column] is not None]
    return bool(cells) and sum(map(_is_number, cells)) * 2 > len(cells)


def _levels(table: Sequence[Sequence[str | None]], start: int) -> int:
    """Return how many rows name the columns: more while cells are merged or repeated."""
    levels, above = 1, list(table[start])
    while levels < _LEVELS and start + levels + 1 < len(table):
        row = table[start + levels]
        if any(_is_number(cell) for cell in row) or not _is_merged(above, row):
            break
        if not any(_is_number(cell) for below in table[start + levels + 1 :] for cell in below):
            break
        above += [None] * (len(row) - len(above))
        above = [row[n] or top if n < len(row) else top for n, top in enumerate(above)]
        levels += 1
    return levels


def _is_merged(above: Sequence[str | None], row: Sequence[str | None]) -> bool:
    """Whether `above` heads groups of the cells of `row`.

    It is blank, or says the same again, over a further cell of a group; and somewhere it stands alone, or every
    one of its cells heads a group.
    """
    wide = max(len(above), len(row))
    tops = [above[n] if n < len(above) else None for n in range(wide)]
    cells = [row[n] if n < len(row) else None for n in range(wide)]
    before = [None, *tops[:-1]]
    further = [c is not None and any(tops[:n]) and tops[n] in (None, before[n]) for n, c in enumerate(cells)]
    alone = [t is not None and cells[n] in (None, t) for n, t in enumerate(tops)]
    heads = [t is not None and n + 1 < wide and further[n + 1] for n, t in enumerate(tops)]
    grouped = all(h or f or t is None for h, f, t in zip(heads, further, tops, strict=True))
    return any(further) and (any(alone) or grouped)


def _joined(levels: Sequence[Sequence[str | None]], column: int) -> str:
    """Return the name of a column over its levels: 대분류 소분류. A group's name stands over its first cell."""
    words: list[str] = []
    for depth, row in enumerate(levels):
        text = row[column] if column < len(row) else None
        below = [r[column] for r in levels[depth + 1 :] if column < len(r)]
        if text is None and any(b is not None for b in below):
            text = next((c for c in reversed(row[:column]) if c is not None), None)
        if text is not None and (plain := _LINE_BREAKS.sub(" ", text).strip()) not in words:
            words.append(plain)
    return unicodedata.normalize("NFC", " ".join(words))


def _distinct(given: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Number names that are missing or used twice; say which."""
    names: list[str] = []
    used = {name for name in given if name}
    taken: set[str] = set()
    renamed: list[str] = []
    for number, name in enumerate(given, 1):
        free, count = name or f"field_{number}", 1
        while free in taken or (free != name and free in used):
            count += 1
            free = f"{name or f'field_{number}'}_{count}"
        taken.add(free)
        names.append(free)
        if name and free != name:
            renamed.append(f"a second column '{name}' became '{free}'")
    more = [f"{len(renamed) - 5} more columns of names used twice were numbered"] if len(renamed) > 5 else []
    return tuple(names), (*renamed[:5], *more)


def _titles(rows: Sequence[Row], start: int) -> tuple[str, ...]:
    if not start:
        return ()
    said = "; ".join(" ".join(c for c in cells if c is not None)[:60] for _, cells in rows[:start][:3])
    return (f"{start} {'row' if start == 1 else 'rows'} above the column names left out: '{said}'",)
