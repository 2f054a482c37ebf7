"""Tile-aligned COGs: cloud-optimised GeoTIFFs whose blocks are the tiles of WebMercatorQuad.

Such a file is made by GDAL's COG driver with TILING_SCHEME=GoogleMapsCompatible, BLOCKSIZE=256 and ALIGNED_LEVELS.
A tile is then found by arithmetic, and its compressed bytes are one slice of the file: a WebP block is a WebP
image of its own, and needs no decoding to be sent.
"""

from __future__ import annotations

import math
import operator
from array import array
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field, replace

from naru.errors import TileOutOfRange
from naru.pmtiles.reader import GetBytes
from naru.tiff import Directory, damaged, directories

BLOCK = 256  # pixels of a side
WEB_MERCATOR_EDGE_M = math.pi * 6378137.0
_COARSEST_M = 2 * WEB_MERCATOR_EDGE_M / BLOCK  # a pixel of zoom 0
_HIGHEST_ZOOM = 30
_SLACK = 1 / 8  # of a pixel: by how much an origin may miss a tile's corner

# tags: TIFF 6.0 §8 and §15, GeoTIFF 1.1 (OGC 19-008r4) §7.1
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES = 254, 256, 257, 258, 259, 277
_PLANES, _TILE_WIDTH, _TILE_HEIGHT, _OFFSETS, _COUNTS, _EXTRA = 284, 322, 323, 324, 325, 338
_PIXEL_SCALE, _TIE_POINT, _GEO_KEYS = 33550, 33922, 34735
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_RASTER_TYPE_KEY, _PROJECTED_KEY = 1025, 3072
_PIXEL_IS_AREA, _WEB_MERCATOR_EPSG = 1, 3857
_WEBP = 50001
_ALPHA = (1, 2)  # ExtraSamples: associated, unassociated


@dataclass(frozen=True)
class Level:
    """One resolution: the blocks of one zoom, row by row from the tile (left, top)."""

    zoom: int
    overview: int  # 0: full resolution; n: GDAL's overview n - 1
    left: int  # tile column of the first block
    top: int  # tile row
    columns: int
    rows: int
    width: int  # pixels
    height: int
    offsets: array[int] = field(repr=False)
    counts: array[int] = field(repr=False)  # bytes; 0: the block was left out, nothing is there

    def index(self, x: int, y: int) -> int | None:
        """Return which block the tile (x, y) is; None where the raster does not reach."""
        column, row = x - self.left, y - self.top
        if 0 <= column < self.columns and 0 <= row < self.rows:
            return row * self.columns + column
        return None

    def of_band(self, number: int) -> Level:
        """Return the blocks of one band, where each has its own: those of band 1 come first."""
        size = self.columns * self.rows
        mine = slice((number - 1) * size, number * size)
        return replace(self, offsets=self.offsets[mine], counts=self.counts[mine])

    @property
    def is_full(self) -> bool:
        """Whether every block is full of pixels; else those at the right and lower edges have padding."""
        return self.width % BLOCK == 0 and self.height % BLOCK == 0


