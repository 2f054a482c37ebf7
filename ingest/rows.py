"""Turns features given as Python values into Arrow batches, with one type a field.

A field's type is that of all its values: whole numbers, numbers, truth values, dates, times; what is of several
kinds becomes text, so that nothing is rounded or invented.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

import pyarrow as pa

from ingest.layers import Batch
from ingest.moments import typed

_ROWS = 8192
_BYTES = 16 * 2**20  # of geometries in a batch
_INT64 = range(-(2**63), 2**63)
_EXACT = range(-(2**53), 2**53 + 1)  # whole numbers that a float64 holds


@dataclass(frozen=True)
class Row:
    """One feature: its properties, and its geometry as WKB (None: no geometry; empty bytes: unreadable)."""

    wkb: bytes | None
    properties: Mapping[str, Any] = field(default_factory=dict)


def batches(rows: Sequence[Row], dates: bool = False) -> Iterator[Batch]:
    """Yield the rows as attributes and WKB; fields are in the order in which they first occur.

    `dates`: text that is all dates becomes dates (see `ingest.moments`), for formats that have no type for them.
    """
    names = list(dict.fromkeys(name for row in rows for name in row.properties))
    columns = [column([row.properties.get(name) for row in rows]) for name in names]
    columns = [typed(c) for c in columns] if dates else columns
    start = 0
    while start < len(rows):
        end = _end(rows, start)
        wkb = pa.array([row.wkb for row in rows[start:end]], pa.binary())
        yield record_batch([c.slice(start, end - start) for c in columns], names, end - start), wkb
        start = end


def _end(rows: Sequence[Row], start: int) -> int:
    """Return where the batch that begins at `start` ends: after so many rows or bytes."""
    size, end = 0, start
    while end < min(len(rows), start + _ROWS) and size < _BYTES:
        size += len(rows[end].wkb or b"")
        end += 1
    return end


def record_batch(columns: Sequence[pa.Array], names: Sequence[str], rows: int) -> pa.RecordBatch:
    """Return a record batch, also where there are no columns."""
    if columns:
        return pa.RecordBatch.from_arrays(list(columns), names=list(names))
    return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))


def column(values: Sequence[Any]) -> pa.Array:
    """Return the values as one Arrow array of the narrowest type that keeps them all exactly.

    >>> column([1, 2.5, None]).type, column([True, None]).type, column([1, "가"]).to_pylist()
    (DataType(double), DataType(bool), ['1', '가'])
    """
    kinds = {type(v) for v in values if v is not None}
    if kinds <= {int, float} and int in kinds and (kinds == {int} or _all_exact(values)):
        whole = kinds == {int} and all(v is None or v in _INT64 for v in values)
        if whole or float in kinds:
            return pa.array(values, pa.int64() if whole else pa.float64())
    for kind, arrow in _TYPES.items():
        if kinds == {kind}:
            return pa.array(values, arrow)
    return pa.array([_text(v) for v in values], pa.string())


_TYPES = {
    bool: pa.bool_(),
    float: pa.float64(),
    date: pa.date32(),
    datetime: pa.timestamp("ms", tz="UTC"),
    time: pa.time32("ms"),
}


def _all_exact(values: Sequence[Any]) -> bool:
    return all(v in _EXACT for v in values if type(v) is int)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str).strip('"')
