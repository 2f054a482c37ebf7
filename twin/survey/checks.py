"""What no survey of a river can be: sections that cross each other, beds that rise towards the middle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely

from twin.survey.laying import Group, bank_places, path
from twin.survey.notes import Notes
from twin.survey.raw import RawSection
from twin.survey.records import Floats

_RELIEF_M = 300.0  # between the highest and the lowest point of a section
_MOST_INVERTED = 0.7  # share of the sections whose middle is above their ends
_CLEARLY_M = 0.3
_STEEPEST = 0.8  # of a section's height to its width, for most sections


def check_sections(reaches: Sequence[Group], notes: Notes) -> None:
    """Refuse sections of one reach that cross each other between their banks, and heights that are none.

    Raises BadSurvey.
    """
    _check_crossings(reaches, notes)
    sections = [section for reach in reaches for section in reach.sections]
    _check_relief(sections)
    _check_inverted(sections)


def _check_crossings(reaches: Sequence[Group], notes: Notes) -> None:
    owners = [(reach.id, section) for reach in reaches for section in reach.sections]
    lines = np.array([shapely.LineString(path(section)) for _, section in owners])
    first, second = shapely.STRtree(lines).query(lines, predicate="intersects")
    for a, b in sorted((int(a), int(b)) for a, b in zip(first, second, strict=True) if a < b):
        (reach, one), (other_reach, other) = owners[a], owners[b]
        place = shapely.get_coordinates(shapely.intersection(lines[a], lines[b]))[0]
        pair = f"{one.id} and {other.id}"
        if reach != other_reach:
            pair = f"{one.id} of {reach} and {other.id} of {other_reach}"
            notes.add("sections of different reaches cross; the bed has two heights there", pair)
        elif not (_within_banks(one, place) and _within_banks(other, place)):
            notes.add("sections cross outside the banks", pair)
        else:
            same = shapely.length(shapely.intersection(lines[a], lines[b])) > 0
            how = "stand in the same place," if same else "cross each other at"
            raise one.bad(
                f"sections '{one.id}' and '{other.id}' {how} ({place[0]:.1f}, {place[1]:.1f})",
                "Shorten or correct one of them: where two sections cross, the bed would have two heights.",
            )


def _within_banks(section: RawSection, place: Floats) -> bool:
    left, right = bank_places(section)
    line = shapely.LineString(path(section))
    s = line.project(shapely.Point(place))
    ends = sorted(line.project(shapely.Point(end)) for end in (left, right))
    return bool(ends[0] <= s <= ends[1])


def _check_relief(sections: Sequence[RawSection]) -> None:
    """Refuse heights in another unit: a bed hundreds of metres deep, or steeper than any bank for most sections."""
    for section in sections:
        relief = float(np.ptp(section.z))
        if relief > _RELIEF_M:
            raise section.bad(
                f"the section is {relief:.0f} m deep",
                "If its heights are in another unit than metres, say which: `unit: cm`, `unit: mm`, `unit: ft`.",
                "z",
            )
    steep = [
        s for s in sections if np.ptp(s.z) > _STEEPEST * float(np.hypot(*(bank_places(s)[1] - bank_places(s)[0])))
    ]
    if len(steep) > len(sections) / 2:
        section = steep[0]
        raise section.bad(
            f"{len(steep)} of {len(sections)} sections are about as deep as they are wide, this one "
            f"{float(np.ptp(section.z)):.6g} m",
            "Check the unit of the heights: `unit: cm`, `unit: mm` or `unit: ft` converts them.",
            "z",
        )


def _check_inverted(sections: Sequence[RawSection]) -> None:
    """Refuse depths that are given for heights: their middle is the highest."""
    bumps = [_bump(section) for section in sections]
    up = [section for section, bump in zip(sections, bumps, strict=True) if bump > _CLEARLY_M]
    down = sum(1 for bump in bumps if bump < -_CLEARLY_M)
    if len(up) <= _MOST_INVERTED * len(sections) or down > 0.2 * len(sections):
        return
    positive = all(float(section.z.min()) > -_CLEARLY_M for section in sections)
    looks = "they look like depths" if positive else "they look like heights turned upside down"
    raise up[0].bad(
        f"in {len(up)} of {len(sections)} sections the bed rises towards the middle: {looks}",
        "Name the column as `depth` and give `water_level_m`, or give bed elevations.",
        "z",
    )


def _bump(section: RawSection) -> float:
    """Return how far a section's middle third lies above its ends, metres."""
    assert section.station is not None
    first, last = section.bank_points or (0, len(section.x) - 1)
    s, z = section.station[first : last + 1], section.z[first : last + 1]
    third = (s[-1] - s[0]) / 3
    inner = np.interp(np.linspace(s[0] + third, s[-1] - third, 9), s, z)
    return float(inner.mean() - max(z[0], z[-1]))
