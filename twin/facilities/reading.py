"""Facilities from files: CSV, XLSX, GeoJSON, GeoPackage, and the canonical JSON that is published."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from naru.errors import BadFacility, CrsRefused, CrsUnknown, FileDamaged, NoFeatures, UnknownFormat
from twin.crs import Mover, check_place, read_claim, terrain_crs, usable_crs
from twin.datum import canonical
from twin.facilities.building import Row, build, check_columns, name_of
from twin.facilities.checks import check_all
from twin.facilities.columns import GEOMETRY, XY, plain
from twin.facilities.problems import FacilitiesRefused, Problems
from twin.facilities.records import Facilities, Facility
from twin.facilities.shape import Shape
from twin.text import decode, parse_number, read_bytes

KOREA_METRES = "EPSG:5186"  # what coordinates in degrees become, where no terrain says otherwise
LONLAT = "EPSG:4326"
DATUM = "KVD1964"
MOST_BYTES = 64 * 2**20
_MOST_ROWS = 100_000
_SHEETS = ("facilities", "시설물", "시설")
_SAID = re.compile(r"(crs|vertical_datum)\s*[:=]\s*([^;,\s]+)", re.IGNORECASE)


@dataclass
class _Given:
    """What a file holds, before anything is understood. `geometry` is WKT, GeoJSON or None, by row."""

    columns: list[str]
    rows: list[tuple[str, dict[str, Any], Any]]  # where, cells, geometry
    crs: str | None = None
    datum: str | None = None
    said: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """What the user said of the file: its system and datum, and the system to bring it into."""

    crs: str | None = None
    vertical_datum: str | None = None
    into: str | None = None


def read_facilities(path: Path, wanted: Wanted | None = None) -> Facilities:
    """Read and check a file of facilities; heights in EL m, coordinates brought into a system in metres.

    Raises:
        FacilitiesRefused: something is wrong with a facility; `problems` lists everything.
        CrsRefused, CrsUnknown, DatumRefused: the coordinates or heights are of no system that is understood.
        FileMissing, FileDamaged, UnknownFormat, EncodingUnknown, TooLarge, NoFeatures: the file cannot be read.
    """
    wanted = wanted or Wanted()
    given = _read(path)
    if not given.rows:
        raise NoFeatures(
            "has no facilities", file=str(path), remedy="`naru twin facilities template` makes an example."
        )
    if len(given.rows) > _MOST_ROWS:
        raise FileDamaged(f"has more than {_MOST_ROWS} rows", file=str(path), remedy="Split it.")
    problems = Problems()
    check_columns(given.columns, problems)
    source, how = _system(given, wanted, path)
    target, how = _target(source, how, wanted, path)
    mover = Mover(source, target, str(path))
    datum = canonical(wanted.vertical_datum or given.datum or DATUM)
    if not (wanted.vertical_datum or given.datum):
        problems.warnings.append(f"no vertical datum is stated: heights are taken as EL metres ({DATUM})")
    found = [_facility(where, cells, shape, mover, problems) for where, cells, shape in given.rows]
    built = [each for each in found if each is not None]
    check_all(built, problems)
    if problems.found:
        raise FacilitiesRefused(problems.found, str(path))
    if problems.warnings:
        problems.warnings.sort(key=lambda text: text.startswith("no vertical"))
    return Facilities(tuple(built), target, how, datum, tuple(problems.warnings))


def _facility(where: str, cells: dict[str, Any], raw: Any, mover: Mover, problems: Problems) -> Facility | None:
    try:
        shape = _moved(_shape(raw), mover) if raw is not None else None
    except ValueError as error:
        remedy = "Draw it as one point, one line, or one outline without holes."
        problems.add(name_of(cells, where), "geometry", str(error), remedy)
        return None
    except CrsRefused as error:
        problems.add(name_of(cells, where), "geometry", error.message, "Check its coordinates, or give --crs.")
        return None
    return build(Row(where, _with_outlet(cells, mover), shape), problems)


def _with_outlet(cells: dict[str, Any], mover: Mover) -> dict[str, Any]:
    """Return the cells with the outlet's coordinates moved as the geometry is."""
    names = {plain(name): name for name in cells}
    x, y = (
        next((names[w] for w in words if w in names), None)
        for words in (("outletx", "토출구x"), ("outlety", "토출구y"))
    )
    if x is None or y is None or not mover.moves:
        return cells
    numbers = [parse_number(str(cells[name])) for name in (x, y)]
    if None in numbers:
        return cells
    moved = mover(*(np.array([number], float) for number in numbers))
    return cells | {x: round(float(moved[0][0]), 3), y: round(float(moved[1][0]), 3)}


# --- systems ---------------------------------------------------------------------------------------


