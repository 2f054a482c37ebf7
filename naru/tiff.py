"""The structure of a TIFF or BigTIFF file (TIFF 6.0 §2; Adobe's BigTIFF): its directories, no pixels.

Only what a tiled pyramid needs is read. Every number in the file is held to be a stranger's until it is checked.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from naru.errors import ArchiveDamaged
from naru.pmtiles.reader import GetBytes

REMEDY = "Restore the archive from a backup, or ingest the raster again."
_MOST_DIRECTORIES = 128
_MOST_ENTRIES = 512  # tags of one directory
_MOST_VALUES = 1 << 26  # of one tag: 2^26 blocks of 256 pixels are a raster of 2 million pixels square
# code: (numpy's name, bytes of one value); TIFF 6.0 p. 15, BigTIFF's 16 to 18
_TYPES = {1: "u1", 2: "S1", 3: "u2", 4: "u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 11: "f4", 12: "f8", 13: "u4"}
_BIG_TYPES = {16: "u8", 17: "i8", 18: "u8"}


class _Layout(NamedTuple):
    """How numbers are laid out: byte order, and the widths that BigTIFF changed."""

    order: str  # "<" or ">"
    pointer: struct.Struct  # to a directory, or to a tag's values
    size: struct.Struct  # of a directory: its number of entries
    entry: struct.Struct  # tag, type, number of values
    first: int  # where the first directory's place is told

    @property
    def entry_size(self) -> int:
        return self.entry.size + self.pointer.size


@dataclass(frozen=True)
class Directory:
    """One image of the file: the values of its tags, by number."""

    tags: Mapping[int, NDArray[Any]]

    def number(self, tag: int, default: int | None = None) -> int:
        """Return a tag's first value.

        Raises:
            ArchiveDamaged: it is not there, and there is no `default`.
        """
        values = self.tags.get(tag)
        if values is None or not values.size:
            if default is None:
                raise damaged(f"tag {tag} is missing")
            return default
        return int(values[0])

    def numbers(self, tag: int) -> NDArray[Any]:
        """Return all values of a tag; none where the tag is not there."""
        return self.tags.get(tag, np.empty(0, "u8"))


def damaged(what: str) -> ArchiveDamaged:
    """Return the error for a TIFF that is not what it should be."""
    return ArchiveDamaged(f"the raster archive cannot be read: {what}", remedy=REMEDY)


def directories(get_bytes: GetBytes) -> list[Directory]:
    """Return the directories of a file, in order, those of sub-images not included.

    Raises:
        ArchiveDamaged: it is no TIFF, cut short, or its directories run in a circle.
    """
    layout = _layout(get_bytes(0, 16))
    found: list[Directory] = []
    seen: set[int] = set()
    place = _pointer(get_bytes, layout, layout.first)
    while place:
        if place in seen or len(found) == _MOST_DIRECTORIES:
            raise damaged("its directories have no end")
        seen.add(place)
        directory, place = _directory(get_bytes, layout, place)
        found.append(directory)
    return found


def _layout(head: bytes) -> _Layout:
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 16:
        raise damaged("it is no TIFF file")
    version = struct.unpack_from(f"{order}H", head, 2)[0]
    if version == 42:
        parts = (struct.Struct(f"{order}I"), struct.Struct(f"{order}H"), struct.Struct(f"{order}HHI"), 4)
    elif version == 43:
        parts = (struct.Struct(f"{order}Q"), struct.Struct(f"{order}Q"), struct.Struct(f"{order}HHQ"), 8)
    else:
        raise damaged(f"it has version {version}, where TIFF has 42 and BigTIFF 43")
    return _Layout(order, *parts)


def _exactly(get_bytes: GetBytes, offset: int, length: int) -> bytes:
    data = get_bytes(offset, length)
    if len(data) != length:
        raise damaged(f"it ends before byte {offset + length}")
    return data


def _pointer(get_bytes: GetBytes, layout: _Layout, offset: int) -> int:
    return int(layout.pointer.unpack(_exactly(get_bytes, offset, layout.pointer.size))[0])


def _directory(get_bytes: GetBytes, layout: _Layout, place: int) -> tuple[Directory, int]:
    count = layout.size.unpack(_exactly(get_bytes, place, layout.size.size))[0]
    if not 0 < count <= _MOST_ENTRIES:
        raise damaged(f"a directory of {count} tags cannot be")
    start = place + layout.size.size
    entries = _exactly(get_bytes, start, count * layout.entry_size)
    tags = {}
    for k in range(count):
        tag, kind, number = layout.entry.unpack_from(entries, k * layout.entry_size)
        name = _TYPES.get(kind) or (_BIG_TYPES.get(kind) if layout.pointer.size == 8 else None)
        if name is not None:  # rationals say nothing that we need
            inline = entries[k * layout.entry_size + layout.entry.size :][: layout.pointer.size]
            tags[tag] = _values(get_bytes, layout, np.dtype(layout.order + name), number, inline)
    return Directory(tags), _pointer(get_bytes, layout, start + len(entries))


def _values(get_bytes: GetBytes, layout: _Layout, dtype: np.dtype[Any], number: int, inline: bytes) -> NDArray[Any]:
    """Return a tag's values: they lie in the entry itself if they fit, else where it points."""
    size = number * dtype.itemsize
    if number > _MOST_VALUES:
        raise damaged(f"a tag of {number} values cannot be")
    if size > len(inline):
        inline = _exactly(get_bytes, int(layout.pointer.unpack(inline)[0]), size)
    return np.frombuffer(inline, dtype, number)
