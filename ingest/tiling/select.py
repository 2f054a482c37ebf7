"""Which shapes appear at a zoom, and in which tiles."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.tiling.clip import REAL, SQUARE, Instances
from ingest.tiling.kernel import inner, kernel
from ingest.tiling.options import BUFFER, EXTENT, GRID_ZOOM
from ingest.tiling.shapes import POLYGON, Ints, Measures, Shapes, concatenate, take
from naru.errors import TooLarge

TINY_AREA = 3.4  # square units below which a polygon is drawn only by its share of a square of 2 × 2
SQUARE_SIDE = 2
HEAVY = 256  # vertices from which a shape over many tiles is cut in halves first
MOST_INSTANCES = 50_000_000


class Windows(NamedTuple):
    """Tiles of a zoom that a shape may touch: columns x0…x1, rows y0…y1, inclusive."""

    x0: Ints
    y0: Ints
    x1: Ints
    y1: Ints


class Curve(NamedTuple):
    """Places of the shapes along the Hilbert curve through the grid's cells."""

    numbers: Ints  # by shape
    order: Ints  # the shapes, by number


class Points(NamedTuple):
    """The shapes that are single points."""

    shape: Ints
    place: Ints  # (n, 2) on the grid
    rank: NDArray[np.float64]  # 0 the most important, to 1
    share: float


class Selection(NamedTuple):
    """The shapes at one zoom and where they go."""

    shapes: Shapes
    whole: NDArray[np.bool_]  # False: a part of a heavy shape
    instances: Instances
    merged: int  # tiny polygons that gave their area away
    squares: int


@inner
def _hilbert(x: Any, y: Any, zoom: int) -> Any:
    """Return the number of a cell along the Hilbert curve, as PMTiles orders tiles within a zoom."""
    number = np.int64(0)
    for level in range(zoom - 1, -1, -1):
        s = np.int64(1) << level
        rx, ry = (x >> level) & 1, (y >> level) & 1
        number += s * s * ((3 * rx) ^ ry)
        if ry == 0:
            if rx == 1:
                x, y = s - 1 - (x & (s - 1)), s - 1 - (y & (s - 1))
            x, y = y, x
    return number


@kernel
def hilbert_numbers(xs: Ints, ys: Ints, zoom: int) -> Ints:
    """Return the Hilbert number of each cell."""
    out = np.empty(xs.size, np.int64)
    for i in range(xs.size):
        out[i] = _hilbert(xs[i], ys[i], zoom)
    return out


@kernel
def _thinned(order: Ints, kind: Any, area: Any, cell: Any, limit: float) -> NDArray[np.uint8]:
    """Return REAL, SQUARE or 0 for each shape: tiny polygons add up along the curve, tile by tile.

    As tippecanoe does for tiny polygons: whoever brings the sum to `limit` is drawn as a square for all.
    The sum starts at one half, so that the number of squares is the rounded, not the floored, share.
    """
    how = np.ones(kind.size, np.uint8)
    tile, owed = np.int64(-1), 0.0
    for k in range(order.size):
        s = order[k]
        if kind[s] != 3 or area[s] >= limit:
            continue
        if cell[s] != tile:
            tile, owed = cell[s], 0.5 * limit
        owed += area[s]
        if owed >= limit:
            owed -= limit
            how[s] = 2
        else:
            how[s] = 0
    return how


def curve_order(measures: Measures) -> Curve:
    """Return the order of the shapes by the middles of their boxes."""
    reach = 2**GRID_ZOOM - 1
    middle = (measures.box[:, :2] + measures.box[:, 2:]) >> 13  # halved, and in cells of EXTENT units
    cells = np.clip(middle, 0, reach)
    numbers = hilbert_numbers(cells[:, 0].copy(), cells[:, 1].copy(), GRID_ZOOM)
    return Curve(numbers, np.argsort(numbers, kind="stable"))


