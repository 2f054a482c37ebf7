"""Kriging along the channel: how much each of the nearest sections counts between two of them."""

from __future__ import annotations

import numpy as np

from twin.survey.records import Floats

NEAREST = 3  # sections on either side
STEPS = 32  # of the way between two sections
_LONG, _SHORT, _SHARE = 8.0, 0.25, 0.005  # widths; of the variance, what is of short range


def weights(middle: Floats, width_m: float) -> Floats:
    """Return weights (sections − 1, STEPS + 1, 2·NEAREST) of the sections about each gap, summing to 1.

    Universal kriging (Matheron 1969: a constant and a slope along the channel) in one dimension with a Matérn 3/2
    covariance of long range, whose limit is the natural cubic spline, and a little of short range: what sections
    do not share dies out near them. A bed that falls evenly is found exactly.
    """
    gaps = len(middle) - 1
    out = np.zeros((gaps, STEPS + 1, 2 * NEAREST))
    for gap in range(gaps):
        low, high = max(0, gap + 1 - NEAREST), min(len(middle), gap + 1 + NEAREST)
        at = middle[low:high] / width_m
        wanted = np.linspace(at[gap - low], at[gap - low + 1], STEPS + 1)
        place = low - (gap + 1 - NEAREST)
        out[gap, :, place : place + high - low] = _universal(at, wanted).T
    return out


def _universal(at: Floats, wanted: Floats) -> Floats:
    """Return the weights of places for wanted ones: the kriging system with a constant and a slope (columns)."""
    count = len(at)
    middle, half = at.mean(), max(float(np.ptp(at)) / 2, 1e-9)
    drift = np.stack((np.ones(count), (at - middle) / half))
    left = np.zeros((count + 2, count + 2))
    left[:count, :count] = _covariance(at[:, None] - at)
    left[count:, :count], left[:count, count:] = drift, drift.T
    right = np.concatenate(
        (_covariance(at[:, None] - wanted), np.ones((1, len(wanted))), [(wanted - middle) / half])
    )
    found = np.linalg.lstsq(left, right, rcond=1e-14)[0]
    return np.asarray(found[:count], np.float64)


def _covariance(apart: Floats) -> Floats:
    """Return Matérn 3/2 of both ranges: (1 + √3 h/r) exp(−√3 h/r) (Rasmussen & Williams 2006, eq. 4.17)."""
    total: Floats = np.zeros_like(apart)
    for reach, share in ((_LONG, 1 - _SHARE), (_SHORT, _SHARE)):
        h = np.sqrt(3.0) * np.abs(apart) / reach
        total = total + share * (1 + h) * np.exp(-h)
    return total
