"""Classes of depth and hazard, as reports count and colour them: those of the map's legend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from naru.ramps import ramp_classes, ramp_colours
from twin.grid import Values

Both = tuple[str, str]  # Korean, English


@dataclass(frozen=True)
class Class:
    """One class: values from `low` up to the next class's."""

    low: float
    name: str  # 한국어 (English)
    colour: str


def _classes(ramp: str) -> tuple[Class, ...]:
    marks = zip(ramp_classes(ramp), ramp_colours(ramp), strict=True)
    return tuple(Class(mark.value, mark.words, colour) for mark, colour in marks)


DEPTH: tuple[Class, ...] = _classes("depth")
HAZARD: tuple[Class, ...] = _classes("hazard")


def classify(values: Values, classes: tuple[Class, ...]) -> Values:
    """Return the index of each value's class, int8; -1 where the value is NaN or 0.

    >>> classify(np.array([np.nan, 0.2, 0.5, 7.0]), DEPTH).tolist()
    [-1, 0, 1, 4]
    """
    bounds = np.array([each.low for each in classes[1:]])
    index = np.searchsorted(bounds, np.nan_to_num(values), side="right").astype(np.int8)
    out: Values = np.where(np.isnan(values) | (values <= 0), np.int8(-1), index)
    return out
