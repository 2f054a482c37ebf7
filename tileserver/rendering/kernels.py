"""The loops of drawing: coverage of shapes by exact area, and blending. Plain functions on arrays.

A shape's edges add their signed area to a table of cells; its sum along a row is how much of each pixel is
inside (as in FreeType's and font-rs' rasterisers). So edges are smooth to 1/256 without drawing anything larger
and halving it, and two areas that share an edge leave no gap.

`canvas` is rows × columns × 4, float32: red, green, blue multiplied by alpha, alpha; all 0 … 1. Coordinates are in
pixels of the canvas, x right, y down. `clip` is left, top, right, bottom in whole pixels, inside of the canvas.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from naru.kernel import inner, kernel

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Clip = tuple[int, int, int, int]
Vector = tuple[float, float]
BUTT, ROUND, SQUARE = 0, 1, 2  # line-cap
MITER, BEVEL = 0, 2  # line-join; ROUND as above
_NONE = 1 << 30
_MITER_LIMIT = 2.0
_OPAQUE = 0.999
_SHORTEST_DASH = 0.25  # pixels
_CORNERS = 17  # of the largest piece


class Table(NamedTuple):
    """What kernels scribble on, and leave as they found it."""

    cells: Floats  # rows × (columns + 2): area, zero
    span: NDArray[np.int64]  # rows × 2: the first and the last column in use; _NONE, -1 where none is
    xs: Doubles  # corners of a piece
    ys: Doubles

    @classmethod
    def of(cls, rows: int, columns: int) -> Table:
        """Return a table for canvases of up to this size."""
        span = np.empty((rows, 2), np.int64)
        span[:, 0], span[:, 1] = _NONE, -1
        return cls(np.zeros((rows, columns + 2), np.float32), span, np.empty(_CORNERS), np.empty(_CORNERS))


class Shapes(NamedTuple):
    """Features of a tile, in its units, and those of them that are drawn.

    Part p is points[parts[p]:parts[p + 1]], feature f is the parts shapes[f] to shapes[f + 1].
    """

    points: NDArray[np.int32]
    parts: NDArray[np.int64]
    shapes: NDArray[np.int64]
    chosen: NDArray[np.int64]


class Stroke(NamedTuple):
    """How chosen features' lines are drawn, one entry each."""

    colours: Doubles  # multiplied by alpha
    widths: Doubles  # pixels
    rings: NDArray[np.bool_]  # the parts are closed
    dashes: Doubles  # on and off in turns, in line widths; none: solid
    pen: tuple[int, int]  # cap, join


@inner
def _slice(table: Table, sign: float, x0: float, y0: float, x1: float, y1: float, width: float) -> None:
    """Add a downward edge that lies within the table: 0 ≤ x ≤ width, 0 ≤ y0 < y1 ≤ rows."""
    cells, span = table.cells, table.span
    slope = (x1 - x0) / (y1 - y0)
    row, last = int(y0), math.ceil(y1)
    while row < last:
        top, bottom = max(float(row), y0), min(row + 1.0, y1)
        area = (bottom - top) * sign
        xa = min(max(x0 + (top - y0) * slope, 0.0), width)
        xb = min(max(x0 + (bottom - y0) * slope, 0.0), width)
        left, right = min(xa, xb), max(xa, xb)
        first, end = int(left), math.ceil(right)
        if end <= first + 1:
            inside = 0.5 * (left + right) - first
            cells[row, first] += area * (1.0 - inside)
            cells[row, first + 1] += area * inside
            end = first + 1
        else:
            per = 1.0 / (right - left)
            begin, over = left - first, right - end + 1.0
            least = 0.5 * per * (1.0 - begin) * (1.0 - begin)
            most = 0.5 * per * over * over
            cells[row, first] += area * least
            if end == first + 2:
                cells[row, first + 1] += area * (1.0 - least - most)
            else:
                second = per * (1.5 - begin)
                cells[row, first + 1] += area * (second - least)
                for column in range(first + 2, end - 1):
                    cells[row, column] += area * per
                cells[row, end - 1] += area * (1.0 - (second + (end - first - 3) * per) - most)
            cells[row, end] += area * most
        span[row, 0] = min(span[row, 0], first)
        span[row, 1] = max(span[row, 1], end)
        row += 1


