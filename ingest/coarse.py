"""Redraws a polygon on a grid, in time that its vertices bound, however often its rings cross.

Checks and repairs of polygons cost as many steps as there are pairs of segments with overlapping boxes: for a
star of 100 000 long rays that is thousands of millions. A grid costs vertices × rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
FINEST, COARSEST = 2048, 128  # cells along the longer side
_SIDES = 20_000  # of runs of cells in all rows: what is busier gets a coarser grid
_SPECK = 4  # cells: smaller holes are noise of the grid
_CROSSINGS = 15_000_000  # of edges with rows: some seconds
_AT_ONCE = 1_000_000  # crossings in memory


def coarse(geometry: shapely.Geometry) -> shapely.Geometry:
    """Return the (multi)polygon as the square cells that it fills or touches; holes of a few cells are closed.

    Inside is where a shell winds round and no hole does. 2D, valid, in the same coordinates, and at most a cell
    larger on each side.
    """
    cells, inside = COARSEST, _filled(geometry, COARSEST)
    most = min(FINEST, _CROSSINGS // int(shapely.get_num_coordinates(geometry)))
    while 2 * cells <= most and _sides(finer := _filled(geometry, 2 * cells)) <= _SIDES:
        cells, inside = 2 * cells, finer
    west, south, east, north = shapely.bounds(geometry)
    size = max(east - west, north - south) / cells
    outlines = [o for o in _outlines(_without_diagonals(inside)) if not -_SPECK <= _area(o) < 0]
    lines = [shapely.LineString(np.array([west, south]) + size * ring) for ring in outlines]
    return shapely.build_area(shapely.multilinestrings(lines))


def _filled(geometry: shapely.Geometry, cells: int) -> Mask:
    """Return which cells are inside or touched; `cells` along the longer side."""
    west, south, east, north = shapely.bounds(geometry)
    size = max(east - west, north - south) / cells
    shape = int((north - south) / size) + 1, int((east - west) / size) + 1
    shells, holes = (_drawn(rings, (west, south, size), shape) for rings in _rings(geometry))
    return (shells[0] & ~holes[0]) | shells[1] | holes[1]


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


def _drawn(rings: list[Floats], origin: tuple[float, float, float], shape: tuple[int, int]) -> tuple[Mask, Mask]:
    """Return which cells' centres the rings wind round (non-zero rule), and which cells the rings touch."""
    rows, columns = shape
    size = rows * (columns + 1)
    turns, touches = np.zeros(size), np.zeros(size)
    for piece in _pieces(rings, origin, rows):
        line = piece.row * (columns + 1)
        middle = np.clip(np.ceil(piece.middle - 0.5), 0, columns).astype(np.int64)  # the first cell to the right
        turns += np.bincount(line + middle, piece.way, size)
        first, last = np.clip(np.floor([piece.left, piece.right]), 0, columns - 1).astype(np.int64)
        touches += np.bincount(line + first, minlength=size) - np.bincount(line + last + 1, minlength=size)
    wound, touched = (np.round(np.cumsum(a.reshape(rows, -1), axis=1))[:, :-1] != 0 for a in (turns, touches))
    return wound, touched


class _Pieces(NamedTuple):
    """Edges cut at the rows of cells; all but `row` in cells."""

    row: npt.NDArray[np.int64]
    left: Floats  # the least x in the row
    right: Floats
    middle: Floats  # x in the middle of the row
    way: Floats  # 1 where it passes the middle downwards, -1 upwards, 0 where it does not reach it


def _pieces(rings: list[Floats], origin: tuple[float, float, float], rows: int) -> Iterator[_Pieces]:
    """Yield the rings' edges cut at the rows, a bounded number at a time."""
    if not rings:
        return
    west, south, size = origin
    ends = [(ring - [west, south]) / size for ring in rings]
    start, end = np.concatenate([e[:-1] for e in ends]), np.concatenate([e[1:] for e in ends])
    low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    first = np.clip(np.floor(low), 0, rows - 1).astype(np.int64)
    count = np.clip(np.floor(high), 0, rows - 1).astype(np.int64) - first + 1
    total = np.cumsum(count)
    stops = np.searchsorted(total, np.arange(_AT_ONCE, int(total[-1]) + _AT_ONCE, _AT_ONCE)) + 1
    for a, b in zip([0, *stops[:-1]], stops, strict=True):
        n = count[a:b]
        edge = np.repeat(np.arange(a, min(b, len(count))), n)
        row = np.arange(len(edge)) - np.repeat(np.cumsum(n) - n, n) + first[edge]
        yield _cut(row, (start[edge], end[edge]), (low[edge], high[edge]))


def _cut(row: npt.NDArray[np.int64], ends: tuple[Floats, Floats], reach: tuple[Floats, Floats]) -> _Pieces:
    (start, end), (low, high) = ends, reach
    rise = end[:, 1] - start[:, 1]
    level = rise == 0
    slope = (end[:, 0] - start[:, 0]) / np.where(level, 1, rise)
    enter, leave = (start[:, 0] + slope * (np.clip(row + step, low, high) - start[:, 1]) for step in (0, 1))
    leave = np.where(level, end[:, 0], leave)
    middle = row + 0.5
    passes = (low < middle) & (middle <= high)
    return _Pieces(
        row,
        np.minimum(enter, leave),
        np.maximum(enter, leave),
        start[:, 0] + slope * (middle - start[:, 1]),
        np.where(passes, np.where(rise > 0, -1.0, 1.0), 0.0),
    )


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
