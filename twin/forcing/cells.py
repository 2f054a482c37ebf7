"""Cells and faces that points, lines, polygons and edges of a scenario mean."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from twin.flood.records import EAST, NORTH, SOUTH, WEST, Ints
from twin.grid import Floats, Frame

EDGES = ("north", "east", "south", "west")
_NEAR = 1.5  # cells: how far a rim may be from the line that selects it
_SHIFT = {WEST: (0, -1), EAST: (0, 1), NORTH: (-1, 0), SOUTH: (1, 0)}
Flags = npt.NDArray[np.bool_]


def cell_at(point: Floats, frame: Frame) -> int:
    """Return the flat index of the cell in which a point of the domain lies."""
    row, column = frame.place(point[0], point[1])
    i = int(np.clip(np.floor(row + 0.5), 0, frame.rows - 1))
    return i * frame.columns + int(np.clip(np.floor(column + 0.5), 0, frame.columns - 1))


def disc(point: Floats, radius_m: float, frame: Frame) -> Ints:
    """Return the cells whose centres lie within a radius; at least the one in which the point lies."""
    inside = np.hypot(frame.x - point[0], (frame.y - point[1])[:, None]) <= radius_m
    cells = np.flatnonzero(inside)
    return cells if cells.size else np.array([cell_at(point, frame)])


def traversed(line: Floats, frame: Frame) -> Ints:
    """Return every cell that a line (n × 2) passes, in the line's order, each once.

    >>> frame = Frame(0.0, 3.0, 1.0, 3, 3, "")
    >>> [int(cell) for cell in traversed(np.array([[0.5, 2.5], [2.5, 0.5 + 1e-9]]), frame)]
    [0, 1, 4, 5, 8]
    """
    row, column = frame.place(line[:, 0], line[:, 1])
    at = np.column_stack([row, column]) + 0.5  # whole numbers are the cells' sides
    found: list[Ints] = []
    for a, b in pairwise(at):
        crossings = [np.array([0.0, 1.0])]
        for begin, end in zip(a, b, strict=True):
            if begin != end:
                low, high = sorted((begin, end))
                crossings.append((np.arange(np.ceil(low), np.floor(high) + 1) - begin) / (end - begin))
        shares = np.unique(np.clip(np.concatenate(crossings), 0, 1))
        middle = a + (shares[:-1] + np.diff(shares) / 2)[:, None] * (b - a)
        i = np.clip(np.floor(middle[:, 0]), 0, frame.rows - 1).astype(np.int64)
        j = np.clip(np.floor(middle[:, 1]), 0, frame.columns - 1).astype(np.int64)
        found.append(i * frame.columns + j)
    cells = np.concatenate(found)
    _, first = np.unique(cells, return_index=True)
    return cells[np.sort(first)]


def covered(polygon: Floats, frame: Frame) -> Ints:
    """Return the cells whose centres lie in a polygon (n × 2)."""
    import shapely

    area = shapely.Polygon(polygon)
    shapely.prepare(area)
    x, y = np.meshgrid(frame.x, frame.y)
    return np.flatnonzero(shapely.contains_xy(area, x.ravel(), y.ravel()))


# --- faces to the outside -----------------------------------------------------------------------------


def edge_faces(active: Flags, edge: str, along: tuple[float, float], frame: Frame) -> tuple[Ints, Ints]:
    """Return cells and sides of an edge: of each row or column the first active cell seen from there.

    `along`: from where to where, metres from the domain's western or southern end.
    """
    rows, columns = active.shape
    across = edge in ("north", "south")
    lines = active if across else active.T
    seen = lines.any(axis=0)
    first = lines.argmax(axis=0)
    last = lines.shape[0] - 1 - lines[::-1].argmax(axis=0)
    depth = first if edge in ("north", "west") else last
    lane = np.arange(columns if across else rows)
    metres = (lane + 0.5 if across else rows - lane - 0.5) * frame.cell_m
    chosen = seen & (metres >= along[0]) & (metres <= along[1])
    i, j = (depth, lane) if across else (lane, depth)
    side = {"north": NORTH, "east": EAST, "south": SOUTH, "west": WEST}[edge]
    cells = (i * columns + j)[chosen].astype(np.int64)
    return cells, np.full(len(cells), side)


def line_faces(active: Flags, line: Floats, frame: Frame) -> tuple[Ints, Ints]:
    """Return cells and sides of the rim within 1.5 cells of a line (n × 2).

    The rim is where active cells meet the outside of the domain; holes inside it (buildings cut out) are rim only
    to a line that is near no other.
    """
    for outside in (_reached(active), ~active):
        cells, sides = _rim(active, outside)
        near = _near(cells, sides, line, frame)
        if near.any():
            return cells[near], sides[near]
    return np.empty(0, np.int64), np.empty(0, np.int64)


def _reached(active: Flags) -> Flags:
    """Return which cells without ground hang together with the outside."""
    from scipy.ndimage import label

    around = np.pad(~active, 1, constant_values=True)
    labels, _ = label(around)
    out: Flags = (labels == labels[0, 0])[1:-1, 1:-1]
    return out


def _rim(active: Flags, outside: Flags) -> tuple[Ints, Ints]:
    around = np.pad(outside, 1, constant_values=True)
    rows, columns = active.shape
    found = []
    for side, (down, right) in _SHIFT.items():
        beside = around[1 + down : 1 + down + rows, 1 + right : 1 + right + columns]
        found.append((np.flatnonzero(active & beside), side))
    cells = np.concatenate([c for c, _ in found])
    return cells, np.concatenate([np.full(len(c), side) for c, side in found])


def _near(cells: Ints, sides: Ints, line: Floats, frame: Frame) -> Flags:
    import shapely

    down = np.array([_SHIFT[s][0] for s in range(4)])[sides]
    right = np.array([_SHIFT[s][1] for s in range(4)])[sides]
    x = frame.x[cells % frame.columns] + right * frame.cell_m / 2
    y = frame.y[cells // frame.columns] - down * frame.cell_m / 2
    points, drawn = shapely.points(x, y), shapely.LineString(line)
    near: Flags = shapely.dwithin(drawn, points, _NEAR * frame.cell_m * (1 + 1e-9))
    beside = near & _along(np.column_stack([x, y]), np.column_stack([right, -down]), line)
    if near.any() and not beside.any():  # a line shorter than a cell
        beside[np.argmin(shapely.distance(drawn, points))] = True
    return beside


def _along(points: Floats, outwards: Floats, line: Floats) -> Flags:
    """Return which faces (their middles, and where they look) a line runs along.

    Those beyond its ends are not, nor those of another edge at a corner.
    """
    first, way = line[:-1], np.diff(line, axis=0)
    length = np.hypot(way[:, 0], way[:, 1])
    first, way = first[length > 0], way[length > 0] / length[length > 0, None]
    length = length[length > 0]
    best, found = np.full(len(points), np.inf), np.zeros(len(points), bool)
    for start, direction, reach in zip(first, way, length, strict=True):
        from_start = points - start
        along = from_start @ direction
        aside = np.abs(from_start[:, 0] * direction[1] - from_start[:, 1] * direction[0])
        slack = 1e-9 * max(1.0, reach)
        within = (along >= -slack) & (along <= reach + slack) & (aside < best)
        best[within] = aside[within]
        found[within] = np.abs(outwards[within] @ direction) < np.sqrt(0.5) + 1e-9
    return found
