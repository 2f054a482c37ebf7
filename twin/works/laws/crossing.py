"""Flow over weirs and levees, under and over gates, under and over bridges: unit discharge from two heads.

Heads are metres above the crest, the sill or the bed of the opening: `upper` the higher, `lower` the other (below
0: under the crest). Results are m²/s. `settle` finds what passes many such crossings in a time step.
"""

from __future__ import annotations

import math

import numpy as np

from naru.kernel import kernel
from twin.flood.records import Ints
from twin.grid import Floats, Values

GRAVITY = 9.80665  # m/s², standard (CGPM 1901)
WEIR, GATE, BRIDGE = 0, 1, 2  # kinds of crossings
# columns of a crossing's numbers
CREST, WIDTH, OVER, EXPONENT, OPENING, TOP, FREE, DROWNED, ONE_WAY, MODULAR = range(10)
NUMBERS = 10
_VILLEMONTE = 0.385
_BRIDGE_FREE = 0.5  # of sluice flow under a deck that only the upper water touches
_MOST_OF_DONOR = 0.5
_TRIES = 60
_FILM = 1e-3  # m: what is thinner is no water whose stage counts


@kernel
def weir(upper: float, lower: float, coefficient: float, exponent: float) -> float:
    """Return the flow over a crest: q = (2/3)·Cd·√(2g)·H1^1.5 · (1 − (H2/H1)^1.5)^k.

    The first factor is Poleni's, with Cd = 1/√3 for critical depth on a broad crest; the second lets it drown
    (Villemonte 1947, Engineering News-Record 139:866; k = 0.385).

    >>> round(weir(1.0, -0.5, 0.57735, 0.385), 4), weir(1.0, 1.0, 0.57735, 0.385)
    (1.7046, 0.0)
    """
    if upper <= 0.0 or lower >= upper:
        return 0.0
    free = 2.0 / 3.0 * coefficient * math.sqrt(2.0 * GRAVITY) * upper * math.sqrt(upper)
    if lower <= 0.0:
        return free
    ratio = lower / upper
    return free * math.pow(1.0 - ratio * math.sqrt(ratio), exponent)


@kernel
def modular_weir(upper: float, lower: float, coefficient: float, limit: float) -> float:
    """Return the flow over a crest that feels the water below from a modular limit m = H2/H1 on.

    Up to it free flow; above it q = (2/3)·Cd·√(2g)·H1·√((H1 − H2)/(1 − m)): the drowned weir of LISFLOOD-FP (manual
    of version 5.9, weirs) and of ISIS, with 1 − m in place of LISFLOOD-FP's m, with which the flow would jump at
    the limit (to a third at its usual m of 0.9).

    >>> round(modular_weir(1.0, 0.9, 0.57735, 0.9), 4), round(modular_weir(1.0, 0.975, 0.57735, 0.9), 4)
    (1.7046, 0.8523)
    """
    if upper <= 0.0 or lower >= upper:
        return 0.0
    free: float = 2.0 / 3.0 * coefficient * math.sqrt(2.0 * GRAVITY) * upper * math.sqrt(upper)
    if lower <= limit * upper:
        return free
    return free * math.sqrt((1.0 - lower / upper) / (1.0 - limit))


@kernel
def lesser(first: float, second: float) -> float:
    """Return the lesser of two positive flows, rounded off where they differ by less than a tenth.

    With r = a/b it is b·ψ(r), ψ = r − (r − 0.9)²/0.4 from 0.9 to 1.1: continuous with its slope, rising in both.
    """
    if second <= 0.0 or first <= 0.0:
        return 0.0
    ratio = first / second
    if ratio <= 0.9:
        return first
    if ratio >= 1.1:
        return second
    return second * (ratio - (ratio - 0.9) ** 2 / 0.4)


