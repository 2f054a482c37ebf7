"""quantized-mesh-1.0 (Cesium): one tile's bytes from its triangles, with the extension of octahedral normals."""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from naru.kernel import kernel
from twin.ellipsoid import A_M, B_M, geocentric
from twin.mesh.triangulate import SPAN, Ints

Floats = npt.NDArray[np.float64]
EXTENSIONS = ("octvertexnormals",)
_NORMALS = 1  # id of the extension
_HEAD = struct.Struct("<3d 2f 4d 3d")
_LEVEL = 6  # of gzip: 9 takes twice as long for 1 % less
_RADII = np.array([A_M, A_M, B_M])
_FAR = 1e6  # where no point of the horizon hides the tile, one so far out that it is hidden nowhere near


@dataclass(frozen=True)
class Mesh:
    """A tile's triangles. `u`, `v`: 0 … 32767 from the west and the south; `q`: heights above `low_m` in `step_m`.

    `normals`: (points, 3) unit vectors, east, north, up of the place.
    """

    bounds: tuple[float, float, float, float]  # west, south, east, north, degrees (WGS 84)
    u: Ints
    v: Ints
    q: Ints
    corners: Ints  # (triangles, 3), against the clock from above
    normals: Floats
    low_m: float  # above the ellipsoid
    step_m: float


def encode(mesh: Mesh) -> bytes:
    """Return the tile, gzip-compressed (RFC 1952), the same for the same mesh.

    The header's maximum height is `low_m` + 32767 · `step_m`, which lies at or above the highest point: so every
    tile of a zoom decodes heights to the same steps, and edges meet to the last bit.
    """
    order, corners = _in_order_of_use(_near_each_other(mesh))
    u, v, q = mesh.u[order], mesh.v[order], mesh.q[order]
    lon, lat = positions(mesh.bounds, u, v)
    xyz = geocentric(lon, lat, mesh.low_m + q * mesh.step_m)
    wide = "<u4" if u.size > 65536 else "<u2"
    parts = [
        _head(xyz, mesh.low_m, mesh.low_m + SPAN * mesh.step_m),
        struct.pack("<I", u.size),
        *(zigzag(np.diff(values, prepend=0)).astype("<u2").tobytes() for values in (u, v, q)),
    ]
    parts.append(b"\0" * (-sum(map(len, parts)) % (4 if wide == "<u4" else 2)))
    parts += [struct.pack("<I", len(corners)), high_water(corners.ravel()).astype(wide).tobytes()]
    for edge in _edges(u, v):
        parts += [struct.pack("<I", edge.size), edge.astype(wide).tobytes()]
    normals = oct_encode(_to_ecef(mesh.normals[order], lon, lat)).tobytes()
    parts += [struct.pack("<BI", _NORMALS, len(normals)), normals]
    return gzip.compress(b"".join(parts), _LEVEL, mtime=0)


def zigzag(values: Any) -> npt.NDArray[np.uint32]:
    """Return whole numbers such that small ones of either sign stay small.

    >>> zigzag(np.array([0, -1, 1, -2])).tolist()
    [0, 1, 2, 3]
    """
    given = np.asarray(values, np.int32)
    return ((given << 1) ^ (given >> 31)).view(np.uint32)


@kernel
def high_water(indices: Any) -> Any:
    """Return indices as distances below the highest that was due next; they must appear in order of first use."""
    out = np.empty(indices.size, np.int64)
    highest = 0
    for i in range(indices.size):
        out[i] = highest - indices[i]
        if indices[i] == highest:
            highest += 1
    return out


def oct_encode(normals: Floats) -> npt.NDArray[np.uint8]:
    """Return unit vectors (n, 3) as points of an unfolded octahedron, a byte each way (Cigolle et al. 2014).

    >>> oct_encode(np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])).tolist()
    [[128, 128], [255, 128]]
    """
    flat = normals[:, :2] / np.abs(normals).sum(axis=1, keepdims=True)
    signs = np.where(flat < 0, -1.0, 1.0)
    folded = np.where(normals[:, 2:] < 0, (1 - np.abs(flat[:, ::-1])) * signs, flat)
    return np.asarray(np.clip(np.floor((folded * 0.5 + 0.5) * 255 + 0.5), 0, 255), np.uint8)


