"""From a row of a table (or a GeoJSON feature's properties) to a typed facility, with the source of each number."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from twin.facilities.columns import (
    GEOMETRY,
    SOURCES,
    TYPE,
    UNVERIFIED,
    XY,
    Meaning,
    is_known,
    meaning_of,
    nearest,
    plain,
    type_named,
)
from twin.facilities.problems import Problems
from twin.facilities.records import Facility, Sourced
from twin.facilities.schema import Field
from twin.facilities.shape import Shape
from twin.facilities.types import FIELDS, TYPES
from twin.facilities.values import convert, is_empty

_NO_SOURCE = ("id", "name", "name_en", "note", "source", "verified", "status", "manager", "river")
_PLACES = {plain(name) for name in (*TYPE, *GEOMETRY, *(n for pair in XY for n in pair))}


@dataclass(frozen=True)
class Row:
    """What stands in one row: where it stands, its cells by column, and its shape in the collection's system."""

    where: str  # "line 4", "feature 2"
    cells: Mapping[str, Any]
    shape: Shape | None


@dataclass
class _Reading:
    """A row while it is read."""

    row: Row
    kind: str
    id: str
    problems: Problems
    values: dict[str, Any]
    own_sources: dict[str, str]
    given_by: dict[str, str]  # field: the column that gave its value


def check_columns(columns: Iterable[str], problems: Problems) -> None:
    """Note columns that mean nothing: a misspelt name must not lose its numbers silently."""
    for column in columns:
        if column and not is_known(column):
            like = nearest(column)
            better = f"Did you mean '{like}'? " if like else ""
            problems.add(
                "header", column, "is no column of facilities", f"{better}Begin its name with _ to leave it."
            )


def build(row: Row, problems: Problems) -> Facility | None:
    """Return the facility that a row holds; None where it has faults, which are noted."""
    before = len(problems.found)
    reading = _begin(row, problems)
    if reading is None:
        return None
    for column, raw in row.cells.items():
        if not is_empty(raw) and plain(column) not in _PLACES and not column.startswith(("_", "#")):
            _take(reading, column, raw)
    _need(reading)
    _check_shape(reading)
    if len(problems.found) > before or row.shape is None:
        return None
    sources = _sources(reading)
    return TYPES[reading.kind](geometry=row.shape, sources=sources, **reading.values)


def _begin(row: Row, problems: Problems) -> _Reading | None:
    said = {plain(column): raw for column, raw in row.cells.items() if not is_empty(raw)}
    name = name_of(row.cells, row.where)
    word = next((str(said[plain(t)]) for t in TYPE if plain(t) in said), None)
    kind = type_named(word) if word else None
    if kind is None:
        what = f"'{word}' is no type of facility" if word else "is missing"
        problems.add(name, "type", what, f"Say one of {', '.join(TYPES)}.")
        return None
    return _Reading(row, kind, name, problems, {}, {}, {})


def name_of(cells: Mapping[str, Any], where: str) -> str:
    """Return the id that a row has, or where it stands."""
    return next((str(raw) for column, raw in cells.items() if not is_empty(raw) and _is_id(column)), where)


def _is_id(column: str) -> bool:
    found = meaning_of(column, "weir")
    return found is not None and found.field.name == "id" and not found.is_source


def _take(reading: _Reading, column: str, raw: Any) -> None:
    """Read one cell."""
    if plain(column) in {plain(name) for name in (*SOURCES, *UNVERIFIED)}:
        return
    meaning = meaning_of(column, reading.kind)
    if meaning is None:
        if is_known(column):
            owners = [TYPES[k].en for k in TYPES if meaning_of(column, k)]
            said = f"a {TYPES[reading.kind].en} has no such field; it is of: {', '.join(owners)}"
            reading.problems.add(reading.id, column, said, "Leave the cell empty, or correct the type.")
        return
    if meaning.is_source:
        reading.own_sources[meaning.field.name] = str(raw).strip()
        return
    _set(reading, column, meaning, raw)


