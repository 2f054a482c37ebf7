"""Reads what GDAL does not keep of GeoJSON features: whole numbers as `id` (RFC 7946 §3.2), and dates as written.

GDAL takes whole numbers for row numbers of its own, renumbers those that occur twice, and loses texts among them.
Texts alone it keeps, in a field `id`. Of newline-delimited files it types dates by itself and loses zones.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest.json_stream import features, values
from ingest.layers import Batch
from ingest.moments import typed
from ingest.ogr import OgrInfo
from ingest.rows import column

_ID = "id"
_WHOLE_BYTES = 64 * 2**20  # of a document that is one feature
Columns = Mapping[str, pa.Array]


def kept_beside(path: Path, lines: bool, info: OgrInfo, notes: list[str]) -> Columns:
    """Return whole columns, in the order of the file, that replace GDAL's or are added to them.

    Where GDAL sees another number of features than we do nothing is replaced, which is noted.
    """
    fields = list(info.times) if lines else []
    wants_ids = _ID not in info.fields and _occurs(path, b'"id"')
    if not fields and not wants_ids:
        return {}
    found = [(f.get("id"), _texts(f, fields)) for f in _features(path, lines) if _is_feature(f)]
    if wants_ids and all(one is None for one, _ in found):
        wants_ids = False
    if (fields or wants_ids) and info.rows >= 0 and len(found) != info.rows:
        notes.append(
            f"ids and zones of dates were left out: of {info.rows} features, {len(found)} could be looked at"
        )
        return {}
    out = {_ID: column([one for one, _ in found])} if wants_ids else {}
    return out | {name: typed(column([texts[n] for _, texts in found])) for n, name in enumerate(fields)}


def with_columns(batches: Iterator[Batch], columns: Columns) -> Iterator[Batch]:
    """Yield the batches with the columns in place of those of the same name, or before all others."""
    start = 0
    for attributes, wkb in batches:
        parts = {name: whole.slice(start, len(wkb)) for name, whole in columns.items()}
        start += len(wkb)
        yield _with(attributes, parts), wkb


def _with(attributes: pa.RecordBatch, parts: Columns) -> pa.RecordBatch:
    if not parts:
        return attributes
    there = dict(zip(attributes.schema.names, attributes.columns, strict=True))
    both = {name: parts[name] for name in parts if name not in there} | there | dict(parts)
    return pa.RecordBatch.from_arrays(list(both.values()), names=list(both))


def _texts(feature: Mapping[str, Any], fields: Sequence[str]) -> tuple[Any, ...]:
    properties = feature.get("properties")
    return tuple(properties.get(name) if isinstance(properties, dict) else None for name in fields)


def _is_feature(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") == "Feature"


def _features(path: Path, lines: bool) -> Iterator[Any]:
    if lines:
        yield from values(path)
        return
    none = True
    for feature in features(path):
        none = False
        yield feature
    if none and path.stat().st_size <= _WHOLE_BYTES:
        yield from values(path)


def _occurs(path: Path, text: bytes) -> bool:
    if not path.stat().st_size:
        return False
    with path.open("rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(text) >= 0
