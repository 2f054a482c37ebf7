"""`load_survey`: from the files that a terrain file names to one survey that is in order and agrees with itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from naru.errors import BadSurvey, UnknownFormat
from twin.spec_records import Source, TerrainSpec
from twin.survey.banks import BankLine, banks_of, marked
from twin.survey.checks import check_sections
from twin.survey.hecras import looks_like_geometry, read_hecras
from twin.survey.laying import Laid, lay, trimmed
from twin.survey.network import Centreline, grouped, joined
from twin.survey.notes import Notes
from twin.survey.placing import Placing, place_survey
from twin.survey.raw import RawReach, RawSection, RawSurvey
from twin.survey.records import CrossSection, Floats, Reach, Soundings, Survey
from twin.survey.tables import read_points_table, read_sections_table
from twin.survey.tidy import tidied
from twin.survey.vectors import (
    SUFFIXES,
    Features,
    field_name,
    file_crs,
    points_of,
    read_features,
    read_sections_file,
)

_TABLES = frozenset({".csv", ".txt", ".tsv", ".xyz", ".dat", ".asc"})


def load_survey(spec: TerrainSpec) -> Survey:
    """Read, place, order and check a survey.

    The result's coordinates are in `spec.crs`, its heights in metres above `spec.vertical_datum`; reaches run from
    upstream to downstream, sections from the left bank to the right. What was put right stands in its warnings.

    Raises:
        BadSurvey: the survey contradicts itself; names file, section and line.
        CrsUnknown, CrsRefused, DatumRefused: places or heights cannot be brought into the terrain's system.
        BadInput: a file is missing, damaged, too large, or lacks a column.
    """
    notes = Notes()
    raw = _sections(spec, notes)
    sections = [tidied(section, notes) for section in raw.sections]
    lines = _bank_lines(spec, notes)
    sections = [marked(section, lines) for section in sections]
    groups = grouped(sections, raw.reaches, _centrelines(spec, notes), raw.directed, notes)
    check_sections(groups, notes)
    network = joined([lay(group, notes) for group in groups], notes)
    laid = [trimmed(each, network, notes) for each in network]
    reaches = tuple(_reach(each, lines, notes) for each in laid)
    islands = _islands(spec, notes)
    return Survey(
        reaches=reaches,
        crs=spec.crs,
        vertical_datum=spec.vertical_datum,
        soundings=_soundings(spec, notes),
        islands=islands,
        warnings=(*raw.warnings, *notes),
    )


# --- sections -----------------------------------------------------------------------------------------


def _sections(spec: TerrainSpec, notes: Notes) -> RawSurvey:
    """Return the sections of all files as those of one."""
    read = [place_survey(_read_sections(source), source, spec, notes) for source in spec.sections]
    sections: list[RawSection] = [section for raw in read for section in raw.sections]
    reaches: dict[str, RawReach] = {}
    for raw in read:
        reaches |= raw.reaches
    return RawSurvey(
        sections=tuple(sections),
        reaches=reaches,
        directed=len(read) == 1 and read[0].directed,
        warnings=tuple(warning for raw in read for warning in raw.warnings),
    )


def _read_sections(source: Source) -> RawSurvey:
    """Read a file by what it is: a geometry of HEC-RAS, shapes, or a table."""
    suffix = source.file.suffix.lower()
    if suffix in SUFFIXES:
        return read_sections_file(source)
    with source.file.open("rb") as stream:
        head = stream.read(2**16)
    if looks_like_geometry(source.file, head):
        return read_hecras(source)
    if suffix in _TABLES or suffix == "":
        return read_sections_table(source)
    raise UnknownFormat(
        f"'{source.file.name}' is no file of sections that is read here",
        file=str(source.file),
        remedy=f"Give a table (.csv), a geometry of HEC-RAS (.g01), or one of: {', '.join(sorted(SUFFIXES))}.",
    )


def _reach(laid: Laid, lines: Sequence[BankLine], notes: Notes) -> Reach:
    left, right = banks_of(laid, lines, notes)
    return Reach(
        id=laid.id,
        centreline=laid.centreline,
        left_bank=left,
        right_bank=right,
        sections=tuple(
            _record(section, laid.id, float(chainage))
            for section, chainage in zip(laid.sections, laid.chainage, strict=True)
        ),
        downstream=laid.downstream,
    )


def _record(section: RawSection, reach: str, chainage: float) -> CrossSection:
    assert section.station is not None
    return CrossSection(
        id=section.id,
        reach=reach,
        x=section.x,
        y=section.y,
        z=section.z,
        station_m=section.station,
        chainage_m=chainage,
        banks=section.bank_points,
        manning_n=section.manning_n,
    )


# --- what is beside them ------------------------------------------------------------------------------


def _placed(source: Source | None, spec: TerrainSpec, kinds: Sequence[str], notes: Notes) -> Features | None:
    """Return the shapes of a file in the terrain's coordinates (their heights as they are)."""
    if source is None:
        return None
    features = read_features(source, kinds)
    place = Placing(source, spec, file_crs(features, source), notes)
    shapes = shapely.force_2d(features.shapes)
    points = shapely.get_coordinates(shapes)
    if not np.isfinite(points).all():
        raise BadSurvey("a coordinate is no number", file=str(source.file), remedy="Export the file again.")
    moved = shapely.set_coordinates(shapes.copy(), np.column_stack(place.flat(points[:, 0], points[:, 1])))
    return replace(features, shapes=moved)


