"""Lays the sections of one reach along its centre line, given or drawn through their middles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import shapely

from naru.errors import BadSurvey
from twin.survey.lines import at, cleaned, crossings, distances, flowing, length, locate, part, tangents
from twin.survey.notes import Notes
from twin.survey.order import passed_order
from twin.survey.raw import RawSection
from twin.survey.records import Floats

_SKEWED_DEG, _ALONG_DEG = 40.0, 75.0  # from square to the river: worth a word; no cross-section any more
_SQUARE_DEG = 10.0  # a section within this of square to the way through its neighbours is taken to be square
_SQUARE_IN_BENDS = 0.15  # … and within this share of the bend's turn from section to section
_GUESSED = 1.0  # widths by which a section's direction misses the next section: the course between is guessed
_NEAR = 0.25  # of its own width: how far a section may stop short of the centre line
_SURE = 2.5  # a slope this many times its standard error tells the direction of flow
_BEYOND = 2.0  # widths of the river by which a centre line may go on beyond the outermost sections
_STEP = 0.25  # of the width: between the points of a line that is drawn


@dataclass(frozen=True)
class Laid:
    """A reach whose sections are in order, upstream first, each from left to right."""

    id: str
    sections: tuple[RawSection, ...]
    chainage: Floats  # (sections,)
    centreline: Floats  # (points, 2)
    given: bool  # whether the centre line was
    downstream: str | None
    file: Path

    @property
    def width(self) -> float:
        """The median width between the banks, metres."""
        return float(np.median([np.hypot(*chord(section)) for section in self.sections]))


@dataclass(frozen=True)
class Group:
    """The sections of one reach as they were read, and what is known of it."""

    id: str
    sections: tuple[RawSection, ...]
    centreline: Floats | None = None
    drawn_in: Path | None = None  # the file of a centre line of which nobody says which way it is drawn
    downstream: str | None = None
    directed: bool = False  # the sections are in order, upstream first, and from left to right


def bank_places(section: RawSection) -> tuple[Floats, Floats]:
    """Return where a section meets the banks: at the points marked so, else at its ends."""
    first, last = section.bank_points or (0, len(section.x) - 1)
    return np.array([section.x[first], section.y[first]]), np.array([section.x[last], section.y[last]])


def chord(section: RawSection) -> Floats:
    """Return the vector from bank to bank."""
    first, last = bank_places(section)
    return last - first


def middle(section: RawSection) -> Floats:
    """Return the place half-way between the banks."""
    first, last = bank_places(section)
    return (first + last) / 2


def path(section: RawSection) -> Floats:
    """Return a section's points (points, 2)."""
    return np.column_stack((section.x, section.y))


def lay(group: Group, notes: Notes) -> Laid:
    """Lay a reach. Raises BadSurvey: a section off the centre line, or along the river."""
    file = group.sections[0].file
    if len(group.sections) < 2:
        raise group.sections[0].bad(
            f"reach '{group.id}' has one section only; a bed lies between two",
            "Survey a second one, or name the right column of `reach`.",
        )
    laid = _on_given(group, notes) if group.centreline is not None else _on_drawn(group, notes)
    line, s = laid.centreline, laid.chainage
    sections = tuple(
        _facing(section, way, notes) for section, way in zip(laid.sections, tangents(line, s), strict=True)
    )
    _check_chainages(sections, s)
    return replace(laid, sections=sections, file=file)


