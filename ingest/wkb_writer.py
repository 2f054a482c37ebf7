"""Writes well-known binary (OGC 06-103r4 §8.2, ISO codes) from coordinate arrays, curves included.

`axes` are what follows x and y: "", "z", "m" or "zm"; coordinates are n × (2 + len(axes)).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
POINT, LINE, POLYGON, MULTIPOINT, MULTILINE, MULTIPOLYGON, COLLECTION = range(1, 8)
CIRCULAR_STRING, COMPOUND_CURVE, CURVE_POLYGON, MULTICURVE, MULTISURFACE = range(8, 13)
POLYHEDRAL_SURFACE, TIN, TRIANGLE = 15, 16, 17
UNREADABLE = b""  # what stands for a geometry that cannot be built
_OFFSETS = {"": 0, "z": 1000, "m": 2000, "zm": 3000}


def head(kind: int, axes: str = "") -> bytes:
    """Return byte order and geometry type."""
    return struct.pack("<BI", 1, kind + _OFFSETS[axes])


def point(coordinates: Floats, axes: str = "") -> bytes:
    """Return a point from the first of the coordinates; from none, an empty point."""
    empty = np.full((1, 2 + len(axes)), np.nan)
    return head(POINT, axes) + _bytes(coordinates[:1] if len(coordinates) else empty)


def line(coordinates: Floats, axes: str = "", kind: int = LINE) -> bytes:
    """Return a line, or with `kind` CIRCULAR_STRING an arc string."""
    return head(kind, axes) + _counted(coordinates)


def polygon(rings: Sequence[Floats], axes: str = "") -> bytes:
    """Return a polygon, outer ring first; rings without vertices are left out."""
    full = [r for r in rings if len(r)]
    return head(POLYGON, axes) + struct.pack("<I", len(full)) + b"".join(_counted(r) for r in full)


def collection(parts: Sequence[bytes], kind: int = COLLECTION, axes: str = "") -> bytes:
    """Return a collection of finished geometries of any kind that has parts."""
    return head(kind, axes) + struct.pack("<I", len(parts)) + b"".join(parts)


def axes_of(width: int) -> str:
    """Return the axes of coordinates of that width, heights before measures."""
    return {2: "", 3: "z"}.get(width, "zm")


def _counted(coordinates: Floats) -> bytes:
    return struct.pack("<I", len(coordinates)) + _bytes(coordinates)


def _bytes(coordinates: Floats) -> bytes:
    return coordinates.astype("<f8").tobytes()
