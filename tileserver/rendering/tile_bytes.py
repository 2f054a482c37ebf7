"""Tiles of data as they come: packed by gzip, and not to be trusted."""

from __future__ import annotations

import zlib

from tileserver.rendering.mvt import TileBroken

_LARGEST = 64 << 20  # bytes, unpacked


def inflated(packed: bytes) -> bytes:
    """Return an unpacked tile, unless it is a bomb.

    Raises:
        TileBroken: it is one, or no gzip.
    """
    unpacker = zlib.decompressobj(wbits=31)
    try:
        tile = unpacker.decompress(packed, _LARGEST)
    except zlib.error as cause:
        raise TileBroken(f"the vector tile is not packed as it should be: {cause}") from cause
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise TileBroken("the vector tile is cut short or too large")
    return tile
