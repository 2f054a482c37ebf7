"""Vector tiles in other tile matrix sets, decoded by others' code and compared with what pyproj says."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import Transformer
from shapely.geometry import shape

from ingest.tiling import TilingOptions, TilingResult, build_tileset
from naru.errors import NoFeatures
from naru.grids import GRIDS, Grid
from tests.decode import tiles_of
from tests.sources import write_source

OTHERS = [name for name in GRIDS if name != "WebMercatorQuad"]
KOREAN = ["EPSG5179", "EPSG5186"]
LAYER = "layer"


def build(source: Path, grid: str, **options: Any) -> tuple[Path, TilingResult]:
    destination = source.with_name(f"{source.stem}-{grid}.pmtiles")
    previous = options.pop("previous", None)
    given = TilingOptions(layer=LAYER, grid=GRIDS[grid], **options)
    return destination, build_tileset(source, destination, given, lambda share, message: None, previous)


def pieces(archive: Path, grid: Grid, zoom: int) -> dict[int, list[Any]]:
    """Return the pieces of each feature of a zoom by id, in the grid's CRS, with their buffers."""
    found = defaultdict(list)
    for (depth, x, y), data in tiles_of(archive, zoom + grid.first):
        assert grid.has(depth - grid.first, x, y)
        left, bottom, right, top = grid.bounds(depth - grid.first, x, y)
        size = np.array([right - left, bottom - top]) / 4096
        for feature in mapbox_vector_tile.decode(data, default_options={"y_coord_down": True})[LAYER]["features"]:
            there = shapely.transform(
                shape(feature["geometry"]), lambda xy, s=size, o=(left, top): xy * s + np.array(o)
            )
            found[feature["id"]].append(there)
    return found


def projected(geometry: Any, source: str, grid: Grid) -> Any:
    return moved(geometry, source, grid.crs)


def moved(geometry: Any, source: str, target: str) -> Any:
    there = way(source, target)
    return shapely.transform(geometry, lambda xy: np.column_stack(there.transform(xy[:, 0], xy[:, 1])))


