"""One tile of terrain: which heights it has, at which places, and its bytes.

All in WorldCRS84Quad, rows from the north. Its nodes are the centres of the source's pixels that lie in it, and
where its edges cross their rows and columns. So that neighbours agree to the
last bit, all is worked out from numbers that count from the world's corner.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from naru.cog import BLOCK
from twin.ellipsoid import A_M
from twin.mesh.heights import Heights, Pixels
from twin.mesh.quantized import Mesh, encode
from twin.mesh.triangulate import SPAN, Nodes, triangulate
from twin.mesh.undulation import Undulation

Floats = npt.NDArray[np.float64]
LIMIT = 85.05112877980659  # latitude where the square world of Web Mercator ends
_HALO = 2  # pixels beyond the tile: one for what edges share, one more for slopes
MARGIN = 0.96  # of an error is used up on heights: the rest is for places, kept to 1/128 of a pixel
_FLOAT32 = 1 << 24  # the header keeps lowest and highest height in 24 bits: they must be whole steps
_FINEST_M = 2**-12
LEVEL_ZERO_ERROR_M = 2 * math.pi * A_M * 0.25 / (65 * 2)  # Cesium's geometric error of zoom 0, 77067 m


@dataclass(frozen=True)
class Plan:
    """What all tiles of a mesh have in common."""

    undulation: Undulation
    finer: int  # zooms by which the pixels' zoom is above the tile's: 1 for 256 pixels across a tile
    max_error_m: dict[int, float]  # by zoom
    step_m: float  # of heights on the edges of tiles: a power of two

    def level(self, z: int) -> int:
        """Return the zoom of WebMercatorQuad whose pixels a tile of zoom z is made from."""
        return z + self.finer


@dataclass(frozen=True)
class Tile:
    """A finished tile; `data` is None where the source has nothing."""

    z: int
    x: int
    y: int  # from the north
    data: bytes | None
    triangles: int = 0
    error_m: float = 0.0  # the largest between the triangles and any node
    low_m: float = 0.0


def bounds_of(z: int, x: int, y: int) -> tuple[float, float, float, float]:
    """Return west, south, east, north of a tile, degrees; y counts from the north.

    >>> bounds_of(0, 1, 0)
    (0.0, -90.0, 180.0, 90.0)
    """
    wide = 180 / 2**z
    return -180 + x * wide, 90 - (y + 1) * wide, -180 + (x + 1) * wide, 90 - y * wide


def make_tile(heights: Heights, plan: Plan, tile: tuple[int, int, int], *, always: bool = False) -> Tile:
    """Return a tile from a source; `always`: even where the source has nothing (roots)."""
    z, x, y = tile
    cut = cut_of(plan, z, x, y)
    found = heights.read(cut.pixels)
    inner = found[_HALO - 1 : -_HALO + 1, _HALO:-_HALO]
    if not always and not np.isfinite(inner).any():
        return Tile(z, x, y, None)
    heights.fill(cut.pixels, found)
    return _meshed(plan, cut, found + plan.undulation.over(cut.lon, cut.lat), tile)


def nodes_of(heights: Heights, plan: Plan, tile: tuple[int, int, int]) -> Nodes:
    """Return the nodes that a tile is meshed from: for whoever checks it, or meshes them otherwise."""
    cut = cut_of(plan, *tile)
    found = heights.read(cut.pixels)
    heights.fill(cut.pixels, found)
    return _nodes(plan, cut, found + plan.undulation.over(cut.lon, cut.lat))[0]


def parts_of(z: int, max_error_m: float) -> int:
    """Return in how many parts a tile's sides are cut, so that flat triangles stay near the round Earth.

    Along a part's diagonal an arc rises r/8 · 2 · (width/parts)² above its chord: at most a quarter of the error
    (in 64 parts, whatever is asked of a coarse last zoom).

    >>> parts_of(0, 19267.0), parts_of(10, 18.8), parts_of(16, 0.25)
    (64, 2, 1)
    """
    allowed = min(max_error_m, LEVEL_ZERO_ERROR_M / 4 / 2**z) / 4
    parts = math.pi / 2**z * math.sqrt(A_M / 4 / allowed)
    return int(min(64, 2 ** max(0, math.ceil(math.log2(parts)))))


@dataclass(frozen=True)
class Cut:
    """How a tile lies on the pixels of its level."""

    bounds: tuple[float, float, float, float]
    pixels: Pixels  # with the halo
    lon: Floats  # of the pixels' columns, degrees
    lat: Floats  # of the pixels' rows
    u: npt.NDArray[np.int32]  # of the nodes' columns, from the west
    v: npt.NDArray[np.int32]  # of the nodes' rows, from the south
    column: Floats  # of the nodes, in pixels of the window, as fractions
    row: Floats
    own: npt.NDArray[np.int64]  # rows of the window whose pixels are nodes, from the south


def cut_of(plan: Plan, z: int, x: int, y: int) -> Cut:
    """Return how a tile lies on its pixels."""
    level = plan.level(z)
    bounds = bounds_of(z, x, y)
    side = BLOCK << level  # pixels round the world
    across = BLOCK << plan.finer >> 1  # pixels across a tile: half the world is the width of zoom 0
    left = x * across - _HALO
    north, south = _row(bounds[3], side), _row(bounds[1], side)  # where the edges lie, in rows
    top = math.floor(north - 0.5) - _HALO + 1
    bottom = math.ceil(south + 0.5) + _HALO
    pixels = Pixels(level, left, top, left + across + 2 * _HALO, bottom)
    rows = np.arange(top, bottom)
    lat = _latitude(rows + 0.5, side)
    lon = np.asarray((np.arange(left, pixels.right) + 0.5) * (360 / side) - 180, np.float64)
    v = np.rint((lat - bounds[1]) * (SPAN * 2.0**z / 180))
    own = np.flatnonzero((v > 0) & (v < SPAN) & (rows >= 0) & (rows < side))[::-1]
    u = np.rint((np.arange(across) + 0.5) * (SPAN / across))
    return Cut(
        bounds,
        pixels,
        lon,
        lat,
        np.concatenate([[0], u, [SPAN]]).astype(np.int32),
        np.concatenate([[0], v[own], [SPAN]]).astype(np.int32),
        np.concatenate([[_HALO - 0.5], np.arange(across) + _HALO, [across + _HALO - 0.5]]),
        np.concatenate([[south - 0.5 - top], own, [north - 0.5 - top]]),
        own,
    )


def _row(latitude: float, side: int) -> float:
    """Return where a latitude lies in rows from the world's northern edge, as WebMercatorQuad has them."""
    sine = math.sin(math.radians(max(-LIMIT, min(LIMIT, latitude))))
    return (0.5 - math.atanh(sine) / (2 * math.pi)) * side


