"""The transition from the bed to the ground beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.burning.cells import Floats, Mask, distance_m, neighbours
from twin.grid import Frame, Values

RIDGE_M = 0.3  # what rises so high above the land behind it holds water back, and is kept
_NEAREST = 8  # points of a bank line that a cell's bank height is taken from


@dataclass(frozen=True)
class BankStep:
    """The largest step between two cells side by side, one in the channel, one outside it."""

    step_m: float
    x: float  # of the side between them
    y: float


@dataclass(frozen=True)
class Bank:
    """Points along the bank lines, dense, with the height at which the bed ends there."""

    x: Floats
    y: Floats
    z: Floats


def bank_step(surface: Values, channel: Mask, at_bank: Mask, frame: Frame) -> BankStep | None:
    """Return the largest step across the bank line; None where no cell of the channel has a known neighbour.

    `at_bank` are the channel's cells beside a bank: where the survey ends across the river there is no bank.
    """
    best: BankStep | None = None
    for axis in (0, 1):
        a, b = _pairs(surface, axis)
        of_a, of_b = _pairs(channel, axis)
        by_a, by_b = _pairs(at_bank, axis)
        step = np.where((of_a != of_b) & (by_a | by_b), np.abs(a - b), np.nan)
        if np.isnan(step).all():
            continue
        row, column = np.unravel_index(int(np.nanargmax(step)), step.shape)
        size = float(step[row, column])
        if best is None or size > best.step_m:
            x = frame.x[column] + (frame.cell_m / 2 if axis == 1 else 0.0)
            y = frame.y[row] - (frame.cell_m / 2 if axis == 0 else 0.0)
            best = BankStep(size, float(x), float(y))
    return best


def _pairs(values: Values, axis: int) -> tuple[Values, Values]:
    return (values[:-1], values[1:]) if axis == 0 else (values[:, :-1], values[:, 1:])


def bank_gap_m(
    surface: Values, at_bank: Mask, channel: Mask, bank: Bank, frame: Frame, width_m: float
) -> float | None:
    """Return by how much the surface beside the channel is off the bank's height, at most; None without a bank.

    What is left of a step is the bank's own slope, from the outermost cell of the bed up to its edge. Within
    `width_m` (of the blend) from where the survey ends across the river nothing is asked: there the blend tapers.
    """
    ends = channel & ~at_bank & neighbours(~channel)
    beside = neighbours(channel & at_bank) & ~channel & np.isinf(distance_m(ends, frame.cell_m, width_m))
    row, column = np.nonzero(beside)
    known = ~np.isnan(surface[row, column])
    row, column = row[known], column[known]
    if not len(row) or not len(bank.x):
        return None
    target = _bank_height(bank, frame.x[column], frame.y[row])
    return float(np.abs(surface[row, column] - target).max())


def outermost(bed: Values, at_bank: Mask) -> Mask:
    """Return the channel's cells at a bank that have a neighbour outside the channel."""
    out: Mask = at_bank & neighbours(np.isnan(bed)) & ~np.isnan(bed)
    return out


def edge_of(bed: Values, at_bank: Mask, frame: Frame) -> Bank:
    """Return the channel's outermost cells with the heights of the bed in them."""
    row, column = np.nonzero(outermost(bed, at_bank))
    return Bank(frame.x[column], frame.y[row], bed[row, column].astype(np.float64))


def blend(
    ground: Values, bed: Values, frame: Frame, width_m: float, at_bank: Mask, bank: Bank | None = None
) -> tuple[Values, Mask]:
    """Return the ground with the bed in it, and which cells beside the channel were changed or filled.

    `bed` is NaN outside the channel. In the channel the bed stands as it is. Beside it, as far as `width_m` from
    the channel's cells, each cell is a mean of its ground and the bank's height, whose weight falls from one at
    the bank to none (3t² - 2t³, level at both ends). So no cell becomes higher than both its ground and the bank
    (a dam), or lower than both (a notch). Ridges that rise `RIDGE_M` above the land behind them, and that land,
    are kept as they are: the transition ends at their foot. Cells without ground within the width are filled
    from the ground around. Everything else is `ground`, bit by bit. `at_bank`: as for `bank_step`; beside other
    cells of the channel nothing is blended. `bank` gives the heights at which the bed ends (default: those of the
    outermost cells).
    """
    channel = ~np.isnan(bed)
    out = np.where(channel, bed, ground)
    bank = edge_of(bed, at_bank, frame) if bank is None else bank
    if not len(bank.x) or width_m <= 0:
        return out, np.zeros(channel.shape, bool)
    distance = distance_m(channel, frame.cell_m, 2 * width_m)
    beside = distance_m(channel & at_bank, frame.cell_m, 2 * width_m) <= distance  # no end of the survey is nearer
    beside &= np.isfinite(distance) & ~channel
    strip = (distance <= width_m) & beside
    filled = _filled(ground, strip, frame, 2 * width_m)
    strip &= ~np.isnan(filled)
    strip &= ~(_ridges(filled, bank, beside, frame) & ~np.isnan(ground))
    row, column = np.nonzero(strip)
    if not len(row):
        return out, strip
    beyond = distance_m(~strip & ~channel, frame.cell_m, 2 * width_m)[row, column].astype(np.float64)
    share = _share(distance[row, column].astype(np.float64), beyond, frame.cell_m)
    weight = share * share * (3 - 2 * share)
    target = _bank_height(bank, frame.x[column], frame.y[row])
    out[row, column] = (1 - weight) * target + weight * filled[row, column]
    return out, strip


