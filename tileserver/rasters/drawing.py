"""Pictures of tiles from the numbers in a COG: read a square, paint it by the raster's role, encode it."""

from __future__ import annotations

import io
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from naru import png, shading, terrain_rgb
from naru.cog import BLOCK, WEB_MERCATOR_EDGE_M, Cog
from naru.errors import ArchiveDamaged
from naru.tms import web_mercator_bounds
from tileserver.rasters.looks import Look, Subject

Pixels = NDArray[np.uint8]
_MOST_OPEN = 32  # datasets: a resolution of a raster is one
_GDAL = {
    "GDAL_CACHEMAX": 64 << 20,  # bytes of decoded blocks, all datasets together
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # an archive has no side files
    "GDAL_PAM_ENABLED": "NO",
}
_WEBP_QUALITY, _JPEG_QUALITY = 80, 85


@dataclass(frozen=True)
class Patch:
    """A square of a raster: its values, and where there are any."""

    values: NDArray[Any]  # bands, rows, columns
    valid: NDArray[np.bool_]  # rows, columns

    @property
    def first(self) -> NDArray[np.float32]:
        """The first band as float32; NaN where nothing is."""
        return np.where(self.valid, self.values[0], np.nan).astype("f4")

    def doubled(self) -> Patch:
        """Return each pixel as four."""
        return Patch(self.values.repeat(2, 1).repeat(2, 2), self.valid.repeat(2, 0).repeat(2, 1))

    def inner(self) -> Patch:
        """Return it without its outermost pixels."""
        return Patch(self.values[:, 1:-1, 1:-1], self.valid[1:-1, 1:-1])


class Easel:
    """Draws one picture after the other, and keeps open what it reads from."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[Path, int], DatasetReader] = OrderedDict()

    def draw(self, subject: Subject, look: Look, z: int, x: int, y: int) -> bytes:
        """Return the tile's picture as a file's bytes.

        Raises:
            ArchiveDamaged: the archive cannot be read.
        """
        shaded = subject.facts.role == "elevation" and not look.encoding
        try:
            with rasterio.Env(**_GDAL):
                patch = self._square(subject, look.scale, (z, x, y), margin=int(shaded))
        except (RasterioError, OSError) as cause:
            raise ArchiveDamaged(f"the raster archive cannot be read: {cause}") from cause
        if look.encoding:
            return encoded(terrain_rgb.encode(patch.first, look.encoding, z), look.tile_type, lossless=True)
        painted = _PAINTERS[subject.facts.role](patch, subject, _ground_m(z, x, y) / look.scale)
        return encoded(painted, look.tile_type, lossless=subject.facts.role == "classes")

    def _square(self, subject: Subject, scale: int, tile: tuple[int, int, int], *, margin: int) -> Patch:
        """Return the tile's pixels, with a margin of one all around where shading looks at neighbours."""
        cog, (z, x, y) = subject.cog, tile
        finer = scale == 2 and z < cog.maxzoom
        level = cog.level(z + finer)
        side = BLOCK << finer
        column, row = (x << finer) - level.left, (y << finer) - level.top
        dataset = self._dataset(subject.path, level.overview)
        patch = _read(dataset, column * BLOCK - margin, row * BLOCK - margin, side + 2 * margin)
        if scale == 2 and not finer:
            return patch.doubled().inner() if margin else patch.doubled()
        return patch

    def _dataset(self, path: Path, overview: int) -> DatasetReader:
        name = (path, overview)
        if name not in self._open:
            options = {"overview_level": overview - 1} if overview else {}
            self._open[name] = rasterio.open(path, driver="GTiff", **options)
            if len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(name)
        return self._open[name]


def _read(dataset: DatasetReader, column: int, row: int, side: int) -> Patch:
    """Return the square of `side` pixels from (column, row), which may reach beyond the raster."""
    left, top = max(0, column), max(0, row)
    right, bottom = min(dataset.width, column + side), min(dataset.height, row + side)
    values = np.zeros((dataset.count, side, side), dataset.dtypes[0])
    valid = np.zeros((side, side), bool)
    if left < right and top < bottom:
        window = Window(left, top, right - left, bottom - top)
        place = (slice(top - row, bottom - row), slice(left - column, right - column))
        values[(slice(None), *place)] = dataset.read(window=window)
        valid[place] = dataset.dataset_mask(window=window) > 0
    return Patch(values, valid)


