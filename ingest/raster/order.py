"""What is wanted of a raster, and the grid that follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from affine import Affine

from ingest.raster.tiff import BLOCK, Level
from ingest.raster.zooms import HALF_WORLD, inverse, tile_range
from naru.records import BBox


@dataclass(frozen=True)
class Order:
    """What is wanted of a raster: `boxes` in EPSG:3857, zooms as in `ingest.raster.zooms.Zooms`."""

    boxes: list[list[float]]
    maxzoom: int
    lowest: int
    quality: int
    pyramid: str | None
    minzoom: int

    @property
    def extent(self) -> list[BBox]:
        """The boxes."""
        return [(b[0], b[1], b[2], b[3]) for b in self.boxes]

    @property
    def window(self) -> tuple[int, int, int, int]:
        """First column, first row, last column, last row of the tiles of the finest zoom with pixels."""
        return tile_range(self.extent, self.maxzoom)

    @property
    def levels(self) -> list[Level]:
        """The levels, finest first; all begin on the tile borders of the coarsest."""
        left, top, right, bottom = tile_range(self.extent, self.lowest)
        across, down = right - left + 1, bottom - top + 1
        shifts = [zoom - self.lowest for zoom in range(self.maxzoom, self.lowest - 1, -1)]
        return [Level(self.lowest + s, left << s, top << s, across << s, down << s) for s in shifts]

    @property
    def pixel(self) -> float:
        """Side of a pixel of the finest zoom, metres of EPSG:3857."""
        return 2 * HALF_WORLD / (BLOCK << self.maxzoom)

    @property
    def transform(self) -> Affine:
        """The geotransform of the finest level."""
        level, pixel = self.levels[0], self.pixel
        left, top = level.column * BLOCK * pixel - HALF_WORLD, HALF_WORLD - level.row * BLOCK * pixel
        return Affine(pixel, 0, left, 0, -pixel, top)

    @property
    def tags(self) -> dict[str, dict[str, str]]:
        """What GDAL's COG driver says of a tile-aligned file, in its words."""
        count = str(self.maxzoom - self.lowest + 1)
        scheme = {"NAME": "GoogleMapsCompatible", "ZOOM_LEVEL": str(self.maxzoom), "ALIGNED_LEVELS": count}
        return {"TILING_SCHEME": scheme}

    @property
    def resolution_m(self) -> float:
        """Side of a pixel on the ground, in the middle of the first box."""
        latitude = inverse(0.0, (self.boxes[0][1] + self.boxes[0][3]) / 2)[1]
        return self.pixel * math.cos(math.radians(latitude))