def _share(inwards: Floats, outwards: Floats, cell_m: float) -> Floats:
    """Return 0 … 1: how far a cell is on its way from the bank's edge to that of the kept ground."""
    near = np.maximum(inwards - cell_m / 2, 0)
    far = np.maximum(np.where(np.isfinite(outwards), outwards, inwards) - cell_m / 2, 0)
    out: Floats = near / (near + far)
    return out


def _bank_height(bank: Bank, x: Floats, y: Floats) -> Floats:
    """Return the bank's height beside points: of the nearest bank points, the nearer the weightier."""
    distance, index = _nearest(np.column_stack([bank.x, bank.y]), x, y)
    return _weighted(bank.z, distance, index)


def _nearest(points: Floats, x: Floats, y: Floats) -> tuple[Floats, npt.NDArray[np.intp]]:
    from scipy.spatial import cKDTree

    count = min(_NEAREST, len(points))
    distance, index = cKDTree(points).query(np.column_stack([x, y]), k=count)
    return distance.reshape(len(x), count), index.reshape(len(x), count)


def _weighted(values: Floats, distance: Floats, index: npt.NDArray[np.intp]) -> Floats:
    """Return means of values weighted by the inverse square of their distances."""
    weight = 1 / np.maximum(distance, 1e-6) ** 2
    out: Floats = (weight * values[index]).sum(axis=1) / weight.sum(axis=1)
    return out


def _filled(ground: Values, strip: Mask, frame: Frame, reach_m: float) -> Values:
    """Return the ground with heights for the strip's cells that have none, from known cells within reach."""
    missing = strip & np.isnan(ground)
    if not missing.any():
        return ground
    row, column = np.nonzero(missing)
    near = np.isfinite(distance_m(missing, frame.cell_m, reach_m)) & ~np.isnan(ground)
    known = np.nonzero(near)
    if not len(known[0]):
        return ground
    points = np.column_stack([frame.x[known[1]], frame.y[known[0]]])
    distance, index = _nearest(points, frame.x[column], frame.y[row])
    heights = _weighted(ground[known].astype(np.float64), distance, index)
    out = ground.copy()
    out[row, column] = np.where(distance[:, 0] <= reach_m, heights, np.nan)
    return out


def _ridges(ground: Values, bank: Bank, near: Mask, frame: Frame) -> Mask:
    """Return the cells of ridges beside the channel, and those behind them.

    Along the straight way from the nearest bank point to a cell the ground is looked at every half cell: where
    the cell lies `RIDGE_M` below the highest ground on its way, the way from there on belongs to a ridge and
    what it shelters.
    """
    from scipy.spatial import cKDTree

    row, column = np.nonzero(near)
    found = np.zeros(near.shape, bool)
    if not len(row):
        return found
    x, y = frame.x[column], frame.y[row]
    distance, index = cKDTree(np.column_stack([bank.x, bank.y])).query(np.column_stack([x, y]))
    steps = max(int(np.ceil(distance.max() / frame.cell_m * 2)), 1)
    highest, at = np.full(len(row), -np.inf), np.zeros(len(row), np.int32)
    for n in range(steps + 1):
        cell = _cells_at(bank.x[index], bank.y[index], x, y, n / steps, frame)
        higher = near[cell] & (ground[cell] > highest)  # unknown ground is no higher
        highest[higher], at[higher] = ground[cell][higher], n
    sheltered = highest - ground[row, column] >= RIDGE_M
    for n in range(steps + 1):
        cell = _cells_at(bank.x[index], bank.y[index], x, y, n / steps, frame)
        hit = sheltered & (at <= n)
        found[cell[0][hit], cell[1][hit]] = True
    return neighbours(found) & near


def _cells_at(
    x0: Floats, y0: Floats, x1: Floats, y1: Floats, share: float, frame: Frame
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the cells at a share of the ways between points."""
    row, column = frame.place(x0 + (x1 - x0) * share, y0 + (y1 - y0) * share)
    return (
        np.clip(np.rint(row), 0, frame.rows - 1).astype(np.intp),
        np.clip(np.rint(column), 0, frame.columns - 1).astype(np.intp),
    )