@inner
def _edge(table: Table, sign: float, x0: float, y0: float, x1: float, y1: float, clip: Clip) -> None:
    """Add an edge; what lies left or right of the clip counts at its border."""
    width, height = float(clip[2] - clip[0]), float(clip[3] - clip[1])
    x0, x1, y0, y1 = x0 - clip[0], x1 - clip[0], y0 - clip[1], y1 - clip[1]
    if y0 > y1:
        x0, y0, x1, y1, sign = x1, y1, x0, y0, -sign
    if y1 <= 0.0 or y0 >= height or y0 == y1:
        return
    slope = (x1 - x0) / (y1 - y0)
    if y0 < 0.0:
        x0, y0 = x0 - y0 * slope, 0.0
    if y1 > height:
        x1, y1 = x1 - (y1 - height) * slope, height
    cuts = (0.0, width) if x0 < x1 else (width, 0.0)
    for cut in cuts:
        if y0 < y1 and min(x0, x1) < cut < max(x0, x1):
            y = min(max(y0 + (cut - x0) / slope, y0), y1)
            if y > y0:
                xa, xb = min(max(x0, 0.0), width), min(max(cut, 0.0), width)
                _slice(table, sign, xa, y0, xb, y, width)
            x0, y0 = cut, y
    if y1 > y0:
        _slice(table, sign, min(max(x0, 0.0), width), y0, min(max(x1, 0.0), width), y1, width)


@inner
def _blend(canvas: Floats, table: Table, clip: Clip, colour: Doubles) -> None:
    """Paint what the cells hold, and empty them. `colour` is multiplied by its alpha."""
    cells, span = table.cells, table.span
    width = clip[2] - clip[0]
    for row in range(clip[3] - clip[1]):
        first, last = span[row, 0], span[row, 1]
        if first > last:
            continue
        total = 0.0
        for column in range(first, last + 1):
            total += cells[row, column]
            cells[row, column] = 0.0
            cover = min(abs(total), 1.0)
            if cover > 1e-4 and column < width:
                if cover > _OPAQUE:
                    cover = 1.0
                _over(canvas, clip[1] + row, clip[0] + column, colour, cover)
        span[row, 0], span[row, 1] = _NONE, -1


@inner
def _over(canvas: Floats, row: int, column: int, colour: Doubles, cover: float) -> None:
    left = 1.0 - colour[3] * cover
    for channel in range(4):
        canvas[row, column, channel] = colour[channel] * cover + canvas[row, column, channel] * left


@kernel
def fill(canvas: Floats, table: Table, shapes: Shapes, colours: Doubles, place: Doubles, clip: Clip) -> None:
    """Fill the chosen features, each in its colour (multiplied by alpha).

    `place` is pixels a unit, and where the tile's corner lies in x and y.
    """
    points, parts, chosen = shapes.points, shapes.parts, shapes.chosen
    for k in range(len(chosen)):
        if colours[k, 3] <= 0.0:
            continue
        for part in range(shapes.shapes[chosen[k]], shapes.shapes[chosen[k] + 1]):
            start, stop = parts[part], parts[part + 1]
            x0 = points[stop - 1, 0] * place[0] + place[1]
            y0 = points[stop - 1, 1] * place[0] + place[2]
            for i in range(start, stop):
                x1, y1 = points[i, 0] * place[0] + place[1], points[i, 1] * place[0] + place[2]
                _edge(table, 1.0, x0, y0, x1, y1, clip)
                x0, y0 = x1, y1
        _blend(canvas, table, clip, colours[k])


