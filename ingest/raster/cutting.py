"""Cuts a raster into the blocks of all its zooms in one pass: finest pixels first, coarser ones from them.

The pyramid is walked as a quadtree of squares of up to 8 × 8 tiles, so each pixel is warped once, each block
encoded once, and memory holds one branch of the tree, however large the raster is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import shapely
from rasterio.windows import Window

from ingest.raster.encode import Blocks, Codec
from ingest.raster.reduce import How, halve
from ingest.raster.statistics import Tally
from ingest.raster.tiff import BLOCK, Level
from naru.threads import cores

Pixels = npt.NDArray[Any]
Square = tuple[int, int, int]  # zoom, column and row in squares
Keep = Callable[[int, int, int, bytes], None]  # zoom, tile column, tile row, block
Encode = Callable[[Pixels], Blocks]
_MOST_SIDE, _SQUARE_BYTES = 8, 2**26  # tiles; of a square while it is halved
HALF_WORLD = np.pi * 6378137.0
_AHEAD = 2  # squares read beyond those that are being worked on


class Source(Protocol):
    """Pixels to be cut, on the grid of the finest zoom. Read by several threads."""

    def read(self, window: Window) -> Pixels:
        """Return (bands, rows, columns) of a window."""


@dataclass(frozen=True)
class Cut:
    """What is cut: the levels of the COG (finest first), how they are halved and encoded."""

    levels: Sequence[Level]
    window: tuple[int, int, int, int]  # first column, first row, last column, last row with pixels, finest zoom
    how: How
    codec: Codec
    outline: shapely.Geometry

    @cached_property
    def side(self) -> int:
        """How many tiles a square has on a side: fewer where there are many bands, so that memory stays flat."""
        side, width = _MOST_SIDE, 4 if self.how == "rgba" else 8
        while side > 1 and self.codec.bands * width * (side * BLOCK) ** 2 > _SQUARE_BYTES:
            side //= 2
        return side


@dataclass
class Cutter:
    """One pass over a raster."""

    source: Source
    cut: Cut
    outputs: Sequence[tuple[Encode, Keep]]
    progress: Callable[[float], None]
    tally: Tally
    _pool: ThreadPoolExecutor = field(init=False)
    _read: deque[tuple[Square, Future[Pixels]]] = field(default_factory=deque)
    _encoding: deque[tuple[Square, Keep, Future[Blocks]]] = field(default_factory=deque)
    _done: int = 0

    def run(self) -> None:
        """Walk the whole tree."""
        leaves = list(self._leaves())
        waiting = iter(leaves)
        with ThreadPoolExecutor(threads(), thread_name_prefix="raster") as self._pool:
            try:
                for root in self._roots():
                    self._build(root, waiting, len(leaves))
                while self._encoding:
                    self._store()
            except BaseException:
                self._pool.shutdown(cancel_futures=True)
                raise

    # --- the tree -----------------------------------------------------------------------------------

    def _roots(self) -> Iterator[Square]:
        lowest = self.cut.levels[-1]
        for row in range(lowest.row // self.cut.side, (lowest.row + lowest.down - 1) // self.cut.side + 1):
            for column in range(
                lowest.column // self.cut.side, (lowest.column + lowest.across - 1) // self.cut.side + 1
            ):
                yield lowest.zoom, column, row

    def _children(self, square: Square) -> list[Square]:
        zoom, column, row = square
        return [(zoom + 1, 2 * column + i, 2 * row + j) for j in (0, 1) for i in (0, 1)]

    def _wanted(self, square: Square) -> bool:
        """Whether a square has tiles with pixels and touches the outline."""
        zoom, column, row = square
        shift = self.cut.levels[0].zoom - zoom
        left, top, right, bottom = (v >> shift for v in self.cut.window)
        if (
            right < column * self.cut.side
            or left >= (column + 1) * self.cut.side
            or bottom < row * self.cut.side
            or top >= (row + 1) * self.cut.side
        ):
            return False
        span = 2 * HALF_WORLD / (1 << zoom)
        west, north = column * self.cut.side * span - HALF_WORLD, HALF_WORLD - row * self.cut.side * span
        edge = span / BLOCK  # a pixel more: bilinear pixels reach over the edge
        box = shapely.box(
            west - edge, north - self.cut.side * span - edge, west + self.cut.side * span + edge, north + edge
        )
        return bool(shapely.intersects(self.cut.outline, box))

    def _leaves(self) -> Iterator[Square]:
        """Yield the squares of the finest zoom in the order in which they are needed."""
        shapely.prepare(self.cut.outline)
        stack = list(self._roots())[::-1]
        while stack:
            square = stack.pop()
            if not self._wanted(square):
                continue
            if square[0] == self.cut.levels[0].zoom:
                yield square
            else:
                stack += self._children(square)[::-1]

    def _build(self, square: Square, waiting: Iterator[Square], total: int) -> Pixels | None:
        """Return a square at half its size, having kept the blocks of it and of all below it.

        None: nothing is there, or no coarser zoom.
        """
        if not self._wanted(square):
            return None
        if square[0] == self.cut.levels[0].zoom:
            pixels = self._next_leaf(square, waiting)
            self._done += 1
            self.progress(self._done / total)
        else:
            quarters = [self._build(child, waiting, total) for child in self._children(square)]
            if all(q is None for q in quarters):
                return None
            pixels = self._joined(quarters)
        self._encode(square, pixels)
        if square[0] == self.cut.levels[-1].zoom:
            return None  # the coarsest: nobody asks for its half
        return halve(pixels, self.cut.how, self.cut.codec.nodata)

    def _joined(self, quarters: Sequence[Pixels | None]) -> Pixels:
        out = self._blank()
        half = self.cut.side * BLOCK // 2
        for number, quarter in enumerate(quarters):
            if quarter is not None:
                i, j = number % 2, number // 2
                out[:, j * half : (j + 1) * half, i * half : (i + 1) * half] = quarter
        return out

    def _blank(self) -> Pixels:
        codec = self.cut.codec
        shape = (codec.bands, self.cut.side * BLOCK, self.cut.side * BLOCK)
        return np.zeros(shape, codec.dtype) if codec.nodata is None else np.full(shape, codec.nodata, codec.dtype)

    # --- reading ahead, encoding behind ---------------------------------------------------------------

    def _next_leaf(self, square: Square, waiting: Iterator[Square]) -> Pixels:
        while len(self._read) <= _AHEAD and (coming := next(waiting, None)) is not None:
            self._read.append((coming, self._pool.submit(self._leaf, coming)))
        ready, future = self._read.popleft()
        assert ready == square
        return future.result()

    def _leaf(self, square: Square) -> Pixels:
        """Return a square of the finest zoom: what has pixels is read, the rest is blank."""
        _, column, row = square
        level = self.cut.levels[0]
        left, top, right, bottom = self.cut.window
        first = max(left, column * self.cut.side), max(top, row * self.cut.side)
        last = (
            min(right, column * self.cut.side + self.cut.side - 1),
            min(bottom, row * self.cut.side + self.cut.side - 1),
        )
        across, down = (last[0] - first[0] + 1) * BLOCK, (last[1] - first[1] + 1) * BLOCK
        window = Window((first[0] - level.column) * BLOCK, (first[1] - level.row) * BLOCK, across, down)
        read = self.source.read(window)
        self.tally.add(read)
        if across == down == self.cut.side * BLOCK:
            return read
        out = self._blank()
        x, y = (first[0] - column * self.cut.side) * BLOCK, (first[1] - row * self.cut.side) * BLOCK
        out[:, y : y + down, x : x + across] = read
        return out

    def _encode(self, square: Square, pixels: Pixels) -> None:
        for encode, keep in self.outputs:
            self._encoding.append((square, keep, self._pool.submit(encode, pixels)))
        while len(self._encoding) > 2 * threads():
            self._store()

    def _store(self) -> None:
        (zoom, column, row), keep, future = self._encoding.popleft()
        for (i, j), block in sorted(future.result().items()):
            keep(zoom, column * self.cut.side + i, row * self.cut.side + j, block)


def threads() -> int:
    """Return how many threads warp and encode: as many as there are processors for us, at most four."""
    return cores(most=4)
