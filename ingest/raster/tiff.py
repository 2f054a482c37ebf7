"""Lays compressed blocks out as a cloud optimised GeoTIFF: directories first, then the coarsest pixels, then finer.

GDAL encodes the blocks and writes the tags (of a TIFF of one block, the template); here they are only copied and
put in order, so nothing is encoded twice. TIFF 6.0 §2 and §15 (tiles); BigTIFF where offsets need it (Adobe's
BigTIFF design); layout as in OGC 21-026 (COG) §7 and GDAL's COG driver.
"""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

BLOCK = 256  # pixels on a side
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_SUBFILE, _WIDTH, _HEIGHT = 254, 256, 257
_TILE_WIDTH, _TILE_HEIGHT, _OFFSETS, _COUNTS = 322, 323, 324, 325
_GEO = frozenset({33550, 33922, 34264, 34735, 34736, 34737, 42112})  # only the first directory carries these
_SHORT, _LONG, _LONG8 = 3, 4, 16
_CLASSIC_ROOM = 2**32 - 2**24
_GHOST = b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nKNOWN_INCOMPATIBLE_EDITION=NO\n "


@dataclass(frozen=True)
class Tag:
    """One TIFF field: type, count and its values as little-endian bytes."""

    kind: int
    count: int
    data: bytes


Tags = Mapping[int, Tag]


@dataclass(frozen=True)
class Level:
    """One zoom of the pyramid: the tiles from `column`, `row` on, so many across and down."""

    zoom: int
    column: int
    row: int
    across: int
    down: int


def read_tags(data: bytes) -> dict[int, Tag]:
    """Return the first directory of a little-endian classic TIFF that GDAL has just made."""
    if data[:4] != b"II*\0":
        raise ValueError("not a little-endian classic TIFF")
    (start,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, start)
    found = {}
    for number in range(entries):
        at = start + 2 + 12 * number
        tag, kind, count = struct.unpack_from("<HHI", data, at)
        size = _SIZES[kind] * count
        place = at + 8 if size <= 4 else struct.unpack_from("<I", data, at + 8)[0]
        found[tag] = Tag(kind, count, data[place : place + size])
    return found


def read_blocks(data: bytes) -> list[bytes]:
    """Return the compressed blocks of such a TIFF, row by row; b"" for one that was left out."""
    tags = read_tags(data)
    offsets, counts = (_numbers(tags[t]) for t in (_OFFSETS, _COUNTS))
    return [data[o : o + n] for o, n in zip(offsets, counts, strict=True)]


def _numbers(tag: Tag) -> Sequence[int]:
    return struct.unpack(f"<{tag.count}{ {_SHORT: 'H', _LONG: 'I', _LONG8: 'Q'}[tag.kind] }", tag.data)


