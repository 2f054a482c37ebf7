"""Flow through culverts: the lesser of what the inlet lets in and what the barrel carries.

After FHWA HDS-5, Hydraulic Design of Highway Culverts, 3rd edition 2012 (FHWA-HIF-12-026). Levels
are EL m, `upper` the higher stage; results are m³/s of one barrel.
"""

from __future__ import annotations

import math

from naru.kernel import kernel
from twin.grid import Floats

GRAVITY = 9.80665
BOX, CIRCLE = 0, 1
# columns of a culvert's numbers; `passing` needs no others
SHAPE, WIDE, HIGH, LONG, ROUGH, ENTRANCE, EXIT, IN_LEVEL, OUT_LEVEL = range(9)
_UNIT = 1.811  # Ku of HDS-5 in SI
_LOW, _HIGH = 3.5, 4.0  # Ku·Q/(A·√D): up to here the inlet is a weir, from there on an orifice
_TRIES, _CLOSE = 60, 1e-9  # of roots


@kernel
def section(shape: float, wide: float, high: float, depth: float) -> tuple[float, float, float]:
    """Return area (m²), wetted perimeter (m) and width of the surface (m) of a barrel filled to a depth.

    A full barrel is wet all around; its surface is as wide as it is just below the crown.
    """
    if depth >= high:
        if shape == CIRCLE:
            return math.pi * high * high / 4.0, math.pi * high, 1e-3 * high
        return wide * high, 2.0 * (wide + high), wide
    if shape == CIRCLE:
        angle = 2.0 * math.acos(max(-1.0, min(1.0, 1.0 - 2.0 * depth / high)))
        area = high * high / 8.0 * (angle - math.sin(angle))
        return area, high * angle / 2.0, max(high * math.sin(angle / 2.0), 1e-3 * high)
    return wide * depth, wide + 2.0 * depth, wide


@kernel
def critical_flow(shape: float, wide: float, high: float, depth: float) -> float:
    """Return the discharge whose critical depth this is: Q = √(g·A³/T) (Chow 1959, §4-1)."""
    area, _, top = section(shape, wide, high, depth)
    return math.sqrt(GRAVITY * area * area * area / top)


@kernel
def critical_depth(shape: float, wide: float, high: float, flow: float) -> float:
    """Return the depth, m, at which a discharge is critical; the full height where the barrel is too small.

    Of a box (Q/b)²/g to the power 1/3; of a pipe by Newton's method on ln(g·A³/T) from Straub's (1982) first guess.
    """
    if flow <= 0.0:
        return 0.0
    if shape != CIRCLE:
        return min(math.pow(flow / wide * (flow / wide) / GRAVITY, 1.0 / 3.0), high)
    top = high * 0.9999
    if critical_flow(shape, wide, high, top) <= flow:
        return high
    depth = min(1.01 / math.pow(high, 0.26) * math.pow(flow * flow / GRAVITY, 0.25), 0.95 * high)
    for _ in range(20):
        area, _, surface = section(shape, wide, high, depth)
        off = math.log(GRAVITY * area * area * area / (surface * flow * flow))
        step = off / (3.0 * surface / area - 2.0 * (high - 2.0 * depth) / (surface * surface))
        new = min(max(depth - step, 0.1 * depth), 0.5 * (depth + top))
        if abs(new - depth) <= 1e-12 * high:
            break
        depth = new
    return depth


@kernel
def inlet_head(flow: float, slope: float, numbers: Floats) -> float:
    """Return the head over the inlet's invert, m, that lets a discharge in (HDS-5 appendix A, equations A.1, A.3).

    Weir: HW/D = Hc/D + K·x^M − 0.5·S; orifice: HW/D = c·x² + Y − 0.5·S; x = Ku·Q/(A·√D), Ku = 1.811 in SI;
    between x = 3.5 and 4 a straight line. Pipes: chart 1, square edge in a headwall (K 0.0098, M 2, c 0.0398,
    Y 0.67); boxes: chart 8, wing walls at 90° (K 0.061, M 0.75, c 0.04, Y 0.80).
    """
    shape, wide, high = numbers[SHAPE], numbers[WIDE], numbers[HIGH]
    area, _, _ = section(shape, wide, high, high)
    x = _UNIT * flow / (area * math.sqrt(high))
    share = min(max((x - _LOW) / (_HIGH - _LOW), 0.0), 1.0)
    head: float = 0.0
    if share < 1.0:
        head += (1.0 - share) * _weir_head(min(x, _LOW), slope, numbers) * high
    if share > 0.0:
        head += share * _orifice_head(max(x, _HIGH), slope, shape) * high
    return head


@kernel
def _orifice_head(x: float, slope: float, shape: float) -> float:
    c, y = (0.0398, 0.67) if shape == CIRCLE else (0.0400, 0.80)
    return c * x * x + y - 0.5 * slope


