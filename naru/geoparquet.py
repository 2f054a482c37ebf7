"""GeoParquet 1.1.0 as we write it: WKB (ISO), PROJJSON, x before y, a covering column of boxes.

Sources are written so when a layer comes in, and files when it goes out. Imported on first use: it needs pyarrow.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import CRS

CORNERS = ("xmin", "ymin", "xmax", "ymax")
_BOX = pa.struct([(name, pa.float64()) for name in CORNERS])
_TYPE_NAMES = {
    **{0: "Point", 1: "LineString", 2: "LineString", 3: "Polygon", 4: "MultiPoint", 5: "MultiLineString"},
    **{6: "MultiPolygon", 7: "GeometryCollection"},
}


@dataclass
class GeoColumns:
    """The two columns that make a table spatial, and what they have held so far."""

    geometry: str
    covering: str
    kinds: set[str] = field(default_factory=set)  # as GeoParquet writes them: "Polygon", "Point Z"
    bounds: npt.NDArray[np.float64] = field(default_factory=lambda: np.full(4, np.nan))

    def schema(self, attributes: Iterable[pa.Field]) -> pa.Schema:
        """Return the schema of a file: the attributes, then the two."""
        return pa.schema([*attributes, pa.field(self.geometry, pa.binary()), pa.field(self.covering, _BOX)])

    def encode(
        self, geometries: npt.NDArray[np.object_], bounds: npt.NDArray[np.float64]
    ) -> tuple[pa.Array, pa.Array]:
        """Return the two columns of some rows. `bounds` are the geometries', n × (xmin, ymin, xmax, ymax)."""
        self._note(geometries, bounds)
        wkb = pa.array(shapely.to_wkb(geometries, output_dimension=3, flavor="iso"), pa.binary())
        return wkb, pa.StructArray.from_arrays([pa.array(bounds[:, i]) for i in range(4)], CORNERS)

    def metadata(self, crs: CRS) -> dict[str, str]:
        """Return the file's metadata for the rows encoded so far (GeoParquet 1.1.0, File metadata)."""
        column: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": sorted(self.kinds),
            "crs": crs.to_json_dict(),
            **({} if np.isnan(self.bounds).any() else {"bbox": self.bounds.tolist()}),
            "covering": {"bbox": {name: [self.covering, name] for name in CORNERS}},
        }
        geo = {"version": "1.1.0", "primary_column": self.geometry, "columns": {self.geometry: column}}
        return {"geo": json.dumps(geo)}

    def _note(self, geometries: npt.NDArray[np.object_], bounds: npt.NDArray[np.float64]) -> None:
        kinds = shapely.get_type_id(geometries) + 100 * shapely.has_z(geometries)
        self.kinds |= {_TYPE_NAMES[k % 100] + (" Z" if k >= 100 else "") for k in np.unique(kinds).tolist()}
        low, high = np.fmin.reduce(bounds[:, :2]), np.fmax.reduce(bounds[:, 2:])
        self.bounds = np.concatenate([np.fmin(self.bounds[:2], low), np.fmax(self.bounds[2:], high)])


def open_writer(where: Any, schema: pa.Schema) -> pq.ParquetWriter:
    """Open a path or stream for writing, without Arrow's own copy of the schema: it would hide later metadata."""
    return pq.ParquetWriter(where, schema, compression="zstd", version="2.6", store_schema=False)