def _system(given: _Given, wanted: Wanted, path: Path) -> tuple[str, str]:
    """Return the system of the file's coordinates, and who says so."""
    if wanted.crs:
        return usable_crs(wanted.crs, str(path), "--crs"), "named by --crs"
    if given.crs:
        claim = read_claim(given.crs, str(path))
        if claim is None or claim.to_epsg() is None:
            raise CrsUnknown(
                f"'{given.crs}' is no coordinate system", file=str(path), remedy="Give --crs EPSG:5186."
            )
        return f"EPSG:{claim.to_epsg()}", "as the file says"
    raise CrsUnknown(
        "does not say what its coordinates are",
        file=str(path),
        field="crs",
        remedy="Give --crs EPSG:5186, or write '# crs: EPSG:5186' above the table.",
    )


def _target(source: str, how: str, wanted: Wanted, path: Path) -> tuple[str, str]:
    """Return the projected system to work in, and how it was come by."""
    from pyproj import CRS

    if wanted.into:
        return wanted.into, how if wanted.into == source else f"{source} ({how}), brought into the terrain's system"
    if CRS.from_user_input(source).is_geographic:
        return KOREA_METRES, f"{source} ({how}), brought into {KOREA_METRES}"
    return terrain_crs(source, str(path)), how


def _moved(shape: Shape, mover: Mover) -> Shape:
    xy = shape.xy
    check_place(xy[:, 0], xy[:, 1], mover.source, mover.file)
    x, y = mover(xy[:, 0], xy[:, 1])
    points = tuple((round(float(a), 4), round(float(b), 4)) for a, b in zip(x, y, strict=True))
    return Shape(shape.kind, points)


def _shape(raw: Any) -> Shape:
    """Return one point, line or outline. Raises ValueError."""
    try:
        found = shapely.from_wkt(raw) if isinstance(raw, str) else shapely.geometry.shape(raw)
    except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise ValueError("is no geometry that can be read") from error
    if found is None or found.is_empty:
        raise ValueError("is empty")
    if found.geom_type.startswith("Multi"):
        if len(found.geoms) > 1:
            raise ValueError(f"has {len(found.geoms)} parts")
        found = found.geoms[0]
    if found.geom_type == "Polygon":
        if len(found.interiors):
            raise ValueError("has holes")
        return Shape("polygon", _pairs(found.exterior.coords))
    if found.geom_type in {"Point", "LineString"}:
        return Shape("point" if found.geom_type == "Point" else "line", _pairs(found.coords))
    raise ValueError(f"is a {found.geom_type}")


def _pairs(coordinates: Any) -> tuple[tuple[float, float], ...]:
    out = tuple((float(c[0]), float(c[1])) for c in coordinates)
    if not np.isfinite(out).all():
        raise ValueError("has coordinates that are no numbers")
    return out


# --- formats ---------------------------------------------------------------------------------------


def _read(path: Path) -> _Given:
    readers = {".csv": _csv, ".txt": _csv, ".xlsx": _xlsx, ".geojson": _json, ".json": _json, ".gpkg": _geopackage}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UnknownFormat(
            f"'{path.suffix}' is no format of facilities",
            file=str(path),
            remedy="Give .csv, .xlsx, .geojson or .gpkg; `naru twin facilities template` makes one.",
        )
    return reader(path)


def _csv(path: Path) -> _Given:
    text, _ = decode(read_bytes(path, MOST_BYTES), None, path)
    lines = text.splitlines()
    header = next((line for line in lines if line.strip() and not line.lstrip('"').startswith("#")), "")
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        rows = [(f"line {reader.line_num}", cells) for cells in reader]
    except csv.Error as error:
        raise FileDamaged(f"line {reader.line_num}: {error}", file=str(path), remedy="Export it again.") from error
    return _table(rows, path)


def _xlsx(path: Path) -> _Given:
    from python_calamine import CalamineError, CalamineWorkbook

    read_bytes(path, MOST_BYTES)
    try:
        book = CalamineWorkbook.from_path(str(path))
        name = next((n for n in book.sheet_names if n.strip().casefold() in _SHEETS), book.sheet_names[0])
        sheet = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except (CalamineError, ValueError, IndexError) as error:
        raise FileDamaged(f"is no workbook ({error})", file=str(path), remedy="Save it as .xlsx again.") from error
    return _table([(f"row {number}", list(cells)) for number, cells in enumerate(sheet, 1)], path)


