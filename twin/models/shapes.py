"""Closed solids from plans: boxes, prisms, walls and embankments along lines, of which structures are put together.

Coordinates: a projected CRS in metres (x east, y north) and heights in metres (EL). Every solid is closed, its
triangles run counter-clockwise seen from outside, and its volume is positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from twin.models.outlines import outlines

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Heights = Floats | float


@dataclass(frozen=True)
class Solid:
    """A closed body of triangles. `kind` says of what it is, and so its colour: see twin/models/materials.py."""

    positions: Floats  # (points, 3) x, y in the CRS and height, metres
    triangles: Ints  # (triangles, 3) into positions, counter-clockwise from outside
    kind: str
    feature: int  # which feature it is part of, from 0

    @property
    def volume_m3(self) -> float:
        """The volume, by the divergence theorem; negative where triangles face inwards."""
        a, b, c = (self.positions[self.triangles[:, i]] - self.positions[0] for i in range(3))
        return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def prism(ring: Floats, bottom: float, top: float, kind: str, feature: int) -> Solid:
    """Return the upright body over a ring (points, 2; need not be closed or convex), from one height to another.

    >>> round(prism(np.array([[0, 0], [4, 0], [4, 2], [0, 2.0]]), 1.0, 4.0, "pier", 0).volume_m3, 9)
    24.0
    """
    shape = outlines(np.array([shapely.Polygon(ring)], object))
    n = len(shape.points)
    low, high = np.full((n, 1), bottom), np.full((n, 1), top)
    positions = np.vstack([np.hstack([shape.points, low]), np.hstack([shape.points, high])])
    here, there = np.arange(n), shape.after
    walls = [np.column_stack([here, there, there + n]), np.column_stack([here, there + n, here + n])]
    return Solid(positions, np.vstack([shape.triangles[:, ::-1], shape.triangles + n, *walls]), kind, feature)


def box(
    centre: tuple[float, float],
    along: tuple[float, float],
    size: tuple[float, float],
    heights: tuple[float, float],
    made: tuple[str, int],
) -> Solid:
    """Return a box about a centre: `size` along the direction and across it, `heights` bottom and top.

    `made` is kind and feature.
    """
    direction = np.asarray(along, float) / np.hypot(*along)
    across = np.array([-direction[1], direction[0]])
    half_along, half_across = direction * size[0] / 2, across * size[1] / 2
    corners = [-half_along - half_across, half_along - half_across, half_along + half_across]
    ring = np.asarray(centre, float) + np.array([*corners, -half_along + half_across])
    return prism(ring, heights[0], heights[1], *made)


def sweep(line: Floats, profiles: Sequence[Floats] | Floats, kind: str, feature: int) -> Solid:
    """Return the body that a profile makes along a line: walls, levees, decks, aprons.

    `line` is (points, 2), `profiles` (points, corners, 2): at each point of the line the same number of corners,
    each with its offset to the left of the line (metres) and its height, counter-clockwise as seen looking along
    the line with left to the left. At bends the corners lie on the bisector, so that offsets keep their distance
    from the line's straight parts, up to four times that at sharp bends.
    """
    line, shape = np.asarray(line, float), np.asarray(profiles, float)
    sideways = _mitres(line)
    plan = line[:, None, :] + shape[..., :1] * sideways[:, None, :]
    positions = np.concatenate([plan, shape[..., 1:]], axis=2)
    points, corners = shape.shape[:2]
    at = np.arange(points * corners).reshape(points, corners)
    here, there = at[:-1], at[1:]
    here_next, there_next = np.roll(here, -1, axis=1), np.roll(there, -1, axis=1)
    sides = [np.stack([here, there_next, there], -1), np.stack([here, here_next, there_next], -1)]
    cap = _cap(shape[0]), _cap(shape[-1])
    ends = [at[0][cap[0][:, ::-1]], at[-1][cap[1]]]
    triangles = np.vstack([np.concatenate(sides).reshape(-1, 3), *ends])
    solid = Solid(positions.reshape(-1, 3), triangles, kind, feature)
    return solid if solid.volume_m3 > 0 else Solid(solid.positions, triangles[:, ::-1], kind, feature)


def band(line: Floats, sides: tuple[float, float], low: Heights, high: Heights, made: tuple[str, int]) -> Solid:
    """Return a wall or slab along a line (points, 2), from one distance to its left to another (metres).

    Heights of its underside and top are by point, or one for all. `made` is kind and feature.
    """
    low, high = np.broadcast_to(low, len(line)), np.broadcast_to(high, len(line))
    right, left = (np.full(len(line), side) for side in sides)
    return sweep(line, corners((right, low), (left, low), (left, high), (right, high)), *made)


def corners(*columns: tuple[Floats, Floats]) -> Floats:
    """Return profiles for `sweep` of each corner's offsets and heights by point."""
    return np.stack([np.column_stack(column) for column in columns], axis=1)


def _mitres(line: Floats) -> Floats:
    """Return the direction to the left at each point, as long as the mitre is, at most four."""
    steps = np.diff(line, axis=0)
    steps /= np.hypot(*steps.T)[:, None]
    lefts = np.column_stack([-steps[:, 1], steps[:, 0]])
    before, after = np.vstack([lefts[:1], lefts]), np.vstack([lefts, lefts[-1:]])
    both = before + after
    length = np.hypot(*both.T)
    both = np.where(length[:, None] > 1e-9, both / np.maximum(length, 1e-9)[:, None], before)
    mitred: Floats = both / np.maximum(np.einsum("ij,ij->i", both, after), 0.25)[:, None]
    return mitred


def _cap(profile: Floats) -> Ints:
    """Return the triangles that close the end of a sweep; the profile is convex."""
    return np.array([(0, i, i + 1) for i in range(1, len(profile) - 1)])