def trimmed(laid: Laid, others: Sequence[Laid], notes: Notes) -> Laid:
    """Cut what a centre line goes on beyond the survey; the ways into another reach, and from others, stay."""
    margin = _BEYOND * laid.width
    whole = length(laid.centreline)
    mouths = [other.centreline[-1:] for other in others if other.downstream == laid.id]
    starts = [float(laid.chainage[0]), *(float(locate(laid.centreline, mouth)[0][0]) for mouth in mouths)]
    first = min(starts) - margin if min(starts) > 2 * margin else 0.0
    ends = laid.downstream is None and whole - laid.chainage[-1] > 2 * margin
    last = laid.chainage[-1] + margin if ends else whole
    if first <= 0 and last >= whole:
        return laid
    notes.add(
        f"the centre line of reach '{laid.id}' is cut to the survey: {first:.0f} m upstream and "
        f"{whole - last:.0f} m downstream of it are left out (chainages begin anew)"
    )
    line = part(laid.centreline, first, last)
    return replace(laid, centreline=line, chainage=laid.chainage - first)


# --- a centre line is given ---------------------------------------------------------------------------


def _on_given(group: Group, notes: Notes) -> Laid:
    assert group.centreline is not None
    line = cleaned(group.centreline)
    found = [_met(section, line) for section in group.sections]
    _check_distances(group.sections, found, line)
    for section, (_, away) in zip(group.sections, found, strict=True):
        if away > 0:
            notes.add("sections do not reach the centre line; its nearest place counts", section.id)
    s = np.array([where for where, _ in found])
    if group.directed and _rank_correlation(s) < 0:
        line, s = line[::-1], length(line) - s
        notes.add(f"the centre line of reach '{group.id}' is drawn upstream; its sections say so, and it is turned")
    order = np.argsort(s, kind="stable")
    sections = tuple(group.sections[n] for n in order)
    s = s[order]
    slope, sure = _fall(sections, s)
    if slope > 0 and sure and not group.directed:
        _rises(group, sections, slope * float(s[-1] - s[0]), notes)
    return Laid(group.id, sections, s, line, True, group.downstream, sections[0].file)


def _rises(group: Group, sections: Sequence[RawSection], rise_m: float, notes: Notes) -> None:
    """Refuse a centre line that runs uphill unless the user says that it is drawn so. Raises BadSurvey."""
    told = f"the bed rises by {rise_m:.2f} m along it, from section {sections[0].id} to {sections[-1].id}"
    if group.drawn_in is None:
        notes.add(f"the centre line of reach '{group.id}' runs uphill: {told}")
        return
    raise BadSurvey(
        f"the centre line of reach '{group.id}' runs uphill: {told}",
        file=str(group.drawn_in),
        feature=group.id,
        field="centreline",
        remedy=f"Turn it round, or say so: `centreline: {{file: {group.drawn_in.name}, drawn: upstream}}`; where "
        "the bed does rise downstream, say `drawn: downstream`.",
    )


def _met(section: RawSection, line: Floats) -> tuple[float, float]:
    """Return how far along the line a section meets it, and how far it stays away (0: it crosses)."""
    places = crossings(line, path(section))
    shape = shapely.LineString(line)
    if len(places):
        feet = at(line, places)
        return float(places[np.argmin(np.hypot(*(feet - middle(section)).T))]), 0.0
    own = shapely.LineString(path(section))
    nearest = shapely.get_coordinates(shapely.shortest_line(own, shape))
    return float(shapely.line_locate_point(shape, shapely.Point(nearest[1]))), float(
        np.hypot(*(nearest[1] - nearest[0]))
    )


def _check_distances(sections: Sequence[RawSection], found: Sequence[tuple[float, float]], line: Floats) -> None:
    far = [
        (away, section)
        for section, (_, away) in zip(sections, found, strict=True)
        if away > _NEAR * float(np.hypot(*chord(section)))
    ]
    if not far:
        return
    away, worst = max(far, key=lambda pair: pair[0])
    if len(far) > len(sections) / 2 and len(sections) > 1:
        raise worst.bad(
            f"{len(far)} of {len(sections)} sections lie off the centre line, this one by {away:.0f} m",
            "Check that both files are of one river, and in the coordinate systems said (`crs` of each).",
            "crs",
        )
    raise worst.bad(
        f"the section lies {away:.0f} m off the centre line",
        "Correct its coordinates or the centre line, or leave the section out.",
    )


