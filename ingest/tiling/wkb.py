"""Well-known binary straight into shapes, without an object per geometry (OGC 06-103r4 §8.2, ISO and EWKB types).

Little-endian points, lines, polygons and their multi-parts, with Z or M left out. Anything else (collections,
big-endian, empty parts, unclosed rings, damage) is left to GEOS, which knows all of it and names what is wrong.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.tiling.kernel import inner, kernel
from ingest.tiling.shapes import Ints, Shapes


class _Output(NamedTuple):
    end: Ints  # (3) shapes, rings and vertices written so far
    kind: NDArray[np.uint8]
    row: Ints
    rings: Ints
    starts: Ints
    hole: NDArray[np.bool_]
    bits: NDArray[np.uint64]  # (v, 2) the float64 coordinates, bit by bit


def read_wkb(data: NDArray[np.uint8], offsets: Ints, rows: Ints) -> Shapes | None:
    """Return the shapes of geometries data[offsets[i]:offsets[i+1]], float64 as they are; None: ask GEOS instead.

    Empty geometries give no shape. rows: the source row of each.
    """
    out = _read_all(data, offsets, rows)
    n, m, v = out.end
    if n < 0:
        return None
    xy = out.bits[:v].view(np.float64)
    # copies: a view would keep all the room that was taken
    starts, hole = out.starts[: m + 1].copy(), out.hole[:m].copy()
    return Shapes(out.kind[:n], out.row[:n], out.rings[: n + 1], starts, hole, xy)


@inner
def _u4(data: Any, at: int) -> Any:
    low = np.int64(data[at]) | np.int64(data[at + 1]) << 8
    return low | np.int64(data[at + 2]) << 16 | np.int64(data[at + 3]) << 24


@inner
def _u8(data: Any, at: int) -> Any:
    return np.uint64(_u4(data, at)) | np.uint64(_u4(data, at + 4)) << np.uint64(32)


@inner
def _head(data: Any, at: int, last: int) -> tuple[int, int, int]:
    """Return geometry type, coordinates per vertex and where the content begins; type 0 is not ours."""
    if at + 9 > last or data[at] != 1:
        return 0, 2, at
    code = _u4(data, at + 1)
    flags, code = code >> 29, code & 0x1FFFFFFF
    dimension = 2 + (flags >> 2 & 1) + (flags >> 1 & 1)
    if 1000 <= code < 4000:
        dimension = 4 if code >= 3000 else 3
        code %= 1000
    after = at + 5 + (4 if flags & 1 else 0)
    return (code, dimension, after) if 1 <= code <= 6 and after + 4 <= last else (0, 2, at)


@inner
def _begin_ring(out: _Output, hole: bool) -> None:
    out.hole[out.end[1]] = hole
    out.end[1] += 1
    out.starts[out.end[1]] = out.end[2]


@inner
def _vertex(data: Any, at: int, out: _Output) -> None:
    out.bits[out.end[2], 0], out.bits[out.end[2], 1] = _u8(data, at), _u8(data, at + 8)
    out.end[2] += 1
    out.starts[out.end[1]] = out.end[2]


@inner
def _ring(data: Any, at: int, last: int, dimension: int, ring: int, out: _Output) -> int:
    """Read a line (ring < 0) or a polygon's ring; return where it ends, -1 where it is not ours."""
    step = 8 * dimension
    count = _u4(data, at) if at + 4 <= last else 0
    after = at + 4 + count * step
    if count < (2 if ring < 0 else 4) or after > last:
        return -1
    if ring >= 0:
        for k in range(16):
            if data[at + 4 + k] != data[after - step + k]:
                return -1
        count -= 1
    _begin_ring(out, ring > 0)
    for k in range(count):
        _vertex(data, at + 4 + k * step, out)
    return after


@inner
def _part(data: Any, at: int, last: int, form: tuple[int, int], out: _Output) -> int:
    """Read one point, line or polygon after its head; return where it ends, -1 where it is not ours."""
    kind, dimension = form
    if kind == 1:
        if at + 8 * dimension > last or (data[at + 7] & 0x7F == 0x7F and data[at + 6] >= 0xF0):
            return -1  # cut short, or NaN: an empty point
        _vertex(data, at, out)
        return at + 8 * dimension
    if kind == 2:
        return _ring(data, at, last, dimension, -1, out)
    rings = _u4(data, at)
    at += 4
    for ring in range(rings):
        at = _ring(data, at, last, dimension, ring, out)
        if at < 0:
            break
    return at if rings else -1


@inner
def _geometry(data: Any, at: int, last: int, out: _Output) -> bool:
    """Read one geometry; return whether it was ours."""
    code, dimension, at = _head(data, at, last)
    if code == 0:
        return False
    kind = code if code <= 3 else code - 3
    count = 1
    if code > 3 or (kind > 1 and _u4(data, at) == 0):
        count = _u4(data, at)
    if kind == 1 and count:
        _begin_ring(out, False)
    at += 4 if code > 3 else 0
    for _ in range(count):
        if code > 3:
            part, dimension, at = _head(data, at, last)
            if part != kind:
                return False
        at = _part(data, at, last, (kind, dimension), out)
        if at < 0:
            return False
    out.kind[out.end[0]] = kind
    return True


@kernel
def _read_all(data: Any, starts: Ints, rows: Ints) -> _Output:
    n, most = rows.size, data.size // 32 + rows.size + 1  # a line has at least two vertices, 32 bytes
    out = _Output(
        np.zeros(3, np.int64),
        np.empty(n, np.uint8),
        np.empty(n, np.int64),
        np.zeros(n + 1, np.int64),
        np.zeros(most + 1, np.int64),
        np.empty(most, np.bool_),
        np.empty((data.size // 16 + 1, 2), np.uint64),
    )
    for i in range(n):
        if not _geometry(data, starts[i], starts[i + 1], out):
            out.end[0] = -1
            return out
        if out.end[1] > out.rings[out.end[0]]:
            out.row[out.end[0]] = rows[i]
            out.end[0] += 1
            out.rings[out.end[0]] = out.end[1]
    return out
