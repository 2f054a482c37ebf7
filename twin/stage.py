"""The water's stage that a terrain file states, brought to every cell that the river's water may reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from naru.errors import BadSpec
from twin.bed.records import Bed
from twin.burning.banks import outermost
from twin.burning.water import reached
from twin.grid import Values
from twin.spec_records import Stage, TerrainSpec
from twin.survey.records import Survey

Floats = npt.NDArray[np.float64]
_CHUNK = 1_000_000  # cells whose nearest bank is looked for at a time


@dataclass(frozen=True)
class StageLine:
    """Stages along one reach: between them linear, beyond them the last one."""

    chainage_m: Floats  # rising
    stage_m: Floats

    def at(self, chainage_m: Floats) -> Floats:
        """Return the stages at chainages, metres."""
        return np.interp(chainage_m, self.chainage_m, self.stage_m)


def stage_lines(spec: TerrainSpec, survey: Survey) -> tuple[StageLine, ...]:
    """Return the stages of each reach of the survey, in its order; none where the terrain file states none.

    Raises:
        BadSpec: a stage is at a reach or section that there is not, or a reach has none.
    """
    stage = spec.water_stage_m
    if stage is None:
        return ()
    if stage.constant_m is not None:
        level = StageLine(np.zeros(1), np.full(1, stage.constant_m))
        return tuple(level for _ in survey.reaches)
    points = _points(stage, spec, survey)
    return tuple(_line(points, reach.id, spec) for reach in survey.reaches)


def _points(stage: Stage, spec: TerrainSpec, survey: Survey) -> list[tuple[str, float, float]]:
    """Return reach, chainage and stage of all that was stated."""
    ids = [reach.id for reach in survey.reaches]
    out = []
    for reach, chainage, level in stage.by_chainage:
        if reach is None and len(ids) > 1:
            raise _wrong(spec, "does not say of which reach its chainages are", f"Name one: {', '.join(ids)}.")
        if reach is not None and reach not in ids:
            raise _wrong(spec, f"names a reach '{reach}' that there is not", f"There are {', '.join(ids)}.")
        out.append((reach or ids[0], chainage, level))
    for reach, name, level in stage.by_section:
        found = [s for s in survey.sections if s.id == name and reach in (None, s.reach)]
        if len(found) != 1:
            what = "that there is not" if not found else "that several reaches have"
            raise _wrong(spec, f"names a section '{name}' {what}", "Name the section's `reach` beside it.")
        out.append((found[0].reach, found[0].chainage_m, level))
    return out


def _line(points: list[tuple[str, float, float]], reach: str, spec: TerrainSpec) -> StageLine:
    mine = sorted((chainage, level) for name, chainage, level in points if name == reach)
    if not mine:
        raise _wrong(spec, f"says nothing of reach '{reach}'", "Give it one stage at least.")
    if len({chainage for chainage, _ in mine}) < len(mine):
        raise _wrong(spec, f"has two stages at one chainage of reach '{reach}'", "Leave one of them out.")
    chainages, levels = np.array(mine, float).T
    return StageLine(chainages, levels)


def _wrong(spec: TerrainSpec, what: str, remedy: str) -> BadSpec:
    return BadSpec(f"field 'water_stage_m' {what}", file=str(spec.path), field="water_stage_m", remedy=remedy)


def stage_over(lines: tuple[StageLine, ...], bed: Bed, surface: Values, at_bank: npt.NDArray[np.bool_]) -> Values:
    """Return the water's stage over every cell (float32, metres): beside the channel, that of the nearest bank.

    Cells that the highest stage of all would not reach are NaN.
    """
    from scipy.spatial import cKDTree

    out = np.full(surface.shape, np.nan, np.float32)
    channel = bed.mask
    row, column = np.nonzero(channel)
    out[row, column] = _at(lines, bed.reach[row, column], bed.s[row, column])
    highest = max(float(line.stage_m.max()) for line in lines)
    low = reached(surface, np.array(highest, np.float32), channel) & ~channel
    if all(line.stage_m.min() == highest for line in lines):
        out[low] = highest
        return out
    edge_row, edge_column = np.nonzero(outermost(bed.elevation.values, at_bank))
    tree, stage = cKDTree(np.column_stack([edge_row, edge_column])), out[edge_row, edge_column]
    low_row, low_column = np.nonzero(low)
    for start in range(0, len(low_row), _CHUNK):
        part = slice(start, start + _CHUNK)
        _, nearest = tree.query(np.column_stack([low_row[part], low_column[part]]), workers=-1)
        out[low_row[part], low_column[part]] = stage[nearest]
    return out


def _at(lines: tuple[StageLine, ...], reach: npt.NDArray[np.int16], chainage_m: Values) -> Floats:
    out = np.full(len(reach), np.nan)
    for number, line in enumerate(lines):
        mine = reach == number
        out[mine] = line.at(chainage_m[mine])
    return out
