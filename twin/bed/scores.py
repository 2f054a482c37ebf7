"""How well each method finds a section again that was left out, and which method to use."""

from __future__ import annotations

import numpy as np

from twin.bed.patch import Part
from twin.bed.records import METHODS, Score, SectionScore
from twin.bed.weights import NEAREST
from twin.survey.records import Floats, Survey

USUAL = "kriging"  # best on average where the bed is known everywhere: `bench/bed.py`
LEAST_SECTIONS = 3  # left out in turn: with fewer, the errors say nothing about methods
_CLEARLY = 0.95  # of the usual method's error: what another must come down to


def leave_one_out(survey: Survey, methods: tuple[str, ...] = METHODS) -> tuple[Score, ...]:
    """Return each method's errors at the points of sections left out in turn; a reach's first and last stay.

    Each section is asked for at its own surveyed points; bank lines stay as they are. Empty where no reach has
    three sections. Gaps about a section left out are twice as long as the survey's own: errors are upper bounds.
    """
    from twin.bed.interpolate import parted

    return leave_out(parted(survey), methods)


def leave_out(parts: list[Part], methods: tuple[str, ...]) -> tuple[Score, ...]:
    """Return the scores over reaches whose sections lie in their channels."""
    scores = []
    for method in methods:
        rows = [row for part in parts for row in _rows(part, method)]
        if rows:
            mean = [float(np.mean([value**2 for value in values])) for values in zip(*_errors(rows), strict=True)]
            bias = float(np.mean([row.bias_m for row in rows]))
            scores.append(Score(method, mean[0] ** 0.5, bias, mean[1] ** 0.5, tuple(rows)))
    return tuple(scores)


def _errors(rows: list[SectionScore]) -> list[tuple[float, float]]:
    return [(row.rmse_m, row.thalweg_error_m) for row in rows]


def _rows(part: Part, method: str) -> list[SectionScore]:
    rows, shapes = [], part.shapes
    for number in range(1, len(shapes.middle) - 1):
        section = part.reach.sections[part.numbers[number]]
        s, u, z = shapes.points(number)
        found, _, _ = shapes.about(number, NEAREST + 1).bed(s, u, method)
        known = ~np.isnan(found)
        if known.any():
            rows.append(_row(section.reach, section.id, section.chainage_m, u[known], z[known], found[known]))
    return rows


def _row(reach: str, section: str, chainage_m: float, u: Floats, z: Floats, found: Floats) -> SectionScore:
    error = found - z
    return SectionScore(
        reach,
        section,
        chainage_m,
        len(z),
        float(np.sqrt(np.mean(error**2))),
        float(error.mean()),
        float(found.min() - z.min()),
    )


def choose(scores: tuple[Score, ...]) -> str:
    """Return the method to use: `kriging`, unless another is clearly better at the sections left out.

    Clearly: its RMSE is at least 5 % lower, and the mean difference of squared errors is more than its standard
    error over the sections (the one-standard-error rule of Breiman et al. 1984, §3.4.3, paired). `linear` where
    fewer than three sections could be left out. Measured in `bench/bed.py`.
    """
    known = {score.method: score for score in scores if len(score.sections) >= LEAST_SECTIONS}
    usual = known.get(USUAL)
    if usual is None:
        return min(known.values(), key=lambda score: score.rmse_m).method if known else METHODS[0]
    better = [score for score in known.values() if _clearly(score, usual)]
    return min(better, key=lambda score: score.rmse_m, default=usual).method


def _clearly(score: Score, usual: Score) -> bool:
    gains = np.array([a.rmse_m**2 - b.rmse_m**2 for a, b in zip(usual.sections, score.sections, strict=True)])
    margin = float(gains.std(ddof=1)) / len(gains) ** 0.5
    return score.rmse_m < _CLEARLY * usual.rmse_m and float(gains.mean()) > margin