@kernel
def under_leaf(upper: float, lower: float, opening: float, free: float, drowned: float) -> float:
    """Return the flow under a leaf whose lip is in the water.

    The lesser of free flow, q = Cc·a·√(2g·H1), and drowned flow, q = Cd·a·√(2g·(H1 − H2)) (Chow 1959, §17-7;
    Henry 1950): the tail water counts as soon as it holds back more than the jet's contraction does.
    """
    if upper <= 0.0 or lower >= upper or opening <= 0.0:
        return 0.0
    jet = free * opening * math.sqrt(2.0 * GRAVITY * upper)
    if lower <= 0.0:
        return jet
    return min(jet, drowned * opening * math.sqrt(2.0 * GRAVITY * (upper - lower)))


@kernel
def gate(upper: float, lower: float, opening: float, top: float, numbers: Floats) -> float:
    """Return the flow at a gate: under the leaf, over the sill while the leaf is clear, and over the leaf.

    `opening` is the lip's and `top` the leaf's upper edge's height above the sill; `numbers` are a crossing's. From
    weir flow to orifice flow the lesser counts, rounded off in a band of a tenth (`lesser`).
    """
    through = 0.0
    if opening > 0.0:
        over_sill = weir(upper, lower, numbers[OVER], numbers[EXPONENT])
        through = lesser(over_sill, under_leaf(upper, lower, opening, numbers[FREE], numbers[DROWNED]))
    return through + weir(upper - top, lower - top, numbers[OVER], numbers[EXPONENT])


@kernel
def bridge(upper: float, lower: float, opening: float, top: float, numbers: Floats) -> float:
    """Return the flow at a bridge whose deck is touched: under it, and over its parapet.

    Heads are above the bed; `opening` is the low chord's and `top` the parapet's height above it. Under the deck
    the lesser of sluice flow, q = 0.5·a·√(2g·(H1 − a/2)), and full flow, q = Cd·a·√(2g·(H1 − H2)) (HEC-RAS
    Hydraulic Reference Manual, ch. 5, pressure flow; 0.5 is the upper limit of its coefficient of sluice flow).
    Below the low chord the opening fills only to the water: a = H1.
    """
    if upper <= 0.0 or lower >= upper:
        return 0.0
    under = 0.0
    if opening > 0.0:
        high = min(opening, upper)
        sluice = _BRIDGE_FREE * high * math.sqrt(2.0 * GRAVITY * (upper - 0.5 * high))
        full = numbers[DROWNED] * high * math.sqrt(2.0 * GRAVITY * (upper - max(lower, 0.0)))
        under = min(sluice, full)
    return under + weir(upper - top, lower - top, numbers[OVER], _VILLEMONTE)


@kernel
def unit_discharge(kind: int, upper: float, lower: float, numbers: Floats) -> float:
    """Return the flow at a crossing of any kind from two stages, EL m, `upper` the higher."""
    crest = numbers[CREST]
    if kind == WEIR:
        if numbers[MODULAR] > 0.0:
            return modular_weir(upper - crest, lower - crest, numbers[OVER], numbers[MODULAR])
        return weir(upper - crest, lower - crest, numbers[OVER], numbers[EXPONENT])
    opening, top = numbers[OPENING], numbers[TOP] - crest
    if kind == GATE:
        return gate(upper - crest, lower - crest, opening, top, numbers)
    return bridge(upper - crest, lower - crest, opening, top, numbers)


@kernel
def _passing(kind: int, upper: float, lower: float, falls: float, rises: float, numbers: Floats) -> float:
    """Return the flow that the stages give which it leaves behind: q = law(z1 − falls·q, z2 + rises·q).

    `falls` and `rises` are how far 1 m²/s moves the two stages: so nothing overshoots, however stiff the law is.
    """
    most = (upper - lower) / (falls + rises)
    low, low_off = 0.0, unit_discharge(kind, upper, lower, numbers)
    high, high_off = most, -most
    side = 0
    for _ in range(_TRIES):
        if high - low <= 1e-12 * high:
            break
        guess = low + (high - low) * low_off / (low_off - high_off)
        off = unit_discharge(kind, upper - falls * guess, lower + rises * guess, numbers) - guess
        if off == 0.0:
            return guess
        if off > 0.0:
            low, low_off = guess, off
            if side == 1:
                high_off *= 0.5  # the Illinois rule: neither end may stay (Dowell & Jarratt 1971)
            side = 1
        else:
            high, high_off = guess, off
            if side == -1:
                low_off *= 0.5
            side = -1
    return low


