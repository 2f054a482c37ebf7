"""Geometry files of HEC-RAS (`.g01` … `.g99`): reaches, junctions, and cross-sections on georeferenced cut lines.

No document gives the format: the files do. A line is `Key=value`; blocks of numbers follow their key in
columns of 8 characters (stations, elevations, roughness) or 16 (coordinates), often without a blank between them.
Reaches and sections come upstream first; a section's points from the left bank to the right, looking downstream.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from naru.errors import BadSurvey, FileDamaged
from twin.spec_records import Source
from twin.survey.lines import distances
from twin.survey.raw import RawReach, RawSection, RawSurvey
from twin.survey.records import Floats
from twin.text import decode, parse_number, read_bytes

_CROSS_SECTION = 1  # "Type RM Length L Ch R = 1": others are culverts 2, bridges 3, weirs 5, lateral 6 …
_MOST_POINTS = 100_000
_KEYS = re.compile(
    r"^(River Reach|Reach XY|Junct Name|Up River,Reach|Dn River,Reach|Type RM Length L Ch R|"
    r"XS GIS Cut Line|#Sta/Elev|#Mann|Bank Sta|Storage Area|Spatial Reference System)\s*=(.*)$"
)
_FEWEST_SURVEYED = 2  # sections of a reach that must remain when interpolated ones are left out


@dataclass
class _Section:
    """One section while its lines are read."""

    line: int
    river: str
    reach: str
    station: str
    cut: Floats | None = None  # (points, 2)
    profile: Floats | None = None  # (points, 2): station, elevation
    banks: tuple[float, float] | None = None
    manning: Floats | None = None  # (values, 3): from station, n, kind

    @property
    def interpolated(self) -> bool:
        return "*" in self.station


@dataclass
class _Geometry:
    sections: list[_Section] = field(default_factory=list)
    lines: dict[tuple[str, str], Floats] = field(default_factory=dict)  # by river and reach
    junctions: list[tuple[list[tuple[str, str]], list[tuple[str, str]]]] = field(default_factory=list)
    others: int = 0  # nodes that are no cross-sections
    crs: str | None = None


def read_hecras(source: Source) -> RawSurvey:
    """Read a geometry file.

    Sections that HEC-RAS interpolated (river stations with *) are left out unless `source.keep_interpolated`, where
    two surveyed ones remain of the reach. Structures are left out, and counted in the warnings.

    Raises:
        BadSurvey: a section without cut line or profile, or with numbers that are none (line and section named).
        FileDamaged: a block that ends early, or no section at all.
        FileMissing, TooLarge, EncodingUnknown: as `twin.text` says.
    """
    text, _ = decode(read_bytes(source.file), source.encoding, source.file)
    found = _Parser(text, source.file).parse()
    if not found.sections:
        raise FileDamaged(
            "the geometry has no cross-section",
            file=str(source.file),
            remedy="Name a geometry file of HEC-RAS (.g01 …) with 1D reaches.",
        )
    names = _reach_names(found)
    kept, warnings = _surveyed(found.sections, names, source)
    if found.others:
        warnings.append(f"bridges, weirs and culverts of {source.file.name} are left out ({found.others} in all)")
    sections = [_as_raw(section, names[section.river, section.reach], source.file) for section in kept]
    notes = [note for _, note in sections if note]
    return RawSurvey(
        sections=tuple(section for section, _ in sections),
        reaches=_reaches(found, names, source.file),
        directed=True,
        crs=found.crs,
        unit=_project_unit(source.file),
        warnings=(*warnings, *_short(notes)),
    )


# --- lines ------------------------------------------------------------------------------------------


class _Parser:
    """Goes through the lines once."""

    def __init__(self, text: str, file: Path) -> None:
        self._lines = text.splitlines()
        self._file = file
        self._place = 0
        self._found = _Geometry()
        self._reach = ("", "")
        self._open: _Section | None = None  # the cross-section whose blocks are being read

    def parse(self) -> _Geometry:
        while self._place < len(self._lines):
            match = _KEYS.match(self._lines[self._place])
            self._place += 1
            if match:
                self._take(match[1], match[2])
            elif self._lines[self._place - 1].startswith("BEGIN DESCRIPTION"):
                self._skip_description()
        return self._found

    def _take(self, key: str, value: str) -> None:
        found, section = self._found, self._open
        if key == "River Reach":
            self._reach, self._open = self._pair(value), None
        elif key == "Reach XY":
            found.lines[self._reach] = self._block(value, 16, 2, "Reach XY")
        elif key == "Junct Name":
            found.junctions.append(([], []))
            self._open = None
        elif key in ("Up River,Reach", "Dn River,Reach") and found.junctions:
            found.junctions[-1][key.startswith("Dn")].append(self._pair(value))
        elif key == "Type RM Length L Ch R":
            self._begin(value)
        elif key == "Storage Area":
            self._open = None
        elif key == "Spatial Reference System":
            found.crs = value.strip() or None
        elif section is not None:
            self._fill(section, key, value)

    def _begin(self, value: str) -> None:
        """Open a node. What is no cross-section is counted."""
        parts = [part.strip() for part in value.split(",")]
        self._open = None
        if parts[0] != str(_CROSS_SECTION):
            self._found.others += 1
            return
        station = parts[1] if len(parts) > 1 else ""
        if not station:
            raise self._bad("the cross-section has no river station", "Open and save the geometry in HEC-RAS.")
        self._open = _Section(self._place, *self._reach, station)
        self._found.sections.append(self._open)

    def _fill(self, section: _Section, key: str, value: str) -> None:
        if key == "XS GIS Cut Line":
            section.cut = self._block(value, 16, 2, key)
        elif key == "#Sta/Elev":
            section.profile = self._block(value, 8, 2, key)
        elif key == "#Mann":
            section.manning = self._block(value.partition(",")[0], 8, 3, key)
        elif key == "Bank Sta":
            numbers = [parse_number(part) for part in value.split(",")]
            if len(numbers) >= 2 and numbers[0] is not None and numbers[1] is not None:
                section.banks = (numbers[0], numbers[1])

    def _block(self, count: str, width: int, per: int, key: str) -> Floats:
        """Return the rows of `per` numbers that follow a key, in columns of `width` characters."""
        number = parse_number(count.strip())
        if number is None or number != int(number) or not 0 <= number <= _MOST_POINTS:
            raise self._bad(f"'{key}={count.strip()[:20]}' is no count", "Open and save the geometry in HEC-RAS.")
        wanted = int(number) * per
        values: list[float] = []
        while len(values) < wanted:
            if self._place >= len(self._lines) or "=" in self._lines[self._place]:
                raise self._bad(
                    f"'{key}' announces {wanted} numbers and {len(values)} follow", "Export the geometry again."
                )
            values.extend(self._numbers(self._lines[self._place], width, key))
            self._place += 1
        if len(values) > wanted:
            raise self._bad(f"'{key}' announces {wanted} numbers and more follow", "Export the geometry again.")
        return np.array(values, float).reshape(-1, per)

    def _numbers(self, line: str, width: int, key: str) -> Iterator[float]:
        """Yield a line's numbers: by its columns; by blanks where a program did not keep to the columns."""
        line = line.rstrip()
        cells = [line[at : at + width].strip() for at in range(0, len(line), width)]
        numbers = [parse_number(cell, comma_parts=False) for cell in cells]
        if None in numbers or any(" " in cell for cell in cells):
            cells = line.split()
            numbers = [parse_number(cell, comma_parts=False) for cell in cells]
        for cell, value in zip(cells, numbers, strict=True):
            if value is None:
                raise self._bad(f"'{cell[:40]}' in the block '{key}' is no number", "Correct the line.", 1)
            yield value

    def _pair(self, value: str) -> tuple[str, str]:
        river, _, reach = value.partition(",")
        return river.strip(), reach.strip()

    def _skip_description(self) -> None:
        """Free text may hold anything, also lines that look like keys."""
        for place in range(self._place, len(self._lines)):
            if self._lines[place].startswith("END DESCRIPTION"):
                self._place = place + 1
                return

    def _bad(self, message: str, remedy: str, ahead: int = 0) -> BadSurvey:
        feature = f"section '{self._open.station}'" if self._open else None
        return BadSurvey(
            f"line {self._place + ahead}: {message}", file=str(self._file), feature=feature, remedy=remedy
        )


