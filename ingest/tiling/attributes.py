"""Attribute columns as dictionaries of ready-encoded MVT values, one stable type a column.

Rules (recorded in `Attributes.fields`): whole numbers that a browser could not hold exactly (beyond 2**53)
make their whole column text; dates and times are ISO 8601 text, `YYYY-MM-DD` where no value has a time of
day; null, NaN and infinity are absent; lists and structures are JSON text; binary columns are left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ingest.tiling.dictionary import Dictionary, Numbering, chained
from ingest.tiling.kernel import inner, kernel
from ingest.tiling.source import Source
from ingest.tiling.spool import Room
from naru.threads import bounded_map, cores

BATCH = 65_536  # rows of a column read at a time
EXACT = 2**53  # whole numbers beyond this are not exact as IEEE doubles, which is what JavaScript has


class Attributes(NamedTuple):
    """Codes into one dictionary of values for the whole layer; what the tile encoder reads."""

    codes: NDArray[np.int32]  # (rows, columns); -1: no value
    values: Dictionary  # fields 4 of an MVT layer, with tag and length
    keys: Dictionary  # fields 3 of an MVT layer, with tag and length


class Field(NamedTuple):
    """A column as TileJSON's `vector_layers[].fields` has it."""

    name: str
    type: str  # "String", "Number" or "Boolean"


class _Form(NamedTuple):
    """How a column's values are written. What depends on all of its values is decided before the first."""

    field: str  # its type for TileJSON
    plain: Callable[[Any], Any]  # an Arrow array as strings, bools, int64 or doubles
    signed: bool = False  # some whole number is negative


class _Column(NamedTuple):
    codes: NDArray[np.int32]
    values: Dictionary
    field: Field


def read_attributes(
    source: Source, pool: Executor, room: Room
) -> tuple[Attributes, tuple[Field, ...], tuple[str, ...]]:
    """Return the source's attributes, their fields, and the names of columns left out (binary)."""
    read = list(bounded_map(pool, lambda name: _read_column(source, name, room), source.columns, cores()))
    omitted = tuple(name for name, column in zip(source.columns, read, strict=True) if column is None)
    columns = [column for column in read if column is not None]
    keys = _wrapped(0x1A, [column.field.name.encode() for column in columns])
    codes = room.empty((source.rows, len(columns)), np.int32)
    base = 0
    for i, column in enumerate(columns):
        codes[:, i] = np.where(column.codes < 0, -1, column.codes + np.int32(base))
        base += column.values.size
    values = chained([column.values for column in columns], room)
    pa.default_memory_pool().release_unused()
    return Attributes(codes, values, keys), tuple(column.field for column in columns), omitted


def _read_column(source: Source, name: str, room: Room) -> _Column | None:
    kind = _schema_type(source, name)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return None
    form = form_of(kind, lambda: _batches(source, name))
    codes, numbering = room.spool(np.int32), Numbering(room)
    for values in _batches(source, name):
        encoded = pc.dictionary_encode(form.plain(values))
        numbers = numbering.numbers(_value_messages(encoded.dictionary, form.signed))
        places = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
        codes.add(np.append(numbers, -1)[places])  # a null's place is the last
    return _Column(codes.mapped(), numbering.dictionary(), Field(name, form.field))


def _schema_type(source: Source, name: str) -> Any:
    kind = pq.read_schema(source.path).field(name).type
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _batches(source: Source, name: str) -> Iterator[Any]:
    """Yield a column's Arrow arrays, a bounded number of rows at a time."""
    with pq.ParquetFile(source.path, pre_buffer=False) as file:
        for batch in file.iter_batches(BATCH, columns=[name], use_threads=False):
            values = batch.column(0)
            yield values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values


def form_of(kind: Any, batches: Callable[[], Iterator[Any]]) -> _Form:
    """Return how a column of an Arrow type is written; `batches` reads all of its values."""
    if pa.types.is_integer(kind):
        return _whole_numbers(batches())
    if pa.types.is_timestamp(kind):
        return _timestamps(kind, batches())
    for belongs, form in _FORMS:
        if belongs(kind):
            return form
    return _Form("String", _json_text)


