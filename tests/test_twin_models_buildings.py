"""Buildings of outlines: where they stand, how high, and whether a stranger's reader agrees."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import rasterio
import shapely
import trimesh
from pyproj import Transformer

from naru.errors import ArchiveDamaged, BadModels, DatumRefused
from naru.features.source import FeatureSource
from tests.gltf_validator import gltf_faults
from tests.sources import write_source
from tests.tiles3d_checks import Glb, check_archive
from twin.datum import Geoid
from twin.models.buildings import BuildingPlan, build_buildings
from twin.models.ground import GroundFile
from twin.models.heights import HeightFields
from twin.models.made import ModelsMade

_X, _Y = 200_000.0, 550_000.0
_N = 23.1


def _silent(_share: float, _message: str) -> None:
    pass


def _town(path: Path, count: int = 40) -> FeatureSource:
    """Write houses in rows, one with a court, one of two wings; heights by both fields."""
    corners = [(_X + 30 * (i % 8), _Y + 30 * (i // 8)) for i in range(count)]
    shapes: list[Any] = [shapely.box(x, y, x + 12, y + 9) for x, y in corners]
    shapes[3] = shapes[3].difference(shapely.box(_X + 93, _Y + 2, _X + 99, _Y + 6))
    shapes[4] = shapely.MultiPolygon([shapes[4], shapely.box(_X + 135, _Y, _X + 140, _Y + 9)])
    heights = [10.0 + i if i % 2 else None for i in range(count)]
    columns = {
        "이름": pa.array([f"건물 {i}" for i in range(count)]),
        "높이": pa.array(heights, pa.float64()),
        "지상층수": pa.array([None if i % 5 == 0 else i % 7 + 1 for i in range(count)], pa.int64()),
        "준공": pa.array([bool(i % 3) for i in range(count)]),
    }
    return FeatureSource.open(write_source(path, shapes, columns, crs="EPSG:5186"))


def _build(tmp_path: Path, source: FeatureSource, **more: Any) -> tuple[Path, ModelsMade]:
    out = tmp_path / "models.3tz"
    wish = {"geoid": Geoid(undulation_m=_N), "title": "가상 건물", "stated_m": 5.0} | more
    made = build_buildings(source, BuildingPlan(HeightFields("높이", "지상층수"), **wish), out, tmp_path, _silent)
    return out, made


def _glbs(path: Path) -> list[Glb]:
    with zipfile.ZipFile(path) as archive:
        return [Glb(archive.read(name)) for name in archive.namelist() if name.endswith(".glb")]


def test_tilesets_of_buildings_have_no_faults(tmp_path: Path) -> None:
    out, made = _build(tmp_path, _town(tmp_path / "a.parquet"), most=9)
    assert check_archive(out) == []
    assert (made.features, made.tiles, made.without_outline) == (40, 11, 0)
    assert made.sources == {"field": 20, "floors": 16, "assumed": 4}


def test_the_same_layer_gives_the_same_bytes_with_any_number_of_workers(tmp_path: Path) -> None:
    source = _town(tmp_path / "a.parquet")
    first = _build(tmp_path, source, most=9)[0].read_bytes()
    assert _build(tmp_path, source, most=9, workers=3)[0].read_bytes() == first


def test_properties_say_names_heights_and_how_they_are_known(tmp_path: Path) -> None:
    out, _ = _build(tmp_path, _town(tmp_path / "a.parquet"))
    (glb,) = _glbs(out)
    rows = glb.table()
    assert rows[1] == {
        **{"feature": 2, "height_m": 11.0, "height_source": "field", "ground_m": 5.0, "ground_source": "stated"},
        **{"name": "건물 1", "NopI": 11.0, "JiSangCheungSu": 2, "JunGong": True},
    }
    assert [rows[i]["height_source"] for i in (2, 10)] == ["floors", "assumed"]
    assert [rows[i]["height_m"] for i in (2, 10)] == [9.0, 3.0]
    assert rows[10]["JiSangCheungSu"] is None


def test_walls_stand_where_the_outline_is_and_roofs_at_ground_height_and_geoid(tmp_path: Path) -> None:
    out, _ = _build(tmp_path, _town(tmp_path / "a.parquet"))
    (glb,) = _glbs(out)
    lon, lat, height = _placed(out, glb)
    ids = glb.accessor(glb.primitives()[0]["attributes"]["_FEATURE_ID_0"])
    here = ids == 1
    x, y = Transformer.from_crs(4326, 5186, always_xy=True).transform(lon[here], lat[here])
    assert (x.min(), x.max()) == pytest.approx((_X + 30, _X + 42), abs=0.002)
    assert (y.min(), y.max()) == pytest.approx((_Y, _Y + 9), abs=0.002)
    assert (height[here].min(), height[here].max()) == pytest.approx((5 + _N, 5 + 11 + _N), abs=0.002)


def test_every_closed_building_is_watertight_and_has_the_outlines_volume(tmp_path: Path) -> None:
    source = _town(tmp_path / "a.parquet")
    out, _ = _build(tmp_path, source, closed=True)
    (glb,) = _glbs(out)
    places, ids = (glb.accessor(glb.primitives()[0]["attributes"][n]) for n in ("POSITION", "_FEATURE_ID_0"))
    triangles = np.concatenate([glb.accessor(p["indices"]).reshape(-1, 3) for p in glb.primitives()])
    for feature, area in ((1, 108.0), (3, 108.0 - 24), (4, 108.0 + 45)):
        mine = trimesh.Trimesh(places, triangles[ids[triangles[:, 0]] == feature])
        mine.merge_vertices(merge_norm=True)
        assert mine.is_watertight
        assert mine.volume == pytest.approx(area * glb.table()[feature]["height_m"], rel=1e-3)


def test_normals_of_walls_and_roofs_face_outwards(tmp_path: Path) -> None:
    out, _ = _build(tmp_path, _town(tmp_path / "a.parquet"))
    (glb,) = _glbs(out)
    for primitive in glb.primitives():
        places, normals = (glb.accessor(primitive["attributes"][n]).astype(float) for n in ("POSITION", "NORMAL"))
        triangles = glb.accessor(primitive["indices"]).reshape(-1, 3)
        a, b, c = (places[triangles[:, i]] for i in range(3))
        facing = np.einsum("ij,ij->i", np.cross(b - a, c - a), normals[triangles[:, 0]])
        assert (facing > 0).all()
    roof = glb.accessor(glb.primitives()[1]["indices"])
    assert glb.accessor(glb.primitives()[1]["attributes"]["NORMAL"])[roof][:, 1].min() > 0.99


def test_buildings_stand_on_the_lowest_ground_under_them(tmp_path: Path) -> None:
    terrain = _slope(tmp_path / "t.tif")
    out, made = _build(tmp_path, _town(tmp_path / "a.parquet"), ground=GroundFile(terrain))
    rows = {row["name"]: row for glb in _glbs(out) for row in glb.table()}
    assert rows["건물 1"]["ground_m"] == pytest.approx(20 + 0.1 * 30, abs=0.01)  # its west side
    assert rows["건물 7"]["ground_source"] == "terrain"
    assert made.without_ground == 0


def test_ground_that_a_building_was_raised_into_is_looked_for_beside_it(tmp_path: Path) -> None:
    terrain = _slope(tmp_path / "t.tif", raised=(_X + 28, _Y - 2, _X + 44, _Y + 11))
    ground = GroundFile(terrain, 1, 2, 5)
    out, _ = _build(tmp_path, _town(tmp_path / "a.parquet"), ground=ground)
    rows = {row["name"]: row for glb in _glbs(out) for row in glb.table()}
    assert rows["건물 1"]["ground_source"] == "terrain"
    assert 20 < rows["건물 1"]["ground_m"] < 20 + 0.1 * 44


def test_buildings_beyond_the_terrain_stand_on_stated_ground_and_are_counted(tmp_path: Path) -> None:
    terrain = _slope(tmp_path / "t.tif", columns=60)
    out, made = _build(tmp_path, _town(tmp_path / "a.parquet"), ground=GroundFile(terrain))
    assert 0 < made.without_ground < 40
    assert check_archive(out) == []
    far = _slope(tmp_path / "far.tif", west=_X + 90_000)
    with pytest.raises(BadModels, match="says nothing under any"):
        _build(tmp_path, _town(tmp_path / "a.parquet"), ground=GroundFile(far))


def test_layers_in_degrees_are_made_as_well(tmp_path: Path) -> None:
    shapes = [shapely.box(127.0 + 0.001 * i, 37.5, 127.0002 + 0.001 * i, 37.5001) for i in range(5)]
    columns = {"높이": [9.0] * 5, "지상층수": [3] * 5}
    source = FeatureSource.open(write_source(tmp_path / "d.parquet", shapes, columns))
    out, made = _build(tmp_path, source, most=2)
    assert check_archive(out) == []
    assert made.bounds == pytest.approx((127.0, 37.5, 127.0042, 37.5001), abs=1e-6)


def test_points_and_empty_shapes_are_refused_or_left_out(tmp_path: Path) -> None:
    points = write_source(tmp_path / "p.parquet", ["POINT (127 37)"], {"높이": [9.0], "지상층수": [3]})
    with pytest.raises(BadModels, match="these are Point"):
        _build(tmp_path, FeatureSource.open(points))
    mixed = write_source(
        tmp_path / "m.parquet",
        [f"POLYGON ((127 37, {corner}, 127 37))" for corner in ("127.001 37, 127.001 37.001", "127 37.1")]
        + ["POINT (127 37)"],
        {"높이": [9.0] * 3, "지상층수": [3] * 3},
    )
    out, made = _build(tmp_path, FeatureSource.open(mixed))
    assert (made.features, made.without_outline) == (1, 2)
    assert check_archive(out) == []


def test_a_datum_that_nothing_converts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatumRefused):
        _build(tmp_path, _town(tmp_path / "a.parquet"), geoid=None)


def test_khronos_and_trimesh_read_what_is_made(tmp_path: Path) -> None:
    out, _ = _build(tmp_path, _town(tmp_path / "a.parquet"), most=9)
    with zipfile.ZipFile(out) as archive:
        archive.extractall(tmp_path / "x")
    files = sorted((tmp_path / "x").rglob("*.glb"))
    assert sum(len(trimesh.load(file).geometry) for file in files) == 2 * len(files)
    assert gltf_faults(files) == []


def _placed(out: Path, glb: Glb) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return longitudes, latitudes and ellipsoidal heights of the vertices of the only tile."""
    with zipfile.ZipFile(out) as archive:
        root = json.loads(archive.read("tileset.json"))["root"]
    matrix = np.array(root["transform"]).reshape(4, 4).T
    places = glb.accessor(glb.primitives()[0]["attributes"]["POSITION"]).astype(float)
    local = np.column_stack([places[:, 0], -places[:, 2], places[:, 1], np.ones(len(places))])
    return Transformer.from_crs(4978, 4979, always_xy=True).transform(*(local @ matrix.T)[:, :3].T)


