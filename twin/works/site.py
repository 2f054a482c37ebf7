"""The ground that structures stand on: cells by place, what lies beyond a bank, patches of cells around a mouth."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from twin.flood.records import Domain, Ints
from twin.grid import Floats, Values
from twin.works.faces import Chain, Flags

_BEYOND_M = 60.0  # how far a gate or a breach reaches through an embankment that the terrain has
_MOST_CELLS = 400  # of a patch


@dataclass
class Site:
    """The domain, and the faces that lines close."""

    domain: Domain
    closed_x: Values = field(init=False)
    closed_y: Values = field(init=False)

    def __post_init__(self) -> None:
        rows, columns = self.domain.bed.shape
        self.closed_x = np.zeros((rows, columns + 1), bool)
        self.closed_y = np.zeros((rows + 1, columns), bool)
        self.bed: Floats = np.asarray(self.domain.bed, np.float64).ravel()
        self.active: Flags = ~np.isnan(self.bed)

    def close(self, chain: Chain) -> None:
        """Note the faces that a line closes."""
        self.closed_x.ravel()[chain.x_faces] = True
        self.closed_y.ravel()[chain.y_faces] = True

    def closes(self, chain: Chain) -> Flags:
        """Tell which faces of a chain are closed by lines."""
        out: Flags = np.zeros(len(chain.face), bool)
        out[chain.vertical] = self.closed_x.ravel()[chain.x_faces]
        out[~chain.vertical] = self.closed_y.ravel()[chain.y_faces]
        return out

    def cells_at(self, xy: Floats) -> Ints:
        """Return the flat cells of points (n × 2); -1 where one is outside the frame or the active cells."""
        frame = self.domain.frame
        column = np.floor((xy[:, 0] - frame.west) / frame.cell_m).astype(np.int64)
        row = np.floor((frame.north - xy[:, 1]) / frame.cell_m).astype(np.int64)
        column -= (column == frame.columns) & (xy[:, 0] <= frame.bounds[2])  # on the very edge
        row -= (row == frame.rows) & (xy[:, 1] >= frame.bounds[1])
        inside = (row >= 0) & (row < frame.rows) & (column >= 0) & (column < frame.columns)
        flat = np.where(inside, row * frame.columns + column, 0)
        return np.where(inside & self.active[flat], flat, -1)

    def beyond(self, pair: Ints, level: float) -> Ints:
        """Return the cells that an opening at `level`, EL m, between two neighbours joins.

        Where the terrain stands higher than that (an embankment several cells wide), it is the first cell outwards
        that does not, within 60 m; else the lowest one.
        """
        return np.array(
            [self._walk(pair[0], pair[0] - pair[1], level), self._walk(pair[1], pair[1] - pair[0], level)]
        )

    def _walk(self, cell: int, step: int, level: float) -> int:
        columns = self.domain.frame.columns
        best, row = int(cell), int(cell) // columns
        for _ in range(max(1, int(_BEYOND_M / self.domain.frame.cell_m))):
            if self.bed[best] <= level:
                return best
            cell = int(cell + step)
            outside = cell < 0 or cell >= self.bed.size or (abs(step) == 1 and cell // columns != row)
            if outside or not self.active[cell]:
                return best
            if self.bed[cell] < self.bed[best]:
                best = cell
        return best

    def patch(self, cell: int, width_m: float) -> Ints:
        """Return the cells within half a width of a cell that water reaches from it without passing a line."""
        frame = self.domain.frame
        reach = max(width_m / 2 / frame.cell_m, 0.5)
        first = divmod(int(cell), frame.columns)
        seen, queue = {first}, deque([first])
        while queue and len(seen) < _MOST_CELLS:
            for row, column in self._neighbours(*queue.popleft()):
                near = np.hypot(row - first[0], column - first[1]) <= reach
                if near and (row, column) not in seen:
                    seen.add((row, column))
                    queue.append((row, column))
        return np.array(sorted(row * frame.columns + column for row, column in seen), np.int64)

    def beside(self, cells: Ints) -> Ints:
        """Return the cells next to a patch that water reaches from it without passing a line."""
        columns = self.domain.frame.columns
        near = {row * columns + column for cell in cells for row, column in self._beside(int(cell))}
        return np.array(sorted(near - {int(cell) for cell in cells}), np.int64)

    def joined(self, cell: int, other: int) -> bool:
        """Tell whether a cell and one beside it are both in the domain, with no line between them."""
        return any(divmod(other, self.domain.frame.columns) == each for each in self._beside(cell))

    def _beside(self, cell: int) -> Iterator[tuple[int, int]]:
        return self._neighbours(*divmod(cell, self.domain.frame.columns))

    def _neighbours(self, row: int, column: int) -> Iterator[tuple[int, int]]:
        rows, columns = self.domain.bed.shape
        tries = (
            (row, column - 1, self.closed_x[row, column]),
            (row, column + 1, self.closed_x[row, column + 1]),
            (row - 1, column, self.closed_y[row, column]),
            (row + 1, column, self.closed_y[row + 1, column]),
        )
        for i, j, closed in tries:
            if not closed and 0 <= i < rows and 0 <= j < columns and self.active[i * columns + j]:
                yield i, j

    def crossed(self, first: int, second: int) -> bool:
        """Tell whether a line closes a face on the way from one cell to another, along rows and columns."""
        (r0, c0), (r1, c1) = (divmod(int(cell), self.domain.frame.columns) for cell in (first, second))
        across = self.closed_x[r0, min(c0, c1) + 1 : max(c0, c1) + 1].any()
        down = self.closed_y[min(r0, r1) + 1 : max(r0, r1) + 1, c1].any()
        return bool(across or down)