@inner
def _piece(table: Table, count: int, clip: Clip) -> None:
    """Add a small convex polygon, whichever way it winds, so that pieces which overlap never cancel."""
    x, y = table.xs, table.ys
    area = 0.0
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        area += x[i] * y[j] - x[j] * y[i]
    sign = 1.0 if area > 0 else -1.0
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        _edge(table, sign, x[i], y[i], x[j], y[j], clip)


@inner
def _fan(table: Table, cx: float, cy: float, half: float, begin: float, sweep: float, clip: Clip) -> None:
    """Add the sector of a disc."""
    x, y = table.xs, table.ys
    steps = max(1, min(_CORNERS - 3, math.ceil(abs(sweep) * math.sqrt(half) / 0.9)))
    x[0], y[0] = cx, cy
    for i in range(steps + 1):
        angle = begin + sweep * i / steps
        x[i + 1], y[i + 1] = cx + math.cos(angle) * half, cy + math.sin(angle) * half
    _piece(table, steps + 2, clip)


@inner
def _join(table: Table, cx: float, cy: float, u: Vector, v: Vector, half: float, join: int, clip: Clip) -> None:
    """Add what is missing outside of the bend at (cx, cy) between the directions u and v."""
    x, y = table.xs, table.ys
    ux, uy, vx, vy = u[0], u[1], v[0], v[1]
    cross, dot = ux * vy - uy * vx, ux * vx + uy * vy
    if abs(cross) < 1e-3 and dot > 0:
        return
    side = -half if cross > 0 else half
    if join == ROUND:
        begin = math.atan2(ux * side, -uy * side)
        _fan(table, cx, cy, half, begin, math.atan2(cross, dot), clip)
        return
    x[0], y[0] = cx, cy
    x[1], y[1] = cx - uy * side, cy + ux * side
    count = 2
    if join == MITER and 1.0 + dot > 2.0 / (_MITER_LIMIT * _MITER_LIMIT):
        x[2], y[2] = cx - (uy + vy) * side / (1.0 + dot), cy + (ux + vx) * side / (1.0 + dot)
        count = 3
    x[count], y[count] = cx - vy * side, cy + vx * side
    _piece(table, count + 1, clip)


@inner
def _cap(table: Table, cx: float, cy: float, u: Vector, half: float, cap: int, clip: Clip) -> None:
    """Add the end of a line at (cx, cy); u leads out of it."""
    x, y = table.xs, table.ys
    ux, uy = u[0], u[1]
    if cap == ROUND:
        _fan(table, cx, cy, half, math.atan2(uy, ux) - math.pi / 2, math.pi, clip)
    elif cap == SQUARE:
        x[0], y[0], x[1], y[1] = cx - uy * half, cy + ux * half, cx + uy * half, cy - ux * half
        x[2], y[2] = x[1] + ux * half, y[1] + uy * half
        x[3], y[3] = x[0] + ux * half, y[0] + uy * half
        _piece(table, 4, clip)


@inner
def _line(
    table: Table, path: Doubles, count: int, closed: bool, half: float, pen: tuple[int, int], clip: Clip
) -> None:
    """Add a stroke along path[:count], which has no two equal neighbours; closed: back to its first point.

    One point, or none, is no line.
    """
    x, y = table.xs, table.ys
    segments = count if closed else count - 1
    ux = uy = 0.0
    wide = 2.0 * half + 1.0  # a mitre is at most twice as long as half the line is wide
    for i in range(segments + (1 if closed else 0)):
        a, b = i % count, (i + 1) % count
        ax, ay, bx, by = path[a, 0], path[a, 1], path[b, 0], path[b, 1]
        length = math.hypot(bx - ax, by - ay)
        vx, vy = (bx - ax) / length, (by - ay) / length
        seen = (
            min(ay, by) - wide < clip[3]
            and max(ay, by) + wide > clip[1]
            and min(ax, bx) - wide < clip[2]
            and max(ax, bx) + wide > clip[0]
        )
        if seen and i > 0:
            _join(table, ax, ay, (ux, uy), (vx, vy), half, pen[1], clip)
        if i == segments:
            break
        if seen:
            x[0], y[0], x[1], y[1] = ax - vy * half, ay + vx * half, ax + vy * half, ay - vx * half
            x[2], y[2], x[3], y[3] = bx + vy * half, by - vx * half, bx - vy * half, by + vx * half
            _piece(table, 4, clip)
            if i == 0 and not closed:
                _cap(table, ax, ay, (-vx, -vy), half, pen[0], clip)
            if i == segments - 1 and not closed:
                _cap(table, bx, by, (vx, vy), half, pen[0], clip)
        ux, uy = vx, vy