# --- none is given --------------------------------------------------------------------------------------


def _on_drawn(group: Group, notes: Notes) -> Laid:
    sections = _in_order(group)
    s = distances(np.array([middle(section) for section in sections]))
    if not group.directed:
        slope, sure = _fall(sections, s)
        if not sure:
            notes.add(
                f"reach '{group.id}': the bed falls too little to tell where the river flows; the first section of "
                "the file is taken for the upstream end (a `centreline` settles it)"
            )
        if slope > 0 if sure else not _as_in_file(group, sections):
            sections = sections[::-1]
        if not _as_in_file(group, sections):
            notes.add(f"reach '{group.id}': the file begins downstream; the sections are put upstream first")
    places = np.array([middle(section) for section in sections])
    directions = _directions(sections, places)
    step = max(0.5, _STEP * float(np.median([np.hypot(*chord(section)) for section in sections])))
    _note_guessed_bends(sections, places, directions, notes)
    line, s = flowing(places, directions, step)
    if not shapely.LineString(line).is_simple:
        notes.add(
            f"reach '{group.id}': the centre line drawn through the sections crosses itself; give a `centreline`"
        )
    return Laid(group.id, sections, s, line, False, group.downstream, sections[0].file)


def _note_guessed_bends(sections: Sequence[RawSection], places: Floats, directions: Floats, notes: Notes) -> None:
    """Note where the river bends between two sections far apart: nothing says where it lies there."""
    steps = np.diff(places, axis=0)
    missed = np.maximum(
        *(np.abs(steps[:, 0] * ways[:, 1] - steps[:, 1] * ways[:, 0]) for ways in (directions[:-1], directions[1:]))
    )
    width = float(np.median([np.hypot(*chord(section)) for section in sections]))
    for n in np.flatnonzero(missed > _GUESSED * width).tolist():
        notes.add(
            "the river bends between sections that stand far apart, and its course there is guessed (the errors of "
            "sections left out do not show it); give a `centreline` or `banks`",
            f"{sections[n].id} to {sections[n + 1].id}",
        )


def _in_order(group: Group) -> tuple[RawSection, ...]:
    if group.directed:
        return group.sections
    places = np.array([middle(section) for section in group.sections])
    chords = np.array([chord(section) for section in group.sections])
    given = [section.chainage for section in group.sections]
    known = [chainage for chainage in given if chainage is not None]
    if len(known) == len(given) and len(set(known)) == len(known):
        order = np.argsort(known)
    else:
        order = passed_order(group.sections, places, chords)
    return tuple(group.sections[n] for n in order)


def _as_in_file(group: Group, sections: Sequence[RawSection]) -> bool:
    places = {id(section): n for n, section in enumerate(group.sections)}
    return _rank_correlation(np.array([places[id(section)] for section in sections], float)) >= 0


def _directions(sections: Sequence[RawSection], places: Floats) -> Floats:
    """Return the unit direction of flow at each section: square to it, unless it is skewed to its neighbours.

    On an arc three middles give the direction, how far apart they may be; the more the river turns there, the more
    may a section that stands otherwise be right.
    """
    steps = places[1:] - places[:-1]
    ways, sizes = steps[:, 0] + 1j * steps[:, 1], np.maximum(np.hypot(*steps.T), 1e-9)
    turns = np.angle(ways[1:] / ways[:-1]) if len(ways) > 1 else np.zeros(1)
    first, last = turns[0] * sizes[0], turns[-1] * sizes[-1]
    inner = np.angle(ways[:-1]) + turns * sizes[:-1] / (sizes[:-1] + sizes[1:]) if len(ways) > 1 else np.empty(0)
    begin = np.angle(ways[0]) - first / float(sizes[:2].sum())
    end = np.angle(ways[-1]) + last / float(sizes[-2:].sum())
    ahead = np.concatenate(([begin], inner, [end]))
    bends = np.abs(np.concatenate((turns[:1], turns, turns[-1:]))) if len(ways) > 1 else np.zeros(2)
    across = np.array([chord(section) for section in sections])
    off = np.angle(np.exp(1j * 2 * (np.arctan2(across[:, 0], -across[:, 1]) - ahead))) / 2  # of lines: ±90°
    most = np.radians(_SQUARE_DEG) + _SQUARE_IN_BENDS * bends
    trust = np.clip((most + np.radians(_SQUARE_DEG) - np.abs(off)) / np.radians(_SQUARE_DEG), 0, 1)
    angles = ahead + trust * off
    return np.stack((np.cos(angles), np.sin(angles)), axis=-1)


