"""Contour lines of a raster of heights, square by square; lines are whole across the seams.

Squares share the heights of their common border, and a line meets the border in the same place from both sides, to
the last bit: contourpy interpolates between the same two numbers. There the parts are joined. What cannot grow any
more is written, so memory holds the lines of one row of squares.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import contourpy
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely
from pyproj import CRS

from ingest.geoparquet_writer import LayerWriter
from ingest.raster.heights import Heights, Square
from ingest.raster.order import Order
from ingest.raster.tiff import BLOCK
from ingest.raster.zooms import HALF_WORLD
from naru.errors import TooLarge
from naru.records import Progress

SIDE = 1024  # cells of a square
MAJOR = 5  # every so many lines is a major one
ABOVE = 0.01  # metres: ground of exactly 10 m lies below the line of 10 m; heights are kept to half of this
_LONGEST = 100_000  # vertices of a line; a longer one is written in parts that share their ends
_BATCH = 2000  # lines
_ROUNDING = 1e-6  # of a cell: what interpolation between two equal columns or rows may lose
_SCHEMA = pa.schema([pa.field("elevation_m", pa.float64()), pa.field("major", pa.bool_())])
Floats = npt.NDArray[np.float64]
Meeting = tuple[int, float, float]  # which line, column and row of the place on a seam
Keep = Callable[[int, Floats], None]


@dataclass(frozen=True)
class Drawing:
    """What is to be drawn: lines every `interval` metres, where the outline (EPSG:3857) is."""

    order: Order
    outline: shapely.Geometry
    interval: float
    vertices: int  # the most there may be


def draw_contours(heights: Heights, drawing: Drawing, path: Path, progress: Progress) -> int:
    """Write contours as GeoParquet in EPSG:3857 with elevation_m and major; return how many lines.

    Raises TooLarge when they have too many vertices. No line: the file holds nothing.
    """
    book = _Book(drawing, LayerWriter(path, _SCHEMA))
    joiner = Joiner(book.add)
    rows = list(_squares(drawing))
    for number, row in enumerate(rows):
        for square in row:
            _trace(heights, drawing.interval, square, joiner)
        if row:
            joiner.row_done(row[0].bottom - 1)
        progress((number + 1) / len(rows), "drawing contours")
    joiner.row_done(None)
    return book.close()


def _squares(drawing: Drawing) -> Iterator[list[Square]]:
    """Yield the squares that touch the outline, row by row; each shares its last row and column with the next."""
    level, pixel = drawing.order.levels[0], drawing.order.pixel
    left, top, right, bottom = drawing.order.window
    columns = np.arange((left - level.column) * BLOCK, (right + 1 - level.column) * BLOCK - 1, SIDE)
    shapely.prepare(drawing.outline)
    last_column, last_row = (right + 1 - level.column) * BLOCK, (bottom + 1 - level.row) * BLOCK
    west = (level.column * BLOCK + columns) * pixel - HALF_WORLD
    for row in range((top - level.row) * BLOCK, last_row - 1, SIDE):
        north = HALF_WORLD - (level.row * BLOCK + row) * pixel
        reach = (SIDE + 2) * pixel
        boxes = shapely.box(west - pixel, north - reach, west + reach, north + pixel)
        wanted = columns[shapely.intersects(drawing.outline, boxes)]
        yield [
            Square(c, row, min(c + SIDE + 1, last_column), min(row + SIDE + 1, last_row)) for c in wanted.tolist()
        ]


def _trace(heights: Heights, interval: float, square: Square, joiner: Joiner) -> None:
    """Find the lines in one square."""
    z = heights.read(square, "f8")
    known = np.isfinite(z)
    if not known.any():
        return
    columns, rows = np.arange(square.left, square.right) + 0.0, np.arange(square.top, square.bottom) + 0.0
    masked = np.ma.array(z, mask=~known)
    generator = contourpy.contour_generator(
        columns, rows, masked, corner_mask=False, line_type=contourpy.LineType.Separate
    )
    low, high = float(z[known].min()), float(z[known].max())
    for number in range(math.ceil((low - ABOVE) / interval), math.floor((high - ABOVE) / interval) + 1):
        for line in generator.lines(number * interval + ABOVE):
            joiner.add(number, np.asarray(line), square)


@dataclass(eq=False)
class _Line:
    """A line that may go on at its head, its tail or both: the places are on seams, None where it ends."""

    number: int
    parts: deque[Floats]
    vertices: int
    head: Meeting | None
    tail: Meeting | None

    def points(self) -> Floats:
        """Return all its vertices; where parts meet, once."""
        first, *others = self.parts
        return np.concatenate([first, *(part[1:] for part in others)])


@dataclass
class Joiner:
    """Puts lines together that meet on seams. Higher ground is always on a line's left, so tail meets head."""

    keep: Keep  # given: the line's number and its vertices (n, 2), columns and rows
    _by_head: dict[Meeting, list[_Line]] = field(default_factory=lambda: defaultdict(list))
    _by_tail: dict[Meeting, list[_Line]] = field(default_factory=lambda: defaultdict(list))

    def add(self, number: int, points: Floats, square: Square) -> None:
        """Take a line of one square."""
        if (points[0] == points[-1]).all():
            self.keep(number, points)
            return
        head, tail = (_meeting(number, p, square) for p in (points[0], points[-1]))
        line = _Line(number, deque([points]), len(points), head, tail)
        before = _taken(self._by_tail, head)
        if before:
            line = self._joined(before, line)
        after = _taken(self._by_head, line.tail)
        if after is line:  # it comes back to where it began
            self._forget(line)
            self.keep(number, line.points())
            return
        if after:
            line = self._joined(line, after)
        self._note(line)

    def row_done(self, seam: int | None) -> None:
        """Write the lines that can only have gone on above row `seam`; None: all that are left."""
        lines = {
            id(line): line for table in (self._by_head, self._by_tail) for group in table.values() for line in group
        }
        self._by_head.clear()
        self._by_tail.clear()
        for line in lines.values():
            line.head, line.tail = (m if m is not None and m[2] == seam else None for m in (line.head, line.tail))
            self._note(line)

    def _joined(self, first: _Line, second: _Line) -> _Line:
        """Return two lines as one, whose ends are both known to nobody yet but in `first.head`, `second.tail`."""
        self._forget(first)
        self._forget(second)
        parts = first.parts
        parts.extend(second.parts)
        whole = _Line(first.number, parts, first.vertices + second.vertices - 1, first.head, second.tail)
        if whole.head is not None:
            self._by_head[whole.head].append(whole)
        return whole

    def _note(self, line: _Line) -> None:
        """Keep a line for later, or write it where it is finished or too long."""
        self._forget(line)
        if (line.head is None and line.tail is None) or line.vertices > _LONGEST:
            self.keep(line.number, line.points())
            return
        if line.head is not None:
            self._by_head[line.head].append(line)
        if line.tail is not None:
            self._by_tail[line.tail].append(line)

    def _forget(self, line: _Line) -> None:
        for table, place in ((self._by_head, line.head), (self._by_tail, line.tail)):
            if place is not None and line in table.get(place, ()):
                table[place].remove(line)
                if not table[place]:
                    del table[place]


