"""From GeoParquet to tiles: nothing lost at the top zoom, everything where it belongs, every geometry valid."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from shapely.geometry import (
    GeometryCollection,
    LineString,
    MultiLineString,
    MultiPoint,
    MultiPolygon,
    Point,
    Polygon,
)

from bench.buildings import buildings
from ingest.tiling import TilingOptions
from naru.errors import BadSetting, CrsUnknown, FileDamaged, NoFeatures
from tests.decode import tiles_of
from tests.tiling import LAYER, SEOUL, build, decoded, ids_by_zoom, source, tiled, to_grid, within_tiles

LON, LAT = SEOUL


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> tuple[geopandas.GeoDataFrame, Path, Any]:
    """2,000 buildings in EPSG:5186, and their tiles."""
    folder, frame = tmp_path_factory.mktemp("city"), buildings(2000)
    frame.to_parquet(folder / "city.parquet", write_covering_bbox=True)
    archive, result = build(folder / "city.parquet", keep_all=True)
    return frame, archive, result


# --- content ------------------------------------------------------------------------------------------


def test_every_building_is_there_at_the_top_zoom_under_its_row(city: Any) -> None:
    frame, archive, result = city
    found = {f["id"]: f["properties"]["고유번호"] for _, f in decoded(archive, result.maxzoom)}
    assert found == {row + 1: number for row, number in enumerate(frame["고유번호"])}
    assert result.features == len(frame)


def test_korean_text_is_whole_and_null_is_absent(city: Any) -> None:
    frame, archive, result = city
    for _, feature in decoded(archive, result.maxzoom):
        row = frame.iloc[feature["id"] - 1]
        expected = {name: row[name] for name in ("고유번호", "주소", "용도", "구조", "순번", "층수", "높이")}
        expected |= {name: row[name] for name in ("건물명", "지하층수") if not pandas.isna(row[name])}
        assert {k: v for k, v in feature["properties"].items() if k != "승인일"} == expected
        assert feature["properties"]["승인일"] == row["승인일"].isoformat()


def test_buildings_lie_where_they_should_to_a_tile_unit(city: Any) -> None:
    frame, archive, result = city
    truth = to_grid(np.asarray(frame.to_crs(4326).geometry), result.maxzoom)
    seen = 0
    for (_, x, y), feature in decoded(archive, result.maxzoom):
        corner = np.array([x, y]) * 4096.0
        drawn = shapely.transform(feature["geometry"], lambda xy, c=corner: xy + c)
        expected = truth[feature["id"] - 1]
        if shapely.box(*corner - 63, *corner + 4159).contains(expected):
            assert drawn.hausdorff_distance(expected) < 1
            seen += 1
    assert seen > 1900


def test_gdal_counts_the_same_features(city: Any) -> None:
    frame, archive, _ = city
    read = pyogrio.read_dataframe(archive, layer=LAYER, read_geometry=False)
    assert set(read["고유번호"]) == set(frame["고유번호"])


def test_lower_zooms_keep_what_the_metadata_says(city: Any) -> None:
    _, archive, result = city
    seen = ids_by_zoom(archive)
    assert {rule["zoom"]: rule["features"] for rule in result.rules["zooms"]} == {
        zoom: len(ids) for zoom, ids in seen.items()
    }
    assert all(seen[zoom] for zoom in range(result.maxzoom + 1)), "no zoom is empty"


def test_the_area_of_tiny_buildings_is_kept_within_a_third(city: Any) -> None:
    frame, archive, _ = city
    truth = shapely.area(to_grid(np.asarray(frame.to_crs(4326).geometry), 8)).sum()
    drawn = sum(geometry.area for geometry in within_tiles(archive, 8))
    assert drawn == pytest.approx(truth, rel=1 / 3)


def test_the_same_source_gives_the_same_bytes_on_any_number_of_threads(tmp_path: Path) -> None:
    path = tmp_path / "city.parquet"
    buildings(3000).to_parquet(path)
    first = build(path, threads=1)[0].read_bytes()
    assert build(path, threads=3)[0].read_bytes() == first


# --- geometry -----------------------------------------------------------------------------------------


def made(seed: int, count: int = 40) -> list[Any]:
    """Return valid geometries of every kind, from a millimetre to continents, many with Z."""
    random = np.random.default_rng(seed)
    return [_one(random) for _ in range(count)]


def _one(random: np.random.Generator) -> Any:
    x, y = random.uniform(-170, 170), random.uniform(-84, 84)
    size = 10 ** random.uniform(-7, 0.8)
    count = int(random.integers(3, 500 if random.random() < 0.2 else 12))
    angles, radii = np.sort(random.uniform(0, 2 * np.pi, count)), size * random.uniform(0.1, 1, count)
    star = shapely.make_valid(Polygon(np.c_[x + radii * np.cos(angles), y + radii * np.sin(angles)]))
    line = LineString(random.uniform(-size, size, (max(2, count), 2)) + np.array([x, y]))
    holed = star.difference(Point(x, y).buffer(size * 0.3))
    sliver = shapely.box(x - size, y - size * 1e-4, x + size, y + size * 1e-4)
    knot = shapely.make_valid(Polygon(random.uniform(-size, size, (9, 2)) + np.array([x, y])))
    kinds = [
        Point(x, y),
        MultiPoint([(x, y), (x + size, y)]),
        line,
        MultiLineString([line, LineString([(x, y), (x + size, y + size)])]),
        star,
        holed if not holed.is_empty else star,
        sliver,
        knot,
        MultiPolygon([shapely.box(x, y, x + size, y + size), shapely.box(x - size, y, x - size / 2, y + size)]),
        GeometryCollection([Point(x, y), line, sliver]),
    ]
    chosen = kinds[random.integers(len(kinds))]
    return shapely.force_3d(chosen, 12.5) if random.random() < 0.3 else chosen


@pytest.fixture(scope="module", params=range(6))
def jumble(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    geometries = made(request.param)
    return geometries, *tiled(tmp_path_factory.mktemp("jumble"), geometries, maxzoom=7)


def test_every_kind_of_geometry_is_there_at_the_top_zoom(jumble: Any) -> None:
    geometries, archive, result = jumble
    assert ids_by_zoom(archive)[7] == set(range(1, len(geometries) + 1))
    assert result.features == len(geometries)


def test_every_polygon_is_valid(jumble: Any) -> None:
    for tile, feature in decoded(jumble[1]):
        assert feature["geometry"].is_valid, f"{tile}: {shapely.is_valid_reason(feature['geometry'])}"


def test_exteriors_run_clockwise_on_the_screen_and_holes_against(jumble: Any) -> None:
    for _, feature in decoded(jumble[1]):
        for part in shapely.get_parts(feature["geometry"]):
            if part.geom_type == "Polygon":
                assert shapely.is_ccw(part.exterior)  # with y down, that is clockwise to the eye
                assert not any(shapely.is_ccw(hole) for hole in part.interiors)


def test_nothing_reaches_beyond_the_buffer(jumble: Any) -> None:
    for _, feature in decoded(jumble[1]):
        west, north, east, south = feature["geometry"].bounds
        assert min(west, north) >= -64
        assert max(east, south) <= 4160


def test_a_polygon_over_many_tiles_keeps_its_area(tmp_path: Path) -> None:
    big = Point(LON, LAT).buffer(0.6, quad_segs=600).difference(Point(LON + 0.1, LAT).buffer(0.2, quad_segs=300))
    archive, _ = tiled(tmp_path, [big], maxzoom=12)
    pieces = within_tiles(archive, 12)
    assert len(pieces) > 200, "so many tiles that the polygon was cut in halves on its way"
    assert sum(piece.area for piece in pieces) == pytest.approx(to_grid(big, 12).area, rel=1e-5)


def test_a_line_over_many_tiles_keeps_its_length(tmp_path: Path) -> None:
    t = np.linspace(0, 30, 1500)
    spiral = LineString(np.c_[LON + 0.01 * t * np.cos(t), LAT + 0.01 * t * np.sin(t)])
    archive, _ = tiled(tmp_path, [spiral], maxzoom=12)
    drawn = sum(piece.length for piece in within_tiles(archive, 12))
    assert drawn == pytest.approx(to_grid(spiral, 12).length, rel=2e-3)


def test_simplified_lines_stay_within_two_units(tmp_path: Path) -> None:
    t = np.linspace(0, 6, 900)
    wave = LineString(np.c_[LON + 0.01 * t, LAT + 0.01 * np.sin(t) + 0.0002 * np.sin(40 * t)])
    archive, result = tiled(tmp_path, [wave], maxzoom=14, minzoom=10)
    vertices = {zoom: sum(map(shapely.get_num_coordinates, within_tiles(archive, zoom))) for zoom in (10, 14)}
    assert vertices[10] < vertices[14] / 4
    drawn = shapely.union_all(within_tiles(archive, 10))
    # thinning zoom by zoom adds up to at most 2 + 1 + 1/2 … units; snapping to 0.71
    assert shapely.distance(shapely.points(shapely.get_coordinates(to_grid(wave, 10))), drawn).max() < 4.8
    assert result.rules["zooms"][0]["simplified_units"] == 2


def test_what_is_smaller_than_a_unit_is_drawn_one_unit_large(tmp_path: Path) -> None:
    speck = shapely.box(LON, LAT, LON + 1e-8, LAT + 1e-8)
    dash = LineString([(LON, LAT), (LON + 1e-8, LAT)])
    archive, _ = tiled(tmp_path, [speck, dash], maxzoom=14, minzoom=14)
    drawn = {feature["id"]: feature["geometry"] for _, feature in decoded(archive)}
    assert (drawn[1].area, drawn[2].length) == (1, 1)


def test_a_collection_gives_one_feature_of_each_kind_under_one_id(tmp_path: Path) -> None:
    mixed = GeometryCollection(
        [Point(LON, LAT), LineString([(LON, LAT), (LON + 0.01, LAT)]), Point(LON, LAT).buffer(0.01)]
    )
    archive, result = tiled(tmp_path, [mixed], maxzoom=8, minzoom=8)
    kinds = {(feature["id"], feature["geometry"].geom_type) for _, feature in decoded(archive)}
    assert kinds == {(1, "Point"), (1, "LineString"), (1, "Polygon")}
    assert result.geometry == "mixed"


def test_features_without_geometry_are_counted_and_keep_their_rows_free(tmp_path: Path) -> None:
    archive, result = tiled(tmp_path, [Point(LON, LAT), None, Polygon(), Point(LON, LAT)], maxzoom=4)
    assert result.skipped == {"no geometry": 2}
    assert ids_by_zoom(archive)[4] == {1, 4}


def test_the_poles_are_cut_off(tmp_path: Path) -> None:
    cap = Polygon([(-170, 60), (170, 60), (170, 90), (-170, 90)])
    archive, result = tiled(tmp_path, [cap], maxzoom=3)
    assert result.bounds == pytest.approx((-170, 60, 170, 85.051129), abs=1e-3)
    assert {y for (_, _, y), _ in tiles_of(archive, 3)} == {0, 1, 2}


def test_what_lies_beyond_the_edge_of_mercator_is_counted(tmp_path: Path) -> None:
    _, result = tiled(tmp_path, [Point(10, 50), Point(10, 86), Point(10, -89)], maxzoom=4)
    assert (result.features, sum(result.skipped.values())) == (1, 2)
    assert "85.05" in next(iter(result.skipped))


def test_a_layer_wholly_beyond_the_edge_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoFeatures, match="all 2 features lie beyond the edge"):
        tiled(tmp_path, [Point(10, 86), Point(10, -89)])
    assert [p.name for p in tmp_path.iterdir()] == ["source.parquet"]


def test_what_touches_a_tiles_buffer_is_in_the_tile(tmp_path: Path) -> None:
    unit = 360 / 2**10 / 4096
    archive, _ = tiled(tmp_path, [Point(60 * unit, 1), Point(70 * unit, 1)], maxzoom=10, minzoom=10)
    columns = {tile[1] for tile, feature in decoded(archive) if feature["id"] == 1}
    assert columns == {511, 512}
    assert {tile[1] for tile, feature in decoded(archive) if feature["id"] == 2} == {512}


# --- zooms --------------------------------------------------------------------------------------------


def test_buildings_get_zoom_14_or_more(city: Any) -> None:
    assert 14 <= city[2].maxzoom <= 16


def test_points_get_zoom_14(tmp_path: Path) -> None:
    assert tiled(tmp_path, [Point(LON, LAT), Point(LON + 1, LAT)])[1].maxzoom == 14


def test_countries_get_fewer_zooms_than_would_fill_a_disk(tmp_path: Path) -> None:
    countries = [Point(x, y).buffer(12) for x in range(-160, 161, 40) for y in (-40, 0, 40)]
    _, result = tiled(tmp_path, countries)
    assert 6 <= result.maxzoom < 12
    assert result.tiles < 150_000


@pytest.mark.parametrize(("minzoom", "maxzoom"), [(5, 4), (-1, 3), (0, 19)])
def test_zooms_that_cannot_be_are_refused(minzoom: int, maxzoom: int) -> None:
    with pytest.raises(BadSetting, match="cannot be built"):
        TilingOptions(layer=LAYER, minzoom=minzoom, maxzoom=maxzoom)


# --- refusals -----------------------------------------------------------------------------------------


def test_a_source_with_nothing_to_draw_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    path = source(tmp_path, [None, Polygon()])
    with pytest.raises(NoFeatures):
        build(path)
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_geoparquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(FileDamaged, match="not a GeoParquet file"):
        build(path)


def test_a_geometry_that_cannot_be_read_is_refused_with_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "broken.parquet"
    geo = {"primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB", "geometry_types": []}}}
    table = pa.table({"geometry": [shapely.to_wkb(Point(1, 1)), b"\x01\x03\x00\x00\x00\xff"]})
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    with pytest.raises(FileDamaged, match="rows 1 to 2"):
        build(path)


def test_a_source_without_crs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "source.parquet"
    geopandas.GeoDataFrame(geometry=[Point(1, 1)]).to_parquet(path)
    with pytest.raises(CrsUnknown):
        build(path)


# --- memory -------------------------------------------------------------------------------------------

# VmHWM, not getrusage: a new process's ru_maxrss begins at what the process that started it held.
PEAK = """
import re, sys
from pathlib import Path
from ingest.tiling import TilingOptions, build_tileset
options = TilingOptions(layer="layer", keep_all=True, maxzoom=14)
build_tileset(Path(sys.argv[1]), Path(sys.argv[2]), options, lambda share, message: None)
print(int(re.search("VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def test_a_hundred_thousand_buildings_take_less_than_700_mib(tmp_path: Path) -> None:
    path = tmp_path / "many.parquet"
    buildings(100_000).to_parquet(path)
    command = [sys.executable, "-c", PEAK, str(path), str(tmp_path / "many.pmtiles")]
    assert int(subprocess.check_output(command, cwd=Path(__file__).parent.parent)) < 700
