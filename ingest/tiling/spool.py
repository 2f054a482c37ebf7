"""Arrays on disk, mapped into memory: what tiling needs of a whole layer, without holding it in memory.

The files have no name: they are gone when the last array that lies in them is, whatever happens to the process.
Their pages are the system's cache, written out and dropped when memory is needed elsewhere.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.tiling.shapes import Measures, Shapes, fill_measures

_CHUNK = 4_000_000  # items copied at a time
SMALL = 1 << 20  # bytes up to which an array stays in memory: a file would cost more


class Room:
    """A folder where arrays may lie."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def empty(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """Return an array with whatever is in it. Raises OSError where the disk has no room for it."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if size <= SMALL:
            return np.empty(shape, dtype)
        with tempfile.TemporaryFile(dir=self._folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)  # now: a page for which there is no room kills the process
            return np.frombuffer(mmap.mmap(file.fileno(), size), dtype).reshape(shape)

    def spool(self, dtype: Any, columns: int = 1) -> Spool:
        """Return an array that grows at its end, of rows of `columns` items."""
        return Spool(self, dtype, columns)

    def compressed(self, array: NDArray[Any], keep: NDArray[np.bool_]) -> NDArray[Any]:
        """Return the rows of an array that `keep` marks."""
        out = self.empty((int(np.count_nonzero(keep)), *array.shape[1:]), array.dtype)
        end = 0
        for start in range(0, len(array), _CHUNK):
            part = array[start : start + _CHUNK][keep[start : start + _CHUNK]]
            out[end : end + len(part)] = part
            end += len(part)
        return out

    def chained(self, arrays: list[NDArray[Any]], dtype: Any) -> NDArray[Any]:
        """Return one-dimensional arrays one after the other."""
        out, end = self.empty((sum(map(len, arrays)),), dtype), 0
        for array in arrays:
            out[end : end + len(array)] = array
            end += len(array)
        return out


class Spool:
    """An array of rows that grows at its end."""

    def __init__(self, room: Room, dtype: Any, columns: int) -> None:
        self._room = room
        self._all: NDArray[Any] = np.empty((0,) if columns == 1 else (0, columns), dtype)
        self.size = 0  # rows in use

    def add(self, rows: NDArray[Any]) -> None:
        """Append rows. Raises OSError where the disk has no room for them."""
        end = self.size + len(rows)
        self.reserve(end)[self.size : end] = rows
        self.size = end

    def reserve(self, rows: int) -> NDArray[Any]:
        """Return the array with room for so many rows; those in use keep their content."""
        if rows > len(self._all):
            bigger = self._room.empty((max(rows, 2 * len(self._all)), *self._all.shape[1:]), self._all.dtype)
            bigger[: self.size] = self._all[: self.size]
            self._all = bigger
        return self._all

    def mapped(self) -> NDArray[Any]:
        """Return the rows in use."""
        return self._all[: self.size]


class ShapesSpool:
    """Shapes on disk, growing at the end."""

    def __init__(self, room: Room) -> None:
        self._kind, self._row = room.spool(np.uint8), room.spool(np.int64)
        self._rings, self._starts = room.spool(np.int64), room.spool(np.int64)
        self._hole, self._xy = room.spool(np.bool_), room.spool(np.int32, 2)
        for offsets in (self._rings, self._starts):
            offsets.add(np.zeros(1, np.int64))

    def add(self, shapes: Shapes) -> None:
        """Append shapes on the grid (int32)."""
        self._rings.add(shapes.rings[1:] + (self._starts.size - 1))
        self._starts.add(shapes.starts[1:] + self._xy.size)
        self._kind.add(shapes.kind)
        self._row.add(shapes.row)
        self._hole.add(shapes.hole)
        self._xy.add(shapes.xy)

    def mapped(self) -> Shapes:
        """Return all shapes so far."""
        return Shapes(
            self._kind.mapped(),
            self._row.mapped(),
            self._rings.mapped(),
            self._starts.mapped(),
            self._hole.mapped(),
            self._xy.mapped(),
        )


def measure(shapes: Shapes, room: Room) -> Measures:
    """Return box, size and vertex count of each shape, in grid steps."""
    n = shapes.kind.size
    out = Measures(room.empty((n, 4), np.int64), room.empty((n,), np.float64), room.empty((n,), np.int64))
    fill_measures(shapes, out)
    return out
