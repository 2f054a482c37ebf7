"""Walls that run askew over square cells, a thread a face. Equations: `twin.flood.full.walls`."""

from __future__ import annotations

from typing import Any

import numpy as np

from twin.flood.full import law, walls
from twin.flood.records import EAST, SOUTH, WEST
from twin.flood.warped.device import kernel, launch, part, sent, wp
from twin.flood.warped.full_flux import QX, QY, G, H, Z
from twin.grid import Values

# columns of `where`: the cell, the face's axis, row and column, the sign of its outside, the cell there
ROW, COLUMN, AXIS, A, B, OUT, NEXT_ROW, NEXT_COLUMN = range(8)
DRYNESS, ALONG = 1, 2  # what stands where in `facts`, after `G`


class Stairs:
    """Faces of walls that run askew, on a device."""

    def __init__(self, found: walls.Slanted, shape: tuple[int, ...], dry_m: float, device: Any) -> None:
        self._device = device
        i, j = np.divmod(found.cell, shape[1])
        in_x, after = (found.side == EAST) | (found.side == WEST), (found.side == EAST) | (found.side == SOUTH)
        out = np.where(after, 1, -1)
        a, b = i + (after & ~in_x), j + (after & in_x)
        columns = [i, j, ~in_x, a, b, out, i + np.where(in_x, 0, out), j + np.where(in_x, out, 0)]
        self._where: Any = sent(np.column_stack(columns).astype(np.int32), device)
        self._normal: Any = sent(np.stack([found.east, found.south]).astype(np.float64), device)
        self._facts: Any = sent(np.array([law.GRAVITY, dry_m, walls.ALONG]), device)

    def turn(self, cells: Values, shut: Any, f: Any) -> None:
        """Let them reflect what runs across them, in place of what runs across their faces."""
        count = self._where.shape[0]
        if count:
            arrays = (self._where, self._normal, self._facts, cells, shut, f)
            launch(turn, count, *arrays, device=self._device)


@part
def _thrust(h: Any, u: Any, g: Any) -> Any:
    """The thrust of a wall on water that runs at it with u, less g·h²/2: as in `full_flux`."""
    one, quarter = wp.float64(1.0), wp.float64(0.25)
    f = u / wp.sqrt(g * h)
    rise = -one
    if f > wp.float64(-2.0):
        rise = f + quarter * f * f
    if f > wp.float64(0.0):
        rise = f + f * f * wp.float64(0.28125) / (one + wp.float64(0.625) * f)
    return wp.float64(0.5) * g * h * h * rise * (rise + wp.float64(2.0))


@kernel
def turn(where: Any, normal: Any, facts: Any, cells: Any, shut: Any, f: Any) -> None:
    """Add to the momentum before or behind a face what a slanted wall reflects more; threads: such faces."""
    k = wp.tid()
    i, j, axis = where[k, ROW], where[k, COLUMN], where[k, AXIS]
    a, b, sign = where[k, A], where[k, B], where[k, OUT]
    h = wp.float64(cells[H, i, j])
    if h <= facts[DRYNESS]:
        return
    if shut[axis, a, b] == wp.uint8(0):  # only then there is a cell behind it
        rise = cells[Z, where[k, NEXT_ROW], where[k, NEXT_COLUMN]] - cells[Z, i, j]
        if wp.float64(rise) <= h:
            return
    u, v = wp.float64(cells[QX, i, j]) / h, wp.float64(cells[QY, i, j]) / h
    across = u * normal[0, k] + v * normal[1, k]
    if across * across < facts[ALONG] * (u * u + v * v):
        across = wp.float64(0.0)
    face = wp.float64(sign) * u
    if axis == 1:
        face = wp.float64(sign) * v
    more = _thrust(h, across, facts[G]) - _thrust(h, face, facts[G])
    side = 1
    if sign < 0:
        side = 2
    f[axis, side, a, b] = type(f[0, 0, 0, 0])(wp.float64(f[axis, side, a, b]) + more)
