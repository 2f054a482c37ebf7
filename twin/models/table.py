"""What is known of features, by column: schemas and property tables of EXT_structural_metadata (3D Tiles 1.1).

Columns are Arrow arrays: their text already lies as the format wants it, one run of UTF-8 and offsets into it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from anyascii import anyascii

View = Callable[[bytes], int]  # writes bytes into the buffer, says which view they are
_NOTHING = {"FLOAT64": -9999.0, "FLOAT32": -9999.0, "INT32": -(2**31), "INT64": -(2**63)}  # by component: no value
_NUMPY = {"FLOAT64": "<f8", "FLOAT32": "<f4", "INT32": "<i4", "INT64": "<i8"}
_CHUNK_TEXT = 1 << 20  # characters of one value that are kept


@dataclass(frozen=True)
class Property:
    """One property of a class of features. `component` is None for text and truth values."""

    id: str  # in the schema: letters, digits, underscores
    name: str  # as people read it
    type: str  # "STRING", "SCALAR" or "BOOLEAN"
    component: str | None = None  # "FLOAT32", "FLOAT64", "INT32", "INT64"
    description: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the schema's `property` (EXT_structural_metadata, class.property.schema.json)."""
        out: dict[str, Any] = {"name": self.name, "type": self.type}
        if self.description:
            out["description"] = self.description
        if self.type == "STRING":
            return out | {"noData": ""}
        if self.component is None:
            return out | {"required": True}
        return out | {"componentType": self.component, "noData": _NOTHING[self.component]}

    def encode(self, column: pa.Array, view: View) -> dict[str, Any]:
        """Write a column's values; return the property of a property table."""
        if self.type == "STRING":
            return _text(column, view)
        if self.component is None:
            flags = np.asarray(column.to_numpy(zero_copy_only=False), bool)
            return {"values": view(np.packbits(flags, bitorder="little").tobytes())}
        numbers = pc.fill_null(column, pa.scalar(_NOTHING[self.component], column.type))
        values = numbers.to_numpy(zero_copy_only=False)
        if self.component.startswith("FLOAT"):
            values = np.where(np.isfinite(values), values, _NOTHING[self.component])
        return {"values": view(values.astype(_NUMPY[self.component]).tobytes())}


@dataclass(frozen=True)
class PropertyTable:
    """The properties of the features of one mesh: a row each, in the order of their ids."""

    schema: Mapping[str, Any]
    schema_class: str
    properties: Sequence[Property]
    columns: Sequence[pa.Array]
    count: int

    def to_json(self, view: View) -> dict[str, Any]:
        """Write the columns; return the property table. Raises ValueError for columns of other lengths."""
        if any(len(column) != self.count for column in self.columns):
            raise ValueError(
                f"columns of {[len(column) for column in self.columns]} rows for {self.count} features"
            )
        pairs = zip(self.properties, self.columns, strict=True)
        encoded = {one.id: one.encode(column, view) for one, column in pairs}
        return {"name": self.schema_class, "class": self.schema_class, "count": self.count, "properties": encoded}


def property_id(name: str, taken: Iterable[str] = ()) -> str:
    """Return an id for a property of any name, such as the schema allows (letters, digits, underscores).

    >>> property_id("지상층수"), property_id("3층 이상?"), property_id("a", ["a"])
    ('JiSangCheungSu', '_3Cheung_ISang', 'a_2')
    """
    plain = re.sub(r"[^A-Za-z0-9]+", "_", anyascii(name)).strip("_") or "field"
    plain = plain if plain[0].isalpha() else f"_{plain}"
    free, number, used = plain, 1, set(taken)
    while free in used:
        number += 1
        free = f"{plain}_{number}"
    return free


def _text(column: pa.Array, view: View) -> dict[str, Any]:
    """Write text: one run of UTF-8, and where in it each value begins (and the last ends)."""
    text = pc.fill_null(column.cast(pa.string()), "")
    text = pc.utf8_slice_codeunits(text, 0, _CHUNK_TEXT)
    text = pa.concat_arrays([text.slice(0, 0), text])  # without what lies before or after a slice
    _, offsets_buffer, data_buffer = text.buffers()
    offsets = np.frombuffer(offsets_buffer, "<i4", count=len(text) + 1, offset=4 * text.offset)
    data = bytes(data_buffer)[offsets[0] : offsets[-1]] if data_buffer is not None else b""
    places = (offsets - offsets[0]).astype("<u4").tobytes()
    return {"values": view(data or b"\0"), "stringOffsets": view(places), "stringOffsetType": "UINT32"}
