"""Labels: what could be written where. Each tile of data speaks for the anchors within it, and for no others."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tileserver.rendering import fonts
from tileserver.rendering.colours import Colour
from tileserver.rendering.expressions import NOTHING, Feature
from tileserver.rendering.mvt import LINE, POINT, TileLayer
from tileserver.rendering.placing import REACH, Box, Claim
from tileserver.rendering.sheets import PROPERTIES, Sheet

_LARGEST = 48.0  # pixels: text-size
_WIDEST_HALO = 8.0
_SHARPEST = math.radians(30)  # between neighbouring letters along a line
_SIDES = {"left": -1, "right": 1, "top": -1, "bottom": 1}
Points = NDArray[np.float64]


class Glyphs(NamedTuple):
    """Letters to be stamped: a text, the middle of it (pixels of the whole world at this zoom), its turn."""

    texts: tuple[str, ...]
    x: float
    y: float
    degrees: float = 0.0


@dataclass(frozen=True)
class Label:
    """One text that could be shown."""

    claim: Claim
    glyphs: tuple[Glyphs, ...]
    manner: Manner


@dataclass(frozen=True)
class Place:
    """Where a tile of data lies: `scale` pixels a unit, its corner in pixels of the whole world at this zoom.

    `view`: where anchors matter, in the same pixels; a tile that is drawn far too large has others, very many.
    """

    scale: float
    x: float
    y: float
    view: Box

    def sees(self, x: float, y: float) -> bool:
        """Tell whether an anchor matters, in pixels of the world."""
        return self.view[0] <= x <= self.view[2] and self.view[1] <= y <= self.view[3]

    def world(self, points: Points) -> Points:
        """Return positions in pixels of the world."""
        return np.asarray(points * self.scale + np.array([self.x, self.y]))


def labels(sheet: Sheet, layer: TileLayer, place: Place, zoom: float, height: int) -> Iterator[Label]:
    """Yield what a symbol layer would write of a tile's features; layers of greater `height` come first."""
    along = sheet.constant("symbol-placement", zoom) == "line"
    shared = None if sheet.depends(*_MANNER) else _manner(sheet, NOTHING, zoom)
    for number in range(len(layer.types)):
        feature = layer.feature(number)
        text = _text(sheet, feature, zoom) if sheet.keeps(feature, zoom) else ""
        if not text:
            continue
        # who was handed in first is no reason to come first, and names in order would hang together in long chains
        name = zlib.crc32(f"{feature.id}\0{text}".encode())
        rank = (-height, sheet.value("symbol-sort-key", feature, zoom), name)
        writer = _Writer(shared or _manner(sheet, feature, zoom), text, rank)
        lines = [layer.points[a:b] for a, b in _parts(layer, number)]
        if along and layer.types[number] != POINT:
            for line in lines:
                yield from writer.along(line.astype("f8"), layer.extent, place)
            continue
        for x, y in _anchors(int(layer.types[number]), lines):
            at = x * place.scale + place.x, y * place.scale + place.y
            if 0 <= x < layer.extent and 0 <= y < layer.extent and place.sees(*at):
                label = writer.at(*at)
                if label is not None:
                    yield label


def _parts(layer: TileLayer, number: int) -> list[tuple[int, int]]:
    first, last = layer.shapes[number], layer.shapes[number + 1]
    return [(int(layer.parts[p]), int(layer.parts[p + 1])) for p in range(first, last)]


def _text(sheet: Sheet, feature: Feature, zoom: float) -> str:
    text = fonts.plain(sheet.value("text-field", feature, zoom))
    change = sheet.value("text-transform", feature, zoom)
    return text.upper() if change == "uppercase" else text.lower() if change == "lowercase" else text


# --- anchors, in units of a tile -------------------------------------------------------------------------


def _anchors(kind: int, lines: list[NDArray[np.int32]]) -> Iterator[tuple[float, float]]:
    if kind == POINT:
        for line in lines:
            yield from ((float(x), float(y)) for x, y in line)
    elif kind == LINE:
        for line in lines:
            yield _middle(line.astype("f8"))
    elif lines:
        yield inside(lines)


def _middle(line: Points) -> tuple[float, float]:
    lengths = _along(line)
    x, y = (float(np.interp(lengths[-1] / 2, lengths, line[:, axis])) for axis in (0, 1))
    return x, y


def _along(line: Points) -> Points:
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])


