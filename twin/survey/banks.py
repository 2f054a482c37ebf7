"""Bank lines of a reach: given, or led beside the centre line through the sections' banks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import shapely
from scipy.interpolate import PchipInterpolator

from twin.survey.laying import Laid, bank_places, path
from twin.survey.lines import beside, cleaned, crossings, distances, length, locate, unlooped
from twin.survey.notes import Notes
from twin.survey.raw import RawSection
from twin.survey.records import Floats

_STEP = 0.25  # of the river's width: between the points of a line that is drawn
_LOOP = 8.0  # offsets: a loop no longer than this is the inside of a bend
_LEFT, _RIGHT = {"left", "l", "lb", "좌안", "좌", "1"}, {"right", "r", "rb", "우안", "우", "2"}


@dataclass(frozen=True)
class BankLine:
    """A given bank line. `side` and `reach` as its fields say; None: not said."""

    points: Floats
    side: str | None
    reach: str | None
    file: Path


def marked(section: RawSection, lines: Sequence[BankLine]) -> RawSection:
    """Return a section with its banks where it crosses two given bank lines about its lowest point.

    The section's own marks stay, as do its ends where it does not cross two lines: sections that go on over the
    flood plain may cross each other there, and their middle is not that of the river.
    """
    if section.bank_points is not None or len(lines) < 2:
        return section
    own = path(section)
    places = np.sort(np.concatenate([crossings(own, line.points) for line in lines]))
    if len(places) < 2:
        return section
    along = distances(own)
    lowest = float(along[section.z.argmin()])
    after = int(np.clip(np.searchsorted(places, lowest), 1, len(places) - 1))
    first = int(np.abs(along - places[after - 1]).argmin())
    last = int(np.abs(along - places[after]).argmin())
    return replace(section, bank_points=(first, last)) if last - first > 1 else section


def banks_of(laid: Laid, lines: Sequence[BankLine], notes: Notes) -> tuple[Floats, Floats]:
    """Return the left and the right bank of a reach, each (points, 2) from upstream to downstream."""
    given = _assigned(laid, lines, notes)
    sides = []
    for name, side in (("left", 1.0), ("right", -1.0)):
        line = given.get(side)
        if line is None:
            if lines:
                notes.add(f"reach '{laid.id}' has no {name} bank line; the sections' ends are joined instead")
            sides.append(_drawn(laid, side))
        else:
            _note_short(laid, line, side, notes)
            sides.append(line)
    left, right = sides
    if shapely.LineString(left).intersects(shapely.LineString(right)):
        notes.add(f"the banks of reach '{laid.id}' meet; give bank lines (`banks`) that do not")
    return left, right


# --- given --------------------------------------------------------------------------------------------


def _assigned(laid: Laid, lines: Sequence[BankLine], notes: Notes) -> dict[float, Floats]:
    """Return the lines of a reach by side (1: left, -1: right): where they lie beside its centre line."""
    own: dict[float, list[Floats]] = {}
    for line in lines:
        if line.reach is not None and line.reach.strip().casefold() != laid.id.strip().casefold():
            continue
        points = cleaned(line.points)
        s, offset = locate(laid.centreline, points)
        beyond = (s <= 0) | (s >= length(laid.centreline))
        if line.reach is None and (beyond.all() or float(np.median(np.abs(offset[~beyond]))) > 1.5 * laid.width):
            continue
        side = 1.0 if float(np.median(offset)) >= 0 else -1.0
        word = (line.side or "").strip().casefold()
        if word in (_RIGHT if side > 0 else _LEFT):
            notes.add(f"bank lines of reach '{laid.id}' say the other side than where they lie, looking downstream")
        own.setdefault(side, []).append(points if s[-1] >= s[0] else points[::-1])
    return {side: _joined(laid, parts) for side, parts in own.items()}


def _joined(laid: Laid, parts: list[Floats]) -> Floats:
    """Return the parts of one bank, one after the other."""
    starts = [float(locate(laid.centreline, part[:1])[0][0]) for part in parts]
    return cleaned(np.concatenate([parts[n] for n in np.argsort(starts)]))


def _note_short(laid: Laid, line: Floats, side: float, notes: Notes) -> None:
    """Note which sections stop short of a given bank line."""
    shape = shapely.LineString(line)
    name = "left" if side > 0 else "right"
    for section in laid.sections:
        end = bank_places(section)[0 if side > 0 else 1]
        if shapely.LineString(path(section)).intersects(shape):
            continue
        gap = float(shape.distance(shapely.Point(end)))
        if gap > 0.02 * laid.width:
            notes.add(f"sections end short of the {name} bank line; the bed between is not surveyed", section.id)


# --- drawn --------------------------------------------------------------------------------------------


def _drawn(laid: Laid, side: float) -> Floats:
    """Return a line through the sections' banks that keeps beside the centre line between them."""
    s, offset, places = _bank_offsets(laid, side)
    whole = length(laid.centreline)
    step = max(0.5, _STEP * laid.width)
    others = np.unique(np.concatenate(([0.0, whole], distances(laid.centreline), np.arange(0.0, whole, step))))
    after = np.searchsorted(s, others)
    nearest = [np.abs(others - s[np.clip(after - side, 0, len(s) - 1)]) for side in (0, 1)]
    along = np.sort(np.concatenate((s, others[np.minimum(*nearest) > step / 4])))
    between = (
        PchipInterpolator(s, offset)(np.clip(along, s[0], s[-1])) if len(s) > 1 else np.full_like(along, offset[0])
    )
    points = beside(laid.centreline, along, between)
    points[np.searchsorted(along, s)] = places
    return unlooped(points, _LOOP * float(np.abs(offset).max()))


def _bank_offsets(laid: Laid, side: float) -> tuple[Floats, Floats, Floats]:
    """Return where the sections' banks of one side are along the centre line, how far beside it, and the places."""
    found = []
    last = len(laid.sections) - 1
    along = distances(laid.centreline)
    for n, section in enumerate(laid.sections):
        place = bank_places(section)[0 if side > 0 else 1]
        first = 0.0 if n == 0 else float(laid.chainage[n - 1])
        beyond = float(along[-1]) if n == last else float(laid.chainage[n + 1])
        s, offset = locate(laid.centreline, place[None, :], first, beyond, along)
        found.append((float(s[0]), float(offset[0]), place))
    kept = [found[0]]
    for each in found[1:]:
        if each[0] > kept[-1][0] + 1e-2:
            kept.append(each)
    return np.array([k[0] for k in kept]), np.array([k[1] for k in kept]), np.array([k[2] for k in kept])
