"""Turns curved geometries (ISO 19125 / SQL/MM part 3) into lines and polygons; GEOS and tiles know no curves.

An arc becomes chords of at most two degrees each: no chord is further from its arc than 0.015 % of the radius.
Triangulated surfaces and polyhedra become multipolygons.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import atan2, ceil, hypot, pi

import numpy as np
import numpy.typing as npt

from ingest import wkb_writer as wkb

Floats = npt.NDArray[np.float64]
STEP = pi / 90  # radians that a chord spans at most
_DEPTH = 32
_LINES = frozenset({wkb.LINE, wkb.CIRCULAR_STRING})
_RINGED = frozenset({wkb.POLYGON, wkb.TRIANGLE})
_SURFACES = frozenset({wkb.POLYHEDRAL_SURFACE, wkb.TIN, wkb.TRIANGLE})
_CURVED = frozenset(range(wkb.CIRCULAR_STRING, wkb.MULTISURFACE + 1)) | _SURFACES
_BECOME = {
    wkb.MULTICURVE: wkb.MULTILINE,
    wkb.MULTISURFACE: wkb.MULTIPOLYGON,
    wkb.POLYHEDRAL_SURFACE: wkb.MULTIPOLYGON,
    wkb.TIN: wkb.MULTIPOLYGON,
}
_AXES = {0: "", 1: "z", 2: "m", 3: "zm"}


def linear(data: bytes) -> bytes | None:
    """Return the geometry without curves; None when it has none, or is damaged."""
    try:
        node, _ = _read(data, 0, 0)
    except (struct.error, ValueError, KeyError):
        return None
    return _written(node) if _has_curves(node) else None


def made_of_faces(data: bytes) -> bool:
    """Whether what `linear` turned into polygons were triangles and faces, and no arcs."""
    kinds = _kinds(_read(data, 0, 0)[0])
    return bool(kinds & _SURFACES) and not kinds & (_CURVED - _SURFACES)


def vertices(data: bytes) -> Floats:
    """Return the vertices of a line or curve, n × 2 or more. Raises ValueError for other geometries."""
    return _path(_read(data, 0, 0)[0])


def arc(start: Sequence[float], between: Sequence[float], end: Sequence[float]) -> Floats:
    """Return the vertices of the arc through three positions, all three included; further axes interpolated.

    When `start` is `end`, it is the whole circle that has `between` opposite. Three in a row give a straight line.

    >>> arc((1, 0), (0, 1), (-1, 0)).round(3)[[0, 45, -1]].tolist()
    [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]
    """
    first, middle, last = (np.asarray(p, dtype=np.float64) for p in (start, between, end))
    centre = _centre(first, middle, last)
    if centre is None:
        return np.array([first, middle, last])
    radius = hypot(*(first[:2] - centre))
    angles = [atan2(p[1] - centre[1], p[0] - centre[0]) for p in (first, middle, last)]
    to_middle, to_last = _turns(angles)
    half = [max(1, ceil(abs(a) / STEP)) for a in (to_middle, to_last - to_middle)]
    t = np.concatenate([np.linspace(0, to_middle, half[0] + 1)[:-1], np.linspace(to_middle, to_last, half[1] + 1)])
    placed = np.empty((len(t), len(first)))
    placed[:, 0] = centre[0] + radius * np.cos(angles[0] + t)
    placed[:, 1] = centre[1] + radius * np.sin(angles[0] + t)
    for axis in range(2, len(first)):
        known = [first[axis], middle[axis], last[axis]]
        placed[:, axis] = np.interp(np.abs(t), np.abs([0, to_middle, to_last]), known)
    placed[0], placed[half[0]], placed[-1] = first, middle, last  # given positions stay exactly
    return placed


def _centre(first: Floats, middle: Floats, last: Floats) -> Floats | None:
    """Return the centre of the circle through three positions; None when they lie in a row."""
    if (first[:2] == last[:2]).all():
        return (first[:2] + middle[:2]) / 2 if (first[:2] != middle[:2]).any() else None
    b, c = middle[:2] - first[:2], last[:2] - first[:2]
    cross = 2 * (b[0] * c[1] - b[1] * c[0])
    if abs(cross) <= 1e-12 * float(b @ b + c @ c):
        return None
    squares = float(b @ b), float(c @ c)
    offset = np.array([c[1] * squares[0] - b[1] * squares[1], b[0] * squares[1] - c[0] * squares[0]]) / cross
    centre: Floats = first[:2] + offset
    return centre


def _turns(angles: Sequence[float]) -> tuple[float, float]:
    """Return how far to turn from the first angle to the second and to the third, in the way that meets both."""
    first, middle, last = angles
    to_middle, to_last = (middle - first) % (2 * pi), (last - first) % (2 * pi)
    if to_last == 0:
        return pi, 2 * pi
    return (to_middle, to_last) if to_middle < to_last else (to_middle - 2 * pi, to_last - 2 * pi)


# --- well-known binary ------------------------------------------------------------------------------


@dataclass
class _Node:
    """A geometry that was read: coordinates of each ring or line, or parts."""

    kind: int
    axes: str
    rings: list[Floats] = field(default_factory=list)
    parts: list[_Node] = field(default_factory=list)


def _read(data: bytes, at: int, depth: int) -> tuple[_Node, int]:
    """Read one geometry; return it and where it ends. Raises struct.error, ValueError, KeyError for damage."""
    order = {0: ">", 1: "<"}[data[at]] if at < len(data) else "<"
    (code,) = struct.unpack_from(f"{order}I", data, at + 1)
    old_z = code >> 31  # GDAL's and EWKB's older way to say Z
    thousands, kind = divmod(code & 0x0FFFFFFF, 1000)
    node, at = _Node(kind, _AXES[thousands | old_z]), at + 5
    if depth > _DEPTH or code & 0x20000000:
        raise ValueError("nested too deeply, or an EWKB with a number of its own for the CRS")
    if kind == wkb.POINT:
        ring, at = _positions(data, at, (order, 1, node.axes))
        node.rings.append(ring)
        return node, at
    (count,), at = struct.unpack_from(f"{order}I", data, at), at + 4
    if kind in _LINES:
        ring, at = _positions(data, at, (order, count, node.axes))
        node.rings.append(ring)
        return node, at
    for _ in range(count):
        if kind in _RINGED:
            (size,) = struct.unpack_from(f"{order}I", data, at)
            ring, at = _positions(data, at + 4, (order, size, node.axes))
            node.rings.append(ring)
        else:
            part, at = _read(data, at, depth + 1)
            node.parts.append(part)
    return node, at


def _positions(data: bytes, at: int, form: tuple[str, int, str]) -> tuple[Floats, int]:
    order, count, axes = form
    width = 2 + len(axes)
    found = np.frombuffer(data, f"{order}f8", count * width, at).reshape(count, width)
    return found.astype(np.float64), at + 8 * count * width


def _has_curves(node: _Node) -> bool:
    return bool(_kinds(node) & _CURVED)


def _kinds(node: _Node) -> set[int]:
    return {node.kind}.union(*(_kinds(part) for part in node.parts))


def _written(node: _Node) -> bytes:
    if node.kind == wkb.POINT:
        return wkb.point(node.rings[0], node.axes)
    if node.kind in _LINES or node.kind == wkb.COMPOUND_CURVE:
        return wkb.line(_path(node), node.axes)
    if node.kind in _RINGED:
        return wkb.polygon(node.rings, node.axes)
    if node.kind == wkb.CURVE_POLYGON:
        return wkb.polygon([_path(part) for part in node.parts], node.axes)
    return wkb.collection([_written(part) for part in node.parts], _BECOME.get(node.kind, node.kind), node.axes)


def _path(node: _Node) -> Floats:
    """Return the vertices of a line, an arc string or a compound curve."""
    if node.kind == wkb.LINE:
        return node.rings[0]
    if node.kind == wkb.CIRCULAR_STRING:
        return _arcs(node.rings[0])
    if node.kind == wkb.COMPOUND_CURVE and node.parts:
        pieces = [_path(part) for part in node.parts]
        return np.concatenate([pieces[0], *(p[1:] for p in pieces[1:])])
    raise ValueError("no line")


def _arcs(points: Floats) -> Floats:
    """Return the vertices of an arc string: every second position is between two ends."""
    if len(points) < 3:
        return points
    pieces = [arc(*points[i : i + 3]) for i in range(0, len(points) - 2, 2)]
    return np.concatenate([pieces[0], *(p[1:] for p in pieces[1:])])
