"""`/common/region`: reverse geocoding, the areas that a position lies in.

A city's districts are recognised by their fields: polygon layers with a name, and a name or code that official data
of administrative areas has. Any other polygon layer can be asked by its id.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flask import Response

from naru.errors import UnknownLayer
from naru.features.selection import Selection
from naru.features.systems import CRS84
from naru.records import Layer
from naru.style import label_field
from tileserver.access import Caller
from tileserver.common.asking import LAT, LON, Position, bad, position, read_query
from tileserver.documents import json_document
from tileserver.problems import PROBLEM_MEDIA_TYPE
from tileserver.routes import Route, Service

if TYPE_CHECKING:
    from naru.features.source import Batch, FeatureSource

MOST_LAYERS = 16  # of which areas are looked for: those with the fewest features, which are the largest areas
_ADMINISTRATIVE = re.compile(
    r".*(시도|시군구|읍면동|법정동|법정리|행정동|행정구역|자치구|통계구역)(_?(명|명칭|이름|코드|번호))?"
    r"|(ctprvn|ctp|sido|sig|sgg|emd|li|adm|adstrd|bjd|bjdong|hjd|hdong|legaldong|ldong)_?\d?"
    r"_?(cd|code|nm|name|kor_nm|eng_nm|en)\d?|adm_?(cd|nm|dr_cd|dr_nm)\d?",
    re.IGNORECASE,
)
_NEAR_DEG = 1e-7  # a centimetre: half the side of the box that candidates are looked up with
_LONGEST_TEXT = 500  # characters of a value


def show_region(service: Service, caller: Caller) -> Response:
    """The areas that a position lies in, the largest first."""
    given = read_query(("lon", "lat", "layer"))
    place = position(given)
    found = [
        area for layer in _layers(service, caller, given.get("layer")) for area in _areas(service, layer, place)
    ]
    found.sort(key=lambda area: (-area["area_km2"], area["layer"], area["feature"]))
    return json_document({"at": list(place), "regions": found}, shared=False)


def _layers(service: Service, caller: Caller, chosen: str | None) -> list[Layer]:
    """Return the layers of administrative areas that the caller may know of, or only the one chosen.

    Raises:
        UnknownLayer, ScopeDenied: see `permit`.
        BadRequest: the layer chosen has no polygons.
    """
    layers = service.keeper.current.layers
    if chosen is None:
        seen = [layer for layer in layers.values() if caller.sees(layer, "common")]
        return sorted(
            (layer for layer in seen if _has_areas(layer) and is_administrative(layer)),
            key=lambda layer: layer.live.report.get("features_published", 0),
        )[:MOST_LAYERS]
    if chosen not in layers:
        raise UnknownLayer(chosen)
    caller.permit(layers[chosen], "common")
    if not _has_areas(layers[chosen]):
        raise bad("layer", f"the layer '{chosen}' has no areas", "Choose a layer of polygons, or leave layer out.")
    return [layers[chosen]]


def _has_areas(layer: Layer) -> bool:
    source = layer.live.source
    return layer.geometry in ("polygon", "mixed") and source is not None and source.suffix == ".parquet"


def is_administrative(layer: Layer) -> bool:
    """Tell whether a layer's fields are those of administrative areas: one names them, one is an official one."""
    fields = text_fields(layer)
    return label_field(fields) is not None and any(_ADMINISTRATIVE.fullmatch(name) for name in fields)


def text_fields(layer: Layer) -> Mapping[str, str]:
    """Return the fields of a layer's own features, by name, as TileJSON tells them: name to type."""
    for tileset in layer.live.tilesets:
        for part in tileset.vector_layers:
            if part["id"] == layer.id:
                fields: Mapping[str, str] = part.get("fields", {})
                return fields
    return {}


def _areas(service: Service, layer: Layer, place: Position) -> Iterator[dict[str, Any]]:
    """Yield the areas of one layer around a position.

    Raises:
        ArchiveDamaged: the layer's source cannot be read.
    """
    import shapely

    from tileserver.sources import source_of

    source = source_of(service, layer)
    box = (place.x - _NEAR_DEG, place.y - _NEAR_DEG, place.x + _NEAR_DEG, place.y + _NEAR_DEG)
    names = label_field({field.name: "String" for field in source.fields if field.kind == "string"})
    for batch in source.select(Selection(bbox=box, crs=CRS84)):
        for row in range(len(batch.ids)):
            shape = batch.geometries[row]
            if shapely.get_dimensions(shape) == 2 and shapely.intersects_xy(shape, place.x, place.y):
                yield _told(layer, source, batch, row, names)


def _told(layer: Layer, source: FeatureSource, batch: Batch, row: int, named_by: str | None) -> dict[str, Any]:
    from pyproj import Geod

    values = batch.attributes.slice(row, 1).to_pylist()[0]
    area_m2, _ = Geod(ellps="WGS84").geometry_area_perimeter(batch.geometries[row])
    return {
        "layer": layer.id,
        "title": {"ko": layer.title_ko, "en": layer.title_en},
        "feature": int(batch.ids[row]),
        "name": values.get(named_by) if named_by else None,
        "area_km2": round(abs(area_m2) / 1e6, 6),
        "properties": {field.name: _plain(values[field.name]) for field in source.fields},
    }


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: dates as text, whole numbers beyond 53 bits as text, NaN as null."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= 2**53 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)[:_LONGEST_TEXT]


ROUTES = (
    Route(
        "/common/region",
        "common",
        show_region,
        "The districts and other areas that a position lies in, the largest first",
        {200: ("Areas", "application/json"), 400: ("A parameter that cannot be so", PROBLEM_MEDIA_TYPE)},
        tag="common",
        query={
            "lon": {**LON, "required": True},
            "lat": {**LAT, "required": True},
            "layer": {
                "description": "Areas of this layer, instead of all of administrative areas",
                "schema": {"type": "string"},
            },
        },
    ),
)
