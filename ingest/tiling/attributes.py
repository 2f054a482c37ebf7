"""Attribute columns as dictionaries of ready-encoded MVT values, one stable type a column.

Rules (recorded in `Attributes.fields`): whole numbers that a browser could not hold exactly (beyond 2**53)
make their whole column text; dates and times are ISO 8601 text, `YYYY-MM-DD` where no value has a time of
day; null, NaN and infinity are absent; lists and structures are JSON text; binary columns are left out.
"""

from __future__ import annotations

import json
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ingest.tiling.kernel import inner, kernel
from ingest.tiling.source import Source
from ingest.tiling.threads import bounded_map, cores

EXACT = 2**53  # whole numbers beyond this are not exact as IEEE doubles, which is what JavaScript has


class Dictionary(NamedTuple):
    """Byte strings one after the other: item i is data[starts[i]:starts[i+1]]."""

    starts: NDArray[np.int64]
    data: NDArray[np.uint8]


class Attributes(NamedTuple):
    """Codes into one dictionary of values for the whole layer; what the tile encoder reads."""

    codes: NDArray[np.int32]  # (rows, columns); -1: no value
    values: Dictionary  # fields 4 of an MVT layer, with tag and length
    keys: Dictionary  # fields 3 of an MVT layer, with tag and length


class Field(NamedTuple):
    """A column as TileJSON's `vector_layers[].fields` has it."""

    name: str
    type: str  # "String", "Number" or "Boolean"


class _Column(NamedTuple):
    codes: NDArray[np.int32]
    values: Dictionary
    field: Field


def read_attributes(source: Source, pool: Executor) -> tuple[Attributes, tuple[Field, ...], tuple[str, ...]]:
    """Return the source's attributes, their fields, and the names of columns left out (binary)."""
    read = list(bounded_map(pool, lambda name: _read_column(source, name), source.columns, cores()))
    omitted = tuple(name for name, column in zip(source.columns, read, strict=True) if column is None)
    columns = [column for column in read if column is not None]
    keys = _wrapped(0x1A, [column.field.name.encode() for column in columns])
    codes = np.full((source.rows, len(columns)), -1, np.int32)
    base = 0
    for i, column in enumerate(columns):
        codes[:, i] = np.where(column.codes < 0, -1, column.codes + base)
        base += column.values.starts.size - 1
    values = _chained([column.values for column in columns])
    pa.default_memory_pool().release_unused()
    return Attributes(codes, values, keys), tuple(column.field for column in columns), omitted


def _chained(dictionaries: list[Dictionary]) -> Dictionary:
    if not dictionaries:
        return Dictionary(np.zeros(1, np.int64), np.zeros(0, np.uint8))
    lengths = np.concatenate([np.diff(d.starts) for d in dictionaries])
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
    return Dictionary(starts, np.concatenate([d.data for d in dictionaries]))


def _read_column(source: Source, name: str) -> _Column | None:
    with pq.ParquetFile(source.path) as file:
        index = file.schema_arrow.get_field_index(name)
        values = file.read(columns=[_path_of(file, index)], use_threads=False).column(0)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        return None
    plain, kind = normalise(values)
    encoded = pc.dictionary_encode(plain.combine_chunks())
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int32)
    return _Column(codes, _value_messages(encoded.dictionary), Field(name, kind))


def _path_of(file: pq.ParquetFile, index: int) -> str:
    return str(file.schema_arrow.field(index).name)


def normalise(values: Any) -> tuple[Any, str]:
    """Return an Arrow column as string, bool, int64, uint64 or double, and its TileJSON type."""
    kind = values.type
    if pa.types.is_boolean(kind):
        return values, "Boolean"
    if pa.types.is_integer(kind):
        return _whole_numbers(values)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _real_numbers(values), "Number"
    if pa.types.is_temporal(kind):
        return _times(values), "String"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return values.cast(pa.large_string()), "String"
    return _json_text(values), "String"


def _whole_numbers(values: Any) -> tuple[Any, str]:
    extremes = pc.min_max(values).as_py()
    low, high = extremes["min"] or 0, extremes["max"] or 0
    if max(abs(low), abs(high)) > EXACT:
        return values.cast(pa.large_string()), "String"
    return values.cast(pa.int64()), "Number"


def _real_numbers(values: Any) -> Any:
    if pa.types.is_float32(values.type):  # 0.1 stays 0.1, not 0.10000000149
        values = values.cast(pa.string())
    doubles = values.cast(pa.float64())
    return pc.if_else(pc.fill_null(pc.is_finite(doubles), False), doubles, pa.scalar(None, pa.float64()))


