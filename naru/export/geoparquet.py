"""GeoParquet 1.1, a stream: the source's own form (WKB, PROJJSON, covering column), with its licence inside."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from naru.export.job import Export
from naru.features.source import Batch
from naru.geoparquet import GeoColumns, open_writer

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
    drain, columns = _Drain(), GeoColumns(export.source.geometry_column, export.source.covering_column)
    schema = columns.schema(pa.field(field.name, field.type) for field in export.fields)
    with open_writer(drain, schema) as writer:
        for group in _gathered(export.batches()):
            _write(writer, [_table(batch, columns, schema) for batch in group])
            yield drain.take()
        about = json.dumps(export.about.members(), ensure_ascii=False)
        writer.add_key_value_metadata(columns.metadata(export.crs) | {"naru": about})
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


def _table(batch: Batch, columns: GeoColumns, schema: pa.Schema) -> pa.Table:
    spatial = columns.encode(batch.geometries, shapely.bounds(batch.geometries))
    return pa.Table.from_arrays([*batch.attributes.columns, *spatial], schema=schema)


def _write(writer: pq.ParquetWriter, tables: list[pa.Table]) -> None:
    """Write one row group."""
    writer.write_table(pa.concat_tables(tables), row_group_size=_ROWS_A_GROUP + 8192)
