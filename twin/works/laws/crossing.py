"""Flow over weirs and levees, under and over gates, under and over bridges: unit discharge from two heads.

Heads are metres above the crest, the sill or the bed of the opening: `upper` the higher, `lower` the other (below
0: under the crest). Results are m²/s. `settle` finds what passes many such crossings in a time step.
"""

from __future__ import annotations

import math

from naru.kernel import kernel
from twin.flood.records import Ints
from twin.grid import Floats, Values

GRAVITY = 9.80665  # m/s², standard (CGPM 1901)
WEIR, GATE, BRIDGE = 0, 1, 2  # kinds of crossings
# columns of a crossing's numbers
CREST, WIDTH, OVER, EXPONENT, OPENING, TOP, FREE, DROWNED, ONE_WAY = range(9)
NUMBERS = 9
_VILLEMONTE = 0.385
_BRIDGE_FREE = 0.5  # of sluice flow under a deck that only the upper water touches
_MOST_OF_DONOR = 0.5
_TRIES = 60


@kernel
def weir(upper: float, lower: float, coefficient: float, exponent: float) -> float:
    """Return the flow over a crest: q = (2/3)·Cd·√(2g)·H1^1.5 · (1 − (H2/H1)^1.5)^k.

    The first factor is Poleni's, with Cd = 1/√3 for critical depth on a broad crest; the second lets it drown
    (Villemonte 1947, Engineering News-Record 139:866; k = 0.385).

    >>> round(weir(1.0, -0.5, 0.57735, 0.385), 4), weir(1.0, 1.0, 0.57735, 0.385)
    (1.7048, 0.0)
    """
    if upper <= 0.0 or lower >= upper:
        return 0.0
    free = 2.0 / 3.0 * coefficient * math.sqrt(2.0 * GRAVITY) * upper * math.sqrt(upper)
    if lower <= 0.0:
        return free
    ratio = lower / upper
    return free * math.pow(1.0 - ratio * math.sqrt(ratio), exponent)


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
        return weir(upper - crest, lower - crest, numbers[OVER], numbers[EXPONENT])
    opening, top = numbers[OPENING], numbers[TOP] - crest
    if kind == GATE:
        return gate(upper - crest, lower - crest, opening, top, numbers)
    return bridge(upper - crest, lower - crest, opening, top, numbers)


@kernel
def _passing(kind: int, upper: float, lower: float, falls: float, rises: float, numbers: Floats) -> float:
    """Return the flow that the stages give which it leaves behind: q = law(z1 − falls·q, z2 + rises·q).

    The scheme's cells see the water after it was passed on: so the head is right, and nothing overshoots.
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
def settle(
    sides: Ints,
    kinds: Values,
    numbers: Floats,
    depth: Floats,
    bed: Floats,
    area: Floats,
    dt_s: float,
    out: Floats,
) -> Floats:
    """Return what each cell gains in a step, m³, and write each crossing's volume (along its flow) into `out`.

    `sides` (crossings × 2) are indices into `depth`, m, `bed`, EL m, and `area`, m²: upstream and downstream. No
    cell gives more than half of its water.
    """
    cells = depth.size
    stage, wide, gone, gain = bed + depth, depth * 0.0, depth * 0.0, depth * 0.0
    for k in range(out.size):
        out[k] = 0.0
        first, second = sides[k, 0], sides[k, 1]
        if max(stage[first], stage[second]) > numbers[k, CREST]:
            wide[first] += numbers[k, WIDTH]
            wide[second] += numbers[k, WIDTH]
    for k in range(out.size):
        first, second = sides[k, 0], sides[k, 1]
        width = numbers[k, WIDTH]
        back = stage[second] > stage[first]
        donor, taker = (second, first) if back else (first, second)
        if width <= 0.0 or depth[donor] <= 0.0 or stage[donor] <= numbers[k, CREST]:
            continue
        if stage[donor] <= stage[taker] or (back and numbers[k, ONE_WAY] > 0.0):
            continue
        falls, rises = dt_s * wide[donor] / area[donor], dt_s * wide[taker] / area[taker]
        passing = _passing(kinds[k], stage[donor], stage[taker], falls, rises, numbers[k])
        volume = passing * width * dt_s
        out[k] = -volume if back else volume
        gone[donor] += volume
    for c in range(cells):
        most = _MOST_OF_DONOR * depth[c] * area[c]
        gone[c] = most / gone[c] if gone[c] > most else 1.0
    for k in range(out.size):
        donor = sides[k, 0] if out[k] >= 0.0 else sides[k, 1]
        out[k] *= gone[donor]
        gain[sides[k, 0]] -= out[k]
        gain[sides[k, 1]] += out[k]
    return gain
