"""Walls that run askew over square cells: stairs in the grid, smooth in the world.

A cell's face that is a wall reflects the velocity across it. On a stair that is wrong: water that runs along the
wall would be stopped at each step (a channel of 8 cells at 45° lost half its momentum in 12 s that way). Where a
wall steps by a single cell, its direction is taken from the faces around (the discrete normal of the wall), and a
face there reflects only the velocity across that direction. Uniform flow along a wall at 45° then stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from naru.kernel import inner, kernel
from twin.flood.records import EAST, NORTH, SOUTH, WEST, Ints
from twin.grid import Floats, Values

_OFFSETS = (-3, -2, -1, 0, 1, 2, 3)  # of the cells around, whose faces say where the wall runs
ALONG = 0.02  # sin² of the angle to a wall (8°) within which water runs along it: so well is its direction known
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Slanted:
    """Faces of walls that run askew: one entry a face."""

    cell: Ints  # flat index of the cell in front
    side: npt.NDArray[np.int8]  # WEST … SOUTH: where the wall is
    east: Floats  # unit vector into the wall
    south: Floats


def slanted(bed: Values, active: Flags, shut: tuple[Values, Values], rise: float) -> Slanted:
    """Return the faces of stairs.

    Args:
        bed: rows × columns, m.
        active: where water may be.
        shut: uint8, faces that are shut: rows × (columns + 1), (rows + 1) × columns.
        rise: from one cell to the next at which a bed reflects, m.
    """
    up_x, up_y = np.diff(bed, axis=1), np.diff(bed, axis=0)
    here = {side: np.zeros(bed.shape, bool) for side in (WEST, EAST, NORTH, SOUTH)}
    here[EAST][...], here[WEST][...] = shut[0][:, 1:] > 0, shut[0][:, :-1] > 0
    here[SOUTH][...], here[NORTH][...] = shut[1][1:] > 0, shut[1][:-1] > 0
    here[EAST][:, :-1] |= up_x > rise
    here[WEST][:, 1:] |= up_x < -rise
    here[SOUTH][:-1] |= up_y > rise
    here[NORTH][1:] |= up_y < -rise
    for side, flags in here.items():
        here[side] = flags & active
    quadrants = [(x, y) for x in (WEST, EAST) for y in (NORTH, SOUTH)]
    found = [_near_steps(here, x, y) for x, y in quadrants]
    cells, times = np.unique(np.concatenate(found), return_counts=True)
    plain = cells[times == 1]  # between steps of two kinds no direction is known
    parts = []
    for (x, y), near in zip(quadrants, found, strict=True):
        cells = np.intersect1d(near, plain)
        east = _around(here[x], cells) * (1 if x == EAST else -1)
        south = _around(here[y], cells) * (1 if y == SOUTH else -1)
        size = np.hypot(east, south)
        for side in (x, y):
            wall = here[side].flat[cells]
            sides = np.full(int(wall.sum()), side, np.int8)
            parts.append((cells[wall], sides, (east / size)[wall], (south / size)[wall]))
    return Slanted(*(np.concatenate([part[k] for part in parts]) for k in range(4)))


def _near_steps(here: dict[int, Flags], x: int, y: int) -> Ints:
    """Return the cells with walls on sides x or y near a place where such a wall steps by one cell."""
    flip = (slice(None, None, -1 if y == NORTH else 1), slice(None, None, -1 if x == WEST else 1))
    across, along = here[x][flip], here[y][flip]  # as if the walls were in the east and south
    step = across & along
    up = step & ~_moved(across, -1, 0) & _moved(along, -1, 1)  # the wall goes on to the east, a cell further north
    left = step & ~_moved(along, 0, -1) & _moved(across, 1, -1)
    rows, columns = np.nonzero((up | left)[flip])
    near = [_beside(rows + down, columns + right, step.shape) for down in _OFFSETS for right in _OFFSETS]
    cells = np.unique(np.concatenate(near))
    out: Ints = cells[here[x].flat[cells] | here[y].flat[cells]]
    return out


def _beside(rows: Ints, columns: Ints, shape: tuple[int, ...]) -> Ints:
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    out: Ints = rows[inside] * shape[1] + columns[inside]
    return out


def _around(flags: Flags, cells: Ints) -> Floats:
    """Return how many flags stand around cells; the nearer count for more, lest the stair's rhythm be heard."""
    rows, columns = np.unravel_index(cells, flags.shape)
    reach = len(_OFFSETS) // 2
    wide = np.pad(flags, reach)
    out = np.zeros(cells.size)
    for down in _OFFSETS:
        for right in _OFFSETS:
            weight = (reach + 1 - abs(down)) * (reach + 1 - abs(right))
            out += weight * wide[rows + down + reach, columns + right + reach]
    return out


def _moved(flags: Flags, down: int, right: int) -> Flags:
    """Return at each cell what the flags say so many cells further down and to the right."""
    out = np.zeros_like(flags)
    rows, columns = flags.shape
    out[max(0, -down) : rows - max(0, down), max(0, -right) : columns - max(0, right)] = flags[
        max(0, down) : rows - max(0, -down), max(0, right) : columns - max(0, -right)
    ]
    return out


@inner
def _thrust(h: float, u: float, g: float) -> float:
    """The thrust of a wall on water that runs at it with u, less g·h²/2: as in `flux`."""
    f = u / np.sqrt(g * h)
    rise = f + f * f * 0.28125 / (1.0 + 0.625 * f) if f > 0.0 else (f + 0.25 * f * f if f > -2.0 else -1.0)
    return 0.5 * g * h * h * rise * (rise + 2.0)


@kernel
def turn(
    state: tuple[Values, ...],
    faces: tuple[Values, ...],
    blocked: tuple[Values, ...],
    flux: tuple[Values, ...],
    g: float,
    dry: float,
) -> None:
    """Let slanted walls reflect what runs across them, in place of what runs across their faces.

    Args:
        state: depth, unit discharge east and south, bed.
        faces: the arrays of `Slanted`.
        blocked: see `twin.flood.records.Water`.
        flux: see `flux.fluxes`.
        g: gravity, m/s².
        dry: depth below which nothing flows, m.
    """
    depth, qx, qy, bed = state
    cell, side, east, south = faces
    columns = depth.shape[1]
    for k in range(cell.size):
        i, j = cell[k] // columns, cell[k] % columns
        h = np.float64(depth[i, j])
        if h <= dry:
            continue
        u, v = qx[i, j] / h, qy[i, j] / h
        across = u * east[k] + v * south[k]
        if across * across < ALONG * (u * u + v * v):
            across = 0.0
        if side[k] == 1:
            if blocked[0][i, j + 1] or bed[i, j + 1] - bed[i, j] > h:
                flux[0][1, i, j + 1] += _thrust(h, across, g) - _thrust(h, u, g)
        elif side[k] == 0:
            if blocked[0][i, j] or bed[i, j - 1] - bed[i, j] > h:
                flux[0][2, i, j] += _thrust(h, across, g) - _thrust(h, -u, g)
        elif side[k] == 3:
            if blocked[1][i + 1, j] or bed[i + 1, j] - bed[i, j] > h:
                flux[1][1, i + 1, j] += _thrust(h, across, g) - _thrust(h, v, g)
        elif blocked[1][i, j] or bed[i - 1, j] - bed[i, j] > h:
            flux[1][2, i, j] += _thrust(h, across, g) - _thrust(h, -v, g)
