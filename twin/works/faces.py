"""Lines on the faces between cells: a chain of faces from corner to corner, so that no water leaks past it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from twin.flood.records import Ints
from twin.grid import Floats, Frame

Flags = npt.NDArray[np.bool_]
_MARGIN = 2.0  # cells beyond the frame that a line is followed


@dataclass(frozen=True)
class Chain:
    """Faces in the order of the line. `cells` (faces × 2) are those upstream and downstream, flat indices.

    The line goes from left to right as seen looking along the flow, so upstream is on its right-hand side. `begin`
    and `end` say which part of the line a face stands for, m from its first point.
    """

    vertical: Flags  # face between columns (else between rows)
    face: Ints  # flat index into blocked_x or blocked_y
    cells: Ints  # -1: outside the frame
    begin: Floats
    end: Floats
    length_m: float  # of the line

    def keep(self, which: Flags | Ints) -> Chain:
        """Return a part of it."""
        return Chain(
            self.vertical[which],
            self.face[which],
            self.cells[which],
            self.begin[which],
            self.end[which],
            self.length_m,
        )

    @property
    def x_faces(self) -> Ints:
        """Those between columns."""
        return self.face[self.vertical]

    @property
    def y_faces(self) -> Ints:
        """Those between rows."""
        return self.face[~self.vertical]

    def split(self, at_m: Floats) -> Chain:
        """Return it with faces cut where the line is so long: parts of one face follow each other."""
        cuts = np.unique(at_m)
        first, last = np.searchsorted(cuts, self.begin, "right"), np.searchsorted(cuts, self.end, "left")
        count = np.maximum(last - first, 0)
        which = np.repeat(np.arange(len(self.face)), count + 1)
        part = np.arange(len(which)) - np.repeat(np.cumsum(count + 1) - count - 1, count + 1)
        edge = np.append(cuts, 0.0)  # where nothing is cut its value does not count
        out = self.keep(which)
        begin = np.where(part > 0, edge[np.minimum(first[which] + part - 1, len(cuts))], out.begin)
        end = np.where(part < count[which], edge[np.minimum(first[which] + part, len(cuts))], out.end)
        return replace(out, begin=begin, end=end)

    def within(self, frame: Frame, active: Flags) -> Chain:
        """Return the faces with water on both sides."""
        flat = active.ravel()
        there: Flags = (self.cells >= 0) & flat[np.maximum(self.cells, 0)]
        return self.keep(there[:, 0] & there[:, 1])


def lay(frame: Frame, xy: Floats) -> Chain:
    """Return the chain of faces along a line (points × 2, in the frame's system), corner to corner.

    Corners are those nearest to the line's points; between them the steps stay nearest to the line. A line that
    stays at one corner is on the one face beside its middle that runs most like it.
    """
    corners, run = _corners(frame, xy)
    if len(corners) < 2:
        return _one_face(frame, xy)
    return _chain(frame, corners, run, _length(xy))


def _length(xy: Floats) -> float:
    return float(np.hypot(*np.diff(xy, axis=0).T).sum())


def _corners(frame: Frame, xy: Floats) -> tuple[list[tuple[int, int]], list[float]]:
    """Return the corners (column, row) passed, and how far along the line each is."""
    u = (xy[:, 0] - frame.west) / frame.cell_m
    v = (frame.north - xy[:, 1]) / frame.cell_m
    corners: list[tuple[int, int]] = []
    run: list[float] = []
    gone = 0.0
    for k in range(len(u) - 1):
        first, last = (u[k], v[k]), (u[k + 1], v[k + 1])
        long = float(np.hypot(last[0] - first[0], last[1] - first[1]))
        begin, end = _near(first, last, long, (frame.columns, frame.rows))
        before = float(np.hypot(begin[0] - first[0], begin[1] - first[1]))
        between = float(np.hypot(end[0] - begin[0], end[1] - begin[1]))
        for corner, share in _steps(begin, end, between, (frame.columns, frame.rows)):
            _push(corners, run, corner, gone + (before + share) * frame.cell_m)
        gone += long * frame.cell_m
    return corners, run


def _near(
    first: tuple[float, float], last: tuple[float, float], long: float, size: tuple[int, int]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return a long stretch without what lies far outside (Liang & Barsky 1984): each cell of it is walked."""
    if long <= 4 * (size[0] + size[1]):
        return first, last
    low, high = 0.0, 1.0
    for k in (0, 1):
        run = last[k] - first[k]
        if run == 0:
            continue  # beside the frame or along it: `_steps` looks
        ends = sorted(((-_MARGIN - first[k]) / run, (size[k] + _MARGIN - first[k]) / run))
        low, high = max(low, ends[0]), min(high, ends[1])
    if low >= high:
        return first, first
    begin, end = ((first[0] + s * (last[0] - first[0]), first[1] + s * (last[1] - first[1])) for s in (low, high))
    return begin, end


def _push(corners: list[tuple[int, int]], run: list[float], corner: tuple[int, int], at: float) -> None:
    """Add a corner; going straight back takes the last one away."""
    if corners and corners[-1] == corner:
        return
    if len(corners) > 1 and corners[-2] == corner:
        corners.pop()
        run.pop()
        return
    corners.append(corner)
    run.append(max(at, run[-1] if run else 0.0))


def _steps(
    first: tuple[float, float], last: tuple[float, float], long: float, size: tuple[int, int]
) -> list[tuple[tuple[int, int], float]]:
    """Return the corners from one point to another, and how far along each is (cells)."""
    if long == 0 or any(max(first[k], last[k]) < -1 or min(first[k], last[k]) > size[k] + 1 for k in (0, 1)):
        return []
    along = (last[0] - first[0]) / long, (last[1] - first[1]) / long
    at = [int(np.floor(c + 0.5)) for c in first]
    end = [int(np.floor(c + 0.5)) for c in last]
    out = [((at[0], at[1]), 0.0)]
    while at != end:
        tries = []
        for k in (0, 1):
            if at[k] != end[k]:
                step = list(at)
                step[k] += 1 if end[k] > at[k] else -1
                off = abs((step[0] - first[0]) * along[1] - (step[1] - first[1]) * along[0])
                tries.append((off, step))
        at = min(tries)[1]
        share = (at[0] - first[0]) * along[0] + (at[1] - first[1]) * along[1]
        out.append(((at[0], at[1]), float(np.clip(share, 0.0, long))))
    return out


def _chain(frame: Frame, corners: list[tuple[int, int]], run: list[float], length: float) -> Chain:
    nodes, at = np.array(corners), np.array(run)
    at[0], at[-1] = (0.0, length) if at[-1] > at[0] else (at[0], at[-1])
    step = np.diff(nodes, axis=0)
    single = np.abs(step).sum(axis=1) == 1  # else the line left the frame in between
    start, step, begin, end = nodes[:-1][single], step[single], at[:-1][single], at[1:][single]
    vertical = step[:, 1] != 0
    forward = step.sum(axis=1) > 0  # eastwards or southwards
    column = np.where(vertical, start[:, 0], np.minimum(start[:, 0], start[:, 0] + step[:, 0]))
    row = np.where(vertical, np.minimum(start[:, 1], start[:, 1] + step[:, 1]), start[:, 1])
    # going east the flow runs north: from row `row` to the one above; going south it runs east
    low = np.where(vertical[:, None], _pairs(row, column - 1), _pairs(row - 1, column))
    high = _pairs(row, column)
    up_is_low = vertical == forward
    upstream = np.where(up_is_low[:, None], low, high)
    downstream = np.where(up_is_low[:, None], high, low)
    cells = np.column_stack([_flat(frame, upstream), _flat(frame, downstream)])
    face = np.where(vertical, row * (frame.columns + 1) + column, row * frame.columns + column)
    whole: Flags = (cells[:, 0] >= 0) & (cells[:, 1] >= 0)
    out = Chain(vertical, face.astype(np.int64), cells, begin, end, length)
    return out.keep(whole & _first(vertical, face))


def _first(vertical: Flags, face: Ints) -> Flags:
    """Tell which faces come for the first time: a line that crosses itself has each once."""
    out = np.zeros(len(face), bool)
    out[np.unique(face * 2 + vertical, return_index=True)[1]] = True
    return out


def _pairs(row: Ints, column: Ints) -> Ints:
    return np.column_stack([row, column])


def _flat(frame: Frame, cells: Ints) -> Ints:
    row, column = cells[:, 0], cells[:, 1]
    inside = (row >= 0) & (row < frame.rows) & (column >= 0) & (column < frame.columns)
    return np.where(inside, row * frame.columns + column, -1).astype(np.int64)


def _one_face(frame: Frame, xy: Floats) -> Chain:
    """Return the face nearest to the middle of a short line that runs as the line does."""
    (dx, dy), middle, length = xy[-1] - xy[0], (xy[0] + xy[-1]) / 2, _length(xy)
    u, v = (middle[0] - frame.west) / frame.cell_m, (frame.north - middle[1]) / frame.cell_m
    if abs(dx) >= abs(dy):
        column, row = int(np.floor(u)), int(np.floor(v + 0.5))
        nodes = [(column, row), (column + 1, row)]
    else:
        column, row = int(np.floor(u + 0.5)), int(np.floor(v))
        nodes = [(column, row + 1), (column, row)]
    backwards = dx < 0 if abs(dx) >= abs(dy) else dy < 0
    return _chain(frame, nodes[::-1] if backwards else nodes, [0.0, length], length)
