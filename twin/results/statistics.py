"""What a run adds up to: areas and volumes by class, the wet area over time, the difference of two runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from naru.errors import BadOption
from naru.ramps import ramp_classes
from twin.grid import Floats, Frame, Grid, Values

_SAME = 1e-6  # of a cell: how far grids of one frame may miss each other


@dataclass(frozen=True)
class ClassShare:
    """What lies between two values: from `low` up to, not including, `high`."""

    low: float
    high: float  # inf: no end
    area_m2: float
    volume_m3: float  # of water there


def depth_breaks() -> tuple[float, ...]:
    """Return where the classes of depth on our maps begin, m: see `naru.ramps`."""
    return tuple(mark.value for mark in ramp_classes("depth"))


def by_class(values: Values, depth: Values, breaks: Sequence[float], cell_m: float) -> list[ClassShare]:
    """Return area and volume by class of `values` (such as depth, or hazard), which begin at `breaks` (rising).

    `depth` is that of the water, m, 0 or NaN where it is dry: dry cells, and values below the first break or NaN,
    are in no class. Both rows × columns. The last class has no end.

    >>> depth = np.array([[0.2, 0.7, np.nan, 0.0]])
    >>> [(share.low, share.area_m2) for share in by_class(depth, depth, (0.0, 0.5), 10.0)]
    [(0.0, 100.0), (0.5, 100.0)]
    """
    edges = [*breaks, np.inf]
    wet = np.nan_to_num(depth, nan=0.0) > 0
    out = []
    for low, high in pairwise(edges):
        inside = wet & (values >= low) & (values < high)  # NaN is nowhere
        volume = float(np.sum(depth[inside], dtype=np.float64)) * cell_m**2
        out.append(ClassShare(float(low), float(high), float(np.count_nonzero(inside)) * cell_m**2, volume))
    return out


def wet_area_m2(depth: Values, threshold_m: float, cell_m: float) -> float:
    """Return the area at least `threshold_m` deep; NaN counts as dry."""
    return float(np.count_nonzero(depth >= threshold_m)) * cell_m**2


@dataclass(frozen=True)
class Comparison:
    """How run A differs from run B: A − B where either is wet; NaN elsewhere and where only one of them reaches."""

    difference: Grid
    mean: float  # of the difference, over those cells; NaN: there are none
    root_mean_square: float
    largest_rise: float  # where A is deeper; 0 where nowhere
    largest_fall: float  # where B is deeper, positive
    only_a_m2: float  # area that is wet in A alone
    only_b_m2: float
    both_m2: float

    @property
    def fit(self) -> float:
        """The share of all wet area that both have (the fit of Bates & De Roo 2000); NaN where all is dry."""
        total = self.only_a_m2 + self.only_b_m2 + self.both_m2
        return self.both_m2 / total if total else float("nan")


def compare(a: Grid, b: Grid, threshold_m: float = 0.05) -> Comparison:
    """Return A − B on what both frames cover; values are depths, m, NaN or below `threshold_m` where it is dry.

    Raises:
        BadOption: the runs' cells are not those of one grid: another CRS, size or place, or nothing in common.
    """
    frame = _common(a.frame, b.frame)
    first, second = _cut(a, frame), _cut(b, frame)
    wet_a, wet_b = first >= threshold_m, second >= threshold_m
    either = wet_a | wet_b
    difference = np.where(either, np.where(wet_a, first, 0.0) - np.where(wet_b, second, 0.0), np.nan)
    known, area = difference[either], frame.cell_m**2
    return Comparison(
        Grid(difference, frame, a.unit),
        float(known.mean()) if known.size else float("nan"),
        float(np.sqrt(np.mean(known**2))) if known.size else float("nan"),
        float(max(0.0, known.max(initial=0.0))),
        float(max(0.0, -known.min(initial=0.0))),
        float(np.count_nonzero(wet_a & ~wet_b)) * area,
        float(np.count_nonzero(wet_b & ~wet_a)) * area,
        float(np.count_nonzero(wet_a & wet_b)) * area,
    )


def _common(a: Frame, b: Frame) -> Frame:
    """Return the frame of the cells that two have in common."""
    if a.crs != b.crs or abs(a.cell_m - b.cell_m) > _SAME * a.cell_m:
        cells = (f"cells of {each.cell_m:g} m in {each.crs or 'no CRS'}" for each in (a, b))
        raise _apart(f"one has {next(cells)}, the other {next(cells)}")
    steps = (b.west - a.west) / a.cell_m, (a.north - b.north) / a.cell_m
    if any(abs(step - round(step)) > _SAME for step in steps):
        raise _apart("their cells do not lie on each other")
    west, north = max(a.west, b.west), min(a.north, b.north)
    east = min(a.west + a.columns * a.cell_m, b.west + b.columns * b.cell_m)
    south = max(a.north - a.rows * a.cell_m, b.north - b.rows * b.cell_m)
    columns, rows = round((east - west) / a.cell_m), round((north - south) / a.cell_m)
    if columns <= 0 or rows <= 0:
        raise _apart("they lie apart")
    return Frame(west, north, a.cell_m, rows, columns, a.crs)


def _apart(why: str) -> BadOption:
    return BadOption(f"the two runs cannot be compared: {why}", remedy="Run both with one `domain` and `cell_m`.")


def _cut(grid: Grid, frame: Frame) -> Floats:
    top = round((grid.frame.north - frame.north) / frame.cell_m)
    left = round((frame.west - grid.frame.west) / frame.cell_m)
    out: Floats = grid.values[top : top + frame.rows, left : left + frame.columns].astype(np.float64)
    return out
