"""Where on the map tiles are asked for: counts by tile, coarser where there would be too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

FINEST = 14  # zoom, about 2 km on the ground at Seoul: requests beyond are counted at their parent
COARSE = 8  # zoom to which what finds no room is folded
_BITS = 20

Tile = tuple[int, int, int]  # z, x, y


def packed(tile: Tile) -> int:
    """Return a tile as one number, for the database.

    >>> unpacked(packed((14, 13970, 6345)))
    (14, 13970, 6345)
    """
    z, x, y = tile
    return (z << _BITS | x) << _BITS | y


def unpacked(number: int) -> Tile:
    """Return the tile that a number stands for."""
    low = (1 << _BITS) - 1
    return number >> 2 * _BITS, number >> _BITS & low, number & low


def parent(tile: Tile, zoom: int) -> Tile:
    """Return the tile at `zoom` over a tile; the tile itself where it is as coarse as that.

    >>> parent((14, 13970, 6345), 12)
    (12, 3492, 1586)
    """
    z, x, y = tile
    over = max(0, z - zoom)
    return z - over, x >> over, y >> over


def at_most(counts: Mapping[Tile, int], most: int) -> dict[Tile, int]:
    """Return the counts folded to the finest zoom at which there are no more than `most` tiles."""
    zoom = max((tile[0] for tile in counts), default=0)
    folded = dict(counts)
    while len(folded) > most and zoom > 0:
        zoom -= 1
        folded = _folded(folded.items(), zoom)
    return folded


def _folded(counts: Iterable[tuple[Tile, int]], zoom: int) -> dict[Tile, int]:
    sums: Counter[Tile] = Counter()
    for tile, count in counts:
        sums[parent(tile, zoom)] += count
    return dict(sums)
