"""Writes a layer as GeoParquet, batch by batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyproj import CRS

from ingest.features import Geometries
from naru.geoparquet import GeoColumns, open_writer

GEOMETRY, COVERING = "geometry", "bbox"


class LayerWriter:
    """Appends batches to a file; the CRS is written last, when it is known for certain.

    The file has the attributes under their own names, then `geometry` (WKB) and `bbox` (struct of four
    doubles). An attribute of one of those two names is refused by `attribute_names`.
    """

    def __init__(self, path: Path, attributes: pa.Schema) -> None:
        self._columns = GeoColumns(GEOMETRY, COVERING)
        self._schema = self._columns.schema(attributes)
        self._writer = open_writer(path, self._schema)
        self.rows = 0

    def write(self, attributes: pa.RecordBatch, geometries: Geometries, bounds: npt.NDArray[np.float64]) -> None:
        """Append rows. `bounds` are those of the geometries, n × (xmin, ymin, xmax, ymax)."""
        if not len(geometries):
            return
        columns = [*attributes.columns, *self._columns.encode(geometries, bounds)]
        self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._schema))
        self.rows += len(geometries)

    def close(self, crs: CRS) -> None:
        """Write the metadata and close. `crs` is that of the coordinates."""
        self._writer.add_key_value_metadata(self._columns.metadata(crs))
        self._writer.close()

    def abandon(self) -> None:
        """Close without metadata: the file is not to be used."""
        self._writer.close()
