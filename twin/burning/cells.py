"""Which cells of a frame a line or a polygon covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from twin.grid import Frame

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Walk:
    """The cells that a line runs through, in its order: each shares a side with the one before it."""

    row: Indices
    column: Indices
    along_m: Floats  # how far along the line the middle of its stay in the cell lies, metres


def inside(polygons: Sequence[Any], frame: Frame, *, touched: bool = False) -> Mask:
    """Return which cells' centres (`touched`: any part of which cells) lie in shapely polygons in its CRS."""
    from rasterio.features import rasterize

    if not polygons:
        return np.zeros((frame.rows, frame.columns), bool)
    shapes = [(polygon, 1) for polygon in polygons]
    shape = (frame.rows, frame.columns)
    burnt = rasterize(shapes, shape, transform=transform(frame), all_touched=touched, dtype="uint8")
    out: Mask = burnt.astype(bool)
    return out


def transform(frame: Frame) -> Any:
    """Return the frame's affine transform, from column and row to x and y."""
    from affine import Affine

    return Affine(frame.cell_m, 0.0, frame.west, 0.0, -frame.cell_m, frame.north)


def walk(line: Floats, frame: Frame) -> Walk:
    """Return the cells under a line (points, 2 or more; x and y first), those inside the frame.

    The cells are joined by their sides, not by corners alone: where they are raised, water that moves to any
    of eight neighbours does not get through (Amanatides & Woo 1987, a fast voxel traversal; a line that goes
    through a corner takes one of the two cells beside it).

    >>> there = walk(np.array([[1.0, 9.0], [5.0, 5.0]]), Frame(0.0, 10.0, 2.0, 5, 5, "EPSG:5186"))
    >>> [(int(r), int(c)) for r, c in zip(there.row, there.column)]
    [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2)]
    """
    row, column = frame.place(line[:, 0], line[:, 1])
    points = np.column_stack([column + 0.5, row + 0.5])  # cell k reaches from k to k + 1
    lengths = np.hypot(*np.diff(line[:, :2], axis=0).T)
    starts = np.concatenate([[0.0], np.cumsum(lengths)])
    cells, along = [], []
    for n in range(len(points) - 1):
        if lengths[n] > 0:
            passed, share = _through(points[n], points[n + 1])
            cells.append(passed)
            along.append(starts[n] + share * lengths[n])
    if not cells:
        cells, along = [np.floor(points[:1]).astype(np.intp)], [np.zeros(1)]
    every, metres = np.concatenate(cells), np.concatenate(along)
    fits = np.all((every >= 0) & (every < [frame.columns, frame.rows]), axis=1)
    return Walk(every[fits, 1], every[fits, 0], metres[fits])


def _through(start: Floats, end: Floats) -> tuple[Indices, Floats]:
    """Return the cells (columns, rows) of a straight line in cell units, and the share of it at their middles."""
    step = end - start
    cuts = [_cuts(start[axis], step[axis]) for axis in (0, 1)]
    axis = np.repeat([0, 1], [len(cuts[0]), len(cuts[1])])
    shares = np.concatenate(cuts)
    order = np.argsort(shares, kind="stable")
    moves = np.zeros((len(shares) + 1, 2), np.intp)
    moves[np.arange(1, len(shares) + 1), axis[order]] = np.sign(step)[axis[order]].astype(np.intp)
    cells = np.floor(start).astype(np.intp) + np.cumsum(moves, axis=0)
    edges = np.concatenate([[0.0], shares[order], [1.0]])
    return cells, (edges[:-1] + edges[1:]) / 2


def _cuts(start: float, step: float) -> Floats:
    """Return at which shares of the way from `start` whole numbers are crossed."""
    if step == 0:
        return np.empty(0)
    first, last = np.floor(start), np.floor(start + step)
    whole = np.arange(first + 1, last + 1) if step > 0 else np.arange(first, last, -1)
    out: Floats = np.clip((whole - start) / step, 0.0, 1.0)
    return out


def neighbours(mask: Mask) -> Mask:
    """Return the mask and all cells that touch it, by a side or a corner."""
    from scipy.ndimage import binary_dilation

    out: Mask = binary_dilation(mask, np.ones((3, 3), bool))
    return out


def distance_m(mask: Mask, cell_m: float, reach_m: float) -> npt.NDArray[np.float32]:
    """Return how far each cell's centre is from the nearest centre of a cell in `mask`, metres; inf beyond reach.

    Exact (Euclidean distance transform), in bands of rows, so that the transform's scratch memory stays small.
    """
    from scipy.ndimage import distance_transform_edt

    halo = int(np.ceil(reach_m / cell_m)) + 1
    out = np.full(mask.shape, np.inf, np.float32)
    rows = max(4 * halo, 512)
    for top in range(0, mask.shape[0], rows):
        first, last = max(top - halo, 0), min(top + rows + halo, mask.shape[0])
        if mask[first:last].any():
            band = distance_transform_edt(~mask[first:last])[top - first : top - first + rows]
            out[top : top + rows] = band * cell_m
    out[out > reach_m * (1 + 1e-6)] = np.inf
    return out
