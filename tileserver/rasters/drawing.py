"""Pictures of tiles from the numbers in a COG: read a square, or put one into another grid, paint and encode it."""

from __future__ import annotations

import io
import math
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from PIL import Image
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from naru import png, terrain_rgb
from naru.cog import BLOCK, WEB_MERCATOR_EDGE_M
from naru.errors import ArchiveDamaged
from naru.grids import GRIDS
from naru.tms import WEB_MERCATOR, web_mercator_bounds
from tileserver.rasters.looks import Look, Subject
from tileserver.rasters.painting import Pixels, bands_for, needs_margin, paint
from tileserver.rasters.patches import Patch, read_padded
from tileserver.rasters.places import level_for

_MOST_OPEN = 32  # datasets: a resolution of a raster is one
_GDAL = {
    "GDAL_CACHEMAX": 64 << 20,  # bytes of decoded blocks, all datasets together
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # an archive has no side files
    "GDAL_PAM_ENABLED": "NO",
}
_WEBP_QUALITY, _JPEG_QUALITY = 80, 85


class Easel:
    """Draws one picture after the other, and keeps open what it reads from. Not for two threads at a time."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[Path, int], DatasetReader] = OrderedDict()

    def draw(self, subject: Subject, look: Look, z: int, x: int, y: int) -> bytes | None:
        """Return the tile's picture as a file's bytes; None where the raster has nothing.

        Raises:
            ArchiveDamaged: the archive cannot be read.
        """
        try:
            with rasterio.Env(**_GDAL):
                patch = self._patch(subject, look, (z, x, y))
        except (RasterioError, OSError) as cause:
            raise ArchiveDamaged(f"the raster archive cannot be read: {cause}") from cause
        if look.encoding:
            if patch is None:
                patch = Patch(np.zeros((1, BLOCK * look.scale, BLOCK * look.scale), "f4"), _nothing(look.scale))
            zoom = z if look.grid == WEB_MERCATOR else level_for(subject.cog, GRIDS[look.grid], z)
            heights = np.nan_to_num(patch.first, nan=look.nodata_m, posinf=np.inf, neginf=-np.inf)
            return encoded(terrain_rgb.encode(heights, look.encoding, zoom), look.tile_type, lossless=True)
        if patch is None:
            return None
        painted = paint(patch, subject, look, _pixel_m(look, z, x, y))
        return encoded(painted, look.tile_type, lossless=subject.facts.role == "classes")

    def _patch(self, subject: Subject, look: Look, tile: tuple[int, int, int]) -> Patch | None:
        """Return the tile's pixels, with a margin of one all around where painting looks at neighbours."""
        margin, bands = (
            int(needs_margin(subject, look)),
            [subject.before + band for band in bands_for(subject, look)],
        )
        if look.grid == WEB_MERCATOR:
            return self._square(subject, look.scale, tile, margin, bands)
        return self._moved(subject, look, tile, margin, bands)

    def _square(
        self, subject: Subject, scale: int, tile: tuple[int, int, int], margin: int, bands: list[int]
    ) -> Patch:
        """Return the pixels of a tile of the raster's own grid: they are stored so."""
        cog, (z, x, y) = subject.cog, tile
        finer = scale == 2 and z < cog.maxzoom
        level = cog.level(z + finer)
        side = BLOCK << finer
        column, row = (x << finer) - level.left, (y << finer) - level.top
        dataset = self._dataset(subject.path, level.overview)
        patch = read_padded(dataset, column * BLOCK - margin, row * BLOCK - margin, side + 2 * margin, bands)
        if scale == 2 and not finer:
            return patch.doubled().inner() if margin else patch.doubled()
        return patch

    def _moved(
        self, subject: Subject, look: Look, tile: tuple[int, int, int], margin: int, bands: list[int]
    ) -> Patch | None:
        """Return the pixels of a tile of another grid."""
        from tileserver.rasters.warping import mesh_of, warped  # brings pyproj, which the own grid needs not

        grid, (z, _, _) = GRIDS[look.grid], tile
        level = subject.cog.level(level_for(subject.cog, grid, z + look.scale - 1))
        mesh = mesh_of(grid, tile, level, look.scale, margin)
        dataset = self._dataset(subject.path, level.overview)
        return warped(dataset, level, mesh, bands, nearest=subject.facts.role == "classes")

    def _dataset(self, path: Path, overview: int) -> DatasetReader:
        name = (path, overview)
        if name not in self._open:
            options = {"overview_level": overview - 1} if overview else {}
            self._open[name] = rasterio.open(path, driver="GTiff", **options)
            if len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(name)
        return self._open[name]


def _nothing(scale: int) -> Pixels:
    return np.zeros((BLOCK * scale, BLOCK * scale), "u1")


def _pixel_m(look: Look, z: int, x: int, y: int) -> tuple[float, float]:
    """Return how many metres on the ground a pixel is wide and high, at the tile's middle."""
    grid = GRIDS[look.grid]
    if grid.id == WEB_MERCATOR:
        _, south, _, north = web_mercator_bounds(z, x, y)
        side = 2 * WEB_MERCATOR_EDGE_M / BLOCK / 2**z * math.cos(math.radians((south + north) / 2))
        return side / look.scale, side / look.scale
    side = grid.cell_size(z) * grid.metres_per_unit / look.scale
    if grid.crs != "OGC:CRS84":
        return side, side
    _, bottom, _, top = grid.bounds(z, x, y)
    return max(side * math.cos(math.radians((bottom + top) / 2)), 1e-3), side


# --- encoding ------------------------------------------------------------------------------------


def encoded(pixels: Pixels, tile_type: str, *, lossless: bool) -> bytes:
    """Return grey or red, green, blue, and perhaps alpha (1 to 4, rows, columns), as a PNG, WebP or JPEG file.

    An alpha that is opaque all over is left out. JPEG has none: what is transparent becomes white.
    """
    if len(pixels) in (2, 4) and pixels[-1].min() == 255:
        pixels = pixels[:-1]
    if tile_type == "png":
        return png.encode(pixels)
    if tile_type == "webp":
        quality = 0 if lossless else _WEBP_QUALITY  # 0: least effort; lossless is lossless
        return _saved(_coloured(pixels), "WEBP", quality=quality, lossless=lossless, method=0)
    return _saved(_on_white(pixels), "JPEG", quality=_JPEG_QUALITY)


def _coloured(pixels: Pixels) -> Pixels:
    """Return grey as red, green, blue, which WebP needs."""
    return pixels if len(pixels) > 2 else np.concatenate([pixels[:1].repeat(3, 0), pixels[1:]])


def _on_white(pixels: Pixels) -> Pixels:
    if len(pixels) in (1, 3):
        return pixels
    alpha = pixels[-1].astype("u2")
    return np.asarray((pixels[:-1] * alpha + 255 * (255 - alpha) + 127) // 255, "u1")


def _saved(pixels: Pixels, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    lines = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    Image.fromarray(np.ascontiguousarray(lines)).save(out, kind, **options)
    return out.getvalue()
