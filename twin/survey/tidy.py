"""Puts the points of one section in order along it, and refuses what no order makes a section of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from twin.survey.notes import Notes
from twin.survey.raw import Ints, RawSection
from twin.survey.records import Floats

_FEWEST = 3
_SAME_M = 0.001  # points nearer than this are one
_WALL_M = 0.001  # how far a vertical wall's foot and top are laid apart
_STRAIGHT = 0.05  # a section whose points lie within this share of its length from a line is straight
_JITTER_M = 2.0  # … or within this
_BACK_M = 0.5  # how far a point may stand behind the one before it


def tidied(raw: RawSection, notes: Notes) -> RawSection:
    """Return a section with its points in order, `station` in metres from the first, `bank_points` set where known.

    Raises:
        BadSurvey: fewer than three points, points in one place with different heights, an order that the stations
            and the coordinates do not agree on, or points that lie on no line.
    """
    if len(raw.x) < _FEWEST:
        raise raw.bad(
            f"the section has {len(raw.x)} points; a bed needs {_FEWEST} at least",
            "Survey more points, or leave the section out.",
        )
    width = float(np.hypot(np.ptp(raw.x), np.ptp(raw.y)))
    if width < 10 * _SAME_M:
        raise raw.bad("all points of the section lie in one place", "Check its columns x and y.", "x")
    raw = _with_bank_points(raw)
    section = raw if raw.ordered else _ordered(raw, notes)
    section = _without_twins(section, notes)
    return _with_station(section, notes)


def _with_bank_points(raw: RawSection) -> RawSection:
    """Turn stations of banks into the nearest points."""
    if raw.banks is None or raw.station is None or raw.bank_points is not None:
        return raw
    left, right = (int(np.argmin(np.abs(raw.station - bank))) for bank in raw.banks)
    return replace(raw, bank_points=(left, right) if left < right else None)


# --- order ------------------------------------------------------------------------------------------


def axis_of(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return distances along the line that fits points best (total least squares), and across it; metres."""
    centred = np.column_stack((x - x.mean(), y - y.mean()))
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    along, across = centred @ directions[0], centred @ directions[1]
    return along, across


def _ordered(raw: RawSection, notes: Notes) -> RawSection:
    along, across = axis_of(raw.x, raw.y)
    length = float(np.ptp(along))
    straight = float(np.abs(across).max()) <= max(_JITTER_M, _STRAIGHT * length)
    blocks = raw.lines is not None and bool((np.diff(raw.lines) > 1).any())
    if raw.station is not None:
        order = np.argsort(raw.station, kind="stable")
        if blocks and _length(raw, order) > 3 * length:
            raise _two_lines(raw)
        _check_stations(raw, order, along if straight else None)
    elif straight:
        order = np.argsort(along, kind="stable")
    else:
        order = _bent_order(raw, np.argsort(along, kind="stable"))
        if _length(raw, order) > (2 if blocks else 3) * length:
            raise _two_lines(raw)
    if not _is_order(order):
        notes.add("points were not in order along their section; they are now", raw.id)
    return _taken(raw, order)


def _is_order(order: Ints) -> bool:
    steps = np.diff(order)
    return bool((steps == 1).all() or (steps == -1).all())


def _bent_order(raw: RawSection, by_axis: Ints) -> Ints:
    """Return the order of a bent section's points: the file's, where that is no detour."""
    as_given = np.arange(len(raw.x))
    return as_given if _length(raw, as_given) <= 1.02 * _length(raw, by_axis) else by_axis


def _length(raw: RawSection, order: Ints) -> float:
    return float(np.hypot(np.diff(raw.x[order]), np.diff(raw.y[order])).sum())


def _check_stations(raw: RawSection, order: Ints, along: Floats | None) -> None:
    """Refuse stations that lead back and forth between the points' places."""
    x, y = raw.x[order], raw.y[order]
    if along is not None:
        places = along[order]
        places = places if places[-1] >= places[0] else -places
        back = places - np.maximum.accumulate(places)
        worst = int(np.argmin(back))
        limit = max(_BACK_M, 0.01 * float(np.ptp(places)))
        bad = worst if back[worst] < -limit else None
    else:
        steps = np.column_stack((np.diff(x), np.diff(y)))
        turns = (steps[1:] * steps[:-1]).sum(axis=1)
        sizes = np.hypot(*steps.T)
        sharp = turns < -0.5 * sizes[1:] * sizes[:-1]
        sharp &= np.minimum(sizes[1:], sizes[:-1]) > _BACK_M
        bad = int(np.argmax(sharp)) + 1 if sharp.any() else None
    if bad is None:
        return
    assert raw.station is not None
    point = int(order[bad])
    raise raw.bad(
        f"{raw.at_line(point)}: station {raw.station[point]:g} and the coordinates ({raw.x[point]:.2f}, "
        f"{raw.y[point]:.2f}) put the point in different places along the section",
        "Correct the station or the coordinates; without a column of stations the coordinates alone count.",
        "station",
    )


