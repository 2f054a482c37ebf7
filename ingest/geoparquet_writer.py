"""Writes a layer as GeoParquet 1.1 (WKB, PROJJSON, x before y, covering column), batch by batch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import CRS

from ingest.features import Geometries

GEOMETRY, COVERING = "geometry", "bbox"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_BBOX_TYPE = pa.struct([(name, pa.float64()) for name in _CORNERS])
_TYPE_NAMES = {
    **{0: "Point", 1: "LineString", 2: "LineString", 3: "Polygon", 4: "MultiPoint", 5: "MultiLineString"},
    **{6: "MultiPolygon", 7: "GeometryCollection"},
}


class LayerWriter:
    """Appends batches to a file; the CRS is written last, when it is known for certain.

    The file has the attributes under their own names, then `geometry` (WKB) and `bbox` (struct of four
    doubles). An attribute of one of those two names is refused by `attribute_names`.
    """

    def __init__(self, path: Path, attributes: pa.Schema) -> None:
        fields = [*attributes, pa.field(GEOMETRY, pa.binary()), pa.field(COVERING, _BBOX_TYPE)]
        self._schema = pa.schema(fields)
        # Without Arrow's own copy of the schema, which would hide the metadata that is added last.
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd", version="2.6", store_schema=False)
        self._types: set[str] = set()
        self._bounds = np.full((0, 4), np.nan)
        self.rows = 0

    def write(self, attributes: pa.RecordBatch, geometries: Geometries, bounds: npt.NDArray[np.float64]) -> None:
        """Append rows. `bounds` are those of the geometries, n × (xmin, ymin, xmax, ymax)."""
        if not len(geometries):
            return
        wkb = pa.array(shapely.to_wkb(geometries, output_dimension=3, flavor="iso"), pa.binary())
        corners = pa.StructArray.from_arrays([pa.array(bounds[:, i]) for i in range(4)], _CORNERS)
        batch = pa.RecordBatch.from_arrays([*attributes.columns, wkb, corners], schema=self._schema)
        self._writer.write_batch(batch)
        self._note(geometries, bounds)

    def close(self, crs: CRS) -> None:
        """Write the metadata and close. `crs` is that of the coordinates."""
        low, high = self._bounds[:, :2].min(axis=0), self._bounds[:, 2:].max(axis=0)
        column: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": sorted(self._types),
            "crs": crs.to_json_dict(),
            "bbox": [*map(float, low), *map(float, high)],
            "covering": {"bbox": {name: [COVERING, name] for name in _CORNERS}},
        }
        geo = {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
        self._writer.add_key_value_metadata({"geo": json.dumps(geo)})
        self._writer.close()

    def abandon(self) -> None:
        """Close without metadata: the file is not to be used."""
        self._writer.close()

    def _note(self, geometries: Geometries, bounds: npt.NDArray[np.float64]) -> None:
        kinds = shapely.get_type_id(geometries) + 100 * shapely.has_z(geometries)
        self._types |= {_TYPE_NAMES[k % 100] + (" Z" if k >= 100 else "") for k in np.unique(kinds).tolist()}
        total = np.array([[*bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0)]])
        self._bounds = np.concatenate([self._bounds, total])
        self.rows += len(geometries)
