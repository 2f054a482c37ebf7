"""Which sections belong to which reach, and which reach flows into which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import shapely

from naru.errors import BadSurvey
from twin.survey.laying import Group, Laid, middle, path
from twin.survey.lines import cleaned, length, locate
from twin.survey.notes import Notes
from twin.survey.raw import RawReach, RawSection
from twin.survey.records import Floats

_JOINED_M = 0.5  # ends of lines nearer than this are one
_REACHES = 3.0  # widths of the river that is joined: from how far a tributary is taken to flow into it


@dataclass(frozen=True)
class Centreline:
    """A line of the file of centre lines, with the reach that it says it is of."""

    points: Floats
    reach: str | None
    file: Path
    downstream: str | None = None
    directed: bool = False  # the user says which way it is drawn


def grouped(
    sections: Sequence[RawSection],
    named: Mapping[str, RawReach],
    lines: Sequence[Centreline],
    directed: bool,
    notes: Notes,
) -> list[Group]:
    """Return the sections of each reach with its centre line.

    Reaches are told by the sections' own names, else by the centre line that they cross. `named` are reaches that
    the sections' file describes; `lines` were given beside it and go before those.

    Raises:
        BadSurvey: some sections have a reach and others none, an id stands twice in a reach, or a reach has several
            lines that do not join.
    """
    merged = _merged(lines)
    unnamed = [section for section in sections if section.reach is None]
    if unnamed and len(unnamed) < len(sections):
        raise unnamed[0].bad(
            "the section has no reach, others have", "Name the reach of each section, or of none.", "reach"
        )
    if unnamed and len(merged) > 1:
        sections = [replace(s, reach=_crossed(s, merged)) for s in sections]
    ids = list(dict.fromkeys(s.reach for s in sections))
    groups = []
    for reach in ids:
        own = tuple(s for s in sections if s.reach == reach)
        _check_ids(own)
        line = _line_of(reach, own, merged, len(ids))
        about = named.get(reach or "")
        if line is None and about is not None and about.centreline is not None:
            line = Centreline(about.centreline, reach, about.file)
        groups.append(
            Group(
                id=reach or (line.reach if line is not None else None) or "main",
                sections=tuple(replace(s, reach=None) for s in own) if reach is None else own,
                centreline=None if line is None else line.points,
                drawn_in=None if line is None or line.directed else line.file,
                downstream=(line.downstream if line else None) or (about.downstream if about else None),
                directed=directed,
            )
        )
    used = {g.id for g in groups}
    for spare in merged:
        if groups and spare.reach not in used and not _is_used(spare, groups):
            notes.add(f"a centre line without sections is left out: {spare.reach or 'unnamed'}")
    return groups


def _check_ids(sections: Sequence[RawSection]) -> None:
    seen: dict[str, RawSection] = {}
    for section in sections:
        if section.id in seen:
            raise section.bad(
                "the id is given to two sections of one reach",
                "Give each an id of its own; where there are several rivers, name the field of `reach`.",
                "id",
            )
        seen[section.id] = section


def _is_used(line: Centreline, groups: Sequence[Group]) -> bool:
    return any(g.centreline is not None and g.centreline is line.points for g in groups)


def _merged(lines: Sequence[Centreline]) -> list[Centreline]:
    """Return one line a reach: parts that join head to tail are one, as are all parts of a name."""
    out: list[Centreline] = []
    for reach in dict.fromkeys(line.reach for line in lines):
        own = [line for line in lines if line.reach == reach]
        if len(own) == 1:
            out.append(replace(own[0], points=cleaned(own[0].points)))
            continue
        shape = shapely.line_merge(shapely.MultiLineString([line.points for line in own]), directed=True)
        if shape.geom_type != "LineString":
            shape = shapely.line_merge(shape)
        parts = [shape] if shape.geom_type == "LineString" else list(shape.geoms)
        if reach is not None and len(parts) > 1:
            raise BadSurvey(
                f"the centre line of reach '{reach}' is drawn in {len(parts)} parts that do not join",
                file=str(own[0].file),
                feature=reach,
                remedy="Join them into one line, or name their reaches apart.",
            )
        names = [reach] if reach is not None or len(parts) == 1 else [f"reach-{n + 1}" for n in range(len(parts))]
        out += [
            replace(own[0], points=cleaned(shapely.get_coordinates(part)), reach=name)
            for part, name in zip(parts, names, strict=True)
        ]
    return out


def _crossed(section: RawSection, lines: Sequence[Centreline]) -> str | None:
    """Return the reach whose line a section crosses, nearest to its middle; else the nearest."""
    own, centre = shapely.LineString(path(section)), shapely.Point(middle(section))
    shapes = [shapely.LineString(line.points) for line in lines]
    far = [
        float(shapely.distance(own.intersection(shape), centre))
        if own.intersects(shape)
        else 1e6 + own.distance(shape)
        for shape in shapes
    ]
    return lines[int(np.argmin(far))].reach


def _line_of(
    reach: str | None, sections: Sequence[RawSection], lines: Sequence[Centreline], reaches: int
) -> Centreline | None:
    """Return the centre line of a reach: of its name, else the one that most of its sections cross."""
    by_name = [line for line in lines if reach is not None and _same(line.reach, reach)]
    if by_name:
        return by_name[0]
    if reaches == 1 and len(lines) == 1:
        return lines[0]
    free = [line for line in lines if line.reach is None or line.reach.startswith("reach-")]
    if not free:
        return None
    shapes = [shapely.LineString(line.points) for line in free]
    counts = [sum(shapely.LineString(path(s)).intersects(shape) for s in sections) for shape in shapes]
    best = int(np.argmax(counts))
    return free[best] if counts[best] * 2 > len(sections) else None


def _same(a: str | None, b: str) -> bool:
    return a is not None and a.strip().casefold() == b.strip().casefold()


# --- confluences --------------------------------------------------------------------------------------


def joined(reaches: Sequence[Laid], notes: Notes) -> list[Laid]:
    """Return the reaches with what each flows into, and with their centre lines led there.

    A reach flows into the one that its file names, else into the one whose centre line its own lower end is nearest
    to, within a few widths of that river and as far as its own sections are from each other.
    """
    ids = {reach.id: reach for reach in reaches}
    found: dict[str, tuple[str, float]] = {}
    for reach in reaches:
        into = next((name for name in ids if _same(name, reach.downstream or "")), None)
        if reach.downstream is not None and into is None:
            notes.add(f"reach '{reach.id}' flows into '{reach.downstream}', of which there is no section")
        options = [ids[into]] if into is not None else [other for other in reaches if other is not reach]
        best = min(((_gap(reach, other), other.id) for other in options), default=None)
        if best is not None and (into is not None or best[0] <= _far(reach, ids[best[1]])):
            found[reach.id] = (best[1], best[0])
    for name, (into, gap) in list(found.items()):
        back = found.get(into)
        if back is not None and back[0] == name and gap > back[1]:
            del found[name]
    for reach in reaches:
        into, gap = found.get(reach.id, ("", 0.0))
        if into and gap > reach.width + ids[into].width / 2:
            notes.add(
                f"reach '{reach.id}' ends {gap:.0f} m before the middle of '{into}' and is led there the shortest "
                "way; a `centreline` that goes on to where they meet says which way it is"
            )
    out = [
        _led(reach, ids[found[reach.id][0]]) if reach.id in found else replace(reach, downstream=None)
        for reach in reaches
    ]
    outlets = [reach.id for reach in out if reach.downstream is None]
    if len(outlets) > 1:
        notes.add(f"reaches that flow into no other: {', '.join(outlets)}")
    return out


def _gap(reach: Laid, other: Laid) -> float:
    return float(shapely.distance(shapely.Point(reach.centreline[-1]), shapely.LineString(other.centreline)))


def _far(reach: Laid, other: Laid) -> float:
    """Return from how far one reach is taken to flow into another, metres."""
    spacing = 0.0 if reach.given else 1.5 * float(np.median(np.diff(reach.chainage)))
    return max(_REACHES * max(reach.width, other.width), min(spacing, 10 * other.width))


def _led(reach: Laid, other: Laid) -> Laid:
    """Return a reach whose centre line goes on to that of the reach it flows into."""
    end = reach.centreline[-1:]
    s, away = locate(other.centreline, end)
    reached = replace(reach, downstream=other.id)
    if abs(float(away[0])) < _JOINED_M:
        return reached
    line = shapely.LineString(other.centreline)
    foot = shapely.get_coordinates(shapely.line_interpolate_point(line, min(float(s[0]), length(other.centreline))))
    return replace(reached, centreline=np.concatenate((reach.centreline, foot)))
