"""Where the water is: tiles that hold some, with a ring around them, as rectangles for the kernels.

Water moves by at most one cell a step; the list is made anew before it could have crossed the ring.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.flood.full.flux import STRIP
from twin.grid import Values

ROWS, COLUMNS = 32, 64  # of a tile
LASTS = 24  # steps for which the ring is wide enough
_PIECE = 64  # rows of a rectangle at most: a share of the work for a thread
Rects = npt.NDArray[np.int64]


def dilated(wet: Values) -> Values:
    """Return the tiles with all their neighbours."""
    padded = np.pad(wet, 1)
    rows = padded[:-2] | padded[1:-1] | padded[2:]
    out: Values = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    return out


def rectangles(tiles: Values, shape: tuple[int, int]) -> Rects:
    """Return rectangles (first row, end row, first column, end column) that cover the tiles, none twice."""
    per = STRIP // COLUMNS
    out = []
    for strip in range(0, tiles.shape[1], per):
        spans = [_span(row) for row in tiles[:, strip : strip + per]]
        start = 0
        while start < len(spans):
            end = start + 1
            while end < len(spans) and spans[end] == spans[start] and (end - start) * ROWS < _PIECE:
                end += 1
            span = spans[start]
            if span is not None:
                first, last = span
                columns = (strip + first) * COLUMNS, min((strip + last) * COLUMNS, shape[1])
                out.append((start * ROWS, min(end * ROWS, shape[0]), *columns))
            start = end
    return np.array(out, np.int64).reshape(-1, 4)


def _span(row: Values) -> tuple[int, int] | None:
    at = np.flatnonzero(row)
    return (int(at[0]), int(at[-1]) + 1) if at.size else None


def shares(rects: Rects, count: int) -> list[Rects]:
    """Return the rectangles in at most `count` lots of about as many cells."""
    if count <= 1 or len(rects) <= 1:
        return [rects]
    cells = (rects[:, 1] - rects[:, 0]) * (rects[:, 3] - rects[:, 2])
    before = np.cumsum(cells) - cells
    lot = before * count // cells.sum()
    return [rects[lot == k] for k in np.unique(lot)]
