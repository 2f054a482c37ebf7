"""Mass is never clipped: a donor that gave more than it had takes back from whom it gave to."""

from __future__ import annotations

from typing import Any

import numpy as np

from naru.kernel import inner, kernel
from twin.flood.inertial.tiles import COLUMNS, ROWS

_SWEEPS = 200  # a chain of receivers that are short in turn; each sweep leaves far less


@inner
def _give(h: Any, rest: Any, i: Any, j: Any, amount: Any) -> Any:
    """Add exactly (Knuth's two-sum)."""
    old = h[i, j]
    y = rest[i, j] + amount
    new = old + y
    back = new - old
    rest[i, j] = (old - (new - back)) + (y - back)
    h[i, j] = new


@inner
def _take_back(h: Any, rest: Any, flows: Any, r: Any, cell: Any, found: Any, count: Any) -> Any:
    """Scale the flows out of a cell so that it is not overdrawn; return how many receivers are short now."""
    qx, qy = flows.x, flows.y
    i, j = cell // h.shape[1], cell % h.shape[1]
    deficit = -(float(h[i, j]) + float(rest[i, j]))
    west, east = max(-float(qx[i, j]), 0.0), max(float(qx[i, j + 1]), 0.0)
    north, south = max(-float(qy[i, j]), 0.0), max(float(qy[i + 1, j]), 0.0)
    given = r * (west + east + north + south)
    if not given > 0.0:
        return -1
    share = min(1.0, deficit / given)
    rows, columns = h.shape
    for side in range(4):
        flow = west if side == 0 else east if side == 1 else north if side == 2 else south
        if not flow > 0.0:
            continue
        amount = h.dtype.type(r * flow * share)
        _give(h, rest, i, j, amount)
        a, b = i, j
        if side == 0:
            qx[i, j] *= 1.0 - share
            b -= 1
        elif side == 1:
            qx[i, j + 1] *= 1.0 - share
            b += 1
        elif side == 2:
            qy[i, j] *= 1.0 - share
            a -= 1
        else:
            qy[i + 1, j] *= 1.0 - share
            a += 1
        if 0 <= a < rows and 0 <= b < columns:
            _give(h, rest, a, b, -amount)
            if h[a, b] < 0:
                found[count] = a * columns + b
                count += 1
    if h[i, j] < 0:
        found[count] = i * columns + j
        count += 1
    return count


@inner
def _fill(h: Any, rest: Any, i: Any, j: Any) -> Any:
    """Make a cell empty that is still short; return what that takes."""
    made = -(float(h[i, j]) + float(rest[i, j]))
    h[i, j] = 0
    rest[i, j] = 0
    return made


@inner
def _missing(cell: Any, outside: Any) -> Any:
    """Return 1; 0 of a cell behind a boundary face: what came back from there is counted where it passed."""
    at = np.searchsorted(outside, cell)
    return 0 if at < outside.size and outside[at] == cell else 1


@inner
def _short(h: Any, spans: Any, negative: Any) -> Any:
    """Return the overdrawn cells, as flat indices."""
    found = np.empty(64, np.int64)
    count = 0
    for s in range(spans.shape[0]):
        if not negative[s]:
            continue
        for i in range(spans[s, 0], spans[s, 1]):
            for j in range(spans[s, 2], spans[s, 3]):
                if h[i, j] < 0:
                    if count == found.size:
                        found = np.concatenate((found, np.empty(count, np.int64)))
                    found[count] = i * h.shape[1] + j
                    count += 1
    return found[:count]


@inner
def _sweep(h: Any, rest: Any, flows: Any, r: Any, short: Any, outside: Any) -> Any:
    """Let overdrawn cells take back; return those that are short after it, and what nobody could give."""
    found = np.empty(5 * short.size, np.int64)
    count, made = 0, 0.0
    for cell in short:
        i, j = cell // h.shape[1], cell % h.shape[1]
        if h[i, j] < 0:
            after = _take_back(h, rest, flows, r, cell, found, count)
            if after < 0:
                made += _missing(cell, outside) * _fill(h, rest, i, j)
            else:
                count = after
    return found[:count], made


@kernel
def repair(h: Any, rest: Any, flows: Any, r: Any, spans: Any, negative: Any, outside: Any) -> Any:
    """Take back what overdrawn cells gave, sweep by sweep; return the depth of water (m) that nobody could give.

    `r` is dt/dx, `negative` says which spans to look through; `outside` are cells (flat,
    sorted) that hold no water ever.
    """
    columns = h.shape[1]
    for cell in outside:
        h[cell // columns, cell % columns] = 0
        rest[cell // columns, cell % columns] = 0
    short = _short(h, spans, negative)
    made = 0.0
    for _ in range(_SWEEPS):
        if short.size == 0:
            return made
        short, more = _sweep(h, rest, flows, r, short, outside)
        made += more
    for cell in short:
        if h[cell // columns, cell % columns] < 0:
            made += _missing(cell, outside) * _fill(h, rest, cell // columns, cell % columns)
    return made


@kernel
def pour(h: Any, rest: Any, cells: Any, depth: Any, state: Any) -> Any:
    """Add depths (negative: take, at most what is there) at flat cells; `depth` becomes what was really added.

    Returns the deepest water there, and whether a tile that slept or half slept was met.
    """
    most, woken = 0.0, False
    width = h.shape[1]
    for k in range(cells.size):
        i, j = cells[k] // width, cells[k] % width
        old, carry = float(h[i, j]), float(rest[i, j])
        if depth[k] <= -(old + carry):
            depth[k] = -(old + carry)
            h[i, j] = 0
            rest[i, j] = 0
        else:
            y = carry + depth[k]
            total = old + y
            h[i, j] = total
            now = float(h[i, j])
            back = now - old
            rest[i, j] = (old - (now - back)) + (y - back)
            depth[k] = (now - old) + (float(rest[i, j]) - carry)
            most = max(most, now)
        a, b = i // ROWS, j // COLUMNS
        if state[a, b] < 2:
            woken = True
            if state[a, b] == 0:
                state[a, b] = 3
    return most, woken
