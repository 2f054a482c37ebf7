"""Levees keep their crests: neither the size of a cell nor the blend at the bank lowers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.burning.cells import Floats, Mask, distance_m, inside, walk
from twin.grid import Frame, Values
from twin.survey.lines import distances

_GRAZE_CELLS = 2.0  # a line so near to the bank has slipped into the channel; beyond, it crosses the river


@dataclass(frozen=True)
class Levee:
    """A levee's crest line. A crest that is NaN is taken from the ground under the line.

    With an `area` (a shapely polygon, the line its outline) all of it is raised, to the mean of the crest inside.
    """

    id: str
    line: Floats  # (points, 2), metres in the frame's CRS
    crest_m: Floats  # (points,), between points linear
    area: Any = None


@dataclass(frozen=True)
class Raised:
    """What became of the levees."""

    values: Values
    cells: Mask  # that stand at a crest now
    crossings: tuple[tuple[str, float, float], ...]  # id, x, y: where a line crosses the channel


def keep_crests(values: Values, ground: Values, levees: Sequence[Levee], channel: Mask, frame: Frame) -> Raised:
    """Return the surface with every cell under a levee's line at least as high as the crest and the ground was.

    `ground` is the surface before the bed was blended in: what the blend took from a crest is given back.
    The raised cells share sides, so that no water gets through at their corners (see `cells.walk`). Where a line
    crosses the channel the bed stands; a line that merely touches it at the bank, up to two cells in, is raised.
    """
    out, cells, crossings = values.copy(), np.zeros(values.shape, bool), list[tuple[str, float, float]]()
    depth = distance_m(~channel, frame.cell_m, 2 * _GRAZE_CELLS * frame.cell_m)
    for levee in levees:
        if levee.area is not None:
            _raise_area(levee, out, cells, ground, channel, frame)
        row, column, crest = _crest(levee, ground, frame)
        crossing = channel[row, column] & _crosses(depth[row, column], channel[row, column], frame.cell_m)
        if crossing.any():
            first = int(np.argmax(crossing))
            crossings.append((levee.id, float(frame.x[column[first]]), float(frame.y[row[first]])))
        row, column, crest = row[~crossing], column[~crossing], crest[~crossing]
        known = ~np.isnan(crest)
        np.fmax.at(out, (row[known], column[known]), crest[known])
        cells[row[known], column[known]] = True
    return Raised(out, cells, tuple(crossings))


def _raise_area(levee: Levee, out: Values, cells: Mask, ground: Values, channel: Mask, frame: Frame) -> None:
    under = inside([levee.area], frame) & ~channel
    crest = float(np.nanmean(levee.crest_m)) if np.isfinite(levee.crest_m).any() else np.nan
    out[under] = np.fmax(out[under], np.fmax(ground[under], crest))
    cells |= under & ~np.isnan(out)


def _crest(levee: Levee, ground: Values, frame: Frame) -> tuple[Values, Values, Floats]:
    """Return the cells under a levee's line, and how high each must be: the higher of crest and ground."""
    there = walk(levee.line, frame)
    along = distances(levee.line)
    stated = np.interp(there.along_m, along, levee.crest_m)
    below = ground[there.row, there.column].astype(np.float64)
    return there.row, there.column, np.fmax(stated, below)


def _crosses(depth: Values, in_channel: Mask, cell_m: float) -> Mask:
    """Return which cells of a line belong to stretches in the channel that lead deeper in than a graze."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], in_channel, [False]]).astype(np.int8)))
    out = np.zeros(len(in_channel), bool)
    for start, end in edges.reshape(-1, 2):
        out[start:end] = depth[start:end].max() > _GRAZE_CELLS * cell_m * (1 + 1e-6)
    return out
