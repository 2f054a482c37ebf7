"""Channel coordinates: s along a reach, u across it, from straight rulings between its banks.

Each ruling joins a place on the left bank to one on the right, as square to the channel as both banks allow; no
two rulings have their ends in opposite order, so that the mesh between them cannot fold where normals to the
centre line cross (bends sharper than half a width). Every point of both bank lines ends a ruling: the mesh covers
the channel up to its banks without cracks.

In mid-channel u goes by banks that are smoothed over a quarter of a width, and only near them by the banks
themselves: notches and noise in a bank line do not move the bed in the middle of the river.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import shapely

from naru.kernel import inner, kernel
from twin.bed.lines import Line, hits, line, rising, smoothed
from twin.grid import Frame, Values
from twin.survey.lines import distances
from twin.survey.records import Floats, Reach

_A_WIDTH = 8  # rulings per width of the channel, before the banks' own points are added
_SMOOTH = 0.35  # widths: what the middle line is smoothed by before normals are drawn
_SMOOTH_BANK = 0.25  # widths: what banks are smoothed by for u in mid-channel
_MIDDLE = 0.75  # of the way from the middle to the nearer of the two banks, theirs and the smoothed
_MARGIN = 0.002  # widths: by how much the mesh goes on beyond the outermost sections
_LEAST_SLOPE = 0.05  # s rises by at least this share of the way along the middle


class Rulings(NamedTuple):
    """The lines across one reach, upstream first."""

    left: Floats  # (rulings, 2) metres: where each begins, on the left bank
    right: Floats  # (rulings, 2)
    s: Floats  # (rulings,) chainage along the centre line, metres; rising
    edges: Floats  # (rulings, 2): where left and right bank lie when the smoothed banks are −1 and 1


@dataclass(frozen=True)
class Channel:
    """One reach, covered by its rulings."""

    rulings: Rulings
    width_m: float  # median

    def locate(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return s and u of points; NaN where they lie in no part of the channel."""
        x, y = np.ascontiguousarray(x, float), np.ascontiguousarray(y, float)
        point, strip = self._strips.query(shapely.points(x, y))
        s, u = np.full(len(x), np.nan), np.full(len(x), np.nan)
        _place_points(self.rulings, np.stack((x, y), axis=-1), point, strip, s, u)
        return s, u

    def ends(self, s: float) -> Floats:
        """Return the points (2, 2) on the left and the right bank at a chainage."""
        at = [[np.interp(s, self.rulings.s, bank[:, axis]) for axis in (0, 1)] for bank in (self.left, self.right)]
        return np.array(at)

    @property
    def left(self) -> Floats:
        """The left bank (rulings, 2)."""
        return self.rulings.left

    @property
    def right(self) -> Floats:
        """The right bank (rulings, 2)."""
        return self.rulings.right

    @cached_property
    def _strips(self) -> shapely.STRtree:
        """The boxes about what lies between two rulings."""
        corners = np.stack((self.left[:-1], self.left[1:], self.right[1:], self.right[:-1]), axis=1)
        low, high = corners.min(axis=1) - 1e-6, corners.max(axis=1) + 1e-6
        return shapely.STRtree(shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1]))

    def draw(self, frame: Frame, s: Values, u: Values) -> None:
        """Write s and u into the cells (rows, columns) whose centres lie in the channel."""
        _draw(self.rulings, (frame.west, frame.north, frame.cell_m), s, u)


