"""The structure of a TIFF or BigTIFF file (TIFF 6.0 §2; Adobe's BigTIFF): its directories, no pixels.

Only what a tiled pyramid needs is read. Every number in the file is held to be a stranger's until it is checked.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from naru.errors import ArchiveDamaged
from naru.pmtiles.reader import GetBytes

REMEDY = "Restore the archive from a backup, or ingest the raster again."
_MOST_DIRECTORIES = 128
_MOST_ENTRIES = 512  # tags of one directory
_MOST_VALUES = 1 << 26  # of one tag: 2^26 blocks of 256 pixels are a raster of 2 million pixels square
# TIFF 6.0 p. 15, BigTIFF's 16 to 18, as Python's array names them
_TYPES = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I"}
_BIG_TYPES = {16: "Q", 17: "q", 18: "Q"}
_WHOLE, _REAL = "BHIQ", "fd"
_OUR_ORDER = "<" if sys.byteorder == "little" else ">"


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

    tags: Mapping[int, array[Any]]

    def number(self, tag: int, default: int | None = None) -> int:
        """Return a tag's first value, a whole number and no negative one.

        Raises:
            ArchiveDamaged: it is something else, or not there, and there is no `default`.
        """
        values = self.counts(tag)
        if values:
            return int(values[0])
        if default is None:
            raise damaged(f"tag {tag} is missing")
        return default

    def counts(self, tag: int) -> array[int]:
        """Return all values of a tag, whole numbers and none negative; none where the tag is not there.

        Raises:
            ArchiveDamaged: they are something else.
        """
        values = self.tags.get(tag, array("Q"))
        if values.typecode not in _WHOLE:
            raise damaged(f"tag {tag} holds other than whole numbers")
        return values

    def reals(self, tag: int) -> array[float]:
        """Return all values of a tag; none where the tag is not there.

        Raises:
            ArchiveDamaged: they are no floating-point numbers.
        """
        values = self.tags.get(tag, array("d"))
        if values.typecode not in _REAL:
            raise damaged(f"tag {tag} holds other than floating-point numbers")
        return values


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
            tags[tag] = _values(get_bytes, layout, name, number, inline)
    return Directory(tags), _pointer(get_bytes, layout, start + len(entries))


def _values(get_bytes: GetBytes, layout: _Layout, kind: str, number: int, inline: bytes) -> array[Any]:
    """Return a tag's values: they lie in the entry itself if they fit, else where it points."""
    values = array(kind)
    size = number * values.itemsize
    if number > _MOST_VALUES:
        raise damaged(f"a tag of {number} values cannot be")
    if size > len(inline):
        inline = _exactly(get_bytes, int(layout.pointer.unpack(inline)[0]), size)
    values.frombytes(inline[:size])
    if layout.order != _OUR_ORDER:
        values.byteswap()
    return values