@inner
def _within(ax: float, ay: float, bx: float, by: float, room: float, clip: Clip) -> Vector:
    """Return from where to where (0 … 1) an edge lies in the clip and `room` around it; 1, 0: nowhere."""
    low, high = 0.0, 1.0
    for axis in range(2):
        start, way = (ax, bx - ax) if axis == 0 else (ay, by - ay)
        least, most = clip[axis] - room, clip[axis + 2] + room
        if way == 0.0:
            if start < least or start > most:
                return 1.0, 0.0
        else:
            one, other = (least - start) / way, (most - start) / way
            low, high = max(low, min(one, other)), min(high, max(one, other))
    return (low, high) if low < high else (1.0, 0.0)


@inner
def _skipped(dashes: Doubles, k: int, left: float, way: float) -> tuple[int, float]:
    """Return which dash it is, and how much of it is left, after going a way along the pattern."""
    way %= dashes.sum()
    while way > left:
        way -= left
        k = (k + 1) % len(dashes)
        left = dashes[k]
    return k, left - way


@inner
def _dashed(
    table: Table,
    path: Doubles,
    count: int,
    closed: bool,
    half: float,
    pen: tuple[int, int],
    dashes: Doubles,
    clip: Clip,
) -> None:
    """Add the dashes of a stroke; `dashes` are pixels, on and off in turns.

    Where the line cannot be seen the pattern goes on without being drawn, however far that is.
    """
    work = np.empty((count + 2, 2))
    k, left = 0, dashes[0]
    used = 0  # of work: the dash that is being drawn; 0 where the line cannot be seen
    room = 2.0 * half + 2.0
    for i in range(count if closed else count - 1):
        j = (i + 1) % count
        ax, ay = path[i, 0], path[i, 1]
        length = math.hypot(path[j, 0] - ax, path[j, 1] - ay)
        ux, uy = (path[j, 0] - ax) / length, (path[j, 1] - ay) / length
        low, high = _within(ax, ay, path[j, 0], path[j, 1], room, clip)
        if low > 0.0:
            _line(table, work, used, False, half, pen, clip)
            used = 0
            k, left = _skipped(dashes, k, left, length * min(low, 1.0))
        if low > high:
            continue
        ax, ay, long, done = ax + ux * length * low, ay + uy * length * low, length * (high - low), 0.0
        if used == 0:
            work[0, 0], work[0, 1] = ax, ay
            used = 1
        while long - done > left:
            done += left
            px, py = ax + ux * done, ay + uy * done
            if k % 2 == 0:
                work[used, 0], work[used, 1] = px, py
                if abs(px - work[used - 1, 0]) + abs(py - work[used - 1, 1]) > 1e-6:
                    used += 1
                _line(table, work, used, False, half, pen, clip)
            k = (k + 1) % len(dashes)
            left = dashes[k]
            work[0, 0], work[0, 1] = px, py
            used = 1
        left -= long - done
        if k % 2 == 0 and long - done > 1e-6:
            work[used, 0], work[used, 1] = ax + ux * long, ay + uy * long
            used += 1
        if high < 1.0:
            _line(table, work, used, False, half, pen, clip)
            used = 0
            k, left = _skipped(dashes, k, left, length * (1.0 - high))
    _line(table, work, used, False, half, pen, clip)