def channel(reach: Reach) -> Channel:
    """Return the rulings of a reach.

    The middle line (at first the centre line) is smoothed, its normals are met with both bank lines, and the
    places met are brought into rising order; then once more from the middle between the places met.
    """
    left, right, centre = line(reach.left_bank), line(reach.right_bank), line(reach.centreline)
    width = _median_width(centre, left, right)
    middle = centre
    for _ in range(3):
        a, b = _pair(middle, left, right, width)
        middle = line((left.at(a) + right.at(b)) / 2)
    lengths = [float(np.hypot(s.x[-1] - s.x[0], s.y[-1] - s.y[0])) for s in reach.sections]
    a, b = _with_ends(a, b, left, right, 3 * max(width, float(np.median(lengths or [0.0]))))
    a, b = _with_bank_points(a, b, left, right)
    ends = left.at(a), right.at(b)
    rulings = Rulings(*ends, _chainages(*ends, centre), _edges(*ends, left, right, width))
    return Channel(_over_ends(rulings, reach, width), width)


def _median_width(centre: Line, left: Line, right: Line) -> float:
    points = shapely.points(centre.at(np.linspace(0, centre.length, 200)))
    banks = [shapely.LineString(bank.points) for bank in (left, right)]
    return float(np.median(sum(shapely.distance(points, bank) for bank in banks)))


def _pair(middle: Line, left: Line, right: Line, width: float) -> tuple[Floats, Floats]:
    """Return distances along the left and the right bank that belong together, both rising."""
    count = max(3, int(np.ceil(middle.length / width * _A_WIDTH)) + 1)
    step = middle.length / (count - 1)
    points = smoothed(middle.at(np.linspace(0, middle.length, count)), step, _SMOOTH * width)
    along = np.gradient(points, axis=0)
    along /= np.maximum(np.hypot(*along.T), 1e-12)[:, None]
    farthest = np.full(count, 4 * width)
    a = hits(points, np.stack((-along[:, 1], along[:, 0]), axis=-1), left, farthest)
    b = hits(points, np.stack((along[:, 1], -along[:, 0]), axis=-1), right, farthest)
    return _in_order(a, b)


