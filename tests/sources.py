"""Source archives for tests, written as ingest writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from pyproj import CRS

from ingest.geoparquet_writer import LayerWriter


def write_source(
    path: Path,
    geometries: Sequence[Any],
    columns: Mapping[str, Any] | None = None,
    *,
    crs: str = "EPSG:4326",
    rows_a_group: int = 1000,
) -> Path:
    """Write geometries (shapely, or WKT) with attributes into a GeoParquet source; return its path."""
    shapes = np.array([shapely.from_wkt(g) if isinstance(g, str) else g for g in geometries], dtype=object)
    table = pa.table(dict(columns) if columns is not None else {"n": range(1, len(shapes) + 1)})
    writer = LayerWriter(path, table.schema)
    for start in range(0, len(shapes), rows_a_group):
        part = shapes[start : start + rows_a_group]
        (batch,) = table.slice(start, rows_a_group).combine_chunks().to_batches()
        writer.write(batch, part, shapely.bounds(part))
    writer.close(CRS.from_user_input(crs))
    return path
