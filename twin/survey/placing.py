"""Brings what files hold into the terrain's coordinates and heights, or refuses to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pyproj import CRS

from naru.errors import BadSurvey, CrsRefused, DatumRefused
from twin.crs import Mover, check_place, lies_in, read_claim
from twin.datum import LOCAL, convert_heights, datum_of
from twin.spec_records import Source, TerrainSpec
from twin.survey.notes import Notes
from twin.survey.raw import RawReach, RawSection, RawSurvey
from twin.survey.records import Floats

UNITS_M = {"m": 1.0, "cm": 0.01, "mm": 0.001, "ft": 0.3048, "us-ft": 1200 / 3937}
_LOWEST_M, _HIGHEST_M = -12_000.0, 9_000.0


def place_survey(raw: RawSurvey, source: Source, spec: TerrainSpec, notes: Notes) -> RawSurvey:
    """Return a file's sections and reaches in the terrain's coordinates, heights in metres above its datum.

    Raises CrsRefused, CrsUnknown, DatumRefused, BadSurvey.
    """
    sizes = [len(section.x) for section in raw.sections]
    x, y, z = (np.concatenate([getattr(section, name) for section in raw.sections]) for name in ("x", "y", "z"))
    place = Placing(source, spec, raw.crs, notes, raw.unit)
    x, y, z = place.points(x, y, z)
    ends = np.cumsum(sizes)[:-1]
    parts = zip(raw.sections, np.split(x, ends), np.split(y, ends), np.split(z, ends), strict=True)
    reaches = {name: place.reach(reach) for name, reach in raw.reaches.items()}
    moved: tuple[RawSection, ...] = tuple(replace(s, x=px, y=py, z=pz) for s, px, py, pz in parts)
    return replace(raw, sections=moved, reaches=reaches)


class Placing:
    """How one file's numbers become the terrain's."""

    def __init__(
        self, source: Source, spec: TerrainSpec, claim: str | None, notes: Notes, unit: str | None = None
    ) -> None:
        self._source, self._spec, self._notes = source, spec, notes
        self._file = str(source.file)
        claimed = read_claim(claim, self._file)
        self._crs = CRS.from_user_input(source.crs) if source.crs else claimed or CRS.from_user_input(spec.crs)
        if source.crs and claimed is not None and not self._crs.equals(claimed, ignore_axis_order=True):
            notes.add(f"{source.file.name} says it is in '{claimed.name}'; {source.crs} is taken, as the file says")
        self._mover = Mover(self._crs, spec.crs, self._file)
        self._claim, self._unit_said = claim, unit

    def _unit(self, unit_m: float) -> float:
        """Return how many metres the unit of heights is; `unit_m` is what the file's coordinate system says."""
        unit = self._unit_said
        if self._source.unit is not None:
            return UNITS_M[self._source.unit]
        if unit is not None and unit != "m":
            self._notes.add(
                f"heights of {self._source.file.name} are in {unit} (its project says so): converted to m"
            )
            return UNITS_M[unit]
        if unit_m != 1:
            self._notes.add(f"heights of {self._source.file.name} are in units of {unit_m:.10g} m: converted to m")
        return unit_m

    def points(self, x: Floats, y: Floats, z: Floats) -> tuple[Floats, Floats, Floats]:
        """Return places and heights. Raises CrsRefused, DatumRefused, BadSurvey."""
        claimed, unit_m = (None, 1.0) if self._claim is None else datum_of(CRS.from_user_input(self._claim))
        datum, factor = stated_datum(claimed, self._source, self._spec), self._unit(unit_m)
        east, north = self.flat(x, y)
        level = self._source.water_level_m
        heights = z * factor if level is None else level - z * factor
        heights, how = convert_heights(
            east,
            north,
            heights,
            crs=self._spec.crs,
            source=datum,
            target=self._spec.vertical_datum,
            geoid=self._spec.geoid,
            file=self._file,
        )
        if how is not None:
            self._notes.add(how)
        if heights.min() < _LOWEST_M or heights.max() > _HIGHEST_M:
            worst = heights[int(np.argmax(np.abs(heights)))]
            raise BadSurvey(
                f"a height of {worst:.6g} m is none of the Earth's surface",
                file=self._file,
                field="z",
                remedy="Check the column of heights, and their unit (`unit: cm`, `unit: mm`, `unit: ft`).",
            )
        return east, north, heights

    def flat(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return places. Raises CrsRefused where they cannot be what they are said to be."""
        check_place(x, y, self._crs, self._file)
        moved = self._mover(x, y)
        if self._mover.moves and not lies_in(self._spec.crs, *moved):
            raise CrsRefused(
                f"the places lie far from where the terrain's system, {self._spec.crs}, is used",
                file=self._file,
                field="crs",
                remedy="Check the system of the file and of the terrain.",
            )
        return moved

    def reach(self, reach: RawReach) -> RawReach:
        """Return a reach with its line moved."""
        if reach.centreline is None:
            return reach
        return replace(reach, centreline=np.column_stack(self.flat(*reach.centreline.T)))


def stated_datum(claimed: str | None, source: Source, spec: TerrainSpec) -> str:
    """Return the datum of a file's heights: as the terrain file says; the file must not contradict.

    Raises DatumRefused.
    """
    stated = source.vertical_datum or spec.vertical_datum
    if claimed is None or claimed in (LOCAL, stated):
        return stated
    raise DatumRefused(
        f"the file says that its heights are above {claimed}, the terrain file that they are above {stated}",
        file=str(source.file),
        field="vertical_datum",
        remedy=f"If the file is right, say `vertical_datum: {claimed}` for it: its heights are then converted, "
        "where a grid is at hand. If it is wrong, take the vertical part out of its coordinate system.",
    )
