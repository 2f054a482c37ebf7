"""What eddies mix: shear fades as a viscosity has it, momentum stays, and nothing passes a wall."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from naru.errors import BadSpec
from twin.flood import schemes
from twin.flood.full import eddies, flux
from twin.flood.records import Boundary, Domain, Options
from twin.grid import Frame, Values


def _mix(
    depth: Values, qx: Values, qy: Values, n: float, coefficient: float, dt_s: float = 0.1, cell_m: float = 2.0
) -> None:
    """Let eddies work for one step; closed all around."""
    rows, columns = depth.shape
    kind = depth.dtype
    faces = np.zeros((4, rows, columns + 1), kind), np.zeros((4, rows + 1, columns), kind)
    shut = np.zeros((rows, columns + 1), np.uint8), np.zeros((rows + 1, columns), np.uint8)
    whole = np.array([[0, rows, 0, columns]], np.int64)
    state = depth, qx, qy, np.full(depth.shape, n, kind)
    num = eddies.numbers(coefficient, dt_s, cell_m, 1e-5, kind)
    eddies.mix(np.zeros(flux.BUFFER, kind), state, shut, faces, whole, num)
    eddies.take(qx, qy, faces, whole)


def test_shear_fades_as_the_eddy_viscosity_has_it() -> None:
    rows, n, h, speed, dt, cell = 64, 0.03, 2.0, 3.0, 0.1, 2.0
    wave = 1e-3 * np.cos(2 * math.pi * (np.arange(rows) + 0.5) / rows)  # no shear at the walls
    depth = np.full((rows, 5), h)
    qx, qy = (speed + wave)[:, None] * depth, np.zeros_like(depth)
    _mix(depth, qx, qy, n, 0.6, dt, cell)
    viscosity = 0.6 * (math.sqrt(9.81) * n * speed / h ** (1 / 6)) * h
    decay = 1 - 4 * viscosity * dt / cell**2 * math.sin(math.pi / rows) ** 2
    assert qx[:, 2] / h - speed == pytest.approx(
        wave * decay, abs=2e-9
    )  # the speed's own wave is in u*: second order
    assert not qy.any()


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.float64, (9, 13), elements=st.floats(0, 3)),
    arrays(np.float64, (2, 9, 13), elements=st.floats(-4, 4)),
    st.floats(0.1, 20),
)
def test_mixing_keeps_momentum_and_makes_no_new_extremes(depth: Values, speed: Values, coefficient: float) -> None:
    depth[depth < 0.01] = 0
    qx, qy = speed * depth
    before, extremes = (qx.sum(), qy.sum()), np.abs(speed[:, depth > 0]).max(initial=0.0)
    _mix(depth, qx, qy, 0.05, coefficient, 5.0)
    assert (qx.sum(), qy.sum()) == pytest.approx(before, abs=1e-9)
    assert not qx[depth == 0].any()
    assert not qy[depth == 0].any()
    wet = depth > 0
    assert np.abs(np.array([qx[wet], qy[wet]]) / depth[wet]).max(initial=0.0) <= extremes * (1 + 1e-12)


def _jet(threads: int, coefficient: float) -> Values:
    """Return unit discharge after some steps of a jet past a wall, in many tiles."""
    bed = np.zeros((120, 300))
    bed[40:60, 100] = 9.0
    depth = np.where(np.arange(300) < 90, 2.0, 0.5) * np.ones((120, 1))
    depth[bed > 1] = 0
    domain = Domain(Frame(0.0, 240.0, 2.0, 120, 300, ""), bed, np.full(bed.shape, 0.03, np.float32))
    options = Options(scheme="full", threads=threads, eddy_viscosity=coefficient)
    water = schemes.start(domain, depth, Boundary.none(), options)
    before = water.stored_m3()
    for _ in range(25):
        water.step(water.longest_step())
    assert abs(water.stored_m3() - before) < 1e-9 * before
    return np.array(water.flow()[0])


def test_eddies_are_the_same_on_any_number_of_threads_and_matter() -> None:
    one, two = _jet(1, 1.0), _jet(2, 1.0)
    assert np.array_equal(one, two)
    assert np.abs(one - _jet(1, 0.0)).max() > 1e-3


@pytest.mark.parametrize(("backend", "coefficient"), [("numba", -0.1), ("numba", 21.0), ("warp", 1.0)])
def test_an_eddy_viscosity_that_cannot_be_is_refused(backend: str, coefficient: float) -> None:
    domain = Domain(Frame(0.0, 4.0, 1.0, 4, 4, ""), np.zeros((4, 4)), np.full((4, 4), 0.03, np.float32))
    options = Options(scheme="full", backend=backend, eddy_viscosity=coefficient)
    with pytest.raises(BadSpec, match="eddy_viscosity"):
        schemes.start(domain, np.ones((4, 4)), Boundary.none(), options)
