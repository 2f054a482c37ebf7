"""What models are made of: solids, outlines, property tables, the tree of tiles, the archive."""

from __future__ import annotations

import hashlib
import struct
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shapely
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from naru.errors import BadModels
from naru.features.source import FeatureSource
from tests.sources import write_source
from tests.tiles3d_checks import Glb
from twin.ellipsoid import geocentric
from twin.models.archive import ArchiveWriter
from twin.models.attributes import Attributes, schema
from twin.models.glb import write_glb
from twin.models.globe import LocalFrame
from twin.models.heights import SOURCES, find_fields
from twin.models.mesh import Mesh, faceted
from twin.models.outlines import outlines
from twin.models.shapes import Solid, band, box, corners, prism, sweep
from twin.models.table import Property, PropertyTable, property_id
from twin.models.tree import plan

_TEXTS = st.lists(st.none() | st.text(max_size=20), min_size=1, max_size=12)


def is_closed(solid: Solid) -> bool:
    """Tell whether a solid is watertight with all faces outwards, by an independent library."""
    mesh = trimesh.Trimesh(solid.positions, solid.triangles, process=False)
    return bool(mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0)


@given(st.integers(3, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_prisms_over_any_ring_are_closed_and_as_large_as_they_should(count: int, seed: int) -> None:
    made = np.random.default_rng(seed)
    turn = np.sort(made.uniform(0, 2 * np.pi, count))
    ring = np.column_stack([np.cos(turn), np.sin(turn)]) * made.uniform(2, 20, count)[:, None] + [2e5, 5.5e5]
    if not shapely.Polygon(ring).is_valid or shapely.Polygon(ring).area < 0.1:
        return
    solid = prism(ring, 3.0, 7.5, "pier", 0)
    assert is_closed(solid)
    assert solid.volume_m3 == pytest.approx(4.5 * shapely.Polygon(ring).area, rel=1e-6)


def test_sweeps_along_bends_are_closed_in_either_direction() -> None:
    line = np.array([[0, 0], [30, 0], [50, 20], [50, 60], [90, 70.0]])
    low, high = np.zeros(5), np.array([3, 3.5, 4, 3, 2.0])
    for course in (line, line[::-1]):
        assert is_closed(band(course, (-2, 2), 0.0, high, ("deck", 0)))
        feet = 2 + 2 * high
        profile = corners((-feet, low), (feet, low), (low + 2, high), (low - 2, high))
        assert is_closed(sweep(course, profile, "earth", 0))


def test_a_straight_levee_has_the_volume_of_its_trapezium() -> None:
    line, two = np.array([[0, 0], [100, 0.0]]), np.ones(2)
    profile = corners((-8 * two, 0 * two), (8 * two, 0 * two), (2 * two, 3 * two), (-2 * two, 3 * two))
    levee = sweep(line, profile, "earth", 0)
    assert levee.volume_m3 == pytest.approx((16 + 4) / 2 * 3 * 100)


def test_faces_of_a_box_have_normals_of_their_own() -> None:
    solid = box((200_000.0, 550_000.0), (1.0, 0.0), (4.0, 2.0), (10.0, 13.0), ("concrete", 0))
    lonlat = Transformer.from_crs(5186, 4326, always_xy=True).transform(*solid.positions[:, :2].T)
    mesh = faceted([solid], [(np.asarray(lonlat[0]), np.asarray(lonlat[1]))], [23.0])
    assert len(mesh.positions) == 24  # six faces of four corners
    triangles = mesh.triangles["concrete"]
    a, b, c = (mesh.positions[triangles[:, i]] for i in range(3))
    facing = np.einsum("ij,ij->i", np.cross(b - a, c - a), mesh.normals[triangles[:, 0]])
    assert (facing > 0).all()
    assert mesh.region.low < 33.0 < mesh.region.low + 0.1


def test_outlines_with_holes_and_parts_are_filled_and_turned() -> None:
    ring = shapely.Polygon([(0, 0), (10, 0), (10, 10), (0, 10)], [[(2, 2), (4, 2), (4, 4), (2, 4)]])
    parts = shapely.MultiPolygon([shapely.box(20, 0, 30, 5), shapely.box(40, 0, 45, 5)])
    bow_tie = shapely.Polygon([(50, 0), (60, 10), (60, 0), (50, 10)])
    shapes = np.array([ring.reverse(), parts, bow_tie, shapely.Point(0, 0), None], object)
    found = outlines(shapes)
    corners_ = found.points[found.triangles]
    a, b = corners_[:, 1] - corners_[:, 0], corners_[:, 2] - corners_[:, 0]
    areas = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2
    assert (areas > 0).all()
    by_feature = np.bincount(found.feature[found.triangles[:, 0]], areas)
    assert by_feature == pytest.approx([96, 75, 50])
    ahead = found.points[found.after]
    signed = np.bincount(found.feature, (found.points[:, 0] * ahead[:, 1] - ahead[:, 0] * found.points[:, 1]) / 2)
    assert signed == pytest.approx([96, 75, 50])


@given(st.floats(-180, 180), st.floats(-89, 89), st.floats(-400, 9000))
@settings(max_examples=100, deadline=None)
def test_places_on_the_globe_agree_with_proj(lon: float, lat: float, height: float) -> None:
    proj = Transformer.from_crs(4979, 4978, always_xy=True).transform(lon, lat, height)
    ours = geocentric(np.array(lon), np.array(lat), np.array(height))
    assert np.abs(ours - proj).max() < 1e-6


def test_a_frame_within_a_frame_leads_to_the_same_place() -> None:
    outer, inner = LocalFrame(127.0, 37.5, 20.0), LocalFrame(127.1, 37.6, 50.0)
    together = np.array(outer.within(None)).reshape(4, 4).T @ np.array(inner.within(outer)).reshape(4, 4).T
    assert np.abs(together - inner.matrix).max() < 1e-6


@given(_TEXTS, st.data())
@settings(max_examples=60, deadline=None)
def test_property_tables_give_back_what_was_put_in(texts: list[str | None], data: st.DataObject) -> None:
    n = len(texts)
    reals = data.draw(st.lists(st.none() | st.floats(-1e6, 1e6), min_size=n, max_size=n))
    whole = data.draw(st.lists(st.none() | st.integers(-(2**62), 2**62), min_size=n, max_size=n))
    flags = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    kinds = [Property("t", "이름", "STRING"), Property("r", "값", "SCALAR", "FLOAT64")]
    kinds += [Property("w", "수", "SCALAR", "INT64"), Property("f", "예", "BOOLEAN")]
    columns = [
        pa.array(texts, pa.string()),
        pa.array(reals, pa.float64()),
        pa.array(whole, pa.int64()),
        pa.array(flags),
    ]
    schema = {"id": "s", "classes": {"c": {"properties": {one.id: one.to_json() for one in kinds}}}}
    glb = Glb(write_glb(_a_box(), PropertyTable(schema, "c", kinds, columns, n)))
    assert list(glb.faults()) == []
    rows = glb.table()
    assert [row["t"] for row in rows] == [text or None for text in texts]
    assert [row["r"] for row in rows] == [None if real == -9999.0 else real for real in reals]
    assert ([row["w"] for row in rows], [row["f"] for row in rows]) == (whole, flags)


def test_a_slice_of_a_text_column_is_written_without_its_neighbours() -> None:
    column = pa.array(["가", "나", None, "라마"])[1:]
    kind = Property("t", "이름", "STRING")
    schema = {"id": "s", "classes": {"c": {"properties": {"t": kind.to_json()}}}}
    glb = Glb(write_glb(_a_box(), PropertyTable(schema, "c", [kind], [column], 3)))
    assert [row["t"] for row in glb.table()] == ["나", None, "라마"]


def test_a_feature_without_a_row_is_refused() -> None:
    table = PropertyTable({"classes": {"c": {}}}, "c", [], [], 0)
    with pytest.raises(ValueError, match="features up to 0 with 0 rows"):
        write_glb(_a_box(), table)


@given(st.integers(1, 400), st.integers(1, 30), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_every_feature_is_in_one_tile_and_errors_fall(count: int, most: int, seed: int) -> None:
    made = np.random.default_rng(seed)
    x, y = np.round(made.uniform(0, 5, (2, count)))  # many in one place
    size = made.uniform(1, 100, count)
    root = plan(x, y, size, most)
    nodes = list(root.walk())
    assert sorted(row for node in nodes for row in node.rows) == list(range(count))
    assert len({node.name for node in nodes}) == len(nodes)
    for node in nodes:
        assert len(node.rows) <= most
        below = [size[row] for child in node.children for inner in child.walk() for row in inner.rows]
        assert node.error_m == max(below, default=0.0)
        assert all(child.error_m <= node.error_m for child in node.children)


def test_the_index_of_an_archive_finds_every_entry(tmp_path: Path) -> None:
    path, names = tmp_path / "a.3tz", ["tileset.json", "tiles/0.glb", "tiles/가.glb"]
    with ArchiveWriter(path) as archive:
        for name in names:
            archive.add(name, name.encode())
    raw = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        index = archive.read("@3dtilesIndex1@")
        assert archive.infolist()[-1].filename == "@3dtilesIndex1@"
    rows = {index[at : at + 16]: struct.unpack_from("<Q", index, at + 16)[0] for at in range(0, len(index), 24)}
    for name in names:
        at = rows[hashlib.md5(name.encode()).digest()]
        assert raw[at : at + 4] == b"PK\3\4"
        start = at + 30 + sum(struct.unpack_from("<HH", raw, at + 26))
        assert raw[start : start + len(name.encode())] == name.encode()


@pytest.mark.parametrize(
    ("names", "height", "floors"),
    [
        (["이름", "높이", "지상층수"], "높이", "지상층수"),
        (["BULD_NM", "GRO_FLO_CO"], None, "GRO_FLO_CO"),
        (["height_m", "building:levels"], "height_m", "building:levels"),
        (["건물 높이"], "건물 높이", None),
    ],
)
def test_fields_of_heights_are_told_by_their_names(
    names: list[str], height: str | None, floors: str | None
) -> None:
    found = find_fields(names, None, None, "layer")
    assert (found.height, found.floors) == (height, floors)


def test_heights_that_cannot_be_are_taken_from_floors_and_flagged() -> None:
    rows = pa.record_batch({"h": ["12.5", "0", "-3", "99999", None], "f": [9, 4, None, 300, 2]})
    metres, source = find_fields(["h", "f"], "h", "f", "layer").read(rows)
    assert metres.tolist() == [12.5, 12.0, 3.0, 3.0, 6.0]
    assert [SOURCES[n] for n in source] == ["field", "floors", "assumed", "assumed", "floors"]


def test_a_layer_whose_fields_say_no_height_is_refused_with_their_names() -> None:
    with pytest.raises(BadModels, match="no field says how high") as caught:
        find_fields(["이름", "용도"], None, None, "seoul-buildings")
    assert "이름, 용도" in caught.value.remedy
    assert caught.value.layer == "seoul-buildings"


def test_ids_of_properties_are_what_the_schema_allows() -> None:
    assert [property_id(name) for name in ("높이(m)", "3층", "", "a b")] == ["NopI_m", "_3Cheung", "field", "a_b"]
    assert property_id("높이", ["NopI"]) == "NopI_2"


def _a_box() -> Mesh:
    solid = box((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), ("concrete", 0))
    return faceted([solid], [(127 + solid.positions[:, 0] / 1e5, 37 + solid.positions[:, 1] / 1e5)], [0.0])


def test_a_ring_of_ten_thousand_corners_is_filled_in_time() -> None:
    turn = np.linspace(0, 2 * np.pi, 10_001)[:-1]
    away = 100 + 5 * np.sin(40 * turn)
    ring = shapely.Polygon(np.column_stack([away * np.cos(turn), away * np.sin(turn)]))
    assert len(outlines(np.array([ring], object)).triangles) == 10_000 - 2


def test_fields_of_every_kind_become_properties(tmp_path: Path) -> None:
    columns = {
        "feature": pa.array([7, None], pa.int64()),
        "날": pa.array([date(2026, 11, 23), None]),
        "때": pa.array([datetime(2026, 11, 23, 9, tzinfo=UTC), None]),
        "목록": pa.array([["가", "나"], None]),
        "맞음": pa.array([True, None]),
        "큰수": pa.array([2**63 + 1, 5], pa.uint64()),
        "작음": pa.array([1.5, float("nan")], pa.float32()),
    }
    source = FeatureSource.open(write_source(tmp_path / "a.parquet", ["POINT (127 37)"] * 2, columns))
    kept = Attributes.of(source)
    assert [(one.id, one.type, one.component) for one in kept.properties] == [
        *[("feature_2", "SCALAR", "INT32"), ("Nal", "STRING", None), ("Ttae", "STRING", None)],
        *[("MogLog", "STRING", None), ("MajEum", "STRING", None), ("KeunSu", "STRING", None)],
        ("JagEum", "SCALAR", "FLOAT32"),
    ]
    rows = pa.table(columns).combine_chunks().to_batches()[0]
    look = schema("c", kept.properties, "이름")
    table = PropertyTable(look, "c", kept.properties, kept.columns(rows), 2)
    first, second = Glb(write_glb(_a_box(), table)).table()
    assert (first["Nal"], first["MogLog"], first["MajEum"]) == ("2026-11-23", '["가", "나"]', "true")
    assert first["KeunSu"] == "9223372036854775809"
    assert {name: value for name, value in second.items() if value is not None} == {"KeunSu": "5"}
