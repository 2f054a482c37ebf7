"""One point per polygon, where its name stands.

A polygon is cut at every tile's border, and a map would write its name on every piece. So tiles carry a second
layer, `<layer>--label`: one point a polygon, in one tile a zoom, with the feature's id and its name alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from ingest.tiling.attributes import Attributes, Field
from ingest.tiling.clip import Pieces
from ingest.tiling.coverage import polygons_of
from ingest.tiling.dictionary import Dictionary
from ingest.tiling.encode import Drawn
from ingest.tiling.options import EXTENT, GRID_ZOOM
from ingest.tiling.select import hilbert_numbers
from ingest.tiling.shapes import POINT, POLYGON, Ints, Measures, Shapes, take

MOST = 20_000  # polygons; in larger layers they seldom reach beyond a tile, and the points would cost
SHOWN_UNITS = 160  # side, in tile units, from which a polygon is named below the top zoom: 20 px of 512
_UNITS_SHIFT = 12  # log2 of EXTENT


class Labels(NamedTuple):
    """The label points of a layer, on the grid, and the one attribute they carry."""

    xy: Ints  # (n, 2)
    row: Ints  # (n)
    side: NDArray[np.float64]  # (n) square root of the polygon's area, grid steps
    attributes: Attributes


class Placed(NamedTuple):
    """The label points of one zoom, by tile."""

    tile: Ints  # (n) Hilbert number, ascending
    row: Ints  # (n)
    xy: NDArray[np.int32]  # (n, 2) tile units


def labels_of(
    shapes: Shapes, measures: Measures, attributes: Attributes, fields: tuple[Field, ...], name: str | None
) -> Labels | None:
    """Return the label points of a layer's polygons; None without a field `name`, polygons, or with too many."""
    column = next((i for i, field in enumerate(fields) if field.name == name), None)
    index = np.flatnonzero(shapes.kind == POLYGON)
    if column is None or not 0 < index.size <= MOST:
        return None
    index = index[attributes.codes[shapes.row[index], column] >= 0]
    side = np.sqrt(np.abs(measures.size[index]))
    xy = _centres(polygons_of(take(shapes, index)), side) if index.size else np.zeros((0, 2))
    return Labels(np.rint(xy).astype(np.int64), shapes.row[index], side, _only(attributes, column))


def _centres(polygons: NDArray[Any], side: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the centre of the largest circle in each polygon's largest part, to a twentieth of its side."""
    parts, owner = shapely.get_parts(polygons, return_index=True)
    order = np.lexsort((shapely.area(parts), owner))
    largest = parts[order[np.flatnonzero(np.append(np.diff(owner[order]) != 0, True))]]
    light = shapely.simplify(largest, side / 100, preserve_topology=False)
    sound = shapely.is_valid(light) & ~shapely.is_empty(light) & (side > 0)
    points = shapely.point_on_surface(largest)
    circles = shapely.maximum_inscribed_circle(light[sound], tolerance=side[sound] / 20)
    points[sound] = shapely.get_point(circles, 0)
    lost = shapely.is_empty(points)  # of a polygon without area
    points[lost] = shapely.centroid(largest[lost])
    out: NDArray[np.float64] = shapely.get_coordinates(points)
    return out


def _only(attributes: Attributes, column: int) -> Attributes:
    """Return one column of the attributes; values keep their codes."""
    first, last = attributes.keys.starts[column], attributes.keys.starts[column + 1]
    key = Dictionary(np.array([0, last - first], np.int64), attributes.keys.data[first:last])
    return Attributes(np.ascontiguousarray(attributes.codes[:, column : column + 1]), attributes.values, key)


def place(labels: Labels, zoom: int, top: bool) -> Placed:
    """Return where the labels of a zoom stand: at the top all, else those of polygons large enough to be read."""
    shown = np.full(labels.row.size, True) if top else labels.side >= SHOWN_UNITS * 2.0 ** (GRID_ZOOM - zoom)
    xy = np.clip(labels.xy[shown], 0, (1 << GRID_ZOOM + _UNITS_SHIFT) - 1) >> (GRID_ZOOM - zoom)
    tile = hilbert_numbers(xy[:, 0] >> _UNITS_SHIFT, xy[:, 1] >> _UNITS_SHIFT, zoom)
    order = np.argsort(tile, kind="stable")
    return Placed(tile[order], labels.row[shown][order], (xy[order] & EXTENT - 1).astype(np.int32))


def pieces_of(placed: Placed, tiles: Ints, drawn: Drawn, ends: Ints) -> tuple[Pieces, Drawn, Ints]:
    """Return, ready to be encoded, the labels in `tiles` of the features that are drawn there.

    tile k draws drawn.row[ends[k]:ends[k+1]]; so does the answer, with its own ends.
    """
    firsts, lasts = np.searchsorted(placed.tile, tiles), np.searchsorted(placed.tile, tiles, side="right")
    chosen = [
        first + np.flatnonzero(np.isin(placed.row[first:last], drawn.row[ends[k] : ends[k + 1]]))
        for k, (first, last) in enumerate(zip(firsts, lasts, strict=True))
    ]
    index = np.concatenate([np.zeros(0, np.int64), *chosen])
    count = np.arange(index.size + 1)
    pieces = Pieces(np.ones(index.size, np.uint8), count, count, np.zeros(index.size, np.bool_), placed.xy[index])
    points = Drawn(count[:-1], placed.row[index], np.full(index.size, POINT, np.uint8))
    return pieces, points, np.cumsum([0, *map(len, chosen)])
