"""From a survey to the bed elevation of every cell of a frame."""

from __future__ import annotations

import numpy as np

from naru.errors import BadOption
from twin.bed.channel import channel
from twin.bed.distance import distances
from twin.bed.fitting import fitted
from twin.bed.junctions import Canvas, Mask, inside, openings
from twin.bed.patch import Part, patch
from twin.bed.records import METHODS, OUTSIDE, Bed, Score
from twin.bed.scores import choose, leave_out
from twin.bed.series import joints
from twin.grid import Frame, Grid
from twin.survey.records import Floats, Survey

_NOTHING_M = 0.01  # a bed so near its survey meets it


def interpolate_bed(survey: Survey, frame: Frame, method: str = "auto", *, ground: Grid | None = None) -> Bed:
    """Return the bed elevation between the banks, from each reach's first section to its last.

    `frame.crs` is that of the survey. `ground` gives the height at the bank where a section ends short of it;
    without it the last surveyed height goes on to the bank. `method` is one of `METHODS` or `auto`: chosen by
    leave-one-section-out. Between reaches that meet, the bed goes over from one to the other; islands have none.
    Raises `BadSurvey` where a reach has fewer than two sections in its channel, `BadOption` for another method.
    """
    if method not in (*METHODS, "auto"):
        raise BadOption(f"There is no method {method}.", field="method", remedy=f"Use auto, {', '.join(METHODS)}.")
    parts = parted(survey, ground)
    scores: tuple[Score, ...] = ()
    if method == "auto":
        scores = leave_out(parts, METHODS)
        method = choose(scores)
    canvas = Canvas(frame)
    for number in _upstream_first(survey):
        laid = patch(parts[number], frame, method, survey.soundings)
        if laid is not None:
            canvas.lay(laid, number)
    carried = list(joints(parts, ground))
    for joint in carried:
        over = patch(joint.part, frame, method, survey.soundings)
        if over is not None:
            canvas.carry_on(over, joint)
    meeting = openings(parts, carried)
    for mouth in meeting.mouths:
        canvas.open_mouth(mouth, frame)
    if len(parts) > 1:
        canvas.join(meeting.rings, frame)
    bare = np.isnan(canvas.z)
    if survey.islands:
        bare |= inside(list(survey.islands), frame)
    for values in (canvas.s, canvas.u, canvas.z):
        values[bare] = np.nan
    canvas.reach[bare] = -1
    canvas.source[bare] = OUTSIDE
    apart = distances(_banks(parts, survey.islands, ~bare, frame), ~bare, frame)
    elevation = Grid(canvas.z, frame, "m", survey.vertical_datum)
    found = (elevation, canvas.s, canvas.u, canvas.reach, apart, canvas.source)
    largest, warnings = deviation(parts, method)
    return Bed(*found, method, scores, largest, (*meeting.warnings, *warnings))


def parted(survey: Survey, ground: Grid | None = None) -> list[Part]:
    """Return every reach with its channel and its sections in it. Raises `BadSurvey`."""
    return [
        Part(reach, along, *fitted(reach, along, ground)) for reach in survey.reaches for along in (channel(reach),)
    ]


def deviation(parts: list[Part], method: str) -> tuple[float, list[str]]:
    """Return the largest |bed − survey| at surveyed points in the channel, metres, and where it is not nothing."""
    largest, warnings = 0.0, []
    for part in parts:
        for place, number in enumerate(part.numbers):
            s, u, z = part.shapes.points(place)
            found, _, _ = part.shapes.bed(s, u, method)
            apart = float(np.nanmax(np.abs(found - z), initial=0.0))
            largest = max(largest, apart)
            if apart > _NOTHING_M or np.isnan(found).any():
                section = part.reach.sections[number]
                warnings.append(
                    f"Section {section.id} of reach {section.reach}: the bed misses its points by up to "
                    f"{apart:.2f} m, or has none there. It crosses another section in the channel, or doubles back."
                )
        left_out = [section for k, section in enumerate(part.reach.sections) if k not in part.numbers]
        warnings += [
            f"Section {section.id} of reach {section.reach} does not cross its reach's channel and was left out."
            for section in left_out
        ]
    return largest, warnings


def _upstream_first(survey: Survey) -> list[int]:
    """Return the reaches' numbers so that each comes before what it flows into."""
    place = {reach.id: number for number, reach in enumerate(survey.reaches)}

    def below(number: int) -> int:
        steps, at = 0, survey.reaches[number].downstream
        while at in place and steps <= len(place):
            steps, at = steps + 1, survey.reaches[place[at]].downstream
        return steps

    return sorted(range(len(place)), key=below, reverse=True)


def _banks(parts: list[Part], islands: tuple[Floats, ...], mask: Mask, frame: Frame) -> Floats:
    """Return bank lines and islands as short segments (n, 2, 2), without those that have bed on both sides."""
    from twin.bed.lines import line

    lines = [bank for part in parts for bank in (part.along.left, part.along.right)]
    lines += [np.concatenate((ring, ring[:1])) for ring in islands]
    segments = []
    for points in map(line, lines):
        along = np.union1d(points.along, np.arange(0, points.length, 2 * frame.cell_m))
        at = points.at(along)
        segments.append(np.stack((at[:-1], at[1:]), axis=1))
    pieces = np.concatenate(segments)
    across = np.diff(pieces, axis=1)[:, 0]
    length = np.maximum(np.hypot(*across.T), 1e-12)[:, None]
    aside = np.stack((-across[:, 1], across[:, 0]), axis=-1) / length * frame.cell_m
    middle = pieces.mean(axis=1)
    open_water = _at(mask, middle + aside, frame) & _at(mask, middle - aside, frame)
    out: Floats = pieces[~open_water]
    return out


def _at(mask: Mask, points: Floats, frame: Frame) -> Mask:
    row, column = (np.rint(place).astype(int) for place in frame.place(points[:, 0], points[:, 1]))
    here = (row >= 0) & (row < frame.rows) & (column >= 0) & (column < frame.columns)
    out: Mask = here & mask[np.where(here, row, 0), np.where(here, column, 0)]
    return out