@cache
def way(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def unit(grid: Grid, zoom: int) -> float:
    return grid.cell_size(zoom) * 256 / 4096


def some_points(random: np.random.Generator) -> list[Any]:
    return list(shapely.points(random.uniform((190_000, 540_000), (210_000, 560_000), (200, 2))))


def some_lines(random: np.random.Generator) -> list[Any]:
    steps = random.normal(0, 80, (100, 20, 2)).cumsum(axis=1)
    return list(shapely.linestrings(steps + random.uniform((190_000, 540_000), (210_000, 560_000), (100, 1, 2))))


def some_polygons(random: np.random.Generator) -> list[Any]:
    middles = random.uniform((190_000, 540_000), (210_000, 560_000), (100, 2))
    return [
        shapely.Point(x, y).buffer(r, quad_segs=5)
        for (x, y), r in zip(middles, random.uniform(20, 900, 100), strict=True)
    ]


@pytest.mark.parametrize("grid", list(GRIDS))
@pytest.mark.parametrize(
    ("kind", "crs"), [(some_points, "EPSG:5174"), (some_lines, "EPSG:5186"), (some_polygons, "EPSG:4326")]
)
def test_every_feature_lies_where_pyproj_puts_it(
    tmp_path: Path, kind: Callable[[np.random.Generator], list[Any]], crs: str, grid: str
) -> None:
    of = GRIDS[grid]
    geometries = [moved(made, "EPSG:5186", crs) for made in kind(np.random.default_rng(4))]
    source = write_source(tmp_path / "source.parquet", geometries, crs=crs)
    zoom = of.zoom_like(13)
    archive, result = build(source, grid, maxzoom=zoom)
    found = pieces(archive, of, zoom)
    assert set(found) == set(range(1, len(geometries) + 1))  # nothing is lost at the top zoom
    assert result.features == len(geometries)
    for row, geometry in enumerate(geometries):
        expected = projected(geometry, crs, of)
        seen = shapely.union_all([shapely.make_valid(piece) for piece in found[row + 1]])
        assert shapely.hausdorff_distance(seen, expected) <= 1.01 * unit(of, zoom)


@pytest.mark.parametrize("grid", OTHERS)
def test_zooms_in_an_account_are_the_grids_own(tmp_path: Path, grid: str) -> None:
    source = write_source(tmp_path / "source.parquet", ["POINT (127 37.5)"])
    archive, result = build(source, grid, minzoom=3, maxzoom=7)
    depths = {depth for (depth, _, _), _ in tiles_of(archive)}
    assert depths == {z + GRIDS[grid].first for z in range(3, 8)}
    assert (result.minzoom, result.maxzoom) == (3, 7)
    assert [rule["zoom"] for rule in result.rules["zooms"]] == [3, 4, 5, 6, 7]
    assert result.vector_layers[0]["maxzoom"] == 7
    assert result.rules["tile_matrix_set"] == grid
    metres = GRIDS[grid].metres_per_unit * unit(GRIDS[grid], 7)
    assert result.rules["zooms"][-1]["unit_m"] == pytest.approx(metres, abs=1e-4)


@pytest.mark.parametrize("grid", OTHERS)
def test_bounds_hold_the_features_and_little_more(tmp_path: Path, grid: str) -> None:
    corners = [(126.76, 37.41), (127.19, 37.42), (126.77, 37.7), (127.18, 37.69)]
    source = write_source(tmp_path / "source.parquet", list(shapely.points(corners)))
    _, result = build(source, grid, maxzoom=8)
    west, south, east, north = result.bounds
    step = 1e-6  # degrees: places are rounded to the grid's steps
    assert 126.75 < west <= 126.76 + step
    assert 37.40 < south <= 37.41 + step
    assert 127.20 > east >= 127.19 - step
    assert 37.71 > north >= 37.70 - step


def test_crs84_shows_both_sides_of_the_180th_meridian_and_smears_nothing(tmp_path: Path) -> None:
    halves = shapely.MultiPolygon([shapely.box(177, -21, 180, -12), shapely.box(-180, -21, -178, -12)])
    source = write_source(tmp_path / "source.parquet", [halves])
    grid = GRIDS["WorldCRS84Quad"]
    archive, result = build(source, grid.id, maxzoom=6)
    for zoom in range(7):
        seen = shapely.union_all(pieces(archive, grid, zoom)[1]).intersection(shapely.box(-180, -90, 180, 90))
        error = 1.5 * unit(grid, zoom)
        assert shapely.hausdorff_distance(seen, halves) <= error
    columns = {x for (_, x, _), _ in tiles_of(archive, 6 + grid.first)}
    assert columns == {0, 126, 127}
    assert result.bounds == pytest.approx((-180, -21, 180, -12), abs=1e-6)


def test_crs84_reaches_the_poles_and_no_row_beyond(tmp_path: Path) -> None:
    cap = shapely.box(-180, -90, 180, -80)
    source = write_source(tmp_path / "source.parquet", [cap, "POINT (10 -90)", "POINT (180 90)", "POINT (5 89)"])
    grid = GRIDS["WorldCRS84Quad"]
    archive, result = build(source, grid.id, maxzoom=5)
    assert result.features == 4
    assert set(pieces(archive, grid, 5)) == {1, 2, 3, 4}  # `pieces` asserts that the set has every tile
    assert result.bounds == (-180, -90, 180, 90)


@pytest.mark.parametrize("grid", KOREAN)
def test_a_world_map_is_cut_to_the_part_that_a_korean_set_draws(tmp_path: Path, grid: str) -> None:
    of = GRIDS[grid]
    geometries = [
        shapely.box(-170, -60, 170, 70),
        shapely.box(100, 30, 127, 40),
        "LINESTRING (100 36, 170 36)",
        "MULTIPOINT (127 37, -74 40, 100 20)",
        "POINT (-74 40)",
        "POLYGON ((-100 30, -90 30, -90 40, -100 30))",
    ]
    source = write_source(tmp_path / "source.parquet", geometries)
    zoom = of.zoom_like(9)
    archive, result = build(source, grid, maxzoom=zoom)
    found = pieces(archive, of, zoom)
    assert set(found) == {1, 2, 3, 4}
    assert [count for reason, count in result.skipped.items() if grid in reason] == [2]
    area = shapely.segmentize(shapely.box(*of.area), 0.05)
    whole = shapely.union_all([shapely.make_valid(piece) for piece in found[1]])
    assert (
        shapely.hausdorff_distance(whole, projected(area, "EPSG:4326", of)) < 1000
    )  # m; its edge in steps of 0.25°
    west = shapely.union_all([shapely.make_valid(piece) for piece in found[2]])
    expected = shapely.segmentize(shapely.box(120, 30, 127, 40), 0.05)
    assert shapely.hausdorff_distance(west, projected(expected, "EPSG:4326", of)) < 1000
    (point,) = {piece.wkt for piece in found[4]}
    assert shapely.distance(shapely.from_wkt(point), projected(shapely.Point(127, 37), "EPSG:4326", of)) < 100


@pytest.mark.parametrize("grid", KOREAN)
def test_what_lies_outside_korea_has_no_tiles_there(tmp_path: Path, grid: str) -> None:
    source = write_source(tmp_path / "source.parquet", [shapely.box(-75, 40, -74, 41), "POINT (139.7 35.7)"])
    with pytest.raises(NoFeatures):
        build(source, grid, maxzoom=5)
    assert not source.with_name(f"source-{grid}.pmtiles").exists()


@pytest.mark.parametrize("grid", OTHERS)
def test_neighbours_that_share_a_border_share_it_at_every_zoom(tmp_path: Path, grid: str) -> None:
    of, random = GRIDS[grid], np.random.default_rng(7)
    border = np.column_stack([np.linspace(190_000, 210_000, 400), 550_000 + random.normal(0, 150, 400)])
    above = shapely.Polygon([*border, (210_000, 560_000), (190_000, 560_000)])
    below = shapely.Polygon([*border, (210_000, 540_000), (190_000, 540_000)])
    source = write_source(tmp_path / "source.parquet", [above, below], crs="EPSG:5186")
    archive, result = build(source, grid, maxzoom=of.zoom_like(13))
    assert result.rules["borders"] == "shared"
    square, shared = shapely.box(0, 0, 4096, 4096), 0
    for _, data in tiles_of(archive):
        features = mapbox_vector_tile.decode(data, default_options={"y_coord_down": True})[LAYER]["features"]
        halves = [shape(feature["geometry"]).intersection(square) for feature in features]
        if len(halves) == 2:
            both = shapely.union_all(halves)
            assert shapely.area(shapely.intersection(*halves)) < 1e-6  # square units
            assert not any(len(part.interiors) for part in shapely.get_parts(both))
            shared += 1
    assert shared > 10


@pytest.mark.parametrize("grid", OTHERS)
def test_the_next_version_takes_over_tiles_of_the_same_grid_only(tmp_path: Path, grid: str) -> None:
    random = np.random.default_rng(5)
    source = write_source(tmp_path / "source.parquet", some_points(random), crs="EPSG:5186")
    zoom = GRIDS[grid].zoom_like(12)
    before, first = build(source, grid, maxzoom=zoom)
    kept = before.rename(tmp_path / "before.pmtiles")
    again, second = build(source, grid, maxzoom=zoom, previous=kept)
    assert second.kept == first.tiles == second.tiles
    assert again.read_bytes() == kept.read_bytes()
    mercator, _ = build(source, "WebMercatorQuad", maxzoom=zoom)
    _, third = build(source, grid, maxzoom=zoom, previous=mercator)
    assert third.kept == 0


def exploded(archive: Path, grid: Grid, folder: Path) -> Iterator[int]:
    """Write an archive as GDAL's MVT driver reads folders of tiles; yield its zooms."""
    for (depth, x, y), data in tiles_of(archive):
        file = folder / str(depth - grid.first) / str(x) / f"{y}.pbf"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        yield depth - grid.first
    about = {
        "crs": grid.crs,
        "tile_origin_upper_left_x": grid.left,
        "tile_origin_upper_left_y": grid.top,
        "tile_dimension_zoom_0": grid.side / 2**grid.first,
        "tile_matrix_width_zoom_0": grid.columns,
        "tile_matrix_height_zoom_0": grid.rows,
    }
    inner = json.dumps({"vector_layers": [{"id": LAYER, "fields": {"n": "Number"}}]})
    (folder / "metadata.json").write_text(json.dumps({"name": LAYER, **about, "json": inner}))


@pytest.mark.parametrize("grid", KOREAN)
def test_gdal_reads_korean_tiles_in_their_crs(tmp_path: Path, grid: str) -> None:
    of = GRIDS[grid]
    points = some_points(np.random.default_rng(6))
    source = write_source(tmp_path / "source.parquet", points, crs="EPSG:5186")
    zoom = of.zoom_like(13)
    archive, _ = build(source, grid, maxzoom=zoom)
    folder = tmp_path / "tiles"
    assert max(exploded(archive, of, folder)) == zoom
    frame = pyogrio.read_dataframe(f"MVT:{folder / str(zoom)}")
    assert frame.crs.to_authority() == ("EPSG", grid[-4:])
    expected = shapely.get_coordinates(projected(np.array(points), "EPSG:5186", of))
    for row, xy in zip(frame["n"], shapely.get_coordinates(frame.geometry.explode().values), strict=True):
        assert np.abs(xy - expected[int(row) - 1]).max() <= 1.01 * unit(of, zoom)
    assert set(frame["n"]) == set(range(1, len(points) + 1))