def _latitude(row: Any, side: int) -> Floats:
    out: Floats = np.degrees(np.arctan(np.sinh(math.pi * (1 - 2 * row / side))))
    return out


def _meshed(plan: Plan, cut: Cut, window: Floats, tile: tuple[int, int, int]) -> Tile:
    z, x, y = tile
    nodes, low, step = _nodes(plan, cut, window)
    limit = plan.max_error_m[z] * MARGIN
    made = triangulate(nodes, limit, parts_of(z, plan.max_error_m[z]))
    heights = nodes.kept[made.row, made.column]
    mesh = Mesh(
        bounds=cut.bounds,
        u=nodes.u[made.column],
        v=nodes.v[made.row],
        q=np.rint((heights - low) / step).astype(np.int32),
        corners=made.corners,
        normals=_normals(cut, window, made.row, made.column),
        low_m=low,
        step_m=step,
    )
    return Tile(z, x, y, encode(mesh), len(made.corners), made.error_m, low)


def _nodes(plan: Plan, cut: Cut, window: Floats) -> tuple[Nodes, float, float]:
    """Return the nodes, the tile's lowest height and its step: the finest that spans its heights, and divides the
    one that all edges of the zoom are kept to."""
    true = _sampled(cut, window)
    low = math.floor(float(true.min()) / plan.step_m) * plan.step_m
    high = math.ceil(float(true.max()) / plan.step_m) * plan.step_m
    step = plan.step_m
    while step > _FINEST_M and (high - low) / step * 2 <= SPAN and _whole_steps(low, step / 2):
        step /= 2
    kept = np.rint((true - low) / step) * step + low
    for edge in ((0, ...), (-1, ...), (..., 0), (..., -1)):
        kept[edge] = np.rint(true[edge] / plan.step_m) * plan.step_m
    return Nodes(cut.u, cut.v, true, kept), low, step


def _whole_steps(low: float, step: float) -> bool:
    """Return whether the header can keep the lowest and the highest height exactly."""
    return max(abs(low), abs(low + SPAN * step)) / step < _FLOAT32


def _sampled(cut: Cut, window: Floats) -> Floats:
    """Return heights at the nodes: pixels as they are, and on the tile's edges what lies between two of them."""
    row, column = cut.row, cut.column
    rows = np.concatenate([_line(window, row[0])[None], window[cut.own], _line(window, row[-1])[None]])
    out: Floats = np.empty((row.size, column.size))
    out[:, 1:-1] = rows[:, _HALO:-_HALO]
    out[:, 0], out[:, -1] = _line(rows.T, column[0]), _line(rows.T, column[-1])
    return out


def _line(values: Floats, at: float) -> Floats:
    """Return what lies between two rows, linear."""
    first = math.floor(at)
    share = at - first
    out: Floats = values[first] * (1 - share) + values[first + 1] * share
    return out


def _normals(cut: Cut, window: Floats, row: Any, column: Any) -> Floats:
    """Return unit vectors east, north, up at nodes: from slopes over 3 × 3 pixels (Horn 1981), across edges too."""
    r, c = np.floor(cut.row[row]).astype(int), np.floor(cut.column[column]).astype(int)
    near = np.arange(-1, 3)
    patch = window[r[:, None, None] + near[:, None], c[:, None, None] + near]  # (points, 4 rows, 4 columns)
    across = (patch[:, :, 2:] - patch[:, :, :-2]) / 8
    down = (patch[:, 2:] - patch[:, :-2]) / 8
    east = -(across[:, :-2] + 2 * across[:, 1:-1] + across[:, 2:])  # at the four pixels round the point
    north = down[:, :, :-2] + 2 * down[:, :, 1:-1] + down[:, :, 2:]
    pixel = math.radians(cut.lon[1] - cut.lon[0]) * A_M * np.cos(np.radians(cut.lat))  # metres, either way
    metres = np.stack([pixel[r], pixel[r + 1]], axis=1)[:, :, None]
    shares = (cut.row[row] - r)[:, None], (cut.column[column] - c)[:, None]
    flat = [_mixed(slope / metres, *shares) for slope in (east, north)]
    out = np.column_stack([*flat, np.ones(len(row))])
    unit: Floats = out / np.linalg.norm(out, axis=1, keepdims=True)
    return unit


def _mixed(corners: Floats, down: Floats, right: Floats) -> Floats:
    """Return values between four pixels (points, 2, 2), bilinear."""
    rows = corners[:, 0] * (1 - down) + corners[:, 1] * down
    out: Floats = rows[:, 0] * (1 - right[:, 0]) + rows[:, 1] * right[:, 0]
    return out
