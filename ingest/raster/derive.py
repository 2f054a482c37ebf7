"""What is made from heights beside them: hillshade and slope as rasters of the same grid, contours as lines.

Runs confined, on the COG of heights that `ingest.raster.convert` has left: what is computed belongs to what is
served, and no stranger's file is read again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from rasterio.windows import Window

from ingest.raster.contours import Drawing, draw_contours
from ingest.raster.cutting import Cut, Cutter
from ingest.raster.encode import Codec
from ingest.raster.heights import Heights, Square
from ingest.raster.order import Order
from ingest.raster.reduce import How
from ingest.raster.statistics import Tally
from ingest.raster.tiff import BLOCK, CogWriter
from ingest.raster.zooms import HALF_WORLD
from naru.records import Progress
from naru.relief import Floats, brightness, gradient, ground_scale, slope_degrees

SLOPE_ERROR = 0.01  # degrees: how far a kept slope may be off the computed one (LERC)
_NO_SLOPE = -9999.0
Pixels = npt.NDArray[Any]


@dataclass(frozen=True)
class _Product:
    """A raster of the same grid, made of the gradients of the ground."""

    role: str
    codec: Callable[[int], Codec]  # by quality
    how: How
    paint: Callable[[Floats, Floats], Pixels]  # gradients, NaN where unknown → (bands, rows, columns)
    facts: Mapping[str, Any]


def derive(params: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Make what `params` asks for of a COG of heights in `workdir`. Runs confined.

    `params`: what (hillshade, slope, contours), order (an `Order`), outline (WKB in hexadecimal, EPSG:3857),
    workdir, and names in it: heights, made; for contours, interval (metres) and vertices (the most there may be).
    Returns for a raster how many blocks each zoom has, and facts; for contours, how many lines there are.

    Raises ArchiveDamaged, TooLarge (more vertices).
    """
    order, workdir = Order(**params["order"]), Path(params["workdir"])
    outline, made = shapely.from_wkb(bytes.fromhex(params["outline"])), workdir / params["made"]
    with Heights(workdir / params["heights"]) as heights:
        if params["what"] == "contours":
            drawing = Drawing(order, outline, float(params["interval"]), int(params["vertices"]))
            return {"lines": draw_contours(heights, drawing, made, progress)}
        ground = _Ground(heights, order, _PRODUCTS[params["what"]])
        return _cut(ground, outline, made, progress)


def _cut(ground: _Ground, outline: shapely.Geometry, made: Path, progress: Progress) -> dict[str, Any]:
    """Cut a product into a COG at `made`; return how many blocks each zoom has, and facts."""
    product, order, levels = ground.product, ground.order, ground.order.levels
    codec = product.codec(order.quality)
    tally = Tally(3 if codec.name == "webp" else codec.bands, codec.nodata)
    counts = dict.fromkeys(range(order.lowest, order.maxzoom + 1), 0)
    with CogWriter(made, levels) as cog:

        def keep(zoom: int, column: int, row: int, block: bytes) -> None:
            counts[zoom] += 1
            cog.put(order.maxzoom - zoom, column, row, block)

        cut = Cut(levels, order.window, product.how, codec, outline)
        Cutter(ground, cut, [(codec.encode, keep)], lambda f: progress(f, "computing"), tally).run()
        cog.finish(codec.template(order.transform, order.tags))
    return {"tiles": counts, "facts": _facts(product, codec, order, tally)}


@dataclass(frozen=True)
class _Ground:
    """A product as something to be cut: its pixels are computed as they are asked for."""

    heights: Heights
    order: Order
    product: _Product

    def read(self, window: Window) -> Pixels:
        """Return (bands, rows, columns) of a window of the finest level."""
        left, top = int(window.col_off), int(window.row_off)
        square = Square(left, top, left + int(window.width), top + int(window.height))
        across, down = self._pixel_m(square)
        return self.product.paint(*gradient(self.heights.read(square.wider(1)), across, down))

    def _pixel_m(self, square: Square) -> tuple[Pixels, Pixels]:
        """Return the sides of the pixels of each row on the ground, eastwards and southwards: (rows, 1)."""
        pixel, first = self.order.pixel, self.order.levels[0].row * BLOCK
        rows = first + np.arange(square.top, square.bottom)[:, None] + 0.5
        across, down = ground_scale(np.asarray(HALF_WORLD - rows * pixel, np.float64))
        return across * pixel, down * pixel


def _shaded(eastward: Floats, northward: Floats) -> Pixels:
    """Return grey as RGBA; transparent where one of the nine heights is missing."""
    known = ~np.isnan(eastward + northward)
    grey = np.where(known, brightness(eastward, northward), 0) * 255 + 0.5
    rgba = np.empty((4, *grey.shape), np.uint8)
    rgba[:3], rgba[3] = grey.astype("u1"), known * np.uint8(255)
    return rgba


def _sloped(eastward: Floats, northward: Floats) -> Pixels:
    """Return degrees; nodata where one of the nine heights is missing."""
    degrees = slope_degrees(eastward, northward)
    return np.where(np.isnan(degrees), np.float32(_NO_SLOPE), degrees)[None]


def _facts(product: _Product, codec: Codec, order: Order, tally: Tally) -> dict[str, Any]:
    return {
        "role": product.role,
        "bands": codec.bands,
        "dtype": codec.dtype,
        "nodata": codec.nodata,
        "alpha": codec.name == "webp",
        "statistics": tally.result(),
        "colormap": None,
        "resolution_m": order.resolution_m,
        "compression": codec.name,
        "blocksize": BLOCK,
        "aligned": True,
        "lowest_zoom": order.lowest,
        "max_error": codec.max_error,
        "pyramid": None,
    } | dict(product.facts)


def _picture(quality: int) -> Codec:
    return Codec("webp", "uint8", 4, quality=quality)


def _degrees(quality: int) -> Codec:
    return Codec("lerc_zstd", "float32", 1, _NO_SLOPE, max_error=SLOPE_ERROR)


_PRODUCTS = {
    "hillshade": _Product("imagery", _picture, "rgba", _shaded, {"unit": None}),
    "slope": _Product("data", _degrees, "mean", _sloped, {"unit": "°", "ramp": "slope"}),
}
