"""What the tests of raster input share: small rasters made in code, cut by the real way, read back by GDAL."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.windows import Window

from ingest.raster_layers import PackedRaster, RasterWish, encode_raster
from ingest.rasters import ReadRaster
from ingest.reading import ReadOptions, read_file

SEOUL = Affine(10, 0, 197_000, 0, -10, 552_000)  # 10 m cells in EPSG:5186
HALF_WORLD = 20037508.342789244


@dataclass(frozen=True)
class Cut:
    """One raster, read and cut."""

    read: ReadRaster
    packed: PackedRaster

    @property
    def facts(self) -> dict[str, Any]:
        return dict(self.packed.facts)

    def pixels(self, overview: int | None = None) -> NDArray[Any]:
        """Return all pixels of the COG, or of one of its overviews."""
        level = {} if overview is None else {"OVERVIEW_LEVEL": overview}
        with rasterio.open(self.packed.cog, **level) as raster:
            return raster.read()

    def at(self, lon: float, lat: float) -> list[float]:
        """Return the bands' values at a place."""
        x, y = Transformer.from_crs(4326, 3857, always_xy=True).transform(lon, lat)
        with rasterio.open(self.packed.cog) as raster:
            row, column = raster.index(x, y)
            return raster.read(window=Window(column, row, 1, 1)).ravel().tolist()


def look(path: Path, workdir: Path, **options: Any) -> ReadRaster:
    """Look at a file that holds one raster."""
    (read,) = read_file(path, workdir, ReadOptions(**options), lambda *_: None)
    assert isinstance(read, ReadRaster)
    return read


def cut(path: Path, workdir: Path, wish: RasterWish | None = None, **options: Any) -> Cut:
    """Look at a file's one raster and cut it."""
    read = look(path, workdir, **options)
    return Cut(read, encode_raster(read, "layer", wish or RasterWish(), workdir, lambda *_: None))


def write(path: Path, bands: NDArray[Any], transform: Affine | None = SEOUL, **profile: Any) -> Path:
    """Write (bands, rows, columns), or one band, as a GeoTIFF in EPSG:5186 unless told otherwise."""
    bands = bands if bands.ndim == 3 else bands[None]
    about: dict[str, Any] = {"driver": "GTiff", "crs": "EPSG:5186", "dtype": bands.dtype}
    about |= {"count": bands.shape[0], "height": bands.shape[1], "width": bands.shape[2]}
    about |= {"transform": transform} if transform else {}
    colours, interpretation = profile.pop("colours", None), profile.pop("interpretation", None)
    with rasterio.open(path, "w", **(about | profile)) as raster:
        if interpretation:
            raster.colorinterp = interpretation
        if colours:
            raster.write_colormap(1, colours)
        raster.write(bands)
    return path


def ramp(side: int = 128) -> NDArray[np.float32]:
    """Return heights that tell their place: a metre a column, and a hundred metres more for 16 rows."""
    rows, columns = np.mgrid[0:side, 0:side].astype("f4")
    return columns + 200 + rows * 6.25


def on_grid(zoom: int, column: int, row: int) -> Affine:
    """Return the transform in EPSG:3857 of a raster that begins at a tile's corner."""
    pixel = 2 * HALF_WORLD / (256 << zoom)
    return Affine(pixel, 0, column * 256 * pixel - HALF_WORLD, 0, -pixel, HALF_WORLD - row * 256 * pixel)


def lonlat(transform: Affine, column: float, row: float, epsg: int = 5186) -> tuple[float, float]:
    """Return where a place in the raster (0, 0: its upper left corner) lies."""
    return Transformer.from_crs(epsg, 4326, always_xy=True).transform(*(transform @ (column, row)))
