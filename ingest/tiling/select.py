"""Which shapes appear at a zoom, and in which tiles."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.tiling.clip import REAL, SQUARE, Instances
from ingest.tiling.kernel import inner, kernel
from ingest.tiling.options import BUFFER, EXTENT, GRID_ZOOM
from ingest.tiling.shapes import POLYGON, Ints, Measures, Shapes, concatenate, take
from ingest.tiling.spool import Room
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


class Parts(NamedTuple):
    """The halves of heavy shapes, and the tiles that each of them is for."""

    shapes: Shapes
    windows: Windows


class Selection(NamedTuple):
    """The shapes at one zoom and where they go: one instance a shape and tile, by tile, then by shape.

    A shape's number counts through `shapes`, then through `parts`.
    """

    zoom: int
    shapes: Shapes
    parts: Shapes
    how: NDArray[np.uint8]  # by shape: 0, REAL or SQUARE
    shape: NDArray[np.int32]  # by instance
    tile: Ints  # by instance: Hilbert number within the zoom
    merged: int  # tiny polygons that gave their area away
    squares: int

    def at(self, first: int, last: int) -> tuple[Shapes, NDArray[np.bool_], Instances]:
        """Return some instances with the shapes that they need and no others, and which of those are whole."""
        found, local = np.unique(self.shape[first:last], return_inverse=True)
        numbers, base = found.astype(np.int64), self.shapes.kind.size
        own, halves = numbers[numbers < base], numbers[numbers >= base] - base
        shapes = concatenate([take(self.shapes, own), take(self.parts, halves)])
        how = np.concatenate([self.how[own], np.full(halves.size, REAL, np.uint8)])
        tile = self.tile[first:last]
        x, y = _places(tile, self.zoom)
        return shapes, numbers < base, Instances(local.astype(np.int64), tile, x, y, how[local])


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


@inner
def _place(number: Any, zoom: int) -> tuple[Any, Any]:
    """Return the cell of a number along the Hilbert curve."""
    x = y = np.int64(0)
    for level in range(zoom):
        s = np.int64(1) << level
        rx = (number >> 1) & 1
        ry = (number ^ rx) & 1
        if ry == 0:
            if rx == 1:
                x, y = s - 1 - x, s - 1 - y
            x, y = y, x
        x += s * rx
        y += s * ry
        number >>= 2
    return x, y


@kernel
def _places(numbers: Ints, zoom: int) -> tuple[Ints, Ints]:
    xs, ys = np.empty(numbers.size, np.int64), np.empty(numbers.size, np.int64)
    for i in range(numbers.size):
        xs[i], ys[i] = _place(numbers[i], zoom)
    return xs, ys


@kernel
def hilbert_numbers(xs: Ints, ys: Ints, zoom: int) -> Ints:
    """Return the Hilbert number of each cell."""
    out = np.empty(xs.size, np.int64)
    for i in range(xs.size):
        out[i] = _hilbert(xs[i], ys[i], zoom)
    return out


@kernel
def _thinned(curve: Curve, kind: Any, size: Any, drop: int, limit: float) -> NDArray[np.uint8]:
    """Return REAL, SQUARE or 0 for each shape: tiny polygons add up along the curve, tile by tile.

    As tippecanoe does for tiny polygons: whoever brings the sum to `limit` is drawn as a square for all.
    The sum starts at one half, so that the number of squares is the rounded, not the floored, share.
    `drop`: zooms below that of the grid.
    """
    how = np.ones(kind.size, np.uint8)
    tile, owed, unit = np.int64(-1), 0.0, 4.0**drop
    for k in range(curve.order.size):
        s = curve.order[k]
        area = size[s] / unit
        if kind[s] != 3 or area >= limit:
            continue
        cell = curve.numbers[s] >> (2 * drop)
        if cell != tile:
            tile, owed = cell, 0.5 * limit
        owed += area
        if owed >= limit:
            owed -= limit
            how[s] = 2
        else:
            how[s] = 0
    return how


@kernel
def _curve_numbers(box: Ints, reach: int, numbers: Ints, zoom: int) -> None:
    for i in range(numbers.size):
        x = min(max((box[i, 0] + box[i, 2]) >> 13, 0), reach)  # halved, and in cells of EXTENT units
        y = min(max((box[i, 1] + box[i, 3]) >> 13, 0), reach)
        numbers[i] = _hilbert(x, y, zoom)


def curve_order(measures: Measures, room: Room) -> Curve:
    """Return the order of the shapes by the middles of their boxes."""
    numbers = room.empty((len(measures.box),), np.int64)
    _curve_numbers(measures.box, 2**GRID_ZOOM - 1, numbers, GRID_ZOOM)
    order = room.empty(numbers.shape, np.int64)
    order[:] = np.argsort(numbers, kind="stable")
    return Curve(numbers, order)


def thin(zoom: int, kind: Any, measures: Measures, curve: Curve) -> NDArray[np.uint8]:
    """Return for each shape whether it is left out (0), REAL, or the SQUARE of its tiny neighbours.

    Where all are too tiny even for one square, the largest gets one: no zoom of a layer is empty.
    """
    how = _thinned(curve, kind, measures.size, GRID_ZOOM - zoom, TINY_AREA)
    if not how.any():
        how[np.argmax(measures.size)] = SQUARE
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


def windows(zoom: int, rows: int, box: Ints) -> Windows:
    """Return the tiles whose buffered squares meet each box; `rows`: of the zoom, from the top."""
    shift = GRID_ZOOM - zoom
    snapped = (box + ((1 << shift) >> 1)) >> shift
    ends = np.array([2**zoom, rows])
    low = np.clip(-((BUFFER - snapped[:, :2]) // EXTENT) - 1, 0, ends)
    high = np.clip((snapped[:, 2:] + BUFFER) // EXTENT, -1, ends - 1)
    return Windows(low[:, 0], low[:, 1], high[:, 0], high[:, 1])


def tiles_of(windows: Windows) -> Ints:
    """Return how many tiles each window holds."""
    wide = np.maximum(windows.x1 - windows.x0 + 1, 0)
    return np.asarray(wide * np.maximum(windows.y1 - windows.y0 + 1, 0))


@inner
def _window(box: Any, i: int, zoom: int, rows: int) -> tuple[Any, Any, Any, Any]:
    """Return the tiles whose buffered squares meet a box: as `windows` does for many."""
    shift, last = GRID_ZOOM - zoom, (np.int64(1) << zoom) - 1
    half = (np.int64(1) << shift) >> 1
    x0 = -((BUFFER - ((box[i, 0] + half) >> shift)) // EXTENT) - 1
    y0 = -((BUFFER - ((box[i, 1] + half) >> shift)) // EXTENT) - 1
    x1 = (((box[i, 2] + half) >> shift) + BUFFER) // EXTENT
    y1 = (((box[i, 3] + half) >> shift) + BUFFER) // EXTENT
    return max(x0, 0), max(y0, 0), min(x1, last), min(y1, rows - 1)


@kernel
def _counted(measures: Measures, how: Any, zoom: int, rows: int, heavy_from: int) -> tuple[int, int, Any]:
    """Return how many instances there would be, how many there are of light shapes, and which are heavy.

    Heavy are shapes of many vertices over many tiles; of the others each tile gets an instance.
    """
    every = light = 0
    heavy = np.zeros(how.size, np.bool_)
    for i in range(how.size):
        if how[i] != 0:
            x0, y0, x1, y1 = _window(measures.box, i, zoom, rows)
            tiles = max(x1 - x0 + 1, 0) * max(y1 - y0 + 1, 0)
            every += tiles
            heavy[i] = how[i] == 1 and measures.vertices[i] >= heavy_from and tiles > 4
            light += 0 if heavy[i] else tiles
    return every, light, heavy


@kernel
def _filled(box: Ints, drawn: Any, zooms: tuple[int, int], shape: Any, tile: Ints) -> int:
    """Write the instances of the shapes that are drawn; return how many. `zooms`: the zoom, and its rows."""
    k, (zoom, rows) = 0, zooms
    for i in range(drawn.size):
        if drawn[i]:
            x0, y0, x1, y1 = _window(box, i, zoom, rows)
            for y in range(y0, y1 + 1):
                for x in range(x0, x1 + 1):
                    shape[k], tile[k] = i, _hilbert(x, y, zoom)
                    k += 1
    return k


@kernel
def _filled_windows(windows: Windows, base: int, zoom: int, shape: Any, tile: Ints) -> None:
    k = 0
    for i in range(windows.x0.size):
        for y in range(windows.y0[i], windows.y1[i] + 1):
            for x in range(windows.x0[i], windows.x1[i] + 1):
                shape[k], tile[k] = base + i, _hilbert(x, y, zoom)
                k += 1


def select(zoom: int, rows: int, shapes: Shapes, measures: Measures, how: NDArray[np.uint8]) -> Selection:
    """Return the instances of the shapes that `how` keeps, sorted by tile, then by shape.

    `rows`: of tiles at the zoom; what lies below the last is not drawn.

    Raises TooLarge where the layer would need absurdly many tiles.
    """
    every, light, heavy = _counted(measures, how, zoom, rows, HEAVY)
    if every > MOST_INSTANCES:
        raise TooLarge(
            f"zoom {zoom} would take {int(every)} pieces of geometry",
            remedy="Give a lower --maxzoom: the features are large, they stay sharp when magnified.",
        )
    parts = _halved(zoom, rows, take(shapes, np.flatnonzero(heavy)), measures.box[heavy])
    total = light + int(tiles_of(parts.windows).sum())
    shape, tile = np.empty(total, np.int32), np.empty(total, np.int64)
    _filled(measures.box, (how != 0) & ~heavy, (zoom, rows), shape, tile)
    _filled_windows(parts.windows, how.size, zoom, shape[light:], tile[light:])
    order = np.argsort(tile, kind="stable")
    tiny = measures.size < TINY_AREA * 4.0 ** (GRID_ZOOM - zoom)
    merged = int(((how != REAL) & tiny & (shapes.kind == POLYGON)).sum())
    squares = int((how == SQUARE).sum())
    return Selection(zoom, shapes, parts.shapes, how, shape[order], tile[order], merged, squares)


def _halved(zoom: int, rows: int, heavy: Shapes, box: Ints) -> Parts:
    """Halve the windows of heavy shapes again and again, each half with only the vertices that it needs."""
    todo, boxes = heavy, windows(zoom, rows, box)
    done = [Parts(take(todo, np.zeros(0, np.int64)), _chosen(boxes, slice(0)))]
    while todo.kind.size:
        owner, boxes = _split(boxes)
        todo = _thinned_outside(take(todo, owner), boxes, GRID_ZOOM - zoom)
        vertices = todo.starts[todo.rings[1:]] - todo.starts[todo.rings[:-1]]
        ready = (vertices < HEAVY) | (tiles_of(boxes) <= 4)
        done.append(Parts(take(todo, np.flatnonzero(ready)), _chosen(boxes, ready)))
        todo, boxes = take(todo, np.flatnonzero(~ready)), _chosen(boxes, ~ready)
    sides = zip(*(part.windows for part in done), strict=True)
    return Parts(concatenate([part.shapes for part in done]), Windows(*map(np.concatenate, sides)))


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
