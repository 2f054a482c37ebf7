"""Features of a file or a layer in the terrain's coordinates: levees, bridges, buildings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS

from naru.errors import BadSpec, CrsRefused
from naru.house import House
from twin.crs import Mover, check_place, horizontal
from twin.grid import Frame
from twin.spec_records import Source
from twin.survey.vectors import field_name, file_crs, read_features

Shapes = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]
_ID_FIELDS = ("id", "name", "이름", "명칭", "시설명", "교량명", "제방명")


@dataclass(frozen=True)
class Placed:
    """Shapes in the terrain's CRS (Z as in the file), and the values of their fields."""

    file: str  # or layer: as errors name it
    shapes: Shapes
    fields: dict[str, list[Any]]

    def names(self) -> list[str]:
        """Return what the features are called: by a field that names them, else by their number."""
        lower = {name.casefold(): name for name in reversed(list(self.fields))}
        field = next((lower[name] for name in _ID_FIELDS if name in lower), None)
        texts = self.fields[field] if field else [None] * len(self.shapes)
        return [f"#{n}" if text in (None, "") else str(text) for n, text in enumerate(texts, 1)]


def file_features(source: Source, kinds: Sequence[str], crs: str) -> Placed:
    """Return the features of a file; `kinds` are the geometries wanted, such as "LineString".

    Raises:
        UnknownFormat, FileDamaged, TooLarge, BadSurvey: it cannot be read, or holds other geometries.
        CrsUnknown, CrsRefused: where it lies is not known, or cannot be.
    """
    found = read_features(source, kinds)
    claim = CRS.from_user_input(file_crs(found, source))
    return Placed(str(source.file), moved(found.shapes, horizontal(claim), crs, str(source.file)), found.fields)


def field_values(source: Source, kinds: Sequence[str], meaning: str) -> Floats | None:
    """Return the numbers that a field of a file holds (NaN: none); None where no field means that.

    Raises:
        ColumnsUnknown: the field that the terrain file names is not there.
    """
    found = read_features(source, kinds)
    name = field_name(found, source, meaning)
    if name is None:
        return None
    return np.array([np.nan if value is None else value for value in found.numbers(name)], float)


def layer_features(house: House, layer_id: str, frame: Frame) -> Placed:
    """Return the features of a layer's live version that may meet a frame.

    Raises:
        UnknownLayer: there is no such layer.
        BadSpec: it has no features.
    """
    import geopandas

    layer = house.catalogue.layer(layer_id)
    source = layer.live.source
    if layer.kind != "vector" or source is None or source.suffix != ".parquet":
        raise BadSpec(f"layer '{layer_id}' has no features", layer=layer_id, remedy="Name a layer of features.")
    path = house.storage.path(source)
    crs = _crs_of(path)
    found = geopandas.read_parquet(path, bbox=_box_in(frame, crs))
    fields = {str(name): list(found[name]) for name in found.columns if name != found.geometry.name}
    return Placed(layer_id, moved(found.geometry.to_numpy(), crs, frame.crs, layer_id), fields)


def _crs_of(path: Path) -> CRS:
    """Return the system of a GeoParquet file."""
    import pyarrow.parquet as pq

    geo = json.loads(pq.read_schema(path).metadata[b"geo"])
    return horizontal(CRS.from_json_dict(geo["columns"][geo["primary_column"]]["crs"]))


def _box_in(frame: Frame, crs: CRS) -> tuple[float, float, float, float]:
    """Return a box in another system that a frame lies in."""
    west, south, east, north = frame.bounds
    ring = shapely.segmentize(shapely.box(west, south, east, north), max(east - west, north - south) / 20)
    points = shapely.get_coordinates(ring)
    x, y = Mover(frame.crs, crs, "")(points[:, 0], points[:, 1])
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def moved(shapes: Shapes, source: CRS, target: str, file: str) -> Shapes:
    """Return shapes in another system, Z as it was. Raises CrsRefused."""
    if not len(shapes):
        return shapes
    points = shapely.get_coordinates(shapes)
    if not np.isfinite(points).all():
        raise CrsRefused("holds coordinates that are no numbers", file=file, remedy="Repair it in a GIS.")
    check_place(points[:, 0], points[:, 1], source, file)
    move = Mover(source, target, file)
    if not move.moves:
        return shapes
    out, z = shapes.copy(), shapely.has_z(shapes)
    out[~z] = shapely.transform(shapes[~z], lambda xy: np.column_stack(move(xy[:, 0], xy[:, 1])))
    out[z] = shapely.transform(
        shapes[z], lambda xyz: np.column_stack([*move(xyz[:, 0], xyz[:, 1]), xyz[:, 2]]), include_z=True
    )
    return out