# --- both ---------------------------------------------------------------------------------------------


def _fall(sections: Sequence[RawSection], s: Floats) -> tuple[float, bool]:
    """Return the slope of the thalweg along a reach by least squares (m/m), and whether its sign is certain."""
    z = np.array([section.z.min() for section in sections])
    span = s - s.mean()
    total = float(span @ span)
    if total <= 0:
        return 0.0, False
    slope = float(span @ z) / total
    if len(z) < 3:
        return slope, abs(float(z[-1] - z[0])) > 0.1
    rest = z - z.mean() - slope * span
    error = float(np.sqrt(rest @ rest / (len(z) - 2) / total))
    return slope, abs(slope) > _SURE * error and abs(slope) * float(np.ptp(s)) > 0.05


def _rank_correlation(values: Floats) -> float:
    """Return how far values rise with their place (Spearman's ρ without its scale)."""
    ranks = np.argsort(np.argsort(values))
    return float((ranks - ranks.mean()) @ (np.arange(len(values)) - (len(values) - 1) / 2))


def _facing(section: RawSection, way: Floats, notes: Notes) -> RawSection:
    """Return a section from the left bank to the right, as seen looking along `way`."""
    across = chord(section)
    sine = float(way[0] * across[1] - way[1] * across[0]) / max(float(np.hypot(*across)), 1e-9)
    skew = float(np.degrees(np.arccos(min(1.0, abs(sine)))))
    if skew > _ALONG_DEG:
        raise section.bad(
            f"the section runs along the river: {90 - skew:.0f}° from the centre line",
            "Check its points, the centre line, and that its id is not that of two sections.",
        )
    if skew > _SKEWED_DEG:
        notes.add(f"sections stand more than {_SKEWED_DEG:.0f}° from square to the river", section.id)
    if sine <= 0:
        return section
    notes.add("sections run from right to left, looking downstream; they are turned", section.id)
    last = len(section.x) - 1
    assert section.station is not None
    marks = section.bank_points
    return replace(
        section,
        x=section.x[::-1],
        y=section.y[::-1],
        z=section.z[::-1],
        lines=None if section.lines is None else section.lines[::-1],
        station=section.station[-1] - section.station[::-1],
        manning_n=_turned(section.manning_n, float(section.station[-1])),
        bank_points=None if marks is None else (last - marks[1], last - marks[0]),
    )


def _turned(manning_n: tuple[tuple[float, float], ...], width: float) -> tuple[tuple[float, float], ...]:
    """Return roughness by where it begins, from the other end."""
    if not manning_n:
        return ()
    ends = [*(station for station, _ in manning_n[1:]), width]
    return tuple((width - end, n) for (_, n), end in zip(manning_n[::-1], ends[::-1], strict=True))


def _check_chainages(sections: Sequence[RawSection], s: Floats) -> None:
    """Refuse sections at one place of the river. Raises BadSurvey."""
    for n in range(1, len(sections)):
        if s[n] - s[n - 1] < 0.01:
            raise sections[n].bad(
                f"the section stands where section '{sections[n - 1].id}' does (chainage {s[n]:.2f} m)",
                "Leave one of them out.",
            )