def thin(zoom: int, kind: Any, measures: Measures, curve: Curve) -> NDArray[np.uint8]:
    """Return for each shape whether it is left out (0), REAL, or the SQUARE of its tiny neighbours.

    Where all are too tiny even for one square, the largest gets one: no zoom of a layer is empty.
    """
    area = measures.size / 4.0 ** (GRID_ZOOM - zoom)
    cell = curve.numbers >> (2 * (GRID_ZOOM - zoom))
    how = _thinned(curve.order, kind, area, cell, TINY_AREA)
    if not how.any():
        how[np.argmax(area)] = SQUARE
    return how


def merge_points(how: NDArray[np.uint8], zoom: int, points: Points) -> int:
    """Leave out single points that share a cell of four units with a more important one; return how many.

    The most important `share` of all points stays in any case.
    """
    cell = points.place >> (GRID_ZOOM - zoom + 2)
    order = np.lexsort((points.rank, cell[:, 1], cell[:, 0]))
    first = np.concatenate([[True], (np.diff(cell[order], axis=0) != 0).any(axis=1)])[: order.size]
    kept = points.rank < points.share
    kept[order[first]] = True
    how[points.shape[~kept]] = 0
    return int((~kept).sum())


def windows(zoom: int, box: Ints) -> Windows:
    """Return the tiles whose buffered squares meet each box."""
    shift = GRID_ZOOM - zoom
    snapped = (box + ((1 << shift) >> 1)) >> shift
    last = 2**zoom - 1
    low = np.clip(-((BUFFER - snapped[:, :2]) // EXTENT) - 1, 0, last + 1)
    high = np.clip((snapped[:, 2:] + BUFFER) // EXTENT, -1, last)
    return Windows(low[:, 0], low[:, 1], high[:, 0], high[:, 1])


def tiles_of(windows: Windows) -> Ints:
    """Return how many tiles each window holds."""
    wide = np.maximum(windows.x1 - windows.x0 + 1, 0)
    return np.asarray(wide * np.maximum(windows.y1 - windows.y0 + 1, 0))


@kernel
def _filled(windows: Windows, index: Ints, how: Any, counts: Ints, zoom: int) -> Instances:
    n = counts.sum()
    shape, tile = np.empty(n, np.int64), np.empty(n, np.int64)
    xs, ys, hows = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.uint8)
    k = 0
    for i in range(index.size):
        for y in range(windows.y0[i], windows.y1[i] + 1):
            for x in range(windows.x0[i], windows.x1[i] + 1):
                shape[k], tile[k] = index[i], _hilbert(x, y, zoom)
                xs[k], ys[k], hows[k] = x, y, how[i]
                k += 1
    return Instances(shape, tile, xs, ys, hows)


def select(zoom: int, shapes: Shapes, measures: Measures, how: NDArray[np.uint8]) -> Selection:
    """Return the instances of the shapes that `how` keeps, sorted by tile, then by shape.

    Raises TooLarge where the layer would need absurdly many tiles.
    """
    index = np.flatnonzero(how)
    window = windows(zoom, measures.box[index])
    counts = tiles_of(window)
    if counts.sum() > MOST_INSTANCES:
        raise TooLarge(
            f"zoom {zoom} would take {int(counts.sum())} pieces of geometry",
            remedy="Give a lower --maxzoom: the features are large, they stay sharp when magnified.",
        )
    tiny = measures.size < TINY_AREA * 4.0 ** (GRID_ZOOM - zoom)
    squares = int((how == SQUARE).sum())
    merged = int(((how != REAL) & tiny & (shapes.kind == POLYGON)).sum())
    parts, whole, index, window, hows = _halved(zoom, shapes, measures, index, window, how[index])
    found = _filled(window, index, hows, tiles_of(window), zoom)
    instances = found.at(np.argsort(found.tile, kind="stable"))
    return Selection(parts, whole, instances, merged, squares)


def _halved(
    zoom: int, shapes: Shapes, measures: Measures, index: Ints, window: Windows, how: Any
) -> tuple[Shapes, NDArray[np.bool_], Ints, Windows, Any]:
    """Halve the windows of heavy shapes again and again, each half with only the vertices that it needs."""
    whole = np.ones(shapes.kind.size, np.bool_)
    heavy = (measures.vertices[index] >= HEAVY) & (tiles_of(window) > 4) & (how == REAL)
    done, rest = [(index[~heavy], _chosen(window, ~heavy), how[~heavy])], []
    todo, boxes = take(shapes, index[heavy]), _chosen(window, heavy)
    base = shapes.kind.size
    while todo.kind.size:
        owner, boxes = _split(boxes)
        todo = _thinned_outside(take(todo, owner), boxes, GRID_ZOOM - zoom)
        vertices = todo.starts[todo.rings[1:]] - todo.starts[todo.rings[:-1]]
        ready = (vertices < HEAVY) | (tiles_of(boxes) <= 4)
        finished = take(todo, np.flatnonzero(ready))
        rest.append(finished)
        count = finished.kind.size
        done.append((np.arange(base, base + count), _chosen(boxes, ready), np.full(count, REAL, np.uint8)))
        base += count
        todo, boxes = take(todo, np.flatnonzero(~ready)), _chosen(boxes, ~ready)
    if rest:
        shapes = concatenate([shapes, *rest])
        whole = np.concatenate([whole, np.zeros(shapes.kind.size - whole.size, np.bool_)])
    all_windows = Windows(*(np.concatenate(side) for side in zip(*(d[1] for d in done), strict=True)))
    return (
        shapes,
        whole,
        np.concatenate([d[0] for d in done]),
        all_windows,
        np.concatenate([d[2] for d in done]),
    )


def _chosen(window: Windows, mask: Any) -> Windows:
    return Windows(*(side[mask] for side in window))


def _split(window: Windows) -> tuple[Ints, Windows]:
    """Return each window's halves along its longer side, and which window each half is of."""
    tall = (window.y1 - window.y0) > (window.x1 - window.x0)
    middle_x, middle_y = (window.x0 + window.x1) >> 1, (window.y0 + window.y1) >> 1
    first = Windows(window.x0, window.y0, np.where(tall, window.x1, middle_x), np.where(tall, middle_y, window.y1))
    second = Windows(
        np.where(tall, window.x0, middle_x + 1),
        np.where(tall, middle_y + 1, window.y0),
        window.x1,
        window.y1,
    )
    owner = np.arange(tall.size)
    both = Windows(*(np.concatenate(sides) for sides in zip(first, second, strict=True)))
    return np.concatenate([owner, owner]), both


def _thinned_outside(shapes: Shapes, window: Windows, shift: int) -> Shapes:
    """Return the shapes without vertices that no tile of their window needs."""
    margin = BUFFER + 2
    box = np.column_stack(
        [
            window.x0 * EXTENT - margin,
            window.y0 * EXTENT - margin,
            (window.x1 + 1) * EXTENT + margin,
            (window.y1 + 1) * EXTENT + margin,
        ]
    )
    keep = _needed(shapes, box << shift)
    left = np.concatenate([np.zeros(1, np.int64), np.cumsum(keep, dtype=np.int64)])
    return shapes._replace(starts=left[shapes.starts], xy=shapes.xy[keep])


@kernel
def _needed(shapes: Shapes, box: Any) -> NDArray[np.bool_]:
    """Mark the vertices to keep: of each run beyond one side of the box only its two ends.

    What is left out lies wholly beyond that side, as does the straight edge that replaces it, so nothing
    inside the box changes and no vertex is invented.
    """
    keep = np.ones(shapes.xy.shape[0], np.bool_)
    chain = np.empty(shapes.xy.shape[0], np.int64)
    for s in range(shapes.kind.size):
        if shapes.kind[s] == 1:
            continue
        for r in range(shapes.rings[s], shapes.rings[s + 1]):
            for side in range(4):
                axis, sign = side & 1, 1 if side < 2 else -1
                limit = sign * box[s, axis + (2 if sign == 1 else 0)]
                n = 0
                for p in range(shapes.starts[r], shapes.starts[r + 1]):
                    if keep[p]:
                        chain[n] = p
                        n += 1
                for k in range(1, n - 1):
                    if (
                        sign * shapes.xy[chain[k - 1], axis] > limit
                        and sign * shapes.xy[chain[k], axis] > limit
                        and sign * shapes.xy[chain[k + 1], axis] > limit
                    ):
                        keep[chain[k]] = False
    return keep
