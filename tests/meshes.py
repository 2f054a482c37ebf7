"""An independent reader of quantized-mesh-1.0, from Cesium's specification; and heights in its triangles."""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Decoded:
    """A tile as a client sees it. `u`, `v`: 0 … 32767; `height`: metres."""

    centre: tuple[float, ...]
    low: float
    high: float
    sphere: tuple[float, ...]
    horizon: tuple[float, ...]
    u: NDArray[np.int64]
    v: NDArray[np.int64]
    height: NDArray[np.float64]
    triangles: NDArray[np.int64]
    edges: tuple[NDArray[np.int64], ...]  # west, south, east, north
    extensions: dict[int, bytes]

    def edge(self, side: int) -> list[tuple[int, float]]:
        """Return place along it and height of the points of an edge: 0 west, 1 south, 2 east, 3 north."""
        along = self.v if side % 2 == 0 else self.u
        return [(int(along[i]), float(self.height[i])) for i in self.edges[side]]

    def normals(self) -> NDArray[np.float64]:
        """Return the unit vectors of the octahedral extension."""
        x, y = np.frombuffer(self.extensions[1], np.uint8).reshape(-1, 2).T / 255 * 2 - 1
        z = 1 - abs(x) - abs(y)
        folded = np.maximum(-z, 0)
        x, y = x - np.copysign(folded, x), y - np.copysign(folded, y)
        out = np.column_stack([x, y, z])
        return np.asarray(out / np.linalg.norm(out, axis=1, keepdims=True))

    def at(self, u: Any, v: Any) -> NDArray[np.float64]:
        """Return the heights of the triangles at places in the tile, 0 … 32767 from the west and the south."""
        u, v = np.asarray(u, float), np.asarray(v, float)
        out = np.full(u.shape, np.nan)
        for a, b, c in self.triangles:
            ax, ay, bx, by, cx, cy = *self._uv(a), *self._uv(b), *self._uv(c)
            near = (u >= min(ax, bx, cx)) & (u <= max(ax, bx, cx)) & (v >= min(ay, by, cy)) & (v <= max(ay, by, cy))
            area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
            p, q = u[near], v[near]
            wb = ((p - ax) * (cy - ay) - (cx - ax) * (q - ay)) / area
            wc = ((bx - ax) * (q - ay) - (p - ax) * (by - ay)) / area
            wa = 1 - wb - wc
            inside = (wa > -1e-9) & (wb > -1e-9) & (wc > -1e-9)
            found = wa * self.height[a] + wb * self.height[b] + wc * self.height[c]
            out[np.flatnonzero(near)[inside]] = found[inside]
        return out

    def _uv(self, i: int) -> tuple[int, int]:
        return int(self.u[i]), int(self.v[i])


def decode(data: bytes) -> Decoded:
    """Read a gzip-compressed tile."""
    raw = gzip.decompress(data)
    head = struct.unpack_from("<3d2f4d3d", raw)
    (count,) = struct.unpack_from("<I", raw, 88)
    at = 92
    columns = []
    for _ in range(3):
        coded = np.frombuffer(raw, "<u2", count, at).astype(np.int64)
        columns.append(np.cumsum((coded >> 1) ^ -(coded & 1)))
        at += 2 * count
    size, kind = (4, "<u4") if count > 65536 else (2, "<u2")
    at += -at % size
    (number,) = struct.unpack_from("<I", raw, at)
    triangles = _low_water(np.frombuffer(raw, kind, 3 * number, at + 4)).reshape(-1, 3)
    at += 4 + 3 * number * size
    edges = []
    for _ in range(4):
        (number,) = struct.unpack_from("<I", raw, at)
        edges.append(np.frombuffer(raw, kind, number, at + 4).astype(np.int64))
        at += 4 + number * size
    extensions = {}
    while at < len(raw):
        kind_id, length = struct.unpack_from("<BI", raw, at)
        extensions[kind_id] = raw[at + 5 : at + 5 + length]
        at += 5 + length
    low, high = head[3:5]
    height = low + columns[2] / 32767 * (high - low)
    u, v = columns[:2]
    return Decoded(head[:3], low, high, head[5:9], head[9:], u, v, height, triangles, tuple(edges), extensions)


def _low_water(coded: Any) -> NDArray[np.int64]:
    out, highest = np.empty(coded.size, np.int64), 0
    for i, code in enumerate(coded.tolist()):
        out[i] = highest - code
        highest += code == 0
    return out
