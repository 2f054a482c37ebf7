"""Which tiles of cells are wet: only they are computed, and a ring of tiles around them.

Water moves at most one cell a step, so a list that is renewed every `EVERY` steps, fewer than a tile has rows,
leaves nothing out: results are the same bit by bit as when every cell is computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from naru.kernel import lean_inner, lean_kernel
from twin.flood.records import Ints
from twin.grid import Values

ROWS, COLUMNS = 16, 64
EVERY = 12
ASLEEP, RING, WET, TOUCHED, OUTSIDE = range(5)  # what a tile is
_ASLEEP, _RING, _WET, _TOUCHED, _OUTSIDE = range(5)


def tiles_of(active: Values) -> Values:
    """Return the state of each tile before anything is wet; those without active cells are outside."""
    rows, columns = -(-active.shape[0] // ROWS), -(-active.shape[1] // COLUMNS)
    held = np.zeros((rows * ROWS, columns * COLUMNS), bool)
    held[: active.shape[0], : active.shape[1]] = active
    inside = held.reshape(rows, ROWS, columns, COLUMNS).any(axis=(1, 3))
    return np.where(inside, TOUCHED, OUTSIDE).astype(np.uint8)


def touch(state: Values, rows: slice, columns: slice, shape: tuple[int, ...]) -> bool:
    """Note that depth was changed in a block of cells; return whether the list has to be renewed."""
    top, bottom, _ = rows.indices(shape[0])
    left, right, _ = columns.indices(shape[1])
    met = state[top // ROWS : -(-bottom // ROWS), left // COLUMNS : -(-right // COLUMNS)]
    if bool((met >= WET).all()) and not bool((met == TOUCHED).any()):
        return False
    met[met == ASLEEP] = TOUCHED
    return True


def touch_cells(state: Values, cells: Ints, columns: int) -> None:
    """Note that depth was or will be changed in cells."""
    a, b = cells // columns // ROWS, cells % columns // COLUMNS
    state[a, b] = np.where(state[a, b] == ASLEEP, TOUCHED, state[a, b])


@lean_inner
def _deepest(bits: Any, top: Any, bottom: Any, left: Any, right: Any) -> Any:
    most = bits[top, left]
    for i in range(top, bottom):
        row = bits[i][left:right]
        for j in range(row.size):
            most = max(most, row[j])
    return most


@lean_inner
def _still(flows: Any, top: Any, bottom: Any, left: Any, right: Any) -> Any:
    """Stop the water in a tile's faces."""
    qx, qy = flows.x, flows.y
    rows, columns = qy.shape[0] - 1, qx.shape[1] - 1
    qx[top:bottom, left : right + (right == columns)] = 0
    qy[top : bottom + (bottom == rows), left:right] = 0


@lean_inner
def _place(a: Any, b: Any, rows: Any, columns: Any) -> Any:
    """Return the cells of a tile: first row, row behind the last, first column, column behind the last."""
    return a * ROWS, min((a + 1) * ROWS, rows), b * COLUMNS, min((b + 1) * COLUMNS, columns)


@lean_inner
def _look(bits: Any, dry: Any, state: Any, always: Any, whole: Any, fresh: Any) -> Any:
    """Mark the wet tiles in `fresh`; return the bits of the deepest water."""
    deepest = bits[0, 0] * 0
    for a in range(state.shape[0]):
        for b in range(state.shape[1]):
            awake = always[a, b] or whole
            if state[a, b] == _OUTSIDE or (state[a, b] == _ASLEEP and not awake):
                continue
            top, bottom, left, right = _place(a, b, bits.shape[0], bits.shape[1])
            most = _deepest(bits, top, bottom, left, right)
            deepest = max(deepest, most)
            if most > dry or awake:
                fresh[a, b] = _WET
    return deepest


@lean_inner
def _surround(state: Any, fresh: Any) -> Any:
    """Mark the ring around wet tiles."""
    for a in range(state.shape[0]):
        for b in range(state.shape[1]):
            if state[a, b] == _OUTSIDE:
                fresh[a, b] = _OUTSIDE
            elif fresh[a, b] != _WET:
                near = fresh[max(a - 1, 0) : a + 2, max(b - 1, 0) : b + 2]
                for i in range(near.shape[0]):
                    for j in range(near.shape[1]):
                        if near[i, j] == _WET:
                            fresh[a, b] = _RING


@lean_inner
def _list(state: Any, rows: Any, columns: Any, spans: Any) -> Any:
    """Write down the runs of tiles that are awake; return the number of spans and of cells in them."""
    count, cells = 0, 0
    for a in range(state.shape[0]):
        open_span = False
        for b in range(state.shape[1]):
            awake = state[a, b] == _RING or state[a, b] == _WET
            if awake:
                top, bottom, left, right = _place(a, b, rows, columns)
                cells += (bottom - top) * (right - left)
                if not open_span:
                    spans[count, 0], spans[count, 1], spans[count, 2] = top, bottom, left
                    count += 1
                spans[count - 1, 3] = right
            open_span = awake
    return count, cells


@lean_kernel
def renew(bits: Any, dry: Any, state: Any, always: Any, whole: Any, spans: Any, fresh: Any, flows: Any) -> Any:
    """Look which tiles are wet; write the spans to compute, and stop the water where a tile falls asleep.

    `bits` are the depths' bits as integers (they sort alike), `dry` those of the depth below which nothing flows,
    `always` tiles that boundaries may fill; `whole`: leave no tile out. `fresh`: room like `state`, of zeros;
    `flows` are those of the last two steps. Returns the number of spans, of cells in them, and the bits of the
    deepest water.
    """
    rows, columns = bits.shape
    now, before = flows
    deepest = _look(bits, dry, state, always, whole, fresh)
    _surround(state, fresh)
    for a in range(state.shape[0]):
        for b in range(state.shape[1]):
            if fresh[a, b] == _ASLEEP and state[a, b] != _ASLEEP:
                top, bottom, left, right = _place(a, b, rows, columns)
                _still(now, top, bottom, left, right)
                _still(before, top, bottom, left, right)
            state[a, b] = fresh[a, b]
    count, cells = _list(state, rows, columns, spans)
    return count, cells, deepest