# --- what was found ---------------------------------------------------------------------------------


def _reach_names(found: _Geometry) -> dict[tuple[str, str], str]:
    """Return an id for each river and reach: the reach's name where it is one of its own, else both."""
    pairs = dict.fromkeys([*found.lines, *((s.river, s.reach) for s in found.sections)])
    rivers = [river for river, _ in pairs]
    return {
        (river, reach): river if rivers.count(river) == 1 and river else f"{river} {reach}".strip() or "reach"
        for river, reach in pairs
    }


def _reaches(found: _Geometry, names: dict[tuple[str, str], str], file: Path) -> dict[str, RawReach]:
    flows: dict[tuple[str, str], tuple[str, str]] = {}
    for above, below in found.junctions:
        if len(below) == 1:
            flows |= dict.fromkeys(above, below[0])
        elif len(above) == 1 and below:  # the river parts: it is followed into the first branch
            flows[above[0]] = below[0]
    out = {}
    for pair, name in names.items():
        line = found.lines.get(pair)
        usable = line if line is not None and len(line) > 1 else None
        out[name] = RawReach(name, file, usable, names.get(flows.get(pair, ("", ""))))
    return out


def _surveyed(
    sections: list[_Section], names: dict[tuple[str, str], str], source: Source
) -> tuple[list[_Section], list[str]]:
    """Return the sections that were surveyed, and what is to be said of the others."""
    warnings = []
    kept = []
    for pair, name in names.items():
        own = [s for s in sections if (s.river, s.reach) == pair]
        true = [s for s in own if not s.interpolated]
        made = len(own) - len(true)
        if made and not source.keep_interpolated and len(true) >= _FEWEST_SURVEYED:
            warnings.append(f"reach '{name}': {made} sections that HEC-RAS interpolated (*) are left out")
            own = true
        elif made:
            warnings.append(f"reach '{name}': {made} sections that HEC-RAS interpolated (*) count as surveyed")
        kept += own
    return kept, warnings


