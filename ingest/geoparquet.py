"""Reads GeoParquet (1.0 and 1.1) with pyarrow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import geopandas
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.crs import Claim
from ingest.layers import Batch, SourceLayer
from ingest.receive import Dataset
from naru.errors import FileDamaged, UnknownFormat

_BATCH = 16_384


def read(dataset: Dataset) -> SourceLayer:
    """Return the file's one layer. Raises FileDamaged, UnknownFormat."""
    file = dataset.file
    try:
        parquet = pq.ParquetFile(dataset.main)
        geo = json.loads((parquet.schema_arrow.metadata or {}).get(b"geo", b"null"))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FileDamaged(
            f"the Parquet file cannot be read ({error})", file=file, remedy="Export it again."
        ) from error
    if not isinstance(geo, dict):
        raise UnknownFormat("it is Parquet without geometry", file=file, remedy="Export it as GeoParquet.")
    column = _geometry_column(geo, parquet, file)
    about = geo["columns"][column]
    batches = _wkb(parquet, column, about) if about.get("encoding") == "WKB" else _native(dataset, column)
    return SourceLayer(
        name=dataset.name,
        claim=_claim(about),
        batches=_guarded(batches, file),
        rows=parquet.metadata.num_rows,
        encoding="UTF-8",
        encoding_how="Parquet is UTF-8",
    )


def _geometry_column(geo: dict[str, Any], parquet: pq.ParquetFile, file: str) -> str:
    column = geo.get("primary_column")
    columns = geo.get("columns")
    known = isinstance(columns, dict) and isinstance(columns.get(column), dict)
    if not known or column not in parquet.schema_arrow.names:
        raise FileDamaged("its metadata names no geometry column", file=file, remedy="Export it again.")
    return str(column)


def _claim(about: dict[str, Any]) -> Claim:
    """`crs` absent means OGC:CRS84, null means unknown (GeoParquet 1.1, column metadata)."""
    if "crs" not in about:
        return Claim("OGC:CRS84", "GeoParquet without `crs` is longitude, latitude")
    return Claim(json.dumps(about["crs"]) if about["crs"] else None, "the GeoParquet metadata")


def _covering(about: dict[str, Any]) -> set[str]:
    boxes = about.get("covering", {}).get("bbox", {}).values() if isinstance(about.get("covering"), dict) else ()
    return {str(path[0]) for path in boxes if isinstance(path, list) and path}


def _wkb(parquet: pq.ParquetFile, column: str, about: dict[str, Any]) -> Iterator[Batch]:
    hidden = _covering(about)
    names = [n for n in parquet.schema_arrow.names if n not in hidden]
    for batch in parquet.iter_batches(_BATCH, columns=names):
        index = batch.schema.names.index(column)
        wkb = batch.column(index)
        wkb = wkb.storage if isinstance(wkb, pa.ExtensionArray) else wkb
        yield batch.remove_column(index), wkb.cast(pa.binary())


def _native(dataset: Dataset, column: str) -> Iterator[Batch]:
    """Read geometries in GeoArrow's own layouts, which geopandas knows."""
    frame = geopandas.read_parquet(dataset.main)
    wkb = pa.array(frame.geometry.to_wkb().to_list(), pa.binary())
    table = pa.Table.from_pandas(frame.drop(columns=column), preserve_index=False)
    start = 0
    for batch in table.to_batches(_BATCH):
        yield batch, wkb.slice(start, batch.num_rows)
        start += batch.num_rows


def _guarded(batches: Iterator[Batch], file: str) -> Iterator[Batch]:
    try:
        yield from batches
    except (pa.ArrowException, OSError) as error:
        raise FileDamaged(f"the Parquet file is damaged ({error})", file=file, remedy="Export it again.") from error
