"""Puts sections without a centre line in the order in which the river passes them.

Not by their place on one axis, on which a meander comes back, but by the shortest way through their middles; a step
that runs along the sections rather than across them, as from one limb of a meander to the next, counts as longer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from naru.errors import TooLarge
from twin.survey.raw import RawSection
from twin.survey.records import Floats

_MOST = 3000  # sections: the ways between all of them are looked at
_ROUNDS = 50  # of improvement, each over all pairs of steps
_BEND, _TWIST = 0.5, 2.0  # by how much a way is longer per square radian
_WORTH = 1.5  # a given order this many times as long as the one found is not worth to be improved
_AS_GOOD = 0.5  # steps by which an order that somebody gave may be longer than the shortest found
Ints = npt.NDArray[np.int64]


def passed_order(sections: Sequence[RawSection], middles: Floats, chords: Floats) -> Ints:
    """Return the order of sections along the river, from one end or the other.

    `middles` (n, 2) are the sections' middles, `chords` (n, 2) the vectors from their first to their last points.
    The order of the file, or of the ids as people count, is kept where it is about as short.
    Raises TooLarge.
    """
    count = len(sections)
    if count > _MOST:
        raise TooLarge(
            f"{count} sections of one reach cannot be put in order without a centre line",
            file=str(sections[0].file),
            remedy="Give a `centreline`, or the sections of each reach a name (`reach`).",
        )
    if count < 3:
        return np.arange(count)
    costs = _costs(middles, chords)
    given = [np.arange(count), _natural(sections)]
    found = _improved(_nearest(costs), costs)
    near = [order for order in given if _cost(order, costs) < _WORTH * _cost(found, costs)]
    best = min([found, *(_improved(order, costs) for order in near)], key=lambda order: _cost(order, costs))
    most = _cost(best, costs) + _AS_GOOD * float(np.median(costs[best[:-1], best[1:]]))
    kept = [order for order in given if _cost(order, costs) <= most]
    return kept[0] if kept else best


def _costs(middles: Floats, chords: Floats) -> Floats:
    """Return how long the way between each two sections is taken to be (n, n).

    On an arc the way turns as much towards the chord as away from it. So of the angles from one section's normal to
    the chord, and from the chord to the other's normal, the mean is what the arc is longer by, and half the
    difference, which no single bend has, counts more.
    """
    steps = middles[None, :, :] - middles[:, None, :]
    ways = np.arctan2(steps[..., 1], steps[..., 0])
    normals = np.arctan2(chords[:, 0], -chords[:, 1])
    leaving, arriving = _folded(ways - normals[:, None]), _folded(normals[None, :] - ways)
    bend, twist = (leaving + arriving) / 2, (leaving - arriving) / 2
    out: Floats = np.hypot(steps[..., 0], steps[..., 1]) * (1 + _BEND * bend**2 + _TWIST * twist**2)
    return out


def _folded(angles: Floats) -> Floats:
    """Return angles between lines without direction, from -90° to 90°, in radians."""
    out: Floats = (angles + np.pi / 2) % np.pi - np.pi / 2
    return out


def _cost(order: Ints, costs: Floats) -> float:
    return float(costs[order[:-1], order[1:]].sum())


def _natural(sections: Sequence[RawSection]) -> Ints:
    """Return the order of ids as people count: 2 before 10, No.3+50 after No.3."""

    def key(n: int) -> list[tuple[int, float, str]]:
        parts = re.findall(r"\d+(?:\.\d+)?|\D+", sections[n].id)
        return [(0, float(p), "") if p[0].isdigit() else (1, 0.0, p) for p in parts]

    return np.array(sorted(range(len(sections)), key=key))


def _nearest(costs: Floats) -> Ints:
    """Return the way that goes on from both its ends to the nearest section not yet passed."""
    count = len(costs)
    start = int(np.argmin(np.partition(costs + np.diag(np.full(count, np.inf)), 1, axis=1)[:, 0]))
    left = np.ones(count, bool)
    left[start] = False
    way = [start]
    for _ in range(count - 1):
        head, tail = (np.where(left, costs[end], np.inf) for end in (way[0], way[-1]))
        if head.min() < tail.min():
            way.insert(0, int(head.argmin()))
            left[way[0]] = False
        else:
            way.append(int(tail.argmin()))
            left[way[-1]] = False
    return np.array(way)


def _improved(order: Ints, costs: Floats) -> Ints:
    """Turn stretches of a way around while that shortens it (2-opt, Croes 1958), its ends being free."""
    order = order.copy()
    count = len(order)
    for _ in range(_ROUNDS):
        better = False
        for first in range(count - 1):
            gains = _gains(order, costs, first)
            last = int(gains.argmax())
            if gains[last] > 1e-9:
                order[first : first + last + 1] = order[first : first + last + 1][::-1]
                better = True
        if not better:
            break
    return order


def _gains(order: Ints, costs: Floats, first: int) -> Floats:
    """Return what turning the stretch from `first` to each later place around saves."""
    ends = np.arange(first, len(order))
    before = order[first - 1] if first else None
    after = order[np.minimum(ends + 1, len(order) - 1)]
    inner = ends < len(order) - 1
    gains = np.where(inner, costs[order[ends], after] - costs[order[first], after], 0.0)
    if before is not None:
        gains = gains + costs[before, order[first]] - costs[before, order[ends]]
    return gains
