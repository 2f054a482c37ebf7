"""What every reader answers with: layers as streams of Arrow batches, whatever format they came from."""

from __future__ import annotations

import base64
import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.crs import Claim
from ingest.features import NO_GEOMETRY

Batch = tuple[pa.RecordBatch, pa.Array]  # attributes, and their geometries as WKB


_HIDDEN = frozenset({"Cc", "Cs"})  # control characters: nobody can see or type them


def _no_diagnosis() -> str:
    return ""


def _as_missing(nulls: int) -> dict[str, int]:
    return {NO_GEOMETRY: nulls}


@dataclass
class SourceLayer:
    """A layer as it stands in a file. `batches` may be taken once."""

    name: str
    claim: Claim
    batches: Iterator[Batch]
    rows: int = 0  # expected, for progress; 0 when unknown
    encoding: str | None = None
    encoding_how: str | None = None
    lost: Counter[str] = field(default_factory=Counter)  # features that the file promises and does not hold
    warnings: list[str] = field(default_factory=list)
    explain_missing: Callable[[int], dict[str, int]] = _as_missing  # why so many features came without geometry
    symbols: Mapping[str, Any] | None = None  # how the file draws it: see naru.symbols
    diagnose: Callable[[], str] = _no_diagnosis  # what is wrong with the file, asked when nothing can be drawn


def plain(attributes: pa.RecordBatch, taken: frozenset[str], damaged: Counter[str]) -> pa.RecordBatch:
    """Return attributes in types that every tool reads: numbers, booleans, dates, times, strings.

    Lists, structures and JSON become JSON strings, bytes become base64; a name in `taken` or used twice gets
    a number behind it. Texts that are no UTF-8 are counted in `damaged`, by field.
    """
    names = _distinct(attributes.schema.names, taken)
    columns = [_plain_column(c) for c in attributes.columns]
    for number, name in enumerate(names):
        if pa.types.is_string(columns[number].type):
            columns[number], damaged[name] = _valid_text(columns[number], damaged[name])
    return pa.RecordBatch.from_arrays(columns, names=names)


def _distinct(names: list[str], taken: frozenset[str]) -> list[str]:
    used, out = set(taken), []
    for name in names:
        shown = "".join(c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c) not in _HIDDEN)
        number, free = 1, shown or "field"
        while free in used:
            number, free = number + 1, f"{shown}_{number}"
        used.add(free)
        out.append(free)
    return out


def _plain_column(column: pa.Array) -> pa.Array:  # noqa: PLR0911 (one return a kind of type)
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain_column(column.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column if pa.types.is_string(kind) else column.cast(pa.string())
    if pa.types.is_decimal(kind) or pa.types.is_float16(kind):
        return column.cast(pa.float64())
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_nested(kind) or pa.types.is_duration(kind):
        return pa.array([_json(v) for v in column.to_pylist()], pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.array([v and base64.b64encode(v).decode() for v in column.to_pylist()], pa.string())
    return column


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _valid_text(column: pa.Array, damaged: int) -> tuple[pa.Array, int]:
    """Return the text with damaged bytes shown as U+FFFD and NUL characters left out; count the damaged."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        raw = column.cast(pa.binary()).to_pylist()
        texts = [None if v is None else v.decode("utf-8", "replace") for v in raw]
        damaged += sum(t is not None and t.encode() != v for t, v in zip(texts, raw, strict=True))
        column = pa.array(texts, pa.string())
    if pc.any(pc.match_substring(column, "\0")).as_py():
        column = pc.replace_substring(column, "\0", "")
    return column, damaged
