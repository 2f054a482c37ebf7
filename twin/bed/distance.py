"""How far each cell is from the nearest of many lines."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from naru.kernel import inner, kernel
from twin.grid import Frame, Values
from twin.survey.records import Floats


def distances(segments: Floats, mask: npt.NDArray[np.bool_], frame: Frame) -> Values:
    """Return metres (float32) from cells' centres to the nearest of segments (n, 2 ends, 2); NaN off the mask.

    Which segment is nearest spreads from cell to cell in four sweeps (Danielsson 1980, vector propagation); the
    distance to it is exact. Cells whose nearest segment no neighbour shares come out too far by less than a cell.
    At the frame's edge the nearest is looked up, so that banks beyond it count too. Infinite without segments.
    """
    cells = np.empty_like(segments)
    cells[..., 0] = (segments[..., 0] - frame.west) / frame.cell_m - 0.5
    cells[..., 1] = (frame.north - segments[..., 1]) / frame.cell_m - 0.5
    nearest = np.full(mask.shape, -1, np.int32)
    out = np.full(mask.shape, np.inf, np.float32)
    if len(cells):
        _edge(cells, mask, nearest, out)
        _seed(cells, nearest, out)
        for _ in range(2):
            _sweep(cells, mask, nearest, out)
    out *= frame.cell_m
    out[~mask] = np.nan
    return out


def _edge(cells: Floats, mask: npt.NDArray[np.bool_], nearest: npt.NDArray[np.int32], out: Values) -> None:
    """Look up the nearest segments of the frame's outermost cells."""
    edge = np.zeros_like(mask)
    edge[[0, -1]] = True
    edge[:, [0, -1]] = True
    rows, columns = np.nonzero(edge & mask)
    tree = shapely.STRtree(shapely.linestrings(cells))
    (place, segment), apart = tree.query_nearest(
        shapely.points(columns, rows), return_distance=True, all_matches=False
    )
    out[rows[place], columns[place]], nearest[rows[place], columns[place]] = apart, segment


@inner
def _apart(cells: Any, k: int, column: int, row: int) -> float:
    ax, ay = cells[k, 0, 0], cells[k, 0, 1]
    dx, dy = cells[k, 1, 0] - ax, cells[k, 1, 1] - ay
    length = dx * dx + dy * dy
    share = 0.0 if length == 0 else min(max(((column - ax) * dx + (row - ay) * dy) / length, 0.0), 1.0)
    return float(((column - ax - share * dx) ** 2 + (row - ay - share * dy) ** 2) ** 0.5)


@kernel
def _seed(cells: Any, nearest: Any, out: Any) -> None:
    rows, columns = out.shape
    for k in range(len(cells)):
        steps = int(np.ceil(max(abs(cells[k, 1, 0] - cells[k, 0, 0]), abs(cells[k, 1, 1] - cells[k, 0, 1])))) + 1
        for step in range(steps + 1):
            share = step / steps
            column = int(np.floor(cells[k, 0, 0] + share * (cells[k, 1, 0] - cells[k, 0, 0])))
            row = int(np.floor(cells[k, 0, 1] + share * (cells[k, 1, 1] - cells[k, 0, 1])))
            for i in range(max(row - 1, 0), min(row + 3, rows)):
                for j in range(max(column - 1, 0), min(column + 3, columns)):
                    apart = _apart(cells, k, j, i)
                    if apart < out[i, j]:
                        out[i, j], nearest[i, j] = apart, k


@kernel
def _sweep(cells: Any, mask: Any, nearest: Any, out: Any) -> None:
    rows, columns = out.shape
    for down in (1, -1):
        for i in range(rows) if down == 1 else range(rows - 1, -1, -1):
            for right in (1, -1):
                for j in range(columns) if right == 1 else range(columns - 1, -1, -1):
                    if not mask[i, j]:
                        continue
                    for di, dj in ((-down, -1), (-down, 0), (-down, 1), (0, -right)):
                        if 0 <= i + di < rows and 0 <= j + dj < columns:
                            k = nearest[i + di, j + dj]
                            if k >= 0 and k != nearest[i, j]:
                                apart = _apart(cells, k, j, i)
                                if apart < out[i, j]:
                                    out[i, j], nearest[i, j] = apart, k
