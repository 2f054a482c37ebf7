"""What stands beside and over the river, read from its files: levees, bridges, buildings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from naru.errors import BadModels, BadSpec, BadSurvey, ColumnsUnknown
from naru.house import House
from twin.burning.bridges import Deck
from twin.burning.levees import Levee
from twin.datum import convert_heights
from twin.features import Placed, field_values, file_features, layer_features
from twin.grid import Frame
from twin.models.heights import SOURCES, HeightFields, find_fields
from twin.spec_records import Buildings, Source, TerrainSpec

Floats = npt.NDArray[np.float64]
_UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "ft": 0.3048, "us-ft": 1200 / 3937}
_DRAWN = ("LineString", "Polygon")
_WIDEST_M = 1000.0


@dataclass(frozen=True)
class Footprints:
    """Buildings on the map, and how high they are."""

    shapes: npt.NDArray[np.object_]
    height_m: Floats
    assumed: int  # how many have no height of their own, and were given one storey


def read_levees(spec: TerrainSpec) -> list[Levee]:
    """Return the levees; their crests are metres above the terrain's datum, NaN where the file has none.

    Raises:
        BadInput and its kinds: the file is none of lines or polygons.
        DatumRefused: the crests are above another zero, and cannot be converted.
    """
    source = spec.levees
    if source is None:
        return []
    found, crests = file_features(source, _DRAWN, spec.crs), field_values(source, _DRAWN, "crest")
    crests = np.full(len(found.shapes), np.nan) if crests is None else crests
    return [
        _levee(part, name, crest, spec, source)
        for name, shape, crest in zip(found.names(), found.shapes, crests.tolist(), strict=True)
        for part in shapely.get_parts(shape)
    ]


def _levee(shape: Any, name: str, crest: float, spec: TerrainSpec, source: Source) -> Levee:
    area = shapely.force_2d(shape) if shape.geom_type == "Polygon" else None
    points = shapely.get_coordinates(shape if area is None else shape.exterior, include_z=True)
    heights = points[:, 2].copy() if np.isnan(crest) else np.full(len(points), crest)
    known = ~np.isnan(heights)
    if known.any():
        heights[known] = _converted(points[known], heights[known] * _UNITS[source.unit or "m"], spec, source)
    return Levee(name, points[:, :2], heights, area)


def _converted(points: Floats, heights: Floats, spec: TerrainSpec, source: Source) -> Floats:
    above = source.vertical_datum or spec.vertical_datum
    out, _ = convert_heights(
        points[:, 0],
        points[:, 1],
        heights,
        crs=spec.crs,
        source=above,
        target=spec.vertical_datum,
        geoid=spec.geoid,
        file=str(source.file),
    )
    return out


def read_decks(spec: TerrainSpec) -> list[Deck]:
    """Return the bridges' decks.

    Raises:
        BadInput and its kinds: the file is none of polygons, or of lines with a width.
    """
    source = spec.bridges
    if source is None:
        return []
    found, widths = file_features(source, _DRAWN, spec.crs), field_values(source, _DRAWN, "width")
    widths = np.full(len(found.shapes), np.nan) if widths is None else widths
    return [
        Deck(name, _deck(part, name, width, source))
        for name, shape, width in zip(found.names(), found.shapes, widths.tolist(), strict=True)
        for part in shapely.get_parts(shape)
    ]


def _deck(shape: Any, name: str, width: float, source: Source) -> Any:
    flat = shapely.force_2d(shape)
    if shape.geom_type == "Polygon":
        return flat
    if not 0 < width <= _WIDEST_M:
        raise BadSurvey(
            "the deck is a line without a width",
            file=str(source.file),
            feature=f"bridge '{name}'",
            field="width",
            remedy="Name the field with its width in metres (bridges: {file: …, width: FIELD}), or draw a polygon.",
        )
    return flat.buffer(width / 2, cap_style="flat")


def read_footprints(house: House, spec: TerrainSpec, frame: Frame) -> Footprints | None:
    """Return the buildings that may stand on the frame; None where the terrain file names none, or to ignore them.

    Raises:
        UnknownLayer, BadInput and its kinds: the file or layer has no polygons, or not the field that is named.
    """
    wish = spec.buildings
    if wish is None or wish.treatment == "ignore":
        return None
    found = _buildings(house, wish, spec, frame)
    kinds = shapely.get_type_id(found.shapes)
    areas = (kinds == shapely.GeometryType.POLYGON) | (kinds == shapely.GeometryType.MULTIPOLYGON)
    if len(areas) and not areas.any():
        raise BadSpec(
            "field 'buildings' names what has no polygons",
            file=str(spec.path),
            layer=wish.layer,
            field="buildings",
            remedy="Name a layer or a file of footprints.",
        )
    heights, assumed = _heights(found, wish, spec) if wish.treatment == "raise" else (np.zeros(len(areas)), 0)
    return Footprints(shapely.force_2d(found.shapes[areas]), heights[areas], assumed)


def _buildings(house: House, wish: Buildings, spec: TerrainSpec, frame: Frame) -> Placed:
    if wish.source is not None:
        return file_features(wish.source, ("Polygon",), spec.crs)
    assert wish.layer is not None  # the terrain file names one of them
    return layer_features(house, wish.layer, frame)


def _heights(found: Placed, wish: Buildings, spec: TerrainSpec) -> tuple[Floats, int]:
    """Return heights in metres, and how many of them are assumed."""
    fields = _height_fields(found, wish, spec)
    columns = {name: pa.array(found.fields[name], from_pandas=True) for name in fields.names}
    rows = pa.RecordBatch.from_pydict(columns) if columns else None
    if rows is None:
        metres, assumed = np.full(len(found.shapes), 3.0), np.ones(len(found.shapes), bool)
    else:
        metres, source = fields.read(rows)
        assumed = source == SOURCES.index("assumed")
    if wish.height_m is not None:
        metres[assumed] = wish.height_m
    return metres, 0 if wish.height_m is not None else int(assumed.sum())


def _height_fields(found: Placed, wish: Buildings, spec: TerrainSpec) -> HeightFields:
    """Return the fields that are named; else those whose names are usual, if there are."""
    for meaning, name in (("height", wish.height), ("floors", wish.floors)):
        if name is not None and name not in found.fields:
            raise ColumnsUnknown(
                f"'{found.file}' has no field '{name}' for the buildings' {meaning}",
                file=str(spec.path),
                field=f"buildings.{meaning}",
                remedy=f"There are: {', '.join(list(found.fields)[:30]) or 'none'}.",
            )
    try:
        return find_fields(list(found.fields), wish.height, wish.floors, found.file)
    except BadModels:  # no field is named so that it could be told: all heights are assumed
        return HeightFields(None, None)