def _as_raw(section: _Section, reach: str, file: Path) -> tuple[RawSection, str | None]:
    """Lay a section's profile on its cut line; also return what is to be said of it."""
    named = RawSection(section.station, file, reach=reach)
    if section.profile is None or not len(section.profile):
        raise named.bad(
            f"line {section.line}: the section has no stations and elevations (#Sta/Elev)", "Give it a profile."
        )
    if section.cut is None or len(section.cut) < 2:
        raise named.bad(
            f"line {section.line}: the section is not georeferenced (no 'XS GIS Cut Line')",
            "Draw its cut line in RAS Mapper (or HEC-GeoRAS), and save the geometry.",
        )
    station, z = section.profile.T
    if (np.diff(station) < 0).any():
        point = int(np.argmax(np.diff(station) < 0)) + 1
        raise named.bad(
            f"station {station[point]:g} comes after {station[point - 1]:g}: stations must not fall",
            "Correct the section's stations.",
        )
    length = float(np.hypot(*np.diff(section.cut, axis=0).T).sum())
    span = float(station[-1] - station[0])
    if span <= 0 or length <= 0:
        raise named.bad("the section has no width", "Correct its stations or its cut line.")
    x, y = _along(section.cut, (station - station[0]) / span * length)
    manning = () if section.manning is None else tuple((float(s), float(n)) for s, n, _ in section.manning)
    raw = replace(named, x=x, y=y, z=z, station=station, ordered=True, banks=section.banks, manning_n=manning)
    off = abs(span / length - 1)
    note = f"'{section.station}' ({span:.6g} against {length:.6g})" if off > 0.05 else None
    return raw, note


def _along(line: Floats, distance: Floats) -> tuple[Floats, Floats]:
    """Return the points at distances along a polyline."""
    along = distances(line)
    return np.interp(distance, along, line[:, 0]), np.interp(distance, along, line[:, 1])


def _short(notes: list[str]) -> list[str]:
    if not notes:
        return []
    return [
        f"stations that are not as long as their cut lines are stretched ({len(notes)} in all): "
        f"{', '.join(notes[:5])}{' …' if len(notes) > 5 else ''}"
    ]


def _project_unit(file: Path) -> str | None:
    """Return the unit of heights that the HEC-RAS project beside a geometry states: "ft", "m", or None."""
    project = file.with_suffix(".prj")
    try:
        head = project.read_bytes()[: 2**16].decode("latin-1")
    except OSError:
        return None
    if re.search(r"^English Units\s*$", head, re.MULTILINE):
        return "ft"
    return "m" if re.search(r"^SI Units\s*$", head, re.MULTILINE) else None


def looks_like_geometry(file: Path, data: bytes) -> bool:
    """Whether a file is a geometry of HEC-RAS, by its name or its first lines."""
    named = re.fullmatch(r"\.g\d\d", file.suffix.lower()) is not None
    return (
        named or data[:4096].lstrip(b"\xef\xbb\xbf").startswith(b"Geom Title=") or b"\nRiver Reach=" in data[:65536]
    )