def inside(rings: list[NDArray[np.int32]]) -> tuple[float, float]:
    """Return a point inside of a polygon's largest ring: the middle of the longest level line through its heart."""
    ring = max(rings, key=lambda points: abs(_area(points.astype("f8")))).astype("f8")
    heart = _centroid(ring)
    best = (-1.0, heart[0], heart[1])
    low, high = ring[:, 1].min(), ring[:, 1].max()
    for y in (heart[1], (heart[1] + low) / 2, (heart[1] + high) / 2):
        crossings = np.sort(np.concatenate([_crossings(other.astype("f8"), y + 1e-6) for other in rings]))
        for left, right in zip(crossings[::2], crossings[1::2], strict=False):
            best = max(best, (right - left, (left + right) / 2, y))
    return float(best[1]), float(best[2])


def _area(ring: Points) -> float:
    x, y = ring.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _centroid(ring: Points) -> tuple[float, float]:
    nxt = np.roll(ring, -1, axis=0)
    cross = ring[:, 0] * nxt[:, 1] - nxt[:, 0] * ring[:, 1]
    total = cross.sum()
    if not total:
        return float(ring[:, 0].mean()), float(ring[:, 1].mean())
    x, y = ((ring + nxt) * cross[:, None]).sum(axis=0) / (3 * total)
    return float(x), float(y)


def _crossings(ring: Points, y: float) -> Points:
    nxt = np.roll(ring, -1, axis=0)
    cut = (ring[:, 1] > y) != (nxt[:, 1] > y)
    a, b = ring[cut], nxt[cut]
    return np.asarray(a[:, 0] + (y - a[:, 1]) * (b[:, 0] - a[:, 0]) / (b[:, 1] - a[:, 1]))


# --- writing -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Manner:
    """How a text is written; sizes in pixels."""

    size: float
    line_height: float
    most: float  # of a line, where it can be broken
    padding: float
    halo: float
    colour: Colour
    halo_colour: Colour
    across: int  # where the anchor is in the text: -1 left, 0 in the middle, 1 right
    down: int
    shift_x: float
    shift_y: float
    spacing: float
    yields: bool

    @property
    def utmost(self) -> float:
        """How wide a line may be at most."""
        room = REACH - abs(self.shift_x)
        return (room if self.across else 2 * room) - 2 * self.padding


_MANNER = tuple(name for name in PROPERTIES["symbol"] if name not in ("text-field", "symbol-sort-key"))


def _manner(sheet: Sheet, feature: Feature, zoom: float) -> Manner:
    def number(name: str, most: float) -> float:
        return min(most, max(0.0, float(sheet.value(name, feature, zoom))))

    size = fonts.rounded(number("text-size", _LARGEST))
    opacity = number("text-opacity", 1.0)
    anchor = str(sheet.value("text-anchor", feature, zoom))
    across, down = (sum(_SIDES[side] for side in sides if side in anchor) for sides in _AXES)
    shift_x, shift_y = [*sheet.value("text-offset", feature, zoom), 0.0, 0.0][:2]
    return Manner(
        size=size,
        line_height=number("text-line-height", 10.0) * size,
        most=max(1.0, number("text-max-width", 100.0)) * size,
        padding=number("text-padding", 10.0),
        halo=number("text-halo-width", _WIDEST_HALO),
        colour=_faded(sheet.value("text-color", feature, zoom), opacity),
        halo_colour=_faded(sheet.value("text-halo-color", feature, zoom), opacity),
        across=across,
        down=down,
        shift_x=shift_x * size,
        shift_y=shift_y * size,
        spacing=max(1.0, number("symbol-spacing", 1e6)),
        yields=not sheet.value("text-allow-overlap", feature, zoom),
    )


