"""Compile the engine's kernels before anyone waits for them: `python -m ingest.tiling.warm`."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from ingest.tiling.engine import build_tileset
from ingest.tiling.options import TilingOptions


def main() -> None:
    """Build a tiny tileset with every kind of geometry and value; the compiled code stays on disk."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "all-kinds.parquet"
        pq.write_table(_all_kinds(), source)
        options = TilingOptions(layer="all-kinds", maxzoom=14, minzoom=8)
        build_tileset(source, Path(folder) / "all-kinds.pmtiles", options, lambda share, message: None)


def _all_kinds() -> pa.Table:
    heavy = shapely.Point(127, 37.5).buffer(0.2, quad_segs=200)  # enough vertices and tiles to be halved
    geometries = [shapely.Point(127, 37.5), shapely.LineString([(127, 37), (127.1, 37.1), (127.2, 37)]), heavy]
    geo = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "WKB", "geometry_types": []}},
    }
    columns = {
        "geometry": shapely.to_wkb(np.array(geometries)),
        "text": ["가", "나", None],
        "whole": [1, -2, 3],
        "real": [0.5, None, 1.5],
        "yes": [True, False, None],
    }
    return pa.table(columns).replace_schema_metadata({"geo": json.dumps(geo)})


if __name__ == "__main__":
    main()
