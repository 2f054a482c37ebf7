"""What becomes one GLB: vertices about a local origin, their normals and features, and triangles by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.models.globe import LocalFrame, Region
from twin.models.shapes import Solid

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_CREASE = np.cos(np.radians(1.0))  # faces that meet at less than this share their vertices


@dataclass(frozen=True)
class Mesh:
    """Triangles in a local frame: x east, y north, z up, metres about `frame`'s origin."""

    positions: Floats  # (vertices, 3)
    normals: Floats  # (vertices, 3), of length 1
    features: Ints  # (vertices,) from 0
    triangles: Mapping[str, Ints]  # by kind, (triangles, 3), counter-clockwise seen from outside
    frame: LocalFrame
    region: Region  # that holds all of it


def faceted(
    solids: Sequence[Solid], lonlat: Sequence[tuple[Floats, Floats]], undulation_m: Sequence[float]
) -> Mesh:
    """Return solids as one mesh whose edges are sharp; faces in one plane share their vertices.

    `lonlat` are longitudes and latitudes of each solid's points (degrees), `undulation_m` how high the zero of
    its heights lies above the ellipsoid.
    """
    lon = np.concatenate([points[0] for points in lonlat])
    lat = np.concatenate([points[1] for points in lonlat])
    lifted = zip(solids, undulation_m, strict=True)
    height = np.concatenate([solid.positions[:, 2] + up for solid, up in lifted])
    region = Region.of(lon, lat, float(height.min()), float(height.max()))
    frame = LocalFrame((region.west + region.east) / 2, (region.south + region.north) / 2, float(height.min()))
    local = frame.local(lon, lat, height)
    at, parts, kinds = 0, [], []
    for solid in solids:
        parts.append(_sharp(local[at : at + len(solid.positions)], solid.triangles))
        kinds.append(solid.kind)
        at += len(solid.positions)
    starts = np.cumsum([0, *(len(part[0]) for part in parts)])
    by_kind: dict[str, list[Ints]] = {}
    for kind, part, start in zip(kinds, parts, starts, strict=False):
        by_kind.setdefault(kind, []).append(part[2] + start)
    return Mesh(
        positions=np.concatenate([part[0] for part in parts]),
        normals=np.concatenate([part[1] for part in parts]),
        features=np.repeat([solid.feature for solid in solids], [len(part[0]) for part in parts]),
        triangles={kind: np.concatenate(by_kind[kind]) for kind in sorted(by_kind)},
        frame=frame,
        region=region,
    )


def _sharp(points: Floats, triangles: Ints) -> tuple[Floats, Floats, Ints]:
    """Return points, normals and triangles, each point once for every plane that meets in it."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=1)
    kept = length > 1e-9  # what has no area has no side to look at
    triangles, normal = triangles[kept], normal[kept] / length[kept, None]
    planes = _planes(normal)
    corners, where = np.unique(
        np.column_stack([triangles.ravel(), np.repeat(planes, 3)]), axis=0, return_inverse=True
    )
    first = np.zeros(planes.max(initial=-1) + 1, int)
    first[planes[::-1]] = np.arange(len(planes))[::-1]
    return points[corners[:, 0]], normal[first[corners[:, 1]]], where.reshape(-1, 3)


def _planes(normals: Floats) -> Ints:
    """Return the number of the direction that each face looks in: those within a degree are one."""
    out = np.full(len(normals), -1)
    count = 0
    while (out < 0).any():
        alike = (out < 0) & (normals @ normals[np.argmax(out < 0)] > _CREASE)
        out[alike] = count
        count += 1
    return out
