"""Which features go into which tile: a quadtree whose upper tiles hold the largest.

Tiles add to each other (3D Tiles: refine ADD), so every feature lies in one tile alone. A tile's geometric error is
the size of the largest feature that is still missing while only it and those above it are drawn: what is smaller
than that on the screen is not fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST = 2000  # features a tile
_DEEPEST = 24  # below, features lie in one place and quarters are made by turns


@dataclass(frozen=True)
class Node:
    """A tile: its features, and how large the largest is that lies in tiles below it."""

    name: str
    rows: Ints  # which features
    error_m: float
    children: tuple[Node, ...]

    def walk(self) -> Iterator[Node]:
        """Yield this tile and all below it, from above."""
        yield self
        for child in self.children:
            yield from child.walk()


def plan(x: Floats, y: Floats, size_m: Floats, most: int = MOST) -> Node:
    """Return the tree of features with these centres (any CRS in metres or degrees) and sizes (metres).

    >>> root = plan(np.arange(5.0), np.zeros(5), np.array([1, 9, 2, 3, 4.0]), most=2)
    >>> root.rows.tolist(), root.error_m, [child.rows.tolist() for child in root.children]
    ([1, 4], 3.0, [[0], [2, 3]])
    """
    largest_first = np.lexsort([np.arange(len(x)), -size_m])
    box = (float(x.min()), float(y.min()), float(max(np.ptp(x), np.ptp(y), 1e-9)))
    return _node("0", largest_first, box, (x, y, size_m, most))


def _node(
    name: str, rows: Ints, box: tuple[float, float, float], given: tuple[Floats, Floats, Floats, int]
) -> Node:
    x, y, size, most = given
    mine, rest = rows[:most], rows[most:]
    if not len(rest):
        return Node(name, np.sort(mine), 0.0, ())
    west, south, side = box
    half = side / 2
    if len(name) > _DEEPEST:
        quarter = np.arange(len(rest)) % 4
    else:
        quarter = (x[rest] >= west + half) + 2 * (y[rest] >= south + half)
    children = []
    for number in range(4):
        inside = rest[quarter == number]
        if len(inside):
            corner = (west + half * (number % 2), south + half * (number // 2), half)
            children.append(_node(f"{name}{number}", inside, corner, given))
    return Node(name, np.sort(mine), float(size[rest[0]]), tuple(children))