@kernel
def _side(cells: Ints, wide: float, depth: Floats, bed: Floats, area: Floats, dt_s: float) -> Floats:
    """Return what a crossing sees on a side: the stage, EL m; how far a flow of 1 m²/s moves it; of that, lasting.

    `cells` are the one beside the crossing and the next one outwards (-1: none). The head is that of the next one,
    where the scheme's water has come to itself; a change of flow runs out there as a wave, so that it moves the
    stage by Δq/√(g·h) (method of characteristics). Where the next cell is dry or higher up, and in buckets, it is
    the cell beside, whose stage the step's own volume moves.
    """
    near, far = cells[0], cells[1]
    out = np.empty(3)
    out[0], out[1], out[2] = bed[near] + depth[near], dt_s * wide / area[near], 0.0
    if far < 0 or depth[far] <= _FILM or depth[near] <= _FILM:
        return out
    share = min(max((out[0] - bed[far]) / depth[near], 0.0), 1.0)
    wave = wide / math.sqrt(area[near]) / math.sqrt(GRAVITY * depth[far])
    out[0] += share * (bed[far] + depth[far] - out[0])
    out[1] = share * wave + (1.0 - share) * out[1]
    out[2] = share * wave
    return out


@kernel
def settle(
    sides: Ints, kinds: Values, numbers: Floats, depth: Floats, bed: Floats, area: Floats, dt_s: float, flow: Floats
) -> Floats:
    """Return what each cell gains in a step, m³; `flow` (crossings × 2) gets volume, m³, and m²/s along the flow.

    `sides` (crossings × 4) are indices into `depth`, m, `bed`, EL m, and `area`, m²: the cell upstream and the next
    one outwards (-1: none), the same downstream. `flow` holds what the last step had. No cell gives more than half
    of its water.
    """
    wide, gone, gain = depth * 0.0, depth * 0.0, depth * 0.0
    for k in range(len(flow)):
        first, second = sides[k, 0], sides[k, 2]
        if max(bed[first] + depth[first], bed[second] + depth[second]) > numbers[k, CREST]:
            wide[first] += numbers[k, WIDTH]
            wide[second] += numbers[k, WIDTH]
    for k in range(len(flow)):
        first, second = sides[k, 0], sides[k, 2]
        width, before, crest = numbers[k, WIDTH], flow[k, 1], numbers[k, CREST]
        flow[k, 0] = flow[k, 1] = 0.0
        if width <= 0.0 or max(bed[first] + depth[first], bed[second] + depth[second]) <= crest:
            continue
        up = _side(sides[k, 0:2], wide[first], depth, bed, area, dt_s)
        down = _side(sides[k, 2:4], wide[second], depth, bed, area, dt_s)
        above, below = up[0] + up[2] * before, down[0] - down[2] * before
        back = below > above
        donor = second if back else first
        if above == below or (back and numbers[k, ONE_WAY] > 0.0) or bed[donor] + depth[donor] <= crest:
            continue
        if back:
            flow[k, 1] = -_passing(kinds[k], below, above, down[1], up[1], numbers[k])
        else:
            flow[k, 1] = _passing(kinds[k], above, below, up[1], down[1], numbers[k])
        flow[k, 0] = flow[k, 1] * width * dt_s
        gone[donor] += abs(flow[k, 0])
    for c in range(depth.size):
        most = _MOST_OF_DONOR * depth[c] * area[c]
        gone[c] = most / gone[c] if gone[c] > most else 1.0
    for k in range(len(flow)):
        scale = gone[sides[k, 0] if flow[k, 0] >= 0.0 else sides[k, 2]]
        flow[k, 0] *= scale
        flow[k, 1] *= scale
        gain[sides[k, 0]] -= flow[k, 0]
        gain[sides[k, 2]] += flow[k, 0]
    return gain