def _set(reading: _Reading, column: str, meaning: Meaning, raw: Any) -> None:
    field = meaning.field
    try:
        value = convert(field, raw, meaning.factor)
    except ValueError as error:
        reading.problems.add(reading.id, field.name, str(error), _remedy(field))
        return
    if field.name in reading.values:
        other = reading.values[field.name]
        same = abs(other - value) <= 1e-3 * max(abs(other), 1e-9) if isinstance(value, float) else other == value
        if not same:
            both = f"'{reading.given_by[field.name]}' and '{column}' say {other} and {value}"
            reading.problems.add(reading.id, field.name, both, "Give it once.")
        return
    reading.values[field.name] = value
    reading.given_by[field.name] = column


def _remedy(field: Field) -> str:
    """Say what the field wants."""
    if field.kind == "choice":
        return f"Say {' or '.join(f'{value} ({ko})' for value, ko in field.choices.items())}."
    if field.kind in {"number", "whole"}:
        unit = f" {field.unit}" if field.unit not in {"", "–"} else ""
        return f"Give a number from {field.low:g} to {field.high:g}{unit}."
    if field.kind == "rules":
        return "Write it like: open 1.5 m when stage(upstream) >= 12.3; close when stage(upstream) <= 11.8."
    return f"It is: {field.meaning}."


def _need(reading: _Reading) -> None:
    faulty = {problem.field for problem in reading.problems.found if problem.facility == reading.id}
    for field in FIELDS[reading.kind].values():
        if field.required and field.name not in reading.values and field.name not in faulty:
            what = f"is missing: {field.meaning}"
            reading.problems.add(reading.id, field.name, what, f"Every {TYPES[reading.kind].en} needs it.")


def _check_shape(reading: _Reading) -> None:
    shape, wanted = reading.row.shape, TYPES[reading.kind].shapes
    if shape is None:
        reading.problems.add(reading.id, "geometry", "is missing", f"Give a {' or '.join(wanted)}.")
    elif shape.kind not in wanted:
        what = f"is a {shape.kind}; a {TYPES[reading.kind].en} is a {' or '.join(wanted)}"
        reading.problems.add(reading.id, "geometry", what, "Draw it so.")


def _sources(reading: _Reading) -> dict[str, Sourced]:
    """Return the source of every value: its own, else the facility's; and of the defaults that were taken."""
    given = _mapping(reading)
    doubted = _doubted(reading)
    general, verified = reading.values.get("source", ""), reading.values.get("verified", False)
    out = {}
    for field in FIELDS[reading.kind].values():
        name = field.name
        if name in _NO_SOURCE:
            continue
        if name in reading.values:
            source = reading.own_sources.get(name, general)
            out[name] = given.get(name) or Sourced(source, bool(verified and source and name not in doubted))
        elif field.default not in (None, (), "", False):
            why = f": {field.default_source}" if field.default_source else ""
            out[name] = Sourced(f"default{why}", verified=False)
    return out


def _mapping(reading: _Reading) -> dict[str, Sourced]:
    """Return what a `sources` mapping says."""
    raw = _cell(reading, SOURCES)
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except ValueError:
            raw = None
    if raw is None:
        return {}
    out = {}
    verified = bool(reading.values.get("verified", False))
    for name, said in raw.items() if isinstance(raw, Mapping) else ():
        if isinstance(said, Mapping) and set(said) <= {"source", "verified"}:
            out[str(name)] = Sourced(str(said.get("source", "")), bool(said.get("verified", verified)))
        else:
            out[str(name)] = Sourced(str(said), verified)
    return out


def _doubted(reading: _Reading) -> set[str]:
    raw = _cell(reading, UNVERIFIED)
    names = raw if isinstance(raw, list | tuple) else str(raw or "").replace(";", ",").split(",")
    found = [meaning_of(str(name), reading.kind) for name in names if str(name).strip()]
    return {meaning.field.name for meaning in found if meaning}


def _cell(reading: _Reading, names: Iterable[str]) -> Any:
    wanted = {plain(name) for name in names}
    return next((raw for c, raw in reading.row.cells.items() if plain(c) in wanted and not is_empty(raw)), None)
