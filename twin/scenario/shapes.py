"""Polygons, lines and points that a scenario names, in the domain's coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS

from naru.errors import BadSpec, UnknownLayer
from naru.house import House
from twin.crs import horizontal, lies_in
from twin.features import Placed, layer_features, moved
from twin.fields import named_by
from twin.grid import Floats, Frame
from twin.scenario.places import Coordinates
from twin.scenario.spec import ShapeSource
from twin.spec_records import Source
from twin.survey.tables import KNOWN
from twin.survey.vectors import read_features
from twin.text import Table, read_table

Shapes = npt.NDArray[np.object_]
TABLES = (".csv", ".txt", ".tsv", ".xy", ".dat")
_NAMES = (
    "name",
    "id",
    "gauge",
    "station",
    "ring",
    "polygon",
    "이름",
    "명칭",
    "지점",
    "지점명",
    "관측소",
    "관측소명",
)
_LONLAT = {"lon", "longitude", "경도", "lat", "latitude", "위도"}


@dataclass(frozen=True)
class Found:
    """Shapes in the domain's system, what they are called, and their fields."""

    shapes: Shapes
    names: list[str]
    fields: dict[str, list[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Drawing:
    """What shapes are placed on."""

    coordinates: Coordinates
    frame: Frame
    house: House | None


def find_shapes(source: ShapeSource, kind: str, drawing: Drawing) -> Found:
    """Return the shapes of a source; `kind` is Polygon, LineString or Point.

    A table of x and y is one ring or line, or as many as its column of names tells apart; a folder is read file by
    file.

    Raises:
        BadSpec: shapes of another kind, a ring without an area, or coordinates that lead nowhere.
        UnknownLayer, UnknownFormat, FileDamaged, CrsUnknown, CrsRefused: of the layer or the file.
    """
    with named_by(source.where):
        return _found(source, kind, drawing)


def _found(source: ShapeSource, kind: str, drawing: Drawing) -> Found:
    if source.inline:
        shapes = [_shape(drawing.coordinates.bring(ring, source.where), kind, source) for ring in source.inline]
        return Found(np.array(shapes, object), [f"#{n}" for n in range(1, len(shapes) + 1)])
    if source.layer is not None and source.file is None:
        return _of_layer(source, kind, drawing)
    path = source.file
    assert path is not None  # the reader takes one of the three
    if path.is_dir():
        return _of_folder(path, source, kind, drawing)
    if path.suffix.lower() in TABLES:
        return _of_table(path, source, kind, drawing)
    return _of_file(source, kind, drawing)


def _shape(points: Floats, kind: str, source: ShapeSource, what: str = "") -> Any:
    told = f"field '{source.where}'" + (f" ({what})" if what else "")
    fewest = {"Point": 1, "LineString": 2, "Polygon": 3}[kind]
    if len(points) < fewest:
        raise BadSpec(
            f"{told} has {len(points)} points where a {kind.lower()} has {fewest} or more",
            field=source.where,
            remedy="Give them all.",
        )
    if kind == "Point":
        return shapely.Point(points[0])
    if kind == "LineString":
        return shapely.LineString(points)
    ring = shapely.Polygon(points)
    shape = ring if ring.is_valid else shapely.buffer(shapely.make_valid(ring), 0)
    if shape.is_empty or not shape.area > 0:
        raise BadSpec(
            f"{told} is a ring without an area", field=source.where, remedy="Draw it round what it holds."
        )
    return shape


# --- tables -----------------------------------------------------------------------------------------


def _of_folder(folder: Path, source: ShapeSource, kind: str, drawing: Drawing) -> Found:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in TABLES)
    if not files:
        raise BadSpec(
            f"field '{source.where}' names a folder without tables",
            file=str(folder),
            field=source.where,
            remedy=f"It should hold one file a shape, with x and y: {', '.join(TABLES)}.",
        )
    found = [_of_table(path, source, kind, drawing, path.stem) for path in files]
    return Found(np.concatenate([f.shapes for f in found]), [name for f in found for name in f.names])


def _of_table(path: Path, source: ShapeSource, kind: str, drawing: Drawing, called: str | None = None) -> Found:
    table = read_table(path, header=("x", "y"))
    x, y = (_column(table, source, meaning, place) for place, meaning in enumerate(("x", "y")))
    points = np.array([[table.number(row, x), table.number(row, y)] for row in range(len(table.rows))]).reshape(
        -1, 2
    )
    mode = source.crs or ("lonlat" if {x.casefold(), y.casefold()} <= _LONLAT else None)
    points = drawing.coordinates.bring(points, source.where, mode)
    name = _name_column(table, source)
    each = [table.text(row, name) if name else "" for row in range(len(points))]
    if kind == "Point":
        names = [text or f"#{n}" for n, text in enumerate(each, 1)]
        return Found(shapely.points(points).astype(object), names)
    parts = dict.fromkeys(each)
    shapes = [_shape(points[[text == part for text in each]], kind, source, part or path.name) for part in parts]
    return Found(np.array(shapes, object), [part or called or f"#{n}" for n, part in enumerate(parts, 1)])


def _column(table: Table, source: ShapeSource, meaning: str, place: int) -> str:
    """Return the column of a meaning: as named, else one of a known name, else by its place."""
    if meaning in source.columns:
        return table.column(source.columns[meaning], meaning)
    known = {h.casefold().strip(): h for h in reversed(table.header)}
    found = next((known[name] for name in KNOWN[meaning] if name in known), None)
    if found is None and len(table.header) != 2:
        return table.column(meaning, meaning)  # raises, with what there is
    return found or table.header[place]


def _name_column(table: Table, source: ShapeSource) -> str | None:
    if "name" in source.columns:
        return table.column(source.columns["name"], "name")
    known = {h.casefold().strip(): h for h in reversed(table.header)}
    return next((known[name] for name in _NAMES if name in known), None)


# --- files and layers -------------------------------------------------------------------------------


def _of_file(source: ShapeSource, kind: str, drawing: Drawing) -> Found:
    assert source.file is not None
    wish = Source(source.file, crs=source.crs, layer=source.layer)
    features = read_features(wish, (kind,))
    shapes = shapely.force_2d(features.shapes)
    claim = source.crs or features.crs
    bare = source.file.suffix.lower() in (".geojson", ".json") and source.crs is None
    if bare and not lies_in("EPSG:4326", *shapely.get_coordinates(shapes).T):
        drawing.coordinates.warn(
            f"{source.file.name} holds no longitudes and latitudes: taken for the terrain's own"
        )
        claim = None
    if claim is not None and drawing.frame.crs:
        shapes = moved(shapes, horizontal(CRS.from_user_input(claim)), drawing.frame.crs, str(source.file))
    named = source.columns.get("name")
    if named is not None and named in features.fields:
        names = [str(value) for value in features.fields[named]]
    else:
        names = Placed(str(source.file), shapes, features.fields).names()
    return _parted(shapes, names, features.fields, kind)


def _of_layer(source: ShapeSource, kind: str, drawing: Drawing) -> Found:
    assert source.layer is not None
    if drawing.house is None:
        raise UnknownLayer(source.layer)
    if not drawing.frame.crs:
        raise BadSpec(
            f"field '{source.where}' names a layer, but the terrain does not say where it lies",
            layer=source.layer,
            field=source.where,
            remedy="Say what the terrain is in: `terrain: {file: …, crs: EPSG:…}`.",
        )
    placed = layer_features(drawing.house, source.layer, drawing.frame)
    wanted = [shape.geom_type in (kind, f"Multi{kind}") for shape in placed.shapes]
    if wanted and not any(wanted):
        raise BadSpec(
            f"field '{source.where}' names a layer without a {kind.lower()}",
            layer=source.layer,
            field=source.where,
            remedy="Name another layer.",
        )
    names = [name for name, fits in zip(placed.names(), wanted, strict=True) if fits]
    fields = {k: [v for v, fits in zip(values, wanted, strict=True) if fits] for k, values in placed.fields.items()}
    return _parted(shapely.force_2d(placed.shapes[wanted]), names, fields, kind)


def _parted(shapes: Shapes, names: Sequence[str], fields: dict[str, list[Any]], kind: str) -> Found:
    """Return lines and points one by one; polygons stay whole."""
    if kind == "Polygon":
        return Found(shapes, list(names), fields)
    parts, owner = shapely.get_parts(shapes, return_index=True)
    return Found(parts, [names[n] for n in owner], {k: [v[n] for n in owner] for k, v in fields.items()})
