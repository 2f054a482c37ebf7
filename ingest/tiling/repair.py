"""Polygons that snapping or clipping made invalid, made valid on the tile's own grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from ingest.tiling.clip import DOUBTFUL, SOUND, Pieces
from ingest.tiling.shapes import Ints


def repaired(pieces: Pieces) -> tuple[Pieces, Ints]:
    """Return the pieces with every polygon valid (OGC 06-103r4 §6.1.11), and which had to be changed."""
    doubtful = np.flatnonzero(pieces.state == DOUBTFUL)
    if not doubtful.size:
        return pieces, doubtful
    polygons = _polygons(pieces, doubtful)
    bad = ~shapely.is_valid(polygons)
    state = pieces.state.copy()
    state[doubtful] = SOUND
    if not bad.any():
        return pieces._replace(state=state), doubtful[bad]
    mended = {int(i): _mended(p) for i, p in zip(doubtful[bad], polygons[bad], strict=True)}
    return _replaced(pieces._replace(state=state), mended), doubtful[bad]


def _polygons(pieces: Pieces, index: Ints) -> NDArray[Any]:
    rings_of = pieces.rings[index + 1] - pieces.rings[index]
    ring = np.repeat(pieces.rings[index] - np.cumsum(rings_of) + rings_of, rings_of) + np.arange(rings_of.sum())
    sizes = pieces.starts[ring + 1] - pieces.starts[ring]
    vertex = np.repeat(pieces.starts[ring] - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
    rings = shapely.linearrings(
        pieces.xy[vertex].astype(np.float64), indices=np.repeat(np.arange(ring.size), sizes)
    )
    exterior = ~pieces.hole[ring]
    polygon_of_ring = np.cumsum(exterior) - 1
    shells = rings[exterior]
    holes, owner = rings[~exterior], polygon_of_ring[~exterior]
    polygons = shapely.polygons(shells)
    for p in np.unique(owner):
        polygons[p] = shapely.polygons(shells[p], holes=holes[owner == p])
    piece_of_polygon = np.repeat(np.arange(index.size), rings_of)[exterior]
    out: NDArray[Any] = shapely.multipolygons(polygons, indices=piece_of_polygon)
    return out


def _mended(polygon: Any) -> list[tuple[NDArray[np.int32], bool]]:
    """Return rings (vertices, is a hole) of the valid polygons nearest to an invalid one, on whole units.

    One that is all hole, thinner than a unit, keeps a square of one unit at its first vertex.
    """
    valid = shapely.set_precision(shapely.make_valid(polygon, method="structure", keep_collapsed=False), 1.0)
    if not shapely.area(valid):
        x, y = shapely.get_coordinates(polygon)[0]
        left, top = x - (x > 0), y - (y > 0)
        valid = shapely.box(left, top, left + 1, top + 1)
    out: list[tuple[NDArray[np.int32], bool]] = []
    for part in shapely.get_parts(valid):
        if part.geom_type != "Polygon":
            continue
        wound = shapely.orient_polygons(part)  # counter-clockwise with y up is clockwise on the screen with y down
        for number, ring in enumerate((wound.exterior, *wound.interiors)):
            out.append((shapely.get_coordinates(ring)[:-1].astype(np.int32), number > 0))
    return out


def _replaced(pieces: Pieces, mended: dict[int, list[tuple[NDArray[np.int32], bool]]]) -> Pieces:
    rings_of, sizes, holes, vertices = [], [], [], []
    previous = 0
    for i in [*sorted(mended), pieces.state.size]:
        first, last = pieces.rings[previous], pieces.rings[i]
        rings_of.append(np.diff(pieces.rings[previous : i + 1]))
        sizes.append(np.diff(pieces.starts[first : last + 1]))
        holes.append(pieces.hole[first:last])
        vertices.append(pieces.xy[pieces.starts[first] : pieces.starts[last]])
        if i in mended:
            rings = mended[i]
            rings_of.append(np.array([len(rings)]))
            sizes.append(np.array([len(xy) for xy, _ in rings], np.int64))
            holes.append(np.array([hole for _, hole in rings], np.bool_))
            vertices.extend(xy for xy, _ in rings)
        previous = i + 1
    zero = np.zeros(1, np.int64)
    return Pieces(
        pieces.state,
        np.concatenate([zero, np.cumsum(np.concatenate(rings_of), dtype=np.int64)]),
        np.concatenate([zero, np.cumsum(np.concatenate(sizes), dtype=np.int64)]),
        np.concatenate(holes),
        np.concatenate(vertices).astype(np.int32),
    )
