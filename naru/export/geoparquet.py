"""GeoParquet 1.1, a stream: the source's own form (WKB, PROJJSON, covering column), with its licence inside."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from naru.export.job import Export
from naru.features.source import Batch

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_BOX = pa.struct([(name, pa.float64()) for name in _CORNERS])
_ROWS_A_GROUP = 32_768


class _Drain(io.RawIOBase):
    """A file that only grows; what was written is taken away as it comes."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._length += len(part)
        return len(part)

    def tell(self) -> int:
        return self._length

    def take(self) -> bytes:
        """Return what was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def pieces(export: Export) -> Iterator[bytes]:
    """Yield the file piece by piece."""
    source, drain = export.source, _Drain()
    fields = [pa.field(field.name, field.type) for field in export.fields]
    columns = [*fields, pa.field(source.geometry_column, pa.binary()), pa.field(source.covering_column, _BOX)]
    schema, boxes = pa.schema(columns), [np.full((1, 4), np.nan)]
    with pq.ParquetWriter(drain, schema, compression="zstd", version="2.6", store_schema=False) as writer:
        for group in _gathered(export.batches()):
            boxes.append(_write(writer, schema, group))
            yield drain.take()
        metadata = {"geo": json.dumps(_geo(export, np.vstack(boxes)), ensure_ascii=False)}
        about = json.dumps(export.about.members(), ensure_ascii=False)
        writer.add_key_value_metadata(metadata | {"naru": about})
    yield drain.take()


def _gathered(batches: Iterator[Batch]) -> Iterator[list[Batch]]:
    """Gather batches into row groups: small ones compress badly and cost a look each."""
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if sum(len(one.ids) for one in group) >= _ROWS_A_GROUP or batch.attributes.nbytes > 1 << 25:
            yield group
            group = []
    if group:
        yield group


def _write(writer: pq.ParquetWriter, schema: pa.Schema, group: list[Batch]) -> Any:
    """Write one row group; return the bounds of all that is in it, 1 × 4."""
    tables, bounds = [], []
    for batch in group:
        box = shapely.bounds(batch.geometries)
        corners = pa.StructArray.from_arrays([pa.array(column) for column in box.T], _CORNERS)
        wkb = pa.array(shapely.to_wkb(batch.geometries, output_dimension=3, flavor="iso"), pa.binary())
        tables.append(pa.Table.from_arrays([*batch.attributes.columns, wkb, corners], schema=schema))
        bounds.append([*box[:, :2].min(axis=0), *box[:, 2:].max(axis=0)])
    writer.write_table(pa.concat_tables(tables), row_group_size=_ROWS_A_GROUP + 8192)
    low, high = np.array(bounds)[:, :2].min(axis=0), np.array(bounds)[:, 2:].max(axis=0)
    return np.array([[*low, *high]])


def _geo(export: Export, boxes: Any) -> dict[str, Any]:
    """Return the `geo` metadata (GeoParquet 1.1.0, File metadata)."""
    source, found = export.source, boxes[~np.isnan(boxes[:, 0])]
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": list(source.geometry_types),
        "crs": export.crs.to_json_dict(),
        "covering": {"bbox": {name: [source.covering_column, name] for name in _CORNERS}},
    }
    if len(found):
        column["bbox"] = [*map(float, found[:, :2].min(axis=0)), *map(float, found[:, 2:].max(axis=0))]
    columns = {source.geometry_column: column}
    return {"version": "1.1.0", "primary_column": source.geometry_column, "columns": columns}