@kernel
def _weir_head(x: float, slope: float, numbers: Floats) -> float:
    shape, wide, high = numbers[SHAPE], numbers[WIDE], numbers[HIGH]
    if x <= 0.0:
        return 0.0
    full, _, _ = section(shape, wide, high, high)
    flow = x * full * math.sqrt(high) / _UNIT
    depth = critical_depth(shape, wide, high, flow)
    area, _, _ = section(shape, wide, high, depth)
    head = depth + flow / area * (flow / area) / (2.0 * GRAVITY)
    k, m = (0.0098, 2.0) if shape == CIRCLE else (0.061, 0.75)
    out: float = max(head / high + k * math.pow(x, m) - 0.5 * slope, 0.0)
    return out


@kernel
def barrel_head(flow: float, lower: float, head: float, out_level: float, numbers: Floats) -> float:
    """Return the stage, EL m, above the barrel that drives a discharge through it (HDS-5 chapter 3.1.4).

    Tail: the stage below, or h0 = (dc + D)/2 over the outlet's invert where that is higher, at a barrel that is
    full at its inlet; critical depth alone where it is 3/4 full or less. Losses:
    (ke + kx + 2g·n²·L/R^(4/3))·V²/2g at the mean depth of inlet (`head` over its invert) and tail.
    """
    shape, wide, high = numbers[SHAPE], numbers[WIDE], numbers[HIGH]
    critical = critical_depth(shape, wide, high, flow)
    share = min(max((head / high - 0.75) / 0.25, 0.0), 1.0)
    end = max(lower, out_level + critical + share * 0.5 * (high - critical))
    filled = 0.5 * (min(head, high) + min(max(end - out_level, critical), high))
    area, around, _ = section(shape, wide, high, max(filled, 1e-6))
    losses = numbers[ENTRANCE] + numbers[EXIT]
    rough = numbers[ROUGH]
    losses += 2.0 * GRAVITY * rough * rough * numbers[LONG] / math.pow(area / around, 4.0 / 3.0)
    out: float = end + losses * (flow / area) * (flow / area) / (2.0 * GRAVITY)
    return out


@kernel
def _need(flow: float, upper: float, lower: float, levels: tuple[float, float], numbers: Floats) -> float:
    """Return by how much the stage above is too low for a discharge, m: at the inlet or in the barrel."""
    in_level, out_level = levels
    head = upper - in_level
    slope = max((in_level - out_level) / numbers[LONG], 0.0)
    inlet = inlet_head(flow, slope, numbers) - head
    out: float = max(inlet, barrel_head(flow, lower, head, out_level, numbers) - upper)
    return out


@kernel
def culvert(upper: float, lower: float, in_level: float, out_level: float, numbers: Floats) -> float:
    """Return the discharge of one barrel from the stages above and below it.

    `in_level` and `out_level` are the inverts where the water enters and leaves. The discharge is the greatest that
    needs no more head than there is, at the inlet and in the barrel.
    """
    head = upper - in_level
    if head <= 0.0 or upper <= lower or upper <= out_level:
        return 0.0
    levels = in_level, out_level
    area, _, _ = section(numbers[SHAPE], numbers[WIDE], numbers[HIGH], min(head, numbers[HIGH]))
    low, top = 0.0, area * math.sqrt(2.0 * GRAVITY * (upper - min(max(lower, out_level), upper)))
    low_off, top_off = _need(low, upper, lower, levels, numbers), _need(top, upper, lower, levels, numbers)
    if top_off <= 0.0:
        return top
    if low_off >= 0.0:
        return 0.0
    side = 0
    for _ in range(_TRIES):
        if top - low <= _CLOSE * top:
            break
        flow = low + (top - low) * low_off / (low_off - top_off)
        off = _need(flow, upper, lower, levels, numbers)
        if off <= 0.0:
            low, low_off = flow, off
            if side == -1:
                top_off *= 0.5
            side = -1
        else:
            top, top_off = flow, off
            if side == 1:
                low_off *= 0.5
            side = 1
        if off == 0.0:
            break
    return low


@kernel
def passing(first: float, second: float, falls: float, flap: bool, numbers: Floats) -> float:
    """Return the discharge of one barrel, from inlet to outlet, that the stages it leaves behind give.

    A discharge of 1 m³/s brings the two stages closer by `falls` m in all in the step: two small basins come to one
    level without swinging. With a flap nothing flows back.
    """
    back = second > first
    if first == second or (back and flap):
        return 0.0
    upper, lower = (second, first) if back else (first, second)
    in_level, out_level = numbers[IN_LEVEL], numbers[OUT_LEVEL]
    if back:
        in_level, out_level = out_level, in_level
    top = culvert(upper, lower, in_level, out_level, numbers)
    low, half = 0.0, 0.5 * falls
    low_off = top
    top_off = culvert(upper - half * top, lower + half * top, in_level, out_level, numbers) - top
    side = 0
    for _ in range(_TRIES):
        if top - low <= _CLOSE * top or top_off >= 0.0:
            break
        flow = low + (top - low) * low_off / (low_off - top_off)
        off = culvert(upper - half * flow, lower + half * flow, in_level, out_level, numbers) - flow
        if off > 0.0:
            low, low_off = flow, off
            if side == 1:
                top_off *= 0.5
            side = 1
        else:
            top, top_off = flow, off
            if side == -1:
                low_off *= 0.5
            side = -1
    found = top if top_off >= 0.0 else low
    return -found if back else found
