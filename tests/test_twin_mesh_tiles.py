"""Terrain meshes read back by an independent decoder: errors against every pixel, seams, headers, normals."""

from __future__ import annotations

import contextlib
import gzip
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from naru.errors import ArchiveDamaged, BadOption
from naru.pmtiles import PMTilesReader, mapped
from naru.terrain_rgb import decode as decode_colours
from naru.terrain_rgb import encode as encode_colours
from naru.terrain_rgb import step_m
from tests import meshes, rasters
from twin.ellipsoid import A_M, B_M
from twin.ellipsoid import geocentric as ecef
from twin.mesh.archive import MeshOptions, build_mesh, ranges
from twin.mesh.heights import Heights, Pixels
from twin.mesh.quantized import Mesh, encode, high_water, horizon_point, oct_encode, zigzag
from twin.mesh.tiles import LEVEL_ZERO_ERROR_M, bounds_of
from twin.mesh.triangulate import SPAN, Nodes, triangulate
from twin.mesh.undulation import Undulation, stated

N = 23.1  # undulation that the scene is meshed with
SPAN_M = (20.0, 180.1)  # of the scene's heights


@dataclass(frozen=True)
class Built:
    """A mesh and what it was made from."""

    about: dict[str, Any]
    tiles: dict[tuple[int, int, int], meshes.Decoded]  # by z, x, y from the north
    heights: Heights


def build(source: Path, folder: Path, span: tuple[float, float] = SPAN_M, **options: Any) -> Built:
    """Mesh a COG and decode all its tiles."""
    path = folder / f"{source.stem}.pmtiles"
    undulation = options.pop("undulation", stated(N))
    facts = rasters.BOUNDS, span
    about = build_mesh(source, path, MeshOptions(**options), undulation, facts, lambda share, message: None)
    with contextlib.closing(mapped(path)) as get_bytes:
        reader = PMTilesReader(get_bytes)
        reader.check()
        found = {tile: reader.get(tile[0] + 1, *tile[1:]) for tile in available(about)}
    assert all(found.values()) and reader.header.addressed_tiles == len(found)
    return Built(about, {tile: meshes.decode(data or b"") for tile, data in found.items()}, Heights(source))


