"""What differs between two versions of a vector layer: features added, removed, changed.

Each feature is reduced to two 64-bit hashes, of its attributes and of its geometry, so that a million features
cost a few tens of megabytes. Features are paired in two ways, and the account with fewer differences is given:
by a field that names features (unique in both versions), or by content alone: same geometry with other
attributes and the reverse count as changed, what is left as added and removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from naru.records import Changes

Hashes = NDArray[np.uint64]
_GEOMETRY, _COVERING = "geometry", "bbox"
_BATCH_ROWS = 32_768
_KEY_OVERLAP = 0.5  # a field names features if at least this share of its values is in both versions
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class _Side:
    """One version, hashed: by row its attributes, its geometry, and the fields that could name it."""

    attributes: Hashes
    geometry: Hashes
    keys: dict[str, Hashes]


def compare(before: Path, after: Path) -> Changes:
    """Compare two GeoParquet sources of one layer.

    Fields that only one of them has are told, not compared. Where the coordinate reference systems differ, no
    geometry equals another.
    """
    old, new = pq.ParquetFile(before), pq.ParquetFile(after)
    fields, same_type = _common(old.schema_arrow, new.schema_arrow)
    salt = np.random.default_rng().integers(1, 2**63, dtype=np.uint64) | np.uint64(1)
    one, two = (_hashed(file, fields, same_type, salt) for file in (old, new))
    accounts = [*(_by_key(one, two, name) for name in _naming(one, two)), _by_content(one, two)]
    best = min(accounts, key=lambda account: (account.total, account.moved))
    return Changes(
        **{name: getattr(best, name) for name in ("added", "removed", "changed", "moved", "unchanged")},
        compared_by=best.compared_by,
        fields_added=_only(new.schema_arrow, old.schema_arrow),
        fields_removed=_only(old.schema_arrow, new.schema_arrow),
    )


def _names(schema: pa.Schema) -> list[str]:
    return [name for name in schema.names if name not in (_GEOMETRY, _COVERING)]


def _only(here: pa.Schema, there: pa.Schema) -> tuple[str, ...]:
    return tuple(name for name in _names(here) if name not in there.names)


def _common(old: pa.Schema, new: pa.Schema) -> tuple[list[str], dict[str, bool]]:
    """Return the fields of both, and whether each has one type; otherwise it is compared as text."""
    fields = [name for name in _names(old) if name in new.names]
    return fields, {name: old.field(name).type == new.field(name).type for name in fields}


# --- hashing --------------------------------------------------------------------------------------


def _hashed(file: pq.ParquetFile, fields: Sequence[str], same_type: dict[str, bool], salt: np.uint64) -> _Side:
    attributes, geometry = [], []
    keys: dict[str, list[Hashes]] = {name: [] for name in fields if _could_name(file.schema_arrow.field(name).type)}
    crs = _text_hash(_crs_of(file), salt)
    for batch in file.iter_batches(_BATCH_ROWS, columns=[*fields, _GEOMETRY]):
        total = np.zeros(len(batch), np.uint64)
        for name in fields:
            column = batch.column(name)
            values = _column_hashes(column if same_type[name] else column.cast(pa.string()), salt)
            total = _mixed(total ^ values)
            if name in keys:
                keys[name].append(np.where(column.is_null().to_numpy(zero_copy_only=False), np.uint64(0), values))
        attributes.append(total)
        geometry.append(_mixed(_column_hashes(batch.column(_GEOMETRY), salt) ^ crs))
    return _Side(_joined(attributes), _joined(geometry), {name: _joined(parts) for name, parts in keys.items()})


def _joined(parts: list[Hashes]) -> Hashes:
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def _crs_of(file: pq.ParquetFile) -> bytes:
    geo = json.loads((file.schema_arrow.metadata or {}).get(b"geo", b"{}"))
    crs = geo.get("columns", {}).get(_GEOMETRY, {}).get("crs")
    return json.dumps(crs, sort_keys=True).encode()


def _text_hash(text: bytes, salt: np.uint64) -> np.uint64:
    return np.uint64(_column_hashes(pa.array([text], pa.binary()), salt)[0])


def _could_name(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind)) or _is_text(kind)


def _is_text(kind: pa.DataType) -> bool:
    """Whether values are byte strings of any length, with a meaning or without."""
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(is_one(kind) for is_one in kinds)


def _column_hashes(column: pa.Array, salt: np.uint64) -> Hashes:
    """Return a 64-bit hash of each value; nulls have one of their own."""
    if pa.types.is_null(column.type):
        return np.full(len(column), _GOLDEN)
    hashes = _varying(column.cast(pa.large_binary()), salt) if _is_text(column.type) else _fixed(column)
    missing = column.is_null().to_numpy(zero_copy_only=False)
    return np.where(missing, _GOLDEN, _mixed(hashes))


def _fixed(column: pa.Array) -> Hashes:
    """Return numbers, booleans, dates and times as 64 bits."""
    kind = column.type
    if pa.types.is_floating(kind):
        real = column.cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False)
        return np.ascontiguousarray(real).view(np.uint64)
    if pa.types.is_date32(kind) or pa.types.is_time32(kind):
        column = column.cast(pa.int32())
    elif pa.types.is_temporal(kind):
        column = column.cast(pa.int64())
    whole = column.cast(pa.uint64() if pa.types.is_uint64(kind) else pa.int64()).fill_null(0)
    return np.ascontiguousarray(whole.to_numpy(zero_copy_only=False)).view(np.uint64)


def _varying(column: pa.Array, salt: np.uint64) -> Hashes:
    """Return the polynomial hash of each byte string: the sum of byte × salt^place, modulo 2^64."""
    _, offsets_buffer, data = column.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int64)[column.offset : column.offset + len(column) + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    raw = np.frombuffer(data, np.uint8)[first:last] if data is not None else np.zeros(0, np.uint8)
    lengths = np.diff(offsets)
    place = np.arange(last - first) - np.repeat(offsets[:-1] - first, lengths)
    powers = np.cumprod(np.full(int(lengths.max(initial=0)) + 1, salt, np.uint64))
    sums = np.concatenate(([np.uint64(0)], np.cumsum((raw.astype(np.uint64) + np.uint64(1)) * powers[place])))
    hashes: Hashes = sums[offsets[1:] - first] - sums[offsets[:-1] - first] + lengths.astype(np.uint64)
    return hashes


def _mixed(values: Hashes) -> Hashes:
    """Spread the bits (the finisher of SplitMix64: Steele, Lea and Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


# --- pairing --------------------------------------------------------------------------------------


def _naming(old: _Side, new: _Side) -> Iterator[str]:
    """Yield the fields whose values are unique and there in every feature, and mostly the same in both."""
    for name, values in old.keys.items():
        others = new.keys.get(name, np.zeros(0, np.uint64))
        if _unique(values) and _unique(others):
            shared = np.isin(values, others).sum()
            if shared >= _KEY_OVERLAP * max(len(values), len(others)):
                yield name


def _unique(values: Hashes) -> bool:
    return bool(values.size) and bool(values.all()) and np.unique(values).size == values.size


def _by_key(old: _Side, new: _Side, name: str) -> Changes:
    _, here, there = np.intersect1d(old.keys[name], new.keys[name], assume_unique=True, return_indices=True)
    moved = old.geometry[here] != new.geometry[there]
    changed = moved | (old.attributes[here] != new.attributes[there])
    return Changes(
        added=len(new.attributes) - len(here),
        removed=len(old.attributes) - len(here),
        changed=int(changed.sum()),
        moved=int(moved.sum()),
        unchanged=int((~changed).sum()),
        compared_by=f"field '{name}'",
    )


def _by_content(old: _Side, new: _Side) -> Changes:
    left = np.ones(len(old.attributes), bool)
    right = np.ones(len(new.attributes), bool)
    same = _pair(_mixed(old.attributes) ^ old.geometry, _mixed(new.attributes) ^ new.geometry, left, right)
    altered = _pair(old.geometry, new.geometry, left, right)
    moved = _pair(old.attributes, new.attributes, left, right)
    return Changes(int(right.sum()), int(left.sum()), altered + moved, moved, same, "content")


def _pair(old: Hashes, new: Hashes, left: NDArray[np.bool_], right: NDArray[np.bool_]) -> int:
    """Pair equal values among those still free on both sides, each once; return how many pairs there are."""
    free_old, free_new = np.flatnonzero(left), np.flatnonzero(right)
    numbered_old, numbered_new = _numbered(old[free_old]), _numbered(new[free_new])
    _, here, there = np.intersect1d(numbered_old, numbered_new, return_indices=True)
    left[free_old[here]] = False
    right[free_new[there]] = False
    return len(here)


def _numbered(values: Hashes) -> Hashes:
    """Make equal values differ by how many of them came before."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    begins = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if values.size else order
    runs = np.diff(np.append(begins, values.size))
    nth = np.empty(values.size, np.uint64)
    nth[order] = (np.arange(values.size) - np.repeat(begins, runs)).astype(np.uint64)
    return _mixed(values + nth * _GOLDEN)