def _two_lines(raw: RawSection) -> Exception:
    """Return the error for points that lie on no line: likely, one id is given to two sections."""
    where = ""
    if raw.lines is not None:
        gaps = np.flatnonzero(np.diff(raw.lines) > 1)
        if len(gaps):
            lines = raw.lines
            where = (
                f": lines {int(lines[0])} to {int(lines[gaps[0]])} and lines {int(lines[gaps[0] + 1])} "
                f"to {int(lines[-1])} may be two sections"
            )
    return raw.bad(
        f"the points do not lie along one line{where}",
        "Give each section an id of its own; where there are several rivers, name the column of `reach`.",
        "id",
    )


def _taken(raw: RawSection, order: Ints) -> RawSection:
    """Return a section with its points in another order, or some of them."""
    marks = None
    if raw.bank_points is not None:
        places = {int(old): new for new, old in enumerate(order)}
        if all(point in places for point in raw.bank_points):
            first, last = sorted(places[point] for point in raw.bank_points)
            marks = (first, last)
    return replace(
        raw,
        x=raw.x[order],
        y=raw.y[order],
        z=raw.z[order],
        lines=None if raw.lines is None else raw.lines[order],
        station=None if raw.station is None else raw.station[order],
        bank_points=marks,
    )


# --- points in one place ----------------------------------------------------------------------------


def _without_twins(section: RawSection, notes: Notes) -> RawSection:
    """Drop points that stand twice; lay vertical walls a millimetre apart; refuse two heights in one place."""
    same = np.hypot(np.diff(section.x), np.diff(section.y)) < _SAME_M
    if section.station is not None:
        same |= np.diff(section.station) < _SAME_M * (0.1 if section.ordered else 1)
    if not same.any():
        return section
    level = np.abs(np.diff(section.z)) < _SAME_M
    walls = same & ~level
    if walls.any() and not _may_have_walls(section):
        first = int(np.argmax(walls))
        what = "station" if section.station is not None else "place"
        at = f" {section.station[first]:g}" if section.station is not None else ""
        raise section.bad(
            f"{section.at_line(first)} and {section.at_line(first + 1)} have the same {what}{at} and different "
            f"heights ({section.z[first]:g} and {section.z[first + 1]:g} m)",
            "Keep one of them; where the wall is vertical, move one by a centimetre.",
            "station" if section.station is not None else "x",
        )
    keep = np.concatenate(([True], ~(same & level)))
    if not keep.all():
        notes.add("points that stand twice count once", section.id)
        section = _taken(section, np.flatnonzero(keep))
    if len(section.x) < _FEWEST:
        raise section.bad(
            f"the section has {len(section.x)} different points; a bed needs {_FEWEST} at least",
            "Survey more points, or leave the section out.",
        )
    return _laid_apart(section)


def _may_have_walls(section: RawSection) -> bool:
    """HEC-RAS has vertical walls as two points at one station."""
    return section.ordered and section.station is not None


def _laid_apart(section: RawSection) -> RawSection:
    """Move the points of vertical walls apart along the section, so that each place has one height."""
    steps = np.hypot(np.diff(section.x), np.diff(section.y))
    if (steps >= _WALL_M).all():
        return section
    along = np.concatenate(([0.0], np.cumsum(steps)))
    spaced = along.copy()
    for n in range(1, len(spaced)):
        spaced[n] = max(spaced[n], spaced[n - 1] + _WALL_M)
    spaced *= along[-1] / spaced[-1]
    apart = np.concatenate(([True], steps > 0))
    return replace(
        section,
        x=np.interp(spaced, along[apart], section.x[apart]),
        y=np.interp(spaced, along[apart], section.y[apart]),
    )


# --- stations ---------------------------------------------------------------------------------------


def _with_station(section: RawSection, notes: Notes) -> RawSection:
    """Measure the stations from the coordinates: along the line of a straight section, else from point to point."""
    along, across = axis_of(section.x, section.y)
    along = along if along[-1] >= along[0] else -along
    steps = np.hypot(np.diff(section.x), np.diff(section.y))
    rising = bool((np.diff(along) > 0).all())
    straight = rising and float(np.abs(across).max()) <= max(_JITTER_M, _STRAIGHT * float(np.ptp(along)))
    station = along - along[0] if straight else np.concatenate(([0.0], np.cumsum(steps)))
    if section.station is not None and not section.ordered:
        span = float(np.ptp(section.station))
        if span > 0 and abs(span / station[-1] - 1) > 0.1:
            notes.add("stations are not as long as the coordinates, which are taken", section.id)
    given = section.station
    manning = (
        tuple((float(np.interp(s, given, station)), n) for s, n in section.manning_n) if given is not None else ()
    )
    return replace(section, station=station, manning_n=manning)
