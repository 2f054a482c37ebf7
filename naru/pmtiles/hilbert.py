"""Tile numbers along the Hilbert curve (PMTiles v3 specification §4.1), four levels a table look-up."""

from __future__ import annotations

_STEP = 4  # levels per look-up; 31 levels are padded to 32
_FIRST: tuple[int, ...] = tuple((4**zoom - 1) // 3 for zoom in range(33))


def _cell(state: int, x: int, y: int) -> tuple[int, int]:
    """Return quarter number and next state of one level; bit 0 of a state swaps axes, bit 1 mirrors both."""
    if state & 2:
        x, y = 1 - x, 1 - y
    if state & 1:
        x, y = y, x
    quarter = (3 * x) ^ y
    if y:
        return quarter, state
    return quarter, state ^ 1 ^ (2 if x else 0)


def _table() -> tuple[int, ...]:
    """Return, by state and four bits each of x and y: quarter numbers of four levels, and the next state."""
    out = []
    for state in range(4):
        for cell in range(256):
            x, y, now, number = cell >> 4, cell & 15, state, 0
            for bit in (3, 2, 1, 0):
                quarter, now = _cell(now, x >> bit & 1, y >> bit & 1)
                number = number << 2 | quarter
            out.append(now << 8 | number)
    return tuple(out)


_TABLE = _table()
# padding levels lie in quarter 0, which swaps the axes each time: an odd number of them starts swapped
_PLAN = tuple((zoom % 2, tuple(range(-(-zoom // _STEP) * _STEP - _STEP, -1, -_STEP))) for zoom in range(32))


def tile_id(z: int, x: int, y: int) -> int:
    """Return the PMTiles id of tile z/x/y, 0 ≤ x, y < 2^z, z ≤ 31.

    >>> tile_id(0, 0, 0), tile_id(1, 1, 0), tile_id(12, 3423, 1763)
    (0, 4, 19078479)
    """
    state, shifts = _PLAN[z]
    number = 0
    for shift in shifts:
        found = _TABLE[state << 8 | (x >> shift & 15) << 4 | y >> shift & 15]
        number = number << 8 | found & 255
        state = found >> 8
    return _FIRST[z] + number


def first_id(z: int) -> int:
    """Return the id of the first tile of a zoom; that of the next zoom is the end of this one."""
    return _FIRST[z]


def tile_of(number: int) -> tuple[int, int, int]:
    """Return z, x, y of a PMTiles id; the inverse of `tile_id`.

    >>> tile_of(19078479)
    (12, 3423, 1763)
    """
    z = next(zoom for zoom in range(32) if number < _FIRST[zoom + 1])
    rest = number - _FIRST[z]
    x = y = 0
    for level in range(z):
        quarter = rest >> 2 * level & 3
        right, down = quarter >> 1, (quarter ^ quarter >> 1) & 1
        side = 1 << level
        if not down:
            if right:
                x, y = side - 1 - x, side - 1 - y
            x, y = y, x
        x, y = x + side * right, y + side * down
    return z, x, y
