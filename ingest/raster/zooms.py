"""Chooses a raster's zooms and the tiles that it lies on. WebMercatorQuad; boxes are EPSG:3857 metres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from naru.errors import BadOption, TooLarge
from naru.records import BBox

TILE = 256
HIGHEST = 24
HALF_WORLD = math.pi * 6378137.0
_MOST_ENTRIES = 2**22  # tiles in the directory of a COG, there or not
_FEW = 32  # pixels
_EDGE = 1e-6  # of a tile: a box that ends on a border does not reach into the next


@dataclass(frozen=True)
class Zooms:
    """The zooms of a raster: blocks are made from `maxzoom` to `lowest`; tiles are shown from `minzoom` on."""

    maxzoom: int
    lowest: int
    minzoom: int


def native_zoom(cell: float, role: str, side: float = math.inf) -> int:
    """Return the zoom whose pixels come closest to a cell of so many EPSG:3857 metres.

    Pictures go to the nearest zoom; values that are measured lose at most 7 % of their resolution. A raster of
    few pixels (`side` is its longer side in metres) gets two zooms more: each of its pixels must be seen.

    >>> native_zoom(0.31, "imagery"), native_zoom(37.8, "elevation"), native_zoom(37.8, "elevation", 378.0)
    (19, 12, 14)
    """
    exact = math.log2(2 * HALF_WORLD / TILE / cell) + (2 if side < _FEW * cell else 0)
    zoom = round(exact) if role == "imagery" else math.ceil(exact - 0.1)
    return min(HIGHEST, max(0, zoom))


def choose(
    cell: float, role: str, boxes: Sequence[BBox], minzoom: int | None = None, maxzoom: int | None = None
) -> Zooms:
    """Return the zooms of a raster with such cells in such boxes; `minzoom`, `maxzoom` are the user's.

    Raises BadOption when they cross, TooLarge when the boxes lie too far apart.

    >>> choose(0.31, "imagery", [(14135000.0, 4518000.0, 14138000.0, 4521000.0)])
    Zooms(maxzoom=19, lowest=13, minzoom=13)
    """
    side = max(max(b[2] - b[0], b[3] - b[1]) for b in _joined(boxes))
    highest = native_zoom(cell, role, side) if maxzoom is None else maxzoom
    if minzoom is not None and minzoom > highest:
        raise BadOption(
            f"--minzoom {minzoom} is above the last zoom, {highest}", remedy="Leave it out, or give --maxzoom too."
        )
    natural = min(highest, max(0, math.floor(math.log2(2 * HALF_WORLD / max(side, 1e-9)))))
    lowest = natural if minzoom is None else min(natural, minzoom)
    if _entries(boxes, highest, lowest) > _MOST_ENTRIES:
        raise TooLarge(
            f"between zoom {lowest} and {highest} it would reach over more than {_MOST_ENTRIES:,} tiles",
            remedy=f"Cut it into pieces, or say --minzoom {natural} --maxzoom {max(natural, highest - 4)}.",
        )
    return Zooms(highest, lowest, natural if minzoom is None else minzoom)


def _joined(boxes: Sequence[BBox]) -> list[BBox]:
    return [
        (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))
    ]


def tile_range(boxes: Sequence[BBox], zoom: int) -> tuple[int, int, int, int]:
    """Return first column, first row, last column, last row of the tiles that boxes touch.

    >>> tile_range([(-20037508.0, 0.0, 0.0, 20037508.0)], 1)
    (0, 0, 0, 0)
    """
    (west, south, east, north), tiles = _joined(boxes)[0], 1 << zoom
    span = 2 * HALF_WORLD / tiles
    first = [(west + HALF_WORLD) / span + _EDGE, (HALF_WORLD - north) / span + _EDGE]
    last = [(east + HALF_WORLD) / span - _EDGE, (HALF_WORLD - south) / span - _EDGE]
    low = [min(tiles - 1, max(0, math.floor(v))) for v in first]
    high = [min(tiles - 1, max(k, math.floor(v))) for k, v in zip(low, last, strict=True)]
    return low[0], low[1], high[0], high[1]


def _entries(boxes: Sequence[BBox], highest: int, lowest: int) -> int:
    left, top, right, bottom = tile_range(boxes, lowest)
    scale = 1 << (highest - lowest)
    return (right - left + 1) * (bottom - top + 1) * scale * scale


def inverse(x: float, y: float) -> tuple[float, float]:
    """Return longitude and latitude of a place on EPSG:3857.

    >>> inverse(HALF_WORLD, 0.0)
    (180.0, 0.0)
    """
    return x / HALF_WORLD * 180, math.degrees(math.atan(math.sinh(y / HALF_WORLD * math.pi)))
