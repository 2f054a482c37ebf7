"""Redraws a polygon on a grid, in time that its vertices bound, however often its rings cross.

Checks and repairs of polygons cost as many steps as there are pairs of segments with overlapping boxes: for a
star of 100 000 long rays that is thousands of millions. A grid costs vertices × rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import shapely

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
FINEST, COARSEST = 2048, 256  # cells along the longer side
_SIDES = 25_000  # of runs of cells in all rows: what is busier gets a coarser grid
_SPECK = 4  # cells: smaller islands and holes are noise of the grid
_CROSSINGS = 40_000_000  # of edges with rows: some seconds
_AT_ONCE = 1_000_000  # crossings in memory


def coarse(geometry: shapely.Geometry) -> shapely.Geometry:
    """Return the (multi)polygon filled on square cells: inside is where a shell winds round and no hole does.

    2D, valid, in the same coordinates; empty where it covers no cell's centre.
    """
    inside = _filled(geometry, COARSEST)
    finer = min(
        COARSEST * _SIDES // max(1, _sides(inside)), _CROSSINGS // int(shapely.get_num_coordinates(geometry))
    )
    cells = max(COARSEST, min(FINEST, finer))
    if cells > COARSEST:
        inside = _filled(geometry, cells)
    west, south, east, north = shapely.bounds(geometry)
    size = max(east - west, north - south) / cells
    outlines = [o for o in _outlines(_without_diagonals(inside)) if abs(_area(o)) > _SPECK]
    lines = [shapely.LineString(np.array([west, south]) + size * ring) for ring in outlines]
    return shapely.build_area(shapely.multilinestrings(lines))


def _filled(geometry: shapely.Geometry, cells: int) -> Mask:
    """Return which cells are inside; `cells` along the longer side."""
    west, south, east, north = shapely.bounds(geometry)
    size = max(east - west, north - south) / cells
    shape = int((north - south) / size) + 1, int((east - west) / size) + 1
    shells, holes = _rings(geometry)
    return _wound(shells, (west, south, size), shape) & ~_wound(holes, (west, south, size), shape)


def _sides(inside: Mask) -> int:
    """Return how many times rows go in or out: the outlines have some four vertices for each."""
    return int((inside[:, 1:] != inside[:, :-1]).sum())


def _area(ring: Floats) -> float:
    return float(np.dot(ring[:-1, 0], ring[1:, 1]) - np.dot(ring[1:, 0], ring[:-1, 1])) / 2


def _rings(geometry: shapely.Geometry) -> tuple[list[Floats], list[Floats]]:
    """Return the outer rings and the holes, each turned counter-clockwise by its signed area."""
    parts = shapely.get_parts(geometry)
    shells = [shapely.get_coordinates(r) for r in shapely.get_exterior_ring(parts)]
    holes = [shapely.get_coordinates(r) for p in parts for r in p.interiors]
    return [_turned(r) for r in shells], [_turned(r) for r in holes]


def _turned(ring: Floats) -> Floats:
    x, y = (ring - ring[0]).T
    return ring if np.dot(x[:-1], y[1:]) >= np.dot(x[1:], y[:-1]) else ring[::-1]


def _wound(rings: list[Floats], origin: tuple[float, float, float], shape: tuple[int, int]) -> Mask:
    """Return which cells' centres the rings wind round (non-zero rule)."""
    rows, columns = shape
    turns = np.zeros((rows, columns + 1))
    for row, x, way in _crossings(rings, origin, rows):
        column = np.clip(np.ceil(x - 0.5).astype(np.int64), 0, columns)  # the first cell to the right
        turns += np.bincount(row * (columns + 1) + column, way, turns.size).reshape(turns.shape)
    wound: Mask = np.round(np.cumsum(turns, axis=1)[:, :-1]) != 0
    return wound


def _crossings(
    rings: list[Floats], origin: tuple[float, float, float], rows: int
) -> Iterator[tuple[npt.NDArray[np.int64], Floats, Floats]]:
    """Yield where edges cross the rows' middles: row, x in cells, and +1 downwards or -1 upwards."""
    if not rings:
        return
    west, south, size = origin
    ends = [(ring - [west, south]) / size for ring in rings]
    start, end = np.concatenate([e[:-1] for e in ends]), np.concatenate([e[1:] for e in ends])
    low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    first = np.clip(np.ceil(low - 0.5), 0, rows).astype(np.int64)
    count = np.clip(np.ceil(high - 0.5), 0, rows).astype(np.int64) - first
    total = np.cumsum(count)
    slices = np.searchsorted(total, np.arange(_AT_ONCE, int(total[-1]) + _AT_ONCE, _AT_ONCE), side="left") + 1
    for a, b in zip([0, *slices[:-1]], slices, strict=True):
        n = count[a:b]
        edge = np.repeat(np.arange(a, min(b, len(count))), n)
        row = np.arange(len(edge)) - np.repeat(np.cumsum(n) - n, n) + first[edge]
        slope = (row + 0.5 - start[edge, 1]) / (end[edge, 1] - start[edge, 1])
        x = start[edge, 0] + slope * (end[edge, 0] - start[edge, 0])
        yield row, x, np.where(end[edge, 1] > start[edge, 1], -1.0, 1.0)


def _without_diagonals(inside: Mask) -> Mask:
    """Fill cells until none touch at a corner only: then every corner of the outline has one way on."""
    filled = np.pad(inside, 1)
    while True:
        a, b, c, d = filled[:-1, :-1], filled[:-1, 1:], filled[1:, :-1], filled[1:, 1:]
        falling, rising = a & d & ~b & ~c, b & c & ~a & ~d
        if not (falling.any() or rising.any()):
            return filled
        filled[:-1, 1:] |= falling
        filled[:-1, :-1] |= rising


def _outlines(filled: Mask) -> Iterator[Floats]:
    """Yield the outlines of a padded mask as closed rings of corners, x and y in cells."""
    filled = np.pad(filled, 1)
    columns = filled.shape[1]
    following: dict[int, int] = {}
    below, above = filled[1:] & ~filled[:-1], ~filled[1:] & filled[:-1]
    left, right = filled[:, 1:] & ~filled[:, :-1], ~filled[:, 1:] & filled[:, :-1]
    # a side's way on, with the inside to the left: its corners' numbers are row × columns + column
    for sides, shift, steps in (
        (below, (1, 0), (0, 1)),
        (above, (1, 0), (1, 0)),
        (left, (0, 1), (1, 0)),
        (right, (0, 1), (0, 1)),
    ):
        row, column = np.nonzero(sides)
        corner = (row + shift[0]) * columns + column + shift[1]
        step = columns if shift == (0, 1) else 1
        following.update(zip((corner + step * steps[0]).tolist(), (corner + step * steps[1]).tolist(), strict=True))
    while following:
        begin, here = following.popitem()
        ring = [begin]
        while here != begin:
            ring.append(here)
            here = following.pop(here)
        yield _corners(np.array([*ring, begin]), columns)


def _corners(ring: npt.NDArray[np.int64], columns: int) -> Floats:
    """Return the corners where a ring turns; the mask's padding taken off."""
    steps = np.diff(ring)
    turns = np.flatnonzero(steps != np.roll(steps, 1))
    kept = ring[np.append(turns, turns[0])]
    return np.stack([kept % columns - 2, kept // columns - 2], axis=1).astype(np.float64)
