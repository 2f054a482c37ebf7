"""The top zoom that a layer's data deserve."""

from __future__ import annotations

from math import floor, log2

import numpy as np

from ingest.tiling.options import GRID_ZOOM
from ingest.tiling.select import tiles_of, windows
from ingest.tiling.shapes import POINT, Measures, Shapes

POINT_ZOOM = 14  # a unit there is 0.6 m on the ground at the equator
LOWEST, HIGHEST = 12, 16
EDGE_UNITS = 8  # tile units that the median edge should span at the top zoom
MOST_TILES = 100_000  # large features are magnified sooner instead of filling more tiles: seconds, not minutes
SAMPLE = 200_000


def choose_maxzoom(shapes: Shapes, measures: Measures) -> int:
    """Return the top zoom: the lowest at which the median edge spans eight tile units, 12 to 16.

    Points get 14. Where the boxes of all features would touch more than a hundred thousand tiles, less, down to 6.
    """
    zoom = POINT_ZOOM if (shapes.kind == POINT).all() else _by_edges(shapes)
    while zoom > 6 and tiles_of(windows(zoom, 2**zoom, measures.box)).sum() > max(MOST_TILES, 4 * shapes.kind.size):
        zoom -= 1
    return zoom


def _by_edges(shapes: Shapes) -> int:
    step = max(1, len(shapes.xy) // SAMPLE)
    following = np.arange(0, len(shapes.xy) - 1, step)
    following = following[~np.isin(following + 1, shapes.starts)]  # not from one ring to the next
    edges = np.hypot(*(shapes.xy[following + 1].astype(np.float64) - shapes.xy[following]).T)
    edges = edges[edges > 0]
    if not edges.size:
        return POINT_ZOOM
    needed = GRID_ZOOM - floor(log2(max(1.0, float(np.median(edges)) / EDGE_UNITS)))
    return min(HIGHEST, max(LOWEST, needed))
