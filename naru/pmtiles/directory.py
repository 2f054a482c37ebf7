"""Directories of a PMTiles archive (PMTiles v3 specification §4): parsed into arrays, and written."""

from __future__ import annotations

import gzip
import zlib
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from naru.errors import ArchiveDamaged
from naru.pmtiles.header import COMPRESSION_GZIP, REMEDY

LARGEST = 256 << 20  # bytes that a directory or the metadata may unpack to


class Directory(NamedTuple):
    """Entries as columns, sorted by id. A run of 0 points to a leaf directory instead of a tile."""

    ids: array[int]
    runs: array[int]
    lengths: array[int]
    offsets: array[int]


def unpacked(data: bytes, compression: int) -> bytes:
    """Return a section's content; raises ArchiveDamaged where it does not unpack, or to absurdly much."""
    if compression != COMPRESSION_GZIP:
        return data
    stream = zlib.decompressobj(wbits=31)
    try:
        out = stream.decompress(data, LARGEST)
    except zlib.error as cause:
        raise ArchiveDamaged(f"a section of the archive does not unpack: {cause}", remedy=REMEDY) from cause
    if not stream.eof:
        raise ArchiveDamaged("a section of the archive is cut short, or absurdly large", remedy=REMEDY)
    return out


def varints(data: bytes) -> list[int]:
    """Return all the numbers in a string of protobuf varints; raises ArchiveDamaged for a broken last one."""
    out: list[int] = []
    number = shift = 0
    for byte in data:
        if byte < 128:
            out.append(number | byte << shift if shift else byte)
            number = shift = 0
        else:
            number |= (byte & 127) << shift
            shift += 7
    if shift:
        raise ArchiveDamaged("a directory ends within a number", remedy=REMEDY)
    return out


def packed(numbers: Iterable[int]) -> bytearray:
    """Return numbers as varints, one after the other."""
    out = bytearray()
    for number in numbers:
        rest = number
        while rest > 127:
            out.append(rest & 127 | 128)
            rest >>= 7
        out.append(rest)
    return out


def parse(data: bytes) -> Directory:
    """Return the directory in unpacked bytes; raises ArchiveDamaged where counts or order are wrong."""
    numbers = varints(data)
    count = numbers[0] if numbers else -1
    if len(numbers) != 4 * count + 1:
        raise ArchiveDamaged(f"a directory of {count} entries holds {len(numbers)} numbers", remedy=REMEDY)
    deltas, runs, lengths, places = (numbers[1 + k * count : 1 + (k + 1) * count] for k in range(4))
    if any(delta == 0 for delta in deltas[1:]):
        raise ArchiveDamaged("a directory names a tile twice", remedy=REMEDY)
    try:
        return Directory(
            array("Q", accumulate(deltas)),
            array("Q", runs),
            array("Q", lengths),
            array("Q", _offsets(places, lengths)),
        )
    except OverflowError as cause:
        raise ArchiveDamaged("a directory holds a number beyond 64 bits", remedy=REMEDY) from cause


def _offsets(places: Sequence[int], lengths: Sequence[int]) -> list[int]:
    """Return offsets; a place of 0 means right behind the entry before."""
    out: list[int] = []
    following = -1
    for place, length in zip(places, lengths, strict=True):
        offset = place - 1 if place else following
        if offset < 0 or not length:
            raise ArchiveDamaged("a directory entry points nowhere", remedy=REMEDY)
        out.append(offset)
        following = offset + length
    return out


def serialise(directory: Directory) -> bytes:
    """Return the directory as gzip-compressed bytes, the same for the same entries."""
    ids, runs, lengths, offsets = directory
    deltas = (number - before for number, before in zip(ids, [0, *ids[:-1]], strict=True))
    places = (0 if k and offsets[k] == offsets[k - 1] + lengths[k - 1] else offsets[k] + 1 for k in range(len(ids)))
    out = packed([len(ids)])
    for column in (deltas, runs, lengths, places):
        out += packed(column)
    return gzip.compress(bytes(out), mtime=0)


def with_leaves(directory: Directory, room: int) -> tuple[bytes, bytes]:
    """Return root and leaf directories, compressed, such that the root takes at most `room` bytes."""
    root = serialise(directory)
    if len(root) <= room:
        return root, b""
    size = 4096
    while True:
        root, leaves = _leaved(directory, size)
        if len(root) <= room:
            return root, leaves
        size *= 2


def _leaved(directory: Directory, size: int) -> tuple[bytes, bytes]:
    leaves = bytearray()
    pointers = Directory(array("Q"), array("Q"), array("Q"), array("Q"))
    for start in range(0, len(directory.ids), size):
        leaf = serialise(Directory(*(column[start : start + size] for column in directory)))
        pointers.ids.append(directory.ids[start])
        pointers.runs.append(0)
        pointers.lengths.append(len(leaf))
        pointers.offsets.append(len(leaves))
        leaves += leaf
    return serialise(pointers), bytes(leaves)
