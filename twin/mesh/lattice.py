"""The river bed as quadrangles between the centres of its cells: what solids and surfaces are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from naru.errors import BadInput
from twin.grid import Grid

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Lattice:
    """Points at cell centres, and the quadrangles between four of them that belong to the bed.

    `x`, `y`, `z`: (points,) metres, in the grid's CRS and datum. `quads`: (quads, 4) numbers of points, from the
    north-western corner against the clock as seen from above. No two quads meet in a point alone.
    """

    x: Floats
    y: Floats
    z: Floats
    quads: Ints
    step: int  # every so many cells have a point
    max_error_m: float  # largest difference between the quads' triangles and a cell of the bed that they cover
    cells_left_out: int  # cells of the bed that no quad touches: tips and threads narrower than two steps

    @property
    def triangles(self) -> Ints:
        """(2 · quads, 3) numbers of points, against the clock as seen from above."""
        nw, sw, se, ne = self.quads.T
        halves = np.stack([np.column_stack([nw, sw, se]), np.column_stack([nw, se, ne])], axis=1)
        return np.ascontiguousarray(halves.reshape(-1, 3))


def lattice_of(bed: Grid, inside: Mask, max_quads: int) -> Lattice:
    """Return the bed where `inside` (rows × columns) is true and a height is known, thinned to `max_quads`.

    Thinning takes every 2nd, 3rd … cell in both directions; a quad belongs to the bed where all cells that it
    covers do, so that it may end up to one step short of the banks. What that costs in height is measured against
    every cell covered, and told.

    Raises BadInput: no place is two cells wide, or `inside` has another shape.
    """
    if inside.shape != bed.values.shape:
        raise BadInput(
            f"the mask of the river has {inside.shape} cells, the bed {bed.values.shape}",
            remedy="Give both on the same frame.",
        )
    known = inside & np.isfinite(bed.values)
    step = 1
    while True:
        whole = _without_pinches(_whole(known, step))
        if not whole.any():
            raise BadInput(
                "the river is nowhere two cells wide inside its banks: there is no bed to make a solid of",
                field="cell_m",
                remedy="Make the terrain with a smaller cell_m, or check the bank lines.",
            )
        if int(whole.sum()) <= max_quads:
            return _lattice(bed, known, whole, step)
        step += 1


def _whole(known: Mask, step: int) -> Mask:
    """Return for each quad of `step` × `step` intervals whether all its (step + 1)² cells are known."""
    out = known
    for axis in (0, 1):
        length = max(0, (out.shape[axis] - 1) // step)
        starts = np.arange(length) * step
        parts = [np.take(out, starts + k, axis=axis) for k in range(step + 1)]
        out = np.logical_and.reduce(parts)
    return np.asarray(out)


def _without_pinches(whole: Mask) -> Mask:
    """Drop quads until no two meet in a point alone: four sides would share the upright edge there.

    Of two that do, the southern one goes, with which fewer remain; the loop ends because each turn drops some.
    """
    out = whole.copy()
    while True:
        nw, ne, sw, se = out[:-1, :-1], out[:-1, 1:], out[1:, :-1], out[1:, 1:]
        falling, rising = nw & se & ~ne & ~sw, ne & sw & ~nw & ~se
        if not (falling.any() or rising.any()):
            return out
        se[falling] = False
        sw[rising] = False


def _lattice(bed: Grid, known: Mask, whole: Mask, step: int) -> Lattice:
    row, column = np.nonzero(whole)
    corners = np.stack([row, row + 1, row + 1, row]), np.stack([column, column, column + 1, column + 1])
    wide = whole.shape[1] + 1
    numbers = (corners[0] * wide + corners[1]).T
    used, quads = np.unique(numbers, return_inverse=True)
    rows, columns = used // wide * step, used % wide * step
    covered = _covered(whole, step, known.shape)
    return Lattice(
        x=bed.frame.x[columns],
        y=bed.frame.y[rows],
        z=bed.values[rows, columns].astype(np.float64),
        quads=quads.reshape(-1, 4).astype(np.int64),
        step=step,
        max_error_m=_error(bed, whole, step),
        cells_left_out=int((known & ~covered).sum()),
    )


def _covered(whole: Mask, step: int, shape: tuple[int, ...]) -> Mask:
    out = np.zeros(shape, np.bool_)
    rows, columns = whole.shape[0] * step, whole.shape[1] * step
    large = np.repeat(np.repeat(whole, step, axis=0), step, axis=1)
    for down in (0, 1):
        for right in (0, 1):
            out[down : down + rows, right : right + columns] |= large
    return out


def _error(bed: Grid, whole: Mask, step: int) -> float:
    """Return the largest height between the triangles and the cells within them, metres."""
    if step == 1:
        return 0.0
    rows, columns = whole.shape
    z = bed.values
    at = np.ix_(np.arange(rows + 1) * step, np.arange(columns + 1) * step)
    points = z[at].astype(np.float64)
    nw, sw, se, ne = points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]
    worst = 0.0
    for i in range(step + 1):
        for k in range(step + 1):
            down, right = i / step, k / step
            # the diagonal runs from the north-west to the south-east
            lower = nw + (sw - nw) * down + (se - sw) * right
            upper = nw + (ne - nw) * right + (se - ne) * down
            here = z[i : i + rows * step : step, k : k + columns * step : step][:rows, :columns]
            off = np.abs((lower if down >= right else upper) - here)[whole]
            worst = max(worst, float(off.max()))
    return worst
