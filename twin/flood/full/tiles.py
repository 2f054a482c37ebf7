"""Where the water is: tiles that hold some, with a ring around them, as rectangles for the kernels.

Water moves by at most one cell a step; the list is made anew before it could have crossed the ring.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from twin.flood.full.flux import STRIP
from twin.grid import Values

ROWS, COLUMNS = 8, 32  # of a tile
LASTS = 7  # steps for which the ring is wide enough
_PIECE = 128  # rows of a rectangle at most: a share of the work for a thread
Rects = npt.NDArray[np.int64]


def dilated(wet: Values) -> Values:
    """Return the tiles with all their neighbours."""
    padded = np.pad(wet, 1)
    rows = padded[:-2] | padded[1:-1] | padded[2:]
    out: Values = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    return out


def rectangles(tiles: Values, shape: tuple[int, int]) -> Rects:
    """Return rectangles (first row, end row, first column, end column) that cover the tiles, each once.

    Runs down the columns of tiles are joined to like ones beside them, up to `STRIP` cells.
    """
    out: list[tuple[int, int, int, int]] = []
    open_from: dict[tuple[int, int], int] = {}  # runs of the column before: rows, first column
    for column, runs in enumerate(_runs(tiles)):
        going = {}
        for run in runs:
            first = open_from.pop(run, column)
            if (column - first) * COLUMNS >= STRIP:
                out.append((*run, first, column))
                first = column
            going[run] = first
        out += [(*run, first, column) for run, first in open_from.items()]
        open_from = going
    out += [(*run, first, tiles.shape[1]) for run, first in open_from.items()]
    rects = np.array(sorted(out), np.int64).reshape(-1, 4) * (ROWS, ROWS, COLUMNS, COLUMNS)
    covered: Rects = np.minimum(rects, (shape[0], shape[0], shape[1], shape[1]))
    return covered


def _runs(tiles: Values) -> list[list[tuple[int, int]]]:
    """Return the runs of tiles down each column, none longer than a piece."""
    change = np.diff(np.pad(tiles.astype(np.int8), ((1, 1), (0, 0))), axis=0)
    most = _PIECE // ROWS
    out = []
    for column in change.T:
        pieces = []
        for first, end in zip(
            np.flatnonzero(column > 0).tolist(), np.flatnonzero(column < 0).tolist(), strict=True
        ):
            cuts = [first, *range((first // most + 1) * most, end, most), end]
            pieces += list(pairwise(cuts))
        out.append(pieces)
    return out


def shares(rects: Rects, count: int) -> list[Rects]:
    """Return the rectangles in at most `count` lots of about as many cells."""
    if count <= 1 or len(rects) <= 1:
        return [rects]
    cells = (rects[:, 1] - rects[:, 0]) * (rects[:, 3] - rects[:, 2])
    before = np.cumsum(cells) - cells
    lot = before * count // cells.sum()
    return [rects[lot == k] for k in np.unique(lot)]