class _Writer:
    """Lays out one feature's text."""

    def __init__(self, manner: Manner, text: str, rank: tuple[float | int | str, ...]) -> None:
        self.manner, self.text, self.rank = manner, text, rank

    def at(self, x: float, y: float) -> Label | None:
        """Return the text at an anchor, in pixels of the world; None where it would reach too far."""
        how = self.manner
        utmost = how.utmost
        texts, wide = fonts.lines(self.text, how.size, min(how.most, utmost), utmost)
        tall = how.line_height * len(texts)
        middle_x, middle_y = x + how.shift_x - how.across * wide / 2, y + how.shift_y - how.down * tall / 2
        box = _box(middle_x, middle_y, wide / 2 + how.padding, tall / 2 + how.padding)
        if max(x - box[0], box[2] - x, y - box[1], box[3] - y) > REACH:
            return None
        return self._label((box,), (Glyphs(texts, middle_x, middle_y),), x, y)

    def along(self, line: Points, extent: int, place: Place) -> Iterator[Label]:
        """Yield the text along a line, again and again; never beyond the tile's edge."""
        letters = [fonts.width(letter, self.manner.size) for letter in self.text]
        long = sum(letters)
        if long > 2 * (REACH - self.manner.size):
            return
        for run in _runs(line, extent):
            path = place.world(run)
            lengths = _along(path)
            whole = float(lengths[-1])
            if whole < long:
                continue
            count = max(1, int((whole - long) // self.manner.spacing))
            for k in _turns(path, lengths, count, place.view):
                label = self._bent(path, lengths, whole * (k + 0.5) / count - long / 2, letters)
                if label is not None:
                    yield label

    def _bent(self, path: Points, lengths: Points, begin: float, letters: list[float]) -> Label | None:
        ends = begin + np.concatenate([[0.0], np.cumsum(letters)])
        x, y = (np.interp(ends, lengths, path[:, axis]) for axis in (0, 1))
        turns = np.arctan2(np.diff(y), np.diff(x))
        bends = np.abs((np.diff(turns) + math.pi) % (2 * math.pi) - math.pi)
        if len(bends) and bends.max() > _SHARPEST:
            return None
        if x[-1] < x[0]:  # read from left to right
            return self._bent(path[::-1], lengths[-1] - lengths[::-1], lengths[-1] - ends[-1], letters)
        middles = list(zip((x[1:] + x[:-1]) / 2, (y[1:] + y[:-1]) / 2, np.degrees(turns), strict=True))
        glyphs = tuple(Glyphs((c,), *map(float, m)) for c, m in zip(self.text, middles, strict=True) if c != " ")
        half = self.manner.size / 2 + self.manner.padding
        boxes = tuple(_box(g.x, g.y, half, half) for g in glyphs)
        middle = len(ends) // 2
        return self._label(boxes, glyphs, float(x[middle]), float(y[middle]))

    def _label(self, boxes: tuple[Box, ...], glyphs: tuple[Glyphs, ...], x: float, y: float) -> Label:
        return Label(Claim(boxes, (*self.rank, y, x), self.manner.yields), glyphs, self.manner)


_AXES = (("left", "right"), ("top", "bottom"))


def _box(x: float, y: float, half_wide: float, half_tall: float) -> Box:
    return x - half_wide, y - half_tall, x + half_wide, y + half_tall


def _turns(path: Points, lengths: Points, count: int, view: Box) -> list[int]:
    """Return those k from 0 to count - 1 for which (k + ½)/count of a path lies in the view, or a label from it."""
    low, high = np.zeros(len(path) - 1), np.ones(len(path) - 1)
    for axis in (0, 1):
        start, way = path[:-1, axis], np.diff(path[:, axis])
        level = way == 0
        one, other = (
            (edge - start) / np.where(level, 1.0, way) for edge in (view[axis] - REACH, view[axis + 2] + REACH)
        )
        inside = (one <= 0) & (other >= 0)
        low = np.maximum(low, np.where(level, np.where(inside, 0.0, 1.0), np.minimum(one, other)))
        high = np.minimum(high, np.where(level, np.where(inside, 1.0, 0.0), np.maximum(one, other)))
    seen = np.flatnonzero(low < high)
    steps, per = np.diff(lengths)[seen], count / lengths[-1]
    first = np.ceil((lengths[seen] + steps * low[seen]) * per - 0.5)
    last = np.floor((lengths[seen] + steps * high[seen]) * per - 0.5)
    return sorted(
        {k for a, b in zip(first, last, strict=True) for k in range(max(0, int(a)), min(count - 1, int(b)) + 1)}
    )


def _faded(colour: Colour, opacity: float) -> Colour:
    return *colour[:3], colour[3] * opacity


def _runs(line: Points, extent: int) -> Iterator[Points]:
    """Yield the stretches of a line that lie within the tile."""
    run: list[Points] = []
    for a, b in pairwise(line):
        share = _within(a, b - a, float(extent))
        if share is None:
            if len(run) > 1:
                yield np.array(run)
            run = []
            continue
        if share[0] > 0 or not run:
            if len(run) > 1:
                yield np.array(run)
            run = [a + (b - a) * share[0]]
        run.append(a + (b - a) * share[1])
    if len(run) > 1:
        yield np.array(run)


def _within(start: Points, way: Points, extent: float) -> tuple[float, float] | None:
    """Return from where to where (0 … 1) a segment lies in the square (Liang and Barsky, 1984)."""
    low, high = 0.0, 1.0
    for at, by in zip(start, way, strict=True):
        if by == 0:
            if not 0 <= at <= extent:
                return None
            continue
        one, other = sorted(((0 - at) / by, (extent - at) / by))
        low, high = max(low, one), min(high, other)
    return (low, high) if low < high else None