def _table(rows: Sequence[tuple[str, list[Any]]], path: Path) -> _Given:
    """Read rows: those that begin with # are remarks, perhaps with crs and datum; the first else is the header."""
    said: dict[str, str] = {}
    body: list[tuple[str, list[Any]]] = []
    for where, cells in rows:
        first = str(cells[0]).strip() if cells else ""
        if first.startswith("#"):
            found = _SAID.findall(" ; ".join(str(cell) for cell in cells))
            said |= {name.lower(): value for name, value in found}
        elif any(str(cell).strip() for cell in cells):
            body.append((where, cells))
    if not body:
        return _Given([], [])
    columns = [str(cell).strip() for cell in body[0][1]]
    doubled = {c for c in columns if c and columns.count(c) > 1}
    if doubled:
        raise BadFacility(
            "the column stands twice", file=str(path), field=sorted(doubled)[0], remedy="Leave one of them."
        )
    out = _Given([c for c in columns if c], [], said.get("crs"), said.get("vertical_datum"))
    for where, cells in body[1:]:
        pairs = zip(columns, cells, strict=False)
        row = {name: cell for name, cell in pairs if name and not (isinstance(cell, str) and not cell.strip())}
        geometry, degrees = _place(row)
        if degrees and out.crs is None:
            out.crs = LONLAT
        out.rows.append((where, row, geometry))
    return out


def _place(row: Mapping[str, Any]) -> tuple[Any, bool]:
    """Return the geometry that a row's columns hold, and whether it is in degrees by the columns' names."""
    by_name = {plain(name): value for name, value in row.items()}
    for name in GEOMETRY:
        if plain(name) in by_name:
            return str(by_name[plain(name)]), False
    for x, y in XY:
        if plain(x) in by_name and plain(y) in by_name:
            numbers = [parse_number(str(by_name[plain(name)])) for name in (x, y)]
            if None in numbers:
                return "POINT EMPTY", x != "x"
            return {"type": "Point", "coordinates": numbers}, x != "x"
    return None, False


def _json(path: Path) -> _Given:
    text, _ = decode(read_bytes(path, MOST_BYTES), "utf-8-sig", path)
    try:
        document = json.loads(text)
    except ValueError as error:
        raise FileDamaged(f"is no JSON ({error})", file=str(path), remedy="Export it again.") from error
    if not isinstance(document, dict):
        raise UnknownFormat("is JSON, but no GeoJSON", file=str(path), remedy="Give a FeatureCollection.")
    if isinstance(document.get("facilities"), list):
        return _canonical(document)
    features = document.get("features")
    if document.get("type") != "FeatureCollection" or not isinstance(features, list):
        raise UnknownFormat("is no FeatureCollection", file=str(path), remedy="Give a GeoJSON FeatureCollection.")
    rows = list(_features(features, path))
    columns = list(dict.fromkeys(name for _, cells, _ in rows for name in cells))
    claim = document.get("crs")
    properties = claim.get("properties") if isinstance(claim, dict) else None
    named = properties.get("name") if isinstance(properties, dict) else None
    datum = document.get("vertical_datum")
    return _Given(columns, rows, str(named) if named else LONLAT, str(datum) if datum else None)


def _features(features: Sequence[Any], path: Path) -> Iterator[tuple[str, dict[str, Any], Any]]:
    for number, feature in enumerate(features, 1):
        if not isinstance(feature, dict) or not isinstance(feature.get("properties") or {}, dict):
            raise FileDamaged(f"feature {number} is none", file=str(path), remedy="Export it again.")
        cells = {str(name): value for name, value in (feature.get("properties") or {}).items() if value is not None}
        yield f"feature {number}", cells, feature.get("geometry")


def _canonical(document: Mapping[str, Any]) -> _Given:
    """Read what `twin.facilities.writing` wrote."""
    out = _Given([], [], str(document.get("crs")), str(document.get("vertical_datum")))
    for number, each in enumerate(document["facilities"], 1):
        skipped = {"geometry", "derived", "unverified", "type_ko"}
        cells = {name: value for name, value in each.items() if name not in skipped and value is not None}
        out.rows.append((f"facility {number}", cells, each.get("geometry")))
    return out


def _geopackage(path: Path) -> _Given:
    import pyogrio

    read_bytes(path, MOST_BYTES)
    try:
        frame = pyogrio.read_dataframe(path)
    except pyogrio.errors.DataSourceError as error:
        raise FileDamaged(f"is no GeoPackage ({error})", file=str(path), remedy="Export it again.") from error
    columns = [str(name) for name in frame.columns if name != frame.geometry.name]
    rows = []
    for number, (_, row) in enumerate(frame.iterrows(), 1):
        cells = {name: row[name] for name in columns if row[name] is not None and row[name] == row[name]}
        shape = row[frame.geometry.name]
        rows.append((f"feature {number}", cells, None if shape is None else shape.wkt))
    return _Given(columns, rows, None if frame.crs is None else frame.crs.to_wkt())
