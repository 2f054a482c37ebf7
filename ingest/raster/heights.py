"""Reads heights back from a COG of our own, with a margin, for what is computed from neighbours."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from ingest.raster.opening import gdal
from naru.errors import ArchiveDamaged

Floats = npt.NDArray[Any]


@dataclass(frozen=True)
class Square:
    """Pixels of the finest level: columns from `left` to before `right`, rows from `top` to before `bottom`."""

    left: int
    top: int
    right: int
    bottom: int

    def wider(self, by: int) -> Square:
        """Return it with so many pixels more on each side."""
        return Square(self.left - by, self.top - by, self.right + by, self.bottom + by)


class Heights:
    """The finest level of a COG of heights. Each thread that reads has a handle of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._opened: list[DatasetReader] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Heights:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._opened:
            handle.close()

    def read(self, square: Square, dtype: str = "f4") -> Floats:
        """Return the metres in a square, which may reach beyond the raster; NaN where there is no height.

        Raises ArchiveDamaged.
        """
        out = np.full((square.bottom - square.top, square.right - square.left), np.nan, dtype)
        with gdal():
            try:
                source = self._source()
                left, top = max(0, square.left), max(0, square.top)
                right, bottom = min(source.width, square.right), min(source.height, square.bottom)
                if left < right and top < bottom:
                    values = source.read(1, window=Window(left, top, right - left, bottom - top))
                    place = (
                        slice(top - square.top, bottom - square.top),
                        slice(left - square.left, right - square.left),
                    )
                    out[place] = np.where(values == source.nodata, np.nan, values)
            except RasterioError as error:
                raise ArchiveDamaged(
                    f"heights just written cannot be read: {error}", file=self._path.name
                ) from error
        return out

    def _source(self) -> DatasetReader:
        found: DatasetReader | None = getattr(self._local, "source", None)
        if found is None:
            found = self._local.source = rasterio.open(self._path, driver="GTiff")
            with self._lock:
                self._opened.append(found)
        return found
