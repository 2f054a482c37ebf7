"""Where the water is, or soon may be: tiles, as rectangles for the kernels.

Water moves by at most one cell a step; the list is made anew before it could have run beyond the tiles.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from twin.flood.full.flux import STRIP
from twin.grid import Values

ROWS, COLUMNS = 8, 32  # of a tile
LASTS = 7  # steps for which a list holds; water so many cells away makes a tile count
_ROW = 24  # what a row of a rectangle costs beside its cells, in cells
_PIECE = 128  # rows of a rectangle at most: a share of the work for a thread
Rects = npt.NDArray[np.int64]


def joined(tiles: Values) -> Values:
    """Return the tiles, and those between with which the work is quicker: a row of a rectangle costs in itself."""
    out = tiles.copy()
    per = STRIP // COLUMNS
    for strip in range(0, tiles.shape[1], per):
        _join(out[:, strip : strip + per])
    return out


def _join(tiles: Values) -> float:
    """Fill the gaps of a strip where that is no slower than its two halves alone; return what a step costs."""
    used = np.flatnonzero(tiles.any(axis=0))
    if used.size == 0:
        return 0.0
    span = slice(int(used[0]), int(used[-1]) + 1)
    rows = tiles.any(axis=1)
    together = float(rows.sum()) * (_ROW + (span.stop - span.start) * COLUMNS)
    if tiles.shape[1] == 1:
        return together
    half = tiles.shape[1] // 2
    trial = tiles.copy()
    apart = _join(trial[:, :half]) + _join(trial[:, half:])
    if together <= apart:
        tiles[:, span] |= np.asarray(rows)[:, None].astype(tiles.dtype)
        return together
    tiles[...] = trial
    return apart


def rectangles(tiles: Values, shape: tuple[int, int]) -> Rects:
    """Return rectangles (first row, end row, first column, end column) that cover the tiles, each once.

    Runs down the columns of tiles are joined to like ones beside them, up to `STRIP` cells.
    """
    out: list[tuple[int, int, int, int]] = []
    open_from: dict[tuple[int, int], int] = {}  # runs of the column before: rows, first column
    per = STRIP // COLUMNS
    for column, runs in enumerate(_runs(tiles)):
        if column % per == 0:
            out += [(*run, first, column) for run, first in open_from.items()]
            open_from = {}
        going = {run: open_from.pop(run, column) for run in runs}
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
        pieces: list[tuple[int, int]] = []
        starts, ends = np.flatnonzero(column > 0).tolist(), np.flatnonzero(column < 0).tolist()
        for first, end in zip(starts, ends, strict=True):
            cuts = [first, *range((first // most + 1) * most, end, most), end]
            pieces += pairwise(cuts)
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
