"""Leave-one-section-out, and the method chosen by it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.beds import bend, flat_frame, straight
from twin.bed.interpolate import interpolate_bed
from twin.bed.records import METHODS, Score, SectionScore
from twin.bed.scores import choose, leave_one_out


def test_each_section_between_the_ends_is_left_out_once() -> None:
    levels = {0.0: 5.0, 100.0: 4.0, 200.0: 1.0, 300.0: 2.0}
    survey = straight(list(levels), lambda s, u: levels[s] + u**2)
    (score,) = leave_one_out(survey, ("linear",))
    assert [row.section for row in score.sections] == ["100", "200"]
    # by hand: halfway between 5 and 1 is 3, for 4; halfway between 4 and 2 is 3, for 1
    assert [row.bias_m for row in score.sections] == pytest.approx([-1.0, 2.0], abs=1e-6)
    assert [row.thalweg_error_m for row in score.sections] == pytest.approx([-1.0, 2.0], abs=1e-6)
    assert score.rmse_m == pytest.approx(2.5**0.5, abs=1e-6)
    assert score.bias_m == pytest.approx(0.5, abs=1e-6)
    assert score.thalweg_rmse_m == pytest.approx(2.5**0.5, abs=1e-6)
    assert {row.points for row in score.sections} == {21}


def test_two_sections_leave_nothing_to_score() -> None:
    survey = straight([0.0, 100.0], lambda s, u: u**2)
    assert leave_one_out(survey) == ()
    bed = interpolate_bed(survey, flat_frame())
    assert bed.method == "linear"
    assert bed.scores == ()


def test_choice_comes_with_its_table() -> None:
    survey = bend(seed=3, width=45.0, swing=40.0, points=20, sections=9, skew=10.0)
    scores = leave_one_out(survey)
    assert tuple(score.method for score in scores) == METHODS
    assert all(len(score.sections) == 7 for score in scores)
    assert all(np.isfinite([s.rmse_m, s.bias_m, s.thalweg_rmse_m]).all() for s in scores)
    assert choose(scores) in METHODS


def _score(method: str, errors: list[float]) -> Score:
    rows = tuple(SectionScore("a", str(k), 0.0, 20, error, 0.0, 0.0) for k, error in enumerate(errors))
    return Score(method, float(np.mean(np.square(errors)) ** 0.5), 0.0, 0.0, rows)


def test_few_sections_choose_linear() -> None:
    assert choose((_score("linear", [1, 1]), _score("kriging", [0.1, 0.1]))) == "linear"


def test_clearly_better_method_is_chosen() -> None:
    scores = (_score("linear", [0.5, 0.6, 0.4, 0.5]), _score("kriging", [1, 1.1, 0.9, 1]))
    assert choose(scores) == "linear"


def test_better_by_one_lucky_section_is_not_chosen() -> None:
    scores = (_score("linear", [1.2, 1.2, 1.2, 0.5]), _score("kriging", [1.0, 1.0, 1.0, 2.0]))
    assert scores[0].rmse_m < 0.95 * scores[1].rmse_m
    assert choose(scores) == "kriging"


def test_slightly_better_method_is_not_chosen() -> None:
    scores = (_score("linear", [0.97, 0.97, 0.97]), _score("kriging", [1.0, 1.0, 1.0]))
    assert choose(scores) == "kriging"


def test_thalweg_that_swings_prefers_aligned_shapes() -> None:
    def bed(s: float, u: np.ndarray) -> np.ndarray:
        at = -0.6 + s / 400
        return np.where(u < at, (at - u) / (1 + at), (u - at) / (1 - at)) ** 2 * 4

    survey = straight([0.0, 80.0, 160.0, 240.0, 320.0, 400.0], bed, points=61)
    assert "aligned" in choose(leave_one_out(survey))