class Cog:
    """Compressed blocks of one tile-aligned COG by z, x, y.

    `get_bytes(offset, length)` is all that is known of the archive, as for PMTiles. Opening parses the directories
    once. Bands may have blocks of their own only where `apart` allows it; tiles are then those of the first, and
    `of_band` gives the others.
    Raises ArchiveDamaged wherever the bytes are not such a file.
    """

    def __init__(self, get_bytes: GetBytes, *, apart: bool = False) -> None:
        self._get_bytes = get_bytes
        found = directories(get_bytes)
        if not found:
            raise damaged("it holds no image")
        base = found[0]
        kinds = [directory.number(_SUBFILE, 0) for directory in found]
        reduced = [d for d, kind in zip(found[1:], kinds[1:], strict=True) if kind & (_REDUCED | _MASK) == _REDUCED]
        self.bands = base.number(_SAMPLES, 1)
        self.has_alpha = any(kind in _ALPHA for kind in base.counts(_EXTRA))
        self.has_mask = any(kind & _MASK for kind in kinds)
        self._webp = base.number(_COMPRESSION, 1) == _WEBP and base.number(_BITS, 1) == 8
        self.apart = base.number(_SAMPLES, 1) > 1 and base.number(_PLANES, 1) != 1
        self._levels = {level.zoom: level for level in _levels(base, reduced, apart=apart)}
        self._check_end()

    @property
    def minzoom(self) -> int:
        """Coarsest zoom whose tiles are blocks, down from `maxzoom` without a gap."""
        return min(self._levels)

    @property
    def maxzoom(self) -> int:
        """Zoom of the full resolution."""
        return max(self._levels)

    @property
    def tile_type(self) -> str | None:
        """What image a block is by itself: "webp", or None where a block is not a whole picture.

        Without alpha the padding of an edge block would be seen, and a mask lies in a block of its own.
        """
        whole = self.has_alpha or all(level.is_full for level in self._levels.values())
        return "webp" if self._webp and whole and not self.has_mask else None

    def of_band(self, number: int) -> Cog:
        """Return the tiles of one band, counted from 1, of bands that lie apart."""
        one = copy(self)
        one._levels = {zoom: level.of_band(number) for zoom, level in self._levels.items()}
        return one

    def level(self, z: int) -> Level:
        """Return the level of a zoom; raises TileOutOfRange for a zoom that there is not."""
        found = self._levels.get(z)
        if found is None:
            raise TileOutOfRange(
                f"zoom {z} is outside zooms {self.minzoom} to {self.maxzoom}",
                remedy="Ask within the zooms that the TileJSON names.",
            )
        return found

    def has(self, z: int, x: int, y: int) -> bool:
        """Tell whether anything is stored for a tile; raises TileOutOfRange as `get` does."""
        level = self.level(z)
        index = level.index(x, y)
        return index is not None and level.counts[index] > 0

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """Return the block of a tile as it is stored, or None: nothing is there.

        Raises TileOutOfRange for a zoom that the archive does not cover.
        """
        place = self.locate(z, x, y)
        return None if place is None else self.read(*place)

    def locate(self, z: int, x: int, y: int) -> tuple[int, int] | None:
        """Return offset and length of a tile's block in the file, or None: nothing is there. Raises as `get`."""
        level = self._levels.get(z) or self.level(z)
        index = level.index(x, y)
        if index is None or not level.counts[index]:
            return None
        return level.offsets[index], level.counts[index]

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes of the file; raises ArchiveDamaged where it ends before."""
        data = self._get_bytes(offset, length)
        if len(data) != length:
            raise damaged(f"it ends within the block at byte {offset}")
        return data

    def _check_end(self) -> None:
        """Look at the last byte that any block claims, so that a file cut short is found when it is opened."""
        last = max(max(map(operator.add, level.offsets, level.counts)) for level in self._levels.values())
        if last and not self._get_bytes(last - 1, 1):
            raise damaged(f"its blocks reach to byte {last}, beyond its end")


def _levels(base: Directory, reduced: list[Directory], *, apart: bool) -> Iterator[Level]:
    """Yield the levels from the finest on, as long as their blocks are tiles."""
    zoom, left, top = _place(base)
    width, height = base.number(_WIDTH), base.number(_HEIGHT)
    yield _level(base, 0, (zoom, left, top), apart=apart)
    for step, directory in enumerate(reduced, start=1):
        size = -(-width >> step), -(-height >> step)
        halved = (directory.number(_WIDTH), directory.number(_HEIGHT)) == size
        if not halved or step > zoom or left % (1 << step) or top % (1 << step):
            return
        yield _level(directory, step, (zoom - step, left >> step, top >> step), apart=apart)


def _level(directory: Directory, overview: int, place: tuple[int, int, int], *, apart: bool) -> Level:
    if (directory.number(_TILE_WIDTH, 0), directory.number(_TILE_HEIGHT, 0)) != (BLOCK, BLOCK):
        raise damaged(f"its blocks are not {BLOCK} pixels square")
    bands = directory.number(_SAMPLES, 1)
    is_apart = bands > 1 and directory.number(_PLANES, 1) != 1
    if is_apart and not apart:
        raise damaged("its bands lie apart, where a tile needs them together")
    width, height = directory.number(_WIDTH), directory.number(_HEIGHT)
    columns, rows = -(-width // BLOCK), -(-height // BLOCK)
    offsets, counts = directory.counts(_OFFSETS), directory.counts(_COUNTS)
    if not columns * rows * (bands if is_apart else 1) == len(offsets) == len(counts) or not offsets:
        raise damaged(f"{len(offsets)} offsets and {len(counts)} lengths for {columns} × {rows} blocks")
    return Level(place[0], overview, place[1], place[2], columns, rows, width, height, offsets, counts)


def _place(base: Directory) -> tuple[int, int, int]:
    """Return zoom, column and row of the tile at whose upper left corner the raster begins."""
    keys = _geo_keys(base)
    if keys.get(_PROJECTED_KEY) != _WEB_MERCATOR_EPSG or keys.get(_RASTER_TYPE_KEY, 1) != _PIXEL_IS_AREA:
        raise damaged("it does not lie in EPSG:3857 with pixels that are areas")
    scale, tie = base.reals(_PIXEL_SCALE), base.reals(_TIE_POINT)
    if len(scale) < 2 or len(tie) != 6 or not all(map(math.isfinite, (*scale, *tie))):
        raise damaged("it does not say where it lies")
    across, down = float(scale[0]), float(scale[1])
    if tie[0] or tie[1] or across <= 0 or abs(across - down) > across * 1e-9:
        raise damaged("its pixels are not square, or its origin is not a corner")
    zoom = round(math.log2(_COARSEST_M / across))
    if not 0 <= zoom <= _HIGHEST_ZOOM or abs(_COARSEST_M / 2**zoom / across - 1) > 1e-9:
        raise damaged(f"pixels of {across} m are of no zoom")
    side = across * BLOCK
    return zoom, _corner((tie[3] + WEB_MERCATOR_EDGE_M) / side), _corner((WEB_MERCATOR_EDGE_M - tie[4]) / side)


def _corner(tiles: float) -> int:
    nearest = round(tiles)
    if nearest < 0 or abs(tiles - nearest) * BLOCK > _SLACK:
        raise damaged("it does not begin at a corner of a tile")
    return nearest


def _geo_keys(base: Directory) -> dict[int, int]:
    """Return the GeoKeys that are plain numbers (GeoTIFF 1.1 §7.1.2): id, place, count, value by fours."""
    numbers = base.counts(_GEO_KEYS)
    rows = (numbers[at : at + 4] for at in range(4, len(numbers) // 4 * 4, 4))
    return {int(key): int(value) for key, place, _, value in rows if not place}