def _ground_m(z: int, x: int, y: int) -> float:
    """Return how many metres on the ground a pixel of a 256 px tile is wide, at the tile's middle."""
    _, south, _, north = web_mercator_bounds(z, x, y)
    return float(2 * WEB_MERCATOR_EDGE_M / BLOCK / 2**z * math.cos(math.radians((south + north) / 2)))


# --- painting: (patch, what it is of, metres a pixel) → red, green, blue, alpha ------------


def _imagery(patch: Patch, subject: Subject, pixel_m: float) -> Pixels:
    facts, cog = subject.facts, subject.cog
    colours = patch.values[:-1] if cog.has_alpha else patch.values
    if patch.values.dtype != np.uint8:
        colours = np.stack([shading.stretched(band, facts.span(k)) for k, band in enumerate(colours[:3])])
    return np.concatenate([shading.as_rgb(list(colours)), _alpha(patch, cog)[None]])


def _alpha(patch: Patch, cog: Cog) -> Pixels:
    if cog.has_alpha and patch.values.dtype == np.uint8:
        return np.asarray(patch.values[-1])
    return _opaque_where(patch.valid)


def _opaque_where(valid: NDArray[np.bool_]) -> Pixels:
    return valid.astype("u1") * np.uint8(255)


def _elevation(patch: Patch, subject: Subject, pixel_m: float) -> Pixels:
    """Paint a patch that has a margin."""
    relief = shading.shaded_relief(patch.first, subject.facts.span(), pixel_m)
    return _with_holes(relief, patch.inner().valid)


def _with_holes(rgb: Pixels, valid: NDArray[np.bool_]) -> Pixels:
    """Return colours with their alpha; in holes the mean colour, for WebP and magnifying mix it into the edges."""
    if valid.any() and not valid.all():
        rgb[:, ~valid] = rgb[:, valid].mean(axis=1, dtype="f4").astype("u1")[:, None]
    return np.concatenate([rgb, _opaque_where(valid)[None]])


def _classes(patch: Patch, subject: Subject, pixel_m: float) -> Pixels:
    colours = shading.classed(patch.values[0], subject.facts.colormap)
    colours[3] = np.where(patch.valid, colours[3], 0)
    return colours


def _data(patch: Patch, subject: Subject, pixel_m: float) -> Pixels:
    values, span, ramp = patch.first, subject.facts.span(), subject.facts.ramp
    if ramp:
        return _with_holes(shading.tinted(values, span, ramp), patch.valid)
    return _with_holes(shading.as_rgb([shading.stretched(values, span)]), patch.valid)


_PAINTERS: dict[str, Callable[[Patch, Subject, float], Pixels]] = {
    "imagery": _imagery,
    "elevation": _elevation,
    "classes": _classes,
    "data": _data,
}


# --- encoding ------------------------------------------------------------------------------------


def encoded(pixels: Pixels, tile_type: str, *, lossless: bool) -> bytes:
    """Return red, green, blue and perhaps alpha (3 or 4, rows, columns) as a PNG, WebP or JPEG file.

    JPEG has no alpha: what is transparent becomes white.
    """
    if tile_type == "png":
        return png.encode(pixels)
    if tile_type == "webp":
        quality = 0 if lossless else _WEBP_QUALITY  # 0: least effort; lossless is lossless
        return _saved(pixels, "WEBP", quality=quality, lossless=lossless, method=0)
    return _saved(_on_white(pixels), "JPEG", quality=_JPEG_QUALITY)


def _on_white(pixels: Pixels) -> Pixels:
    if len(pixels) == 3:
        return pixels
    alpha = pixels[3].astype("u2")
    return np.asarray((pixels[:3] * alpha + 255 * (255 - alpha) + 127) // 255, "u1")


def _saved(pixels: Pixels, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(out, kind, **options)
    return out.getvalue()