def _times(values: Any) -> Any:
    if pa.types.is_timestamp(values.type):
        return _timestamps(values)
    if pa.types.is_duration(values.type):
        return values.cast(pa.int64()).cast(pa.large_string())
    return values.cast(pa.large_string())  # date32, date64, time: ISO 8601 already


def _timestamps(values: Any) -> Any:
    day = pc.floor_temporal(values, unit="day")
    midnight = pc.all(pc.equal(values, day)).as_py() is not False
    if midnight and values.type.tz is None:
        return values.cast(pa.date32()).cast(pa.large_string())
    seconds = values.cast(pa.timestamp("s", values.type.tz), safe=False)
    exact = pc.all(pc.equal(values, seconds.cast(values.type))).as_py() is not False
    text = "%Y-%m-%dT%H:%M:%S" + ("%z" if values.type.tz else "")
    return pc.strftime(seconds if exact else values, format=text).cast(pa.large_string())


def _json_text(values: Any) -> Any:
    text = [
        None if item is None else json.dumps(item, ensure_ascii=False, default=str) for item in values.to_pylist()
    ]
    return pa.chunked_array([pa.array(text, pa.large_string())])


def _value_messages(values: Any) -> Dictionary:
    """Return each value of an Arrow array as field 4 of an MVT layer (vector_tile.proto, 2.1)."""
    if pa.types.is_large_string(values.type):
        return _strings(values)
    if pa.types.is_float64(values.type):
        return _doubles(values.to_numpy(zero_copy_only=False))
    numbers = values.cast(pa.int64()).to_numpy(zero_copy_only=False)
    if pa.types.is_boolean(values.type):
        return _wrapped(0x22, [bytes((0x38, int(number))) for number in numbers])
    signed = bool((numbers < 0).any())
    return Dictionary(*_varints(numbers, 0x30 if signed else 0x20, signed))


def _wrapped(tag: int, items: list[bytes]) -> Dictionary:
    """Return short byte strings, each as a length-delimited protobuf field."""
    messages = [bytes((tag,)) + varint(len(item)) + item for item in items]
    starts = np.concatenate([[0], np.cumsum([len(m) for m in messages])]).astype(np.int64)
    return Dictionary(starts, np.frombuffer(b"".join(messages), np.uint8))


def varint(number: int) -> bytes:
    """Return a number as protobuf writes it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _doubles(numbers: NDArray[np.float64]) -> Dictionary:
    messages = np.empty((len(numbers), 11), np.uint8)
    messages[:, :3] = 0x22, 9, 0x19  # values, nine bytes, double_value
    messages[:, 3:] = numbers.astype("<f8").view(np.uint8).reshape(-1, 8)
    return Dictionary(np.arange(len(numbers) + 1, dtype=np.int64) * 11, messages.ravel())


def _strings(values: Any) -> Dictionary:
    _, offsets, text = values.buffers()
    starts = np.frombuffer(offsets, np.int64)[values.offset : values.offset + len(values) + 1]
    data = np.frombuffer(text, np.uint8) if text is not None else np.zeros(0, np.uint8)
    return Dictionary(*_string_messages(starts, data))


@inner
def _size(number: Any) -> int:
    size = 1
    while number > 0x7F:
        number >>= 7
        size += 1
    return size


@inner
def _put(out: NDArray[np.uint8], at: int, number: Any) -> int:
    while number > 0x7F:
        out[at] = number & 0x7F | 0x80
        number >>= 7
        at += 1
    out[at] = number
    return at + 1


@kernel
def _string_messages(
    text_starts: NDArray[np.int64], text: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    n = text_starts.size - 1
    starts = np.zeros(n + 1, np.int64)
    for i in range(n):
        length = text_starts[i + 1] - text_starts[i]
        value = 1 + _size(length) + length
        starts[i + 1] = starts[i] + 1 + _size(value) + value
    data = np.empty(starts[n], np.uint8)
    for i in range(n):
        length = text_starts[i + 1] - text_starts[i]
        data[starts[i]] = 0x22
        at = _put(data, starts[i] + 1, 1 + _size(length) + length)
        data[at] = 0x0A  # string_value
        at = _put(data, at + 1, length)
        for k in range(length):
            data[at + k] = text[text_starts[i] + k]
    return starts, data


@kernel
def _varints(numbers: NDArray[np.int64], tag: int, zigzag: bool) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    n = numbers.size
    starts, data = np.zeros(n + 1, np.int64), np.empty(13 * n, np.uint8)
    at = 0
    for i in range(n):
        number = (numbers[i] << 1) ^ (numbers[i] >> 63) if zigzag else numbers[i]
        data[at] = 0x22
        data[at + 1] = 1 + _size(number)
        data[at + 2] = tag
        at = _put(data, at + 3, number)
        starts[i + 1] = at
    return starts, data[:at].copy()
