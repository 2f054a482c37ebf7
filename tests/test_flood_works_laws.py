"""Laws of structures against closed forms, limits, continuity and order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from twin.works.crossings import numbers_of
from twin.works.laws import breach, culvert, pump
from twin.works.laws.crossing import (
    BRIDGE,
    GATE,
    MODULAR,
    WEIR,
    gate,
    lesser,
    modular_weir,
    under_leaf,
    unit_discharge,
    weir,
)
from twin.works.laws.inlet import exchange
from twin.works.spec import InletLaw

G = 9.80665
BROAD = 1 / math.sqrt(3)
heads = st.floats(0.01, 6.0)
shares = st.floats(0.0, 0.999)


def test_broad_crest_lets_critical_flow_over() -> None:
    head = 1.3
    critical = 2 / 3 * head
    assert weir(head, -1.0, BROAD, 0.385) == pytest.approx(math.sqrt(G * critical**3), rel=1e-12)


def test_drowned_weir_is_villemonte_s() -> None:
    free = weir(2.0, 0.0, 0.577, 0.385)
    assert weir(2.0, 1.5, 0.577, 0.385) == pytest.approx(free * (1 - 0.75**1.5) ** 0.385, rel=1e-12)
    assert weir(2.0, 2.0, 0.577, 0.385) == 0.0
    assert weir(-0.1, -0.2, 0.577, 0.385) == 0.0


def test_modular_weir_is_free_up_to_its_limit_and_has_no_jump_there() -> None:
    free = weir(2.0, 0.0, 0.577, 0.385)
    assert modular_weir(2.0, 1.6, 0.577, 0.8) == pytest.approx(free, rel=1e-12)
    assert modular_weir(2.0, 1.6 + 1e-9, 0.577, 0.8) == pytest.approx(free, rel=1e-8)
    assert modular_weir(2.0, 1.9, 0.577, 0.8) == pytest.approx(free * math.sqrt(0.05 / 0.2), rel=1e-12)
    assert modular_weir(2.0, 2.0, 0.577, 0.8) == modular_weir(-0.1, -0.2, 0.577, 0.8) == 0.0


def test_free_and_drowned_gate_follow_their_orifices() -> None:
    numbers = numbers_of(1, OVER=BROAD, EXPONENT=0.385, FREE=0.611, DROWNED=0.8)[0]
    assert gate(3.0, 0.0, 0.5, 9.0, numbers) == pytest.approx(0.611 * 0.5 * math.sqrt(2 * G * 3.0), rel=1e-12)
    assert gate(3.0, 2.8, 0.5, 9.0, numbers) == pytest.approx(0.8 * 0.5 * math.sqrt(2 * G * 0.2), rel=1e-12)
    assert gate(0.3, 0.0, 0.5, 9.0, numbers) == pytest.approx(weir(0.3, 0.0, BROAD, 0.385), rel=1e-12)
    assert gate(3.0, 0.0, 0.0, 9.0, numbers) == 0.0
    closed = gate(3.0, 0.0, 0.0, 2.0, numbers)
    assert closed == pytest.approx(weir(1.0, -2.0, BROAD, 0.385), rel=1e-12), "over the closed leaf"


@given(st.floats(0.1, 10), st.floats(0.1, 10))
def test_blend_lies_within_a_tenth_and_below_both(first: float, second: float) -> None:
    least = min(first, second)
    assert 0.97 * least <= lesser(first, second) <= least * (1 + 1e-12)
    if abs(first / second - 1) > 0.12:
        assert lesser(first, second) == least


def _numbers(kind: int, opening: float) -> np.ndarray:
    return numbers_of(1, CREST=1.0, OVER=BROAD, EXPONENT=0.385, OPENING=opening, TOP=4.0, FREE=0.611, DROWNED=0.8)[
        0
    ]


@settings(max_examples=200)
@given(
    st.sampled_from([WEIR, GATE, BRIDGE]),
    heads,
    shares,
    st.floats(0.05, 2.5),
    st.floats(1e-3, 0.2),
    st.sampled_from([0.0, 0.67, 0.9]),
)
def test_crossings_rise_with_the_upper_head_and_fall_with_the_lower(
    kind: int, head: float, share: float, opening: float, more: float, modular: float
) -> None:
    numbers = _numbers(kind, opening)
    numbers[MODULAR] = modular
    upper, lower = 1.0 + head, 1.0 + head * share
    here = unit_discharge(kind, upper, lower, numbers)
    assert here >= 0
    assert unit_discharge(kind, upper + more, lower, numbers) >= here * (1 - 1e-12)
    assert unit_discharge(kind, upper, lower - more, numbers) >= here * (1 - 1e-12)


@settings(max_examples=200)
@given(st.sampled_from([WEIR, GATE, BRIDGE]), heads, shares, st.floats(0.05, 2.5))
def test_crossings_have_no_jumps(kind: int, head: float, share: float, opening: float) -> None:
    numbers = _numbers(kind, opening)
    upper, lower = 1.0 + head, 1.0 + head * share
    step = 1e-9
    here = unit_discharge(kind, upper, lower, numbers)
    assert abs(unit_discharge(kind, upper + step, lower, numbers) - here) < 1e-3
    assert abs(unit_discharge(kind, upper, lower + step, numbers) - here) < 1e-3


def test_bridge_flows_full_between_two_high_waters() -> None:
    numbers = _numbers(BRIDGE, 2.0)
    drowned = unit_discharge(BRIDGE, 1 + 2.9, 1 + 2.8, numbers)
    assert drowned == pytest.approx(0.8 * 2.0 * math.sqrt(2 * G * 0.1), rel=1e-12)
    sluice = unit_discharge(BRIDGE, 1 + 2.9, 1 + 0.2, numbers)
    assert sluice == pytest.approx(0.5 * 2.0 * math.sqrt(2 * G * 1.9), rel=1e-12)


def _pipe(**more: float) -> np.ndarray:
    numbers = np.array([culvert.CIRCLE, 1.2, 1.2, 40.0, 0.013, 0.5, 1.0, 10.0, 9.8])
    for name, value in more.items():
        numbers[getattr(culvert, name)] = value
    return numbers


def test_full_culvert_is_driven_by_its_losses() -> None:
    numbers = _pipe(LONG=80.0)
    radius = 1.2 / 4
    losses = 1.5 + 2 * G * 0.013**2 * 80.0 / radius ** (4 / 3)
    velocity = math.sqrt(2 * G * 0.5 / losses)
    flow = culvert.culvert(13.0, 12.5, 10.0, 9.8, numbers)
    assert flow == pytest.approx(velocity * math.pi * 1.2**2 / 4, rel=1e-9)


def test_inlet_control_follows_hds5() -> None:
    """Chart 1, square edge: submerged HW/D = c·x² + Y − 0.5·S."""
    numbers = _pipe(LONG=20.0)
    head, slope, area = 3.0, 0.01, math.pi * 1.2**2 / 4
    x = math.sqrt((head / 1.2 - 0.67 + 0.5 * slope) / 0.0398)
    flow = culvert.culvert(13.0, 9.0, 10.0, 9.8, numbers)
    assert x > 4
    assert flow == pytest.approx(x * area * math.sqrt(1.2) / 1.811, rel=1e-8)


@pytest.mark.parametrize("shape", [culvert.BOX, culvert.CIRCLE])
def test_critical_depth_and_flow_are_inverse(shape: int) -> None:
    for depth in (0.05, 0.4, 0.9):
        flow = culvert.critical_flow(shape, 1.2, 1.2, depth)
        assert culvert.critical_depth(shape, 1.2, 1.2, flow) == pytest.approx(depth, rel=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([0.0, 1.0]), st.floats(0.05, 5), st.floats(-1, 5), st.floats(1e-3, 0.3))
def test_culvert_rises_with_the_head_above_and_falls_with_that_below(
    shape: float, head: float, below: float, more: float
) -> None:
    numbers = _pipe(SHAPE=shape)
    upper, lower = 10.0 + head, 9.8 + below
    assume(lower < upper)
    here = culvert.culvert(upper, lower, 10.0, 9.8, numbers)
    assert culvert.culvert(upper + more, lower, 10.0, 9.8, numbers) >= here * (1 - 1e-6)
    assert culvert.culvert(upper, lower - more, 10.0, 9.8, numbers) >= here * (1 - 1e-6)


def test_flap_lets_nothing_back_and_no_flap_is_the_same_both_ways() -> None:
    level = _pipe(OUT_LEVEL=10.0)
    there = culvert.passing(12.0, 11.0, 0.0, False, level)
    assert there > 0
    assert culvert.passing(11.0, 12.0, 0.0, False, level) == pytest.approx(-there, rel=1e-12)
    assert culvert.passing(11.0, 12.0, 0.0, True, level) == 0.0


def test_culvert_never_brings_levels_past_each_other() -> None:
    for falls in (0.01, 1.0, 100.0):
        flow = culvert.passing(12.0, 11.0, falls, False, _pipe())
        assert 0 < falls * flow <= 1.0


def test_pumps_start_with_lag_and_stop_with_a_dead_band() -> None:
    pumps = pump.Pumps.still(pump.Staging(2, 5.0, 4.0, 0.5, lag_s=60.0))
    pumps.look(5.2, 0.0)
    assert pumps.running.tolist() == [0, 0], "the lag"
    pumps.look(5.2, 60.0)
    assert pumps.running.tolist() == [1, 0], "the second starts half a metre higher"
    pumps.look(4.2, 70.0)
    assert pumps.running.tolist() == [1, 0], "the dead band"
    pumps.look(4.0, 80.0)
    assert pumps.running.tolist() == [0, 0]
    pumps.look(4.5, 90.0)
    assert pumps.running.tolist() == [0, 0], "not before the start level again"


def test_ramp_delivers_the_area_under_it() -> None:
    pumps = pump.Pumps.still(pump.Staging(1, 5.0, 4.0, ramp_s=100.0))
    pumps.look(6.0, 0.0)
    delivered = sum(float(pumps.run(dt).sum()) * dt for dt in (30.0, 50.0, 70.0))
    assert delivered == pytest.approx(50.0 + 50.0, rel=1e-12), "half the ramp's time, and the rest"


def test_breach_widening_is_the_derivative_of_its_width() -> None:
    step = 1e-3
    rise = breach.width_after(3.0, 1800.0 + step, 0.3) - breach.width_after(3.0, 1800.0 - step, 0.3)
    assert breach.widening(3.0, 1800.0, 0.3) == pytest.approx(rise / (2 * step), rel=1e-6)
    head, uc, time = 3.0, 0.3, 1800.0
    formula = 1.3 * math.sqrt(G) * head**1.5 / uc * math.log10(1 + 0.04 * G / uc * time / 3600)  # t in hours
    assert breach.width_after(head, time, uc) == pytest.approx(formula, rel=1e-12)


LAW, AREA, AROUND = InletLaw(), 0.2, 1.8


def _inlet(depth: float, sewer: float) -> float:
    one = np.ones(1)
    return float(exchange(depth * one, sewer * one, AREA * one, AROUND * one, LAW)[0])


def test_inlet_is_a_weir_then_an_orifice_then_a_spring() -> None:
    shallow, deep = 0.02, 1.0
    assert _inlet(shallow, -1) == pytest.approx(2 / 3 * 0.54 * AROUND * math.sqrt(2 * G) * shallow**1.5, rel=1e-12)
    assert _inlet(deep, -1) == pytest.approx(0.67 * AREA * math.sqrt(2 * G * deep), rel=1e-12)
    assert _inlet(deep, 0.5) == pytest.approx(0.167 * AREA * math.sqrt(2 * G * 0.5), rel=1e-12)
    assert _inlet(0.2, 0.7) == pytest.approx(-0.167 * AREA * math.sqrt(2 * G * 0.5), rel=1e-12)
    assert _inlet(0.0, -1) == _inlet(0.3, 0.3) == 0.0


@given(st.floats(0, 2), st.floats(-1, 3))
def test_inlet_has_no_jumps_and_fills_no_fuller_sewer(depth: float, sewer: float) -> None:
    here = _inlet(depth, sewer)
    assert abs(_inlet(depth + 1e-9, sewer) - here) < 1e-3
    assert abs(_inlet(depth, sewer + 1e-9) - here) < 1e-3
    assert here * (depth - sewer) >= 0 or here == 0


def test_leaf_in_the_water_never_passes_more_than_its_jet() -> None:
    for lower in np.linspace(-1, 3, 41):
        assert under_leaf(3.0, lower, 0.5, 0.611, 0.8) <= 0.611 * 0.5 * math.sqrt(2 * G * 3.0) * (1 + 1e-12)