def _taken(table: dict[Meeting, list[_Line]], place: Meeting | None) -> _Line | None:
    """Return a line that is waiting at a place."""
    group = table.get(place) if place is not None else None
    return group[-1] if group else None


def _meeting(number: int, point: Floats, square: Square) -> Meeting | None:
    """Return the place where a line reaches the border of its square; None where it ends within."""
    x, y = float(point[0]), float(point[1])
    nearest = round(x), round(y)
    if nearest[0] in (square.left, square.right - 1) and abs(x - nearest[0]) < _ROUNDING:
        return number, nearest[0], y
    if nearest[1] in (square.top, square.bottom - 1) and abs(y - nearest[1]) < _ROUNDING:
        return number, x, nearest[1]
    return None


class _Book:
    """Writes lines in batches, in metres of EPSG:3857."""

    def __init__(self, drawing: Drawing, writer: LayerWriter) -> None:
        self._drawing, self._writer = drawing, writer
        self._lines: list[tuple[int, Floats]] = []
        self._vertices = 0

    def add(self, number: int, points: Floats) -> None:
        """Take a finished line."""
        self._vertices += len(points)
        if self._vertices > self._drawing.vertices:
            raise TooLarge(
                f"--contours {self._drawing.interval:g} gives lines with more than "
                f"{self._drawing.vertices:,} vertices",
                field="contours",
                remedy=f"Say --contours {self._drawing.interval * 2:g} or more.",
            )
        self._lines.append((number, points))
        if len(self._lines) >= _BATCH:
            self._flush()

    def close(self) -> int:
        """Write what is left; return how many lines there are."""
        self._flush()
        if not self._writer.rows:
            self._writer.abandon()
            return 0
        self._writer.close(CRS.from_epsg(3857))
        return self._writer.rows

    def _flush(self) -> None:
        if not self._lines:
            return
        level, pixel = self._drawing.order.levels[0], self._drawing.order.pixel
        numbers = np.array([number for number, _ in self._lines])
        points = np.concatenate([points for _, points in self._lines]) + 0.5  # heights are those of centres
        x = (level.column * BLOCK + points[:, 0]) * pixel - HALF_WORLD
        y = HALF_WORLD - (level.row * BLOCK + points[:, 1]) * pixel
        of = np.repeat(np.arange(len(numbers)), [len(points) for _, points in self._lines])
        lines: npt.NDArray[Any] = shapely.linestrings(np.stack([x, y], axis=-1), indices=of)
        elevation = np.round(numbers * self._drawing.interval, 6)
        attributes = [pa.array(elevation), pa.array(numbers % MAJOR == 0)]
        self._writer.write(pa.RecordBatch.from_arrays(attributes, schema=_SCHEMA), lines, shapely.bounds(lines))
        self._lines.clear()
