"""Turns arrays of pixels into compressed blocks of 256 × 256, ready for a TIFF or as tiles of their own."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from PIL import Image
from rasterio.enums import ColorInterp
from rasterio.io import MemoryFile

from ingest.raster.tiff import BLOCK, Tags, read_blocks, read_tags
from naru.png import encode as encode_png

Pixels = npt.NDArray[Any]
Blocks = dict[tuple[int, int], bytes]  # by column and row within the array
WEBP_METHOD = 0  # the fastest: half the time of the default for about as many bytes (docs/decisions)


@dataclass(frozen=True)
class Codec:
    """How blocks are compressed. `name` is what the layer's facts say: webp, lerc_zstd or zstd."""

    name: str
    dtype: str
    bands: int
    nodata: float | None = None
    quality: int = 75  # of WebP; 100 is lossless
    max_error: float = 0.0  # of LERC, in the unit of the values
    colormap: Mapping[int, tuple[int, int, int, int]] | None = None

    def encode(self, pixels: Pixels) -> Blocks:
        """Return the blocks of (bands, n·256, m·256) pixels; those without any data are left out."""
        wanted = [b for b in _squares(pixels) if not self._empty(pixels[:, b[2], b[3]])]
        if self.name == "webp":
            return {(c, r): webp(pixels[:, rows, cols], self.quality) for c, r, rows, cols in wanted}
        if not wanted:
            return {}
        left, right = min(b[0] for b in wanted), max(b[0] for b in wanted)
        top, bottom = min(b[1] for b in wanted), max(b[1] for b in wanted)
        held = pixels[:, top * BLOCK : (bottom + 1) * BLOCK, left * BLOCK : (right + 1) * BLOCK]
        blocks, across = read_blocks(self._tiff(held, {})), right - left + 1
        return {(c, r): blocks[(r - top) * across + c - left] for c, r, _, _ in wanted}

    def template(self, transform: Affine, tags: Mapping[str, Mapping[str, str]]) -> Tags:
        """Return the tags of a TIFF in EPSG:3857 with such blocks; `tags` are metadata by domain."""
        pixels = np.zeros((self.bands, BLOCK, BLOCK), self.dtype)
        return read_tags(self._tiff(pixels, tags, crs="EPSG:3857", transform=transform))

    def _empty(self, pixels: Pixels) -> bool:
        if self.name == "webp":
            return not pixels[3].any()
        return self.nodata is not None and bool((pixels == self.nodata).all())

    def _tiff(self, pixels: Pixels, tags: Mapping[str, Mapping[str, str]], **more: Any) -> bytes:
        somewhere = Affine.translation(1, 1)  # GDAL warns of files that lie nowhere
        profile = (
            self._profile() | {"transform": somewhere, "height": pixels.shape[1], "width": pixels.shape[2]} | more
        )
        with MemoryFile() as memory:
            with memory.open(**profile) as made:
                if self.name == "webp":
                    made.colorinterp = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
                if self.colormap is not None and self.dtype == "uint8":
                    made.write_colormap(1, dict(self.colormap))
                for domain, items in tags.items():
                    made.update_tags(ns=domain or None, **items)
                made.write(pixels)
            data: bytes = memory.read()
            return data

    def _profile(self) -> dict[str, Any]:
        profile: dict[str, Any] = {"driver": "GTiff", "count": self.bands, "dtype": self.dtype, "tiled": True}
        profile |= {"blockxsize": BLOCK, "blockysize": BLOCK, "interleave": "pixel", "compress": self.name.upper()}
        if self.name == "webp":
            profile |= {"photometric": "RGB"} | _webp_options(self.quality)
        elif self.name == "lerc_zstd":
            profile |= {"max_z_error": self.max_error, "zstd_level": 9}
        else:
            profile |= {"zstd_level": 9, "predictor": self._predictor()}
        return profile | ({"nodata": self.nodata} if self.nodata is not None else {})

    def _predictor(self) -> int:
        if self.colormap is not None:
            return 1
        return 3 if np.dtype(self.dtype).kind == "f" else 2


def _webp_options(quality: int) -> dict[str, Any]:
    return {"webp_lossless": True} if quality >= 100 else {"webp_level": quality}


def _squares(pixels: Pixels) -> list[tuple[int, int, slice, slice]]:
    down, across = pixels.shape[1] // BLOCK, pixels.shape[2] // BLOCK
    return [
        (c, r, slice(r * BLOCK, (r + 1) * BLOCK), slice(c * BLOCK, (c + 1) * BLOCK))
        for r in range(down)
        for c in range(across)
    ]


def encode_tiles(pixels: Pixels, kind: str, quality: int) -> Blocks:
    """Return RGBA pixels as tiles of a kind (webp, png, jpeg); those without any pixel are left out."""
    writers: dict[str, Callable[[Pixels], bytes]] = {
        "webp": partial(webp, quality=quality),
        "png": png,
        "jpeg": partial(jpeg, quality=quality),
    }
    write = writers[kind]
    squares = ((c, r, pixels[:, rows, cols]) for c, r, rows, cols in _squares(pixels))
    return {(c, r): write(square) for c, r, square in squares if square[3].any()}


def webp(rgba: Pixels, quality: int) -> bytes:
    """Return an RGBA picture as WebP; quality 100 keeps every colour that can be seen."""
    image = Image.fromarray(np.ascontiguousarray(rgba.transpose(1, 2, 0)), "RGBA")
    return _saved(
        image, "WEBP", lossless=quality >= 100, quality=quality if quality < 100 else 20, method=WEBP_METHOD
    )


def png(rgba: Pixels) -> bytes:
    """Return an RGBA picture as PNG; without alpha where nothing is transparent."""
    return encode_png(rgba[:3] if rgba[3].min() == 255 else rgba)


def jpeg(rgba: Pixels, quality: int) -> bytes:
    """Return an RGBA picture as JPEG, which has no alpha: what is transparent becomes white."""
    alpha = rgba[3].astype(np.uint16)
    over = (rgba[:3] * alpha + 255 * (255 - alpha) + 127) // 255
    image = Image.fromarray(np.ascontiguousarray(over.astype(np.uint8).transpose(1, 2, 0)), "RGB")
    return _saved(image, "JPEG", quality=quality)


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def fits(value: float, dtype: str) -> bool:
    """Whether a number can stand in an array of that type as it is."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return math.isfinite(value)
    info = np.iinfo(kind)
    return math.isfinite(value) and float(value).is_integer() and info.min <= value <= info.max
