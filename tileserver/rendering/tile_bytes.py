"""Tiles of data as they come: packed by gzip, and not to be trusted."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from tileserver.rendering.mvt import TileBroken

_LARGEST = 64 << 20  # bytes, unpacked
_LARGEST_JOB = 256 << 20  # of all tiles of a picture


def inflated_all(packed: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the unpacked tiles of a picture.

    Raises:
        TileBroken: one is a bomb or no gzip, or all together are too large.
    """
    left = _LARGEST_JOB
    for one in packed:
        tile = inflated(one, min(left, _LARGEST))
        left -= len(tile)
        yield tile


def inflated(packed: bytes, most: int = _LARGEST) -> bytes:
    """Return an unpacked tile of at most `most` bytes.

    Raises:
        TileBroken: it is a bomb, or no gzip.
    """
    unpacker = zlib.decompressobj(wbits=31)
    try:
        tile = unpacker.decompress(packed, most + 1)
    except zlib.error as cause:
        raise TileBroken(f"the vector tile is not packed as it should be: {cause}") from cause
    if len(tile) > most:
        raise TileBroken("the vector tile is too large")
    if not unpacker.eof:
        raise TileBroken("the vector tile is cut short")
    return tile
