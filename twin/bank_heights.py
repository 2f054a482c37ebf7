"""At which height the surveyed bed ends at either bank."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import shapely

from twin.bed.records import Bed
from twin.burning.banks import Bank, outermost
from twin.burning.cells import inside, neighbours
from twin.grid import Frame
from twin.survey.records import CrossSection, Reach, Survey

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_AT_BANK_CELLS = 1.5  # so near to a line a cell lies beside it


def beside_banks(survey: Survey, bed: Bed) -> Mask:
    """Return the channel's outermost cells beside a bank or an island: not where the survey ends across the river.

    The survey ends along a reach's first and last section; cells away from the bank lines belong to such an end
    up to a quarter of the river's width from it, for the bed need not end on the section's very line.
    """
    frame = bed.elevation.frame
    near = _AT_BANK_CELLS * frame.cell_m
    row, column = np.nonzero(bed.mask & neighbours(~bed.mask))
    points = shapely.points(frame.x[column], frame.y[row])
    on_line = bed.bank_distance_m[row, column] <= near
    at_end = np.zeros(len(points), bool)
    for end in _ends(survey):
        across = shapely.LineString(np.column_stack([end.x, end.y]))
        shapely.prepare(across)
        at_end |= shapely.dwithin(across, points, np.where(on_line, near, max(near, across.length / 4)))
    out = np.zeros(bed.mask.shape, bool)
    out[row[~at_end], column[~at_end]] = True
    return out


def _ends(survey: Survey) -> list[CrossSection]:
    """Return the sections at which the survey ends: none where one reach goes on into another."""
    out = []
    for reach in survey.reaches:
        first, last = reach.sections[0], reach.sections[-1]
        width = float(np.hypot(first.x[-1] - first.x[0], first.y[-1] - first.y[0]))
        above = [other.centreline[-1] for other in survey.reaches if other.downstream == reach.id]
        if not any(np.hypot(*(end - reach.centreline[0])) <= width for end in above):
            out.append(first)
        if reach.downstream is None:
            out.append(last)
    return out


def bank_ends(section: CrossSection) -> tuple[float, float]:
    """Return the section's heights at its left and right bank, metres."""
    left, right = section.banks or (0, -1)
    return float(section.z[left]), float(section.z[right])


def bank_profile(reach: Reach) -> tuple[Floats, Floats, Floats]:
    """Return chainages of the reach's sections, and the heights of the left and the right bank there."""
    ends = np.array([bank_ends(section) for section in reach.sections])
    return np.array([section.chainage_m for section in reach.sections]), ends[:, 0], ends[:, 1]


def surveyed_banks(survey: Survey, bed: Bed, at_bank: Mask) -> Bank:
    """Return the channel's outermost cells, each with the height at which the bed ends at the bank beside it.

    That is where the sections end, linear between them. The bed of the outermost cell itself counts where it is
    higher (the section ended short of the bank), and around islands, which sections do not measure the edge of.
    """
    frame = bed.elevation.frame
    row, column = np.nonzero(outermost(bed.elevation.values, at_bank))
    z = bed.elevation.values[row, column].astype(np.float64)
    ends = np.full(len(z), -np.inf)
    for number, reach in enumerate(survey.reaches):
        chainage, left, right = bank_profile(reach)
        mine = bed.reach[row, column] == number
        s, u = bed.s[row, column][mine], bed.u[row, column][mine]
        ends[mine] = np.where(u < 0, np.interp(s, chainage, left), np.interp(s, chainage, right))
    ends[_beside_islands(survey, frame)[row, column]] = -np.inf
    return Bank(frame.x[column], frame.y[row], np.maximum(z, ends))


def _beside_islands(survey: Survey, frame: Frame) -> Mask:
    rings = [shapely.Polygon(ring) for ring in survey.islands]
    return neighbours(inside(rings, frame, touched=True)) if rings else np.zeros((frame.rows, frame.columns), bool)
