"""Shapefile geometry (ESRI Shapefile Technical Description, July 1998): whole batches of records as bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

from naru.errors import ExportLimit
from naru.features.place import Floats, Geometries

Family = Literal["point", "multipoint", "line", "polygon"]
Ints = npt.NDArray[np.integer]
Words = npt.NDArray[np.uint32]
_TYPES: dict[Family, int] = {"point": 1, "multipoint": 8, "line": 3, "polygon": 5}
_Z = 10  # what a type's number grows by with heights
_NO_MEASURE = -1e39  # "any floating point number smaller than –10^38 is considered a no data value"
_LARGEST = 2**31 - 4  # bytes: what GIS programs read, though the format's counters reach twice as far
_HEAD_BYTES = 100


class Parts(NamedTuple):
    """Geometries of a batch as one run of vertices: `rings` and `shapes` are offsets into vertices and rings."""

    xyz: Floats
    rings: Ints
    shapes: Ints


@dataclass
class ShapeWriter:
    """Appends records to an open .shp and its .shx; `close` writes their heads."""

    family: Family
    solid: bool  # with heights
    shp: BinaryIO
    shx: BinaryIO
    rows: int = 0
    _bytes: int = _HEAD_BYTES
    _low: Floats = field(default_factory=lambda: np.full(3, np.inf))
    _high: Floats = field(default_factory=lambda: np.full(3, -np.inf))

    def __post_init__(self) -> None:
        self.shp.write(bytes(_HEAD_BYTES))
        self.shx.write(bytes(_HEAD_BYTES))

    def write(self, geometries: Geometries) -> None:
        """Append geometries, all of this writer's family.

        Raises:
            ExportLimit: the file would be larger than programs read.
        """
        parts = _parts(geometries, self.family)
        lengths = self._lengths(parts)  # of the contents, in 32-bit words
        starts = np.concatenate([[0], np.cumsum(lengths + 2)]).astype(np.int64)
        if self._bytes + 4 * int(starts[-1]) > _LARGEST:
            raise ExportLimit(
                "the shapefile would be larger than 2 GiB, which programs do not read",
                remedy="Choose gpkg, or select less with a bbox.",
            )
        self._index(starts[:-1], lengths)
        words = np.zeros(starts[-1], "<u4")
        _put(words, starts[:-1], np.arange(len(lengths)) + self.rows + 1, ">u4")
        _put(words, starts[:-1] + 1, 2 * lengths, ">u4")
        _put(words, starts[:-1] + 2, np.full(len(lengths), self._type), "<u4")
        self._fill(words, starts[:-1] + 3, parts)
        self.shp.write(words.tobytes())
        self._low = np.fmin(self._low, np.fmin.reduce(parts.xyz, axis=0))
        self._high = np.fmax(self._high, np.fmax.reduce(parts.xyz, axis=0))
        self.rows += len(lengths)
        self._bytes += 4 * int(starts[-1])

    def close(self) -> None:
        """Write both heads."""
        low, high = (np.where(np.isfinite(edge), edge, 0.0) for edge in (self._low, self._high))
        box = [*low[:2], *high[:2], low[2], high[2], 0.0, 0.0]
        for stream, size in ((self.shp, self._bytes), (self.shx, _HEAD_BYTES + 8 * self.rows)):
            stream.seek(0)
            stream.write(struct.pack(">i20xi", 9994, size // 2) + struct.pack("<ii8d", 1000, self._type, *box))

    @property
    def _type(self) -> int:
        return _TYPES[self.family] + (_Z if self.solid else 0)

    def _index(self, starts: Ints, lengths: Ints) -> None:
        """Append to the .shx: where each record begins and how long it is, in 16-bit words."""
        pairs = np.column_stack([self._bytes // 2 + 2 * starts, 2 * lengths])
        self.shx.write(pairs.astype(">u4").tobytes())

    def _lengths(self, parts: Parts) -> Ints:
        points = np.diff(parts.rings[parts.shapes])
        if self.family == "point":
            return np.full(len(points), 9 if self.solid else 5)
        heights = 4 + 2 * points if self.solid else 0
        rings = 0 if self.family == "multipoint" else 1 + np.diff(parts.shapes)
        return 10 + rings + 4 * points + heights

    def _fill(self, words: Words, at: Ints, parts: Parts) -> None:
        """Fill in what follows each record's type."""
        if self.family == "point":
            _put(words, at, parts.xyz[:, :2])
            if self.solid:
                _put(words, at + 4, np.nan_to_num(parts.xyz[:, 2:], nan=0.0))
                _put(words, at + 6, np.full((len(at), 1), _NO_MEASURE))
            return
        first = parts.rings[parts.shapes]
        points = np.diff(first)
        low, high = (edge.reduceat(parts.xyz, first[:-1], axis=0) for edge in (np.fmin, np.fmax))
        _put(words, at, np.column_stack([low[:, :2], high[:, :2]]))
        at = at + 8
        if self.family != "multipoint":
            at = self._put_rings(words, at, parts)
        _put(words, at, points, "<u4")
        at = self._after_rings(at + 1, parts)
        within = np.arange(first[-1]) - np.repeat(first[:-1], points)
        _put(words, np.repeat(at, points) + 4 * within, parts.xyz[:, :2])
        if self.solid:
            at = at + 4 * points
            z = np.nan_to_num(parts.xyz[:, 2:], nan=0.0)
            _put(words, at, np.column_stack([np.nan_to_num(low[:, 2:]), np.nan_to_num(high[:, 2:])]))
            _put(words, np.repeat(at + 4, points) + 2 * within, z)

    def _put_rings(self, words: Words, at: Ints, parts: Parts) -> Ints:
        """Write how many rings each shape has, and (behind the number of its points) where each begins."""
        count = np.diff(parts.shapes)
        _put(words, at, count, "<u4")
        within = np.arange(parts.shapes[-1]) - np.repeat(parts.shapes[:-1], count)
        begins = parts.rings[:-1] - np.repeat(parts.rings[parts.shapes[:-1]], count)
        _put(words, np.repeat(at + 2, count) + within, begins, "<u4")
        return at + 1

    def _after_rings(self, at: Ints, parts: Parts) -> Ints:
        return at if self.family == "multipoint" else at + np.diff(parts.shapes)


def _put(words: Words, at: Ints, values: npt.NDArray[np.generic], kind: str = "<f8") -> None:
    """Write each row of `values` in binary form `kind`, the first word of row i at word at[i]."""
    rows = np.ascontiguousarray(values, dtype=kind).reshape(len(at), -1).view("<u4")
    words[at[:, None] + np.arange(rows.shape[1])] = rows


def _parts(geometries: Geometries, family: Family) -> Parts:
    """Return geometries as runs of vertices; outer rings clockwise, holes counter-clockwise (page 8)."""
    shapes = shapely.orient_polygons(geometries, exterior_cw=True)
    _, xyz, offsets = shapely.to_ragged_array(shapes, include_z=True)
    one_each = np.arange(len(geometries) + 1)
    if family == "point":
        return Parts(xyz, one_each, one_each)
    if family == "multipoint":
        return Parts(xyz, offsets[0] if offsets else one_each, one_each)
    if family == "line":
        return Parts(xyz, offsets[0], offsets[1] if len(offsets) == 2 else one_each)
    return Parts(xyz, offsets[0], offsets[1] if len(offsets) == 2 else offsets[1][offsets[2]])
