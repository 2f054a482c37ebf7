"""A layer's fields as properties of 3D features: their types, and the columns that say what was made of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from naru.features.conditions import Field
from naru.features.source import FeatureSource
from naru.style import label_field
from twin.models.table import Property, property_id

SCHEMA_ID = "naru_models"
_INT32, _INT64 = 2**31 - 1, 2**63 - 1
_FLOAT32, _FLOAT64 = "FLOAT32", "FLOAT64"
BUILT = (  # of every building
    Property("feature", "번호", "SCALAR", "INT32", "Number of the feature, by which /ogc/ serves it"),
    Property("height_m", "모형 높이", "SCALAR", _FLOAT64, "Height of the block above its ground, metres"),
    Property(
        "height_source", "모형 높이의 출처", "STRING", None, "field; floors (3.0 m each); assumed (one storey)"
    ),
    Property("ground_m", "지반고", "SCALAR", _FLOAT64, "Ground on which the block stands, EL metres"),
    Property("ground_source", "지반고의 출처", "STRING", None, "terrain (the lowest under the outline); stated"),
)


@dataclass(frozen=True)
class Attributes:
    """Which fields a layer's features keep, as which properties."""

    fields: tuple[Field, ...]
    properties: tuple[Property, ...]

    @classmethod
    def of(cls, source: FeatureSource) -> Attributes:
        """Return all fields of a source, after those in `BUILT`; the one that maps write as name is `name`."""
        label = label_field({field.name: "String" for field in source.fields if field.kind == "string"})
        taken = [one.id for one in BUILT]
        properties = []
        for field in source.fields:
            one = _property(field, source, property_id("name" if field.name == label else field.name, taken))
            taken.append(one.id)
            properties.append(one)
        return cls(source.fields, tuple(properties))

    def columns(self, rows: pa.RecordBatch) -> list[pa.Array]:
        """Return the columns of some rows, as their properties want them."""
        pairs = zip(self.fields, self.properties, strict=True)
        return [_texts(rows.column(f.name)) if p.type == "STRING" else rows.column(f.name) for f, p in pairs]


def schema(named: str, properties: Sequence[Property], title: str) -> dict[str, Any]:
    """Return the schema of a class of features and of the tileset, whose title it is."""
    about = {"name": {"name": "이름", "type": "STRING", "semantic": "NAME", "required": True}}
    features = {"name": title, "properties": {one.id: one.to_json() for one in properties}}
    return {"id": SCHEMA_ID, "classes": {named: features, "tileset": {"name": "타일셋", "properties": about}}}


def _property(field: Field, source: FeatureSource, name: str) -> Property:
    if field.kind == "integer" and source.within(field.name, -_INT32, _INT32):
        return Property(name, field.name, "SCALAR", "INT32")
    if field.kind == "integer" and source.within(field.name, -_INT64, _INT64):
        return Property(name, field.name, "SCALAR", "INT64")
    if field.kind == "number":
        return Property(name, field.name, "SCALAR", _FLOAT32 if pa.types.is_float32(field.type) else _FLOAT64)
    if field.kind == "boolean" and not _has_nulls(field, source):
        return Property(name, field.name, "BOOLEAN")
    return Property(name, field.name, "STRING")


def _has_nulls(field: Field, source: FeatureSource) -> bool:
    column = source.column_index(field.name)
    groups = range(source.metadata.num_row_groups)
    known = [source.metadata.row_group(number).column(column).statistics for number in groups]
    return any(one is None or one.null_count != 0 for one in known)


def _texts(column: pa.Array) -> pa.Array:
    """Return a column as text: dates by ISO 8601, lists and objects as JSON."""
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        values = column.to_pylist()
        texts = [None if v is None else json.dumps(v, ensure_ascii=False, default=str) for v in values]
        return pa.array(texts, pa.string())
    return column.cast(pa.string())