def _slope(
    path: Path, *, columns: int = 200, west: float = _X - 50, raised: tuple[float, ...] | None = None
) -> Path:
    """Write ground that rises eastwards by 0.1 a metre from 20 at `_X`, with a band of origins."""
    x = west + 2 * np.arange(columns) + 1
    y = _Y + 250 - 2 * np.arange(150) - 1
    heights = np.tile(20 + 0.1 * (x - _X), (150, 1)).astype("float32")
    origins = np.zeros_like(heights)
    if raised:
        inside = (x > raised[0]) & (x < raised[2]) & ((y > raised[1]) & (y < raised[3]))[:, None]
        heights[inside], origins[inside] = 99, 5
    profile = {"driver": "GTiff", "width": columns, "height": 150, "count": 2, "dtype": "float32", "nodata": -9999}
    place = {"crs": "EPSG:5186", "transform": rasterio.Affine(2, 0, west, 0, -2, _Y + 250)}
    with rasterio.open(path, "w", **profile, **place) as raster:
        raster.write(np.stack([heights, origins]))
    return path


def test_a_terrain_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.tif").write_bytes(b"II*\0" + b"\0" * 60)
    with pytest.raises(ArchiveDamaged, match="terrain cannot be read"):
        _build(tmp_path, _town(tmp_path / "a.parquet"), ground=GroundFile(tmp_path / "t.tif"))


def test_a_source_that_is_cut_short_is_told(tmp_path: Path) -> None:
    source = _town(tmp_path / "a.parquet")
    source.path.write_bytes(source.path.read_bytes()[:900])
    with pytest.raises(ArchiveDamaged):
        _build(tmp_path, source)
    assert not list(tmp_path.glob("*.spool"))