def positions(bounds: tuple[float, float, float, float], u: Any, v: Any) -> tuple[Floats, Floats]:
    """Return longitudes and latitudes (degrees) of places in a tile."""
    west, south, east, north = bounds
    return west + (east - west) * (u / SPAN), south + (north - south) * (v / SPAN)


def _to_ecef(normals: Floats, lon: Any, lat: Any) -> Floats:
    """Return east, north, up vectors in geocentric axes."""
    sin_lon, cos_lon = np.sin(np.radians(lon)), np.cos(np.radians(lon))
    sin_lat, cos_lat = np.sin(np.radians(lat)), np.cos(np.radians(lat))
    east, north, up = normals.T
    return np.column_stack(
        [
            -sin_lon * east - sin_lat * cos_lon * north + cos_lat * cos_lon * up,
            cos_lon * east - sin_lat * sin_lon * north + cos_lat * sin_lon * up,
            cos_lat * north + sin_lat * up,
        ]
    )


def _near_each_other(mesh: Mesh) -> Ints:
    """Return the triangles along a Z-order curve of their middles, so that numbers close by are used together."""
    x, y = (values[mesh.corners].sum(axis=1) // 3 >> 7 for values in (mesh.u, mesh.v))
    return mesh.corners[np.argsort(_spread(x) | _spread(y) << 1, kind="stable")]


def _spread(values: Any) -> Any:
    """Put a 0 between the bits of 8-bit numbers."""
    out = values.astype(np.int64)
    for shift, mask in ((4, 0x0F0F), (2, 0x3333), (1, 0x5555)):
        out = (out | out << shift) & mask
    return out


def _in_order_of_use(corners: Ints) -> tuple[Ints, Ints]:
    """Return which point each new number stands for, and the triangles in the new numbers."""
    old, first, inverse = np.unique(corners, return_index=True, return_inverse=True)
    by_use = np.argsort(first, kind="stable")
    new = np.empty(old.size, np.int32)
    new[by_use] = np.arange(old.size, dtype=np.int32)
    return old[by_use], new[inverse].reshape(-1, 3)


def _edges(u: Ints, v: Ints) -> tuple[Any, Any, Any, Any]:
    """Return the points on the west, south, east and north edge, each from the south or the west."""
    found = [(np.flatnonzero(u == 0), v), (np.flatnonzero(v == 0), u)]
    found += [(np.flatnonzero(u == SPAN), v), (np.flatnonzero(v == SPAN), u)]
    west, south, east, north = (points[np.argsort(along[points])] for points, along in found)
    return west, south, east, north


def _head(xyz: Floats, low: float, high: float) -> bytes:
    """Return the header: centre, heights, a sphere round all points, and the point behind the horizon."""
    centre = (xyz.min(axis=0) + xyz.max(axis=0)) / 2
    radius = float(np.sqrt(((xyz - centre) ** 2).sum(axis=1).max()))
    return _HEAD.pack(*centre, low, high, *centre, radius, *horizon_point(xyz, centre))


def horizon_point(xyz: Floats, centre: Floats) -> Floats:
    """Return the point that is hidden by the ellipsoid only when all of `xyz` are; in units of the semi-axes.

    Ring & Cozzi 2013, "Computing the horizon occlusion point". Positions below the ellipsoid count as on it. A tile
    round half the Earth has none: a point far out is given then.
    """
    scaled = xyz / _RADII
    towards = centre / _RADII
    length = float(np.linalg.norm(towards))
    if length < 1e-9:
        return np.array([0.0, 0.0, _FAR])
    towards = towards / length
    square = np.maximum(1.0, (scaled**2).sum(axis=1))
    unit = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    cos_beta = 1 / np.sqrt(square)
    sin_beta = np.sqrt(square - 1) * cos_beta
    cos_alpha = unit @ towards
    sin_alpha = np.linalg.norm(np.cross(unit, towards), axis=1)
    share = cos_alpha * cos_beta - sin_alpha * sin_beta
    least = float(share.min())
    out: Floats = towards * (min(_FAR, 1 / least) if least > 0 else _FAR)
    return out
