"""Vector files of a survey: lines with Z, points with Z, centre lines, banks, islands; each with its own system."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import CRS

from naru.errors import BadSurvey, ColumnsUnknown, CrsUnknown, FileDamaged, TooLarge, UnknownFormat
from twin.crs import horizontal
from twin.spec_records import Source
from twin.survey.raw import RawSection, RawSurvey
from twin.survey.tables import KNOWN

SUFFIXES = frozenset({".shp", ".geojson", ".json", ".gpkg", ".fgb", ".kml", ".gml", ".dxf"})
_MOST_FEATURES = 1_000_000


@dataclass(frozen=True)
class Features:
    """The geometries of one layer of a file, with the values of its fields, and what it says of its system."""

    file: Path
    shapes: Any  # array of shapely geometries, none of them None or empty
    fields: dict[str, list[Any]]
    crs: str | None

    def __len__(self) -> int:
        return len(self.shapes)

    def texts(self, name: str | None) -> list[str | None]:
        """Return a field's values as texts; None where it has none, or there is no such field."""
        if name is None:
            return [None] * len(self)
        return [_text(value) for value in self.fields[name]]

    def numbers(self, name: str) -> list[float | None]:
        """Return a field's values as numbers; None where they are none."""
        return [_number(value) for value in self.fields[name]]