def available(about: dict[str, Any]) -> Iterator[tuple[int, int, int]]:
    """Yield the tiles that `available` names, rows turned to count from the north."""
    for z, boxes in enumerate(about["available"]):
        for box in boxes:
            for x in range(box["startX"], box["endX"] + 1):
                for y in range(box["startY"], box["endY"] + 1):
                    yield z, x, (1 << z) - 1 - y


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A mesh of hills with a ravine, steps and a quarter that is missing."""
    folder = tmp_path_factory.mktemp("mesh")
    heights = rasters.hills()
    heights[100:130, 20:200] -= 15.0  # a ravine with upright walls
    cog = rasters.write_cog(folder / "hills.tif", heights[None], nodata=rasters.NODATA)
    return build(cog, folder)


def pixels_of(built: Built, tile: tuple[int, int, int]) -> tuple[Any, Any, Any]:
    """Return places (u, v as fractions) and heights of the known pixels whose centres lie in a tile."""
    z, x, y = tile
    west, south, east, north = bounds_of(z, x, y)
    side = 256 << (z + 1)
    rows = [round((0.5 - math.asinh(math.tan(math.radians(lat))) / 2 / math.pi) * side) for lat in (north, south)]
    left = round((west + 180) / 360 * side)
    window = Pixels(z + 1, left, rows[0] - 1, left + 256, rows[1] + 1)
    found = built.heights.read(window)
    lat = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * (np.arange(window.top, window.bottom) + 0.5) / side))))
    lon = (np.arange(window.left, window.right) + 0.5) / side * 360 - 180
    u, v = np.meshgrid((lon - west) / (east - west) * SPAN, (lat - south) / (north - south) * SPAN)
    known = np.isfinite(found) & (v > 0) & (v < SPAN)
    return u[known], v[known], found[known]


def deep(built: Built) -> list[tuple[int, int, int]]:
    """Return the tiles of the finest zooms."""
    return [tile for tile in built.tiles if tile[0] >= 9]


def test_every_pixel_is_within_the_stated_error(built: Built) -> None:
    for tile in deep(built):
        u, v, true = pixels_of(built, tile)
        off = np.abs(built.tiles[tile].at(u, v) - N - true)
        assert off.max() <= built.about["max_error_m"][str(tile[0])] + 15 / 256, tile  # a wall's foot: 1/256 pixel


def test_error_is_a_quarter_of_cesiums_and_at_the_last_zoom_what_was_asked(built: Built) -> None:
    errors = built.about["max_error_m"]
    assert all(errors[str(z)] <= LEVEL_ZERO_ERROR_M / 2**z / 4 for z in range(13))
    assert pytest.approx(77067.34, abs=0.01) == LEVEL_ZERO_ERROR_M
    assert errors["13"] == 0.25 and built.about["measured_error_m"]["13"] <= 0.25


def test_pixels_are_the_right_way_up(built: Built) -> None:
    tile = (13, 13968, 2**13 - 1 - 5805)
    u, v, true = pixels_of(built, tile)
    right, wrong = (np.abs(built.tiles[tile].at(u, w) - N - true).max() for w in (v, SPAN - v))
    assert right < 0.4 and wrong > 20


def test_edges_of_neighbours_are_the_same_points_to_the_bit(built: Built) -> None:
    pairs = 0
    for (z, x, y), tile in built.tiles.items():
        for side, beside in ((2, (z, x + 1, y)), (1, (z, x, y + 1))):
            if beside in built.tiles:
                assert tile.edge(side) == built.tiles[beside].edge((side + 2) % 4), (z, x, y)
                pairs += len(tile.edge(side)) > 10
    assert pairs >= 4  # edges that are really bent


def test_normals_agree_across_edges(built: Built) -> None:
    left, right = (built.tiles[13, x, 2**13 - 1 - 5805] for x in (13968, 13969))
    ours, theirs = left.normals()[left.edges[2]], right.normals()[right.edges[0]]
    assert np.abs(ours - theirs).max() < 1e-9


def test_normals_are_those_of_the_ground(built: Built) -> None:
    tile = 13, 13968, 2**13 - 1 - 5805
    mesh = built.tiles[tile]
    bounds = bounds_of(*tile)
    lon = bounds[0] + (bounds[2] - bounds[0]) * mesh.u / SPAN
    lat = bounds[1] + (bounds[3] - bounds[1]) * mesh.v / SPAN
    xyz = ecef(lon, lat, mesh.height)
    corners = xyz[mesh.triangles]
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    summed = np.zeros_like(xyz)
    for k in range(3):
        np.add.at(summed, mesh.triangles[:, k], area)
    summed /= np.linalg.norm(summed, axis=1, keepdims=True)
    inner = (mesh.u > 0) & (mesh.u < SPAN) & (mesh.v > 0) & (mesh.v < SPAN)
    along = (summed * mesh.normals()).sum(axis=1)[inner]
    assert np.median(along) > 0.99 and (along > 0).all()


def test_triangles_fill_the_tile_once_and_face_up(built: Built) -> None:
    for mesh in built.tiles.values():
        u, v = mesh.u[mesh.triangles], mesh.v[mesh.triangles]
        area = (u[:, 1] - u[:, 0]) * (v[:, 2] - v[:, 0]) - (v[:, 1] - v[:, 0]) * (u[:, 2] - u[:, 0])
        assert area.min() > 0 and area.sum() == 2 * SPAN**2


def test_header_holds_all_points(built: Built) -> None:
    for (z, x, y), mesh in built.tiles.items():
        west, south, east, north = bounds_of(z, x, y)
        lon, lat = west + (east - west) * mesh.u / SPAN, south + (north - south) * mesh.v / SPAN
        xyz = ecef(lon, lat, mesh.height)
        assert mesh.low <= mesh.height.min() and mesh.height.max() <= mesh.high
        assert np.linalg.norm(xyz - mesh.sphere[:3], axis=1).max() <= mesh.sphere[3] * (1 + 1e-12)
        assert np.isfinite([*mesh.centre, *mesh.sphere, *mesh.horizon]).all()
        for edge, (values, end) in zip(
            mesh.edges, ((mesh.u, 0), (mesh.v, 0), (mesh.u, SPAN), (mesh.v, SPAN)), strict=True
        ):
            assert sorted(edge.tolist()) == np.flatnonzero(values == end).tolist()


def test_horizon_point_is_hidden_only_when_all_points_are(built: Built) -> None:
    mesh, bounds = built.tiles[9, 873, 2**9 - 1 - 362], bounds_of(9, 873, 2**9 - 1 - 362)
    lon = bounds[0] + (bounds[2] - bounds[0]) * mesh.u / SPAN
    lat = bounds[1] + (bounds[3] - bounds[1]) * mesh.v / SPAN
    points = ecef(lon, lat, mesh.height) / [A_M, A_M, B_M]
    hidden = 0
    for away in np.linspace(0, 30, 301):  # a camera 10 km high that goes away to the east
        camera = ecef(127 + away, 37.5, 10_000.0) / [A_M, A_M, B_M]
        if _is_hidden(camera, np.asarray(mesh.horizon)[None])[0]:
            hidden += 1
            assert _is_hidden(camera, points).all(), away
    assert hidden > 200


def _is_hidden(camera: Any, points: Any) -> Any:
    """Tell which points the unit sphere hides (Ring & Cozzi, Horizon Culling 2013)."""
    to_points, square = points - camera, camera @ camera - 1
    ahead = -(to_points @ camera)
    return (ahead > square) & (ahead**2 / (to_points**2).sum(axis=1) > square)


def test_roots_are_there_and_round(built: Built) -> None:
    for x in (0, 1):
        mesh = built.tiles[0, x, 0]
        assert len(mesh.triangles) >= 2 * 32**2
        assert mesh.height.min() == pytest.approx(N, abs=0.01)  # sea level far from the layer


def test_tiles_without_heights_are_not_there_and_gaps_are_filled(built: Built) -> None:
    assert (13, 13969, 2**13 - 1 - 5804) not in built.tiles  # the quarter that is missing
    assert all(np.isfinite(mesh.height).all() for mesh in built.tiles.values())
    half = built.tiles[13, 13969, 2**13 - 1 - 5805]
    assert half.height.min() > N  # no pit of sea level beside the hills


def test_tiles_below_are_only_where_there_is_one_above(built: Built) -> None:
    assert all(z == 0 or (z - 1, x // 2, y // 2) in built.tiles for z, x, y in built.tiles)


def test_coarser_and_finer_tiles_of_other_sizes_keep_their_bound(built: Built, tmp_path: Path) -> None:
    other = build(built.heights.path, tmp_path, finer=0, max_error_m=2.0, maxzoom=13, minzoom=4)
    assert other.about["max_error_m"]["13"] == 2.0 and other.about["max_error_m"]["2"] is None
    assert other.about["measured_error_m"]["13"] <= 2.0
    last = {tile: mesh for tile, mesh in other.tiles.items() if tile[0] == 13}
    assert all(mesh.u.size < 128 * 170 for mesh in last.values())


def test_terrain_and_raster_dem_agree(built: Built) -> None:
    """Terrarium pixels of the same source, rounded as they are served, against the mesh at the same places."""
    for tile in (tile for tile in built.tiles if tile[0] == 13):
        u, v, true = pixels_of(built, tile)
        served = decode_colours(encode_colours(true[None].astype("f4"), "terrarium", 14), "terrarium")[0]
        off = np.abs(built.tiles[tile].at(u, v) - N - served)
        assert off.max() <= 0.25 + 15 / 256 + step_m("terrarium", 14) / 2


def test_undulation_of_a_grid_is_added_place_by_place(tmp_path: Path) -> None:
    flat = np.full((1, rasters.SIDE, rasters.SIDE), 10.0, "f4")
    cog = rasters.write_cog(tmp_path / "flat.tif", flat)
    slope = Undulation(np.array([[20.0, 21.0], [22.0, 23.0]]), 126.9, 37.5, 0.1, "made up")
    mesh = build(cog, tmp_path, span=(10.0, 10.0), undulation=slope).tiles[13, 13968, 2**13 - 1 - 5805]
    west, south, east, _ = bounds_of(13, 13968, 2**13 - 1 - 5805)
    expected = 10 + 20 + (west - 126.9) * 10 + (south - 37.5) * 20
    corner = np.flatnonzero((mesh.u == 0) & (mesh.v == 0))[0]
    assert mesh.height[corner] == pytest.approx(expected, abs=0.01)
    assert east > west


def test_same_source_gives_the_same_bytes(built: Built, tmp_path: Path) -> None:
    again = build(built.heights.path, tmp_path, threads=1)
    assert again.about == built.about
    assert all((again.tiles[tile].height == mesh.height).all() for tile, mesh in built.tiles.items())


@pytest.mark.parametrize(
    ("options", "field"),
    [({"maxzoom": 14}, "maxzoom"), ({"minzoom": 14}, "minzoom"), ({"max_error_m": 0.0001}, "max-error")],
)
def test_what_cannot_be_made_is_refused_by_name(
    built: Built, tmp_path: Path, options: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadOption) as refused:
        build(built.heights.path, tmp_path, **options)
    assert refused.value.field == field and refused.value.remedy
    assert not list(tmp_path.iterdir())


def test_raster_that_is_not_aligned_is_refused(tmp_path: Path) -> None:
    plain = rasters.write_cog(
        tmp_path / "off.tif", rasters.hills()[None], transform=rasters.grid(14).translation(5, 5)
    )
    with pytest.raises(ArchiveDamaged):
        Heights(plain)


# --- triangles and codecs -----------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 24), st.integers(3, 24), st.integers(0, 2**31), st.sampled_from([0.01, 0.3, 2.0]))
def test_triangulation_is_within_its_error_at_every_node(rows: int, columns: int, seed: int, error: float) -> None:
    rng = np.random.default_rng(seed)
    u = np.sort(rng.choice(np.arange(1, SPAN), columns - 2, replace=False))
    v = np.sort(rng.choice(np.arange(1, SPAN), rows - 2, replace=False))
    u, v = (np.concatenate([[0], places, [SPAN]]).astype(np.int32) for places in (u, v))
    true = np.round(rng.normal(0, 1, (rows, columns)), int(rng.integers(0, 3)))
    kept = np.rint(true * 128) / 128
    made = triangulate(Nodes(u, v, true, kept), error)
    mesh = _as_decoded(u[made.column], v[made.row], kept[made.row, made.column], made.corners)
    across, up = np.meshgrid(u, v)
    off = np.abs(mesh.at(across.ravel(), up.ravel()) - true.ravel())
    assert off.max() <= error + 1e-9
    assert made.error_m == pytest.approx(off.max(), abs=1e-9)
    assert len({(int(a), int(b)) for a, b in zip(made.row, made.column, strict=True)}) == made.row.size


def _as_decoded(u: Any, v: Any, height: Any, triangles: Any) -> meshes.Decoded:
    nothing: tuple[Any, ...] = ()
    return meshes.Decoded((), 0, 0, (), (), u, v, height, triangles.astype(np.int64), nothing, {})


def test_edges_depend_on_nothing_but_the_edge() -> None:
    rng = np.random.default_rng(4)
    u = np.rint(np.linspace(0, SPAN, 40)).astype(np.int32)
    edge = rng.normal(0, 3, 40)
    chosen = []
    for _ in range(5):
        true = rng.normal(0, rng.uniform(0.1, 9), (40, 40))
        true[:, 0] = edge
        made = triangulate(Nodes(u, u, true, np.rint(true * 64) / 64), 4.0)
        chosen.append(sorted(made.row[made.column == 0].tolist()))
    assert all(rows == chosen[0] for rows in chosen) and 2 < len(chosen[0]) < 40


@given(st.lists(st.integers(-SPAN, SPAN), max_size=50))
def test_zigzag_comes_back(values: list[int]) -> None:
    coded = zigzag(np.array(values, np.int32)).astype(np.int64)
    assert ((coded >> 1) ^ -(coded & 1)).tolist() == values
    assert all(code <= 2 * SPAN for code in coded.tolist())


@given(st.lists(st.integers(0, 30), min_size=1, max_size=90))
def test_high_water_marks_come_back(raw: list[int]) -> None:
    _, first = np.unique(raw, return_index=True)
    numbers = {raw[i]: k for k, i in enumerate(sorted(first))}  # in order of first use
    indices = np.array([numbers[value] for value in raw], np.int64)
    assert meshes._low_water(high_water(indices)).tolist() == indices.tolist()


@given(st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: math.hypot(*v) > 0.1))
def test_octahedral_normals_come_back(vector: tuple[float, float, float]) -> None:
    unit = np.array([vector]) / math.hypot(*vector)
    nothing = np.zeros(0)
    tile = meshes.Decoded((), 0, 0, (), (), nothing, nothing, nothing, nothing, (), {1: oct_encode(unit).tobytes()})  # type: ignore[arg-type]
    assert float((tile.normals() * unit).sum()) > math.cos(math.radians(1.0))


def test_tile_of_more_than_65536_points_has_wide_indices() -> None:
    side = 260
    places = np.rint(np.linspace(0, SPAN, side)).astype(np.int32)
    u, v = (a.ravel() for a in np.meshgrid(places, places))
    at = np.arange(side * side).reshape(side, side)
    corners = np.concatenate(
        [
            np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:]], -1).reshape(-1, 3),
            np.stack([at[:-1, :-1], at[1:, 1:], at[1:, :-1]], -1).reshape(-1, 3),
        ]
    ).astype(np.int32)
    q = ((u * 7 + v * 3) % 1000).astype(np.int32)
    up = np.tile([0.0, 0.0, 1.0], (u.size, 1))
    mesh = meshes.decode(encode(Mesh((126.0, 37.0, 126.1, 37.1), u, v, q, corners, up, 5.0, 0.125)))
    assert mesh.u.size == side * side and len(mesh.triangles) == len(corners)
    given_heights = {(a, b): c for a, b, c in zip(u.tolist(), v.tolist(), (5 + q * 0.125).tolist(), strict=True)}
    found = {(a, b): c for a, b, c in zip(mesh.u.tolist(), mesh.v.tolist(), mesh.height.tolist(), strict=True)}
    assert found.keys() == given_heights.keys()
    assert max(abs(found[k] - given_heights[k]) for k in found) < 1e-9
    assert len(mesh.edges[0]) == side and (np.diff(mesh.v[mesh.edges[0]]) > 0).all()


def test_tile_agrees_with_another_projects_encoder() -> None:
    """quantized-mesh-encoder writes the same mesh; our test reader finds the same heights and triangles in both."""
    encoder = pytest.importorskip("quantized_mesh_encoder")
    places = np.array([[126.0, 37.0, 10.0], [126.1, 37.0, 20.0], [126.1, 37.1, 30.0], [126.0, 37.1, 40.0]])
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.uint32)
    stream = io.BytesIO()
    encoder.encode(stream, places.astype("f4"), triangles, bounds=(126.0, 37.0, 126.1, 37.1))
    theirs = meshes.decode(gzip.compress(stream.getvalue()))
    u, v = np.array([0, SPAN, SPAN, 0], np.int32), np.array([0, 0, SPAN, SPAN], np.int32)
    q = np.array([0, 80, 160, 240], np.int32)
    up = np.tile([0.0, 0.0, 1.0], (4, 1))
    ours = meshes.decode(
        encode(Mesh((126.0, 37.0, 126.1, 37.1), u, v, q, triangles.astype(np.int32), up, 10.0, 0.125))
    )
    assert ours.triangles.tolist() == theirs.triangles.tolist()
    assert np.abs(ours.height - theirs.height).max() < 0.01
    assert np.abs(np.array(ours.sphere[:3]) - theirs.sphere[:3]).max() < 50  # theirs is round other points
    scaled = np.array(theirs.horizon) / [A_M, A_M, B_M]  # it leaves out what the specification asks
    assert np.abs(np.array(ours.horizon) - scaled).max() < 1e-6


def test_horizon_point_of_a_whole_side_of_the_earth_is_far_out() -> None:
    lon, lat = (a.ravel() for a in np.meshgrid(np.linspace(0, 180, 19), np.linspace(-90, 90, 19)))
    points: NDArray[np.float64] = ecef(lon, lat, np.zeros(lon.size))
    point = horizon_point(points, (points.min(axis=0) + points.max(axis=0)) / 2)
    assert np.linalg.norm(point) > 1e5


@given(st.sets(st.tuples(st.integers(0, 15), st.integers(0, 7)), max_size=40))
def test_ranges_name_each_tile_once(tiles: set[tuple[int, int]]) -> None:
    named = [
        (x, 7 - y)
        for box in ranges(tiles, 3)
        for x in range(box["startX"], box["endX"] + 1)
        for y in range(box["startY"], box["endY"] + 1)
    ]
    assert sorted(named) == sorted(tiles)
