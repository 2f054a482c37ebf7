"""Label points: a polygon is named once a zoom, inside itself, however many tiles cut it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mapbox_vector_tile
import pytest
import shapely
from shapely.geometry import shape

from tests.decode import lonlat, tiles_of
from tests.tiling import LAYER, tiled

LABELS = LAYER + "--label"
NAMES = ["강남구", "송파구", "종로구"]
SHAPES = [
    shapely.box(126.9, 37.4, 127.1, 37.6),
    shapely.MultiPolygon([shapely.box(127.2, 37.4, 127.21, 37.41), shapely.box(127.3, 37.4, 127.5, 37.6)]),
    # a horseshoe: its centroid lies outside
    shapely.box(126.5, 37.4, 126.8, 37.7).difference(shapely.box(126.55, 37.45, 126.75, 37.71)),
]


def labels(archive: Path, zoom: int) -> dict[int, list[dict[str, Any]]]:
    """Return the label features of a zoom by id, in lon/lat."""
    found: dict[int, list[dict[str, Any]]] = {}
    for tile, data in tiles_of(archive, zoom):
        layers = mapbox_vector_tile.decode(data, default_options={"y_coord_down": True})
        for feature in layers.get(LABELS, {"features": []})["features"]:
            point = lonlat(shape(feature["geometry"]), tile)
            found.setdefault(feature["id"], []).append(feature | {"geometry": point})
    return found


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    columns = {"이름": NAMES, "코드": [1, 2, 3]}
    return tiled(tmp_path_factory.mktemp("named"), SHAPES, columns, label="이름", maxzoom=13)[0]


@pytest.mark.parametrize("zoom", [9, 10, 11, 12, 13])
def test_each_polygon_is_named_once_inside_itself(named: Path, zoom: int) -> None:
    found = labels(named, zoom)
    assert sorted(found) == [1, 2, 3]
    for number, points in found.items():
        assert len(points) == 1
        assert points[0]["properties"] == {"이름": NAMES[number - 1]}
        assert SHAPES[number - 1].contains(points[0]["geometry"])


def test_a_multipolygon_is_named_in_its_largest_part(named: Path) -> None:
    assert SHAPES[1].geoms[1].contains(labels(named, 13)[2][0]["geometry"])


def test_polygons_too_small_to_be_read_are_not_named(named: Path) -> None:
    assert labels(named, 2) == {}


def test_at_the_top_zoom_even_small_ones_are_named(tmp_path: Path) -> None:
    small = shapely.box(127, 37.5, 127.0001, 37.5001)
    archive, result = tiled(tmp_path, [small], {"이름": ["집"]}, label="이름", maxzoom=12)
    assert list(labels(archive, 12)) == [1]
    assert labels(archive, 11) == {}
    assert [layer["id"] for layer in result.vector_layers] == [LAYER, LABELS]
    assert result.vector_layers[1]["fields"] == {"이름": "String"}


def test_a_polygon_without_a_name_has_no_label(tmp_path: Path) -> None:
    archive, _ = tiled(tmp_path, SHAPES, {"이름": ["강남구", None, "종로구"]}, label="이름", maxzoom=10)
    assert sorted(labels(archive, 10)) == [1, 3]


@pytest.mark.parametrize("geometry", [shapely.Point(127, 37.5), shapely.LineString([(127, 37.5), (127.1, 37.6)])])
def test_points_and_lines_are_named_where_they_lie(tmp_path: Path, geometry: Any) -> None:
    archive, result = tiled(tmp_path, [geometry], {"이름": ["교량"]}, label="이름", maxzoom=10)
    assert [layer["id"] for layer in result.vector_layers] == [LAYER]
    assert labels(archive, 10) == {}


def test_without_a_field_to_name_by_there_is_no_second_layer(tmp_path: Path) -> None:
    for label in (None, "nowhere"):
        _, result = tiled(tmp_path, SHAPES, {"이름": NAMES}, label=label, maxzoom=8)
        assert [layer["id"] for layer in result.vector_layers] == [LAYER]
        assert result.rules["label_units"] is None


def test_labels_count_towards_the_byte_budget(tmp_path: Path) -> None:
    boxes = [
        shapely.box(127 + i / 50, 37 + j / 50, 127.019 + i / 50, 37.019 + j / 50)
        for i in range(40)
        for j in range(40)
    ]
    names = {"이름": [f"이름이 긴 구역 {n * 7919 % 104729}" for n in range(len(boxes))]}
    _, result = tiled(tmp_path, boxes, names, label="이름", maxzoom=12, tile_bytes=4000)
    assert max(zoom["largest_tile"] for zoom in result.rules["zooms"][:-1]) <= 4000
    assert result.features == len(boxes)