def _in_order(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return both without what met nothing, gaps between filled, in rising order."""
    both = np.flatnonzero(~np.isnan(a) & ~np.isnan(b))
    between = np.arange(both[0], both[-1] + 1)
    filled = [np.interp(between, np.flatnonzero(~np.isnan(ends)), ends[~np.isnan(ends)]) for ends in (a, b)]
    return rising(filled[0]), rising(filled[1])


def _with_ends(a: Floats, b: Floats, left: Line, right: Line, farthest: float) -> tuple[Floats, Floats]:
    """Return the pairs with the banks' first and last points, where these are no further from each other."""
    first = np.hypot(*(left.points[0] - right.points[0])) < farthest
    last = np.hypot(*(left.points[-1] - right.points[-1])) < farthest
    a = np.concatenate((np.zeros(int(first)), a, np.full(int(last), left.length)))
    b = np.concatenate((np.zeros(int(first)), b, np.full(int(last), right.length)))
    return a, b


def _with_bank_points(a: Floats, b: Floats, left: Line, right: Line) -> tuple[Floats, Floats]:
    """Return the pairs with those of every point of both bank lines between the first pair and the last."""
    order = np.arange(len(a), dtype=float)
    places = [order]
    for ends, bank in ((a, left), (b, right)):
        own = bank.along[(bank.along > ends[0]) & (bank.along < ends[-1])]
        places.append(np.interp(own, ends, order))
    place = np.unique(np.concatenate(places))
    return np.interp(place, order, a), np.interp(place, order, b)


def _chainages(left: Floats, right: Floats, centre: Line) -> Floats:
    """Return where each ruling meets the centre line, rising; beyond its ends as far on as the middle goes."""
    middle, across = (left + right) / 2, right - left
    width = np.maximum(np.hypot(*across.T), 1e-9)
    met = hits(middle, across / width[:, None], centre, width)
    other = hits(middle, -across / width[:, None], centre, width)
    met = np.where(np.isnan(met), other, met)
    gone = distances(middle)
    known = np.flatnonzero(~np.isnan(met))
    s = np.interp(gone, gone[known], met[known])
    s[: known[0]] += gone[: known[0]] - gone[known[0]]
    s[known[-1] + 1 :] += gone[known[-1] + 1 :] - gone[known[-1]]
    return rising(s - _LEAST_SLOPE * gone) + _LEAST_SLOPE * gone


def _edges(left: Floats, right: Floats, left_bank: Line, right_bank: Line, width: float) -> Floats:
    """Return where each ruling's ends lie when the smoothed banks are at −1 and 1; at most a third further in."""
    across = right - left
    length = np.maximum(np.hypot(*across.T), 1e-9)
    across /= length[:, None]
    shares: list[Floats] = []  # 0 at the left end, 1 at the right end
    for bank in (left_bank, right_bank):
        count = max(3, int(np.ceil(bank.length / width * _A_WIDTH)) + 1)
        even = bank.at(np.linspace(0, bank.length, count))
        smooth = line(smoothed(even, bank.length / (count - 1), _SMOOTH_BANK * width))
        own = (left, right)[len(shares)]
        met = np.fmin(*(hits(own, way * across, smooth, length / 2) for way in (1, -1)))
        place = ((smooth.at(np.nan_to_num(met)) - left) * across).sum(axis=1) / length
        shares.append(np.where(np.isnan(met), len(shares), place))
    first, last = np.clip(shares[0], -0.25, 0.25), np.clip(shares[1], 0.75, 1.25)
    edges: Floats = np.stack((-1 - 2 * first / (last - first), -1 + 2 * (1 - first) / (last - first)), axis=-1)
    return edges


def _over_ends(rulings: Rulings, reach: Reach, width: float) -> Rulings:
    """Return rulings that cover the outermost sections too.

    Where the banks end with the survey, the last ruling is the chord of the last section, and each of its points
    that stands beyond the chord, by a millimetre's rounding or by a bend, would lie in no part of the channel.
    """
    for end, section in ((0, reach.sections[0]), (-1, reach.sections[-1])):
        left, right = rulings.left[end], rulings.right[end]
        middles = (rulings.left + rulings.right) / 2
        gone = np.hypot(*(middles - middles[end]).T)
        inner_one = np.flatnonzero(gone >= min(width / 2, float(gone.max())))[end]
        out = (middles[end] - middles[inner_one]) / max(float(gone[inner_one]), 1e-9)
        basis = np.stack((right - left, out), axis=-1)
        if abs(float(np.linalg.det(basis))) < 1e-6 * width:
            continue
        across, ahead = np.linalg.solve(basis, np.stack((section.x, section.y)) - left[:, None])
        beside = (across > -0.5) & (across < 1.5) & (ahead < 2 * width)
        further = max(float(ahead[beside].max(initial=0.0)), 0.0) + _MARGIN * width
        place = 0 if end == 0 else len(rulings.s)
        s = rulings.s[end] + (further if end else -further)
        added = (left + further * out, right + further * out, s, rulings.edges[end])
        rulings = Rulings(*(np.insert(own, place, new, axis=0) for own, new in zip(rulings, added, strict=True)))
    return rulings


@inner
def _settled(u: float, low: float, high: float) -> float:
    """Return u, of −1 … 1 at the banks, as it goes by the smoothed banks in mid-channel."""
    smooth = low + (u + 1) / 2 * (high - low)
    left, right = _MIDDLE * max(low, -1.0), _MIDDLE * min(high, 1.0)
    if smooth < left:
        return left + (left + 1) * (smooth - left) / (left - low)
    if smooth > right:
        return right + (1 - right) * (smooth - right) / (high - right)
    return smooth


@inner
def _within(of: Any, k: int, x: float, y: float) -> tuple[float, float]:
    """Return share of the way from ruling k to the next and u (−1 … 1), or −1 and 0 where not between them.

    The ruling through a point p: (D + t·dD) × (p − L − t·dL) = 0, a quadratic in t (inverse bilinear map).
    """
    near = 1e-7
    lx, ly = of.left[k, 0], of.left[k, 1]
    qx, qy = x - lx, y - ly
    mx, my = of.left[k + 1, 0] - lx, of.left[k + 1, 1] - ly
    dx, dy = of.right[k, 0] - lx, of.right[k, 1] - ly
    ex, ey = of.right[k + 1, 0] - of.left[k + 1, 0] - dx, of.right[k + 1, 1] - of.left[k + 1, 1] - dy
    c = dx * qy - dy * qx
    b = (ex * qy - ey * qx) - (dx * my - dy * mx)
    a = -(ex * my - ey * mx)
    root = b * b - 4 * a * c
    if root < 0:
        return -1.0, 0.0
    q = -0.5 * (b + (root**0.5 if b >= 0 else -(root**0.5)))
    for number in range(2):
        below = q if number == 0 else a
        if below == 0:
            continue
        t = c / q if number == 0 else q / a
        wx, wy = dx + t * ex, dy + t * ey
        length = wx * wx + wy * wy
        if not -near <= t <= 1 + near or length == 0:
            continue
        u = 2 * ((qx - t * mx) * wx + (qy - t * my) * wy) / length - 1
        if -1 - near <= u <= 1 + near:
            return min(max(t, 0.0), 1.0), min(max(u, -1.0), 1.0)
    return -1.0, 0.0


@inner
def _coordinates(of: Any, k: int, t: float, u: float) -> tuple[float, float]:
    """Return s and u at a share t of the way from ruling k to the next."""
    low = of.edges[k, 0] + t * (of.edges[k + 1, 0] - of.edges[k, 0])
    high = of.edges[k, 1] + t * (of.edges[k + 1, 1] - of.edges[k, 1])
    return of.s[k] + t * (of.s[k + 1] - of.s[k]), _settled(u, low, high)


@kernel
def _place_points(of: Any, points: Any, point: Any, strip: Any, s: Any, u: Any) -> None:
    for n in range(len(point)):
        p, k = point[n], strip[n]
        t, across = _within(of, k, points[p, 0], points[p, 1])
        if t >= 0 and np.isnan(s[p]):
            s[p], u[p] = _coordinates(of, k, t, across)


@inner
def _span(x: Any, y: Any, row: int) -> tuple[float, float]:
    """Return the first and last column, as fractions, at which a row of cell centres crosses four sides."""
    low, high = np.inf, -np.inf
    for n in range(4):
        m = (n + 1) % 4
        below, above = min(y[n], y[m]), max(y[n], y[m])
        if below - 1e-6 <= row <= above + 1e-6:
            at, other = x[n], x[m]
            if above - below > 1e-9:
                share = min(max((row - y[n]) / (y[m] - y[n]), 0.0), 1.0)
                at = other = x[n] + share * (x[m] - x[n])
            low, high = min(low, at, other), max(high, at, other)
    return low, high


@kernel
def _draw(of: Any, place: Any, s: Any, u: Any) -> None:
    west, north, cell = place
    rows, columns = s.shape
    x, y = np.empty(4), np.empty(4)
    for k in range(len(of.left) - 1):
        for n, (ends, ruling) in enumerate(((of.left, k), (of.right, k), (of.right, k + 1), (of.left, k + 1))):
            x[n], y[n] = (ends[ruling, 0] - west) / cell - 0.5, (north - ends[ruling, 1]) / cell - 0.5
        for row in range(max(0, int(np.ceil(y.min() - 1e-6))), min(rows - 1, int(np.floor(y.max() + 1e-6))) + 1):
            low, high = _span(x, y, row)
            if high < low:
                continue
            first, last = max(0, int(np.ceil(low - 1e-3))), min(columns - 1, int(np.floor(high + 1e-3)))
            for column in range(first, last + 1):
                t, across = _within(of, k, west + (column + 0.5) * cell, north - (row + 0.5) * cell)
                if t >= 0:
                    s[row, column], u[row, column] = _coordinates(of, k, t, across)
