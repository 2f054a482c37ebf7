"""The ledger of water: no term is lost in the sum, and what cannot be explained is said."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.flood.ledger import Ledger

_VOLUMES = st.floats(-1e9, 1e9, allow_nan=False).filter(lambda v: v == 0 or abs(v) > 1e-9)


def test_in_less_out_less_stored_is_the_error() -> None:
    ledger = Ledger(initial_m3=100.0)
    ledger.add("rain", 50.0)
    ledger.add("infiltration", -20.0)
    ledger.set("edge/south", 5.0, 30.0)

    balance = ledger.balance(now_m3=104.0)

    assert (balance.in_m3, balance.out_m3, balance.stored_m3) == (55.0, 50.0, 4.0)
    assert balance.error_m3 == pytest.approx(1.0)
    assert balance.relative_error == pytest.approx(1.0 / 155.0)
    assert balance.terms["edge/south"] == (5.0, 30.0)


def test_a_model_without_water_has_no_error() -> None:
    assert Ledger().balance(0.0).relative_error == 0.0


@given(st.lists(_VOLUMES, max_size=200))
def test_sums_are_exact_to_the_last_bits(volumes: list[float]) -> None:
    ledger = Ledger()
    for volume in volumes:
        ledger.add("rain", volume)
    balance = ledger.balance(0.0)
    for side, told in ((1, balance.in_m3), (-1, balance.out_m3)):
        exact = sum((Fraction(v) * side for v in volumes if v * side > 0), Fraction(0))
        assert told == pytest.approx(float(exact), rel=4e-16, abs=0.0)


def test_many_small_volumes_beside_a_large_one_are_not_lost() -> None:
    ledger = Ledger()
    ledger.add("inflow/han", 1e9)
    for _ in range(10_000):
        ledger.add("inflow/han", 1e-8)  # each is less than the last bit of the sum
    assert ledger.balance(0.0).in_m3 - 1e9 == pytest.approx(1e-4, rel=1e-2)


@given(st.lists(st.tuples(st.sampled_from(["rain", "edge/a", "pump/1"]), _VOLUMES), max_size=30), _VOLUMES)
def test_a_saved_ledger_goes_on_bit_by_bit(entries: list[tuple[str, float]], then: float) -> None:
    kept, ledger = Ledger(), Ledger(initial_m3=7.0)
    for term, volume in entries:
        ledger.add(term, volume)
    kept.load(json.loads(json.dumps(ledger.save())))
    for each in (kept, ledger):
        each.add("rain", then)
    assert kept.balance(3.0) == ledger.balance(3.0)
