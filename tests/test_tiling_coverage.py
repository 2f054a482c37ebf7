"""Neighbours that share borders share them at every zoom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
from shapely.geometry import MultiPoint, Point, Polygon

from ingest.tiling.coverage import coverage_of
from ingest.tiling.shapes import from_geometries
from tests.tiling import build, decoded, tiled, within_tiles

PPM = 1e6


def frayed(a: tuple[float, float], b: tuple[float, float], random: np.random.Generator) -> list[Any]:
    """Return a border between two corners with forty bends, the same list for both neighbours."""
    t = np.linspace(0, 1, 41)[:, None]
    line = np.array(a) * (1 - t) + np.array(b) * t
    line[1:-1] += random.normal(0, 4e-4, (39, 2))
    return [tuple(xy) for xy in line]


def districts(seed: int = 1) -> list[Polygon]:
    """Return 25 districts that share frayed borders to the last bit, and leave no gap."""
    random = np.random.default_rng(seed)
    corner = {(i, j): (126.8 + 0.06 * i, 37.4 + 0.05 * j) for i in range(6) for j in range(6)}
    east = {(i, j): frayed(corner[i, j], corner[i + 1, j], random) for i in range(5) for j in range(6)}
    north = {(i, j): frayed(corner[i, j], corner[i, j + 1], random) for i in range(6) for j in range(5)}
    return [
        Polygon(east[i, j] + north[i + 1, j] + east[i, j + 1][::-1] + north[i, j][::-1])
        for i in range(5)
        for j in range(5)
    ]


def gaps_and_overlaps(archive: Path, zoom: int) -> tuple[float, float]:
    """Return area uncovered within, and covered twice, in millionths of the covered area."""
    pieces = within_tiles(archive, zoom)
    union = shapely.union_all(pieces)
    holes = sum(Polygon(hole).area for part in shapely.get_parts(union) for hole in part.interiors)
    twice = sum(piece.area for piece in pieces) - union.area
    return PPM * holes / union.area, PPM * twice / union.area


@pytest.fixture(scope="module")
def partition(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    return tiled(tmp_path_factory.mktemp("districts"), districts(), maxzoom=13, minzoom=6)


@pytest.mark.parametrize("zoom", range(6, 14))
def test_districts_have_no_gap_and_no_overlap(partition: tuple[Path, Any], zoom: int) -> None:
    assert gaps_and_overlaps(partition[0], zoom) == pytest.approx((0, 0), abs=1e-3)


def test_districts_are_found_to_share_their_borders(partition: tuple[Path, Any]) -> None:
    assert partition[1].rules["borders"] == "shared"


def test_districts_lose_vertices_but_none_of_them_goes(partition: tuple[Path, Any]) -> None:
    archive, result = partition
    counted = {zoom: sum(map(shapely.get_num_coordinates, within_tiles(archive, zoom))) for zoom in (7, 13)}
    assert counted[7] < counted[13] / 5
    assert [rule["features"] for rule in result.rules["zooms"]] == [25] * 8


def test_every_district_is_valid_at_every_zoom(partition: tuple[Path, Any]) -> None:
    assert all(feature["geometry"].is_valid for _, feature in decoded(partition[0]))


@pytest.mark.parametrize("zoom", range(6, 14))
def test_seouls_real_districts_have_no_gap_and_no_overlap(seoul: Path, zoom: int) -> None:
    assert gaps_and_overlaps(seoul, zoom) == pytest.approx((0, 0), abs=1e-3)


@pytest.fixture(scope="module")
def seoul(shared: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Statistics Korea's districts, which are an exact coverage, in EPSG:5174 as they are meant."""
    shapefile = next(shared("data/seoul_kostat2013_bessel").glob("*.shp"))
    path = tmp_path_factory.mktemp("seoul") / "seoul.parquet"
    geopandas.read_file(shapefile, encoding="CP949").set_crs(5174, allow_override=True).to_parquet(path)
    return build(path, minzoom=6)[0]


def test_slivers_between_districts_close_below_the_top_zoom(tmp_path: Path) -> None:
    random = np.random.default_rng(9)
    outlines = [shapely.get_coordinates(district)[:-1] for district in districts()]
    rough = [Polygon(outline + random.normal(0, 5e-6, outline.shape)) for outline in outlines]
    archive, result = tiled(tmp_path, rough, maxzoom=15, minzoom=8)
    assert result.rules["borders"] == "cleaned"
    assert gaps_and_overlaps(archive, 15)[0] > 1, "the top zoom shows the data as they are"
    assert gaps_and_overlaps(archive, 8) == pytest.approx((0, 0), abs=1e-3)


def test_a_layer_smaller_than_a_unit_is_a_speck_at_low_zooms(tmp_path: Path) -> None:
    park, pond = Point(126.92, 37.48).buffer(1e-3), Point(126.92, 37.48).buffer(4e-4)
    archive, result = tiled(tmp_path, [park.difference(pond), pond], maxzoom=14)
    assert result.rules["borders"] == "shared"
    assert result.features == 2
    assert len(decoded(archive, 0)) == 1


def test_polygons_that_overlap_on_purpose_are_left_as_they_are() -> None:
    circles = np.array([Point(x * 1000, 0).buffer(1500) for x in range(20)])
    assert coverage_of(from_geometries(circles, np.arange(20)), 1.0) is None


def test_enclaves_and_islands_stay_together() -> None:
    inner = Point(0, 0).buffer(1000)
    outer = MultiPoint([(0, 0), (9000, 0)]).buffer(3000).difference(inner)
    found = coverage_of(from_geometries(np.array([outer, inner]), np.arange(2)), 1.0)
    assert found is not None
    assert found.borders == "shared"
    ring, core = found.simplified(50.0).polygons
    assert ring.intersection(core).area == 0
    assert shapely.union_all([ring, core]).area == pytest.approx(ring.area + core.area)
    assert len(shapely.get_parts(ring)) == 2
