"""Tiles below the top zoom stay within their byte budget; the top zoom never leaves anything out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from pmtiles.reader import MmapSource, all_tiles
from shapely.geometry import LineString, Point

from bench.buildings import buildings
from ingest.tiling import TilingResult
from tests.tiling import build, ids_by_zoom, tiled

LIMIT = 20_000


def sizes(archive: Path) -> dict[int, int]:
    """Return the largest compressed tile of each zoom."""
    largest: dict[int, int] = {}
    with archive.open("rb") as file:
        for (zoom, _, _), data in all_tiles(MmapSource(file)):
            largest[zoom] = max(largest.get(zoom, 0), len(data))
    return largest


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TilingResult]:
    path = tmp_path_factory.mktemp("crowded") / "city.parquet"
    buildings(4000).to_parquet(path)
    return build(path, maxzoom=14, tile_bytes=LIMIT)


def test_no_tile_below_the_top_zoom_is_over_its_budget(crowded: tuple[Path, TilingResult]) -> None:
    largest = sizes(crowded[0])
    assert all(size <= LIMIT for zoom, size in largest.items() if zoom < 14)
    assert largest[14] > LIMIT


def test_a_full_tile_uses_most_of_its_budget(crowded: tuple[Path, TilingResult]) -> None:
    full = [rule for rule in crowded[1].rules["zooms"] if rule["dropped"]]
    assert full
    assert all(rule["largest_tile"] > 0.9 * LIMIT for rule in full)


def test_the_top_zoom_has_everything(crowded: tuple[Path, TilingResult]) -> None:
    assert len(ids_by_zoom(crowded[0])[14]) == 4000


def test_the_metadata_counts_what_was_left_out(crowded: tuple[Path, TilingResult]) -> None:
    archive, result = crowded
    seen = ids_by_zoom(archive)
    for rule in result.rules["zooms"]:
        assert rule["features"] == len(seen[rule["zoom"]])
    assert sum(rule["dropped"] for rule in result.rules["zooms"]) > 0


def test_the_largest_are_kept(tmp_path: Path) -> None:
    squares = [shapely.box(x / 1000, 1, x / 1000 + 0.0005 * (1 + x % 7), 1.004) for x in range(2000)]
    archive, result = tiled(
        tmp_path, squares, {"이름": [f"{x} 번지" for x in range(2000)]}, maxzoom=10, tile_bytes=4000
    )
    kept = ids_by_zoom(archive)[9]
    assert 0 < len(kept) < 2000
    assert result.rules["zooms"][9]["tiny_merged"] == 0
    share = [sum(1 for row in kept if (row - 1) % 7 == size) / (2000 / 7) for size in range(7)]
    assert share[0] < 0.5
    assert share[6] == pytest.approx(1, abs=0.01)


def test_points_are_thinned_evenly(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    xy = random.uniform(1, 5, (6000, 2))
    columns: dict[str, Any] = {"이름": [f"점 {k}" for k in range(6000)]}
    archive, _ = tiled(tmp_path, [Point(*p) for p in xy], columns, maxzoom=7, tile_bytes=15_000)
    kept = xy[np.array(sorted(ids_by_zoom(archive)[5])) - 1]
    assert len(kept) < 3000
    quarters = np.histogram2d(kept[:, 0], kept[:, 1], bins=4, range=((1, 5), (1, 5)))[0]
    assert quarters.max() < 2 * quarters.min()


def test_keep_all_has_no_budget(tmp_path: Path) -> None:
    path = tmp_path / "city.parquet"
    buildings(4000).to_parquet(path)
    archive, result = build(path, maxzoom=14, keep_all=True, tile_bytes=LIMIT)
    assert sizes(archive)[13] > LIMIT
    assert all(rule["dropped"] == 0 for rule in result.rules["zooms"])


def test_a_feature_too_large_for_any_tile_stays_nevertheless(tmp_path: Path) -> None:
    letters = "".join(chr(0xAC00 + k) for k in np.random.default_rng(1).integers(0, 11_172, 4000))
    archive, result = tiled(
        tmp_path, [Point(1, 1), Point(1.2, 1)], {"글": [letters, "가"]}, maxzoom=2, tile_bytes=1000
    )
    assert ids_by_zoom(archive)[0] == {1}
    assert result.rules["zooms"][0]["dropped"] == 1


def test_points_that_a_screen_cannot_tell_apart_are_drawn_once(tmp_path: Path) -> None:
    xy = np.random.default_rng(4).uniform(1, 1.2, (3000, 2))
    archive, result = tiled(tmp_path, [Point(*p) for p in xy], maxzoom=12)
    cell = 4 * 360 / 2**4 / 4096  # four units at zoom 4, degrees
    seen = ids_by_zoom(archive)
    assert len(seen[4]) <= (0.2 / cell + 2) ** 2
    assert result.rules["zooms"][4]["points_merged"] == 3000 - len(seen[4])
    assert all(seen[zoom] <= seen[zoom + 1] for zoom in range(12)), "what a zoom shows, the next one shows"


def test_coincident_points_thin_out_no_faster_than_in_tippecanoe(tmp_path: Path) -> None:
    archive, _ = tiled(tmp_path, [Point(1, 1)] * 2000, maxzoom=6)
    seen = ids_by_zoom(archive)
    assert all(len(seen[zoom]) >= 2000 / 2.5 ** (6 - zoom) for zoom in range(7))


def test_keep_all_keeps_coincident_points(tmp_path: Path) -> None:
    archive, _ = tiled(tmp_path, [Point(1, 1)] * 50, maxzoom=3, keep_all=True)
    assert [len(ids) for ids in ids_by_zoom(archive).values()] == [50] * 4


def test_a_loop_wider_than_a_unit_is_drawn(tmp_path: Path) -> None:
    unit = 360 / 2**6 / 4096
    loop = LineString([(1, 1), (1 + 1.6 * unit, 1), (1 + 1.6 * unit, 1 + unit), (1, 1)])
    archive, _ = tiled(tmp_path, [loop], maxzoom=10)
    assert ids_by_zoom(archive)[6] == {1}
