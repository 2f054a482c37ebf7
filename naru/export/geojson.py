"""GeoJSON (RFC 7946), a stream: longitude and latitude, rings right-handed.

In another system, which RFC 7946 no longer has, the `crs` member of the 2008 specification says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import shapely

from naru.export.job import Export
from naru.export.texts import Texts, join, json_values, plain
from naru.features.source import Batch
from naru.features.systems import CRS84

_EXACT = 2**53


def pieces(export: Export) -> Iterator[bytes]:
    """Yield the document piece by piece."""
    head = json.dumps(_head(export), ensure_ascii=False)[:-1]
    yield f'{head}, "features": [\n'.encode()
    before, as_text = "", _too_long(export)
    for batch in export.batches():
        yield (before + ",\n".join(features(batch, as_text).to_pylist())).encode()
        before = ",\n"
    yield b"\n]}\n"


def _head(export: Export) -> dict[str, Any]:
    """Return the collection's members before its features; other members are allowed (RFC 7946 §6.1)."""
    head: dict[str, Any] = {"type": "FeatureCollection", "name": export.about.id}
    crs = export.selection.crs
    if crs not in (CRS84, "EPSG:4326"):
        authority, code = crs.split(":") if crs else ("", "")
        name = f"urn:ogc:def:crs:{authority}::{code}" if crs else export.crs.to_wkt()
        head["crs"] = {"type": "name", "properties": {"name": name}}
    return head | export.about.members()


def _too_long(export: Export) -> frozenset[str]:
    """Return the fields of whole numbers that go as text: readers of JSON hold 53 bits (RFC 7493 §2.2)."""
    whole = [field.name for field in export.fields if field.kind == "integer"]
    return frozenset(name for name in whole if not export.source.within(name, -_EXACT, _EXACT))


def features(batch: Batch, as_text: frozenset[str] = frozenset()) -> Texts:
    """Return one text a feature; the values of the fields `as_text` as text."""
    geometries = shapely.to_geojson(shapely.orient_polygons(batch.geometries, exterior_cw=False))
    return join(
        '{"type": "Feature", "id": ',
        pa.array(batch.ids).cast(pa.string()),
        ', "geometry": ',
        pa.array(geometries, pa.string()),
        ', "properties": {',
        *_properties(batch.attributes, as_text),
        "}}",
    )


def _properties(attributes: pa.RecordBatch, as_text: frozenset[str]) -> list[str | Texts]:
    out: list[str | Texts] = []
    for name, values in zip(attributes.schema.names, attributes.columns, strict=True):
        column = plain(values) if name in as_text else values
        out += [f"{', ' if out else ''}{json.dumps(name, ensure_ascii=False)}: ", json_values(column)]
    return out