def _each_line(features: Features) -> Iterable[tuple[int, Floats]]:
    """Yield the lines of a file, with the row they are of; parts that join are one."""
    for row, shape in enumerate(features.shapes):
        merged = shapely.line_merge(shape) if shape.geom_type == "MultiLineString" else shape
        for part in getattr(merged, "geoms", [merged]):
            points = shapely.get_coordinates(part)
            if len(np.unique(points, axis=0)) > 1:
                yield row, points


def _texts(features: Features, source: Source, meaning: str) -> list[str | None]:
    return features.texts(field_name(features, source, meaning))


def _centrelines(spec: TerrainSpec, notes: Notes) -> list[Centreline]:
    source = spec.centreline
    features = _placed(source, spec, ("LineString",), notes)
    if features is None or source is None:
        return []
    reaches, below = _texts(features, source, "reach"), _texts(features, source, "downstream")
    way = -1 if source.drawn == "upstream" else 1
    found = [
        Centreline(points[::way], reaches[row], source.file, below[row], source.drawn is not None)
        for row, points in _each_line(features)
    ]
    if not found:
        raise _no_line(source.file)
    return found


def _bank_lines(spec: TerrainSpec, notes: Notes) -> list[BankLine]:
    source = spec.banks
    features = _placed(source, spec, ("LineString",), notes)
    if features is None or source is None:
        return []
    sides, reaches = _texts(features, source, "side"), _texts(features, source, "reach")
    found = [BankLine(points, sides[row], reaches[row], source.file) for row, points in _each_line(features)]
    if not found:
        raise _no_line(source.file)
    return found


def _no_line(file: Path) -> BadSurvey:
    return BadSurvey("no line of the file has two different points", file=str(file), remedy="Draw it again.")


def _islands(spec: TerrainSpec, notes: Notes) -> tuple[Floats, ...]:
    features = _placed(spec.islands, spec, ("Polygon",), notes)
    if features is None:
        return ()
    parts = [part for shape in features.shapes for part in getattr(shape, "geoms", [shape])]
    return tuple(shapely.get_coordinates(part.exterior) for part in parts)


def _soundings(spec: TerrainSpec, notes: Notes) -> Soundings | None:
    read: list[tuple[Floats, Floats, Floats]] = []
    for source in spec.soundings:
        reader: Callable[[Source, TerrainSpec, Notes], Any] = (
            _points_of_shapes if source.file.suffix.lower() in SUFFIXES else _points_of_table
        )
        read.append(reader(source, spec, notes))
    if not read:
        return None
    return Soundings(*(np.concatenate([each[axis] for each in read]) for axis in range(3)))


def _points_of_shapes(source: Source, spec: TerrainSpec, notes: Notes) -> tuple[Floats, Floats, Floats]:
    features = read_features(source, ("Point",))
    return Placing(source, spec, file_crs(features, source), notes).points(*points_of(features, source))


def _points_of_table(source: Source, spec: TerrainSpec, notes: Notes) -> tuple[Floats, Floats, Floats]:
    x, y, z = read_points_table(source)
    if not len(x):
        raise BadSurvey("the table has no points", file=str(source.file), remedy="Export it again.")
    return Placing(source, spec, None, notes).points(x, y, z)
