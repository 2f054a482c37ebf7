"""Letters as distance fields, in the form that MapLibre reads: 256 of them a file.

A glyph is drawn 24 pixels high with 3 pixels around it; each pixel says how far it is from the letter's edge:
192 on the edge, 255 deep inside, 0 six pixels outside (Green, "Improved alpha-tested magnification", 2007).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from naru.kernel import inner, kernel
from tileserver.rendering import fonts

SIZE, BORDER = 24, 3  # pixels
_REACH, _CUTOFF = 8.0, 0.25  # pixels from inside to outside; the share of it that lies inside
_ASCENDER = 26  # pixels from a line's top to its letters' base, as MapLibre lays lines out
_FAR = 1e12
RANGE = 256


def pbf(stack: str, first: int) -> bytes:
    """Return the letters `first` to `first` + 255 as a glyphs file (protobuf; mapbox/node-fontnik glyphs.proto)."""
    glyphs = b"".join(_field(3, glyph) for glyph in _glyphs(first))
    inside = _field(1, stack.encode()) + _field(2, f"{first}-{first + RANGE - 1}".encode()) + glyphs
    return _field(1, inside)


def _glyphs(first: int) -> Iterator[bytes]:
    face = fonts.face(float(SIZE))
    missing = bytes(face.getmask("\uffff"))  # no letter has this number
    for code in range(max(first, 32), min(first + RANGE, 0x10000)):
        sign = chr(code)
        if 0xD800 <= code < 0xE000 or (code != 0x20 and bytes(face.getmask(sign)) == missing):
            continue
        mask = face.getmask(sign, "L")
        left, top, _, _ = face.getbbox(sign, anchor="ls")
        advance = round(face.getlength(sign))
        yield _glyph(code, np.array(mask, np.uint8).reshape(mask.size[::-1]), round(left), -round(top), advance)


def _glyph(code: int, mask: NDArray[np.uint8], left: int, top: int, advance: int) -> bytes:
    rows, columns = mask.shape
    body = _number(1, code)
    if mask.any():
        field = np.zeros((rows + 2 * BORDER, columns + 2 * BORDER), np.uint8)
        distances(np.pad(mask, BORDER), field)
        body += _field(2, field.tobytes())
        body += (
            _number(3, columns)
            + _number(4, rows)
            + _number(5, _zigzag(left))
            + _number(6, _zigzag(top - _ASCENDER))
        )
    else:
        body += _number(3, 0) + _number(4, 0) + _number(5, 0) + _number(6, _zigzag(-_ASCENDER))
    return body + _number(7, advance)


@kernel
def distances(cover: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Write how far each pixel of a smooth mask is from the edge: see the module's text."""
    rows, columns = cover.shape
    outside, within = np.empty((rows, columns)), np.empty((rows, columns))
    for row in range(rows):
        for column in range(columns):
            share = cover[row, column] / 255.0
            edge = 0.5 - share
            if share >= 1.0:
                outside[row, column], within[row, column] = 0.0, _FAR
            elif share <= 0.0:
                outside[row, column], within[row, column] = _FAR, 0.0
            else:
                outside[row, column] = max(0.0, edge) ** 2
                within[row, column] = max(0.0, -edge) ** 2
    for grid in (outside, within):
        for column in range(columns):
            _nearest(grid[:, column])
        for row in range(rows):
            _nearest(grid[row])
    for row in range(rows):
        for column in range(columns):
            away = math.sqrt(outside[row, column]) - math.sqrt(within[row, column])
            out[row, column] = int(min(max(round(255.0 - 255.0 * (away / _REACH + _CUTOFF)), 0), 255))


@inner
def _nearest(line: NDArray[np.float64]) -> None:
    """Replace f by the least f(q) + (p - q)² (Felzenszwalb and Huttenlocher, 2012; by trying)."""
    count = len(line)
    found = np.empty(count)
    for p in range(count):
        best = line[p]
        for q in range(count):
            best = min(best, line[q] + (p - q) * (p - q))
        found[p] = best
    line[:] = found


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))