@kernel
def stroke(canvas: Floats, table: Table, shapes: Shapes, lines: Stroke, place: Doubles, clip: Clip) -> None:
    """Draw the chosen features' lines; `place` as in `fill`."""
    points, parts, chosen = shapes.points, shapes.parts, shapes.chosen
    colours, widths, pen = lines.colours, lines.widths, lines.pen
    for k in range(len(chosen)):
        half = widths[k] / 2
        if half <= 0.0 or colours[k, 3] <= 0.0:
            continue
        scaled = np.maximum(lines.dashes * widths[k], _SHORTEST_DASH)
        for part in range(shapes.shapes[chosen[k]], shapes.shapes[chosen[k] + 1]):
            start, stop = parts[part], parts[part + 1]
            path = np.empty((stop - start + 1, 2))
            count = 0
            for i in range(start, stop):
                px, py = points[i, 0] * place[0] + place[1], points[i, 1] * place[0] + place[2]
                if count == 0 or abs(px - path[count - 1, 0]) + abs(py - path[count - 1, 1]) > 1e-6:
                    path[count, 0], path[count, 1] = px, py
                    count += 1
            closed = lines.rings[k] and count > 2
            if closed and abs(path[0, 0] - path[count - 1, 0]) + abs(path[0, 1] - path[count - 1, 1]) < 1e-6:
                count -= 1
            if count < 2:
                continue
            if len(scaled):
                _dashed(table, path, count, closed, half, pen, scaled, clip)
            else:
                _line(table, path, count, closed, half, pen, clip)
        _blend(canvas, table, clip, colours[k])


@kernel
def discs(
    canvas: Floats, centres: Doubles, radii: Doubles, colours: Doubles, rims: Doubles, rim_colours: Doubles
) -> None:
    """Draw circles at `centres` (n, 2; pixels) with a rim of `rims` pixels outside of them."""
    for k in range(len(centres)):
        cx, cy, inner_r, outer = centres[k, 0], centres[k, 1], radii[k], radii[k] + rims[k]
        for row in range(max(0, int(cy - outer - 1)), min(canvas.shape[0], int(cy + outer + 2))):
            for column in range(max(0, int(cx - outer - 1)), min(canvas.shape[1], int(cx + outer + 2))):
                away = math.hypot(column + 0.5 - cx, row + 0.5 - cy)
                disc = min(max(inner_r + 0.5 - away, 0.0), 1.0) if inner_r > 0 else 0.0
                ring = min(max(outer + 0.5 - away, 0.0), 1.0) - disc if rims[k] > 0 else 0.0
                left = 1.0 - disc * colours[k, 3] - ring * rim_colours[k, 3]
                for channel in range(4):
                    canvas[row, column, channel] = (
                        colours[k, channel] * disc
                        + rim_colours[k, channel] * ring
                        + canvas[row, column, channel] * left
                    )


@kernel
def stamp(canvas: Floats, mask: NDArray[np.uint8], left: int, top: int, colour: Doubles) -> None:
    """Paint `colour` (multiplied by alpha) through a mask of 0 … 255 whose corner lies at (left, top)."""
    for row in range(max(0, -top), min(mask.shape[0], canvas.shape[0] - top)):
        for column in range(max(0, -left), min(mask.shape[1], canvas.shape[1] - left)):
            if mask[row, column]:
                _over(canvas, top + row, left + column, colour, mask[row, column] / 255.0)


@kernel
def finished(canvas: Floats, out: NDArray[np.uint8]) -> None:
    """Write the canvas as 8 bits a channel into `out` (rows, columns, 4): colours as they are, and alpha."""
    for row in range(canvas.shape[0]):
        for column in range(canvas.shape[1]):
            alpha = canvas[row, column, 3]
            for channel in range(4):
                if alpha <= 0.0:
                    out[row, column, channel] = 0
                elif channel == 3:
                    out[row, column, 3] = int(min(alpha, 1.0) * 255.0 + 0.5)
                else:
                    out[row, column, channel] = int(min(canvas[row, column, channel] / alpha, 1.0) * 255.0 + 0.5)
