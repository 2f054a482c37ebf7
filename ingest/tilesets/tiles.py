"""Looks at one ready-made tile: which kind it is, that it is whole, and what its layers are called.

Vector tiles: Mapbox Vector Tile 2.1. They are walked as protocol buffers down to the features, and written again
with other layer names; what else is in them stays byte for byte.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import Literal

from naru.errors import FileDamaged, TooLarge

TileKind = Literal["mvt", "png", "jpg", "webp"]
_MOST_STORED, _MOST_UNPACKED = 4 * 2**20, 16 * 2**20  # bytes of a tile
_SIDES = (256, 512)
_REMEDY = "Write the tileset anew."
_LAYER, _NAME = 3, 1  # field numbers: Tile.layers, Layer.name
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def kind_of(data: bytes) -> TileKind:
    """Return what a tile is, by its first bytes; anything that is no picture must be a vector tile."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpg"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else "mvt"


def check_stored(data: bytes) -> None:
    """Raise TooLarge for a tile that nobody would send."""
    if len(data) > _MOST_STORED:
        raise TooLarge(f"a tile of {len(data):,} bytes; {_MOST_STORED:,} are allowed", remedy=_REMEDY)


def picture_side(data: bytes) -> int:
    """Return a picture's side in pixels, by its header. Raises FileDamaged."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            size = image.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise FileDamaged("a tile is no whole picture", remedy=_REMEDY) from error
    if size[0] != size[1] or size[0] not in _SIDES:
        raise FileDamaged(f"a tile has {size[0]} × {size[1]} pixels, not 256 or 512 square", remedy=_REMEDY)
    return size[0]


def as_webp(data: bytes) -> bytes:
    """Return a picture as lossless WebP, for tilesets that mix kinds. Raises FileDamaged."""
    from PIL import Image

    out = io.BytesIO()
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.convert("RGBA").save(out, "WEBP", quality=85, method=0)
    except (OSError, ValueError, SyntaxError) as error:
        raise FileDamaged("a tile is no whole picture", remedy=_REMEDY) from error
    return out.getvalue()


def unpacked(data: bytes) -> bytes:
    """Return a vector tile without its gzip, if it has one. Raises FileDamaged, TooLarge."""
    if data[:2] != b"\x1f\x8b":
        return data
    stream = zlib.decompressobj(31)
    try:
        out = stream.decompress(data, _MOST_UNPACKED)
    except zlib.error as error:
        raise FileDamaged(f"a tile's gzip is damaged ({error})", remedy=_REMEDY) from error
    if stream.unconsumed_tail:
        raise TooLarge(f"a tile unpacks to more than {_MOST_UNPACKED:,} bytes", remedy=_REMEDY)
    if not stream.eof:
        raise FileDamaged("a tile's gzip is cut off", remedy=_REMEDY)
    return out


def renamed(tile: bytes, rename: Callable[[str], str]) -> bytes:
    """Return a vector tile with its layers renamed. Raises FileDamaged where it is none."""
    out = bytearray()
    for field, kind, start, end in _fields(tile, 0, len(tile)):
        if field != _LAYER:
            continue  # unknown fields of the tile itself: nothing that is drawn
        if kind != _BYTES:
            raise FileDamaged("a tile is no vector tile", remedy=_REMEDY)
        layer = _renamed_layer(tile, start, end, rename)
        out += b"\x1a" + _varint(len(layer)) + layer
    return bytes(out)


def _renamed_layer(tile: bytes, start: int, end: int, rename: Callable[[str], str]) -> bytes:
    name: str | None = None
    rest = bytearray()
    at = start
    for field, kind, first, last in _fields(tile, start, end):
        if field == _NAME and kind == _BYTES:
            name = tile[first:last].decode("utf-8", "replace")
        else:
            rest += tile[at:last]
        at = last
    if not name:
        raise FileDamaged("a layer in a tile has no name", remedy=_REMEDY)
    text = rename(name).encode()
    return b"\x0a" + _varint(len(text)) + text + bytes(rest)


def _fields(data: bytes, at: int, end: int) -> list[tuple[int, int, int, int]]:
    """Return (field, wire type, start and end of its value) of a message. Raises FileDamaged."""
    found = []
    try:
        while at < end:
            key, at = _read_varint(data, at)
            kind = key & 7
            if kind == _VARINT:
                start, (_, at) = at, _read_varint(data, at)
            elif kind == _BYTES:
                length, start = _read_varint(data, at)
                at = start + length
            elif kind in (_FIXED64, _FIXED32):
                start, at = at, at + (8 if kind == _FIXED64 else 4)
            else:
                raise IndexError
            if at > end:
                raise IndexError
            found.append((key >> 3, kind, start, at))
    except IndexError:
        raise FileDamaged("a tile is no vector tile, or cut off", remedy=_REMEDY) from None
    return found


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise IndexError


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
