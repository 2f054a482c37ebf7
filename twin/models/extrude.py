"""Outlines become blocks (level of detail 1): upright walls that face outwards, and a flat roof.

Blocks stand on the ground, so they have no bottom unless one is asked for; then each is closed (watertight).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.models.globe import LocalFrame, Region
from twin.models.mesh import Mesh
from twin.models.outlines import Outlines

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Blocks:
    """Outlines on the globe, and between which ellipsoidal heights each feature stands."""

    outlines: Outlines
    lon: Floats  # of the outlines' points, degrees
    lat: Floats
    low: Floats  # by feature, ellipsoidal metres
    high: Floats


def extrude(blocks: Blocks, *, closed: bool = False) -> Mesh:
    """Return the blocks as one mesh about their middle; triangles of kinds "wall" and "roof".

    Raises ValueError where there is not one outline.
    """
    shape = blocks.outlines
    if not len(shape.points):
        raise ValueError("no outline to extrude")
    low, high = blocks.low[shape.feature], blocks.high[shape.feature]
    region = Region.of(blocks.lon, blocks.lat, float(low.min()), float(high.max()))
    frame = LocalFrame((region.west + region.east) / 2, (region.south + region.north) / 2, float(low.min()))
    foot, top = frame.local(blocks.lon, blocks.lat, low), frame.local(blocks.lon, blocks.lat, high)
    wall_points, wall_normals, wall_triangles = _walls(foot, top, shape.after)
    up = _unit(top - foot)
    count = len(shape.points)
    positions, normals = [wall_points, top], [wall_normals, up]
    features = [np.repeat(shape.feature, 4), shape.feature]
    triangles = {"wall": wall_triangles, "roof": shape.triangles + 4 * count}
    if closed:
        positions, normals, features = [*positions, foot], [*normals, -up], [*features, shape.feature]
        bottom = shape.triangles[:, ::-1] + 5 * count
        triangles["wall"] = np.concatenate([wall_triangles, bottom])
    return Mesh(
        np.concatenate(positions), np.concatenate(normals), np.concatenate(features), triangles, frame, region
    )


def _walls(foot: Floats, top: Floats, after: Ints) -> tuple[Floats, Floats, Ints]:
    """Return four points for each side of a ring, their normals (to the right of the side), two triangles."""
    corners = np.stack([foot, foot[after], top[after], top], axis=1)
    outward = _unit(np.cross(corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0]))
    first = (4 * np.arange(len(foot)))[:, None]
    triangles = np.concatenate([first + np.array(half) for half in ([0, 1, 2], [0, 2, 3])])
    return corners.reshape(-1, 3), np.repeat(outward, 4, axis=0), triangles


def _unit(vectors: Floats) -> Floats:
    """Return vectors at length 1; those of none point up."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Floats = np.where(length > 0, vectors / np.where(length > 0, length, 1.0), [0.0, 0.0, 1.0])
    return unit