class CogWriter:
    """Collects the blocks of all levels in a spool, then lays them out. Leave without `finish`: nothing remains."""

    def __init__(self, path: Path, levels: Sequence[Level]) -> None:
        self._path, self.levels = path, tuple(levels)  # finest first
        self._spool: BinaryIO = path.with_suffix(".spool").open("w+b")
        self._end = 0
        self._places = [array("Q", bytes(8 * n.across * n.down)) for n in self.levels]
        self._lengths = [array("I", bytes(4 * n.across * n.down)) for n in self.levels]

    def __enter__(self) -> CogWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()
        self._path.with_suffix(".spool").unlink(missing_ok=True)

    def put(self, level: int, column: int, row: int, block: bytes) -> None:
        """Keep the block of tile (column, row) of a level."""
        of = self.levels[level]
        index = (row - of.row) * of.across + column - of.column
        self._spool.write(block)
        self._places[level][index], self._lengths[level][index] = self._end, len(block)
        self._end += len(block)

    def finish(self, template: Tags) -> None:
        """Write the file under its name, synced to the disk."""
        bytes_of_indexes = sum(16 * len(p) for p in self._places)
        big = self._end + bytes_of_indexes > _CLASSIC_ROOM
        with self._path.open("wb") as out:
            self._write(out, template, _Layout(big))
            out.flush()
            os.fsync(out.fileno())

    def _write(self, out: BinaryIO, template: Tags, layout: _Layout) -> None:
        ghost = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(_GHOST) + _GHOST
        start = layout.header_size + len(ghost)
        start += start % 2
        heads = [self._tags(template, n, layout) for n in range(len(self.levels))]
        sizes = [layout.directory_size(h) for h in heads]
        data_start = start + sum(sizes)
        offsets = self._offsets(data_start)
        out.write(layout.header(start) + ghost)
        out.write(b"\0" * (start - out.tell()))
        for number, head in enumerate(heads):
            head[_OFFSETS] = layout.offsets(offsets[number])
            last = number == len(heads) - 1
            out.write(layout.directory(head, out.tell(), 0 if last else out.tell() + sizes[number]))
        self._copy(out)

    def _tags(self, template: Tags, number: int, layout: _Layout) -> dict[int, Tag]:
        """Return a level's directory, its offsets not yet known."""
        level = self.levels[number]
        tags = {t: tag for t, tag in template.items() if number == 0 or t not in _GEO}
        tags |= {
            _SUBFILE: _long(0 if number == 0 else 1),
            _WIDTH: _long(level.across * BLOCK),
            _HEIGHT: _long(level.down * BLOCK),
            _TILE_WIDTH: _long(BLOCK),
            _TILE_HEIGHT: _long(BLOCK),
            _OFFSETS: layout.offsets(array("Q", bytes(8 * len(self._places[number])))),
            _COUNTS: Tag(_LONG, len(self._lengths[number]), self._lengths[number].tobytes()),
        }
        return tags

    def _offsets(self, start: int) -> list[array[int]]:
        """Return each level's offsets in the file: the coarsest level's blocks come first, each row by row."""
        out: list[array[int]] = []
        for lengths in reversed(self._lengths):
            offsets = array("Q", bytes(8 * len(lengths)))
            for index, length in enumerate(lengths):
                if length:
                    offsets[index] = start
                    start += length
            out.insert(0, offsets)
        return out

    def _copy(self, out: BinaryIO) -> None:
        self._spool.flush()
        descriptor = self._spool.fileno()
        for places, lengths in zip(reversed(self._places), reversed(self._lengths), strict=True):
            for place, length in zip(places, lengths, strict=True):
                if length:
                    out.write(os.pread(descriptor, length, place))


@dataclass(frozen=True)
class _Layout:
    """Classic TIFF or BigTIFF."""

    big: bool

    @property
    def header_size(self) -> int:
        return 16 if self.big else 8

    def header(self, first: int) -> bytes:
        return (
            struct.pack("<2sHHHQ", b"II", 43, 8, 0, first) if self.big else struct.pack("<2sHI", b"II", 42, first)
        )

    def offsets(self, values: array[int]) -> Tag:
        if self.big:
            return Tag(_LONG8, len(values), values.tobytes())
        return Tag(_LONG, len(values), array("I", values).tobytes())

    @property
    def _inline(self) -> int:
        return 8 if self.big else 4

    def _head_size(self, tags: Tags) -> int:
        return 8 + 20 * len(tags) + 8 if self.big else 2 + 12 * len(tags) + 4

    def directory_size(self, tags: Tags) -> int:
        outside = sum(len(t.data) + len(t.data) % 2 for t in tags.values() if len(t.data) > self._inline)
        return self._head_size(tags) + outside

    def directory(self, tags: Tags, at: int, following: int) -> bytes:
        """Return a directory that lies at `at`, and behind it the values that do not fit into their fields."""
        place = at + self._head_size(tags)
        fields, outside = [], []
        for number, tag in sorted(tags.items()):
            value = tag.data.ljust(self._inline, b"\0")
            if len(tag.data) > self._inline:
                value = struct.pack("<Q" if self.big else "<I", place)
                outside.append(tag.data + b"\0" * (len(tag.data) % 2))
                place += len(outside[-1])
            fields.append(struct.pack("<HHQ" if self.big else "<HHI", number, tag.kind, tag.count) + value)
        count = struct.pack("<Q" if self.big else "<H", len(tags))
        return b"".join([count, *fields, struct.pack("<Q" if self.big else "<I", following), *outside])


def _long(value: int) -> Tag:
    return Tag(_LONG, 1, struct.pack("<I", value))
