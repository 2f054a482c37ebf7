"""Our WKB reader against GEOS: the same coordinates, or None; never a crash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import GeometryCollection, LineString, MultiPoint, Point, Polygon

from ingest.tiling.shapes import Shapes, from_geometries
from ingest.tiling.wkb import read_wkb
from tests.test_tiling import made
from tests.tiling import build, ids_by_zoom


def read(items: list[bytes]) -> Shapes | None:
    offsets = np.concatenate([[0], np.cumsum([len(item) for item in items])]).astype(np.int64)
    return read_wkb(np.frombuffer(b"".join(items), np.uint8), offsets, np.arange(len(items)))


def same(ours: Shapes | None, geometries: list[Any]) -> bool:
    theirs = from_geometries(np.array(geometries), np.arange(len(geometries)))
    return ours is not None and all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("flavor", ["iso", "extended"])
def test_every_kind_reads_as_geos_reads_it(seed: int, flavor: str) -> None:
    geometries = [g for g in made(seed) if g.geom_type != "GeometryCollection"]
    options: dict[str, Any] = {"flavor": flavor, "output_dimension": 4}
    assert same(read([shapely.to_wkb(g, **options) for g in geometries]), geometries)


def test_coordinates_with_m_and_an_srid_are_read() -> None:
    line = shapely.from_wkt("LINESTRING ZM (1 2 3 4, 5 6 7 8)")
    assert same(read([shapely.to_wkb(line, flavor="iso", output_dimension=4)]), [line])
    assert same(read([shapely.to_wkb(shapely.set_srid(line, 5186), include_srid=True)]), [line])


@pytest.mark.parametrize("wkt", ["POLYGON EMPTY", "LINESTRING EMPTY", "MULTIPOLYGON EMPTY", "MULTIPOINT EMPTY"])
def test_empty_geometries_give_no_shape(wkt: str) -> None:
    found = read([shapely.to_wkb(Point(1, 2)), shapely.to_wkb(shapely.from_wkt(wkt))])
    assert found is not None
    assert found.row.tolist() == [0]


@pytest.mark.parametrize(
    "wkb",
    [
        shapely.to_wkb(GeometryCollection([Point(0, 0)])),
        shapely.to_wkb(Point(0, 0), byte_order=0),
        shapely.to_wkb(Point()),
        shapely.to_wkb(LineString([(0, 0), (1, 1)]))[:-1],
        b"",
        b"\x01\x03\x00\x00\x00\xff\xff\xff\xff",
        b"\x01\x06\x00\x00\x00\xff\xff\xff\xff" + shapely.to_wkb(Point(0, 0).buffer(1)),
    ],
)
def test_what_is_not_ours_is_left_to_geos(wkb: bytes) -> None:
    assert read([shapely.to_wkb(Point(1, 2)), wkb]) is None


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_changed_byte_gives_shapes_or_nothing(data: st.DataObject) -> None:
    shape = data.draw(
        st.sampled_from([Point(1, 2).buffer(1), MultiPoint([(0, 1), (2, 3)]), Polygon(((0, 0), (0, 1), (1, 1)))])
    )
    whole = bytearray(shapely.to_wkb(shape))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    found = read([bytes(whole)])
    assert found is None or found.starts[-1] == len(found.xy) <= len(whole) / 16


def test_big_endian_sources_and_collections_are_tiled_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "source.parquet"
    geo = {"primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB", "geometry_types": []}}}
    items = [shapely.to_wkb(Point(127, 37), byte_order=0), shapely.to_wkb(GeometryCollection([Point(128, 37)]))]
    table = pa.table({"geometry": items}).replace_schema_metadata({"geo": json.dumps(geo)})
    pq.write_table(table, path)
    assert ids_by_zoom(build(path, maxzoom=3)[0])[3] == {1, 2}