def _whole_numbers(batches: Iterator[Any]) -> _Form:
    extremes = [pc.min_max(values).as_py() for values in batches]
    low = min((e["min"] for e in extremes if e["min"] is not None), default=0)
    high = max((e["max"] for e in extremes if e["max"] is not None), default=0)
    if max(abs(low), abs(high)) > EXACT:
        return _Form("String", _text)
    return _Form("Number", lambda values: values.cast(pa.int64()), signed=low < 0)


def _real_numbers(values: Any) -> Any:
    if pa.types.is_float32(values.type):  # 0.1 stays 0.1, not 0.10000000149
        values = values.cast(pa.string())
    doubles = values.cast(pa.float64())
    return pc.if_else(pc.fill_null(pc.is_finite(doubles), False), doubles, pa.scalar(None, pa.float64()))


def _timestamps(kind: Any, batches: Iterator[Any]) -> _Form:
    """A date where no value has a time of day, whole seconds where none has parts of one."""
    midnight = exact = True
    for values in batches:
        midnight = midnight and _all_equal(values, pc.floor_temporal(values, unit="day"))
        exact = exact and _all_equal(values, _seconds(values).cast(kind))
    if midnight and kind.tz is None:
        return _Form("String", lambda values: values.cast(pa.date32()).cast(pa.large_string()))
    form = "%Y-%m-%dT%H:%M:%S" + ("%z" if kind.tz else "")
    return _Form(
        "String",
        lambda values: pc.strftime(_seconds(values) if exact else values, format=form).cast(pa.large_string()),
    )


def _seconds(values: Any) -> Any:
    return values.cast(pa.timestamp("s", values.type.tz), safe=False)


def _all_equal(values: Any, others: Any) -> bool:
    return pc.all(pc.equal(values, others)).as_py() is not False  # None: there is none


def _text(values: Any) -> Any:
    return values.cast(pa.large_string())


def _json_text(values: Any) -> Any:
    text = [
        None if item is None else json.dumps(item, ensure_ascii=False, default=str) for item in values.to_pylist()
    ]
    return pa.array(text, pa.large_string())


_FORMS: tuple[tuple[Callable[[Any], bool], _Form], ...] = (
    (pa.types.is_boolean, _Form("Boolean", lambda values: values)),
    (pa.types.is_floating, _Form("Number", _real_numbers)),
    (pa.types.is_decimal, _Form("Number", _real_numbers)),
    (pa.types.is_duration, _Form("String", lambda values: _text(values.cast(pa.int64())))),
    (pa.types.is_temporal, _Form("String", _text)),  # date32, date64, time: ISO 8601 already
    (pa.types.is_string, _Form("String", _text)),
    (pa.types.is_large_string, _Form("String", _text)),
    (pa.types.is_string_view, _Form("String", _text)),
)


def _value_messages(values: Any, signed: bool) -> Dictionary:
    """Return each value of an Arrow array as field 4 of an MVT layer (vector_tile.proto, 2.1)."""
    if pa.types.is_large_string(values.type):
        return _strings(values)
    if pa.types.is_float64(values.type):
        return _doubles(values.to_numpy(zero_copy_only=False))
    numbers = values.cast(pa.int64()).to_numpy(zero_copy_only=False)
    if pa.types.is_boolean(values.type):
        return _wrapped(0x22, [bytes((0x38, int(number))) for number in numbers])
    return Dictionary(*_varints(numbers, 0x30 if signed else 0x20, signed))


def _wrapped(tag: int, items: list[bytes]) -> Dictionary:
    """Return short byte strings, each as a length-delimited protobuf field."""
    messages = [bytes((tag,)) + varint(len(item)) + item for item in items]
    starts = np.concatenate([[0], np.cumsum([len(m) for m in messages])]).astype(np.int64)
    return Dictionary(starts, np.frombuffer(bytearray().join(messages), np.uint8))


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