def read_features(source: Source, kinds: Sequence[str]) -> Features:
    """Read a layer of a vector file; `kinds` are the geometries wanted, such as "LineString".

    Raises:
        UnknownFormat: a file of another kind, or with geometries of others only.
        FileDamaged: unreadable, or without a feature.
        TooLarge: more than a million features.
        BadSurvey: the file has several layers and the terrain file names none.
    """
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError

    faults = (DataSourceError, DataLayerError, FeatureError, FieldError, GeometryError)
    path = source.file
    if path.suffix.lower() not in SUFFIXES:
        raise UnknownFormat(
            f"'{path.name}' is no file of shapes that is read here",
            file=str(path),
            remedy=f"Give one of: {', '.join(sorted(SUFFIXES))}.",
        )
    try:
        layer = _layer(source, [str(name) for name in pyogrio.list_layers(path)[:, 0]])
        count = pyogrio.read_info(path, layer=layer)["features"]
        if count > _MOST_FEATURES:
            raise TooLarge(f"the file has {count} features", file=str(path), remedy="Cut it to the river.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what GDAL remarks on a file; what matters is checked below
            frame = pyogrio.read_dataframe(path, layer=layer, encoding=_encoding(source), datetime_as_string=True)
    except (*faults, shapely.errors.ShapelyError, UnicodeError) as error:
        raise FileDamaged(
            f"the file cannot be read ({str(error).splitlines()[0][:120]})",
            file=str(path),
            remedy="Export it again.",
        ) from error
    if "geometry" not in frame:
        raise FileDamaged("the file has no geometries", file=str(path), remedy="Export it with its geometry.")
    shapes = np.asarray(frame.geometry.array, dtype=object)
    kept = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    kept &= np.isin(
        [s.geom_type if s is not None else "" for s in shapes], [k for n in kinds for k in (n, f"Multi{n}")]
    )
    if not kept.any():
        found = sorted({s.geom_type for s in shapes if s is not None}) or ["nothing"]
        raise UnknownFormat(
            f"the file holds {', '.join(found)} where {' or '.join(kinds)} is expected",
            file=str(path),
            remedy="Name the file (and its layer) that holds them.",
        )
    fields = {str(name): list(frame[name][kept]) for name in frame.columns if name != "geometry"}
    return Features(path, shapes[kept], fields, None if frame.crs is None else _claim(frame.crs, path).to_wkt())


def _claim(crs: CRS, path: Path) -> CRS:
    """Return what a file says of its system. GDAL calls all GeoJSON with Z ellipsoidal."""
    return horizontal(crs) if path.suffix.lower() in (".geojson", ".json") else crs


def _layer(source: Source, names: list[str]) -> str | None:
    """Return the layer to read."""
    if source.layer is not None:
        if source.layer not in names:
            raise BadSurvey(
                f"there is no layer '{source.layer}'",
                file=str(source.file),
                remedy=f"The file has: {', '.join(names)}.",
            )
        return source.layer
    if len(names) > 1:
        raise BadSurvey(
            f"the file has {len(names)} layers",
            file=str(source.file),
            remedy=f"Name one as `layer`: {', '.join(names[:20])}.",
        )
    return names[0] if names else None


def _encoding(source: Source) -> str | None:
    """Return the encoding of a shapefile's table, which GDAL would take for Latin-1 where nothing names it."""
    if source.encoding or source.file.suffix.lower() != ".shp":
        return source.encoding
    parts = {p.suffix.lower(): p for p in source.file.parent.glob(f"{_escaped(source.file.stem)}.*")}
    if ".cpg" in parts or ".dbf" not in parts:
        return None
    try:
        parts[".dbf"].read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return "CP949"
    except OSError:
        return None
    return "UTF-8"


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def field_name(features: Features, source: Source, meaning: str) -> str | None:
    """Return the field that means something: as the terrain file says, else one of a known name; None without.

    Raises ColumnsUnknown: the one that is named is not there.
    """
    named = source.columns.get(meaning)
    if named is None:
        known = KNOWN.get(meaning, (meaning,))
        matches = [name for name in features.fields if name.casefold() in known]
        return min(matches, key=lambda name: known.index(name.casefold())) if matches else None
    loose = [name for name in features.fields if name == named] or [
        name for name in features.fields if name.casefold() == named.casefold()
    ]
    if not loose:
        raise ColumnsUnknown(
            f"there is no field '{named}' for {meaning}",
            file=str(features.file),
            field=named,
            remedy=f"The file has: {', '.join(features.fields) or 'no fields'}. Name one in the terrain file.",
        )
    return loose[0]


def file_crs(features: Features, source: Source) -> str:
    """Return the system of a file's coordinates: as the terrain file says, else as the file says.

    Raises CrsUnknown where neither does.
    """
    if source.crs is not None:
        return source.crs
    if features.crs is None:
        raise CrsUnknown(
            "the file does not say what its coordinates are in",
            file=str(features.file),
            field="crs",
            remedy="Name its `crs` in the terrain file (or put its .prj beside it).",
        )
    return features.crs


def read_sections_file(source: Source) -> RawSurvey:
    """Read cross-sections from a vector file: a line with Z each, or points with Z (or a column of heights).

    Points with the same id (and reach) are one section. Raises what `read_features` raises, and BadSurvey: a line
    without heights, or no id for points.
    """
    features = read_features(source, ("LineString", "Point"))
    crs = file_crs(features, source)
    id_name, reach_name = field_name(features, source, "id"), field_name(features, source, "reach")
    ids, reaches = features.texts(id_name), features.texts(reach_name)
    lines = np.isin([s.geom_type for s in features.shapes], ["LineString", "MultiLineString"])
    if lines.all():
        sections = [
            _section_of_line(features, row, ids[row] or str(row + 1), reaches[row]) for row in range(len(features))
        ]
        unnamed = sum(1 for i in ids if i is None)
        notes = (f"{unnamed} sections of {source.file.name} have no id: they are numbered",) if unnamed else ()
        return RawSurvey(tuple(sections), crs=crs, warnings=notes)
    if lines.any():
        raise BadSurvey(
            "the file holds lines and points",
            file=str(source.file),
            remedy="Put the sections into a file of one kind.",
        )
    return RawSurvey(tuple(_sections_of_points(features, source, ids, reaches)), crs=crs)


def _section_of_line(features: Features, row: int, id_: str, reach: str | None) -> RawSection:
    section = RawSection(id_, features.file, reach=reach, ordered=True)
    shape = features.shapes[row]
    if shape.geom_type == "MultiLineString":
        merged = shapely.line_merge(shape)
        if merged.geom_type != "LineString":
            raise section.bad(
                f"the section is drawn in {len(merged.geoms)} parts that do not join",
                "Join them into one line (in QGIS: Merge selected features).",
            )
        shape = merged
    points = shapely.get_coordinates(shape, include_z=True)
    if not np.isfinite(points).all():
        flat = not np.isfinite(points[:, 2]).any()
        point = int(np.argmax(~np.isfinite(points).all(axis=1)))
        raise section.bad(
            "the line has no heights (Z)"
            if flat
            else f"{section.at_line(point)} has a coordinate that is no number",
            "Export the lines with Z, or give the sections as a table." if flat else "Correct it.",
        )
    return replace(section, x=points[:, 0], y=points[:, 1], z=points[:, 2])


def _sections_of_points(
    features: Features, source: Source, ids: list[str | None], reaches: list[str | None]
) -> list[RawSection]:
    if None in ids:
        raise BadSurvey(
            f"point {ids.index(None) + 1} has no section id",
            file=str(source.file),
            field="id",
            remedy=f"Name the field that tells sections apart as `id`; there are: {', '.join(features.fields)}.",
        )
    x, y, z = points_of(features, source)
    groups: dict[tuple[str | None, str | None], list[int]] = {}
    for row, key in enumerate(zip(reaches, ids, strict=True)):
        groups.setdefault(key, []).append(row)
    return [
        RawSection(str(id_), source.file, x[rows], y[rows], z[rows], reach, np.array(rows) + 1)
        for (reach, id_), rows in groups.items()
    ]


def points_of(features: Features, source: Source) -> tuple[Any, Any, Any]:
    """Return x, y and height (or depth) of points: from a column where one is named or known, else from their Z.

    Raises BadSurvey where a point has none.
    """
    points = np.array([shapely.get_coordinates(s, include_z=True)[0] for s in features.shapes])
    meaning = "z" if source.water_level_m is None else "depth"
    name = field_name(features, source, meaning)
    if name is not None:
        values = features.numbers(name)
        z = np.array([np.nan if value is None else value for value in values])
    else:
        z = points[:, 2]
    bad = ~(np.isfinite(points[:, :2]).all(axis=1) & np.isfinite(z))
    if bad.any():
        raise BadSurvey(
            f"point {int(np.argmax(bad)) + 1} has no {'height' if meaning == 'z' else 'depth'}",
            file=str(features.file),
            field=name,
            remedy="Export points with Z, or name the field of heights as `z` (or `depth`) in the terrain file.",
        )
    return points[:, 0], points[:, 1], z


def _text(value: Any) -> str | None:
    """Return an id as people write it: 12.0 is 12, an empty one is none."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip() or None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None
