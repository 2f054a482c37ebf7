"""What is drawn at once: a square of tiles, and the tiles of data that can be seen in it. Light: no arrays here.

Pixels are those of tiles of 256, counted from the corner of the whole grid at the picture's zoom. Data come from
one zoom above, as on the map page: styles, and the tiling engine's rules, mean data tiles of 512 pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from naru.grids import GRIDS, SEOUL_LATITUDE, TILE_PX
from tileserver.pyramids import LayerPyramid
from tileserver.rendering.placing import REACH, SIGHT

SIDE = 4  # tiles of a metatile's side; half of it where they have twice the pixels
_RADIUS_M = 6378137.0
_STYLE_PX = 512  # of a tile, as styles count zooms


class Metatile(NamedTuple):
    """A square of tiles that are drawn together; x and y count metatiles."""

    grid: str
    z: int
    x: int
    y: int
    scale: int  # 2: twice the pixels

    @classmethod
    def around(cls, grid: str, z: int, x: int, y: int, scale: int) -> tuple[Metatile, int]:
        """Return the metatile that holds a tile, and which of its tiles that is, row by row.

        >>> Metatile.around("WebMercatorQuad", 3, 6, 3, 1)
        (Metatile(grid='WebMercatorQuad', z=3, x=1, y=0, scale=1), 14)
        """
        side = SIDE // scale
        return cls(grid, z, x // side, y // side, scale), y % side * side + x % side

    @property
    def side(self) -> int:
        """How many tiles wide and high it is."""
        return SIDE // self.scale

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom in pixels."""
        wide = self.side * TILE_PX
        return self.x * wide, self.y * wide, (self.x + 1) * wide, (self.y + 1) * wide


@dataclass(frozen=True)
class Job:
    """A metatile to be drawn: what the process that draws is told, and tiles of data, gzipped, in order."""

    told: Mapping[str, Any]
    tiles: Sequence[bytes]


def style_zoom(grid: str, z: int) -> float:
    """Return the zoom that styles mean by a grid's: the one with pixels of that size on the ground in Seoul.

    >>> style_zoom("WebMercatorQuad", 12), style_zoom("EPSG5179", 12)
    (11.0, 11.89238)
    """
    found, across = GRIDS[grid], math.cos(math.radians(SEOUL_LATITUDE))
    shrunk = across if found.crs in ("EPSG:3857", "OGC:CRS84") else 1.0
    ours = found.cell_size(z) * found.metres_per_unit * shrunk
    return round(math.log2(2 * math.pi * _RADIUS_M / _STYLE_PX * across / ours), 6)


def job(parts: Sequence[LayerPyramid], metatile: Metatile, tile_type: str) -> Job:
    """Return what is needed to draw the layers, the first one lowest.

    Raises:
        ArchiveDamaged: a layer's archive cannot be read.
    """
    layers, tiles = [], []
    left, top, _, _ = metatile.box
    for part in parts:
        if part.minzoom > metatile.z:
            continue
        data_zoom, wide = _data(part, metatile.z)
        places = []
        for x, y, tile in _data_tiles(part, data_zoom, wide, metatile.box, SIGHT):
            places.append((x * wide, y * wide))
            tiles.append(tile)
        data = {"version": part.version, "zoom": data_zoom, "side": wide, "tiles": places}
        layers.append({"style": part.layer.style, **data})
    frame = {"left": left, "top": top, "tiles": metatile.side, "scale": metatile.scale}
    zoom = style_zoom(metatile.grid, metatile.z)
    told = {"grid": metatile.grid, "z": metatile.z, "frame": frame | {"zoom": zoom}, "type": tile_type}
    return Job(told | {"layers": layers}, tiles)


def is_empty(parts: Sequence[LayerPyramid], z: int, x: int, y: int) -> bool:
    """Tell whether nothing can be seen in a tile: no data in it, nor so near that a label could reach into it.

    Raises:
        ArchiveDamaged: a layer's archive cannot be read.
    """
    box = (x * TILE_PX, y * TILE_PX, (x + 1) * TILE_PX, (y + 1) * TILE_PX)
    near = (
        tile
        for part in parts
        if part.minzoom <= z
        for tile in _data_tiles(part, *_data(part, z), box, math.ceil(REACH))
    )
    return next(near, None) is None


def _data(part: LayerPyramid, z: int) -> tuple[int, int]:
    """Return the zoom whose tiles are drawn at zoom `z`, and how wide such a tile is, pixels."""
    zoom = min(max(z - 1, part.minzoom), part.maxzoom)
    return zoom, TILE_PX << (z - zoom)


def _data_tiles(
    part: LayerPyramid, zoom: int, wide: int, box: tuple[int, int, int, int], around: int
) -> Iterator[tuple[int, int, bytes]]:
    """Yield the tiles of data within `around` pixels of a box: column, row, bytes."""
    grid = GRIDS[part.tms]
    left, top, right, bottom = box
    for y in range((top - around) // wide, (bottom + around - 1) // wide + 1):
        for x in range((left - around) // wide, (right + around - 1) // wide + 1):
            if grid.has(zoom, x, y):
                tile = part.get(zoom, x, y)
                if tile:
                    yield x, y, tile
